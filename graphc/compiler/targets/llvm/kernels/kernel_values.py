"""Elements of nodes as values of the loop IR, written as LLVM IR at once, where a kernel's loop needs them.

A kernel's places are the loop IR's polynomials, over lengths and over the registers of its loops: `%i3` is a name in them. What
is read under a condition is read at place 0 where that does not hold: a loop without branches becomes vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from graphc.compiler.loops.block_writer import BlockWriter
from graphc.compiler.loops.elements import ElementWriter
from graphc.compiler.loops.index_maps import never, zero
from graphc.compiler.loops.program import Apply, Conditions, Constant, Index, IndexValue, Ref, Scalar
from graphc.compiler.targets.llvm.emit import LlvmBuilder, LlvmValue
from graphc.compiler.targets.llvm.programs.values import ValueWriter
from graphc.ir import dims
from graphc.ir.dims import Dim, Name, Quotient
from graphc.ir.expr import Expr
from graphc.ir.types import BOOL, INT64


class Lengths:
    """Lengths of axes as literals, or as registers that a kernel loads once.

    names : dimension → register; filled as they are asked for
    """

    def __init__(self) -> None:
        self.names: dict[Dim, str] = {}

    def __call__(self, dim: Dim) -> str:
        if isinstance(dim, int):
            return str(dim)
        return self.names.setdefault(dim, f"%length{len(self.names)}")


def is_register(name: str) -> bool:
    """Whether a name in a polynomial is one of LLVM's, and no length's."""
    return name[0] == "%"


class KernelValues(ValueWriter):
    """Writes values of the loop IR into one body of a kernel, each place and each condition once.

    named : the values that have names; signed : the registers that may be below 0
    """

    def __init__(self, builder: LlvmBuilder, lengths: Lengths) -> None:
        super().__init__(builder)
        self.lengths = lengths
        self.named: dict[str, LlvmValue] = {}
        self.signed: set[str] = set()
        self._written: dict[tuple[str, str, str], LlvmValue] = {}

    # --- places -------------------------------------------------------------------------------------------------------

    def register(self, dim: Dim) -> str:
        """A polynomial's register, or its number."""
        return self.dim(dim).text

    def dim(self, dim: Dim) -> LlvmValue:
        if isinstance(dim, str) and is_register(dim):
            return LlvmValue(str(dim), INT64)
        if not isinstance(dim, int) and not any(map(is_register, dims.names_of(dim))):
            return LlvmValue(self.lengths(dim), INT64)
        return super().dim(dim)

    def linear(self, index: Sequence[Dim], shape: Sequence[Dim]) -> str:
        """The place of an element in the order of rows."""
        offset = LlvmValue("0", INT64)
        for place, length in zip(index, shape, strict=True):
            if length == 1:
                continue
            if offset.text != "0":
                offset = self._times(offset, self.dim(length))
            own = self.dim(place)
            if own.text != "0":
                offset = own if offset.text == "0" else self._whole("add nsw", offset, own)
        return offset.text

    def _whole(self, operation: str, x: LlvmValue, y: LlvmValue) -> LlvmValue:
        key = (operation, x.text, y.text)
        if key not in self._written:
            self._written[key] = super()._whole(operation, x, y)
        return self._written[key]

    def _quotient(self, quotient: Quotient) -> LlvmValue:
        """By what is not below 0; of what is nowhere below 0 itself by one instruction."""
        if not self._never_negative(quotient.denominator):
            return super()._quotient(quotient)
        value = self.known(quotient)
        if value is None:
            x, y = self.dim(quotient.numerator), self.dim(quotient.denominator)
            if is_register(
                y.text
            ):  # of no length there are no elements, but they may be computed beside others
                some = self.builder.instruction(f"icmp ne i64 {y.text}, 0", BOOL)
                y = self.builder.instruction(f"select i1 {some.text}, i64 {y.text}, i64 1", INT64)
            value = self.builder.instruction(f"sdiv i64 {x.text}, {y.text}", INT64)
            if not self._never_negative(quotient.numerator):
                rest = self._whole("sub nsw", x, self._whole("mul nsw", value, y))
                below = self.builder.instruction(f"icmp slt i64 {rest.text}, 0", BOOL)
                less = self.builder.instruction(f"sext i1 {below.text} to i64", INT64)
                value = self._whole("add nsw", value, less)
            self.name(quotient, value)
        return value

    def _never_negative(self, dim: Dim) -> bool:
        """Whether a polynomial has no part that may be below 0: loops count from 0, and lengths are none."""
        if isinstance(dim, int):
            return dim >= 0
        if isinstance(dim, str):
            return dim not in self.signed
        return all(
            factor > 0
            and all(
                self._never_negative(atom)
                if isinstance(atom, str)
                else self._never_negative(atom.numerator) and self._never_negative(atom.denominator)
                for atom, _ in monomial
            )
            for monomial, factor in dim.terms
        )

    # --- values -------------------------------------------------------------------------------------------------------

    def scalar(self, x: Scalar) -> LlvmValue:
        if type(x) is Ref:
            return self.named[x.name]
        if type(x) is Apply:
            return self.applied(x.op, [self.scalar(operand) for operand in x.operands], x.attrs)
        return super().scalar(x)

    # --- conditions ---------------------------------------------------------------------------------------------------

    def conditions(self, conditions: Conditions) -> LlvmValue:
        """Whether they hold; two that hold a place between 0 and an end are one comparison without signs."""
        known = self.known(("conditions", conditions))
        if known is not None:
            return known
        total = LlvmValue("true", BOOL)
        waiting = list(conditions)
        while waiting:
            first = waiting.pop(0)
            both = dims.add(first, waiting[0]) if waiting else None
            if both is not None and not any(map(is_register, dims.names_of(both))):
                waiting.pop(0)
                text = self._between(first, both)
            else:
                text = f"icmp sge i64 {self.register(first)}, 0"
            holds = self.builder.instruction(text, BOOL)
            total = holds if total.text == "true" else self.builder.and_(total, holds)
        self.name(("conditions", conditions), total)
        return total

    def _between(self, place: Dim, last: Dim) -> str:
        """Whether a place is one from 0 to the last."""
        if last == 0:
            return f"icmp eq i64 {self.register(place)}, 0"
        return f"icmp ult i64 {self.register(place)}, {self.register(dims.add(last, 1))}"


class _AtOnce(BlockWriter):
    """Statements that are instructions as soon as they are written."""

    def __init__(self, values: KernelValues) -> None:
        super().__init__(frozenset())
        self.values = values

    def let(self, value: Scalar, prefix: str = "v") -> Ref:
        return self.named(self.values.scalar(value), prefix)

    def named(self, value: LlvmValue, prefix: str = "v") -> Ref:
        """What has been written, as a value of the loop IR."""
        name = f"{prefix}{len(self.values.named)}"
        self.values.named[name] = value
        return Ref(name, value.dtype)

    def integer(self, value: Scalar) -> Dim:
        if isinstance(value, IndexValue):
            return value.dim
        if isinstance(value, Constant):
            return int(value.value)
        text = self.values.builder.convert(self.values.scalar(value), INT64).text
        if not is_register(text):
            return int(text)
        self.values.signed.add(text)
        return Name(text)


Read = Callable[[Expr, Index], "LlvmValue | None"]
"""The value of a node that is kept in memory or in a register, at an index; None of any other node."""


class KernelElements(ElementWriter):
    """Writes the values of nodes at indices into one body of a kernel."""

    def __init__(self, builder: LlvmBuilder, lengths: Lengths, read: Read) -> None:
        self.values = KernelValues(builder, lengths)
        self._at_once = _AtOnce(self.values)

        def load(node: Expr, index: Index, guard: Conditions) -> Scalar | None:
            value = read(node, index)
            return None if value is None else self._at_once.named(value)

        super().__init__(self._at_once, load)

    def at(self, node: Expr, index: Index, guard: Conditions = ()) -> Scalar:
        """What is read where conditions hold can be read anywhere: `inside` sees to it. Where they never hold nothing is read: it
        need not be in memory."""
        return zero(node.dtype) if 0 in node.shape or never(guard) else super().at(node, index)

    def inside(self, place: Dim, conditions: Conditions) -> Dim:
        """The place, or 0 where the conditions do not hold."""
        if not conditions or isinstance(place, int):
            return place
        text, holds = self.values.register(place), self.values.conditions(conditions).text
        chosen = self.values.builder.instruction(f"select i1 {holds}, i64 {text}, i64 0", INT64)
        return Name(chosen.text)

    # --- what loops take ----------------------------------------------------------------------------------------------

    def computed(self, node: Expr, index: Index) -> LlvmValue:
        """A node's value from those of its operands; from here on it is known."""
        value = self.values.scalar(self.compute(node, index))
        self.set(node, index, self._at_once.named(value))
        return value

    def given(self, node: Expr, slot: int, index: Index) -> LlvmValue:
        """An operand's value in the type that the operation computes in."""
        return self.values.scalar(self.operand(node, slot, index))


__all__ = ["KernelElements", "KernelValues", "Lengths", "Read", "is_register"]

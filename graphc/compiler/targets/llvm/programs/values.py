"""What a program computes with, as LLVM IR: places, conditions and scalar expressions.

Each polynomial is written once in the body where it stands and in those inside of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from graphc.compiler.loops.guessed_choices import Waits
from graphc.compiler.loops.program import (
    Apply,
    Buffer,
    Conditions,
    Constant,
    Holds,
    Index,
    IndexValue,
    Load,
    Ref,
    Scalar,
)
from graphc.compiler.targets.llvm.emit import LlvmBuilder, LlvmValue, literal, memory_type, register_type
from graphc.compiler.targets.llvm.loop_builder import GUESSED
from graphc.errors import CompileError
from graphc.ir.dims import Dim, Polynomial, Quotient
from graphc.ir.op import lookup
from graphc.ir.types import BOOL, INT64


class ValueWriter:
    """Writes values into the block at hand.

    buffers : by name; pointers : name → the register that has its address
    waits : what the loops at hand wait for
    block : the label of the block that is being written
    """

    def __init__(self, builder: LlvmBuilder) -> None:
        self.builder = builder
        self.buffers: dict[str, Buffer] = {}
        self.pointers: dict[str, str] = {}
        self.waits: Waits = Waits()
        self.block = "entry"
        self._scopes: list[dict[Any, LlvmValue]] = [{}]
        self._labels = 0

    # --- blocks -------------------------------------------------------------------------------------------------------

    def line(self, text: str) -> None:
        """An instruction without a result."""
        self.builder.lines.append(f"  {text}")

    def label(self, prefix: str) -> str:
        """A new label."""
        self._labels += 1
        return f"{prefix}{self._labels}"

    def begin(self, label: str) -> None:
        """The block that is written from here on."""
        self.builder.lines.append(f"{label}:")
        self.block: str = label

    @contextmanager
    def scope(self) -> Iterator[None]:
        """A body: what is named inside of it is not known behind it."""
        self._scopes.append({})
        yield
        self._scopes.pop()

    def name(self, key: Any, value: LlvmValue) -> None:
        """Say what stands for a name, or for a polynomial, in the body at hand."""
        self._scopes[-1][key] = value

    def known(self, key: Any) -> LlvmValue | None:
        """What stands for it."""
        for scope in reversed(self._scopes):
            if key in scope:
                return scope[key]
        return None

    def bind(self, name: str, value: LlvmValue) -> None:
        """A named value; an integer may stand in places, as 64 bits."""
        self.name(("value", name), value)
        if value.dtype.kind in "iu":
            self.name(name, self.builder.convert(value, INT64))

    # --- places -------------------------------------------------------------------------------------------------------

    def dim(self, dim: Dim) -> LlvmValue:
        """A polynomial, an i64."""
        if isinstance(dim, int):
            return LlvmValue(str(dim), INT64)
        key = str(dim) if isinstance(dim, str) else dim
        value = self.known(key)
        if value is None:
            if isinstance(dim, str):
                raise CompileError(f"internal error: {dim} stands in a place and has no value")
            value = self._polynomial(dim)
            self.name(key, value)
        return value

    def _polynomial(self, dim: Polynomial) -> LlvmValue:
        total: LlvmValue | None = None
        for monomial, factor in sorted(dim.terms, key=lambda term: term[1] < 0):
            size, value = abs(factor), None
            for atom, power in monomial:
                base = self.dim(atom) if isinstance(atom, str) else self._quotient(atom)
                for _ in range(power):
                    value = base if value is None else self._whole("mul nsw", value, base)
            if value is None:
                value = LlvmValue(str(size), INT64)
            elif size != 1:
                value = self._whole("mul nsw", value, LlvmValue(str(size), INT64))
            if total is None:
                total = value if factor > 0 else self._whole("sub nsw", LlvmValue("0", INT64), value)
            else:
                total = self._whole("add nsw" if factor > 0 else "sub nsw", total, value)
        return total if total is not None else LlvmValue("0", INT64)

    def _whole(self, operation: str, x: LlvmValue, y: LlvmValue) -> LlvmValue:
        """A sum, a difference or a product of integers; what is known is computed here."""
        if x.text[0] != "%" and y.text[0] != "%":
            a, b = int(x.text), int(y.text)
            return LlvmValue(
                str(a * b if operation[0] == "m" else a + b if operation[0] == "a" else a - b), INT64
            )
        return self.builder.instruction(f"{operation} i64 {x.text}, {y.text}", INT64)

    def _quotient(self, quotient: Quotient) -> LlvmValue:
        """Towards −∞."""
        value = self.known(quotient)
        if value is None:
            value = self.builder.int_floor_divide(
                self.dim(quotient.numerator), self.dim(quotient.denominator)
            )
            self.name(quotient, value)
        return value

    def size(self, buffer: Buffer) -> LlvmValue:
        """How many elements a buffer has."""
        total = LlvmValue("1", INT64)
        for length in buffer.shape:
            total = self._times(total, self.dim(length))
        return total

    def _times(self, x: LlvmValue, y: LlvmValue) -> LlvmValue:
        if x.text == "1":
            return y
        return x if y.text == "1" else self._whole("mul nsw", x, y)

    def conditions(self, conditions: Conditions) -> LlvmValue:
        """Whether polynomials are all at least 0."""
        total = LlvmValue("true", BOOL)
        for dim in conditions:
            holds = self.builder.instruction(f"icmp sge i64 {self.dim(dim).text}, 0", BOOL)
            total = holds if total.text == "true" else self.builder.and_(total, holds)
        return total

    def address(self, name: str, index: Index) -> str:
        """Where an element of a buffer is, in the order of rows."""
        buffer = self.buffers[name]
        offset = LlvmValue("0", INT64)
        for place, length in zip(index, buffer.shape, strict=True):
            if offset.text != "0":
                offset = self._times(offset, self.dim(length))
            own = self.dim(place)
            if own.text != "0":
                offset = own if offset.text == "0" else self._whole("add nsw", offset, own)
        return self.at(self.pointers[name], offset.text, memory_type(buffer.dtype))

    def at(self, pointer: str, offset: str, kind: str) -> str:
        """The address of an element by its number."""
        if offset == "0":
            return pointer
        return self.builder.instruction(
            f"getelementptr inbounds {kind}, ptr {pointer}, i64 {offset}", INT64
        ).text

    # --- scalars ------------------------------------------------------------------------------------------------------

    def scalar(self, x: Scalar) -> LlvmValue:
        """The value of an expression."""
        builder = self.builder
        match x:
            case Constant(value, dtype):
                return builder.constant(value, dtype)
            case IndexValue(dim):
                return self.dim(dim)
            case Holds(conditions):
                return self.conditions(conditions)
            case Ref(name, dtype):
                value = self.known(("value", name))
                if value is None:
                    raise CompileError(f"internal error: {name} is read and has no value")
                return builder.convert(value, dtype)
            case Load(buffer, index, dtype, guard):
                if guard:
                    return self._guarded(x)
                return builder.load(self.address(buffer, index), dtype)
            case Apply(op, operands, attrs):
                given = [self.scalar(operand) for operand in operands]
                builder.waits = x in self.waits.calls
                value = self.applied(op, given, attrs)
                builder.waits = False
                if op == "where" and x in self.waits.choices and " = select " in builder.lines[-1]:
                    builder.lines[-1] += GUESSED
                return value
        raise AssertionError(x)

    def applied(self, op: str, operands: list[LlvmValue], attrs: tuple[Any, ...]) -> LlvmValue:
        """An operation's instructions."""
        declared = lookup(op)
        if declared.emit is None:
            raise CompileError(
                f"{op} has no machine code of its own", hint="declare the operation by a formula"
            )
        self.builder.op = declared
        return declared.emit(self.builder, *operands, *attrs)

    def _guarded(self, x: Load) -> LlvmValue:
        """An element, or 0 where nothing is to be read."""
        kind = register_type(x.dtype)

        def load() -> LlvmValue:
            return self.builder.load(self.address(x.buffer, x.index), x.dtype)

        return self.choose(self.conditions(x.guard), load, LlvmValue(literal(0, x.dtype), x.dtype), kind)

    def choose(
        self, condition: LlvmValue, write: Callable[[], LlvmValue], other: LlvmValue, kind: str
    ) -> LlvmValue:
        """What `write` writes where a condition holds, which alone it runs for; else another value."""
        inside, behind, before = self.label("if"), self.label("fi"), self.block
        self.line(f"br i1 {condition.text}, label %{inside}, label %{behind}")
        self.begin(inside)
        with self.scope():
            value = write()
        end = self.block
        self.line(f"br label %{behind}")
        self.begin(behind)
        text = f"phi {kind} [ {value.text}, %{end} ], [ {other.text}, %{before} ]"
        return self.builder.instruction(text, other.dtype)


__all__ = ["ValueWriter"]

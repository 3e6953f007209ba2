"""One element of a node as LLVM IR: what every operation without a loop of its own does to indices.

`Elements.at(node, index)` is the value of a node at an index, a text for each axis: a number, or the name of a 64-bit integer in
a register. Operations element by element pass the index on, views change it, ranges compute with it. What is kept in memory is
loaded.
"""

from __future__ import annotations

from collections.abc import Callable

from graphc.compiler.lowering import gather_scatter, index_maps
from graphc.compiler.lowering.index_text import Index, aligned, fold
from graphc.compiler.targets.llvm.emit import LlvmBuilder, LlvmValue, emit
from graphc.ir.dims import Dim
from graphc.ir.expr import Expr
from graphc.ir.types import BOOL, INT64

RULES: dict[str, Callable[..., LlvmValue]] = {**index_maps.RULES, **gather_scatter.RULES}
"""Operation → (elements, node, index) → value: operations on arrays of which each element is one of the operands', or known by
its place alone; updates as far as `gather_scatter.scatter_axes` says."""

Load = Callable[[Expr, Index], "LlvmValue | None"]
"""The value of a node that is kept in memory or in a register, at an index; None of any other node."""


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


class Elements:
    """Writes instructions for elements of nodes with a builder; within one body each is written once."""

    def __init__(self, builder: LlvmBuilder, lengths: Lengths, load: Load) -> None:
        self.builder = builder
        self.lengths = lengths
        self.load = load
        self._values: dict[tuple[Expr, Index], LlvmValue] = {}
        self._whole: dict[tuple[str, str, str], str] = {}

    # --- whole numbers -----------------------------------------------------------------------------------------------------

    def whole(self, operation: str, x: str, y: str) -> str:
        """add, sub, mul, sdiv or srem of whole numbers; what is known is computed here."""
        known = fold(operation, x, y)
        if known is not None:
            return known
        key = (operation, x, y)
        if key not in self._whole:
            flags = " nsw" if operation in ("add", "sub", "mul") else ""
            self._whole[key] = self.builder.instruction(f"{operation}{flags} i64 {x}, {y}", INT64).text
        return self._whole[key]

    def linear(self, index: Index, shape: tuple[Dim, ...]) -> str:
        """The place of an element in the order of rows."""
        place = "0"
        for position, dim in zip(index, shape, strict=True):
            if dim == 1:
                continue
            place = self.whole("add", self.whole("mul", place, self.lengths(dim)), position)
        return place

    def compare(self, predicate: str, x: str, y: str) -> LlvmValue:
        return self.builder.instruction(f"icmp {predicate} i64 {x}, {y}", BOOL)

    def either(self, condition: LlvmValue, x: str, y: str) -> str:
        if x == y:
            return x
        return self.builder.instruction(f"select i1 {condition.text}, i64 {x}, i64 {y}", INT64).text

    def at_most(self, x: str, most: str) -> str:
        """The smaller of two whole numbers without a sign: a place before the first is a large one."""
        self.builder.declarations["llvm.umin.i64"] = "declare i64 @llvm.umin.i64(i64, i64)"
        return self.builder.instruction(f"call i64 @llvm.umin.i64(i64 {x}, i64 {most})", INT64).text

    # --- elements ------------------------------------------------------------------------------------------------------------

    def at(self, node: Expr, index: Index) -> LlvmValue:
        """A node's value at an index."""
        key = (node, index)
        value = self._values.get(key)
        if value is None:
            loaded = self.load(node, index)
            value = self._values[key] = loaded if loaded is not None else self.compute(node, index)
        return value

    def set(self, node: Expr, index: Index, value: LlvmValue) -> None:
        """Say what a node's value is at an index, computed elsewhere."""
        self._values[node, index] = value

    def compute(self, node: Expr, index: Index) -> LlvmValue:
        if node.is_constant:
            return self.builder.constant(node.value, node.dtype)
        if node.op.on_arrays:
            return RULES[node.op.name](self, node, index)
        operands = {operand: self.at(operand, aligned(index, operand.shape)) for operand in node.operands}
        return emit(self.builder, node, operands)

    def operand(self, node: Expr, slot: int, index: Index) -> LlvmValue:
        """An operand's value in the type that the operation computes in."""
        operand = node.operands[slot]
        dtype = node.op.types(tuple(o.dtype for o in node.operands))[0][slot]
        return self.builder.convert(self.at(operand, index), dtype)

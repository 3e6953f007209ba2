"""One element of a node as an expression of the loop IR: what every operation without a loop of its own does to indices."""

from __future__ import annotations

from collections.abc import Callable

from graphc.compiler.loops import gather_scatter, index_maps
from graphc.compiler.loops.block_writer import BlockWriter
from graphc.compiler.loops.index_maps import aligned, never, zero
from graphc.compiler.loops.program import Apply, Conditions, Constant, Index, Ref, Scalar, apply, cast
from graphc.errors import CompileError
from graphc.ir.dims import Dim
from graphc.ir.expr import Expr
from graphc.ir.types import DType

Load = Callable[[Expr, Index, Conditions], "Scalar | None"]
"""The value of a node that is kept in memory or under a name, at an index; None of any other node."""


RULES = {**index_maps.RULES, **gather_scatter.RULES}
"""Operation → its rule: operations on arrays of which each element is one of the operands', or known by its place alone; updates
as far as `gather_scatter.scatter_axes` says."""


class ElementWriter:
    """Writes the values of nodes at indices; within one body each is written once."""

    def __init__(self, writer: BlockWriter, load: Load) -> None:
        self.writer = writer
        self.load = load
        self._values: dict[tuple[Expr, Index, Conditions], Scalar] = {}

    def at(self, node: Expr, index: Index, guard: Conditions = ()) -> Scalar:
        """A node's value at an index; where the guard does not hold, any value."""
        if never(guard):
            return zero(node.dtype)
        guard = tuple([dim for dim in guard if not isinstance(dim, int)])
        key = (node, index, guard)
        if key not in self._values:
            self._write(node, index, guard)
        return self._values[key]

    def _write(self, node: Expr, index: Index, guard: Conditions) -> None:
        """A node's value, behind those of its operands: without recursion through operations of elements."""
        pending = [(node, index, False)]
        while pending:
            each, place, ready = pending.pop()
            key = (each, place, guard)
            if key in self._values:
                continue
            value = None if ready else self.load(each, place, guard)
            if (
                value is None
                and not ready
                and each.operands
                and not each.op.on_arrays
                and 0 not in each.shape
            ):
                pending.append((each, place, True))
                pending += [(x, aligned(place, x.shape), False) for x in reversed(each.operands)]
                continue
            if value is None:
                value = self.compute(each, place, guard)
            self._values[key] = self.writer.let(value) if isinstance(value, Apply) else value

    def inside(self, place: Dim, conditions: Conditions) -> Dim:
        """A place that is read where conditions hold, which the guards of loads say."""
        return place

    def set(self, node: Expr, index: Index, value: Scalar) -> None:
        """Say what a node's value is at an index, computed elsewhere."""
        self._values[node, index, ()] = value

    def compute(self, node: Expr, index: Index, guard: Conditions = ()) -> Scalar:
        """A node's value from those of its operands."""
        if node.is_constant:
            return Constant(node.value.item() if hasattr(node.value, "item") else node.value, node.dtype)
        if 0 in node.shape:
            return zero(node.dtype)  # nobody reads it
        if node.op.on_arrays:
            rule = RULES.get(node.op.name)
            if rule is None:
                raise CompileError(
                    f"{node.op.name} has no form in the loop IR", node=repr(node), site=node.site
                )
            return rule(self, node, index, guard)
        types, result = node.op.types(tuple([operand.dtype for operand in node.operands]))
        operands = [
            self._typed(self.at(operand, aligned(index, operand.shape), guard), dtype)
            for operand, dtype in zip(node.operands, types, strict=True)
        ]
        if node.op.name == "astype":
            return cast(apply("astype", *operands, attrs=node.attrs), node.dtype)
        return cast(Apply(node.op.name, tuple(operands), node.attrs, result), node.dtype)

    def operand(self, node: Expr, slot: int, index: Index, guard: Conditions = ()) -> Scalar:
        """An operand's value in the type that the operation computes in."""
        dtype = node.op.types(tuple([o.dtype for o in node.operands]))[0][slot]
        return self._typed(self.at(node.operands[slot], index, guard), dtype)

    def _typed(self, x: Scalar, dtype: DType) -> Scalar:
        """A value as another type, under a name."""
        value = x if x.dtype == dtype else cast(x, dtype)
        return self.writer.let(value) if isinstance(value, Apply) else value


__all__ = ["ElementWriter", "Load", "Ref"]

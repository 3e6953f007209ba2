"""An equation as a system: its unknowns packed into one vector, or one number, its residual and the Jacobian of that."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from graphc.autodiff.jacobian import jacobian
from graphc.autodiff.reverse import reverse
from graphc.ir import dims
from graphc.ir.body import Body
from graphc.ir.dims import Dim
from graphc.ir.expr import Expr, symbol
from graphc.ir.op import Op
from graphc.ir.types import DType
from graphc.ops.implicit import FIXED_POINT, MINIMIZER
from graphc.ops.support.build import call, summed

FEW_NUMBERS = 16
"""So many unknowns that are single numbers are differentiated by one by one."""


class Equations:
    """Equations of some unknowns.

    scalar : whether there is one unknown, a number; `size` : how many numbers the unknowns are
    captured : stand-ins for what the equations use from outside
    """

    op: Op
    body: Body
    leaves: int

    def __init__(self, op: Op, body: Body, leaves: int) -> None:
        self.op, self.body, self.leaves = op, body, leaves
        self.unknowns: tuple[Expr, ...] = body.inputs[:leaves]
        self.captured: tuple[Expr, ...] = tuple(
            [symbol(f"\2outside{k}", x.shape, x.dtype) for k, x in enumerate(body.inputs[leaves:])]
        )
        self.scalar: bool = leaves == 1 and not self.unknowns[0].shape
        self.sizes: list[Dim] = [dims.product(x.shape) for x in self.unknowns]
        self.size: Dim = 1
        if not self.scalar:
            self.size = self.sizes[0]
            for size in self.sizes[1:]:
                self.size = dims.add(self.size, size)

    @property
    def dtype(self) -> DType:
        return self.unknowns[0].dtype

    def vector(self, name: str) -> Expr:
        """A symbol of the packed unknowns."""
        return symbol(f"\2{name}", () if self.scalar else (self.size,), self.dtype)

    def pack(self, leaves: Sequence[Expr]) -> Expr:
        """The unknowns, or the residuals that go with them, as one vector."""
        if self.scalar:
            return leaves[0]
        if all(not x.shape for x in leaves):
            return call("stack", *leaves, axis=0)
        flat = [_flat(x, size) for x, size in zip(leaves, self.sizes, strict=True)]
        return flat[0] if len(flat) == 1 else call("concat", *flat, axis=0)

    def unpack(self, x: Expr) -> list[Expr]:
        """The unknowns of a vector, each in its shape."""
        if self.scalar:
            return [x]
        leaves, start = [], 0
        for own, size in zip(self.unknowns, self.sizes, strict=True):
            if not own.shape:
                leaves.append(call("index", x, key=(start,)) if isinstance(start, int) else _one(x, start))
            else:
                part = x
                if len(self.unknowns) > 1:
                    key = (("slice", start, dims.add(start, size), None),)
                    part = call("index", x, key=key)
                leaves.append(part if part.shape == own.shape else call("reshape", part, shape=own.shape))
            start = dims.add(start, size)
        return leaves

    def residual(self, x: Expr, captured: Sequence[Expr]) -> Expr:
        """What is to be 0, at a packed vector."""
        return self.pack(residuals(self.op, self.body, self.leaves).of([*self.unpack(x), *captured]))

    def slope(self, x: Expr, captured: Sequence[Expr]) -> Expr:
        """The derivatives of the residual, a row for each."""
        return self.matrix().of([*self.unpack(x), *captured])[0]

    def matrix(self) -> Body:
        """The Jacobian of the residuals as a function of the unknowns, and what they use."""
        return _matrix(self.op, self.body, self.leaves)


def _flat(x: Expr, size: Dim) -> Expr:
    return x if x.shape == (size,) else call("reshape", x, shape=(size,))


def _one(x: Expr, start: Dim) -> Expr:
    part = call("index", x, key=(("slice", start, dims.add(start, 1), None),))
    return call("squeeze", part, axis=0)


@lru_cache(maxsize=64)
def residuals(op: Op, body: Body, leaves: int) -> Body:
    """What is 0 at a solution: of a minimum the gradient."""
    if op is FIXED_POINT:
        pairs = zip(body.inputs[:leaves], body.outputs, strict=True)
        return Body(body.inputs, [x - new for x, new in pairs])
    if op is MINIMIZER:
        record = reverse([body.outputs[0]], None, body.inputs[:leaves])
        return Body(body.inputs, [record.adjoint(x) for x in body.inputs[:leaves]])
    return body


@lru_cache(maxsize=64)
def _matrix(op: Op, body: Body, leaves: int) -> Body:
    system, equations = Equations(op, body, leaves), residuals(op, body, leaves)
    own, outputs = equations.inputs[:leaves], equations.outputs
    if leaves <= FEW_NUMBERS and all(not x.shape for x in own):
        rows = []
        for output in outputs:
            record = reverse([output], None, own)
            rows.append([record.adjoint(x) for x in own])
        if system.scalar:
            return Body(equations.inputs, rows[0])
        whole = call("stack", *(call("stack", *row, axis=0) for row in rows), axis=0)
        return Body(equations.inputs, [whole])
    if leaves == 1:
        slope = jacobian(outputs[0], own[0])
        flat = (system.size, system.size)
        return Body(equations.inputs, [slope if slope.shape == flat else call("reshape", slope, shape=flat)])
    x = system.vector("packed")
    captured = equations.inputs[leaves:]
    packed = system.pack(equations.of([*system.unpack(x), *captured]))
    slope = jacobian(packed, x)
    stand_ins = system.captured
    closed = Body([x, *stand_ins], Body([x, *captured], [slope]).of([x, *stand_ins]))
    return Body(equations.inputs, closed.of([system.pack(own), *captured]))


def dot(a: Expr, b: Expr) -> Expr:
    """The sum of products of two packed vectors."""
    return a * b if not a.shape else summed(a * b)


__all__ = ["Equations", "dot", "residuals"]

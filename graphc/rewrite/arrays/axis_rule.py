"""What a rule over whole arrays is: a row of the tables in `axes` and `array_products`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphc.ir.expr import Expr
from graphc.ir.op import find
from graphc.ops.support.attributes import axes_of
from graphc.rewrite.engine.pattern import Kind
from graphc.rewrite.engine.promotion import FLOATS, of_type
from graphc.rewrite.engine.ranges import Ranges
from graphc.util.records import dataclass

Shapes = dict[str, tuple[Any, ...]]


@dataclass(frozen=True, eq=False)
class AxisRule:
    """One rewrite over arrays.

    name : by which it is reported and switched off
    root : the operation at which it may fire
    shows : pattern → replacement, as a reader writes them
    rewrite : (node, ranges) → the replacement, or None to leave it
    kind : "exact" where it keeps every bit, "stable" where it keeps the real function
    why : the formula, or the reason
    examples : (formula, name → shape) of formulas that it fires on; lengths with names are tried at many
    over : the kinds of types that it is proved over
    below : operations on elements that may stand directly below as well
    """

    name: str
    root: str
    shows: str
    rewrite: Callable[[Expr, Ranges], Expr | None]
    kind: Kind
    why: str
    examples: tuple[tuple[str, Shapes], ...]
    over: str = FLOATS
    below: tuple[str, ...] = ()

    def roots(self) -> tuple[str, ...]:
        return (self.root,)

    def fits(self, operands: tuple[str, ...]) -> bool:
        root = find(self.root)
        if root is None or root.on_arrays or any(name in self.below for name in operands):
            return True
        below = [find(name) for name in operands]  # one of the operands runs over whole arrays
        return any(op is None or op.on_arrays for op in below)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        result = self.rewrite(node, ranges)
        if result is None or result is node:
            return None
        result = of_type(result, node.dtype)
        return result if result is not None and result.shape == node.shape else None

    def __str__(self) -> str:
        return f"{self.name}: {self.shows} ({self.kind})"


NM: Shapes = {"x": ("n", "m")}
CUBE: Shapes = {"x": ("n", "m", "k")}


def row(
    name: str,
    root: str,
    shows: str,
    rewrite: Any,
    kind: Kind,
    why: str,
    *examples: Any,
    over: str = FLOATS,
    below: tuple[str, ...] = (),
) -> AxisRule:
    return AxisRule(name, root, shows, rewrite, kind, why, examples, over, below)


def reduced(node: Expr) -> tuple[int, ...]:
    """The axes along which a reduction or a softmax runs."""
    axis = node.attrs[[known.name for known in node.op.attributes].index("axis")]
    return axes_of(axis, node.operands[0].ndim)


def keeps(node: Expr) -> bool:
    return bool(node.attrs[-1])


def is_constant_along(m: Expr, x: Expr, axes: tuple[int, ...]) -> bool:
    """Whether broadcasting repeats m along some axes of x."""
    shape = (1,) * (x.ndim - m.ndim) + m.shape
    return m.ndim <= x.ndim and all(shape[axis] == 1 for axis in axes)

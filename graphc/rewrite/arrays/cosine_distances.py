"""Cosine distances 1 − u·v/(|u||v|) keep nothing of a small angle: ½|u/|u| − v/|v||² keeps as much as the inputs tell.

Where the angle is θ, the cosine is 1 − θ²/2, rounded at 1; the difference of the two directions is θ, rounded at the size of its
parts. So are its derivatives, which the rounded cosine takes away from each other.

Source: W. Kahan, How Futile are Mindless Assessments of Roundoff in Floating-Point Computation?, §12 (2006).
"""

from __future__ import annotations

from graphc.ir.expr import Expr
from graphc.ops.norms import norm
from graphc.ops.powers import square
from graphc.ops.support.build import call
from graphc.rewrite.arrays.axis_rule import AxisRule, keeps, reduced
from graphc.rewrite.engine.ranges import Ranges

Along = tuple[tuple[int, ...], bool]
"""Axes, and whether they stay with length 1"""


class CosineDistance(AxisRule):
    """Its root is a difference of numbers or of elements, with the arrays further below."""

    def fits(self, operands: tuple[str, ...]) -> bool:
        return operands[0] == "constant" and operands[1] in ("divide", "matmul", "sum")


def _distance(node: Expr, ranges: Ranges) -> Expr | None:
    one, cosine = node.operands
    if not one.is_constant or one.shape or one.value != 1 or cosine.dtype != node.dtype:
        return None
    found = _of_norms(cosine) if cosine.op.name == "divide" else _of_directions(cosine)
    if found is None:
        return None
    u, v, (axes, keep) = found
    if u is v or u.shape != v.shape or u.dtype != node.dtype or v.dtype != node.dtype:
        return None
    if len(axes) != 1:
        return None
    axis = axes[0]
    apart = u / norm(u, axis=axis, keepdims=True) - v / norm(v, axis=axis, keepdims=True)
    return 0.5 * call("sum", square(apart), axis=axis, keepdims=keep)


def _product(node: Expr) -> tuple[Expr, Expr, Along] | None:
    """u and v of u·v, along which axes."""
    if node.op.name == "matmul" and all(side.ndim == 1 for side in node.operands):
        return node.operands[0], node.operands[1], ((0,), False)
    if node.op.name != "sum" or node.operands[0].op.name not in ("multiply", "square"):
        return None
    inner = node.operands[0]
    return inner.operands[0], inner.operands[-1], (reduced(node), keeps(node))


def _of_norms(cosine: Expr) -> tuple[Expr, Expr, Along] | None:
    """u·v over the product of the norms."""
    above, below = cosine.operands
    found = _product(above)
    if found is None:
        return None
    u, v, along = found
    if below.op.name == "multiply":
        sides = [_normed(side, along) for side in below.operands]
    elif below.op.name == "sqrt" and below.operands[0].op.name == "multiply":
        sides = [_squared(side, along) for side in below.operands[0].operands]
    else:
        return None
    return found if _are(sides, u, v) else None


def _are(sides: list[Expr | None], u: Expr, v: Expr) -> bool:
    one, other = sides
    return (one is u and other is v) or (one is v and other is u)


def _normed(node: Expr, along: Along) -> Expr | None:
    """u of its norm along some axes."""
    if node.op.name == "sqrt":
        return _squared(node.operands[0], along)
    if node.op.name != "norm" or node.attrs[0] != 2 or (reduced(node), keeps(node)) != along:
        return None
    return node.operands[0]


def _squared(node: Expr, along: Along) -> Expr | None:
    """u of u·u along some axes."""
    found = _product(node)
    return found[0] if found is not None and found[0] is found[1] and found[2] == along else None


def _of_directions(cosine: Expr) -> tuple[Expr, Expr, Along] | None:
    """u/|u| times v/|v|"""
    found = _product(cosine)
    if found is None or found[2][1]:
        return None
    u, v, (axes, _) = found
    sides = [_direction(side, axes) for side in (u, v)]
    return None if sides[0] is None or sides[1] is None else (sides[0], sides[1], (axes, False))


def _direction(node: Expr, axes: tuple[int, ...]) -> Expr | None:
    """u of u/|u|"""
    if node.op.name != "divide" or node.operands[1].op.name != "norm":
        return None
    u, length = node.operands
    fits = length.attrs[0] == 2 and length.operands[0] is u and reduced(length) == axes
    return u if fits and (keeps(length) or u.ndim == 1) else None


RULES = (
    CosineDistance(
        "cosine-distance", "subtract", "1 - sum(u*v)/(norm(u)*norm(v)) → 0.5*sum((u/norm(u) - v/norm(v))**2)", _distance,
        "stable", "1 − cos θ is half the square of the distance of the directions, which does not cancel where θ is small",
        (
            ("1 - x @ y/(norm(x)*norm(y))", {"x": ("n",), "y": ("n",)}),
            ("1 - sum(x*y, axis=1)/(norm(x, axis=1)*norm(y, axis=1))", {"x": ("n", "m"), "y": ("n", "m")}),
            ("1 - sum(x*y)/sqrt(sum(x*x)*sum(y**2))", {"x": ("n",), "y": ("n",)}),
            ("1 - (x/norm(x)) @ (y/norm(y))", {"x": ("n",), "y": ("n",)}),
        ),
    ),
)  # fmt: skip

__all__ = ["RULES"]

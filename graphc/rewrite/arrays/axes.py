"""Rules over whole arrays: what sums of exponentials, squares and products along axes stand for, and arrangements that cancel.

Each row is held against exact values over random shapes: lengths of 0 and 1, ties, infinities and NaN included. A pattern
over axes is a function, since axes are matched as sets: what it does is shown beside it, and its examples are formulas that it
fires on.
"""

# ruff: noqa: E501  a row of the table is a line

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir.expr import Expr
from graphc.ir.types import is_float
from graphc.ops.elementary import log
from graphc.ops.support.attributes import axes_of
from graphc.ops.support.build import call, count, restored
from graphc.rewrite.arrays import array_products, saturated_shares, weighted_exponentials
from graphc.rewrite.arrays.axis_rule import CUBE, NM, AxisRule, keeps, reduced, row
from graphc.rewrite.engine.ranges import Ranges

# --- what is matched ---------------------------------------------------------------------------------------------------------


def _beside(node: Expr, name: str, x: Expr) -> tuple[Expr, tuple[int, ...]] | None:
    """(operand, axes) of a reduction that stands beside arrays of x's shape, with axes of length 1 where it was taken."""
    if node.op.name in ("broadcast_to", "broadcast_like"):
        return _beside(node.operands[0], name, x) if node.shape == x.shape else None
    inner = node.operands[0] if node.op.name == "expand_dims" else node
    if inner.op.name != name or inner.operands[0].shape != x.shape:
        return None
    axes = reduced(inner)
    if inner is not node:
        fits = not keeps(inner) and set(axes) == set(axes_of(node.attrs[0], 0))
    else:  # without them the axes in front alone come back by broadcasting
        fits = keeps(inner) or axes == tuple(range(len(axes)))
    return (inner.operands[0], axes) if fits else None


def _shared(axes: tuple[int, ...], ndim: int) -> Any:
    """Axes as `axis=` writes them."""
    return None if axes == tuple(range(ndim)) else axes[0] if len(axes) == 1 else axes


def _largest(m: Expr, x: Expr, axes: tuple[int, ...]) -> bool:
    """Whether m is the largest of x along axes: subtracted before exponentials, it changes nothing but the range."""
    found = _beside(m, "max", x)
    return found is not None and found[0] is x and found[1] == axes


# --- exponentials ------------------------------------------------------------------------------------------------------------


def _softmax(node: Expr, ranges: Ranges) -> Expr | None:
    powers, total = node.operands
    if powers.op.name != "exp" or not powers.shape:
        return None
    found = _beside(total, "sum", powers)
    if found is None or found[0] is not powers or not found[1]:
        return None
    x = powers.operands[0]
    return call("softmax", x, axis=_shared(found[1], x.ndim)) if x.dtype == node.dtype else None


def _softmax_shift(node: Expr, ranges: Ranges) -> Expr | None:
    (shifted,) = node.operands
    if shifted.op.name != "subtract":
        return None
    x, m = shifted.operands
    if x.shape != shifted.shape or not _largest(m, x, reduced(node)):
        return None
    return call(node.op.name, x, axis=node.attrs[0])


def _log_softmax(node: Expr, ranges: Ranges) -> Expr | None:
    (inner,) = node.operands
    return call("log_softmax", *inner.operands, axis=inner.attrs[0]) if inner.op.name == "softmax" else None


def _log_picked(node: Expr, ranges: Ranges) -> Expr | None:
    """Of a picked share the logarithm, before it underflows."""
    (inner,) = node.operands
    if inner.op.name != "index" or inner.operands[0].op.name != "softmax":
        return None
    x, *places = inner.operands
    return call("index", call("log_softmax", *x.operands, axis=x.attrs[0]), *places, key=inner.attrs[0])


def _from_logsumexp(node: Expr, ranges: Ranges) -> Expr | None:
    x, total = node.operands
    found = _beside(total, "logsumexp", x) if x.shape else None
    if found is None or found[0] is not x or not found[1]:
        return None
    return call("log_softmax", x, axis=_shared(found[1], x.ndim))


def _logsumexp(node: Expr, ranges: Ranges) -> Expr | None:
    (total,) = node.operands
    if total.op.name not in ("sum", "mean") or total.operands[0].op.name != "exp":
        return None
    (x,) = total.operands[0].operands
    axes = reduced(total)
    if not axes or x.dtype != node.dtype:
        return None
    found = call("logsumexp", x, axis=total.attrs[0], keepdims=keeps(total))
    if total.op.name == "sum":
        return found
    number = count(x.shape, axes, x.dtype)
    return (
        found - (log(number) if isinstance(number, Expr) else float(np.log(number))) if number != 0 else None
    )


def _logsumexp_shift(node: Expr, ranges: Ranges) -> Expr | None:
    for total, m in (node.operands, node.operands[::-1]):
        if total.op.name != "logsumexp" or total.operands[0].op.name != "subtract":
            continue
        x, shift = total.operands[0].operands
        axes = reduced(total)
        if x.shape != total.operands[0].shape or not _largest(shift, x, axes):
            continue
        own = m if keeps(total) else restored(m, axes, False) if m.ndim == total.ndim else m
        if own is shift or (m.op.name == "max" and _same_reduction(m, x, axes, keeps(total))):
            return call("logsumexp", x, axis=total.attrs[0], keepdims=keeps(total))
    return None


def _same_reduction(m: Expr, x: Expr, axes: tuple[int, ...], keepdims: bool) -> bool:
    return m.operands[0] is x and reduced(m) == axes and keeps(m) is keepdims


# --- squares -----------------------------------------------------------------------------------------------------------------


def _square_of(node: Expr) -> Expr | None:
    if node.op.name == "square":
        return node.operands[0]
    if node.op.name == "multiply" and node.operands[0] is node.operands[1]:
        return node.operands[0]
    two = node.op.name == "pow" and node.operands[1].is_constant and not node.operands[1].shape
    return node.operands[0] if two and node.operands[1].value == 2 else None


def _variance(node: Expr, ranges: Ranges) -> Expr | None:
    squares, mean = node.operands[0], _square_of(node.operands[1])
    if squares.op.name != "mean" or mean is None or mean.op.name != "mean" or squares.attrs != mean.attrs:
        return None
    x = _square_of(squares.operands[0])
    if x is None or x is not mean.operands[0] or x.dtype != node.dtype:
        return None
    return call("var", x, axis=mean.attrs[0], keepdims=keeps(mean))


def _mean_square(node: Expr, ranges: Ranges) -> Expr | None:
    apart = _square_of(node.operands[0])
    if apart is None or apart.op.name != "subtract" or not is_float(apart.dtype):
        return None
    x, mean = apart.operands
    found = _beside(mean, "mean", x) if x.shape else None
    if found is None or found[0] is not x or found[1] != reduced(node) or x.shape != apart.shape:
        return None
    return call("var", x, axis=node.attrs[0], keepdims=keeps(node))


# --- the table ---------------------------------------------------------------------------------------------------------------

EXPONENTIALS = (
    row("softmax", "divide", "exp(x)/sum(exp(x), axis=a, keepdims=True) → softmax(x, axis=a)", _softmax, "stable",
         "without overflow",
         ("exp(x)/sum(exp(x), axis=1, keepdims=True)", NM), ("exp(x)/sum(exp(x), axis=0)", NM), ("exp(x)/sum(exp(x))", NM),
         ("exp(x)/expand_dims(sum(exp(x), axis=(0, 2)), (0, 2))", CUBE),
         ("exp(x - max(x, axis=-1, keepdims=True))/sum(exp(x - max(x, axis=-1, keepdims=True)), axis=-1, keepdims=True)", NM)),
    row("softmax-shift", "softmax", "softmax(x - max(x)) → softmax(x)", _softmax_shift, "stable", "the shift cancels",
         ("softmax(x - max(x, axis=-1, keepdims=True), axis=-1)", NM), ("softmax(x - max(x), axis=(0, 1))", NM)),
    row("log-softmax-shift", "log_softmax", "log_softmax(x - max(x)) → log_softmax(x)", _softmax_shift, "stable",
         "the shift cancels", ("log_softmax(x - max(x, axis=0, keepdims=True), axis=0)", NM)),
    row("log-softmax", "log", "log(softmax(x)) → log_softmax(x)", _log_softmax, "stable", "without underflow",
         ("log(softmax(x, axis=0))", NM)),
    row("log-softmax-picked", "log", "log(softmax(x)[i]) → log_softmax(x)[i]", _log_picked, "stable",
         "cross-entropy at a label, without underflow", ("log(softmax(x, axis=1)[:, 0])", {"x": ("n", 3)})),
    row("log-softmax-difference", "subtract", "x - logsumexp(x, axis=a, keepdims=True) → log_softmax(x, axis=a)", _from_logsumexp,
         "stable", "one rounding of a small difference",
         ("x - logsumexp(x, axis=1, keepdims=True)", NM), ("x - logsumexp(x)", NM)),
    row("log-sum-exp-axis", "log", "log(sum(exp(x), axis=a)) → logsumexp(x, axis=a)", _logsumexp, "stable", "without overflow",
         ("log(sum(exp(x), axis=0))", NM), ("log(sum(exp(x)))", NM), ("log(mean(exp(x), axis=1, keepdims=True))", {"x": ("n", 3)})),
    row("log-sum-exp-shift", "add", "max(x) + logsumexp(x - max(x)) → logsumexp(x)", _logsumexp_shift, "stable",
         "the shift cancels",
         ("max(x, axis=1) + logsumexp(x - max(x, axis=1, keepdims=True), axis=1)", NM),
         ("logsumexp(x - max(x, axis=0, keepdims=True), axis=0, keepdims=True) + max(x, axis=0, keepdims=True)", NM),
         ("max(x) + logsumexp(x - max(x))", NM)),
)  # fmt: skip

SQUARES = (
    row("variance", "subtract", "mean(x*x) - mean(x)*mean(x) → var(x)", _variance, "stable",
         "mean((x − mean x)²): E[x²] − E[x]² cancels",
         ("mean(x*x, axis=0) - square(mean(x, axis=0))", NM), ("mean(square(x)) - mean(x)*mean(x)", NM),
         ("mean(x**2, axis=1, keepdims=True) - mean(x, axis=1, keepdims=True)**2", NM)),
    row("mean-square", "mean", "mean(square(x - mean(x))) → var(x)", _mean_square, "stable", "one operation",
         ("mean(square(x - mean(x, axis=1, keepdims=True)), axis=1)", NM), ("mean((x - mean(x))**2)", NM)),
)  # fmt: skip

RULES = (
    *EXPONENTIALS,
    *weighted_exponentials.RULES,
    *saturated_shares.RULES,
    *SQUARES,
    *array_products.RULES,
)

__all__ = ["RULES", "AxisRule"]

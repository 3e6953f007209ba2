"""Slopes of shares where one of them is nearly 1: 1 − p of a softmax, and what derivatives make of it.

Of 1 − p nothing is left where p rounds to 1, but the others' sum r = Σ q is known. A share beyond ½ is the only one of its row, so
"p > ½" finds it. Shares are 1 in sum, so p·(v − Σ v·p) is the same of v − c for any c of the row: of c = v at the largest share its
own term is 0 to the bit, and what is left of v and of the sum are the others'.
"""

# ruff: noqa: E501  a row of the table is a line

from __future__ import annotations

from typing import Any

from graphc.ir.expr import Expr, constant
from graphc.ops.comparison import greater, isfinite, logical_and, where
from graphc.ops.support.build import call
from graphc.rewrite.arrays.axis_rule import NM, keeps, reduced, row
from graphc.rewrite.engine.ranges import Ranges


def _others(shares: Expr) -> tuple[Expr, Expr]:
    """Where a share is beyond ½, and the shares with 0 there."""
    half, zero = constant(0.5, shares.dtype), constant(0.0, shares.dtype)
    large = greater(shares, half)
    return large, where(large, zero, shares)


def _rest(others: Expr, axes: tuple[int, ...], shape: tuple[Any, ...]) -> Expr:
    """Their sum along axes of a shape that they are repeated to."""
    whole = others if others.shape == shape else call("broadcast_to", others, shape=shape)
    return call("sum", whole, axis=axes, keepdims=True)


def _total(node: Expr) -> tuple[Expr, tuple[int, ...]] | None:
    """What is summed, and along which axes, where these stay with a length of 1."""
    return (
        (node.operands[0], reduced(node)) if node.op.name == "sum" and keeps(node) and reduced(node) else None
    )


def _of_large(v: Expr, shares: Expr, axes: tuple[int, ...]) -> Expr:
    """The v whose share is beyond ½; 0 where there is none, or where it is infinite."""
    zero = constant(0.0, v.dtype)
    own = call("sum", where(greater(shares, constant(0.5, shares.dtype)), v, zero), axis=axes, keepdims=True)
    return where(isfinite(own), own, zero)


def _is_apart(v: Expr, shares: Expr) -> bool:
    """Whether the v of the largest of these shares has been taken from it."""
    if v.op.name != "subtract" or v.operands[1].op.name != "where":
        return False
    total = v.operands[1].operands[1]
    if total.op.name != "sum" or total.operands[0].op.name != "where":
        return False
    large = total.operands[0].operands[0]
    return large.op.name == "greater" and large.operands[0] is shares


def _softmax_slope(node: Expr, ranges: Ranges) -> Expr | None:
    for shares, apart in (node.operands, node.operands[::-1]):
        if shares.op.name != "softmax" or apart.op.name != "subtract":
            continue
        for v, total, turned in ((*apart.operands, False), (*apart.operands[::-1], True)):
            found = _total(total)
            if found is None or found[0].op.name != "multiply" or set(found[0].operands) != {v, shares}:
                continue
            products, axes = found
            lead = products.ndim - shares.ndim
            if products.shape != apart.shape or tuple([axis - lead for axis in axes]) != reduced(shares):
                continue
            if _is_apart(v, shares):
                return None
            own = _of_large(v, shares, axes)
            v = v - own
            total = call("sum", v * shares, axis=axes, keepdims=True)
            return shares * (total - v if turned else v - total)
    return None


def _log_softmax_slope(node: Expr, ranges: Ranges) -> Expr | None:
    v, product = node.operands
    if product.op.name != "multiply":
        return None
    for power, total in (product.operands, product.operands[::-1]):
        inner = power.operands[0] if power.op.name == "exp" else power
        found = _total(total)
        if (
            found is None
            or found[0] is not v
            or inner.op.name != ("log_softmax" if inner is not power else "softmax")
        ):
            continue
        axes, lead = found[1], v.ndim - inner.ndim
        if product.shape != v.shape or tuple([axis - lead for axis in axes]) != reduced(inner):
            continue
        shares = call("softmax", *inner.operands, axis=inner.attrs[0])
        large, others = _others(shares)
        whole = large if large.shape == v.shape else call("broadcast_to", large, shape=v.shape)
        of_others = call("sum", where(whole, constant(0.0, v.dtype), v), axis=axes, keepdims=True)
        near = logical_and(large, isfinite(total))
        return where(near, _rest(others, axes, v.shape) * total - of_others, v - shares * total)
    return None


def _one_minus(node: Expr, ranges: Ranges) -> Expr | None:
    one, shares = node.operands
    if not (one.is_constant and not one.shape and float(one.value) == 1) or shares.op.name != "softmax":
        return None
    large, others = _others(shares)
    return where(large, _rest(others, reduced(shares), shares.shape), node)


VX = {"v": ("n", "m"), "x": ("n", "m")}

RULES = (
    row("softmax-slope", "multiply", "p*(v - sum(v*p)) → p*(v - c - sum((v - c)*p)), p = softmax(x), c = sum(where(p > 1/2, v, 0))",
        _softmax_slope, "stable", "the largest share's own term is 0",
        ("softmax(x, axis=1)*(v - sum(v*softmax(x, axis=1), axis=1, keepdims=True))", VX),
        ("softmax(x, axis=0)*(v - sum(softmax(x, axis=0)*v, axis=0, keepdims=True))", VX),
        ("softmax(x)*(sum(v*softmax(x), axis=1, keepdims=True) - v)", VX)),
    row("log-softmax-slope", "subtract", "v - exp(log_softmax(x))*sum(v) → where(p > 1/2, r*sum(v) - sum(v of the others), v - p*sum(v))",
        _log_softmax_slope, "stable", "1 - p is the sum of the others",
        ("v - exp(log_softmax(x, axis=1))*sum(v, axis=1, keepdims=True)", VX)),
    row("one-minus-softmax", "subtract", "1 - softmax(x) → where(p > 1/2, sum(q), 1 - p), p = softmax(x), q the others",
        _one_minus, "stable", "the sum of the others", ("1 - softmax(x, axis=1)", NM), ("1 - softmax(x, axis=0)", NM)),
)  # fmt: skip

__all__ = ["RULES"]

"""Slopes of shares where one of them is nearly 1: 1 − p of a softmax, and what derivatives make of it.

Of 1 − p nothing is left where p rounds to 1, but the others' sum r = Σ q is known. A share beyond ½ is the only one of its row, so
"p > ½" finds it, and Σ v·q over the others stands apart from its own term: p·(v − Σ v·p) = p·(v·r − Σ v·q) there.
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
            large, others = _others(shares)
            of_others = call("sum", v * others, axis=axes, keepdims=True)
            own = v * _rest(others, axes, products.shape)
            return shares * where(large, of_others - own if turned else own - of_others, apart)
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
    row("softmax-slope", "multiply", "p*(v - sum(v*p)) → p*where(p > 1/2, v*r - sum(v*q), v - sum(v*p)), p = softmax(x), q the others, r = sum(q)",
        _softmax_slope, "stable", "1 - p is the sum of the others",
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

"""Reductions without partial results of their own, as formulas of those that have such: moments, shares, norms."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from graphc.frontend.interop.split_axes import axes_along
from graphc.ir.expr import Expr
from graphc.ops.support.build import call, count


def by_partials(node: Expr, places: Mapping[int, Any]) -> Expr | None:
    """A formula of simpler operations for an operation that goes along the split axis; None where there is none."""
    name, x = node.op.name, node.operands[0]
    if len(node.operands) != 1 or places[0] not in axes_along(node):
        return None
    axes = axes_along(node)
    if name in ("var", "std"):  # in two passes, as NumPy's
        _, correction, keepdims = node.attrs
        centred = x - call("mean", x, axis=axes, keepdims=True)
        elements = count(x.shape, axes, node.dtype)
        var = call("sum", centred * centred, axis=axes, keepdims=keepdims) / (elements - correction)
        return call("sqrt", var) if name == "std" else var
    if name in ("softmax", "log_softmax"):
        shifted = x - call("logsumexp", x, axis=axes, keepdims=True)
        return call("exp", shifted) if name == "softmax" else shifted
    if name == "norm":
        return _norm(x, axes, node.attrs[0], node.attrs[2])
    return None


def _norm(x: Expr, axes: tuple[int, ...], order: Any, keepdims: bool) -> Expr | None:
    """The norm of vectors, without overflow of squares."""
    size = call("abs", x)
    if order == 1:
        return call("sum", size, axis=axes, keepdims=keepdims)
    if order == math.inf:
        return call("max", size, axis=axes, keepdims=keepdims)
    if order != 2 or (len(axes) > 1 and x.ndim > 1):
        return None
    most = call("max", size, axis=axes, keepdims=True)
    scale = call("where", (most > 0) & (most < math.inf), most, 1.0)
    root = call("sqrt", call("sum", (x / scale) ** 2, axis=axes, keepdims=True)) * scale
    return root if keepdims else call("squeeze", root, axis=axes)


__all__ = ["by_partials"]

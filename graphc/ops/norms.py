"""Norms of vectors along axes, and of matrices: NumPy's."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.errors import ExpressionError, ShapeError, brief
from graphc.ir.expr import Expr, constant, current_site
from graphc.ir.op import Attribute, Facts, Notation, Op
from graphc.ir.types import FLOATING, format_shape
from graphc.ops.arithmetic import abs, sign
from graphc.ops.comparison import equal, where
from graphc.ops.reduce import reduced
from graphc.ops.support import attributes as at
from graphc.ops.support.build import broadcast, call, merged, restored, summed
from graphc.ops.support.declare import declare_arrays, with_checks


def _order(name: str, value: Any, operands: tuple[Expr, ...]) -> float:
    if isinstance(value, str) and str(value) in ("fro", "inf"):
        return 2.0 if str(value) == "fro" else np.inf
    order = at.number(name).check(name, value, operands)
    if not order >= 1:
        raise ExpressionError(f"norm of order {order:g}", hint="the order is 1 or more, or inf")
    return order


def _norm(x: Any, ord: float, axis: Any, keepdims: bool) -> Any:
    size = np.abs(x)
    if ord == np.inf:
        return np.max(size, axis=axis, keepdims=keepdims, initial=0)
    if ord == 1:
        return np.sum(size, axis=axis, keepdims=keepdims)
    # scaled by the largest, so that no power overflows or vanishes
    top = np.max(size, axis=axis, keepdims=True, initial=0)
    scale = np.where((top > 0) & np.isfinite(top), top, x.dtype.type(1))
    total = (
        np.sum((size / scale) ** x.dtype.type(ord), axis=axis, keepdims=True) ** x.dtype.type(1 / ord) * scale
    )
    return total if keepdims else np.squeeze(total, axis=at.axes_of(axis, x.ndim))


def _norm_pullback(v: Expr, out: Expr, x: Expr, ord: float, axis: Any, keepdims: bool) -> Expr:
    axes = at.axes_of(axis, x.ndim)
    v, out = restored(v, axes, keepdims), restored(out, axes, keepdims)
    if ord == 1:
        return v * sign(x)
    if ord == np.inf:
        chosen = equal(abs(x), out)
        share = v / summed(chosen.astype(x.dtype), axis, True)
        return where(chosen, share * sign(x), constant(0, x.dtype))
    zero = equal(out, 0)
    safe = where(zero, constant(1, x.dtype), out)
    ratio = x / safe
    if ord != 2:
        ratio = sign(x) * abs(ratio) ** (ord - 1)
    return where(zero, constant(0, x.dtype), v * ratio)


def _reads_norm(
    used: Expr | None, out: Expr, operands: tuple[Expr, ...], slot: int, ord: float, axis: Any, keepdims: bool
) -> Expr | None:
    axes = at.axes_of(axis, operands[0].ndim)
    chosen = equal(abs(operands[0]), restored(out, axes, keepdims)) if ord == np.inf else None
    if used is None:
        return chosen
    spread = broadcast(restored(used, axes, keepdims), operands[0])
    return spread if chosen is None else chosen & spread


NORM = Op(
    name="norm",
    params=("x",),
    summary="The norm of vectors along an axis, of order 2 by default, or of matrices along two axes, Frobenius' by default.",
    notes=(
        "As numpy.linalg.norm. Orders of vectors: 1 and above, inf, −inf. Of matrices: 'fro', 'nuc' (the sum of the singular "
        "values), 1 (the largest sum of a column), inf (of a row), 2 (the largest singular value), −1, −inf, −2 (the smallest). "
        "At zeros the derivative of order 2 is 0; where several elements are largest it is shared equally."
    ),
    types=FLOATING,
    attributes=(Attribute("ord", _order, 2.0), at.AXES, at.KEEPDIMS),
    shape=lambda operands, ord, axis, keepdims: reduced(operands, axis, keepdims),
    reference=_norm,
    pullbacks=(_norm_pullback,),
    reads=_reads_norm,
    notation=Notation("‖·‖"),
    category="reduction",
    facts=Facts(range=(0.0, np.inf)),
)
declare_arrays(NORM)


@with_checks(NORM)
def norm(x, ord=None, axis=None, keepdims=False):
    """The norm of vectors along an axis, or of matrices along a pair of axes, as `numpy.linalg.norm`.

    ord : None is 2 of vectors and Frobenius' norm of matrices. Of vectors 1, 2, any other number above 1, inf, -inf. Of matrices
        "fro", "nuc", 1, 2, inf, -1, -2, -inf: norms of the linear map, not of its elements
    axis : of the vectors, or the pair of the matrices' rows and columns; None is all axes of a vector or matrix, and of any array
        where no order is named
    keepdims : whether these axes stay, with length 1

    Raises `ExpressionError` for an order that is none of these and `ShapeError` for more axes than a matrix has.
    """
    x = constant(x)
    written, axis = axis, at.AXES.check("axis", axis, (x,))
    axes = at.axes_of(axis, x.ndim)
    if ord is None or (isinstance(ord, str) and str(ord) == "fro" and len(axes) == 2):
        return call("norm", x, axis=axis, keepdims=keepdims)
    if len(axes) == 1:
        return _of_vectors(x, ord, axis, keepdims)
    if len(axes) > 2 or not axes:
        raise ShapeError(
            f"a norm of order {brief(ord, 20)} along {len(axes)} axes of an array of shape {format_shape(x.shape)}",
            site=current_site(),
            hint="axis= names one axis for vectors or two for matrices; g.norm(g.reshape(x, -1), ord) is that of all elements",
        )
    rows, columns = (0, 1) if written is None else [at.position("axis", place, x.ndim) for place in written]
    result = _of_matrices(x, ord, rows, columns)
    return restored(result, (min(rows, columns), max(rows, columns)), False) if keepdims else result


def _is_number(ord: Any) -> bool:
    return isinstance(ord, (int, float, np.integer, np.floating)) and not isinstance(ord, bool)


def _of_vectors(x: Expr, ord: Any, axis: Any, keepdims: bool) -> Expr:
    if _is_number(ord) and ord == -np.inf:
        return call("min", abs(x), axis=axis, keepdims=keepdims)
    if isinstance(ord, str) and str(ord) in ("fro", "nuc"):
        raise ExpressionError(
            f"norm {str(ord)!r} is one of matrices, and this is one of vectors along one axis",
            site=current_site(),
            hint='name both axes of the matrices, as in g.norm(x, "fro", axis=(0, 1))',
        )
    return call("norm", x, ord=ord, axis=axis, keepdims=keepdims)


def _of_matrices(x: Expr, ord: Any, rows: int, columns: int) -> Expr:
    name = str(ord) if isinstance(ord, str) else ord if _is_number(ord) else None
    name = np.inf if name == "inf" else name
    if name in (1.0, -1.0, np.inf, -np.inf):
        # sums along columns for order 1, along rows for infinity
        along, across = (rows, columns) if name in (1.0, -1.0) else (columns, rows)
        sums = summed(abs(x), along)
        return call("max" if name in (1.0, np.inf) else "min", sums, axis=across - (across > along))
    if name in (2.0, -2.0, "nuc"):
        order = (*(axis for axis in range(x.ndim) if axis not in (rows, columns)), rows, columns)
        turned = x if order == tuple(range(x.ndim)) else call("permute_dims", x, axes=order)
        values = call("svdvals", turned)
        return call({2.0: "max", -2.0: "min", "nuc": "sum"}[name], values, axis=values.ndim - 1)
    raise ExpressionError(
        f"matrices have no norm of order {brief(ord, 20)}",
        site=current_site(),
        hint='orders of matrices are "fro", "nuc", 1, 2, inf, -1, -2, -inf; of all their elements g.norm(g.reshape(x, -1), 3)',
    )


def vector_norm(x: Any, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Expr:
    """The norm of elements along axes as of one vector, as `numpy.linalg.vector_norm`."""
    x = constant(x)
    axis = at.AXES.check("axis", axis, (x,))
    axes = at.axes_of(axis, x.ndim)
    if len(axes) < 2 or ord == 2:
        return (
            norm(x, ord, axis, keepdims) if len(axes) == 1 else call("norm", x, axis=axis, keepdims=keepdims)
        )
    rows = merged(x, axes)
    result = norm(rows, ord, rows.ndim - 1)
    return restored(result, tuple(sorted(axes)), not keepdims)


def matrix_norm(x: Any, keepdims: bool = False, ord: Any = "fro") -> Expr:
    """The norm of the matrices in the last two axes, as `numpy.linalg.matrix_norm`."""
    x = constant(x)
    return norm(x, ord, (x.ndim - 2, x.ndim - 1), keepdims)


Expr.function_table[np.linalg.norm] = norm
Expr.function_table[np.linalg.vector_norm] = vector_norm
Expr.function_table[np.linalg.matrix_norm] = matrix_norm


__all__ = [
    "norm",
]  # fmt: skip

"""Elements by arrays of places, and order: take, one-hot rows, sorting and searching."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.errors import DtypeError, ShapeError
from graphc.ir import ranges
from graphc.ir.expr import Expr, constant
from graphc.ir.op import Attribute, Facts, Notation, Op
from graphc.ir.types import FIRST_KEPT, INT64, Shape, TypeRule, as_dtype, format_shape
from graphc.ops.comparison import isnan, less, where
from graphc.ops.index import getitem
from graphc.ops.support import attributes as at
from graphc.ops.support.build import call, expanded, summed
from graphc.ops.support.declare import Function, declare_arrays
from graphc.ops.support.vmap_rules import Batch, Batched, aligned, rank

# --- by arrays of places ------------------------------------------------------------------------------------------------------


def take(x: Any, indices: Any, axis: int | None = None) -> Expr:
    """Elements of x by their places along an axis, as `numpy.take`; without an axis among the elements row by row.

    indices : whole numbers: an expression, an array or an int

    Raises `DtypeError` for indices that are not whole numbers; one that is out of range is an error at the call.
    """
    x = constant(x)
    if axis is None:
        x, axis = x if x.ndim == 1 else call("reshape", x, shape=(-1,)), 0
    axis = at.position("axis", axis, x.ndim)
    return getitem(x, (*(slice(None),) * axis, indices))


def take_along_axis(x: Any, indices: Any, axis: int | None = -1) -> Expr:
    """For each place along the other axes the element of x that `indices` names along `axis`, as `numpy.take_along_axis`.

    indices : whole numbers, with as many axes as x, and of its lengths in all others or 1

    Raises `ShapeError` when the axes do not fit.
    """
    x, indices = constant(x), constant(indices)
    axis = at.position("axis", axis, x.ndim)
    if indices.ndim != x.ndim:
        raise at.refuse_shape("take_along_axis needs arrays of as many axes", (x, indices))
    key = []
    for place in range(x.ndim):
        if place == axis:
            key.append(indices)
            continue
        shape = tuple(-1 if other == place else 1 for other in range(x.ndim))
        key.append(call("reshape", call("arange", start=0, stop=x.shape[place]), shape=shape))
    return getitem(x, tuple(key))


ONE_HOT = Op(
    name="one_hot",
    params=("indices",),
    attributes=(at.length("depth"), at.dtype()),
    summary="For each index a row that is 1 at that place and 0 elsewhere; all zeros for an index out of range.",
    types=TypeRule(lambda dtypes: ((INT64,), INT64)),
    dtype=lambda operands, depth, dtype: as_dtype(dtype),
    reference=lambda indices, depth, dtype: (np.asarray(indices)[..., None] == np.arange(depth)).astype(
        dtype
    ),
    shape=lambda operands, depth, dtype: (*_indices(operands[0]).shape, depth),
    batch="stacks",
    notation=Notation("one_hot"),
    category="indexing",
)
one_hot: Function = declare_arrays(ONE_HOT)


def _indices(x: Expr) -> Expr:
    if x.dtype.kind not in "iu":
        raise DtypeError(f"indices are whole numbers, not {x.dtype}", hint='write g.astype(i, "int64")')
    return x


# --- order ----------------------------------------------------------------------------------------------------------------------

_ALONG = Attribute("axis", at.LAST_AXIS.check, -1)

argsort: Function = declare_arrays(
    Op(
        name="argsort",
        params=("x",),
        attributes=(_ALONG,),
        summary="The places of the elements along an axis in ascending order; those that tie keep theirs.",
        types=TypeRule(lambda dtypes: (dtypes, INT64)),
        reference=lambda x, axis: np.argsort(x, axis=axis, kind="stable"),
        shape=lambda operands, axis: operands[0].shape,
        notation=Notation("argsort"),
        category="indexing",
        numpy=(np.argsort,),
    )
)

sort: Function = declare_arrays(
    Op(
        name="sort",
        facts=Facts(bounds=ranges.union),
        params=("x",),
        attributes=(_ALONG,),
        summary="The elements along an axis in ascending order, NaN last.",
        notes="Where elements tie, the derivative is that of a stable sort; by NaN it is 0, as of all that compares.",
        types=FIRST_KEPT,
        reference=lambda x, axis: np.sort(x, axis=axis, kind="stable"),
        shape=lambda operands, axis: operands[0].shape,
        pullbacks=(
            lambda v, out, x, axis: where(
                isnan(x),
                constant(0, v.dtype),
                take_along_axis(v, call("argsort", call("argsort", x, axis=axis), axis=axis), axis),
            ),
        ),
        picks=True,
        notation=Notation("sort"),
        category="indexing",
        numpy=(np.sort,),
        refuses=False,
    )
)


def _row(operands: tuple[Expr, ...], side: str) -> Shape:
    if operands[0].ndim != 1:
        raise ShapeError(
            f"searchsorted searches a vector, not an array of shape {format_shape(operands[0].shape)}"
        )
    return operands[1].shape


def _less(a: Expr, b: Expr) -> Expr:
    """In NumPy's order, where NaN is last."""
    return less(a, b) | (isnan(b) & ~isnan(a)) if a.dtype.kind == "f" else less(a, b)


def _search_batch(b: Batch, operands: tuple[Expr, ...], batched: Batched, side: str) -> Expr:
    """A row for each: the elements before a value are counted."""
    if not batched[0]:
        return call("searchsorted", *operands, side=side)
    common = as_dtype(np.result_type(*[operand.dtype for operand in operands]))
    x, values = (operand.astype(common) for operand in operands)
    axes = rank(values, batched[1])
    values = expanded(values, values.ndim)
    x = aligned(x, True, axes + 1)
    before = _less(x, values) if side == "left" else ~_less(values, x)
    return summed(before, -1)


searchsorted: Function = declare_arrays(
    Op(
        name="searchsorted",
        params=("x", "values"),
        attributes=(at.choice("side", ("left", "right"), "left"),),
        summary="For each value the place in the ascending vector x before which it belongs.",
        types=TypeRule(lambda dtypes: ((as_dtype(np.result_type(*dtypes)),) * 2, INT64)),
        reference=lambda x, values, side: np.searchsorted(x, values, side=side),
        shape=_row,
        batch=_search_batch,
        notation=Notation("searchsorted"),
        category="indexing",
        numpy=(np.searchsorted,),
    )
)

Expr.function_table[np.take] = take
Expr.function_table[np.take_along_axis] = take_along_axis

__all__ = [
    "argsort", "one_hot", "searchsorted", "sort", "take", "take_along_axis",
]  # fmt: skip

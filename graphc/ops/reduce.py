"""Reductions: many elements become one, along some axes or all."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.errors import DtypeError, ShapeError
from graphc.ir import ranges
from graphc.ir.dims import Dim
from graphc.ir.expr import Expr, constant
from graphc.ir.op import Facts, Notation, Op
from graphc.ir.ranges import ANYTHING, Range
from graphc.ir.types import (
    ACCUMULATED,
    AVERAGED,
    BOOL,
    FIRST_KEPT,
    FLOATING,
    INT64,
    Signature,
    TypeRule,
    format_shape,
)
from graphc.ops.comparison import equal, where
from graphc.ops.elementary import sqrt
from graphc.ops.support import attributes as at
from graphc.ops.support import kept_axes, reducers
from graphc.ops.support.build import (
    broadcast,
    call,
    count,
    expanded,
    merged,
    restored,
    shifted,
    summed,
    unmerged,
)
from graphc.ops.support.declare import Function, declare_arrays
from graphc.ops.support.vmap_rules import Batch, Batched


def reduced(operands: tuple[Expr, ...], axis: Any, *rest: Any) -> tuple[Dim, ...]:
    return _without(operands[0].shape, axis, bool(rest[-1]) if rest else False)


def _without(shape: tuple[Dim, ...], axis: Any, keepdims: bool) -> tuple[Dim, ...]:
    axes = at.axes_of(axis, len(shape))
    if keepdims:
        return tuple(1 if place in axes else dim for place, dim in enumerate(shape))
    return tuple(dim for place, dim in enumerate(shape) if place not in axes)


def _nonempty(name: str) -> Any:
    """The rule of what has no value on nothing."""

    def rule(operands: tuple[Expr, ...], axis: Any, *rest: Any) -> tuple[Dim, ...]:
        shape = operands[0].shape
        if 0 in [shape[place] for place in at.axes_of(axis, len(shape))]:
            raise ShapeError(
                f"{name} of no elements: {format_shape(shape)} is empty along axis {axis}",
                hint="an empty sum is 0 and an empty product 1; this has no value on nothing",
            )
        return reduced(operands, axis, *rest)

    return rule


def _spread(v: Expr, x: Expr, axis: Any, keepdims: bool) -> Expr:
    """A reduced expression, such as the adjoint of a sum, repeated along the reduced axes of x."""
    return broadcast(restored(v, at.axes_of(axis, x.ndim), keepdims) if v.shape else v, x)


def reduction(name: str, summary: str, **fields: Any) -> Any:
    known = {
        "types": FLOATING,
        "attributes": (at.AXES, at.KEEPDIMS),
        "shape": reduced,
        "notation": Notation(name),
        "category": "reduction",
        "numpy": (getattr(np, name),) if hasattr(np, name) else (),
    }
    return declare_arrays(Op(name=name, params=("x",), summary=summary, **{**known, **fields}))


def _sum_bounds(x: Range) -> Range:
    """What is added up may overflow, and infinities of both signs make NaN."""
    return Range(0.0, np.inf, x.nan) if x.nonnegative else ANYTHING


sum: Function = reduction(
    "sum",
    "The sum of elements along axes: an int, a tuple, or all.",
    notes="The sum of nothing is 0. Booleans and short integers are added up in 64 bits.",
    types=ACCUMULATED,
    reference=lambda x, axis, keepdims: np.sum(x, axis=axis, keepdims=keepdims, dtype=x.dtype),
    pullbacks=(lambda v, out, x, axis, keepdims: _spread(v, x, axis, keepdims),),
    linear="jointly",
    moves=True,
    notation=Notation("Σ"),
    reducer=reducers.ADDITION,
    facts=Facts(bounds=_sum_bounds),
)


def _prod_pullback(v: Expr, out: Expr, x: Expr, axis: Any, keepdims: bool) -> Expr:
    """The product of all others, as what stands before times what stands after: right where elements are 0."""
    axes = at.axes_of(axis, x.ndim)
    if not axes:
        return v
    row = merged(x, axes)
    last = row.ndim - 1
    before = call("cumprod", shifted(row, 1.0), axis=last)
    turned = call("flip", row, axis=last)
    after = call("flip", call("cumprod", shifted(turned, 1.0), axis=last), axis=last)
    return _spread(v, x, axis, keepdims) * unmerged(before * after, x, axes)


prod: Function = reduction(
    "prod",
    "The product of elements along axes.",
    notes="The product of nothing is 1. The derivative divides by nothing, so it is right where elements are 0.",
    types=ACCUMULATED,
    reference=lambda x, axis, keepdims: np.prod(x, axis=axis, keepdims=keepdims, dtype=x.dtype),
    pullbacks=(_prod_pullback,),
    keeps=kept_axes.reduced,
    notation=Notation("Π"),
    reducer=reducers.MULTIPLICATION,
)

mean: Function = reduction(
    "mean",
    "The mean of elements along axes; NaN of nothing.",
    types=AVERAGED,
    reference=lambda x, axis, keepdims: np.divide(
        np.sum(x, axis=axis, keepdims=keepdims, dtype=x.dtype),
        x.dtype.type(np.prod([x.shape[place] for place in at.axes_of(axis, x.ndim)], dtype=np.int64)),
    ),
    pullbacks=(
        lambda v, out, x, axis, keepdims: _spread(
            v / count(x.shape, at.axes_of(axis, x.ndim), x.dtype), x, axis, keepdims
        ),
    ),
    linear="jointly",
    moves=True,
)

CORRECTION = at.number("correction", 0.0)


def _variance(x: Any, axis: Any, correction: float, keepdims: bool) -> Any:
    size = np.prod([x.shape[place] for place in at.axes_of(axis, x.ndim)], dtype=np.int64)
    total = np.sum(x, axis=axis, keepdims=True, dtype=x.dtype)
    centred = x - np.divide(total, x.dtype.type(size))
    squares = np.sum(centred * centred, axis=axis, keepdims=keepdims, dtype=x.dtype)
    return np.divide(squares, x.dtype.type(np.maximum(size - correction, 0)))


def _degrees(x: Expr, axis: Any, correction: float) -> Any:
    """The divisor of a variance."""
    number = count(x.shape, at.axes_of(axis, x.ndim), x.dtype)
    return number - correction if correction else number


def _var_pullback(v: Expr, out: Expr, x: Expr, axis: Any, correction: float, keepdims: bool) -> Expr:
    centred = x - call("mean", x, axis=axis, keepdims=True)
    scale = restored(2 * v / _degrees(x, axis, correction), at.axes_of(axis, x.ndim), keepdims)
    return scale * centred


var: Function = reduction(
    "var",
    "The variance of elements along axes: the mean of the squared distances from the mean.",
    notes="With `correction` c the sum of squares is divided by n − c: 1 gives the unbiased estimate.",
    attributes=(at.AXES, CORRECTION, at.KEEPDIMS),
    types=AVERAGED,
    reference=_variance,
    pullbacks=(_var_pullback,),
    keeps=kept_axes.reduced,
    facts=Facts(range=(0.0, np.inf)),
)

std: Function = reduction(
    "std",
    "The standard deviation of elements along axes: the square root of `var`.",
    notes="Where all elements are equal it has no derivative; NaN stands for it.",
    attributes=(at.AXES, CORRECTION, at.KEEPDIMS),
    types=AVERAGED,
    reference=lambda x, axis, correction, keepdims: np.sqrt(_variance(x, axis, correction, keepdims)),
    expand=lambda x, axis, correction, keepdims: sqrt(
        call("var", x, axis=axis, correction=correction, keepdims=keepdims)
    ),
    keeps=kept_axes.reduced,
    facts=Facts(range=(0.0, np.inf)),
)


def _extremum_pullback(v: Expr, out: Expr, x: Expr, axis: Any, keepdims: bool) -> Expr:
    axes = at.axes_of(axis, x.ndim)
    chosen = equal(x, restored(out, axes, keepdims))
    share = restored(v, axes, keepdims) / summed(chosen.astype(x.dtype), axis, True)
    return where(chosen, share, constant(0, x.dtype))


def _reads_extremes(
    used: Expr | None, out: Expr, operands: tuple[Expr, ...], slot: int, axis: Any, keepdims: bool
) -> Expr:
    """The elements that are the largest, or smallest, of those that matter."""
    axes = at.axes_of(axis, operands[0].ndim)
    chosen = equal(operands[0], restored(out, axes, keepdims))
    return chosen if used is None else chosen & restored(used, axes, keepdims)


def _extremum(name: str, words: str) -> Any:
    return reduction(
        name,
        f"The {words} element along axes; NaN where there is one.",
        notes="At a tie the derivative is shared equally by the elements that tie. Of zeros of both signs any comes out.",
        types=FIRST_KEPT,
        reference=lambda x, axis, keepdims: getattr(np, name)(x, axis=axis, keepdims=keepdims),
        shape=_nonempty(name),
        pullbacks=(_extremum_pullback,),
        reads=_reads_extremes,
        facts=Facts(bounds=ranges.union),
        reducer=reducers.extreme(name == "max"),
    )


max: Function = _extremum("max", "largest")
min: Function = _extremum("min", "smallest")

_PLACE = (at.AXIS_OR_NONE, at.KEEPDIMS)


def _place_batch(name: str) -> Any:
    def rule(
        b: Batch, operands: tuple[Expr, ...], batched: Batched, axis: int | None, keepdims: bool
    ) -> Expr:
        (x,) = operands
        if axis is not None:
            return call(name, x, axis=axis + 1, keepdims=keepdims)
        place = call(name, call("reshape", x, shape=(b.size, -1)), axis=1)
        return expanded(place, tuple(range(1, x.ndim))) if keepdims else place

    return rule


def _place(name: str, words: str) -> Any:
    return reduction(
        name,
        f"The place of the {words} element along an axis, the first at a tie; without an axis in the elements row by row.",
        types=TypeRule(lambda dtypes: (dtypes, INT64)),
        attributes=_PLACE,
        reference=lambda x, axis, keepdims: getattr(np, name)(x, axis=axis, keepdims=keepdims),
        shape=_nonempty(name),
        batch=_place_batch(name),
        reducer=reducers.place_of_extreme(name == "argmax"),
    )


argmax: Function = _place("argmax", "largest")
argmin: Function = _place("argmin", "smallest")


def _truth(dtypes: Any) -> Signature:
    if dtypes[0] != BOOL:
        raise DtypeError(
            f"any and all take booleans, not {dtypes[0]}", hint="compare first, as in g.any(x > 0)"
        )
    return dtypes, BOOL


def _logical(name: str, summary: str, combine: str, of_nothing: bool) -> Any:
    return reduction(
        name,
        summary,
        types=TypeRule(_truth),
        reference=lambda x, axis, keepdims: getattr(np, name)(x, axis=axis, keepdims=keepdims),
        reducer=reducers.logical(combine, of_nothing),
    )


any: Function = _logical(
    "any", "Whether any element along axes is true; False of nothing.", "logical_or", False
)
all: Function = _logical(
    "all", "Whether all elements along axes are true; True of nothing.", "logical_and", True
)


__all__ = [
    "all", "any", "argmax", "argmin", "max", "mean", "min", "prod", "std", "sum", "var",
]  # fmt: skip

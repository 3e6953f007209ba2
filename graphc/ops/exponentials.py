"""Sums of exponentials along axes, and shares of them: none overflows where the result is a number."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from graphc.errors import ShapeError
from graphc.ir.dims import Dim
from graphc.ir.expr import Expr
from graphc.ir.op import Attribute, Facts, Notation, Op, register_control
from graphc.ir.types import TypeRule
from graphc.ops.elementary import exp
from graphc.ops.reduce import reduction
from graphc.ops.support import attributes as at
from graphc.ops.support import kept_axes
from graphc.ops.support.build import call, restored, summed
from graphc.ops.support.declare import Function


def _greatest(x: Any, axis: Any) -> Any:
    """The largest element, 0 where it is infinite, so that differences stay defined."""
    top = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
    return np.where(np.isfinite(top), top, x.dtype.type(0))


def _logsumexp(x: Any, axis: Any, keepdims: bool) -> Any:
    top = _greatest(x, axis)
    result = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return result if keepdims else np.squeeze(result, axis=at.axes_of(axis, x.ndim))


def _logsumexp_pullback(v: Expr, out: Expr, x: Expr, axis: Any, keepdims: bool) -> Expr:
    axes = at.axes_of(axis, x.ndim)
    return restored(v, axes, keepdims) * call("softmax", x, axis=axis) if axes else v


logsumexp: Function = reduction(
    "logsumexp",
    "The logarithm of the sum of exponentials along axes: it does not overflow.",
    notes="Of nothing it is −∞.",
    reference=_logsumexp,
    pullbacks=(_logsumexp_pullback,),
    keeps=kept_axes.reduced,
    notation=Notation("logsumexp"),
    facts=Facts(nan="infinite"),
)


EXPONENT_SHIFT = register_control(
    replace(
        logsumexp.op,  # type: ignore[attr-defined]
        name="exponent_shift",
        summary="The largest exponent along axes, 0 where it is infinite or there is none; with a derivative of 0.",
        notes="",
        attributes=(at.AXES,),
        shape=lambda operands, axis: _lengths_of_one(operands[0], axis),
        reference=_greatest,
        pullbacks=(None,),
        keeps=kept_axes.same,
        notation=Notation("shift"),
        facts=Facts(),
        numpy=(),
    )
)


LARGEST_EXPONENT = {size: math.log(np.finfo(f"f{size}").max) * (1 - 2.0**-16) for size in (2, 4, 8)}
"""The largest exponent whose power is finite, by the size of the type."""


def _bounded(x: Any, there: Any) -> Any:
    most = x.dtype.type(LARGEST_EXPONENT[x.dtype.itemsize])
    return np.where(~there & (x > most), most, x)


def _bounded_code(e: Any, x: Any, there: Any) -> Any:
    most = e.number(LARGEST_EXPONENT[x.dtype.type(0).itemsize], x)
    return e.select(e.and_(e.not_(there), e.compare("gt", x, most)), most, x)


BOUNDED_EXPONENT = register_control(
    Op(
        name="bounded_exponent",
        params=("x", "there"),
        summary="An exponent x; where nothing is to be there, none whose power is infinite. With a derivative of 1.",
        notes="Of a term that is 0 by another factor: 0·∞ is NaN, and so are its slopes; those of 0·(nearly ∞) are right.",
        types=TypeRule(lambda dtypes: (dtypes, dtypes[0])),
        reference=_bounded,
        notation=Notation("bounded"),
        partials=(lambda out, x, there: 1, None),
        emit=_bounded_code,
        category="control",
    )
)


def _lengths_of_one(x: Expr, axis: Any) -> tuple[Dim, ...]:
    axes = at.axes_of(axis, x.ndim)
    return tuple([1 if place in axes else dim for place, dim in enumerate(x.shape)])


def _softmax(x: Any, axis: Any) -> Any:
    powers = np.exp(x - _greatest(x, axis))
    return powers / np.sum(powers, axis=axis, keepdims=True)


def _log_softmax(x: Any, axis: Any) -> Any:
    shifted = x - _greatest(x, axis)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


_EVERY = Attribute("axis", at.AXES.check, -1)


def _same_shape(operands: tuple[Expr, ...], *_: Any) -> tuple[Dim, ...]:
    if not operands[0].shape:
        raise ShapeError("a scalar has no axis", node=repr(operands[0]))
    return operands[0].shape


softmax: Function = reduction(
    "softmax",
    "exp(x) over its sum along an axis, the last by default: positive, and 1 in sum.",
    attributes=(_EVERY,),
    shape=_same_shape,
    reference=_softmax,
    pullbacks=(lambda v, out, x, axis: out * (v - summed(v * out, axis, True)),),
    keeps=kept_axes.same,
    facts=Facts(range=(0.0, 1.0), nan="infinite"),
)

log_softmax: Function = reduction(
    "log_softmax",
    "The logarithm of `softmax`, as x − logsumexp(x): it does not underflow.",
    attributes=(_EVERY,),
    shape=_same_shape,
    reference=_log_softmax,
    pullbacks=(lambda v, out, x, axis: v - exp(out) * summed(v, axis, True),),
    keeps=kept_axes.same,
    facts=Facts(range=(-np.inf, 0.0), nan="infinite"),
)


__all__ = ["BOUNDED_EXPONENT", "EXPONENT_SHIFT", "log_softmax", "logsumexp", "softmax"]

"""The times of an integration, as users give them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from graphc.errors import DtypeError, ExpressionError, InputError, ShapeError, brief
from graphc.ir.expr import Expr, cast, constant, current_site
from graphc.ir.types import DType, format_shape
from graphc.ops.support.build import call


class Times(NamedTuple):
    """When states are asked for.

    begin : the time of the first state; later : those behind it, an array, or where only one state is asked for its time
    end : the last one; single : whether only one state is asked for
    """

    begin: Expr
    later: Expr
    end: Expr
    single: bool


def read_times(t: Any, dtype: DType) -> Times:
    """What a user says of the times."""
    times = _as_times(t, dtype)
    if times.dtype.kind not in "iuf":
        raise DtypeError(
            f"the times of odeint are {times.dtype}",
            node=repr(times),
            site=times.site or current_site(),
            hint="times are numbers",
        )
    times = times if times.dtype == dtype else cast(times, dtype)
    if times.ndim > 1:
        raise ShapeError(
            f"the times of odeint have shape {format_shape(times.shape)}",
            node=repr(times),
            site=times.site or current_site(),
            hint="give them in one axis: the time of y0, then those to be asked for",
        )
    if not times.ndim:
        return Times(constant(0.0, dtype), times, times, True)
    if times.shape[0] == 0:
        raise ShapeError("odeint has no times", site=current_site(), hint="the first one is that of y0")
    return of_array(times)


def of_array(times: Expr) -> Times:
    """Those of an array, the first one that of the state at the beginning."""
    return Times(times[0], times[1:], times[-1], False)


def _as_times(t: Any, dtype: DType) -> Expr:
    if isinstance(t, Expr):
        if t.is_constant:
            _refuse_unsorted(np.asarray(t.value))
        return t
    if isinstance(t, Sequence) and not isinstance(t, str) and any(isinstance(each, Expr) for each in t):
        parts = [each if isinstance(each, Expr) else constant(each) for each in t]
        wrong = next((part for part in parts if part.shape), None)
        if wrong is not None:
            raise ShapeError(
                f"a time of odeint has shape {format_shape(wrong.shape)}",
                node=repr(wrong),
                site=wrong.site or current_site(),
                hint="write one array of times, or a list of single ones",
            )
        return call("stack", *(part if part.dtype == dtype else cast(part, dtype) for part in parts), axis=0)
    try:
        times = constant(t if np.ndim(t) == 0 else np.asarray(t))
    except (ValueError, TypeError):
        raise ExpressionError(
            f"the times of odeint are no array: {brief(t, 80)}",
            site=current_site(),
            hint="write [0.0, 1.0, 2.0]",
        ) from None
    _refuse_unsorted(np.asarray(times.value))
    return times


def _refuse_unsorted(values: np.ndarray) -> None:
    if values.dtype.kind not in "iuf":
        return
    if not np.isfinite(values).all():
        raise InputError("a time of odeint is not finite", hint="give the times as numbers")
    if values.ndim != 1 or len(values) < 3:
        return
    changes = np.diff(values.astype(float))
    forwards = values[-1] >= values[0]
    wrong = np.flatnonzero(changes < 0 if forwards else changes > 0)
    if len(wrong):
        place = int(wrong[0])
        raise InputError(
            f"the times of odeint are not sorted: {values[place]:g} is followed by {values[place + 1]:g}",
            hint="sort them; they may fall as well as rise",
        )


__all__ = ["Times", "of_array", "read_times"]

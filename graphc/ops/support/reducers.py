"""How reductions are put together from elements: sums, products, extremes, and the places of extremes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from graphc.ir.op import Reducer
from graphc.ir.types import BOOL, DType

ADDITION = Reducer(
    identity=lambda dtype: -0.0 if dtype.kind == "f" else 0,  # 0.0 would take the sign from −0.0
    combine="add",
    packed=True,
    compensated=True,
)

PARTIAL_SUMS = replace(ADDITION, compensated=False, along_axes=False)
"""Of what adds up results of parts of a batch, as the gradient of a convolution by its kernel."""

MULTIPLICATION = Reducer(identity=lambda dtype: 1, combine="multiply", packed=True)


def _end(dtype: DType, low: bool) -> Any:
    """The least value of a type, or the greatest."""
    if dtype.kind == "f":
        return -np.inf if low else np.inf
    if dtype.kind == "b":
        return not low
    ends = np.iinfo(dtype)
    return ends.min if low else ends.max


def extreme(largest: bool) -> Reducer:
    """The largest element or the smallest; NaN where there is one."""

    def emit(e: Any, x: Any, y: Any) -> Any:
        if x.dtype == BOOL:
            return e.or_(x, y) if largest else e.and_(x, y)
        # of zeros any comes out, as with NumPy: `maximum`, which looks at their signs, takes a fifth longer on rows in cache
        better = e.compare("ge" if largest else "le", x, y)
        return e.select(e.or_(better, e.isnan(x)), x, y)

    combine = "maximum" if largest else "minimum"
    return Reducer(identity=lambda dtype: _end(dtype, largest), combine=combine, emit=emit, packed=True)


def place_of_extreme(largest: bool) -> Reducer:
    """The place of the largest element or of the smallest."""

    def prefers(e: Any, x: Any, y: Any) -> Any:
        if x.dtype != BOOL:
            return e.compare("gt" if largest else "lt", x, y)
        return e.and_(x, e.not_(y)) if largest else e.and_(y, e.not_(x))

    return replace(extreme(largest), prefers=prefers)


def logical(combine: str, identity: bool) -> Reducer:
    """An operation of two booleans along axes."""
    return Reducer(identity=lambda dtype: identity, combine=combine)


__all__ = ["ADDITION", "MULTIPLICATION", "PARTIAL_SUMS", "extreme", "logical", "place_of_extreme"]

"""What rounding takes from a product, as an operation that no rule takes for the 0 that it is over the real numbers.

Source: Dekker, A floating-point technique for extending the available precision (1971).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir.op import Notation, Op, register_control
from graphc.ir.types import TypeRule
from graphc.ops.support.declare import Function, builder

_SPLIT = {8: 134217729.0, 4: 4097.0, 2: 65.0}
"""2ⁿ + 1, by the size of the type: a number times this leaves its upper half of the digits."""

_LARGE = {8: 1e150, 4: 1e18, 2: 60.0}
"""Beyond this, by the size of the type, the error of a product is not computed: its steps could overflow."""


def _reference(x: Any, y: Any) -> Any:
    with np.errstate(all="ignore"):
        p = x * y
        split = p.dtype.type(_SPLIT[p.dtype.itemsize])
        a, c = (split * z - (split * z - z) for z in (x, y))
        b, d = x - a, y - c
        error = b * d - (((p - a * c) - b * c) - a * d)
        limit = _LARGE[p.dtype.itemsize]
        return np.where((np.abs(x) < limit) & (np.abs(y) < limit), error, p.dtype.type(0))


def _code(e: Any, x: Any, y: Any) -> Any:
    p, size = e.mul(x, y), x.dtype.type(0).itemsize
    parts = []
    for z in (x, y):
        wide = e.mul(e.number(_SPLIT[size], z), z)
        high = e.sub(wide, e.sub(wide, z))
        parts += [high, e.sub(z, high)]
    a, b, c, d = parts
    rest = e.sub(e.sub(e.sub(p, e.mul(a, c)), e.mul(b, c)), e.mul(a, d))
    error = e.sub(e.mul(b, d), rest)
    for z in (x, y):
        within = e.compare("lt", e.intrinsic("fabs", z), e.number(_LARGE[size], z))
        error = e.select(within, error, e.number(0.0, p))
    return error


MULTIPLY_ERROR = register_control(
    Op(
        name="multiply_error",
        params=("x", "y"),
        summary="What rounding takes from x·y: the float e with x·y = (x·y rounded) + e; 0 where a factor is huge.",
        types=TypeRule(lambda dtypes: (dtypes, dtypes[0])),
        reference=_reference,
        notation=Notation("multiply_error"),
        partials=(None, None),
        emit=_code,
        category="control",
    )
)

multiply_error: Function = builder(MULTIPLY_ERROR)

__all__ = ["MULTIPLY_ERROR", "multiply_error"]

"""Sums, products and recurrences that run along an axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir.dims import Dim
from graphc.ir.expr import Expr, cast
from graphc.ir.op import Notation, Op
from graphc.ir.types import ACCUMULATED, FLOATING
from graphc.ops.comparison import not_equal
from graphc.ops.reduce import reduction
from graphc.ops.support import attributes as at
from graphc.ops.support.build import broadcast, call, merged, shifted, unmerged
from graphc.ops.support.declare import Function, declare_arrays

# --- along an axis ----------------------------------------------------------------------------------------------------------


def _running(operands: tuple[Expr, ...], *_: Any) -> tuple[Dim, ...]:
    return operands[0].shape


def _from_the_end(x: Expr, axis: int) -> Expr:
    """The sum of each element and all after it."""
    return call("flip", call("cumsum", call("flip", x, axis=axis), axis=axis), axis=axis)


cumsum: Function = reduction(
    "cumsum",
    "The sum of each element and all before it along an axis, which may be left out of a vector.",
    types=ACCUMULATED,
    attributes=(at.ONE_WAY,),
    shape=_running,
    reference=lambda x, axis: np.cumsum(x, axis=axis, dtype=x.dtype),
    pullbacks=(lambda v, out, x, axis: _from_the_end(v, axis),),
    linear="jointly",
    moves=True,
    numpy=(np.cumsum,),
    refuses=False,
)


def _recurrence(a: Any, b: Any) -> Any:
    """y[i] = a[i]·y[i−1] + b[i] along the last axis."""
    result = np.array(b, dtype=b.dtype, copy=True)
    for place in range(1, b.shape[-1]):
        result[..., place] += a[..., place] * result[..., place - 1]
    return result


def _recurrence_shape(operands: tuple[Expr, ...]) -> tuple[Dim, ...]:
    if operands[0].shape != operands[1].shape or not operands[0].shape:
        raise at.refuse_shape("a recurrence needs two arrays of one shape", operands)
    return operands[0].shape


def _recurrence_adjoint(v: Expr, a: Expr) -> Expr:
    """w[i] = v[i] + a[i+1]·w[i+1]: a recurrence from the end."""
    last = a.ndim - 1
    turned = shifted(call("flip", a, axis=last), 0.0)
    return call("flip", call("linear_recurrence", turned, call("flip", v, axis=last)), axis=last)


def _reads_recurrence(used: Expr | None, out: Expr, operands: tuple[Expr, ...], slot: int) -> Expr | None:
    """What comes before some element that is used; the first factor multiplies nothing."""
    before = None if used is None else not_equal(_from_the_end(cast(used, out.dtype), out.ndim - 1), 0)
    if slot:
        return before
    factors = broadcast(not_equal(call("arange", start=0, stop=out.shape[-1]), 0), out)
    return factors if before is None else factors & before


linear_recurrence: Function = declare_arrays(
    Op(
        name="linear_recurrence",
        params=("a", "b"),
        summary="y with y[i] = a[i]·y[i−1] + b[i] along the last axis, y[−1] being 0.",
        types=FLOATING,
        reference=_recurrence,
        shape=_recurrence_shape,
        pullbacks=(
            lambda v, out, a, b: _recurrence_adjoint(v, a) * shifted(out, 0.0),
            lambda v, out, a, b: _recurrence_adjoint(v, a),
        ),
        reads=_reads_recurrence,
        batch=lambda b, operands, batched: call(
            "linear_recurrence", *[b.lifted(x, own) for x, own in zip(operands, batched, strict=True)]
        ),
        notation=Notation("recurrence"),
        category="reduction",
        refuses=False,
    )
)


def _reads_products(
    used: Expr | None, out: Expr, operands: tuple[Expr, ...], slot: int, axis: int
) -> Expr | None:
    """The elements before some element of the result that is used."""
    return None if used is None else not_equal(_from_the_end(cast(used, out.dtype), axis), 0)


def _cumprod_pullback(v: Expr, out: Expr, x: Expr, axis: int) -> Expr:
    """Divides by nothing, so it is right where elements are 0: p[i] = x[i]·p[i−1], differentiated."""
    row, back, products = (merged(item, (axis,)) for item in (x, v, out))
    return unmerged(_recurrence_adjoint(back, row) * shifted(products, 1.0), x, (axis,))


cumprod: Function = reduction(
    "cumprod",
    "The product of each element and all before it along an axis, which may be left out of a vector.",
    types=ACCUMULATED,
    attributes=(at.ONE_WAY,),
    shape=_running,
    reference=lambda x, axis: np.cumprod(x, axis=axis, dtype=x.dtype),
    pullbacks=(_cumprod_pullback,),
    reads=_reads_products,
    numpy=(np.cumprod,),
    refuses=False,
)


__all__ = [
    "cumprod", "cumsum", "linear_recurrence",
]  # fmt: skip

"""Powers: of any exponent, and those that are met most."""

from __future__ import annotations

import math

import numpy as np

from graphc.errors import DtypeError
from graphc.ir import ranges
from graphc.ir.op import ATOM, POWER, UNARY, Facts, Kink, Notation, Op
from graphc.ir.ranges import ANYTHING, INF, Range
from graphc.ir.types import TypeRule, floating, like_ufunc
from graphc.ops.arithmetic import WIDE
from graphc.ops.comparison import equal, where
from graphc.ops.elementary import log
from graphc.ops.support.declare import Function, declare, like


def _pow_dx(out, x, y):
    if y.is_constant and not y.shape:
        exponent = y.value
        if exponent == 0:
            return 0
        if exponent == 1:
            return 1
        if exponent == 2:
            return 2 * x
        return y * x ** like(exponent - 1, y)
    power = x ** (y - 1)
    from_power = y * power
    # 0 at y = 0 alone would lose the slope by y, which is 1/x there
    return where(equal(y, 0) & ~(abs(power) < math.inf), like(0, from_power), from_power)


def _pow_dy(out, x, y):
    slope = out * log(x)
    return where(equal(x, 0) & (y >= 0), like(0, slope), slope)


def _int_pow_reference(x, y):
    """Integer powers by repeated multiplication; a negative exponent gives the reciprocal rounded towards 0."""
    if y.dtype.kind == "u":
        return np.power(x, y)
    result = np.power(x, np.where(y < 0, 0, y).astype(y.dtype))
    reciprocal = np.where(x == 1, 1, np.where(x == -1, np.where(y % 2 == 0, 1, -1), 0))
    return np.where(y < 0, reciprocal, result).astype(np.result_type(x, y))


def _pow_reference(x, y):
    if np.result_type(x, y).kind == "f":
        return np.power(x, y)
    return _int_pow_reference(np.asarray(x), np.asarray(y))[()]


def _pow_types(dtypes):
    signature = _numpy_pow(dtypes)
    if any(dtype.kind == "b" for dtype in dtypes) and signature[1].kind != "f":
        raise DtypeError("pow does not take booleans", hint='write g.astype(x, "int64")')
    return signature


_numpy_pow = like_ufunc(np.power)


def _pow_bounds(x: Range, y: Range) -> Range:
    if y.lo == y.hi and y.lo == int(y.lo if math.isfinite(y.lo) else 0) and y.lo % 2 == 0:
        return Range(0.0, INF, x.nan)
    if x.positive or (x.nonnegative and y.nonnegative):
        return Range(0.0, INF, x.nan or y.nan)
    return Range(nan=x.nan or y.nan) if x.nonnegative else ANYTHING  # −0 to the power −1 is −∞


pow: Function = declare(
    Op(
        name="pow",
        params=("x", "y"),
        summary="The power x**y.",
        notes=(
            "IEEE 754's pow: pow(x, 0) = 1 for every x, NaN for x < 0 unless y is an integer. An integer to a negative integer "
            "power is the reciprocal rounded towards 0 (NumPy raises at run time). The partial by y at x = 0, y ≥ 0 is 0."
        ),
        types=TypeRule(_pow_types),
        reference=_pow_reference,
        formula=lambda S, x, y: x**y,
        domain=((1e-2, 20.0), (-5.0, 5.0)),
        partials=(_pow_dx, _pow_dy),
        kinks=(Kink((0.0, 2.0), (0.0, 0.0), "the limit of x**2·log x as x decreases to 0"),),
        emit=lambda e, x, y: e.call("pow", x, y) if e.is_float(x) else e.int_pow(x, y),
        notation=Notation("pow", "[0]**[1]", "{[0]}^{<1>}", POWER, ATOM, UNARY),
        facts=Facts(bounds=_pow_bounds),
        specials=(((np.nan, 0.0), 1.0), ((1.0, np.nan), 1.0), ((0.0, 0.0), 1.0), ((-8.0, 1 / 3), np.nan)),
        ulps=1.0,
        ufuncs=(np.power, np.float_power),
        sympy=("Pow",),
        operator="x ** y",
        nanoseconds=4.8,
        texts={"python": "math.pow", "javascript": "pow"},
    )
)

reciprocal: Function = declare(
    Op(
        name="reciprocal",
        params=("x",),
        summary="The reciprocal 1/x; of an integer a float, unlike NumPy's.",
        types=TypeRule(floating),
        reference=lambda x: np.true_divide(x.dtype.type(1), x),
        formula=lambda S, x: 1 / x,
        domain=((1e-3, 1e3),),
        partials=(lambda out, x: -(out * out),),
        emit=lambda e, x: e.div(e.number(1.0, x), x),
        notation=Notation("^−1", None, r"\frac{1}{<0>}", latex_precedence=ATOM - 5),
        facts=Facts(
            inverse="reciprocal",
            parity="odd",
            nan="never",
            bounds=lambda x: ranges.divide(Range(1.0, 1.0, False), x),
        ),
        ulps=0.5,
        ufuncs=(np.reciprocal,),
        nanoseconds=0.4,
    )
)

square: Function = declare(
    Op(
        name="square",
        params=("x",),
        summary="The square x·x.",
        types=like_ufunc(np.square),
        reference=np.square,
        formula=lambda S, x: x**2,
        domain=(WIDE,),
        partials=(lambda out, x: 2 * x,),
        emit=lambda e, x: e.mul(x, x),
        notation=Notation("^2", None, "{[0]}^{2}", latex_precedence=POWER, left=ATOM),
        facts=Facts(parity="even", range=(0.0, np.inf), nan="never", bounds=ranges.square),
        ulps=0.5,
        ufuncs=(np.square,),
    )
)


__all__ = ["pow", "reciprocal", "square"]

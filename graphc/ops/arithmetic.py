"""Arithmetic: what Python's operators build."""

from __future__ import annotations

import numpy as np

from graphc.ir import ranges
from graphc.ir.expr import cast
from graphc.ir.op import ATOM, PRODUCT, SUM, UNARY, Facts, Kink, Notation, Op
from graphc.ir.types import TypeRule, like_ufunc
from graphc.ops.support.declare import Function, declare, with_checks

WIDE = (-1e3, 1e3)

add: Function = declare(
    Op(
        name="add",
        params=("x", "y"),
        summary="The sum x + y.",
        types=like_ufunc(np.add),
        reference=np.add,
        formula=lambda S, x, y: x + y,
        domain=(WIDE, WIDE),
        partials=(lambda out, x, y: 1, lambda out, x, y: 1),
        emit=lambda e, x, y: e.add(x, y),
        notation=Notation("+", "[0] + [1]", "[0] + [1]", SUM, SUM, SUM + 1),
        facts=Facts(commutative=True, associative=True, identity=-0.0, bounds=ranges.add),
        ulps=0.5,
        ufuncs=(np.add,),
        operator="x + y",
    )
)

subtract: Function = declare(
    Op(
        name="subtract",
        params=("x", "y"),
        summary="The difference x − y.",
        types=like_ufunc(np.subtract),
        reference=np.subtract,
        formula=lambda S, x, y: x - y,
        domain=(WIDE, WIDE),
        partials=(lambda out, x, y: 1, lambda out, x, y: -1),
        emit=lambda e, x, y: e.sub(x, y),
        notation=Notation("−", "[0] - [1]", "[0] - [1]", SUM, SUM, SUM + 1),
        facts=Facts(identity=0.0, bounds=lambda x, y: ranges.add(x, ranges.negative(y))),
        ulps=0.5,
        ufuncs=(np.subtract,),
        operator="x - y",
    )
)

multiply: Function = declare(
    Op(
        name="multiply",
        params=("x", "y"),
        summary="The product x·y.",
        types=like_ufunc(np.multiply),
        reference=np.multiply,
        formula=lambda S, x, y: x * y,
        domain=(WIDE, WIDE),
        partials=(lambda out, x, y: y, lambda out, x, y: x),
        emit=lambda e, x, y: e.mul(x, y),
        notation=Notation("×", "[0]*[1]", r"[0] \cdot [1]", PRODUCT, PRODUCT, PRODUCT + 1),
        facts=Facts(commutative=True, associative=True, identity=1.0, bounds=ranges.multiply),
        ulps=0.5,
        ufuncs=(np.multiply,),
        operator="x * y",
    )
)

divide: Function = declare(
    Op(
        name="divide",
        params=("x", "y"),
        summary="The quotient x/y; of integers a float, as in NumPy.",
        types=like_ufunc(np.true_divide),
        reference=np.true_divide,
        formula=lambda S, x, y: x / y,
        domain=(WIDE, (1e-3, 1e3)),
        partials=(lambda out, x, y: 1 / y, lambda out, x, y: -out / y),
        emit=lambda e, x, y: e.div(x, y),
        notation=Notation("÷", "[0]/[1]", r"\frac{<0>}{<1>}", PRODUCT, PRODUCT, PRODUCT + 1, ATOM - 5),
        facts=Facts(identity=1.0, bounds=ranges.divide),
        ulps=0.5,
        ufuncs=(np.true_divide,),
        operator="x / y",
        nanoseconds=0.4,
    )
)


def _float_floor_divide(e, x, y):
    """NumPy's algorithm (`npy_floor_divide`): exact even where x/y rounds up to the next integer."""
    zero, one = e.number(0.0, x), e.number(1.0, x)
    quotient = e.div(x, y)
    rest = e.frem(x, y)
    div = e.div(e.sub(x, rest), y)
    crossed = e.and_(
        e.compare("ne", rest, zero), e.xor_(e.compare("lt", y, zero), e.compare("lt", rest, zero))
    )
    div = e.select(crossed, e.sub(div, one), div)
    floor = e.intrinsic("floor", div)
    floor = e.select(e.compare("gt", e.sub(div, floor), e.number(0.5, x)), e.add(floor, one), floor)
    result = e.select(e.compare("eq", div, zero), e.intrinsic("copysign", zero, quotient), floor)
    return e.select(e.compare("eq", y, zero), quotient, result)


def _float_mod(e, x, y):
    """NumPy's algorithm (`npy_remainder`): the sign of the divisor, zeros included."""
    zero = e.number(0.0, x)
    rest = e.frem(x, y)
    opposite = e.xor_(e.compare("lt", y, zero), e.compare("lt", rest, zero))
    signed = e.select(opposite, e.add(rest, y), rest)
    result = e.select(e.compare("eq", rest, zero), e.intrinsic("copysign", zero, y), signed)
    return e.select(e.compare("eq", y, zero), rest, result)


floor_divide: Function = declare(
    Op(
        name="floor_divide",
        params=("x", "y"),
        summary="The quotient rounded towards −∞: ⌊x/y⌋.",
        notes="Piecewise constant: its derivative is 0. Division of integers by zero gives 0, as in NumPy.",
        types=like_ufunc(np.floor_divide),
        reference=np.floor_divide,
        formula=lambda S, x, y: S.floor(x / y),
        domain=((-1e3, 1e3), (1.0, 10.0)),
        smooth_at=lambda x, y: np.fabs(x / y - np.rint(x / y)) > 1e-6,
        partials=(None, None),
        emit=lambda e, x, y: _float_floor_divide(e, x, y) if e.is_float(x) else e.int_floor_divide(x, y),
        notation=Notation(
            "⌊÷⌋",
            "[0] // [1]",
            r"\left\lfloor \frac{<0>}{<1>} \right\rfloor",
            PRODUCT,
            PRODUCT,
            PRODUCT + 1,
            ATOM,
        ),
        ulps=0.5,
        ufuncs=(np.floor_divide,),
        operator="x // y",
        nanoseconds=1.0,
    )
)

mod: Function = declare(
    Op(
        name="mod",
        params=("x", "y"),
        summary="The remainder x − y·⌊x/y⌋, with the sign of y, as Python's % and NumPy's mod.",
        notes="The remainder of integers by zero is 0, as in NumPy.",
        types=like_ufunc(np.remainder),
        reference=np.remainder,
        formula=lambda S, x, y: S.Mod(x, y),
        domain=((-1e3, 1e3), (1.0, 10.0)),
        smooth_at=lambda x, y: np.fabs(x / y - np.rint(x / y)) > 1e-6,
        partials=(lambda out, x, y: 1, lambda out, x, y: -floor_divide(x, y)),
        emit=lambda e, x, y: _float_mod(e, x, y) if e.is_float(x) else e.int_mod(x, y),
        notation=Notation("mod", "[0] % [1]", r"[0] \bmod [1]", PRODUCT, PRODUCT, PRODUCT + 1),
        ulps=1.0,
        ufuncs=(np.remainder,),
        sympy=("Mod",),
        operator="x % y",
        nanoseconds=8.0,
    )
)

negative: Function = declare(
    Op(
        name="negative",
        params=("x",),
        summary="The negation −x.",
        types=like_ufunc(np.negative),
        reference=np.negative,
        formula=lambda S, x: -x,
        domain=(WIDE,),
        partials=(lambda out, x: -1,),
        emit=lambda e, x: e.neg(x),
        notation=Notation("×−1", "-[0]", "-[0]", UNARY, UNARY, UNARY),
        facts=Facts(
            involution=True,
            inverse="negative",
            parity="odd",
            monotone=-1,
            nan="never",
            bounds=ranges.negative,
        ),
        ulps=0.5,
        ufuncs=(np.negative,),
        operator="-x",
    )
)

abs: Function = declare(
    Op(
        name="abs",
        params=("x",),
        summary="The absolute value |x|.",
        types=like_ufunc(np.absolute),
        reference=np.absolute,
        formula=lambda S, x: S.Abs(x),
        domain=(WIDE,),
        smooth_at=lambda x: x != 0,
        partials=(lambda out, x: sign(x),),
        kinks=(Kink((0.0,), (0.0,), "the mean of the derivatives −1 and 1 on either side"),),
        emit=lambda e, x: e.abs(x),
        notation=Notation("|·|", "abs(<0>)", r"\left|<0>\right|"),
        facts=Facts(idempotent=True, parity="even", range=(0.0, np.inf), nan="never", bounds=ranges.absolute),
        ulps=0.5,
        ufuncs=(np.absolute, np.fabs),
        sympy=("Abs",),
        operator="abs(x)",
    )
)

sign: Function = declare(
    Op(
        name="sign",
        params=("x",),
        summary="The sign of x: −1, 0 or 1; NaN for NaN.",
        notes="Piecewise constant: its derivative is 0.",
        types=like_ufunc(np.sign),
        reference=np.sign,
        formula=lambda S, x: S.sign(x),
        domain=(WIDE,),
        smooth_at=lambda x: x != 0,
        partials=(None,),
        kinks=(Kink((0.0,), (0.0,), "the function jumps; the derivative on either side is 0"),),
        emit=lambda e, x: e.sign(x),
        notation=Notation("sign"),
        facts=Facts(idempotent=True, monotone=1, range=(-1.0, 1.0), nan="never"),
        ulps=0.5,
        ufuncs=(np.sign,),
        sympy=("sign",),
    )
)


def _saturating_cast(x, name):
    """A cast that is defined everywhere: floats outside an integer type go to its nearest end, NaN to 0."""
    x, target = np.asarray(x), np.dtype(name)
    if x.dtype.kind == "f" and target.kind in "iu":
        ends = np.iinfo(target)
        inside = np.nan_to_num(np.trunc(x), nan=0.0, posinf=np.inf, neginf=-np.inf)
        # the upper end of a wide type is not a float: compare first, then convert what is inside
        low, high = inside <= float(ends.min), inside >= float(ends.max)
        safe = np.where(low | high, 0, inside).astype(target)
        x = np.where(low, ends.min, np.where(high, ends.max, safe))
    return x.astype(target)[()]


ASTYPE = Op(
    name="astype",
    params=("x",),
    summary="x as another dtype.",
    notes=(
        "A float outside an integer type's range goes to the nearest end and NaN to 0 (NumPy leaves this undefined); "
        "to bool, everything but 0 is True. The derivative is 1 between float types and 0 otherwise."
    ),
    types=TypeRule(lambda dtypes: (dtypes, dtypes[0])),
    reference=_saturating_cast,
    formula=lambda S, x: x,
    domain=(WIDE,),
    partials=(lambda out, x: 1 if out.dtype.kind == "f" else 0,),
    emit=lambda e, x, name: e.convert(x, np.dtype(name)),
    notation=Notation("astype"),
    ulps=0.5,
)
declare(ASTYPE)


@with_checks(ASTYPE)
def astype(x, dtype):
    """`x` as another dtype: one node of the graph, as written.

    dtype : bool, an integer type, float32 or float64, as a NumPy dtype or its name

    A float outside an integer type's range goes to the nearest end and NaN to 0 (NumPy leaves this undefined); to bool,
    everything but 0 is True. The derivative is 1 between float types and 0 otherwise. Raises `DtypeError` for any other dtype.
    """
    return cast(x, dtype)


__all__ = [
    "abs", "add", "astype", "divide", "floor_divide", "mod", "multiply", "negative", "sign", "subtract",
]  # fmt: skip

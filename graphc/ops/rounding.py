"""Rounding to whole numbers, and what rounding takes from a sum: every derivative is 0."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphc.ir.op import Facts, Kink, Notation, Op
from graphc.ir.types import TypeRule, floating, like_ufunc
from graphc.ops.support.declare import Function, declare


def _rounding(name, ufunc, intrinsic, label, latex, summary, formula, jumps, ufuncs=(), sympy=()):
    return declare(
        Op(
            name=name,
            params=("x",),
            summary=summary,
            notes="Piecewise constant: its derivative is 0, at the jumps as well. Integers stay as they are.",
            types=like_ufunc(ufunc),
            reference=ufunc,
            formula=formula,
            domain=((-1e3, 1e3),),
            smooth_at=lambda x: np.fabs(x - jumps - np.rint(x - jumps)) > 1e-6,
            partials=(None,),
            kinks=(Kink((1.0 + jumps,), (0.0,), "the function jumps; the derivative on either side is 0"),),
            emit=lambda e, x: e.intrinsic(intrinsic, x) if e.is_float(x) else x,
            notation=Notation(label, None, latex),
            facts=Facts(idempotent=True, monotone=1, nan="never"),
            ulps=0.5,
            ufuncs=(ufunc, *ufuncs),
            sympy=sympy,
            category="rounding",
        )
    )


floor: Function = _rounding(
    "floor", np.floor, "floor", "⌊·⌋", r"\left\lfloor <0> \right\rfloor",
    "The largest whole number not above x.", lambda S, x: S.floor(x), 0.0, sympy=("floor",),
)  # fmt: skip
ceil: Function = _rounding(
    "ceil", np.ceil, "ceil", "⌈·⌉", r"\left\lceil <0> \right\rceil",
    "The smallest whole number not below x.", lambda S, x: S.ceiling(x), 0.0, sympy=("ceiling",),
)  # fmt: skip
trunc: Function = _rounding(
    "trunc", np.trunc, "trunc", "trunc", None,
    "x rounded towards 0.", lambda S, x: S.sign(x) * S.floor(S.Abs(x)), 0.0,
)  # fmt: skip
round: Function = _rounding(
    "round", np.rint, "roundeven", "round", None,
    "The nearest whole number; halves go to the even neighbour, as in NumPy.",
    lambda S, x: S.ceiling(x / 2 - S.Rational(1, 4)) + S.floor(x / 2 + S.Rational(1, 4)), 0.5,
)  # fmt: skip

LARGE = {8: 1.7e308, 4: 3.4e38, 2: 6.5e4}
"""Beyond this, by the size of the type, the error of a sum is not computed: its steps could overflow before the sum does."""


def _add_error_reference(x: Any, y: Any) -> Any:
    with np.errstate(all="ignore"):
        s = x + y
        b = s - x
        error = (x - (s - b)) + (y - b)
        return np.where(np.abs(s) < LARGE[s.dtype.itemsize], error, s.dtype.type(0))


def _add_error_code(e: Any, x: Any, y: Any) -> Any:
    s = e.add(x, y)
    b = e.sub(s, x)
    error = e.add(e.sub(x, e.sub(s, b)), e.sub(y, b))
    within = e.compare(
        "lt", e.intrinsic("fabs", s), e.number(float(s.dtype.type(LARGE[s.dtype.itemsize])), s)
    )
    return e.select(within, error, e.number(0.0, s))


add_error: Function = declare(
    Op(
        name="add_error",
        params=("x", "y"),
        summary="What rounding takes from x + y: the float e with x + y = (x + y rounded) + e.",
        notes=(
            "By Knuth's TwoSum (The Art of Computer Programming 2, 4.2.2), which rewriting would take for the 0 that it is "
            "over the real numbers. It is 0 where the sum is huge, infinite or NaN; its derivatives are 0."
        ),
        types=TypeRule(floating),
        reference=_add_error_reference,
        formula=lambda S, x, y: S.Integer(0),
        domain=((-1e3, 1e3), (-1e3, 1e3)),
        ulps=math.inf,  # of the 0 that it is over the real numbers
        partials=(None, None),
        emit=_add_error_code,
        notation=Notation("add_error"),
        facts=Facts(nan="never"),
        category="rounding",
    )
)

__all__ = ["add_error", "ceil", "floor", "round", "trunc"]

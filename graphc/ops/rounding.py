"""Rounding to whole numbers: piecewise constant, so every derivative is 0."""

from __future__ import annotations

import numpy as np

from graphc.ir.op import Facts, Kink, Notation, Op
from graphc.ir.types import like_ufunc
from graphc.ops.support.declare import declare


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


floor = _rounding(
    "floor", np.floor, "floor", "⌊·⌋", r"\left\lfloor <0> \right\rfloor",
    "The largest whole number not above x.", lambda S, x: S.floor(x), 0.0, sympy=("floor",),
)  # fmt: skip
ceil = _rounding(
    "ceil", np.ceil, "ceil", "⌈·⌉", r"\left\lceil <0> \right\rceil",
    "The smallest whole number not below x.", lambda S, x: S.ceiling(x), 0.0, sympy=("ceiling",),
)  # fmt: skip
trunc = _rounding(
    "trunc", np.trunc, "trunc", "trunc", None,
    "x rounded towards 0.", lambda S, x: S.sign(x) * S.floor(S.Abs(x)), 0.0,
)  # fmt: skip
round = _rounding(
    "round", np.rint, "roundeven", "round", None,
    "The nearest whole number; halves go to the even neighbour, as in NumPy.",
    lambda S, x: S.floor(x + S.Rational(1, 2)), 0.5,
)  # fmt: skip

__all__ = ["ceil", "floor", "round", "trunc"]

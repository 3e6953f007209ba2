"""The logistic family: sigmoid, softplus, log-sigmoid and logaddexp, without overflow.

Each is one node with its own partial and a function of its own as machine code; `expand` is a numerically careful form in user
syntax, for processors that cannot run that.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphc.ir.expr import Expr
from graphc.ir.op import Facts, Notation, Op
from graphc.ir.ranges import Range
from graphc.ir.types import TypeRule, floating, like_ufunc
from graphc.ops.comparison import equal, maximum, minimum, where
from graphc.ops.elementary import exp, log1p
from graphc.ops.support.declare import Function, declare, like

_SCIPYS = {"sigmoid": ("expit",), "log_sigmoid": ("log_expit",)}


def _logistic(name, reference, formula, partials, summary, **more):
    more.setdefault("notation", Notation(more.pop("label", name)))
    more.setdefault("emit", lambda e, x: e.call(name, x))
    return declare(
        Op(
            name=name,
            params=("x",),
            summary=summary,
            types=TypeRule(floating),
            reference=reference,
            formula=formula,
            domain=((-30.0, 30.0),),
            partials=partials,
            category="logistic",
            scipy=_SCIPYS.get(name, ()),
            **more,
        )
    )


def expit(x: Any) -> Expr:
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, x.dtype.type(1), small) / (1 + small)


sigmoid: Function = _logistic(
    "sigmoid", expit, lambda S, x: 1 / (1 + S.exp(-x)), (lambda out, x: out * (1 - out),),
    "The logistic function σ(x) = 1/(1 + e⁻ˣ), without overflow.",
    expand=lambda x: where(x >= 0, like(1, x), exp(-abs(x))) / (1 + exp(-abs(x))),
    notation=Notation("σ", None, r"\sigma\left(<0>\right)"),
    facts=Facts(monotone=1, bounded_slope=True, range=(0.0, 1.0), nan="never"), ulps=1.0, reference_ulps=4.0,
    nanoseconds=1.8, texts={"python": "sigmoid", "javascript": "sigmoid"},
)  # fmt: skip

softplus: Function = _logistic(
    "softplus", lambda x: np.logaddexp(x, x.dtype.type(0)), lambda S, x: S.log(1 + S.exp(x)), (lambda out, x: sigmoid(x),),
    "log(1 + eˣ), without overflow.", expand=lambda x: maximum(x, 0) + log1p(exp(-abs(x))),
    facts=Facts(
        monotone=1, bounded_slope=True, range=(0.0, math.inf), nan="never", bounds=lambda x: Range(0.0, math.inf, x.nan)
    ),
    ulps=1.0, reference_ulps=3.0,
    nanoseconds=2.2, texts={"python": "softplus", "javascript": "softplus"},
)  # fmt: skip

log_sigmoid: Function = _logistic(
    "log_sigmoid", lambda x: -np.logaddexp(-x, x.dtype.type(0)), lambda S, x: S.log(1 / (1 + S.exp(-x))),
    (lambda out, x: sigmoid(-x),), "log σ(x) = −log(1 + e⁻ˣ), without overflow.",
    expand=lambda x: minimum(x, 0) - log1p(exp(-abs(x))), label="log σ",
    facts=Facts(monotone=1, bounded_slope=True, range=(-math.inf, 0.0), nan="never"), ulps=1.0, reference_ulps=3.0,
    nanoseconds=2.3, texts={"python": "log_sigmoid", "javascript": "log_sigmoid"},
)  # fmt: skip


def _expand_logaddexp(x, y):
    # the equal case keeps ∞ and −∞ from meeting themselves in a difference
    difference = where(equal(x, y), like(0, x), -abs(x - y))
    return maximum(x, y) + log1p(exp(difference))


logaddexp: Function = declare(
    Op(
        name="logaddexp",
        params=("x", "y"),
        summary="log(eˣ + e^y) without overflow.",
        types=like_ufunc(np.logaddexp),
        reference=np.logaddexp,
        formula=lambda S, x, y: S.log(S.exp(x) + S.exp(y)),
        domain=((-20.0, 20.0), (-20.0, 20.0)),
        partials=(lambda out, x, y: sigmoid(x - y), lambda out, x, y: sigmoid(y - x)),
        emit=lambda e, x, y: e.call("logaddexp", x, y),
        expand=_expand_logaddexp,
        ulps_of_operands=True,
        notation=Notation("logaddexp"),
        facts=Facts(commutative=True, associative=True, nan="never"),
        ufuncs=(np.logaddexp,),
        ulps=1.0,
        reference_ulps=4.0,
        category="logistic",
        nanoseconds=2.5,
        texts={"python": "logaddexp", "javascript": "logaddexp"},
    )
)

__all__ = ["log_sigmoid", "logaddexp", "sigmoid", "softplus"]

"""The incomplete gamma functions and their inverses, by SciPy's compiled functions; densities by deviances."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphc.ir.op import Facts, NoPartial, Notation, Op
from graphc.ir.types import FLOATING
from graphc.ops.beta import beta_density, power_less_one
from graphc.ops.comparison import equal, where
from graphc.ops.elementary import exp
from graphc.ops.information import kl_term
from graphc.ops.special import gamma
from graphc.ops.support.declare import Function, declare, like
from graphc.ops.support.scipy_ops import scipys
from graphc.ops.support.stirling import weight


def gamma_density(a: Any, x: Any) -> Any:
    """xᵃ⁻¹·e⁻ˣ/Γ(a), by the deviance a·log(a/x) + x − a: what is large of its exponents cancels by form."""
    known = (x > 0) & (x < math.inf) & (a > 0)
    inner, shape = where(known, x, 1.0), where(known, a, 1.0)
    small = (x < 0.5) & (a < 20)  # where the power has digits that an exponential of its logarithm has not
    low, power = where(small, inner, 0.5), where(small, shape, 1.0)
    near = power_less_one(low, power) * exp(-low) / gamma(power)
    inside = where(small, near, weight(shape) * exp(-kl_term(shape, inner)) / inner)
    at_zero = where(equal(a, 1), like(1, x), where(a < 1, like(math.inf, x), like(0, x)))
    edge = where(equal(x, 0), at_zero, where(x > 0, like(0, x), like(math.nan, x)))
    return where(known, inside, where(a > 0, edge, like(math.nan, x)))


def _refused(name: str) -> NoPartial:
    return NoPartial(
        f"a of {name}",
        "it has no closed form in the functions that there are",
        f"differentiate by the last operand of {name}, or give a as a number",
    )


NEAR, MODEST, TERMS = 0.01, 100.0, 8
"""Below NEAR, and for shapes up to MODEST, P(a, x) is xᵃ/Γ(1 + a) and a series: a power has digits that exp(a·log x) loses."""

LIKELY = 0.75
"""Where P is less, Q is 1 − P, which is more exact than SciPy's of small x."""


def _lower_reference(a: Any, x: Any) -> Any:
    """SciPy's P within 0 and 1, which it leaves by some units where a is below the least normal number."""
    with np.errstate(all="ignore"):
        value = np.asarray(np.clip(scipys("gammainc")(a, x), 0, 1))
        rest = np.zeros_like(value)
        for k in reversed(range(TERMS)):
            rest = 1 / (math.factorial(k + 1) * (a + (k + 1))) - x * rest
        near = np.power(x, a) / scipys("gamma")(1 + np.asarray(a)) * (1 - a * x * rest)
        small = (x > 0) & (x < NEAR) & (a > 0) & (a < MODEST)
        return np.where(small, near, value).astype(value.dtype)[()]


def _upper_reference(a: Any, x: Any) -> Any:
    below = _lower_reference(a, x)
    with np.errstate(all="ignore"):
        value = np.asarray(np.clip(scipys("gammaincc")(a, x), 0, 1))
    return np.where(below < LIKELY, 1 - below, value).astype(value.dtype)[()]


def _clipped(e: Any, value: Any) -> Any:
    return e.minimum(e.maximum(value, e.number(0.0, value)), e.number(1.0, value))


def _lower(e: Any, a: Any, x: Any) -> Any:
    usual = _clipped(e, e.scipy("gammainc", a, x))

    def between(y: Any, most: float) -> Any:
        return e.and_(e.compare("gt", y, e.number(0.0, y)), e.compare("lt", y, e.number(most, y)))

    small = e.and_(between(x, NEAR), between(a, MODEST))
    low, shape = e.select(small, x, e.number(NEAR, x)), e.select(small, a, e.number(1.0, a))
    one, rest = e.number(1.0, x), e.number(0.0, x)
    for k in reversed(range(TERMS)):
        divisor = e.mul(e.number(float(math.factorial(k + 1)), x), e.add(shape, e.number(k + 1.0, x)))
        rest = e.sub(e.div(one, divisor), e.mul(low, rest))
    series = e.sub(one, e.mul(e.mul(shape, low), rest))
    near = e.mul(e.div(e.call("pow", low, shape), e.call("tgamma", e.add(one, shape))), series)
    return e.select(small, near, usual)


def _upper(e: Any, a: Any, x: Any) -> Any:
    below, value = _lower(e, a, x), _clipped(e, e.scipy("gammaincc", a, x))
    one = e.number(1.0, value)
    return e.select(e.compare("lt", below, e.number(LIKELY, below)), e.sub(one, below), value)


def _incomplete(name, formula, domain, partial, summary, **more):
    return declare(
        Op(
            name=name,
            params=("a", "x"),
            summary=summary,
            types=FLOATING,
            reference=more.pop("reference", scipys(name)),
            formula=formula,
            domain=domain,
            partials=(_refused(name), partial),
            emit=more.pop("emit", lambda e, a, x: e.scipy(name, a, x)),
            library="scipy",
            category="special",
            scipy=(name,),
            notation=more.pop("notation", Notation(name)),
            ulps=1000.0,
            reference_ulps=1000.0,
            nanoseconds=more.pop("nanoseconds", 200.0),
            **more,
        )
    )


gammainc: Function = _incomplete(
    "gammainc", lambda S, a, x: S.lowergamma(a, x) / S.gamma(a), ((0.5, 20.0), (0.2, 30.0)),
    lambda out, a, x: gamma_density(a, x),
    "The regularized lower incomplete gamma function P(a, x), the distribution function of the gamma distribution.",
    notation=Notation("P", None, r"P\left(<0>, <1>\right)"), facts=Facts(range=(0.0, 1.0)),
    reference=_lower_reference, emit=_lower,
    specials=(((2.0, 0.0), 0.0), ((2.0, math.inf), 1.0), ((0.0, 1.0), 1.0)),
)  # fmt: skip
gammaincc: Function = _incomplete(
    "gammaincc", lambda S, a, x: S.uppergamma(a, x) / S.gamma(a), ((0.5, 20.0), (0.2, 30.0)),
    lambda out, a, x: -gamma_density(a, x),
    "The regularized upper incomplete gamma function Q(a, x) = 1 − P(a, x).",
    notation=Notation("Q", None, r"Q\left(<0>, <1>\right)"), facts=Facts(range=(0.0, 1.0)),
    reference=_upper_reference, emit=_upper,
    nanoseconds=300.0, specials=(((2.0, 0.0), 1.0), ((2.0, math.inf), 0.0), ((0.0, 1.0), 0.0)),
)  # fmt: skip
gammaincinv: Function = _incomplete(
    "gammaincinv", None, (), lambda out, a, x: 1 / gamma_density(a, out),
    "The inverse of P(a, ·): the quantile of the gamma distribution.", specials=(((2.0, 0.0), 0.0), ((2.0, 1.0), math.inf)),
)  # fmt: skip
gammainccinv: Function = _incomplete(
    "gammainccinv", None, (), lambda out, a, x: -1 / gamma_density(a, out),
    "The inverse of Q(a, ·).", specials=(((2.0, 1.0), 0.0), ((2.0, 0.0), math.inf)),
)  # fmt: skip


def _inverse_beta(name: str, sign: int, summary: str) -> Function:
    return declare(
        Op(
            name=name,
            params=("a", "b", "y"),
            summary=summary,
            types=FLOATING,
            reference=scipys(name),
            partials=(
                NoPartial(f"a of {name}", "it has no closed form in the functions that there are"),
                NoPartial(f"b of {name}", "it has no closed form in the functions that there are"),
                lambda out, a, b, y: sign / beta_density(a, b, out),
            ),
            emit=lambda e, a, b, y: e.scipy(name, a, b, y),
            library="scipy",
            scipy=(name,),
            notation=Notation(name),
            category="special",
            ulps=1000.0,
            reference_ulps=1000.0,
            nanoseconds=1000.0,
        )
    )


betaincinv: Function = _inverse_beta(
    "betaincinv", 1, "The inverse of Iₓ(a, b) in x: the quantile of the beta distribution."
)
betainccinv: Function = _inverse_beta(
    "betainccinv",
    -1,
    "The inverse of 1 − Iₓ(a, b) in x: what the beta distribution exceeds with a probability.",
)

__all__ = ["betainccinv", "betaincinv", "gammainc", "gammaincc", "gammainccinv", "gammaincinv"]

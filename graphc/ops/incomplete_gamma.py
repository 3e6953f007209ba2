"""The incomplete gamma functions and their inverses, by SciPy's compiled functions; densities by deviances."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphc.ir.op import Facts, NoPartial, Notation, Op
from graphc.ir.types import FLOATING
from graphc.ops.beta import beta_density
from graphc.ops.comparison import equal, where
from graphc.ops.elementary import exp
from graphc.ops.information import kl_term
from graphc.ops.support.declare import Function, declare, like
from graphc.ops.support.scipy_ops import scipys
from graphc.ops.support.stirling import weight


def gamma_density(a: Any, x: Any) -> Any:
    """xᵃ⁻¹·e⁻ˣ/Γ(a), by the deviance a·log(a/x) + x − a: what is large of its exponents cancels by form."""
    known = (x > 0) & (x < math.inf) & (a > 0)
    inner, shape = where(known, x, 1.0), where(known, a, 1.0)
    inside = weight(shape) * exp(-kl_term(shape, inner)) / inner
    at_zero = where(equal(a, 1), like(1, x), where(a < 1, like(math.inf, x), like(0, x)))
    edge = where(equal(x, 0), at_zero, where(x > 0, like(0, x), like(math.nan, x)))
    return where(known, inside, where(a > 0, edge, like(math.nan, x)))


def _refused(name: str) -> NoPartial:
    return NoPartial(
        f"a of {name}",
        "it has no closed form in the functions that there are",
        f"differentiate by the last operand of {name}, or give a as a number",
    )


def _clipped(name: str) -> Any:
    """SciPy's function within 0 and 1, which it leaves by some units where a is below the least normal number."""
    function = scipys(name)
    return lambda a, x: np.clip(function(a, x), 0, 1)


def _share(name: str) -> Any:
    def emit(e: Any, a: Any, x: Any) -> Any:
        value = e.scipy(name, a, x)
        return e.minimum(e.maximum(value, e.number(0.0, value)), e.number(1.0, value))

    return emit


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
            nanoseconds=200.0,
            **more,
        )
    )


gammainc: Function = _incomplete(
    "gammainc", lambda S, a, x: S.lowergamma(a, x) / S.gamma(a), ((0.5, 20.0), (0.2, 30.0)),
    lambda out, a, x: gamma_density(a, x),
    "The regularized lower incomplete gamma function P(a, x), the distribution function of the gamma distribution.",
    notation=Notation("P", None, r"P\left(<0>, <1>\right)"), facts=Facts(range=(0.0, 1.0)),
    reference=_clipped("gammainc"), emit=_share("gammainc"),
    specials=(((2.0, 0.0), 0.0), ((2.0, math.inf), 1.0), ((0.0, 1.0), 1.0)),
)  # fmt: skip
gammaincc: Function = _incomplete(
    "gammaincc", lambda S, a, x: S.uppergamma(a, x) / S.gamma(a), ((0.5, 20.0), (0.2, 30.0)),
    lambda out, a, x: -gamma_density(a, x),
    "The regularized upper incomplete gamma function Q(a, x) = 1 − P(a, x).",
    notation=Notation("Q", None, r"Q\left(<0>, <1>\right)"), facts=Facts(range=(0.0, 1.0)),
    reference=_clipped("gammaincc"), emit=_share("gammaincc"),
    specials=(((2.0, 0.0), 1.0), ((2.0, math.inf), 0.0), ((0.0, 1.0), 0.0)),
)  # fmt: skip
gammaincinv: Function = _incomplete(
    "gammaincinv", None, (), lambda out, a, x: 1 / gamma_density(a, out),
    "The inverse of P(a, ·): the quantile of the gamma distribution.", specials=(((2.0, 0.0), 0.0), ((2.0, 1.0), math.inf)),
)  # fmt: skip
gammainccinv: Function = _incomplete(
    "gammainccinv", None, (), lambda out, a, x: -1 / gamma_density(a, out),
    "The inverse of Q(a, ·).", specials=(((2.0, 1.0), 0.0), ((2.0, 0.0), math.inf)),
)  # fmt: skip
betaincinv: Function = declare(
    Op(
        name="betaincinv",
        params=("a", "b", "y"),
        summary="The inverse of Iₓ(a, b) in x: the quantile of the beta distribution.",
        types=FLOATING,
        reference=scipys("betaincinv"),
        partials=(
            NoPartial("a of betaincinv", "it has no closed form in the functions that there are"),
            NoPartial("b of betaincinv", "it has no closed form in the functions that there are"),
            lambda out, a, b, y: 1 / beta_density(a, b, out),
        ),
        emit=lambda e, a, b, y: e.scipy("betaincinv", a, b, y),
        library="scipy",
        scipy=("betaincinv",),
        notation=Notation("betaincinv"),
        category="special",
        ulps=1000.0,
        reference_ulps=1000.0,
        nanoseconds=1000.0,
    )
)

__all__ = ["betaincinv", "gammainc", "gammaincc", "gammainccinv", "gammaincinv"]

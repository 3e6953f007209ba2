"""Bessel functions of real order and Airy functions: SciPy's compiled ones; derivatives by DLMF 10.6.1, 10.29.1, 9.2.1."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from graphc.ir.expr import Expr
from graphc.ir.op import Facts, NoPartial, Notation
from graphc.ops.arithmetic import sign
from graphc.ops.comparison import maximum, where
from graphc.ops.elementary import sqrt
from graphc.ops.support.declare import Function
from graphc.ops.support.polynomial import horner
from graphc.ops.support.scipy_ops import compiled


def _order(name: str) -> NoPartial:
    return NoPartial(
        f"the order v of {name}",
        "it has no closed form for orders in general",
        "give the order as a number, or differentiate by x",
    )


def _of_order(name, letter, sympy_name, domain, partial, summary, **more):
    formula = (lambda S, v, x: getattr(S, sympy_name)(v, x)) if sympy_name else more.pop("formula")
    return compiled(
        name, ("v", "x"), formula, domain, (_order(name), partial), summary, sympy=(sympy_name,) if sympy_name else (),
        notation=Notation(name, None, rf"{letter}_{{<0>}}\left(<1>\right)"), nanoseconds=400.0, **more,
    )  # fmt: skip


jv: Function = _of_order(
    "jv", "J", "besselj", ((0.0, 8.0), (0.1, 20.0)), lambda out, v, x: 0.5 * (jv(v - 1, x) - jv(v + 1, x)),
    "The Bessel function of the first kind Jᵥ(x) of real order.", specials=(((0.0, 0.0), 1.0), ((1.0, 0.0), 0.0)), ulps=1e5,
)  # fmt: skip
yv: Function = _of_order(
    "yv", "Y", "bessely", ((0.0, 8.0), (0.5, 20.0)), lambda out, v, x: 0.5 * (yv(v - 1, x) - yv(v + 1, x)),
    "The Bessel function of the second kind Yᵥ(x) of real order.", specials=(((0.0, 0.0), -math.inf),), ulps=1e5,
)  # fmt: skip
iv: Function = _of_order(
    "iv", "I", "besseli", ((0.0, 8.0), (0.1, 20.0)), lambda out, v, x: 0.5 * (iv(v - 1, x) + iv(v + 1, x)),
    "The modified Bessel function of the first kind Iᵥ(x) of real order.", specials=(((0.0, 0.0), 1.0), ((1.0, 0.0), 0.0)),
)  # fmt: skip
kv: Function = _of_order(
    "kv", "K", "besselk", ((0.0, 8.0), (0.1, 20.0)), lambda out, v, x: -0.5 * (kv(v - 1, x) + kv(v + 1, x)),
    "The modified Bessel function of the second kind Kᵥ(x) of real order.", specials=(((1.0, 0.0), math.inf),),
)  # fmt: skip
ive: Function = _of_order(
    "ive", "I^e", None, ((0.0, 8.0), (0.1, 6.0)), lambda out, v, x: 0.5 * (ive(v - 1, x) + ive(v + 1, x)) - sign(x) * out,
    "e^(−|x|)·Iᵥ(x), which does not overflow.", formula=lambda S, v, x: S.exp(-x) * S.besseli(v, x),
)  # fmt: skip
kve: Function = _of_order(
    "kve", "K^e", None, ((0.0, 8.0), (0.1, 6.0)), lambda out, v, x: out - 0.5 * (kve(v - 1, x) + kve(v + 1, x)),
    "eˣ·Kᵥ(x), which does not underflow.", formula=lambda S, v, x: S.exp(x) * S.besselk(v, x),
)  # fmt: skip


def _of_whole(name, letter, order, domain, partial, summary, of, scale=None, **more):
    def formula(S: Any, x: Any) -> Any:
        value = getattr(S, of)(order, x)
        return value if scale is None else S.exp(scale * x) * value

    return compiled(
        name, ("x",), formula, (domain,), (partial,), summary,
        notation=Notation(name, None, rf"{letter}_{order}\left(<0>\right)"),
        nanoseconds=30.0, ulps=1e5, **more,
    )  # fmt: skip


j0: Function = _of_whole(
    "j0", "J", 0, (0.1, 20.0), lambda out, x: -j1(x), "The Bessel function J₀(x).", "besselj", specials=(((0.0,), 1.0),),
)  # fmt: skip
j1: Function = _of_whole(
    "j1", "J", 1, (0.1, 20.0), lambda out, x: 0.5 * (j0(x) - jv(2.0, x)), "The Bessel function J₁(x).", "besselj",
    specials=(((0.0,), 0.0),),
)  # fmt: skip
y0: Function = _of_whole(
    "y0", "Y", 0, (0.1, 20.0), lambda out, x: -y1(x), "The Bessel function Y₀(x).", "bessely", specials=(((0.0,), -math.inf),),
)  # fmt: skip
y1: Function = _of_whole(
    "y1", "Y", 1, (0.1, 20.0), lambda out, x: 0.5 * (y0(x) - yv(2.0, x)), "The Bessel function Y₁(x).", "bessely",
    specials=(((0.0,), -math.inf),),
)  # fmt: skip
i0: Function = _of_whole(
    "i0", "I", 0, (0.1, 20.0), lambda out, x: i1(x), "The modified Bessel function I₀(x).", "besseli", specials=(((0.0,), 1.0),),
)  # fmt: skip
i1: Function = _of_whole(
    "i1", "I", 1, (0.1, 20.0), lambda out, x: 0.5 * (i0(x) + iv(2.0, x)), "The modified Bessel function I₁(x).", "besseli",
    specials=(((0.0,), 0.0),),
)  # fmt: skip
FAR, TERMS = 30.0, 24
"""From here on the asymptotic series (DLMF 10.40.1 and 10.40.2) has all digits; they are those of a difference before."""


def _far_slope(order: int, sign_of_term: int, x: Any) -> Any:
    """The derivative of e⁻ˣ·Iₙ(x)·√2π or eˣ·Kₙ(x)·√(2/π) for large x: −x^(−3/2)·Σ (k + ½)·(±1)ᵏ·aₖ/xᵏ."""
    a, coefficients = Fraction(1), []
    for k in range(TERMS):
        coefficients.append(float(a * (k + Fraction(1, 2)) * sign_of_term**k))
        a *= Fraction(4 * order**2 - (2 * k + 1) ** 2, 8 * (k + 1))
    inverse = 1 / maximum(abs(x), FAR)
    return -sqrt(inverse) * inverse * horner(coefficients, inverse)


def _i_slope(order: int, x: Any, near: Any) -> Any:
    far = _far_slope(order, -1, x) * (1 / math.sqrt(2 * math.pi))
    return where(abs(x) < FAR, near, sign(x) * far if order == 0 else far)


def _k_slope(order: int, x: Any, near: Any) -> Any:
    return where(x < FAR, near, _far_slope(order, 1, x) * math.sqrt(math.pi / 2))


i0e: Function = _of_whole(
    "i0e", "I^e", 0, (0.1, 6.0), lambda out, x: _i_slope(0, x, i1e(x) - sign(x) * out),
    "e^(−|x|)·I₀(x), which does not overflow.", "besseli",
    -1,
    specials=(((0.0,), 1.0),),
)  # fmt: skip
i1e: Function = _of_whole(
    "i1e", "I^e", 1, (0.1, 6.0), lambda out, x: _i_slope(1, x, 0.5 * (i0e(x) + ive(2.0, x)) - sign(x) * out),
    "e^(−|x|)·I₁(x), which does not overflow.", "besseli", -1, specials=(((0.0,), 0.0),),
)  # fmt: skip
k0: Function = _of_whole(
    "k0", "K", 0, (0.1, 20.0), lambda out, x: -k1(x), "The modified Bessel function K₀(x).", "besselk",
    specials=(((0.0,), math.inf),),
)  # fmt: skip
k1: Function = _of_whole(
    "k1", "K", 1, (0.1, 20.0), lambda out, x: -0.5 * (k0(x) + kv(2.0, x)), "The modified Bessel function K₁(x).", "besselk",
    specials=(((0.0,), math.inf),),
)  # fmt: skip
k0e: Function = _of_whole(
    "k0e", "K^e", 0, (0.1, 6.0), lambda out, x: _k_slope(0, x, out - k1e(x)), "eˣ·K₀(x), which does not underflow.", "besselk", 1,
    specials=(((0.0,), math.inf),),
)  # fmt: skip
k1e: Function = _of_whole(
    "k1e", "K^e", 1, (0.1, 6.0), lambda out, x: _k_slope(1, x, out - 0.5 * (k0e(x) + kve(2.0, x))),
    "eˣ·K₁(x), which does not underflow.",
    "besselk", 1, specials=(((0.0,), math.inf),),
)  # fmt: skip


def _airy(name, label, latex, number, partial, summary, **more):
    return compiled(
        name, ("x",), lambda S, x: getattr(S, name)(x), ((-10.0, 5.0),), (partial,), summary, result=("airy", number),
        notation=Notation(label, None, rf"{latex}\left(<0>\right)"), sympy=(name,), nanoseconds=150.0, ulps=1e6, **more,
    )  # fmt: skip


airyai: Function = _airy(
    "airyai", "Ai", r"\operatorname{Ai}", 0, lambda out, x: airyaiprime(x), "The Airy function Ai(x).",
    facts=Facts(),
)  # fmt: skip
airyaiprime: Function = _airy(
    "airyaiprime", "Ai′", r"\operatorname{Ai}^\prime", 1, lambda out, x: x * airyai(x),
    "The derivative of the Airy function Ai(x).",
)  # fmt: skip
airybi: Function = _airy(
    "airybi", "Bi", r"\operatorname{Bi}", 2, lambda out, x: airybiprime(x), "The Airy function Bi(x).",
)  # fmt: skip
airybiprime: Function = _airy(
    "airybiprime", "Bi′", r"\operatorname{Bi}^\prime", 3, lambda out, x: x * airybi(x),
    "The derivative of the Airy function Bi(x).",
)  # fmt: skip


def airy(z: Any) -> tuple[Any, Any, Any, Any]:
    """The Airy functions Ai, Ai′, Bi and Bi′ of an expression, as SciPy's `airy` returns them.

    Each is an operation of its own, `g.airyai` to `g.airybiprime`. Raises `DtypeError` for what is no real number.
    """
    return airyai(z), airyaiprime(z), airybi(z), airybiprime(z)


Expr.scipy_table["airy"] = airy

__all__ = [
    "airy", "airyai", "airyaiprime", "airybi", "airybiprime", "i0", "i0e", "i1", "i1e", "iv", "ive", "j0", "j1", "jv", "k0",
    "k0e",
    "k1", "k1e", "kv", "kve", "y0", "y1", "yv",
]  # fmt: skip

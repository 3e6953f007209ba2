"""Laurent series around 0 in fixed-point arithmetic: z**v · Σ cₖ·zᵏ with some 1,000 bits behind the point.

What a formula of one variable is near 0 is found here term by term, by the recurrences of its operations: y = eᵘ has y′ = u′·y,
so k·yₖ = Σ j·uⱼ·yₖ₋ⱼ, and likewise for the others. A coefficient that is less than 2⁻¹⁶⁰ of the terms that it is a sum of is
0: so many digits cancel in no formula by chance.

Source: D. E. Knuth, The Art of Computer Programming, volume 2 (3rd edition, 1997), section 4.7.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import comb, factorial
from typing import Any

import mpmath
from mpmath import mp

BITS = 1024
TERMS = 72
"""Coefficients of a series that nothing has cancelled in."""

_ONE = 1 << BITS
_NOISE = 160

Fixed = int
"""A number times 2**BITS, rounded"""


class NoSeriesError(Exception):
    """Around 0 there is none: a branch point, an essential singularity, a function without a recurrence."""


def fixed(value: Any) -> Fixed:
    """A float, a fraction or a number of mpmath."""
    if isinstance(value, mpmath.mpf):
        if not mpmath.isfinite(value):
            raise NoSeriesError
        return int(mpmath.nint(mpmath.ldexp(value, BITS)))
    exact = Fraction(value)
    return (exact.numerator << BITS) // exact.denominator


def number(value: Fixed) -> Any:
    """The number of mpmath."""
    return mpmath.ldexp(mpmath.mpf(value), -BITS)


@dataclass(frozen=True)
class Laurent:
    """z**valuation · Σ coefficients[k]·zᵏ up to terms that are not known; the first coefficient is not 0, none at all is 0"""

    valuation: int
    coefficients: tuple[Fixed, ...]

    def __getitem__(self, power: int) -> Fixed:
        """The coefficient of z**power among the known ones."""
        k = power - self.valuation
        return self.coefficients[k] if 0 <= k < len(self.coefficients) else 0

    @property
    def order(self) -> int:
        """The first power whose coefficient is not known."""
        return self.valuation + len(self.coefficients)

    @property
    def is_zero(self) -> bool:
        return not self.coefficients

    def taylor(self) -> list[Fixed]:
        """From the constant term on; raises `NoSeriesError` at a pole."""
        if self.valuation < 0:
            raise NoSeriesError
        return [0] * self.valuation + list(self.coefficients)


def series(valuation: int, coefficients: Sequence[Fixed]) -> Laurent:
    """A series of its coefficients, zeros in front of them taken away."""
    first = next((k for k, c in enumerate(coefficients) if c), len(coefficients))
    return Laurent(valuation + first, tuple(coefficients[first : first + TERMS]))


def of_number(value: float) -> Laurent:
    return series(0, [fixed(value)] + [0] * (TERMS - 1))


def variable() -> Laurent:
    return series(1, [_ONE] + [0] * (TERMS - 1))


def _settled(total: int, size: int) -> int:
    """A sum without what is noise beside the terms that it is of."""
    return 0 if abs(total) << _NOISE < size or abs(total) < 1 << (BITS // 8) else total


def add(a: Laurent, b: Laurent, sign: int = 1) -> Laurent:
    if a.is_zero or b.is_zero:
        other = a if b.is_zero else b if sign == 1 else negative(b)
        known = (b if b.is_zero else a).order - other.valuation
        return Laurent(other.valuation, other.coefficients[: max(known, 0)])
    low, order = min(a.valuation, b.valuation), min(a.order, b.order)
    return series(low, [_settled(a[k] + sign * b[k], max(abs(a[k]), abs(b[k]))) for k in range(low, order)])


def negative(a: Laurent) -> Laurent:
    return Laurent(a.valuation, tuple([-c for c in a.coefficients]))


def _times(a: Sequence[Fixed], b: Sequence[Fixed], count: int) -> list[Fixed]:
    """The first coefficients of a product."""
    found = []
    for k in range(count):
        parts = [p * q for p, q in zip(a[: k + 1], reversed(b[: k + 1]), strict=True) if p and q]
        found.append(_settled(sum(parts) >> BITS, max(map(abs, parts), default=0) >> BITS))
    return found


def multiply(a: Laurent, b: Laurent) -> Laurent:
    count = min(len(a.coefficients), len(b.coefficients))
    return series(a.valuation + b.valuation, _times(a.coefficients, b.coefficients, count))


def divide(a: Laurent, b: Laurent) -> Laurent:
    if b.is_zero:
        raise NoSeriesError
    if a.is_zero:
        return a
    first, count = b.coefficients[0], min(len(a.coefficients), len(b.coefficients))
    found: list[Fixed] = []
    for k in range(count):
        parts = [p * q for p, q in zip(found, reversed(b.coefficients[1 : k + 1]), strict=True) if p and q]
        rest = a.coefficients[k] - (sum(parts) >> BITS)
        size = max(abs(a.coefficients[k]), max(map(abs, parts), default=0) >> BITS)
        found.append((_settled(rest, size) << BITS) // first)
    return series(a.valuation - b.valuation, found)


# --- functions --------------------------------------------------------------------------------------------------------


def _derivative(u: Sequence[Fixed]) -> list[Fixed]:
    return [k * c for k, c in enumerate(u)][1:]


def _integral(constant: Fixed, rate: Sequence[Fixed]) -> list[Fixed]:
    return [constant, *[c // (k + 1) for k, c in enumerate(rate)]]


def _quotient(a: Sequence[Fixed], b: Sequence[Fixed]) -> list[Fixed]:
    if not b or b[0] == 0:
        raise NoSeriesError
    found = divide(Laurent(0, tuple(a)), Laurent(0, tuple(b)))
    return [0] * found.valuation + list(found.coefficients)


def _value(function: Callable[[Any], Any], u: Sequence[Fixed]) -> Fixed:
    """A function at the constant term; raises `NoSeriesError` where it has no real value."""
    with mp.workprec(BITS + 64):
        try:
            found = function(number(u[0]))
        except (ValueError, ZeroDivisionError, OverflowError) as error:
            raise NoSeriesError from error
        if not isinstance(found, mpmath.mpf):
            raise NoSeriesError
        return fixed(found)


def _exp(u: list[Fixed]) -> list[Fixed]:
    if abs(u[0]) > _ONE << 9:
        raise NoSeriesError  # too large, or too small, for numbers behind the point
    found, rate = [_value(mpmath.exp, u)], _derivative(u)
    for k in range(1, len(u)):
        found.append((sum(p * q for p, q in zip(rate[:k], reversed(found), strict=True)) >> BITS) // k)
    return found


def _power(u: list[Fixed], exponent: float) -> list[Fixed]:
    if u[0] <= 0:
        raise NoSeriesError
    with mp.workprec(BITS + 64):
        found = [_value(lambda x: x ** mpmath.mpf(exponent), u)]
    p = Fraction(exponent)
    for k in range(1, len(u)):
        total = sum(
            ((p.numerator * j - p.denominator * (k - j)) * u[j] * found[k - j]) >> BITS
            for j in range(1, k + 1)
        )
        found.append((total << BITS) // (k * p.denominator * u[0]))
    return found


def _log(u: list[Fixed]) -> list[Fixed]:
    if u[0] <= 0:
        raise NoSeriesError
    return _integral(_value(mpmath.log, u), _quotient(_derivative(u), u[:-1]))


def _turning(u: list[Fixed], sign: int) -> tuple[list[Fixed], list[Fixed]]:
    """(sin, cos) for −1, (sinh, cosh) for 1"""
    names = (mpmath.sin, mpmath.cos) if sign < 0 else (mpmath.sinh, mpmath.cosh)
    if abs(u[0]) > _ONE << 9:
        raise NoSeriesError
    odd, even = ([_value(name, u)] for name in names)
    rate = _derivative(u)
    for k in range(1, len(u)):
        next_odd = sum(p * q for p, q in zip(rate[:k], reversed(even), strict=True)) >> BITS
        next_even = sum(p * q for p, q in zip(rate[:k], reversed(odd), strict=True)) >> BITS
        odd.append(next_odd // k)
        even.append(sign * next_even // k)
    return odd, even


def _by_rate(function: Callable[[Any], Any], u: list[Fixed], rate: Sequence[Fixed]) -> list[Fixed]:
    """f(u) where f′(u) is known: the integral of f′(u)·u′"""
    count = len(u) - 1
    return _integral(_value(function, u), _times(rate[:count], _derivative(u), count))


def _one_plus_square(u: list[Fixed], sign: int) -> list[Fixed]:
    """1 ± u²"""
    square = _times(u, u, len(u))
    return [_ONE + sign * square[0], *[sign * c for c in square[1:]]]


def _one(u: list[Fixed]) -> list[Fixed]:
    return [_ONE] + [0] * (len(u) - 1)


def _plus_one(u: list[Fixed], number: int = 1) -> list[Fixed]:
    return [u[0] + number * _ONE, *u[1:]]


def _negative(u: list[Fixed]) -> list[Fixed]:
    return [-c for c in u]


def _bell(u: list[Fixed]) -> list[Fixed]:
    """2/√π·e^(−u²)"""
    with mp.workprec(BITS + 64):
        scale = fixed(2 / mpmath.sqrt(mpmath.pi))
    return [(scale * c) >> BITS for c in _exp(_negative(_times(u, u, len(u))))]


def _composed(outer: Sequence[Fixed], u: list[Fixed]) -> list[Fixed]:
    """The series with the coefficients `outer` of what u is beside its constant term"""
    step, total = [0, *u[1:]], [0] * len(u)
    for coefficient in reversed(outer[: len(u)]):
        total = _times(total, step, len(u))
        total[0] += coefficient
    return total


def _around_zero(
    coefficient: Callable[[int], Fraction], scale: Callable[[], Any] = lambda: mpmath.mpf(1)
) -> Callable[[list[Fixed]], list[Fixed]]:
    """A function by its coefficients around 0, for arguments that vanish there"""

    def of(u: list[Fixed]) -> list[Fixed]:
        if u[0]:
            raise NoSeriesError
        with mp.workprec(BITS + 64):
            factor = fixed(scale())
        return _composed([(fixed(coefficient(k)) * factor) >> BITS for k in range(len(u))], u)

    return of


LOG_GAMMA_TERMS = 24
LOG_GAMMA_BITS = 320


def _log_gamma(u: list[Fixed]) -> list[Fixed]:
    """By the derivatives of digamma; for positive arguments."""
    if u[0] <= 0:
        raise NoSeriesError
    with mp.workprec(LOG_GAMMA_BITS):
        at = number(u[0])
        outer = [fixed(mpmath.loggamma(at))]
        outer += [fixed(mpmath.psi(k - 1, at) / mpmath.factorial(k)) for k in range(1, LOG_GAMMA_TERMS)]
    return _composed(outer, u[:LOG_GAMMA_TERMS])


def _gamma(u: list[Fixed]) -> list[Fixed]:
    return _exp(_log_gamma(u))


def _every_second(k: int, first: int, of: Callable[[int], Fraction]) -> Fraction:
    """of(n) as the coefficient of the power first + 2n, and 0 between these"""
    return Fraction(0) if k < first or (k - first) % 2 else of((k - first) // 2)


def _bessel(order: int, sign: int) -> Callable[[list[Fixed]], list[Fixed]]:
    """J or I of a whole order"""
    return _around_zero(
        lambda k: _every_second(
            k, order, lambda n: Fraction(sign**n, 2 ** (2 * n + order) * factorial(n) * factorial(n + order))
        )
    )


def _sine_integral(sign: int) -> Callable[[list[Fixed]], list[Fixed]]:
    return _around_zero(
        lambda k: _every_second(k, 1, lambda n: Fraction(sign**n, (2 * n + 1) * factorial(2 * n + 1)))
    )


def _elliptic(k: int) -> Fraction:
    """Of K(m)/(π/2)"""
    return Fraction(comb(2 * k, k), 4**k) ** 2


def _normal(u: list[Fixed]) -> list[Fixed]:
    """(1 + erf(u/√2))/2"""
    with mp.workprec(BITS + 64):
        root = fixed(mpmath.sqrt(0.5))
    erf = FUNCTIONS["erf"]([(root * c) >> BITS for c in u])
    return [c >> 1 for c in _plus_one(erf)]


def _over_argument(above: Callable[[list[Fixed]], list[Fixed]]) -> Callable[[list[Fixed]], list[Fixed]]:
    """f(u)/u for an f that vanishes with u"""

    def of(u: list[Fixed]) -> list[Fixed]:
        found = divide(series(0, above(u)), series(0, u))
        return found.taylor()

    return of


FUNCTIONS: dict[str, Callable[[list[Fixed]], list[Fixed]]] = {
    "exp": _exp,
    "expm1": lambda u: _plus_one(_exp(u), -1),
    "log": _log,
    "log1p": lambda u: _log(_plus_one(u)),
    "sqrt": lambda u: _power(u, 0.5),
    "rsqrt": lambda u: _power(u, -0.5),
    "sin": lambda u: _turning(u, -1)[0],
    "cos": lambda u: _turning(u, -1)[1],
    "tan": lambda u: _quotient(*_turning(u, -1)),
    "sinh": lambda u: _turning(u, 1)[0],
    "cosh": lambda u: _turning(u, 1)[1],
    "tanh": lambda u: _quotient(*_turning(u, 1)),
    "asin": lambda u: _by_rate(mpmath.asin, u, _power(_one_plus_square(u, -1), -0.5)),
    "acos": lambda u: _by_rate(mpmath.acos, u, _negative(_power(_one_plus_square(u, -1), -0.5))),
    "atan": lambda u: _by_rate(mpmath.atan, u, _quotient(_one(u), _one_plus_square(u, 1))),
    "asinh": lambda u: _by_rate(mpmath.asinh, u, _power(_one_plus_square(u, 1), -0.5)),
    "atanh": lambda u: _by_rate(mpmath.atanh, u, _quotient(_one(u), _one_plus_square(u, -1))),
    "erf": lambda u: _by_rate(mpmath.erf, u, _bell(u)),
    "erfc": lambda u: _by_rate(mpmath.erfc, u, _negative(_bell(u))),
    "sigmoid": lambda u: _quotient(_one(u), _plus_one(_exp(_negative(u)))),
    "softplus": lambda u: _log(_plus_one(_exp(u))),
    "log_sigmoid": lambda u: _negative(_log(_plus_one(_exp(_negative(u))))),
    "exprel": _over_argument(lambda u: _plus_one(_exp(u), -1)),
    "silu": lambda u: _times(u, _quotient(_one(u), _plus_one(_exp(_negative(u)))), len(u)),
    "gamma": _gamma,
    "lgamma": _log_gamma,
    "digamma": lambda u: _quotient(_derivative(_log_gamma(u)), _derivative(u[:LOG_GAMMA_TERMS])),
    "j0": _bessel(0, -1),
    "j1": _bessel(1, -1),
    "i0": _bessel(0, 1),
    "i1": _bessel(1, 1),
    "sinint": _sine_integral(-1),
    "sinhint": _sine_integral(1),
    "ndtr": _normal,
    "ellipk": _around_zero(_elliptic, lambda: mpmath.pi / 2),
    "ellipe": _around_zero(lambda k: _elliptic(k) / (1 - 2 * k), lambda: mpmath.pi / 2),
}
"""operation → the Taylor series of what it is of one"""


def apply(name: str, u: Laurent) -> Laurent:
    """A function of a series; raises `NoSeriesError`."""
    if u.is_zero:
        raise NoSeriesError
    return series(0, FUNCTIONS[name](u.taylor()[:TERMS]))


def power(u: Laurent, exponent: float) -> Laurent:
    """uᵖ for whole p of any size that is not large, and for others where u is positive at 0."""
    if u.is_zero:
        raise NoSeriesError
    if float(exponent).is_integer() and abs(exponent) <= 32:
        found = of_number(1.0)
        for _ in range(abs(int(exponent))):
            found = multiply(found, u)
        return found if exponent >= 0 else divide(of_number(1.0), found)
    if u.valuation:
        raise NoSeriesError
    return series(0, _power(list(u.coefficients), exponent))


__all__ = [
    "BITS", "FUNCTIONS", "TERMS", "Fixed", "Laurent", "NoSeriesError", "add", "apply", "divide", "fixed", "multiply", "negative",
    "number", "of_number", "power", "series", "variable",
]  # fmt: skip

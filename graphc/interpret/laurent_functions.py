"""Functions of Laurent series, by the recurrences of their Taylor coefficients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import lru_cache
from math import comb, factorial

from graphc.interpret.laurent import (
    BITS,
    ONE,
    TERMS,
    Fixed,
    Laurent,
    NoSeriesError,
    divide,
    fixed,
    multiply,
    number,
    of_number,
    product,
    series,
)


def _derivative(u: Sequence[Fixed]) -> list[Fixed]:
    return [k * c for k, c in enumerate(u)][1:]


def _integral(constant: Fixed, rate: Sequence[Fixed]) -> list[Fixed]:
    return [constant, *[c // (k + 1) for k, c in enumerate(rate)]]


def _quotient(a: Sequence[Fixed], b: Sequence[Fixed]) -> list[Fixed]:
    if not b or b[0] == 0:
        raise NoSeriesError
    found = divide(Laurent(0, tuple(a)), Laurent(0, tuple(b)))
    return [0] * found.valuation + list(found.coefficients)


def _present(u: Sequence[Fixed]) -> list[tuple[int, Fixed]]:
    """The coefficients that are not 0, with their places: mostly a few, as of sin(3x)."""
    return [(k, c) for k, c in enumerate(u) if c]


def _convolved(present: Sequence[tuple[int, Fixed]], found: Sequence[Fixed]) -> Fixed:
    """Σ uⱼ·yₖ₋ⱼ for the next coefficient of a recurrence, of all yⱼ so far"""
    last = len(found) - 1
    return sum([c * found[last - j] for j, c in present if j <= last]) >> BITS


AT_ZERO = {
    "exp": ONE, "cos": ONE, "cosh": ONE, "erfc": ONE,
    **dict.fromkeys(("sin", "sinh", "asin", "atan", "asinh", "atanh", "erf"), 0),
}  # fmt: skip
"""Functions of mpmath where most formulas ask for them."""


def _value(function: str | float, u: Sequence[Fixed]) -> Fixed:
    """A function of mpmath, or a power, at the constant term; raises `NoSeriesError` where it has no real value."""
    if not u[0] and function in AT_ZERO:
        return AT_ZERO[function]
    import mpmath

    with mpmath.workprec(BITS + 64):
        try:
            x = number(u[0])
            found = getattr(mpmath, function)(x) if isinstance(function, str) else x ** mpmath.mpf(function)
        except (ValueError, ZeroDivisionError, OverflowError) as error:
            raise NoSeriesError from error
        if not isinstance(found, mpmath.mpf):
            raise NoSeriesError
        return fixed(found)


def _exp(u: list[Fixed]) -> list[Fixed]:
    if abs(u[0]) > ONE << 9:
        raise NoSeriesError  # too large, or too small, for numbers behind the point
    found, rate = [_value("exp", u)], _present(_derivative(u))
    for k in range(1, len(u)):
        found.append(_convolved(rate, found) // k)
    return found


def _power(u: list[Fixed], exponent: float) -> list[Fixed]:
    if u[0] <= 0:
        raise NoSeriesError
    found = [_value(float(exponent), u)]
    p, present = Fraction(exponent), _present(u)[1:]
    for k in range(1, len(u)):
        total = sum(
            ((p.numerator * j - p.denominator * (k - j)) * c * found[k - j]) >> BITS
            for j, c in present
            if j <= k
        )
        found.append((total << BITS) // (k * p.denominator * u[0]))
    return found


def _log(u: list[Fixed]) -> list[Fixed]:
    if u[0] <= 0:
        raise NoSeriesError
    return _integral(_value("log", u), _quotient(_derivative(u), u[:-1]))


def _turning(u: list[Fixed], sign: int) -> tuple[list[Fixed], list[Fixed]]:
    """(sin, cos) for −1, (sinh, cosh) for 1"""
    names = ("sin", "cos") if sign < 0 else ("sinh", "cosh")
    if abs(u[0]) > ONE << 9:
        raise NoSeriesError
    odd, even = ([_value(name, u)] for name in names)
    rate = _present(_derivative(u))
    for k in range(1, len(u)):
        next_odd, next_even = _convolved(rate, even), _convolved(rate, odd)
        odd.append(next_odd // k)
        even.append(sign * next_even // k)
    return odd, even


def _by_rate(function: str, u: list[Fixed], rate: Sequence[Fixed]) -> list[Fixed]:
    """f(u) where f′(u) is known: the integral of f′(u)·u′"""
    count = len(u) - 1
    return _integral(_value(function, u), product(rate[:count], _derivative(u), count))


def _one_plus_square(u: list[Fixed], sign: int) -> list[Fixed]:
    """1 ± u²"""
    square = product(u, u, len(u))
    return [ONE + sign * square[0], *[sign * c for c in square[1:]]]


def _one(u: list[Fixed]) -> list[Fixed]:
    return [ONE] + [0] * (len(u) - 1)


def _plus_one(u: list[Fixed], number: int = 1) -> list[Fixed]:
    return [u[0] + number * ONE, *u[1:]]


def _negative(u: list[Fixed]) -> list[Fixed]:
    return [-c for c in u]


def _bell(u: list[Fixed]) -> list[Fixed]:
    """2/√π·e^(−u²)"""
    import mpmath

    with mpmath.workprec(BITS + 64):
        scale = fixed(2 / mpmath.sqrt(mpmath.pi))
    return [(scale * c) >> BITS for c in _exp(_negative(product(u, u, len(u))))]


def _composed(outer: Sequence[Fixed], u: list[Fixed]) -> list[Fixed]:
    """The series with the coefficients `outer` of what u is beside its constant term"""
    step, total = [0, *u[1:]], [0] * len(u)
    for coefficient in reversed(outer[: len(u)]):
        total = product(total, step, len(u))
        total[0] += coefficient
    return total


def _around_zero(
    coefficient: Callable[[int], Fraction], half_pi: bool = False
) -> Callable[[list[Fixed]], list[Fixed]]:
    """A function by its coefficients around 0, for arguments that vanish there"""

    def of(u: list[Fixed]) -> list[Fixed]:
        import mpmath

        if u[0]:
            raise NoSeriesError
        with mpmath.workprec(BITS + 64):
            factor = fixed(mpmath.pi / 2) if half_pi else ONE
        return _composed([(fixed(coefficient(k)) * factor) >> BITS for k in range(len(u))], u)

    return of


LOG_GAMMA_TERMS = 24
LOG_GAMMA_BITS = 320


def _log_gamma(u: list[Fixed]) -> list[Fixed]:
    """By the derivatives of digamma; for positive arguments."""
    import mpmath

    if u[0] <= 0:
        raise NoSeriesError
    with mpmath.workprec(LOG_GAMMA_BITS):
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
    import mpmath

    with mpmath.workprec(BITS + 64):
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
    "asin": lambda u: _by_rate("asin", u, _power(_one_plus_square(u, -1), -0.5)),
    "acos": lambda u: _by_rate("acos", u, _negative(_power(_one_plus_square(u, -1), -0.5))),
    "atan": lambda u: _by_rate("atan", u, _quotient(_one(u), _one_plus_square(u, 1))),
    "asinh": lambda u: _by_rate("asinh", u, _power(_one_plus_square(u, 1), -0.5)),
    "atanh": lambda u: _by_rate("atanh", u, _quotient(_one(u), _one_plus_square(u, -1))),
    "erf": lambda u: _by_rate("erf", u, _bell(u)),
    "erfc": lambda u: _by_rate("erfc", u, _negative(_bell(u))),
    "sigmoid": lambda u: _quotient(_one(u), _plus_one(_exp(_negative(u)))),
    "softplus": lambda u: _log(_plus_one(_exp(u))),
    "log_sigmoid": lambda u: _negative(_log(_plus_one(_exp(_negative(u))))),
    "exprel": _over_argument(lambda u: _plus_one(_exp(u), -1)),
    "silu": lambda u: product(u, _quotient(_one(u), _plus_one(_exp(_negative(u)))), len(u)),
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
    "ellipk": _around_zero(_elliptic, half_pi=True),
    "ellipe": _around_zero(lambda k: _elliptic(k) / (1 - 2 * k), half_pi=True),
}
"""operation → the Taylor series of what it is of one"""


MOST_KEPT = 64


@lru_cache(MOST_KEPT)
def apply(name: str, u: Laurent) -> Laurent:
    """A function of a series; raises `NoSeriesError`."""
    if u.is_zero or name not in FUNCTIONS:
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


__all__ = ["FUNCTIONS", "apply", "power"]

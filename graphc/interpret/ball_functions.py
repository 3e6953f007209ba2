"""The arithmetic of `precise`: balls under the names that formulas use of SymPy (`exp`, `Max`, `Piecewise`, …).

A formula computes in it as it stands. What is a matter of numbers alone is in `ball_arithmetic.py`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from graphc.errors import PrecisionError
from graphc.interpret.ball_arithmetic import EXPONENT_BITS, Ball, Field

LARGEST_PERIOD = 2**16
"""Sines of numbers above 2**LARGEST_PERIOD are not resolved: they are NaN."""

LARGEST_SPECIAL = 2**12
"""Special functions of numbers above 2**LARGEST_SPECIAL are NaN where nothing better is known: mpmath writes the whole part of
such a number as an integer, or sums as many terms, which no memory holds and no time suffices for."""

MOST_TERMS = 100_000
"""Of a series that is summed term by term."""

LARGEST_OF_BOTH, LARGEST_OF_BOTH_K = (10**6, 10**12), (500, 20_000)
"""The lesser of order and argument of a Bessel function, where both are of one size and where the order is by far larger; of K,
which is a difference of two I."""

MOST_REFLECTED = 200
"""The order of a polygamma function that is reflected: its polynomial has as many terms, whose numbers have as many digits."""

LARGEST_ORDER = 10_000


class Arithmetic(Field):
    """Balls at a precision of `bits` binary digits, and the functions of formulas.

    ties : differences up to this size that the errors leave open are ties; None leaves them undecided
    """

    # --- decisions ------------------------------------------------------------------------------------------

    def Lt(self, x: Any, y: Any) -> bool:
        return self.compare(operator.lt, x, y)

    def Le(self, x: Any, y: Any) -> bool:
        return self.compare(operator.le, x, y)

    def Gt(self, x: Any, y: Any) -> bool:
        return self.compare(operator.gt, x, y)

    def Ge(self, x: Any, y: Any) -> bool:
        return self.compare(operator.ge, x, y)

    def Eq(self, x: Any, y: Any) -> bool:
        return x is y if isinstance(x, bool) else self.compare(operator.eq, x, y)

    def Ne(self, x: Any, y: Any) -> bool:
        return x is not y if isinstance(x, bool) else self.compare(operator.ne, x, y)

    def And(self, *truths: bool) -> bool:
        return all(truths)

    def Or(self, *truths: bool) -> bool:
        return any(truths)

    def Xor(self, x: bool, y: bool) -> bool:
        return x is not y

    def Not(self, truth: bool) -> bool:
        return not truth

    def Piecewise(self, *branches: tuple[Any, bool]) -> Any:
        for value, condition in branches:
            if condition:
                return value if isinstance(value, bool) else self.ball(value)
        return self.nan

    def Max(self, x: Any, y: Any) -> Ball:
        x, y = self.ball(x), self.ball(y)
        if self.mp.isnan(x.mid) or self.mp.isnan(y.mid):
            return x if self.mp.isnan(x.mid) else y
        if abs(x.mid - y.mid) > x.rad + y.rad or self.mp.isinf(x.mid) or self.mp.isinf(y.mid):
            return x if x.mid >= y.mid else y
        return Ball(self, max(x.mid, y.mid), max(x.rad, y.rad))

    def Min(self, x: Any, y: Any) -> Ball:
        return -self.Max(-self.ball(x), -self.ball(y))

    def Abs(self, x: Any) -> Ball:
        x = self.ball(x)
        return Ball(self, abs(x.mid), x.rad)

    def sign(self, x: Any) -> Ball:
        x = self.ball(x)
        if self.mp.isnan(x.mid):
            return x
        return self.ball(1 if x > 0 else -1 if x < 0 else 0)

    def floor(self, x: Any) -> Ball:
        x = self.ball(x)
        if not self.mp.isfinite(x.mid):
            return x
        low, high = self.mp.floor(x.mid - x.rad), self.mp.floor(x.mid + x.rad)
        if not x.rad or low == high:
            return Ball(self, self.mp.floor(x.mid) if not x.rad else low, self.zero)
        return self._settled(x)

    def ceiling(self, x: Any) -> Ball:
        return -self.floor(-self.ball(x))

    def round_half_even(self, x: Any) -> Ball:
        down = self.floor(x + self.Rational(1, 2))
        is_half = self.Eq(down - x, self.Rational(1, 2))
        is_odd = is_half and self.Ne(self.floor(down / 2) * 2, down)
        return down - 1 if is_odd else down

    def Mod(self, x: Any, y: Any) -> Ball:
        return x - y * self.floor(x / y)

    # --- functions ------------------------------------------------------------------------------------------

    def log(self, x: Any, base: Any = None) -> Ball:
        value = self.call(self.mp.log, x)
        return value if base is None else value / self.call(self.mp.log, base)

    def sqrt(self, x: Any) -> Ball:
        root = self.call(self.mp.sqrt, x)
        x = self.ball(x)
        exact = (
            not x.rad and self.mp.isfinite(root.mid) and self.mp.fmul(root.mid, root.mid, exact=True) == x.mid
        )
        return Ball(self, root.mid, self.zero) if exact else root

    def real_root(self, x: Any, n: int) -> Ball:
        def root(value: Any) -> Any:
            return self.mp.sign(value) * self.mp.root(abs(value), n) if value else value

        return self.call(root, x)

    def polygamma(self, n: Any, x: Any) -> Ball:
        order = int(self.ball(n).mid)
        if not 0 <= order <= LARGEST_ORDER:
            raise PrecisionError(
                f"polygamma of order {order} is not evaluated", hint=f"orders from 0 to {LARGEST_ORDER} are"
            )
        return self.call(lambda value: self._polygamma(order, value), x)

    def _polygamma(self, order: int, x: Any) -> Any:
        """mpmath's, which writes the whole part of x as an integer, whatever its size."""
        mp = self.mp
        if order and mp.isfinite(x) and x and mp.mag(x) > mp.prec + order.bit_length() + 16:
            if x < 0:
                return mp.nan  # a number of so few digits is whole, and there is a pole
            # DLMF 5.15.8: the next term is smaller by order/(2x)
            return (-1) ** (order + 1) * mp.factorial(order - 1) / x**order
        if order and x <= 0 and mp.isint(x):
            return mp.inf if order % 2 else mp.nan  # of even order it goes to either infinity
        if order and x < -order and (order <= MOST_REFLECTED or x < -MOST_TERMS):
            return self._reflected(order, x) if order <= MOST_REFLECTED else mp.nan
        return mp.psi(order, x)

    def _reflected(self, order: int, x: Any) -> Any:
        """A polygamma function left of its first poles: mpmath's goes from pole to pole.

        DLMF 5.15.6, with the derivatives of π cot πx as polynomials in c = cot πx: that of cⁿ is −n·π·(1 + c²)·cⁿ⁻¹. All of a
        polynomial's numbers have the same sign, so nothing cancels but the two terms, near the function's zeros.
        """
        mp = self.mp
        prec, more = mp.prec, 20
        while True:
            with mp.workprec(prec + more):
                sine, cosine = mp.sinpi(x), mp.cospi(x)
                c, powers = cosine / sine, [0, 1]
                for _ in range(order):
                    slopes = [n * number for n, number in enumerate(powers)][1:]
                    powers = [a + b for a, b in zip([*slopes, 0, 0], [0, 0, *slopes], strict=True)]
                turned = (-mp.pi) ** order * mp.pi * mp.polyval(powers[::-1], c)
                other = (-1) ** order * mp.psi(order, 1 - x)
                value = other - turned
                lost = max(mp.mag(turned), mp.mag(other)) - (mp.mag(value) if value else -mp.inf)
            if lost <= more - 10 or more > 4 * prec:
                return +value
            more *= 2

    def lowergamma(self, a: Any, x: Any) -> Ball:
        return self.call(self._near(self._summed(self._lower)), a, x)

    def uppergamma(self, a: Any, x: Any) -> Ball:
        return self.call(self._near(self._summed(self._upper)), a, x)

    def _lower(self, a: Any, x: Any) -> Any:
        """mpmath's; of large numbers by the smaller of the two, whose series ends early."""
        mp = self.mp
        return mp.gamma(a) - mp.gammainc(a, x) if x > max(a, 1000) else mp.gammainc(a, 0, x)

    def _upper(self, a: Any, x: Any) -> Any:
        """Likewise; of the largest it is the whole, but for less than any digit."""
        mp = self.mp
        if a > MOST_TERMS**6 and 0 < x < a / 2:
            return mp.gamma(a)
        return mp.gamma(a) - mp.gammainc(a, 0, x) if a > 1000 and a > x > 0 else mp.gammainc(a, x)

    def _summed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """An incomplete gamma function where its series is not too long: the factor from term to term is x/(a + k)."""
        mp = self.mp

        def limited(a: Any, x: Any) -> Any:
            if x < 0 or a < -1000:  # graphc's functions have no value there, and mpmath's may go on for ever
                return mp.nan
            if mp.isfinite(a) and mp.isfinite(x) and a > MOST_TERMS:
                if min(a, x) > MOST_TERMS**2:
                    return mp.nan  # mpmath works with whole numbers of that size
                ratio = abs(mp.log(x / a)) if x > 0 else mp.inf
                terms = min(mp.sqrt(2 * a * mp.prec), mp.prec / ratio if ratio else mp.inf)
                if terms > MOST_TERMS:
                    return mp.nan
            return function(a, x)

        return limited

    def betainc(self, a: Any, b: Any, low: Any, high: Any) -> Ball:
        def limited(a: Any, b: Any, low: Any, high: Any) -> Any:
            most = MOST_TERMS**4
            large = b > most or (a > most and (b > MOST_TERMS or high > 0.99))
            far = min(a, b) < 0 or large  # its series has as many terms
            return self.mp.nan if far else self.mp.betainc(a, b, low, high)

        return self.call(self._near(limited), a, b, low, high)

    def expint(self, n: Any, x: Any) -> Ball:
        def limited(n: Any, x: Any) -> Any:
            far = (
                x < 0 and abs(n) > MOST_TERMS
            )  # outside of where there is a value: a power of x of that order
            return self.mp.nan if far else self.mp.expint(n, x)

        return self.call(self._near(limited), n, x)

    def zeta(self, s: Any, a: Any = 1) -> Ball:
        def limited(s: Any, a: Any) -> Any:
            far = min(s, a) < -1000 or (s < 0 and a > 1000)  # sums of as many terms
            return self.mp.nan if far else self.mp.zeta(s, a)

        return self.call(self._near(limited), s, a)

    def LambertW(self, z: Any, k: Any = 0) -> Ball:
        return self.call(lambda z: self.mp.lambertw(z, int(self.ball(k).mid)), z)

    def airyaiprime(self, x: Any) -> Ball:
        return self.call(self._near(lambda x: self.mp.airyai(x, derivative=1)), x)

    def airybiprime(self, x: Any) -> Ball:
        return self.call(self._near(lambda x: self.mp.airybi(x, derivative=1)), x)

    def besselj(self, n: Any, x: Any) -> Ball:
        return self._bessel(self.mp.besselj, n, x)

    def bessely(self, n: Any, x: Any) -> Ball:
        return self._bessel(self.mp.bessely, n, x)

    def besseli(self, n: Any, x: Any) -> Ball:
        return self._bessel(self.mp.besseli, n, x)

    def besselk(self, n: Any, x: Any) -> Ball:
        return self._bessel(self.mp.besselk, n, x, most=LARGEST_OF_BOTH_K)

    def _bessel(
        self, function: Callable[..., Any], n: Any, x: Any, most: tuple[int, int] = LARGEST_OF_BOTH
    ) -> Ball:
        """A Bessel function where one of order and argument is small beside the other: its series has some |x|²/n terms, that far
        out converges from n² on, and orders far below 0 are reflected at numbers of as many digits."""
        mp = self.mp

        def limited(n: Any, x: Any) -> Any:
            order, size = abs(n), abs(x)
            near, apart = most
            both = size < n * n and min(order, size) > (near if order < 16 * size else apart)
            far = mp.isfinite(n) and mp.isfinite(x) and (n < -(MOST_TERMS**4) or both)
            return mp.nan if far else function(n, x)

        return self.call(self._near(limited), n, x)

    def _near(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A special function up to the largest numbers that it is computed of."""
        mp = self.mp

        def limited(*operands: Any) -> Any:
            far = any(x and mp.isfinite(x) and mp.mag(x) > LARGEST_SPECIAL for x in operands)
            return mp.nan if far else function(*operands)

        return limited

    def _exp(self, x: Any) -> Any:
        """eˣ; of a large whole number by x modulo log 2 as of any other, where mpmath multiplies e by itself."""
        mp = self.mp
        size = mp.mag(x) if x and mp.isfinite(x) else 0
        if size < 64:
            return mp.exp(x)
        with mp.workprec(mp.prec + size + 16):
            count = mp.nint(x / mp.ln2)
            rest = x - count * mp.ln2
        return mp.ldexp(mp.exp(rest), int(count))

    def _cosh(self, x: Any) -> Any:
        """cosh x; of a large number by `_exp`, for the same reason."""
        if not x or not self.mp.isfinite(x) or self.mp.mag(x) < 64:
            return self.mp.cosh(x)
        return self._exp(abs(x)) / 2

    def _sinh(self, x: Any) -> Any:
        """sinh x, likewise."""
        if not x or not self.mp.isfinite(x) or self.mp.mag(x) < 64:
            return self.mp.sinh(x)
        return self.mp.sign(x) * self._exp(abs(x)) / 2

    def __getattr__(self, name: str) -> Callable[..., Ball]:
        """A function by its SymPy name, limited to where it can be computed in reasonable time."""
        name_there = _RENAMED.get(name, name)
        if name in ("exp", "sinh", "cosh"):
            function = getattr(self, f"_{name}")
        else:
            function = getattr(self.mp, name_there) if name in _KNOWN else None
        if function is None:
            raise AttributeError(f"this arithmetic has no {name}")
        if name in _SPECIAL:
            function = self._near(function)
        bits, far = _FAR.get(name, (None, None))

        def limited(*operands: Any) -> Any:
            if (
                bits is not None
                and operands[0]
                and self.mp.isfinite(operands[0])
                and self.mp.mag(operands[0]) > bits
            ):
                return self.mp.mpf(far(operands[0] > 0))  # type: ignore[misc]
            return function(*operands)

        def apply(*operands: Any) -> Ball:
            return self.call(limited, *operands)

        setattr(self, name, apply)
        return apply


_KNOWN = frozenset(
    "exp sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh erf erfc gamma loggamma digamma"
    " erfinv airyai airybi Ei Si Ci Shi Chi elliptic_k elliptic_e".split()
)

_SPECIAL = frozenset("airyai airybi Ei Si Ci Shi Chi elliptic_k elliptic_e".split())

_RENAMED = {
    "Ei": "ei", "Si": "si", "Ci": "ci", "Shi": "shi", "Chi": "chi", "elliptic_k": "ellipk", "elliptic_e": "ellipe",
}  # fmt: skip
"""SymPy's name → mpmath's."""

_INF, _NAN = float("inf"), float("nan")

_FAR: dict[str, tuple[int, Callable[[bool], float]]] = {
    "exp": (4096, lambda positive: _INF if positive else 0.0),
    "sinh": (4096, lambda positive: _INF if positive else -_INF),
    "cosh": (4096, lambda positive: _INF),
    "tanh": (4096, lambda positive: 1.0 if positive else -1.0),
    "erf": (1024, lambda positive: 1.0 if positive else -1.0),
    "erfc": (1024, lambda positive: 0.0 if positive else 2.0),
    "gamma": (4000, lambda positive: _INF if positive else _NAN),
    "loggamma": (EXPONENT_BITS, lambda positive: _INF if positive else _NAN),
    "sin": (LARGEST_PERIOD, lambda positive: _NAN),
    "cos": (LARGEST_PERIOD, lambda positive: _NAN),
    "tan": (LARGEST_PERIOD, lambda positive: _NAN),
}
"""Beyond 2**bits in size a function is what it tends to; where it oscillates, NaN."""


__all__ = ["Arithmetic"]

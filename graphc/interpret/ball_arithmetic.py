"""Numbers with an error bound, at any precision.

A ball is an mpmath number and a radius: the true value lies within the radius of the number. Every
operation passes on the errors of its operands and adds its own rounding. Where the operands' errors leave
open which way a comparison, a rounding or a pole goes, the question is put off to a higher precision: a
truth value raises `Undecided`, a number is `unknown`. In the last attempt it is settled in favour of the
exceptional case: what cannot be told from a tie is a tie, what cannot be told from a whole number is one.

It is the arithmetic of the real numbers with ±∞ and NaN: zeros have no sign (1/0 is ∞), nothing overflows below 2**(2**20000),
and a function of real numbers whose value is complex is NaN.

Source: van der Hoeven, Ball arithmetic (2009). Errors through a function are taken at the ends of the
ball, which is the supremum for monotone functions and exact to first order for the rest.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from fractions import Fraction
from typing import Any

EXPONENT_BITS = 20_000
"""Numbers whose exponent needs more bits than this are infinite or zero."""

LARGE_POWER = 128
"""Whole exponents of more bits are not raised to by squaring."""


class Undecided(Exception):
    """A branch that the precision does not settle. Never leaves `precise`."""


def _mpmath():
    import mpmath

    return mpmath


class Ball:
    """`mid` ± `rad`, two mpmath numbers of one `Field`. Immutable by convention."""

    mid: Any
    rad: Any

    __slots__ = ("field", "mid", "rad")

    def __init__(self, field: Field, mid: Any, rad: Any) -> None:
        self.field: Field = field
        self.mid = mid
        self.rad = rad

    def __repr__(self) -> str:
        return f"{self.mid} ± {self.field.mp.nstr(self.rad, 3)}"

    def __neg__(self) -> Ball:
        return Ball(self.field, -self.mid, self.rad)

    def __add__(self, other: Any) -> Ball:
        return self.field.add(self, self.field.ball(other))

    __radd__ = __add__

    def __sub__(self, other: Any) -> Ball:
        return self.field.add(self, -self.field.ball(other))

    def __rsub__(self, other: Any) -> Ball:
        return self.field.add(self.field.ball(other), -self)

    def __mul__(self, other: Any) -> Ball:
        return self.field.multiply(self, self.field.ball(other))

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Ball:
        return self.field.divide(self, self.field.ball(other))

    def __rtruediv__(self, other: Any) -> Ball:
        return self.field.divide(self.field.ball(other), self)

    def __pow__(self, other: Any) -> Ball:
        return self.field.call(self.field.power, self, other)

    def __rpow__(self, other: Any) -> Ball:
        return self.field.call(self.field.power, other, self)

    def __lt__(self, other: Any) -> bool:
        return self.field.compare(operator.lt, self, other)

    def __le__(self, other: Any) -> bool:
        return self.field.compare(operator.le, self, other)

    def __gt__(self, other: Any) -> bool:
        return self.field.compare(operator.gt, self, other)

    def __ge__(self, other: Any) -> bool:
        return self.field.compare(operator.ge, self, other)


class Field:
    """Balls at a precision of `bits` binary digits: how they are made, added, multiplied, compared.

    ties : differences up to this size that the errors leave open are ties; None leaves them undecided

    It keeps a context of its own, so that neither mpmath's global precision nor another thread's is touched.
    """

    true: bool
    false: bool
    mp: Any
    zero: Any
    unit: Any

    true, false = True, False

    def __init__(self, bits: int, ties: float | None = None) -> None:
        self.mp = mp = _mpmath().MPContext()
        mp.prec = bits
        self.ties = ties
        self.zero = mp.mpf(0)
        self.unit = mp.mpf(2) ** (1 - bits)  # one unit in the last place of 1
        self.nan: Ball = Ball(self, mp.nan, self.zero)
        self.oo: Ball = Ball(self, mp.inf, self.zero)
        self.unknown: Ball = Ball(self, mp.nan, mp.inf)

    # --- making balls ---------------------------------------------------------------------------------------

    def ball(self, value: Any) -> Ball:
        """A number, exactly (a fraction rounded to the precision)."""
        if isinstance(value, Ball):
            return value
        if isinstance(value, Fraction):
            return self.Rational(value.numerator, value.denominator)
        # mpmath takes floats over as they are, but would round large integers and its own numbers
        if isinstance(value, int):
            return Ball(self, self.mp.make_mpf(_mpmath().libmp.from_int(value)), self.zero)  # type: ignore[attr-defined]
        return Ball(
            self, self.mp.make_mpf(value._mpf_) if hasattr(value, "_mpf_") else self.mp.mpf(value), self.zero
        )

    Integer = Float = ball

    def Rational(self, numerator: int, denominator: int) -> Ball:
        return self.divide(self.ball(numerator), self.ball(denominator))

    @staticmethod
    def exported(value: Any) -> Any:
        """A number of this arithmetic as one of mpmath's global context, unrounded."""
        return _mpmath().mp.make_mpf(value._mpf_)

    def widened(self, ball: Ball, relative: float) -> Ball:
        """The same number with an error of `relative` times its size more."""
        return Ball(self, ball.mid, ball.rad + abs(ball.mid) * relative)

    def _made(self, mid: Any, rad: Any, exact: bool = False) -> Ball:
        mid = self._bounded(mid)
        if not self.mp.isfinite(rad):
            return self.unknown
        if not self.mp.isfinite(mid):
            return Ball(self, mid, self.zero)
        return Ball(self, mid, rad if exact else rad + abs(mid) * self.unit)

    def _bounded(self, value: Any) -> Any:
        sign, mantissa, exponent, _ = value._mpf_
        if mantissa and abs(exponent).bit_length() > EXPONENT_BITS:
            return self.zero if exponent < 0 else (-self.mp.inf if sign else self.mp.inf)
        return value

    # --- arithmetic -----------------------------------------------------------------------------------------

    def add(self, x: Ball, y: Ball) -> Ball:
        total = x.mid + y.mid
        return self._made(total, x.rad + y.rad, self._is_sum(total, x.mid, y.mid))

    def _is_sum(self, total: Any, x: Any, y: Any) -> bool:
        if not self.mp.isfinite(total):
            return False
        apart = abs(x._mpf_[2] - y._mpf_[2])
        return not x or not y or (apart < 2 * self.mp.prec and self.mp.fadd(x, y, exact=True) == total)

    def _is_nan(self, *balls: Ball) -> bool:
        """Whether one is NaN at any precision."""
        return any(self.mp.isnan(ball.mid) and not ball.rad for ball in balls)

    def multiply(self, x: Ball, y: Ball) -> Ball:
        if self._is_nan(x, y):
            return self.nan
        product = x.mid * y.mid
        if not x.rad and not y.rad:
            exact = self.mp.isfinite(product) and self.mp.fmul(x.mid, y.mid, exact=True) == product
            return self._made(product, self.zero, exact)
        if self.mp.isinf(product) and abs(x.mid) > x.rad and abs(y.mid) > y.rad:
            return Ball(self, product, self.zero)  # neither factor can be 0
        return self._made(product, abs(x.mid) * y.rad + abs(y.mid) * x.rad + x.rad * y.rad)

    def divide(self, x: Ball, y: Ball) -> Ball:
        if self._is_nan(x, y):
            return self.nan
        if y.rad and abs(y.mid) <= y.rad:
            y = self._settled(y)
        if not y.mid and self.mp.isfinite(x.rad):
            return self.oo if x.mid > 0 else -self.oo if x.mid < 0 else self.nan
        quotient = x.mid / y.mid
        if not x.rad and not y.rad:
            exact = self.mp.isfinite(quotient) and self.mp.fmul(quotient, y.mid, exact=True) == x.mid
            return self._made(quotient, self.zero, bool(exact))
        if self.mp.isinf(x.mid) and not self.mp.isinf(y.mid) and self.mp.isfinite(y.rad):
            return Ball(self, quotient, self.zero)
        return self._made(quotient, (x.rad + abs(quotient) * y.rad) / (abs(y.mid) - y.rad))

    def power(self, x: Any, y: Any) -> Any:
        """The real power, IEEE 754's at zeros, ones and infinities."""
        mp = self.mp
        if y == 0 or x == 1:
            return mp.one
        if mp.isnan(x) or mp.isnan(y):
            return mp.nan
        if mp.isinf(y):
            grows = (abs(x) > 1) == (y > 0)
            return mp.one if abs(x) == 1 else mp.inf if grows else self.zero
        if not mp.isint(y):
            if x < 0:
                return mp.inf ** mp.sign(y) if mp.isinf(x) else mp.nan
            odd = False
        else:
            odd = y._mpf_[2] == 0  # the exponent of an odd whole number's mantissa, which is odd itself
        if not x or mp.isinf(x):
            grows = (not x) == (y < 0)
            return (-mp.inf if odd and x < 0 else mp.inf) if grows else self.zero
        # the logarithm is at most the bits of x, so that for most it need not be taken
        longest = mp.mag(y) + (abs(mp.mag(x)) + 1).bit_length() > EXPONENT_BITS
        if longest and mp.mag(y) + mp.mag(mp.log(abs(x)) or self.unit) > EXPONENT_BITS:
            size = mp.inf if (abs(x) > 1) == (y > 0) else self.zero
            return -size if odd and x < 0 else size
        return self._large_power(x, y, odd) if mp.isint(y) and mp.mag(y) > LARGE_POWER else x**y

    def _large_power(self, x: Any, y: Any, odd: bool) -> Any:
        """A power with a whole exponent of many bits by the logarithm: mpmath squares once for each, in as many digits."""
        mp, low = self.mp, _mpmath().libmp  # type: ignore[attr-defined]
        fine = mp.prec + mp.mag(y) + int(abs(mp.mag(x))).bit_length() + 16
        logarithm = low.mpf_log(abs(x)._mpf_, fine)
        size = mp.make_mpf(low.mpf_exp(low.mpf_mul(logarithm, y._mpf_), mp.prec))
        return -size if odd and x < 0 else size

    def call(self, function: Callable[..., Any], *operands: Any) -> Ball:
        """A real function of balls, its error from the ends of each."""
        balls = [self.ball(operand) for operand in operands]
        if function == self.power and balls[1].rad and balls[0].mid < balls[0].rad:
            # a base that may be negative has powers of whole exponents alone, and a large rounded exponent always looks whole
            exponent = balls[1]
            if abs(exponent.mid - self.mp.nint(exponent.mid)) <= exponent.rad:
                balls[1] = self._settled(exponent)
        mids = [ball.mid for ball in balls]
        value = self._real(function, mids)
        error = self.zero
        for slot, ball in enumerate(balls):
            if not ball.rad:
                continue
            if not self.mp.isfinite(ball.rad):
                return self.unknown
            step = max(ball.rad, 2 * self.unit * abs(ball.mid))  # of less the ends round to the middle
            for end in (ball.mid - step, ball.mid + step):
                moved = self._real(function, [*mids[:slot], end, *mids[slot + 1 :]])
                if self.mp.isfinite(value) != self.mp.isfinite(moved):  # the ball holds the end of the domain
                    return self.call(function, *[self._settled(b) for b in balls])
                if self.mp.isfinite(value):
                    error += abs(moved - value)
        exact = not any(
            ball.rad for ball in balls
        )  # ends so near that the function rounds alike are no proof
        whole = exact and all(mid in (0, 1) for mid in mids) and self.mp.isint(value)  # exp(0), log(1), …
        # mpmath's functions err by a few units in the last place
        return self._made(
            value,
            error + (self.zero if whole or not self.mp.isfinite(value) else 8 * self.unit * abs(value)),
            whole,
        )

    def _real(self, function: Callable[..., Any], operands: list[Any]) -> Any:
        if any(self.mp.isnan(operand) for operand in operands) and function != self.power:
            return self.mp.nan
        try:
            value = function(*operands)
        except (ValueError, ZeroDivisionError, OverflowError, NotImplementedError, self.mp.NoConvergence):
            return self.mp.nan
        return self._bounded(self.mp.mpf(value)) if not hasattr(value, "_mpc_") else self.mp.nan

    def _settled(self, ball: Ball) -> Ball:
        """The whole number within the error, exactly, when the error is small enough for a tie; else
        unknown."""
        if not ball.rad:
            return ball
        if self.ties is None or not ball.rad <= self.ties:
            return self.unknown
        whole = self.mp.nint(ball.mid)
        return Ball(self, whole, self.zero) if abs(ball.mid - whole) <= ball.rad else self.unknown

    # --- decisions ------------------------------------------------------------------------------------------

    def compare(self, relation: Callable[[Any, Any], bool], x: Any, y: Any) -> bool:
        x, y = self.ball(x), self.ball(y)
        error = x.rad + y.rad
        if (
            not error
            or abs(x.mid - y.mid) > error
            or (self.mp.isfinite(error) and not self.mp.isfinite(x.mid - y.mid))
        ):
            return bool(relation(x.mid, y.mid))
        if self.ties is None or error > self.ties:
            raise Undecided
        return bool(relation(self.zero, self.zero))


__all__ = ["Ball", "Field", "Undecided"]

"""Numbers with an error bound, at any precision: the arithmetic of `precise`.

A ball is an mpmath number and a radius: the true value lies within the radius of the number. Every
operation passes on the errors of its operands and adds its own rounding. Where the operands' errors leave
open which way a comparison, a rounding or a pole goes, the question is put off to a higher precision: a
truth value raises `Undecided`, a number is `unknown`. In the last attempt it is settled in favour of the
exceptional case: what cannot be told from a tie is a tie, what cannot be told from a whole number is one.

The arithmetic has the names that formulas use of SymPy (`exp`, `Max`, `Piecewise`, …), so that a formula
computes in it. It is that of the real numbers with ±∞ and NaN: zeros have no sign (1/0 is ∞), nothing
overflows below 2**(2**20000), and a function of real numbers whose value is complex is NaN.

Source: van der Hoeven, Ball arithmetic (2009). Errors through a function are taken at the ends of the
ball, which is the supremum for monotone functions and exact to first order for the rest.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from graphc.errors import PrecisionError

EXPONENT_BITS = 20_000
"""Numbers whose exponent needs more bits than this are infinite or zero."""

LARGEST_PERIOD = 2**16
"""Sines of numbers above 2**LARGEST_PERIOD are not resolved: they are NaN."""

LARGEST_ORDER = 10_000


class Undecided(Exception):
    """A branch that the precision does not settle. Never leaves `precise`."""


def _mpmath():
    import mpmath

    return mpmath


class Ball:
    """`mid` ± `rad`, two mpmath numbers of one `Arithmetic`. Immutable by convention."""

    __slots__ = ("field", "mid", "rad")

    def __init__(self, field: Arithmetic, mid: Any, rad: Any) -> None:
        self.field = field
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


class Arithmetic:
    """Balls at a precision of `bits` binary digits.

    ties : differences up to this size that the errors leave open are ties; None leaves them undecided

    It keeps a context of its own, so that neither mpmath's global precision nor another thread's is touched.
    """

    true, false = True, False

    def __init__(self, bits: int, ties: float | None = None) -> None:
        self.mp = mp = _mpmath().MPContext()
        mp.prec = bits
        self.ties = ties
        self.zero = mp.mpf(0)
        self.unit = mp.mpf(2) ** (1 - bits)  # one unit in the last place of 1
        self.nan = Ball(self, mp.nan, self.zero)
        self.oo = Ball(self, mp.inf, self.zero)
        self.unknown = Ball(self, mp.nan, mp.inf)

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
        if mp.mag(y) + mp.mag(mp.log(abs(x)) or self.unit) > EXPONENT_BITS:
            size = mp.inf if (abs(x) > 1) == (y > 0) else self.zero
            return -size if odd and x < 0 else size
        return x**y

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
            for end in (ball.mid - ball.rad, ball.mid + ball.rad):
                moved = self._real(function, [*mids[:slot], end, *mids[slot + 1 :]])
                if self.mp.isfinite(value) != self.mp.isfinite(moved):  # the ball holds the end of the domain
                    return self.call(function, *[self._settled(b) for b in balls])
                if self.mp.isfinite(value):
                    error += abs(moved - value)
        whole = not error and all(mid in (0, 1) for mid in mids) and self.mp.isint(value)  # exp(0), log(1), …
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
        return self.call(lambda value: self.mp.psi(order, value), x)

    def __getattr__(self, name: str) -> Callable[..., Ball]:
        """A function by its SymPy name, limited to where it can be computed in reasonable time."""
        function = getattr(self.mp, name) if name in _KNOWN else None
        if function is None:
            raise AttributeError(f"this arithmetic has no {name}")
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
    "exp sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh erf erfc gamma loggamma digamma".split()
)

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

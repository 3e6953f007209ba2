"""Operations on real numbers in many digits, without bounds: quick enough for thousands of nodes at dozens of points.

What comes out is right to half of its digits or more wherever the precision is that at which ball arithmetic decided the formula
that the points belong to. It tells which of two formulas are equal, and what a subformula should have been; whatever it says is
held against ball arithmetic before it is handed out.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import cache
from math import isqrt
from typing import Any

from graphc.errors import GraphcError
from graphc.interpret.ball_arithmetic import Ball, Undecided
from graphc.interpret.ball_functions import Arithmetic
from graphc.interpret.formula_interpreter import apply_formula, as_number
from graphc.ir.expr import Expr
from graphc.ir.op import Op

Value = Any
"""An mpmath number, a truth, or None where a value is undefined or unknown."""

STEP = 192
"""Precisions are multiples of this, so that few arithmetics serve all points."""

LARGEST = 20_000
"""Numbers with an exponent of more bits are left unknown, and so are functions of numbers beyond `FAR`."""

SAME = 120
"""Values that agree in so many binary digits are one value; what separates two formulas is larger at one of many points."""

SPARE = 160
"""Binary digits beyond those that decided a formula: what is proposed for it may cancel more than it does."""

FAR = 1100
"""Arguments of periodic and exponential functions have at most so many bits before the point."""

ZERO = (0, 0, 0, 0)
"""The parts of mpmath's 0: those of infinities and of NaN have no digits either."""

_ZERO_OVER_THE_REALS = frozenset(("add_error", "multiply_error"))

_NOT_FAR = frozenset(("sin", "cos", "tan", "exp", "expm1", "sinh", "cosh", "tanh"))


class Reals:
    """Arithmetic on numbers of `prec` binary digits."""

    def __init__(self, prec: int) -> None:
        self.prec = prec
        self.field: Arithmetic = Arithmetic(prec, 2.0 ** (-prec // 4))
        self.mp: Any = self.field.mp
        mp = self.mp
        self.zero: Any = mp.mpf(0)
        self.one: Any = mp.mpf(1)
        self._direct: dict[str, Callable[..., Any]] = {
            "add": operator.add, "subtract": operator.sub, "multiply": self._multiplied, "divide": self._divided,
            "negative": operator.neg, "abs": abs, "square": lambda x: self._multiplied(x, x),
            "reciprocal": lambda x: self._divided(self.one, x),
            "exp": self.field._exp, "log": mp.log, "sqrt": self._root, "sin": mp.sin, "cos": mp.cos, "tan": mp.tan,
            "expm1": self._expm1, "log1p": self._log1p, "sinh": self.field._sinh, "cosh": self.field._cosh, "tanh": mp.tanh,
            "asin": mp.asin, "acos": mp.acos, "atan": mp.atan, "asinh": mp.asinh, "acosh": mp.acosh, "atanh": mp.atanh,
            "atan2": mp.atan2, "hypot": self._hypot, "pow": self.field.power,
            "maximum": max, "minimum": min,
        }  # fmt: skip

    def _made(self, negative: int, mantissa: int, exponent: int) -> Any:
        """mantissa·2^exponent, rounded: what mpmath does in several calls, at the price of one."""
        count = mantissa.bit_length()
        if count > self.prec:
            down = count - self.prec
            mantissa = (mantissa >> down) + (mantissa >> (down - 1) & 1)
            exponent += down
        if not mantissa & 1:  # mantissas are odd
            if not mantissa:
                return self.zero
            even = (mantissa & -mantissa).bit_length() - 1
            mantissa >>= even
            exponent += even
        return self.mp.make_mpf((negative, mantissa, exponent, mantissa.bit_length()))

    def _multiplied(self, x: Any, y: Any) -> Any:
        s, a, e, _ = x._mpf_
        t, b, f, _ = y._mpf_
        return self._made(s ^ t, a * b, e + f)

    def _divided(self, x: Any, y: Any) -> Any:
        s, a, e, m = x._mpf_
        t, b, f, n = y._mpf_
        up = max(0, self.prec + n - m + 2)
        quotient, rest = divmod(a << up, b)
        return self._made(s ^ t, quotient << 1 | (rest != 0), e - f - up - 1)

    def _root(self, x: Any) -> Any:
        negative, mantissa, exponent, count = x._mpf_
        if negative:
            return None
        up = max(0, 2 * self.prec - count + 4)
        up += (exponent - up) & 1
        return self._made(0, isqrt(mantissa << up), (exponent - up) >> 1)

    def _hypot(self, x: Any, y: Any) -> Any:
        return self._root(self._multiplied(x, x) + self._multiplied(y, y))

    def _expm1(self, x: Any) -> Any:
        return self.field._exp(x) - 1 if self.mp.mag(x) > -self.prec // 3 else self.mp.expm1(x)

    def _log1p(self, x: Any) -> Any:
        return self.mp.log(1 + x) if self.mp.mag(x) > -self.prec // 3 else self.mp.log1p(x)

    def number(self, value: Any) -> Value:
        """A float or a truth, exactly; None for what is not finite."""
        if value is True or value is False:
            return value
        value = self.mp.mpf(value)
        return value if self.mp.isfinite(value) else None

    def apply(self, op: Op, operands: Sequence[Value], node: Expr | None = None) -> Value:
        """What an operation makes of numbers.

        node : one with this operation, for those that its name does not determine
        """
        name = op.name
        if name in _ZERO_OVER_THE_REALS:
            return self.zero
        if name == "held":
            return operands[0]
        if name == "where":
            condition, one, other = operands
            return None if condition is None else one if condition else other
        for value in operands:
            if value is None:
                return None
        try:
            direct = self._direct.get(name)
            if direct is not None and not any(type(value) is bool for value in operands):
                if name in _NOT_FAR and self.mp.mag(operands[0]) > FAR:
                    return None
                value = direct(*operands)
            else:
                value = self._by_formula(op, operands, node)
        except (
            ValueError, ZeroDivisionError, OverflowError, MemoryError, NotImplementedError, TypeError, Undecided,
            GraphcError, self.mp.NoConvergence,
        ):  # fmt: skip
            return None
        if type(value) is bool:
            return value
        parts = getattr(value, "_mpf_", None)
        if parts is None or not (parts[1] or parts == ZERO):
            return None  # complex, or no number
        return value if abs(parts[2]).bit_length() <= LARGEST else None

    def _by_formula(self, op: Op, operands: Sequence[Value], node: Expr | None) -> Value:
        field = self.field
        balls = [value if type(value) is bool else Ball(field, value, field.zero) for value in operands]
        if node is not None:
            types = op.types(tuple([operand.dtype for operand in node.operands]))[0]
            balls = [
                as_number(field, ball) if type(ball) is bool and dtype.kind != "b" else ball
                for ball, dtype in zip(balls, types, strict=True)
            ]
            found = balls[0] if op.name == "astype" else apply_formula(node, field, balls)
        elif op.formula is None:
            return None
        else:
            found = op.formula(field, *balls)
        return found if type(found) is bool else field.ball(found).mid

    @staticmethod
    def equal(one: Value, other: Value) -> bool:
        """Whether two values are the same number, as far as the digits tell."""
        if type(one) is bool or type(other) is bool:
            return one is other
        a, b = one._mpf_, other._mpf_
        if a == b:
            return True
        if a[0] != b[0] or not a[1] or not b[1] or abs(a[2] + a[3] - b[2] - b[3]) > 1:
            return False
        shift = a[2] - b[2]
        apart = (a[1] << shift) - b[1] if shift > 0 else a[1] - (b[1] << -shift)
        size = max(a[2] + a[3], b[2] + b[3]) - min(a[2], b[2])
        return abs(apart).bit_length() <= size - SAME


@cache
def reals(prec: int) -> Reals:
    """The arithmetic of a precision, one for all threads: nothing in it changes."""
    return Reals(prec)


def precision(bits: int) -> int:
    """The precision for a point at which `bits` binary digits decided the formula."""
    return -(-(bits + SPARE) // STEP) * STEP


__all__ = ["Reals", "Value", "precision", "reals"]

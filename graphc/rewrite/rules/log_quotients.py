"""Logarithms of quotients that are 1 at 0: log(sinh x/x), log((eˣ − 1)/x), log(x/tan x) and their kind.

Near 0 the logarithm of a number near 1 keeps none of the digits that the quotient has beyond 1: there it is log(1 + the rest of
the series). Further out sinh and eˣ overflow where their logarithms do not.
"""

from __future__ import annotations

import math

from graphc.ir.expr import Expr
from graphc.ops.comparison import maximum, where
from graphc.ops.elementary import asin, asinh, atan, exp, log, log1p, sinh
from graphc.ops.powers import square
from graphc.rewrite.engine.pattern import Kind
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.forms.series import AREA_TANGENT, BERNOULLI, QUOTIENTS
from graphc.util.records import dataclass

LN2 = math.log(2)


@dataclass(frozen=True)
class LogOfQuotient:
    """log(f(x)/x) and log(x/f(x)) → ±log(1 + the series of f(x)/x without its 1) near 0, without overflow further out"""

    name: str = "log-removable-quotient"
    kind: Kind = "stable"
    examples: tuple[str, ...] = (
        "log(sinh(x)/x)", "log(x/sinh(x))", "log(sin(x)/x)", "log(x/sin(x))", "log(tan(x)/x)", "log(tanh(x)/x)", "log(atan(x)/x)",
        "log(asin(x)/x)", "log(x/asinh(x))", "log(atanh(x)/x)", "log(exprel(x))", "log(expm1(x)/x)", "log(x/expm1(x))",
        "log(-expm1(-x)/x)", "log(log1p(x)/x)", "log(x/log1p(x))",
    )  # fmt: skip

    def roots(self) -> tuple[str, ...]:
        return ("log",)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        (inner,) = node.operands
        if inner.dtype is not node.dtype:
            return None
        if inner.op.name == "exprel":
            return _of_exponential(node, inner.operands[0], 1)
        if inner.op.name != "where":
            return None
        condition, value, _ = inner.operands
        if condition.op.name != "less" or condition.operands[0].op.name != "abs":
            return None
        (a,) = condition.operands[0].operands
        below = value.op.name == "divide" and value.operands[0].is_constant
        sought = value.operands[1] if below else value
        for name, series in QUOTIENTS.items():
            if float(series.coefficient(0)) == 1 and sought is series.sum(a):
                return _of_function(node, name, a, -1 if below else 1)
        if value is BERNOULLI.sum(a) - a * 0.5:
            return _of_exponential(node, a, -1)
        z = a / (2 + a)
        for sign, written in (
            (1, 2 * AREA_TANGENT.sum(z) / (2 + a)),
            (-1, (2 + a) / (2 * AREA_TANGENT.sum(z))),
        ):
            if value is written:
                t = log1p(a)
                return where(abs(t) < _NEAR_EXPONENTIAL, _signed(_near_exponential(t), -sign), node)
        return None

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


def _signed(value: Expr, sign: int) -> Expr:
    return value if sign > 0 else 0 - value


def _near(name: str, a: Expr) -> Expr:
    """log(f(a)/a) by the series of f"""
    return log1p(a * a * QUOTIENTS[name].rest(a))


def _of_function(node: Expr, name: str, a: Expr, sign: int) -> Expr:
    """±log(f(a)/a). Inverse functions by the functions themselves, whose series reach further: arsinh a/a is t/sinh t."""
    size = abs(a)
    if name == "sinh":
        far = ((size - LN2) - log(size)) + log1p(0 - exp(-2 * size))
        beyond = where(size < math.inf, _signed(far, sign), node)
        return where(size < 1.6, _signed(_near(name, a), sign), beyond)
    if name == "tanh":
        near, limit = _near("sinh", a) - log1p(2 * square(sinh(a * 0.5))), 2.0
    elif name == "asinh":
        near, limit = 0 - _near("sinh", asinh(a)), 3.0
    elif name == "asin":
        near, limit = 0 - _near("sin", asin(a)), 1.0
    elif name == "atan":
        near, limit = 0 - (_near("sin", atan(a)) + 0.5 * log1p(a * a)), 3.0
    else:
        near, limit = _near(name, a), QUOTIENTS[name].limit
    return where(size < limit, _signed(near, sign), node)


_NEAR_EXPONENTIAL = 4.0


def _near_exponential(a: Expr) -> Expr:
    """log((eᵃ − 1)/a) = a/2 + log(sinh(a/2)/(a/2))"""
    return a * 0.5 + _near("sinh", a * 0.5)


def _of_exponential(node: Expr, a: Expr, sign: int) -> Expr:
    """±log((eᵃ − 1)/a)"""
    size = abs(a)
    far = maximum(a, 0) + (log1p(0 - exp(-size)) - log(size))
    both = where(size < _NEAR_EXPONENTIAL, _near_exponential(a), far)
    return where(size < math.inf, _signed(both, sign), node)


RULES = (LogOfQuotient(),)

__all__ = ["RULES"]

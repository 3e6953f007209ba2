"""Quotients with a removable singularity: sin x/x, (eˣ − 1)/x, (1 − cos x)/x², x/(eˣ − 1) and their kind.

At 0 they are 0/0, and each derivative cancels around it once more. Near 0 they are written as power series, which derivatives of
any order keep; further out they stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from functools import reduce
from operator import mul

from graphc.ir.expr import Expr, apply, constant, symbol
from graphc.ir.op import lookup
from graphc.ops.comparison import where
from graphc.ops.elementary import exp, expm1
from graphc.ops.quotients import exprel
from graphc.rewrite.engine.pattern import Kind
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.forms.half_angle import (
    OVER_POWER,
    WIDE_DIFFERENCES,
    WIDE_QUOTIENTS,
    logarithm_over,
    narrow_logarithm_over,
)
from graphc.rewrite.forms.linear import Factors, factors_of, product, shared, without
from graphc.rewrite.forms.series import (
    BERNOULLI,
    COTANGENT,
    DIFFERENCES,
    QUOTIENTS,
    RECIPROCALS,
    SINE_MINUS_COSINE,
    Series,
)
from graphc.rewrite.rules.cancelled_branches import bound_of, cancelled
from graphc.util.fork_safety import cached_property
from graphc.util.records import dataclass

_SERIES = (
    *(series for _, series in (*DIFFERENCES.values(), *RECIPROCALS.values())),
    COTANGENT,
    SINE_MINUS_COSINE,
)
"""What a difference may have become near 0."""


AS_OPERATIONS = frozenset(("erf",))
"""Those whose series is one operation where derivatives are written from it: no logarithm of it is read term by term."""


def _over_argument(node: Expr, f: Expr, a: Expr, wide: bool) -> Expr:
    """f(a)/a, defined at 0, for a node that is it; else the quotient by itself, which is rewritten in its turn."""
    name = f.op.name
    if name == "expm1":
        return exprel(a)
    if node is not (f / a):
        return f / a
    if name == "log1p":
        near, value = logarithm_over(a) if wide else narrow_logarithm_over(a)
        return where(near, value, f / a)
    series = _quotients(wide)[name]
    return where(
        series.near(a),
        series.sum_to_differentiate(a) if wide and name in AS_OPERATIONS else series.sum(a),
        f / a,
    )


def _quotients(wide: bool) -> Mapping[str, Series]:
    return {**QUOTIENTS, **WIDE_QUOTIENTS} if wide else QUOTIENTS


def _argument_over(node: Expr, f: Expr, a: Expr, wide: bool = False) -> Expr:
    """a/f(a), defined at 0, likewise."""
    name = f.op.name
    quotient = a / f
    if node is not quotient:
        if a.op.name != "negative":
            return quotient
        quotient = 1 / f * a  # −x over f(−x) would become the node again
    if name == "expm1":  # without overflow, also of its derivatives
        if wide:  # by what vanishes far out on both sides, as its derivatives do
            n = abs(a)
            beyond = where(a > 0, 0, n) + n * (exp(-n) / (0 - expm1(-n)))
        else:
            beyond = where(a > 0, a * (exp(-a) / (0 - expm1(-a))), quotient)
        return where(BERNOULLI.near(a), BERNOULLI.sum(a) - a * 0.5, beyond)
    if name == "log1p":
        near, value = logarithm_over(a) if wide else narrow_logarithm_over(a)
        return where(near, 1 / value, quotient)
    series = _quotients(wide)[name]
    return where(
        series.near(a),
        1 / (series.sum_to_differentiate(a) if wide and name in AS_OPERATIONS else series.sum(a)),
        quotient,
    )


_NAMES = frozenset((*QUOTIENTS, "expm1", "log1p"))


@dataclass(frozen=True)
class RemovableQuotient:
    """f(x)/x and x/f(x) by power series near 0, for an f that vanishes there; eˣ − 1 over x as exprel

    wide : by series that hold further out, since there derivatives of the quotient still cancel
    """

    name: str = "removable-quotient"
    kind: Kind = "stable"
    wide: bool = False
    examples: tuple[str, ...] = (
        "sin(x)/x", "expm1(x)/x", "-expm1(-x)/x", "sin(2*x)/x", "y*tanh(x)/(x*z)", "x/expm1(x)", "x/sin(x)", "x*x/tan(x)",
        "log1p(x)/x", "x/log1p(x)", "atan(x)/x", "asinh(x)/x", "2*square(sin(x/2))/(x*x)", "x*x*x/expm1(x)",
        "x*x/(sinh(x)*sinh(x))", "y*square(x)/square(expm1(x))", "x*x*x/(sin(x)*sin(x))",
    )  # fmt: skip

    def roots(self) -> tuple[str, ...]:
        return ("divide",)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        above, below = node.operands
        if above.dtype != node.dtype or below.dtype != node.dtype or below.is_constant:
            return None
        (one, over), (other, under) = factors_of(above), factors_of(below)
        for f in over:
            if f.op.name in _NAMES and f.dtype is node.dtype and not self._is_left(f):
                (a,) = f.operands
                number, factors = factors_of(a)
                rest = without(under, factors)
                if rest is not None and not a.is_constant:
                    left = without(over, [f]) or []
                    return _result(
                        node, one * number, other, left, rest, _over_argument(node, f, a, self.wide)
                    )
        for f in under:
            if f.op.name in _NAMES and f.dtype is node.dtype and not self._is_left(f):
                (a,) = f.operands
                number, factors = factors_of(a)
                left = without(over, factors)
                if left is not None and not a.is_constant:
                    if f.op.name == "expm1" and under.count(f) == 1 and (grown := exp(a)) in left:
                        # x·eˣ/(eˣ − 1) is −x/(e⁻ˣ − 1), which no eˣ that overflows stands beside
                        back, sign = (a.operands[0], 1) if a.op.name == "negative" else (-a, -1)
                        value = (a.operands[0] if sign > 0 else a) / expm1(back)
                        rest = without(under, [f]) or []
                        return _result(
                            node, sign * one, other * number, without(left, [grown]) or [], rest, value
                        )
                    power = _powers_over(node, (one, over), (other, under), f)
                    if power is not None:
                        return power
                    rest = without(under, [f]) or []
                    return _result(
                        node, one, other * number, left, rest, _argument_over(node, f, a, self.wide)
                    )
        return None

    def _is_left(self, f: Expr) -> bool:
        """Whether derivatives are written from a series in what a root is of (`expansions`): f(√x)/√x is smooth in x."""
        return self.wide and f.op.name in QUOTIENTS and f.operands[0].op.name == "sqrt"

    def __str__(self) -> str:
        return f"{self.name}: {(self.__doc__ or '').splitlines()[0]} ({self.kind})"


def _powers_over(node: Expr, above: Factors, below: Factors, f: Expr) -> Expr | None:
    """u·aⁿ/f(a)ⁿ for n > 1: one branch, in whose far side f and its derivatives meet each other; None where it is not that."""
    (one, over), (other, under) = above, below
    name, (a,) = f.op.name, f.operands
    number, factors = factors_of(a)
    count = under.count(f)
    left = without(over, factors * count)
    series = BERNOULLI if name == "expm1" else QUOTIENTS.get(name)
    if count < 2 or left is None or series is None:
        return None
    near = 1 / series.sum(a) if name != "expm1" else series.sum(a) - a * 0.5
    rest = without(under, [f] * count) or []
    # further out by factors that do not under- or overflow by themselves; a/f would be a quotient to be rewritten
    branch = where(series.near(a), reduce(mul, [near] * count), reduce(mul, [1 / f * a] * count))
    return _result(node, one, other * number**count, left, rest, branch)


def _argument_over_written(name: str) -> Expr:
    """x/f(x) as it is written."""
    x = symbol("x")
    f = apply(lookup(name), x)
    return _argument_over(x / f, f, x)


@dataclass(frozen=True)
class SquareOfQuotient:
    """(x/f(x))ⁿ, where x/f(x) has become a branch → one branch of powers"""

    name: str = "removable-quotient-squared"
    kind: Kind = "stable"

    @cached_property
    def examples(self) -> tuple[str, ...]:
        """Formulas that it fires on, written when they are asked for: the series take a while."""
        return tuple([f"square({_argument_over_written(name)})" for name in ("sin", "sinh", "expm1")])

    def roots(self) -> tuple[str, ...]:
        return ("multiply", "square", "pow")

    def fits(self, operands: tuple[str, ...]) -> bool:
        return operands[0] == "where" and operands[-1] in ("where", "constant")

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        guarded, other, count = node.operands[0], node.operands[-1], 2
        if node.op.name == "pow":
            if not other.is_constant or other.shape or other.value not in (2, 3, 4, 5, 6):
                return None
            count = int(other.value)
        elif guarded is not other:
            return None
        if guarded.op.name != "where" or guarded.dtype is not node.dtype:
            return None
        far, positive = guarded.operands[2], None
        if far.op.name == "where":  # where it does not overflow, nor do its derivatives
            positive, far = far.operands[:2], far.operands[2]
        if far.op.name != "divide" or far.operands[1].op.name not in _NAMES:
            return None
        a, f = far.operands
        if a is not f.operands[0] or a.dtype is not node.dtype:
            return None
        condition, near = guarded.operands[:2]
        far = 1 / f * a  # a/f would be a quotient to be rewritten
        power = reduce(mul, [far] * count)
        if positive is not None:
            power = where(positive[0], reduce(mul, [positive[1]] * count), power)
        return where(condition, reduce(mul, [near] * count), power)

    def __str__(self) -> str:
        return f"{self.name}: {(self.__doc__ or '').splitlines()[0]} ({self.kind})"


def _result(
    node: Expr, one: float, other: float, over: list[Expr], under: list[Expr], result: Expr
) -> Expr | None:
    """(one/other)·∏over/∏under·value, rounded once more where one/other is no float."""
    if not other or not one:
        return None
    both, over, under = shared(over, under)
    rest = product(under)
    for factor in reversed(over):  # one by one: the others may overflow where the product does not
        result = factor * result
    for factor in both:  # 1, or NaN as it was: beside others it may under- or overflow
        result = factor / factor * result
    if rest is not None:
        result = result / rest
    number = abs(one / other)
    if Fraction(number) == abs(Fraction(one) / Fraction(other)):
        result = result if number == 1 else constant(number, node.dtype) * result
    else:
        result = result if abs(one) == 1 else constant(abs(one), node.dtype) * result
        result = result / constant(abs(other), node.dtype)
    result = result if (one > 0) == (other > 0) else -result
    return result if result.shape == node.shape else None


def _written(name: str) -> Expr:
    """x − f(x) as a difference that vanishes is written."""
    x = symbol("x")
    return DIFFERENCES[name][1].of(x, x - apply(lookup(name), x))


@dataclass(frozen=True)
class SeriesOverPower:
    """(x − sin x)/x³ and its kind: where a difference is a series times a power of x, that power cancels

    wide : as for `RemovableQuotient`
    """

    name: str = "series-over-power"
    kind: Kind = "stable"
    wide: bool = False

    @cached_property
    def examples(self) -> tuple[str, ...]:
        """Formulas that it fires on, written when they are asked for: the series take a while."""
        return tuple(str(_written(name) / symbol("x") ** 3) for name in ("sin", "atan"))

    def roots(self) -> tuple[str, ...]:
        return ("divide",)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        above, below = node.operands
        if above.dtype != node.dtype or below.dtype != node.dtype:
            return None
        number, over = factors_of(above)
        guarded = [factor for factor in over if factor.op.name == "where"]
        if len(guarded) != 1 or guarded[0].dtype != node.dtype:
            return None
        found = series_of(guarded[0])
        one, under = factors_of(below)
        if found is None:
            return cancelled(node, number, guarded[0], one, under) if len(over) == 1 else None
        series, x, scale = found
        power = min(sum(factor is x for factor in under), series.power)
        left, rest = without(over, guarded), without(under, [x] * power)
        if not power or left is None or rest is None:
            return None
        series = (WIDE_DIFFERENCES if self.wide else OVER_POWER).get(series, series.wide)
        if self.wide and power < series.power:  # the less is divided by, the less cancels
            series = replace(series, limit=series.limit / 2)
        near = _result(node, number * scale, one, left, rest, series.times_power(x, without=power))
        if near is None:
            return None
        result = where(series.near(x), near, node)
        return result if result.shape == node.shape else None

    def __str__(self) -> str:
        return f"{self.name}: {(self.__doc__ or '').splitlines()[0]} ({self.kind})"


def series_of(node: Expr) -> tuple[Series, Expr, float] | None:
    """The series, its variable and its factor where a node is one that a difference has become near 0."""
    condition, value = node.operands[:2]
    near = bound_of(condition) if condition.operands else None
    if near is None:
        return None
    x, limit = near
    known = [series for series in _SERIES if abs(series.limit - limit) < 1e-6]
    if not known:
        return None
    scale = 1.0
    if value.op.name == "subtract" and value.operands[0].is_constant and value.operands[0].value == 0:
        value, scale = value.operands[1], -1.0
    elif value.op.name == "negative":
        value, scale = value.operands[0], -1.0
    if value.op.name == "multiply" and value.operands[0].is_constant and not value.operands[0].shape:
        scale, value = scale * float(value.operands[0].value), value.operands[1]
    return next(((series, x, scale) for series in known if value is series.value(x)), None)


@dataclass(frozen=True)
class SeriesOverSeries:
    """(x − sin x)/(x − tan x) → the quotient of the series near 0, where both are multiples of a power of x"""

    name: str = "series-over-series"
    kind: Kind = "stable"

    @cached_property
    def examples(self) -> tuple[str, ...]:
        """Formulas that it fires on, written when they are asked for."""
        y = symbol("y")
        return str(_written("sin") / _written("tan")), str(y * _written("atan") / -_written("sinh"))

    def roots(self) -> tuple[str, ...]:
        return ("divide",)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        if node.op.name != "divide":
            return None
        (_, over), (_, under) = (factors_of(operand) for operand in node.operands)
        for above in over:
            for below in under:
                if above.op.name != "where" or below.op.name != "where" or above.shape != below.shape:
                    continue
                one, other = series_of(above), series_of(below)
                if one is None or other is None or one[1] is not other[1] or node.dtype != above.dtype:
                    continue
                return self._near(node, above, below, one, other)
        return None

    def _near(
        self,
        node: Expr,
        above: Expr,
        below: Expr,
        ours: tuple[Series, Expr, float],
        theirs: tuple[Series, Expr, float],
    ) -> Expr | None:
        (one, x, scale), (other, _, divided) = ours, theirs
        power = min(one.power, other.power)
        quotient = one.times_power(x, without=power) / other.times_power(x, without=power)
        (number, over), (divisor, under) = (factors_of(operand) for operand in node.operands)
        number, divisor = number * scale, divisor * divided
        rest, rests = without(over, [above]), without(under, [below])
        if rest is None or rests is None or divisor == 0:
            return None
        value = quotient if number == divisor else quotient * (number / divisor)
        above_rest, below_rest = product(rest), product(rests)
        value = value if above_rest is None else value * above_rest
        value = value if below_rest is None else value / below_rest
        result = where(one.near(x) & other.near(x), value, node)
        return result if result.shape == node.shape else None

    def __str__(self) -> str:
        return f"{self.name}: {(self.__doc__ or '').splitlines()[0]} ({self.kind})"


RULES = (RemovableQuotient(), SquareOfQuotient(), SeriesOverPower(), SeriesOverSeries())

__all__ = ["RULES"]

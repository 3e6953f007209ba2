"""Error functions: complements, and erfc where it underflows, by the scaled function exp(x²)·erfc(x)."""

from __future__ import annotations

import math
from fractions import Fraction

from graphc.ir.expr import Expr, constant
from graphc.ops.comparison import where
from graphc.ops.elementary import exp, expm1, log, log1p
from graphc.ops.special import TWO_OVER_ROOT_PI, erf, erfc, erfcx
from graphc.rewrite.engine.pattern import Kind, Match, Rule
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.forms.half_angle import polynomial
from graphc.rewrite.forms.linear import factors_of, product, same, without
from graphc.rewrite.rules.factors import MOST_FACTORS, all_factors_of
from graphc.rewrite.rules.gamma_differences import affine
from graphc.util.records import dataclass

ROWS = (
    Rule("erf-complement", "1 - erf(x)", "erfc(x)", "stable", "erfc without cancellation"),
    Rule("erfc-complement", "1 - erfc(x)", "erf(x)", "stable", "erf without cancellation"),
    Rule("log-erfc", "log(erfc(x))", lambda m: _log_erfc(m["x"], m.root), "stable",
         "log erfcx x − x², where erfc x underflows; log(1 − erf x) near 0"),
    Rule("log-erfc-scaled", "log(c*erfc(x))", lambda m: _log_scaled_erfc(m), "stable", "as log-erfc"),
    Rule("one-plus-erf", "1 + erf(x)", "erfc(-x)", "stable", "1 + erf(x) = erfc(−x)"),
)  # fmt: skip


def _log_erfc(x: Expr, kept: Expr) -> Expr:
    near = where(abs(x) < 0.5, log1p(0 - erf(x)), kept)
    return where(x > 0.5, log(erfcx(x)) - _square(x), near)


def _square(x: Expr) -> Expr:
    """x², of a multiple c·y as c²·y², the derivatives of which are rounded less."""
    scale, base, offset = affine(x)
    if offset or base is x or abs(scale) == 1:
        return x * x
    return constant(float(scale * scale), x.dtype) * (base * base)


def _log_scaled_erfc(m: Match) -> Expr | None:
    x, c = m["x"], m.value("c")
    if not 1e-6 < c < 1e6:
        return None
    kept = m.root
    if c == 0.5:  # the distribution function of the normal distribution, near 1
        kept = where(x < -0.5, log1p(-0.5 * erfc(-x)), kept)
    # where the logarithm of the product is far below 0, so that log c cancels nothing
    far = next(bound for bound in (0.5, 1.0, 1.5, 2.0, 3.0, 4.0) if c * math.erfc(bound) < 0.25)
    return where(x > far, log(erfcx(x)) - _square(x) + math.log(c), kept)


INVERSE_SCALED = (
    1.3459734895013484, -0.6503352412957762, 0.17811440626493694, 0.08187912596951362, -0.10167731971362204,
    0.023813378720401866, 0.02300955474267916, -0.017134271582950226, -0.0015071598074443647, 0.006263246942943871,
    -0.0014415406623644149, -0.0016411659206928028, 0.0009082464544973847, 0.00028622303569998816, -0.0003485253877501113,
    -4.113428705981818e-06, 0.00010183085679779331, -2.2060425374797403e-05, -2.2503538792954667e-05, 1.1348308569209384e-05,
    2.8532691736222513e-06, -3.811109933521617e-06, 4.4714210445477255e-07, 9.573640113119696e-07, -4.63935687206527e-07,
    -1.6828240139176748e-07, 1.9444739662894767e-07, 1.1958969774187657e-08, -5.7894334403267856e-08, 3.638404696440091e-09,
    1.273534411330122e-08, -1.314977428031668e-09, -1.88975537370229e-09, 1.4867709191922276e-10, 1.4185139175108386e-10,
)  # fmt: skip
"""(1/(exp(x²)·erfc x) − √π·x)·(x + 2) in y = (x − 3)/(x + 3), for x ≥ 0, to so many terms that two derivatives keep their digits:
`python -m tests.benchmarks.chebyshev`. The quotient grows as √π·x, so its second derivative is a small rest of large terms
where it is derived from that of the scaled function."""


def _inverse_scaled(x: Expr) -> Expr:
    """1/(exp(x²)·erfc x) for x ≥ 0, as its derivatives are written from it."""
    y = 1 - 6 / (x + 3)
    return math.sqrt(math.pi) * x + polynomial(INVERSE_SCALED, y) / (x + 2)


@dataclass(frozen=True)
class ScaledErrorFunction:
    """u·exp(x²)·erfc(x) → u·erfcx(x) and u·exp(−x²)/erfc(x) → u/erfcx(x) for x > 0, also where the squares are only close

    wide : 1/erfcx(x) in a form whose second derivative does not cancel
    """

    name: str = "scaled-error-function"
    kind: Kind = "stable"
    wide: bool = False
    needs: tuple[frozenset[str], ...] = (frozenset(("exp",)), frozenset(("erfc",)))
    examples: tuple[str, ...] = (
        "exp(x*x)*erfc(x)", "y*exp(square(x))*erfc(-x)", "exp(-x*x)/erfc(x)", "exp(x*x/2)*erfc(x/1.4142135623730951)",
        "exp(-x*x/2)/(y*erfc(x/1.4142135623730951))",
    )  # fmt: skip

    def roots(self) -> tuple[str, ...]:
        return ("multiply", "divide")

    def fits(self, operands: tuple[str, ...]) -> bool:
        return not _PRODUCTS.isdisjoint(operands) or {*operands} == {"erfc", "exp"}

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        if not _looks_worth(node):
            return None
        factors = list(all_factors_of(node))
        if len(factors) > MOST_FACTORS or any(factor.dtype != node.dtype for factor, _ in factors):
            return None
        for n, (power, one) in enumerate(factors):
            if power.op.name != "exp":
                continue
            for k, (complement, other) in enumerate(factors):
                if complement.op.name == "erfc" and (other > 0 or not _is_slope(factors)):
                    rest = _rest(power.operands[0], one, complement.operands[0], other)
                    if rest is not None:
                        left = [pair for place, pair in enumerate(factors) if place not in (n, k)]
                        return self._scaled(node, left, complement.operands[0], other, rest)
        return None

    def _scaled(
        self, node: Expr, left: list[tuple[Expr, int]], y: Expr, exponent: int, rest: tuple[Expr, ...]
    ) -> Expr | None:
        inverse = _inverse_scaled if self.wide else lambda y: 1 / erfcx(y)
        value = erfcx(y) if exponent > 0 else inverse(y)
        for power in rest:
            value = power * value
        for factor, other in left:
            value = factor * value if other > 0 else value / factor
        if exponent < 0:
            value = where(y > 0, value, node)
        elif (
            abs(affine(y)[0]) != 1
        ):  # below 0 it grows as exp(y²), which the rounding of y does not leave its digits
            value = where(y > -1, value, node)
        result = value
        return result if result.shape == node.shape else None

    def __str__(self) -> str:
        return f"{self.name}: {(self.__doc__ or '').splitlines()[0]} ({self.kind})"


def _is_slope(factors: list[tuple[Expr, int]]) -> bool:
    """Whether a quotient is the derivative of log erfc, as the factor −2/√π shows: that is written from the logarithm's own form,
    whose second derivative is rounded less often."""
    return any(
        factor.is_constant and not factor.shape and abs(abs(float(factor.value)) - TWO_OVER_ROOT_PI) < 1e-6
        for factor, _ in factors
    )


_PRODUCTS = frozenset(("multiply", "divide", "negative"))


def _looks_worth(node: Expr) -> bool:
    pending, looked, names = list(node.operands), 0, set[str]()
    while pending and looked < MOST_FACTORS:
        factor = pending.pop()
        looked += 1
        names.add(factor.op.name)
        if factor.op.name in _PRODUCTS:
            pending += factor.operands
    return "erfc" in names and "exp" in names


def _rest(u: Expr, one: int, y: Expr, other: int) -> tuple[Expr, ...] | None:
    """What is left of exp(u)**one beside erfc(y)**other when the second is scaled: nothing, or an exponential of r·x² with a
    small r, as of x²/2 − (x/1.414…)²; None where they are no pair."""
    scale, x, offset = affine(y)
    number, factors = factors_of(u)
    if offset or len(factors) != 2 or not number:
        return None
    square = Fraction(number) * one
    for factor in factors:
        a, base, b = affine(factor)
        if base is not x or b:
            return None
        square *= a
    wanted = scale * scale * other
    left = square - wanted
    if square * other <= 0 or abs(left) > scale * scale / 2:
        return None
    return (exp(constant(float(left), u.dtype) * (x * x)),) if left else ()


@dataclass(frozen=True)
class ErrorFunctionBesideDensity:
    """u·erfc(x) − a·u·exp(−x²) → u·((1 − a) − (erf x + a·(exp(−x²) − 1))) near 0: the derivative of a product with erfc"""

    name: str = "erfc-beside-density"
    kind: Kind = "stable"
    needs: tuple[frozenset[str], ...] = (frozenset(("exp",)), frozenset(("erfc",)))
    examples: tuple[str, ...] = (
        "y*erfc(x) - 1.1283791670955126*(y*exp(-(x*x)))", "exp(x)*(-1.1283791670955126*exp(-(x*x))) + erfc(x)*exp(x)",
        "erfc(2*x) - 1.25*exp(-(4*x*x))",
    )  # fmt: skip

    def roots(self) -> tuple[str, ...]:
        return ("add", "subtract")

    def fits(self, operands: tuple[str, ...]) -> bool:
        return "erfc" in operands or "multiply" in operands

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        left, right = node.operands
        sign = 1 if node.op.name == "add" else -1
        for one, other in ((left, right), (right, left)):
            if not _holds_complement(one) or one.shape != other.shape:
                continue
            (number, over), (second, factors) = factors_of(one), factors_of(other)
            for f in over:
                found = _density(f, without(over, [f]) or [], factors) if f.op.name == "erfc" else None
                if found is None or f.dtype is not node.dtype or not number:
                    continue
                (y,), rest = f.operands, product(without(over, [f]) or [])
                ratio = sign * second / number
                if not -1.5 < ratio < -0.75:  # the sum is no smaller than its terms
                    return None
                lowest = ratio + 1 if abs(ratio + TWO_OVER_ROOT_PI) > 1e-6 else 1 - TWO_OVER_ROOT_PI
                value = lowest + (ratio * expm1(found) - erf(y))
                value = value if rest is None else rest * value
                number = number if one is left else sign * number
                value = value if number == 1 else constant(number, node.dtype) * value
                result = where(abs(y) < 0.25, value, node)
                return result if result.shape == node.shape else None
        return None

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


def _holds_complement(node: Expr) -> bool:
    """A cheap look, before products are taken apart."""
    if node.op.name != "multiply":
        return node.op.name == "erfc"
    return any(factor.op.name in ("erfc", "multiply") for factor in node.operands)


def _density(f: Expr, rest: list[Expr], factors: tuple[Expr, ...]) -> Expr | None:
    """−x² beside erfc(x), where a product is the rest of the other with exp(−x²)."""
    for power in factors:
        if power.op.name == "exp" and same(rest, without(factors, [power]) or []):
            found = _rest(power.operands[0], -1, f.operands[0], 1)
            if found == ():
                return power.operands[0]
    return None


RULES = (*ROWS, ScaledErrorFunction(), ErrorFunctionBesideDensity())

__all__ = ["RULES"]

"""Gamma functions at close arguments: log Γ(z + d) − log Γ(z) and ψ(z + d) − ψ(z) for a number d.

With m = z + (d − 1)/2 both expansions of Stirling's kind meet in one of even powers alone:

    log Γ(z + d) − log Γ(z) ~ d·log m − Σ 2 B₂ⱼ₊₁((1 + d)/2) / (2j (2j + 1) m²ʲ)

whose derivatives of every order keep their digits, as those of d/m do. Below z = 10 the recurrence leads there: 1/(z + i) and
log(1 + d/(z + i)) are taken apart one by one.

Source: F. G. Tricomi and A. Erdélyi, The asymptotic expansion of a ratio of gamma functions, Pacific Journal of Mathematics 1
(1951); DLMF 5.11.8.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache, reduce
from math import comb, factorial, prod
from operator import add, mul

from graphc.ir.expr import Expr, constant
from graphc.ops.comparison import where
from graphc.ops.elementary import exp, log, log1p
from graphc.rewrite.engine.pattern import Kind
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.forms.linear import MOST_FACTORS, factors_of, is_number, product, same, without
from graphc.rewrite.forms.series import bernoulli
from graphc.util.records import dataclass

SHIFT = 10
"""From here on the expansion has terms below an ULP of the sum."""

TERMS = 12
NEAR_ROOTS = 3.0
"""Below it values of log Γ are small or far apart, so that their difference keeps its digits."""

LARGEST = 64
WHOLE = 8
"""Up to this difference its whole part is written out."""


@cache
def coefficients(d: Fraction) -> tuple[float, ...]:
    """Those of 1/m²ʲ, j = 1, 2, …

    >>> coefficients(Fraction(1))[0], coefficients(Fraction(1, 2))[0]
    (0.0, 0.015625)
    """
    a = (1 + d) / 2
    found = []
    for j in range(1, TERMS + 1):
        n = 2 * j + 1
        value = sum((comb(n, k) * bernoulli(k) * a ** (n - k) for k in range(n + 1)), Fraction(0))
        found.append(float(-2 * value / (2 * j * (2 * j + 1))))
    return tuple(found)


def affine(node: Expr) -> tuple[Fraction, Expr, Fraction]:
    """(a, x, b) of a node that is a·x + b, in exact arithmetic."""
    scale, offset = Fraction(1), Fraction(0)
    for _ in range(8):
        name, operands = node.op.name, node.operands
        if name in ("add", "subtract"):
            left, right = operands
            if is_number(right):
                node, number = left, Fraction(float(right.value))
                offset += scale * (number if name == "add" else -number)
            elif is_number(left):
                offset += scale * Fraction(float(left.value))
                node, scale = right, scale if name == "add" else -scale
            else:
                break
        elif name == "multiply" and any(map(is_number, operands)):
            left, right = operands if is_number(operands[1]) else operands[::-1]
            node, scale = left, scale * Fraction(float(right.value))
        elif name == "divide" and is_number(operands[1]) and operands[1].value != 0:
            node, scale = operands[0], scale / Fraction(float(operands[1].value))
        elif name == "negative":
            node, scale = operands[0], -scale
        else:
            break
    return scale, node, offset


def _apart(u: Expr, w: Expr) -> Fraction | None:
    """u − w, where it is a number."""
    (a, x, b), (c, y, d) = affine(u), affine(w)
    return b - d if x is y and a == c else None


def _middle(z: Expr, d: Fraction) -> Expr:
    return z + float((d - 1) / 2) if d != 1 else z


def _rest(m: Expr, d: Fraction) -> Expr | None:
    """The expansion without its logarithm; None where nothing is left of it."""
    numbers = coefficients(d)
    if not any(numbers):
        return None
    inverse = 1 / m
    square = inverse * inverse
    total: Expr = constant(numbers[-1], m.dtype)
    for number in reversed(numbers[:-1]):
        total = total * square + number
    return total * square


def _expansion(z: Expr, d: Fraction) -> Expr:
    m = _middle(z, d)
    main = float(d) * log(m) if d != 1 else log(m)
    rest = _rest(m, d)
    return main if rest is None else main + rest


def expansion_beside_logarithm(z: Expr, d: Fraction, v: Expr, apart: Fraction) -> Expr | None:
    """The expansion without d·log v, where z − v is the number `apart`; None where it is 0."""
    rest, change = _rest(_middle(z, d), d), apart + (d - 1) / 2
    if not change:
        return rest
    logarithm = float(d) * log1p(float(change) / v)
    return logarithm if rest is None else logarithm + rest


def _derivative(z: Expr, d: Fraction, order: int) -> Expr:
    """A derivative of the expansion, of order 1 and higher."""
    m = _middle(z, d)
    inverse = 1 / m
    square = inverse * inverse
    first = float(d) * factorial(order - 1)
    total: Expr = constant(0.0, m.dtype)
    for j in range(TERMS, 0, -1):
        total = total * square - coefficients(d)[j - 1] * prod(range(2 * j, 2 * j + order))
    result = first + total * square if any(coefficients(d)) else constant(first, m.dtype)
    for _ in range(order):
        result = result * inverse
    return result if order % 2 else 0 - result


def log_gamma_step(z: Expr, d: Fraction, node: Expr) -> Expr:
    """log Γ(z + d) − log Γ(z) for d > 0; `node` where z is small or negative."""
    if d > WHOLE:
        return where(z > 3 * float(d) + SHIFT, _expansion(z, d), node)
    whole, part = divmod(d, 1)
    logs = [log(z + float(part + i) if part + i else z) for i in range(whole)]
    far, near = list(logs), list(logs)
    if part:
        far.append(_expansion(z, part))
        near.append(_expansion(z + float(SHIFT), part))
        near += [-log1p(float(part) / (z + float(i) if i else z)) for i in range(SHIFT)]
    return where(z > SHIFT, _sum(far), where(z > NEAR_ROOTS, _sum(near), node))


def polygamma_step(z: Expr, d: Fraction, node: Expr, order: int) -> Expr:
    """The derivative of that of some order from 1 on; `node` where z is negative."""
    if d > WHOLE:
        return where(z > 3 * float(d) + SHIFT, _derivative(z, d, order), node)
    whole, part = divmod(d, 1)
    sign = 1.0 if order % 2 else -1.0
    first = sign * factorial(order - 1)
    far = [first * _power(1 / (z + float(part + i) if part + i else z), order) for i in range(whole)]
    near = list(far)
    if part:
        far.append(_derivative(z, part, order))
        near.append(_derivative(z + float(SHIFT), part, order))
        scale = first * float(part)
        near += [
            _apart_powers(z + float(i) if i else z, z + float(i + part), order, scale) for i in range(SHIFT)
        ]
    return where(z > SHIFT, _sum(far), where(z > 0, _sum(near), node))


def _power(x: Expr, order: int) -> Expr:
    """xⁿ; of a reciprocal, which underflows with all its derivatives where a reciprocal of the power is ∞/∞."""
    return reduce(mul, [x] * order)


def _apart_powers(x: Expr, y: Expr, order: int, scale: float) -> Expr:
    """(x⁻ⁿ − y⁻ⁿ)/(y − x), scaled: a sum of products of n + 1 factors 1/x and 1/y, one of each at least"""
    if order == 1:
        return scale / y / x  # y is no smaller than its distance from x, which the scale is a multiple of
    # scaled at the end, products would overflow that are 1/scale as large
    r, s, scaled = 1 / x, 1 / y, scale / y
    parts = [[r] * (order - k) + [s] * (k - 1) + [scaled] for k in range(1, order + 1)]
    return reduce(add, [reduce(mul, part) for part in parts]) * r


def gamma_ratio(z: Expr, d: Fraction, node: Expr) -> Expr:
    """Γ(z + d)/Γ(z) for d > 0 as m^d·e^(the rest of the expansion); `node` where z is small or negative."""
    m = _middle(z, d)
    rest = _rest(m, d)
    power = m ** float(d)
    return where(
        z > (SHIFT if d < 2 else 3 * float(d) + SHIFT), power if rest is None else power * exp(rest), node
    )


def _sum(terms: list[Expr]) -> Expr:
    """The smallest first, which stand last."""
    total = terms[-1]
    for term in reversed(terms[:-1]):
        total = total + term
    return total


def _order(f: Expr) -> int | None:
    """Which derivative of log Γ a node is; None of anything else."""
    if f.op.name in ("lgamma", "digamma"):
        return int(f.op.name == "digamma")
    if f.op.name != "polygamma" or not f.operands[0].is_constant or f.operands[0].shape:
        return None
    n = int(f.operands[0].value)
    return n + 1 if 0 < n <= HIGHEST else None


HIGHEST = 4


_PRODUCTS = frozenset(("multiply", "negative"))
_GAMMAS = _PRODUCTS | {"lgamma", "digamma", "polygamma"}


@dataclass(frozen=True)
class GammaDifference:
    """u·log Γ(z + d) − u·log Γ(z) → u·(d·log(z + (d − 1)/2) + …) for a number d, and so for ψ and its derivatives"""

    name: str = "gamma-difference"
    kind: Kind = "stable"
    needs: tuple[frozenset[str], ...] = (frozenset(("lgamma", "digamma", "polygamma")),)
    examples: tuple[str, ...] = (
        "lgamma(x + 0.5) - lgamma(x)", "lgamma(x) - lgamma(x + 0.25)", "lgamma((x + 1)/2) - lgamma(x/2)",
        "lgamma(x + 1) - lgamma(x)",
        "digamma(x + 0.5) - digamma(x)", "y*digamma(x + 3) - digamma(x - 0.25)*y", "lgamma(x + 20.5) - lgamma(x)",
        "digamma(2*x + 1) - digamma(2*x)", "polygamma(1, x + 0.5) - polygamma(1, x)", "polygamma(2, x) - polygamma(2, x + 1.75)",
    )  # fmt: skip

    def roots(self) -> tuple[str, ...]:
        return ("subtract",)

    def fits(self, operands: tuple[str, ...]) -> bool:
        return _GAMMAS.issuperset(operands)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        left, right = node.operands
        if not _holds_gamma(left) or not _holds_gamma(right) or left.dtype is not right.dtype:
            return None
        (number, over), (other, factors) = factors_of(left), factors_of(right)
        if number != other or not number:
            return None
        for f in over:
            order = _order(f)
            rest = without(over, [f])
            if order is None or rest is None or f.dtype is not node.dtype:
                continue
            for g in factors:
                if g.op is f.op and _order(g) == order and same(rest, without(factors, [g]) or []):
                    value = _step(f.operands[-1], g.operands[-1], f - g, order)
                    if value is None:
                        return None
                    scale = product(rest)
                    value = value if scale is None else scale * value
                    value = value if number == 1 else constant(number, node.dtype) * value
                    return value if value.shape == node.shape else None
        return None

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


def _holds_gamma(node: Expr) -> bool:
    """A cheap look, before products are taken apart."""
    pending, looked = [node], 0
    while pending and looked < MOST_FACTORS:
        factor = pending.pop()
        looked += 1
        if factor.op.name in _GAMMAS - _PRODUCTS:
            return True
        if factor.op.name in _PRODUCTS:
            pending += factor.operands
    return False


def _step(u: Expr, w: Expr, node: Expr, order: int) -> Expr | None:
    """f(u) − f(w) for the derivative f of log Γ of an order."""
    d = _apart(u, w)
    if d is None or not 0 < abs(d) <= LARGEST or u.dtype is not node.dtype or w.dtype is not node.dtype:
        return None
    low = w if d > 0 else u
    result = polygamma_step(low, abs(d), node, order) if order else log_gamma_step(low, abs(d), node)
    return result if d > 0 else _opposite(result, node)


def _opposite(step: Expr, node: Expr) -> Expr:
    """The same with the other sign in every branch but that of the node itself."""
    if step is node:
        return node
    if step.op.name == "where":
        condition, value, other = step.operands
        return where(condition, 0 - value, _opposite(other, node))
    return 0 - step


RULES = (GammaDifference(),)

__all__ = ["RULES", "SHIFT", "TERMS", "WHOLE", "affine", "expansion_beside_logarithm"]

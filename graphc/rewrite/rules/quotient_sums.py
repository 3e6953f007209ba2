"""Sums of quotients of x, |x|, √(x² + 1), √x and √(x + 1) whose leading parts cancel, brought to one quotient.

The derivative of x/√(1 + x²) is 1/√(1 + x²) − x²/√(1 + x²)³, of which nothing is left far out; over a common denominator the
numerator is 1 + x² − x². Numerators are polynomials with exact coefficients, in which r² is x² + 1 for r = √(x² + 1), and
(√x)² is x. A numerator p·r + q that cancels itself is (p²r² − q²)/(p·r − q).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from functools import reduce

from graphc.ir.expr import Expr, constant
from graphc.ops.arithmetic import sign
from graphc.ops.comparison import where
from graphc.ops.elementary import hypot, sqrt
from graphc.rewrite.engine.pattern import Kind
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.forms.facts import Variables, may_be_quotient
from graphc.rewrite.forms.polynomials import (
    ONE,
    ROUND,
    SIGN,
    SQUARES,
    Monomial,
    Poly,
    R,
    U,
    V,
    X,
    degree,
    inverse_of,
    lowered,
    may_cancel,
    number,
    parts,
    plus,
    power_of,
    sign_of,
    size_of,
    times,
    without_roots,
)
from graphc.util.records import dataclass

MOST_NODES = 300
MOST_DEEP = 40
MOST_DEGREE = 2
MOST_DIVISORS = 12
MOST_MONOMIALS = 12
LARGEST = 2**16
"""Of constants and their denominators: others are of power series, whose sums do not cancel."""

FAR = {8: (2.0**500, 7 * 2.0**1020), 4: (2.0**60, 7 * 2.0**124)}
"""Beyond this, by the size of the type, the sum stays as it was: where squares that overflow are in the way, and where not."""


@dataclass(frozen=True)
class _Quotient:
    """above over powers of generators (by number) and of nodes that are polynomials"""

    above: Poly
    below: Mapping[int | Expr, int]


class _QuotientReader:
    """Reads a node as a quotient; what it is of, x, is the first symbol that it meets."""

    def __init__(self) -> None:
        self.x: Expr | None = None
        self.polynomials: dict[int | Expr, Poly] = {g: {power_of(g): Fraction(1)} for g in (X, R, U, V)}
        self._left = MOST_NODES
        self._depth = 0
        self._known: dict[Expr, _Quotient | None] = {}

    def is_x(self, node: Expr) -> bool:
        if not (node.is_symbol or node.op.on_arrays) or node.dtype.kind != "f":
            return False
        self.x = node if self.x is None else self.x
        return node is self.x

    def read(self, node: Expr) -> _Quotient | None:
        if node not in self._known:
            self._left -= 1
            self._depth += 1
            result = self._read(node) if self._left >= 0 and self._depth <= MOST_DEEP else None
            self._depth -= 1
            if (
                result is None
                or len(result.above) > MOST_MONOMIALS
                or sum(result.below.values()) > MOST_DIVISORS
            ):
                self._left, result = 0, None  # what one part is not, the whole is not
            self._known[node] = result
        return self._known[node]

    def _read(self, node: Expr) -> _Quotient | None:
        if node.is_constant:
            known = not node.shape and node.dtype.kind == "f" and abs(node.value) < LARGEST
            value = Fraction(float(node.value)) if known else Fraction(0)
            return _Quotient(number(value), {}) if known and value.denominator < LARGEST else None
        if node.op.name == "broadcast_to" and node.operands[0].is_constant:
            return self.read(node.operands[0])  # the seed of a gradient
        read = getattr(self, f"_{node.op.name}", None)
        if read is not None and not node.op.on_arrays:
            return read(*node.operands)
        return _Quotient({power_of(X): Fraction(1)}, {}) if self.is_x(node) else None

    def _generator(self, monomial: Monomial) -> _Quotient:
        return _Quotient({monomial: Fraction(1)}, {})

    def _abs(self, x: Expr) -> _Quotient | None:
        return self._generator((1, 1, 0, 0, 0)) if self.is_x(x) else None

    def _sign(self, x: Expr) -> _Quotient | None:
        return self._generator(power_of(SIGN)) if self.is_x(x) else None

    def _hypot(self, x: Expr, y: Expr) -> _Quotient | None:
        x, y = (x, y) if y.is_constant else (y, x)
        one = y.is_constant and not y.shape and y.value == 1
        return self._generator(power_of(R)) if one and self.is_x(x) else None

    def _sqrt(self, inner: Expr) -> _Quotient | None:
        found = self.read(inner)
        if found is None or found.below:
            return None
        generator = next((g for g in (R, U, V) if SQUARES[g] == found.above), None)
        return None if generator is None else self._generator(power_of(generator))

    def _where(self, condition: Expr, one: Expr, other: Expr) -> _Quotient | None:
        if (
            condition.op.name != "less"
            or not condition.operands[1].is_constant
            or condition.operands[1].shape
        ):
            return None
        size, limit = condition.operands
        if limit.value == math.inf:
            return self.read(one)
        own = size.op.name == "abs" and self.is_x(size.operands[0]) and limit.value in _limits(size)
        return self.read(other) if own else None

    def _negative(self, a: Expr) -> _Quotient | None:
        found = self.read(a)
        return None if found is None else _Quotient(times(found.above, number(Fraction(-1))), found.below)

    def _add(self, a: Expr, b: Expr, factor: int = 1) -> _Quotient | None:
        one, other = self.read(a), self.read(b)
        if one is None or other is None:
            return None
        below = _common(one, other)
        above = plus(self.over(one, below), self.over(other, below), factor)
        return self.reduced(_Quotient(above, below))

    def _subtract(self, a: Expr, b: Expr) -> _Quotient | None:
        return self._add(a, b, -1)

    def _multiply(self, a: Expr, b: Expr) -> _Quotient | None:
        one, other = self.read(a), self.read(b)
        if one is None or other is None:
            return None
        below = dict(one.below)
        for divisor, power in other.below.items():
            below[divisor] = below.get(divisor, 0) + power
        return self.reduced(_Quotient(times(one.above, other.above), below))

    def _square(self, a: Expr) -> _Quotient | None:
        return self._multiply(a, a)

    def _reciprocal(self, a: Expr) -> _Quotient | None:
        return self._over(_Quotient(number(Fraction(1)), {}), a)

    def _divide(self, a: Expr, b: Expr) -> _Quotient | None:
        above = self.read(a)
        return None if above is None else self._over(above, b)

    def _over(self, one: _Quotient, node: Expr) -> _Quotient | None:
        """one/node, for a node that is a polynomial."""
        found = self.read(node)
        if found is None or found.below or not found.above:
            return None
        below = dict(one.below)
        above = one.above
        if found.above == ROUND:
            below[R] = below.get(R, 0) + 2
        elif len(found.above) == 1:
            ((monomial, coefficient),) = found.above.items()
            if monomial[SIGN]:
                return None
            above = times(above, number(1 / coefficient))
            for generator in (X, R, U, V):
                if monomial[generator]:
                    below[generator] = below.get(generator, 0) + monomial[generator]
        elif (inverse := inverse_of(found.above)) is not None:
            above = times(above, inverse)
        else:
            known = next((base for base, p in self.polynomials.items() if p == found.above), node)
            self.polynomials[known] = found.above
            below[known] = below.get(known, 0) + 1
        return self.reduced(_Quotient(above, below))

    def over(self, one: _Quotient, below: Mapping[int | Expr, int]) -> Poly:
        """The numerator of a quotient over a multiple of its denominator."""
        above = one.above
        for divisor, power in below.items():
            for _ in range(power - one.below.get(divisor, 0)):
                above = times(above, self.polynomials[divisor])
        return above

    def reduced(self, one: _Quotient) -> _Quotient:
        """Without powers of x and roots that stand above and below."""
        above, below = dict(one.above), dict(one.below)
        for generator in (X, R, U, V):
            while below.get(generator) and above and all(m[generator] for m in above):
                above = {lowered(m, generator): c for m, c in above.items()}
                below[generator] -= 1
        return _Quotient(above, {divisor: power for divisor, power in below.items() if power})


def _common(one: _Quotient, other: _Quotient) -> dict[int | Expr, int]:
    return {
        divisor: max(one.below.get(divisor, 0), other.below.get(divisor, 0))
        for divisor in (*one.below, *other.below)
    }


def _limits(x: Expr) -> tuple[float, float]:
    return FAR[x.dtype.itemsize]


def _near(x: Expr, one: _Quotient) -> Expr:
    """Where the quotient as it is written has its value."""
    powers = [power for divisor, power in one.below.items() if not isinstance(divisor, Expr)]
    vanishes = sum(powers) - degree(one.above) >= 3  # it underflows before 1 + x² overflows
    simple = len(powers) == len(one.below) and degree(one.above) <= 1
    return abs(x) < _limits(x)[simple and (vanishes or one.below.get(R, 0) < 2)]


class _QuotientWriter:
    def __init__(self, x: Expr) -> None:
        self.x = x
        self._roots = {R: hypot(x, constant(1.0, x.dtype)), U: sqrt(x), V: sqrt(x + 1)}

    def polynomial(self, a: Poly) -> Expr | None:
        """A polynomial of x and |x|, by rising powers; None where a coefficient is no float."""
        total: Expr | None = None
        for monomial in sorted(a, reverse=True):
            coefficient = a[monomial]
            if Fraction(float(coefficient)) != coefficient:
                return None
            size = abs(float(coefficient))
            factors = [abs(self.x)] * monomial[SIGN] if monomial[X] else [sign(self.x)] * monomial[SIGN]
            factors += [self.x] * (monomial[X] - monomial[SIGN] if monomial[X] else 0)
            if size != 1 or not factors:
                factors.insert(0, constant(size, self.x.dtype))
            term = reduce(lambda p, q: p * q, factors)
            if total is None:
                total = term if coefficient > 0 else -term
            else:
                total = total + term if coefficient > 0 else total - term
        return constant(0.0, self.x.dtype) if total is None else total

    def part(self, a: Poly) -> Expr | None:
        """A polynomial times the roots that all its monomials have."""
        roots = next(iter(a))[R:]
        rational = {without_roots(m): c for m, c in a.items()}
        total = self.polynomial(rational)
        for generator, exponent in zip((R, U, V), roots, strict=True):
            if exponent and total is not None:
                root = self._roots[generator]
                total = root if rational == ONE else total * root
        return total

    def cancelling(self, one: _Quotient, reader: _QuotientReader) -> Expr | None:
        """A numerator of two parts with different roots: as it is where they have one sign, by its norm where they have two."""
        p, q = parts(one.above)
        positive = any(m[U] for m in one.above)
        one_sign, other_sign = sign_of(p, positive), sign_of(q, positive)
        if one_sign is not None and other_sign is not None and one_sign[1] and other_sign[1]:
            both = {power_of(SIGN): Fraction(1)}  # x − sign(x)·r is sign(x)·(|x| − r)
            inner = self.cancelling(_Quotient(times(one.above, both), one.below), reader)
            return None if inner is None else inner * sign(self.x)
        if one_sign is None or one_sign[1]:
            p, q, one_sign, other_sign = q, p, other_sign, one_sign
        if one_sign is None or other_sign is None or one_sign[1]:
            return None
        sizes = [self.part(size_of(part, positive)) for part in (p, q)]
        norm = reader.reduced(_Quotient(plus(times(p, p), times(q, q), -1), one.below))
        if sizes[0] is None or sizes[1] is None or degree(norm.above) > MOST_DEGREE:
            return None
        total = sizes[0] + sizes[1]
        direct = self.divided(total, one.below)
        above = self.polynomial(norm.above)
        if above is None or len(parts(norm.above)) != 1 or any(any(m[R:]) for m in norm.above):
            return None
        by_norm = self.divided(above / total, norm.below)
        if one_sign[0] < 0:
            direct, by_norm = -direct, -by_norm
        alike = one_sign[0] * other_sign[0]
        if not other_sign[1]:
            return by_norm if alike < 0 else direct
        return where(self.x < 0, direct, by_norm) if alike < 0 else where(self.x < 0, by_norm, direct)

    def quotient(self, one: _Quotient, reader: _QuotientReader) -> Expr | None:
        count = len(parts(one.above))
        if count > 2 or degree(one.above) > MOST_DEGREE or sum(one.below.values()) > MOST_DIVISORS:
            return None
        if count == 2:
            return self.cancelling(one, reader)
        above = self.part(one.above)
        return None if above is None else self.divided(above, one.below)

    def divided(self, result: Expr, below: Mapping[int | Expr, int]) -> Expr:
        """A numerator divided by one divisor after the other."""
        for divisor, power in below.items():
            if isinstance(divisor, Expr):
                factors = [divisor] * power
            elif divisor == R:
                factors = [1 + self.x * self.x] * (power // 2) + [self._roots[R]] * (power % 2)
            else:
                factors = [self.x if divisor == X else self._roots[divisor]] * power
            result = reduce(lambda p, q: p / q, factors, result)
        return result


@dataclass(frozen=True)
class QuotientSum:
    """1/√(1 + x²) − x²/√(1 + x²)³ → 1/√(1 + x²)³ and its kind, where the leading parts of quotients of one symbol cancel"""

    name: str = "sum-of-quotients"
    kind: Kind = "stable"
    examples: tuple[str, ...] = (
        "1/hypot(x, 1) - x*x/hypot(x, 1)/hypot(x, 1)/hypot(x, 1)", "1/(1 + abs(x)) - x/(1 + abs(x))/(1 + abs(x))*sign(x)",
        "hypot(x, 1) - x", "x/hypot(x, 1) - 1", "1/(1 + x*x) - x*x/(1 + x*x)/(1 + x*x)", "1/(x + 1)/(x + 1) - 1/x/x",
        "1/sqrt(x)/x - 1/sqrt(x + 1)/(x + 1)",
    )  # fmt: skip

    def roots(self) -> tuple[str, ...]:
        return ("add", "subtract")

    def fits(self, operands: tuple[str, ...]) -> bool:
        return all(may_be_quotient(name) for name in operands)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        left, right = node.operands
        known = ranges.table(Variables)[node]
        if known is None or not known[1]:
            return None
        if node.dtype.kind != "f" or left.dtype != node.dtype or right.dtype != node.dtype:
            return None
        reader = _QuotientReader()
        one = reader.read(left)
        other = reader.read(right) if one is not None else None
        x = reader.x
        if one is None or other is None or x is None or x.dtype != node.dtype:
            return None
        below = _common(one, other)
        p, q = reader.over(one, below), reader.over(other, below)
        total = plus(p, q, 1 if node.op.name == "add" else -1)
        if not _cancels(p, q, total, bool(below)):
            return None
        quotient = reader.reduced(_Quotient(total, below))
        result = _QuotientWriter(x).quotient(quotient, reader)
        if result is None:
            return None
        result = where(_near(x, quotient), result, node)
        return result if result.shape == node.shape and result.dtype == node.dtype else None

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


def _cancels(p: Poly, q: Poly, total: Poly, quotients: bool) -> bool:
    """Whether the leading parts of two numerators cancel, by their coefficients or as roots do."""
    if not total or not (quotients or any(any(m[R:]) for m in (*p, *q))):
        return False  # polynomials are no concern of this
    if degree(total) < max(degree(p), degree(q)):
        return True
    return may_cancel(total)


RULES = (QuotientSum(),)

__all__ = ["RULES"]

"""Formulas of rational functions: near 0 by factors in the variable, far out in its reciprocal."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from functools import reduce

from graphc.ir.expr import Expr, constant
from graphc.ops.elementary import sqrt
from graphc.rewrite.forms.univariate import (
    ONE,
    Number,
    Poly,
    X,
    linear_factors,
    plus,
    primitive,
    quotient,
    times,
)
from graphc.rewrite.rational.rational_reader import Univariate
from graphc.util.records import dataclass

FURTHEST = 2**20
FURTHEST_LEADING = 2**60
LEAST_SHARE = {8: 2**56, 4: 2**27}
"""How many times all other powers the highest one is where these are not looked at, by the size of the type: a sixteenth of a
rounding."""
MOST_POWER = {8: 2.0**900, 4: 2.0**100}
"""What powers of the limit between near and far may be, by the size of the type."""


class InexactError(Exception):
    """A coefficient is no float of the type."""


@dataclass(frozen=True)
class FunctionWriter:
    """Writes a function of one variable: near 0 as it is, far out in the reciprocal of the variable.

    factors : nodes that polynomials of x were written as, and what those are multiples by
    """

    form: Univariate
    factors: Mapping[Poly, tuple[Expr, Number]]

    @property
    def variable(self) -> Expr:
        return self.form.variable

    def number(self, value: Number) -> Expr:
        found = constant(float(value), self.variable.dtype)
        if Fraction(float(found.value)) != value:
            raise InexactError
        return found

    def limit(self, share: int = 2, furthest: int = FURTHEST, more: Iterable[Poly] = ()) -> float | None:
        """A power of 2 beyond which the highest power is most of every polynomial: share times all the others.

        more : further polynomials that this is asked of
        """
        limit = 2
        for p in (self.form.above, *self.form.below, *more):
            while share * sum(abs(c) * Fraction(limit) ** k for k, c in enumerate(p[:-1])) > abs(
                p[-1]
            ) * limit ** (len(p) - 1):
                limit *= 2
                if limit > furthest:
                    return None
        powers = max(self.degree_below, len(self.form.above)) * math.log2(limit)
        return float(limit) if powers < math.log2(MOST_POWER[self.variable.dtype.itemsize]) else None

    @property
    def degree_below(self) -> int:
        return sum((len(p) - 1) * n for p, n in self.form.below.items())

    def polynomial(self, a: Poly, v: Expr) -> Expr:
        """By Horner's rule; of even powers alone in v²."""
        if len(a) == 1:
            return self.number(a[0])
        if not any(a[1::2]):
            return self.polynomial(a[::2], v * v)
        *lower, highest = a
        total = v if highest == 1 else self.number(highest) * v
        for place, coefficient in enumerate(reversed(lower)):
            total = total * v if place else total
            if coefficient:
                value = self.number(abs(coefficient))
                total = total + value if coefficient > 0 else total - value
        return total

    def near(self, one_by_one: bool = False, whole: bool = False) -> Expr:
        """The quotient by factors; the root of x in v − c cancels nothing: it is (x − x₀)/(v + c).

        one_by_one : without the product of what is below, which may overflow
        whole : with 1 − x² above as it is, of which (1 + x)(1 − x) has a derivative that cancels near 0
        """
        scale, above = primitive(self.form.above)
        linear, rest = linear_factors(above)
        if whole and self.form.shift is None and _has_opposite_zeros(linear):
            factors = [factor for factor in linear if factor != X]
            linear = [factor for factor in linear if factor == X]
            rest = reduce(times, factors, rest)
        over: list[Expr] = []
        under: list[Expr] = []
        powers = 0
        number: Expr | None = None
        for factor in linear:
            if factor == X:
                powers += 1
                continue
            one, other = self.linear(factor)
            over.append(one)
            under += [other] if other is not None else []
        if rest != ONE or scale != 1:
            if len(rest) == 1 and one_by_one and linear:
                number = self.number(scale * rest[0])
            elif len(rest) == 1:
                over.insert(0, self.number(scale * rest[0]))
            else:
                over.insert(0, self.polynomial(tuple([scale * c for c in rest]), self.variable))
        last = flips = 0
        for p, exponent in self.form.below.items():
            if p == X:
                last = exponent
                continue
            if len(p) == 2:
                if (known := self.factors.get(p)) is not None and known[1] == -1 and self.form.shift is None:
                    p, flips = (-p[0], -p[1]), flips + exponent  # as it was written: a pole keeps its sign
                one, other = self.linear(p)
                under += [one] * exponent
                over += [other] * exponent if other is not None else []
            else:
                under += [self.factor(p)] * exponent
        if self.form.exponent:
            assert self.form.root is not None
            (over if self.form.exponent > 0 else under).append(self.form.root.node)
        total = _product([*over, *self.powers(powers)])
        total = self.number(1) if total is None else total
        total = -total if flips % 2 else total
        for divisor in under if one_by_one else [] if not under else [reduce(_times, under)]:
            total = total / divisor
            if number is not None:  # once 2x cannot overflow
                total, number = number * total, None
        total = total if number is None else number * total
        for divisor in self.powers(last):
            total = total / divisor
        return total

    def powers(self, count: int) -> list[Expr]:
        """Factors of a power of the variable: of √u the square is u, which is rounded less."""
        if self.form.shift is None or self.variable.op.name != "sqrt":
            return [self.variable] * count
        return [self.variable.operands[0]] * (count // 2) + [self.variable] * (count % 2)

    def factor(self, p: Poly) -> Expr:
        """A polynomial of the denominator: as it was written where that is known."""
        known = self.factors.get(p)
        if known is not None and known[1] == 1 and self.form.shift is None:
            return known[0]
        return self.polynomial(p, self.variable)

    def linear(self, factor: Poly) -> tuple[Expr, Expr | None]:
        """(u, w) of a factor u/w, without w where it is u."""
        v = self.variable
        if self.form.shift is not None and (root := quotient(-factor[0], factor[1])) > 0:
            p, q = self.form.shift  # v − c is (p·x + q − c²)/(v + c)
            step = plus((q - root * root,), (0, p)) if q != root * root else (0, p)
            step = tuple([c * factor[1] for c in step])
            return self.sum_of(step, self.form.x), v + self.number(root)
        return self.sum_of(factor, v), None

    def sum_of(self, factor: Sequence[Number], v: Expr) -> Expr:
        """p + q·v"""
        low, high = factor
        term = v if abs(high) == 1 else self.number(abs(high)) * v
        if not low:
            return term if high > 0 else -term
        value = self.number(abs(low))
        if low > 0:
            return value + term if high > 0 else value - term
        return term - value if high > 0 else -(term + value)

    def far(self) -> Expr:
        """In t = 1/v, with the power of v last: so it over- and underflows with the value."""
        t = 1 / self.variable
        total = self.reversed(self.form.above, t)
        below = _product(
            self.reversed(p, t)
            for p, exponent in self.form.below.items()
            for _ in range(exponent if p != X else 0)
        )
        total = total if below is None else total / below
        if self.form.exponent:
            assert self.form.root is not None
            root, size = sqrt(self.reversed(self.form.root.square, t)), abs(self.variable)
            total = total * root * size if self.form.exponent > 0 else total / root / size
        growth = len(self.form.above) - 1 - self.degree_below
        for factor in self.powers(abs(growth)):
            if growth > 0:
                total = total * factor
            else:
                total = total * t if factor is self.variable else total / factor
        return total

    def leading(self) -> tuple[float, Expr] | None:
        """(limit, c/xⁿ) of what vanishes far out: beyond the limit all other powers together are less than a rounding.

        Of what grows or levels off this would be right too, but where it is differentiated none of that is left.
        """
        form = self.form
        fall = self.degree_below - (len(form.above) - 1)
        if form.exponent > 0 or fall < 0 or fall == form.exponent == 0:
            return None
        number: Number = form.above[-1]
        for p, exponent in form.below.items():
            number = quotient(number, p[-1] ** exponent)
        square: Poly = ()
        if form.exponent:
            assert form.root is not None
            square = form.root.square
            root = math.isqrt(int(square[-1])) if square[-1] > 0 else 0
            if root * root != square[-1]:
                return None
            number = quotient(number, root)
        limit = self.limit(
            LEAST_SHARE[self.variable.dtype.itemsize], FURTHEST_LEADING, (square,) if square else ()
        )
        if limit is None:
            return None
        total = self.number(number)
        if form.exponent:
            total = total / abs(self.variable)
        for factor in self.powers(fall):
            total = total / factor
        return limit, total

    def reversed(self, a: Poly, t: Expr) -> Expr:
        """tⁿ·a(1/t), by factors"""
        scale, a = primitive(a)
        linear, rest = linear_factors(a)
        parts = [self.sum_of(factor[::-1], t) for factor in linear if factor != X]
        if len(rest) > 1:
            parts.append(self.polynomial(tuple([scale * c for c in rest[::-1]]), t))
        elif (number := scale * sum(rest)) != 1 or not parts:
            parts.insert(0, self.number(number))
        total = _product(parts)
        assert total is not None
        return total


def _has_opposite_zeros(linear: Iterable[Poly]) -> bool:
    zeros = {quotient(-low, high) for low, high in linear}
    return any(zero and -zero in zeros for zero in zeros)


def _times(one: Expr, other: Expr) -> Expr:
    return one * other


def _product(factors: Iterable[Expr]) -> Expr | None:
    listed = list(factors)
    return reduce(_times, listed) if listed else None


__all__ = ["MOST_POWER", "FunctionWriter", "InexactError"]

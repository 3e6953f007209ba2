"""Rational functions of one variable, seen whole: their derivatives cancel, and powers overflow although quotients do not.

The second derivative of log(1 + x²) is a difference of two quotients whose parts overflow where x⁴ does, and the difference is
nothing but rounding long before. Over one denominator it is (2 − 2x²)/(1 + x²)², and in t = 1/x it is t²(2t² − 2)/(t² + 1)²:
nothing there overflows before the value does. The same holds of a variable √(x + 1), in which √(x + 1) − 1 is
x/(√(x + 1) + 1), and of quotients with a factor √(x² ± 1).

Which of these forms a formula takes, near 0 and far out, is found by trying them (`rational_trials`): one that is as good as any
stays as it is. This comes after all other rules, and looks at the largest parts of a graph that are such functions.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce

from graphc.ir.expr import Expr, constant, on_this_line, rebuild, substitute, walk
from graphc.ir.scopes import deriving, stay
from graphc.ops.comparison import isnan, where
from graphc.ops.elementary import sqrt
from graphc.rewrite.pattern import Kind
from graphc.rewrite.ranges import Ranges
from graphc.rewrite.rational_reader import Reader, RootQuotient, Univariate, univariate
from graphc.rewrite.rational_trials import Trial
from graphc.rewrite.univariate import ONE, Number, Poly, X, linear_factors, plus, primitive, quotient
from graphc.util.gc_pause import paused

ROOTS = ("add", "subtract", "multiply", "divide", "negative", "where")
SKIPPED = frozenset(
    ("exp", "exp2", "expm1", "sigmoid", "tanh", "sinh", "cosh", "softplus", "log_sigmoid", "sin", "cos", "tan", "gamma", "exprel")
)  # fmt: skip
"""Parts that have rules of their own, or values in an interval alone."""

FURTHEST = 2**20
MOST_POWER = {8: 2.0**900, 4: 2.0**100}
"""What powers of the limit between near and far may be, by the size of the type."""


class _Inexact(Exception):
    """A coefficient is no float of the type."""


@dataclass(frozen=True)
class _FunctionWriter:
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
            raise _Inexact
        return found

    def limit(self) -> float | None:
        """A power of 2 beyond which the highest power is most of every polynomial."""
        limit = 2
        for p in (self.form.above, *self.form.below):
            while 2 * sum(abs(c) * Fraction(limit) ** k for k, c in enumerate(p[:-1])) > abs(
                p[-1]
            ) * limit ** (len(p) - 1):
                limit *= 2
                if limit > FURTHEST:
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

    def near(self, one_by_one: bool = False) -> Expr:
        """The quotient by factors; the root of x in v − c cancels nothing: it is (x − x₀)/(v + c).

        one_by_one : without the product of what is below, which may overflow
        """
        scale, above = primitive(self.form.above)
        linear, rest = linear_factors(above)
        over: list[Expr] = []
        under: list[Expr] = []
        powers = 0
        for factor in linear:
            if factor == X:
                powers += 1
                continue
            one, other = self.linear(factor)
            over.append(one)
            under += [other] if other is not None else []
        if rest != ONE or scale != 1:
            if len(rest) == 1:
                over.insert(0, self.number(scale * rest[0]))
            else:
                over.insert(0, self.polynomial(tuple([scale * c for c in rest]), self.variable))
        last = 0
        for p, exponent in self.form.below.items():
            if p == X:
                last = exponent
                continue
            if len(p) == 2:
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
        for divisor in under if one_by_one else [] if not under else [reduce(_times, under)]:
            total = total / divisor
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
            total = total * factor if growth > 0 else total / factor
        return total

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


def _times(one: Expr, other: Expr) -> Expr:
    return one * other


def _product(factors: Iterable[Expr]) -> Expr | None:
    listed = list(factors)
    return reduce(_times, listed) if listed else None


def _writer(
    node: Expr, read: RootQuotient, factors: Mapping[Poly, tuple[Expr, Number]]
) -> _FunctionWriter | None:
    form = univariate(read)
    if form is None or form.variable.dtype != node.dtype:
        return None
    return _FunctionWriter(form, factors)


def one_quotient(node: Expr, read: RootQuotient, factors: Mapping[Poly, tuple[Expr, Number]]) -> Expr | None:
    """A formula as one quotient."""
    writer = _writer(node, read, factors)
    if writer is not None and len(read.a) <= 1 and not read.b and not read.below:
        value = constant(float(read.a[0]) if read.a else 0.0, node.dtype)
        return where(isnan(writer.variable), writer.variable, value)
    try:
        return None if writer is None else writer.near()
    except (_Inexact, OverflowError):
        return None


def forms_of(node: Expr, read: RootQuotient, factors: Mapping[Poly, tuple[Expr, Number]]) -> list[Expr]:
    """What a formula may be replaced by, the cheapest first."""
    near, writer = one_quotient(node, read, factors), _writer(node, read, factors)
    if near is None or writer is None or not read.a + read.b:
        return [] if near is None else [near]
    try:
        limit = writer.limit()
        far = None if limit is None else writer.far()
    except (_Inexact, OverflowError):
        return [near]
    chained = writer.near(one_by_one=True)
    if limit is None or far is None:
        return [near, chained]
    inside = abs(writer.variable) < limit
    branches = (
        [where(inside, near, node), where(inside, node, far)] if len(walk([node])) < len(walk([near])) else []
    )
    return [near, chained, far, *branches, where(inside, near, far)]


@dataclass(frozen=True)
class RationalFunction:
    """A rational function of x, of √(x + c), or one times √(x² + c), as the quotient that loses the least, in x and in 1/x"""

    name: str = "rational-function"
    kind: Kind = "stable"
    examples: tuple[str, ...] = (
        "2/(1 + x*x) - 4*x*x/(1 + x*x)/(1 + x*x)", "1/(1 + x*x)*(2*x)", "1/x - 2/(x + 1) + x/(x*x + 3)",
        "(sqrt(1 + x) - 1)/x", "1/(1 - x)/(1 - x) - 1/(1 + x)/(1 + x)",
    )  # fmt: skip

    def roots(self) -> tuple[str, ...]:
        return ROOTS

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        reader = Reader()
        for below in walk([node]):
            reader.read(below)
        return self.replaced(node, reader, ranges)

    def replaced(self, node: Expr, reader: Reader, ranges: Ranges) -> Expr | None:
        """What stands for a node that was read, or None."""
        read = _variable(node, reader)
        if read is None or read.atom is None or (_simple(node) and read.root is None and read.degree <= 2):
            return None
        x = read.atom
        known = ranges(x)
        trial = Trial(node, x, read, (known.lo, known.hi))
        result = trial.best(forms_of(node, read, reader.factors))
        return (
            result
            if result is not None and result.shape == node.shape and result.dtype == node.dtype
            else None
        )

    def shorter(self, node: Expr, reader: Reader, ranges: Ranges) -> Expr | None:
        """A node that was read as one quotient, where that has fewer operations: what a derivative is best written from."""
        read = _variable(node, reader)
        result = None if read is None else one_quotient(node, read, reader.factors)
        if result is None or result.shape != node.shape or len(walk([result])) >= len(walk([node])):
            return None
        return result

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


def _simple(node: Expr) -> bool:
    """Whether a node is a quotient of sums that cannot overflow."""
    return node.op.name == "divide" and all(operand.op.name in _PLAIN for operand in node.operands)


_PLAIN = frozenset(("add", "subtract", "constant", "symbol"))


def _variable(node: Expr, reader: Reader) -> RootQuotient | None:
    """What a node is a quotient of, where that is a number of its type."""
    read = reader.known.get(node)
    if read is None or not read.divides or read.atom is None or node.dtype.itemsize not in MOST_POWER:
        return None
    x = read.atom
    if x is node or x.dtype != node.dtype or x.shape != node.shape or x.op.name in SKIPPED:
        return None
    return read


RULE = RationalFunction()
RULES = (RULE,)


@paused()
def written_whole(
    outputs: Iterable[Expr], rules: Iterable[RationalFunction], source: bool = False
) -> tuple[list[tuple[RationalFunction, Expr, Expr]], tuple[Expr, ...]]:
    """The outputs with the largest rational functions in them as one quotient, and what was replaced.

    source : for what is to be differentiated: the shortest form, without branches of its own
    """
    outputs = tuple(outputs)
    order = walk(outputs)
    (rule,) = rules
    reader = Reader()
    for node in order:
        reader.read(node)
    whole = _largest(order, outputs, reader)
    ranges = Ranges()
    steps: list[tuple[RationalFunction, Expr, Expr]] = []
    target: dict[Expr, tuple[Expr, Expr]] = {}
    with on_this_line(), deriving():
        for node in whole:
            stay(node.block)
            after, read = (
                (rule.shorter if source else rule.replaced)(node, reader, ranges),
                reader.known[node],
            )
            if after is not None and after is not node and read is not None and read.atom is not None:
                steps.append((rule, node, after))
                target[node] = after, read.atom
        return (steps, _exchanged(outputs, target)) if steps else ([], outputs)


def worth(outputs: Sequence[Expr]) -> bool:
    """Whether there is a quotient at all."""
    return any(node.op.name in ("divide", "reciprocal") for node in walk(outputs))


def _largest(order: Sequence[Expr], outputs: Sequence[Expr], reader: Reader) -> list[Expr]:
    """The quotients that are no part of larger ones."""
    ends = set(outputs)
    for node in order:
        read = reader.known.get(node)
        whole = read is not None and read.atom is not node
        for operand in node.operands:
            part = reader.known.get(operand)
            if part is not None and not (whole and part.atom in (None, read.atom)):  # type: ignore[union-attr]
                ends.add(operand)
    return [
        node
        for node in order
        if node in ends
        and node.op.name in ROOTS
        and (q := reader.known.get(node)) is not None
        and q.atom is not node
    ]


def _exchanged(outputs: Sequence[Expr], target: Mapping[Expr, tuple[Expr, Expr]]) -> tuple[Expr, ...]:
    """The outputs with nodes replaced; target : node → what replaces it, and the part of it that may hold others"""
    written: dict[Expr, Expr] = {}
    for node in walk(outputs):
        if node in target:
            after, x = target[node]
            written[node] = after if written[x] is x else substitute(after, {x: written[x]})
            continue
        operands = tuple([written[operand] for operand in node.operands])
        written[node] = rebuild(node, operands) if operands != node.operands else node
    return tuple([written[output] for output in outputs])


__all__ = ["RULE", "RULES", "worth", "written_whole"]

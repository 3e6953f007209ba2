"""Formulas read as (a + b·ρ)/d, with polynomials a, b and d of one part of the formula and one square root ρ.

Sums, products and quotients of such are such again, in exact arithmetic, so whatever cancels is gone. A branch is one where both
sides are the same function: rules write many of this kind, for the sake of rounding and of overflow.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import field

from graphc.ir.expr import Expr
from graphc.rewrite.forms.univariate import (
    ONE,
    Number,
    Poly,
    X,
    divided,
    exact,
    linear_factors,
    plus,
    power,
    primitive,
    quotient,
    square_free,
    times,
)
from graphc.util.records import dataclass

MOST_DEGREE = 24
LARGEST = 2**16
MOST_BINARY = 2**10
"""Of constants and their denominators: others are of power series, whose sums do not cancel."""
LARGEST_COEFFICIENT = 2**50


@dataclass(frozen=True, eq=False)
class Root:
    """node : √square, for a polynomial of the second degree at most"""

    node: Expr
    square: Poly


@dataclass(frozen=True, eq=False)
class RootQuotient:
    """(a + b·root)/∏ below; `atom` is what the polynomials are of, None of a number"""

    atom: Expr | None
    a: Poly
    b: Poly = ()
    root: Root | None = None
    below: Mapping[Poly, int] = field(default_factory=dict)
    divides: bool = False

    @property
    def is_polynomial(self) -> bool:
        return not self.below and not self.b

    @property
    def degree(self) -> int:
        return max(len(self.a), len(self.b)) + sum((len(p) - 1) * n for p, n in self.below.items())


class Reader:
    """Reads the nodes of a graph, operands first; what no quotient is becomes a part that others may be quotients of.

    factors : by the part that they are of, polynomials that were divided by, with the nodes that they were written as and what
        those are multiples by
    """

    def __init__(self) -> None:
        self.known: dict[Expr, RootQuotient | None] = {}
        self.factors: defaultdict[Expr, dict[Poly, tuple[Expr, Number]]] = defaultdict(dict)
        self._roots: dict[tuple[Expr, Poly], Root] = {}

    def read(self, node: Expr) -> RootQuotient | None:
        """What a node is whose operands are known; None of what is no number of floating point."""
        if node not in self.known:
            self.known[node] = self._read(node)
        return self.known[node]

    def _read(self, node: Expr) -> RootQuotient | None:
        if node.dtype.kind != "f":
            return None
        if node.is_constant:
            return self._number(node)
        name = node.op.name
        if name == "broadcast_to" and node.operands[0].is_constant:
            return self._number(node.operands[0])  # the seed of a gradient
        read = None if node.op.on_arrays else _READERS.get(name)
        result = None
        if read is not None and all(operand.dtype == node.dtype for operand in node.operands[-2:]):
            parts = [self.known.get(operand) for operand in node.operands]
            if all(part is not None for part in (parts[1:] if name == "where" else parts)):
                result = read(self, node, parts)
        if result is not None and (result.degree > MOST_DEGREE or not _moderate(result)):
            result = None
        return RootQuotient(node, X) if result is None else result

    def _number(self, node: Expr) -> RootQuotient | None:
        if node.shape or not abs(node.value) < LARGEST:
            return None
        value = exact(float(node.value))
        if not isinstance(value, int) and value.denominator > MOST_BINARY:
            return None
        return RootQuotient(None, (value,) if value else ())

    # --- operations -------------------------------------------------------------------------------------------------

    def _sum(self, one: RootQuotient, other: RootQuotient, factor: int) -> RootQuotient | None:
        frame = _together(one, other)
        if frame is None:
            return None
        below = {p: max(one.below.get(p, 0), other.below.get(p, 0)) for p in (*one.below, *other.below)}
        (a, b), (c, d) = over(one, below), over(other, below)
        return reduced(
            RootQuotient(frame[0], plus(a, c, factor), plus(b, d, factor), frame[1], below, frame[2])
        )

    def _add(self, node: Expr, parts: Sequence[RootQuotient]) -> RootQuotient | None:
        return self._sum(parts[0], parts[1], 1)

    def _subtract(self, node: Expr, parts: Sequence[RootQuotient]) -> RootQuotient | None:
        return self._sum(parts[0], parts[1], -1)

    def _negative(self, node: Expr, parts: Sequence[RootQuotient]) -> RootQuotient | None:
        return self._product(RootQuotient(None, (-1,)), parts[0])

    def _product(self, one: RootQuotient, other: RootQuotient) -> RootQuotient | None:
        frame = _together(one, other)
        if frame is None or one.degree + other.degree > 2 * MOST_DEGREE:
            return None
        square = frame[1].square if frame[1] is not None else ()
        a = plus(times(one.a, other.a), times(times(one.b, other.b), square))
        b = plus(times(one.a, other.b), times(one.b, other.a))
        below = dict(one.below)
        for p, exponent in other.below.items():
            below[p] = below.get(p, 0) + exponent
        return reduced(RootQuotient(frame[0], a, b, frame[1], below, frame[2]))

    def _multiply(self, node: Expr, parts: Sequence[RootQuotient]) -> RootQuotient | None:
        left, right = node.operands
        if left.op.name == right.op.name == "sqrt" and left is not right:
            return self._root_of_both(node)
        return self._product(parts[0], parts[1])

    def _root_of_both(self, node: Expr) -> RootQuotient | None:
        """√|u|·√|v|, or without the bars, as √(u·v)"""
        inner = [side.operands[0] for side in node.operands]
        inner = [side.operands[0] if side.op.name == "abs" else side for side in inner]
        one, other = (self.known.get(side) for side in inner)
        square = None if one is None or other is None else self._product(one, other)
        return None if square is None else self._root(node, square)

    def _square(self, node: Expr, parts: Sequence[RootQuotient]) -> RootQuotient | None:
        return self._product(parts[0], parts[0])

    def _pow(self, node: Expr, parts: Sequence[RootQuotient]) -> RootQuotient | None:
        base, exponent = parts
        count = exponent.a[0] if exponent.atom is None and exponent.a else 0
        if not isinstance(count, int) or not 1 <= abs(count) <= 8:
            return None
        result: RootQuotient | None = base
        for _ in range(abs(count) - 1):
            result = None if result is None else self._product(result, base)
        if result is not None and count < 0:
            return self._over(RootQuotient(None, ONE), result, None)
        return result

    def _divide(self, node: Expr, parts: Sequence[RootQuotient]) -> RootQuotient | None:
        return self._over(parts[0], parts[1], node.operands[1])

    def _reciprocal(self, node: Expr, parts: Sequence[RootQuotient]) -> RootQuotient | None:
        return self._over(RootQuotient(None, ONE), parts[0], node.operands[0])

    def _over(self, one: RootQuotient, other: RootQuotient, node: Expr | None) -> RootQuotient | None:
        if not other.a and not other.b:
            return None
        norm = other.a
        conjugate = RootQuotient(other.atom, power_of(other.below), (), None, {}, True)
        if other.b:
            assert other.root is not None
            norm = plus(times(other.a, other.a), times(times(other.b, other.b), other.root.square), -1)
            a, b = times(other.a, conjugate.a), times(tuple([-c for c in other.b]), conjugate.a)
            conjugate = RootQuotient(other.atom, a, b, other.root, {}, True)
            if not norm:
                return None
        scale, factor = primitive(norm)
        if node is not None and other.is_polynomial and len(factor) > 1 and other.atom is not None:
            self.factors[other.atom].setdefault(factor, (node, scale))
        below = split(factor)
        inverse = RootQuotient(
            conjugate.atom,
            tuple([quotient(c, scale) for c in conjugate.a]),
            tuple([quotient(c, scale) for c in conjugate.b]),
            conjugate.root,
            below,
            True,
        )
        return self._product(one, inverse)

    def _root(self, node: Expr, inner: RootQuotient) -> RootQuotient | None:
        if not inner.is_polynomial or inner.atom is None or not 2 <= len(inner.a) <= 3:
            return None
        root = self._roots.setdefault((inner.atom, inner.a), Root(node, inner.a))
        return RootQuotient(inner.atom, (), ONE, root)

    def _sqrt(self, node: Expr, parts: Sequence[RootQuotient]) -> RootQuotient | None:
        return self._root(node, parts[0])

    def _hypot(self, node: Expr, parts: Sequence[RootQuotient]) -> RootQuotient | None:
        squares = [self._product(part, part) for part in parts]
        if squares[0] is None or squares[1] is None:
            return None
        total = self._sum(squares[0], squares[1], 1)
        return None if total is None else self._root(node, total)

    def _where(self, node: Expr, parts: Sequence[RootQuotient]) -> RootQuotient | None:
        _, one, other = parts
        return one if same(one, other) else None


_READERS = {
    name: getattr(Reader, f"_{name}")
    for name in (
        "add", "subtract", "negative", "multiply", "square", "pow", "divide", "reciprocal", "sqrt", "hypot", "where",
    )
}  # fmt: skip


def _together(one: RootQuotient, other: RootQuotient) -> tuple[Expr | None, Root | None, bool] | None:
    """What two quotients are of; None where they are of different parts or roots."""
    if one.atom is not None and other.atom is not None and one.atom is not other.atom:
        return None
    roots = [q.root for q in (one, other) if q.b]
    if len(roots) == 2 and roots[0] is not roots[1]:
        return None
    atom = other.atom if one.atom is None else one.atom
    return atom, roots[0] if roots else None, one.divides or other.divides


def _moderate(one: RootQuotient) -> bool:
    return all(
        abs(c) < LARGEST_COEFFICIENT and (isinstance(c, int) or c.denominator < LARGEST_COEFFICIENT)
        for p in (one.a, one.b, *one.below)
        for c in p
    )


def power_of(below: Mapping[Poly, int]) -> Poly:
    """The product of a denominator's factors."""
    total = ONE
    for p, exponent in below.items():
        total = times(total, power(p, exponent))
    return total


def over(one: RootQuotient, below: Mapping[Poly, int]) -> tuple[Poly, Poly]:
    """The numerator over a multiple of the denominator."""
    more = power_of({p: n - one.below.get(p, 0) for p, n in below.items()})
    return (one.a, one.b) if more == ONE else (times(one.a, more), times(one.b, more))


def reduced(one: RootQuotient) -> RootQuotient:
    """Without factors that stand above and below."""
    a, b, below = one.a, one.b, dict(one.below)
    for p in one.below:
        while below[p]:
            c, d = divided(a, p), divided(b, p)
            if c is None or d is None:
                break
            a, b = c, d
            below[p] -= 1
    below = {p: n for p, n in below.items() if n}
    return RootQuotient(one.atom, a, b, one.root if b else None, below, one.divides)


def same(one: RootQuotient, other: RootQuotient) -> bool:
    """Whether two quotients are the same function."""
    if _together(one, other) is None:
        return False
    p, q = power_of(one.below), power_of(other.below)
    return times(one.a, q) == times(other.a, p) and times(one.b, q) == times(other.b, p)


@dataclass(frozen=True)
class Univariate:
    """above(v)/∏ below(v)·root**exponent, where v is the part x that the formula is of, or √(p·x + q)

    shift : (p, q) where v is such a root
    """

    variable: Expr
    above: Poly
    below: Mapping[Poly, int]
    x: Expr
    shift: tuple[Number, Number] | None = None
    root: Root | None = None
    exponent: int = 0


def univariate(one: RootQuotient) -> Univariate | None:
    """A quotient as one of a single variable, with a denominator of factors that have no common ones; None where it is none."""
    x = one.atom
    if x is None:
        return None
    if one.root is None:
        return _factored(Univariate(x, one.a, one.below, x))
    square = one.root.square
    if len(square) == 2:
        return _factored(_in_root(one, x))
    if one.a:
        return None
    below = power_of(one.below)
    exponent = 1
    lower = divided(below, square)
    if lower is not None and lower:
        below, exponent = lower, -1
    scale, below = primitive(below)
    above = tuple([quotient(c, scale) for c in one.b])
    factors = {below: 1} if len(below) > 1 else {}
    return _factored(Univariate(x, above, factors, x, None, one.root, exponent))


def _in_root(one: RootQuotient, x: Expr) -> Univariate:
    """A quotient of x and √(p·x + q) as one of the root alone: x is (v² − q)/p."""
    assert one.root is not None
    q, p = one.root.square
    inner = (quotient(-q, p), 0, quotient(1, p))

    def composed(a: Poly) -> Poly:
        total: Poly = ()
        for coefficient in reversed(a):
            total = plus(times(total, inner), (coefficient,) if coefficient else ())
        return total

    above = plus(composed(one.a), times(composed(one.b), X))
    scale, below = primitive(composed(power_of(one.below)))
    above = tuple([quotient(c, scale) for c in above])
    return Univariate(one.root.node, above, {below: 1} if len(below) > 1 else {}, x, (p, q))


def split(a: Poly) -> dict[Poly, int]:
    """A primitive polynomial, whose lowest coefficient is positive, by factors that are so."""
    if len(a) <= 2:
        return {a: 1} if len(a) == 2 else {}
    found: dict[Poly, int] = {}
    for factor, exponent in square_free(a):
        linear, rest = linear_factors(factor)
        for part in (*linear, *([rest] if len(rest) > 1 else [])):
            found[primitive(part)[1]] = exponent
    return found


def _factored(one: Univariate) -> Univariate:
    """With linear factors in the denominator by themselves, and without what stands above and below."""
    above = one.above
    below: dict[Poly, int] = {}
    for p, exponent in one.below.items():
        linear, rest = linear_factors(p)
        for factor in (*linear, *([rest] if len(rest) > 1 else [])):
            scale, factor = primitive(factor)
            below[factor] = below.get(factor, 0) + exponent
            if scale != 1:
                above = tuple([quotient(c, scale**exponent) for c in above])
        if len(rest) == 1 and rest[0] != 1:
            above = tuple([quotient(c, rest[0] ** exponent) for c in above])
    for p in list(below):
        while below[p] and (lower := divided(above, p)) is not None and above:
            above = lower
            below[p] -= 1
    below = {p: n for p, n in below.items() if n}
    return Univariate(one.variable, above, below, one.x, one.shift, one.root, one.exponent)


__all__ = ["Reader", "Root", "RootQuotient", "Univariate", "same", "univariate"]

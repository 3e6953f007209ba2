"""Quotients of polynomials of several parts written as products of few sums, so that what cancels is gone or cancels first.

A polynomial is taken apart into what all its terms have in common, sums and differences of two parts, and a rest; one that does
not change where all parts grow alike is one of their differences. A sum A + B·√C, whose sides may cancel, is
(A² − B²C)/(A − B·√C).
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from graphc.ir.expr import Expr, constant
from graphc.ops.comparison import greater, less
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.forms.multivariate import (
    ONE,
    Key,
    Monomial,
    Poly,
    degree,
    factors,
    groups,
    is_moved,
    key,
    linear,
    plus,
    primitive,
    scaled,
    variables,
    without,
)
from graphc.rewrite.forms.univariate import Number
from graphc.rewrite.rational.several_reader import PolyQuotient, SeveralReader

MOST_CANDIDATES = 40
MOST_MOVED = 8
"""Terms of a polynomial that is asked whether it is one of differences."""


class NotExactError(ArithmeticError):
    """A coefficient is no number of the type."""


class Writer:
    """Writes what a reader has read, in the type of a node.

    gains : whether what was written has a difference in it that was none before
    condition : where the form holds its digits; None for everywhere
    """

    def __init__(self, reader: SeveralReader, node: Expr, ranges: Ranges) -> None:
        self._reader, self._dtype, self._ranges = reader, node.dtype, ranges
        reader.note_sums()
        self.gains = False
        self.condition: Expr | None = None

    def quotient(self, one: PolyQuotient, conjugate: bool) -> Expr | None:
        """A quotient as a product of quotients of factors; None where there is no such form.

        conjugate : whether a root that may cancel is to be moved below
        """
        scale, shared, rest = primitive(one.above)
        below: list[Expr] = []
        for p, n in one.below.items():
            lowers, multiple = self._divisors(dict(p))
            below += lowers * n
            scale = scale / Fraction(multiple) ** n
        parts = self._powers(shared)
        if len(rest) > 1:
            found = self._conjugate(rest) if conjugate else None
            if found is not None:
                more, lower_parts, multiple = found
            elif conjugate:
                return None
            else:
                more, multiple = self._factors(rest)
                lower_parts = []
            parts, below, scale = parts + more, below + lower_parts, scale * multiple
        return self._together(scale, parts, below)

    def _divisors(self, a: Poly) -> tuple[list[Expr], Number]:
        """What stands below as it stands in the formula, or as a product of sums that do: (r − d)² multiplied out cancels."""
        if degree(a) < 2 or self._standing(a)[0] is not None:
            lower, multiple = self._factor(a)
            return [lower], multiple
        before, found = self.gains, self._factors(a)
        self.gains = before
        return found

    def may_gain(self, a: Poly) -> bool:
        """Whether the factors of a polynomial may have a difference in them that none was before: a cheap look."""
        parts = self._reader.parts
        return any(not parts[place].operands for monomial in a for place, _ in monomial)

    # --- polynomials ------------------------------------------------------------------------------------------------

    def _powers(self, monomial: Monomial) -> list[Expr]:
        return [self._reader.parts[place] for place, n in monomial for _ in range(n)]

    def number(self, value: Number) -> Expr:
        found = constant(float(value), self._dtype)
        if Fraction(float(found.value)) != value:
            raise NotExactError
        return found

    def polynomial(self, a: Poly) -> Expr:
        """A polynomial as a sum, what is added before what is taken away."""
        node, multiple = self._standing(a)
        if node is not None:
            return node if multiple == 1 else self._multiple(node, multiple)
        plain = [(monomial, c) for monomial, c in a.items() if c > 0]
        taken = [(monomial, -c) for monomial, c in a.items() if c < 0]
        result = None
        for monomial, c in plain:
            term = self._term(monomial, c)
            result = term if result is None else result + term
        less_: Expr | None = None
        for monomial, c in taken:
            term = self._term(monomial, c)
            less_ = term if less_ is None else less_ + term
        if less_ is None:
            assert result is not None
            return result
        return -less_ if result is None else result - less_

    def _standing(self, a: Poly) -> tuple[Expr | None, Number]:
        """What stands in the formula that a polynomial is a multiple of, and which."""
        if len(a) < 2:
            return None, 1
        scale, shared, rest = primitive(a)
        found = None if shared else self._reader.written.get(key(rest))
        return (None, 1) if found is None else (found[0], Fraction(scale) / Fraction(found[1]))

    def _factor(self, a: Poly) -> tuple[Expr, Number]:
        """A factor of a product, and the number that it is a multiple by."""
        node, multiple = self._standing(a)
        if node is not None:
            return node, multiple
        return (self.polynomial(scaled(a, -1)), -1) if _is_negative(a) else (self.polynomial(a), 1)

    def _multiple(self, result: Expr, scale: Number) -> Expr:
        scale = Fraction(scale)
        if scale == -1:
            return -result
        if _is_power_of_two(scale.denominator):
            return self.number(scale) * result
        if scale.numerator != 1:
            result = self.number(scale.numerator) * result
        return result / self.number(scale.denominator)

    def _term(self, monomial: Monomial, c: Number) -> Expr:
        parts = self._powers(monomial)
        if not parts:
            return self.number(c)
        result = parts[0] if c == 1 else None
        if result is None:
            result = self._multiple(parts[0], c)
        for part in parts[1:]:
            result = result * part
        return result

    def _factors(self, a: Poly) -> tuple[list[Expr], Number]:
        """The factors of a primitive polynomial of several terms, and the number by which their product is to be multiplied."""
        found, rest = factors(a, self._candidates(a))
        written, scale = list[Expr](), Fraction(1)
        if found and any(_is_mixed(factor) and self._is_exact(factor) for factor in found):
            self.gains = True
        for factor in found:
            part, multiple = self._factor(factor)
            written.append(part)
            scale *= multiple
        if set(rest) == {()}:
            return written, scale * rest[()]
        moved = self._of_differences(rest)
        if moved is None:
            part, multiple = self._factor(rest)
            moved = [part], multiple
        return [*written, *moved[0]], scale * moved[1]

    def _candidates(self, a: Poly) -> list[Poly]:
        """What may be a factor: sums that stand in the formula, and sums of two parts."""
        own, size = set(variables(a)), degree(a)
        if size < 2:
            return []
        standing = [
            p
            for first in own
            for p in self._reader.standing.get(first, ())
            if p != a and degree(p) <= size and own.issuperset(variables(p))
        ]
        return [*standing[:MOST_CANDIDATES], *(linear(a) if len(own) <= 4 else [])]

    def _is_exact(self, factor: Poly) -> bool:
        """Whether a difference is of numbers that are not rounded."""
        parts = [self._reader.parts[place] for place in variables(factor)]
        return all(not part.operands for part in parts) and degree(factor) == 1

    def _of_differences(self, a: Poly) -> tuple[list[Expr], Number] | None:
        """The factors of a polynomial that does not change where all its parts grow alike, as one of differences to the first."""
        if not _is_mixed(a) or len(a) > MOST_MOVED or not 2 <= degree(a) <= 3 or () in a:
            return None
        if any(self._reader.parts[place].operands for place in variables(a)):
            return None
        for group in (sides := groups(a)):
            if len(group) < 2 or is_moved(a, group):
                return None
        result, shifted = a, dict[int, Expr]()
        for group in sides:
            first, *others = group
            result = without(result, [first])
            for place in others:
                shifted[place] = self._reader.parts[place] - self._reader.parts[first]
        parts = list(self._reader.parts)
        self.gains = True
        try:
            for place, part in shifted.items():
                self._reader.parts[place] = part
            scale, shared, rest = primitive(result)
            written = self._powers(shared)
            if len(rest) > 1:
                found, rest = factors(rest, linear(rest))
                written += [self._sum(factor) for factor in found]
            if rest != ONE:
                written.append(self._sum(rest))
            return written, scale
        finally:
            self._reader.parts[:] = parts

    def _sum(self, a: Poly) -> Expr:
        """A polynomial as a sum, whatever stands in the formula."""
        written, self._reader.written = self._reader.written, {}
        try:
            return self.polynomial(a)
        finally:
            self._reader.written = written

    # --- roots ------------------------------------------------------------------------------------------------------

    def _conjugate(self, a: Poly) -> tuple[list[Expr], list[Expr], Number] | None:
        """A + B·√C as what stands above and below of (A² − B²C)/(A − B·√C), where its terms cancel in exact arithmetic."""
        reader = self._reader
        for root in sorted((v for v in variables(a) if v in reader.squares), reverse=True):
            plain = {m: c for m, c in a.items() if root not in dict(m)}
            times_root = {
                tuple([(v, n) for v, n in m if v != root]): c for m, c in a.items() if root in dict(m)
            }
            if not plain or any(dict(m).get(root, 0) > 1 for m in a):
                continue
            squares = [reader.product(PolyQuotient(p), PolyQuotient(p)) for p in (plain, times_root)]
            other = None if squares[1] is None else reader.product(squares[1], reader.squares[root])
            if squares[0] is None or other is None:
                continue
            norm = reader.total(squares[0], other, -1)
            if norm is None or not norm.above:
                continue
            fewer = len(norm.above) < len(squares[0].above) + len(other.above)
            if not (fewer if norm.cancels else self.may_gain(norm.above)):
                continue
            scale, shared, rest = primitive(norm.above)
            more = self._powers(shared)
            before = self.gains
            self.gains = False
            if len(rest) > 1:
                found, multiple = self._factors(rest)
                more, scale = more + found, scale * multiple
            useful = norm.cancels or self.gains
            self.gains = before
            if not useful or not self._opposite(plain, times_root, root):
                continue
            self.gains = True
            partner, _ = plus(plain, {_with(m, root): c for m, c in times_root.items()}, -1)
            below: list[Expr] = []
            if partner:
                sign = -1 if _is_negative(partner) else 1
                scale *= sign
                below.append(self._sum_of_sides(scaled(plain, sign), scaled(times_root, sign), root))
            for p, n in norm.below.items():
                lower, multiple = self._factor(dict(p))
                below += [lower] * n
                scale = scale / Fraction(multiple) ** n
            return more, below, scale
        return None

    def _sum_of_sides(self, plain: Poly, times_root: Poly, root: int) -> Expr:
        """A − B·√C."""
        other = scaled({_with(m, root): c for m, c in times_root.items()}, -1)
        one, two = self.polynomial(plain), self.polynomial(other)
        if _is_negative(other):
            return one - self.polynomial(scaled(other, -1))
        return two - self.polynomial(scaled(plain, -1)) if _is_negative(plain) else one + two

    def _opposite(self, plain: Poly, times_root: Poly, root: int) -> bool:
        """Whether both sides may have opposite signs; notes the condition under which they have, and may cancel: beside a root
        that is more than twice as large nothing does, and then the derivatives of what is written would."""
        one, other = self._sign(plain), self._sign(times_root)
        if one and other:
            return one != other
        if one:
            above = greater if one < 0 else less
            self.condition = above(self.polynomial(times_root), 0)
        elif other:
            size = self.polynomial(scaled({_with(m, root): c for m, c in times_root.items()}, other))
            self.condition = less(size, self.number(2) * self.polynomial(scaled(plain, -other)))
        else:
            self.condition = less(self.polynomial(plain) * self.polynomial(times_root), 0)
        return True

    def _sign(self, a: Poly) -> int:
        """1 or -1 where all values have this sign or are 0, else 0."""
        if set(a) == {()}:
            return 1 if a[()] > 0 else -1
        found = self._ranges(self.polynomial(a))
        if found.lo >= 0:
            return 1
        return -1 if found.hi <= 0 else 0

    # --- products ---------------------------------------------------------------------------------------------------

    def _together(self, scale: Number, above: list[Expr], below: list[Expr]) -> Expr:
        """A product of quotients, each of what belongs together: so they overflow late."""
        scale = Fraction(scale)
        whole, binary = scale.numerator, scale.denominator
        power = binary & -binary
        lead = Fraction(whole, power)
        if binary != power:
            below = [*below, self.number(binary // power)]
        above, result = list(above), None
        for lower in below:
            inside = _leaves(lower)
            which = next((n for n, part in enumerate(above) if not inside.isdisjoint(_leaves(part))), 0)
            upper = above.pop(which) if above else None
            if upper is None:
                if result is None:
                    result, lead = self.number(lead) / lower, Fraction(1)
                else:
                    result = result / lower
                continue
            if lead != 1:
                upper, lead = self._multiple(upper, lead), Fraction(1)
            result = upper / lower if result is None else result * (upper / lower)
        for upper in above:
            if lead != 1:
                upper, lead = self._multiple(upper, lead), Fraction(1)
            result = upper if result is None else result * upper
        if result is None:
            return self.number(lead)
        return result if lead == 1 else self._multiple(result, lead)


def _with(monomial: Monomial, root: int) -> Monomial:
    return tuple(sorted((*monomial, (root, 1))))


def _is_power_of_two(n: int) -> bool:
    return n & (n - 1) == 0


def _is_negative(a: Poly) -> bool:
    return all(c < 0 for c in a.values())


def _is_mixed(a: Poly | Key) -> bool:
    signs = {c > 0 for c in dict(a).values()}
    return len(signs) == 2


def _leaves(node: Expr) -> set[Expr]:
    """The symbols in a small sum or product, as far as its operations are arithmetic."""
    found, pending = set[Expr](), [node]
    while pending and len(found) < 32:
        part = pending.pop()
        if part.op.name in ("add", "subtract", "multiply", "divide", "negative", "sqrt", "square", "hypot"):
            pending += part.operands
        elif not part.is_constant:
            found.add(part)
    return found


def mixed(polynomials: Iterable[Poly]) -> bool:
    """Whether any of some polynomials has terms of both signs."""
    return any(map(_is_mixed, polynomials))


__all__ = ["NotExactError", "Writer", "mixed"]

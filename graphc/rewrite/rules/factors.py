"""The factors of a product with exponentials, each at its place: σ(a), σ(−a) and eᵃ traded for one another, all others left."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from graphc.ir.expr import Expr, constant
from graphc.ops.elementary import exp
from graphc.ops.logistic import sigmoid
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.forms.partial_products import keeps_range
from graphc.rewrite.rules.sums import minus, share, terms

MOST_FACTORS = 24
"""Longer products are left alone: looking at each of their parts in turn would take quadratic time."""

ONE, OTHER, POWER = range(3)
"""σ(a), σ(−a) and eᵃ among the factors of one argument a."""


HasPlace = Callable[[Expr, int], bool]
"""Whether a factor with its exponent has a place."""


@dataclass
class Place:
    """Where a factor with an exponential stands in a product: its argument without sign, which of the three it is, its exponent
    of 1 or −1, and what takes its place: (factor, exponent), or None where nothing is left of it."""

    argument: Expr
    kind: int
    exponent: int
    put: tuple[Expr, int] | None


class Factors:
    """A product seen as powers of σ(a), σ(−a) and eᵃ for every argument a, and of sums of exponentials. All other factors,
    and the order in which they are multiplied, stay: multiplied in another order they may over- or underflow on the way."""

    count: int

    def __init__(self) -> None:
        self.places: list[Place] = []
        self.sums: list[tuple[int, Expr]] = []
        """(place, sum of exponentials in a denominator)"""
        self.count = 0
        self.changed = False

    def add(self, node: Expr) -> bool:
        """Take a product apart; False when it has too many factors."""
        for factor, exponent in factors_of(node):
            self.count += 1
            if self.count > 2 * MOST_FACTORS:
                return False
            if exponent and (place := self._place(factor, exponent)) is not None:
                self.places.append(place)
        return True

    def has_nothing_to_trade(self) -> bool:
        """Whether every exponential stands alone with its argument, so that `reduce` would leave all as it is."""
        if self.changed or self.sums:
            return False
        return len({place.argument for place in self.places}) == len(self.places)

    def _signed(self, argument: Expr) -> tuple[Expr, bool]:
        """An argument without its sign, and whether it had one: y − x beside x − y is −(x − y)."""
        if argument.op.name == "negative":
            argument, negated = argument.operands[0], True
        else:
            negated = False
        if argument.op.name == "subtract":
            reverse = argument.operands[1] - argument.operands[0]
            if reverse is not argument and any(place.argument is reverse for place in self.places):
                return reverse, not negated
        return argument, negated

    def _place(self, factor: Expr, exponent: int) -> Place | None:
        name = factor.op.name
        if name in ("exp", "sigmoid"):
            inner, negated = self._signed(factor.operands[0])
            if name == "sigmoid":
                return Place(inner, OTHER if negated else ONE, exponent, (factor, exponent))
            return Place(inner, POWER, -exponent if negated else exponent, (factor, exponent))
        if name != "add":
            return None
        inner = one_plus_exp(factor)
        if inner is not None:  # 1/σ(−a)
            argument = minus(inner)
            kept = (sigmoid(argument), 1) if exponent < 0 else (factor, 1)
            self.changed = self.changed or exponent < 0
            inner, negated = self._signed(argument)
            return Place(inner, OTHER if negated else ONE, -exponent, kept)
        if exponent < 0 and terms(factor) is not None:
            self.sums.append((len(self.places), factor))
            return Place(factor, POWER, 0, (factor, exponent))
        return None

    def reduce(self) -> None:
        """σ(a) = eᵃ σ(−a): trade one for the other where fewer and tamer factors remain."""
        self._shares()
        groups: dict[Expr, list[Place]] = {}
        for place in self.places:
            if place.exponent and place.put is not None:
                groups.setdefault(place.argument, []).append(place)
        for argument, places in groups.items():
            counts = [0, 0, 0]
            for place in places:
                counts[place.kind] += place.exponent
            one, other, power = counts
            t = min(range(-4, 5), key=lambda t: (_cost(one + t, other - t, power - t), abs(t)))
            self._settle(argument, places, [one + t, other - t, power - t])

    def _shares(self) -> None:
        """e^(aᵢ)/Σ e^(aⱼ) is a sigmoid, for every pair of the two."""
        for number, total in self.sums:
            exponents = terms(total)
            assert exponents is not None
            for place in self.places:
                if place.kind != POWER or not place.exponent or place.put is None:
                    continue
                a = place.argument if place.exponent > 0 else minus(place.argument)
                if (part := share(a, exponents)) is None:
                    continue
                (argument,) = part.operands
                negated = argument.op.name == "negative"
                inner = argument.operands[0] if negated else argument
                if inner.is_constant:
                    continue
                position = self.places.index(place)
                self.places[position] = Place(inner, OTHER if negated else ONE, 1, (part, 1))
                self.places[number].put = None
                self.changed = True
                break

    def _settle(self, argument: Expr, places: list[Place], wanted: list[int]) -> None:
        """Leave the places whose factors are wanted as they are, and put the others of what is wanted where factors go."""
        left = list(wanted)
        free: list[Place] = []
        for place in places:
            if left[place.kind] * place.exponent > 0:
                left[place.kind] -= place.exponent
            else:
                free.append(place)
        if not free:
            return
        self.changed: bool = True
        missing = [
            (kind, 1 if count > 0 else -1) for kind, count in enumerate(left) for _ in range(abs(count))
        ]
        free.sort(key=lambda place: place.kind != POWER)  # an exponential's range is that of what replaces it
        for place in free:
            place.put = _factor(argument, *missing.pop()) if missing else None
        while missing:
            factor, exponent = _factor(argument, *missing.pop())
            kept, before = free[0].put or (factor, exponent)
            free[0].put = (kept * factor if before == exponent else kept / factor), before

    def gone(self, ranges: Ranges) -> list[Expr]:
        """The exponents whose exponentials cancelled and that may be NaN. At numbers exponentials are neither 0 nor infinite,
        so that a NaN is all that a result without them would lose."""
        found: list[Expr] = []
        for number, total in self.sums:
            found += [] if self.places[number].put else terms(total) or []
        kept = {place.argument for place in self.places if place.put is not None}
        found += [place.argument for place in self.places if place.exponent and place.argument not in kept]
        return [a for a in dict.fromkeys(found) if ranges(a).nan]

    def build(self, node: Expr) -> Expr:
        """The product with what stands at its places now."""
        return rebuilt(node, self.places, _has_place)


def rebuilt(node: Expr, places: Iterable[Place], has_place: HasPlace) -> Expr:
    """A product with other factors at its places, which are those of the factors that `has_place` names, from left to right."""
    above, below = _rebuilt(node, node, iter(places), 1, has_place)
    if above is None:
        return constant(1.0, node.dtype) if below is None else 1 / below
    return above if below is None else above / below


def _factor(argument: Expr, kind: int, exponent: int) -> tuple[Expr, int]:
    if kind == POWER:
        return exp(argument if exponent > 0 else minus(argument)), 1
    inner = argument if kind == ONE else minus(argument)
    return (sigmoid(inner), 1) if exponent > 0 else (1 + exp(minus(inner)), 1)


_ProductPart = tuple[Expr | None, Expr | None]
"""(what stands above, what stands below); None for 1"""

_PRODUCTS = frozenset(("multiply", "divide", "reciprocal", "square", "negative"))


def _is_product(node: Expr, like: Expr) -> bool:
    return node.op.name in _PRODUCTS and node.dtype == like.dtype and node.shape == like.shape


def factors_of(root: Expr) -> Iterator[tuple[Expr, int]]:
    """The factors of a product with their exponents 1 and −1, from left to right; the product's own operations with 0."""
    pending = [(root, 1)]
    while pending:
        node, exponent = pending.pop()
        if not _is_product(node, root):
            yield node, exponent if node.dtype == root.dtype and node.shape == root.shape else 0
            continue
        yield node, 0
        name, operands = node.op.name, node.operands
        if name == "multiply":
            pending += [(operands[1], exponent), (operands[0], exponent)]
        elif name == "divide":
            pending += [(operands[1], -exponent), (operands[0], exponent)]
        elif name == "square":
            pending += [(operands[0], exponent), (operands[0], exponent)]
        else:
            pending.append((operands[0], -exponent if name == "reciprocal" else exponent))


def all_factors_of(
    root: Expr, opens: Callable[[Expr], object] = lambda node: True
) -> Iterator[tuple[Expr, int]]:
    """The factors of a product with their exponents 1 and −1, also those of other shapes, without the product's operations.

    opens : which products in it are taken apart
    """
    pending = [(root, 1)]
    while pending:
        node, exponent = pending.pop()
        if not _is_product(node, root) or not opens(node):
            yield node, exponent
            continue
        name, operands = node.op.name, node.operands
        if name in ("multiply", "square"):
            pending += [(operands[-1], exponent), (operands[0], exponent)]
        elif name == "divide":
            pending += [(operands[1], -exponent), (operands[0], exponent)]
        elif name == "negative":
            pending.append((operands[0], exponent))
            yield constant(-1.0, root.dtype), exponent
        else:
            pending.append((operands[0], -exponent))


def _rebuilt(
    node: Expr, root: Expr, places: Iterator[Place], exponent: int, has_place: HasPlace
) -> _ProductPart:
    """A part of a product, its factors with exponentials replaced; recursion is no deeper than the number of factors."""
    if not _is_product(node, root):
        if node.dtype != root.dtype or node.shape != root.shape:
            return node, None
        if node.is_constant and not node.shape and node.value == 1:
            return None, None
        if not has_place(node, exponent):
            return node, None
        put = next(places).put
        if put is None:
            return None, None
        factor, to = put
        return (factor, None) if to * exponent > 0 else (None, factor)
    name = node.op.name
    if name == "negative":
        above, below = _rebuilt(node.operands[0], root, places, exponent, has_place)
        return (-constant(1.0, root.dtype) if above is None else -above), below
    if name == "reciprocal":
        above, below = _rebuilt(node.operands[0], root, places, -exponent, has_place)
        return below, above
    if name == "square":
        left = _rebuilt(node.operands[0], root, places, exponent, has_place)
        right = _rebuilt(node.operands[0], root, places, exponent, has_place)
        if left == right == (node.operands[0], None):
            return node, None
        return _times(left, right)
    left = _rebuilt(node.operands[0], root, places, exponent, has_place)
    above, below = _rebuilt(
        node.operands[1], root, places, exponent if name == "multiply" else -exponent, has_place
    )
    return _times(left, (above, below) if name == "multiply" else (below, above))


def replaced(
    root: Expr, factor: Expr, other: Expr, exponent: int, put: tuple[Expr, int] | None
) -> Expr | None:
    """A product with factor**exponent·other**−exponent replaced by what is put there, or by nothing; all else is multiplied in
    the order in which it was, since a product of other parts may over- or underflow by itself. None where nothing is left."""
    return exchanged(root, [(factor, exponent, put), (other, -exponent, None)])


def exchanged(root: Expr, places: list[_Put], from_right: bool = False) -> Expr | None:
    """A product with other factors at some of its places, all else as it was. None where nothing is left.

    from_right : of a factor that stands at several places, the last ones
    """
    above, below = _with_places(root, root, 1, places, from_right)
    if above is None:
        return None if below is None else constant(1.0, root.dtype) / below
    return above if below is None else above / below


def cancelled(root: Expr, gone: list[tuple[Expr, int]], ranges: Ranges) -> Expr | None:
    """A product without factors, with the exponents that they stand with, that cancel; None where steps of what is left may over-
    or underflow where none of the product's do."""
    for from_right in (True, False):
        result = exchanged(root, [(factor, power, None) for factor, power in gone], from_right)
        result = constant(1.0, root.dtype) if result is None else result
        if result.shape in ((), root.shape) and keeps_range(result, root, ranges):
            return result
    return None


_Put = tuple[Expr, int, tuple[Expr, int] | None]
"""A factor with its exponent and what stands for it"""


def _with_places(
    node: Expr, root: Expr, power: int, places: list[_Put], from_right: bool = False
) -> _ProductPart:
    """A part of a product with what has a place in it, which is taken from the list; recursion as in `_rebuilt`."""
    for place in places:
        if place[0] is node and place[1] == power:
            places.remove(place)
            if place[2] is None:
                return None, None
            value, to = place[2]
            return (value, None) if to * power > 0 else (None, value)
    if not _is_product(node, root) or not places:
        return node, None
    name, operands, waiting = node.op.name, node.operands, len(places)
    if name == "reciprocal":
        below, above = _with_places(operands[0], root, -power, places, from_right)
    elif name == "negative":
        above, below = _with_places(operands[0], root, power, places, from_right)
        if len(places) < waiting:
            above = -constant(1.0, root.dtype) if above is None else -above
    else:
        last = -power if name == "divide" else power
        if from_right:
            right = _with_places(operands[-1], root, last, places, from_right)
            left = _with_places(operands[0], root, power, places, from_right)
        else:
            left = _with_places(operands[0], root, power, places)
            right = _with_places(operands[-1], root, last, places)
        above, below = _times(left, (right[1], right[0]) if name == "divide" else right)
    return (above, below) if len(places) < waiting else (node, None)


def _times(left: _ProductPart, right: _ProductPart) -> _ProductPart:
    """The product of two parts. What stands below by itself divides as soon as something stands above."""
    above = left[0] if right[0] is None else right[0] if left[0] is None else left[0] * right[0]
    below = [part for part in (left[1], right[1]) if part is not None]
    if above is None and len(below) < 2:
        return None, below[0] if below else None
    if above is None:
        above = 1 / below.pop(0)
    for part in below:
        above = above / part
    return above, None


def _has_place(factor: Expr, exponent: int) -> bool:
    name = factor.op.name
    if name in ("exp", "sigmoid"):
        return True
    return name == "add" and (
        one_plus_exp(factor) is not None or (exponent < 0 and terms(factor) is not None)
    )


def _cost(one: int, other: int, power: int) -> float:
    """Sigmoids are tame; their reciprocals grow, and powers of e overflow."""
    return sum(count if count > 0 else -2.5 * count for count in (one, other)) + 2 * abs(power)


def one_plus_exp(node: Expr) -> Expr | None:
    """a in 1 + eᵃ."""
    for one, other in (node.operands, node.operands[::-1]):
        if one.is_constant and not one.shape and one.value == 1 and other.op.name == "exp":
            return other.operands[0]
    return None

"""The forms of one formula that a search has found: what each costs, and where it is right."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from graphc.ir.expr import Expr, apply, rebuild, walk
from graphc.ops.comparison import where
from graphc.search.columns import WORST, Columns, cost
from graphc.search.extraction import PRICE

MOST = 400
"""Forms that are kept."""


@dataclass(frozen=True)
class Form:
    """One form.

    wrong : bits of error at each point; error : their mean
    everywhere : whether it is the formula at all points, and no series that is only good near one
    """

    expr: Expr
    wrong: np.ndarray
    error: float
    cost: float
    origin: str
    everywhere: bool = True

    @property
    def score(self) -> float:
        return self.error + PRICE * self.cost


class Forms:
    """All forms of a formula.

    columns : values at the points; exact : what is true there
    """

    def __init__(self, columns: Columns, exact: np.ndarray) -> None:
        self.columns = columns
        self.exact = exact
        self._forms: dict[Expr, Form] = {}

    def __len__(self) -> int:
        return len(self._forms)

    def __contains__(self, expr: object) -> bool:
        return expr in self._forms

    def add(self, expr: Expr, origin: str, good: np.ndarray | None = None) -> Form:
        """A form, measured; what does not matter in it is left out.

        good : at which points a series is the formula, up to rounding; at the others it counts as wrong, whatever is lost there
        """
        expr = tidied(expr)
        form = self._forms.get(expr)
        if form is None:
            wrong = self.columns.bits(expr, self.exact)
            if good is not None:
                wrong = np.where(good, wrong, WORST)
            error = float(wrong.mean()) if len(wrong) else 0.0
            form = Form(expr, wrong, error, cost(expr), origin, good is None)
            self._forms[expr] = form
            if len(self._forms) > 2 * MOST:
                kept = {*self.ranked()[:MOST], *self.cover(12), next(iter(self._forms.values()))}
                self._forms = {e: f for e, f in self._forms.items() if f in kept}
        return form

    def add_all(self, exprs: Iterable[Expr], origin: str) -> None:
        for expr in exprs:
            self.add(expr, origin)

    def ranked(self) -> list[Form]:
        """All forms, the best first."""
        return sorted(self._forms.values(), key=lambda form: (form.score, form.cost))

    @property
    def best(self) -> Form:
        return min(self._forms.values(), key=lambda form: (form.score, form.cost))

    def cover(self, count: int, dearest: float = math.inf) -> list[Form]:
        """A few forms of which at every point one is good: each is the one that adds the most to those before it.

        dearest : what each may cost
        """
        forms = [form for form in self._forms.values() if form.cost <= dearest]
        if not forms or not len(self.exact):
            return []
        table = np.array([form.wrong for form in forms])
        prices = PRICE * np.array([form.cost for form in forms])
        chosen: list[int] = []
        least = np.full(table.shape[1], np.inf)
        for _ in range(min(count, len(forms))):
            totals = np.minimum(table, least).mean(axis=1) + prices
            place = int(totals.argmin())
            if chosen and np.minimum(table[place], least).mean() > least.mean() - 0.02:
                break
            chosen.append(place)
            least = np.minimum(least, table[place])
        return [forms[place] for place in chosen]

    def heirs(self) -> list[Expr]:
        """The forms whose derivatives may be worth something: the best of all, and those that are best somewhere."""
        return list(dict.fromkeys([form.expr for form in (*self.ranked()[:3], *self.cover(6))]))

    def front(self) -> list[Form]:
        """The forms that none is both better and cheaper than, the most accurate first."""
        found: list[Form] = []
        cheapest = np.inf
        for form in sorted(self._forms.values(), key=lambda form: (form.error, form.cost)):
            if form.cost < cheapest:
                found.append(form)
                cheapest = form.cost
        return found


def tidied(expr: Expr) -> Expr:
    """A form without choices between equal sides, and with the others made where the sides begin to differ."""
    order = walk([expr])
    if not any(node.op.name == "where" for node in order):
        return expr
    made: dict[Expr, Expr] = {}
    for node in order:
        operands = tuple([made[operand] for operand in node.operands])
        if node.op.name == "where" and operands[1].dtype is operands[2].dtype is node.dtype:
            made[node] = chosen(operands[0], operands[1], operands[2])
        else:
            made[node] = rebuild(node, operands) if operands != node.operands else node
    return made[expr]


DOWN = 6
"""Operations that a choice is moved below at most."""


def chosen(condition: Expr, one: Expr, other: Expr, down: int = DOWN) -> Expr:
    """One of two values, chosen below the operations that both end with where that is cheaper: both sides of a choice are
    computed, and eᵘ or eᵛ is e to the power of u or v, to the bit."""
    if one is other:
        return one
    plain = where(condition, one, other)
    if not down or one.op is not other.op or not one.operands or one.op.control is not None:
        return plain
    if one.attrs or other.attrs or any(each.shape for each in (condition, one, other)):
        return plain
    ends = other.operands
    if one.op.name in ("add", "multiply") and (one.operands[0] is ends[1] or one.operands[1] is ends[0]):
        ends = ends[::-1]
    pairs = list(zip(one.operands, ends, strict=True))
    if any(a is not b and not a.dtype is b.dtype is one.dtype for a, b in pairs):
        return plain
    moved = apply(one.op, *[chosen(condition, a, b, down - 1) for a, b in pairs])
    return moved if cost(moved) < cost(plain) else plain


def sides(expr: Expr) -> list[Expr]:
    """A form of rules with the first side of all its choices, and with the second: rules keep the formula as it was where what
    they write over- or underflows, and are right without that on most ranges, in a fraction of the time."""
    order = walk([expr])
    if not any(node.op.name == "where" for node in order):
        return []
    found = []
    for side in (1, 2):
        made: dict[Expr, Expr] = {}
        for node in order:
            operands = tuple([made[operand] for operand in node.operands])
            if (
                node.op.name == "where"
                and operands[side].shape == node.shape
                and operands[side].dtype == node.dtype
            ):
                made[node] = operands[side]
            else:
                made[node] = rebuild(node, operands) if operands != node.operands else node
        found.append(made[expr])
    return found


def worst_places(wrong: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Points to look at: half of them where most is wrong, the others anywhere."""
    places = np.argsort(-wrong + rng.random(len(wrong)) * 0.5, kind="stable")
    first = places[: count // 2]
    rest = rng.permutation(places[count // 2 :])[: count - len(first)]
    return np.sort(np.concatenate([first, rest]))


def harm(after: np.ndarray, before: np.ndarray) -> np.ndarray:
    """By how many bits one form is worse than another at each point; up to a unit in the last place is none."""
    return np.maximum(np.maximum(after, 1.0) - np.maximum(before, 1.0), 0.0)


def merged(forms: Sequence[Form]) -> np.ndarray:
    """The bits of error at each point of the best of some forms there."""
    return np.min([form.wrong for form in forms], axis=0)


__all__ = ["Form", "Forms", "chosen", "harm", "merged", "sides", "tidied", "worst_places"]

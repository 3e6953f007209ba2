"""A form in less time with the same digits: the last step of a search.

What e-graphs and rules write is chosen for its digits, with the cost of an expression that shares nothing. Here a form that is
right is written shorter place by place, as long as no point tells the difference.
"""

from __future__ import annotations

import itertools

import numpy as np

from graphc.ir.expr import Expr, walk
from graphc.search.alternatives import Form, Forms, tidied
from graphc.search.clock import Clock
from graphc.search.columns import Columns, cost
from graphc.search.honesty import is_worse
from graphc.search.result import SLACK
from graphc.search.shortcuts import shorter
from graphc.search.truth import Points

SHORTER = "written shorter"
"""Where such forms come from, as reports name it."""

ALIKE = 0.5
"""Mean bits of error by which two forms count as equally good."""

RIGHT = 0.9
"""Mean bits of error of a form that is as good as right: less is not bought with time."""

STARTS, SURE = 8, 4
"""Forms that are written shorter, beside the best: the cheapest, and of them those that are hardly worse than the formula as
written anywhere, which other points will not refuse."""

LOOKED_AT = 60
"""Forms among which these are sought."""

LOSS = 0.3
"""Mean bits that all steps together may lose: less than what counts as none in the choice of a form."""

FREE, MORE = 2.0, 1.0
"""Bits of error that are allowed at any point, and how many more than before at one that has more already."""

FEW, ANYWHERE = 0.01, 2.6
"""Of the points: at how many more bits are allowed, up to those of the formula as written, or five units in the last place."""

NEARLY = 0.8
"""Of what a form may be worse by than the formula as written: other points will not say the same to the last tenth."""

SAVED = 0.05
"""Nanoseconds that a step has to save."""

CROSSED = 4
"""Inputs whose special values are tried each with each."""

NODES = 300
"""Forms of more nodes are left alone."""


def corners(columns: Columns) -> Columns:
    """Inputs at 0, at 1 and at the ends of what they are at the points, each with each: where quotients have no value and guards
    stand, and where no point that is drawn lies."""
    ends = {s: (0.0, 1.0, float(c.min()), float(c.max())) for s, c in columns.inputs.items()}
    if len(ends) <= CROSSED:
        rows = list(itertools.product(*ends.values()))
    else:
        middle = [float(np.median(column)) for column in columns.inputs.values()]
        rows = [*zip(*ends.values(), strict=True)]
        for place, each in enumerate(ends.values()):
            rows += [(*middle[:place], value, *middle[place + 1 :]) for value in each]
    table = np.array(rows)
    return Columns({s: table[:, k].astype(s.dtype) for k, s in enumerate(ends)}, len(rows))


@np.errstate(all="ignore")
def cheaper(
    start: Form, forms: Forms, written: Form, points: Points, clock: Clock, share: float
) -> list[Expr]:
    """Ever cheaper forms, the last the cheapest, none of which loses a digit that the first one has, or the value at a corner.

    written : the formula as written, than which none may be worse anywhere
    """
    current = start.expr
    if len(walk([current])) > NODES or not len(points):
        return []
    limit = np.maximum(start.wrong + MORE, FREE)
    last = np.maximum(np.maximum(limit, written.wrong), ANYWHERE)
    special = corners(forms.columns)
    has_value = np.isfinite(special(current))
    tried: set[Expr] = {current}
    found: list[Expr] = []
    price = cost(current)
    while not clock.over(share):
        ways: list[tuple[float, int, Expr]] = []
        for way in shorter(current, forms.columns):
            if clock.over(share):
                return found
            short = tidied(way)
            if short in tried:
                continue
            tried.add(short)
            now = cost(short)
            if now <= price - SAVED:
                ways.append((now, len(ways), short))
        for now, _, way in sorted(ways, key=lambda each: each[:2]):
            if clock.over(share):
                return found
            wrong = forms.columns.bits(way, forms.exact)
            if (
                wrong.mean() <= start.error + LOSS
                and (wrong <= last).all()
                and (wrong > limit).mean() <= FEW
                and not is_worse(written.wrong, wrong, points, NEARLY * SLACK)
                and np.isfinite(special(way)[has_value]).all()
            ):
                current, price = way, now
                found.append(way)
                break
        else:
            break
    return found


@np.errstate(all="ignore")
def written_shorter(output: Expr, forms: Forms, points: Points, clock: Clock, share: float) -> list[Expr]:
    """The forms that may be chosen, in less time: the best, and the cheapest of those that are as good.

    output : the formula as written; share : of the budget, by when to end
    """
    if output not in forms or len(forms) < 2 or not len(points):
        return []
    written = forms.add(output, "as written")
    seen = {id(form): form for form in (*forms.front(), *forms.ranked()[:LOOKED_AT])}.values()
    good = [form for form in seen if not is_worse(written.wrong, form.wrong, points)]
    if not good:
        return []
    least = min(form.error for form in good)
    enough = max(least + ALIKE, RIGHT)
    near = sorted((form for form in good if form.error <= enough), key=lambda form: form.cost)
    sure = [form for form in near if not is_worse(written.wrong, form.wrong, points, SLACK / 4)]
    best = [
        min(good, key=key)
        for key in (lambda form: (form.score, form.cost), lambda form: (form.error, form.cost))
    ]
    found: list[Expr] = []
    for form in {id(form): form for form in (*sure[:SURE], *near[:STARTS], *best)}.values():
        found += cheaper(form, forms, written, points, clock, share)[-2:]
    return found


__all__ = ["ALIKE", "SHORTER", "cheaper", "written_shorter"]

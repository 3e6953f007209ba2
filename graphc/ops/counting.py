"""Quantiles of discrete distributions, by search over the distribution function, and sums of hypergeometric probabilities.

Their arguments say which side is asked: a probability `below`, and the rest `above`, of which that counts which is at most ½
and so has its digits. `graphc.stats` makes `ppf` and `isf` of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.ir.op import Facts, Notation, Op
from graphc.ir.types import FLOATING
from graphc.ops.support.declare import Function, declare
from graphc.ops.support.scipy_ops import scipys

GREATEST = 1.7976931348623157e308
"""Where a search among all whole numbers ends."""

Numbers = tuple[float, ...]


def _least(
    reached: Callable[[float], bool], mean: float, variance: float, least: float, most: float, last: float
) -> float:
    """The least whole number that reaches something: from the mean in steps that double, then by halves."""
    step = max(1.0, float(np.ceil(math.sqrt(variance)))) if variance < math.inf else GREATEST
    low = high = min(max(float(np.floor(mean)), least + 1), most)
    if reached(high):
        low = max(high - step, least)
        while low > least and reached(low):
            high, step = low, 2 * step
            low = max(high - step, least)
    else:
        high = min(low + step, most)
        while high < most and not reached(high):
            low, step = high, 2 * step
            high = min(low + step, most)
    while low < (middle := float(np.floor(low + 0.5 * (high - low)))) < high:
        low, high = (low, middle) if reached(middle) else (middle, high)
    return last if high >= most else high


def _poisson(below: float, above: float, mu: float) -> float:
    def reached(k: float) -> bool:
        name, bound = ("gammaincc", below) if below <= 0.5 else ("gammainc", above)
        share = scipys(name)(k + 1, mu)
        return bool(share >= bound if below <= 0.5 else share <= bound)

    return _least(reached, mu, mu, -1.0, GREATEST, math.inf)


def _binom(below: float, above: float, n: float, p: float) -> float:
    def reached(k: float) -> bool:
        if k >= n:
            return True
        name, bound = ("betaincc", below) if below <= 0.5 else ("betainc", above)
        share = scipys(name)(k + 1, n - k, p)
        return bool(share >= bound if below <= 0.5 else share <= bound)

    return _least(reached, n * p, n * p * (1 - p), -1.0, n, n)


def _nbinom(below: float, above: float, n: float, p: float) -> float:
    def reached(k: float) -> bool:
        name, bound = ("betainc", below) if below <= 0.5 else ("betaincc", above)
        share = scipys(name)(n, k + 1, p)
        return bool(share >= bound if below <= 0.5 else share <= bound)

    mean = n * (1 - p) / p if p else math.inf
    return _least(reached, mean, mean / p if p else math.inf, -1.0, GREATEST, math.inf)


def _walk(start: float, k: float, marked: float, unmarked: float, drawn: float) -> tuple[float, float]:
    """Probabilities beside that of `start`, from there upwards: the sum up to k and the sum beyond."""
    last, missing = min(marked, drawn), unmarked - drawn
    near, far = [0.0], [0.0]
    j, weight, beyond = start, np.longdouble(1), 0.0
    while j < last:
        weight = weight * (marked - j) / (j + 1) * (drawn - j) / (missing + (j + 1))
        j += 1
        (near if j <= k else far).append(float(weight))
        beyond += float(weight) if j > k else 0.0
        if not (weight > beyond * 2.0**-71 and weight > 1e-306 and beyond < 1e300):
            break
    return math.fsum(near), math.fsum(far)


MOST_SPREAD = 1e8
"""Variances up to here are summed: to some forty deviations on both sides."""


def _variance(total: float, marked: float, drawn: float) -> float:
    items = max(total, 1.0)
    return marked / items * drawn * (1 - marked / items) * (1 - drawn / items)


def _hypergeom_cdf(k: float, total: float, marked: float, drawn: float) -> float:
    if not _variance(total, marked, drawn) <= MOST_SPREAD:
        return math.nan
    unmarked = total - marked
    least, most = max(0.0, drawn - unmarked), min(marked, drawn)
    if k >= most or not k >= least:
        return float(k >= most)
    mode = min(max(float(np.floor((marked + 1) / (total + 2) * (drawn + 1))), least), most)
    up = _walk(mode, k, marked, unmarked, drawn)
    down = _walk(drawn - mode, drawn - k - 1, unmarked, marked, drawn)
    one = float(mode <= k)
    below, above = up[0] + down[1] + one, up[1] + down[0] + (1 - one)
    return 1 - above / (below + above) if below > above else below / (below + above)


def _hypergeom_ratio(k: float, total: float, marked: float, drawn: float) -> float:
    if not _variance(total, marked, drawn) <= MOST_SPREAD:
        return math.nan
    return 1 + _walk(drawn - k, -1.0, total - marked, marked, drawn)[1]


def _hypergeom(below: float, above: float, total: float, marked: float, drawn: float) -> float:
    def reached(k: float) -> bool:
        if below <= 0.5:
            return _hypergeom_cdf(k, total, marked, drawn) >= below
        return _hypergeom_cdf(drawn - k - 1, total, total - marked, drawn) <= above

    if not (variance := _variance(total, marked, drawn)) <= MOST_SPREAD:
        return math.nan
    least, most = max(0.0, drawn - (total - marked)) - 1, min(marked, drawn)
    return _least(reached, marked / max(total, 1.0) * drawn, variance, least, most, most)


Order = tuple[tuple[float | str, str, float | str], ...]
"""What holds of operands: (0, "<", "n"), names and numbers."""


_SIZES: Order = (("n", "<=", 2.0**53), ("p", "<=", 1))
_THINGS = ("total", "marked", "drawn")
_ORDER: Order = (
    (0, "<=", "marked"),
    ("marked", "<=", "total"),
    (0, "<=", "drawn"),
    ("drawn", "<=", "total"),
    ("total", "<", math.inf),
)


def _each(function: Callable[..., float], params: tuple[str, ...], order: Order) -> Callable[..., Any]:
    """A function of numbers over arrays, in the type of its operands; NaN of what is out of order, and of NaN."""

    def of_numbers(*numbers: float) -> float:
        known = dict(zip(params, map(float, numbers), strict=True))
        fits = not any(map(math.isnan, known.values()))
        for low, relation, high in order:
            a, b = (known[side] if isinstance(side, str) else side for side in (low, high))
            fits = fits and (a <= b if relation == "<=" else a < b)
        return function(*known.values()) if fits else math.nan

    def reference(*operands: Any) -> Any:
        dtype = np.result_type(*operands)
        with np.errstate(all="ignore"):
            return np.vectorize(of_numbers, otypes=[dtype])(*operands)[()]

    return reference


def _emitted(name: str, params: tuple[str, ...], order: Order) -> Callable[..., Any]:
    """The call of a helper; NaN of what is out of order, for which a search would not end, and of NaN."""

    def emit(e: Any, *operands: Any) -> Any:
        known = dict(zip(params, operands, strict=True))
        fits = e.and_(*[e.compare("eq", known[each], known[each]) for each in params[:2]])
        for each in params[2:]:
            fits = e.and_(fits, e.compare("eq", known[each], known[each]))
        for low, relation, high in order:
            a, b = (known[s] if isinstance(s, str) else e.number(s, operands[0]) for s in (low, high))
            fits = e.and_(fits, e.compare("le" if relation == "<=" else "lt", a, b))
        if params[-3:] == _THINGS:
            total, marked, drawn = operands[-3:]
            one = e.number(1, total)
            items = e.select(e.compare("gt", total, one), total, one)
            first, second = e.div(marked, items), e.div(drawn, items)
            spread = e.mul(e.mul(e.mul(first, drawn), e.sub(one, first)), e.sub(one, second))
            fits = e.and_(fits, e.compare("le", spread, e.number(MOST_SPREAD, spread)))
        half = e.number(0.5, operands[0])
        value = e.special(name, *[e.select(fits, operand, half) for operand in operands])
        return e.select(fits, value, e.number(math.nan, value))

    return emit


def _declared(
    name: str, params: tuple[str, ...], order: Order, function: Any, summary: str, **more: Any
) -> Function:
    return declare(
        Op(
            name=name, params=params, summary=summary, types=FLOATING, reference=_each(function, params, order),
            partials=(None,) * len(params), emit=_emitted(name, params, order), category="special",
            notation=Notation(name), library="scipy", ulps=16.0, reference_ulps=64.0, **more,
        )
    )  # fmt: skip


_RULE = (
    "The least whole number k with P(X ≤ k) ≥ below where below is at most ½, else with P(X > k) ≤ above; "
    "constant, so without slopes.{} `graphc.stats.{}.ppf` and `isf` ask it."
)

poisson_count: Function = _declared(
    "poisson_count", ("below", "above", "mu"), ((0, "<=", "mu"), ("mu", "<", math.inf)), _poisson,
    "The quantile of the Poisson distribution, by search.",
    facts=Facts(range=(-1.0, math.inf)),
    specials=(((0.25, 0.75, 3.0), 2.0), ((0.9, 0.1, 3.0), 5.0)), nanoseconds=5000.0,
)  # fmt: skip
binom_count: Function = _declared(
    "binom_count", ("below", "above", "n", "p"), (*_SIZES, (0, "<=", "n"), (0, "<=", "p")), _binom,
    "The quantile of the binomial distribution, by search.",
    notes=_RULE.format(" n is 2⁵³ at most.", "binom"),
    specials=(((0.25, 0.75, 2.0, 0.5), 0.0), ((0.7, 0.3, 2.0, 0.5), 1.0)), nanoseconds=8000.0,
)  # fmt: skip
nbinom_count: Function = _declared(
    "nbinom_count", ("below", "above", "n", "p"), (*_SIZES, (0, "<", "n"), (0, "<", "p")), _nbinom,
    "The quantile of the negative binomial distribution, by search.",
    notes=_RULE.format(" n is 2⁵³ at most.", "nbinom"),
    specials=(((0.5, 0.5, 1.0, 0.5), 0.0), ((0.7, 0.3, 1.0, 0.5), 1.0)), nanoseconds=8000.0,
)  # fmt: skip
hypergeom_count: Function = _declared(
    "hypergeom_count", ("below", "above", *_THINGS), _ORDER, _hypergeom,
    "The quantile of the hypergeometric distribution, by search.",
    notes=_RULE.format(" NaN where a deviation is above 10,000.", "hypergeom"),
    specials=(((0.2, 0.8, 20.0, 7.0, 12.0), 3.0), ((0.9, 0.1, 20.0, 7.0, 12.0), 6.0)), nanoseconds=20000.0,
)  # fmt: skip
hypergeom_cdf: Function = _declared(
    "hypergeom_cdf", ("k", *_THINGS), _ORDER, _hypergeom_cdf,
    "The probability of k or fewer marked ones among those drawn without replacement.",
    facts=Facts(range=(0.0, 1.0)),
    notes="Of whole numbers, NaN where a deviation is above 10,000. The other side is that of the unmarked ones.",
    specials=(((3.0, 20.0, 7.0, 12.0), 0.25077399380804954),), nanoseconds=2000.0,
)  # fmt: skip
hypergeom_ratio: Function = _declared(
    "hypergeom_ratio", ("k", *_THINGS), (*_ORDER, (0, "<=", "k"), ("k", "<=", "marked"), ("k", "<=", "drawn")), _hypergeom_ratio,
    "The probability of k or fewer marked ones beside that of k, for k below the most likely number.",
    notes="Of whole numbers, and constant between them; NaN where a deviation is above 10,000.",
    specials=(((0.0, 20.0, 7.0, 12.0), 1.0),), nanoseconds=2000.0,
)  # fmt: skip

__all__ = [
    "binom_count",
    "hypergeom_cdf",
    "hypergeom_count",
    "hypergeom_ratio",
    "nbinom_count",
    "poisson_count",
]

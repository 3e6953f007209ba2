"""Polynomials within a form, with as few terms as the values let them have that they are really asked for.

A Taylor series is written for the whole of a branch's range and for any digits that may be asked; in Chebyshev polynomials on the
range of the points at which the branch is taken its last terms are below half a unit in the last place, and go.

Source: Lanczos, Applied Analysis (1956), 7.4, economization of power series.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from graphc.interpret.mpmath_eval import context
from graphc.ir.expr import Expr, constant, substitute
from graphc.ir.types import FLOAT64
from graphc.search.columns import Columns

Number = Any
"""Of mpmath, which has no types."""

FEWEST = 4
"""Terms of a polynomial that is looked at."""

WIDER = 1.02
"""By what the range of its values is widened: points come close to a boundary, and not up to it."""

DROPPED = (2.0**-56, 2.0**-54, 2.0**-52)
"""What may be dropped, by the least size of the polynomial."""

BETWEEN, ZOOMS = 33, 3
"""Points on the line between one at which a polynomial matters and one at which it does not, and how often the piece of that line
with the boundary in it is divided so."""

DIGITS = 50


def economized(
    form: Expr, order: Sequence[Expr], above: Mapping[Expr, Sequence[Expr]], columns: Columns
) -> Iterator[tuple[Expr, Expr]]:
    """Polynomials of a form, and with fewer terms on the range of their values that matter.

    order : the nodes of the form; above : node → those that use it
    """
    for node in order:
        found = polynomial(node)
        if found is None:
            continue
        value, terms = found
        if len(terms) < FEWEST or any(_is_longer(up, value, len(terms)) for up in _two_above(node, above)):
            continue
        ends = _range(form, node, value, columns)
        if ends is None:
            continue
        low, high = ends
        tried = set()
        for share in DROPPED:
            short = fewer_terms(terms, low, high, share)
            if len(short) < len(terms) and len(short) not in tried:
                tried.add(len(short))
                yield node, horner(value, short)


def _two_above(node: Expr, above: Mapping[Expr, Sequence[Expr]]) -> Iterator[Expr]:
    for one in above.get(node, ()):
        yield from above.get(one, ())


def _is_longer(node: Expr, value: Expr, terms: int) -> bool:
    found = polynomial(node)
    return found is not None and found[0] is value and len(found[1]) > terms


def polynomial(node: Expr) -> tuple[Expr, list[float]] | None:
    """The value and the numbers, the highest first, of a polynomial by Horner's rule; None for what is none."""
    lower: list[float] = []
    value: Expr | None = None
    while True:
        if node.op.name == "add" and not node.shape:
            parts = [(a, b) for a, b in (node.operands, node.operands[::-1]) if a.is_constant]
            if not parts or parts[0][1].op.name != "multiply":
                return None
            number, product = parts[0]
            lower.append(float(number.value))
        elif node.op.name == "multiply":
            return None
        else:
            return None
        left, right = product.operands
        if value is None:
            inner = next(
                (
                    (a, b)
                    for a, b in ((left, right), (right, left))
                    if a.is_constant or (a.op.name == "add" and any(each.is_constant for each in a.operands))
                ),
                None,
            )
            if inner is None:
                return None
            rest, value = inner
        elif right is value:
            rest = left
        elif left is value:
            rest = right
        else:
            return None
        if rest.is_constant:
            return value, [float(rest.value), *reversed(lower)]
        node = rest


def horner(value: Expr, terms: Sequence[float]) -> Expr:
    """A polynomial, its numbers the highest first."""
    result = constant(terms[0], FLOAT64)
    for number in terms[1:]:
        result = result * value + constant(number, FLOAT64)
    return result


def _matters(form: Expr, node: Expr, columns: Columns) -> np.ndarray:
    """At which points a node has a say: where the form is NaN if it is."""
    if node is form:
        return np.ones(columns.count, dtype=bool)
    return np.isnan(columns(substitute(form, {node: constant(np.nan, FLOAT64)})))


def _range(form: Expr, node: Expr, value: Expr, columns: Columns) -> tuple[float, float] | None:
    """The least and the largest number that a polynomial is asked for; None where that is nowhere.

    node : the polynomial, in its form; value : what it is a polynomial of
    """
    column, used = columns(value), _matters(form, node, columns)
    inside = np.flatnonzero(used & np.isfinite(column))
    if not len(inside):
        return None
    ends = []
    for sign in (-1.0, 1.0):
        last = inside[np.argmax(sign * column[inside])]
        end = float(column[last])
        beyond = np.flatnonzero(~used & np.isfinite(column) & (sign * column > sign * end))
        if len(beyond):
            first = beyond[np.argmin(sign * column[beyond])]
            end = _boundary(form, node, value, columns, int(last), int(first), sign)
        ends.append(end)
    low, high = ends
    margin = (WIDER - 1) * (high - low)
    return (max(0.0, low - margin) if low >= 0 else low - margin), high + margin


def _boundary(
    form: Expr, node: Expr, value: Expr, columns: Columns, inside: int, outside: int, sign: float
) -> float:
    """How far values go at points between one at which a polynomial matters and one at which it does not."""
    one, other = ({s: c[place] for s, c in columns.inputs.items()} for place in (inside, outside))
    end = float(columns(value)[inside])
    for _ in range(ZOOMS):
        steps = np.linspace(0.0, 1.0, BETWEEN)
        with np.errstate(all="ignore"):
            rows = {s: (one[s] + steps * (other[s] - one[s])).astype(s.dtype) for s in one}
        between = Columns(rows, BETWEEN)
        column, used = between(value), _matters(form, node, between)
        here = np.flatnonzero(used & np.isfinite(column))
        if not len(here):
            break
        last = here[np.argmax(sign * column[here])]
        end = sign * max(sign * end, sign * float(column[last]))
        following = min(int(last) + 1, BETWEEN - 1)
        one, other = ({s: c[place] for s, c in rows.items()} for place in (last, following))
    return end


def fewer_terms(terms: Sequence[float], low: float, high: float, share: float) -> list[float]:
    """A polynomial of the lowest degree whose distance from the given one is within a share of its least size on an interval.

    terms : its numbers, the highest first, and so the answer's
    """
    mp = context(DIGITS)
    middle, half = (mp.mpf(low) + mp.mpf(high)) / 2, (mp.mpf(high) - mp.mpf(low)) / 2
    count = len(terms)
    if not half:
        return list(terms)
    nodes = [mp.cos(mp.pi * (2 * k + 1) / (2 * count)) for k in range(count)]
    values = [mp.polyval([mp.mpf(t) for t in terms], middle + half * x) for x in nodes]
    least = min(abs(v) for v in values)
    series = [
        mp.fsum(
            v * mp.cos(mp.pi * j * (2 * k + 1) / (2 * count)) for k, v in enumerate(values)
        )
        * (2 if j else 1) / count
        for j in range(count)
    ]  # fmt: skip
    kept, lost = count, mp.mpf(0)
    while kept > 1 and lost + abs(series[kept - 1]) <= share * least:
        lost += abs(series[kept - 1])
        kept -= 1
    if kept == count:
        return list(terms)
    return [float(each) for each in _powers(series[:kept], middle, half)]


def _powers(series: Sequence[Number], middle: Number, half: Number) -> list[Number]:
    """The numbers of the powers of x, the highest first, of a sum of Chebyshev polynomials of (x − middle)/half."""
    inner = [1 / half, -middle / half]
    before, now = [1], inner
    total = [series[0]]
    for number in series[1:]:
        total = _added(total, [number * each for each in now])
        doubled = _times(now, [2 * each for each in inner])
        before, now = now, _added(doubled, [-each for each in before])
    return total


def _times(one: Sequence[Number], other: Sequence[Number]) -> list[Number]:
    result = [0] * (len(one) + len(other) - 1)
    for i, a in enumerate(one):
        for j, b in enumerate(other):
            result[i + j] += a * b
    return result


def _added(one: Sequence[Number], other: Sequence[Number]) -> list[Number]:
    size = max(len(one), len(other))
    padded = [[0] * (size - len(each)) + list(each) for each in (one, other)]
    return [a + b for a, b in zip(*padded, strict=True)]


__all__ = ["economized", "fewer_terms", "horner", "polynomial"]

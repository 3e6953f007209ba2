"""Forms of one function tried out: which of them gives a number at the larger part of points of every size.

What an interval can only call possible (`ranges.hazards`) a trial sees: 0·∞ in a branch that is not taken does no harm. Points
are the same in every process.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from graphc.errors import GraphcError
from graphc.interpret.mpmath_eval import evaluate
from graphc.interpret.numpy_eval import run_arrays
from graphc.ir import dims
from graphc.ir.expr import Expr
from graphc.ir.graph import Dag

SIZES = (
    0.0, 1e-200, 1e-120, 1e-70, 1e-28, 1e-13, 1e-9, 1e-4, 0.3, 1.0, 2.5, 7.0, 40.0, 120.0, 750.0,
    1e5, 1e11, 1e25, 1e70, 1e120, 1e200, np.inf,
)  # fmt: skip
"""What an input may be, of either sign: infinite too, where functions of exponential growth begin to over- and underflow, and
where powers do, in single precision as well; beside these the largest number of its type and one below the normal ones."""

POINTS = 96
ROUNDS = 6
PAIRED_ROUNDS = 4
"""How often all pairs of two inputs are tried, each time beside other values of the third: (u + v)/v·(u/w) overflows where
(u + v)·u/(v·w) does not for few sizes of w."""

CLOSE = slice(len(SIZES) * 2 + 8, len(SIZES) * 2 + 12)
"""Points, with values from 0.3 to 7 for the first input, at which where it is asked for all others are nearly equal to it:
divided differences lose their digits there."""

NEXT = {8: 1e-12, 4: 1e-4}
"""How near, by the size of the type."""

LENGTH = 3
"""Of an axis with a name."""

MOST_NODES = 5000
MOST_ELEMENTS = 20_000


@dataclass
class Failures:
    """How many elements of a form's outputs are no finite numbers: for finite inputs, and where one is infinite.

    alone : at how many of these all other forms are finite numbers
    """

    finite: int = 0
    infinite: int = 0
    alone: int = 0


def failures(
    forms: Sequence[Sequence[Expr]], functions: Sequence[Expr] = (), pairs: bool = False, close: bool = False
) -> list[Failures] | None:
    """What each form fails at; None where they cannot be tried.

    pairs : whether every size of the first input meets every size of the second
    close : whether inputs are nearly equal at some points
    functions : where these are NaN nothing is asked: the derivative of a logarithm of negative numbers means nothing
    """
    dags = [Dag(list(form)) for form in (*forms, functions or forms[0])]
    symbols = _symbols(dags)
    if any(len(dag) > MOST_NODES for dag in dags):
        return None
    whole = _over_arrays(dags)
    if whole and any(_elements(node) > MOST_ELEMENTS for dag in dags for node in dag.exprs):
        return None
    counts = [Failures() for _ in forms]
    everywhere = [Failures() for _ in forms]
    asked = False
    values = _paired_values if pairs and not whole else partial(_values, close=close)
    for number in range(ROUNDS if whole else PAIRED_ROUNDS if pairs and len(symbols) > 2 else 1):
        at = {symbol: values(symbol, place, number, whole) for place, symbol in enumerate(symbols)}
        try:
            runs = _runs(dags, at)
        except (
            Exception
        ):  # an index out of range, a matrix that is not positive: the user's own data will not be so
            return None
        meant = _meant(runs.pop() if functions else [], whole)
        asked = asked or bool(meant.any())
        for which, run in enumerate(runs[: len(forms)]):
            others = [other for place, other in enumerate(runs[: len(forms)]) if place != which]
            for value, *beside in zip(run, *others, strict=True):
                if value.dtype.kind != "f":
                    continue
                failed, apart = ~np.isfinite(value), np.zeros((), bool)
                for symbol in dags[which].symbols if not whole else ():
                    apart = apart | np.isinf(at[symbol])
                for chosen, totals in ((meant, counts), (np.ones((), bool), everywhere)):
                    totals[which].infinite += int((failed & apart & chosen).sum())
                    totals[which].finite += int((failed & ~apart & chosen).sum())
                    alone = failed & chosen & np.all([np.isfinite(other) for other in beside], axis=0)
                    totals[which].alone += int(alone.sum())
    return counts if asked else everywhere


def _symbols(dags: Sequence[Dag]) -> list[Expr]:
    return list(dict.fromkeys(itertools.chain.from_iterable(dag.symbols for dag in dags)))


def _over_arrays(dags: Sequence[Dag]) -> bool:
    return any(node.shape or node.op.on_arrays for dag in dags for node in dag.exprs)


def _runs(dags: Sequence[Dag], at: Mapping[Expr, np.ndarray]) -> list[list[np.ndarray]]:
    """The outputs of each graph."""
    found = []
    for dag in dags:
        values = run_arrays(dag, [at[symbol] for symbol in dag.symbols])
        found.append([np.asarray(values[output]) for output in dag.outputs])
    return found


def _meant(values: Sequence[np.ndarray], whole: bool) -> np.ndarray:
    """At which points functions are numbers; of arrays at all, since among many elements some are always beyond the domain."""
    meant = np.ones((), bool)
    for value in values if not whole else ():
        if value.dtype.kind == "f":
            meant = meant & ~np.isnan(value)
    return np.asarray(meant)


MOST_JUDGED = 6
"""Elements at which two forms that differ are held against many digits."""

MOST_SCALARS = 6000
"""Elements of a program over arrays in all: more are not evaluated with many digits."""

APART = 1e-6
STEPS = 4

FIRST_BITS = 520
"""Binary digits to begin with: forms are judged where they cancel, and one run with so many takes less time than three with
130, 260 and 520"""


@dataclass
class Trials:
    """What the trials of one compilation share.

    truths : (formula, point) → what it is there over the real numbers: what is asked for again
    close : whether inputs are nearly equal at some points
    """

    truths: dict[tuple[Any, ...], float | None] = field(default_factory=dict)
    close: bool = False


def nearer(
    one: Sequence[Expr],
    other: Sequence[Expr],
    truth: Sequence[Expr],
    functions: Sequence[Expr] = (),
    trials: Trials | None = None,
) -> int:
    """At how many elements more the first of two forms is nearer to what the formula is over the real numbers.

    Where the forms differ by more than roundings; 0 where they do not, and of programs that are too large.
    functions : as for `failures`
    """
    trials = Trials() if trials is None else trials
    dags = [Dag(list(form)) for form in (one, other, functions or one)]
    symbols = _symbols(dags)
    nodes = Dag(list(truth)).exprs
    if any(node.op.user_defined for dag in dags for node in dag.exprs) or any(
        s.dtype.kind != "f" for s in symbols
    ):
        return 0
    whole = _over_arrays(dags)
    if whole and sum(map(_elements, nodes)) > MOST_SCALARS:
        return 0
    balance = judged = 0
    for number in range(ROUNDS if whole else 1):
        at = {
            symbol: _values(symbol, place, number, whole, trials.close)
            for place, symbol in enumerate(symbols)
        }
        try:
            runs = _runs(dags, at)
        except Exception:
            return 0
        meant = _meant(runs.pop() if functions else [], whole)
        for formula, ours_here, theirs_here in zip(truth, *runs[:2], strict=True):
            points = () if whole else (POINTS,)
            a, b = (
                np.broadcast_to(value.astype(np.float64), np.broadcast_shapes(value.shape, points))
                for value in (ours_here, theirs_here)
            )
            with np.errstate(all="ignore"):
                apart = (
                    np.isfinite(a)
                    & np.isfinite(b)
                    & meant
                    & (np.abs(a - b) > APART * np.maximum(np.abs(a), np.abs(b)))
                )
            places = np.argwhere(apart)
            count = min(len(places), MOST_JUDGED - judged)
            chosen = [tuple(places[k * len(places) // count]) for k in range(count)]
            judged += count
            for index in chosen:
                correct = _correct(formula, at, index, whole, trials.truths)
                if correct is None:
                    continue
                ours, theirs = abs(float(a[index]) - correct), abs(float(b[index]) - correct)
                moved = _correct(
                    formula, {s: _off(value) for s, value in at.items()}, index, whole, trials.truths
                )
                allowed = abs(moved - correct) if moved is not None else 0.0
                balance += int(max(ours, allowed) < theirs) - int(max(theirs, allowed) < ours)
    return balance


def _off(values: np.ndarray) -> np.ndarray:
    """Values that are off by some units in the last place: what they change in a result no form of it can tell."""
    with np.errstate(over="ignore"):
        return values * (1 + STEPS * np.finfo(values.dtype).eps)


def _correct(
    formula: Expr,
    at: Mapping[Expr, np.ndarray],
    index: tuple[int, ...],
    whole: bool,
    truths: dict[tuple[Any, ...], float | None],
) -> float | None:
    """The formula over the real numbers at a point, or one of its elements; None where that is not known."""
    point: dict[str, Any] = {s.name: value if whole else float(value[index]) for s, value in at.items()}
    element = formula[tuple(map(int, index))] if whole and formula.shape else formula
    key = (element, *[value.tobytes() if whole else value for value in point.values()])
    if key not in truths:
        try:
            truths[key] = float(evaluate(element, point, digits=20, first_bits=FIRST_BITS))
        except (GraphcError, ArithmeticError, ValueError, TypeError):
            truths[key] = None
    return truths[key]


def _elements(node: Expr) -> int:
    count = 1
    for dim in node.shape:
        count *= dim if isinstance(dim, int) else LENGTH ** min(len(dims.names_of(dim)), 4)
    return count


def _values(symbol: Expr, place: int, number: int, whole: bool, close: bool = False) -> np.ndarray:
    """Values for an input: one for each point, or an array of its shape."""
    shape: tuple[int, ...] = (POINTS,)
    if whole:
        lengths = {name: LENGTH for dim in symbol.shape for name in dims.names_of(dim)}
        shape = tuple([dims.evaluate(dim, lengths) for dim in symbol.shape])
    rng = np.random.default_rng((place, number))
    if symbol.dtype.kind != "f":
        return rng.integers(0, 2, size=shape).astype(symbol.dtype)
    sizes = SIZES[:-1] if whole else SIZES  # of an array every element is one
    signed = np.array([*sizes, *(-size for size in sizes)])
    if whole:
        return _of_symbol(symbol, rng.choice(signed, size=shape))
    first = np.resize(signed, shape)
    if place == 0:
        return _of_symbol(symbol, first)
    values = rng.choice(signed, size=shape)
    if close:
        values[CLOSE] = first[CLOSE] * (1 + place * NEXT.get(symbol.dtype.itemsize, 0.0))
    return _of_symbol(symbol, values)


def _paired_values(symbol: Expr, place: int, number: int, whole: bool) -> np.ndarray:
    """Values of which those of the first two inputs stand beside each other in all pairs, those of others in many, with each
    round in others."""
    signed = np.array([*SIZES, *(-size for size in SIZES)])
    slow, fast = np.divmod(np.arange(len(signed) ** 2), len(signed))
    shift = 7 * number * (place - 1) if place > 1 else 0
    values = signed[(fast + place * slow + shift) % len(signed)]
    if symbol.dtype.kind != "f":
        return ((slow + fast + place) % 2).astype(symbol.dtype)
    return _of_symbol(symbol, values)


def _of_symbol(symbol: Expr, values: np.ndarray) -> np.ndarray:
    """Values as the type and the range of an input has them."""
    if symbol.bounds is not None:
        values = np.clip(values, *symbol.bounds)
    with np.errstate(over="ignore"):
        return values.astype(symbol.dtype)


__all__ = ["Trials", "failures", "nearer"]

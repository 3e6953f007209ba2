"""Points at which a formula has a value, and what is true there: by ball arithmetic, in as many digits as decide it.

A value counts when it is a finite real number that a float64 can hold. What a precision within reach does not determine is left
out, as is a point at which no output has a value.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from graphc.errors import GraphcError
from graphc.interpret.mpmath_eval import decided
from graphc.ir.expr import Expr
from graphc.ir.graph import Dag
from graphc.ir.types import FLOAT64
from graphc.ir.ulp import rounded
from graphc.search.clock import Clock
from graphc.search.sampling import number

DIGITS = 21
"""Decimal digits of what is true: a unit in the last place of a float64 is told from its neighbours by 16."""

ATTEMPTS = 12
"""Points drawn for each that is kept, at most: where a formula has no value, another is tried."""

ENOUGH = 64
"""Points that are worth a little more than their share of the time: the first of a process waits for what is loaded for it."""

FIRST = 40
"""Points drawn before a formula without a value at any of them is given up for lack of time."""


@dataclass(frozen=True)
class Points:
    """Points and what is true at them.

    columns : symbol → its values; exact : output → its values there, rounded, NaN where it has none
    bits : for each point the binary digits that decided it
    drawn : how many points were drawn; kinds : how each that was kept was: `FLOATS`, `EVENLY` or `FOCUS`
    hurried : whether the time was up before as many were drawn as may be
    """

    columns: dict[Expr, np.ndarray]
    exact: dict[Expr, np.ndarray]
    bits: np.ndarray
    drawn: int
    kinds: np.ndarray
    hurried: bool = False

    def __len__(self) -> int:
        return len(self.bits)

    def of(self, chosen: np.ndarray) -> Points:
        """Some of the points."""
        return Points(
            {symbol: column[chosen] for symbol, column in self.columns.items()},
            {output: column[chosen] for output, column in self.exact.items()},
            self.bits[chosen],
            self.drawn,
            self.kinds[chosen],
            self.hurried,
        )

    def joined(self, other: Points) -> Points:
        """These points and others of the same inputs and outputs."""
        return Points(
            {
                symbol: np.concatenate([column, other.columns[symbol]])
                for symbol, column in self.columns.items()
            },
            {output: np.concatenate([column, other.exact[output]]) for output, column in self.exact.items()},
            np.concatenate([self.bits, other.bits]),
            self.drawn + other.drawn,
            np.concatenate([self.kinds, other.kinds]),
            self.hurried or other.hurried,
        )


class Truth:
    """What is true of some formulas.

    outputs : scalar float formulas; symbols : their inputs, in order
    clock : whose budget ends what is being decided
    """

    def __init__(self, outputs: Sequence[Expr], symbols: Sequence[Expr], clock: Clock | None = None) -> None:
        self._stop = None if clock is None else clock.over
        self.outputs: list[Expr] = list(dict.fromkeys(outputs))
        self.symbols: list[Expr] = list(symbols)
        self._whole = Dag(self.outputs, self.symbols)
        self._single = {output: Dag([output], self.symbols) for output in self.outputs}

    def at(self, values: Sequence[float]) -> tuple[list[float], int]:
        """The outputs at a point as floats, NaN where there is none, and the binary digits that decided them."""
        inputs = [symbol.dtype.type(value) for symbol, value in zip(self.symbols, values, strict=True)]
        try:
            exact, bits = decided(self._whole, inputs, DIGITS, stop=self._stop)
        except (GraphcError, OverflowError, MemoryError):
            if len(self.outputs) == 1:
                return [math.nan], 0
            found = [self._one(self._single[output], inputs) for output in self.outputs]
            return [value for value, _ in found], max(bits for _, bits in found)
        return [_float(value) for value in exact], bits

    def _one(self, dag: Dag, inputs: list[float]) -> tuple[float, int]:
        try:
            exact, bits = decided(dag, inputs, DIGITS, stop=self._stop)
        except (GraphcError, OverflowError, MemoryError):
            return math.nan, 0
        return _float(exact[0]), bits

    def draw(
        self,
        intervals: Sequence[tuple[float, float]],
        wide: Sequence[bool],
        count: int,
        rng: np.random.Generator,
        clock: Clock,
        share: float = 1.0,
        focus: Sequence[tuple[float, float] | None] | None = None,
    ) -> Points:
        """Points with values, drawn in turn uniformly over the floats, evenly over the ranges, and close to one another.

        wide : of which symbols the range spans so many powers of ten that the second way draws numbers of moderate size
        share : of the clock's budget at which drawing ends with what there is, or with too few points at twice that
        focus : the interval in which most values of each symbol lie, if one is known; half of the points are from these
        """
        rows: list[list[float]] = []
        exact: list[list[float]] = []
        bits: list[int] = []
        kinds: list[int] = []
        drawn = 0
        while clock.seconds > 0 and len(rows) < count and drawn < ATTEMPTS * count:
            enough = len(rows) >= ENOUGH or (not rows and drawn >= FIRST)
            if clock.over() or (clock.over(share) and (enough or clock.over(2 * share))):
                break
            way = WAYS[drawn % len(WAYS)] if focus is None else FOCUSED_WAYS[drawn % len(FOCUSED_WAYS)]
            evenly = way != "floats"
            row = [
                _moderate(symbol, *ends, rng) if evenly and far else number(symbol, *ends, evenly, rng)
                for symbol, ends, far in zip(self.symbols, intervals, wide, strict=True)
            ]
            if way == "focus" and focus is not None:
                row = [
                    value if ends is None else number(symbol, *ends, True, rng)
                    for symbol, ends, value in zip(self.symbols, focus, row, strict=True)
                ]
            if way == "near":
                row = _near(row, self.symbols, intervals, rng)
            drawn += 1
            values, needed = self.at(row)
            if not any(map(math.isfinite, values)):
                continue
            rows.append(row)
            exact.append([value if math.isfinite(value) else math.nan for value in values])
            bits.append(needed)
            kinds.append(FOCUS if way == "focus" else EVENLY if evenly else FLOATS)
        columns = np.array(rows, dtype=FLOAT64).reshape(len(rows), len(self.symbols))
        results = np.array(exact, dtype=FLOAT64).reshape(len(rows), len(self.outputs))
        return Points(
            {symbol: columns[:, number].astype(symbol.dtype) for number, symbol in enumerate(self.symbols)},
            {output: results[:, number].copy() for number, output in enumerate(self.outputs)},
            np.array(bits, dtype=np.int64),
            drawn,
            np.array(kinds, dtype=np.int8),
            len(rows) < count and drawn < ATTEMPTS * count,
        )


WAYS = ("floats", "range", "floats", "range", "floats", "near", "floats", "range")
"""How points are drawn, in turn: uniformly over the floats, evenly over the ranges, and near one another or near ±1."""

FOCUSED_WAYS = ("floats", "focus", "range", "focus", "floats", "focus", "near", "focus")
"""The same where it is known in which intervals most values lie."""

FLOATS, EVENLY, FOCUS = 0, 1, 2
"""Kinds of points: uniform over the floats of the ranges, even over them (or near one another), even over the focus."""

NEAREST = 15.0
"""Powers of ten: numbers near one another differ by so small a part of them at least."""


def _near(
    row: list[float], symbols: Sequence[Expr], intervals: Sequence[tuple[float, float]], rng: np.random.Generator
) -> list[float]:  # fmt: skip
    """A point where two inputs are close, or one is close to 1 or −1: where much cancels, and few points that are drawn lie."""
    moved = list(row)
    floats = [place for place, symbol in enumerate(symbols) if symbol.dtype == FLOAT64]
    if not floats:
        return moved
    place = int(rng.choice(floats))
    others = [other for other in floats if other != place]
    centre = (
        moved[int(rng.choice(others))] if others and rng.random() < 0.8 else float(rng.choice((1.0, -1.0)))
    )
    by = 10.0 ** -rng.uniform(0, NEAREST) * (1 if rng.random() < 0.5 else -1)
    value = float(FLOAT64.type(centre * (1 + by)))
    low, high = intervals[place]
    if low <= value <= high:
        moved[place] = value
    return moved


MODERATE = 6.0
"""Powers of ten: numbers of moderate size lie within so many of 1, where the numbers of most problems do."""

WIDE = 1e12
"""A range is wide from so large a quotient of its ends on, or where it is so long and holds 0."""


def is_wide(low: float, high: float) -> bool:
    """Whether evenly drawn numbers of a range are all of one size."""
    return max(abs(low), abs(high)) > WIDE * max(min(abs(low), abs(high)) if low * high > 0 else 0.0, 1.0)


def _moderate(symbol: Expr, low: float, high: float, rng: np.random.Generator) -> float:
    """A number of moderate size in a range; one of the range as any where there is none."""
    for _ in range(8):
        size = 10.0 ** rng.uniform(-MODERATE, MODERATE)
        value = float(symbol.dtype.type(-size if rng.random() < 0.5 else size))
        if low <= value <= high:
            return value
        if low <= -value <= high:
            return -value
    return number(symbol, low, high, False, rng)


def _float(value: object) -> float:
    return rounded(value, FLOAT64) if hasattr(value, "_mpf_") else float(value)  # type: ignore[arg-type]


__all__ = ["MODERATE", "Points", "Truth", "is_wide"]

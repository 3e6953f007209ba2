"""Crossings of lines in drawings of small random graphs, held against dot's and against what no order can be better than.

    python -m tests.benchmarks.crossings             60 random graphs of at most 30 nodes
    python -m tests.benchmarks.crossings 200 -v      200 of them, a line for each

The optimum is that of a whole-number program (HiGHS), proved, over all orders in the same columns in which frames hold together
and operands whose order matters stand as written. Where that takes longer than a minute it is what a search of a thousand times
the work finds. dot keeps neither frames' ports nor the order of operands.
"""

from __future__ import annotations

import sys
import time
from itertools import combinations

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_matrix

import graphc as g
from graphc.viz import Diagram
from graphc.viz.graphviz_engine import LAYOUT, render
from graphc.viz.layered import trials
from graphc.viz.layered.network import Network
from graphc.viz.layered.ordering import Ordering
from graphc.viz.layered.parts import Filled
from graphc.viz.layout_scene import Scene, read
from graphc.viz.writers import WRITERS
from tests.viz.measure import measure
from tests.viz.nested import nested

MOST, OPERATIONS, SECONDS = 30, 25, 60.0


class Program:
    """The orders of all pairs of parts that share a column, as variables of 0 and 1; crossings as variables beside them."""

    def __init__(self, network: Network, filled: Filled, gaps: int) -> None:
        self.filled = filled
        self.columns: list[list[int]] = [
            [n for n, part in enumerate(filled.parts) if part.first <= column <= part.last]
            for column in range(gaps)
        ]
        pairs = sorted({pair for column in self.columns for pair in combinations(column, 2)})
        self.number = {pair: at for at, pair in enumerate(pairs)}
        self.cost = [0.0] * len(pairs)
        self.rows: list[tuple[dict[int, float], float, float]] = []
        self._frames()
        self._crossings(network, gaps)

    def above(self, one: int, other: int, factor: float = 1.0) -> tuple[dict[int, float], float]:
        """Whether a part stands above another, as a sum of variables and a constant."""
        if one < other:
            return {self.number[one, other]: factor}, 0.0
        return {self.number[other, one]: -factor}, factor

    def row(self, *terms: tuple[dict[int, float], float], low: float, high: float) -> None:
        entries: dict[int, float] = {}
        for some, constant in terms:
            low, high = low - constant, high - constant
            for at, factor in some.items():
                entries[at] = entries.get(at, 0.0) + factor
        self.rows.append((entries, low, high))

    def _frames(self) -> None:
        parts = self.filled.parts
        for block, (upper, lower) in self.filled.borders.items():
            for column in self.columns[parts[upper].first : parts[upper].last + 1]:
                for other in column:
                    if other in (upper, lower):
                        continue
                    if parts[other].block[: len(block)] == block:
                        self.row(self.above(upper, other), low=1, high=1)
                        self.row(self.above(other, lower), low=1, high=1)
                    else:
                        self.row(self.above(upper, other), self.above(lower, other, -1.0), low=0, high=0)
            self.row(self.above(upper, lower), low=1, high=1)

    def _crossings(self, network: Network, gaps: int) -> None:
        parts = self.filled.parts
        for gap in range(gaps):
            links = [(link.left, link.right, link.line) for link in self.filled.links if link.gap == gap]
            links += [(n, n, -1) for n, part in enumerate(parts) if part.first <= gap < part.last]
            for (a, c, one), (b, d, other) in combinations(links, 2):
                if a == b or (a == c and b == d):
                    continue
                if c == d:
                    self._operands(network, a, b, one, other)
                    continue
                crossing = len(self.cost)
                self.cost.append(1.0)
                for sign in (1.0, -1.0):
                    self.row(
                        self.above(a, b, sign),
                        self.above(c, d, -sign),
                        ({crossing: -1.0}, 0.0),
                        low=-3,
                        high=0,
                    )

    def _operands(self, network: Network, a: int, b: int, one: int, other: int) -> None:
        first, second = network.lines[one], network.lines[other]
        fixed = network.vertices[first.head].entries
        if first.slot not in fixed and second.slot not in fixed:
            return
        crossing = len(self.cost)
        self.cost.append(1.0)
        upper, lower = (a, b) if first.slot < second.slot else (b, a)
        self.row(self.above(lower, upper), ({crossing: -1.0}, 0.0), low=-3, high=0)

    def least(self) -> int | None:
        """The least crossings that any order has; None where that is not known in time."""
        if len(self.cost) == len(self.number):
            return 0
        whole = np.zeros(len(self.cost))
        whole[: len(self.number)] = 1
        begun = time.monotonic()
        while (left := SECONDS - (time.monotonic() - begun)) > 0:
            entries = [(row, at, by) for row, (some, _, _) in enumerate(self.rows) for at, by in some.items()]
            rows, at, by = zip(*entries, strict=True)
            matrix = csr_matrix((by, (rows, at)), shape=(len(self.rows), len(self.cost)))
            _, low, high = zip(*self.rows, strict=True)
            found = milp(
                self.cost,
                integrality=whole,
                bounds=Bounds(0, 1),
                constraints=LinearConstraint(matrix, low, high),  # type: ignore[arg-type]
                options={"time_limit": left},
            )
            if found.status != 0:
                return None
            if not self._circles(found.x):
                return round(found.fun)
        return None

    def _circles(self, x: np.ndarray) -> bool:
        """Forbid what stands above one another in a circle; whether there was any."""
        before = len(self.rows)
        for a, b, c in sorted({triple for column in self.columns for triple in combinations(column, 3)}):
            total = x[self.number[a, b]] + x[self.number[b, c]] - x[self.number[a, c]]
            if not -0.5 < total < 1.5:
                self.row(self.above(a, b), self.above(b, c), self.above(a, c, -1.0), low=0, high=1)
        return len(self.rows) > before


def networks(diagram: Diagram) -> list[tuple[Network, Filled, int]]:
    """What is laid out for a diagram, as its layout gets it."""
    caught: list[tuple[Network, Filled, int]] = []

    class Caught(Ordering):
        def __init__(self, network: Network, filled: Filled, gaps: int) -> None:
            super().__init__(network, filled, gaps)
            caught.append((network, filled, gaps))

    usual, trials.Ordering = trials.Ordering, Caught  # type: ignore[misc]
    try:
        whole(diagram)
    finally:
        trials.Ordering = usual  # type: ignore[misc]
    return caught


def optimum(parts: list[tuple[Network, Filled, int]]) -> tuple[int, bool]:
    """The least crossings of a drawing, and whether that is proved."""
    total, proved = 0, True
    for network, filled, gaps in parts:
        least = Program(network, filled, gaps).least()
        if least is None:
            ordering, proved = Ordering(network, filled, gaps), False
            ordering.improve(work=100_000_000, tries=20_000)
            least = ordering.crossings()[0]
        total += least
    return total, proved


def whole(diagram: Diagram) -> Scene:
    """The picture in one piece: where it stands in rows, lines end at signs that would cross."""
    scene = diagram._whole_scene
    assert scene is not None
    return scene


def dots(diagram: Diagram) -> int:
    """The crossings of the same drawing as dot lays it out."""
    parts = len(diagram.view.nodes) + 3 * len(diagram.view.edges)
    return measure(WRITERS["svg"](read(render(diagram.source, LAYOUT, parts=parts)), "", "")).crossings


def main(count: int = 60, verbose: bool = False) -> None:
    ours_, dots_, least_, best_, graphs, unproved = 0, 0, 0, 0, 0, 0
    for seed in range(count):
        diagram = nested(seed, most=OPERATIONS)
        nodes = len(diagram.view.nodes)
        if nodes > MOST:
            continue
        ours, dot = measure(WRITERS["svg"](whole(diagram), "", "")).crossings, dots(diagram)
        least, proved = optimum(networks(nested(seed, most=OPERATIONS))) if ours else (0, True)
        graphs, unproved = graphs + 1, unproved + (not proved)
        ours_, dots_, least_, best_ = ours_ + ours, dots_ + dot, least_ + least, best_ + min(dot, least)
        if verbose and (ours or dot):
            sign = "" if proved else " (not proved)"
            print(f"{seed:5} {nodes:3} nodes: {ours:3} here, {dot:3} dot, {least:3} least{sign}", flush=True)
    print(
        f"{graphs} graphs of at most {MOST} nodes: {ours_} crossings, dot {dots_}, least in the same columns {least_}"
        f" ({unproved} not proved), best of both {best_}: {ours_ / max(best_, 1):.2f} times the best"
    )


if __name__ == "__main__":
    g.draw(g.symbol("x") + 1).svg()
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    main(*numbers[:1], verbose="-v" in sys.argv)

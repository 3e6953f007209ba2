"""From top to bottom: an order of all parts in which lines cross little, frames hold together and operands stand as written.

The order starts as the formula reads, and again from orders near to it. Then every part, and every frame as a whole, is taken
out and put where it costs least ("sifting"), until nothing moves: all its places are priced at once, since a crossing depends
on whether it stands above or below one other part. The edges of frames are lines that cost more than any crossing, so no line
leads over a frame from one side to the other. Source: Bachmaier, Brandenburg, Brunner, Hübner, "Global k-level crossing
reduction", 2011.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from graphc.ir.scopes import Block
from graphc.viz.layered.network import Network, blocks_of
from graphc.viz.layered.parts import Filled

_BORDER = 1000.0
"""What it costs to lead over a frame; a crossing of two lines costs 1."""

_ROUNDS = 12
"""So often at most all parts are moved."""

_ATTEMPTS, _WORK = 12, 500
"""So many orders at most are begun with, and fewer where there are many parts."""


class Ordering:
    """The order of the parts of a network.

    order : their numbers from top to bottom
    place : the place of each in that order
    shares : where among the lines into its head each line arrives, from 0 at the top to 1
    """

    def __init__(self, network: Network, filled: Filled, gaps: int) -> None:
        self.network: Network = network
        self.filled: Filled = filled
        self.shares = entry_shares(network)
        self._start(_as_read(network, filled))
        self._collect(gaps)

    def _start(self, children: dict[Block, np.ndarray]) -> None:
        self.children = children
        self.order: np.ndarray = np.array(_walked(children, self.filled), dtype=np.int64)
        self.place: np.ndarray = np.empty_like(self.order)
        self.place[self.order] = np.arange(len(self.order))

    def _collect(self, gaps: int) -> None:
        """The links over every channel as arrays, and with them the level parts that pass it."""
        rows: list[list[tuple[int, int, float, float]]] = [[] for _ in range(gaps)]
        for link in self.filled.links:
            share = 0.5 * self.shares[link.line] if link.ends else 0.25
            rows[link.gap].append((link.left, link.right, share, 1.0))
        for number, part in enumerate(self.filled.parts):
            for gap in range(part.first, part.last):
                rows[gap].append((number, number, 0.25, _BORDER if part.edge else 1.0))
        self.left: list[np.ndarray] = [np.array([row[0] for row in some], dtype=np.int64) for some in rows]
        self.right: list[np.ndarray] = [np.array([row[1] for row in some], dtype=np.int64) for some in rows]
        self.share: list[np.ndarray] = [np.array([row[2] for row in some]) for some in rows]
        self.weight: list[np.ndarray] = [np.array([row[3] for row in some]) for some in rows]
        self.out: dict[int, list[int]] = defaultdict(list)
        self.into: dict[int, list[int]] = defaultdict(list)
        for gap in range(gaps):
            for at, (left, right) in enumerate(zip(self.left[gap], self.right[gap], strict=True)):
                if left != right:
                    self.out[int(left)].append(at)
                    self.into[int(right)].append(at)
        parts = self.filled.parts
        self.passed = {
            number: tuple(np.concatenate(arrays[part.first : part.last]) for arrays in (self.left, self.right, self.weight))
            for number, part in enumerate(parts)
            if part.last > part.first and not part.edge
        }  # fmt: skip

    # --- what there is ------------------------------------------------------------------------------------

    def crossings(self) -> tuple[int, int]:
        """How many pairs of lines cross, and how many lines lead over a frame."""
        lines, borders = 0, 0
        for left, right, share, weight in zip(self.left, self.right, self.share, self.weight, strict=True):
            a, b = self.place[left], self.place[right] + share
            cross = (a[:, None] - a[None]) * (b[:, None] - b[None]) < 0
            heavy = np.maximum(weight[:, None], weight[None]) > 1
            lines += int((cross & ~heavy).sum()) // 2
            borders += int((cross & heavy).sum()) // 2
        return lines, borders

    def column(self, column: int) -> list[int]:
        """The parts in a column, from top to bottom."""
        parts = self.filled.parts
        return [
            number for number in self.order.tolist() if parts[number].first <= column <= parts[number].last
        ]

    # --- improving it -------------------------------------------------------------------------------------

    def improve(self) -> bool:
        """The best order that is found, the operands of commutative operations exchanged only where lines cross less for it.

        Returns whether no line leads over a frame.
        """
        best = self._search()
        if best[1]:
            self._exchange(best)
        return best[0] == 0

    def _search(self) -> tuple[int, int]:
        """Sift from the order as it is, and from some near to the best one; what that costs."""
        generator = random.Random(0)
        self._sift()
        best, kept = self._cost(), self._copy()
        for attempt in range(max(2, min(_ATTEMPTS, _WORK // len(self.order)))):
            if best == (0, 0):
                return best
            self._start(_shaken(kept, 0.1 if attempt % 2 else 0.4, generator))
            self._sift()
            if self._cost() < best:
                best, kept = self._cost(), self._copy()
        self._start(kept)
        return best

    def _exchange(self, best: tuple[int, int]) -> None:
        """Exchange operands whose order says nothing where that saves crossings."""
        shares, kept, gaps = self.shares, self._copy(), len(self.left)
        self.shares = entry_shares(self.network, free=True)
        self._collect(gaps)
        if self._search() < best:
            before = {line: int(self.place[chain[-2]]) for line, chain in enumerate(self.filled.chains)}
            self.shares = entry_shares(self.network, before)
        else:
            self.shares = shares
            self._start(kept)
        self._collect(gaps)

    def _cost(self) -> tuple[int, int]:
        """How many lines lead over a frame, and how many pairs of lines cross."""
        lines, borders = self.crossings()
        return borders, lines

    def _copy(self) -> dict[Block, np.ndarray]:
        return {block: children.copy() for block, children in self.children.items()}

    def _sift(self, rounds: int = _ROUNDS) -> None:
        """Parts and frames put where they cost least, until nothing moves."""
        uppers = {pair[0]: block for block, pair in self.filled.borders.items()}
        moved_at, seen_at, clock = [0] * (len(self.left) + 1), {}, 0
        for _ in range(rounds):
            before = clock
            for block in list(self.children):
                for child in self.children[block].tolist():
                    part, inner = self.filled.parts[child], uppers.get(child)
                    first, last = max(0, part.first - 1), part.last + 1
                    if inner in self.network.fixed or max(moved_at[first:last]) <= seen_at.get(child, -1):
                        continue  # nothing beside it moved since
                    seen_at[child] = clock
                    steps = self._priced(child) if inner is None else self._priced_frame(inner)
                    if steps is not None and self._move(block, child, inner, steps):
                        clock += 1
                        moved_at[first:last] = [clock] * (last - first)
            if clock == before:
                return

    def _move(self, block: Block, child: int, inner: Block | None, steps: np.ndarray) -> bool:
        """Put a part or a frame at its cheapest place; `steps` is by how much it costs more below each place than above it."""
        children, at = self.children[block], int(self.place[child])
        total = np.concatenate([[0.0], np.cumsum(steps)])
        end = len(self.order) if block == () else int(self.place[self.filled.borders[block][1]])
        starts = np.append(self.place[children], end)
        costs = total[starts]
        now = total[at]
        least = costs.min()
        if least >= now - 1e-9:
            return False
        index = int(np.nonzero(children == child)[0][0])
        good = np.nonzero(costs <= least + 1e-9)[0]
        target = int(good[np.abs(good - index).argmin()])
        size = 1 if inner is None else int(self.place[self.filled.borders[inner][1]]) - at + 1
        to = int(starts[target])
        without = np.delete(children, index)
        self.children[block] = np.insert(without, target if target <= index else target - 1, child)
        low, high = (to, at + size) if to < at else (at, to)
        self.order[low:high] = np.roll(self.order[low:high], size if to < at else -size)
        self.place[self.order[low:high]] = np.arange(low, high)
        return True

    def _priced(self, child: int) -> np.ndarray | None:
        """What one part costs more below each place than above it."""
        part = self.filled.parts[child]
        if part.edge:
            return None
        steps = np.zeros(len(self.order))
        place = self.place
        if self.out[child]:
            gap = part.last
            others, at = self.left[gap], place[self.left[gap]]
            ends = place[self.right[gap]] + self.share[gap]
            weight = np.where(others != child, self.weight[gap], 0.0)
            for own in self.out[child]:
                np.add.at(steps, at, weight * np.sign(ends - ends[own]))
        if self.into[child]:
            gap = part.first - 1
            others, at = self.right[gap], place[self.right[gap]]
            ends = place[self.left[gap]]
            weight = np.where(others != child, self.weight[gap], 0.0)
            for own in self.into[child]:
                np.add.at(steps, at, weight * np.sign(ends - ends[own]))
        if child in self.passed:
            left, right, weight = self.passed[child]
            one, other = place[left], place[right]
            np.add.at(steps, np.minimum(one, other), weight)
            np.add.at(steps, np.maximum(one, other), -weight)
        return steps

    def _priced_frame(self, block: Block) -> np.ndarray:
        """What a frame with all that is in it costs more below each place than above it."""
        upper, lower = self.filled.borders[block]
        top, bottom = self.place[upper], self.place[lower]
        part = self.filled.parts[upper]
        steps = np.zeros(len(self.order))
        for gap in range(max(0, part.first - 1), min(part.last + 1, len(self.left))):
            a, b = self.place[self.left[gap]], self.place[self.right[gap]] + self.share[gap]
            at = self.place[self.right[gap]]
            weight = self.weight[gap]
            in_left, in_right = (top <= a) & (a <= bottom), (top <= at) & (at <= bottom)
            own = in_left | in_right
            if not own.any():
                continue
            p = np.nonzero(own)[0]
            both = weight[p][:, None] * weight
            pl, pr = in_left[p][:, None], in_right[p][:, None]
            i, q = np.nonzero(pl & ~in_left & (pr == in_right))  # where the left ends decide
            np.add.at(steps, a[q], np.sign(b[q] - b[p[i]]) * both[i, q])
            i, q = np.nonzero(pr & ~in_right & (pl == in_left))
            np.add.at(steps, at[q], np.sign(a[q] - a[p[i]]) * both[i, q])
            i, q = np.nonzero(pl & pr & ~own)
            np.add.at(steps, np.minimum(a[q], at[q]), both[i, q])
            np.add.at(steps, np.maximum(a[q], at[q]), -both[i, q])
            # one line leads in, the other out: they cross above both ends, and below both
            i, q = np.nonzero(pl & ~pr & ~in_left & in_right)
            np.add.at(steps, np.minimum(a[q], at[p[i]]), -both[i, q])
            np.add.at(steps, np.maximum(a[q], at[p[i]]), both[i, q])
        steps[top : bottom + 1] = 0.0
        return steps


def entry_shares(
    network: Network, places: Mapping[int, int] | None = None, free: bool = False
) -> list[float]:
    """Where among the lines into its head each arrives, in the order of the operands.

    places : where the order says nothing, lines arrive in the order of these numbers
    free : where the order says nothing, all arrive at one point
    """
    shares = [0.5] * len(network.lines)
    into: dict[int, list[int]] = defaultdict(list)
    for number, line in enumerate(network.lines):
        into[line.head].append(number)
    for head, numbers in into.items():
        fixed = network.vertices[head].entries

        def key(number: int, fixed: Mapping[int, float] = fixed) -> tuple[bool, float, int]:
            line = network.lines[number]
            open_ = places is not None and line.slot not in fixed
            return line.back, float(places[number]) if open_ and places is not None else 0.0, line.slot

        for at, number in enumerate(sorted(numbers, key=key)):
            if not free or network.lines[number].slot in fixed:
                shares[number] = (at + 0.5) / len(numbers)
    return shares


def _shaken(
    children: dict[Block, np.ndarray], amount: float, generator: random.Random
) -> dict[Block, np.ndarray]:
    """An order near to another: everything moved by about a share of all places."""
    return {
        block: some[
            np.argsort(
                [at + generator.gauss(0, amount * len(some)) for at in range(len(some))], kind="stable"
            )
        ]
        for block, some in children.items()
    }


# --- the order to begin with ----------------------------------------------------------------------------------


def _as_read(network: Network, filled: Filled) -> dict[Block, np.ndarray]:
    """What stands in each frame, in the order of the formula; a frame is named by its upper edge."""
    keys = _read(network, filled)
    inside: dict[Block, list[int]] = {(): []}
    sums: dict[Block, list[float]] = defaultdict(list)
    blocks = blocks_of(network)
    for block in blocks:
        inside[block] = []
    for number, part in enumerate(filled.parts):
        if not part.edge:
            inside[part.block].append(number)
            for depth in range(1, len(part.block) + 1):
                sums[part.block[:depth]].append(keys[number])
    for block in blocks:
        upper = filled.borders[block][0]
        keys[upper] = float(np.mean(sums[block]))
        inside[block[:-1]].append(upper)
    return {
        block: np.array(sorted(some, key=keys.__getitem__), dtype=np.int64) for block, some in inside.items()
    }


def _read(network: Network, filled: Filled) -> dict[int, float]:
    """Part → when a reader comes to it: a node between its operands, a line after what it leads from."""
    lines: dict[int, list[int]] = defaultdict(list)
    used = set()
    for number, line in enumerate(network.lines):
        if not line.back:
            lines[line.head].append(number)
            used.add(line.tail)
    keys: dict[int, float] = {}
    seen: set[int] = set()
    ends = [number for number in range(len(network.vertices)) if number not in used]
    stack: list[tuple[str, int]] = [("open", number) for number in reversed(ends)]
    while stack:
        what, number = stack.pop()
        if what == "put":
            keys[number] = float(len(keys))
        elif number not in seen:
            seen.add(number)
            into = sorted(lines[number], key=lambda at: network.lines[at].slot)
            todo: list[tuple[str, int]] = []
            for place, at in enumerate(into):
                if place == (len(into) + 1) // 2:
                    todo.append(("put", number))
                todo.append(("open", network.lines[at].tail))
                todo += [("put", part) for part in filled.chains[at][1:-1]]
            if len(into) < 2:
                todo.append(("put", number))
            stack += reversed(todo)
    for number in range(len(filled.parts)):  # what leads back stands below
        keys.setdefault(number, float(len(keys)))
    return keys


def _walked(children: dict[Block, np.ndarray], filled: Filled) -> list[int]:
    """All parts from top to bottom."""
    blocks = {pair[0]: block for block, pair in filled.borders.items()}
    order: list[int] = []
    stack: list[int] = children[()].tolist()[::-1]
    while stack:
        number = stack.pop()
        order.append(number)
        if number in blocks:
            block = blocks[number]
            stack += [filled.borders[block][1], *children[block].tolist()[::-1]]
    return order


__all__ = ["Ordering", "entry_shares"]

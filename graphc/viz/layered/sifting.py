"""Parts and frames put where they cost least from top to bottom ("sifting"), one after another until nothing moves.

All places of a part are priced at once, since a crossing depends on whether it stands above or below one other part. Costs are
whole numbers, and each move tells what it saved, so that the cost of an order is known at all times. Source: Bachmaier,
Brandenburg, Brunner, Hübner, "Global k-level crossing reduction", 2011.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import accumulate, combinations

import numpy as np

from graphc.ir.scopes import Block
from graphc.viz.layered.network import Network
from graphc.viz.layered.parts import Filled
from graphc.viz.layered.reading_order import as_read, walked

CROSSING, EXCHANGED, BORDER = 100, 1, 100_000
"""What it costs that two lines cross, that two operands whose order says nothing are exchanged, to lead over a frame."""

_ROUNDS = 12
"""So often at most all parts are moved."""

Children = dict[Block, list[int]]
"""What stands in each frame from top to bottom; a frame is named by its upper edge."""

Ties = dict[tuple[int, int], int]
"""Two lines into one head → what it costs more that the second stands above the first than that it stands below it."""


_Wire = tuple[int, int, int, int]
"""Over a channel: the parts at both ends, what crossing it costs, and the number of the line, -1 where it passes level."""

_Against = list[tuple[int, list[tuple[int, int, int]]]]
"""The far end of each link of a part, and the links that it may cross."""


@dataclass(frozen=True)
class Snapshot:
    """An order, and what it costs."""

    children: Children
    order: list[int]
    cost: int


class Sifting:
    """An order of all parts that gets better.

    children : what stands in each frame; `order` has all parts from top to bottom, `place` the place of each
    cost : of the order
    work : so many prices of one line against another were asked for
    """

    def __init__(self, network: Network, filled: Filled, gaps: int, ties: Ties) -> None:
        self.network: Network = network
        self.filled: Filled = filled
        self.gaps: int = gaps
        self.work: int = 0
        self.uppers: dict[int, Block] = {pair[0]: block for block, pair in filled.borders.items()}
        self._collect(ties)
        self.start(as_read(network, filled))

    def start(self, children: Children) -> None:
        """Begin from an order, all of which may move."""
        self.children: Children = children
        self.order: list[int] = walked(children, self.filled)
        self.place: list[int] = [0] * len(self.order)
        self._count(0, len(self.order))
        self.cost: int = self.costs()
        self._waiting: set[int] = {child for some in children.values() for child in some}

    def _count(self, low: int, high: int) -> None:
        for at in range(low, high):
            self.place[self.order[at]] = at

    def _collect(self, ties: Ties) -> None:
        """The links over every channel, with them the level parts that pass it, and what each part has to be held against."""
        parts = self.filled.parts
        rows: list[list[_Wire]] = [[] for _ in range(self.gaps)]
        for link in self.filled.links:
            rows[link.gap].append((link.left, link.right, CROSSING, link.line))
        for number, part in enumerate(parts):
            for gap in range(part.first, part.last):
                rows[gap].append((number, number, BORDER if part.edge else CROSSING, -1))
        self._forth: list[_Against] = [[] for _ in parts]
        self._back: list[_Against] = [[] for _ in parts]
        self._tied: list[list[tuple[int, int]]] = [[] for _ in parts]
        self._passed: list[list[tuple[int, int, int]]] = [[] for _ in parts]
        groups: dict[Block, list[int]] = {block: [] for block in self.filled.borders}
        for number, part in enumerate(parts):
            for depth in range(1, len(part.block) + 1):
                groups[part.block[:depth]].append(number)
            if not part.edge:
                self._hold(number, {number}, rows, ties)
        for block, members in groups.items():
            self._hold(self.filled.borders[block][0], set(members), rows, ties)
        self._near: list[set[int]] = self._neighbours()
        self._pairs = _pairs(rows)

    def _hold(self, number: int, own: set[int], rows: list[list[_Wire]], ties: Ties) -> None:
        """What a part has to be held against, or a frame with all that is in it: one wide part, since its borders are level."""
        part = self.filled.parts[number]
        for left, right, _, line in rows[part.last]:
            if left in own and left != right:
                others = [
                    (*link[:2], link[2])
                    for link in rows[part.last]
                    if link[0] not in own and link[1] != right
                ]
                self._forth[number].append((right, others))
                self._tied[number] += [
                    (other, ties[line, beside])
                    for other, head, _, beside in rows[part.last]
                    if head == right and other not in own
                ]
        for left, right, _, _ in rows[part.first - 1] if part.first else ():
            if right in own and left != right:
                others = [
                    (*link[:2], link[2])
                    for link in rows[part.first - 1]
                    if link[1] not in own and link[0] != left
                ]
                self._back[number].append((left, others))
        for row in rows[part.first : part.last]:
            weight = sum(link[2] for link in row if link[0] in own) // CROSSING
            self._passed[number] += [
                (left, right, cost * weight)
                for left, right, cost, _ in row
                if left != right and left not in own
            ]

    def _neighbours(self) -> list[set[int]]:
        """The parts and frames whose price each of them has a share in, by the channels that they touch."""
        touched: list[set[int]] = [set() for _ in range(self.gaps + 2)]
        children = [n for n, part in enumerate(self.filled.parts) if not part.edge or n in self.uppers]
        for number in children:
            part = self.filled.parts[number]
            for column in range(part.first, part.last + 2):
                touched[column].add(number)
        parts = self.filled.parts
        return [set().union(*touched[part.first : part.last + 2]) for part in parts]

    # --- what there is ------------------------------------------------------------------------------------

    def crossed(self) -> list[tuple[int, int, int, int, int]]:
        """Every pair of links that cross: the cost of it, and the ends of both."""
        place = np.array(self.place)
        _, left, right, other_left, other_right = self._pairs
        cross = (place[left] > place[other_left]) != (place[right] > place[other_right])
        return list(map(tuple, self._pairs[:, cross].T.tolist()))

    def pairs(self) -> list[tuple[int, int, int, int, int]]:
        """Every pair of links that may cross: what it would cost, and the ends of both."""
        return list(map(tuple, self._pairs.T.tolist()))

    def ties(self) -> list[tuple[int, int, int]]:
        """Two parts that lead into one head, and what it costs more that the second stands above the first than below."""
        return [
            (number, other, by)
            for number, tied in enumerate(self._tied)
            for other, by in tied
            if number < other and by and not self.filled.parts[number].edge
        ]

    def _inverted(self) -> list[int]:
        """What each pair of lines costs that come into one head in another order than that of the operands."""
        place = self.place
        return [
            abs(by)
            for number, tied in enumerate(self._tied)
            for other, by in tied
            if not self.filled.parts[number].edge and by * (place[other] - place[number]) < 0
        ]

    def tangled(self) -> int:
        """How many pairs of lines cross before the one head of both."""
        return self._inverted().count(CROSSING) // 2

    def costs(self) -> int:
        """The cost of the order, counted anew."""
        return sum(pair[0] for pair in self.crossed()) + sum(self._inverted()) // 2

    def snapshot(self) -> Snapshot:
        """The order as it is."""
        return Snapshot(
            {block: some.copy() for block, some in self.children.items()}, self.order.copy(), self.cost
        )

    # --- moving -------------------------------------------------------------------------------------------

    def sift(self) -> None:
        """Parts and frames put where they cost least, until nothing moves; what nothing moved beside since it was seen stays."""
        parts = self.filled.parts
        for _ in range(_ROUNDS):
            if not self._waiting:
                return
            batch, self._waiting = sorted(self._waiting, key=self.place.__getitem__), set()
            for child in batch:
                inner = self.uppers.get(child)
                if inner in self.network.fixed:
                    continue
                block = parts[child].block if inner is None else inner[:-1]
                costs, index = self._prices(block, child), self.children[block].index(child)
                least, now = min(costs), costs[index]
                if least < now:
                    good = [at for at, cost in enumerate(costs) if cost == least]
                    self._move(block, child, min(good, key=lambda at: abs(at - index)), least - now)

    def put(self, child: int, share: float) -> None:
        """Put a part or frame elsewhere in what is around it, whatever that costs; `share` runs from 0 at the top to 1."""
        inner = self.uppers.get(child)
        if inner in self.network.fixed:
            return
        block = self.filled.parts[child].block if inner is None else inner[:-1]
        costs = self._prices(block, child)
        target = min(int(share * len(costs)), len(costs) - 1)
        self._move(block, child, target, costs[target] - costs[self.children[block].index(child)])

    def rest(self) -> None:
        """Take the order as one in which nothing moves any more."""
        self._waiting.clear()

    def restore(self, kept: Snapshot) -> None:
        """Go back to an order in which nothing moved."""
        self.children = {block: some.copy() for block, some in kept.children.items()}
        self.order, self.cost = kept.order.copy(), kept.cost
        self._count(0, len(self.order))
        self.rest()

    def _prices(self, block: Block, child: int) -> list[int]:
        """What it costs that a part or frame stands above each of its neighbours, and below the last one."""
        place = self.place
        steps = [0] * len(place)
        for end, others in self._forth[child]:
            own = place[end]
            self.work += len(others)
            for left, right, cost in others:
                steps[place[left]] += cost if place[right] > own else -cost
        for end, others in self._back[child]:
            own = place[end]
            self.work += len(others)
            for left, right, cost in others:
                steps[place[right]] += cost if place[left] > own else -cost
        for other, by in self._tied[child]:
            steps[place[other]] += by
        passed = self._passed[child]
        self.work += len(passed)
        for left, right, cost in passed:
            one, other = place[left], place[right]
            if one > other:
                one, other = other, one
            steps[one] += cost
            steps[other] -= cost
        total = list(accumulate(steps, initial=0))
        end = len(place) if block == () else place[self.filled.borders[block][1]]
        return [*[total[place[other]] for other in self.children[block]], total[end]]

    def _move(self, block: Block, child: int, target: int, gain: int) -> None:
        """Put a part or a frame above the neighbour of a number; by how much the order costs more then."""
        children, order, at = self.children[block], self.order, self.place[child]
        index, inner = children.index(child), self.uppers.get(child)
        if target in (index, index + 1):
            return
        size = 1 if inner is None else self.place[self.filled.borders[inner][1]] - at + 1
        if target < len(children):
            to = self.place[children[target]]
        else:
            to = len(order) if block == () else self.place[self.filled.borders[block][1]]
        children.pop(index)
        children.insert(target if target <= index else target - 1, child)
        taken = order[at : at + size]
        if to < at:
            order[to : at + size] = taken + order[to:at]
            self._count(to, at + size)
        else:
            order[at:to] = order[at + size : to] + taken
            self._count(at, to)
        self.cost += gain
        self._waiting |= self._near[child]


def _pairs(rows: list[list[_Wire]]) -> np.ndarray:
    """All pairs of links that may cross: what that costs, and the ends of both."""
    found = [
        (one[2] * other[2] // CROSSING, *one[:2], *other[:2])
        for row in rows
        for one, other in combinations(row, 2)
        if one[0] != other[0] and one[1] != other[1] and not (one[0] == one[1] and other[0] == other[1])
    ]
    return np.array(found, dtype=np.int64).reshape(-1, 5).T


def ties_of(network: Network) -> Ties:
    """What it costs that lines into one head do not come in the order of its operands.

    Where that order says nothing, so little that it is given up for the sake of a single crossing.
    """
    into: dict[int, list[int]] = defaultdict(list)
    for number, line in enumerate(network.lines):
        if not line.back:
            into[line.head].append(number)
    ties: Ties = {}
    for head, numbers in into.items():
        fixed = network.vertices[head].entries
        for one in numbers:
            for other in numbers:
                a, b = network.lines[one].slot, network.lines[other].slot
                price = CROSSING if a in fixed or b in fixed else EXCHANGED
                ties[one, other] = price * ((b > a) - (b < a))
    return ties


__all__ = ["BORDER", "CROSSING", "Children", "Sifting", "ties_of"]

"""From top to bottom: an order of all parts in which lines cross little, frames hold together and operands stand as written.

The order starts as the formula reads and is sifted until nothing moves (sifting.py). Where lines cross then, a program in whole
numbers finds the order in which the fewest do, if the picture is small (exact_order.py). Else what takes part in a crossing is
put elsewhere, all around it is sifted once more, and the result is kept where it is no worse ("iterated local search"). The
edges of frames are lines that cost more than any crossing, so no line leads over a frame from one side to the other. Operands
whose order says nothing are exchanged where that saves a crossing. Sources: Bachmaier, Brandenburg, Brunner, Hübner, "Global
k-level crossing reduction", 2011; Lourenço, Martin, Stützle, "Iterated local search", 2003.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence

from graphc.viz.layered.exact_order import fewest_crossings
from graphc.viz.layered.network import Network
from graphc.viz.layered.parts import Filled
from graphc.viz.layered.sifting import BORDER, CROSSING, Sifting, ties_of

_WORK, _TRIES = 500_000, 2_000
"""So many prices of one line against another are asked for in search of a better order, and so many orders tried at most."""


class Ordering:
    """The order of the parts of a network.

    order : their numbers from top to bottom
    place : the place of each in that order
    shares : where among the lines into its head each line arrives, from 0 at the top to 1
    done : whether `improve` would change nothing more
    """

    def __init__(self, network: Network, filled: Filled, gaps: int) -> None:
        self.network: Network = network
        self.filled: Filled = filled
        self._sifting = Sifting(network, filled, gaps, ties_of(network))
        self.done: bool = False
        self._publish()

    def _publish(self) -> None:
        self.order: list[int] = self._sifting.order
        self.place: list[int] = self._sifting.place
        before = {line: self.place[chain[-2]] for line, chain in enumerate(self.filled.chains)}
        self.shares: list[float] = entry_shares(self.network, before)

    def column(self, column: int) -> list[int]:
        """The parts in a column, from top to bottom."""
        parts = self.filled.parts
        return [number for number in self.order if parts[number].first <= column <= parts[number].last]

    def crossings(self) -> tuple[int, int]:
        """How many pairs of lines cross, and how many lines lead over a frame."""
        costs = [pair[0] for pair in self._sifting.crossed()]
        lines = sum(cost == CROSSING for cost in costs) + self._sifting.tangled()
        return lines, sum(cost > CROSSING for cost in costs)

    def improve(self, draft: bool = False, work: int = _WORK, tries: int = _TRIES) -> bool:
        """The best order that is found within an amount of work; returns whether no line leads over a frame.

        draft : whether an order in which nothing moves is good enough, if no line leads over a frame there
        """
        sifting = self._sifting
        if not self.done:
            sifting.sift()
            sifting.rest()
            self.done = sifting.cost < CROSSING
        if not self.done and not (draft and sifting.cost < BORDER):
            if not self._solve():
                self._search(work, tries)
            self.done = True
        self._publish()
        return not any(pair[0] > CROSSING for pair in sifting.crossed())

    def _solve(self) -> bool:
        """Take the best order of all, where it is known in time; returns whether it is."""
        sifting = self._sifting
        found = fewest_crossings(sifting)
        if found is None:
            return False
        before = sifting.snapshot()
        sifting.start(found.children)
        sifting.sift()
        sifting.rest()
        if sifting.cost > before.cost:
            sifting.restore(before)
        return found.proved

    def _search(self, work: int, tries: int) -> None:
        sifting, generator = self._sifting, random.Random(0)
        limit = sifting.work + work
        best = now = sifting.snapshot()
        idle, pairs = 0, sifting.crossed()
        for _ in range(tries):
            if now.cost == 0 or sifting.work > limit:
                break
            self._kick(pairs, generator)
            sifting.sift()
            if sifting.cost <= now.cost:
                idle = idle + 1 if sifting.cost == now.cost else 0
                sifting.rest()
                now = sifting.snapshot()
                if now.cost < best.cost:
                    best, pairs = now, sifting.crossed()
            else:
                idle += 1
                sifting.restore(now)
        sifting.restore(best)

    def _kick(self, pairs: Sequence[tuple[int, int, int, int, int]], generator: random.Random) -> None:
        """Put one, two or three parts elsewhere that take part in a crossing, or the frames around them."""
        sifting, parts = self._sifting, self.filled.parts
        for _ in range(generator.randint(1, 3)):
            if pairs and generator.random() < 0.8:
                child = generator.choice(generator.choice(pairs)[1:])
            else:
                child = generator.randrange(len(parts))
            block = parts[child].block
            if block and (parts[child].edge or generator.random() < 0.3):
                child = self.filled.borders[block[: generator.randint(1, len(block))]][0]
            sifting.put(child, generator.random())


def entry_shares(network: Network, places: dict[int, int]) -> list[float]:
    """Where among the lines into its head each arrives: in the order of the operands, or of `places` where that says nothing."""
    shares = [0.5] * len(network.lines)
    into: dict[int, list[int]] = defaultdict(list)
    for number, line in enumerate(network.lines):
        into[line.head].append(number)
    for head, numbers in into.items():
        fixed = network.vertices[head].entries
        numbers.sort(key=lambda number: (network.lines[number].back, network.lines[number].slot))
        open_ = [
            at
            for at, number in enumerate(numbers)
            if network.lines[number].slot not in fixed and not network.lines[number].back
        ]
        moved = sorted((numbers[at] for at in open_), key=places.__getitem__)
        for at, number in zip(open_, moved, strict=True):
            numbers[at] = number
        for at, number in enumerate(numbers):
            shares[number] = (at + 0.5) / len(numbers)
    return shares


__all__ = ["Ordering", "entry_shares"]

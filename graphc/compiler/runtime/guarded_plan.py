"""A plan whose memory is watched: what `GRAPHC_CHECK=memory` makes of every call.

What stands in the workspace holds the marker before its life begins and again after it ended, so what is read before it was
written, or too late, is NaN in the results or an index out of range. Guard words stand around everything, in scratch memory
behind every row, and are looked at after each kernel and each library call. Inputs are compared with what they were.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import numpy as np

from graphc.compiler.engine import guard_words
from graphc.compiler.lowering.length_checks import told
from graphc.compiler.runtime.instantiated_plan import ALIGNED, Bound
from graphc.compiler.schedule.fusion import Group
from graphc.errors import InternalError
from graphc.ir.expr import Expr

BEHIND = ALIGNED
"""Bytes of guard words behind a row of scratch memory."""


class Guarded(Bound):
    """A plan for given lengths; called with arrays of `guard_words.empty` it raises `InternalError` for what goes astray."""

    margin = guard_words.GUARD

    def __call__(
        self, inputs: Sequence[np.ndarray], outputs: Sequence[np.ndarray], addresses: Sequence[int]
    ) -> None:
        written = {number for number, _ in self.plan.updates}
        written |= {self.plan.dag.symbols.index(symbol) for symbol in self.plan.inplace.values()}
        before = {number: array.tobytes() for number, array in enumerate(inputs) if number not in written}
        self._given: list[tuple[str, np.ndarray]] = [
            *(
                (f"input {symbol.name!r}", array)
                for symbol, array in zip(self.plan.dag.symbols, inputs, strict=True)
            ),
            *((f"result {number}", array) for number, array in enumerate(outputs)),
        ]
        super().__call__(inputs, outputs, addresses)
        self._look(len(self.plan.steps), (), "what follows the last step", None)
        for number, content in before.items():
            if inputs[number].tobytes() != content:
                raise InternalError(
                    f"internal error: input {self.plan.dag.symbols[number].name!r} was written"
                )

    def _sequence(self) -> list[Callable[[], None]]:
        return [self._watched(number, do) for number, do in enumerate(self._steps)]

    def _watched(self, number: int, todo: list[Callable[[], None]]) -> Callable[[], None]:
        """A step between what its memory holds before and after."""
        after, node = self._named(number)
        rows = self._rows(number)

        def run() -> None:
            self._begin(number)
            for do in todo:
                do()
                self._look(number, rows, after, node)
            self._end(number)

        return run

    def _named(self, number: int) -> tuple[str, str | None]:
        """A step in words, and its node."""
        if number == len(self.plan.steps):
            return "what follows the last step", None
        step = self.plan.steps[number]
        if isinstance(step, Group):
            nodes = ", ".join(stage.node.op.name for stage in step.stages)
            return f"step {number}, the kernel of {nodes},", told(step.stages[-1].node)
        return f"step {number}, the library call {step.node.op.name},", told(step.node)

    # --- memory ----------------------------------------------------------------------------------------------------------------

    def _memory(self, size: int) -> np.ndarray:
        block = super()._memory(size)
        guard_words.poison(block, 0, size, 0)
        return block

    def _rows(self, number: int) -> list[tuple[Hashable, int]]:
        """The rows of a kernel's scratch memory, and where each ends, in every slot."""
        rows: list[tuple[Hashable, int]] = []
        slot = int(self._frame[self.plan.words["slot size",]]) if ("slot size",) in self.plan.words else 0
        for key, (shape, dtype) in self.plan.rows.get(number, {}).items():
            place = self.plan.words.get(("offset", number, key))
            if place is not None:
                end = self._scratch + int(self._frame[place]) + self._size(shape) * dtype.itemsize
                rows += [(("a row of", key), end + k * slot) for k in range(self.slots)]
        return rows

    def _begin(self, number: int) -> None:
        for k, (first, _, start, size, _) in enumerate(self._spans):
            if first == number:
                guard_words.poison(self.workspace, start - self.margin, start + size + self.margin, k)
        if number in self.plan.rows:
            guard_words.poison(self.workspace, self._scratch, len(self.workspace), len(self._spans))

    def _end(self, number: int) -> None:
        for k, (_, last, start, size, _) in enumerate(self._spans):
            if last == number < len(self.plan.steps):  # what lives on to the end is copied after it
                guard_words.poison(self.workspace, start, start + size, k)

    def _look(self, number: int, rows: Sequence[tuple[Hashable, int]], after: str, node: str | None) -> None:
        """Raises `InternalError` for damaged guard words."""
        places: list[tuple[int, int, Hashable, str, int]] = []  # start, bytes, of what, where, its number
        for k, (first, last, start, size, key) in enumerate(self._spans):
            if first <= number <= last:
                places.append((start - self.margin, self.margin, key, "before", k))
                places.append((start + size, self.margin, key, "behind", k))
        places += [(end, BEHIND, key, "behind", len(self._spans)) for key, end in rows]
        for start, size, key, where, k in places:
            if not guard_words.is_whole(self.workspace, start, start + size, k):
                raise guard_words.damaged(_name(key), where, after, node)
        for name, array in self._given:
            guard_words.check(array, name, after, node)


def _name(key: Hashable) -> str:
    """What stands somewhere, in words; long for a large formula, and asked only where something is wrong."""
    if isinstance(key, tuple) and key[0] == "a row of":
        return f"a row of {_name(key[1])}"
    if isinstance(key, Expr):
        return f"the memory of {told(key)}"
    if isinstance(key, tuple) and isinstance(key[-1], Expr):
        return f"the {key[0]} of {told(key[-1])}"
    return repr(key)

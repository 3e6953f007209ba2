"""Formulas cut for data in blocks along one axis: what each block computes, and how that is put together.

A node that holds the axis once, and each of whose elements along it depends on the operands' elements at the same place alone, is
*split*: its blocks are computed from blocks. A reduction over the axis of such a node is a *partial*: what it is for each block
is combined, in a tree. Everything else reads no row, or reads rows through partials alone: it is *whole*, and computed once. A
split node that needs a partial belongs to the next pass over the data. An operation that is none of these is taken apart
(`Op.expand`); what is left is refused, with its node and the line that wrote it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import Any

import numpy as np

from graphc.errors import InputError
from graphc.frontend.interop.split_axes import RESHAPED, axes_along, kept_place, scattered, summed
from graphc.frontend.interop.split_formulas import by_partials
from graphc.ir import dims
from graphc.ir.expr import Expr, computed, constant, rebuild, substitute, symbol, walk
from graphc.ops.support.build import broadcast, call
from graphc.util.records import dataclass

REDUCED = ("sum", "mean", "prod", "max", "min", "any", "all", "logsumexp")
"""Reductions whose results for blocks are combined element by element."""

PLACES = {"argmax": "max", "argmin": "min"}
"""Places of extremes, and the extreme that goes with each."""


@dataclass(frozen=True)
class BlockPartial:
    """A reduction over the split axis.

    kind : how results for two blocks become one; of : what each block computes; stand_in : the symbol for the result
    along : of the place of an extreme, the operand's shape that it is counted in, None where it is counted along the axis alone
    """

    kind: str
    of: tuple[Expr, ...]
    stand_in: Expr
    along: tuple[Any, ...] | None = None


@dataclass(frozen=True)
class BlockPass:
    """One pass over the blocks.

    whole : symbols that stand for what is computed once before it, with the expressions
    outputs : what each block computes: the parts of the partials, then the split results
    partials : of this pass; results : the numbers of the results that are split, and their axis
    """

    whole: dict[Expr, Expr]
    outputs: list[Expr]
    partials: list[BlockPartial]
    results: list[tuple[int, int]]


@dataclass(frozen=True)
class SplitFormula:
    """A formula cut along an axis: the passes over the blocks, and what is computed after them.

    length : the symbol that stands for the axis' whole length; numbers : that for the numbers of the rows
    last : for each result the expression of whole symbols and stand-ins; None for those that are split
    """

    axis: str
    length: Expr
    numbers: Expr
    passes: list[BlockPass]
    last: list[Expr | None]


@dataclass
class Splitter:
    """The state of cutting: for each new node the place of the axis in its shape, None for a whole one, and its pass."""

    axis: str
    length: Expr
    numbers: Expr
    places: dict[Expr, int | None] = field(default_factory=dict)
    levels: dict[Expr, int] = field(default_factory=dict)
    partials: list[tuple[int, BlockPartial]] = field(default_factory=list)

    def cut(self, outputs: Sequence[Expr], known: dict[Expr, Expr] | None = None) -> list[Expr]:
        """The outputs with partials replaced by their stand-ins."""
        new: dict[Expr, Expr] = dict(known or {})
        for node in walk(outputs):
            if node not in new:
                new[node] = (
                    node if node in self.places else self._placed(node, [new[x] for x in node.operands])
                )
        return [new[output] for output in outputs]

    def _holds(self, shape: Sequence[Any]) -> int:
        """How many of the axes have lengths that the split axis' name is in."""
        return sum(self.axis in dims.names_of(length) for length in shape if not isinstance(length, int))

    def _placed(self, node: Expr, operands: list[Expr]) -> Expr:
        if node.op.name == "dim" and self.axis in dims.names_of(node.attrs[0]):
            if node.attrs[0] != self.axis:
                self._refuse(node)
            self._set(self.length, None, 0)
            return self.length if node.dtype == self.length.dtype else self._whole_cast(node)
        if node.op.name == "arange" and node.attrs[:3] == (0, self.axis, 1):
            self._set(self.numbers, 0, 0)
            return (
                self.numbers
                if node.dtype == self.numbers.dtype
                else self.cut([self.numbers.astype(node.dtype)])[0]
            )
        if node.op.name in ("index", "at_add", "at_set") and self.places[operands[0]] == 0:
            operands = [operands[0], *map(self._in_block, operands[1:])]
        made = rebuild(node, tuple(operands)) if any(map(_differs, operands, node.operands)) else node
        if made in self.places:
            return made
        level = max([self.levels[operand] for operand in operands], default=0)
        wide = [slot for slot, operand in enumerate(operands) if self.places[operand] is not None]
        if not wide:
            return self._of_whole(made, level)
        places = {slot: self.places[made.operands[slot]] for slot in wide}
        place = kept_place(made, places)
        if place is not None and self._holds(made.shape) == 1 and made.shape[place] == self.axis:
            return self._set(made, place, level)
        if not self._holds(made.shape):
            partial = self._partial(made, places)
            if partial is not None:
                self.partials.append((level, partial))
                return self._set(partial.stand_in, None, level + 1)
        if scattered(made, places):
            into, *rest = made.operands
            part = rebuild(made, (broadcast(constant(0, into.dtype), into), *rest))
            if part is not made:
                self.cut([part.operands[0]])
                return self.cut([into + self._summed(part, level)])[0]
            return self._summed(made, level)
        expanded = by_partials(made, places)
        if expanded is None and made.op.expand is not None:
            expanded = made.op.expand(*computed(made), *made.attrs)
        if expanded is not None:
            return self.cut([expanded])[0]
        return self._refuse(made)

    def _in_block(self, index: Expr) -> Expr:
        """Numbers of rows that index an array of rows, in whatever shape: in a block a row is counted from its beginning."""
        if index is self.numbers:
            within = call("arange", start=0, stop=self.axis, step=1, dtype="int64")
            return self._set(within, 0, 0)
        if index.op.name not in RESHAPED or self.places.get(index) != 0:
            return index
        inner = self._in_block(index.operands[0])
        if inner is index.operands[0]:
            return index
        return self._set(rebuild(index, (inner, *index.operands[1:])), 0, 0)

    def _summed(self, part: Expr, level: int) -> Expr:
        stand_in = symbol(f"partial {len(self.partials)} of {self.axis}", part.shape, part.dtype)
        self.partials.append((level, BlockPartial("sum", (part,), stand_in)))
        return self._set(stand_in, None, level + 1)

    def _whole_cast(self, node: Expr) -> Expr:
        return self.cut([self.length.astype(node.dtype)])[0]

    def _of_whole(self, made: Expr, level: int) -> Expr:
        count = self._holds(made.shape)
        if not count:
            return self._set(made, None, level)
        if (
            count == 1
            and self.axis in made.shape
            and (made.is_symbol or made.op.name in ("broadcast_to", "full"))
        ):
            return self._set(made, made.shape.index(self.axis), level)
        return self._refuse(made)

    def _set(self, node: Expr, place: int | None, level: int) -> Expr:
        self.places[node], self.levels[node] = place, level
        return node

    def _partial(self, made: Expr, places: dict[int, Any]) -> BlockPartial | None:
        name, along, of = made.op.name, None, (made,)
        stand_in = symbol(f"partial {len(self.partials)} of {self.axis}", made.shape, made.dtype)
        if summed(made, places):
            kind = "sum"
        elif name in REDUCED and places[0] in axes_along(made):
            kind = name
        elif name in PLACES and places[0] in axes_along(made):
            operand = made.operands[0]
            if made.attrs[0] is None and operand.ndim > 1:
                if places[0] != 0:
                    return None
                along = operand.shape[1:]
            kind, of = name, (call(PLACES[name], operand, axis=made.attrs[0], keepdims=made.attrs[1]), made)
        else:
            return None
        return BlockPartial(kind, of, stand_in, along)

    def _refuse(self, node: Expr) -> Any:
        raise InputError(
            f"{node.op.name} cannot be computed block by block along the axis {self.axis!r}, which is in several chunks",
            node=repr(node),
            site=node.site,
            hint=f"rechunk the array to one chunk along this axis, as in a.rechunk({{0: -1}}), or compute {node.op.name} apart",
        )


def _differs(one: Expr, other: Expr) -> bool:
    return one is not other


def split(outputs: Sequence[Expr], axis: str) -> SplitFormula:
    """Cut a formula along an axis.

    Raises `InputError` for what cannot be computed block by block, with the node.
    """
    length = symbol(f"length of {axis}", (), np.dtype(np.int64))
    numbers = symbol(f"rows of {axis}", (axis,), np.dtype(np.int64))
    state = Splitter(axis, length, numbers)
    results = state.cut(outputs)
    count = 1 + max([state.levels[result] for result in results], default=0)
    passes: list[BlockPass] = []
    for level in range(count):
        partials = [partial for at, partial in state.partials if at == level]
        rows = [
            (number, place)
            for number, result in enumerate(results)
            if (place := state.places[result]) is not None and state.levels[result] == level
        ]
        wanted = [each for partial in partials for each in partial.of] + [
            results[number] for number, _ in rows
        ]
        if wanted:
            whole = _frontier(wanted, state)
            stand_ins = {expr: stand_in for stand_in, expr in whole.items()}
            passes.append(BlockPass(whole, [substitute(each, stand_ins) for each in wanted], partials, rows))
    last = [result if state.places[result] is None else None for result in results]
    return SplitFormula(axis, length, numbers, passes, last)


def _frontier(wanted: Sequence[Expr], state: Splitter) -> dict[Expr, Expr]:
    """What is whole and computed, where split nodes use it: symbols in its place, with the expressions."""
    found: dict[Expr, Expr] = {}
    for node in walk(wanted):
        if state.places.get(node) is None and node not in wanted:
            continue
        for operand in node.operands:
            computes = bool(operand.operands) and any(leaf.is_symbol for leaf in walk([operand]))
            if computes and state.places.get(operand, 0) is None and operand not in found:
                found[operand] = symbol(f"whole {len(found)} of {state.axis}", operand.shape, operand.dtype)
    return {stand_in: expr for expr, stand_in in found.items()}


__all__ = ["PLACES", "REDUCED", "BlockPartial", "BlockPass", "SplitFormula", "Splitter", "split"]

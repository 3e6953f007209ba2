"""The entries of a sparse Jacobian, each for itself, without sweeps: derivatives follow the elements that they belong to.

For graphs whose elements depend on few variables each, through operations of elements and what moves elements. Of compressed
products most factors are zeros; here no product with one is written, and what is a number is none of a call's work.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.autodiff.activity import active_nodes, depends
from graphc.autodiff.sparse.blocks import (
    Coefficient,
    EntryPlaces,
    EntryPlacesTable,
    added,
    joined,
    times,
    typed,
    vector,
)
from graphc.autodiff.sparse.local import elementwise, pairs
from graphc.autodiff.sparse.pattern import constant_values
from graphc.interpret.numpy_eval import evaluate
from graphc.ir.expr import Expr, computed, constant, walk
from graphc.ir.scopes import deriving
from graphc.ops.comparison import where
from graphc.ops.function_calls import FUNCTION, expanded_once
from graphc.ops.support.build import broadcast
from graphc.util.gc_pause import paused

Blocks = dict[EntryPlaces, Coefficient]

MOST_BLOCKS = 256
"""Of one node; beyond, sweeps share more than they waste."""

WEIGHTED = frozenset(("avg_pool2d", "avg_pool2d_grad"))
"""What moves shares of elements and no whole ones."""


class TooMany(Exception):
    """Derivatives that sweeps compute better: of operations on whole arrays, or of too many variables an element."""


@paused()
@deriving()
def blocks_of(outputs: Sequence[Expr], variables: Sequence[Expr], most: float) -> list[Blocks]:
    """The derivatives of each output as blocks. Raises `TooMany` where they take more than `most` products."""
    reader = _BlockReader(variables, most)
    reader.follow(outputs)
    return [reader.blocks.get(output, {}) for output in outputs]


class _BlockReader:
    """The blocks of each node that depends on a variable, from those of its operands."""

    def __init__(self, variables: Sequence[Expr], most: float) -> None:
        self.blocks: dict[Expr, Blocks] = {}
        self._table = EntryPlacesTable()
        self._left = most
        self._values: dict[Expr, np.ndarray] = {}
        self._varies: dict[Expr, bool] = {}
        start = 0
        for node in variables:
            size = _size(node)
            self.blocks[node] = {
                self._table.of(np.arange(size), np.arange(start, start + size)): Coefficient()
            }
            start += size

    def follow(self, outputs: Sequence[Expr]) -> None:
        """Reads all nodes below some outputs."""
        order = walk(outputs)
        active = active_nodes(order, set(self.blocks))
        self._values.update(constant_values(order, active))
        for node in order:
            if node in active and node not in self.blocks:
                blocks = self._of(node, active)
                if len(blocks) > MOST_BLOCKS:
                    raise TooMany
                self.blocks[node] = {places: typed(each, node.dtype) for places, each in blocks.items()}

    def _of(self, node: Expr, active: set[Expr]) -> Blocks:
        slots = [slot for slot, x in enumerate(node.operands) if x in active and depends(node, slot)]
        if not node.op.on_arrays:
            return self._of_elements(node, slots)
        if node.op is FUNCTION or (node.op.pullbacks is None and node.op.expand is not None):
            written = expanded_once(node, node.operands)
            self.follow([written])
            return self.blocks.get(written, {})
        if not node.op.moves or node.op.name in WEIGHTED or node.op.control is not None:
            raise TooMany
        values = self._values_of(node)
        if not all(slot in values for slot, x in enumerate(node.operands) if x.dtype.kind in "iub"):
            raise TooMany
        result: Blocks = {}
        for slot in slots:
            rows, sources = pairs(node, slot, values)
            moved = self._moved(rows, sources, self.blocks[node.operands[slot]], _size(node.operands[slot]))
            if node.op.name == "mean":
                share = _size(node) / max(_size(node.operands[0]), 1)
                moved = {places: times(each, share, places, 0) for places, each in moved.items()}
            self._add(result, moved)
        return result

    def _values_of(self, node: Expr) -> dict[int, np.ndarray]:
        return {slot: self._values[x] for slot, x in enumerate(node.operands) if x in self._values}

    def _moved(self, rows: np.ndarray, sources: np.ndarray, below: Blocks, count: int) -> Blocks:
        result: Blocks = {}
        for places, coefficient in below.items():
            new, old = joined(rows, sources, places, count)
            if len(new) > self._left + len(places):
                raise TooMany
            if len(new):
                whole = len(old) == len(places) and np.array_equal(old, np.arange(len(old)))
                moved = coefficient if whole else coefficient.moved(old)
                self._add(result, {self._table.of(new, places.columns[old]): moved})
        return result

    def _add(self, result: Blocks, more: Blocks) -> None:
        for places, coefficient in more.items():
            known = result.get(places)
            if known is not None and (known.expr is not None or coefficient.expr is not None):
                self._spend(places)
            result[places] = coefficient if known is None else added(known, coefficient)

    def _spend(self, places: EntryPlaces) -> None:
        self._left -= len(places)
        if self._left < 0:
            raise TooMany

    def _of_elements(self, node: Expr, slots: Sequence[int]) -> Blocks:
        assert node.op.partials is not None
        operands = computed(node)
        values = self._values_of(node)
        result: Blocks = {}
        for slot in slots:
            rule = node.op.partials[slot]
            assert rule is not None
            partial = rule(node, *operands)
            live = node.op.live[slot] if node.op.live is not None else None
            if not isinstance(partial, Expr) and partial == 0:
                continue
            below = self.blocks[node.operands[slot]]
            moves = elementwise(node, slot, values)
            if moves is not None:
                below = self._moved(*moves, below, _size(node.operands[slot]))
            condition = None if live is None else self._elements_of(live(node, *operands), node)
            factor = self._elements_of(partial, node)
            for places, coefficient in below.items():
                self._add(result, {places: self._times(coefficient, factor, condition, places, node)})
        return result

    def _times(
        self, coefficient: Coefficient, factor: Any, condition: Any, places: EntryPlaces, node: Expr
    ) -> Coefficient:
        count = _size(node)
        if isinstance(factor, Expr):
            self._spend(places)
        result = times(coefficient, factor, places, count)
        if condition is None or (isinstance(condition, np.ndarray) and condition[places.rows].all()):
            return result
        self._spend(places)
        chosen = times(Coefficient(), condition, places, count)
        flags = (
            chosen.written()
            if chosen.expr is not None
            else constant(np.broadcast_to(chosen.factor, len(places)) != 0)
        )
        value = (
            result.written()
            if result.expr is not None
            else constant(np.broadcast_to(np.asarray(result.factor, node.dtype), len(places)).copy())
        )
        return Coefficient(where(flags, value, constant(0.0, value.dtype)))

    def _elements_of(self, partial: Any, node: Expr) -> Any:
        """A partial derivative for each element of a node: a number, an array or an expression."""
        if not isinstance(partial, Expr):
            return float(partial)
        if self._is_variable(partial):
            return vector(broadcast(partial, node))
        value = np.asarray(evaluate(partial, {}))
        if value.size and value.dtype.kind == "f" and (value == value.flat[0]).all():
            return float(value.flat[0])
        return np.broadcast_to(value, node.shape).ravel()  # type: ignore[arg-type]

    def _is_variable(self, expr: Expr) -> bool:
        """Whether a symbol is below an expression."""
        varies, stack = self._varies, [expr]
        while stack:
            node = stack[-1]
            waiting = [operand for operand in node.operands if operand not in varies]
            if node in varies or not waiting:
                stack.pop()
                varies[node] = node.is_symbol or any(varies[operand] for operand in node.operands)
            stack += waiting
        return varies[expr]


def _size(node: Expr) -> int:
    return math.prod(node.shape)  # type: ignore[arg-type]


__all__ = ["Blocks", "TooMany", "blocks_of"]

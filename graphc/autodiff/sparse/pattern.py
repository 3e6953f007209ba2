"""The pattern of a Jacobian: for each element of a node the elements of the variables that it depends on."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.autodiff.activity import active_nodes, depends
from graphc.autodiff.sparse.local import elementwise, pairs
from graphc.autodiff.sparse.loops import of_scan
from graphc.errors import GradientError
from graphc.interpret.numpy_eval import evaluate
from graphc.ir.expr import Expr, current_site, symbol, walk
from graphc.ir.types import format_shape
from graphc.ops.function_calls import FUNCTION, expanded_once
from graphc.ops.support.sparse_arrays import scipy_sparse

Rows = Any
"""Of an array a sparse truth table, element by variable; of a number a frozenset of variables."""


def pattern(outputs: Sequence[Expr], variables: Sequence[Expr]) -> Any:
    """A sparse array of truth values (CSR, sorted): rows are the outputs' elements, columns the variables', one after the other.

    Read from the graph and its constants alone: true wherever a derivative is not zero for every value of the inputs, and where
    an operation declares no more than that its result depends on the whole operand.

    Raises `GradientError` for an axis with a name, whose length a call alone tells.
    """
    order = walk(outputs)
    for node in (*variables, *order):
        _refuse_names(node)
    active = active_nodes(order, set(variables))
    reader = _PatternReader(order, active, sum(_size(node) for node in variables))
    start = 0
    for node in variables:
        reader.begin(node, start)
        start += _size(node)
    uses = Counter(operand for node in order for operand in node.operands)
    uses.update(outputs)
    for node in order:
        if node in active and node not in reader.rows:
            reader.read(node)
        for operand in node.operands:
            uses[operand] -= 1
            if not uses[operand]:
                reader.rows.pop(operand, None)
    sparse = scipy_sparse()
    tables = [reader.table(output) for output in outputs]
    whole = sparse.csr_array(sparse.vstack(tables, format="csr")) if len(tables) > 1 else tables[0]
    whole.sum_duplicates()
    return whole


def _lengths(node: Expr) -> list[Any]:
    """Of all axes in a loop's body."""
    return [length for x in (*node.attrs[0].inputs, *node.attrs[0].outputs) for length in x.shape]


def _size(node: Expr) -> int:
    return math.prod(node.shape)  # type: ignore[arg-type]


def _refuse_names(node: Expr) -> None:
    for axis, length in enumerate(node.shape):
        if not isinstance(length, int):
            name = f"symbol {node.name!r}" if node.is_symbol else repr(node)
            raise GradientError(
                f"the pattern of derivatives needs known lengths, and axis {axis} of {name} has length {length}",
                node=repr(node),
                site=node.site or current_site(),
                hint=f"declare a number in place of {str(length)!r} in shape={format_shape(node.shape)}, as in "
                'g.symbol("x", shape=1000)',
            )


class _PatternReader:
    """The rows of each node that depends on a variable, from those of its operands."""

    def __init__(self, order: Sequence[Expr], active: set[Expr], count: int) -> None:
        self.rows: dict[Expr, Rows] = {}
        self.count = count
        self._active = active
        self._loops: dict[Any, list[Any]] = {}
        self._values = constant_values(order, active)

    def begin(self, node: Expr, start: int) -> None:
        if node.shape:
            size = _size(node)
            self.rows[node] = self._sparse(np.arange(size), np.arange(start, start + size), size)
        else:
            self.rows[node] = frozenset((start,))

    def table(self, node: Expr) -> Any:
        """The rows of a node as a sparse table, also of a number and of what depends on no variable."""
        rows = self.rows.get(node, frozenset())
        if not isinstance(rows, frozenset):
            return rows
        columns = np.array(sorted(rows), np.int64)
        return self._sparse(np.zeros(len(columns), np.int64), columns, _size(node))

    def _sparse(self, rows: np.ndarray, columns: np.ndarray, height: int, width: int | None = None) -> Any:
        shape = (height, self.count if width is None else width)
        return scipy_sparse().csr_array((np.ones(len(rows), bool), (rows, columns)), shape=shape)

    def read(self, node: Expr) -> None:
        slots = [slot for slot, x in enumerate(node.operands) if x in self._active and depends(node, slot)]
        if not node.shape and all(not node.operands[slot].shape for slot in slots):
            self.rows[node] = self._of_numbers(node, slots)
            return
        if node.op is FUNCTION or (node.op.expand is not None and node.op.name in _EXPANDED):
            self._keep(node, self._expanded(node, slots))
            return
        if node.op.name == "scan" and all(isinstance(x, int) for x in (node.attrs[3], *_lengths(node))):
            self._keep(node, self._scanned(node, slots))
            return
        values = self._values_of(node)
        total = None
        for slot in slots:
            if node.op.name in ("stack", "concat") and len(slots) > 8:
                total = self._joined(node)
                break
            rows = self._through(node, slot, values)
            total = rows if total is None else total + rows
        self._keep(node, total)

    def _scanned(self, node: Expr, slots: Sequence[int]) -> Any:
        """One result of a loop; all are found at once."""
        loop = (node.operands, node.attrs[:-1])
        if loop not in self._loops:
            tables = [self.table(x) if slot in slots else None for slot, x in enumerate(node.operands)]
            self._loops[loop] = of_scan(node, tables, self.count, pattern)
        return self._loops[loop][node.attrs[-1]]

    def _keep(self, node: Expr, table: Any) -> None:
        self.rows[node] = table if node.shape else frozenset(table.indices.tolist())

    def _joined(self, node: Expr) -> Any:
        """Many operands beside each other: their rows in one table, then in the order of the result."""
        sparse = scipy_sparse()
        whole = sparse.csr_array(sparse.vstack([self.table(x) for x in node.operands], format="csr"))
        starts = np.cumsum([0, *[_size(x) for x in node.operands]])
        numbers = [
            np.arange(start, end).reshape(x.shape)  # type: ignore[arg-type]
            for start, end, x in zip(starts, starts[1:], node.operands, strict=False)
        ]
        return whole[np.asarray(node.op.reference(*numbers, *node.attrs)).ravel()]

    def _values_of(self, node: Expr) -> dict[int, np.ndarray]:
        return {slot: self._values[x] for slot, x in enumerate(node.operands) if x in self._values}

    def _of_numbers(self, node: Expr, slots: Sequence[int]) -> frozenset[int]:
        values = self._values_of(node)
        chosen = []
        for slot in slots:
            of_constants = None if node.op.on_arrays else elementwise(node, slot, values)
            if of_constants is None or len(of_constants[0]):
                chosen.append(self.rows[node.operands[slot]])
        return chosen[0] if len(chosen) == 1 else frozenset().union(*chosen)

    def _through(self, node: Expr, slot: int, values: dict[int, np.ndarray]) -> Any:
        below = self.table(node.operands[slot])
        found = pairs(node, slot, values) if node.op.on_arrays else elementwise(node, slot, values)
        if found is None:
            return below
        rows, columns = found
        size = _size(node)
        if len(rows) == size and np.array_equal(rows, np.arange(size)):
            return below[columns]  # each of one element
        return self._sparse(rows, columns, size, below.shape[0]) @ below

    def _expanded(self, node: Expr, slots: Sequence[int]) -> Any:
        """Through what an operation stands for."""
        operands = [
            symbol(f"\0{slot}", x.shape, x.dtype) if slot in slots else x
            for slot, x in enumerate(node.operands)
        ]
        inner = pattern([expanded_once(node, operands)], [operands[slot] for slot in slots])
        sparse = scipy_sparse()
        below = [self.table(node.operands[slot]) for slot in slots]
        return sparse.csr_array(inner @ sparse.vstack(below, format="csr"))


_EXPANDED = frozenset(("tensordot", "vecdot", "outer", "kron", "trace", "linspace"))


def constant_values(order: Sequence[Expr], active: set[Expr]) -> dict[Expr, np.ndarray]:
    """The values of constant operands beside variable ones: factors, conditions, indices."""
    symbolic: set[Expr] = set()
    for node in order:
        if node.is_symbol or any(operand in symbolic for operand in node.operands):
            symbolic.add(node)
    needed: dict[Expr, None] = {}
    for node in order:
        if node in active and (node.op.on_arrays or node.op.name in ("multiply", "where")):
            needed.update(dict.fromkeys(x for x in node.operands if x not in symbolic))
    return {node: np.asarray(evaluate(node, {})) for node in needed}


__all__ = ["constant_values", "pattern"]

"""The values of nodes at a few points: two formulas that are one over the reals are near each other at each of them.

That is asked before what is dear: whether a sum is 0 (`rational.real_form`) takes it apart down to its symbols, and most that is
asked for is not. The points are the same in every process.
"""

from __future__ import annotations

import zlib

import numpy as np

from graphc.interpret.numpy_eval import run_node
from graphc.ir.expr import Expr

POINTS = 4

_SUMS = frozenset(("add", "subtract", "negative"))


class Fingerprints(dict[Expr, "np.ndarray | None"]):
    """Node → its values at the points; None for what is not computed element by element; a table of `Ranges.table`."""

    def __missing__(self, node: Expr) -> np.ndarray | None:
        pending = [node]
        while pending:
            top = pending[-1]
            waiting = [operand for operand in top.operands if operand not in self]
            if waiting:
                pending += waiting
                continue
            pending.pop()
            if top not in self:
                self[top] = self._values(top)
        return self[node]

    def _values(self, node: Expr) -> np.ndarray | None:
        if node.is_symbol:
            return _of_symbol(node)
        op = node.op
        if node.is_constant:
            return None if node.shape else np.full(POINTS, node.value, node.dtype)
        if op.on_arrays or op.control is not None or op.user_defined or not node.operands:
            return None
        values = [self[operand] for operand in node.operands]
        if any(value is None for value in values):
            return None
        with np.errstate(all="ignore"):
            return np.asarray(run_node(node, values))

    def differs_from_0(self, total: Expr) -> bool:
        """Whether a sum is certainly not 0 over the reals: at one of the points it is larger than its terms' roundings."""
        values = self[total]
        if values is None or values.dtype.kind != "f":
            return False
        size = np.abs(values)
        largest = np.zeros(POINTS, values.dtype)
        pending = [total]
        while pending:
            part = pending.pop()
            if part.op.name in _SUMS:
                pending += part.operands
            else:
                largest = np.maximum(largest, np.abs(self[part]))  # type: ignore[arg-type]
        with np.errstate(all="ignore"):
            return bool(np.any(np.isfinite(largest) & (size > np.sqrt(np.finfo(values.dtype).eps) * largest)))

    def varies(self, node: Expr) -> bool:
        """Whether a formula is certainly no constant over the reals."""
        values = self[node]
        if values is None or values.dtype.kind != "f":
            return False
        finite = values[np.isfinite(values)].astype(np.float64)
        return finite.size > 1 and bool(
            np.ptp(finite) > np.sqrt(np.finfo(values.dtype).eps) * np.max(np.abs(finite))
        )


def _of_symbol(symbol: Expr) -> np.ndarray:
    """What a symbol is at the points: at the first ones between 0 and 1, then above, then of either sign."""
    rng = np.random.default_rng(zlib.crc32(symbol.name.encode()))
    if symbol.dtype.kind != "f":
        return rng.integers(0, 2 if symbol.dtype.kind == "b" else 4, POINTS).astype(symbol.dtype)
    values = rng.uniform(0.25, 0.95, POINTS)
    values[2] += 1
    values[3] *= rng.choice([-1, 1])
    if symbol.bounds is not None:
        low, high = symbol.bounds
        if np.isfinite(low) and np.isfinite(high):
            values = low + rng.uniform(0.1, 0.9, POINTS) * (high - low)
        elif np.isfinite(low):
            values = low + np.abs(values)
        elif np.isfinite(high):
            values = high - np.abs(values)
    return values.astype(symbol.dtype)


__all__ = ["Fingerprints"]

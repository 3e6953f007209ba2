"""Blocks of derivatives as one vector of the entries of a pattern: each is read at its place among what is computed.

All coefficients stand beside each other, and behind them the numbers that entries are; an entry is one of these elements, or the
sum of some where several blocks have its place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.autodiff.sparse.blocks import Coefficient, elements, scaled
from graphc.autodiff.sparse.direct import Blocks
from graphc.ir.expr import Expr, cast, constant
from graphc.ops.support.build import call

MOST_SUMMED = 8
"""Reads of one loop that an entry is the sum of; further parts are added at their places."""


class _Computed:
    """What entries are read from: coefficients and numbers, each once."""

    def __init__(self) -> None:
        self._pieces: list[tuple[Expr, float]] = []
        self._starts: dict[tuple[Expr, float], int] = {}
        self.length = 0

    def of(self, coefficient: Coefficient) -> np.ndarray | int:
        """Where a coefficient's elements stand, or the first of them where they stand in their order."""
        assert coefficient.expr is not None
        key = coefficient.expr, float(coefficient.factor)
        start = self._starts.get(key)
        if start is None:
            start = self._starts[key] = self.length
            self._pieces.append(key)
            self.length += int(coefficient.expr.shape[0])  # type: ignore[call-overload]
        return start if coefficient.source is None else start + coefficient.source

    def written(self, numbers: np.ndarray, dtype: Any) -> Expr:
        pieces = [cast(x, dtype) if x.dtype != dtype else x for x in [scaled(*each) for each in self._pieces]]
        if len(numbers):
            pieces.append(constant(numbers.astype(dtype)))
        return pieces[0] if len(pieces) == 1 else call("concat", *pieces, axis=0)


def entries_of(
    blocks: Sequence[Blocks],
    sizes: Sequence[int],
    pattern: Any,
    order: np.ndarray,
    dtype: Any,
    symmetric: bool,
) -> tuple[Expr, int] | None:
    """The entries of a CSR pattern, and the most of a row, or of a column, that are computed.

    None where the pattern lacks a place, or one has parts in too many blocks.

    blocks, sizes : of each output
    order : of each entry of the result its place in the pattern
    symmetric : whether an entry may be read at its mirror image
    """
    lines = np.repeat(np.arange(pattern.shape[0], dtype=np.int64), np.diff(pattern.indptr))
    keys = lines * pattern.shape[1] + pattern.indices
    below = lines >= pattern.indices if symmetric else None
    gathered = _Parts(len(keys))
    for start, of_output in zip(np.cumsum([0, *sizes]), blocks, strict=False):
        for places, coefficient in of_output.items():
            wanted = (places.rows + start) * pattern.shape[1] + places.columns
            own = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
            if not np.array_equal(keys[own], wanted):
                return None
            used = None if below is None or below[own].all() else np.flatnonzero(below[own])
            if used is not None:
                own, coefficient = own[used], _few(coefficient.moved(used))
            gathered.add(own, coefficient)
    if below is not None:
        mirror = np.searchsorted(keys, pattern.indices.astype(np.int64) * pattern.shape[1] + lines)
        order = np.where(below, np.arange(len(keys)), mirror)[order]
    values = gathered.read(order, dtype)
    return None if values is None else (values, min(gathered.most(lines), gathered.most(pattern.indices)))


def _few(coefficient: Coefficient) -> Coefficient:
    """A coefficient of which less than half of an expression is left, as an expression of those elements."""
    x = coefficient.expr
    if x is None or coefficient.source is None or 2 * len(coefficient.source) > math.prod(x.shape):  # type: ignore[arg-type]
        return coefficient
    return Coefficient(elements(x, coefficient.source), None, coefficient.factor)


class _Parts:
    """What the entries of a pattern are sums of."""

    def __init__(self, count: int) -> None:
        self._pool, self._fixed = _Computed(), np.zeros(count)
        self._targets: list[np.ndarray] = [np.zeros(0, np.int64)]
        self._sources: list[np.ndarray] = [np.zeros(0, np.int64)]

    def add(self, places: np.ndarray, coefficient: Coefficient) -> None:
        """Adds a coefficient to the entries at some places."""
        if not len(places):
            return
        if coefficient.expr is None:
            factors = np.broadcast_to(coefficient.factor, len(places))
            self._fixed += np.bincount(places, factors, len(self._fixed))
            return
        first = self._pool.of(coefficient)
        self._targets.append(places)
        self._sources.append(first + np.arange(len(places)) if isinstance(first, int) else first)

    def most(self, lines: np.ndarray) -> int:
        """Of a row, or column, the most entries that are computed, given that of each entry."""
        computed = np.unique(np.concatenate(self._targets))
        return int(np.bincount(lines[computed], minlength=1).max(initial=0))

    def read(self, order: np.ndarray, dtype: Any) -> Expr | None:
        """The entries in an order; None where one is the sum of more than `MOST_SUMMED`."""
        target, source = np.concatenate(self._targets), np.concatenate(self._sources)
        by_target = np.argsort(target, kind="stable")
        target, source = target[by_target], source[by_target]
        rank = np.arange(len(target)) - np.searchsorted(target, target)
        rounds = int(rank.max(initial=-1)) + 1
        if rounds > MOST_SUMMED:
            return None
        count, start = len(self._fixed), self._pool.length
        is_number = np.zeros(count, bool)
        is_number[order] = True
        is_number[target] = False
        also = ~is_number & (
            self._fixed != 0
        )  # a number is read where nothing is computed, and added where something is
        numbers, number_of = np.unique(self._fixed[is_number | also].astype(dtype), return_inverse=True)
        number_at = np.full(count, -1, np.int64)
        number_at[is_number | also] = start + number_of
        reads = np.full((rounds + 1, count), -1, np.int64)
        reads[rank, target] = source
        reads[rounds, also] = number_at[also]
        reads[0, is_number] = number_at[is_number]
        reads = reads[: rounds + 1 if also.any() else max(rounds, 1), order]
        if (reads < 0).any() and 0 not in numbers:
            numbers = np.append(numbers, 0.0)
        reads[reads < 0] = start + int(np.flatnonzero(numbers == 0)[0]) if (reads < 0).any() else 0
        used = len(numbers) if (reads >= start).any() else 0
        whole = self._pool.written(numbers[:used], dtype)
        total = elements(whole, reads[0])
        for read in reads[1:]:
            total = total + elements(whole, read)
        return total


__all__ = ["entries_of"]

"""Derivatives as blocks: vectors of them beside the elements and the variables that they belong to.

A node's Jacobian is a sum of blocks (places, coefficient): the coefficient's k-th element is the derivative of the node's element
rows[k] by the variable columns[k]. What moves elements moves places; a factor multiplies the coefficient, a number is kept beside
it, and blocks of the same places are added. Nothing is computed that is zero by structure, and what is a number stays one.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import numpy as np

from graphc.ir.expr import Expr, cast, constant
from graphc.ops.support.build import call
from graphc.util.records import dataclass


@dataclass(frozen=True, eq=False)
class EntryPlaces:
    """Elements of a node and, beside each, a variable; those of one sort are one object."""

    rows: np.ndarray
    columns: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)


class EntryPlacesTable:
    """Places, each once."""

    def __init__(self) -> None:
        self._of: dict[bytes, EntryPlaces] = {}

    def of(self, rows: np.ndarray, columns: np.ndarray) -> EntryPlaces:
        rows, columns = (np.ascontiguousarray(each, np.int64) for each in (rows, columns))
        key = (
            hashlib.blake2b(rows.data, digest_size=16).digest()
            + hashlib.blake2b(columns.data, digest_size=16).digest()
        )
        return self._of.setdefault(key, EntryPlaces(rows, columns))


@dataclass(frozen=True, eq=False)
class Coefficient:
    """The elements of `expr` at `source`, times a number; of no expression the numbers alone.

    expr : a vector; None for numbers
    source : which of its elements stand at the places; None for all in their order
    factor : a number, or without an expression an array of them
    """

    expr: Expr | None = None
    source: np.ndarray | None = None
    factor: Any = 1.0

    def moved(self, source: np.ndarray) -> Coefficient:
        """Those of its elements, in their order."""
        factor = self.factor[source] if isinstance(self.factor, np.ndarray) else self.factor
        if self.expr is None:
            return replace(self, factor=factor)
        return Coefficient(self.expr, source if self.source is None else self.source[source], factor)

    def written(self) -> Expr:
        """The expression of its elements."""
        assert self.expr is not None
        return scaled(elements(self.expr, self.source), self.factor)


def scaled(x: Expr, factor: float) -> Expr:
    """A vector times a number."""
    return x if factor == 1 else -x if factor == -1 else x * factor


def elements(x: Expr, source: np.ndarray | None) -> Expr:
    """Elements of a vector, by a slice where their numbers are evenly spaced."""
    if source is None or not len(source):
        return x if source is None else x[:0]
    length, first = x.shape[0], int(source[0])
    step = int(source[1]) - first if len(source) > 1 else 1
    if step > 0 and np.array_equal(source, np.arange(first, first + step * len(source), step)):
        whole = first == 0 and step == 1 and len(source) == length
        return x if whole else x[first : first + step * (len(source) - 1) + 1 : step]
    return x[constant(indices(source))]


def indices(source: np.ndarray) -> np.ndarray:
    """EntryPlaces in a vector, of four bytes where they fit."""
    return source.astype(np.int32 if not len(source) or source.max() < 2**31 else np.int64)


def times(coefficient: Coefficient, partial: Any, places: EntryPlaces, count: int) -> Coefficient:
    """A coefficient times a partial derivative of a node's elements.

    partial : a number, an array of numbers or an expression, of as many elements as the node has
    count : how many those are
    """
    every = len(places) == count and np.array_equal(places.rows, np.arange(count))
    own = None if every else places.rows
    if isinstance(partial, np.ndarray):
        partial = partial if own is None else partial[own]
        if coefficient.expr is None:
            return replace(coefficient, factor=coefficient.factor * partial)
        return Coefficient(coefficient.written() * constant(partial))
    if not isinstance(partial, Expr):
        return replace(coefficient, factor=coefficient.factor * partial)
    if coefficient.expr is not None:
        return Coefficient(coefficient.written() * elements(partial, own))
    if isinstance(coefficient.factor, np.ndarray):
        return Coefficient(elements(partial, own) * constant(coefficient.factor))
    return Coefficient(partial, own, coefficient.factor)


def added(a: Coefficient, b: Coefficient) -> Coefficient:
    """The sum of two coefficients of the same places."""
    if a.expr is None and b.expr is None:
        return Coefficient(factor=a.factor + b.factor)
    if a.expr is None:
        a, b = b, a
    if b.expr is None:
        number = constant(b.factor) if isinstance(b.factor, np.ndarray) else b.factor
        return Coefficient(a.written() if isinstance(number, float) and number == 0 else a.written() + number)
    assert a.expr is not None
    same = a.source is b.source or (
        a.source is not None and b.source is not None and np.array_equal(a.source, b.source)
    )
    length: Any = a.expr.shape[0]
    if same and a.expr is b.expr:
        return replace(a, factor=a.factor + b.factor)
    if same and a.source is not None and length == b.expr.shape[0] and 2 * len(a.source) >= length:
        return Coefficient(scaled(a.expr, a.factor) + scaled(b.expr, b.factor), a.source)
    return Coefficient(a.written() + b.written())


def typed(coefficient: Coefficient, dtype: Any) -> Coefficient:
    """A coefficient of a node's own type."""
    if coefficient.expr is None or coefficient.expr.dtype == dtype:
        return coefficient
    return replace(coefficient, expr=cast(coefficient.expr, dtype))


def joined(
    rows: np.ndarray, sources: np.ndarray, places: EntryPlaces, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """The rows of a result's derivatives, and which of an operand's derivatives each is.

    rows, sources : elements of the result, and beside each an element of the operand that it is a sum of
    count : of the operand's elements
    """
    if len(places) == count and np.array_equal(places.rows, np.arange(count)):
        return rows, sources
    order = np.argsort(places.rows, kind="stable")
    starts = np.searchsorted(places.rows, sources, "left", order)
    times_each = np.searchsorted(places.rows, sources, "right", order) - starts
    first = np.repeat(starts - (np.cumsum(times_each) - times_each), times_each)
    return np.repeat(rows, times_each), order[first + np.arange(len(first))]


def vector(x: Expr) -> Expr:
    """All elements of an expression, row by row."""
    size = int(np.prod(x.shape, dtype=np.int64))  # type: ignore[arg-type]
    return x if x.shape == (size,) else call("reshape", x, shape=(size,))


__all__ = [
    "Coefficient", "EntryPlaces", "EntryPlacesTable", "added", "elements", "indices", "joined", "scaled", "times", "typed",
    "vector",
]  # fmt: skip

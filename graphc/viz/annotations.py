"""What a diagram shows on request: the names of it checked, what operations cost, arrays as small pictures and histograms."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import numpy as np

from graphc.compiler.schedule import cost_model
from graphc.errors import InputError, brief, brief_text
from graphc.ir.expr import Expr
from graphc.ir.formatting import show_number
from graphc.ir.op import SYMBOL
from graphc.ir.types import format_shape

SHOW = ("value", "adjoint", "local", "shape", "dtype", "name", "order", "cost", "image", "histogram")
"""All that can be shown: forward values, what flows back, local derivatives, shapes, types, the names v1, v2, … of an
explanation, topological numbers, estimated costs as a heat map, and arrays as small pictures or as histograms."""

DEFAULT = ("value", "adjoint")

_SIDE = 12
"""A picture of an array has at most so many cells in a row and in a column."""

_BARS = "▁▂▃▄▅▆▇█"

_MULTIPLY_ADD = 0.05
"""Nanoseconds for a multiplication and addition inside a product of matrices."""


def check_show(show: Any) -> frozenset[str]:
    """`show` as a set; raises `InputError` for what cannot be shown."""
    names = (show,) if isinstance(show, str) else show
    if not isinstance(names, (tuple, list, set, frozenset)):
        raise InputError(f"show is {brief(show)}", hint='write show=("value", "local")')
    for name in names:
        if not isinstance(name, str) or name not in SHOW:
            near = get_close_matches(brief_text(name), SHOW, 1)
            hint = f"{near[0]!r}?" if near else f"choose among {', '.join(SHOW)}"
            raise InputError(f"a diagram does not show {brief_text(name, 60)!r}", hint=hint)
    return frozenset(names)


def checked_watch(graph: Any, watch: Any) -> dict[int, tuple[tuple[int, ...], ...]]:
    """Node of a symbol → the indices of its elements that are written out; raises `InputError` for what is none."""
    if watch is None:
        return {}
    hint = 'write watch={"W": [(0, 1)]}: the name of an array and indices of its elements'
    if not isinstance(watch, Mapping):
        raise InputError(f"watch is {brief(watch)}", hint=hint)
    nodes = {expr.name: node for node, expr in enumerate(graph.exprs) if expr.op is SYMBOL}
    chosen: dict[int, tuple[tuple[int, ...], ...]] = {}
    for key, indices in watch.items():
        name = key.name if isinstance(key, Expr) and key.op is SYMBOL else key
        if not isinstance(name, str) or name not in nodes:
            near = get_close_matches(brief_text(name), nodes, 1)
            known = f"{near[0]!r}?" if near else f"choose among {', '.join(nodes)}"
            raise InputError(f"there is no symbol {brief_text(name, 60)!r} to watch", hint=known)
        shape = graph.exprs[nodes[name]].shape
        listed = list(indices) if isinstance(indices, (list, tuple, set, frozenset)) else [indices]
        if isinstance(indices, tuple) and indices and all(_is_place(place) for place in indices):
            listed = [indices]
        chosen[nodes[name]] = tuple(_index(name, index, shape, hint) for index in listed)
    return chosen


def _is_place(place: Any) -> bool:
    return isinstance(place, (int, np.integer)) and not isinstance(place, bool)


def _index(name: str, index: Any, shape: Any, hint: str) -> tuple[int, ...]:
    """An index as a tuple that fits the shape as far as its lengths are known."""
    places = (index,) if _is_place(index) else index
    if not isinstance(places, tuple) or not all(_is_place(place) for place in places):
        raise InputError(f"an element of {brief_text(name, 60)} is not at {brief(index)}", hint=hint)
    fits = len(places) == len(shape) and len(shape) > 0
    fits = fits and all(
        -length <= place < length
        for place, length in zip(places, shape, strict=True)
        if isinstance(length, int)
    )
    if not fits:
        raise InputError(
            f"{brief_text(name, 60)} has no element {brief(index)}: its shape is {format_shape(shape)}",
            hint=hint,
        )
    return tuple(int(place) for place in places)


def nanoseconds(expr: Expr, lengths: Mapping[str, int]) -> float:
    """The estimated time of one operation on one core; an axis whose length is not known counts as 1."""
    if expr.op.is_leaf:
        return 0.0

    def elements(shape: Any) -> int:
        count = 1
        for length in shape:
            count *= length if isinstance(length, int) else lengths.get(str(length), 1)
        return count

    size = elements(expr.shape)
    if expr.op.name in ("matmul", "vecdot", "outer") and expr.operands[0].shape:
        return _MULTIPLY_ADD * size * elements(expr.operands[0].shape[-1:])
    if expr.op.on_arrays:
        size = max(size, *(elements(operand.shape) for operand in expr.operands), 1)
    return cost_model.computing([expr]) * size


def duration(nanoseconds: float) -> str:
    """A time in a unit that fits.

    >>> duration(0.12), duration(5.4e4)
    ('0.12 ns', '54 µs')
    """
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if nanoseconds >= size:
            return f"{show_number(nanoseconds / size, 2)} {unit}"
    return f"{show_number(nanoseconds, 2)} ns"


def histogram(value: Any, bins: int = 10) -> str:
    """The finite elements of an array as bars, from the least to the largest; empty for what is no array.

    >>> histogram([0, 0, 0, 1, 1, 2], 3)
    '█▆▃'
    """
    array = np.asarray(value, dtype=float)
    finite = array[np.isfinite(array)]
    if array.ndim == 0 or finite.size < 2 or finite.min() == finite.max():
        return ""
    counts, _ = np.histogram(
        finite / np.abs(finite).max(), bins
    )  # scaled: a range may be beyond the largest float
    top = counts.max()
    return "".join(" " if count == 0 else _BARS[int(np.ceil(count / top * 8)) - 1] for count in counts)


def cells(value: Any, most: tuple[int, int] = (_SIDE, _SIDE)) -> list[list[float]]:
    """An array as a small grid of numbers between −1 and 1, divided by the largest magnitude; NaN where one is not finite.

    Matrices lie as they are printed, a vector is a row; of more dimensions the leading ones are stacked. What has more rows or
    columns than `most` is averaged over blocks.
    """
    array = np.asarray(value, dtype=float)
    if array.ndim == 0 or array.size < 2:
        return []
    matrix = array.reshape(-1, array.shape[-1])
    scaled = _scaled(matrix)
    for axis, side in enumerate(most):
        length = scaled.shape[axis]
        if length > side:
            starts = np.linspace(0, length, side + 1)[:-1].astype(int)
            widths = np.diff([*starts, length]).reshape((-1, 1) if axis == 0 else (1, -1))
            with np.errstate(invalid="ignore"):
                scaled = np.add.reduceat(scaled, starts, axis=axis) / widths
    scaled = _scaled(scaled)  # of blocks whose signs differ only a little may be left
    return [[float(cell) if np.isfinite(cell) else float("nan") for cell in row] for row in scaled]


def _scaled(matrix: np.ndarray) -> np.ndarray:
    """A matrix divided by its largest magnitude that is finite."""
    finite = np.where(np.isfinite(matrix), np.abs(matrix), 0)
    return matrix / (finite.max() or 1.0)

"""A sparse Jacobian as an expression of its entries: few sweeps, and the place of each entry in what they give."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.autodiff.activity import active_nodes
from graphc.autodiff.forward import forward
from graphc.autodiff.jacobian import reshaped
from graphc.autodiff.reverse import reverse
from graphc.autodiff.sparse.affine import apart
from graphc.autodiff.sparse.colouring import columns_apart, star
from graphc.autodiff.sparse.direct import TooMany, blocks_of
from graphc.autodiff.sparse.local import numbered
from graphc.autodiff.sparse.pattern import pattern as pattern_of
from graphc.autodiff.sparse.placed import entries_of
from graphc.errors import GradientError
from graphc.interpret.numpy_eval import evaluate
from graphc.ir.expr import Expr, cast, constant, symbol, walk
from graphc.ir.types import is_float
from graphc.ops.comparison import equal
from graphc.ops.support.build import call, expanded
from graphc.ops.support.vmap_rules import Batch, through
from graphc.util.records import dataclass

MOST_WORK = 2.0
"""Products that entries written for themselves may take, beside those of sweeps, of which an element of each node takes one."""

MOST_MOVING = 1.25
"""Of so many entries one may be no number, for the others to be kept apart."""


@dataclass(frozen=True)
class Entries:
    """The entries of a pattern, in its order.

    values : one expression of a vector; of graphs of numbers alone an expression for each
    mode : "forward" or "reverse"; "direct" for entries written without sweeps
    colours : the sweeps; of entries written without them the most of a row, or of a column, that are computed
    """

    values: Expr | tuple[Expr, ...]
    mode: str
    colours: int


def jacobian_entries(
    outputs: Sequence[Expr], variables: Sequence[Expr], pattern: Any, order: np.ndarray
) -> Entries:
    """The derivatives at the places of a CSR pattern, in an order of their own: columns by forward mode, or rows by reverse mode,
    whichever need fewer sweeps. What is affine in the variables needs none, where the rest needs fewer without it. Each entry is
    written for itself where that takes no more products than sweeps."""
    known = _direct(outputs, variables, pattern, order, symmetric=False)
    if known is None:
        known = _beside_constants(outputs, variables, pattern, order)
    return _swept(outputs, variables, pattern, order) if known is None else known


def _direct(
    outputs: Sequence[Expr], variables: Sequence[Expr], pattern: Any, order: np.ndarray, symmetric: bool
) -> Entries | None:
    """The entries without sweeps; None where those compute them with fewer products."""
    if _of_numbers(outputs, variables) or not pattern.nnz:
        return None
    longest_row = int(np.diff(pattern.indptr).max())
    longest_column = int(np.bincount(pattern.indices).max())
    nodes = walk(outputs)
    active = active_nodes(nodes, set(variables))
    work = sum(_size(node) for node in active)
    try:
        blocks = blocks_of(outputs, variables, MOST_WORK * min(longest_row, longest_column) * work)
    except TooMany:
        return None
    dtype = np.result_type(*[x.dtype for x in outputs])
    found = entries_of(blocks, [_size(x) for x in outputs], pattern, order, dtype, symmetric)
    return None if found is None else Entries(found[0], "direct", found[1])


def _beside_constants(
    outputs: Sequence[Expr], variables: Sequence[Expr], pattern: Any, order: np.ndarray
) -> Entries | None:
    """The entries as numbers, to some of which the derivatives of what is not affine are added; None where that gains nothing."""
    if _of_numbers(outputs, variables) or not pattern.nnz:
        return None
    parts = apart(outputs, variables)
    if parts is None:
        return None
    affine, rest = parts
    fixed, moving = pattern_of(affine, variables), pattern_of(rest, variables)
    if moving.nnz * MOST_MOVING > pattern.nnz:
        return None
    numbers = np.argsort(order, kind="stable")  # of an entry of the pattern its place among the results
    places = [_places_in(pattern, each) for each in (fixed, moving)]
    if places[0] is None or places[1] is None:
        return None
    # once, and not at every call: by few colours or more
    by_columns = columns_apart(fixed, once=True)
    rows = np.repeat(np.arange(fixed.shape[0]), np.diff(fixed.indptr))
    still = _swept_columns(
        affine, variables, by_columns, int(by_columns.max()) + 1, rows, fixed.indices.astype(np.int64)
    )
    assert isinstance(still, Expr)
    zeros = {x: np.zeros(x.shape, x.dtype) for x in variables}  # type: ignore[arg-type]
    base = np.zeros(pattern.nnz, still.dtype)
    base[numbers[places[0]]] = evaluate(still, zeros)
    if not moving.nnz:
        return Entries(constant(base), "forward", 0)
    targets = numbers[places[1]]
    inner = np.argsort(targets, kind="stable")
    swept = _swept(rest, variables, moving, inner)
    assert isinstance(swept.values, Expr)
    targets = targets[inner]
    there = constant(targets)
    sums = swept.values + constant(base[targets])
    values = sums if len(targets) == len(base) else constant(base).at[there].set(sums)
    return Entries(values, swept.mode, swept.colours)


def _places_in(pattern: Any, part: Any) -> np.ndarray | None:
    """Where the entries of a CSR pattern are among those of another; None where some is not."""
    keys = [
        np.repeat(np.arange(each.shape[0], dtype=np.int64), np.diff(each.indptr)) * each.shape[1]
        + each.indices
        for each in (pattern, part)
    ]
    places = np.searchsorted(keys[0], keys[1])
    found = places < len(keys[0])
    return places if found.all() and np.array_equal(keys[0][places], keys[1]) else None


def _swept(outputs: Sequence[Expr], variables: Sequence[Expr], pattern: Any, order: np.ndarray) -> Entries:
    """All entries by sweeps."""
    rows = np.repeat(np.arange(pattern.shape[0]), np.diff(pattern.indptr))[order]
    columns = pattern.indices[order].astype(np.int64)
    by_columns = columns_apart(pattern)
    forward_count = int(by_columns.max(initial=-1)) + 1
    longest_column = int(np.bincount(pattern.indices, minlength=1).max(initial=0))
    if longest_column < forward_count:
        by_rows = columns_apart(pattern.T.tocsr())
        count = int(by_rows.max(initial=-1)) + 1
        if count < forward_count:
            values = _swept_rows(outputs, variables, by_rows, count, rows, columns)
            return Entries(values, "reverse", count)
    values = _swept_columns(outputs, variables, by_columns, forward_count, rows, columns)
    return Entries(values, "forward", forward_count)


def hessian_entries(
    slopes: Sequence[Expr], variables: Sequence[Expr], pattern: Any, order: np.ndarray
) -> Entries:
    """As `jacobian_entries` of a gradient: an entry may be read at its mirror image, which takes fewer colours."""
    known = _direct(slopes, variables, pattern, order, symmetric=True)
    if known is not None:
        return known
    colours = star(pattern)
    count = int(colours.max(initial=-1)) + 1
    rows = np.repeat(np.arange(pattern.shape[0]), np.diff(pattern.indptr))
    columns = pattern.indices.astype(np.int64)
    keys = rows * count + colours[columns]
    _, which, times = np.unique(keys, return_inverse=True, return_counts=True)
    alone = times[which] == 1
    sources = np.where(alone, rows, columns), np.where(alone, columns, rows)
    rows, columns = sources[0][order], sources[1][order]
    return Entries(_swept_columns(slopes, variables, colours, count, rows, columns), "forward", count)


def _size(node: Expr) -> int:
    return math.prod(node.shape)  # type: ignore[arg-type]


def _starts(nodes: Sequence[Expr]) -> np.ndarray:
    return np.cumsum([0, *[_size(node) for node in nodes]])


def _of_numbers(outputs: Sequence[Expr], variables: Sequence[Expr]) -> bool:
    return not any(node.shape for node in (*outputs, *variables))


def _swept_columns(
    outputs: Sequence[Expr],
    variables: Sequence[Expr],
    colours: np.ndarray,
    count: int,
    rows: Any,
    columns: Any,
) -> Expr | tuple[Expr, ...]:
    """The entries, from the derivatives along the sums of the unit vectors of each colour."""
    if not len(rows):
        return _nothing(outputs, variables)
    if _of_numbers(outputs, variables):
        sweeps = []
        for colour in range(count):
            unit = {
                x: constant(1.0, x.dtype) for x, own in zip(variables, colours, strict=True) if own == colour
            }
            needed = sorted({int(row) for row in rows[colours[columns] == colour]})
            changes = forward([outputs[row] for row in needed], unit)
            sweeps.append(dict(zip(needed, changes, strict=True)))
        return tuple([sweeps[colours[j]][int(i)] for i, j in zip(rows, columns, strict=True)])
    directions = [symbol(f"\0column {k}", x.shape, x.dtype) for k, x in enumerate(variables)]
    moves = [symbol(f"\0in column {k}", x.shape, "bool") for k, x in enumerate(variables)]
    changes = forward(
        outputs, dict(zip(variables, directions, strict=True)), dict(zip(variables, moves, strict=True))
    )
    wide = _batched(changes, directions, moves, colours, count)
    return _gathered(wide, colours[columns], rows, _starts(outputs)[-1])


def _swept_rows(
    outputs: Sequence[Expr],
    variables: Sequence[Expr],
    colours: np.ndarray,
    count: int,
    rows: Any,
    columns: Any,
) -> Expr | tuple[Expr, ...]:
    """The entries, from the gradients of the sums of the outputs of each colour."""
    if _of_numbers(outputs, variables):
        sweeps = []
        for colour in range(count):
            summed = [y for y, own in zip(outputs, colours, strict=True) if own == colour]
            record = reverse(summed, [constant(1.0, y.dtype) for y in summed], list(variables))
            sweeps.append([record.adjoint(x) for x in variables])
        return tuple([sweeps[colours[i]][j] for i, j in zip(rows, columns, strict=True)])
    seeds = [symbol(f"\0row {k}", y.shape, y.dtype) for k, y in enumerate(outputs)]
    counts = [symbol(f"\0in row {k}", y.shape, "bool") for k, y in enumerate(outputs)]
    record = reverse(outputs, seeds, list(variables), where_seeded=counts)
    wide = _batched([record.adjoint(x) for x in variables], seeds, counts, colours, count)
    return _gathered(wide, colours[rows], columns, _starts(variables)[-1])


def _nothing(outputs: Sequence[Expr], variables: Sequence[Expr]) -> Expr | tuple[Expr, ...]:
    if _of_numbers(outputs, variables):
        return ()
    dtype = outputs[0].dtype if is_float(outputs[0].dtype) else variables[0].dtype
    return call("broadcast_to", constant(0.0, dtype), shape=(0,))


def _batched(
    swept: Sequence[Expr], units: Sequence[Expr], where: Sequence[Expr], colours: np.ndarray, count: int
) -> list[Expr]:
    """What a sweep gives for every colour, with these in front, row by row: of shape (colours, size).

    units : symbols of the nodes that are coloured; where : for where they are not 0
    """
    starts = _starts(units)
    numbers = call("arange", start=0, stop=count)
    wide_of: dict[Expr, Expr] = {}
    for unit, moves, start, end in zip(units, where, starts, starts[1:], strict=False):
        own = constant(colours[start:end].reshape(unit.shape))  # type: ignore[arg-type]
        ndim = len(unit.shape)
        chosen = equal(expanded(numbers, tuple(range(1, 1 + ndim))) if ndim else numbers, expanded(own, 0))
        wide_of[moves] = chosen
        wide_of[unit] = cast(chosen, unit.dtype)
    added = Batch(count, numbers)
    results = through(swept, wide_of, added)
    return [
        reshaped(added.lifted(wide, own), (count, _size(x)))
        for x, (wide, own) in zip(swept, results, strict=True)
    ]


def _gathered(wide: Sequence[Expr], sweeps: np.ndarray, places: np.ndarray, width: int) -> Expr:
    """The entries by the number of their sweep and their place in it."""
    dtype = np.result_type(*[x.dtype for x in wide])
    same = [x if x.dtype == dtype else cast(x, dtype) for x in wide]
    whole = same[0] if len(same) == 1 else call("concat", *same, axis=1)
    flat = reshaped(whole, (math.prod(whole.shape),))  # type: ignore[arg-type]
    return flat[constant(np.asarray(sweeps * int(width) + places, np.int64))]


def refuse_integers(nodes: Sequence[Expr]) -> None:
    """Derivatives are of floats, by floats."""
    for node in nodes:
        if not is_float(node.dtype):
            raise GradientError(
                f"{node!r} is {node.dtype}, which has no derivative", node=repr(node), site=node.site,
                hint='declare it as "float64"',
            )  # fmt: skip


__all__ = ["Entries", "hessian_entries", "jacobian_entries", "numbered", "refuse_integers"]

"""A sparse Jacobian as an expression of its entries: few sweeps, and the place of each entry in what they give."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphc.autodiff.forward import forward
from graphc.autodiff.jacobian import reshaped
from graphc.autodiff.reverse import reverse
from graphc.autodiff.sparse.colouring import columns_apart, star
from graphc.autodiff.sparse.local import numbered
from graphc.errors import GradientError
from graphc.ir.expr import Expr, cast, constant, symbol
from graphc.ir.types import is_float
from graphc.ops.comparison import equal
from graphc.ops.support.build import call, expanded
from graphc.ops.support.vmap_rules import Batch, through


@dataclass(frozen=True)
class Entries:
    """The entries of a pattern, in its order.

    values : one expression of a vector; of graphs of numbers alone an expression for each
    mode : "forward" or "reverse"
    colours : the sweeps
    """

    values: Expr | tuple[Expr, ...]
    mode: str
    colours: int


def jacobian_entries(
    outputs: Sequence[Expr], variables: Sequence[Expr], pattern: Any, order: np.ndarray
) -> Entries:
    """The derivatives at the places of a CSR pattern, in an order of their own: columns by forward mode, or rows by reverse mode,
    whichever need fewer sweeps."""
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

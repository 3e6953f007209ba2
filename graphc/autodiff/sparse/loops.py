"""Patterns through loops: that of a body once, and from step to step what its carries and rows depend on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.ir.body import Body
from graphc.ir.expr import Expr
from graphc.ops.support.sparse_arrays import scipy_sparse


def _size(node: Expr) -> int:
    return math.prod(node.shape)  # type: ignore[arg-type]


def of_scan(
    node: Expr, tables: Sequence[Any], count: int, pattern: Callable[[Sequence[Expr], Sequence[Expr]], Any]
) -> list[Any]:
    """For each result of a loop a sparse truth table, element by variable, of `count` variables.

    tables : that of each operand, None where it depends on no variable; pattern : of expressions by symbols
    """
    sparse = scipy_sparse()
    body, carries, rows, length, reverse, _ = node.attrs
    known = [x for x in body.inputs if x.dtype.kind == "f"]
    inner = _of_body(body, known, pattern)
    below = [
        sparse.csr_array((_size(operand), count), dtype=bool) if table is None else table
        for operand, table in zip(node.operands, tables, strict=True)
    ]
    real = [x.dtype.kind == "f" for x in body.inputs]
    states = [below[slot] for slot in range(carries) if real[slot]]
    steps = [(below[slot], _size(body.inputs[slot])) for slot in range(carries, carries + rows) if real[slot]]
    fixed = [below[slot] for slot in range(carries + rows, len(below)) if real[slot]]
    ends = np.cumsum([0, *map(_size, body.outputs)])
    # the carries that are floats stand one behind the other, as the body reads them
    kept = [slice(ends[slot], ends[slot + 1]) for slot in range(carries) if real[slot]]
    given: list[Any] = [None] * length
    state = [*states]
    last: Any = None
    for step in reversed(range(length)) if reverse else range(length):
        seen = [table[step * size : (step + 1) * size] for table, size in steps]
        parts = [*state, *seen, *fixed]
        last = sparse.csr_array(inner @ sparse.vstack(parts, format="csr")) if parts else None
        if last is None:
            last = sparse.csr_array((int(ends[-1]), count), dtype=bool)
        given[step] = last
        state = [last[place] for place in kept]
    results, carried = [], iter(state)
    for number, output in enumerate(body.outputs):
        place = slice(ends[number], ends[number + 1])
        if number < carries:
            empty = sparse.csr_array((_size(output), count), dtype=bool)
            results.append(next(carried) if real[number] else empty)
        elif length:
            results.append(sparse.csr_array(sparse.vstack([each[place] for each in given], format="csr")))
        else:
            results.append(sparse.csr_array((0, count), dtype=bool))
    return results


def _of_body(body: Body, known: Sequence[Expr], pattern: Callable[..., Any]) -> Any:
    """What a step's results depend on of its float inputs, whatever the values: remembered by the body."""
    if "_pattern" not in body.__dict__:
        table = pattern(body.outputs, known)
        body.__dict__["_pattern"] = table
    return body.__dict__["_pattern"]


__all__ = ["of_scan"]

"""Loops over the same rows that follow each other, as one: what a row hands over stays in registers.

Schedules make loops of what fits in one, and a Jacobian of a few numbers for each of many rows, as a camera's of each point that
it sees, is several: by hundreds of numbers for a row, which go to memory and come back. Where each row reads and writes its own
row alone, the loops are one, and what nobody else reads is memory of a single pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import prod

from graphc.compiler.loops.program import (
    Assign,
    Buffer,
    Combine,
    For,
    If,
    Index,
    Let,
    Load,
    Private,
    Program,
    Reduce,
    Statement,
    scalars_of,
    walk_scalar,
    walk_statements,
)
from graphc.compiler.loops.prover import substitute
from graphc.compiler.loops.rebuild import at_places, with_all_scalars, with_loads
from graphc.ir import dims
from graphc.ir.dims import Dim, Name
from graphc.util.records import dataclass

MOST_STATEMENTS = 2_000
"""Statements that a row runs: the registers of a processor are for tens of numbers, the nearest cache for thousands."""

LEAST_KEPT, MOST_KEPT = 32, 512
"""Numbers that a row hands over. Few of them go through the cache fast, and a long loop is no vector across rows any more:
equations of motion with their Jacobian hand over 11, and take 1.6 of the time in one loop over 1,000 rows."""


@dataclass(frozen=True)
class _Access:
    """An element that a statement touches."""

    buffer: str
    index: Index
    writes: bool


def rows_together(program: Program) -> Program:
    """The program with loops over rows made one where each row is by itself, and without memory that is a row's own."""
    of_rows = [each for each in program.of_role("workspace") if _is_of_rows(each)]
    if sum(map(_numbers, of_rows)) < LEAST_KEPT:
        return program
    shared = {each.name for each in of_rows}
    body: list[Statement] = []
    joined: list[For] = []
    for each in program.body:
        together = _joined(body[-1], each, shared) if body else None
        if together is None:
            body.append(each)
            continue
        joined = [loop for loop in joined if loop is not body[-1]] + [together]
        body[-1] = together
    if not joined:
        return program
    elsewhere = [
        access.buffer
        for each in body
        if not any(each is loop for loop in joined)
        for access in _accesses(each)
    ]
    own = shared.difference(elsewhere)
    kept: set[str] = set()
    for loop in joined:
        others = {a.buffer for other in joined if other is not loop for a in _accesses(other)}
        change = _own_memory(loop, [each for each in program.buffers if each.name in own - others])
        kept |= change.keys()
        body[next(k for k, each in enumerate(body) if each is loop)] = _with_own_memory(loop, change)
    buffers = tuple([each for each in program.buffers if each.name not in kept])
    return replace(program, buffers=buffers, body=tuple(body))


def _is_of_rows(buffer: Buffer) -> bool:
    """Whether memory has a few numbers for each of so many rows as a call says."""
    return (
        len(buffer.shape) > 0
        and not isinstance(buffer.shape[0], int)
        and all(isinstance(dim, int) for dim in buffer.shape[1:])
    )


def _numbers(buffer: Buffer) -> int:
    """The numbers of a row."""
    return prod(int(dim) for dim in buffer.shape[1:])  # type: ignore[call-overload]


def _joined(one: Statement, other: Statement, shared: set[str]) -> For | None:
    """Two loops over rows as one; None where they are no such loops, or hand nothing over."""
    if not (isinstance(one, For) and isinstance(other, For)):
        return None
    if one.extent != other.extent or isinstance(one.extent, int) or one.parallel != other.parallel:
        return None
    if any(loop.order != "free" or loop.vector or not _is_short(loop) for loop in (one, other)):
        return None
    if _statements_run(one) + _statements_run(other) > MOST_STATEMENTS:
        return None
    before, after = list(_accesses(one)), list(_accesses(other))
    written = {a.buffer for a in (*before, *after) if a.writes}
    common = {a.buffer for a in before}.intersection({a.buffer for a in after})
    if not common.intersection(written, shared):
        return None
    for accesses, loop in ((before, one), (after, other)):
        for a in accesses:
            if a.buffer in written and a.buffer in common and not _is_own_row(a.index, loop.index):
                return None

    def place(dim: Dim) -> Dim:
        return substitute(dim, other.index, Name(one.index)) if other.index in dims.names_of(dim) else dim

    return replace(one, body=(*one.body, *(at_places(each, place) for each in other.body)))


def _is_own_row(index: Index, row: str) -> bool:
    return len(index) > 0 and index[0] == Name(row) and all(row not in dims.names_of(d) for d in index[1:])


def _is_short(loop: For) -> bool:
    """Whether a row is a few statements of known number that touch elements alone."""
    return all(
        isinstance(each, (Let, Assign, Private, If))
        or (isinstance(each, For) and isinstance(each.extent, int))
        for each in walk_statements(loop.body)
    )


def _statements_run(loop: For) -> int:
    return sum(
        _statements_run(each) * int(each.extent) if isinstance(each, For) else 1  # type: ignore[call-overload]
        for each in loop.body
    )


def _accesses(s: Statement) -> Iterator[_Access]:
    """All elements that a statement and what is in it touch."""
    for each in walk_statements((s,)):
        if isinstance(each, Assign):
            yield _Access(each.buffer, each.index, True)
        elif isinstance(each, Combine):
            yield _Access(each.target, each.index, True)
        elif isinstance(each, Reduce):
            yield from (_Access(name, (), True) for name in (each.target, each.error) if name)
        for view in getattr(each, "views", ()):
            yield _Access(view.buffer, (), True)
        for scalar in scalars_of(each):
            for x in walk_scalar(scalar):
                if isinstance(x, Load):
                    yield _Access(x.buffer, x.index, False)


def _own_memory(loop: For, buffers: list[Buffer]) -> dict[str, Buffer]:
    """Those of some buffers that a loop touches in its own row alone, as a row has them."""
    accesses = list(_accesses(loop))
    own: dict[str, Buffer] = {}
    numbers = 0
    for buffer in buffers:
        touched = [a.index for a in accesses if a.buffer == buffer.name]
        if (
            touched
            and numbers + _numbers(buffer) <= MOST_KEPT
            and all(_is_own_row(d, loop.index) for d in touched)
        ):
            own[buffer.name] = replace(buffer, shape=buffer.shape[1:])
            numbers += _numbers(buffer)
    return own


def _with_own_memory(loop: For, own: dict[str, Buffer]) -> For:
    """A loop over rows that keeps some memory for each row by itself."""

    def read(x: Load) -> Load:
        return replace(x, index=x.index[1:]) if x.buffer in own else x

    def written(s: Statement) -> Statement:
        if isinstance(s, Assign) and s.buffer in own:
            return replace(s, index=s.index[1:])
        if isinstance(s, (For, If)):
            return replace(s, body=tuple(map(written, s.body)))
        return s

    body = [written(with_all_scalars(s, lambda x: with_loads(x, read))) for s in loop.body]
    return replace(loop, body=(*map(Private, own.values()), *body))


__all__ = ["rows_together"]

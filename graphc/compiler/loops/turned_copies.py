"""Small arrays that vectors read across their rows, over and over, are read from a copy with that axis last.

The distances of many points from ten centres are vectors over the centres, and the matrix of a recurrence is read by columns at
each of its steps: elements that are a row apart come one by one. Turned once, before the loop around, they come as vectors.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

from graphc.compiler.loops.program import (
    NESTING,
    Assign,
    Buffer,
    Combine,
    For,
    Index,
    Load,
    Private,
    Program,
    Reduce,
    RoutineCall,
    Scalar,
    Statement,
    body_of,
    scalars_of,
    walk_scalar,
    walk_statements,
)
from graphc.compiler.loops.prover import coefficient
from graphc.compiler.loops.rebuild import with_loads, with_scalars
from graphc.ir import dims
from graphc.ir.dims import Name
from graphc.util.records import dataclass

MOST_ELEMENTS = 2_048
"""Elements of an array that is turned: with its copy it stays in the fastest cache."""

FEWEST_PASSES = 4
"""Passes of a loop that become a vector."""

FEWEST_READS = 4
"""Times that it is to be read, at least: turning it reads it once."""


def turned_copies(program: Program) -> Program:
    """The program with copies of what its vectors read across rows."""
    turner = _Turner(program)
    body = turner.block(program.body)
    if not turner.made:
        return program
    return replace(program, buffers=(*program.buffers, *turner.made), body=body)


@dataclass(frozen=True)
class _Across:
    """Reads of a buffer whose place along one axis is a vector's index."""

    buffer: str
    axis: int


class _Turner:
    """Makes the copies of one program."""

    def __init__(self, program: Program) -> None:
        self.buffers = {each.name: each for each in program.buffers}
        self.taken = set(self.buffers) | set(program.lengths)
        for each in walk_statements(program.body):
            self.taken |= {str(getattr(each, field, "")) for field in ("name", "index", "target")}
            if isinstance(each, Private):
                self.taken.add(each.buffer.name)
        self.made: list[Buffer] = []

    def block(self, body: tuple[Statement, ...]) -> tuple[Statement, ...]:
        """A body; before the outermost loop that writes nothing of an array, and reads it often enough, is its copy."""
        result: list[Statement] = []
        for each in body:
            if isinstance(each, (For, Reduce)):
                written = _written(each)
                for across in [a for a in self._wanted(each) if a.buffer not in written]:
                    copy, loops = self._copy(across)
                    result.append(loops)
                    each = _with_copy(each, across, copy.name, None)
            if isinstance(each, NESTING):
                each = replace(each, body=self.block(each.body))
            result.append(each)
        return tuple(result)

    def _wanted(self, s: Statement) -> list[_Across]:
        """What a statement's vectors read across rows, each often enough, in order."""
        reads: dict[_Across, float] = {}

        def count(s: Statement, loops: tuple[For, ...]) -> None:
            if isinstance(s, For):
                loops = (*loops, s)
            if loops and loops[-1].order == "free" and _passes(loops[-1]) >= FEWEST_PASSES:
                for across, x in _across(s, loops[-1].index):
                    if across.buffer in self.buffers and _is_small(self.buffers[across.buffer]):
                        named = {name for dim in x.index for name in dims.names_of(dim)}
                        times = prod(_passes(loop) for loop in loops if loop.index not in named)
                        reads[across] = max(reads.get(across, 0), times)
            for inner in body_of(s):
                count(inner, loops)

        count(s, ())
        return [across for across, times in reads.items() if times >= FEWEST_READS]

    def _name(self, prefix: str) -> str:
        number = 0
        while f"{prefix}{number}" in self.taken:
            number += 1
        self.taken.add(f"{prefix}{number}")
        return f"{prefix}{number}"

    def _copy(self, across: _Across) -> tuple[Buffer, Statement]:
        """The copy, and the loops that make it."""
        source = self.buffers[across.buffer]
        copy = Buffer(self._name("t"), source.dtype, _turned(source.shape, across.axis), "workspace")
        self.made.append(copy)
        self.buffers[copy.name] = copy
        indices = [self._name("i") for _ in source.shape]
        place = tuple([Name(index) for index in indices])
        statement: Statement = Assign(
            copy.name, _turned(place, across.axis), Load(source.name, place, source.dtype)
        )
        inner = True
        for index, extent in reversed(list(zip(indices, source.shape, strict=True))):
            statement = For(index, extent, "free", (statement,), vector=inner)
            inner = False
        self.taken.difference_update(indices)
        return copy, statement


def _turned(index: Index, axis: int) -> Index:
    """Places with one of them last."""
    return (*index[:axis], *index[axis + 1 :], index[axis])


def _written(statement: Statement) -> set[str]:
    """The buffers that a statement writes."""
    names: set[str] = set()
    for each in walk_statements((statement,)):
        if isinstance(each, Assign):
            names.add(each.buffer)
        elif isinstance(each, Reduce):
            names |= {each.target, each.error or ""}
        elif isinstance(each, Combine):
            names.add(each.target)
        elif isinstance(each, RoutineCall):
            names |= {view.buffer for view in each.views}
        elif isinstance(each, Private):
            names.add(each.buffer.name)
    return names


def _is_small(buffer: Buffer) -> bool:
    """Whether a buffer has a known number of floats, not too many."""
    sizes = [dim for dim in buffer.shape if isinstance(dim, int)]
    return buffer.dtype.kind == "f" and len(sizes) == len(buffer.shape) and 0 < prod(sizes) <= MOST_ELEMENTS


def _passes(loop: For) -> float:
    """How often a loop runs; one of no known length many times."""
    return loop.extent if isinstance(loop.extent, int) else float("inf")


def _axis(x: Load, index: str) -> int | None:
    """The axis along which an element's place is a loop's index and which is not the last; None where none is, or several are."""
    axes = [k for k, dim in enumerate(x.index) if index in dims.names_of(dim)]
    if len(axes) != 1 or axes[0] == len(x.index) - 1 or coefficient(x.index[axes[0]], index) != 1:
        return None
    return axes[0]


def _across(s: Statement, index: str) -> list[tuple[_Across, Load]]:
    """What a statement itself reads across rows."""
    found: list[tuple[_Across, Load]] = []
    for scalar in scalars_of(s):
        for x in walk_scalar(scalar):
            axis = _axis(x, index) if isinstance(x, Load) else None
            if isinstance(x, Load) and axis is not None:
                found.append((_Across(x.buffer, axis), x))
    return found


def _with_copy(s: Statement, across: _Across, copy: str, index: str | None) -> Statement:
    """A statement that reads the copy wherever it read across rows; index : of the free loop around it."""

    def read(x: Load) -> Load:
        if index is None or x.buffer != across.buffer or _axis(x, index) != across.axis:
            return x
        return replace(x, buffer=copy, index=_turned(x.index, across.axis))

    def change(x: Scalar) -> Scalar:
        return with_loads(x, read)

    s = with_scalars(s, change)
    if isinstance(s, For):
        index = s.index if s.order == "free" else None
    if isinstance(s, NESTING):
        return replace(s, body=tuple([_with_copy(each, across, copy, index) for each in s.body]))
    return s


__all__ = ["turned_copies"]

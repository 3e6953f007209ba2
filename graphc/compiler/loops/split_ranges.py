"""Loops cut where conditions on their index change: what is padded, shifted or stacked is decided for a piece, not an element.

A sum of shifted terms, as the derivative of x[1:] − x[:-1] is one, asks of every element which of them reach it. Between the
first places and the last ones all do: a loop over those has no conditions left and becomes vectors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from operator import sub
from typing import Any

from graphc.compiler.loops.block_writer import folded
from graphc.compiler.loops.program import (
    Apply,
    Assign,
    BufferView,
    Combine,
    Constant,
    Exit,
    For,
    Holds,
    If,
    IndexValue,
    Let,
    Load,
    Private,
    Program,
    Reduce,
    Require,
    RoutineCall,
    Scalar,
    Statement,
    While,
    apply,
    scalars_of,
    walk_scalar,
    walk_statements,
)
from graphc.compiler.loops.prover import coefficient, substitute
from graphc.ir import dims
from graphc.ir.dims import Dim, Name
from graphc.ir.types import BOOL

MOST_CUTS = 8
"""Places at which one loop is cut."""

MOST_STATEMENTS = 600
"""Statements that the pieces of one loop may have together."""

MOST_PIECES = 4
LONG = 8
"""Pieces of a loop that could be written out, and the passes that each has at least, for which it is cut instead. A step of an
LSTM has products of a column and two rows of 14 beside each other; written out they were two thirds of its code."""

_SHORT = 4
"""Passes up to which a loop of known length is not worth cutting: it is written out, and all is decided then."""


def split_ranges(program: Program) -> Program:
    """The program with its loops over ranges in which conditions on their index are decided."""
    if not any(isinstance(each, For) and _cuts(each, program) for each in walk_statements(program.body)):
        return program
    splitter = _Splitter(program)
    body = splitter.block(program.body)
    return replace(program, body=folded(body, [buffer.name for buffer in program.buffers]))


def _conditions(loop: For) -> set[Dim]:
    """All that a body asks of places."""
    result: set[Dim] = set()
    for statement in walk_statements(loop.body):
        for scalar in scalars_of(statement):
            for x in walk_scalar(scalar):
                if isinstance(x, Holds):
                    result.update(x.conditions)
                elif isinstance(x, Load):
                    result.update(x.guard)
    return result


def _cut(condition: Dim, index: str, lengths: frozenset[str]) -> tuple[int, Dim] | None:
    """(1, t) for a condition that is index ≥ t, (−1, t) for one that is index < t; None of others."""
    slope = coefficient(condition, index)
    if slope not in (1, -1):
        return None
    rest = substitute(condition, index, 0)
    if not lengths.issuperset(dims.names_of(rest)):
        return None
    return (1, dims.multiply(-1, rest)) if slope == 1 else (-1, dims.add(rest, 1))


def _cuts(loop: For, program: Program) -> list[Dim]:
    """Where a loop is cut, in order: a number of places behind its begin, or before its end."""
    if isinstance(loop.extent, int) and loop.extent <= _SHORT:
        return []
    lengths = frozenset(program.lengths)
    if not lengths.issuperset(dims.names_of(loop.extent)):
        return []
    early: set[int] = set()
    late: set[int] = set()
    for condition in _conditions(loop):
        found = _cut(condition, loop.index, lengths)
        if found is None:
            continue
        to_end = dims.subtract(found[1], loop.extent)
        if isinstance(found[1], int) and found[1] > 0 and not (isinstance(to_end, int) and to_end >= 0):
            early.add(found[1])
        elif not isinstance(found[1], int) and isinstance(to_end, int) and to_end < 0:
            late.add(to_end)
    cuts: list[Dim] = [*sorted(early), *(dims.add(loop.extent, place) for place in sorted(late))]
    size = sum(1 for _ in walk_statements(loop.body))
    return cuts if len(cuts) <= MOST_CUTS and size * (len(cuts) + 1) <= MOST_STATEMENTS else []


def long_pieces(nest: For) -> bool:
    """Whether a nest of known lengths asks of each index what a few pieces of its loop decide, long enough for vectors: written
    out it would have no more decided, and be longer."""
    asked = _conditions(nest)
    for loop in (nest, *walk_statements(nest.body)):
        if not isinstance(loop, For) or not isinstance(loop.extent, int):
            continue
        places = {0, loop.extent}
        for condition in [each for each in asked if loop.index in dims.names_of(each)]:
            found = _cut(condition, loop.index, frozenset())
            if found is None or not isinstance(found[1], int):
                return False
            asked.discard(condition)
            places.add(min(max(found[1], 0), loop.extent))
        ends = sorted(places)
        if len(ends) > 2 and (len(ends) - 1 > MOST_PIECES or min(map(sub, ends[1:], ends)) < LONG):
            return False
    return not asked


class _Splitter:
    """Cuts the loops of one program."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.lengths = frozenset(program.lengths)
        self.taken = {buffer.name for buffer in program.buffers} | set(program.lengths)
        for each in walk_statements(program.body):
            self.taken |= {str(getattr(each, field, "")) for field in ("name", "index", "target")}

    def _name(self) -> str:
        number = 0
        while f"p{number}" in self.taken:
            number += 1
        self.taken.add(f"p{number}")
        return f"p{number}"

    def block(self, body: tuple[Statement, ...]) -> tuple[Statement, ...]:
        result: list[Statement] = []
        for each in body:
            if isinstance(each, For):
                result += self._loop(each)
            elif isinstance(each, (If, Reduce, While)):
                result.append(replace(each, body=self.block(each.body)))
            else:
                result.append(each)
        return tuple(result)

    def _loop(self, loop: For) -> list[Statement]:
        cuts = _cuts(loop, self.program)
        if not cuts:
            return [replace(loop, body=self.block(loop.body))]
        named = not all(isinstance(cut, int) for cut in (*cuts, loop.extent))
        result: list[Statement] = []
        start: Dim = 0
        for number in range(len(cuts) + 1):
            stop = cuts[number] if number < len(cuts) else loop.extent
            if named and number < len(cuts):
                # not before the last piece, or the begin, and not behind the end: a length may be short
                end = apply("minimum", IndexValue(stop), IndexValue(loop.extent))
                name = self._name()
                in_order = isinstance(stop, int) and start == 0
                result.append(Let(name, end if in_order else apply("maximum", end, IndexValue(start))))
                stop = Name(name)
            piece = _Piece(self, loop, cuts, number, start)
            body = folded(piece.block(loop.body), [buffer.name for buffer in self.program.buffers])
            ends = any(
                isinstance(place, int) for place in (piece.below, dims.subtract(loop.extent, piece.above))
            )
            vector = loop.vector and not (named and ends)  # an end of few passes
            result.append(
                replace(loop, extent=dims.subtract(stop, start), body=self.block(body), vector=vector)
            )
            start = stop
        return result


class _Piece:
    """One piece of a loop: what it decides, and where its places begin."""

    def __init__(self, splitter: _Splitter, loop: For, cuts: list[Dim], number: int, start: Dim) -> None:
        self.index, self.start, self.lengths = loop.index, start, splitter.lengths
        self.above: Dim = cuts[number - 1] if number else 0  # places are not below it
        self.below: Dim = cuts[number] if number < len(cuts) else loop.extent  # and below this

    def decided(self, condition: Dim) -> bool | None:
        """What a condition is everywhere in the piece; None where it may be both."""
        found = _cut(condition, self.index, self.lengths)
        if found is None:
            return None
        sign, place = found
        over, under = dims.subtract(self.above, place), dims.subtract(place, self.below)
        if isinstance(over, int) and over >= 0:
            return sign == 1
        if isinstance(under, int) and under >= 0:
            return sign == -1
        return None

    def dim(self, dim: Dim) -> Dim:
        """A polynomial with the place that the piece's index stands for."""
        if self.start == 0 or self.index not in dims.names_of(dim):
            return dim
        return substitute(dim, self.index, dims.add(Name(self.index), self.start))

    def _open(self, conditions: tuple[Dim, ...]) -> tuple[Dim, ...] | None:
        """What is left to ask; None where something does not hold."""
        answers = [(condition, self.decided(condition)) for condition in conditions]
        if any(answer is False for _, answer in answers):
            return None
        return tuple([self.dim(condition) for condition, answer in answers if answer is None])

    def scalar(self, x: Scalar) -> Scalar:
        match x:
            case IndexValue(dim):
                return IndexValue(self.dim(dim))
            case Holds(conditions):
                rest = self._open(conditions)
                return Constant(bool(rest is not None), BOOL) if not rest else Holds(rest)
            case Load(_, index, dtype, guard):
                rest = self._open(guard)
                if rest is None:
                    return Constant(0, dtype)
                return replace(x, index=tuple(map(self.dim, index)), guard=rest)
            case Apply("where", (condition, one, other)):
                chosen = self.scalar(condition)
                if isinstance(chosen, Constant):
                    side = self.scalar(one if chosen.value else other)
                    if side.dtype == x.dtype:
                        return side
                return replace(x, operands=(chosen, self.scalar(one), self.scalar(other)))
            case Apply(_, operands):
                return replace(x, operands=tuple(map(self.scalar, operands)))
        return x

    def view(self, view: BufferView) -> BufferView:
        axes = tuple([(name, self.dim(extent)) for name, extent in view.axes])
        return BufferView(axes, view.buffer, tuple(map(self.dim, view.index)))

    def block(self, body: tuple[Statement, ...]) -> tuple[Statement, ...]:
        result: list[Statement] = []
        for each in body:
            result.append(_RULES[type(each)](self, each) if type(each) in _RULES else each)
        return tuple(result)


_RULES: dict[type, Callable[[_Piece, Any], Statement]] = {
    Let: lambda p, s: replace(s, value=p.scalar(s.value)),
    Assign: lambda p, s: replace(s, index=tuple(map(p.dim, s.index)), value=p.scalar(s.value)),
    Combine: lambda p, s: replace(
        s,
        index=tuple(map(p.dim, s.index)),
        value=p.scalar(s.value),
        place=None if s.place is None else p.dim(s.place),
    ),
    For: lambda p, s: replace(s, extent=p.dim(s.extent), body=p.block(s.body)),
    Reduce: lambda p, s: replace(s, body=p.block(s.body)),
    If: lambda p, s: replace(s, condition=p.scalar(s.condition), body=p.block(s.body)),
    Require: lambda p, s: replace(s, condition=p.scalar(s.condition)),
    Exit: lambda p, s: replace(s, condition=p.scalar(s.condition)),
    While: lambda p, s: replace(s, body=p.block(s.body)),
    Private: lambda p, s: replace(s, buffer=replace(s.buffer, shape=tuple(map(p.dim, s.buffer.shape)))),
    RoutineCall: lambda p, s: replace(
        s,
        result=p.view(s.result),
        operands=tuple(map(p.view, s.operands)),
        more=tuple(map(p.view, s.more)),
    ),
}


__all__ = ["split_ranges"]

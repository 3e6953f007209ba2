"""Short loops that decide by their index are written out: what a stack, a scattered element or an identity is at each place.

A formula over elements x[0], x[1], … that is stacked, and the Jacobian of it, are loops in which every element asks what it is.
Written out there is nothing left to ask: conditions and choices on them are decided, and what is known of memory that is written
once, as a row of the identity, stands in its place. What nobody then asks for is never written.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import cache
from itertools import count

import numpy as np

from graphc.compiler.loops.block_writer import without_unread, without_unread_memory
from graphc.compiler.loops.constant_folding import computed, is_number
from graphc.compiler.loops.program import (
    Apply,
    Assign,
    Buffer,
    Constant,
    For,
    Holds,
    If,
    Index,
    IndexValue,
    Let,
    Load,
    Private,
    Program,
    Reduce,
    Ref,
    Scalar,
    Statement,
    While,
    dims_of,
    scalars_of,
    walk_scalar,
    walk_statements,
)
from graphc.compiler.loops.prover import substitute
from graphc.compiler.loops.split_ranges import long_pieces
from graphc.ir import dims
from graphc.ir.dims import Dim
from graphc.ir.op import find
from graphc.ir.types import BOOL, INT64
from graphc.util.records import dataclass

MOST_PASSES = 1_024
"""Passes of a nest that is written out."""

MOST_VALUES = 1_500
"""Operations that a nest may come to, written out; of more it stays as it is."""

MOST_OF_A_PROGRAM = 2_500
"""The same for all nests of a program: LLVM's time grows faster than code without loops does."""

INSTRUCTIONS = 25.0
"""Of machine code for each nanosecond that a function takes: a sine or a power becomes that much wherever it is written."""


class _TooLarge(Exception):
    """A nest comes to too much, or its passes are not apart."""


@cache
def _weight(name: str) -> int:
    """How many simple operations one comes to."""
    op = find(name)
    nanoseconds = 0.0 if op is None else op.nanoseconds or 0.0
    return round(INSTRUCTIONS * nanoseconds) if nanoseconds > 0.5 else 1


def unroll(program: Program) -> Program:
    """The program with its short loops that ask of their index written out."""
    if not any(isinstance(each, For) and _asks(each, {}) for each in walk_statements(program.body)):
        return program
    written: dict[str, int] = {}
    for each in walk_statements(program.body):
        name = str(getattr(each, "buffer", getattr(each, "target", "")))
        written[name] = written.get(name, 0) + 1
    own = {each.name for each in program.of_role("workspace") if written.get(each.name) == 1}
    private = {each.buffer.name for each in walk_statements(program.body) if isinstance(each, Private)}
    taken = {each.name for each in program.buffers} | private
    body = without_unread_memory(_Unroller(own, taken).block(program.body, top=True))
    buffers, body = without_unread(program.buffers, body)
    return replace(program, buffers=buffers, body=body)


def _asks(loop: For, known: Collection[str]) -> bool:
    """Whether a nest of known lengths has a condition on an index of its own, and nothing but elements in it.

    known : memory of which elements are numbers: what reads it at an index asks as well
    """
    inside = (loop, *walk_statements(loop.body))
    indices = {each.index for each in inside if isinstance(each, For)}
    if not all(isinstance(each, (For, Let, Assign, Private)) for each in inside):
        return False
    passes = _passes(loop)
    if passes is None or passes > MOST_PASSES:
        return False
    named = {each.name for each in walk_statements(loop.body) if isinstance(each, Let)}
    if any(
        named.intersection(dims.names_of(d)) for each in walk_statements(loop.body) for d in dims_of(each)
    ):
        return False  # places that are read from memory

    def asked(x: Scalar) -> bool:
        if isinstance(x, Load):
            of_known = x.index if x.buffer in known else ()
            return any(indices.intersection(dims.names_of(dim)) for dim in (*x.guard, *of_known))
        return isinstance(x, Holds) and any(indices.intersection(dims.names_of(dim)) for dim in x.conditions)

    return any(
        asked(x)
        for each in inside
        if not isinstance(each, For)
        for scalar in scalars_of(each)
        for x in walk_scalar(scalar)
    )


def _passes(loop: For) -> int | None:
    """How often the innermost bodies of a nest run; None where a length is not known."""
    if not isinstance(loop.extent, int):
        return None
    inner = [_passes(each) for each in loop.body if isinstance(each, For)]
    if None in inner:
        return None
    return loop.extent * max(1, sum(passes for passes in inner if passes is not None))


class _Unroller:
    """Writes loops of one program out.

    own : memory that one statement alone writes; known : what its elements are, where that is a number
    taken : the names of all memory
    """

    def __init__(self, own: set[str], taken: set[str]) -> None:
        self.own = own
        self._taken = taken
        self.known: dict[str, dict[Index, Constant]] = {}
        self.names = 0
        self.count = 0

    def another(self, name: str) -> str:
        """A name for memory that nothing has yet."""
        found = next(other for k in count(1) if (other := f"{name}_{k}") not in self._taken)
        self._taken.add(found)
        return found

    def block(self, body: tuple[Statement, ...], top: bool = False) -> tuple[Statement, ...]:
        result: list[Statement] = []
        for each in body:
            if isinstance(each, For) and self._is_to_be(each):
                nest = _Nest(self, each)
                try:
                    nest.block(each, _Pass({}, {}, {}))
                except _TooLarge:
                    result.append(each)
                    continue
                result += nest.statements()
                self.count += nest.count
                if top:
                    self.known |= nest.known
            elif isinstance(each, (For, If, Reduce, While)):
                result.append(replace(each, body=self.block(each.body)))
            else:
                result.append(each)
        return tuple(result)

    def _is_to_be(self, loop: For) -> bool:
        """Whether a nest is to be written out."""
        if not _asks(loop, self.known):
            return False
        return not long_pieces(loop) or any(
            isinstance(x, Load) and x.buffer in self.known
            for each in walk_statements(loop.body)
            for scalar in scalars_of(each)
            for x in walk_scalar(scalar)
        )


class _Later:
    """A named value of one pass: written where it stood, if anything asks for it."""

    def __init__(self, value: Scalar, at: _Pass) -> None:
        self.value, self.at = value, at
        self.place: list[Statement] = []
        self.known: Scalar | None = None


@dataclass(frozen=True)
class _Pass:
    """Where in a nest.

    indices : what the loops around are at; names : the values named so far; memory : what a pass has for itself, by its own name
    """

    indices: dict[str, int]
    names: dict[str, _Later]
    memory: dict[str, str]

    def inner(self, index: str, k: int) -> _Pass:
        return _Pass({**self.indices, index: k}, dict(self.names), dict(self.memory))


class _Nest:
    """One nest written out."""

    def __init__(self, around: _Unroller, loop: For) -> None:
        self.around = around
        self.assigned = {each.buffer for each in walk_statements(loop.body) if isinstance(each, Assign)}
        self.stored: dict[tuple[str, Index], Scalar] = {}
        self.at_once = {
            each.name
            for each in walk_statements(loop.body)
            if isinstance(each, Let)
            and any(isinstance(x, Load) and x.buffer in self.assigned for x in walk_scalar(each.value))
        }
        self.pieces: list[list[Statement]] = []
        self.known: dict[str, dict[Index, Constant]] = {}
        self.own: set[str] = set()  # memory of single passes
        self.positive: set[str] = set()
        self.count = 0

    def statements(self) -> Iterator[Statement]:
        for piece in self.pieces:
            yield from piece

    def block(self, loop: For, around: _Pass) -> None:
        """The passes of a loop, one after the other."""
        for k in range(int(loop.extent)):  # type: ignore[call-overload]
            now = around.inner(loop.index, k)
            for each in loop.body:
                if isinstance(each, Let):
                    now.names[each.name] = later = _Later(each.value, now)
                    self.pieces.append(later.place)
                    if each.name in self.at_once:  # what it reads is written here too
                        self._named(later)
                elif isinstance(each, For):
                    self.block(each, now)
                elif isinstance(each, Private):
                    self._own_memory(each.buffer, now)
                elif isinstance(each, Assign):
                    self._store(each, now)

    def _own_memory(self, buffer: Buffer, now: _Pass) -> None:
        """What one pass has for itself under a name of its own: all passes stand in one block."""
        name = self.around.another(buffer.name)
        now.memory[buffer.name] = name
        self.assigned.add(name)
        self.own.add(name)
        self.pieces.append([Private(replace(buffer, name=name))])

    def _store(self, s: Assign, now: _Pass) -> None:
        place = tuple([_dim(dim, now.indices) for dim in s.index])
        buffer = now.memory.get(s.buffer, s.buffer)
        value = self.scalar(s.value, now)
        own = buffer in self.around.own or buffer in self.own
        if not isinstance(value, (Constant, Ref)) and own:
            later = _Later(s.value, now)
            self.pieces.append(later.place)
            value = self._put(later, value)
        if (buffer, place) in self.stored:
            raise _TooLarge
        self.stored[buffer, place] = value
        self.pieces.append([Assign(buffer, place, value)])
        if isinstance(value, Constant) and own and all(isinstance(k, int) for k in place):
            self.known.setdefault(buffer, {})[place] = value

    def _named(self, later: _Later) -> Scalar:
        if later.known is None:
            value = self.scalar(later.value, later.at)
            later.known = value if isinstance(value, (Constant, Ref)) else self._put(later, value)
        return later.known

    def _put(self, later: _Later, value: Scalar) -> Ref:
        """A name for a value, where it stood."""
        name = f"u{self.around.names}"
        self.around.names += 1
        later.place.append(Let(name, value))
        if self._is_no_negative_zero(value):
            self.positive.add(name)
        return Ref(name, value.dtype)

    def scalar(self, x: Scalar, at: _Pass) -> Scalar:
        operands: tuple[Scalar, ...]
        match x:
            case Ref(name, _):
                return self._named(at.names[name]) if name in at.names else x
            case IndexValue(dim):
                place = _dim(dim, at.indices)
                return Constant(place, INT64) if isinstance(place, int) else IndexValue(place)
            case Holds(conditions):
                rest = _open(conditions, at.indices)
                return Constant(rest is not None, BOOL) if not rest else Holds(rest)
            case Load():
                return self._load(x, at)
            case Apply("where", (condition, one, other)):
                chosen = self.scalar(condition, at)
                if isinstance(chosen, Constant):
                    side = self.scalar(one if chosen.value else other, at)
                    if side.dtype == x.dtype:
                        return side
                operands = (
                    chosen,
                    self.scalar(one, at),
                    self.scalar(other, at),
                )
            case Apply(_, operands):
                operands = tuple([self.scalar(each, at) for each in operands])
            case _:
                return x
        if operands and all(isinstance(each, Constant) for each in operands):
            return computed(x, operands)
        if x.op in ("add", "subtract", "multiply") and x.dtype.kind == "f":
            one, other = operands[0], operands[1]
            if (x.op == "add" and is_number(one, 0.0)) or (x.op == "multiply" and is_number(one, 1.0)):
                one, other = other, one
            if one.dtype == x.dtype and self._is_neutral(x.op, one, other):
                return one
        self.count += _weight(x.op)
        if self.count > min(MOST_VALUES, MOST_OF_A_PROGRAM - self.around.count):
            raise _TooLarge
        return replace(x, operands=operands)

    def _is_neutral(self, op: str, one: Scalar, other: Scalar) -> bool:
        """Whether `one op other` is `one`, to the sign of zeros."""
        if op == "multiply":
            return is_number(other, 1.0)
        if not is_number(other, 0.0):
            return False
        negative = bool(np.signbit(other.value))  # type: ignore[union-attr]
        if op == "subtract":
            return not negative
        return negative or self._is_no_negative_zero(one)

    def _is_no_negative_zero(self, x: Scalar) -> bool:
        """Whether a value is surely not −0: a sum is that only where all of it is."""
        match x:
            case Constant(value):
                return not (value == 0 and bool(np.signbit(value)))
            case Ref(name):
                return name in self.positive
            case Apply("add", operands):
                return any(map(self._is_no_negative_zero, operands))
        return False

    def _load(self, x: Load, at: _Pass) -> Scalar:
        dtype, rest = x.dtype, _open(x.guard, at.indices)
        if rest is None:
            return Constant(dtype.type(0), dtype)
        buffer = at.memory.get(x.buffer, x.buffer)
        place = tuple([_dim(dim, at.indices) for dim in x.index])
        if buffer in self.assigned:
            if rest or (buffer, place) not in self.stored:
                raise _TooLarge
            value = self.stored[buffer, place]
            return value if isinstance(value, (Constant, Ref)) else Load(buffer, place, dtype)
        elements = self.around.known.get(buffer)
        if elements is not None and place in elements and not rest:
            return elements[place]
        return Load(buffer, place, dtype, rest)


def _dim(dim: Dim, indices: dict[str, int]) -> Dim:
    """A polynomial with the indices' numbers."""
    if isinstance(dim, int):
        return dim
    if isinstance(dim, str):
        return indices.get(str(dim), dim)
    for name in dims.names_of(dim):
        if name in indices:
            dim = substitute(dim, name, indices[name])
    return dim


def _open(conditions: tuple[Dim, ...], indices: dict[str, int]) -> tuple[Dim, ...] | None:
    """What is left to ask; None where something does not hold."""
    places = [_dim(dim, indices) for dim in conditions]
    if any(isinstance(place, int) and place < 0 for place in places):
        return None
    return tuple([place for place in places if not isinstance(place, int)])


__all__ = ["unroll"]

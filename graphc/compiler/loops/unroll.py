"""Short loops that decide by their index are written out: what a stack, a scattered element or an identity is at each place.

A formula over elements x[0], x[1], … that is stacked, and the Jacobian of it, are loops in which every element asks what it is.
Written out there is nothing left to ask: conditions and choices on them are decided, and what is known of memory that is written
once, as a row of the identity, stands in its place. What nobody then asks for is never written.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import numpy as np

from graphc.compiler.loops.block_writer import without_unread
from graphc.compiler.loops.program import (
    Apply,
    Assign,
    Constant,
    For,
    Holds,
    If,
    Index,
    IndexValue,
    Let,
    Load,
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
from graphc.ir.op import find, lookup
from graphc.ir.types import BOOL, INT64

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
    if not any(isinstance(each, For) and _asks(each) for each in walk_statements(program.body)):
        return program
    written: dict[str, int] = {}
    for each in walk_statements(program.body):
        name = str(getattr(each, "buffer", getattr(each, "target", "")))
        written[name] = written.get(name, 0) + 1
    own = {each.name for each in program.of_role("workspace") if written.get(each.name) == 1}
    body = _Unroller(own).block(program.body, top=True)
    buffers, body = without_unread(program.buffers, body)
    return replace(program, buffers=buffers, body=body)


def _asks(loop: For) -> bool:
    """Whether a nest of known lengths has a condition on an index of its own, and nothing but elements in it."""
    passes, indices = 1, set()
    for each in (loop, *walk_statements(loop.body)):
        if isinstance(each, For):
            if not isinstance(each.extent, int):
                return False
            passes *= each.extent
            indices.add(each.index)
        elif not isinstance(each, (Let, Assign)):
            return False
    if passes > MOST_PASSES:
        return False
    named = {each.name for each in walk_statements(loop.body) if isinstance(each, Let)}
    if any(
        named.intersection(dims.names_of(d)) for each in walk_statements(loop.body) for d in dims_of(each)
    ):
        return False  # places that are read from memory
    asked = False
    for each in walk_statements(loop.body):
        for scalar in scalars_of(each):
            for x in walk_scalar(scalar):
                conditions = x.conditions if isinstance(x, Holds) else x.guard if isinstance(x, Load) else ()
                asked = asked or any(indices.intersection(dims.names_of(dim)) for dim in conditions)
    return asked


class _Unroller:
    """Writes loops of one program out.

    own : memory that one statement alone writes; known : what its elements are, where that is a number
    """

    def __init__(self, own: set[str]) -> None:
        self.own = own
        self.known: dict[str, dict[Index, Constant]] = {}
        self.names = 0
        self.count = 0

    def block(self, body: tuple[Statement, ...], top: bool = False) -> tuple[Statement, ...]:
        result: list[Statement] = []
        for each in body:
            if isinstance(each, For) and _asks(each) and not long_pieces(each):
                nest = _Nest(self, each)
                try:
                    nest.block(each.body, [(each.index, each.extent)], {}, {})
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


class _Later:
    """A named value of one pass: written where it stood, if anything asks for it."""

    def __init__(self, value: Scalar, indices: dict[str, int], names: dict[str, _Later]) -> None:
        self.value, self.indices, self.names = value, indices, names
        self.place: list[Statement] = []
        self.known: Scalar | None = None


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
        self.positive: set[str] = set()
        self.count = 0

    def statements(self) -> Iterator[Statement]:
        for piece in self.pieces:
            yield from piece

    def block(
        self,
        body: tuple[Statement, ...],
        loops: list[tuple[str, Dim]],
        indices: dict[str, int],
        names: dict[str, _Later],
    ) -> None:
        """The passes of a loop, one after the other."""
        (index, extent), *_ = loops
        for k in range(int(extent)):  # type: ignore[call-overload]
            now, own = {**indices, index: k}, dict(names)
            for each in body:
                if isinstance(each, Let):
                    own[each.name] = later = _Later(each.value, now, own)
                    self.pieces.append(later.place)
                    if each.name in self.at_once:  # what it reads is written here too
                        self._named(later)
                elif isinstance(each, For):
                    self.block(each.body, [(each.index, each.extent)], now, own)
                elif isinstance(each, Assign):
                    self._store(each, now, own)

    def _store(self, s: Assign, indices: dict[str, int], names: dict[str, _Later]) -> None:
        place = tuple([_dim(dim, indices) for dim in s.index])
        value = self.scalar(s.value, indices, names)
        if not isinstance(value, (Constant, Ref)) and s.buffer in self.around.own:
            later = _Later(s.value, indices, names)
            self.pieces.append(later.place)
            value = self._put(later, value)
        if (s.buffer, place) in self.stored:
            raise _TooLarge
        self.stored[s.buffer, place] = value
        self.pieces.append([Assign(s.buffer, place, value)])
        if (
            isinstance(value, Constant)
            and s.buffer in self.around.own
            and all(isinstance(k, int) for k in place)
        ):
            self.known.setdefault(s.buffer, {})[place] = value

    def _named(self, later: _Later) -> Scalar:
        if later.known is None:
            value = self.scalar(later.value, later.indices, later.names)
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

    def scalar(self, x: Scalar, indices: dict[str, int], names: dict[str, _Later]) -> Scalar:
        operands: tuple[Scalar, ...]
        match x:
            case Ref(name, _):
                return self._named(names[name]) if name in names else x
            case IndexValue(dim):
                place = _dim(dim, indices)
                return Constant(place, INT64) if isinstance(place, int) else IndexValue(place)
            case Holds(conditions):
                rest = _open(conditions, indices)
                return Constant(rest is not None, BOOL) if not rest else Holds(rest)
            case Load(buffer, index, dtype, guard):
                return self._load(buffer, index, dtype, guard, indices)
            case Apply("where", (condition, one, other)):
                chosen = self.scalar(condition, indices, names)
                if isinstance(chosen, Constant):
                    side = self.scalar(one if chosen.value else other, indices, names)
                    if side.dtype == x.dtype:
                        return side
                operands = (
                    chosen,
                    self.scalar(one, indices, names),
                    self.scalar(other, indices, names),
                )
            case Apply(_, operands):
                operands = tuple([self.scalar(each, indices, names) for each in operands])
            case _:
                return x
        if operands and all(isinstance(each, Constant) for each in operands):
            return _computed(x, operands)
        if x.op in ("add", "subtract", "multiply") and x.dtype.kind == "f":
            one, other = operands[0], operands[1]
            if (x.op == "add" and _is_number(one, 0.0)) or (x.op == "multiply" and _is_number(one, 1.0)):
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
            return _is_number(other, 1.0)
        if not _is_number(other, 0.0):
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

    def _load(
        self, buffer: str, index: Index, dtype: np.dtype, guard: tuple[Dim, ...], indices: dict[str, int]
    ) -> Scalar:
        rest = _open(guard, indices)
        if rest is None:
            return Constant(dtype.type(0), dtype)
        place = tuple([_dim(dim, indices) for dim in index])
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


def _is_number(x: Scalar, number: float) -> bool:
    return isinstance(x, Constant) and bool(x.value == number)


def _computed(x: Apply, operands: tuple[Scalar, ...]) -> Scalar:
    """An operation on numbers, as the interpreter computes it."""
    if x.op == "astype":
        value = np.asarray(operands[0].value, operands[0].dtype).astype(x.dtype)  # type: ignore[union-attr]
        return Constant(value[()], x.dtype)
    if x.op not in _EXACT:
        return replace(x, operands=operands)
    rows = [np.asarray([each.value], each.dtype) for each in operands]  # type: ignore[union-attr]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        value = np.asarray(lookup(x.op).reference(*rows, *x.attrs)).astype(x.dtype)[0]
    return Constant(value, x.dtype)


_EXACT = frozenset(
    """add subtract multiply negative equal not_equal less less_equal greater greater_equal logical_and logical_or
    logical_not bitwise_and bitwise_or bitwise_xor where minimum maximum abs""".split()
)
"""Operations that every processor computes to the same bits."""

__all__ = ["unroll"]

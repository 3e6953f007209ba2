"""Statements written one after the other, with names of their own; values that are used once stand where they are used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from operator import is_
from typing import TypeAlias

from graphc.compiler.loops.program import (
    NESTING,
    Apply,
    Assign,
    Buffer,
    Combine,
    Conditions,
    Constant,
    Exit,
    For,
    Holds,
    If,
    IndexValue,
    Let,
    Load,
    Order,
    Private,
    Reduce,
    Ref,
    Require,
    RoutineCall,
    Scalar,
    Statement,
    While,
    dims_of,
    scalars_of,
    walk_scalar,
    walk_statements,
)
from graphc.ir import dims
from graphc.ir.dims import Dim, Name

LONGEST = 24
"""Nodes of an expression that stands in one line."""


Block: TypeAlias = list[Statement]
"""The statements of a body that is being written."""


class BlockWriter:
    """Writes statements into the innermost body that is open."""

    def __init__(self, taken: frozenset[str]) -> None:
        self.taken: set[str] = set(taken)
        self._next: dict[str, int] = {}
        self.blocks: list[Block] = [[]]

    def name(self, prefix: str) -> str:
        """A name that nothing has so far."""
        number = self._next.get(prefix, 0)
        while f"{prefix}{number}" in self.taken:
            number += 1
        self._next[prefix] = number + 1
        self.taken.add(f"{prefix}{number}")
        return f"{prefix}{number}"

    def emit(self, statement: Statement) -> None:
        self.blocks[-1].append(statement)

    @contextmanager
    def body(self) -> Iterator[Block]:
        """A new body; whoever opens it puts it into a statement."""
        block: Block = []
        self.blocks.append(block)
        try:
            yield block
        finally:
            self.blocks.pop()

    @contextmanager
    def loops(
        self, extents: tuple[Dim, ...], order: Order, parallel: bool = False
    ) -> Iterator[tuple[Dim, ...]]:
        """A nest of loops, one for each extent but those of 1; yields the index. The outermost may be parallel."""
        places: list[Dim] = []
        open_loops: list[tuple[str, Dim]] = []
        for extent in extents:
            if extent == 1:
                places.append(0)
                continue
            index = self.name("i")
            open_loops.append((index, extent))
            places.append(Name(index))
        with self.body() as block:
            yield tuple(places)
        if 0 in extents:
            self.taken.difference_update(index for index, _ in open_loops)
            return
        inner: tuple[Statement, ...] = tuple(block)
        for depth, (index, extent) in reversed(list(enumerate(open_loops))):
            outermost, innermost = depth == 0, depth == len(open_loops) - 1
            vector = order == "free" and innermost and all(isinstance(each, (Let, Assign)) for each in inner)
            threads = parallel and outermost and order == "free"
            inner = (For(index, extent, order, inner, threads, vector),)
            self.taken.discard(index)  # a loop beside this one may use it again
        for statement in inner:
            self.emit(statement)

    @contextmanager
    def where(self, conditions: Conditions) -> Iterator[None]:
        """The statements inside of it, where conditions hold."""
        with self.body() as body:
            yield
        open_ones = tuple([dim for dim in conditions if not isinstance(dim, int)])
        if any(isinstance(dim, int) and dim < 0 for dim in conditions):
            return
        for statement in (If(Holds(open_ones), tuple(body)),) if open_ones else body:
            self.emit(statement)

    def let(self, value: Scalar, prefix: str = "v") -> Ref:
        """A value under a name."""
        name = self.name(prefix)
        self.emit(Let(name, value))
        return Ref(name, value.dtype)

    def integer(self, value: Scalar) -> Dim:
        """A whole number as part of an index."""
        if isinstance(value, IndexValue):
            return value.dim
        if isinstance(value, Constant):
            return int(value.value)
        if isinstance(value, Ref) and value.name.startswith("p"):
            return Name(value.name)
        return Name(self.let(value, "p").name)


# --- values where they are used -------------------------------------------------------------------------------------------------


def folded(body: tuple[Statement, ...], buffers: Iterable[str]) -> tuple[Statement, ...]:
    """A body in which values that are used once, in the lines behind them, stand there, and what nobody uses is left out.

    buffers : the names of the program's buffers: what is reduced into one of those is used
    """
    while True:
        uses = _uses(body)
        uses.update(buffers)
        again = _folded(body, uses)
        if again == body:
            return body
        body = again  # what nobody uses any more is left out next


def without_unread(
    buffers: Sequence[Buffer], body: tuple[Statement, ...]
) -> tuple[tuple[Buffer, ...], tuple[Statement, ...]]:
    """A program's buffers and body without memory that nobody reads: a range is computed wherever it is needed."""
    read: set[str] = set()
    for statement in walk_statements(body):
        for value in scalars_of(statement):
            read |= {x.buffer for x in walk_scalar(value) if isinstance(x, Load)}
        if isinstance(statement, RoutineCall):
            read |= {view.buffer for view in statement.views}
        if isinstance(statement, Reduce):
            read |= {statement.target, statement.error or ""}
    unread = {each.name for each in buffers if each.role == "workspace" and each.name not in read}

    def without(body: tuple[Statement, ...]) -> tuple[Statement, ...]:
        kept = [each for each in body if not (isinstance(each, Assign) and each.buffer in unread)]
        return tuple([replace(e, body=without(e.body)) if isinstance(e, NESTING) else e for e in kept])

    return tuple([each for each in buffers if each.name not in unread]), without(body)


def without_unread_memory(body: tuple[Statement, ...]) -> tuple[Statement, ...]:
    """A body without memory of single passes that nobody reads any more, and without loops in which nothing is left."""
    statements = list(walk_statements(body))
    read = {
        x.buffer
        for each in statements
        for value in scalars_of(each)
        for x in walk_scalar(value)
        if isinstance(x, Load)
    }
    read |= {each.target for each in statements if isinstance(each, Reduce)}
    read |= {v.buffer for each in statements if isinstance(each, RoutineCall) for v in each.views}
    unread = {each.buffer.name for each in statements if isinstance(each, Private)} - read

    def without(body: tuple[Statement, ...]) -> tuple[Statement, ...]:
        result: list[Statement] = []
        for each in body:
            if isinstance(each, Private) and each.buffer.name in unread:
                continue
            if isinstance(each, Assign) and each.buffer in unread:
                continue
            if isinstance(each, (For, Reduce, If, While)):
                each = replace(each, body=without(each.body))
                if isinstance(each, For) and all(isinstance(inner, Let) for inner in each.body):
                    continue
            result.append(each)
        return tuple(result)

    return without(body) if unread else body


def _uses(body: tuple[Statement, ...]) -> Counter[str]:
    """How often each name is used; those in indices count twice, as they keep their names."""
    uses: Counter[str] = Counter()
    for statement in walk_statements(body):
        for dim in dims_of(statement):
            for name in dims.names_of(dim):
                uses[name] += 2
        for scalar in scalars_of(statement):
            for x in walk_scalar(scalar):
                if isinstance(x, Ref):
                    uses[x.name] += 1
    return uses


def _folded(body: tuple[Statement, ...], uses: Counter[str]) -> tuple[Statement, ...]:
    result: list[Statement] = []
    waiting: dict[str, Let] = {}

    def put(statement: Statement) -> None:
        """A statement behind those of the waiting values that it does not take along, in their order."""
        result.extend(waiting.values())
        waiting.clear()
        result.append(statement)

    for statement in body:
        statement = _with(statement, waiting)
        if isinstance(statement, Let):
            if not uses[statement.name]:
                continue
            if uses[statement.name] == 1:
                waiting[statement.name] = statement
                continue
            put(statement)
        elif isinstance(statement, NESTING):
            inner = _folded(statement.body, uses)
            if isinstance(statement, Reduce) and not uses[statement.target]:
                inner = without_combining(inner, statement.target)
                for each in inner:
                    put(each)
            elif inner or isinstance(statement, (Reduce, While)):
                put(statement if inner == statement.body else replace(statement, body=inner))
        else:
            put(statement)
    return (*result, *waiting.values())


def without_combining(body: tuple[Statement, ...], target: str) -> tuple[Statement, ...]:
    """A body that hands nothing to a reduction that nobody reads."""
    rest = [each for each in body if not (isinstance(each, Combine) and each.target == target)]
    return tuple(
        [
            replace(each, body=without_combining(each.body, target)) if isinstance(each, NESTING) else each
            for each in rest
        ]
    )


def _with(statement: Statement, waiting: dict[str, Let]) -> Statement:
    """A statement with values in place of their names, taken from those that wait."""

    def inlined(x: Scalar, room: int) -> Scalar:
        if isinstance(x, Ref) and x.name in waiting and _size(waiting[x.name].value) <= room:
            return waiting.pop(x.name).value
        if isinstance(x, Apply):
            operands = [inlined(operand, room) for operand in x.operands]
            return x if all(map(is_, operands, x.operands)) else replace(x, operands=tuple(operands))
        return x

    if not waiting:
        return statement
    match statement:
        case Let(_, value) | Assign(_, _, value) | Combine(_, _, value):
            other = inlined(value, LONGEST - _size(value))
            return statement if other is value else replace(statement, value=other)
        case Require(condition) | If(condition) | Exit(condition):
            other = inlined(condition, LONGEST)
            return statement if other is condition else replace(statement, condition=other)
    return statement


def _size(x: Scalar) -> int:
    return sum(1 for _ in walk_scalar(x))


__all__ = ["Block", "BlockWriter", "folded", "without_unread", "without_unread_memory"]

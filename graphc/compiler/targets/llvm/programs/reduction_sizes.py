"""Reductions of the loop IR while they are written, and what decides how: how many numbers they combine, and what those cost."""

from __future__ import annotations

from math import prod

from graphc.compiler.loops.few_passes import SHORT
from graphc.compiler.loops.program import (
    Apply,
    Assign,
    Combine,
    For,
    Let,
    Reduce,
    Statement,
    body_of,
    walk_scalar,
    walk_statements,
)
from graphc.compiler.targets.llvm import reducers
from graphc.compiler.targets.llvm.emit import LlvmValue
from graphc.ir import dims
from graphc.ir.op import Reducer
from graphc.util.records import dataclass

WRITTEN_OUT = 32
"""Passes up to which a loop of known length is written out, and what it hands over is combined in pairs."""

MOST_WRITTEN = 128
"""Statements that this may give."""

MOST_TWICE = 24
"""Operations of a loop that is written once more for few passes."""

PLAIN = 256
"""Numbers of a sum, as many as that at most, that are added without compensation."""


@dataclass
class OpenReduction:
    """A reduction whose body is being written.

    total, error, best, some : addresses of the value so far, of what rounding took from it, and of a place's value and whether
        there is any; None of a reduction into a buffer or of what it does without
    at_once : whether all of it is one block; result : what that is, when it was written
    few : whether its numbers join one after the other, as few as they are
    """

    statement: Reduce
    reducer: Reducer
    total: str | None = None
    error: str | None = None
    best: str | None = None
    some: str | None = None
    at_once: bool = False
    result: LlvmValue | None = None
    few: bool = False

    @property
    def is_packed(self) -> bool:
        """Whether blocks of its numbers are reduced in vectors."""
        kind = self.statement.dtype.kind
        whole = self.total is None and not self.at_once
        return (
            not self.few and not whole and kind == "f" and self.reducer.packed and not self.reducer.of_places
        )


@dataclass(frozen=True)
class SerialBlock:
    """A block of few numbers, that join one after the other as its function joins as many; slot : what they are so far."""

    slot: str


def is_written_out(s: For) -> bool:
    """Whether a loop is so short that its passes stand one after the other."""
    if not isinstance(s.extent, int) or s.extent > WRITTEN_OUT or any(map(body_of, s.body)):
        return False
    return s.extent * len(s.body) <= MOST_WRITTEN


def is_cheap(s: For) -> bool:
    """Whether a body is so little that it may be written twice."""
    operations = 0
    for each in walk_statements(s.body):
        if not isinstance(each, (Let, Assign, Combine)):
            return False
        for x in walk_scalar(each.value):
            operations += isinstance(x, Apply)
            if isinstance(x, Apply) and x.op not in SHORT:
                return False
    return operations <= MOST_TWICE


def is_one_block(s: Reduce) -> bool:
    """Whether all numbers of a reduction come from one loop of known length, in its body, that fits into a block."""
    loops = [each for each in s.body if isinstance(each, For)]
    direct = [each for loop in loops for each in loop.body if isinstance(each, Combine)]
    every = [each for each in walk_statements(s.body) if isinstance(each, Combine)]
    own = [each for each in every if each.target == s.target]
    if len(own) != 1 or own[0] not in direct:
        return False
    (loop,) = [each for each in loops if own[0] in each.body]
    if not isinstance(loop.extent, int) or not 0 < loop.extent <= reducers.BLOCK:
        return False
    return [each for each in walk_statements(loop.body) if isinstance(each, Combine)] == own


def is_short(s: Reduce) -> bool:
    """Whether so few numbers are combined, for each element of the target, that they need no compensation."""

    def numbers(body: tuple[Statement, ...], passes: dict[str, int]) -> int:
        most = 0
        for each in body:
            if isinstance(each, Combine) and each.target == s.target:
                named = {name for dim in each.index for name in dims.names_of(dim)}
                most += prod(count for index, count in passes.items() if index not in named)
            elif isinstance(each, For):
                count = each.extent if isinstance(each.extent, int) else PLAIN + 1
                most += numbers(each.body, {**passes, each.index: count})
            else:
                most += numbers(body_of(each), passes)
        return most

    return numbers(s.body, {}) <= PLAIN


__all__ = ["PLAIN", "OpenReduction", "SerialBlock", "is_cheap", "is_one_block", "is_short", "is_written_out"]

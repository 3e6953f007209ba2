"""Programs of one length as they run where that is small: loops that follow each other run in step.

A sum over x[1:] − x[:-1] and its slope are two loops, of n − 1 and of n passes. For many numbers each of them runs in vectors;
for a handful what counts is that both compute the same differences. In one loop an element that the first has just made is in a
register when the second asks for it, as in the loop that one writes by hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import field, replace

from graphc.compiler.loops.block_writer import folded
from graphc.compiler.loops.exact_sums import exact_sums
from graphc.compiler.loops.program import (
    Apply,
    Assign,
    Buffer,
    Combine,
    Constant,
    For,
    Holds,
    If,
    Let,
    Load,
    Program,
    Reduce,
    Ref,
    Statement,
    scalars_of,
    walk_scalar,
    walk_statements,
)
from graphc.compiler.loops.prover import coefficient, substitute
from graphc.compiler.loops.rebuild import at_places
from graphc.compiler.loops.split_ranges import split_ranges
from graphc.ir import dims
from graphc.ir.dims import Dim, Name
from graphc.ir.op import lookup
from graphc.util.records import dataclass

FEW = 31
"""Passes of the longest loop of what is written for few."""

MOST_OPERATIONS = 48
"""Operations in all loops together: what is written twice takes twice as long to compile."""

SHORT = frozenset("add subtract multiply negative divide sqrt abs minimum maximum where astype".split())
"""Operations of a few instructions. Of all others vectors compute several in the time of one, even of few numbers."""


@dataclass(frozen=True)
class FewPasses:
    """A program for small lengths.

    program : of the same lengths, inputs and results; sums are plain, and its workspace is of known size
    where : what is at least 0 for the lengths that it is for
    """

    program: Program
    where: Dim


def few_passes(program: Program) -> FewPasses | None:
    """The program for few passes; None where no loops can run in step, or where a pass takes long."""
    if program.functions or len(program.lengths) != 1 or not _is_cheap(program.body):
        return None
    length = Name(program.lengths[0])
    extents = [each.extent for each in walk_statements(program.body) if isinstance(each, For)]
    beyond = [dims.subtract(extent, length) for extent in extents]
    if len(beyond) < 2 or not all(isinstance(each, int) for each in beyond):
        return None
    most = FEW - max(each for each in beyond if isinstance(each, int))
    if most < 1:
        return None  # the longest loop has more for any length
    parts = _parts(program.body)
    if parts is None or not any(isinstance(part, _InStep) and len(part.loops) > 1 for part in parts):
        return None
    body: list[Statement] = []
    for part in parts:
        body += part.statements() if isinstance(part, _InStep) else [part]
    buffers = tuple([_of_few(each, program.lengths[0], most) for each in program.buffers])
    if any(each.role == "workspace" and not _is_known(each) for each in buffers):
        return None
    cut = split_ranges(replace(program, buffers=buffers, body=tuple(body)))
    known = folded(_decided(cut.body), [buffer.name for buffer in buffers])
    return FewPasses(exact_sums(replace(cut, body=known)), dims.subtract(most, length))


def _is_cheap(body: tuple[Statement, ...]) -> bool:
    """Whether there are only loops over elements, of few operations that take a few instructions each."""
    operations = 0
    names: set[str] = set()
    for each in walk_statements(body):
        if not isinstance(each, (Let, Assign, Combine, For, Reduce)):
            return False
        if isinstance(each, Let):
            if each.name in names:
                return False  # two loops in step share their names
            names.add(each.name)
        for scalar in scalars_of(each):
            for x in walk_scalar(scalar):
                operations += isinstance(x, Apply)
                if isinstance(x, Apply) and x.op not in SHORT:
                    return False
    return operations <= MOST_OPERATIONS


def _is_known(buffer: Buffer) -> bool:
    return all(isinstance(dim, int) for dim in buffer.shape)


def _of_few(buffer: Buffer, length: str, most: int) -> Buffer:
    """Memory of the program's own, as large as it is for the largest of the small lengths."""
    if buffer.role != "workspace":
        return buffer
    return replace(buffer, shape=tuple([substitute(dim, length, most) for dim in buffer.shape]))


def _decided(body: tuple[Statement, ...]) -> tuple[Statement, ...]:
    """A body without conditions that are known."""
    result: list[Statement] = []
    for each in body:
        if isinstance(each, If) and isinstance(each.condition, Constant):
            result += _decided(each.body) if each.condition.value else ()
        elif isinstance(each, (For, Reduce, If)):
            result.append(replace(each, body=_decided(each.body)))
        else:
            result.append(each)
    return tuple(result)


# --- loops in step ------------------------------------------------------------------------------------------------------------


def _loads(statements: Sequence[Statement]) -> Iterator[Load]:
    for each in walk_statements(tuple(statements)):
        for scalar in scalars_of(each):
            for x in walk_scalar(scalar):
                if isinstance(x, Load):
                    yield x


def _names(statements: Sequence[Statement]) -> set[str]:
    """The names that statements ask for."""
    values = [scalar for each in walk_statements(tuple(statements)) for scalar in scalars_of(each)]
    return {x.name for value in values for x in walk_scalar(value) if isinstance(x, Ref)}


def _stores(statements: Sequence[Statement]) -> set[str]:
    """The buffers that statements write."""
    return {each.buffer for each in walk_statements(tuple(statements)) if isinstance(each, Assign)}


def _made(statements: Sequence[Statement]) -> set[str]:
    """The names that statements give."""
    return {each.name for each in walk_statements(tuple(statements)) if isinstance(each, Let)}


@dataclass
class _InStep:
    """Loops that run in step.

    loops : in their order; reduction : what one of them hands its numbers to; after : what stands behind them
    """

    loops: list[For] = field(default_factory=list)
    reduction: Reduce | None = None
    after: list[Statement] = field(default_factory=list)

    def takes(self, loop: For, reduction: Reduce | None) -> bool:
        """Whether a loop may run in step with these, before what stands behind them."""
        if reduction is not None and self.reduction is not None:
            return False
        wanted, written = _names([loop]), _stores([loop])
        late = _made(self.after) | ({self.reduction.target} if self.reduction is not None else set())
        if wanted & late or {x.buffer for x in _loads([loop])} & _stores(self.after):
            return False
        before = [*self.loops, *self.after]
        if written & (_stores(before) | {x.buffer for x in _loads(before)}):
            return False
        return all(self._is_ready(x, loop.index) for x in _loads([loop]))

    def _is_ready(self, x: Load, index: str) -> bool:
        """Whether what a pass reads is written by then: at its own place or an earlier one."""
        for loop in self.loops:
            for each in loop.body:
                if isinstance(each, Assign) and each.buffer == x.buffer:
                    if len(each.index) != 1 or coefficient(each.index[0], loop.index) != 1:
                        return False
                    ahead = dims.subtract(
                        substitute(x.index[0], index, Name(loop.index)), each.index[0]
                    )  # no name but the index: the difference is a number
                    if not isinstance(ahead, int) or ahead > 0:
                        return False
        return True

    def statements(self) -> list[Statement]:
        """The loops as one, and what stands behind."""
        first = self.loops[0]
        longest = first.extent
        for loop in self.loops:
            more = dims.subtract(loop.extent, longest)
            longest = loop.extent if isinstance(more, int) and more > 0 else longest
        body: list[Statement] = []
        for loop in self.loops:
            own = [_at(each, loop.index, first.index) for each in loop.body]
            if loop.extent == longest:
                body += own
            else:
                left = dims.subtract(loop.extent, dims.add(Name(first.index), 1))
                body.append(If(Holds((left,)), tuple(own)))
        fused: Statement = For(first.index, longest, "fixed", tuple(body))
        if self.reduction is not None:
            fused = replace(self.reduction, summation="serial", body=(fused,))
        return [fused, *self.after]


def _parts(body: tuple[Statement, ...]) -> list[_InStep | Statement] | None:
    """A body as loops in step and what stands between; None of what has other loops."""
    parts: list[_InStep | Statement] = []
    for each in body:
        if isinstance(each, (Let, Assign)):
            last = parts[-1] if parts else None
            if isinstance(last, _InStep):
                last.after.append(each)
            else:
                parts.append(each)
            continue
        reduction = each if isinstance(each, Reduce) else None
        loop = each.body[0] if isinstance(each, Reduce) and len(each.body) == 1 else each
        if not isinstance(loop, For) or not all(isinstance(s, (Let, Assign, Combine)) for s in loop.body):
            return None
        if reduction is not None and (lookup(reduction.reducer).reducer.of_places or reduction.error):  # type: ignore[union-attr]
            return None
        last = parts[-1] if parts else None
        if not isinstance(last, _InStep) or not last.takes(loop, reduction):
            last = _InStep()
            parts.append(last)
        last.loops.append(loop)
        last.reduction = last.reduction if reduction is None else reduction
    return parts


def _at(s: Statement, index: str, other: str) -> Statement:
    """A statement of a loop with another name of the index."""

    def place(dim: Dim) -> Dim:
        return substitute(dim, index, Name(other)) if index in dims.names_of(dim) else dim

    return at_places(s, place) if index != other else s


__all__ = ["SHORT", "FewPasses", "few_passes"]

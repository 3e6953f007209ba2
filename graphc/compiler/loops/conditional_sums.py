"""Sums of what is chosen, as sums where it is chosen: `s <- where(c, x, 0)` becomes `if c: s <- x`.

The slope of a smallest distance reaches one centre of many: nothing is computed, or added, for the others. A condition that does
not change in an inner loop is asked once, around it; one that was kept in memory for that loop alone stands as it was computed.
Loops
after each other that ask the same, as a slope's and that of a product with its derivative, ask it once for all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from graphc.compiler.loops.block_writer import without_unread_memory
from graphc.compiler.loops.program import (
    Apply,
    Assign,
    Combine,
    Constant,
    For,
    If,
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
    walk_scalar,
    walk_statements,
)
from graphc.compiler.loops.prover import substitute
from graphc.compiler.loops.rebuild import at_places, with_places
from graphc.ir import dims


def conditional_sums(program: Program) -> Program:
    """The program with sums into buffers asked for what they add before it is computed."""
    reductions = {
        each.target
        for each in walk_statements(program.body)
        if isinstance(each, Reduce) and _is_sum(each, program)
    }
    if not any(
        isinstance(each, Combine) and _choice(each, reductions) for each in walk_statements(program.body)
    ):
        return program
    return replace(program, body=without_unread_memory(_ChosenSums(program, reductions).block(program.body)))


def _is_sum(s: Reduce, program: Program) -> bool:
    """Whether a reduction adds floats up in a buffer."""
    into = any(buffer.name == s.target for buffer in program.buffers)
    return into and s.reducer == "sum" and s.dtype.kind == "f"


def _choice(s: Combine, reductions: set[str]) -> tuple[Scalar, Scalar] | None:
    """(condition, value) of what is added where a condition holds."""
    match s.value:
        case Apply("where", (condition, value, Constant(number))) if (
            s.target in reductions and number == 0 and value.dtype == s.value.dtype
        ):
            return condition, value
    return None


class _ChosenSums:
    """Rewrites one program."""

    def __init__(self, program: Program, reductions: set[str]) -> None:
        self.reductions = reductions
        statements = list(walk_statements(program.body))
        private = {each.buffer.name for each in statements if isinstance(each, Private)}
        stores = Counter(each.buffer for each in statements if isinstance(each, Assign))
        within = {
            each.buffer: {let.name for let in walk_statements(loop.body) if isinstance(let, Let)}
            for loop in reversed([each for each in statements if isinstance(each, For)])
            if not any(isinstance(each, (Private, Reduce, If, While)) for each in walk_statements(loop.body))
            for each in walk_statements(loop.body)
            if isinstance(each, Assign)
        }  # what is named in the loops around a store, and nowhere else
        self.made: dict[str, Assign] = {
            each.buffer: each
            for each in statements
            if isinstance(each, Assign)
            and each.buffer in private.intersection(within)
            and stores[each.buffer] == 1
            and within[each.buffer].isdisjoint(_names(If(each.value, ())))
            and not any(isinstance(x, Ref) and x.name in within[each.buffer] for x in walk_scalar(each.value))
        }
        stays = {name for name in private if stores[name] == 1}
        stays |= {each.name for each in program.of_role("input", "constant")}
        self.made = {
            name: store
            for name, store in self.made.items()
            if all(x.buffer in stays for x in walk_scalar(store.value) if isinstance(x, Load))
        }  # what they are computed from is the same later on

    def block(self, body: tuple[Statement, ...]) -> tuple[Statement, ...]:
        written: list[Statement] = []
        for each in (made for s in body for made in self._statement(s)):
            together = _asked_together(written[-1], each) if written else None
            if together is None:
                written.append(each)
            else:
                written[-1] = together
        return tuple(written)

    def _statement(self, s: Statement) -> list[Statement]:
        if isinstance(s, Combine):
            choice = _choice(s, self.reductions)
            if choice is None:
                return [s]
            condition, value = choice
            return [If(self._asked(condition), (replace(s, value=value),))]
        if not isinstance(s, (For, Reduce, If, While)):
            return [s]
        inner = self.block(s.body)
        if isinstance(s, For) and isinstance(inner[-1], If):
            outside = self._asked_outside(s, inner[:-1], inner[-1])
            if outside is not None:
                return outside
        return [replace(s, body=inner)]

    def _asked_outside(self, loop: For, named: tuple[Statement, ...], asked: If) -> list[Statement] | None:
        """A loop in a condition that does not change in it; None where it may."""
        before: list[Statement] = []
        after: list[Statement] = []
        changing = {loop.index}

        def changes(x: Scalar) -> bool:
            read = {each.name for each in walk_scalar(x) if isinstance(each, Ref)}
            return not changing.isdisjoint(read | _names(If(x, ())))

        for each in named:
            if not isinstance(each, Let):
                return None
            if changes(each.value):
                changing.add(each.name)
                after.append(each)
            else:
                before.append(each)
        if changes(asked.condition):
            return None
        return [*before, replace(asked, body=(replace(loop, body=(*after, *asked.body)),))]

    def _asked(self, condition: Scalar) -> Scalar:
        """A condition as it was computed for the loop at hand, where that is short."""
        if isinstance(condition, Apply) and condition.op != "where":
            return replace(condition, operands=tuple(map(self._asked, condition.operands)))
        if not isinstance(condition, Load) or condition.guard or condition.buffer not in self.made:
            return condition
        store = self.made[condition.buffer]
        if sum(1 for _ in walk_scalar(store.value)) > 8:
            return condition
        if not all(isinstance(place, str) for place in store.index):
            return condition
        renamed = dict(zip(map(str, store.index), condition.index, strict=True))
        if len(renamed) != len(store.index):
            return condition
        return with_places(store.value, _place(renamed))


def _names(s: Statement) -> set[str]:
    """The names that stand in a statement's places."""
    return {str(name) for dim in dims_of(s) for name in dims.names_of(dim)}


def _place(names: dict[str, dims.Dim]) -> Callable[[dims.Dim], dims.Dim]:
    """A place with other places in the names' stead."""

    def place(dim: dims.Dim) -> dims.Dim:
        for name, other in names.items():
            dim = substitute(dim, name, other)
        return dim

    return place


def _asked_together(one: Statement, other: Statement) -> For | None:
    """Two loops that ask the same of each pass as one that asks once; None where they are no such loops.

    A wrong guess of the processor costs as much as twenty additions, and it guesses each question by itself.
    """
    match one, other:
        case (
            For(index, extent, order, (If(condition, first),), parallel, vector),
            For(_, _, _, (If(asked, then),), _, _),
        ) if (extent, order, parallel, vector) == (other.extent, other.order, other.parallel, other.vector):
            place = _place({other.index: dims.Name(index)})
            if with_places(asked, place) != condition or not _add_apart(first, then):
                return None
            return replace(one, body=(If(condition, (*first, *(at_places(each, place) for each in then))),))
    return None


def _add_apart(first: tuple[Statement, ...], then: tuple[Statement, ...]) -> bool:
    """Whether two bodies only add up, and neither what the other one does: then they may take turns."""
    targets: list[set[str]] = []
    for body in (first, then):
        inside = list(walk_statements(body))
        if not all(isinstance(each, (For, If, Let, Combine)) for each in inside):
            return False
        targets.append({each.target for each in inside if isinstance(each, Combine)})
    return targets[0].isdisjoint(targets[1])


__all__ = ["conditional_sums"]

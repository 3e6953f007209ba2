"""Programs that become one native function: so small that their calls of libraries would cost more than what they compute."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.compiler.loops.expand_calls import expand_calls
from graphc.compiler.loops.program import For, Program, RoutineCall, Statement, body_of, walk_statements
from graphc.compiler.loops.to_loops import to_loops
from graphc.compiler.schedule.small_routines import are_small

if TYPE_CHECKING:
    from graphc.compiler.pipeline import Unit

MOST_STATEMENTS = 50_000
"""Statements that a call of such a program runs."""


def one_function(unit: Unit) -> Program | None:
    """The program of a unit with a plan, where it is better one function; else None."""
    if not are_small(unit.steps):
        return None
    program = to_loops(unit)
    size = statements_run(program)
    return program if size is not None and size <= MOST_STATEMENTS and has_loops(program) else None


def has_loops(program: Program) -> bool:
    """Whether there are loops for all that a program calls."""
    return routine_without_loops(program) is None


def routine_without_loops(program: Program) -> str | None:
    """A routine that a program calls and that libraries alone have."""
    called = (s.routine for s in walk_statements(expand_calls(program).body) if isinstance(s, RoutineCall))
    return next(called, None)


def statements_run(program: Program) -> int | None:
    """How many statements a call runs at most; None where a length is not known.

    Extents that depend on an outer index count as what they are at most.
    """
    if program.lengths:
        return None
    return _run(program.body, {})


def _run(body: tuple[Statement, ...], ends: dict[str, int]) -> int | None:
    total = 0
    for each in body:
        total += 1
        inner = body_of(each)
        if not inner:
            continue
        passes = 1
        if isinstance(each, For):
            most = _most(each.extent, ends)
            if most is None:
                return None
            passes, ends = most, {**ends, each.index: most}
        count = _run(inner, ends)
        if count is None:
            return None
        total += passes * count
    return total


def _most(extent: object, ends: dict[str, int]) -> int | None:
    """The largest value of an extent: a number, or one less an index."""
    if isinstance(extent, int):
        return extent
    terms = getattr(extent, "terms", None)
    if terms is None:
        return ends.get(str(extent))
    total = 0
    for monomial, factor in terms:
        size = factor
        for atom, power in monomial:
            if not isinstance(atom, str) or atom not in ends:
                return None
            size = max(size, 0) * ends[atom] ** power
        total += size
    return total


__all__ = ["has_loops", "one_function", "routine_without_loops", "statements_run"]

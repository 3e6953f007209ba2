"""Programs that become one native function, written from the loop IR, and when that is called instead of kernels.

Kernels are for many elements: threads share them, BLAS multiplies. Where there are few, what a program costs is what lies between
its loops, and calls of LAPACK from Python cost more than what they compute. One function has nothing between its loops.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING

from graphc.compiler.loops.expand_calls import RULES, expand_calls
from graphc.compiler.loops.from_graph.to_loops import Prepare, to_loops
from graphc.compiler.loops.program import For, Program, RoutineCall, Statement, body_of, walk_statements
from graphc.compiler.schedule.fusion import Group, Step
from graphc.compiler.schedule.small_routines import are_small
from graphc.ir import dims

if TYPE_CHECKING:
    from graphc.compiler.pipeline import Unit

MOST_WORK = 320_000.0
"""Nanoseconds of estimated work of a call up to which it is one of the function: beyond, what threads save is more than what lies
between kernels. It depends on lengths alone, so that results do not depend on the number of threads."""

MOST_LEFT_OUT = 32_000_000.0
"""The same where the function leaves out what kernels do. It adds up what is chosen alone: of the slopes of k-means it takes a
quarter to three quarters of the time that kernels take on two threads. It keeps no arrays between its loops: the slopes of
differences of neighbours, as Rosenbrock's, take an eighth of the kernels' time on one thread."""

MOST_STATEMENTS = 50_000
"""Statements that the routines of such a program may come to, where its lengths are known."""

OF_VECTORS = frozenset(("sort", "argsort", "searchsorted"))
"""Routines whose loops are as good as a library's for vectors of every length up to `MOST_COMPARISONS`."""

MOST_COMPARISONS = 8_000
"""Comparisons up to which they are part of the function: the loops take 7 ns for each, and a call of NumPy between kernels
takes 50 µs, and then a tenth as long."""

LONGEST = 4_000
"""Statements of a program's text: of more the compiler makes one function in too long a time."""


def one_function(unit: Unit, prepare: Prepare) -> Program | None:
    """The program of a unit with a plan that may be called as one function; None where kernels are always better."""
    if has_control(unit.steps):
        program = to_loops(unit, prepare)
        return program if has_loops(program) else None
    if unit.options.parallel is True or not unit.steps or not _fits(unit.steps):
        return None
    program = to_loops(unit, prepare)
    if not has_loops(program) or sum(1 for _ in walk_statements(program.body)) > LONGEST:
        return None
    if program.lengths:
        return program
    size = statements_run(program)
    small = size is not None and size <= MOST_STATEMENTS if are_small(unit.steps) else True
    return program if small and is_little(unit.steps, {}) else None


def is_little(steps: Sequence[Step], lengths: Mapping[str, int], leaves_out: bool = False) -> bool:
    """Whether a call with some lengths is rather one of the function; `leaves_out` where that does not do all that kernels do."""
    if has_control(steps):  # nothing else runs loops and branches of the graph
        return True
    if comparisons(steps, lengths) > MOST_COMPARISONS:
        return False
    return work(steps, lengths) <= (MOST_LEFT_OUT if leaves_out else MOST_WORK)


def has_control(steps: Sequence[Step]) -> bool:
    """Whether there are loops or branches of the graph's own."""
    return any(not isinstance(step, Group) and step.node.op.control is not None for step in steps)


def _fits(steps: Sequence[Step]) -> bool:
    """Whether there are no kernels for images and panels, and no routines but on small matrices of known size, and on vectors:
    how long these are is asked at each call."""
    calls = [step for step in steps if not isinstance(step, Group) and step.node.op.name in RULES]
    routines = [step for step in calls if step.node.op.name not in OF_VECTORS]
    stages = [stage for step in steps if isinstance(step, Group) for stage in step.stages]
    return all(s.image is None and s.product is None for s in stages) and (
        not routines or are_small(routines)
    )


def work(steps: Sequence[Step], lengths: Mapping[str, int]) -> float:
    """The estimated nanoseconds of a call's kernels."""
    stages = [stage for step in steps if isinstance(step, Group) for stage in step.stages]
    return sum(s.nanoseconds * prod(dims.evaluate(dim, lengths) for dim in s.space) for s in stages)


def comparisons(steps: Sequence[Step], lengths: Mapping[str, int]) -> int:
    """How many elements a call compares to put vectors in order and to search in them."""
    total = 0
    for step in steps:
        if isinstance(step, Group) or step.node.op.name not in OF_VECTORS:
            continue
        (first, *_), node = step.node.operands, step.node
        axis = node.attrs[0] if node.op.name != "searchsorted" else 0
        length = dims.evaluate(first.shape[axis], lengths)
        total += prod(dims.evaluate(dim, lengths) for dim in node.shape) * length.bit_length()
    return total


def has_loops(program: Program) -> bool:
    """Whether there are loops for all that a program calls."""
    return routine_without_loops(program) is None


def routine_without_loops(program: Program) -> str | None:
    """A routine that a program calls and that libraries alone have."""
    expanded = expand_calls(program)
    for body in (expanded.body, *(each.body for each in expanded.functions)):
        for s in walk_statements(body):
            own = isinstance(s, RoutineCall) and (
                s.routine == "function" or (s.routine == "foreign" and s.attrs[1])
            )
            if isinstance(s, RoutineCall) and not own:
                return s.routine
    return None


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


__all__ = [
    "comparisons",
    "has_loops",
    "is_little",
    "one_function",
    "routine_without_loops",
    "statements_run",
    "work",
]

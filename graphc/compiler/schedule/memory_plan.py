"""The plan of a program: its steps, and what is kept in which memory and for how long.

Nothing here depends on the lengths of a call: `instantiated_plan.py` makes of a plan what those decide. Machine code finds
everything through the program's frame, a table of words; a plan says what stands in each.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence, Set
from dataclasses import field

from graphc.compiler.lowering.gather_scatter import is_range
from graphc.compiler.schedule.fusion import Group, LibraryCall, Step
from graphc.compiler.schedule.materialize import base_of, identity, origin
from graphc.ir.attribute_text import bound
from graphc.ir.expr import Expr
from graphc.ir.graph import Dag
from graphc.ir.types import DType, Shape
from graphc.util.records import dataclass


@dataclass(frozen=True)
class Operand:
    """What a library call reads: views of a materialized node, an input or a constant."""

    base: Expr
    views: tuple[Expr, ...]


@dataclass(frozen=True)
class Check:
    """Places that an integer array names along an axis, to be held against its length.

    node : the indexing; array : the places; axis : of the operand that is indexed
    operand : how the array is read; None of a range
    """

    node: Expr
    array: Expr
    axis: int
    operand: Operand | None


@dataclass(frozen=True)
class Functions:
    """The functions of a group, which others may share, and what they find where in the frame.

    kernel, words : its name, and the places of what it reads of the frame; last, last_words : of what finishes its sums, or ""
    """

    kernel: str
    words: tuple[int, ...]
    last: str
    last_words: tuple[int, ...]


@dataclass
class MemoryPlan:
    """A program for lengths that are not known yet.

    dag : the graph in simple operations
    steps : what is done one after the other
    materialized : the nodes that are kept in memory
    operands : of each library step's node, what it reads
    checks : by the step before which they are done
    words : key → place in the frame
    targets : materialized node → the number of the output that it is made in
    inplace : materialized node → the input in whose memory it is made
    copies : (output number, node) of outputs that are copied at the end
    updates : (input number, node) of inputs that get a node's value at the end
    lives : materialized node with memory of its own → first and last step
    rows : for each group the rows that wait in scratch memory, with shape and dtype
    kernels : for each group its functions
    text, exported : the module
    """

    dag: Dag
    steps: Sequence[Step]
    materialized: Set[Expr]
    operands: dict[Expr, tuple[Operand, ...]]
    checks: dict[int, list[Check]]
    words: dict[Hashable, int]
    targets: dict[Expr, int]
    inplace: dict[Expr, Expr]
    copies: list[tuple[int, Expr]]
    updates: list[tuple[int, Expr]]
    lives: dict[Expr, tuple[int, int]]
    rows: dict[int, dict[Hashable, tuple[Shape, DType]]] = field(default_factory=dict)
    kernels: dict[int, Functions] = field(default_factory=dict)
    text: str = ""
    exported: tuple[str, ...] = ()

    def memory(self, node: Expr) -> Expr:
        """The node or input whose memory a node's own is."""
        source = origin(node)
        return self.inplace.get(source, source)

    def is_empty(self, lengths: Mapping[str, int]) -> bool:
        """Whether some array has no elements for these lengths: kernels are written for arrays that have."""
        try:
            return any(0 in bound(node.shape, lengths) for node in self.dag.exprs)
        except (KeyError, ValueError):
            return False  # refused elsewhere, with its node


def plan_memory(
    dag: Dag, steps: Sequence[Step], materialized: Set[Expr], updated: tuple[int, ...] = ()
) -> MemoryPlan:
    """The plan of a graph in simple operations.

    steps : what makes the materialized nodes, in order
    updated : the numbers of the inputs that the last outputs are new values of
    """
    outputs = [dag.exprs[output] for output in dag.outputs]
    results, new_values = outputs[: len(outputs) - len(updated)], outputs[len(outputs) - len(updated) :]
    operands = {
        step.node: tuple(_operand(operand, materialized) for operand in step.node.operands)
        for step in steps
        if isinstance(step, LibraryCall)
    }
    schedule = _Schedule.of(dag, steps, operands, materialized)
    targets, copies = _targets(results, schedule)
    read_at_end = {origin(node) for node in outputs if node not in schedule.made_in}
    changes = [(number, dag.symbols[number], node) for number, node in zip(updated, new_values, strict=True)]
    inplace, updates = _updates(changes, schedule, targets, read_at_end)
    read_at_end = {origin(node) for _, node in (*copies, *updates)}
    lives = _lives(schedule, {*targets, *inplace}, read_at_end)
    return MemoryPlan(
        dag, steps, materialized, operands, schedule.checks, {}, targets, inplace, copies, updates, lives
    )


@dataclass(frozen=True)
class _Schedule:
    """When nodes are made and read.

    steps : in order; checks : by the step before which they are done
    made_in : materialized node → its step; uses : the steps that read a node's memory
    """

    steps: Sequence[Step]
    checks: dict[int, list[Check]]
    made_in: dict[Expr, int]
    uses: dict[Expr, list[int]]

    @classmethod
    def of(
        cls,
        dag: Dag,
        steps: Sequence[Step],
        operands: dict[Expr, tuple[Operand, ...]],
        materialized: Set[Expr],
    ) -> _Schedule:
        made_in: dict[Expr, int] = {}
        for number, step in enumerate(steps):
            for node in step.nodes if isinstance(step, Group) else (step.node,):
                made_in[node] = number
        uses = _uses(steps, operands)
        checks = _checks(dag, made_in, materialized)
        for number, before in checks.items():
            for check in before:
                if check.operand is not None:
                    uses.setdefault(origin(check.operand.base), []).append(number)
        return cls(steps, checks, made_in, uses)

    def accepted(self) -> int:
        """The step from which on nothing refuses what it was given: an input written before would be left half updated."""
        refusing = [
            number + 1
            for number, step in enumerate(self.steps)
            if isinstance(step, LibraryCall) and step.node.op.refuses
        ]
        return max([0, *self.checks, *refusing])


def _targets(results: Sequence[Expr], schedule: _Schedule) -> tuple[dict[Expr, int], list[tuple[int, Expr]]]:
    """The results that are made where the caller gets them, by the number of the output, and those that are copied there."""
    targets: dict[Expr, int] = {}
    copies: list[tuple[int, Expr]] = []
    for number, node in enumerate(results):
        if node in schedule.made_in and node not in targets:
            targets[node] = number
        else:
            copies.append((number, node))
    return targets, copies


def _updates(
    changes: Sequence[tuple[int, Expr, Expr]],
    schedule: _Schedule,
    targets: Mapping[Expr, int],
    read_at_end: Set[Expr],
) -> tuple[dict[Expr, Expr], list[tuple[int, Expr]]]:
    """The new values that are made in the memory of their input, and those that are copied there at the end.

    changes : (number of the input, the input, its new value)
    read_at_end : the inputs that are results themselves
    """
    inplace: dict[Expr, Expr] = {}
    copied: list[tuple[int, Expr]] = []
    accepted = schedule.accepted()
    for number, symbol, node in changes:
        free = (
            node in schedule.made_in
            and node not in targets
            and node not in inplace
            and schedule.made_in[node] >= accepted
        )
        if free and symbol not in read_at_end and _in_place(node, symbol, schedule):
            inplace[node] = symbol
        else:
            copied.append((number, node))
    return inplace, copied


def _lives(schedule: _Schedule, placed: Set[Expr], read_at_end: Set[Expr]) -> dict[Expr, tuple[int, int]]:
    """Node with memory of its own → the first and the last step that need it. What one kernel makes and reads needs none.

    placed : the nodes that are made in memory of the caller's
    """
    lives: dict[Expr, tuple[int, int]] = {}
    for node, first in schedule.made_in.items():
        later = [use for use in schedule.uses.get(node, ()) if use != first]
        if node in read_at_end:
            later.append(len(schedule.steps))
        if (later or isinstance(schedule.steps[first], LibraryCall)) and node not in placed:
            lives[node] = (first, max([first, *later]))
    return lives


def _operand(node: Expr, materialized: Set[Expr]) -> Operand:
    base = base_of(node, materialized)
    views: list[Expr] = []
    while node is not base:
        views.append(node)
        node = node.operands[0]
    return Operand(base, tuple(reversed(views)))


def _uses(steps: Sequence[Step], operands: dict[Expr, tuple[Operand, ...]]) -> dict[Expr, list[int]]:
    """The steps that read each node."""
    uses: dict[Expr, list[int]] = {}
    for number, step in enumerate(steps):
        if isinstance(step, LibraryCall):
            read = [operand.base for operand in operands[step.node]]
        else:
            read = [node for stage in step.stages for node, _ in stage.accesses]
        for node in read:
            uses.setdefault(origin(node), []).append(number)
    return uses


def _in_place(node: Expr, symbol: Expr, schedule: _Schedule) -> bool:
    """Whether a node can be made in the memory of an input: nobody reads that later, nor another element of it meanwhile."""
    number = schedule.made_in[node]
    step = schedule.steps[number]
    if isinstance(step, LibraryCall) or node.dtype != symbol.dtype or node.shape != symbol.shape:
        return False
    if any(use > number for use in schedule.uses.get(symbol, ())):
        return False
    for stage in step.stages:
        for other, index in stage.accesses:
            if origin(other) is symbol and (
                stage.node is not node
                or other is not symbol
                or index != identity(stage.rank)
                or stage.run is not None
            ):
                return False
    return True


def _checks(dag: Dag, made_in: dict[Expr, int], materialized: Set[Expr]) -> dict[int, list[Check]]:
    """The checks of integer arrays in indices, each as soon as its array is there."""
    checks: dict[int, list[Check]] = {}
    for node in dag.exprs:
        slot = {"index": 1, "at_add": 2, "at_set": 2}.get(node.op.name, len(node.operands))
        if slot >= len(node.operands):
            continue
        axis = 0
        for item in node.attrs[0]:
            if item == "array":
                array = node.operands[slot]
                operand = None if is_range(array) else _operand(array, materialized)
                step = -1 if operand is None else made_in.get(origin(operand.base), -1)
                checks.setdefault(step + 1, []).append(Check(node, array, axis, operand))
                slot += 1
            axis += item is not None
    return checks

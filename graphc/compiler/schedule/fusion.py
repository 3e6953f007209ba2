"""Loops that walk together: stages that share an outer loop over rows become one kernel, which reads and writes memory once.

A group walks over rows: the indices of the first `rows` axes, which all its stages have in common. Within a row its stages run
one after the other over the axes that are left, and hand each other rows, in cache, or the one number that a reduction makes of a
row. So a softmax reads its operand once. Reductions over the rows themselves end in partial results, one for each chunk of rows;
what depends on them is in another group.

A group whose stages all run over the same elements in the same order is "flat": it walks over them as one long row in blocks. A
group with products of small matrices walks over panels of rows: see `row_blocks.py`.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field

from graphc.compiler.loops.program import Index
from graphc.compiler.schedule.materialize import (
    Stage,
    identity,
    is_alias,
    kind_of,
    origin,
    stage_of,
)
from graphc.compiler.schedule.row_blocks import fits
from graphc.ir.dims import Dim
from graphc.ir.expr import Expr
from graphc.ir.graph import Dag

FLAT = -1
"""Stands for the walk over all elements in one."""

MOST_READ = 24
"""Arrays that one loop touches."""

MOST_COMPUTED = 100.0
"""Nanoseconds of arithmetic for an element of a group's loops: more waits for itself, not for memory, and LLVM's time for a
loop grows faster than the loop."""

MOST_IN_PANELS = 120
"""The same of a group with products, whose loops touch some of them each."""


@dataclass
class Group:
    """Stages that become one kernel.

    walks : the ways to walk that all stages allow: a number of axes for rows, or FLAT
    """

    stages: list[Stage]
    walks: set[int]
    nodes: set[Expr] = field(default_factory=set)

    @property
    def walk(self) -> int:
        """The way that is taken."""
        if FLAT in self.walks:
            return FLAT
        rank = max(stage.rank for stage in self.stages)
        return max((walk for walk in self.walks if walk < rank), default=max(self.walks))

    @property
    def in_panels(self) -> bool:
        """Whether it walks over panels of rows."""
        return any(stage.product is not None for stage in self.stages)

    @property
    def rows(self) -> tuple[Dim, ...]:
        """The lengths of the axes of rows; of a flat group, of all axes."""
        walk = self.walk
        longest = max(self.stages, key=lambda stage: stage.rank)
        return longest.space if walk == FLAT else longest.space[:walk]


@dataclass
class LibraryCall:
    """A node that a library call makes."""

    node: Expr


Step = Group | LibraryCall


def walks_of(stage: Stage) -> set[int]:
    """The ways to walk that a stage allows."""
    if stage.image is not None or stage.product is not None:
        return {1}
    rank = stage.rank
    straight = rank == 1 or (
        not stage.uses_index
        and all(index == identity(rank) or not index for _, index in stage.accesses)
        and all(node.shape == stage.space or not node.shape for node, _ in stage.accesses)
    )
    if stage.run is None:
        return ({FLAT} if straight and rank else set()) | set(range(rank + 1))
    first, last = stage.run
    if first:
        return {first}
    if last == rank:
        reducer = stage.node.op.reducer
        if reducer is not None and reducer.of_places:
            return {0}
        return ({FLAT} if straight else set()) | set(range(rank + 1))
    return {0} | set(range(last, rank))


def fuse(dag: Dag, materialized: Set[Expr]) -> list[Step]:
    """The steps that make the materialized nodes of a graph in simple operations: fusion groups and library calls, in order."""
    steps: list[Step] = []
    made_in: dict[Expr, int] = {}
    for node in dag.exprs:
        if node not in materialized:
            continue
        if kind_of(node) == "library":
            steps.append(LibraryCall(node))
            made_in[node] = len(steps) - 1
            continue
        if is_alias(node):
            continue
        stage = stage_of(node, materialized)
        place = _place(stage, steps, made_in)
        if place is None:
            steps.append(Group([stage], walks_of(stage), {node}))
            place = len(steps) - 1
        made_in[node] = place
    return [part for step in steps for part in _worth_a_group(step)]


def _worth_a_group(step: Step) -> list[Step]:
    """A group; as library calls the products of one that hands nothing over in cache."""
    if isinstance(step, LibraryCall) or not all(stage.product is not None for stage in step.stages):
        return [step]
    handed = any(node in step.nodes for stage in step.stages for node, _ in stage.accesses)
    return [step] if handed else [LibraryCall(stage.node) for stage in step.stages]


def _place(stage: Stage, steps: list[Step], made_in: dict[Expr, int]) -> int | None:
    """The group that a stage joins, of those behind everything that it reads; None for a new one."""
    read = {origin(node) for node, _ in stage.accesses}
    earliest = max((made_in[node] for node in read if node in made_in), default=-1)
    for place in range(len(steps) - 1, max(earliest, 0) - 1, -1):
        group = steps[place]
        if not isinstance(group, Group):
            continue
        single = stage.rank == 0 and group.walks == {0}  # single numbers go together
        if not single and not related(group, read):
            continue
        walks = joined(group, stage)
        if not walks or (walks == {0} and not group.walks == walks_of(stage) == {0}):
            continue
        touched = {node for other in group.stages for node, _ in other.accesses} | read | group.nodes
        panels = stage.product is not None or group.in_panels
        if len(touched) >= (MOST_IN_PANELS if panels else MOST_READ):
            continue
        if not panels and _computed(stage) + sum(map(_computed, group.stages)) > MOST_COMPUTED:
            continue
        if panels and not all(map(_in_panels, (*group.stages, stage))):
            continue
        group.stages.append(stage)
        group.walks = walks
        group.nodes.add(stage.node)
        return place
    return None


def _computed(stage: Stage) -> float:
    """Nanoseconds of arithmetic for an element of a stage's own loops."""
    return stage.nanoseconds if stage.image is None and stage.product is None else 0.0


def _in_panels(stage: Stage) -> bool:
    """Whether a stage may be part of a group with products, where a panel of what it makes waits in scratch memory."""
    return stage.image is None and (stage.product is not None or fits(stage.space))


def related(group: Group, read: set[Expr]) -> bool:
    """Whether a group reads or makes one of some nodes."""
    return bool(read & group.nodes) or any(
        origin(node) in read and node.shape for stage in group.stages for node, _ in stage.accesses
    )


def joined(group: Group, stage: Stage) -> set[int]:
    """The ways to walk that are left to a group with a further stage."""
    return {walk for walk in group.walks & walks_of(stage) if _fits(group, stage, walk)}


def _fits(group: Group, stage: Stage, walk: int) -> bool:
    first = group.stages[0].space
    if walk == FLAT:
        if stage.space != first:
            return False
    elif stage.space[:walk] != first[:walk]:
        return False
    return all(
        is_local(node, index, stage, group, walk)
        for node, index in stage.accesses
        if node in group.nodes or origin(node) in group.nodes
    )


def is_local(node: Expr, index: Index, stage: Stage, group: Group, walk: int) -> bool:
    """Whether what a stage reads of a node of its group is made in the same row."""
    if node not in group.nodes:
        return False  # in another shape
    run = next(other.run for other in group.stages if other.node is node)
    if walk == FLAT:
        return run is None and index == stage.identity and node.shape == stage.space
    if run is not None and run[0] != walk:
        return False
    return len(node.shape) >= walk and all(
        place == f"%x{axis}" or stage.space[axis] == 1 for axis, place in enumerate(index[:walk])
    )

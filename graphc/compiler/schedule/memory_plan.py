"""The plan of a program: its steps, and what is kept in which memory and for how long.

Nothing here depends on the lengths of a call: `instantiated_plan.py` makes of a plan what those decide. Machine code finds
everything through the program's frame, a table of words; a plan says what stands in each.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence, Set
from dataclasses import dataclass, field

from graphc.compiler.lowering.gather_scatter import is_range
from graphc.compiler.schedule.fusion import Group, Library, Step
from graphc.compiler.schedule.materialize import base_of, identity, origin
from graphc.ir.attribute_text import bound
from graphc.ir.expr import Expr
from graphc.ir.graph import Dag
from graphc.ir.types import DType, Shape


@dataclass(frozen=True)
class Operand:
    """What a library call reads: views of a kept node, an input or a constant."""

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
class Plan:
    """A program for lengths that are not known yet.

    dag : the graph in simple operations
    steps : what is done one after the other
    materialized : the nodes that are kept in memory
    operands : of each library step's node, what it reads
    checks : by the step before which they are done
    words : key → place in the frame
    targets : kept node → the number of the output that it is made in
    inplace : kept node → the input in whose memory it is made
    copies : (output number, node) of outputs that are copied at the end
    updates : (input number, node) of inputs that get a node's value at the end
    lives : kept node with memory of its own → first and last step
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
) -> Plan:
    """The plan of a graph in simple operations.

    steps : what makes the materialized nodes, in order
    updated : the numbers of the inputs that the last outputs are new values of
    """
    outputs = [dag.exprs[output] for output in dag.outputs]
    results = outputs[: len(outputs) - len(updated)]
    made_in: dict[Expr, int] = {}
    for number, step in enumerate(steps):
        for node in step.nodes if isinstance(step, Group) else (step.node,):
            made_in[node] = number
    operands = {
        step.node: tuple(_operand(operand, materialized) for operand in step.node.operands)
        for step in steps
        if isinstance(step, Library)
    }
    uses = _uses(steps, operands)
    checks = _checks(dag, made_in, materialized)
    for step, several in checks.items():
        for check in several:
            if check.operand is not None:
                uses.setdefault(origin(check.operand.base), []).append(step)
    targets: dict[Expr, int] = {}
    copies: list[tuple[int, Expr]] = []
    for number, node in enumerate(results):
        if node in made_in and node not in targets:
            targets[node] = number
        else:
            copies.append((number, node))
    ends = {origin(node) for node in outputs if node not in made_in}
    inplace: dict[Expr, Expr] = {}
    late: list[tuple[int, Expr]] = []
    accepted = _accepted(steps, checks)
    for number, node in zip(updated, outputs[len(results) :], strict=True):
        symbol = dag.symbols[number]
        free = node in made_in and node not in targets and node not in inplace and made_in[node] >= accepted
        if free and symbol not in ends and _in_place(node, symbol, steps, made_in, uses):
            inplace[node] = symbol
        else:
            late.append((number, node))
    end = len(steps)
    ends = {origin(node) for _, node in (*copies, *late)}
    lives: dict[Expr, tuple[int, int]] = {}
    for node, made in made_in.items():
        elsewhere = [use for use in uses.get(node, ()) if use != made]
        if node in ends:
            elsewhere.append(end)
        outside = elsewhere or node in targets or node in inplace or isinstance(steps[made], Library)
        if outside and node not in targets and node not in inplace:
            lives[node] = (made, max([made, *elsewhere]))
    return Plan(dag, steps, materialized, operands, checks, {}, targets, inplace, copies, late, lives)


def _operand(node: Expr, kept: Set[Expr]) -> Operand:
    base = base_of(node, kept)
    views: list[Expr] = []
    while node is not base:
        views.append(node)
        node = node.operands[0]
    return Operand(base, tuple(reversed(views)))


def _uses(steps: Sequence[Step], operands: dict[Expr, tuple[Operand, ...]]) -> dict[Expr, list[int]]:
    """The steps that read each node."""
    uses: dict[Expr, list[int]] = {}
    for number, step in enumerate(steps):
        if isinstance(step, Library):
            read = [operand.base for operand in operands[step.node]]
        else:
            read = [node for stage in step.stages for node, _ in stage.accesses]
        for node in read:
            uses.setdefault(origin(node), []).append(number)
    return uses


def _accepted(steps: Sequence[Step], checks: Mapping[int, list[Check]]) -> int:
    """The step from which on nothing refuses what it was given: an input that was written before would be left half updated."""
    refusing = [
        number + 1 for number, step in enumerate(steps) if isinstance(step, Library) and step.node.op.refuses
    ]
    return max([0, *checks, *refusing])


def _in_place(
    node: Expr, symbol: Expr, steps: Sequence[Step], made_in: dict[Expr, int], uses: dict[Expr, list[int]]
) -> bool:
    """Whether a node can be made in the memory of an input: nobody reads that later, nor another element of it meanwhile."""
    made = made_in[node]
    step = steps[made]
    if isinstance(step, Library) or node.dtype != symbol.dtype or node.shape != symbol.shape:
        return False
    if any(use > made for use in uses.get(symbol, ())):
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


def _checks(dag: Dag, made_in: dict[Expr, int], kept: Set[Expr]) -> dict[int, list[Check]]:
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
                operand = None if is_range(array) else _operand(array, kept)
                step = -1 if operand is None else made_in.get(origin(operand.base), -1)
                checks.setdefault(step + 1, []).append(Check(node, array, axis, operand))
                slot += 1
            axis += item is not None
    return checks

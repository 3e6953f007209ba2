"""What must hold of a unit after each pass; `GRAPHC_CHECK=passes` asks for it, and the tests do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.compiler.schedule.fusion import Group
from graphc.compiler.schedule.materialize import is_alias, origin
from graphc.compiler.schedule.memory_plan import MemoryPlan
from graphc.errors import CompileError
from graphc.ir.expr import Expr
from graphc.ir.graph import Dag

if TYPE_CHECKING:
    from graphc.compiler.pipeline import Unit

WHOLLY = 5_000
"""Graphs of at most so many nodes have every invariant of theirs checked, larger ones only what they take and give."""


def verify(name: str, before: Unit, after: Unit) -> None:
    """Raises `CompileError`, naming the pass, where a unit is not what its passes promise."""

    def must(holds: bool, what: str, node: Expr | None = None) -> None:
        if not holds:
            raise CompileError(
                f"internal error: after the pass {name}, {what}",
                node=None if node is None else repr(node),
                hint="a bug of graphc's: please report it with the graph, as g.save writes it",
            )

    _verify_graph(before.graph, after.graph, must)
    if after.kernel is not None:
        _verify_elements(after, must)
    if after.materialized:
        _verify_materialized(after, must)
    if after.steps:
        _verify_steps(after, must)
    if after.plan is not None:
        _verify_plan(after.plan, must)


def _verify_graph(before: Dag, after: Dag, must) -> None:
    """A pass keeps what a graph takes and gives: inputs in their order, results of the same types."""
    inputs = after.symbols[: len(before.symbols)]
    must(inputs == before.symbols, "the inputs are others")
    must(len(after.outputs) == len(before.outputs), "there is another number of results")
    for old, new in zip(before.outputs, after.outputs, strict=True):
        one, other = before.exprs[old], after.exprs[new]
        must(one.dtype == other.dtype, f"a result is {other.dtype} and was {one.dtype}", other)
        must(one.shape == other.shape, f"a result has shape {other.shape} and had {one.shape}", other)
    if after is not before and len(after) <= WHOLLY:
        after.verify()


def _verify_elements(unit: Unit, must) -> None:
    for node in unit.graph.exprs:
        must(not node.op.on_arrays, "there is an operation on whole arrays", node)
        must(
            not node.operands or node.op.emit is not None, "there is an operation without machine code", node
        )


def _verify_materialized(unit: Unit, must) -> None:
    nodes = set(unit.graph.exprs)
    for node in unit.materialized:
        must(node in nodes, "what is kept is no node of the graph", node)
    for output in unit.graph.outputs:
        node = unit.graph.exprs[output]
        must(node.op.is_leaf or node in unit.materialized, "a result is not kept", node)


def _verify_steps(unit: Unit, must) -> None:
    """Every kept node is made once, and read behind the step that makes it, or in it."""
    made: dict[Expr, int] = {}
    for number, step in enumerate(unit.steps):
        for node in step.nodes if isinstance(step, Group) else (step.node,):
            must(node not in made, "a node is made twice", node)
            made[node] = number
    for node in unit.materialized:
        must(node in made or is_alias(node), "a kept node is never made", node)
    for number, step in enumerate(unit.steps):
        if isinstance(step, Group):
            read = [node for stage in step.stages for node, _ in stage.accesses]
            read = [origin(node) for node in read]
            must(all(made.get(node, -1) <= number for node in read), "a kernel reads what a later step makes")


def _verify_plan(plan: MemoryPlan, must) -> None:
    """What a step reads has memory of its own from the step that makes it to the last that reads it."""
    symbols = set(plan.dag.symbols)
    lasting = symbols | set(plan.targets) | set(plan.inplace)

    def alive(node: Expr, number: int) -> bool:
        source = origin(node)
        if source.is_constant or source in lasting:
            return True
        first, last = plan.lives.get(source, (0, -1))
        return first <= number <= last

    for number, step in enumerate(plan.steps):
        if isinstance(step, Group):
            for stage in step.stages:
                for node, _ in stage.accesses:
                    inside = node in step.nodes or origin(node) in step.nodes
                    must(
                        inside or alive(node, number),
                        "a kernel reads memory that is not a node's any more",
                        node,
                    )
        else:
            for operand in plan.operands[step.node]:
                must(
                    alive(operand.base, number),
                    "a library call reads memory that is not a node's any more",
                    step.node,
                )
    for _, node in (*plan.copies, *plan.updates):
        must(
            alive(node, len(plan.steps)), "a result is copied from memory that is not its own any more", node
        )

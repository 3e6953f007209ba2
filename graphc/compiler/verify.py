"""What must hold of a unit after each pass; `GRAPHC_CHECK=passes` asks for it, and the tests do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from graphc.compiler.loops.verifier import verify as verify_loops
from graphc.compiler.schedule.fusion import Group, Step
from graphc.compiler.schedule.materialize import base_of, is_alias, kind_of, origin
from graphc.compiler.schedule.memory_plan import MemoryPlan
from graphc.errors import GraphError, InternalError
from graphc.ir.expr import Expr
from graphc.ir.graph import Dag

if TYPE_CHECKING:
    from graphc.compiler.pipeline import Unit

WHOLLY = 5_000
"""Graphs of at most so many nodes have every invariant of theirs checked, larger ones only what they take and give."""


def verify(name: str, before: Unit, after: Unit) -> None:
    """Raises `InternalError`, naming the pass, where a unit is not what its passes promise."""

    def must(holds: bool, what: str, node: Expr | None = None) -> None:
        if not holds:
            raise InternalError(
                f"internal error: after the pass {name}, {what}",
                node=None if node is None else repr(node),
                hint="a bug of graphc's: please report it with the graph, as g.save writes it",
            )

    _verify_graph(before.graph, after.graph, must)
    if after.kernel is not None:
        _verify_elements(after, must)
    if after.body is not None:
        _verify_body(after, must)
    if after.materialized and not before.materialized:
        _verify_materialized(after, must)
    if after.steps and not before.steps:
        _verify_steps(after, must)
    if after.loops is not None:
        verify_loops(after.loops)
    if after.plan is not None:
        _verify_plan(after.plan, must)
        _verify_kernels(after.plan, must)


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
        try:
            after.verify()
        except GraphError as error:
            must(False, f"the graph does not hold together: {error.args[0]}")


def _verify_elements(unit: Unit, must) -> None:
    """A kernel is the graph's, in operations that have code."""
    kernel, graph = unit.kernel, unit.graph
    assert kernel is not None
    for node in kernel.dag.exprs:
        must(not node.op.on_arrays, "there is an operation on whole arrays", node)
        must(
            not node.operands or node.op.emit is not None, "there is an operation without machine code", node
        )
    must(kernel.inputs == tuple([node.dtype for node in graph.symbols]), "the kernel takes other inputs")
    results = tuple([graph.exprs[output].dtype for output in graph.outputs])
    must(kernel.outputs == results, "the kernel gives other results")


def _verify_body(unit: Unit, must) -> None:
    """The pieces hold every operation once, behind its operands."""
    kernel, body = unit.kernel, unit.body
    assert kernel is not None and body is not None
    done: set[Expr] = set()
    for node in (node for part in body.parts for piece in part for node in piece):
        must(node not in done, "an operation is in two pieces", node)
        must(all(operand in done for operand in node.operands), "an operation comes before its operand", node)
        done.add(node)
    for node in kernel.dag.exprs:
        must(node.is_symbol or node in done, "an operation is in no piece", node)


def _verify_materialized(unit: Unit, must) -> None:
    """Kept are nodes of the graph: the results, what a loop of its own or a library call makes, and what those calls read."""
    nodes = set(unit.graph.exprs)
    for node in unit.materialized:
        must(node in nodes, "what is kept is no node of the graph", node)
        must(not node.op.is_leaf, "an input or a constant is kept", node)
    for output in unit.graph.outputs:
        node = unit.graph.exprs[output]
        must(node.op.is_leaf or node in unit.materialized, "a result is not kept", node)
    for node in unit.graph.exprs:
        kind = kind_of(node)
        must(
            kind in ("leaf", "element") or node in unit.materialized,
            f"a node of kind {kind} is not kept",
            node,
        )
        if kind == "library":
            for operand in node.operands:
                base = base_of(operand, unit.materialized)
                must(
                    base.op.is_leaf or base in unit.materialized,
                    "what a library call reads is not kept",
                    base,
                )


def _read(step: Step, materialized: frozenset[Expr]) -> Iterator[tuple[Expr, Expr]]:
    """(node, what it reads of memory) of a step, in its order."""
    if isinstance(step, Group):
        for stage in step.stages:
            for node, _ in stage.accesses:
                yield stage.node, origin(node)
    else:
        for operand in step.node.operands:
            yield step.node, origin(base_of(operand, materialized))


def _verify_steps(unit: Unit, must) -> None:
    """Every kept node is made once, and read behind what makes it."""
    made: dict[Expr, int] = {}
    for step in unit.steps:
        several = [stage.node for stage in step.stages] if isinstance(step, Group) else [step.node]
        if isinstance(step, Group):
            must(set(several) == step.nodes, "a kernel makes other nodes than its stages")
        for node in several:
            must(node in unit.materialized, "a node is made that is not kept", node)
            must(node not in made, "a node is made twice", node)
            made[node] = len(made)
    for node in unit.materialized:
        must(node in made or is_alias(node), "a kept node is never made", node)
    for step in unit.steps:
        for node, source in _read(step, unit.materialized):
            if not source.op.is_leaf:
                must(source in made, "a step reads what is never made", source)
                must(made[source] < made[node], "a step reads what is made later", source)


def _verify_plan(plan: MemoryPlan, must) -> None:
    """What a step reads has memory of its own from the step that makes it to the last that reads it."""
    made: dict[Expr, int] = {}
    for number, step in enumerate(plan.steps):
        for node in step.nodes if isinstance(step, Group) else (step.node,):
            made[node] = number
    overwritten = {symbol: made[node] for node, symbol in plan.inplace.items()}
    lasting = set(plan.dag.symbols) | set(plan.targets) | set(plan.inplace)

    def alive(node: Expr, number: int) -> bool:
        source = origin(node)
        if source.op.is_leaf:
            return number <= overwritten.get(source, number)
        if source in lasting:
            return True
        first, last = plan.lives.get(source, (0, -1))
        return first == made[source] <= number <= last

    for number, step in enumerate(plan.steps):
        if isinstance(step, Group):
            for stage in step.stages:
                for node, _ in stage.accesses:
                    must(
                        origin(node) in step.nodes or alive(node, number),
                        "a kernel reads memory that is not a node's any more",
                        node,
                    )
        else:
            must(
                step.node in lasting or step.node in plan.lives,
                "a library call has no memory to write",
                step.node,
            )
            for operand in plan.operands[step.node]:
                must(
                    alive(operand.base, number),
                    "a library call reads memory that is not a node's any more",
                    step.node,
                )
        for check in plan.checks.get(number, ()):
            if check.operand is not None:
                must(
                    alive(check.operand.base, number),
                    "places are checked that are not in memory any more",
                    check.node,
                )
    for _, node in (*plan.copies, *plan.updates):
        must(
            alive(node, len(plan.steps)), "a result is copied from memory that is not its own any more", node
        )


def _verify_kernels(plan: MemoryPlan, must) -> None:
    """Where the kernels are written, each group of loops has its own, in a module that exports it."""
    if not plan.kernels:
        return
    for number, step in enumerate(plan.steps):
        if isinstance(step, Group):
            must(number in plan.kernels, f"step {number} has no kernel", step.stages[0].node)
    for functions in plan.kernels.values():
        for name in (functions.kernel, functions.last):
            must(not name or name in plan.exported, f"the module does not export {name}")

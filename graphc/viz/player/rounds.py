"""The steps of loops as a player tells them: what each is called with, what its body computes, what it carries on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from graphc.interpret.loop_replay import LoopReplay
from graphc.interpret.numpy_eval import run
from graphc.ir.body import Body
from graphc.ir.expr import Expr, rebuild, symbol
from graphc.ir.graph import Dag
from graphc.ir.op import CONSTANT, SYMBOL
from graphc.ops.control import SCAN, SWITCH
from graphc.ops.control_runs import run_label
from graphc.ops.function_calls import FUNCTION, STEPLESS
from graphc.viz.explain.explanation import node_names
from graphc.viz.loop_names import binder_names, is_cond, named_body
from graphc.viz.math_text import Math, formula, named, number
from graphc.viz.player.lesson import Line
from graphc.viz.view_builder import runs_of

_FIRST, _LAST = 12, 3
"""Of a long loop so many steps are told, at its beginning and at its end."""

_UNROLLED = 800
"""A loop of more nodes in all its steps is told at the point alone."""

Round = tuple[Math, tuple[Line, ...], bool]
"""A title, what is told, and whether that holds at the point alone."""


def rounds(graph: Any, at: Mapping[Any, Any], digits: int) -> dict[int, list[Round]]:
    """The first result of a loop or branch → its steps at a point."""
    runs = runs_of(graph)
    if not runs:
        return {}
    values = run(graph, at)
    lengths = {
        str(name): length
        for node, expr in enumerate(graph.symbols)
        for name, length in zip(expr.shape, getattr(values[node], "shape", ()), strict=False)
        if not isinstance(name, int)
    }
    told: dict[int, list[Round]] = {}
    for nodes in dict.fromkeys(runs.values()):
        operands = graph.operands[nodes[0]]
        known = [graph.exprs[of].name if graph.exprs[of].op is SYMBOL else "" for of in operands]
        replay = LoopReplay(graph.exprs[nodes[0]], [values[of] for of in operands], lengths)
        steps = _unrolled(replay, [graph.exprs[of] for of in operands])
        told[nodes[0]] = list(_told(replay, binder_names(graph.exprs[nodes[0]], known), digits, steps))
    return told


def _unrolled(replay: LoopReplay, operands: list[Expr]) -> dict[int, list[Expr]] | None:
    """Step → every node of the body there, in terms of the graph; None where the number of steps depends on values."""
    (body, *_), size = replay.bodies, len(replay.bodies[0].dag.exprs)
    if replay.node.op is not SCAN or replay.steps * size > _UNROLLED:
        return None
    whole = Body(body.inputs, body.dag.exprs)
    first = replay.carries + replay.rows
    carry, steps = operands[: replay.carries], {}
    for step in replay.order:
        rows = [x[step] for x in operands[replay.carries : first]]
        steps[step] = whole.of([*carry, *rows, *operands[first:]])
        carry = [steps[step][place] for place in body.dag.outputs[: replay.carries]]
    return steps


def _told(
    replay: LoopReplay, names: list[str], digits: int, steps: dict[int, list[Expr]] | None
) -> Iterator[Round]:
    body = replay.bodies[replay.taken]
    outputs, inputs = named_body(body, names)
    inner = Dag(outputs, inputs)
    shown = node_names(inner, "y")
    aliases = [
        x if x.op is CONSTANT else symbol(name, x.shape, x.dtype)
        for x, name in zip(inner.exprs, shown, strict=True)
    ]
    order = list(replay.order)
    if len(order) > _FIRST + _LAST:
        order = [*order[:_FIRST], *order[-_LAST:]]
    for step in order:
        at_the_point = [number(value, digits) for value in replay.values(step)]
        values: list[Any] = at_the_point if steps is None else steps[step]
        lines = [Line("receives", (named(shown[node]), values[node])) for node in range(len(inputs))]
        for node, expr in enumerate(inner.exprs):
            if not expr.op.is_leaf:
                written = formula(rebuild(expr, tuple(aliases[of] for of in inner.operands[node])))
                lines.append(Line("computes", (named(shown[node]), written, values[node])))
        for place, node in enumerate(inner.outputs):
            carried = names[place] if place < replay.carries else "each step"
            given = "result" if replay.node.op in STEPLESS else carried
            note = ("next_step",) if replay.node.op not in STEPLESS and place < replay.carries else ()
            lines.append(Line("returns", (Math(given, rf"\text{{{given}}}"), values[node]), note=note))
        yield _title(replay, step), tuple(lines), steps is None


def _title(replay: LoopReplay, step: int) -> Math:
    node: Expr = replay.node
    if node.op is SWITCH:
        side = ("else", "then")[replay.taken] if is_cond(node) else f"branch {replay.taken}"
        return Math(f"The side taken: {side}", rf"\text{{The side taken: {side}}}")
    if node.op is FUNCTION:
        return Math(f"Inside {run_label(node)}", rf"\text{{Inside {run_label(node)}}}")
    text = f"{run_label(node, replay.steps)}: step {step}"
    return Math(text, rf"\text{{{text}}}")


__all__ = ["Round", "rounds"]

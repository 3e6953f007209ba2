"""A step of a loop as a graph of its own, to be explained: what it was called with, and what flows back to what it gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from graphc.autodiff.loop_adjoints import StepAdjoints
from graphc.interpret.loop_replay import LoopReplay
from graphc.interpret.numpy_eval import to_python
from graphc.ir.op import SYMBOL
from graphc.ir.types import is_float
from graphc.ops.control import LOOPS, SWITCH
from graphc.ops.control_runs import loop_key, run_label
from graphc.viz.loop_names import binder_names, named_body


def bodies_at(
    graph: Any, forward: Mapping[int, Any], adjoints: Mapping[int, Any], step: int
) -> Iterator[tuple[str, Any, dict[str, Any], list[Any]]]:
    """The loops of a graph that hand something back: a heading, the body as a graph, its point, and its outputs' adjoints.

    forward, adjoints : node → value
    """
    together: dict[Any, list[int]] = {}
    for node, expr in enumerate(graph.exprs):
        if expr.op in LOOPS and expr.op is not SWITCH:
            together.setdefault(loop_key(expr), []).append(node)
    lengths = {
        str(name): length
        for node, expr in enumerate(graph.symbols)
        for name, length in zip(expr.shape, getattr(forward[node], "shape", ()), strict=False)
        if not isinstance(name, int)
    }
    for nodes in together.values():
        expr, operands = graph.exprs[nodes[0]], graph.operands[nodes[0]]
        received = {graph.exprs[node].attrs[-1]: adjoints[node] for node in nodes if node in adjoints}
        replay = LoopReplay(expr, [forward[operand] for operand in operands], lengths)
        number = replay.checked(step)
        body = replay.bodies[0]
        if not received or not any(is_float(output.dtype) for output in body.outputs):
            continue
        known = [
            graph.exprs[operand].name if graph.exprs[operand].op is SYMBOL else "" for operand in operands
        ]
        names = binder_names(expr, known)
        outputs, inputs = named_body(body, names)
        seeds = StepAdjoints(replay, received).seeds_at(number)
        # what nothing uses receives nothing
        floats = [place for place in seeds if place < replay.carries or place in received]
        point = {x.name: to_python(value) for x, value in zip(inputs, replay.arguments(number), strict=True)}
        heading = f"At step {number} of {run_label(expr, replay.steps)}"
        inside = type(graph)([outputs[place] for place in floats], inputs)
        yield heading, inside, point, [seeds[place] for place in floats]


_BY_THEOREM = "the implicit function theorem: one solution with the transposed Jacobian"

BACKWARDS = {
    "switch": "the branch taken, differentiated",
    "call": "the derivative of the function as a whole",
    "function": "the derivative of the function, called",
    "checked": "the same where it did not fail",
    "root": _BY_THEOREM,
    "fixed_point": _BY_THEOREM,
    "minimizer": _BY_THEOREM,
}
"""What is told of nodes with bodies instead of a formula."""

__all__ = ["BACKWARDS", "bodies_at"]

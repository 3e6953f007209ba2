"""Rewriting inside of loops and branches: their bodies are formulas too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphc.ir.body import Body
from graphc.ir.expr import Expr, apply, on_line_of, rebuild
from graphc.rewrite.engine.normal_form import RuleFiring, Trace


def rewritten_bodies(
    outputs: Sequence[Expr], order: Sequence[Expr], rewrite: Callable[[Sequence[Expr]], Trace]
) -> Trace:
    """The outputs, whose nodes are in `order`, with the bodies of their loops and branches rewritten, and what fired there."""
    steps: list[RuleFiring] = []
    if all(node.op.control is None for node in order):
        return Trace(steps, tuple(outputs), True)
    complete, bodies, known = True, dict[Body, Body](), dict[Expr, Expr]()

    def within(body: Body) -> Body:
        nonlocal complete
        if body not in bodies:
            trace = rewrite(body.outputs)
            steps.extend(trace)
            complete = complete and trace.complete
            after = Body(body.inputs, trace.outputs)
            bodies[body] = body if after == body else after.written_as(body.outputs, body.written.get)
        return bodies[body]

    def inside(attr: Any) -> Any:
        if isinstance(attr, tuple):
            return tuple([inside(each) for each in attr])
        return within(attr) if isinstance(attr, Body) else attr

    for node in order:
        operands = tuple([known[operand] for operand in node.operands])
        with on_line_of(node):
            if node.op.control is None:
                known[node] = node if operands == node.operands else rebuild(node, operands)
                continue
            attrs = inside(node.attrs)
            same = operands == node.operands and attrs == node.attrs
            known[node] = node if same else apply(node.op, *operands, attrs=attrs)
    return Trace(steps, tuple([known[output] for output in outputs]), complete)


__all__ = ["rewritten_bodies"]

"""Units as text, for whoever wants to see what a pass made of them: `dump=` of `g.compile` and the environment's GRAPHC_DUMP."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from graphc.compiler.loops.printer import text as program_text
from graphc.compiler.schedule.fusion import FLAT, Group
from graphc.errors import InputError
from graphc.ir.expr import Expr, current_site, rebuild, symbol
from graphc.ir.graph import Dag
from graphc.ir.printer import render
from graphc.ir.types import format_shape

if TYPE_CHECKING:
    from graphc.compiler.pipeline import Unit

BUDGET = 2_000
"""Characters of a formula that are shown."""


def named(wanted: Any, names: Sequence[str], on_request: Sequence[str] = ()) -> tuple[str, ...]:
    """The passes that `dump=` names: one, several in a list or with commas between, or "all". Raises `InputError` for others.

    on_request : further passes, which "all" does not stand for
    """
    listed = (
        wanted.split(",")
        if isinstance(wanted, str)
        else list(wanted)
        if isinstance(wanted, (list, tuple))
        else [wanted]
    )
    words = [word.strip() if isinstance(word, str) else word for word in listed]
    words = [word for word in words if word not in ("", None)]
    for word in words:
        if word != "all" and word not in (*names, *on_request):
            raise InputError(
                f"{word!r:.60} is no pass of the compiler",
                site=current_site(),
                hint=f'"all", or of {", ".join((*names, *on_request))}',
            )
    return (*names, *(word for word in words if word in on_request)) if "all" in words else tuple(words)


def asked(names: Sequence[str], on_request: Sequence[str] = ()) -> tuple[str, ...]:
    """The passes that the environment's GRAPHC_DUMP names."""
    text = os.environ.get("GRAPHC_DUMP", "")
    return named(text, names, on_request) if text else ()


def changed(name: str, old: str, new: str, does: str = "") -> str:
    """What a pass changed, by the texts before and after it, with a heading."""
    head = f"--- {name}: {does}" if does else f"--- {name}"
    return f"{head}\n(nothing changed)" if old == new else f"{head}\n{new}"


def text(unit: Unit) -> str:
    """A unit as text: what the last pass that worked on it made."""
    if unit.loops is not None:
        return program_text(unit.loops)
    if unit.plan is not None and unit.plan.text:
        return unit.plan.text
    if unit.plan is not None:
        return _memory(unit)
    if unit.steps:
        return "\n".join(f"step {number}: {_step(step)}" for number, step in enumerate(unit.steps))
    if unit.materialized:
        return _materialized(unit)
    if unit.body is not None and len(unit.body.parts) > 1:
        return "\n".join(
            f"function {number}: {sum(map(len, part))} operations"
            for number, part in enumerate(unit.body.parts)
        )
    return _graph(unit.graph)


def _materialized(unit: Unit) -> str:
    """Each node that is kept in memory as a formula of those before it."""
    lines: list[str] = []
    made: dict[Expr, Expr] = {}
    for node in unit.graph.exprs:
        again = rebuild(node, tuple([made[operand] for operand in node.operands])) if node.operands else node
        if node in unit.materialized:
            name = f"k{len(lines)}"
            lines.append(f"{name}: {node.dtype}{format_shape(node.shape)} = {render(again, budget=200)}")
            again = symbol(name, node.shape, node.dtype)
        made[node] = again
    return "\n".join(lines).replace("\0", "constant ")


def _graph(graph: Dag) -> str:
    names = ", ".join(
        f"{symbol.name}: {symbol.dtype}{format_shape(symbol.shape)}" for symbol in graph.symbols
    )
    lines = [f"({names})".replace("\0", "constant ")]
    for output in graph.outputs:
        node = graph.exprs[output]
        formula = render(node, budget=BUDGET).replace("\0", "constant ")
        lines.append(f"  → {node.dtype}{format_shape(node.shape)}  {formula}")
    return "\n".join(lines)


def _step(step: Any) -> str:
    if not isinstance(step, Group):
        return f"call of {step.node.op.name}{format_shape(step.node.shape)}"
    rows = "all elements in one" if step.walk == FLAT else f"rows {format_shape(step.rows)}"
    made = ", ".join(f"{stage.node.op.name}{format_shape(stage.node.shape)}" for stage in step.stages)
    return f"kernel over {rows}: {made}"


def _memory(unit: Unit) -> str:
    plan = unit.plan
    assert plan is not None
    lines = [
        f"{node.op.name}{format_shape(node.shape)}: workspace, steps {first} to {last}"
        for node, (first, last) in plan.lives.items()
    ]
    lines += [
        f"{node.op.name}{format_shape(node.shape)}: result {number}" for node, number in plan.targets.items()
    ]
    lines += [
        f"{node.op.name}{format_shape(node.shape)}: in place of {symbol.name}"
        for node, symbol in plan.inplace.items()
    ]
    return "\n".join(lines)

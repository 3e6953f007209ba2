"""What a lecturer points at: nodes that are highlighted, and remarks that stand under their labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from graphc.errors import InputError, brief, brief_text
from graphc.ir.expr import Expr
from graphc.ir.formatting import visible
from graphc.ir.op import SYMBOL
from graphc.viz.model import View

_LONGEST = 60
"""Letters of a line of a remark."""


def emphasized(view: View, graph: Any, highlight: Any, note: Any) -> View:
    """The view with nodes highlighted, and with remarks.

    Parameters
    ----------
    highlight : an expression or the name of a symbol, or several
    note : expression or name of a symbol → what stands under its label, one line or several

    Raises `InputError` for what is not in the graph, and for a remark that is no text.
    """
    chosen = highlight if isinstance(highlight, (list, tuple, set, frozenset)) else [highlight]
    marked = set() if highlight is None else {_node(graph, each, "highlight") for each in chosen}
    if note is not None and not isinstance(note, Mapping):
        raise InputError(f"note is {brief(note)}", hint='write note={z: "before the activation"}')
    remarks: dict[int, tuple[str, ...]] = {}
    for key, text in (note or {}).items():
        if not isinstance(text, str):
            raise InputError(
                f"a note is {brief(text)}", hint='it is a text: note={z: "before the activation"}'
            )
        remarks[_node(graph, key, "note")] = tuple(visible(line, _LONGEST) for line in text.splitlines())
    if not marked and not remarks:
        return view
    nodes = tuple(
        node
        if node.key != f"n{node.node}"  # an output's name; and within a loop numbers are those of its body
        else replace(
            node,
            mark="highlight" if node.node in marked else node.mark,
            lines=(*node.lines, *remarks.get(node.node, ())),
        )
        for node in view.nodes
    )
    return replace(view, nodes=nodes)


def _node(graph: Any, what: Any, option: str) -> int:
    if isinstance(what, Expr) and what in graph:
        return graph.node(what)
    names = {expr.name: node for node, expr in enumerate(graph.exprs) if expr.op is SYMBOL}
    if isinstance(what, str) and what in names:
        return names[what]
    near = get_close_matches(what, names, 1) if isinstance(what, str) else []
    hint = f"{near[0]!r}?" if near else "an expression of the graph, or the name of a symbol"
    raise InputError(f"{option} is of {brief_text(what, 60)!r}, which is not in the graph", hint=hint)


__all__ = ["emphasized"]

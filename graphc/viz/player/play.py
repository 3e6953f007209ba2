"""The player of a graph: its diagram and its explanation in one page, to be stepped through."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphc.errors import GradientError, RenderError
from graphc.viz import SLIDES, Style, view
from graphc.viz.explain.explain import explain_graph
from graphc.viz.player import page


def player(
    graph: Any,
    at: Mapping[Any, Any] | None,
    backward: bool = True,
    *,
    seed: Any = None,
    name: Any = None,
    digits: int = 3,
    style: Style = SLIDES,
    exercise: bool = False,
) -> str:
    """The player of a graph as the text of an HTML file; the parameters are those of `draw`.

    Raises `RenderError` without a point, and for a graph that is too large to be stepped through.
    """
    if at is None:
        names = ", ".join(f"{symbol.name!r}: 1.0" for symbol in graph.symbols[:3])
        raise RenderError("a player needs a point to begin at", hint=f"write g.draw(L, at={{{names}}})")
    shown = view(graph, None, name=name, digits=digits, bodies=False)
    labels = [node.label for node in shown.nodes if node.kind == "output"]
    known = labels[0] if len(labels) == 1 else name if isinstance(name, str) else "L"
    explanation = None
    if backward and graph.record is None:
        try:
            explanation = explain_graph(graph, None, seed=seed, name=known)
        except GradientError:
            if seed is not None:
                raise
    return page(
        graph, shown, explanation, at, seed=seed, name=known, digits=digits, style=style, exercise=exercise
    )

"""The page of a player: one HTML file that needs nothing else, and runs no script but its own.

Every step stands in it as text from the start; the script shows one at a time and fills in numbers. A content security policy
names the script by its digest, so that no other would run even if it came to stand there.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from graphc.compiler.targets.javascript import program
from graphc.errors import CompileError, InputError
from graphc.interpret.numpy_eval import run
from graphc.ir.expr import Expr, substitute, symbol
from graphc.ir.formatting import show_value, visible
from graphc.ir.graph import Dag
from graphc.ir.types import is_float
from graphc.version import __version__
from graphc.viz.explain.explanation import Explanation
from graphc.viz.math_text import equal, formula, named
from graphc.viz.player.lesson import Lecture, Lesson, lesson
from graphc.viz.player.mathml import Slot, plain
from graphc.viz.player.picture import Picture
from graphc.viz.player.rounds import rounds
from graphc.viz.player.sections import (
    as_text,
    controls,
    section_of_inputs,
    section_of_plot,
    section_of_step,
    slope_of,
)
from graphc.viz.style import DARK, Style
from graphc.viz.view_graph import View

_CURVES = 4
"""So many lines of a plot can be told apart."""


@cache
def asset(name: str) -> str:
    """The text of a file beside this one."""
    return files("graphc.viz.player").joinpath(name).read_text(encoding="utf-8")


def assemble(title: str, body: str, data: Any, scripts: tuple[str, ...], compute: str, style: Style) -> str:
    """A page of its parts.

    title : as text
    body : HTML
    data : what the scripts read, as plain data
    scripts : names of files beside this one
    compute : a JavaScript expression, the function that the scripts call `compute`
    """
    inner = "\n".join([f"const compute = {compute};", *(asset(script) for script in scripts)])
    script = f'"use strict";\n(() => {{\n{inner}}})();\n'
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return Template(asset("player.html")).substitute(
        digest=f"sha256-{digest}",
        version=__version__,
        title=escape(visible(title, 80)),
        css=_colours(style) + asset("player.css"),
        body=body,
        data=json.dumps(data, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c"),
        script=script,
    )


_COLOURS = {
    "bg": "background", "text": "text", "note": "note", "line": "line", "forward": "forward", "back": "backward",
    "op": "operation", "symbol": "symbol", "constant": "constant", "adjoint": "adjoint", "frame": "frame", "edge": "rule",
}  # fmt: skip
"""Names in the page → names in a style."""

_BESIDE = {
    False: {
        "panel": "#F6F8FA",
        "rule": "#D5DCE4",
        "accent": "#7A2E96",
        "light": "#F3E4FA",
        "good": "#1B6B2F",
        "bad": "#B3261E",
    },
    True: {
        "panel": "#1A222C",
        "rule": "#36424F",
        "accent": "#D9A5F0",
        "light": "#412A4E",
        "good": "#7FD494",
        "bad": "#FF9C94",
    },
}
"""Whether the background is dark → the colours of what no diagram has."""


def _colours(style: Style) -> str:
    """The colours of a page: the style's, and dark ones where the reader prefers those."""
    chosen = f":root {{ {_listed(style)} }}\n"
    return (
        chosen
        if _is_dark(style)
        else f"{chosen}@media (prefers-color-scheme: dark) {{ :root {{ {_listed(DARK)} }} }}\n"
    )


def _listed(style: Style) -> str:
    colours = {name: getattr(style, field) for name, field in _COLOURS.items()} | _BESIDE[_is_dark(style)]
    return " ".join(f"--{name}: {colour};" for name, colour in colours.items())


def _is_dark(style: Style) -> bool:
    red, green, blue = (int(style.background[at : at + 2], 16) for at in (1, 3, 5))
    return 2 * red + 5 * green + blue < 8 * 128  # about as bright as they look


def page(
    graph: Lecture,
    view: View,
    explanation: Explanation | None,
    at: Mapping[Any, Any],
    *,
    seed: Any = None,
    name: str = "L",
    digits: int = 3,
    style: Style,
    exercise: bool = False,
) -> str:
    """The player of a graph as HTML.

    Parameters
    ----------
    graph : a `Graph`
    view : its structure as a diagram shows it
    explanation : of its derivative, in symbols alone; None for the forward pass alone
    at : name or symbol → value: where it begins
    seed : the weight of each output in what is differentiated
    name : of what is differentiated
    digits : significant digits of its numbers
    style : colours, where the reader prefers light ones
    exercise : whether the reader is asked for the values

    Numbers can be changed in the page; arrays are shown as they are. Raises `InputError` for a point that does not fit and for an
    exercise about arrays, `RenderError` for a graph that is too large.
    """
    record = None if explanation is None else graph.differentiate(seed)
    course = lesson(graph, explanation, record, visible(name, 24), rounds(graph, at, digits))
    plotted = _plotted(course, view)
    slopes = [slope_of(course, node) for node in range(len(graph.symbols))]
    dag = Dag(course.exprs, graph.symbols)
    values = run(dag, at)
    compute = _program(dag, values)
    if exercise and compute is None:
        raise InputError(
            "an exercise asks for numbers, and this graph computes with arrays",
            hint="leave exercise=True out",
        )
    texts = [show_value(values[place], digits) for place in dag.outputs]

    def fill(slot: Slot) -> str:
        return "?" if exercise and slot.key else texts[slot.index]

    picture = Picture(view, course, fill, style, [values[place] for place in dag.outputs])
    heading = equal(named(course.name), formula(_shown(course))) if len(graph.outputs) == 1 else None
    title = heading.text if heading else ", ".join(_labels(view))[:200]
    with_plot = compute is not None and not exercise and bool(plotted)
    body = "\n".join(
        [
            '<div class="formula" tabindex="0" role="region" aria-label="The formula">'
            f'<h1 aria-label="{escape(title)}">{plain(heading) if heading else escape(title)}</h1></div>',
            f'<div class="scroll" tabindex="0" role="region" aria-label="The graph">{picture.svg()}</div>',
            controls(len(course.scenes) - 1),
            '<div class="columns">',
            '<div class="stack">' if with_plot else "",
            '<div class="panel lecture" aria-live="polite" tabindex="0" role="region" aria-label="This step">',
            *(section_of_step(course, number, fill, exercise) for number in range(len(course.scenes))),
            "</div>",
            section_of_inputs(course, values, compute is not None, digits),
            "</div>" + section_of_plot(course, plotted) if with_plot else "",
            "</div>",
            f'<p class="note">{escape(view.note)}</p>' if view.note else "",
            '<p class="keys"><kbd>←</kbd> <kbd>→</kbd> step, <kbd>Home</kbd> <kbd>End</kbd> first and last, '
            "<kbd>Space</kbd> play; a click on a node shows its forward step, another its backward step.</p>",
            "<noscript><p>Without scripts the first step alone is shown.</p></noscript>",
        ]
    )
    data = {
        "digits": digits,
        "exercise": exercise,
        "outputs": [{"slot": slot, "name": label} for slot, label in plotted],
        "slopes": slopes,
        "scenes": [{"kind": scene.kind, "node": scene.node} for scene in course.scenes],
        "inputs": [
            {
                "name": course.names[node],
                "kind": _kind(expr),
                "value": as_text(values[node]),
                "bounds": _bounds(expr),
            }
            for node, expr in enumerate(graph.symbols)
        ],
    }
    return assemble(title, body, data, ("numbers.js", "chart.js", "player.js"), compute or "null", style)


def _program(dag: Dag, values: list[Any]) -> str | None:
    """The function that recomputes every value; None where there are arrays, which the page shows as they are."""
    if any(getattr(value, "ndim", 0) for value in values):
        return None
    try:
        return program(dag)
    except CompileError:
        return None


def _plotted(lesson: Lesson, view: View) -> list[tuple[int, str]]:
    """The outputs that are plotted, by slot and name: as many as lines can be told apart."""
    labels = _labels(view)
    graph = lesson.graph
    places = [place for place, node in enumerate(graph.outputs) if is_float(graph.exprs[node].dtype)]
    return [(lesson.value(graph.outputs[place]).index, labels[place]) for place in places[:_CURVES]]


def _labels(view: View) -> list[str]:
    """The names of the outputs as the picture shows them."""
    return [visible(node.label, 24) for node in view.nodes if node.kind == "output"]


def _shown(lesson: Lesson) -> Expr:
    """The first output with names that can be shown."""
    symbols = lesson.graph.symbols
    names = {old: symbol(new, old.shape, old.dtype) for old, new in zip(symbols, lesson.names, strict=False)}
    output = lesson.graph.exprs[lesson.graph.outputs[0]]
    return substitute(output, {old: new for old, new in names.items() if old.name != new.name})


def _kind(expr: Expr) -> str:
    return expr.dtype.kind


def _bounds(expr: Expr) -> list[float] | None:
    """The promised range of an input, where its ends are finite enough for a slider."""
    if expr.bounds is None:
        return None
    low, high = expr.bounds
    return [max(low, -1e300), min(high, 1e300)]

"""The page of a player: one HTML file that needs nothing else, and runs no script but its own.

Every step stands in it as text from the start; the script shows one at a time and fills in numbers. A content security policy
names the script by its digest, so that no other would run even if it came to stand there.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from graphc.errors import InputError
from graphc.interpret.numpy_eval import run
from graphc.ir.expr import Expr, substitute, symbol
from graphc.ir.formatting import show_value, visible
from graphc.ir.graph import Dag
from graphc.ir.types import is_float
from graphc.version import __version__
from graphc.viz.explain.explanation import Explanation
from graphc.viz.math_text import equal, formula, named
from graphc.viz.player.codes import exercise_key
from graphc.viz.player.elements import adjoints_of, names_of, rules_of, with_operands
from graphc.viz.player.frames import frame_pictures, titles
from graphc.viz.player.layout import form_of
from graphc.viz.player.lesson import Lecture, Lesson, lesson
from graphc.viz.player.mathml import Fill, plain
from graphc.viz.player.packing import packed
from graphc.viz.player.panels import (
    input_form,
    section_of_descent,
    section_of_element,
    section_of_exercise,
    section_of_inputs,
    section_of_links,
    toolbar,
)
from graphc.viz.player.picture import Picture, picture_slots
from graphc.viz.player.recompute import as_data, recomputation, some_as_data
from graphc.viz.player.rounds import rounds
from graphc.viz.player.sections import (
    as_text,
    controls,
    section_of_plot,
    section_of_step,
    slope_of,
)
from graphc.viz.player.words import label, languages, told
from graphc.viz.style import DARK, Style
from graphc.viz.view_graph import View

_CURVES = 4
"""So many lines of a plot can be told apart."""


@cache
def asset(name: str) -> str:
    """The text of a file beside this one."""
    return files("graphc.viz.player").joinpath(name).read_text(encoding="utf-8")


def assemble(
    title: str,
    body: str,
    data: Any,
    scripts: tuple[str, ...],
    compute: str,
    style: Style,
    instead: str | None = None,
) -> str:
    """A page of its parts.

    title : as text
    body : HTML
    data : what the scripts read, as plain data
    scripts : names of files beside this one
    compute : a JavaScript expression, the function that the scripts call `compute`
    instead : of a long page, which travels packed: what stands in place of its body where no script runs
    """
    inner = "\n".join([f"const compute = {compute};", *(asset(script) for script in scripts)])
    script = _run(f"{inner}delete document.documentElement.dataset.loading;")
    text = json.dumps(data, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
    digests = [_digest(script)]
    carried = ""
    if instead is not None:
        carried = (
            f'<script type="text/plain" id="packed">{" ".join(map(packed, (body, text, script)))}</script>\n'
        )
        body, text, script = instead, "", _run(asset("unpack.js"))
        digests.append(_digest(script))
    return Template(asset("player.html")).substitute(
        digests=" ".join(digests),
        version=__version__,
        title=escape(visible(title, 80)),
        css=_colours(style) + asset("player.css"),
        body=body,
        carried=carried,
        data=text,
        script=script,
    )


def _run(script: str) -> str:
    return f'"use strict";\n(async () => {{\n{script}\n}})();\n'


def _digest(script: str) -> str:
    """What a content security policy calls a script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


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

    Numbers and elements of arrays can be changed in the page, which computes everything anew; what JavaScript has no form for
    stands as it was computed. Raises `InputError` for a point that does not fit and for an
    exercise about arrays, `RenderError` for a graph that is too large.
    """
    record = None if explanation is None else graph.differentiate(seed)
    course = lesson(graph, explanation, record, visible(name, 24), rounds(graph, at, digits))
    plotted = _plotted(course, view)
    slopes = [slope_of(course, node) for node in range(len(graph.symbols))]
    adjoints = adjoints_of(course)
    nodes = [course.slot(expr).index for expr in graph.exprs]
    picture_slots(view, course)
    values = run(Dag(course.exprs, graph.symbols), at)
    arrays = any(getattr(value, "ndim", 0) for value in values)
    if arrays:
        with_operands(course)
    dag = Dag(course.exprs, graph.symbols)
    values = run(dag, at)
    inputs, values = values[: len(graph.symbols)], [values[place] for place in dag.outputs]
    compute = recomputation(dag, inputs)
    if exercise and (arrays or compute is None):
        raise InputError(
            "an exercise asks for numbers, and this graph computes with arrays",
            hint="leave exercise=True out",
        )
    shapes: list[tuple[int, ...]] = [tuple(getattr(value, "shape", ())) for value in values]
    fill = Fill(
        [show_value(value, digits) for value in values], [form_of(shape) for shape in shapes], exercise
    )
    heading = equal(named(course.name), formula(_shown(course))) if len(graph.outputs) == 1 else None
    title = heading.text if heading else ", ".join(_labels(view))[:200]
    listed = {slot: list(shape) for slot, shape in enumerate(shapes) if form_of(shape) != "number"}
    names = names_of(course) if arrays else []
    live = compute is not None
    with_plot = live and not exercise and bool(plotted)
    sides = [
        section_of_plot(course, plotted) if with_plot else "",
        section_of_descent(course) if with_plot and len(graph.outputs) == 1 else "",
    ]
    frames = frame_pictures(view)
    written = live and not exercise and len(course.scenes) > _PLAIN
    blank = replace(fill, texts=[""] * len(values)) if written else fill  # the page writes all numbers itself
    pictures = "\n".join(
        Picture(view, course, fill, style, values, frame if len(frames) > 1 else None, number).svg(blank)
        for number, frame in enumerate(frames)
    )
    steps = "\n".join(section_of_step(course, k, blank, exercise) for k in range(len(course.scenes)))
    top = (
        f'<div class="formula" tabindex="0" role="region"{label("formula")} dir="ltr">'
        f'<h1 aria-label="{escape(title)}">{plain(heading) if heading else escape(title)}</h1></div>'
    )
    body = "\n".join(
        [
            top,
            toolbar(titles(frames) if len(frames) > 1 else []),
            f'<div class="scroll" tabindex="0" role="region"{label("graph")} dir="ltr">{pictures}</div>',
            controls(len(course.scenes) - 1),
            f'<div class="columns{"" if any(sides) else " single"}">',
            '<div class="stack">',
            f'<div class="panel lecture" aria-live="polite" tabindex="0" role="region"{label("this_step")}>',
            steps,
            "</div>",
            section_of_exercise() if exercise else "",
            section_of_inputs(course, inputs, live, digits),
            section_of_element(course, names, listed) if arrays else "",
            "</div>",
            f'<div class="stack">{"".join(sides)}</div>' if any(sides) else "",
            "</div>",
            f'<p class="note">{escape(view.note)}</p>' if view.note else "",
            "" if exercise else section_of_links(title),
            '<p class="keys"><kbd>←</kbd> <kbd>→</kbd> <kbd>PgUp</kbd> <kbd>PgDn</kbd> <kbd>Home</kbd> <kbd>End</kbd> '
            f"<kbd>Space</kbd> {told('keys')}</p>",
            f"<noscript>{told('no_script', tag='p')}</noscript>",
            f'<button type="button" id="curtain"{label("black")} hidden></button>',
        ]
    )
    data = {
        "digits": digits,
        "exercise": exercise,
        "exam": exercise_key(graph, graph.symbols, inputs, digits) if exercise else "",
        "outputs": [{"slot": slot, "name": text} for slot, text in plotted],
        "slopes": slopes,
        "scenes": [{"kind": scene.kind, "node": scene.node} for scene in course.scenes],
        "inputs": [
            _input(course.names[k], expr, inputs[k], nodes[k], live) for k, expr in enumerate(graph.symbols)
        ],
        "shapes": listed,
        "names": names,
        "adjoints": adjoints if arrays else {},
        "rules": rules_of(course, values) if arrays else {},
        "fixed": {} if live else some_as_data({k: values[k] for k in listed if input_form(values[k])}),
        "words": languages(),
    }
    long = len(course.scenes) > _PLAIN
    instead = f"{top}\n<noscript>{told('only_scripts', tag='p')}</noscript>" if long else None
    return assemble(title, body, data, SCRIPTS, compute or "null", style, instead)


_PLAIN = 120
"""The page of a graph with more steps travels packed."""


SCRIPTS = (
    "numbers.js", "chart.js", "values.js", "words.js", "elements.js", "inputs.js", "plotting.js", "exercise.js",
    "moving.js", "player.js", "sharing.js", "begin.js",
)  # fmt: skip
"""The page's scripts, in the order in which they run."""


def _input(name: str, expr: Expr, value: Any, slot: int, live: bool) -> dict[str, Any]:
    """An input as plain data."""
    form = input_form(value)
    described = {"name": name, "kind": expr.dtype.kind, "bounds": _bounds(expr), "slot": slot, "form": form}
    if expr.dtype.itemsize < 8:
        described["single"] = True
    if getattr(value, "ndim", 0):
        array = (
            as_data(value)
            if form and live
            else {"type": value.dtype.name, "shape": list(value.shape), "bytes": ""}
        )
        return {**described, "array": array}
    return {**described, "value": as_text(value)}


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


def _bounds(expr: Expr) -> list[float] | None:
    """The promised range of an input, where its ends are finite enough for a slider."""
    if expr.bounds is None:
        return None
    low, high = expr.bounds
    return [max(low, -1e300), min(high, 1e300)]

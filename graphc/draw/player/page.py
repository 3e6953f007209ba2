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

from graphc.dag import Dag
from graphc.display import show_value, visible
from graphc.draw.player.lesson import Lecture, Lesson, Line, Scene, lesson
from graphc.draw.player.mathml import Slot, line, plain
from graphc.draw.player.picture import Picture
from graphc.draw.style import DARK, Style
from graphc.draw.view import View
from graphc.errors import CompileError, InputError
from graphc.evaluate import run
from graphc.explanation import Explanation
from graphc.expr import Expr, substitute, symbol
from graphc.lower.javascript import program
from graphc.printer import format_number
from graphc.types import is_float
from graphc.version import __version__
from graphc.wording import equal, formula, named

_HINTS = {
    "f": "not yet: put the numbers that it receives into the formula",
    "c": "not yet: what it returns is what it receives times its local derivative, which now stands above",
    "a": "not yet: what flows back along several edges is added",
}


_CURVES = 4
"""So many lines of a plot can be told apart."""


@cache
def asset(name: str) -> str:
    """The text of a file beside this one."""
    return files("graphc.draw.player").joinpath(name).read_text(encoding="utf-8")


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
    "op": "operation", "symbol": "symbol", "constant": "constant", "adjoint": "adjoint",
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
    told = lesson(graph, explanation, record, visible(name, 24))
    plotted = _plotted(told, view)
    slopes = [_slope(told, node) for node in range(len(graph.symbols))]
    dag = Dag(told.exprs, graph.symbols)
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

    heading = equal(named(told.name), formula(_shown(told))) if len(graph.outputs) == 1 else None
    title = heading.text if heading else ", ".join(_labels(view))[:200]
    with_plot = compute is not None and not exercise and bool(plotted)
    body = "\n".join(
        [
            '<div class="formula" tabindex="0" role="region" aria-label="The formula">'
            f'<h1 aria-label="{escape(title)}">{plain(heading) if heading else escape(title)}</h1></div>',
            f'<div class="scroll" tabindex="0" role="region" aria-label="The graph">{Picture(view, told, fill).svg()}</div>',
            _controls(len(told.scenes) - 1),
            '<div class="columns">',
            '<div class="stack">' if with_plot else "",
            '<div class="panel lecture" aria-live="polite" tabindex="0" role="region" aria-label="This step">',
            *(_scene(told, number, fill, exercise) for number in range(len(told.scenes))),
            "</div>",
            _inputs(told, values, compute is not None, digits),
            "</div>" + _plot(told, plotted) if with_plot else "",
            "</div>",
            f'<p class="note">{escape(view.note)}</p>' if view.note else "",
            '<p class="keys"><kbd>←</kbd> <kbd>→</kbd> step, <kbd>Home</kbd> <kbd>End</kbd> first and last, '
            "<kbd>Space</kbd> play; a click on an operation shows its forward step.</p>",
            "<noscript><p>Without scripts the first step alone is shown.</p></noscript>",
        ]
    )
    data = {
        "digits": digits,
        "exercise": exercise,
        "outputs": [{"slot": slot, "name": label} for slot, label in plotted],
        "slopes": slopes,
        "scenes": [{"kind": scene.kind, "node": scene.node} for scene in told.scenes],
        "inputs": [
            {
                "name": told.names[node],
                "kind": _kind(expr),
                "value": _text(values[node]),
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


def _slope(told: Lesson, node: int) -> int | None:
    """The value that is the derivative of the output with respect to an input, where there is one output."""
    if told.record is None or len(told.graph.outputs) > 1 or not is_float(told.graph.symbols[node].dtype):
        return None
    (seed,) = told.record.seeds
    if not seed.is_constant or seed.value != 1:  # what flows back is then a multiple of the slope
        return None
    return told.adjoint(node).index


def _plotted(told: Lesson, view: View) -> list[tuple[int, str]]:
    """The outputs that are plotted, by slot and name: as many as lines can be told apart."""
    labels = _labels(view)
    graph = told.graph
    places = [place for place, node in enumerate(graph.outputs) if is_float(graph.exprs[node].dtype)]
    return [(told.value(graph.outputs[place]).index, labels[place]) for place in places[:_CURVES]]


def _labels(view: View) -> list[str]:
    """The names of the outputs as the picture shows them."""
    return [visible(node.label, 24) for node in view.nodes if node.kind == "output"]


def _shown(told: Lesson) -> Expr:
    """The first output with names that can be shown."""
    symbols = told.graph.symbols
    names = {old: symbol(new, old.shape, old.dtype) for old, new in zip(symbols, told.names, strict=False)}
    output = told.graph.exprs[told.graph.outputs[0]]
    return substitute(output, {old: new for old, new in names.items() if old.name != new.name})


def _kind(expr: Expr) -> str:
    return expr.dtype.kind


def _text(value: Any) -> str:
    return "" if getattr(value, "ndim", 0) else format_number(value)


def _bounds(expr: Expr) -> list[float] | None:
    """The promised range of an input, where its ends are finite enough for a slider."""
    if expr.bounds is None:
        return None
    low, high = expr.bounds
    return [max(low, -1e300), min(high, 1e300)]


# --- parts ----------------------------------------------------------------------------------------------------------------


def _controls(last: int) -> str:
    speeds = "".join(
        f'<option value="{speed}"{" selected" if speed == 1 else ""}>{speed:g}×</option>'
        for speed in (0.5, 1, 2, 4)
    )
    buttons = "".join(
        f'<button type="button" id="{key}" aria-label="{label}"><svg viewBox="0 0 16 16" aria-hidden="true">'
        f'<path d="{path}"/></svg></button>\n'
        for key, label, path in _BUTTONS
    )
    return f"""<div class="controls" role="group" aria-label="Steps">
{buttons}<button type="button" id="play">Play</button>
<select id="speed" aria-label="Speed">{speeds}</select>
<input type="range" id="step" min="0" max="{last}" value="0" aria-label="Step">
<output id="where" for="step">0 / {last}</output>
</div>"""


_BUTTONS = (
    ("first", "First step", "M2 2h2v12H2z M14 2v12L5 8z"),
    ("back", "Step back", "M12 2v12L3 8z"),
    ("next", "Step forward", "M4 2v12l9-6z"),
    ("last", "Last step", "M12 2h2v12h-2z M2 2v12l9-6z"),
)


def _scene(told: Lesson, number: int, fill: Any, exercise: bool) -> str:
    scene = told.scenes[number]
    lines = [_line(told, item, fill, exercise) for item in scene.lines]
    if scene.kind in ("start", "gradient"):
        listed = f"<ul>{''.join(f'<li>{item}</li>' for item in lines)}</ul>" if lines else ""
    else:
        rows, verb = "", ""
        for item, shown in zip(scene.lines, lines, strict=True):
            again = ' class="again"' if item.verb == verb else ""
            rows += (
                f'<div class="row"{_rule(item, exercise)}><dt{again}>{item.verb}</dt><dd>{shown}</dd></div>'
            )
            verb = "" if exercise and item.rule else item.verb
        listed = f'<dl class="lines">{rows}</dl>'
    hidden = " hidden" if number else ""
    return f'<section class="step {scene.kind}-step"{hidden}><h2>{_title(told, number, scene)}</h2>{listed}</section>'


def _rule(item: Line, exercise: bool) -> str:
    return f' data-rule="{item.rule}"' if exercise and item.rule else ""


def _title(told: Lesson, number: int, scene: Scene) -> str:
    if scene.kind == "start":
        return "The inputs"
    if scene.kind == "gradient":
        return "The gradient"
    places = told.forward if scene.kind == "forward" else told.backward
    first = min(places.values())
    words = f"{scene.kind.capitalize()} {number - first + 1} of {len(places)}"
    return f"{words}: {plain(scene.title)}" if scene.title else words


def _line(told: Lesson, item: Line, fill: Any, exercise: bool) -> str:
    text = line(item.pieces, fill, item.inside)
    if item.note:
        text += f' <span class="note">({escape(item.note)})</span>'
    if exercise and item.ask:
        answer = item.pieces[-1]
        text += (
            f'<form class="ask" data-key="{item.ask}" data-slot="{answer.index}" data-hint="{_HINTS[item.ask[0]]}">'
            f'<input type="text" inputmode="decimal" autocomplete="off" aria-label="Your answer">'
            '<button type="submit">Check</button><button type="button" class="reveal">Show</button>'
            '<span class="says" role="status"></span></form>'
        )
    return text


def _inputs(told: Lesson, values: list[Any], live: bool, digits: int) -> str:
    rows = []
    for node, expr in enumerate(told.graph.symbols):
        label = plain(named(told.names[node]))
        text = escape(told.names[node])
        fixed = "" if live else " disabled"
        rows.append(f'<label for="in{node}">{label}</label>')
        if expr.dtype.kind == "b" and live:
            checked = " checked" if values[node] else ""
            rows.append(f'<input type="checkbox" id="in{node}" aria-label="{text}" class="wide"{checked}>')
            continue
        value = escape(_text(values[node]) or show_value(values[node], digits))
        slider = expr.dtype.kind == "f" and live
        wide = "" if slider else ' class="wide"'
        rows.append(
            f'<input type="text" inputmode="decimal" autocomplete="off" id="in{node}" aria-label="{text}" '
            f'value="{value}"{wide}{fixed}>'
        )
        if slider:
            rows.append(f'<input type="range" id="slide{node}" aria-label="{text}, slider">')
    if not rows:
        return '<p id="message"></p>'
    note = "" if live else '<p class="message note">Arrays: the values stand as they were computed.</p>'
    message = '<p class="message wrong" id="message" role="status"></p>'
    return (
        '<section class="panel" aria-labelledby="inputs-title"><h2 id="inputs-title">Inputs</h2>'
        f'<div class="inputs">{"".join(rows)}{message}{note}</div></section>'
    )


def _plot(told: Lesson, plotted: list[tuple[int, str]]) -> str:
    """The outputs, of one also its derivative, against one input; nothing where there is no input to plot against."""
    floats = [node for node, expr in enumerate(told.graph.symbols) if is_float(expr.dtype)]
    if not floats:
        return ""
    options = "".join(f'<option value="{node}">{escape(told.names[node])}</option>' for node in floats)
    slope = any(_slope(told, node) is not None for node in floats)
    key = '<li><svg viewBox="0 0 30 10" aria-hidden="true"><line class="c{0}" x1="0" y1="5" x2="30" y2="5"/></svg>{1}</li>'
    lines = [escape(label) for _, label in plotted] + ["its derivative"] * slope
    legend = "".join(key.format(number, label) for number, label in enumerate(lines))
    names = ", ".join(escape(label) for _, label in plotted)
    return (
        f'<section class="panel" aria-labelledby="plot-title"><h2 id="plot-title">{names} against an input</h2>'
        f'<div class="plotbar"><select id="against" aria-label="The input to plot against">{options}</select>'
        '<button type="button" id="closer" aria-label="Zoom in">+</button>'
        '<button type="button" id="wider" aria-label="Zoom out">−</button></div>'
        f'<div id="plot"></div><ul class="legend chart">{legend}</ul><p class="note" id="slope"></p></section>'
    )

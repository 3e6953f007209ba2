"""The panels of a player's page: inputs, an element, gradient descent, the exercise, what a lecture needs, links."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from math import prod
from typing import Any

from graphc.ir.formatting import show_value
from graphc.viz.math_text import named
from graphc.viz.player.layout import form_of, grid_of
from graphc.viz.player.lesson import Lesson
from graphc.viz.player.mathml import plain
from graphc.viz.player.sections import as_text, icon, slope_of
from graphc.viz.player.words import label, languages, told

_LARGEST = 1_000_000
"""The elements of a larger array are not sent along."""


def input_form(value: Any) -> str:
    """How an input is edited: 'number', 'matrix' by a field for each element, 'heat' one element at a time; '' not at all."""
    shape = tuple(getattr(value, "shape", ()))
    if not shape:
        return "number"
    if 0 in shape or prod(shape) > _LARGEST or value.dtype.kind not in "biuf":
        return ""
    return form_of(shape)


def section_of_inputs(lesson: Lesson, values: list[Any], live: bool, digits: int) -> str:
    """The inputs with fields, and sliders for floats.

    live : whether the page can compute
    """
    rows = []
    for node, expr in enumerate(lesson.graph.symbols):
        form = input_form(values[node])
        rows.append(f'<label for="{_field(node, form)}">{plain(named(lesson.names[node]))}</label>')
        name, slider = escape(lesson.names[node]), ""
        if expr.dtype.kind == "f" and live and form:
            slider = f'<input type="range" id="slide{node}"{label("slider", lesson.names[node])}>'
        if form == "number" and expr.dtype.kind == "b" and live:
            checked = " checked" if values[node] else ""
            rows.append(f'<input type="checkbox" id="in{node}" aria-label="{name}" class="wide"{checked}>')
        elif form == "matrix" and live:
            rows.append(f'<div class="wide">{_cells(node, lesson.names[node], values[node])}{slider}</div>')
        elif form == "heat" and live:
            rows.append(f'<div class="wide">{_map(node, lesson.names[node], values[node])}{slider}</div>')
        else:
            text = escape(as_text(values[node]) or show_value(values[node], digits))
            also = "" if slider else ' class="wide"'
            also += "" if live else " disabled"
            rows.append(_text(f"in{node}", f' aria-label="{name}" value="{text}"{also}'))
            rows.append(slider)
    if not rows:
        return '<p id="message"></p>'
    note = "" if live else told("fixed_arrays", tag="p", class_="message note")
    message = '<p class="message wrong" id="message" role="status"></p>'
    return (
        f'<section class="panel" aria-labelledby="inputs-title">{told("inputs", tag="h2", id="inputs-title")}'
        f'<div class="inputs">{"".join(rows)}{message}{note}</div></section>'
    )


def _field(node: int, form: str) -> str:
    return f"in{node}_0" if form == "matrix" else f"in{node}"


def _text(key: str, also: str) -> str:
    return f'<input type="text" inputmode="decimal" autocomplete="off" id="{key}"{also}>'


def _place(flat: int, shape: tuple[int, ...]) -> str:
    index: list[int] = []
    for length in reversed(shape):
        flat, at = divmod(flat, length)
        index.insert(0, at)
    return ", ".join(map(str, index))


def _cells(node: int, name: str, value: Any) -> str:
    _, columns = grid_of(value.shape)
    fields = "".join(
        _text(
            f"in{node}_{k}",
            f' data-cell="{node}" data-i="{k}" aria-label="{escape(name)}[{_place(k, value.shape)}]"',
        )
        for k in range(value.size)
    )
    told_ = f'<p class="note" id="cell{node}" dir="ltr"></p>' if value.dtype.kind == "f" else ""
    return f'<div class="fields" dir="ltr" style="--columns:{columns}">{fields}</div>{told_}'


def _map(node: int, name: str, value: Any) -> str:
    shape = " × ".join(map(str, value.shape))
    field = _text(f"in{node}", f' aria-label="{escape(name)}"')
    return (
        f'<p class="note" dir="ltr">{shape}</p><div class="holds heat" data-n="{node}" data-slot="{node}"></div>'
        f'<div class="chosen" dir="ltr"><span id="cell{node}"></span>'
        f'<input type="text" autocomplete="off" id="place{node}"{label("index")} value="{_place(0, value.shape)}">'
        f"{field}</div>"
    )


def section_of_element(lesson: Lesson, names: list[str], shapes: Mapping[int, list[int]]) -> str:
    """What is told of one element of an array, hidden until one is chosen."""
    nodes = [lesson.slot(expr).index for expr in lesson.graph.exprs]
    options = "".join(
        f'<option value="{slot}">{escape(names[slot])}</option>'
        for slot in dict.fromkeys(nodes)
        if slot in shapes
    )
    if not options:
        return ""
    return (
        f'<section class="panel" id="element" aria-labelledby="element-title" hidden>'
        f"{told('element', tag='h2', id='element-title')}"
        f'<div class="chosen"><select id="element-array"{label("array")}>{options}</select>'
        f'<input type="text" id="element-index" autocomplete="off"{label("index")}></div>'
        '<div id="element-told" aria-live="polite"></div>'
        f'<div class="parts" id="element-parts" role="group"{label("made_of")} dir="ltr"></div></section>'
    )


def section_of_descent(lesson: Lesson) -> str:
    """Gradient descent, where there is one output with a slope for some input."""
    nodes = [node for node in range(len(lesson.graph.symbols)) if slope_of(lesson, node) is not None]
    if not nodes:
        return ""
    data = [node for node in nodes if lesson.names[node][:1] in "xytXYT"]
    fixed = set(data) if len(data) < len(nodes) else set()  # what is called x or y is mostly given
    boxes = "".join(
        f'<label><input type="checkbox" data-train="{node}" aria-label="{escape(lesson.names[node])}"'
        f"{'' if node in fixed else ' checked'}>"
        f"{plain(named(lesson.names[node]))}</label>"
        for node in nodes
    )
    rate = _text("rate", ' value="0.1"')
    buttons = "".join(told(key, tag="button", id=key) for key in ("descend", "run", "restart"))
    return (
        f'<section class="panel" id="descent" aria-labelledby="descent-title">'
        f"{told('descent', tag='h2', id='descent-title')}"
        f'<div class="plotbar"><label>{told("rate")} {rate}</label>{buttons}</div>'
        f'<div class="trained" role="group"{label("train")}>{told("train")} {boxes}</div>'
        '<div id="loss-plot" dir="ltr" hidden></div><p class="note" id="losses" role="status"></p></section>'
    )


def section_of_exercise() -> str:
    """The score, the numbers, the name and the code."""
    return (
        f'<section class="panel exercise" aria-labelledby="exercise-title">'
        f"{told('exercise', tag='h2', id='exercise-title')}"
        '<p id="score" role="status"></p><div class="plotbar">'
        f'<label>{told("variant")} <input type="number" id="variant" min="0" max="99999" value="0"></label>'
        f"{told('other', tag='button', id='other')}</div>"
        '<div class="plotbar">'
        f'<label>{told("pupil")} <input type="text" id="pupil" autocomplete="off" maxlength="80"></label>'
        f'<label>{told("code")} <input type="text" id="code" readonly dir="ltr"></label>'
        f"{told('copy', tag='button', data_copy='code')}</div></section>"
    )


def toolbar(frames: list[str]) -> str:
    """Above the graph: search, size and open frame of the picture; letters, full screen and language of the page."""
    opened = "".join(
        f'<option value="{number}">{escape(name) or "·"}</option>' for number, name in enumerate(frames)
    )
    chooser = f'<select id="frames"{label("frames")}>{opened}</select>' if frames else ""
    options = "".join(
        f'<option value="{code}" lang="{code}">{escape(words["name"])}</option>'
        for code, words in languages().items()
    )
    corners = icon("M2 2h5v2H4v3H2z M9 2h5v5h-2V4H9z M2 9h2v3h3v2H2z M12 9h2v5H9v-2h3z")
    return (
        '<div class="tools">'
        f'<input type="search" id="find"{label("find")} placeholder="⌕" autocomplete="off">'
        f'<button type="button" id="farther"{label("zoom_out")}>−</button>'
        f'<button type="button" id="nearer"{label("zoom_in")}>+</button>'
        f'<button type="button" id="whole"{label("whole")}>1:1</button>'
        f'<svg id="map" hidden role="img"{label("map")}></svg>{chooser}<span class="space"></span>'
        f'<button type="button" id="large" aria-pressed="false"{label("large")}>Aa</button>'
        f'<button type="button" id="full"{label("full")}>{corners}</button>'
        f'<select id="language"{label("language")}>{options}</select></div>'
    )


_SNIPPET = """<iframe src="ADDRESS" title="TITLE" style="width:100%;border:0" height="700"></iframe>
<script>addEventListener("message", e => { for (const f of document.querySelectorAll("iframe"))
if (e.source === f.contentWindow && e.data.type === "graphc:size") f.height = e.data.height; });</script>"""


def section_of_links(title: str) -> str:
    """A link that keeps the step and the inputs, and what a page writes to embed this one."""
    snippet = _SNIPPET.replace("TITLE", escape(title[:80]))
    return (
        f"<details>{told('share', tag='summary')}"
        f'<p><label>{told("link")}<br><input type="text" id="link" readonly dir="ltr"></label> '
        f"{told('copy', tag='button', data_copy='link')}</p>"
        f'<p><label>{told("embed")}<br><textarea id="embed" readonly rows="4" dir="ltr">{escape(snippet)}</textarea></label> '
        f"{told('copy', tag='button', data_copy='embed')}</p></details>"
    )


__all__ = [
    "input_form",
    "section_of_descent",
    "section_of_element",
    "section_of_exercise",
    "section_of_inputs",
    "section_of_links",
    "toolbar",
]

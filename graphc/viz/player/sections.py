"""The sections of a player's page: its buttons, what is told at each step, the inputs, the plot."""

from __future__ import annotations

from html import escape
from typing import Any

from graphc.ir.formatting import show_value
from graphc.ir.printer import format_number
from graphc.ir.types import is_float
from graphc.viz.math_text import named
from graphc.viz.player.lesson import Lesson, LessonStep, Line
from graphc.viz.player.mathml import line, plain

_HINTS = {
    "f": "not yet: put the numbers that it receives into the formula",
    "c": "not yet: what it returns is what it receives times its local derivative, which now stands above",
    "a": "not yet: what flows back along several edges is added",
}


def as_text(value: Any) -> str:
    return "" if getattr(value, "ndim", 0) else format_number(value)


def slope_of(lesson: Lesson, node: int) -> int | None:
    """The value that is the derivative of the output with respect to an input, where there is one output."""
    if (
        lesson.record is None
        or len(lesson.graph.outputs) > 1
        or not is_float(lesson.graph.symbols[node].dtype)
    ):
        return None
    (seed,) = lesson.record.seeds
    if not seed.is_constant or seed.value != 1:  # what flows back is then a multiple of the slope
        return None
    return lesson.adjoint(node).index


def controls(last: int) -> str:
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


def section_of_step(lesson: Lesson, number: int, fill: Any, exercise: bool) -> str:
    scene = lesson.scenes[number]
    lines = [_line(lesson, item, fill, exercise) for item in scene.lines]
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
    return f'<section class="step {scene.kind}-step"{hidden}><h2>{_title(lesson, number, scene)}</h2>{listed}</section>'


def _rule(item: Line, exercise: bool) -> str:
    return f' data-rule="{item.rule}"' if exercise and item.rule else ""


def _title(lesson: Lesson, number: int, scene: LessonStep) -> str:
    if scene.kind == "start":
        return "The inputs"
    if scene.kind == "gradient":
        return "The gradient"
    if scene.kind == "round":
        return plain(scene.title) if scene.title else ""
    places = sorted((lesson.forward if scene.kind == "forward" else lesson.backward).values())
    words = f"{scene.kind.capitalize()} {places.index(number) + 1} of {len(places)}"
    return f"{words}: {plain(scene.title)}" if scene.title else words


def _line(lesson: Lesson, item: Line, fill: Any, exercise: bool) -> str:
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


def section_of_inputs(lesson: Lesson, values: list[Any], live: bool, digits: int) -> str:
    rows = []
    for node, expr in enumerate(lesson.graph.symbols):
        label = plain(named(lesson.names[node]))
        text = escape(lesson.names[node])
        fixed = "" if live else " disabled"
        rows.append(f'<label for="in{node}">{label}</label>')
        if expr.dtype.kind == "b" and live:
            checked = " checked" if values[node] else ""
            rows.append(f'<input type="checkbox" id="in{node}" aria-label="{text}" class="wide"{checked}>')
            continue
        value = escape(as_text(values[node]) or show_value(values[node], digits))
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
    what = "Loops" if lesson.together else "Arrays"
    note = "" if live else f'<p class="message note">{what}: the values stand as they were computed.</p>'
    message = '<p class="message wrong" id="message" role="status"></p>'
    return (
        '<section class="panel" aria-labelledby="inputs-title"><h2 id="inputs-title">Inputs</h2>'
        f'<div class="inputs">{"".join(rows)}{message}{note}</div></section>'
    )


def section_of_plot(lesson: Lesson, plotted: list[tuple[int, str]]) -> str:
    """The outputs, of one also its derivative, against one input; nothing where there is no input to plot against."""
    floats = [node for node, expr in enumerate(lesson.graph.symbols) if is_float(expr.dtype)]
    if not floats:
        return ""
    options = "".join(f'<option value="{node}">{escape(lesson.names[node])}</option>' for node in floats)
    slope = any(slope_of(lesson, node) is not None for node in floats)
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


__all__ = ["as_text", "controls", "section_of_inputs", "section_of_plot", "section_of_step", "slope_of"]

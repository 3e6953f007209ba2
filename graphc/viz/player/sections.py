"""The sections of a player's page: its buttons, what is told at each step, the plot."""

from __future__ import annotations

from html import escape
from typing import Any

from graphc.ir.printer import format_number
from graphc.ir.types import is_float
from graphc.viz.player.lesson import Lesson, LessonStep, Line
from graphc.viz.player.mathml import Fill, line, plain
from graphc.viz.player.words import label, told


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
    if (
        seed.shape or not seed.is_constant or seed.value != 1
    ):  # what flows back is then a multiple of the slope
        return None
    return lesson.adjoint(node).index


def controls(last: int) -> str:
    speeds = "".join(
        f'<option value="{speed}"{" selected" if speed == 1 else ""}>{speed:g}×</option>'
        for speed in (0.5, 1, 2, 4)
    )
    buttons = "".join(
        f'<button type="button" id="{key}"{label(key)}>{icon(path)}</button>\n' for key, path in _BUTTONS
    )
    return f"""<div class="controls" role="group"{label("steps")} dir="ltr">
{buttons}{told("play", tag="button", id="play")}
<select id="speed"{label("speed")}>{speeds}</select>
<input type="range" id="step" min="0" max="{last}" value="0"{label("step")}>
<output id="where" for="step">0 / {last}</output>
</div>"""


def icon(path: str) -> str:
    return f'<svg viewBox="0 0 16 16" aria-hidden="true"><path d="{path}"/></svg>'


_BUTTONS = (
    ("first", "M2 2h2v12H2z M14 2v12L5 8z"),
    ("back", "M12 2v12L3 8z"),
    ("next", "M4 2v12l9-6z"),
    ("last", "M12 2h2v12h-2z M2 2v12l9-6z"),
)


def section_of_step(lesson: Lesson, number: int, fill: Fill, exercise: bool) -> str:
    scene = lesson.scenes[number]
    lines = [_line(lesson, item, fill, exercise) for item in scene.lines]
    if scene.kind in ("start", "gradient"):
        listed = f"<ul>{''.join(f'<li>{item}</li>' for item in lines)}</ul>" if lines else ""
    else:
        rows, verb = "", ""
        for item, shown in zip(scene.lines, lines, strict=True):
            again = {"class_": "again"} if item.verb == verb else {}
            rows += f'<div class="row"{_rule(item, exercise)}>{_verb(item.verb, again)}<dd>{shown}</dd></div>'
            verb = "" if exercise and item.rule else item.verb
        listed = f'<dl class="lines">{rows}</dl>'
    if scene.fixed:
        listed += told("at_start", tag="p", class_="note stale", hidden="")
    hidden = " hidden" if number else ""
    return f'<section class="step {scene.kind}-step"{hidden}><h2>{_title(lesson, number, scene)}</h2>{listed}</section>'


def _verb(verb: str, also: dict[str, str]) -> str:
    return told(verb, tag="dt", **also) if verb else "<dt></dt>"


def _rule(item: Line, exercise: bool) -> str:
    return f' data-rule="{item.rule}"' if exercise and item.rule else ""


def _title(lesson: Lesson, number: int, scene: LessonStep) -> str:
    if scene.kind == "start":
        return told("the_inputs")
    if scene.kind == "gradient":
        return told("the_gradient")
    if scene.kind == "round":
        return plain(scene.title) if scene.title else ""
    places = sorted((lesson.forward if scene.kind == "forward" else lesson.backward).values())
    words = told(f"{scene.kind}_of", places.index(number) + 1, len(places))
    return f"{words}: {plain(scene.title)}" if scene.title else words


def _line(lesson: Lesson, item: Line, fill: Fill, exercise: bool) -> str:
    text = f'<span dir="ltr">{line(item.pieces, fill, item.inside)}</span>'
    if item.note:
        key, *parts = item.note
        text += f' <span class="note">({told(key, *parts)})</span>'
    if item.numeric is not None and not exercise:
        text += f' <span class="note numeric" dir="ltr" data-n="{item.numeric}"></span>'
    if exercise and item.ask:
        answer = item.pieces[-1]
        text += (
            f'<form class="ask" data-key="{item.ask}" data-slot="{answer.index}">'
            f'<input type="text" inputmode="decimal" autocomplete="off"{label("your_answer")}>'
            f"{told('check', tag='button', type='submit')}"
            f"{told('hint', tag='button', class_='hint')}"
            f"{told('reveal', tag='button', class_='reveal')}"
            '<span class="says" role="status"></span></form>'
        )
    return text


def section_of_plot(lesson: Lesson, plotted: list[tuple[int, str]]) -> str:
    """The outputs, of one also its derivative, against one input; nothing where there is no input to plot against."""
    floats = [node for node, expr in enumerate(lesson.graph.symbols) if is_float(expr.dtype)]
    if not floats:
        return ""
    options = "".join(f'<option value="{node}">{escape(lesson.names[node])}</option>' for node in floats)
    slope = any(slope_of(lesson, node) is not None for node in floats)
    key = '<li><svg viewBox="0 0 30 10" aria-hidden="true"><line class="c{0}" x1="0" y1="5" x2="30" y2="5"/></svg>{1}</li>'
    lines = [escape(name) for _, name in plotted] + [told("its_derivative")] * slope
    legend = "".join(key.format(number, text) for number, text in enumerate(lines))
    names = ", ".join(name for _, name in plotted)
    return (
        f'<section class="panel" aria-labelledby="plot-title">{told("against", names, tag="h2", id="plot-title")}'
        f'<div class="plotbar"><select id="against"{label("against_label")}>{options}</select>'
        f'<button type="button" id="closer"{label("zoom_in")}>+</button>'
        f'<button type="button" id="wider"{label("zoom_out")}>−</button></div>'
        f'<div id="plot" dir="ltr"></div><ul class="legend chart">{legend}</ul>'
        '<p class="note" id="slope" dir="auto"></p></section>'
    )


__all__ = ["as_text", "controls", "icon", "section_of_plot", "section_of_step", "slope_of"]

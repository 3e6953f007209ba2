"""A film as a frame of Beamer: overlays in TikZ, named nodes, styles to be changed in one place, and the document's own font.

It is a document of its own; what stands in its frame, with the styles before it, goes into another one as it is. It needs
beamer, tikz and amssymb, all part of a full TeX Live. No text of a user is a command.
"""

from __future__ import annotations

import re

from graphc.viz.layout_scene import ITALIC, SUBSCRIPT, SUPERSCRIPT, Stroke, Text
from graphc.viz.steps.film import Cel, Film
from graphc.viz.style import Style
from graphc.viz.writers.tikz import latex, tikz_path

_WIDTH, _HEIGHT = 430.0, 225.0
"""Points of a frame of 16:9 in which a picture has room."""

_SMALL = 0.75


def beamer(film: Film, style: Style) -> str:
    """The text of a LaTeX file."""
    left, low, right, high = film.scene.box
    scale = min(1.0, _WIDTH / (right - left), _HEIGHT / (high - low))
    looks = _Looks(style)
    colours: dict[str, str] = {}
    names: set[str] = set()
    last = len(film.steps) - 1
    body: list[str] = []
    for cel in film.cels:
        lines = [line for part in cel.item.parts for line in [_part(part, looks, colours, scale)]]
        if cel.item.kind == "node" and cel.first == 0 and cel.item.key not in names and cel.item.parts:
            lines += _named(cel, names, scale)
        body += [f"  {line}" for line in _on(cel.first, cel.last, last, lines)]
    told = [f"% {number}: {_plain(step.title)}" for number, step in enumerate(film.steps, 1)]
    return "\n".join([
        r"\documentclass[aspectratio=169]{beamer}",
        r"\usepackage{tikz}",
        r"\usepackage{amssymb}",
        r"\setbeamertemplate{navigation symbols}{}",
        *(rf"\definecolor{{{name}}}{{HTML}}{{{value[1:].upper()}}}" for value, name in colours.items()),
        r"\tikzset{",
        *(f"  {name}/.style={{{look}}}," for look, name in looks.items()),
        "}",
        r"\begin{document}",
        *told,
        r"\begin{frame}",
        r"\centering",
        r"\makebox[0pt]{%",  # it may be wider than the text of a slide
        rf"\begin{{tikzpicture}}[x={scale:.4g}bp,y={scale:.4g}bp]",
        rf"  \useasboundingbox ({_n(left)},{_n(low)}) rectangle ({_n(right)},{_n(high)});",
        *body,
        r"\end{tikzpicture}}",
        r"\end{frame}",
        r"\end{document}",
        "",
    ])  # fmt: skip


def _plain(text: str) -> str:
    """A comment on one line."""
    return "".join(character if character.isprintable() else " " for character in text)


def _on(first: int, end: int, last: int, lines: list[str]) -> list[str]:
    """Lines that are seen on some slides; Beamer counts from 1."""
    if not lines or (first, end) == (0, last):
        return lines
    slides = f"{first + 1}-" if end == last else str(first + 1) if first == end else f"{first + 1}-{end + 1}"
    return [rf"\onslide<{slides}>{{%", *(f"  {line}" for line in lines), "}"]


def _named(cel: Cel, names: set[str], scale: float) -> list[str]:
    """An invisible node as large as what is drawn, so that the document can point at it."""
    names.add(cel.item.key)
    strokes = [part for part in cel.item.parts if isinstance(part, Stroke)]
    if not strokes:
        return []
    boxes = [
        (x - rx, y - ry, x + rx, y + ry)
        for ((x, y), (rx, ry)) in (part.points for part in strokes if part.form == "ellipse")
    ]
    boxes += [(*p, *p) for part in strokes if part.form != "ellipse" for p in part.points]
    x0, y0 = min(box[0] for box in boxes), min(box[1] for box in boxes)
    x1, y1 = max(box[2] for box in boxes), max(box[3] for box in boxes)
    name = re.sub(r"[^A-Za-z0-9]", "-", cel.item.key)
    size = f"minimum width={_n(scale * (x1 - x0))}bp,minimum height={_n(scale * (y1 - y0))}bp"
    return [
        rf"\node[inner sep=0,outer sep=0,{size}] ({name}) at ({_n((x0 + x1) / 2)},{_n((y0 + y1) / 2)}) {{}};"
    ]


class _Looks(dict[str, str]):
    """Look → the name of its TikZ style, which says what has it: gc forward, gc backward, gc label."""

    def __init__(self, style: Style) -> None:
        super().__init__()
        self.words = {
            style.forward.lower(): "forward", style.backward.lower(): "backward", style.note.lower(): "note",
            style.text.lower(): "label", style.line.lower(): "line", style.rule.lower(): "frame", style.alarm.lower(): "alarm",
        }  # fmt: skip

    def named(self, look: str, colour: str | None) -> str:
        if look not in self:
            word = f"gc {self.words.get((colour or '').lower(), 'shape')}"
            number = sum(re.fullmatch(rf"{word}( \d+)?", name) is not None for name in self.values())
            self[look] = f"{word} {number + 1}" if number else word
        return self[look]


def _colour(value: str, colours: dict[str, str]) -> str:
    return colours.setdefault(value.lower(), f"gc{len(colours)}")


def _part(part: Stroke | Text, looks: _Looks, colours: dict[str, str], scale: float) -> str:
    return (
        _text(part, looks, colours, scale) if isinstance(part, Text) else _stroke(part, looks, colours, scale)
    )


def _stroke(part: Stroke, looks: _Looks, colours: dict[str, str], scale: float) -> str:
    look = []
    if part.line is not None:
        look += [f"draw={_colour(part.line, colours)}", f"line width={_n(part.width * scale)}bp"]
    look += ["dash pattern=on 6bp off 4bp"] if part.dashed else []
    look += [f"fill={_colour(part.fill, colours)}"] if part.fill is not None else []
    return rf"\path[{looks.named(','.join(look), part.line)}] {tikz_path(part)};"


def _text(part: Text, looks: _Looks, colours: dict[str, str], scale: float) -> str:
    size, (x, y) = part.size, part.at
    if part.form & (SUBSCRIPT | SUPERSCRIPT):
        y += -0.2 * size if part.form & SUBSCRIPT else 0.35 * size
        size *= _SMALL
    points = f"\\fontsize{{{_n(size * scale)}bp}}{{{_n(1.2 * size * scale)}bp}}\\selectfont"
    look = f"text={_colour(part.colour, colours)},font={points},anchor=base,inner sep=0,outer sep=0"
    shown = latex(part.text, italic=bool(part.form & ITALIC))
    return rf"\node[{looks.named(look, part.colour)}] at ({_n(x + part.width / 2)},{_n(y)}) {{{shown}}};"


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


__all__ = ["beamer"]

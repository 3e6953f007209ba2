"""A scene as DOT text with nothing in it but a background: so Graphviz makes PNG and PDF of the very picture that SVG shows.

Source of the language: https://graphviz.org/docs/outputs/canon/#xdot.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphc.viz.layout_scene import Scene, Stroke, Text

_FORMS = {"polygon": "pP", "curve": "Bb", "polyline": "LL"}
"""Form → the letters for a line alone and for a filled area."""


def to_xdot(scene: Scene) -> str:
    """The DOT text, for Graphviz's `nop2`."""
    left, low, right, high = scene.box
    drawn = [
        f"c 9 -#ffffff00 C 7 -{scene.background} P 4 {left:.2f} {low:.2f} {left:.2f} {high:.2f} "
        f"{right:.2f} {high:.2f} {right:.2f} {low:.2f}"
    ]
    for item in scene.items:
        for part in item.parts:
            drawn.append(_text(part) if isinstance(part, Text) else _stroke(part))
    escaped = (line.replace("\\", "\\\\").replace('"', '\\"') for line in drawn)
    background = " + ".join(f'"{line} "' for line in escaped)  # in pieces: there is a longest string
    return f'digraph graphc {{ graph [pad=0, bgcolor="{scene.background}", _background={background}]; }}\n'


def _sized(text: str) -> str:
    return f"{len(text.encode())} -{text}"


def _stroke(part: Stroke) -> str:
    ink = f"c {_sized(part.line or '#ffffff00')} C {_sized(part.fill or '#ffffff00')}"
    lines = (f"setlinewidth({part.width:g})", "dashed" if part.dashed else "solid")
    pen = " ".join(f"S {_sized(line)}" for line in lines)
    if part.form == "ellipse":
        numbers = [number for point in part.points for number in point]
        return f"{ink} {pen} {'E' if part.fill else 'e'} {' '.join(f'{number:.2f}' for number in numbers)}"
    if part.form == "cells":
        pairs = zip(part.points[::2], part.points[1::2], strict=True)
        corners = (((x0, y0), (x1, y0), (x1, y1), (x0, y1)) for (x0, y0), (x1, y1) in pairs)
        return f"{ink} {pen} {' '.join(f'P 4 {_numbers(some)}' for some in corners)}"
    form = _FORMS[part.form][part.fill is not None]
    return f"{ink} {pen} {form} {len(part.points)} {_numbers(part.points)}"


def _numbers(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.2f} {y:.2f}" for x, y in points)


def _text(part: Text) -> str:
    x, y = part.at
    return (
        f"F {part.size:.2f} {_sized(part.font)} c {_sized(part.colour)} t {part.form} "
        f"T {x:.2f} {y:.2f} -1 {part.width:.2f} {_sized(part.text)}"
    )


__all__ = ["to_xdot"]

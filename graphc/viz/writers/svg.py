"""A scene as SVG: text that can be searched, a title and a description for screen readers, and texts as wide as laid out.

The width is written beside each text, so that a viewer without the font squeezes another one into the same place and nothing
overlaps. Nothing of a user is markup: all text is escaped, and there is no script and no reference to anything outside.
"""

from __future__ import annotations

from html import escape

from graphc.viz.layout_scene import ITALIC, SUBSCRIPT, SUPERSCRIPT, Item, Scene, Stroke, Text

_SMALL = 0.72
"""The size of an index as a part of that of its letter."""


def to_svg(scene: Scene, title: str, description: str) -> str:
    """The text of an SVG file."""
    left, _, _, top = scene.box
    lines = svg_head(scene, title, description)
    for item in scene.items:
        lines += svg_item(item, -left, top)
    return "\n".join([*lines, "</svg>"]) + "\n"


def svg_head(scene: Scene, title: str, description: str) -> list[str]:
    """The lines of an SVG file before its items."""
    left, bottom, right, top = scene.box
    width, height = right - left, top - bottom
    return [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{_n(width * scene.scale)}pt" '
        f'height="{_n(height * scene.scale)}pt" viewBox="0 0 {_n(width)} {_n(height)}" '
        'style="max-width:100%;height:auto">',
        f"<title>{escape(title)}</title>",
        f"<desc>{escape(description)}</desc>",
        f'<rect width="100%" height="100%" fill="{scene.background}"/>',
    ]


def svg_item(item: Item, dx: float, top: float) -> list[str]:
    """The lines of an item."""
    lines = [f'<g class="{item.kind}" data-key="{escape(item.key)}">']
    if item.tip:
        lines.append(f"<title>{escape(item.tip)}</title>")
    for part in item.parts:
        lines.append(_text(part, dx, top) if isinstance(part, Text) else _stroke(part, dx, top))
    return [*lines, "</g>"]


def _n(value: float) -> str:
    """A coordinate, rounded to a hundredth of a point."""
    return f"{round(value, 2) + 0.0:g}" if abs(value) < 1e4 else f"{value:.2f}"


def _stroke(part: Stroke, dx: float, top: float) -> str:
    look = f'fill="{part.fill or "none"}"'
    if part.line is None:
        look += ' stroke="none"'
    else:
        look += f' stroke="{part.line}"' + (f' stroke-width="{_n(part.width)}"' if part.width != 1 else "")
        look += ' stroke-dasharray="6 4"' if part.dashed else ""
    if part.form == "ellipse":
        (x, y), (rx, ry) = part.points
        return f'<ellipse {look} cx="{_n(x + dx)}" cy="{_n(top - y)}" rx="{_n(rx)}" ry="{_n(ry)}"/>'
    if part.form == "cells":
        pairs = zip(part.points[::2], part.points[1::2], strict=True)
        cells = (
            f"M{_n(x0 + dx)},{_n(top - y1)}h{_n(x1 - x0)}v{_n(y1 - y0)}h{_n(x0 - x1)}z"
            for (x0, y0), (x1, y1) in pairs
        )
        return f'<path {look} shape-rendering="crispEdges" d="{"".join(cells)}"/>'
    points = [f"{_n(x + dx)},{_n(top - y)}" for x, y in part.points]
    if part.form == "curve":
        return f'<path {look} d="M{points[0]}C{" ".join(points[1:])}"/>'
    return f'<{part.form} {look} points="{" ".join(points)}"/>'


def _text(part: Text, dx: float, top: float) -> str:
    size, x, y = part.size, part.at[0] + dx, top - part.at[1]
    if part.form & (SUBSCRIPT | SUPERSCRIPT):
        size *= _SMALL
        y += 0.2 * part.size if part.form & SUBSCRIPT else -0.35 * part.size
    slant = ' font-style="italic"' if part.form & ITALIC else ""
    return (
        f'<text x="{_n(x)}" y="{_n(y)}" textLength="{_n(part.width)}" lengthAdjust="spacingAndGlyphs" '
        f'font-family="{escape(part.font)}" font-size="{_n(size)}"{slant} fill="{part.colour}" '
        f'xml:space="preserve">{escape(part.text, quote=False)}</text>'
    )

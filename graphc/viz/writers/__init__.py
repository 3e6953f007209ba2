"""A diagram as text of a format: DOT, and what is drawn of the layout, SVG, TikZ and characters.

`WRITERS` is the table of those that draw a laid-out diagram: a new format is a file here and a row there.
"""

from __future__ import annotations

from collections.abc import Callable

from graphc.viz.layout_scene import Scene
from graphc.viz.writers.svg import to_svg
from graphc.viz.writers.text import to_text
from graphc.viz.writers.tikz import to_tikz

WRITERS: dict[str, Callable[[Scene, str, str], str]] = {
    "svg": to_svg,
    "tex": lambda scene, title, description: to_tikz(scene),
    "txt": lambda scene, title, description: to_text(scene),
}
"""Suffix → (scene, title, description in words) → the text of the file."""

"""Texts set by Graphviz, which knows how wide they are, each around its own middle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from graphc.viz.graphviz_engine import AS_PLACED, LAYOUT, render
from graphc.viz.layered.drawn import DrawnPart, bounds
from graphc.viz.layout_scene import Item, read_items
from graphc.viz.style import Style
from graphc.viz.writers import labels, markup

Line = tuple[str, str, float]
"""(text, colour, size)"""

_EMPTY = DrawnPart(Item("node", "", "", ()), (0.0, 0.0, 0.0, 0.0))


def set_texts(texts: Mapping[str, Sequence[Line]], style: Style) -> dict[str, DrawnPart]:
    """Key → its lines of text, one below the other; raises `RenderError` where nothing sets them."""
    graph = labels.graphviz().Digraph(node_attr={"fontname": style.font, "margin": "0"})
    filled = {key: lines for key, lines in texts.items() if any(text for text, _, _ in lines)}
    for number, lines in enumerate(filled.values()):
        rows = "".join(f"<TR><TD>{_set(*line)}</TD></TR>" for line in lines if line[0])
        rows = f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">{rows}</TABLE>'
        graph.node(f"t{number}", pos="0,0", label=markup.html(rows), shape="plain")
    found: dict[str, DrawnPart] = {}
    if filled:
        items = read_items(render(graph.source, LAYOUT, parts=1, program=AS_PLACED))
        for number, key in enumerate(filled):
            item = items[f"t{number}"]
            found[key] = DrawnPart(item, bounds(item.parts))
    return {key: found.get(key, _EMPTY) for key in texts}


def _set(text: str, colour: str, size: float) -> str:
    inside = markup.name(text) if "_" in text and " " not in text else markup.plain(text, 60)
    return f'<FONT COLOR="{colour}" POINT-SIZE="{size}">{inside}</FONT>'


def blend(one: str, other: str, share: float) -> str:
    """A colour between two: `share` of the first.

    >>> blend("#000000", "#ffffff", 0.5)
    '#808080'
    """
    pairs = zip(_channels(one), _channels(other), strict=True)
    return "#" + "".join(f"{round(share * a + (1 - share) * b):02x}" for a, b in pairs)


def _channels(colour: str) -> list[int]:
    return [int(colour[place : place + 2], 16) for place in (1, 3, 5)]


__all__ = ["Line", "blend", "set_texts"]

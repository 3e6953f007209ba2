"""A diagram fitted to a page: broken into rows, turned, and as far as needed collapsed, until its smallest text can be read.

What keeps the most is tried first: the picture as it is, in rows, with arrows that lead down; then the same with fewer nodes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from math import isfinite
from typing import Any

from graphc.errors import InputError, brief
from graphc.viz.collapse import MAX_NODES, fold
from graphc.viz.layered.place import place
from graphc.viz.layout_scene import SUBSCRIPT, SUPERSCRIPT, Scene, Stroke, Text
from graphc.viz.model import View, ViewEdge, ViewNode
from graphc.viz.style import Style

PAGES: Mapping[str, tuple[float, float, float]] = {
    "slide": (13.33, 7.5, 12.0),
    "a4": (6.3, 9.7, 8.0),
    "column": (3.4, 9.0, 8.0),
}
"""Name → width and height in inches within the margins, and points of the smallest text."""

_LEAST = 8.0
"""Points of the smallest text on a page of another size."""

_ROWS = 6

_STEPS = (MAX_NODES, 40, 30, 24, 18, 14, 10, 8, 6, 4)
"""So many nodes are drawn at most, one after another, until the picture fits."""

_SIGNS = 6
"""A row ends where at most so many lines lead on."""

_WORTH = 400.0
"""So many points of a row's length are given for one line less that leads on to the next."""


@dataclass(frozen=True)
class PageFit:
    """A view for a page.

    view, style, layout : what is drawn, and how
    told : what was collapsed or could not be reached, as a sentence; empty where nothing was lost
    """

    view: View
    style: Style
    layout: str
    told: str = ""


def check_page(page: Any) -> tuple[float, float, float]:
    """Width and height in inches, and points of the smallest text; raises `InputError` for what is no page."""
    if isinstance(page, str) and page in PAGES:
        return PAGES[page]
    if isinstance(page, (tuple, list)) and len(page) == 2 and all(map(_is_length, page)):
        return float(page[0]), float(page[1]), _LEAST
    raise InputError(
        f"page is {brief(page)}",
        hint=f"one of {', '.join(map(repr, PAGES))}, or a width and a height in inches, (6.5, 4)",
    )


def _is_length(value: Any) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and isfinite(value) and 0.5 <= value <= 1000


def fit(
    view: View, page: Any, style: Style, digits: int, layout: str, decimals: int | None, collapse: Any = None
) -> PageFit:
    """The view that loses least among those whose smallest text is large enough on a page.

    Parameters
    ----------
    view : with nothing collapsed
    page : "slide" (13.33 × 7.5 inches, text of 12 points or more), "a4" or "column" (within the margins, 8 points or more), or
        width and height in inches (8 points or more)
    style, digits, decimals : how it is drawn
    layout : where the arrows lead, if that fits
    collapse : what is collapsed in any case, as in `fold`

    Raises `InputError` for what is no page.
    """
    width, height, least = check_page(page)
    style = replace(
        style,
        page=(width, height),
        value_size=max(style.value_size, least + 1),
        note_size=max(style.note_size, least),
    )
    whole = fold(view, collapse, None, rows=False)
    best: tuple[float, PageFit] | None = None
    counts: set[tuple[str, ...]] = set()
    for most in (len(whole.nodes), *(step for step in _STEPS if step < len(whole.nodes))):
        folded = whole if most >= len(whole.nodes) else fold(view, collapse, most, rows=False)
        keys = tuple(node.key for node in folded.nodes)
        if keys in counts or len(keys) > 4 * MAX_NODES:
            continue
        counts.add(keys)
        found: list[tuple[float, PageFit]] = []
        put = partial(_placed, style=style, digits=digits, decimals=decimals)
        for shown, way, scene in arranged(folded, layout, width / height, put):
            size = scene.scale * smallest(scene)
            found.append((size, PageFit(shown, style, way, _told(whole, folded))))
            if size >= least - 0.01:
                return found[-1][1]
        if found:
            size, reached = max(found, key=lambda pair: pair[0])
            if best is None or size > 1.05 * best[0]:
                best = size, reached
    if best is None:
        return PageFit(fold(view, collapse), style, layout, "the picture has no layout that fits a page")
    size, reached = best
    told = f"the smallest text has {size:.1f} points on this page, less than {least:g}"
    return replace(reached, told="; ".join(filter(None, (reached.told, told))))


def smallest(scene: Scene) -> float:
    """Points of the smallest text of a scene at full size, indices and powers aside."""
    sizes = [
        part.size
        for item in scene.items
        for part in item.parts
        if isinstance(part, Text) and not part.form & (SUBSCRIPT | SUPERSCRIPT)
    ]
    return min(sizes, default=float("inf"))


def _told(whole: View, folded: View) -> str:
    """What is collapsed of a view, in words."""
    left = {node.key for node in folded.nodes}
    names = [node.label.replace("\n", " ") for node in folded.nodes if node.kind == "block"]
    hidden = sum(node.key not in left for node in whole.nodes)
    if not hidden:
        return ""
    listed = ", ".join(dict.fromkeys(names[:6])) + (", …" if len(names) > 6 else "")
    return f"collapsed to fit the page: {listed} ({hidden} nodes of {len(whole.nodes)} are not drawn)"


# --- rows -----------------------------------------------------------------------------------------------------


def _placed(view: View, layout: str, style: Style, digits: int, decimals: int | None) -> Scene | None:
    return place(view, style, digits, layout, decimals)


def arranged(
    view: View, layout: str, shape: float, put: Callable[[View, str], Scene | None]
) -> Iterator[tuple[View, str, Scene]]:
    """The view as it is, in rows, and turned: each with its layout and its scene.

    shape : width of the page as a part of its height
    put : lays a view out, its arrows leading "right" or "down"
    """
    for way in (layout, "down" if layout == "right" else "right"):
        scene = put(view, way)
        if scene is None:
            return
        yield view, way, scene
        along = _middles(scene, way)
        left, low, right, high = scene.box
        if (right - left < shape * (high - low)) == (way == "right"):
            continue  # rows would make it no shorter than it is wide
        for rows in range(2, _ROWS + 1):
            broken = in_rows(view, along, rows)
            scene = put(broken, way) if broken is not None else None
            if broken is not None and scene is not None:
                yield broken, way, scene


def _middles(scene: Scene, layout: str) -> dict[str, float]:
    """Key of each node → how far along the arrows its middle is."""
    found: dict[str, float] = {}
    for item in scene.items:
        points = [
            part.points[0] if part.form == "ellipse" else part.points[n]
            for part in item.parts
            if isinstance(part, Stroke)
            for n in range(1 if part.form == "ellipse" else len(part.points))
        ]
        points += [
            (part.at[0] + shift * part.width, part.at[1])
            for part in item.parts
            if isinstance(part, Text)
            for shift in (0, 1)
        ]
        if item.kind == "node" and points:
            along = [point[0] if layout == "right" else -point[1] for point in points]
            found[item.key] = (min(along) + max(along)) / 2
    return found


def in_rows(view: View, along: Mapping[str, float], rows: int) -> View | None:
    """The view broken into rows where few lines lead on; numbered signs lead from one to the next.

    along : key of each node → where it stands

    None where so many lines lead on everywhere that the signs would be a tangle.
    """
    kinds = {node.key: node.kind for node in view.nodes}
    if any(edge.hidden or edge.feedback for edge in view.edges) or len(set(along.values())) < 2 * rows:
        return None
    # a symbol stands where it is first used
    at = dict(along)
    for key, kind in kinds.items():
        if kind == "symbol":
            at[key] = min((along[edge.head] for edge in view.edges if edge.tail == key), default=at[key])
    cuts = _cuts(view, at, kinds, rows)
    if cuts is None:
        return None
    row = {key: sum(place_ > cut for cut in cuts) for key, place_ in at.items()}
    return _signed(view, row, kinds)


def _cuts(view: View, at: Mapping[str, float], kinds: Mapping[str, str], rows: int) -> list[float] | None:
    """Where the rows end: near to equal lengths, and where few lines lead on."""
    places = sorted(set(at.values()))
    first, last = places[0], places[-1]
    between = [(a + b) / 2 for a, b in pairwise(places)]
    lines = [(at[edge.tail], at[edge.head]) for edge in view.edges if kinds[edge.tail] != "symbol"]
    leads = {cut: sum(tail < cut < head for tail, head in lines) for cut in between}
    cuts: list[float] = []
    for number in range(1, rows):
        wanted = first + (last - first) * number / rows
        open_ = [cut for cut in between if (not cuts or cut > cuts[-1]) and 0 < leads[cut] <= _SIGNS]
        near = [cut for cut in open_ if abs(cut - wanted) < 0.6 * (last - first) / rows]
        if not near:
            return None
        cuts.append(min(near, key=lambda cut: leads[cut] * _WORTH / rows + abs(cut - wanted)))
    return cuts


def _signed(view: View, row: Mapping[str, int], kinds: Mapping[str, str]) -> View:
    """The view with its rows apart: lines between them end at a sign and begin again at one of the same number."""
    known = {node.key: node for node in view.nodes}
    extra: dict[int, list[ViewNode]] = defaultdict(list)
    edges: list[ViewEdge] = []
    signs: dict[str, int] = {}
    begun: dict[tuple[str, int], str] = {}
    for edge in view.edges:
        tail, head = known[edge.tail], known[edge.head]
        here, there = row[edge.tail], row[edge.head]
        if here == there:
            edges.append(edge)
            continue
        if kinds[edge.tail] == "symbol":
            key = f"r{there}{edge.tail}"
            if (edge.tail, there) not in begun:
                begun[edge.tail, there] = key
                block = _in_row(head.block, there) if tail.block == head.block else ()
                extra[there].append(replace(tail, key=key, block=block, adjoint=None, kind="reference"))
            edges.append(replace(edge, tail=key))
            continue
        number = signs.setdefault(edge.tail, len(signs) + 1)
        sign = chr(0x245F + number) if number <= 20 else f"({number})"
        away, back = f"s{number}a{len(edges)}", f"s{number}b{there}"
        extra[here].append(
            ViewNode(away, tail.node, "reference", sign, tail.role, tail.detail, shape=edge.shape)
        )
        edges.append(replace(edge, head=away, place="", slot=0))
        if (edge.tail, there) not in begun:
            begun[edge.tail, there] = back
            extra[there].append(
                ViewNode(back, tail.node, "reference", sign, tail.role, tail.detail, shape=edge.shape)
            )
        plain = {"value": None, "contribution": None, "local": None, "shape": (), "dtype": "", "note": ""}
        edges.append(replace(edge, tail=back, **plain))
    nodes: list[ViewNode] = []
    for number in range(max(row.values()) + 1):
        nodes += extra[number]
        nodes += [
            replace(node, block=_in_row(node.block, number)) for node in view.nodes if row[node.key] == number
        ]
    order = {node.key: place_ for place_, node in enumerate(nodes)}
    sides = {
        _in_row(block, number): high
        for block, high in view.sides.items()
        for number in range(max(row.values()) + 1)
    }
    ordered = sorted(edges, key=lambda edge: order[edge.head])
    return replace(view, nodes=tuple(nodes), edges=tuple(ordered), sides=sides)


def _in_row(block: Sequence[str], row: int) -> tuple[str, ...]:
    """A frame in a row: of one that is continued the name says so."""
    return (
        (block[0] + "\N{NO-BREAK SPACE}" * row, *block[1:]) if block else ()
    )  # another frame of the same name


__all__ = ["PAGES", "PageFit", "arranged", "check_page", "fit", "smallest"]

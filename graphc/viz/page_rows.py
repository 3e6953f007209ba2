"""A view broken into rows and turned, so that it fits a page: numbered signs lead from one row to the next."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from math import ceil, sqrt

from graphc.viz.layered.components import components
from graphc.viz.layout_scene import SUBSCRIPT, SUPERSCRIPT, Scene, Stroke, Text
from graphc.viz.model import View, ViewEdge, ViewNode
from graphc.viz.style import Style

_ROWS, _MORE_ROWS = 8, 2
"""A picture is broken into at most so many rows, and into at most so many more than its length asks for."""

_SPARED = 1.5
"""What takes more than so many times the page's area is not broken into rows, which leave the area about the same."""


_HOPELESS = 4.0
"""And what takes more than so many times is not turned."""

_READABLE = 8.0
"""Points of the smallest text below which a picture without a page is broken into rows too, where that helps."""

_GAIN = 1.3
"""Rows make such a picture so many times larger at least, or it stays whole."""

_LOST, _LOWER = 0.9, 0.7
"""Rows are not of one length: a picture reaches about this part of the size that it could have. Each is lower than the whole."""

_MOST = 160
"""Pictures of more nodes and edges stay whole: laying them out again would take long."""

_SIGNS = 6
"""A row ends where at most so many lines lead on."""

_WORTH = 400.0
"""So many points of a row's length are given for one line less that leads on to the next."""


def smallest(scene: Scene) -> float:
    """Points of the smallest text of a scene at full size, indices and powers aside."""
    sizes = [
        part.size
        for item in scene.items
        for part in item.parts
        if isinstance(part, Text) and not part.form & (SUBSCRIPT | SUPERSCRIPT)
    ]
    return min(sizes, default=float("inf"))


def arranged(
    view: View,
    layout: str,
    width: float,
    height: float,
    least: float,
    put: Callable[[View, str], Scene | None],
) -> Iterator[tuple[View, str, Scene]]:
    """The view as it is, in rows, and turned: each with its layout and its scene.

    width, height, least : of the page in inches, and points of the smallest text on it
    put : lays a view out, its arrows leading "right" or "down"

    What takes more than the page's area is not broken into rows, which do not change the area, and what is, into about as many as
    its length asks for.
    """
    for way in (layout, "down" if layout == "right" else "right"):
        scene = put(view, way)
        if scene is None:
            return
        yield view, way, scene
        wide, high, rows = _asked(scene, way, width, height, least)
        if wide * high > _HOPELESS:
            return
        if wide <= high or wide * high > _SPARED:
            continue
        along = _middles(scene, way)
        for number in range(rows, min(rows + _MORE_ROWS, _ROWS) + 1):
            broken = in_rows(view, along, number)
            scene = put(broken, way) if broken is not None else None
            if broken is not None and scene is not None:
                yield broken, way, scene


def balanced(
    view: View, layout: str, scene: Scene, style: Style, put: Callable[[View, str], Scene | None]
) -> View:
    """A view in rows, where it is so much longer than across that its text could not be read on its page, and rows make it
    larger; else as it is.

    scene : of the view, its arrows leading as `layout` says
    put : lays a view out
    """
    if scene.scale * smallest(scene) >= _READABLE or len(view.nodes) + len(view.edges) > _MOST:
        return view
    if len(components(view)) > 1:
        return view
    left, low, right, high = scene.box
    pages = (right - left) / (72 * style.page[0]), (high - low) / (72 * style.page[1])
    along, across = pages if layout == "right" else pages[::-1]
    rows = round(sqrt(along / across))
    expected = _LOST * min(1.0, rows / along, 1 / (rows * _LOWER * across))
    for number in range(rows, rows + 2) if rows > 1 and expected > _GAIN * scene.scale else ():
        broken = in_rows(view, _middles(scene, layout), number)
        other = put(broken, layout) if broken is not None else None
        if broken is not None and other is not None and other.scale > _GAIN * scene.scale:
            return broken
    return view


def _asked(scene: Scene, way: str, width: float, height: float, least: float) -> tuple[float, float, int]:
    """How many pages a scene is long and how many it is across, its texts as small as they may be; and the rows that asks for."""
    left, low, right, high = scene.box
    scale = min(1.0, least / smallest(scene)) / 72
    pages = scale * (right - left) / width, scale * (high - low) / height
    along, across = pages if way == "right" else pages[::-1]
    return along, across, max(2, ceil(along - 0.05))


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


__all__ = ["arranged", "balanced", "in_rows", "smallest"]

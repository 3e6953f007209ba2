"""The diagram of a network: columns of neurons where it has dense layers alone, else boxes that the layered layout places."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from graphc.errors import RenderError, user_line
from graphc.ir.expr import Expr
from graphc.ir.formatting import visible
from graphc.util.fork_safety import cached_property
from graphc.viz.collapse import asked
from graphc.viz.diagram import Diagram
from graphc.viz.layered.place import place
from graphc.viz.layout_scene import Item, Scene, Stroke
from graphc.viz.model import View, ViewEdge, ViewNode
from graphc.viz.networks.boxes import HIGHEST, Box, apart, boxes, described
from graphc.viz.networks.neurons import MOST_UNITS, Column, columns_of, neurons
from graphc.viz.networks.stages import NetworkStage, read_stages
from graphc.viz.networks.tidy import (
    blocks_alike,
    collapsed,
    contracted,
    in_runs,
    layers_in_one,
    levels,
    repeated,
    summed,
)
from graphc.viz.networks.ushape import is_u, u_shape
from graphc.viz.page_fit import check_page
from graphc.viz.page_rows import arranged, smallest
from graphc.viz.steps.steps import Steps
from graphc.viz.style import Style
from graphc.viz.writers.xdot import to_xdot

_LOWER = (72.0, 50.0, 36.0)
"""Points that the largest feature map is high where a page has less room."""

_CLOSE = 0.1
"""Inches between boxes on a page."""


@dataclass(frozen=True)
class NetworkSource:
    """What a network is read from.

    exprs, outputs : the nodes of its graph, operands first, and those that are asked for
    values : of weights and data, as far as they are known
    learned, kept : the parameters of a model, and what it keeps beside them
    collapse : scopes to be one box each, as in `draw`
    names : of the outputs, where they are shown
    """

    exprs: Sequence[Expr]
    outputs: Sequence[Expr]
    values: Mapping[Expr, Any]
    learned: Collection[Expr] = ()
    kept: Collection[Expr] = ()
    collapse: Any = None
    names: Sequence[str] = ()


class NetworkDiagram(Diagram):
    """A network as books draw it: made by `draw` with `style="network"`."""

    def __init__(
        self,
        source: NetworkSource,
        style: Style,
        digits: int = 3,
        layout: str = "right",
        player: Any = None,
        most: int = MOST_UNITS,
    ) -> None:
        self._network = source
        self._read = summed(
            contracted(read_stages(source.exprs, source.outputs, source.learned, source.kept, source.names))
        )
        self._columns: list[Column] | None = columns_of(self._read, source.values)
        self._most = most
        self._broken: View | None = None
        shown, frames = self._stages(())
        self._shown = shown
        super().__init__(_view(shown, frames), style, digits, layout, player)

    def _stages(self, more: Collection[Any]) -> tuple[list[NetworkStage], dict[int, tuple[int, int]]]:
        """The stages as they are drawn, and those inside of what repeats; `more` is collapsed as well."""
        known = {stage.block[:depth]: 0 for stage in self._read for depth in range(1, len(stage.block) + 1)}
        wanted = [*more, *asked(known, self._network.collapse)]
        if self._network.collapse is None:
            wanted += layers_in_one(self._read)
        stages = [replace(stage, before=[*stage.before]) for stage in self._read]
        return repeated(in_runs(blocks_alike(collapsed(stages, sorted(set(wanted), key=len)))))

    def __repr__(self) -> str:
        return f'<Diagram of a network of {len(self._shown)} layers; .save("diagram.svg") writes it>'

    @property
    def source(self) -> str:  # type: ignore[override]
        """The picture in the DOT language, as it is laid out."""
        return to_xdot(self._laid_out())

    def _laid_out(self) -> Scene:
        scene = self._scene
        if scene is None:
            raise RenderError(
                "this network has no layout", hint="collapse some of it, collapse=True, or draw a part of it"
            )
        return scene

    @cached_property
    def _scene(self) -> Scene | None:
        if self._columns is not None:
            return neurons(self._columns, self.style, self._most)
        if is_u(self._shown):
            return u_shape(self._shown, self.style)
        return placed(self._broken or self.view, self._shown, self.style, self.layout)

    @cached_property
    def _whole_scene(self) -> Scene | None:
        return self._scene

    def render(self, form: str = "svg") -> bytes:
        """The content of a file, as `Diagram.render` gives it. Raises `RenderError`."""
        if form not in ("html", "zip"):
            self._laid_out()
        return super().render(form)

    def describe(self) -> str:
        """The picture in words, for who cannot see it."""
        listed = "; ".join(described(stage) for stage in self._shown)
        learned = sum(stage.count for stage in self._read)
        return visible(f"Network with {learned:,} parameters: {listed}.", 1000)

    def steps(self) -> Steps:
        """Raises `RenderError`: a network as books draw it has no steps."""
        raise RenderError(
            "a network as books draw it is not shown in steps",
            hint='draw it as a graph, without style="network"',
        )

    def fit(self, page: Any) -> NetworkDiagram:
        """This diagram fitted to a page, as `Diagram.fit` does: fewer neurons, rows, or scopes collapsed."""
        width, height, least = check_page(page)
        style = replace(
            self.style,
            page=(width, height),
            value_size=max(self.style.value_size, least + 1),
            note_size=max(self.style.note_size, least),
            rank_gap=min(self.style.rank_gap, _CLOSE),
            node_gap=min(self.style.node_gap, _CLOSE),
        )
        best: tuple[float, NetworkDiagram, str] | None = None
        for diagram, told in self._tried(style, width, height, least):
            scene = diagram._scene
            size = 0.0 if scene is None else scene.scale * smallest(scene)
            if best is None or size > best[0]:
                best = size, diagram, told
            if size >= least - 0.01:
                break
        assert best is not None
        size, diagram, told = best
        if size < least - 0.01:
            told = "; ".join(
                filter(
                    None, (told, f"the smallest text has {size:.1f} points on this page, less than {least:g}")
                )
            )
        if told:
            warnings.warn_explicit(told, UserWarning, *(user_line() or (__file__, 0)))
        return diagram

    def _tried(
        self, style: Style, width: float, height: float, least: float
    ) -> Iterator[tuple[NetworkDiagram, str]]:
        """This diagram as it may stand on a page, what keeps the most first; what was left out in words."""
        if self._columns is not None:
            for most in range(self._most, 2, -1):
                yield NetworkDiagram(self._network, style, self.digits, self.layout, self._player, most), ""
            return
        whole = len(self._shown)
        for more in ([], *levels(self._read)):
            stages, frames = self._stages(more)
            told = "" if not more else f"collapsed to fit the page: {len(stages)} layers of {whole} are drawn"
            if more and len(stages) >= whole:
                continue
            view = _view(stages, frames)
            for shown, way, scene in self._arranged(view, stages, style, width, height, least):
                made = NetworkDiagram(self._network, style, self.digits, way, self._player)
                made.view, made._shown, made._broken = view, stages, shown
                made.__dict__["_scene"] = scene
                yield made, told

    def _arranged(
        self,
        view: View,
        stages: list[NetworkStage],
        style: Style,
        width: float,
        height: float,
        least: float,
    ) -> Iterator[tuple[View, str, Scene]]:
        """Layouts of some stages: as they are, with lower boxes, and in rows."""
        for high in (HIGHEST, *_LOWER):
            if is_u(stages):
                yield view, self.layout, u_shape(stages, style, high)
                continue
            for way in (self.layout, "down" if self.layout == "right" else "right"):
                scene = placed(view, stages, style, way, high)
                if scene is not None:
                    yield view, way, scene

        def put(broken: View, way: str) -> Scene | None:
            return placed(broken, stages, style, way, _LOWER[1])

        yield from arranged(view, self.layout, width, height, least, put)


def _view(stages: Sequence[NetworkStage], frames: Mapping[int, tuple[int, int]]) -> View:
    """The stages as a view, what repeats in a frame that says how often."""
    numbers = {end: place_ for place_, end in enumerate(sorted({end for end, _ in frames.values()}))}
    nodes, edges = [], []
    for number, stage in enumerate(stages):
        end, count = frames.get(number, (-1, 1))
        block = (f"{count} ×" + "\N{THIN SPACE}" * numbers[end],) if end >= 0 else ()
        kind = "symbol" if stage.kind == "input" else "operation"
        nodes.append(ViewNode(f"s{number}", number, kind, stage.label or stage.kind, "forward", block=block))
        edges += [ViewEdge(f"s{before}", f"s{number}", slot) for slot, before in enumerate(stage.before)]
    return View(tuple(nodes), tuple(edges), title="Network")


def placed(
    view: View, stages: Sequence[NetworkStage], style: Style, layout: str, high: float = HIGHEST
) -> Scene | None:
    """The scene of a view of stages; None where it has no layout. `high` is the height of the largest feature map."""
    made = {f"s{n}": box for n, box in enumerate(boxes(stages, style, layout == "down", high))}
    own = {node.key: made.get(node.key) or made.get(_original(node.key)) for node in view.nodes}
    known = {key: box for key, box in own.items() if box is not None}
    parts = {key: replace(box.part, item=replace(box.part.item, key=key)) for key, box in known.items()}
    scene = place(view, style, 3, layout, None, nodes=parts)
    if scene is None:
        return None
    items = [
        _to_shapes(item, known, layout == "down") if item.kind == "edge" else item for item in scene.items
    ]
    return replace(scene, items=tuple(piece for item in items for piece in apart(item)))


def _original(key: str) -> str:
    """The key of what a sign in another row repeats."""
    return key[2:] if key.startswith("r") else ""


def _to_shapes(item: Item, known: Mapping[str, Box], down: bool) -> Item:
    """A line led on from where the sizes below a shape begin to the shape itself."""
    tail, _, head = item.key.partition("-")
    curve, arrow = item.parts
    assert isinstance(curve, Stroke) and isinstance(arrow, Stroke)
    points = list(curve.points)
    if tail in known:
        by = _gap(known[tail], True, down)
        x, y = points[0]
        start = (x, y + by) if down else (x - by, y)
        points = [start, *_straight(start, (x, y)), *points[1:]]
    tip = arrow.points
    if head in known:
        by = _gap(known[head], False, down)
        x, y = points[-1]
        end = (x, y - by) if down else (x + by, y)
        points += _straight((x, y), end)
        tip = tuple((px, py - by) if down else (px + by, py) for px, py in tip)
    return replace(item, parts=(replace(curve, points=tuple(points)), replace(arrow, points=tip)))


def _gap(box: Box, leaving: bool, down: bool) -> float:
    """How far a shape's end is from that of all that is drawn of it, where lines leave or arrive."""
    left, low, right, high = box.part.bounds
    back, up, forth, under = box.ends
    if down:
        return (-low - under) if leaving else (high - up)
    return (right - forth) if leaving else (-left - back)


def _straight(one: tuple[float, float], other: tuple[float, float]) -> list[tuple[float, float]]:
    """The three points of a straight piece of a curve."""
    (x, y), (u, v) = one, other
    return [(x + (u - x) / 3, y + (v - y) / 3), (x + 2 * (u - x) / 3, y + 2 * (v - y) / 3), other]


__all__ = ["NetworkDiagram", "NetworkSource"]

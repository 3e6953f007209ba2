"""A laid-out diagram as a film: which of its parts are seen from which step to which, forwards and then backwards.

Nothing moves: a value appears over its edges when its node has been computed, what a use hands back under its edge when the sweep
comes to its user, the sum of what a node receives when all of it is there. The node of a step is lit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from graphc.errors import RenderError
from graphc.viz.layout_scene import Item, Scene, Stroke, Text
from graphc.viz.model import View, ViewEdge, ViewNode
from graphc.viz.style import Style
from graphc.viz.writers.images import mixed

MOST_STEPS = 400
"""A film of more steps is watched by nobody, and its files fill a disk."""

_STEPPED = ("operation", "block")
"""The kinds of nodes that a step stops at; a value passes the others at once."""


@dataclass(frozen=True)
class Cel:
    """A part of the picture, seen from one step to another, both included; counted from 0."""

    item: Item
    first: int
    last: int


@dataclass(frozen=True)
class FilmStep:
    """A step: what it is called, the key of its node (empty where there is none), and whether it is of the backward pass."""

    title: str
    key: str = ""
    backward: bool = False


@dataclass(frozen=True)
class Film:
    """The cels from back to front, and the steps."""

    scene: Scene
    cels: tuple[Cel, ...]
    steps: tuple[FilmStep, ...]

    def frame(self, number: int) -> Scene:
        """The picture at one step."""
        return replace(
            self.scene, items=tuple(cel.item for cel in self.cels if cel.first <= number <= cel.last)
        )


def film(view: View, scene: Scene, style: Style) -> Film:
    """The film of a view that is laid out; raises `RenderError` for too many steps."""
    shows = _Timetable(view)
    last = len(shows.steps) - 1
    if last >= MOST_STEPS:
        raise RenderError(
            f"a diagram of {last + 1} steps is too long to be watched",
            hint="collapse some of it: g.draw(L, at={…}, collapse=True), or max_nodes=60",
        )
    nodes = {node.key: node for node in view.nodes}
    cels: list[Cel] = []
    for item in scene.items:
        if item.kind == "node" and item.key in nodes:
            cels += _node_cels(item, nodes[item.key], shows, last, style)
        elif item.kind == "node" and item.key.startswith("e"):
            number = int(item.key[1:])
            sides = (
                (item.parts[: item.split], shows.over[number]),
                (item.parts[item.split :], shows.under[number]),
            )
            for name, (parts, begin) in zip(("over", "under"), sides, strict=True):
                if parts and begin <= last:
                    cels.append(Cel(replace(item, key=f"{item.key}-{name}", parts=parts), begin, last))
        else:
            cels.append(Cel(item, 0, last))
    return Film(scene, tuple(cels), tuple(shows.steps))


def _node_cels(item: Item, node: ViewNode, shows: _Timetable, last: int, style: Style) -> Iterator[Cel]:
    """A node, lit at its steps, with its texts; the sum of what it receives stands there once it is known."""
    strokes = tuple(part for part in item.parts if isinstance(part, Stroke))
    texts = tuple(part for part in item.parts if isinstance(part, Text))
    sums = tuple(part for part in texts if node.adjoint is not None and part.text.startswith("Σ"))
    yield Cel(replace(item, parts=strokes), 0, last)
    for number, step in enumerate(shows.steps):
        if step.key == node.key and strokes:
            ink = style.backward if step.backward else style.forward
            yield Cel(replace(item, key=f"{item.key}-lit", parts=_lit(strokes, ink, style)), number, number)
    yield Cel(
        replace(item, key=f"{item.key}-text", parts=tuple(part for part in texts if part not in sums)),
        0,
        last,
    )
    if sums and shows.received[node.key] <= last:
        yield Cel(replace(item, key=f"{item.key}-sum", parts=sums), shows.received[node.key], last)


def _lit(strokes: Sequence[Stroke], ink: str, style: Style) -> tuple[Stroke, ...]:
    return tuple(
        replace(
            stroke,
            line=None if stroke.line is None else ink.lower(),
            fill=None if stroke.fill is None else mixed(style.background, ink, 0.22).lower(),
            width=2.5 * style.line_width,
        )
        for stroke in strokes
    )


class _Timetable:
    """From which step on each value is seen.

    over, under : for each edge; received : for each node the sum of what it receives. What is never seen is beyond the last step.
    """

    def __init__(self, view: View) -> None:
        self.view = view
        self.steps: list[FilmStep] = [FilmStep("inputs")]
        self.into: dict[str, list[int]] = defaultdict(list)
        self.out: dict[str, list[int]] = defaultdict(list)
        for number, edge in enumerate(view.edges):
            self.into[edge.head].append(number)
            self.out[edge.tail].append(number)
        never = 2 * len(view.nodes) + 2
        self.over = [never] * len(view.edges)
        self.under = [never] * len(view.edges)
        self.received: dict[str, int] = {node.key: never for node in view.nodes}
        order = self._order()
        self._forwards(order)
        if any(edge.contribution is not None for edge in view.edges):
            self._backwards(order)

    def _order(self) -> list[ViewNode]:
        """The nodes, each behind all that lead to it; what is left in a circle in the order of the view."""
        nodes = {node.key: node for node in self.view.nodes}
        waiting = {key: sum(not self.view.edges[e].feedback for e in self.into[key]) for key in nodes}
        ready = [key for key in nodes if not waiting[key]]
        order: list[ViewNode] = []
        for key in ready:
            order.append(nodes[key])
            for edge in self._uses(key):
                waiting[edge.head] -= 1
                if not waiting[edge.head]:
                    ready.append(edge.head)
        place = {node.key: number for number, node in enumerate(self.view.nodes)}
        if all(not count for count in waiting.values()) and all(
            place[edge.tail] < place[edge.head] for edge in self.view.edges if not edge.feedback
        ):
            return list(self.view.nodes)  # the order of the graph, which explanations have as well
        return [*order, *(node for node in self.view.nodes if waiting[node.key])]

    def _uses(self, key: str) -> Iterator[ViewEdge]:
        return (edge for edge in map(self.view.edges.__getitem__, self.out[key]) if not edge.feedback)

    def _forwards(self, order: Sequence[ViewNode]) -> None:
        for node in order:
            if node.kind in _STEPPED:
                self.steps.append(FilmStep(f"forward: {_called(node)}", node.key))
            known = [self.over[e] for e in self.into[node.key] if not self.view.edges[e].feedback]
            at = len(self.steps) - 1 if node.kind in _STEPPED else max(known, default=0)
            for number in self.out[node.key]:
                self.over[number] = at

    def _backwards(self, order: Sequence[ViewNode]) -> None:
        edges = self.view.edges
        ends = {node.key for node in order if node.kind == "output"}
        seeds = [n for n, edge in enumerate(edges) if edge.head in ends and edge.contribution is not None]
        self.steps.append(FilmStep("backward: what the output starts with", backward=True))
        for number in seeds:
            self.under[number] = len(self.steps) - 1
        for node in reversed(order):
            handed = [n for n in self.out[node.key] if edges[n].contribution is not None]
            returned = [n for n in self.into[node.key] if edges[n].contribution is not None]
            if node.kind in _STEPPED and returned:
                self.steps.append(FilmStep(f"backward: {_called(node)}", node.key, backward=True))
            at = len(self.steps) - 1
            arrived = max((self.under[n] for n in handed), default=at)
            self.received[node.key] = at if node.kind in _STEPPED and returned else min(arrived, at)
            if node.kind != "output":
                for number in returned:
                    self.under[number] = at if node.kind in _STEPPED else self.received[node.key]


def _called(node: ViewNode) -> str:
    """What a step is called: the node's label, and the user's own name for it."""
    return f"{node.label} ({node.name})" if node.name else node.label


__all__ = ["Cel", "Film", "FilmStep", "film"]

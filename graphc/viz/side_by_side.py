"""Several diagrams in one picture: each in a frame of its own, with its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from graphc.viz.model import View


def panels(views: Mapping[str, View]) -> View:
    """One view that holds several, each in a frame with its name, in their order."""
    nodes, edges, notes, captions = [], [], [], []
    shown: frozenset[str] = frozenset()
    for number, (name, view) in enumerate(views.items()):
        nodes += [replace(node, key=f"p{number}{node.key}", block=(name, *node.block)) for node in view.nodes]
        edges += [
            replace(edge, tail=f"p{number}{edge.tail}", head=f"p{number}{edge.head}") for edge in view.edges
        ]
        shown |= view.show
        notes += [f"{name}: {view.note}"] if view.note else []
        captions += [line for line in view.caption if line not in captions]
    sides = {(name, *block): high for name, view in views.items() for block, high in view.sides.items()}
    title = "; ".join(f"{name}: {view.title}" for name, view in views.items())
    return View(tuple(nodes), tuple(edges), "; ".join(notes), shown, tuple(captions), title, sides)

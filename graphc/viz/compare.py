"""Two graphs in one picture: what both have, what only the first one has, what only the second one has, and what was changed.

Equal expressions are one object, so what both have needs no search. The rest is matched from the outputs on: where both have
the same operation in the same place it is one node whose operands differ, and where it has other constants, it was changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from graphc.ir.expr import Expr
from graphc.viz.model import View, ViewEdge, ViewNode

ADDED, REMOVED, CHANGED = "added", "removed", "changed"
"""What a node or an edge of the picture can be; nothing for what both graphs have."""


def compared(
    before: View,
    after: View,
    first: Sequence[Expr],
    second: Sequence[Expr],
    outputs: Sequence[tuple[int, int]],
) -> View:
    """The view of two graphs in one.

    Parameters
    ----------
    before, after : the views of the graphs
    first, second : their nodes
    outputs : pairs of nodes that are outputs of the same name
    """
    matched = _matched(first, second, outputs)
    by_node = {node.node: node for node in before.nodes if node.kind != "output"}
    names = {node.label: node for node in before.nodes if node.kind == "output"}
    same: dict[str, ViewNode] = {}
    for node in after.nodes:
        if node.kind == "output":
            old = names.get(node.label)
        elif node.kind == "constant":
            old = next(
                (each for each in before.nodes if each.kind == "constant" and each.key == node.key), None
            )
            old = old if old is not None and old.label == node.label else None
        else:
            old = by_node.get(matched.get(node.node, -1))
        if old is not None and old.kind == node.kind:
            same[node.key] = old
    keys = {node.key: same[node.key].key if node.key in same else f"d{node.key}" for node in after.nodes}
    new = {keys[node.key]: node for node in after.nodes}
    nodes = [
        _merged(node, new[node.key]) if node.key in new else _marked(node, REMOVED) for node in before.nodes
    ]
    nodes += [_marked(replace(node, key=key), ADDED) for key, node in new.items() if key.startswith("d")]
    ours = Counter((edge.tail, edge.head, edge.slot) for edge in before.edges)
    moved = [replace(edge, tail=keys[edge.tail], head=keys[edge.head]) for edge in after.edges]
    theirs = Counter((edge.tail, edge.head, edge.slot) for edge in moved)
    edges = [_edge(edge, "" if theirs[edge.tail, edge.head, edge.slot] else REMOVED) for edge in before.edges]
    edges += [_edge(edge, ADDED) for edge in moved if not ours[edge.tail, edge.head, edge.slot]]
    return replace(
        before,
        nodes=tuple(nodes),
        edges=tuple(edges),
        note=_told(nodes),
        title=f"{before.title}; {after.title}",
        caption=(),
    )


def _matched(
    first: Sequence[Expr], second: Sequence[Expr], outputs: Sequence[tuple[int, int]]
) -> dict[int, int]:
    """Node of the second graph → the node of the first one that stands for it."""
    numbers = {expr: node for node, expr in enumerate(first)}
    later = {expr: node for node, expr in enumerate(second)}
    matched = {node: numbers[expr] for node, expr in enumerate(second) if expr in numbers}
    taken = set(matched.values())
    waiting = [(first[one], second[other]) for one, other in outputs]
    seen: set[tuple[Expr, Expr]] = set()
    while waiting:
        pair = waiting.pop()
        one, other = pair
        if one is other or pair in seen:
            continue
        seen.add(pair)
        fits = one.op is other.op and len(one.operands) == len(other.operands) and not one.op.is_leaf
        if not fits or later[other] in matched or numbers[one] in taken:
            continue
        matched[later[other]] = numbers[one]
        taken.add(numbers[one])
        waiting += zip(one.operands, other.operands, strict=True)
    return matched


def _merged(old: ViewNode, new: ViewNode) -> ViewNode:
    if old.label == new.label:
        return old
    return replace(old, label=new.label, lines=(*old.lines, f"was {old.label}"), mark=CHANGED)


def _marked(node: ViewNode, mark: str) -> ViewNode:
    return replace(node, mark=mark, lines=(*node.lines, "new" if mark == ADDED else "gone"))


def _edge(edge: ViewEdge, mark: str) -> ViewEdge:
    return replace(edge, mark=mark)


def _told(nodes: Sequence[ViewNode]) -> str:
    """How many operations were added, removed and changed."""
    counts: Mapping[str, int] = Counter(node.mark for node in nodes if node.kind != "output")
    kinds = (ADDED, REMOVED, CHANGED)
    return ", ".join(f"{counts[mark]} {mark}" for mark in kinds if counts.get(mark)) or "no difference"


__all__ = ["ADDED", "CHANGED", "REMOVED", "compared"]

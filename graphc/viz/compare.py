"""Two graphs in one picture: what both have, what only the first one has, what only the second one has, and what was changed.

Equal expressions are one object, so what both have needs no search. The rest is matched from the outputs on: where both have
the same operation in the same place it is one node whose operands differ, and where it has other constants, it was changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from graphc.ir.expr import Expr
from graphc.ir.types import format_shape
from graphc.viz.model import View, ViewEdge, ViewNode

ADDED, REMOVED, CHANGED = "added", "removed", "changed"
"""What a node or an edge of the picture can be; nothing for what both graphs have."""

_NEAR = 8
"""So many operations inside of one are looked at for one that it was put around."""


def compared(before: View, after: View, first: Sequence[Expr], second: Sequence[Expr]) -> View:
    """The view of two graphs in one.

    Parameters
    ----------
    before, after : the views of the graphs
    first, second : their nodes
    """
    matched = _matched(first, second, _paired(before, after))
    by_node = {node.node: node for node in before.nodes if node.kind not in ("output", "constant")}
    names = {node.label: node for node in before.nodes if node.kind == "output"}
    same: dict[str, ViewNode] = {}
    for node in after.nodes:
        old = names.get(node.label) if node.kind == "output" else by_node.get(matched.get(node.node, -1))
        if old is not None and old.kind == node.kind and node.kind != "constant":
            same[node.key] = old
    same |= _constants(before, after, same)
    keys = {node.key: same[node.key].key if node.key in same else f"d{node.key}" for node in after.nodes}
    new = {keys[node.key]: node for node in after.nodes}
    nodes = [
        _merged(node, new[node.key], first, second) if node.key in new else _marked(node, REMOVED)
        for node in before.nodes
    ]
    nodes += [_marked(replace(node, key=key), ADDED) for key, node in new.items() if key.startswith("d")]
    ours = Counter((edge.tail, edge.head, edge.slot) for edge in before.edges)
    moved = [replace(edge, tail=keys[edge.tail], head=keys[edge.head]) for edge in after.edges]
    nodes = _with_other_operands(nodes, before.edges, moved)
    now = {(edge.tail, edge.head, edge.slot): edge for edge in moved}
    edges = [
        replace(edge, shape=now[use].shape, dtype=now[use].dtype) if use in now else _edge(edge, REMOVED)
        for edge in before.edges
        for use in [(edge.tail, edge.head, edge.slot)]
    ]
    edges += [_edge(edge, ADDED) for edge in moved if not ours[edge.tail, edge.head, edge.slot]]
    return replace(
        before,
        nodes=tuple(nodes),
        edges=tuple(edges),
        note=_told(nodes, edges),
        title=f"{before.title}; {after.title}",
        caption=(),
    )


def _paired(before: View, after: View) -> list[tuple[int, int]]:
    """The outputs of the same name, and those of other names in their order."""
    ours, theirs = (
        {node.label: node.node for node in view.nodes if node.kind == "output"} for view in (before, after)
    )
    left = [node for name, node in ours.items() if name not in theirs]
    right = [node for name, node in theirs.items() if name not in ours]
    common = [(ours[name], theirs[name]) for name in ours if name in theirs]
    return [*zip(left, right, strict=False), *common[::-1]]  # the last one is looked at first


def _constants(before: View, after: View, same: Mapping[str, ViewNode]) -> dict[str, ViewNode]:
    """A constant stands beside its user: it is the one in the same place of what its user is matched with."""
    places = {(edge.head, edge.slot): edge.tail for edge in before.edges}
    old = {node.key: node for node in before.nodes if node.kind == "constant"}
    new = {node.key for node in after.nodes if node.kind == "constant"}
    found: dict[str, ViewNode] = {}
    for edge in after.edges:
        if edge.tail in new and edge.tail not in found and edge.head in same:
            there = old.pop(places.get((same[edge.head].key, edge.slot), ""), None)
            if there is not None:
                found[edge.tail] = there
    return found


def _matched(
    first: Sequence[Expr], second: Sequence[Expr], outputs: Sequence[tuple[int, int]]
) -> dict[int, int]:
    """Node of the second graph → the node of the first one that stands for it."""
    numbers = {expr: node for node, expr in enumerate(first)}
    later = {expr: node for node, expr in enumerate(second)}
    matched = {node: numbers[expr] for node, expr in enumerate(second) if expr in numbers}
    taken = set(matched.values())
    named = {expr.name: expr for expr in first if expr.is_symbol and numbers[expr] not in taken}
    for expr in second:  # of another shape or type
        if expr.is_symbol and later[expr] not in matched and expr.name in named:
            matched[later[expr]] = numbers[named.pop(expr.name)]
    waiting = [(first[one], second[other]) for one, other in outputs]
    seen: set[tuple[Expr, Expr]] = set()
    while waiting:
        pair = waiting.pop()
        one, other = pair
        if one is other or pair in seen:
            continue
        seen.add(pair)
        if one.op.is_leaf or other.op.is_leaf:
            continue
        if not _alike(one, other):  # one was put around the other, or in place of it
            inner = [
                (one, each)
                for each in _inside(other, later)
                if later[each] not in matched and _alike(one, each)
            ]
            inner += [
                (each, other)
                for each in _inside(one, numbers)
                if numbers[each] not in taken and _alike(each, other)
            ]
            waiting += inner[:1] or zip(one.operands, other.operands, strict=False)
            continue
        if later[other] in matched or numbers[one] in taken:
            continue
        matched[later[other]] = numbers[one]
        taken.add(numbers[one])
        waiting += zip(one.operands, other.operands, strict=True)
    return matched


def _inside(expr: Expr, numbers: Mapping[Expr, int]) -> list[Expr]:
    """The operands of an operation, theirs, and so on: the nearest first, and not too many."""
    found = [expr]
    for each in found:
        if len(found) > _NEAR:
            break
        found += [operand for operand in each.operands if operand in numbers and not operand.op.is_leaf]
    return found[1:]


def _alike(one: Expr, other: Expr) -> bool:
    return one.op is other.op and len(one.operands) == len(other.operands) and not one.op.is_leaf


def _merged(old: ViewNode, new: ViewNode, first: Sequence[Expr], second: Sequence[Expr]) -> ViewNode:
    """A node of both, marked where it is not the same in the second graph."""
    if old.kind == "output":
        return old
    one, other = first[old.node], second[new.node]
    if old.label != new.label:
        was = f"was {old.label}"
    elif one is other:
        return old
    elif one.is_symbol and one.dtype != other.dtype:
        was = f"was {one.dtype}"
    elif one.is_symbol and one.shape != other.shape:
        was = f"was {format_shape(one.shape)}"
    elif old.kind == "constant":
        if np.array_equal(np.asarray(one.value), np.asarray(other.value), equal_nan=True):
            return old
        was = "other numbers"
    elif one.op is other.op and one.attrs != other.attrs:
        was = "another body" if one.op.control is not None else "other arguments"
    else:
        return old
    return replace(new, key=old.key, node=old.node, lines=(*old.lines, was), mark=CHANGED)


def _with_other_operands(
    nodes: Sequence[ViewNode], ours: Sequence[ViewEdge], theirs: Sequence[ViewEdge]
) -> list[ViewNode]:
    """The nodes, with those marked that read other nodes although these are in both graphs."""
    both = {node.key for node in nodes if node.mark not in (ADDED, REMOVED)}
    before, after = ({(edge.head, edge.slot): edge.tail for edge in edges} for edges in (ours, theirs))
    told: dict[str, str] = {}
    for (head, slot), tail in before.items():
        now = after.get((head, slot), tail)
        if now != tail and {tail, now} <= both:
            told[head] = "other operands"
    for head in told:
        old, new = (Counter(tail for (at, _), tail in uses.items() if at == head) for uses in (before, after))
        told[head] = "exchanged" if old == new else told[head]
    return [
        replace(node, lines=(*node.lines, told[node.key]), mark=CHANGED)
        if node.key in told and node.kind != "output"
        else node
        for node in nodes
    ]


def _marked(node: ViewNode, mark: str) -> ViewNode:
    return replace(node, mark=mark, lines=(*node.lines, "new" if mark == ADDED else "gone"))


def _edge(edge: ViewEdge, mark: str) -> ViewEdge:
    return replace(edge, mark=mark)


def _told(nodes: Sequence[ViewNode], edges: Sequence[ViewEdge]) -> str:
    """How many nodes were added, removed and changed; where none was, how many lines."""
    kinds = (ADDED, REMOVED, CHANGED)
    for things, what in ((nodes, ""), (edges, "lines ")):
        counts: Mapping[str, int] = Counter(each.mark for each in things)
        told = ", ".join(f"{counts[mark]} {what}{mark}" for mark in kinds if counts.get(mark))
        if told:
            return told
    return "no difference"


__all__ = ["ADDED", "CHANGED", "REMOVED", "compared"]

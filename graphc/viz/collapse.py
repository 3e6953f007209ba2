"""A view with less in it: blocks drawn as one node, large graphs grouped, long lines replaced by names.

What is folded away keeps its edges to what stays: an edge into a block shows the value that goes in, and under it all that
the block hands back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any

from graphc.errors import InputError, brief, brief_text
from graphc.ir.scopes import Block
from graphc.viz.grouping import EDGES, Net, group, repetition
from graphc.viz.line_wrap import wrap
from graphc.viz.model import View, ViewEdge, ViewNode

MAX_NODES = 60
"""So many nodes can be read on a page."""

_LEAST = 8
"""When one or two blocks around everything collapse to fewer nodes than this, they stay open and are grouped inside."""

_SPARSE = 3 * MAX_NODES
"""So many edges are no thicket, whatever `max_nodes` says."""

_SPELLED = 4
"""A group of at most so many operations is named by them."""

_PLACES = 6
"""Of more lines than this between a group and the places of one operation, one is drawn for all."""

_MANY_USES, _FAR = 3, 6
"""What has more uses than this is named again at those that are more than so many columns away."""


def fold(view: View, collapse: Any = None, max_nodes: int | None = MAX_NODES, rows: bool = True) -> View:
    """The view with blocks collapsed.

    Parameters
    ----------
    collapse : True for all blocks, or the name of one or names of several: "layer 1", or "encoder/layer 1" for the one in
        `encoder`
    max_nodes : where more would be drawn, blocks are collapsed until it is no more, innermost first; where there are none, or not
        enough, nodes are grouped by structure. None draws everything.
    rows : whether a long row is broken into several where one line leads on

    Raises `InputError` for a name that no block has, and for `max_nodes` that is no positive number.
    """
    if max_nodes is not None and (
        isinstance(max_nodes, bool) or not isinstance(max_nodes, int) or max_nodes < 1
    ):
        raise InputError(
            f"max_nodes is {brief(max_nodes)}", hint="a positive number, or None to draw everything"
        )
    blocks = _blocks(view)
    chosen = asked(blocks, collapse)
    owners = [_owner(node.block, chosen) for node in view.nodes]
    if max_nodes is not None and _count(owners) > max_nodes:
        chosen, owners = _collapsed(view, blocks, chosen, max_nodes)
    keys = [
        f"b{blocks[owner]}" if owner is not None else node.key
        for node, owner in zip(view.nodes, owners, strict=True)
    ]
    folded = _merged(view, keys, dict(zip(keys, owners, strict=True)))
    if max_nodes is not None and (
        len(folded.nodes) > max_nodes or len(folded.edges) > max(EDGES * max_nodes, _SPARSE)
    ):
        folded = _by_structure(folded, max_nodes)
    named = _named_again(folded)
    return wrap(named) if rows and max_nodes is not None else named


def _blocks(view: View) -> dict[Block, int]:
    """Every block with something in it, and those around it, numbered."""
    order: dict[Block, int] = {}
    for node in view.nodes:
        for depth in range(1, len(node.block) + 1):
            order.setdefault(node.block[:depth], len(order))
    return order


def asked(blocks: Iterable[Block], collapse: Any) -> frozenset[Block]:
    if collapse is None or collapse is False:
        return frozenset()
    if collapse is True:
        return frozenset(block for block in blocks if len(block) == 1)
    chosen: set[Block] = set()
    for name in [collapse] if isinstance(collapse, str) else _listed(collapse):
        matching = [block for block in blocks if name in (block[-1], "/".join(block))]
        if not matching:
            known = list(dict.fromkeys("/".join(block) for block in blocks))
            near = get_close_matches(str(name), known, 1)
            what = ", ".join(known[:8]) + (", …" if len(known) > 8 else "")
            raise InputError(
                f"there is no block {brief_text(name, 60)!r} to collapse",
                hint=f"{near[0]!r}?"
                if near
                else f"the blocks are {what}"
                if known
                else 'name them: with g.scope("…"):',
            )
        chosen.update(matching)
    return frozenset(chosen)


def _listed(collapse: Any) -> list[Any]:
    if isinstance(collapse, (list, tuple, set, frozenset)) and all(
        isinstance(name, str) for name in collapse
    ):
        return sorted(collapse)
    raise InputError(f"collapse is {brief(collapse)}", hint='True, or names of blocks: collapse=["layer 1"]')


def _owner(block: Block, chosen: frozenset[Block]) -> Block | None:
    """The outermost collapsed block around a block."""
    for depth in range(1, len(block) + 1):
        if block[:depth] in chosen:
            return block[:depth]
    return None


def _count(owners: Sequence[Block | None]) -> int:
    return sum(owner is None for owner in owners) + len({owner for owner in owners if owner is not None})


def _collapsed(
    view: View, blocks: dict[Block, int], chosen: frozenset[Block], max_nodes: int
) -> tuple[frozenset[Block], list[Block | None]]:
    """More blocks collapsed, innermost first, the largest of a depth first, until few enough nodes are left."""

    def owned(by: frozenset[Block]) -> list[Block | None]:
        return [_owner(node.block, by) for node in view.nodes]

    sizes = Counter(node.block[:depth] for node in view.nodes for depth in range(1, len(node.block) + 1))
    owners = owned(chosen)
    for depth in range(max(map(len, blocks), default=0), 0, -1):
        level = [block for block in blocks if len(block) == depth and _owner(block, chosen) is None]
        before = chosen
        for size in _steps({sizes[block] for block in level}):  # blocks of one size look alike: all or none
            chosen = before | {block for block in level if sizes[block] >= size}
            owners = owned(chosen)
            if _count(owners) <= max_nodes:
                break
        if _count(owners) <= max_nodes:
            if depth == 1 and len(level) <= 2 and _count(owners) < _LEAST:
                chosen = before
                owners = owned(chosen)
            break
    return chosen, owners


def _steps(sizes: Iterable[int]) -> list[int]:
    """Sizes from the largest down to the smallest; of very many some, as the graph is counted for each."""
    ordered = sorted(sizes, reverse=True)
    return [*ordered[: -1 : max(1, len(ordered) // 16)], *ordered[-1:]]


# --- merging --------------------------------------------------------------------------------------------------


@dataclass
class _Merging:
    """What edges between the same two nodes have in common."""

    first: ViewEdge
    tails: dict[str, None] = field(default_factory=dict)
    handed: Any = None
    count: int = 0
    alarm: bool = False

    def add(self, edge: ViewEdge) -> None:
        self.tails[edge.tail] = None
        if edge.contribution is not None:
            self.handed = edge.contribution if self.handed is None else self.handed + edge.contribution
        self.alarm = self.alarm or edge.alarm
        self.count += 1

    def edge(self, tail: str, head: str, whole: bool) -> ViewEdge:
        """The one edge; with the value where there is only one."""
        if self.count == 1:
            return replace(self.first, tail=tail, head=head, place="" if whole else self.first.place)
        if len(self.tails) == 1:
            return replace(self.first, tail=tail, head=head, contribution=self.handed, place="", local=None)
        first = self.first
        return ViewEdge(tail, head, first.slot, note=f"{len(self.tails)} values", alarm=self.alarm)


def _merged(view: View, keys: Sequence[str], owners: dict[str, Block | None], told: Any = None) -> View:
    """The view with nodes of one key drawn as one, in the place of their last.

    owners : key → the block that it stands for; None where the nodes were grouped by structure or stay as they are
    told : makes the node of a group from its members
    """
    members: dict[str, list[ViewNode]] = {}
    key_of: dict[str, str] = {}
    for node, key in zip(view.nodes, keys, strict=True):
        members.setdefault(key, []).append(node)
        key_of[node.key] = key
    whole = {key for key, inside in members.items() if owners.get(key) is not None or len(inside) > 1}
    nodes: list[ViewNode] = []
    left = Counter(keys)
    for node, key in zip(view.nodes, keys, strict=True):
        left[key] -= 1
        if left[key] == 0:
            if key not in whole:
                nodes.append(node)
                continue
            block, inside = owners.get(key), members[key]
            node_of_block = told(key, inside) if block is None else _block_node(key, block, inside)
            alarm = any(member.alarm for member in inside)
            nodes.append(replace(node_of_block, cost=sum(member.cost for member in inside), alarm=alarm))
    edges: dict[Any, _Merging] = {}
    between = Counter((key_of[edge.tail], key_of[edge.head]) for edge in view.edges)
    for edge in view.edges:
        tail, head = key_of[edge.tail], key_of[edge.head]
        if tail == head or (edge.feedback and (tail in whole or head in whole)):
            continue
        # the places of an operation stay apart; what goes into or comes from a group is one line
        one = head in whole or (tail in whole and (not edge.place or between[tail, head] > _PLACES))
        use = (tail, head) if one else (tail, head, edge.slot, edge.feedback)
        edges.setdefault(use, _Merging(edge)).add(edge)
    merged = tuple(
        [sum_of_edges.edge(key[0], key[1], key[1] in whole) for key, sum_of_edges in edges.items()]
    )
    return replace(view, nodes=tuple(nodes), edges=merged)


def _block_node(key: str, block: Block, inside: Sequence[ViewNode]) -> ViewNode:
    operations = sum(node.kind == "operation" for node in inside)
    lines = [_counted(operations, "operation")] if operations else []
    parameters = [node for node in inside if node.kind == "symbol"]
    if parameters:
        lines.append(_parameters(parameters))
    detail = f"{' / '.join(block)}: {', '.join(lines)}"
    last = inside[-1]
    role = (
        "backward"
        if all(node.role == "backward" for node in inside if node.kind == "operation")
        else last.role
    )
    return ViewNode(key, last.node, "block", block[-1], role, detail, block=block[:-1], lines=tuple(lines))


def _counted(count: int, what: str) -> str:
    return f"{_spaced(count)} {what}{'s' if count != 1 else ''}"


def _spaced(count: int) -> str:
    """A number with a thin space between its thousands, from five digits on."""
    return f"{count:,}".replace(",", " ") if count >= 10_000 else str(count)


def _parameters(symbols: Sequence[ViewNode]) -> str:
    """How many numbers some symbols hold; of those with named axes it is not known."""
    total, open_ended = 0, 0
    for symbol in symbols:
        numbers = 1
        for length in symbol.shape:
            numbers = numbers * length if isinstance(length, int) and numbers is not None else None
        total, open_ended = (total + numbers, open_ended) if numbers is not None else (total, open_ended + 1)
    parts = ([_counted(total, "parameter")] if total else []) + (
        [f"{open_ended} of open shape"] if open_ended else []
    )
    return " and ".join(parts)


# --- by structure -----------------------------------------------------------------------------------------------


def _by_structure(view: View, limit: int) -> View:
    place = {node.key: float(number) for number, node in enumerate(view.nodes)}
    constants = {node.key for node in view.nodes if node.kind == "constant"}
    for edge in view.edges:
        if edge.tail in constants:  # it stands behind its user, as the picture's order wants it
            place[edge.tail] = place[edge.head] - 0.5
    view = replace(view, nodes=tuple(sorted(view.nodes, key=lambda node: place[node.key])))
    index = {node.key: number for number, node in enumerate(view.nodes)}
    operands: list[list[int]] = [[] for _ in view.nodes]
    for edge in view.edges:
        if index[edge.tail] < index[edge.head]:  # a block that is left and entered again stands in a cycle
            operands[index[edge.head]].append(index[edge.tail])
    labels = [None if node.kind in ("symbol", "output") else node.label for node in view.nodes]
    groups = group(Net(operands, labels, [node.block for node in view.nodes]), limit)
    sizes = Counter(groups)
    keys = [
        f"s{root}" if sizes[root] > 1 else node.key for node, root in zip(view.nodes, groups, strict=True)
    ]
    return _merged(view, keys, {}, _group_node)


def _group_node(key: str, inside: Sequence[ViewNode]) -> ViewNode:
    last = inside[-1]
    if all(node.kind in ("symbol", "output") for node in inside):
        what = "input" if last.kind == "symbol" else "output"
        names = f"{inside[0].label} … {last.label}"
        lines = (_parameters(inside),) if any(node.shape for node in inside) else ()
        detail = ", ".join(node.label for node in inside[:20])
        return ViewNode(
            key,
            last.node,
            "block",
            _counted(len(inside), what),
            last.role,
            f"{names}: {detail}",
            block=last.block,
            lines=lines,
        )
    symbols = [node for node in inside if node.kind == "symbol"]
    labels = [node.label for node in inside if node.kind not in ("symbol", "constant", "port", "end")]
    labels = labels or [node.label for node in inside]
    below = (_counted(len(symbols), "input"),) if symbols else ()
    once, times = repetition(labels)
    counts = Counter(labels).most_common(4)
    common = " · ".join(f"{label} ×{count}" if count > 1 else label for label, count in counts[:3])
    common += " · …" if len(counts) > 3 else ""
    blocks = [node.label for node in inside if node.kind == "block" and node.key.startswith("b")]
    if blocks:
        label, lines = _counted(len(blocks), "block"), (f"{blocks[0]} … {blocks[-1]}",)
    elif len(once) == 1 and times > 1:
        label, lines = f"{once[0]}  ({_spaced(times)} times)", ()
    elif len(once) <= _SPELLED:
        label, lines = ", ".join(once), (f"{_spaced(times)} times",) if times > 1 else ()
    else:
        label, lines = _counted(len(labels), "operation"), (common,)
    lines = (*lines, *below)
    return ViewNode(key, last.node, "block", label, last.role, common, block=last.block, lines=lines)


# --- names in place of long lines -----------------------------------------------------------------------------------


def _named_again(view: View) -> View:
    """Where something is used often and far away, its name stands there: lines across the whole page help nobody."""
    column: dict[str, int] = {}
    uses: dict[str, list[ViewEdge]] = {}
    order = {node.key: number for number, node in enumerate(view.nodes)}
    for edge in sorted(view.edges, key=lambda edge: order[edge.head]):
        if edge.feedback:
            continue
        if order[edge.tail] < order[edge.head]:
            column[edge.head] = max(column.get(edge.head, 0), column.get(edge.tail, 0) + 1)
        uses.setdefault(edge.tail, []).append(edge)
    nodes = {node.key: node for node in view.nodes}
    before: dict[str, list[ViewNode]] = {}
    moved: dict[int, ViewEdge] = {}
    place = {id(edge): number for number, edge in enumerate(view.edges)}
    marks = 0
    for node in view.nodes:
        mine = uses.get(node.key, ())
        if len(mine) <= _MANY_USES:
            continue
        # what has no operand is drawn in the column before its first use
        at = column.get(node.key) or min(column.get(edge.head, 0) for edge in mine) - 1
        far = [edge for edge in mine if column.get(edge.head, 0) - at > _FAR]
        if not far or (node.kind not in ("symbol", "block") and len(far) <= _MANY_USES):
            continue
        label = node.label
        if node.kind == "operation" or node.key.startswith("s"):
            marks += 1
            label = f"[{marks}]"
            nodes[node.key] = replace(node, lines=(*node.lines, label))
        for edge in far:
            key = f"r{order[node.key]}_{order[edge.head]}"
            block = nodes[edge.head].block
            if all(reference.key != key for reference in before.get(edge.head, ())):
                before.setdefault(edge.head, []).append(
                    ViewNode(
                        key,
                        node.node,
                        "reference",
                        label,
                        node.role,
                        node.detail,
                        shape=node.shape,
                        block=block,
                    )
                )
            moved[place[id(edge)]] = replace(edge, tail=key)
    if not moved:
        return view
    drawn: list[ViewNode] = []
    for node in view.nodes:
        drawn += [*before.get(node.key, ()), nodes[node.key]]
    edges = tuple(moved.get(number, edge) for number, edge in enumerate(view.edges))
    return replace(view, nodes=tuple(drawn), edges=edges)

"""Nodes grouped by structure, where no scopes say what belongs together: a large graph becomes a page that can be read.

Three steps, each of which keeps the drawn graph without cycles.

1. Cones. A node all of whose uses lie in one group joins it, up to a size: a group is left by its last node alone. So a chain is
   cut into pieces, and an unrolled loop into steps.
2. Bundles. Groups at the same depth with the same operations become one: the neurons of a layer.
3. Slices. Where even that is too much, whatever lies between two depths becomes one group.

Source of the first: Cong and Ding (1994), FlowMap, on fanout-free cones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

EDGES = 3
"""A page has at most so many edges for each node that it may have."""

COLUMNS = 14
"""A page has at most so many groups one behind the other: with more, nothing on it could be read."""

_FEW = 8
"""So many inputs or outputs are drawn one by one."""

COARSEST = 8
"""No cone is tried that has more than this part of the graph: a page with two nodes tells nothing."""

_LARGE = 20_000
"""In graphs of more nodes few sizes are tried."""

_SHIFTS = 7
"""So many sizes of cones beyond the smallest that fits are tried, to cut a repetition at its seams."""


@dataclass(frozen=True)
class Net:
    """A graph to be grouped, its nodes numbered in topological order.

    operands : for each node the nodes that it reads
    labels : of operations; None for what is none
    blocks : only nodes of one block are grouped
    """

    operands: Sequence[Sequence[int]]
    labels: Sequence[str | None]
    blocks: Sequence[Any]


def group(net: Net, limit: int) -> list[int]:
    """For each node the last node of its group, such that there are about `limit` groups at most, with few edges between them."""
    count = len(net.labels)
    users: list[set[int]] = [set() for _ in range(count)]
    for node, operands in enumerate(net.operands):
        for operand in operands:
            users[operand].add(node)
    for size in _sizes(count, limit):
        cones = _cones(net, users, size)
        for bundled in (False, True):
            groups = _ends(net, users, _bundles(net, cones) if bundled else cones)
            if _fits(net, groups, limit):
                done = bundled or size == 1 or count > _LARGE
                return groups if done else _aligned(net, users, size, limit, groups)
    coarse = _bundles(net, _cones(net, users, max(8, count // limit)))
    groups = coarse
    for slices in (COLUMNS, 10, 8, 6, 5, 4, 3, 2, 1):
        groups = _ends(net, users, _slices(net, coarse, slices))
        if _fits(net, groups, limit):
            break
    return groups


def _sizes(count: int, limit: int) -> Iterator[int]:
    """Sizes of cones to try: from single nodes on; in a very large graph from larger ones on, as trying one takes long."""
    size = 1 if count <= _LARGE else count // _LARGE
    while size <= max(1, count // COARSEST):
        yield size
        size = size + max(1, size // 2) if count <= _LARGE else 4 * size


def _cones(net: Net, users: Sequence[set[int]], size: int) -> list[int]:
    groups = list(range(len(net.labels)))
    held = [1] * len(groups)
    for node in reversed(groups[:]):
        if net.labels[node] is None:
            continue
        roots = {groups[user] for user in users[node]}
        if len(roots) != 1:
            continue
        (root,) = roots
        if net.labels[root] is not None and held[root] < size and net.blocks[root] == net.blocks[node]:
            groups[node] = root
            held[root] += 1
    return groups


def _depths(net: Net, groups: Sequence[int]) -> dict[int, int]:
    """Group → the longest path to it in groups. A group is left by its last node, so all of it is known before."""
    depths: dict[int, int] = {}
    for node, operands in enumerate(net.operands):
        mine = groups[node]
        depth = depths.get(mine, 0)
        for operand in operands:
            if groups[operand] != mine and net.labels[operand] is not None:
                depth = max(depth, depths[groups[operand]] + 1)
        depths[mine] = depth
    return depths


def _signatures(net: Net, groups: Sequence[int]) -> dict[int, tuple[tuple[str, int], ...]]:
    """Group → its operations, counted."""
    counted: dict[int, Counter[str]] = {}
    for node, root in enumerate(groups):
        label = net.labels[node]
        if label is not None:
            counted.setdefault(root, Counter())[label] += 1
    return {root: tuple(sorted(counts.items())) for root, counts in counted.items()}


def _bundles(net: Net, groups: Sequence[int]) -> list[int]:
    depths, signatures = _depths(net, groups), _signatures(net, groups)
    last: dict[Any, int] = {}
    keys: list[Any] = []
    for node, root in enumerate(groups):
        key = (depths[root], signatures[root], net.blocks[root]) if root in signatures else node
        keys.append(key)
        last[key] = max(root, last.get(key, root))
    return [last[key] for key in keys]


def _slices(net: Net, groups: Sequence[int], slices: int) -> list[int]:
    columns = _columns(net, groups)
    depths = {root: columns[node] for node, root in enumerate(groups)}  # of a group, that of its last node
    deepest = 1 + max(columns, default=0)
    last: dict[Any, int] = {}
    keys: list[Any] = []
    for node, root in enumerate(groups):
        operation = net.labels[node] is not None
        key = (depths[root] * slices // deepest, net.blocks[root]) if operation else node
        keys.append(key)
        last[key] = max(root, last.get(key, root))
    return [last[key] for key in keys]


def _columns(net: Net, groups: Sequence[int]) -> list[int]:
    """For each node how many groups lie before it on the longest path. Unlike `_depths` for groups that several nodes leave."""
    columns = [0] * len(groups)
    for node, operands in enumerate(net.operands):
        for operand in operands:
            if net.labels[operand] is not None:
                columns[node] = max(columns[node], columns[operand] + (groups[operand] != groups[node]))
    return columns


def _ends(net: Net, users: Sequence[set[int]], groups: list[int]) -> list[int]:
    """Many inputs with the same users are one group, and many outputs of one group.

    Inputs of one group alone are part of it, unless it is among the first: somewhere the page must begin.
    """
    inputs = [node for node, label in enumerate(net.labels) if label is None and not net.operands[node]]
    outputs = [node for node, label in enumerate(net.labels) if label is None and net.operands[node]]
    result = list(groups)
    for ends, others in ((inputs, users), (outputs, net.operands)):
        if len(ends) <= _FEW:
            continue
        last: dict[Any, int] = {}
        for node in reversed(ends):
            key = (frozenset(groups[other] for other in others[node]), net.blocks[node])
            result[node] = last.setdefault(key, node)
    if len(inputs) > _FEW:
        held = Counter(groups)
        columns = _columns(net, groups)
        for node in inputs:
            roots = {groups[user] for user in users[node]}
            root = max(roots, default=node)
            if len(roots) == 1 and held[root] > 1 and columns[root] and net.blocks[root] == net.blocks[node]:
                result[node] = root
    return result


def _fits(net: Net, groups: Sequence[int], limit: int) -> bool:
    if len(set(groups)) > limit:
        return False
    edges: set[tuple[int, int]] = set()
    for node, operands in enumerate(net.operands):
        for operand in operands:
            edges.add((groups[operand], groups[node]))
            if len(edges) > (EDGES + 1) * limit:
                return False
    if sum(tail != head for tail, head in edges) > EDGES * limit:
        return False
    return max(_columns(net, groups), default=0) <= COLUMNS


def _aligned(net: Net, users: Sequence[set[int]], size: int, limit: int, groups: list[int]) -> list[int]:
    """The grouping with the fewest different groups, among those by somewhat larger cones."""
    best, fewest = groups, len(set(_signatures(net, groups).values()))
    for larger in range(size + 1, size + 1 + min(_SHIFTS, size)):
        ends = _ends(net, users, _cones(net, users, larger))
        kinds = len(set(_signatures(net, ends).values()))
        if kinds < fewest and _fits(net, ends, limit):
            best, fewest = ends, kinds
    return best


def repetition(labels: Sequence[str]) -> tuple[Sequence[str], int]:
    """The shortest beginning that gives the labels when it is repeated, and how often.

    >>> repetition(["×", "+", "×", "+"])
    (['×', '+'], 2)
    """
    # the failure function of Knuth, Morris and Pratt (1977)
    borders = [0] * (len(labels) + 1)
    at = 0
    for end in range(1, len(labels)):
        while at and labels[at] != labels[end]:
            at = borders[at]
        at += labels[at] == labels[end]
        borders[end + 1] = at
    period = len(labels) - borders[-1]
    if period and len(labels) % period == 0:
        return labels[:period], len(labels) // period
    return labels, 1

"""The order to begin with: as a reader meets the parts of a formula, a node between its operands."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from graphc.ir.scopes import Block
from graphc.viz.layered.network import Network, blocks_of
from graphc.viz.layered.parts import Filled


def as_read(network: Network, filled: Filled) -> dict[Block, list[int]]:
    """What stands in each frame, in the order of the formula; a frame is named by its upper edge."""
    keys = _read(network, filled)
    inside: dict[Block, list[int]] = {(): []}
    sums: dict[Block, list[float]] = defaultdict(list)
    blocks = blocks_of(network)
    for block in blocks:
        inside[block] = []
    for number, part in enumerate(filled.parts):
        if not part.edge:
            inside[part.block].append(number)
            for depth in range(1, len(part.block) + 1):
                sums[part.block[:depth]].append(keys[number])
    for block in blocks:
        upper = filled.borders[block][0]
        keys[upper] = float(np.mean(sums[block]))
        inside[block[:-1]].append(upper)
    return {block: sorted(some, key=keys.__getitem__) for block, some in inside.items()}


def _read(network: Network, filled: Filled) -> dict[int, float]:
    """Part → when a reader comes to it: a node between its operands, a line after what it leads from."""
    lines: dict[int, list[int]] = defaultdict(list)
    used = set()
    for number, line in enumerate(network.lines):
        if not line.back:
            lines[line.head].append(number)
            used.add(line.tail)
    keys: dict[int, float] = {}
    seen: set[int] = set()
    ends = [number for number in range(len(network.vertices)) if number not in used]
    stack: list[tuple[str, int]] = [("open", number) for number in reversed(ends)]
    while stack:
        what, number = stack.pop()
        if what == "put":
            keys[number] = float(len(keys))
        elif number not in seen:
            seen.add(number)
            into = sorted(lines[number], key=lambda at: network.lines[at].slot)
            todo: list[tuple[str, int]] = []
            for place, at in enumerate(into):
                if place == (len(into) + 1) // 2:
                    todo.append(("put", number))
                todo.append(("open", network.lines[at].tail))
                todo += [("put", part) for part in filled.chains[at][1:-1]]
            if len(into) < 2:
                todo.append(("put", number))
            stack += reversed(todo)
    for number in range(len(filled.parts)):  # what leads back stands below
        keys.setdefault(number, float(len(keys)))
    return keys


def walked(children: dict[Block, list[int]], filled: Filled) -> list[int]:
    """All parts from top to bottom."""
    blocks = {pair[0]: block for block, pair in filled.borders.items()}
    order: list[int] = []
    stack: list[int] = children[()][::-1]
    while stack:
        number = stack.pop()
        order.append(number)
        if number in blocks:
            block = blocks[number]
            stack += [filled.borders[block][1], *children[block][::-1]]
    return order


__all__ = ["as_read", "walked"]

"""Columns in groups that one sweep serves: colourings of a pattern.

Columns of one colour share no row in a Jacobian: a distance-2 colouring of the bipartite graph of rows and columns. A Hessian,
which is symmetric, needs less, a star colouring: each entry or its mirror image is alone in its row among the columns of its
colour.

Source: Gebremedhin, Manne, Pothen, What color is your Jacobian? (SIAM Review, 2005).
"""

from __future__ import annotations

from typing import Any

import numpy as np

MOST_PATHS = 20_000_000
"""Paths of three edges that a star colouring looks at; beyond, a Hessian is coloured as a Jacobian, which is one too."""


def columns_apart(pattern: Any, once: bool = False) -> np.ndarray:
    """A colour, from 0, for each column of a CSR pattern, so that no row has two columns of one colour; −1 for one
    without entries.

    Greedy, in two orders, of which the one with fewer colours counts: as the columns stand, and columns in long rows first. At
    most 1 + max over columns of Σ over its rows (row's length − 1) colours; never fewer than the longest row has entries.

    once : whether the first order is enough
    """
    by_column = pattern.tocsc()
    lengths = np.diff(pattern.indptr)
    longest = int(lengths.max(initial=0))
    columns = pattern.shape[1]
    colours = _greedy(by_column, np.arange(columns), pattern.shape[0])
    if once or colours.max(initial=-1) + 1 == longest:
        return colours
    weights = np.bincount(pattern.indices, np.repeat(lengths, lengths), minlength=columns)
    second = _greedy(by_column, np.argsort(-weights, kind="stable"), pattern.shape[0])
    return second if second.max(initial=-1) < colours.max(initial=-1) else colours


def _greedy(by_column: Any, order: np.ndarray, rows: int) -> np.ndarray:
    """Each column in turn gets the first colour that no row of its own has; a row's colours are the bits of a number."""
    used = [0] * rows
    starts, places = by_column.indptr.tolist(), by_column.indices.tolist()
    colours = np.full(by_column.shape[1], -1, np.int64)
    for column in order.tolist():
        own = places[starts[column] : starts[column + 1]]
        if not own:
            continue
        taken = 0
        for row in own:
            taken |= used[row]
        free = ~taken & (taken + 1)
        for row in own:
            used[row] |= free
        colours[column] = free.bit_length() - 1
    return colours


def star(pattern: Any) -> np.ndarray:
    """A colour for each column of a symmetric CSR pattern: a star colouring, or one by `columns_apart` where that has fewer.

    Neighbours differ, and every path of four columns has three colours. At most the colours of `columns_apart`.
    """
    apart = columns_apart(pattern)
    lengths = np.diff(pattern.indptr)
    longest = int(lengths.max(initial=0))
    if longest <= 2 or int((lengths.astype(float) ** 2).sum()) * 4 > MOST_PATHS:
        return apart
    starts, places = pattern.indptr.tolist(), pattern.indices.tolist()
    neighbours = [
        [other for other in places[starts[v] : starts[v + 1]] if other != v] for v in range(len(starts) - 1)
    ]
    stars = np.where(lengths > 0, _star_greedy(neighbours), -1)
    return stars if stars.max(initial=-1) < apart.max(initial=-1) else apart


def _star_greedy(neighbours: list[list[int]]) -> np.ndarray:
    """Greedy, vertices of many neighbours first: each gets the first colour that makes no path of four with two colours.

    tally[w] : how many neighbours of w have each colour: one at most while w has none itself
    """
    tally: list[dict[int, int]] = [{} for _ in neighbours]
    colours = [-1] * len(neighbours)
    order = sorted(range(len(neighbours)), key=lambda v: -len(neighbours[v]))
    for v in order:
        taken = 0
        for w in neighbours[v]:
            colour = colours[w]
            if colour < 0:
                for c in tally[w]:  # v and a neighbour's neighbour differ while that between has no colour
                    taken |= 1 << c
                continue
            taken |= 1 << colour
            for x in neighbours[w]:  # v w x y: with colour(y) = colour(w), v and x differ
                if x != v and colours[x] >= 0 and tally[x].get(colour, 0) > 1:
                    taken |= 1 << colours[x]
        free = ~taken & (taken + 1)
        colours[v] = free.bit_length() - 1
        for w in neighbours[v]:
            tally[w][colours[v]] = tally[w].get(colours[v], 0) + 1
    return np.array(colours, np.int64)


__all__ = ["columns_apart", "star"]

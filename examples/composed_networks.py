"""Two shallow networks, one put into the other: drag the joints of each and see what the composition becomes.

Each network is a line that ReLU units bend, with three linear pieces. The first folds its input so that every value between
−1 and 1 occurs three times; the second is repeated in each of the folds, so the composition has up to nine pieces.

Run: python examples/composed_networks.py [directory for the page]
"""

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np

import graphc as g


def network(x, joints):
    """The shallow ReLU network through some points: a line, and for each joint within a hidden unit that bends it."""
    slopes = [(d - b) / (c - a) for (a, b), (c, d) in pairwise(joints)]
    bends = [
        (new - old) * g.relu(x - a) for (old, new), (a, _) in zip(pairwise(slopes), joints[1:-1], strict=True)
    ]
    return sum(bends, joints[0][1] + slopes[0] * (x - joints[0][0]))


def joints(name):
    """Four points: the outer two move up and down, the inner two anywhere on their side."""
    left, right = (
        g.symbol(f"{name}_{n}", range=ends) for n, ends in ((1, (-0.95, -0.05)), (2, (0.05, 0.95)))
    )
    low, first, second, high = g.symbols(" ".join(f"{name}y_{n}" for n in range(4)))
    return [(-1.0, low), (left, first), (right, second), (1.0, high)]


FIRST = {"a_1": -1 / 3, "a_2": 1 / 3, "ay_0": -1.0, "ay_1": 1.0, "ay_2": -1.0, "ay_3": 1.0}
SECOND = {"b_1": -0.5, "b_2": 0.4, "by_0": 0.8, "by_1": -0.6, "by_2": 0.6, "by_3": -0.9}


def main(output_dir="."):
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    x, y = g.symbols("x y")
    a, b = joints("a"), joints("b")
    first, second = network(x, a), network(y, b)
    composed = g.substitute(second, {y: first})
    figure = g.figure(
        g.plot(first, x, (-1, 1), ylim=(-1.2, 1.2), handles=a, title="The first network, y"),
        g.plot(second, y, (-1, 1), ylim=(-1.2, 1.2), handles=b, title="The second network, of y"),
        g.plot(composed, x, (-1, 1), ylim=(-1.2, 1.2), title="The second of the first"),
        at={**FIRST, **SECOND},
        title="Two shallow networks composed",
    )
    path = figure.save(Path(output_dir) / "composed_networks.html")

    # NumPy interpolates between the joints without any network
    f = g.compile(composed, rewrite=None)
    grid = np.linspace(-1, 1, 2001)
    inner = np.interp(grid, [-1, FIRST["a_1"], FIRST["a_2"], 1], [FIRST[f"ay_{n}"] for n in range(4)])
    outer = np.interp(inner, [-1, SECOND["b_1"], SECOND["b_2"], 1], [SECOND[f"by_{n}"] for n in range(4)])
    values = f(x=grid, **FIRST, **SECOND)
    assert np.abs(values - outer).max() <= 64 * np.finfo(float).eps  # a few roundings of numbers up to 6
    slopes = np.diff(values) / np.diff(grid)
    bends = np.abs(np.diff(slopes)) > 1e-3
    pieces = 1 + np.count_nonzero(
        bends & ~np.concatenate([[False], bends[:-1]])
    )  # a bend within a step shows twice
    assert pieces == 9, pieces
    print(f"{path.name}: the composition has {pieces} linear pieces, each network 3")


if __name__ == "__main__":
    main(*sys.argv[1:])

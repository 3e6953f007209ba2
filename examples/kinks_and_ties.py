"""The derivative at a kink: ReLU at 0 and the ties of a maximum.

At 0 the rectified linear unit has the slope 0 to the left and 1 to the right; every number between is a subgradient. graphc takes
0, as most libraries do. At a tie max(x, y) is shared: each operand gets ½. Both are conventions, and the chain rule does not see
through them: x = [x]₊ − [−x]₊ has the slope 1 everywhere, but the convention adds 0 and 0 at x = 0. (Compiled with the rules of
rewriting graphc sees that the function is x, and its slope 1.) Gradient descent does not mind: a random start meets a kink with
probability 0.

Run: python examples/kinks_and_ties.py [directory for the figure]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import graphc as g

plt.style.use("graphc.viz.slides")

x, y = g.symbols("x y")


def one_sided(f, at, h=2.0**-20):
    """The slopes of a function of one symbol to the left and to the right of a point."""
    value = lambda place: g.evaluate(f, {x: place})
    return (value(at) - value(at - h)) / h, (value(at + h) - value(at)) / h


def main(output_dir="."):
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    print("function at its kink        left  graphc  right")
    for name, f, at in (
        ("relu(x) at 0", g.relu(x), 0.0), ("|x| at 0", abs(x), 0.0), ("max(x, 1 − x) at ½", g.maximum(x, 1 - x), 0.5),
        ("min(x, 2x) at 0", g.minimum(x, 2 * x), 0.0), ("leaky relu at 0", g.leaky_relu(x, 0.1), 0.0),
    ):  # fmt: skip
        left, right = one_sided(f, at)
        ours = g.evaluate(g.grad(f, x), {x: at})
        print(f"{name:26s} {left:5.1f} {ours:7.2f} {right:6.1f}")
        assert (
            min(left, right) - 1e-9 <= ours <= max(left, right) + 1e-9
        )  # a subgradient, or between the slopes

    # ties: among k equal largest elements each gets 1/k, the sum is 1 whichever way it is shared
    v = g.symbol("v", shape=(4,))
    shares = g.evaluate(g.grad(g.max(v), v), {v: [3.0, 1.0, 3.0, 3.0]})
    print("max(3, 1, 3, 3) hands back", np.round(shares, 3))
    assert np.allclose(shares, [1 / 3, 0, 1 / 3, 1 / 3], rtol=0, atol=1e-15)
    assert g.evaluate(g.grad(g.maximum(x, y), [x, y]), {x: 2.0, y: 2.0}) == [0.5, 0.5]

    # the identity, written with two units: right everywhere but at the kink
    identity = g.relu(x) - g.relu(-x)
    slope = g.compile(g.grad(identity, x), [x], rewrite=None)  # as it is written
    assert g.compile(g.grad(identity, x), [x])(0.0) == 1  # as the rules understand it
    assert slope(1e-300) == slope(-1e-300) == 1 and slope(0.0) == 0
    hits = slope(np.random.default_rng(0).normal(size=10**6))
    print(
        f"relu(x) − relu(−x): slope {slope(0.0):.0f} at 0, {hits.min():.0f} to {hits.max():.0f} at a million random places"
    )
    assert (hits == 1).all()

    grid = np.linspace(-2, 2, 401)
    figure, axes = plt.subplots(1, 3, figsize=(13, 5.2))
    axes[0].plot(grid, g.compile(g.relu(x), [x])(grid), color="C0", label="[x]₊")
    for part in (grid[grid < 0], grid[grid > 0]):
        axes[0].plot(
            part,
            g.compile(g.grad(g.relu(x), x), [x])(part),
            color="C1",
            label="its derivative" if part[0] < 0 else None,
        )
    axes[0].plot([0, 0], [0, 1], ":", color="C1", label="all subgradients at 0")
    axes[0].plot([0], [0], "o", color="C1", label="what graphc takes")
    axes[0].set(xlabel="x", title="ReLU at 0")
    axes[0].legend()
    axes[1].plot(grid, np.maximum(grid, 1 - grid), color="C0", label="max(x, 1 − x)")
    for slope_, text in (
        (-1, "slope −1: all to 1 − x"),
        (0, "slope 0: shared equally"),
        (1, "slope 1: all to x"),
    ):
        axes[1].plot(
            grid,
            0.5 + slope_ * (grid - 0.5),
            "--",
            color={-1: "0.7", 0: "C1", 1: "0.3"}[slope_],
            linewidth=1.2,
            label=text,
        )
    axes[1].set(xlabel="x", ylim=(-0.6, 3), title="a tie, and lines below that touch it")
    axes[1].legend()
    for f, name, colour in (
        (g.relu(x), "[x]₊", "C2"),
        (-g.relu(-x), "−[−x]₊", "C3"),
        (identity, "their sum", "C0"),
    ):
        axes[2].plot(grid, g.compile(f, [x])(grid), color=colour, label=name)
    axes[2].plot([0], [0], "o", color="C1", label="the rule says 0")
    axes[2].set(xlabel="x", title="the chain rule fails at a kink:\nthe slope is 1")
    axes[2].legend()
    figure.savefig(Path(output_dir) / "kinks_and_ties.png")


if __name__ == "__main__":
    main(*sys.argv[1:])

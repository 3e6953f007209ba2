"""How many examples for a given error, over the dimension: proportional for a linear model, exponential for a table.

Least squares in d dimensions with noise σ² and Gaussian inputs has, on m > d + 1 examples, the expected excess risk
σ²·d/(m − d − 1) exactly, so an error ε takes m = d(1 + σ²/ε) + 1. A method that assumes no more than smoothness, here the nearest
neighbour, has to fill the space: its error falls as m^(−1/d), and half the error takes 2^d times the examples.

Run: python examples/sample_complexity.py [directory for the figure]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import graphc as g

plt.style.use("graphc.viz.slides")


def excess(dimension, counts, runs):
    """For each count the mean and its error of ‖w − ŵ‖², which is the excess risk for inputs of covariance 1."""
    X, t = g.symbol("X", shape=("m", dimension)), g.symbol("t", shape=("m",))
    fit = g.compile(g.solve(X.T @ X, X.T @ t), [X, t])  # the normal equations
    rng = np.random.default_rng(dimension)
    for count in counts:
        found = []
        for _ in range(runs):
            points, w = rng.normal(size=(count, dimension)), rng.normal(size=dimension)
            found.append(np.sum((fit(points, points @ w + rng.normal(size=count)) - w) ** 2))
        yield np.mean(found), np.std(found) / np.sqrt(runs)


def neighbour(dimension, counts):
    """The mean distance from a random point of the cube to the nearest of m examples: the error on a function of slope 1."""
    P, Q = g.symbol("P", shape=("m", dimension)), g.symbol("Q", shape=("n", dimension))
    squares = g.sum(Q**2, axis=1, keepdims=True) - 2 * (Q @ P.T) + g.sum(P**2, axis=1)
    nearest = g.compile(g.mean(g.sqrt(g.maximum(g.min(squares, axis=1), 0))), [P, Q])
    rng = np.random.default_rng(dimension)
    return [nearest(rng.random((m, dimension)), rng.random((400, dimension))) for m in counts]


def main(output_dir="."):
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    figure, axes = plt.subplots(1, 3, figsize=(14, 5.6))
    ratios = np.array([1.5, 2, 3, 5, 8])
    for dimension, colour in ((5, "C2"), (10, "C3"), (20, "C0"), (40, "C1")):
        counts = (ratios * dimension).astype(int)
        found = list(excess(dimension, counts, 300))
        theory = dimension / (counts - dimension - 1)
        for (mean, error), wanted in zip(found, theory, strict=True):
            assert abs(mean - wanted) <= 6 * error, (dimension, mean, wanted)
        axes[0].loglog(counts, [mean for mean, _ in found], "o", color=colour, label=f"d = {dimension}")
        fine = np.geomspace(counts[0], counts[-1], 50)
        axes[0].loglog(fine, dimension / (fine - dimension - 1), color=colour, linewidth=1)
    axes[0].set(xlabel="examples m", ylabel="excess risk, σ = 1", title="linear model;\nlines: d/(m − d − 1)")
    axes[0].legend()

    counts, slopes = 2 ** np.arange(5, 14), []
    for dimension, colour in ((1, "C2"), (2, "C3"), (4, "C0"), (8, "C1")):
        errors = neighbour(dimension, counts)
        slopes.append(np.polyfit(np.log(counts), np.log(errors), 1)[0])
        axes[1].loglog(
            counts,
            errors,
            "o-",
            color=colour,
            label=f"d = {dimension}: m^({slopes[-1]:.2f})".replace("-", "−"),
        )
    print("nearest neighbour, powers of m for d = 1, 2, 4, 8:", np.round(slopes, 3))
    assert np.all(
        np.abs(np.array(slopes) * (1, 2, 4, 8) + 1) < 0.25
    )  # −1/d, and more where most of a cube is border
    axes[1].set(xlabel="examples m", ylabel="distance to the nearest", title="nearest neighbour:\nm^(−1/d)")
    axes[1].legend()
    axes[1].set_ylim(1e-6, None)

    dimensions = np.arange(1, 21)
    linear, table = dimensions * (1 + 1 / 0.1) + 1, (1 / 0.1) ** dimensions
    axes[2].semilogy(dimensions, linear, "o-", color="C0", label="linear model")
    axes[2].semilogy(dimensions, table, "s-", color="C1", label="nearest neighbour,\nup to a factor")
    axes[2].set(xlabel="dimension d", ylabel="examples", title="for an error of 0.1")
    axes[2].legend()
    figure.savefig(Path(output_dir) / "sample_complexity.png")


if __name__ == "__main__":
    main(*sys.argv[1:])

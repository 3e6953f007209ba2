"""Approximation error over units, estimation error over examples (Barron, 1993 and 1994).

A function whose Fourier transform has a finite first moment C is approached by n sigmoids with the squared error C²/n, in any
dimension. With N noisy examples the n units have to be estimated as well, which adds about n·d/N·log N. So the best number of
units grows with the examples, and for each number of examples there is one beyond which more units make it worse.

Here d = 5, the function is a wave along two directions, and the units are picked one after the other from many random ones, each
time the one that the residual answers to most, and all output weights are fitted anew (orthogonal greedy selection). That is one
way to find units, not the best; the rate 1/n is a bound, and this function happens to be approached faster.

Run: python examples/approximation_and_samples.py [directory for the figure]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import graphc as g

plt.style.use("graphc.viz.slides")

DIMENSION, NOISE, MOST = 5, 0.2, 64
DIRECTIONS = np.array([[1.0, -1.0, 0.5, 0.0, 0.0], [0.0, 0.5, 0.0, 1.0, 1.0]])

X, W, B = (
    g.symbol("X", shape=("n", DIMENSION)),
    g.symbol("W", shape=("m", DIMENSION)),
    g.symbol("B", shape=("m",)),
)
UNITS = g.compile(g.tanh(X @ W.T + B), [X, W, B])
target = lambda at: np.sin(at @ DIRECTIONS[0]) + 0.7 * np.cos(1.5 * at @ DIRECTIONS[1])


def greedy(columns, answers, others):
    """Values at `others` with 1, 2, … units: each further unit is the one most like the residual, orthogonal to those before."""
    mean, length = answers.mean(), np.linalg.norm(columns, axis=0)
    seen, unseen = [np.full(len(answers), len(answers) ** -0.5)], [np.full(len(others), len(answers) ** -0.5)]
    chosen, residual, value, values = [], answers - mean, np.full(len(others), mean), []
    while len(values) < min(MOST, len(answers) - 2):
        fit = np.abs(residual @ columns) / length
        fit[chosen] = -1
        chosen.append(int(fit.argmax()))
        unit, elsewhere = columns[:, chosen[-1]], others[:, chosen[-1]]
        for _ in range(
            2
        ):  # Gram and Schmidt, twice for the digits; what is done to a unit is done to its values elsewhere
            shares = [q @ unit for q in seen]
            unit = unit - sum(share * q for share, q in zip(shares, seen, strict=True))
            elsewhere = elsewhere - sum(share * q for share, q in zip(shares, unseen, strict=True))
        size = np.linalg.norm(unit)
        seen.append(unit / size)
        unseen.append(elsewhere / size)
        weight = residual @ seen[-1]
        residual, value = residual - weight * seen[-1], value + weight * unseen[-1]
        values.append(value)
    return values


def main(output_dir="."):
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    counts, units, runs = (50, 100, 200, 400, 800, 3200), (1, 2, 4, 8, 16, 32, 64), 3
    risk = np.full((len(counts), len(units)), np.nan)
    unseen = rng.uniform(-1, 1, (2000, DIMENSION))
    for row, count in enumerate(counts):
        found = []
        for _ in range(runs):
            w = rng.normal(size=(400, DIMENSION)) * 1.5
            b = rng.uniform(-2, 2, 400)
            points = rng.uniform(-1, 1, (count, DIMENSION))
            answers = target(points) + NOISE * rng.normal(size=count)
            values = greedy(UNITS(points, w, b), answers, UNITS(unseen, w, b))
            found.append(
                [
                    np.mean((values[n - 1] - target(unseen)) ** 2) if n <= len(values) else np.nan
                    for n in units
                ]
            )
        risk[row] = np.mean(found, axis=0)
    # without noise and with many examples what is left is the error of approximation
    points = rng.uniform(-1, 1, (6000, DIMENSION))
    w, b = rng.normal(size=(400, DIMENSION)) * 1.5, rng.uniform(-2, 2, 400)
    values = greedy(UNITS(points, w, b), target(points), UNITS(unseen, w, b))
    pure = np.array([np.mean((values[n - 1] - target(unseen)) ** 2) for n in units])
    slope = np.polyfit(np.log(units), np.log(pure), 1)[0]
    best = [units[k] for k in np.nanargmin(risk, axis=1)]
    print("units:                        ", *(f"{n:8}" for n in units))
    for count, row in zip(counts, risk, strict=True):
        print(f"error after {count:5} examples:    ", *(f"{value:8.4f}" for value in row))
    print("error of approximation:       ", *(f"{value:8.4f}" for value in pure), f"   like n^{slope:.2f}")
    print("best number of units:", dict(zip(counts, best, strict=True)))
    assert slope < -0.85  # about as fast as Barron's 1/n
    assert best[0] < best[-1] and best == sorted(best)
    assert np.nanmin(risk[-1]) < np.nanmin(risk[0]) / 5 and risk[0, 5] > 1.5 * np.nanmin(risk[0])

    figure, (left, right) = plt.subplots(1, 2, figsize=(11.5, 4.6))
    colours = plt.get_cmap("viridis")(np.linspace(0.9, 0.1, len(counts)))
    for count, row, colour in zip(counts, risk, colours, strict=True):
        left.loglog(units, row, "o-", color=colour, label=f"{count} examples")
    left.loglog(units, pure, "k--", label="no noise, 6,000")
    left.loglog(units, pure[0] * np.array(units, float) ** -1, ":", color="C1", label="1/n")
    left.set(xlabel="units n", ylabel="squared error on unseen points")
    left.legend(loc="lower left", fontsize=11)
    left.set_ylim(3e-4, None)
    shown = right.imshow(np.log10(risk), cmap="viridis_r", aspect="auto", origin="lower")
    right.set_xticks(range(len(units)), units)
    right.set_yticks(range(len(counts)), counts)
    right.plot(
        [units.index(n) for n in best],
        range(len(counts)),
        "o-",
        color="C1",
        label="best for so many examples",
    )
    right.set(
        xlabel="units n", ylabel="examples N", title="log₁₀ of the error; grey: more units than examples"
    )
    right.set_facecolor("0.85")
    right.legend(loc="upper left", frameon=True)
    figure.colorbar(shown, ax=right)
    figure.savefig(Path(output_dir) / "approximation_and_samples.png")


if __name__ == "__main__":
    main(*sys.argv[1:])

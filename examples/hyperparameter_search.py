"""Hyperparameters: depth and width on a grid, chosen by validation, and what the choice itself costs.

Networks of one to four hidden layers of 2 to 16 units learn two spirals. Each is trained from the same start of its own, judged
on 200 validation points, and the best is judged once more on 2,000 test points. The validation accuracy of the winner may be too
good: it is the largest of many noisy numbers. Beside the grid, as many trials drawn at random from finer ranges.

Run: python examples/hyperparameter_search.py [directory for the figure] [epochs]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from playground import spirals

import graphc as g
from graphc import nn, train

plt.style.use("graphc.viz.slides")

x, y = g.symbol("x", shape=("n", 2)), g.symbol("y", shape=("n", 1))
DEPTHS, WIDTHS = (1, 2, 3, 4), (2, 4, 8, 16)


def accuracy(depth, width, data, held, test, epochs, rate=0.02, seed=0):
    layers = [part for _ in range(depth) for part in (nn.Affine(width, init=nn.xavier_normal), g.tanh)]
    model = nn.Model(nn.Sequential(*layers, nn.Affine(1)), x, seed=seed)
    loss = nn.logistic(model.output, y)
    train.fit(
        model,
        loss,
        {x: data[0], y: data[1]},
        optimiser=train.Adam(rate),
        epochs=epochs,
        batch=50,
        schedule=train.Cosine(epochs),
    )
    right = lambda pair: float(np.mean(np.sign(model.predict(pair[0])) == pair[1]))
    return right(held), right(test), model


def main(output_dir=".", epochs="60"):
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    data, held, test = spirals(300, 0), spirals(200, 1), spirals(2000, 2)
    tried = {(d, w): accuracy(d, w, data, held, test, int(epochs)) for d in DEPTHS for w in WIDTHS}
    table = np.array([[tried[d, w][0] for w in WIDTHS] for d in DEPTHS])
    tests = np.array([[tried[d, w][1] for w in WIDTHS] for d in DEPTHS])
    chosen = max(tried, key=lambda key: tried[key][0])
    print(
        "validation accuracy, %: rows are depths, columns widths",
        *(f"\n{d} {np.round(100 * row, 1)}" for d, row in zip(DEPTHS, table, strict=True)),
    )
    print(
        f"chosen: {chosen[0]} layers of {chosen[1]} units, validation {tried[chosen][0]:.1%}, test {tried[chosen][1]:.1%}"
    )
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(6):
        depth, width, rate = int(rng.integers(1, 5)), int(2 ** rng.uniform(1, 4)), 10 ** rng.uniform(-3, -1)
        drawn.append((*accuracy(depth, width, data, held, test, int(epochs), rate)[:2], depth, width, rate))
    best = max(drawn)
    print(
        f"at random: {best[2]} layers of {best[3]} units at the rate {best[4]:.3f}, validation {best[0]:.1%}, test {best[1]:.1%}"
    )
    assert tried[chosen][1] > tests.mean() + 0.05 and chosen[0] > 1
    assert abs(tried[chosen][0] - tried[chosen][1]) < 0.08  # 200 points: a standard error of 2 % or so
    assert np.corrcoef(table.ravel(), tests.ravel())[0, 1] > 0.8

    figure, axes = plt.subplots(1, 3, figsize=(14.5, 5.8))
    shown = axes[0].imshow(100 * table, cmap="viridis", vmin=50, vmax=100, aspect="auto", origin="lower")
    for (row, column), value in np.ndenumerate(table):
        axes[0].text(
            column,
            row,
            f"{100 * value:.0f}",
            ha="center",
            va="center",
            color="white" if value < 0.8 else "black",
        )
    place = WIDTHS.index(chosen[1]), DEPTHS.index(chosen[0])
    axes[0].add_patch(
        plt.Rectangle((place[0] - 0.48, place[1] - 0.48), 0.96, 0.96, fill=False, edgecolor="C1", linewidth=3)
    )
    axes[0].set_xticks(range(len(WIDTHS)), WIDTHS)
    axes[0].set_yticks(range(len(DEPTHS)), DEPTHS)
    axes[0].set(xlabel="units a layer", ylabel="hidden layers", title="validation accuracy, %")
    figure.colorbar(shown, ax=axes[0])
    axes[1].plot([48, 100], [48, 100], ":", color="0.6")
    axes[1].plot(100 * table.ravel(), 100 * tests.ravel(), "o", color="C0", label="the grid")
    axes[1].plot(
        [100 * d[0] for d in drawn], [100 * d[1] for d in drawn], "x", color="C3", label="drawn at random"
    )
    axes[1].plot(
        100 * tried[chosen][0], 100 * tried[chosen][1], "o", color="C1", markersize=11, label="chosen"
    )
    axes[1].set(xlabel="validation accuracy, %", ylabel="test accuracy, %")
    axes[1].legend()
    side = np.linspace(-3.4, 3.4, 101)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    axes[2].imshow(
        np.tanh(tried[chosen][2].predict(grid).reshape(101, 101)),
        origin="lower",
        extent=(-3.4, 3.4, -3.4, 3.4),
        cmap="PuOr",
        vmin=-2,
        vmax=2,
    )
    for sign, colour in ((-1, "C1"), (1, "#3b2a7a")):
        axes[2].plot(*data[0][data[1][:, 0] == sign].T, ".", color=colour)
    axes[2].set(title=f"chosen: {chosen[0]} layers of {chosen[1]} units", xlabel="x₁", ylabel="x₂")
    figure.savefig(Path(output_dir) / "hyperparameter_search.png")


if __name__ == "__main__":
    main(*sys.argv[1:])

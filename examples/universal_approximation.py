"""Universal approximation: more hidden units, less error; and a function put together from boxes of rectified linear units.

With D hidden units a shallow network on one input has up to D + 1 linear regions. Four units make a box of height h over [a, b],
its flanks as steep as one likes, and boxes side by side follow any continuous function: narrower boxes follow it better. The
three boxes that are drawn first, 2 over [1, 3], 3.5 over [4, 5] and 1 over [7, 9], and the widths 0.5 to 0.01 are chosen here.

Run: python examples/universal_approximation.py [directory for the figures] [epochs]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import graphc as g
from graphc import nn, train

plt.style.use("graphc.viz.slides")

x = g.symbol("x", shape=("n",))


def rect(x, a, b, h, flank=1e-3):
    """A box of height h over [a, b], its flanks `flank` wide: four rectified linear units."""
    rise = g.relu(x - a) - g.relu(x - a - flank)
    fall = g.relu(x - b) - g.relu(x - b - flank)
    return h / flank * (rise - fall)


def boxes(file):
    grid = np.linspace(0, 10, 20_001)
    figure, axes = plt.subplots(2, 3, figsize=(12, 7.2))
    three = rect(x, 1, 3, 2.0) + rect(x, 4, 5, 3.5) + rect(x, 7, 9, 1.0)
    found = g.evaluate(three, {"x": grid})
    for place, wanted in ((2.0, 2.0), (4.5, 3.5), (8.0, 1.0), (0.5, 0.0), (3.5, 0.0), (9.5, 0.0)):
        assert abs(found[np.searchsorted(grid, place)] - wanted) <= 1e-9
    axes[0, 0].plot(grid, found, color="C0")
    axes[0, 0].set_title("three boxes: 12 units")
    for a, b, h in ((1, 3, 2.0), (4, 5, 3.5), (7, 9, 1.0)):
        axes[0, 0].text((a + b) / 2, h + 0.1, f"{h:g} over\n[{a}, {b}]", ha="center")
    axes[0, 0].set(ylim=(-0.2, 5), xlabel="x")
    grid = np.linspace(0, 2 * np.pi, 20_000)
    errors = {}
    for axis, width in zip(axes.flat[1:], (0.5, 0.25, 0.1, 0.01), strict=False):
        starts = np.arange(0, 2 * np.pi, width)
        heights = np.sin(starts + width / 2)
        # all boxes at once, as a hidden layer with 4 units a box; a flank is a hundredth of a box
        column = g.expand_dims(x, 1)
        pieces = rect(column, starts, starts + width, heights, flank=width / 100)
        found = g.evaluate(g.sum(pieces, axis=1), {"x": grid})
        clear = np.min(np.abs(grid[:, None] - np.append(starts, starts[-1] + width)), axis=1) > width / 50
        errors[width] = float(np.abs(found - np.sin(grid))[clear].max())
        # the sine changes by at most width/2 between the middle of a box and its end
        assert errors[width] <= width / 2
        axis.plot(grid, np.sin(grid), color="0.6", linewidth=3)
        axis.plot(grid, found, color="C1", linewidth=1)
        axis.set_title(f"boxes of {width:g}: {4 * len(starts):,} units,\nerror {errors[width]:.3f}")
    axes[1, 2].loglog(list(errors), list(errors.values()), "o-", color="C0")
    axes[1, 2].set(xlabel="width of a box", ylabel="largest error", title="half the width, half the error")
    figure.savefig(file)
    print("largest error by width of the boxes:", {width: round(error, 4) for width, error in errors.items()})


def target(position):
    return np.sin(3 * position) + 0.5 * np.sin(7 * position + 1)


T = g.symbol("t", shape=("n", 1))
COLUMN = g.symbol("x", shape=("n", 1))


def shallow(units, seed):
    """A shallow network whose joints begin spread over [−1, 1]."""
    rng = np.random.default_rng(seed)
    layers = nn.Sequential(nn.Affine(units), nn.ReLU, nn.Affine(1))
    model = nn.Model(layers, COLUMN, seed=seed)
    sign = rng.choice([-1.0, 1.0], units)
    model.values["affine1.weight"][:, 0] = sign
    model.values["affine1.bias"][:] = -sign * np.linspace(-1, 1, units + 2)[1:-1]
    return model


def more_units(file, epochs):
    position = np.linspace(-1, 1, 200)[:, None]
    wanted = target(position)
    counts, errors, shown = (1, 2, 3, 5, 10, 20, 50, 100), [], {}
    for units in counts:
        runs = []
        for seed in range(8):  # some are stuck
            model = shallow(units, seed)
            train.fit(
                model, nn.mean_squared_error(model.output, T), {COLUMN: position, T: wanted}, optimiser=train.Adam(0.03),
                epochs=epochs, batch=None, schedule=train.Cosine(epochs),
            )  # fmt: skip
            found = model.predict(position)
            runs.append((float(np.mean((found - wanted) ** 2)), found))
        error, found = min(runs, key=lambda run: run[0])
        errors.append(error)
        if units in (3, 10, 100):
            shown[units] = found
    print(
        "mean squared error by hidden units:",
        {units: round(error, 5) for units, error in zip(counts, errors, strict=True)},
    )
    assert errors[-1] < 0.5 * errors[2] < 0.5 * errors[0]
    figure, axes = plt.subplots(1, 4, figsize=(14, 5.6))
    for axis, (units, found) in zip(axes, shown.items(), strict=False):
        axis.plot(position, wanted, color="0.6", linewidth=3)
        axis.plot(position, found, color="C1")
        axis.set_title(f"{units} hidden units")
    axes[3].loglog(counts, errors, "o-", color="C0")
    axes[3].set(xlabel="hidden units", ylabel="mean squared error", title="trained, the best of 8")
    figure.savefig(file)


def search_beside_descent(file, budget, units=20):
    """As many evaluations of the loss: weights drawn at random, the best kept, beside steps of gradient descent."""
    position = np.linspace(-1, 1, 100)[:, None]
    wanted = target(position)
    model = shallow(units, seed=1)
    loss = nn.mean_squared_error(model.output, T)
    history = train.fit(
        model, loss, {COLUMN: position, T: wanted}, optimiser=train.SGD(0.05), epochs=budget, batch=None
    )
    rng = np.random.default_rng(2)
    evaluate = train.make_step([loss], [COLUMN, T, *model.parameters.values()], {})
    best, curve, kept = np.inf, [], None
    for _ in range(budget):
        drawn = [rng.normal(0, (2.0, 1.0, 1.0 / np.sqrt(units), 0.5)[place], model.values[key].shape)
                 for place, key in enumerate(model.parameters)]  # fmt: skip
        value = float(evaluate(position, wanted, *drawn)[0])
        if value < best:
            best, kept = value, drawn
        curve.append(best)
    print(f"after {budget} evaluations: random search {best:.4f}, gradient descent {history[-1]['loss']:.4f}")
    assert history[-1]["loss"] < best
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    left.semilogy(curve, color="C1", label="random search, the best so far")
    left.semilogy(history.series("loss"), color="C0", label="gradient descent")
    left.set(xlabel="evaluations of the loss", ylabel="mean squared error")
    left.legend()
    right.plot(position, wanted, color="0.6", linewidth=3)
    descended = model.predict(position)
    for key, values in zip(model.parameters, kept, strict=True):
        model.values[key] = values
    right.plot(position, model.predict(position), color="C1", label="random search")
    right.plot(position, descended, color="C0", label="gradient descent")
    right.legend()
    figure.savefig(file)


def main(output_dir=".", epochs="1000"):
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    directory = Path(output_dir)
    boxes(directory / "universal_boxes.png")
    more_units(directory / "universal_units.png", int(epochs))
    search_beside_descent(directory / "universal_search.png", int(epochs))


if __name__ == "__main__":
    main(*sys.argv[1:])

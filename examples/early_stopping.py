"""Early stopping: training ends where the error on a validation set is least, not where the training error is.

A large network on 40 noisy examples learns the curve first and the noise later. A second set of examples, never trained on, shows
when that begins; the weights of that moment are kept. A third set says what it was worth, because the second has been chosen by.
Stopped early is stopped near the start: for a linear model it is much the same as L2, here it is tried for six sets of examples.

Run: python examples/early_stopping.py [directory for the figure] [epochs]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import graphc as g
from graphc import nn, train

plt.style.use("graphc.viz.slides")

x, t = g.symbol("x", shape=("n", 1)), g.symbol("t", shape=("n", 1))
LAYERS = nn.Sequential(nn.Affine(64, init=nn.normal(2.0)), g.tanh, nn.Affine(64), g.tanh, nn.Affine(1))


def examples(count, rng, noise=0.4):
    position = rng.uniform(-2, 2, (count, 1))
    return position, np.sin(2.5 * position) + 0.4 * position + noise * rng.normal(size=position.shape)


def run(seed, epochs):
    """(curve of the training error, of the validation error, of the true risk, network at its best, network at the end)"""
    rng = np.random.default_rng(seed)
    data, held, fresh = examples(40, rng), examples(40, rng), examples(2000, rng)
    model = nn.Model(LAYERS, x, seed=seed)
    loss = nn.mean_squared_error(model.output, t)
    error = lambda pair: float(np.mean((model.predict(pair[0]) - pair[1]) ** 2))
    best, kept, risks = np.inf, None, []

    def each(history):
        nonlocal best, kept
        risks.append((history[-1]["validation"], error(fresh)))
        if risks[-1][0] < best:  # what is kept is a copy of the weights
            best, kept = risks[-1][0], {key: value.copy() for key, value in model.values.items()}

    history = train.fit(
        model, loss, {x: data[0], t: data[1]}, optimiser=train.Adam(0.005), epochs=epochs, every=10, batch=None, each=each,
        validation={x: held[0], t: held[1]}, metrics={"validation": loss},
    )  # fmt: skip
    validation, risk = np.array(risks).T
    grid = np.linspace(-2, 2, 200)[:, None]
    last = model.predict(grid)
    model.values.update(kept)
    return np.array(history.series("loss")), validation, risk, data, grid, model.predict(grid), last


def main(output_dir=".", epochs="1500"):
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    runs = [run(seed, int(epochs)) for seed in range(6)]
    stopped = [risk[validation.argmin()] for _, validation, risk, *_ in runs]
    last = [risk[-1] for _, _, risk, *_ in runs]
    print("true risk: stopped", np.round(stopped, 3), "mean", round(float(np.mean(stopped)), 3))
    print(
        "           to the end",
        np.round(last, 3),
        "mean",
        round(float(np.mean(last)), 3),
        "and of the curve itself 0.16",
    )
    assert np.mean(stopped) < 0.8 * np.mean(last) and np.sum(np.less(stopped, last)) >= 4
    training, validation, risk, data, grid, early, late = runs[0]
    assert training[-10:].min() < 0.6 * training[validation.argmin()]  # it went on to fit the examples better

    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(14, 5.6))
    epoch = 10 * np.arange(1, len(training) + 1)
    left.plot(epoch, training, color="C0", label="on the examples")
    left.plot(epoch, validation, color="C1", label="on the validation set")
    left.plot(epoch, risk, "--", color="0.5", label="true risk")
    stop = epoch[validation.argmin()]
    left.axvline(stop, color="0.6", linestyle=":")
    left.annotate(f"stop at {stop}", (stop, 0.75), (8, 0), textcoords="offset points")
    left.set(xlabel="epoch", ylabel="mean squared error", ylim=(0, 0.85))
    left.legend(loc="upper right")
    middle.plot(grid, np.sin(2.5 * grid) + 0.4 * grid, color="0.7", linewidth=4, label="curve")
    middle.plot(*data, "o", color="0.3", markersize=4, label="examples")
    middle.plot(grid, early, color="C0", label="stopped")
    middle.plot(grid, late, color="C1", label="to the end")
    middle.set(xlabel="x", ylim=(-3, 3), title="the two networks")
    middle.legend(ncols=2, loc="upper left")
    for a, b in zip(stopped, last, strict=True):
        right.plot([0, 1], [a, b], "o-", color="C2")
    right.axhline(0.16, color="0.6", linestyle="--", label="noise: no less is possible")
    right.set_xticks([0, 1], ["stopped", "to the end"])
    right.set(xlim=(-0.3, 1.3), ylim=(0, None), ylabel="true risk", title="six sets of examples")
    right.legend(loc="lower right")
    figure.savefig(Path(output_dir) / "early_stopping.png")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Overfitting and what helps: L2, dropout and batch normalisation on a regression with few, noisy examples, for six sets of them.

A network of 10,401 parameters on 30 examples learns their noise. L2 makes it smoother, and dropout makes it the mean of many
networks: both fit the examples less and the curve behind them better. Batch normalisation is meant for something else, fast
training at rates that matter little; but each example is normalised by the others of its batch, here of 15, and that noise holds
back as well. For a single set one of the four is often best by luck: that is why they are averaged. With little noise, or rates
for few epochs, nothing overfits and nothing helps.

Run: python examples/regularisation.py [directory for the figures] [epochs] [sets of examples]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import graphc as g
from graphc import nn, train

plt.style.use("graphc.viz.slides")

x, t = g.symbol("x", shape=("n", 1)), g.symbol("t", shape=("n", 1))
UNITS = 100


def curve(position):
    return np.sin(1.5 * position)


def examples(count, seed, noise=0.6):
    rng = np.random.default_rng(seed)
    position = rng.uniform(-2, 2, (count, 1))
    return position, curve(position) + noise * rng.normal(size=position.shape)


def network(*between, seed):
    """Two hidden layers, with something before each activation."""
    parts = []
    for _ in range(2):
        parts += [nn.Affine(UNITS, init=nn.he_normal), *between[:1], nn.ReLU, *between[1:]]
    model = nn.Model(nn.Sequential(*parts, nn.Affine(1)), x, seed=seed)
    rng = np.random.default_rng(seed)
    model.values["affine1.bias"][:] = rng.uniform(-2, 2, UNITS)  # joints spread over the inputs
    return model


VARIANTS = {
    "nothing": ((), 0.0),
    "L2": ((), 5e-3),
    "dropout 20 %": ((lambda y: y, nn.Dropout(0.2)), 0.0),
    "batch normalisation": ((nn.BatchNorm(),), 0.0),
}
COLOURS = ("C2", "C0", "C3", "C1")


def trained(between, strength, seed, epochs):
    """(history, model, examples): the error against the curve itself is measured on 500 points."""
    model = network(*between, seed=seed)
    position, wanted = examples(30, seed)
    unseen = np.linspace(-2, 2, 500)[:, None]
    loss = nn.mean_squared_error(model.training_output, t)
    if strength:
        loss = loss + nn.l2([w for key, w in model.parameters.items() if key.endswith("weight")], strength)
    error = nn.mean_squared_error(model.output, t)
    history = train.fit(
        model, loss, {x: position, t: wanted}, optimiser=train.Adam(0.01), epochs=epochs, batch=15, every=10, seed=seed,
        schedule=train.Cosine(epochs), validation={x: unseen, t: curve(unseen)}, metrics={"unseen": error},
    )  # fmt: skip
    return history, model, (position, wanted)


def main(output_dir=".", epochs="500", sets="6"):
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    sets = int(sets)
    grid = np.linspace(-2, 2, 300)[:, None]
    figure, axes = plt.subplots(2, 4, figsize=(15, 8.4))
    fits, errors, curves = {}, {}, {}
    for axis, (name, (between, strength)) in zip(axes[0], VARIANTS.items(), strict=True):
        runs = [trained(between, strength, seed, int(epochs)) for seed in range(sets)]
        fits[name] = np.array([np.mean((model.predict(p) - w) ** 2) for _, model, (p, w) in runs])
        errors[name] = np.array([history[-1]["unseen"] for history, *_ in runs])
        curves[name] = np.mean([history.series("unseen") for history, *_ in runs], axis=0)
        epoch = runs[0][0].series("epoch")
        axis.plot(grid, curve(grid), color="0.75", linewidth=4, label="curve")
        axis.plot(*runs[0][2], "o", color="0.3", markersize=4, label="examples")
        axis.plot(grid, runs[0][1].predict(grid), color="C1", label="network")
        axis.set(title=f"{name},\nthe first set", ylim=(-2.6, 2.6), xlabel="x")
        print(
            f"{name:20s} on the examples {fits[name].mean():.4f}, against the curve itself {errors[name].mean():.4f}"
            f" ± {errors[name].std() / np.sqrt(sets):.4f}, "
            f"better than nothing in {np.sum(errors[name] < errors['nothing'])} of {sets}"
        )
    axes[0, 0].legend(loc="upper left")
    for axis, values, title in (
        (axes[1, 0], fits, "error on the examples"), (axes[1, 1], errors, "error against the curve"),
    ):  # fmt: skip
        for place, (name, colour) in enumerate(zip(values, COLOURS, strict=True)):
            axis.plot(np.full(sets, place), values[name], ".", color=colour, alpha=0.6, markersize=9)
            axis.plot([place - 0.25, place + 0.25], [values[name].mean()] * 2, color=colour, linewidth=3)
        axis.set_xticks(range(4), ["nothing", "L2", "dropout", "batch\nnorm"])
        axis.set(title=f"{title},\n{sets} sets, and mean", ylim=(0, None))
    for (name, values), colour in zip(curves.items(), COLOURS, strict=True):
        axes[1, 2].plot(epoch, values, color=colour, label=name)
    axes[1, 2].set(xlabel="epoch", ylim=(0, 0.3), title="error against\nthe curve, mean")
    axes[1, 2].legend(frameon=True)
    for place, (name, colour) in enumerate(zip(errors, COLOURS, strict=True)):
        if place:
            axes[1, 3].plot(errors["nothing"], errors[name], "o", color=colour, label=name)
    top = 1.05 * max(values.max() for values in errors.values())
    axes[1, 3].plot([0, top], [0, top], ":", color="0.5")
    axes[1, 3].set(xlabel="error with nothing", ylabel="error with it", title="below the line:\nit helped")
    axes[1, 3].set(xlim=(0, top), ylim=(0, top))
    axes[1, 3].legend(frameon=True)
    figure.savefig(Path(output_dir) / "regularisation.png")
    for name in VARIANTS:
        if name != "nothing":
            assert fits[name].mean() > 1.2 * fits["nothing"].mean()  # the noise is fitted less,
            assert errors[name].mean() < 0.9 * errors["nothing"].mean()  # and the curve better


if __name__ == "__main__":
    main(*sys.argv[1:])

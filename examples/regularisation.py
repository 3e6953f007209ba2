"""Overfitting and what helps: L2, dropout and batch normalisation on a regression with few, noisy examples.

Run: python examples/regularisation.py [directory for the figures] [epochs]
"""

import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import graphc as g
from graphc import nn, train

x, t = g.symbol("x", shape=("n", 1)), g.symbol("t", shape=("n", 1))
UNITS = 50


def curve(position):
    return np.sin(2.5 * position) + 0.4 * position


def examples(count, seed, noise=0.35):
    rng = np.random.default_rng(seed)
    position = rng.uniform(-2, 2, (count, 1))
    return position, curve(position) + noise * rng.normal(size=position.shape)


def network(*between):
    """Two hidden layers, with something before each activation."""
    parts = []
    for _ in range(2):
        parts += [nn.Affine(UNITS, init=nn.he_normal), *between[:1], nn.ReLU, *between[1:]]
    model = nn.Model(nn.Sequential(*parts, nn.Affine(1)), x, seed=1)
    rng = np.random.default_rng(1)
    for key in model.parameters:  # joints spread over the inputs
        if key.startswith("affine1") and key.endswith("bias"):
            model.values[key][:] = rng.uniform(-2, 2, UNITS)
    return model


VARIANTS = {
    "nothing": (network, (), 0.0),
    "L2": (network, (), 1e-3),
    "dropout 20 %": (network, (lambda y: y, nn.Dropout(0.2)), 0.0),
    "batch normalisation": (network, (nn.BatchNorm(),), 0.0),
}


def main(output_dir=".", epochs="600"):
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    position, wanted = examples(30, seed=0)
    unseen, truth = examples(1000, seed=1, noise=0.0)
    grid = np.linspace(-2, 2, 300)[:, None]
    figure, axes = plt.subplots(2, 4, figsize=(14, 6), layout="constrained")
    errors = {}
    for column, (name, (build, between, strength)) in enumerate(VARIANTS.items()):
        model = build(*between)
        loss = nn.mean_squared_error(model.training_output, t)
        if strength:
            loss = loss + nn.l2(
                [w for key, w in model.parameters.items() if key.endswith("weight")], strength
            )
        history = train.fit(
            model, loss, {x: position, t: wanted}, optimiser=train.Adam(0.01), epochs=int(epochs), batch=15,
            schedule=train.Cosine(int(epochs)), validation={x: unseen, t: truth},
            metrics={"unseen": nn.mean_squared_error(model.output, t)},
        )  # fmt: skip
        fit = float(np.mean((model.predict(position) - wanted) ** 2))
        errors[name] = (fit, history[-1]["unseen"])
        print(f"{name:20s} on the examples {fit:.4f}, against the curve itself {history[-1]['unseen']:.4f}")
        above, below = axes[:, column]
        above.plot(grid, curve(grid), color="0.7", linewidth=3, label="curve")
        above.plot(position, wanted, "o", color="0.3", markersize=4, label="examples")
        above.plot(grid, model.predict(grid), color="#b34400", label="network")
        above.set(title=name, ylim=(-2.5, 2.5))
        below.semilogy(
            history.series("epoch"), history.series("loss"), color="#0a4f94", label="loss in training"
        )
        below.semilogy(
            history.series("epoch"),
            history.series("unseen"),
            color="#b34400",
            label="error against the curve",
        )
        below.set(xlabel="epoch", ylim=(1e-3, 3))
    for axis in axes[:, 0]:
        axis.legend(frameon=False, fontsize=9)
    figure.savefig(Path(output_dir) / "regularisation.png", dpi=110)
    plt.close(figure)
    # with 2,701 parameters for 30 examples the noise is learned; what holds back fits them less
    assert errors["nothing"][0] < min(errors[name][0] for name in ("L2", "dropout 20 %"))
    assert min(errors[name][1] for name in ("L2", "dropout 20 %")) < errors["nothing"][1]


if __name__ == "__main__":
    main(*sys.argv[1:])

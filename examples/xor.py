"""XOR: one unit cannot, two hidden units can.

A single unit cuts the plane along a line, and no line parts {00, 11} from {01, 10}. Under the logistic loss the weights 0, which
answer nothing, are its global minimum: the loss is convex in them, and its gradient there is 0. With two hidden units the
solution can be written down, x₁ ⊕ x₂ = H(x₁ + x₂ − ½) − H(x₁ + x₂ − 3/2), or found by gradient descent from some starts, though
not from all.

Run: python examples/xor.py [directory for the figure]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import graphc as g
from graphc import nn, train

plt.style.use("graphc.viz.slides")

POINTS = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
SIGNS = np.array([-1.0, 1, 1, -1])
x, y = g.symbol("x", shape=("n", 2)), g.symbol("y", shape=("n",))


def one_unit():
    """(loss, model) of the best single unit: Newton's matrix is positive definite and the gradient at 0 vanishes."""
    w, b = g.symbol("w", shape=2), g.symbol("b")
    loss = nn.logistic(x @ w + b, y)
    at = {x: POINTS, y: SIGNS, w: np.zeros(2), b: 0.0}
    assert all((d == 0).all() for d in map(np.asarray, g.evaluate(g.grad(loss, [w, b]), at)))
    (ww, wb), (bw, bb) = (g.evaluate(row, at) for row in g.hessian(loss, [w, b]))
    curvature = np.block([[ww, wb[:, None]], [bw[None], np.array([[bb]])]])
    assert (np.linalg.eigvalsh(curvature) > 0).all() and g.evaluate(loss, at) == np.log(2)
    model = train.Parameters({w: [1.0, -2.0], b: 0.5})
    history = train.fit(model, loss, {x: POINTS, y: SIGNS}, optimiser=train.SGD(1.0), epochs=400, batch=None)
    assert abs(history[-1]["loss"] - np.log(2)) < 1e-6  # it comes back to answering nothing
    return history, lambda at: at @ model.values["w"] + model.values["b"]


def two_hidden(seed):
    layers = nn.Sequential(nn.Affine(2, init=nn.normal(1.0)), g.tanh, nn.Affine(1, init=nn.normal(1.0)))
    model = nn.Model(layers, x, seed=seed)
    loss = nn.logistic(model.output[:, 0], y)
    history = train.fit(model, loss, {x: POINTS, y: SIGNS}, optimiser=train.SGD(1.0), epochs=400, batch=None)
    return history, lambda at: model.predict(at)[:, 0]


def main(output_dir="."):
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    a, b = g.symbols("a b")
    step = lambda s: g.where(s > 0, 1.0, 0.0)
    written = step(a + b - 0.5) - step(a + b - 1.5)
    assert [g.evaluate(written, {a: p, b: q}) for p, q in POINTS] == [0, 1, 1, 0]

    single, score = one_unit()
    runs = [two_hidden(seed) for seed in range(20)]
    solved = sum((np.sign(f(POINTS)) == SIGNS).all() for _, f in runs)
    history, two = min(runs, key=lambda run: run[0][-1]["loss"])
    print(
        f"one unit: loss {single[-1]['loss']:.4f} = log 2; "
        f"two hidden units: {history[-1]['loss']:.4f}, {solved} of 20 starts solve it"
    )
    assert (np.sign(two(POINTS)) == SIGNS).all() and 10 <= solved < 20

    side = np.linspace(-0.5, 1.5, 101)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    figure, axes = plt.subplots(1, 3, figsize=(13, 5.2))
    parts = ((axes[0], score, "one unit: the best answer is none"), (axes[1], two, "two hidden units"))
    for axis, f, title in parts:
        field = np.tanh(f(grid).reshape(101, 101) / 2)
        axis.imshow(field, origin="lower", extent=(-0.5, 1.5, -0.5, 1.5), cmap="PuOr", vmin=-1.5, vmax=1.5)
        if np.abs(field).max() > 0.1:
            axis.contour(side, side, field, levels=[0], colors="black")
        for sign, mark, colour in ((-1, "o", "C1"), (1, "^", "#3b2a7a")):
            axis.plot(
                *POINTS[sign == SIGNS].T,
                mark,
                color=colour,
                markersize=13,
                markeredgecolor="white",
                label=f"x₁ ⊕ x₂ = {(1 + sign) // 2}",
            )
        axis.set(title=title, xlabel="x₁", ylabel="x₂", xticks=[0, 1], yticks=[0, 1])
    axes[0].legend(loc="center", frameon=True, framealpha=0.9)
    for other, _ in runs:
        axes[2].semilogy(other.series("loss"), color="C0", alpha=0.35)
    axes[2].semilogy(single.series("loss"), color="C1", linewidth=2.5, label="one unit")
    axes[2].plot([], [], color="C0", label="two hidden units, 20 starts")
    axes[2].axhline(np.log(2), color="0.5", linestyle="--", label="log 2")
    axes[2].set(xlabel="step", ylabel="logistic loss", title=f"{solved} of 20 starts solve it")
    axes[2].set_ylim(5e-4, 1.5)  # room for the legend
    axes[2].legend(loc="lower left")
    figure.savefig(Path(output_dir) / "xor.png")


if __name__ == "__main__":
    main(*sys.argv[1:])

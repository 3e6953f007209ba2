"""Sigmoids approach every continuous function (Cybenko, Hornik): steps put side by side, and why polynomials are no activation.

A steep sigmoid is a step, and a sum of n steps whose heights are the differences of f follows f on [0, 1]. Any function with two
different limits does: logistic, tanh, arctan. What cannot is a polynomial: a network of units of degree p is a polynomial of
degree p, however many units there are (Leshno et al., 1993: exactly the polynomials fail).

Run: python examples/sigmoid_approximation.py [directory for the figure]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import graphc as g

plt.style.use("graphc.viz.slides")

x = g.symbol("x", shape=("n",))
f = lambda at: np.sin(7 * at) * at + 0.3 * np.cos(15 * at)
ACTIVATIONS = {
    "logistic": lambda z: g.sigmoid(z),
    "tanh": lambda z: (g.tanh(z) + 1) / 2,
    "arctan": lambda z: g.atan(np.pi * z) / np.pi + 0.5,
}


def steps(activation, units, steep):
    """f(0) + Σ (f(xᵢ) − f(xᵢ₋₁)) σ(steep · n · (x − between xᵢ₋₁ and xᵢ)): one hidden layer, written down."""
    places = np.linspace(0, 1, units + 1)
    middles, heights = (places[1:] + places[:-1]) / 2, np.diff(f(places))
    return f(0.0) + g.sum(activation(steep * units * (g.expand_dims(x, 1) - middles)) * heights, axis=1)


def best_cubic_network(units, position, wanted, seed):
    """The least error of a network with random inner weights and the activation z³, and the degree of what it can say."""
    rng = np.random.default_rng(seed)
    hidden = (g.expand_dims(x, 1) * rng.normal(size=units) + rng.normal(size=units)) ** 3
    columns = np.column_stack([np.ones_like(position), g.evaluate(hidden, {x: position})])
    weights, *_, sizes = np.linalg.lstsq(columns, wanted, rcond=1e-10)
    return np.abs(columns @ weights - wanted).max(), int(np.sum(sizes > 1e-10 * sizes[0]))


def main(output_dir="."):
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    grid = np.linspace(0, 1, 4001)
    wanted = f(grid)
    bend = np.abs(np.gradient(wanted, grid)).max()  # |f′| is at most this
    counts, errors = (5, 10, 20, 40, 80, 160), {}
    for name, activation in ACTIVATIONS.items():
        errors[name] = [np.abs(g.evaluate(steps(activation, n, 6), {x: grid}) - wanted).max() for n in counts]
        print(
            f"{name:9s} largest error by units:",
            {n: round(float(e), 4) for n, e in zip(counts, errors[name], strict=True)},
        )
    for name in ("logistic", "tanh"):  # whose tails vanish: no further from f than it changes over two steps
        assert all(e <= 2 * bend / n for n, e in zip(counts, errors[name], strict=True))
    assert all(e[-1] < e[0] / 8 for e in errors.values())
    cubic = [best_cubic_network(n, grid, wanted, 0) for n in counts]
    print(
        "z³        least error by units:  ",
        {n: round(float(e), 4) for n, (e, _) in zip(counts, cubic, strict=True)},
    )
    assert {rank for _, rank in cubic} == {4}  # 1, x, x², x³ and nothing else
    assert cubic[-1][0] > 0.9 * cubic[0][0]

    figure, axes = plt.subplots(1, 4, figsize=(16, 6.4))
    for axis, n, steep in zip(axes, (10, 40, 40), (40, 40, 6), strict=False):
        axis.plot(grid, wanted, color="0.7", linewidth=4, label="f")
        axis.plot(
            grid, g.evaluate(steps(g.sigmoid, n, steep), {x: grid}), color="C0", label="sum of sigmoids"
        )
        axis.set(
            xlabel="x", ylim=(-1.1, 1.3), title=f"{n} units, " + ("steep" if steep > 10 else "less steep")
        )
    axes[0].legend(loc="upper right")
    for (name, values), colour in zip(errors.items(), ("C0", "C3", "C2"), strict=True):
        axes[3].loglog(counts, values, "o-", color=colour, label=name)
    axes[3].loglog(counts, [e for e, _ in cubic], "s-", color="C1", label="z³, the best there is")
    axes[3].set(xlabel="hidden units", ylabel="largest error", title="more units help, but not z³")
    axes[3].legend()
    figure.savefig(Path(output_dir) / "sigmoid_approximation.png")


if __name__ == "__main__":
    main(*sys.argv[1:])

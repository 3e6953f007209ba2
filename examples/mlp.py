"""A network of K hidden layers with widths D₁ … D_K, as one formula: drawn with its shapes, differentiated, compiled.

    h₀ = x        h₍ₖ₊₁₎ = a(βₖ + Ωₖ hₖ)        y = β_K + Ω_K h_K

One sample is written down; `vmap` makes it a batch of any size. The loss is the mean squared error on a curve, and a step of
gradient descent on all Ωₖ and βₖ is one compiled call that writes them in place.

Run: python examples/mlp.py [directory for the figures]
"""

import sys
from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import graphc as g

plt.style.use("graphc.viz.slides")

WIDTHS = (1, 8, 6, 1)  # D₀ inputs, the hidden widths D₁ and D₂, and the output


def network(widths, activation=g.tanh):
    """(function of one sample, its parameters Ω₀, β₀, Ω₁, …)"""
    layers = [
        (g.symbol(f"Ω{k}", shape=(wide, before)), g.symbol(f"β{k}", shape=wide))
        for k, (before, wide) in enumerate(pairwise(widths))
    ]

    def f(h):
        for k, (omega, beta) in enumerate(layers):
            with g.scope(f"layer {k}"):
                h = beta + omega @ h
                h = activation(h) if k < len(layers) - 1 else h
        return h

    return f, [parameter for layer in layers for parameter in layer]


def by_hand(x, parameters):
    """The same with plain loops, one sample at a time."""
    results = []
    for h in x:
        for k in range(0, len(parameters), 2):
            omega, beta = parameters[k], parameters[k + 1]
            rows = [beta[i] + sum(omega[i, j] * h[j] for j in range(len(h))) for i in range(len(beta))]
            h = [np.tanh(row) for row in rows] if k < len(parameters) - 2 else rows
        results.append(h)
    return np.array(results)


def main(output_dir=".", steps=3000):
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    f, parameters = network(WIDTHS)
    x = g.symbol("x", shape=WIDTHS[0])
    X, T = g.symbol("X", shape=("n", WIDTHS[0])), g.symbol("T", shape=("n", WIDTHS[-1]))
    Y = g.vmap(f)(X)
    loss = g.mean((Y - T) ** 2)
    print(
        f"{sum(int(np.prod(p.shape)) for p in parameters)} parameters; the graph has {len(g.Graph(loss))} nodes"
    )

    rng = np.random.default_rng(1)
    weights = [
        rng.normal(size=p.shape) / np.sqrt(p.shape[-1]) if len(p.shape) == 2 else np.zeros(p.shape)
        for p in parameters
    ]
    position = np.linspace(-2, 2, 64)[:, None]
    target = np.sin(2 * position) + 0.3 * position

    predict = g.compile(Y, [X, *parameters])
    start = predict(position, *weights)
    assert np.allclose(start, by_hand(position, weights), rtol=0, atol=1e-14)

    # Every partial derivative of the loss on three samples, against differences in many digits.
    few = {
        "X": position[:3],
        "T": target[:3],
        **{p.name: w for p, w in zip(parameters, weights, strict=True)},
    }
    assert g.check_grad(loss, few, wrt=parameters[-2:])

    rate = 0.03
    gradients = g.grad(loss, parameters)
    step = g.compile(
        loss,
        [X, T, *parameters],
        updates={p: p - rate * d for p, d in zip(parameters, gradients, strict=True)},
    )
    losses = [step(position, target, *weights) for _ in range(int(steps))]
    print(f"loss {losses[0]:.4f} → {losses[-1]:.6f} in {len(losses)} steps")
    assert losses[-1] < losses[0] / 10

    g.draw(f(x)).save(Path(output_dir) / "mlp_graph.png")
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    left.semilogy(losses, color="C0")
    left.set(xlabel="step", ylabel="mean squared error")
    right.plot(position, target, "o", color="0.6", markersize=4, label="data")
    right.plot(position, start, ":", color="#bf4a00", label="start")
    right.plot(position, predict(position, *weights), color="C0", label="after training")
    right.legend()
    figure.savefig(Path(output_dir) / "mlp.png")


if __name__ == "__main__":
    main(*sys.argv[1:])

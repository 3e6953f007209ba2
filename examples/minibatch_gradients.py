"""Gradients of mini-batches: on average the gradient of all examples, with a variance that falls as 1/k.

For k examples drawn with replacement the mean of their gradients has the variance σ²/k, where σ² = mean ‖∇ℓᵢ − ∇L‖² over all
examples; drawn without replacement from N it is σ²/k · (N − k)/(N − 1), and 0 for the whole set. Four times the work halves the
error, so many cheap steps beat few exact ones, until at a fixed rate their noise keeps them from the bottom.

Run: python examples/minibatch_gradients.py [directory for the figure]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import graphc as g
from graphc import nn, train

plt.style.use("graphc.viz.slides")

x, t = g.symbol("x", shape=("n", 2)), g.symbol("t", shape=("n", 1))


def main(output_dir="."):
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    points = rng.normal(size=(512, 2))
    answers = np.sin(2 * points[:, :1]) * points[:, 1:] + 0.3 * rng.normal(size=(512, 1))
    layers = nn.Sequential(nn.Affine(16), g.tanh, nn.Affine(1))
    model = nn.Model(layers, x, seed=1)
    parameters, values = list(model.parameters.values()), list(model.values.values())
    # one gradient for each example, all in one compiled call
    cost = lambda at, wanted: g.sum((model(g.expand_dims(at, 0)) - wanted) ** 2)
    each = g.compile(
        g.vmap(lambda at, wanted: g.grad(cost(at, wanted), parameters))(x, t), [x, t, *parameters]
    )
    rows = np.concatenate([d.reshape(len(points), -1) for d in each(points, answers, *values)], axis=1)
    loss = nn.mean_squared_error(model.output, t)
    whole = np.concatenate(
        [
            d.ravel()
            for d in g.compile(g.grad(loss, parameters), [x, t, *parameters])(points, answers, *values)
        ]
    )
    assert np.allclose(rows.mean(axis=0), whole, rtol=0, atol=1e-13)

    sigma2 = np.mean(np.sum((rows - whole) ** 2, axis=1))
    sizes, draws, measured = 2 ** np.arange(10), 2000, {}
    for replace in (True, False):
        for k in sizes:
            batches = (
                rng.random((draws, 512)).argsort(axis=1)[:, :k]
                if not replace
                else rng.integers(0, 512, (draws, k))
            )
            errors = np.array([np.sum((rows[batch].mean(axis=0) - whole) ** 2) for batch in batches])
            expected = sigma2 / k * (1 if replace else (512 - k) / 511)
            measured[replace, int(k)] = errors.mean()
            assert abs(errors.mean() - expected) <= 5 * errors.std() / np.sqrt(draws) + 1e-24
    print(
        f"σ² = {sigma2:.3f}; variance of batches of 1, 4, 16, 64:",
        [round(float(measured[True, k]), 3) for k in (1, 4, 16, 64)],
    )

    # as many examples in every race: 40 epochs
    curves = {}
    for k in (4, 32, 512):
        model.initialise(1)
        history = train.fit(
            model, loss, {x: points, t: answers}, optimiser=train.SGD(0.1), epochs=40, batch=k
        )
        curves[k] = history.series("loss")
    # small batches are ahead while the way is clear; at a fixed rate their noise keeps them from the bottom in the end
    assert curves[4][9] < curves[32][9] < curves[512][9] and curves[32][-1] < curves[4][-1] < curves[512][-1]
    for epoch in (10, 40):
        print(
            f"loss after {epoch} epochs by batch size:",
            {k: round(curve[epoch - 1], 3) for k, curve in curves.items()},
        )

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    left.loglog(sizes, sigma2 / sizes, color="0.6", linewidth=4, label="σ²/k")
    left.loglog(sizes, [measured[True, k] for k in sizes], "o", color="C0", label="with replacement")
    left.loglog(sizes[:-1], [measured[False, k] for k in sizes[:-1]], "x", color="C1", label="without")
    left.set(xlabel="examples k in the batch", ylabel="variance of the gradient")
    left.legend()
    for (k, curve), colour in zip(curves.items(), ("C1", "C2", "C0"), strict=True):
        right.semilogy(range(1, 41), curve, color=colour, label=f"batches of {k}")
    right.set(xlabel="epoch: each example once", ylabel="mean squared error", title="the same rate 0.1")
    right.legend()
    figure.savefig(Path(output_dir) / "minibatch_gradients.png")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Why gradient descent does not find a parity of many bits: its gradient hardly depends on which parity is the target.

The target h_v(x) = (−1)^⟨v, x⟩ is one of 2ⁿ. For the squared error, what of the gradient at some weights depends on v is
E_x[h_v(x) ∇f(x)]: a Fourier coefficient of ∇f. Their squares add up to E_x‖∇f(x)‖² (Parseval), so over all v their mean is

    E_v ‖E_x[h_v ∇f]‖² = 2⁻ⁿ E_x ‖∇f(x)‖²

whatever the network (Shalev-Shwartz, Shamir and Shammah, 2017). With 32 bits that is 10⁻⁹ of what every gradient is made of, and
the few parities of one or two bits have nearly all of it: those of many bits have less than the mean.

Run: python examples/parity_gradients.py [directory for the figure] [steps of the trainings]
"""

import itertools
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import graphc as g
from graphc import nn, train

plt.style.use("graphc.viz.slides")

UNITS = 32


def network(bits, seed=0):
    x, t = g.symbol("x", shape=("n", bits)), g.symbol("t", shape=("n", 1))
    layers = nn.Sequential(nn.Affine(UNITS, init=nn.he_normal), nn.ReLU, nn.Affine(1))
    return x, t, nn.Model(layers, x, seed=seed)


def gradients(bits):
    """f(points, weights of the points) → Σ of weight · ∇f(point), as one vector; and (points) → mean ‖∇f‖²."""
    x, t, model = network(bits)
    parameters = list(model.parameters.values())
    weighted = g.compile(g.grad(g.sum(model.output * t), parameters), [x, t, *parameters])
    by_point = g.vmap(lambda at: g.grad(g.sum(model(g.expand_dims(at, 0))), parameters))(x)
    squares = g.compile(
        g.mean(sum(g.sum(d**2, axis=tuple(range(1, d.ndim))) for d in by_point)), [x, *parameters]
    )
    values = list(model.values.values())
    flat = lambda at, weights: np.concatenate([d.ravel() for d in weighted(at, weights[:, None], *values)])
    return flat, lambda at: squares(at, *values)


def exact(bits):
    """(mean over all 2ⁿ targets, by Parseval) of the squared norm of what depends on the target."""
    points = np.array(list(itertools.product((0.0, 1.0), repeat=bits)))
    signs = 1 - 2 * (points @ points.T % 2)  # a row for each target
    flat, squares = gradients(bits)
    norms = [np.sum((flat(2 * points - 1, row) / len(points)) ** 2) for row in signs]
    return np.mean(norms), squares(2 * points - 1) / 2**bits


def sampled(bits, targets=100, batch=4096):
    """The same for many bits: the product of two independent estimates for each target is right on average."""
    rng = np.random.default_rng(bits)
    flat, squares = gradients(bits)
    products, single = [], []
    for _ in range(targets):
        v = rng.integers(0, 2, bits)
        halves = []
        for _ in range(2):
            x = rng.integers(0, 2, (batch, bits))
            halves.append(flat(2.0 * x - 1, 1.0 - 2 * (x @ v % 2)) / batch)
        products.append(halves[0] @ halves[1])
        single.append(halves[0] @ halves[0])
    return np.mean(products), np.std(products) / np.sqrt(targets), np.mean(single), squares(2.0 * x - 1)


def learned(bits, steps):
    """The share of unseen points that is right after training on fresh examples in every step, after each tenth of them."""
    x, t, model = network(bits)
    rng = np.random.default_rng(1)
    v = np.zeros(bits)
    v[rng.permutation(bits)[: max(1, bits // 2)]] = 1
    draw = lambda count: (lambda at: (2 * at - 1, 1 - 2 * (at @ v % 2)[:, None]))(
        rng.integers(0, 2, (count, bits)).astype(float)
    )
    points, answers = draw(64 * steps)
    unseen, truth = draw(4000)
    loss = nn.mean_squared_error(model.output, t)
    train.fit(model, loss, {x: points, t: answers}, optimiser=train.Adam(0.01), epochs=1, batch=64)
    return np.mean(np.sign(model.predict(unseen)) == truth)


def main(output_dir=".", steps="3000"):
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    counts, found = range(2, 10), []
    for bits in counts:
        measured, parseval = exact(bits)
        assert abs(measured - parseval) <= 1e-12 * parseval  # the identity, over all targets and all points
        found.append(measured)
    many = {bits: sampled(bits) for bits in (16, 24, 32, 40)}
    print("bits  signal that depends on the target     2⁻ⁿ E‖∇f‖²     noise of 4,096 examples")
    for bits, (mean, error, noise, square) in many.items():
        print(f"{bits:4}  {mean:10.2e} ± {error:.1e}  {square / 2**bits:22.1e}  {noise:22.1e}")
        # the average over targets has heavy tails below 30 bits: a few parities of few bits have all of it
        assert bits < 30 or abs(mean - square / 2**bits) <= 5 * error
    assert many[32][3] / 2**32 < 1e-5 * many[32][2]  # drowned in the noise of any batch
    shares = {bits: learned(bits, int(steps)) for bits in (2, 4, 8, 32)}
    print("right on unseen points after training:", {bits: f"{share:.1%}" for bits, share in shares.items()})
    assert shares[2] == 1 and abs(shares[32] - 0.5) < 0.04
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.4), width_ratios=(3, 2))
    axes[0].semilogy(counts, found, "o", color="C0", label="over all targets, exact")
    axes[0].semilogy(list(many), [square / 2**bits for bits, (*_, square) in many.items()], "s-", color="C0",
                     markerfacecolor="none", label="2⁻ⁿ E‖∇f‖²")  # fmt: skip
    axes[0].semilogy(
        list(many),
        [noise for _, _, noise, _ in many.values()],
        "x-",
        color="C1",
        label="a batch of 4,096 examples:\nnoise of the sample",
    )
    axes[0].set(xlabel="bits", ylabel="squared norm", title="what of the gradient depends on the target")
    axes[0].legend()
    bars = axes[1].bar(
        [f"{bits} bits" for bits in shares], [100 * share for share in shares.values()], color="C0"
    )
    axes[1].bar_label(bars, fmt="%.0f")
    axes[1].axhline(50, color="0.4", linestyle="--")
    axes[1].set(ylabel="right on unseen points, %", ylim=(0, 110), title="after training (a coin: 50)")
    figure.savefig(Path(output_dir) / "parity_gradients.png")


if __name__ == "__main__":
    main(*sys.argv[1:])

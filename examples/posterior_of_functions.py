"""Weights by sampling: networks drawn from a prior, weighed by how well they fit, and the posterior of functions that they make.

200,000 networks of 1, 4 and 1 units are drawn at random. None is trained: each counts by its likelihood exp(−Σ (f(xᵢ) −
tᵢ)²/2σ²). The weighed mean is the prediction, and the weighed spread says where the data leave the function open: between and
beyond them. With more weights hardly a draw would fit, which is why it is done with gradients (hamiltonian_monte_carlo.py).

Run: python examples/posterior_of_functions.py [directory for the figure]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import graphc as g

plt.style.use("graphc.viz.slides")

UNITS, DRAWS, SIGMA = 4, 200_000, 0.15
at = g.symbol("x", shape=("n",))
a, b = g.symbol("a", shape=("m", UNITS)), g.symbol("b", shape=("m", UNITS))
c, d = g.symbol("c", shape=("m", UNITS)), g.symbol("d", shape=("m",))
# one network as it is written, and all of them at once
NETWORKS = g.vmap(lambda a, b, c, d: g.vmap(lambda x: c @ g.tanh(a * x + b) + d)(at))(a, b, c, d)
POSITIONS = np.array([-2.0, -1.6, -1.3, -1.0, 1.0, 1.3, 1.7])
TARGETS = np.array([-0.9, -0.65, -0.2, 0.15, 0.75, 0.9, 0.85])


def main(output_dir="."):
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    weights = [rng.normal(0, s, (DRAWS, UNITS)) for s in (1.5, 1.5, 0.8)] + [rng.normal(0, 0.5, DRAWS)]
    values = g.compile(NETWORKS, [at, a, b, c, d])
    log_likelihood = -np.sum((values(POSITIONS, *weights) - TARGETS) ** 2, axis=1) / (2 * SIGMA**2)
    share = np.exp(log_likelihood - log_likelihood.max())
    share /= share.sum()
    effective = 1 / np.sum(share**2)
    kept = share > 1e-9
    grid = np.linspace(-3, 3, 121)
    curves, share = values(grid, *(w[kept] for w in weights)), share[kept] / share[kept].sum()
    mean = share @ curves
    spread = np.sqrt(share @ (curves - mean) ** 2)
    prior = values(grid, *(w[:2000] for w in weights))
    beside = spread[np.searchsorted(grid, POSITIONS)].max()
    between, beyond = spread[np.abs(grid) < 0.3].mean(), spread[np.abs(grid) > 2.8].mean()
    print(f"{DRAWS:,} networks, as good as {effective:.0f} draws from the posterior")
    print(
        f"spread: at the data at most {beside:.3f}, in the gap {between:.3f}, beyond {beyond:.3f}; "
        f"of the prior {prior.std(axis=0).mean():.2f}"
    )
    assert effective > 50
    assert beside < min(between, beyond) and max(between, beyond) < prior.std(axis=0).mean() / 2
    assert np.sqrt(np.mean((np.interp(POSITIONS, grid, mean) - TARGETS) ** 2)) < SIGMA
    # the same weights by plain sums, for a few networks
    few = [w[:5] for w in weights]
    by_hand = (
        np.einsum("mu,mun->mn", few[2], np.tanh(few[0][:, :, None] * grid + few[1][:, :, None]))
        + few[3][:, None]
    )
    assert np.allclose(values(grid, *few), by_hand, rtol=0, atol=1e-14)

    figure, axes = plt.subplots(1, 3, figsize=(14, 5.6), sharey=True)
    axes[0].plot(grid, prior[:60].T, color="C2", alpha=0.4)
    axes[0].set_title("prior: networks\nwith random weights")
    for curve in curves[rng.choice(len(curves), 60, p=share)]:
        axes[1].plot(grid, curve, color="C0", alpha=0.3)
    axes[1].set_title("posterior: drawn\nby their likelihood")
    for sigmas, alpha in ((2, 0.2), (1, 0.35)):
        axes[2].fill_between(
            grid, mean - sigmas * spread, mean + sigmas * spread, color="C0", alpha=alpha, linewidth=0
        )
    axes[2].plot(grid, mean, color="C0")
    axes[2].set_title("mean, and one and two\nstandard deviations")
    for axis in axes:
        axis.errorbar(POSITIONS, TARGETS, SIGMA, fmt="o", color="C1", markersize=5)
        axis.set(xlabel="x", ylim=(-3, 3))
    figure.savefig(Path(output_dir) / "posterior_of_functions.png")


if __name__ == "__main__":
    main(*sys.argv[1:])

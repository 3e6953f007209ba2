"""The rate: too small, right, too large; and with noise: fixed, or halved.

On a parabola of curvature λ a step of gradient descent multiplies the distance to the minimum by 1 − ηλ: it creeps for small η,
arrives at once for η = 1/λ, swings from side to side above, and for η > 2/λ runs away. With noisy gradients a fixed rate ends in
a cloud of variance ησ²/(λ(2 − ηλ)); a rate that is halved again and again goes on to the minimum.

Run: python examples/learning_rates.py [directory for the figure]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import graphc as g

plt.style.use("graphc.viz.slides")

LAMBDA = 2.0
w, noise, rate = g.symbols("w noise rate")
LOSS = LAMBDA / 2 * w**2
STEP = g.compile(w - rate * (g.grad(LOSS, w) + noise), [w, rate, noise])


def path(start, rates, noises=None):
    at, found = start, [start]
    for k, r in enumerate(rates):
        at = STEP(at, r, np.zeros_like(start) if noises is None else noises[k])
        found.append(at)
    return np.array(found)


def main(output_dir="."):
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    figure, axes = plt.subplots(1, 3, figsize=(14, 5.6))
    grid = np.linspace(-2.4, 2.4, 100)
    axes[0].plot(grid, LAMBDA / 2 * grid**2, color="0.75", linewidth=3)
    colours = ("C2", "C0", "C3", "C1")
    names = ("creeps", "at once", "swings", "runs away")
    for r, name, colour in zip((0.05, 0.5, 0.9, 1.04), names, colours, strict=True):
        found = path(2.0, [r] * 12)
        wanted = 2.0 * (1 - r * LAMBDA) ** np.arange(13)
        assert np.allclose(found, wanted, rtol=1e-12, atol=1e-15)
        if name != "at once":
            few = found[:5]
            axes[0].plot(few, LAMBDA / 2 * few**2 + 0.02, "o-", color=colour, label=f"η = {r:g}: {name}")
        axes[1].semilogy(np.maximum(np.abs(found), 1e-6), "o-", color=colour, label=f"η = {r:g}: {name}")
    axes[0].set(xlabel="w", ylabel="loss", ylim=(-0.4, 11), title="four steps from w = 2")
    axes[0].legend(loc="upper center")
    axes[1].axhline(2, color="0.7", linestyle=":")
    axes[1].set(
        xlabel="step", ylabel="|w|, 0 shown as 10⁻⁶", title="(1 − ηλ)ᵏ, λ = 2:\ntoo large above η = 1"
    )
    axes[1].legend()

    rng = np.random.default_rng(0)
    steps, runs = 400, 4000
    shaken = rng.normal(size=(steps, runs))
    schedules = {
        "fixed, η = 0.4": np.full(steps, 0.4),
        "fixed, η = 0.05": np.full(steps, 0.05),
        "halved every 60 steps": 0.4 * 0.5 ** (np.arange(steps) // 60),
    }
    ends = {}
    for (name, rates), colour in zip(schedules.items(), ("C1", "C2", "C0"), strict=True):
        found = np.mean(path(np.full(runs, 2.0), rates, shaken) ** 2, axis=1)
        ends[name] = found[-1]
        axes[2].semilogy(found, color=colour, label=name)
    for r in (0.4, 0.05):
        cloud = r / (LAMBDA * (2 - r * LAMBDA))
        assert abs(ends[f"fixed, η = {r:g}"] / cloud - 1) < 0.1  # of 4,000 runs: ±2 % or so
        axes[2].axhline(cloud, color="0.6", linestyle="--", linewidth=1)
    print(
        "mean square of w after 400 noisy steps:", {name: round(float(end), 5) for name, end in ends.items()}
    )
    assert ends["halved every 60 steps"] < ends["fixed, η = 0.05"] / 3 < ends["fixed, η = 0.4"]
    axes[2].set(xlabel="step", ylabel="mean of w²", title="noisy gradients, σ = 1\ndashed: ησ²/(λ(2 − ηλ))")
    axes[2].legend()
    figure.savefig(Path(output_dir) / "learning_rates.png")


if __name__ == "__main__":
    main(*sys.argv[1:])

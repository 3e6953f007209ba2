"""Double descent: beyond the number of examples the error falls again, if of all exact fits the shortest is taken.

Waves cos(kπx)/(1 + k) as features and a linear output, fitted by least squares to 40 noisy examples. With fewer features than
examples it is the classical picture, and at 40 of 40 the fit goes through every example with enormous weights. With more there
are many exact fits; the pseudoinverse gives the one of least norm, which grows smaller, and smoother, with every feature to
choose from. It does not always end below the classical valley: here it comes back to about three times its error.

Run: python examples/double_descent.py [directory for the figure] [repetitions]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import graphc as g

plt.style.use("graphc.viz.slides")

EXAMPLES = 40
COUNTS = (2, 5, 10, 20, 30, 40, 50, 60, 80, 120, 200, 400)


def fitted(count):
    """The values on a grid, on the examples, and the norm of the weights, for that many features."""
    x, t, grid = (
        g.symbol("x", shape=(EXAMPLES,)),
        g.symbol("t", shape=(EXAMPLES,)),
        g.symbol("grid", shape=("n",)),
    )
    features = lambda at: g.cos(np.pi * g.expand_dims(at, 1) * np.arange(count)) / (1.0 + np.arange(count))
    weights = g.pinv(features(x)) @ t
    return g.compile([features(grid) @ weights, features(x) @ weights, g.norm(weights)], [x, t, grid])


def main(output_dir=".", repetitions="20"):
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    f = lambda x: np.sin(8 * x)
    grid = np.linspace(0.02, 0.98, 200)
    functions = {count: fitted(count) for count in COUNTS}
    errors, norms, fits, shown = [], [], [], {}
    for count, function in functions.items():
        runs = []
        for seed in range(int(repetitions)):
            rng = np.random.default_rng(seed)
            x = (np.arange(EXAMPLES) + 0.5 + 1.5 * (rng.random(EXAMPLES) - 0.5)) / EXAMPLES
            t = f(x) + 0.2 * rng.normal(size=EXAMPLES)
            curve, on, norm = function(x, t, grid)
            runs.append((np.mean((curve - f(grid)) ** 2), norm, np.mean((on - t) ** 2)))
            if seed == 0:
                shown[count] = curve, x, t
        error, norm, fit = np.median(runs, axis=0)
        errors.append(error)
        norms.append(norm)
        fits.append(fit)
        print(
            f"{count:4} features: error {error:10.4g}, on the examples {fit:8.1e}, norm of the weights {norm:8.3g}"
        )
    at = dict(zip(COUNTS, errors, strict=True))
    classical = min(error for count, error in at.items() if count < 30)
    assert max(at, key=at.get) == 40  # the peak is where features and examples are as many
    assert at[40] > 20 * classical and at[40] > 10 * at[400]
    assert norms[-1] < norms[COUNTS.index(40)] / 3

    figure, axes = plt.subplots(1, 4, figsize=(16, 6.4), width_ratios=(1.6, 1, 1, 1))
    axes[0].loglog(COUNTS, errors, "o-", color="C1", label="error against the truth")
    axes[0].loglog(COUNTS, norms, ":", color="C2", label="norm of the weights")
    axes[0].axvline(EXAMPLES, color="0.7", linestyle="--")
    axes[0].text(EXAMPLES * 1.15, min(errors), "as many features\nas examples")
    axes[0].set(xlabel="features", title=f"median of {repetitions} sets of examples")
    axes[0].legend(loc="upper right", bbox_to_anchor=(1, 0.75))
    for axis, count in zip(axes[1:], (5, 40, 400), strict=True):
        curve, x, t = shown[count]
        axis.plot(grid, f(grid), color="0.7", linewidth=3, label="truth")
        axis.plot(x, t, "o", color="0.3", markersize=4, label="examples")
        axis.plot(grid, curve, color="C1", label="fit")
        axis.set(ylim=(-2, 2), xlabel="x", title=f"{count} features")
    axes[1].legend(loc="lower right")
    figure.savefig(Path(output_dir) / "double_descent.png")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""True and empirical risk, under- and overfitting, bias and variance: polynomials fitted to 15 noisy examples, 300 times anew.

The empirical risk, on the examples themselves, falls with every further power. The true risk, on fresh examples, falls and rises
again. It is a sum of three parts, and only the noise σ² does not depend on the model:

    E (f_D(x) − y)²  =  (E f_D(x) − f(x))²  +  E (f_D(x) − E f_D(x))²  +  σ²       bias² + variance + noise

Run: python examples/bias_and_variance.py [directory for the figure]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import graphc as g

plt.style.use("graphc.viz.slides")

EXAMPLES, SETS, NOISE = 15, 300, 0.3
f = lambda x: np.sin(3 * x)


def fitted(degree):
    """f(position, answers, grid) → the values at the examples and on the grid of the polynomial of least squared error."""
    x, t, grid = (
        g.symbol("x", shape=(EXAMPLES,)),
        g.symbol("t", shape=(EXAMPLES,)),
        g.symbol("grid", shape=("n",)),
    )
    legendre = lambda at: g.stack(*[g.eval_legendre(power, at) for power in range(degree + 1)], axis=1)
    weights = g.lstsq(legendre(x), t).x
    return g.compile([legendre(x) @ weights, legendre(grid) @ weights], [x, t, grid])


def main(output_dir="."):
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    position = np.cos(np.pi * (rng.random((SETS, EXAMPLES)) + np.arange(EXAMPLES)) / EXAMPLES)
    answers = f(position) + NOISE * rng.normal(size=position.shape)
    grid = np.linspace(-0.98, 0.98, 99)
    fresh = f(grid) + NOISE * rng.normal(size=(SETS, len(grid)))
    degrees, shown, rows = range(12), {}, []
    for degree in degrees:
        fit = fitted(degree)
        pairs = [fit(x, t, grid) for x, t in zip(position, answers, strict=True)]
        curves = np.array([curve for _, curve in pairs])
        empirical = np.mean([(on - t) ** 2 for (on, _), t in zip(pairs, answers, strict=True)])
        bias = np.mean((curves.mean(axis=0) - f(grid)) ** 2)
        variance = np.mean(curves.var(axis=0))
        rows.append((empirical, np.mean((curves - fresh) ** 2), bias, variance))
        # without noise the decomposition is an identity of these samples
        assert abs(np.mean((curves - f(grid)) ** 2) - bias - variance) <= 1e-12
        if degree in (1, 3, 11):
            shown[degree] = curves
    empirical, true, bias, variance = np.array(rows).T
    for degree in degrees:
        print(f"degree {degree:2}: empirical {empirical[degree]:.3f}, true {true[degree]:.3f} = "
              f"bias² {bias[degree]:.3f} + variance {variance[degree]:.3f} + noise {NOISE**2:.3f}")  # fmt: skip
    best = int(true.argmin())
    assert (np.diff(empirical) <= 1e-12).all()  # more freedom never fits the examples worse
    assert 3 <= best <= 6 and true[0] > 2 * true[best] and true[-1] > 1.5 * true[best]
    assert np.abs(true - bias - variance - NOISE**2).max() < 0.03 and empirical[-1] < NOISE**2 / 2

    figure, axes = plt.subplots(1, 4, figsize=(16, 6.4), width_ratios=(1, 1, 1, 1.5))
    for axis, (degree, curves) in zip(axes, shown.items(), strict=False):
        axis.plot(grid, curves[:40].T, color="C0", alpha=0.15)
        axis.plot(grid, f(grid), color="black", label="the truth")
        axis.plot(grid, curves.mean(axis=0), "--", color="C1", label="mean of all fits")
        text = {1: "underfits:\nbias", 3: "is about right:\nlittle of both", 11: "overfits:\nvariance"}[
            degree
        ]
        axis.set(title=f"degree {degree} {text}", ylim=(-2, 2), xlabel="x")
    axes[0].legend(loc="lower right")
    for values, name, style in (
        (empirical, "empirical risk", "o-"),
        (true, "true risk", "o-"),
        (bias, "bias²", "--"),
        (variance, "variance", "--"),
    ):
        colour = {"empirical risk": "C0", "true risk": "C1", "bias²": "C3", "variance": "C4"}[name]
        axes[3].semilogy(degrees, values, style, color=colour, label=name)
    axes[3].axhline(NOISE**2, color="0.6", linestyle=":", label="noise σ²")
    axes[3].set(
        xlabel="degree of the polynomial", ylim=(1e-6, 3), title=f"the true risk is least at degree {best}"
    )
    axes[3].legend(ncols=2, loc="lower right")
    figure.savefig(Path(output_dir) / "bias_and_variance.png")


if __name__ == "__main__":
    main(*sys.argv[1:])

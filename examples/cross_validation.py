"""k-fold validation: every example is held out once, so few examples choose a model better than one split does.

The strength of L2 for a polynomial of degree 12 on 30 noisy examples is chosen by one split (24 to fit, 6 to validate), by 5
folds, or by leaving out one at a time. For ridge regression the last needs no second fit: the error without example i is that
with it divided by 1 − Hᵢᵢ, H = X(XᵀX + λI)⁻¹Xᵀ, which is checked here against fitting 30 times.

Run: python examples/cross_validation.py [directory for the figure]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import graphc as g

plt.style.use("graphc.viz.slides")

COUNT, DEGREE, NOISE = 30, 12, 0.5
STRENGTHS = np.geomspace(1e-2, 30, 15)
f = lambda x: np.sin(3 * x)
X, t, lam = g.symbol("X", shape=("n", DEGREE + 1)), g.symbol("t", shape=("n",)), g.symbol("lam")
X2 = g.symbol("X2", shape=("m", DEGREE + 1))
RIDGE = g.solve(X.T @ X + lam * g.eye(DEGREE + 1), X.T)
FIT = g.compile(X2 @ (RIDGE @ t), [X, t, X2, lam])
LEFT_OUT = g.compile((t - X @ (RIDGE @ t)) / (1 - g.diagonal(X @ RIDGE)), [X, t, lam])


def legendre(x):
    return np.polynomial.legendre.legvander(x, DEGREE)


def held_out(x, t, folds, strength):
    """The mean squared error on what each fit has not seen."""
    errors = np.empty(len(t))
    for part in folds:
        others = np.setdiff1d(np.arange(len(t)), part)
        errors[part] = FIT(legendre(x[others]), t[others], legendre(x[part]), strength) - t[part]
    return np.mean(np.concatenate([errors[part] for part in folds]) ** 2)


def main(output_dir="."):
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    grid = np.linspace(-1, 1, 200)
    risks, shown = {"one split": [], "5 folds": [], "leave one out": [], "the best there is": []}, None
    for seed in range(100):
        rng = np.random.default_rng(seed)
        x = rng.uniform(-1, 1, COUNT)
        answers = f(x) + NOISE * rng.normal(size=COUNT)
        folds = np.array_split(rng.permutation(COUNT), 5)
        curves = {
            "one split": [held_out(x, answers, folds[:1], s) for s in STRENGTHS],
            "5 folds": [held_out(x, answers, folds, s) for s in STRENGTHS],
            "leave one out": [np.mean(LEFT_OUT(legendre(x), answers, s) ** 2) for s in STRENGTHS],
            "the best there is": [
                np.mean((FIT(legendre(x), answers, legendre(grid), s) - f(grid)) ** 2) for s in STRENGTHS
            ],
        }
        for name, curve in curves.items():
            risks[name].append(curves["the best there is"][int(np.argmin(curve))])
        if seed == 0:
            one_by_one = [held_out(x, answers, np.arange(COUNT)[:, None], s) for s in STRENGTHS]
            assert np.allclose(one_by_one, curves["leave one out"], rtol=1e-8, atol=0)
            shown = x, answers, folds, curves
    means = {name: float(np.mean(values)) for name, values in risks.items()}
    print(
        "error against the truth of what is chosen, 100 sets of examples:",
        {name: round(m, 4) for name, m in means.items()},
    )
    assert means["5 folds"] < means["one split"] and means["leave one out"] < means["one split"]

    x, answers, folds, curves = shown
    colours = ("C1", "C0", "C3", "C2")
    figure, axes = plt.subplots(1, 3, figsize=(14, 5.6))
    order = np.argsort(x)
    for number, part in enumerate(folds):
        seen = np.isin(order, part)
        axes[0].scatter(
            np.arange(COUNT), np.full(COUNT, number), c=np.where(seen, "C1", "#cfd8e3"), s=46, marker="s"
        )
    axes[0].set(
        yticks=range(5),
        yticklabels=[f"fit {n + 1}" for n in range(5)],
        xlabel="example",
        title="5 folds: orange is held out",
    )
    axes[0].invert_yaxis()
    for (name, curve), colour in zip(curves.items(), colours, strict=True):
        if name != "the best there is":
            axes[1].loglog(STRENGTHS, curve, color=colour, label=name)
            axes[1].plot(STRENGTHS[np.argmin(curve)], min(curve), "o", color=colour)
    axes[1].loglog(
        STRENGTHS, np.array(curves["the best there is"]) + NOISE**2, "--", color="0.5", label="true risk"
    )
    axes[1].set(
        xlabel="strength λ of L2",
        ylabel="mean squared error held out",
        title="one set of examples,\nand what is chosen",
    )
    axes[1].legend()
    bars = axes[2].bar([name.replace(" ", "\n") for name in means], list(means.values()), color=colours)
    axes[2].bar_label(bars, fmt="%.3f")
    axes[2].margins(y=0.1)
    axes[2].set(ylabel="error against the truth", title="mean of 100 sets of examples")
    figure.savefig(Path(output_dir) / "cross_validation.png")


if __name__ == "__main__":
    main(*sys.argv[1:])

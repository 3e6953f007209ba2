"""The loss surface of a line: three models, each as a line through the data and as a point over the weights (θ₀, θ₁).

    y = θ₀ + θ₁ x       L(θ₀, θ₁) = Σ (θ₀ + θ₁ xᵢ − yᵢ)²

The surface is a bowl: its curvature, the Hessian, is the same everywhere, and where its gradient is 0 is the line of least
squares. The page can be played with: both weights are dragged, and line and loss follow.

Run: python examples/loss_surface.py [directory for the figures]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import graphc as g

plt.style.use("graphc.viz.slides")

x, y = g.symbol("x", shape=("n",)), g.symbol("y", shape=("n",))
t0, t1 = g.symbols("theta_0 theta_1")
LOSS = g.sum((t0 + t1 * x - y) ** 2)
X = np.array([0.03, 0.19, 0.34, 0.46, 0.78, 0.81, 1.08, 1.18, 1.39, 1.60, 1.65, 1.90])
Y = np.array([0.67, 0.85, 1.05, 1.00, 1.40, 1.50, 1.30, 1.54, 1.55, 1.68, 1.73, 1.60])


def main(output_dir="."):
    directory = Path(output_dir)
    directory.mkdir(parents=True, exist_ok=True)
    # the gradient is linear: one step of Newton from anywhere is the solution
    theta = g.symbol("theta", shape=2)
    loss = g.substitute(LOSS, {t0: theta[0], t1: theta[1]})
    newton = theta - g.solve(g.hessian(loss, theta), g.grad(loss, theta))
    best = g.evaluate(newton, {x: X, y: Y, theta: np.zeros(2)})
    assert np.allclose(best, np.polynomial.polynomial.polyfit(X, Y, 1), rtol=1e-12, atol=0)
    models = {"too steep": (0.2, 1.3), "too high": (1.6, 0.1), "least squares": tuple(best)}
    surface = g.compile(
        g.vmap(lambda a, b: g.substitute(LOSS, {t0: a, t1: b}))(
            g.symbol("a", shape=("m",)), g.symbol("b", shape=("m",))
        )
    )
    side0, side1 = np.linspace(0, 2, 101), np.linspace(-0.6, 1.6, 101)
    grid = np.stack(np.meshgrid(side0, side1), axis=-1).reshape(-1, 2)
    heights = surface(a=grid[:, 0], b=grid[:, 1], x=X, y=Y)
    by_hand = ((grid[:, :1] + grid[:, 1:] * X - Y) ** 2).sum(axis=1)
    assert np.allclose(heights, by_hand, rtol=1e-13, atol=0)
    losses = {name: float(g.evaluate(LOSS, {x: X, y: Y, t0: a, t1: b})) for name, (a, b) in models.items()}
    print("losses of three lines:", {name: round(value, 3) for name, value in losses.items()})
    assert min(losses, key=losses.get) == "least squares" and heights.min() >= losses["least squares"]

    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.8))
    left.plot(X, Y, "o", color="0.3", label="examples")
    shown = right.contourf(
        side0,
        side1,
        heights.reshape(101, 101),
        levels=np.linspace(0, np.sqrt(30), 25) ** 2,
        cmap="viridis",
        extend="max",
    )
    for (name, (a, b)), colour in zip(models.items(), ("C1", "C4", "C0"), strict=True):
        left.plot([0, 2], [a, a + 2 * b], color=colour, label=f"{name}: L = {losses[name]:.2f}")
        right.plot(a, b, "o", color=colour, markersize=12, markeredgecolor="white", markeredgewidth=2)
        side = "left" if a < 0.5 else "center"  # within the picture
        right.annotate(name, (a, b), (0, 12), textcoords="offset points", color="white", ha=side)
    for position, value in zip(X, Y, strict=True):  # what is squared and summed, for the worst of them
        left.plot([position, position], [value, 1.6 + 0.1 * position], ":", color="C4", linewidth=1)
    left.set(xlabel="x", ylabel="y", xlim=(0, 2), ylim=(0, 3), title="three lines in the data")
    left.legend(loc="upper left")
    right.set(xlabel="intercept θ₀", ylabel="slope θ₁", title="the same three over the weights")
    figure.colorbar(shown, ax=right, label="loss L", ticks=[0, 1, 5, 10, 20, 30])
    figure.savefig(directory / "loss_surface.png")

    at, examples = g.symbols("x_0 theta"), list(zip(X.tolist(), Y.tolist(), strict=True))
    sum_of = lambda a, b: sum((a + b * p - q) ** 2 for p, q in examples)
    line = t0 + t1 * at[0]
    bowl = {"range": (-0.6, 2), "ylim": (0, 30)}
    page = g.figure(
        g.plot(line, at[0], (0, 2), ylim=(0, 3), handles=[(0, t0), *examples], title="The line; drag its left end"),
        g.plot(sum_of(at[1], t1), at[1], **bowl, handles=[(t0, sum_of(t0, t1))], title="Loss over θ₀, with θ₁ as it is"),
        g.plot(sum_of(t0, at[1]), at[1], **bowl, handles=[(t1, sum_of(t0, t1))], title="Loss over θ₁; drag the points"),
        at={"theta_0": 0.2, "theta_1": 1.3}, title="The loss surface of a line",
    )  # fmt: skip
    page.save(directory / "loss_surface.html")


if __name__ == "__main__":
    main(*sys.argv[1:])

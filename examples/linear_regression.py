"""Linear regression on basis functions: the closed form beside gradient descent with compiled gradients.

The model y(x) = θᵀφ(x) = θ₀φ₀(x) + θ₁φ₁(x) is linear in θ, so the mean squared error over the data (xₙ, tₙ)

    E(θ) = 1/N Σₙ (tₙ − θᵀφ(xₙ))²

is a paraboloid with one minimum, where ΦᵀΦ θ = Φᵀt. Gradient descent walks there along

    ∇E(θ) = 1/N Σₙ −2 (tₙ − yₙ) φ(xₙ)

The slide writes the gradient of one sample as (t − y)φ. That leaves out the factor −2: its direction is that
of descent, and the 2 goes into the step size. Whoever *subtracts* (t − y)φ climbs.

Run: python examples/linear_regression.py [directory for the figures]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import graphc as g

plt.style.use("graphc.viz.slides")

x, t = g.symbols("x t")
theta = g.symbols("theta_0 theta_1")

PHI = (x, g.sin(2 * x))  # the basis functions φ₀(x), φ₁(x)
MODEL = theta[0] * PHI[0] + theta[1] * PHI[1]
LOSS = (t - MODEL) ** 2  # of one sample


def make_data(samples=60, seed=7):
    rng = np.random.default_rng(seed)
    position = rng.uniform(-2, 2, samples)
    return position, 0.8 * position - 1.1 * np.sin(2 * position) + rng.normal(0, 0.25, samples)


def descend(loss_and_gradient, position, target, rate, tolerance):
    """Steps against the mean gradient until it is shorter than `tolerance`: the path of θ, the last gradient."""
    path = [np.array([-1.5, 1.5])]
    while True:
        _, gradient = loss_and_gradient(position, target, *path[-1])
        mean = np.array([part.mean() for part in gradient])
        if np.linalg.norm(mean) < tolerance or len(path) > 10_000:
            return np.array(path), mean
        path.append(path[-1] - rate * mean)


def plot(path, best, loss_and_gradient, position, target, file):
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6))
    first, second = np.meshgrid(np.linspace(-2, 3.4, 121), np.linspace(-3.4, 2, 121))
    # one call: samples along the first axis, the two parameters along the others
    surface = loss_and_gradient(position[:, None, None], target[:, None, None], first, second)[0].mean(axis=0)
    levels = np.geomspace(surface.min() * 1.2, surface.max(), 14)
    contours = left.contour(first, second, surface, levels=levels, cmap="viridis")
    left.clabel(contours, contours.levels[7:-1], fontsize=10, fmt="%.2g")
    left.plot(*path.T, ".-", color="#bf4a00", label="gradient descent")
    left.plot(*best, "k*", markersize=13, label="closed form")
    left.set(xlabel="θ₀", ylabel="θ₁", title="mean squared error E(θ)", aspect="equal")
    left.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16))
    grid = np.linspace(-2.1, 2.1, 300)
    model = g.compile(MODEL, [x, *theta])
    right.plot(position, target, "o", color="0.6", markersize=4, label="data")
    right.plot(grid, model(grid, *path[0]), ":", color="#bf4a00", label="start")
    right.plot(grid, model(grid, *best), color="C0", label="θ₀ x + θ₁ sin 2x")
    right.set(xlabel="x", ylabel="t", title="the fit")
    right.legend(loc="upper center")
    figure.savefig(file)


def main(output_dir="."):
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    position, target = make_data()
    loss_and_gradient = g.compile(g.value_and_grad(LOSS, theta), [x, t, *theta])

    # The closed form: least squares on the design matrix Φ, the basis functions at the data as its columns.
    design = np.stack(g.compile(PHI, [x])(position), axis=1)
    best = np.linalg.lstsq(design, target, rcond=None)[0]

    # Gradient descent with the best fixed step for a quadratic, 2/(λ_min + λ_max) of its Hessian 2 ΦᵀΦ/N.
    smallest, largest = np.linalg.eigvalsh(2 * design.T @ design / len(position))
    path, gradient = descend(loss_and_gradient, position, target, 2 / (smallest + largest), tolerance=1e-12)
    left_over = np.linalg.norm(gradient)
    print(f"closed form       θ = {best}")
    print(f"gradient descent  θ = {path[-1]}  after {len(path) - 1} steps, |∇E| = {left_over:.1e}")

    # On a quadratic θ − θ* = H⁻¹∇E(θ): the gradient that is left bounds the distance.
    rounding = 100 * np.finfo(float).eps * largest / smallest  # of the closed form: eps times the condition
    assert np.linalg.norm(path[-1] - best) <= left_over / smallest + rounding

    # The compiled gradient of every sample is −2 (t − y) φ(x), not the slide's (t − y) φ(x).
    parts = np.stack(loss_and_gradient(position, target, *path[0])[1], axis=1)
    slide = (target - design @ path[0])[:, None] * design
    assert np.allclose(parts, -2 * slide, rtol=0, atol=16 * np.finfo(float).eps * np.abs(parts).max())

    plot(path, best, loss_and_gradient, position, target, Path(output_dir) / "linear_regression.png")


if __name__ == "__main__":
    main(*sys.argv[1:])

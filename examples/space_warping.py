"""What a layer does to the plane: a matrix turns, stretches and turns again; a nonlinearity bends what it gets.

    y = W x,  W = U S Vᵀ         tanh(S x) and ReLU(S x) for the scales 1 and 5

A grid of points is coloured by where it starts. With its singular values W is seen to do three plain things one after the other.

Run: python examples/space_warping.py [directory for the figure]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import graphc as g

plt.style.use("graphc.viz.slides")

W_AT = np.array([[0.19, 1.84], [-0.97, -0.93]])

SECOND = np.array([[1.2, 0.9], [0.8, 0.1]])
"""A second map, chosen here: its determinant is −0.6, so the plane is turned over, and one direction is squeezed to 0.36."""


def lattice(count=33, reach=2.0):
    """Points (n, 2) on a square, and colours by their place."""
    side = np.linspace(-reach, reach, count)
    points = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    unit = (points / reach + 1) / 2
    return points, np.stack([unit[:, 0], 0.35 + 0.3 * unit[:, 1], 1 - unit[:, 1]], axis=1)


def main(output_dir="."):
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    W, x, scale = g.symbol("W", shape=(2, 2)), g.symbol("x", shape=2), g.symbol("s")
    X = g.symbol("X", shape=("n", 2))

    # One point is mapped; vmap makes it a map of all of them.
    linear = g.compile(g.vmap(lambda x: W @ x)(X), [W, X])
    warps = {
        "tanh": g.compile(g.vmap(lambda x: g.tanh(scale * x))(X), [scale, X]),
        "ReLU": g.compile(g.vmap(lambda x: g.relu(scale * x))(X), [scale, X]),
    }
    U, S, Vh = g.compile(tuple(g.svd(W)), [W])(W_AT)
    print(f"singular values {S}\nU =\n{U}\nVᵀ =\n{Vh}")

    # Turn by Vᵀ, stretch by S, turn by U: the same map, up to rounding.
    points, colours = lattice()
    mapped = linear(W_AT, points)
    assert np.allclose(mapped, points @ W_AT.T, rtol=0, atol=1e-15)
    assert np.allclose(linear(U, S * linear(Vh, points)), mapped, rtol=0, atol=1e-14)
    assert np.allclose(U @ np.diag(S) @ Vh, W_AT, rtol=0, atol=1e-15)
    assert np.allclose(S[0] * S[1], abs(g.evaluate(g.det(W), {"W": W_AT})), rtol=1e-15, atol=0)
    # areas grow by |det W|: the Jacobian of the map is W everywhere
    assert np.array_equal(g.evaluate(g.jacobian(W @ x, x), {"W": W_AT, "x": np.ones(2)}), W_AT)

    # A second map turns the plane over: det W < 0, and U and Vᵀ cannot both be turns.
    U2, S2, Vh2 = g.compile(tuple(g.svd(W)), [W])(SECOND)
    second = linear(SECOND, points)
    assert np.allclose(linear(U2, S2 * linear(Vh2, points)), second, rtol=0, atol=1e-14)
    assert np.isclose(np.linalg.det(U2) * np.linalg.det(Vh2), -1) and np.isclose(np.prod(S2), 0.6)
    print(f"second map: singular values {S2}, determinant {np.linalg.det(SECOND):.2f}")
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1.0]])
    areas = [0.5 * np.sum(c[:, 0] * np.roll(c[:, 1], -1) - np.roll(c[:, 0], -1) * c[:, 1])
             for c in (corners, linear(W_AT, corners), linear(SECOND, corners))]  # fmt: skip
    assert np.allclose(np.divide(areas[1:], areas[0]), [np.linalg.det(W_AT), np.linalg.det(SECOND)])

    # Steeper is flatter: at scale 5 tanh pushes most points to the border of the square, ReLU folds three quarters of them away.
    bent = {(name, s): f(float(s), points) for name, f in warps.items() for s in (1, 5)}
    for (name, s), found in bent.items():
        wanted = np.tanh(s * points) if name == "tanh" else np.maximum(s * points, 0)
        assert np.allclose(found, wanted, rtol=0, atol=1e-14)
    at_border = {s: np.mean(np.abs(bent["tanh", s]).max(axis=1) > 0.99) for s in (1, 5)}
    print(f"points within 0.01 of the border: {at_border[1]:.0%} at scale 1, {at_border[5]:.0%} at scale 5")
    assert at_border[1] < 0.05 and at_border[5] > 0.7

    # an orthogonal matrix of determinant −1 is a turn and a mirror: the decomposition is free to use two that cancel
    how = lambda matrix: "turned" if np.linalg.det(matrix) > 0 else "turned and mirrored"
    figure, axes = plt.subplots(3, 4, figsize=(14, 9.6))
    shown = [
        (points, "x"),
        (linear(Vh, points), f"Vᵀ x:\n{how(Vh)}"),
        (S * linear(Vh, points), f"S Vᵀ x: stretched\nby {S[0]:.2f} and {S[1]:.2f}"),
        (mapped, f"W x = U S Vᵀ x:\n{how(U)}"),
        (points, "x"),
        (linear(Vh2, points), f"a second map, Vᵀ x:\n{how(Vh2)}"),
        (S2 * linear(Vh2, points), f"S Vᵀ x: stretched\nby {S2[0]:.2f} and {S2[1]:.2f}"),
        (second, f"W x = U S Vᵀ x:\n{how(U2)}"),
        *((found, f"{name}({s} x)") for (name, s), found in bent.items()),
    ]
    for plot, (where, title) in zip(axes.flat, shown, strict=True):
        plot.scatter(*where.T, c=colours, s=7)
        plot.axhline(0, color="0.7", linewidth=0.5)
        plot.axvline(0, color="0.7", linewidth=0.5)
        plot.set(title=title, aspect="equal")
    figure.savefig(Path(output_dir) / "space_warping.png")


if __name__ == "__main__":
    main(*sys.argv[1:])

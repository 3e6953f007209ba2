"""Newton's fractal: which root of z³ = 1 Newton's method ends at, and in how many steps, from every point of the plane.

The method is a `while_loop` of one starting point, with the number of steps among what it carries; `g.vmap` makes it one of a
whole picture, which runs until the last point has arrived.

Run: python examples/newton_fractal.py [directory for the figure] [pixels along each side]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import graphc as g

plt.style.use("graphc.viz.slides")

MOST = 60


def newton(x, y):
    """Where a point x + iy ends, and after how many steps: z − (z³ − 1)/(3z²), in real numbers."""

    def step(state):
        x, y, steps = state
        square = (x * x + y * y) ** 2
        return (2 * x + (x * x - y * y) / square) / 3, (2 * y - 2 * x * y / square) / 3, steps + 1

    def away(state):
        x, y, _ = state
        return (x**3 - 3 * x * y * y - 1) ** 2 + (3 * x * x * y - y**3) ** 2 > 1e-20

    return g.while_loop(away, step, (x, y, 0), max_steps=MOST)


def main(directory=".", pixels="400"):
    Path(directory).mkdir(parents=True, exist_ok=True)
    side = np.linspace(-1.5, 1.5, int(pixels))
    x, y = (part.ravel() for part in np.meshgrid(side + 1e-9, side + 1e-9))
    X, Y = g.symbol("x", shape="n"), g.symbol("y", shape="n")
    picture = g.compile(g.vmap(newton)(X, Y), [X, Y])
    ends_x, ends_y, steps = picture(x, y)
    roots = np.exp(2j * np.pi * np.arange(3) / 3)
    distances = np.abs((ends_x + 1j * ends_y)[:, None] - roots)
    which = distances.argmin(axis=1)
    arrived = steps < MOST
    assert arrived.mean() > 0.99 and distances.min(axis=1)[arrived].max() < 1e-9
    z = x[::97] + 1j * y[::97]
    for _ in range(MOST):  # in complex numbers, by NumPy
        z = np.where(np.abs(z**3 - 1) > 1e-10, z - (z**3 - 1) / (3 * z * z), z)
    same = np.abs(z[:, None] - roots).argmin(axis=1) == which[::97]
    assert same.mean() > 0.99  # on the edges the last digit decides
    print(f"{len(x)} points, {steps[arrived].mean():.1f} steps on average, {steps[arrived].max()} at most")

    hue = np.array([[0.85, 0.3, 0.25], [0.2, 0.55, 0.3], [0.2, 0.35, 0.75]])[which]
    light = 0.25 + 0.75 / (1 + 0.12 * np.minimum(steps, 25))
    plt.imsave(
        Path(directory) / "newton_fractal.png",
        (hue * light[:, None]).reshape(int(pixels), int(pixels), 3),
        origin="lower",
    )


if __name__ == "__main__":
    main(*sys.argv[1:3])

"""Optimal control of a Van der Pol oscillator by multiple shooting, by graphc and SciPy."""

import numpy as np

import graphc as g

N, h = 20, 0.5


def ode(x, u):
    return g.stack([(1 - x[1] ** 2) * x[0] - x[1] + u, x[0]])


def step(x, u):
    k1 = ode(x, u)
    k2 = ode(x + h / 2 * k1, u)
    k3 = ode(x + h / 2 * k2, u)
    k4 = ode(x + h * k3, u)
    return x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def run():
    X, U = g.symbol("X", shape=(N + 1, 2)), g.symbol("U", shape=N)
    found = g.minimize(
        g.sum(X**2) + g.sum(U**2),
        {X: np.zeros((N + 1, 2)), U: np.zeros(N)},
        [g.equal(X[1:], g.vmap(step)(X[:-1], U)), g.equal(X[0], np.array([0.0, 1.0])), X[:, 0] >= -0.25],
        bounds={U: (-0.75, 1.0)},
    )
    return {"cost": found.fun, "U": found.unknowns["U"], "X": found.unknowns["X"]}

"""A rocket sled is brought to rest at a place with least effort, by single shooting over an integrator, by graphc and SciPy."""

import numpy as np

import graphc as g

N, T = 10, 2.0


def ode(t, y, u):
    return g.stack([y[1], u - 0.3 * y[1] * g.abs(y[1]), u**2])


def interval(y, u):
    y = g.odeint(lambda t, y: ode(t, y, u), y, np.array([0.0, T / N]), method="rk4", steps=40)[-1]
    return y, y


def run():
    U = g.symbol("U", shape=N)
    end, _ = g.scan(interval, g.zeros(3), U)
    found = g.minimize(
        end[2], {U: np.zeros(N)}, [g.equal(end[:2], np.array([1.0, 0.0]))], bounds={U: (-2.5, 2.5)}
    )
    return {"effort": found.fun, "U": found.unknowns["U"]}

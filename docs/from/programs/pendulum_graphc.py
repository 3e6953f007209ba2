"""A double pendulum from its Lagrangian, by graphc and SciPy."""

import numpy as np
from scipy.integrate import solve_ivp

import graphc as g

gravity = 9.81
q, v = g.symbol("q", shape=2), g.symbol("v", shape=2)


def L(q, v):
    positions = lambda q: g.stack([g.cumsum(g.sin(q)), -g.cumsum(g.cos(q))])
    speeds = g.jvp(positions(q), q, v)
    return g.sum(speeds**2) / 2 - gravity * g.sum(positions(q)[1])


momentum = g.grad(L(q, v), v)
force = g.grad(L(q, v), q) - g.jvp(momentum, q, v)
acceleration = g.solve(g.hessian(L(q, v), v), force)
f = g.compile(acceleration, [q, v])


def change(_, y):
    return np.concatenate([y[2:], f(y[:2], y[2:])])


def run():
    times = np.linspace(0, 3, 7)
    path = solve_ivp(change, (0, 3), [2.0, 1.0, 0.0, 0.0], rtol=1e-11, atol=1e-11, t_eval=times)
    return {"angles": path.y[:2]}

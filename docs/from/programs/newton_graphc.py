"""Newton's method from many starts at once, with Hessians, a scan over the steps and vmap over the starts, by graphc."""

import numpy as np

import graphc as g

starts = np.random.default_rng(4).uniform(0.5, 1.5, (50, 3))
x = g.symbol("x", shape=("n", 3))


def f(x):
    return g.sum((x[1:] - x[:-1] ** 2) ** 2 * 5 + (1 - x[:-1]) ** 2)


def newton(x, _):
    H = g.hessian(f(x), x) + 1e-3 * g.eye(3)
    step = g.solve(H, g.grad(f(x), x))
    rate = g.where(f(x - step) < f(x), 1.0, 0.1)
    x = x - rate * step
    return x, f(x)


descend = g.compile(g.vmap(lambda x: g.scan(newton, x, length=25))(x), [x])


def run():
    ends, values = descend(starts)
    return {"ends": ends, "values": values}

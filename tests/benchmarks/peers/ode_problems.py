"""Differential equations, integrated by graphc, heyoka and SciPy with a right-hand side of Numba's.

    python -m tests.benchmarks.peers.ode_problems lorenz:graphc        (or :heyoka, :scipy)

Taylor's method to the last bit: `lorenz`, `outer` (Sun, four outer planets and Pluto over 1,000 years); by a pair of order 5 with
rtol 1e−8: `lorenz5`, `volterra5`. The equations and numbers of the outer solar system are those of heyoka's own
benchmark: Applegate and others, The outer solar system for 200 million years (1986).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.benchmarks.worker import serve

END = {"lorenz": 20.0, "outer": 1000.0, "lorenz5": 20.0, "volterra5": 50.0}
START = {"lorenz": [1.0, 1.0, 1.0], "lorenz5": [1.0, 1.0, 1.0], "volterra5": [1.0, 0.5]}

GRAVITY = (0.01720209895 * 365) ** 2
MASSES = np.array([1.00000597682, 1 / 1047.355, 1 / 3501.6, 1 / 22869.0, 1 / 19314.0, 7.4074074e-09])
PLACES = np.array([
    [-4.06428567034226e-3, -6.08813756435987e-3, -1.66162304225834e-6], [3.40546614227466, 3.62978190075864, 3.42386261766577e-2],
    [6.60801554403466, 6.38084674585064, -1.36145963724542e-1], [11.1636331405597, 16.0373479057256, 0.361783279369958],
    [-30.1777243405203, 1.91155314998064, -0.153887595621042], [-21.3858977531573, 32.0719104739886, 2.49245689556096],
])  # fmt: skip
SPEEDS = 365 * np.array([
    [6.69048890636161e-6, -6.33922479583593e-6, -3.13202145590767e-9],
    [-5.59797969310664e-3, 5.51815399480116e-3, -2.66711392865591e-6],
    [-4.17354020307064e-3, 3.99723751748116e-3, 1.67206320571441e-5],
    [-3.25884806151064e-3, 2.06438412905916e-3, -2.17699042180559e-5],
    [-2.17471785045538e-4, -3.11361111025884e-3, 3.58344705491441e-5],
    [-1.76936577252484e-3, -2.06720938381724e-3, 6.58091931493844e-4],
])  # fmt: skip


def lorenz(t: Any, y: Any) -> list[Any]:
    return [10.0 * (y[1] - y[0]), y[0] * (28.0 - y[2]) - y[1], y[0] * y[1] - 8 / 3 * y[2]]


def volterra(t: Any, y: Any) -> list[Any]:
    return [1.5 * y[0] - 0.9 * y[0] * y[1], 0.75 * y[0] * y[1] - 1.2 * y[1]]


def outer(t: Any, state: Any) -> list[Any]:
    """Six bodies as arrays of shape (3, 6): each pair once."""
    import graphc as g

    i, j = np.triu_indices(6, 1)
    shares = np.zeros((15, 6))
    shares[range(15), i], shares[range(15), j] = GRAVITY * MASSES[j], -GRAVITY * MASSES[i]
    x, v = state
    apart = x[:, j] - x[:, i]
    return [v, (apart * g.sum(apart * apart, axis=0) ** -1.5) @ shares]


SIDES = {"lorenz": lorenz, "lorenz5": lorenz, "volterra5": volterra, "outer": outer}


def by_graphc(name: str) -> Callable[[], Any]:
    import graphc as g

    if name == "outer":
        start: Any = [g.symbol("x", shape=(3, 6)), g.symbol("v", shape=(3, 6))]
        values: Any = [np.ascontiguousarray(PLACES.T), np.ascontiguousarray(SPEEDS.T)]
    else:
        start, values = [g.symbol(f"y{k}") for k in range(len(START[name]))], START[name]
    method = "dopri5" if name.endswith("5") else "taylor"
    y = g.odeint(
        SIDES[name],
        start,
        END[name],
        method=method,
        rtol=1e-8 if method == "dopri5" else None,
        max_steps=None,
    )
    f: Any = g.compile(y, start, cache=False)
    return lambda: np.ravel(f(*values)[0])


def by_heyoka(name: str) -> Callable[[], Any]:
    import heyoka as hy

    if name == "outer":
        system = hy.model.nbody(6, masses=list(MASSES), Gconst=GRAVITY)
        start = np.concatenate([PLACES, SPEEDS], axis=1).ravel()
    else:
        y = hy.make_vars(*[f"y{k}" for k in range(len(START[name]))])
        system, start = list(zip(y, SIDES[name](hy.time, y), strict=True)), np.array(START[name])
    integrator = hy.taylor_adaptive(system, list(start))

    def call() -> Any:
        integrator.time = 0.0
        integrator.state[:] = start
        integrator.propagate_until(END[name])
        return integrator.state

    return call


def by_scipy(name: str) -> Callable[[], Any]:
    import numba
    from scipy.integrate import solve_ivp

    side = numba.njit(SIDES[name])
    f = numba.njit(lambda t, y: np.array(side(t, y)))
    return lambda: solve_ivp(f, (0.0, END[name]), np.array(START[name]), rtol=1e-8, atol=1e-10).y[:, -1]


if __name__ == "__main__":
    problem, _, who = sys.argv[1].partition(":")
    build = {"graphc": by_graphc, "heyoka": by_heyoka, "scipy": by_scipy}[who]
    serve({sys.argv[1]: lambda: build(problem)}, report=lambda y: f"{np.ravel(y)[0]:.6g}")

"""A double pendulum from its Lagrangian, by SymPy and SciPy."""

import numpy as np
import sympy as sp
from scipy.integrate import solve_ivp

t, gravity = sp.Symbol("t"), 9.81
a, b = sp.Function("a")(t), sp.Function("b")(t)
q, v = sp.Matrix([a, b]), sp.Matrix([a, b]).diff(t)
x1, y1 = sp.sin(a), -sp.cos(a)
x2, y2 = x1 + sp.sin(b), y1 - sp.cos(b)
kinetic = (x1.diff(t) ** 2 + y1.diff(t) ** 2 + x2.diff(t) ** 2 + y2.diff(t) ** 2) / 2
L = kinetic - gravity * (y1 + y2)

equations = sp.Matrix([L.diff(speed).diff(t) - L.diff(place) for place, speed in zip(q, v, strict=True)])
accelerations = v.diff(t)
mass = equations.jacobian(accelerations)
rest = equations.subs(dict.fromkeys(accelerations, 0))
plain = dict(zip([*v, *q], sp.symbols("u w a b"), strict=True))
arguments = [plain[each] for each in [*q, *v]]
M, r = sp.lambdify(arguments, mass.subs(plain)), sp.lambdify(arguments, rest.subs(plain))


def change(_, y):
    return np.concatenate([y[2:], np.linalg.solve(M(*y), -r(*y))[:, 0]])


def run():
    times = np.linspace(0, 3, 7)
    path = solve_ivp(change, (0, 3), [2.0, 1.0, 0.0, 0.0], rtol=1e-11, atol=1e-11, t_eval=times)
    return {"angles": path.y[:2]}

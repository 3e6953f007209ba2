"""Optimal control of a Van der Pol oscillator by multiple shooting, by CasADi and IPOPT."""

import casadi as ca
import numpy as np

N, h = 20, 0.5
x, u = ca.MX.sym("x", 2), ca.MX.sym("u")
ode = ca.Function("ode", [x, u], [ca.vertcat((1 - x[1] ** 2) * x[0] - x[1] + u, x[0])])
k1 = ode(x, u)
k2 = ode(x + h / 2 * k1, u)
k3 = ode(x + h / 2 * k2, u)
k4 = ode(x + h * k3, u)
step = ca.Function("step", [x, u], [x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)])


def run():
    opti = ca.Opti()
    X, U = opti.variable(2, N + 1), opti.variable(1, N)
    opti.minimize(ca.sumsqr(X) + ca.sumsqr(U))
    opti.subject_to(X[:, 1:] == step.map(N)(X[:, :-1], U))
    opti.subject_to(X[:, 0] == [0, 1])
    opti.subject_to(opti.bounded(-0.75, U, 1))
    opti.subject_to(X[0, :] >= -0.25)
    opti.solver("ipopt", {"print_time": False}, {"print_level": 0, "bound_relax_factor": 0, "tol": 1e-12})
    found = opti.solve()
    return {"cost": found.value(opti.f), "U": np.asarray(found.value(U)), "X": np.asarray(found.value(X)).T}

"""A rocket sled is brought to rest at a place with least effort, by single shooting over an integrator, by CasADi and IPOPT."""

import casadi as ca
import numpy as np

N, T = 10, 2.0
x, u = ca.MX.sym("x", 2), ca.MX.sym("u")
dae = {"x": x, "p": u, "ode": ca.vertcat(x[1], u - 0.3 * x[1] * ca.fabs(x[1])), "quad": u**2}
options = {"abstol": 1e-11, "reltol": 1e-11}
F = ca.integrator("F", "cvodes", dae, 0, T / N, options)


def run():
    opti = ca.Opti()
    U = opti.variable(N)
    at, effort = ca.MX([0.0, 0.0]), 0
    for k in range(N):
        end = F(x0=at, p=U[k])
        at, effort = end["xf"], effort + end["qf"]
    opti.minimize(effort)
    opti.subject_to(at == ca.vertcat(1.0, 0.0))
    opti.subject_to(opti.bounded(-2.5, U, 2.5))
    opti.solver(
        "ipopt",
        {"print_time": False},
        {"print_level": 0, "tol": 1e-9, "hessian_approximation": "limited-memory"},
    )
    found = opti.solve()
    return {"effort": found.value(opti.f), "U": np.asarray(found.value(U))}

"""Hares and lynxes: the rates of a Lotka–Volterra system, found from noisy counts by the derivative of its solution.

The differential equation is integrated inside of the compiled function, with steps that its error chooses; the gradient of the
misfit by the four rates and the two numbers at the beginning is the derivative of those steps.

Run: python examples/lotka_volterra.py [directory for the figure]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import minimize

import graphc as g

plt.style.use("graphc.viz.slides")

RATES, START = np.array([0.55, 0.028, 0.026, 0.84]), np.array([30.0, 4.0])
YEARS = np.arange(0.0, 21.0)

logs = g.symbol("logs", shape=6)  # logarithms: of the four rates, then of the animals at the beginning
counts = g.symbol("counts", shape=(len(YEARS), 2))


def change(t, animals):
    """Hares are born and eaten, lynxes thrive on them and die."""
    birth, eaten, thrive, death = g.exp(logs[0]), g.exp(logs[1]), g.exp(logs[2]), g.exp(logs[3])
    hares, lynxes = animals[0], animals[1]
    return g.stack([birth * hares - eaten * hares * lynxes, thrive * hares * lynxes - death * lynxes])


def by_scipy(rates, start, times):
    birth, eaten, thrive, death = rates
    return solve_ivp(
        lambda t, y: [birth * y[0] - eaten * y[0] * y[1], thrive * y[0] * y[1] - death * y[1]],
        (times[0], times[-1]), start, t_eval=times, rtol=1e-10, atol=1e-10,
    ).y.T  # fmt: skip


def main(directory="."):
    Path(directory).mkdir(parents=True, exist_ok=True)
    path = g.odeint(change, g.exp(logs[4:]), YEARS, rtol=1e-8, atol=1e-8, max_steps=500)
    misfit = g.sum((g.log(path) - g.log(counts)) ** 2) / 2

    rng = np.random.default_rng(3)
    truth = by_scipy(RATES, START, YEARS)
    seen = truth * np.exp(0.12 * rng.normal(size=truth.shape))

    guess = np.log([0.4, 0.02, 0.02, 0.6, *seen[0]])
    f = g.compile([misfit, g.grad(misfit, logs)], [logs, counts])
    fit = minimize(f, guess, args=(seen,), jac=True, method="BFGS")
    best = np.exp(fit.x)
    print("rates", best[:4].round(3), "true", RATES, " start", best[4:].round(1), "true", START)
    assert np.abs(best[:4] / RATES - 1).max() < 0.15
    assert np.abs(fit.jac).max() < 1e-3 and fit.fun < f(guess, seen)[0] / 10
    fitted = g.compile(path, [logs])(fit.x)
    assert np.abs(fitted - by_scipy(best[:4], best[4:], YEARS)).max() < 1e-4

    fine = np.linspace(0, YEARS[-1], 400)
    curve = by_scipy(best[:4], best[4:], fine)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6))
    for column, name in enumerate(("hares", "lynxes")):
        left.plot(fine, curve[:, column], label=name)
        left.plot(YEARS, seen[:, column], ".", color=f"C{column}")
    left.set_xlabel("years")
    left.legend()
    right.plot(*curve.T)
    right.plot(*seen.T, ".", color="grey")
    right.set_xlabel("hares")
    right.set_ylabel("lynxes")
    figure.savefig(Path(directory) / "lotka_volterra.png")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""A Kalman filter as a loop of the graph, its noise learned by the gradient of the likelihood.

A body moves with a speed that drifts; only its place is seen, with errors. The filter goes through the observations once, and the
log-likelihood of what it sees is a function of two numbers: how much the speed drifts, and how large the errors are. One compiled
function gives value and gradient, of any number of observations.

Run: python examples/kalman_filter.py [directory for the figure]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import minimize

import graphc as g

plt.style.use("graphc.viz.slides")

STEPS, DRIFT, ERROR = 300, 0.05, 1.5

seen = g.symbol("seen", shape="n")
noise = g.symbol("noise", shape=2)  # logarithms of the variances of drift and error
MOVE = np.array([[1.0, 1.0], [0.0, 1.0]])


def step(state, place):
    """Predict, compare with what is seen, correct."""
    mean, spread = state
    mean, spread = MOVE @ mean, MOVE @ spread @ MOVE.T + g.exp(noise[0]) * np.diag([0.0, 1.0])
    variance = spread[0, 0] + g.exp(noise[1])
    gain, surprise = spread[:, 0] / variance, place - mean[0]
    state = mean + gain * surprise, spread - g.outer(gain, spread[0])
    return state, (state[0], surprise**2 / variance + g.log(variance))


def world(seed=4):
    rng = np.random.default_rng(seed)
    speed = np.cumsum(DRIFT * rng.normal(size=STEPS))
    place = np.cumsum(speed)
    return place, place + ERROR * rng.normal(size=STEPS)


def by_hand(observed, logs):
    """The same sum, step by step in NumPy."""
    mean, spread, total = np.zeros(2), 10 * np.eye(2), 0.0
    for place in observed:
        mean, spread = MOVE @ mean, MOVE @ spread @ MOVE.T + np.exp(logs[0]) * np.diag([0.0, 1.0])
        variance = spread[0, 0] + np.exp(logs[1])
        gain, surprise = spread[:, 0] / variance, place - mean[0]
        mean, spread = mean + gain * surprise, spread - np.outer(gain, spread[0])
        total += (surprise**2 / variance + np.log(variance)) / 2
    return total


def main(directory="."):
    Path(directory).mkdir(parents=True, exist_ok=True)
    _, (states, terms) = g.scan(step, (np.zeros(2), 10 * np.eye(2)), seen)
    loss = g.sum(terms) / 2
    place, observed = world()
    fit = g.compile(g.value_and_grad(loss, [noise]), [seen, noise]).scipy(
        {"noise": np.zeros(2)}, seen=observed
    )
    best = minimize(fit, fit.start, jac=True, method="BFGS", options={"gtol": 1e-6})
    logs = fit.unpack(best.x)["noise"]
    drift, error = np.exp(logs / 2)
    print(f"drift {drift:.3f} (it was {DRIFT}), error {error:.3f} (it was {ERROR}), in {best.nit} steps")
    assert abs(best.fun - by_hand(observed, logs)) < 1e-9 * abs(best.fun)
    assert 0.5 < drift / DRIFT < 2 and 0.8 < error / ERROR < 1.25
    curvature = g.compile(g.hessian(loss, noise), [seen, noise])(observed, logs)
    assert (np.linalg.eigvalsh(curvature) > 0).all()
    filtered = g.compile(states, [seen, noise])(observed, logs)[:, 0]
    assert np.std(filtered - place) < 0.7 * np.std(observed - place)

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.4))
    shown = slice(0, 80)
    left.plot(observed[shown], ".", color="0.6", label="seen")
    left.plot(place[shown], color="black", linewidth=1, label="true")
    left.plot(filtered[shown], color="tab:red", label="filtered")
    left.legend()
    left.set_title("place")
    value = g.compile(loss, [seen, noise])
    a, b = np.linspace(logs[0] - 3, logs[0] + 3, 40), np.linspace(logs[1] - 1, logs[1] + 1, 40)
    heights = np.array([[value(observed, np.array([x, y])) for x in a] for y in b])
    right.contour(np.exp(a / 2), np.exp(b / 2), np.log(heights - best.fun + 0.1), 20)
    right.plot(drift, error, "o", color="tab:red", label="learned")
    right.plot(DRIFT, ERROR, "x", color="black", label="true")
    right.set_xscale("log")
    right.set_xlabel("drift")
    right.set_ylabel("error")
    right.legend()
    right.set_title("−log likelihood")
    figure.savefig(Path(directory) / "kalman_filter.png")


if __name__ == "__main__":
    main(*sys.argv[1:2])

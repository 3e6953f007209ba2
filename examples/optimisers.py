"""Gradient descent, momentum, Nesterov, RMSProp and Adam on one surface: a bent valley, steep across and flat along.

    f(x, y) = (x − 1)²/16 + (y − x²/6)²

All start at the same point and take 150 steps, each at the best for it of the rates 1, 2 and 5 times 10⁻³ … 10⁻¹ that never throw
it far above its start, so none wins by its rate alone. The rates and the order are those of this surface: on another one they are
others.

Run: python examples/optimisers.py [directory for the figure]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import graphc as g
from graphc import train

plt.style.use("graphc.viz.slides")

x, y = g.symbols("x y")
SURFACE = (x - 1) ** 2 / 16 + (y - x**2 / 6) ** 2
START = {x: -3.5, y: 3.4}
STEPS = 150
OPTIMISERS = {
    "gradient descent": train.SGD, "momentum 0.9": train.Momentum, "Nesterov 0.9": train.Nesterov,
    "RMSProp": train.RMSProp, "Adam": train.Adam,
}  # fmt: skip
RATES = [digit * 10.0**power for power in (-3, -2, -1) for digit in (1, 2, 5)]


def race(optimiser):
    """The points (steps + 1, 2) that it passes, and f at them."""
    model = train.Parameters(START)
    step = train.Step(model, SURFACE, optimiser, [])
    path = [[-3.5, 3.4]]
    for _ in range(STEPS):
        step({}, optimiser.rate)
        path.append([float(model.values["x"]), float(model.values["y"])])
        if not np.all(np.abs(path[-1]) < 1e3):
            break
    path = np.array(path)
    return path, HEIGHT(path[:, 0], path[:, 1])


HEIGHT = g.compile(SURFACE, [x, y])


def main(output_dir="."):
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    best = {}
    for name, kind in OPTIMISERS.items():
        runs = [(rate, *race(kind(rate))) for rate in RATES]
        best[name] = min(
            (run for run in runs if len(run[1]) == STEPS + 1 and run[2].max() < 1.5 * run[2][0]),
            key=lambda run: run[2][-1],
        )
        below = np.flatnonzero(best[name][2] < 1e-3)
        print(
            f"{name:17s} rate {best[name][0]:<6g} f = {best[name][2][-1]:.1e} after {STEPS} steps, "
            f"below 0.001 after {below[0] if len(below) else 'more'}"
        )
    last = {name: heights[-1] for name, (_, _, heights) in best.items()}
    assert (
        last["momentum 0.9"] < last["gradient descent"] / 10
        and last["Nesterov 0.9"] < last["gradient descent"] / 10
    )
    # the steps of gradient descent by hand
    at = np.array([-3.5, 3.4])
    rate, path, _ = best["gradient descent"]
    for k in range(20):
        assert np.allclose(path[k], at, rtol=1e-12, atol=0)
        bend = 2 * (at[1] - at[0] ** 2 / 6)
        at = at - rate * np.array([(at[0] - 1) / 8 - bend * at[0] / 3, bend])

    figure, (left, right) = plt.subplots(1, 2, figsize=(13, 5.2), width_ratios=(3, 2))
    across, up = np.meshgrid(np.linspace(-4.9, 2.8, 221), np.linspace(-1.2, 4.2, 181))
    left.contour(
        across, up, HEIGHT(across, up), levels=np.geomspace(1e-3, 30, 22), colors="0.8", linewidths=0.8
    )
    for (name, (rate, path, heights)), colour in zip(
        best.items(), ("C2", "C0", "C3", "C4", "C1"), strict=True
    ):
        left.plot(*path.T, ".-", color=colour, linewidth=1.2, markersize=4, label=f"{name}, rate {rate:g}")
        right.semilogy(heights, color=colour, linewidth=1.8, label=name)
    left.plot(1, 1 / 6, "k*", markersize=14)
    left.set(
        xlabel="x",
        ylabel="y",
        xlim=(-4.9, 2.8),
        ylim=(-1.2, 4.2),
        title=f"{STEPS} steps of each from the same start",
    )
    left.legend(loc="upper right")
    right.set(xlabel="step", ylabel="f", ylim=(1e-9, 20))
    right.legend(frameon=True, fontsize=12)
    figure.savefig(Path(output_dir) / "optimisers.png")


if __name__ == "__main__":
    main(*sys.argv[1:])

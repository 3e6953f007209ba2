"""Local minima: a 2-3-1 network on one problem, from 30 starts, and what the second derivatives say of where it ends.

The loss of a network is not convex, and gradient methods end in different places. Each end is looked at: where the gradient is 0
and no eigenvalue of the Hessian is negative it is a local minimum, not a plateau; where the loss is higher than elsewhere it is
not the global one. Swapping two hidden units, or the signs around one, gives the same function: every minimum occurs 3!·2³ = 48
times.

Run: python examples/local_minima.py [directory for the figure] [starts]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import graphc as g

plt.style.use("graphc.viz.slides")

X, T = g.symbol("X", shape=("n", 2)), g.symbol("T", shape=("n",))
theta = g.symbol("theta", shape=13)
V, b, w, c = g.reshape(theta[:6], (3, 2)), theta[6:9], theta[9:12], theta[12]
OUTPUT = g.tanh(X @ V.T + b) @ w + c
LOSS = g.mean((OUTPUT - T) ** 2) + 1e-4 * (theta @ theta)  # a little decay: no minimum lies at infinity


def main(output_dir=".", starts="30"):
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    points = rng.uniform(-2, 2, (60, 2))
    wanted = np.sin(2 * points[:, 0]) * np.cos(1.5 * points[:, 1])
    data = {X: points, T: wanted}
    slope, curvature = (
        g.compile(g.grad(LOSS, theta), [X, T, theta]),
        g.compile(g.hessian(LOSS, theta), [X, T, theta]),
    )
    ends = []
    for _ in range(int(starts)):
        found = g.minimize(LOSS, {theta: rng.normal(size=13)}, data=data)
        at = np.asarray(found.unknowns["theta"])
        for _ in range(3):  # steps of Newton: to the last digits
            at = (
                at - np.linalg.lstsq(curvature(points, wanted, at), slope(points, wanted, at), rcond=1e-10)[0]
            )
        eigenvalues = np.linalg.eigvalsh(curvature(points, wanted, at))
        loss = g.evaluate(LOSS, {**data, theta: at})
        ends.append((loss, np.abs(slope(points, wanted, at)).max(), eigenvalues[0], at))
    ends.sort(key=lambda end: end[0])
    minima = [end for end in ends if end[1] < 1e-8 and end[2] > 0]
    values = np.array([end[0] for end in minima])
    distinct = values[np.append(True, np.diff(values) > 1e-6 * values[:-1])]
    share = np.mean(values < distinct[0] * (1 + 1e-6))
    print(
        f"{len(minima)} of {starts} ends are strict minima, "
        f"with {len(distinct)} different losses from {distinct[0]:.4f} to {distinct[-1]:.4f}"
    )
    print(
        f"the best is found from {share:.0%} of the starts; of ten restarts one meets it with {1 - (1 - share) ** 10:.0%}"
    )
    assert len(minima) >= 0.8 * len(ends) and len(distinct) >= 3 and distinct[-1] > 1.2 * distinct[0]
    # the 48 twins of the best: units swapped and signs turned leave the loss as it is
    best = minima[0][3]
    turned = best.copy()
    turned[[0, 1, 2, 3]], turned[[6, 7]], turned[[9, 10]] = -best[[2, 3, 0, 1]], -best[[7, 6]], -best[[10, 9]]
    assert (
        abs(g.evaluate(LOSS, {**data, theta: turned}) - minima[0][0]) < 1e-15
        and np.abs(turned - best).max() > 0.1
    )

    # a walk from the best minimum to the worst, and to a twin: the loss rises in between
    along = np.linspace(-0.15, 1.15, 200)
    over = g.compile(g.vmap(lambda at: g.substitute(LOSS, {theta: at}))(g.symbol("path", shape=("m", 13))))
    figure, axes = plt.subplots(1, 3, figsize=(13.5, 5.4))
    axes[0].plot(np.arange(1, len(ends) + 1), [end[0] for end in ends], ".", color="C1", markersize=9)
    axes[0].set(
        xlabel="start, ordered by where it ends",
        ylabel="loss",
        title=f"{starts} starts, {len(distinct)} different minima",
    )
    for other, name, colour in ((minima[-1][3], "worst", "C1"), (turned, "a twin of it", "C0")):
        path = best + along[:, None] * (other - best)
        axes[1].plot(
            along,
            over(X=points, T=wanted, path=path),
            color=colour,
            label=f"from the best to the {name}" if name == "worst" else f"from the best to {name}",
        )
    axes[1].set(xlabel="along the straight line", ylabel="loss", xticks=[0, 1], title="hills between minima")
    axes[1].set_ylim(0, 1.35 * axes[1].get_ylim()[1])
    axes[1].legend(loc="upper right")
    tries = np.arange(1, 31)
    axes[2].plot(tries, 1 - (1 - share) ** tries, ".-", color="C0")
    axes[2].set(
        xlabel="restarts",
        ylabel="chance of the best minimum",
        ylim=(0, 1.05),
        title=f"one start: {share:.0%}",
    )
    figure.savefig(Path(output_dir) / "local_minima.png")


if __name__ == "__main__":
    main(*sys.argv[1:])

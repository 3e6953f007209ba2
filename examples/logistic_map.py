"""The logistic map x → r·x·(1 − x): where it ends for every r, and how fast two neighbours part.

The map is a loop over its steps, of all values of r at once. The rate at which two neighbours part, Lyapunov's exponent, is the
mean of log|dxₙ₊₁/dxₙ|; the derivative of a step is taken inside of the loop. It is log 2 for r = 4, and below 0 where an orbit
attracts.

Run: python examples/logistic_map.py [directory for the figure] [values of r]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import graphc as g

plt.style.use("graphc.viz.slides")

SETTLE, SHOWN = 500, 200

r = g.symbol("r", shape="n")


def step(x, _):
    after = r * x * (1 - x)
    return after, (after, g.log(g.maximum(abs(g.grad(g.sum(after), x)), 1e-300)))


def main(directory=".", count="600"):
    Path(directory).mkdir(parents=True, exist_ok=True)
    settled, _ = g.scan(lambda x, _: (step(x, None)[0], None), g.full_like(r, 0.4), length=SETTLE)
    _, (orbit, rates) = g.scan(step, settled, length=SHOWN)
    run = g.compile([orbit, g.mean(rates, axis=0)], [r])
    values = np.linspace(2.6, 4.0, int(count))
    ends, exponents = run(values)
    assert ends.shape == (SHOWN, len(values)) and ends.min() >= 0 and ends.max() <= 1

    two = (values > 3.05) & (values < 3.4)  # an orbit of two points, the roots of a quadratic equation
    for place in np.flatnonzero(two)[:: max(1, two.sum() // 5)]:
        a = values[place]
        roots = (a + 1 + np.array([-1, 1]) * np.sqrt((a - 3) * (a + 1))) / (2 * a)
        assert np.allclose(np.sort(ends[-2:, place]), roots, atol=1e-9)
        # (log|f′(p)f′(q)|)/2 with f′(p)f′(q) = 4 + 2a − a²
        assert np.isclose(exponents[place], np.log(abs(4 + 2 * a - a * a)) / 2, atol=1e-6)
    x, total = 0.4, 0.0
    for number in range(
        SETTLE + SHOWN
    ):  # the last value of r by hand; chaos doubles rounding errors at every step
        total += np.log(abs(values[-1] * (1 - 2 * x))) * (number >= SETTLE)
        x = values[-1] * x * (1 - x)
    assert abs(exponents[-1] - np.log(2)) < 0.1 and abs(total / SHOWN - np.log(2)) < 0.1
    print(
        f"{len(values)} values of r, {SETTLE + SHOWN} steps; the exponent at r = 4 is {exponents[-1]:.3f}, log 2 = 0.693"
    )

    figure, (upper, lower) = plt.subplots(2, 1, figsize=(9, 7), sharex=True, height_ratios=[2, 1])
    upper.plot(np.broadcast_to(values, ends.shape).ravel(), ends.ravel(), ",", color="black", alpha=0.4)
    upper.set_ylabel("x")
    upper.set_title("x → r·x·(1 − x)")
    lower.axhline(0, color="0.6", linewidth=1)
    lower.plot(values, np.maximum(exponents, -2), color="tab:red", linewidth=0.8)
    lower.set_xlabel("r")
    lower.set_ylabel("Lyapunov's exponent")
    figure.savefig(Path(directory) / "logistic_map.png")


if __name__ == "__main__":
    main(*sys.argv[1:3])

"""Six activation functions and their derivatives, compiled and plotted.

Each is evaluated on a grid together with its derivative: one call, one pass over the data.

Run: python examples/activations.py [directory for the figures]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import graphc as g

plt.style.use("graphc.viz.slides")

x = g.symbol("x")

ACTIVATIONS = {
    "sigmoid": g.sigmoid(x),
    "tanh": g.tanh(x),
    "ReLU": g.relu(x),
    "Leaky ReLU (0.1)": g.leaky_relu(x, 0.1),
    "Maxout": g.maxout(-x - 1, 0.25 * x, x - 1),  # the largest of three lines
    "ELU": g.elu(x),
}

# The derivatives as a textbook gives them, to hold the compiled ones against.
DERIVATIVES = {
    "sigmoid": lambda v: 1 / (2 + np.exp(v) + np.exp(-v)),
    "tanh": lambda v: 1 / np.cosh(v) ** 2,
    "ReLU": lambda v: np.where(v > 0, 1.0, 0.0),
    "Leaky ReLU (0.1)": lambda v: np.where(v > 0, 1.0, 0.1),
    "Maxout": lambda v: np.select([v < -0.8, v < 4 / 3], [-1.0, 0.25], 1.0),
    "ELU": lambda v: np.where(v > 0, 1.0, np.exp(np.minimum(v, 0))),
}

VALUE_COLOUR, SLOPE_COLOUR = "C0", "#bf4a00"


def main(output_dir="."):
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    grid = np.linspace(-4, 4, 800)  # an even number of points: none falls on a kink
    figure, axes = plt.subplots(2, 3, figsize=(10, 5.6), sharex=True)
    for axis, (name, formula) in zip(axes.flat, ACTIVATIONS.items(), strict=True):
        function = g.compile(g.value_and_grad(formula, x), [x])
        value, slope = function(grid)

        # 1 − tanh² cancels where tanh is near 1: the bound is absolute, a few roundings of numbers up to 1.
        error = np.abs(slope - DERIVATIVES[name](grid)).max()
        assert error <= 8 * np.finfo(float).eps, (name, error)
        print(f"{name:>16}: derivative {g.grad(formula, x)!r}")

        axis.axhline(0, color="0.8", linewidth=0.8)
        axis.axvline(0, color="0.8", linewidth=0.8)
        axis.plot(grid, value, color=VALUE_COLOUR, label="f(x)")
        # A jump of the derivative is a jump, not a steep line.
        shown = np.where(np.abs(np.gradient(slope)) > 0.1, np.nan, slope)
        axis.plot(grid, shown, color=SLOPE_COLOUR, linewidth=1.6, linestyle="--", label="f′(x)")
        axis.set_title(name)
        axis.set_ylim(-1.4, 2.4)
    axes[0, 0].legend(loc="upper left")
    figure.savefig(Path(output_dir) / "activations.png")


if __name__ == "__main__":
    main(*sys.argv[1:])

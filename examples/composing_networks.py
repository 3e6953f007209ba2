"""Two shallow networks of three units, one after the other: the first folds the input, the second draws on every fold.

Composed symbolically they are one network with two hidden layers: the first network's output layer and the second one's input
layer are both affine, and merge into ψ₀ = θ′₀ + θ′₁φ₀ and ψᵢⱼ = θ′ᵢ₁φⱼ. graphc derives these weights as derivatives of the second
network's pre-activations by the first one's hidden units, SymPy by expanding the formula; they are printed and held equal.

Run: python examples/composing_networks.py [directory for the figures]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import sympy

import graphc as g

plt.style.use("graphc.viz.slides")

UNITS = range(1, 4)
x = g.symbol("x")
first = {name: g.symbol(name) for name in ("phi_0", *(f"phi_{i}" for i in UNITS))}
first |= {name: g.symbol(name) for i in UNITS for name in (f"theta_{i}0", f"theta_{i}1")}
second = {name: g.symbol(name) for name in ("phip_0", *(f"phip_{i}" for i in UNITS))}
second |= {name: g.symbol(name) for i in UNITS for name in (f"thetap_{i}0", f"thetap_{i}1")}

HIDDEN = [g.relu(first[f"theta_{i}0"] + first[f"theta_{i}1"] * x) for i in UNITS]
Y = first["phi_0"] + sum((first[f"phi_{i}"] * h for i, h in zip(UNITS, HIDDEN, strict=True)), g.constant(0.0))
PRE = [second[f"thetap_{i}0"] + second[f"thetap_{i}1"] * Y for i in UNITS]
OUT = second["phip_0"] + sum(
    (second[f"phip_{i}"] * g.relu(pre) for i, pre in zip(UNITS, PRE, strict=True)), g.constant(0.0)
)

# The first network goes up, down and up again over [−1, 1]: three inputs give every value between −1 and 1.
FOLD = {
    "phi_0": -1.0, "phi_1": 3.0, "phi_2": -6.0, "phi_3": 6.0,
    "theta_10": 1.0, "theta_11": 1.0, "theta_20": 1 / 3, "theta_21": 1.0, "theta_30": -1 / 3, "theta_31": 1.0,
}  # fmt: skip
DRAW = {
    "phip_0": 0.0, "phip_1": 2.0, "phip_2": -3.5, "phip_3": 3.0,
    "thetap_10": 1.0, "thetap_11": 1.0, "thetap_20": 0.4, "thetap_21": 1.0, "thetap_30": -0.3, "thetap_31": 1.0,
}  # fmt: skip


def slopes(function, left, right, places=200_001):
    """How many lines a piecewise linear function is made of: where its slope changes, counted on a fine grid."""
    grid = np.linspace(left, right, places)
    rise = np.diff(function(grid)) / np.diff(grid)
    # inside a cell with a joint the difference lies between two slopes: equal neighbours alone are lines
    steady = np.abs(np.diff(rise)) < 1e-6
    lines = rise[1:][steady]
    return 1 + int(np.count_nonzero(np.abs(np.diff(lines)) > 1e-6))


def folded_weights():
    """(graphc, SymPy): the weights ψ of the two-layer network that the composition is."""
    stand_ins = [g.symbol(f"h_{j}") for j in UNITS]
    by_graph = {}
    for i, pre in zip(UNITS, PRE, strict=True):
        on_hidden = g.substitute(pre, dict(zip(HIDDEN, stand_ins, strict=True)))
        for j, weight in zip(UNITS, g.grad(on_hidden, stand_ins), strict=True):
            by_graph[f"psi_{i}{j}"] = g.simplify(weight)
        by_graph[f"psi_{i}0"] = g.substitute(pre, {Y: first["phi_0"]})  # all hidden units at 0
    symbols = {name: g.to_sympy(symbol) for name, symbol in {**first, **second}.items()}
    units = [sympy.Symbol(f"h_{j}") for j in UNITS]
    by_sympy = {}
    output = symbols["phi_0"] + sum(symbols[f"phi_{j}"] * h for j, h in zip(UNITS, units, strict=True))
    for i in UNITS:
        expanded = sympy.expand(symbols[f"thetap_{i}0"] + symbols[f"thetap_{i}1"] * output)
        for j, h in zip(UNITS, units, strict=True):
            by_sympy[f"psi_{i}{j}"] = expanded.coeff(h)
        by_sympy[f"psi_{i}0"] = expanded.subs(dict.fromkeys(units, 0))
    return by_graph, by_sympy


def in_two_dimensions(file):
    """The folding of a plane: the first network bends it along three lines, the second draws on what lies on top of another."""
    rng = np.random.default_rng(5)
    at = g.symbol("at", shape=("n", 2))
    V, c, w = (g.symbol(name, shape=shape) for name, shape in (("V", (3, 2)), ("c", (3,)), ("w", (3,))))
    V2, c2, w2 = (g.symbol(name, shape=(3,)) for name in ("V2", "c2", "w2"))
    inner = g.relu(at @ V.T + c) @ w
    outer = g.relu(g.expand_dims(inner, 1) * V2 + c2) @ w2
    values = {
        "V": rng.normal(size=(3, 2)), "c": rng.normal(0, 0.3, 3), "w": np.array([1.4, -1.6, 1.2]),
        "V2": np.array([1.0, 1.0, 1.0]), "c2": np.array([0.6, 0.0, -0.5]), "w2": np.array([1.0, -2.4, 2.6]),
    }  # fmt: skip
    side = np.linspace(-2, 2, 301)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    parts = g.evaluate([inner, outer], {**values, "at": grid})
    figure, axes = plt.subplots(1, 2, figsize=(9, 4.2))
    for axis, part, title in zip(
        axes, parts, ("the first network", "the second one on its output"), strict=True
    ):
        height = part.reshape(301, 301)
        axis.imshow(height, origin="lower", extent=(-2, 2, -2, 2), cmap="viridis")
        axis.contour(height, 14, extent=(-2, 2, -2, 2), colors="white", linewidths=0.6)
        axis.set(title=title, xlabel="x₁", ylabel="x₂")
    figure.savefig(file)


def main(output_dir="."):
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    directory = Path(output_dir)
    inputs = [x, *first.values(), *second.values()]
    compiled = g.compile([Y, OUT], inputs)
    values = [*FOLD.values(), *DRAW.values()]
    fold = lambda at: compiled(at, *values)[0]
    both = lambda at: compiled(at, *values)[1]
    draw = g.compile(g.substitute(OUT, {Y: g.symbol("y")}), [g.symbol("y"), *second.values()])

    count = len(first) + len(second)
    regions = slopes(both, -1, 1)
    print(f"{count} parameters, {regions} linear regions; a shallow network of 19 parameters has at most 7")
    assert count == 20 and regions >= 9
    assert slopes(fold, -1, 1) == 3

    by_graph, by_sympy = folded_weights()
    for name, expr in by_graph.items():
        assert sympy.simplify(g.to_sympy(expr) - by_sympy[name]) == 0, name
    print("folded into one network of two layers, as LaTeX:")
    for name, expr in by_sympy.items():
        formula = f"{sympy.latex(sympy.Symbol(name))} = {sympy.latex(expr)}"
        print("  " + formula.replace("thetap", r"\theta'"))
    psi = g.compile(list(by_graph.values()), list({**first, **second}.values()))(*values)
    psi = dict(zip(by_graph, psi, strict=True))
    grid = np.linspace(-1, 1, 1001)
    hidden = np.stack([np.maximum(FOLD[f"theta_{i}0"] + FOLD[f"theta_{i}1"] * grid, 0) for i in UNITS])
    merged = DRAW["phip_0"] + sum(
        DRAW[f"phip_{i}"]
        * np.maximum(psi[f"psi_{i}0"] + sum(psi[f"psi_{i}{j}"] * hidden[j - 1] for j in UNITS), 0)
        for i in UNITS
    )
    # values up to some tens, in sums of a dozen terms
    assert np.abs(merged - both(grid)).max() <= 1e-13

    figure, axes = plt.subplots(1, 3, figsize=(12, 4.8))
    axes[0].plot(grid, fold(grid), color="C0")
    axes[0].set(title="the first network folds", xlabel="x", ylabel="y")
    axes[1].plot(grid, draw(grid, *DRAW.values()), color="C1")
    axes[1].set(title="the second one draws", xlabel="y", ylabel="y′")
    axes[2].plot(grid, both(grid), color="black")
    for place, colour in zip(
        ((-1, -1 / 3), (-1 / 3, 1 / 3), (1 / 3, 1)), ("#dbe6f3", "#f6e6da", "#dbe6f3"), strict=True
    ):
        axes[2].axvspan(*place, color=colour)
    axes[2].set(title=f"composed: three copies,\n{regions} regions", xlabel="x", ylabel="y′")
    figure.savefig(directory / "composing_networks.png")
    in_two_dimensions(directory / "composing_two_dimensions.png")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""A shallow network with three hidden units, taken apart: y = φ₀ + φ₁ a[θ₁₀ + θ₁₁x] + φ₂ a[θ₂₀ + θ₂₁x] + φ₃ a[θ₃₀ + θ₃₁x].

With the rectified linear unit a, each hidden unit is a line that is cut off at 0, and the output is linear between their joints.
Three units have three joints at most, hence four regions; each region is where a certain set of units is active.

Run: python examples/shallow_network.py [directory for the figures]
"""

import itertools
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import graphc as g
from graphc import train

plt.style.use("graphc.viz.slides")

UNITS = 3
x = g.symbol("x", shape=("n",))
target = g.symbol("target", shape=("n",))
phi_0, phi = g.symbol("phi_0"), g.symbol("phi", shape=(UNITS,))
theta_0, theta_1 = g.symbol("theta_0", shape=(UNITS,)), g.symbol("theta_1", shape=(UNITS,))

# (n, 1)·(3,) + (3,): a column for each hidden unit
PRE = g.expand_dims(x, 1) * theta_1 + theta_0
ACTIVE = g.relu(PRE)
WEIGHTED = ACTIVE * phi
OUTPUT = g.sum(WEIGHTED, axis=1) + phi_0

COLOURS = ("C1", "C0", "C2")


def curve(position):
    return np.sin(2.2 * position) + 0.3 * position


def fit(position, wanted, seed):
    rng = np.random.default_rng(seed)
    begin = {
        phi_0: 0.0,
        phi: rng.normal(0, 0.7, UNITS),
        theta_0: rng.uniform(-1.5, 1.5, UNITS),
        theta_1: rng.choice([-1.0, 1.0], UNITS),
    }
    model = train.Parameters(begin)
    loss = g.mean((OUTPUT - target) ** 2)
    history = train.fit(
        model, loss, {x: position, target: wanted}, optimiser=train.Adam(0.02), epochs=600, batch=None
    )
    return history[-1]["loss"], model.values


def joints_and_regions(values):
    """Where the pre-activations cross 0, and (from, to, which units are active) between them."""
    joints = np.sort(-values["theta_0"] / values["theta_1"])
    ends = [-np.inf, *joints, np.inf]
    regions = []
    for left, right in itertools.pairwise(ends):
        inside = np.clip((max(left, -1e3) + min(right, 1e3)) / 2, -1e3, 1e3)
        pre = g.evaluate(PRE, {"x": [inside], "theta_0": values["theta_0"], "theta_1": values["theta_1"]})
        regions.append((left, right, tuple((pre[0] > 0).tolist())))
    return joints, regions


def plot_parts(values, position, wanted, joints, regions, file):
    grid = np.linspace(-2, 2, 401)
    pre, active, weighted, output = g.evaluate([PRE, ACTIVE, WEIGHTED, OUTPUT], {**values, "x": grid})
    figure, axes = plt.subplots(4, 3, figsize=(14, 9.6), sharex=True)
    shown = np.stack([pre, active, weighted])  # on one scale
    limits = 1.1 * shown.min(), 1.1 * shown.max()
    for unit in range(UNITS):
        for row, (name, part) in enumerate(
            (("θ₀ + θ₁x", pre), ("a[θ₀ + θ₁x]", active), ("φ a[θ₀ + θ₁x]", weighted))
        ):
            axis = axes[row, unit]
            axis.axhline(0, color="0.8", linewidth=0.8)
            axis.plot(grid, part[:, unit], color=COLOURS[unit])
            axis.set_title(f"{name}, unit {unit + 1}")
            axis.set_ylim(*limits)
    gridspec = axes[3, 0].get_gridspec()
    for axis in axes[3]:
        axis.remove()
    below = figure.add_subplot(gridspec[3, :])
    for joint in joints:
        below.axvline(joint, color="0.7", linestyle="--", linewidth=1)
    for left, right, pattern in regions:
        low, high = max(left, -2), min(right, 2)
        if high - low > 0.4:  # room for words
            names = ", ".join(str(unit + 1) for unit, on in enumerate(pattern) if on) or "none"
            below.text((low + high) / 2, 1.75, f"active: {names}", ha="center")
    below.plot(position, wanted, ".", color="0.6", markersize=4, label="data")
    below.plot(grid, output, color="black", label="φ₀ + the sum of the row above")
    below.set(xlim=(-2, 2), ylim=(-2, 2.1), xlabel="x")
    below.legend(loc="lower right")
    figure.savefig(file)


def two_outputs(file):
    """Two outputs of one hidden layer of four units, as the lecture draws them: both bend at the same joints."""
    rng = np.random.default_rng(3)
    W, bias, slope = g.symbol("W", shape=(2, 4)), g.symbol("bias", shape=(4,)), g.symbol("slope", shape=(4,))
    both = g.relu(g.expand_dims(x, 1) * slope + bias) @ W.T
    values = {
        "bias": np.array([1.3, 0.4, -0.3, -1.1]),
        "slope": np.ones(4),
        "W": rng.choice([-1, 1], (2, 4)) * rng.uniform(0.5, 1.5, (2, 4)),
    }
    grid = np.linspace(-2, 2, 4001)
    found = g.evaluate(both, {**values, "x": grid})
    # a joint is where the slope changes: the second difference of a line is 0 but for rounding
    bends = [grid[1:-1][np.abs(np.diff(part, 2)) > 1e-6] for part in found.T]
    joints = np.sort(-values["bias"])
    for bend in bends:
        assert np.abs(bend[:, None] - joints).min(axis=1).max() <= 1.001e-3
        assert np.abs(bend - joints[:, None]).min(axis=1).max() <= 1.001e-3  # each output bends at all four
    print(f"two outputs of 4 hidden units: {4 + 4 + 8} parameters and 2 offsets, both bend at {joints}")
    figure, axis = plt.subplots(figsize=(7, 4))
    for joint in joints:
        axis.axvline(joint, color="0.7", linestyle="--", linewidth=1)
    for part, colour, name in zip(found.T, COLOURS, ("first output", "second output"), strict=False):
        axis.plot(grid, part, color=colour, label=name)
    axis.set(xlabel="x", ylabel="y", title="two outputs of four hidden units share the four joints")
    axis.legend()
    figure.savefig(file)


def two_inputs_two_outputs(file):
    """Two inputs and two outputs: the lines where planes meet are shared, how they bend there is each output's own."""
    at, W = g.symbol("at", shape=("n", 2)), g.symbol("W", shape=(2, UNITS))
    V = g.symbol("V", shape=(UNITS, 2))
    both = g.relu(at @ V.T + theta_0) @ W.T
    values = {
        "V": np.array([[1.0, 0.4], [-0.3, 1.0], [0.8, -0.9]]), "theta_0": np.array([0.2, -0.3, 0.1]),
        "W": np.array([[1.0, -1.2, 0.9], [-0.7, 0.0, 1.3]]),
    }  # fmt: skip
    side = np.linspace(-1.5, 1.5, 301)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    heights = g.evaluate(both, {**values, "at": grid}).T.reshape(2, 301, 301)
    slopes = [g.evaluate(g.grad(g.sum(both[:, k]), at), {**values, "at": grid}) for k in range(2)]
    regions = [len(np.unique(np.round(slope, 9), axis=0)) for slope in slopes]
    # the second output does not listen to unit 2, so it does not bend at that unit's line: 7 regions, and 4
    assert regions == [7, 4]
    print(
        f"two inputs, two outputs: regions {regions}; the weight 0 takes the line of unit 2 from the second"
    )
    figure, axes = plt.subplots(1, 2, figsize=(9.6, 4.6))
    for axis, height, row, name in zip(axes, heights, values["W"], ("first", "second"), strict=True):
        axis.contourf(side, side, height, 24, cmap="viridis")
        axis.contour(side, side, height, 24, colors="white", linewidths=0.4)
        for unit, ((a, b), c) in enumerate(zip(values["V"], values["theta_0"], strict=True)):
            used = row[unit] != 0
            axis.plot(side, -(a * side + c) / b, "-" if used else ":", color="#ff7733")
        axis.set(xlim=(-1.5, 1.5), ylim=(-1.5, 1.5), xlabel="x₁", ylabel="x₂", aspect="equal")
        axis.set_title(f"{name} output: weights " + ", ".join(f"{w:g}" for w in row).replace("-", "−"))
    figure.savefig(file)


def two_inputs(file):
    """Two inputs: each unit cuts the plane along a line, and the regions are convex polygons."""
    at = g.symbol("at", shape=("n", 2))
    V = g.symbol("V", shape=(UNITS, 2))
    pre = at @ V.T + theta_0
    output = g.relu(pre) @ phi
    values = {
        "V": np.array([[1.0, 0.4], [-0.3, 1.0], [0.8, -0.9]]), "theta_0": np.array([0.2, -0.3, 0.1]),
        "phi": np.array([1.0, -1.2, 0.9]),
    }  # fmt: skip
    side = np.linspace(-1.5, 1.5, 201)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    patterns = g.evaluate(pre, {**values, "at": grid}) > 0
    region = patterns @ (1 << np.arange(UNITS))
    found = np.unique(region)
    # three lines in general position cut the plane into seven
    assert len(found) == 7
    rng = np.random.default_rng(0)
    for number in found:  # convex: between two points of a region all points are of it
        inside = grid[region == number]
        one, two = (inside[rng.integers(0, len(inside), 500)] for _ in range(2))
        middle = g.evaluate(pre, {**values, "at": (one + two) / 2}) > 0
        assert (middle @ (1 << np.arange(UNITS)) == number).all()
    height = g.evaluate(output, {**values, "at": grid}).reshape(201, 201)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4.2))
    extent = (-1.5, 1.5, -1.5, 1.5)
    names = np.searchsorted(found, region).reshape(201, 201)
    left.imshow(names, origin="lower", extent=extent, cmap="Set3", interpolation="nearest")
    left.set(title="seven regions, each with its active units", xlabel="x₁", ylabel="x₂")
    for number in found:
        centre = grid[region == number].mean(axis=0)
        on = ", ".join(str(unit + 1) for unit in range(UNITS) if number >> unit & 1) or "none"
        left.text(*centre, on, ha="center", va="center")
    right.imshow(height, origin="lower", extent=extent, cmap="viridis")
    right.contour(height, 12, extent=extent, colors="white", linewidths=0.7)
    right.set(title="the output: a plane over each", xlabel="x₁", ylabel="x₂")
    figure.savefig(file)


def main(output_dir="."):
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    directory = Path(output_dir)
    position = np.linspace(-2, 2, 80)
    wanted = curve(position)
    loss, values = min((fit(position, wanted, seed) for seed in range(6)), key=lambda found: found[0])
    count = sum(np.size(value) for value in values.values())
    joints, regions = joints_and_regions(values)
    print(f"{count} parameters, mean squared error {loss:.4f}, joints at {np.round(joints, 3)}")
    for left, right, pattern in regions:
        print(f"  {left:8.3f} to {right:8.3f}: active {[unit + 1 for unit, on in enumerate(pattern) if on]}")
    assert count == 10
    # 3 joints, 4 regions, no two with the same active units
    assert len(regions) == 4 == len({pattern for *_, pattern in regions})
    assert loss < 0.1 * np.var(wanted)

    # between two joints the output is a line: its second derivative there is 0
    slope = g.grad(g.sum(OUTPUT), x)
    for left, right, _ in regions:
        low, high = max(left, -5.0), min(right, 5.0)
        inside = np.linspace(low, high, 9)[1:-1]
        slopes = g.evaluate(slope, {**values, "x": inside})
        assert np.ptp(slopes) <= 8 * np.finfo(float).eps * max(1, np.abs(slopes).max())

    plot_parts(values, position, wanted, joints, regions, directory / "shallow_network.png")
    two_outputs(directory / "shallow_two_outputs.png")
    two_inputs(directory / "shallow_two_inputs.png")
    two_inputs_two_outputs(directory / "shallow_two_inputs_two_outputs.png")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""How many Boolean functions there are, how many of them one unit can say, and how many units the others take.

n bits have 2ⁿ points and 2^(2ⁿ) functions. One threshold unit H(w·x + b) says 4, 14, 104 and 1,882 of those of 1 to 4 bits: all
weights that make a difference are tried. Of three bits, every function is then built with as few hidden units as there can be;
only the two parities need three. For many bits counting is enough: one unit has at most 2^(n²) functions, and the one on top,
which sees 2ⁿ points in k dimensions, at most 2^(n·k). So most functions of n bits need 2ⁿ/(n² + n) hidden units or more.

Run: python examples/counting_boolean_functions.py [directory for the figure]
"""

import itertools
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import graphc as g

plt.style.use("graphc.viz.slides")

LARGEST = {1: 1, 2: 1, 3: 2, 4: 3}
"""The largest weight that is needed for so many bits; thresholds lie between whole numbers."""


def threshold_functions(bits):
    """All tables of one unit, as a set of numbers whose binary digits are the values at the 2ⁿ points."""
    points = np.array(list(itertools.product((0.0, 1.0), repeat=bits)))
    most = LARGEST[bits]
    w = np.array(list(itertools.product(range(-most, most + 1), repeat=bits)), dtype=float)
    b = np.arange(-most * bits - 0.5, most * bits + 1)
    W, B = g.symbol("W", shape=("m", bits)), g.symbol("B", shape=("k",))
    sums = g.expand_dims(W @ points.T, 1) + g.reshape(B, (1, -1, 1))
    values = g.compile(g.where(sums > 0, 1.0, 0.0), [W, B])(w, b)
    numbers = values.reshape(-1, 2**bits) @ 2.0 ** np.arange(2**bits)
    return {int(number) for number in numbers}


def units_needed(bits=3):
    """For each function of three bits the least number of hidden units, below one more unit on top."""
    single = sorted(threshold_functions(bits))
    points = np.arange(2**bits)
    tables = np.array([[number >> int(point) & 1 for point in points] for number in single])
    top = {
        k: np.array([[f >> i & 1 for i in range(2**k)] for f in sorted(threshold_functions(k))])
        for k in (2, 3)
    }
    least = dict.fromkeys(single, 1)
    for k in (2, 3):
        if k == 2:
            chosen = itertools.combinations(range(len(single)), 2)
        else:  # those that are left are few, so a sample of triples is enough to find each
            rng = np.random.default_rng(0)
            chosen = (tuple(row) for row in rng.integers(0, len(single), (40_000, 3)))
        for units in chosen:
            place = sum(tables[unit] << position for position, unit in enumerate(units))
            for number in (top[k][:, place] @ (1 << points)).tolist():
                least.setdefault(number, k)
        if len(least) == 2 ** (2**bits):
            break
    return least


def main(output_dir="."):
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    counts = {bits: len(threshold_functions(bits)) for bits in LARGEST}
    print("bits   functions   of one unit")
    for bits, count in counts.items():
        print(f"{bits:4} {2**2**bits:11,} {count:13,}")
    assert list(counts.values()) == [4, 14, 104, 1882]  # as known: Muroga (1971)

    least = units_needed()
    table = [sum(units == k for units in least.values()) for k in (1, 2, 3)]
    print(
        "functions of three bits by the hidden units that they take:",
        dict(zip((1, 2, 3), table, strict=True)),
    )
    parity = sum((bin(point).count("1") & 1) << point for point in range(8))
    assert sum(table) == 256 and table[0] == 104
    assert least[parity] == least[255 - parity] == 3 and table[2] == 2

    figure, axes = plt.subplots(1, 3, figsize=(14, 5.6))
    bits = np.array(list(counts))
    axes[0].semilogy(bits, 2.0 ** (2.0**bits), "s-", color="C1", label="all: 2^(2ⁿ)")
    axes[0].semilogy(bits, list(counts.values()), "o-", color="C0", label="of one unit")
    for n, count in counts.items():
        axes[0].annotate(f"{count:,}", (n, count), (6, -12), textcoords="offset points", color="C0")
    axes[0].set(xlabel="bits n", ylabel="functions", xticks=bits, xlim=(0.8, 4.6))
    axes[0].legend()
    bars = axes[1].bar(["1", "2", "3"], table, color=["C0", "C3", "C1"])
    axes[1].bar_label(bars)
    axes[1].set(
        xlabel="hidden units that it takes",
        ylabel="functions",
        ylim=(0, 170),
        title="the 256 functions of three bits",
    )
    n = np.arange(4, 31)
    axes[2].semilogy(n, 2.0 ** (n - 1), "s-", color="C1", label="one for each true point: 2ⁿ⁻¹", markersize=3)
    axes[2].semilogy(n, 2.0**n / (n**2 + n), "o-", color="C0", label="at least: 2ⁿ/(n² + n)", markersize=3)
    axes[2].set(xlabel="bits n", ylabel="hidden units", title="what most functions need")
    axes[2].legend()
    figure.savefig(Path(output_dir) / "counting_boolean_functions.png")


if __name__ == "__main__":
    main(*sys.argv[1:])

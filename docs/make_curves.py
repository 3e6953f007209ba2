"""Draws the curves of the full run of examples/mnist1d_depth.py: docs/curves/, the points as CSV, the figure and the page.

Run: python docs/make_curves.py [directory of the run]    (without one the figure and the page are made again from the CSV;
a test holds that the page says what the points say)
"""

from __future__ import annotations

import csv
import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).with_name("curves")
EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "mnist1d_depth.py"
COMMAND = "python examples/mnist1d_depth.py run --full --checkpoints run"
POINTS = 300
"""Of one curve, at most."""

LEVELS = (0.5, 0.1, 0.01, 0.0)
"""Shares of errors whose first epoch the page tells."""

Curves = dict[int, tuple[np.ndarray, np.ndarray]]
"""Hidden layers → (epochs, errors)."""


def example() -> Any:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("mnist1d_depth", EXAMPLE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def thinned(epochs: np.ndarray, errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """At most `POINTS` of the measurements, side by side at equal distances, with the first and the last one.

    So that the page's epochs are those of the run, the first measurement at or below each level is kept as well.
    """
    places = set(
        np.linspace(0, len(epochs) - 1, min(len(epochs), POINTS - len(LEVELS))).round().astype(int).tolist()
    )
    places |= {int(np.argmax(errors <= level)) for level in LEVELS if (errors <= level).any()}
    kept = sorted(places)
    return epochs[kept], errors[kept]


def write(directory: Path, folder: Path) -> None:
    """The points of a run as CSV: what was run, then a line for each measurement."""
    with np.load(directory / "mnist1d_depth.npz") as file:
        run = dict(file)
    with open(folder / "mnist1d_depth.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["examples", "rate", "seed"])
        writer.writerow([int(run["examples"]), float(run["rate"]), int(run["seed"])])
        writer.writerow(["hidden layers", "epoch", "wrong"])
        for key in sorted(run):
            if key.startswith("epochs"):
                depth = key.removeprefix("epochs")
                for epoch, error in zip(*thinned(run[key], run[f"errors{depth}"]), strict=True):
                    writer.writerow([depth, int(epoch), round(float(error) * int(run["examples"]))])


def read(folder: Path) -> tuple[dict[str, Any], Curves]:
    """(what was run, the curves) of the CSV."""
    with open(folder / "mnist1d_depth.csv", encoding="utf-8", newline="") as file:
        names, values, _, *rows = csv.reader(file)
    run = {
        name: float(value) if name == "rate" else int(value)
        for name, value in zip(names, values, strict=True)
    }
    table = np.array(rows, dtype=np.int64)
    curves = {
        int(depth): (table[table[:, 0] == depth, 1], table[table[:, 0] == depth, 2] / run["examples"])
        for depth in np.unique(table[:, 0])
    }
    return run, curves


def page(folder: Path) -> str:
    """What the points say, as a page."""
    script, (run, curves) = example(), read(folder)
    head = " | ".join("no errors" if level == 0 else f"at most {level:.0%}" for level in LEVELS)
    lines = [
        "# Random labels learned by heart", "",
        "Written by `python docs/make_curves.py` from [mnist1d_depth.csv](mnist1d_depth.csv), points of", "",
        f"    {COMMAND}", "",
        f"{run['examples']:,} sequences of MNIST-1D with labels drawn at random, full-batch gradient descent at the rate",
        f"{run['rate']:g}, He initialisation, no momentum, no regularisation, seed {run['seed']}.", "",
        "![errors over epochs for each depth](mnist1d_depth.png)", "",
        f"| hidden layers | parameters | {head} | in the end |",
        "| --- | ---: " + "| ---: " * (len(LEVELS) + 1) + "|",
    ]  # fmt: skip
    for depth, (epochs, errors) in curves.items():
        units, parameters = script.NETWORKS[depth]
        first = [
            f"{epochs[np.argmax(errors <= level)]:,}" if (errors <= level).any() else "–" for level in LEVELS
        ]
        end = f"{errors[-1]:.1%} after {epochs[-1]:,}"
        lines.append(f"| {depth} of {units} | {parameters:,} | {' | '.join(first)} | {end} |")
    lines += ["", "The numbers are epochs: the first measurement at which so few examples were wrong.", ""]
    return "\n".join(lines)


def main(*directories: str, folder: Path = FOLDER) -> None:
    folder.mkdir(exist_ok=True)
    for directory in directories[:1]:
        write(Path(directory), folder)
    run, curves = read(folder)
    named = {f"epochs{depth}": epochs for depth, (epochs, _) in curves.items()}
    named |= {f"errors{depth}": errors for depth, (_, errors) in curves.items()}
    example().draw({**run, **named}, folder / "mnist1d_depth.png")
    (folder / "README.md").write_text(page(folder), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])

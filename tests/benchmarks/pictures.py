"""Drawings measured: the gallery, and random graphs with nested frames.

    python -m tests.benchmarks.pictures            the gallery and 40 random graphs
    python -m tests.benchmarks.pictures 1000       the gallery and 1,000 random graphs
    python -m tests.benchmarks.pictures 0 -v       the gallery alone, and what is wrong in words

Seconds are those of this process's work, so that a busy machine does not lengthen them.
Intersections are lines through or along nodes, values, titles and borders; overlaps are nodes, values and titles on one another.
"""

from __future__ import annotations

import importlib.util
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import graphc as g
from graphc.viz import Diagram
from tests.benchmarks.harness import ROOT
from tests.viz.measure import Measured, measure
from tests.viz.nested import nested


def gallery() -> dict[str, Callable[[], Diagram]]:
    spec = importlib.util.spec_from_file_location("make_gallery", ROOT / "docs" / "make_gallery.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_gallery"] = module
    spec.loader.exec_module(module)
    return {name: entry.make for name, entry in module.GALLERY.items()}


HEAD = f"{'':24}{'nodes':>6}{'meets':>7}{'overlaps':>9}{'crossings':>10}{'bends':>7}{'smallest':>9}{'distance':>9}{'s':>7}"


def line(name: str, nodes: int, found: Measured, seconds: float) -> str:
    return (
        f"{name:24}{nodes:6}{len(found.meets):7}{len(found.overlaps):9}{found.crossings:10}{found.bends:7}"
        f"{found.smallest:9.1f}{found.distance:9.1f}{seconds:7.2f}"
    )


def drawn(make: Callable[[], Diagram]) -> tuple[Diagram, Measured, float]:
    diagram = make()
    started = time.process_time()
    svg = diagram.svg()
    seconds = time.process_time() - started
    return diagram, measure(svg), seconds


def main(count: int = 40, verbose: bool = False) -> None:
    g.draw(g.symbol("x") + 1).svg()  # imports
    print(HEAD)
    for name, make in gallery().items():
        diagram, found, seconds = drawn(make)
        print(line(name, len(diagram.view.nodes), found, seconds))
        if verbose:
            print("".join(f"    {text}\n" for text in (*found.meets, *found.overlaps)), end="")
    rows: list[tuple[int, int, Measured, float]] = []
    for seed in range(count):
        diagram, found, seconds = drawn(lambda seed=seed: nested(seed))
        rows.append((seed, len(diagram.view.nodes), found, seconds))
        if verbose:
            print(line(f"random {seed}", len(diagram.view.nodes), found, seconds))
            print("".join(f"    {text}\n" for text in (*found.meets, *found.overlaps)), end="")
    for low, high in ((0, 30), (31, 80), (81, 200), (201, 10**6)):
        some = [row for row in rows if low <= row[1] <= high]
        if some:
            summary(f"random, {low} to {high} nodes", some)


def summary(name: str, rows: list[tuple[int, int, Measured, float]]) -> None:
    def total(what: Callable[[Measured], Any]) -> Any:
        return sum(what(found) for _, _, found, _ in rows)

    clean = sum(not found.meets and not found.overlaps for _, _, found, _ in rows)
    seconds = [time for *_, time in rows]
    print(
        f"{name}: {len(rows)} graphs, {clean} clean; {total(lambda f: len(f.meets))} intersections, "
        f"{total(lambda f: len(f.overlaps))} overlaps, {total(lambda f: f.crossings)} crossings, "
        f"{total(lambda f: f.bends)} bends; seconds: median {statistics.median(seconds):.3f}, longest {max(seconds):.3f}"
    )


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    main(*numbers[:1], verbose="-v" in sys.argv)

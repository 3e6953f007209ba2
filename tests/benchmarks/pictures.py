"""Drawings measured: the gallery, and random graphs with nested frames.

    python -m tests.benchmarks.pictures            the gallery and 40 random graphs
    python -m tests.benchmarks.pictures 1000       the gallery and 1,000 random graphs
    python -m tests.benchmarks.pictures 0 -v       the gallery alone, and what is wrong in words
    python -m tests.benchmarks.pictures 1000 --pages    the same pictures fitted to a slide and to a column
    python -m tests.benchmarks.pictures 400-500 --pages    random graphs number 400 to 499 alone
    python -m tests.benchmarks.pictures 60 --large    random graphs of 100 to 200 drawn nodes among 60, nothing collapsed

Seconds are those of this process's work, so that a busy machine does not lengthen them.
Too small is a text below the page's minimum, 12 points on a slide and 8 in a column, at the size that the drawing states.
Intersections are lines through or along nodes, values, titles and borders; overlaps are nodes, values and titles on one another.
"""

from __future__ import annotations

import importlib.util
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import graphc as g
from graphc.viz import Diagram
from graphc.viz.page_fit import PAGES
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


def main(seeds: range = range(40), verbose: bool = False, large: bool = False) -> None:
    g.draw(g.symbol("x") + 1).svg()  # imports
    print(HEAD)
    for name, make in ({} if large or seeds.start else gallery()).items():
        diagram, found, seconds = drawn(make)
        print(line(name, len(diagram.view.nodes), found, seconds))
        if verbose:
            print("".join(f"    {text}\n" for text in (*found.meets, *found.overlaps)), end="")
    rows: list[tuple[int, int, Measured, float]] = []
    for seed in seeds:
        made = nested(seed, most=_MOST if large else 120)
        if large and not 100 <= len(made.view.nodes) <= 200:
            continue
        diagram, found, seconds = drawn(lambda made=made: made)
        rows.append((seed, len(diagram.view.nodes), found, seconds))
        if verbose:
            print(line(f"random {seed}", len(diagram.view.nodes), found, seconds))
            print("".join(f"    {text}\n" for text in (*found.meets, *found.overlaps)), end="")
    for low, high in ((0, 30), (31, 80), (81, 200), (201, 10**6)):
        some = [row for row in rows if low <= row[1] <= high]
        if some:
            summary(f"random, {low} to {high} nodes", some)


def fitted(seeds: range, pictures: Mapping[str, Callable[[], Diagram]], verbose: bool = False) -> None:
    """Every picture on a slide and in a column."""
    makers = {**pictures, **{f"random {seed}": partial(nested, seed) for seed in seeds}}
    for page in ("slide", "column"):
        count = small = unclean = lossless = bare = 0
        longest = 0.0
        for name, make in makers.items():
            whole = make()
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                started = time.process_time()
                diagram = whole.fit(page)
                seconds = time.process_time() - started
                found = measure(diagram.svg())
            words = " ".join(str(one.message) for one in told)
            least = PAGES[page][2]
            wrong = found.smallest < least - _ROUNDED
            count, small, unclean = count + 1, small + wrong, unclean + bool(found.meets or found.overlaps)
            lossless, bare, longest = (
                lossless + (not words),
                bare + ("left out" in words),
                max(longest, seconds),
            )
            if verbose or wrong or found.meets or found.overlaps:
                print(
                    line(f"{name} {page}", len(diagram.view.nodes), found, seconds), words[:120], flush=True
                )
        print(
            f"{page}: {count} pictures, {small} with text below {PAGES[page][2]:g} points, {unclean} with intersections or "
            f"overlaps; nothing left out of {lossless}, values of {bare}; longest {longest:.1f} s"
        )


_MOST = 300
"""Operations at most of a random graph that is to be large."""

_ROUNDED = 0.05
"""Points by which a written size may be below the page's."""


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
    asked = [word for word in sys.argv[1:] if word[:1].isdigit()]
    first, _, last = (asked or ["40"])[0].rpartition("-")
    if "--pages" in sys.argv:
        fitted(range(int(first or 0), int(last)), {} if first else gallery(), "-v" in sys.argv)
    else:
        main(range(int(first or 0), int(last)), "-v" in sys.argv, "--large" in sys.argv)

"""What was asked of the search beside what was reached, from the files that its benchmarks keep.

    python -m tests.benchmarks.collection.judged FILE … [--fresh FILE …]

A FILE holds rows of `python -m tests.benchmarks.collection --with improve --keep FILE`, of open formulas, of those held out or of
gradients; a row takes the place of the same one of a file before. Those of --fresh are of `tests.benchmarks.collection.fresh`.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from graphc.search.result import SLACK
from tests.benchmarks.collection import FILES, HELD_OUT, OUTSIDE, entries
from tests.benchmarks.collection.measure import Row

DEFAULT = 15.2 / 2
"""Half of the mean bits of error of the default rules before the search was there."""

OVER = 1.1
"""Times by that of the formula as written from which a form counts as slower: two runs of one function differ by as much."""

Line = tuple[str, str, str, bool]
"""What, asked, reached, and whether that holds."""


def lines(rows: Sequence[Row], open_values: bool) -> list[Line]:
    """The lines that rows tell of.

    open_values : whether they are of the formulas that the figure of the default rules is about
    """
    count = len(rows)
    hand, found, written = ([row.means[form] for row in rows] for form in ("by hand", "improved", "written"))
    near = [row.name for row, one, best in zip(rows, found, hand, strict=True) if one <= best + 1]
    better = sum(one < best - 1 for one, best in zip(found, hand, strict=True))
    worse = [row.name for row, one, was in zip(rows, found, written, strict=True) if one > was + SLACK]
    seconds = [row.seconds for row in rows if row.seconds is not None]
    times = {form: [row.ratios[form] for row in rows] for form in ("improved", "by hand", "fast")}
    slower = [row.name for row in rows if row.ratios["fast"] > OVER]
    told = [
        ("within 1 bit of by hand", "≥ 90 %", f"{len(near)} of {count} ({len(near) / count:.1%})", len(near) >= 0.9 * count),
        ("better by more than 1 bit", "≥ 10 %", f"{better} of {count} ({better / count:.1%})", better >= 0.1 * count),
        (
            "mean bits of error", "≤ by hand",
            f"{statistics.fmean(found):.2f} (by hand {statistics.fmean(hand):.2f}, as written {statistics.fmean(written):.2f})",
            statistics.fmean(found) <= statistics.fmean(hand),
        ),
        ("worse in the mean than as written", "none", ", ".join(worse) or "none", not worse),
        (
            "seconds of a search", "median ≤ 10, each ≤ 60", f"{statistics.median(seconds):.1f}, {max(seconds):.1f}",
            statistics.median(seconds) <= 10 and max(seconds) <= 60,
        ),
        (
            "time by that as written", "median ≤ 1.5",
            f"{statistics.median(times['improved']):.2f} (by hand {statistics.median(times['by hand']):.2f})",
            statistics.median(times["improved"]) <= 1.5,
        ),
        (
            "fast form slower", "none",
            f"{', '.join(slower) or 'none'} (longest {max(times['fast']):.2f})", not slower,
        ),
    ]  # fmt: skip
    if open_values:
        default = statistics.fmean(row.means["default"] for row in rows)
        told.append(("mean bits by default", f"≤ {DEFAULT:.1f}", f"{default:.2f}", default <= DEFAULT))
    return told


def fresh_lines(rows: Sequence[dict[str, Any]]) -> list[Line]:
    """Of points that no search has seen."""
    points = statistics.median(row["points"] for row in rows)
    worse = sum(row["worse"] > 0 for row in rows)
    mean = [row["name"] for row in rows if row["improved"] > row["written"] + SLACK]
    share = sum(row["worse"] for row in rows) / sum(row["points"] for row in rows)
    return [
        ("forms worse at a point", "none", f"{worse} of {len(rows)}, at {share:.3%} of {points:.0f} points each", not worse),
        ("worse in the mean of these", "none", ", ".join(mean) or "none", not mean),
    ]  # fmt: skip


def main() -> None:
    """Print a table for each kind of rows."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.collection.judged")
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--fresh", nargs="*", type=Path, default=[])
    chosen = parser.parse_args()
    rows = {
        (row.name, row.by): row for path in chosen.files for row in map(_row, path.read_text().splitlines())
    }
    fresh = {(row["name"], row["by"]): row for path in chosen.fresh for row in _read(path)}
    for title, files in (("open", FILES), ("held out", HELD_OUT), ("outside", OUTSIDE)):
        names = {entry.name for entry in entries(files)}
        for gradients in (False, True):
            some = [row for row in rows.values() if row.name in names and bool(row.by) == gradients]
            if not some:
                continue
            formulas = len({row.name for row in some})
            print(
                f"\n{title}{', gradients' if gradients else ''}: {formulas} of {len(names)} formulas, {len(some)} rows"
            )
            told = lines(some, title == "open" and not gradients)
            points = [row for key, row in fresh.items() if key[0] in names and bool(key[1]) == gradients]
            for what, asked, reached, holds in (*told, *(fresh_lines(points) if points else ())):
                print(f"  {what:36}{asked:24}{reached}{'' if holds else '  MISSED'}")


def _row(line: str) -> Row:
    return Row(**json.loads(line))


def _read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


if __name__ == "__main__":
    main()

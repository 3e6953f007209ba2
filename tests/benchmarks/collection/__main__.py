"""The collection measured.

    python -m tests.benchmarks.collection [NAME …] [--points N] [--seed N] [--gradients] [--with improve] [--budget SECONDS]
                                          [--held-out | --outside] [--some N] [--keep FILE]

Prints for each formula the mean bits of error as written, compiled by default and in the form made by hand (and improved), and
the figures of all. The formulas held out are measured by themselves. What is kept in a file is not measured again: a run that was
interrupted goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from tests.benchmarks.collection import FILES, HELD_OUT, OUTSIDE, Entry, entries, some
from tests.benchmarks.collection.measure import BUDGET, Row, measured, summary

POINTS = 128


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.collection")
    parser.add_argument("names", nargs="*", help="formulas whose names hold one of these; by default all")
    parser.add_argument("--points", type=int, default=POINTS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--some", type=int, help="so many formulas, the same in each run, and of more all of fewer"
    )
    parser.add_argument("--gradients", action="store_true")
    parser.add_argument("--held-out", action="store_true")
    parser.add_argument("--outside", action="store_true")
    parser.add_argument("--with", dest="also", choices=("improve",))
    parser.add_argument("--budget", type=float, default=BUDGET, help="seconds of a search, for each output")
    parser.add_argument("--keep", type=Path, help="a file of JSON lines")
    chosen = parser.parse_args()
    kept = [Row(**json.loads(line)) for line in _lines(chosen.keep)]
    rows: list[Row] = []
    started = time.perf_counter()
    every = entries(HELD_OUT if chosen.held_out else OUTSIDE if chosen.outside else FILES)
    taken = some((entry.name for entry in every), chosen.some)
    for entry in every:
        if entry.name not in taken:
            continue
        if chosen.names and not any(name in entry.name for name in chosen.names):
            continue
        known = [row for row in kept if row.name == entry.name]
        for row in known or _measured(entry, chosen):
            if not rows:
                print(f"{'formula':36}" + "".join(f"{form:>10}" for form in row.means))
            rows.append(row)
            name = f"{row.name} by {row.by}" if row.by else row.name
            print(f"{name:36}" + "".join(f"{mean:10.2f}" for mean in row.means.values()), flush=True)
    if not rows:
        sys.exit("no formula has such a name")
    print()
    print("\n".join(summary(rows)))
    print(f"{len(rows)} rows in {time.perf_counter() - started:.0f} s")


def _measured(entry: Entry, chosen: argparse.Namespace) -> list[Row]:
    """The rows of an entry, added to the file that keeps them."""
    rows = measured(
        entry, chosen.points, chosen.seed, chosen.gradients, chosen.also == "improve", chosen.budget
    )
    if chosen.keep:
        with chosen.keep.open("a") as file:
            file.writelines(row.kept() + "\n" for row in rows)
    return rows


def _lines(path: Path | None) -> list[str]:
    return path.read_text().splitlines() if path and path.exists() else []


if __name__ == "__main__":
    main()

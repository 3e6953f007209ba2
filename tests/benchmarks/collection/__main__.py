"""The collection measured.

    python -m tests.benchmarks.collection [NAME …] [--points N] [--seed N] [--gradients] [--with improve] [--held-out | --outside]

Prints for each formula the mean bits of error as written, compiled by default and in the form made by hand (and improved), and
the figures of all. The formulas held out are measured by themselves.
"""

from __future__ import annotations

import argparse
import sys
import time

from tests.benchmarks.collection import FILES, HELD_OUT, OUTSIDE, entries
from tests.benchmarks.collection.measure import Row, measured, summary

POINTS = 128


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.collection")
    parser.add_argument("names", nargs="*", help="formulas whose names hold one of these; by default all")
    parser.add_argument("--points", type=int, default=POINTS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--gradients", action="store_true")
    parser.add_argument("--held-out", action="store_true")
    parser.add_argument("--outside", action="store_true")
    parser.add_argument("--with", dest="also", choices=("improve",))
    chosen = parser.parse_args()
    rows: list[Row] = []
    started = time.perf_counter()
    for entry in entries(HELD_OUT if chosen.held_out else OUTSIDE if chosen.outside else FILES):
        if chosen.names and not any(name in entry.name for name in chosen.names):
            continue
        for row in measured(entry, chosen.points, chosen.seed, chosen.gradients, chosen.also == "improve"):
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


if __name__ == "__main__":
    main()

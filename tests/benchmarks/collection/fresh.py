"""Forms that a search has found beside the formulas as written, at many fresh points: whether one is worse anywhere.

    python -m tests.benchmarks.collection.fresh FILE [NAME …] [--points N] [--seed N] [--held-out | --outside] [--some N]
                                                [--keep FILE]

FILE holds the forms: `python -m tests.benchmarks.collection --with improve --keep FILE` writes it. Half of the points are uniform
over the floats that are meant, half over the physical ranges; those count at which one of both forms has a value. Where both
have the same, no form is worse, so exact values are computed where they differ.
"""

from __future__ import annotations

import argparse
import json
import math
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import graphc as g
from graphc.ir.ulp import bits_of_error
from graphc.search.result import SLACK
from graphc.search.sampling import exact_value, number
from tests.benchmarks.collection import FILES, HELD_OUT, OUTSIDE, Entry, entries, some
from tests.benchmarks.collection.measure import from_plain

DRAWS = 4
"""For each point so many are drawn at most."""


@dataclass(frozen=True)
class Fresh:
    """A form beside the formula as written.

    points : that were compared; worse : of them, those at which the form is worse by more than `SLACK` bits, beyond a unit in the
    last place; worst : by how many bits at most, at the point `at`; better : at how many it is better
    written, improved : mean bits of error over all points, those that are the same in both taken to be right
    """

    name: str
    by: str
    points: int
    worse: int
    worst: float
    at: dict[str, float]
    better: int
    written: float
    improved: float


def compared(entry: Entry, by: str, form: g.Expr, count: int, seed: int) -> Fresh:
    """The form that was found for an entry, or for its derivative by one input, held against it."""
    symbols = {symbol.name: symbol for symbol in entry.symbols}
    target = g.grad(entry.formula, symbols[by]) if by else entry.formula
    columns = _columns(entry, count, seed)
    written, improved = (_values(each, list(symbols.values()), columns) for each in (target, form))
    places = np.flatnonzero(np.isfinite(written) | np.isfinite(improved))
    halves = len(columns[0]) // 2
    places = np.concatenate(
        [part[: count // 2] for part in (places[places < halves], places[places >= halves])]
    )
    before, after = np.zeros(len(places)), np.zeros(len(places))
    for number_, place in enumerate(places):
        if written[place] == improved[place]:
            continue
        at = {name: float(column[place]) for name, column in zip(symbols, columns, strict=True)}
        exact = exact_value(target, {s.name: at[s.name] for s in g.free_symbols(target)})
        if exact is None or not math.isfinite(exact[0]):
            continue
        both = np.array([written[place], improved[place]])
        before[number_], after[number_] = bits_of_error(both, np.full(2, exact[0]), np.dtype("float64"))
    harm = np.maximum(after, 1.0) - np.maximum(before, 1.0)
    most = int(harm.argmax()) if len(harm) else -1
    at = (
        {name: float(column[places[most]]) for name, column in zip(symbols, columns, strict=True)}
        if most >= 0
        else {}
    )
    return Fresh(
        entry.name, by, len(places), int((harm > SLACK).sum()), float(harm.max(initial=0.0)), at,
        int((harm < -SLACK).sum()), float(before.mean()), float(after.mean()),
    )  # fmt: skip


def _columns(entry: Entry, count: int, seed: int) -> list[np.ndarray]:
    """Points, as a column for each input: first those over the floats, then as many over the ranges."""
    columns: list[np.ndarray] = []
    for place, symbol in enumerate(entry.symbols):
        parts = []
        for evenly, ranges in ((False, entry.domain), (True, entry.range)):
            rng = np.random.default_rng((zlib.crc32(entry.name.encode()), seed, place, evenly, 77))
            low, high = ranges[symbol.name]
            parts.append([number(symbol, low, high, evenly, rng) for _ in range(DRAWS * count // 2)])
        columns.append(np.array(parts[0] + parts[1]))
    return columns


def _values(form: g.Expr, symbols: list[g.Expr], columns: list[np.ndarray]) -> np.ndarray:
    with np.errstate(all="ignore"):
        function: Any = g.compile(form, symbols, rewrite=None, cache=False)
        return np.ascontiguousarray(np.broadcast_to(function(*columns), columns[0].shape).astype(float))


def main() -> None:
    """Print a line for each form that is worse somewhere, and how many there are."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.collection.fresh")
    parser.add_argument("file", type=Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--points", type=int, default=8000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--held-out", action="store_true")
    parser.add_argument("--outside", action="store_true")
    parser.add_argument(
        "--some", type=int, help="so many formulas, the same in each run, and of more all of fewer"
    )
    parser.add_argument("--keep", type=Path)
    chosen = parser.parse_args()
    files = HELD_OUT if chosen.held_out else OUTSIDE if chosen.outside else FILES
    known = {entry.name: entry for entry in entries(files)}
    taken = some(known, chosen.some)
    known = {name: entry for name, entry in known.items() if name in taken}
    kept = [json.loads(line) for line in _lines(chosen.keep)]
    done: list[Fresh] = []
    print(f"{'formula':36}{'points':>8}{'worse':>8}{'better':>8}{'most':>8}{'mean':>8}{'was':>8}")
    for row in map(json.loads, _lines(chosen.file)):
        if row["name"] in known and (not chosen.names or any(name in row["name"] for name in chosen.names)):
            done.append(_one(known[row["name"]], row, kept, chosen))
    bad = [each for each in done if each.worse]
    mean = [each.name for each in done if each.improved > each.written + SLACK]
    print(
        f"\n{len(done)} forms; worse at a point by more than {SLACK} bits beyond a unit in the last place: {len(bad)}, "
    )
    print(f"at more than one point of a thousand: {sum(1000 * each.worse > each.points for each in bad)}")
    print(f"worse in the mean by more than {SLACK} bits: {', '.join(mean) or 'none'}")


def _one(
    entry: Entry, row: Mapping[str, Any], kept: list[dict[str, Any]], chosen: argparse.Namespace
) -> Fresh:
    """A form compared, or as it was kept."""
    before = [each for each in kept if (each["name"], each["by"]) == (row["name"], row["by"])]
    form = from_plain(row["forms"])["improved"]
    fresh = Fresh(**before[0]) if before else compared(entry, row["by"], form, chosen.points, chosen.seed)
    if chosen.keep and not before:
        with chosen.keep.open("a") as file:
            file.write(json.dumps(asdict(fresh)) + "\n")
    name = f"{fresh.name} by {fresh.by}" if fresh.by else fresh.name
    print(
        f"{name:36}{fresh.points:8}{fresh.worse:8}{fresh.better:8}{fresh.worst:8.2f}{fresh.improved:8.2f}{fresh.written:8.2f}"
        + (f"  {fresh.at}" if fresh.worse else ""),
        flush=True,
    )
    return fresh


def _lines(path: Path | None) -> list[str]:
    return path.read_text().splitlines() if path and path.exists() else []


if __name__ == "__main__":
    main()

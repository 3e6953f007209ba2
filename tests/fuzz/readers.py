"""Damaged and hostile texts and files for everything that reads one: what comes out is a value, or one of graphc's errors.

    python -m tests.fuzz readers --count 20000 --seed 0 [--seconds S] [--reader NAME]

Prints per reader how many inputs were tried, accepted, refused and escaped, and each escape with what replays it: case N of a
reader depends on the seed and N alone (`--first N --count 1`).
"""

from __future__ import annotations

import argparse
import random
import time
import traceback
import warnings
from collections import Counter
from typing import Any

from tests.fuzz.formats import readers
from tests.fuzz.hostile import CLASSES, Hang, bound_memory, bounded

SECONDS = 20.0
"""After which reading counts as something that does not end."""


def attempt(reader: Any, seed: int, number: int) -> tuple[Any, BaseException | None]:
    """A reader's input of that number, and what reading it raises."""
    rng = random.Random(f"{reader.name} {seed} {number}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with bounded(1.0):
                subject = reader.make(rng)
        except Hang:  # SymPy, over gamma(10**400)
            return None, None
    try:
        with bounded(SECONDS), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reader.read(subject)
    except (Exception, Hang) as error:
        return subject, error
    return subject, None


def outcome(error: BaseException | None) -> str:
    return "accepted" if error is None else "refused" if isinstance(error, CLASSES) else "escaped"


def run(reader: Any, seed: int, first: int, count: int, until: float, trace: bool = False) -> Counter[str]:
    """The outcomes of so many inputs; what escapes is printed."""
    counts: Counter[str] = Counter()
    reader.make(random.Random(0))  # what it imports takes longer than a case may
    for number in range(first, first + count):
        if time.monotonic() > until:
            break
        subject, error = attempt(reader, seed, number)
        counts[outcome(error)] += 1
        if error is not None and outcome(error) == "escaped":
            where = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{where.filename[-40:]}:{where.lineno}"
            print(
                f"  {reader.name} {number}: {type(error).__name__}: {str(error)[:80]!r} {place} {_shown(subject)}",
                flush=True,
            )
            if trace:
                traceback.print_exception(error)
    return counts


def _shown(subject: Any) -> str:
    try:
        return repr(subject)[:150]
    except Exception:  # SymPy prints not all that it builds
        return f"a {type(subject).__name__}"


def main(args: list[str]) -> int:
    options = argparse.ArgumentParser(prog="tests.fuzz readers", description=__doc__)
    options.add_argument("--count", type=int, default=20_000, help="inputs for each reader")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--first", type=int, default=0, help="the number of the first input")
    options.add_argument("--seconds", type=float, default=float("inf"), help="at most, for each reader")
    options.add_argument("--reader", action="append", help="only this one; may be given several times")
    options.add_argument("--trace", action="store_true", help="print where the errors arise")
    chosen = options.parse_args(args)
    bound_memory()
    escaped = 0
    for reader in readers():
        if chosen.reader is not None and reader.name not in chosen.reader:
            continue
        until = time.monotonic() + chosen.seconds
        counts = run(reader, chosen.seed, chosen.first, chosen.count, until, chosen.trace)
        escaped += counts["escaped"]
        told = ", ".join(f"{kind} {counts[kind]:,}" for kind in ("accepted", "refused", "escaped"))
        print(f"{reader.name}: tried {sum(counts.values()):,}, {told}", flush=True)
    return int(escaped > 0)

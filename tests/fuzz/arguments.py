"""Every public callable with one argument of a wrong kind: what comes out is a result, or one of graphc's errors.

    python -m tests.fuzz arguments [--verb NAME] [--seconds S]

Exhaustive: each parameter of each callable in `verbs` meets each value of `hostile`. Prints what escaped: the callable, the
parameter, the value and the error.
"""

# ruff: noqa: E501  a row of a table is a line

from __future__ import annotations

import argparse
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.fuzz.hostile import CLASSES, VALUES, Hang, bound_memory, bounded
from tests.fuzz.verbs import verbs

SECONDS = 20.0
"""After which a call counts as one that does not end."""

ENDLESS = {
    ("g.rule", "when", "builtin"),
    ("train.fit", "epochs", "10**400"),
    ("g.function", "python", "None"),
    ("train.fit", "epochs", "10**400"),
    ("train.fit", "each", "endless"),
}
"""Valid calls that run for ever, as asked, one that gives a decorator, and a function of the user's whose own error comes out."""


def attempt(verb: Any, parameter: str, value: str) -> BaseException | None:
    """What a call raises; None where it gives a result."""
    try:
        with bounded(SECONDS), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wrong = VALUES[value]()
            verb(**{parameter: (wrong,) if parameter == verb.star else wrong})
    except (Exception, Hang) as error:
        return error
    return None


def combinations(names: list[str] | None = None) -> Iterator[tuple[str, Any, str, str]]:
    """(name, callable, parameter, value) for everything there is."""
    for name, verb in verbs().items():
        if names is not None and name not in names:
            continue
        for parameter in verb.arguments:
            for value in VALUES:
                if value == "endless" and parameter not in ("shape", "axis"):
                    continue
                if (name, parameter, value) not in ENDLESS:
                    yield name, verb, parameter, value


def main(args: list[str]) -> int:
    options = argparse.ArgumentParser(prog="tests.fuzz arguments", description=__doc__)
    options.add_argument("--verb", action="append", help="only this callable; may be given several times")
    options.add_argument("--seconds", type=float, default=float("inf"))
    options.add_argument("--trace", action="store_true", help="print where the errors arise")
    chosen = options.parse_args(args)
    bound_memory()
    counts: Counter[str] = Counter()
    until = time.monotonic() + chosen.seconds
    for name, verb, parameter, value in combinations(chosen.verb):
        if time.monotonic() > until:
            print("out of time")
            break
        error = attempt(verb, parameter, value)
        outcome = "accepted" if error is None else "refused" if isinstance(error, CLASSES) else "escaped"
        counts[outcome] += 1
        if outcome == "escaped" and error is not None:
            where = traceback.extract_tb(error.__traceback__)[-1]
            print(
                f"{name}({parameter}={value}): {type(error).__name__}: {str(error)[:90]!r}  {where.filename[-40:]}:{where.lineno}",
                flush=True,
            )
            if chosen.trace:
                traceback.print_exception(error)
    print(
        f"tried {sum(counts.values()):,}, "
        + ", ".join(f"{kind} {counts[kind]:,}" for kind in ("accepted", "refused", "escaped"))
    )
    return counts["escaped"] > 0

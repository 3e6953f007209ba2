"""A collection of formulas in which digits are lost, with the best forms that were found by hand.

150 formulas of many fields, as people write them, in the files of TOML beside this one; a tenth of them stands in held_out.toml
and is not looked at while rules are written. 30 more, of fields that these have little of, stand in outside.toml: written after
the search, as somebody else would write them. `python -m tests.benchmarks.collection` measures them;
`tests/rewrite/test_collection.py` holds that each best form is the same function over the real numbers.
"""

from __future__ import annotations

import sys
import tomllib
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import graphc as g
import graphc.ops.exact_product  # registers multiply_error, which texts name

FILES = ("algebra", "functions", "sciences", "everyday")
HELD_OUT = ("held_out",)
OUTSIDE = ("outside",)

MAX = sys.float_info.max
DOMAINS: dict[str, tuple[float, float]] = {
    "all": (-MAX, MAX),
    "positive": (sys.float_info.min, MAX),
    "unit": (0.0, 1.0),
}
"""What a symbol may be where nothing physical is said; positive numbers are normal ones."""


@dataclass(frozen=True)
class Entry:
    """A formula with its best form.

    written, best : texts in the grammar of `g.parse`; a best form may name its parts first: "h = hypot(a, b); b/(h + a)"
    range : name → the interval that is physical; domain : name → all that is meant, as an interval of floats
    why : how the best form comes about, or where it is from
    """

    name: str
    field: str
    written: str
    best: str
    why: str
    range: dict[str, tuple[float, float]]
    domain: dict[str, tuple[float, float]]

    @cached_property
    def symbols(self) -> list[g.Expr]:
        return [g.symbol(name) for name in self.range]

    @property
    def focus(self) -> dict[str, tuple[float, float]]:
        """The physical range, as far as it is meant: what a user tells a search of it."""
        return {
            name: (max(low, self.domain[name][0]), min(high, self.domain[name][1]))
            for name, (low, high) in self.range.items()
        }

    @cached_property
    def formula(self) -> g.Expr:
        return g.parse(self.written, self.symbols)

    @cached_property
    def by_hand(self) -> g.Expr:
        return assembled(self.best, self.symbols)


def assembled(text: str, symbols: list[g.Expr]) -> g.Expr:
    """The expression of a text that names its parts."""
    known = {symbol.name: symbol for symbol in symbols}
    *parts, form = text.split(";")
    for part in parts:
        name, _, value = part.partition("=")
        known[name.strip()] = g.parse(value.strip(), known)
    return g.parse(form.strip(), known)


def entries(files: tuple[str, ...] = FILES) -> list[Entry]:
    """The formulas of some files."""
    found = []
    for file in files:
        with (Path(__file__).parent / f"{file}.toml").open("rb") as stream:
            found += [_entry(name, row) for name, row in tomllib.load(stream).items()]
    return found


def some(names: Iterable[str], count: int | None) -> set[str]:
    """So many of some names, the same in each run, and of more all of fewer; all where that is None."""
    ordered = sorted(set(names), key=lambda name: zlib.crc32(name.encode()))
    return set(ordered[:count])


def _entry(name: str, row: dict[str, Any]) -> Entry:
    domain = row.get("domain", {})
    bounds = {
        symbol: DOMAINS[given] if isinstance(given, str) else (float(given[0]), float(given[1]))
        for symbol, given in ((symbol, domain.get(symbol, "all")) for symbol in row["range"])
    }
    ranges = {symbol: (float(low), float(high)) for symbol, (low, high) in row["range"].items()}
    return Entry(name, row["field"], row["written"], row["best"], row["why"], ranges, bounds)


__all__ = ["FILES", "HELD_OUT", "OUTSIDE", "Entry", "assembled", "entries", "some"]

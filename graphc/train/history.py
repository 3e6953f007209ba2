"""What happened in training: one record for each epoch, or for every so many of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

from graphc.errors import InputError, brief
from graphc.util.arguments import listed, mapping
from graphc.viz.plot import lines

_SHOWN = 20
"""Records that a notebook shows."""


class History(Sequence[dict[str, float]]):
    """The records of training in order: each a dict of the number of the last epoch that it is of, the mean loss of its epochs,
    the rate, the metrics that were asked for, and the seconds that its steps took.

    >>> history = History([{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}])
    >>> history.series("loss"), len(history), history[-1]["loss"]
    ([0.5, 0.25], 2, 0.25)
    """

    def __init__(self, records: Sequence[dict[str, float]] = ()) -> None:
        hint = 'records of names and numbers: [{"epoch": 1, "loss": 0.5}]'
        listed_records = listed("a history", records, hint)
        self.records: list[dict[Any, Any]] = [
            dict(mapping("a record of a history", record, hint)) for record in listed_records
        ]

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, place: Any) -> Any:
        return self.records[place]

    def __iter__(self) -> Iterator[dict[str, float]]:
        return iter(self.records)

    @property
    def columns(self) -> list[str]:
        """The names of what is recorded."""
        return list(self.records[0]) if self.records else []

    @property
    def epochs(self) -> int:
        """How many epochs are recorded: the number of the last one; 0 before there is a record."""
        return int(self.records[-1].get("epoch", len(self))) if self.records else 0

    def series(self, name: str) -> list[float]:
        """One column, record by record; raises `InputError` for a name that is not recorded."""
        if not self.records:
            return []
        if not isinstance(name, str) or name not in self.records[0]:
            raise InputError(f"the history has no {brief(name)}", hint=f"it has {', '.join(self.columns)}")
        if missing := next((record for record in self.records if name not in record), None):
            raise InputError(f"a record of the history has no {brief(name)}: {brief(missing)}")
        return [record[name] for record in self.records]

    def plot(self, path: str | os.PathLike[str], *names: str, log: bool = False) -> Path:
        """Draw columns over the epochs: .png, .svg or .pdf. By default all but the epoch, the rate and the seconds.

        log : whether the values go by powers of ten

        Returns the path. Raises `InputError` for a name that is not recorded or where there is nothing to draw.
        """
        if not self.records:
            raise InputError("there is no epoch to plot")
        chosen = names or [name for name in self.columns if name not in ("epoch", "rate", "seconds")]
        series = {name: self.series(name) for name in chosen}
        return lines(path, self.series("epoch"), series, xlabel="epoch", log=log)

    def _repr_html_(self) -> str:
        """For notebooks: a table of the last records."""
        shown = self.records[-_SHOWN:]
        names = list(dict.fromkeys(name for record in shown for name in record))
        left_out = len(self.records) - len(shown)
        note = f"<caption>the last {len(shown)} of {len(self.records)} records</caption>" if left_out else ""
        rows = [
            [f"{record[name]:.4g}" if isinstance(record.get(name), float) else str(record.get(name, "")) for name in names]
            for record in shown
        ]  # fmt: skip
        head = _row("th", map(str, names))
        return f"<table>{note}<thead>{head}</thead><tbody>{''.join(_row('td', row) for row in rows)}</tbody></table>"

    def __repr__(self) -> str:
        if not self.records:
            return "<History of no epoch>"
        last = ", ".join(f"{name} {value:.4g}" for name, value in self.records[-1].items() if name != "epoch")
        return f"<History of {self.epochs} epoch{'s' if self.epochs != 1 else ''}: {last}>"


def _row(tag: str, cells: Iterable[str]) -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"


__all__ = ["History"]

"""Bars that show how far something is, on a terminal; the only importer of tqdm."""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

from graphc.util import fork_safety

DELAY = 1.0
"""Seconds after which a bar appears: what takes less shows none."""


MANY = 4096
"""Operations from which a bar may appear by itself: fewer are compiled before."""


@cache
def tqdm() -> Any:
    """The package."""
    import tqdm  # pyright: ignore[reportMissingModuleSource]

    return tqdm


@cache
def _bar() -> Any:
    class Bar(tqdm().tqdm):
        monitor_interval = 0  # no thread of its own

    Bar.set_lock(fork_safety.lock())  # without it a lock for several processes is made
    return Bar


class Progress:
    """How far a compilation is, or something else; a context that ends the bar.

    total : operations; shown : True always, False never, None on a terminal, where it takes longer than `DELAY`
    what, unit : the words of the bar; many : the total from which it may appear by itself
    """

    def __init__(
        self,
        total: int,
        shown: bool | None,
        what: str = "compiling",
        unit: str = " operations",
        many: int = MANY,
    ) -> None:
        stream = sys.stderr
        terminal = stream is not None and stream.isatty()
        self._bar: Any = None
        if stream is not None and (terminal and total >= many if shown is None else shown):
            self._bar = _bar()(
                total=total,
                desc=what,
                unit=unit,
                unit_scale=True,
                delay=0.0 if shown else DELAY,
                leave=bool(shown),
                file=stream,
                dynamic_ncols=True,
            )

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def step(self, operations: int) -> None:
        """So many more are done."""
        if self._bar is not None:
            self._bar.update(operations)

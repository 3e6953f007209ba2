"""How much of a budget of seconds is left: asked inside of every loop of a search."""

from __future__ import annotations

import time
from collections.abc import Callable

NOW: Callable[[], float] = time.perf_counter
"""What tells the time. A benchmark on a machine that does other things puts `time.process_time` in its place: what a search finds
in its budget is then the same however busy the machine is."""

OFTEN = 0.2
"""Seconds between two words of how far a search is."""


class OutOfTime(Exception):
    """A step of a search was ended in its middle: what it was about is as if it had not been tried."""


class Clock:
    """A budget that runs from when it is made.

    seconds : of it; 0 has run out at once
    tell : is told the share that is spent, now and then
    """

    def __init__(self, seconds: float, tell: Callable[[float], None] | None = None) -> None:
        self.seconds = seconds
        self._tell = tell
        self._told = 0.0
        self._began = NOW()

    @property
    def spent(self) -> float:
        """Seconds since it was made."""
        return NOW() - self._began

    def share_from_now(self, part: float, end: float = 1.0) -> float:
        """The share of the budget at which a part of the time from now to the share `end` has passed."""
        now = self.spent / self.seconds if self.seconds else 1.0
        return now + part * max(0.0, end - now)

    def over(self, share: float = 1.0) -> bool:
        """Whether a share of the budget has been spent."""
        spent = self.spent
        if self._tell is not None and spent > self._told + OFTEN:
            self._told = spent
            self._tell(min(1.0, spent / self.seconds) if self.seconds else 1.0)
        return spent >= share * self.seconds

    def left(self, share: float = 1.0) -> float:
        """Seconds until a share of the budget has been spent."""
        return max(0.0, share * self.seconds - self.spent)


__all__ = ["Clock", "OutOfTime"]

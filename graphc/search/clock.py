"""How much of a budget of seconds is left: asked inside of every loop of a search."""

from __future__ import annotations

import time


class Clock:
    """A budget that runs from when it is made.

    seconds : of it; 0 has run out at once
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._began = time.perf_counter()

    @property
    def spent(self) -> float:
        """Seconds since it was made."""
        return time.perf_counter() - self._began

    def over(self, share: float = 1.0) -> bool:
        """Whether a share of the budget has been spent."""
        return self.spent >= share * self.seconds


__all__ = ["Clock"]

"""Ctrl-C, and what other signals raise, held back while an exception would be lost or leave something half done.

LLVM calls Python back while it compiles. An exception inside such a callback has no caller to go to: ctypes prints it and it is
gone. So is one in the middle of an import, whose package is then half loaded for the life of the process.
"""

from __future__ import annotations

import signal
import sys
import threading
from typing import Any

_SIGNALS = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGALRM", "SIGVTALRM", "SIGPROF", "SIGUSR1", "SIGUSR2")
    if hasattr(signal, name)
)


class held:
    """A context in which handlers of signals wait; at its end those run whose signals came. Nests.

    Python runs handlers on the main thread alone: on any other this does nothing. A handler gets the frame in which the context
    ends: that in which the signal came has ended by then, and would keep what it held, LLVM's objects too, until the cyclic
    collector finds them and finalizes them wherever it happens to run.
    """

    __slots__ = ("_came", "_former")

    def __enter__(self) -> None:
        self._came: list[int] = []
        self._former: list[tuple[int, Any]] = []
        if threading.current_thread() is not threading.main_thread():
            return
        try:
            for number in _SIGNALS:
                handler = signal.getsignal(number)
                if callable(handler):
                    self._former.append((number, handler))  # first: what is listed twice over does no harm
                    signal.signal(number, self._note)
        except (
            BaseException
        ):  # of a handler that still stood: no block begins, so that no end of it would set them back
            self._set_back()
            raise

    def _note(self, number: int, _: Any) -> None:
        self._came.append(number)

    def __exit__(self, *_: object) -> None:
        former = dict(self._former)
        try:
            self._set_back()
        finally:
            for number in self._came:
                former[number](number, sys._getframe(1))

    def _set_back(self) -> None:
        """Set all handlers back, also where one that stands again raises while others do not yet."""
        try:
            self._set_back_once()
        except BaseException:  # it came a moment ago, and does not come again so soon
            self._set_back_once()
            raise

    def _set_back_once(self) -> None:
        for number, handler in self._former:
            if signal.getsignal(number) == self._note:
                signal.signal(number, handler)


__all__ = ["held"]

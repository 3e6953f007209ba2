"""Python's cyclic garbage collector, paused while a graph is built.

Building a million nodes allocates millions of objects that all stay; the collector would scan them again and again, which is
a third to a half of the time, and find nothing, as graphs have no cycles.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from graphc.util import fork_safety

_lock = fork_safety.lock()
_pauses = 0
_was_enabled = False


@contextmanager
def paused() -> Iterator[None]:
    """No cyclic collection inside; nests, and several threads may pause at once."""
    global _pauses, _was_enabled
    with _lock:
        if _pauses == 0:
            _was_enabled = gc.isenabled()
            gc.disable()
        _pauses += 1
    try:
        yield
    finally:
        with _lock:
            _pauses -= 1
            if _pauses == 0 and _was_enabled:
                gc.enable()

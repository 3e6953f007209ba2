"""Which lines the nodes that are made count as written on, and who wants to know what is made."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any, TypeAlias

from graphc.errors import user_sites

Sites: TypeAlias = tuple[()] | tuple[tuple[str, int]]
"""The line of a user's script, if there is one."""


class Writing(threading.local):
    fixed = False
    created: set[Any] | None = None  # what is made, while somebody wants to know
    sites: Sites = ()  # the line that all is written on, where it is fixed


writing = Writing()
arranged: list[None] = []
"""As long as the number of contexts below that are open, on any thread: most nodes are made outside of all."""


@contextlib.contextmanager
def _on(sites: Sites) -> Iterator[None]:
    before = writing.fixed, writing.sites
    arranged.append(None)
    try:
        writing.fixed, writing.sites = True, sites
        yield
    finally:
        writing.fixed, writing.sites = before
        arranged.pop()


def on_this_line() -> contextlib.AbstractContextManager[None]:
    """All that is built inside counts as written on the line that is running now, which is looked up once."""
    return _on(writing.sites if writing.fixed else user_sites(2))


def on_line_of(node: Any) -> contextlib.AbstractContextManager[None]:
    """All that is built inside counts as written where a node was: it stands for that node."""
    return _on(node._sites[:1] or (writing.sites if writing.fixed else ()))


@contextlib.contextmanager
def created_here() -> Iterator[set[Any]]:
    """The nodes that are made inside; one that there was before is not among them, also where it is written again."""
    before, own = writing.created, set[Any]()
    arranged.append(None)
    try:
        writing.created = own
        yield own
    finally:
        writing.created = before
        arranged.pop()
        if before is not None:
            before |= own


__all__ = ["arranged", "created_here", "on_line_of", "on_this_line", "writing"]

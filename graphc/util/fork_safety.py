"""Locks that no fork splits, and packages that are loaded under one.

In a child of `os.fork` the thread that forked is alone. A lock that another thread held would be held in it for good, and what it
guards, LLVM's state above all, half changed. So a fork waits until every lock made here is free and holds them all for as long as
the process is copied.

Modules that look after threads around a fork say so by `at_fork`. They are loaded late, and a fork may be under way on another
thread meanwhile: what has not been called before it is not called after it.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import wraps
from typing import Any, Literal, NamedTuple, TypeVar

from graphc.util.interrupts import held

T = TypeVar("T")

_locks: list[Any] = []
_held: list[Any] = []


def lock() -> Any:
    """A new reentrant lock that no fork splits. It lives as long as the process: one for each purpose, not for each object."""
    new = threading.RLock()
    keep_whole(new)
    return new


def keep_whole(reentrant: Any) -> None:
    """From now on no fork splits this lock, which may be another package's."""
    if not any(reentrant is other for other in _locks):
        _locks.append(reentrant)


def once(load: Callable[[], T]) -> Callable[[], T]:
    """A function of no arguments that runs once, whichever threads ask, and that no fork splits: for what imports a package.

    Python's own locks of modules that are being imported stay held in the child.
    """
    value: list[T] = []

    @wraps(load)
    def loaded() -> T:
        if not value:
            with held(), _loading:  # an import that is broken off leaves its package half loaded
                if not value:
                    value.append(load())
        return value[0]

    return loaded


@contextmanager
def loading() -> Iterator[None]:
    """Around an import that is made late: no fork splits it, and no Ctrl-C breaks it off."""
    with held(), _loading:
        yield


class cached_property(functools.cached_property[T]):
    """Python's, without the lock that it has in 3.11: one for all objects of a class, which a fork may split."""

    def __init__(self, func: Callable[[Any], T]) -> None:
        super().__init__(func)
        self.lock: Any = nullcontext()


class _Watch(NamedTuple):
    """What a module does around a fork."""

    before: Callable[[], object]
    in_parent: Callable[[], object]
    in_child: Callable[[], object]


_watches: list[_Watch] = []
_under_way: list[_Watch] = []
"""Those that were called before the fork that holds the locks."""


def at_fork(
    before: Callable[[], object] = lambda: None,
    in_parent: Callable[[], object] = lambda: None,
    in_child: Callable[[], object] = lambda: None,
) -> None:
    """From the next fork on, call these around it: before it the youngest first, after it the oldest first."""
    _watches.append(_Watch(before, in_parent, in_child))


def _take_locks() -> None:
    """Take every lock; wait for one only while no other is held, so that whoever has it can take what it needs and go on."""
    first: Any = None
    while True:
        if first is not None:
            first.acquire()
            _held.append(first)
        for one in _locks:
            if one is not first and not one.acquire(blocking=False):
                first = one
                break
            if one is not first:
                _held.append(one)
        else:
            return
        _release_locks()


def _release_locks() -> None:
    while _held:
        _held.pop().release()


def _before_fork() -> None:
    called = list(_watches)
    for watch in reversed(called):
        watch.before()
    _take_locks()
    _under_way[:] = called


def _after_fork(where: Literal["in_parent", "in_child"]) -> None:
    """In the parent, and in the child, whose one thread holds the locks."""
    called = list(_under_way)
    _release_locks()
    for watch in called:
        getattr(watch, where)()


_loading = lock()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=functools.partial(_after_fork, "in_parent"),
        after_in_child=functools.partial(_after_fork, "in_child"),
    )

__all__ = ["at_fork", "cached_property", "keep_whole", "loading", "lock", "once"]

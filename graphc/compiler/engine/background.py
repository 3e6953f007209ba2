"""Work on a thread of its own while the program goes on: machine code made behind an interpreter.

A job is done in steps and calls `pause` between them; that is where it can be stopped. What is asked for here:

- when the interpreter ends, jobs are stopped at their next pause and waited for, so that no thread is inside LLVM while its
  libraries are taken down;
- a fork waits until every job pauses, so that no lock is held by a thread that the child does not have; the child begins the work
  anew when it asks for the result;
- what a job raises is kept, and raised to whoever asks for the result.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from graphc.util.fork_safety import at_fork

T = TypeVar("T")


class Stopped(Exception):
    """The interpreter ends: a job that was told so is left as it is."""


class _Gate:
    """How many jobs are between pauses, and whether they have to wait at the next one."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.running = 0
        self.closed = False
        self.stopping = False

    def enter(self) -> None:
        with self.changed:
            self.changed.wait_for(lambda: not self.closed)
            self.running += 1

    def leave(self) -> None:
        with self.changed:
            self.running -= 1
            self.changed.notify_all()

    def pause(self) -> None:
        if self.stopping:
            raise Stopped
        if self.closed:
            self.leave()
            self.enter()

    def close(self) -> None:
        own = isinstance(threading.current_thread(), _Worker)  # a job that forks does not wait for itself
        with self.changed:
            self.closed = True
            self.changed.wait_for(lambda: self.running <= own)

    def open(self) -> None:
        with self.changed:
            self.closed = False
            self.changed.notify_all()


class _Worker(threading.Thread):
    """The thread of a job."""


_gate = _Gate()
_jobs: set[Job] = set()
"""Those that have begun and are not done."""


class Job(Generic[T]):
    """Work that has begun: `work(pause)` gives the result, `then(result)` is called on the same thread.

    pause : to be called between steps
    """

    def __init__(self, work: Callable[[Callable[[], None]], T], then: Callable[[T], None]) -> None:
        self._work = work
        self._then = then
        self._finished = threading.Event()
        self._error: BaseException | None = None
        self._result: list[T] = []
        self._begin()

    def _begin(self) -> None:
        self._thread = _Worker(target=self._run, name="graphc-compiles", daemon=True)
        _jobs.add(self)
        self._thread.start()

    def _run(self) -> None:
        gate = _gate
        gate.enter()
        try:
            result = self._work(gate.pause)
            self._result.append(result)
            self._then(result)
        except BaseException as error:  # it is raised to whoever asks
            self._error = error
        finally:
            gate.leave()
            self._finished.set()
            _jobs.discard(self)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the work is done, so many seconds at most; whether it is. Raises what the work raised."""
        if not self._thread.is_alive() and not self._finished.is_set():
            self._begin()  # the process was forked, and only the forking thread is here
        done = self._finished.wait(timeout)
        if self._error is not None:
            raise self._error
        return done

    def result(self) -> T:
        """What the work gives, waited for."""
        self.wait()
        return self._result[0]


def _stop() -> None:
    """Tell all jobs to stop, and wait until they have."""
    _gate.stopping = True
    for job in list(_jobs):
        job._thread.join()


def _after_fork_in_child() -> None:
    global _gate
    _gate = _Gate()
    for job in list(_jobs):
        if job._thread.ident != threading.get_ident() and not job._finished.is_set():
            job._finished = threading.Event()
            job._error, job._result = None, []
            _jobs.discard(job)  # it begins again when somebody waits for it


atexit.register(_stop)

at_fork(lambda: _gate.close(), lambda: _gate.open(), _after_fork_in_child)

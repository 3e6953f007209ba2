"""Forked processes whose parent's other threads were busy: every lock is free in the child, and it compiles."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading

import pytest

from graphc.util import fork_safety

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX alone forks")


def run(code: str) -> subprocess.CompletedProcess[str]:
    """A program in a process of its own; it forks, and its children are ended by the clock if they hang."""
    head = "import os, signal, threading, warnings\nwarnings.simplefilter('ignore')\n"
    tail = "print([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children])\nstop.set(); thread.join()\n"
    program = head + textwrap.dedent(code) + tail
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)


def test_a_child_compiles_whose_parent_was_compiling():
    done = run("""
        import numpy as np, graphc as g
        x = g.symbol("x")
        begun, stop, children = threading.Event(), threading.Event(), []

        def work():
            number = 0
            while not stop.is_set():
                number += 1
                g.compile(g.exp(x * number) + g.sin(x), [x], cache=False)(np.ones(3))
                begun.set()

        thread = threading.Thread(target=work)
        thread.start()
        begun.wait()
        for attempt in range(6):
            child = os.fork()
            if not child:
                signal.alarm(60)
                f = g.compile(g.tanh(x + attempt) * x, [x], cache=False)
                os._exit(0 if f(1.0) == f(np.array([1.0]))[0] else 1)
            children.append(child)
    """)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{[0] * 6}\n", "")


def test_a_pool_of_forked_processes_compiles_while_the_parent_does():
    """Each worker calls what the parent compiled, frees it, compiles its own, numbers and arrays, and calls Numba's code."""
    done = run("""
        import gc, multiprocessing, numba, numpy as np, graphc as g
        x, y, X = *g.symbols("x y"), g.symbol("X", shape=("n", 3))
        begun, stop, children = threading.Event(), threading.Event(), []
        shared = [g.compile(x*y + k, [x, y], cache=False) for k in range(4)]
        inner = g.compile(x*y + 0.5, [x, y], cache=False)

        @numba.njit
        def total(n):
            result = 0.0
            for i in range(n):
                result += inner(i * 1.0, 2.0)
            return result

        expected = total(5)
        del inner  # its last reference is Numba's code
        gc.collect()

        def work():
            number = 0
            while not stop.is_set():
                number += 1
                g.compile(g.sum(X * number, axis=1), [X], cache=False)(np.ones((2, 3)))
                begun.set()

        def task(k):
            signal.alarm(120)
            old = shared.pop()(2.0, 3.0)
            gc.collect()
            rows = g.compile(g.sum(g.exp(X) * k, axis=1), [X], cache=False)(np.zeros((2, 3)))
            new = g.compile(x - y * k, [x, y], cache=False)
            return old - len(shared), rows.tolist(), new(1.0, 2.0), list(new(np.ones(2), 2.0)), total(5) == expected

        thread = threading.Thread(target=work)
        thread.start()
        begun.wait()
        with multiprocessing.get_context("fork").Pool(2, maxtasksperchild=2) as pool:
            for k, result in enumerate(pool.map(task, range(6), chunksize=1)):
                assert result == (6.0, [3.0 * k] * 2, 1.0 - 2 * k, [1.0 - 2 * k] * 2, True), result
    """)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")


def test_a_child_compiles_whose_parent_was_loading_the_compiler():
    done = run("""
        import graphc as g
        x = g.symbol("x")
        stop, children = threading.Event(), []
        thread = threading.Thread(target=lambda: g.compile(g.gamma(x), [x], cache=False)(1.0))
        thread.start()
        for attempt in range(3):
            child = os.fork()
            if not child:
                signal.alarm(60)
                os._exit(0 if g.compile(x + attempt, [x], cache=False)(1.0) == 1.0 + attempt else 1)
            children.append(child)
    """)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{[0] * 3}\n", "")


def test_locks_taken_in_any_order_stop_no_fork():
    """A thread takes two locks in one order and the other, over and over; forks go on meanwhile."""
    done = run("""
        from graphc.util import fork_safety as forks
        one, other = forks.lock(), forks.lock()
        stop, children = threading.Event(), []

        def work():
            while not stop.is_set():
                with other, one:
                    pass
                with one:
                    with other, one:
                        pass

        thread = threading.Thread(target=work)
        thread.start()
        for attempt in range(20):
            child = os.fork()
            if not child:
                signal.alarm(60)
                with one, other:
                    os._exit(0)
            children.append(child)
    """)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{[0] * 20}\n", "")


def test_what_is_loaded_once_is_loaded_by_one_thread():
    calls = []
    together = threading.Barrier(4)
    loaded = fork_safety.once(lambda: calls.append(1) or len(calls))

    def ask():
        together.wait()
        found.append(loaded())

    found: list[int] = []
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert calls == [1] and found == [1] * 4


def test_what_fails_to_load_is_tried_again():
    answers = iter([ImportError("not here"), 7])

    @fork_safety.once
    def load():
        """The package."""
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with pytest.raises(ImportError):
        load()
    assert load() == load() == 7 and load.__doc__ == "The package."


def test_a_cached_property_is_computed_once_by_each_object_and_waits_for_no_other():
    inside, go = threading.Event(), threading.Event()

    class Slow:
        def __init__(self, waits):
            self.waits = waits

        @fork_safety.cached_property
        def value(self):
            if not self.waits:
                return True, object()
            inside.set()
            return go.wait(20), object()

    slow, quick = Slow(True), Slow(False)
    thread = threading.Thread(target=lambda: slow.value)
    thread.start()
    inside.wait(60)
    assert quick.value is quick.value
    go.set()
    thread.join()
    assert slow.value is slow.value and slow.value[0], "waited until the other was computed"

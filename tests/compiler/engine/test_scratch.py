"""Modules that are compiled from, and their contexts: gone when compiling ends, however it ends and whoever refers to them.

llvmlite's finalizers dispose of them in any order where they are in one garbage cycle, which ends the process.
"""

from __future__ import annotations

import gc
import signal
import subprocess
import sys
from collections import deque

import pytest

import graphc as g
from graphc.compiler.engine import execution_engine, jit

MODULE = execution_engine.binding().ModuleRef
CONTEXT = execution_engine.binding().ContextRef


class StopHere(Exception):
    """What a test has raised in the midst of compiling."""


def _left(error):
    """LLVM's objects that the frames of a traceback refer to, and those that scratches there hold."""
    found, trace = [], error.__traceback__
    while trace is not None:
        for value in trace.tb_frame.f_locals.values():
            within = vars(value).values() if isinstance(value, execution_engine.Scratch) else [value]
            found += [each for each in within if isinstance(each, (MODULE, CONTEXT))]
        trace = trace.tb_next
    return found


@pytest.mark.parametrize("where", ["machine_of", "optimise", "_linked"])
def test_what_breaks_off_compiling_leaves_nothing_open(where, monkeypatch):
    x = g.symbol("x")

    def stops(*_):
        raise StopHere

    monkeypatch.setattr(jit, where, stops)
    with pytest.raises(StopHere) as caught:
        g.compile(g.exp(x) * 3 + x, cache=False)
    monkeypatch.undo()
    left = _left(caught.value)
    assert where == "_linked" or left
    assert all(each.closed for each in left)
    error = caught.value
    error.itself = error  # a cycle, with all of its frames
    del caught, error, left
    gc.collect()
    assert g.compile(g.exp(x) * 3 + x, cache=False)(0.0) == 3.0


@pytest.mark.parametrize("ask", ["llvm", "asm"])
def test_what_is_shown_is_made_in_a_scratch_of_its_own(ask, monkeypatch):
    made = []
    parse = execution_engine.Scratch._kept
    monkeypatch.setattr(
        execution_engine.Scratch, "_kept", lambda self, module: made.append(module) or parse(self, module)
    )
    x = g.symbol("x")
    assert len(getattr(g.compile(g.sin(x) * 7, cache=False), ask)) > 100
    assert made and all(module.closed for module in made)


def test_a_modules_end_comes_once():
    with execution_engine.Scratch() as scratch:
        one = scratch.assembly("define i32 @f() {\n ret i32 0\n}\n")
        two = scratch.assembly("define i32 @g() {\n ret i32 0\n}\n")
        two.link_in(one)  # which is used up
        code = two.as_bitcode()
    assert one.closed and two.closed
    with execution_engine.Scratch() as scratch:
        assert "@f" in str(scratch.bitcode(code))
        with pytest.raises(RuntimeError):
            scratch.assembly("no module")


BROKEN_OFF = """
import gc, signal, threading
import numpy as np
import graphc as g

class StopHere(BaseException):  # as KeyboardInterrupt is: what code expects of a call that fails is no Exception of a timer
    pass

x, y = g.symbols("x y")
armed = False

def raises(*_):
    global armed
    if armed:
        armed = False
        raise StopHere

signal.signal(signal.SIGALRM, raises)
signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
broken = 0
for k in range(200):
    if broken > 40:
        break
    try:
        armed = True
        f = g.compile(x * k + y, [x, y], cache=False)
        assert f(2.0, 1.0) == 2.0 * k + 1
        armed = False
    except StopHere as error:
        error.itself = error
        broken += 1
armed = False
signal.setitimer(signal.ITIMER_REAL, 0)
gc.collect()
assert g.compile(x / y, [x, y], cache=False)(3.0, 2.0) == 1.5
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
thread = threading.Thread(target=lambda: g.compile(x * y, [x, y], cache=False)(np.ones(2), 2.0), daemon=True)
thread.start()
thread.join(60)
assert not thread.is_alive()  # no lock is held any more
print("right")
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers")
def test_a_timer_that_raises_in_the_midst_of_compiling():
    """As tests and servers limit the time of a call: whatever is broken off, later compilations are right and Ctrl-C is heard.

    In a process of its own: what the timer breaks off in a finalizer is lost, and Python says so to whoever runs then.
    """
    signal_is_heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    done = subprocess.run(
        [sys.executable, "-c", f"{signal_is_heard}\n{BROKEN_OFF}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert (done.returncode, done.stdout) == (0, "right\n"), done.stderr


def test_the_lock_of_llvm_is_given_back_where_a_handler_raises_as_it_is_taken(monkeypatch):
    """As other threads would wait for it for good."""
    lock = execution_engine._llvm_lock(execution_engine.binding())

    class Interrupted:
        _is_owned, release = lock._is_owned, lock.release

        def acquire(self, blocking):
            assert lock.acquire(blocking)
            raise StopHere

    x = g.symbol("x")
    with monkeypatch.context() as patch:
        patch.setattr(execution_engine, "_llvm_lock", lambda llvm: Interrupted())
        patch.setattr(execution_engine, "_unused", deque([-1]))
        with pytest.raises(StopHere):
            execution_engine.sweep()
    assert not lock._is_owned()
    assert g.compile(x + 2, [x], cache=False)(1.0) == 3.0


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="signals of Unix")
@pytest.mark.parametrize("when", ["as the lock is taken", "as it is given back"])
def test_the_lock_of_llvm_is_given_back_where_a_signal_comes_in_a_method_of_it(when, monkeypatch):
    """llvmlite's lock is a method in Python around the lock: it is taken for good where a handler raises in the midst of that."""
    lock = execution_engine.binding().ffi.lib._lock
    entered, left = type(lock).__enter__, type(lock).__exit__

    def enters(self):
        entered(self)
        if when == "as the lock is taken":
            signal.raise_signal(signal.SIGUSR1)

    def leaves(self, *details):
        if when == "as it is given back":
            signal.raise_signal(signal.SIGUSR1)
        left(self, *details)

    def raises(*_):
        raise StopHere

    x = g.symbol("x")
    function = g.compile(x + 3, [x], cache=False)
    with monkeypatch.context() as patch:
        patch.setattr(execution_engine, "sweep", lambda: None)
        assert function(1.0) == 4.0
        del function
        gc.collect()
    assert execution_engine._unused
    before = signal.signal(signal.SIGUSR1, raises)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(type(lock), "__enter__", enters)
            patch.setattr(type(lock), "__exit__", leaves)
            with pytest.raises(StopHere):
                execution_engine.sweep()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert not lock._lock._is_owned()

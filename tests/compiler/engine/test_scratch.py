"""Modules that are compiled from, and their contexts: gone when compiling ends, however it ends and whoever refers to them.

llvmlite's finalizers dispose of them in any order where they are in one garbage cycle, which ends the process.
"""

from __future__ import annotations

import gc
import signal

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


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers")
@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # what is raised in a finalizer is lost
def test_a_timer_that_raises_in_the_midst_of_compiling():
    """As tests and servers limit the time of a call: whatever is broken off, later calls and compilations are right."""
    x, y = g.symbols("x y")
    armed = False

    def raises(*_):
        nonlocal armed
        if armed:
            armed = False
            raise StopHere

    before = signal.signal(signal.SIGALRM, raises)
    signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
    try:
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
    finally:
        armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    gc.collect()
    assert g.compile(x / y, [x, y], cache=False)(3.0, 2.0) == 1.5
    assert (
        signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )  # whatever broke off where handlers are changed

"""Machine code goes with the last reference to it, and not before."""

from __future__ import annotations

import ctypes
import gc
import os
import pickle
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path

import numba
import numpy as np
import pytest
import scipy.integrate

import graphc as g
from graphc.compiler.engine import code_generator, execution_engine, jit
from graphc.compiler.runtime.fastcall import builtin
from graphc.errors import CompileError


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """Each test has a cache of its own, so that the process has no library of the same text."""
    monkeypatch.setenv("GRAPHC_CACHE_DIR", str(tmp_path))
    return tmp_path


class Allocated(ctypes.Structure):
    """glibc's `struct mallinfo2`."""

    _fields_ = (("values", ctypes.c_size_t * 10),)


def number(value: float, **options):
    x, y = g.symbols("x y")
    return g.compile(x * y + value, [x, y], **options)


def live() -> int:
    gc.collect()
    return execution_engine.live()


def _numbers():
    assert number(0.731, cache=False)(2.0, 3.0) == 6.731


def _from_this_process_and_from_disk():
    first = number(0.7311)
    second = number(0.7311)
    assert first._libraries[-1] is second._libraries[-1]
    del first
    gc.collect()
    assert second(2.0, 3.0) == 6.7311
    del second
    gc.collect()
    third = number(0.7311)
    assert third._libraries[-1].cached == "hit" and third(2.0, 3.0) == 6.7311


def _loops():
    f, a = number(0.7312, cache=False), np.arange(5.0)
    for _ in range(3):
        assert (f(a, 2.0) == a * 2.0 + 0.7312).all() and (f(a, a[::-1]) == a * a[::-1] + 0.7312).all()
    assert f(2.0, 3.0) == 6.7312


def _threads():
    f, a = number(0.7313, cache=False, parallel=True), np.arange(1000.0)
    assert (f(a, a) == a * a + 0.7313).all()


def _modules_that_call_each_other():
    x = y = g.symbol("x")
    for k in range(600):  # too long for a loop of its own: that calls the scalar body
        y = y * 0.5 + k
    f, expected = g.compile(y, [x], cache=False, rewrite=None), 1.0
    for k in range(600):
        expected = expected * 0.5 + k
    assert f(1.0) == expected and (f(np.ones(3)) == expected).all()


def _program():
    X = g.symbol("X", shape=("n", 3))
    f = g.compile(g.sum(g.exp(X * 0.7314), axis=0), [X], cache=False)
    a = np.ones((4, 3))
    np.testing.assert_allclose(f(a), np.exp(a * 0.7314).sum(0), rtol=1e-15)


def _for_scipy():
    x = g.symbol("x")
    f = g.compile(x * 0.7315, [x], cache=False).lowlevel
    gc.collect()
    assert abs(scipy.integrate.quad(f, 0.0, 1.0)[0] - 0.7315 / 2) < 1e-12


@numba.njit
def _twice(function, x):
    return function(x, x) + function(x, 1.0)


def _argument_of_numbas_code():
    assert _twice(number(0.7316, cache=False), 2.0) == 4.7316 + 2.7316


def _behind_an_interpreter():
    f = number(0.7317, cache=False, tier="interpreted")
    assert f.wait() and f(2.0, 3.0) == 6.7317


def _pickled():
    f = pickle.loads(pickle.dumps(number(0.7318, cache=False)))
    assert f(2.0, 3.0) == 6.7318 and f.llvm and f.asm


WAYS = (
    _numbers, _from_this_process_and_from_disk, _loops, _threads, _modules_that_call_each_other, _program, _for_scipy,
    _argument_of_numbas_code, _behind_an_interpreter, _pickled,
)  # fmt: skip


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__.strip("_"))
def test_nothing_stays(way: Callable[[], None]):
    way()  # what all functions share is loaded
    before = live()
    way()
    assert live() == before


@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="glibc alone counts what is allocated"
)
def test_compiling_leaves_no_memory():
    def allocated() -> int:
        gc.collect()
        look = ctypes.CDLL(None).mallinfo2
        look.restype = Allocated
        values = look().values
        return values[4] + values[7]  # mapped, and in use

    for k in range(5):
        number(0.5 + k, cache=False)
    before = allocated()
    for k in range(30):
        number(0.25 + k, cache=False)
    # what llvmlite leaves for each run of its passes; a single pass manager that is not freed takes ten times as much
    assert (allocated() - before) / 30 < 6000


def test_definitions_of_builtins_are_used_again():
    for k in range(4):
        number(0.125 + k, cache=False)
        gc.collect()
    live()
    before = len(builtin._spare) + len(builtin._definitions)
    for k in range(8):
        number(0.0625 + k, cache=False)
        gc.collect()
    live()
    assert len(builtin._spare) + len(builtin._definitions) == before


def test_what_is_called_keeps_the_code():
    f = number(0.41, cache=False)
    calls = [f.__call__, f.call]
    a = np.ones(3)
    f(a, a), f(a, a)
    calls.append(f.__call__)
    del f
    fill()
    assert [call(2.0, 3.0) for call in calls] == [6.41] * 3
    assert (calls[-1](a, a) == 1.41).all()


def fill() -> None:
    """Let go of what can go, and load other code where it was."""
    gc.collect()
    execution_engine.sweep()
    for k in range(8):
        number(1000.0 + k, cache=False)(1.0, 1.0)


def test_numbas_code_keeps_what_it_calls():
    f = number(0.42, cache=False)

    @numba.njit
    def total(n):
        result = 0.0
        for i in range(n):
            result += f(i * 1.0, 2.0)  # noqa: F821
        return result

    expected = sum(i * 2.0 + 0.42 for i in range(5))
    assert total(5) == expected
    del f
    fill()
    assert total(5) == expected


def test_a_finalizer_in_the_same_cycle_may_call():
    results = []

    class Owner:
        def __del__(self) -> None:
            results.append(self.function(2.0, 3.0))

    before = live()
    for k in range(5):
        owner = Owner()
        owner.function = number(0.43 + k, cache=False)
        owner.function.owner = owner.itself = owner
        del owner
    gc.collect()
    assert sorted(results) == [6.0 + 0.43 + k for k in range(5)]
    assert live() == before


def test_unloading_waits_for_nothing():
    lock = execution_engine._llvm_lock(execution_engine.binding())
    f, h = number(0.44, cache=False), number(0.45, cache=False)
    before = live()
    with lock:  # LLVM works for this thread
        del f
        gc.collect()
        assert len(execution_engine._modules) == before
    assert live() == before - 1
    held, go = threading.Event(), threading.Event()

    def work() -> None:
        with lock:
            held.set()
            go.wait(60)

    thread = threading.Thread(target=work)
    thread.start()
    held.wait(60)
    del h  # LLVM works for another
    gc.collect()
    assert len(execution_engine._modules) == before - 1
    go.set()
    thread.join()
    number(0.46, cache=False)  # what compiles next unloads them
    assert live() == before - 2


def test_ctrl_c_while_code_is_unloaded_is_not_lost(monkeypatch):
    def interrupted() -> None:
        raise KeyboardInterrupt

    f = number(0.47, cache=False)
    gc.collect()
    with pytest.raises(KeyboardInterrupt), monkeypatch.context() as patch:
        patch.setattr(execution_engine, "sweep", interrupted)
        del f
        gc.collect()
        for _ in range(600):
            threading.Event().wait(0.1)  # it arrives between two instructions


def test_refused_code_leaves_nothing():
    before = live()
    for text in ("define nonsense", "define double @f() {\n  ret i32 0\n}"):
        with pytest.raises(CompileError, match="LLVM refused"):
            jit.build(text, ("f",))
    with pytest.raises(CompileError, match="no function 'graphc_"):
        jit.build("define void @f() {\n  ret void\n}", ("f",)).pointer("h")
    assert live() == before


def test_threads_call_while_others_go():
    x, y = g.symbols("x y")
    f, a = number(0.48, cache=False), np.arange(100.0)
    shared, expected = [number(0.49, cache=False)], a * a + 0.48
    stop, errors, began = threading.Event(), [], threading.Barrier(4)

    def call() -> None:
        began.wait(60)
        while not stop.is_set():
            ok = f(2.0, 3.0) == 6.48 and (f(a, a) == expected).all()
            last = shared[0]  # the call holds the last reference now and then
            ok = ok and last(1.0, 1.0) % 1 == pytest.approx(0.49)
            del last
            if not ok:
                errors.append("differs")
                return

    def churn(first: int) -> None:
        began.wait(60)
        for k in range(first, first + 3):
            shared[0] = number(k + 0.49, cache=False)
            g.compile(x * k - y, [x, y])(a, a)
        gc.collect()

    callers = [threading.Thread(target=call) for _ in range(2)]
    churners = [threading.Thread(target=churn, args=(100 * k,)) for k in range(2)]
    for thread in (*callers, *churners):
        thread.start()
    for thread in churners:
        thread.join()
    stop.set()
    for thread in callers:
        thread.join()
    assert not errors


def python(code: str) -> subprocess.CompletedProcess[str]:
    head = "import gc, os, threading, numpy as np, graphc as g\nx, y = g.symbols('x y')\n"
    return subprocess.run(
        [sys.executable, "-c", head + textwrap.dedent(code)], capture_output=True, text=True, timeout=300
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX alone forks")
def test_a_child_frees_and_compiles():
    done = python("""
        kept, gone = [g.compile(x * k + y, [x, y], cache=False) for k in (3, 4)]
        gone(np.ones(3), 1.0)
        child = os.fork()
        del gone
        gc.collect()
        new = g.compile(x * 5 + y, [x, y], cache=False)
        ok = (kept(1.0, 2.0), new(1.0, 2.0), list(new(np.ones(2), 2.0))) == (5.0, 7.0, [7.0, 7.0])
        if not child:
            os._exit(0 if ok else 1)
        print(ok, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """)
    assert done.stdout == "True 0\n" and not done.stderr, done.stderr


def test_the_interpreter_ends_while_threads_free():
    done = python("""
        def work():
            k = 0
            while True:
                k += 1
                g.compile(x * k + y, [x, y], cache=False)(1.0, 2.0)
        began = g.compile(x + y, [x, y], cache=False)
        cycle = [began]
        cycle.append(cycle)
        threading.Thread(target=work, daemon=True).start()
        kept = [g.compile(x - k * y, [x, y], cache=False) for k in range(4)]
        print(kept[0](3.0, 2.0))
    """)
    assert done.stdout == "3.0\n" and done.returncode == 0 and "Traceback" not in done.stderr, done.stderr


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory as Linux counts it")
@pytest.mark.long
def test_memory_of_the_process_stays():
    done = python("""
        import sys
        from graphc.compiler.engine import execution_engine as engine
        X, a = g.symbol("X", shape=("n", 3)), np.ones((4, 3))
        def resident():
            gc.collect()
            return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGESIZE")
        def cycle(k):
            g.compile(g.sin(x * k) + y, [x, y], cache=False)(1.0, 2.0)
            g.compile(g.sum(g.exp(X * k)), [X], cache=False)(a)
        for k in range(40):
            cycle(k + 0.5)
        before, modules = resident(), engine.live()
        for k in range(200):
            cycle(k + 0.25)
        print((resident() - before) / 400, engine.live() - modules)
    """)
    each, modules = map(float, done.stdout.split())
    assert modules == 0 and each < 20_000, done.stdout  # it was 650,000


def test_single_functions_are_optimised_where_they_are_inlined(monkeypatch):
    """A run for exp where it is inlined, and none for the kernel and its entries: llvmlite frees little of a run.

    Whether it is inlined in code for one number depends on the processor.
    """
    runs, names = [], []
    found = code_generator.inlined
    monkeypatch.setattr(code_generator, "inlined", lambda text: names.append(found(text)) or names[-1])
    generator = code_generator.toolchain().codegen
    manager = generator.function_passes
    monkeypatch.setattr(generator, "function_passes", lambda: runs.append(1) or manager())
    x, xs = g.symbol("x"), g.symbol("xs", shape=("n",))
    f = g.compile(g.exp(x) * 0.3125, [x], cache=False)
    assert f(0.0) == 0.3125
    assert len(names) == 1 and len(runs) == len(names[0]) <= 1
    h = g.compile(g.exp(xs) * 0.3125, [xs], cache=False)
    assert h(np.zeros(3)).tolist() == [0.3125] * 3
    called = [name for each in names for name in each]
    assert 1 <= len(runs) == len(called) and not {"call", "packed", "loop"} & set(called)


@pytest.mark.parametrize(
    "version, together", [("0.47.0", False), ("0.49.1rc1", False), ("0.50.0", True), ("1.0.0", True)]
)
def test_one_block_is_asked_of_managers_that_have_room(version, together, monkeypatch):
    monkeypatch.setattr(execution_engine, "binding_version", lambda: version)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    assert execution_engine.stands_together.__wrapped__() is together

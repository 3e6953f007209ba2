"""An interpreter that answers while machine code is made: the same results, before and after; errors, forks, the end."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

import graphc as g
from graphc.compiler import pipeline
from graphc.compiler.engine import background
from graphc.compiler.runtime import build, graph_cache, interpreted, tiered_compilation
from graphc.compiler.runtime.interpreted import Interpreter
from graphc.compiler.targets.llvm.kernels import split_body
from graphc.errors import CompileError, InputError
from graphc.interpret.numpy_eval import run_arrays
from graphc.util import progress
from tests.counts import examples
from tests.strategies import forests

ROOT = Path(__file__).resolve().parents[3]
X, Y = g.symbols("x y")


@pytest.fixture
def held(monkeypatch):
    """Holds the machine code back until the event is set."""
    go = threading.Event()
    make = build.make

    def later(*arguments):
        go.wait(60)
        return make(*arguments)

    monkeypatch.setattr(build, "make", later)
    yield go
    go.set()


def bits(results):
    return [(np.asarray(result).dtype, np.asarray(result).tobytes()) for result in results]


def test_it_answers_at_once_and_then_faster(held):
    f = g.compile([X * Y + 0.1, {"q": g.sqrt(X) / Y}], [X, Y], rewrite=None, cache=False, tier="interpreted")
    a = np.linspace(0.5, 3, 11)
    calls = ((2.0, 3.0), (2, 3), (a, 3.0), (a[:, None], a[:3]), (np.float64(2.0), a[::-2]))
    assert f.tier == "interpreted" and not f.wait(0) and "compiling" in repr(f)
    before = [f(*call) for call in calls]
    assert f.tier == "interpreted"
    held.set()
    assert f.wait() and f.tier == "native" and "compiled" in repr(f)
    for call, early in zip(calls, before, strict=True):
        late = f(*call)
        assert type(early) is type(late) and type(early[0]) is type(late[0])
        assert bits([early[0], early[1]["q"]]) == bits([late[0], late[1]["q"]])


def test_rewriting_does_not_keep_compile_from_returning(monkeypatch):
    """It is done once, on the thread of the machine code; whoever calls before it is done waits for it, and gets its form."""
    go, threads, run = threading.Event(), [], pipeline.run

    def later(unit, chosen=pipeline.PASSES):
        if chosen is pipeline.REWRITING:
            threads.append(threading.current_thread())
            go.wait(60)
        return run(unit, chosen)

    monkeypatch.setattr(pipeline, "run", later)
    f = g.compile(g.log(1 + g.exp(X)), [X], cache=False, tier="interpreted")
    assert f.tier == "interpreted" and not f.wait(0)
    answers = []
    caller = threading.Thread(target=lambda: answers.append(f(1000.0)))
    caller.start()
    assert not answers
    go.set()
    caller.join(60)
    f.wait()
    assert answers == [1000.0] == [f(1000.0)] and len(threads) == 1
    assert f.graph.exprs[-1].site is not None


def test_every_dtype_and_structure(held):
    p, n, s = g.symbol("p", dtype="float32"), g.symbol("n", dtype="int64"), g.symbol("s", dtype="bool")
    outputs = ([p * 2, n + 3], g.where(s, n, -n), p.astype("float64"), n < 4)
    f = g.compile(outputs, [p, n, s], rewrite=None, cache=False, tier="interpreted")
    at = (np.float32([0.1, 0.2]), 3, np.array([[True], [False]]))
    early, single = f(*at), f(0.1, 7, False)
    held.set()
    f.wait()
    assert bits([*early[0], *early[1:]]) == bits([*f(*at)[0], *f(*at)[1:]])
    assert single == f(0.1, 7, False)
    assert [type(v) for v in single[1:]] == [type(v) for v in f(0.1, 7, False)[1:]]


def test_out_and_errors_are_the_same(held):
    f = g.compile([X + Y, X * Y], [X, Y], rewrite=None, cache=False, tier="interpreted")
    a, out = np.arange(4.0), [np.empty(4), np.empty(4)]
    for _ in range(2):
        result = f(a, 2.0, out=out)
        assert result[0] is out[0] and np.array_equal(out[1], a * 2)
        with pytest.raises(InputError, match="no value"):
            f(a)
        with pytest.raises(g.GraphcError, match="broadcast"):
            f(a, a[:3])
        with pytest.raises(InputError, match="share memory"):
            f(a, 2.0, out=[out[0], out[0]])
        assert f(np.empty((0, 3)), 1.0)[0].shape == (0, 3)
        held.set()
        f.wait()


@settings(max_examples=examples(10))
@given(forests(3))
def test_the_interpreter_is_the_interpreter(sample):
    """Against `evaluate.run_arrays`, to the bit; whole and in blocks."""
    graph = g.Graph([*sample.output, *sample.symbols[:1], sample.output[0]], sample.symbols)
    point = [np.asarray(sample.at[s.name], s.dtype) for s in graph.symbols]
    values = run_arrays(graph, point)
    expected = [values[output] for output in graph.outputs]
    assert bits(Interpreter(graph)(point)) == bits(expected)


def test_long_arrays_in_blocks(monkeypatch):
    monkeypatch.setattr(interpreted, "BLOCK", 7)
    graph = g.Graph([g.exp(X) * Y, g.constant(2.0), X < Y], [X, Y])
    a, b = np.random.default_rng(0).normal(size=(2, 5, 6))
    for point in ([a, b], [a[:, :1], b], [a, np.float64(2)[()] * np.ones(())], [a.T, b[0, :5]]):
        values = run_arrays(graph, point)
        shape = np.broadcast_shapes(*(p.shape for p in point))
        for result, output in zip(Interpreter(graph)(point), graph.outputs, strict=True):
            np.testing.assert_array_equal(result, np.broadcast_to(values[output], shape))


def test_what_fails_is_raised_to_whoever_calls_or_waits(monkeypatch):
    def fail(*_):
        raise CompileError("no machine code today")

    monkeypatch.setattr(build, "make", fail)
    f = g.compile(X * Y, [X, Y], cache=False, tier="interpreted")
    with pytest.raises(CompileError, match="today"):
        f.wait()
    for _ in range(2):
        with pytest.raises(CompileError, match="today"):
            f(1.0, 2.0)
    with pytest.raises(CompileError, match="today"):
        f.asm
    with pytest.raises(CompileError, match="today"):
        g.compile(X * Y, [X, Y], cache=False)


@pytest.mark.parametrize("what", ["asm", "llvm", "address", "report", "lowlevel"])
def test_what_needs_the_machine_code_waits(held, what):
    f = g.compile(X * Y + 2.5, [X, Y], cache=False, tier="interpreted")
    threading.Timer(0.05, held.set).start()
    found = getattr(f, what)
    assert (found() if callable(found) and what == "report" else found) and f.tier == "native"


def test_it_pickles_at_any_time(held):
    f = g.compile(X * Y + 2.5, [X, Y], cache=False, tier="interpreted")
    again = pickle.loads(pickle.dumps(f))
    assert again(2.0, 3.0) == f(2.0, 3.0) == 8.5 and again.tier == "interpreted"
    held.set()
    assert again.wait() and pickle.loads(pickle.dumps(again))(2.0, 3.0) == 8.5


def test_many_threads_call_while_it_changes(held):
    f = g.compile(X * Y + 2.5, [X, Y], rewrite=None, cache=False, tier="interpreted")
    a = np.linspace(0, 1, 50)
    wrong, ready = [], threading.Barrier(5)

    def work():
        ready.wait()
        while f.tier == "interpreted":
            if f(2.0, 3.0) != 8.5 or not np.array_equal(f(a, 3.0), a * 3.0 + 2.5):
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    ready.wait()
    held.set()
    f.wait()
    for thread in threads:
        thread.join()
    assert not wrong


def test_which_tier(monkeypatch):
    monkeypatch.setattr(tiered_compilation, "INTERPRETED_FROM", 3)
    large, small = X * Y + X - Y, X * Y
    f = g.compile(large, [X, Y], cache=False)
    assert f._tiers._job is not None and f.wait() and f(2.0, 3.0) == 5.0
    assert g.compile(small, [X, Y], cache=False).tier == "native"
    assert g.compile(large, [X, Y], cache=False, tier="native")._tiers._job is None
    assert g.compile(large * np.arange(3.0), [X, Y], tier="interpreted").tier == "native"
    with pytest.raises(InputError, match="tier"):
        g.compile(small, tier="fast")
    with pytest.raises(InputError, match="progress"):
        g.compile(small, progress=3)


def test_what_is_known_needs_no_interpreter(monkeypatch, tmp_path):
    monkeypatch.setattr(graph_cache, "FROM", 0)
    monkeypatch.setenv("GRAPHC_CACHE_DIR", str(tmp_path / "code"))
    for first in (True, False):
        f = g.compile(X * Y + 4.25, [X, Y], tier="interpreted")
        assert (f._tiers._job is not None) == first
        assert f.wait() and f(2.0, 3.0) == 10.25


@settings(max_examples=examples(4))
@given(forests(3))
def test_bodies_in_several_modules_compute_the_same(sample):
    with pytest.MonkeyPatch.context() as patch, np.errstate(all="ignore"):
        outputs = [*sample.output, *sample.symbols]
        whole = g.compile(outputs, sample.symbols, rewrite=None, cache=False)(**sample.at)
        patch.setattr(split_body, "PIECE", 2)
        patch.setattr(split_body, "MODULE", 4)
        f = g.compile(outputs, sample.symbols, rewrite=None, cache=False)
        assert bits(f(**sample.at)) == bits(whole)


def test_several_modules_are_recorded(monkeypatch, tmp_path):
    monkeypatch.setattr(graph_cache, "FROM", 0)
    monkeypatch.setattr(split_body, "PIECE", 3)
    monkeypatch.setattr(split_body, "MODULE", 6)
    monkeypatch.setenv("GRAPHC_CACHE_DIR", str(tmp_path / "code"))
    value = X
    for k in range(12):
        value = g.tanh(value * Y + 0.125 * k)
    made = [g.compile(value, [X, Y], rewrite=None) if k else g.compile(value, [X, Y]) for k in (0, 0, 1)]
    assert len(made[0]._tiers.native.code.parts) > 2
    assert "find" in made[1]._tiers.native.code.seconds
    assert len({f(0.5, 0.75) for f in made}) == 1
    assert "part 2 of" in str(made[1].report()) and made[1].asm
    assert np.array_equal(made[1](np.full(3, 0.5), 0.75), [made[0](0.5, 0.75)] * 3)


def test_a_bar_shows_when_asked(monkeypatch, capsys):
    monkeypatch.setattr(split_body, "PIECE", 2)
    monkeypatch.setattr(split_body, "MODULE", 4)
    value = X
    for k in range(20):
        value = value * Y + 0.5 * k
    g.compile(value, [X, Y], cache=False)
    g.compile(value, [X, Y], cache=False, progress=False)
    assert capsys.readouterr().err == ""
    g.compile(value, [X, Y], rewrite=None, cache=False, progress=True)
    shown = capsys.readouterr().err
    assert "compiling" in shown and "100%" in shown and "operations" in shown


def test_a_terminal_shows_a_bar_for_many_operations_alone(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    for total, shown, seen in (
        (10, None, False),
        (10**5, None, True),
        (10**5, False, False),
        (10, True, True),
    ):
        screen = Terminal()
        monkeypatch.setattr(sys, "stderr", screen)
        monkeypatch.setattr(progress, "DELAY", 0.0)
        with progress.Progress(total, shown) as bar:
            bar.step(total)
        assert ("compiling" in screen.getvalue()) == seen, (total, shown)


def run(program, **options):
    program = "import graphc as g\nfrom tests.benchmarks.peers.own import program\n" + textwrap.dedent(
        program
    )
    return subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        timeout=120, **options,
    )  # fmt: skip


def test_the_interpreter_ends_cleanly_while_compiling():
    done = run("""
        f = g.compile(*program(12_000), rewrite=None, cache=False, tier="interpreted")
        print(f(.1, .2, .3, .4, .5) == f(.1, .2, .3, .4, .5), f.tier)
    """)
    assert (done.returncode, done.stdout, done.stderr) == (0, "True interpreted\n", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX alone forks")
def test_a_fork_while_compiling():
    """Parent and child both have their machine code in the end, and the same results."""
    done = run("""
        import os, sys, warnings
        warnings.simplefilter("ignore")
        f = g.compile(*program(9_000), rewrite=None, cache=False, tier="interpreted")
        at = (.1, .2, .3, .4, .5)
        early = f(*at)
        child = os.fork()
        same = f(*at) == early or f.tier == "native"
        print(same, f.wait(), f.tier, f(*at), flush=True)
        if child:
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """)
    assert (done.returncode, done.stderr) == (0, "")
    one, other, code = done.stdout.splitlines()
    assert one == other and one.startswith("True True native ") and code == "0"


def test_a_job_pauses_for_a_fork_and_stops_at_the_end(monkeypatch):
    gate = background._Gate()
    monkeypatch.setattr(background, "_gate", gate)
    begun, go, steps = threading.Event(), threading.Event(), []

    def work(pause):
        begun.set()
        go.wait(60)
        pause()
        steps.append(1)
        pause()
        return 7

    job = background.Job(work, steps.append)
    begun.wait(60)
    closer = threading.Thread(target=gate.close)
    closer.start()
    go.set()
    closer.join(60)
    assert not steps and gate.running == 0 and not job.wait(0)
    gate.open()
    assert job.result() == 7 and steps == [1, 7]
    gate.stopping = True
    stopped = background.Job(work, steps.append)
    with pytest.raises(background.Stopped):
        stopped.wait()
    assert steps == [1, 7]

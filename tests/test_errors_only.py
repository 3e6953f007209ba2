"""A fixed sample of the fuzzers: hostile texts, files and arguments end in a value or in one of graphc's errors."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import threading
import zipfile

import numpy as np
import pytest
from click.testing import CliRunner

import graphc as g
from graphc import nn, train
from graphc.analysis.bench import bench
from graphc.cli import main
from graphc.compiler.engine import buffer_pool, jit
from graphc.errors import ArityError, ExpressionError, FileError, FormatError, InputError
from graphc.ir.expr import live_nodes
from graphc.util import files
from graphc.util.files import check_unpacked
from graphc.util.interrupts import held
from tests.fuzz import arguments, commands, interrupts
from tests.fuzz.formats import readers
from tests.fuzz.hostile import VALUES
from tests.fuzz.readers import outcome, run
from tests.fuzz.verbs import verbs

READERS = {reader.name: reader for reader in readers()}


DEARER = {"checkpoint": 5, "sympy": 10, "rule": 10, "range": 10, "npz": 15, "npz model": 15, "latex": 10}
"""Readers of which fewer inputs are tried than the 25 of the others."""


@pytest.mark.parametrize("name", READERS)
def test_readers(name, capsys):
    counts = run(READERS[name], seed=1, first=0, count=DEARER.get(name, 25), until=float("inf"))
    assert counts["escaped"] == 0, capsys.readouterr().out
    assert name in ("cache size", "latex") or counts["refused"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_many_inputs_of_each_reader(name, capsys):
    counts = run(READERS[name], seed=2, first=0, count=1500, until=float("inf"))
    assert counts["escaped"] == 0, capsys.readouterr().out


SAMPLE = (
    "None",
    "text",
    "10**5000",
    "deep list",
    "object array",
    "matrix",
    "int class",
    "mixed list",
    "vector expression",
)


def _escapes(values):
    found = []
    for name, verb, parameter, value in arguments.combinations():
        if value in values:
            error = arguments.attempt(verb, parameter, value)
            if outcome(error) == "escaped":
                found.append(f"{name}({parameter}={value}): {error!r:.80}")
    return found


def test_arguments(tmp_path, monkeypatch):
    """A value of a wrong kind for one parameter of each callable, another one from callable to callable."""
    monkeypatch.chdir(tmp_path)  # a text is a path, too
    found = []
    for place, (name, verb) in enumerate(verbs().items()):
        for number, parameter in list(enumerate(verb.arguments))[place % 2 :: 2]:
            value = SAMPLE[(place + number) % len(SAMPLE)]
            if (name, parameter, value) in arguments.ENDLESS:
                continue
            error = arguments.attempt(verb, parameter, value)
            if outcome(error) == "escaped":
                found.append(f"{name}({parameter}={value}): {error!r:.80}")
    assert not found


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_all_arguments(part, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert not _escapes(list(VALUES)[part::4])


def test_every_public_callable_is_tried():
    tried = {name.partition(".")[2] or name for name in verbs()} | {
        name.partition(".")[0] for name in verbs()
    }
    public = {name for name in dir(g) if not name.startswith("_") and callable(getattr(g, name))}
    without = {"Expr", "GraphcError", "get_num_threads", "operations", "rules"}
    assert public - tried - without == set()


def test_messages_say_what_to_write():
    x, y = g.symbols("x y")
    with pytest.raises(ExpressionError, match="is not an expression"):
        g.substitute([x, y], {x: y})  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"momentum is a number, not .0\.9."):
        train.Momentum(0.1, "0.9")  # type: ignore[arg-type]
    with pytest.raises(ArityError, match=r"(?s)index is not called by its name.*write X\[0, 1:3\]"):
        g.parse("index(n)")
    with pytest.raises(InputError, match=r"a whole number of 16,610 bits"):
        train.SGD(10**5000)


def test_small_files_that_fill_the_memory(tmp_path):
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", b"x")
    data = bytearray(path.read_bytes())
    place = data.rindex(b"PK\x01\x02") + 24
    data[place : place + 4] = (0xF0000000).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(FormatError, match="unpack to"):
        nn.read_arrays(path)
    check_unpacked(1 << 25, 1 << 31)
    with pytest.raises(FormatError, match="unpack to"):
        check_unpacked(1 << 10, 1 << 31)


def test_the_same_name_twice(tmp_path):
    path = tmp_path / "twice.npz"
    nn.write_arrays(path, {"a": np.ones(2)})
    with zipfile.ZipFile(path) as archive:
        member = archive.read("a.npy")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", member)
        archive.writestr("a", member)
    with pytest.raises(FormatError, match="holds 'a' twice"):
        nn.read_arrays(path)


def test_a_device_without_end():
    with pytest.raises(FileError, match="goes on after"):
        files.MOST_STREAMED, former = 1 << 16, files.MOST_STREAMED
        try:
            g.load("/dev/zero")
        finally:
            files.MOST_STREAMED = former


# --- interrupts -----------------------------------------------------------------------------------------------------


def test_a_held_interrupt_comes_afterwards():
    done = []
    with pytest.raises(KeyboardInterrupt):  # noqa: SIM117
        with held(), held():
            signal.raise_signal(signal.SIGINT)
            done.append("inner")
    assert done == ["inner"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_while_llvm_compiles(monkeypatch):
    """LLVM calls Python back while it compiles: an exception there would be printed and lost, so that it comes afterwards."""
    plain, parsed = jit._parse, []

    def interrupted(text, *rest):
        signal.raise_signal(signal.SIGINT)
        parsed.append(text)
        return plain(text, *rest)

    x = g.symbol("interrupted")
    with monkeypatch.context() as patch:
        patch.setattr(jit, "_parse", interrupted)
        with pytest.raises(KeyboardInterrupt):
            g.compile(g.sin(x) * 3, cache=False)
    assert parsed
    assert g.compile(g.sin(x) * 3, cache=False)(0.0) == 0.0


@pytest.fixture
def uncollected():
    """No cyclic collection, in which other packages' own methods would run for what earlier tests left."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize("length", ["n", "2*n"])
def test_an_interrupt_while_graphs_are_freed(length, capfd):
    """No Python runs while nodes die, in which an exception would be printed and lost."""
    seen = []

    def frames(frame, event, argument):
        if event == "call" and frame.f_code.co_filename != __file__:
            seen.append(frame.f_code.co_qualname)

    nodes = live_nodes()
    x = g.symbol("freed", shape=(length,))
    for _ in range(50):
        x = g.reshape(g.sin(x), (length, 1))[:, 0]
    sys.setprofile(frames)
    del x
    sys.setprofile(None)
    assert not seen
    assert live_nodes() == nodes


def test_an_interrupt_while_results_are_freed():
    seen = []

    def frames(frame, event, argument):
        if event == "call":
            seen.append(frame.f_code.co_qualname)

    array = buffer_pool.empty((buffer_pool.LARGE,), np.dtype("float32"))
    address = array.ctypes.data
    sys.setprofile(frames)
    del array
    sys.setprofile(None)
    assert not seen
    assert buffer_pool.empty((buffer_pool.LARGE,), np.dtype("float32")).ctypes.data == address


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # a file that was open closes itself
@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize("name", ["save", "free", "evaluate"])
def test_interrupts_at_random_moments(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    caught, raised = interrupts.rounds(name, "signal", 12, 0)
    assert caught == raised > 0
    interrupts.ACTIVITIES[name](0)


# An exception that another thread sets may come between llvmlite's freeing of an object and its note that it did so, which then
# frees it twice; nothing can hold such an exception back. What compiles is held to signals alone.
_HOWS = [
    (name, how)
    for name in interrupts.ACTIVITIES
    for how in ("signal", "thread")
    if how == "signal" or name in ("evaluate", "grad", "free", "save", "draw")
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "how"), _HOWS)
def test_hundreds_of_interrupts(name, how):
    assert interrupts.attempt(name, how, 100, 1)[1] is None


# --- pipes ----------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_pipes(tmp_path, monkeypatch):
    """A named pipe is read and written where somebody is at its other end, and refused where nobody is."""
    monkeypatch.setattr(files, "PATIENCE", 0.01)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(FileError, match="nobody writes to"):
        files.read_whole(pipe)
    with pytest.raises(FileError, match="nobody reads"):
        files.write_whole(pipe, b"x")
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    files.write_whole(pipe, b"written")
    assert os.read(reader, 100) == b"written"
    writer = os.open(pipe, os.O_WRONLY)
    os.write(writer, b"read")
    os.close(reader)
    thread = threading.Timer(0, os.close, [writer])
    opened = files.opened(pipe)
    os.write(writer, b" whole")
    thread.start()
    with opened:
        assert opened.read().endswith(b" whole")


# --- the command line -----------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAPHC_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr("webbrowser.open", lambda *_: False)
    (tmp_path / "files").mkdir()
    return tmp_path / "files"


def test_commands(folder, capsys):
    counts = commands.run(folder, 1, 0, 40)
    assert not counts["wrong"], capsys.readouterr().out
    assert counts["exit code 1"] and counts["exit code 2"]


@pytest.mark.slow
def test_many_commands(folder, capsys):
    counts = commands.run(folder, 2, 0, 600, every=100)
    assert not counts["wrong"], capsys.readouterr().out


def test_ctrl_c_ends_a_command_quietly(monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("graphc.cli.eval_command.show", interrupted)
    result = CliRunner().invoke(main, ["eval", "1/3"])
    assert result.exit_code == 130
    assert not result.output


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no full device")
@pytest.mark.parametrize("words", [["--version"], ["eval", "--help"], ["draw", "x", "--format", "dot"]])
def test_standard_output_is_full(words, monkeypatch, capfd):
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(SystemExit) as ended:
            main(words, prog_name="graphc")
        monkeypatch.undo()
        with contextlib.suppress(OSError):
            full.close()
    assert ended.value.code == 1
    assert capfd.readouterr().err.startswith("Error: output: No space left")


def test_standard_input_is_closed(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(SystemExit) as ended:
        main(["eval", "-"], prog_name="graphc")
    assert ended.value.code == 1
    assert "there is no standard input" in capsys.readouterr().err


def test_words_without_end_are_abridged():
    result = CliRunner().invoke(main, ["draw", "x", "--style", "y" * 10**5])
    assert result.exit_code == 2
    assert len(result.stderr) < 2000


def test_bench_takes_numbers():
    x = g.symbol("x")
    with pytest.raises(InputError, match=r"x is an array of shape \(2,\)"):
        bench(g.sin(x), {"x": [1.0, 2.0]}, size=0, rounds=1)

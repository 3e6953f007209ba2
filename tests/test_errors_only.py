"""A fixed sample of the fuzzers: hostile texts, files and arguments end in a value or in one of graphc's errors."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import zipfile

import numpy as np
import pytest

import graphc as g
from graphc import nn, train
from graphc.compiler.engine import jit
from graphc.errors import ArityError, ExpressionError, FileError, FormatError, InputError
from graphc.util import files
from graphc.util.files import check_unpacked
from graphc.util.interrupts import held
from tests.fuzz import arguments
from tests.fuzz.formats import readers
from tests.fuzz.hostile import VALUES
from tests.fuzz.readers import outcome, run
from tests.fuzz.verbs import verbs

READERS = {reader.name: reader for reader in readers()}


@pytest.mark.parametrize("name", READERS)
def test_readers(name, capsys):
    counts = run(READERS[name], seed=1, first=0, count=60, until=float("inf"))
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


def test_arguments():
    """One value of a wrong kind for each parameter of each callable, another one from parameter to parameter."""
    found = []
    for place, (name, verb) in enumerate(verbs().items()):
        for number, parameter in enumerate(verb.arguments):
            value = SAMPLE[(place + number) % len(SAMPLE)]
            if (name, parameter, value) in arguments.ENDLESS:
                continue
            error = arguments.attempt(verb, parameter, value)
            if outcome(error) == "escaped":
                found.append(f"{name}({parameter}={value}): {error!r:.80}")
    assert not found


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_all_arguments(part):
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
    with pytest.raises(InputError, match=r"momentum is .0\.9."):
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

    def interrupted(text, context):
        signal.raise_signal(signal.SIGINT)
        parsed.append(text)
        return plain(text, context)

    x = g.symbol("interrupted")
    with monkeypatch.context() as patch:
        patch.setattr(jit, "_parse", interrupted)
        with pytest.raises(KeyboardInterrupt):
            g.compile(g.sin(x) * 3, cache=False)
    assert parsed
    assert g.compile(g.sin(x) * 3, cache=False)(0.0) == 0.0


CYCLES = """
import gc, random, signal, sys
import graphc as g
rng, stopped = random.Random({seed}), 0
x = g.symbol("x")
g.compile(g.sin(x), cache=False)

def interrupt(number, frame):
    raise KeyboardInterrupt

signal.signal(signal.SIGALRM, interrupt)
for number in range({count}):
    try:
        signal.setitimer(signal.ITIMER_REAL, rng.uniform(1e-4, 1.5e-1))
        f = g.compile(g.sin(x * (number + 2)) + g.exp(-x), cache=False)
        g.save(f.graph, {path!r})
        signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        stopped += 1
signal.setitimer(signal.ITIMER_REAL, 0)
assert gc.isenabled()
assert abs(g.compile(g.sin(x) + 1, cache=False)(0.5) - 1.479425538604203) < 1e-15
g.save(x * 2, {path!r})
assert g.load({path!r}) is x * 2
print(stopped)
"""


def cycles(seed, count, path):
    """A process that is interrupted again and again while it compiles and writes; what it printed."""
    code = textwrap.dedent(CYCLES.format(seed=seed, count=count, path=str(path)))
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)


def test_a_process_that_was_interrupted_goes_on(tmp_path):
    ended = cycles(0, 25, tmp_path / "graph.json")
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) > 0
    assert "ctypes callback" not in ended.stderr


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 4))
def test_hundreds_of_interrupts(seed, tmp_path):
    ended = cycles(seed, 150, tmp_path / "graph.json")
    assert ended.returncode == 0, ended.stderr
    assert "ctypes callback" not in ended.stderr

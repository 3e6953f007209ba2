"""The cache of machine code: damage, kills, races, strangers, limits; and that what is loaded is what was compiled.

The oracle is always the result itself: whatever happens to the files, a compiled function answers what the interpreter does.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

import graphc as g
from graphc.compiler.engine import jit, object_cache
from graphc.compiler.engine.code_generator import toolchain
from graphc.compiler.engine.object_cache import Store, digest, parse_size, seal, unseal

ROOT = Path(__file__).resolve().parents[3]
POSIX = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions and kill are POSIX's")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A new cache for one test. What this process has compiled it keeps, so a test that compiles uses a constant of its own."""
    monkeypatch.setenv("GRAPHC_CACHE_DIR", str(tmp_path / "code"))
    monkeypatch.delenv("GRAPHC_CACHE_SIZE", raising=False)
    return tmp_path / "code"


def files(place):
    return sorted(place.iterdir())


def start(code, *words, **environment):
    """A program in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, words)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def run(code, *words, **environment):
    program = start(code, *words, **environment)
    out, err = program.communicate(timeout=120)
    assert program.returncode == 0, err
    return out


# --- a second process ---------------------------------------------------------------------------------------------------

PROGRAM = """
    import json, sys
    import numpy as np
    import llvmlite.binding as llvm
    from graphc.compiler.engine import code_generator
    if sys.argv[1] == "second":  # whoever compiles now is caught
        def never(*args, **kwargs):
            raise AssertionError("compiled again")
        code_generator.Passes.add = code_generator.Passes.run = code_generator.Passes.run_straight = never
        parse = llvm.parse_assembly
        def only_names(text, *more):
            assert len(text) < 1000, "a module was parsed"
            return parse(text, *more)
        llvm.parse_assembly = only_names
    import graphc as g
    x, w, b = g.symbols("x w b")
    loss = g.log(1 / (g.exp(-(x*w + b)) + 1))
    f = g.compile(g.value_and_grad(loss, [x, w, b]), [x, w, b])
    gamma = g.compile([g.digamma(x), g.polygamma(2, x), g.lgamma(x)], [x])
    n = g.symbol("n", dtype="int32")
    mixed = g.compile((n > 2, n * n, n / 3), [n])
    values = np.linspace(-1, 1, 7)
    arrays = [f(values, 2.0, values[::-1])[0], f(np.ones((3, 2)).T, 2.0, 1.0)[1][1]]
    results = [f(2.0, -3.0, 6.0), gamma(2.5), mixed(5), [a.tobytes().hex() for a in arrays]]
    print(json.dumps([results, f._direct_address > 0, f._libraries[-1].cached]))
"""


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """What a first process answers, and the cache that it leaves: a copy of it for each test."""
    place = tmp_path_factory.mktemp("first") / "code"
    return json.loads(run(PROGRAM, "first", GRAPHC_CACHE_DIR=str(place))), place


def contents(place):
    return {file.name: file.read_bytes() for file in files(place)}


def test_a_second_process_compiles_nothing_and_answers_the_same(first, tmp_path):
    answers, place = first
    copy = shutil.copytree(place, tmp_path / "code")
    second = json.loads(run(PROGRAM, "second", GRAPHC_CACHE_DIR=str(copy)))
    assert answers[0] == second[0]
    assert answers[2].startswith("miss: not there yet") and second[2] == "hit"
    assert contents(copy) == contents(place)
    x, w, b = g.symbols("x w b")
    wanted = g.evaluate(g.log(1 / (g.exp(-(x * w + b)) + 1)), {"x": 2.0, "w": -3.0, "b": 6.0})
    assert abs(second[0][0][0] - wanted) <= 2 * np.spacing(abs(wanted))


def test_no_address_of_a_process_is_kept(first, tmp_path):
    """Two processes, whose memory is laid out differently, keep the same bytes under the same names."""
    run(PROGRAM, "first", GRAPHC_CACHE_DIR=str(tmp_path / "another"))
    one, other = contents(first[1]), contents(tmp_path / "another")
    assert one == other and len(one) >= 6


def test_a_loaded_function_shows_its_code(place):
    code = """
        import graphc as g
        x, y = g.symbols("x y")
        f = g.compile(g.exp(x)*y, [x, y])
        print(f._libraries[-1].cached, f.llvm.count("fmul double"), "ret" in f.asm, f(0.0, 3.0), f.llvm == f.llvm, sep="|")
    """
    first, second = run(code).strip().split("|"), run(code).strip().split("|")
    assert second[0] == "hit" and second[1:] == first[1:] and int(first[1]) >= 1


def test_in_one_process_equal_text_is_one_library(place):
    x, y = g.symbols("x y")
    one, other = g.compile(x * y + 0.1875), g.compile(y * x + 0.1875, [y, x])
    assert one._libraries[-1] is other._libraries[-1]  # names of symbols are no part of the code
    assert g.compile(x * y + 0.1876)._libraries[-1] is not one._libraries[-1]
    assert one(3.0, 4.0) == other(3.0, 4.0) == 12.1875


def test_off_for_one_function(place):
    x = g.symbol("x")
    f = g.compile(x * 1.0625, cache=False)
    assert f(2.0) == 2.125 and f(np.ones(3)).tolist() == [1.0625] * 3
    assert f._libraries[-1].cached == "off: not asked for"
    assert all(library.cached == "off: not asked for" for library in f._nests.libraries.values())
    assert g.compile(x * 1.0625)._libraries[-1].cached == "miss: not there yet"


def test_the_key_holds_all_that_decides(place, monkeypatch):
    """Each part of the environment makes another key; so does the text, and what is exported."""
    parts = jit.environment()
    assert g.__version__ in parts and sys.version in parts[4]
    keys = {digest(*parts, "f", "text"), digest(*parts, "f", "text "), digest(*parts, "g", "text")}
    for number in range(len(parts)):
        keys.add(digest(*parts[:number], parts[number] + "'", *parts[number + 1 :], "f", "text"))
    assert len(keys) == 3 + len(parts)
    codegen = toolchain().codegen  # the processor at hand and what it has, or what Numba's settings say
    triple, name, features = codegen.triple, codegen.cpu, codegen.features
    assert all(repr(part) in parts[5] for part in (triple, name, features)) and name == jit.cpu()
    import llvmlite.binding as llvm
    from numba.core import config

    if config.CPU_NAME is None and config.CPU_FEATURES is None:
        assert name == llvm.get_host_cpu_name() and features == llvm.get_host_cpu_features().flatten()


# --- damage ---------------------------------------------------------------------------------------------------------------

KEY = digest("a key")


def test_every_flip_and_every_truncation_is_a_miss(place):
    code = bytes(range(256)) + b"tail"
    whole = seal(KEY, code)
    assert unseal(KEY, whole) == code
    store = object_cache.store()
    for length in range(len(whole)):
        assert unseal(KEY, whole[:length]) is None
    for number in range(len(whole)):
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[number] ^= 1 << bit
            assert unseal(KEY, bytes(damaged)) is None
    assert unseal(KEY, whole + b"\0") is None
    assert unseal(digest("another"), whole) is None
    assert store.put(KEY, code) is None and store.get(KEY) == (code, "hit")
    entry = files(place)[0]
    for number in range(0, len(whole), 7):  # through the file system, whole way
        entry.write_bytes(whole[:number] + bytes([whole[number] ^ 0xFF]) + whole[number + 1 :])
        assert store.get(KEY) == (None, "miss: the entry was damaged")
        entry.write_bytes(whole[:number])
        assert store.get(KEY)[0] is None
    entry.write_bytes(whole)
    assert store.get(KEY) == (code, "hit")


DAMAGE = """
    import graphc as g
    x = g.symbol("x")
    f = g.compile(x*x + 0.5, [x])
    print(f(3.0), f._libraries[-1].cached)
"""


@pytest.mark.sample(3)
@pytest.mark.parametrize(
    "damaged",
    [lambda whole: whole[:-1], lambda whole: whole[:100] + bytes([whole[100] ^ 1]) + whole[101:], lambda whole: whole[::-1]],
    ids=["an end", "a bit", "an order"],
)  # fmt: skip
def test_a_damaged_entry_is_compiled_again_and_replaced(place, damaged):
    assert run(DAMAGE) == "9.5 miss: not there yet\n"
    entries = contents(place)  # the function's, and that of what takes numbers of other types
    for name, whole in entries.items():
        (place / name).write_bytes(damaged(whole))
    assert run(DAMAGE) == "9.5 miss: the entry was damaged\n"
    assert contents(place) == entries
    assert run(DAMAGE) == "9.5 hit\n"


def test_entries_that_changed_places_are_misses(place):
    store = object_cache.store()
    other = digest("another")
    store.put(KEY, b"one")
    store.put(other, b"two")
    one, two = (place / f"{key.hex()}.graphc" for key in (KEY, other))
    one.rename(place / "between")
    two.rename(one)
    (place / "between").rename(two)
    assert store.get(KEY)[0] is None and store.get(other)[0] is None


def test_what_is_no_file_is_a_miss(place):
    store = object_cache.store()
    assert store.refusal is None
    entry = place / f"{KEY.hex()}.graphc"
    entry.mkdir()
    assert store.get(KEY)[0] is None
    assert "cannot be written" in str(store.put(KEY, b"code"))
    entry.rmdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(entry)
        assert store.get(KEY)[0] is None  # and does not wait for a writer
        entry.unlink()
    assert files(place) == []


# --- killed, and many at once -------------------------------------------------------------------------------------------------

WRITER = """
    import sys
    from graphc.compiler.engine import object_cache as cache
    store, key = cache.store(), cache.digest("a key")
    print("ready", flush=True)
    number = 0
    while True:
        number += 1
        store.put(key, bytes([number % 251]) * (3_000_000 + number % 7))
"""


def kill_in_the_middle(place, times):
    """Each time a process that writes without pause is killed, the entry is one that it wrote, or none."""
    rng = np.random.default_rng(4)
    unfinished = 0
    for _ in range(times):
        writer = start(WRITER)
        assert writer.stdout and writer.stdout.readline() == "ready\n"
        try:
            writer.wait(timeout=float(rng.uniform(0.001, 0.02)))
        except subprocess.TimeoutExpired:
            writer.send_signal(signal.SIGKILL)
        _, err = writer.communicate(timeout=60)
        assert writer.returncode == -signal.SIGKILL, err
        code, answer = object_cache.store().get(KEY)
        assert answer in ("hit", "miss: not there yet")
        assert code is None or (len(set(code)) == 1 and 3_000_000 <= len(code) < 3_000_007)
        unfinished += any(file.suffix == ".tmp" for file in place.iterdir())
        object_cache.store().clear()
        assert files(place) == []
    return unfinished


@POSIX
def test_killed_while_writing(place):
    kill_in_the_middle(place, 3)


@POSIX
@pytest.mark.slow
@pytest.mark.long
def test_killed_two_hundred_times_while_writing(place):
    # some kills did meet writes; how many depends on the machine: some 10 to 30 % of them
    assert kill_in_the_middle(place, 200) > 0


COLD = """
    import os, sys, traceback
    import numba, numpy as np, graphc as g

    def start(number):
        x, y = g.symbols("x y")
        f = g.compile([g.sqrt(x*x + y*y) + number, x - y], [x, y])
        sums, differences = f(np.array([3.0, 6.0]), np.array([4.0, 8.0]))
        assert f(3.0, 4.0) == [5.0 + number, -1.0], f(3.0, 4.0)
        assert sums.tolist() == [5.0 + number, 10.0 + number] and differences.tolist() == [-1.0, -2.0]
        assert f._libraries[-1].cached in ("hit", "miss: not there yet"), f._libraries[-1].cached

    processes, rounds = map(int, sys.argv[1:])
    for round_ in range(rounds):
        wait, go = os.pipe()
        children = []
        for _ in range(processes):
            child = os.fork()
            if child == 0:
                try:
                    os.close(go)
                    os.read(wait, 1)  # all at once, when the other end is closed
                    start(float(round_))
                except BaseException:
                    traceback.print_exc()
                    os._exit(1)
                os._exit(0)
            children.append(child)
        os.close(wait)
        os.close(go)
        failed = [os.waitpid(child, 0)[1] for child in children]
        assert not any(failed), failed
"""


def cold_starts(place, processes, rounds):
    """Processes that start together on one key that none has compiled; each has imported Numba and compiled nothing yet."""
    run(COLD, processes, rounds)
    alone = place.parent / "alone"
    run(COLD, 1, rounds, GRAPHC_CACHE_DIR=str(alone))
    together, one = ({file.name: file.read_bytes() for file in files(where)} for where in (place, alone))
    assert together == one and len(one) >= 2 * rounds


@POSIX
def test_processes_that_start_at_once(place):
    cold_starts(place, 3, 1)


@POSIX
@pytest.mark.slow
@pytest.mark.long
def test_eight_processes_start_at_once_a_hundred_times(place):
    cold_starts(place, 8, 100)


# --- strangers ------------------------------------------------------------------------------------------------------------------


@POSIX
@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702, 0o720])
def test_a_directory_that_others_can_write_to_is_refused(place, mode):
    object_cache.store().put(KEY, b"code")
    place.chmod(mode)
    store = object_cache.store()
    assert store.refusal == f"others can write to {place}"
    assert store.get(KEY) == (None, f"off: others can write to {place}")
    assert store.put(digest("b"), b"code") == store.refusal
    x = g.symbol("x")
    f = g.compile(x * (1.5 + mode))
    assert f(2.0) == 3.0 + 2 * mode and f._libraries[-1].cached == f"off: others can write to {place}"
    assert len(files(place)) == 1
    place.chmod(0o700)
    assert object_cache.store().get(KEY) == (b"code", "hit")


@POSIX
def test_an_entry_that_others_can_write_to_is_a_miss(place):
    object_cache.store().put(KEY, b"code")
    files(place)[0].chmod(0o666)
    assert object_cache.store().get(KEY)[0] is None
    assert object_cache.store().put(KEY, b"code") is None and object_cache.store().get(KEY) == (
        b"code",
        "hit",
    )


@POSIX
def test_a_strangers_directory_is_refused(place, monkeypatch):
    object_cache.store().put(KEY, b"code")
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    assert object_cache.store().refusal == f"{place} belongs to another user"
    assert object_cache.store().get(KEY)[0] is None


@POSIX
def test_an_entry_that_is_a_link_is_a_miss(place, tmp_path):
    object_cache.store().put(KEY, b"code")
    entry = files(place)[0]
    entry.rename(tmp_path / "elsewhere")
    entry.symlink_to(tmp_path / "elsewhere")
    assert object_cache.store().get(KEY)[0] is None


@POSIX
def test_what_is_made_is_private(place):
    old = os.umask(0)
    try:
        object_cache.store().put(KEY, b"code")
    finally:
        os.umask(old)
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert stat.S_IMODE(files(place)[0].stat().st_mode) == 0o600


def test_a_directory_that_cannot_be_made(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("GRAPHC_CACHE_DIR", str(tmp_path / "file" / "code"))
    assert "cannot be made" in str(object_cache.store().refusal)
    x = g.symbol("x")
    f = g.compile(x + 0.15625)
    assert f(1.0) == 1.15625 and "cannot be made" in f._libraries[-1].cached
    assert object_cache.store().entries() == [] and object_cache.store().clear() == (0, 0)


def test_a_disk_that_refuses_costs_no_result(place, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    x = g.symbol("x")
    f = g.compile(x + 0.171875)
    assert f(1.0) == 1.171875
    assert "not kept" in f._libraries[-1].cached and "No space left" in f._libraries[-1].cached
    assert files(place) == []


# --- limits --------------------------------------------------------------------------------------------------------------------


def aged(place, key, seconds):
    file = place / f"{key.hex()}.graphc"
    used = file.stat().st_mtime - seconds
    os.utime(file, (used, used))


def test_the_least_recently_used_go_first(place):
    store = Store(place, 1 << 20)
    keys = [digest(str(number)) for number in range(12)]
    for number, key in enumerate(keys[:10]):
        store.put(key, bytes(100_000))
        aged(place, key, 1000 - number)
    assert len(store.entries()) == 10
    store.get(keys[0])  # a use
    store.put(keys[10], bytes(100_000))
    store.put(keys[11], bytes(100_000))
    kept = {entry.path.name for entry in store.entries()}
    assert sum(entry.size for entry in store.entries()) <= 1 << 20
    assert {f"{key.hex()}.graphc" for key in (keys[0], keys[10], keys[11])} <= kept
    assert f"{keys[1].hex()}.graphc" not in kept


def test_many_small_entries_are_bounded_too(place, monkeypatch):
    monkeypatch.setattr(object_cache, "MAX_ENTRIES", 32)
    store = Store(place, 1 << 30)
    for number in range(200):
        assert store.put(digest(str(number)), b"code") is None
    assert len(store.entries()) <= 32 + 32 // 16 + 1
    assert store.get(digest("199")) == (b"code", "hit")


def test_an_entry_larger_than_the_limit_is_not_kept(place):
    assert "more than the cache may hold" in str(Store(place, 1000).put(KEY, bytes(2000)))
    assert files(place) == []


def test_what_was_left_unfinished_goes_after_a_while(place):
    store = object_cache.store()
    store.put(KEY, b"code")
    old, new = (place / f"{KEY.hex()}.{digit * 16}.tmp" for digit in "ab")
    for file in (old, new):
        file.write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    other = place / "somebody.tmp"
    other.write_bytes(b"not graphc's")
    store.trim()
    assert not old.exists() and new.exists() and other.exists()
    assert store.clear()[0] == 2 and files(place) == [other]


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("1024", 1024), ("2K", 2048), (" 3 MiB ", 3 << 20), ("1gb", 1 << 30), ("", None), ("-5", None), ("1.5G", None),
     ("much", None), ("9" * 50, None), ("١", None)],
)  # fmt: skip
def test_sizes(text, size):
    assert parse_size(text) == size


def test_a_size_that_is_none_is_told_once_at_the_users_line(place, monkeypatch):
    monkeypatch.setenv("GRAPHC_CACHE_SIZE", "lots")
    object_cache._warn_of_size.cache_clear()
    x = g.symbol("x")
    with pytest.warns(RuntimeWarning, match="GRAPHC_CACHE_SIZE='lots' is not a size") as told:
        f = g.compile(x * 81234567.25)
        g.compile(x * 81234567.5)
    assert len(told) == 1 and told[0].filename == __file__
    assert f(2.0) == 162469134.5 and "GRAPHC_CACHE_SIZE is not a size" in str(f.report())
    assert not place.exists()
    monkeypatch.setenv("GRAPHC_CACHE_SIZE", "0")  # asked for: nothing to tell
    g.compile(x * 81234567.75)


def test_the_directory_of_the_platform(monkeypatch, tmp_path):
    monkeypatch.delenv("GRAPHC_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert (
        object_cache.store().path.name.lower() == "graphc"
        or object_cache.store().path.parent.name == "graphc"
    )
    monkeypatch.setenv("GRAPHC_CACHE_DIR", "~/somewhere")
    assert object_cache.store().path == Path(os.path.expanduser("~/somewhere"))
    assert object_cache.store().limit == 1 << 30

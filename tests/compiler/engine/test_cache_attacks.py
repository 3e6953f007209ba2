"""What accidents and strangers make of the cache's files and its directory, one attack after the other.

Each attack is done to the files of a function that was compiled and dropped; then the function is compiled again. Whatever was
done, the result is that of the formula, nothing escapes, nothing in the files was executed, nothing outside of the cache changed,
and where the cache may be written to the entry is whole again afterwards.
"""

from __future__ import annotations

import gc
import os
import pickle
import secrets
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

import graphc as g
from graphc.compiler.engine import jit, object_cache
from graphc.compiler.engine.object_cache import digest, seal, unseal

ROOT = Path(__file__).resolve().parents[3]
NOBODY = 65534

pytestmark = pytest.mark.skipif(
    not hasattr(os, "geteuid"), reason="links, owners and limits as POSIX has them"
)
root = pytest.mark.skipif(
    hasattr(os, "geteuid") and os.geteuid() != 0, reason="only root gives files to others"
)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GRAPHC_CACHE_DIR", str(tmp_path / "code"))
    monkeypatch.delenv("GRAPHC_CACHE_SIZE", raising=False)
    return tmp_path / "code"


_constants = iter(range(10_000))


def compiled(constant: float) -> str:
    """Where a function's code came from, whose value is right, and of which nothing stays in this process."""
    x = g.symbol("x")
    f = g.compile(x * x + constant, [x])
    assert f(3.0) == 9.0 + constant
    answer = f._libraries[-1].cached
    del f
    gc.collect()
    return answer


class Evil:
    """What a pickle would do that is loaded."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.mark,))


# --- entries ------------------------------------------------------------------------------------------


def whole(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    return lambda entry: (entry.write_bytes(change(entry.read_bytes())), None)[1]


def replaced(make: Callable[[Path], None]) -> Callable[[Path], None]:
    def attack(entry: Path) -> None:
        entry.unlink()
        make(entry)

    return attack


def _socket(entry: Path) -> None:
    here = os.open(".", os.O_RDONLY)
    os.chdir(entry.parent)  # names of sockets are short
    try:
        with socket.socket(socket.AF_UNIX) as end:
            end.bind(entry.name)
    finally:
        os.fchdir(here)
        os.close(here)


def _hard_link_elsewhere(entry: Path) -> None:
    os.link(entry, entry.parent.parent / f"twin-{entry.name}")


def _of_another_key(entry: Path) -> None:
    key = bytes.fromhex(entry.name.split(".")[0])
    code = unseal(key, entry.read_bytes())
    assert code
    entry.write_bytes(seal(digest("another"), code))


def _of_another_key_with_this_name(entry: Path) -> None:
    """The bytes of another key's entry, its key overwritten: the checksum is that of the other."""
    raw = bytearray(entry.read_bytes())
    other = bytearray(seal(digest("another"), bytes(raw[72:])))
    other[40:72] = raw[40:72]
    entry.write_bytes(bytes(other))


ENTRIES: dict[str, Callable[[Path], None]] = {
    "empty": whole(lambda raw: b""),
    "one byte": whole(lambda raw: raw[:1]),
    "magic alone": whole(lambda raw: raw[:8]),
    "head alone": whole(lambda raw: raw[:72]),
    "head and a byte": whole(lambda raw: raw[:73]),
    "half": whole(lambda raw: raw[: len(raw) // 2]),
    "last byte lost": whole(lambda raw: raw[:-1]),
    "zeros": whole(lambda raw: bytes(len(raw))),
    "a lost block": whole(lambda raw: raw[:512] + bytes(512) + raw[1024:]),
    "lost tail": whole(lambda raw: raw[:-256] + bytes(256)),
    "noise": whole(lambda raw: secrets.token_bytes(len(raw))),
    "noise behind the head": whole(lambda raw: raw[:72] + secrets.token_bytes(len(raw) - 72)),
    "more at the end": whole(lambda raw: raw + b"\0"),
    "twice": whole(lambda raw: raw + raw),
    "magic of another version": whole(lambda raw: raw[:7] + b"\x02" + raw[8:]),
    "checksum of nothing": whole(lambda raw: raw[:8] + bytes(32) + raw[40:]),
    "no head": whole(lambda raw: raw[72:]),
    "text": whole(lambda raw: raw.hex().encode()),
    "line ends": whole(lambda raw: raw.replace(b"\0", b"\r\n")),
    "another key's": _of_another_key,
    "another key's under this key": _of_another_key_with_this_name,
    "beyond all memory": lambda entry: os.truncate(entry, 1 << 40),
    "beyond the limit": lambda entry: os.truncate(entry, (1 << 30) + 1),
    "gone": Path.unlink,
    "a directory": replaced(Path.mkdir),
    "a directory with a file": replaced(lambda entry: (entry.mkdir(), (entry / "file").touch(), None)[2]),
    "a pipe": replaced(lambda entry: os.mkfifo(entry)),
    "a socket": replaced(_socket),
    "a link to nothing": replaced(lambda entry: entry.symlink_to("nothing")),
    "a link to itself": replaced(lambda entry: entry.symlink_to(entry.name)),
    "a link to endless zeros": replaced(lambda entry: entry.symlink_to("/dev/zero")),
    "a link to the terminal": replaced(lambda entry: entry.symlink_to("/dev/tty")),
    "a second name": _hard_link_elsewhere,
    "not readable": lambda entry: entry.chmod(0),
    "written by others": lambda entry: entry.chmod(0o666),
    "written by the group": lambda entry: entry.chmod(0o660),
    "of the future": lambda entry: os.utime(entry, (4e9, 4e9)),
    "of before 1970": lambda entry: os.utime(entry, (-1e9, -1e9)),
}


FEW = (
    "empty",
    "head alone",
    "half",
    "another key's",
    "beyond all memory",
    "a pipe",
    "a link to endless zeros",
    "written by others",
)
"""One of each kind; the others take their time."""


@pytest.mark.parametrize(
    "attack", [pytest.param(name, marks=[] if name in FEW else pytest.mark.slow) for name in ENTRIES]
)
def test_an_entry(attack: str, place: Path, tmp_path: Path):
    constant = next(_constants) + 0.40625
    assert compiled(constant) == "miss: not there yet"
    entries = sorted(place.iterdir())
    assert entries
    for entry in entries:
        ENTRIES[attack](entry)
    outside = {file: file.read_bytes() for file in tmp_path.iterdir() if file.is_file()}
    answer = compiled(constant)
    kept = attack in ("a second name", "of the future", "of before 1970") or (
        attack == "not readable" and not os.geteuid()
    )
    assert answer.startswith("hit" if kept else "miss"), answer
    assert "cannot be written" in answer if attack.startswith("a directory") else "not kept" not in answer
    if not attack.startswith("a directory"):
        assert compiled(constant) == "hit"
        assert all(entry.is_file() and not entry.is_symlink() for entry in entries)
    assert outside == {file: file.read_bytes() for file in tmp_path.iterdir() if file.is_file()}


@pytest.mark.parametrize("protocol", [0, 2, pickle.HIGHEST_PROTOCOL])
def test_no_pickle_is_executed(protocol: int, place: Path, tmp_path: Path):
    """Neither as a whole entry, nor behind a head, nor as the contents of a sealed record."""
    evil = pickle.dumps(Evil(tmp_path / "mark"), protocol)
    constant = next(_constants) + 0.40625
    for make in (lambda raw: evil, lambda raw: raw[:72] + evil, lambda raw: evil + raw):
        compiled(constant)
        for entry in place.iterdir():
            entry.write_bytes(make(entry.read_bytes()))
        assert compiled(constant) == "miss: the entry was damaged"
    assert not (tmp_path / "mark").exists()


@root
@pytest.mark.parametrize("what", ["entries", "directory", "both"])
def test_what_belongs_to_others(what: str, place: Path):
    constant = next(_constants) + 0.40625
    compiled(constant)
    for file in ([] if what == "directory" else list(place.iterdir())) + (
        [] if what == "entries" else [place]
    ):
        os.chown(file, NOBODY, NOBODY)
    before = {file.name: file.stat().st_mtime_ns for file in place.iterdir()}
    answer = compiled(constant)
    if what == "entries":
        assert (
            "belongs to another user" in answer and answer.startswith("miss") and compiled(constant) == "hit"
        )
    else:
        assert answer == f"off: {place} belongs to another user"
        assert before == {file.name: file.stat().st_mtime_ns for file in place.iterdir()}


@pytest.mark.parametrize("part", range(6))
def test_another_version_has_entries_of_its_own(part: int, place: Path, monkeypatch: pytest.MonkeyPatch):
    """Each thing that decides about machine code: graphc, Python, Numba, LLVM, the processor."""
    constant = next(_constants) + 0.40625
    assert compiled(constant) == "miss: not there yet"
    first = {file: file.read_bytes() for file in place.iterdir()}
    parts = jit.environment()
    other = (*parts[:part], parts[part] + " of another version", *parts[part + 1 :])
    with monkeypatch.context() as patch:
        patch.setattr(jit, "environment", lambda: other)
        assert compiled(constant) == "miss: not there yet"
        assert compiled(constant) == "hit"
    assert compiled(constant) == "hit"
    assert all(file.read_bytes() == raw for file, raw in first.items())


# --- the directory ------------------------------------------------------------------------------------------


DIRECTORIES: dict[str, Callable[[Path], None]] = {
    "a file": Path.touch,
    "a pipe": lambda place: os.mkfifo(place),
    "a link to nothing": lambda place: place.symlink_to(place.parent / "elsewhere" / "deeper"),
    "a link to itself": lambda place: place.symlink_to(place),
    "a link to a file": lambda place: (
        (place.parent / "f").touch(),
        place.symlink_to(place.parent / "f"),
        None,
    )[2],
    "a link to what all write to": lambda place: place.symlink_to("/tmp"),
    "a link to devices": lambda place: place.symlink_to("/dev/null"),
    "a link to what is in memory": lambda place: place.symlink_to("/proc"),
}


@pytest.mark.parametrize("attack", DIRECTORIES)
def test_a_directory_that_is_none(attack: str, place: Path):
    DIRECTORIES[attack](place)
    constant = next(_constants) + 0.40625
    shared = set(os.listdir("/tmp"))
    answers = [compiled(constant), compiled(constant)]
    assert not any(answer == "hit" for answer in answers), answers
    assert not any(name.endswith(".graphc") for name in set(os.listdir("/tmp")) - shared)


@pytest.mark.parametrize(
    "name",
    ["new\nline", "ünïcödé ☃", "a" * 255, "a" * 256, "/".join(["deep"] * 1200), "~nobody-here/code", "%s{0}$HOME", " ", "-rf",
     "..", os.fsdecode(b"\xff\xfe not text")],
    ids=range(11),
)  # fmt: skip
def test_names_of_directories(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRAPHC_CACHE_DIR", str(tmp_path / "code" / name))
    constant = next(_constants) + 0.40625
    first, second = compiled(constant), compiled(constant)
    assert (first, second) == ("miss: not there yet", "hit") or (
        "cannot be made" in first and "cannot be made" in second
    )
    monkeypatch.setenv("GRAPHC_CACHE_DIR", name)
    compiled(constant)


def test_a_directory_that_goes_and_comes_back(place: Path):
    constant = next(_constants) + 0.40625
    compiled(constant)
    shutil.rmtree(place)
    assert compiled(constant) == "miss: not there yet" and compiled(constant) == "hit"
    aside = place.with_name("aside")
    place.rename(aside)
    place.symlink_to(aside)  # one's own link to one's own directory
    assert compiled(constant) == "hit"


def test_a_directory_that_goes_while_an_entry_is_written(place: Path, monkeypatch: pytest.MonkeyPatch):
    constant = next(_constants) + 0.40625
    replace = os.replace

    def late(*arguments: str) -> None:
        shutil.rmtree(place)
        replace(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(object_cache.os, "replace", late)
        assert "not kept" in compiled(constant)
    assert compiled(constant) == "miss: not there yet" and compiled(constant) == "hit"


def test_an_entry_that_becomes_a_directory_of_an_attacker_while_it_is_written(
    place: Path, monkeypatch: pytest.MonkeyPatch
):
    """A link under the name of the file that is about to be written: nothing is written through it."""
    target = place.parent / "target"
    target.write_text("precious")
    monkeypatch.setattr(object_cache.secrets, "token_hex", lambda n: "0" * (2 * n))
    constant = next(_constants) + 0.40625
    compiled(constant)
    entries = list(place.iterdir())
    for entry in entries:
        entry.unlink()
        (place / f"{entry.name.split('.')[0]}.{'0' * 16}.tmp").symlink_to(target)
    assert "not kept" in compiled(constant)
    assert target.read_text() == "precious"

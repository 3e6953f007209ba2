"""Machine code on disk: what one process compiled, the next one loads.

An entry is one file, named by the digest of everything its code depends on, and nothing in it is looked at before its checksum
holds: whatever is damaged, foreign or missing is a miss. Entries are written to a file of their own name and renamed, so a
process that is killed leaves the old entry or the new one.

Machine code is as trusted as the program that runs it. So the directory belongs to this user, and where others can write to it
(or to an entry) the cache is off.

    GRAPHC_CACHE_DIR    the directory; by default graphc's own in the platform's place for caches
    GRAPHC_CACHE_SIZE   how many bytes it may hold, as 500M or 2G (1G); 0 switches the cache off, and so, with a warning,
                        does a text that is no size

No function here raises for what the disk does: a cache that fails costs time, never a result.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import stat
import time
import warnings
from functools import cache
from pathlib import Path

from graphc.errors import brief, user_line
from graphc.util import fork_safety
from graphc.util.fork_safety import cached_property
from graphc.util.records import dataclass

MAGIC = b"graphc\x00\x01"
_CHECKSUM = 32
_KEY = 32
_HEAD = len(MAGIC) + _CHECKSUM + _KEY

_SIZE = "GRAPHC_CACHE_SIZE"

SIZE = 1 << 30
"""Bytes that the cache holds by default."""

MAX_ENTRIES = 16_384
"""The directory is read as a whole now and then, which stays below 0.1 s up to here."""

_ABANDONED = 3600.0
"""Seconds after which a file that was never renamed is taken for left behind."""

_SUFFIX = ".graphc"
_ENTRY = re.compile(rf"[0-9a-f]{{{2 * _KEY}}}{re.escape(_SUFFIX)}")
_UNFINISHED = re.compile(rf"[0-9a-f]{{{2 * _KEY}}}\.[0-9a-f]{{16}}\.tmp")
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def digest(*parts: bytes | str) -> bytes:
    """The name of an entry whose code depends on `parts`, and on their order and division: 32 bytes.

    >>> digest("ab", "c") == digest("a", "bc")
    False
    """
    state = hashlib.blake2b(digest_size=_KEY)
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        state.update(len(raw).to_bytes(8, "little"))
        state.update(raw)
    return state.digest()


def seal(key: bytes, code: bytes) -> bytes:
    """An entry as it lies on disk: magic, checksum of all that follows, key, code."""
    rest = key + code
    return MAGIC + hashlib.blake2b(rest, digest_size=_CHECKSUM).digest() + rest


def unseal(key: bytes, entry: bytes) -> bytes | None:
    """The code of an entry; None unless it is whole and of this key."""
    rest = entry[len(MAGIC) + _CHECKSUM :]
    checksum = hashlib.blake2b(rest, digest_size=_CHECKSUM).digest()
    if entry[: len(MAGIC) + _CHECKSUM] != MAGIC + checksum or rest[:_KEY] != key or len(entry) <= _HEAD:
        return None
    return rest[_KEY:]


def parse_size(text: str) -> int | None:
    """Bytes, of a text such as 500M or 2G; None for anything else.

    >>> parse_size("2k"), parse_size("500 MB"), parse_size("-1")
    (2048, 524288000, None)
    """
    match = re.fullmatch(r"(\d{1,18})\s*([kmgt]?)i?b?", text.strip().lower(), re.ASCII)
    return int(match[1]) * _UNITS[match[2]] if match else None


@dataclass(frozen=True)
class Entry:
    """A file of the cache: its bytes on disk, and when it was last used (seconds since 1970)."""

    path: Path
    size: int
    used: float


@dataclass(frozen=True)
class Store:
    """The cache as the environment asks for it.

    path : its directory, whether that exists or not
    limit : how many bytes it may hold
    """

    path: Path
    limit: int

    @cached_property
    def refusal(self) -> str | None:
        """Why the cache is off; None where it is on. A directory that is missing is made."""
        if self.limit <= 0:
            return f"{_SIZE} is 0" if self.limit == 0 else f"{_SIZE} is not a size"
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            status = self.path.stat()
        except OSError as error:
            return f"{self.path} cannot be made: {error.strerror or error}"
        return _distrusted(self.path, status)

    def get(self, key: bytes) -> tuple[bytes | None, str]:
        """The code of an entry and "hit", or None and why there is none. A hit counts as a use."""
        if self.limit < 0:
            _warn_of_size(os.environ.get(_SIZE, ""))
        if self.refusal is not None:
            return None, f"off: {self.refusal}"
        path = self._place(key)
        try:
            with open(path, "rb", opener=_no_link) as file:
                status = os.fstat(file.fileno())
                wrong = _distrusted(path, status) if stat.S_ISREG(status.st_mode) else f"{path} is no file"
                # an entry that grew beyond the limit nobody here wrote, and memory may not hold it
                entry = b"" if wrong or status.st_size > self.limit else file.read(status.st_size + 1)
        except FileNotFoundError:
            return None, "miss: not there yet"
        except OSError as error:
            return None, f"miss: {path} cannot be read: {error.strerror or error}"
        except MemoryError:
            return None, f"miss: {path} does not fit into memory"
        if wrong:
            return None, f"miss: {wrong}"
        code = unseal(key, entry)
        if code is None:
            return None, "miss: the entry was damaged"
        with contextlib.suppress(OSError):
            os.utime(path)
        return code, "hit"

    def put(self, key: bytes, code: bytes) -> str | None:
        """Keep code under its key; returns why that failed, or None."""
        if self.refusal is not None:
            return self.refusal
        place, data = self._place(key), seal(key, code)
        if len(data) > self.limit:
            return f"the entry's {len(data):,} bytes are more than the cache may hold"
        beside = self.path / f"{key.hex()}.{secrets.token_hex(8)}.tmp"
        try:
            try:
                # no fsync: after a loss of power the checksum tells
                with open(beside, "xb", opener=_private) as file:
                    file.write(data)
                os.replace(beside, place)
            except BaseException:
                with contextlib.suppress(OSError):
                    beside.unlink()
                raise
        except OSError as error:
            return f"{place} cannot be written: {error.strerror or error}"
        self._make_room(len(data))
        return None

    def entries(self) -> list[Entry]:
        """All entries, the least recently used first."""
        return sorted(self._files(_ENTRY), key=lambda entry: (entry.used, entry.path.name))

    def clear(self) -> tuple[int, int]:
        """Remove every entry; returns how many went, and their bytes."""
        gone = [entry for entry in (*self._files(_ENTRY), *self._files(_UNFINISHED)) if _remove(entry)]
        return len(gone), sum(entry.size for entry in gone)

    def trim(self) -> int:
        """Remove the least recently used entries until nine tenths of the limits hold, and what was left behind
        unfinished; returns the bytes that remain."""
        for file in self._files(_UNFINISHED):
            if time.time() - file.used > _ABANDONED:
                _remove(file)
        entries = self.entries()
        size, count = sum(entry.size for entry in entries), len(entries)
        if size <= self.limit and count <= MAX_ENTRIES:
            return size
        for entry in entries:
            if size <= self.limit * 9 // 10 and count <= MAX_ENTRIES * 9 // 10:
                break
            if _remove(entry):
                size, count = size - entry.size, count - 1
        return size

    def _place(self, key: bytes) -> Path:
        return self.path / (key.hex() + _SUFFIX)

    def _files(self, name: re.Pattern[str]) -> list[Entry]:
        """The files of this user whose names are of a form: nothing else in the directory is ever touched."""
        entries: list[Entry] = []
        try:
            with os.scandir(self.path) as files:
                for file in files:
                    if name.fullmatch(file.name):
                        with contextlib.suppress(OSError):
                            status = file.stat(follow_symlinks=False)
                            if stat.S_ISREG(status.st_mode):
                                entries.append(Entry(Path(file.path), _space(status), status.st_mtime))
        except OSError:
            return []
        return entries

    def _make_room(self, written: int) -> None:
        """Hold the limits after a write.

        Reading the directory for each write would be quadratic: the first write of a process does it, and every further sixteenth
        part of the limits. What other processes write meanwhile may exceed the limit by as much.
        """
        with _lock:
            size, count = _written.get(self.path, (self.limit, MAX_ENTRIES))
            size, count = size + written, count + 1
            due = size > self.limit // 16 or count > MAX_ENTRIES // 16
            _written[self.path] = (0, 0) if due else (size, count)
        if due:
            self.trim()


_lock = fork_safety.lock()

_written: dict[Path, tuple[int, int]] = {}
"""Directory → bytes and entries that this process wrote since it last read it as a whole."""


def store() -> Store:
    """The cache that the environment asks for now."""
    asked = os.environ.get("GRAPHC_CACHE_DIR")
    path = os.path.expanduser(asked) if asked else _usual_place()
    size = parse_size(os.environ.get(_SIZE) or str(SIZE))
    return Store(Path(os.path.abspath(path)), -1 if size is None else size)


def _usual_place() -> str:
    import platformdirs

    return platformdirs.user_cache_dir("graphc", appauthor=False)


@cache
def _warn_of_size(text: str) -> None:
    """Say once in a process, at the user's line, that what the environment asks for is no size."""
    message = f"{_SIZE}={brief(text)} is not a size such as 500M or 2G (0 is none): machine code is not kept"
    warnings.warn_explicit(message, RuntimeWarning, *(user_line() or (__file__, 0)))


def _distrusted(path: Path, status: os.stat_result) -> str | None:
    """Why somebody else may have written here; None where nobody else can."""
    if hasattr(os, "geteuid"):
        if status.st_uid != os.geteuid():
            return f"{path} belongs to another user"
        if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return f"others can write to {path}"
    return None


def _space(status: os.stat_result) -> int:
    """Bytes that a file takes on disk, as far as the system tells."""
    return max(status.st_size, 512 * getattr(status, "st_blocks", 0))


def _remove(entry: Entry) -> bool:
    try:
        entry.path.unlink()
    except OSError:
        return False
    return True


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _no_link(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))


__all__ = ["Entry", "Store", "digest", "parse_size", "seal", "store", "unseal"]

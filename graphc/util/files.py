"""Files: written whole or not at all, and read; what the disk refuses is an error that says what to do."""

from __future__ import annotations

import errno
import os
import secrets
import select
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, NoReturn

from graphc.errors import FileError, FormatError, GraphcError, MissingFileError, brief, brief_text


def write_whole(path: str | os.PathLike[str], data: bytes) -> None:
    """Put bytes in a file's place: a reader finds the old file or the new one, never a part.

    The bytes go to a new file in the same directory, which then takes the old one's name and permissions. A link is
    followed; what is no ordinary file (a device, a pipe that somebody reads) is written to as it is. Raises `FileError`.
    """
    name = as_text(path)
    if name.endswith(os.sep):  # `realpath` would take it away
        raise FileError(f"cannot write {brief(name, 200)}: it names a directory", hint="name a file in it")
    try:
        _replace(os.path.realpath(name), data)
    except (OSError, ValueError) as error:
        _refuse("write", name, error)


def _replace(target: str, data: bytes) -> None:
    mode = os.stat(target).st_mode if os.path.exists(target) else None
    if mode is not None and not stat.S_ISREG(mode):
        with open(target, "wb", opener=_without_waiting) as file:
            os.set_blocking(file.fileno(), True)
            file.write(data)
        return
    directory, name = os.path.split(target)
    beside = os.path.join(directory, f".{name[:50]}.{secrets.token_hex(6)}.tmp")
    try:
        with open(beside, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            os.chmod(beside, stat.S_IMODE(mode))
        os.replace(beside, target)
    except BaseException:
        if os.path.exists(beside):
            os.unlink(beside)
        raise


MOST_STREAMED = 1 << 30
"""Bytes that are read of what has no length of its own: a device, a pipe."""


def read_whole(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a file. Raises `FileError`."""
    name = as_text(path)
    with opened(name) as file:
        try:
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return file.read()
            data = _streamed(file)
        except OSError as error:
            _refuse("read", name, error)
    if len(data) > MOST_STREAMED:
        raise FileError(
            f"cannot read {brief(name, 200)}: it goes on after {MOST_STREAMED:,} bytes", hint="name a file"
        )
    return data


def opened(path: str | os.PathLike[str]) -> BinaryIO:
    """A file, opened to be read: a pipe once somebody writes to it, which is waited for a moment. Raises `FileError`."""
    name = as_text(path)
    try:
        file = open(name, "rb", opener=_without_waiting)  # noqa: SIM115  the caller closes it
        if _NONBLOCK:
            if stat.S_ISFIFO(os.fstat(file.fileno()).st_mode) and not _has_writer(file.fileno()):
                file.close()
                raise FileError(
                    f"cannot read {brief(name, 200)}: it is a pipe that nobody writes to",
                    hint="name a file, or start first what writes to the pipe",
                )
            os.set_blocking(file.fileno(), True)
        return file
    except (OSError, ValueError) as error:
        if isinstance(error, GraphcError):
            raise
        _refuse("read", name, error)


PATIENCE = 2.0
"""Seconds in which the writer of a named pipe has to come. Opening such a pipe in the plain way waits for ever."""

_NONBLOCK = getattr(os, "O_NONBLOCK", 0)


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | _NONBLOCK, 0o666)


def _has_writer(pipe: int) -> bool:
    """Whether somebody has a pipe open that was opened without waiting for it."""
    ready = select.poll()
    ready.register(pipe, select.POLLIN)
    if ready.poll(1000 * PATIENCE):
        return True
    try:
        os.read(pipe, 1)
    except BlockingIOError:  # so it is when there is a writer that has written nothing yet
        return True
    return False


def _streamed(file: Any) -> bytes:
    """All that there is, or a byte more than may be."""
    parts, left = [], MOST_STREAMED + 1
    while left and (part := file.read(min(left, 1 << 20))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


MOST_UNPACKED = 1 << 30
"""Bytes that a packed file may always become; above, so many times its own length."""

MOST_TIMES = 100


def check_unpacked(packed: int, unpacked: int) -> None:
    """Raises `FormatError` for a file that is small and would fill the memory once it is unpacked."""
    if unpacked > max(MOST_UNPACKED, MOST_TIMES * packed):
        raise FormatError(
            f"its {packed:,} bytes unpack to {unpacked:,}, which is more than {MOST_TIMES} times as many",
            hint="keep the data unpacked",
        )


@contextmanager
def decoding(what: str) -> Iterator[None]:
    """What a decoder raises inside, for bytes that it cannot make sense of, is a `FormatError` that begins with `what`.

    The errors of zlib, lzma, tokenize, struct, ast and NumPy have no common class; a length that no memory holds and nesting
    without end are damage as well. graphc's own errors stay what they are.
    """
    try:
        yield
    except GraphcError:
        raise
    except Exception as error:
        detail = " ".join(brief_text(error, 200).split()) or type(error).__name__
        raise FormatError(f"{what}: {detail}") from error


def as_text(path: Any) -> str:
    """A path as text. Raises `FileError` for what is none."""
    try:
        return os.fsdecode(path)
    except TypeError:
        raise FileError(
            f"{brief(path)} is not a path", hint='write a text such as "name.json", or a pathlib.Path'
        ) from None


def _refuse(verb: str, name: str, error: OSError | ValueError) -> NoReturn:
    if isinstance(error, ValueError):  # a null byte, or what the file system's encoding has not
        raise FileError(
            f"cannot {verb} {name!r}: {error}", hint="name the file with plain characters"
        ) from error
    directory = os.path.dirname(os.path.abspath(name))
    why, hint = error.strerror or str(error), None
    if isinstance(error, FileNotFoundError) and not os.path.isdir(directory):
        why, hint = f"there is no directory {directory!r}", f"make it first: os.makedirs({directory!r})"
    elif isinstance(error, IsADirectoryError) or os.path.isdir(name):
        why, hint = "it is a directory", "name a file in it"
    elif error.errno == errno.ENXIO and verb == "write":
        why, hint = "it is a pipe that nobody reads", "start the reader first, or name a file"
    elif isinstance(error, FileNotFoundError):
        hint = f"its name is looked up in {directory!r}"
    elif isinstance(error, NotADirectoryError):
        hint = f"{directory!r} is not a directory"
    elif isinstance(error, PermissionError):
        what = (
            name if verb == "read" or (os.path.exists(name) and not os.access(name, os.W_OK)) else directory
        )
        hint = f"this user may not {verb} {what!r}"
    kind = MissingFileError if isinstance(error, FileNotFoundError) else FileError
    refused = kind(f"cannot {verb} {name!r}: {why}", hint=hint)
    refused.errno, refused.strerror, refused.filename = error.errno, why, name
    raise refused from error


__all__ = ["as_text", "check_unpacked", "decoding", "opened", "read_whole", "write_whole"]

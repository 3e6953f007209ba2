"""Files: written whole or not at all, and read; what the disk refuses is an error that says what to do."""

from __future__ import annotations

import os
import secrets
import stat
from typing import Any, NoReturn

from graphc.errors import FileError, MissingFileError, brief


def write_whole(path: str | os.PathLike[str], data: bytes) -> None:
    """Put bytes in a file's place: a reader finds the old file or the new one, never a part.

    The bytes go to a new file in the same directory, which then takes the old one's name and permissions. A link is
    followed; what is no ordinary file (a device, a pipe) is written to as it is. Raises `FileError`.
    """
    name = as_text(path)
    try:
        _replace(os.path.realpath(name), data)
    except (OSError, ValueError) as error:
        _refuse("write", name, error)


def _replace(target: str, data: bytes) -> None:
    mode = os.stat(target).st_mode if os.path.exists(target) else None
    if mode is not None and not stat.S_ISREG(mode):
        with open(target, "wb") as file:
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


def read_whole(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a file. Raises `FileError`."""
    name = as_text(path)
    try:
        with open(name, "rb") as file:
            return file.read()
    except (OSError, ValueError) as error:
        _refuse("read", name, error)


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


__all__ = ["as_text", "read_whole", "write_whole"]

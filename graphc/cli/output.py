"""What a command writes: to files that are not there, to a terminal as a picture, to a pipe as it is."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from graphc.util.files import write_whole

_NOISE = b"Fontconfig "
"""How lines begin that the font library writes of files that belong to the system, whatever the picture is."""


def write_text(output: str, text: str, force: bool) -> None:
    """A text with its last line ended, to a file or to standard output."""
    if output == "-":
        click.echo(text)
    else:
        write_file(output, f"{text}\n".encode(), force)


def write_file(path: str, content: bytes, force: bool) -> None:
    """The content of a file; one that is there is replaced where the user says so. Says what was written."""
    if Path(path).is_file() and not _holds(path, content):
        claim(path, force)
    write_whole(path, content)


def claim(path: str, force: bool) -> None:
    """Raises where a file is there that nobody said may be replaced; on a terminal the user is asked."""
    if force or not Path(path).is_file():  # a device or a pipe is written to
        return
    if sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty():
        if click.confirm(f"{path} is there; replace it?", err=True):
            return
        raise click.ClickException(f"{path} was left as it is")
    raise click.ClickException(f"{path} is there already\n  hint: --force replaces it; -o names another file")


def free_name(path: str, content: bytes) -> str:
    """A name like this one that holds nothing else: x.svg, x-2.svg, x-3.svg, …; the name itself where the content is the same."""
    first = Path(path)
    number, name = 1, first
    while name.exists() and not _holds(str(name), content):
        number += 1
        name = first.with_name(f"{first.stem}-{number}{first.suffix}")
    return str(name)


def _holds(path: str, content: bytes) -> bool:
    try:
        return os.path.getsize(path) == len(content) and Path(path).read_bytes() == content
    except OSError:
        return False


def write_bytes(content: bytes) -> None:
    """To standard output, now: what a full disk refuses at the end of the process would be nobody's error."""
    if sys.stdout is None:
        raise click.ClickException("there is no standard output; name a file: -o FILE")
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


@contextmanager
def without_noise() -> Iterator[None]:
    """While something is drawn: what libraries of the system say of the system's own files is not the user's concern.

    They write to the process's file of errors past Python's, so that file is put aside and what else came is written to it after.
    """
    try:
        kept = os.dup(2)
    except OSError:  # it is closed: nothing is heard
        yield
        return
    with tempfile.TemporaryFile() as said:
        if sys.stderr is not None:
            sys.stderr.flush()
        os.dup2(said.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            said.seek(0)
            rest = b"".join(line for line in said if not line.startswith(_NOISE))
            if rest:
                os.write(2, rest)


def columns() -> int:
    """How many letters a line of the terminal takes."""
    return max(shutil.get_terminal_size().columns, 20)

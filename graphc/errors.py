"""Every exception that graphc raises on purpose.

An error says four things: what was wrong, which node, which line of the user's script, and what to write instead. The
line is that which is running when the error is made, unless the caller knows better; node and hint are optional. One
printed form (`str(error)`) serves scripts, notebooks and the command line alike.
"""

from __future__ import annotations

import contextlib
import functools
import linecache
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from os.path import dirname, sep
from types import CodeType, FrameType
from typing import Any

import numpy as np

_NOT_THE_USERS = (
    dirname(__file__) + sep,
    dirname(np.__file__) + sep,
    contextlib.__file__,
    functools.__file__,
    dirname(functools.__file__) + sep + "dataclasses.py",  # `replace` checks what it is given
)
"""Where frames are not lines of a user's script: graphc, and what stands between it and the script."""

_LINES_IN_NOTEBOOKS = 6

_NEIGHBOURS = tuple(
    f"{sep}site-packages{sep}{name}{sep}"
    for name in ("pandas", "xarray", "polars", "torch", "jax", "dask", "numba")
)
"""Packages whose operators and functions call graphc back."""

_MAX_CODES = 4096
"""How many functions are remembered by `user_sites`, which keeps their code alive."""

_codes: dict[int, tuple[CodeType, dict[int, tuple[tuple[str, int]]] | None]] = {}
"""id of a code object → itself, and its lines by instruction; None for what is no line of a user's script.

Asked for several frames of every node that is made. Python searches the table of a function's lines from its beginning, which
takes microseconds where a script is long.
"""

_commands = 0
"""How many commands of the command line run: there is no script then whose lines could be named."""


@contextlib.contextmanager
def without_script() -> Iterator[None]:
    """While a command runs: what was typed has no line in a file, and those of the libraries around it are nobody's."""
    global _commands
    _commands += 1
    try:
        yield
    finally:
        _commands -= 1


def user_line(depth: int = 1) -> tuple[str, int] | None:
    """File and number of the innermost line outside graphc that is running now, `depth` frames up at least."""
    sites = user_sites(depth + 1)
    return sites[0] if sites else None


def user_sites(depth: int = 1) -> tuple[()] | tuple[tuple[str, int]]:
    """As `user_line`, in a tuple that is the same one each time; an empty one where there is no such line."""
    if _commands:
        return ()
    frame = sys._getframe(depth)
    while frame is not None:
        code = frame.f_code
        known = _codes.get(id(code))
        lines = (known or _learned(frame))[1]
        if lines is not None:
            instruction = frame.f_lasti
            sites = lines.get(instruction)
            if sites is None:
                sites = lines[instruction] = ((code.co_filename, frame.f_lineno),)
            return sites
        frame = frame.f_back
    return ()


def _learned(frame: FrameType) -> tuple[CodeType, dict[int, tuple[tuple[str, int]]] | None]:
    """What `_codes` holds of the code that runs in a frame."""
    code = frame.f_code
    filename = code.co_filename
    users = not (filename.startswith(_NOT_THE_USERS) or any(part in filename for part in _NEIGHBOURS))
    # a dataclass's generated __init__ is graphc's own
    own = filename == "<string>" and str(frame.f_globals.get("__name__")).startswith("graphc.")
    if len(_codes) >= _MAX_CODES:
        _codes.clear()
    known = _codes[id(code)] = code, {} if users and not own else None
    return known


def brief(value: Any, most: int = 60) -> str:
    """A value as a message shows it: the first characters of its `repr`, whatever the value is.

    A whole number of thousands of digits, lists nested thousands deep and objects whose `repr` fails have none.
    """
    try:
        return repr(value)[:most]
    except Exception:
        return _unshown(value)


def brief_text(value: Any, most: int = 60) -> str:
    """The first characters of a value's text, whatever the value is."""
    try:
        return str(value)[:most]
    except Exception:
        return _unshown(value)


MOST_BITS = 1024
"""Of a whole number that is given as a length, a place or a count."""


def is_huge(value: Any) -> bool:
    """Whether a whole number is so long that it can be neither a length nor printed."""
    return isinstance(value, int) and value.bit_length() > MOST_BITS


def _unshown(value: Any) -> str:
    if isinstance(value, int):
        return f"{'minus ' if value < 0 else ''}a whole number of {value.bit_length():,} bits"
    return f"a {type(value).__name__}"


@dataclass(frozen=True)
class Site:
    """A line of a user's script: where an expression was written."""

    filename: str
    line: int

    def __str__(self) -> str:
        source = linecache.getline(self.filename, self.line).strip()
        source = source if len(source) <= 100 else source[:99] + "…"
        place = f"{self.filename}:{self.line}"
        return f"{place}: {source}" if source else place


class GraphcError(Exception):
    """Base class of all graphc errors.

    Parameters
    ----------
    message : what was wrong, naming the culprit
    node : the node concerned, as text
    site : the line of the user's script; by default that which is running now
    hint : what to write instead
    """

    def __init__(
        self, message: str, *, node: str | None = None, site: Site | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.node = node
        if site is None:
            line = user_line(2)
            site = None if line is None else Site(*line)
        self.site: Site | None = site
        self.hint = hint

    def __str__(self) -> str:
        lines = [self.message]
        if self.node is not None:
            lines.append(f"  node: {self.node}")
        if self.site is not None:
            lines.append(f"  at:   {self.site}")
        if self.hint is not None:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in place of the frames inside graphc: the message, shortened in its middle to six lines."""
        lines = f"{type(self).__name__}: {self}".splitlines()
        if len(lines) <= _LINES_IN_NOTEBOOKS:
            return lines
        last = [line for line in lines[-3:] if line.startswith(("  node: ", "  at:   ", "  hint: "))]
        return [*lines[: _LINES_IN_NOTEBOOKS - 1 - len(last)], "  …", *last]

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.message, self.node, self.site, self.hint))


def _rebuild(cls, message, node, site, hint):
    error = cls(message, node=node, site=site, hint=hint)
    error.site = site  # None stays None: the line that unpickles is not the one meant
    return error


class ExpressionError(GraphcError, TypeError):
    """An expression was used where Python wants a value, or an operand cannot become an expression."""


class ArityError(GraphcError, TypeError):
    """An operation or compiled function got the wrong number of arguments."""


class DtypeError(GraphcError, TypeError):
    """Types that an operation does not take, or a cast that would lose information."""


class ShapeError(GraphcError, ValueError):
    """Shapes that do not broadcast or do not match a declaration."""


class NameClashError(GraphcError, ValueError):
    """One name stands for two different symbols."""


class UnknownNameError(GraphcError, LookupError):
    """A name that nothing declares."""


class InputError(GraphcError, ValueError):
    """A missing, unknown or doubled input of an evaluation or of a compiled function."""


class ParseError(GraphcError, ValueError):
    """Text that is not an expression of the allowed grammar."""


class ConversionError(GraphcError, ValueError):
    """Something of another library that has no counterpart in graphc, or the other way round."""


class DefinitionError(GraphcError, ValueError):
    """A declaration of an operation that contradicts itself."""


class GraphError(GraphcError, ValueError):
    """An invariant of a graph does not hold."""


class GradientError(GraphcError, ValueError):
    """A derivative that is not defined as it was asked for."""


class FormatError(GraphcError, ValueError):
    """A file that is not a graphc file, is damaged, or is of a newer version."""


class FileError(GraphcError, OSError):
    """A file that cannot be written or read: a directory that is not there, no permission, no room."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (
            *super().__reduce__(),
            {"errno": self.errno, "strerror": self.strerror, "filename": self.filename},
        )


class MissingFileError(FileError, FileNotFoundError):
    """A file to be read, or the directory of one to be written, that is not there."""


class MemoryLimitError(GraphcError, MemoryError):
    """Arrays that are larger than the memory there is."""


class PrecisionError(GraphcError, ArithmeticError):
    """A value that no precision within reach determines."""


class TrainingError(GraphcError, ArithmeticError):
    """Training that cannot go on: a loss that is no finite number."""


class CompileError(GraphcError, RuntimeError):
    """A graph that cannot be lowered to machine code."""


class InternalError(GraphcError, RuntimeError):
    """A bug of graphc's own, seen by a check that was asked for: machine code that left its memory, a pass that broke its
    promise.
    """


class RenderError(GraphcError, RuntimeError):
    """A diagram that cannot be rendered on this machine."""

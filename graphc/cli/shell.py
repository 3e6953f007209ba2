"""How the command line reads and refuses: points, formulas, a leading minus, errors as exit codes.

Nothing that is typed is evaluated. Exit codes: 0 fine, 1 the user's error with one message on standard
error, 2 wrong usage, 130 Ctrl-C, which says nothing. A reader that has gone (`| head`) ends a command quietly, with 1.
"""

from __future__ import annotations

import math
import re
import sys
from typing import Any

import click
import numpy as np

from graphc.errors import GraphcError
from graphc.frontend.parse import parse
from graphc.ir.expr import Expr

_STDIN_LIMIT = 1 << 20
INTERRUPTED = 130
"""The exit code after Ctrl-C, as shells have it: 128 and the number of the signal."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|inf|nan)", re.ASCII)


def parse_point(text: str) -> dict[str, Any]:
    """The point that "x=2, w=[1, -2.5]" names: name → number, or an array; ValueError for anything else.

    >>> parse_point("x=2,b=-1e3")
    {'x': 2.0, 'b': -1000.0}
    """
    point: dict[str, Any] = {}
    for item in re.split(r",(?![^\[\]]*\])", text):
        name, equals, value = (part.strip() for part in item.partition("="))
        if not equals or not name.isidentifier():
            raise ValueError(f"{shorten(item)!r} is not of the form name=number")
        if name in point:
            raise ValueError(f"{name} is given twice")
        if value.startswith("[") and value.endswith("]"):
            inner = value[1:-1].strip()
            point[name] = np.array([_number(part) for part in inner.split(",")] if inner else [], dtype=float)
        else:
            point[name] = _number(value)
    return point


def _number(text: str) -> float:
    text = text.strip()
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{shorten(text)!r} is not a number")
    value = float(text)
    if math.isinf(value) and "inf" not in text:
        raise ValueError(f"{shorten(text)!r} is larger than any float64")
    return value


def shorten(text: str) -> str:
    """What was typed, short enough for a message."""
    return text if len(text) <= 40 else text[:39] + "…"


def _abridged(message: str) -> str:
    """A message without the middle of words that nobody reads to their end."""
    return re.sub(r"\S{301,}", lambda word: f"{word[0][:200]}…{word[0][-20:]}", message)


class Point(click.ParamType):
    """`--at x=2,w=-3,b=6`"""

    name = "x=2,w=[1,2]"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        try:
            return parse_point(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def parse_range(text: str) -> dict[str, tuple[float, float]]:
    """The range that "x=-50,50" names; ValueError for anything else.

    >>> parse_range("x=-50,50")
    {'x': (-50.0, 50.0)}
    """
    name, equals, ends = (part.strip() for part in text.partition("="))
    if not equals or not name.isidentifier() or ends.count(",") != 1:
        raise ValueError(f"{shorten(text)!r} is not of the form name=low,high")
    low, high = map(_number, ends.split(","))
    return {name: (low, high)}


class RangeOption(click.ParamType):
    """`--range x=-50,50`"""

    name = "x=low,high"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        try:
            return parse_range(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Formula(click.ParamType):
    """An expression; `-` reads it from standard input."""

    name = "formula"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        if isinstance(value, Expr):
            return value
        if value == "-":
            if sys.stdin is None:  # it is closed
                raise click.ClickException("there is no standard input")
            try:  # bounded, so that an endless stream is an error and not a hang
                raw = sys.stdin.buffer.read(_STDIN_LIMIT + 1)
            except OSError as error:
                raise click.ClickException(
                    f"cannot read standard input: {error.strerror or error}"
                ) from error
            if len(raw) > _STDIN_LIMIT:
                raise click.ClickException(f"standard input holds more than {_STDIN_LIMIT} bytes")
            try:
                value = raw.decode().strip()
            except UnicodeDecodeError as error:
                raise click.ClickException(f"standard input is not UTF-8 text: byte {error.start}") from error
        return parse(value)


class Command(click.Command):
    """A command whose formula may begin with a minus: `graphc eval -x**2 --at x=3`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        takes_value = {
            name: not getattr(param, "is_flag", False)
            for param in self.get_params(ctx)
            if isinstance(param, click.Option)
            for name in param.opts
        }
        options: list[str] = []
        formulas: list[str] = []
        rest = iter(args)
        for arg in rest:
            if arg == "--":
                formulas.extend(rest)
            elif arg.startswith("-") and not arg.startswith("--") and arg not in takes_value:
                formulas.append(arg)
            else:
                options.append(arg)
                if takes_value.get(arg):
                    options.extend(value for value in (next(rest, None),) if value is not None)
        try:
            return super().parse_args(ctx, [*options, "--", *formulas] if formulas else options)
        except click.UsageError as error:  # an option without its value does not know its command
            error.ctx = error.ctx or ctx
            raise


class CommandGroup(click.Group):
    """The commands; a graphc error is a message and exit code 1, never a traceback."""

    command_class = Command

    def main(self, *args: Any, **extra: Any) -> Any:
        try:
            return super().main(*args, **extra)
        except OSError as error:  # what --help and --version print has nowhere to go
            click.echo(f"Error: output: {error.strerror or error}", err=True)
            sys.exit(1)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.message = _abridged(error.message)  # type: ignore[misc]
            raise

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            error.message = _abridged(error.message)  # type: ignore[misc]
            raise
        except BrokenPipeError:
            raise  # the reader has gone: click ends quietly
        except KeyboardInterrupt:
            raise click.exceptions.Exit(INTERRUPTED) from None
        except GraphcError as error:
            error.site = None  # the line of a script; here it would be a line of the command line itself
            raise click.ClickException(_abridged(str(error))) from error
        except OSError as error:
            raise click.ClickException(f"{error.filename or 'output'}: {error.strerror or error}") from error


def merge_points(ctx: click.Context, param: click.Parameter, value: tuple[dict[str, Any], ...]) -> Any:
    """Several `--at` or `--range` together; None when there is none."""
    merged: dict[str, Any] = {}
    for part in value:
        for name, number in part.items():
            if name in merged:
                raise click.BadParameter(f"{name} is given twice", ctx, param)
            merged[name] = number
    return merged if value else None

"""How a command reads what is typed: points, formulas, a leading minus. Nothing of it is evaluated."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
import numpy as np

from graphc.cli.group import abridged
from graphc.errors import GraphcError
from graphc.frontend.parse import parse
from graphc.ir.expr import Expr
from graphc.ir.printer import format_number

_STDIN_LIMIT = 1 << 20
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|inf|nan|pi)", re.ASCII)


def parse_point(text: str) -> dict[str, Any]:
    """The point that "x=2, w=[1, -2.5]" names: name → number, or an array; ValueError for anything else.

    >>> parse_point("x=2,b=-1e3")
    {'x': 2.0, 'b': -1000.0}
    >>> parse_point("x=1/4,y=-pi")
    {'x': 0.25, 'y': -3.141592653589793}
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
    """A number as it is typed: 2, -1e3, pi, 1/3, -pi/2."""
    text = text.strip()
    parts = [part.strip() for part in text.split("/")]
    if len(parts) > 2 or not all(map(_NUMBER.fullmatch, parts)):
        raise ValueError(f"{shorten(text)!r} is not a number")
    values = [_factor(part) for part in parts]
    if len(values) == 1:
        return values[0]
    if values[1] == 0:
        raise ValueError(f"{shorten(text)!r} divides by zero")
    return values[0] / values[1]


def _factor(text: str) -> float:
    if text.endswith("pi"):
        return math.copysign(math.pi, -1 if text.startswith("-") else 1)
    value = float(text)
    if math.isinf(value) and "inf" not in text:
        raise ValueError(f"{shorten(text)!r} is larger than any float64")
    return value


def shorten(text: str) -> str:
    """What was typed, short enough for a message."""
    return text if len(text) <= 40 else text[:39] + "…"


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


@contextmanager
def _messages() -> Iterator[None]:
    """An error of graphc's is a message and exit code 1, never a traceback."""
    try:
        yield
    except GraphcError as error:
        error.site = None  # the line of a script; here it would be a line of the command line itself
        raise click.ClickException(abridged(str(error))) from error


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
            with _messages():  # a formula is read here
                return super().parse_args(ctx, [*options, "--", *formulas] if formulas else options)
        except click.UsageError as error:  # an option without its value does not know its command
            error.ctx = error.ctx or ctx
            raise

    def invoke(self, ctx: click.Context) -> Any:
        with _messages():
            return super().invoke(ctx)


def merge_points(ctx: click.Context, param: click.Parameter, value: tuple[dict[str, Any], ...]) -> Any:
    """Several `--at` or `--range` together; None when there is none."""
    merged: dict[str, Any] = {}
    for part in value:
        for name, number in part.items():
            if name in merged:
                raise click.BadParameter(f"{name} is given twice", ctx, param)
            merged[name] = number
    return merged if value else None


formula_argument = click.argument("formula", type=Formula())
at_option = click.option(
    "--at",
    type=Point(),
    multiple=True,
    callback=merge_points,
    help="The point, as in --at x=2,w=-3,b=6; arrays as x=[1,2].",
)
output_option = click.option(
    "-o", "--output", default="-", help="A file; - is standard output.  [default: -]", metavar="FILE"
)


def show(value: Any) -> str:
    """A value so that it reads back as the same number."""
    if isinstance(value, np.ndarray):
        return np.array2string(value, separator=", ", floatmode="unique", threshold=1000)
    return format_number(value)

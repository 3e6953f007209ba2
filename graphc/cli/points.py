"""Points and ranges as they are typed: numbers, vectors and matrices behind names. Nothing of it is evaluated."""

from __future__ import annotations

import math
import re
from typing import Any

import click
import numpy as np

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|inf|nan|pi)", re.ASCII)

_DEEPEST = 8
"""Brackets within each other: axes of an array."""


def parse_point(text: str) -> dict[str, Any]:
    """The point that "x=2, w=[1, -2.5], A=[[1, 2], [3, 4]]" names: name → number, or an array; ValueError for anything else.

    >>> parse_point("x=2,b=-1e3")
    {'x': 2.0, 'b': -1000.0}
    >>> parse_point("x=1/4,y=-pi")
    {'x': 0.25, 'y': -3.141592653589793}
    >>> parse_point("A=[[1, 2], [3, 4]]")["A"].shape
    (2, 2)
    """
    point: dict[str, Any] = {}
    for item in _parts(text):
        name, equals, value = (part.strip() for part in item.partition("="))
        if not equals or not name.isidentifier():
            raise ValueError(f"{shorten(item)!r} is not of the form name=number")
        if name in point:
            raise ValueError(f"{name} is given twice")
        point[name] = np.array(_rows(value, name), dtype=float) if value.startswith("[") else _number(value)
    return point


def _parts(text: str) -> list[str]:
    """A text between the commas that stand in no bracket; ValueError for brackets that do not close."""
    parts, depth, begin = [], 0, 0
    for place, letter in enumerate(text):
        depth += (letter == "[") - (letter == "]")
        if depth < 0 or depth > _DEEPEST:
            what = "closes no bracket" if depth < 0 else f"is the {depth}th bracket within another"
            raise ValueError(f"{letter!r} in {shorten(text)!r} {what}")
        if letter == "," and depth == 0:
            parts.append(text[begin:place])
            begin = place + 1
    if depth:
        raise ValueError(f"a bracket in {shorten(text)!r} is not closed")
    return [*parts, text[begin:]]


def _rows(text: str, name: str) -> list[Any]:
    """A vector, or rows of one length; ValueError for anything else."""
    if not text.endswith("]") or not text.startswith("["):
        raise ValueError(f"{shorten(text)!r} is not a number")
    inner = text[1:-1].strip()
    parts = [part.strip() for part in _parts(inner)] if inner else []
    if not any(part.startswith("[") for part in parts):
        return [_number(part) for part in parts]
    rows = [_rows(part, name) for part in parts]
    if len({np.shape(row) for row in rows}) > 1:
        raise ValueError(f"the rows of {name} have different lengths")
    return rows


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


def merge_points(ctx: click.Context, param: click.Parameter, value: tuple[dict[str, Any], ...]) -> Any:
    """Several `--at` or `--range` together; None when there is none."""
    merged: dict[str, Any] = {}
    for part in value:
        for name, number in part.items():
            if name in merged:
                raise click.BadParameter(f"{name} is given twice", ctx, param)
            merged[name] = number
    return merged if value else None

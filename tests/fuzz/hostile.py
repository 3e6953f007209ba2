"""Values of wrong kinds, and a clock that ends what does not end by itself."""

from __future__ import annotations

import decimal
import fractions
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

import graphc as g


class Hang(BaseException):
    """A call that went on for longer than it may; no `except Exception` takes it."""


def bound_memory(size: int = 8 << 30) -> None:
    """From now on this process has no more than so many bytes of addresses: what asks for more gets a MemoryError."""
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (size, hard))


@contextmanager
def bounded(seconds: float) -> Iterator[None]:
    """Raises `Hang` inside after so many seconds."""

    def end(number: int, frame: Any) -> None:
        raise Hang

    former = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)


def _deep(depth: int) -> list[Any]:
    nested: list[Any] = []
    for _ in range(depth):
        nested = [nested]
    return nested


class Opaque:
    """An object that is nothing graphc knows."""

    def __repr__(self) -> str:
        return "<opaque>"


class Text(str):
    """A text of a class of its own."""


VALUES: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "True": lambda: True,
    "-1": lambda: -1,
    "0": lambda: 0,
    "10**400": lambda: 10**400,
    "10**5000": lambda: 10**5000,
    "-10**30": lambda: -(10**30),
    "1.5": lambda: 1.5,
    "nan": lambda: float("nan"),
    "inf": lambda: float("inf"),
    "complex": lambda: 1j,
    "text": lambda: "no such thing",
    "empty text": lambda: "",
    "digit text": lambda: "0.9",
    "null text": lambda: "a\0b",
    "surrogate": lambda: "\ud800",
    "long text": lambda: "x" * 10**6,
    "own text": lambda: Text("own"),
    "bytes": lambda: b"bytes",
    "object": Opaque,
    "class": lambda: Opaque,
    "int class": lambda: int,
    "empty list": lambda: [],
    "empty tuple": lambda: (),
    "mixed list": lambda: [1, "a", None, Opaque()],
    "list of None": lambda: [None],
    "ragged list": lambda: [[1, 2], [3]],
    "deep list": lambda: _deep(5000),
    "list of expressions": lambda: [g.symbol("x"), g.symbol("y")],
    "empty dict": dict,
    "dict of objects": lambda: {"a": Opaque()},
    "dict of numbers": lambda: {1: 2},
    "dict of expressions": lambda: {g.symbol("x"): None},
    "set": lambda: {1, 2},
    "iterator": lambda: iter([1, 2]),
    "endless": lambda: iter(int, 1),
    "range": lambda: range(3),
    "slice": lambda: slice(1, 2),
    "Ellipsis": lambda: ...,
    "NotImplemented": lambda: NotImplemented,
    "Fraction": lambda: fractions.Fraction(1, 3),
    "Decimal": lambda: decimal.Decimal("0.1"),
    "function": lambda: lambda *args, **names: None,
    "builtin": lambda: len,
    "np.float64": lambda: np.float64(np.nan),
    "np.int8": lambda: np.int8(-3),
    "np.bool": lambda: np.bool_(True),
    "np.str": lambda: np.str_("text"),
    "np.datetime64": lambda: np.datetime64("2020-01-01"),
    "np.dtype": lambda: np.dtype("float32"),
    "complex array": lambda: np.ones(2, dtype=complex),
    "object array": lambda: np.array([Opaque(), None], dtype=object),
    "text array": lambda: np.array(["a", "b"]),
    "record array": lambda: np.zeros(2, dtype=[("a", "f8")]),
    "float16 array": lambda: np.ones(2, dtype=np.float16),
    "empty array": lambda: np.zeros((0,)),
    "matrix": lambda: np.ones((2, 3)),
    "NaN array": lambda: np.full(3, np.nan),
    "expression": lambda: g.symbol("stray") + 1,
    "boolean expression": lambda: g.symbol("stray") > 0,
    "vector expression": lambda: g.symbol("stray", shape=3),
    "named expression": lambda: g.symbol("stray", shape=("m", 7), dtype="int8"),
    "constant": lambda: g.constant(2.0),
    "graph": lambda: g.Graph(g.symbol("stray") * 2),
    "module": lambda: np,
    "error": lambda: ValueError("v"),
}
"""Name → a value to be given where another kind is wanted."""

CLASSES: tuple[type[BaseException], ...] = (g.GraphcError,)
"""The errors that may come out."""

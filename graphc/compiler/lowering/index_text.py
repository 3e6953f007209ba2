"""Indices as texts: a number or the name of a register for each axis."""

from __future__ import annotations

from graphc.ir.dims import Dim

Index = tuple[str, ...]
"""The place of an element: for each axis a number, or the name of a 64-bit integer in a register."""


def aligned(index: Index, shape: tuple[Dim, ...]) -> Index:
    """The index of an operand that is broadcast: its axes are the last ones, and one of length 1 stays where it is."""
    own = index[len(index) - len(shape) :]
    return tuple(["0" if dim == 1 else place for place, dim in zip(own, shape, strict=True)])


def fold(operation: str, x: str, y: str) -> str | None:
    a = int(x) if x[0] != "%" else None
    b = int(y) if y[0] != "%" else None
    if a is not None and b is not None:
        if operation in ("sdiv", "srem"):
            return None if b == 0 else str(a // b if operation == "sdiv" else a % b)
        return str({"add": a + b, "sub": a - b, "mul": a * b}[operation])
    if (
        (operation == "add" and b == 0)
        or (operation == "sub" and b == 0)
        or (operation in ("mul", "sdiv") and b == 1)
    ):
        return x
    if (operation == "add" and a == 0) or (operation == "mul" and a == 1):
        return y
    if (operation == "mul" and 0 in (a, b)) or (operation == "srem" and b == 1):
        return "0"
    return None

"""A formula as written with other roundings: what of its digits is luck, and what its operations' range of exponents costs."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from graphc.ir.expr import Expr
from graphc.ir.graph import Dag
from graphc.ir.ulp import bits_of_error

REPEATS = 12
"""How often a formula is evaluated with errors of its own before many digits are asked for."""

MORE_REPEATS = 300
"""How often at a point where it looks better than what is rewritten, to tell luck from accuracy."""


def within_roundings(
    written: Expr, at: dict[Expr, np.ndarray], before: np.ndarray, after: np.ndarray
) -> np.ndarray:
    """At which points what is rewritten lies between values that the formula as written has with other roundings: at one end of
    these it is no nearer to the truth, wherever that is."""
    runs = _with_errors(written, at, wide=False)
    low = np.minimum(np.nanmin(runs, axis=0, initial=np.inf), before)
    high = np.maximum(np.nanmax(runs, axis=0, initial=-np.inf), before)
    numbers = np.all(np.isfinite(runs), axis=0) & np.isfinite(before) & np.isfinite(after)
    for column in at.values():
        numbers &= np.isfinite(column)
    return numbers & (after != 0) & (low <= after) & (after <= high)


def noisy(written: Expr, at: dict[Expr, np.ndarray], wide: bool, units: int = 1) -> Any:
    """A function of the truth: of the formula as written, its operations off by so many units, the value furthest from it.
    `wide` computes in a type with a larger range of exponents, to the same number of digits."""
    results = _with_errors(written, at, wide, units, MORE_REPEATS)[:, 0]

    def furthest(correct: float) -> float:
        return float(results[int(np.argmax(bits_of_error(results, correct, written.dtype)))])

    return furthest


def _with_errors(
    written: Expr, at: dict[Expr, np.ndarray], wide: bool, units: int = 1, repeats: int = REPEATS
) -> np.ndarray:
    """A row for each of some repeats: the formula at some points, its inexact operations off by so many units at most."""
    rng = np.random.default_rng(0)
    dag = Dag([written])
    shape = repeats, len(next(iter(at.values())))
    columns = {s: np.broadcast_to(column, shape) for s, column in at.items()}
    values: list[np.ndarray] = []
    with np.errstate(all="ignore"):
        for node, operands in zip(dag.exprs, dag.operands, strict=True):
            if node.is_symbol:
                value = columns[node]
            elif node.is_constant:
                value = np.asarray(node.value)
            else:
                types = node.op.types(tuple(operand.dtype for operand in node.operands))[0]
                taken = [
                    values[i].astype(WIDER[t] if wide and t in WIDER else t)
                    for i, t in zip(operands, types, strict=True)
                ]
                value = _value(node, taken, wide)
                if node.dtype.kind == "f" and node.op.name not in EXACT:
                    value = _moved(node, taken, np.broadcast_to(value, shape), rng, units)
            values.append(value)
        return np.broadcast_to(values[dag.outputs[0]], shape).astype(written.dtype)


WIDER = {np.dtype(np.float64): np.dtype(np.longdouble), np.dtype(np.float32): np.dtype(np.float64)}

EXACT = frozenset(
    (
        "negative",
        "abs",
        "where",
        "maximum",
        "minimum",
        "sign",
        "floor",
        "ceil",
        "round",
        "trunc",
        "clip",
        "astype",
    )
)


def _value(node: Expr, operands: list[np.ndarray], wide: bool) -> np.ndarray:
    if not wide:
        return np.asarray(node.op.reference(*operands, *node.attrs)).astype(node.dtype)
    try:
        return np.asarray(node.op.reference(*operands, *node.attrs))
    except TypeError:  # a function of SciPy's that knows no such type
        narrow = [x.astype(node.dtype) if x.dtype.kind == "f" else x for x in operands]
        return np.asarray(node.op.reference(*narrow, *node.attrs)).astype(WIDER.get(node.dtype, node.dtype))


def _moved(node: Expr, operands: list[np.ndarray], value: np.ndarray, rng: Any, units: int) -> np.ndarray:
    """A value, off by so many units of the formula's type at most, where it is not exact already."""
    if node.op.name in ("add", "subtract"):
        x, y = operands[0], -operands[1] if node.op.name == "subtract" else operands[1]
        part = value - x
        exact = (x - (value - part)) + (y - part) == 0
    elif node.op.name in ("multiply", "divide", "square", "sqrt", "reciprocal"):
        longer = [operand.astype(np.longdouble) for operand in operands]
        exact = np.asarray(node.op.reference(*longer)) == value.astype(np.longdouble)
        exact = exact & (value.dtype == node.dtype)
    else:
        # e⁰ is 1, as 0² is 0; that of 10⁻³⁰⁰ is 1 by rounding, as 1 + 10⁻³⁰⁰ is
        exact = np.isin(value, (0.0, 1.0, -1.0, 0.5))
        special = [np.isin(np.abs(x), (0.0, 0.5, 1.0, np.inf)) for x in operands]
        exact = exact & reduce(np.logical_or, special)
    steps = rng.integers(-units, units + 1, value.shape)
    if value.dtype == node.dtype:
        moved = value
        for step in range(1, units + 1):
            next_one = np.nextafter(moved, np.where(steps > 0, np.inf, -np.inf).astype(value.dtype))
            moved = np.where(np.abs(steps) >= step, next_one, moved)
    else:
        moved = value * (1 + steps * value.dtype.type(np.finfo(node.dtype).eps))
    return np.where(exact | (steps == 0) | ~np.isfinite(value), value, moved)


__all__ = ["EXACT", "noisy", "within_roundings"]

"""Operations whose operands are elements, slices and other views of what is computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import graphc as g
from tests.ops.array_cases import Case

Seen = tuple[Callable[[Any], Any], Callable[[np.ndarray], np.ndarray]]
"""What is read of a larger array, and the larger array that it is read of."""

VIEWS: dict[str, Seen] = {
    "element": (lambda t: t[1], lambda a: np.stack([a + a, a, a + a])),
    "last element": (lambda t: t[..., -1], lambda a: np.stack([a + a, a], -1)),
    "reversed": (lambda t: g.flip(t), np.flip),
    "strided": (lambda t: t[..., ::2] if t.ndim else t, lambda a: np.repeat(a, 2, -1) if a.ndim else a),
    "turned": (lambda t: t.T if t.ndim == 2 else g.permute_dims(t, tuple(range(t.ndim))[::-1]), np.transpose),
    "flat": (lambda t: t, lambda a: a),
}


def intermediate(x: g.Expr) -> g.Expr:
    """The same numbers, computed."""
    return g.logical_not(g.logical_not(x)) if x.dtype.kind == "b" else -(-x)


def computed(case: Case, view: Seen) -> tuple[Any, list[g.Expr]]:
    """A formula of views of what is computed from its arguments, and those."""
    read, larger = view
    point = case.point()
    symbols = [g.symbol(name, shape=larger(a).shape, dtype=a.dtype) for name, a in point.items()]
    parts = []
    for symbol, array in zip(symbols, point.values(), strict=True):
        t = read(intermediate(symbol))
        parts.append(g.reshape(t, array.shape) if t.shape != array.shape else t)
    return case.build(*parts), symbols


def leaves(value: Any) -> list[Any]:
    """The arrays of nested results."""
    return [part for each in value for part in leaves(each)] if isinstance(value, (tuple, list)) else [value]

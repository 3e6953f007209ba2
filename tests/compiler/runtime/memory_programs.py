"""Programs that use elements and views of what they compute as places, values, bounds and operands; each in NumPy too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import graphc as g


def order(x: np.ndarray) -> np.ndarray:
    return np.argsort(x, kind="stable")


def added(y: np.ndarray, key: Any, value: Any) -> np.ndarray:
    y = y.copy()
    np.add.at(y, key, value)
    return y


def put(y: np.ndarray, key: Any, value: Any) -> np.ndarray:
    y = y.copy()
    y[key] = value
    return y


PROGRAMS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "smallest": (lambda x, y: x[g.argsort(x)[0]], lambda x, y: x[order(x)[0]]),
    "largest": (lambda x, y: x[g.argsort(x)[-1]], lambda x, y: x[order(x)[-1]]),
    "largest four": (lambda x, y: x[g.argsort(x)[-4:]], lambda x, y: x[order(x)[-4:]]),
    "descending": (lambda x, y: x[g.argsort(x)[::-1]], lambda x, y: x[order(x)[::-1]]),
    "every second": (lambda x, y: x[g.argsort(x)[1::2]], lambda x, y: x[order(x)[1::2]]),
    "of a matrix": (lambda x, y: y[g.argsort(y, axis=0)[0, 1]], lambda x, y: y[np.argsort(y, 0)[0, 1]]),
    "column of places": (lambda x, y: y[g.argsort(y, axis=0)[:, 1]], lambda x, y: y[np.argsort(y, 0)[:, 1]]),
    "turned places": (
        lambda x, y: x[g.argsort(y, axis=0).T[::-1]],
        lambda x, y: x[np.argsort(y, 0).T[::-1]],
    ),
    "flipped number": (lambda x, y: x[g.flip(g.argsort(x)[2])], lambda x, y: x[order(x)[2]]),
    "repeated number": (
        lambda x, y: x[g.broadcast_to(g.argsort(x)[3], (2, 3))],
        lambda x, y: x[np.broadcast_to(order(x)[3], (2, 3))],
    ),
    "place of the maximum": (lambda x, y: x[g.argmax(y, axis=0)[1]], lambda x, y: x[np.argmax(y, 0)[1]]),
    "both places": (
        lambda x, y: y[g.argsort(x)[0] - 4, g.argmax(y, axis=1)[2]],
        lambda x, y: y[order(x)[0] - 4, np.argmax(y, 1)[2]],
    ),
    "taken": (lambda x, y: g.take(x, g.argsort(x)[2:4]), lambda x, y: np.take(x, order(x)[2:4])),
    "taken along": (
        lambda x, y: g.take_along_axis(y, g.argsort(y, axis=0)[::-1], axis=0),
        lambda x, y: np.take_along_axis(y, np.argsort(y, 0)[::-1], 0),
    ),
    "added twice": (
        lambda x, y: x.at[[0, 0]].add(g.exp(x)[0]),
        lambda x, y: added(x, [0, 0], np.exp(x)[0]),
    ),
    "added row": (
        lambda x, y: y.at[[1, 1, 2]].add(g.exp(y)[0]),
        lambda x, y: added(y, [1, 1, 2], np.exp(y)[0]),
    ),
    "added reversed": (
        lambda x, y: y.at[[1, 1, 2]].add(g.exp(y)[2::-1, ::-1]),
        lambda x, y: added(y, [1, 1, 2], np.exp(y)[2::-1, ::-1]),
    ),
    "added at a computed place": (
        lambda x, y: x.at[g.argsort(x)[0]].add(g.exp(x)[1]),
        lambda x, y: added(x, order(x)[0], np.exp(x)[1]),
    ),
    "added at computed places": (
        lambda x, y: x.at[g.argsort(x)[::2] // 2].add(g.exp(x)[1]),
        lambda x, y: added(x, order(x)[::2] // 2, np.exp(x)[1]),
    ),
    "set at a computed place": (
        lambda x, y: x.at[g.argsort(x)[0]].set(g.exp(x)[1]),
        lambda x, y: put(x, order(x)[0], np.exp(x)[1]),
    ),
    "set at a slice": (lambda x, y: x.at[::-2].set(g.sort(x)[0]), lambda x, y: put(x, np.s_[::-2], x.min())),
    "set to a column": (
        lambda x, y: y.at[:, 1].set(g.sort(y, axis=1)[::-1, 0]),
        lambda x, y: put(y, np.s_[:, 1], np.sort(y, 1)[::-1, 0]),
    ),
    "searched for one": (
        lambda x, y: g.searchsorted(g.sort(x), g.exp(x)[2]),
        lambda x, y: np.searchsorted(np.sort(x), np.exp(x)[2]),
    ),
    "searched among the reversed": (
        lambda x, y: g.searchsorted(g.sort(-x)[::-1], g.exp(y)[0, ::2]),
        lambda x, y: np.searchsorted(np.sort(-x)[::-1], np.exp(y)[0, ::2]),
    ),
    "one hot of one": (
        lambda x, y: g.one_hot(g.argsort(x)[0], 8),
        lambda x, y: np.eye(8)[order(x)[0]],
    ),
    "clipped": (
        lambda x, y: g.sort(g.clip(x, g.sort(x)[1], g.sort(x)[-2])),
        lambda x, y: np.sort(np.clip(x, np.sort(x)[1], np.sort(x)[-2])),
    ),
    "chosen": (
        lambda x, y: g.sort(g.where(x < g.sort(x)[2], x, g.exp(x)[::-1])),
        lambda x, y: np.sort(np.where(x < np.sort(x)[2], x, np.exp(x)[::-1])),
    ),
    "sum of one": (lambda x, y: g.cumsum(g.exp(y)[1]), lambda x, y: np.cumsum(np.exp(y)[1])),
    "sum of a flipped": (lambda x, y: g.cumsum(g.exp(x)[::-2]), lambda x, y: np.cumsum(np.exp(x)[::-2])),
    "product of a column": (lambda x, y: g.cumprod(g.exp(y)[:, 0]), lambda x, y: np.cumprod(np.exp(y)[:, 0])),
    "sorted column": (lambda x, y: g.sort(g.exp(y)[:, 2]), lambda x, y: np.sort(np.exp(y)[:, 2])),
    "sorted number": (
        lambda x, y: g.sort(g.expand_dims(g.exp(x)[0], 0)),
        lambda x, y: np.sort(np.exp(x)[0][None]),
    ),
    "solved": (
        lambda x, y: g.solve(g.exp(y)[::-1] + 9 * g.eye(4), g.exp(y)[:, 1]),
        lambda x, y: np.linalg.solve(np.exp(y)[::-1] + 9 * np.eye(4), np.exp(y)[:, 1]),
    ),
    "triangle": (
        lambda x, y: g.solve_triangular(g.tril(g.exp(y)), g.exp(y)[::-1, 0]),
        lambda x, y: np.linalg.solve(np.tril(np.exp(y)), np.exp(y)[::-1, 0]),
    ),
    "determinant": (lambda x, y: g.det(g.exp(y)[1:, ::-1][:, :3]), lambda x, y: np.linalg.det(np.exp(y)[1:, ::-1][:, :3])),
    "times an element": (lambda x, y: (g.exp(y) @ y) * g.sort(x)[0], lambda x, y: np.exp(y) @ y * x.min()),
    "product of a row": (lambda x, y: g.exp(y)[0] @ g.sort(y)[:, ::-1], lambda x, y: np.exp(y)[0] @ np.sort(y)[:, ::-1]),
    "batched product": (
        lambda x, y: g.expand_dims(g.sort(y), 0) @ g.exp(y)[::-1],
        lambda x, y: np.sort(y)[None] @ np.exp(y)[::-1],
    ),
    "recurrence": (
        lambda x, y: g.linear_recurrence(g.sin(y)[0], g.sin(y)[::-1, 0]),
        lambda x, y: recurrence(np.sin(y)[0], np.sin(y)[::-1, 0]),
    ),
    "a stack of elements": (
        lambda x, y: g.sort(g.stack([g.exp(x)[2], g.exp(x)[0], g.exp(x)[1]])),
        lambda x, y: np.sort(np.exp(x)[[2, 0, 1]]),
    ),
    "an element of an element": (
        lambda x, y: g.sort(y, axis=0)[1][g.argsort(g.sort(y, axis=0)[1])[0]],
        lambda x, y: np.sort(y, 0)[1].min(),
    ),
    "largest of many": (
        lambda x, y: g.sort(g.concat([g.sort(x)[::-1], g.exp(y)[0]]))[::-1],
        lambda x, y: np.sort(np.concatenate([x, np.exp(y)[0]]))[::-1],
    ),
}  # fmt: skip
"""Of x (8 elements) and y (4 × 4)."""


def recurrence(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    result = b.copy()
    for k in range(1, len(b)):
        result[k] = a[k] * result[k - 1] + b[k]
    return result

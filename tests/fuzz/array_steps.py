"""The steps of random array programs: every operation on arrays, on elements, slices and other views of what came before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import graphc as g
from tests.fuzz.array_control import CONTROL
from tests.fuzz.array_linalg import LINALG
from tests.fuzz.array_members import (
    Formula,
    Member,
    Pool,
    axis_of,
    evaluated,
    exact,
    fits_with,
    floats,
    is_dyadic,
)
from tests.fuzz.array_places import PLACES

Step = Callable[[Pool], Member | None]

FLOATS = ("float64", "float32")


def elementwise(pool: Pool) -> Member | None:
    x = pool.pick(floats)
    if x is None:
        return None
    one, half = x.value.dtype.type(1), x.value.dtype.type(0.5)
    sure: list[tuple[Formula, Formula]] = [
        (lambda x: -x, lambda x: -x),
        (g.abs, np.abs),
        (g.sign, np.sign),
        (g.floor, np.floor),
        (lambda x: g.clip(x, -1, 2), lambda x: np.clip(x, -one, 2 * one)),
        (lambda x: g.where(x > 0, x, 2.0), lambda x: np.where(x > 0, x, 2 * one)),
        (g.relu, lambda x: np.maximum(x, 0 * one)),
    ]
    rounded: list[tuple[Formula, Formula]] = [  # few of the functions that LLVM takes long for
        (lambda x: g.sqrt(x * x + 1), lambda x: np.sqrt(x * x + one)),
        (lambda x: x / (1 + x * x), lambda x: x / (one + x * x)),
        (lambda x: 1 / (2 + g.abs(x)), lambda x: one / (one + one + np.abs(x))),
    ] * 3
    rounded += [
        (lambda x: g.exp(-g.abs(x)), lambda x: np.exp(-np.abs(x))),
        (lambda x: g.tanh(x * 0.5), lambda x: np.tanh(x * half)),
    ]
    if pool.rng.random() < 0.6:
        if not x.exact:
            sure = [pair for pair in sure if pair[0] not in (g.sign, g.floor)]
        build, formula = pool.rng.choice(sure)
        return pool.add(build, formula, x, exact=True)
    return pool.add(*pool.rng.choice(rounded), x)


def arithmetic(pool: Pool) -> Member | None:
    x = pool.pick(lambda m: m.kind in "fi")
    if x is None:
        return None
    y = pool.pick(lambda m: m.value.dtype == x.value.dtype and fits_with(x, m))
    if y is None:
        return None
    operations: list[tuple[Formula, Formula]] = [
        (lambda x, y: x + y, np.add),
        (lambda x, y: x - y, np.subtract),
        (lambda x, y: x * y, np.multiply),
        (g.maximum, np.maximum),
        (g.minimum, np.minimum),
    ]
    build, formula = pool.rng.choice(operations)
    value = evaluated(formula, [x.value, y.value])
    if value is None or (x.kind == "i" and not is_dyadic(value)):
        return None
    sure = (is_dyadic(x.value) and is_dyadic(y.value) and is_dyadic(value)) or formula in (
        np.maximum,
        np.minimum,
    )
    return pool.add(build, formula, x, y, exact=sure)


def logic(pool: Pool) -> Member | None:
    x = pool.pick(exact)
    if x is None:
        return None
    y = pool.pick(lambda m: exact(m) and m.value.dtype == x.value.dtype and fits_with(x, m))
    if y is None:
        return None
    operations: list[tuple[Formula, Formula]] = [
        (lambda x, y: x < y, np.less),
        (lambda x, y: x >= y, np.greater_equal),
        (g.equal, np.equal),
        (lambda x, y: g.where(x < y, x, y), lambda x, y: np.where(x < y, x, y)),
        (lambda x, y: g.where(g.logical_not(x > y), y, x), lambda x, y: np.where(~(x > y), y, x)),
    ]
    return pool.add(*pool.rng.choice(operations), x, y, exact=True)


def cast(pool: Pool) -> Member | None:
    x = pool.pick(lambda m: m.exact)
    if x is None:
        return None
    name = pool.rng.choice(["float64", "float32", "int64", "int32", "uint8", "bool", "int8"])
    dtype = np.dtype(name)

    def converted(x: np.ndarray) -> np.ndarray:
        low, high = x.min(initial=0), x.max(initial=0)
        if dtype.kind in "iu" and not (np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max):
            raise ValueError("what no two systems agree on")
        return x.astype(name)

    sure = dtype != np.float32 or x.value.dtype == np.float32 or is_dyadic(x.value)
    return pool.add(lambda x: g.astype(x, name), converted, x, exact=sure)


def reduction(pool: Pool) -> Member | None:
    rng = pool.rng
    name = rng.choice(["sum", "sum", "mean", "prod", "max", "min", "var", "any", "all", "argmax", "argmin"])
    sorts = name.startswith("arg") or name in ("any", "all")
    kinds = "b" if name in ("any", "all") else "fi" if sorts else "f"
    x = pool.pick(lambda m: m.kind in kinds and (m.exact or not sorts) and m.value.ndim > 0)
    if x is None:
        return None
    kind, keep = rng.random(), rng.random() < 0.4
    axis: Any = axis_of(pool, x.value)
    if kind < 0.3:
        axis = None
    elif kind < 0.5 and not name.startswith("arg"):
        axis = tuple(rng.sample(range(x.value.ndim), rng.randint(1, x.value.ndim)))
    gone = range(x.value.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    if name not in ("sum", "prod", "any", "all") and any(x.value.shape[k] == 0 for k in gone):
        return None
    sure = name in ("max", "min") or sorts or (name == "sum" and is_dyadic(x.value))
    return pool.add(
        lambda x: getattr(g, name)(x, axis=axis, keepdims=keep),
        lambda x: getattr(np, name)(x, axis=axis, keepdims=keep),
        x,
        exact=sure,
    )


def exponential(pool: Pool) -> Member | None:
    x = pool.pick(lambda m: floats(m) and m.value.ndim > 0)
    if x is None:
        return None
    axis = axis_of(pool, x.value)
    if not x.value.shape[axis]:
        return None

    def total(x: np.ndarray) -> np.ndarray:
        top = x.max(axis=axis, keepdims=True)
        return np.log(np.exp(x - top).sum(axis=axis, keepdims=True)) + top

    operations: list[tuple[Formula, Formula]] = [
        (lambda x: g.softmax(x, axis=axis), lambda x: np.exp(x - total(x))),
        (lambda x: g.log_softmax(x, axis=axis), lambda x: x - total(x)),
        (lambda x: g.logsumexp(x, axis=axis), lambda x: total(x).squeeze(axis)),
        (lambda x: g.norm(x, axis=axis), lambda x: np.sqrt((x * x).sum(axis=axis))),
    ]
    return pool.add(*pool.rng.choice(operations), x)


def arrangement(pool: Pool) -> Member | None:
    rng = pool.rng
    x = pool.pick(lambda m: m.kind in "fi" and m.value.ndim > 0)
    if x is None:
        return None
    a = x.value
    axis, count, around = axis_of(pool, a), rng.randint(-3, 3), rng.randint(0, 2)
    widths = [(0, 0)] * a.ndim
    widths[axis] = (around, 2 - around)
    choices: list[tuple[Formula, Formula]] = [
        (lambda x: g.roll(x, count, axis=axis), lambda x: np.roll(x, count, axis)),
        (lambda x: g.roll(x, count), lambda x: np.roll(x, count)),
        (lambda x: g.pad(x, tuple(widths)), lambda x: np.pad(x, widths)),
        (lambda x: g.repeat(x, 2, axis=axis), lambda x: np.repeat(x, 2, axis)),
        (lambda x: g.tile(x, 2), lambda x: np.tile(x, 2)),
    ]
    if a.ndim == 1:
        choices += [(lambda x: g.diag(x, around), lambda x: np.diag(x, around))]
    if a.ndim == 2:
        k = rng.randint(-1, 1)
        choices += [
            (lambda x: g.tril(x, k), lambda x: np.tril(x, k)),
            (lambda x: g.triu(x, k), lambda x: np.triu(x, k)),
            (lambda x: g.diagonal(x), lambda x: np.diagonal(x)),
        ]
    return pool.add(*rng.choice(choices), x, exact=True)


def joined(pool: Pool) -> Member | None:
    x = pool.pick(lambda m: m.kind in "fi" and m.value.ndim > 0)
    if x is None:
        return None
    y = pool.pick(lambda m: m.value.dtype == x.value.dtype and m.expr.shape == x.expr.shape)
    if y is None:
        return None
    axis = axis_of(pool, x.value)
    choices: list[tuple[Formula, Formula]] = [
        (lambda x, y: g.concat([x, y], axis=axis), lambda x, y: np.concatenate([x, y], axis)),
        (lambda x, y: g.stack([x, y], axis=axis), lambda x, y: np.stack([x, y], axis)),
    ]
    return pool.add(*pool.rng.choice(choices), x, y, exact=True)


def order(pool: Pool) -> Member | None:
    rng = pool.rng
    x = pool.pick(lambda m: exact(m) and m.value.ndim > 0)
    if x is None:
        return None
    axis = axis_of(pool, x.value)
    choices: list[tuple[Formula, Formula]] = [
        (lambda x: g.sort(x, axis=axis), lambda x: np.sort(x, axis)),
        (lambda x: g.argsort(x, axis=axis), lambda x: np.argsort(x, axis, kind="stable")),
    ] * 2
    choices.append((lambda x: g.sort(x, axis=axis)[..., 0], lambda x: np.sort(x, axis)[..., 0]))
    return pool.add(*rng.choice(choices), x, exact=True)


def searched(pool: Pool) -> Member | None:
    x = pool.pick(lambda m: m.exact and m.kind == "f" and m.value.ndim == 1)
    if x is None:
        return None
    y = pool.pick(lambda m: m.exact and m.value.dtype == x.value.dtype)
    if y is None:
        return None
    side: Any = pool.rng.choice(["left", "right"])
    return pool.add(
        lambda x, y: g.searchsorted(g.sort(x), y, side=side),
        lambda x, y: np.searchsorted(np.sort(x), y, side=side),
        x,
        y,
        exact=True,
    )


def running(pool: Pool) -> Member | None:
    rng = pool.rng
    x = pool.pick(lambda m: floats(m) and m.value.ndim > 0)
    if x is None:
        return None
    axis, kind = axis_of(pool, x.value), rng.random()
    if kind < 0.5:
        sure = is_dyadic(x.value)
        return pool.add(lambda x: g.cumsum(x, axis=axis), lambda x: np.cumsum(x, axis), x, exact=sure)
    if kind < 0.7:
        return pool.add(lambda x: g.cumprod(x, axis=axis), lambda x: np.cumprod(x, axis), x)
    a = pool.pick(lambda m: m.value.dtype == x.value.dtype and m.expr.shape == x.expr.shape)
    if a is None:
        return None

    def recurrence(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        a, result = np.clip(a, -1, 1), np.array(b)
        for k in range(1, b.shape[-1]):
            result[..., k] = a[..., k] * result[..., k - 1] + b[..., k]
        return result

    return pool.add(lambda a, b: g.linear_recurrence(g.clip(a, -1, 1), b), recurrence, a, x)


STEPS: tuple[Step, ...] = (
    elementwise, elementwise, arithmetic, arithmetic, arithmetic, logic, cast, reduction, reduction, reduction, arrangement,
    joined, order, order, searched, running, running, exponential, *PLACES, *LINALG, *CONTROL,
)  # fmt: skip

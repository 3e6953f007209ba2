"""Steps of random array programs that read and change elements at places, which other members name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import graphc as g
from tests.fuzz.array_members import Member, Pool, axis_of, evaluated, exact, fits_with, is_dyadic


def place(pool: Pool, length: int, most: int = 2) -> Member | None:
    """Whole numbers that name places along an axis, or now and then do not."""
    rng, kind = pool.rng, pool.rng.random()
    wrong = rng.random() < 0.01

    def right(m: Member) -> bool:
        return (
            m.kind in "iu"
            and m.exact
            and m.value.ndim <= most
            and (wrong or bool(np.all((m.value >= -length) & (m.value < length))))
        )

    if not length:
        return None
    if kind < 0.35:
        name = rng.choice(["int64", "int32", "uint8", "int8"])
        shape = tuple(rng.choice([0, 1, 1, 2, 3]) for _ in range(rng.randint(0, most)))
        low = 0 if name[0] == "u" else -length
        low, above = max(low, int(np.iinfo(name).min)), min(length, int(np.iinfo(name).max) + 1)
        listed = [rng.randrange(low, above) for _ in range(int(np.prod(shape)))]
        array = np.array(listed, name).reshape(shape)
        seen = Member(g.constant(array), lambda: array, (), array, True)
        if rng.random() < 0.3:
            pool.members.append(seen)
            return pool.pick(right)
        return seen
    if kind < 0.45:
        low, name = rng.randrange(-length, length), rng.choice(["int64", "int32", "int8"])
        step = rng.choice([1, 1, -1, 2])
        high = rng.randint(low, length) if step > 0 else rng.randint(-length - 1, low)
        if high < low and step < 0 and high < -1 <= low:
            return None
        array = np.arange(low, high, step)
        return Member(g.arange(low, high, step, dtype=name), lambda: array, (), array.astype(name), True)
    if kind < 0.6:
        x = pool.pick(lambda m: m.kind == "f" and m.exact and m.value.ndim <= most)
        if x is None:
            return None
        name = rng.choice(["int64", "int32", "int8"])
        return pool.add(
            lambda x: g.astype(g.clip(x, -length, length - 1), name),
            lambda x: np.clip(x, -length, length - 1).astype(name),  # of few values
            x,
            exact=True,
        )
    if kind < 0.8:
        x = pool.pick(lambda m: exact(m) and 0 < m.value.ndim <= most + 1)
        if x is None or not x.value.size:
            return None
        axis = axis_of(pool, x.value)
        pool.add(
            lambda x: g.argsort(x, axis=axis), lambda x: np.argsort(x, axis, kind="stable"), x, exact=True
        )
    return pool.pick(right)


def _taken(x: np.ndarray, places: np.ndarray, axis: int) -> np.ndarray:
    """`np.take`, which looks at no index where the result is empty, as that of another axis of length 0 is; x[:, places] does."""
    length = x.shape[axis]
    if np.any((places < -length) | (places >= length)):
        raise IndexError("an index beyond the axis")
    return np.take(x, places, axis)


def gather(pool: Pool) -> Member | None:
    x = pool.pick(lambda m: m.value.ndim > 0)
    if x is None:
        return None
    rng, axis = pool.rng, axis_of(pool, x.value)
    spot = place(pool, x.value.shape[axis])
    if spot is None:
        return None
    before, kind = (slice(None),) * (axis % x.value.ndim), rng.random()
    if kind < 0.3:
        return pool.add(
            lambda x, i: g.take(x, i, axis=axis), lambda x, i: _taken(x, i, axis), x, spot, exact=True
        )
    if kind < 0.5 and axis % x.value.ndim + 1 < x.value.ndim:
        other = place(pool, x.value.shape[axis % x.value.ndim + 1], spot.value.ndim)
        if other is not None and fits_with(spot, other):
            return pool.add(
                lambda x, i, j: x[(*before, i, j)],
                lambda x, i, j: x[(*before, i, j)],
                x,
                spot,
                other,
                exact=True,
            )
    if kind < 0.6:
        return pool.add(
            lambda x, i: x[(*before, i, ..., None)],
            lambda x, i: x[(*before, i, ..., None)],
            x,
            spot,
            exact=True,
        )
    return pool.add(lambda x, i: x[(*before, i)], lambda x, i: x[(*before, i)], x, spot, exact=True)


def update(pool: Pool) -> Member | None:
    rng = pool.rng
    x = pool.pick(lambda m: m.kind in "fi" and m.value.ndim > 0)
    if x is None:
        return None
    axis = axis_of(pool, x.value)
    before = (slice(None),) * (axis % x.value.ndim)
    spot = None if rng.random() < 0.25 else place(pool, x.value.shape[axis], 1)
    if spot is not None:
        keyed: Callable[..., Any] = lambda i: (*before, *i)
    else:
        key = (
            *before,
            rng.choice([slice(None, None, -1), slice(1, None, 2), slice(0, 2), slice(None), slice(2, 0, -1)]),
        )
        keyed = lambda i: key
    spots = () if spot is None else (spot,)
    part = evaluated(lambda x, *i: x[keyed(i)], [m.value for m in (x, *spots)])
    if part is None:
        return None

    def fits(m: Member) -> bool:
        shape = m.value.shape
        return m.value.dtype == x.value.dtype and len(shape) <= part.ndim and _into(shape, part.shape)

    value = pool.pick(fits)
    if value is None:
        return None
    sets = rng.random() < 0.5 and (spot is None or not value.value.ndim or spot.value.size <= 1)

    def changed(x: np.ndarray, v: np.ndarray, *i: np.ndarray) -> np.ndarray:
        x = np.array(x)
        if sets:
            x[keyed(i)] = v
        else:
            np.add.at(x, keyed(i), v)
        return x

    def build(x: Any, v: Any, *i: Any) -> Any:
        at = x.at[keyed(i)]
        return at.set(v) if sets else at.add(v)

    result = evaluated(changed, [m.value for m in (x, value, *spots)])
    sure = sets or (result is not None and all(map(is_dyadic, (x.value, value.value, result))))
    return pool.add(build, changed, x, value, *spots, exact=sure)


def _into(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(shape, wanted) == wanted
    except ValueError:
        return False


def one_hot(pool: Pool) -> Member | None:
    depth = pool.rng.randint(1, 5)
    i = pool.pick(lambda m: m.kind == "i" and m.exact and m.value.ndim < 3)
    if i is None:
        return None
    return pool.add(
        lambda i: g.one_hot(i, depth),
        lambda i: (i[..., None] == np.arange(depth)).astype(float),
        i,
        exact=True,
    )


PLACES: tuple[Callable[[Pool], Member | None], ...] = (
    gather,
    gather,
    gather,
    gather,
    update,
    update,
    update,
    one_hot,
)

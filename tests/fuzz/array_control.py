"""Steps with loops and branches: scans along an axis, counted loops over elements and rows, loops with a condition, branches.

Bodies are the same Python function for graphc's expressions and NumPy's arrays, but for what `Side` names; what they use from
outside is now an operand, now captured. NumPy's side is a plain loop.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import graphc as g
from graphc.ir.expr import walk
from tests.fuzz.array_members import Member, Pool, axis_of, floats

Body = Callable[..., Any]


class _Graphc:
    maximum, minimum, where, flip, sum, abs = g.maximum, g.minimum, g.where, g.flip, g.sum, g.abs

    @staticmethod
    def put(x: Any, place: Any, value: Any) -> Any:
        return x.at[place].set(value)

    @staticmethod
    def add(x: Any, place: Any, value: Any) -> Any:
        return x.at[place].add(value)


class _NumPy:
    maximum, minimum, where, flip, sum, abs = np.maximum, np.minimum, np.where, np.flip, np.sum, np.abs

    @staticmethod
    def put(x: Any, place: Any, value: Any) -> Any:
        x = np.array(x)
        x[place] = value
        return x

    @staticmethod
    def add(x: Any, place: Any, value: Any) -> Any:
        x = np.array(x)
        x[place] += value
        return x


_MIXED: tuple[Callable[[Any, Any, Any], Any], ...] = (
    lambda m, c, a: c * 0.5 + a,
    lambda m, c, a: m.maximum(c, a),
    lambda m, c, a: m.minimum(c * -1, a) + 1,
    lambda m, c, a: a - c,
    lambda m, c, a: m.where(a > 0, c, a),
    lambda m, c, a: m.flip(c) * 0.5 - a,
    lambda m, c, a: c / (1 + m.abs(a)),
    lambda m, c, a: c * 0 + m.sum(a),
    lambda m, c, a: a,
    lambda m, c, a: c,
)
"""A carry and something of its shape → something of its shape."""


def _like(pool: Pool, x: Member, shape: tuple[Any, ...], value_shape: tuple[int, ...]) -> Member | None:
    return pool.pick(
        lambda m: m.value.dtype == x.value.dtype and m.expr.shape == shape and m.value.shape == value_shape,
        0.3,
    )


def scanned(pool: Pool) -> Member | None:
    """Along the first axis, forward or in reverse; with a carry of its own or one of the members; what was passed or is left."""
    rng = pool.rng
    x = pool.pick(lambda m: floats(m) and m.value.ndim > 0)
    if x is None or not x.value.shape[0]:
        return None
    reverse, kept, outside = rng.random() < 0.3, rng.random() < 0.6, rng.random() < 0.4
    first, second = rng.choice(_MIXED), rng.choice(_MIXED)
    carry = _like(pool, x, x.expr.shape[1:], x.value.shape[1:])
    start = carry if carry is not None else pool.add(lambda x: x[0] * 0, lambda x: x[0] * 0, x, keep=False)
    other = _like(pool, x, x.expr.shape[1:], x.value.shape[1:]) if outside else start
    if start is None or other is None:
        return None

    def build(x: Any, start: Any, other: Any) -> Any:
        def body(c: Any, a: Any) -> Any:
            new = first(_Graphc, c, a)
            return new, second(_Graphc, new, other if outside else a)

        last, passed = g.scan(body, start, x, reverse=reverse)
        return passed if kept else last

    if outside and other.expr not in walk((build(x.expr, start.expr, other.expr),)):
        other = (
            start  # a body that does not read it never asks for its value, which may be the first row of none
        )

    def formula(x: Any, start: Any, other: Any) -> Any:
        c, passed = start, [start] * len(x)
        for k in reversed(range(len(x))) if reverse else range(len(x)):
            c = first(_NumPy, c, x[k]).astype(x.dtype)
            passed[k] = second(_NumPy, c, other if outside else x[k])
        return np.array(passed, x.dtype).reshape(x.shape) if kept else c

    return pool.add(build, formula, x, start, other)


def counted(pool: Pool) -> Member | None:
    """A counted loop that reads and writes elements or rows at places that depend on the counter, or on the values themselves."""
    rng = pool.rng
    x = pool.pick(lambda m: floats(m) and 0 < m.value.ndim < 3)
    if x is None or not x.value.shape[0] or not isinstance(x.expr.shape[0], int):
        return None
    n, steps, stride, by_value = x.value.shape[0], rng.randint(0, 5), rng.randint(1, 4), rng.random() < 0.4
    write = rng.choice(["put", "add"])
    first = rng.choice(_MIXED)

    def place(side: Any, i: Any, row: Any) -> Any:
        if not by_value:
            return (i * stride) % n
        whole = side.sum(side.abs(row)) * 0 + i
        return (whole.astype("int64") * stride) % n

    def build(x: Any) -> Any:
        def body(i: Any, c: Any) -> Any:
            to = place(_Graphc, i, c[(i + 1) % n])
            return getattr(_Graphc, write)(c, to, first(_Graphc, c[i % n], c[to]))

        return g.fori_loop(0, steps, body, x)

    def formula(x: Any) -> Any:
        c = np.array(x)
        for i in map(np.int64, range(steps)):
            to = place(_NumPy, i, c[(i + 1) % n])
            c = getattr(_NumPy, write)(c, to, np.asarray(first(_NumPy, c[i % n], c[to])).astype(c.dtype))
        return c

    return pool.add(build, formula, x)


def until(pool: Pool) -> Member | None:
    """A loop that halves what is large, by a condition on one of its elements or on all."""
    rng = pool.rng
    x = pool.pick(lambda m: floats(m) and m.value.size > 0)
    if x is None:
        return None
    bound, most = rng.choice([0.25, 1.0, 3.0]), rng.randint(1, 6)
    key = tuple(rng.randrange(length) for length in x.value.shape) if rng.random() < 0.5 else None
    if key is not None and not all(isinstance(dim, int) for dim in x.expr.shape):
        key = None

    def large(side: Any, c: Any) -> Any:
        return (side.abs(c[key]) if key is not None else side.sum(side.abs(c))) > bound

    def build(x: Any) -> Any:
        return g.while_loop(lambda c: large(_Graphc, c), lambda c: c * 0.5, x, max_steps=most)

    def formula(x: Any) -> Any:
        for _ in range(most):
            if not large(_NumPy, x):
                break
            x = x * x.dtype.type(0.5)
        return x

    return pool.add(build, formula, x)


def branch(pool: Pool) -> Member | None:
    """One of two or three functions, by an element of an intermediate."""
    rng = pool.rng
    x = pool.pick(floats)
    by = pool.pick(lambda m: m.value.size > 0 and m.kind in "fi")
    if x is None or by is None:
        return None
    y = _like(pool, x, x.expr.shape, x.value.shape) or x
    sides = [rng.choice(_MIXED) for _ in range(3)]
    whole, limit = by.kind == "i", rng.choice([-1, 0, 1])

    def chosen(side: Any, by: Any) -> Any:
        one = by[(0,) * by.ndim]
        return one % 3 if whole else one > limit

    def build(x: Any, y: Any, by: Any) -> Any:
        bodies = [lambda x, y, f=f: f(_Graphc, x, y) for f in sides]
        if whole:
            return g.switch(chosen(_Graphc, by), bodies, x, y)
        return g.cond(chosen(_Graphc, by), bodies[0], bodies[1], x, y)

    def formula(x: Any, y: Any, by: Any) -> Any:
        k = int(chosen(_NumPy, by)) if whole else int(not chosen(_NumPy, by))
        return np.asarray(sides[k](_NumPy, x, y)).astype(x.dtype)

    return pool.add(build, formula, x, y, by)


def mapped(pool: Pool) -> Member | None:
    """A scan over the rows of each matrix of a stack, by `vmap` along some axis."""
    rng = pool.rng
    x = pool.pick(lambda m: floats(m) and m.value.ndim > 1 and 0 not in m.value.shape)
    if x is None:
        return None
    axis, first = axis_of(pool, x.value) % x.value.ndim, rng.choice(_MIXED)

    def one(x: Any) -> Any:
        return g.scan(lambda c, a: (first(_Graphc, c, a),) * 2, x[0] * 0, x)[1]

    def formula(x: Any) -> Any:
        results = []
        for part in np.moveaxis(x, axis, 0):
            c, passed = part[0] * 0, []
            for a in part:
                c = np.asarray(first(_NumPy, c, a)).astype(x.dtype)
                passed.append(c)
            results.append(np.array(passed))
        return np.array(results)

    return pool.add(lambda x: g.vmap(one, in_axes=axis)(x), formula, x)


CONTROL = (scanned, scanned, counted, until, branch, mapped)

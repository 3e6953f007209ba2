"""Programs that call functions which stay calls: written once, for graphc and, with NumPy in its place, for Python itself."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import graphc as g

Stays = Callable[[Callable[..., Any]], Callable[..., Any]]
"""What makes a function one that is called: `g.function(inline=False)`, or nothing at all."""

_tags = itertools.count()


@dataclass(frozen=True)
class NestedProgram:
    """A program of some symbols.

    write : (what makes functions, the namespace, what the symbols are) → a number
    point : the values of its symbols
    """

    name: str
    write: Callable[..., Any]
    point: tuple[Any, ...]
    calls: int
    shapes: tuple[tuple[Any, ...], ...] = field(default=())

    def symbols(self) -> list[g.Expr]:
        """New symbols: equal formulas of other tests are none of theirs."""
        tag = next(_tags)
        shapes = self.shapes or tuple([np.shape(value) for value in self.point])
        return [g.symbol(f"nest{tag}_{k}", shape=shape) for k, shape in enumerate(shapes)]

    def built(self, stays: bool = True) -> tuple[list[g.Expr], g.Expr]:
        """Symbols and the formula of them, with calls or with all of it written out."""
        symbols = self.symbols()
        return symbols, self.write(g.function(inline=False) if stays else _as_it_is, g, *symbols)

    def in_python(self) -> Any:
        """The value by NumPy's functions and Python's calls."""
        with np.errstate(all="ignore"):
            return self.write(_as_it_is, np, *map(np.asarray, self.point))


def _as_it_is(f: Callable[..., Any]) -> Callable[..., Any]:
    return f


def _several_results(stays: Stays, m: Any, a: Any, b: Any) -> Any:
    @stays
    def pair(x, y):
        return m.sin(x) * y + m.exp(-x * x), m.where(x > y, x - y, x * y)

    p, q = pair(a, b)
    r, s = pair(q, p)
    return r * s + p


def _depth_three(stays: Stays, m: Any, a: Any, b: Any) -> Any:
    @stays
    def inner(t):
        return m.tanh(t) * t + 0.5

    @stays
    def middle(t, u):
        return inner(t) * inner(u) - inner(t * u)

    @stays
    def outer(t, u):
        return middle(t, u) + middle(u, inner(t))

    return outer(a, b) * outer(b, a) + inner(a)


def _from_outside(stays: Stays, m: Any, a: Any, b: Any) -> Any:
    w = m.cos(a) + 2.0

    @stays
    def scaled(t):
        return w * t * t + b * w

    return scaled(b) + scaled(a * b)


def _structures(stays: Stays, m: Any, a: Any, b: Any) -> Any:
    @stays
    def parts(x, y):
        return {"sum": x + y, "others": [x * y, (m.exp(x / 4), y)]}

    first = parts(a, b)
    second = parts(first["sum"], first["others"][0])
    return second["sum"] * first["others"][1][0] + second["others"][1][1] ** 2


def _arrays(stays: Stays, m: Any, x: Any, y: Any) -> Any:
    @stays
    def normal(v, w):
        centred = v - m.mean(v)
        return centred / m.sqrt(m.sum(centred * centred) + 1.0), m.sum(v * w)

    u, total = normal(x, y)
    v, other = normal(y, u)
    return m.sum(u * v) + total * other


def _matrices(stays: Stays, m: Any, a: Any, x: Any) -> Any:
    weights = np.linspace(-1, 1, 12).reshape(3, 4)

    @stays
    def layer(matrix, v):
        return m.tanh(matrix @ v + weights @ m.ones(4))

    h = layer(a, x)
    h = layer(a, h)
    return m.sum(layer(a.T, h) * h)


def _much_memory(stays: Stays, m: Any, x: Any, y: Any) -> Any:
    @stays
    def correlated(v, w):
        products = v[:, None] * w[None, :]  # more than lies on a stack
        ranked = products / (1.0 + m.max(products))
        return m.sum(ranked * ranked, axis=0), m.max(ranked)

    first, most = correlated(x, y)
    second, least = correlated(y, first)
    return m.sum(second) * most + least


def _no_slope(stays: Stays, m: Any, x: Any, y: Any) -> Any:
    @stays
    def counted(v, w):
        return m.sum(m.where(v > w, 1, 0)), v > w, v * 2.0, w

    number, above, double, _ = counted(x, y)
    again, _, four, same = counted(double, y)
    return m.sum(m.where(above, four, same)) + number * 1.0 + again * 0.5


PROGRAMS = {
    each.name: each
    for each in (
        NestedProgram("several results", _several_results, (0.3, 0.5), 2),
        NestedProgram("depth three", _depth_three, (0.7, -0.4), 3),
        NestedProgram("from outside", _from_outside, (0.2, 0.9), 2),
        NestedProgram("structures", _structures, (0.6, 1.1), 2),
        NestedProgram(
            "arrays", _arrays, (np.array([0.1, 0.7, -0.2]), np.array([1.0, 2.0, 0.5])), 2, (("n",), ("n",))
        ),
        NestedProgram(
            "matrices", _matrices, (np.arange(9.0).reshape(3, 3) / 10, np.array([0.1, -0.2, 0.4])), 3
        ),
        NestedProgram(
            "much memory",
            _much_memory,
            (np.linspace(0.1, 1, 40), np.linspace(0.5, 2, 40)),
            2,
            (("n",), ("n",)),
        ),
        NestedProgram("no slope", _no_slope, (np.array([1.0, 2, 3]), np.array([0.5, 2.5, 4.0])), 2),
    )
}

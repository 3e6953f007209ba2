"""Loops within loops over a batch: a body is made wide once, however many results the loops around it have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as g
from graphc.ops import control

WIDTH = 6


def nested(m: Any, depth: int, carry: Any, xs: Any) -> Any:
    """Loops in one another, each with several results of which the next one out reads all."""

    def step(parts: Any, x: Any) -> tuple[Any, Any]:
        if depth == 1:
            parts = tuple(m.sin(p + k * x) for k, p in enumerate(parts))
        else:
            parts, ys = nested(m, depth - 1, parts, xs)
            parts = tuple(0.5 * p + x * ys[k] for k, p in enumerate(parts))
        return parts, sum(parts[1:], parts[0])

    return m.scan(step, carry, xs)


class Plain:
    """The same by NumPy."""

    sin = staticmethod(np.sin)

    @staticmethod
    def scan(step: Any, carry: Any, xs: Any) -> tuple[Any, Any]:
        ys = []
        for x in xs:
            carry, y = step(carry, x)
            ys.append(y)
        return carry, np.array(ys)


def of(m: Any, depth: int) -> Any:
    def one(row: Any) -> Any:
        carry = tuple(row[k % 3] for k in range(WIDTH))
        parts, ys = nested(m, depth, carry, row)
        return sum(parts[1:], parts[0]) + ys[0] * ys[-1]

    return one


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_values(depth):
    rows = 0.1 * np.random.default_rng(depth).normal(
        size=(4, WIDTH)
    )  # of larger numbers the steps are chaotic
    x = g.symbol("x_nested_wide", shape=rows.shape)
    found = g.compile(g.vmap(of(g, depth))(x), [x], cache=False)(rows)
    np.testing.assert_allclose(found, [of(Plain, depth)(row) for row in rows], rtol=1e-12)


def test_bodies_are_made_wide_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    through = control.through

    def counted(*arguments: Any) -> Any:
        calls.append(1)
        return through(*arguments)

    monkeypatch.setattr(control, "through", counted)
    counts = []
    for depth in (1, 2, 3):
        calls.clear()
        g.vmap(of(g, depth))(g.symbol(f"x_wide_{depth}", shape=(4, WIDTH)))
        counts.append(len(calls))
    assert counts[2] - counts[1] <= counts[1] - counts[0] + 1, counts  # one more for each depth, no factor

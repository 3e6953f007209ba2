"""Elements at fixed places of joined, padded and updated arrays: what stands elsewhere is neither read nor computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as g

X = g.symbol("X", shape=("n", 2))
Y = g.symbol("Y", shape=("n",))


def total(x: Any, module: Any) -> Any:
    return module.sum(x * 2, axis=0, keepdims=True)


def concat(module: Any) -> Callable[..., Any]:
    return np.concatenate if module is np else g.concat


PARTS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "last of joined": lambda x, y, m: concat(m)([total(x, m), x[0:1]])[-1],
    "turned": lambda x, y, m: concat(m)([total(x, m), x[0:1]])[-1, ::-1] * 1.5,
    "first of joined": lambda x, y, m: concat(m)([y[0:1], total(y, m), y])[0] * 1.5,
    "one of three": lambda x, y, m: concat(m)([total(y, m), m.max(y, axis=0, keepdims=True), y])[1] + 1,
    "stacked": lambda x, y, m: m.stack([total(y, m), y[0:1]])[-1] * 1.5,
    "padded in front": lambda x, y, m: m.pad(total(x, m), ((1, 0), (0, 0)))[0] - 1,
    "padded behind": lambda x, y, m: m.pad(total(y, m), ((0, 2),))[-1] * 2,
    "above a diagonal": lambda x, y, m: m.tril(concat(m)([total(x, m), x[0:1]]))[0, 1] + 1,
    "beside a diagonal": lambda x, y, m: m.diag(m.sum(x * 2, axis=0))[0, 1] + 1,
    "on a diagonal": lambda x, y, m: m.diag(m.sum(x * 2, axis=0))[1, 1] + 1,
    "a part of a part": lambda x, y, m: m.pad(concat(m)([total(y, m), y[0:1]])[1:], ((0, 1),))[1] + 1,
}  # fmt: skip


@pytest.mark.parametrize("rewrite", ["stable", None])
@pytest.mark.parametrize("name", PARTS)
def test_parts_that_are_never_read(name: str, rewrite: str | None) -> None:
    f = g.compile(PARTS[name](X, Y, g), [X, Y], rewrite=rewrite, cache=False)
    for length in (1, 3, 500):
        x = np.arange(2.0 * length).reshape(length, 2) - 3
        y = np.arange(1.0 * length) + 0.5
        np.testing.assert_allclose(f(x, y), PARTS[name](x, y, np), rtol=1e-13)


@pytest.mark.parametrize("rewrite", ["stable", None])
def test_an_update_that_is_never_read(rewrite: str | None) -> None:
    K = g.symbol("K", shape=(3, 3))
    value = g.sum(K * 2, axis=0)
    outputs = [K.at[1].set(value)[0, ::-1] * 2, K.at[1].set(value)[1] * 2, K.at[1:].add(value)[0] + 1]
    k = np.arange(9.0).reshape(3, 3)
    first, second, third = g.compile(outputs, [K], rewrite=rewrite, cache=False)(k)
    np.testing.assert_array_equal(first, k[0, ::-1] * 2)
    np.testing.assert_array_equal(second, k.sum(0) * 4)
    np.testing.assert_array_equal(third, k[0] + 1)

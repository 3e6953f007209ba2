"""1 − the cosine of the angle between vectors: value and slopes at small angles, against mpmath."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

import graphc as g

N = 6
u, v = g.symbol("u", shape=N), g.symbol("v", shape=N)
U, V = g.symbol("U", shape=(3, N)), g.symbol("V", shape=(3, N))

WRITTEN: dict[str, Callable[[Any, Any], Any]] = {
    "norms": lambda a, b: 1 - a @ b / (g.norm(a) * g.norm(b)),
    "roots": lambda a, b: 1 - g.sum(a * b) / (g.sqrt(g.sum(a * a)) * g.sqrt(g.sum(b**2))),
    "one root": lambda a, b: 1 - g.sum(b * a) / g.sqrt(g.sum(a * a) * g.sum(b * b)),
    "directions": lambda a, b: 1 - (a / g.norm(a)) @ (b / g.norm(b)),
}


def _exact(a: list[Any], b: list[Any]) -> Any:
    dot = mpmath.fsum(p * q for p, q in zip(a, b, strict=True))
    return 1 - dot / mpmath.sqrt(mpmath.fsum(p * p for p in a) * mpmath.fsum(q * q for q in b))


def _value_and_slopes(a: np.ndarray, b: np.ndarray) -> tuple[Any, list[Any]]:
    with mpmath.workdps(120):
        first, second = [mpmath.mpf(float(p)) for p in a], [mpmath.mpf(float(q)) for q in b]
        step = mpmath.mpf(10) ** -40
        slopes = []
        for place in range(len(first)):
            moved = [[*first[:place], first[place] + sign * step, *first[place + 1 :]] for sign in (1, -1)]
            slopes.append((_exact(moved[0], second) - _exact(moved[1], second)) / (2 * step))
        return _exact(first, second), slopes


def _vectors(angle: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    first = rng.normal(size=N)
    return first, 2.5 * (first + angle * rng.normal(size=N))


@pytest.mark.parametrize("form", WRITTEN)
@pytest.mark.parametrize("angle", [1e-12, 1e-7, 1e-3, 1.0])
def test_small_angles(form: str, angle: float) -> None:
    loss = WRITTEN[form](u, v)
    f = g.compile([loss, g.grad(loss, u)], [u, v], cache=False)
    a, b = _vectors(angle)
    value, slopes = _value_and_slopes(a, b)
    found, found_slopes = f(a, b)
    # directions are right within some units, so their difference within that over the angle
    bound = 64 * 2.0**-52 * (1 + 1 / angle)
    assert abs(float(found) - float(value)) <= bound * float(value)
    largest = max(abs(float(slope)) for slope in slopes)
    assert np.abs(found_slopes - np.array(slopes, dtype=float)).max() <= bound * largest


def test_rows_of_matrices() -> None:
    loss = 1 - g.sum(U * V, axis=1) / (g.norm(U, axis=1) * g.norm(V, axis=1))
    pairs = [_vectors(1e-8, seed) for seed in range(3)]
    found = g.compile(loss, [U, V], cache=False)(
        np.stack([a for a, _ in pairs]), np.stack([b for _, b in pairs])
    )
    for row, (a, b) in zip(found, pairs, strict=True):
        value = float(_value_and_slopes(a, b)[0])
        assert abs(row - value) <= 64 * 2.0**-52 * 1e8 * value


@pytest.mark.parametrize(
    "other",
    [
        1 - u @ v / (g.norm(u) * g.norm(u)),
        1 - u @ v / (g.norm(u, 1) * g.norm(v)),
        1 - g.sum(U * V, axis=1) / (g.norm(U, axis=0)[0] * g.norm(V, axis=1)),
        2 - u @ v / (g.norm(u) * g.norm(v)),
        1 - g.sum(U * V) / (g.norm(U) * g.norm(V)),
    ],
)
def test_what_is_none_stays(other: g.Expr) -> None:
    assert "cosine-distance" not in {step.rule for step in g.rewrites(other)}

"""A user's derivative held against differences of the function, when it is declared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from graphc.ir.body import Body
from graphc.ir.expr import Expr
from graphc.ir.types import is_float

DOMAINS = ((0.25, 4.0), (-1.0, 1.0), (0.05, 0.45), (-4.0, -0.25), (0.5, 0.9), (1.1, 9.0))
"""Where points are drawn from when nobody says where the function is smooth."""

WANTED = 2
"""Points that are looked at, of the first domain in which there are some."""

Values = list[np.ndarray]


class Disagreement(NamedTuple):
    """A derivative that is not that of the function.

    place : of the argument; own, wanted : what the rule gives along a direction, and differences
    point : the values of the arguments
    """

    place: int
    own: float
    wanted: float
    point: Values


def disagreement(
    inputs: Sequence[Expr],
    function: Callable[[Values], Values],
    along: Callable[[Values, int, Values, Values], float],
    checked: Sequence[int],
    domain: tuple[float, float] | None,
) -> Disagreement | bool:
    """The first argument whose derivative differs from differences; whether any point could be looked at, where none does.

    function : values → those of all float results
    along : (values, place, directions, weights) → the derivative of the weighted results along that of an argument
    checked : the places of the arguments that have derivatives
    """
    rng = np.random.default_rng(20)
    looked = 0
    for low, high in DOMAINS if domain is None else (domain,) * 3:
        for _ in range(3):
            point = [_drawn(rng, x, low, high) for x in inputs]
            wrong = _at(rng, point, function, along, checked)
            if wrong is None:
                continue
            looked += 1
            if isinstance(wrong, Disagreement):
                return wrong
            if looked == WANTED:
                return True
        if looked:
            return True
    return False


def _drawn(rng: np.random.Generator, like: Expr, low: float, high: float) -> np.ndarray:
    if is_float(like.dtype):
        return np.asarray(rng.uniform(low, high, like.shape), like.dtype)  # type: ignore[arg-type]
    if like.dtype.kind == "b":
        return np.asarray(rng.random(like.shape) < 0.5)  # type: ignore[arg-type]
    return np.asarray(rng.integers(0, 2, like.shape), like.dtype)  # type: ignore[arg-type]


def _at(
    rng: np.random.Generator, point: Values, function: Any, along: Any, checked: Sequence[int]
) -> Disagreement | bool | None:
    """What is found at a point; None where there is nothing to compare."""
    try:
        values = function(point)
    except Exception:  # outside of its domain a function may refuse
        return None
    if not all(np.isfinite(value).all() for value in values):
        return None
    weights = [np.asarray(rng.normal(size=value.shape), value.dtype) for value in values]
    coarse = any(value.dtype.itemsize < 8 for value in (*values, *(point[place] for place in checked)))
    eps = float(np.finfo(np.float32 if coarse else np.float64).eps)
    for place in checked:
        direction = np.asarray(rng.choice([-1.0, 1.0], point[place].shape), point[place].dtype)
        directions = [direction if k == place else np.zeros_like(x) for k, x in enumerate(point)]

        def moved(h: float, directions: Values = directions) -> float:
            there = function(
                [
                    x if not d.any() else x + x.dtype.type(h) * d
                    for x, d in zip(point, directions, strict=True)
                ]
            )
            return sum(float(np.sum(w * v, dtype=np.float64)) for w, v in zip(weights, there, strict=True))

        size = float(np.max(np.abs(point[place]), initial=1e-3))
        step = eps ** (1 / 5) * 0.2 * size
        first, second = (_extrapolated(moved, h) for h in (step, step / 2))
        own = float(along(point, place, directions, weights))
        scale = max(abs(first), abs(moved(0.0)) / size, _total(weights, values) / size)
        spread = abs(first - second)
        if not np.isfinite(first + second) or spread > 1e-2 * max(scale, abs(own)):
            return None  # a kink, or a place where it is too steep
        if not abs(own - second) <= 10 * spread + eps**0.5 * 20 * max(scale, abs(own)):
            return Disagreement(place, own, second, point)
    return True


def _total(weights: Values, values: Values) -> float:
    return sum(float(np.sum(np.abs(w * v), dtype=np.float64)) for w, v in zip(weights, values, strict=True))


def _extrapolated(moved: Callable[[float], float], h: float) -> float:
    """The central difference of two steps, extrapolated to a step of 0."""
    wide, narrow = ((moved(step) - moved(-step)) / (2 * step) for step in (h, h / 2))
    return (4 * narrow - wide) / 3


def of_bodies(
    body: Body, rule: Body, mode: str, count: int, domain: tuple[float, float] | None
) -> Disagreement | bool:
    """`disagreement` of a function as a body and of its rule, one for "vjp" or for "jvp"."""
    lengths = {name: 2 + number for number, name in enumerate(dict.fromkeys((*body.lengths, *rule.lengths)))}
    body, rule = body.bound(lengths), rule.bound(lengths)
    results = [k for k, x in enumerate(body.outputs) if is_float(x.dtype)]
    checked = [k for k, x in enumerate(body.inputs[:count]) if is_float(x.dtype)]

    def function(values: Values) -> Values:
        given = Body.evaluate(body, values)
        return [np.asarray(given[k]) for k in results]

    def along(values: Values, place: int, directions: Values, weights: Values) -> float:
        if mode == "vjp":
            back = Body.evaluate(rule, [*values, *weights])[checked.index(place)]
            return float(np.sum(back * directions[place], dtype=np.float64))
        given = Body.evaluate(rule, [*values, *(directions[k] for k in checked)])
        return sum(float(np.sum(w * v, dtype=np.float64)) for w, v in zip(weights, given, strict=True))

    return disagreement(body.inputs, function, along, checked, domain)


__all__ = ["Disagreement", "disagreement", "of_bodies"]

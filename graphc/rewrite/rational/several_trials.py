"""Forms of a formula compared by the bounds of their rounding errors at points: a running error analysis, in vectors.

After Wilkinson: beside each intermediate value its error is bounded, from those of its operands and one rounding; variables
count as exact. No exact value is needed to see which of two forms of one function loses more.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from graphc.ir.expr import Expr

POINTS = 120
UNIT = 2.0**-53
LARGEST = 2.0**20

WORSE = 3.0
FEW = 0.03
"""At so few of the points a form may lose more bits than that."""

BETTER = 0.75
"""In bits on average."""


@cache
def _points(count: int) -> np.ndarray:
    """Values of variables: of all sizes, of usual size, near each other, near 1, tiny, and one large beside others."""
    rng = np.random.default_rng(7)
    sizes = np.exp2(rng.uniform(-18, 18, (count, POINTS)))
    usual = np.exp2(rng.uniform(-1.5, 1.5, (count, POINTS)))
    apart = np.exp2(-rng.uniform(2, 40, POINTS)) * rng.uniform(-1, 1, (count, POINTS))
    near = np.exp2(rng.uniform(-4, 4, POINTS)) * (1 + apart)
    one = 1 + apart
    large = np.exp2(rng.uniform(-2, 2, (count, POINTS)))
    large[0] *= np.exp2(rng.uniform(5, 25, POINTS))
    signs = rng.choice([-1.0, 1.0], (count, POINTS))
    signs[:, ::2] = 1.0
    kinds = [
        sizes,
        usual,
        near,
        one,
        large,
        large[rng.permutation(count)],
        rng.uniform(0, 1, (count, POINTS)),
        np.exp2(rng.uniform(-40, -3, (count, POINTS))),
    ]
    which = np.arange(POINTS) % len(kinds)
    values = np.choose(which, kinds) * signs
    return np.asarray(values)


def losses(
    forms: Sequence[Expr], variables: Sequence[Expr], bounds: Sequence[tuple[float, float]]
) -> list[np.ndarray] | None:
    """The bits that each form may lose at each point; None where one holds what is not followed.

    variables : the parts that are taken as exact, with the bounds of their values
    """
    values = _points(len(variables))
    with np.errstate(all="ignore"):
        known: dict[Expr, tuple[Any, Any]] = {
            part: (np.clip(values[n], *bounds[n]), 0.0) for n, part in enumerate(variables)
        }
        for node in _below(forms, known):
            found = _followed(node, known)
            if found is None:
                return None
            known[node] = found
        results = []
        for form in forms:
            value, error = known[form]
            bits = np.log2(1 + error / np.abs(value) / UNIT)
            results.append(np.broadcast_to(np.where(np.isfinite(value), bits, np.nan), (POINTS,)))
    return results


def is_better(after: np.ndarray, before: np.ndarray) -> bool:
    """Whether a form loses fewer bits than another, on average, and at no point many more."""
    both = ~(np.isnan(after) | np.isnan(before))
    if both.sum() < 8:
        return False
    one, other = np.minimum(after[both], 64), np.minimum(before[both], 64)
    return bool(np.mean(one) < np.mean(other) - BETTER and np.mean(one - other > WORSE) <= FEW)


def _below(forms: Sequence[Expr], known: dict[Expr, Any]) -> list[Expr]:
    """The nodes of some forms, operands first, without what is below their variables."""
    order: list[Expr] = []
    seen = set(known)
    stack = [(form, False) for form in forms]
    while stack:
        node, done = stack.pop()
        if done:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack += [(operand, False) for operand in node.operands]
    return order


def _followed(node: Expr, known: dict[Expr, tuple[Any, Any]]) -> tuple[Any, Any] | None:
    """The value of an operation and a bound of its error."""
    name = node.op.name
    if node.is_constant:
        return (node.value, 0.0) if not node.shape else None
    parts = [known[operand] for operand in node.operands if operand in known]
    if not parts or len(parts) < len(node.operands):
        return None
    (x, dx), *others = parts
    if node.dtype.kind == "b":
        return node.op.reference(*[part[0] for part in parts], *node.attrs), 0.0
    if name == "negative":
        return -x, dx
    if name == "abs":
        return np.abs(x), dx
    if name == "sqrt":
        value = np.sqrt(x)
        return value, dx / (2 * value) + UNIT * value
    if name == "square":
        return x * x, 2 * np.abs(x) * dx + UNIT * x * x
    if name == "reciprocal":
        return 1 / x, dx / (x * x) + UNIT / np.abs(x)
    if not others:
        return None
    (y, dy), *more = others
    if name == "where":
        return np.where(x, y, more[0][0]), np.where(x, dy, more[0][1])
    if name in ("add", "subtract"):
        value = x + y if name == "add" else x - y
        exact = (value - x == y) & (value - y == x) if name == "add" else (x - value == y) & (value + y == x)
        return value, dx + dy + np.where(exact, 0.0, UNIT * np.abs(value))
    if name == "multiply":
        return x * y, np.abs(x) * dy + np.abs(y) * dx + UNIT * np.abs(x * y)
    if name == "divide":
        return x / y, (dx + np.abs(x / y) * dy) / np.abs(y) + UNIT * np.abs(x / y)
    if name == "hypot":
        value = np.hypot(x, y)
        return value, (np.abs(x) * dx + np.abs(y) * dy) / value + UNIT * value
    if name == "pow" and node.operands[1].is_constant:
        value = x**y
        return value, np.abs(y * value / x) * dx + UNIT * np.abs(value)
    return None


__all__ = ["is_better", "losses"]

"""Where NaN and infinity of the backward pass begin: at the use that hands back what its own adjoint did not have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphc.ir.expr import Expr
from graphc.ir.formatting import show_value, visible
from graphc.ir.printer import render


@dataclass(frozen=True)
class AdjointSource:
    """A node at which NaN or infinity begins on the way back.

    node : its number
    what : 'NaN' or 'infinity'
    happens : what it gets and what it hands back, in words
    """

    node: int
    what: str
    happens: str


def adjoint_sources(
    exprs: Sequence[Expr],
    adjoints: Mapping[int, Any],
    contributions: Mapping[tuple[int, int], Any],
    values: Mapping[int, Any] | None = None,
) -> tuple[AdjointSource, ...]:
    """The nodes at which NaN or infinity of a derivative begins, in the order of the backward pass.

    Of arrays each element is looked at: NaN in one may arrive with another element's infinity, and both are told.

    Parameters
    ----------
    exprs : the nodes of a graph in topological order
    adjoints : node → the sum of the contributions of its uses
    contributions : (user, slot) → what that use hands back
    values : node → its value, from which it is told where NaN or infinity comes from the forward pass
    """
    found: list[AdjointSource] = []
    backwards = sorted({user for user, _ in contributions} | set(adjoints), reverse=True)
    slots: dict[int, list[int]] = {}
    handed: dict[int, list[Any]] = {}
    numbers = {expr: node for node, expr in enumerate(exprs)}
    for user, slot in sorted(contributions):
        slots.setdefault(user, []).append(slot)
        operand = numbers.get(exprs[user].operands[slot]) if slot < len(exprs[user].operands) else None
        if operand is not None:
            handed.setdefault(operand, []).append(contributions[user, slot])
    for node in backwards:
        got, terms = adjoints.get(node), handed.get(node, ())
        name = visible(render(exprs[node], budget=40), 40)
        for what in _begins(got, terms, True) if len(terms) > 1 else ():
            written = " + ".join(show_value(term) for term in terms[:4]) + (" + …" if len(terms) > 4 else "")
            found.append(AdjointSource(node, what, f"the sum at {name}: {written} = {show_value(got)}"))
        told: set[str] = set()
        for slot in slots.get(node, ()):
            back = contributions[node, slot]
            for what in _begins(back, [got], not exprs[node].op.on_arrays):
                if what not in told:
                    told.add(what)
                    cause = _cause(exprs[node], node, numbers, values or {})
                    text = f"{name}, which gets {show_value(got)} and hands back {show_value(back)}{cause}"
                    found.append(AdjointSource(node, what, text))
    return tuple(found)


def _begins(value: Any, before: Sequence[Any], by_element: bool) -> list[str]:
    """Which of 'NaN' and 'infinity' are in an element of a value where they were not before; after NaN nothing begins."""
    array = _floats(value)
    if np.isfinite(array).all():
        return []
    lost, endless = (_seen(test, before, array.shape, by_element) for test in (np.isnan, np.isinf))
    new = {"NaN": np.isnan(array) & ~lost, "infinity": np.isinf(array) & ~lost & ~endless}
    return [what for what, where in new.items() if where.any()]


def _seen(test: Any, values: Sequence[Any], shape: tuple[int, ...], by_element: bool) -> np.ndarray:
    """Where a test holds of one of the values: of its elements, or of all where elements do not correspond."""
    seen = np.zeros(shape, bool)
    for value in values:
        mask = np.asarray(test(_floats(value)))
        if by_element and mask.ndim >= len(
            shape
        ):  # an operand that was repeated gets the sum over its copies
            mask = np.logical_or.reduce(mask, axis=tuple(range(mask.ndim - len(shape))))
            wide = tuple(axis for axis, length in enumerate(shape) if length == 1 != mask.shape[axis])
            mask = np.logical_or.reduce(mask, axis=wide, keepdims=True)
        by_place = by_element and mask.shape == shape
        seen |= mask if by_place else bool(mask.any())
    return seen


def _floats(value: Any) -> np.ndarray:
    array = np.asarray(0.0 if value is None else value)
    return array if array.dtype.kind == "f" else np.zeros(array.shape)


def _cause(expr: Expr, node: int, numbers: Mapping[Expr, int], values: Mapping[int, Any]) -> str:
    """Which value of the forward pass is NaN or infinite already, of those that a derivative is computed from."""
    for near in (*(numbers.get(operand, -1) for operand in expr.operands), node):
        value = values.get(near)
        if value is not None and not np.isfinite(_floats(value)).all():
            other = (
                expr if near == node else next(each for each in expr.operands if numbers.get(each) == near)
            )
            return f", as {visible(render(other, budget=30), 30)} = {show_value(value)}"
    return ""


__all__ = ["AdjointSource", "adjoint_sources"]

"""Where each element of an array comes from, as rules that a page applies to the element that its reader clicks.

Of an operation element by element the rule is its formula, of a matrix product the sum of products, of a reduction the elements
along its axes, and of a view (a transposed or sliced array) the place that an element is taken from. Formulas are written with
characters that stand for operands, as in `mathml.py`; the page puts names and numbers there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.ir.expr import Expr, rebuild, symbol
from graphc.ir.formatting import visible
from graphc.ir.op import CONSTANT
from graphc.ir.types import is_float
from graphc.viz.math_text import formula
from graphc.viz.player.lesson import Lesson
from graphc.viz.player.mathml import FIRST

_LISTED = 512
"""Of a view that no strides describe at most so many places are listed."""

_REDUCING = ("sum", "mean", "prod", "max", "min", "logsumexp")

_ALONG = ("softmax", "log_softmax", "cumsum", "cumprod")
"""Operations that make each element out of those along an axis."""


def with_operands(lesson: Lesson) -> None:
    """Slots for the operands of everything that has one, so that what an element is made of can be told."""
    for expr in list(lesson.exprs):
        for operand in expr.operands:
            if operand.op is not CONSTANT or operand.shape:
                lesson.slot(operand)


def names_of(lesson: Lesson) -> list[str]:
    """What each slot is called."""
    graph, record, names = lesson.graph, lesson.record, {}
    shown = [visible(name, 24) for name in lesson.names]
    if record is not None:
        for (user, slot), expr in record.partials.items():
            over, under = graph.exprs.index(user), graph.exprs.index(user.operands[slot])
            names[expr] = f"∂{shown[over]}/∂{shown[under]}"
        for (user, slot), expr in record.contributions.items():
            over, under = graph.exprs.index(user), graph.exprs.index(user.operands[slot])
            again = sum(x is user.operands[slot] for x in user.operands[:slot])
            names[expr] = f"{shown[over]}→{shown[under]}{'′' * again}"
        for node, expr in enumerate(graph.exprs):
            if lesson.sources(node):
                names[record.adjoint(expr)] = f"∂{lesson.name}/∂{shown[node]}"
    names |= dict(zip(graph.exprs, shown, strict=True))
    return [names.get(expr) or f"({formula(expr).text[:40]})" for expr in lesson.exprs]


def adjoints_of(lesson: Lesson) -> dict[int, int]:
    """The slot of a node's value → that of the derivative with respect to it."""
    if lesson.record is None:
        return {}
    pairs: dict[int, int] = {}
    for node, expr in enumerate(lesson.graph.exprs):
        if lesson.sources(node) and is_float(expr.dtype) and (expr.op is not CONSTANT or expr.shape):
            pairs[lesson.slot(expr).index] = lesson.adjoint(node).index
    return pairs


def rules_of(lesson: Lesson, values: Sequence[Any]) -> dict[int, dict[str, Any]]:
    """Slot → the rule of its elements, for arrays and for numbers that are made of arrays.

    values : of the slots at the point
    """
    at = {expr: number for number, expr in enumerate(lesson.exprs)}
    rules: dict[int, dict[str, Any]] = {}
    for expr, number in at.items():
        arrays = getattr(values[number], "ndim", 0) or any(
            getattr(values[at[x]], "ndim", 0) for x in expr.operands if x in at
        )
        known = all(x in at or (x.is_constant and not x.shape) for x in expr.operands)
        if expr.op.is_leaf or not arrays or not known:
            continue
        rule = _rule(expr, [values[at[x]] if x in at else x.value for x in expr.operands])
        if rule is not None:
            rules[number] = {**rule, "o": [at.get(x, -1) for x in expr.operands]}
    return rules


def _rule(expr: Expr, values: list[Any]) -> dict[str, Any] | None:
    op = expr.op
    if op.control is not None:
        return None
    if not op.on_arrays:
        stand_ins = [
            x if x.op is CONSTANT and not x.shape else symbol(chr(FIRST + slot), (), x.dtype)
            for slot, x in enumerate(expr.operands)
        ]
        return {"r": "each", "t": formula(rebuild(expr, tuple(stand_ins))).text}
    if op.name == "matmul":
        return {"r": "matmul"}
    if op.name == "outer":
        return {"r": "outer"}
    if op.name in _ALONG and len(expr.operands) == 1:
        return {"r": "along", "w": op.name, "a": [expr.attrs[0] % np.ndim(values[0])]}
    if op.name in _REDUCING and len(expr.operands) == 1:
        axis = expr.attrs[0] if expr.attrs else None
        rank = np.ndim(values[0])
        axes = range(rank) if axis is None else (axis,) if isinstance(axis, int) else axis
        return {"r": "reduce", "w": op.name, "a": sorted(each % rank for each in axes)} if rank else None
    if op.moves and len(expr.operands) == 1 and expr.operands[0].op is not CONSTANT:
        return _moved(expr, values[0])
    return None


def _moved(expr: Expr, value: Any) -> dict[str, Any] | None:
    """Of a view: where each element comes from, as an offset and strides over its own place, or place by place."""
    array = np.asarray(value)
    places = np.arange(1, array.size + 1, dtype=np.float64).reshape(array.shape)
    try:
        taken = np.asarray(expr.op.reference(places, *expr.attrs))
        again = np.asarray(expr.op.reference(np.ones(array.shape), *expr.attrs))
    except (TypeError, ValueError, IndexError):
        return None
    if not taken.size or not np.isin(again, (0.0, 1.0)).all() or (taken > array.size).any():
        return None  # what adds several elements up is no view
    found = taken.astype(np.int64) - 1  # −1 is a zero
    first = found.flat[0]
    strides = [
        int(found[tuple(int(axis == k) for k in range(found.ndim))] - first) if length > 1 else 0
        for axis, length in enumerate(found.shape)
    ]
    told = first + sum((np.indices(found.shape)[k] * stride for k, stride in enumerate(strides)), np.int64(0))
    if (told == found).all():
        return {"r": "view", "f": int(first), "s": strides}
    return {"r": "view", "p": found.ravel().tolist()} if found.size <= _LISTED else None


__all__ = ["adjoints_of", "names_of", "rules_of", "with_operands"]

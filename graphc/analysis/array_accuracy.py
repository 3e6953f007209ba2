"""How many digits of a program over arrays survive: its elements held against their exact values.

A point gives every symbol an array. The error of a point is that of the worst element of the result; what an operation loses
is that of the worst element it computes from operands that are as good as floats can be. By how much errors are magnified is no
single number here, so conditions are left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphc.analysis.accuracy_report import NodeAccuracy
from graphc.api.graph import Graph
from graphc.errors import InputError, PrecisionError, ShapeError
from graphc.interpret.mpmath_eval import evaluate
from graphc.ir import dims
from graphc.ir.expr import Expr, current_site
from graphc.ir.types import format_shape, is_float
from graphc.ir.ulp import bits_of_error, rounded

DIGITS = 40
"""Decimal digits of the exact values: an element nearer to the middle of two floats than that counts as either."""

ATTEMPTS = 16

Point = dict[str, Any]
Number = Callable[[Expr, float, float, bool, np.random.Generator], Any]
"""(symbol, low, high, evenly, generator) → one value"""


@dataclass
class Drawn:
    """Points at which every element of the result has a value.

    points, kinds : name → array, and how they were drawn
    exact : for each the result, rounded; nodes : for each the value of every float node, rounded
    """

    points: list[Point] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    exact: list[np.ndarray] = field(default_factory=list)
    nodes: list[dict[Expr, np.ndarray]] = field(default_factory=list)
    drawn: int = 0
    undefined: int = 0
    too_large: int = 0


def size_of(graph: Graph) -> int:
    """The elements of all nodes; raises `ShapeError` where a name leaves a length open."""
    total = 0
    for node in graph.exprs:
        size = dims.size_of(node.shape)
        if size is None:
            raise ShapeError(
                f"an accuracy report needs known lengths, not {format_shape(node.shape)}",
                node=repr(node),
                site=node.site,
                hint="declare the symbols with numbers, as in shape=(5, 3)",
            )
        total += size
    return max(1, total)


def draw_points(
    graph: Graph,
    target: Expr,
    intervals: Sequence[tuple[float, float]],
    count: int,
    kinds: Sequence[str],
    rng: np.random.Generator,
    number: Number,
) -> Drawn:
    """Points for a program over arrays, with the exact values of its nodes."""
    sample = Drawn()
    floats = [node for node in graph.exprs if is_float(node.dtype)]
    for kind in kinds:
        wanted = len(sample.points) + math.ceil(
            (count - len(sample.points)) / (len(kinds) - kinds.index(kind))
        )
        for _ in range(ATTEMPTS * count):
            if len(sample.points) >= wanted:
                break
            sample.drawn += 1
            at = {
                symbol.name: _array(symbol, low, high, kind == "range", rng, number)
                for symbol, (low, high) in zip(graph.symbols, intervals, strict=True)
            }
            values = _exact(floats, at)
            if values is None or np.isnan(values[target]).any():
                sample.undefined += 1
            elif not np.isfinite(values[target]).all():
                sample.too_large += 1
            else:
                sample.points.append(at)
                sample.kinds.append(kind)
                sample.exact.append(values[target])
                sample.nodes.append(values)
    if not sample.points:
        raise InputError(
            f"at none of {sample.drawn} points drawn all elements have a value",
            node=repr(target),
            site=current_site(),
            hint="give ranges in which the formula is defined",
        )
    return sample


def _array(
    symbol: Expr, low: float, high: float, evenly: bool, rng: np.random.Generator, number: Number
) -> np.ndarray:
    shape: Any = symbol.shape
    array = np.empty(shape, symbol.dtype)
    for place in np.ndindex(*array.shape):
        array[place] = number(symbol, low, high, evenly, rng)
    return array


def _exact(nodes: list[Expr], at: Point) -> dict[Expr, np.ndarray] | None:
    """The values of nodes, rounded to their types; None where one cannot be determined."""
    try:
        values = evaluate(nodes, at, DIGITS)
    except (PrecisionError, ZeroDivisionError, OverflowError):
        return None
    return {
        node: _rounded(np.asarray(value, object), node) for node, value in zip(nodes, values, strict=True)
    }


def _rounded(value: np.ndarray, node: Expr) -> np.ndarray:
    result = np.empty(value.shape, node.dtype)
    for place in np.ndindex(*value.shape):
        result[place] = rounded(value[place], node.dtype)
    return result


def worst(computed: Any, exact: np.ndarray) -> tuple[float, int]:
    """(bits of error of the worst element, its place in the rows); 0 of nothing."""
    bits = bits_of_error(np.asarray(computed, exact.dtype).reshape(-1), exact.reshape(-1), exact.dtype)
    return (float(bits.max()), int(bits.argmax())) if bits.size else (0.0, 0)


def nodes_of(graph: Graph, sample: Drawn) -> Iterator[NodeAccuracy]:
    """What each operation of float values does to digits."""
    for node in graph.exprs:
        if not node.operands or not is_float(node.dtype):
            continue
        if any(not is_float(operand.dtype) for operand in node.operands):
            continue  # indices and conditions have no exact value of their own
        types = node.op.types(tuple([operand.dtype for operand in node.operands]))[0]
        lost = []
        for values in sample.nodes:
            operands = [values[x].astype(t)[()] for x, t in zip(node.operands, types, strict=True)]
            with np.errstate(all="ignore"):
                result = np.asarray(node.op.reference(*operands, *node.attrs)).astype(node.dtype)
            known = np.isfinite(values[node])
            lost.append(worst(result[known], values[node][known])[0] if known.any() else 0.0)
        most = int(np.argmax(lost))
        yield NodeAccuracy(
            graph.node(node), node, math.nan, math.nan, math.fsum(lost) / len(lost), lost[most], sample.points[most]
        )  # fmt: skip


__all__ = ["Drawn", "draw_points", "nodes_of", "size_of", "worst"]

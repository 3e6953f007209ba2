"""What values a node can take: an interval that holds every floating-point result, and whether NaN is among them.

What an operation makes of the intervals of its operands stands in its declaration (`Facts`). Functions of the C library may err
by their declared ULPs, by which their ends are widened.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any, TypeVar

import numpy as np

from graphc.ir.expr import Expr, walk
from graphc.ir.op import Op, find
from graphc.ir.ranges import ANYTHING, INF, Range

_Table = TypeVar("_Table", bound=dict[Any, Any])


_DOUBLE = np.dtype(np.float64)


class Ranges:
    """The ranges of expressions, each computed once, and tables of other facts about them."""

    def __init__(self) -> None:
        self._known: dict[Expr, Range] = {}
        self._tables: dict[type, Any] = {}

    def table(self, kind: type[_Table]) -> _Table:
        """The one table of a kind (`facts`), which is kept as long as the ranges are."""
        table = self._tables.get(kind)
        if table is None:
            table = self._tables[kind] = kind()
        return table

    def __call__(self, expr: Expr) -> Range:
        known = self._known
        found = known.get(expr)
        if found is not None:
            return found
        pending = [expr]  # a path: each node is an operand of the one before
        while pending:
            node = pending[-1]
            operands = []
            for operand in node.operands:
                range_of = known.get(operand)
                if range_of is None:
                    pending.append(operand)
                    break
                operands.append(range_of)
            else:
                pending.pop()
                op = node.op
                if op.name == "multiply" and node.operands[0] is node.operands[1]:
                    op, operands = _square(), operands[:1]
                if (
                    operands and node.dtype is _DOUBLE and op.shape is None and op.name != "astype"
                ):  # the most
                    known[node] = _of_operation(op, tuple(operands))
                else:
                    known[node] = _of(node, op, tuple(operands))
        return known[expr]


@cache
def _square() -> Op:
    """What the product of a node with itself is: it is not negative, nor NaN but where the node is."""
    op = find("square")
    assert op is not None
    return op


def _of(node: Expr, op: Op, operands: tuple[Range, ...]) -> Range:
    """The range of a node as that of an operation, its own or one that is the same on these operands."""
    dtype = node.dtype
    if dtype.kind == "f" and (operands or op.shape is not None):
        if op.shape is not None:
            return _of_arrays(node, operands)
        if op.name == "astype":
            return _rounded(operands[0], dtype)
        found = _of_operation(op, operands)
        return _outward(found) if dtype.itemsize == 4 else found
    if node.is_constant:
        values = np.asarray(node.value, dtype=np.float64)
        if values.size == 0:
            return ANYTHING
        nan = bool(np.isnan(values).any())
        finite = values[~np.isnan(values)]
        return Range(float(finite.min()), float(finite.max()), nan) if finite.size else Range(INF, -INF, True)
    if node.dtype.kind == "b":
        return Range(0.0, 1.0, False)
    if node.is_symbol:
        own = ANYTHING if node.dtype.kind == "f" else _whole(node.dtype)
        if node.bounds is None:
            return own
        lo, hi = node.bounds
        return Range(max(lo, own.lo), min(hi, own.hi), False)
    return _whole(node.dtype)  # wraps around: only the type's own ends are certain


def _of_arrays(node: Expr, operands: tuple[Range, ...]) -> Range:
    """The range of all elements."""
    floats = tuple([r for r, x in zip(operands, node.operands, strict=True) if x.dtype.kind == "f"])
    facts = node.op.facts
    if facts.bounds is not None and floats:
        return facts.bounds(*floats)
    return Range(*facts.range, nan=_may_be_nan(node.op, floats))


def _whole(dtype: Any) -> Range:
    info = np.iinfo(dtype)
    return Range(float(info.min), float(info.max), False)


@lru_cache(maxsize=4096)
def _of_operation(op: Op, operands: tuple[Range, ...]) -> Range:
    """A large graph asks the same again and again."""
    facts = op.facts
    if facts.bounds is not None:
        return facts.bounds(*operands)
    lo, hi = facts.range
    if len(operands) == 1 and facts.monotone:
        x = operands[0]
        if isinstance(facts.nan, tuple):
            x = Range(max(x.lo, facts.nan[0]), min(x.hi, facts.nan[1]), x.nan)
        if x.lo <= x.hi:
            ends = [_value(op, end, False) for end in (x.lo, x.hi)]
            if 0 in (x.lo, x.hi):  # either zero may come, and 1/√x tells them apart
                ends.append(_value(op, 0.0, True))
            if not any(math.isnan(end) for end in ends):
                slack = 4 + 2 * int(op.ulps)
                low, high = min(ends), max(ends)
                lo, hi = max(lo, _step(low, -slack)), min(hi, _step(high, slack))
    return Range(lo, hi, _may_be_nan(op, operands))


def _may_be_nan(op: Op, operands: tuple[Range, ...]) -> bool:
    """Whether NaN is among the results: handed on from an operand, or where the operation says that it has no value."""
    declared = op.facts.nan
    if declared == "anywhere" or any(x.nan for x in operands):
        return True
    if declared == "never":
        return False
    if declared == "infinite":
        return any(INF in (-x.lo, x.hi) for x in operands)
    low, high = declared
    return any(x.lo < low or x.hi > high for x in operands)


@lru_cache(maxsize=4096)
def _value(op: Op, x: float, minus: bool) -> float:
    """A function of one operand, by its reference; of −x where `minus`."""
    with np.errstate(all="ignore"):
        return float(op.reference(np.float64(-x if minus else x)))


def _step(value: float, ulps: int) -> float:
    if math.isinf(value):
        return value
    return value + ulps * float(np.spacing(abs(value)))


def _rounded(found: Range, dtype: Any) -> Range:
    """The range of a cast to floating point: rounding is monotone, so the rounded ends hold every rounded value."""
    with np.errstate(over="ignore"):
        return Range(float(dtype.type(found.lo)), float(dtype.type(found.hi)), found.nan)


def _outward(found: Range) -> Range:
    """To the float32 grid, a step further out, but not past 0: rounding keeps signs."""
    with np.errstate(over="ignore"):
        lo, hi = np.float32(found.lo), np.float32(found.hi)
    low, high = float(np.nextafter(lo, np.float32(-INF))), float(np.nextafter(hi, np.float32(INF)))
    return Range(
        max(low, 0.0) if found.lo >= 0 else low, min(high, 0.0) if found.hi <= 0 else high, found.nan
    )


MODERATE = 1e5
"""Inputs up to this size are what formulas are written for; exponentials of them are 0 and infinite."""


def hazards(outputs: Sequence[Expr]) -> tuple[int, int]:
    """How many nodes below some outputs may be NaN for inputs of moderate size, though none of their operands is.

    0/0, ∞ − ∞ and their like; of two forms of one function that with fewer of them is the one to compute. First those outside of
    the choices by `where`, whose branches may be taken where they have values alone; then all.
    """
    known: dict[Expr, Range] = {}
    hazardous: set[Expr] = set()
    for node in walk(outputs):
        found = _moderate(node, tuple([known[operand] for operand in node.operands]))
        if node.is_symbol and node.dtype.kind == "f":
            found = Range(max(found.lo, -MODERATE), min(found.hi, MODERATE), False)
        elif found.nan:
            if node.operands:
                hazardous.add(node)
            found = found._replace(nan=False)
        if (
            node.op.name == "where"
        ):  # what is taken is of moderate size, though either branch may be infinite elsewhere
            found = Range(max(found.lo, -MODERATE), min(found.hi, MODERATE), False)
        known[node] = found
    if not hazardous:
        return 0, 0
    exposed: set[Expr] = set()
    pending = list(outputs)
    while pending:
        node = pending.pop()
        if node not in exposed:
            exposed.add(node)
            pending += node.operands if node.op.name != "where" or _is_mask(node) else node.operands[:1]
    return len(hazardous & exposed), len(hazardous)


def _is_mask(node: Expr) -> bool:
    """Whether a `where` has 0 as one of its branches, as what a derivative leaves out has, and is no choice of two formulas."""
    return any(branch.is_constant and not branch.shape and branch.value == 0 for branch in node.operands[1:])


def _moderate(node: Expr, operands: tuple[Range, ...]) -> Range:
    """The range of a node; of linear operations on arrays with few elements."""
    floats = [r for r, x in zip(operands, node.operands, strict=True) if x.dtype.kind == "f"]
    linear = node.op.on_arrays and node.dtype.kind == "f" and (node.op.linear or node.op.moves)
    if linear and floats and all(r.finite for r in floats):
        most = max(max(abs(r.lo), abs(r.hi), 1.0) for r in floats) * MODERATE
        return Range(0.0 if all(r.nonnegative for r in floats) else -most, most, False)
    if node.op.name in ("eye", "tri"):
        return Range(0.0, 1.0, False)
    return _of(node, node.op, operands)


def all_ranges(outputs: list[Expr]) -> dict[Expr, Range]:
    """The range of every node below `outputs`."""
    ranges = Ranges()
    return {node: ranges(node) for node in walk(outputs)}

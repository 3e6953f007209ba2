"""What values a node can take: an interval that holds every floating-point result, and whether NaN is among them.

The arithmetic of the ends relies on rounding being monotone: the rounded sum of two ends bounds every rounded sum.
Functions of the C library may err by their declared ULPs, by which their ends are widened.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from graphc.ir.expr import Expr, walk
from graphc.ir.op import Op
from graphc.ir.types import FLOAT32

INF = math.inf


class Range(NamedTuple):
    """An interval with its ends, which may be infinite; `nan` tells whether NaN is possible as well."""

    lo: float = -INF
    hi: float = INF
    nan: bool = True

    @property
    def positive(self) -> bool:
        return self.lo > 0

    @property
    def nonnegative(self) -> bool:
        return self.lo >= 0

    @property
    def negative(self) -> bool:
        return self.hi < 0

    @property
    def nonzero(self) -> bool:
        return self.lo > 0 or self.hi < 0

    @property
    def finite(self) -> bool:
        return self.lo > -INF and self.hi < INF and not self.nan

    def holds(self, value: float) -> bool:
        return self.nan if math.isnan(value) else self.lo <= value <= self.hi


ANYTHING = Range()


def _hull(values: list[float], nan: bool) -> Range:
    if any(math.isnan(value) for value in values):
        return Range(-INF, INF, True)
    return Range(min(values), max(values), nan)


def _add(x: Range, y: Range) -> Range:
    clash = (x.hi == INF and y.lo == -INF) or (x.lo == -INF and y.hi == INF)
    lo = -INF if -INF in (x.lo, y.lo) else x.lo + y.lo
    hi = INF if INF in (x.hi, y.hi) else x.hi + y.hi
    return Range(lo, hi, x.nan or y.nan or clash)


def _negative(x: Range) -> Range:
    return Range(-x.hi, -x.lo, x.nan)


def _multiply(x: Range, y: Range) -> Range:
    def product(a: float, b: float) -> float:
        return 0.0 if a == 0 or b == 0 else a * b

    ends = [product(a, b) for a in (x.lo, x.hi) for b in (y.lo, y.hi)]
    infinite_x, infinite_y = INF in (-x.lo, x.hi), INF in (-y.lo, y.hi)
    clash = (infinite_x and y.lo <= 0 <= y.hi) or (infinite_y and x.lo <= 0 <= x.hi)
    return Range(min(ends), max(ends), x.nan or y.nan or clash)


def _divide(x: Range, y: Range) -> Range:
    if y.lo <= 0 <= y.hi:
        # by a zero of either sign; of one sign when both operands' signs are known, but -0 is not told from 0
        zero = x.lo <= 0 <= x.hi
        return Range(nan=x.nan or y.nan or zero or (INF in (-x.lo, x.hi) and INF in (-y.lo, y.hi)))

    def quotient(a: float, b: float) -> float:
        if math.isinf(b):
            return 0.0
        return (
            a / b
            if math.isinf(a) or abs(b) >= 1 or abs(a) <= abs(b) * 1.7e308
            else math.copysign(INF, a) * math.copysign(1, b)
        )

    ends = [quotient(a, b) for a in (x.lo, x.hi) for b in (y.lo, y.hi)]
    if math.isinf(y.lo) or math.isinf(y.hi):
        ends.append(0.0)
    clash = INF in (-x.lo, x.hi) and INF in (-y.lo, y.hi)
    return Range(min(ends), max(ends), x.nan or y.nan or clash)


def _abs(x: Range) -> Range:
    if x.lo >= 0:
        return x
    if x.hi <= 0:
        return _negative(x)
    return Range(0.0, max(-x.lo, x.hi), x.nan)


def _square(x: Range) -> Range:
    size = _abs(x)
    return Range(size.lo * size.lo, size.hi * size.hi, x.nan)


def _union(*ranges: Range) -> Range:
    return Range(min(r.lo for r in ranges), max(r.hi for r in ranges), any(r.nan for r in ranges))


def _pow(x: Range, y: Range) -> Range:
    if y.lo == y.hi and y.lo == int(y.lo if math.isfinite(y.lo) else 0) and y.lo % 2 == 0:
        return Range(0.0, INF, x.nan)
    if x.nonnegative:
        return Range(0.0, INF, x.nan or y.nan)
    return ANYTHING


_RULES: dict[str, Callable[..., Range]] = {
    "add": _add,
    "subtract": lambda x, y: _add(x, _negative(y)),
    "multiply": _multiply,
    "divide": _divide,
    "negative": _negative,
    "reciprocal": lambda x: _divide(Range(1.0, 1.0, False), x),
    "abs": _abs,
    "square": _square,
    "pow": _pow,
    "where": lambda c, x, y: _union(x, y),
    "maximum": lambda x, y: Range(max(x.lo, y.lo), max(x.hi, y.hi), x.nan or y.nan),
    "minimum": lambda x, y: Range(min(x.lo, y.lo), min(x.hi, y.hi), x.nan or y.nan),
    "clip": lambda x, lo, hi: Range(
        min(max(x.lo, lo.lo), hi.lo), min(max(x.hi, lo.hi), hi.hi), x.nan or lo.nan or hi.nan
    ),
    "softplus": lambda x: Range(0.0, INF, x.nan),
    "hypot": lambda x, y: Range(0.0, INF, x.nan or y.nan),
}

_DOMAINS: dict[str, tuple[float, float]] = {
    "log": (0.0, INF), "log2": (0.0, INF), "log10": (0.0, INF), "log1p": (-1.0, INF), "sqrt": (0.0, INF),
    "rsqrt": (0.0, INF), "asin": (-1.0, 1.0), "acos": (-1.0, 1.0), "acosh": (1.0, INF), "atanh": (-1.0, 1.0),
}  # fmt: skip
"""Where a function of one operand is not NaN, for those that are not defined everywhere."""

_FINITE_ONLY = frozenset(("sin", "cos", "tan"))

_PARTIAL = frozenset(("gamma", "lgamma", "digamma", "polygamma", "mod", "floor_divide", "silu", "gelu"))
"""May be NaN of operands that are not, in ways that are not worth following."""


class Ranges:
    """The ranges of expressions, each computed once."""

    def __init__(self) -> None:
        self._known: dict[Expr, Range] = {}

    def __call__(self, expr: Expr) -> Range:
        known = self._known
        found = known.get(expr)
        if found is not None:
            return found
        pending = [expr]
        while pending:  # as `walk`, but without entering what is known
            node = pending[-1]
            if node in known:
                pending.pop()
                continue
            operands = [known.get(operand) for operand in node.operands]
            if None in operands:
                pending += [operand for operand in node.operands if operand not in known]
                continue
            pending.pop()
            known[node] = _of(node, tuple(operands))  # type: ignore[arg-type]  # none is missing
        return known[expr]


def _of(node: Expr, operands: tuple[Range, ...]) -> Range:
    if node.op.on_arrays and node.dtype.kind == "f":
        return _of_arrays(node, operands)
    if node.op.name == "astype" and node.dtype.kind == "f":
        return _rounded(operands[0], node.dtype)
    if operands and node.dtype.kind == "f":
        found = _of_operation(node.op, operands)
        return _outward(found) if node.dtype == FLOAT32 else found
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


_SAME = frozenset(("max", "min", "sort", "concat", "stack", "flip", "roll", "tile", "repeat", "reshape", "permute_dims",
                   "expand_dims", "squeeze", "broadcast_to", "broadcast_like", "index"))  # fmt: skip
"""Operations on arrays whose results are elements of their float operands; an index that is out of bounds is an error."""

_NEVER_BELOW_ZERO = frozenset(("var", "std", "norm"))


def _of_arrays(node: Expr, operands: tuple[Range, ...]) -> Range:
    """The range of all elements; what is added up may overflow, and infinities of both signs make NaN."""
    name = node.op.name
    floats = [r for r, x in zip(operands, node.operands, strict=True) if x.dtype.kind == "f"]
    if name in _SAME and floats:
        return _union(*(floats[:1] if name in ("index", "broadcast_like") else floats))
    if name == "softmax":
        return Range(0.0, 1.0, True)
    if name == "sum" and floats and floats[0].nonnegative:
        return Range(0.0, INF, floats[0].nan)
    return Range(0.0, INF, True) if name in _NEVER_BELOW_ZERO else ANYTHING


def _whole(dtype: Any) -> Range:
    info = np.iinfo(dtype)
    return Range(float(info.min), float(info.max), False)


@lru_cache(maxsize=4096)
def _of_operation(op: Op, operands: tuple[Range, ...]) -> Range:
    """A large graph asks the same again and again."""
    rule = _RULES.get(op.name)
    return rule(*operands) if rule is not None else _by_facts(op, operands)


def _by_facts(op: Op, operands: tuple[Range, ...]) -> Range:
    facts = op.facts
    lo, hi = facts.range
    nan = any(operand.nan for operand in operands) or op.name in _PARTIAL or op.user_defined
    if len(operands) == 1:
        x = operands[0]
        domain = _DOMAINS.get(op.name)
        if domain is not None:
            nan = nan or x.lo < domain[0] or x.hi > domain[1]
            x = Range(max(x.lo, domain[0]), min(x.hi, domain[1]), x.nan)
        if op.name in _FINITE_ONLY:
            nan = nan or INF in (-x.lo, x.hi)
        if facts.monotone and x.lo <= x.hi:
            ends = [_value(op, end, False) for end in (x.lo, x.hi)]
            if 0 in (x.lo, x.hi):  # either zero may come, and 1/√x tells them apart
                ends.append(_value(op, 0.0, True))
            if not any(math.isnan(end) for end in ends):
                slack = 4 + 2 * int(op.ulps)
                low, high = min(ends), max(ends)
                lo, hi = max(lo, _step(low, -slack)), min(hi, _step(high, slack))
    elif op.name not in ("logaddexp", "atan2"):
        nan = True
    return Range(lo, hi, nan)


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


def all_ranges(outputs: list[Expr]) -> dict[Expr, Range]:
    """The range of every node below `outputs`."""
    ranges = Ranges()
    return {node: ranges(node) for node in walk(outputs)}

"""Formulas at many points at once, in float64: each node once, and how many bits of a result are wrong.

Two formulas that share a node share its values; a formula that differs from another by one operation costs one more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from graphc.ir.expr import Expr, walk
from graphc.ir.op import Op

WORST = 64.0
"""Bits of error of NaN, and of an infinity that should be none."""

MOST = 60_000
"""Columns that are kept; all are forgotten then."""

BRANCH = 0.4
"""What a choice costs beside its two sides, both of which are computed, in nanoseconds."""


def steps_apart(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """How many float64s lie between two, as a float."""
    least = np.iinfo(np.int64).min
    a, b = one.view(np.int64), other.view(np.int64)
    a, b = np.where(a >= 0, a, least - a), np.where(b >= 0, b, least - b)
    return (np.maximum(a, b).view(np.uint64) - np.minimum(a, b).view(np.uint64)).astype(np.float64)


def bits_wrong(computed: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """log₂(1 + the number of floats between), 64 where one of the two is NaN: as `ir.ulp.bits_of_error`, for float64."""
    bits = np.log2(1.0 + steps_apart(computed, exact))
    return np.where(np.isfinite(computed) & np.isfinite(exact), bits, WORST)


def applied(node: Expr, operands: list[Any]) -> Any:
    """What an operation makes of columns; of numbers alone a number."""
    op = node.op
    types = op.types(tuple([operand.dtype for operand in node.operands]))[0]
    arguments = [
        value if value.dtype == dtype else value.astype(dtype)
        for value, dtype in zip(operands, types, strict=True)
    ]
    result = np.asarray(op.reference(*arguments, *node.attrs))
    return result if result.dtype == node.dtype else result.astype(node.dtype)


class Columns:
    """The values of formulas at some points.

    inputs : symbol → its values; count : of the points
    """

    def __init__(self, inputs: Mapping[Expr, np.ndarray], count: int) -> None:
        self.count = count
        self._inputs = dict(inputs)
        self._known: dict[Expr, np.ndarray] = dict(inputs)

    @property
    def inputs(self) -> Mapping[Expr, np.ndarray]:
        """Symbol → its values."""
        return self._inputs

    def __call__(self, expr: Expr) -> np.ndarray:
        """The values of a formula at all points."""
        known = self._known
        found = known.get(expr)
        if found is not None:
            return found
        if len(known) > MOST:
            known.clear()
            known.update(self._inputs)
        stack = [expr]
        with np.errstate(all="ignore"):
            while stack:
                node = stack[-1]
                if node in known:
                    stack.pop()
                    continue
                waiting = [operand for operand in node.operands if operand not in known]
                if waiting:
                    stack += waiting
                    continue
                stack.pop()
                if node.op.is_leaf:
                    known[node] = np.full(self.count, node.value)
                else:
                    value = applied(node, [known[operand] for operand in node.operands])
                    known[node] = np.ascontiguousarray(np.broadcast_to(value, (self.count,)))
        return known[expr]

    def bits(self, expr: Expr, exact: np.ndarray) -> np.ndarray:
        """Bits of error of a formula at each point."""
        return bits_wrong(self(expr), exact)


COSTS = {
    "add": 0.1, "subtract": 0.1, "multiply": 0.1, "square": 0.1, "divide": 0.35, "reciprocal": 0.35, "sqrt": 0.7, "cbrt": 3.4,
    "exp": 1.7, "expm1": 2.4, "exp2": 1.6, "log": 2.5, "log1p": 2.9, "log2": 3.2, "log10": 3.6,
    "sin": 3.0, "cos": 3.0, "tan": 4.0, "asin": 2.3, "acos": 2.3, "atan": 2.8, "atan2": 4.2,
    "sinh": 2.5, "cosh": 2.3, "tanh": 3.3, "asinh": 5.4, "acosh": 5.1, "atanh": 4.6,
    "sigmoid": 3.1, "softplus": 5.0, "log_sigmoid": 5.2, "logaddexp": 5.9, "exprel": 4.7, "xlogy": 2.7, "kl_div": 20.0,
    "erf": 5.0, "erfc": 6.6, "erfcx": 23.0, "ndtr": 6.9, "log_ndtr": 46.0,
    "gamma": 92.0, "lgamma": 15.0, "digamma": 17.0, "beta": 590.0, "betaln": 470.0,
    "pow": 10.0, "hypot": 2.2, "add_error": 0.25, "multiply_error": 0.8, "where": BRANCH,
}  # fmt: skip
"""What operations take beside each other on one thread, as `tests.benchmarks.costs` measures them alone and
`tests.benchmarks.cost_fit` within forms. The compiler's model, which divides work among threads, stands for all others: by it
functions took half as long beside sums and products, and rounding errors three times as long."""

MULTIPLIED = 16
"""Powers by whole numbers up to this, or by as much below 0, are products."""

PRODUCT = 0.38
"""What one of these products takes: they are of twice the digits."""


def cost_of(op: Op, exponent: Expr | None = None) -> float:
    """The estimate for one operation.

    exponent : of a power, where it is a number
    """
    if op.name == "pow" and exponent is not None and exponent.is_constant and not exponent.shape:
        size = float(exponent.value)
        if abs(size) <= MULTIPLIED and size and size.is_integer():
            n = int(abs(size))
            inverse = COSTS["divide"] if size < 0 else 0.0
            return inverse + (COSTS["multiply"] if n == 2 else PRODUCT * (n.bit_length() + n.bit_count() - 2))
    return COSTS.get(op.name, op.nanoseconds)


def cost(*exprs: Expr) -> float:
    """The estimate of the time that formulas take together for one point, in nanoseconds."""
    return sum(
        cost_of(node.op, node.operands[1] if len(node.operands) > 1 else None)
        for node in walk(exprs)
        if node.operands
    )


def nodes_of(expr: Expr) -> int:
    """How many operations a formula has."""
    return sum(1 for node in walk([expr]) if node.operands)


def size_within(expr: Expr, most: int) -> int:
    """How many nodes a formula has, or `most` + 1 where it has more: in a time that is that of the answer."""
    seen, pending = {expr}, [expr]
    while pending and len(seen) <= most:
        for operand in pending.pop().operands:
            if operand not in seen:
                seen.add(operand)
                pending.append(operand)
    return min(len(seen), most + 1)


def within(root: Expr, depth: int) -> set[Expr]:
    """The nodes at most so many operations below one, and it itself."""
    level, found = [root], {root}
    for _ in range(depth):
        level = [operand for node in level for operand in node.operands if operand not in found]
        if not level:
            break
        found.update(level)
    return found


__all__ = [
    "BRANCH",
    "WORST",
    "Columns",
    "applied",
    "bits_wrong",
    "cost",
    "cost_of",
    "nodes_of",
    "size_within",
    "steps_apart",
    "within",
]

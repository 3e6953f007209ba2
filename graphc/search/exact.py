"""What each node of a formula should be at some points, and how many bits its own operation loses there."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from graphc.ir.expr import Expr, walk
from graphc.ir.types import FLOAT64
from graphc.ir.ulp import rounded
from graphc.search.clock import OutOfTime
from graphc.search.columns import applied, bits_wrong
from graphc.search.reals import Reals, Value, precision, reals
from graphc.search.truth import Points

Row = tuple[Value, ...]


def as_floats(row: Row) -> np.ndarray:
    """A row as float64s, NaN where nothing is known; of truths as truths."""
    if any(type(value) is bool for value in row):
        return np.array([bool(value) for value in row])
    return np.array([np.nan if value is None else rounded(value, FLOAT64) for value in row])


class Exact:
    """The values of formulas over the real numbers at some points, each node once.

    stop : asked at each node whether to give up, which is `OutOfTime`
    """

    def __init__(self, points: Points, stop: Callable[[], bool] | None = None) -> None:
        self.points = points
        self._stop = stop
        self.fields: list[Reals] = [reals(precision(int(bits))) for bits in points.bits]
        self._rows: dict[Expr, Row] = {}
        self._floats: dict[Expr, np.ndarray] = {}

    def row(self, expr: Expr) -> Row:
        """The values of a formula."""
        rows = self._rows
        stack = [expr]
        while stack:
            node = stack[-1]
            if node in rows:
                stack.pop()
                continue
            waiting = [operand for operand in node.operands if operand not in rows]
            if waiting:
                stack += waiting
                continue
            stack.pop()
            if self._stop is not None and self._stop():
                raise OutOfTime
            rows[node] = self._of(node)
        return rows[expr]

    def _of(self, node: Expr) -> Row:
        if node.is_symbol:
            column = self.points.columns[node].tolist()
            return tuple([each.number(value) for each, value in zip(self.fields, column, strict=True)])
        if node.is_constant:
            value = node.value.item()
            return tuple([each.number(value) for each in self.fields])
        operands = [self._rows[operand] for operand in node.operands]
        return tuple(
            [each.apply(node.op, values, node) for each, *values in zip(self.fields, *operands, strict=True)]
        )

    def floats(self, expr: Expr) -> np.ndarray:
        """The values of a formula, rounded."""
        known = self._floats.get(expr)
        if known is None:
            known = self._floats[expr] = as_floats(self.row(expr))
        return known

    def losses(self, exprs: Sequence[Expr]) -> dict[Expr, float]:
        """Node → the mean number of bits that its operation loses on operands that are as good as floats can be."""
        lost: dict[Expr, float] = {}
        with np.errstate(all="ignore"):
            for node in walk(exprs):
                if not node.operands or node.dtype != FLOAT64:
                    continue
                exact = self.floats(node)
                known = np.isfinite(exact)
                if not known.any():
                    continue
                operands = [self.floats(operand).astype(operand.dtype) for operand in node.operands]
                computed = np.broadcast_to(applied(node, operands), exact.shape)
                bits = bits_wrong(np.ascontiguousarray(computed, dtype=FLOAT64), exact)
                lost[node] = float(bits[known].sum() / len(exact))
        return lost


__all__ = ["Exact", "Row", "as_floats"]

"""A formula with its series where its variable is small, and itself further out."""

from __future__ import annotations

from graphc.interpret.truncated_series import TruncatedSeries
from graphc.ir.expr import Expr
from graphc.ops.comparison import not_equal, where
from graphc.rewrite.expansions.expansion_reader import SUMS
from graphc.rewrite.forms.series_node import horner, series_node
from graphc.util.records import dataclass


@dataclass(frozen=True)
class Ends:
    """Where a formula is left as it is although a variable is small.

    at_zero : at 0 itself, for the sign of a zero or an infinity
    below_zero : where it is negative, as roots of it are NaN there
    """

    at_zero: bool = False
    below_zero: bool = False


def near_zero(
    series: TruncatedSeries, limit: float, ends: Ends, x: Expr, beyond: Expr, source: bool = False
) -> Expr:
    """The series for |x| < limit, and what it is the series of further out.

    ends : where it is what it is the series of
    source : for what is differentiated, as one operation
    """
    write = series_node if source else horner
    total = write(x, series.valuation, series.step, series.up_to(limit))
    if series.valuation > 0 and beyond.op.name in SUMS and not source:
        total = total + 0.0  # a difference is 0, not −0
    if ends.below_zero:
        near = (x < limit) & (x > 0 if ends.at_zero else x >= 0)
    else:
        near = abs(x) < limit
        near = near & not_equal(x, 0) if ends.at_zero else near
    return where(near, total, beyond)


__all__ = ["Ends", "near_zero"]

"""A formula with its series where its variable is small, and itself further out."""

from __future__ import annotations

from collections.abc import Sequence

from graphc.interpret.truncated_series import TruncatedSeries
from graphc.ir.expr import Expr
from graphc.ops.comparison import not_equal, where
from graphc.rewrite.expansions.expansion_reader import SUMS, VariableOf
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


def exposed(outputs: Sequence[Expr], variables: VariableOf) -> set[Expr]:
    """What does not only stand further out, where there is another form near 0 already."""
    exposed: set[Expr] = set()
    seen: set[tuple[Expr, Expr | None]] = set()
    pending: list[tuple[Expr, Expr | None]] = [(output, None) for output in outputs]
    while pending:
        node, protected = pending.pop()
        if (node, protected) in seen or (node, None) in seen:
            continue
        seen.add((node, protected))
        if protected is None or _size(variables[node], variables) is not protected:
            exposed.add(node)
        apart = _far_branch(node)
        for place, operand in enumerate(node.operands):
            beside = _size(apart[1], variables) if apart is not None and place == apart[0] else protected
            pending.append((operand, beside))
    return exposed


def _size(node: Expr | None, variables: VariableOf) -> Expr | None:
    """What is small together with a node: x for |x| and −x."""
    while (node is not None and variables[node] is not node) or (node is not None and node.op.name == "abs"):
        node = node.operands[0] if node.op.name == "abs" else variables[node]
    return node


def _far_branch(node: Expr) -> tuple[int, Expr] | None:
    """The place of what a branch is further out, and the size that decides, where it asks for |x| < c."""
    if node.op.name != "where":
        return None
    near, place = node.operands[0], 2
    if near.op.name == "logical_not":
        near, place = near.operands[0], 1
    if near.op.name == "logical_and":
        near = near.operands[0]
    if near.op.name != "less" or not near.operands[1].is_constant:
        return None
    size = near.operands[0]
    if size.op.name != "abs" and near is node.operands[0]:
        return None  # x < c & x ≥ 0 asks for small numbers, x < c alone does not
    return place, size.operands[0] if size.op.name == "abs" else size


__all__ = ["Ends", "exposed", "near_zero"]

"""Results that may have failed: a value beside a status, and what each status says.

A node gives its value where the status is 0. Else it is NaN, and whoever looks for the reason finds it there, or an error on
request. It is linear in the value, so that its derivatives fail as it does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.errors import DtypeError, ExpressionError, ShapeError
from graphc.ir.body import Body
from graphc.ir.expr import Expr, apply, constant, symbol
from graphc.ir.op import Attribute, Notation, Op, register_control
from graphc.ir.types import FIRST_KEPT, INT64, Shape, format_shape, is_float
from graphc.ops.closures import required
from graphc.ops.comparison import equal, not_equal, where
from graphc.ops.control_attributes import a_body, a_count, a_flag, fits
from graphc.ops.support.build import call, expanded
from graphc.ops.support.vmap_rules import Batch, Batched
from graphc.ops.unfold import near, unfolds

Operands = tuple[Expr, ...]


def _reasons(name: str, value: Any, operands: Operands) -> tuple[str, ...]:
    if not isinstance(value, tuple) or not value or not all(isinstance(each, str) for each in value):
        raise ExpressionError(f"{name} are texts, and not {value!r:.60}")
    return value


def _shape(
    operands: Operands, body: Body, reasons: tuple[str, ...], strict: bool, linear: bool, result: int
) -> Shape:
    fits(body.inputs, operands)
    x, status = operands
    if status.dtype != INT64 or status.shape != x.shape[: status.ndim]:
        raise ShapeError(
            f"the status {status.dtype}{format_shape(status.shape)} of a value {format_shape(x.shape)}"
        )
    (output,) = body.outputs
    if result or output.shape != x.shape or output.dtype != x.dtype:
        raise DtypeError("what is checked keeps its type")
    return x.shape


def _batch(
    b: Batch,
    operands: Operands,
    batched: Batched,
    body: Body,
    reasons: tuple[str, ...],
    strict: bool,
    linear: bool,
    result: int,
) -> Expr:
    x, status = operands
    if batched[1]:
        x = b.lifted(x, batched[0])
    elif batched[0] and status.shape:
        status = b.lifted(status, False)
    return checked(x, status, reasons, strict, linear)


CHECKED = register_control(
    Op(
        name="checked",
        params=("operands",),
        summary="A value where a status is 0; NaN else, or an error.",
        notation=Notation("checked"),
        types=FIRST_KEPT,
        variadic=True,
        shape=_shape,
        dtype=lambda operands, *_: operands[0].dtype,
        attributes=(
            Attribute("body", a_body, shown=False),
            Attribute("reasons", _reasons, shown=False),
            Attribute("strict", a_flag, False),
            Attribute("linear", a_flag, False),
            Attribute("result", a_count, 0),
        ),
        reference=lambda *all_, **_: None,
        pullbacks=lambda *_: None,
        control=lambda operands, body, *_: Body.evaluate(body, operands),
        batch=_batch,
        category="control",
    )
)


def checked(
    x: Expr, status: Expr, reasons: Sequence[str], strict: bool = False, linear: bool = False
) -> Expr:
    """x where a status is 0; NaN, or an error, else.

    status : an int64, or one for each row of x
    reasons : what the status 1, 2, … says
    linear : whether x is a derivative, of which what is 0 stays so: what does not depend on the value has no part in its failure
    """
    body = _written(x, status, tuple(reasons), strict, linear)
    return apply(CHECKED, x, status, attrs=(body, tuple(reasons), strict, linear, 0))


def _written(x: Expr, status: Expr, reasons: tuple[str, ...], strict: bool, linear: bool) -> Body:
    own = symbol("\2value", x.shape, x.dtype)
    known = symbol("\2status", status.shape, INT64)
    if strict:
        value = own
        for number, reason in enumerate(reasons, 1):
            holds = not_equal(known, number)
            value = required(value, call("all", holds) if holds.shape else holds, reason)
        return Body([own, known], [value])
    if not is_float(x.dtype):
        return Body([own, known], [own])
    fine = equal(known, 0)
    fine = expanded(fine, tuple(range(status.ndim, x.ndim))) if 0 < status.ndim < x.ndim else fine
    keeps = fine | equal(own, 0.0) if linear else fine
    return Body([own, known], [where(keeps, own, constant(np.nan, x.dtype))])


def reason_of(node: Expr, status: Any) -> str:
    """What the first status that is not 0 says; nothing where all are."""
    reasons = node.attrs[1]
    wrong = [int(each) for each in np.ravel(status) if 0 < each <= len(reasons)]
    return reasons[wrong[0] - 1] if wrong else ""


unfolds(CHECKED, lambda body, *_: body)
near(CHECKED, lambda node, operands, values: operands[0] if not np.any(values[1]) else constant(np.nan))

__all__ = ["CHECKED", "checked", "reason_of"]

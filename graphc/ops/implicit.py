"""What equations say: the nodes of solutions, `root`, `fixed_point` and `minimizer`, each with the body of its equation.

A node stands for a loop that finds the solution (`autodiff/solvers.py`); it is differentiated by the implicit function theorem
(`autodiff/implicit.py`) and never through the steps of that loop. Operands are what the search begins with, then what the
equation uses from outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from graphc.errors import ArityError, ExpressionError, ShapeError
from graphc.ir.body import Body
from graphc.ir.expr import Expr, apply
from graphc.ir.op import Attribute, Notation, Op, lookup, register_control
from graphc.ir.types import FIRST_KEPT, INT64, DType, Shape, format_shape, is_float
from graphc.ops.closures import over_batch
from graphc.ops.control_attributes import a_body, a_count, fits
from graphc.ops.linalg import solve, solving
from graphc.ops.support.vmap_rules import Batch, Batched
from graphc.ops.unfold import unfolded_values

Operands = tuple[Expr, ...]


class Method(NamedTuple):
    """How a solution is looked for.

    leaves : how many unknowns there are; tol : how small the last step is, relative to the solution, None for that of the type
    most : so many steps at most; strict : whether it is an error to find none, which else is NaN
    """

    leaves: int
    tol: float | None
    most: int
    strict: bool


def _tol(name: str, value: Any, operands: Operands) -> float | None:
    if value is not None and not (isinstance(value, float) and 0 < value < 1):
        raise ExpressionError(f"{name} is a number between 0 and 1, and not {value!r:.60}")
    return value


def _strict(name: str, value: Any, operands: Operands) -> bool:
    if type(value) is not bool:
        raise ExpressionError(f"{name} is True or False, and not {value!r:.60}")
    return value


STEPS, STATUS, RESIDUAL = range(3)
"""The results behind the unknowns: how many steps were taken, how the search ended, how well the equation holds."""


def _shape(of_minimum: bool) -> Any:
    def rule(
        operands: Operands, body: Body, leaves: int, tol: float | None, most: int, strict: bool, result: int
    ) -> Shape:
        fits(body.inputs, operands)
        if not 0 < leaves <= len(operands) or result > leaves + RESIDUAL:
            raise ArityError(f"an equation of {leaves} unknowns has no result {result}")
        unknowns = body.inputs[:leaves]
        if any(not is_float(x.dtype) or x.dtype != unknowns[0].dtype for x in unknowns):
            raise ExpressionError("the unknowns of an equation are floats of one type")
        if any(0 in x.shape for x in unknowns):
            raise ShapeError("an unknown without elements")
        given = [(x.dtype, x.shape) for x in body.outputs]
        wanted = [(unknowns[0].dtype, ())] if of_minimum else [(x.dtype, x.shape) for x in unknowns]
        if given != wanted:
            shown = [
                ", ".join(f"{dtype}{format_shape(shape) if shape else ''}" for dtype, shape in each)
                for each in (given, wanted)
            ]
            raise ShapeError(f"an equation gives {shown[0]}, and {shown[1]} are wanted")
        return unknowns[result].shape if result < leaves else ()

    return rule


def _dtype(operands: Operands, body: Body, leaves: int, *attrs: Any) -> DType:
    result = attrs[-1]
    return INT64 if result - leaves in (STEPS, STATUS) else body.inputs[0].dtype


def _batch(name: str) -> Any:
    """A loop over the batch: each of its elements is solved on its own, as long as it takes."""

    def rule(b: Batch, operands: Operands, batched: Batched, body: Body, *attrs: Any) -> Expr:
        method, result = Method(*attrs[:-1]), attrs[-1]
        return over_batch(
            b, operands, batched, lambda inputs: solutions(lookup(name), body, inputs, method)[result]
        )

    return rule


def _equation(name: str, summary: str, most: int, of_minimum: bool = False) -> Op:
    op = Op(
        name=name,
        params=("operands",),
        summary=summary,
        notation=Notation(name),
        types=FIRST_KEPT,
        variadic=True,
        shape=_shape(of_minimum),
        dtype=_dtype,
        attributes=(
            Attribute("body", a_body),
            Attribute("leaves", a_count),
            Attribute("tol", _tol, None),
            Attribute("most", a_count, most),
            Attribute("strict", _strict, False),
            Attribute("result", a_count, 0),
        ),
        reference=lambda *all_, **_: None,
        pullbacks=lambda *_: None,
        control=lambda operands, *attrs: unfolded_values(lookup(name), operands, attrs),
        batch=_batch(name),
        category="control",
    )
    return register_control(op)


ROOT = _equation("root", "Where a function is 0.", 100)
FIXED_POINT = _equation("fixed_point", "What a function leaves as it is.", 1000)
MINIMIZER = _equation("minimizer", "Where a function has a minimum.", 200, of_minimum=True)

EQUATIONS = frozenset((ROOT, FIXED_POINT, MINIMIZER))


def solutions(op: Op, body: Body, operands: Sequence[Expr], method: Method) -> list[Expr]:
    """The nodes of the unknowns, then those of how the search went."""
    return [
        apply(op, *operands, attrs=(body, *method, number)) for number in range(method.leaves + RESIDUAL + 1)
    ]


# --- linear equations ------------------------------------------------------------------------------------------------------


def _regular_solve(a: Any, b: Any) -> Any:
    try:
        return solve.op.reference(a, b)  # type: ignore[attr-defined]
    except np.linalg.LinAlgError:
        if a.ndim == 2:
            return np.full(np.broadcast_shapes(b.shape), np.nan, b.dtype)
    wide = b[:, None] if b.ndim == 1 else b
    batches = np.broadcast_shapes(a.shape[:-2], wide.shape[:-2])
    left, right = (np.broadcast_to(x, (*batches, *x.shape[-2:])) for x in (a, wide))
    result = np.stack([_regular_solve(left[place], right[place]) for place in np.ndindex(*batches)])
    result = result.reshape(*batches, *wide.shape[-2:])
    return result[..., 0] if b.ndim == 1 else result


REGULAR_SOLVE = register_control(
    replace(
        solve.op,  # type: ignore[attr-defined]
        name="regular_solve",
        summary="The solution x of a @ x = b; NaN for a singular matrix.",
        reference=_regular_solve,
        numpy=(),
        refuses=False,
        **solving("regular_solve"),
    )
)


def regular_solve(a: Expr, b: Expr) -> Expr:
    """The solution of a system; NaN for a singular matrix."""
    return apply(REGULAR_SOLVE, a, b)


__all__ = [
    "EQUATIONS",
    "FIXED_POINT",
    "MINIMIZER",
    "RESIDUAL",
    "ROOT",
    "STATUS",
    "STEPS",
    "Method",
    "regular_solve",
    "solutions",
]

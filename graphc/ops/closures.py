"""Functions as nodes: `call` runs a body, and may have a derivative of its own; and what is needed beside them.

A call is one node for each result, as loops have it. What it stands for is its body, which takes its place when it is compiled;
until then it is differentiated by its own rule, or as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from graphc.errors import ArityError, ConversionError, DtypeError, ExpressionError, InputError, ShapeError
from graphc.ir.body import Body
from graphc.ir.expr import Expr, apply, constant, symbol
from graphc.ir.op import Attribute, Notation, Op, register_control
from graphc.ir.types import BOOL, FIRST_KEPT, INT64, Shape, TypeRule, format_shape, is_float
from graphc.ops.control import scan_results, wide_body
from graphc.ops.control_attributes import a_body, a_count, fits
from graphc.ops.support.build import summed
from graphc.ops.support.declare import Function, builder
from graphc.ops.support.vmap_rules import Batch, Batched
from graphc.ops.unfold import near, unfolds

Mode = Literal["", "vjp", "jvp", "back", "again"]
"""How a call is differentiated: as its body; by a rule for reverse mode, or for forward mode, which is transposed for the other
one; "back" by a rule for reverse mode, and in forward mode as its body. "again" is what reverse mode makes of a call: its body
computes what the call computed before, and is not to share that."""

MODES = ("", "vjp", "jvp", "back", "again")


# --- what has no derivative ----------------------------------------------------------------------------------------------


def _same(name: str) -> TypeRule:
    def rule(dtypes: tuple[Any, ...]) -> Any:
        return dtypes, dtypes[0]

    return TypeRule(rule)


def _formula(space: Any, x: Any) -> Any:
    if getattr(space, "__name__", "") == "sympy":
        raise ConversionError(
            "stop_gradient has no counterpart in SymPy",
            hint="its value is its operand, and its derivative 0: convert what it stands for",
        )
    return x


STOP_GRADIENT = register_control(
    Op(
        name="stop_gradient",
        params=("x",),
        summary="x, with a derivative of 0.",
        types=_same("stop_gradient"),
        reference=lambda x: x,
        notation=Notation("stop"),
        formula=_formula,
        partials=(None,),
        emit=lambda e, x: x,
        category="control",
    )
)

stop_gradient: Function = builder(STOP_GRADIENT)

HELD = register_control(
    Op(
        name="held",
        params=("x", "until"),
        summary="x, not before another number is known: what is computed of it is not what was computed of x before.",
        types=_same("held"),
        reference=lambda x, until: x + np.zeros_like(until, dtype=x.dtype) if np.ndim(until) else x,
        notation=Notation("held"),
        partials=(lambda out, x, until: 1.0, None),
        emit=lambda e, x, until: x,
        category="control",
    )
)
"""Between a forward pass and what is computed again for the backward pass."""


# --- conditions ------------------------------------------------------------------------------------------------------------


def a_text(name: str, value: Any, operands: tuple[Expr, ...]) -> str:
    """A static argument that is a text."""
    if not isinstance(value, str):
        raise ExpressionError(f"{name} is a text, and not {value!r:.60}")
    return value


def _required_shape(operands: tuple[Expr, ...], message: str, result: int) -> Shape:
    if len(operands) != 2 or operands[1].dtype != BOOL or operands[1].shape:
        raise DtypeError("what is required is one bool")
    return operands[0].shape


def _required_values(operands: Sequence[Any], message: str) -> list[Any]:
    if not operands[1]:
        raise InputError(message)
    return [operands[0]]


REQUIRED = register_control(
    Op(
        name="required",
        params=("operands",),
        summary="A value where a condition holds; an error else.",
        notation=Notation("required"),
        types=FIRST_KEPT,
        variadic=True,
        shape=_required_shape,
        dtype=lambda operands, *_: operands[0].dtype,
        attributes=(Attribute("message", a_text), Attribute("result", a_count)),
        reference=lambda *all_, **_: None,
        control=_required_values,
        category="control",
    )
)


def required(x: Expr, condition: Expr, message: str) -> Expr:
    """x, or an error with a message where a condition does not hold."""
    return apply(REQUIRED, x, condition, attrs=(message, 0))


# --- calls -----------------------------------------------------------------------------------------------------------------


def _mode(name: str, value: Any, operands: tuple[Expr, ...]) -> Mode:
    if value not in MODES:
        raise ExpressionError(f"{name} is one of {', '.join(map(repr, MODES))}, and not {value!r:.60}")
    return value


def _rule(name: str, value: Any, operands: tuple[Expr, ...]) -> Body | None:
    return None if value is None else a_body(name, value, operands)


def floats(xs: Sequence[Expr]) -> list[int]:
    """The places of what is a float."""
    return [place for place, x in enumerate(xs) if is_float(x.dtype)]


def _call_shape(
    operands: tuple[Expr, ...], name: str, body: Body, rule: Body | None, mode: Mode, count: int, result: int
) -> Shape:
    fits(body.inputs, operands)
    if result >= len(body.outputs):
        raise ArityError(f"a function of {len(body.outputs)} results has no result {result}")
    if count > len(operands):
        raise ArityError(f"a function of {len(operands)} arguments with rules for {count}")
    if (rule is not None) != (mode in ("vjp", "jvp", "back")):
        raise ExpressionError(f"a call of mode {mode!r} {'with' if rule is not None else 'without'} a rule")
    if rule is not None:
        _rule_fits(body, rule, mode, count)
    return body.outputs[result].shape


def _rule_fits(body: Body, rule: Body, mode: Mode, count: int) -> None:
    """Raises where a rule takes or gives other things than the function that it is of."""
    own, given = (
        [body.inputs[p] for p in floats(body.inputs[:count])],
        [body.outputs[p] for p in floats(body.outputs)],
    )
    behind, results = (own, given) if mode == "jvp" else (given, own)
    fits(rule.inputs, (*body.inputs, *behind))
    if len(rule.outputs) != len(results):
        raise ArityError(f"a rule gives {len(rule.outputs)} results, and {len(results)} are wanted")
    for place, (output, wanted) in enumerate(zip(rule.outputs, results, strict=True)):
        if output.dtype != wanted.dtype or output.shape != wanted.shape:
            raise ShapeError(
                f"result {place} of a rule is {output.dtype}{format_shape(output.shape)} "
                f"instead of {wanted.dtype}{format_shape(wanted.shape)}"
            )


def _call_batch(
    b: Batch,
    operands: tuple[Expr, ...],
    batched: Batched,
    name: str,
    body: Body,
    rule: Body | None,
    mode: Mode,
    count: int,
    result: int,
) -> Expr:
    wide = wide_body(b, body, batched)
    own = floats(body.inputs[:count])
    if rule is not None and mode != "jvp":
        flags = (*batched, *(True for _ in floats(body.outputs)))
        of_rule = wide_body(b, rule, flags)
        backs = [x if batched[p] else summed(x, 0) for p, x in zip(own, of_rule.outputs, strict=True)]
        rule = Body(of_rule.inputs, backs)
    elif rule is not None:
        rule = wide_body(b, rule, (*batched, *(batched[p] for p in own)))
    return call_results(name, wide, operands, rule, mode, count)[result]


def over_batch(
    b: Batch,
    operands: tuple[Expr, ...],
    batched: Batched,
    each: Callable[[list[Expr]], Expr],
) -> Expr:
    """A loop over a batch for what takes one element at a time: each has its own inputs, and gives a row of the result."""
    inputs = [
        symbol(f"\2each{place}", x.shape[1:] if own else x.shape, x.dtype)
        for place, (x, own) in enumerate(zip(operands, batched, strict=True))
    ]
    rows, same = ([place for place, own in enumerate(batched) if own is wanted] for wanted in (True, False))
    count = symbol("\2count", (), INT64)
    body = Body([count, *(inputs[k] for k in rows), *(inputs[k] for k in same)], [count, each(inputs)])
    start = constant(0, "int64")  # a loop carries something
    return scan_results(body, [start], [operands[k] for k in rows], [operands[k] for k in same], b.size)[1]


CALL = register_control(
    Op(
        name="call",
        params=("operands",),
        summary="A function of expressions, perhaps with a derivative of its own.",
        notation=Notation("call"),
        types=FIRST_KEPT,
        variadic=True,
        shape=_call_shape,
        dtype=lambda operands, name, body, rule, mode, count, result: body.outputs[result].dtype,
        attributes=(
            Attribute("name", a_text),
            Attribute("body", a_body),
            Attribute("rule", _rule),
            Attribute("mode", _mode),
            Attribute("count", a_count),
            Attribute("result", a_count),
        ),
        reference=lambda *all_, **_: None,
        pullbacks=lambda *_: None,
        control=lambda operands, name, body, *_: Body.evaluate(body, operands),
        batch=_call_batch,
        category="control",
    )
)


def call_results(
    name: str,
    body: Body,
    operands: Sequence[Expr],
    rule: Body | None = None,
    mode: Mode = "",
    count: int = 0,
) -> list[Expr]:
    """The nodes of all results of a function of some operands.

    count : for a call with a rule, how many operands that is for: others are what the function uses from outside. For one of
        mode "again", how many wait for the others.
    """
    return [
        apply(CALL, *operands, attrs=(name, body, rule, mode, count, number))
        for number in range(len(body.outputs))
    ]


def _unfolded_call(name: str, body: Body, rule: Body | None, mode: Mode, count: int) -> Body:
    if mode != "again":
        return body
    own = [symbol(f"\2own{place}", x.shape, x.dtype) for place, x in enumerate(body.inputs)]
    signal = next((x for x in own[count:] if not x.shape), None)
    if signal is None:
        signal = summed(own[count])
    kept = [apply(HELD, x, signal) for x in own[:count]]
    return Body(own, body.of([*kept, *own[count:]]))


unfolds(CALL, _unfolded_call)
near(CALL, lambda node, operands, _: node.attrs[1].of(operands)[node.attrs[-1]])

__all__ = [
    "CALL",
    "HELD",
    "REQUIRED",
    "STOP_GRADIENT",
    "Mode",
    "a_text",
    "call_results",
    "floats",
    "over_batch",
    "required",
    "stop_gradient",
]

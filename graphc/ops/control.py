"""Loops and branches as nodes: `scan`, `while_loop` and `switch`, each with bodies of its own.

A node has one value, and a loop several results: there is a node for each, which differ in `result` alone, and whatever computes
them runs the loop once for all. Their derivatives are loops again (`autodiff/control.py`); users write them by the functions
in `frontend/control.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.errors import ArityError, DtypeError, ShapeError
from graphc.ir.body import Body
from graphc.ir.dims import Dim
from graphc.ir.expr import Expr, apply, constant, symbol
from graphc.ir.op import Attribute, Notation, Op, register_control
from graphc.ir.types import FIRST_KEPT, DType, Shape, format_shape
from graphc.ops.comparison import less_equal, where
from graphc.ops.control_attributes import (
    a_body,
    a_count,
    a_flag,
    a_length,
    a_limit,
    carried,
    fits,
    some_bodies,
)
from graphc.ops.support.build import call
from graphc.ops.support.vmap_rules import Batch, Batched, aligned, moved, through

Operands = tuple[Expr, ...]


# --- batches ------------------------------------------------------------------------------------------------------------


def wide_body(b: Batch, body: Body, batched: Batched) -> Body:
    """The body of a batch of loops: of its inputs some have the batch's axis in front, and so have all results.

    Remembered by the body, as every result of a loop asks for it, and within each of them every result of a loop inside.
    """
    if not any(batched):
        return _wide_body(b, body, batched)
    known = body.__dict__.setdefault("_wide", {})
    key = (b.size, batched)
    if key not in known:
        known[key] = _wide_body(b, body, batched)
    return known[key]


def _wide_body(b: Batch, body: Body, batched: Batched) -> Body:
    inputs = [
        symbol(f"\2wide{place}", (b.size, *x.shape) if own else x.shape, x.dtype)
        for place, (x, own) in enumerate(zip(body.inputs, batched, strict=True))
    ]
    carrier = next((x for x, own in zip(inputs, batched, strict=True) if own), b.carrier)
    added = Batch(b.size, carrier)
    own = [symbol(f"\2each{place}", x.shape, x.dtype) for place, x in enumerate(body.inputs)]
    written = body.of([e if is_wide else x for e, x, is_wide in zip(own, inputs, batched, strict=True)])
    wide_of = {e: x for e, x, is_wide in zip(own, inputs, batched, strict=True) if is_wide}
    results = through(written, wide_of, added)
    return Body(inputs, [added.lifted(result, is_wide) for result, is_wide in results])


def _scan_batch(
    b: Batch, operands: Operands, batched: Batched, body: Body, carries: int, rows: int, *rest: Any
) -> Expr:
    length, reverse, result = rest
    carry = [b.lifted(x, own) for x, own in zip(operands[:carries], batched, strict=False)]
    xs = [
        moved(x, 0, 1) if own else x
        for x, own in zip(operands[carries : carries + rows], batched[carries:], strict=False)
    ]
    wide = wide_body(b, body, (*(True for _ in carry), *batched[carries:]))
    results = scan_results(wide, carry, xs, operands[carries + rows :], length, reverse)
    return results[result] if result < carries else moved(results[result], 0, 1)


def _switch_batch(
    b: Batch, operands: Operands, batched: Batched, bodies: tuple[Body, ...], result: int
) -> Expr:
    wide = [wide_body(b, body, batched[1:]) for body in bodies]
    if not batched[0]:
        return switch_results(operands[0], tuple(wide), operands[1:])[result]
    # every element has a branch of its own: all run, and each takes what it asked for
    chosen = [body.of(operands[1:])[result] for body in wide]
    value = chosen[-1]
    index = aligned(operands[0], True, bodies[0].outputs[result].ndim)
    for number in range(len(chosen) - 2, -1, -1):
        value = where(less_equal(index, number), chosen[number], value)
    return value


def _while_batch(
    b: Batch,
    operands: Operands,
    batched: Batched,
    body: Body,
    test: Body,
    carries: int,
    most: int | None,
    result: int,
) -> Expr:
    """One loop that runs while the condition holds for any element; those for which it does not stay as they are."""
    carry = [b.lifted(x, own) for x, own in zip(operands[:carries], batched, strict=False)]
    count = b.lift(constant(0, "int64"))
    flags = (*(True for _ in carry), *batched[carries:])
    wide, asks = wide_body(b, body, flags), wide_body(b, test, flags)
    inputs = wide.inputs
    (running,) = asks.of(inputs)
    steps = symbol("\2steps", count.shape, "int64")
    new = [
        where(aligned(running, True, old.ndim - 1), after, old)
        for old, after in zip(inputs[:carries], wide.outputs, strict=True)
    ]
    counted = where(running, steps + 1, steps)
    taken = (*inputs[:carries], steps, *inputs[carries:])
    results = while_results(
        Body(taken, (*new, counted)),
        Body(taken, [call("any", running)]),
        [*carry, count],
        operands[carries:],
        most,
    )
    return results[carries] if result == carries else results[result]


# --- scan ---------------------------------------------------------------------------------------------------------------


def _scan_shape(
    operands: Operands, body: Body, carries: int, rows: int, length: Dim, reverse: bool, result: int
) -> Shape:
    fits(body.inputs, operands, range(carries, carries + rows))
    if carries > len(body.outputs) or result >= len(body.outputs):
        raise ArityError(
            f"a body of {len(body.outputs)} results has no result {result} beside {carries} carries"
        )
    carried(body, carries)
    for x in operands[carries : carries + rows]:
        if not x.shape or x.shape[0] != length:
            raise ShapeError(f"a loop of length {length} over an array of shape {format_shape(x.shape)}")
    own = body.outputs[result].shape
    return own if result < carries else (length, *own)


def _of_body(operands: Operands, body: Body, *attrs: Any) -> DType:
    return body.outputs[attrs[-1]].dtype


def scan_values(
    operands: Sequence[Any], body: Body, carries: int, rows: int, length: int, reverse: bool
) -> list[Any]:
    """All results of a loop at some values."""
    carry = list(operands[:carries])
    xs, captured = operands[carries : carries + rows], operands[carries + rows :]
    collected: list[list[Any]] = [[] for _ in body.outputs[carries:]]
    for step in range(length - 1, -1, -1) if reverse else range(length):
        results = body.values_at(step, "scan", [*carry, *(x[step] for x in xs), *captured])
        carry = results[:carries]
        for own, value in zip(collected, results[carries:], strict=True):
            own.append(value)
    ys = [
        np.stack(own[::-1] if reverse else own) if own else np.zeros((0, *known_shape(out.shape)), out.dtype)
        for own, out in zip(collected, body.outputs[carries:], strict=True)
    ]
    return [*carry, *ys]


def known_shape(shape: Shape) -> tuple[int, ...]:
    """A shape with 0 for what has a name: of what a loop of no steps gives."""
    return tuple(length if isinstance(length, int) else 0 for length in shape)


SCAN = register_control(
    Op(
        name="scan",
        params=("operands",),
        summary="A loop over the rows of arrays that carries values from step to step.",
        notation=Notation("scan"),
        types=FIRST_KEPT,
        variadic=True,
        shape=_scan_shape,
        dtype=_of_body,
        attributes=(
            Attribute("body", a_body, shown=False),
            Attribute("carries", a_count, shown=False),
            Attribute("rows", a_count, shown=False),
            Attribute("length", a_length),
            Attribute("reverse", a_flag, False),
            Attribute("result", a_count),
        ),
        reference=lambda *all_, **_: None,
        pullbacks=lambda *_: None,
        control=scan_values,
        batch=_scan_batch,
        category="control",
    )
)


def scan_results(
    body: Body,
    carry: Sequence[Expr],
    rows: Sequence[Expr],
    captured: Sequence[Expr],
    length: Dim,
    reverse: bool = False,
) -> list[Expr]:
    """The nodes of all results of a loop: the carries at its end, then what each step gives, stacked."""
    operands = (*carry, *rows, *captured)
    return [
        apply(SCAN, *operands, attrs=(body, len(carry), len(rows), length, reverse, result))
        for result in range(len(body.outputs))
    ]


# --- while_loop -----------------------------------------------------------------------------------------------------------


def _while_shape(
    operands: Operands, body: Body, test: Body, carries: int, most: int | None, result: int
) -> Shape:
    fits(body.inputs, operands)
    fits(test.inputs, operands)
    if len(body.outputs) != carries or result > carries:
        raise ArityError(f"a loop of {carries} carries whose body gives {len(body.outputs)} results")
    carried(body, carries)
    (asked,) = test.outputs
    if asked.dtype.kind != "b" or asked.shape:
        raise DtypeError(
            f"the condition of a loop is one bool, and not {asked.dtype}{format_shape(asked.shape)}"
        )
    return () if result == carries else body.outputs[result].shape


def _while_dtype(
    operands: Operands, body: Body, test: Body, carries: int, most: int | None, result: int
) -> DType:
    return np.dtype(np.int64) if result == carries else body.outputs[result].dtype


def while_values(
    operands: Sequence[Any], body: Body, test: Body, carries: int, most: int | None
) -> list[Any]:
    """The carries at the end of a loop, and how many steps it took."""
    carry, captured = list(operands[:carries]), operands[carries:]
    steps = 0
    while (most is None or steps < most) and test.values_at(steps, "while_loop", [*carry, *captured])[0]:
        carry = body.values_at(steps, "while_loop", [*carry, *captured])
        steps += 1
    return [*carry, np.int64(steps)]


WHILE = register_control(
    Op(
        name="while_loop",
        params=("operands",),
        summary="A loop that runs while a condition on what it carries holds.",
        notation=Notation("while"),
        types=FIRST_KEPT,
        variadic=True,
        shape=_while_shape,
        dtype=_while_dtype,
        attributes=(
            Attribute("body", a_body, shown=False),
            Attribute("test", a_body, shown=False),
            Attribute("carries", a_count, shown=False),
            Attribute("most", a_limit, None),
            Attribute("result", a_count),
        ),
        reference=lambda *all_, **_: None,
        pullbacks=lambda *_: None,
        control=while_values,
        batch=_while_batch,
        category="control",
    )
)


def while_results(
    body: Body, test: Body, carry: Sequence[Expr], captured: Sequence[Expr], most: int | None
) -> list[Expr]:
    """The nodes of the carries at the end, then that of the number of steps."""
    operands = (*carry, *captured)
    attrs = (body, test, len(carry), most)
    return [apply(WHILE, *operands, attrs=(*attrs, result)) for result in range(len(carry) + 1)]


# --- switch ---------------------------------------------------------------------------------------------------------------


def _switch_shape(operands: Operands, bodies: tuple[Body, ...], result: int) -> Shape:
    index, *arguments = operands
    if index.dtype != np.dtype(np.int64) or index.shape:
        raise DtypeError(f"a branch is chosen by one int64, not {index.dtype}{format_shape(index.shape)}")
    first = bodies[0]
    for number, body in enumerate(bodies):
        fits(body.inputs, arguments)
        if len(body.outputs) != len(first.outputs):
            raise ArityError(
                f"branch 0 gives {len(first.outputs)} results and branch {number} {len(body.outputs)}"
            )
        for own, other in zip(first.outputs, body.outputs, strict=True):
            if own.dtype != other.dtype or own.shape != other.shape:
                raise ShapeError(
                    f"branch 0 gives {own.dtype}{format_shape(own.shape)} where branch {number} gives "
                    f"{other.dtype}{format_shape(other.shape)}"
                )
    if result >= len(first.outputs):
        raise ArityError(f"branches of {len(first.outputs)} results have no result {result}")
    return first.outputs[result].shape


def switch_values(operands: Sequence[Any], bodies: tuple[Body, ...]) -> list[Any]:
    """The results of the branch that the first value names; the nearest where there is none of that number."""
    index, *arguments = operands
    return Body.evaluate(bodies[min(max(int(index), 0), len(bodies) - 1)], arguments)


SWITCH = register_control(
    Op(
        name="switch",
        params=("operands",),
        summary="One of several branches, of which that one alone runs.",
        notation=Notation("switch"),
        types=FIRST_KEPT,
        variadic=True,
        shape=_switch_shape,
        dtype=lambda operands, bodies, result: bodies[0].outputs[result].dtype,
        attributes=(Attribute("bodies", some_bodies, shown=False), Attribute("result", a_count)),
        reference=lambda *all_, **_: None,
        pullbacks=lambda *_: None,
        control=switch_values,
        batch=_switch_batch,
        category="control",
    )
)


def switch_results(index: Expr, bodies: tuple[Body, ...], arguments: Sequence[Expr]) -> list[Expr]:
    """The nodes of all results."""
    return [
        apply(SWITCH, index, *arguments, attrs=(bodies, result)) for result in range(len(bodies[0].outputs))
    ]


LOOPS = frozenset((SCAN, WHILE, SWITCH))
"""Operations whose bodies are run as they stand, step by step: what is seen of them is their body."""


__all__ = [
    "LOOPS",
    "SCAN",
    "SWITCH",
    "WHILE",
    "known_shape",
    "scan_results",
    "scan_values",
    "switch_results",
    "switch_values",
    "while_results",
    "while_values",
    "wide_body",
]

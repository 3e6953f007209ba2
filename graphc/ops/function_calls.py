"""Calls that stay calls: `@g.function(inline=False)` as a node whose body is compiled once, however often it is called.

A call is one node for each result, as loops have it, with a closed body. Nothing unfolds it: it is differentiated as a call of
the derivative of its body (`autodiff/function_calls.py`), drawn as a frame, and lowered to a function of the loop IR.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphc.errors import ArityError, GraphcError
from graphc.ir.body import Body
from graphc.ir.expr import Expr, apply, on_line_of, rebuild, walk
from graphc.ir.op import Attribute, Notation, Op, register_control
from graphc.ir.types import FIRST_KEPT, Shape
from graphc.ops.closures import a_text
from graphc.ops.control import LOOPS, SWITCH, wide_body
from graphc.ops.control_attributes import a_body, a_count, fits
from graphc.ops.support.vmap_rules import Batch, Batched
from graphc.ops.unfold import near


def _shape(operands: tuple[Expr, ...], name: str, body: Body, result: int) -> Shape:
    fits(body.inputs, operands)
    if result >= len(body.outputs):
        raise ArityError(f"a function of {len(body.outputs)} results has no result {result}")
    return body.outputs[result].shape


def _values(operands: Sequence[Any], name: str, body: Body) -> list[Any]:
    """All results at some values; what is refused inside names the function and the line there."""
    try:
        return Body.evaluate(body, operands)
    except GraphcError as error:
        error.message += f", in {name}"
        error.site = next((at for node, at in body.written.items() if repr(node) == error.node), error.site)
        raise


def _batch(
    b: Batch, operands: tuple[Expr, ...], batched: Batched, name: str, body: Body, result: int
) -> Expr:
    # calls that are batched alike call one function
    wide = remembered(body, ("batch", b.size, tuple(batched)), lambda: wide_body(b, body, batched))
    return function_results(name, wide, operands)[result]


def remembered(body: Body, key: Any, make: Callable[[], Any]) -> Any:
    """What was made of a body, made once for all calls of it."""
    known = body.__dict__.setdefault("_made_of_it", {})
    if key not in known:
        known[key] = make()
    return known[key]


FUNCTION = register_control(
    Op(
        name="function",
        params=("operands",),
        summary="A function of expressions that is compiled once and called.",
        notation=Notation("function"),
        types=FIRST_KEPT,
        variadic=True,
        shape=_shape,
        dtype=lambda operands, name, body, result: body.outputs[result].dtype,
        attributes=(
            Attribute("name", a_text),
            Attribute("body", a_body, shown=False),
            Attribute("result", a_count),
        ),
        reference=lambda *all_, **_: None,
        pullbacks=lambda *_: None,
        control=_values,
        batch=_batch,
        category="control",
    )
)

near(FUNCTION, lambda node, operands, _: node.attrs[1].of(operands)[node.attrs[-1]])


def function_results(name: str, body: Body, operands: Sequence[Expr]) -> list[Expr]:
    """The nodes of all results of a function of some operands."""
    return [apply(FUNCTION, *operands, attrs=(name, body, result)) for result in range(len(body.outputs))]


def expanded_once(node: Expr, operands: Sequence[Expr]) -> Expr:
    """What an operation or a function stands for, of some operands."""
    if node.op is FUNCTION:
        return node.attrs[1].of(operands)[node.attrs[-1]]
    assert node.op.expand is not None
    return node.op.expand(*operands, *node.attrs)


def written_out(outputs: Sequence[Expr]) -> list[Expr]:
    """The outputs with what functions compute in place of their calls, for languages of formulas."""
    known: dict[Expr, Expr] = {}
    pending = list(outputs)
    while True:  # bodies have calls in their turn
        for node in walk(pending):
            if node in known:
                continue
            operands = tuple([known[operand] for operand in node.operands])
            with on_line_of(node):
                known[node] = rebuild(node, operands) if operands != node.operands else node
                if node.op is FUNCTION:
                    known[node] = expanded_once(node, operands)
        pending = [known[output] for output in pending]
        if all(node.op is not FUNCTION for node in walk(pending)):
            return pending
        known = {}


OPENED = LOOPS | {FUNCTION}
"""Operations whose bodies are run as they stand: a picture shows what is inside."""

STEPLESS = frozenset((SWITCH, FUNCTION))
"""Those of them that run a body once, and have no steps that one could name."""


__all__ = ["FUNCTION", "OPENED", "STEPLESS", "expanded_once", "function_results", "remembered", "written_out"]

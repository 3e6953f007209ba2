"""Derivatives of functions that stay calls: calls of functions again, each made once for a body, and once for all its calls.

What goes back through a call is a function of its arguments and of the adjoints of its results; what its results change by is a
function of the arguments and their directions. Both compute what they need of the function again, and are differentiated in
their turn. They remember what they are derivatives of, so that rewriting writes them from the stable form of that.

Source: Griewank and Walther, Evaluating Derivatives (2008), chapter 12 (joint reversal of calls).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphc.autodiff.control import derivative_rules
from graphc.autodiff.remembered import directional, gradient
from graphc.ir.body import Body, binder
from graphc.ir.expr import Expr
from graphc.ir.types import is_float
from graphc.ops.function_calls import FUNCTION, function_results, remembered


def _back(node: Expr, adjoints: Mapping[int, Expr], wanted: set[int], *_: Any) -> dict[int, Expr]:
    name, body, _ = node.attrs
    slots, numbers = tuple(sorted(wanted)), tuple(sorted(adjoints))
    slots = tuple([slot for slot in slots if is_float(node.operands[slot].dtype)])
    if not slots:
        return {}
    back = remembered(body, ("back", slots, numbers), lambda: _back_body(body, slots, numbers))
    results = function_results(f"{name}.vjp", back, [*node.operands, *(adjoints[k] for k in numbers)])
    return dict(zip(slots, results, strict=True))


def _back_body(body: Body, slots: tuple[int, ...], numbers: tuple[int, ...]) -> Body:
    outputs, inputs = [body.outputs[k] for k in numbers], [body.inputs[slot] for slot in slots]
    # adjoints that are binders already: what is derived keeps its nodes, and with them what it is derived from
    bars = [binder(len(body.inputs) + place, output) for place, output in enumerate(outputs)]
    record = gradient(outputs, bars, inputs)
    return Body([*body.inputs, *bars], [record.adjoint(x) for x in inputs])


def _ahead(node: Expr, known: Mapping[Expr, Expr], _: Any) -> Expr:
    name, body, result = node.attrs
    moving = tuple([slot for slot, x in enumerate(node.operands) if x in known])
    ahead = remembered(body, ("ahead", moving), lambda: _ahead_body(body, moving))
    operands = [*node.operands, *(known[node.operands[slot]] for slot in moving)]
    return function_results(f"{name}.jvp", ahead, operands)[result]


def _ahead_body(body: Body, moving: tuple[int, ...]) -> Body:
    """How all results change; that of one which is no float is 0."""
    inputs = [body.inputs[slot] for slot in moving]
    dots = [binder(len(body.inputs) + place, x) for place, x in enumerate(inputs)]
    changes = directional(body.outputs, dict(zip(inputs, dots, strict=True)))
    return Body([*body.inputs, *dots], changes)


derivative_rules(FUNCTION, _back, _ahead)

__all__: list[str] = []

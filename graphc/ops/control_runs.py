"""One run of a loop or branch: which nodes it makes the values of, and what it is step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.errors import ConversionError
from graphc.ir.body import Body
from graphc.ir.expr import Expr, constant
from graphc.ops.closures import CALL
from graphc.ops.control import SCAN, SWITCH, WHILE, known_shape, scan_results, while_values
from graphc.ops.foreign import FOREIGN
from graphc.ops.function_calls import FUNCTION
from graphc.ops.implicit import EQUATIONS, FIXED_POINT, MINIMIZER, ROOT
from graphc.ops.outcome import CHECKED
from graphc.ops.support.build import call
from graphc.ops.unfold import written_near

# --- unrolled -------------------------------------------------------------------------------------------------------------

MOST_UNROLLED = 2_000
"""Steps of a loop that are written one after the other."""


def unrolled(node: Expr, operands: Sequence[Expr], values: Sequence[Any]) -> Expr:
    """A loop or branch of some operands as what it is where these have values: its steps, the branch that is taken.

    Raises `ConversionError` for a loop of too many steps.
    """
    near = written_near(node, operands, values)
    if near is not None:
        return near
    if node.op is SWITCH:
        bodies, result = node.attrs
        return bodies[min(max(int(values[0]), 0), len(bodies) - 1)].of(operands[1:])[result]
    result = node.attrs[-1]
    if node.op is WHILE:
        body, test, carries, most, _ = node.attrs
        steps = int(while_values(values, body, test, carries, most)[-1])
        if result == carries:
            return constant(steps, "int64")
        _few(node, steps)
        carry = list(operands[:carries])
        for _ in range(steps):
            carry = body.of([*carry, *operands[carries:]])
        return carry[result]
    body, carries, rows, length, reverse, _ = node.attrs
    _few(node, length)
    carry, given = list(operands[:carries]), []
    for step in range(length - 1, -1, -1) if reverse else range(length):
        row = [x[step] for x in operands[carries : carries + rows]]
        results = body.of([*carry, *row, *operands[carries + rows :]])
        carry = results[:carries]
        given.append(results[result])
    if result < carries:
        return carry[result]
    if not given:
        return constant(np.zeros(known_shape(node.shape), node.dtype))
    return call("stack", *(given[::-1] if reverse else given), axis=0)


def _few(node: Expr, steps: Any) -> None:
    if not isinstance(steps, int) or steps > MOST_UNROLLED:
        raise ConversionError(
            f"a loop of {steps} steps is not written step by step", node=repr(node), site=node.site
        )


# --- in a picture -----------------------------------------------------------------------------------------------------------


def control_label(node: Expr) -> str:
    """A loop or branch in a diagram: how long it is, and which of its results a node is where there are several.

    >>> from graphc.ir.expr import symbols
    >>> from graphc.ops.control import switch_results
    >>> x, k = symbols("x"), symbols("k", dtype="int64")
    >>> control_label(switch_results(k, (Body([x], [x]), Body([x], [x * x])), [x])[0])
    'one of 2 branches'
    """
    result = node.attrs[-1]
    if node.op in (CALL, FUNCTION):
        name, body, *_ = node.attrs
        return _which(name, "result", result, len(body.outputs))
    if node.op is FOREIGN:
        return _which(node.attrs[0], "result", result, len(node.attrs[2]))
    if node.op in EQUATIONS:
        leaves = node.attrs[1]
        if result >= leaves:
            return f"{_SOLVED[node.op]}: {('steps', 'status', 'residual')[result - leaves]}"
        return _which(_SOLVED[node.op], "unknown", result, leaves)
    if node.op is CHECKED:
        return f"{'an error' if node.attrs[2] else 'NaN'} where it failed"
    loop = run_label(node)
    if node.op is SWITCH:
        return _which(loop, "result", result, len(node.attrs[0][0].outputs))
    if node.op is WHILE:
        carries = node.attrs[2]
        return f"{loop}: steps" if result == carries else _which(loop, "carry", result, carries)
    body, carries, *_ = node.attrs
    if result < carries:
        return _which(f"{loop}: carry", "", result, carries)
    return _which(f"{loop}: each step", "", result - carries, len(body.outputs) - carries)


def run_label(node: Expr, steps: int | None = None) -> str:
    """A loop or branch, whichever of its results a node is: what it is, and how long; `steps` where it is known."""
    if node.op is FUNCTION:
        return node.attrs[0]
    if node.op is SWITCH:
        return f"one of {len(node.attrs[0])} branches"
    if node.op is WHILE:
        most = node.attrs[3]
        if steps is not None:
            return f"while: {steps} step{'s' if steps != 1 else ''}"
        return "while" if most is None else f"while, at most {most} steps"
    _, _, _, length, reverse, _ = node.attrs
    length = length if steps is None else steps
    return f"scan, {length} step{'s' if length != 1 else ''}{', last first' if reverse else ''}"


_SOLVED = {ROOT: "root", FIXED_POINT: "fixed point", MINIMIZER: "argmin"}


def _which(text: str, what: str, number: int, count: int) -> str:
    """A text with the number of a result, from 1 on, where there are several."""
    if count == 1:
        return text
    return f"{text}: {what} {number + 1}" if what else f"{text} {number + 1}"


# --- runs ----------------------------------------------------------------------------------------------------------------


def loop_key(node: Expr) -> tuple[Any, ...]:
    """What the nodes of one loop or branch have in common."""
    return node.op, node.operands, node.attrs[:-1]


def same_run(node: Expr) -> tuple[Any, ...]:
    """What nodes have in common that one run may make: also loops that carry the same, and give different things at a step."""
    if node.op is not SCAN:
        return loop_key(node)
    body, carries, rows, length, reverse, _ = node.attrs
    return SCAN, node.operands, body.inputs, body.outputs[:carries], carries, rows, length, reverse


def merged(nodes: Sequence[Expr]) -> tuple[dict[int, Expr], dict[Expr, int]]:
    """Nodes of one run as results of one loop: number → the node of that loop, and node → its number."""
    first = nodes[0]
    if first.op is not SCAN or all(loop_key(node) == loop_key(first) for node in nodes):
        return {node.attrs[-1]: node for node in nodes}, {node: node.attrs[-1] for node in nodes}
    body, carries, rows, length, reverse, _ = first.attrs
    given: dict[Expr, int] = {}
    numbers: dict[Expr, int] = {}
    for node in nodes:
        result = node.attrs[-1]
        output = node.attrs[0].outputs[result]
        numbers[node] = result if result < carries else given.setdefault(output, carries + len(given))
    whole = Body(body.inputs, (*body.outputs[:carries], *given))
    operands = first.operands
    results = scan_results(
        whole,
        operands[:carries],
        operands[carries : carries + rows],
        operands[carries + rows :],
        length,
        reverse,
    )
    return {number: results[number] for number in set(numbers.values())}, numbers


__all__ = ["control_label", "loop_key", "merged", "run_label", "same_run", "unrolled"]

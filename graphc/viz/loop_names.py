"""What the arguments of a loop's body are called where people read them: in diagrams and explanations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.errors import InputError, brief
from graphc.ir.body import Body
from graphc.ir.expr import Expr, current_site, substitute, symbol
from graphc.ops.control import SCAN, SWITCH
from graphc.ops.function_calls import FUNCTION


def checked_step(step: Any, at: Any) -> tuple[int, ...]:
    """Steps of loops, outermost first; raises `InputError` for what is no number and no tuple of them."""
    if step is None:
        return ()
    steps = step if isinstance(step, tuple) else (step,)
    if not steps or any(type(each) is not int for each in steps):
        raise InputError(
            f"step is {brief(step)}",
            site=current_site(),
            hint="step=3, or step=(3, 0) for step 0 of a loop within step 3 of another",
        )
    if at is None:
        raise InputError(
            "the values at a step are those at a point", site=current_site(), hint="give at={…} as well"
        )
    return steps


def is_cond(node: Expr) -> bool:
    """Whether a branch has two sides that a bool decides between."""
    if node.op is not SWITCH or len(node.attrs[0]) != 2:
        return False
    index = node.operands[0]
    return index.op.name == "astype" and index.operands[0].dtype.kind == "b"


def binder_names(node: Expr, operands: Sequence[str]) -> list[str]:
    """The names of the arguments of a loop's or branch's bodies, all different.

    operands : the names of its operands, where they have some

    A carry is a carry, a row of X is X[t], and what comes from outside keeps its name.
    """
    if node.op is SWITCH:
        return _different(list(operands[1:]), "in")
    if node.op is FUNCTION:
        return _different(list(operands), "in")
    carries = node.attrs[1] if node.op is SCAN else node.attrs[2]
    rows = node.attrs[2] if node.op is SCAN else 0
    carried = ["carry"] if carries == 1 else [f"carry_{place}" for place in range(1, carries + 1)]
    each = [f"{name or 'x'}[t]" for name in operands[carries : carries + rows]]
    return _different([*carried, *each, *operands[carries + rows :]], "in")


def _different(names: list[str], nameless: str) -> list[str]:
    result: list[str] = []
    for wanted in names:
        name, number = wanted or f"{nameless}_1", 1
        while name in result:
            number += 1
            name = f"{wanted or nameless}_{number}"
        result.append(name)
    return result


def named_body(body: Body, names: Sequence[str]) -> tuple[list[Expr], list[Expr]]:
    """A body's outputs and inputs with names; its graph has the nodes of the body's graph in the same places."""
    own = [symbol(name, x.shape, x.dtype) for name, x in zip(names, body.inputs, strict=True)]
    places = dict(zip(body.inputs, own, strict=True))
    return [substitute(output, places) for output in body.outputs], own


__all__ = ["binder_names", "checked_step", "is_cond", "named_body"]

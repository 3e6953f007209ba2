"""Lists among operands: g.stack([[x, 0], [1, y]]) is a matrix, as NumPy reads nested lists of numbers."""

from __future__ import annotations

from typing import Any

from graphc.errors import ShapeError
from graphc.ir.expr import Expr, as_operands, current_site
from graphc.ir.op import Op
from graphc.ops.support.build import call

_DEEPEST = 32
"""How deep lists may be nested: as many axes as an array of NumPy had for long."""


def of_nested_lists(op: Op, operands: tuple[Any, ...]) -> tuple[Expr, ...]:
    """Operands with an array for each list, as NumPy reads them; all elements agree on one type."""
    leaves: list[Any] = []

    def collect(operand: Any, depth: int) -> None:
        if not isinstance(operand, (list, tuple)):
            leaves.append(operand)
            return
        if depth > _DEEPEST or not operand:
            wrong = (
                "an empty list is no array" if depth <= _DEEPEST else f"lists nested deeper than {_DEEPEST}"
            )
            raise ShapeError(
                f"{op.name}: {wrong}", site=current_site(), hint=f"write g.{op.name}([[x, 0], [1, y]])"
            )
        for element in operand:
            collect(element, depth + 1)

    for operand in operands:
        collect(operand, 1)
    typed = iter(as_operands(op, tuple(leaves)))

    def build(operand: Any) -> Expr:
        if isinstance(operand, (list, tuple)):
            return call("stack", *[build(element) for element in operand], axis=0)
        return next(typed)

    return tuple([build(operand) for operand in operands])

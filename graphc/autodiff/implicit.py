"""Derivatives of solutions, by the implicit function theorem.

Where F(x, θ) = 0 holds along a path, F_x ẋ + F_θ θ̇ = 0. So a direction costs one solution of linear equations with the Jacobian
at the root, and so does what goes back, with its transpose; the steps of the search are not looked at. The rules are written with
the node of the solution itself, and are thereby differentiable again.

Source: Griewank and Walther, Evaluating Derivatives (2008), chapter 15.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphc.autodiff.control import derivative_rules
from graphc.autodiff.equations import Equations, residuals
from graphc.ir.body import Body
from graphc.ir.expr import Expr, symbol
from graphc.ops.implicit import EQUATIONS, Method, regular_solve, solutions
from graphc.ops.support.build import transposed, zeros_like


class _Solution:
    """A node's equation at its solution."""

    def __init__(self, node: Expr) -> None:
        body, *method, self.number = node.attrs
        known = Method(*method)
        self.leaves = known.leaves
        self.system = Equations(node.op, body, self.leaves)
        self.equations = residuals(node.op, body, self.leaves)
        self.unknowns = solutions(node.op, body, node.operands, known)[: self.leaves]
        self.point = [*self.unknowns, *node.operands[self.leaves :]]

    def solved(self, right: Expr, back: bool) -> Expr:
        """The solution of linear equations with the Jacobian, or with its transpose."""
        matrix = self.system.matrix().of(self.point)[0]
        if self.system.scalar:
            return right / matrix
        return regular_solve(transposed(matrix) if back else matrix, right)


def _back(
    node: Expr, adjoints: Mapping[int, Expr], wanted: set[int], reverse: Any, counted: Mapping[int, Expr]
) -> dict[int, Expr]:
    at = _Solution(node)
    slots = [slot for slot in sorted(wanted) if slot >= at.leaves]
    if not slots or not any(number < at.leaves for number in adjoints):
        return {}
    bars = [adjoints.get(number, zeros_like(x)) for number, x in enumerate(at.unknowns)]
    weights = at.system.unpack(-at.solved(at.system.pack(bars), back=True))
    seeds = [symbol(f"\2w{k}", x.shape, x.dtype) for k, x in enumerate(weights)]
    inputs = at.equations.inputs
    record = reverse(at.equations.outputs, seeds, [inputs[slot] for slot in slots])
    body = Body([*inputs, *seeds], [record.adjoint(inputs[slot]) for slot in slots])
    return dict(zip(slots, body.of([*at.point, *weights]), strict=True))


def _ahead(node: Expr, known: Mapping[Expr, Expr], forward: Any) -> Expr:
    at = _Solution(node)
    moving = [slot for slot, x in enumerate(node.operands) if slot >= at.leaves and x in known]
    if not moving or at.number >= at.leaves:
        return zeros_like(node)
    inputs = at.equations.inputs
    dots = [symbol(f"\2t{slot}", inputs[slot].shape, inputs[slot].dtype) for slot in moving]
    changes = forward(at.equations.outputs, {inputs[slot]: x for slot, x in zip(moving, dots, strict=True)})
    body = Body([*inputs, *dots], changes)
    right = body.of([*at.point, *(known[node.operands[slot]] for slot in moving)])
    return at.system.unpack(-at.solved(at.system.pack(right), back=False))[at.number]


for _op in EQUATIONS:
    derivative_rules(_op, _back, _ahead)

__all__: list[str] = []

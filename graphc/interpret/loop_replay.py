"""Loops and branches run again, step by step: the values of every node of a body at a step, for pictures and for searches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphc.errors import InputError
from graphc.interpret.numpy_eval import run_arrays
from graphc.ir.attribute_text import bound
from graphc.ir.body import Body
from graphc.ir.expr import Expr, current_site
from graphc.ops.control import SCAN, SWITCH, WHILE
from graphc.ops.function_calls import FUNCTION, STEPLESS


class LoopReplay:
    """A loop or branch at some values of its operands.

    Steps are counted from 0; a step of a `scan` is named by its row, whichever comes first.

    node : any result of it
    bodies : its bodies with the lengths of the call in place of names: of a `while_loop` the step and the condition, of a
        `switch` the branches
    steps : how many steps it takes; 1 of a branch and of a function
    taken : the number of the branch that runs; 0 of a loop or function
    """

    operands: list[np.ndarray]
    carries: Any
    rows: Any
    steps: Any
    reverse: Any

    def __init__(self, node: Expr, operands: Sequence[Any], lengths: Mapping[str, int]) -> None:
        self.node = node
        self.operands = [np.asarray(value) for value in operands]
        attrs = bound(node.attrs[:-1], lengths)
        self.taken = 0
        self._before: list[list[Any]] | None = None
        if node.op is SWITCH:
            (self.bodies,) = attrs
            self.taken: int = min(max(int(self.operands[0]), 0), len(self.bodies) - 1)
            self.carries, self.rows, self.steps, self.reverse = 0, 0, 1, False
        elif node.op is FUNCTION:
            _, body = attrs
            self.bodies = (body,)
            self.carries, self.rows, self.steps, self.reverse = 0, 0, 1, False
        elif node.op is WHILE:
            body, test, self.carries, self._most = attrs
            self.bodies: tuple[Body, ...] = (body, test)
            self.rows, self.reverse = 0, False
            self.steps = len(self._carries())
        else:
            body, self.carries, self.rows, self.steps, self.reverse = attrs
            self.bodies = (body,)

    @property
    def order(self) -> range:
        """The steps in the order in which they run."""
        return range(self.steps - 1, -1, -1) if self.reverse else range(self.steps)

    def checked(self, step: int) -> int:
        """A step as a number from 0 on; raises `InputError` where the loop has none of that number."""
        number = step + self.steps if step < 0 else step
        if self.node.op in STEPLESS:
            return 0
        if not 0 <= number < self.steps:
            has = f"{self.steps} step{'s' if self.steps != 1 else ''}"
            raise InputError(
                f"this {self.node.op.name} takes {has}, and has no step {step}",
                node=repr(self.node),
                site=self.node.site or current_site(),
                hint=f"a step from 0 to {self.steps - 1}, or -1 for the last" if self.steps else None,
            )
        return number

    def arguments(self, step: int) -> list[Any]:
        """What the body is called with at a step."""
        if self.node.op is SWITCH:
            return self.operands[1:]
        if self.node.op is FUNCTION:
            return self.operands
        first = self.carries + self.rows
        rows = [x[step] for x in self.operands[self.carries : first]]
        place = self.steps - 1 - step if self.reverse else step
        return [*self._carries()[place], *rows, *self.operands[first:]]

    def values(self, step: int, body: int | None = None) -> list[Any]:
        """The value of every node of a body at a step, by its number in the body's graph; of the one that runs by default."""
        chosen = self.bodies[self.taken if body is None else body]
        return run_arrays(chosen.dag, [np.asarray(value) for value in self.arguments(step)])

    def _carries(self) -> list[list[Any]]:
        """The carries before each step, in the order of the steps."""
        if self._before is None:
            carry = list(self.operands[: self.carries])
            captured = self.operands[self.carries + self.rows :]
            before: list[list[Any]] = []
            if self.node.op is SCAN:
                for step in self.order:
                    before.append(carry)
                    rows = [x[step] for x in self.operands[self.carries : self.carries + self.rows]]
                    carry = Body.evaluate(self.bodies[0], [*carry, *rows, *captured])[: self.carries]
            elif self.node.op is WHILE:
                body, test = self.bodies
                while (self._most is None or len(before) < self._most) and Body.evaluate(
                    test, [*carry, *captured]
                )[0]:
                    before.append(carry)
                    carry = Body.evaluate(body, [*carry, *captured])
            self._before = before
        return self._before


__all__ = ["LoopReplay"]

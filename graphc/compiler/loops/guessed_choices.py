"""Choices that a loop waits for: where the next pass begins with them, a processor that guesses is not slower, and mostly faster.

A step of bisection chooses a half by a comparison at the end of a chain of operations. As a selection the next step waits for all
of that chain. As a branch the processor goes on with what it guesses: right it takes the time of the instructions alone, wrong
that of the chain and of beginning anew, which together is about twice the chain. Half of them wrong, both take the same time.
"""

from __future__ import annotations

from graphc.compiler.loops.program import (
    Apply,
    Assign,
    Exit,
    For,
    IndexValue,
    Let,
    Load,
    Ref,
    Scalar,
    While,
)
from graphc.ir import dims

CHAIN = 20
"""Cycles that a comparison is to wait for, at least: about those that a wrong guess loses."""

_CYCLES = {
    "add": 4, "subtract": 4, "multiply": 4, "negative": 1, "abs": 1, "divide": 13, "sqrt": 16, "where": 2, "minimum": 4,
    "maximum": 4, "astype": 4, "less": 3, "less_equal": 3, "greater": 3, "greater_equal": 3, "equal": 3, "not_equal": 3,
    "logical_and": 1, "logical_or": 1, "logical_not": 1,
}  # fmt: skip
"""How long operations take from what they are given to what they give, about."""

_OTHERS = 40


def guessed_choices(loop: For | While) -> frozenset[Scalar]:
    """The choices in a body that are rather branches; none of a body with loops in it."""
    if isinstance(loop, For) and loop.order != "fixed":
        return frozenset()
    if not all(isinstance(each, (Let, Assign, Exit)) for each in loop.body):
        return frozenset()
    if not any(_is_choice(each) for each in loop.body):
        return frozenset()
    body = _Chains(loop)
    return body.choices()


def _is_choice(s: object) -> bool:
    return isinstance(s, (Let, Assign)) and isinstance(s.value, Apply) and s.value.op == "where"


class _Chains:
    """How long what a body computes waits for what the pass before has computed.

    carried : the elements that one pass hands to the next; written : how long those written so far wait; None of what does not
    """

    def __init__(self, loop: For | While) -> None:
        self.loop = loop
        index = loop.index if isinstance(loop, For) else None
        self.carried = {
            (each.buffer, each.index)
            for each in loop.body
            if isinstance(each, Assign) and not any(index in dims.names_of(dim) for dim in each.index)
        }
        self.written: dict[object, int | None] = {}

    def choices(self) -> frozenset[Scalar]:
        found: list[Scalar] = []
        for each in self.loop.body:
            if not isinstance(each, (Let, Assign)):
                continue
            value = each.value
            if isinstance(value, Apply) and value.op == "where" and value.dtype.kind == "f":
                wait = self.wait(value.operands[0])
                if wait is not None and wait >= CHAIN:
                    found.append(value)
            key = each.name if isinstance(each, Let) else (each.buffer, each.index)
            self.written[key] = self.wait(value)
        longest = max((self.written.get(key) or 0 for key in self.carried), default=0)
        return frozenset(found) if longest >= CHAIN else frozenset()

    def wait(self, x: Scalar) -> int | None:
        """Cycles from the pass's begin to a value; None where it waits for nothing of the pass before."""
        match x:
            case Ref(name, _):
                return self.written.get(name)
            case Load(buffer, index, _, ()):
                key = (buffer, index)
                return self.written.get(key, 0 if key in self.carried else None)
            case IndexValue():
                return None
            case Apply(op, operands):
                waits = [wait for each in operands if (wait := self.wait(each)) is not None]
                return max(waits) + _CYCLES.get(op, _OTHERS) if waits else None
        return None


__all__ = ["guessed_choices"]

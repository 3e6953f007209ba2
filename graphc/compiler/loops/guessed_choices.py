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
    Index,
    IndexValue,
    Let,
    Load,
    Ref,
    Scalar,
    Statement,
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


SHORT = 4
"""Passes of a loop within the body that are as good as written out: those over the numbers of a small vector."""


def guessed_choices(loop: For | While) -> frozenset[Scalar]:
    """The choices in a body that are rather branches; none of a body with loops in it but short ones."""
    if isinstance(loop, For) and loop.order != "fixed":
        return frozenset()
    body = _written_out(loop.body)
    if body is None or not any(_is_choice(each) for each in body):
        return frozenset()
    return _Chains(loop, body).choices()


def _written_out(body: tuple[Statement, ...]) -> list[Let | Assign] | None:
    """What a pass computes and stores, one pass of short loops for all of theirs; None where there is more in a body."""
    result: list[Let | Assign] = []
    for each in body:
        if isinstance(each, (Let, Assign)):
            result.append(each)
        elif isinstance(each, For) and isinstance(each.extent, int) and each.extent <= SHORT:
            inner = _written_out(each.body)
            if inner is None:
                return None
            result += inner
        elif not isinstance(each, Exit):
            return None
    return result


def _is_choice(s: object) -> bool:
    return isinstance(s, (Let, Assign)) and isinstance(s.value, Apply) and s.value.op == "where"


class _Chains:
    """How long what a body computes waits for what the pass before has computed.

    body : what a pass computes and stores; vectors : the buffers that short loops write, known as wholes
    carried : the elements that one pass hands to the next; written : how long those written so far wait; None of what does not
    """

    def __init__(self, loop: For | While, body: list[Let | Assign]) -> None:
        self.body = body
        index = loop.index if isinstance(loop, For) else None
        stores = [each for each in body if isinstance(each, Assign)]
        self.vectors = {each.buffer for each in stores if each not in loop.body}
        self.carried = {
            self.place(each.buffer, each.index)
            for each in stores
            if not any(index in dims.names_of(dim) for dim in each.index)
        }
        self.written: dict[object, int | None] = {}

    def place(self, buffer: str, index: Index) -> tuple[str, Index]:
        return (buffer, () if buffer in self.vectors else index)

    def choices(self) -> frozenset[Scalar]:
        found: list[Scalar] = []
        for each in self.body:
            value = each.value
            if isinstance(value, Apply) and value.op == "where" and value.dtype.kind == "f":
                wait = self.wait(value.operands[0])
                if wait is not None and wait >= CHAIN:
                    found.append(value)
            key = each.name if isinstance(each, Let) else self.place(each.buffer, each.index)
            self.written[key] = self.wait(value)
        longest = max((self.written.get(key) or 0 for key in self.carried), default=0)
        return frozenset(found) if longest >= CHAIN else frozenset()

    def wait(self, x: Scalar) -> int | None:
        """Cycles from the pass's begin to a value; None where it waits for nothing of the pass before."""
        match x:
            case Ref(name, _):
                return self.written.get(name)
            case Load(buffer, index, _, ()):
                key = self.place(buffer, index)
                return self.written.get(key, 0 if key in self.carried else None)
            case IndexValue():
                return None
            case Apply(op, operands):
                waits = [wait for each in operands if (wait := self.wait(each)) is not None]
                return max(waits) + _CYCLES.get(op, _OTHERS) if waits else None
        return None


__all__ = ["guessed_choices"]

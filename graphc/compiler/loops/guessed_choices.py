"""What a loop waits for: choices, functions and extremes on the way from one pass to the next.

Where the next pass begins with a choice, a processor that guesses is not slower, and mostly faster.

A step of bisection chooses a half by a comparison at the end of a chain of operations. As a selection the next step waits for all
of that chain. As a branch the processor goes on with what it guesses: right it takes the time of the instructions alone, wrong
that of the chain and of beginning anew, which together is about twice the chain. Half of them wrong, both take the same time.

Within functions the choices are of numbers that hardly come, beyond all that an exponential tells apart or subnormal: as branches
nothing waits for them, where as selections each is a link of the chain. And of several numbers' extreme that which comes last is
compared last, with the extreme of all others, which is there by then.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

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
    scalars_of,
    walk_scalar,
)
from graphc.ir import dims

CHAIN = 16
"""Cycles that a comparison is to wait for, at least: about those that a wrong guess loses."""

_CYCLES = {
    "add": 4, "subtract": 4, "multiply": 4, "multiply_add": 4, "negative": 1, "abs": 1, "divide": 13, "sqrt": 16, "where": 2,
    "minimum": 4, "maximum": 4, "astype": 4, "less": 3, "less_equal": 3, "greater": 3, "greater_equal": 3, "equal": 3,
    "not_equal": 3, "logical_and": 1, "logical_or": 1, "logical_not": 1,
}  # fmt: skip
"""How long operations take from what they are given to what they give, about."""

_OTHERS = 40


SHORT = 4
"""Passes of a loop within the body that are as good as written out: those over the numbers of a small vector."""


LONG = 80
"""Cycles of a chain from which its functions are rather of few links than of few instructions."""

FUNCTION = 15
"""Cycles for which a function keeps a processor busy."""


class Waits(NamedTuple):
    """What a loop waits for in its body.

    choices : those that are rather branches; calls : functions whose choices are
    """

    choices: frozenset[Scalar] = frozenset()
    calls: frozenset[Scalar] = frozenset()


def waits_of(loop: For | While) -> Waits:
    """What a loop waits for; nothing in a body with loops in it but short ones."""
    chains = _chains(loop)
    return Waits() if chains is None else Waits(chains.choices(), chains.calls())


def guessed_choices(loop: For | While) -> frozenset[Scalar]:
    """The choices in a body that are rather branches."""
    return waits_of(loop).choices


def late_last(loop: For | While) -> tuple[Statement, ...]:
    """The body of a loop in which of several numbers' extreme that which comes last is compared last."""
    if not any(_extremes(value) for each in loop.body for value in scalars_of(each)):
        return loop.body
    chains = _chains(loop)
    if chains is None:
        return loop.body
    return tuple(chains.late_last(each) for each in loop.body)


def _extremes(x: Scalar) -> bool:
    """Whether a value has the extreme of three numbers in it."""
    return any(
        isinstance(y, Apply)
        and y.op in EXTREMES
        and any(isinstance(z, Apply) and z.op == y.op for z in y.operands)
        for y in walk_scalar(x)
    )


EXTREMES = frozenset(("maximum", "minimum"))
"""Operations whose results do not depend on the order of their operands, zeros and NaN included."""


def _chains(loop: For | While) -> _Chains | None:
    if isinstance(loop, For) and loop.order != "fixed":
        return None
    body = _written_out(loop.body)
    return None if body is None else _Chains(loop, body)


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
    longest : cycles of the longest chain from one pass to the next
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
        while True:  # until all that is carried is made of what is
            for each in self.body:
                self.written[self.key(each)] = self.wait(each.value)
            rest = {key for key in self.carried if self.written[key] is not None}
            self.longest = max((self.written[key] or 0 for key in rest), default=0)
            if rest == self.carried:
                break
            self.carried, self.written = rest, {}

    def key(self, s: Let | Assign) -> object:
        return s.name if isinstance(s, Let) else self.place(s.buffer, s.index)

    def place(self, buffer: str, index: Index) -> tuple[str, Index]:
        return (buffer, () if buffer in self.vectors else index)

    def choices(self) -> frozenset[Scalar]:
        """Those that a pass waits for, where one hands them to the next."""
        if self.longest < CHAIN:
            return frozenset()
        found: list[Scalar] = []
        self.written = {}
        for each in self.body:
            for value in walk_scalar(each.value):
                if isinstance(value, Apply) and value.op == "where" and value.dtype.kind == "f":
                    wait = self.wait(value.operands[0])
                    if wait is not None and wait >= CHAIN:
                        found.append(value)
            self.written[self.key(each)] = self.wait(each.value)
        return frozenset(found)

    def calls(self) -> frozenset[Scalar]:
        """The functions between what one pass hands to the next, where that takes longer than all that a pass computes."""
        applied = [x for each in self.body for x in walk_scalar(each.value) if isinstance(x, Apply)]
        busy = sum(FUNCTION if x.op not in _CYCLES else 0.5 for x in applied)
        if self.longest < max(LONG, busy):
            return frozenset()
        found: list[Scalar] = []
        needed = set(self.carried)
        for each in reversed(self.body):
            if self.key(each) in needed:
                inner = list(walk_scalar(each.value))
                needed |= {x.name for x in inner if isinstance(x, Ref)}
                needed |= {self.place(x.buffer, x.index) for x in inner if isinstance(x, Load)}
                found += [
                    x
                    for x in inner
                    if isinstance(x, Apply) and x.op not in _CYCLES and self.wait(x) is not None
                ]
        return frozenset(found)

    def late_last(self, s: Statement) -> Statement:
        """A statement with its extremes in the order in which their operands come; those of a body in turn."""
        if isinstance(s, For):  # a short one
            return replace(s, body=tuple([self.late_last(each) for each in s.body]))
        if not isinstance(s, (Let, Assign)):
            return s
        again = replace(s, value=self._ordered(s.value))
        self.written[self.key(s)] = self.wait(again.value)
        return again

    def _ordered(self, x: Scalar) -> Scalar:
        if not isinstance(x, Apply):
            return x
        again = replace(x, operands=tuple([self._ordered(each) for each in x.operands]))
        if x.op not in EXTREMES:
            return again
        parts: list[Scalar] = []
        pending: list[Scalar] = [again]
        while pending:
            each = pending.pop()
            if isinstance(each, Apply) and each.op == x.op and each.dtype == x.dtype:
                pending += reversed(each.operands)
            else:
                parts.append(each)
        if len(parts) < 3:
            return again
        parts.sort(key=lambda each: -1 if (wait := self.wait(each)) is None else wait)
        total = parts[0]
        for part in parts[1:]:
            total = replace(x, operands=(total, part))
        return total

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


__all__ = ["Waits", "guessed_choices", "late_last", "waits_of"]

"""Statements and expressions written anew with something in place of their parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from operator import is_

from graphc.compiler.loops.program import (
    NESTING,
    Apply,
    Assign,
    Combine,
    Exit,
    If,
    Let,
    Load,
    Require,
    Scalar,
    Statement,
)


def with_scalars(s: Statement, change: Callable[[Scalar], Scalar]) -> Statement:
    """A statement with other expressions of its own; what is inside of it stays."""
    match s:
        case Let(_, value) | Assign(_, _, value) | Combine(_, _, value):
            other = change(value)
            return s if other is value else replace(s, value=other)
        case If(condition) | Require(condition) | Exit(condition):
            other = change(condition)
            return s if other is condition else replace(s, condition=other)
    return s


def with_all_scalars(s: Statement, change: Callable[[Scalar], Scalar]) -> Statement:
    """A statement with other expressions, in all that is inside of it too."""
    s = with_scalars(s, change)
    if isinstance(s, NESTING):
        body = tuple([with_all_scalars(each, change) for each in s.body])
        return s if _are_same(body, s.body) else replace(s, body=body)
    return s


def _are_same(one: Sequence[object], other: Sequence[object]) -> bool:
    """Whether nothing was written anew: most of what a pass looks at it leaves, and a record takes long to copy."""
    return len(one) == len(other) and all(map(is_, one, other))


def with_loads(x: Scalar, change: Callable[[Load], Scalar]) -> Scalar:
    """An expression with something else in place of what it reads."""
    if isinstance(x, Load):
        return change(x)
    if isinstance(x, Apply):
        operands = tuple([with_loads(each, change) for each in x.operands])
        return x if _are_same(operands, x.operands) else replace(x, operands=operands)
    return x


__all__ = ["with_all_scalars", "with_loads", "with_scalars"]

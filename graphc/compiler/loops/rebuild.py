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
    For,
    Holds,
    If,
    IndexValue,
    Let,
    Load,
    Private,
    Require,
    Scalar,
    Statement,
)
from graphc.ir.dims import Dim


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


def with_places(x: Scalar, place: Callable[[Dim], Dim]) -> Scalar:
    """An expression with other places in what it reads and counts."""
    match x:
        case IndexValue(dim):
            return IndexValue(place(dim))
        case Holds(conditions):
            return Holds(tuple(map(place, conditions)))
        case Load(_, index, _, guard):
            return replace(x, index=tuple(map(place, index)), guard=tuple(map(place, guard)))
        case Apply(_, operands):
            return replace(x, operands=tuple([with_places(each, place) for each in operands]))
    return x


def at_places(s: Statement, place: Callable[[Dim], Dim]) -> Statement:
    """A statement with other places in what it reads and writes; of loops and conditions, in their bodies too.

    Raises `TypeError` for statements that have more than places: routines, reductions.
    """
    match s:
        case Let(_, value):
            return replace(s, value=with_places(value, place))
        case Assign(_, index, value):
            return replace(s, index=tuple(map(place, index)), value=with_places(value, place))
        case Combine(_, index, value, at):
            at = None if at is None else place(at)
            return replace(s, index=tuple(map(place, index)), value=with_places(value, place), place=at)
        case If(condition, body):
            body = tuple([at_places(each, place) for each in body])
            return replace(s, condition=with_places(condition, place), body=body)
        case For(_, extent, _, body):
            return replace(s, extent=place(extent), body=tuple([at_places(each, place) for each in body]))
        case Private():
            return s
    raise TypeError(f"{type(s).__name__} has more than places")


__all__ = ["at_places", "with_all_scalars", "with_loads", "with_places", "with_scalars"]

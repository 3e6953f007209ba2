"""Sums and products that are the same to the last bit with fewer operations: zeros that gradients begin with, and powers of two.

A slope that is scattered begins as 0 + a, which is a but for a zero's sign; of several such sums one keeps the sign as they all
do. A factor that is a power of two changes no digit, so that it may join another one.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from graphc.compiler.loops.program import Apply, Constant, Program, Scalar
from graphc.compiler.loops.rebuild import with_all_scalars


def exact_sums(program: Program) -> Program:
    """The program with fewer additions of 0 and fewer factors."""
    body = tuple([with_all_scalars(each, simplified) for each in program.body])
    return program if body == program.body else replace(program, body=body)


def simplified(x: Scalar) -> Scalar:
    """An expression of the same value, to the sign of zeros."""
    if not isinstance(x, Apply):
        return x
    operands = tuple(map(simplified, x.operands))
    if any(one is not other for one, other in zip(operands, x.operands, strict=True)):
        x = replace(x, operands=operands)
    if x.dtype.kind != "f" or any(each.dtype != x.dtype for each in x.operands):
        return x
    match x:
        case Apply("add", (one, other)):
            return _sum(x, one, other)
        case Apply("subtract", (one, other)):
            start = _behind_zero(one)
            return (
                x
                if start is None
                else _sum(replace(x, op="add"), _zero(x), _again("subtract", start, other, x))
            )
        case Apply("multiply", (one, other)):
            return _product(x, one, other)
    return x


def _again(op: str, one: Scalar, other: Scalar, like: Apply) -> Scalar:
    return simplified(Apply(op, (one, other), (), like.dtype))


def _zero(like: Apply) -> Constant:
    return Constant(like.dtype.type(0), like.dtype)


def _is_zero(x: Scalar) -> bool:
    return isinstance(x, Constant) and bool(x.value == 0) and not bool(np.signbit(x.value))


def _behind_zero(x: Scalar) -> Scalar | None:
    """a of 0 + a, or of a + 0."""
    match x:
        case Apply("add", (one, other)) if _is_zero(one):
            return other
        case Apply("add", (one, other)) if _is_zero(other):
            return one
    return None


def _sum(x: Apply, one: Scalar, other: Scalar) -> Scalar:
    """One addition of 0 for all of them, outermost: (0 + a) + b is 0 + (a + b), also where both are −0."""
    if _is_zero(one):
        one, other = other, one
    if _is_zero(other):
        return one if _behind_zero(one) is not None or _is_zero(one) else replace(x, operands=(other, one))
    first, second = _behind_zero(one), _behind_zero(other)
    if first is None and second is None:
        return x
    inner = _again("add", one if first is None else first, other if second is None else second, x)
    return inner if _behind_zero(inner) is not None else replace(x, operands=(_zero(x), inner))


def _product(x: Apply, one: Scalar, other: Scalar) -> Scalar:
    """c (2ᵏ a) as (2ᵏ c) a, where |c| ≥ 1 and k ≥ 0: neither of the two overflows where the other one does not."""
    if isinstance(other, Constant) and not isinstance(one, Constant):
        one, other = other, one
    if not isinstance(one, Constant):
        return x
    if bool(one.value == 1):
        return other
    if isinstance(other, Constant):
        with np.errstate(all="ignore"):
            return Constant(x.dtype.type(one.value) * x.dtype.type(other.value), x.dtype)
    match other:
        case Apply("multiply", (Constant(inner), rest)) | Apply("multiply", (rest, Constant(inner))):
            factor = float(one.value) * float(inner)
            if 1 <= abs(one.value) <= 1e6 and 1 <= inner <= 1e6 and math.frexp(inner)[0] == 0.5:
                return replace(x, operands=(Constant(x.dtype.type(factor), x.dtype), rest))
    return replace(x, operands=(one, other))


__all__ = ["exact_sums", "simplified"]

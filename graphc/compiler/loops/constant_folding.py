"""Operations on numbers in the loop IR, computed when the program is written."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np

from graphc.compiler.loops.program import Apply, Constant, Scalar
from graphc.ir.op import lookup


def is_number(x: Scalar, number: float) -> bool:
    """Whether an expression is this number."""
    return isinstance(x, Constant) and bool(x.value == number)


def computed(x: Apply, operands: tuple[Scalar, ...]) -> Scalar:
    """An operation on numbers, as the interpreter computes it."""
    if x.op == "astype":
        value = np.asarray(operands[0].value, operands[0].dtype).astype(x.dtype)  # type: ignore[union-attr]
        return Constant(value[()], x.dtype)
    if x.op not in _EXACT:
        return replace(x, operands=operands)
    rows = [np.asarray([each.value], each.dtype) for each in operands]  # type: ignore[union-attr]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        value = np.asarray(lookup(x.op).reference(*rows, *x.attrs)).astype(x.dtype)[0]
    return Constant(value, x.dtype)


_EXACT = frozenset(
    """add subtract multiply negative equal not_equal less less_equal greater greater_equal logical_and logical_or
    logical_not bitwise_and bitwise_or bitwise_xor where minimum maximum abs""".split()
)
"""Operations that every processor computes to the same bits."""

__all__ = ["computed", "is_number"]

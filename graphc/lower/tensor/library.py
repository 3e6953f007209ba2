"""Operations that are no loops: products, linear algebra, order, scattering. Each is a function of arrays that writes into one.

`prepare(node, attrs, parallel)` gives for a node, with its static arguments bound to the lengths of a call, the function
(out, *operands) that computes it. What has no better way is the operation's reference.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.expr import Expr
from graphc.lower import products
from graphc.lower.nests import Parallel

Compute = Callable[..., None]
"""(out, *operands): computes into `out`, which shares no memory with the operands."""


def prepare(node: Expr, attrs: tuple[Any, ...], parallel: Parallel = "auto") -> Compute:
    """The function that computes a node; `parallel` as for `g.compile`."""
    special = _SPECIAL.get(node.op.name)
    return special(node, attrs, parallel) if special is not None else _reference(node, attrs)


def _reference(node: Expr, attrs: tuple[Any, ...]) -> Compute:
    types = node.op.types(tuple(operand.dtype for operand in node.operands))[0] if node.operands else ()

    def compute(out: np.ndarray, *operands: np.ndarray) -> None:
        with np.errstate(all="ignore"):
            cast = [
                operand if operand.dtype == dtype else operand.astype(dtype)
                for operand, dtype in zip(operands, types, strict=True)
            ]
            out[...] = node.op.reference(*[operand[()] for operand in cast], *attrs)

    return compute


def _matmul(node: Expr, attrs: tuple[Any, ...], parallel: Parallel) -> Compute:
    dtype = node.dtype

    def compute(out: np.ndarray, a: np.ndarray, b: np.ndarray) -> None:
        if a.dtype != dtype:
            a = a.astype(dtype)
        if b.dtype != dtype:
            b = b.astype(dtype)
        products.multiply(out, a, b, parallel)

    return compute


_SPECIAL: dict[str, Callable[[Expr, tuple[Any, ...], Parallel], Compute]] = {
    "matmul": _matmul,
}

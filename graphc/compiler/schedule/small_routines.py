"""Which programs are so small that their calls of libraries cost more than what they compute.

A call of LAPACK or BLAS from Python takes 10 to 50 µs, in which a loop factors a matrix of 16 rows several times over.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphc.compiler.schedule.fusion import LibraryCall, Step
from graphc.ir.expr import Expr

FEW_ROWS = 16
"""Rows of a matrix up to which its routines are loops."""

FEW_ELEMENTS = 4096
"""Elements of what a routine reads or writes."""

ROUTINES = frozenset(
    (
        "solve",
        "regular_solve",
        "inv",
        "det",
        "logabsdet",
        "det_sign",
        "cofactors",
        "cofactors_along",
        "cholesky",
        "solve_triangular",
        "matmul",
        "einsum",
    )
)
"""Operations whose routines have loops for every matrix."""


def are_small(steps: Sequence[Step]) -> bool:
    """Whether there are calls of routines, and all of them are of small matrices of known size."""
    calls = [step.node for step in steps if isinstance(step, LibraryCall)]
    return bool(calls) and all(map(_is_small, calls))


def _is_small(node: Expr) -> bool:
    return node.op.name in ROUTINES and all(map(_few, (node, *node.operands)))


def _few(node: Expr) -> bool:
    size = 1
    for length in node.shape:
        if not isinstance(length, int):
            return False
        size *= length
    rows = node.shape[-2:]
    return size <= FEW_ELEMENTS and all(isinstance(length, int) and length <= FEW_ROWS for length in rows)

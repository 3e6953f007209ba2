"""Matrices of SymPy, of symbols and of entries, as arrays of two axes."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

from graphc.frontend.interop.sympy import sympy
from graphc.frontend.interop.sympy_sums import element
from graphc.frontend.interop.sympy_terms import Plan, element_kind, show, unsupported
from graphc.ir.expr import Expr, constant, symbol
from graphc.ops.arrange import diag
from graphc.ops.create import eye
from graphc.ops.linalg import det, inv
from graphc.ops.reduce import sum as sum_of
from graphc.ops.shape import concat, permute_dims, reshape, stack
from graphc.ops.support.build import call

MOST_FACTORS = 64
"""Of a power of a matrix, which is written out."""


def plan_of_matrix(node: Any, dtype: Any) -> Plan:
    """A matrix, its trace, its determinant or one of its elements."""
    S = sympy()
    name = type(node).__name__
    if isinstance(node, S.MatrixSymbol):
        if not hasattr(node, "name"):  # built from arguments that are no name
            unsupported(node, "its name is no text", 'write MatrixSymbol("X", 2, 3)')
        shape = tuple(_length(node, length) for length in node.shape)
        return (), lambda parts: symbol(node.name, shape, dtype)
    if isinstance(node, element_kind()):
        return node.args, lambda parts: element(parts[0], node.args[1:], parts[1:])
    if isinstance(node, S.MatrixBase):
        rows, columns = node.shape
        if not rows or not columns:
            unsupported(node, "it has no entries", "leave it out")
        return tuple(node), lambda parts: reshape(stack(_of_one_type(parts)), (rows, columns))
    if isinstance(node, S.BlockMatrix):
        rows, columns = node.blocks.shape
        return tuple(node.blocks), lambda parts: concat(
            [concat(parts[k * columns : (k + 1) * columns], axis=1) for k in range(rows)], axis=0
        )
    if name in ("Identity", "ZeroMatrix", "OneMatrix"):
        shape = tuple(_length(node, length) for length in node.shape)
        if name == "Identity":
            return (), lambda parts: eye(shape[0], dtype=dtype)
        number = constant(float(name == "OneMatrix"), dtype)
        return (), lambda parts: call("broadcast_to", number, shape=shape)
    if name in ("MatPow", "Power"):
        return _power(node)
    build = _BUILDS.get(name)
    if build is None:
        unsupported(
            node,
            "there is no operation for it",
            "write it by products, sums, transposes and inverses, or .as_explicit()",
        )
    return node.args, build(node)


def _length(node: Any, length: Any) -> Any:
    """A length as a number or a name."""
    if length.is_Integer:
        return int(length)
    if isinstance(length, sympy().Symbol) and length.name.isidentifier():
        return length.name
    unsupported(node, f"a length is {show(length)}", "lengths are whole numbers and names")


def _of_one_type(parts: list[Expr]) -> list[Expr]:
    return [part if part.dtype.kind == "f" else 1.0 * part for part in parts]


def _power(node: Any) -> Plan:
    base, power = node.args
    if not power.is_Integer or abs(int(power)) > MOST_FACTORS:
        unsupported(node, f"its power is {show(power)}", f"whole powers up to {MOST_FACTORS} are products")
    times = abs(int(power))

    def build(parts: list[Expr]) -> Expr:
        whole = inv(parts[0]) if int(power) < 0 else parts[0]
        return (
            reduce(lambda a, b: a @ b, [whole] * times) if times else eye(whole.shape[0], dtype=whole.dtype)
        )

    return (base,), build


def _product(node: Any) -> Callable[[list[Expr]], Expr]:
    """Numbers times matrices: of these a product of matrices."""

    def build(parts: list[Expr]) -> Expr:
        matrices = [part for part in parts if part.shape]
        numbers = [part for part in parts if not part.shape]
        whole = reduce(lambda a, b: a @ b, matrices)
        return reduce(lambda a, b: a * b, numbers) * whole if numbers else whole

    return build


_BUILDS: dict[str, Callable[[Any], Callable[[list[Expr]], Expr]]] = {
    "MatMul": _product,
    "MatAdd": lambda node: lambda parts: reduce(lambda a, b: a + b, parts),
    "HadamardProduct": lambda node: lambda parts: reduce(lambda a, b: a * b, parts),
    "Transpose": lambda node: lambda parts: permute_dims(parts[0], (1, 0)),
    "Adjoint": lambda node: lambda parts: permute_dims(parts[0], (1, 0)),
    "Inverse": lambda node: lambda parts: inv(parts[0]),
    "Trace": lambda node: lambda parts: sum_of(diag(parts[0])),
    "Determinant": lambda node: lambda parts: det(parts[0]),
    "DiagMatrix": lambda node: lambda parts: diag(reshape(parts[0], (-1,))),
}
"""SymPy's class → what makes the array of its converted arguments."""

__all__ = ["plan_of_matrix"]

"""Operations without code of their own are replaced by their expansion in user syntax, until all that is left has code."""

from __future__ import annotations

from collections.abc import Callable

from graphc.compiler.targets.llvm import libm
from graphc.ir.expr import Expr
from graphc.ir.graph import Dag, transform
from graphc.ir.op import Op


def _has_code(op: Op) -> bool:
    """Whether an operation is emitted as it is: one that could also be expanded relies on graphc's own functions."""
    return op.emit is not None and (op.expand is None or libm.has_fma())


def expand_ops(dag: Dag, has_code: Callable[[Op], bool] = _has_code) -> Dag:
    """The graph with every operation that has no code in the language at hand replaced by its expansion."""
    while any(node.operands and not has_code(node.op) for node in dag.exprs):
        dag = transform(dag, lambda node: node if has_code(node.op) else _expanded(node))
    return dag


def _expanded(node: Expr) -> Expr:
    if node.op.is_leaf:
        return node
    assert node.op.expand is not None  # the registry holds this
    types = node.op.types(tuple(operand.dtype for operand in node.operands))[0]
    operands = [
        operand if operand.dtype == dtype else operand.astype(dtype)
        for operand, dtype in zip(node.operands, types, strict=True)
    ]
    result = node.op.expand(*operands)
    return result if result.dtype == node.dtype else result.astype(node.dtype)

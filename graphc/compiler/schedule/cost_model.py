"""What a kernel costs, estimated: operations, bytes and nanoseconds for each element.

The estimate decides when a loop is worth several threads, and the report shows it. It is rough on purpose: a factor of two
is of no account there.
"""

from __future__ import annotations

from collections.abc import Iterable

from graphc.compiler.lowering.scalar_kernel import Kernel, Recalled
from graphc.ir.expr import Expr

_BYTE = 0.03
"""Nanoseconds for a byte that is read or written, from or to memory outside the caches."""


def bytes_moved(kernel: Kernel) -> int:
    """Bytes read and written for one element, when every operand is an array."""
    return sum(dtype.itemsize for dtype in (*kernel.inputs, *kernel.outputs))


def nanoseconds(kernel: Kernel) -> float:
    """The estimated time for one element on one core."""
    if isinstance(kernel, Recalled):
        return kernel.nanoseconds
    return max(computing(kernel.dag.exprs), _BYTE * bytes_moved(kernel))


def computing(nodes: Iterable[Expr]) -> float:
    """The estimated time that the operations among some nodes take for one element, in nanoseconds."""
    return sum(node.op.nanoseconds for node in nodes if node.operands)

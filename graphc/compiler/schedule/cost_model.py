"""What a kernel costs, estimated: operations, bytes and nanoseconds for each element.

The estimate decides when a loop is worth several threads, and the report shows it. It is rough on purpose: a factor of two
is of no account there.
"""

from __future__ import annotations

from collections.abc import Iterable

from graphc.compiler.lowering.scalar_kernel import Kernel, Recalled
from graphc.ir.expr import Expr

_CHEAP = 0.12
"""Nanoseconds for one element of float64 on one core, in vectors of eight: what a processor does one or two of in a cycle."""

_NANOSECONDS = {
    "divide": 0.4, "reciprocal": 0.4, "floor_divide": 1.0, "mod": 8.0, "sqrt": 0.6, "rsqrt": 0.9, "hypot": 0.7,
    "exp": 0.8, "exp2": 0.7, "expm1": 1.2, "log": 1.1, "log2": 1.3, "log10": 1.4, "log1p": 1.2, "cbrt": 1.4, "pow": 4.8,
    "sin": 2.0, "cos": 2.0, "tan": 3.0, "asin": 2.0, "acos": 2.0, "atan": 2.0, "atan2": 3.0,
    "sinh": 1.2, "cosh": 1.1, "tanh": 1.5, "asinh": 2.5, "acosh": 2.5, "atanh": 2.0,
    "sigmoid": 1.8, "softplus": 2.2, "log_sigmoid": 2.3, "logaddexp": 2.5, "erf": 2.5, "erfc": 5.0,
    "gamma": 40.0, "lgamma": 40.0, "digamma": 40.0, "polygamma": 200.0,
}  # fmt: skip
"""Operations that take longer, measured in cache as all figures here; those of SciPy and the C library are not in vectors."""

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
    return sum(_NANOSECONDS.get(node.op.name, _CHEAP) for node in nodes if node.operands)

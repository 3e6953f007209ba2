"""What a kernel costs, estimated: operations, bytes and nanoseconds for each element.

The estimate decides when a loop is worth several threads, and the report shows it. It is rough on purpose: a factor of two
is of no account there.
"""

from __future__ import annotations

from graphc.lower.kernels import Kernel

_CHEAP = 0.12
"""Nanoseconds for one element of float64 on one core, in vectors of eight: what a processor does one or two of in a cycle."""

_NANOSECONDS = {
    "divide": 0.6, "reciprocal": 0.6, "floor_divide": 1.0, "mod": 8.0, "sqrt": 0.9, "rsqrt": 1.5, "hypot": 2.5,
    "exp": 1.5, "exp2": 1.5, "expm1": 2.5, "log": 2.0, "log2": 2.0, "log10": 2.0, "log1p": 2.5, "cbrt": 3.0, "pow": 8.0,
    "sin": 4.0, "cos": 4.0, "tan": 5.0, "asin": 4.0, "acos": 4.0, "atan": 4.0, "atan2": 5.0,
    "sinh": 3.0, "cosh": 3.0, "tanh": 3.0, "asinh": 4.0, "acosh": 4.0, "atanh": 4.0,
    "sigmoid": 2.5, "softplus": 4.0, "log_sigmoid": 4.0, "logaddexp": 4.0, "erf": 4.0, "erfc": 8.0,
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
    computed = sum(_NANOSECONDS.get(node.op.name, _CHEAP) for node in kernel.dag.exprs if node.operands)
    return max(computed, _BYTE * bytes_moved(kernel))

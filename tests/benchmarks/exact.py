"""The functions of graphc/compiler/targets/llvm/libm as mpmath computes them, and the distance of a float from that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
from mpmath import mp, mpf

from tests.oracle import ulp

DTYPES = {64: np.dtype(np.float64), 32: np.dtype(np.float32)}


def _log1p_exp(x: Any) -> Any:
    """log(1 + eˣ)."""
    with mp.extraprec(20 + int(3 * abs(x)) if abs(x) < 2000 else 0):
        return mpmath.log1p(mpmath.exp(x))


def _padded(f: Callable[..., Any]) -> Callable[..., Any]:
    """f with bits enough for what cancels at tiny operands and between exponentials."""

    def padded(*operands: Any) -> Any:
        extra = sum(3 * min(abs(int(mpmath.mag(x))), 1100) for x in operands if x)
        with mp.extraprec(extra):
            return f(*operands)

    return padded


def _pow(x: Any, y: Any) -> Any:
    if x > 0:
        return mpmath.power(x, y)
    sign = -1 if y == mpmath.floor(y) and mpmath.floor(y / 2) * 2 != y else 1
    return sign * mpmath.power(-x, y) if y == mpmath.floor(y) else mpmath.nan


ORACLES: dict[str, Callable[..., Any]] = {
    "exp": mpmath.exp,
    "exp2": lambda x: mpf(2) ** x,
    "expm1": _padded(mpmath.expm1),
    "log": mpmath.log,
    "log2": _padded(lambda x: mpmath.log(x, 2)),
    "log10": _padded(mpmath.log10),
    "log1p": _padded(mpmath.log1p),
    "sinh": _padded(mpmath.sinh),
    "cosh": mpmath.cosh,
    "tanh": _padded(mpmath.tanh),
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": _log1p_exp,
    "log_sigmoid": lambda x: -_log1p_exp(-x),
    "cbrt": lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)),
    "rsqrt": lambda x: 1 / mpmath.sqrt(x),
    "pow": _pow,
    "hypot": mpmath.hypot,
    "logaddexp": lambda x, y: max(x, y) + _log1p_exp(-abs(x - y)),
    "sin": _padded(mpmath.sin),
    "cos": _padded(mpmath.cos),
    "tan": _padded(mpmath.tan),
    "asin": _padded(mpmath.asin),
    "acos": _padded(mpmath.acos),
    "atan": _padded(mpmath.atan),
    "atan2": mpmath.atan2,
    "asinh": _padded(mpmath.asinh),
    "acosh": _padded(mpmath.acosh),
    "atanh": _padded(mpmath.atanh),
    "erf": _padded(mpmath.erf),
    "erfc": lambda x: mpmath.erfc(
        max(min(x, 100), -100)
    ),  # mpmath refuses huge operands; the rest rounds alike
}
"""name → the function at mpmath's precision, for finite operands inside its domain"""

NUMPY_NAMES = {
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2", "asinh": "arcsinh", "acosh": "arccosh",
    "atanh": "arctanh", "pow": "power",
}  # fmt: skip

OF_OPERANDS = frozenset(["logaddexp"])
"""Functions whose error counts in units of the largest operand where that exceeds the result."""


def error(name: str, computed: Any, operands: tuple[Any, ...], bits: int) -> float | None:
    """The error in ULPs; None where mpmath has no finite real value to compare with.

    Beyond the greatest float infinity stands for the next power of two.
    """
    dtype = DTYPES[bits]
    exact_operands = [mpf(float(x)) for x in operands]
    with mp.workprec(160):
        try:
            truth = ORACLES[name](*exact_operands)
        except (ValueError, ZeroDivisionError, mpmath.libmp.NoConvergence):
            return None
        if isinstance(truth, mpmath.mpc):
            return None
        if not mpmath.isfinite(truth):
            return None
        top = mpf(2) ** (1024 if bits == 64 else 128)
        truth = min(max(truth, -top), top)
        value = min(max(mpf(float(computed)), -top), top)
        scale = max([abs(truth), *map(abs, exact_operands)]) if name in OF_OPERANDS else truth
        return float(abs(value - truth) / ulp(min(abs(scale), top * mpf("0.75")), dtype))

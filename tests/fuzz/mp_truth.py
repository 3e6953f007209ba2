"""The value of a formula over the real numbers by mpmath alone: each operation as mpmath's function of that name, elements of
arrays in NumPy's arrays of objects, at rising precision until the digits stay.

Nothing here is graphc's: neither its intervals nor its references. Unlike intervals, digits that stay are no proof: of
(1 + e^(−10⁹) − 1)·e^(10⁹) nothing is left at any precision within reach. So it is a second opinion beside `measure.truth`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import mpmath
import numpy as np

from graphc.ir.expr import Expr, walk

PRECISIONS = (120, 600, 2400, 9600)
"""Bits: the last but one holds the sum of the largest and the least float64."""

LARGEST = 5000
"""Bits before the point of what a function is asked of: of e^(10^(10^9)) the exponent alone would fill memory."""

SAME = mpmath.mpf(2) ** -80
"""Two values that differ by less, relatively, are one."""


class NotKnown(Exception):
    """An operation that is not written down here."""


def _divided(x: Any, y: Any) -> Any:
    if y == 0:
        return mpmath.nan  # a pole: over the real numbers there is no value
    return x / y


def _real(
    function: Callable[..., Any], low: float | None = None, high: float | None = None, ends: bool = True
):
    """A function where it is defined, NaN elsewhere."""

    def of(x: Any) -> Any:
        outside = (low is not None and (x < low or (x == low and not ends))) or (
            high is not None and (x > high or (x == high and not ends))
        )
        return mpmath.nan if outside else function(x)

    return of


def _power(x: Any, y: Any) -> Any:
    if y == 0:
        return mpmath.mpf(1)
    if x == 0:
        return mpmath.mpf(0) if y > 0 else mpmath.nan
    if x < 0 and y != mpmath.floor(y):
        return mpmath.nan
    if x < 0:
        return mpmath.power(-x, y) * (-1 if int(y) % 2 else 1)
    return mpmath.power(x, y)


def _cbrt(x: Any) -> Any:
    return -mpmath.cbrt(-x) if x < 0 else mpmath.cbrt(x)


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + mpmath.exp(-x))


def _softplus(x: Any) -> Any:
    return mpmath.log1p(mpmath.exp(x)) if x < 0 else x + mpmath.log1p(mpmath.exp(-x))


def _logaddexp(x: Any, y: Any) -> Any:
    return x + _softplus(y - x)


SCALAR: dict[str, Callable[..., Any]] = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "divide": _divided,
    "negative": lambda x: -x,
    "reciprocal": lambda x: _divided(mpmath.mpf(1), x),
    "square": lambda x: x * x,
    "pow": _power,
    "abs": abs,
    "sign": mpmath.sign,
    "floor": mpmath.floor,
    "ceil": mpmath.ceil,
    "trunc": lambda x: mpmath.floor(x) if x >= 0 else mpmath.ceil(x),
    "round": mpmath.nint,
    "exp": mpmath.exp,
    "exp2": lambda x: mpmath.power(2, x),
    "expm1": mpmath.expm1,
    "log": _real(mpmath.log, 0, ends=False),
    "log2": _real(lambda x: mpmath.log(x) / mpmath.log(2), 0, ends=False),
    "log10": _real(mpmath.log10, 0, ends=False),
    "log1p": _real(mpmath.log1p, -1, ends=False),
    "sqrt": _real(mpmath.sqrt, 0),
    "rsqrt": _real(lambda x: 1 / mpmath.sqrt(x), 0, ends=False),
    "cbrt": _cbrt,
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "tan": mpmath.tan,
    "asin": _real(mpmath.asin, -1, 1),
    "acos": _real(mpmath.acos, -1, 1),
    "atan": mpmath.atan,
    "sinh": mpmath.sinh,
    "cosh": mpmath.cosh,
    "tanh": mpmath.tanh,
    "asinh": mpmath.asinh,
    "acosh": _real(mpmath.acosh, 1),
    "atanh": _real(mpmath.atanh, -1, 1, ends=False),
    "atan2": lambda y, x: mpmath.atan2(y, x) if x or y else mpmath.nan,
    "hypot": lambda x, y: mpmath.sqrt(x * x + y * y),
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "log_sigmoid": lambda x: -_softplus(-x),
    "logaddexp": _logaddexp,
    "erf": mpmath.erf,
    "erfc": mpmath.erfc,
    "relu": lambda x: x if x > 0 else mpmath.mpf(0),
    "maximum": lambda x, y: x if x > y else y,
    "minimum": lambda x, y: x if x < y else y,
    "where": lambda p, x, y: x if p else y,
    "less": lambda x, y: x < y,
    "less_equal": lambda x, y: x <= y,
    "greater": lambda x, y: x > y,
    "greater_equal": lambda x, y: x >= y,
    "equal": lambda x, y: x == y,
    "not_equal": lambda x, y: x != y,
    "logical_and": lambda p, q: bool(p and q),
    "logical_or": lambda p, q: bool(p or q),
    "logical_xor": lambda p, q: bool(p) != bool(q),
    "logical_not": lambda p: not p,
    "isnan": mpmath.isnan,
    "isinf": mpmath.isinf,
    "isfinite": mpmath.isfinite,
}


def _axes(node: Expr) -> tuple[int, ...]:
    axis = _attribute(node, "axis")
    ndim = node.operands[0].ndim
    axes = range(ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
    return tuple(a % ndim for a in axes) if ndim else ()


def _attribute(node: Expr, name: str) -> Any:
    return dict(zip([a.name for a in node.op.attributes], node.attrs, strict=True))[name]


def _sum(x: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    return np.asarray(np.add.reduce(x, axes, keepdims=keepdims, initial=mpmath.mpf(0)), dtype=object)


def _size(x: Any, axes: tuple[int, ...]) -> int:
    return int(np.prod([x.shape[a] for a in axes], dtype=int))


def _each(function: Callable[..., Any], *operands: Any) -> Any:
    return np.asarray(np.frompyfunc(function, len(operands), 1)(*operands), dtype=object)


def _exp(x: Any) -> Any:
    if _huge(x):
        raise NotKnown("an exponential of so many digits")
    return mpmath.exp(x)


def _logsumexp(x: Any, axes: tuple[int, ...]) -> Any:
    return _each(mpmath.log, _sum(_each(_exp, x), axes, True))


def _array(node: Expr, operands: list[Any]) -> Any:
    """One operation on whole arrays."""
    name, x = node.op.name, operands[0]
    if name in ("sum", "mean", "max", "min", "var"):
        axes, keep = _axes(node), bool(_attribute(node, "keepdims"))
        if x.dtype == bool:
            x = _each(lambda p: mpmath.mpf(bool(p)), x)
        if name in ("max", "min"):
            return np.asarray(
                (np.maximum if name == "max" else np.minimum).reduce(x, axes, keepdims=keep), dtype=object
            )
        total, n = _sum(x, axes, keep), _size(x, axes)
        if name == "sum":
            return total
        if n == 0:
            raise NotKnown("a mean of nothing")
        if name == "mean":
            return _each(lambda t: t / n, total)
        mean = _each(lambda t: t / n, _sum(x, axes, True))
        return _each(lambda t: t / n, _sum(_each(lambda a, b: (a - b) ** 2, x, mean), axes, keep))
    if name in ("softmax", "log_softmax"):
        logs = _each(lambda a, b: a - b, x, _logsumexp(x, _axes(node)))
        return logs if name == "log_softmax" else _each(_exp, logs)
    if name == "logsumexp":
        found = _logsumexp(x, _axes(node))
        return found if _attribute(node, "keepdims") else np.squeeze(found, _axes(node))
    if name == "matmul":
        return np.asarray(np.matmul(*operands), dtype=object)
    if name == "einsum":
        return np.asarray(
            np.einsum(_attribute(node, node.op.attributes[0].name), *operands, optimize=False), dtype=object
        )
    return _arranged(node, operands)


def _arranged(node: Expr, operands: list[Any]) -> Any:
    """One operation that moves elements."""
    name, x = node.op.name, operands[0]
    shape: Any = tuple(node.shape)  # lengths are numbers here
    if name == "permute_dims":
        return np.transpose(x, node.attrs[0])
    if name in ("reshape", "squeeze", "expand_dims"):
        return np.reshape(x, shape)
    if name in ("broadcast_to", "broadcast_like"):
        return np.broadcast_to(x, shape)
    if name == "flip":
        return np.flip(x, _axes(node))
    raise NotKnown(name)


def values(outputs: list[Expr], at: Mapping[str, Any], bits: int) -> list[Any]:
    """The outputs as arrays of objects at one precision. Raises `NotKnown`."""
    known: dict[Expr, Any] = {}
    with mpmath.workprec(bits):
        for node in walk(outputs):
            if node.is_symbol or node.is_constant:
                given = np.asarray(at[node.name] if node.is_symbol else node.value)
                known[node] = given if given.dtype == bool else _each(lambda v: mpmath.mpf(float(v)), given)
                continue
            operands = [known[operand] for operand in node.operands]
            if node.op.name == "astype":
                known[node] = operands[0] if node.dtype.kind == "f" else _refused(node)
            elif node.op.name in SCALAR:
                known[node] = _each(_careful(SCALAR[node.op.name], node.op.name in CHEAP), *operands)
            else:
                known[node] = _array(node, operands)
    return [known[output] for output in outputs]


def _refused(node: Expr) -> Any:
    raise NotKnown(f"astype to {node.dtype}")


CHEAP = frozenset(
    "add subtract multiply divide negative reciprocal square abs sign relu maximum minimum where sqrt rsqrt cbrt hypot log log2"
    " log10 less less_equal greater greater_equal equal not_equal logical_and logical_or logical_xor logical_not isnan isinf"
    " isfinite".split()
)
"""What takes numbers of any size."""


def _careful(function: Callable[..., Any], cheap: bool) -> Callable[..., Any]:
    """NaN stays, and what mpmath refuses is NaN; a number that is too large is refused."""

    def of(*operands: Any) -> Any:
        if not cheap and any(isinstance(x, mpmath.mpf) and _huge(x) for x in operands):
            raise NotKnown("a function of a number of so many digits")
        if any(isinstance(x, mpmath.mpf) and mpmath.isnan(x) for x in operands) and len(operands) < 3:
            return mpmath.nan
        try:
            return function(*operands)
        except (ZeroDivisionError, ValueError):
            return mpmath.nan

    return of


def _huge(x: Any) -> bool:
    return x != 0 and mpmath.isfinite(x) and mpmath.mag(x) > LARGEST


def truths(
    outputs: list[Expr], at: Mapping[str, Any], precisions: tuple[int, ...] = PRECISIONS
) -> list[Any] | None:
    """Arrays of numbers whose digits stay, None where they do not; None for a formula of operations not known here."""
    before: list[Any] | None = None
    for bits in precisions:
        try:
            after = values(outputs, at, bits)
        except (
            NotKnown,
            KeyError,
            MemoryError,
            OverflowError,
        ):  # numbers of more digits than there is room for
            return None
        if before is not None:
            with mpmath.workprec(bits):
                last = bits == precisions[-1]
                checked = [_each(_settled, one, two, last) for one, two in zip(before, after, strict=True)]
            if last or all(v is not None for array in checked for v in array.ravel()):
                return checked
        before = after
    return None


def _settled(one: Any, two: Any, last: bool) -> Any:
    """The number that two precisions agree on; a 0 at the last ones alone, as it may be what is left of a cancellation."""
    if isinstance(two, (bool, np.bool_)):
        return two if one == two else None
    if mpmath.isnan(two) or mpmath.isnan(one):
        return mpmath.nan if mpmath.isnan(two) and mpmath.isnan(one) else None
    return two if (one == two and (last or two != 0)) or abs(one - two) <= SAME * abs(two) != 0 else None

"""Formulas of mixed types by NumPy alone: as written, and with all that is real in extended precision.

Nothing here asks graphc for a type or a value: each operation is called as a user of NumPy would, on what the operands gave. The
one convention of graphc's that is repeated is that it has no half precision: what NumPy answers in float16 is float32.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy import special

from graphc.ir.expr import Expr, walk

LONG = np.longdouble
HALF = np.dtype(np.float16)


def _saturated(x: Any, name: str) -> Any:
    """A cast; from floats to integers saturating, which NumPy leaves undefined."""
    target = np.dtype(name)
    if x.dtype.kind == "f" and target.kind in "iu":
        ends = np.iinfo(target)
        whole = [
            0 if v != v else ends.max if v == np.inf else ends.min if v == -np.inf
            else min(max(int(v), ends.min), ends.max)
            for v in x.ravel()
        ]  # fmt: skip
        return np.array(whole, dtype=target).reshape(x.shape)
    return x.astype(target)


def _power(x: Any, y: Any) -> Any:
    """Of integers by repeated multiplication; a negative exponent gives the reciprocal rounded towards 0."""
    common = np.result_type(x, y)
    if common.kind == "f":
        return np.power(x, y)
    x, y = np.broadcast_arrays(x.astype(common), y.astype(common))
    bits = 8 * common.itemsize
    low = -(1 << (bits - 1)) if common.kind == "i" else 0
    out = []
    for base, exponent in zip(x.ravel().tolist(), y.ravel().tolist(), strict=True):
        if exponent < 0:
            out.append(1 if base == 1 else (1 if exponent % 2 == 0 else -1) if base == -1 else 0)
        else:
            out.append((pow(base, exponent, 1 << bits) - low) % (1 << bits) + low)
    return np.array(out, dtype=common).reshape(x.shape)


def _logistic(x: Any) -> Any:
    return np.where(x >= 0, 1 / (1 + np.exp(-np.abs(x))), np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x))))


def _softplus(x: Any) -> Any:
    return np.logaddexp(x, x.dtype.type(0))


def _signed_zero(choose: Callable[..., Any], sign: Callable[..., Any]) -> Callable[..., Any]:
    def function(x: Any, y: Any) -> Any:
        chosen = choose(x, y)
        if chosen.dtype.kind != "f":
            return chosen
        zeros = (x == 0) & (y == 0)
        negative = sign(np.signbit(x.astype(chosen.dtype)), np.signbit(y.astype(chosen.dtype)))
        return np.where(zeros, np.where(negative, chosen.dtype.type(-0.0), chosen.dtype.type(0.0)), chosen)

    return function


def _clip(x: Any, low: Any, high: Any) -> Any:
    """np.clip, whose three operands have one type."""
    return _smaller(_larger(x, low), high)


_larger, _smaller = _signed_zero(np.maximum, np.logical_and), _signed_zero(np.minimum, np.logical_or)


def _floats(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of floats, its operands brought to the float type that numpy.exp would compute them in."""

    def wrapped(*operands: Any) -> Any:
        common = np.result_type(*operands)
        if common.kind != "f":
            common = np.exp(np.zeros((), dtype=common)).dtype
        common = np.dtype(np.float32) if common == HALF else common
        return function(*[operand.astype(common) for operand in operands]).astype(common)

    return wrapped


def _by_double(function: Callable[..., Any]) -> Callable[..., Any]:
    """SciPy has no extended precision."""
    return lambda *operands: function(*[np.asarray(o, dtype=np.float64) for o in operands])


FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: getattr(np, name) for name in (
        "add subtract multiply divide floor_divide negative abs sign square less less_equal greater greater_equal equal not_equal"
        " logical_and logical_or logical_xor logical_not floor ceil trunc where exp exp2 expm1 log log2 log10 log1p sqrt sin"
        " cos tan sinh cosh tanh hypot logaddexp isnan isinf isfinite"
    ).split()},
    "mod": np.remainder, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "asinh": np.arcsinh, "acosh": np.arccosh,
    "atanh": np.arctanh, "atan2": np.arctan2, "cbrt": np.cbrt, "pow": _power, "maximum": _larger, "minimum": _smaller,
    "clip": lambda *operands: _clip(*[o.astype(np.result_type(*operands)) for o in operands]),
    "round": _floats(np.rint),
    "reciprocal": _floats(lambda x: x.dtype.type(1) / x), "rsqrt": _floats(lambda x: 1 / np.sqrt(x)),
    "sigmoid": _floats(_logistic), "softplus": _floats(_softplus), "log_sigmoid": _floats(lambda x: -_softplus(-x)),
    "erf": _floats(_by_double(special.erf)), "erfc": _floats(_by_double(special.erfc)),
    "relu": lambda x: _larger(x, x.dtype.type(0)),
    "leaky_relu": _floats(lambda x, a: np.where(x > 0, x, a * x)),
    "elu": _floats(lambda x, a: np.where(x > 0, x, a * np.expm1(np.minimum(x, 0)))),
    "silu": _floats(lambda x: x * _logistic(x)), "softsign": _floats(lambda x: x / (1 + np.abs(x))),
    "hard_tanh": _floats(lambda x: np.minimum(np.maximum(x, -1), 1)), "astype": _saturated,
}  # fmt: skip
"""Operation → what NumPy has under that name, or says of it."""


EXACT = frozenset(
    "negative abs sign where floor ceil trunc round maximum minimum relu astype clip hard_tanh square".split()
)
"""Operations whose results are not rounded, or as good as not."""


def evaluate(
    outputs: list[Expr], at: Mapping[str, Any], wide: bool = False, shaken: np.random.Generator | None = None
) -> list[Any]:
    """The outputs at a point.

    wide : whether floats are computed in extended precision; integers and booleans stay what they are, and wrap around
    shaken : draws errors of a unit in the last place, one more for each value that is rounded
    """
    values: dict[Expr, Any] = {}
    with np.errstate(all="ignore"):
        for node in walk(outputs):
            value = _value(node, at, [values[operand] for operand in node.operands], wide)
            if shaken is not None and value.dtype.kind == "f" and node.operands and node.op.name not in EXACT:
                unit = np.finfo(value.dtype).eps * shaken.choice((-1, 1), value.shape)
                value = (value * (1 + unit)).astype(value.dtype)
            values[node] = value
    return [values[output] for output in outputs]


def _value(node: Expr, at: Mapping[str, Any], operands: list[Any], wide: bool) -> Any:
    if node.is_symbol or node.is_constant:
        value = np.asarray(at[node.name] if node.is_symbol else node.value)
        return value.astype(LONG) if wide and value.dtype.kind == "f" else value
    if node.op.name == "astype" and wide and node.dtype.kind == "f":
        return operands[0].astype(LONG)
    if wide and node.dtype.kind == "f":
        chooses = node.op.name == "where"
        operands = [x if chooses and not place else x.astype(LONG) for place, x in enumerate(operands)]
    function = FUNCTIONS.get(node.op.name) if node.op.shape is None else None
    try:
        value = np.asarray((function or node.op.reference)(*operands, *node.attrs))
    except (
        TypeError,
        OverflowError,
        ValueError,
    ):  # a function of SciPy's that knows no extended precision, or no bytes
        operands = [x.astype(np.float64) if x.dtype == LONG or x.dtype.kind in "biu" else x for x in operands]
        value = np.asarray(node.op.reference(*operands, *node.attrs))
    if value.dtype == HALF:  # the operands are small integers: again, as float32
        value = np.asarray(function(*[x.astype(np.float32) for x in operands], *node.attrs))  # type: ignore[misc]
    if wide and value.dtype.kind == "f":
        value = value.astype(LONG)
    elif node.op.category == "special":  # SciPy's functions of small integers answer in float64
        value = value.astype(node.dtype)
    return value

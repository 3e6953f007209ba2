"""Numbers as the bits of constants; what cannot be a number is refused, with what to write instead."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from graphc.errors import DtypeError, ExpressionError, brief
from graphc.ir.expr.node import current_site
from graphc.ir.operators import LABELLED
from graphc.ir.types import DType, Shape, as_dtype
from graphc.util.arguments import MASKED, filled, is_masked

PLAIN = frozenset((bool, int, float))
"""The types of Python's own numbers, subclasses aside."""


def is_weak(value: Any) -> bool:
    """Whether a value is a number of Python's own, whose type gives way to that of the operands beside it."""
    return isinstance(value, (bool, int, float)) and not isinstance(value, np.generic)


_literals: dict[tuple[Any, ...], bytes] = {}
"""What has been asked for first; few, as they stay in the process."""

_KEPT = 256


def scalar_bits(value: bool | int | float, dtype: DType) -> bytes:
    """A number's bits in a type. Raises `DtypeError` for an integer that the type cannot hold."""
    # the value's own type is in the key because 1 == True == 1.0; text because -0.0 == 0.0 and nan != nan
    key = (type(value), value if value == value and value != 0 else repr(value), dtype)
    bits = _literals.get(key)
    if bits is None:
        try:
            with np.errstate(over="ignore"):
                bits = np.array(value, dtype=dtype).tobytes()
        except OverflowError as error:
            raise DtypeError(
                f"the integer {short(value)} does not fit {dtype}",
                site=current_site(),
                hint="write it as a float, or choose a wider dtype",
            ) from error
        if len(_literals) < _KEPT:
            _literals[key] = bits
    return bits


def array_bits(value: Any, dtype: Any) -> tuple[bytes, DType, Shape]:
    """Bits, type and shape of a NumPy array or scalar, in its own type where `dtype` is None; float16 becomes float32.

    Raises `ExpressionError` for what is neither, and for complex numbers, texts and objects.
    """
    if not isinstance(value, (np.ndarray, np.generic)):
        refuse_operand(value)
    if is_masked(value):
        raise ExpressionError(
            f"{MASKED}, cannot be part of an expression: {short(value)}", site=current_site(), hint=filled()
        )
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        refuse_operand(value)
    own = array.dtype if dtype is None else as_dtype(dtype)
    if own.name == "float16":
        own = np.dtype(np.float32)
    target = as_dtype(own)
    return np.ascontiguousarray(array, dtype=target).tobytes(), target, np.shape(value)


def listed(value: list[Any] | tuple[Any, ...]) -> np.ndarray:
    """The array of nested lists of numbers, in the type that NumPy gives it; without numbers, of float64.

    Raises `ExpressionError` for lists of unequal lengths, for expressions in them, and for what is no number.
    """
    if any(map(is_masked, value)):
        array_bits(next(filter(is_masked, value)), None)
    try:
        array = np.array(value)
    except (
        ValueError,
        TypeError,
        OverflowError,
        RecursionError,
    ):  # ragged, or full of what NumPy cannot hold
        array = None
    if array is None or array.dtype.kind not in "biuf":
        raise ExpressionError(
            f"these lists are no array of numbers: {short(value)}",
            site=current_site(),
            hint="their lengths are equal and all elements are numbers; g.stack([...]) builds an array of expressions",
        )
    return array


def short(value: Any) -> str:
    """A value as it is named in an error message."""
    if isinstance(value, int) and value.bit_length() > 200:
        return f"of {value.bit_length()} bits"
    text = brief(value, 61)
    return text if len(text) <= 60 else text[:57] + "…"


def refuse_operand(value: Any) -> NoReturn:
    """Raise `ExpressionError` for a value that is no expression and no number."""
    kind, shown = type(value).__name__, short(value)
    hint = "operands are expressions, Python numbers, and NumPy arrays of numbers"
    dtype = getattr(value, "dtype", None)
    if isinstance(value, str):
        hint = f'g.parse({short(value)}) reads a formula from text, g.symbol("name") declares an input'
    elif isinstance(value, complex) or getattr(dtype, "kind", "") == "c":
        hint = "graphc computes with real numbers: carry real and imaginary part as two expressions"
    elif isinstance(value, (list, tuple)):
        hint = "write g.constant([...]) or np.array([...]) for an array of numbers"
    elif getattr(dtype, "kind", "") == "O":
        hint = "convert the object array to numbers first, as in a.astype(float)"
    elif hasattr(type(value), "__array__") or hasattr(type(value), "__dlpack__"):
        hint = LABELLED
    elif callable(value) and hasattr(value, "__name__"):
        kind, shown = "function", value.__name__
        hint = "call it, and take what it returns; g.function(f) makes a graph of a Python function"
    elif type(value).__module__.split(".")[0] == "sympy":
        hint = "g.from_sympy(…) turns a SymPy expression into one of graphc"
    of = f" of dtype {dtype}" if dtype is not None else ""
    raise ExpressionError(
        f"a {kind}{of} cannot be part of an expression: {shown}", site=current_site(), hint=hint
    )


__all__ = ["PLAIN", "array_bits", "is_weak", "listed", "refuse_operand", "scalar_bits", "short"]

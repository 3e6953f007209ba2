"""Types of expressions: dtypes, shapes, broadcasting and promotion.

Dtypes are NumPy's, restricted to those that have a machine representation in graphc. Promotion follows NumPy 2
(NEP 50): Python scalars are weak, everything else is strong. Where NumPy would answer float16, graphc, which has
no half precision, answers float32.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, TypeAlias

import numpy as np

from graphc.errors import DtypeError, GraphcError, ShapeError, brief, brief_text, is_huge
from graphc.ir import dims
from graphc.ir.dims import Dim, Name, Polynomial

Shape: TypeAlias = tuple[Dim, ...]

DType: TypeAlias = np.dtype[Any]

BOOL = np.dtype(np.bool_)
INT64 = np.dtype(np.int64)
FLOAT32 = np.dtype(np.float32)
FLOAT64 = np.dtype(np.float64)

DTYPES: dict[str, DType] = {
    name: np.dtype(name)
    for name in (
        "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64",
    )
}  # fmt: skip

MAX_DIMENSIONS = 64
"""Axes of an array: NumPy's own limit."""

_KNOWN = frozenset(DTYPES.values())

_FLOAT16 = np.dtype(np.float16)


def as_dtype(value: Any) -> DType:
    """The graphc dtype that `value` names.

    >>> as_dtype("float32")
    dtype('float32')

    Raises `DtypeError` for anything that graphc has no machine representation for.
    """
    if isinstance(value, np.dtype) and value in _KNOWN:
        return value
    try:
        dtype = np.dtype(value).newbyteorder("=")
    except Exception as error:  # NumPy's, for nesting without end, as well
        raise DtypeError(f"{brief(value)} is not a dtype", hint=f"use one of {', '.join(DTYPES)}") from error
    own = DTYPES.get(dtype.name)
    if own is None:
        what = "graphc computes with real numbers" if dtype.kind == "c" else "graphc has no such type"
        raise DtypeError(f"dtype {dtype.name!r}: {what}", hint=f"use one of {', '.join(DTYPES)}")
    return own


def is_float(dtype: DType) -> bool:
    return dtype.kind == "f"


def as_shape(value: Any) -> Shape:
    """The shape that `value` names: a dimension, or a sequence of them.

    A dimension is an int, a name, or what is computed from names: `X.shape[0]*2`, or as text "n*2".

    >>> as_shape(("n", 784)), as_shape("2*n + 1")
    (('n', 784), (2*n + 1,))
    """
    if value is None or isinstance(value, (float, np.floating)):
        raise ShapeError(
            f"{brief(value)} is not a shape", hint='write shape=("n", 3), or shape=() for a scalar'
        )
    try:
        alone = isinstance(value, (int, str, np.integer, Polynomial))
        listed = (value,) if alone else tuple(itertools.islice(value, MAX_DIMENSIONS + 1))
    except (TypeError, GraphcError) as error:
        raise ShapeError(f"{brief(value)} is not a shape", hint='write shape=("n", 3)') from error
    if len(listed) > MAX_DIMENSIONS:
        raise ShapeError(f"a shape of more than {MAX_DIMENSIONS} dimensions", hint='write shape=("n", 3)')
    return tuple([as_dim(dim) for dim in listed])


LONGEST = 2**62
"""The greatest length of an axis, number of steps, shift: machine code counts in 64 bits, and adds two of them."""


def as_dim(value: Any) -> Dim:
    """The dimension that `value` names: an int, a name, or a polynomial over names; raises `ShapeError`."""
    if type(value) is Name:
        return value
    try:
        if isinstance(value, str):
            value = dims.parse(value)
        elif isinstance(value, np.integer):
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool):
            if is_huge(value) or value > LONGEST:
                raise ShapeError(f"no axis has a length of {brief(value)}", hint='write shape=("n", 3)')
            if value < 0:
                raise ShapeError(
                    f"dimension {value} is negative", hint='a name leaves a length open, as in shape=("n", 3)'
                )
            return value
        if isinstance(value, (Name, Polynomial)):
            if dims.is_negative(value):
                raise ShapeError(f"dimension {value} is negative")
            return value
    except ValueError as error:
        if isinstance(error, ShapeError):
            raise
        raise ShapeError(f"{error}", hint='write shape=("n", 3), or ("n*3",)') from None
    raise ShapeError(
        f"{brief_text(value, 60)!r} is not a dimension",
        hint='a dimension is an int, or a name that leaves it open, as in shape=("n", 3)',
    )


BROADCASTING = "lengths are compared from the last axis on, and are equal or 1: x[:, None] adds an axis"
"""What is said of shapes that do not fit one another."""


def broadcast_shapes(shapes: Iterable[Shape]) -> Shape:
    """The shape that NumPy's broadcasting gives; distinct names never broadcast against each other.

    >>> broadcast_shapes([("n", 1), (3,)])
    ('n', 3)
    """
    result: Shape = ()
    for shape in shapes:
        if shape == result or shape == ():
            continue
        if result == ():
            result = shape
            continue
        longest = max(len(result), len(shape))
        left = (1,) * (longest - len(result)) + result
        right = (1,) * (longest - len(shape)) + shape
        merged: list[Dim] = []
        for a, b in zip(left, right, strict=True):
            if a == b or b == 1:
                merged.append(a)
            elif a == 1:
                merged.append(b)
            else:
                named = not (isinstance(a, int) and isinstance(b, int))
                raise ShapeError(
                    f"shapes {format_shape(result)} and {format_shape(shape)} do not broadcast: {a} against {b}",
                    hint="a named dimension fits itself and 1 alone: give both the same name"
                    if named
                    else BROADCASTING,
                )
        result = tuple(merged)
    return result


def format_shape(shape: Shape) -> str:
    """A shape as the user writes it.

    >>> format_shape(("n",))
    '(n,)'
    """
    inner = ", ".join(str(dim) for dim in shape)
    return f"({inner},)" if len(shape) == 1 else f"({inner})"


def weak_dtype(value: bool | int | float, strong: Iterable[DType]) -> DType:
    """The dtype that a Python scalar takes beside operands of the dtypes `strong`.

    >>> weak_dtype(2, [FLOAT32]), weak_dtype(1.5, [INT64]), weak_dtype(2, [])
    (dtype('float32'), dtype('float64'), dtype('int64'))
    """
    if isinstance(value, bool):
        return BOOL
    return _weak_dtype(isinstance(value, float), tuple(strong))


@cache
def _weak_dtype(is_float: bool, strong: tuple[DType, ...]) -> DType:
    if not strong:
        return FLOAT64 if is_float else INT64
    # the kind alone decides, so a representative stands for the value: a value too large for the type is then
    # reported where the constant is made, with its name
    result = np.result_type(*strong, 1.0 if is_float else 1)
    return FLOAT32 if result == _FLOAT16 else as_dtype(result)


Signature: TypeAlias = tuple[tuple[DType, ...], DType]
"""The dtypes an operation computes its operands in, and the dtype of its result."""


class TypeRule:
    """Operand dtypes → the dtypes an operation computes in and its result's dtype; remembered per operand types, in `known`.

    `group` lists the operand slots that are promoted together: those beside which a Python scalar is weak.
    """

    def __init__(self, rule: Callable[[tuple[DType, ...]], Signature], group: tuple[int, ...] | None = None):
        self._rule = rule
        self.known: dict[tuple[DType, ...], Signature] = {}
        self.group = group

    def __call__(self, dtypes: tuple[DType, ...]) -> Signature:
        signature = self.known.get(dtypes)
        if signature is None:
            signature = self.known[dtypes] = self._rule(dtypes)
        return signature


def like_ufunc(ufunc: np.ufunc) -> TypeRule:
    """The type rule of a NumPy ufunc, float16 replaced by float32."""

    def rule(dtypes: tuple[DType, ...]) -> Signature:
        try:
            resolved = ufunc.resolve_dtypes((*dtypes, None))
        except TypeError as error:
            names = ", ".join(dtype.name for dtype in dtypes)
            raise DtypeError(f"{ufunc.__name__} does not take {names}") from error
        if _FLOAT16 in resolved:
            resolved = tuple(FLOAT32 if dtype == _FLOAT16 else dtype for dtype in resolved)
        *operands, result = (as_dtype(dtype) for dtype in resolved)
        if len(operands) == 2 and operands[0] != operands[1]:
            # NumPy has mixed loops for int64 against uint64 alone
            raise DtypeError(
                f"{ufunc.__name__} of {operands[0]} and {operands[1]} has no common type",
                hint="bring one to the other's type with g.astype(x, …)",
            )
        return tuple(operands), result

    return TypeRule(rule)


def floating(dtypes: tuple[DType, ...]) -> Signature:
    """All operands promoted to one float type, which is the result's: as `numpy.exp`."""
    common = np.result_type(*dtypes)
    if common.kind != "f":
        resolved = np.exp.resolve_dtypes((common, None))[0]
        common = FLOAT32 if resolved == _FLOAT16 else resolved
    common = as_dtype(common)
    return (common,) * len(dtypes), common


def averaged(dtypes: tuple[DType, ...]) -> Signature:
    """All operands promoted to one float type, float64 unless they are floats: as `numpy.mean`."""
    common = as_dtype(np.result_type(*dtypes))
    common = common if common.kind == "f" else FLOAT64
    return (common,) * len(dtypes), common


def promoted(dtypes: tuple[DType, ...]) -> Signature:
    """All operands promoted to one common type, which is the result's: as `numpy.maximum`."""
    common = as_dtype(np.result_type(*dtypes))
    return (common,) * len(dtypes), common


def selected(dtypes: tuple[DType, ...]) -> Signature:
    """A boolean condition and two operands promoted to one type: as `numpy.where`."""
    condition, *values = dtypes
    if condition != BOOL:
        raise DtypeError(
            f"where needs a boolean condition, not {condition}",
            hint="write a comparison, as in g.where(x > 0, …)",
        )
    common = as_dtype(np.result_type(*values))
    return (BOOL, common, common), common


def logical(dtypes: tuple[DType, ...]) -> Signature:
    """Booleans in, a boolean out."""
    if any(dtype != BOOL for dtype in dtypes):
        names = ", ".join(dtype.name for dtype in dtypes)
        raise DtypeError(
            f"&, | and ~ work on booleans, not on {names}", hint="compare first, as in (x > 0) & (y > 0)"
        )
    return dtypes, BOOL


def accumulated(dtypes: tuple[DType, ...]) -> Signature:
    """As numpy.sum: booleans and short integers are added up in 64 bits."""
    kind = dtypes[0].kind
    wide = dtypes[0] if kind == "f" else as_dtype("uint64" if kind == "u" else "int64")
    return (wide,), wide


FLOATING = TypeRule(floating)
AVERAGED = TypeRule(averaged)
ACCUMULATED = TypeRule(accumulated)
ALL_PROMOTED = TypeRule(promoted)
FIRST_KEPT = TypeRule(lambda dtypes: (dtypes, dtypes[0]))
"""The operands as they are; the result has the first one's type."""

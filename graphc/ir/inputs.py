"""Values for symbols: the checks shared by the interpreter and by compiled functions.

A value must fit its symbol without loss: safe casts are made, narrowing ones are refused with a word on `astype`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds

from graphc.errors import (
    DtypeError,
    ExpressionError,
    InputError,
    NameClashError,
    ShapeError,
    brief,
    brief_text,
    is_huge,
)
from graphc.ir import dims
from graphc.ir.dims import Polynomial
from graphc.ir.expr import Expr
from graphc.ir.foreign_arrays import as_numpy, package_of
from graphc.ir.types import DTYPES, DType, format_shape
from graphc.util.arguments import MASKED, filled, is_masked
from graphc.util.pytree import Structure, containers_of, flatten

_WEAK_KINDS = {"b": "b", "i": "bi", "u": "bi", "f": "bif"}
"""For each kind of symbol the kinds of Python scalar it takes: scalars are weak, so any int fits a float symbol."""


def as_value(symbol: Expr, value: Any) -> np.ndarray:
    """`value` as an array of the symbol's dtype; a scalar becomes a 0-d array.

    Raises `DtypeError` for values that do not fit the dtype without loss and `ShapeError` for a declared shape that is not met.
    """
    target = symbol.dtype
    if type(value) is float and target.kind == "f" and not symbol.shape:
        return np.asarray(value, dtype=target)
    if isinstance(value, Expr):
        raise InputError(
            f"input {symbol.name!r} got the expression {value!r} instead of a value",
            hint="g.substitute(expr, {x: y}) puts an expression in a symbol's place",
        )
    if isinstance(value, (bool, int, float)) and not isinstance(value, np.generic):
        kind = "b" if isinstance(value, bool) else "i" if isinstance(value, int) else "f"
        if kind not in _WEAK_KINDS[target.kind]:
            raise DtypeError(
                f"input {symbol.name!r} is {target} and got the {type(value).__name__} {value!r}",
                hint=f'declare it with g.symbol({symbol.name!r}, dtype="float64")',
            )
        try:
            array = np.asarray(value, dtype=target)
        except OverflowError as error:
            raise DtypeError(f"input {symbol.name!r}: an integer that does not fit {target}") from error
        except Exception as error:  # of a class derived from a number, whose own conversion may do anything
            raise InputError(
                f"input {symbol.name!r} got a {type(value).__name__} that does not give its value: {brief_text(str(error), 60)}",
                hint="pass a Python number: float(value)",
            ) from error
    else:
        array = _as_array(symbol, value)
        if array.dtype.kind not in "biuf":
            raise DtypeError(
                f"input {symbol.name!r} got {_describe(value, array)}",
                hint=_number_hint(value),
            )
        if array.dtype != target:
            weak = isinstance(value, (list, tuple))  # of Python numbers
            if not np.can_cast(array.dtype, target, "safe") and not (
                weak and array.dtype.kind in _WEAK_KINDS[target.kind]
            ):
                wider = f", or declare the symbol as {array.dtype}" if array.dtype.name in DTYPES else ""
                raise DtypeError(
                    f"input {symbol.name!r} is {target} and got an array of {array.dtype}: the cast could lose information",
                    hint=f'pass {symbol.name}.astype("{target}"){wider}',
                )
            if weak and array.dtype.kind in "iu" and target.kind in "iu" and array.size:
                ends = np.iinfo(target)
                if array.min() < ends.min or array.max() > ends.max:
                    raise DtypeError(f"input {symbol.name!r}: a list of integers that do not fit {target}")
            array = array.astype(target)
    if symbol.shape:
        check_shape(symbol, array.shape)
    return array


def as_count(value: Any, told: str, hint: str, least: int = 1) -> int:
    """A whole number from `least` on, NumPy's own included; `told` names it in the `InputError` for anything else.

    >>> as_count(3, "{} epochs", "epochs=10")
    3
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least or is_huge(value):
        raise InputError(told.format(f"{brief(value, 40)}"), hint=hint)
    return int(value)


def as_out(
    out: Any, structure: Structure, shapes: Sequence[tuple[int, ...]], dtypes: Sequence[DType]
) -> list[np.ndarray]:
    """The arrays given as `out`, in the order of the results.

    out : an array, or arrays in the structure of the results
    structure, shapes, dtypes : of the results

    Raises `InputError`, `DtypeError` and `ShapeError` for arrays that cannot hold them.
    """
    arrays, out_structure = flatten(out, 1000 + 2 * containers_of(structure))
    if out_structure != structure and len(arrays) != len(shapes):
        raise InputError(
            f"out holds {len(arrays)} array{'s' * (len(arrays) != 1)} and the function has {len(shapes)} "
            f"result{'s' * (len(shapes) != 1)}",
            hint="pass one array for each result, in the structure of the results",
        )
    for array, shape, dtype in zip(arrays, shapes, dtypes, strict=True):
        if not isinstance(array, np.ndarray) or isinstance(array, np.ma.MaskedArray):
            raise InputError(f"out takes NumPy arrays, not a {type(array).__name__}")
        if array.dtype != dtype:
            raise DtypeError(
                f"out is an array of {array.dtype} and the result is {dtype}",
                hint=f"pass np.empty(shape, {str(dtype)!r})",
            )
        if array.shape != shape:
            raise ShapeError(
                f"out has shape {format_shape(array.shape)} and the result {format_shape(shape)}"
            )
        if not array.flags.writeable:
            raise InputError("out is read-only", hint="pass a copy")
    for number, array in enumerate(arrays):
        if any(np.may_share_memory(array, other) for other in arrays[:number]):
            raise InputError("two arrays of out share memory", hint="pass separate arrays")
    return arrays


_MOST_SEARCHED: Any = 100_000
"""Steps of NumPy's search for a common element of two strided arrays; beyond it they count as sharing memory."""


def share_memory(one: np.ndarray, two: np.ndarray) -> bool:
    """Whether two arrays have an element in common."""
    return np.may_share_memory(one, two, max_work=_MOST_SEARCHED)


def check_apart(names: Sequence[str], arrays: Sequence[np.ndarray]) -> None:
    """Raises `InputError` where two arrays that updates are written to share memory: one of the new values would be lost."""
    spans = sorted((*byte_bounds(array), number) for number, array in enumerate(arrays) if array.size)
    open_spans: list[tuple[int, int, int]] = []
    for low, high, number in spans:
        open_spans = [span for span in open_spans if span[1] > low]
        for _, _, other in open_spans:
            if share_memory(arrays[number], arrays[other]):
                one, two = sorted((number, other))
                raise InputError(
                    f"inputs {names[one]!r} and {names[two]!r} are updated, and got arrays that share memory",
                    hint=f"pass separate arrays: {names[two]}.copy()",
                )
        open_spans.append((low, high, number))


def _as_array(symbol: Expr, value: Any) -> np.ndarray:
    if is_masked(value):
        raise InputError(f"input {symbol.name!r} got {MASKED}", hint=filled(symbol.name))
    if type(value) is not np.ndarray and package_of(value) not in ("builtins", "numpy"):
        return as_numpy(symbol.name, value)
    try:
        return np.asarray(value)
    except (TypeError, ValueError, OverflowError) as error:  # a ragged list, a huge integer in a list, …
        raise InputError(
            f"input {symbol.name!r} got a {type(value).__name__} that is no array: {error}",
            hint="pass numbers or arrays of real numbers",
        ) from error


def _number_hint(value: Any) -> str:
    of_its_own = hasattr(value, "__float__") and not isinstance(value, (np.ndarray, np.generic))
    return f"pass numbers or arrays of real numbers{'; float(value) makes one' if of_its_own else ''}"


def _describe(value: Any, array: np.ndarray) -> str:
    if array.dtype.kind == "c":
        return "complex numbers; graphc computes with real ones"
    if array.dtype.kind in "US":
        return f"text: {brief_text(value, 40)!r}"
    if array.dtype.kind == "O":
        return (
            "an array of objects"
            if isinstance(value, (np.ndarray, list, tuple))
            else f"a {type(value).__name__}"
        )
    return f"an array of {array.dtype}"


def _shape_hint(symbol: Expr, shape: tuple[int, ...]) -> str:
    """What to do about an array of another shape."""
    if len(shape) == len(symbol.shape) + 1:
        return "g.vmap makes a function of one element one of a batch"
    if len(shape) + 1 == len(symbol.shape):
        return f"{symbol.name}[None] adds an axis of length 1 in front"
    if shape == symbol.shape[::-1]:
        return f"pass {symbol.name}.T"
    return "named axes may have any length; the others have the one that was declared"


def check_shape(symbol: Expr, shape: tuple[int, ...]) -> None:
    """Whether a value's shape is the declared one; names stand for any length here."""
    fits = len(shape) == len(symbol.shape) and all(
        not isinstance(dim, int) or dim == length for dim, length in zip(symbol.shape, shape, strict=True)
    )
    if not fits:
        raise ShapeError(
            f"input {symbol.name!r} has shape {format_shape(symbol.shape)} and got an array of shape {format_shape(shape)}",
            hint=_shape_hint(symbol, shape),
        )


def bind_dimensions(symbols: Iterable[Expr], arrays: Iterable[np.ndarray]) -> dict[str, int]:
    """The length of every named dimension; raises `ShapeError` when two inputs disagree on one."""
    symbols, arrays = tuple(symbols), tuple(arrays)
    lengths: dict[str, tuple[int, str]] = {}
    for symbol, array in zip(symbols, arrays, strict=True):
        for dim, length in zip(symbol.shape, array.shape if symbol.shape else (), strict=True):
            if isinstance(dim, str):
                known, first = lengths.setdefault(dim, (length, symbol.name))
                if known != length:
                    raise ShapeError(
                        f"dimension {str(dim)!r} is {known} in input {first!r} and {length} in input {symbol.name!r}",
                        hint="axes of one name have one length in a call; give the other axis a name of its own",
                    )
    bound = {name: length for name, (length, _) in lengths.items()}
    computed = [
        (dim, array.shape[axis])
        for symbol, array in zip(symbols, arrays, strict=True)
        for axis, dim in enumerate(symbol.shape)
        if isinstance(dim, Polynomial)
    ]
    for _ in computed:  # one axis may bind what the next needs
        for dim, length in computed:
            solution = dims.solve(dim, length, bound)
            if solution is not None:
                bound[solution[0]] = solution[1]
    for symbol, array in zip(symbols, arrays, strict=True):
        for axis, dim in enumerate(symbol.shape):
            if isinstance(dim, Polynomial):
                _check_length(symbol, axis, dim, array.shape[axis], bound)
    return bound


def _check_length(symbol: Expr, axis: int, dim: Polynomial, length: int, bound: Mapping[str, int]) -> None:
    """Holds an axis whose declared length is computed from names against the length that came."""
    try:
        wanted = dims.evaluate(dim, bound)
    except KeyError as error:
        raise ShapeError(
            f"axis {axis} of input {symbol.name!r} has the length {dim}, and {length} does not determine {error.args[0]}",
            hint=f"declare an input with an axis of length {error.args[0]!r}",
        ) from None
    except ValueError as error:
        raise ShapeError(f"input {symbol.name!r}: {error}") from None
    if wanted != length:
        names = ", ".join(f"{name} = {bound[name]}" for name in dims.names_of(dim))
        raise ShapeError(
            f"axis {axis} of input {symbol.name!r} has length {length}, not {dim} = {wanted} with {names}"
        )


def check_names(symbols: Iterable[Expr]) -> None:
    """Raises `NameClashError` when two different symbols share a name."""
    seen: dict[str, Expr] = {}
    for symbol in symbols:
        other = seen.setdefault(symbol.name, symbol)
        if other is not symbol:

            def of(s: Expr) -> str:
                bounds = "" if s.bounds is None else f" within {s.bounds}"
                return f"{s.dtype}{format_shape(s.shape) if s.shape else ''}{bounds}"

            raise NameClashError(
                f"the name {symbol.name!r} stands for two symbols: {of(other)} and {of(symbol)}",
                site=symbol.site,
                hint="give one of them another name, or the same dtype, shape and range",
            )


def refuse_inner(symbols: Iterable[Expr]) -> None:
    """Raises `ExpressionError` for what a loop, a branch or `vmap` called a function with, outside of that function."""
    for symbol in symbols:
        shown, inner, _ = symbol.name.partition("\0")
        if inner:
            raise ExpressionError(
                f"{shown or symbol.name!r} stands for a value inside of a loop, a branch or vmap, and has none outside",
                site=symbol.site,
                hint="return it from that function: what runs once with symbols must not put them elsewhere",
            )


def bind_names(symbols: tuple[Expr, ...], at: Mapping[Any, Any]) -> list[np.ndarray]:
    """Values in the order of `symbols` from a mapping of names or symbols; missing and unknown ones are errors."""
    if not isinstance(at, Mapping):
        raise InputError(
            f"a point is a dict of values, not {type(at).__name__}", hint='write {"x": 2.0, "w": -3.0}'
        )
    by_name: dict[str, Any] = {}
    names = {symbol.name for symbol in symbols}
    for key, value in at.items():
        name = key.name if isinstance(key, Expr) and key.is_symbol else key
        if isinstance(name, Expr) or not isinstance(name, str):
            raise InputError(f"a point's keys are names or symbols, not {name!r}")
        if name not in names:
            near = difflib.get_close_matches(name, names, 1)
            raise InputError(
                f"there is no input {name[:60]!r}",
                hint=(
                    f"did you mean {near[0]!r}?"
                    if near
                    else f"the inputs are {', '.join(map(repr, sorted(names)[:20]))}"
                    if names
                    else "nothing here depends on an input"
                ),
            )
        if name in by_name:
            raise InputError(f"input {name!r} is given twice")
        by_name[name] = value
    refuse_inner(symbol for symbol in symbols if symbol.name not in by_name)
    missing = [symbol.name for symbol in symbols if symbol.name not in by_name]
    if missing:
        raise InputError(
            f"no value for input{'s' if len(missing) > 1 else ''} {', '.join(map(repr, missing))}",
            hint=f"pass {missing[0]}=…",
        )
    return [as_value(symbol, by_name[symbol.name]) for symbol in symbols]

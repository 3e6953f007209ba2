"""Arrays of other libraries as NumPy's, without copies where they lie in this machine's memory; what cannot be one is refused.

No library is imported here: a value is known by the package of its type, and asked by the protocols that it has.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.errors import DtypeError, GraphcError, InputError, brief_text

_CPU = 1
"""DLPack's number of the processor's own memory."""

_CUDA_HOST = 3
"""DLPack's number of pinned memory, which the processor reads as its own."""


_KNOWN = frozenset(("torch", "jax", "jaxlib", "xarray", "pandas", "polars", "dask", "cupy", "scipy"))
"""Packages whose arrays are taken for their own also where a user's class, or another library's, is derived from theirs."""


def package_of(value: Any) -> str:
    """The package that a value's type comes from, or that of `_KNOWN` that it is derived from.

    >>> package_of(np.zeros(2)), package_of(1.0)
    ('numpy', 'builtins')
    """
    own = _package(type(value))
    if own in _KNOWN or own in ("numpy", "builtins"):
        return own
    return next((package for kind in type(value).__mro__[1:] if (package := _package(kind)) in _KNOWN), own)


def _package(kind: type) -> str:
    module = getattr(kind, "__module__", "")
    return module.partition(".")[0] if isinstance(module, str) else ""


def is_sparse(value: Any) -> bool:
    """Whether a value is a sparse array or matrix of SciPy's."""
    return package_of(value) == "scipy" and hasattr(value, "tocsr")


def is_traced(value: Any) -> bool:
    """Whether a value stands for one in a function of JAX's that is being traced."""
    return package_of(value) in ("jax", "jaxlib") and any(
        kind.__name__ == "Tracer" for kind in type(value).__mro__
    )


def is_differentiated(value: Any) -> bool:
    """Whether a value is a tensor of PyTorch's that a derivative is asked for."""
    return package_of(value) == "torch" and getattr(value, "requires_grad", False) is True


def as_numpy(name: str, value: Any) -> np.ndarray:
    """A value of any library as an array of NumPy's that shares its memory, where it can.

    name : of the input that it is for

    Raises `InputError` for what lies on another device, holds no values yet, or is no array; `DtypeError` for elements that NumPy
    has no type for.
    """
    _refuse(name, value)
    try:
        package = package_of(value)
        if package in ("pandas", "polars"):
            return _column(name, value)
        if package == "torch":  # views that are conjugated or negated when they are read
            value = value.resolve_conj().resolve_neg()
        if not hasattr(type(value), "__array__") and hasattr(type(value), "__dlpack__"):
            return np.from_dlpack(value)
        return np.asarray(value)
    except GraphcError:
        raise
    except (
        Exception
    ) as error:  # whatever the library raises: TypeError, RuntimeError, BufferError, errors of its own
        kind = type(value).__name__
        dtype = getattr(value, "dtype", None)
        if "bfloat16" in str(dtype) or isinstance(error, BufferError):
            raise DtypeError(
                f"input {name!r} got a {kind} of {dtype}, which NumPy cannot read: {brief_text(str(error), 120)}",
                hint=f"convert {name} to float32 or float64 in its own library first",
            ) from error
        if "device" in str(error) and hasattr(type(value), "device"):
            raise InputError(
                f"input {name!r} got a {kind} on another device: {brief_text(str(error), 200)}",
                hint=f"copy {name} to the processor's memory first",
            ) from error
        raise InputError(
            f"input {name!r} got a {kind} that is no array: {brief_text(str(error), 200)}",
            hint="pass numbers or arrays of real numbers",
        ) from error


def _refuse(name: str, value: Any) -> None:
    """Raise `InputError` for what has no values in this machine's memory."""
    package, kind = package_of(value), type(value).__name__
    on_card = hasattr(type(value), "__cuda_array_interface__") and package not in ("torch", "jax", "jaxlib")
    if package == "cupy" or on_card:
        raise InputError(
            f"input {name!r} got a {kind} of {package} on a graphics card, and graphc computes on the processor",
            hint=f"pass cupy.asnumpy({name})"
            if package == "cupy"
            else f"copy {name} to the processor's memory first",
        )
    if package == "torch" and getattr(getattr(value, "device", None), "type", "cpu") != "cpu":
        raise InputError(
            f"input {name!r} got a {kind} on the device {value.device}, and graphc computes on the processor",
            hint=f"pass {name}.cpu()",
        )
    if is_traced(value):
        raise InputError(
            f"input {name!r} got a value that JAX traces, which has no elements yet",
            hint="f.jax() makes a compiled function one that JAX can trace and differentiate",
        )
    if is_differentiated(value):
        raise InputError(
            f"input {name!r} got a tensor that requires a gradient, and its derivative would be lost here",
            hint=f"f.torch() makes a compiled function one that PyTorch differentiates; or pass {name}.detach()",
        )
    if package == "dask":
        raise InputError(
            f"input {name!r} got a {kind} of Dask, whose elements are not computed yet",
            hint=f"call a function of g.compile, which gives lazy results; or pass {name}.compute()",
        )
    if is_sparse(value):
        raise InputError(
            f"input {name!r} got a sparse {kind} where all elements are needed",
            hint=f"a function of g.compile takes it where {name} is only multiplied, as in {name} @ x; or pass {name}.toarray()",
        )
    device = getattr(type(value), "__dlpack_device__", None)
    if device is not None and not isinstance(value, np.ndarray) and not hasattr(type(value), "__array__"):
        try:
            number = int(device(value)[0])
        except Exception as error:
            raise InputError(f"input {name!r} got a {kind} whose device is not known: {error}") from error
        if number not in (_CPU, _CUDA_HOST):
            raise InputError(
                f"input {name!r} got a {kind} on another device, and graphc computes on the processor",
                hint=f"copy {name} to the processor's memory first",
            )


def _column(name: str, value: Any) -> np.ndarray:
    """A column or a table of pandas or polars: numbers, none of them missing where the type has no NaN."""
    if hasattr(value, "collect") and not hasattr(value, "to_numpy"):  # polars' LazyFrame
        raise InputError(
            f"input {name!r} got a {type(value).__name__}, whose rows are not read yet",
            hint=f"pass {name}.collect()",
        )
    if not hasattr(value, "to_numpy"):
        raise InputError(
            f"input {name!r} got a {type(value).__name__} of {package_of(value)}, which is no column of numbers",
            hint="pass a Series or a DataFrame",
        )
    array = value.to_numpy()
    if package_of(value) == "polars":
        count, fill = int(np.asarray(value.null_count()).sum()), "fill_null(0)"
    else:
        dtypes = list(value.dtypes) if value.ndim == 2 else [value.dtype]
        nullable = array.dtype.kind == "O" or not all(isinstance(dtype, np.dtype) for dtype in dtypes)
        count, fill = int(np.asarray(value.isna()).sum()) if nullable else 0, "fillna(0)"
        kinds = {getattr(dtype, "kind", "O") for dtype in dtypes}
        if array.dtype.kind == "O" and not count and kinds <= set("biuf"):
            array = value.to_numpy(
                dtype=np.result_type(*[getattr(each, "numpy_dtype", each) for each in dtypes])
            )
    if count:
        raise InputError(
            f"input {name!r} got a {type(value).__name__} in which {count} value{'s are' if count > 1 else ' is'} missing",
            hint=f"pass {name}.{fill}, or leave these rows out; NaN is a number, and missing values are none",
        )
    return array


__all__ = ["as_numpy", "is_differentiated", "is_sparse", "is_traced", "package_of"]

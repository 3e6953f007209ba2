"""Labelled arrays of xarray: dimensions mapped to named axes, coordinates and attributes kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.errors import GraphcError, InputError, ShapeError
from graphc.frontend.interop.callee import Callee
from graphc.ir.expr import Expr
from graphc.ir.types import format_shape
from graphc.util import fork_safety


@fork_safety.once
def xarray_itself() -> Any:
    """The module `xarray`."""
    import xarray

    return xarray


def call(callee: Callee, values: Sequence[Any]) -> Any:
    """A function on labelled arrays: results of the same kind, with the dimensions, coordinates and attributes of the arguments.

    A function of numbers broadcasts by the names of dimensions. One of declared shapes takes the dimension that is called as an
    axis for that axis, wherever it stands, and the others in their order.

    Raises `InputError` for datasets, and for coordinates or names that do not fit; `ShapeError` for another number of dimensions.
    """
    xarray = xarray_itself()
    for symbol, value in zip(callee.symbols, values, strict=True):
        if type(value).__module__.startswith("xarray") and not isinstance(value, xarray.DataArray):
            raise InputError(
                f"input {symbol.name!r} got a {type(value).__name__} of xarray, which is not one array",
                hint='pass one of its arrays, as in dataset["name"]; dataset.map(f) calls f with each of them',
            )
    try:
        return _broadcast(xarray, callee, values) if callee.broadcasts else _declared(xarray, callee, values)
    except GraphcError:
        raise
    except Exception as error:  # AlignmentError, ValueError, …: of what xarray cannot bring together
        first = (str(error).splitlines() or [""])[0]
        raise InputError(
            f"the labelled arguments do not fit together: {first}",
            hint='xarray.align(a, b, join="inner") keeps what they share; a.rename({…}) gives dimensions their names',
        ) from error


def _broadcast(xarray: Any, callee: Callee, values: Sequence[Any]) -> Any:
    values = [0 if k in callee.unused else value for k, value in enumerate(values)]
    count = len(callee.dtypes)
    results = xarray.apply_ufunc(
        lambda *arrays: tuple(callee.leaves(arrays)) if count > 1 else callee.leaves(arrays)[0],
        *values, output_core_dims=[()] * count, join="exact", keep_attrs=True, dask="allowed",
    )  # fmt: skip
    return callee.put_together(results if count > 1 else [results])


def _declared(xarray: Any, callee: Callee, values: Sequence[Any]) -> Any:
    labelled = [value for value in values if isinstance(value, xarray.DataArray)]
    aligned = iter(xarray.align(*labelled, join="exact", copy=False))
    values = [next(aligned) if isinstance(value, xarray.DataArray) else value for value in values]
    called: dict[str, tuple[Any, str]] = {}
    arrays = [
        _turned(symbol, value, called) if isinstance(value, xarray.DataArray) else value
        for symbol, value in zip(callee.symbols, values, strict=True)
    ]
    names = {value.name for value in labelled}
    name = names.pop() if len(names) == 1 else None
    coordinates = {key: each for value in reversed(labelled) for key, each in value.coords.items()}
    results = []
    for output, array in zip(callee.outputs, callee.leaves(arrays), strict=True):
        dimensions = _dimensions(output, called)
        kept = {key: each for key, each in coordinates.items() if set(each.dims) <= set(dimensions)}
        results.append(xarray.DataArray(array, kept, dimensions, name, labelled[0].attrs))
    return callee.put_together(results)


def _turned(symbol: Expr, value: Any, called: dict[str, tuple[Any, str]]) -> Any:
    """The elements of a labelled array with its dimensions in the order of the declared axes."""
    if value.ndim != len(symbol.shape):
        raise ShapeError(
            f"input {symbol.name!r} has shape {format_shape(symbol.shape)} and got an array with the dimensions "
            f"{', '.join(map(str, value.dims)) or 'of a number'}",
            hint="g.vmap makes a function of one element one of a batch",
        )
    others = iter([dim for dim in value.dims if dim not in symbol.shape])
    order = [dim if dim in value.dims else next(others) for dim in symbol.shape]
    for axis, dim in zip(symbol.shape, order, strict=True):
        if isinstance(axis, str):
            known, first = called.setdefault(axis, (dim, symbol.name))
            if known != dim:
                raise InputError(
                    f"the axis {axis!r} is the dimension {known!r} of input {first!r} and {dim!r} of input {symbol.name!r}",
                    hint=f"pass {symbol.name}.rename({{{dim!r}: {known!r}}}) where they are one",
                )
    return value.transpose(*order).data


def _dimensions(output: Expr, called: dict[str, tuple[Any, str]]) -> list[Any]:
    """Names for the dimensions of a result: those of the axes, `axis_k` of one that has none, and a number behind a second."""
    found: list[Any] = []
    for number, dim in enumerate(output.shape):
        name = called.get(dim, (dim, ""))[0] if isinstance(dim, str) else f"axis_{number}"
        while name in found:
            name = f"{name}_{number + 1}"
        found.append(name)
    return found


__all__ = ["call", "xarray_itself"]

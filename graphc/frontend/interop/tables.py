"""Columns and tables of pandas and polars: such in, such out, with the index and the names that they had."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.errors import InputError
from graphc.frontend.interop.callee import Callee
from graphc.ir.expr import Expr
from graphc.ir.foreign_arrays import as_numpy, package_of
from graphc.util import fork_safety


@fork_safety.once
def pandas_itself() -> Any:
    """The module `pandas`."""
    import pandas  # pyright: ignore[reportMissingImports]

    return pandas


@fork_safety.once
def polars_itself() -> Any:
    """The module `polars`."""
    import polars  # pyright: ignore[reportMissingImports]

    return polars


def call_pandas(callee: Callee, values: Sequence[Any]) -> Any:
    """A function on columns and tables of pandas.

    A function of numbers gives columns and tables with the index and the columns of its arguments, which must be equal: pandas
    would pair what is equal and fill the rest with NaN. One of declared shapes gives a column for a result of one axis whose name
    has labels (the index along the first axis, the columns along the second), a table for one of two, NumPy's arrays otherwise.

    Raises `InputError` for labels that differ along one axis, and for missing values in a type that has no NaN.
    """
    pandas = pandas_itself()
    arrays = [_array(symbol, value, "pandas") for symbol, value in zip(callee.symbols, values, strict=True)]
    labelled = [
        (symbol, value)
        for number, (symbol, value) in enumerate(zip(callee.symbols, values, strict=True))
        if package_of(value) == "pandas" and number not in callee.unused
    ]
    if not labelled:
        return callee.put_together(callee.leaves(arrays))
    labels: dict[Any, tuple[Any, str]] = {}
    for symbol, value in labelled:
        for number, index in enumerate(_axes(value)):
            axis = (
                number if callee.broadcasts else symbol.shape[number] if number < len(symbol.shape) else None
            )
            known, first = labels.setdefault(axis, (index, symbol.name))
            if (
                isinstance(axis, (int, str))
                and (callee.broadcasts or isinstance(axis, str))
                and not known.equals(index)
            ):
                raise InputError(
                    f"inputs {first!r} and {symbol.name!r} have different labels along one axis",
                    hint=f'{first}, {symbol.name} = {first}.align({symbol.name}, join="inner") keeps what they share',
                )
    if callee.broadcasts and len({value.ndim for _, value in labelled}) > 1:
        raise InputError(
            "a column beside a table: whether it belongs to each row or to each column is not said",
            hint="pass column.to_numpy()[:, None] for each row, column.to_numpy() for each column",
        )
    names = [value.name for _, value in labelled if hasattr(value, "name")]
    name = names[0] if names and all(each == names[0] for each in names) else None
    shape = labelled[0][1].shape

    def wrapped(output: Expr, array: np.ndarray) -> Any:
        if callee.broadcasts:
            axes: list[Any] = list(range(array.ndim)) if array.shape == shape else []
        else:
            axes = [dim if isinstance(dim, str) else None for dim in output.shape]
        found = [labels[axis][0] if axis in labels and axis is not None else None for axis in axes]
        if len(found) == 1 and found[0] is not None:
            return pandas.Series(array, found[0], name=name, copy=False)
        if len(found) == 2 and any(index is not None for index in found):
            return pandas.DataFrame(array, found[0], found[1], copy=False)
        return array if np.ndim(array) else array.item()

    results = [
        wrapped(output, array) for output, array in zip(callee.outputs, callee.arrays(arrays), strict=True)
    ]
    return callee.put_together(results)


def call_polars(callee: Callee, values: Sequence[Any]) -> Any:
    """A function on columns and tables of polars.

    A function of numbers gives columns and tables with the names of the arguments. One of declared shapes gives a column for a
    result along the rows of an argument, a table for one with a second axis, NumPy's arrays otherwise.

    Raises `InputError` for missing values.
    """
    polars = polars_itself()
    arrays = [_array(symbol, value, "polars") for symbol, value in zip(callee.symbols, values, strict=True)]
    columns = [
        (symbol, value)
        for number, (symbol, value) in enumerate(zip(callee.symbols, values, strict=True))
        if package_of(value) == "polars" and number not in callee.unused
    ]
    names = [value.name for _, value in columns if isinstance(value, polars.Series)]
    tables = [(symbol, value.columns) for symbol, value in columns if isinstance(value, polars.DataFrame)]
    rows = {symbol.shape[0] for symbol, _ in columns if symbol.shape}
    headed = {symbol.shape[1]: heads for symbol, heads in tables if len(symbol.shape) == 2}

    def wrapped(output: Expr, array: np.ndarray) -> Any:
        along = callee.broadcasts or (bool(output.shape) and output.shape[0] in rows)
        if not np.ndim(array) or not along or array.ndim > 2 or not columns:
            return array if np.ndim(array) else array.item()
        if array.ndim == 1:
            return polars.Series(names[0] if names else "", array)
        heads = (tables[0][1] if tables else None) if callee.broadcasts else headed.get(output.shape[1])
        return polars.DataFrame(array, heads if heads is not None and len(heads) == array.shape[1] else None)

    results = [
        wrapped(output, array) for output, array in zip(callee.outputs, callee.arrays(arrays), strict=True)
    ]
    return callee.put_together(results)


def _array(symbol: Expr, value: Any, package: str) -> Any:
    return as_numpy(symbol.name, value) if package_of(value) == package else value


def _axes(value: Any) -> list[Any]:
    """The labels along each axis of a column or a table."""
    return list(value.axes) if hasattr(value, "axes") else [value]


__all__ = ["call_pandas", "call_polars", "pandas_itself", "polars_itself"]

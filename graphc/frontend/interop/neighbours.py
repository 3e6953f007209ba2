"""Which neighbour answers a call: the package that the arguments' arrays come from, one beside NumPy.

Results come back as that package's arrays. A package is known by the name of its types' module, so that none is imported before
a value of it is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from graphc.errors import InputError
from graphc.frontend.interop.callee import Callee
from graphc.ir.foreign_arrays import as_numpy, is_sparse, package_of
from graphc.util.fork_safety import loading

OWN: frozenset[type] = frozenset(
    (float, int, bool, np.ndarray, list, tuple, np.float64, np.float32, np.int64, np.bool_)
)
"""Types that no neighbour answers for."""

Answers = Callable[[Callee, Sequence[Any]], Any]


def _array_api(callee: Callee, values: Sequence[Any]) -> Any:
    """A function on arrays of any library that keeps to the array API standard: arrays of it over the results' memory."""
    library = next(value for value in values if _has_namespace(value)).__array_namespace__()
    arrays = [
        as_numpy(symbol.name, value) if _has_namespace(value) else value
        for symbol, value in zip(callee.symbols, values, strict=True)
    ]
    return callee.put_together([library.from_dlpack(array) for array in callee.arrays(arrays)])


def _has_namespace(value: Any) -> bool:
    return (
        type(value) not in OWN
        and package_of(value) != "numpy"
        and hasattr(type(value), "__array_namespace__")
    )


_ANSWERS = {
    "torch": ("torch", "call"), "jax": ("jax", "call"), "jaxlib": ("jax", "call"), "xarray": ("xarray", "call"),
    "pandas": ("tables", "call_pandas"), "polars": ("tables", "call_polars"), "scipy": ("sparse", "call"),
    "dask": ("dask", "call"),
}  # fmt: skip
"""A package's file in this room, which is imported when a value of the package is there, and the function in it."""

_ONE = {"jaxlib": "jax"}


def answering(values: Iterable[Any]) -> Answers | None:
    """The neighbour that a call with these arguments belongs to; None where NumPy's arrays and numbers are all there is.

    Raises `InputError` for arrays of two packages, neither of them NumPy.
    """
    found: dict[str, Answers] = {}
    for value in values:
        if type(value) in OWN:
            continue
        package = package_of(value)
        if package == "scipy" and not is_sparse(value):
            continue
        if package in _ANSWERS:
            file, function = _ANSWERS[package]
            with loading():
                module = import_module(f"graphc.frontend.interop.{file}")
            found[_ONE.get(package, package)] = getattr(module, function)
        elif _has_namespace(value) and package != "cupy":
            found[package] = _array_api
    if len(found) > 1:
        one, other = sorted(found)[:2]
        raise InputError(
            f"the arguments are arrays of {one} and of {other}, and the results can be of one alone",
            hint="convert them to one library's, or to NumPy's, first",
        )
    return next(iter(found.values()), None)


__all__ = ["OWN", "Answers", "answering"]

"""JAX: arrays in and out without copies, and compiled functions inside of functions that JAX traces.

A compiled function is called back from XLA's program (`jax.pure_callback`). Its derivatives in both modes call back the functions
that graphc derives (`jax_primitives`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.errors import DtypeError, InputError
from graphc.frontend.interop.callee import Callee
from graphc.frontend.interop.jax_primitives import HostOperation, primitives
from graphc.ir.expr import current_site
from graphc.ir.foreign_arrays import as_numpy, is_traced, package_of
from graphc.util import fork_safety


@fork_safety.once
def jax_itself() -> Any:
    """The module `jax`."""
    try:
        import jax
    except ImportError as error:
        raise InputError(
            "f.jax() needs the package jax", site=current_site(), hint="pip install jax"
        ) from error
    return jax


class JaxFunction:
    """A compiled function as one that JAX traces, compiles, batches and differentiates, in both modes and to any order.

    It takes and gives JAX's arrays, results in the structure of the compiled function's. Without `jax_enable_x64` JAX has no 64
    bits: float64 inputs then come as float32, graphc computes in float64, and the results are rounded to float32.
    """

    def __init__(self, callee: Callee) -> None:
        self._callee = callee
        self._jax = jax_itself()
        plain, self._constants = callee.without_arrays()
        self._operation = HostOperation(lambda: plain)
        self._broadcast = self._operation.broadcast
        self._call = primitives().call

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        arrays = [self._array(k, value) for k, value in enumerate(self._callee.bound(args, kwargs))]
        arrays += map(self._jax.numpy.asarray, self._constants)
        if len(self._broadcast) > 1:
            wide = self._jax.numpy.broadcast_arrays(*[arrays[k] for k in self._broadcast])
            for k, array in zip(self._broadcast, wide, strict=True):
                arrays[k] = array
        return self._callee.put_together(self._call.bind(*arrays, operation=self._operation))

    def __repr__(self) -> str:
        return f"<compiled ({', '.join(self._callee.inputs)}) for jax>"

    def __reduce__(self) -> Any:
        return _of_compiled, (self._callee.call.__self__,)  # type: ignore[attr-defined]

    def __deepcopy__(self, memo: Any) -> JaxFunction:
        return self

    def _array(self, number: int, value: Any) -> Any:
        symbol = self._callee.symbols[number]
        held = self._jax.dtypes.canonicalize_dtype(symbol.dtype)
        if isinstance(value, (bool, int, float)) and not isinstance(value, np.generic):
            return self._jax.numpy.asarray(value, held)
        array = self._jax.numpy.asarray(value)
        if array.dtype == held:
            return array
        if not np.can_cast(array.dtype, symbol.dtype, "safe"):
            raise DtypeError(
                f"input {symbol.name!r} is {symbol.dtype} and got an array of {array.dtype}: the cast could lose information",
                hint=f'pass {symbol.name}.astype("{symbol.dtype}"), or declare the symbol as {array.dtype}',
            )
        return array.astype(held)


def function_of(callee: Callee) -> JaxFunction:
    """The function as one of JAX's arrays, the same one each time."""
    made = callee.memory.get("jax")
    if made is None:
        made = callee.memory["jax"] = JaxFunction(callee)
    return made


def _of_compiled(compiled: Any) -> JaxFunction:
    return function_of(compiled._callee())


def call(callee: Callee, values: Sequence[Any]) -> Any:
    """A function on JAX's arrays: arrays over the results' memory; traced where the arguments are."""
    jax = jax_itself()
    if any(map(is_traced, values)):
        return function_of(callee)(*values)
    arrays = [
        as_numpy(symbol.name, value) if package_of(value) in ("jax", "jaxlib") else value
        for symbol, value in zip(callee.symbols, values, strict=True)
    ]
    return callee.put_together([_as_jax(jax, array) for array in callee.arrays(arrays)])


def _as_jax(jax: Any, array: np.ndarray) -> Any:
    """An array over the same memory, where JAX has its type and finds it aligned."""
    if jax.dtypes.canonicalize_dtype(array.dtype) != array.dtype or not array.flags.writeable:
        return jax.numpy.asarray(array)
    try:
        return jax.numpy.from_dlpack(array)
    except Exception:  # a layout or a type that it does not take without a copy
        return jax.numpy.asarray(array)


__all__ = ["JaxFunction", "call", "function_of", "jax_itself"]

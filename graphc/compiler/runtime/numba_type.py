"""Compiled functions inside a user's own `@numba.njit` code: their type there is a pointer to machine code."""

from __future__ import annotations

from functools import cache
from typing import Any

from graphc.ir.types import DType
from graphc.util.pytree import Leaf, Structure


@cache
def register(kind: type) -> None:
    """Tell Numba what an object of class `kind`, the compiled functions, is."""
    from numba.core import types
    from numba.core.typing.templates import signature
    from numba.extending import typeof_impl

    def numba_type(dtype: DType) -> Any:
        return types.boolean if dtype.kind == "b" else getattr(types, dtype.name)

    def results(structure: Structure, outputs) -> Any:
        if isinstance(structure, Leaf):
            return numba_type(next(outputs))
        return types.Tuple([results(item, outputs) for item in structure.items])

    @typeof_impl.register(kind)
    def typeof(value: Any, context: Any) -> Any:
        if value._entry is None:
            return value._numba_type
        kernel = value._entry.kernel
        declared = signature(
            results(value._structure, iter(kernel.outputs)), *(numba_type(dtype) for dtype in kernel.inputs)
        )
        return types.ExternalFunctionPointer(declared, get_pointer=_direct_address)


def _direct_address(function: Any) -> int:
    return function._direct_address

"""Compiled functions inside a user's own `@numba.njit` code: their type there is a pointer to machine code.

Numba asks an object that it does not know for its `_numba_type_`: it need not be loaded before, nor be told of a class.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from graphc.compiler.lowering.scalar_kernel import Kernel
from graphc.ir.types import DType
from graphc.util.pytree import Leaf, Structure


def type_of_numbers(kernel: Kernel, structure: Structure) -> Any:
    """What a function of numbers with some scalar body is for Numba's compiled code."""
    from numba.core import types
    from numba.core.typing.templates import signature

    def numba_type(dtype: DType) -> Any:
        return types.boolean if dtype.kind == "b" else getattr(types, dtype.name)

    def results(structure: Structure, outputs: Iterator[DType]) -> Any:
        if isinstance(structure, Leaf):
            return numba_type(next(outputs))
        return types.Tuple([results(item, outputs) for item in structure.items])

    declared = signature(
        results(structure, iter(kernel.outputs)), *(numba_type(dtype) for dtype in kernel.inputs)
    )
    return types.ExternalFunctionPointer(declared, get_pointer=_direct_address)


def _direct_address(function: Any) -> int:
    return function._direct_address


__all__ = ["type_of_numbers"]

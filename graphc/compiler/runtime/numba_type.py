"""Compiled functions inside a user's own `@numba.njit` code: their type there is a pointer to machine code.

Numba asks an object that it does not know for its `_numba_type_`: it need not be loaded before, nor be told of a class.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from graphc.compiler.lowering.scalar_kernel import Kernel
from graphc.errors import CompileError
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
    return _function_type()(declared, get_pointer=_direct_address)


@cache
def _function_type() -> Any:
    """The class of the functions' types: pointers, which say so when arrays are handed to them."""
    from numba.core import types
    from numba.core.datamodel.models import ExternalFuncPointerModel
    from numba.extending import register_model

    class FunctionOfNumbers(types.ExternalFunctionPointer):
        def get_call_type(self, context: Any, args: Any, kws: Any) -> Any:
            if any(isinstance(given, types.Array) for given in args):
                raise CompileError(
                    "a function of numbers got an array from code compiled by Numba, where it takes numbers",
                    hint="loop over the elements, or declare arrays: g.symbol(name, shape=('n',))",
                )
            return super().get_call_type(context, args, kws)

    register_model(FunctionOfNumbers)(ExternalFuncPointerModel)
    return FunctionOfNumbers


def _direct_address(function: Any) -> int:
    return function._direct_address


__all__ = ["type_of_numbers"]

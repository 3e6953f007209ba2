"""Where CPython and NumPy keep what they know of objects and arrays: offsets in bytes, for machine code and for ctypes."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import numpy as np

HEADER = object.__basicsize__
TYPE = HEADER - 8
FLOAT = float.__basicsize__ - 8
ITEMS = tuple.__basicsize__
DATA, NDIM, SHAPE, STRIDES, DTYPE, FLAGS = (HEADER + offset for offset in (0, 8, 16, 24, 40, 48))
"""Where NumPy keeps what it knows of an array: `PyArrayObject_fields` of its C headers, part of its ABI."""

CONTIGUOUS, ALIGNED, WRITEABLE = 3, 0x100, 0x400
"""Bits of an array's flags; of the first, 1 says in C's order and 2 in Fortran's."""

NEW, NEW_FROM_DESCR = 93, 94
"""The places of `PyArray_New` and `PyArray_NewFromDescr` in NumPy's table of C functions, part of its ABI."""


@cache
def c_function(place: int) -> int:
    """The address of a function of NumPy's C interface."""
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    table = pointer(np._core._multiarray_umath._ARRAY_API, None)  # type: ignore[attr-defined]
    address = ctypes.c_void_p.from_address(table + 8 * place).value
    assert address is not None
    return address


@cache
def bind_numpy(llvm: Any) -> None:
    """Give the linker what machine code calls and compares of NumPy's: the maker of arrays, two types."""
    llvm.add_symbol("graphc_numpy_new", c_function(NEW))
    llvm.add_symbol("graphc_numpy_array", id(np.ndarray))
    llvm.add_symbol("graphc_numpy_float64", id(np.float64))


def data_address(array: np.ndarray) -> int:
    """Where an array's first element is: NumPy's own answer takes ten times as long."""
    if layout_is_known():
        return _pointer(id(array) + DATA).value or 0
    return array.ctypes.data


_pointer = ctypes.c_void_p.from_address


@cache
def layout_is_known() -> bool:
    """Whether arrays keep what they know where it is read here."""
    probe = np.zeros((3, 5), dtype="f4", order="F")
    base = id(probe)
    shape = ctypes.c_void_p.from_address(base + SHAPE).value
    strides = ctypes.c_void_p.from_address(base + STRIDES).value
    return (
        strides is not None
        and list((ctypes.c_int64 * 2).from_address(strides)) == list(probe.strides)
        and ctypes.c_void_p.from_address(base + DATA).value == probe.ctypes.data
        and ctypes.c_int.from_address(base + NDIM).value == 2
        and shape is not None
        and list((ctypes.c_int64 * 2).from_address(shape)) == [3, 5]
        and ctypes.c_void_p.from_address(base + DTYPE).value == id(probe.dtype)
        and ctypes.c_int.from_address(base + FLAGS).value == probe.flags.num
    )

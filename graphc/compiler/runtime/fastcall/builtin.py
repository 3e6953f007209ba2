"""CPython's builtin functions over machine code."""

from __future__ import annotations

import ctypes
from typing import Any

from graphc.compiler.targets.llvm.kernels import scalar_entry


class _MethodDef(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("meth", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


_method_defs: list[_MethodDef] = []
"""CPython reads a builtin's definition even while it frees the builtin, so definitions are kept for good, as code is."""


def builtin(address: int, self: Any) -> Any:
    """A builtin function over machine code of the METH_FASTCALL | METH_KEYWORDS convention."""
    scalar_entry.check_layout()
    definition = _MethodDef(b"compiled", address, scalar_entry.METH_FASTCALL_KEYWORDS, None)
    _method_defs.append(definition)
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.restype = ctypes.py_object
    make.argtypes = [ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p]
    return make(ctypes.addressof(definition), self, None)

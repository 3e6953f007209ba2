"""CPython's builtin functions over machine code."""

from __future__ import annotations

import ctypes
from functools import partial
from typing import Any

from graphc.compiler.engine import execution_engine
from graphc.compiler.engine.jit import Library
from graphc.compiler.targets.llvm.kernels import scalar_entry


class _MethodDef(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("meth", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


_spare: list[_MethodDef] = []
"""Definitions whose code is unloaded. CPython reads a builtin's flags even while it frees the builtin, which may be after that:
so their memory is used again, never freed, and all have the same flags."""

_definitions: dict[tuple[int, str], _MethodDef] = {}
"""The module's number and the function's name → the definition of the builtins over it."""


def builtin(library: Library, name: str, self: Any) -> Any:
    """A builtin function over machine code of the METH_FASTCALL | METH_KEYWORDS convention.

    self : what the code gets as its first argument; it keeps the library
    """
    scalar_entry.check_layout()
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.restype = ctypes.py_object
    make.argtypes = [ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p]
    return make(ctypes.addressof(_definition(library, name)), self, None)


def _definition(library: Library, name: str) -> _MethodDef:
    key = library.handle.item(), name
    definition = _definitions.get(key)
    if definition is None:
        try:
            definition = _spare.pop()
        except IndexError:
            definition = _MethodDef(b"compiled", None, scalar_entry.METH_FASTCALL_KEYWORDS, None)
        definition.meth = library.pointer(name)
        definition = _definitions.setdefault(key, definition)
        execution_engine.when_unloaded(library.handle, partial(_unloaded, key))
    return definition


def _unloaded(key: tuple[int, str]) -> None:
    definition = _definitions.pop(key, None)
    if definition is not None:
        _spare.append(definition)

"""LLVM IR → machine code, by Numba's code generator. Everything that touches Numba's internals for this is here.

Numba's front end is left out: the text of a module goes to `JITCPUCodegen` as it is. Machine code is never freed
(the engine keeps it), so a compiled function's address stays valid for the life of the process.
"""

from __future__ import annotations

import ctypes
import itertools
import threading
from functools import cache
from typing import Any

from graphc.errors import CompileError
from graphc.ops.special import scipy_special

_counter = itertools.count()


@cache
def _numba() -> Any:
    """(llvmlite's binding, Numba's compiler lock, one code generator for the process)"""
    import llvmlite.binding as llvm
    from numba.core.codegen import JITCPUCodegen
    from numba.core.compiler_lock import global_compiler_lock

    return llvm, global_compiler_lock, JITCPUCodegen("graphc")


@cache
def _bind_scipy() -> None:
    """Give the linker SciPy's digamma, which the C library lacks."""
    capsule = scipy_special().cython_special.__pyx_capi__["__pyx_fuse_1psi"]
    name = ctypes.pythonapi.PyCapsule_GetName
    name.restype, name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    # the capsule's function takes a flag of Cython's in a second integer register, which a call with one double leaves free
    _numba()[0].add_symbol("graphc_digamma", pointer(capsule, name(capsule)))


class Library:
    """A module of machine code in this process."""

    def __init__(self, library: Any, prefix: str) -> None:
        self._library = library
        self._prefix = prefix
        self._asm: str | None = None

    def pointer(self, name: str) -> int:
        """The address of a function of the module."""
        with _numba()[1]:
            address = self._library.get_pointer_to_function(self._prefix + name)
        if not address:
            raise CompileError(f"the module has no function {name!r}")
        return address

    def symbol(self, name: str) -> str:
        """The name under which other modules of the process call an exported function."""
        return self._prefix + name

    @property
    def llvm(self) -> str:
        """The module after optimisation, as LLVM IR."""
        return self._library.get_llvm_str()

    @property
    def asm(self) -> str:
        """The module as assembly of this machine."""
        with _lock:
            if self._asm is None:
                self._asm = str(self._library.get_asm_str())
            return self._asm


_lock = threading.RLock()


def build(text: str, exported: tuple[str, ...]) -> Library:
    """Compile a module.

    text : LLVM IR
    exported : the functions that are called from outside; they are made unique in the process, as one engine holds all modules
    """
    llvm, compiler_lock, codegen = _numba()
    if "@graphc_digamma" in text:
        _bind_scipy()
    prefix = f"graphc_{next(_counter)}_"
    for name in exported:
        text = text.replace(f"@{name}(", f"@{prefix}{name}(")
    with compiler_lock:
        library = codegen.create_library(prefix + "module")
        library.enable_object_caching()
        try:
            module = llvm.parse_assembly(text)
            module.verify()
        except (
            RuntimeError
        ) as error:  # a mistake of graphc's, never of its user: keep the text for the report
            raise CompileError(f"LLVM refused the generated code: {error}") from error
        library.add_llvm_module(module)
        library.finalize()
    return Library(library, prefix)


def cpu() -> str:
    """The processor that code is made for, by LLVM's name."""
    return _numba()[0].get_host_cpu_name()

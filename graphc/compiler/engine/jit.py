"""LLVM IR → machine code, by Numba's code generator. Everything that touches Numba's internals for this is here.

Numba's front end is left out: the text of a module goes to `JITCPUCodegen` as it is. Machine code is never freed
(the engine keeps it), so a compiled function's address stays valid for the life of the process.

What was compiled once is found again by the digest of the text and of all that turns it into code: in this process,
where the same text is the same library, and on disk (`cache`). The exported names are made of the digest too, so that
object code is loaded as it is; whatever it refers to (the C library, Python's own functions, other modules) it names,
and the linker finds it anew: no address of a process is part of it.
"""

from __future__ import annotations

import ctypes
import itertools
import platform
import sys
import time
from collections.abc import Callable
from functools import cache
from typing import Any

from graphc.compiler.engine.object_cache import digest, store
from graphc.errors import CompileError
from graphc.ops.special import scipy_special
from graphc.util import fork_safety
from graphc.util.interrupts import held
from graphc.version import __version__

_RECIPE = "1"
"""Counts the ways in which `build` has turned the same text into code: part of every digest."""

_counter = itertools.count()


@fork_safety.once
def _numba() -> Any:
    """(llvmlite's binding, Numba's compiler lock, one code generator for the process)"""
    import llvmlite.binding as llvm
    from numba.core.codegen import JITCPUCodegen
    from numba.core.compiler_lock import global_compiler_lock

    # a fork while another thread compiles would leave the child without the lock and with LLVM's state half changed
    fork_safety.keep_whole(global_compiler_lock._lock)
    fork_safety.keep_whole(llvm.ffi.lib._lock._lock)
    return llvm, global_compiler_lock, JITCPUCodegen("graphc")


@cache
def environment() -> tuple[str, ...]:
    """All that decides, beside the text of a module, what code it becomes."""
    import llvmlite
    import numba
    from numba.core import config

    settings = ("OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "LLVM_REFPRUNE_PASS", "LLVM_REFPRUNE_FLAGS")
    return (
        _RECIPE,
        __version__,
        numba.__version__,
        llvmlite.__version__,
        ".".join(map(str, _numba()[0].llvm_version_info)),
        f"{sys.version} {sys.abiflags if hasattr(sys, 'abiflags') else ''} {platform.python_implementation()}",
        repr(_numba()[2].magic_tuple()),  # target triple, name of the processor, its features
        repr([(name, getattr(config, name, None)) for name in settings]),
    )


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
    """A module of machine code in this process.

    cached : "hit" where the code came from disk, else why it did not: "miss: …" or "off: …"
    seconds : how long each step took: "parse", "optimise and generate", "load", as far as they were taken
    key, exported : what the code is found by; None where it is not kept
    digamma : whether it calls SciPy's function
    """

    def __init__(
        self,
        library: Any,
        prefix: str,
        text: str | Callable[[], str],
        cached: str,
        seconds: dict[str, float],
    ) -> None:
        self._library = library
        self._prefix = prefix
        self._text = text
        self.cached = cached
        self.seconds = seconds
        self.key: bytes | None = None
        self.exported: tuple[str, ...] = ()
        self.digamma = False
        self._asm: str | None = None

    def pointer(self, name: str) -> int:
        """The address of a function of the module."""
        with held(), _numba()[1]:
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
        return str(self._optimised())

    @property
    def asm(self) -> str:
        """The module as assembly of this machine."""
        with _lock:
            if self._asm is None:
                module = self._optimised()
                with _numba()[1]:
                    self._asm = str(_numba()[2]._tm.emit_assembly(module))
            return self._asm

    def _optimised(self) -> Any:
        """The optimised module; code that came from disk has none, so it is made again, and not loaded."""
        if self.cached != "hit":
            return self._library._final_module
        with held(), _numba()[1]:
            text = self._text if isinstance(self._text, str) else self._text()
            library = _new_library(self._prefix + "shown", text)
            library.add_llvm_module(_parse(text))
            library._optimize_final_module()
        return library._final_module


_lock = fork_safety.lock()

_libraries: dict[bytes, Library] = {}
"""Digest → the library of that module in this process; under Numba's compiler lock."""


def build(text: str, exported: tuple[str, ...], cached: bool = False) -> Library:
    """Compile a module, or find it compiled.

    text : LLVM IR
    exported : the functions that are called from outside; they are made unique in the process, as one engine holds all modules
    cached : whether to look for the code in this process and on disk, and to keep it there
    """
    digamma = "@graphc_digamma" in text
    if digamma:
        _bind_scipy()
    compiler_lock = _numba()[1]
    if not cached:
        prefix = f"graphc_{next(_counter)}_"
        with held(), compiler_lock:
            return _compile(_named(text, exported, prefix), prefix, "off: not asked for")
    key = digest(*environment(), *exported, text)
    with held(), compiler_lock:
        found = _libraries.get(key)
        if found is None:
            prefix = f"graphc_{key.hex()[:32]}_"
            found = _libraries[key] = _found_or_compiled(
                key, _named(text, exported, prefix), exported, prefix
            )
            found.key, found.exported, found.digamma = key, exported, digamma
    return found


def recall(key: bytes, exported: tuple[str, ...], digamma: bool, text: Callable[[], str]) -> Library | None:
    """The library of a key, of this process or from disk; None where there is none.

    text : makes the module's text, for whoever wants to look at it
    """
    if digamma:
        _bind_scipy()
    with held(), _numba()[1]:
        found = _libraries.get(key)
        if found is None:
            code, _ = store().get(key)
            if code is None:
                return None
            prefix = f"graphc_{key.hex()[:32]}_"
            found = _load(code, lambda: _named(text(), exported, prefix), exported, prefix)
            found.key, found.exported, found.digamma = key, exported, digamma
            _libraries[key] = found
    return found


def _found_or_compiled(key: bytes, text: str, exported: tuple[str, ...], prefix: str) -> Library:
    disk = store()
    code, answer = disk.get(key)
    if code is not None:
        return _load(code, text, exported, prefix)
    made = _compile(text, prefix, answer)
    if disk.refusal is None:
        failed = disk.put(key, made._library._get_compiled_object())
        made.cached = answer if failed is None else f"{answer}; not kept: {failed}"
    made._library._compiled_object = None  # Numba's own copy, which nothing reads again
    return made


def _named(text: str, exported: tuple[str, ...], prefix: str) -> str:
    """The module with its exported functions under their names in this process."""
    for name in exported:
        text = text.replace(f"@{name}(", f"@{prefix}{name}(")
    return text


def _parse(text: str) -> Any:
    try:
        module = _numba()[0].parse_assembly(text)
        module.verify()
    except RuntimeError as error:  # a mistake of graphc's, never of its user: keep the text for the report
        raise CompileError(f"LLVM refused the generated code: {error}") from error
    return module


STRAIGHT = "; straight-line\n"
"""The first line of a module whose code is long and has no loops that matter: LLVM's costlier passes find nothing in it. For
Speelpenning's product of 1,000 variables they took two thirds of the time; a graph of 30,000 operations runs as fast without."""


def _new_library(name: str, text: str) -> Any:
    """Numba's library for a module. One of straight-line code goes through a single, short list of passes instead of three."""
    codegen = _numba()[2]
    library = codegen.create_library(name)
    if text.startswith(STRAIGHT):

        def one_function_after_another(module: Any) -> None:
            module.data_layout = codegen._data_layout

        def all_together() -> None:
            passes, builder = codegen._module_pass_manager(opt=1, loop_vectorize=False, slp_vectorize=False)
            passes.run(library._final_module, builder)

        library._optimize_functions = one_function_after_another
        library._optimize_final_module = all_together
    return library


def _compile(text: str, prefix: str, cached: str) -> Library:
    started = time.perf_counter()
    module = _parse(text)
    parsed = time.perf_counter()
    library = _new_library(prefix + "module", text)
    library.enable_object_caching()
    library.add_llvm_module(module)
    library.finalize()
    seconds = {"parse": parsed - started, "optimise and generate": time.perf_counter() - parsed}
    return Library(library, prefix, text, cached, seconds)


def _load(code: bytes, text: str | Callable[[], str], exported: tuple[str, ...], prefix: str) -> Library:
    """Object code as a library: in the form of Numba's own serialised libraries, its IR only naming what the code exports."""
    started = time.perf_counter()
    llvm, _, codegen = _numba()
    names = "\n".join(f"define void @{prefix}{name}() {{\n  ret void\n}}" for name in exported)
    bitcode = llvm.parse_assembly(names).as_bitcode()
    library = codegen.unserialize_library((prefix + "module", "object", (code, bitcode)))
    return Library(library, prefix, text, "hit", {"load": time.perf_counter() - started})


def object_code(texts: list[str], exported: tuple[str, ...]) -> bytes:
    """Modules linked into one object file for other programs: position-independent, `exported` alone visible."""
    llvm, compiler_lock, codegen = _numba()
    with held(), compiler_lock:
        library = codegen.create_library("exported")
        for text in texts:
            library.add_llvm_module(_parse(text))
        for function in library._final_module.functions:
            if not function.is_declaration and function.name not in exported:
                function.linkage = "internal"
        library._optimize_final_module()
        machine = llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(
            opt=3,
            cpu=codegen._get_host_cpu_name(),
            features=codegen._tm_features,
            reloc="pic",
            codemodel="default",
        )
        return machine.emit_object(library._final_module)


def cpu() -> str:
    """The processor that code is made for, by LLVM's name."""
    return _numba()[2]._get_host_cpu_name()

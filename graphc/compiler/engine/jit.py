"""LLVM IR → machine code, by the passes of Numba's code generator (`code_generator`).

The text of a module goes through them in an LLVM context of its own, for what a context has seen it keeps. Object code is linked
by an engine (`execution_engine`) that lets go of a module, and machine code stays as long as its `Library`.

What was compiled once is found again by the digest of the text and of all that turns it into code: in this process,
where the same text is the same library, and on disk (`cache`). The exported names are made of the digest too, so that
object code is loaded as it is; whatever it refers to (the C library, Python's own functions, other modules) it names,
and the linker finds it anew: no address of a process is part of it.
"""

from __future__ import annotations

import itertools
import platform
import sys
import time
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any
from weakref import WeakValueDictionary

from graphc.compiler.engine import execution_engine, number_arguments
from graphc.compiler.engine.code_generator import (
    Passes,
    machine_of,
    optimise,
    reach_outside,
    reaching_outside,
    toolchain,
)
from graphc.compiler.engine.numba_settings import described
from graphc.compiler.engine.numpy_layout import bind_numpy
from graphc.compiler.engine.object_cache import digest, store
from graphc.compiler.engine.scipy_functions import bind, symbols_in
from graphc.errors import CompileError
from graphc.util import fork_safety
from graphc.util.interrupts import held
from graphc.version import __version__

_RECIPE = "6"
"""Counts the ways in which `build` has turned the same text into code: part of every digest."""

_counter = itertools.count()


@cache
def environment() -> tuple[str, ...]:
    """All that decides, beside the text of a module, what code it becomes."""
    import llvmlite

    codegen = toolchain().codegen
    return (
        _RECIPE,
        __version__,
        llvmlite.__version__,
        ".".join(map(str, toolchain()[0].llvm_version_info)),
        f"{sys.version} {sys.abiflags if hasattr(sys, 'abiflags') else ''} {platform.python_implementation()}",
        repr((codegen.triple, codegen.cpu, codegen.features)),
        described(),
    )


class Library:
    """A module of machine code in this process; it is unloaded when neither this nor `handle` is referred to any more.

    cached : "hit" where the code came from disk, else why it did not: "miss: …" or "off: …"
    seconds : how long each step took: "parse", "optimise and generate", "load", as far as they were taken
    first : the first line of the text, which says how it is compiled, where `source` is bitcode
    exported : the functions that it has
    key, scipy : what the code is found by, None where it is not kept, and the symbols of SciPy's functions that it calls
    uses : the modules whose functions it calls
    """

    def __init__(
        self,
        handle: execution_engine.Handle,
        prefix: str,
        exported: tuple[str, ...],
        source: bytes | Callable[[], str],
        cached: str,
        seconds: dict[str, float],
        first: str = "",
    ) -> None:
        self.handle = handle
        self._first = first
        self._prefix = prefix
        self.exported = exported
        self._source = source
        self.cached = cached
        self.seconds = seconds
        self.key: bytes | None = None
        self.scipy: tuple[str, ...] = ()
        self.uses: tuple[Library, ...] = ()
        self._asm: str | None = None

    def pointer(self, name: str) -> int:
        """The address of a function of the module; valid as long as the module is loaded."""
        return execution_engine.address(self.handle, self._prefix + name)

    def symbol(self, name: str) -> str:
        """The name under which modules that are built to use this one call an exported function."""
        return self._prefix + name

    def symbols(self) -> dict[str, int]:
        """The exported functions by their symbols."""
        return {self.symbol(name): self.pointer(name) for name in self.exported}

    @property
    def llvm(self) -> str:
        """The module after optimisation, as LLVM IR."""
        with held(), toolchain()[1], execution_engine.Scratch() as scratch:
            return str(self._optimised(scratch))

    @property
    def asm(self) -> str:
        """The module as assembly of this machine."""
        with _lock:
            if self._asm is None:
                with held(), toolchain()[1], execution_engine.Scratch() as scratch:
                    self._asm = str(machine_of(self._text).emit_assembly(self._optimised(scratch)))
            return self._asm

    @property
    def _text(self) -> str:
        """What says how the module is compiled: its text, or the first line of that."""
        return self._first if isinstance(self._source, bytes) else self._source()

    def _optimised(self, scratch: execution_engine.Scratch) -> Any:
        """The optimised module, from its bitcode; code that came from disk has none, so it is made again, and not loaded."""
        if isinstance(self._source, bytes):
            return scratch.bitcode(self._source)
        text = self._source()
        return optimise(_parse(text, scratch), self._prefix + "shown", text, scratch)


_lock = fork_safety.lock()

_libraries: WeakValueDictionary[bytes, Library] = WeakValueDictionary()
"""Digest → the library of that module in this process; under the toolchain's lock."""

_resident: dict[bytes | None, Library] = {}
"""Digest → what any function may call."""


def build(
    text: str,
    exported: tuple[str, ...],
    cached: bool = False,
    uses: Sequence[Library] = (),
    plain: bool = False,
) -> Library:
    """Compile a module, or find it compiled.

    text : LLVM IR
    exported : the functions that are called from outside; their symbols are made unique
    cached : whether to look for the code in this process and on disk, and to keep it there
    uses : the modules whose functions it calls by their symbols; they stay as long as this one
    plain : whether the symbols stay as they are; it is found compiled then, or kept
    """
    scipy = symbols_in(text)
    bind(scipy)
    compiler_lock = toolchain()[1]
    try:
        if not cached and not plain:
            prefix = f"graphc_{next(_counter)}_"
            with held(), compiler_lock:
                named = _named(text, exported, prefix)
                return _compile(named, exported, prefix, "off: not asked for", uses)[0]
        key = digest(*environment(), *exported, text)
        with held(), compiler_lock:
            library = _libraries.get(key)
            if library is None:
                prefix = "" if plain else f"graphc_{key.hex()[:32]}_"
                library = _found_or_compiled(key, _named(text, exported, prefix), exported, prefix, uses)
                library.key, library.scipy, library.uses = key, scipy, tuple(uses)
                _libraries[key] = library
        return library
    finally:
        execution_engine.sweep()


def resident(text: str, exported: tuple[str, ...], plain: bool = False) -> Library:
    """A module that stays as long as the process; kept on disk too. `plain` : as for `build`"""
    library = build(text, exported, True, plain=plain)
    return _resident.setdefault(library.key, library)


def pin(library: Library) -> None:
    """Keep a module for good where Numba's compiler is about to make its address part of what it compiles: that is never freed.

    It holds its lock meanwhile. Where it takes a function as an argument, it does not, and the caller holds the function.
    """
    compiler = sys.modules.get("numba.core.compiler_lock")
    if compiler is not None and compiler.global_compiler_lock.is_locked():
        execution_engine.pin(library.handle)


def recall(
    key: bytes,
    exported: tuple[str, ...],
    scipy: tuple[str, ...],
    text: Callable[[], str],
    uses: Sequence[Library] = (),
) -> Library | None:
    """The library of a key, of this process or from disk; None where there is none.

    scipy : the symbols of SciPy's functions that it calls
    text : makes the module's text, for whoever wants to look at it; uses : as for `build`
    """
    bind(scipy)
    with held(), toolchain()[1]:
        library = _libraries.get(key)
        if library is None:
            code, _ = store().get(key)
            if code is None:
                return None
            prefix = f"graphc_{key.hex()[:32]}_"
            library = _load(code, lambda: _named(text(), exported, prefix), exported, prefix, uses)
            library.key, library.scipy, library.uses = key, scipy, tuple(uses)
            _libraries[key] = library
    return library


def _found_or_compiled(
    key: bytes, text: str, exported: tuple[str, ...], prefix: str, uses: Sequence[Library]
) -> Library:
    disk = store()
    code, answer = disk.get(key)
    if code is not None:
        return _load(code, lambda: text, exported, prefix, uses)
    library, code = _compile(text, exported, prefix, answer, uses)
    if disk.refusal is None:
        failed = disk.put(key, code)
        library.cached = answer if failed is None else f"{answer}; not kept: {failed}"
    return library


def _named(text: str, exported: tuple[str, ...], prefix: str) -> str:
    """The module with its exported functions under their names in this process."""
    for name in exported:
        text = text.replace(f"@{name}(", f"@{prefix}{name}(")
    return text


def _parse(text: str, scratch: execution_engine.Scratch) -> Any:
    try:
        module = scratch.assembly(text)
        module.verify()
    except RuntimeError as error:  # a mistake of graphc's, never of its user: keep the text for the report
        raise CompileError(f"LLVM refused the generated code: {error}") from error
    return module


def _compile(
    text: str, exported: tuple[str, ...], prefix: str, cached: str, uses: Sequence[Library]
) -> tuple[Library, bytes]:
    """The library of a module, and its object code."""
    started = time.perf_counter()
    with execution_engine.Scratch() as scratch:
        module = _parse(reaching_outside(text), scratch)
        parsed = time.perf_counter()
        module = optimise(module, prefix + "module", text, scratch)
        module.verify()
        reach_outside(module, text)
        code = machine_of(text).emit_object(module)
        generated = time.perf_counter()
        bitcode = module.as_bitcode()
    linking = time.perf_counter()
    handle = _linked(code, uses)
    seconds = {
        "parse": parsed - started,
        "optimise and generate": generated - parsed,
        "load": time.perf_counter() - linking,
    }
    first = text[: text.index("\n") + 1]
    return Library(handle, prefix, exported, bitcode, cached, seconds, first), code


def _load(
    code: bytes, text: Callable[[], str], exported: tuple[str, ...], prefix: str, uses: Sequence[Library]
) -> Library:
    started = time.perf_counter()
    handle = _linked(code, uses)
    return Library(handle, prefix, exported, text, "hit", {"load": time.perf_counter() - started})


def _linked(code: bytes, uses: Sequence[Library]) -> execution_engine.Handle:
    bind_numpy(toolchain()[0])
    if number_arguments.SYMBOL.encode() in code:
        _bind_number_arguments()
    symbols = {symbol: address for library in uses for symbol, address in library.symbols().items()}
    return execution_engine.link(code, symbols, tuple([library.handle for library in uses]))


@fork_safety.once
def _bind_number_arguments() -> Library:
    """Give the linker the function that takes arguments which are not all exact floats."""
    library = resident(number_arguments.MODULE, (number_arguments.NAME,))
    toolchain()[0].add_symbol(number_arguments.SYMBOL, library.pointer(number_arguments.NAME))
    return library


def object_code(texts: list[str], exported: tuple[str, ...]) -> bytes:
    """Modules linked into one object file for other programs: position-independent, `exported` alone visible."""
    _, compiler_lock, codegen = toolchain()
    with held(), compiler_lock, execution_engine.Scratch() as scratch:
        passes = Passes("exported", scratch)
        for text in texts:
            passes.add(_parse(text, scratch), text)
        for function in passes.module.functions:
            if not function.is_declaration and function.name not in exported:
                function.linkage = "internal"
        passes.run()
        return codegen.target_machine(3, "pic", just_in_time=False).emit_object(passes.module)


def cpu() -> str:
    """The processor that code is made for, by LLVM's name."""
    return toolchain().codegen.cpu

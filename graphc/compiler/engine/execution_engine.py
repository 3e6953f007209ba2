"""Object code linked into this process, and unloaded with the last reference to it.

Every module has an engine of LLVM's (MCJIT) of its own, which is given object code alone: no IR stays in memory, and closing the
engine gives its pages back. A symbol of another module is bound to its address when the module is linked.

Code must outlive whatever may still call it, and that may be the finalizer of an object in the same garbage cycle. So a module
is held by an object that the cyclic collector does not track, an array of NumPy's: it goes when its last reference does, and in
a cycle that is after all finalizers. The last reference may go on any thread and in the middle of a compilation, so unloading
waits for nothing: where LLVM is at work, it is left to the end of that work.
"""

from __future__ import annotations

import _thread
import platform
import re
import sys
import weakref
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from typing import Any

import numpy as np

from graphc.compiler.engine.numba_settings import setting
from graphc.errors import CompileError
from graphc.util import fork_safety
from graphc.util.interrupts import held

Handle = np.ndarray
"""Keeps a module in the process; its one element is the module's number."""


@fork_safety.once
def binding() -> Any:
    """llvmlite's binding, with the code generator for this processor."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    # a fork while another thread is inside would leave the child without the lock and with LLVM's state half changed
    fork_safety.keep_whole(_llvm_lock(llvm))
    return llvm


def _llvm_lock(llvm: Any) -> Any:
    """The reentrant lock that llvmlite holds around every call of LLVM."""
    return llvm.ffi.lib._lock._lock


IN_ONE_BLOCK = b"graphc: in one block"
"""What object code says that is to be loaded so. All other code is loaded as ever: the functions that it calls may be reached by
stubs, which llvmlite's manager does not count, and it ends the process where its block is too small."""


COUNTED_FROM = (0, 50)
"""The release of llvmlite from which on its manager has room for all that this code needs; 0.47 ended the process."""


def binding_version() -> str:
    """llvmlite's version."""
    import llvmlite

    return str(llvmlite.__version__)


def _release(version: str) -> tuple[int, ...]:
    """The first two numbers of a version."""
    return tuple([int(part) for part in re.findall(r"\d+", version)[:2]])


@cache
def stands_together() -> bool:
    """Whether all of a module stands in one block of memory, so that code reaches its constants and functions by their distance.

    Otherwise LLVM takes each address of its own code whole, as what is loaded for a process may lie anywhere: ten bytes and a
    register for each constant and call, which its fast selection of instructions does not know. What lies outside of the module
    is reached through a table in the block. LLVM's memory manager asks for a block for each section; llvmlite's, which Numba
    uses on ARM, asks for one.
    """
    here = sys.platform == "linux" and platform.machine() == "x86_64" and sys.maxsize > 2**32
    return here and _release(binding_version()) >= COUNTED_FROM


class Scratch:
    """Modules of LLVM IR in a context of their own, for the time of a `with`: disposed of at its end, the context last.

    llvmlite leaves that to finalizers, and a context that goes before its modules takes the process with it. Of objects in one
    garbage cycle any may be finalized first, and there is a cycle wherever a frame that holds them stands in the traceback of
    what a signal's handler has raised.
    """

    def __init__(self) -> None:
        self._context = binding().create_context()
        self._modules: list[Any] = []

    def assembly(self, text: str) -> Any:
        """The module of a text. Raises LLVM's `RuntimeError` where there is none."""
        return self._kept(binding().parse_assembly(text, self._context))

    def bitcode(self, code: bytes) -> Any:
        return self._kept(binding().parse_bitcode(code, self._context))

    def _kept(self, module: Any) -> Any:
        self._modules.append(module)
        return module

    def __enter__(self) -> Scratch:
        return self

    def __exit__(self, *_: object) -> None:
        while self._modules:
            self._modules.pop().close()
        self._context.close()


class _Reference(weakref.ref):
    """A handle's, with the module's number."""

    __slots__ = ("number",)
    number: int


@dataclass
class _Module:
    """A module in the process.

    engine : LLVM's; referenced here alone, as its own finalizer would unload code too early
    handle : tells when nobody refers to the module any more
    uses : the handles of the modules that it calls
    closing : what is called, without arguments, when it has been unloaded
    """

    engine: Any
    handle: _Reference
    uses: tuple[Handle, ...]
    closing: list[Any] = field(default_factory=list)


_modules: dict[int, _Module] = {}

_unused: deque[int] = deque()
"""Modules that nobody refers to and that are not unloaded yet."""

_numbers = count()


def link(code: bytes, symbols: Mapping[str, int], uses: tuple[Handle, ...]) -> Handle:
    """Load object code.

    symbols : of other modules that the code may call, with their addresses; uses : the handles of these modules
    """
    llvm = binding()
    declared = llvm.parse_assembly("".join(f"declare void @{symbol}()\n" for symbol in symbols), _context())
    machine = llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine()
    in_one_block = IN_ONE_BLOCK in code or setting("USE_LLVMLITE_MEMORY_MANAGER")
    engine = llvm.create_mcjit_compiler(declared, machine, use_lmm=in_one_block)
    if setting("ENABLE_PROFILING"):
        engine.enable_jit_events()
    engine.remove_module(declared)  # else it would be compiled, which takes longer than all of this
    for symbol, address in symbols.items():
        engine.add_global_mapping(declared.get_function(symbol), address)
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    number = next(_numbers)
    handle = np.array([number])
    reference = _Reference(handle, _gone)
    reference.number = number
    _modules[number] = _Module(engine, reference, uses)
    sweep()
    return handle


@fork_safety.once
def _context() -> Any:
    """LLVM's context for declarations: they are all of one type, so it does not grow."""
    return binding().create_context()


def address(handle: Handle, symbol: str) -> int:
    """The address of a function of a module. Raises `CompileError` where it has none of that name."""
    pointer = _modules[handle.item()].engine.get_function_address(symbol)
    if not pointer:
        raise CompileError(f"the module has no function {symbol!r}")
    return pointer


def when_unloaded(handle: Handle, do: Any) -> None:
    """Call `do`, without arguments, when a module has been unloaded."""
    _modules[handle.item()].closing.append(do)


def live() -> int:
    """How many modules are loaded."""
    sweep()
    return len(_modules)


def _gone(reference: _Reference) -> None:
    if sys.is_finalizing():
        return
    _unused.append(reference.number)
    try:
        sweep()
    except KeyboardInterrupt:  # here it would be printed and lost
        _thread.start_new_thread(_thread.interrupt_main, ())


def sweep() -> None:
    """Unload the modules that nobody refers to, unless LLVM is at work, be it for this very thread."""
    while _unused:
        lock = _llvm_lock(binding())
        if lock._is_owned():
            return
        with held():  # llvmlite takes its lock by a method in Python: what a handler raises at its end leaves the lock taken
            try:
                if not lock.acquire(blocking=False):
                    return
                module = _modules.pop(_unused.popleft())
                module.engine.close()
                for do in module.closing:
                    do()
            except IndexError:  # another thread took the last one
                return
            finally:
                while lock._is_owned():
                    lock.release()


_pinned: dict[int, Handle] = {}


def pin(handle: Handle) -> None:
    """Keep a module for good: its address has become part of code that is never freed."""
    _pinned[handle.item()] = handle

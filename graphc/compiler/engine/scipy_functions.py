"""SciPy's compiled special functions, as machine code calls them: by a symbol of graphc's that the linker binds in each process.

`scipy.special.cython_special` hands out the addresses of C functions. An object file names their symbols alone, so what lies
on disk serves the next process, wherever SciPy is loaded there. Every function takes and returns doubles; those that C code
hands several results through pointers are taken apart by `targets/llvm/helper_functions.py`.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterable
from functools import cache

from graphc.compiler.engine.code_generator import toolchain
from graphc.errors import CompileError
from graphc.ops.special import scipy_special

PREFIX = "graphc_scipy_"

DIGAMMA = "graphc_digamma"

_SYMBOL = re.compile(rf"@({DIGAMMA}|{PREFIX}\w+)\(")

_FUSED = {
    "psi": 1, "jv": 1, "yv": 1, "iv": 1, "kv": 1, "ive": 1, "kve": 1, "expn": 0, "exp1": 1, "expi": 1, "sici": 1, "shichi": 1,
    "airy": 1, "betainc": 0, "betaincc": 0, "betaincinv": 0, "betainccinv": 0,
}  # fmt: skip
"""Function → the number of its variant for doubles, where Cython has several."""


def symbols_in(text: str) -> tuple[str, ...]:
    """The symbols of SciPy's functions that a module calls, in order."""
    return tuple(sorted(set(_SYMBOL.findall(text)))) if "@graphc_" in text else ()


def is_symbol(name: object) -> bool:
    """Whether a text is one of the symbols that `symbols_in` finds."""
    return isinstance(name, str) and _SYMBOL.fullmatch(f"@{name}(") is not None


def function_of(symbol: str) -> str:
    """The name in `scipy.special` of what a symbol stands for."""
    return "psi" if symbol == DIGAMMA else symbol.removeprefix(PREFIX)


def bind(symbols: Iterable[str]) -> None:
    """Give the linker the addresses of SciPy's functions. Raises `CompileError` for one that this SciPy does not have."""
    for symbol in symbols:
        _bind(symbol)


@cache
def _bind(symbol: str) -> None:
    function = function_of(symbol)
    name = f"__pyx_fuse_{_FUSED[function]}{function}" if function in _FUSED else function
    capsule = scipy_special().cython_special.__pyx_capi__.get(name)
    if capsule is None:
        raise CompileError(
            f"this SciPy has no compiled function {function}", hint="install SciPy 1.13 or later"
        )
    named = ctypes.pythonapi.PyCapsule_GetName
    named.restype, named.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    toolchain()[0].add_symbol(symbol, pointer(capsule, named(capsule)))


__all__ = ["DIGAMMA", "PREFIX", "bind", "function_of", "is_symbol", "symbols_in"]

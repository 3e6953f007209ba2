"""The functions that exist, by name, and their text as LLVM IR.

    @function("exp")
    def exp(m: Writer, x: Value) -> Value: ...

makes @graphc_exp_f64 and @graphc_exp_f32 known. `emit.Builder.call` looks here first, then in the C library.
"""

from __future__ import annotations

import inspect
import platform
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from graphc.lower.vecmath.writer import DOUBLE, SINGLE, Value, Writer

Body = Callable[..., Value]

_FUNCTIONS: dict[tuple[str, int], Body] = {}


def function(name: str, *, only: int | None = None) -> Callable[[Body], Body]:
    """Register a function under `name`: for both formats, or for that of `only` bits.

    The decorated function takes the writer and the operands, and returns the result.
    """

    def register(body: Body) -> Body:
        for bits in (64, 32) if only is None else (only,):
            assert (name, bits) not in _FUNCTIONS, f"{name} is written twice for {bits} bits"
            _FUNCTIONS[name, bits] = body
        return body

    return register


class Definition(NamedTuple):
    """symbol : what the module calls; text : its definition; declarations : of the intrinsics it calls."""

    symbol: str
    text: str
    declarations: tuple[str, ...]


def names() -> list[tuple[str, int]]:
    """(name, bits) of every function, in the order of registration."""
    return list(_FUNCTIONS)


def arity(name: str, bits: int) -> int:
    """How many operands a function takes."""
    return len(inspect.signature(_FUNCTIONS[name, bits]).parameters) - 1


def exists(name: str, bits: int) -> bool:
    """Whether the function is written here and this processor can run it."""
    return (name, bits) in _FUNCTIONS and has_fma()


@cache
def definition(name: str, bits: int, inline: bool) -> Definition:
    """The definition of a function: to be inlined where it is called (in loops), or called (in straight-line code)."""
    writer = Writer(DOUBLE if bits == 64 else SINGLE)
    kind = writer.format.real
    operands = [Value(writer, f"%x{number}", kind) for number in range(arity(name, bits))]
    result = _FUNCTIONS[name, bits](writer, *operands)
    assert result.kind == kind, f"{name} of {kind} gives {result.kind}"
    symbol = f"graphc_{name}_f{bits}"
    parameters = ", ".join(f"{kind} {operand.text}" for operand in operands)
    how = "alwaysinline" if inline else "noinline"
    lines = "\n".join(writer.lines)
    text = (
        f"define internal {kind} @{symbol}({parameters}) nounwind willreturn memory(none) {how} {{\n"
        f"{lines}\n  ret {kind} {result.text}\n}}\n"
    )
    return Definition(symbol, text, tuple(sorted(writer.declarations)))


@cache
def _features() -> dict[str, bool]:
    """What the processor that code is made for can do, by LLVM's names."""
    from llvmlite import binding
    from numba.core import config

    chosen = getattr(config, "CPU_FEATURES", None)  # the user's, by Numba's environment variable
    if chosen is not None:
        return {item[1:]: item[0] == "+" for item in str(chosen).split(",") if item}
    return dict(binding.get_host_cpu_features())


@cache
def has_fma() -> bool:
    """Whether multiplication and addition fuse into one instruction; elsewhere `llvm.fma` is a slow call."""
    machine: Any = platform.machine().lower()
    return machine in ("aarch64", "arm64", "ppc64le", "riscv64") or _features().get("fma", False)

"""The functions that exist, by name, and their text as LLVM IR.

    @function("exp")
    def exp(m: Writer, x: Value) -> Value: ...

makes @graphc_exp_f64 and @graphc_exp_f32 known. `emit.LlvmBuilder.call` looks here first, then in the C library.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from graphc.compiler.targets.llvm.libm.processor import has_fma
from graphc.compiler.targets.llvm.libm.writer import DOUBLE, SINGLE, LibmValue, LibmWriter
from graphc.errors import CompileError, DefinitionError

Body = Callable[..., LibmValue]

_FUNCTIONS: dict[tuple[str, int], Body] = {}


class BeyondLimit(NamedTuple):
    """Where a function needs another way: for |x| > limit, by `body`."""

    limit: float
    body: Body


_RESTS: dict[tuple[str, int], BeyondLimit] = {}


def function(
    name: str, *, only: int | None = None, rest: BeyondLimit | None = None
) -> Callable[[Body], Body]:
    """Register a function under `name`: for both formats, or for that of `only` bits.

    The decorated function takes the writer and the operands, and returns the result.
    With `rest`, a function of one operand holds up to a limit only, and the rest is left to a second function, which
    is called: loops look whether any operand lies beyond the limit before they do without it.
    """

    def register(body: Body) -> Body:
        for bits in (64, 32) if only is None else (only,):
            if (name, bits) in _FUNCTIONS:
                raise DefinitionError(f"{name} is written twice for {bits} bits")
            _FUNCTIONS[name, bits] = body
            if rest is not None:
                _RESTS[name, bits] = rest
        return body

    return register


_FORMS: dict[tuple[str, int], Body] = {}
"""What a function is for an operand that is known."""


def form(name: str, bits: int, body: Body) -> None:
    """Register what stands for a function where an operand is known, as pow_3 for x**3; it is no function by name."""
    _FORMS[name, bits] = body


class LibmFunction(NamedTuple):
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
    return ((name, bits) in _FUNCTIONS or (name, bits) in _FORMS) and has_fma()


def limit(name: str, bits: int) -> float | None:
    """The |x| beyond which a function needs its second way; None if it has none."""
    rest = _RESTS.get((name, bits))
    return None if rest is None else rest.limit


@cache
def definition(name: str, bits: int, inline: bool, within: bool = False, waits: bool = False) -> LibmFunction:
    """The definition of a function: to be inlined where it is called (in loops), or called (in straight-line code).

    within : whether no operand lies beyond the function's `limit`, so that it is free of branches
    waits : whether a loop waits for it: its choices, of numbers that hardly come, are then branches
    """
    rest = _RESTS.get((name, bits))
    kinds = ("_near" if rest is not None and within else "") + ("_waited" if waits else "")
    symbol = f"graphc_{name}{kinds}_f{bits}"
    writer, head, result = _written(_FUNCTIONS.get((name, bits)) or _FORMS[name, bits], symbol, bits, waits)
    how = "alwaysinline" if inline else "noinline"
    lines, kind = writer.lines, writer.format.real
    second = ""
    if rest is not None and not within:
        beyond, header, answer = _written(rest.body, f"graphc_{name}_far_f{bits}", bits)
        body = "\n".join(beyond.lines)
        second = f"{header} noinline cold {{\n{body}\n  ret {kind} {answer.text}\n}}\n"
        writer.declarations |= beyond.declarations
        test = LibmWriter(writer.format)
        size = test.abs(LibmValue(test, "%x0", kind))
        writer.declarations |= test.declarations
        lines = [
            *(line.replace("%t", "%size") for line in test.lines),
            f"  %far = fcmp ogt {kind} {size.text.replace('%t', '%size')}, {size.writer.number(rest.limit).text}",
            "  br i1 %far, label %beyond, label %near",
            "beyond:",
            f"  %answer = call {kind} @graphc_{name}_far_f{bits}({kind} %x0)",
            f"  ret {kind} %answer",
            "near:",
            *lines,
        ]
    text = f"{head} {how} {{\n" + "\n".join(lines) + f"\n  ret {kind} {result.text}\n}}\n{second}"
    return LibmFunction(symbol, text, tuple(sorted(writer.declarations)))


def _written(body: Body, symbol: str, bits: int, waits: bool = False) -> tuple[LibmWriter, str, LibmValue]:
    """The writer that has written a body, the head of its definition, and its result."""
    writer = LibmWriter(DOUBLE if bits == 64 else SINGLE, waits)
    kind = writer.format.real
    count = len(inspect.signature(body).parameters) - 1
    operands = [LibmValue(writer, f"%x{number}", kind) for number in range(count)]
    result = body(writer, *operands)
    if result.kind != kind:
        raise CompileError(f"{symbol} of {kind} gives {result.kind}")
    parameters = ", ".join(f"{kind} {operand.text}" for operand in operands)
    return writer, f"define internal {kind} @{symbol}({parameters}) nounwind willreturn memory(none)", result

"""Mathematical functions as machine code that modules share: made once on a machine, kept on disk, linked when they are called.

Long straight-line code calls them a thousand times and is generated in a sixth of the time where they are no part of it: what is
left is arithmetic between calls, over which no register is kept, so that LLVM's fast selection of instructions and allocation of
registers give code that is as quick as by the slow ones. The functions themselves go through the slow ones.

A power whose exponent is known is a function of its own, in which LLVM has made use of that.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from graphc.compiler.engine.code_generator import STRAIGHT
from graphc.compiler.engine.jit import Library, resident
from graphc.compiler.targets.llvm import libm

_SYMBOL = re.compile(r"graphc_shared_(\w+?)_f(32|64)(?:_by_(0x[0-9A-F]{16}))?")

_DECLARED = re.compile(rf"^declare \w+ @({_SYMBOL.pattern})\(", re.MULTILINE)


KNOWN_EXPONENTS = 4
"""The most exponents for each of which a module calls a power of its own."""


def called(name: str, bits: int, operands: Sequence[str], declared: Collection[str]) -> tuple[str, int]:
    """The symbol under which a module calls a function, and how many of the operands it hands over.

    operands : as LLVM's text writes them; declared : what the module calls already
    """
    symbol = f"graphc_shared_{name}_f{bits}"
    if name == "pow" and operands[1].startswith("0x"):
        known = f"{symbol}_by_{operands[1]}"
        if known in declared or sum(each.startswith(f"{symbol}_by_") for each in declared) < KNOWN_EXPONENTS:
            return known, 1
    return symbol, len(operands)


def is_symbol(text: object) -> bool:
    """Whether it is the symbol of a function that there is."""
    match = _SYMBOL.fullmatch(text) if isinstance(text, str) else None
    return (
        match is not None and libm.exists(match[1], int(match[2])) and (match[3] is None or match[1] == "pow")
    )


def symbols_in(text: str) -> tuple[str, ...]:
    """The symbols of the functions that a module calls, from its text."""
    return tuple(dict.fromkeys(match[1] for match in _DECLARED.finditer(text)))


def libraries(symbols: Iterable[str]) -> list[Library]:
    """The functions' machine code."""
    return [resident(definition(symbol), (symbol,), plain=True) for symbol in symbols]


def definition(symbol: str) -> str:
    """The module of a function."""
    match = _SYMBOL.fullmatch(symbol)
    assert match is not None
    name, bits, exponent = match[1], int(match[2]), match[3]
    function = libm.definition(name, bits, inline=False)
    kind = "double" if bits == 64 else "float"
    parts = [STRAIGHT + "\n".join(function.declarations)]
    if exponent is None:
        parts.append(
            function.text.replace(
                f"define internal {kind} @{function.symbol}(", f"define {kind} @{symbol}(", 1
            )
        )
    else:
        parts += [
            function.text,
            f"define {kind} @{symbol}({kind} %x0) nounwind willreturn memory(none) {{\n"
            f"  %power = call {kind} @{function.symbol}({kind} %x0, {kind} {exponent})\n  ret {kind} %power\n}}\n",
        ]
    return "\n".join([*parts, ""])

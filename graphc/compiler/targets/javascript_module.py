"""A program of the loop IR as a JavaScript module: one function over typed arrays.

    export function f(n, x, w)      lengths, inputs; gives an array of the results

Arrays are typed arrays in the order of rows (`Float64Array`, `Float32Array`, `BigInt64Array`, …; truth values in `Uint8Array`).
A single float is a number, a truth value a boolean, an integer a BigInt. Inputs that are updated are written. What lengths or
values make impossible throws a `RangeError`. Functions that stay calls are functions of the module, which it does not export.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from graphc.compiler.loops.expand_calls import expand_calls
from graphc.compiler.loops.program import Program
from graphc.compiler.targets.javascript import expanded, literal
from graphc.compiler.targets.javascript_math import HELPERS
from graphc.compiler.targets.javascript_names import ARRAYS
from graphc.compiler.targets.javascript_program import JavaScriptFunction, function_name
from graphc.version import __version__

_FLOOR = "const floorDiv = (a, b) => Math.floor(a / b);"


def module(program: Program, formula: str, turns: int = 0) -> str:
    """The text of the module; `formula` stands in a comment. With `turns` it is a function of a script, not exported, whose while
    loops together throw a `RangeError` after so many turns.

    Raises `CompileError` for routines and operations that have no form in JavaScript.
    """
    program = expand_calls(program)
    writers = [
        *(JavaScriptFunction(replace(f, name=function_name(f.name)), turns) for f in program.functions),
        JavaScriptFunction(program, turns),
    ]
    lines = [line for writer in writers[:-1] for line in writer.function()]
    first, *rest = writers[-1].function()
    lines = ["", *lines, first if turns else f"export {first}", *rest]
    head = [f"// Written by graphc {__version__}.", f"// {formula}"]
    helpers = {name for writer in writers for name in writer.builder.helpers}
    written = [HELPERS[name] for name in HELPERS if name in helpers]
    written += {k: text for writer in writers for k, text in writer.builder.definitions.items()}.values()
    if any("floor_div(" in line for line in lines):
        head.append(_FLOOR)
    head += [line for text in written for line in text.strip().splitlines()]
    head += [line for writer in writers for line in _constants(writer)]
    return "\n".join([*head, *(line.replace("floor_div(", "floorDiv(") for line in lines), ""])


def _constants(writer: JavaScriptFunction) -> list[str]:
    """The arrays that a function reads from the module."""
    lines = []
    for buffer in writer.program.of_role("constant"):
        kind, values = ARRAYS[buffer.dtype.name], np.ravel(np.asarray(buffer.values))
        big = kind.startswith("Big")
        texts = [
            f"{int(v)}n" if big else str(int(v)) if buffer.dtype.kind in "biu" else literal(v, buffer.dtype)
            for v in values
        ]
        lines.append(f"const {writer.index.name(buffer.name)} = {kind}.of({', '.join(texts)});")
    return lines


__all__ = ["expanded", "module"]

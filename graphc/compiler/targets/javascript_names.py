"""What JavaScript modules call things: words that are taken, kinds of arrays, names and strings."""

from __future__ import annotations

import re

from graphc.compiler.targets.javascript_math import HELPERS

WORDS = frozenset(
    """abstract arguments await boolean break byte case catch char class const continue debugger default delete do double else
    enum eval export extends false final finally float for function goto if implements import in instanceof int interface let long
    native new null package private protected public return short static super switch synchronized this throw throws transient
    true try typeof var void volatile while with yield async of get set undefined NaN Infinity Math Number BigInt Array Object
    RangeError Float64Array Float32Array Uint8Array floorDiv each total""".split()
)
TAKEN = re.compile(r"t\d+|\w*_(?:error|next|best|any|place|old|big)")

ARRAYS = {
    "float64": "Float64Array", "float32": "Float32Array", "bool": "Uint8Array", "int8": "Int8Array", "int16": "Int16Array",
    "int32": "Int32Array", "int64": "BigInt64Array", "uint8": "Uint8Array", "uint16": "Uint16Array", "uint32": "Uint32Array",
    "uint64": "BigUint64Array",
}  # fmt: skip
"""The typed array of each dtype."""


def own_name(name: str, names: list[str], function: str) -> str:
    """A name that JavaScript does not keep for itself, and that nothing else in the module has; it joins `names`."""
    plain = re.sub(r"\W", "_", name, flags=re.ASCII)
    if plain == name and not (name in WORDS or name in HELPERS or name == function or TAKEN.fullmatch(name)):
        return name
    plain = f"own_{plain}_"
    while plain in names:
        plain += "_"
    names.append(plain)
    return plain


def quoted(text: str) -> str:
    """A text as a string of JavaScript."""
    plain = "".join(
        sign if sign.isascii() and sign.isprintable() and sign not in "\\'" else " " for sign in text
    )
    return f"'{plain}'"


__all__ = ["ARRAYS", "own_name", "quoted"]

"""Valid texts and files made invalid: bits turned, parts lost, doubled, moved, and hostile ones put between."""

# ruff: noqa: E501  a row of a table is a line

from __future__ import annotations

import copy
import random
from collections.abc import Sequence

HOSTILE_BYTES = (
    b"\0", b"\xff" * 8, b"\0" * 64, b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b\x08", b"\x93NUMPY", b"{", b"}" * 9, b"[" * 2000, b"9" * 5000,
    b"-1", b"NaN", b"1e999", b"\xc3\x28", b'"', b"'", b"\\u0000", b"(", b"object", b"|O", b"<f8", b"True", b"None", b"\xed\xa0\x80",
    b"\x7f\xff\xff\xff\xff\xff\xff\xff", b"../../x", b"\r\n", b"__import__('os')",
)  # fmt: skip

HOSTILE_TOKENS = (
    "index", "at_set", "at_add", "at", "reshape", "sum", "einsum", "astype", "where", "where(", "maxout", "min", "max", "(", ")", "[", "]", ",",
    ":", "=", "==", "**", "**-1", "//", "%", "@", ".T", "~", "not ", " and ", " or ", " if ", " else ", "None", "True", "False", "0", "-1",
    "1e400", "1e-400", "9**9**9", "10**400", "0x10", "1_0", "1j", "inf", "nan", "pi", "e", "x", "n", "X", "axis=", "shape=", "keepdims=True",
    "dtype=", "float32", "int8(300)", "uint8(-1)", "bool(2)", '"', '"ij->j"', "'", "\\", "\0", "\ud800", "ｘ", "µ", "é", "−", "√", "𝐱", "\u202e",
    "\n", "\t", "#", ";", "lambda", "import os", "__class__", "{", "}", "`", "…", "...", "::", "9" * 401, "9" * 5000, "(" * 160, "x+" * 2100, "a" * 9000,
    "polygamma(", "linspace(0,1,-1)", "arange(10**9)", "eye(10**9)", "tile(x, 10**9)", "repeat(x,", "pad(x,", "conv2d(x,x)", "norm(x, 10**400)",
    "full((", "zeros(10**12)", "split(x, 2)", "one_hot(", "roll(x,", "<", ">=", "!=", "&", "|", "^", "0**-1", "0/0", "2**63", "-2**63", "1<<9",
)  # fmt: skip


def mutate_bytes(data: bytes, rng: random.Random, others: Sequence[bytes] = ()) -> bytes:
    """The bytes with one to four changes."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        if not changed:
            return bytes(changed)
        start, end = sorted((rng.randrange(len(changed) + 1), rng.randrange(len(changed) + 1)))
        if rng.random() < 0.7:  # mostly a short part
            end = min(end, start + rng.randrange(1, 16))
        match rng.randrange(8):
            case 0 | 1:
                place = rng.randrange(len(changed))
                changed[place] ^= 1 << rng.randrange(8)
            case 2:
                del changed[rng.randrange(len(changed)) :]
            case 3:
                del changed[start:end]
            case 4:
                changed[start:start] = changed[start:end]
            case 5:
                changed[start:end] = rng.choice(HOSTILE_BYTES)
            case 6:
                changed[start:end] = rng.randbytes(end - start)
            case _:
                other = rng.choice(others) if others else data
                first = rng.randrange(len(other) + 1)
                changed[start:end] = other[first : first + rng.randrange(1, 64)]
    return bytes(changed)


def mutate_text(text: str, rng: random.Random, tokens: Sequence[str] = HOSTILE_TOKENS) -> str:
    """The text with one to four changes."""
    for _ in range(rng.choice((1, 1, 2, 4))):
        start, end = sorted((rng.randrange(len(text) + 1), rng.randrange(len(text) + 1)))
        if rng.random() < 0.8:
            end = min(end, start + rng.randrange(1, 6))
        match rng.randrange(6):
            case 0:
                text = text[:start] + text[end:]
            case 1 | 2:
                text = text[:start] + rng.choice(tokens) + text[start:]
            case 3:
                text = text[:start] + rng.choice(tokens) + text[end:]
            case 4:
                text = (
                    text[:start]
                    + chr(rng.choice((rng.randrange(32, 127), rng.randrange(0x3000))))
                    + text[end:]
                )
            case _:
                text = text[:end] + text[start:]
    return text


def mutate_plain(value: object, rng: random.Random) -> object:
    """Plain data, as JSON holds it, with one part replaced by another kind or left out."""
    if rng.random() < 0.25 or not isinstance(value, (dict, list)) or not value:
        return copy.deepcopy(rng.choice(PLAIN))
    if isinstance(value, dict):
        changed = dict(value)
        key = rng.choice(list(changed))
        match rng.randrange(8):
            case 0:
                del changed[key]
            case 1:
                changed[rng.choice(("", "x", "op", "attrs", "\0", "format", key * 2))] = changed[key]
            case _:
                changed[key] = mutate_plain(changed[key], rng)
        return changed
    items = list(value)
    place = rng.randrange(len(items))
    match rng.randrange(8):
        case 0:
            del items[place]
        case 1:
            items.insert(place, rng.choice(items))
        case 2:
            rng.shuffle(items)
        case _:
            items[place] = mutate_plain(items[place], rng)
    return items


def _nested(depth: int) -> list[object]:
    nested: list[object] = []
    for _ in range(depth):
        nested = [nested]
    return nested


PLAIN = (
    None, True, False, 0, 1, -1, 2, 7, 2**31, 2**63, 10**18, 10**30, -(10**30), 0.5, 1e308, float("inf"), float("nan"), "", "x", "n", "n*n*n - 1",
    "n//0", "float64", "int8", "float16", "leaf", "sum", "index", "symbol", "constant", "reshape", "einsum", "exp", "\0", "\ud800", "9" * 5000,
    "x" * 70000, "0" * 64, "00000000000000f03f", "class", "def", "_x", "A", [], {}, [[]], [None], [0], [1], [-1], [0, 0], [0, 1, 2], ["n"], ["slice", None, None, 0],
    ["array"], [["slice", 0, 1, None]], {"dim": "n"}, {"dim": "n//0"}, {"dim": "("}, {"float": "inf"}, {"float": "1e999"}, {"float": "nan"}, {"tuple": ["leaf"]},
    {"dict": ["a"], "items": ["leaf"]}, {"namedtuple": "class", "fields": ["def"], "items": ["leaf"]}, {"namedtuple": "A", "fields": ["a", "a"], "items": ["leaf", "leaf"]},
    _nested(40), _nested(60), [10**9, 10**9], [10**18] * 8, [1] * 70,
)  # fmt: skip
"""Values to be put anywhere in plain data."""

__all__ = ["HOSTILE_BYTES", "HOSTILE_TOKENS", "PLAIN", "mutate_bytes", "mutate_plain", "mutate_text"]

"""Long texts of a page in few bytes: lines of one form share it, their numbers stand in columns, and all that is deflated.

What a player's page says of two thousand nodes is a few dozen forms of lines with other numbers in them. Deflate alone finds the
forms and takes the numbers as they come, which is then most of the bytes; told by how much each differs from the one before it,
in the same column or on the same line, most of them are small or 0. `unpack.js` writes the text again, to the letter.
"""

from __future__ import annotations

import base64
import json
import math
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence

_NUMBER = re.compile(r"(?:0|[1-9][0-9]{0,11})(?:\.[0-9]{1,3})?(?![0-9])")
"""A number that is written again as it stands from its digits and how many of them are decimals."""

_LINE = re.compile(r"(?=<(?:g|section|li|label|div|option|text) )|(?<=, )(?=\{)|(?<=\n)")
"""Where a text is cut into lines: before what comes again and again, in HTML and in data."""

_BACK = 15
"""A number is told by its difference from one of so many before it on its line, or from that of the line before."""

_SAMPLE = 48
"""So many lines of a form choose what tells its columns best."""


def packed(text: str) -> str:
    """A text as base64 of deflated bytes: the length of the forms, the forms, and numbers of seven bits a byte.

    >>> import zlib, base64
    >>> len(packed("".join(f"<g x='{k}' y='{3 * k}'/>" for k in range(2000))))
    108
    """
    forms: dict[tuple[str, ...], int] = {}
    tables: list[tuple[list[int], list[list[int]]]] = []
    order: list[int] = []
    for line in _LINE.split(text):
        pieces, digits, numbers = _parts(line)
        form = (*pieces, "".join(map(str, digits)))
        number = forms.setdefault(form, len(forms))
        if number == len(tables):
            tables.append((digits, []))
        tables[number][1].append(numbers)
        order.append(number)
    out = bytearray()
    _write(out, [len(order), *_differences(order)])
    for digits, rows in tables:
        for column in range(len(digits)):
            back = _teller(rows[:_SAMPLE], column)
            _write(out, [back, *_told(rows, column, back)])
    head = json.dumps([*forms], ensure_ascii=False, separators=(",", ":")).encode()
    size = bytearray()
    _write(size, [len(head)])
    return base64.b64encode(zlib.compress(bytes(size) + head + bytes(out), 9)).decode()


def _parts(line: str) -> tuple[list[str], list[int], list[int]]:
    """What stands around the numbers of a line, how many decimals each has, and the numbers without their points."""
    pieces, digits, numbers, at = [], [], [], 0
    for match in _NUMBER.finditer(line):
        pieces.append(line[at : match.start()])
        whole, _, decimals = match[0].partition(".")
        digits.append(len(decimals))
        numbers.append(int(whole + decimals))
        at = match.end()
    return [*pieces, line[at:]], digits, numbers


def _told(rows: Sequence[Sequence[int]], column: int, back: int) -> list[int]:
    """A column by differences: 0 from the line before, else from the number so many places before on its line."""
    if not back:
        return _differences([row[column] for row in rows])
    return [row[column] - row[column - back] for row in rows]


def _differences(numbers: Sequence[int]) -> list[int]:
    return [new - old for old, new in zip([0, *numbers], numbers, strict=False)]


def _teller(rows: Sequence[Sequence[int]], column: int) -> int:
    """What tells a column in the fewest bits: its entropy, and each difference that occurs once more for itself."""

    backs = range(min(column, _BACK) + 1)
    if len(rows) == 1:
        return min(backs, key=lambda back: abs(_told(rows, column, back)[0]))
    size = len(rows)

    def bits(back: int) -> float:
        counts = Counter(_told(rows, column, back)).items()
        return sum(
            8 + math.log2(abs(number) + 1) - count * math.log2(count / size) for number, count in counts
        )

    return min(backs, key=bits)


def _write(out: bytearray, numbers: Iterable[int]) -> None:
    """Whole numbers in groups of seven bits, low ones first, their signs in the lowest bit."""
    for number in numbers:
        left = 2 * number if number >= 0 else -2 * number - 1
        while left > 127:
            out.append(left & 127 | 128)
            left >>= 7
        out.append(left)


__all__ = ["packed"]

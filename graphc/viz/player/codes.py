"""Codes of exercises: what a pupil hands in, and how a teacher reads it.

A code says which numbers were asked for, how many half points were reached of how many questions, and ends in a check over these,
the exercise and the pupil's name. It is made in the pupil's own browser, so it holds honest mistakes apart, not a forger.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from graphc.errors import InputError, brief
from graphc.ir.expr import Expr
from graphc.ir.printer import format_number, render

_SIGNS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's alphabet for base 32: no letter that is taken for another one."""

_CODE = re.compile(r"G1-(\d{1,5})-(\d{1,5})-(\d{1,5})-([0-9A-Z]{8})")


class Formulas(Protocol):
    """What is read of a graph."""

    exprs: tuple[Expr, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class CodeResult:
    """What a code says.

    points, questions : half points count as 0.5
    variant : the number of the numbers that were asked for; 0 are those that the exercise was made with
    """

    points: float
    questions: int
    variant: int

    @property
    def share(self) -> float:
        """The part of all points, from 0 to 1."""
        return self.points / self.questions if self.questions else 0.0


def exercise_key(graph: Formulas, symbols: Sequence[Expr], values: Sequence[Any], digits: int) -> str:
    """What an exercise is known by: its formulas, the numbers that it begins with, and their significant digits.

    symbols, values : of the graph, in their order
    """
    formulas = [render(graph.exprs[output], budget=100_000) for output in graph.outputs]
    numbers = [[x.name, format_number(value)] for x, value in zip(symbols, values, strict=True)]
    told = json.dumps([formulas, numbers, digits], ensure_ascii=False)
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def sealed(text: str) -> str:
    """Eight signs over a text: two sums FNV-1a of 32 bits, http://www.isthe.com/chongo/tech/comp/fnv/

    >>> sealed("a|b|0-0-1")
    'NS721710'
    """
    parts = (_fnv(text, 0x811C9DC5), _fnv(f"{text}|", 0x050C5D1F))
    return "".join(_SIGNS[(part >> shift) & 31] for part in parts for shift in (0, 5, 10, 15))


def _fnv(text: str, begin: int) -> int:
    hashed = begin
    for byte in text.encode():
        hashed = ((hashed ^ byte) * 0x01000193) & 0xFFFFFFFF
    return hashed


def read_code(code: Any, key: str, pupil: Any) -> CodeResult:
    """What a code of an exercise says; raises `InputError` for one that is none, or of another exercise or pupil."""
    if not isinstance(code, str) or not isinstance(pupil, str):
        raise InputError(
            f"a code and a name are texts, not {brief(code)} and {brief(pupil)}",
            hint='write g.check_code("G1-0-32-16-…", loss, at=point, pupil="Ana Pop")',
        )
    match = _CODE.fullmatch(code.strip().upper())
    if match is None:
        raise InputError(
            f"{brief(code)} is no code of an exercise", hint="copy it whole: G1-0-32-16-XXXXXXXX"
        )
    variant, halves, questions = (int(text) for text in match.groups()[:3])
    name = " ".join(pupil.split()).lower()
    if sealed(f"{key}|{name}|{variant}-{halves}-{questions}") != match[4] or halves > 2 * questions:
        raise InputError(
            f"the code {match[0]} is not one of this exercise for {brief(pupil)}",
            hint="formula, point and digits= are those of the exercise, the name as it was typed there",
        )
    return CodeResult(halves / 2, questions, variant)


__all__ = ["CodeResult", "exercise_key", "read_code", "sealed"]

"""The first pass over a formula's text: what is not part of a formula is refused, with its column.

Token by token, in linear time and constant stack: so Python's own parser never sees a quoted text, a
subscript, a number of a million digits, or nesting that it could not bear.
"""

from __future__ import annotations

import ast
import math
import re
import unicodedata
from collections.abc import Container
from typing import Any, NoReturn

from graphc.errors import GraphcError, ParseError
from graphc.ir.expr import current_site

MAX_LENGTH = 100_000
"""Characters of a formula."""

MAX_BRACKETS = 150
"""Nested brackets; Python's own tokenizer stops at 200."""

MAX_DEPTH = 2_000
"""Operators inside each other, a chain such as a + b + c included; Python 3.11's parser bears 2,900."""

MAX_DIGITS = 400
"""Characters of a number; the largest float64 has 309 digits."""

_TOKEN = re.compile(
    r"(?P<space>[ \t]+)"
    r"|(?P<number>(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9][0-9_]*)?)"
    r"|(?P<transpose>\.T)\b"
    r"|(?P<name>[^\W\d]\w*)"
    r"|(?P<text>\"[A-Za-z,.> -]*\")"
    r"|(?P<operator>\*\*|//|<=|>=|==|!=|[-+*/%@<>&|^~(),=:]|\[|\])"
)

_INFIX_TOKENS = "+ - * / // % @ ** < <= > >= == != & | ^ and or if else"
_WORDS_OF_PYTHON = (
    "None as assert async await break class continue def del except finally for from global import in is"
    " lambda nonlocal pass raise return try while with yield"
)
_PREFIX = frozenset(("+", "-", "~", "not"))
_INFIX = frozenset(_INFIX_TOKENS.split())
_FOREIGN = frozenset(_WORDS_OF_PYTHON.split())
_BEFORE_OPERAND = _PREFIX | _INFIX | {"", "(", ",", "=", "[", ":"}

_GREEK_TWINS = frozenset("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧο")
"""Greek letters that cannot be told from Latin ones."""

_BY_OPERATORS = "build it with Python's operators"

_NOT_ALLOWED = {
    '"': ("text in quotes is", "write names without quotes"),
    "'": ("text in quotes is", "write names without quotes"),
    ".": ("attribute access is", "functions are written by name alone, as in exp(x)"),
    "{": ("a set or dict is", "round brackets group"),
    "\n": ("a line break is", "write the formula on one line"),
    "\r": ("a line break is", "write the formula on one line"),
    "#": ("a comment is", "leave it out"),
    "!": ("! is", "write gamma(n + 1) for a factorial, ~c or `not c` for a negation"),
    "×": ("× is", "write *"), "·": ("· is", "write *"), "⋅": ("⋅ is", "write *"), "÷": ("÷ is", "write /"),
    "−": ("− (MINUS SIGN) is", "write -"), "–": ("– (EN DASH) is", "write -"), "√": ("√ is", "write sqrt(x)"),
    "≤": ("≤ is", "write <="), "≥": ("≥ is", "write >="), "≠": ("≠ is", "write !="),
    "∧": ("∧ is", "write &"), "∨": ("∨ is", "write |"), "¬": ("¬ is", "write ~"),
}  # fmt: skip
"""Character → what it would be, and what to write instead."""


class FormulaText:
    """The text of a formula, and how to point at a place in it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.encoded = text.encode(errors="replace")

    def mark(self, start: int, end: int) -> str:
        """The column, and the text around it with carets below, up to `end`."""
        first = 0 if start <= 60 else start - 40
        last = min(len(self.text), first + 100)
        lead, tail = "…" if first else "", "…" if last < len(self.text) else ""
        part = "".join(map(_printable, self.text[first:last]))
        carets = "^" * max(1, min(end, last) - start)
        return (
            f"(column {start + 1})\n    {lead}{part}{tail}\n    {' ' * (start - first + len(lead))}{carets}"
        )

    def refuse(
        self, what: str, start: int, end: int, hint: str, kind: type[GraphcError] = ParseError
    ) -> NoReturn:
        raise kind(f"{what} {self.mark(start, end)}", site=current_site(), hint=hint)

    def span(self, node: Any) -> tuple[int, int]:
        """Where a syntax node stands; `ast` counts UTF-8 bytes."""
        start, end = (len(self.encoded[:at].decode()) for at in (node.col_offset, node.end_col_offset))
        return start, end


def _printable(character: str) -> str:
    return character if character.isprintable() else " " if character == "\t" else "\N{REPLACEMENT CHARACTER}"


def syntax_tree(text: str, declared: Container[str]) -> tuple[FormulaText, ast.expr]:
    """Python's syntax tree of a formula that holds allowed tokens only, in an order that makes sense.

    declared : names that may be written in any alphabet. Raises `ParseError` with the column marked.
    """
    source = FormulaText(text.strip(" \t\r\n"))
    _scan(source, declared)
    try:
        return source, ast.parse(source.text, mode="eval").body
    except SyntaxError as error:
        start = min(max((error.offset or 1) - 1, 0), len(source.text))
        hint = "g.parse reads one formula in Python's syntax"
        source.refuse(f"not a formula: {error.msg}", start, start + 1, hint)
    except (RecursionError, MemoryError):
        # Python's parser counts the frames that are running already
        source.refuse("the formula is nested too deeply", 0, 1, _BY_OPERATORS)


def _scan(source: FormulaText, declared: Container[str]) -> None:
    text = source.text
    if len(text) > MAX_LENGTH:
        source.refuse(
            f"the formula has {len(text):,} characters, more than {MAX_LENGTH:,}", 0, 1, _BY_OPERATORS
        )
    if not text:
        source.refuse("the formula is empty", 0, 1, 'write g.parse("x*w + b")')

    brackets: list[tuple[int, str]] = []  # where each stands, and what it holds
    chains = [0]  # the operators so far at each level: what may stand inside each other
    depth = start = position = 0
    previous = before = ""  # the last two tokens; any number is '0', any name 'x'

    def refuse(what: str, hint: str) -> NoReturn:
        source.refuse(what, start, position, hint)

    while position < len(text):
        start = position
        match = _TOKEN.match(text, start)
        if match is None:
            _refuse_character(source, start)
        kind, token, position = match.lastgroup, match[0], match.end()
        if kind == "space":
            continue
        if kind == "number":
            _check_number(source, token, start)
            token = "0"
        inside = brackets[-1][1] if brackets else "nothing"
        if kind == "text":
            if inside != "call" or previous not in ("(", ",", "="):
                _refuse_character(source, start)
            token = "0"
        elif token == "None" and (inside in ("index", "tuple") or previous == "="):
            token = "0"
        elif kind == "name" and token not in _PREFIX and token not in _INFIX:
            _check_name(source, token, start, declared)
            token = "x"

        operand_next = previous in _BEFORE_OPERAND
        if kind == "transpose":
            if operand_next:
                _refuse_character(source, start)
            chains[-1] += 1
            depth += 1
            token = ")"  # what ends an operand
        elif token in ("0", "x"):
            if not operand_next:
                refuse("an operator is missing", "a product needs its *, as in 2*x")
        elif token == "(":
            if not operand_next and previous != "x":
                refuse("this cannot be called", "a product needs its *, as in a*(b + c)")
            if len(brackets) == MAX_BRACKETS:
                refuse(f"brackets are nested more than {MAX_BRACKETS} deep", _BY_OPERATORS)
            # a tuple stands for axes or a shape, after = or inside another one
            listing = previous == "=" or (inside == "tuple" and previous in ("(", ","))
            # as a later argument a bracket may hold either: a comma decides
            open_to = (inside == "call" and previous == ",") or (
                inside == "either" and previous in ("(", ",")
            )
            kind = "tuple" if listing else "either" if open_to else "group"
            brackets.append((start, kind if operand_next else "call"))
            chains.append(0)
        elif token == "[":
            if operand_next:
                refuse(
                    "a list is not part of a formula",
                    "square brackets index what stands before them, as in X[0]",
                )
            if len(brackets) == MAX_BRACKETS:
                refuse(f"brackets are nested more than {MAX_BRACKETS} deep", _BY_OPERATORS)
            brackets.append((start, "index"))
            chains.append(0)
        elif token in (")", "]"):
            if not brackets or (token == "]") != (inside == "index"):
                refuse("this bracket closes nothing", "remove it, or open one before")
            empty = (
                previous in ("(", ",")
                if inside in ("call", "tuple")
                else inside == "index" and previous == ":"
            )
            if operand_next and not empty:
                refuse("an operand is missing", "write what stands before the bracket")
            brackets.pop()
            depth -= chains.pop()
        elif token == ":":
            if inside != "index":
                refuse(
                    ": is not part of a formula", "a lambda, slice or assignment has no place outside of X[…]"
                )
            if operand_next and previous not in ("[", ",", ":"):
                refuse("an operand is missing", "write what stands before the colon")
            depth -= chains[-1]
            chains[-1] = 0
        elif token == ",":
            if inside == "either":
                brackets[-1] = (brackets[-1][0], "tuple")
            if inside in ("group", "nothing"):
                refuse(
                    "a comma stands only between the arguments of a function", "parse one formula at a time"
                )
            if operand_next and not (inside == "index" and previous == ":"):
                refuse("an argument is missing", "write what stands before the comma")
            depth -= chains[-1]
            chains[-1] = 0
        elif token == "=":
            if not (inside == "call" and previous == "x" and before in ("(", ",")):
                refuse("= assigns and is not part of a formula", "write == to compare")
        else:
            if operand_next and token not in _PREFIX:
                refuse("an operand is missing", f"write what stands before {token}")
            if not operand_next and token not in _INFIX:
                refuse("an operator is missing", f"{token} takes one operand, on its right")
            chains[-1] += 1
            depth += 1
        if depth > MAX_DEPTH:
            refuse(f"operators are chained more than {MAX_DEPTH:,} deep", _BY_OPERATORS)
        previous, before = token, previous

    if brackets:
        close = "]" if brackets[-1][1] == "index" else ")"
        source.refuse(
            "this bracket is never closed", brackets[-1][0], brackets[-1][0] + 1, f"close it with {close}"
        )
    if previous in _PREFIX or previous in _INFIX:
        end = len(text)
        source.refuse("the formula ends where an operand should stand", end, end + 1, "complete it")


def _check_number(source: FormulaText, token: str, start: int) -> None:
    end = start + len(token)
    if len(token) > MAX_DIGITS:
        source.refuse(
            f"a number of {len(token):,} characters", start, end, f"a number has at most {MAX_DIGITS}"
        )
    following = source.text[end : end + 1]
    if following and following in "jJ":
        source.refuse(
            "a complex number is not part of a formula", start, end + 1, "graphc computes with real numbers"
        )
    if token == "0" and following and following in "xXbBoO":
        source.refuse("a number is written in decimal", start, end + 1, "write 255 instead of 0xff")
    if following.isidentifier():
        source.refuse("an operator is missing", end, end + 1, "a product needs its *, as in 2*x")
    try:
        value = float(token)
    except ValueError:
        source.refuse("this is not a number", start, end, "write it as 1000 or 1_000")
    if math.isinf(value):
        source.refuse("a number beyond the range of float64", start, end, "write inf for infinity")


def _check_name(source: FormulaText, token: str, start: int, declared: Container[str]) -> None:
    end = start + len(token)
    if token in _FOREIGN:
        source.refuse(
            f"`{token}` is a word of Python and not part of a formula",
            start,
            end,
            f"for a name write {token}_",
        )
    if token.isascii():
        return
    plain = unicodedata.normalize("NFKC", token)
    if not token.isidentifier() or plain != token:
        # Python reads such letters as others: fullwidth ｘ as x, µ (MICRO SIGN) as μ
        hint = f"plain letters are {plain[:40]!r}; a power is written x**2"
        source.refuse(f"{token[:40]!r} is not a name", start, end, hint)
    if token in declared:
        return
    for offset, letter in enumerate(token):
        name = unicodedata.name(letter, "A LETTER WITHOUT A NAME")
        if letter.isascii() or (name.split()[0] in ("LATIN", "GREEK") and letter not in _GREEK_TWINS):
            continue
        what = f"{letter!r} ({name}) may be mistaken for another letter"
        hint = "a name with such letters is declared: g.parse(text, symbols=[…])"
        source.refuse(what, start + offset, start + offset + 1, hint)


def _refuse_character(source: FormulaText, position: int) -> NoReturn:
    character = source.text[position]
    known = _NOT_ALLOWED.get(character)
    if known is None:
        shown = f"`{character}`" if character.isprintable() else repr(character)
        name = (
            "" if character.isascii() else f" ({unicodedata.name(character, 'a character without a name')})"
        )
        known = (f"{shown}{name} is", "a formula is made of numbers, names, operators and round brackets")
    source.refuse(f"{known[0]} not part of a formula", position, position + 1, known[1])


__all__ = ["FormulaText", "syntax_tree"]

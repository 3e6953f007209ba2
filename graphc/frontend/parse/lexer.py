"""The first pass over a formula's text: what is not part of a formula is refused, with its column.

Token by token, in linear time and constant stack: so Python's own parser never sees a quoted text, a
subscript, a number of a million digits, or nesting that it could not bear.
"""

from __future__ import annotations

import ast
import math
import re
import unicodedata
from collections.abc import Callable, Container
from typing import Any, NamedTuple, NoReturn

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
        self.encoded: bytes = text.encode(errors="replace")

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
    """Refuse a text whose tokens make no formula."""
    if len(source.text) > MAX_LENGTH:
        source.refuse(
            f"the formula has {len(source.text):,} characters, more than {MAX_LENGTH:,}", 0, 1, _BY_OPERATORS
        )
    if not source.text:
        source.refuse("the formula is empty", 0, 1, 'write g.parse("x*w + b")')
    scanner = _Scanner(source, declared)
    while scanner.end < len(source.text):
        scanner.advance()
    scanner.finish()


class _Bracket(NamedTuple):
    """An open bracket: where it stands, and what it holds."""

    start: int
    holds: str


_NO_BRACKET = _Bracket(0, "nothing")


class _Scanner:
    """Token after token against those before: one method for each kind of token that has rules of its own.

    start, end : of the token that is looked at
    previous, before : the last two tokens; any number is "0", any name "x"
    brackets : those that are open: a "group", the arguments of a "call", an "index", a "tuple", or "either" of group and tuple
    chains : for each of them, and the outermost level, the operators so far: what may stand inside each other
    depth : the sum of the chains
    """

    def __init__(self, source: FormulaText, declared: Container[str]) -> None:
        self.source = source
        self.declared = declared
        self.start = self.end = 0
        self.previous = self.before = ""
        self.brackets: list[_Bracket] = []
        self.chains = [0]
        self.depth = 0

    @property
    def inside(self) -> str:
        """What the innermost bracket holds."""
        return (self.brackets[-1] if self.brackets else _NO_BRACKET).holds

    @property
    def operand_next(self) -> bool:
        """Whether an operand is to come, not an operator."""
        return self.previous in _BEFORE_OPERAND

    def refuse(self, what: str, hint: str) -> NoReturn:
        self.source.refuse(what, self.start, self.end, hint)

    def advance(self) -> None:
        """Check the next token."""
        self.start = self.end
        match = _TOKEN.match(self.source.text, self.start)
        if match is None:
            _refuse_character(self.source, self.start)
        self.end = match.end()
        if match.lastgroup == "space":
            return
        token = self._reduced(match.lastgroup, match[0])
        _RULES.get(token, _Scanner._operator)(self, token)
        if self.depth > MAX_DEPTH:
            self.refuse(f"operators are chained more than {MAX_DEPTH:,} deep", _BY_OPERATORS)
        # .T ends an operand, as a bracket does
        self.previous, self.before = ")" if token == ".T" else token, self.previous

    def finish(self) -> None:
        """Refuse what is left open."""
        if self.brackets:
            start, holds = self.brackets[-1]
            close = "]" if holds == "index" else ")"
            self.source.refuse("this bracket is never closed", start, start + 1, f"close it with {close}")
        if self.previous in _PREFIX or self.previous in _INFIX:
            end = len(self.source.text)
            self.source.refuse("the formula ends where an operand should stand", end, end + 1, "complete it")

    def _reduced(self, kind: str | None, token: str) -> str:
        """The token that its rules know: "0" for numbers and what stands like one, "x" for names; each is checked."""
        if kind == "number":
            _check_number(self.source, token, self.start)
            return "0"
        if kind == "text":
            if self.inside != "call" or self.previous not in ("(", ",", "="):
                _refuse_character(self.source, self.start)
            return "0"
        if token == "None" and (self.inside in ("index", "tuple") or self.previous == "="):
            return "0"
        if kind == "name" and token not in _PREFIX and token not in _INFIX:
            _check_name(self.source, token, self.start, self.declared)
            return "x"
        return token

    def _chain(self) -> None:
        """One operator more."""
        self.chains[-1] += 1
        self.depth += 1

    def _end_chain(self) -> None:
        """What follows does not stand inside what came before."""
        self.depth -= self.chains[-1]
        self.chains[-1] = 0

    def _open(self, holds: str) -> None:
        if len(self.brackets) == MAX_BRACKETS:
            self.refuse(f"brackets are nested more than {MAX_BRACKETS} deep", _BY_OPERATORS)
        self.brackets.append(_Bracket(self.start, holds))
        self.chains.append(0)

    def _transpose(self, token: str) -> None:
        if self.operand_next:
            _refuse_character(self.source, self.start)
        self._chain()

    def _operand(self, token: str) -> None:
        if not self.operand_next:
            self.refuse("an operator is missing", "a product needs its *, as in 2*x")

    def _open_round(self, token: str) -> None:
        if not self.operand_next:
            if self.previous != "x":
                self.refuse("this cannot be called", "a product needs its *, as in a*(b + c)")
            self._open("call")
        elif self.previous == "=" or (self.inside == "tuple" and self.previous in ("(", ",")):
            self._open("tuple")  # axes or a shape: it stands after = or inside another one
        elif (self.inside == "call" and self.previous == ",") or (
            self.inside == "either" and self.previous in ("(", ",")
        ):
            self._open("either")  # as a later argument: a comma decides
        else:
            self._open("group")

    def _open_square(self, token: str) -> None:
        if self.operand_next:
            self.refuse(
                "a list is not part of a formula",
                "square brackets index what stands before them, as in X[0]",
            )
        self._open("index")

    def _close(self, token: str) -> None:
        inside, previous = self.inside, self.previous
        if not self.brackets or (token == "]") != (inside == "index"):
            self.refuse("this bracket closes nothing", "remove it, or open one before")
        if inside in ("call", "tuple"):
            may_be_empty = previous in ("(", ",")
        else:
            may_be_empty = inside == "index" and previous == ":"
        if self.operand_next and not may_be_empty:
            self.refuse("an operand is missing", "write what stands before the bracket")
        self.brackets.pop()
        self.depth -= self.chains.pop()

    def _colon(self, token: str) -> None:
        if self.inside != "index":
            self.refuse(
                ": is not part of a formula", "a lambda, slice or assignment has no place outside of X[…]"
            )
        if self.operand_next and self.previous not in ("[", ",", ":"):
            self.refuse("an operand is missing", "write what stands before the colon")
        self._end_chain()

    def _comma(self, token: str) -> None:
        inside = self.inside
        if inside == "either":
            self.brackets[-1] = self.brackets[-1]._replace(holds="tuple")
        if inside in ("group", "nothing"):
            self.refuse(
                "a comma stands only between the arguments of a function", "parse one formula at a time"
            )
        if self.operand_next and not (inside == "index" and self.previous == ":"):
            self.refuse("an argument is missing", "write what stands before the comma")
        self._end_chain()

    def _equals(self, token: str) -> None:
        if not (self.inside == "call" and self.previous == "x" and self.before in ("(", ",")):
            self.refuse("= assigns and is not part of a formula", "write == to compare")

    def _operator(self, token: str) -> None:
        if self.operand_next and token not in _PREFIX:
            self.refuse("an operand is missing", f"write what stands before {token}")
        if not self.operand_next and token not in _INFIX:
            self.refuse("an operator is missing", f"{token} takes one operand, on its right")
        self._chain()


_RULES: dict[str, Callable[[_Scanner, str], None]] = {
    ".T": _Scanner._transpose,
    "0": _Scanner._operand,
    "x": _Scanner._operand,
    "(": _Scanner._open_round,
    "[": _Scanner._open_square,
    ")": _Scanner._close,
    "]": _Scanner._close,
    ":": _Scanner._colon,
    ",": _Scanner._comma,
    "=": _Scanner._equals,
}
"""Token → its rule; any other is an operator."""


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

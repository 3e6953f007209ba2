"""LaTeX's text as tokens with their places; what only spaces or sets in another type is left out."""

from __future__ import annotations

import re
from typing import Any, NamedTuple, NoReturn

from graphc.errors import GraphcError, ParseError
from graphc.frontend.parse.lexer import MAX_DIGITS, FormulaText
from graphc.ir.expr import Expr, constant
from graphc.ir.types import DType

MAX_LENGTH = 20_000
"""Characters of a formula."""

MAX_NESTED = 40
"""Brackets, fractions, roots and arguments inside each other."""


class Token(NamedTuple):
    """kind : "command", "number", "letter", "char" or "end"."""

    kind: str
    text: str
    start: int
    end: int


_TOKEN = re.compile(
    r"(?P<space>[ \t\r\n~]+|%[^\n]*\n?|\\[,;:!> ]|\\q?quad(?![A-Za-z]))|(?P<command>\\(?:operatorname\*|[A-Za-z]+|\\|[|{}%_#&$]))"
    r"|(?P<number>(?:[0-9]{1,3}(?:(?:\{,\}|\\[,;: ]|~)[0-9]{3}(?![0-9]))+|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+)"
    r"|(?P<letter>[A-Za-z])|(?P<char>[-+*/^_(){}\[\]|=<>!,.;:&'])"
)

_SILENT = frozenset(
    "\\displaystyle \\textstyle \\limits \\nolimits \\bigl \\bigr \\Bigl \\Bigr \\big \\Big \\bigg \\Bigg \\biggl \\biggr "
    "\\Biggl \\Biggr \\mathstrut \\left \\right \\middle \\nonumber".split()
)

_SAME = {
    "\\dfrac": "\\frac", "\\tfrac": "\\frac", "\\cfrac": "\\frac", "\\leq": "\\le", "\\geq": "\\ge", "\\neq": "\\ne",
    "\\leqslant": "\\le", "\\geqslant": "\\ge", "\\lbrace": "\\{", "\\rbrace": "\\}", "\\dbinom": "\\binom",
    "\\tbinom": "\\binom", "\\Vert": "\\|", "\\ast": "\\cdot", "\\wedge": "\\land", "\\vee": "\\lor", "\\text": "\\mathrm",
    "\\textrm": "\\mathrm", "\\vec": "\\mathbf", "\\boldsymbol": "\\mathbf", "\\bm": "\\mathbf", "\\mathit": "\\mathrm",
    "\\mathsf": "\\mathrm", "\\mathcal": "\\mathrm", "\\mathbb": "\\mathrm", "\\operatorname": "\\mathrm",
    "\\operatorname*": "\\mathrm", "\\rm": "\\mathrm",
}  # fmt: skip


_BETWEEN = re.compile(r"\{,\}|\\[,;: ]|~")

_BAR = re.compile(r"\||\\r?vert(?![A-Za-z])")


def _behind_spaces(text: str, position: int) -> int:
    while text[position : position + 1].isspace():
        position += 1
    return position


def tokens(source: FormulaText) -> list[Token]:
    """The tokens of a formula; raises `ParseError` for characters that have no place in one."""
    found: list[Token] = []
    opened: list[
        tuple[int, int] | None
    ] = []  # of each \left: where the tokens behind it begin, if no bracket is shown there
    position, text = 0, source.text
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            character = text[position]
            hint = "write it as LaTeX does: \\alpha, \\cdot, \\le"
            if character in "\"'`@$#\\":
                hint = "a formula is LaTeX's mathematics without $ or \\("
            source.refuse("this character is not part of a formula", position, position + 1, hint)
        start, position = position, match.end()
        kind, token = match.lastgroup or "char", match[0]
        if kind == "space" or token in _SILENT:
            if token in ("\\left", "\\right"):
                position = _behind_spaces(text, position)
                empty = text[position : position + 1] == "."  # no bracket on this side
                if token == "\\left":
                    opened.append((len(found), start) if empty else None)
                elif (begun := opened.pop() if opened else None) is not None and (
                    bar := _BAR.match(text, position)
                ):
                    found.insert(begun[0], Token("char", "\\left.", begun[1], begun[1] + 5))
                    found.append(Token("char", "\\right|", start, bar.end()))
                    position = bar.end()
                position += empty
            continue
        if kind == "number" and len(token) > MAX_DIGITS:
            source.refuse(
                "a number of too many digits", start, position, f"a number has at most {MAX_DIGITS}"
            )
        if kind == "number":
            token = _BETWEEN.sub("", token)  # 10\\,000 and 10{,}000 are one number
        found.append(Token(kind, _SAME.get(token, token), start, position))
    found.append(Token("end", "", len(text), len(text) + 1))
    return found


class TokenReader:
    """Token after token: what stands here, what must stand here, and where it was refused.

    bound : index of a sum → its value, or the symbol of a loop's; bars : the closing brackets that are waited for
    """

    source: FormulaText
    names: dict[str, Expr] | None
    dtype: DType
    at: int
    depth: int

    def __init__(self, source: FormulaText, names: dict[str, Expr] | None, dtype: DType) -> None:
        self.source, self.names, self.dtype = source, names, dtype
        self.tokens: list[Token] = tokens(source)
        self.at = self.depth = self.terms = 0
        self.bound: dict[str, int | Expr] = {}
        self.bars: list[str] = []  # the closing bars that are waited for

    def refuse_moving(self, token: Token, word: str, index: list[int | Expr | None]) -> None:
        """Refuse a name below which the index of a loop stands: it would be another one at each step."""
        if any(isinstance(part, Expr) for part in index):
            self.refuse(
                f"{word} has an element for each step, and is no array",
                f'symbols=[g.symbol("{word}", shape="n"), …] declares it',
                token,
            )

    # --- tokens

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    def refuse(
        self, what: str, hint: str, token: Token | None = None, kind: type[GraphcError] = ParseError
    ) -> NoReturn:
        token = token or self.token
        self.source.refuse(what, token.start, token.end, hint, kind)

    def no_digits_cut(self) -> None:
        """Refuse the digits that TeX leaves of a number of which it takes one: x^10 and \\log_10 x are slips."""
        start = self.token.start
        if self.token.kind == "number" and start and self.source.text[start - 1].isdigit():
            self.refuse("a digit more than TeX takes without braces", "write x^{10}, \\log_{10} x")

    def take(self, *texts: str) -> bool:
        if self.token.kind != "end" and self.token.text in texts:
            self.at += 1
            return True
        return False

    def need(self, text: str, hint: str = "") -> None:
        if not self.take(text):
            what = "the formula ends" if self.token.kind == "end" else f"{self.token.text} stands"
            self.refuse(f"{what} where {text} should stand", hint or "close what is open, in order")

    def made(self, token: Token, function: Any, *args: Any) -> Expr:
        """`function(*args)`; an operation's error is shown in the text."""
        try:
            return constant(function(*args))
        except GraphcError as error:
            if "(column " not in error.message:
                error.message = f"{error.message} {self.source.mark(token.start, token.end)}"
                error.args = (error.message,)
            raise

    def enter(self) -> None:
        self.depth += 1
        if self.depth > MAX_NESTED:
            self.refuse(f"more than {MAX_NESTED} levels inside each other", "parse its parts")


__all__ = ["MAX_LENGTH", "MAX_NESTED", "Token", "TokenReader", "tokens"]

"""LaTeX → expression: a grammar of what is written on blackboards. The text is read, never evaluated."""

from __future__ import annotations

import math
from typing import Any

from graphc.autodiff import remembered
from graphc.errors import ParseError
from graphc.frontend.control import fori_loop
from graphc.frontend.parse import declared_names
from graphc.frontend.parse.latex_grammar import Grammar
from graphc.frontend.parse.latex_lexer import MAX_LENGTH, Token
from graphc.frontend.parse.latex_tables import GREEK, NOT_YET, TYPES, on_array, times
from graphc.frontend.parse.lexer import FormulaText
from graphc.ir.expr import Expr, apply, cast, constant, current_site, substitute, symbol
from graphc.ir.op import find, lookup
from graphc.ir.types import as_dtype
from graphc.ops.comparison import where
from graphc.ops.shape import stack
from graphc.ops.support.build import call

MAX_TERMS = 2_000
"""Terms of a sum or product that are written out, over all that stand inside each other."""

MOST_WRITTEN = 200
"""Terms of one sum or product that are written out; more become a loop, as those up to a symbol do."""


def parse_latex(text: str, symbols: Any = None, dtype: Any = "float64") -> Expr:
    r"""The expression that a formula in LaTeX describes. The text is read, never evaluated.

    Parameters
    ----------
    text : fractions, roots, powers, products with or without a sign, functions with or without brackets (\sin^2 x, \log_2 n,
        \operatorname{erf} x), |x|, \lVert x\rVert, \lfloor x\rfloor, n!, \binom{n}{k}, sums and products between integers or up
        to symbols, which become loops, derivatives (\frac{d}{dx}, \frac{\partial f}{\partial x}), cases, pmatrix and bmatrix,
        transposes. Without brackets a function applies to the product after it, up to the next function, + or -; a sum applies
        to the product after it
    symbols : as for `g.parse`; by default every name becomes a scalar symbol
    dtype : the type of symbols that are given only by name

    {a \over b} and {n \choose k} are read. \left. f \right|_{x=a} is f at a place, \left. F \right|_a^b a difference, as
    \left. F \right|_{x=a}^{x=b} where F has several symbols.

    x_1 and x_{ij} are names, "x_1" and "x_ij"; Greek letters are named as written, "alpha". In a sum over i, x_i is element i of
    a declared array x, counted from 1, else the name x_1, x_2, … e and \pi are numbers unless declared.

    Raises `ParseError` with the column marked, and `UnknownNameError`. A formula has at most 20,000 characters and 40 levels.

    >>> parse_latex(r"\frac{1}{1+e^{-x}}")
    1/(1 + exp(-x))
    >>> parse_latex(r"\sin^2 x + \sum_{k=1}^{3} x^k")
    sin(x)**2 + (x**1 + x**2 + x**3)
    """
    target = as_dtype(dtype)
    if not isinstance(text, str):
        raise ParseError(
            f"parse_latex reads text, not {type(text).__name__}",
            site=current_site(),
            hint='write g.parse_latex(r"\\frac{1}{x}")',
        )
    source = FormulaText(text)
    if len(text) > MAX_LENGTH:
        source.refuse(
            f"the formula has {len(text):,} characters, more than {MAX_LENGTH:,}", 0, 1, "parse its parts"
        )
    reader = LatexReader(source, declared_names(symbols, target), target)
    try:
        return reader.whole()
    except RecursionError:
        reader.refuse("the formula is nested too deeply for the stack that is left", "parse its parts")


class LatexReader(Grammar):
    """The grammar with fractions, derivatives, roots, sums, cases and matrices."""

    at: int

    def whole(self) -> Expr:
        if self.token.kind == "end":
            self.refuse("the formula is empty", 'write g.parse_latex(r"\\frac{1}{x}")')
        value = self.whole_group()
        if self.token.text == "=":
            self.refuse("an equation is no expression", "parse the side that is to be computed")
        value = self.relation(value)
        if self.token.text in (".", ",", ";") and self.tokens[self.at + 1].kind == "end":
            self.at += 1  # of the sentence that the formula stands in
        if self.token.text in NOT_YET:
            self.refuse(f"{NOT_YET[self.token.text][0]} is not read", NOT_YET[self.token.text][1])
        if self.token.kind != "end":
            self.refuse(
                f"{self.token.text} closes nothing or has no place here", "remove it, or open one before"
            )
        return value

    def condition(self) -> Expr:
        value = self.relation(self.expression())
        while self.token.text in ("\\land", "\\lor", ","):
            token = self.token
            self.at += 1
            if token.text == "," and self.token.text in ("\\\\", "\\end"):
                break  # at the end of a line
            name = "logical_or" if token.text == "\\lor" else "logical_and"
            value = self.made(token, apply, lookup(name), value, self.relation(self.expression()))
        return value

    def form(self, command: str) -> Any:
        return {"\\frac": self.fraction, "\\sqrt": self.root, "\\binom": self.binomial, "\\sum": self.range,
                "\\prod": self.range, "\\begin": self.environment}.get(command)  # fmt: skip

    # --- what has a form of its own

    def fraction(self, token: Token) -> Expr:
        start = self.at
        order = self.differential()
        if order is None:
            self.at = start
            above = self.argument()
            return self.made(token, lambda a, b: a / b, above, self.argument())
        count, body, variables = order
        if body is None:
            value = self.term()
        else:
            after, self.at = self.at, body
            value = self.expression()
            if self.token.text != "}":
                self.refuse(
                    "the numerator of a derivative goes on here", "write \\frac{\\partial}{\\partial x} (…)"
                )
            self.at = after
            if value.is_symbol and value not in variables:
                self.refuse(
                    f"{value.name} is a name, and depends on nothing",
                    "write its formula: \\frac{\\partial}{\\partial x} (x^2 y)",
                    token,
                )
        if count != len(variables):
            self.refuse(
                f"a derivative of order {count} by {len(variables)} variables", "the orders agree", token
            )
        for variable in variables:
            value = self.made(token, _derivative, value, variable)
        return value

    def differential(self) -> tuple[int, int | None, list[Expr]] | None:
        """(order, where the numerator's formula begins, variables) of a fraction of differentials; None of any other."""
        if not self.take("{") or not (sign := self.sign()):
            return None
        count = self.order()
        body = None if self.token.text == "}" else self.at
        level = 0
        while level or self.token.text != "}":
            if self.token.kind == "end":
                return None
            level += {"{": 1, "}": -1}.get(self.token.text, 0)
            self.at += 1
        self.at += 1
        if not self.take("{"):
            return None
        variables: list[Expr] = []
        while not self.take("}"):
            if self.sign() != sign or not (
                self.token.kind == "letter" or self.token.text[1:] in GREEK or self.token.text in TYPES
            ):
                return None
            variable = self.name()
            variables += [variable] * self.order()
        return (count, body, variables) if variables else None

    def sign(self) -> str:
        """The d or ∂ that stands here."""
        if self.take("d"):
            return "d"
        if self.take("\\partial"):
            return "∂"
        if [t.text for t in self.tokens[self.at : self.at + 4]] == ["\\mathrm", "{", "d", "}"]:
            self.at += 4
            return "d"
        return ""

    def order(self) -> int:
        if not self.take("^"):
            return 1
        braced, token = self.take("{"), self.token
        if token.kind != "number" or token.text not in "123456789":
            self.refuse("the order of a derivative is a number from 1 to 9", "write \\frac{d^2}{dx^2}")
        self.at += 1
        if braced:
            self.need("}")
        return int(token.text)

    def root(self, token: Token) -> Expr:
        degree = self.group("[") if self.token.text == "[" else None
        value = self.argument()
        if degree is None:
            return self.made(token, apply, lookup("sqrt"), value)
        if degree.is_constant and float(degree.value) == 3:
            return self.made(token, apply, lookup("cbrt"), value)
        return self.made(token, lambda a, b: a ** (1 / b), value, degree)

    def binomial(self, token: Token) -> Expr:
        n = self.argument()
        return self.chosen(token, n, self.argument())

    def chosen(self, token: Token, n: Expr, k: Expr) -> Expr:
        gamma = lookup("lgamma")
        op = find("binom")
        if op is not None:
            return self.made(token, apply, op, n, k)
        return self.made(
            token,
            lambda: apply(lookup("exp"), apply(gamma, n + 1) - apply(gamma, k + 1) - apply(gamma, n - k + 1)),
        )

    def range(self, token: Token) -> Expr:
        """A sum or product: short between whole numbers its body is read once for each value of the index, else it is a loop."""
        hint = "write \\sum_{i=1}^{10}, or \\sum_{i=1}^{n} up to a symbol"
        self.need("_", hint)
        self.need("{", hint)
        index = (
            self.word()
            if self.token.kind == "letter" or self.token.text[1:] in GREEK
            else self.refuse("an index is missing", hint)
        )
        self.need("=", hint)
        first = self.bounds(hint, self.token, self.expression())
        self.need("}", hint)
        self.need("^", hint)
        last = self.bounds(hint, self.token, self.argument())
        if isinstance(first, int) and isinstance(last, int):
            if last < first:
                self.refuse("the upper bound is below the lower one", hint, token)
            if last - first < MOST_WRITTEN:
                return self.written_out(token, index, first, last)
        return self.looped(token, index, first, last)

    def written_out(self, token: Token, index: str, first: int, last: int) -> Expr:
        before, start, value = self.bound.get(index), self.at, None
        for number in range(first, last + 1):
            self.terms += 1
            if self.terms > MAX_TERMS:
                self.refuse(f"more than {MAX_TERMS:,} terms", "g.fori_loop adds up many", token)
            self.at = start
            self.bound[index] = number
            term = self.term()
            joined = times if token.text == "\\prod" else lambda a, b: a + b
            value = term if value is None else self.made(token, joined, value, term)
        self.bind(index, before)
        assert value is not None
        return value

    def looped(self, token: Token, index: str, first: int | Expr, last: int | Expr) -> Expr:
        """A loop: its body is read once, with a symbol in the place of the index."""
        before, number = self.bound.get(index), symbol(f"{index} at {token.start}", dtype=self.dtype)
        self.bound[index] = number
        term = self.term()
        self.bind(index, before)
        product = token.text == "\\prod"
        begin, end = (x if isinstance(x, int) else cast(x, "int64") for x in (first, last))

        def step(i: Expr, value: Expr) -> Expr:
            one = substitute(term, {number: cast(i, number.dtype)})
            return value * one if product else value + one

        start = constant(1.0 if product else 0.0, term.dtype)
        if term.shape:
            start = call("broadcast_to", start, shape=term.shape)
        return self.made(token, lambda: fori_loop(begin, end + 1, step, start))

    def bind(self, index: str, value: int | Expr | None) -> None:
        """An index as it was around a sum."""
        self.bound.pop(index)
        if value is not None:
            self.bound[index] = value

    def bounds(self, hint: str, token: Token, value: Expr) -> int | Expr:
        """A whole number, or a formula that is one at a call."""
        if not value.is_constant and not value.shape:
            return value
        if not value.shape and math.isinf(float(value.value)):
            self.refuse("an infinite sum has no end", "stop it at a number, as \\sum_{i=1}^{1000}", token)
        if value.shape or not float(value.value).is_integer() or abs(float(value.value)) > 1e9:
            self.refuse("the bound of a sum is no whole number", hint, token)
        return int(value.value)

    def environment(self, token: Token) -> Expr:
        kind = self.braced_word()
        if kind == "cases":
            value = self.cases(token)
        elif kind in ("matrix", "pmatrix", "bmatrix", "vmatrix", "Bmatrix", "smallmatrix"):
            rows = self.rows()
            if len({len(row) for row in rows}) != 1:
                self.refuse("the rows of a matrix differ in length", "write as many entries in each", token)
            value = self.made(token, lambda: stack(*[stack(*row) for row in rows]))
            if kind == "vmatrix":
                value = self.made(token, on_array, lookup("det"), value)
        else:
            self.refuse(f"the environment {kind[:40]!r} is not read", "cases, pmatrix and bmatrix are", token)
        self.need("\\end", f"write \\end{{{kind}}}")
        if self.braced_word() != kind:
            self.refuse(f"another environment than {kind} ends here", f"write \\end{{{kind}}}")
        return value

    def braced_word(self) -> str:
        self.need("{", "write \\begin{cases}")
        word = ""
        while self.token.kind == "letter":
            word += self.token.text
            self.at += 1
        self.need("}")
        return word

    def rows(self) -> list[list[Expr]]:
        rows = [[self.expression()]]
        while self.token.text in ("&", "\\\\"):
            if self.take("&"):
                rows[-1].append(self.expression())
            elif self.take("\\\\") and self.token.text != "\\end":
                rows.append([self.expression()])
        return rows

    def cases(self, token: Token) -> Expr:
        branches: list[tuple[Expr, Expr | None]] = []
        while self.token.text != "\\end":
            value = self.expression()
            self.take(",")
            self.need("&", "write the condition of each case behind &")
            words = "".join(each.text for each in self.tokens[self.at : self.at + 12])
            if words.startswith(("\\mathrm{otherwise}", "\\mathrm{else}")):
                self.word()
                branches.append((value, None))
            else:
                if self.token.text == "\\mathrm":  # \text{if}
                    self.word()
                branches.append((value, self.condition()))
            self.take(",", ".", ";")
            if not self.take("\\\\"):
                break
        if not branches:
            self.refuse("no case is given", "write a & x > 0 \\\\ b & \\text{otherwise}")
        result = constant(math.nan, self.dtype)
        for value, condition in reversed(branches):
            result = value if condition is None else self.made(token, where, condition, value, result)
        return result


def _derivative(value: Expr, variable: Expr) -> Expr:
    return remembered.gradient([value], None, [variable]).adjoint(variable)


__all__ = ["parse_latex"]

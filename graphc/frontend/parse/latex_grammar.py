"""The grammar of LaTeX's formulas: sums, products, powers, functions, names; what has a form of its own is in `latex.py`."""

from __future__ import annotations

import math
from typing import Any

from graphc.frontend.parse.latex_lexer import Token
from graphc.frontend.parse.latex_names import NameReader
from graphc.frontend.parse.latex_tables import (
    ACCENTS,
    CLOSE,
    FUNCTIONS,
    GREEK,
    NOT_YET,
    RECIPROCALS,
    RELATIONS,
    TYPES,
    literal,
    times,
)
from graphc.ir.expr import Expr, apply, constant, free_symbols, substitute
from graphc.ir.op import lookup
from graphc.ir.vocabulary import nearest
from graphc.ops.linalg import inv
from graphc.ops.norms import norm


class Grammar(NameReader):
    """Formulas by recursive descent; every level is counted."""

    # --- the grammar

    def relation(self, value: Expr) -> Expr:
        links: list[Expr] = []
        while self.token.text in RELATIONS and self.token.kind != "end":
            token = self.token
            self.at += 1
            other = self.expression()
            links.append(self.made(token, apply, lookup(RELATIONS[token.text]), value, other))
            value = other
        for number, link in enumerate(links):
            value = link if not number else apply(lookup("logical_and"), value, link)
        return value

    def expression(self) -> Expr:
        self.enter()
        token, negative = self.token, False
        while self.token.text in ("+", "-"):
            negative ^= self.token.text == "-"
            self.at += 1
        value = self.term()
        if negative:
            value = self.made(token, lambda x: -x.value if x.is_constant else -x, value)
        while self.token.text in ("+", "-"):
            token = self.token
            self.at += 1
            other = self.term()
            value = self.made(
                token, (lambda a, b: a + b) if token.text == "+" else (lambda a, b: a - b), value, other
            )
        self.depth -= 1
        return value

    def whole_group(self) -> Expr:
        """A formula as far as TeX's \\over and \\choose reach, which take all of the group that they stand in."""
        value = self.expression()
        token = self.token
        if self.take("\\over"):
            value = self.made(token, lambda a, b: a / b, value, self.expression())
        elif self.take("\\choose"):
            value = self.chosen(token, value, self.expression())
        if self.token.text in ("\\over", "\\choose"):
            self.refuse("two of them stand in one group", "write braces: {{a \\over b} \\over c}")
        return value

    def chosen(self, token: Token, n: Expr, k: Expr) -> Expr:
        """n over k."""
        raise NotImplementedError

    def term(self, narrow: bool = False) -> Expr:
        """A product. narrow : the argument of a function without brackets, which ends before a sign or a function."""
        value = self.factor()
        while True:
            token = self.token
            if not narrow and self.take("\\cdot", "\\times", "*"):
                value = self.made(token, times, value, self.factor(signed=True))
            elif not narrow and self.take("\\bmod"):
                value = self.made(token, apply, lookup("mod"), value, self.factor(signed=True))
            elif not narrow and self.take("/", "\\div"):
                value = self.made(token, lambda a, b: a / b, value, self.factor(signed=True))
            elif self.starts_factor(narrow):
                self.no_number_behind(token)
                value = self.made(token, times, value, self.factor())
            else:
                return value

    def no_number_behind(self, token: Token) -> None:
        """Refuse two numbers side by side, which are no product on a blackboard."""
        self.no_digits_cut()
        before, taken = self.tokens[self.at - 1], ("^", "_", "\\frac", "\\sqrt")
        if token.kind == before.kind == "number" and self.tokens[self.at - 2].text not in taken:
            self.refuse("two numbers stand side by side", "write \\cdot between them, or one number", token)

    def starts_factor(self, narrow: bool) -> bool:
        token = self.token
        if token.kind in ("number", "letter"):
            return True
        if token.text in self.bars[-1:] or token.kind == "end":
            return False
        name = token.text[1:]
        if token.kind == "command":
            function = name in FUNCTIONS or name in RECIPROCALS or token.text in ("\\sum", "\\prod")
            if function or (token.text == "\\mathrm" and self.upright_function()):
                return not narrow
            if token.text in NOT_YET:
                self.refuse(f"{NOT_YET[token.text][0]} is not read", NOT_YET[token.text][1])
            known = (
                "\\frac",
                "\\sqrt",
                "\\binom",
                "\\begin",
                "\\pi",
                "\\infty",
                *ACCENTS,
                *TYPES,
            )
            return name in GREEK or token.text in known or token.text in CLOSE
        return token.text in ("(", "[", "{", "|", "\\left.")

    def upright_function(self) -> bool:
        word = ""
        if self.tokens[self.at + 1].text == "{":
            for token in self.tokens[self.at + 2 : self.at + 14]:
                if token.kind != "letter":
                    break
                word += token.text
        return word in FUNCTIONS or word in RECIPROCALS

    def factor(self, signed: bool = False) -> Expr:
        """An operand with what follows it above: powers, factorials, transposes."""
        if signed and self.take("-"):
            self.enter()
            value = -self.factor(signed=True)
            self.depth -= 1
            return value
        token = self.token
        upright = [each.text for each in self.tokens[self.at : self.at + 4]] == ["\\mathrm", "{", "e", "}"]
        is_e = (token.text == "e" or upright) and (self.names is None or "e" not in self.names)
        value = self.operand()
        while True:
            here = self.token
            if self.take("!"):
                if self.token.text == "!":
                    self.refuse(
                        "!! is a double factorial, and is not read", "(2n)!! is 2^n n!, (n!)! has brackets"
                    )
                value = self.made(here, lambda x: apply(lookup("gamma"), x + 1), value)
            elif self.take("^"):
                value = self.power(token, value, is_e)
                is_e = False
            else:
                return value

    def power(self, token: Token, base: Expr, is_e: bool) -> Expr:
        turned = self.token
        if base.shape and (self.raised("T") or self.raised("\\top")):
            return self.made(turned, lambda x: x.T if len(x.shape) > 1 else x, base)
        if token.text == "\\mathbf" and not base.shape and (self.raised("T") or self.raised("\\top")):
            self.refuse(*NOT_YET["\\top"], turned)
        if self.raised("\\circ"):
            return base * (math.pi / 180)
        exponent = self.argument()
        if self.token.text == "^":
            self.refuse("two exponents", "write x^{y^z} or (x^y)^z")
        if is_e:
            return self.made(token, apply, lookup("exp"), exponent)
        if len(base.shape) == 2:
            if exponent.is_constant and exponent.value == -1:
                return self.made(token, inv, base)
            self.refuse("a power of a matrix", "write the product, or ^{-1} for the inverse", turned)
        if exponent.is_constant and float(exponent.value) == 0.5:
            return self.made(token, apply, lookup("sqrt"), base)
        return self.made(token, lambda a, b: a**b, base, literal(exponent))

    def raised(self, text: str) -> bool:
        """Whether an exponent is this alone; it is taken then."""
        if self.take(text):
            return True
        ahead = [token.text for token in self.tokens[self.at : self.at + 3]]
        if ahead == ["{", text, "}"]:
            self.at += 3
            return True
        return False

    def argument(self) -> Expr:
        """A group in braces, or one token, as TeX takes it."""
        if self.token.text == "{":
            return self.group("{")
        if self.token.text == "-":
            self.refuse("a sign alone stands above", "write ^{-1}")
        token = self.token
        if token.kind == "number" and len(token.text) > 1:
            self.tokens[self.at] = Token("number", token.text[1:], token.start + 1, token.end)
            return constant(float(token.text[0]), self.dtype)
        return self.operand()

    def group(self, opening: str) -> Expr:
        self.enter()
        self.need(opening)
        closing = CLOSE[opening]
        self.bars.append(closing)
        if self.token.text == closing:
            self.refuse("an operand is missing", f"write what stands before {closing}")
        value = self.whole_group()
        self.need(closing, f"close it with {closing}")
        self.bars.pop()
        self.depth -= 1
        return value

    def operand(self) -> Expr:
        token = self.token
        name = token.text[1:]
        if token.kind == "number":
            self.at += 1
            return constant(float(token.text), self.dtype)
        inner = token.text in ("|", "\\|", "\\vert")  # a bar where an operand should stand opens
        if (token.text in self.bars[-1:] and not inner) or token.kind == "end":
            what = "the formula ends" if token.kind == "end" else f"{token.text} stands"
            self.refuse(f"{what} where an operand should stand", "complete it")
        if token.text in ("(", "[", "{", "\\{", "\\langle"):
            return self.group(token.text)
        if token.text == "\\left.":
            return self.evaluated()
        if token.text in ("|", "\\vert", "\\lvert", "\\|", "\\lVert", "\\lfloor", "\\lceil"):
            value = self.group(token.text)
            which = {"\\lfloor": "floor", "\\lceil": "ceil"}.get(token.text, "abs")
            double = token.text in ("\\|", "\\lVert") or (which == "abs" and len(value.shape) == 1)
            order = self.norm_order() if double else None
            return (
                self.made(token, lambda x: norm(x, ord=order), value)
                if double and value.shape
                else self.made(token, apply, lookup(which), value)
            )
        if token.kind == "letter" or name in GREEK or token.text in TYPES or token.text in ACCENTS:
            return self.name()
        if token.text in ("\\pi", "\\infty"):
            self.at += 1
            return self.named(token, "pi") if name == "pi" else constant(math.inf, self.dtype)
        if token.text in ("\\over", "\\choose"):
            self.refuse(f"{token.text} stands where an operand should stand", "write what it belongs to")
        special = self.form(token.text)
        if special is not None:
            self.at += 1
            self.enter()
            value = special(token)
            self.depth -= 1
            return value
        if name in FUNCTIONS or name in RECIPROCALS:
            self.at += 1
            return self.function(token, name)
        if token.text in NOT_YET:
            self.refuse(f"{NOT_YET[token.text][0]} is not read", NOT_YET[token.text][1])
        if token.kind == "command":
            close = nearest(name, [*FUNCTIONS, *GREEK, "frac", "sqrt", "sum", "prod", "cdot"])
            self.refuse(
                f"{token.text[:40]} is not known here", close or "write \\operatorname{name} for a function"
            )
        self.refuse(f"{token.text} stands where an operand should stand", "write what it belongs to")

    def evaluated(self) -> Expr:
        r"""\left. f \right|_{x=a}, also with several, or \left. F \right|_a^b, the difference of F at b and at a."""
        self.enter()
        opening = self.token
        self.need("\\left.")
        self.bars.append("\\right|")
        value = self.whole_group()
        self.need("\\right|", "close it with \\right|")
        self.bars.pop()
        places: dict[str, dict[Expr, Expr]] = {}
        while self.token.text in ("_", "^"):
            side = self.token.text
            if side in places:
                self.refuse("two places on one side", "write \\right|_{a}^{b}")
            self.at += 1
            places[side] = self.places(opening, value)
        if "_" not in places:
            self.refuse("a place is missing behind \\right|", "write \\right|_{x=0}, or \\right|_{a}^{b}")
        self.depth -= 1
        low = self.made(opening, substitute, value, places["_"])
        if "^" not in places:
            return low
        return self.made(opening, lambda a, b: a - b, substitute(value, places["^"] or places["_"]), low)

    def places(self, opening: Token, value: Expr) -> dict[Expr, Expr]:
        """What stands for which symbols: x=a, y=b, or a number alone where the formula has one symbol."""
        braced = self.take("{")
        found: dict[Expr, Expr] = {}
        while True:
            first = self.expression() if braced else self.argument()
            if braced and self.take("="):
                if not first.is_symbol:
                    self.refuse("a name stands before =", "write \\right|_{x=0}", opening)
                found[first] = self.expression()
            else:
                free = free_symbols(value)
                if len(free) != 1:
                    names = ", ".join(node.name for node in free) or "no symbol"
                    self.refuse(
                        f"which variable has this value is not said: the formula has {names}",
                        "write \\right|_{x=a}^{x=b}",
                        opening,
                    )
                found[free[0]] = first
            if not braced or not self.take(","):
                break
        if braced:
            self.need("}")
        return found

    def form(self, command: str) -> Any:
        """What reads a command with a form of its own; None of any other."""
        raise NotImplementedError


__all__ = ["Grammar"]

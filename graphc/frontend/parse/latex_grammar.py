"""The grammar of LaTeX's formulas: sums, products, powers, functions, names; what has a form of its own is in `latex.py`."""

from __future__ import annotations

import math
from typing import Any

from graphc.errors import UnknownNameError
from graphc.frontend.parse.latex_lexer import Token, TokenReader
from graphc.frontend.parse.latex_tables import (
    CLOSE,
    FUNCTIONS,
    GREEK,
    INVERSES,
    NOT_YET,
    RECIPROCALS,
    RELATIONS,
    TYPES,
    literal,
    on_array,
    place,
    times,
)
from graphc.ir.expr import Expr, apply, constant, symbol
from graphc.ir.op import lookup
from graphc.ir.vocabulary import nearest
from graphc.ops.linalg import inv
from graphc.ops.norms import norm


class Grammar(TokenReader):
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

    def term(self, narrow: bool = False) -> Expr:
        """A product. narrow : the argument of a function without brackets, which ends before a sign or a function."""
        value = self.factor()
        while True:
            token = self.token
            if not narrow and self.take("\\cdot", "\\times", "*"):
                value = self.made(token, times, value, self.factor(signed=True))
            elif not narrow and self.take("/", "\\div"):
                value = self.made(token, lambda a, b: a / b, value, self.factor(signed=True))
            elif self.starts_factor(narrow):
                value = self.made(token, times, value, self.factor())
            else:
                return value

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
                "\\hat",
                "\\bar",
                "\\tilde",
                *TYPES,
            )
            return name in GREEK or token.text in known or token.text in CLOSE
        return token.text in ("(", "[", "{", "|")

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
        is_e = token.text == "e" and (self.names is None or "e" not in self.names)
        value = self.operand()
        while True:
            here = self.token
            if self.take("!"):
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
        value = self.expression()
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
        if token.text in ("|", "\\vert", "\\lvert", "\\|", "\\lVert", "\\lfloor", "\\lceil"):
            value = self.group(token.text)
            which = {"\\lfloor": "floor", "\\lceil": "ceil"}.get(token.text, "abs")
            double = token.text in ("\\|", "\\lVert") or (which == "abs" and len(value.shape) == 1)
            return (
                self.made(token, norm, value)
                if double and value.shape
                else self.made(token, apply, lookup(which), value)
            )
        if (
            token.kind == "letter"
            or name in GREEK
            or token.text in TYPES
            or token.text in ("\\hat", "\\bar", "\\tilde")
        ):
            return self.name()
        if token.text in ("\\pi", "\\infty"):
            self.at += 1
            return self.named(token, "pi") if name == "pi" else constant(math.inf, self.dtype)
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

    # --- names and functions

    def name(self) -> Expr:
        token = self.token
        word = self.word()
        if (word in FUNCTIONS or word in RECIPROCALS) and len(word) > 1 and token.text[1:] != word:
            return self.function(token, word)
        plain = word
        if self.take("_"):
            parts, index = self.subscript()
            base = None if self.names is None else self.names.get(word)
            if base is not None and base.shape and all(part is not None for part in index):
                return self.made(token, lambda: base[tuple([place(part) for part in index])])
            self.refuse_moving(token, word, index)
            word = f"{word}_{parts}"
        while self.take("'"):
            word += "_prime"
        if plain == word and plain in self.bound:
            bound = self.bound[plain]
            return bound if isinstance(bound, Expr) else constant(float(bound), self.dtype)
        return self.named(token, word)

    def word(self) -> str:
        token = self.token
        self.at += 1
        if token.text in (*TYPES, "\\hat", "\\bar", "\\tilde"):
            braced = self.take("{")
            word = self.word() if self.token.text in TYPES else ""
            while self.token.kind in ("letter", "number") or self.token.text[1:] in GREEK:
                word += self.token.text.lstrip("\\")
                self.at += 1
                if not braced:
                    break
            if braced:
                self.need("}")
            if not word:
                self.refuse("a name is missing", "write letters in the braces", token)
            return word if token.text in TYPES else f"{word}_{token.text[1:]}"
        return token.text.lstrip("\\")

    def subscript(self) -> tuple[str, list[int | Expr | None]]:
        """What stands below: as part of a name, and as the indices that it may be."""
        braced, text = self.take("{"), ""
        index: list[int | Expr | None] = []
        while (
            self.token.kind in ("number", "letter")
            or self.token.text[1:] in GREEK
            or self.token.text in (",", "\\mathrm")
        ):
            token = self.token
            if token.text == "\\mathrm":
                text += self.word()
                index.append(None)
            else:
                self.at += 1
                if token.text != ",":
                    value = self.bound.get(token.text.lstrip("\\"))
                    whole = int(token.text) if token.kind == "number" and token.text.isdigit() else value
                    index.append(whole)
                    text += str(whole if isinstance(whole, int) else token.text.lstrip("\\"))
            if not braced:
                break
        if braced:
            self.need("}", "a subscript is letters and numbers")
        if not text:
            self.refuse("a subscript is letters and numbers", "write x_1 or x_{ij}")
        return text.replace(".", ""), index

    def named(self, token: Token, name: str) -> Expr:
        if self.names is not None and name in self.names:
            return self.names[name]
        if name in ("e", "pi"):
            return constant(math.e if name == "e" else math.pi, self.dtype)
        if self.names is None:
            return symbol(name, dtype=self.dtype)
        self.refuse(
            f"unknown name {name[:60]!r}", nearest(name, [*self.names, "e", "pi"]), token, UnknownNameError
        )

    def function(self, token: Token, name: str) -> Expr:
        self.enter()
        base, exponent, inverse = None, None, False
        while self.token.text in ("_", "^"):
            if self.take("_"):
                base = self.argument()
            elif self.take("^"):
                ahead = [each.text for each in self.tokens[self.at : self.at + 4]]
                inverse = ahead == ["{", "-", "1", "}"]
                exponent = self.argument()
        if base is not None and name != "log":
            self.refuse(f"{name} has no base", "\\log_2 x has one", token)
        values = self.arguments(name)
        if inverse and name not in INVERSES:
            self.refuse(
                f"{name}^{{-1}} may be meant in two ways",
                f"write 1/\\{name} x, or the inverse by its name",
                token,
            )
        op = lookup(INVERSES[name] if inverse else FUNCTIONS.get(name) or RECIPROCALS[name])
        if name in ("max", "min") and len(values) > 1:
            value = values[0]
            for other in values[1:]:
                value = self.made(token, apply, op, value, other)
        elif len(values) != 1:
            self.refuse(
                f"{name} takes 1 argument, not {len(values)}",
                "separate formulas are parsed one by one",
                token,
            )
        else:
            value = (
                self.made(token, apply, op, *values)
                if not op.on_arrays
                else self.made(token, on_array, op, values[0])
            )
        if name in RECIPROCALS:
            value = 1 / value
        if base is not None:
            two = base.is_constant and float(base.value) in (2.0, 10.0)
            short = lookup(f"log{int(float(base.value))}") if two else None
            value = apply(short, *values) if short is not None else value / apply(lookup("log"), base)
        if exponent is not None and not inverse:
            value = self.made(token, lambda a, b: a**b, value, literal(exponent))
        self.depth -= 1
        return value

    def arguments(self, name: str) -> list[Expr]:
        opening = self.token.text
        if opening in ("(", "[", "{", "\\{"):
            self.at += 1
            self.bars.append(CLOSE[opening])
            values = [self.expression()]
            while self.take(","):
                values.append(self.expression())
            self.need(CLOSE[opening])
            self.bars.pop()
            return values
        if self.token.text == "-":
            self.refuse(f"a sign stands behind {name}", f"write \\{name}(-x)")
        if self.token.text[1:] in FUNCTIONS or self.token.text[1:] in RECIPROCALS:  # ln sin x
            return [self.factor()]
        return [self.term(narrow=True)]

    def form(self, command: str) -> Any:
        """What reads a command with a form of its own; None of any other."""
        raise NotImplementedError


__all__ = ["Grammar"]

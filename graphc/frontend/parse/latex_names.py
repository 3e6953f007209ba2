"""Names in LaTeX's formulas, with what stands above and below them, and functions with their arguments."""

from __future__ import annotations

import math

from graphc.errors import UnknownNameError
from graphc.frontend.parse.latex_lexer import Token, TokenReader
from graphc.frontend.parse.latex_tables import (
    ACCENTS,
    APPLIED,
    BELOW,
    CLOSE,
    FUNCTIONS,
    GREEK,
    INVERSES,
    RECIPROCALS,
    TYPES,
    literal,
    on_array,
    place,
)
from graphc.ir.expr import Expr, apply, constant, symbol
from graphc.ir.op import Op, all_ops, find, lookup
from graphc.ir.vocabulary import nearest


class NameReader(TokenReader):
    """What letters stand for."""

    # what the grammar has

    def expression(self) -> Expr:
        raise NotImplementedError

    def term(self, narrow: bool = False) -> Expr:
        raise NotImplementedError

    def factor(self, signed: bool = False) -> Expr:
        raise NotImplementedError

    def argument(self) -> Expr:
        raise NotImplementedError

    # --- names and functions

    def name(self) -> Expr:
        token = self.token
        word = self.word()
        if (word in FUNCTIONS or word in RECIPROCALS) and len(word) > 1 and token.text[1:] != word:
            return self.function(token, word)
        if (
            self.token.text == "("
            and (self.names is None or word not in self.names)
            and word not in self.bound
        ):
            op = self.applied(token, word)
            if op is not None:
                return self.made(token, apply, op, *self.operands_of(token, word, op))
        if self.source.text.startswith("\\operatorname", token.start):
            self.refuse_operator(token, word)
        plain = word
        self.subscript_first()
        if self.take("_"):
            parts, index = self.subscript()
            base = None if self.names is None else self.names.get(word)
            if base is not None and base.shape and all(part is not None for part in index):
                return self.made(token, lambda: base[tuple([place(part) for part in index])])
            self.refuse_moving(token, word, index)
            word = f"{word}_{parts}"
        while self.take("'") or self.primed():
            word += "_prime"
        if plain == word and plain in self.bound:
            bound = self.bound[plain]
            return bound if isinstance(bound, Expr) else constant(float(bound), self.dtype)
        return self.named(token, word)

    def applied(self, token: Token, word: str) -> Op | None:
        """The function that a name before a bracket is: Γ, ζ, Φ, and upright words, which are no factors there."""
        if word in APPLIED and (word != "B" or token.text == "\\mathrm" or self.of_two()):
            return find(APPLIED[word])
        if token.text != "\\mathrm" or len(word) < 2:
            return None
        op = find(word) or find(word.lower()) or _of_numpy(word)
        if op is None or op.on_arrays or op.control is not None or op.is_leaf:
            self.refuse(
                f"{word[:40]} is no function that is known here",
                nearest(word, [*FUNCTIONS, *RECIPROCALS]) or f"write {word[:40]} \\cdot ( for a product",
                token,
            )
        return op

    def refuse_operator(self, token: Token, word: str) -> None:
        """Refuse an operator that is no function, where what it would be of stands behind it: it is no factor of that."""
        operand = (
            self.token.kind == "letter"
            or self.token.text[1:] in GREEK
            or self.token.text in ("{", "|", "\\frac")
        )
        if operand and (self.names is None or word not in self.names):
            op = find(word)
            hint = f"write \\operatorname{{{word[:40]}}}(x)" if op is not None and not op.on_arrays else ""
            self.refuse(
                f"{word[:40]} is no function that is known here without brackets",
                hint or nearest(word, [*FUNCTIONS, *RECIPROCALS]) or "write \\mathrm for a name",
                token,
            )

    def of_two(self) -> bool:
        """Whether the bracket that opens here has a comma of its own: B(a, b) is no product."""
        level = 0
        for token in self.tokens[self.at :]:
            level += {"(": 1, "{": 1, "[": 1, ")": -1, "}": -1, "]": -1}.get(token.text, 0)
            if level == 1 and token.text == ",":
                return True
            if level <= 0:
                break
        return False

    def operands_of(self, token: Token, word: str, op: Op) -> list[Expr]:
        values = self.arguments(word)
        if op.name == "zeta" and len(values) == 1:
            values.append(constant(1.0, self.dtype))
        if not op.arity - len(op.defaults) <= len(values) <= op.arity:
            count = f"{op.arity} argument{'s' * (op.arity != 1)}"
            self.refuse(f"{word} takes {count}, not {len(values)}", "separate them by commas", token)
        return values

    def subscript_first(self) -> None:
        """x^2_1 is x_1^2."""
        if self.token.text == "^":
            middle = self.after(self.at + 1)
            if self.tokens[middle].text == "_":
                end = self.after(middle + 1)
                self.tokens[self.at : end] = self.tokens[middle:end] + self.tokens[self.at : middle]

    def after(self, at: int) -> int:
        """Where what begins at a token ends: a group in braces, or one token."""
        level = 0
        while self.tokens[at].kind != "end":
            level += {"{": 1, "}": -1}.get(self.tokens[at].text, 0)
            at += 1
            if level <= 0:
                break
        return at

    def primed(self) -> bool:
        """Takes one \\prime of those above."""
        if self.token.text != "^":
            return False
        inside = self.tokens[self.at + 1 : self.after(self.at + 1)]
        primes = [each for each in inside if each.text not in ("{", "}")]
        if not primes or any(each.text != "\\prime" for each in primes):
            return False
        mark = primes[0]
        ticks = [Token("char", "'", mark.start, mark.end)] * len(primes)
        self.tokens[self.at : self.at + 1 + len(inside)] = ticks
        return self.take("'")

    def norm_order(self) -> float | None:
        """The order below a norm: 1, 2, ∞, or F, which is what it is of a matrix without one."""
        if not self.take("_"):
            return None
        braced, token = self.take("{"), self.token
        known = {"1": 1.0, "2": 2.0, "\\infty": math.inf, "F": None}
        if token.text not in known:
            self.refuse(
                "a norm of this order", "\\|x\\|_1, \\|x\\|_2, \\|x\\|_\\infty and \\|A\\|_F are read"
            )
        self.at += 1
        if braced:
            self.need("}")
        return known[token.text]

    def word(self) -> str:
        token = self.token
        self.at += 1
        if token.text in (*TYPES, *ACCENTS):
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
            or self.token.text in (",", "\\mathrm", *BELOW)
        ):
            token = self.token
            if token.text == "\\mathrm":
                text += self.word()
                index.append(None)
            else:
                self.at += 1
                if token.text in BELOW:
                    text += BELOW[token.text]
                    index.append(None)
                elif token.text != ",":
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
        if base is not None or exponent is not None:
            self.no_digits_cut()
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


def _of_numpy(word: str) -> Op | None:
    """The operation that a NumPy name stands for."""
    return next((op for op in all_ops() if any(each.__name__ == word for each in op.ufuncs)), None)


__all__ = ["NameReader"]

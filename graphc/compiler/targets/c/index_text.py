"""Places and conditions as C: polynomials over 64-bit integers."""

from __future__ import annotations

from collections.abc import Mapping

from graphc.compiler.loops.program import Buffer, Conditions, Index
from graphc.ir.dims import Dim, Polynomial, Quotient


class IndexText:
    """Writes places.

    buffers : by name; names : of the program → in C; divides : whether a floor division was written
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        self.buffers: dict[str, Buffer] = {}
        self.by_value: set[str] = set()
        self.names: dict[str, str] = dict(names)
        self.divides = False

    def name(self, name: str) -> str:
        return self.names.get(name, name)

    def dim(self, dim: Dim, kind: str = "") -> str:
        """A polynomial; `kind` is a cast before each name."""
        if isinstance(dim, int):
            return str(dim) if not kind else f"{float(dim)!r}"
        if isinstance(dim, str):
            return f"{kind}{self.name(dim)}"
        parts: list[str] = []
        terms = sorted(dim.terms, key=lambda term: term[1] < 0)  # what is subtracted comes last
        for monomial, factor in terms:
            factors = [text for atom, power in monomial for text in [self._atom(atom, kind)] * power]
            size = abs(factor)
            text = "*".join([str(size), *factors] if size != 1 or not factors else factors)
            sign = ("-" if factor < 0 else "") if not parts else " - " if factor < 0 else " + "
            parts.append(f"{sign}{text}")
        return "".join(parts)

    def _atom(self, atom: str | Quotient, kind: str) -> str:
        if isinstance(atom, str):
            return f"{kind}{self.name(atom)}"
        self.divides: bool = True
        return f"{kind}floor_div({self.dim(atom.numerator)}, {self.dim(atom.denominator)})"

    def factor(self, dim: Dim) -> str:
        text = self.dim(dim)
        return f"({text})" if isinstance(dim, Polynomial) else text

    def conditions(self, conditions: Conditions) -> str:
        return " && ".join(self.condition(dim) for dim in conditions)

    def condition(self, dim: Dim) -> str:
        """That a polynomial is at least 0, with what is subtracted on the other side."""
        if not isinstance(dim, Polynomial):
            return f"{self.dim(dim)} >= 0"
        above = tuple([term for term in dim.terms if term[1] > 0])
        below = tuple([(monomial, -factor) for monomial, factor in dim.terms if factor < 0])
        if below == (((), 1),):
            return f"{self.dim(Polynomial(above))} > 0"
        if above and below:
            ones = [term for term in below if term != ((), 1)]
            if len(ones) < len(below):  # a − b − 1 ≥ 0
                return f"{self.dim(Polynomial(above))} > {self.dim(Polynomial(tuple(ones)))}"
            return f"{self.dim(Polynomial(above))} >= {self.dim(Polynomial(below))}"
        return f"{self.dim(dim)} >= 0"

    def element(self, name: str, index: Index) -> str:
        """An element of a buffer, in the order of rows."""
        buffer = self.buffers[name]
        if name in self.by_value:
            return self.name(name)
        text = ""
        for place, length in zip(index, buffer.shape, strict=True):
            if text:
                text = f"({text})" if " " in text else text
                text = f"{text}*{self.factor(length)}" if length != 1 else text
            if place != 0:
                own = self.dim(place)
                text = (
                    f"{text} + {own}"
                    if text and not own.startswith("-")
                    else f"{text}{own}"
                    if not text
                    else f"{text} + ({own})"
                )
        return f"{self.name(name)}[{text or 0}]"

    def size(self, buffer: Buffer, kind: str = "") -> str:
        """How many elements a buffer has."""
        factors = [
            f"({self.dim(dim, kind)})" if isinstance(dim, Polynomial) else self.dim(dim, kind)
            for dim in buffer.shape
            if dim != 1
        ]
        return "*".join(factors) or "1"

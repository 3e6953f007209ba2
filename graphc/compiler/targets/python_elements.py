"""Elements of loops as expressions of Python: what `PythonBuilder` writes line by line stands where it is used, if only once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from graphc.compiler.loops.program import (
    Apply,
    Conditions,
    Constant,
    Holds,
    Index,
    IndexValue,
    Load,
    Ref,
    Scalar,
)
from graphc.compiler.targets.c.builder import is_closed
from graphc.compiler.targets.c.index_text import IndexText
from graphc.compiler.targets.llvm.emit import LlvmValue
from graphc.compiler.targets.python import PythonBuilder, literal
from graphc.errors import CompileError
from graphc.ir.dims import Dim, Quotient
from graphc.ir.op import lookup
from graphc.ir.types import BOOL, FLOAT64, INT64, DType


class PythonIndex(IndexText):
    """Places and conditions in Python.

    by_value : buffers that are variables; places : names of values that are int64 under another name
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        super().__init__(names)
        self.places: dict[str, str] = {}

    def dim(self, dim: Dim, kind: str = "") -> str:
        if isinstance(dim, str) and str(dim) in self.places:
            return self.places[str(dim)]
        return super().dim(dim, kind)

    def _atom(self, atom: str | Quotient, kind: str) -> str:
        if isinstance(atom, str):
            return self.places.get(atom, self.name(atom))
        return f"(({self.dim(atom.numerator)})//({self.dim(atom.denominator)}))"

    def conditions(self, conditions: Conditions) -> str:
        return " and ".join(self.condition(dim) for dim in conditions)

    def element(self, name: str, index: Index) -> str:
        if name in self.by_value:
            return self.name(name)
        return f"{self.name(name)}[{', '.join(map(self.dim, index)) or '()'}]"

    def shape(self, shape: Index) -> str:
        """A shape as a tuple."""
        return as_tuple([self.dim(dim) for dim in shape])


_PLACEHOLDERS = ("placeholder_a", "placeholder_b", "placeholder_c", "placeholder_d")


class ElementText(PythonBuilder):
    """Writes expressions; what cannot stand in one gets a name, on a line before."""

    def __init__(self, index: PythonIndex) -> None:
        super().__init__()
        self.index = index

    def instruction(self, text: str, dtype: DType) -> LlvmValue:
        name = f"t{self._count}"
        self._count += 1
        self.lines.append(f"{name} = {typed(text, dtype)}")
        return LlvmValue(name, dtype)

    def value(self, x: Scalar) -> LlvmValue:
        match x:
            case Constant(value, dtype):
                return LlvmValue(literal(value, dtype), dtype)
            case IndexValue(dim):
                return LlvmValue(f"np.int64({self.index.dim(dim)})", INT64)
            case Holds(conditions):
                return LlvmValue(f"({self.index.conditions(conditions)})", BOOL)
            case Ref(name, dtype):
                return LlvmValue(self.index.name(name), dtype)
            case Load(buffer, index, dtype, guard):
                text = self.index.element(buffer, index)
                if guard:
                    text = f"({text} if {self.index.conditions(guard)} else {literal(0, dtype)})"
                return LlvmValue(text, dtype)
            case Apply(op, operands, attrs):
                return self.applied(op, [self.value(operand) for operand in operands], attrs)
        raise AssertionError(x)

    def applied(self, op: str, operands: list[LlvmValue], attrs: tuple[Any, ...]) -> LlvmValue:
        """An operation: inline where it is one line with each operand in it once."""
        declared = lookup(op)
        if declared.emit is None:
            raise CompileError(
                f"{op} has no form in Python alone",
                hint='f.export("kernel.c") has more; or keep graphc there',
            )
        self.op = declared
        return self.emitted(declared.emit, operands, attrs)

    def emitted(self, emit: Any, operands: list[LlvmValue], attrs: tuple[Any, ...] = ()) -> LlvmValue:
        """What a rule writes of some operands."""
        op = self.op
        inline = self._inline(emit, operands, attrs)
        if inline is not None:
            return inline
        named = [x if x.text.isidentifier() else self.instruction(x.text, x.dtype) for x in operands]
        self.op = op
        return emit(self, *named, *attrs)

    def _inline(self, emit: Any, operands: list[LlvmValue], attrs: tuple[Any, ...]) -> LlvmValue | None:
        lines, count = self.lines, self._count
        self.lines = []
        standing = [LlvmValue(sign, x.dtype) for sign, x in zip(_PLACEHOLDERS, operands, strict=False)]
        result = emit(self, *standing, *attrs)
        own, self.lines = self.lines, lines
        text = _in_one(own, result.text)
        again = [
            x for sign, x in zip(standing, operands, strict=True)
            if text.count(sign.text) > 1 and not x.text.isidentifier()
        ]  # fmt: skip
        self._count = count
        if not text or again:
            return None
        for sign, x in zip(standing, operands, strict=True):
            text = text.replace(f"({sign.text})", x.text if is_closed(x.text) else f"({x.text})")
            text = text.replace(sign.text, x.text)
        return None if len(text) > _LONGEST else LlvmValue(closed(text), result.dtype)


def _in_one(lines: list[str], result: str) -> str:
    """Lines that each name a value as one expression of the last; empty where one of them is used twice."""
    known: dict[str, str] = {}
    for line in lines:
        name, _, text = line.partition(" = ")
        for used in _NAMED.findall(text):
            if used in known:
                inner = known.pop(used)
                text = re.sub(rf"\b{used}\b", lambda _, inner=inner: closed(inner), text, count=1)
            elif used != name:
                return ""
        known[name] = text
    if list(known) not in ([], [result]):
        return ""
    return known.get(result, result)


_NAMED = re.compile(r"\bt\d+\b")

_LONGEST = 90
"""Signs of an expression in one line."""


def closed(text: str) -> str:
    """An expression that may stand in another one."""
    return text if text.isidentifier() or is_closed(text) or _is_call(text) else f"({text})"


def as_tuple(items: list[str]) -> str:
    """Expressions as a tuple."""
    return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"


def typed(text: str, dtype: DType) -> str:
    """An expression of a type: Numba computes with small integers as int64."""
    return text if dtype in (FLOAT64, BOOL) else f"np.{dtype.name}({text})"


def _is_call(text: str) -> bool:
    name, bracket, rest = text.partition("(")
    return bool(bracket) and name.replace(".", "_").isidentifier() and is_closed(bracket + rest)


__all__ = ["ElementText", "PythonIndex", "as_tuple", "typed"]

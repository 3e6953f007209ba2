"""Scalar expressions of the loop IR as C: the operations' `emit` rules write it, as they write LLVM IR.

What becomes one line of C with each operand in it once stands where it is used; of everything else the steps get names.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.compiler.loops.program import Apply, Constant, Holds, IndexValue, Load, Ref, Scalar
from graphc.compiler.targets.c import functions
from graphc.compiler.targets.c.index_text import IndexText
from graphc.compiler.targets.llvm.emit import LlvmValue
from graphc.compiler.targets.source_text import SourceBuilder
from graphc.errors import CompileError
from graphc.ir.op import lookup
from graphc.ir.types import BOOL, FLOAT64, INT64, DType

LIBRARY = frozenset(
    """exp exp2 expm1 log log2 log10 log1p cbrt sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh atan2 hypot pow erf
    erfc tgamma lgamma sqrt floor ceil trunc fabs copysign fmod rint""".split()
)
"""Functions of C's library; those of floats have an f behind them."""

CALLED = frozenset(
    (
        *LIBRARY,
        *(f"{name}f" for name in LIBRARY),
        *functions.FUNCTIONS,
        "isfinite",
        "signbit",
        "malloc",
        "free",
    )
)
"""What the text of a file may call: no name of the user's may hide it."""

_OPERATORS = {
    "fadd": "+", "add": "+", "fsub": "-", "sub": "-", "fmul": "*", "mul": "*", "fdiv": "/", "sdiv": "/", "udiv": "/",
}  # fmt: skip
_PREDICATES = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}

_INTRINSICS = {"roundeven": "rint"}

_PLACEHOLDERS = ("\1", "\2", "\3", "\4")


def c_type(dtype: DType) -> str:
    """The type of a value."""
    if dtype.kind == "f":
        return "double" if dtype == FLOAT64 else "float"
    return "bool" if dtype.kind == "b" else f"{dtype.name}_t"


def memory_type(dtype: DType) -> str:
    """The type of an element in memory, NumPy's layout."""
    return "uint8_t" if dtype.kind == "b" else c_type(dtype)


def literal(value: Any, dtype: DType) -> str:
    """A constant in C, exact."""
    if dtype.kind == "b":
        return "true" if value else "false"
    if dtype.kind == "f":
        number = float(value)
        if not np.isfinite(number):
            return "NAN" if np.isnan(number) else "INFINITY" if number > 0 else "(-INFINITY)"
        text = repr(number) + ("" if dtype == FLOAT64 else "f")
    elif dtype.itemsize < 8:
        text = str(int(value))
        return f"({dtype.name}_t)({text})"
    elif dtype.kind == "u":
        return f"UINT64_C({int(value)})"
    else:
        text = "INT64_MIN" if int(value) == np.iinfo(INT64).min else f"INT64_C({abs(int(value))})"
        text = f"-{text}" if int(value) < 0 and text != "INT64_MIN" else text
    return f"({text})" if text.startswith("-") else text


def wrapped(text: str, dtype: DType) -> str:
    """An integer that wraps around: what the unsigned type computes."""
    return f"({dtype.name}_t)({text})"


class CBuilder(SourceBuilder):
    """Answers the operations' `emit` rules with lines of C.

    taken : name → text, the functions that the file takes along
    """

    language, title = "c", "C"
    instead = "declare the operation by a formula"
    OPERATORS = _OPERATORS
    PREDICATES = _PREDICATES
    literal = staticmethod(literal)

    def __init__(self, index: IndexText) -> None:
        super().__init__()
        self.index = index
        self.taken: dict[str, str] = {}
        self.defined: list[tuple[str, DType]] = []

    # --- instructions -------------------------------------------------------------------------------------------------

    def instruction(self, text: str, dtype: DType) -> LlvmValue:
        name = f"t{self._count}"
        self._count += 1
        self.lines.append(f"const {c_type(dtype)} {name} = {text};")
        return LlvmValue(name, dtype)

    def _binary(self, floating: str, integer: str, x: LlvmValue, y: LlvmValue) -> LlvmValue:
        if self.is_float(x) or integer in ("sdiv", "udiv"):
            text = f"{x.text} {self.OPERATORS[floating if self.is_float(x) else integer]} {y.text}"
            return self.instruction(text if self.is_float(x) else wrapped(text, x.dtype), x.dtype)
        wide = "uint64_t" if x.dtype.itemsize == 8 else "uint32_t"
        text = f"({wide}){x.text} {self.OPERATORS[integer]} ({wide}){y.text}"
        return self.instruction(wrapped(text, x.dtype), x.dtype)

    def frem(self, x: LlvmValue, y: LlvmValue) -> LlvmValue:
        return self.library("fmod", x, y)

    def int_pow(self, x: LlvmValue, y: LlvmValue) -> LlvmValue:
        wide = np.dtype(np.int64 if x.dtype.kind == "i" else np.uint64)
        name = "graphc_pow_" + ("i64" if x.dtype.kind == "i" else "u64")
        power = self.own(name, wide, self.convert(x, wide), self.convert(y, wide))
        return self.convert(power, x.dtype)

    def take(self, name: str) -> None:
        """The file takes a function along."""
        for used in functions.with_used(name):
            self.taken[used] = functions.FUNCTIONS[used]

    def own(self, name: str, dtype: DType, *arguments: LlvmValue) -> LlvmValue:
        self.take(name)
        return self.instruction(f"{name}({', '.join(argument.text for argument in arguments)})", dtype)

    def library(self, name: str, *arguments: LlvmValue) -> LlvmValue:
        dtype = arguments[0].dtype
        suffix = "" if dtype == FLOAT64 else "f"
        return self.instruction(f"{name}{suffix}({', '.join(a.text for a in arguments)})", dtype)

    def _of_doubles(self, name: str, *arguments: LlvmValue) -> LlvmValue:
        """A function of the file, in double precision whatever its arguments are."""
        wide = [self.convert(a, FLOAT64) if self.is_float(a) else a for a in arguments]
        return self.convert(self.own(name, FLOAT64, *wide), arguments[-1].dtype)

    def knows(self, name: str, like: LlvmValue) -> bool:
        return name in LIBRARY or f"graphc_{name}" in functions.FUNCTIONS

    def call(self, name: str, *arguments: LlvmValue) -> LlvmValue:
        if name in LIBRARY:
            return self.library(name, *arguments)
        if f"graphc_{name}" not in functions.FUNCTIONS:
            here = "call it in this process, and hand the result over"
            needs = self.op is not None and self.op.library
            raise CompileError(f"{name} has no form in C", hint=here if needs else self.instead)
        return self._of_doubles(f"graphc_{name}", *arguments)

    special = call

    def intrinsic(self, name: str, *arguments: LlvmValue) -> LlvmValue:
        return self.call(_INTRINSICS.get(name, name), *arguments)

    def isnan(self, x: LlvmValue) -> LlvmValue:
        return self.compare("ne", x, x) if self.is_float(x) else LlvmValue("false", BOOL)

    def select(self, condition: LlvmValue, x: LlvmValue, y: LlvmValue) -> LlvmValue:
        return self.instruction(f"{condition.text} ? {x.text} : {y.text}", x.dtype)

    def and_(self, x: LlvmValue, y: LlvmValue) -> LlvmValue:
        return self.instruction(f"{x.text} && {y.text}", x.dtype)

    def or_(self, x: LlvmValue, y: LlvmValue) -> LlvmValue:
        return self.instruction(f"{x.text} || {y.text}", x.dtype)

    def xor_(self, x: LlvmValue, y: LlvmValue) -> LlvmValue:
        return self.instruction(f"{x.text} != {y.text}", x.dtype)

    def not_(self, x: LlvmValue) -> LlvmValue:
        return self.instruction(f"!{x.text}", BOOL)

    def convert(self, x: LlvmValue, dtype: DType) -> LlvmValue:
        if x.dtype == dtype:
            return x
        if dtype.kind == "b":
            return self.compare("ne", x, self.number(0, x))
        if self.is_float(x) and dtype.kind in "iu":
            name, text = functions.saturating_cast(dtype)
            self.taken[name] = text
            return self.instruction(f"{name}({x.text})", dtype)
        return self.instruction(f"({c_type(dtype)}){x.text}", dtype)

    # --- expressions --------------------------------------------------------------------------------------------------

    def value(self, x: Scalar) -> LlvmValue:
        """An expression: its text, with names for what cannot stand in it."""
        match x:
            case Constant(value, dtype):
                return self.constant(value, dtype)
            case IndexValue(dim):
                text = self.index.dim(dim)
                return LlvmValue(text if text.isalnum() else f"({text})", INT64)
            case Holds(conditions):
                return LlvmValue(f"({self.index.conditions(conditions)})", BOOL)
            case Ref(name, dtype):
                return LlvmValue(self.index.name(name), dtype)
            case Load(buffer, index, dtype, guard):
                element = self.index.element(buffer, index)
                element = f"({element} != 0)" if dtype.kind == "b" else element
                if guard:
                    element = f"({self.index.conditions(guard)} ? {element} : 0)"
                return LlvmValue(element, dtype)
            case Apply(op, operands, attrs):
                rule = lookup(op).emit
                if rule is None:
                    raise CompileError(f"{op} has no form in C", hint=self.instead)
                return self.applied(op, [self.value(operand) for operand in operands], attrs)
        raise AssertionError(x)

    def applied(self, op: str, operands: list[LlvmValue], attrs: tuple[Any, ...]) -> LlvmValue:
        """An operation: inline where it is one line with each operand in it once."""
        declared = lookup(op)
        self.op = declared
        assert declared.emit is not None
        inline = self._inline(declared.emit, operands, attrs)
        if inline is not None:
            return inline
        named = [x if _is_atom(x.text) else self.instruction(x.text, x.dtype) for x in operands]
        self.op = declared
        return declared.emit(self, *named, *attrs)

    def _inline(self, emit: Any, operands: list[LlvmValue], attrs: tuple[Any, ...]) -> LlvmValue | None:
        lines, count, taken = self.lines, self._count, dict(self.taken)
        self.lines = []
        standing = [LlvmValue(sign, x.dtype) for sign, x in zip(_PLACEHOLDERS, operands, strict=False)]
        result = emit(self, *standing, *attrs)
        own, self.lines = self.lines, lines
        if len(own) == 1 and own[0].startswith(f"const {c_type(result.dtype)} {result.text} = "):
            text = own[0].split(" = ", 1)[1][:-1]
        elif not own:
            text = result.text
        else:
            text = ""
        if not text or any(text.count(x.text) > 1 for x in standing):
            self._count, self.taken = count, taken
            return None
        self._count = count
        for sign, x in zip(standing, operands, strict=True):
            text = text.replace(f"({sign.text})", x.text if is_closed(x.text) else f"({x.text})")
            text = text.replace(sign.text, x.text)
        if _is_atom(text) or _is_call(text):
            return LlvmValue(text, result.dtype)
        return LlvmValue(f"({text})", result.dtype)


def _is_atom(text: str) -> bool:
    return text.replace("_", "a").replace(".", "a").isalnum()


def is_closed(text: str) -> bool:
    """Whether brackets stand around a whole text."""
    if not text.startswith("("):
        return False
    depth = 0
    for place, sign in enumerate(text):
        depth += (sign == "(") - (sign == ")")
        if depth == 0:
            return place == len(text) - 1
    return False


def _is_call(text: str) -> bool:
    """Whether a text is one call of a function."""
    name, bracket, rest = text.partition("(")
    return bool(bracket) and _is_atom(name) and is_closed(bracket + rest)

"""A small language for mathematical functions: Python that writes straight-line LLVM IR.

A function is written once, on `LibmValue`s that know +, −, ×, ÷ and comparisons, and comes out for float64 or float32. It holds
no branch, call or table, so that LLVM's loop vectoriser turns a loop with it inside into packed code, and the same instructions
serve single values, vectors and the vectors' tails: the bits are the same everywhere. No fast-math flag is set; fused
multiplication and addition is asked for by name (`Writer.fma`).
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from graphc.errors import CompileError
from graphc.util.records import dataclass

GUESSED = ", !prof !900004"
"""At the end of a selection that becomes a branch: LLVM makes one of what it is told to be nearly always the same."""


@dataclass(frozen=True)
class Format:
    """A floating-point format.

    bits : its width; digits : of its significand, in bits; bias : of its exponent
    magic : 1.5·2^(digits − 1): a sum with it is a whole number in the low bits of its pattern
    """

    bits: int
    digits: int
    bias: int

    @property
    def magic(self) -> float:
        return 1.5 * 2.0 ** (self.digits - 1)

    @property
    def real(self) -> str:
        """LLVM's type of its values."""
        return "double" if self.bits == 64 else "float"

    @property
    def whole(self) -> str:
        """LLVM's type of the integers of the same width."""
        return f"i{self.bits}"

    def round(self, value: float) -> float:
        """The nearest value of the format."""
        return float(value) if self.bits == 64 else float(np.float32(value))

    def pattern(self, value: float) -> int:
        """The bits of a value, as an integer without sign."""
        return struct.unpack(
            *(("<Q", struct.pack("<d", value)) if self.bits == 64 else ("<I", struct.pack("<f", value)))
        )[0]


DOUBLE, SINGLE = Format(64, 53, 1023), Format(32, 24, 127)


class LibmValue:
    """An SSA name or a literal of LLVM type `kind`: double, float, i64, i32 or i1.

    A Python number beside it stands for the literal of the same kind: floats must be values of the format.
    """

    __slots__ = ("kind", "text", "writer")

    def __init__(self, writer: LibmWriter, text: str, kind: str) -> None:
        self.writer: LibmWriter = writer
        self.text: str = text
        self.kind: str = kind

    @property
    def is_real(self) -> bool:
        return self.kind in ("double", "float")

    def _must(self, holds: bool, what: str) -> None:
        if not holds:
            raise CompileError(f"an instruction takes {what}, not a value of LLVM type {self.kind}")

    def _binary(self, floating: str, integer: str, x: Operand, y: Operand) -> LibmValue:
        left, right = self.writer.like(x, self), self.writer.like(y, self)
        name = floating if self.is_real else integer
        return self.writer.instruction(f"{name} {self.kind} {left.text}, {right.text}", self.kind)

    def __add__(self, other: Operand) -> LibmValue:
        return self._binary("fadd", "add", self, other)

    def __radd__(self, other: Operand) -> LibmValue:
        return self._binary("fadd", "add", other, self)

    def __sub__(self, other: Operand) -> LibmValue:
        return self._binary("fsub", "sub", self, other)

    def __rsub__(self, other: Operand) -> LibmValue:
        return self._binary("fsub", "sub", other, self)

    def __mul__(self, other: Operand) -> LibmValue:
        return self._binary("fmul", "mul", self, other)

    def __rmul__(self, other: Operand) -> LibmValue:
        return self._binary("fmul", "mul", other, self)

    def __truediv__(self, other: Operand) -> LibmValue:
        self._must(self.is_real, "a float")
        return self._binary("fdiv", "", self, other)

    def __rtruediv__(self, other: Operand) -> LibmValue:
        self._must(self.is_real, "a float")
        return self._binary("fdiv", "", other, self)

    def __neg__(self) -> LibmValue:
        if self.is_real:
            return self.writer.instruction(f"fneg {self.kind} {self.text}", self.kind)
        return 0 - self

    def __and__(self, other: Operand) -> LibmValue:
        return self._binary("", "and", self, other)

    def __or__(self, other: Operand) -> LibmValue:
        return self._binary("", "or", self, other)

    def __xor__(self, other: Operand) -> LibmValue:
        return self._binary("", "xor", self, other)

    def __invert__(self) -> LibmValue:
        self._must(self.kind == "i1", "a truth value")
        return self.writer.instruction(f"xor i1 {self.text}, true", "i1")

    def __lshift__(self, count: int) -> LibmValue:
        return self._binary("", "shl", self, count)

    def __rshift__(self, count: int) -> LibmValue:
        """The logical shift: zeros come in from the left. (AVX2 has no arithmetic one for 64 bits.)"""
        return self._binary("", "lshr", self, count)

    def _compare(self, floating: str, integer: str, other: Operand) -> LibmValue:
        right = self.writer.like(other, self)
        name = f"fcmp {floating}" if self.is_real else f"icmp {integer}"
        return self.writer.instruction(f"{name} {self.kind} {self.text}, {right.text}", "i1")

    def __lt__(self, other: Operand) -> LibmValue:
        return self._compare("olt", "slt", other)

    def __le__(self, other: Operand) -> LibmValue:
        return self._compare("ole", "sle", other)

    def __gt__(self, other: Operand) -> LibmValue:
        return self._compare("ogt", "sgt", other)

    def __ge__(self, other: Operand) -> LibmValue:
        return self._compare("oge", "sge", other)

    def equals(self, other: Operand) -> LibmValue:
        return self._compare("oeq", "eq", other)

    def is_nan(self) -> LibmValue:
        return self._compare("uno", "", self)


Operand: TypeAlias = "LibmValue | float | int"


class LibmWriter:
    """Writes the instructions of one function for one format.

    waits : whether a loop waits for the function: its selections become branches, and links of the chain are worth instructions
    """

    def __init__(self, format: Format, waits: bool = False) -> None:
        self.format: Format = format
        self.waits: bool = waits
        self.lines: list[str] = []
        self.declarations: set[str] = set()
        self._count = itertools.count()

    def as_double(self) -> LibmWriter:
        """A writer of the same function whose numbers are float64's: for what is too delicate for the format itself."""
        other = LibmWriter(DOUBLE, self.waits)
        other.lines, other.declarations, other._count = self.lines, self.declarations, self._count
        return other

    @property
    def is_double(self) -> bool:
        return self.format is DOUBLE

    def instruction(self, text: str, kind: str) -> LibmValue:
        name = f"%t{next(self._count)}"
        self.lines.append(f"  {name} = {text}")
        return LibmValue(self, name, kind)

    def literal(self, value: float | int, kind: str) -> LibmValue:
        """A constant, exact to the bit."""
        if kind == "i1":
            return LibmValue(self, "true" if value else "false", kind)
        if kind not in ("double", "float"):
            return LibmValue(self, str(int(value)), kind)
        value = float(value)
        if kind == "float" and value == value and float(np.float32(value)) != value:
            raise CompileError(f"the literal {value!r} is no float32")
        return LibmValue(self, f"0x{DOUBLE.pattern(value):016X}", kind)

    def like(self, value: Operand, other: LibmValue) -> LibmValue:
        """A value as it is, a number as a literal of the kind of `other`."""
        return value if isinstance(value, LibmValue) else self.literal(value, other.kind)

    def number(self, value: float) -> LibmValue:
        """The literal nearest to `value` in the function's format."""
        return self.literal(self.format.round(value), self.format.real)

    def pick(self, double: float, single: float) -> float:
        """One of two numbers, by format."""
        return double if self.is_double else single

    # --- functions of the processor -----------------------------------------------------------------------------------

    def _intrinsic(self, name: str, kind: str, *arguments: LibmValue) -> LibmValue:
        function = f"llvm.{name}.f{64 if kind == 'double' else 32}"
        self.declarations.add(f"declare {kind} @{function}({', '.join([kind] * len(arguments))})")
        listed = ", ".join(f"{kind} {argument.text}" for argument in arguments)
        return self.instruction(f"call {kind} @{function}({listed})", kind)

    def fma(self, x: Operand, y: Operand, z: Operand) -> LibmValue:
        """x·y + z, rounded once. At least one of the three is a Value."""
        model = next(v for v in (x, y, z) if isinstance(v, LibmValue))
        return self._intrinsic("fma", model.kind, *(self.like(v, model) for v in (x, y, z)))

    def abs(self, x: LibmValue) -> LibmValue:
        return self._intrinsic("fabs", x.kind, x)

    def sqrt(self, x: LibmValue) -> LibmValue:
        return self._intrinsic("sqrt", x.kind, x)

    def floor(self, x: LibmValue) -> LibmValue:
        return self._intrinsic("floor", x.kind, x)

    def copysign(self, size: LibmValue, sign: LibmValue) -> LibmValue:
        return self._intrinsic("copysign", size.kind, size, sign)

    def select(self, condition: LibmValue, x: Operand, y: Operand) -> LibmValue:
        model = x if isinstance(x, LibmValue) else y if isinstance(y, LibmValue) else self.number(0.0)
        left, right = self.like(x, model), self.like(y, model)
        text = f"select i1 {condition.text}, {left.kind} {left.text}, {right.kind} {right.text}"
        return self.instruction(f"{text}{GUESSED}" if self.waits else text, left.kind)

    def at_least(self, x: LibmValue, least: Operand) -> LibmValue:
        """max(x, least); NaN of NaN."""
        return self.select(x < least, least, x)

    def at_most(self, x: LibmValue, most: Operand) -> LibmValue:
        """min(x, most); NaN of NaN."""
        return self.select(x > most, most, x)

    # --- patterns -----------------------------------------------------------------------------------------------------

    def bits(self, x: LibmValue) -> LibmValue:
        """The pattern of a float, as an integer."""
        kind = "i64" if x.kind == "double" else "i32"
        return self.instruction(f"bitcast {x.kind} {x.text} to {kind}", kind)

    def from_bits(self, x: LibmValue) -> LibmValue:
        kind = "double" if x.kind == "i64" else "float"
        return self.instruction(f"bitcast {x.kind} {x.text} to {kind}", kind)

    def nearest(self, x: Operand, factor: float = 1.0) -> tuple[LibmValue, LibmValue]:
        """(n, N): the whole number nearest to x·factor as a float, and an integer whose low bits are n's.

        By the sum with 1.5·2⁵², as there is no packed conversion to 64-bit integers before AVX-512. |n| < 2⁵⁰ (2²¹ in single).
        """
        magic = self.format.magic
        assert isinstance(x, LibmValue)
        shifted = x + magic if factor == 1.0 else self.fma(x, self.format.round(factor), magic)
        return shifted - magic, self.bits(shifted)

    def power_of_two(self, low_bits: LibmValue) -> LibmValue:
        """2ⁿ for n in the low bits of an integer (what `nearest` gives), 1 − bias ≤ n ≤ bias."""
        f = self.format
        return self.from_bits((low_bits << (f.digits - 1)) + (f.bias << (f.digits - 1)))

    def to_real(self, n: LibmValue) -> LibmValue:
        """A nonnegative integer below 2^(digits − 1) as a float, by its pattern."""
        top = 2.0 ** (self.format.digits - 1)
        return self.from_bits(n | self.format.pattern(top)) - top

    def widen(self, x: LibmValue) -> LibmValue:
        """float32 → float64."""
        return self.instruction(f"fpext float {x.text} to double", "double")

    def narrow(self, x: LibmValue) -> LibmValue:
        """float64 → float32, rounded."""
        return self.instruction(f"fptrunc double {x.text} to float", "float")

    # --- polynomials --------------------------------------------------------------------------------------------------

    def horner(self, x: LibmValue, coefficients: Sequence[float]) -> LibmValue:
        """Σ cₖ·xᵏ, constant term first: fewest operations, each waiting for the one before."""
        result: Operand = coefficients[-1]
        for coefficient in reversed(coefficients[:-1]):
            result = self.fma(result, x, coefficient)
        return self.like(result, x)

    def estrin(self, x: LibmValue, coefficients: Sequence[float]) -> LibmValue:
        """Σ cₖ·xᵏ, constant term first, in pairs of pairs: a few more operations, of logarithmic depth."""
        terms: list[Operand] = list(coefficients)
        power = x
        while len(terms) > 1:
            paired: list[Operand] = []
            for even in range(0, len(terms) - 1, 2):
                paired.append(self.fma(terms[even + 1], power, terms[even]))
            if len(terms) % 2:
                paired.append(terms[-1])
            terms = paired
            if len(terms) > 1:
                power = power * power
        return self.like(terms[0], x)

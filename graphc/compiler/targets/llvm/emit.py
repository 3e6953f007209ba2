"""One element of a kernel as LLVM IR.

`LlvmBuilder` is what the operations' `emit` rules are written against: typed values in, typed values out, one line of textual IR
for each instruction. No fast-math flag is ever set: NaN, infinities, signed zeros and the order of operations stay as written.
"""

from __future__ import annotations

import platform
import struct
from typing import Any, NamedTuple

import numpy as np

from graphc.compiler.targets.llvm import libm, shared_functions
from graphc.compiler.targets.llvm.helper_functions import HELPERS, part_declaration, part_of, used_by
from graphc.compiler.targets.llvm.libm import whole_powers
from graphc.errors import CompileError
from graphc.ir.expr import Expr
from graphc.ir.op import Op
from graphc.ir.types import BOOL, FLOAT64, INT64, DType

_X86 = platform.machine().lower() in ("x86_64", "amd64")


class LlvmValue(NamedTuple):
    """An SSA name or a literal, with its dtype. Booleans are i1 in registers and i8 in memory."""

    text: str
    dtype: DType


def register_type(dtype: DType) -> str:
    """LLVM's type of a value in a register."""
    if dtype.kind == "f":
        return "double" if dtype.itemsize == 8 else "float"
    return "i1" if dtype.kind == "b" else f"i{8 * dtype.itemsize}"


def memory_type(dtype: DType) -> str:
    """LLVM's type of a value in memory, NumPy's layout."""
    return "i8" if dtype.kind == "b" else register_type(dtype)


def literal(value: Any, dtype: DType) -> str:
    """A constant in LLVM's syntax: floats, rounded to the type, as the bits of the double that equals them."""
    if dtype.kind == "f":
        return f"0x{struct.unpack('<Q', struct.pack('<d', float(dtype.type(value))))[0]:016X}"
    if dtype.kind == "b":
        return "true" if value else "false"
    return str(int(value))


FLOAT_PREDICATES = {"lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge", "eq": "oeq", "ne": "une"}

_SUFFIX = {8: "", 4: "f"}

_INTRINSIC_ARITY = {
    "sqrt": 1, "floor": 1, "ceil": 1, "trunc": 1, "roundeven": 1, "fabs": 1, "copysign": 2, "maximum": 2, "minimum": 2, "fma": 3,
}  # fmt: skip


class LlvmBuilder:
    """Writes the instructions of one straight-line body.

    inline : whether mathematical functions become part of the body, as a loop needs it to be packed, or are called
    within : whether functions that need another way for large operands do without it; `beyond` collects the conditions under
        which that would be wrong
    waits : whether a loop waits for the function that is called next: its choices are branches then
    shared : whether mathematical functions are called in modules of their own
    """

    def __init__(self, inline: bool = False, within: bool = False, shared: bool = False) -> None:
        self.inline = inline
        self.shared = shared
        self.within = within
        self.op: Op | None = None  # whose `emit` is at work
        self.beyond: list[LlvmValue] = []
        self.lines: list[str] = []
        self.declarations: dict[str, str] = {}
        self.helpers: set[str] = set()
        self.functions: set[tuple[str, int, bool, bool]] = set()
        self.waits: bool = False
        self._count = 0

    # --- the basics -------------------------------------------------------------------------------------------------

    def instruction(self, text: str, dtype: DType) -> LlvmValue:
        name = f"%v{self._count}"
        self._count += 1
        self.lines.append(f"  {name} = {text}")
        return LlvmValue(name, dtype)

    def number(self, value: Any, like: LlvmValue) -> LlvmValue:
        """A literal of another value's dtype."""
        return LlvmValue(literal(value, like.dtype), like.dtype)

    def constant(self, value: Any, dtype: DType) -> LlvmValue:
        """A constant of the graph."""
        return LlvmValue(literal(value, dtype), dtype)

    def is_float(self, x: LlvmValue) -> bool:
        return x.dtype.kind == "f"

    def _binary(self, floating: str, integer: str, x: LlvmValue, y: LlvmValue) -> LlvmValue:
        name = floating if self.is_float(x) else integer
        return self.instruction(f"{name} {register_type(x.dtype)} {x.text}, {y.text}", x.dtype)

    def _call(
        self, function: str, result: DType, arguments: list[LlvmValue], attributes: str = "#0"
    ) -> LlvmValue:
        kinds = ", ".join(register_type(argument.dtype) for argument in arguments)
        listed = ", ".join(f"{register_type(argument.dtype)} {argument.text}" for argument in arguments)
        kind = register_type(result)
        if function not in HELPERS:
            self.declarations[function] = f"declare {kind} @{function}({kinds}) {attributes}"
        return self.instruction(f"call {kind} @{function}({listed})", result)

    # --- arithmetic ---------------------------------------------------------------------------------------------------

    def add(self, x: LlvmValue, y: LlvmValue) -> LlvmValue:
        return self.or_(x, y) if x.dtype == BOOL else self._binary("fadd", "add", x, y)

    def sub(self, x: LlvmValue, y: LlvmValue) -> LlvmValue:
        return self._binary("fsub", "sub", x, y)

    def mul(self, x: LlvmValue, y: LlvmValue) -> LlvmValue:
        return self.and_(x, y) if x.dtype == BOOL else self._binary("fmul", "mul", x, y)

    def div(self, x: LlvmValue, y: LlvmValue) -> LlvmValue:
        return self._binary("fdiv", "udiv" if x.dtype.kind == "u" else "sdiv", x, y)

    def frem(self, x: LlvmValue, y: LlvmValue) -> LlvmValue:
        """C's fmod: the remainder with the sign of x.

        The instruction, not the call: of a call LLVM concludes that there is no NaN where x is finite and y is not 0, also where
        y is NaN itself, and what it makes of that is undefined.
        """
        return self.instruction(f"frem {register_type(x.dtype)} {x.text}, {y.text}", x.dtype)

    def neg(self, x: LlvmValue) -> LlvmValue:
        if self.is_float(x):
            return self.instruction(f"fneg {register_type(x.dtype)} {x.text}", x.dtype)
        return self.sub(self.number(0, x), x)

    def abs(self, x: LlvmValue) -> LlvmValue:
        if self.is_float(x):
            return self.intrinsic("fabs", x)
        if x.dtype.kind in "ub":
            return x
        return self.select(self.compare("lt", x, self.number(0, x)), self.neg(x), x)

    def sign(self, x: LlvmValue) -> LlvmValue:
        """−1, 0, 1; 0 of either zero, NaN of NaN."""
        zero, one = self.number(0, x), self.number(1, x)
        positive = self.compare("gt", x, zero)
        if x.dtype.kind == "u":
            return self.select(positive, one, zero)
        otherwise = self.select(self.compare("lt", x, zero), self.number(-1, x), zero)
        result = self.select(positive, one, otherwise)
        return self.select(self.isnan(x), x, result) if self.is_float(x) else result

    def _divisor(self, x: LlvmValue, y: LlvmValue) -> tuple[LlvmValue, LlvmValue]:
        """A divisor for which the machine's division is defined, and whether it stands for 0."""
        zero, one = self.number(0, y), self.number(1, y)
        is_zero = self.compare("eq", y, zero)
        bad = is_zero
        if x.dtype.kind == "i":  # the least integer by −1 overflows; by 1 it gives itself, as NumPy does
            least = self.compare("eq", x, self.number(np.iinfo(x.dtype).min, x))
            bad = self.or_(bad, self.and_(least, self.compare("eq", y, self.number(-1, y))))
        return self.select(bad, one, y), is_zero

    def int_floor_divide(self, x: LlvmValue, y: LlvmValue) -> LlvmValue:
        divisor, is_zero = self._divisor(x, y)
        quotient = self.div(x, divisor)
        if x.dtype.kind == "i":
            zero = self.number(0, x)
            rest = self.sub(x, self.mul(quotient, divisor))
            opposite = self.xor_(self.compare("lt", x, zero), self.compare("lt", divisor, zero))
            below = self.and_(opposite, self.compare("ne", rest, zero))
            quotient = self.select(below, self.sub(quotient, self.number(1, x)), quotient)
        return self.select(is_zero, self.number(0, x), quotient)

    def int_mod(self, x: LlvmValue, y: LlvmValue) -> LlvmValue:
        divisor, is_zero = self._divisor(x, y)
        rest = self.sub(x, self.mul(self.div(x, divisor), divisor))
        if x.dtype.kind == "i":
            zero = self.number(0, x)
            opposite = self.xor_(self.compare("lt", rest, zero), self.compare("lt", divisor, zero))
            rest = self.select(
                self.and_(opposite, self.compare("ne", rest, zero)), self.add(rest, divisor), rest
            )
        return self.select(is_zero, self.number(0, x), rest)

    def int_pow(self, x: LlvmValue, y: LlvmValue) -> LlvmValue:
        """By squaring, wrapping around as NumPy's; see `pow` for negative exponents."""
        wide = np.dtype(np.int64 if x.dtype.kind == "i" else np.uint64)
        name = "graphc_pow_" + ("i64" if x.dtype.kind == "i" else "u64")
        self.helpers.add(name)
        return self.convert(self._call(name, wide, [self.convert(x, wide), self.convert(y, wide)]), x.dtype)

    # --- functions ------------------------------------------------------------------------------------------------------

    def knows(self, name: str, like: LlvmValue) -> bool:
        """Whether `call` has a function of graphc's own for that name, in the precision of `like`."""
        return libm.exists(name, 8 * like.dtype.itemsize)

    def call(self, name: str, *arguments: LlvmValue) -> LlvmValue:
        """A mathematical function in the precision of its arguments: graphc's own, else the C library's."""
        dtype, bits = arguments[0].dtype, 8 * arguments[0].dtype.itemsize
        if name == "pow" and (power := whole_powers.one_instruction(self, *arguments)) is not None:
            return power
        if name == "pow" and bits == 64 and (known := whole_powers.name_of(arguments[1].text)):
            name, arguments = known, arguments[:1]
        if not libm.exists(name, bits):
            return self._call(name + _SUFFIX[dtype.itemsize], dtype, list(arguments))
        if self.shared:
            texts = [argument.text for argument in arguments]
            symbol, operands = shared_functions.called(name, bits, texts, self.declarations)
            return self._call(symbol, dtype, list(arguments[:operands]))
        limit = libm.limit(name, bits)
        near = self.within and limit is not None
        if near:
            size = self.intrinsic("fabs", arguments[0])
            self.beyond.append(self.compare("gt", size, self.number(limit, size)))
        waits = self.waits and (limit is None or near)
        self.functions.add((name, bits, near, waits))
        symbol = libm.definition(name, bits, self.inline, near, waits).symbol
        kind = register_type(dtype)
        listed = ", ".join(f"{kind} {argument.text}" for argument in arguments)
        return self.instruction(f"call {kind} @{symbol}({listed})", dtype)

    def special(self, name: str, *arguments: LlvmValue) -> LlvmValue:
        """A function that exists in double precision only."""
        dtype = arguments[-1].dtype
        wide = [self.convert(a, FLOAT64) if self.is_float(a) else a for a in arguments]
        function = f"graphc_{name}"
        self.helpers.add(function)
        more, declared = used_by(function)
        self.helpers |= more
        self.declarations.update(declared)
        return self.convert(self._call(function, FLOAT64, wide), dtype)

    def scipy(self, name: str, *arguments: LlvmValue, result: int | None = None) -> LlvmValue:
        """A compiled function of SciPy's, of doubles; `result` is the number of one that it hands through a pointer.

        Behind the operands stands a flag of Cython's that compiled code leaves 0.
        """
        dtype = arguments[-1].dtype
        wide = [self.convert(argument, FLOAT64) for argument in arguments]
        symbol = f"graphc_scipy_{name}"
        if result is not None:
            self.helpers.add(part_of(name, result))
            self.declarations[symbol] = part_declaration(name)
            return self.convert(self._call(part_of(name, result), FLOAT64, wide), dtype)
        kinds, listed = ["double"] * len(wide), [f"double {argument.text}" for argument in wide]
        self.declarations[symbol] = f"declare double @{symbol}({', '.join([*kinds, 'i32'])}) #0"
        text = f"call double @{symbol}({', '.join([*listed, 'i32 0'])})"
        return self.convert(self.instruction(text, FLOAT64), dtype)

    def intrinsic(self, name: str, *arguments: LlvmValue) -> LlvmValue:
        """One of LLVM's functions that are correctly rounded on every machine."""
        if len(arguments) != _INTRINSIC_ARITY[name]:
            raise CompileError(f"llvm.{name} takes {_INTRINSIC_ARITY[name]} operands, not {len(arguments)}")
        dtype = arguments[0].dtype
        return self._call(f"llvm.{name}.f{8 * dtype.itemsize}", dtype, list(arguments), attributes="")

    # --- comparisons, logic, choice ----------------------------------------------------------------------------------------

    def compare(self, predicate: str, x: LlvmValue, y: LlvmValue) -> LlvmValue:
        kind = register_type(x.dtype)
        if self.is_float(x):
            text = f"fcmp {FLOAT_PREDICATES[predicate]} {kind} {x.text}, {y.text}"
        else:
            sign = "" if predicate in ("eq", "ne") else "s" if x.dtype.kind == "i" else "u"
            text = f"icmp {sign}{predicate} {kind} {x.text}, {y.text}"
        return self.instruction(text, BOOL)

    def isnan(self, x: LlvmValue) -> LlvmValue:
        if not self.is_float(x):
            return LlvmValue("false", BOOL)
        return self.instruction(f"fcmp uno {register_type(x.dtype)} {x.text}, {x.text}", BOOL)

    def select(self, condition: LlvmValue, x: LlvmValue, y: LlvmValue) -> LlvmValue:
        kind = register_type(x.dtype)
        return self.instruction(f"select i1 {condition.text}, {kind} {x.text}, {kind} {y.text}", x.dtype)

    def and_(self, x: LlvmValue, y: LlvmValue) -> LlvmValue:
        return self.instruction(f"and {register_type(x.dtype)} {x.text}, {y.text}", x.dtype)

    def or_(self, x: LlvmValue, y: LlvmValue) -> LlvmValue:
        return self.instruction(f"or {register_type(x.dtype)} {x.text}, {y.text}", x.dtype)

    def xor_(self, x: LlvmValue, y: LlvmValue) -> LlvmValue:
        return self.instruction(f"xor {register_type(x.dtype)} {x.text}, {y.text}", x.dtype)

    def not_(self, x: LlvmValue) -> LlvmValue:
        return self.instruction(f"xor i1 {x.text}, true", BOOL)

    def maximum(self, x: LlvmValue, y: LlvmValue) -> LlvmValue:
        """NaN if either is NaN, else the larger, and +0 is larger than −0: IEEE 754-2019's maximum."""
        if self.is_float(x):
            if self._is_known(x) or self._is_known(y):
                return self.intrinsic("maximum", x, y)
            return self.neg(self.minimum(self.neg(x), self.neg(y)))
        return self.select(self.compare("ge", x, y), x, y)

    def minimum(self, x: LlvmValue, y: LlvmValue) -> LlvmValue:
        """As `maximum`: the bits of both orders of x86's minimum, which gives the second of zeros and beside NaN, in one.

        LLVM's own asks for signs in registers of integers, on the way from operand to result.
        """
        if not self.is_float(x):
            return self.select(self.compare("le", x, y), x, y)
        if self._is_known(x) or self._is_known(y):
            return self.intrinsic("minimum", x, y)
        kind, bits = register_type(x.dtype), f"i{8 * x.dtype.itemsize}"
        orders = [
            self.instruction(f"bitcast {kind} {least.text} to {bits}", INT64)
            for least in (self.select(self.compare("lt", a, b), a, b) for a, b in ((x, y), (y, x)))
        ]
        both = self.instruction(f"or {bits} {orders[0].text}, {orders[1].text}", INT64)
        return self.instruction(f"bitcast {bits} {both.text} to {kind}", x.dtype)

    @staticmethod
    def _is_known(x: LlvmValue) -> bool:
        """Whether it is a literal, beside which LLVM's own way has less to ask for, or has an instruction."""
        return not _X86 or not x.text.startswith("%")

    # --- types -------------------------------------------------------------------------------------------------------------

    def convert(self, x: LlvmValue, dtype: DType) -> LlvmValue:
        """A cast as `astype` declares it: floats saturate at the ends of an integer type, NaN gives 0."""
        if x.dtype == dtype:
            return x
        source, target = x.dtype, dtype
        old, new = register_type(source), register_type(target)
        if target.kind == "b":
            return self.compare("ne", x, self.number(0, x))
        if source.kind == "f" and target.kind == "f":
            how = "fpext" if target.itemsize > 4 else "fptrunc"
            return self.instruction(f"{how} {old} {x.text} to {new}", target)
        if source.kind == "f":
            sign = "s" if target.kind == "i" else "u"
            name = f"llvm.fpto{sign}i.sat.{new}.f{8 * source.itemsize}"
            return self._call(name, target, [x], attributes="")
        if target.kind == "f":
            how = "sitofp" if source.kind == "i" else "uitofp"
            return self.instruction(f"{how} {old} {x.text} to {new}", target)
        width, wanted = (1 if source.kind == "b" else 8 * source.itemsize), 8 * target.itemsize
        if width == wanted:
            return LlvmValue(x.text, target)
        how = "trunc" if wanted < width else "sext" if source.kind == "i" else "zext"
        return self.instruction(f"{how} {old} {x.text} to {new}", target)

    # --- memory ------------------------------------------------------------------------------------------------------------

    def load(self, address: str, dtype: DType, note: str = "") -> LlvmValue:
        kind = memory_type(dtype)
        value = self.instruction(f"load {kind}, ptr {address}{note}", dtype)
        # any byte but 0 counts as true, as it does for NumPy: a view of other memory may hold such
        return self.instruction(f"icmp ne i8 {value.text}, 0", BOOL) if dtype.kind == "b" else value

    def store(self, value: LlvmValue, address: str, note: str = "") -> None:
        text = value.text
        if value.dtype.kind == "b":
            text = self.instruction(f"zext i1 {text} to i8", np.dtype(np.uint8)).text
        self.lines.append(f"  store {memory_type(value.dtype)} {text}, ptr {address}{note}")

    def module_parts(self) -> str:
        """The declarations and helper functions that the instructions so far refer to."""
        own = [
            libm.definition(name, bits, self.inline, *ways) for name, bits, *ways in sorted(self.functions)
        ]
        intrinsics = {text.split("@")[1].split("(")[0]: text for each in own for text in each.declarations}
        texts = sorted({**intrinsics, **self.declarations}.values())
        texts += [each.text for each in own]
        texts += [HELPERS[name] for name in sorted(self.helpers)]
        return "\n".join(texts) + "\n\nattributes #0 = { nounwind willreturn memory(none) }\n"


SLOT = 8
"""Bytes from one value to the next in the packed arguments of a body: every dtype fits one."""


def emit(builder: LlvmBuilder, node: Expr, values: dict[Expr, LlvmValue]) -> LlvmValue:
    """The instructions of one node, whose operands have been made."""
    if node.is_constant:
        return builder.constant(node.value, node.dtype)
    op = node.op
    types = op.types(tuple(operand.dtype for operand in node.operands))[0]
    operands = [
        builder.convert(values[operand], dtype) for operand, dtype in zip(node.operands, types, strict=True)
    ]
    assert op.emit is not None  # `expand_ops` saw to it
    builder.op = op
    value = op.emit(builder, *operands, *node.attrs)
    if value.dtype != node.dtype:
        raise CompileError(f"{op.name} emitted {value.dtype} instead of {node.dtype}", node=repr(node))
    return value

"""A kernel as a Python module of its own, which needs NumPy and Numba and nothing else.

The operations' `emit` rules write it, as they write LLVM IR: `PythonBuilder` answers each instruction with a line of Python. What
the `math` module lacks is written out as a function of the module (`python_math.py`).

Names of symbols become names of arguments only where they are plain identifiers that the module uses for nothing else. Every
other text of the user's stands in the module as a literal or as a comment without line breaks: nothing of it can become code.
"""

from __future__ import annotations

import keyword
from typing import Any

import numpy as np

from graphc.compiler.lowering.expand_ops import expand_ops
from graphc.compiler.lowering.scalar_kernel import Kernel
from graphc.compiler.targets.llvm.emit import LlvmValue
from graphc.compiler.targets.llvm.kernels.scalar_body import body
from graphc.compiler.targets.python_math import HELPERS, saturating_cast, with_used
from graphc.compiler.targets.source_text import SourceBuilder
from graphc.ir.types import BOOL, FLOAT64, DType
from graphc.util.pytree import Leaf, Mapping, Structure
from graphc.version import __version__

HEAD = (
    f'"""Written by graphc {__version__}. It needs NumPy and Numba; Numba keeps its machine code beside this file."""',
    "",
    "import math",
    "",
    "import numba",
    "import numpy as np",
    "",
    'compiled = numba.njit(cache=True, error_model="numpy")',
)
"""The first lines of a module."""

MAX_OPERATIONS = 2000
"""Numba's own compiler takes seconds for a function of this size, and its time grows faster than the size."""

MAX_CONSTANTS = 10_000
"""Elements of array constants, which stand in the text as lists."""

_OPERATORS = {"fadd": "+", "add": "+", "fsub": "-", "sub": "-", "fmul": "*", "mul": "*", "fdiv": "/"}
_PREDICATES = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}
_INTRINSICS = {
    "sqrt": "math.sqrt", "floor": "np.floor", "ceil": "np.ceil", "trunc": "np.trunc", "roundeven": "np.rint", "fabs": "abs",
    "copysign": "math.copysign",
}  # fmt: skip


def literal(value: Any, dtype: DType) -> str:
    """A constant in Python, exact."""
    if dtype.kind == "b":
        return str(bool(value))
    if dtype.kind != "f":
        return f"np.{dtype.name}({int(value)})"
    number = float(value)
    text = repr(number) if np.isfinite(number) else f"math.{number!r}".replace("math.-", "-math.")
    return text if dtype == FLOAT64 else f"np.float32({text})"


class PythonBuilder(SourceBuilder):
    """Answers the operations' `emit` rules with lines of Python over scalars of exact NumPy types."""

    language, title = "python", "Python"
    instead = "export it as an object file, kernel.o"
    OPERATORS = _OPERATORS
    PREDICATES = _PREDICATES
    literal = staticmethod(literal)

    def instruction(self, text: str, dtype: DType) -> LlvmValue:
        name = f"v{self._count}"
        self._count += 1
        # Numba computes small integers as int64; what NumPy's types hold is said on each line
        self.lines.append(f"    {name} = {text if dtype in (FLOAT64, BOOL) else f'np.{dtype.name}({text})'}")
        return LlvmValue(name, dtype)

    def frem(self, x: LlvmValue, y: LlvmValue) -> LlvmValue:
        return self.instruction(f"np.fmod({x.text}, {y.text})", x.dtype)

    def int_floor_divide(self, x: LlvmValue, y: LlvmValue) -> LlvmValue:
        divisor, is_zero = self._divisor(x, y)
        quotient = self.instruction(f"{x.text} // {divisor.text}", x.dtype)
        return self.select(is_zero, self.number(0, x), quotient)

    def int_mod(self, x: LlvmValue, y: LlvmValue) -> LlvmValue:
        divisor, is_zero = self._divisor(x, y)
        rest = self.instruction(f"{x.text} % {divisor.text}", x.dtype)
        return self.select(is_zero, self.number(0, x), rest)

    def int_pow(self, x: LlvmValue, y: LlvmValue) -> LlvmValue:
        wide = np.dtype(np.int64 if x.dtype.kind == "i" else np.uint64)
        power = self._helper(f"power_{wide.name}", wide, self.convert(x, wide), self.convert(y, wide))
        return self.convert(power, x.dtype)

    def _helper(self, name: str, dtype: DType, *arguments: LlvmValue) -> LlvmValue:
        if name in HELPERS:
            self.helpers.update(with_used(name))
        return self.instruction(f"{name}({', '.join(argument.text for argument in arguments)})", dtype)

    def call(self, name: str, *arguments: LlvmValue) -> LlvmValue:
        return self._helper(self.function(name), arguments[0].dtype, *arguments)

    def special(self, name: str, *arguments: LlvmValue) -> LlvmValue:
        dtype = arguments[-1].dtype
        wide = [self.convert(a, FLOAT64) if self.is_float(a) else a for a in arguments]
        return self.convert(self._helper(self.function(name), FLOAT64, *wide), dtype)

    def intrinsic(self, name: str, *arguments: LlvmValue) -> LlvmValue:
        if name in HELPERS:
            return self._helper(name, arguments[0].dtype, *arguments)
        listed = ", ".join(argument.text for argument in arguments)
        return self.instruction(f"{_INTRINSICS[name]}({listed})", arguments[0].dtype)

    def isnan(self, x: LlvmValue) -> LlvmValue:
        return (
            self.instruction(f"{x.text} != {x.text}", BOOL)
            if self.is_float(x)
            else self.number(False, _TRUTH)
        )

    def select(self, condition: LlvmValue, x: LlvmValue, y: LlvmValue) -> LlvmValue:
        return self.instruction(f"{x.text} if {condition.text} else {y.text}", x.dtype)

    def and_(self, x: LlvmValue, y: LlvmValue) -> LlvmValue:
        return self.instruction(f"{x.text} and {y.text}", x.dtype)

    def or_(self, x: LlvmValue, y: LlvmValue) -> LlvmValue:
        return self.instruction(f"{x.text} or {y.text}", x.dtype)

    def xor_(self, x: LlvmValue, y: LlvmValue) -> LlvmValue:
        return self.instruction(f"{x.text} != {y.text}", x.dtype)

    def not_(self, x: LlvmValue) -> LlvmValue:
        return self.instruction(f"not {x.text}", BOOL)

    def convert(self, x: LlvmValue, dtype: DType) -> LlvmValue:
        if x.dtype == dtype:
            return x
        if dtype.kind == "b":
            return self.compare("ne", x, self.number(0, x))
        if self.is_float(x) and dtype.kind in "iu":
            name = f"to_{dtype.name}"
            self.helpers.add(name)
            return self.instruction(f"{name}({x.text})", dtype)
        if x.dtype == BOOL and dtype.kind == "f":  # Numba makes no float of a boolean
            return self.instruction(f"1.0 if {x.text} else 0.0", dtype)
        text = f"float({x.text})" if dtype == FLOAT64 else x.text
        return self.instruction(text, dtype)


_TRUTH = LlvmValue("True", BOOL)


def argument_names(symbols: tuple[str, ...], reserved: frozenset[str]) -> list[str]:
    """A name for each argument: the symbol's own where it is a plain identifier that nothing else in the module uses."""
    names: list[str] = []
    for number, symbol in enumerate(symbols):
        plain = symbol.isascii() and symbol.isidentifier() and not keyword.iskeyword(symbol)
        own = symbol[:1] == "v" and symbol[1:].isdigit()
        taken = symbol.startswith("_") or symbol in reserved or symbol in names or own or len(symbol) > 60
        names.append(symbol if plain and not taken else f"_argument{number}")
    return names


RESERVED = frozenset(
    (
        "math", "np", "numba", "abs", "float", "range", "len", "zip", "type", "results", "arrays", "shape", "dtypes", "values",
        "compiled", "element", "loop", "i", *keyword.softkwlist, *HELPERS, *(f"to_{kind}{bits}" for kind in ("int", "uint")
        for bits in (8, 16, 32, 64)),
    )
)  # fmt: skip


def module(
    name: str,
    symbols: tuple[str, ...],
    kernel: Kernel,
    structure: Structure,
    constants: tuple[np.ndarray, ...],
    formula: str,
    unused: tuple[int, ...] = (),
) -> str:
    """The text of the module; `name` is that of its function, an identifier. Arguments that are not used need not broadcast."""
    kernel = Kernel(expand_ops(kernel.dag, PythonBuilder.writes), kernel.inputs, kernel.outputs)
    builder = PythonBuilder()
    reserved = frozenset((*RESERVED, name))
    names = argument_names(symbols, reserved)
    inner = [*names, *(f"_constant{number}" for number in range(len(constants)))]
    arguments = [LlvmValue(argument, dtype) for argument, dtype in zip(inner, kernel.inputs, strict=True)]
    outputs = body(builder, kernel, arguments)
    results = [f"_result{number}" for number in range(len(outputs))]
    helpers = [
        f"@compiled{saturating_cast(helper) if helper.startswith('to_') else HELPERS[helper]}\n"
        for helper in sorted(builder.helpers)
    ]
    helpers += [f"@compiled\n{text.strip()}\n" for text in builder.definitions.values()]
    held = [
        f"_constant{number} = np.array({_listed(array)}, dtype=np.{array.dtype.name}).reshape({array.shape})"
        for number, array in enumerate(constants)
    ]
    returned = ", ".join(value.text for value in outputs)
    stored = ", ".join(f"{result}[i]" for result in results)
    elements = ", ".join(f"{argument}[i]" for argument in inner)
    lines = [
        *HEAD,
        "",
        *(["", *helpers] if helpers else []),
        "",
        f"# {ascii(formula)[1:-1]}",
        "@compiled",
        f"def element({', '.join(inner)}):",
        '    """The results at one point."""',
        *builder.lines,
        f"    return ({returned},)",
        "",
        "",
        "@compiled",
        f"def loop({', '.join([*inner, *results])}):",
        f"    for i in range({results[0]}.size):",
        f"        {stored}, = element({elements})",
        "",
        "",
        *([*held, "", ""] if held else []),
        f"def {name}({', '.join(names)}):",
        f'    """The results at numbers or arrays, which broadcast: {_described(kernel, symbols, names)}"""',
        f"    values = ({''.join(f'{argument}, ' for argument in inner)})",
        f"    dtypes = ({''.join(f'np.{dtype.name}, ' for dtype in kernel.inputs)})",
        "    arrays = [np.asarray(value).astype(dtype, casting='same_kind') for value, dtype in zip(values, dtypes)]",
        *(f"    arrays[{number}] = np.zeros((), dtypes[{number}])  # not used" for number in unused),
        *(
            f"    arrays[{number}] = np.asarray(arrays[{number}] != np.False_)  # any byte but 0 is true"
            for number, dtype in enumerate(kernel.inputs)
            if dtype.kind == "b"
        ),
        "    shape = np.broadcast_shapes(*[array.shape for array in arrays])",
        "    arrays = [np.ascontiguousarray(np.broadcast_to(array, shape)).reshape(-1) for array in arrays]",
        f"    results = [np.empty(shape, dtype) for dtype in ({''.join(f'np.{d.name}, ' for d in kernel.outputs)})]",
        "    loop(*arrays, *[result.reshape(-1) for result in results])",
        "    results = [result if shape else result.item() for result in results]",
        f"    return {structured(structure, iter(range(len(outputs))))}",
        "",
    ]
    return "\n".join(lines)


def _listed(array: np.ndarray) -> str:
    return f"[{', '.join(literal(value, array.dtype) for value in array.reshape(-1))}]"


def _described(kernel: Kernel, symbols: tuple[str, ...], names: list[str]) -> str:
    """The arguments' types, and what those stand for that could not keep their names."""
    parts = []
    for number, (symbol, argument) in enumerate(zip(symbols, names, strict=True)):
        stands = "" if symbol == argument else f" for {quoted(symbol)}"
        parts.append(f"{argument} {kernel.inputs[number].name}{stands}")
    return ", ".join(parts) or "it takes none"


def quoted(text: str) -> str:
    """A user's text inside a docstring or a comment of C: nothing that could end it."""
    return ascii(text)[1:-1].replace("\\", "|").replace('"', "'").replace("*/", "* /").replace("/*", "/ *")


def structured(structure: Structure, numbers: Any) -> str:
    if isinstance(structure, Leaf):
        return f"results[{next(numbers)}]"
    items = [structured(item, numbers) for item in structure.items]
    if isinstance(structure, Mapping):
        pairs = (f"{key!a}: {item}" for key, item in zip(structure.keys, items, strict=True))
        return "{" + ", ".join(pairs) + "}"
    if structure.kind is list:
        return f"[{', '.join(items)}]"
    return f"({''.join(f'{item}, ' for item in items)})"

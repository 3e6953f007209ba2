"""A kernel as JavaScript: what a page recomputes while its reader drags an input.

The operations' `emit` rules write it, as they write LLVM IR: `JavaScriptBuilder` answers each instruction with a line of
JavaScript. Floats are its numbers (float32 rounded after each step), booleans its booleans, integers of every width BigInts that
wrap around. What `Math` lacks, or answers differently from IEEE 754, is written out; a program holds those functions alone that
it uses.

Nothing of the user's stands in the text: inputs are numbered, and constants are numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.compiler.lowering.expand_ops import expand_ops
from graphc.compiler.lowering.scalar_kernel import Kernel
from graphc.compiler.targets.javascript_math import HELPERS, with_used
from graphc.compiler.targets.llvm.emit import LlvmValue
from graphc.compiler.targets.llvm.kernels.scalar_body import body
from graphc.compiler.targets.source_text import SourceBuilder
from graphc.errors import CompileError, brief
from graphc.ir.graph import Dag, refuse_arrays
from graphc.ir.types import BOOL, FLOAT64, DType, format_shape

_OPERATORS = {
    "fadd": "+", "add": "+", "fsub": "-", "sub": "-", "fmul": "*", "mul": "*", "fdiv": "/", "sdiv": "/", "udiv": "/",
}  # fmt: skip
_PREDICATES = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "===", "ne": "!=="}

_INTRINSICS = {
    "sqrt": "Math.sqrt", "floor": "Math.floor", "ceil": "Math.ceil", "trunc": "Math.trunc", "fabs": "Math.abs",
    "maximum": "Math.max", "minimum": "Math.min",
}  # fmt: skip
"""LLVM's intrinsics that JavaScript has, and answers as IEEE 754 does."""


def literal(value: Any, dtype: DType) -> str:
    """A constant in JavaScript, exact; a negative one in brackets, as it may follow a minus.

    >>> literal(-1.5, FLOAT64), literal(float("inf"), FLOAT64), literal(3, np.dtype("int8")), literal(True, BOOL)
    ('(-1.5)', 'Infinity', '3n', 'true')
    """
    if dtype.kind == "b":
        return "true" if value else "false"
    if dtype.kind in "iu":
        text = f"{int(value)}n"
    else:
        number = float(value)
        text = "NaN" if np.isnan(number) else repr(number).replace("inf", "Infinity")
    return f"({text})" if text.startswith("-") else text


class JavaScriptBuilder(SourceBuilder):
    """Answers the operations' `emit` rules with lines of JavaScript."""

    language, title = "javascript", "JavaScript"
    instead = "declare the operation by a formula"
    OPERATORS = _OPERATORS
    PREDICATES = _PREDICATES
    literal = staticmethod(literal)

    def instruction(self, text: str, dtype: DType) -> LlvmValue:
        name = f"v{self._count}"
        self._count += 1
        self.lines.append(f"    const {name} = {_held(text, dtype)};")
        return LlvmValue(name, dtype)

    def frem(self, x: LlvmValue, y: LlvmValue) -> LlvmValue:
        return self.instruction(f"{x.text} % {y.text}", x.dtype)  # the remainder has the sign of x, as C's

    def int_pow(self, x: LlvmValue, y: LlvmValue) -> LlvmValue:
        wrap = f"value => {_held('value', x.dtype)}"
        return self._named("power", x.dtype, x.text, y.text, wrap)

    def _named(self, name: str, dtype: DType, *arguments: str) -> LlvmValue:
        if name in HELPERS:
            self.helpers.update(with_used(name))
        return self.instruction(f"{name}({', '.join(arguments)})", dtype)

    def call(self, name: str, *arguments: LlvmValue) -> LlvmValue:
        texts = [argument.text for argument in arguments]
        return self._named(self.function(name), arguments[-1].dtype, *texts)

    special = call  # its numbers are doubles

    def intrinsic(self, name: str, *arguments: LlvmValue) -> LlvmValue:
        texts = [argument.text for argument in arguments]
        return self._named(_INTRINSICS.get(name, name), arguments[0].dtype, *texts)

    def isnan(self, x: LlvmValue) -> LlvmValue:
        return (
            self.instruction(f"{x.text} !== {x.text}", BOOL) if self.is_float(x) else LlvmValue("false", BOOL)
        )

    def select(self, condition: LlvmValue, x: LlvmValue, y: LlvmValue) -> LlvmValue:
        return self.instruction(f"{condition.text} ? {x.text} : {y.text}", x.dtype)

    def and_(self, x: LlvmValue, y: LlvmValue) -> LlvmValue:
        return self.instruction(f"{x.text} && {y.text}", BOOL)

    def or_(self, x: LlvmValue, y: LlvmValue) -> LlvmValue:
        return self.instruction(f"{x.text} || {y.text}", BOOL)

    def xor_(self, x: LlvmValue, y: LlvmValue) -> LlvmValue:
        return self.instruction(f"{x.text} !== {y.text}", BOOL)

    def not_(self, x: LlvmValue) -> LlvmValue:
        return self.instruction(f"!{x.text}", BOOL)

    def convert(self, x: LlvmValue, dtype: DType) -> LlvmValue:
        source, target = x.dtype, dtype
        if source == target:
            return x
        if target.kind == "b":
            return self.compare("ne", x, self.number(0, x))
        if source.kind == "b":
            return self.instruction(f"{x.text} ? {literal(1, target)} : {literal(0, target)}", target)
        if source.kind == "f" and target.kind != "f":
            ends = np.iinfo(target)
            return self._named("whole", target, x.text, literal(ends.min, target), literal(ends.max, target))
        if target.kind == "f" and source.kind != "f":
            return self.instruction(f"Number({x.text})", target)
        return self.instruction(x.text, target)


def _held(text: str, dtype: DType) -> str:
    """What a value of a type holds of a computed one."""
    if dtype == FLOAT64 or dtype.kind == "b":
        return text
    if dtype.kind == "f":
        return f"Math.fround({text})"
    return f"BigInt.as{'Int' if dtype.kind == 'i' else 'Uint'}N({8 * dtype.itemsize}, {text})"


def expanded(graph: Dag) -> Dag:
    """A graph whose elements JavaScript can compute: operations without a form in it are what they stand for."""
    return expand_ops(graph, lambda op: op.on_arrays or op.expand is None or JavaScriptBuilder.writes(op))


def program(dag: Dag) -> str:
    """A JavaScript expression whose value is a function: an array of the inputs in, an array of the outputs out.

    dag : a graph of numbers. Floats are numbers, booleans booleans, integers BigInts, in and out.

    Every operation is computed as it is written: nothing is rewritten. Raises `CompileError` for arrays.

    >>> from graphc.ir.expr import symbols
    >>> x, y = symbols("x y")
    >>> print(program(Dag([x * y, 1 / x], [x, y])))
    (() => {
      "use strict";
      return (input) => {
        const v0 = input[0] * input[1];
        const v1 = 1.0 / input[0];
        return [v0, v1];
      };
    })()
    """
    hint = "the values at a point stand in the page without it"
    refuse_arrays(dag, "JavaScript", CompileError, hint)
    for node in dag.exprs:
        if node.shape:
            raise CompileError(
                f"JavaScript is written for single numbers, and {brief(node)} has the shape {format_shape(node.shape)}",
                node=repr(node),
                site=node.site,
                hint=hint,
            )
    lowered = expand_ops(dag, JavaScriptBuilder.writes)
    kernel = Kernel(
        lowered,
        tuple([node.dtype for node in lowered.symbols]),
        tuple([lowered.exprs[output].dtype for output in lowered.outputs]),
    )
    builder = JavaScriptBuilder()
    inputs = [LlvmValue(f"input[{number}]", dtype) for number, dtype in enumerate(kernel.inputs)]
    results = body(builder, kernel, inputs)
    lines = ["(() => {", '  "use strict";']
    written = [HELPERS[name] for name in HELPERS if name in builder.helpers] + list(
        builder.definitions.values()
    )
    lines += [f"  {line}" for text in written for line in text.strip().splitlines()]
    lines += ["  return (input) => {", *builder.lines]
    lines += [f"    return [{', '.join(value.text for value in results)}];", "  };", "})()"]
    return "\n".join(lines)

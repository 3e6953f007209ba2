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
from graphc.compiler.targets.llvm.emit import LlvmValue
from graphc.compiler.targets.llvm.kernels.scalar_body import body
from graphc.compiler.targets.source_text import SourceBuilder
from graphc.errors import CompileError, brief
from graphc.ir.graph import Dag, refuse_arrays
from graphc.ir.op import Op
from graphc.ir.types import BOOL, FLOAT64, DType, format_shape

_OPERATORS = {
    "fadd": "+", "add": "+", "fsub": "-", "sub": "-", "fmul": "*", "mul": "*", "fdiv": "/", "sdiv": "/", "udiv": "/",
}  # fmt: skip
_PREDICATES = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "===", "ne": "!=="}

_MATH = {
    **{name: f"Math.{name}" for name in (
        "exp", "expm1", "log", "log1p", "log2", "log10", "sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh",
        "tanh", "asinh", "acosh", "atanh", "hypot", "cbrt", "sqrt", "floor", "ceil", "trunc",
    )},
    "fabs": "Math.abs", "maximum": "Math.max", "minimum": "Math.min",
}  # fmt: skip
"""What JavaScript has, and answers as IEEE 754 and C do."""

HELPERS = {
    "pow": """
function pow(x, y) { // 1 to any power is 1, that of NaN and of −1 to ±∞ included
  return x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : Math.pow(x, y);
}""",
    "exp2": """
function exp2(x) { return Math.pow(2, x); }""",
    "rsqrt": """
function rsqrt(x) { return 1 / Math.sqrt(x); }""",
    "copysign": """
function copysign(x, y) { return y < 0 || Object.is(y, -0) ? -Math.abs(x) : Math.abs(x); }""",
    "roundeven": """
function roundeven(x) {
  const low = Math.floor(x), rest = x - low;
  return copysign(rest < 0.5 || (rest === 0.5 && low % 2 === 0) ? low : rest > 0 ? low + 1 : low, x);
}""",
    "sigmoid": """
function sigmoid(x) { // 1/(1 + exp(−x)) without overflow
  const small = Math.exp(-Math.abs(x));
  return (x >= 0 ? 1 : small) / (1 + small);
}""",
    "softplus": """
function softplus(x) { // log(1 + exp(x)) without overflow
  return (x > 0 ? x : 0) + Math.log1p(Math.exp(-Math.abs(x)));
}""",
    "log_sigmoid": """
function log_sigmoid(x) { // −log(1 + exp(−x)) without overflow
  return -((x < 0 ? -x : 0) + Math.log1p(Math.exp(-Math.abs(x))));
}""",
    "logaddexp": """
function logaddexp(x, y) { // infinities do not meet in a difference
  if (x === y) return x + Math.LN2;
  return (x > y ? x : y) + Math.log1p(Math.exp(-Math.abs(x - y)));
}""",
    # Maclaurin's series with positive terms alone: DLMF 7.6.2
    "erf": """
function erf(x) {
  if (Math.abs(x) >= 2) return x < 0 ? erfc(-x) - 1 : 1 - erfc(x);
  let term = x, sum = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}""",
    # The continued fraction DLMF 7.9.1 from below: at x = 2 its error after n steps is about exp(−4√(2n)). The square of x is
    # split, so that its rounding error does not become one of the exponential.
    "erfc": """
function erfc(x) {
  if (x < 2) return 1 - erf(x);
  if (x > 28) return 0;
  let below = x;
  for (let n = 60; n > 0; n--) below = x + n / 2 / below;
  const near = Math.fround(x);
  return (Math.exp(-near * near) * Math.exp((near - x) * (near + x))) / (Math.sqrt(Math.PI) * below);
}""",
    # Stirling's series from 15 on, DLMF 5.11.1: its first term left out is below 4e-18 there
    "stirling": """
function stirling(x) {
  const s = 1 / (x * x);
  return (1 / 12 - s * (1 / 360 - s * (1 / 1260 - s * (1 / 1680 - s * (1 / 1188 - s * 691 / 360360))))) / x;
}""",
    "sinpi": """
function sinpi(x) { // of π·x: x is reduced exactly
  return Math.sin(Math.PI * (x - 2 * Math.round(x / 2)));
}""",
    "tgamma": """
function tgamma(x) {
  if (x === 0) return 1 / x;
  if (x === Infinity) return x;
  if (x < 0) return x === Math.floor(x) ? NaN : Math.PI / (sinpi(x) * tgamma(1 - x));
  let below = 1;
  for (; x < 15; x += 1) below *= x;
  const half = Math.pow(x, x / 2 - 0.25); // the power itself would overflow before Γ does
  return ((Math.sqrt(2 * Math.PI) * half * Math.exp(-x)) * half * Math.exp(stirling(x))) / below;
}""",
    "lgamma": """
function lgamma(x) {
  if (Math.abs(x) === Infinity) return Infinity;
  if (x <= 0) return x === Math.floor(x) ? Infinity : Math.log(Math.PI / Math.abs(sinpi(x))) - lgamma(1 - x);
  let below = 1;
  for (; x < 15; x += 1) below *= x;
  return (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + stirling(x) - Math.log(below);
}""",
    # the recurrence, then the asymptotic series DLMF 5.11.2; reflected below 0
    "digamma": """
function digamma(x) {
  if (x === 0) return -1 / x;
  if (x === Infinity) return x;
  if (x < 0) {
    const whole = Math.round(x);
    return x === whole ? NaN : digamma(1 - x) - Math.PI / Math.tan(Math.PI * (x - whole));
  }
  let below = 0;
  for (; x < 12; x += 1) below += 1 / x;
  const s = 1 / (x * x);
  const tail = s * (1 / 12 - s * (1 / 120 - s * (1 / 252 - s * (1 / 240 - s * (1 / 132 - s * (691 / 32760 - s / 12))))));
  return Math.log(x) - 0.5 / x - tail - below;
}""",
    # Hurwitz's zeta function by the formula of Euler and Maclaurin, DLMF 25.11.5: Bernoulli numbers over factorials
    "polygamma": """
const bernoulli = [1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000, 1 / 74724249600,
  -3617 / 10670622842880000, 43867 / 5109094217170944000, -174611 / 802857662698291200000];
function polygamma(order, x) {
  const n = Number(order), s = n + 1;
  if (n === 0) return digamma(x);
  if (n < 0 || !(x >= -1e5)) return NaN;
  let total = 0;
  for (; x < n + 20; x += 1) total += Math.pow(x, -s);
  const leading = Math.pow(x, -n);
  total += leading / n + (0.5 * leading) / x;
  let rise = (leading / (x * x)) * s;
  bernoulli.forEach((factor, k) => {
    total += rise * factor;
    rise *= ((s + (2 * k + 1)) * (s + (2 * k + 2))) / (x * x);
  });
  return (n % 2 === 1 ? 1 : -1) * tgamma(s) * total;
}""",
    "power": """
function power(x, y, wrap) { // of integers, by squaring; the reciprocal of a negative power is rounded towards 0
  if (y < 0n) return x === 1n ? 1n : x === -1n ? (y % 2n === 0n ? 1n : -1n) : 0n;
  let result = 1n;
  for (; y > 0n; y /= 2n) {
    if (y % 2n === 1n) result = wrap(result * x);
    x = wrap(x * x);
  }
  return result;
}""",
    "whole": """
function whole(x, low, high) { // towards 0; the nearest end beyond the range, 0 for NaN
  if (x !== x) return 0n;
  return x <= Number(low) ? low : x >= Number(high) ? high : BigInt(Math.trunc(x));
}""",
}
"""Functions in the order in which they are written; one may call those that `_USES` names for it."""

_USES = {
    "roundeven": ("copysign",),
    "erf": ("erfc",),
    "erfc": ("erf",),
    "tgamma": ("stirling", "sinpi"),
    "lgamma": ("stirling", "sinpi"),
    "polygamma": ("digamma", "tgamma", "stirling", "sinpi"),
}


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
            self.helpers.update((name, *_USES.get(name, ())))
        return self.instruction(f"{_MATH.get(name, name)}({', '.join(arguments)})", dtype)

    def knows(self, name: str, like: LlvmValue) -> bool:
        return name in HELPERS or name in _MATH

    def call(self, name: str, *arguments: LlvmValue) -> LlvmValue:
        if not self.knows(name, arguments[0]):
            raise CompileError(f"{name} has no form in JavaScript", hint="declare the operation by a formula")
        return self._named(name, arguments[0].dtype, *(argument.text for argument in arguments))

    def special(self, name: str, *arguments: LlvmValue) -> LlvmValue:
        return self._named(name, arguments[-1].dtype, *(argument.text for argument in arguments))

    def intrinsic(self, name: str, *arguments: LlvmValue) -> LlvmValue:
        return self.call(name, *arguments)

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
    lowered = expand_ops(dag, _is_written)
    kernel = Kernel(
        lowered,
        tuple([node.dtype for node in lowered.symbols]),
        tuple([lowered.exprs[output].dtype for output in lowered.outputs]),
    )
    builder = JavaScriptBuilder()
    inputs = [LlvmValue(f"input[{number}]", dtype) for number, dtype in enumerate(kernel.inputs)]
    results = body(builder, kernel, inputs)
    lines = ["(() => {", '  "use strict";']
    lines += [
        f"  {line}"
        for name in HELPERS
        if name in builder.helpers
        for line in HELPERS[name].strip().splitlines()
    ]
    lines += ["  return (input) => {", *builder.lines]
    lines += [f"    return [{', '.join(value.text for value in results)}];", "  };", "})()"]
    return "\n".join(lines)


def _is_written(op: Op) -> bool:
    return op.emit is not None

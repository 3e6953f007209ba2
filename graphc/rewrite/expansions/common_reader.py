"""Formulas read as M·φ(w): w is a product or quotient that their functions are of, M a product of powers of parts of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from graphc.ir.expr import Expr, constant, rebuild
from graphc.ops.comparison import where
from graphc.ops.elementary import exp, log, sqrt
from graphc.rewrite.expansions.expansion_reader import VariableOf, argument_of
from graphc.rewrite.forms.clusters import instantiated
from graphc.rewrite.forms.linear import is_number
from graphc.util.records import dataclass

FUNCTIONS = frozenset((
    "exp", "expm1", "log", "log1p", "sin", "cos", "tan", "sinh", "cosh", "tanh", "asin", "atan", "asinh", "atanh", "erf", "erfc",
    "sigmoid", "softplus", "log_sigmoid", "exprel", "sinc",
))  # fmt: skip

_PRODUCTS = frozenset(("multiply", "divide", "negative", "square", "reciprocal"))
_SUMS = frozenset(("add", "subtract"))

Powers = Mapping[Expr, int]


@dataclass(frozen=True)
class Variable:
    """w = number·∏ powers; pivot : the part that is written as a power of w and the others; power : whether a function is xʸ

    under_root : whether functions are of √w, so that w is not negative: its parts are taken as |u|
    """

    node: Expr
    number: Fraction
    powers: Powers
    pivot: Expr
    power: bool = False
    under_root: bool = False


@dataclass(frozen=True)
class Reading:
    """number·∏ powers·wᵏ·φ(w): what a node is

    function : φ of `argument_of`, None where it is 1
    mixed : whether a sum in it joins terms that were not written in one variable
    """

    number: Fraction
    powers: Powers
    exponent: int = 0
    function: Expr | None = None
    mixed: bool = False


def function_argument(node: Expr) -> Expr | None:
    """What a function is of, where that is a product or a quotient of more than numbers; of a power the exponent."""
    name = node.op.name
    if name in FUNCTIONS:
        below = node.operands[0]
        while below.op.name == "negative":
            (below,) = below.operands
        if (base := _base_of(below)) is not below:
            known = base.op.name in ("multiply", "divide") and not any(x.is_constant for x in base.operands)
            return base if known else None
        if _is_root_of_product(below):
            return below.operands[0]
        if below.op.name in ("multiply", "divide") and not any(x.is_constant for x in below.operands):
            return node.operands[0]
        if below.op.name in ("multiply", "divide") and any(x.op.name in _PRODUCTS for x in below.operands):
            return node.operands[0]
    elif name == "pow" and not any(x.is_constant for x in node.operands):
        return node
    elif name in _SUMS and any(is_number(x) and x.value != 0 for x in node.operands):
        below = _base_of(node.operands[is_number(node.operands[0])])
        if below.op.name in ("multiply", "divide") and not any(x.is_constant for x in below.operands):
            return below
    return None


def _is_root_of_product(node: Expr) -> bool:
    """Whether a node is √(uv) or √(u/v)."""
    if node.op.name != "sqrt":
        return False
    (inner,) = node.operands
    return inner.op.name in ("multiply", "divide") and not any(x.is_constant for x in inner.operands)


def _base_of(node: Expr) -> Expr:
    """x/y of (x/y)², whose function is one of x/y."""
    name = node.op.name
    if name == "pow" and is_number(node.operands[1]) and node.operands[1].value == 2:
        return node.operands[0]
    if name == "square" or (name == "multiply" and node.operands[0] is node.operands[1]):
        return node.operands[0]
    return node


def powers_of(node: Expr) -> tuple[Fraction, dict[Expr, int]]:
    """A product or a quotient as a number times powers of its parts."""
    number, powers = Fraction(1), {}
    pending = [(node, 1)]
    while pending:
        part, sign = pending.pop()
        name = part.op.name
        if part.dtype is not node.dtype:
            powers[part] = powers.get(part, 0) + sign
        elif is_number(part) and part.value != 0:
            number *= Fraction(float(part.value)) ** sign
        elif name == "multiply":
            pending += [(part.operands[1], sign), (part.operands[0], sign)]
        elif name == "divide":
            pending += [(part.operands[1], -sign), (part.operands[0], sign)]
        elif name == "negative":
            number = -number
            pending.append((part.operands[0], sign))
        elif name == "square":
            pending.append((part.operands[0], 2 * sign))
        elif name == "pow" and is_number(part.operands[1]) and part.operands[1].value in (2, 3, 4, 5, 6):
            pending.append((part.operands[0], int(part.operands[1].value) * sign))
        else:
            powers[part] = powers.get(part, 0) + sign
    return number, {part: power for part, power in powers.items() if power}


def variable_of(node: Expr) -> Variable | None:
    """The variable that a function is of."""
    argument = function_argument(node)
    if argument is None:
        return None
    if argument is node:
        base, exponent = node.operands
        if base.dtype is not exponent.dtype or base.dtype.kind != "f":
            return None
        number, powers = powers_of(exponent)
        powers = {**powers, log(base): 1}
        argument = exponent * log(base)
    else:
        if argument.dtype is not node.dtype or argument.dtype.kind != "f":
            return None
        number, powers = powers_of(argument)
    under_root = node.op.name in FUNCTIONS and _is_root_of_product(node.operands[0])
    if under_root:
        powers = {abs(part): power for part, power in powers.items()}
    pivot = next((part for part, power in powers.items() if abs(power) == 1 and part.op.name != "log"), None)
    if pivot is None or len(powers) < 2:
        return None
    return Variable(argument, number, powers, pivot, node.op.name == "pow", under_root)


class CommonReader:
    """What the nodes above one variable's functions are."""

    def __init__(self, variable: Variable, variables: VariableOf) -> None:
        self.variable = variable
        self.above: set[Expr] = set()
        self._variables = variables
        self.argument = argument_of(variable.node.dtype)
        self.known: dict[Expr, Reading | None] = {}

    def read(self, node: Expr) -> Reading | None:
        """What a node is; of those above the variable's functions the operands are read before."""
        if node not in self.known:
            self.known[node] = self._read(node)
        return self.known[node]

    def _read(self, node: Expr) -> Reading | None:
        if node not in self.above:
            return self._product(node)
        name = node.op.name
        if node.op.on_arrays or node.op.control is not None or node.dtype.kind not in "fb":
            return None
        if name == "pow" and function_argument(node) is node:
            power = self._product(node.operands[1] * log(node.operands[0]))
            return self._applied(node, [power], exp) if power is not None else None
        parts = [self.read(operand) for operand in node.operands]
        known = [part for part in parts if part is not None]
        if len(known) < len(parts):
            return None
        if name in _SUMS:
            return self._sum(node, *known)
        if name == "where":
            return self._chosen(node, *known)
        if name in ("multiply", "divide"):
            return self._joined(known[0], known[1], 1 if name == "multiply" else -1)
        if name == "negative":
            return replace(known[0], number=-known[0].number)
        if name == "square":
            return self._joined(known[0], known[0], 1)
        if name == "pow" and is_number(node.operands[1]) and node.operands[1].value in (2, 3, 4):
            total = known[0]
            for _ in range(int(node.operands[1].value) - 1):
                joined = self._joined(total, known[0], 1)
                if joined is None:
                    return None
                total = joined
            return total
        return self._applied(node, known, None)

    def _product(self, node: Expr) -> Reading | None:
        """What stands beside the functions: a product of parts, the pivot among them as a power of w."""
        if is_number(node) and node.value == 0:
            return None
        number, powers = powers_of(node)
        variable = self.variable
        if variable.under_root:
            return self._with_roots(number, powers)
        count = powers.pop(variable.pivot, 0)
        if count:
            # w = number·p^±1·∏, so p = (w/(number·∏))^±1
            exponent = count * variable.powers[variable.pivot]
            number /= variable.number**exponent
            for part, power in variable.powers.items():
                if part is not variable.pivot:
                    powers[part] = powers.get(part, 0) - power * exponent
            powers = {part: power for part, power in powers.items() if power}
            return Reading(number, powers, exponent)
        return Reading(number, powers)

    def _with_roots(self, number: Fraction, powers: dict[Expr, int]) -> Reading:
        """A product where w is not negative: √(u/v) is |u|/√w for w = uv."""
        variable, halves = self.variable, dict[Expr, int]()
        left = dict(powers)
        for part, power in powers.items():
            if _is_root_of_product(part):
                scale, inside = powers_of(part.operands[0])
                if scale == variable.number == 1:
                    del left[part]
                    for below, own in inside.items():
                        halves[abs(below)] = halves.get(abs(below), 0) + own * power
        count = halves.get(variable.pivot, 0) * variable.powers[variable.pivot]
        for part, power in variable.powers.items():
            halves[part] = halves.get(part, 0) - power * count
        if any(power % 2 for power in halves.values()):
            return Reading(number, powers)
        for part, power in halves.items():
            left[part] = left.get(part, 0) + power // 2
        left = {part: power for part, power in left.items() if power}
        return Reading(number, left, count // 2, sqrt(self.argument) if count % 2 else None)

    def _joined(self, one: Reading, other: Reading, sign: int) -> Reading | None:
        powers = dict(one.powers)
        for part, power in other.powers.items():
            powers[part] = powers.get(part, 0) + sign * power
        if one.function is None:
            function = other.function if sign > 0 or other.function is None else 1 / other.function
        elif other.function is None:
            function = one.function
        elif one.function is other.function and sign < 0:
            function = None
        else:
            function = one.function * other.function if sign > 0 else one.function / other.function
        return Reading(
            one.number * other.number**sign,
            {part: power for part, power in powers.items() if power},
            one.exponent + sign * other.exponent,
            function,
            one.mixed or other.mixed,
        )

    def _sum(self, node: Expr, one: Reading, other: Reading) -> Reading | None:
        if one.powers != other.powers:
            return None
        common = min(one.exponent, other.exponent) if min(one.exponent, other.exponent) > 0 else 0
        common = max(one.exponent, other.exponent) if max(one.exponent, other.exponent) < 0 else common
        left, right = (self.written(replace(part, exponent=part.exponent - common)) for part in (one, other))
        if left is None or right is None:
            return None
        total = left + right if node.op.name == "add" else left - right
        mixed = one.mixed or other.mixed or self._variables[node] is node
        return Reading(Fraction(1), one.powers, common, total, mixed)

    def _chosen(self, node: Expr, condition: Reading, one: Reading, other: Reading) -> Reading | None:
        if condition.powers or condition.function is None or one.powers != other.powers:
            return None
        left, right = self.written(one), self.written(other)
        if left is None or right is None:
            return None
        value = where(condition.function, left, right)
        return Reading(Fraction(1), one.powers, 0, value, one.mixed or other.mixed)

    def written(self, reading: Reading) -> Expr | None:
        """number·wᵏ·φ(w) as a formula of w."""
        function, size = reading.function, abs(reading.exponent)
        number = float(reading.number)
        if reading.number != Fraction(number):
            return None
        power = self.argument if size else None
        for _ in range(size - 1):
            assert power is not None
            power = power * self.argument
        if reading.exponent < 0:
            assert power is not None
            value = (constant(number, self.argument.dtype) if function is None else function) / power
            scale = 1.0 if function is None else number
        else:
            value = function if power is None else power if function is None else power * function
            scale = number
        if value is None:
            return constant(number, self.argument.dtype)
        if abs(scale) != 1:
            return constant(scale, value.dtype) * value
        return value if scale > 0 else -value

    def _applied(self, node: Expr, parts: Sequence[Reading], function: object) -> Reading | None:
        if any(part.powers for part in parts):
            return None
        operands = []
        for part, operand in zip(parts, node.operands, strict=False):
            written = part.function if operand.dtype.kind == "b" else self.written(part)
            if written is None or (written.dtype != operand.dtype and function is None):
                return None
            operands.append(written)
        value = rebuild(node, tuple(operands)) if function is None else exp(operands[0])
        return Reading(Fraction(1), {}, 0, value, any(part.mixed for part in parts))

    def all_powers(self, reading: Reading) -> Powers:
        """The powers of parts that stand beside φ, those of wᵏ among them."""
        powers = dict(reading.powers)
        for part, power in self.variable.powers.items():
            powers[part] = powers.get(part, 0) + power * reading.exponent
        return powers

    def times(self, function: Expr, reading: Reading) -> Expr | None:
        """number·∏ powers·wᵏ times φ(w), wᵏ by the parts of w."""
        variable = self.variable
        number = reading.number * variable.number**reading.exponent
        value = instantiated(function, {self.argument: variable.node})
        for part, power in _in_turns(self.all_powers(reading)):
            value = part * value if power > 0 else value / part
        scale = float(number)
        if abs(scale) != 1:
            return constant(scale, value.dtype) * value
        return value if scale > 0 else -value


def _in_turns(powers: Mapping[Expr, int]) -> Iterator[tuple[Expr, int]]:
    """The factors of a product of powers, each as often as it stands there, with the sign of its power: every part once, those
    of the highest powers first and dividing in turns with multiplying, then again those of which more is left. The product of all
    parts of w is moderate where those of one side, or all copies of one part, leave the range of floats: u·v³ = u·v·v·v."""
    for done in range(max(map(abs, powers.values()), default=0)):
        left = sorted(
            (item for item in powers.items() if abs(item[1]) > done), key=lambda item: -abs(item[1])
        )
        over, under = ([item for item in left if item[1] * sign > 0] for sign in (1, -1))
        sides = (
            (over, under) if not under or (over and abs(over[0][1]) >= abs(under[0][1])) else (under, over)
        )
        for pair in itertools.zip_longest(*sides):
            yield from (item for item in pair if item is not None)


__all__ = ["FUNCTIONS", "CommonReader", "Reading", "Variable", "function_argument", "variable_of"]

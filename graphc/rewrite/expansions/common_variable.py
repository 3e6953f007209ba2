"""Formulas of one product or quotient that is not written as one everywhere: (1 − e^(−kt))/k is t·(1 − e⁻ʷ)/w with w = kt.

Near w = 0 the derivative of the left side by k is ∞ − ∞, that of the right one is t²·((1 − e⁻ʷ)/w)′, and for functions of one
variable there are series and rules. So formulas are read as M·φ(w), where w is the product or quotient that their functions are
of and M a product of powers of its parts: 1/tanh(m/t) − t/m is 1/tanh w − 1/w. In what is to be differentiated powers of w go
from φ into M until φ is neither 0 nor infinite at 0; then no derivative cancels between the two.

Powers (xʸ − 1)/y are of y·log x, where that is small.

This comes before all other rules: they write formulas in forms of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from graphc.interpret.numpy_eval import run_arrays
from graphc.ir.expr import Expr, on_this_line, rebuild, substitute, walk
from graphc.ir.graph import Dag
from graphc.ir.scopes import deriving, stay
from graphc.ops.comparison import where
from graphc.rewrite.engine.normal_form import RuleMemory
from graphc.rewrite.engine.pattern import Kind
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.expansions.common_reader import (
    FUNCTIONS,
    CommonReader,
    Reading,
    function_argument,
    variable_of,
)
from graphc.rewrite.expansions.expansion_reader import (
    VariableOf,
    has_cancelling_sum,
    suspects,
    valuation,
)
from graphc.rewrite.forms.series_node import written_out
from graphc.util.records import dataclass

MOST_VARIABLES = 24
"""Products and quotients of a graph that formulas are read as functions of."""

TINY = 1e-30
"""Near enough to 0 to tell which branch is taken there."""

MOST_READ = 120
"""Nodes of a formula."""

NEAR = 1.0
"""Up to this size of w formulas that are to be differentiated are written in it: further out other terms cancel, as in the
derivative of k·(log(1 + w)/w) by k. Up to here a power xʸ is as good as an exponential of y·log x as well."""

NEAREST = {8: 1e-70, 4: 1e-9}
"""From this size of w on, in float64 and float32, its fourth power is a number of full precision. Values are written in w from
here on: nearer to 0 quotients by powers of w are 0/0, and at such sizes there is nothing to cancel."""

SUMS = frozenset(("add", "subtract"))


@dataclass(frozen=True)
class CommonVariable:
    """(1 − e^(−kt))/k → t·(1 − e⁻ʷ)/w, 1/tanh(m/t) − t/m → 1/tanh w − 1/w and their kind: formulas of one product or quotient w,
    times powers of its parts"""

    name: str = "common-variable"
    kind: Kind = "stable"
    examples: tuple[str, ...] = ("1/tanh(x/y) - y/x", "y*asin(x/y) - x", "(1 - exp(-x/y))/(x/y) - exp(-x/y)")

    def roots(self) -> tuple[str, ...]:
        return ("add", "subtract", "multiply", "divide", "negative", "square")

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        (changed, results) = written_whole([node], (self,))
        return results[0] if changed else None

    def __str__(self) -> str:
        return f"{self.name}: {' '.join((self.__doc__ or '').split())} ({self.kind})"


RULE = CommonVariable()
RULES = (RULE,)


def worth(nodes: Iterable[Expr]) -> bool:
    """Whether any function of a product or quotient stands in a graph."""
    return any(function_argument(node) is not None for node in nodes)


def _whole(reader: CommonReader, node: Expr, reading: Reading, source: bool) -> Expr | None:
    """A formula written in one variable; None where nothing is gained.

    source : for what is to be differentiated
    """
    function = reading.function
    if function is None or function.dtype.kind != "f":
        return None
    if not any(n.op.name in FUNCTIONS or (source and n.op.name == "sqrt") for n in walk((function,))):
        return None  # for quotients of polynomials there are other rules
    if not source:
        value = reader.written(replace(reading, number=Fraction(1)))
        if reader.variable.power or not reading.mixed or value is None:
            return None
        if not any(n.op.name in SUMS for n in suspects(value)) and not has_cancelling_sum(value):
            return None
        # w to a power may over- or underflow where the powers of its parts do not: what is left of φ is finite and not 0 at 0
        moved = _valuation(function)
        for _ in range(abs(moved)):
            function = function / reader.argument if moved > 0 else function * reader.argument
        shifted = replace(reading, exponent=reading.exponent + moved)
        near = reader.times(function, shifted)
        if near is None:
            return None
        condition, own = _is_near(reader.variable.node), reader.variable.powers
        if any(power not in (0, own.get(part)) for part, power in reader.all_powers(shifted).items()):
            condition = condition & _is_ordinary(near)  # by themselves the parts of w make up for each other
        return where(condition, near, node)
    moved = _valuation(function) if reading.powers else 0
    if not any(
        power + reading.exponent * own and power + (reading.exponent + moved) * own in (0, 1)
        for part, own in reader.variable.powers.items()
        for power in (reading.powers.get(part, 0),)
    ):
        moved = 0  # nothing cancels between ∂M·φ and M·∂φ
    for _ in range(abs(moved)):
        function = function / reader.argument if moved > 0 else function * reader.argument
    if not reading.powers:
        value = reader.written(replace(reading, number=Fraction(1), function=function))
        whole = None if value is None else reader.times(value, replace(reading, exponent=0))
        return whole if reading.mixed or whole is None or _is_shorter(whole, node) else None
    near = reader.times(function, replace(reading, exponent=reading.exponent + moved))
    gained = moved or reading.mixed or _joins_roots(reader, node)
    if near is None or not (gained or _is_shorter(near, node)):
        return None
    w = reader.variable.node
    return where((w if reader.variable.under_root else abs(w)) < NEAR, near, node)


def _joins_roots(reader: CommonReader, node: Expr) -> bool:
    """Whether roots of other products than w were read as powers of it."""
    w = reader.variable
    return w.under_root and any(
        part.op.name == "sqrt" and part.operands[0] is not w.node for part in walk((node,))
    )


def _is_shorter(one: Expr, other: Expr) -> bool:
    return len(walk((one,))) < len(walk((other,)))


def _valuation(function: Expr) -> int:
    """The power of its argument that a formula is a multiple of near 0."""
    near = _near_zero(written_out([function])[0])
    return 0 if near is None else valuation(near)


def _near_zero(function: Expr) -> Expr | None:
    """A formula with the branches that are taken near 0."""
    order = walk((function,))
    if not any(node.op.name == "where" for node in order):
        return function
    dag = Dag([function])
    at = [np.array([TINY, -TINY], s.dtype) for s in dag.symbols]
    values = dict(zip(dag.exprs, run_arrays(dag, at), strict=True))
    done: dict[Expr, Expr] = {}
    for node in order:
        if node.op.name == "where":
            taken = np.broadcast_to(np.asarray(values[node.operands[0]]), 2)
            if taken[0] != taken[1]:
                return None
            done[node] = done[node.operands[1 if taken[0] else 2]]
        else:
            operands = tuple([done[operand] for operand in node.operands])
            done[node] = rebuild(node, operands) if operands != node.operands else node
    return done[function]


def written_whole(
    outputs: Iterable[Expr],
    rules: Sequence[CommonVariable],
    source: bool = False,
    memory: RuleMemory | None = None,
) -> tuple[list[tuple[CommonVariable, Expr, Expr]], tuple[Expr, ...]]:
    """The outputs with formulas written in one variable, and what was replaced.

    source : for what is to be differentiated
    """
    outputs = tuple(outputs)
    (rule,) = rules
    order = walk(outputs) if memory is None else memory.nodes(outputs)
    readers = _readers(order)
    roots = _roots(order, outputs, readers)
    if not roots:
        return [], outputs
    steps: list[tuple[CommonVariable, Expr, Expr]] = []
    written: dict[Expr, Expr] = {}
    with on_this_line(), deriving():
        for node in order:
            operands = tuple([written[operand] for operand in node.operands])
            after = rebuild(node, operands) if operands != node.operands else node
            if node in roots:
                stay(node.block)
                reader, reading = readers[node], roots[node]
                found = _whole(reader, node, reading, source)
                if found is not None and found is not node and found.shape == node.shape:
                    parts = (*reading.powers, *reader.variable.powers)
                    changed = {part: written[part] for part in parts if written.get(part, part) is not part}
                    after = substitute(found, dict(changed)) if changed else found
                    steps.append((rule, node, after))
            written[node] = after
        return (steps, tuple([written[output] for output in outputs])) if steps else ([], outputs)


def _readers(order: Sequence[Expr]) -> dict[Expr, CommonReader]:
    """The nodes above functions of one variable alone, with what reads them."""
    known: dict[frozenset[tuple[Expr, int]], CommonReader] = {}
    tags: dict[Expr, CommonReader | None] = {}  # None: of more than one variable
    variables = VariableOf()
    for node in order:
        found = {tags[operand] for operand in node.operands if operand in tags}
        variable = variable_of(node)
        if variable is not None and len(known) < MOST_VARIABLES:
            key = frozenset(variable.powers.items())
            inverse = frozenset((part, -power) for part, power in key)
            reader = known.get(key) or known.get(inverse)
            if reader is None:
                reader = known[key] = CommonReader(variable, variables)
            found.add(reader)
        if found:
            tags[node] = found.pop() if len(found) == 1 else None
    readers: dict[Expr, CommonReader] = {}
    for node, reader in tags.items():
        if reader is not None and len(reader.above) < MOST_READ:
            reader.above.add(node)
            readers[node] = reader
    return readers


def _roots(
    order: Sequence[Expr], outputs: Sequence[Expr], readers: Mapping[Expr, CommonReader]
) -> dict[Expr, Reading]:
    """The formulas that were read and are not part of a larger one, and those of their parts that stand elsewhere too."""
    readings: dict[Expr, Reading] = {}
    exposed = set(outputs)
    done = {node.operands[2] for node in order if _has_been_written(node)}
    for node in order:
        reading = readers[node].read(node) if node in readers else None
        if reading is not None:
            readings[node] = reading
        else:
            exposed.update(node.operands)
    return {node: reading for node, reading in readings.items() if node in exposed and node not in done}


def _is_near(w: Expr) -> Expr:
    """Whether a value is written in w there."""
    size = abs(w)
    return (size < NEAR) & (size > NEAREST[w.dtype.itemsize])


def _is_ordinary(value: Expr) -> Expr:
    """Whether a value is neither 0 nor infinite nor NaN: its factors are moderate together, but of v·(u·(P·(v·φ(w)))) the inner
    product overflows at the largest v, and 0·∞ is left where P is 0, as it is for tiny u."""
    return (value > -np.inf) & (value < np.inf) & (value != 0)


def _has_been_written(node: Expr) -> bool:
    """Whether this is a branch near 0 whose other side is a formula that was written in one variable."""
    condition = node.operands[0] if node.op.name == "where" else None
    while condition is not None and condition.op.name == "logical_and":
        condition = condition.operands[0]
    if condition is None or condition.op.name != "less":
        return False
    return (
        condition.operands[1].is_constant
        and not condition.operands[1].shape
        and condition.operands[1].value == NEAR
    )


__all__ = ["RULE", "RULES", "CommonVariable", "worth", "written_whole"]

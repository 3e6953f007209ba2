"""Formulas of one variable in a graph: which node is one of which variable, what it is near 0, where it may lose digits there.

A variable is any node that the formula is made of by analytic operations and numbers alone: x, or the product wt of
tan(wt) − sin(wt).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from graphc.interpret import laurent, laurent_functions
from graphc.interpret.laurent import TERMS, Laurent, NoSeriesError
from graphc.interpret.laurent_functions import FUNCTIONS
from graphc.interpret.numpy_eval import run_arrays, run_node
from graphc.interpret.truncated_series import MOST_TERMS
from graphc.ir.expr import Expr, rebuild, symbol, walk
from graphc.ir.graph import Dag

SUMS = frozenset(("add", "subtract"))
ARITHMETIC = SUMS | {"multiply", "divide", "negative", "square", "reciprocal"}
READ = ARITHMETIC | {"pow", "hypot"} | frozenset(FUNCTIONS)

_SCALING = frozenset(("square", "reciprocal", "pow", "hypot"))

MOST_NODES = 80

_FEW_TERMS = 12
"""Of series of which the first terms alone are asked for."""


class VariableOf(dict[Expr, "Expr | None"]):
    """Node → the variable that it is a formula of, itself where it is one; None of numbers."""

    def __missing__(self, node: Expr) -> Expr | None:
        pending = [node]
        while pending:
            below = pending[-1]
            waiting = [operand for operand in below.operands if operand not in self]
            if waiting:
                pending += waiting
                continue
            pending.pop()
            if below not in self:
                self[below] = self._of(below)
        return self[node]

    def _of(self, node: Expr) -> Expr | None:
        if node.is_constant:
            return None if not node.shape else node
        if not is_read(node):
            return node
        found = None
        for operand in node.operands:
            variable = self[operand]
            if variable is not None and variable is not found:
                if found is not None:
                    return node
                found = variable
        return found


def is_read(node: Expr) -> bool:
    """Whether a node is an operation whose series is known."""
    dtype = node.dtype
    if node.op.name not in READ or dtype.kind != "f":
        return False
    for operand in node.operands:
        if operand.dtype is not dtype and operand.dtype != dtype:
            return False
    return node.op.name != "pow" or _is_number(node.operands[1]) or is_general_power(node)


def is_general_power(node: Expr) -> bool:
    """Whether a node is fᵍ, such as (1 + 1/x)ˣ, the exponential of g·log f: f more than an input, of which xˣ has no series."""
    if node.op.name != "pow":
        return False
    base, exponent = node.operands
    return not exponent.is_constant and base.op.name in READ and base.op.name != "pow"


def _is_number(node: Expr) -> bool:
    return node.is_constant and not node.shape and math.isfinite(node.value)


def of_number(node: Expr, variable: Expr, argument: Expr) -> Expr | None:
    """A formula of one variable as one of a number; None where it is too large."""
    done: dict[Expr, Expr] = {variable: argument}
    below = walk((node,), (variable,))
    if len(below) > MOST_NODES:
        return None
    for part in below:
        if part is not variable:
            done[part] = rebuild(part, tuple([done[operand] for operand in part.operands]))
    return done[node]


def argument_of(dtype: object) -> Expr:
    """The number that formulas are read of."""
    return symbol("\0near", dtype=dtype)


def is_function(node: Expr) -> bool:
    """Whether an operation is more than arithmetic: for quotients of polynomials there are other rules."""
    name = node.op.name
    return (
        name in FUNCTIONS
        or name == "hypot"
        or is_general_power(node)
        or (name == "pow" and not float(node.operands[1].value).is_integer())
    )


def suspects(formula: Expr) -> set[Expr]:
    """The nodes of a formula of a number at which, as the number goes to 0, terms cancel or both parts of a quotient vanish."""
    dag = Dag([formula])
    try:
        values = [float(np.asarray(v)) for v in run_arrays(dag, [np.zeros((), s.dtype) for s in dag.symbols])]
    except (TypeError, ValueError):
        return set()
    found = set()
    for node, places, value in zip(dag.exprs, dag.operands, values, strict=True):
        if places and _is_doubtful(node, [values[place] for place in places], value, len(set(places)) == 1):
            found.add(node)
    return found


def _is_doubtful(node: Expr, parts: list[float], value: float, of_one: bool) -> bool:
    """Whether terms cancel or both parts of a quotient vanish at a node, by its value and those of its operands at 0.

    of_one : whether its operands are all the same
    """
    if of_one and node.op.name == "add":
        return False  # what is added to itself is doubled, exactly
    if is_general_power(node) and parts[0] == 1 and math.isinf(parts[1]):
        return True  # where C has 1
    if node.op.name == "sqrt" and value == 0:
        return True  # derivatives of what is even in it cancel
    if math.isnan(value):
        return not any(map(math.isnan, parts))
    if node.op.name in SUMS and not any(operand.is_constant for operand in node.operands):
        return all(part == 0 for part in parts) or (value == 0 and all(parts))
    return value == 0 and all(parts) and all(map(math.isfinite, parts))


class Outline:
    """What a formula of one variable is, whichever the variable: formulas that are alike have one outline.

    value : at 0; None where it cannot be computed
    doubtful : whether `suspects` finds any node in it
    size : the number of its nodes, as a tree
    """

    __slots__ = ("doubtful", "size", "value")

    def __init__(self, value: Any, doubtful: bool, size: int) -> None:
        self.value = value
        self.doubtful = doubtful
        self.size = size


class Outlines:
    """The outlines of formulas, found node by node and kept for other graphs."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], Outline] = {}

    def __len__(self) -> int:
        return len(self._known)

    def of(self, order: Iterable[Expr], variables: VariableOf) -> dict[Expr, Outline]:
        """The outlines of those of some nodes that are formulas, and of numbers; `order` has operands before their users."""
        known, found = self._known, dict[Expr, Outline]()
        with np.errstate(all="ignore"):
            for node in order:
                if variables[node] is node:
                    continue
                if node.operands:
                    parts = [
                        found[operand] if variables[operand] is not operand else self._variable(operand)
                        for operand in node.operands
                    ]
                    key: tuple[Any, ...] = (node.op.number, node.dtype, node.attrs, *parts)
                else:
                    parts, key = [], (node.op.number, node.dtype, node.attrs)
                outline = known.get(key)
                if outline is None:
                    outline = known.setdefault(key, _outline(node, parts))
                found[node] = outline
        return found

    def _variable(self, node: Expr) -> Outline:
        key = (node.dtype,)
        outline = self._known.get(key)
        if outline is None:
            outline = self._known.setdefault(key, Outline(node.dtype.type(0), False, 1))
        return outline


def _outline(node: Expr, parts: list[Outline]) -> Outline:
    size = 1 + sum([part.size for part in parts])
    if not parts:
        return Outline(node.value, False, size)
    values = [part.value for part in parts]
    if any(value is None for value in values):
        return Outline(None, False, size)
    try:
        value = run_node(node, values)
        doubtful = _is_doubtful(node, [float(v) for v in values], float(value), len(set(parts)) == 1)
    except (TypeError, ValueError):
        return Outline(None, False, size)
    return Outline(value, doubtful or any(part.doubtful for part in parts), size)


def expansions(formula: Expr, terms: int | None = None) -> dict[Expr, Laurent | None]:
    """What each node of a formula of a number is near 0, to so many terms, by default as many as a polynomial takes that is cut
    off (`truncated_series`); None where it has no series there."""
    if terms is None:
        terms = _terms_for(expansions(formula, _FEW_TERMS).values())
    found = _series_in(formula, laurent.variable(terms), terms)
    if not any(_is_root_of_zero(node, found) for node in found):
        return found
    count = min(2 * terms, TERMS)
    square = laurent.multiply(laurent.variable(count), laurent.variable(count))
    return {node: _halved(series) for node, series in _series_in(formula, square, count, True).items()}


def is_one_sided(formula: Expr) -> bool:
    """Whether a formula of a number holds a root of what changes its sign at 0."""
    if not any(_is_root(node) for node in walk((formula,))):
        return False
    found = _series_in(formula, laurent.variable(_FEW_TERMS), _FEW_TERMS)
    return any(_is_root_of_zero(node, found) for node in found)


def _series_in(
    formula: Expr, variable: Laurent, terms: int, of_root: bool = False
) -> dict[Expr, Laurent | None]:
    """The series of each node of a formula, where that of its number is given; of_root : of v = √x, that is not negative"""
    found: dict[Expr, Laurent | None] = {}
    for node in walk((formula,)):
        try:
            found[node] = variable if node.is_symbol else _expansion(node, found, terms, of_root)
        except NoSeriesError:
            found[node] = None
    return found


def _is_root(node: Expr) -> bool:
    """Whether a node is a power of a half and perhaps a whole number."""
    name = node.op.name
    return name == "sqrt" or (name == "pow" and _half(node.operands[1]))


def _half(exponent: Expr) -> bool:
    value = float(exponent.value) if exponent.is_constant and not exponent.shape else math.nan
    return (2 * value).is_integer() and not value.is_integer()


def _is_root_of_zero(node: Expr, known: Mapping[Expr, Laurent | None]) -> bool:
    if not _is_root(node):
        return False
    inner = known[node.operands[0]]
    return inner is not None and not inner.is_zero and inner.valuation % 2 == 1


def _halved(series: Laurent | None) -> Laurent | None:
    """A series in √x as one in x; None where odd powers of the root are left."""
    if series is None or series.is_zero:
        return series
    if series.valuation % 2 or any(series.coefficients[1::2]):
        return None
    return Laurent(series.valuation // 2, series.coefficients[::2])


def valuation(formula: Expr) -> int:
    """The power of its argument that a formula of a number is a multiple of near 0; 0 where it has no series there."""
    found = expansions(formula, _FEW_TERMS)[formula]
    if found is not None and found.is_zero:  # the first terms have cancelled
        found = expansions(formula, TERMS)[formula]
    return 0 if found is None or found.is_zero else found.valuation


def has_cancelling_sum(formula: Expr) -> bool:
    """Whether in any sum of a formula of a number the terms of least power cancel near 0, those among them that are 0·∞ at 0, as
    in w/tanh(w) − 1."""
    found = expansions(formula, _FEW_TERMS)
    for node in walk((formula,)):
        if node.op.name not in SUMS or (total := found.get(node)) is None:
            continue
        parts = [found.get(operand) for operand in node.operands]
        powers = [part.valuation for part in parts if part is not None and not part.is_zero]
        if len(powers) == len(parts) and (total.is_zero or total.valuation > min(powers)):
            return True
    return False


def _terms_for(first: Iterable[Laurent | None]) -> int:
    """How many terms it takes for series whose first ones are known: an even one has half of them, those that cancel fewer."""
    lost = 0
    for known in first:
        if known is None:
            continue
        powers = [k for k, c in enumerate(known.coefficients) if c]
        lost = max(lost, _FEW_TERMS - len(known.coefficients))
        if len(powers) != 1 and math.gcd(*powers) != 1:
            return TERMS
    return min(TERMS, MOST_TERMS + 2 + 2 * lost)


def without_sums_that_add_up(doubtful: set[Expr], formula: Expr) -> set[Expr]:
    """The doubtful nodes of a formula but the sums of parts that vanish without cancelling: their terms of least power differ in
    power or have one sign, as those of sin x + tan x. This is so of values, and need not be of derivatives.

    Where variables are multiplied, numbers underflow as well, and other rules may write what does: no such formula is certain.
    """
    sums = {node for node in doubtful if node.op.name in SUMS}
    if not sums or any(_multiplies(node) for node in walk((formula,))):
        return doubtful
    known = expansions(formula, _FEW_TERMS)
    return doubtful - {node for node in sums if _adds_up(node, known)}


def _multiplies(node: Expr) -> bool:
    name, operands = node.op.name, node.operands
    if name == "multiply":
        return not any(operand.is_constant for operand in operands)
    return name in _SCALING or (name == "divide" and not operands[1].is_constant)


def _adds_up(node: Expr, known: Mapping[Expr, Laurent | None]) -> bool:
    one, other = (known[operand] for operand in node.operands)
    if one is None or other is None or one.valuation < 1 or other.valuation < 1:
        return False  # poles overflow as well
    sign = -1 if node.op.name == "subtract" else 1
    if one.is_zero or other.is_zero:
        return False
    first, second = one.coefficients[0], sign * other.coefficients[0]
    return one.valuation != other.valuation or (first > 0) == (second > 0)


def _expansion(
    node: Expr, known: Mapping[Expr, Laurent | None], terms: int, of_root: bool = False
) -> Laurent | None:
    if node.is_constant:
        return laurent.of_number(float(node.value), terms) if math.isfinite(node.value) else None
    parts = [known[operand] for operand in node.operands]
    name, first = node.op.name, parts[0]
    if first is None or parts[-1] is None:
        return None
    second = parts[-1]
    if of_root and _is_root(node) and first.valuation and not first.valuation % 2 and not first.is_zero:
        exponent = 0.5 if name == "sqrt" else float(node.operands[1].value)
        rest = laurent_functions.power(Laurent(0, first.coefficients), exponent)
        return Laurent(rest.valuation + int(first.valuation * exponent), rest.coefficients)
    match name:
        case "add" | "subtract":
            return laurent.add(first, second, 1 if name == "add" else -1)
        case "multiply":
            return laurent.multiply(first, second)
        case "divide":
            return laurent.divide(first, second)
        case "negative":
            return laurent.negative(first)
        case "square":
            return laurent.multiply(first, first)
        case "reciprocal":
            return laurent.divide(laurent.of_number(1.0), first)
        case "hypot":
            square = laurent.add(laurent.multiply(first, first), laurent.multiply(second, second))
            return laurent_functions.power(square, 0.5)
        case "pow":
            exponent = node.operands[1]
            if _is_number(exponent):
                return laurent_functions.power(first, float(exponent.value))
            return laurent_functions.apply(
                "exp", laurent.multiply(second, laurent_functions.apply("log", first))
            )
    return laurent_functions.apply(name, first)


__all__ = [
    "MOST_NODES", "Outline", "Outlines", "VariableOf", "argument_of", "expansions", "is_function", "is_general_power",
    "is_one_sided", "is_read", "of_number", "suspects", "valuation", "without_sums_that_add_up",
]  # fmt: skip

"""Formulas of one variable in a graph: which node is one of which variable, what it is near 0, where it may lose digits there.

A variable is any node that the formula is made of by analytic operations and numbers alone: x, or the product wt of
tan(wt) − sin(wt).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from graphc.interpret import laurent, laurent_functions
from graphc.interpret.laurent import Laurent, NoSeriesError
from graphc.interpret.laurent_functions import FUNCTIONS
from graphc.interpret.numpy_eval import run_arrays
from graphc.ir.expr import Expr, rebuild, symbol, walk
from graphc.ir.graph import Dag

SUMS = frozenset(("add", "subtract"))
ARITHMETIC = SUMS | {"multiply", "divide", "negative", "square", "reciprocal"}
READ = ARITHMETIC | {"pow", "hypot"} | frozenset(FUNCTIONS)

MOST_NODES = 80


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
        found = {self[operand] for operand in node.operands} - {None}
        return node if len(found) > 1 else found.pop() if found else None


def is_read(node: Expr) -> bool:
    """Whether a node is an operation whose series is known."""
    if node.op.name not in READ or node.dtype.kind != "f":
        return False
    if any(operand.dtype != node.dtype for operand in node.operands):
        return False
    return node.op.name != "pow" or _is_number(node.operands[1])


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
        if not places:
            continue
        parts = [values[place] for place in places]
        if len(set(places)) == 1 and node.op.name == "add":
            continue  # what is added to itself is doubled, exactly
        if math.isnan(value):
            doubtful = not any(map(math.isnan, parts))
        elif node.op.name in SUMS and not any(dag.exprs[place].is_constant for place in places):
            doubtful = all(part == 0 for part in parts) or (value == 0 and all(parts))
        else:
            doubtful = value == 0 and all(parts) and all(map(math.isfinite, parts))
        if doubtful:
            found.add(node)
    return found


def expansions(formula: Expr) -> dict[Expr, Laurent | None]:
    """What each node of a formula of a number is near 0; None where it has no series there."""
    found: dict[Expr, Laurent | None] = {}
    for node in walk((formula,)):
        try:
            found[node] = _expansion(node, found)
        except NoSeriesError:
            found[node] = None
    return found


def _expansion(node: Expr, known: Mapping[Expr, Laurent | None]) -> Laurent | None:
    if node.is_symbol:
        return laurent.variable()
    if node.is_constant:
        return laurent.of_number(float(node.value)) if math.isfinite(node.value) else None
    parts = [known[operand] for operand in node.operands]
    name, first = node.op.name, parts[0]
    if first is None or parts[-1] is None:
        return None
    second = parts[-1]
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
            return laurent_functions.power(first, float(node.operands[1].value))
    return laurent_functions.apply(name, first)


__all__ = ["VariableOf", "argument_of", "expansions", "is_function", "is_read", "of_number", "suspects"]

"""Sums of several variables whose terms of one variable cancel: m² + eᵛ − 1 − v is m² + (eᵛ − 1 − v).

Written from left to right such a sum hides what cancels: m² + eᵛ is rounded before 1 is taken away. The rules for formulas of one
variable see what stands in brackets. Terms are brought together where with one of the sum's numbers they vanish at 0 or at 1.

This comes before all other rules: they write sums in forms of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from graphc.interpret.numpy_eval import run_arrays
from graphc.ir.expr import Expr, on_this_line, rebuild, walk
from graphc.ir.graph import Dag
from graphc.ir.scopes import deriving, stay
from graphc.ops.comparison import where
from graphc.rewrite.engine.normal_form import RuleMemory
from graphc.rewrite.engine.pattern import Kind
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.expansions.expansion_reader import VariableOf, argument_of, is_function, of_number
from graphc.rewrite.forms.linear import MOST_TERMS, is_number
from graphc.util.records import dataclass

SUMS = frozenset(("add", "subtract"))

LEAST_TERMS = 3
"""Of a group, a number among them: for pairs there are rules that find them in any sum."""

CENTRES = (0.0, 1.0)
"""Where terms may cancel: exponentials and angles at 0, logarithms at 1."""

Signed = tuple[int, Expr]


@dataclass(frozen=True)
class VanishingTerms:
    """Terms of one variable that vanish where it is `centre`."""

    variable: Expr
    centre: float
    terms: list[Signed]


@dataclass(frozen=True)
class GroupedTerms:
    """m² + eᵛ − 1 − v → m² + (eᵛ − 1 − v) near v = 0: terms of one variable that cancel stand together"""

    name: str = "grouped-terms"
    kind: Kind = "stable"
    examples: tuple[str, ...] = ("x*x + exp(y) - 1 - y", "y + x - log(x) - 1", "y*z - sin(x) + exp(-y) + x")

    def roots(self) -> tuple[str, ...]:
        return ("add", "subtract")

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        changed, results = written_whole([node], (self,))
        return results[0] if changed else None

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


RULE = GroupedTerms()
RULES = (RULE,)


def worth(nodes: Iterable[Expr]) -> bool:
    """Whether there are a sum and a function in a graph."""
    names = {node.op.name for node in nodes}
    return not names.isdisjoint(SUMS) and not names.isdisjoint(_FUNCTIONS)


_FUNCTIONS = frozenset(
    (
        "exp",
        "log",
        "log1p",
        "expm1",
        "sin",
        "cos",
        "tan",
        "sinh",
        "cosh",
        "tanh",
        "asin",
        "atan",
        "asinh",
        "atanh",
    )
)


def written_whole(
    outputs: Iterable[Expr], rules: Sequence[GroupedTerms], memory: RuleMemory | None = None
) -> tuple[list[tuple[GroupedTerms, Expr, Expr]], tuple[Expr, ...]]:
    """The outputs with terms of one variable brought together, and what was replaced."""
    outputs = tuple(outputs)
    (rule,) = rules
    order, variables = walk(outputs) if memory is None else memory.nodes(outputs), VariableOf()
    inner = {operand for node in order if node.op.name in SUMS for operand in node.operands}
    inner |= _far(order, outputs)
    steps: list[tuple[GroupedTerms, Expr, Expr]] = []
    written: dict[Expr, Expr] = {}
    with on_this_line(), deriving():
        for node in order:
            operands = tuple([written[operand] for operand in node.operands])
            after = rebuild(node, operands) if operands != node.operands else node
            if node.op.name in SUMS and node not in inner and node.dtype.kind == "f":
                stay(node.block)
                found = _grouped(node, after, variables, written)
                if found is not None and found.shape == node.shape:
                    after = found
                    steps.append((rule, node, after))
            written[node] = after
        return (steps, tuple([written[output] for output in outputs])) if steps else ([], outputs)


def _far(order: Sequence[Expr], outputs: Sequence[Expr]) -> set[Expr]:
    """What stands for nothing but the values far from where terms vanish already."""
    found: set[Expr] = set()
    elsewhere = set(outputs)
    for node in order:
        if node.op.name == "where" and _is_near(node.operands[0]):
            found.add(node.operands[2])
            elsewhere.update(node.operands[:2])
        else:
            elsewhere.update(node.operands)
    return found - elsewhere


def _is_near(condition: Expr) -> bool:
    """Whether a condition is |x| < 1."""
    if condition.op.name != "less":
        return False
    size, limit = condition.operands
    return size.op.name == "abs" and is_number(limit) and limit.value == 1


def _grouped(node: Expr, unchanged: Expr, variables: VariableOf, written: dict[Expr, Expr]) -> Expr | None:
    """A sum with terms brought together near where they vanish.

    unchanged : the sum with what is written for its operands
    """
    terms = _terms(node)
    if terms is None:
        return None
    numbers = [term for term in terms if is_number(term[1])]
    of: dict[Expr, list[Signed]] = {}
    for term in terms:
        variable = variables[term[1]]
        if variable is not None:
            of.setdefault(variable, []).append(term)
    groups: list[VanishingTerms] = []
    for variable, members in of.items():
        group = _vanishing(variable, members, numbers)
        if group is not None and len(group.terms) < len(terms):
            groups.append(group)
            numbers = [number for number in numbers if number not in group.terms]
    return _near_and_far(groups, [], terms, unchanged, written) if groups else None


def _near_and_far(
    groups: Sequence[VanishingTerms],
    near: list[VanishingTerms],
    terms: list[Signed],
    unchanged: Expr,
    written: dict[Expr, Expr],
) -> Expr:
    """Each group together, near where it vanishes alone if others of the sum's terms may cancel with it first: far from there
    nothing is lost in (u + v) − log v − 1 where u is −v."""
    if groups:
        group, *others = groups
        here = _near_and_far(others, [*near, group], terms, unchanged, written)
        if not _may_cancel_first(group, terms):
            return here
        variable = written.get(group.variable, group.variable)
        distance = variable if group.centre == 0 else variable - group.centre
        return where(abs(distance) < 1, here, _near_and_far(others, near, terms, unchanged, written))
    if not near:
        return unchanged
    total = _sum([term for term in terms if not any(term in group.terms for group in near)], written)
    for group in near:
        value = _sum(group.terms, written)
        total = value if total is None else total + value if value is not None else total
    assert total is not None
    return total


def _may_cancel_first(group: VanishingTerms, terms: Sequence[Signed]) -> bool:
    """Whether a term of a group that is no function stands beside others, as the sum is written, before what is rounded."""
    others = own = False
    for term in terms:
        if term not in group.terms:
            others = True
        elif any(is_function(part) for part in walk((term[1],))):
            return False
        else:
            own = own or not is_number(term[1])
        if own and others:
            return True
    return False


def _terms(node: Expr) -> list[Signed] | None:
    """The terms of a sum with their signs; None of one with too many, or with one of them twice."""
    found: list[Signed] = []
    pending = [(1, node)]
    while pending:
        sign, part = pending.pop()
        if part.op.name in SUMS:
            left, right = part.operands
            pending += [(-sign if part.op.name == "subtract" else sign, right), (sign, left)]
        elif part.op.name == "negative":
            pending.append((-sign, part.operands[0]))
        else:
            found.append((sign, part))
        if len(found) + len(pending) > MOST_TERMS:
            return None
    return found if LEAST_TERMS < len(found) == len(set(found)) else None


def _vanishing(variable: Expr, members: list[Signed], numbers: list[Signed]) -> VanishingTerms | None:
    """Terms of one variable with one of some numbers, where they are 0 at 0 or at 1; None where they are not."""
    if len(members) + bool(numbers) < LEAST_TERMS:
        return None
    formulas: list[tuple[int, Expr]] = []
    for sign, term in members:
        formula = of_number(term, variable, argument_of(variable.dtype))
        if formula is None or formula.dtype != variable.dtype:
            return None
        formulas.append((sign, formula))
    if not any(is_function(part) for _, formula in formulas for part in walk((formula,))):
        return None
    dag = Dag([formula for _, formula in formulas])
    for centre in CENTRES:
        runs = run_arrays(dag, [np.full((), centre, s.dtype) for s in dag.symbols])
        values = [
            sign * float(np.asarray(runs[place]))
            for (sign, _), place in zip(formulas, dag.outputs, strict=True)
        ]
        value = sum(values)
        for number in [None, *numbers]:
            group = members if number is None else [*members, number]
            constant = 0.0 if number is None else number[0] * float(number[1].value)
            if len(group) >= LEAST_TERMS and value + constant == 0:
                return VanishingTerms(variable, centre, group)
    return None


def _sum(terms: Sequence[Signed], written: dict[Expr, Expr]) -> Expr | None:
    """Terms from left to right, one that is not taken away first."""
    total: Expr | None = None
    for sign, term in sorted(terms, key=lambda each: each[0] < 0):
        value = written.get(term, term)
        if total is None:
            total = value if sign > 0 else -value
        else:
            total = total + value if sign > 0 else total - value
    return total


__all__ = ["RULE", "RULES", "GroupedTerms", "worth", "written_whole"]

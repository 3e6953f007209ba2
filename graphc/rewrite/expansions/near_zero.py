"""Formulas of one variable whose terms cancel at 0, or that are 0/0 there, by their series near 0.

(tan x − sin x)/x³, 1/(eˣ − 1) − 1/x + ½ and log(sinh x/x) have a value at 0, and derivatives, but as they are written nothing
of it is left there. For the usual ones there are rules of their own, with forms that hold further out. What these do not mend
is found here by trial: the form that the other rules give is held against the Laurent series of the formula (`laurent`) at
points of all sizes, in its value, and where it is to be differentiated in two derivatives; where it fails, the series stands
near 0, and what was written further out.

This comes before all other rules: they write formulas in forms of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from graphc.ir.expr import Expr, on_this_line, rebuild, walk
from graphc.ir.scopes import deriving, stay
from graphc.rewrite.engine.normal_form import RuleMemory
from graphc.rewrite.engine.pattern import Kind
from graphc.rewrite.engine.ranges import Range, Ranges
from graphc.rewrite.expansions import near_number
from graphc.rewrite.expansions.expander import Expander
from graphc.rewrite.expansions.expansion_reader import (
    MOST_NODES,
    Outline,
    VariableOf,
    argument_of,
    is_function,
    is_read,
    of_number,
)
from graphc.rewrite.expansions.far_out import (
    has_reciprocal,
    in_reciprocal,
    of_variable,
)
from graphc.rewrite.expansions.near_branch import exposed
from graphc.rewrite.forms.clusters import instantiated
from graphc.util.gc_pause import paused
from graphc.util.records import dataclass

MOST_TRIED = 24
"""Formulas of a graph that are tried."""


@dataclass(frozen=True)
class Expansion:
    """(tan x − sin x)/x³, 1/(eˣ − 1) − 1/x + ½, log(sinh x/x) and any other formula of one variable that cancels at 0, or is 0/0
    there, by its series near 0; so 1/log x − 1/(x − 1) at 1, and (1 + 1/x)ˣ at infinity"""

    name: str = "expansion"
    kind: Kind = "stable"
    examples: tuple[str, ...] = (
        "(tan(x) - sin(x))/x**3", "1/(exp(x) - 1) - 1/x + 0.5", "log(tan(x)/x)", "atan(x)/tanh(x) - 1",
        "1/sin(x)**2 - 1/x**2", "(exp(x) - cos(x))/sin(x)", "1/log(x) - 1/(x - 1)", "(1 + 1/x)**x",
    )  # fmt: skip

    def roots(self) -> tuple[str, ...]:
        return ("add", "subtract", "divide")

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        return None  # it needs the forms that the other rules give: `written_whole`

    def __str__(self) -> str:
        return f"{self.name}: {' '.join((self.__doc__ or '').split())} ({self.kind})"


RULE = Expansion()
RULES = (RULE,)


def worth(nodes: Iterable[Expr], source: bool = False) -> bool:
    """Whether there is anything that may cancel or be 0/0; source : whose derivatives may."""
    names = ("subtract", "negative", "divide", "log", "pow", *(("sqrt",) if source else ()))
    return any(node.op.name in names for node in nodes)


@paused()
def written_whole(
    outputs: Iterable[Expr],
    rules: Sequence[Expansion],
    expander: Expander,
    memory: RuleMemory | None = None,
) -> tuple[list[tuple[Expansion, Expr, Expr]], tuple[Expr, ...]]:
    """The outputs with formulas of one variable mended near 0, and what was replaced."""
    outputs = tuple(outputs)
    (rule,) = rules
    order = walk(outputs) if memory is None else memory.nodes(outputs)
    variables, ranges = VariableOf(), Ranges()
    outlines = expander.outlines(order, variables)
    doubtful = any(outline.doubtful for outline in outlines.values())
    if not (doubtful or has_reciprocal(order) or near_number.has_number(order)):
        return [], outputs
    whole = _largest(order, outputs, variables) & _elementary(order, variables) & exposed(outputs, variables)
    if not whole:
        return [], outputs
    steps: list[tuple[Expansion, Expr, Expr]] = []
    written: dict[Expr, Expr] = {}
    tried: set[Outline] = set()
    with on_this_line(), deriving():
        for node in order:
            operands = tuple([written[operand] for operand in node.operands])
            after = rebuild(node, operands) if operands != node.operands else node
            variable = variables[node]
            if node in whole and variable is not None and len(tried) < MOST_TRIED:
                outline = outlines[node]
                if _is_small(node, variable, outline):
                    tried.add(outline)
                    mended = _mended_formula(node, variable, outline, ranges(variable), expander)
                    if mended is not None:
                        stay(node.block)
                        after = instantiated(mended, {variable: written[variable]})
                        steps.append((rule, node, after))
            written[node] = after
        return (steps, tuple([written[output] for output in outputs])) if steps else ([], outputs)


def _mended_formula(node: Expr, x: Expr, outline: Outline, near: Range, expander: Expander) -> Expr | None:
    """A formula of x with what is mended in it: near 0, far out, or beside a number; None where nothing is.

    near : the numbers that x may be
    """
    if outline.doubtful and near.lo <= 0.5 and near.hi >= -0.5:
        formula = of_number(node, x, argument_of(x.dtype))
        mended = None if formula is None else expander.of(formula, outline)
        if mended is not formula and mended is not None:
            return instantiated(mended, {argument_of(x.dtype): x})
    if expander.is_plain(outline):
        return None
    plain = True
    if max(-near.lo, near.hi) > 2:
        far = in_reciprocal(node, x)
        found = None if far is None else expander.outlines(walk((far,)), VariableOf())[far]
        if far is not None and found is not None and found.doubtful:
            plain = False
            mended = expander.far(far, node, x, found)
            if mended is not far:
                return of_variable(mended, x)
    for number in near_number.numbers_beside(node, x):
        beside = near_number.in_difference(node, x, number)
        found = None if beside is None else expander.outlines(walk((beside,)), VariableOf())[beside]
        if beside is not None and found is not None and found.doubtful:
            plain = False
            mended = beside
            if near.lo < number < near.hi:
                mended = expander.beside(beside, node, x, found, number)
            if mended is not beside:
                return near_number.of_variable(mended, x, number)
    if plain and max(-near.lo, near.hi) > 2:
        expander.plain(outline)
    return None


def _is_small(node: Expr, variable: Expr, outline: Outline) -> bool:
    """Whether a formula is not too large to be read, as `of_number` sees it."""
    return outline.size <= MOST_NODES or len(walk((node,), (variable,))) <= MOST_NODES


def _largest(order: Sequence[Expr], outputs: Sequence[Expr], variables: VariableOf) -> set[Expr]:
    """The formulas that are not part of a larger one of the same variable."""
    found: dict[Expr, None] = {}
    for node in order:
        variable = variables[node]
        for operand in node.operands:
            apart = variable is None or variables[operand] is not variable or operand is variable
            if apart and variables[operand] not in (None, operand) and is_read(operand):
                found[operand] = None
    found.update(
        (output, None) for output in outputs if variables[output] not in (None, output) and is_read(output)
    )
    return set(found)


def _elementary(order: Sequence[Expr], variables: VariableOf) -> set[Expr]:
    """The formulas that are more than quotients of polynomials."""
    found: set[Expr] = set()
    for node in order:
        variable = variables[node]
        if variable is not None and variable is not node:
            inside = any(operand in found for operand in node.operands if operand is not variable)
            if inside or is_function(node):
                found.add(node)
    return found


__all__ = ["RULE", "RULES", "Expander", "worth", "written_whole"]

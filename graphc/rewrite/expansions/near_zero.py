"""Formulas of one variable whose terms cancel at 0, or that are 0/0 there, by their series near 0.

(tan x − sin x)/x³, 1/(eˣ − 1) − 1/x + ½ and log(sinh x/x) have a value at 0, and derivatives, but as they are written nothing
of it is left there. For the usual ones there are rules of their own, with forms that hold further out. What these do not mend
is found here by trial: the form that the other rules give is held against the Laurent series of the formula (`laurent`) at
points of all sizes, in its value, and where it is to be differentiated in two derivatives; where it fails, the series stands
near 0, and what was written further out.

This comes before all other rules: they write formulas in forms of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from graphc.interpret.truncated_series import TruncatedSeries, truncated
from graphc.ir.expr import Expr, on_this_line, rebuild, substitute, walk
from graphc.ir.scopes import deriving, stay
from graphc.rewrite.engine.normal_form import RuleMemory
from graphc.rewrite.engine.pattern import Kind
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.expansions.expansion_known import WELL_KNOWN
from graphc.rewrite.expansions.expansion_reader import (
    MOST_NODES,
    Outline,
    Outlines,
    VariableOf,
    argument_of,
    expansions,
    is_function,
    is_one_sided,
    is_read,
    of_number,
    suspects,
    without_sums_that_add_up,
)
from graphc.rewrite.expansions.expansion_trials import Forms, SeriesTrial
from graphc.rewrite.expansions.far_out import (
    has_reciprocal,
    in_reciprocal,
    in_terms_of_reciprocal,
    of_variable,
)
from graphc.rewrite.expansions.near_branch import Ends, exposed, near_zero
from graphc.rewrite.forms.clusters import instantiated
from graphc.util.fork_safety import cached_property
from graphc.util.gc_pause import paused
from graphc.util.records import dataclass

MOST_TRIED = 24
"""Formulas of a graph that are tried."""

MOST_OUTLINES = 5_000
"""Of formulas that are kept for other graphs."""


@dataclass(frozen=True)
class Expansion:
    """(tan x − sin x)/x³, 1/(eˣ − 1) − 1/x + ½, log(sinh x/x) and any other formula of one variable that cancels at 0, or is 0/0
    there, by its series near 0"""

    name: str = "expansion"
    kind: Kind = "stable"
    examples: tuple[str, ...] = (
        "(tan(x) - sin(x))/x**3", "1/(exp(x) - 1) - 1/x + 0.5", "log(tan(x)/x)", "atan(x)/tanh(x) - 1",
        "1/sin(x)**2 - 1/x**2", "(exp(x) - cos(x))/sin(x)",
    )  # fmt: skip

    def roots(self) -> tuple[str, ...]:
        return ("add", "subtract", "divide")

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        return None  # it needs the forms that the other rules give: `written_whole`

    def __str__(self) -> str:
        return f"{self.name}: {' '.join((self.__doc__ or '').split())} ({self.kind})"


RULE = Expansion()
RULES = (RULE,)

Tries = Callable[[Expr, int, RuleMemory], Forms]
"""A formula of a number, how many derivatives, and what is known of nodes → it and these as the other rules write them"""

DERIVATIVES = 2
"""That have to hold of what is differentiated."""


def worth(nodes: Iterable[Expr], source: bool = False) -> bool:
    """Whether there is anything that may cancel or be 0/0; source : whose derivatives may."""
    names = ("subtract", "negative", "divide", "log", "pow", *(("sqrt",) if source else ()))
    return any(node.op.name in names for node in nodes)


def is_well_known(formula: Expr) -> bool:
    """Whether the other rules are known to mend a formula."""
    return str(formula).replace(argument_of(formula.dtype).name, "x") in WELL_KNOWN


Recipe = tuple[tuple[int, TruncatedSeries, float, Ends], ...]
"""What is mended of a formula: (which of its nodes, its series, up to which size of the variable, what is left as it is)"""


class Expander:
    """Formulas of a number with series in them where they need some. What came of a formula is kept as numbers: no node is.

    tries : what the other rules make of one
    source : whether they are to be differentiated
    """

    def __init__(self, tries: Tries, source: bool = False) -> None:
        self._tries = tries
        self._source = source
        self._outlines = Outlines()
        self._kept: dict[Outline, Recipe] = {}
        self._holds_in_x: dict[Outline, bool] = {}

    def outlines(self, order: Iterable[Expr], variables: VariableOf) -> dict[Expr, Outline]:
        """The outlines of formulas among some nodes; what was kept for too many is given up."""
        if len(self._outlines) >= MOST_OUTLINES:
            self._outlines, self._kept, self._holds_in_x = Outlines(), {}, {}
        return self._outlines.of(order, variables)

    def of(self, formula: Expr, outline: Outline | None = None) -> Expr:
        """The formula itself where nothing is to be mended.

        outline : the formula's, for which is kept what comes of it
        """
        recipe = None if outline is None else self._kept.get(outline)
        if recipe is None:
            recipe = self._recipe(formula)
            if outline is not None:
                self._kept[outline] = recipe
        return _mended(formula, recipe, self._source) if recipe else formula

    def far(self, far: Expr, node: Expr, x: Expr, outline: Outline) -> Expr:
        """A formula of x, given as one of w = 1/x, with what is to be mended where w is small: by a series, or in the form that
        the other rules give in w where that holds and the one that they give in x does not."""
        mended = self.of(far, outline)
        if mended is not far or self._holds_in_x.get(outline, False):
            return mended
        memory = RuleMemory()
        memory.remembers = True
        count = 1 if self._source else 0
        forms = self._tries(far, count, memory)
        if outline not in self._holds_in_x:
            formula = of_number(node, x, argument_of(x.dtype))
            series = expansions(far)[far] if formula is not None else None
            cut = None if series is None or series.is_zero else truncated(series, far.dtype)
            self._holds_in_x[outline] = True
            if formula is not None and cut is not None:
                trial = SeriesTrial(cut, far.dtype, is_one_sided(far))
                in_x = in_terms_of_reciprocal(self._tries(formula, count, memory), far.dtype)
                self._holds_in_x[outline] = trial.failing(in_x) is None or trial.failing(forms) is not None
        return far if self._holds_in_x[outline] else forms[0]

    def _recipe(self, formula: Expr) -> Recipe:
        if is_well_known(formula):
            return ()
        doubtful = suspects(formula)
        if not doubtful:
            return ()
        if not self._source:
            doubtful = {node for node in doubtful if node.op.name != "sqrt"}  # it has all digits itself
            doubtful = without_sums_that_add_up(doubtful, formula)
            if not doubtful:
                return ()
        return tuple(_Mending(self._tries, formula, doubtful, self._source).steps)


class _Mending:
    """steps : what is to be mended in a formula, in the order of its nodes"""

    def __init__(self, tries: Tries, formula: Expr, doubtful: set[Expr], source: bool) -> None:
        self._tries = tries
        self._source = source
        self._order = walk((formula,))
        self._number = {node: number for number, node in enumerate(self._order)}
        self._known = expansions(formula)
        self._reach: dict[Expr, bool] = {}
        for node in self._order:
            self._reach[node] = node in doubtful or any(self._reach[operand] for operand in node.operands)
        self._whole = formula
        self._memory = RuleMemory()  # parts are tried after the whole
        self._memory.remembers = True
        self._done: dict[Expr, Expr] = {}
        self._values: dict[Expr, Expr] = {}
        self._tried: dict[Expr, Forms] = {}
        self._one_sided = is_one_sided(formula)
        self.steps: list[tuple[int, TruncatedSeries, float, Ends]] = []
        self._node(formula)

    def _form(self, node: Expr) -> Expr:
        """A part as the other rules write it."""
        if node not in self._values:
            (self._values[node],) = self._tries(node, 0, self._memory)
        return self._values[node]

    def _forms(self, node: Expr) -> Forms:
        """The same, with the derivatives that have to hold."""
        if not self._source:
            return (self._form(node),)
        if node not in self._tried:
            self._tried[node] = self._tries(node, DERIVATIVES, self._memory)
        return self._tried[node]

    @cached_property
    def _left(self) -> set[Expr]:
        """What the other rules leave of the formula."""
        return set(walk((self._form(self._whole),)))

    def _node(self, node: Expr) -> Expr:
        """What stands for a node: its series, or where that reaches less far what its parts give with series of their own."""
        if node not in self._done:
            self._done[node] = self._settled(node) if self._reach[node] and node.operands else node
        return self._done[node]

    def _settled(self, node: Expr) -> Expr:
        trial = self._trial(node)
        if trial is None:
            before = len(self.steps)
            mended = self._of_parts(node)
            if mended is not node and node is self._whole and not self._is_apart(mended):
                del self.steps[before:]
                return node
            return mended
        forms = self._forms(node)
        if trial.failing(forms) is None:
            return node
        if node is not self._whole and self._form(node) not in self._left:
            return node  # there the other rules see more than the node
        limit = trial.failing(forms)
        assert limit is not None
        ends = Ends(trial.keeps_zero(forms), self._one_sided)
        form = near_zero(trial.series, limit, ends, argument_of(node.dtype), node, self._source)
        before = len(self.steps)
        mended = node if trial.failing(self._forms(form)) is None else self._of_parts(node)
        if not trial.is_better(self._forms(form), self._forms(mended)):
            return mended
        del self.steps[before:]
        self.steps.append((self._number[node], trial.series, limit, ends))
        return form

    def _is_apart(self, mended: Expr) -> bool:
        """Whether the other rules write the whole around what was mended as they do around what was written: a part that they
        look into is left to them, where there is no series of the whole to tell which is right."""
        changed = {
            self._form(part): self._form(self._done[part])
            for part in (self._order[number] for number, *_ in self.steps)
        }
        return substitute(self._form(self._whole), dict(changed)) == self._form(mended)

    def _of_parts(self, node: Expr) -> Expr:
        parts = tuple([self._node(operand) for operand in node.operands])
        return rebuild(node, parts) if parts != node.operands else node

    def _trial(self, node: Expr) -> SeriesTrial | None:
        found = self._known[node]
        if found is None or found.is_zero:
            return None
        series = truncated(found, node.dtype)
        return None if series is None else SeriesTrial(series, node.dtype, self._one_sided)


def _mended(formula: Expr, recipe: Recipe, source: bool) -> Expr:
    """A formula with what was found for one of its text."""
    steps = {number: (series, limit, ends) for number, series, limit, ends in recipe}
    done: dict[Expr, Expr] = {}
    for number, node in enumerate(walk((formula,))):
        operands = tuple([done[operand] for operand in node.operands])
        done[node] = rebuild(node, operands) if operands != node.operands else node
        if number in steps:
            done[node] = near_zero(*steps[number], argument_of(node.dtype), done[node], source)
    return done[formula]


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
    if not any(outline.doubtful for outline in outlines.values()) and not has_reciprocal(order):
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
            if node in whole and len(tried) < MOST_TRIED:
                variable, outline = variables[node], outlines[node]
                assert variable is not None
                near = ranges(variable)
                if near.lo <= 0.5 and near.hi >= -0.5 and _is_small(node, variable, outline):
                    tried.add(outline)
                    formula = (
                        of_number(node, variable, argument_of(variable.dtype)) if outline.doubtful else None
                    )
                    if formula is not None:
                        stay(node.block)
                        mended = expander.of(formula, outline)
                        if mended is not formula:
                            after = instantiated(mended, {argument_of(variable.dtype): written[variable]})
                            steps.append((rule, node, after))
                if after is node and max(-near.lo, near.hi) > 2:
                    far = in_reciprocal(node, variable)
                    outline = None if far is None else expander.outlines(walk((far,)), VariableOf())[far]
                    if far is not None and outline is not None and outline.doubtful:
                        stay(node.block)
                        tried.add(outline)
                        mended = expander.far(far, node, variable, outline)
                        if mended is not far:
                            after = of_variable(mended, written[variable])
                            steps.append((rule, node, after))
            written[node] = after
        return (steps, tuple([written[output] for output in outputs])) if steps else ([], outputs)


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

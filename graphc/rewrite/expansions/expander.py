"""What comes of a formula of a number: with series in it where it cancels at 0, found by trial and kept for other graphs."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from graphc.interpret.truncated_series import TruncatedSeries, truncated
from graphc.ir.expr import Expr, rebuild, substitute, walk
from graphc.rewrite.engine.normal_form import RuleMemory
from graphc.rewrite.expansions.expansion_known import WELL_KNOWN
from graphc.rewrite.expansions.expansion_reader import (
    Outline,
    Outlines,
    VariableOf,
    argument_of,
    expansions,
    is_general_power,
    is_one_sided,
    of_number,
    suspects,
    without_sums_that_add_up,
)
from graphc.rewrite.expansions.expansion_trials import Forms, SeriesTrial
from graphc.rewrite.expansions.far_out import (
    in_terms_of_reciprocal,
)
from graphc.rewrite.expansions.near_branch import Ends, near_zero
from graphc.rewrite.expansions.near_number import in_terms_of_difference
from graphc.util.fork_safety import cached_property

MOST_OUTLINES = 5_000
"""Of formulas that are kept for other graphs."""


Tries = Callable[[Expr, int, RuleMemory], Forms]
"""A formula of a number, how many derivatives, and what is known of nodes → it and these as the other rules write them"""

DERIVATIVES = 2
"""That have to hold of what is differentiated."""


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
        self._beside: dict[tuple[Outline, float], str] = {}
        self._plain: set[Outline] = set()

    def outlines(self, order: Iterable[Expr], variables: VariableOf) -> dict[Expr, Outline]:
        """The outlines of formulas among some nodes; what was kept for too many is given up."""
        if len(self._outlines) >= MOST_OUTLINES:
            self._outlines, self._plain = Outlines(), set()
            self._kept, self._holds_in_x, self._beside = {}, {}, {}
        return self._outlines.of(order, variables)

    def plain(self, outline: Outline) -> None:
        """Keeps of a formula that nothing in it is doubtful far out or beside its numbers."""
        self._plain.add(outline)

    def is_plain(self, outline: Outline) -> bool:
        """Whether that is known of a formula."""
        return outline in self._plain

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

    def beside(self, near: Expr, node: Expr, x: Expr, outline: Outline, number: float) -> Expr:
        """A formula of x, given as one of t = x − number, with what is to be mended where t is small, if the form that the other
        rules give in x fails there: the form that they give in t, or a series."""
        key = (outline, number)
        if key not in self._beside:
            self._beside[key] = self._way_beside(near, node, x, outline, number)
        match self._beside[key]:
            case "form":
                return self._tries(near, 0, RuleMemory())[0]
            case "series":
                return self.of(near, outline)
        return near

    def _way_beside(self, near: Expr, node: Expr, x: Expr, outline: Outline, number: float) -> str:
        formula = of_number(node, x, argument_of(x.dtype))
        series = None if formula is None or is_one_sided(near) else expansions(near)[near]
        cut = None if series is None or series.is_zero else truncated(series, near.dtype)
        if formula is None or cut is None:
            return ""
        memory = RuleMemory()
        memory.remembers = True
        count = DERIVATIVES if self._source else 0
        trial = SeriesTrial(cut, near.dtype, number=number)
        in_x = in_terms_of_difference(self._tries(formula, count, memory), number)
        if trial.failing(in_x) is None:
            return ""
        if trial.failing(self._tries(near, count, memory)) is None:
            return "form"
        mended = self.of(near, outline)
        if mended is not near and trial.is_better(self._tries(mended, count, memory), in_x):
            return "series"
        return ""

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
        # a power of the kind 1^∞ is 1 at 0 itself, as C has it
        keeps = trial.keeps_zero(forms) or any(is_general_power(part) for part in walk((node,)))
        ends = Ends(keeps, self._one_sided)
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


__all__ = ["Expander", "is_well_known"]

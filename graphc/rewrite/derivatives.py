"""Derivatives of what is stabilised.

log(softmax(z)) has the derivative 1/softmax(z)·…, which is 0/0 where log_softmax(z) has a plain one: rules that keep the digits
of a formula do not keep those of a derivative that was written before them. So a derivative in a graph is written again, from
the normal form of what it is the derivative of (`ir.expr.provenance`), second and higher ones from the first so written.

Not always: often the rules bring the derivative as it was written to a form as good. So where it may be 0/0 or ∞ − ∞
(`ranges.hazards`) both are tried at points of every size (`trials`), and as it was it stays unless the other gives more numbers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from graphc.autodiff.remembered import gradient
from graphc.autodiff.reverse import reverse
from graphc.errors import GraphcError
from graphc.ir.expr import (
    Derivation,
    Expr,
    derivation,
    on_this_line,
    rebuild,
    substitute,
    symbol,
    walk,
    walk_sources,
)
from graphc.ir.op import Op
from graphc.ir.scopes import deriving, stay
from graphc.ops.comparison import where
from graphc.rewrite.engine.normal_form import RuleFiring, Trace
from graphc.rewrite.engine.pattern import Kind
from graphc.rewrite.engine.promotion import of_type
from graphc.rewrite.engine.ranges import Ranges, hazards
from graphc.rewrite.expansions.common_variable import RULE as COMMON
from graphc.rewrite.forms.clusters import StablePartials, contracted, expanded
from graphc.rewrite.forms.one_sided import one_sided
from graphc.rewrite.forms.safe_steps import is_safe
from graphc.rewrite.forms.series_node import near_condition
from graphc.rewrite.forms.trials import Trials, failures, nearer
from graphc.rewrite.rational.several_variables import RULE as SEVERAL
from graphc.rewrite.rules import divided_differences
from graphc.util.gc_pause import paused
from graphc.util.records import dataclass

NormalForm = Callable[[Sequence[Expr]], Trace]


@dataclass(frozen=True)
class Derivatives:
    """∂f as it was written → ∂ of the stable form of f"""

    name: str = "stable-derivative"
    kind: Kind = "stable"

    def roots(self) -> tuple[str, ...]:
        return ()

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        return None  # the engine sees no derivatives, but what they were written as

    def __str__(self) -> str:
        return f"{self.name}: {self.__doc__} ({self.kind})"


KINKED = frozenset(("abs", "sqrt", "hypot", "norm", "pow", "relu", "maximum", "minimum", "where"))
"""Operations that may have a kink, which `smoothing` may take away."""

GUARDED = frozenset((COMMON.name, SEVERAL.name))
"""Rules whose forms over- and underflow before what they replace does, so that they have branches where they are values."""

DIVIDED = frozenset(rule.name for rule in divided_differences.RULES)
"""Rules whose forms gain where two inputs are nearly equal."""

RULE = Derivatives()
RULES = (RULE,)


def stand_in(nodes: Iterable[Expr]) -> bool:
    """Whether any of some nodes remembers what it was derived from."""
    return any(derivation(node) for node in nodes)


@paused()
def written_anew(
    outputs: Sequence[Expr],
    normal_form: NormalForm,
    smooth: NormalForm,
    sources: tuple[NormalForm, NormalForm],
    final: NormalForm,
) -> Trace:
    """The outputs with the derivatives in them written from the normal forms of what they are the derivatives of.

    smooth : the same function without kinks that are none (`smoothing`)
    sources : the normal forms that derivatives are written from, the second where those from the first overflow
    final : that of a graph that nothing is written from
    """
    order, circular = walk_sources(outputs)
    session = _Rewriter(order, circular, normal_form, smooth, sources, final)
    with on_this_line(), deriving():
        for node in order:
            session.settle(node)
    results = tuple([session.best[output] for output in outputs])
    if results == tuple(outputs):
        return Trace([], results, True)
    return Trace(session.steps, results, session.complete)


class _Rewriter:
    """best : each node with the derivatives in it written anew"""

    def __init__(
        self,
        order: Sequence[Expr],
        circular: set[Expr],
        normal_form: NormalForm,
        smooth: NormalForm,
        sources: tuple[NormalForm, NormalForm],
        final: NormalForm,
    ) -> None:
        self.best: dict[Expr, Expr] = {}
        self.steps: list[RuleFiring] = []
        self.complete = True
        self._normal_form = normal_form
        self._smooth = smooth
        self._sources = sources
        self._final = final
        self._smoothed: dict[
            Expr, Expr
        ] = {}  # what holds a derivative without its kinks, with nothing else written anew
        self._doubtful = False  # whether any derivative is written from what is multiplied out
        self._results: dict[Derivation, dict[int, Expr]] = {}
        self._known: dict[Expr, tuple[Derivation, int]] = {}
        self._written: dict[tuple[Derivation, int], Expr] = {}
        self._numbers: defaultdict[Derivation, list[int]] = defaultdict(list)
        self._trials = Trials()
        self._of_parts: dict[tuple[Expr, tuple[Expr, ...]], StablePartials | None] = {}
        for node in order:
            known = derivation(node)
            if known is not None and node not in circular:
                self._known[node] = known
                self._numbers[known[0]].append(known[1])
                self._written[known] = node

    def settle(self, node: Expr) -> None:
        """Enter what stands for a node whose operands and sources are settled."""
        known = self._known.get(node)
        if known is not None:
            made, number = known
            if made not in self._results:
                stay(node.block)
                self._results[made] = self._again(made)
            again = self._results[made].get(number)
            if again is not None and again.dtype != node.dtype:
                again = of_type(again, node.dtype)
            if again is not None and again.shape == node.shape:
                self.best[node] = again
                if again is not node:
                    self.steps.append(RuleFiring(RULE.name, RULE.kind, node, again))
                return
        operands = tuple([self.best[operand] for operand in node.operands])
        self.best[node] = rebuild(node, operands) if operands != node.operands else node
        if self._smoothed and not self._smoothed.keys().isdisjoint(node.operands):
            plain = tuple([self._smoothed.get(operand, self.best[operand]) for operand in node.operands])
            self._smoothed[node] = rebuild(node, plain) if plain != operands else self.best[node]

    def _again(self, made: Derivation, guarded: bool = False) -> dict[int, Expr]:
        """The results of a derivation from better sources; empty where there are none.

        guarded : from those with branches against over- and underflow
        """
        if any(node.op.control is not None for node in walk(made.sources)):
            return {}  # forms are judged by values at points, for which a loop may take any time
        numbers = sorted(set(self._numbers[made]))
        outputs, targets = made.outputs, made.targets
        # rewriting may remove any node but a symbol, so symbols stand for the others, of which what is below stays as it is
        ahead = {
            node: symbol(f"\0of{number}", node.shape, node.dtype)
            for number, node in enumerate(targets)
            if not node.is_symbol
        }
        if ahead:
            outputs = tuple([substitute(output, dict(ahead)) for output in outputs])
            targets = tuple([ahead.get(node, node) for node in targets])
        else:
            outputs = tuple([self.best[output] for output in outputs])
        better = not ahead and outputs != made.outputs
        others = tuple([self.best[other] for other in made.others])
        kinks: tuple[RuleFiring, ...] = ()
        steps: tuple[RuleFiring, ...] = ()
        kinked = any(output in self._smoothed for output in made.outputs)
        smooth: tuple[Expr, ...] = ()
        if made.differentiates:
            smoothed = self._smooth(outputs)
            kinked = kinked or (bool(smoothed) and _lost_kinks(outputs, smoothed.outputs))
            trace = self._sources[guarded](smoothed.outputs)
            smooth = self._without_kinks(made.outputs, smoothed.outputs) if not ahead else smoothed.outputs
            smooth = smooth if trace.outputs != smooth else ()
            self.complete = self.complete and trace.complete
            if kinked or smoothed or any(step.kind != "exact" for step in trace):
                better, kinks, steps = True, tuple(smoothed), (*smoothed, *trace)
            outputs = trace.outputs
        functions = outputs if made.differentiates and not ahead else ()
        back = {put: self.best[node] for node, put in ahead.items()}
        outputs, parts = self._contracted(made, outputs, targets)
        if not better and not parts and others == made.others:
            return {}
        results = self._write(made, outputs, parts, targets, others, back)
        if results is None:
            return {}  # what the rules wrote has no derivative: that of the formula as it was written stays
        written = [self._written[made, number] for number in numbers]
        # what is without kinks is held against what is without them too: a derivative at one is a convention
        smooth, own_parts = self._contracted(made, smooth, targets) if kinked and smooth else ((), {})
        plain = self._write(made, smooth, own_parts, targets, others, back) if smooth else None
        base = written if plain is None else plain
        own = self._normal_form(base).outputs
        if _on_arrays(results) and not _on_arrays(written):
            return {}  # a function of elements stays one
        final = self._normal_form(results).outputs
        self._trials.close = self._trials.close or any(step.rule in DIVIDED for step in steps)
        compared = not kinked or plain is not None
        if compared and not _is_better(final, own, base, functions, self._trials, bool(parts)):
            if plain is not None:
                self.steps += kinks
                self._smoothed.update(_of_same_kind(written, base))
                return dict(zip(numbers, base, strict=True))
            near = near_condition(outputs)
            if near is None or any(form.shape != near.shape for form in (*written, *results)):
                return {}
            # the series near 0, and further out what was written
            results = [where(near, result, node) for result, node in zip(results, written, strict=True)]
            final = self._normal_form(results).outputs
            if not _is_better(final, own, written, functions, self._trials, bool(parts)):
                return {}
        # where what was written instead overflows it is asked as well
        unchanged = () if not functions else made.outputs if plain is None else smooth
        self._doubtful = self._doubtful or any(step.rule in GUARDED for step in steps)
        if self._doubtful and not guarded and _spoils(final, own, unchanged):
            anew = self._again(made, guarded=True)
            if anew:
                return anew
        self.steps += steps
        if kinked:
            self._smoothed.update(_of_same_kind(written, results if plain is None else plain))
        if self._doubtful and compared:
            forms = zip(numbers, results, final, own, base, strict=True)
            chosen = dict(_each_as_good(forms, unchanged, functions, self._trials, bool(parts)))
            return chosen if plain is None else dict(zip(numbers, base, strict=True)) | chosen
        return dict(zip(numbers, results, strict=True))

    def _without_kinks(self, written: tuple[Expr, ...], smoothed: tuple[Expr, ...]) -> tuple[Expr, ...]:
        """Outputs as they were written but for their kinks."""
        if self._smoothed.keys().isdisjoint(written):
            return smoothed
        plain = [self._smoothed.get(node, one) for node, one in zip(written, smoothed, strict=True)]
        return tuple(self._smooth(plain).outputs)

    def _contracted(
        self, made: Derivation, outputs: tuple[Expr, ...], targets: tuple[Expr, ...]
    ) -> tuple[tuple[Expr, ...], dict[Op, tuple[Expr, tuple[Expr, ...]]]]:
        """Outputs with elementwise parts as operations of their own, and what these are."""
        if made.differentiates and (_on_arrays(outputs) or any(not _is_one(seed) for seed in made.others)):
            return contracted(outputs, targets, self._partials_of)
        return outputs, {}

    def _write(
        self,
        made: Derivation,
        outputs: tuple[Expr, ...],
        parts: dict[Op, tuple[Expr, tuple[Expr, ...]]],
        targets: tuple[Expr, ...],
        others: tuple[Expr, ...],
        back: dict[Expr, Expr],
    ) -> list[Expr] | None:
        """The results of a derivation from other outputs; None where these have no derivative.

        parts, back : what stands for operations and for symbols in the outputs
        """
        sided, sizes = one_sided(outputs, set(walk(made.outputs))) if made.differentiates else (outputs, {})
        try:
            results = made.write(sided, others, targets, sorted(set(self._numbers[made])))
        except GraphcError:
            return None
        if sizes:
            results = [substitute(result, dict(sizes)) for result in results]
        if parts:
            results = expanded(results, parts)
        if back:
            results = [substitute(result, dict(back)) for result in results]
        return list(results)

    def _partials_of(self, formula: Expr, symbols: tuple[Expr, ...]) -> StablePartials | None:
        key = formula, symbols
        if key not in self._of_parts:
            self._of_parts[key] = self._partials(formula, symbols)
        return self._of_parts[key]

    def _partials(self, formula: Expr, symbols: tuple[Expr, ...]) -> StablePartials | None:
        """The stable derivatives of a formula over numbers, where the chain rule with an adjoint in it gives worse ones."""
        record = gradient([formula], None, symbols)
        written = [record.adjoint(s) for s in symbols]
        anew = written_anew(written, self._normal_form, self._smooth, self._sources, self._final)
        values = self._final(anew.outputs).outputs
        adjoint = symbol("\0adjoint", dtype=formula.dtype, range=(0.5, 2.0))
        chained = reverse([formula], [adjoint], symbols)
        theirs = [chained.adjoint(s) for s in symbols]
        ours = [adjoint * value for value in values]
        others = self._normal_form(theirs).outputs
        if tuple(ours) == others or not _is_better(ours, others, theirs, [formula], self._trials):
            return None
        conditions = [record.paths.get(s) for s in symbols]
        return StablePartials(
            tuple(
                [value if s in record.adjoints else None for s, value in zip(symbols, values, strict=True)]
            ),
            tuple([None if path is None else path.expr for path in conditions]),
        )


def _of_same_kind(written: Sequence[Expr], results: Sequence[Expr]) -> Iterable[tuple[Expr, Expr]]:
    """What was written with what stands for it, itself where that is of another type or shape."""
    for node, result in zip(written, results, strict=True):
        yield node, result if (result.dtype, result.shape) == (node.dtype, node.shape) else node


def _lost_kinks(outputs: Sequence[Expr], smoothed: Sequence[Expr]) -> bool:
    """Whether any output is without one of its kinks: where |x| is left elsewhere in it, x² instead of |x|² gains nothing by
    itself, and is tried like any other form."""
    return any(
        {node for node in walk((before,)) if node.op.name in KINKED} - set(walk((after,)))
        for before, after in zip(outputs, smoothed, strict=True)
    )


def _is_one(seed: Expr) -> bool:
    return seed.is_constant and not seed.shape and seed.value == 1


def _on_arrays(outputs: Sequence[Expr]) -> bool:
    return any(node.op.on_arrays for node in walk(outputs))


def _spoils(one: Sequence[Expr], other: Sequence[Expr], functions: Sequence[Expr]) -> bool:
    """Whether the first of two forms is no number at a point where the second is one."""
    failed = failures([one, other], functions, pairs=True)
    return failed is not None and failed[0].alone > 0


def _each_as_good(
    forms: Iterable[tuple[int, Expr, Expr, Expr, Expr]],
    unchanged: Sequence[Expr],
    functions: Sequence[Expr],
    trials: Trials,
    as_good: bool,
) -> Iterable[tuple[int, Expr]]:
    """Those of some results that are better than what was written, so that what one gains is not paid for by another: ∂/∂b of
    √(a² + b) − a is ½/√(a² + b), and of b/(√(a² + b) + a) a difference. With a branch for what was written where their steps
    over- or underflow.

    forms : (number, result, its final form, that of what was written, what was written)
    """
    for number, result, final, own, written in forms:
        if not _is_better([final], [own], [written], functions, trials, as_good):
            continue
        if nearer([final], [own], [written], functions, trials) < 0:
            continue
        spoils = _spoils([final], [own], unchanged)
        yield number, where(is_safe(final, walk([own])), final, own) if spoils else result


def _is_better(
    one: Sequence[Expr],
    other: Sequence[Expr],
    written: Sequence[Expr],
    functions: Sequence[Expr],
    trials: Trials,
    as_good: bool = False,
) -> bool:
    """Whether the first of two forms of derivatives gives numbers at more points or has more digits there, and keeps limits.

    functions : what they are the derivatives of; where these are NaN nothing is asked
    as_good : whether it is enough that it is no worse
    """
    if one == other and not as_good:
        return False
    failed = failures([one, other], functions, close=trials.close)
    if failed is None:
        return hazards(one) < hazards(other)
    ours, theirs = failed
    if ours.infinite > theirs.infinite:
        return False  # limits are kept
    if ours.finite != theirs.finite:
        return ours.finite < theirs.finite
    closer = nearer(one, other, written, functions, trials)
    return closer > 0 or (closer == 0 and (as_good or ours.infinite < theirs.infinite))


__all__ = ["RULE", "RULES", "stand_in", "written_anew"]

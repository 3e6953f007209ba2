"""Rewriting in its phases: by the rules that graphc has and those of the user's own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from graphc.autodiff.reverse import reverse
from graphc.errors import DefinitionError, brief
from graphc.ir.expr import Expr, current_site, walk
from graphc.ir.graph import Dag
from graphc.rewrite import derivatives
from graphc.rewrite.arrays import matmul_chain
from graphc.rewrite.built_in import BUILT_IN as BUILT_IN
from graphc.rewrite.built_in import DIFFERENCES, IN_SOURCES, OF_DIFFERENCE, OF_OVERFLOW, OF_SUMS
from graphc.rewrite.built_in import NORMAL as NORMAL
from graphc.rewrite.built_in import ON_ARRAYS as ON_ARRAYS
from graphc.rewrite.built_in import ON_GRAPHS as ON_GRAPHS
from graphc.rewrite.engine.bodies import rewritten_bodies
from graphc.rewrite.engine.levels import LEVELS, named, written_once
from graphc.rewrite.engine.normal_form import AnyRule, Engine, RuleFiring, RuleMemory, Trace
from graphc.rewrite.expansions import common_variable, grouped_terms
from graphc.rewrite.expansions import near_zero as expansions
from graphc.rewrite.forms.series_node import written_out
from graphc.rewrite.rational import rational_functions, several_variables
from graphc.rewrite.rules import cheaper, compensated, smoothing, sums, vanishing
from graphc.util import fork_safety
from graphc.util.gc_pause import paused

_own: list[AnyRule] = []
_lock = fork_safety.lock()
_expanders: dict[tuple[str, tuple[str, ...], int], expansions.Expander] = {}
_engines: dict[tuple[str, tuple[str, ...], int], Engine] = {}


def rules() -> tuple[AnyRule, ...]:
    """Every rule: those registered by the user first, in the order of registration."""
    return (*_own, *BUILT_IN)


def has_own() -> bool:
    """Whether there are rules of the user's own."""
    return bool(_own)


def add(rule: AnyRule) -> None:
    """Register a rule; its name must be new. Whether its two sides agree has been checked by then."""
    with _lock:
        if any(rule.name == other.name for other in rules()):
            raise DefinitionError(
                f"there is a rule {rule.name!r} already", site=current_site(), hint="choose another name"
            )
        _own.append(rule)
        _engines.clear()
        _expanders.clear()


def remove(name: str) -> bool:
    """Take back a rule of the user's own; whether there was one."""
    with _lock:
        before = len(_own)
        _own[:] = [rule for rule in _own if rule.name != name]
        _engines.clear()
        _expanders.clear()
        return len(_own) < before


def engine(level: str, without: Iterable[str] = ()) -> Engine:
    """The engine of a level, kept for the next call."""
    if not isinstance(level, str) or level not in LEVELS:
        raise DefinitionError(
            f"rewrite={brief(level)} is not a level of rewriting",
            site=current_site(),
            hint='write "stable", "exact" or None',
        )
    key = (level, tuple(sorted(named(without))), len(_own))
    found = _engines.get(key)
    if found is None:
        allowed = LEVELS[level]
        if key[1]:
            Engine(rules(), key[1])  # names that no rule has are refused whatever the level
        chosen = [rule for rule in (*_own, *NORMAL) if rule.kind in allowed]
        found = Engine(chosen, set(key[1]) & {rule.name for rule in chosen})
        with _lock:
            _engines[key] = found
    return found


def derivatives_of_normal_forms(
    outputs: Sequence[Expr],
    level: str,
    without: Iterable[str] = (),
    earlier: Sequence[RuleFiring] = (),
    memory: RuleMemory | None = None,
) -> Trace:
    """The outputs with the derivatives in them written from the normal forms of what they are the derivatives of.

    earlier, memory : the steps of the phases before, and what they have found of nodes; so for each of the phases
    """
    chosen, off = engine(level, without), named(without)
    if derivatives.RULE.kind not in LEVELS[level] or derivatives.RULE.name in off:
        return Trace([], tuple(outputs), True)
    memory = RuleMemory() if memory is None else memory
    if not derivatives.stand_in(memory.nodes(outputs)):
        return Trace([], tuple(outputs), True)
    memory.remembers = True
    form, smooth = (partial(each.run, memory=memory) for each in (chosen, _smoothing(off)))
    final = partial(_whole, level=level, without=without, memory=memory)
    sources = partial(final, source=True), partial(final, source=True, guarded=True)
    trace = derivatives.written_anew(outputs, form, smooth, sources, final)
    return Trace(list(trace), written_out(trace.outputs), trace.complete)


def _source_engine(level: str, off: frozenset[str]) -> Engine:
    """The engine of what derivatives are written from, kept for the next call."""
    key = (f"source {level}", tuple(sorted(off)), len(_own))
    found = _engines.get(key)
    if found is None:
        allowed = [rule for rule in (*_own, *NORMAL) if rule.kind in LEVELS[level]]
        chosen = [IN_SOURCES.get(rule.name, rule) for rule in allowed]
        found = Engine([rule for rule in chosen if rule.name not in off | DIFFERENCES])
        with _lock:
            _engines[key] = found
    return found


def _smoothing(off: frozenset[str]) -> Engine:
    """The engine of what derivatives are written from, kept for the next call."""
    names = frozenset(rule.name for rule in smoothing.RULES)
    key = ("smooth", tuple(sorted(off & names)), 0)
    found = _engines.get(key)
    if found is None:
        found = Engine(rule for rule in smoothing.RULES if rule.name not in off)
        with _lock:
            _engines[key] = found
    return found


def normal_form(
    outputs: Sequence[Expr],
    level: str,
    without: Iterable[str] = (),
    earlier: Sequence[RuleFiring] = (),
    memory: RuleMemory | None = None,
    last: bool = True,
) -> Trace:
    """The outputs in their normal form, rewritten together, so that what they share stays shared.

    last : whether nothing is differentiated after this
    """
    if memory is not None and memory.remembers:  # there are derivatives
        return _whole(outputs, level, without, memory, last=last)
    sums = _before_others(outputs, level, without, memory, source=False, guarded=True)
    trace = engine(level, without).run(sums.outputs, memory=memory)
    trace = Trace([*sums, *trace], trace.outputs, trace.complete) if sums else trace
    nodes = walk(trace.outputs) if trace or memory is None else memory.nodes(trace.outputs)
    if not rational_functions.may_overflow(nodes):
        return trace
    return _rational(trace, level, without, memory, last=last)


def _before_others(
    outputs: Sequence[Expr],
    level: str,
    without: Iterable[str],
    memory: RuleMemory | None,
    source: bool,
    guarded: bool,
) -> Trace:
    """The outputs with what is seen whole or not at all written anew: formulas that cancel at 0, sums of several parts."""
    grouped = _seen_whole(grouped_terms, outputs, level, without, memory)
    common = _seen_whole(common_variable, grouped.outputs, level, without, memory, source=source)
    near = _expanded(common.outputs, level, without, memory, source)
    sums = _seen_whole(
        several_variables, near.outputs, level, without, memory, source=source, guarded=guarded
    )
    return Trace([*grouped, *common, *near, *sums], sums.outputs, True)


def _seen_whole(
    rules: Any,
    outputs: Sequence[Expr],
    level: str,
    without: Iterable[str],
    memory: RuleMemory | None,
    **options: Any,
) -> Trace:
    """The outputs as the rules of a module write them that see a graph whole."""
    if not rules.worth(walk(outputs) if memory is None else memory.nodes(outputs)):
        return Trace([], tuple(outputs), True)
    change = partial(rules.written_whole, memory=memory, **options)
    return written_once(rules.RULES, change, outputs, level, without, memory)


def _expanded(
    outputs: Sequence[Expr],
    level: str,
    without: Iterable[str],
    memory: RuleMemory | None,
    source: bool,
) -> Trace:
    """The outputs with formulas of one variable that cancel at 0 written as series there."""
    off = named(without)
    nodes = walk(outputs) if memory is None else memory.nodes(outputs)
    if expansions.RULE.name in off or not expansions.worth(nodes, source):
        return Trace([], tuple(outputs), True)
    key = (f"source {level}" if source else level, tuple(sorted(off)), len(_own))
    expander = _expanders.get(key)
    if expander is None:
        tries = partial(_tried, level=level, without=off | {expansions.RULE.name})
        expander = expansions.Expander(tries, source)
        with _lock:
            _expanders[key] = expander
    change = partial(expansions.written_whole, expander=expander, memory=memory)
    return written_once(expansions.RULES, change, outputs, level, without, memory)


def _tried(
    formula: Expr, derivatives: int, memory: RuleMemory, level: str, without: Iterable[str]
) -> tuple[Expr, ...]:
    """A formula of a number and so many of its derivatives as the other rules write them."""
    found, sources = [formula], formula
    for _ in range(derivatives):
        (sources,) = _whole([sources], level, without, memory, source=True).outputs
        (x,) = Dag([sources]).symbols or (None,)
        if x is None:
            break
        sources = reverse([sources], None, [x]).adjoint(x)
        found.append(sources)
    return _whole(written_out(found), level, without, memory).outputs


def _whole(
    outputs: Sequence[Expr],
    level: str,
    without: Iterable[str],
    memory: RuleMemory | None = None,
    source: bool = False,
    guarded: bool = False,
    last: bool = False,
) -> Trace:
    """The outputs in the normal form of the engine, then with what is a rational function in them written whole.

    source : for what derivatives are written from; guarded : with branches against over- and underflow in it
    last : in forms that have the function's digits and not those of its derivatives too
    """
    chosen = _source_engine(level, named(without)) if source else engine(level, without)
    sums = _before_others(outputs, level, without, memory, source, guarded or not source)
    trace = chosen.run(sums.outputs, memory=memory)
    trace = Trace([*sums, *trace], trace.outputs, trace.complete) if sums else trace
    if not rational_functions.worth(trace.outputs):
        return trace
    return _rational(trace, level, without, memory, source, last)


def _rational(
    trace: Trace,
    level: str,
    without: Iterable[str],
    memory: RuleMemory | None,
    source: bool = False,
    last: bool = False,
) -> Trace:
    """Outputs in their normal form with what is a rational function in them written whole."""
    change = partial(rational_functions.written_whole, source=source, last=last)
    whole = written_once(rational_functions.RULES, change, trace.outputs, level, without, memory)
    if not whole or source:
        return Trace([*trace, *whole], whole.outputs, trace.complete)
    # what was written has a normal form in its turn; its branches are where nothing overflows
    again = engine(level, named(without) | OF_OVERFLOW).run(whole.outputs, memory=memory)
    return Trace([*trace, *whole, *again], again.outputs, trace.complete)


def matmul_order(
    outputs: Sequence[Expr],
    level: str,
    without: Iterable[str] = (),
    earlier: Sequence[RuleFiring] = (),
    memory: RuleMemory | None = None,
) -> Trace:
    """The outputs with products of many arrays in the order of fewest multiplications."""
    return written_once(matmul_chain.RULES, matmul_chain.reorder, outputs, level, without, memory)


def compensate(
    outputs: Sequence[Expr],
    level: str,
    without: Iterable[str] = (),
    earlier: Sequence[RuleFiring] = (),
    memory: RuleMemory | None = None,
) -> Trace:
    """The outputs with functions of sums that round computed with what the rounding lost, then what was written twice once, and
    products that vanish before a factor overflows.

    earlier : the steps before, some of which wrote differences that are to be compensated
    """
    written = {e for step in earlier if step.rule in OF_SUMS for e in sums.exponents_near(step.before)}
    logarithms = [step.before.operands[0] for step in earlier if step.rule == OF_DIFFERENCE]
    apart = {e for x in logarithms for e in sums.exponents_near(x.operands[2] if x.op.name == "where" else x)}
    polish = partial(compensated.polish, known=written, apart=apart)
    trace = written_once(compensated.RULES, polish, outputs, level, without, memory)
    unchanged = None if trace else memory
    spare = partial(cheaper.spared, memory=unchanged)
    spared = written_once(cheaper.RULES, spare, trace.outputs, level, without, unchanged)
    trace = Trace([*trace, *spared], spared.outputs, True) if spared else trace
    guard = partial(vanishing.guarded, memory=None if trace else memory)
    guarded = written_once(vanishing.RULES, guard, trace.outputs, level, without, None if trace else memory)
    return Trace([*trace, *guarded], guarded.outputs, True) if guarded else trace


PHASES = (derivatives_of_normal_forms, normal_form, matmul_order, compensate)
"""Rewriting in its order: each is a pass of the compiler's pipeline."""


@paused()
def run(outputs: Sequence[Expr], level: str, without: Iterable[str] = (), last: bool = False) -> Trace:
    """The outputs rewritten, phase after phase; first what is inside of loops and branches.

    last : whether they are computed, and never differentiated
    """
    memory = RuleMemory()
    inside = rewritten_bodies(outputs, memory.nodes(outputs), lambda inner: run(inner, level, without))
    steps, outputs, complete = list(inside), inside.outputs, inside.complete
    for phase in (derivatives_of_normal_forms, partial(normal_form, last=last), matmul_order, compensate):
        trace = phase(outputs, level, without, steps, memory)
        steps += trace
        outputs, complete = trace.outputs, complete and trace.complete
    return Trace(steps, tuple(outputs), complete)

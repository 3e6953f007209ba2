"""All rules, in the order in which they are tried, and the rules of the user's own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from graphc.errors import DefinitionError
from graphc.ir.expr import Expr, current_site
from graphc.rewrite import algebra, axes, cancellation, compensated, matmul_chain, products, stability, sums
from graphc.rewrite.engine import AnyRule, Engine, Step, Trace
from graphc.util import fork_safety

LEVELS: dict[str, tuple[str, ...]] = {"exact": ("exact",), "stable": ("exact", "stable", "assume")}
"""What may fire at each level of `rewrite=`; a rule that assumes a fact fires where the fact is declared."""

NORMAL: tuple[AnyRule, ...] = (
    *algebra.RULES,
    *axes.RULES,
    *sums.RULES,
    *cancellation.RULES,
    *stability.RULES,
    *products.RULES,
)
"""What brings a graph to its normal form."""

BUILT_IN: tuple[AnyRule, ...] = (*NORMAL, *matmul_chain.RULES, *compensated.RULES)

ON_ARRAYS: tuple[AnyRule, ...] = (*axes.RULES, *matmul_chain.RULES)
"""Those that speak of operations on whole arrays."""

OF_SUMS = frozenset(rule.name for rule in (*sums.RULES, *products.RULES))
"""Those that write differences of exponents where none were."""

_own: list[AnyRule] = []
_lock = fork_safety.lock()
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


def remove(name: str) -> None:
    """Take back a rule of the user's own."""
    with _lock:
        _own[:] = [rule for rule in _own if rule.name != name]
        _engines.clear()


def named(without: Any) -> frozenset[str]:
    """The rules that `without=` switches off: a text is the name of one. Raises `DefinitionError` for what names none."""
    listed = [without] if isinstance(without, str) else without
    found: list[Any] = list(listed) if isinstance(listed, Iterable) else [listed]
    if not all(isinstance(name, str) for name in found):
        raise DefinitionError(
            f"without={without!r:.60} does not name rules",
            site=current_site(),
            hint='write without="log1p" or without=["log1p", "softplus"]; g.rules() lists them',
        )
    return frozenset(found)


def engine(level: str, without: Iterable[str] = ()) -> Engine:
    """The engine of a level, kept for the next call."""
    if level not in LEVELS:
        raise DefinitionError(
            f"rewrite={level!r} is not a level of rewriting",
            site=current_site(),
            hint='write "stable", "exact" or None',
        )
    key = (level, tuple(sorted(named(without))), len(_own))
    found = _engines.get(key)
    if found is None:
        allowed = LEVELS[level]
        Engine(rules(), key[1])  # names that no rule has are refused whatever the level
        chosen = [rule for rule in (*_own, *NORMAL) if rule.kind in allowed]
        found = Engine(chosen, set(key[1]) & {rule.name for rule in chosen})
        with _lock:
            _engines[key] = found
    return found


def run(outputs: Sequence[Expr], level: str, without: Iterable[str] = ()) -> Trace:
    """The outputs rewritten together, so that what they share stays shared: to their normal form, then products put in order,
    then the last touch."""
    off = named(without)
    trace = engine(level, off).run(outputs)
    steps, results = list(trace), trace.outputs
    written = {e for step in trace if step.rule in OF_SUMS for e in sums.exponents_near(step.before)}
    polish = partial(compensated.polish, known=written)
    for rules, change in ((matmul_chain.RULES, matmul_chain.reorder), (compensated.RULES, polish)):
        last = [rule for rule in rules if rule.kind in LEVELS[level] and rule.name not in off]
        if any(rule.function in trace.operations for rule in last):
            changed, results = change(results, last)  # type: ignore[arg-type]  # each takes its own rules
            steps += [Step(rule.name, rule.kind, before, after) for rule, before, after in changed]
    return trace if len(steps) == len(trace) else Trace(steps, results, trace.complete)

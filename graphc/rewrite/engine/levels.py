"""The levels of rewriting, rules that are switched off, and rules that see a graph whole, each of its nodes once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from graphc.errors import DefinitionError, brief
from graphc.ir.expr import Expr, current_site, walk
from graphc.rewrite.engine.normal_form import RuleFiring, RuleMemory, Trace
from graphc.rewrite.engine.promotion import Promotions

LEVELS: dict[str, tuple[str, ...]] = {"exact": ("exact",), "stable": ("exact", "stable", "assume")}
"""What may fire at each level of `rewrite=`; a rule that assumes a fact fires where the fact is declared."""


def named(without: Any) -> frozenset[str]:
    """The rules that `without=` switches off: a text is the name of one. Raises `DefinitionError` for what names none."""
    listed = [without] if isinstance(without, str) else without
    found: list[Any] = list(listed) if isinstance(listed, Iterable) else [listed]
    if not all(isinstance(name, str) for name in found):
        raise DefinitionError(
            f"without={brief(without)} does not name rules",
            site=current_site(),
            hint='write without="log1p" or without=["log1p", "softplus"]; g.rules() lists them',
        )
    return frozenset(found)


def written_once(
    rules: Any,
    change: Any,
    outputs: Sequence[Expr],
    level: str,
    without: Iterable[str],
    memory: RuleMemory | None = None,
) -> Trace:
    """What some rules make of outputs in normal form, each node once."""
    off = named(without)
    chosen = [rule for rule in rules if rule.kind in LEVELS[level] and rule.name not in off]
    roots = {name for rule in chosen for name in rule.roots()}

    def concern(nodes: Iterable[Expr]) -> bool:
        return any(_may_concern(rule, node) for node in nodes if node.op.name in roots for rule in chosen)

    settled = None if memory is None else memory.settled
    if settled is not None and settled[0] == tuple(outputs) and not concern(settled[1]):
        return Trace([], tuple(outputs), True)  # without another walk over the graph
    nodes = walk(outputs) if memory is None else memory.nodes(outputs)
    if not concern(nodes):
        return Trace([], tuple(outputs), True)
    promotions = Promotions(nodes)
    changed, results = change(promotions.applied(outputs), chosen)
    if not changed:
        return Trace([], tuple(outputs), True)
    steps = [RuleFiring(rule.name, rule.kind, before, after) for rule, before, after in changed]
    return Trace(steps, promotions.undone(results), True)


def _may_concern(rule: Any, node: Expr) -> bool:
    """Whether a rule may change a node; what a rule's own look says of nodes with its operation."""
    look = getattr(rule, "may_concern", None)
    return node.op.name in rule.roots() and (look is None or look(node))


__all__ = ["LEVELS", "named", "written_once"]

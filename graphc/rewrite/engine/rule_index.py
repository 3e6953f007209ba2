"""Which rules may fire at a node, by its operation, the kind of its type and the operations of its operands."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Protocol

from graphc.ir.expr import Expr
from graphc.rewrite.engine.pattern import Kind
from graphc.rewrite.engine.promotion import FLOATS
from graphc.rewrite.engine.ranges import Ranges


class AnyRule(Protocol):
    """What the engine needs of a rule: rows of `pattern.Rule`, and rules over sums and products of any length.

    A rule that holds for other kinds of types than floating point says so in an attribute `over`, as "fiu" (`promotion`). One
    that asks for certain operations directly below has a method `fits`: (their names, in order) → whether it may fire. What it
    says is kept for all nodes whose operands have these names, so it costs nothing at the others. One that needs operations
    anywhere below says so in an attribute `needs`: sets of names, of each of which one has to stand in the graph, or it is not
    asked at all.
    """

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> Kind: ...
    def roots(self) -> tuple[str, ...]: ...
    def apply(self, node: Expr, ranges: Ranges) -> Expr | None: ...


Candidate = tuple[int, str | None, AnyRule]
"""A rule by its place among those for its root, with the kinds of types that it is proved over."""

Needs = tuple[frozenset[str], ...]
"""Sets of operations, of each of which one has to stand in the graph, beside those that stand at the node"""

Index = dict[str, list[Candidate]]  # root operation → its rules
Chosen = dict[tuple[str, ...], list[Candidate]]
"""An operation, the kind of its type and the operations of its operands → what of the index may fire, kept for the next such
node; with the kinds of types where the node itself has to be asked (`computes_over`)."""

MOST_VOCABULARIES = 200
"""Sets of operations for which the rules that find what they need among them are kept."""

MOST_NAMES = 20_000
"""Operations above others for which the rules that fit are kept."""


class RuleIndex:
    """The rules of an engine.

    by_root : those for each operation, in the order in which they are tried
    """

    def __init__(self, rules: Iterable[AnyRule]) -> None:
        self.by_root: Index = {}
        self._chosen: dict[frozenset[str], Chosen] = {}
        self._fitting: dict[tuple[str, ...], list[tuple[Candidate, Needs]]] = {}  # in any graph
        for rule in rules:
            over = getattr(rule, "over", FLOATS)
            for root in rule.roots():
                known = self.by_root.setdefault(root, [])
                known.append((len(known), over, rule))

    def chosen(self, operations: frozenset[str]) -> Chosen:
        """What was chosen so far of the rules that find the operations that they need among those of a graph."""
        found = self._chosen.get(operations)
        if found is None:
            if len(self._chosen) >= MOST_VOCABULARIES:
                self._chosen.clear()
            found = self._chosen[operations] = {}
        return found

    def that_fit(self, names: tuple[str, ...], operations: Collection[str]) -> list[Candidate]:
        """The rules that may fire at an operation of a kind of type above others, in a graph of such operations."""
        fitting = self._fitting.get(names)
        if fitting is None:
            if len(self._fitting) >= MOST_NAMES:
                self._fitting.clear()
            chosen = _that_fit(self.by_root[names[0]], names[1], names[2:])
            standing = {names[0], *names[2:]}
            fitting = self._fitting[names] = [(each, _beside(standing, each[2])) for each in chosen]
        return [each for each, needs in fitting if not any(needed.isdisjoint(operations) for needed in needs)]


def _beside(standing: set[str], rule: AnyRule) -> Needs:
    """What a rule needs where some operations stand already."""
    needs: Needs = getattr(rule, "needs", ())
    return tuple([needed for needed in needs if needed.isdisjoint(standing)])


def _that_fit(rules: Iterable[Candidate], kind: str, operands: tuple[str, ...]) -> list[Candidate]:
    """The rules that may fire at a node of a kind of type, above operands of these names."""
    chosen: list[Candidate] = []
    for place, over, rule in rules:
        fits = getattr(rule, "fits", None)
        if fits is not None and not fits(operands):
            continue
        if kind == "b":  # a comparison is computed in the types of its operands
            chosen.append((place, over, rule))
        elif over is None or kind in over:
            chosen.append((place, None, rule))
    return chosen


__all__ = ["AnyRule", "Candidate", "Chosen", "RuleIndex"]

"""What an expression is the derivative of.

A derivative is written for the formula as it stands. The compiler rewrites formulas so that they keep their digits, and then it
is the rewritten one whose derivative keeps them too: so the nodes that differentiation returns remember what they were made
from, and can be written again from another form of the same function. Like a line or a block this is provenance, not identity:
equal expressions are one node, wherever they come from, and both forms are the same function.

Nodes that stood below what was differentiated remember nothing: they were there before, and would refer to themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from graphc.ir.expr.expression import Expr
from graphc.ir.expr.node import Node
from graphc.ir.expr.traversal import walk
from graphc.util.records import dataclass

Write = Callable[[Sequence[Expr], Sequence[Expr], Sequence[Expr], Sequence[int]], Sequence[Expr]]
"""(outputs, others, targets, numbers) → the results of these numbers"""


@dataclass(frozen=True, eq=False)
class Derivation:
    """How some expressions were made from others.

    outputs : what was differentiated; others : seeds, tangents
    targets : what it was differentiated by
    write : makes the results anew, from other forms of the same functions
    differentiates : whether the results are derivatives; else the outputs with nodes replaced
    """

    outputs: tuple[Expr, ...]
    others: tuple[Expr, ...]
    targets: tuple[Expr, ...]
    write: Write
    differentiates: bool = True

    @property
    def sources(self) -> tuple[Expr, ...]:
        """All that it starts from."""
        return (*self.outputs, *self.others, *self.targets)

    def mapped(self, changed: Callable[[Expr], Expr]) -> Derivation:
        """The same with every source replaced; symbols must stay symbols."""
        outputs, others, targets = (
            tuple([changed(e) for e in part]) for part in (self.outputs, self.others, self.targets)
        )
        return Derivation(outputs, others, targets, self.write, self.differentiates)


_set = Node._derivation.__set__  # type: ignore[attr-defined]


def derivation(node: Node) -> tuple[Derivation, int] | None:
    """What a node was derived from, and which of the results it is; None where that is not known."""
    return node._derivation


def derived(results: Mapping[int, Expr], made: Derivation) -> None:
    """Let the results, by their numbers, remember what they are; the first that made a node is what it remembers."""
    fresh = [(number, node) for number, node in results.items() if node.operands and derivation(node) is None]
    if not fresh:
        return
    newest = max([source._number for source in made.sources])
    if all(node._number > newest for _, node in fresh):  # operands are made before what uses them
        below: set[Expr] = set()
    else:
        below = set(walk(made.sources))
    for number, node in fresh:
        if node not in below and derivation(node) is None:
            _set(node, (made, number))


def walk_sources(outputs: Sequence[Expr]) -> tuple[list[Expr], set[Expr]]:
    """Every node below `outputs` and below what the derivatives among them were made from, sources before results.

    Returns them, and those whose derivation leads back to themselves.
    """
    order: list[Expr] = []
    done: set[Expr] = set()
    open_: set[Expr] = set()
    circular: set[Expr] = set()
    for output in outputs:
        stack = [output]
        while stack:
            node = stack[-1]
            if node in done:
                stack.pop()
                continue
            known = derivation(node)
            waiting: list[Expr] = []
            if known is not None and node not in circular:
                waiting = [source for source in known[0].sources if source not in done]
                if any(source in open_ for source in waiting):
                    circular.add(node)
                    waiting = []
            waiting += [operand for operand in node.operands if operand not in done]
            if waiting:
                open_.add(node)
                waiting.reverse()
                stack += waiting
            else:
                stack.pop()
                open_.discard(node)
                done.add(node)
                order.append(node)
    return order, circular


__all__ = ["Derivation", "derivation", "derived", "walk_sources"]

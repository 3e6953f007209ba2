"""The engine: every node is brought to a normal form, operands first, and what fired is recorded.

A node whose operands are in normal form is tried against the rules of its operation, in the order of the tables.
When one fires, the replacement is brought to normal form in turn. Each node is settled once, so the work is linear
in the nodes that ever exist; a budget bounds how many that can be, and a rule that would lead back to a node that
is being settled does not fire.

A replacement may keep the node it replaces, as one branch of a `where`: inside it the node stands as it is. When such a
replacement is rewritten again, the rule meets the kept node once more and would write what is there already: it does not fire.

Types are decided here, once for all rules: operands are seen as the floats that their operation computes in (`promotion`), a
rule is asked only about nodes that are computed in the kinds of types it is proved over, and what it writes has the type of what
it replaces.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphc.errors import CompileError, UnknownNameError
from graphc.ir.expr import Expr, current_site, on_others, on_this_line, walk
from graphc.ir.scopes import Block, deriving, stay
from graphc.ir.types import format_shape
from graphc.rewrite.engine.firings import RuleFiring, Trace
from graphc.rewrite.engine.promotion import Promotions, computes_over, of_type
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.engine.rule_index import AnyRule as AnyRule
from graphc.rewrite.engine.rule_index import RuleIndex
from graphc.util.gc_pause import paused

_PENDING = object()


@dataclass
class Known:
    """What an engine has found of nodes that is so wherever they stand.

    irreducible : no rule speaks of the node, nor of any below it
    proposals : node → the first rule that does, by its place among those that fit, and what it writes
    """

    irreducible: set[Expr] = field(default_factory=set)
    proposals: dict[Expr, tuple[int, Expr]] = field(default_factory=dict)


class RuleMemory:
    """What runs over the same nodes share. A node never changes, so what a rule says of it is asked once: the source of a
    gradient is brought to its normal form for every component, and what came of them stands in the graph that is rewritten last.

    It holds the nodes, and is to be dropped with what it was made for.

    remembers : whether more than one run is expected
    settled : the results of the last run that entered every node, and all nodes that it met: those below the results and others
    """

    def __init__(self) -> None:
        self.remembers = False
        self.ranges: Ranges = Ranges()
        self.settled: tuple[tuple[Expr, ...], Collection[Expr]] | None = None
        self._known: dict[Engine, Known] = {}
        self._walked: tuple[tuple[Expr, ...], list[Expr]] = ((), [])

    def known(self, engine: Engine) -> Known:
        return self._known.setdefault(engine, Known())

    def nodes(self, outputs: Sequence[Expr]) -> list[Expr]:
        """The nodes below some outputs, as `walk` gives them; those of the outputs that were asked for last are kept."""
        outputs = tuple(outputs)
        if self._walked[0] != outputs:
            self._walked = outputs, walk(outputs)
        return self._walked[1]


class Engine:
    """Rules ready to be applied.

    rules : tried in this order
    without : names of rules that are switched off; a name that no rule has is an `UnknownNameError`
    """

    def __init__(self, rules: Iterable[AnyRule], without: Iterable[str] = ()) -> None:
        rules = list(rules)
        off = set(without)
        unknown = off - {rule.name for rule in rules}
        if unknown:
            raise UnknownNameError(
                f"there is no rule {min(unknown)!r}", site=current_site(), hint="g.rules() lists them"
            )
        self.index = RuleIndex([rule for rule in rules if rule.name not in off])

    @paused()
    def run(
        self, outputs: Iterable[Expr], promotions: Promotions | None = None, memory: RuleMemory | None = None
    ) -> Trace:
        """The normal forms of some expressions.

        promotions : enters the casts that the results were written with; without it they are taken back
        memory : of other runs, whose nodes stand in these expressions as well
        """
        outputs = tuple(outputs)
        casts = (
            Promotions(walk(outputs) if memory is None else memory.nodes(outputs))
            if promotions is None
            else promotions
        )
        session = _Session(self, casts, Ranges() if memory is None else memory.ranges)
        if memory is not None and memory.remembers:
            session.remember(memory.known(self))
        with on_this_line(), deriving():
            results = tuple([session.settle(output) for output in outputs])
        if memory is not None and not memory.remembers and not casts.implied:
            memory.settled = results, session.met
        if promotions is None:
            results = casts.undone(results) if session.steps else outputs
        return Trace(session.steps, results, session.budget > 0)


class _Session:
    def __init__(self, engine: Engine, promotions: Promotions, ranges: Ranges) -> None:
        self._engine = engine
        self._promotions = promotions
        self._nodes = set(promotions.written)
        self._operations = {node.op.name for node in promotions.written} | {"astype"}  # that may stand there
        self._by_names = engine.index.chosen(frozenset(self._operations))
        self._ranges = ranges
        self._normal: dict[Expr, Expr | object] = {}
        self._waiting: set[Expr] = set()  # for their operands
        self._kept: set[Expr] = set()  # inside what replaces them
        self._irreducible: set[Expr] = set()
        self._proposals: dict[Expr, tuple[int, Expr]] | None = None  # None: nothing is remembered
        self._block: Block | None = None  # what `stay` was told last
        self._of_node: Block | None = ()  # as it stands on the node that it was read from
        self._undecided = False  # whether it was the node's surroundings that kept a rule from firing
        self.budget = 20 * len(promotions.written) + 1000
        self.steps: list[RuleFiring] = []

    @property
    def met(self) -> Collection[Expr]:
        """All nodes that were settled."""
        return self._normal.keys()

    def remember(self, known: Known) -> None:
        """Use what other runs have found, and add to it."""
        self._irreducible, self._proposals = known.irreducible, known.proposals

    def settle(self, expr: Expr) -> Expr:
        """The normal form of an expression, without recursion."""
        normal, by_root, irreducible = self._normal, self._engine.index.by_root, self._irreducible
        stack: list[tuple[Expr, Expr | None]] = [(expr, None)]  # (node, what stands for it now)
        while stack:
            node, successor = stack.pop()
            if successor is not None:  # the successor is settled by now
                result = normal[successor]
                if result in self._waiting and normal[node] is node:
                    self._take_back(node)
                else:
                    normal[node] = result
                continue
            if node in normal:
                continue
            if node in irreducible:
                normal[node] = node
                continue
            waiting = []
            for operand in node.operands:
                if operand not in normal:
                    if (operand.operands or operand.op.name in by_root) and operand not in irreducible:
                        waiting.append(operand)
                    else:
                        normal[operand] = operand
            if waiting:
                self._waiting.add(node)
                stack.append((node, None))
                stack += [(operand, None) for operand in reversed(waiting)]
                continue
            self._waiting.discard(node)
            again = self._above_normal(node) if node.operands else node
            if again is not node:
                if again in irreducible:
                    normal[again] = again
                if again in normal or not all(map(normal.__contains__, again.operands)):
                    self._wait_for(node, again, stack)
                    continue
                # its operands are settled: it is its turn at once, and the node waits for it
                normal[node] = node if node in self._kept else _PENDING
                self._waiting.discard(again)
                successor = self._fire(again)
                if successor is None:
                    normal[node] = normal[again] = again
                    self._note_irreducible(again)
                    continue
                stack.append((node, again))
                node = again
            else:
                successor = self._fire(node)
            if successor is None:
                normal[node] = node
                self._note_irreducible(node)
            else:
                self._wait_for(node, successor, stack)
        result = normal[expr]
        assert isinstance(result, Expr)
        return result

    def _above_normal(self, node: Expr) -> Expr:
        """A node on the normal forms of its operands, cast to what it computes in."""
        normal, dtype = self._normal, node.dtype
        changed, implied = False, dtype.kind != "f"
        for operand in node.operands:
            if normal[operand] is not operand:
                changed = True
            if operand.dtype is not dtype:
                implied = True
        if changed:  # a normal form has the type and the shape of what it replaces
            operands: Any = tuple([normal[operand] for operand in node.operands])  # none is pending
            node = on_others(node, operands)
        return self._promotions.of(node) if implied else node

    def _wait_for(self, node: Expr, successor: Expr, stack: list[tuple[Expr, Expr | None]]) -> None:
        """Let a node have the normal form of what stands for it now."""
        normal = self._normal
        known = normal.get(successor)
        if known is _PENDING:  # part of what replaces a node has become that node: there it stands as it is
            normal[node] = successor
        elif known is not None:
            normal[node] = known
        else:
            normal[node] = node if node in self._kept else _PENDING
            stack.append((node, successor))
            stack.append((successor, None))

    def _fire(self, node: Expr) -> Expr | None:
        root = node.op.name
        self._undecided = self.budget <= 0
        if root not in self._engine.index.by_root or self._undecided:
            return None
        kind = node.dtype.kind
        names = (root, kind, *[operand.op.name for operand in node.operands])
        rules = self._by_names.get(names)
        if rules is None:
            rules = self._by_names[names] = self._engine.index.that_fit(names, self._operations)
        if not rules:
            return None
        if self._block is None or node._block is not self._of_node:
            self._of_node, block = node._block, node.block
            if block != self._block:
                stay(block)
                self._block = block
        first = self._proposals.get(node) if self._proposals else None
        for place, over, rule in rules:
            if first is not None and place <= first[0]:
                if place < first[0]:
                    continue
                after = first[1]
            elif over is not None and not computes_over(node, over):
                continue
            else:
                after = rule.apply(node, self._ranges)
                if after is None:
                    continue
                if after.dtype is not node.dtype and after.dtype != node.dtype:
                    after = of_type(after, node.dtype)
                if after is None or after is node:
                    continue
                if first is None and self._proposals is not None:
                    self._proposals[node] = first = place, after
            if after in self._waiting or self._leads_back(node, after):
                self._undecided = True
                continue
            if after.dtype != node.dtype or after.shape != node.shape:
                raise CompileError(
                    f"the rule {rule.name} replaces {node.dtype}{format_shape(node.shape)} by "
                    f"{after.dtype}{format_shape(after.shape)}",
                    node=repr(node),
                    site=node.site,
                    hint=f"compile it without the rule: without={rule.name!r}",
                )
            self.budget -= 1
            self.steps.append(RuleFiring(rule.name, rule.kind, node, after))
            self._note_operations(after)
            return after
        return None

    def _note_operations(self, after: Expr) -> None:
        """Enter the operations of what a rule wrote."""
        nodes, before = self._nodes, len(self._operations)
        pending = [after]
        while pending:
            node = pending.pop()
            if node not in nodes:
                nodes.add(node)
                self._operations.add(node.op.name)
                pending += node.operands
        if len(self._operations) > before:
            self._by_names = self._engine.index.chosen(frozenset(self._operations))

    def _note_irreducible(self, node: Expr) -> None:
        """Remember a node at which no rule fires, where none may fire at any below it either."""
        if self._proposals is None or self._undecided:
            return
        for operand in node.operands:
            if operand.operands and operand not in self._irreducible:
                return
        self._irreducible.add(node)

    def _take_back(self, node: Expr) -> None:
        """Undo a step that wrote what stands above the node already."""
        self._kept.discard(node)
        for number in range(len(self.steps) - 1, -1, -1):
            if self.steps[number].before is node:
                del self.steps[number]
                return

    def _leads_back(self, before: Expr, after: Expr) -> bool:
        """Whether settling the replacement would wait for a node that waits for it; notes whether it keeps `before`."""
        pending = [after]
        seen: set[Expr] = set()
        while pending:
            node = pending.pop()
            state = self._normal.get(node)
            if state is _PENDING:
                return True
            if node is before:
                self._kept.add(before)
                continue
            if state is None and node not in seen and node not in self._irreducible:
                seen.add(node)
                pending += node.operands
        return False

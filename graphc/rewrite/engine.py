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

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from typing import Protocol

from graphc.errors import CompileError, Site, UnknownNameError
from graphc.ir.expr import Expr, current_site, on_this_line, rebuild, walk
from graphc.ir.scopes import deriving, stay
from graphc.ir.types import format_shape
from graphc.rewrite.pattern import Kind
from graphc.rewrite.promotion import FLOATS, Promotions, computes_over, of_type
from graphc.rewrite.ranges import Ranges
from graphc.util.gc_pause import paused


class AnyRule(Protocol):
    """What the engine needs of a rule: rows of `pattern.Rule`, and rules over sums and products of any length.

    A rule that holds for other kinds of types than floating point says so in an attribute `over`, as "fiu" (`promotion`).
    """

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> Kind: ...
    def roots(self) -> tuple[str, ...]: ...
    def apply(self, node: Expr, ranges: Ranges) -> Expr | None: ...


@dataclass(frozen=True)
class RuleFiring:
    """One rule that fired."""

    rule: str
    kind: Kind
    before: Expr
    after: Expr

    @property
    def site(self) -> Site | None:
        return self.before.site

    def __str__(self) -> str:
        return f"{self.rule} ({self.kind}): {self.before!r} → {self.after!r}"


class Trace(Sequence[RuleFiring]):
    """What fired, in order, and what came of it.

    outputs : the rewritten expressions
    complete : whether every rule that matched could fire within the budget
    operations : the names of all operations that were met
    """

    def __init__(
        self,
        steps: list[RuleFiring],
        outputs: tuple[Expr, ...],
        complete: bool,
        operations: Set[str] = frozenset(),
    ) -> None:
        self._steps = steps
        self.outputs = outputs
        self.complete = complete
        self.operations = operations

    def __len__(self) -> int:
        return len(self._steps)

    def __getitem__(self, index):  # type: ignore[override]
        return self._steps[index]

    def __iter__(self) -> Iterator[RuleFiring]:
        return iter(self._steps)

    def __str__(self) -> str:
        if not self._steps:
            return "nothing to rewrite"
        lines = [f"{number:3d}. {step}" for number, step in enumerate(self._steps, start=1)]
        return "\n".join(lines if self.complete else [*lines, "…  stopped: the budget of steps is used up"])

    __repr__ = __str__


_PENDING = object()

_Index = dict[str, list[tuple[frozenset[str], str, AnyRule]]]
"""Root operation → the operations that must stand directly below it for a rule to match, the kinds of types it is proved over,
and the rule."""


_Chosen = dict[tuple[str, ...], list[tuple[str, AnyRule]]]
"""An operation and those of its operands → what of the index may match, kept for the next such node."""


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
        self._by_root: _Index = {}
        self._by_names: _Chosen = {}
        for rule in rules:
            if rule.name not in off:
                below, over = getattr(rule, "below", frozenset()), getattr(rule, "over", FLOATS)
                for root in rule.roots():
                    self._by_root.setdefault(root, []).append((below, over, rule))

    @paused()
    def run(self, outputs: Iterable[Expr], promotions: Promotions | None = None) -> Trace:
        """The normal forms of some expressions.

        promotions : enters the casts that the results were written with; without it they are taken back
        """
        outputs = tuple(outputs)
        casts = Promotions(walk(outputs)) if promotions is None else promotions
        session = _Session(self._by_root, self._by_names, 20 * len(casts.written) + 1000, casts)
        with on_this_line(), deriving():
            results = tuple([session.settle(output) for output in outputs])
        if promotions is None:
            results = casts.undone(results) if session.steps else outputs
        return Trace(session.steps, results, session.budget > 0, session.operations())


class _Session:
    def __init__(self, by_root: _Index, by_names: _Chosen, budget: int, promotions: Promotions) -> None:
        self._by_root = by_root
        self._by_names = by_names
        self._promotions = promotions
        self._ranges = Ranges()
        self._normal: dict[Expr, Expr | object] = {}
        self._waiting: set[Expr] = set()  # for their operands
        self._kept: set[Expr] = set()  # inside what replaces them
        self.budget = budget
        self.steps: list[RuleFiring] = []

    def settle(self, expr: Expr) -> Expr:
        """The normal form of an expression, without recursion."""
        normal, by_root = self._normal, self._by_root
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
            waiting = []
            for operand in node.operands:
                if operand not in normal:
                    if operand.operands or operand.op.name in by_root:
                        waiting.append(operand)
                    else:
                        normal[operand] = operand
            if waiting:
                self._waiting.add(node)
                stack.append((node, None))
                stack += [(operand, None) for operand in reversed(waiting)]
                continue
            self._waiting.discard(node)
            again = node
            if node.operands:
                operands = tuple([normal[operand] for operand in node.operands])
                if operands != node.operands:
                    again = rebuild(node, operands)  # type: ignore[arg-type]  # none is pending
                dtype = again.dtype
                for operand in again.operands:
                    if operand.dtype is not dtype or dtype.kind != "f":
                        again = self._promotions.of(again)
                        break
            if again is not node and normal.get(again) is _PENDING:
                normal[node] = (
                    again  # part of what replaces a node has become that node: there it stands as it is
                )
                continue
            successor = again if again is not node else self._fire(node)
            if successor is None:
                normal[node] = node
            elif successor in normal and normal[successor] is not _PENDING:
                normal[node] = normal[successor]
            else:
                normal[node] = node if node in self._kept else _PENDING
                stack.append((node, successor))
                stack.append((successor, None))
        result = normal[expr]
        assert isinstance(result, Expr)
        return result

    def _fire(self, node: Expr) -> Expr | None:
        root = node.op.name
        if root not in self._by_root or self.budget <= 0:
            return None
        names = (root, *[operand.op.name for operand in node.operands])
        rules = self._by_names.get(names)
        if rules is None:
            present = set(names[1:])
            rules = [(over, rule) for below, over, rule in self._by_root[root] if below <= present]
            self._by_names[names] = rules
        kind = node.dtype.kind
        for over, rule in rules:
            if kind not in over and not computes_over(node, over):
                continue
            stay(node.block)
            after = rule.apply(node, self._ranges)
            if after is not None and after.dtype != node.dtype:
                after = of_type(after, node.dtype)
            if after is None or after is node or after in self._waiting or self._leads_back(node, after):
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
            return after
        return None

    def operations(self) -> set[str]:
        return {node.op.name for node in self._normal}

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
            if state is None and node not in seen:
                seen.add(node)
                pending += node.operands
        return False

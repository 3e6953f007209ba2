"""Rules as rows of data: pattern → replacement in user syntax.

Every name in a pattern stands for any expression, twice the same name for the same expression; a name that begins
with `c` stands for a scalar constant, one that begins with `p` for a boolean. Numbers match constants of the same
value, of any float type. Operands of commutative operations match in either order. Matching looks at a bounded part
of the graph, at shared nodes as at others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

from graphc.errors import DefinitionError
from graphc.frontend.parse import parse
from graphc.ir.expr import Expr, apply, constant, symbol, walk
from graphc.ir.op import find
from graphc.ir.vocabulary import CONSTANTS
from graphc.ops.support.build import broadcast
from graphc.rewrite.engine.pattern_outline import PatternOutline, outline
from graphc.rewrite.engine.promotion import FLOATS, computes_over, of_type
from graphc.rewrite.engine.ranges import Range, Ranges
from graphc.util.fork_safety import cached_property
from graphc.util.records import dataclass

Kind = Literal["exact", "stable", "assume"]
"""exact: the same bits, special values included; stable: the same real function, with smaller errors or over a wider
range; assume: holds only under a declared fact about a symbol."""


class Match:
    """What the names of a pattern stand for, with what is known of it."""

    def __init__(self, root: Expr, bound: Mapping[str, Expr], ranges: Ranges) -> None:
        self.root = root
        self._bound = bound
        self._ranges = ranges

    def __getitem__(self, name: str) -> Expr:
        return self._bound[name]

    def range(self, name: str) -> Range:
        return self._ranges(self._bound[name])

    def range_of(self, expr: Expr) -> Range:
        return self._ranges(expr)

    def value(self, name: str) -> float:
        """The value of a constant."""
        return float(self._bound[name].value)

    def literal(self, value: float) -> Expr:
        """A number in the type of the matched expression."""
        return constant(value, self.root.dtype)


Bound = dict[str, Expr]

Look = Callable[[Expr], bool]


@dataclass(frozen=True)
class Rule:
    """One rewrite.

    name : by which it is reported and switched off
    pattern : text in the grammar of `parse`
    replacement : text in the same names, or a function of the match that returns an expression, or None to leave it
    kind : what it guarantees (see `Kind`)
    why : the formula, or the reason
    when : a condition on the match; proved by ranges, never guessed
    examples : formulas that it fires on, where the pattern itself is not one
    over : the kinds of types that it is proved over; a name that stands for no boolean stands for these alone
    """

    name: str
    pattern: str
    replacement: str | Callable[[Match], Expr | None]
    kind: Kind
    why: str = ""
    when: Callable[[Match], bool] | None = None
    examples: tuple[str, ...] = ()
    over: str = FLOATS

    @cached_property
    def root(self) -> Expr:
        """The pattern as an expression."""
        return _read(self.pattern)

    @cached_property
    def template(self) -> Expr | None:
        """The replacement as an expression, when it is given as text."""
        if not isinstance(self.replacement, str):
            return None
        return _read(self.replacement)

    def fits(self, operands: tuple[str, ...]) -> bool:
        """Whether the operations directly below the root are those of the pattern, in either order where it has none."""
        for wanted in self._below:
            for want, name in zip(wanted, operands, strict=False):
                if want is not None and want != name:
                    break
            else:
                return True
        return False

    @cached_property
    def needs(self) -> tuple[frozenset[str], ...]:
        """The operations of the pattern: without one of them in a graph it matches nothing there (`engine.AnyRule`)."""
        if self._outline is not None:
            found = set(self._outline.operations)
        else:
            found = {node.op.name for node in walk((self.root,)) if not node.op.is_leaf}
        return tuple([frozenset((name,)) for name in sorted(found)])

    @cached_property
    def _outline(self) -> PatternOutline | None:
        return outline(self.pattern)

    @cached_property
    def _below(self) -> tuple[tuple[str | None, ...], ...]:
        """The operations directly below the root, in the orders in which they match."""
        if self._outline is not None:
            wanted, op = self._outline.below, find(self._outline.root)
            assert op is not None
        else:
            wanted, op = tuple([_operation(operand) for operand in self.root.operands]), self.root.op
        both = op.facts.commutative and len(wanted) == 2
        return (wanted, wanted[::-1]) if both else (wanted,)

    @cached_property
    def _look(self) -> Look:
        """Whether the operations and numbers of the pattern stand where it has them: a cheap look, before names are bound."""
        return _look(self.root) or _any

    def roots(self) -> tuple[str, ...]:
        """The operations at which the rule may fire: found without reading the pattern, which few rules need in a process."""
        return (self.root.op.name if self._outline is None else self._outline.root,)

    def __str__(self) -> str:
        shown = self.replacement if isinstance(self.replacement, str) else "…"
        return f"{self.name}: {self.pattern} → {shown} ({self.kind})"

    def check(self) -> None:
        """Raises `DefinitionError` unless the row is well formed: a pattern that is not a leaf, a replacement in its names."""
        if self.root.op.is_leaf:
            raise DefinitionError(f"rule {self.name!r}: the pattern {self.pattern!r} would match everything")
        if self.template is not None:
            missing = names(self.template) - names(self.root)
            if missing:
                raise DefinitionError(
                    f"rule {self.name!r}: the pattern does not bind {', '.join(sorted(missing))}"
                )

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        """The replacement for a node, or None when the rule does not match it."""
        if not self._look(node):
            return None
        for bound in match(self.root, node, {}, self.over):
            found = Match(node, bound, ranges)
            if self.when is not None and not self.when(found):
                continue
            if self.template is not None:
                result: Expr | None = build(self.template, bound, node)
            else:
                assert callable(self.replacement)
                result = self.replacement(found)
            if result is None or result is node:
                continue
            result = of_type(result, node.dtype)
            if result is not None and result.is_constant and not result.shape:
                result = _of_shape(result, node)
            if (
                result is not None and result.shape == node.shape
            ):  # a replacement may not lose an operand that gave the result its shape
                return result
        return None


def _of_shape(number: Expr, node: Expr) -> Expr:
    """A number in the shape of the node that it replaces, whose names an operand binds."""
    like = next((operand for operand in node.operands if operand.shape == node.shape), None)
    return number if like is None or not node.shape else broadcast(number, like)


def _read(text: str) -> Expr:
    """A pattern's text: every name is a float, those that begin with `p` are booleans."""
    found = sorted(set(re.findall(r"\b[a-z]\w*\b(?!\s*\()", text)) - set(CONSTANTS))
    return parse(
        text, {name: symbol(name, dtype="bool" if name.startswith("p") else "float64") for name in found}
    )


def _operation(pattern: Expr) -> str | None:
    """The operation of what a part of a pattern matches; None for any."""
    if pattern.is_symbol:
        return "constant" if pattern.name.startswith("c") else None
    return pattern.op.name


def _any(node: Expr) -> bool:
    return True


def _look(pattern: Expr) -> Look | None:
    """Whether a node has the operations and numbers of a pattern, whatever its names stand for; None where any node has."""
    if pattern.is_symbol:
        return _is_scalar_constant if pattern.name.startswith("c") else None
    if pattern.is_constant:
        return lambda node: (
            _is_scalar_constant(node) and node.dtype.kind != "b" and _same_value(node, pattern)
        )
    op, below = pattern.op, [_look(operand) for operand in pattern.operands]
    slots = [(slot, each) for slot, each in enumerate(below) if each is not None]
    if not slots:
        return lambda node: node.op is op
    if op.facts.commutative and len(below) == 2:
        first, second = (_any if each is None else each for each in below)

        def in_either_order(node: Expr) -> bool:
            if node.op is not op:
                return False
            one, other = node.operands
            return (first(one) and second(other)) or (first(other) and second(one))

        return in_either_order
    if len(slots) == 1:
        ((place, only),) = slots
        return lambda node: node.op is op and only(node.operands[place])
    return lambda node: node.op is op and all(each(node.operands[slot]) for slot, each in slots)


def _is_scalar_constant(node: Expr) -> bool:
    return node.is_constant and not node.shape


def names(pattern: Expr) -> set[str]:
    """The names in a pattern."""
    found: set[str] = set()
    pending = [pattern]
    while pending:
        node = pending.pop()
        if node.is_symbol:
            found.add(node.name)
        pending += node.operands
    return found


def match(pattern: Expr, node: Expr, bound: Bound, over: str = FLOATS) -> Iterator[Bound]:
    """Every way to match in types of the kinds `over`; recursion is as deep as the pattern, which is a line of text."""
    if pattern.is_symbol:
        name = pattern.name
        if node.dtype.kind not in ("b" if pattern.dtype.kind == "b" else over):
            return
        known = bound.get(name)
        if known is not None:
            if known is node:
                yield bound
        elif not name.startswith("c") or (node.is_constant and not node.shape):
            yield {**bound, name: node}
        return
    if pattern.is_constant:
        if node.is_constant and not node.shape and node.dtype.kind != "b" and _same_value(node, pattern):
            yield bound
        return
    if pattern.op is not node.op or not computes_over(node, over):
        return
    orders = [node.operands]
    if node.op.facts.commutative and len(node.operands) == 2 and node.operands[0] is not node.operands[1]:
        orders.append(node.operands[::-1])
    for operands in orders:
        yield from _match_all(pattern.operands, operands, bound, over)


_ZEROS = frozenset((bytes(8), bytes(7) + b"\x80"))


def _same_value(node: Expr, pattern: Expr) -> bool:
    """Whether a constant has the value of one in a pattern: by their bits where these tell."""
    bits = pattern.attrs[0]
    if node.dtype is pattern.dtype and bits not in _ZEROS:
        return node.attrs[0] == bits
    return bool(node.value == pattern.value)


def _match_all(
    patterns: tuple[Expr, ...], nodes: tuple[Expr, ...], bound: Bound, over: str
) -> Iterator[Bound]:
    if not patterns:
        yield bound
        return
    for first in match(patterns[0], nodes[0], bound, over):
        yield from _match_all(patterns[1:], nodes[1:], first, over)


def build(template: Expr, bound: Bound, root: Expr) -> Expr:
    """The template on what was bound; its numbers take the types of their surroundings."""
    value = _build(template, bound)
    return value if isinstance(value, Expr) else constant(value, root.dtype)


def _build(template: Expr, bound: Bound) -> Any:
    if template.is_symbol:
        return bound[template.name]
    if template.is_constant:
        return template.value.item()
    operands = [_build(operand, bound) for operand in template.operands]
    return apply(template.op, *operands)

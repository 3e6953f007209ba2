"""Bodies of loops and branches: closed functions of expressions, part of a node as its other static arguments are.

The inputs are positional binders: symbols that have a place and no name, so that nothing is captured, and two bodies that differ
in the names of their arguments alone are equal, as are the nodes that own them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from graphc.errors import GraphcError, GraphError, Site
from graphc.ir import dims
from graphc.ir.attribute_text import bound
from graphc.ir.dims import Name, Polynomial
from graphc.ir.expr import Expr, apply, cast, free_symbols, substituted, symbol
from graphc.ir.graph import Dag
from graphc.ir.types import format_shape
from graphc.util.fork_safety import cached_property


class Body:
    """A closed function.

    inputs : its binders, in order; outputs : what it gives for them
    """

    __slots__ = ("__dict__", "_hash", "inputs", "outputs")

    evaluate: ClassVar[Callable[[Body, Sequence[Any]], list[Any]]]
    """The values of the outputs at values of the inputs; set by the interpreter."""

    def __init__(self, inputs: Sequence[Expr], outputs: Sequence[Expr]) -> None:
        binders = tuple([binder(place, x) for place, x in enumerate(inputs)])
        changed = {x: b for x, b in zip(inputs, binders, strict=True) if x is not b}
        self.inputs: tuple[Expr, ...] = binders
        self.outputs: tuple[Expr, ...] = tuple(substituted(outputs, changed)) if changed else tuple(outputs)
        loose = set(free_symbols(*self.outputs)) - set(binders)
        if loose:
            raise GraphError(f"a body is closed, and this one reads {sorted(map(str, loose))[0]}")
        self._hash = hash((self.inputs, self.outputs))
        self.written: dict[Expr, Site] = {}
        """Where its nodes were written, as far as that is known: a node itself may stand in other bodies as well."""

    def written_as(self, outputs: Sequence[Expr], site_of: Callable[[Expr], Site | None]) -> Body:
        """The body, with the lines of the outputs that it was made of: theirs are its nodes' from the results on."""
        pairs, seen = list(zip(outputs, self.outputs, strict=True)), set()
        while pairs:
            old, new = pairs.pop()
            if new in seen or not new.operands or len(old.operands) != len(new.operands):
                continue
            seen.add(new)
            site = site_of(old)
            if site is not None:
                self.written[new] = site
            pairs += zip(old.operands, new.operands, strict=True)
        return self

    @cached_property
    def dag(self) -> Dag:
        """Its graph."""
        return Dag(self.outputs, self.inputs)

    @cached_property
    def lengths(self) -> tuple[str, ...]:
        """The names of the lengths in it, also of those that no argument has."""
        every = [each for node in self.dag.exprs for each in (node.shape, node.attrs) if each]
        return tuple(dict.fromkeys(name for each in every for name in _names_in(each)))

    def bound(self, lengths: Mapping[str, int]) -> Body:
        """The body with the lengths of a call in place of names; KeyError where one is not known."""
        if not self.lengths:
            return self
        key = tuple([lengths[name] for name in self.lengths])
        known = self.__dict__.setdefault("_of_lengths", {})
        if key not in known:
            if len(known) == _MOST_BOUND:
                known.clear()
            known[key] = self._bound(dict(zip(self.lengths, key, strict=True)))
        return known[key]

    def _bound(self, lengths: Mapping[str, int]) -> Body:
        fixed: dict[Expr, Expr] = {}
        for node in self.dag.exprs:
            if node.is_symbol:
                fixed[node] = symbol(node.name, bound(node.shape, lengths), node.dtype, range=node.bounds)
            elif node.op.name == "astype":
                fixed[node] = cast(fixed[node.operands[0]], node.dtype)
            elif node.operands or node.op.on_arrays:
                operands = [fixed[x] for x in node.operands]
                fixed[node] = apply(node.op, *operands, attrs=bound(node.attrs, lengths))
            else:
                fixed[node] = node
        body = self.mapped(fixed, [fixed[output] for output in self.outputs])
        return body.written_as(self.outputs, self.written.get)

    def values_at(self, step: int, what: str, values: Sequence[Any]) -> list[Any]:
        """The values of the outputs at a step of a loop, which refusals name."""
        try:
            return Body.evaluate(self, values)
        except GraphcError as error:
            error.message += f", at step {step} of {what}"
            lines = (site for node, site in self.written.items() if repr(node) == error.node)
            error.site = next(lines, error.site)
            raise

    def mapped(self, changed: Mapping[Expr, Expr], outputs: Sequence[Expr]) -> Body:
        """A body of other arguments: those that its own have become."""
        return Body([changed[x] for x in self.inputs], outputs)

    def of(self, arguments: Sequence[Expr]) -> list[Expr]:
        """The outputs written for arguments: the body unrolled once."""
        places = dict(zip(self.inputs, arguments, strict=True))
        return substituted(self.outputs, places)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Body)
            and len(self.inputs) == len(other.inputs)
            and len(self.outputs) == len(other.outputs)
            and all(a is b for a, b in zip(self.inputs, other.inputs, strict=True))
            and all(a is b for a, b in zip(self.outputs, other.outputs, strict=True))
        )

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> Any:
        return Body, (self.inputs, self.outputs)

    def __str__(self) -> str:
        taken = ", ".join(f"{x.dtype}{format_shape(x.shape) if x.shape else ''}" for x in self.inputs)
        return f"<body of {taken}: {len(self.dag) - len(self.inputs)} nodes>"

    def __repr__(self) -> str:
        return f"<body {self.dag.digest}>"


_MOST_BOUND = 32
"""For so many lengths a body is remembered."""


def _names_in(static: Any) -> Iterator[str]:
    """The names of lengths in a shape or a static argument."""
    if isinstance(static, (Name, Polynomial)):
        yield from map(str, dims.names_of(static))
    elif isinstance(static, tuple):
        for item in static:
            yield from _names_in(item)
    elif isinstance(static, Body):
        yield from static.lengths


def binder(place: int, like: Expr) -> Expr:
    """The symbol of an argument by its place."""
    return symbol(f"\1{place}", like.shape, like.dtype)


__all__ = ["Body", "binder"]

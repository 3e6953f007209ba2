"""Bodies of loops and branches: closed functions of expressions, part of a node as its other static arguments are.

The inputs are positional binders: symbols that have a place and no name, so that nothing is captured, and two bodies that differ
in the names of their arguments alone are equal, as are the nodes that own them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from graphc.errors import GraphError
from graphc.ir.expr import Expr, free_symbols, substitute, symbol
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
        self.outputs: tuple[Expr, ...] = (
            tuple([substitute(output, changed) for output in outputs]) if changed else tuple(outputs)
        )
        loose = set(free_symbols(*self.outputs)) - set(binders)
        if loose:
            raise GraphError(f"a body is closed, and this one reads {sorted(map(str, loose))[0]}")
        self._hash = hash((self.inputs, self.outputs))

    @cached_property
    def dag(self) -> Dag:
        """Its graph."""
        return Dag(self.outputs, self.inputs)

    def of(self, arguments: Sequence[Expr]) -> list[Expr]:
        """The outputs written for arguments: the body unrolled once."""
        places = dict(zip(self.inputs, arguments, strict=True))
        return [substitute(output, places) for output in self.outputs]

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


def binder(place: int, like: Expr) -> Expr:
    """The symbol of an argument by its place."""
    return symbol(f"\1{place}", like.shape, like.dtype)


__all__ = ["Body", "binder"]

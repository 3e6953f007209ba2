"""Functions that stay calls: what one is for arguments of some types, traced once, and its node for each call."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import graphc.autodiff.function_calls  # noqa: F401  it declares the derivatives of such calls
from graphc.errors import DefinitionError, ExpressionError, Site, brief
from graphc.frontend.body_trace import captured_by, closed_body
from graphc.ir.body import Body
from graphc.ir.expr import Expr, current_site, symbol
from graphc.ops.function_calls import function_results
from graphc.util.pytree import Structure, flatten, unflatten

Inline = bool | Literal["auto"]

MOST_WRITTEN_OUT = 150
"""Operations up to which a function is written out where it is called, if that is left to its size: of more, each call would
cost a compiler some milliseconds."""

_MOST_KEPT = 64
"""Sets of options and types for which a function is remembered."""


class Traced(NamedTuple):
    """A function of arguments of some types.

    captured : what it uses from outside, which calls hand over behind the arguments; tree : the structure of its results
    """

    body: Body
    captured: list[Expr]
    tree: Structure

    @property
    def operations(self) -> int:
        """How many operations it is made of."""
        return sum(bool(node.operands) for node in self.body.dag.exprs)


class NestedCalls:
    """The calls of one Python function.

    run : (expressions in place of the inputs) → what the function returns
    """

    def __init__(self, name: str, names: Sequence[str], site: Site, inline: Inline) -> None:
        self.name: str = name
        self.names: tuple[str, ...] = tuple(names)
        self.site: Site = site
        self.inline: Inline = inline
        self._traced: dict[Any, Traced] = {}
        self._running = threading.local()

    def called(
        self, arguments: Sequence[Expr], options: Any, run: Callable[[Sequence[Expr]], Any]
    ) -> Any | None:
        """What the function gives, as results of one node; None where it is to be written out.

        options : what it depends on besides, None where that cannot be told apart
        """
        if self.inline is True or not arguments:
            return None
        key = (object() if options is None else options, tuple([(x.dtype, x.shape) for x in arguments]))
        traced = self._traced.get(key) if options is not None else None
        if traced is None:
            traced = self._trace(key, arguments, run)
            if len(self._traced) == _MOST_KEPT:
                self._traced.clear()
            if options is not None:
                self._traced[key] = traced
        if self.inline == "auto" and traced.operations <= MOST_WRITTEN_OUT:
            return None
        results = function_results(self.name, traced.body, [*arguments, *traced.captured])
        return unflatten(traced.tree, iter(results))

    def _trace(self, key: Any, arguments: Sequence[Expr], run: Callable[[Sequence[Expr]], Any]) -> Traced:
        running: list[Any] = self._running.__dict__.setdefault("keys", [])
        if key in running:
            raise ExpressionError(
                f"{self.name} calls itself, and a function that stays a call cannot be recursive",
                site=self.site,
                hint="let a plain number, given as an option, end the recursion, or write g.while_loop or g.scan",
            )
        number = next(_numbers)  # functions within functions have other symbols
        own = [
            symbol(f"{name}\0n{number}", x.shape, x.dtype)
            for name, x in zip(self.names, arguments, strict=True)
        ]
        running.append(key)
        try:
            leaves, tree = flatten(run(own))
        finally:
            running.pop()
        captured = captured_by(own, leaves)
        return Traced(closed_body(own, leaves, captured), captured, tree)


_numbers = itertools.count()


def checked_inline(inline: Any) -> Inline:
    """How a function is called: written out, as one node, or by its size; raises `DefinitionError` for anything else."""
    if inline is True or inline is False or (isinstance(inline, str) and inline == "auto"):
        return inline
    raise DefinitionError(
        f"inline is {brief(inline, 40)}",
        site=current_site(),
        hint='inline=True writes the formula at each call, False makes one node of it, "auto" decides by its size',
    )


__all__ = ["Inline", "NestedCalls", "checked_inline"]

"""A body that a Python function writes: called once with symbols, and closed over what it uses from outside."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence, Set
from typing import Any

import numpy as np

from graphc.errors import DtypeError, ExpressionError, InputError, ShapeError, brief_text
from graphc.ir.body import Body
from graphc.ir.expr import Expr, constant, current_site, on_line_of, rebuild, substitute, symbol, walk
from graphc.ir.types import format_shape
from graphc.util.arguments import function
from graphc.util.pytree import Structure, flatten, unflatten

_calls = itertools.count()


def body_function(what: str, f: Any, count: int) -> None:
    """Raises `ExpressionError` for what is no function of so many arguments."""
    try:
        function("the function", f, count, "")
    except InputError as error:
        said = f"{what} takes a function of {count} argument{'s' * (count != 1)}, not {brief_text(f, 60)!r}"
        if callable(f) and not isinstance(f, type):
            said = f"{what}: {error.message}"
        raise ExpressionError(said, site=current_site(), hint=f"write g.{what}(lambda …)") from None


class TracedBody:
    """A body that was called: its symbols, and what it gave.

    leaves : what it returned, in the order of `structure`
    """

    def __init__(
        self,
        what: str,
        f: Callable[..., Any],
        arguments: Sequence[Sequence[Expr]],
        trees: Sequence[Structure],
        names: Sequence[str] = ("carry", "x"),
    ):
        self.what = what
        number = next(_calls)  # bodies within bodies have other symbols
        self.symbols: list[list[Expr]] = [
            [
                symbol(f"{shown}{place if len(each) > 1 else ''}\0{number}", x.shape, x.dtype)
                for place, x in enumerate(each)
            ]
            for shown, each in zip(names, arguments, strict=False)
        ]
        returned = f(*(unflatten(tree, iter(own)) for tree, own in zip(trees, self.symbols, strict=True)))
        if returned is None:
            raise ExpressionError(
                f"the body of {what} returned nothing", site=current_site(), hint="end it with return"
            )
        self.returned = returned

    @property
    def own(self) -> list[Expr]:
        return [x for each in self.symbols for x in each]


def captured_by(own: Sequence[Expr], outputs: Sequence[Expr], written: Set[Expr] = frozenset()) -> list[Expr]:
    """What is used from outside: the largest expressions that do not depend on the body's own arguments.

    written : what belongs to the body too, as it was written there: where a branch may not be taken
    """
    inside: set[Expr] = {*own, *(node for node in written if node.operands)}
    result: dict[Expr, None] = {}
    for node in walk(outputs):
        if node not in inside and any(operand in inside for operand in node.operands):
            inside.add(node)
    for node in walk(outputs):
        if node in inside:
            for operand in node.operands:
                if operand not in inside and not (operand.is_constant and not operand.shape):
                    result[operand] = None
    for output in outputs:
        if output not in inside and not (output.is_constant and not output.shape):
            result[output] = None
    return list(result)


def closed_body(own: Sequence[Expr], outputs: Sequence[Expr], captured: Sequence[Expr]) -> Body:
    """A body whose last arguments are what it takes from outside."""
    outside = [symbol(f"\2outside{place}", x.shape, x.dtype) for place, x in enumerate(captured)]
    places = dict(zip(captured, outside, strict=True))
    known: dict[Expr, Expr] = dict(places)
    for node in walk(outputs, captured):
        operands = tuple([known.get(operand, operand) for operand in node.operands])
        if operands != node.operands:
            with on_line_of(node):
                known[node] = rebuild(node, operands)
    body = Body([*own, *outside], [known.get(output, output) for output in outputs])
    return body.written_as(outputs, lambda node: node.site)


def leaves_of(what: str, tree: Any) -> tuple[list[Expr], Structure]:
    leaves, structure = flatten(tree)
    if not leaves:
        raise ExpressionError(
            f"{what} is empty", site=current_site(), hint="a loop carries one value at least"
        )
    return [constant(leaf) for leaf in leaves], structure


def new_carry(what: str, start: Sequence[Expr], tree: Structure, returned: Any) -> list[Expr]:
    """What a step returns as the carry, checked against what it began with."""
    leaves, structure = flatten(returned)
    if structure != tree:
        raise ExpressionError(
            f"the body of {what} returns a carry of another structure: {brief_text(returned, 80)}",
            site=current_site(),
            hint="return what it was given, in the same tuples, lists and dicts",
        )
    result = []
    for place, (old, new) in enumerate(zip(start, leaves, strict=True)):
        if not isinstance(new, Expr):
            new = constant(new, old.dtype) if np.ndim(new) == 0 else constant(new)
        if new.dtype != old.dtype:
            raise DtypeError(
                f"{what}: carry {place} begins as {old.dtype} and becomes {new.dtype}",
                node=repr(new),
                site=new.site or current_site(),
                hint=f'begin with {new.dtype}, or return g.astype(…, "{old.dtype}")',
            )
        if new.shape != old.shape:
            raise ShapeError(
                f"{what}: carry {place} begins with shape {format_shape(old.shape)} and becomes {format_shape(new.shape)}",
                node=repr(new),
                site=new.site or current_site(),
                hint="a carry keeps its shape",
            )
        result.append(new)
    return result


def with_symbols(output: Expr, old: Sequence[Expr], new: Sequence[Expr]) -> Expr:
    return substitute(output, dict(zip(old, new, strict=True)))


__all__ = [
    "TracedBody",
    "body_function",
    "captured_by",
    "closed_body",
    "leaves_of",
    "new_carry",
    "with_symbols",
]

"""Sums and products of SymPy between bounds: written out where they are short, else loops; elements by an index."""

from __future__ import annotations

from functools import reduce
from typing import Any

from graphc.frontend.control import fori_loop
from graphc.frontend.interop.sympy import sympy
from graphc.frontend.interop.sympy_terms import Plan, show, unsupported
from graphc.ir.expr import Expr, cast, constant, substitute, symbol
from graphc.ops.support.build import call

MOST_WRITTEN = 200
"""Terms that are written out, over all indices; more are added up by a loop."""


def plan_of_range(node: Any, dtype: Any) -> Plan:
    """A sum or product over whole numbers."""
    S = sympy()
    terms, product = [node.function], isinstance(node, S.Product)
    count = 1
    for index, *bounds in node.limits:
        if len(bounds) != 2:
            unsupported(node, f"{show(index)} has no bounds", "write Sum(term, (i, 1, n))")
        if any(bound.is_finite is False for bound in bounds):
            unsupported(node, "it has no end", "evaluate it first, with .doit(), or sum up to a number")
        known = all(bound.is_Integer for bound in bounds)
        count = count * max(0, int(bounds[1]) - int(bounds[0]) + 1) if known else MOST_WRITTEN + 1
        if not known or count > MOST_WRITTEN:
            return _loop(node, dtype, product)
    for index, first, last in node.limits:
        if last < first:
            unsupported(node, "its upper bound is below the lower one", "evaluate it first, with .doit()")
        terms = [term.subs(index, value) for term in terms for value in range(int(first), int(last) + 1)]
    if product:
        return terms, lambda parts: reduce(lambda a, b: a * b, parts)
    return terms, lambda parts: reduce(lambda a, b: a + b, parts)


def _loop(node: Any, dtype: Any, product: bool) -> Plan:
    """A loop for each index, the first one's inside of the others."""
    S = sympy()
    inner = {index: S.Symbol(f"{index.name} of {show(node)}", integer=True) for index, *_ in node.limits}
    bounds = [bound.xreplace(inner) for _, *pair in node.limits for bound in pair]
    for bound in bounds:
        if bound.is_Integer is False and bound.is_integer is False:
            unsupported(
                node, f"its bound {show(bound)} is no whole number", "put whole numbers in: .subs(n, 10)"
            )

    def build(parts: list[Expr]) -> Expr:
        value = parts[0]
        for k, (index, *_) in enumerate(node.limits):
            first, last = [
                int(bound) if bound.is_Integer else cast(part, "int64")
                for bound, part in zip(bounds[2 * k : 2 * k + 2], parts[1 + 2 * k : 3 + 2 * k], strict=True)
            ]
            value = _added_up(value, symbol(inner[index].name, dtype=dtype), first, last, product)
        return value

    return (node.function.xreplace(inner), *bounds), build


def _added_up(term: Expr, index: Expr, first: Any, last: Any, product: bool) -> Expr:
    start: Any = constant(1.0 if product else 0.0, term.dtype)
    if term.shape:
        start = call("broadcast_to", start, shape=term.shape)

    def step(i: Expr, before: Expr) -> Expr:
        one = substitute(term, {index: cast(i, index.dtype)})
        return before * one if product else before + one

    return fori_loop(first, last + 1, step, start)


def plan_of_element(node: Any, base: Expr | None) -> Plan:
    """An element of an array that `symbols=` gives for the base of an Indexed."""
    if base is None:
        unsupported(
            node,
            "nothing says what it stands for",
            f'symbols={{{str(node.base.label)!r}: g.symbol("a", shape=4)}} gives the array, {{{show(node)}: …}} an element',
        )
    return node.indices, lambda parts: element(base, node.indices, parts)


def element(array: Expr, indices: Any, parts: list[Expr]) -> Expr:
    """An element at places that are numbers or expressions of whole numbers."""
    places = [
        int(index) if index.is_Integer else cast(part, "int64")
        for index, part in zip(indices, parts, strict=True)
    ]
    return array[tuple(places)]


__all__ = ["MOST_WRITTEN", "element", "plan_of_element", "plan_of_range"]

"""What must hold of a call's lengths, as conditions: what `lowering/length_checks.py` refuses, for whoever has no Python."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from graphc.compiler.loops.program import Conditions, LengthCheck
from graphc.compiler.lowering.gather_scatter import first_place, layout
from graphc.ir import dims
from graphc.ir.dims import Dim, Polynomial
from graphc.ir.expr import Expr
from graphc.ir.graph import Dag
from graphc.ops.index import result_shape
from graphc.ops.support.attributes import axes_of

LARGEST = 2**31 - 1
"""The largest length that a function takes whose lengths no Python has checked."""

MOST_ELEMENTS = 1.0e15
"""The most elements of one array of it: their bytes are an int64."""

_KEYED = {"index": 1, "at_add": 2, "at_set": 2}
"""Operations with a key, and the first operand that is one of its arrays."""

_NEEDS_ELEMENTS = ("max", "min", "argmax", "argmin")


def checks_of(dag: Dag) -> tuple[LengthCheck, ...]:
    """The checks of a graph as it is before composite operations are taken apart; each once."""
    checks = [LengthCheck((name,), f"{name} is below 0") for name in names_of(dag)]
    for node in dag.exprs:
        checks += _checks_of(node)
    needed = [_needed(check) for check in checks]
    return tuple(dict.fromkeys(check for check in needed if check.conditions))


def names_of(dag: Dag) -> tuple[str, ...]:
    """The names of lengths, those of the inputs first."""
    shapes: list[Any] = [node.shape for node in (*dag.symbols, *dag.exprs)]
    return tuple(dict.fromkeys(str(name) for shape in shapes for dim in shape for name in dims.names_of(dim)))


def _needed(check: LengthCheck) -> LengthCheck:
    """A check without what holds of all lengths that are at least 0."""
    return replace(
        check,
        conditions=tuple([dim for dim in check.conditions if isinstance(dim, str) or not _always(dim)]),
        given=tuple([dim for dim in check.given if not _always(dim)]),
    )


def _always(dim: Dim) -> bool:
    """Whether a polynomial is at least 0 as nothing in it is subtracted or divided."""
    if not isinstance(dim, Polynomial):
        return isinstance(dim, str) or dim >= 0
    return all(factor >= 0 and all(isinstance(atom, str) for atom, _ in m) for m, factor in dim.terms)


def _checks_of(node: Expr) -> Iterator[LengthCheck]:
    name = node.op.name
    for dim in node.shape:
        if isinstance(dim, Polynomial):
            yield LengthCheck((dim,), f"{name}: a length of {dim} is below 0")
    if name in _KEYED:
        yield from _checks_of_key(node)
    if name in _NEEDS_ELEMENTS or (name == "norm" and node.attrs[0] == float("inf")):
        yield from _needs_elements(node)


def _needs_elements(node: Expr) -> Iterator[LengthCheck]:
    shape = node.operands[0].shape
    axis = node.attrs[1 if node.op.name == "norm" else 0]
    axes = axes_of(axis, len(shape))
    result = dims.product([dim for place, dim in enumerate(shape) if place not in axes])
    given: Conditions = () if isinstance(result, int) and result > 0 else (dims.subtract(result, 1),)
    size = dims.product([shape[place] for place in axes])
    yield LengthCheck((dims.subtract(size, 1),), f"{node.op.name}: no elements", given)


def _checks_of_key(node: Expr) -> Iterator[LengthCheck]:
    x, arrays, key = node.operands[0], tuple(node.operands[_KEYED[node.op.name] :]), node.attrs[0]
    taken = result_shape(x, arrays, key)
    spots, _ = layout(key, bool(arrays), max((array.ndim for array in arrays), default=0))
    axis = 0
    for number, item in enumerate(key):
        if item is None:
            continue
        length = x.shape[axis]
        if isinstance(item, int):
            place = item if item >= 0 else dims.add(length, item)
            yield LengthCheck(
                (place, dims.subtract(dims.subtract(length, 1), place)),
                f"index {item} of axis {axis} of {length}",
            )
        elif isinstance(item, tuple) and item[1:] != (None, None, None):
            wanted = taken[spots[number]]
            if not _reads(node, spots[number] - len(taken)) and abs(item[3] or 1) == 1:
                continue  # each element asks whether it is on the slice
            yield _check_of_slice(item, axis, length, wanted)
        axis += 1


def _reads(node: Expr, axis: int) -> bool:
    """Whether a node reads as many elements along an axis of x[key], counted from the end, as the key takes there: an update does
    unless its value is broadcast along it."""
    if node.op.name == "index":
        return True
    shape = node.operands[1].shape
    return -axis <= len(shape) and shape[axis] != 1


def _check_of_slice(item: tuple[Any, ...], axis: int, length: Dim, wanted: Dim) -> LengthCheck:
    first = first_place(item, length)
    last = dims.add(first, dims.multiply(dims.subtract(wanted, 1), item[3] or 1))
    ends = ":".join("" if end is None else str(end) for end in item[1:3])
    inside: Conditions = ()
    for place in (first, last):
        inside += (place, dims.subtract(dims.subtract(length, 1), place))
    return LengthCheck(
        inside,
        f"axis {axis} of length {length} is too short for the slice {ends}, which takes {wanted}",
        (dims.subtract(wanted, 1),),
    )


__all__ = ["checks_of", "names_of"]

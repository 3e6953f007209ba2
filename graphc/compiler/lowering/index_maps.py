"""What views, padding, triangles, joined arrays and ranges do to an index."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from graphc.compiler.lowering.index_text import Index, aligned
from graphc.compiler.targets.llvm.emit import LlvmValue
from graphc.ir import dims
from graphc.ir.dims import Dim
from graphc.ir.expr import Expr
from graphc.ir.types import INT64

if TYPE_CHECKING:
    from graphc.compiler.lowering.elements import Elements


def _permute(e: Elements, node: Expr, index: Index) -> LlvmValue:
    places = [""] * len(index)
    for position, axis in zip(index, node.attrs[0], strict=True):
        places[axis] = position
    return e.operand(node, 0, tuple(places))


def _expand(e: Elements, node: Expr, index: Index) -> LlvmValue:
    axes = node.attrs[0] if isinstance(node.attrs[0], tuple) else (node.attrs[0],)
    return e.operand(node, 0, tuple([place for axis, place in enumerate(index) if axis not in axes]))


def _squeeze(e: Elements, node: Expr, index: Index) -> LlvmValue:
    axes = node.attrs[0] if isinstance(node.attrs[0], tuple) else (node.attrs[0],)
    rest = iter(index)
    return e.operand(
        node, 0, tuple(["0" if axis in axes else next(rest) for axis in range(node.operands[0].ndim)])
    )


def _broadcast(e: Elements, node: Expr, index: Index) -> LlvmValue:
    return e.operand(node, 0, aligned(index, node.operands[0].shape))


def _reshape(e: Elements, node: Expr, index: Index) -> LlvmValue:
    """Where only axes of length 1 come or go the others keep their places; else the place in the order of rows is divided."""
    x = node.operands[0]
    own = [dim for dim in node.shape if dim != 1]
    if own == [dim for dim in x.shape if dim != 1]:
        rest = iter([place for place, dim in zip(index, node.shape, strict=True) if dim != 1])
        return e.operand(node, 0, tuple(["0" if dim == 1 else next(rest) for dim in x.shape]))
    place = e.linear(index, node.shape)
    places: list[str] = []
    for dim in reversed(x.shape[1:]):
        length = e.lengths(dim)
        places.append("0" if dim == 1 else e.whole("srem", place, length))
        place = e.whole("sdiv", place, length)
    return e.operand(node, 0, tuple([place, *reversed(places)][: x.ndim]))


def _flip(e: Elements, node: Expr, index: Index) -> LlvmValue:
    axis, shape = node.attrs[0], node.shape
    axes = range(len(shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return e.operand(
        node,
        0,
        tuple(
            [
                e.whole("sub", e.lengths(dims.subtract(dim, 1)), place) if number in axes else place
                for number, (place, dim) in enumerate(zip(index, shape, strict=True))
            ]
        ),
    )


def _roll(e: Elements, node: Expr, index: Index) -> LlvmValue:
    shift, axis = node.attrs
    if node.ndim == 0:
        return e.operand(node, 0, index)
    length = e.lengths(node.shape[axis])
    moved = e.whole("srem", e.whole("sub", index[axis], str(shift)), length)
    negative = e.compare("slt", moved, "0")
    place = e.either(negative, e.whole("add", moved, length), moved)
    return e.operand(node, 0, (*index[:axis], place, *index[axis + 1 :]))


def _tile(e: Elements, node: Expr, index: Index) -> LlvmValue:
    x = node.operands[0]
    own = index[len(index) - x.ndim :]
    return e.operand(
        node,
        0,
        tuple(
            [
                "0" if dim == 1 else place if dim == wide else e.whole("srem", place, e.lengths(dim))
                for place, dim, wide in zip(own, x.shape, node.shape[node.ndim - x.ndim :], strict=True)
            ]
        ),
    )


def _repeat(e: Elements, node: Expr, index: Index) -> LlvmValue:
    repeats, axis = node.attrs
    place = e.whole("sdiv", index[axis], str(repeats)) if repeats else "0"
    return e.operand(node, 0, (*index[:axis], place, *index[axis + 1 :]))


def _inside(e: Elements, places: list[tuple[str, Dim]]) -> tuple[LlvmValue | None, Index]:
    """Whether places lie within lengths, and the places, 0 where they do not."""
    within: LlvmValue | None = None
    clamped: list[str] = []
    for place, dim in places:
        here = e.compare("ult", place, e.lengths(dim))
        clamped.append(e.either(here, place, "0"))
        within = here if within is None else e.builder.and_(within, here)
    return within, tuple(clamped)


def _pad(e: Elements, node: Expr, index: Index) -> LlvmValue:
    widths, value = node.attrs
    x = node.operands[0]
    outside = e.builder.constant(x.dtype.type(value), node.dtype)
    if 0 in x.shape:
        return outside
    padded = [axis for axis, pair in enumerate(widths) if any(pair)]
    moved = [e.whole("sub", place, str(before)) for place, (before, _) in zip(index, widths, strict=True)]
    within, places = _inside(e, [(moved[axis], x.shape[axis]) for axis in padded])
    at = dict(zip(padded, places, strict=True))
    inner = e.operand(node, 0, tuple([at.get(axis, place) for axis, place in enumerate(moved)]))
    return inner if within is None else e.builder.select(within, inner, outside)


def _zero(e: Elements, node: Expr) -> LlvmValue:
    return e.builder.constant(node.dtype.type(0), node.dtype)


def _tril(e: Elements, node: Expr, index: Index) -> LlvmValue:
    below = e.compare("sle", index[-1], e.whole("add", index[-2], str(node.attrs[0])))
    return e.builder.select(below, e.operand(node, 0, index), _zero(e, node))


def _triu(e: Elements, node: Expr, index: Index) -> LlvmValue:
    above = e.compare("sge", index[-1], e.whole("add", index[-2], str(node.attrs[0])))
    return e.builder.select(above, e.operand(node, 0, index), _zero(e, node))


def _diagonal(e: Elements, node: Expr, index: Index) -> LlvmValue:
    offset = node.attrs[0]
    place = index[-1]
    row = e.whole("add", place, str(max(-offset, 0)))
    column = e.whole("add", place, str(max(offset, 0)))
    return e.operand(node, 0, (*index[:-1], row, column))


def _diag(e: Elements, node: Expr, index: Index) -> LlvmValue:
    k = node.attrs[0]
    row, column = index
    place = e.whole("sub", row, str(max(-k, 0)))
    on = e.compare("eq", e.whole("add", row, str(k)), column)
    within, places = _inside(e, [(place, node.operands[0].shape[0])])
    assert within is not None
    if node.operands[0].shape[0] == 0:
        return _zero(e, node)
    return e.builder.select(e.builder.and_(on, within), e.operand(node, 0, places), _zero(e, node))


def _eye(e: Elements, node: Expr, index: Index) -> LlvmValue:
    on = e.compare("eq", e.whole("add", index[0], str(node.attrs[2])), index[1])
    return e.builder.convert(on, node.dtype)


def _arange(e: Elements, node: Expr, index: Index) -> LlvmValue:
    start, _, step, _ = node.attrs
    place = e.whole("add", e.lengths(start), e.whole("mul", index[0], str(step)))
    return e.builder.convert(LlvmValue(place, INT64), node.dtype)


def _dim(e: Elements, node: Expr, index: Index) -> LlvmValue:
    return LlvmValue(e.lengths(node.attrs[0]), INT64)


def _one_hot(e: Elements, node: Expr, index: Index) -> LlvmValue:
    wanted = e.operand(node, 0, index[:-1])
    return e.builder.convert(e.compare("eq", wanted.text, index[-1]), node.dtype)


def _concat(e: Elements, node: Expr, index: Index) -> LlvmValue:
    axis = node.attrs[0]
    start: Dim = 0
    result: LlvmValue | None = None
    for slot, operand in enumerate(node.operands):
        length = operand.shape[axis]
        if length == 0:
            continue
        place = e.whole("sub", index[axis], e.lengths(start))
        within, places = _inside(e, [(place, length)])
        value = e.operand(node, slot, (*index[:axis], *places, *index[axis + 1 :]))
        assert within is not None
        result = value if result is None else e.builder.select(within, value, result)
        start = dims.add(start, length)
    return result if result is not None else _zero(e, node)


def _stack(e: Elements, node: Expr, index: Index) -> LlvmValue:
    axis = node.attrs[0]
    rest = (*index[:axis], *index[axis + 1 :])
    if index[axis][0] != "%":
        return e.operand(node, int(index[axis]), rest)
    result = e.operand(node, 0, rest)
    for slot in range(1, len(node.operands)):
        here = e.compare("eq", index[axis], str(slot))
        result = e.builder.select(here, e.operand(node, slot, rest), result)
    return result


RULES: dict[str, Callable[..., LlvmValue]] = {
    "permute_dims": _permute,
    "expand_dims": _expand,
    "squeeze": _squeeze,
    "broadcast_to": _broadcast,
    "broadcast_like": _broadcast,
    "reshape": _reshape,
    "flip": _flip,
    "roll": _roll,
    "tile": _tile,
    "repeat": _repeat,
    "pad": _pad,
    "tril": _tril,
    "triu": _triu,
    "diagonal": _diagonal,
    "diag": _diag,
    "eye": _eye,
    "arange": _arange,
    "dim": _dim,
    "one_hot": _one_hot,
    "concat": _concat,
    "stack": _stack,
}

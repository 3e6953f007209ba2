"""What views, padding, triangles, joined arrays and ranges do to an index."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from graphc.compiler.loops.program import Conditions, Constant, Holds, Index, IndexValue, Scalar, apply, cast
from graphc.ir import dims
from graphc.ir.dims import Dim
from graphc.ir.expr import Expr
from graphc.ir.types import DType, Shape

if TYPE_CHECKING:
    from graphc.compiler.loops.elements import ElementWriter

Rule = Callable[["ElementWriter", Expr, Index, Conditions], Scalar]
"""(elements, node, index, guard) → the node's value there."""


def aligned(index: Index, shape: Shape) -> Index:
    """The index of an operand that is broadcast: its axes are the last ones, and one of length 1 stays where it is."""
    own = index[len(index) - len(shape) :]
    if 1 not in shape:
        return own
    return tuple([0 if dim == 1 else place for place, dim in zip(own, shape, strict=True)])


def within(place: Dim, length: Dim) -> Conditions:
    """That a place is on an axis."""
    return place, dims.subtract(dims.subtract(length, 1), place)


def equal(a: Dim, b: Dim) -> Conditions:
    """That two numbers are the same."""
    return dims.subtract(a, b), dims.subtract(b, a)


def remainder(a: Dim, b: Dim) -> Dim:
    """a − b·⌊a/b⌋."""
    return dims.subtract(a, dims.multiply(b, dims.floor_divide(a, b)))


def choose(conditions: Conditions, x: Scalar, y: Scalar) -> Scalar:
    """x where conditions hold, else y."""
    if never(conditions):
        return y
    open_ones = tuple([dim for dim in conditions if not isinstance(dim, int)])
    return apply("where", Holds(open_ones), x, y) if open_ones else x


def never(conditions: Conditions) -> bool:
    """Whether some condition holds for no lengths."""
    return any(isinstance(dim, int) and dim < 0 for dim in conditions)


def zero(dtype: DType) -> Constant:
    return Constant(False if dtype.kind == "b" else 0, dtype)


def _permute(e: ElementWriter, node: Expr, index: Index, guard: Conditions) -> Scalar:
    places: list[Dim] = [0] * len(index)
    for place, axis in zip(index, node.attrs[0], strict=True):
        places[axis] = place
    return e.operand(node, 0, tuple(places), guard)


def _axes(node: Expr) -> tuple[int, ...]:
    return node.attrs[0] if isinstance(node.attrs[0], tuple) else (node.attrs[0],)


def _expand(e: ElementWriter, node: Expr, index: Index, guard: Conditions) -> Scalar:
    axes = _axes(node)
    return e.operand(node, 0, tuple([place for axis, place in enumerate(index) if axis not in axes]), guard)


def _squeeze(e: ElementWriter, node: Expr, index: Index, guard: Conditions) -> Scalar:
    axes, rest = _axes(node), iter(index)
    return e.operand(
        node, 0, tuple([0 if axis in axes else next(rest) for axis in range(node.operands[0].ndim)]), guard
    )


def _broadcast(e: ElementWriter, node: Expr, index: Index, guard: Conditions) -> Scalar:
    return e.operand(node, 0, aligned(index, node.operands[0].shape), guard)


def _reshape(e: ElementWriter, node: Expr, index: Index, guard: Conditions) -> Scalar:
    return e.operand(node, 0, reshaped(index, node.shape, node.operands[0].shape), guard)


def reshaped(index: Index, shape: Shape, other: Shape) -> Index:
    """The index in another shape of the element at an index. Axes of which the lengths make the same product are taken together,
    so that what keeps its place has no division."""
    result: list[Dim] = [0] * len(other)
    if 0 in shape or 0 in other:
        return tuple(result)
    ours = [(dim, place) for dim, place in zip(shape, index, strict=True) if dim != 1]
    theirs = [(dim, axis) for axis, dim in enumerate(other) if dim != 1]
    while ours and theirs:
        taken = next(
            (
                (a, b)
                for a, b in _sizes(len(ours), len(theirs))
                if dims.product([dim for dim, _ in ours[:a]]) == dims.product([dim for dim, _ in theirs[:b]])
            ),
            (len(ours), len(theirs)),
        )
        here, there = ours[: taken[0]], theirs[: taken[1]]
        place: Dim = 0
        for dim, own in here:
            place = dims.add(dims.multiply(place, dim), own)
        for dim, axis in reversed(there[1:]):
            result[axis] = remainder(place, dim)
            place = dims.floor_divide(place, dim)
        result[there[0][1]] = place
        ours, theirs = ours[taken[0] :], theirs[taken[1] :]
    return tuple(result)


def _sizes(a: int, b: int) -> list[tuple[int, int]]:
    """How many first axes of each shape may go together, the fewest first."""
    return sorted(((m, n) for m in range(1, a + 1) for n in range(1, b + 1)), key=sum)


def _flip(e: ElementWriter, node: Expr, index: Index, guard: Conditions) -> Scalar:
    axis, shape = node.attrs[0], node.shape
    axes = range(len(shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    places = [
        dims.subtract(dims.subtract(dim, 1), place) if number in axes else place
        for number, (place, dim) in enumerate(zip(index, shape, strict=True))
    ]
    return e.operand(node, 0, tuple(places), guard)


def _roll(e: ElementWriter, node: Expr, index: Index, guard: Conditions) -> Scalar:
    shift, axis = node.attrs
    if node.ndim == 0:
        return e.operand(node, 0, index, guard)
    place = remainder(dims.subtract(index[axis], shift), node.shape[axis])
    return e.operand(node, 0, (*index[:axis], place, *index[axis + 1 :]), guard)


def _tile(e: ElementWriter, node: Expr, index: Index, guard: Conditions) -> Scalar:
    x = node.operands[0]
    own, wide = index[len(index) - x.ndim :], node.shape[node.ndim - x.ndim :]
    places = [
        0 if dim == 1 else place if dim == length else remainder(place, dim)
        for place, dim, length in zip(own, x.shape, wide, strict=True)
    ]
    return e.operand(node, 0, tuple(places), guard)


def _repeat(e: ElementWriter, node: Expr, index: Index, guard: Conditions) -> Scalar:
    repeats, axis = node.attrs
    place = dims.floor_divide(index[axis], repeats) if repeats else 0
    return e.operand(node, 0, (*index[:axis], place, *index[axis + 1 :]), guard)


def _pad(e: ElementWriter, node: Expr, index: Index, guard: Conditions) -> Scalar:
    widths, value = node.attrs
    x = node.operands[0]
    moved = [dims.subtract(place, before) for place, (before, _) in zip(index, widths, strict=True)]
    inside: Conditions = ()
    at: list[Dim] = []
    for place, dim, pair in zip(moved, x.shape, widths, strict=True):
        here = within(place, dim) if any(pair) else ()
        inside += here
        at.append(0 if dim == 1 else e.inside(place, here))
    outside = Constant(x.dtype.type(value).item(), node.dtype)
    return (
        outside
        if never(inside)
        else choose(inside, e.operand(node, 0, tuple(at), (*guard, *inside)), outside)
    )


def _half(e: ElementWriter, node: Expr, index: Index, guard: Conditions, lower: bool) -> Scalar:
    above = dims.subtract(dims.subtract(index[-1], index[-2]), node.attrs[0])
    here = (dims.multiply(-1, above) if lower else above,)
    return (
        zero(node.dtype) if never(here) else choose(here, e.operand(node, 0, index, guard), zero(node.dtype))
    )


def _tril(e: ElementWriter, node: Expr, index: Index, guard: Conditions) -> Scalar:
    return _half(e, node, index, guard, True)


def _triu(e: ElementWriter, node: Expr, index: Index, guard: Conditions) -> Scalar:
    return _half(e, node, index, guard, False)


def _diagonal(e: ElementWriter, node: Expr, index: Index, guard: Conditions) -> Scalar:
    offset = node.attrs[0]
    row, column = dims.add(index[-1], max(-offset, 0)), dims.add(index[-1], max(offset, 0))
    return e.operand(node, 0, (*index[:-1], row, column), guard)


def _diag(e: ElementWriter, node: Expr, index: Index, guard: Conditions) -> Scalar:
    k, (row, column) = node.attrs[0], index
    place = dims.subtract(row, max(-k, 0))
    on = within(place, node.operands[0].shape[0])
    here = (*equal(dims.add(row, k), column), *on)
    at: Dim = 0 if node.operands[0].shape[0] == 1 else e.inside(place, on)
    return (
        zero(node.dtype)
        if never(here)
        else choose(here, e.operand(node, 0, (at,), (*guard, *here)), zero(node.dtype))
    )


def _eye(e: ElementWriter, node: Expr, index: Index, guard: Conditions) -> Scalar:
    return cast(Holds(equal(dims.add(index[0], node.attrs[2]), index[1])), node.dtype)


def _arange(e: ElementWriter, node: Expr, index: Index, guard: Conditions) -> Scalar:
    start, _, step, _ = node.attrs
    return cast(IndexValue(dims.add(start, dims.multiply(index[0], step))), node.dtype)


def _dim(e: ElementWriter, node: Expr, index: Index, guard: Conditions) -> Scalar:
    return IndexValue(node.attrs[0])


def _one_hot(e: ElementWriter, node: Expr, index: Index, guard: Conditions) -> Scalar:
    wanted = e.operand(node, 0, index[:-1], guard)
    return cast(apply("equal", wanted, IndexValue(index[-1])), node.dtype)


def _concat(e: ElementWriter, node: Expr, index: Index, guard: Conditions) -> Scalar:
    axis = node.attrs[0]
    start: Dim = 0
    result: Scalar | None = None
    for slot, operand in enumerate(node.operands):
        length = operand.shape[axis]
        if length == 0:
            continue
        place = dims.subtract(index[axis], start)
        here = within(place, length)
        if never(
            here
        ):  # nothing of this one is read here, nor is it computed where that is all that is asked of it
            start = dims.add(start, length)
            continue
        at: Dim = 0 if length == 1 else e.inside(place, here)
        value = e.operand(node, slot, (*index[:axis], at, *index[axis + 1 :]), (*guard, *here))
        result = value if result is None else e.writer.let(choose(here, value, result))
        start = dims.add(start, length)
    return result if result is not None else zero(node.dtype)


def _stack(e: ElementWriter, node: Expr, index: Index, guard: Conditions) -> Scalar:
    axis = node.attrs[0]
    rest, place = (*index[:axis], *index[axis + 1 :]), index[axis]
    if isinstance(place, int):
        return e.operand(node, place, rest, guard)
    result = e.operand(node, 0, rest, guard)
    for slot in range(1, len(node.operands)):
        here = equal(place, slot)
        result = e.writer.let(choose(here, e.operand(node, slot, rest, guard), result))
    return result


RULES: dict[str, Rule] = {
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
"""Operations of which each element is one of the operands', or known by its place alone."""

__all__ = ["RULES", "aligned", "choose", "equal", "never", "remainder", "reshaped", "within", "zero"]

"""Which elements of a node matter: the conditions under which outputs depend on it, or under which it changes at all.

Reverse mode follows them from the outputs back, forward mode from the inputs on. What an operation leaves out (an index, a
triangle, a branch, the elements that are not the largest) must not reach a derivative: there it is replaced by 0, not multiplied
by 0, which would make NaN of an infinite partial.

Where it follows from shapes and static arguments alone, a condition is known while the graph is written, as an array of NumPy
with axes of length 1 along which it is uniform, named ones among them. One that holds everywhere is None: nothing is guarded
then, so the slices that make up a whole array cost nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.interpret.numpy_eval import run_arrays
from graphc.ir import dims
from graphc.ir.dims import Dim
from graphc.ir.expr import Expr, cast, constant, walk
from graphc.ir.graph import Dag
from graphc.ir.op import SYMBOL, lookup
from graphc.ir.types import Shape, is_float
from graphc.ops.comparison import not_equal
from graphc.ops.index import to_numpy
from graphc.ops.support.attributes import axes_of
from graphc.ops.support.build import broadcast, call, expanded, fitted, zeros_like
from graphc.ops.support.index_axes import WHOLE

MOST_ELEMENTS = 1 << 20
"""Of a condition that is computed while the graph is written; longer ones are left to the compiled code."""

Mask = np.ndarray[Any, np.dtype[np.bool_]]


class Path:
    """The condition under which a node matters: `condition` inside `parent`.

    mask : the same, where it is known while the graph is written; broadcasts to the node
    scattered : the adjoint, where it is an array of zeros with all that matters added at some places
    of_largest : whether what it leaves out is below what it keeps, or above, so that it leaves out no NaN
    covers : the axes along which there is, at every place, some element for which it holds
    never : whether it holds nowhere
    """

    mask: Mask | None

    __slots__ = ("condition", "covers", "expr", "mask", "of_largest", "parent", "scattered")

    def __init__(self, parent: Path | None, condition: Expr, mask: Mask | None = None) -> None:
        self.parent: Path | None = parent
        self.condition: Expr = condition
        self.mask = mask
        self.scattered: Expr | None = None
        self.of_largest: bool = False
        self.covers: frozenset[int] = frozenset()
        self.expr: Expr = condition if parent is None else parent.expr & condition

    @property
    def never(self) -> bool:
        return self.mask is not None and not self.mask.any()

    def scattering(self, adjoint: Expr) -> Path:
        """The same path with another scattered adjoint."""
        other = Path(self.parent, self.condition, self.mask)
        other.scattered = adjoint
        other.covers = self.covers
        return other


def static(mask: Mask) -> Path | None:
    """The path of a mask; None where it holds everywhere."""
    if mask.all():
        return None
    for axis in range(mask.ndim):
        if mask.shape[axis] > 1 and (mask == mask.take([0], axis)).all():
            mask = mask.take([0], axis)
    return Path(None, constant(mask), mask)


def _opposite(a: Expr, b: Expr) -> bool:
    """Whether one condition is the other's negation, by form."""
    negation = lookup("logical_not")
    return (a.op is negation and a.operands[0] is b) or (b.op is negation and b.operands[0] is a)


def merge(paths: Sequence[Path | None]) -> Path | None:
    """The condition under which any of several uses is live; None is always."""
    live: list[Path] = []
    for path in paths:
        while True:
            if path is None:
                return None
            twin = next(
                (k for k in live if k.parent is path.parent and _opposite(k.condition, path.condition)), None
            )
            if twin is None:
                break
            live.remove(twin)  # both sides of one branch: live wherever the branch is
            path = path.parent
        if path not in live:
            live.append(path)
    masks = [path.mask for path in live if path.mask is not None]
    if len(masks) > 1:
        whole = masks[0]
        for mask in masks[1:]:
            whole = whole | mask
        joined = static(whole)
        if joined is None:
            return None
        live = [joined, *(path for path in live if path.mask is None)]
    if len(live) == 1:
        return live[0]
    union = live[0].expr
    for path in live[1:]:
        union = union | path.expr
    return Path(None, union)


# --- from a node back to its operands -------------------------------------------------------------------------------------

Pull = Callable[[Expr, int, Expr], Expr | None]
"""(user, slot, adjoint) → what the user hands back to that operand."""


def behind(path: Path | None, user: Expr, slot: int, pulled: Pull) -> Path | None:
    """The path of an operand, given that of its user."""
    op, operand = user.op, user.operands[slot]
    if not op.on_arrays:
        return None if path is None else _behind_elements(path, user, operand)
    if (
        path is not None
        and op.linear == "each"
        and not op.picks
        and op.keeps is None
        and op.pullbacks is not None
    ):
        return _of_bilinear(path, user, slot)
    if op.reads is not None:
        condition = op.reads(_whole(path, user), user, user.operands, slot, *user.attrs)
        if condition is None:
            return None
        return of_condition(condition, path is None and op.reduces is not None)
    if op.keeps is not None:
        return None if path is None else _along_kept(path, user, slot)
    leaves_out = op.leaves_out
    if callable(leaves_out):
        leaves_out = leaves_out(user.operands, slot, *user.attrs)
    if not (leaves_out or (path is not None and (op.moves or op.picks))):
        return None
    if path is None or path.mask is not None:
        mask = np.ones((1,) * user.ndim, dtype=bool) if path is None else path.mask
        assert mask is not None
        rule = _BACK.get(op.name)
        if rule is not None:
            mask = np.broadcast_to(mask, (1,) * (user.ndim - mask.ndim) + mask.shape)
            back = rule(mask, user, slot)
            if back is not None:
                return static(back)
    if path is None and op.name == "index":
        path = Path(None, _named_places(user))
        path.covers = _covered(user)
        return path
    condition = _whole(path, user)
    used = broadcast(constant(1.0, user.dtype), user) if condition is None else cast(condition, user.dtype)
    handed = pulled(user, slot, used)
    if handed is None:
        return None
    mask = computed_mask(handed)
    if mask is not None:
        return static(mask)
    return of_condition(not_equal(handed, 0), path is None and op.picks)


def _of_bilinear(path: Path, user: Expr, slot: int) -> Path | None:
    """The path of a factor: what goes back to it where all other factors are 1."""
    op = user.op
    ones = [
        operand
        if place == slot or not is_float(operand.dtype)
        else broadcast(constant(1.0, operand.dtype), operand)
        for place, operand in enumerate(user.operands)
    ]
    used = cast(broadcast(path.expr, user), user.dtype)
    if isinstance(op.pullbacks, tuple):
        rule = op.pullbacks[slot]
        handed = None if rule is None else rule(used, user, *ones, *user.attrs)
    else:
        assert op.pullbacks is not None
        handed = op.pullbacks(used, user, tuple(ones), slot, *user.attrs)
    if handed is None:
        return None
    mask = computed_mask(handed)
    return static(mask) if mask is not None else of_condition(not_equal(handed, 0))


def _along_kept(path: Path, user: Expr, slot: int) -> Path | None:
    """The path of an operand whose elements enter those of the result that stand beside them along the axes that are kept."""
    operand, kept = user.operands[slot], user.op.keeps(user.operands, slot, *user.attrs)  # type: ignore[misc]
    kept = tuple(
        None if dim == 1 or axis is None else axis for axis, dim in zip(kept, operand.shape, strict=True)
    )
    axes = tuple(axis for axis in kept if axis is not None)
    if set(axes) <= path.covers:
        return None
    others = tuple(axis for axis in range(user.ndim) if axis not in axes)
    order = np.argsort(np.argsort(axes))  # the axes that are left stand in the result's order
    gone = tuple(place for place, axis in enumerate(kept) if axis is None)
    if path.mask is not None:
        mask = path.mask.reshape((1,) * (user.ndim - path.mask.ndim) + path.mask.shape)
        return static(np.expand_dims(mask.any(axis=others).transpose(tuple(order.tolist())), gone))
    condition = broadcast(path.expr, user)
    if others:
        condition = call("any", condition, axis=others)
    if tuple(order) != tuple(range(len(order))):
        condition = call("permute_dims", condition, axes=tuple(int(place) for place in order))
    return Path(None, expanded(condition, gone))


def of_condition(condition: Expr, of_largest: bool = False) -> Path | None:
    mask = computed_mask(condition)
    if mask is not None:
        return static(mask)
    path = Path(None, condition)
    path.of_largest = of_largest
    return path


def _whole(path: Path | None, node: Expr) -> Expr | None:
    return None if path is None else broadcast(path.expr, node)


def _behind_elements(path: Path, user: Expr, operand: Expr) -> Path | None:
    if not path.expr.shape or user.shape == operand.shape:
        return path
    if path.mask is not None:
        return static(_any_along(path.mask, user.shape, operand.shape))
    return Path(None, not_equal(fitted(cast(broadcast(path.expr, user), "float32"), operand), 0))


def computed_mask(handed: Expr) -> Mask | None:
    """Where an expression without inputs is not 0; None of one with inputs, or with too many elements."""
    size = dims.product(handed.shape)
    if not isinstance(size, int) or size > MOST_ELEMENTS:
        return None
    order = walk([handed])
    for node in order:
        length = dims.product(node.shape)
        if node.op is SYMBOL or not isinstance(length, int) or length > MOST_ELEMENTS:
            return None
    dag = Dag([handed])
    return np.asarray(run_arrays(dag, [])[dag.outputs[0]] != 0)


def _any_along(mask: Mask, shape: Shape, target: Shape) -> Mask:
    """A mask of what was broadcast from `target` to `shape`, as one of what was broadcast."""
    mask = mask.reshape((1,) * (len(shape) - mask.ndim) + mask.shape)
    extra = len(shape) - len(target)
    mask = np.asarray(mask.any(axis=tuple(range(extra))))
    wide = tuple(axis for axis, dim in enumerate(target) if dim == 1)
    return np.asarray(mask.any(axis=wide, keepdims=True)) if wide else mask


def _back_index(mask: Mask, user: Expr, slot: int) -> Mask | None:
    (key,) = user.attrs
    x = user.operands[0]
    if slot or "array" in key:
        return None
    shape: list[int] = []
    place = axis = 0
    for item in key:
        if item is None:
            place += 1
            continue
        length: Dim = x.shape[axis]
        if item == WHOLE:
            shape.append(mask.shape[place])
        elif isinstance(length, int) and not _named_ends(item):
            shape.append(length)
        else:
            return None
        place += isinstance(item, tuple)
        axis += 1
    if np.prod(shape, dtype=float) > MOST_ELEMENTS:
        return None
    back = np.zeros(shape, dtype=bool)
    back[to_numpy(key, ())] = mask
    return back


def _named_places(user: Expr) -> Expr:
    """Which elements of x the node x[key] names; of one row for all along axes that are taken as a whole."""
    x, *arrays = user.operands
    (key,) = user.attrs
    items = [item for item in key if item is not None]
    first = tuple(
        ("slice", 0, 1, None) if item == WHOLE and isinstance(length, int) and length else WHOLE
        for item, length in zip(items, x.shape, strict=True)
    )
    places = call("index", zeros_like(x), key=first) if set(first) != {WHOLE} else zeros_like(x)
    return not_equal(call("at_add", places, constant(1, x.dtype), *arrays, key=key), 0)


def _covered(user: Expr) -> frozenset[int]:
    """The axes of x that x[key] takes as a whole: by a slice, or by an array that counts along them."""
    x, *arrays = user.operands
    rest = iter(arrays)
    items = [item for item in user.attrs[0] if item is not None]
    covered = set()
    for axis, item in enumerate(items):
        array = next(rest) if item == "array" else None
        while array is not None and array.op.name in ("reshape", "expand_dims", "broadcast_to", "astype"):
            array = array.operands[0]
        counts = array is not None and array.op.name == "arange" and array.attrs[:3] == (0, x.shape[axis], 1)
        if item == WHOLE or counts:
            covered.add(axis)
    return frozenset(covered)


def _named_ends(item: Any) -> bool:
    return isinstance(item, tuple) and not all(end is None or isinstance(end, int) for end in item[1:])


def _back_stack(mask: Mask, user: Expr, slot: int) -> Mask:
    (axis,) = user.attrs
    return np.asarray(mask.take(slot if mask.shape[axis] > 1 else 0, axis))


def _back_concat(mask: Mask, user: Expr, slot: int) -> Mask | None:
    (axis,) = user.attrs
    if mask.shape[axis] == 1:
        return mask
    lengths = [operand.shape[axis] for operand in user.operands]
    if not all(isinstance(length, int) for length in lengths):
        return None
    start = int(np.sum(lengths[:slot], dtype=int))  # type: ignore[arg-type]
    return mask.take(range(start, start + lengths[slot]), axis)  # type: ignore[operator]


def _back_sum(mask: Mask, user: Expr, slot: int) -> Mask:
    axis, keepdims = user.attrs
    return mask if keepdims else np.expand_dims(mask, axes_of(axis, user.operands[0].ndim))


_BACK: dict[str, Callable[[Mask, Expr, int], Mask | None]] = {
    "index": _back_index,
    "stack": _back_stack,
    "concat": _back_concat,
    "permute_dims": lambda mask, user, slot: mask.transpose(np.argsort(user.attrs[0])),
    "expand_dims": lambda mask, user, slot: _any_along(mask, user.shape, user.shape).reshape(
        [n for axis, n in enumerate(mask.shape) if axis not in np.atleast_1d(user.attrs[0])]
    ),
    "squeeze": lambda mask, user, slot: np.expand_dims(mask, user.attrs[0]),
    "sum": _back_sum,
    "mean": _back_sum,
    "broadcast_to": lambda mask, user, slot: _any_along(mask, user.shape, user.operands[0].shape),
    "broadcast_like": lambda mask, user, slot: _any_along(mask, user.shape, user.operands[0].shape),
}
"""(mask of the node, with as many axes; node; slot) → mask of the operand; None where it cannot tell. Named axes go through."""

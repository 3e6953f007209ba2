"""Which elements of an operation's result depend on which elements of an operand, read from its declaration.

Each rule gives pairs (element of the result, element of the operand), both numbered row by row. What moves elements is
asked where it moves their numbers; sums say what they sum over; products leave out what a constant multiplies by zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from graphc.ir.expr import Expr
from graphc.ir.op import lookup
from graphc.ops.einsum import parts
from graphc.ops.support import attributes as at

Pairs = tuple[np.ndarray, np.ndarray]
"""Elements of a result and, beside each, an element of an operand that it depends on."""

Values = Mapping[int, np.ndarray]
"""Of the operands that hold no symbol, by their slots."""


def numbered(shape: Any) -> np.ndarray:
    """An array that holds the number of each element."""
    return np.arange(math.prod(shape), dtype=np.int64).reshape(shape)


def pairs(node: Expr, slot: int, values: Values) -> Pairs:
    """The pairs of a node and one of its operands; all of them where nothing better is known."""
    name = node.op.name
    rule = _RULES.get(name)
    if rule is not None:
        return rule(node, slot, values)
    if name in _GATHERS and all(number in values for number in _places(node)):
        return _moved(node, slot, values)
    names = [known.name for known in node.op.attributes]
    if len(node.operands) == 1 and "axis" in names:
        axis = node.attrs[names.index("axis")]
        return _along(node, axis) if name in _KEEP_SHAPE else _reduced(node, axis)
    if node.op.batch == "stacks":
        return _stacked(node, slot)
    return _every(node, slot)


# --- elementwise -------------------------------------------------------------------------------------------------------------


def elementwise(node: Expr, slot: int, values: Values) -> Pairs | None:
    """The pairs of an operation on elements; None where each element depends on its own alone, of the same shape."""
    operand = node.operands[slot]
    shape: Any = node.shape
    used = _used(node, slot, values)
    if used is None and operand.shape == node.shape:
        return None
    source = np.broadcast_to(numbered(operand.shape), shape)
    if used is None:
        return numbered(shape).ravel(), source.ravel()
    used = np.broadcast_to(used, shape)
    return numbered(shape)[used].ravel(), source[used].ravel()


def _used(node: Expr, slot: int, values: Values) -> np.ndarray | None:
    """Where the derivative by an operand is not zero, as constants beside it decide; None is everywhere."""
    if node.op.name == "multiply" and 1 - slot in values:
        used = values[1 - slot] != 0
    elif node.op.name == "where" and 0 in values and slot:
        used = values[0].astype(bool) == (slot == 1)
    else:
        return None
    return None if used.all() else used


# --- what moves elements -----------------------------------------------------------------------------------------------------

_GATHERS = frozenset(
    "flip roll tile repeat pad tril triu diagonal diag reshape permute_dims expand_dims squeeze broadcast_to broadcast_like "
    "concat stack index at_set im2col".split()
)
_KEEP_SHAPE = frozenset(("softmax", "log_softmax", "sort", "cumsum", "cumprod"))


def _places(node: Expr) -> list[int]:
    """The slots of whole numbers, which say where elements go."""
    return [slot for slot, operand in enumerate(node.operands) if operand.dtype.kind in "iub"]


def _moved(node: Expr, slot: int, values: Values) -> Pairs:
    """An operation that moves elements, applied to their numbers: 0 stands for every other element."""
    arguments = []
    for number, operand in enumerate(node.operands):
        if number == slot:
            arguments.append(numbered(operand.shape) + 1)
        elif operand.dtype.kind in "iub":
            arguments.append(values[number])
        else:
            arguments.append(np.zeros(operand.shape, np.int64))  # type: ignore[arg-type]
    attrs = (node.attrs[0], 0) if node.op.name == "pad" else node.attrs
    source = np.asarray(node.op.reference(*arguments, *attrs)).astype(np.int64).ravel()
    rows = np.flatnonzero(source)
    return rows, source[rows] - 1


def _added(node: Expr, slot: int, values: Values) -> Pairs:
    """x with values added at some places."""
    if slot == 0:
        every = numbered(node.shape).ravel()
        return every, every
    if not all(number in values for number in _places(node)):
        return _every(node, slot)
    where = [values[number] for number in _places(node)]
    rows = np.asarray(lookup("index").reference(numbered(node.shape), *where, *node.attrs))
    return rows.ravel(), np.broadcast_to(numbered(node.operands[slot].shape), rows.shape).ravel()


# --- sums and products -------------------------------------------------------------------------------------------------------


def _reduced(node: Expr, axis: Any) -> Pairs:
    """Every element of a reduction depends on all that it reduces."""
    shape: Any = node.operands[0].shape
    axes = at.axes_of(axis, len(shape))
    kept = tuple([1 if place in axes else length for place, length in enumerate(shape)])
    if math.prod(kept) != math.prod(node.shape):  # type: ignore[arg-type]
        return _every(node, 0)
    return np.broadcast_to(numbered(kept), shape).ravel(), numbered(shape).ravel()


def _along(node: Expr, axis: Any) -> Pairs:
    """What mixes the elements along axes and leaves the shape: all of them, or all up to each in running sums."""
    shape: Any = node.operands[0].shape
    axes = at.axes_of(axis, len(shape))
    length = math.prod([shape[place] for place in axes])
    others = [place for place in range(len(shape)) if place not in axes]
    lines = (
        np.transpose(numbered(shape), (*others, *axes)).reshape(-1, length) if length else numbered((0, 0))
    )
    row, column = np.indices((length, length))
    if node.op.name in ("cumsum", "cumprod"):
        later = row >= column
        row, column = row[later], column[later]
    return lines[:, row.ravel()].ravel(), lines[:, column.ravel()].ravel()


def _recurrence(node: Expr, slot: int, values: Values) -> Pairs:
    """y[i] = a[i]·y[i−1] + b[i]: each depends on all before it, and y[0] on no factor."""
    if node.operands[slot].shape != node.shape:
        return _every(node, slot)
    shape: Any = node.shape
    lines = numbered(shape).reshape(-1, shape[-1])
    row, column = np.indices((shape[-1], shape[-1]))
    earlier = (row >= column) & ((column > 0) if slot == 0 else True)
    return lines[:, row[earlier]].ravel(), lines[:, column[earlier]].ravel()


def _summed_products(node: Expr, slot: int, values: Values) -> Pairs:
    return _einsum(node, slot, values, *parts(node.attrs[0]))


def _matmul(node: Expr, slot: int, values: Values) -> Pairs:
    a, b = node.operands
    ahead = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[: max(a.ndim, b.ndim, 2) - 2]
    left = "k" if a.ndim == 1 else ahead[len(ahead) - (a.ndim - 2) :] + "ik"
    right = "k" if b.ndim == 1 else ahead[len(ahead) - (b.ndim - 2) :] + "kj"
    output = ahead + ("i" if a.ndim > 1 else "") + ("j" if b.ndim > 1 else "")
    return _einsum(node, slot, values, [left, right], output)


def _einsum(node: Expr, slot: int, values: Values, terms: list[str], output: str) -> Pairs:
    """A product of two or more operands summed over letters: a pair for every term that no constant makes zero."""
    lengths: dict[str, int] = {}
    for term, operand in zip(terms, node.operands, strict=True):
        for letter, length in zip(term, operand.shape, strict=True):
            if length != 1 or letter not in lengths:  # of length 1 an axis is repeated
                lengths[letter] = length  # type: ignore[assignment]
    grid, letters, keys = _letters(terms, values, lengths)
    missing = [letter for letter in dict.fromkeys(output + terms[slot]) if letter not in letters]
    for letter in missing:
        grid = np.repeat(grid, lengths[letter])
        wide = {key: np.repeat(of, lengths[letter]) for key, of in keys.items()}
        keys = {**wide, letter: np.tile(np.arange(lengths[letter]), len(grid) // max(lengths[letter], 1))}
    shape: Any = node.operands[slot].shape
    return _flat(output, keys, node.shape, len(grid)), _flat(terms[slot], keys, shape, len(grid))


def _letters(terms: list[str], values: Values, lengths: Mapping[str, int]) -> tuple[np.ndarray, str, dict]:
    """The places where the constant factors differ from zero, as an index for each of their letters."""
    letters = "".join(dict.fromkeys("".join(terms[slot] for slot in values)))
    used: Any = np.ones([lengths[letter] for letter in letters], bool)
    for slot, value in values.items():
        term = terms[slot]
        unique = "".join(dict.fromkeys(term))
        view = np.einsum(f"{term}->{unique}", value != 0) if unique != term else value != 0
        order = [unique.index(letter) for letter in letters if letter in unique]
        view = np.transpose(view, order)
        used = used & view[tuple([slice(None) if letter in unique else None for letter in letters])]
    where: tuple[np.ndarray, ...] = np.nonzero(used) if letters else ()
    return np.zeros(np.count_nonzero(used), np.int64), letters, dict(zip(letters, where, strict=True))


def _flat(term: str, keys: Mapping[str, np.ndarray], shape: Any, count: int) -> np.ndarray:
    """The numbers of the elements that letters stand for; an axis of length 1 is repeated."""
    result = np.zeros(count, np.int64)
    for letter, length in zip(term, shape, strict=True):
        result = result * length + (keys[letter] if length != 1 else 0)
    return result


# --- windows -----------------------------------------------------------------------------------------------------------------


def _convolution(node: Expr, slot: int, values: Values) -> Pairs:
    """conv2d and what it hands back: one triple (result, image, kernel) for every product in the sum."""
    a, b = [operand.shape for operand in node.operands]
    shapes: Any = {
        "conv2d": (a, b, node.shape),
        "conv2d_input_grad": (node.shape, b, a),
        "conv2d_kernel_grad": (a, node.shape, b),
    }[node.op.name]
    images, kernels, results = shapes
    columns = lookup("im2col").reference(numbered(images) + 1, tuple(kernels[2:]), *node.attrs[-2:])
    columns = columns[
        :, None
    ]  # image, one for every result's channel, place in the kernel, place in the result
    wide = (images[0], kernels[0], math.prod(kernels[1:]), math.prod(results[2:]))
    image = np.broadcast_to(columns, wide)
    kernel = np.broadcast_to(numbered(kernels).reshape(1, kernels[0], -1, 1), wide)
    result = np.broadcast_to(numbered(results).reshape(results[0], results[1], 1, -1), wide)
    used = image > 0
    triple = {"image": image[used].astype(np.int64) - 1, "kernel": kernel[used], "result": result[used]}
    parts_of = {
        "conv2d": ("result", "image", "kernel"),
        "conv2d_input_grad": ("image", "result", "kernel"),
        "conv2d_kernel_grad": ("kernel", "image", "result"),
    }[node.op.name]
    other = values.get(1 - slot)
    rows, columns = triple[parts_of[0]], triple[parts_of[1 + slot]]
    if other is not None:
        nonzero = other.ravel()[triple[parts_of[2 - slot]]] != 0
        rows, columns = rows[nonzero], columns[nonzero]
    return rows, columns


def _pooled(node: Expr, slot: int, values: Values) -> Pairs:
    """Windows of images side by side: what they are pooled to, or what that hands back."""
    back = node.op.name.endswith("_grad")
    images: Any = node.shape if back else node.operands[0].shape
    results: Any = node.operands[0].shape if back else node.shape
    size, stride, padding = node.attrs[-3:]
    flat = numbered(images).reshape(-1, 1, *images[2:]) + 1
    columns = lookup("im2col").reference(flat, size, stride, padding).astype(np.int64)
    result = np.broadcast_to(numbered(results).reshape(len(flat), 1, -1), columns.shape)
    used = columns > 0
    image, result = columns[used] - 1, result[used]
    return (image, result) if back else (result, image)


def _laid_back(node: Expr, slot: int, values: Values) -> Pairs:
    """col2im: the transpose of im2col."""
    size, stride, padding = node.attrs[-3:]
    columns = lookup("im2col").reference(numbered(node.shape) + 1, size, stride, padding).astype(np.int64)
    source = np.flatnonzero(columns)
    return columns.ravel()[source] - 1, source


# --- whole arrays ------------------------------------------------------------------------------------------------------------


def _stacked(node: Expr, slot: int) -> Pairs:
    """A function of matrices: everything of one matrix, nothing of another in the stack."""
    shape: Any = node.operands[slot].shape
    batch = shape[:-2]
    count = math.prod(batch)
    if node.shape[: len(batch)] != batch or count < 2:
        return _every(node, slot)
    results = numbered(node.shape).reshape(count, -1, 1)
    operands = numbered(shape).reshape(count, 1, -1)
    wide = np.broadcast_shapes(results.shape, operands.shape)
    return np.broadcast_to(results, wide).ravel(), np.broadcast_to(operands, wide).ravel()


def _every(node: Expr, slot: int) -> Pairs:
    """Every element of the result may depend on every one of the operand."""
    shape: Any = node.operands[slot].shape
    rows, columns = numbered(node.shape).size, math.prod(shape)
    return np.repeat(np.arange(rows), columns), np.tile(np.arange(columns), rows)


_RULES: dict[str, Callable[[Expr, int, Values], Pairs]] = {
    "at_add": _added,
    "einsum": _summed_products,
    "matmul": _matmul,
    "linear_recurrence": _recurrence,
    "conv2d": _convolution,
    "conv2d_input_grad": _convolution,
    "conv2d_kernel_grad": _convolution,
    "avg_pool2d": _pooled,
    "avg_pool2d_grad": _pooled,
    "max_pool2d": _pooled,
    "max_pool2d_grad": _pooled,
    "max_pool2d_pick": _pooled,
    "col2im": _laid_back,
}

__all__ = ["Pairs", "elementwise", "numbered", "pairs"]

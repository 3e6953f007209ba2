"""Composite operations in terms of simple ones: what is left are elements, views, library calls, and reductions along one run of
neighbouring axes that disappear.

Each formula is that of the operation's reference, so interpreter and machine code differ by rounding alone.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

from graphc.compiler.lowering.einsum import einsum
from graphc.compiler.targets.llvm import libm
from graphc.errors import CompileError
from graphc.ir import dims
from graphc.ir.expr import Expr, apply, constant
from graphc.ir.graph import Dag, transform
from graphc.ir.op import lookup
from graphc.ir.types import format_shape
from graphc.ops.support.attributes import axes_of
from graphc.ops.support.build import call, count, expanded, summed

FEW = 16
"""So many elements are reduced by operations that are written out."""

NARROW = 4
"""Columns of both sides of a product, of points in space and a transformation: what is around it shares its loop."""

FEW_ROWS = 1_024
"""Rows of the left side of such a product."""

SMALL_PRODUCT = 512
"""Multiplications of a product of matrices of fixed size that is written out: a call of a library takes longer."""

_WHOLE = ("slice", None, None, None)


def decompose(dag: Dag) -> Dag:
    """The graph in simple operations."""
    while any(_simpler(node) is not node for node in dag.exprs if node.operands or node.op.on_arrays):
        dag = transform(dag, lambda node: _simpler(node) if node.operands or node.op.on_arrays else node)
    return dag


def run_of(node: Expr) -> tuple[int, int]:
    """The first axis of a simple reduction's run, and the one behind its last."""
    axis = node.attrs[0]
    return (axis[0], axis[-1] + 1) if isinstance(axis, tuple) else (axis, axis + 1)


def _simpler(node: Expr) -> Expr:
    """A node with its own operation made simpler by one step; the node itself where it is simple."""
    op = node.op
    rule = _reduce if op.reduces is not None else _RULES.get(op.name)
    if rule is not None and op.on_arrays:
        types = op.types(tuple(operand.dtype for operand in node.operands))[0]
        operands = [
            operand if operand.dtype == dtype else operand.astype(dtype)
            for operand, dtype in zip(node.operands, types, strict=True)
        ]
        result = rule(node, *operands)
    elif op.expand is not None and (op.on_arrays or op.emit is None or not libm.has_fma()):
        types = op.types(tuple(operand.dtype for operand in node.operands))[0]
        operands = [
            operand if operand.dtype == dtype else operand.astype(dtype)
            for operand, dtype in zip(node.operands, types, strict=True)
        ]
        result = constant(op.expand(*operands, *node.attrs))
    else:
        return node
    if result is node:
        return node
    if result.dtype != node.dtype:
        result = result.astype(node.dtype)
    if result.shape != node.shape:
        raise CompileError(
            f"{node.op.name} in simple operations has shape {format_shape(result.shape)}, not {format_shape(node.shape)}",
            node=repr(node),
            site=node.site,
        )
    return result


def _empty(x: Expr, axis: Any) -> bool:
    return any(x.shape[place] == 0 for place in axes_of(axis, x.ndim))


def _reduce(node: Expr, x: Expr) -> Expr:
    """A reduction along any axes as reductions along runs of neighbours, the last first."""
    name, reducer = node.op.name, node.op.reduces
    assert reducer is not None  # else this is not its rule
    axis, keepdims = node.attrs
    if reducer.of_places and axis is None:
        flat = x if x.ndim == 1 else call("reshape", x, shape=(dims.product(x.shape),))
        result = call(name, flat, axis=0, keepdims=False)
        return expanded(result, tuple(range(x.ndim))) if keepdims else result
    axes = axes_of(axis, x.ndim)
    if not axes:
        return call("broadcast_to", constant(0, node.dtype), shape=x.shape) if reducer.of_places else x
    if keepdims:
        return expanded(call(name, x, axis=axis, keepdims=False), axes)
    runs: list[list[int]] = []
    for place in axes:
        if runs and runs[-1][-1] == place - 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    if len(runs) == 1:
        few = dims.product([x.shape[place] for place in axes])
        if isinstance(few, int) and 0 < few <= FEW and not reducer.of_places:
            return _written_out(reducer.combine, x, axes)
        wanted: Any = axes[0] if reducer.of_places else axes
        return node if node.attrs == (wanted, False) else call(name, x, axis=wanted, keepdims=False)
    inner = call(name, x, axis=tuple(runs[-1]), keepdims=False)
    return call(name, inner, axis=tuple(place for run in runs[:-1] for place in run), keepdims=False)


def _written_out(combine: str, x: Expr, axes: tuple[int, ...]) -> Expr:
    """A reduction of a few elements as operations on those, in pairs, pairs of pairs and so on."""
    lengths = [range(x.shape[axis]) for axis in axes]  # type: ignore[arg-type]
    level = []
    for places in itertools.product(*lengths):
        at = dict(zip(axes, places, strict=True))
        level.append(call("index", x, key=tuple(at.get(axis, _WHOLE) for axis in range(x.ndim))))
    while len(level) > 1:
        pairs = [_element(combine, a, b) for a, b in zip(level[::2], level[1::2], strict=False)]
        level = [*pairs, *level[2 * len(pairs) :]]
    return level[0]


def _broadcast_like(node: Expr, x: Expr, like: Expr) -> Expr:
    """Of the second operand only the shape counts: nobody need compute it."""
    return call("broadcast_to", x, shape=node.shape)


def _matmul(node: Expr, a: Expr, b: Expr) -> Expr:
    """Products of a matrix and a vector as sums, which share a loop with what surrounds them; each reads its matrix by rows."""
    if a.ndim == b.ndim == 1:
        return summed(a * b)
    if a.ndim > 1 and b.ndim > 1 and _is_small(a, b):
        products = expanded(a, a.ndim) * expanded(b, b.ndim - 2)
        return summed(products, products.ndim - 2)
    if a.ndim > 2 or b.ndim > 2:
        return node
    if a.ndim == 2 and b.ndim == 2:
        if b.shape[1] == 1:
            return expanded(_matrix_vector(a, call("squeeze", b, axis=(1,))), 1)
        if a.shape[0] == 1:
            return expanded(_vector_matrix(call("squeeze", a, axis=(0,)), b), 0)
        if a.shape[1] == 1:
            return a * b
        return node
    return _matrix_vector(a, b) if b.ndim == 1 else _vector_matrix(a, b)


def _is_small(a: Expr, b: Expr) -> bool:
    """Whether matrices, or each pair of stacks of them, have so few elements that their product is written out."""
    rows, inner, columns = a.shape[-2], a.shape[-1], b.shape[-1]
    if not (isinstance(rows, int) and isinstance(inner, int) and isinstance(columns, int)):
        return False
    if rows <= 1 or columns <= 1 or not 0 < inner <= FEW:
        return False
    narrow = inner <= NARROW and columns <= NARROW and rows <= FEW_ROWS
    return narrow or rows * inner * columns <= SMALL_PRODUCT


def _matrix_vector(a: Expr, x: Expr) -> Expr:
    return _rows_added(x, a.operands[0]) if _is_transpose(a) else summed(a * x, 1)


def _vector_matrix(x: Expr, a: Expr) -> Expr:
    return summed(a.operands[0] * x, 1) if _is_transpose(a) else _rows_added(x, a)


def _rows_added(x: Expr, a: Expr) -> Expr:
    return summed(expanded(x, 1) * a, 0)


def _is_transpose(a: Expr) -> bool:
    """Whether a matrix is another one's transpose; an order of axes may also be the one that they have already."""
    return a.op.name == "permute_dims" and a.attrs[0] == (1, 0)


def _mean(node: Expr, x: Expr) -> Expr:
    axis, keepdims = node.attrs
    return summed(x, axis, keepdims) / constant(count(x.shape, axes_of(axis, x.ndim), x.dtype), x.dtype)


def _var(node: Expr, x: Expr) -> Expr:
    axis, correction, keepdims = node.attrs
    size = constant(count(x.shape, axes_of(axis, x.ndim), x.dtype), x.dtype)
    centred = x - summed(x, axis, True) / size
    from_size = size - constant(correction, x.dtype) if correction else size
    divisor = _element("maximum", from_size, constant(0, x.dtype)) if correction else size
    return summed(centred * centred, axis, keepdims) / divisor


def _element(name: str, *operands: Expr) -> Expr:
    """An operation that works element by element."""
    return apply(lookup(name), *operands)


def _greatest(x: Expr, axis: Any) -> Expr:
    top = call("max", x, axis=axis, keepdims=True)
    return _element("where", _element("isfinite", top), top, constant(0, x.dtype))


def _logsumexp(node: Expr, x: Expr) -> Expr:
    axis, keepdims = node.attrs
    axes = axes_of(axis, x.ndim)
    if not axes or _empty(x, axis):
        return node
    top = _greatest(x, axis)
    powers = _element("exp", x - top)
    result = _element("log", summed(powers, axis, True)) + top
    return result if keepdims else call("squeeze", result, axis=axes)


def _exponent_shift(node: Expr, x: Expr) -> Expr:
    axis = node.attrs[0]
    if _empty(x, axis):
        return call("broadcast_to", constant(0, x.dtype), shape=node.shape)
    return _greatest(x, axis) if axes_of(axis, x.ndim) else node


def _softmax(node: Expr, x: Expr) -> Expr:
    axis = node.attrs[0]
    if _empty(x, axis):
        return node
    powers = _element("exp", x - _greatest(x, axis))
    return powers / summed(powers, axis, True)


def _log_softmax(node: Expr, x: Expr) -> Expr:
    axis = node.attrs[0]
    if _empty(x, axis):
        return node
    shifted = x - _greatest(x, axis)
    return shifted - _element("log", summed(_element("exp", shifted), axis, True))


def _norm(node: Expr, x: Expr) -> Expr:
    order, axis, keepdims = node.attrs
    if _empty(x, axis) or not axes_of(axis, x.ndim):
        return node
    size = _element("abs", x)
    if order == math.inf:
        return call("max", size, axis=axis, keepdims=keepdims)
    if order == 1:
        return summed(size, axis, keepdims)
    top = call("max", size, axis=axis, keepdims=True)
    positive = _element("greater", top, constant(0, x.dtype))
    scale = _element(
        "where",
        _element("logical_and", positive, _element("isfinite", top)),
        top,
        constant(1, x.dtype),
    )
    ratio = size / scale
    if order == 2:
        total = _element("sqrt", summed(ratio * ratio, axis, True)) * scale
    else:
        power = constant(order, x.dtype)
        total = summed(ratio**power, axis, True) ** constant(1 / order, x.dtype) * scale
    return total if keepdims else call("squeeze", total, axis=axes_of(axis, x.ndim))


def _roll(node: Expr, x: Expr) -> Expr:
    shift, axis = node.attrs
    if axis is not None or x.ndim == 0:
        return node
    flat = call("reshape", x, shape=(dims.product(x.shape),))
    return call("reshape", call("roll", flat, shift=shift, axis=0), shape=x.shape)


def _reshape(node: Expr, x: Expr) -> Expr:
    """Axes that are merged, brought into another order and split again, as a Jacobian's are, only change their order."""
    if x.op.name != "permute_dims" or x.operands[0].op.name != "reshape":
        return node
    (merged,) = x.operands
    (source,) = merged.operands
    groups: list[list[int]] = []
    place = 0
    for length in merged.shape:
        group: list[int] = []
        while place < source.ndim and (not group or dims.product([source.shape[k] for k in group]) != length):
            group.append(place)
            place += 1
        groups.append(group)
    groups[-1] += range(place, source.ndim)
    if any(
        dims.product([source.shape[k] for k in group]) != length
        for group, length in zip(groups, merged.shape, strict=True)
    ):
        return node
    axes = tuple([k for axis in x.attrs[0] for k in groups[axis]])
    if tuple([source.shape[k] for k in axes]) != node.shape:
        return node
    return call("permute_dims", source, axes=axes)


_RULES: dict[str, Callable[..., Expr]] = {
    "mean": _mean,
    "var": _var,
    "logsumexp": _logsumexp,
    "exponent_shift": _exponent_shift,
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "norm": _norm,
    "roll": _roll,
    "reshape": _reshape,
    "broadcast_like": _broadcast_like,
    "matmul": _matmul,
    "einsum": einsum,
}

__all__ = ["decompose", "run_of"]

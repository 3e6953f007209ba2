"""Programs over arrays taken apart: what becomes of each node, the rules by the names of operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from graphc.errors import ConversionError, ShapeError
from graphc.interpret.numpy_eval import bound, run_arrays
from graphc.interpret.scalarize.matrices import (
    adjugate,
    cholesky,
    eliminated,
    inverse,
    log_size,
    matrices,
    qr,
    solve,
    solve_triangular,
)
from graphc.interpret.scalarize.objects import Array, cast_each, constants, empty, shaped
from graphc.interpret.scalarize.sums import (
    einsum,
    exponent_shift,
    folded,
    log_softmax,
    logsumexp,
    matmul,
    mean,
    norm,
    softmax,
    var,
)
from graphc.interpret.scalarize.windows import max_pool2d, max_pool2d_grad, max_pool2d_pick
from graphc.ir import dims
from graphc.ir.expr import Expr, apply, cast, symbol, walk
from graphc.ir.graph import Dag
from graphc.ir.inputs import bind_dimensions
from graphc.ir.op import lookup
from graphc.ir.types import is_float
from graphc.ops.arithmetic import sign
from graphc.ops.control_runs import unrolled

MOST = 200_000
"""Scalars that one expression may consist of."""


def specialised(
    outputs: Sequence[Expr], arrays: Mapping[Expr, np.ndarray], broadcasting: bool = False
) -> tuple[list[Expr], dict[Expr, Expr]]:
    """The outputs with the lengths of a point in place of names, and symbol → the symbol that stands for it.

    arrays : symbol → value
    broadcasting : whether a symbol of a number that got an array is one of an array
    """
    lengths = bind_dimensions(arrays, arrays.values())
    fixed: dict[Expr, Expr] = {}
    for node in walk([*outputs, *arrays]):
        if node.is_symbol:
            widened = broadcasting and not node.shape
            shape = arrays[node].shape if widened else bound(node.shape, lengths)
            fixed[node] = symbol(node.name, shape, node.dtype, range=node.bounds)
        elif node.op.name == "astype":
            fixed[node] = cast(fixed[node.operands[0]], node.dtype)
        elif node.operands or node.op.on_arrays:
            fixed[node] = apply(node.op, *[fixed[x] for x in node.operands], attrs=bound(node.attrs, lengths))
        else:
            fixed[node] = node
    return [fixed[output] for output in outputs], {s: fixed[s] for s in arrays}


def named(node: Expr) -> Array:
    """The scalar symbols of a symbol's elements: x[0, 1] for an array, itself for a scalar."""
    elements = empty(node)
    for place in np.ndindex(*elements.shape):
        name = f"{node.name}[{', '.join(map(str, place))}]" if place else node.name
        elements[place] = symbol(name, dtype=node.dtype, range=node.bounds)
    return elements


def elements(outputs: Sequence[Expr], arrays: Mapping[Expr, np.ndarray]) -> list[Array]:
    """For each output an array of scalar expressions, over the symbols that `named` gives.

    outputs : of known lengths; arrays : symbol → value at the point, of all symbols below the outputs and maybe more

    Raises `ConversionError` for an operation that no formula of finitely many operations stands for, as singular values.
    """
    order = walk(outputs)
    total = sum(dims.size_of(node.shape) or 0 for node in order)
    if total > MOST:
        raise ShapeError(
            f"{total:,} elements are too many to be taken one by one",
            node=repr(outputs[0]),
            site=outputs[0].site,
            hint=f"take a part of at most {MOST:,}, with smaller arrays",
        )
    below = [node for node in order if node.is_symbol]
    dag = Dag(order, below)
    values = dict(zip(dag.exprs, run_arrays(dag, [np.asarray(arrays[s]) for s in dag.symbols]), strict=True))
    scalars: dict[Expr, Array] = {}
    for node in order:
        scalars[node] = shaped(_of(node, scalars, values), node)
    return [scalars[output] for output in outputs]


def _of(node: Expr, arrays: Mapping[Expr, Array], values: Mapping[Expr, Any]) -> Any:
    op = node.op
    if node.is_symbol:
        return named(node)
    if node.is_constant or not node.operands:
        return constants(values[node], node.dtype)
    operands = [arrays[operand] for operand in node.operands]
    if not op.on_arrays:
        wide = np.broadcast_arrays(*operands)
        result = np.empty(wide[0].shape, dtype=object)
        for place in np.ndindex(*result.shape):
            scalars = [array[place] for array in wide]
            result[place] = (
                cast(scalars[0], node.dtype) if op.name == "astype" else apply(op, *scalars, attrs=node.attrs)
            )
        return result
    computed = op.types(tuple([operand.dtype for operand in node.operands]))[0]
    operands = [
        cast_each(array, dtype) if operand.dtype.kind == "b" != dtype.kind else array
        for array, operand, dtype in zip(operands, node.operands, computed, strict=True)
    ]
    of_places = not any(is_float(operand.dtype) for operand in node.operands)  # as one_hot
    reducer = op.reduces
    element_by_element = op.moves or op.name in _WHOLE or (reducer is not None and not reducer.of_places)
    if (of_places or not is_float(node.dtype)) and not element_by_element:
        return constants(values[node], node.dtype)  # a place, an order: constant around the point
    if reducer is not None and not reducer.of_places:
        if 0 in operands[0].shape:  # of no elements, or of none at all
            return constants(values[node], node.dtype)
        combine = lookup(reducer.combine)
        axis, keepdims = node.attrs
        return folded(operands[0], axis, keepdims, lambda a, b: apply(combine, a, b))
    rule = _RULES.get(op.name)
    if rule is not None:
        return rule(*operands, *node.attrs)
    if op.control is not None:
        stand_ins = [symbol(f"\0{slot}", x.shape, x.dtype) for slot, x in enumerate(node.operands)]
        at_the_point = [values[x] for x in node.operands]
        inner = {**values, **dict(zip(stand_ins, at_the_point, strict=True))}
        below = dict(zip(stand_ins, operands, strict=True))
        return _expanded(unrolled(node, stand_ins, at_the_point), below, inner)
    if op.name in _AT_THE_POINT:
        return _AT_THE_POINT[op.name](node, operands, values)
    if op.moves or op.name in _BY_NUMPY:
        where_they_go = [
            np.asarray(values[operand]) if operand.dtype.kind in "iu" and slot else array
            for slot, (operand, array) in enumerate(zip(node.operands, operands, strict=True))
        ]
        return op.reference(*where_they_go, *node.attrs)
    if op.expand is not None:
        stand_ins = [symbol(f"\0{slot}", x.shape, x.dtype) for slot, x in enumerate(node.operands)]
        inner = {**values, **{s: values[x] for s, x in zip(stand_ins, node.operands, strict=True)}}
        below = dict(zip(stand_ins, operands, strict=True))
        # what it stands for is written for the types that it is computed in
        types = op.types(tuple([x.dtype for x in node.operands]))[0]
        inputs = [
            s if s.dtype == dtype else cast(s, dtype) for s, dtype in zip(stand_ins, types, strict=True)
        ]
        return _expanded(op.expand(*inputs, *node.attrs), below, inner)
    raise ConversionError(
        f"{op.name} is found by iteration: it has no formula over single elements, of which exact values are made",
        node=repr(node),
        site=node.site,
        hint="take what is computed from it as symbols of their own; g.evaluate gives its value in floating point",
    )


def _expanded(expr: Expr, below: dict[Expr, Array], values: dict[Expr, Any]) -> Array:
    """The elements of what an operation stands for."""
    symbols = list(below)
    dag = Dag([expr], symbols)
    known = dict(zip(dag.exprs, run_arrays(dag, [np.asarray(values[s]) for s in dag.symbols]), strict=True))
    for node in dag.exprs:
        if node not in below:
            below[node] = shaped(_of(node, below, known), node)
    return below[expr]


def _sort(node: Expr, operands: Sequence[Array], values: Mapping[Expr, Any]) -> Array:
    (axis,) = node.attrs
    order = np.argsort(np.asarray(values[node.operands[0]]), axis=axis, kind="stable")
    return np.take_along_axis(operands[0], order, axis)


_WHOLE = frozenset(("cumsum", "cumprod", "matmul", "einsum"))
"""Of whole numbers and truth values these are computed, as reductions are, not taken from the point."""

_BY_NUMPY = frozenset(("cumsum", "cumprod", "linear_recurrence", "conv2d", "conv2d_input_grad", "conv2d_kernel_grad", "im2col",
                       "col2im", "avg_pool2d", "avg_pool2d_grad"))  # fmt: skip
"""NumPy's own code computes these on objects too."""

_AT_THE_POINT = {"qr_q": qr, "qr_r": qr, "regular_solve": eliminated, "sort": _sort}

_RULES: dict[str, Callable[..., Any]] = {
    "mean": mean,
    "var": var,
    "logsumexp": logsumexp,
    "exponent_shift": exponent_shift,
    "softmax": softmax,
    "log_softmax": log_softmax,
    "norm": norm,
    "einsum": einsum,
    "matmul": matmul,
    "inv": matrices(inverse),
    "solve": solve,
    "solve_triangular": solve_triangular,
    "cholesky": matrices(cholesky),
    "det": matrices(lambda a: adjugate(a)[1]),
    "logabsdet": matrices(log_size),
    "det_sign": matrices(lambda a: sign(adjugate(a)[1])),
    "cofactors": matrices(lambda a: adjugate(a)[0].T),
    "max_pool2d": max_pool2d,
    "max_pool2d_grad": max_pool2d_grad,
    "max_pool2d_pick": max_pool2d_pick,
    "cofactors_along": matrices(lambda a, v: adjugate(a, v)[2].T),
}

__all__ = ["elements", "named", "specialised"]

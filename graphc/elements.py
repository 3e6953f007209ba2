"""Arrays as the numbers they hold: an expression over arrays at a point as one expression over scalars for each element.

What is known of formulas of single elements, their values to any number of digits and their differences, is thereby known of
programs over arrays. Lengths are those of the point; whole numbers and truth values that say where elements go (indices, the
order of a sort, the signs of a QR decomposition) are what the interpreter finds there.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np

from graphc import dims
from graphc.dag import Dag
from graphc.errors import ConversionError, ShapeError
from graphc.evaluate import bound, run_arrays
from graphc.expr import Expr, apply, cast, constant, symbol, walk
from graphc.inputs import bind_dimensions
from graphc.ops import attributes as at
from graphc.ops.arithmetic import abs, add, sign
from graphc.ops.comparison import maximum, minimum
from graphc.ops.einsum import parts
from graphc.ops.elementary import exp, log, sqrt
from graphc.types import is_float

MOST = 200_000
"""Scalars that one expression may consist of."""

Array = np.ndarray[Any, Any]
"""Of scalar expressions."""


def specialised(
    outputs: Sequence[Expr], arrays: Mapping[Expr, np.ndarray]
) -> tuple[list[Expr], dict[Expr, Expr]]:
    """The outputs with the lengths of a point in place of names, and symbol → the symbol that stands for it.

    arrays : symbol → value
    """
    lengths = bind_dimensions(arrays, arrays.values())
    made: dict[Expr, Expr] = {}
    for node in walk([*outputs, *arrays]):
        if node.is_symbol:
            shape = bound(node.shape, lengths)
            made[node] = symbol(node.name, shape, node.dtype, range=node.bounds)
        elif node.op.name == "astype":
            made[node] = cast(made[node.operands[0]], node.dtype)
        elif node.operands or node.op.on_arrays:
            made[node] = apply(node.op, *[made[x] for x in node.operands], attrs=bound(node.attrs, lengths))
        else:
            made[node] = node
    return [made[output] for output in outputs], {s: made[s] for s in arrays}


def named(node: Expr) -> Array:
    """The scalar symbols of a symbol's elements: x[0, 1] for an array, itself for a scalar."""
    elements = _empty(node)
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
    made: dict[Expr, Array] = {}
    for node in order:
        made[node] = _shaped(_of(node, made, values), node)
    return [made[output] for output in outputs]


def _empty(node: Expr) -> Array:
    """An array for the elements of a node, whose lengths are known."""
    shape: Any = node.shape
    return np.empty(shape, dtype=object)


def _shaped(found: Any, node: Expr) -> Array:
    """What NumPy made of objects, as an array of scalar expressions of the node's type."""
    result = _empty(node)
    flat = result.reshape(-1)
    given = (_box(found) if isinstance(found, Expr) else np.asarray(found, dtype=object)).reshape(-1)
    for place, item in enumerate(given):
        # of no terms NumPy makes None, False or 0
        scalar = item if isinstance(item, Expr) else constant(item or 0, node.dtype)
        flat[place] = scalar if scalar.dtype == node.dtype else cast(scalar, node.dtype)
    return result


def _of(node: Expr, made: Mapping[Expr, Array], values: Mapping[Expr, Any]) -> Any:
    op = node.op
    if node.is_symbol:
        return named(node)
    if node.is_constant or not node.operands:
        return _constants(values[node], node.dtype)
    operands = [made[operand] for operand in node.operands]
    if not op.on_arrays:
        wide = np.broadcast_arrays(*operands)
        found = np.empty(wide[0].shape, dtype=object)
        for place in np.ndindex(*found.shape):
            scalars = [array[place] for array in wide]
            found[place] = (
                cast(scalars[0], node.dtype) if op.name == "astype" else apply(op, *scalars, attrs=node.attrs)
            )
        return found
    computed = op.types(tuple([operand.dtype for operand in node.operands]))[0]
    operands = [
        _cast(array, dtype) if operand.dtype.kind == "b" != dtype.kind else array
        for array, operand, dtype in zip(operands, node.operands, computed, strict=True)
    ]
    of_places = not any(is_float(operand.dtype) for operand in node.operands)  # as one_hot
    if (of_places or not is_float(node.dtype)) and op.name not in _WHOLE and not op.moves:
        return _constants(values[node], node.dtype)  # a place, an order: constant around the point
    rule = _RULES.get(op.name)
    if rule is not None:
        return rule(*operands, *node.attrs)
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
        return _expanded(op.expand(*stand_ins, *node.attrs), below, inner)
    raise ConversionError(
        f"{op.name} has no formula over single elements",
        node=repr(node),
        site=node.site,
        hint="iterations compute it: hold its value against another library's",
    )


def _expanded(expr: Expr, below: dict[Expr, Array], values: dict[Expr, Any]) -> Array:
    """The elements of what an operation stands for."""
    symbols = list(below)
    dag = Dag([expr], symbols)
    known = dict(zip(dag.exprs, run_arrays(dag, [np.asarray(values[s]) for s in dag.symbols]), strict=True))
    for node in dag.exprs:
        if node not in below:
            below[node] = _shaped(_of(node, below, known), node)
    return below[expr]


def _constants(value: Any, dtype: Any) -> Array:
    value = np.asarray(value)
    found = np.empty(value.shape, dtype=object)
    for place in np.ndindex(*value.shape):
        found[place] = constant(value[place].item(), dtype)
    return found


def _cast(array: Array, dtype: Any) -> Array:
    found = np.empty(array.shape, dtype=object)
    for place in np.ndindex(*array.shape):
        found[place] = cast(array[place], dtype)
    return found


def _box(scalar: Any) -> Array:
    """A scalar expression as an array, to compute with beside arrays."""
    found = np.empty((), dtype=object)
    found[()] = scalar
    return found


def _each(function: Callable[..., Any], *arrays: Array) -> Array:
    """A function of scalars at every place."""
    wide = np.broadcast_arrays(*arrays)
    found = np.empty(wide[0].shape, dtype=object)
    for place in np.ndindex(*found.shape):
        found[place] = function(*[array[place] for array in wide])
    return found


# --- reductions --------------------------------------------------------------------------------------------------------------


def _folded(x: Array, axis: Any, keepdims: bool, function: Callable[[Any, Any], Any], empty: Any) -> Array:
    """The elements along some axes put together one after the other."""
    axes = at.axes_of(axis, x.ndim)
    kept = [place for place in range(x.ndim) if place not in axes]
    lengths = [x.shape[place] for place in kept]
    rows = np.transpose(x, (*kept, *axes)).reshape(*lengths, _count(x, axis))
    found = np.empty(rows.shape[:-1], dtype=object)
    for place in np.ndindex(*found.shape):
        row = list(rows[place])
        found[place] = reduce(function, row) if row else empty
    return np.expand_dims(found, axes) if keepdims else found


def _sum(x: Array, axis: Any, keepdims: bool) -> Array:
    return _folded(x, axis, keepdims, add, 0)


def _count(x: Array, axis: Any) -> int:
    return int(np.prod([x.shape[place] for place in at.axes_of(axis, x.ndim)]))


def _mean(x: Array, axis: Any, keepdims: bool) -> Array:
    count = _count(x, axis)
    return _each(lambda total: total / float(count), _shaped_like(_sum(x, axis, keepdims), x))


def _shaped_like(found: Array, x: Array) -> Array:
    """With constants for what NumPy left as numbers."""
    dtype = x.reshape(-1)[0].dtype if x.size else np.dtype(np.float64)
    return _each(lambda item: item if isinstance(item, Expr) else constant(item, dtype), found)


def _var(x: Array, axis: Any, correction: float, keepdims: bool) -> Array:
    apart = x - _mean(x, axis, True)
    degrees = max(_count(x, axis) - correction, 0.0)
    return _each(lambda total: total / degrees, _shaped_like(_sum(apart * apart, axis, keepdims), x))


def _logsumexp(x: Array, axis: Any, keepdims: bool) -> Array:
    return _each(log, _shaped_like(_sum(_each(exp, x), axis, keepdims), x))


def _softmax(x: Array, axis: Any) -> Array:
    powers = _each(exp, x)
    return powers / _sum(powers, axis, True)


def _log_softmax(x: Array, axis: Any) -> Array:
    return x - _logsumexp(x, axis, True)


def _norm(x: Array, ord: float, axis: Any, keepdims: bool) -> Array:
    sizes = _each(abs, x)
    if ord == np.inf:
        return _folded(sizes, axis, keepdims, maximum, 0)
    if ord == 1:
        return _sum(sizes, axis, keepdims)
    if ord == 2:
        return _each(sqrt, _shaped_like(_sum(x * x, axis, keepdims), x))
    return _each(lambda total: total ** (1 / ord), _sum(_each(lambda size: size**ord, sizes), axis, keepdims))


# --- products ----------------------------------------------------------------------------------------------------------------


def _einsum(*args: Any) -> Array:
    *operands, subscripts = args
    terms, output = parts(subscripts)
    letters = "".join(dict.fromkeys(output + "".join(terms)))
    lengths = dict.fromkeys(letters, 1)
    for term, operand in zip(terms, operands, strict=True):
        for letter, length in zip(term, operand.shape, strict=True):
            lengths[letter] = length if lengths[letter] == 1 else lengths[letter]
    found = np.empty([lengths[letter] for letter in output], dtype=object)
    inner = [letter for letter in letters if letter not in output]
    for place in np.ndindex(*found.shape):
        total: Any = 0
        for rest in itertools.product(*(range(lengths[letter]) for letter in inner)):
            where_at = dict(zip([*output, *inner], [*place, *rest], strict=True))
            product = reduce(
                lambda a, b: a * b, [_element(x, t, where_at) for x, t in zip(operands, terms, strict=True)]
            )
            total = product if isinstance(total, int) else total + product
        found[place] = total
    return found


def _element(x: Array, term: str, place: Mapping[str, int]) -> Any:
    return x[
        tuple([place[letter] if length > 1 else 0 for letter, length in zip(term, x.shape, strict=True)])
    ]


def _matmul(a: Array, b: Array) -> Array:
    left = a[None] if a.ndim == 1 else a
    right = b[:, None] if b.ndim == 1 else b
    batch = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    left, right = (np.broadcast_to(x, (*batch, *x.shape[-2:])) for x in (left, right))
    products = left[..., :, :, None] * right[..., None, :, :]
    found = _sum(products, -2 % products.ndim, False)
    if b.ndim == 1:
        found = found[..., 0]
    return found[..., 0, :] if a.ndim == 1 and b.ndim > 1 else found[..., 0] if a.ndim == 1 else found


# --- linear algebra ----------------------------------------------------------------------------------------------------------


def _matrices(function: Callable[..., Any]) -> Callable[..., Array]:
    """A function of matrices at every place of a stack."""

    def stacked(*args: Any) -> Array:
        arrays = [arg for arg in args if isinstance(arg, np.ndarray)]
        rest = args[len(arrays) :]
        batch = np.broadcast_shapes(*(array.shape[:-2] for array in arrays))
        wide = [np.broadcast_to(array, (*batch, *array.shape[-2:])) for array in arrays]
        results = {place: function(*[x[place] for x in wide], *rest) for place in np.ndindex(*batch)}
        first = next(iter(results.values()), 0)
        found = np.empty((*batch, *np.shape(first)), dtype=object)
        for place, result in results.items():
            found[place] = result
        return found

    return stacked


def _adjugate(a: Array, v: Array | None = None) -> tuple[Array, Any, Array]:
    """The adjugate, the determinant and the adjugate's change along v, by Faddeev and LeVerrier: divided by
    whole numbers alone, so right at any rank."""
    size = len(a)
    unit = _constants(np.eye(size), np.float64)
    zero = _constants(np.zeros((size, size)), np.float64)
    m, change = (unit, zero) if size else (a, a)
    coefficient: Any = constant(1.0)
    rate: Any = constant(0.0)
    for step in range(1, size + 1):
        if step > 1:
            change = _matmul(v, m) + _matmul(a, change) + unit * _box(rate) if v is not None else change
            m = _matmul(a, m) + unit * _box(coefficient)
        if v is not None:
            rate = -_trace(_matmul(v, m) + _matmul(a, change)) / float(step)
        coefficient = -_trace(_matmul(a, m)) / float(step)
    turn = 1.0 if size % 2 else -1.0
    return m * turn, coefficient * -turn if size else coefficient, change * turn


def _trace(x: Array) -> Any:
    return reduce(lambda a, b: a + b, [x[place, place] for place in range(len(x))])


def _inverse(a: Array) -> Array:
    adjugate, determinant, _ = _adjugate(a)
    return adjugate / _box(determinant) if len(a) else a


def _as_matrix(b: Array) -> tuple[Array, bool]:
    return (b[:, None], True) if b.ndim == 1 else (b, False)


def _solve(a: Array, b: Array) -> Array:
    right, vector = _as_matrix(b)
    found = _matrices(lambda a, b: _matmul(_inverse(a), b))(a, right)
    return found[..., 0] if vector else found


def _substituted(a: Array, b: Array, lower: bool) -> Array:
    x = np.empty(b.shape, dtype=object)
    size = len(a)
    for i in range(size) if lower else reversed(range(size)):
        known = range(i) if lower else range(i + 1, size)
        for column in range(b.shape[1]):
            rest = reduce(lambda left, j: left - a[i, j] * x[j, column], known, b[i, column])
            x[i, column] = rest / a[i, i]
    return x


def _solve_triangular(a: Array, b: Array, lower: bool) -> Array:
    right, vector = _as_matrix(b)
    found = _matrices(lambda a, b: _substituted(a, b, lower))(a, right)
    return found[..., 0] if vector else found


def _cholesky(a: Array) -> Array:
    size = len(a)
    factor = _constants(np.zeros((size, size)), np.float64)
    for j in range(size):
        for i in range(j, size):
            rest = reduce(lambda left, k: left - factor[i, k] * factor[j, k], range(j), a[i, j])
            factor[i, j] = sqrt(rest) if i == j else rest / factor[j, j]
    return factor


def _qr(node: Expr, operands: Sequence[Array], values: Mapping[Expr, Any]) -> Array:
    """By Gram and Schmidt, with the signs that LAPACK chose at the point."""
    (x,), (source,) = operands, node.operands
    result = _empty(node)
    for place in np.ndindex(*result.shape[:-2]):
        a, numbers = x[place], np.asarray(values[source])[place]
        small = min(a.shape)
        signs = np.where(np.diagonal(np.linalg.qr(numbers)[1]) < 0, -1.0, 1.0)
        q, r = (
            np.empty((a.shape[0], small), dtype=object),
            _constants(np.zeros((small, a.shape[1])), np.float64),
        )
        for j in range(a.shape[1]):
            rest = a[:, j]
            for k in range(min(j, small)):
                r[k, j] = reduce(lambda s, t: s + t, q[:, k] * a[:, j])
                rest = rest - q[:, k] * _box(r[k, j])
            if j < small:
                r[j, j] = sqrt(reduce(lambda s, t: s + t, rest * rest)) * float(signs[j])
                q[:, j] = rest / _box(r[j, j])
        result[place] = q if node.op.name == "qr_q" else r
    return result


def _sort(node: Expr, operands: Sequence[Array], values: Mapping[Expr, Any]) -> Array:
    (axis,) = node.attrs
    order = np.argsort(np.asarray(values[node.operands[0]]), axis=axis, kind="stable")
    return np.take_along_axis(operands[0], order, axis)


def _log_size(a: Array) -> Any:
    return log(abs(_adjugate(a)[1]))


_WHOLE = frozenset(("sum", "prod", "any", "all", "cumsum", "cumprod", "matmul", "einsum", "max", "min"))
"""Of whole numbers and truth values these are computed, not taken from the point."""

_BY_NUMPY = frozenset(("cumsum", "cumprod", "linear_recurrence", "conv2d", "conv2d_input_grad", "conv2d_kernel_grad", "im2col",
                       "col2im", "avg_pool2d", "avg_pool2d_grad"))  # fmt: skip
"""NumPy's own code computes these on objects too."""

_AT_THE_POINT = {"qr_q": _qr, "qr_r": _qr, "sort": _sort}

_RULES: dict[str, Callable[..., Any]] = {
    "sum": _sum,
    "prod": lambda x, axis, keepdims: _folded(x, axis, keepdims, lambda a, b: a * b, 1),
    "mean": _mean,
    "var": _var,
    "max": lambda x, axis, keepdims: _folded(x, axis, keepdims, maximum, 0),
    "min": lambda x, axis, keepdims: _folded(x, axis, keepdims, minimum, 0),
    "any": lambda x, axis, keepdims: _folded(x, axis, keepdims, lambda a, b: a | b, False),
    "all": lambda x, axis, keepdims: _folded(x, axis, keepdims, lambda a, b: a & b, True),
    "logsumexp": _logsumexp,
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "norm": _norm,
    "einsum": _einsum,
    "matmul": _matmul,
    "inv": _matrices(_inverse),
    "solve": _solve,
    "solve_triangular": _solve_triangular,
    "cholesky": _matrices(_cholesky),
    "det": _matrices(lambda a: _adjugate(a)[1]),
    "logabsdet": _matrices(_log_size),
    "det_sign": _matrices(lambda a: sign(_adjugate(a)[1])),
    "cofactors": _matrices(lambda a: _adjugate(a)[0].T),
    "cofactors_along": _matrices(lambda a, v: _adjugate(a, v)[2].T),
}

__all__ = ["elements", "named", "specialised"]

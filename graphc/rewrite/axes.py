"""Rules over whole arrays: what sums of exponentials, squares and products along axes stand for, and arrangements that cancel.

Each row is held against exact values over random shapes: lengths of 0 and 1, ties, infinities and NaN included. A pattern
over axes is a function, since axes are matched as sets: what it does is shown beside it, and its examples are formulas that it
fires on.
"""

# ruff: noqa: E501  a row of the table is a line

from __future__ import annotations

import string
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphc.dims import Dim
from graphc.expr import Expr, cast
from graphc.ops.attributes import axes_of
from graphc.ops.calls import call, count, expanded, restored, summed
from graphc.ops.comparison import where
from graphc.ops.einsum import contract, parts
from graphc.ops.elementary import log
from graphc.rewrite.pattern import Kind
from graphc.rewrite.ranges import Ranges
from graphc.types import is_float

Shapes = dict[str, tuple[Any, ...]]


@dataclass(frozen=True, eq=False)
class AxisRule:
    """One rewrite over arrays.

    name : by which it is reported and switched off
    root : the operation at which it may fire
    shows : pattern → replacement, as a reader writes them
    rewrite : (node, ranges) → the replacement, or None to leave it
    kind : "exact" where it keeps every bit, "stable" where it keeps the real function
    why : the formula, or the reason
    examples : (formula, name → shape) of formulas that it fires on; lengths with names are tried at many
    """

    name: str
    root: str
    shows: str
    rewrite: Callable[[Expr, Ranges], Expr | None]
    kind: Kind
    why: str
    examples: tuple[tuple[str, Shapes], ...]

    def roots(self) -> tuple[str, ...]:
        return (self.root,)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        result = self.rewrite(node, ranges)
        if result is None or result is node:
            return None
        if result.dtype != node.dtype:
            result = cast(result, node.dtype)
        return result if result.shape == node.shape else None

    def __str__(self) -> str:
        return f"{self.name}: {self.shows} ({self.kind})"


# --- what is matched ---------------------------------------------------------------------------------------------------------


def _axes(node: Expr) -> tuple[int, ...]:
    """The axes along which a reduction or a softmax runs."""
    axis = node.attrs[[known.name for known in node.op.attributes].index("axis")]
    return axes_of(axis, node.operands[0].ndim)


def _keeps(node: Expr) -> bool:
    return bool(node.attrs[-1])


def _beside(node: Expr, name: str, x: Expr) -> tuple[Expr, tuple[int, ...]] | None:
    """(operand, axes) of a reduction that stands beside arrays of x's shape, with axes of length 1 where it was taken."""
    if node.op.name in ("broadcast_to", "broadcast_like"):
        return _beside(node.operands[0], name, x) if node.shape == x.shape else None
    inner = node.operands[0] if node.op.name == "expand_dims" else node
    if inner.op.name != name or inner.operands[0].shape != x.shape:
        return None
    axes = _axes(inner)
    if inner is not node:
        fits = not _keeps(inner) and set(axes) == set(axes_of(node.attrs[0], 0))
    else:  # without them the axes in front alone come back by broadcasting
        fits = _keeps(inner) or axes == tuple(range(len(axes)))
    return (inner.operands[0], axes) if fits else None


def _shared(axes: tuple[int, ...], ndim: int) -> Any:
    """Axes as `axis=` writes them."""
    return None if axes == tuple(range(ndim)) else axes[0] if len(axes) == 1 else axes


def _is_constant_along(m: Expr, x: Expr, axes: tuple[int, ...]) -> bool:
    """Whether broadcasting repeats m along some axes of x."""
    shape = (1,) * (x.ndim - m.ndim) + m.shape
    return m.ndim <= x.ndim and all(shape[axis] == 1 for axis in axes)


def _largest(m: Expr, x: Expr, axes: tuple[int, ...]) -> bool:
    """Whether m is the largest of x along axes: subtracted before exponentials, it changes nothing but the range."""
    found = _beside(m, "max", x)
    return found is not None and found[0] is x and found[1] == axes


# --- exponentials ------------------------------------------------------------------------------------------------------------


def _softmax(node: Expr, ranges: Ranges) -> Expr | None:
    powers, total = node.operands
    if powers.op.name != "exp" or not powers.shape:
        return None
    found = _beside(total, "sum", powers)
    if found is None or found[0] is not powers or not found[1]:
        return None
    x = powers.operands[0]
    return call("softmax", x, axis=_shared(found[1], x.ndim)) if x.dtype == node.dtype else None


def _softmax_shift(node: Expr, ranges: Ranges) -> Expr | None:
    (shifted,) = node.operands
    if shifted.op.name != "subtract":
        return None
    x, m = shifted.operands
    if x.shape != shifted.shape or not _largest(m, x, _axes(node)):
        return None
    return call(node.op.name, x, axis=node.attrs[0])


def _log_softmax(node: Expr, ranges: Ranges) -> Expr | None:
    (inner,) = node.operands
    return call("log_softmax", *inner.operands, axis=inner.attrs[0]) if inner.op.name == "softmax" else None


def _log_picked(node: Expr, ranges: Ranges) -> Expr | None:
    """Of a picked share the logarithm, before it underflows."""
    (inner,) = node.operands
    if inner.op.name != "index" or inner.operands[0].op.name != "softmax":
        return None
    x, *places = inner.operands
    return call("index", call("log_softmax", *x.operands, axis=x.attrs[0]), *places, key=inner.attrs[0])


def _from_logsumexp(node: Expr, ranges: Ranges) -> Expr | None:
    x, total = node.operands
    found = _beside(total, "logsumexp", x) if x.shape else None
    if found is None or found[0] is not x or not found[1]:
        return None
    return call("log_softmax", x, axis=_shared(found[1], x.ndim))


def _logsumexp(node: Expr, ranges: Ranges) -> Expr | None:
    (total,) = node.operands
    if total.op.name not in ("sum", "mean") or total.operands[0].op.name != "exp":
        return None
    (x,) = total.operands[0].operands
    axes = _axes(total)
    if not axes or x.dtype != node.dtype:
        return None
    found = call("logsumexp", x, axis=total.attrs[0], keepdims=_keeps(total))
    if total.op.name == "sum":
        return found
    number = count(x.shape, axes, x.dtype)
    return (
        found - (log(number) if isinstance(number, Expr) else float(np.log(number))) if number != 0 else None
    )


def _logsumexp_shift(node: Expr, ranges: Ranges) -> Expr | None:
    for total, m in (node.operands, node.operands[::-1]):
        if total.op.name != "logsumexp" or total.operands[0].op.name != "subtract":
            continue
        x, shift = total.operands[0].operands
        axes = _axes(total)
        if x.shape != total.operands[0].shape or not _largest(shift, x, axes):
            continue
        own = m if _keeps(total) else restored(m, axes, False) if m.ndim == total.ndim else m
        if own is shift or (m.op.name == "max" and _same_reduction(m, x, axes, _keeps(total))):
            return call("logsumexp", x, axis=total.attrs[0], keepdims=_keeps(total))
    return None


def _same_reduction(m: Expr, x: Expr, axes: tuple[int, ...], keepdims: bool) -> bool:
    return m.operands[0] is x and _axes(m) == axes and _keeps(m) is keepdims


# --- squares -----------------------------------------------------------------------------------------------------------------


def _square_of(node: Expr) -> Expr | None:
    if node.op.name == "square":
        return node.operands[0]
    if node.op.name == "multiply" and node.operands[0] is node.operands[1]:
        return node.operands[0]
    two = node.op.name == "pow" and node.operands[1].is_constant and not node.operands[1].shape
    return node.operands[0] if two and node.operands[1].value == 2 else None


def _variance(node: Expr, ranges: Ranges) -> Expr | None:
    squares, mean = node.operands[0], _square_of(node.operands[1])
    if squares.op.name != "mean" or mean is None or mean.op.name != "mean" or squares.attrs != mean.attrs:
        return None
    x = _square_of(squares.operands[0])
    if x is None or x is not mean.operands[0] or x.dtype != node.dtype:
        return None
    return call("var", x, axis=mean.attrs[0], keepdims=_keeps(mean))


def _mean_square(node: Expr, ranges: Ranges) -> Expr | None:
    apart = _square_of(node.operands[0])
    if apart is None or apart.op.name != "subtract" or not is_float(apart.dtype):
        return None
    x, mean = apart.operands
    found = _beside(mean, "mean", x) if x.shape else None
    if found is None or found[0] is not x or found[1] != _axes(node) or x.shape != apart.shape:
        return None
    return call("var", x, axis=node.attrs[0], keepdims=_keeps(node))


# --- sums --------------------------------------------------------------------------------------------------------------------


def _unit_axes(x: Expr, ndim: int, full: tuple[Dim, ...]) -> tuple[Expr, list[int]]:
    """An operand of a product without its axes that broadcast, and the places of those that are left."""
    lead = ndim - x.ndim
    places = [lead + axis for axis in range(x.ndim)]
    if x.op.name == "expand_dims":
        gone = axes_of(x.attrs[0], 0)
        return x.operands[0], [place for axis, place in enumerate(places) if axis not in gone]
    gone = tuple([axis for axis, dim in enumerate(x.shape) if dim == 1 != full[lead + axis]])
    if gone:
        return call("squeeze", x, axis=gone), [p for axis, p in enumerate(places) if axis not in gone]
    return x, places


def _sum_of_products(node: Expr, ranges: Ranges) -> Expr | None:
    (product,) = node.operands
    if (
        product.op.name != "multiply"
        or not is_float(node.dtype)
        or product.operands[0] is product.operands[1]
    ):
        return None
    ndim, axes = product.ndim, _axes(node)
    if ndim > len(string.ascii_letters) or any(x.dtype != node.dtype for x in product.operands):
        return None
    (a, left), (b, right) = (_unit_axes(x, ndim, product.shape) for x in product.operands)
    kept = [axis for axis in range(ndim) if axis not in axes]
    paired = [axis for axis in axes if axis in left and axis in right]
    # what makes the product larger than both factors: it is not worth writing down
    if not paired or not all(
        any(axis in kept and axis not in other for axis in own)
        for own, other in ((left, right), (right, left))
    ):
        return None
    if any(axis not in left and axis not in right for axis in range(ndim)):
        return None
    first, second, output = (
        "".join([string.ascii_letters[axis] for axis in own]) for own in (left, right, kept)
    )
    return _restored(contract([first, second], output, [a, b]), axes, _keeps(node))


def _restored(x: Expr, axes: tuple[int, ...], keepdims: bool) -> Expr:
    return expanded(x, axes) if keepdims and axes else x


def _matrix_product(node: Expr, ranges: Ranges) -> Expr | None:
    """A contraction over one letter with one letter of each operand left, and letters in front that both have."""
    if len(node.operands) != 2:
        return None
    (left, right), output = parts(node.attrs[0])
    a, b = node.operands
    if (
        a.dtype != b.dtype
        or len(set(left)) != len(left)
        or len(set(right)) != len(right)
        or 1 in (*a.shape, *b.shape)
    ):
        return None
    batch = [letter for letter in left if letter in right and letter in output]
    inner = [letter for letter in left if letter in right and letter not in output]
    rows, columns = ([c for c in own if c not in other] for own, other in ((left, right), (right, left)))
    if len(inner) != 1 or len(rows) != 1 or len(columns) != 1 or not {*rows, *columns} <= set(output):
        return None
    lead = "".join(batch)
    if not left.startswith(lead) or not right.startswith(lead) or not output.startswith(lead):
        return None
    a = a if left[-1] == inner[0] else _turned(a)
    b = b if right[-2] == inner[0] else _turned(b)
    return a @ b if output[-1] == columns[0] else _turned(b) @ _turned(a)


def _swapped(x: Expr) -> Expr:
    return call("permute_dims", x, axes=(*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


def _sum_of_broadcast(node: Expr, ranges: Ranges) -> Expr | None:
    (wide,) = node.operands
    if wide.op.name not in ("broadcast_to", "broadcast_like") or not is_float(node.dtype):
        return None
    x, axes = wide.operands[0], _axes(node)
    lead = wide.ndim - x.ndim
    repeated = [axis for axis in axes if axis < lead or x.shape[axis - lead] != wide.shape[axis]]
    number = count(wide.shape, tuple(repeated), x.dtype)
    if not isinstance(number, int) or number == 0:  # nothing of an infinity is nothing
        return None
    if any(axis < lead for axis in range(wide.ndim) if axis not in axes):  # repeated along an axis that stays
        return None
    own = tuple([axis - lead for axis in axes if axis >= lead])
    total = (summed(x, own, _keeps(node)) if own else x) * number
    return expanded(total, tuple(range(lead))) if _keeps(node) and lead else total


def _sum_of_negative(node: Expr, ranges: Ranges) -> Expr | None:
    (inner,) = node.operands
    if inner.op.name != "negative" or not is_float(node.dtype):
        return None
    return -call(node.op.name, *inner.operands, axis=node.attrs[0], keepdims=_keeps(node))


def _sum_of_choice(node: Expr, ranges: Ranges) -> Expr | None:
    """A condition that is the same along the axes is asked once."""
    (inner,) = node.operands
    if inner.op.name != "where" or not is_float(node.dtype):
        return None
    condition, x, zero = inner.operands
    nothing = zero.is_constant and not zero.shape and zero.value == 0
    if not nothing or x.shape != inner.shape or not _is_constant_along(condition, x, _axes(node)):
        return None
    if not condition.shape or _keeps(node):
        once = condition
    else:
        lead = x.ndim - condition.ndim
        gone = tuple([axis - lead for axis in _axes(node) if axis >= lead])
        if any(axis < lead for axis in range(x.ndim) if axis not in _axes(node)):
            return None
        once = call("squeeze", condition, axis=gone) if gone else condition
    return where(once, call("sum", x, axis=node.attrs[0], keepdims=_keeps(node)), zero)


def _counted(node: Expr, ranges: Ranges) -> Expr | None:
    """Whole numbers are counted as such: a float32 stays at 2²⁴."""
    (inner,) = node.operands
    if inner.op.name != "where" or not is_float(node.dtype):
        return None
    condition, one, zero = inner.operands
    plain = all(x.is_constant and not x.shape for x in (one, zero))
    if not plain or one.value != 1 or zero.value != 0 or condition.shape != inner.shape:
        return None
    return call("sum", condition, axis=node.attrs[0], keepdims=_keeps(node)).astype(node.dtype)


# --- arrangements ------------------------------------------------------------------------------------------------------------


def _permuted_twice(node: Expr, ranges: Ranges) -> Expr | None:
    (inner,), (axes,) = node.operands, node.attrs
    if axes == tuple(range(node.ndim)):
        return inner
    if inner.op.name != "permute_dims":
        return None
    order = tuple([inner.attrs[0][axis] for axis in axes])
    return (
        inner.operands[0]
        if order == tuple(range(node.ndim))
        else call("permute_dims", *inner.operands, axes=order)
    )


def _reshaped_twice(node: Expr, ranges: Ranges) -> Expr | None:
    (inner,) = node.operands
    if inner.shape == node.shape:
        return inner
    if inner.op.name not in ("reshape", "expand_dims", "squeeze"):
        return None
    (x,) = inner.operands
    return x if x.shape == node.shape else call("reshape", x, shape=node.shape)


def _there_and_back(node: Expr, ranges: Ranges) -> Expr | None:
    (inner,) = node.operands
    other = {"squeeze": "expand_dims", "expand_dims": "squeeze"}[node.op.name]
    if inner.op.name == other and set(axes_of(inner.attrs[0], 0)) == set(axes_of(node.attrs[0], 0)):
        return inner.operands[0]
    return None


def _broadcast_twice(node: Expr, ranges: Ranges) -> Expr | None:
    (inner,) = node.operands
    if inner.shape == node.shape:
        return inner
    return (
        call("broadcast_to", *inner.operands, shape=node.shape) if inner.op.name == "broadcast_to" else None
    )


def _transposed_product(node: Expr, ranges: Ranges) -> Expr | None:
    """Where a factor is a transpose already, so that two of them cancel."""
    (product,), (axes,) = node.operands, node.attrs
    last_two = (*range(node.ndim - 2), node.ndim - 1, node.ndim - 2)
    if product.op.name != "matmul" or axes != last_two or not is_float(node.dtype):
        return None
    a, b = product.operands
    if min(a.ndim, b.ndim) < 2 or not any(_is_swap(x) for x in (a, b)):
        return None
    return _turned(b) @ _turned(a)


def _is_swap(x: Expr) -> bool:
    return x.op.name == "permute_dims" and x.attrs[0] == (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2)


def _turned(x: Expr) -> Expr:
    return x.operands[0] if _is_swap(x) else _swapped(x)


# --- the table ---------------------------------------------------------------------------------------------------------------

NM: Shapes = {"x": ("n", "m")}
CUBE: Shapes = {"x": ("n", "m", "k")}


def _row(name: str, root: str, shows: str, rewrite: Any, kind: Kind, why: str, *examples: Any) -> AxisRule:
    return AxisRule(name, root, shows, rewrite, kind, why, examples)


EXPONENTIALS = (
    _row("softmax", "divide", "exp(x)/sum(exp(x), axis=a, keepdims=True) → softmax(x, axis=a)", _softmax, "stable",
         "without overflow",
         ("exp(x)/sum(exp(x), axis=1, keepdims=True)", NM), ("exp(x)/sum(exp(x), axis=0)", NM), ("exp(x)/sum(exp(x))", NM),
         ("exp(x)/expand_dims(sum(exp(x), axis=(0, 2)), (0, 2))", CUBE),
         ("exp(x - max(x, axis=-1, keepdims=True))/sum(exp(x - max(x, axis=-1, keepdims=True)), axis=-1, keepdims=True)", NM)),
    _row("softmax-shift", "softmax", "softmax(x - max(x)) → softmax(x)", _softmax_shift, "stable", "the shift cancels",
         ("softmax(x - max(x, axis=-1, keepdims=True), axis=-1)", NM), ("softmax(x - max(x), axis=(0, 1))", NM)),
    _row("log-softmax-shift", "log_softmax", "log_softmax(x - max(x)) → log_softmax(x)", _softmax_shift, "stable",
         "the shift cancels", ("log_softmax(x - max(x, axis=0, keepdims=True), axis=0)", NM)),
    _row("log-softmax", "log", "log(softmax(x)) → log_softmax(x)", _log_softmax, "stable", "without underflow",
         ("log(softmax(x, axis=0))", NM)),
    _row("log-softmax-picked", "log", "log(softmax(x)[i]) → log_softmax(x)[i]", _log_picked, "stable",
         "cross-entropy at a label, without underflow", ("log(softmax(x, axis=1)[:, 0])", {"x": ("n", 3)})),
    _row("log-softmax-difference", "subtract", "x - logsumexp(x, axis=a, keepdims=True) → log_softmax(x, axis=a)", _from_logsumexp,
         "stable", "one rounding of a small difference",
         ("x - logsumexp(x, axis=1, keepdims=True)", NM), ("x - logsumexp(x)", NM)),
    _row("log-sum-exp-axis", "log", "log(sum(exp(x), axis=a)) → logsumexp(x, axis=a)", _logsumexp, "stable", "without overflow",
         ("log(sum(exp(x), axis=0))", NM), ("log(sum(exp(x)))", NM), ("log(mean(exp(x), axis=1, keepdims=True))", {"x": ("n", 3)})),
    _row("log-sum-exp-shift", "add", "max(x) + logsumexp(x - max(x)) → logsumexp(x)", _logsumexp_shift, "stable",
         "the shift cancels",
         ("max(x, axis=1) + logsumexp(x - max(x, axis=1, keepdims=True), axis=1)", NM),
         ("logsumexp(x - max(x, axis=0, keepdims=True), axis=0, keepdims=True) + max(x, axis=0, keepdims=True)", NM),
         ("max(x) + logsumexp(x - max(x))", NM)),
)  # fmt: skip

SQUARES = (
    _row("variance", "subtract", "mean(x*x) - mean(x)*mean(x) → var(x)", _variance, "stable",
         "mean((x − mean x)²): E[x²] − E[x]² cancels",
         ("mean(x*x, axis=0) - square(mean(x, axis=0))", NM), ("mean(square(x)) - mean(x)*mean(x)", NM),
         ("mean(x**2, axis=1, keepdims=True) - mean(x, axis=1, keepdims=True)**2", NM)),
    _row("mean-square", "mean", "mean(square(x - mean(x))) → var(x)", _mean_square, "stable", "one operation",
         ("mean(square(x - mean(x, axis=1, keepdims=True)), axis=1)", NM), ("mean((x - mean(x))**2)", NM)),
)  # fmt: skip

SUMS = (
    _row("sum-of-products", "sum", "sum(a[:, :, None]*b[None], axis=1) → einsum(\"ab,bc->ac\", a, b)", _sum_of_products, "stable",
         "the products of all pairs are not written down",
         ("sum(expand_dims(x, 2)*expand_dims(y, 0), axis=1)", {"x": ("n", "m"), "y": ("m", "k")}),
         ("sum(expand_dims(x, 1)*y, axis=2, keepdims=True)", {"x": ("n", "m"), "y": ("k", "m")})),
    _row("einsum-as-matmul", "einsum", "einsum(\"ij,jk->ik\", a, b) → a @ b", _matrix_product, "stable",
         "a product of matrices, transposed where that is what is written",
         ('einsum("ij,jk->ik", x, y)', {"x": ("n", "m"), "y": ("m", "k")}), ('einsum("ji,kj->ki", x, y)', {"x": ("m", "n"), "y": ("k", "m")}),
         ('einsum("bij,bkj->bik", x, y)', {"x": ("b", "n", "m"), "y": ("b", "k", "m")})),
    _row("sum-of-broadcast", "sum", "sum(broadcast_to(x, (n, …)), axis=0) → x*n", _sum_of_broadcast, "stable", "equal terms are counted",
         ("sum(broadcast_to(x, (3, 4)), axis=0)", {"x": (4,)}), ("sum(broadcast_to(x, (3, 4)))", {"x": (3, 1)}),
         ("sum(broadcast_to(x, (2, 5)), axis=1, keepdims=True)", {"x": (2, 1)})),
    _row("sum-of-negative", "sum", "sum(-x) → -sum(x)", _sum_of_negative, "stable", "signs of zeros apart", ("sum(-x, axis=0)", {"x": (3, "m")})),
    _row("mean-of-negative", "mean", "mean(-x) → -mean(x)", _sum_of_negative, "stable", "signs of zeros apart", ("mean(-x)", {"x": (3, 4)})),
    _row("sum-of-choice", "sum", "sum(where(p, x, 0)) → where(p, sum(x), 0)", _sum_of_choice, "exact",
         "a condition that is the same along the axes is asked once", ("sum(where(p, x, 0), axis=1)", {"x": ("n", "m"), "p": ("n", 1)}),
         ("sum(where(p, x, 0.0))", {"x": ("n", "m"), "p": ()})),
    _row("count", "sum", "sum(where(p, 1, 0)) → astype(sum(p))", _counted, "stable", "whole numbers are counted as such",
         ("sum(where(p, 1.0, 0.0), axis=0)", {"p": ("n", "m")})),
)  # fmt: skip

ARRANGEMENTS = (
    _row("permuted-twice", "permute_dims", "x.T.T → x", _permuted_twice, "exact", "the orders follow each other",
         ("permute_dims(permute_dims(x, (1, 2, 0)), (1, 2, 0))", CUBE), ("permute_dims(permute_dims(x, (1, 0)), (1, 0))", NM),
         ("permute_dims(x, (0, 1))", NM)),
    _row("reshaped-twice", "reshape", "reshape(reshape(x, s), t) → reshape(x, t)", _reshaped_twice, "exact", "rows are read once",
         ("reshape(reshape(x, (-1,)), (2, 6))", {"x": (3, 4)}), ("reshape(expand_dims(x, 1), (12,))", {"x": (3, 4)}),
         ("reshape(reshape(x, (-1,)), (3, 4))", {"x": (3, 4)})),
    _row("squeezed-again", "squeeze", "squeeze(expand_dims(x, a), a) → x", _there_and_back, "exact", "an axis of length 1 comes and goes",
         ("squeeze(expand_dims(x, (0, 2)), (0, 2))", NM)),
    _row("expanded-again", "expand_dims", "expand_dims(squeeze(x, a), a) → x", _there_and_back, "exact",
         "an axis of length 1 goes and comes", ("expand_dims(squeeze(x, 1), 1)", {"x": ("n", 1)})),
    _row("broadcast-twice", "broadcast_to", "broadcast_to(broadcast_to(x, s), t) → broadcast_to(x, t)", _broadcast_twice, "exact",
         "repeated once", ("broadcast_to(broadcast_to(x, (1, 3)), (2, 3))", {"x": (3,)}), ("broadcast_to(x, (2, 3))", {"x": (2, 3)})),
    _row("transposed-product", "permute_dims", "(a @ b.T).T → b @ a.T", _transposed_product, "stable", "two transposes cancel",
         ("permute_dims(x @ permute_dims(y, (1, 0)), (1, 0))", {"x": ("n", "m"), "y": ("k", "m")})),
)  # fmt: skip

RULES = (*EXPONENTIALS, *SQUARES, *SUMS, *ARRANGEMENTS)

__all__ = ["RULES", "AxisRule"]

"""Rules over whole arrays: sums of products, of what is broadcast and of choices; arrangements that cancel."""

# ruff: noqa: E501  a row of the table is a line

from __future__ import annotations

import string

from graphc.ir.dims import Dim
from graphc.ir.expr import Expr, rebuild
from graphc.ir.types import is_float
from graphc.ops.comparison import where
from graphc.ops.einsum import contract, parts
from graphc.ops.support.attributes import axes_of
from graphc.ops.support.build import call, count, expanded, summed
from graphc.rewrite.arrays.axis_rule import CUBE, NM, is_constant_along, keeps, reduced, row
from graphc.rewrite.engine.promotion import EVERYTHING
from graphc.rewrite.engine.ranges import Ranges

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
    ndim, axes = product.ndim, reduced(node)
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
    return _restored(contract([first, second], output, [a, b]), axes, keeps(node))


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
    x, axes = wide.operands[0], reduced(node)
    lead = wide.ndim - x.ndim
    repeated = [axis for axis in axes if axis < lead or x.shape[axis - lead] != wide.shape[axis]]
    number = count(wide.shape, tuple(repeated), x.dtype)
    if not isinstance(number, int) or number == 0:  # nothing of an infinity is nothing
        return None
    if any(axis < lead for axis in range(wide.ndim) if axis not in axes):  # repeated along an axis that stays
        return None
    own = tuple([axis - lead for axis in axes if axis >= lead])
    total = (summed(x, own, keeps(node)) if own else x) * number
    return expanded(total, tuple(range(lead))) if keeps(node) and lead else total


def _sum_of_negative(node: Expr, ranges: Ranges) -> Expr | None:
    (inner,) = node.operands
    if inner.op.name != "negative" or not is_float(node.dtype):
        return None
    return -call(node.op.name, *inner.operands, axis=node.attrs[0], keepdims=keeps(node))


def _sum_of_choice(node: Expr, ranges: Ranges) -> Expr | None:
    """A condition that is the same along the axes is asked once."""
    (inner,) = node.operands
    if inner.op.name != "where" or not is_float(node.dtype):
        return None
    condition, x, zero = inner.operands
    nothing = zero.is_constant and not zero.shape and zero.value == 0
    if not nothing or x.shape != inner.shape or not is_constant_along(condition, x, reduced(node)):
        return None
    if not condition.shape or keeps(node):
        once = condition
    else:
        lead = x.ndim - condition.ndim
        gone = tuple([axis - lead for axis in reduced(node) if axis >= lead])
        if any(axis < lead for axis in range(x.ndim) if axis not in reduced(node)):
            return None
        once = call("squeeze", condition, axis=gone) if gone else condition
    return where(once, call("sum", x, axis=node.attrs[0], keepdims=keeps(node)), zero)


def _counted(node: Expr, ranges: Ranges) -> Expr | None:
    """Whole numbers are counted as such: a float32 stays at 2²⁴."""
    (inner,) = node.operands
    if inner.op.name != "where" or not is_float(node.dtype):
        return None
    condition, one, zero = inner.operands
    plain = all(x.is_constant and not x.shape for x in (one, zero))
    if not plain or one.value != 1 or zero.value != 0 or condition.shape != inner.shape:
        return None
    return call("sum", condition, axis=node.attrs[0], keepdims=keeps(node)).astype(node.dtype)


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


def _product_by_transposed(node: Expr, ranges: Ranges) -> Expr | None:
    """A factor in the order that its elements stand in memory: a transpose of it is only another way for a product to read it."""
    if not is_float(node.dtype) or any(x.ndim != 2 for x in node.operands):
        return None
    found = [_read_transposed(x) for x in node.operands]
    a, b = (x if other is None else other for x, other in zip(node.operands, found, strict=True))
    return None if a is node.operands[0] and b is node.operands[1] else a @ b


def _read_transposed(x: Expr) -> Expr | None:
    """A matrix as the transpose of what is computed without transposes, or, if it is a transpose itself, as that."""
    inner = x.operands[0] if _is_swap(x) else x
    turned = None if _is_swap(inner) else _computed_transposed(inner)
    return turned if turned is None or inner is not x else _swapped(turned)


def _computed_transposed(x: Expr, deep: int = 8) -> Expr | None:
    """The transpose of elements computed of transposes and of what each column shares; None where it is of something else."""
    if x.ndim < 2:
        return call("expand_dims", x, axis=1) if x.ndim else x
    if _is_swap(x):
        return x.operands[0]
    if not deep or x.op.shape is not None or not x.operands:
        return None
    if any(each.shape not in (x.shape, x.shape[1:], ()) for each in x.operands):
        return None
    parts = [_computed_transposed(each, deep - 1) for each in x.operands]
    turned = [part for part in parts if part is not None]
    return rebuild(x, tuple(turned)) if len(turned) == len(parts) else None


# --- the table ---------------------------------------------------------------------------------------------------------------

SUMS = (
    row("sum-of-products", "sum", "sum(a[:, :, None]*b[None], axis=1) → einsum(\"ab,bc->ac\", a, b)", _sum_of_products, "stable",
         "the products of all pairs are not written down",
         ("sum(expand_dims(x, 2)*expand_dims(y, 0), axis=1)", {"x": ("n", "m"), "y": ("m", "k")}),
         ("sum(expand_dims(x, 1)*y, axis=2, keepdims=True)", {"x": ("n", "m"), "y": ("k", "m")})),
    row("einsum-as-matmul", "einsum", "einsum(\"ij,jk->ik\", a, b) → a @ b", _matrix_product, "stable",
         "a product of matrices, transposed where that is what is written",
         ('einsum("ij,jk->ik", x, y)', {"x": ("n", "m"), "y": ("m", "k")}), ('einsum("ji,kj->ki", x, y)', {"x": ("m", "n"), "y": ("k", "m")}),
         ('einsum("bij,bkj->bik", x, y)', {"x": ("b", "n", "m"), "y": ("b", "k", "m")})),
    row("sum-of-broadcast", "sum", "sum(broadcast_to(x, (n, …)), axis=0) → x*n", _sum_of_broadcast, "stable", "equal terms are counted",
         ("sum(broadcast_to(x, (3, 4)), axis=0)", {"x": (4,)}), ("sum(broadcast_to(x, (3, 4)))", {"x": (3, 1)}),
         ("sum(broadcast_to(x, (2, 5)), axis=1, keepdims=True)", {"x": (2, 1)})),
    row("sum-of-negative", "sum", "sum(-x) → -sum(x)", _sum_of_negative, "stable", "signs of zeros apart", ("sum(-x, axis=0)", {"x": (3, "m")})),
    row("mean-of-negative", "mean", "mean(-x) → -mean(x)", _sum_of_negative, "stable", "signs of zeros apart", ("mean(-x)", {"x": (3, 4)})),
    row("sum-of-choice", "sum", "sum(where(p, x, 0)) → where(p, sum(x), 0)", _sum_of_choice, "exact",
         "a condition that is the same along the axes is asked once", ("sum(where(p, x, 0), axis=1)", {"x": ("n", "m"), "p": ("n", 1)}),
         ("sum(where(p, x, 0.0))", {"x": ("n", "m"), "p": ()})),
    row("count", "sum", "sum(where(p, 1, 0)) → astype(sum(p))", _counted, "stable", "whole numbers are counted as such",
         ("sum(where(p, 1.0, 0.0), axis=0)", {"p": ("n", "m")})),
)  # fmt: skip

ARRANGEMENTS = (
    row("permuted-twice", "permute_dims", "x.T.T → x", _permuted_twice, "exact", "the orders follow each other",
         ("permute_dims(permute_dims(x, (1, 2, 0)), (1, 2, 0))", CUBE), ("permute_dims(permute_dims(x, (1, 0)), (1, 0))", NM),
         ("permute_dims(x, (0, 1))", NM), over=EVERYTHING),
    row("reshaped-twice", "reshape", "reshape(reshape(x, s), t) → reshape(x, t)", _reshaped_twice, "exact", "rows are read once",
         ("reshape(reshape(x, (-1,)), (2, 6))", {"x": (3, 4)}), ("reshape(expand_dims(x, 1), (12,))", {"x": (3, 4)}),
         ("reshape(reshape(x, (-1,)), (3, 4))", {"x": (3, 4)}), over=EVERYTHING),
    row("squeezed-again", "squeeze", "squeeze(expand_dims(x, a), a) → x", _there_and_back, "exact", "an axis of length 1 comes and goes",
         ("squeeze(expand_dims(x, (0, 2)), (0, 2))", NM), over=EVERYTHING),
    row("expanded-again", "expand_dims", "expand_dims(squeeze(x, a), a) → x", _there_and_back, "exact",
         "an axis of length 1 goes and comes", ("expand_dims(squeeze(x, 1), 1)", {"x": ("n", 1)}), over=EVERYTHING),
    row("broadcast-twice", "broadcast_to", "broadcast_to(broadcast_to(x, s), t) → broadcast_to(x, t)", _broadcast_twice, "exact",
         "repeated once", ("broadcast_to(broadcast_to(x, (1, 3)), (2, 3))", {"x": (3,)}), ("broadcast_to(x, (2, 3))", {"x": (2, 3)}), over=EVERYTHING),
    row("transposed-product", "permute_dims", "(a @ b.T).T → b @ a.T", _transposed_product, "stable", "two transposes cancel",
         ("permute_dims(x @ permute_dims(y, (1, 0)), (1, 0))", {"x": ("n", "m"), "y": ("k", "m")})),
    row("product-by-transposed", "matmul", "(a.T*v) @ b → (a*v[:, None]).T @ b", _product_by_transposed, "stable",
         "a.T*v is computed in the order that a stands in memory",
         ("(permute_dims(x, (1, 0))*v) @ y", {"x": ("n", "m"), "v": ("n",), "y": ("n", "k")}),
         ("y @ sin(permute_dims(x, (1, 0))*2)", {"x": ("n", "m"), "y": ("k", "m")})),
)  # fmt: skip

RULES = (*SUMS, *ARRANGEMENTS)

"""Products of arrays: sums over paired axes. Each is linear in every operand alone."""

from __future__ import annotations

import string
from typing import Any

import numpy as np

from graphc import dims
from graphc.dims import Dim
from graphc.errors import ExpressionError, ShapeError
from graphc.expr import Expr, apply, constant
from graphc.op import PRODUCT, Attribute, Notation, Op
from graphc.ops import attributes as at
from graphc.ops.calls import broadcast, call, expanded, fitted, reshaped, summed, transposed
from graphc.ops.declare import declare_arrays, with_checks
from graphc.types import Shape, TypeRule, as_dtype, broadcast_shapes, format_shape

_PROMOTED = TypeRule(
    lambda dtypes: ((as_dtype(np.result_type(*dtypes)),) * len(dtypes), as_dtype(np.result_type(*dtypes)))
)


def _matmul_shape(operands: tuple[Expr, ...]) -> Shape:
    a, b = operands
    if not a.shape or not b.shape:
        raise at.refuse_shape("@ takes vectors and matrices", operands, "write * for the product of numbers")
    inner = b.shape[-2] if b.ndim > 1 else b.shape[0]
    if a.shape[-1] != inner:
        raise at.refuse_shape(
            f"{format_shape(a.shape)} @ {format_shape(b.shape)}: the inner dimensions {a.shape[-1]} and {inner} differ",
            operands,
            "x.T transposes; named dimensions are equal when their names are",
        )
    rows = a.shape[-2:-1]
    columns = b.shape[-1:] if b.ndim > 1 else ()
    return (*broadcast_shapes([a.shape[:-2], b.shape[:-2]]), *rows, *columns)


def _as_matrices(v: Expr, a: Expr, b: Expr) -> tuple[Expr, Expr, Expr]:
    """A product of vectors as one of matrices: a a row, b a column."""
    if b.ndim == 1:
        v, b = expanded(v, v.ndim), expanded(b, 1)
    if a.ndim == 1:
        v, a = expanded(v, v.ndim - 1), expanded(a, 0)
    return v, a, b


def _matmul_left(v: Expr, out: Expr, a: Expr, b: Expr) -> Expr:
    if a.ndim == 2 and b.ndim == 1:
        return call("outer", v, b)
    if a.ndim == 1 and b.ndim <= 2:
        return v * b if b.ndim == 1 else b @ v
    wide, left, right = _as_matrices(v, a, b)
    return reshaped(fitted(wide @ transposed(right), left), a)


def _matmul_right(v: Expr, out: Expr, a: Expr, b: Expr) -> Expr:
    if a.ndim == 1 and b.ndim == 2:
        return call("outer", a, v)
    if b.ndim == 1 and a.ndim <= 2:
        return v * a if a.ndim == 1 else transposed(a) @ v
    wide, left, right = _as_matrices(v, a, b)
    return reshaped(fitted(transposed(left) @ wide, right), b)


matmul = declare_arrays(
    Op(
        name="matmul",
        params=("a", "b"),
        summary="The matrix product; axes before the last two are batches, which broadcast.",
        notes="A vector is a row on the left and a column on the right.",
        types=_PROMOTED,
        reference=np.matmul,
        shape=_matmul_shape,
        pullbacks=(_matmul_left, _matmul_right),
        linear="each",
        notation=Notation("@", "[0] @ [1]", r"[0]\,[1]", PRODUCT, PRODUCT, PRODUCT + 1),
        category="product",
        operator="a @ b",
        ufuncs=(np.matmul,),
    )
)


# --- einsum -----------------------------------------------------------------------------------------------------------------


def _subscripts(name: str, value: Any, operands: tuple[Expr, ...]) -> str:
    """The subscripts in full: an arrow, no spaces, a letter for each axis of an ellipsis. Raises errors for any that lie."""
    if not isinstance(value, str):
        raise ExpressionError(
            f"einsum's subscripts are a text, not {type(value).__name__}",
            hint='write g.einsum("ij,jk->ik", A, B)',
        )
    text = "".join(value.split())
    inputs, arrow, output = text.partition("->")
    terms = inputs.split(",")
    for term in [*terms, output]:
        if term.count("...") > 1 or not set(term.replace("...", "")) <= set(string.ascii_letters):
            raise ExpressionError(
                f"{value[:60]!r} are no subscripts: {term[:30]!r}",
                hint='letters, commas, ... and one ->, as in "ij,jk->ik"',
            )
    if len(terms) != len(operands):
        raise ExpressionError(
            f"{value[:60]!r} speaks of {len(terms)} operands and there are {len(operands)}",
            hint="separate the operands' subscripts by commas",
        )
    spare = [letter for letter in string.ascii_uppercase + string.ascii_lowercase if letter not in text]
    extra = 0
    for number, (term, operand) in enumerate(zip(terms, operands, strict=True)):
        more = operand.ndim - len(term.replace("...", ""))
        if (more < 0) if "..." in term else more:
            raise at.refuse_shape(
                f"the subscripts {term!r} speak of {len(term.replace('...', ''))} axes of operand {number}",
                (operand,),
            )
        extra = max(extra, more if "..." in term else 0)
    if extra > len(spare):
        raise ExpressionError("einsum runs out of letters")
    batch = "".join(spare[:extra])
    full = []
    for term, operand in zip(terms, operands, strict=True):
        more = operand.ndim - len(term.replace("...", ""))
        full.append(term.replace("...", batch[extra - more :]))
    if not arrow:
        joined = "".join(terms).replace("...", "")
        output = batch + "".join(sorted(letter for letter in set(joined) if joined.count(letter) == 1))
    elif "..." in output:
        output = output.replace("...", batch)
    lengths = _lengths(full, operands)
    for letter in output:
        if letter not in lengths or output.count(letter) > 1:
            why = "stands twice in the result" if letter in lengths else "stands in no operand"
            raise ExpressionError(f"in {value[:60]!r} the letter {letter!r} {why}")
    return f"{','.join(full)}->{output}"


def _lengths(terms: list[str], operands: tuple[Expr, ...]) -> dict[str, Dim]:
    """The length that each letter stands for."""
    found: dict[str, tuple[Dim, int]] = {}
    for number, (term, operand) in enumerate(zip(terms, operands, strict=True)):
        for letter, length in zip(term, operand.shape, strict=True):
            known, first = found.setdefault(letter, (length, number))
            if known != length:
                raise at.refuse_shape(
                    f"einsum's letter {letter!r} is {known} in operand {first} and {length} in operand {number}",
                    (operands[first], operand),
                )
    return {letter: length for letter, (length, _) in found.items()}


def _parts(subscripts: str) -> tuple[list[str], str]:
    inputs, _, output = subscripts.partition("->")
    return inputs.split(","), output


def _einsum_shape(operands: tuple[Expr, ...], subscripts: str) -> Shape:
    terms, output = _parts(subscripts)
    lengths = _lengths(terms, operands)
    return tuple(lengths[letter] for letter in output)


def _einsum(*args: Any) -> Any:
    *operands, subscripts = args
    if len(operands) < 3:
        return np.einsum(subscripts, *operands)
    # the order of the pairs: the best one for a few operands, a greedy one for many
    order = np.einsum_path(subscripts, *operands, optimize="optimal" if len(operands) <= 5 else "greedy")[0]
    return np.einsum(subscripts, *operands, optimize=order)


def _einsum_pullback(v: Expr, out: Expr, operands: tuple[Expr, ...], slot: int, subscripts: str) -> Expr:
    terms, output = _parts(subscripts)
    own, x = terms[slot], operands[slot]
    others = [
        (term, operand)
        for place, (term, operand) in enumerate(zip(terms, operands, strict=True))
        if place != slot
    ]
    given = [*others, (output, v)]
    letters = "".join(dict.fromkeys(own))  # each once: a letter that stands twice walks along a diagonal
    known = {letter for term, _ in given for letter in term}
    kept = "".join(letter for letter in letters if letter in known)
    part = _contract([term for term, _ in given], kept, [operand for _, operand in given])
    walked = x if len(letters) == len(own) else _contract([own], letters, [x])
    # a letter that stands in this operand alone was summed over
    part = expanded(part, tuple(place for place, letter in enumerate(letters) if letter not in known))
    return _along_diagonals(broadcast(part, walked), letters, own, x)


def _contract(terms: list[str], output: str, operands: list[Expr]) -> Expr:
    return apply(EINSUM, *operands, attrs=(f"{','.join(terms)}->{output}",))


def _along_diagonals(part: Expr, letters: str, own: str, x: Expr) -> Expr:
    """An adjoint by distinct letters as one by all axes of the operand: on the diagonals, 0 beside them."""
    if len(letters) == len(own):
        return part
    spare = iter(letter for letter in string.ascii_letters if letter not in own)
    terms, operands, result = [letters], [part], ""
    for place, letter in enumerate(own):
        if letter not in result:
            result += letter
            continue
        twin = next(spare)
        terms.append(letter + twin)
        operands.append(call("eye", n_rows=x.shape[place], dtype=x.dtype.name))
        result += twin
    return _contract(terms, result, operands)


EINSUM = Op(
    name="einsum",
    params=("operands",),
    variadic=True,
    attributes=(Attribute("subscripts", _subscripts, text=True),),
    summary='Any sum of products over paired axes, by Einstein\'s notation: einsum("ij,jk->ik", A, B).',
    notes=(
        "As numpy.einsum; a letter stands for one length, so axes of length 1 do not broadcast. Three operands or more are "
        "multiplied in pairs, in an order that needs few multiplications."
    ),
    types=_PROMOTED,
    reference=_einsum,
    shape=_einsum_shape,
    pullbacks=_einsum_pullback,
    linear="each",
    notation=Notation("einsum"),
    category="product",
)
declare_arrays(EINSUM)


@with_checks(EINSUM)
def einsum(subscripts, *operands):
    """Any sum of products over paired axes, by Einstein's notation: einsum("ij,jk->ik", A, B).

    subscripts : a letter for each axis of each operand, and the letters of the result; as `numpy.einsum`

    A letter stands for one length, so axes of length 1 do not broadcast. Three operands or more are multiplied in pairs, in an
    order that needs few multiplications. Raises `ExpressionError` for subscripts that make no sense and `ShapeError` for
    operands that they do not fit.
    """
    return apply(EINSUM, *operands, attrs=(subscripts,))


Expr.function_table[np.einsum] = lambda subscripts, *operands, **_: apply(
    EINSUM, *operands, attrs=(subscripts,)
)


# --- named products -----------------------------------------------------------------------------------------------------------


def _paired(name: str, value: Any, operands: tuple[Expr, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The axes of either operand that are summed over together."""
    a, b = operands
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        if not 0 <= value <= min(a.ndim, b.ndim):
            raise at.refuse_shape(f"tensordot over {value} axes", operands)
        value = (tuple(range(a.ndim - value, a.ndim)), tuple(range(value)))
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise ExpressionError(
            f"axes {value!r} are no number and no pair", hint="write axes=2, or axes=((1,), (0,))"
        )
    left, right = [
        at.distinct(
            name,
            tuple(
                [
                    at.position(name, axis, x.ndim)
                    for axis in (part if isinstance(part, (tuple, list)) else (part,))
                ]
            ),
        )
        for part, x in zip(value, operands, strict=True)
    ]
    if len(left) != len(right):
        raise ShapeError(
            f"axes {value!r} pair {len(left)} axes with {len(right)}", hint="as many on either side"
        )
    for i, j in zip(left, right, strict=True):
        if a.shape[i] != b.shape[j]:
            raise at.refuse_shape(
                f"tensordot pairs axis {i} of length {a.shape[i]} with axis {j} of length {b.shape[j]}",
                operands,
            )
    return left, right


def _pair_letters(a: Expr, b: Expr, axes: Any) -> tuple[str, str, str]:
    letters = string.ascii_letters
    first = letters[: a.ndim]
    fresh = iter(letters[a.ndim :])
    second = "".join(first[axes[0][axes[1].index(j)]] if j in axes[1] else next(fresh) for j in range(b.ndim))
    kept = "".join(letter for place, letter in enumerate(first) if place not in axes[0])
    return first, second, kept + "".join(letter for j, letter in enumerate(second) if j not in axes[1])


def _tensordot_as_einsum(a: Expr, b: Expr, axes: Any) -> Expr:
    first, second, result = _pair_letters(a, b, axes)
    return _contract([first, second], result, [a, b])


tensordot = declare_arrays(
    Op(
        name="tensordot",
        params=("a", "b"),
        attributes=(Attribute("axes", _paired, 2),),
        summary="The sum of products over pairs of axes: the last of a with the first of b, or those that are given.",
        types=_PROMOTED,
        reference=lambda a, b, axes: np.tensordot(a, b, axes=axes),
        shape=lambda operands, axes: (
            *(dim for place, dim in enumerate(operands[0].shape) if place not in axes[0]),
            *(dim for place, dim in enumerate(operands[1].shape) if place not in axes[1]),
        ),
        expand=_tensordot_as_einsum,
        linear="each",
        notation=Notation("tensordot"),
        category="product",
        numpy=(np.tensordot,),
    )
)


def _vecdot_shape(operands: tuple[Expr, ...], axis: int) -> Shape:
    a, b = operands
    if not a.shape or not b.shape or a.shape[-1] != b.shape[-1]:
        raise at.refuse_shape("vecdot needs two vectors of one length in the last axis", operands)
    return broadcast_shapes([a.shape[:-1], b.shape[:-1]])


def _last_axis(name: str, value: Any, operands: tuple[Expr, ...]) -> int:
    if at.whole(name, value) != -1:
        raise ShapeError(
            "vecdot multiplies along the last axis", hint="g.permute_dims(x, axes=…) moves another one there"
        )
    return -1


vecdot = declare_arrays(
    Op(
        name="vecdot",
        params=("a", "b"),
        attributes=(Attribute("axis", _last_axis, -1),),
        summary="The dot products of vectors in the last axis; the axes before it broadcast.",
        types=_PROMOTED,
        reference=lambda a, b, axis: np.sum(a * b, axis=-1, dtype=a.dtype),
        shape=_vecdot_shape,
        expand=lambda a, b, axis: summed(a * b, -1),
        linear="each",
        notation=Notation("vecdot"),
        category="product",
        numpy=(np.linalg.vecdot,),
    )
)


def _outer_shape(operands: tuple[Expr, ...]) -> Shape:
    for operand in operands:
        if operand.ndim != 1:
            raise at.refuse_shape("outer takes two vectors", operands, "g.reshape(x, -1) makes a vector")
    return (operands[0].shape[0], operands[1].shape[0])


outer = declare_arrays(
    Op(
        name="outer",
        params=("a", "b"),
        summary="The matrix of all products of two vectors' elements.",
        types=_PROMOTED,
        reference=np.outer,
        shape=_outer_shape,
        expand=lambda a, b: expanded(a, 1) * expanded(b, 0),
        linear="each",
        notation=Notation(
            "⊗", None, r"[0] \otimes [1]", latex_precedence=PRODUCT, left=PRODUCT, right=PRODUCT + 1
        ),
        category="product",
        numpy=(np.outer,),
    )
)


def _kron_shape(operands: tuple[Expr, ...]) -> Shape:
    a, b = operands
    if a.ndim != b.ndim:
        raise at.refuse_shape("kron needs two arrays of as many axes", operands)
    return tuple(dims.multiply(i, j) for i, j in zip(a.shape, b.shape, strict=True))


def _kron(a: Expr, b: Expr) -> Expr:
    left = expanded(a, tuple(range(1, 2 * a.ndim, 2)))
    right = expanded(b, tuple(range(0, 2 * b.ndim, 2)))
    return call("reshape", left * right, shape=_kron_shape((a, b)))


kron = declare_arrays(
    Op(
        name="kron",
        params=("a", "b"),
        summary="The Kronecker product: every element of a times the whole of b.",
        types=_PROMOTED,
        reference=np.kron,
        shape=_kron_shape,
        expand=_kron,
        linear="each",
        notation=Notation("kron"),
        category="product",
        numpy=(np.kron,),
    )
)

trace = declare_arrays(
    Op(
        name="trace",
        params=("x",),
        attributes=(at.integer("offset", 0),),
        summary="The sum of the diagonal of the matrices in the last two axes.",
        types=TypeRule(lambda dtypes: (dtypes, dtypes[0])),
        reference=lambda x, offset: np.trace(x, offset, axis1=-2, axis2=-1, dtype=x.dtype),
        shape=lambda operands, offset: call("diagonal", operands[0], offset=offset).shape[:-1],
        expand=lambda x, offset: summed(call("diagonal", x, offset=offset), -1),
        linear="jointly",
        notation=Notation("tr"),
        category="product",
        numpy=(np.linalg.trace,),
    )
)


def dot(a, b):
    """The dot product as `numpy.dot`: of vectors a number, of matrices `a @ b`; a scalar multiplies.

    Of arrays with more axes the sum over the last axis of a and the last but one of b.
    Raises `ShapeError` when those differ in length.
    """
    a, b = constant(a) if not isinstance(a, Expr) else a, constant(b) if not isinstance(b, Expr) else b
    if not a.shape or not b.shape:
        return a * b
    if a.ndim <= 2 and b.ndim <= 2:
        return a @ b
    return call("tensordot", a, b, axes=((a.ndim - 1,), (max(b.ndim - 2, 0),)))


Expr.function_table[np.dot] = dot

__all__ = ["dot", "einsum", "kron", "matmul", "outer", "tensordot", "trace", "vecdot"]

"""Any contraction, by Einstein's notation."""

from __future__ import annotations

import string
from typing import Any

import numpy as np

from graphc.errors import ExpressionError
from graphc.ir.dims import Dim
from graphc.ir.expr import Expr, apply, constant
from graphc.ir.op import Attribute, Notation, Op
from graphc.ir.types import ALL_PROMOTED, Shape
from graphc.ops.comparison import not_equal
from graphc.ops.support import attributes as at
from graphc.ops.support.build import broadcast, call, expanded
from graphc.ops.support.contraction_order import in_pairs
from graphc.ops.support.declare import declare_arrays, with_checks
from graphc.ops.support.vmap_rules import Batch, Batched

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
    lengths = lengths_of(full, operands)
    for letter in output:
        if letter not in lengths or output.count(letter) > 1:
            why = "stands twice in the result" if letter in lengths else "stands in no operand"
            raise ExpressionError(f"in {value[:60]!r} the letter {letter!r} {why}")
    return f"{','.join(full)}->{output}"


def lengths_of(terms: list[str], operands: tuple[Expr, ...]) -> dict[str, Dim]:
    """The length that each letter stands for; 1 in one operand broadcasts to another's, as in NumPy."""
    seen_at: dict[str, tuple[Dim, int]] = {}
    for number, (term, operand) in enumerate(zip(terms, operands, strict=True)):
        for letter, length in zip(term, operand.shape, strict=True):
            known, first = seen_at.setdefault(letter, (length, number))
            if known == length or (length == 1 and first != number):
                continue
            if known != 1 or first == number:
                raise at.refuse_shape(
                    f"einsum's letter {letter!r} is {known} in operand {first} and {length} in operand {number}",
                    (operands[first], operand),
                )
            seen_at[letter] = length, number
    return {letter: length for letter, (length, _) in seen_at.items()}


def parts(subscripts: str) -> tuple[list[str], str]:
    """The letters of each operand, and those of the result."""
    inputs, _, output = subscripts.partition("->")
    return inputs.split(","), output


def _einsum_shape(operands: tuple[Expr, ...], subscripts: str) -> Shape:
    terms, output = parts(subscripts)
    lengths = lengths_of(terms, operands)
    return tuple(lengths[letter] for letter in output)


def _einsum(*args: Any) -> Any:
    *operands, subscripts = args
    if len(operands) < 3:
        return np.einsum(subscripts, *operands)
    terms, output = parts(subscripts)
    lengths: dict[str, Dim] = {}
    for term, operand in zip(terms, operands, strict=True):
        for letter, length in zip(term, np.shape(operand), strict=True):
            lengths[letter] = length if lengths.get(letter, 1) == 1 else lengths[letter]
    order = [(step.left, step.right) for step in in_pairs(terms, output, lengths)]
    return np.einsum(subscripts, *operands, optimize=["einsum_path", *order])


def _einsum_pullback(v: Expr, out: Expr, operands: tuple[Expr, ...], slot: int, subscripts: str) -> Expr:
    terms, output = parts(subscripts)
    lengths = lengths_of(terms, operands)
    own, x = terms[slot], operands[slot]
    others = [
        (term, operand)
        for place, (term, operand) in enumerate(zip(terms, operands, strict=True))
        if place != slot
    ]
    factors = [*others, (output, v)]
    letters = "".join(dict.fromkeys(own))  # each once: a letter that stands twice walks along a diagonal
    # an axis of length 1 that was broadcast gets the sum over what it was broadcast to
    wide = {letter for letter, length in zip(own, x.shape, strict=True) if length != lengths[letter]}
    known = {letter for term, _ in factors for letter in term} - wide
    result_letters = "".join(letter for letter in letters if letter in known)
    part = contract([term for term, _ in factors], result_letters, [operand for _, operand in factors])
    walked = x if len(letters) == len(own) else contract([own], letters, [x])
    # a letter that stands in this operand alone was summed over
    part = expanded(part, tuple(place for place, letter in enumerate(letters) if letter not in known))
    return _along_diagonals(broadcast(part, walked), letters, own, x)


def contract(terms: list[str], output: str, operands: list[Expr]) -> Expr:
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
    return contract(terms, result, operands)


def _reads_diagonals(
    used: Expr | None, out: Expr, operands: tuple[Expr, ...], slot: int, subscripts: str
) -> Expr | None:
    """Of an operand whose letters repeat the diagonals."""
    terms, _ = parts(subscripts)
    own, x = terms[slot], operands[slot]
    if len(set(own)) == len(own):
        return None
    ones = constant(1.0, x.dtype)
    letters = "".join(dict.fromkeys(own))
    walked = contract([own], letters, [x])
    return not_equal(_along_diagonals(broadcast(ones, walked), letters, own, x), 0)


def _einsum_batch(b: Batch, operands: tuple[Expr, ...], batched: Batched, subscripts: str) -> Expr:
    spare = next((letter for letter in string.ascii_letters if letter not in subscripts), None)
    if spare is None:
        raise ExpressionError("einsum runs out of letters")
    terms, output = parts(subscripts)
    wide = [spare + term if own else term for term, own in zip(terms, batched, strict=True)]
    return contract(wide, spare + output, list(operands))


EINSUM = Op(
    name="einsum",
    params=("operands",),
    variadic=True,
    attributes=(Attribute("subscripts", _subscripts, text=True),),
    summary='Any sum of products over paired axes, by Einstein\'s notation: einsum("ij,jk->ik", A, B).',
    notes=(
        "As numpy.einsum: a letter stands for one length, to which axes of length 1 broadcast. Three operands or more are "
        "multiplied in pairs, in an order that needs few multiplications (by opt_einsum)."
    ),
    types=ALL_PROMOTED,
    reference=_einsum,
    shape=_einsum_shape,
    pullbacks=_einsum_pullback,
    batch=_einsum_batch,
    linear="each",
    reads=_reads_diagonals,
    notation=Notation("einsum"),
    category="product",
)
declare_arrays(EINSUM)


@with_checks(EINSUM)
def einsum(subscripts, *operands):
    """Any sum of products over paired axes, by Einstein's notation: einsum("ij,jk->ik", A, B).

    subscripts : a letter for each axis of each operand, and the letters of the result; as `numpy.einsum`

    A letter stands for one length, to which axes of length 1 broadcast. Three operands or more are multiplied in pairs,
    in an order that needs few multiplications (by opt_einsum).

    Raises `ExpressionError` for subscripts that make no sense and `ShapeError` for
    operands that they do not fit.
    """
    return apply(EINSUM, *operands, attrs=(subscripts,))


Expr.function_table[np.einsum] = lambda subscripts, *operands, **_: apply(
    EINSUM, *operands, attrs=(subscripts,)
)


__all__ = [
    "einsum",
]  # fmt: skip

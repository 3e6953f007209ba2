"""Contractions in Einstein's notation as simple operations: products of matrices, sums of products, diagonals.

Of a pair of operands, letters of both that the result has are batches, those that it has not are summed over. One product of
matrices remains; where a letter on its own stands for rows, columns and sum it reads its operands where they lie.
"""

from __future__ import annotations

from graphc.ir import dims
from graphc.ir.dims import Dim
from graphc.ir.expr import Expr
from graphc.ops.einsum import lengths_of, parts
from graphc.ops.support.build import call, expanded, summed
from graphc.ops.support.contraction_order import in_pairs

Term = tuple[str, Expr]
"""The letters of an operand's axes, and the operand."""


def einsum(node: Expr, *operands: Expr) -> Expr:
    """A contraction of floats in simple operations; the node itself where it is of another type."""
    if node.dtype.kind != "f":
        return node
    letters, output = parts(node.attrs[0])
    lengths = lengths_of(letters, operands)
    terms = [_single(term, x, lengths) for term, x in zip(letters, operands, strict=True)]
    if len(terms) > 1:
        for step in in_pairs([term for term, _ in terms], output, lengths):
            b, a = terms.pop(step.right), terms.pop(step.left)
            wanted = set(output).union(*(term for term, _ in terms))
            terms.append(_pair(a, b, wanted, lengths))
    return _arranged(*_without(terms[0], set(output)), output)


def _single(term: str, x: Expr, lengths: dict[str, Dim]) -> Term:
    """An operand whose letters differ, without the axes of length 1 that are broadcast."""
    for letter in dict.fromkeys(term):
        while term.count(letter) > 1:
            first, second = term.index(letter), term.rindex(letter)
            order = [place for place in range(len(term)) if place not in (first, second)]
            moved = call("permute_dims", x, axes=(*order, first, second))
            x = call("diagonal", moved, offset=0)
            term = "".join(term[place] for place in order) + letter
    ones = tuple(
        place
        for place, (letter, length) in enumerate(zip(term, x.shape, strict=True))
        if length == 1 and lengths[letter] != 1
    )
    if ones:
        x = call("squeeze", x, axis=ones)
        term = "".join(letter for place, letter in enumerate(term) if place not in ones)
    return term, x


def _without(operand: Term, wanted: set[str]) -> Term:
    """The sum over the letters that nobody wants."""
    term, x = operand
    gone = tuple(place for place, letter in enumerate(term) if letter not in wanted)
    return ("".join(c for c in term if c in wanted), summed(x, gone)) if gone else operand


def _pair(a: Term, b: Term, wanted: set[str], lengths: dict[str, Dim]) -> Term:
    """The product of two operands, summed over the letters that nobody else wants."""
    a, b = _without(a, wanted | set(b[0])), _without(b, wanted | set(a[0]))
    batch = "".join(c for c in a[0] if c in b[0] and c in wanted)
    inner = "".join(c for c in a[0] if c in b[0] and c not in wanted)
    left = "".join(c for c in a[0] if c not in b[0])
    right = "".join(c for c in b[0] if c not in a[0])
    if not inner or not (left or right):
        order = batch + left + right + inner
        product = _beside(*a, order) * _beside(*b, order)
        term = batch + left + right
        return term, summed(product, tuple(range(len(term), len(order)))) if inner else product
    inner = _order_of(inner, a[0], b[0])
    left, outside_a = _together(left, a[0])
    right, outside_b = _together(right, b[0])
    around = outside_a + batch + outside_b
    rows = _matrices(a, around, left, inner)
    columns = _matrices(b, around, inner, right)
    if not around and not right:
        product = rows @ call("squeeze", columns, axis=(1,))
    elif not around and not left:
        product = call("squeeze", rows, axis=(0,)) @ columns
    else:
        product = rows @ columns
    term = around + left + right
    shape = tuple(lengths[letter] for letter in term)
    return term, product if product.shape == shape else call("reshape", product, shape=shape)


def _together(letters: str, term: str) -> tuple[str, str]:
    """The last letters that stand beside each other in a term, which become rows of one product, and those before them: with
    a product for each of their places nothing has to be moved."""
    for start in range(len(letters)):
        if letters[start:] in term:
            return letters[start:], letters[:start]
    return "", ""


def _order_of(inner: str, a: str, b: str) -> str:
    """The order of the letters that are summed over: that of an operand in which they stand beside each other."""
    for term in (a, b):
        own = "".join(c for c in term if c in inner)
        if own in term:
            return own
    return inner


def _arranged(term: str, x: Expr, order: str) -> Expr:
    """The axes in another order."""
    axes = tuple(term.index(letter) for letter in order)
    return x if axes == tuple(range(len(axes))) else call("permute_dims", x, axes=axes)


def _beside(term: str, x: Expr, order: str) -> Expr:
    """The axes in an order, with those of length 1 that are missing."""
    known = "".join(letter for letter in order if letter in term)
    missing = tuple(place for place, letter in enumerate(order) if letter not in term)
    return expanded(_arranged(term, x, known), missing)


def _matrices(operand: Term, around: str, rows: str, columns: str) -> Expr:
    """Matrices whose rows and columns some letters stand for together, in batches of length 1 for letters that are missing."""
    term, x = operand
    own = "".join(letter for letter in around if letter in term)
    x = _arranged(term, x, own + rows + columns)
    if not len(rows) == len(columns) == 1:
        middle = len(own) + len(rows)
        lengths = dims.product(x.shape[len(own) : middle]), dims.product(x.shape[middle:])
        x = call("reshape", x, shape=(*x.shape[: len(own)], *lengths))
    return expanded(x, tuple(place for place, letter in enumerate(around) if letter not in term))

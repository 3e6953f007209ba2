"""Lengths of axes that are named rather than known: integer polynomials over names, and floor divisions.

A dimension is an int, a name, or a polynomial; arithmetic gives the simplest of the three, in a normal form, so that two
dimensions are equal whenever `==` says so. Everything is exact. Where a dimension makes no sense a ValueError says why.
"""

from graphc.ir.dims.lengths import evaluate, is_negative, size_of, solve
from graphc.ir.dims.polynomial import (
    Dim,
    Monomial,
    Name,
    Polynomial,
    Quotient,
    add,
    floor_divide,
    is_dim,
    multiply,
    names_of,
    product,
    subtract,
)
from graphc.ir.dims.text import parse

__all__ = [
    "Dim", "Monomial", "Name", "Polynomial", "Quotient", "add", "evaluate", "floor_divide", "is_dim", "is_negative", "multiply",
    "names_of", "parse", "product", "size_of", "solve", "subtract",
]  # fmt: skip

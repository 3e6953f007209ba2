"""Expressions: immutable, interned nodes, written with Python's operators.

    writing      the lines that nodes are written on
    node         the fields of a node, the table that holds equal nodes once
    walking      the order in which nodes are visited, and nodes as rows for pickling
    literals     numbers as the bits of constants, and what cannot be a number
    expression   `Expr`: a node with Python's operators; operations applied, constants, casts
    leaves       symbols, and nodes put in the place of others
    provenance   what an expression is the derivative of

Equal nodes are one object (hash consing). Work that is written twice is therefore shared by construction, expressions are
dict keys by identity, and nothing is simplified when it is built.
"""

from graphc.ir.expr.expression import Expr, apply, as_operands, cast, constant, literal_beside
from graphc.ir.expr.node import current_site, live_nodes
from graphc.ir.expr.provenance import Derivation, derivation, derived, walk_sources
from graphc.ir.expr.symbols import (
    computed,
    named_symbols,
    on_others,
    rebuild,
    substitute,
    substituted,
    symbol,
    symbols,
)
from graphc.ir.expr.traversal import free_symbols, walk
from graphc.ir.expr.writing import created_here, on_line_of, on_this_line

__all__ = [
    "Derivation",
    "Expr",
    "apply",
    "as_operands",
    "cast",
    "computed",
    "constant",
    "created_here",
    "current_site",
    "derivation",
    "derived",
    "free_symbols",
    "literal_beside",
    "live_nodes",
    "named_symbols",
    "on_line_of",
    "on_others",
    "on_this_line",
    "rebuild",
    "substitute",
    "substituted",
    "symbol",
    "symbols",
    "walk",
    "walk_sources",
]

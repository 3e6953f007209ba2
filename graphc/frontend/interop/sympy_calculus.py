"""Derivatives of formulas, found by SymPy."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from graphc.errors import ConversionError
from graphc.frontend.interop.sympy import is_larger_tree, sympy, sympy_leaf, to_sympy
from graphc.frontend.interop.sympy_reader import read_sympy
from graphc.ir.expr import Expr, free_symbols

LARGEST_TREE = 1000
"""The operations of a formula counted once for each use: SymPy's derivative grows with the square of it."""


def differentiate(expr: Expr, by: Iterable[Expr]) -> list[Expr]:
    """The derivatives of a scalar expression by some of its symbols, found by SymPy.

    Over the reals, as graphc's own: |u| has the derivative sign(u)·u′, and what is piecewise constant has 0.
    Raises `ConversionError` when SymPy finds no derivative, or one that has no counterpart.
    """
    if is_larger_tree(expr, LARGEST_TREE):
        raise ConversionError(
            f"the formula has more than {LARGEST_TREE:,} operations where SymPy, which does not share work, writes it out",
            node=repr(expr),
            site=expr.site,
            hint="define smaller operations and use them in one another",
        )
    S = sympy()
    stand_ins = _stand_ins()
    formula = to_sympy(expr)
    symbols = free_symbols(expr)
    slopes: list[Expr] = []
    try:
        formula = formula.replace(S.Mod, lambda x, y: x - y * S.floor(x / y))
        for real, stand_in in stand_ins.items():
            formula = formula.replace(real, stand_in)
        for symbol in by:
            slope = formula.diff(sympy_leaf(symbol))
            for real, stand_in in stand_ins.items():
                slope = slope.replace(stand_in, real)
            slopes.append(read_sympy(slope, symbols))
    except RecursionError:
        raise ConversionError("SymPy recurses too deeply on this formula", node=repr(expr)) from None
    return slopes


@cache
def _stand_ins() -> dict[type, type]:
    """Functions of real numbers that SymPy would differentiate as complex ones, or not at all."""
    S = sympy()

    def stand_in(name: str, slope: Callable[[Any], Any]) -> type:
        def fdiff(self: Any, argindex: int = 1) -> Any:
            return slope(self.args[0])

        body = {"fdiff": fdiff, "nargs": 1, "_eval_is_extended_real": lambda self: True}
        return type(name, (S.Function,), body)

    sign = stand_in("sign", lambda x: S.Integer(0))
    return {
        S.Abs: stand_in("Abs", sign),
        S.sign: sign,
        S.floor: stand_in("floor", lambda x: S.Integer(0)),
        S.ceiling: stand_in("ceiling", lambda x: S.Integer(0)),
    }

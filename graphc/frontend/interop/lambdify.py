"""SymPy's own way from a formula to a function: the peer that graphc is measured against."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphc.frontend.interop.sympy import sympy, to_sympy
from graphc.ir.expr import Expr


def lambdify(expr: Expr, inputs: Sequence[Expr], modules: str, *, gradient: bool) -> Callable[..., Any]:
    """What a user of SymPy alone would call: the formula, and its gradient found by SymPy, through `lambdify`.

    modules : 'math' for Python's numbers, 'numpy' for arrays

    The names of symbols do not become code: SymPy puts dummies in their place. Raises `ConversionError` where the
    formula has no counterpart in SymPy, and whatever SymPy raises.
    """
    S = sympy()
    # a tuple shares the symbols' assumptions with the formula
    formula, *symbols = to_sympy((expr, *inputs))
    outputs = [formula, *(S.diff(formula, symbol) for symbol in symbols)] if gradient else [formula]
    return S.lambdify(symbols, outputs, modules=modules, cse=True, dummify=True)

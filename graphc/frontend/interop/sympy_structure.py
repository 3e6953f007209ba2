"""Arguments and results of `lambdify`, nested as they are called: which symbols they hold, how values are taken apart."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import Any

import numpy as np

from graphc.errors import ArityError, ConversionError, brief
from graphc.frontend.interop.sympy import sympy
from graphc.frontend.interop.sympy_terms import show
from graphc.ir.expr import current_site
from graphc.util.pytree import LEAF, Mapping, Sequence, Stack, Structure
from graphc.util.records import dataclass

Argument = None | tuple[Any, ...]
"""How one argument is taken apart: None where it is a value, else the same of its items."""

MOST_ELEMENTS = 100_000
"""Elements of a matrix that are handled one by one."""


@dataclass(frozen=True)
class SympyArguments:
    """The arguments of a function.

    keys : the SymPy symbols, from left to right; names : of the arguments as they are passed
    parts : for each argument how it is taken apart; nested : whether one is
    """

    keys: tuple[Any, ...]
    names: tuple[str, ...]
    parts: tuple[Argument, ...]

    @property
    def nested(self) -> bool:
        return any(part is not None for part in self.parts)

    def flat(self, values: Iterable[Any]) -> list[Any]:
        """The values of the symbols; raises `ArityError` where an argument has another number of items."""
        taken: list[Any] = []
        for name, part, value in zip(self.names, self.parts, values, strict=True):
            if part is None:
                taken.append(value)
            else:
                _take(name, part, value, taken)
        return taken


def _take(name: str, part: tuple[Any, ...], value: Any, taken: list[Any]) -> None:
    if type(value) is np.ndarray and value.ndim == 1:
        value = value.tolist()
    try:
        items = list(value)
    except TypeError as error:
        raise ArityError(
            f"argument {name!r} takes {len(part)} values, not {brief(value)}",
            site=current_site(),
            hint="pass them nested as they were declared: f([1.0, 2.0])",
        ) from error
    if len(items) != len(part):
        raise ArityError(
            f"argument {name!r} takes {len(part)} values, not {len(items)}",
            site=current_site(),
            hint="pass them nested as they were declared",
        )
    for inner, item in zip(part, items, strict=True):
        if inner is None:
            taken.append(item)
        else:
            _take(name, inner, item, taken)


def read_arguments(args: Any) -> SympyArguments:
    """The arguments as declared: a symbol, a function of others, a derivative, a matrix symbol, names, or (nested) sequences."""
    S = sympy()
    if isinstance(args, str):
        args = [S.Symbol(name) for name in args.replace(",", " ").split()]
    if isinstance(args, (set, frozenset)):
        raise ConversionError(
            "the arguments are a set, which has no order", site=current_site(), hint="pass a list"
        )
    listed = list(args) if _is_nested(args) and not isinstance(args, S.MatrixBase) else [args]
    keys: list[Any] = []
    names, parts = [], []
    for number, argument in enumerate(listed):
        parts.append(_declared(argument, keys, 0))
        names.append(_name(argument) or f"arg_{number}")
    if len(set(keys)) != len(keys):
        twice = next(key for number, key in enumerate(keys) if key in keys[:number])
        raise ConversionError(
            f"the argument {show(twice)} is listed twice", site=current_site(), hint="list each once"
        )
    return SympyArguments(tuple(keys), tuple(names), tuple(parts))


def _is_nested(value: Any) -> bool:
    return isinstance(value, (list, tuple, sympy().Tuple, sympy().MatrixBase, np.ndarray)) or (
        isinstance(value, Iterable) and not isinstance(value, (sympy().Basic, str))
    )


def _name(argument: Any) -> str:
    name = getattr(argument, "name", None) or getattr(getattr(argument, "func", None), "__name__", "")
    return str(name) if str(name).isidentifier() and not _is_nested(argument) else ""


def _declared(argument: Any, keys: list[Any], depth: int) -> Argument:
    S = sympy()
    if depth > 50:
        raise ConversionError(
            "arguments are nested more than 50 deep", site=current_site(), hint="pass a flat list"
        )
    if isinstance(argument, str):
        argument = S.Symbol(argument)
    if isinstance(argument, (S.MatrixSymbol, S.IndexedBase)):
        return _elements(argument, argument.shape, keys)
    if isinstance(
        argument,
        (
            S.Symbol,
            S.core.function.AppliedUndef,
            S.Derivative,
            S.Indexed,
            S.matrices.expressions.matexpr.MatrixElement,
        ),
    ):
        keys.append(argument)
        return None
    if isinstance(argument, S.MatrixBase):
        return tuple([_declared(item, keys, depth + 1) for item in argument])
    if _is_nested(argument):
        return tuple([_declared(item, keys, depth + 1) for item in argument])
    raise ConversionError(
        f"{brief(argument)} is no argument: it is not a symbol",
        site=current_site(),
        hint="list symbols, functions of others as f(t), their derivatives, or matrix symbols",
    )


def _elements(base: Any, shape: Any, keys: list[Any]) -> tuple[Any, ...]:
    """The elements of a matrix symbol or an indexed one."""
    if shape is None or not all((isinstance(n, int) or getattr(n, "is_Integer", False)) for n in shape):
        raise ConversionError(
            f"the argument {show(base)} has no shape of whole numbers",
            site=current_site(),
            hint='declare it as MatrixSymbol("A", 2, 3) or IndexedBase("x", shape=(3,))',
        )
    lengths = [int(n) for n in shape]
    if int(np.prod(lengths, dtype=float)) > MOST_ELEMENTS:
        raise ConversionError(f"{show(base)} has more than {MOST_ELEMENTS:,} elements", site=current_site())
    keys.extend(base[place] for place in product(*(range(n) for n in lengths)))
    part: Any = None
    for n in reversed(lengths):
        part = (part,) * n
    return part


def read_results(expr: Any) -> tuple[list[Any], Structure]:
    """The SymPy expressions of results from left to right, and the structure that their values come back in."""
    leaves: list[Any] = []
    return leaves, _result(expr, leaves, 0)


def _result(expr: Any, leaves: list[Any], depth: int) -> Structure:
    S = sympy()
    if depth > 50:
        raise ConversionError(
            "results are nested more than 50 deep", site=current_site(), hint="pass a flat list"
        )
    if isinstance(expr, (list, tuple, S.Tuple)):
        kind = list if isinstance(expr, list) else tuple
        return Sequence(kind, tuple([_result(item, leaves, depth + 1) for item in expr]))
    if isinstance(expr, (dict, S.Dict)):
        keys = tuple(expr.keys())
        if any(getattr(key, "free_symbols", None) for key in keys):
            raise ConversionError(
                "a key of a dict of results depends on symbols",
                site=current_site(),
                hint='name the results by texts: {"force": F}',
            )
        return Mapping(keys, tuple([_result(item, leaves, depth + 1) for item in expr.values()]))
    if isinstance(expr, S.MatrixExpr) and not isinstance(expr, S.MatrixBase):
        expr = expr.doit().as_explicit() if all(n.is_Integer for n in expr.shape) else _unshaped(expr)
    if isinstance(expr, (S.MatrixBase, S.NDimArray)):
        elements = list(S.flatten(expr.tolist())) if expr.shape else [expr[()]]
        leaves += elements
        return Stack(tuple, (LEAF,) * len(elements), tuple([int(n) for n in expr.shape]))
    if isinstance(expr, np.ndarray):
        leaves += list(expr.ravel())
        return Stack(tuple, (LEAF,) * expr.size, expr.shape)
    if isinstance(expr, str):
        raise ConversionError(
            f"{expr[:60]!r} is a text, and nothing here is evaluated",
            site=current_site(),
            hint="g.parse reads a formula, sympy.sympify makes a SymPy expression",
        )
    if isinstance(expr, (set, frozenset, S.Set)):
        raise ConversionError("a set has no order", site=current_site(), hint="pass a list or a tuple")
    leaves.append(_explicit(expr))
    return LEAF


def _explicit(expr: Any) -> Any:
    """A number's expression without substitutions, traces and determinants that stand unevaluated."""
    S = sympy()
    if isinstance(expr, S.Basic) and expr.has(S.Subs, S.Trace, S.Determinant, S.MatMul, S.MatAdd, S.MatPow):
        expr = expr.doit()
        if expr.has(S.Trace, S.Determinant):
            expr = expr.replace(
                lambda e: isinstance(e, (S.Trace, S.Determinant)),
                lambda e: (
                    e.arg.as_explicit().trace() if isinstance(e, S.Trace) else e.arg.as_explicit().det()
                ),
            )
    return expr


def _unshaped(expr: Any) -> Any:
    raise ConversionError(
        f"the matrix {show(expr)} has no shape of whole numbers",
        site=current_site(),
        hint="put numbers in its shape",
    )


__all__ = ["SympyArguments", "read_arguments", "read_results"]

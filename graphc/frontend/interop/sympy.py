"""Expressions to SymPy's.

This is the only file that imports SymPy; what reads and differentiates its expressions gets it from here.
Every operation is its `formula`; the walk does not recurse and keeps shared parts shared.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from graphc.errors import ConversionError, GraphcError, brief, brief_text
from graphc.interpret.formula_interpreter import apply_formula, number, through_formulas
from graphc.ir.expr import Expr, constant, current_site, free_symbols, walk
from graphc.ir.inputs import check_names
from graphc.ir.types import format_shape
from graphc.ops.function_calls import written_out
from graphc.util.arguments import listed, truth
from graphc.util.pytree import flatten, map_leaves

LONGEST = 4096
"""Whole numbers and fractions of more bits become floats; floats with a larger exponent become infinite or
zero."""

LARGEST_EXPONENT = 1000
"""Whole exponents above this become floats."""

LARGEST_ARGUMENT = 100
"""Special functions of larger whole numbers are taken at floats: SymPy would write exact sums and
factorials."""


WIDEST_EXTREMUM = 16
"""The largest or smallest of more operands is kept as nested ones."""

LARGEST_TREE = 5_000
"""The operations of an expression counted once for each use, above which SymPy is not let to simplify: it does not share work."""


@cache
def sympy() -> Any:
    """The package, loaded when first needed."""
    import sympy

    return sympy


@cache
def cfunctions() -> Any:
    """Its module of the C library's functions (log1p, hypot, …)."""
    import sympy.codegen.cfunctions as module

    return module


def to_sympy(tree: Any, *, evaluate: bool = True, symbols: Any = None) -> Any:
    """Convert an expression, or a structure of expressions, to SymPy.

    Parameters
    ----------
    tree : scalar expressions
    evaluate : whether SymPy may simplify while building, as it does by default; False keeps the formula as written
    symbols : what replaces graphc's symbols: a mapping from symbols or names to SymPy expressions, or SymPy symbols, matched by
        name. All others keep their names and are real (or integer, or boolean): note that SymPy's `Symbol("x")` differs from
        `Symbol("x", real=True)`, so a derivative with respect to it is 0

    Integer constants and short binary fractions become rationals, other floats become SymPy floats of the same value. Integers
    do not wrap around.

    Raises `ConversionError` for tensors, for operations that are not functions of real numbers, for a key of `symbols` that is
    not a symbol of the expressions, and when SymPy recurses too deeply.

    >>> from graphc.ir.expr import symbols
    >>> x, y = symbols("x y")
    >>> to_sympy(x * x + 0.5 * y)
    x**2 + y/2
    >>> t = sympy().Symbol("t")
    >>> to_sympy(x * x, symbols={x: t}).diff(t)
    2*t
    """
    simplified = truth("evaluate", evaluate)
    own = _counterparts(tree, symbols)

    def leaf_of(node: Expr) -> Any:
        return own[node.name] if node.is_symbol and node.name in own else sympy_leaf(node)

    return map_leaves(lambda leaf: _written(constant(leaf), simplified, leaf_of), tree)


def _counterparts(tree: Any, symbols: Any) -> dict[str, Any]:
    """Name → the SymPy expression that a symbol becomes."""
    if symbols is None:
        return {}
    S = sympy()
    hint = 'to_sympy(e, symbols={x: sympy.Symbol("x")}), or symbols=[SymPy symbols], taken by name'
    declared: dict[Any, Any] = {}
    if isinstance(symbols, Mapping):
        declared = dict(symbols)
    else:
        for each in [symbols] if isinstance(symbols, S.Symbol) else listed("symbols", symbols, hint):
            if not isinstance(each, S.Symbol):
                raise ConversionError(f"{brief(each, 40)} is no SymPy symbol", site=current_site(), hint=hint)
            declared[each.name] = each
    present = {s.name: s for s in free_symbols(*[constant(leaf) for leaf in flatten(tree)[0]])}
    result: dict[str, Any] = {}
    for key, value in declared.items():
        name = key.name if isinstance(key, Expr) and key.is_symbol else key
        known = present.get(name) if isinstance(name, str) else None
        if isinstance(symbols, Mapping) and (known is None or (isinstance(key, Expr) and key is not known)):
            raise unmatched(key, present, "the expression", hint)
        if not isinstance(value, S.Basic):
            raise ConversionError(
                f"{brief(value, 40)} is no SymPy expression", site=current_site(), hint=hint
            )
        result[str(name)] = value
    return result


def unmatched(key: Any, names: Iterable[str], where: str, hint: str) -> ConversionError:
    """The error of a key of `symbols` that stands for nothing."""
    names = sorted(names)
    near = difflib.get_close_matches(str(key), names, 1)
    told = f"its symbols are {', '.join(map(repr, names[:20]))}" if names else f"{where} has no symbols"
    return ConversionError(
        f"symbols= names {brief_text(str(key), 40)!r}, which is no symbol of {where}",
        site=current_site(),
        hint=f"did you mean {near[0]!r}?" if near and near[0] != str(key) else f"{told}; {hint}",
    )


def _written(expr: Expr, evaluate: bool, leaf_of: Callable[[Expr], Any]) -> Any:
    S = sympy()
    check_names(free_symbols(expr))
    (expr,) = written_out([expr])
    if evaluate and is_larger_tree(expr, LARGEST_TREE):
        raise ConversionError(
            f"the expression has more than {LARGEST_TREE:,} operations where SymPy, which does not share work, simplifies it",
            node=repr(expr),
            site=expr.site,
            hint="g.to_sympy(expr, evaluate=False) keeps it as written",
        )
    with S.evaluate(evaluate):
        try:
            return through_formulas([expr], S, leaf_of, _Writer() if evaluate else None)[0]
        except RecursionError:
            raise ConversionError(
                "SymPy recurses too deeply on this expression",
                node=repr(expr),
                site=expr.site,
                hint="g.to_sympy(expr, evaluate=False) keeps SymPy from simplifying; very deep chains remain out of its reach",
            ) from None


def is_larger_tree(expr: Expr, limit: int) -> bool:
    """Whether an expression has more than `limit` nodes when each is counted once for each use."""
    size: dict[Expr, int] = {}
    for node in walk([expr]):
        size[node] = 1 + sum(size[operand] for operand in node.operands)
        if size[node] > limit:
            return True
    return False


def sympy_leaf(node: Expr) -> Any:
    """SymPy's symbol or number for a leaf."""
    if node.shape:
        raise ConversionError(
            f"{node!r} has shape {format_shape(node.shape)}: only scalars become SymPy expressions",
            site=node.site,
            hint="take its elements, as in x[0], which are scalars",
        )
    if node.is_constant:
        return number(sympy(), node.value)
    kind = node.dtype.kind
    assumptions = {} if kind == "b" else {"integer": True} if kind in "iu" else {"real": True}
    return sympy().Symbol(node.name, **assumptions)


class _Writer:
    """The operations' formulas in SymPy, kept from computations without end.

    SymPy computes whole numbers and fractions exactly, however long they grow, and evaluates numbers to
    compare them, however large their exponents. Both are bounded here: long rationals become floats,
    numbers nested in numbers too, and floats far outside float64's range infinite or zero.
    """

    def __init__(self) -> None:
        self.numbers: set[Expr] = set()
        self.extrema: dict[Expr, int] = {}

    def __call__(self, node: Expr, operands: Sequence[Any]) -> Any:
        S, op = sympy(), node.op
        pairs = list(zip(node.operands, operands, strict=True))
        is_number = all(value.is_Number or operand in self.numbers for operand, value in pairs)
        if is_number:
            self.numbers.add(node)
            operands = [self._number(value) for value in operands]
        if op.name in ("pow", "exp2"):
            operands = [*operands[:-1], _rounded(operands[-1], LARGEST_EXPONENT)]
        elif op.category == "special":
            operands = [*operands[:-1], _rounded(operands[-1], LARGEST_ARGUMENT)]
        try:
            with S.evaluate(self._may_simplify(node, operands)):
                value = apply_formula(node, S, operands)
        except GraphcError:
            raise  # it says all that there is to say; some are ValueErrors too
        except (TypeError, ValueError, ArithmeticError) as error:
            raise ConversionError(
                f"SymPy refuses {op.name}: {brief_text(error, 120)}",
                node=repr(node),
                site=node.site,
                hint="SymPy compares real numbers alone: no NaN, no root or logarithm of a negative number",
            ) from error
        if isinstance(value, (S.Add, S.Mul)) and is_long(value.args[0]):
            return value.func(S.Float(value.args[0]), *value.args[1:])
        return _limited(S.Float(value) if is_long(value) else value)

    def _may_simplify(self, node: Expr, operands: Sequence[Any]) -> bool:
        """Not the extremum of many: SymPy compares each with each, at length."""
        S = sympy()
        if not any(isinstance(value, (S.Max, S.Min)) for value in operands):
            return True
        width = sum(self.extrema.get(operand, 1) for operand in node.operands)
        self.extrema[node] = width
        return width <= WIDEST_EXTREMUM

    def _number(self, value: Any) -> Any:
        """A number as a SymPy number; what has no real value is NaN, as it is in graphc."""
        S = sympy()
        if not isinstance(value, S.Expr):
            return value
        if not value.is_Number:
            value = value.evalf(17)
        return _limited(value) if value.is_Number else S.nan


def _rounded(value: Any, limit: int) -> Any:
    return sympy().Float(value) if value.is_Rational and abs(value) > limit else value


def _limited(value: Any) -> Any:
    """A float beyond 2**±LONGEST as infinite or zero."""
    S = sympy()
    if not isinstance(value, S.Float) or not value._mpf_[1]:
        return value
    size = value._mpf_[2] + value._mpf_[3]  # exponent and length of the mantissa
    if abs(size) <= LONGEST:
        return value
    return S.Integer(0) if size < 0 else -S.oo if value.is_negative else S.oo


def is_long(value: Any) -> bool:
    """Whether a SymPy number is a rational of more digits than SymPy is let to compute with."""
    return getattr(value, "is_Rational", False) and max(abs(value.p), value.q).bit_length() > LONGEST

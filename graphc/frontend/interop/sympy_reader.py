"""SymPy's expressions to graphc's.

The walk does not recurse and keeps shared parts shared. Sums, products and powers of any number of terms
become the operators a person would write: x·y⁻¹ a quotient, −1·x a negation, x + (−y) a difference, a
power of ½ a square root.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping
from functools import cache, reduce
from typing import Any

from graphc.errors import ConversionError, GraphcError, brief_text, user_line
from graphc.frontend.interop.sympy import cfunctions, sympy, unmatched
from graphc.frontend.interop.sympy_matrices import plan_of_matrix
from graphc.frontend.interop.sympy_sums import plan_of_element, plan_of_range
from graphc.frontend.interop.sympy_terms import (
    HINTS,
    SCIPY_NAMES,
    WHY,
    Plan,
    called,
    element_kind,
    named_kinds,
    plan_of_polygamma,
    plan_of_power,
    plan_of_product,
    plan_of_sum,
    show,
    sinc,
    step,
    unsupported,
)
from graphc.ir.expr import Expr, apply, constant, current_site, named_symbols, symbol
from graphc.ir.op import Op, all_ops, find, lookup
from graphc.ir.types import as_dtype, is_float
from graphc.ops.comparison import where
from graphc.util.pytree import map_leaves

_RELATIONS = {
    "StrictLessThan": "less", "LessThan": "less_equal", "StrictGreaterThan": "greater",
    "GreaterThan": "greater_equal", "Equality": "equal", "Unequality": "not_equal",
}  # fmt: skip

_LOGIC = {"And": "logical_and", "Or": "logical_or", "Xor": "logical_xor"}

_CODEGEN = ("exp2", "expm1", "log10", "log1p", "log2", "hypot")
"""Functions of `sympy.codegen.cfunctions` that are called as in graphc."""

_RECIPROCALS = {"sec": "cos", "csc": "sin", "cot": "tan", "sech": "cosh", "csch": "sinh", "coth": "tanh"}


def from_sympy(
    tree: Any, symbols: Mapping[Any, Expr] | Iterable[Expr] | None = None, dtype: Any = "float64"
) -> Any:
    """Convert a SymPy expression to an expression.

    Parameters
    ----------
    tree : a SymPy expression, or a tuple, list or dict of them
    symbols : what replaces SymPy's symbols: graphc symbols, matched by name, or a mapping whose keys are names, SymPy symbols,
        functions of other symbols such as f(t), and their derivatives. All others become scalar symbols of type `dtype`, or
        booleans if they are operands of a logical connective.
    dtype : the type of symbols and numbers

    Numbers become floats, rounded once. All values are real: a root of a negative number is NaN, where SymPy gives a complex
    number. DiracDelta becomes 0, which is the derivative of a jump everywhere else, with a warning.

    Matrices become arrays of two axes; a `MatrixSymbol` is a symbol of its shape, whose lengths may have names. Long sums and
    products, and those with unknown bounds, become loops; empty ones are 0 and 1.

    Raises `ConversionError` for anything without a counterpart: complex numbers, integrals, infinite sums, unevaluated
    derivatives, unknown functions; and for a key of a mapping `symbols` that does not occur.

    >>> import sympy
    >>> x, y = sympy.symbols("x y")
    >>> from_sympy(sympy.sqrt(x) - y / x)
    sqrt(x) - y/x
    """
    return read_sympy(tree, symbols, dtype, jumps=True)


def read_sympy(
    tree: Any,
    symbols: Any,
    dtype: Any = "float64",
    *,
    jumps: bool = False,
    strict: bool = True,
    functions: Mapping[str, Any] | None = None,
    implemented: bool = True,
) -> Any:
    """As `from_sympy`.

    strict : whether every key of a mapping `symbols` must occur
    implemented : whether the function that `implemented_function` gave a SymPy function is called
    functions : name → a Python function that is called with the converted arguments in the place of SymPy's function

    jumps : whether it is said that a DiracDelta became 0: not of a derivative, where 0 is what is meant
    """
    declared = _Declared(symbols, strict)
    result = map_leaves(
        lambda leaf: _Reader(leaf, declared, dtype, jumps, functions or {}, implemented).read(leaf), tree
    )
    declared.check()
    return result


class _Declared:
    """What SymPy's symbols, functions and derivatives are declared to stand for, and which of them occurred."""

    def __init__(self, symbols: Any, strict: bool = True) -> None:
        self._keys: dict[Any, Expr] = {}
        self._used: set[Any] = set()
        self._met: set[str] = set()
        self._strict = strict and isinstance(symbols, Mapping)
        if not isinstance(symbols, Mapping):
            self._keys.update(named_symbols(symbols) if symbols is not None else {})
            return
        kinds = (str, *named_kinds())
        for key, value in symbols.items():
            if not isinstance(key, kinds):
                raise ConversionError(
                    f"symbols= has the key {show(key)}, which is no name, symbol, function or derivative",
                    site=current_site(),
                    hint=_KEYS,
                )
            if not isinstance(value, Expr):
                raise ConversionError(
                    f"symbols= gives {brief_text(str(value), 40)} for {show(key)}, which is no expression",
                    site=current_site(),
                    hint=_KEYS,
                )
            self._keys[key] = value

    def find(self, node: Any) -> Expr | None:
        """What a symbol, a function or a derivative stands for."""
        if not self._keys:
            return None
        if self._strict:
            self._met.add(show(node))
        named = isinstance(node, (sympy().Symbol, sympy().MatrixSymbol)) and hasattr(node, "name")
        for key in (node, node.name) if named else (node,):
            if key in self._keys:
                self._used.add(key)
                return self._keys[key]
        return None

    def check(self) -> None:
        """Raises `ConversionError` for a key that stands for nothing."""
        for key in self._keys if self._strict else ():
            if key in self._used:
                continue
            if show(key) in self._met:
                raise ConversionError(
                    f"symbols= names {show(key)}, and the one that occurs is another: its assumptions differ",
                    site=current_site(),
                    hint="use the symbol itself as the key, or its name",
                )
            raise unmatched(key, self._met, "the SymPy expression", _KEYS)


_KEYS = 'symbols={"x": x, f(t): y, f(t).diff(t): v}, with expressions of graphc'


class _Reader:
    """The conversion of one SymPy expression."""

    def __init__(
        self,
        expr: Any,
        declared: _Declared,
        dtype: Any,
        jumps: bool,
        functions: Mapping[str, Any],
        implemented: bool,
    ) -> None:
        if isinstance(expr, str):
            raise ConversionError(
                f"{expr[:60]!r} is a text, not a SymPy expression",
                site=current_site(),
                hint="write g.parse(text)",
            )
        if not isinstance(expr, (sympy().Basic, sympy().MatrixBase, bool, int, float)):
            raise ConversionError(
                f"a {type(expr).__name__} is not a SymPy expression: {show(expr)}",
                site=current_site(),
                hint="convert a matrix entry by entry, as in g.from_sympy(list(M))",
            )
        self.dtype = as_dtype(dtype)
        if not is_float(self.dtype):
            raise ConversionError(
                f"SymPy's numbers become floats, not {self.dtype}", hint="declare integers with symbols="
            )
        self.declared = declared
        self.jumps = jumps
        self.functions, self.implemented = functions, implemented
        self.truths: set[Any] = set()
        self.named: dict[str, Any] = {}

    def read(self, root: Any) -> Expr:
        if not isinstance(root, (sympy().Basic, sympy().MatrixBase)):
            return constant(root, self.dtype)
        # keyed by identity, because hashing a deep SymPy expression recurses; `kept` holds the keys' objects alive
        built: dict[int, Expr] = {}
        referenced: list[Any] = []
        stack: list[tuple[Any, Plan | None]] = [(root, None)]
        while stack:
            node, plan = stack.pop()
            if id(node) in built:
                continue
            if plan is None:
                plan = self._planned(node)
                referenced.append((node, plan))
                stack.append((node, plan))
                stack.extend((part, None) for part in reversed(plan[0]) if id(part) not in built)
                continue
            parts, build = plan
            try:
                built[id(node)] = build([built[id(part)] for part in parts])
            except ConversionError:
                raise
            except GraphcError as error:
                raise ConversionError(
                    f"{show(node)}: {error.message}", node=error.node, site=current_site(), hint=error.hint
                ) from error
        return built[id(root)]

    def _planned(self, node: Any) -> Plan:
        """The plan of a node; what SymPy itself raises on what it built unevaluated is refused as that."""
        try:
            return self._plan(node)
        except GraphcError:
            raise
        except Exception as error:
            unsupported(node, f"SymPy refuses it: {brief_text(error, 100) or type(error).__name__}")

    def _plan(self, node: Any) -> Plan:
        S = sympy()
        if isinstance(node, named_kinds()):
            variable = self.declared.find(node)
            if variable is None and isinstance(node, S.Symbol):
                variable = self._symbol(node)
            if variable is not None:
                return (), lambda parts: variable
            if isinstance(node, S.Indexed):
                return plan_of_element(node, self.declared.find(node.base.label))
        if isinstance(node, (S.MatrixExpr, S.MatrixBase, S.Trace, S.Determinant, element_kind())):
            return plan_of_matrix(node, self.dtype)
        if isinstance(node, S.Number):
            value = self._number(node)
            return (), lambda parts: value
        if isinstance(node, (S.logic.boolalg.BooleanTrue, S.logic.boolalg.BooleanFalse)):
            return (), lambda parts: constant(bool(node))
        if isinstance(node, S.NumberSymbol):
            value = constant(float(node.evalf(30)), self.dtype)
            return (), lambda parts: value
        if isinstance(node, S.Add):
            return plan_of_sum(node)
        if isinstance(node, S.Mul):
            return plan_of_product(node)
        if isinstance(node, S.Pow):
            return plan_of_power(node)
        if isinstance(node, S.Piecewise):
            return self._piecewise(node)
        if isinstance(node, (S.logic.boolalg.BooleanFunction, S.core.relational.Relational)):
            return self._logic(node)
        return self._function(node)

    def _symbol(self, node: Any) -> Expr:
        other = self.named.setdefault(node.name, node)
        if other is not node and other != node:
            raise ConversionError(
                f"two different SymPy symbols are called {node.name!r}",
                site=current_site(),
                hint="their assumptions differ, or one is a Dummy: give one of them another name",
            )
        return symbol(node.name, dtype="bool" if node in self.truths else self.dtype)

    def _number(self, node: Any) -> Expr:
        try:
            value = node.p / node.q if node.is_Rational else float(node)  # of integers: rounded once
        except OverflowError:
            value = float("inf")
        literal = constant(value, self.dtype)
        if node.is_finite and not math.isfinite(literal.value):
            unsupported(node, f"the number does not fit {self.dtype}")
        return literal

    def _piecewise(self, node: Any) -> Plan:
        parts: list[Any] = []
        for value, condition in node.args:
            self._is_truth(condition)
            parts += [value, condition]
        closed = node.args[-1][1] == sympy().true
        if closed:
            parts.pop()

        def build(operands: list[Expr]) -> Expr:
            operands = list(operands)
            result = operands.pop() if closed else constant(float("nan"), self.dtype)
            while operands:
                condition, value = operands.pop(), operands.pop()
                result = where(condition, value, result)
            return result

        return parts, build

    def _is_truth(self, *parts: Any) -> None:
        self.truths.update(part for part in parts if isinstance(part, sympy().Symbol))

    def _logic(self, node: Any) -> Plan:
        name = type(node).__name__
        if name in _RELATIONS:
            return node.args, lambda parts: apply(lookup(_RELATIONS[name]), *parts)
        self._is_truth(*node.args)
        if name in _LOGIC:
            return node.args, lambda parts: reduce(lambda a, b: apply(lookup(_LOGIC[name]), a, b), parts)
        if name == "Not":
            return node.args, lambda parts: ~parts[0]
        if name == "ITE":
            return node.args, lambda parts: where(*parts)
        if name == "Implies":
            return node.args, lambda parts: ~parts[0] | parts[1]
        if name == "Equivalent" and len(node.args) == 2:
            return node.args, lambda parts: apply(lookup("equal"), *parts)
        unsupported(node, "there is no such connective")

    def _function(self, node: Any) -> Plan:
        S = sympy()
        name = type(node).__name__
        args = node.args
        own = self.functions.get(name) or (getattr(type(node), "_imp_", None) if self.implemented else None)
        if own is not None:
            return args, lambda parts: called(node, own, parts)
        if isinstance(node, (S.Sum, S.Product)):
            return plan_of_range(node, self.dtype)
        if isinstance(node, S.core.function.AppliedUndef):
            op = find(name)
            if op is None or not op.user_defined:
                unsupported(
                    node,
                    f"the function {name!r} is not defined",
                    hint=f"g.define_op declares it; symbols={{{show(node)}: …}} says what it stands for",
                )
            return args, lambda parts: apply(op, *parts)
        if isinstance(node, (S.Max, S.Min)):
            op = lookup("maximum" if isinstance(node, S.Max) else "minimum")
            return args, lambda parts: reduce(lambda a, b: apply(op, a, b), parts)
        if isinstance(node, S.polygamma):
            return plan_of_polygamma(node)
        if isinstance(node, S.DiracDelta):
            if self.jumps:
                warnings.warn_explicit(
                    f"{show(node)} becomes 0, which it is everywhere but at the jump",
                    UserWarning,
                    *(user_line() or (__file__, 0)),
                )
            return (), lambda parts: constant(0.0, self.dtype)
        sized = name == "log" and len(args) == 1 and isinstance(args[0], S.Abs)
        if sized and isinstance(args[0].args[0], S.gamma):
            return args[0].args[0].args, lambda parts: apply(lookup("lgamma"), *parts)
        op = _functions().get(type(node))
        if op is not None and op.arity == len(args):
            return args, lambda parts: apply(op, *parts)
        if name in _RECIPROCALS and isinstance(node, S.Function):
            below = lookup(_RECIPROCALS[name])
            return args, lambda parts: 1 / apply(below, *parts)
        if name == "frac":
            return args, lambda parts: parts[0] - apply(lookup("floor"), parts[0])
        if name in ("sinc", "Heaviside"):
            return args, sinc if name == "sinc" else step
        if name == "factorial":
            return args, lambda parts: apply(lookup("gamma"), parts[0] + 1)
        if name == "log" and len(args) == 2:
            return args, lambda parts: apply(lookup("log"), parts[0]) / apply(lookup("log"), parts[1])
        if name in ("Sqrt", "Cbrt"):
            return args, lambda parts: apply(lookup(name.lower()), *parts)
        named = find(SCIPY_NAMES.get(name, ""))
        if isinstance(node, S.Function) and named is not None and named.takes(len(args)):
            return args, lambda parts: apply(named, *parts)
        unsupported(node, WHY.get(name, "there is no operation for it"), HINTS.get(name))


@cache
def _functions() -> dict[type, Op]:
    """SymPy's classes and the operations they become."""
    S = sympy()
    table = {getattr(S, name): op for op in all_ops() for name in op.sympy if hasattr(S, name)}
    table |= {getattr(cfunctions(), name): lookup(name) for name in _CODEGEN}
    return table

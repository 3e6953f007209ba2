"""Python's operators on expressions: what they build, and what they must not do.

A formula has no truth value, no length and no number in it before it is evaluated: where Python would ask for one, the
error says what to write instead.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from numbers import Number
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from graphc.errors import ExpressionError
from graphc.ir.op import find

if TYPE_CHECKING:
    from graphc.ir.expr import Expr

_ELSEWHERE = {
    "backward": "g.grad(x, symbol)", "copy": "x itself, which never changes", "dot": "x @ y", "eval": "g.evaluate(x, {…})",
    "flatten": "g.reshape(x, -1)", "grad": "g.grad(x, symbol)", "item": "g.evaluate(x, {…})", "numpy": "g.evaluate(x, {…})",
    "ravel": "g.reshape(x, -1)", "subs": "g.substitute(x, {symbol: value})", "tolist": "g.evaluate(x, {…})",
    "transpose": "x.T, or g.permute_dims(x, axes)", "value_and_grad": "g.value_and_grad(x, symbol)",
}  # fmt: skip
"""Methods of NumPy's arrays, PyTorch's tensors and SymPy's expressions that are something else here."""

LABELLED = (
    "declare a symbol in its place and pass it when the compiled function is called, which gives its kind back; or write "
    "np.asarray(a) for its values as constants"
)
"""What to do with an array of another library beside an expression."""


def _is_numeric(value: Any) -> bool:
    """Whether a value is a number, an array or a nested list of numbers: what an expression has a value to compare with."""
    for _ in range(64):
        if not isinstance(value, (list, tuple)) or not value:
            break
        value = value[0]
    return isinstance(value, (Number, np.generic, np.ndarray)) or (
        not isinstance(value, type) and hasattr(type(value), "__array__")
    )


class _AbovePandas(int):
    """What pandas compares with the priority of its own before an operator: `column * x` and `column += x` end here.

    A higher priority alone would bring the first to `x.__rmul__`; for the second pandas asks the other operand nothing.
    """

    def __gt__(self, other: Any) -> bool:
        raise ExpressionError("a column or table of pandas cannot be part of an expression", hint=LABELLED)


class Operators:
    """The operators; `Expr` says how a node is built."""

    __slots__ = ()

    __pandas_priority__: int = _AbovePandas(10_000)

    @staticmethod
    @abstractmethod
    def _build(name: str, *operands: Any) -> Expr:
        """The node of the operation called `name`."""
        raise NotImplementedError

    def _refuse(self, what: str, hint: str) -> NoReturn:
        raise ExpressionError(what, node=repr(self), hint=hint)

    # --- operators: each builds one node ---------------------------------------------------------------------------

    def __add__(self, other: Any) -> Expr:
        return self._build("add", self, other)

    def __radd__(self, other: Any) -> Expr:
        return self._build("add", other, self)

    def __sub__(self, other: Any) -> Expr:
        return self._build("subtract", self, other)

    def __rsub__(self, other: Any) -> Expr:
        return self._build("subtract", other, self)

    def __mul__(self, other: Any) -> Expr:
        return self._build("multiply", self, other)

    def __rmul__(self, other: Any) -> Expr:
        return self._build("multiply", other, self)

    def __truediv__(self, other: Any) -> Expr:
        return self._build("divide", self, other)

    def __rtruediv__(self, other: Any) -> Expr:
        return self._build("divide", other, self)

    def __floordiv__(self, other: Any) -> Expr:
        return self._build("floor_divide", self, other)

    def __rfloordiv__(self, other: Any) -> Expr:
        return self._build("floor_divide", other, self)

    def __mod__(self, other: Any) -> Expr:
        return self._build("mod", self, other)

    def __rmod__(self, other: Any) -> Expr:
        return self._build("mod", other, self)

    def __pow__(self, other: Any, modulo: Any = None) -> Expr:
        if modulo is not None:
            raise ExpressionError(
                "pow with a modulus is not an operation on expressions", hint="write (x ** y) % m"
            )
        if type(other) is int and other < 0 and self.dtype.kind in "iu":  # type: ignore[attr-defined]
            self._refuse(f"a whole number to the power {other} would be rounded", f"write x ** {other}.0")
        return self._build("pow", self, other)

    def __rpow__(self, other: Any) -> Expr:
        return self._build("pow", other, self)

    def __neg__(self) -> Expr:
        return self._build("negative", self)

    def __pos__(self) -> Expr:
        return self  # type: ignore[return-value]  # the only subclass is Expr

    def __abs__(self) -> Expr:
        return self._build("abs", self)

    def __lt__(self, other: Any) -> Expr:
        return self._build("less", self, other)

    def __le__(self, other: Any) -> Expr:
        return self._build("less_equal", self, other)

    def __gt__(self, other: Any) -> Expr:
        return self._build("greater", self, other)

    def __ge__(self, other: Any) -> Expr:
        return self._build("greater_equal", self, other)

    # expressions are one object where they are equal, so between them identity is the whole answer, and a bool: they are
    # dict keys. A number or an array is compared with the value, which is a formula as `x > 0` is, and has no truth.

    if TYPE_CHECKING:

        def __hash__(self) -> int: ...

    else:
        __hash__ = object.__hash__

    def __eq__(self, other: Any) -> Any:
        if isinstance(other, Operators):
            return self is other
        if not _is_numeric(other):
            return NotImplemented
        return self._build("equal", self, other)

    def __ne__(self, other: Any) -> Any:
        if isinstance(other, Operators):
            return self is not other
        if not _is_numeric(other):
            return NotImplemented
        return self._build("not_equal", self, other)

    def __and__(self, other: Any) -> Expr:
        return self._build("logical_and", self, other)

    def __rand__(self, other: Any) -> Expr:
        return self._build("logical_and", other, self)

    def __or__(self, other: Any) -> Expr:
        return self._build("logical_or", self, other)

    def __ror__(self, other: Any) -> Expr:
        return self._build("logical_or", other, self)

    def __xor__(self, other: Any) -> Expr:
        return self._build("logical_xor", self, other)

    def __rxor__(self, other: Any) -> Expr:
        return self._build("logical_xor", other, self)

    def __invert__(self) -> Expr:
        return self._build("logical_not", self)

    def __round__(self, digits: int | None = None) -> Expr:
        if digits:
            raise ExpressionError(
                "rounding to digits is not one operation", hint="write g.round(x * 100) / 100"
            )
        return self._build("round", self)

    def __floor__(self) -> Expr:
        return self._build("floor", self)

    def __ceil__(self) -> Expr:
        return self._build("ceil", self)

    def __trunc__(self) -> Expr:
        return self._build("trunc", self)

    # --- what Python must not do with an expression --------------------------------------------------------------------

    def __bool__(self) -> bool:
        self._refuse(
            "an expression has no truth value: it is a formula, not a number",
            "for a branch inside the formula write g.where(condition, a, b); for a chain such as 0 < x < 1 write "
            "(0 < x) & (x < 1); for max(a, b) g.maximum(a, b); to compare two formulas use `a is b`; for a value "
            "g.evaluate(expr, {…})",
        )

    def __float__(self) -> float:
        self._refuse(
            "an expression is not a number",
            "g.evaluate(expr, {…}) gives its value; instead of math.exp(x) write g.exp(x) or np.exp(x)",
        )

    def __int__(self) -> int:
        self._refuse(
            "an expression is not a number",
            'write g.astype(x, "int64"), or g.evaluate(expr, {…}) for a value',
        )

    def __complex__(self) -> complex:
        self._refuse("an expression is not a number", "g.evaluate(expr, {…}) gives its value")

    def __index__(self) -> int:
        self._refuse("an expression cannot be used as an index", "g.evaluate(expr, {…}) gives its value")

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        self._refuse(
            "an expression is not an array of values",
            "NumPy's ufuncs take expressions, as in np.exp(x); g.stack([x, y]) makes an array of several; "
            "g.evaluate(expr, {…}) gives values",
        )

    def __format__(self, spec: str) -> str:
        if not spec:
            return str(self)
        self._refuse(
            f"an expression is not a number that is written as {spec[:20]!r}",
            "g.evaluate(expr, {…}) gives its value; str(expr) is its text",
        )

    if not TYPE_CHECKING:  # to a type checker an attribute that is missing is an error, not anything

        def __getattr__(self, name: str) -> Any:
            # what Python looks for and does not find: the methods that arrays of other libraries have
            if (
                name == "variable"
            ):  # what xarray's operators ask the other operand for, before they take it for an array
                self._refuse("a labelled array of xarray cannot be part of an expression", LABELLED)
            hint = _ELSEWHERE.get(name)
            if hint is None and not name.startswith("_") and find(name) is not None:
                hint = f"g.{name}(x)"
            advice = "" if hint is None else f": write {hint}"
            raise AttributeError(f"an expression has no attribute {name!r}{advice}", name=name, obj=self)

    def __iter__(self) -> Iterator[Expr]:
        self._refuse(
            "an expression is one value and cannot be iterated over or unpacked",
            'g.symbols("x y z") gives several symbols to unpack; x[0], x[1], … are the elements of an array',
        )

    def __len__(self) -> int:
        self._refuse(
            "an expression has no length", "its shape is in expr.shape; len(g.Graph(expr)) counts nodes"
        )

    def __contains__(self, item: Any) -> bool:
        self._refuse(
            "`in` does not search an expression", "g.free_symbols(expr) gives the set of its symbols"
        )

    def __setitem__(self, key: Any, value: Any) -> NoReturn:
        self._refuse(
            "expressions are immutable", "x.at[i].set(value) is a new expression; x.at[i].add(value) adds"
        )

    def __matmul__(self, other: Any) -> Expr:
        return self._build("matmul", self, other)

    def __rmatmul__(self, other: Any) -> Expr:
        return self._build("matmul", other, self)

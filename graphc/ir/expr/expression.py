"""Expressions proper: a node with Python's operators and NumPy's functions, and operations applied to expressions.

Types and shapes are checked here, where a formula is written, and not where it runs.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from graphc.errors import ArityError, DtypeError, ExpressionError, GraphcError, ShapeError, Site
from graphc.ir import printer
from graphc.ir.expr.counterparts import hint
from graphc.ir.expr.literals import PLAIN, array_bits, is_weak, listed, scalar_bits
from graphc.ir.expr.node import Node, current_site, intern, intern_numbers, written_here
from graphc.ir.expr.traversal import pickled, unpickle
from graphc.ir.op import CONSTANT, Op, all_ops, array_ops, declare_all, lookup
from graphc.ir.operators import Operators
from graphc.ir.types import DType, Shape, as_dtype, broadcast_shapes, format_shape, weak_dtype


class Expr(Node, Operators):
    """An operation applied to expressions; immutable; equal expressions are the same object.

    op : the operation's declaration
    operands : the expressions it is applied to, in order
    attrs : static attributes: (value bits,) of a constant, (name,) of a symbol, or (name, (low, high)) where its range is
        declared, (dtype name,) of a cast, the static arguments of an operation on arrays
    dtype : NumPy dtype of the result
    shape : tuple of ints and names; () is a scalar, which broadcasts over arrays when compiled

    Expressions are built by operators and by the functions of the operations, not by this class.
    """

    __slots__ = ()

    def __str__(self) -> str:
        return printer.render(self)

    def __repr__(self) -> str:
        return printer.render(self, budget=120)

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {printer.render(self, latex=True, budget=4000)}$"

    def __reduce__(self) -> tuple[Any, ...]:
        return unpickle, (type(self), pickled(self))

    @staticmethod
    def _build(name: str, *operands: Any) -> Expr:
        op = _OF_OPERATORS.get(name)
        if op is None:
            op = _OF_OPERATORS[name] = lookup(name)
        return apply(op, *operands)

    def astype(self, dtype: Any) -> Expr:
        """This expression cast to another dtype: one node, as written."""
        return cast(self, dtype)

    def __getitem__(self, key: Any) -> Expr:
        return Expr.getitem(self, key)

    @property
    def T(self) -> Expr:
        """The axes in reversed order: the transpose of a matrix."""
        return apply(lookup("permute_dims"), self, attrs=(None,))

    @property
    def mT(self) -> Expr:
        """The last two axes exchanged: every matrix of a stack transposed."""
        declare_all()
        return Expr.function_table["matrix_transpose"](self)

    @property
    def at(self) -> Any:
        """`x.at[i].set(v)` and `x.at[i].add(v)`: the array with some elements changed, as a new expression."""
        return Expr.updates(self)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return _from_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        declare_all()
        build = Expr.function_table.get(function)
        if build is None:
            raise ExpressionError(
                f"{_named(function)} has no counterpart on expressions",
                site=current_site(),
                hint=hint(getattr(function, "__name__", ""), _counterparts()),
            )
        return build(*args, **kwargs)

    ufunc_table: ClassVar[dict[np.ufunc, Op]] = {}
    """NumPy ufunc → operation; filled as operations are declared."""

    function_table: ClassVar[dict[Any, Any]] = {}
    """NumPy function → the function that builds its operation; filled as operations are declared."""

    scipy_table: ClassVar[dict[str, Any]] = {}
    """Name in `scipy.special` → the function that builds its operation; by name, as SciPy need not be there."""

    getitem: ClassVar[Any]
    updates: ClassVar[Any]
    """What x[...] and x.at build; set by the operations of indexing."""


_OF_OPERATORS: dict[str, Op] = {}
"""The operations that operators build, which nobody declares anew."""


def _operator(name: str) -> tuple[Callable[[Any, Any], Expr], Callable[[Any, Any], Expr]]:
    """The methods of an operator, from the left and from the right, with what most nodes need at hand."""
    op: Any = None
    results: dict[DType, DType] = {}  # of two numbers of one type

    def slowly(left: Any, right: Any) -> Expr:
        nonlocal op
        node = Expr._build(name, left, right)
        op = node.op
        if not node.shape and node.operands[0].dtype is node.operands[1].dtype:
            results[node.operands[0].dtype] = node.dtype
        return node

    def forward(self: Any, other: Any) -> Expr:
        if type(other) in PLAIN:
            other = literal_beside(other, self.dtype)
        elif type(other) is not Expr:
            return slowly(self, other)
        dtype = self.dtype
        if dtype is other.dtype and not self.shape and not other.shape:
            result = results.get(dtype)
            if result is not None:
                return intern_numbers(Expr, op, (self, other), result)
        return slowly(self, other)

    def backward(self: Any, other: Any) -> Expr:
        if type(other) in PLAIN:
            other = literal_beside(other, self.dtype)
        return slowly(other, self)

    return forward, backward


for _name, _operation in (("add", "add"), ("sub", "subtract"), ("mul", "multiply"), ("truediv", "divide")):
    for _prefix, _method in zip(("__", "__r"), _operator(_operation), strict=True):
        _method.__name__ = f"{_prefix}{_name}__"
        _method.__qualname__ = f"Expr.{_method.__name__}"
        setattr(Expr, _method.__name__, _method)


# --- constants ------------------------------------------------------------------------------------------------------


def constant(value: Any, dtype: Any = None) -> Expr:
    """A constant of a given dtype, by default that of the value (float64, int64 or bool for Python numbers).

    Takes Python numbers, nested lists of them, NumPy scalars and NumPy arrays; arrays are copied. Raises `DtypeError` for
    an integer that its type cannot hold, `ExpressionError` for complex numbers, strings, objects and lists of unequal lengths.

    >>> constant(2.0)
    2
    >>> constant([[1, 2], [3, 4]]).shape
    (2, 2)
    """
    if isinstance(value, Expr):
        return value if dtype is None else cast(value, dtype)
    if is_weak(value):
        return literal(value, weak_dtype(value, ()) if dtype is None else as_dtype(dtype))
    return _of_array(listed(value) if isinstance(value, (list, tuple)) else value, dtype)


def _of_array(value: Any, dtype: Any = None) -> Expr:
    bits, target, shape = array_bits(value, dtype)
    return intern(Expr, CONSTANT, (), (bits,), target, shape)


def literal(value: bool | int | float, dtype: DType) -> Expr:
    """The constant of a Python number in a type. Raises `DtypeError` for an integer that the type cannot hold."""
    return intern(Expr, CONSTANT, (), (scalar_bits(value, dtype),), dtype, ())


_recent: dict[tuple[type, bool | int | float, DType], weakref.ref[Expr]] = {}
"""Numbers beside operands of a type, as they were written last, and their constants."""

_MOST_RECENT = 256


def literal_beside(value: bool | int | float, dtype: DType) -> Expr:
    """The constant of a Python number beside an operand of a type."""
    if not value and type(value) is float:  # −0.0 == 0.0
        return literal(value, weak_dtype(value, (dtype,)))
    key = type(value), value, dtype
    entry = _recent.get(key)
    known = None if entry is None else entry()
    if known is not None:
        written_here(known)
        return known
    node = literal(value, weak_dtype(value, (dtype,)))
    if len(_recent) >= _MOST_RECENT:
        _recent.clear()
    _recent[key] = weakref.ref(node)
    return node


# --- applying operations ----------------------------------------------------------------------------------------------


def as_operands(op: Op, args: tuple[Any, ...]) -> tuple[Expr, ...]:
    """Arguments as expressions: Python scalars take a dtype beside the strong operands they are promoted with."""
    group = op.types.group
    if (
        group is None and len(args) == 2
    ):  # the common case, an expression and a number, without the ceremony below
        left: Any = args[0]
        right: Any = args[1]
        if type(left) is Expr and type(right) in PLAIN:
            return left, literal_beside(right, left.dtype)
        if type(right) is Expr and type(left) in PLAIN:
            return literal_beside(left, right.dtype), right  # type: ignore[arg-type]
    strong = [
        arg.dtype if isinstance(arg, Expr) else as_dtype(arg.dtype)
        for slot, arg in enumerate(args)
        if (group is None or slot in group)
        and (
            isinstance(arg, Expr) or (isinstance(arg, (np.ndarray, np.generic)) and arg.dtype.kind in "biuf")
        )
    ]
    # Python scalars beside each other agree on a type, as they do in NumPy: where(c, 1, 0.5) is float64
    weak = [arg for slot, arg in enumerate(args) if (group is None or slot in group) and is_weak(arg)]
    widest = next((arg for arg in weak if isinstance(arg, float)), None)
    operands: list[Expr] = []
    for slot, arg in enumerate(args):
        if isinstance(arg, Expr):
            operands.append(arg)
        elif is_weak(arg) and (group is None or slot in group):
            representative = (
                widest if widest is not None and not strong and not isinstance(arg, bool) else arg
            )
            operands.append(literal(arg, weak_dtype(representative, strong)))
        else:
            # a list is refused: in a formula it may be meant as two operands
            operands.append(_of_array(arg) if isinstance(arg, (list, tuple)) else constant(arg))
    return tuple(operands)


def apply(op: Op, *args: Any, attrs: tuple[Any, ...] = ()) -> Expr:
    """The expression `op(*args)`; types and shapes are checked here, where it is written."""
    for arg in args:
        if type(arg) is not Expr:
            operands = as_operands(op, args)
            break
    else:
        operands = args
    if op.shape is None and not attrs:  # most of what is written, without the ceremony below
        if len(operands) == 2:
            left, right = operands
            known = op.types.known.get((left.dtype, right.dtype))
            if known is not None and not left.shape and not right.shape and len(op.params) == 2:
                return intern_numbers(Expr, op, operands, known[1])
        elif len(operands) == 1:
            (operand,) = operands
            known = op.types.known.get((operand.dtype,))
            if known is not None and not operand.shape and len(op.params) == 1:
                return intern_numbers(Expr, op, operands, known[1])
    if op.shape is not None:
        return _apply_to_arrays(op, operands, attrs)
    if len(operands) != len(op.params):
        raise ArityError(
            f"{op.name} takes {len(op.params)} operand{'s' if len(op.params) != 1 else ''}, not {len(operands)}",
            site=current_site(),
            hint=f"write g.{op.name}({', '.join(op.params)})",
        )
    try:
        dtype = op.types(tuple([operand.dtype for operand in operands]))[1]
        shape: Shape = ()
        for operand in operands:
            if operand.shape:
                shape = broadcast_shapes([operand.shape for operand in operands])
                break
    except (DtypeError, ShapeError) as error:
        error.node = error.node or _describe(op, operands)
        error.site = error.site or current_site()
        raise
    return intern(Expr, op, operands, attrs, dtype, shape)


def _apply_to_arrays(op: Op, operands: tuple[Expr, ...], attrs: tuple[Any, ...]) -> Expr:
    """The node of an operation that has a rule for shapes, its static arguments brought to their one form."""
    if not op.takes(len(operands)):
        count = "one operand or more" if op.variadic else f"{op.arity} operand{'s' if op.arity != 1 else ''}"
        raise ArityError(
            f"{op.name} takes {count}, not {len(operands)}",
            site=current_site(),
            hint=f"write g.{op.name}({', '.join(op.params)})",
        )
    try:
        checked = tuple(
            [
                known.check(known.name, attr, operands)
                for known, attr in zip(op.attributes, attrs, strict=True)
            ]
        )
        signature = op.types(tuple([operand.dtype for operand in operands])) if operands else None
        assert op.shape is not None
        shape: Shape = op.shape(operands, *checked)
        dtype = signature[1] if op.dtype is None and signature else op.dtype(operands, *checked)  # type: ignore[misc]
    except GraphcError as error:
        error.node = error.node or _describe(op, operands)
        error.site = _first_site(operands) if error.site is None else error.site
        raise
    return intern(Expr, op, operands, checked, dtype, shape)


def _first_site(operands: tuple[Expr, ...]) -> Site | None:
    return next((operand.site for operand in operands if operand.site is not None), None)


def _describe(op: Op, operands: tuple[Expr, ...]) -> str:
    parts = [
        f"{printer.render(operand, budget=40)}: {operand.dtype}{format_shape(operand.shape) if operand.shape else ''}"
        for operand in operands
    ]
    return f"{op.name}({', '.join(parts)})"


def cast(value: Any, dtype: Any) -> Expr:
    """`value` as another dtype: one node."""
    target = as_dtype(dtype)
    operand = value if isinstance(value, Expr) else constant(value)
    return intern(Expr, lookup("astype"), (operand,), (target.name,), target, operand.shape)


def _named(function: Any) -> str:
    """A function of NumPy's as it is called: np.linalg.pinv."""
    module = str(getattr(function, "__module__", None) or "numpy").replace("numpy", "np", 1)
    return f"{module if module.startswith('np') else 'np'}.{function.__name__}"


def _from_ufunc(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A NumPy ufunc that met an expression builds the operation that stands for it."""
    if method == "__call__" and not kwargs:
        op = Expr.ufunc_table.get(ufunc)
        if op is not None:
            return _of_numpys_type(ufunc, apply(op, *inputs))
        declare_all()
        build = Expr.scipy_table.get(ufunc.__name__) if _is_scipys(ufunc) else Expr.function_table.get(ufunc)
        if build is not None:
            return build(*inputs)
    name = f"{'scipy.special' if _is_scipys(ufunc) else 'np'}.{ufunc.__name__}" + (
        "" if method == "__call__" else f".{method}"
    )
    if kwargs:
        name += f" with {', '.join(kwargs)}="
    raise ExpressionError(
        f"{name} has no counterpart on expressions",
        site=current_site(),
        hint="out= and where= belong to the compiled function"
        if kwargs
        else hint(ufunc.__name__, _counterparts()),
    )


def _counterparts() -> set[str]:
    """The names of the operations, and of the functions that have a counterpart."""
    functions = {getattr(function, "__name__", "") for function in Expr.function_table.values()}
    return {op.name for op in (*all_ops(), *array_ops())} | functions | {"sigmoid", "lgamma"}


def _is_scipys(ufunc: np.ufunc) -> bool:
    """Whether a ufunc is one of `scipy.special`, which is loaded where somebody has one."""
    return getattr(sys.modules.get("scipy.special._ufuncs"), ufunc.__name__, None) is ufunc


def _of_numpys_type(ufunc: np.ufunc, node: Expr) -> Expr:
    """`node`, unless `ufunc` is not the operation's own and would answer another type, as `np.float_power` of integers."""
    if ufunc is not node.op.ufuncs[0]:
        dtype = ufunc.resolve_dtypes((*[operand.dtype for operand in node.operands], None))[-1]
        if dtype != node.dtype:
            raise DtypeError(
                f"np.{ufunc.__name__} would answer {dtype} where graphc's {node.op.name} answers {node.dtype}",
                node=repr(node),
                site=current_site(),
                hint='bring the operands to float64 first, as in g.astype(x, "float64")',
            )
    return node


__all__ = ["Expr", "apply", "as_operands", "cast", "constant", "literal", "literal_beside"]

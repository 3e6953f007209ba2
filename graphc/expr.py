"""Expressions: immutable, interned nodes, written with Python's operators.

Equal nodes are one object (hash consing): the table below holds them weakly, keyed by operation, operands and
static attributes. Work that is written twice is therefore shared by construction, expressions are dict keys by
identity, and nothing is simplified when it is built.
"""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, NoReturn

import numpy as np

from graphc import printer
from graphc.collector import paused
from graphc.errors import (
    ArityError,
    DtypeError,
    ExpressionError,
    GraphcError,
    ShapeError,
    Site,
    UnknownNameError,
    user_line,
)
from graphc.op import CONSTANT, SYMBOL, Op, find, lookup
from graphc.operators import Operators
from graphc.types import (
    BOOL,
    FLOAT64,
    DType,
    Shape,
    as_dtype,
    as_shape,
    broadcast_shapes,
    format_shape,
    weak_dtype,
)

_MAX_SITES = 4
"""How many lines are remembered for one node: the same node may be written in a loop."""


def current_site() -> Site | None:
    """The line of the user's script that is running now, for an error message."""
    line = user_line(2)
    return None if line is None else Site(*line)


class Expr(Operators):
    """An operation applied to expressions; immutable; equal expressions are the same object.

    op : the operation's declaration
    operands : the expressions it is applied to, in order
    attrs : static attributes: (value bits,) of a constant, (name,) of a symbol, or (name, (low, high)) where its range is
        declared, (dtype name,) of a cast, the static arguments of an operation on arrays
    dtype : NumPy dtype of the result
    shape : tuple of ints and names; () is a scalar, which broadcasts over arrays when compiled

    Expressions are built by operators and by the functions of the operations, not by this class.
    """

    __slots__ = ("__weakref__", "_sites", "attrs", "dtype", "op", "operands", "shape")

    op: Op
    operands: tuple[Expr, ...]
    attrs: tuple[Any, ...]
    dtype: DType
    shape: Shape

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise ExpressionError(
            "expressions are not made by calling Expr", hint='write g.symbols("x y") and operators'
        )

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise ExpressionError(
            f"expressions are immutable: cannot set {name!r}", hint="build a new expression"
        )

    def __delattr__(self, name: str) -> NoReturn:
        raise ExpressionError(f"expressions are immutable: cannot delete {name!r}")

    # --- what it is ---------------------------------------------------------------------------------------------

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def is_symbol(self) -> bool:
        return self.op is SYMBOL

    @property
    def is_constant(self) -> bool:
        return self.op is CONSTANT

    @property
    def name(self) -> str:
        """The name of a symbol."""
        if self.op is not SYMBOL:
            raise ExpressionError(f"only a symbol has a name, not {self!r}")
        return self.attrs[0]

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The range that was declared for a symbol, ends included; None where there is none."""
        return self.attrs[1] if self.op is SYMBOL and len(self.attrs) > 1 else None

    @property
    def value(self) -> Any:
        """The value of a constant: a NumPy scalar, or a read-only array."""
        if self.op is not CONSTANT:
            raise ExpressionError(
                f"only a constant has a value, not {self!r}",
                hint="g.evaluate(expr, {…}) gives the value at a point",
            )
        array = np.frombuffer(self.attrs[0], dtype=self.dtype)
        shape: Any = self.shape  # of a constant: lengths alone
        return array.reshape(shape) if shape else array[0]

    @property
    def sites(self) -> tuple[Site, ...]:
        """The lines of the user's scripts that wrote this expression, the first few."""
        return tuple(Site(*site) for site in self._sites)

    @property
    def site(self) -> Site | None:
        """The first line that wrote this expression."""
        return Site(*self._sites[0]) if self._sites else None

    def __str__(self) -> str:
        return printer.render(self)

    def __repr__(self) -> str:
        return printer.render(self, budget=120)

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {printer.render(self, latex=True, budget=4000)}$"

    def __reduce__(self):
        return _unpickle, (_pickled(self),)

    def __copy__(self) -> Expr:
        return self

    def __deepcopy__(self, memo: Any) -> Expr:
        return self

    @staticmethod
    def _build(name: str, *operands: Any) -> Expr:
        return apply(lookup(name), *operands)

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
        return Expr.function_table["matrix_transpose"](self)

    @property
    def at(self) -> Any:
        """`x.at[i].set(v)` and `x.at[i].add(v)`: the array with some elements changed, as a new expression."""
        return Expr.updates(self)

    __hash__ = object.__hash__

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return _from_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        build = Expr.function_table.get(function)
        if build is None:
            raise ExpressionError(
                f"np.{function.__name__} has no counterpart on expressions",
                site=current_site(),
                hint="g.ops() lists the operations",
            )
        return build(*args, **kwargs)

    ufunc_table: ClassVar[dict[np.ufunc, Op]] = {}
    """NumPy ufunc → operation; filled as operations are declared."""

    function_table: ClassVar[dict[Any, Any]] = {}
    """NumPy function → the function that builds its operation; filled as operations are declared."""

    getitem: ClassVar[Any]
    updates: ClassVar[Any]
    """What x[...] and x.at build; set by the operations of indexing."""


_new = object.__new__
_set_op = Expr.op.__set__  # type: ignore[attr-defined]
_set_operands = Expr.operands.__set__  # type: ignore[attr-defined]
_set_attrs = Expr.attrs.__set__  # type: ignore[attr-defined]
_set_dtype = Expr.dtype.__set__  # type: ignore[attr-defined]
_set_shape = Expr.shape.__set__  # type: ignore[attr-defined]
_set_sites = Expr._sites.__set__  # type: ignore[attr-defined]


# --- the table -----------------------------------------------------------------------------------------------------


class _Entry(weakref.ref):
    """A weak reference that knows its key, so that the entry can be removed when the node dies."""

    __slots__ = ("key",)


_table: dict[tuple[Any, ...], _Entry] = {}
_lock = threading.RLock()  # reentrant: a collection may run the callback below while this thread holds it


def _forget(entry: _Entry) -> None:
    with _lock:
        if _table.get(entry.key) is entry:  # a new node may stand under the key already
            del _table[entry.key]


class _Writing(threading.local):
    fixed = False
    line: tuple[str, int] | None = None


_writing = _Writing()


@contextlib.contextmanager
def on_this_line() -> Iterator[None]:
    """All that is built inside counts as written on the line that is running now, which is looked up once."""
    before = _writing.fixed, _writing.line
    _writing.line = _writing.line if _writing.fixed else user_line(2)
    _writing.fixed = True
    try:
        yield
    finally:
        _writing.fixed, _writing.line = before


def _intern(op: Op, operands: tuple[Expr, ...], attrs: tuple[Any, ...], dtype: DType, shape: Shape) -> Expr:
    """The one node of these fields; remembers the line that asked for it."""
    site = _writing.line if _writing.fixed else user_line(2)
    # a leaf's type is its own; elsewhere it follows from operation, operands and attributes
    key = (op, attrs, dtype, shape) if not operands else (op, operands, attrs)
    with _lock:
        entry = _table.get(key)
        if entry is not None:
            node = entry()
            if node is not None:
                sites = node._sites
                if site is not None and len(sites) < _MAX_SITES and site not in sites:
                    _set_sites(node, (*sites, site))
                return node
        node = _new(Expr)
        _set_op(node, op)
        _set_operands(node, operands)
        _set_attrs(node, attrs)
        _set_dtype(node, dtype)
        _set_shape(node, shape)
        _set_sites(node, () if site is None else (site,))
        entry = _Entry(node, _forget)
        entry.key = key
        _table[key] = entry
        return node


def live_nodes() -> int:
    """How many nodes exist at the moment (for tests and for the curious)."""
    return len(_table)


# --- leaves ---------------------------------------------------------------------------------------------------------


def symbol(
    name: str, shape: Any = (), dtype: Any = "float64", *, positive: bool = False, range: Any = None
) -> Expr:
    """A named input.

    Parameters
    ----------
    name : any text; an identifier if the compiled function is to take it by keyword
    shape : () for a scalar, which broadcasts over arrays; else a tuple of ints and names
    dtype : a NumPy dtype or its name: bool, integers, float32, float64
    positive : a promise that every value is above 0
    range : a promise that every value lies in the interval (low, high), ends included; an end may be infinite

    A promise is a fact for the rewriting rules (`g.compile`, `g.stabilize`), and includes that no value is NaN. It is not
    checked where values are passed: beyond it, what is computed is not specified. Symbols with different promises differ.
    Raises `ExpressionError` for a range that holds nothing, and for one of booleans.

    >>> symbol("x") is symbol("x")
    True
    >>> symbol("x", range=(0, 1)).bounds
    (0.0, 1.0)
    """
    if not isinstance(name, str) or not name:
        raise ExpressionError(f"a symbol's name is a text, not {name!r}", hint='write g.symbol("x")')
    own = as_dtype(dtype)
    attrs = (name,) if range is None and not positive else (name, _promised(name, own, positive, range))
    return _intern(SYMBOL, (), attrs, own, as_shape(shape))


_LEAST = 5e-324
"""The smallest positive float64: what is above 0 is at least that, in every type."""


def _promised(name: str, dtype: DType, positive: bool, declared: Any) -> tuple[float, float]:
    """The interval of a symbol's values."""
    try:
        low, high = (-np.inf, np.inf) if declared is None else declared
        low, high = float(low) + 0.0, float(high) + 0.0  # -0.0 + 0.0 is 0.0
    except (TypeError, ValueError, OverflowError, GraphcError):
        low, high = np.nan, np.nan
    if positive:
        low = max(low, _LEAST)
    if dtype.kind == "b" or not low <= high or low == np.inf or high == -np.inf:
        what = (
            "booleans have no range"
            if dtype.kind == "b"
            else f"no value lies in the range {_short(declared)}"
        )
        raise ExpressionError(
            f"symbol {name!r}: {what}{' and is positive' if positive and dtype.kind != 'b' else ''}",
            site=current_site(),
            hint="write range=(low, high), two numbers",
        )
    return low, high


def symbols(
    names: str | Iterable[str],
    shape: Any = (),
    dtype: Any = "float64",
    *,
    positive: bool = False,
    range: Any = None,
) -> Any:
    """Several symbols from names separated by spaces or commas; one name gives one symbol, several a tuple.

    The other parameters are those of `symbol`, and hold for each of them.

    >>> symbols("x w b")
    (x, w, b)
    """
    if isinstance(names, str):
        listed = names.replace(",", " ").split()
        one = len(listed) == 1 and "," not in names
    else:
        listed, one = list(names), False
    if not listed:
        raise ExpressionError("no names given", hint='write g.symbols("x y")')
    made = tuple(symbol(name, shape, dtype, positive=positive, range=range) for name in listed)
    return made[0] if one else made


def constant(value: Any, dtype: Any = None) -> Expr:
    """A constant of a given dtype, or of the value's own (float64, int64 or bool for Python's numbers).

    Takes Python numbers, NumPy scalars and NumPy arrays; arrays are copied. Raises `DtypeError` for complex numbers,
    strings and objects, and for an integer that its type cannot hold.

    >>> constant(2.0)
    2
    """
    if isinstance(value, Expr):
        return value if dtype is None else cast(value, dtype)
    if isinstance(value, (bool, int, float)) and not isinstance(value, np.generic):
        target = weak_dtype(value, ()) if dtype is None else as_dtype(dtype)
        return _scalar_constant(value, target)
    if not isinstance(value, (np.ndarray, np.generic)):
        _refuse_operand(value)
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        _refuse_operand(value)
    own = array.dtype if dtype is None else as_dtype(dtype)
    if own.name == "float16":
        own = np.dtype(np.float32)
    target = as_dtype(own)
    array = np.ascontiguousarray(array, dtype=target)
    shape = np.shape(value)
    return _intern(CONSTANT, (), (array.tobytes(),), target, shape)


_literals: dict[tuple[Any, ...], bytes] = {}


def _scalar_constant(value: bool | int | float, dtype: DType) -> Expr:
    # the value's own type is in the key because 1 == True == 1.0; text because -0.0 == 0.0 and nan != nan
    key = (type(value), value if value == value and value != 0 else repr(value), dtype)
    bits = _literals.get(key)
    if bits is None:
        try:
            with np.errstate(over="ignore"):
                bits = np.array(value, dtype=dtype).tobytes()
        except OverflowError as error:
            raise DtypeError(
                f"the integer {_short(value)} does not fit {dtype}",
                site=current_site(),
                hint="write it as a float, or choose a wider dtype",
            ) from error
        if len(_literals) < 4096:
            _literals[key] = bits
    return _intern(CONSTANT, (), (bits,), dtype, ())


def _short(value: Any) -> str:
    if isinstance(value, int) and value.bit_length() > 200:
        return f"of {value.bit_length()} bits"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _refuse_operand(value: Any) -> NoReturn:
    kind = type(value).__name__
    hint = "operands are expressions, Python numbers, and NumPy arrays of numbers"
    dtype = getattr(value, "dtype", None)
    if isinstance(value, str):
        hint = f'g.parse({_short(value)}) reads a formula from text, g.symbol("name") declares an input'
    elif isinstance(value, complex) or getattr(dtype, "kind", "") == "c":
        hint = "graphc computes with real numbers: carry real and imaginary part as two expressions"
    elif isinstance(value, (list, tuple)):
        hint = "write np.array([...]) for an array of numbers"
    elif getattr(dtype, "kind", "") == "O":
        hint = "convert the object array to numbers first, as in a.astype(float)"
    elif type(value).__module__.split(".")[0] == "sympy":
        hint = "g.from_sympy(…) turns a SymPy expression into one of graphc"
    of = f" of dtype {dtype}" if dtype is not None else ""
    raise ExpressionError(
        f"a {kind}{of} cannot be part of an expression: {_short(value)}", site=current_site(), hint=hint
    )


# --- applying operations ----------------------------------------------------------------------------------------------


_PLAIN = frozenset((bool, int, float))


def _is_weak(value: Any) -> bool:
    return isinstance(value, (bool, int, float)) and not isinstance(value, np.generic)


def as_operands(op: Op, args: tuple[Any, ...]) -> tuple[Expr, ...]:
    """Arguments as expressions: Python scalars take a dtype beside the strong operands they are promoted with."""
    group = op.types.group
    if (
        group is None and len(args) == 2
    ):  # the common case, an expression and a number, without the ceremony below
        left: Any = args[0]
        right: Any = args[1]
        if type(left) is Expr and type(right) in _PLAIN:
            return left, _scalar_constant(right, weak_dtype(right, (left.dtype,)))
        if type(right) is Expr and type(left) in _PLAIN:
            return _scalar_constant(left, weak_dtype(left, (right.dtype,))), right  # type: ignore[arg-type]
    strong = [
        arg.dtype if isinstance(arg, Expr) else as_dtype(arg.dtype)
        for slot, arg in enumerate(args)
        if (group is None or slot in group)
        and (
            isinstance(arg, Expr) or (isinstance(arg, (np.ndarray, np.generic)) and arg.dtype.kind in "biuf")
        )
    ]
    # Python scalars beside each other agree on a type, as they do in NumPy: where(c, 1, 0.5) is float64
    weak = [arg for slot, arg in enumerate(args) if (group is None or slot in group) and _is_weak(arg)]
    widest = next((arg for arg in weak if isinstance(arg, float)), None)
    operands: list[Expr] = []
    for slot, arg in enumerate(args):
        if isinstance(arg, Expr):
            operands.append(arg)
        elif _is_weak(arg) and (group is None or slot in group):
            representative = (
                widest if widest is not None and not strong and not isinstance(arg, bool) else arg
            )
            operands.append(_scalar_constant(arg, weak_dtype(representative, strong)))
        else:
            operands.append(constant(arg))
    return tuple(operands)


def apply(op: Op, *args: Any, attrs: tuple[Any, ...] = ()) -> Expr:
    """The expression `op(*args)`; types and shapes are checked here, where it is written."""
    for arg in args:
        if type(arg) is not Expr:
            operands = as_operands(op, args)
            break
    else:
        operands = args
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
    return _intern(op, operands, attrs, dtype, shape)


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
    return _intern(op, operands, checked, dtype, shape)


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
    return _intern(lookup("astype"), (operand,), (target.name,), target, operand.shape)


def rebuild(expr: Expr, operands: tuple[Expr, ...]) -> Expr:
    """The same operation with the same attributes on other operands."""
    if expr.op.is_leaf:
        return expr
    for old, new in zip(expr.operands, operands, strict=True):
        if new.dtype is not old.dtype or new.shape != old.shape:
            break
    else:  # of the same types, so the result is
        return _intern(expr.op, operands, expr.attrs, expr.dtype, expr.shape)
    if expr.op.name == "astype":
        return cast(operands[0], expr.attrs[0])
    return apply(expr.op, *operands, attrs=expr.attrs)


def _from_ufunc(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A NumPy ufunc that met an expression builds the operation that stands for it."""
    if method == "__call__" and not kwargs:
        op = Expr.ufunc_table.get(ufunc)
        if op is not None:
            return _of_numpys_type(ufunc, apply(op, *inputs))
    name = f"np.{ufunc.__name__}" + ("" if method == "__call__" else f".{method}")
    if kwargs:
        name += f" with {', '.join(kwargs)}="
    raise ExpressionError(
        f"{name} has no counterpart on expressions",
        site=current_site(),
        hint="g.ops() lists the operations; out= and where= belong to the compiled function",
    )


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


# --- walking ------------------------------------------------------------------------------------------------------------


def walk(outputs: Iterable[Expr], leaves: Iterable[Expr] = ()) -> list[Expr]:
    """Every node below `outputs`, operands before their users, in an order that depends on the expressions alone.

    Depth first from left to right, without recursion. What lies below `leaves` is left out, and so are they.
    """
    done: set[Expr] = set(leaves)
    order: list[Expr] = []
    for output in outputs:
        stack = [output]
        while stack:
            node = stack[-1]
            if node in done:
                stack.pop()
                continue
            waiting = [operand for operand in node.operands if operand not in done]
            if waiting:
                waiting.reverse()
                stack += waiting
            else:
                stack.pop()
                done.add(node)
                order.append(node)
    return order


def free_symbols(*outputs: Expr) -> tuple[Expr, ...]:
    """The symbols below `outputs`, in the order in which they are first read from left to right."""
    return tuple(node for node in walk(outputs) if node.op is SYMBOL)


@paused()
def substitute(expr: Expr, replacements: dict[Expr, Any]) -> Expr:
    """`expr` with nodes replaced, all at once: a replacement is not searched again.

    Parameters
    ----------
    replacements : expression → expression or number; dtype and shape may not change

    >>> x, y = symbols("x y")
    >>> substitute(x + y, {x: y, y: x})
    y + x
    """
    made: dict[Expr, Expr] = {}
    for old, new in replacements.items():
        if not isinstance(old, Expr):
            raise ExpressionError(
                f"{_short(old)} is not an expression to replace", site=current_site(), hint="write {x: new}"
            )
        made[old] = _scalar_constant(new, old.dtype) if _is_weak(new) else constant(new)
        if made[old].dtype != old.dtype:
            raise DtypeError(
                f"{old!r} is {old.dtype} and its replacement {made[old]!r} is {made[old].dtype}",
                site=current_site(),
                hint=f'write g.astype(…, "{old.dtype}")',
            )
    for node in walk([expr]):
        if node not in made:
            made[node] = (
                rebuild(node, tuple(made[operand] for operand in node.operands)) if node.operands else node
            )
    return made[expr]


@paused()
def _pickled(expr: Expr) -> list[tuple[Any, ...]]:
    """The nodes below `expr` as plain rows, so that pickling does not recurse."""
    order = walk([expr])
    index = {node: number for number, node in enumerate(order)}
    names = {dtype: dtype.name for dtype in {node.dtype for node in order}}
    return [
        (
            node.op.name,
            tuple([index[operand] for operand in node.operands]),
            node.attrs,
            names[node.dtype],
            node.shape,
        )
        for node in order
    ]


@paused()
def _unpickle(rows: list[tuple[Any, ...]]) -> Expr:
    made: list[Expr] = []
    dtypes = {name: as_dtype(name) for name in {row[3] for row in rows}}
    for name, operands, attrs, dtype, shape in rows:
        op = find(name)
        if op is None:
            raise UnknownNameError(
                f"the pickled expression uses the operation {name!r}, which is not defined here",
                hint="call g.define_op first, or use g.save and g.load, which carry the definition",
            )
        made.append(_intern(op, tuple([made[i] for i in operands]), attrs, dtypes[dtype], shape))
    return made[-1]


__all__ = [
    "BOOL",
    "FLOAT64",
    "Expr",
    "apply",
    "cast",
    "constant",
    "free_symbols",
    "substitute",
    "symbol",
    "symbols",
]

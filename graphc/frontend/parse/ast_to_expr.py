"""What each node of a formula's syntax tree means."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any, NoReturn

from graphc.errors import ArityError, GraphcError, ParseError, UnknownNameError, brief_text
from graphc.frontend.parse.lexer import FormulaText
from graphc.ir.attribute_text import STATIC, NotStatic, WrongCall, read_key, split_call, usage
from graphc.ir.expr import Expr, apply, cast, constant, symbol
from graphc.ir.op import Op, lookup
from graphc.ir.types import BOOL, DTYPES, DType
from graphc.ir.vocabulary import (
    BARE,
    CONSTANTS,
    FOLDED,
    OPERATIONS,
    WRITTEN,
    function,
    functions,
    nearest,
    on_arrays,
)
from graphc.ops.comparison import maxout

Value = Any
"""An expression, or a Python number: a literal, which is typed by what it meets."""


class ExprBuilder:
    """What each node of the syntax tree means, given the values of its children."""

    def __init__(self, source: FormulaText, names: Mapping[str, Expr] | None, dtype: DType) -> None:
        self.source = source
        self.names = names
        self.dtype = dtype
        self.powers: set[ast.expr] = set()  # powers of numbers alone
        self.whole: dict[Expr, int] = {}  # what is computed from whole numbers alone, and its exact value

    def refuse(self, what: str, node: Any, hint: str, kind: type[GraphcError] = ParseError) -> NoReturn:
        self.source.refuse(what, *self.source.span(node), hint, kind)

    def made(self, node: ast.expr, function: Callable[..., Expr], *args: Any) -> Expr:
        """`function(*args)`; an operation's error is shown in the text, of which it knows nothing."""
        try:
            return function(*args)
        except GraphcError as error:
            error.message = f"{error.message} {self.source.mark(*self.source.span(node))}"
            error.args = (error.message,)
            raise

    def apply(self, node: ast.expr, syntax: ast.AST, *operands: Value) -> Expr:
        return self.made(node, apply, lookup(OPERATIONS[type(syntax)]), *operands)

    def children(self, node: ast.expr) -> list[ast.expr]:
        """The parts whose values are needed; refuses syntax that has no place in a formula."""
        match node:
            case ast.Constant(value=bool() | int() | float()) | ast.Name():
                return []
            case ast.BinOp() if type(node.op) in OPERATIONS:
                return [node.left, node.right]
            case ast.UnaryOp():
                return [node.operand]
            case ast.Compare() if all(type(op) in OPERATIONS for op in node.ops):
                return [node.left, *node.comparators]
            case ast.BoolOp():
                return node.values
            case ast.IfExp():
                return [node.test, node.body, node.orelse]
            case ast.Attribute(attr="T"):
                return [node.value]
            case ast.Subscript():
                return [node.value, *self.static(read_key, node.slice)[1]]
            case ast.Call(func=ast.Name(id=name)):
                op = on_arrays(node)
                if op is not None:
                    return self.array_call(node, op)[0]
                arguments = _arguments(node)
                return arguments[:1] if name == "astype" else arguments  # the second is a type
        self.refuse(
            "this is not part of a formula", node, "write arithmetic, comparisons and calls of g.operations()"
        )

    def value(self, node: Any, values: list[Value]) -> Value:
        match node:
            case ast.Constant():
                return node.value
            case ast.Name():
                return self.name(node)
            case ast.BinOp():
                return self.binary(node, *values)
            case ast.UnaryOp():
                return self.unary(node, values[0])
            case ast.Compare():
                links = zip(node.ops, values, values[1:], strict=False)
                tests = [self.apply(node, op, left, right) for op, left, right in links]
                return reduce(lambda left, right: self.apply(node, ast.And(), left, right), tests)
            case ast.BoolOp():
                return reduce(lambda left, right: self.apply(node, node.op, left, right), values)
            case ast.IfExp():
                return self.made(node, apply, lookup("where"), *values)
            case ast.Attribute():
                return self.made(node, _apply_static, lookup("permute_dims"), values, (None,))
            case ast.Subscript():
                key = self.static(read_key, node.slice)[0]
                return self.made(node, _apply_static, lookup("index"), values, (key,))
            case ast.Call():
                op = on_arrays(node)
                if op is not None:
                    self.fits(node, op, values)
                    return self.made(node, _apply_static, op, values, self.array_call(node, op)[1])
        return self.call(node, values)

    def fits(self, node: ast.Call, op: Op, values: list[Value]) -> None:
        """min and max of one number are a slip."""
        if op.name in FOLDED and values and not getattr(values[0], "shape", ()) and not node.keywords:
            what = f"{op.name} takes an array, or 2 or more operands"
            self.refuse(what, node, f"write {op.name}(x, y)", ArityError)

    def static(self, reader: Callable[[ast.expr], Any], node: ast.expr) -> Any:
        """What a syntax tree says before anything is evaluated: a shape, axes, a key of indexing."""
        try:
            return reader(node)
        except NotStatic as error:
            self.refuse("this is no static argument", error.node, STATIC)

    def array_call(self, node: ast.Call, op: Op) -> tuple[list[ast.expr], tuple[Any, ...]]:
        """The operands and the static arguments of a call of an operation on arrays."""
        try:
            return split_call(node, op)
        except NotStatic as error:
            self.refuse("this is no static argument", error.node, STATIC)
        except WrongCall as error:
            self.refuse(str(error), error.node, f"write {usage(op)}", ArityError)

    def name(self, node: ast.Name) -> Value:
        name = node.id
        if self.names is not None and name in self.names:
            return self.names[name]
        if name in CONSTANTS:
            return CONSTANTS[name]
        op = function(name)
        # sum, mean, var, … are good names of variables: an operation on arrays is meant only where it is called
        if op is not None and not op.on_arrays and name not in BARE:
            hint = f"write {name}(…), or declare a symbol of that name: g.parse(text, symbols=[…])"
            self.refuse(f"the function {name} stands without arguments", node, hint, UnknownNameError)
        if self.names is None:
            return symbol(name, dtype=self.dtype)
        hint = nearest(name, [*self.names, *CONSTANTS])
        self.refuse(f"unknown name {name[:60]!r}", node, hint, UnknownNameError)

    def binary(self, node: ast.BinOp, left: Value, right: Value) -> Expr:
        if isinstance(node.op, ast.BitXor) and not (_is_boolean(left) and _is_boolean(right)):
            self.refuse("^ is the exclusive or of booleans", node, "write ** for a power, as in x**2")
        if isinstance(node.op, ast.Pow):
            operands = ((node.left, left), (node.right, right))
            if all(part in self.powers or not isinstance(value, Expr) for part, value in operands):
                if any(part in self.powers for part, _ in operands):
                    self.refuse("a tower of powers of numbers", node, "write the number itself")
                self.powers.add(node)
        left, right, exact = self.real(node, left, right)
        result = self.apply(node, node.op, left, right)
        if exact is not None:
            self.whole[result] = exact
        return result

    def real(self, node: ast.BinOp, left: Value, right: Value) -> tuple[Value, Value, int | None]:
        """The operands as the reader means them: `10**-3` is 0.001 and `2**64` is not 0, so whole numbers are real ones where
        integers would overflow or round. Last the exact value of what is computed from whole numbers alone."""
        exact = _exact(node.op, self.exactly(left), self.exactly(right))
        if exact is not None and abs(exact) < 2**63:
            return left, right, exact
        if exact is not None or self.rounds(node.op, left, right):
            left, right = (self.made(node, _as_float, value) for value in (left, right))
        return left, right, None

    def exactly(self, value: Value) -> int | None:
        if isinstance(value, Expr):
            return self.whole.get(value)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def rounds(self, op: ast.operator, left: Value, right: Value) -> bool:
        """Whether a whole number is raised to a negative one."""
        power = self.exactly(right)
        if not isinstance(op, ast.Pow) or power is None or power >= 0:
            return False
        return self.exactly(left) is not None or (isinstance(left, Expr) and left.dtype.kind in "iu")

    def unary(self, node: ast.UnaryOp, value: Value) -> Value:
        if node.operand in self.powers:
            self.powers.add(node)
        if isinstance(node.op, ast.UAdd):
            return value
        # -(2) is a negation, -2 a constant
        between = self.source.encoded[node.col_offset : node.operand.col_offset]
        is_number = isinstance(node.operand, (ast.Constant, ast.Name)) and not isinstance(value, (Expr, bool))
        if (
            isinstance(node.op, ast.USub) and is_number and b"(" not in between
        ):  # -(2) negates, -2 is a constant
            return -value
        result = self.apply(node, node.op, value)
        if isinstance(node.op, ast.USub) and (exact := self.exactly(value)) is not None:
            self.whole[result] = -exact
        return result

    def call(self, node: ast.Call, values: list[Value]) -> Value:
        name = node.func.id  # type: ignore[attr-defined]
        if name == "astype":
            return self.cast(node, values)
        if name in DTYPES:
            return self.typed_number(node, name, values)
        if name in FOLDED or name == "maxout":
            return self.fold(node, name, values)
        op = function(name)
        if op is not None and op.on_arrays and op.attributes:
            self.refuse(f"{name} is not called by its name", node, "write X[0, 1:3]", ArityError)
        if op is None:
            hint = f"write {WRITTEN[name]}" if name in WRITTEN else nearest(name, functions())
            self.refuse(f"unknown function {name[:60]!r}", node.func, hint, UnknownNameError)
        return self.made(node, apply, op, *self.bound(node, op, values))

    def bound(self, node: ast.Call, op: Op, values: list[Value]) -> list[Value]:
        """Positional, keyword and default arguments in the order of the operation's parameters."""
        usage = f"write {op.name}({', '.join(op.params)})"
        positional = len(node.args)
        if positional > op.arity:
            plural = "s" if op.arity != 1 else ""
            self.refuse(
                f"{op.name} takes {op.arity} operand{plural}, not {positional}", node, usage, ArityError
            )
        arguments: dict[str, Value] = dict(zip(op.params, values[:positional], strict=False))
        for keyword, value in zip(node.keywords, values[positional:], strict=True):
            param = keyword.arg
            if param is None or param not in op.params:
                self.refuse(
                    f"{op.name} has no parameter {brief_text(param, 60)!r}", keyword, usage, ArityError
                )
            if param in arguments:
                self.refuse(f"{op.name} gets {param!r} twice", keyword, usage, ArityError)
            arguments[param] = value
        defaults = zip(op.params[op.arity - len(op.defaults) :], op.defaults, strict=True)
        arguments = {**dict(defaults), **arguments}
        missing = [param for param in op.params if param not in arguments]
        if missing:
            self.refuse(f"{op.name} is missing {', '.join(missing)}", node, usage, ArityError)
        return [arguments[param] for param in op.params]

    def fold(self, node: ast.Call, name: str, values: list[Value]) -> Value:
        fewest = 1 if name == "maxout" else 2
        if node.keywords or len(values) < fewest:
            what = f"{name} takes {fewest} or more operands, by position"
            self.refuse(what, node, f"write {name}(x, y)", ArityError)
        if name == "maxout":
            return self.made(node, maxout, *values)
        return reduce(lambda left, right: self.made(node, apply, lookup(FOLDED[name]), left, right), values)

    def cast(self, node: ast.Call, values: list[Value]) -> Expr:
        arguments = _arguments(node)
        keywords = [keyword.arg for keyword in node.keywords]
        target = arguments[1] if len(arguments) == 2 else None
        if not isinstance(target, ast.Name) or keywords not in ([], ["dtype"], ["x", "dtype"]):
            self.refuse("astype takes an operand and a type", node, "write astype(x, float32)", ArityError)
        if target.id not in DTYPES:
            self.refuse(
                f"unknown type {target.id[:60]!r}", target, nearest(target.id, DTYPES), UnknownNameError
            )
        return self.made(node, cast, values[0], DTYPES[target.id])

    def typed_number(self, node: ast.Call, name: str, values: list[Value]) -> Expr:
        if len(values) != 1 or node.keywords or isinstance(values[0], Expr):
            hint = f"write {name}(2), or astype(x, {name}) for a cast"
            self.refuse(f"{name}(…) is a number of that type", node, hint)
        return self.made(node, constant, values[0], DTYPES[name])


_WHOLE = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul}


def _exact(op: ast.operator, left: int | None, right: int | None) -> int | None:
    """The value of an operation on whole numbers, where it is one; a number too large for any type stands for larger ones."""
    if left is None or right is None:
        return None
    if type(op) in _WHOLE:
        return _WHOLE[type(op)](left, right)
    if isinstance(op, ast.Pow) and right >= 0:
        return left**right if abs(left) < 2 or right * left.bit_length() < 4096 else 2**4096
    return None


def _as_float(value: Value) -> Value:
    """A whole number as a real one."""
    if isinstance(value, Expr):
        return cast(value, "float64") if value.dtype.kind in "iu" else value
    return float(value)


def _apply_static(op: Op, operands: list[Value], attrs: tuple[Any, ...]) -> Expr:
    return apply(op, *operands, attrs=attrs)


def _arguments(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(keyword.value for keyword in call.keywords)]


def _is_boolean(value: Value) -> bool:
    return value.dtype == BOOL if isinstance(value, Expr) else isinstance(value, bool)


__all__ = ["ExprBuilder", "Value"]

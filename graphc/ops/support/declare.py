"""From a declaration to the function that users call, with its documentation."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

from graphc.errors import ArityError
from graphc.ir.expr import Expr, apply, constant
from graphc.ir.expr.node import intern_numbers
from graphc.ir.op import NO_DEFAULT, Notation, Op, register
from graphc.ir.types import FIRST_KEPT, DType
from graphc.ops.support.nested_lists import of_nested_lists

Function = Callable[..., Expr]


def declare(op: Op) -> Function:
    """Register an operation; returns the function that builds its expressions."""
    register(op)
    for ufunc in op.ufuncs:
        Expr.ufunc_table[ufunc] = op
    function = builder(op)
    for name in op.scipy:
        Expr.scipy_table[name] = function
    return function


def builder(op: Op) -> Function:
    """The function of an operation: operands by position or by name, expressions or numbers."""
    required = op.arity - len(op.defaults)
    signature = inspect.Signature(
        [
            inspect.Parameter(
                name,
                inspect.Parameter.POSITIONAL_OR_KEYWORD,
                default=inspect.Parameter.empty if slot < required else op.defaults[slot - required],
            )
            for slot, name in enumerate(op.params)
        ]
    )

    function = _bound(op, partial(apply, op), signature, documentation(op))
    return (
        _dressed(op, _of_a_number(op, function), signature, function.__doc__) if op.arity == 1 else function
    )


def _of_a_number(op: Op, function: Function) -> Function:
    """`function`, the builder of an operation of one operand, with what most nodes need at hand."""
    results: dict[DType, DType] = {}

    def build(*args: Any, **kwargs: Any) -> Expr:
        if len(args) == 1 and not kwargs:
            x = args[0]
            if type(x) is Expr and not x.shape:
                result = results.get(x.dtype)
                if result is not None:
                    return intern_numbers(Expr, op, args, result)
                node = function(x)
                results[x.dtype] = node.dtype
                return node
        return function(*args, **kwargs)

    return build


def with_checks(op: Op) -> Callable[[Function], Function]:
    """A decorator for an operation whose function checks or converts its arguments itself."""

    def decorate(function: Function) -> Function:
        return _bound(op, function, inspect.signature(function), function.__doc__)

    return decorate


def _bound(op: Op, build: Function, signature: inspect.Signature, doc: str | None) -> Function:
    """`build` called with arguments by position or by name; wrong ones are an `ArityError`."""
    count = len(signature.parameters)

    def function(*args: Any, **kwargs: Any) -> Expr:
        if not kwargs and len(args) == count:
            return build(*args)
        return build(*_bind(op, signature, args, kwargs).args)

    return _dressed(op, function, signature, doc)


def _dressed(op: Op, function: Function, signature: inspect.Signature, doc: str | None) -> Function:
    """The function with its operation's name, documentation and signature."""
    function.__name__ = function.__qualname__ = op.name
    function.__doc__ = doc
    function.__signature__ = signature  # type: ignore[attr-defined]
    function.op = op  # type: ignore[attr-defined]
    return function


def declare_arrays(op: Op) -> Function:
    """Register an operation on whole arrays; returns the function that builds its expressions."""
    register(op)
    for ufunc in op.ufuncs:
        Expr.ufunc_table[ufunc] = op
    function = array_builder(op)
    for known in op.numpy:
        Expr.function_table[known] = function
    return function


def family(**shared: Any) -> Callable[..., Function]:
    """A function `declare(name, summary, **fields)` for operations on arrays that have fields in common.

    A field given with an operation takes the place of the shared one. The label in diagrams is the name unless said otherwise.
    """

    def declare_member(name: str, summary: str, **fields: Any) -> Function:
        return declare_arrays(
            Op(name=name, summary=summary, **{"notation": Notation(name), **shared, **fields})
        )

    return declare_member


moving = family(params=("x",), types=FIRST_KEPT, linear="jointly", moves=True, category="shape")
"""Declares an operation that puts the elements of x elsewhere, or zeros in their place, and computes nothing."""


def array_builder(op: Op) -> Function:
    """The function of an operation on arrays: operands, then static arguments, by position or by name.

    Any number of operands are given one by one or as one list or tuple; static arguments are then given by name. A list among
    them is an array of its elements.
    """
    kind = inspect.Parameter.KEYWORD_ONLY if op.variadic else inspect.Parameter.POSITIONAL_OR_KEYWORD
    static = [
        inspect.Parameter(
            known.name,
            kind,
            default=inspect.Parameter.empty if known.default is NO_DEFAULT else known.default,
        )
        for known in op.attributes
    ]
    operands = [
        inspect.Parameter(name, inspect.Parameter.VAR_POSITIONAL if op.variadic else kind)
        for name in op.params
    ]
    signature = inspect.Signature([*operands, *static])

    def build(*args: Any, **kwargs: Any) -> Expr:
        arguments = _bind(op, signature, args, kwargs).arguments
        operands: Any = [arguments[name] for name in op.params]
        if op.variadic:
            (operands,) = operands
            if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
                operands = tuple(operands[0])
            if any(isinstance(operand, (list, tuple)) for operand in operands):
                operands = of_nested_lists(op, operands)
        return apply(op, *operands, attrs=tuple([arguments[known.name] for known in op.attributes]))

    return _dressed(op, build, signature, documentation(op))


def _bind(op: Op, signature: inspect.Signature, args: Any, kwargs: Any) -> inspect.BoundArguments:
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError as error:
        raise ArityError(
            f"{op.name}{signature}: {error}", hint=f"write g.{op.name}({', '.join(signature.parameters)})"
        ) from None
    bound.apply_defaults()
    return bound


def documentation(op: Op) -> str:
    """The docstring of an operation, from its declaration."""
    lines = [op.summary, ""]
    if op.notes:
        lines += [op.notes, ""]
    for kink in op.kinks:
        at = ", ".join(f"{name} = {value:g}" for name, value in zip(op.params, kink.at, strict=True))
        lines.append(
            f"Convention: at {at} the partials are {', '.join(f'{p:g}' for p in kink.partials)}: {kink.why}."
        )
    if op.kinks:
        lines.append("")
    if op.on_arrays:
        lines.append(
            "Operands are expressions, Python numbers (weakly typed, as in NumPy 2) or NumPy arrays."
        )
        lines.append(
            "Raises `DtypeError` for types it does not take and `ShapeError` for shapes that do not fit, where it is written."
        )
        return "\n".join(lines)
    lines.append(
        "Operands are expressions, Python numbers (weakly typed, as in NumPy 2) or NumPy arrays; shapes broadcast."
    )
    lines.append(
        "Raises `DtypeError` for types it does not take and `ShapeError` for shapes that do not broadcast."
    )
    if op.partials is not None and op.emit is not None:
        lines.append(f"Machine code for float64: error at most {op.ulps:g} units in the last place.")
    return "\n".join(lines)


def like(value: float, other: Expr) -> Expr:
    """A literal in the dtype of another expression, for partials."""
    return constant(value, other.dtype)

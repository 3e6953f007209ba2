"""A function that is called, for nodes that keep it: its arguments as symbols, what it returned, how they are called."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.errors import ArityError, DtypeError, ExpressionError, ShapeError, brief_text
from graphc.ir.expr import Expr, constant, current_site, symbol
from graphc.ir.types import format_shape
from graphc.ops.support.build import broadcast
from graphc.util.pytree import Structure, flatten, unflatten


class Arguments:
    """What a function is called with, as expressions and as symbols that stand for them."""

    def __init__(self, args: Sequence[Any], names: Sequence[str]) -> None:
        flat = [flatten(arg) for arg in args]
        self.trees: list[Structure] = [tree for _, tree in flat]
        self.given: list[list[Expr]] = [[constant(leaf) for leaf in leaves] for leaves, _ in flat]
        self.leaves: list[Expr] = [leaf for each in self.given for leaf in each]
        if not self.leaves:
            raise ExpressionError("a function of no expressions has no derivative", site=current_site())
        self.symbols: list[list[Expr]] = [
            [
                symbol(f"{name}{k if len(each) > 1 else ''}\0{id_}", x.shape, x.dtype)
                for k, x in enumerate(each)
            ]
            for name, each, id_ in zip(names, self.given, map(_next_number, names), strict=True)
        ]
        self.own: list[Expr] = [x for each in self.symbols for x in each]

    def built(self, leaves: Sequence[Sequence[Expr]]) -> list[Any]:
        """Leaves in the structures of the arguments."""
        return [unflatten(tree, iter(each)) for tree, each in zip(self.trees, leaves, strict=True)]


_counter = iter(range(10**18))


def _next_number(_: str) -> int:
    return next(_counter)


def returned(what: str, value: Any) -> tuple[list[Expr], Structure]:
    if value is None:
        raise ExpressionError(f"{what} returned nothing", site=current_site(), hint="end it with return")
    leaves, tree = flatten(value)
    if not leaves:
        raise ExpressionError(f"{what} returned nothing but {brief_text(value, 40)}", site=current_site())
    return [constant(leaf) for leaf in leaves], tree


def fitted(what: str, value: Any, like: Expr) -> Expr:
    """A derivative of the type and shape of what it belongs to; a number is one for every element."""
    result = (
        value
        if isinstance(value, Expr)
        else constant(value, like.dtype)
        if np.ndim(value) == 0
        else constant(value)
    )
    if result.dtype != like.dtype:
        raise DtypeError(
            f"{what} is {result.dtype}, and {like.dtype} is wanted",
            node=repr(result),
            site=current_site(),
            hint=f'write g.astype(…, "{like.dtype}")',
        )
    if result.shape != like.shape and result.shape:
        raise ShapeError(
            f"{what} has shape {format_shape(result.shape)}, and {format_shape(like.shape)} is wanted",
            node=repr(result),
            site=current_site(),
            hint="sum it over the axes along which the argument was broadcast",
        )
    return broadcast(result, like)


def function_name(f: Callable[..., Any]) -> str:
    name = getattr(f, "__name__", "function")
    return "function" if name == "<lambda>" else name


def least_arguments(f: Any) -> int:
    """The number of arguments that a function has to get; 1 for what does not say."""
    if not callable(f):
        return 1
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return 1
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(p.kind in kinds and p.default is p.empty for p in parameters)


def argument_names(f: Any, count: int) -> list[str]:
    """The names of a function's arguments, by place."""
    names: list[str] = []
    try:
        for p in inspect.signature(f).parameters.values():
            if p.kind is p.VAR_POSITIONAL:
                names += [f"{p.name}[{k}]" for k in range(count - len(names))]
            elif p.kind is not p.VAR_KEYWORD:
                names.append(p.name)
    except (TypeError, ValueError):
        pass
    return [*names, *(f"argument {k}" for k in range(len(names), count))][:count]


def refuse_unless_taken(what: str, f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Raises `ArityError` for arguments that a function does not take, as far as it says."""
    try:
        inspect.signature(f).bind(*args, **kwargs)
    except TypeError as error:
        raise ArityError(
            f"{what}: {error}", site=current_site(), hint="call it with the arguments of the function"
        ) from None
    except ValueError:  # it does not say
        return


def positional(owner: Any, f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """All arguments by place, defaults included."""
    try:
        bound = inspect.signature(f).bind(*args, **kwargs)
    except ValueError:
        if kwargs:
            raise ArityError(f"{owner.name} takes its arguments by place", site=current_site()) from None
        return args
    except TypeError as error:
        raise ArityError(f"{owner.name}: {error}", site=current_site()) from None
    bound.apply_defaults()
    if bound.kwargs:
        raise ArityError(
            f"{owner.name} takes its arguments by place, and {next(iter(bound.kwargs))!r} by name alone",
            site=current_site(),
        )
    return bound.args


__all__ = [
    "Arguments",
    "argument_names",
    "fitted",
    "function_name",
    "least_arguments",
    "positional",
    "refuse_unless_taken",
    "returned",
]

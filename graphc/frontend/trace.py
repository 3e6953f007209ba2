"""Python functions as graphs: `@g.function` calls a function once with symbols named after its parameters."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, overload

from graphc.errors import (
    ArityError,
    DefinitionError,
    ExpressionError,
    GraphcError,
    Site,
    UnknownNameError,
    brief,
)
from graphc.frontend.nested_calls import Inline, NestedCalls, checked_inline
from graphc.interpret.numpy_eval import handed_out, run
from graphc.ir.expr import Expr, constant, current_site, named_symbols, symbol
from graphc.ir.graph import Dag
from graphc.ir.inputs import as_value
from graphc.ir.types import DType, as_dtype
from graphc.util.pytree import flatten, map_leaves, unflatten

_Parameter = inspect.Parameter


_MAX_KEPT = 64
"""How many sets of options a function's formula is remembered for."""


class TracedFunction:
    """A traced Python function: a formula with named inputs that can be called.

    inputs : the symbols of its parameters, in order
    expr : what it returns for them: an expression, or a tuple, list, dict or named tuple of expressions

    Called with expressions it gives its formula of them; called with numbers and arrays the formula's values, by
    the NumPy interpreter. `g.Graph`, `g.compile` and `g.save` take it as it is.

    The Python function runs when the formula is first needed, and again for other options and for expressions.
    """

    __name__: str
    __qualname__: str

    def __init__(
        self,
        python: Callable[..., Any],
        symbols: Mapping[str, Expr],
        dtype: DType,
        inline: Inline = True,
    ) -> None:
        functools.update_wrapper(self, python)
        self._python = python
        self._site = Site(python.__code__.co_filename, python.__code__.co_firstlineno)
        self._signature = inspect.signature(python)
        self._traced: dict[Any, Any] = {}
        inputs: list[Expr] = []
        for parameter in self._signature.parameters.values():
            name = parameter.name
            if parameter.kind in (_Parameter.VAR_POSITIONAL, _Parameter.VAR_KEYWORD):
                what = f"*{name} of {self.__name__} stands for any number of inputs"
                raise DefinitionError(what, site=self._site, hint="name every input")
            if parameter.default is _Parameter.empty:
                inputs.append(symbols[name] if name in symbols else symbol(name, dtype=dtype))
        self.inputs: tuple[Expr, ...] = tuple(inputs)
        names = [node.name for node in inputs]
        self._calls = NestedCalls(self.__name__, names, self._site, inline)
        unknown = [name for name in symbols if name not in names]
        if unknown:
            raise UnknownNameError(
                f"{self.__name__} has no input {unknown[0]!r}",
                site=self._site,
                hint=f"its inputs are {', '.join(names)}; a parameter with a default is an option",
            )

    @property
    def expr(self) -> Any:
        """What the function returns for its inputs, with its options at their defaults."""
        return self._formula({})

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The formula of expressions, or its values at numbers and arrays; options by name or position.

        Raises `ArityError` for missing and unknown arguments, `DtypeError` and `ShapeError` for values that an
        input does not take.
        """
        values, options = self._bind(args, kwargs)
        if any(isinstance(value, Expr) for value in (*values, *options.values())):
            places = [
                value if isinstance(value, Expr) else constant(as_value(node, value)[()])
                for node, value in zip(self.inputs, values, strict=True)
            ]
            result = self._calls.called(places, _told_apart(options), lambda own: self._run(own, options))
            return self._run(places, options) if result is None else result
        leaves, structure = flatten(self._formula(options))
        dag = Dag(leaves, self.inputs)
        numbers = run(dag, dict(zip(self.inputs, values, strict=True)))
        outputs = [numbers[output] for output in dag.outputs]
        return unflatten(structure, iter(handed_out(outputs, numbers[: len(dag.symbols)])))

    def _bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """The inputs' values in order, and the options that were given."""
        try:
            arguments = self._signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            usage = f"write {self.__name__}{self._signature}"
            raise ArityError(f"{self.__name__}: {error}", site=current_site(), hint=usage) from None
        names = {node.name for node in self.inputs}
        options = {name: value for name, value in arguments.items() if name not in names}
        return [arguments[node.name] for node in self.inputs], options

    def _formula(self, options: Mapping[str, Any]) -> Any:
        """The formula of the inputs, remembered for each set of options."""
        key = _told_apart(options)
        if key is None:
            return self._run(self.inputs, options)
        if key not in self._traced:
            if len(self._traced) == _MAX_KEPT:
                self._traced.clear()
            self._traced[key] = self._run(self.inputs, options)
        return self._traced[key]

    def _run(self, inputs: Iterable[Expr], options: Mapping[str, Any]) -> Any:
        """Call the Python function; what it returns as expressions."""
        bound = self._signature.bind_partial()
        names = [node.name for node in self.inputs]
        bound.arguments.update({**dict(zip(names, inputs, strict=True)), **options})
        bound.apply_defaults()
        try:
            returned = self._python(*bound.args, **bound.kwargs)
        except RecursionError as error:
            raise ExpressionError(
                f"{self.__name__} calls itself without end when it is traced",
                site=self._site,
                hint="let a plain number, given as an option, end the recursion; == between expressions compares identity",
            ) from error
        if returned is None:
            what = f"{self.__name__} returned nothing"
            raise ExpressionError(what, site=self._site, hint="end it with return")
        try:
            return map_leaves(constant, returned)
        except GraphcError as error:
            error.site = self._site
            raise

    def __repr__(self) -> str:
        return f"<Function {self.__name__}({', '.join(node.name for node in self.inputs)})>"

    def __reduce__(self) -> str:
        # as functions are: by the name under which the module that defines it holds it
        return self.__qualname__


def _told_apart(options: Mapping[str, Any]) -> Any:
    """What options are remembered by; None where one of them, such as a list, has nothing to remember it by."""
    key = tuple((name, type(value), value) for name, value in options.items())
    try:
        hash(key)
    except TypeError:
        return None
    return key


@overload
def function(python: Callable[..., Any], /) -> TracedFunction: ...
@overload
def function(
    *, symbols: Iterable[Expr] = (), dtype: Any = "float64", inline: Inline = True
) -> Callable[[Callable[..., Any]], TracedFunction]: ...
def function(
    python: Any = None,
    /,
    *,
    symbols: Iterable[Expr] = (),
    dtype: Any = "float64",
    inline: Inline = True,
) -> Any:
    """A decorator that turns a Python function into a graph.

    Parameters
    ----------
    python : the function. Its parameters become inputs; one with a default is an option, which keeps its value.
    symbols : the symbols of inputs that are not scalars of type `dtype`, with the names of the parameters
    dtype : the type of the other inputs
    inline : what a call within a formula becomes. True: its formula is inserted. False: a single node, drawn as a frame that
        can be opened; the body is traced once for each combination of argument types and shapes, differentiated once and
        compiled once as a native function, so a formula that calls it a hundred times compiles as fast as one that calls it
        once. "auto": a single node if it has more than 150 operations

    The function is called with symbols, and the operations that it performs are recorded: Python loops, and branches on
    options, are executed; `if x > 0:` and `math.exp(x)` on an input are errors that name the line and what to write instead.
    Returns a `TracedFunction`.

    Raises `DefinitionError` for parameters such as *args, `UnknownNameError` for a symbol that is not an input, and
    `ExpressionError` if a function with `inline=False` calls itself. Values that such a function uses from outside are those at
    the time of tracing.

    >>> @function
    ... def loss(x, w, b):
    ...     return (x * w + b) ** 2
    >>> loss.expr, loss.inputs
    ((x*w + b)**2, (x, w, b))
    >>> loss(2, -3, 6)
    0.0
    >>> @function(inline=False)
    ... def bump(x):
    ...     return 1 / (1 + x * x)
    >>> x, y = loss.inputs[:2]
    >>> bump(x) + bump(y)
    bump(x) + bump(w)
    """

    checked = checked_inline(inline)
    declared = named_symbols(symbols)

    def decorate(python: Any) -> TracedFunction:
        if not inspect.isfunction(python):
            what, hint = (
                f"{brief(python)} is not written in Python",
                "decorate a def, or write g.function(lambda x: …)",
            )
            raise DefinitionError(what, site=current_site(), hint=hint)
        if inspect.iscoroutinefunction(python) or inspect.isgeneratorfunction(python):
            what, hint = f"{python.__name__} returns before it computes", "write a plain def with return"
            raise DefinitionError(what, site=current_site(), hint=hint)
        return TracedFunction(python, declared, as_dtype(dtype), checked)

    return decorate if python is None else decorate(python)


__all__ = ["TracedFunction", "function"]

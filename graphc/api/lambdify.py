"""The verb lambdify: SymPy's verb of that name, with machine code behind it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np

from graphc.api.compile import compile
from graphc.api.graph import Graph
from graphc.compiler.engine.vectorcall import Led, lead
from graphc.compiler.pipeline import Options
from graphc.compiler.runtime.elementwise_function import ElementwiseFunction, make
from graphc.errors import ArityError, ConversionError, GraphcError, InputError, brief
from graphc.frontend.interop.sympy import sympy
from graphc.frontend.interop.sympy_reader import read_sympy
from graphc.frontend.interop.sympy_structure import SympyArguments, read_arguments, read_results
from graphc.ir.expr import Expr, current_site, symbol
from graphc.ir.graph import Dag
from graphc.util.pytree import Structure, unflatten

_REFUSED = {
    "mpmath": ("numbers of any precision", "g.evaluate(g.from_sympy(e), at, digits=50) computes with them"),
    "sympy": ("symbols", "e.subs(…) computes with them"),
    "cmath": ("complex numbers", "graphc computes with real numbers; sympy.lambdify takes complex ones"),
    "jax": ("arrays of JAX", "pass NumPy arrays, or use sympy.lambdify"),
    "torch": ("tensors of PyTorch", "pass NumPy arrays, or use sympy.lambdify"),
    "tensorflow": ("tensors of TensorFlow", "pass NumPy arrays, or use sympy.lambdify"),
    "cupy": ("arrays on a GPU", "pass NumPy arrays, or use sympy.lambdify"),
}

_TAKEN = ("numpy", "scipy", "math", "numexpr")


def lambdify(
    args: Any,
    expr: Any,
    modules: Any = None,
    printer: Any = None,
    use_imps: bool = True,
    dummify: bool = False,
    cse: Any = False,
    docstring_limit: int | None = 1000,
) -> LambdifiedFunction:
    """Like SymPy's `lambdify`, but with machine code: a fast function of numbers and arrays from SymPy expressions.

    Parameters
    ----------
    args : a symbol, a function of other symbols such as f(t), a derivative, a `MatrixSymbol`, or a list of these, nested like
        the values that are passed
    expr : an expression, a matrix or array, or lists, tuples and dicts of them. Matrices are returned as NumPy arrays
    modules : "numpy", "scipy", "math" and "numexpr", the modules themselves, dicts from names of functions to Python functions,
        or a list of these. A Python function is called once, with expressions
    printer : not supported, since no code is printed
    use_imps : whether to call the implementation of functions made by `implemented_function`
    dummify, cse : accepted but without effect: names never become code, and common subexpressions are always shared
    docstring_limit : as in SymPy: larger expressions are omitted from the docstring

    Numbers are real, in float64: ints give floats, and a result that is not real is NaN. Arrays broadcast as in NumPy; a matrix
    element that is a number is broadcast to the shape of elements that are arrays. The text of an expression is not evaluated.

    Raises `ConversionError` for anything without a counterpart, like `g.from_sympy`, and for other modules.

    >>> import sympy
    >>> x, y = sympy.symbols("x y")
    >>> f = lambdify([x, y], [sympy.sqrt(x) + y, sympy.Matrix([[x, y]])])
    >>> f(4.0, 1.0)
    [3.0, array([[4., 1.]])]
    """
    if printer is not None:
        raise ConversionError(
            "printer= prints code, and machine code is made without printing any",
            site=current_site(),
            hint="leave it out; functions of your own go in modules=[{'f': function}]",
        )
    if docstring_limit is not None and not isinstance(docstring_limit, int):
        raise InputError(
            f"docstring_limit takes a whole number or None, not {brief(docstring_limit)}",
            site=current_site(),
            hint="0 leaves the expression out of the docstring",
        )
    functions = _functions(modules)
    arguments = read_arguments(args)
    leaves, structure = read_results(expr)
    if not leaves:
        raise ConversionError("there is nothing to compute", site=current_site(), hint="pass an expression")
    exprs, inputs = _converted(arguments, leaves, functions, use_imps)
    graph = Graph(exprs, inputs)
    if any(node.op.on_arrays for node in graph.exprs):
        compiled: Any = compile(exprs, inputs)
        return _bound(arguments, compiled, structure, None, _document(arguments, expr, docstring_limit))
    compiled = make(graph, structure, Options("stable", tier="quick"), None)
    return _bound(arguments, compiled, structure, _uses(graph), _document(arguments, expr, docstring_limit))


def _functions(modules: Any) -> dict[str, Any]:
    """The Python functions among the modules, by name; raises `ConversionError` for modules of other numbers."""
    functions: dict[str, Any] = {}
    if modules is None:
        return functions
    for each in reversed(list(modules) if isinstance(modules, (list, tuple)) else [modules]):
        if isinstance(each, Mapping):
            functions.update({str(name): function for name, function in each.items()})
            continue
        name = each.__name__ if isinstance(each, ModuleType) else each
        if isinstance(name, str) and name in _REFUSED:
            what, instead = _REFUSED[name]
            raise ConversionError(f"modules={name!r} computes with {what}", site=current_site(), hint=instead)
        if not isinstance(name, str) or name not in _TAKEN:
            raise ConversionError(
                f"modules= has {brief(each)}, which is none that is known",
                site=current_site(),
                hint="it takes 'numpy', 'scipy', 'math', 'numexpr', and dicts of Python functions",
            )
    return functions


def _converted(
    arguments: SympyArguments, leaves: list[Any], functions: Mapping[str, Any], use_imps: bool
) -> tuple[list[Expr], list[Expr]]:
    """The expressions of the results, and the symbols of the arguments."""
    inputs = _symbols(arguments, frozenset())
    declared = dict(zip(arguments.keys, inputs, strict=True))
    try:
        return read_sympy(leaves, declared, strict=False, functions=functions, implemented=use_imps), inputs
    except GraphcError:
        truths = _truths(leaves) & set(arguments.keys)
        if not truths:
            raise
    inputs = _symbols(arguments, truths)
    declared = dict(zip(arguments.keys, inputs, strict=True))
    return read_sympy(leaves, declared, strict=False, functions=functions, implemented=use_imps), inputs


def _symbols(arguments: SympyArguments, truths: frozenset[Any]) -> list[Expr]:
    """A symbol for each argument, under names of their own: two of SymPy's may have one name."""
    names: dict[str, int] = {}
    symbols = []
    for key in arguments.keys:
        base = getattr(key, "name", None) or getattr(getattr(key, "func", None), "__name__", "x")
        base = str(base) if str(base).isidentifier() else "x"
        count = names[base] = names.get(base, 0) + 1
        name = base if count == 1 else f"{base}_{count}_"
        symbols.append(symbol(name, dtype="bool" if key in truths else "float64"))
    return symbols


def _truths(leaves: list[Any]) -> frozenset[Any]:
    """The symbols that stand as an operand of a logical connective."""
    S = sympy()
    kinds = (S.logic.boolalg.BooleanFunction, S.Piecewise)
    found = [node for leaf in leaves if isinstance(leaf, S.Basic) for node in leaf.atoms(*kinds)]
    parts = [
        c
        for node in found
        for c in ([c for _, c in node.args] if isinstance(node, S.Piecewise) else node.args)
    ]
    return frozenset(part for part in parts if isinstance(part, S.Symbol))


def _uses(graph: Dag) -> list[tuple[int, ...]] | None:
    """For each result the inputs that it depends on; None where all depend on all."""
    masks: list[int] = []
    for number, operands in enumerate(graph.operands):
        mask = 1 << number if number < len(graph.inputs) else 0
        for operand in operands:
            mask |= masks[operand]
        masks.append(mask)
    whole = (1 << len(graph.inputs)) - 1
    if all(masks[output] == whole for output in graph.outputs):
        return None
    return [tuple([n for n in graph.inputs if masks[output] >> n & 1]) for output in graph.outputs]


def _document(arguments: SympyArguments, expr: Any, limit: int | None) -> str:
    """A docstring in the form of SymPy's."""
    signature = f"func({', '.join(arguments.names)})"
    shown = "..."
    if limit is None or limit > 0:
        S = sympy()
        count = 0
        try:
            for _ in S.preorder_traversal(expr):
                count += 1
                if limit is not None and count > limit:
                    break
            else:
                shown = str(expr)
        except Exception:  # not all that SymPy builds can be walked or printed
            shown = "..."
    return f"Created with lambdify. Signature:\n\n{signature}\n\nExpression:\n\n{shown}\n"


class LambdifiedFunction(Led):
    """A function that `g.lambdify` made: called with numbers and arrays, nested as its arguments were declared.

    compiled : the compiled function of the symbols one by one, with all that can be asked of it; arguments : their names
    """

    def __init__(
        self, arguments: SympyArguments, compiled: Any, structure: Structure, uses: Any, document: str
    ) -> None:
        self.compiled = compiled
        self.arguments: tuple[str, ...] = arguments.names
        self.__doc__ = document
        self.__name__ = "_lambdifygenerated"
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        if len(set(arguments.names)) == len(arguments.names):
            self.__signature__: inspect.Signature = inspect.Signature(
                [inspect.Parameter(name, kind) for name in arguments.names]
            )
        self._parts, self._structure, self._uses = arguments, structure, uses
        quick = None
        if isinstance(compiled, ElementwiseFunction) and not arguments.nested:
            quick = compiled.of_numbers
        lead(self, self.call, quick)

    def call(self, /, *args: Any, **kwargs: Any) -> Any:
        """The function on anything that is not numbers alone."""
        if kwargs:
            args = self._positional(args, kwargs)
        if len(args) != len(self.arguments):
            raise ArityError(
                f"this function takes {len(self.arguments)} arguments ({', '.join(self.arguments)}), not {len(args)}",
                site=current_site(),
                hint="pass them nested as they were declared",
            )
        values = self._parts.flat(args) if self._parts.nested else list(args)
        values = [
            np.asarray(v, float) if isinstance(v, np.ndarray) and v.dtype.kind in "iu" else v for v in values
        ]
        if not isinstance(self.compiled, ElementwiseFunction):
            results = self.compiled(*values)
            return unflatten(self._structure, iter(results))
        if self._uses is None or not any(np.ndim(value) for value in values):
            return self.compiled(*values)
        return self._trimmed(values)

    def _trimmed(self, values: list[Any]) -> Any:
        """The results for arrays, each in the shape of what it depends on."""
        shapes = [np.shape(value) for value in values]
        whole = np.broadcast_shapes(*shapes)
        flat = [np.empty(whole, dtype) for dtype in self.compiled._dtypes]
        self.compiled(*values, out=flat if len(flat) > 1 else flat[0])
        results = []
        for used, result in zip(self._uses, flat, strict=True):
            shape = np.broadcast_shapes(*(shapes[number] for number in used))
            missing = len(whole) - len(shape)
            key = (0,) * missing + tuple(
                slice(None) if n == whole[missing + axis] else slice(0, n) for axis, n in enumerate(shape)
            )
            if result.size:
                result = result[key]
            results.append(result if np.ndim(result) else result[()])
        return unflatten(self._structure, iter(results))

    def _positional(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        values = list(args)
        for name in self.arguments[len(args) :]:
            if name not in kwargs:
                raise ArityError(
                    f"the argument {name!r} is missing",
                    site=current_site(),
                    hint=f"the arguments are {', '.join(self.arguments)}",
                )
            values.append(kwargs.pop(name))
        if kwargs:
            raise ArityError(
                f"there is no argument {next(iter(kwargs))!r} left to give",
                site=current_site(),
                hint=f"the arguments are {', '.join(self.arguments)}",
            )
        return tuple(values)

    def __repr__(self) -> str:
        return f"<lambdified ({', '.join(self.arguments)}): {self.compiled!r}>"

    def __reduce__(self) -> Any:
        return _bound, (self._parts, self.compiled, self._structure, self._uses, self.__doc__)


def _bound(
    arguments: SympyArguments, compiled: Any, structure: Structure, uses: Any, document: str
) -> LambdifiedFunction:
    """What is pickled, made anew."""
    return LambdifiedFunction(arguments, compiled, structure, uses, document)


__all__ = ["LambdifiedFunction", "lambdify"]

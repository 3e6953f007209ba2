"""Operations of the user's own, from a formula.

A formula becomes an operation like any other: one node in the graph and in the diagram, known to `parse`,
its value by the interpreter and its machine code from the formula (`Op.expand`), its derivative found by
SymPy.
"""

from __future__ import annotations

import inspect
import keyword
import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from graphc.errors import ConversionError, DefinitionError, brief, brief_text
from graphc.frontend.array_op import define_array_op
from graphc.frontend.interop.sympy_calculus import differentiate
from graphc.frontend.interop.sympy_reader import from_sympy
from graphc.frontend.parse import parse
from graphc.interpret.formula_interpreter import number, through_formulas
from graphc.interpret.numpy_eval import run_arrays
from graphc.ir.expr import Expr, cast, constant, current_site, free_symbols, rebuild, symbol, walk
from graphc.ir.graph import Dag
from graphc.ir.op import Notation, Op, find
from graphc.ir.types import FLOAT64, TypeRule, floating
from graphc.ir.vocabulary import CONSTANTS, FOLDED
from graphc.ops.support.declare import Function, builder, declare
from graphc.util import fork_safety
from graphc.util.arguments import function, listed, text, truth
from graphc.util.records import dataclass

SAMPLED = (0.25, 4.0)
"""Where tests draw an operand from when no domain is declared: most formulas are real and smooth there."""


@dataclass(frozen=True)
class Definition:
    """What a name was defined as; two definitions are the same when these are."""

    params: tuple[str, ...]
    body: Expr
    notation: Notation
    domain: tuple[tuple[float, float], ...]


_definitions: dict[str, Definition] = {}
_lock = fork_safety.lock()


def define_op(
    name: str,
    formula: Any = None,
    *,
    params: str | Iterable[str] | None = None,
    label: str | None = None,
    latex: str | None = None,
    domain: Sequence[Any] | None = None,
    summary: str | None = None,
    vjp: Callable[..., Any] | None = None,
    jvp: Callable[..., Any] | None = None,
    reference: Callable[..., Any] | None = None,
    address: Any = None,
    takes: Any = None,
    shape: Callable[..., Any] | None = None,
    dtype: Any = "float64",
    outputs: int = 1,
    check: bool = True,
) -> Function:
    """Define an operation by a formula or by an external function; returns the function that builds its expressions.

    Parameters
    ----------
    name : an identifier that no operation has yet; `parse` knows it from then on
    formula : text in the grammar of `parse`, an expression, a SymPy expression, or a function that builds
        an expression from its parameters
    params : the operands' names in order, as "x y" or a list. By default the function's parameters; of a
        text or expression the names in the order in which they are read; of a SymPy expression the names
        in alphabetical order
    label : the text of its diagram node; by default the name
    latex : LaTeX of a call, with `<0>` for the first operand, or of the name alone
    domain : for each operand the interval in which the formula is real and smooth; for one operand the
        interval
    summary : the first line of its documentation

    With any of the following the operation is a function of whole arrays, and `formula`, where there is one, a function of
    expressions. It is then not known to `parse`; label, LaTeX and summary are its name.

    vjp : (adjoints, results, *operands) → a tuple with the adjoint of each operand, None for 0; in expressions
    jvp : (tangents, results, *operands) → the tangents of the results; in expressions. One of the two rules serves both modes.
        It is compared with difference quotients when it is declared, on operands in `domain`, (low, high)
    reference : a function of NumPy arrays that computes it, if there is no formula. Compiled code calls it back: each call
        takes some microseconds, the compiled function is no longer one piece of machine code, and a loop around it is
        interpreted
    address : of a C function that computes it, as a number, a numba.cfunc or a function of ctypes. It gets pointers to the
        operands, contiguous and of type `dtype`, then pointers to the results, then the length of every axis of every operand
        as int64, and returns nothing; compiled code calls it directly. If `reference` is given too, the two are compared
    takes : the required shapes of the operands, such as [("n",), ("n", 3), ()]; needed with an address, since machine code
        reads memory at the given sizes
    shape : (*shapes of the operands) → the result's shape, or a list of shapes; by default the operands' broadcast
    dtype : the type of the results and of float operands; a list if the results differ
    outputs : the number of results; if there are several, the function returns a tuple
    check : whether the derivative is compared with difference quotients

    The operation computes in the common float type of its operands. Its partial derivatives are computed by SymPy, over the
    reals, from the formula as written; at jumps they are 0. Defining a name again with the same formula changes nothing.

    Raises `DefinitionError` for a name that cannot be one or is taken, parameters that do not fit the
    formula, a formula that is not a scalar float, and one that SymPy cannot differentiate; `ParseError`
    and `ConversionError` as `parse` and `from_sympy` do.

    >>> swish = define_op("swish", "x/(1 + exp(-x))")
    >>> x = symbol("x")
    >>> swish(x) * 2
    swish(x)*2
    >>> parse("swish(1 + t)")
    swish(1 + t)
    """
    _check_name(name)
    own = (vjp, jvp, reference, address, takes, shape)
    if type(outputs) is not int or outputs != 1 or any(x is not None for x in own):
        existing = find(name)
        if existing is not None:
            what = "already defined by a formula" if name in _definitions else "one of graphc's own"
            raise DefinitionError(
                f"operation {name!r} is {what}", site=current_site(), hint="choose another name"
            )
        interval = None if domain is None else _domain(name, 1, domain)[0]
        return define_array_op(name, params, formula, own, dtype, outputs, truth("check", check), interval)
    body, names = _read(name, formula, params)
    body, names = _closed(name, body, names)
    definition = Definition(
        names, body, _notation(name, len(names), label, latex), _domain(name, len(names), domain)
    )
    with _lock:
        existing = find(name)
        if existing is not None:
            if _definitions.get(name) == definition:
                return builder(existing)
            what = "already defined by another formula" if name in _definitions else "one of graphc's own"
            raise DefinitionError(
                f"operation {name!r} is {what}", site=current_site(), hint="choose another name"
            )
        function = declare(_operation(name, definition, summary))
        _definitions[name] = definition
    return function


# --- what was asked for --------------------------------------------------------------------------------


def _check_name(name: Any, what: str = "operation") -> None:
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name) or len(name) > 100:
        shown = brief(name, 81)
        raise DefinitionError(
            f"{shown if len(shown) <= 80 else shown[:79] + '…'} is not a name for an {what}",
            site=current_site(),
            hint="a name is made of letters, digits and underscores, begins with no digit, and is no keyword",
        )
    if name in CONSTANTS or (
        what == "operation" and (name in FOLDED or name in ("constant", "symbol", "maxout"))
    ):
        raise DefinitionError(
            f"{name!r} has a meaning in formulas already", site=current_site(), hint="choose another name"
        )


def _read(name: str, formula: Any, params: Any) -> tuple[Expr, tuple[str, ...] | None]:
    """The formula as an expression, and the names of its operands as far as they are given."""
    names = (
        None
        if params is None
        else tuple(
            params.replace(",", " ").split()
            if isinstance(params, str)
            else listed("params", params, 'params="x y"')
        )
    )
    for param in names or ():
        _check_name(param, "operand")
    if isinstance(formula, str):
        return parse(formula, names), names
    if isinstance(formula, Expr):
        return formula, names
    if any(str(kind.__module__).split(".")[0] == "sympy" for kind in type(formula).__mro__):
        body = from_sympy(formula)
        return body, tuple(sorted(s.name for s in free_symbols(body))) if names is None else names
    if callable(formula):
        return _called(name, formula, names)
    raise DefinitionError(
        f"the formula of {name!r} is a {type(formula).__name__}",
        site=current_site(),
        hint='write a text such as "x/(1 + exp(-x))", a SymPy expression, or a function that builds an expression',
    )


def _called(
    name: str, formula: Callable[..., Any], names: tuple[str, ...] | None
) -> tuple[Expr, tuple[str, ...]]:
    if names is None:
        try:
            parameters = inspect.signature(formula).parameters.values()
        except (TypeError, ValueError):
            parameters = None
        plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        if parameters is None or any(parameter.kind not in plain for parameter in parameters):
            raise DefinitionError(
                f"the operands of {name!r} cannot be read from the function's signature",
                site=current_site(),
                hint='name them, as in params="x y"',
            )
        names = tuple(parameter.name for parameter in parameters)
    function("a formula", formula, len(names), "a function of expressions: lambda x: x*x")
    body = formula(*(symbol(param) for param in names))
    if not isinstance(body, (Expr, bool, int, float)):
        raise DefinitionError(
            f"the function of {name!r} returned a {type(body).__name__} instead of an expression",
            site=current_site(),
        )
    return constant(body), names


def _closed(name: str, body: Expr, names: tuple[str, ...] | None) -> tuple[Expr, tuple[str, ...]]:
    """The formula over float64 scalars called as the parameters, all of them declared."""
    symbols = free_symbols(body)
    if names is None:
        names = tuple(s.name for s in symbols)
    if not names:
        raise DefinitionError(
            f"the formula of {name!r} has no operand",
            node=repr(body),
            site=current_site(),
            hint="g.constant makes a constant",
        )
    if len(set(names)) != len(names):
        twice = next(param for param in names if names.count(param) > 1)
        raise DefinitionError(
            f"operand {twice!r} of {name!r} is listed twice", site=current_site(), hint="list each once"
        )
    for param in symbols:
        _check_name(param.name, "operand")
        if param.name not in names:
            raise DefinitionError(
                f"the formula of {name!r} uses {param.name!r}, which is not among its operands {', '.join(names)}",
                site=current_site(),
                hint=f'list it, as in params="{" ".join((*names, param.name))}"',
            )
        if param.shape or param.dtype != FLOAT64:
            raise DefinitionError(
                f"operand {param.name!r} of {name!r} should be a float64 scalar",
                site=current_site(),
                hint="the operation itself takes any float type and any shape",
            )
    if body.shape or body.dtype.kind != "f":
        raise DefinitionError(
            f"the formula of {name!r} is {body.dtype}{f' of shape {body.shape}' if body.shape else ''}, not a scalar float",
            node=repr(body),
            site=current_site(),
            hint="g.where(condition, 1.0, 0.0) makes a number of a condition",
        )
    return body, names


def _notation(name: str, arity: int, label: str | None, latex: str | None) -> Notation:
    if label is not None:
        text("a label", label, 'label="f"')
    if latex is not None:
        text("the LaTeX of an operation", latex, r'latex=r"\operatorname{f}"')
        places = [int(a or b) for a, b in re.findall(r"\[(\d)\]|<(\d)>", latex)]
        if any(place >= arity for place in places):
            raise DefinitionError(
                f"the LaTeX of {name!r} names operand {max(places)}, but they are numbered 0 to {arity - 1}",
                site=current_site(),
            )
        if not places:
            latex += rf"\left({', '.join(f'<{slot}>' for slot in range(arity))}\right)"
    return Notation(name if label is None else str(label), None, latex)


def _domain(name: str, arity: int, domain: Any) -> tuple[tuple[float, float], ...]:
    if domain is None:
        return (SAMPLED,) * arity
    try:
        if arity == 1 and not hasattr(domain[0], "__len__"):
            domain = (domain,)
        ends = tuple((float(low), float(high)) for low, high in domain)
    except (TypeError, ValueError, LookupError):
        ends = ()
    if len(ends) != arity or not all(low < high for low, high in ends):
        raise DefinitionError(
            f"the domain of {name!r} is {brief_text(domain, 80)}",
            site=current_site(),
            hint="write one interval (low, high) for each operand",
        )
    return ends


# --- the operation -------------------------------------------------------------------------------------


def _operation(name: str, definition: Definition, summary: str | None) -> Op:
    summary = None if summary is None else text("a summary", summary, 'summary="What it computes."')
    symbols = [symbol(param) for param in definition.params]
    try:
        slopes = differentiate(definition.body, symbols)
    except ConversionError as error:
        raise DefinitionError(
            f"SymPy cannot differentiate the formula of {name!r}: {error.message}",
            node=repr(definition.body),
            site=current_site(),
            hint=error.hint,
        ) from error
    return Op(
        name=name,
        params=definition.params,
        summary=summary or f"Defined by the formula {definition.body!r}.",
        types=TypeRule(floating),
        reference=_reference(definition),
        notation=definition.notation,
        formula=_formula(definition),
        domain=definition.domain,
        partials=tuple(_partial(slope, symbols) for slope in slopes),
        expand=lambda *operands: instantiate(definition.body, symbols, operands),
        ulps=math.inf,  # a formula may cancel: no bound holds for all
        category="user-defined",
        user_defined=True,
    )


def _partial(slope: Expr, symbols: Sequence[Expr]) -> Any:
    if slope.is_constant:
        return None if slope.value == 0 else lambda out, *operands: float(slope.value)
    return lambda out, *operands: instantiate(slope, symbols, operands)


def instantiate(template: Expr, symbols: Sequence[Expr], operands: Sequence[Expr]) -> Expr:
    """A float64 formula over `symbols` on other operands, in their common float type."""
    dtype = floating(tuple(operand.dtype for operand in operands))[1]
    instances: dict[Expr, Expr] = {
        s: operand if operand.dtype == dtype else cast(operand, dtype)
        for s, operand in zip(symbols, operands, strict=True)
    }
    for node in walk([template]):
        if node in instances:
            continue
        if node.is_constant:
            instances[node] = constant(node.value, dtype) if node.dtype == FLOAT64 else node
        else:
            instances[node] = rebuild(node, tuple(instances[operand] for operand in node.operands))
    result = instances[template]
    return result if result.dtype == dtype else cast(result, dtype)


def _reference(definition: Definition) -> Callable[..., Any]:
    """The formula by the interpreter, one graph for each float type."""
    graphs: dict[np.dtype[Any], Dag] = {}

    def reference(*values: Any) -> Any:
        dtype = values[0].dtype
        dag = graphs.get(dtype)
        if dag is None:
            typed = [symbol(param, dtype=dtype) for param in definition.params]
            body = instantiate(definition.body, [symbol(param) for param in definition.params], typed)
            dag = graphs[dtype] = Dag([body], typed)
        arrays = [np.asarray(value) for value in values]
        result = run_arrays(dag, arrays)[dag.outputs[0]]
        shape = np.broadcast_shapes(*(array.shape for array in arrays))
        return result if np.shape(result) == shape else np.broadcast_to(result, shape).copy()

    return reference


def _formula(definition: Definition) -> Callable[..., Any]:
    def formula(space: Any, *operands: Any) -> Any:
        arguments = {
            symbol(param): operand for param, operand in zip(definition.params, operands, strict=True)
        }
        return through_formulas(
            [definition.body],
            space,
            lambda leaf: arguments[leaf] if leaf.is_symbol else number(space, leaf.value),
        )[0]

    return formula

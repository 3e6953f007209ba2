"""Solutions of equations as users write them: `root`, `fixed_point`, `argmin` of a function."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import graphc.autodiff.implicit
import graphc.autodiff.solvers  # noqa: F401  they declare what solvers stand for
from graphc.autodiff.activity import active_nodes
from graphc.errors import ArityError, DtypeError, ExpressionError, GradientError, ShapeError, brief_text
from graphc.frontend.body_trace import TracedBody, body_function, captured_by, closed_body, leaves_of
from graphc.ir.expr import Expr, cast, constant, current_site, walk
from graphc.ir.op import Op
from graphc.ir.types import FLOAT64, LONGEST, as_dtype, format_shape, is_float
from graphc.ops import reduce
from graphc.ops.implicit import FIXED_POINT, MINIMIZER, ROOT, Method, solutions
from graphc.util.pytree import Structure, flatten, unflatten


def root(
    f: Callable[[Any], Any],
    start: Any,
    *,
    tol: float | None = None,
    max_steps: int = 100,
    on_failure: str = "nan",
    details: bool = False,
) -> Any:
    """A zero of a function: x with f(x) = 0, found in compiled code by Newton's method with a line search.

    Parameters
    ----------
    f : x → the residual, with as many numbers as x in the same structure; it is called once, with symbols, and may use other
        expressions
    start : the initial guess: a number or an array, or a tuple, list or dict of them, of one float type. It determines which of
        several roots is found; derivatives do not depend on it
    tol : the search ends when a step is smaller than this, relative to x; by default ε^(2/3) of the type, 4e-11 for float64:
        after a Newton step of that size the error is of the size of rounding
    max_steps : the maximum number of steps
    on_failure : "nan" gives NaN if no root is found, and `g.diagnose` says why; "raise" raises an `InputError` at the call
    details : whether to return (x, dict) with "steps", the number of steps, "status", 1 if a root was found, and "residual",
        the largest absolute value of an element of f(x)

    Returns x, in the structure of `start`.

    Derivatives with respect to the expressions that f uses from outside follow from the implicit function theorem: they take
    one linear solve with the Jacobian at the root, to any order and in both modes, independent of the steps. If the Jacobian is
    singular they are not finite; if it is nearly singular they lose digits, and `g.diagnose` reports how many.

    Raises `ShapeError` and `DtypeError` if f(x) does not match x, `ExpressionError` for invalid arguments, `GradientError` for
    a function without derivatives.

    >>> from graphc.autodiff.reverse import reverse
    >>> from graphc.interpret.numpy_eval import evaluate
    >>> from graphc.ir.expr import symbol
    >>> a = symbol("a")
    >>> x = root(lambda x: x**3 + x - a, 1.0)
    >>> slope = reverse([x], None, [a]).adjoint(a)
    >>> evaluate([x, slope], {"a": 10.0})
    [2.0, 0.07692307692307693]
    """
    return _solved("root", ROOT, f, start, tol, max_steps, on_failure, details)


def fixed_point(
    f: Callable[[Any], Any],
    start: Any,
    *,
    tol: float | None = None,
    max_steps: int = 1000,
    on_failure: str = "nan",
    details: bool = False,
) -> Any:
    """A fixed point of a function: x with f(x) = x, found in compiled code by Anderson acceleration.

    Arguments, result, derivatives and errors are as for `root`, except that f returns the next x. With up to 64 unknowns the
    search ends with a step of Newton's method, so that x is exact to rounding; with more, `tol` bounds x − f(x).

    >>> from graphc.interpret.numpy_eval import evaluate
    >>> from graphc.ops.elementary import cos
    >>> round(evaluate(fixed_point(cos, 1.0), {}), 12)
    0.739085133215
    """
    return _solved("fixed_point", FIXED_POINT, f, start, tol, max_steps, on_failure, details)


_NO_START: Any = object()


def _argmin(
    f: Callable[[Any], Any],
    start: Any = _NO_START,
    *,
    tol: float | None = None,
    max_steps: int = 200,
    on_failure: str = "nan",
    details: bool = False,
) -> Any:
    if start is _NO_START:
        raise ArityError(
            "argmin of a function searches from a value, and got none",
            site=current_site(),
            hint="write g.argmin(f, 0.0)",
        )
    return _solved("argmin", MINIMIZER, f, start, tol, max_steps, on_failure, details)


@functools.wraps(reduce.argmin)
def argmin(*args: Any, **kwargs: Any) -> Any:
    first = args[0] if args else kwargs.get("f")
    if callable(first) and not isinstance(first, (Expr, np.ndarray)):
        return _argmin(*args, **kwargs)
    return reduce.argmin(*args, **kwargs)


argmin.__doc__ = (
    (reduce.argmin.__doc__ or "")
    + """

Of a function: g.argmin(f, start, tol=None, max_steps=200, on_failure="nan", details=False) is where f, of one float, has a local
minimum, found inside of compiled code by Newton's method with a line search on the value, and differentiated by the implicit
function theorem of its gradient. The arguments are those of `g.root`. Where the search ends at a saddle or a maximum it
has failed.

>>> from graphc.interpret.numpy_eval import evaluate
>>> evaluate(argmin(lambda x: (x - 3.0) ** 2 + 1.0, 0.0), {})
3.0
"""
)


def _solved(
    what: str,
    op: Op,
    f: Callable[[Any], Any],
    start: Any,
    tol: Any,
    max_steps: Any,
    on_failure: Any,
    details: Any,
) -> Any:
    body_function(what, f, 1)
    if tol is not None and not (isinstance(tol, (int, float)) and 0 < tol < 1):
        raise ExpressionError(
            f"tol is a number between 0 and 1, not {brief_text(tol, 40)}",
            site=current_site(),
            hint="tol=1e-9",
        )
    if type(max_steps) is not int or max_steps < 1:
        raise ExpressionError(
            f"max_steps is a number of steps, not {brief_text(max_steps, 40)}", site=current_site()
        )
    if not isinstance(on_failure, str) or on_failure not in ("nan", "raise"):
        raise ExpressionError(
            f'on_failure is "nan" or "raise", not {brief_text(on_failure, 40)}', site=current_site()
        )
    if type(details) is not bool:
        raise ExpressionError(f"details is True or False, not {brief_text(details, 40)}", site=current_site())
    leaves, tree = _unknowns(what, start)
    traced = TracedBody(what, f, [leaves], [tree], ("x",))
    outputs = _equations(what, op, leaves, tree, traced.returned)
    captured = captured_by(traced.own, outputs)
    body = closed_body(traced.own, outputs, captured)
    _refuse_without_derivative(what, body.inputs[: len(leaves)], body.outputs)
    method = Method(
        len(leaves), None if tol is None else float(tol), min(max_steps, LONGEST), on_failure == "raise"
    )
    results = solutions(op, body, [*leaves, *captured], method)
    x = unflatten(tree, iter(results[: len(leaves)]))
    if not details:
        return x
    return x, dict(zip(("steps", "status", "residual"), results[len(leaves) :], strict=True))


def _unknowns(what: str, start: Any) -> tuple[list[Expr], Structure]:
    leaves, tree = leaves_of(f"the start of {what}", start)
    for leaf in leaves:
        if leaf.dtype.kind not in "fiu":
            raise DtypeError(
                f"{what} looks for numbers, and begins with {leaf.dtype}",
                node=repr(leaf),
                site=current_site(),
            )
        if 0 in leaf.shape:
            raise ShapeError(f"{what} of an unknown of shape {format_shape(leaf.shape)}", site=current_site())
    kinds = [leaf.dtype for leaf in leaves if is_float(leaf.dtype)]
    dtype = as_dtype(np.result_type(*kinds)) if kinds else FLOAT64
    return [leaf if leaf.dtype == dtype else cast(leaf, dtype) for leaf in leaves], tree


def _equations(what: str, op: Op, leaves: Sequence[Expr], tree: Structure, returned: Any) -> list[Expr]:
    """What the function gave, checked against the unknowns."""
    values, structure = flatten(returned)
    values = [constant(value) for value in values]
    if op is MINIMIZER:
        if len(values) != 1 or values[0].shape:
            raise ShapeError(
                f"{what} is of a function that gives one number, and it gives {brief_text(returned, 80)}",
                node=repr(values[0]) if values else None,
                site=current_site(),
                hint="g.sum of the terms is one",
            )
        wanted = [(leaves[0].dtype, ())]
    else:
        if structure != tree:
            raise ExpressionError(
                f"the function of {what} gives another structure than it takes: {brief_text(returned, 80)}",
                site=current_site(),
                hint="return what it was given, in the same tuples, lists and dicts",
            )
        wanted = [(x.dtype, x.shape) for x in leaves]
    result = []
    for place, (value, (dtype, shape)) in enumerate(zip(values, wanted, strict=True)):
        if value.shape != shape:
            raise ShapeError(
                f"{what}: unknown {place} has shape {format_shape(shape)}, and the function gives {format_shape(value.shape)}",
                node=repr(value),
                site=value.site or current_site(),
                hint="there are as many equations as unknowns",
            )
        if value.dtype != dtype and not (value.is_constant and not value.shape):
            raise DtypeError(
                f"{what}: unknown {place} is {dtype}, and the function gives {value.dtype} there",
                node=repr(value),
                site=value.site or current_site(),
                hint=f'begin with {value.dtype}, or return g.astype(…, "{dtype}")',
            )
        result.append(value if value.dtype == dtype else cast(value, dtype))
    return result


def _refuse_without_derivative(what: str, unknowns: Sequence[Expr], outputs: Sequence[Expr]) -> None:
    order = walk(outputs)
    active = active_nodes(order, set(unknowns))
    if not any(output in active for output in outputs):
        raise GradientError(
            f"{what}: the function does not depend on its unknown by operations that have derivatives",
            node=repr(outputs[0]),
            site=outputs[0].site or current_site(),
            hint="Newton's method needs the derivative by what is looked for",
        )


__all__ = ["argmin", "fixed_point", "root"]

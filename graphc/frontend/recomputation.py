"""Calls without a rule of their own: `checkpoint`, computed again for its derivative, and `stop_gradient`, which has none."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import graphc.autodiff.calls  # noqa: F401  it declares the derivatives of calls
from graphc.frontend.body_trace import body_function, captured_by, closed_body
from graphc.frontend.call_trace import (
    Arguments,
    function_name,
    least_arguments,
    refuse_unless_taken,
    returned,
)
from graphc.ops.closures import call_results
from graphc.ops.closures import stop_gradient as _stopped
from graphc.util.pytree import flatten, map_leaves, unflatten


def stop_gradient(x: Any) -> Any:
    """x, treated as a constant in derivatives: its derivative is 0, like `jax.lax.stop_gradient`.

    Parameters
    ----------
    x : an expression, or a tuple, list or dict of them

    Returns the same values in the same structure. Raises `ExpressionError` for anything but expressions and numbers.

    >>> from graphc.autodiff.reverse import reverse
    >>> from graphc.ir.expr import symbol
    >>> x = symbol("x")
    >>> reverse([x * stop_gradient(x)], None, [x]).adjoint(x)
    stop_gradient(x)
    """
    return map_leaves(_stopped, x)


def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function whose intermediate values are recomputed for its derivative instead of stored, like `jax.checkpoint`.

    Parameters
    ----------
    f : a function of expressions, or of tuples, lists and dicts of them, that returns such; it may use other expressions

    Returns a function with the arguments of f. Reverse mode stores only its arguments and computes f again when the adjoints of
    its results are known. Values and derivatives of any order are unchanged; only memory and time differ.

    >>> from graphc.autodiff.reverse import reverse
    >>> from graphc.ir.expr import symbol
    >>> from graphc.interpret.numpy_eval import evaluate
    >>> from graphc.ops.elementary import sin
    >>> x = symbol("x")
    >>> y = checkpoint(lambda x: sin(sin(x)))(x)
    >>> evaluate(reverse([y], None, [x]).adjoint(x), {"x": 0.0})
    1.0
    """
    body_function("checkpoint", f, least_arguments(f))
    name = f"checkpoint of {function_name(f)}"

    @functools.wraps(f)
    def again(*args: Any, **kwargs: Any) -> Any:
        refuse_unless_taken(name, f, args, kwargs)
        leaves, tree = flatten([list(args), kwargs])
        arguments = Arguments([leaves], ["x"])
        given, named = unflatten(tree, iter(arguments.own))
        outputs, structure = returned(name, f(*given, **named))
        captured = captured_by(arguments.own, outputs)
        body = closed_body(arguments.own, outputs, captured)
        return unflatten(structure, iter(call_results(name, body, [*arguments.leaves, *captured])))

    return again


__all__ = ["checkpoint", "stop_gradient"]

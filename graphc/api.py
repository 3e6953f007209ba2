"""The verbs: grad, value_and_grad, compile. Each is a short pipeline that can be read in one look."""

from __future__ import annotations

from typing import Any

from graphc.autodiff.reverse import reverse
from graphc.errors import GradientError
from graphc.expr import Expr, current_site
from graphc.op import all_ops
from graphc.tree import flatten, unflatten


def grad(output: Any, wrt: Any, seed: Any = None) -> Any:
    """The derivative of an expression, as expressions: the backward graph.

    Parameters
    ----------
    output : a float expression, or several of them in a tuple or list
    wrt : the symbol (or any node) to differentiate by, or a structure of them
    seed : the weight of each output in what is differentiated; needed unless there is one scalar output

    Returns expressions in the structure of `wrt`; they can be differentiated again. Where the output does not depend on a symbol, a constant 0.
    Raises `GradientError` for outputs or symbols that are not floats.

    >>> from graphc.expr import symbols
    >>> x, y = symbols("x y")
    >>> grad(x * y, [x, y])
    [y, x]
    """
    targets, structure = _targets(wrt)
    seeds = None if seed is None else flatten(seed)[0]
    record = reverse(flatten(output)[0], seeds, targets)
    return unflatten(structure, iter([record.adjoint(node) for node in targets]))


def value_and_grad(output: Any, wrt: Any, seed: Any = None) -> tuple[Any, Any]:
    """The pair (output, grad(output, wrt)), to be compiled together: they share their work.

    >>> from graphc.expr import symbols
    >>> x, y = symbols("x y")
    >>> value_and_grad(x * y, (x, y))
    (x*y, (y, x))
    """
    return output, grad(output, wrt, seed)


def _targets(wrt: Any) -> tuple[list[Expr], Any]:
    targets, structure = flatten(wrt)
    for node in targets:
        if not isinstance(node, Expr):
            raise GradientError(
                f"cannot differentiate by {node!r}", site=current_site(), hint="write g.grad(L, x) or g.grad(L, [x, y])"
            )
    return targets, structure


def ops() -> list[str]:
    """The names of all operations, sorted."""
    return sorted(op.name for op in all_ops())

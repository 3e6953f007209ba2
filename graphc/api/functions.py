"""The verbs of derivatives and explanations: each a short pipeline that can be read in one look.

What some calls need alone (rules of rewriting, sparse derivatives, explanations) is imported by them.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from graphc.api.graph import Graph, as_graph
from graphc.autodiff import remembered
from graphc.errors import GradientError, brief, user_line
from graphc.ir.expr import Expr, constant, current_site, free_symbols, walk_sources
from graphc.ir.op import all_ops, array_ops
from graphc.util.arguments import truth
from graphc.util.fork_safety import loading
from graphc.util.pytree import flatten, unflatten

if TYPE_CHECKING:
    from graphc.viz.explain.explanation import Explanation


def grad(output: Any, wrt: Any, seed: Any = None, *, rewrite: str | None = None) -> Any:
    """The derivative of an expression, as expressions: the backward graph.

    Parameters
    ----------
    output : a float expression, or several of them in a tuple or list
    wrt : the symbol (or any node) to differentiate with respect to, or a structure of them
    seed : the weight of each output in the sum that is differentiated; not needed for one scalar output
    rewrite : None differentiates the formula as written; "stable" its stable form (`stabilize`), whose derivative is often more
        accurate (docs/accuracy.md measures both); "exact" its simplified form (`simplify`)

    Returns expressions in the structure of `wrt`; they can be differentiated again. If the output does not depend on a symbol,
    the result is zeros of its shape; so for another node that it was not built from, with a warning. Raises `GradientError` for
    outputs or symbols that are not floats, and for `rewrite` if `wrt` contains nodes other than symbols, since rewriting may
    remove them.

    >>> import graphc as g
    >>> x, y = g.symbols("x y")
    >>> g.grad(x * y, [x, y])
    [y, x]
    >>> g.grad(g.parse("log(1/(exp(-x) + 1))"), x, rewrite="stable")
    sigmoid(-x)
    """
    targets, structure = _targets(wrt)
    outputs, seeds = (
        [constant(leaf) for leaf in flatten(output)[0]],
        None if seed is None else flatten(seed)[0],
    )
    if rewrite is not None:
        outputs = _stated(outputs, targets, rewrite)
    _tell_of_strangers(outputs, targets)
    record = remembered.gradient(outputs, seeds, targets)
    return unflatten(structure, iter([record.adjoint(node) for node in targets]))


def _stated(outputs: list[Expr], targets: list[Expr], rewrite: str) -> list[Expr]:
    """The outputs rewritten before they are differentiated by some symbols."""
    for node in targets:
        if not node.is_symbol:
            raise GradientError(
                f"rewriting may remove what the derivative is taken by: {brief(node)}",
                node=repr(node),
                site=current_site(),
                hint="differentiate by symbols, or leave rewrite= out",
            )
    with loading():
        from graphc.rewrite import tables

    return list(tables.run([constant(output) for output in outputs], rewrite).outputs)


def value_and_grad(output: Any, wrt: Any, seed: Any = None, *, rewrite: str | None = None) -> tuple[Any, Any]:
    """The pair (output, grad(output, wrt)), to be compiled together, so that they share common subexpressions.

    rewrite : as for `grad`; the output is then rewritten too

    >>> import graphc as g
    >>> x, y = g.symbols("x y")
    >>> g.value_and_grad(x * y, (x, y))
    (x*y, (y, x))
    """
    if rewrite is not None:
        leaves, structure = flatten(output)
        output = unflatten(structure, iter(_stated(leaves, _targets(wrt)[0], rewrite)))
    return output, grad(output, wrt, seed)


def _targets(wrt: Any) -> tuple[list[Expr], Any]:
    targets, structure = flatten(wrt)
    for node in targets:
        if not isinstance(node, Expr):
            raise GradientError(
                f"cannot differentiate by {brief(node)}",
                site=current_site(),
                hint="write g.grad(L, x) or g.grad(L, [x, y])",
            )
    return targets, structure


def _tell_of_strangers(outputs: list[Expr], targets: list[Expr]) -> None:
    """Warn of a target that is made of symbols of the outputs and is none of their nodes.

    A node is what the formula was built from: exp(x*2) contains x*2, and neither 2*x nor x + x. Nothing of it depends on these as
    nodes, so the derivative is 0, which nobody expects who asks for it. A symbol that the formula lacks needs no word, nor does
    a derivative, which may have lost the node by which it was taken.
    """
    made = [node for node in targets if node.operands]
    if not made or not any(output.operands for output in outputs):
        return
    order, _ = walk_sources(outputs)
    strangers = set(made).difference(order)
    if not strangers:
        return
    symbols = {node for node in order if node.is_symbol}
    for node in made:
        if node in strangers and not symbols.isdisjoint(free_symbols(node)):
            warnings.warn_explicit(
                f"the derivative by {brief(node)} is 0: the formula {brief(outputs[0])} is not built from this node"
                " (keep the node that it was built from, u = ..., and differentiate by u; or by symbols)",
                UserWarning,
                *(user_line() or (__file__, 0)),
            )


def vjp(output: Any, wrt: Any, adjoint: Any) -> Any:
    """The vector–Jacobian product, as expressions in the structure of `wrt`: `grad` with the adjoint as its seed.

    output : a float expression of any shape, or several of them
    wrt : the symbol (or any node) to differentiate with respect to, or a structure of them
    adjoint : one for each output, of the same shape

    Raises `GradientError` as `grad` does, and `ShapeError` for an adjoint of the wrong shape.

    >>> from graphc.ir.expr import symbols
    >>> x, y, v = symbols("x y v")
    >>> vjp(x * y, x, v)
    v*y
    """
    return grad(output, wrt, adjoint)


def jvp(output: Any, wrt: Any, tangents: Any) -> Any:
    """The derivative of expressions along a direction, by forward mode: the Jacobian times the tangents.

    Parameters
    ----------
    output : an expression or a structure of them; the result has the same structure
    wrt : the symbol (or any node), or a structure of them
    tangents : the direction, for each of `wrt`: an expression, number or array of its shape, or a scalar for all elements

    Raises `GradientError` for anything that is not a float and `ShapeError` for a tangent of the wrong shape.

    >>> from graphc.ir.expr import symbols
    >>> x, y, t = symbols("x y t")
    >>> jvp(x * y, x, t)
    t*y
    """
    targets, _ = _targets(wrt)
    directions = flatten(tangents)[0]
    if len(directions) != len(targets):
        raise GradientError(
            f"{len(targets)} symbols but {len(directions)} tangents",
            site=current_site(),
            hint="give one tangent for each symbol",
        )
    given = {
        node: direction if isinstance(direction, Expr) else constant(direction, node.dtype)
        for node, direction in zip(targets, directions, strict=True)
    }
    leaves, structure = flatten(output)
    outputs = [constant(leaf) for leaf in leaves]
    _tell_of_strangers(outputs, targets)
    return unflatten(structure, iter(remembered.directional(outputs, given)))


def hvp(output: Any, wrt: Any, tangents: Any) -> Any:
    """The Hessian–vector product of a scalar expression, in the structure of `wrt`: forward mode over reverse mode.

    The Hessian is never built: the product costs a few evaluations of `output`. Raises `GradientError` as `grad` does.

    >>> from graphc.ir.expr import symbols
    >>> x, t = symbols("x t")
    >>> hvp(x * x * x, x, t).shape
    ()
    """
    return jvp(grad(output, wrt), wrt, tangents)


def jacobian(output: Any, wrt: Any, *, sparse: bool = False, format: str = "csr") -> Any:
    """The Jacobian: all derivatives of the elements of an expression, of shape output.shape + wrt.shape for each of `wrt`.

    Rows are computed by reverse mode or columns by forward mode, whichever are fewer; a named axis, whose length is known only
    at the call, counts as long. Several outputs give a structure of such results. Raises `GradientError` if there are more than
    10,000 of both.

    sparse : compute only entries that may be nonzero: each entry separately, or in as few sweeps as a colouring needs. The
        result is one `SparseDerivative` with a row for each element of the outputs and a column for each of `wrt`; compiled or
        evaluated it is a `scipy.sparse` array of fixed structure
    format : of that array: "csr", "csc" or "coo"

    >>> import graphc as g
    >>> A, x = g.symbols("A", shape=(2, 3)), g.symbols("x", shape=3)
    >>> g.jacobian(A @ x, [A, x])[1].shape
    (2, 3)
    >>> g.jacobian(x[1:] * x[:-1], x, sparse=True)
    <sparse derivative 2×3: 4 entries, 2 a row computed, csr>
    """
    targets, structure = _targets(wrt)
    if truth("sparse", sparse):
        with loading():
            from graphc.api.sparse import sparse_jacobian

        return sparse_jacobian(output, targets, format)
    leaves, outputs = flatten(output)
    results = [constant(leaf) for leaf in leaves]
    _tell_of_strangers(results, targets)
    rows = [
        unflatten(structure, iter([remembered.whole(result, node) for node in targets])) for result in results
    ]
    return unflatten(outputs, iter(rows))


def hessian(output: Any, wrt: Any, *, sparse: bool = False, format: str = "csr") -> Any:
    """The Hessian: all second derivatives of a scalar expression, of shape wrt.shape + wrt.shape; for several symbols, all pairs.

    sparse, format : as for `jacobian`: one symmetric `SparseDerivative`, in which an entry may be computed as its mirror image

    Raises `GradientError` as `grad` and `jacobian` do.

    >>> import graphc as g
    >>> x = g.symbols("x", shape=3)
    >>> g.hessian(x @ x, x).shape
    (3, 3)
    """
    if truth("sparse", sparse):
        with loading():
            from graphc.api.sparse import sparse_hessian

        targets, _ = _targets(wrt)
        return sparse_hessian(grad(output, targets), targets, format)
    return jacobian(grad(output, wrt), wrt)


def rewritten(graph: Graph, level: str, without: Iterable[str] = ()) -> Graph:
    """The graph after rewriting, with the same inputs and the same structure of outputs."""
    with loading():
        from graphc.rewrite import tables

    return graph.with_outputs(
        tables.run([graph.exprs[output] for output in graph.outputs], level, without).outputs
    )


def explain(
    outputs: Any,
    at: Mapping[Any, Any] | None = None,
    *,
    seed: Any = None,
    name: str | None = None,
    digits: int = 3,
    step: int | tuple[int, ...] | None = None,
) -> Explanation:
    """The derivative, node by node, in backward order: what each node receives, computes and returns.

    Parameters
    ----------
    outputs : an expression, a structure of expressions, or a `Graph`
    at : name or symbol → number or array; without it the explanation is purely symbolic
    seed : the weight of each output in what is differentiated; needed unless there is one float scalar output
    name : the name of the output; by default the name the user gave it, or the derivative that it is, or L
    digits : significant digits
    step : the step of loops that is explained too, counted from 0; (3, 0) is step 0 of a loop within step 3 of another

    Returns an `Explanation`: `print` shows text; it has `.markdown()` and `.latex()`. Raises `GradientError` for
    outputs that have no derivative and `InputError` when `at` does not fit the symbols.

    >>> import graphc as g
    >>> x, y = g.symbols("x y")
    >>> print(g.explain(x * y, at={"x": 2, "y": 5}))
    L = x*y  at  x = 2, y = 5
    <BLANKLINE>
    Forward
      L = x*y = 10
    <BLANKLINE>
    Backward
      L = x*y
        receives  ∂L/∂L = 1
        computes  ∂L/∂x = y = 5
        computes  ∂L/∂y = x = 2
        returns   ∂L/∂x = 1 × 5 = 5
        returns   ∂L/∂y = 1 × 2 = 2
    <BLANKLINE>
    Gradient
      ∂L/∂x = 5
      ∂L/∂y = 2
      ∇L = [5, 2]
    """
    from graphc.viz.explain.explain import explain_graph

    return explain_graph(as_graph(outputs), at, seed=seed, name=name, digits=digits, step=step)


def operations() -> list[str]:
    """The names of all operations, sorted."""
    return sorted(op.name for op in (*all_ops(), *array_ops()))

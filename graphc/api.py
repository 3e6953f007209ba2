"""The verbs: grad, value_and_grad, compile. Each is a short pipeline that can be read in one look."""

from __future__ import annotations

from typing import Any

from graphc.autodiff.reverse import reverse
from graphc.compiled import Compiled, make
from graphc.errors import DtypeError, GradientError
from graphc.expr import Expr, current_site, symbol, rebuild, constant
from graphc.graph import Graph
from graphc.op import all_ops
from graphc.tree import flatten, unflatten
from graphc.types import as_dtype, is_float


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


def compile(outputs: Any, inputs: Any = None, *, dtype: Any = None, rewrite: None = None) -> Compiled:
    """Machine code for a graph: a fast callable.

    Parameters
    ----------
    outputs : an expression, a structure of expressions, a `Graph`, or a traced function
    inputs : the symbols in the order of the arguments; by default in the order in which they are read
    dtype : another float type for all float symbols and literals, as "float32"
    rewrite : None compiles the formula as it is written

    Returns a `Compiled` function: numbers in, numbers out; arrays broadcast.

    >>> from graphc.expr import symbols
    >>> x, y = symbols("x y")
    >>> f = compile(x * y + 1, [x, y])
    >>> f(3.0, 4.0), f(y=3, x=2)
    (13.0, 7.0)
    """
    graph = as_graph(outputs, inputs)
    if dtype is not None:
        graph = retype(graph, dtype)
    return make(graph, graph.structure)


def as_graph(outputs: Any, inputs: Any = None) -> Graph:
    """A `Graph` of an expression, a structure of expressions, a traced function, or a graph as it is."""
    if isinstance(outputs, Graph) and inputs is None:
        return outputs
    if isinstance(outputs, Graph):
        leaves = [outputs.exprs[output] for output in outputs.outputs]
        return Graph(unflatten(outputs.structure, iter(leaves)), inputs)
    expr = getattr(outputs, "expr", None)
    if expr is not None and hasattr(outputs, "inputs"):
        return Graph(expr, outputs.inputs if inputs is None else inputs)
    return Graph(outputs, inputs)


def retype(graph: Graph, dtype: Any) -> Graph:
    """The graph with every float symbol and float literal in another float type; casts that are written stay."""
    target = as_dtype(dtype)
    if not is_float(target):
        raise DtypeError(f"compile(dtype=…) takes a float type, not {target}", site=current_site(), hint='write "float32"')
    made: dict[Expr, Expr] = {}
    for node in graph.exprs:
        if node.is_symbol and is_float(node.dtype):
            made[node] = symbol(node.name, node.shape, target)
        elif node.is_constant and is_float(node.dtype):
            made[node] = constant(node.value, target)
        else:
            made[node] = rebuild(node, tuple(made[operand] for operand in node.operands))
    leaves = [made[graph.exprs[output]] for output in graph.outputs]
    return Graph(unflatten(graph.structure, iter(leaves)), [made[node] for node in graph.symbols])


def ops() -> list[str]:
    """The names of all operations, sorted."""
    return sorted(op.name for op in all_ops())

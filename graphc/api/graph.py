"""The public graph: a static DAG that can be evaluated forwards and backwards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from graphc.autodiff.remembered import remember
from graphc.autodiff.reverse import AdjointRecord, reverse
from graphc.errors import GradientError, brief
from graphc.interpret.numpy_eval import handed_out, run
from graphc.ir.expr import Expr
from graphc.ir.graph import Dag
from graphc.ir.node_names import checked_name
from graphc.ir.types import is_float
from graphc.util.arguments import listed
from graphc.util.fork_safety import cached_property
from graphc.util.pytree import Structure, flatten, unflatten


class Adjoints(dict[int, Any]):
    """{node: adjoint value}, with what each use handed back beside it.

    contributions : {(user, argument slot): value}; a node's adjoint is the sum over its uses
    partials : {(user, argument slot): value of the local derivative}
    forward : {node: forward value}
    """

    contributions: dict[tuple[int, int], Any]
    partials: dict[tuple[int, int], Any]
    forward: dict[int, Any]


class Graph(Dag):
    """The static DAG of some outputs.

    Parameters
    ----------
    outputs : an expression, or a tuple, list, dict or named tuple of expressions, or a traced function (its inputs
        are then the graph's)
    inputs : the symbols in the order of the arguments; by default in the order in which they occur. Symbols that the outputs do
        not use may be listed.

    Nodes are integers in topological order. `graph.nx` is a frozen `networkx.DiGraph`; `graph.node(expr)` and
    `graph.expr(node)` translate; `graph.verify()` checks every invariant.

    Raises `NameClashError` when two symbols have the same name, `ExpressionError` when an input is missing or listed twice.

    >>> from graphc.ir.expr import symbols
    >>> x, y, z = symbols("x y z")
    >>> graph = Graph((x + y) * z)
    >>> len(graph), graph.forward({"x": -2, "y": 5, "z": -4})[4]
    (5, -12.0)
    >>> graph.backward({"x": -2, "y": 5, "z": -4})
    {0: -4.0, 1: -4.0, 2: 3.0, 3: -4.0, 4: 1.0}
    """

    def __init__(self, outputs: Any, inputs: Iterable[Expr] | Expr | None = None) -> None:
        if not isinstance(outputs, (Expr, Dag, tuple, list, dict)) and hasattr(outputs, "expr"):
            outputs, inputs = outputs.expr, outputs.inputs if inputs is None else inputs  # a traced function
        leaves, structure = flatten(outputs)
        self.structure: Structure = structure
        super().__init__(leaves, [inputs] if isinstance(inputs, Expr) else inputs)
        self._forward: frozenset[Expr] | None = None
        self.record: AdjointRecord | None = None
        self._names: dict[Expr, str | None] = {}

    def with_outputs(self, outputs: Sequence[Expr]) -> Graph:
        """The graph of other outputs in the same structure, with the same inputs."""
        return Graph(unflatten(self.structure, iter(outputs)), self.symbols)

    def name(self, expr: Expr, text: str | None) -> None:
        """Give a node a name in this graph alone; `g.name` gives it wherever the node is drawn. None takes a name away.

        Raises `UnknownNameError` for what is no node of the graph, and `InputError` for what cannot be named.
        """
        checked = checked_name(expr, text)
        self.node(expr)
        self._names[expr] = checked

    @property
    def names(self) -> dict[int, str]:
        """Node → the user's own name for it, as `g.name`, `g.naming` and `graph.name` have given them."""
        own = {self._index[expr]: text for expr, text in self._names.items()}
        return {node: text for node, text in {**super().names, **own}.items() if text is not None}

    @property
    def nodes(self) -> range:
        """The node numbers, in topological order."""
        return range(len(self))

    def __repr__(self) -> str:
        names = ", ".join(symbol.name for symbol in self.symbols[:8]) + (
            ", …" if len(self.symbols) > 8 else ""
        )
        outputs = ", ".join(repr(self.exprs[output]) for output in self.outputs[:3])
        return f"<Graph ({names}) → {outputs}{', …' if len(self.outputs) > 3 else ''}: {len(self)} nodes>"

    def _repr_svg_(self) -> str | None:
        """The structure as a diagram, for notebooks, collapsed where it is large; None where that would take too long."""
        from graphc.viz import Diagram, fold, view

        return Diagram(fold(view(self)))._repr_svg_() if len(self) <= 20_000 else None

    def __reduce__(self) -> tuple[Any, ...]:
        from_leaves = [self.exprs[output] for output in self.outputs]
        return _rebuild, (from_leaves, list(self.symbols), self.structure, self.names)

    def role(self, node: int) -> str:
        """'input', 'constant', 'forward' or 'output'; in a graph that holds its derivative also 'backward'."""
        if self._forward is not None and self.expr(node) not in self._forward:
            return "backward"
        return super().role(node)

    def forward(self, at: Mapping[Any, Any]) -> dict[int, Any]:
        """{node: value} at a point, by the NumPy interpreter.

        at : name or symbol → number or array; arrays broadcast. Raises `InputError` for missing or unknown names.
        """
        values = run(self, at)
        return dict(enumerate(handed_out(values, values[: len(self.symbols)])))

    def backward(
        self, at: Mapping[Any, Any], seed: Any = None, wrt: Iterable[Expr] | None = None
    ) -> Adjoints:
        """{node: adjoint value} at a point: the derivative of the output with respect to each node.

        seed : the adjoints of the outputs, one each; needed unless there is one scalar output
        wrt : the symbols to differentiate by; all float inputs by default

        Nodes on which no differentiation is needed (constants, booleans) are left out; an input that the outputs do not
        depend on has adjoint 0. Beside the adjoints stand `contributions`, `partials` and the values of the `forward` pass.
        """
        wrt = None if wrt is None else _targets(wrt)
        record = self.differentiate(seed, wrt)
        targets = [node for node in self.symbols if is_float(node.dtype)] if wrt is None else list(wrt)
        adjoints = {**{node: record.adjoint(node) for node in targets}, **record.adjoints}
        tables = (adjoints, record.contributions, record.partials)
        everything = Dag([*self.exprs, *(e for table in tables for e in table.values())], self.symbols)
        values = run(everything, at)
        of_nodes = {self.node(node): adjoints[node] for node in self.exprs if node in adjoints}
        forward = {self.node(node): node for node in self.exprs}
        contributions, partials = (
            {(self.node(u), slot): e for (u, slot), e in table.items()}
            for table in (record.contributions, record.partials)
        )
        asked = (of_nodes, contributions, partials, forward)
        shown = [values[everything.node(expr)] for table in asked for expr in table.values()]
        numbers = iter(handed_out(shown, values[: len(everything.symbols)]))
        result = Adjoints(zip(of_nodes, numbers, strict=False))
        result.contributions = dict(zip(contributions, numbers, strict=False))
        result.partials = dict(zip(partials, numbers, strict=False))
        result.forward = dict(zip(forward, numbers, strict=False))
        return result

    def differentiate(self, seed: Any = None, wrt: Iterable[Expr] | None = None) -> AdjointRecord:
        """The backward graph as expressions: node → adjoint, use → contribution (see `AdjointRecord`)."""
        outputs = [self.exprs[output] for output in self.outputs]
        seeds = None if seed is None else flatten(seed)[0]
        wrt = None if wrt is None else _targets(wrt)
        targets = [node for node in self.symbols if is_float(node.dtype)] if wrt is None else list(wrt)
        if seed is None and wrt is None:
            return self._record
        return reverse(outputs, seeds, targets)

    @cached_property
    def _record(self) -> AdjointRecord:
        outputs = [self.exprs[output] for output in self.outputs]
        return reverse(outputs, None, [node for node in self.symbols if is_float(node.dtype)])

    def with_backward(self, seed: Any = None, wrt: Iterable[Expr] | None = None) -> Graph:
        """One graph that holds the outputs and the adjoints of the inputs; `role` and `record` tell which node is whose."""
        wrt = None if wrt is None else _targets(wrt)
        record = self.differentiate(seed, wrt)
        targets = [node for node in self.symbols if is_float(node.dtype)] if wrt is None else list(wrt)
        remember(record, targets)
        both = Graph((list(record.outputs), [record.adjoint(node) for node in targets]), self.symbols)
        both._forward = frozenset(self.exprs)
        both.record = record
        return both


def _targets(wrt: Any) -> list[Expr]:
    """What is differentiated by."""
    targets = (
        [wrt] if isinstance(wrt, Expr) else listed("wrt", wrt, "the symbols to differentiate by: wrt=[x, y]")
    )
    for node in targets:
        if not isinstance(node, Expr):
            raise GradientError(
                f"cannot differentiate by {brief(node)}", hint="wrt=[x, y], symbols or other nodes"
            )
    return targets


def _rebuild(leaves: list[Expr], inputs: list[Expr], structure: Any, names: Mapping[int, str]) -> Graph:
    graph = Graph(leaves, inputs)
    graph.structure = structure
    for node, text in names.items():
        graph.name(graph.exprs[node], text)
    return graph


def as_graph(outputs: Any, inputs: Any = None) -> Graph:
    """A `Graph` of an expression, a structure of expressions, a traced function, or a graph as it is."""
    if isinstance(outputs, Graph) and inputs is None:
        return outputs
    if isinstance(outputs, Graph):
        leaves = [outputs.exprs[output] for output in outputs.outputs]
        return Graph(unflatten(outputs.structure, iter(leaves)), inputs)
    return Graph(outputs, inputs)

"""Expressions frozen into a static DAG: numbered nodes, ordered operands, a networkx view, a verifier."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from graphc.errors import ExpressionError, GraphcError, GraphError, UnknownNameError, brief
from graphc.ir.expr import Expr, apply, constant, current_site, rebuild, walk
from graphc.ir.inputs import check_names, refuse_inner
from graphc.ir.node_names import names_of
from graphc.ir.op import CONSTANT, SYMBOL
from graphc.ir.types import broadcast_shapes
from graphc.util.arguments import listed
from graphc.util.fork_safety import cached_property
from graphc.util.gc_pause import paused


def _networkx():
    import networkx

    return networkx


class Dag:
    """The static graph of some outputs.

    Nodes are integers in topological order: the declared inputs first, then every operand before its users.

    exprs : the expression of each node
    operands : for each node the nodes it is applied to, in the order of its arguments
    inputs : the nodes of the symbols, in the order in which a function takes them
    outputs : the nodes asked for, in order; one node may be asked for twice
    """

    @paused()
    def __init__(self, outputs: Iterable[Expr], inputs: Iterable[Expr] | None = None) -> None:
        wanted = [constant(output) for output in outputs]
        if not wanted:
            raise ExpressionError("a graph needs at least one output", site=current_site())
        order = walk(wanted)
        reached = [node for node in order if node.op is SYMBOL]
        declared = reached if inputs is None else listed("inputs", inputs, "the symbols, in order: [x, y]")
        _check_inputs(declared, reached, given=inputs is not None)
        check_names(declared)
        leaves = set(declared)
        self.exprs: tuple[Expr, ...] = (*declared, *(node for node in order if node not in leaves))
        self._index = {node: number for number, node in enumerate(self.exprs)}
        index = self._index
        self.operands: tuple[tuple[int, ...], ...] = tuple(
            [tuple([index[operand] for operand in node.operands]) for node in self.exprs]
        )
        self.inputs: tuple[int, ...] = tuple(range(len(declared)))
        self.outputs: tuple[int, ...] = tuple(index[output] for output in wanted)

    def __len__(self) -> int:
        return len(self.exprs)

    @property
    def symbols(self) -> tuple[Expr, ...]:
        """The input symbols, in order."""
        return self.exprs[: len(self.inputs)]

    def with_outputs(self, outputs: Sequence[Expr]) -> Dag:
        """The graph of other outputs, as many as it has, with the same inputs."""
        return Dag(outputs, self.symbols)

    def node(self, expr: Expr) -> int:
        """The number of an expression's node; raises `UnknownNameError` when it is not part of the graph."""
        number = self._index.get(expr) if isinstance(expr, Expr) else None
        if number is None:
            raise UnknownNameError(f"{brief(expr)} is not a node of this graph", hint="`expr in graph` tells")
        return number

    def expr(self, node: int) -> Expr:
        """The expression of a node."""
        whole = isinstance(node, (int, np.integer)) and not isinstance(node, bool)
        if not whole or not 0 <= node < len(self.exprs):
            raise UnknownNameError(
                f"there is no node {brief(node)}: the graph has nodes 0 to {len(self) - 1}"
            )
        return self.exprs[node]

    def __contains__(self, expr: object) -> bool:
        return isinstance(expr, Expr) and expr in self._index

    @cached_property
    def users(self) -> tuple[tuple[tuple[int, int], ...], ...]:
        """For each node its uses as (user, argument slot), in order."""
        uses: list[list[tuple[int, int]]] = [[] for _ in self.exprs]
        for node, operands in enumerate(self.operands):
            for slot, operand in enumerate(operands):
                uses[operand].append((node, slot))
        return tuple(tuple(use) for use in uses)

    @cached_property
    def unused(self) -> tuple[int, ...]:
        """The inputs on which no output depends."""
        used = {*self.outputs, *itertools.chain.from_iterable(self.operands)}
        return tuple([number for number in self.inputs if number not in used])

    @property
    def names(self) -> dict[int, str]:
        """Node → the user's own name for it, as `g.name` and `g.naming` have given them."""
        found = names_of(self._index, [self.exprs[output] for output in self.outputs])
        return {self._index[expr]: text for expr, text in found.items()}

    def role(self, node: int) -> str:
        """What a node is in the graph: 'input', 'constant', 'output' or 'forward'."""
        op = self.expr(node).op
        if op is SYMBOL:
            return "input"
        if op is CONSTANT:
            return "constant"
        return "output" if node in self._output_set else "forward"

    @cached_property
    def _output_set(self) -> frozenset[int]:
        return frozenset(self.outputs)

    @cached_property
    @paused()
    def nx(self) -> Any:
        """The graph as a frozen `networkx.DiGraph`.

        Nodes carry `op`, `label`, `dtype`, `shape` and `role`; edges run from operand to user and carry `slots`, the
        argument positions: `x*x` has one edge with the slots (0, 1).
        """
        graph: Any = _networkx().DiGraph()
        # filled through the dicts that networkx documents as its storage: add_edges_from takes five times as long, and graphs of
        # a million nodes are usual here; a test holds the result against one that is built by the public methods
        attributes, successors, predecessors = graph._node, graph._succ, graph._pred
        names = {dtype: dtype.name for dtype in {node.dtype for node in self.exprs}}
        for number, node in enumerate(self.exprs):
            attributes[number] = {
                "op": node.op.name,
                "label": str(node) if node.op.is_leaf else node.op.label,
                "dtype": names[node.dtype],
                "shape": node.shape,
                "role": self.role(number),
            }
            successors[number] = {}
            before = predecessors[number] = {}
            for slot, operand in enumerate(self.operands[number]):
                edge = before.get(operand)
                if edge is None:
                    before[operand] = successors[operand][number] = {"slots": (slot,)}
                else:
                    edge["slots"] = (*edge["slots"], slot)
        return _networkx().freeze(graph)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over structure, types, constants and names: equal graphs have equal digests in any process."""
        state = hashlib.sha256()
        for node, operands in zip(self.exprs, self.operands, strict=True):
            row = (node.op.name, operands, node.attrs, node.dtype.str, node.shape)
            state.update(repr(row).encode() + b"\n")
        state.update(repr((self.inputs, self.outputs)).encode())
        return state.hexdigest()

    def verify(self) -> None:
        """Raises `GraphError` unless every invariant holds.

        - operands come before their users, so the numbering is a topological order and there is no cycle
        - there is one node for each expression, and no two expressions are equal
        - each node has as many operands as its operation takes, in the order of the expression
        - dtype and shape are what the operation's rules give for the operands
        - inputs are symbols, come first, are distinct by name, and hold every symbol
        - outputs exist, and every node but the inputs is needed for one
        - the networkx view is a directed acyclic graph with these edges, slots and roles
        """

        def must(holds: bool, what: str, node: int | None = None) -> None:
            if not holds:
                raise GraphError(what, node=None if node is None else f"{node}: {self.exprs[node]!r}")

        must(len(set(self.exprs)) == len(self.exprs), "an expression has two nodes")
        keys = {(e.op, e.operands, e.attrs, e.dtype, e.shape) for e in self.exprs}
        must(len(keys) == len(self.exprs), "two nodes are equal")
        needed, inputs = set(self.outputs), set(self.inputs)
        for number in reversed(range(len(self))):
            node, operands = self.exprs[number], self.operands[number]
            must(
                all(0 <= operand < number for operand in operands),
                "an operand does not come before its user",
                number,
            )
            must(node.op.takes(len(operands)), f"{node.op.name} takes {node.op.arity} operands", number)
            must(
                tuple(self.exprs[o] for o in operands) == node.operands,
                "operands differ from the expression's",
                number,
            )
            must(number in needed or number in inputs, "no output needs this node", number)
            needed.update(operands)
            if node.op.on_arrays:
                again = apply(node.op, *node.operands, attrs=node.attrs)
                must(again is node, "type or shape differ from its rules'", number)
            elif operands:
                shape = broadcast_shapes(operand.shape for operand in node.operands)
                if (
                    node.shape != shape
                ):  # the message is made only when it is needed: this runs for every node
                    must(False, f"shape {node.shape} should be {shape}", number)
                if node.op.name != "astype":
                    dtype = node.op.types(tuple(operand.dtype for operand in node.operands))[1]
                    if node.dtype != dtype:
                        must(False, f"dtype {node.dtype} should be {dtype}", number)
            must((node.op is SYMBOL) == (number in inputs), "inputs are not exactly the symbols", number)
        must(self.inputs == tuple(range(len(self.inputs))), "inputs do not come first")
        check_names(self.symbols)
        graph = self.nx
        must(_networkx().is_directed_acyclic_graph(graph), "the networkx graph has a cycle")
        must(list(graph.nodes) == list(range(len(self))), "the networkx graph has other nodes")
        slots = {(operand, user): slots_of_edge for operand, user, slots_of_edge in graph.edges(data="slots")}
        expected: dict[tuple[int, int], tuple[int, ...]] = {}
        for user, operands in enumerate(self.operands):
            for slot, operand in enumerate(operands):
                expected[operand, user] = (*expected.get((operand, user), ()), slot)
        must(slots == expected, "the networkx graph has other edges or slots")
        must(
            all(graph.nodes[node]["role"] == self.role(node) for node in range(len(self))),
            "the networkx graph has other roles",
        )


def refuse_arrays(dag: Dag, what: str, error: type[GraphcError], hint: str) -> None:
    """Raises `error` when a graph holds an operation on whole arrays, naming it and its line."""
    for node in dag.exprs:
        if node.op.on_arrays:
            raise error(f"{what} does not take {node.op.name}", node=repr(node), site=node.site, hint=hint)


def _check_inputs(declared: Sequence[Any], reached: list[Expr], *, given: bool) -> None:
    for item in declared:
        if not isinstance(item, Expr) or not item.is_symbol:
            raise ExpressionError(
                f"an input is a symbol, not {brief(item)}", site=current_site(), hint='g.symbols("x y")'
            )
    if len(set(declared)) != len(declared):
        twice = next(item for number, item in enumerate(declared) if item in declared[:number])
        raise ExpressionError(
            f"input {twice.name!r} is listed twice", site=current_site(), hint="list each once"
        )
    if given:
        listed = set(declared)
        missing = [item for item in reached if item not in listed]
        if missing:
            refuse_inner(missing)
            check_names([*declared, *missing])
            raise ExpressionError(
                f"the outputs need {', '.join(repr(item.name) for item in missing)}, which the inputs do not list",
                site=current_site(),
                hint=f"list the inputs as [{', '.join(item.name for item in [*declared, *missing])}]",
            )


@paused()
def transform(dag: Dag, change: Any) -> Dag:
    """A new graph with each node rebuilt on its changed operands and passed through `change(node) → node`."""
    changed: dict[Expr, Expr] = {}
    for node in dag.exprs:
        again = rebuild(node, tuple(changed[operand] for operand in node.operands)) if node.operands else node
        changed[node] = change(again)
    return Dag(
        [changed[dag.exprs[output]] for output in dag.outputs], [changed[symbol] for symbol in dag.symbols]
    )

"""Nodes and edges of a diagram, collected from a graph and what is known of its values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from graphc.autodiff.reverse import AdjointRecord
from graphc.ir.expr import Expr
from graphc.ir.op import CONSTANT, SYMBOL
from graphc.ir.printer import render
from graphc.ir.scopes import Block
from graphc.ir.types import format_shape
from graphc.ops.control_runs import loop_key, run_label
from graphc.ops.function_calls import OPENED
from graphc.viz.adjoint_alarms import adjoint_sources
from graphc.viz.annotations import nanoseconds
from graphc.viz.diagnose import finding, not_finite, sources
from graphc.viz.model import ViewEdge, ViewNode
from graphc.viz.node_labels import constant_text, folded_label, op_label, place_names


class Drawable(Protocol):
    """What a view needs of a graph; the public `Graph` has it."""

    exprs: tuple[Expr, ...]
    operands: tuple[tuple[int, ...], ...]
    outputs: tuple[int, ...]
    record: AdjointRecord | None

    @property
    def symbols(self) -> tuple[Expr, ...]: ...
    @property
    def users(self) -> Any: ...
    @property
    def names(self) -> Mapping[int, str]: ...
    def role(self, node: int) -> str: ...
    def forward(self, at: Mapping[Any, Any]) -> dict[int, Any]: ...
    def backward(self, at: Mapping[Any, Any], seed: Any = None) -> Any: ...
    def differentiate(self, seed: Any = None) -> AdjointRecord: ...


@dataclass(frozen=True)
class Values:
    """What is known of a graph at a point; empty where nothing is."""

    forward: Mapping[int, Any]
    adjoints: Mapping[int, Any]
    contributions: Mapping[tuple[int, int], Any]
    seeds: Sequence[Any]
    note: str = ""
    partials: Mapping[tuple[int, int], Any] = field(default_factory=dict)


_TOLD = 3
"""Below a diagram stand at most so many places at which NaN or infinity begins."""

_TOLD_BACK = 2
"""And so many of the backward pass, NaN before infinity."""

_DETAILED = 2000
"""In larger graphs the nodes do not carry their formulas: nobody could point at them."""


class ViewBuilder:
    """Collects the nodes and edges of a view, operands before their users.

    A loop or branch is one box, whatever the number of its results; `loop_view.py` draws what is inside.
    """

    operations: int
    blocks: list[Block]

    prefix = "n"
    """What the keys of nodes begin with."""

    def __init__(
        self,
        graph: Drawable,
        values: Values,
        digits: int,
        losses: Mapping[Expr, tuple[float, float]],
        show: frozenset[str],
    ) -> None:
        self.graph = graph
        self.values = values
        self.digits = digits
        self.losses = losses
        self.show = show
        self.sources = sources(graph, values.forward) if values.forward else ()
        self.adjoint_sources = adjoint_sources(
            graph.exprs, values.adjoints, values.contributions, values.forward
        )
        self.alarming: set[int] = {source.node for source in (*self.sources, *self.adjoint_sources)}
        self.operations = 0
        known = {
            node: np.shape(value) for node, value in values.forward.items() if graph.exprs[node].op is SYMBOL
        }
        self.lengths: dict[str, Any] = {
            str(name): length
            for node, shape in known.items()
            for name, length in zip(graph.exprs[node].shape, shape, strict=False)
            if not isinstance(name, int)
        }
        self.nodes: list[ViewNode] = []
        self.edges: list[ViewEdge] = []
        self.constants: set[str] = set()
        self.runs: dict[int, tuple[int, ...]] = runs_of(graph)
        self.sides: dict[Block, bool] = {}
        self.names: Mapping[int, str] = graph.names
        self.keys: dict[int, str] = {}
        self.uses: list[int] = [0] * len(graph.exprs)
        for user, operands in enumerate((*graph.operands, graph.outputs)):
            if self.runs.get(user, (user,))[0] != user:
                continue  # its operands go into the box of the first result
            for operand in operands:
                self.uses[operand] += 1
        self.blocks = _blocks_beside(graph)

    def add(self, node: int) -> None:
        """Draw a node and its incoming edges; constants are drawn with their users."""
        expr = self.graph.exprs[node]
        if expr.op is CONSTANT:
            return
        if expr.op is SYMBOL:
            # inside its block the name needs no path
            path = "".join(f"{part}." for part in self.blocks[node])
            self._node(node, "symbol", expr.name.removeprefix(path))
            return
        if node in self.runs:
            if self.runs[node][0] == node:
                self.add_run(self.runs[node])
            return
        label = folded_label(expr, self.digits)
        drawn = [
            slot
            for slot, operand in enumerate(expr.operands)
            if label is None or operand.op is not CONSTANT or operand.shape
        ]
        self._node(node, "operation", op_label(expr) if label is None else label)
        labelled = len(drawn) > 1 and not expr.op.variadic
        places = place_names(expr.op) if labelled else [str(slot + 1) for slot in range(len(expr.operands))]
        if len(drawn) <= 1:
            places = ("",) * len(expr.operands)
        for slot in drawn:
            self._enter(node, slot, self.key(node), slot, places[slot])

    def add_run(self, results: Sequence[int]) -> None:
        """Draw a loop or branch, of which some nodes are the results."""
        for node in results:
            self.keys[node] = self.key(results[0])
        self._node(results[0], "operation", run_label(self.graph.exprs[results[0]]))
        many = len(self.graph.operands[results[0]]) > 1
        for slot in range(len(self.graph.operands[results[0]])):
            self._enter(results[0], slot, self.key(results[0]), slot, str(slot + 1) if many else "")

    def key(self, node: int) -> str:
        """The name of a node in the picture."""
        return self.keys.get(node, f"{self.prefix}{node}")

    def handed(self, node: int, slot: int) -> Any:
        """What an operand's use hands back; the results of a loop hand back together."""
        for each in self.runs.get(node, (node,)):
            if (each, slot) in self.values.contributions:
                return self.values.contributions[each, slot]
        return None

    def _enter(self, node: int, slot: int, head: str, place: int, name: str) -> None:
        """Draw the edge of an operand."""
        operand = self.graph.operands[node][slot]
        tail = self._tail(operand, head, self.blocks[node])
        local = self.values.partials.get((node, slot))
        self.edges.append(self._edge(operand, tail, head, place, name, self.handed(node, slot), local))

    def add_output(self, number: int, node: int, name: str) -> None:
        """Draw the arrow out of an output, with its name."""
        key = f"out{number}"
        tail = self._tail(node, key, ())
        if self.names.get(node) == name:  # it is told once, at the end of the arrow
            self.nodes[:] = [replace(each, name="") if each.key == tail else each for each in self.nodes]
        self.nodes.append(ViewNode(key, node, "output", name, self.graph.role(node)))
        seed = self.values.seeds[number] if self.values.seeds else None
        self.edges.append(self._edge(node, tail, key, 0, "", seed))

    def _edge(
        self, node: int, tail: str, head: str, slot: int, place: str, contribution: Any, local: Any = None
    ) -> ViewEdge:
        expr = self.graph.exprs[node]
        named = (
            expr.op is CONSTANT and not expr.shape and not head.startswith("out")
        )  # its label is its value
        value = None if named else self.values.forward.get(node)
        alarm = not_finite(value) is not None if value is not None else False
        return ViewEdge(
            tail,
            head,
            slot,
            place,
            value,
            contribution,
            expr.shape,
            "",
            local,
            expr.dtype.name,
            alarm,
            node=node,
        )

    def _node(self, node: int, kind: str, label: str) -> None:
        expr = self.graph.exprs[node]
        adjoint = self.values.adjoints.get(node) if self.uses[node] != 1 else None
        detail = self._detail(expr)
        lost = self.losses.get(expr)
        if lost is not None:
            detail = f"{detail}: loses {lost[0]:.1f} bits on average, {lost[1]:.1f} at worst".removeprefix(
                ": "
            )
        self.nodes.append(
            ViewNode(
                self.key(node),
                node,
                kind,
                label,
                self.graph.role(node),
                detail,
                adjoint,
                lost,
                expr.shape,
                self.blocks[node],
                self._lines(node),
                nanoseconds(expr, self.lengths) if "cost" in self.show else 0.0,
                node in self.alarming,
                name=self.names.get(node, ""),
            )
        )

    def _lines(self, node: int) -> tuple[str, ...]:
        """The name that an explanation gives an operation, and its number."""
        about = []
        if not self.graph.exprs[node].op.is_leaf:
            self.operations += 1
            about += [f"v{self.operations}"] if "name" in self.show and node not in self.names else []
        about += [str(node)] if "order" in self.show else []
        return (" · ".join(about),) if about else ()

    def caption(self) -> tuple[str, ...]:
        """Where NaN and infinity begin, forwards and then backwards: the operation, and the line that wrote it."""
        lines = []
        for source in self.sources[:_TOLD]:
            start = finding(self.graph, self.values.forward, source)
            at = "".join(f", step {step} of {loop}" for loop, step in start.steps)
            line = f"{start.what} begins at {start.happens}{at}"
            lines.append(
                line if start.site is None else f"{line}, {Path(start.site.filename).name}:{start.site.line}"
            )
        backwards = sorted(self.adjoint_sources, key=lambda begun: begun.what != "NaN")
        for begun in backwards[:_TOLD_BACK]:
            site = self.graph.exprs[begun.node].site
            where = "" if site is None else f", {Path(site.filename).name}:{site.line}"
            lines.append(f"{begun.what} of the derivative begins at {begun.happens}{where}")
        return tuple(lines)

    def _tail(self, node: int, user: str, block: Block) -> str:
        """The key of an operand. A constant stands beside its user: it is no work that could be shared."""
        expr = self.graph.exprs[node]
        if expr.op is not CONSTANT:
            return self.key(node)
        key = f"c{node}_{user}"
        if key not in self.constants:
            self.constants.add(key)
            label = f"array {format_shape(expr.shape)}" if expr.shape else constant_text(expr, self.digits)
            detail = self._detail(expr)
            self.nodes.append(
                ViewNode(key, node, "constant", label, "constant", detail, shape=expr.shape, block=block)
            )
        return key

    def _detail(self, expr: Expr) -> str:
        return render(expr, budget=120) if len(self.graph.exprs) <= _DETAILED else ""


def runs_of(graph: Drawable) -> dict[int, tuple[int, ...]]:
    """Result of a loop or branch → the nodes that are results of it."""
    together: dict[Any, list[int]] = {}
    for node, expr in enumerate(graph.exprs):
        if expr.op in OPENED:
            together.setdefault(loop_key(expr), []).append(node)
    return {node: tuple(nodes) for nodes in together.values() for node in nodes}


def _blocks_beside(graph: Drawable) -> list[Block]:
    """The block of every node in this picture: what was written outside of every scope first stands where its users do."""
    blocks: list[Block] = [()] * len(graph.exprs)
    users: list[list[Block]] = [[] for _ in blocks]
    for node in reversed(range(len(blocks))):
        blocks[node] = graph.exprs[node].block_beside(users[node])
        for operand in graph.operands[node]:
            users[operand].append(blocks[node])
    return blocks


__all__ = ["Drawable", "Values", "ViewBuilder", "runs_of"]

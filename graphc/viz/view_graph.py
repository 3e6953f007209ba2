"""What a diagram shows: the graph with constants folded into labels and values on its edges, as plain data.

The graph keeps every node; the view is for the eye. A constant operand becomes part of the label of the operation it belongs
to (`×2`, `1−`, `^−1`), an operation used twice is still one node, and `x*x` has two edges. Every edge carries the forward value
of its tail and the contribution that this use hands back; a node that is used more than once carries their sum.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from graphc.autodiff.reverse import AdjointRecord
from graphc.errors import GradientError
from graphc.interpret.numpy_eval import run, to_python
from graphc.ir.expr import Expr
from graphc.ir.formatting import check_digits, show_number
from graphc.ir.graph import Dag
from graphc.ir.op import CONSTANT, SYMBOL, Op
from graphc.ir.printer import array_label, format_number, render
from graphc.ir.scopes import Block
from graphc.ir.types import format_shape
from graphc.ops.control_runs import control_label
from graphc.util.arguments import truth
from graphc.viz.annotations import DEFAULT, check_show, nanoseconds
from graphc.viz.diagnose import finding, not_finite, sources
from graphc.viz.model import View, ViewEdge, ViewNode
from graphc.viz.naming import output_names, title


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
    def role(self, node: int) -> str: ...
    def forward(self, at: Mapping[Any, Any]) -> dict[int, Any]: ...
    def backward(self, at: Mapping[Any, Any], seed: Any = None) -> Any: ...
    def differentiate(self, seed: Any = None) -> AdjointRecord: ...


@dataclass(frozen=True)
class _Values:
    """What is known of a graph at a point; empty where nothing is."""

    forward: Mapping[int, Any]
    adjoints: Mapping[int, Any]
    contributions: Mapping[tuple[int, int], Any]
    seeds: Sequence[Any]
    note: str = ""
    partials: Mapping[tuple[int, int], Any] = field(default_factory=dict)


_LONGEST = 18
"""A label with folded constants has at most so many characters; else the constants are drawn."""

_TOLD = 3
"""Below a diagram stand at most so many places at which NaN or infinity begins."""

_DETAILED = 2000
"""In larger graphs the nodes do not carry their formulas: nobody could point at them."""

_FOLDED = {"pow": ("{}^", "^{}"), "floor_divide": ("⌊{}÷⌋", "⌊÷{}⌋")}
"""Labels with the constant on the left and on the right that do not follow the general rule."""

_PLACES = {"where": ("if", "then", "else"), "pow": ("base", "exponent")}
"""Names of argument places that say more than the parameters' names do."""

_SYMMETRIC = frozenset(("maximum", "minimum"))
"""Operations whose operands may change places although not to the bit (which of two NaN comes out)."""


def view(
    graph: Drawable,
    at: Mapping[Any, Any] | None = None,
    backward: bool = True,
    *,
    seed: Any = None,
    name: str | Sequence[str] | None = None,
    digits: int = 3,
    losses: Mapping[Expr, tuple[float, float]] | None = None,
    show: Any = DEFAULT,
) -> View:
    """The view of a graph.

    Parameters
    ----------
    graph : a `Graph`
    at : name or symbol → value; None shows the structure alone
    backward : whether to show what flows back. Without a seed an output that is no single float scalar is shown forward only.
    seed : the adjoint of each output, as in `Graph.backward`
    name : the name of the output, or one for each; by default the keys of a dict of outputs, L for one, y₁, y₂, … for several
    digits : significant digits of constants in labels
    losses : operation → bits of error that it adds, mean and worst
    show : what is drawn of it, names among `annotations.SHOW`

    Raises `InputError` for a point that does not fit, and `GradientError` when a seed is given that does not.
    """
    check_digits(digits)
    shown = check_show(show)
    names = output_names(graph, name)
    values = _values(graph, at, backward, seed)
    builder = _Builder(graph, values, digits, losses or {}, shown)
    for node in range(len(graph.exprs)):
        builder.add(node)
    for number, (node, label) in enumerate(zip(graph.outputs, names, strict=True)):
        builder.add_output(number, node, label)
    return View(
        tuple(builder.nodes),
        tuple(builder.edges),
        values.note,
        shown,
        builder.caption(),
        title(graph, names),
    )


def _values(graph: Drawable, at: Mapping[Any, Any] | None, backward: bool, seed: Any) -> _Values:
    backward = truth("backward", backward)
    if at is None:
        return _Values({}, {}, {}, ())
    if (
        not backward or graph.record is not None
    ):  # a graph that holds its derivative already is shown as it is
        return _Values(graph.forward(at), {}, {}, ())
    try:
        result = graph.backward(at, seed=seed)
        seeds = graph.differentiate(seed).seeds
    except GradientError as error:
        if seed is not None:
            raise
        return _Values(graph.forward(at), {}, {}, (), f"forward values only: {error.message}")
    dag = Dag(seeds, graph.symbols)
    of_nodes = run(dag, at)
    shown = [
        to_python(of_nodes[seed_node]) if output in result else None
        for seed_node, output in zip(dag.outputs, graph.outputs, strict=True)
    ]
    return _Values(result.forward, result, result.contributions, shown, "", result.partials)


class _Builder:
    """Collects the nodes and edges of a view, operands before their users."""

    def __init__(
        self,
        graph: Drawable,
        values: _Values,
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
        self.alarming = {source.node for source in self.sources}
        self.operations = 0
        known = {
            node: np.shape(value) for node, value in values.forward.items() if graph.exprs[node].op is SYMBOL
        }
        self.lengths = {
            str(name): length
            for node, shape in known.items()
            for name, length in zip(graph.exprs[node].shape, shape, strict=False)
            if not isinstance(name, int)
        }
        self.nodes: list[ViewNode] = []
        self.edges: list[ViewEdge] = []
        self.constants: set[str] = set()
        self.uses = [0] * len(graph.exprs)
        for operands in (*graph.operands, graph.outputs):
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
        label = self._folded(expr)
        drawn = [
            slot
            for slot, operand in enumerate(expr.operands)
            if label is None or operand.op is not CONSTANT or operand.shape
        ]
        self._node(node, "operation", _label(expr) if label is None else label)
        labelled = len(drawn) > 1 and not expr.op.variadic
        places = _places(expr.op) if labelled else [str(slot + 1) for slot in range(len(expr.operands))]
        if len(drawn) <= 1:
            places = ("",) * len(expr.operands)
        for slot in drawn:
            operand = self.graph.operands[node][slot]
            tail = self._tail(operand, f"n{node}", self.blocks[node])
            handed = self.values.contributions.get((node, slot))
            local = self.values.partials.get((node, slot))
            self.edges.append(self._edge(operand, tail, f"n{node}", slot, places[slot], handed, local))

    def add_output(self, number: int, node: int, name: str) -> None:
        """Draw the arrow out of an output, with its name."""
        key = f"out{number}"
        tail = self._tail(node, key, ())
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
            tail, head, slot, place, value, contribution, expr.shape, "", local, expr.dtype.name, alarm
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
                f"n{node}",
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
            )
        )

    def _lines(self, node: int) -> tuple[str, ...]:
        """The name that an explanation gives an operation, and its number."""
        about = []
        if not self.graph.exprs[node].op.is_leaf:
            self.operations += 1
            about += [f"v{self.operations}"] if "name" in self.show else []
        about += [str(node)] if "order" in self.show else []
        return (" · ".join(about),) if about else ()

    def caption(self) -> tuple[str, ...]:
        """Where NaN and infinity begin: the operation, and the line that wrote it."""
        lines = []
        for source in self.sources[:_TOLD]:
            start = finding(self.graph, self.values.forward, source)
            line = f"{start.what} begins at {start.happens}"
            lines.append(
                line if start.site is None else f"{line}, {Path(start.site.filename).name}:{start.site.line}"
            )
        return tuple(lines)

    def _tail(self, node: int, user: str, block: Block) -> str:
        """The key of an operand. A constant stands beside its user: it is no work that could be shared."""
        expr = self.graph.exprs[node]
        if expr.op is not CONSTANT:
            return f"n{node}"
        key = f"c{node}_{user}"
        if key not in self.constants:
            self.constants.add(key)
            label = f"array {format_shape(expr.shape)}" if expr.shape else self._constant(expr)
            detail = self._detail(expr)
            self.nodes.append(
                ViewNode(key, node, "constant", label, "constant", detail, shape=expr.shape, block=block)
            )
        return key

    def _detail(self, expr: Expr) -> str:
        return render(expr, budget=120) if len(self.graph.exprs) <= _DETAILED else ""

    def _constant(self, expr: Expr) -> str:
        """A constant in a label: exact if that is short."""
        text = format_number(expr.value)
        if len(text) > 6 or "e" in text:
            text = show_number(expr.value, max(self.digits, 4))
        return {"inf": "∞", "-inf": "−∞", "nan": "NaN"}.get(text, text.replace("-", "−"))

    def _folded(self, expr: Expr) -> str | None:
        """The label of an operation with its constant operands in it; None where they must be drawn."""
        constants = {
            slot: self._constant(operand)
            for slot, operand in enumerate(expr.operands)
            if operand.op is CONSTANT and not operand.shape
        }
        if not constants:
            return _label(expr)
        if len(expr.operands) - len(constants) != 1:
            return None
        if expr.op.on_arrays:
            inner = ", ".join(constants.get(slot, "·") for slot in range(len(expr.operands)))
            label = f"{array_label(expr)}({inner})"
            return label if len(label) <= _LONGEST else None
        label = _fold(expr.op, constants)
        return label if len(label) <= _LONGEST else None


def _blocks_beside(graph: Drawable) -> list[Block]:
    """The block of every node in this picture: what was written outside of every scope first stands where its users do."""
    blocks: list[Block] = [()] * len(graph.exprs)
    users: list[list[Block]] = [[] for _ in blocks]
    for node in reversed(range(len(blocks))):
        blocks[node] = graph.exprs[node].block_beside(users[node])
        for operand in graph.operands[node]:
            users[operand].append(blocks[node])
    return blocks


def _label(expr: Expr) -> str:
    if expr.op.control is not None:
        return control_label(expr)
    if expr.op.on_arrays:
        return array_label(expr)
    return f"as {expr.attrs[0]}" if expr.op.name == "astype" else expr.op.label


def _is_infix(op: Op) -> bool:
    return op.arity == 2 and op.notation.text is not None and op.notation.text.startswith("[0]")


def _fold(op: Op, constants: Mapping[int, str]) -> str:
    """The label of an operation all of whose operands but one are constants.

    >>> from graphc.ir.op import lookup
    >>> _fold(lookup("subtract"), {0: "1"}), _fold(lookup("subtract"), {1: "1"}), _fold(lookup("divide"), {0: "1"})
    ('1−', '−1', '^−1')
    """
    if not _is_infix(op):
        inner = ", ".join(constants.get(slot, "·") for slot in range(op.arity))
        return f"{op.label}({inner})"
    ((slot, text),) = constants.items()
    if op.name == "divide" and slot == 0 and text == "1":
        return "^−1"
    if op.name in _FOLDED:
        return _FOLDED[op.name][slot].format(text)
    if text.startswith("−") and op.label in "+−":
        text = f"({text})"
    space = " " if op.label.isalpha() or op.category != "elementwise" else ""
    if slot == 0 and not op.facts.commutative:
        return f"{text}{space}{op.label}"
    return f"{op.label}{space}{text}"


def _places(op: Op) -> tuple[str, ...]:
    """The names of an operation's argument places; empty where the operands may change places."""
    if op.facts.commutative or op.name in _SYMMETRIC:
        return ("",) * op.arity
    if op.name in _PLACES:
        return _PLACES[op.name]
    return ("1st", "2nd") if _is_infix(op) else op.params

"""What a player tells: the graph node by node, forwards and then backwards, as scenes of three lines each.

A scene's lines say what its node receives, what it computes and what it returns. Numbers are slots: places that the page fills
with the values of expressions, so that the same lines hold at any point. An exercise asks for some of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from graphc.autodiff.reverse import AdjointRecord
from graphc.errors import RenderError
from graphc.ir.expr import Expr, rebuild, symbol
from graphc.ir.op import CONSTANT
from graphc.ir.types import is_float
from graphc.viz.explain.explanation import Explanation, NodeExplanation, Use, node_names
from graphc.viz.math_text import Math, derivative, equal, formula, named
from graphc.viz.player.mathml import FIRST, Slot
from graphc.viz.view_builder import Drawable, runs_of

LARGEST = 2000
"""A graph with more operations is not stepped through node by node."""

_TERMS = 8
"""At most so many terms of a sum are written out."""


@dataclass(frozen=True)
class Line:
    """One line of a scene.

    verb : receives, computes or returns; empty in the last scene
    pieces : what stands between equals signs; a tuple among them is a formula of several parts
    inside : slots within the formulas among the pieces
    note : a remark behind it: its key among the words of the page, and what stands in it
    ask : the key of the question that an exercise asks here, whose answer is the last piece
    rule : the key of the question whose answer this line gives away
    numeric : the input whose numerical derivative stands behind it
    """

    verb: str
    pieces: tuple[Any, ...]
    inside: tuple[Slot, ...] = ()
    note: tuple[Any, ...] = ()
    ask: str = ""
    rule: str = ""
    numeric: int | None = None


@dataclass(frozen=True)
class LessonStep:
    """One step: what lights up, and what is told.

    kind : 'start', 'forward', 'round' for a step of a loop, 'backward' or 'gradient'
    node : the graph's node whose box lights up, or None
    title : a formula, or None
    fixed : whether the numbers are those of the point at which the page begins
    """

    kind: str
    node: int | None
    title: Math | None
    lines: tuple[Line, ...]
    fixed: bool = False


class Lecture(Drawable, Protocol):
    """What a lesson needs of a graph; the public `Graph` has it."""

    @property
    def users(self) -> Any: ...


@dataclass
class Lesson:
    """The scenes of a graph.

    exprs : the expressions whose values the slots show
    scenes : in order
    forward, backward : node → the number of its scene
    """

    graph: Lecture
    record: AdjointRecord | None
    name: str
    exprs: list[Expr] = field(default_factory=list)
    scenes: list[LessonStep] = field(default_factory=list)
    forward: dict[int, int] = field(default_factory=dict)
    backward: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._index: dict[Expr, int] = {}
        self.names: list[str] = node_names(self.graph, self.name)
        self.together: dict[int, tuple[int, ...]] = runs_of(self.graph)
        self._aliases = [
            expr if expr.op is CONSTANT else symbol(name, expr.shape, expr.dtype)
            for expr, name in zip(self.graph.exprs, self.names, strict=True)
        ]
        contributions = {} if self.record is None else self.record.contributions
        self.givers: list[list[Any]] = [
            sorted(
                (use for use in users if (self.graph.exprs[use[0]], use[1]) in contributions),
                key=lambda use: (-use[0], use[1]),
            )
            for users in self.graph.users
        ]

    # --- slots ----------------------------------------------------------------------------------------------------

    def slot(self, expr: Expr, key: str = "", bracket: bool = False) -> Slot:
        """The place of an expression's value."""
        index = self._index.setdefault(expr, len(self.exprs))
        if index == len(self.exprs):
            self.exprs.append(expr)
        return Slot(index, key, bracket)

    def value(self, node: int, bracket: bool = False) -> Slot:
        """The forward value of a node."""
        expr = self.graph.exprs[node]
        return self.slot(expr, "" if expr.op.is_leaf else f"f{node}", bracket)

    def box(self, node: int) -> int:
        """The node in whose box a node is drawn: the results of a loop have one."""
        return self.together.get(node, (node,))[0]

    def handing(self, node: int, slot: int) -> tuple[int, int] | None:
        """The use that hands back to an operand: of a loop, that of the result which does so for all."""
        for each in self.together.get(node, (node,)):
            if self.record is not None and (self.graph.exprs[each], slot) in self.record.contributions:
                return each, slot
        return None

    def contribution(self, use: tuple[int, int], bracket: bool = False) -> Slot:
        """What a use hands back."""
        assert self.record is not None
        user, slot = use
        expr = self.record.contributions[self.graph.exprs[user], slot]
        return self.slot(expr, f"c{user}_{slot}", bracket)

    def seed(self, output: int, bracket: bool = False) -> Slot:
        """The adjoint that an output starts from, by its place among the outputs."""
        assert self.record is not None
        return self.slot(self.record.seeds[output], "", bracket)

    def sources(self, node: int, bracket: bool = False) -> list[Slot]:
        """What a node receives: a seed for each time it is an output, a contribution from each use."""
        seeds = [
            self.seed(place, bracket) for place, output in enumerate(self.graph.outputs) if output == node
        ]
        return [*(self.contribution(use, bracket) for use in self.givers[node]), *seeds]

    def adjoint(self, node: int) -> Slot:
        """The sum of what a node receives; where that is one thing, its question is this one's."""
        assert self.record is not None
        sources = self.sources(node)
        key = sources[0].key if len(sources) == 1 else f"a{node}" if sources else ""
        return self.slot(self.record.adjoint(self.graph.exprs[node]), key)

    def known_at(self, node: int) -> int | None:
        """The scene from which a node's adjoint is known; None where nothing flows back to it."""
        if node in self.backward:
            return self.backward[node]
        scenes = [self.backward[user] for user, _ in self.givers[node] if user in self.backward]
        return max(scenes, default=None)

    # --- scenes ---------------------------------------------------------------------------------------------------

    def add(self, scene: LessonStep) -> None:
        self.scenes.append(scene)

    def name_of(self, node: int) -> Math:
        return named(self.names[node])

    def derivative_of(self, node: int) -> Math:
        return derivative(self.name, self.names[node])

    def start(self) -> None:
        """The first scene: the inputs."""
        inputs = [Line("", (self.name_of(node), self.value(node))) for node in range(len(self.graph.symbols))]
        self.add(LessonStep("start", None, None, tuple(inputs)))

    def go_forward(self, node: int) -> None:
        """The scene of an operation that computes its value."""
        expr, operands = self.graph.exprs[node], self.graph.operands[node]
        inputs = [of for of in dict.fromkeys(operands) if self.graph.exprs[of].op is not CONSTANT]
        definition = formula(rebuild(expr, tuple(self._aliases[of] for of in operands)))
        receives = [Line("receives", (self.name_of(of), self.value(of))) for of in inputs]
        pieces: tuple[Any, ...] = (self.name_of(node), definition)
        inside = tuple(self.value(of) for of in inputs)
        if inputs and not expr.shape and not expr.op.on_arrays and all(not o.shape for o in expr.operands):
            stand_ins = tuple(
                self.graph.exprs[of]
                if self.graph.exprs[of].op is CONSTANT
                else symbol(chr(FIRST + self.value(of).index), (), self.graph.exprs[of].dtype)
                for of in operands
            )
            pieces = (*pieces, formula(rebuild(expr, stand_ins)))
        self.forward[node] = len(self.scenes)
        returns = Line("returns", (self.name_of(node), self.value(node)), ask=f"f{node}")
        title = equal(self.name_of(node), definition)
        self.add(
            LessonStep(
                "forward", self.box(node), title, (*receives, Line("computes", pieces, inside), returns)
            )
        )

    def go_backward(self, step: NodeExplanation) -> None:
        """The scene of an operation that hands its adjoint back to its operands."""
        node = step.node
        self.backward[node] = len(self.scenes)
        computes = [self._computes(node, use) for use in step.uses]
        returns = [self._returns(node, use) for use in step.uses]
        self.add(
            LessonStep(
                "backward", self.box(node), step.definition, (self._receives(node), *computes, *returns)
            )
        )

    def _receives(self, node: int, verb: str = "receives") -> Line:
        sources = self.sources(node)
        if len(sources) <= 1:
            return Line(verb, (self.derivative_of(node), self.adjoint(node)))
        terms: list[Any] = [sources[0]]
        for term in self.sources(node, bracket=True)[1:_TERMS]:
            terms += ["+", term]
        terms += ["+", "…"] if len(sources) > _TERMS else []
        pieces = (self.derivative_of(node), tuple(terms), self.adjoint(node))
        return Line(verb, pieces, note=("uses", len(sources)), ask=f"a{node}")

    def _computes(self, node: int, use: Use) -> Line:
        key = f"c{node}_{use.slot}"
        local = self._partial(node, use)
        if local is None or local.op is CONSTANT:
            return Line("computes", (use.computes,), rule=key)
        return Line("computes", (use.computes, self.slot(local, key)), rule=key)

    def _partial(self, node: int, use: Use) -> Expr | None:
        """The local derivative; None for an operation on arrays, where it would be a matrix."""
        assert self.record is not None
        return self.record.partials.get((self.graph.exprs[node], use.slot))

    def _returns(self, node: int, use: Use) -> Line:
        key = f"c{node}_{use.slot}"
        part = len(self.sources(use.operand)) > 1
        to: Any = ("to", self.name_of(use.operand)) if part else self.derivative_of(use.operand)
        handed = self.contribution((node, use.slot))
        local = self._partial(node, use)
        if local is None:
            return Line("returns", (to, handed), ask=key)
        product = (self.adjoint(node), "×", self.slot(local, key, bracket=True))
        note = ()
        if self.graph.exprs[use.operand].shape != self.graph.exprs[node].shape:
            note = ("broadcast",)
        return Line("returns", (to, product, handed), note=note, ask=key)

    def go_through(self, node: int, title: Math, lines: tuple[Line, ...], fixed: bool) -> None:
        """The scene of a step of a loop."""
        filled = (
            tuple(self.slot(piece) if isinstance(piece, Expr) else piece for piece in item.pieces)
            for item in lines
        )
        told = tuple(replace(item, pieces=pieces) for item, pieces in zip(lines, filled, strict=True))
        self.add(LessonStep("round", self.box(node), title, told, fixed))

    def finish(self) -> None:
        """The last scene: the gradient."""
        floats = [node for node, expr in enumerate(self.graph.symbols) if is_float(expr.dtype)]
        lines = tuple(replace(self._receives(node, ""), numeric=node) for node in floats)
        self.add(LessonStep("gradient", None, None, lines))


def lesson(
    graph: Lecture,
    explanation: Explanation | None,
    record: AdjointRecord | None,
    name: str,
    rounds: Mapping[int, Sequence[tuple[Math, tuple[Line, ...], bool]]] | None = None,
) -> Lesson:
    """The scenes of a graph.

    Parameters
    ----------
    graph : a `Graph`
    explanation : of its derivative, in symbols alone; None tells the forward pass alone
    record : of the derivative; None without an explanation
    name : of what is differentiated
    rounds : the first result of a loop → what is told of its steps: a title and lines for each, and whether these hold at the
        point alone; expressions among the lines become slots

    Raises `RenderError` for a graph that is too large to be stepped through.
    """
    operations = [node for node, expr in enumerate(graph.exprs) if not expr.op.is_leaf]
    if len(operations) > LARGEST:
        raise RenderError(
            f"the graph has {len(operations)} operations, more than the {LARGEST} that a player steps through",
            hint="draw a part of the graph; .svg and .dot take larger ones",
        )
    written = Lesson(graph, record, name)
    written.start()
    rounds = rounds or {}
    for node in operations:
        for title, lines, fixed in rounds.get(node, ()):
            written.go_through(node, title, lines, fixed)
        written.go_forward(node)
    if explanation is not None:
        for step in explanation.steps:
            written.go_backward(step)
        written.finish()
    return written

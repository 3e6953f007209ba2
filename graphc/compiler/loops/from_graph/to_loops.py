"""From a unit behind its last pass to a program of the loop IR.

An array program's fusion groups become nests of loops over the rows that their stages share, its library calls loops or calls
of routines; where nodes lie is as the memory plan says. A graph of operations element by element is a nest over each shape of
results.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from graphc.compiler.loops.block_writer import BlockWriter, folded, without_unread
from graphc.compiler.loops.from_graph.control_flow import copy_buffer, lower_control
from graphc.compiler.loops.from_graph.group_loops import lower_group
from graphc.compiler.loops.from_graph.library_loops import lower_call
from graphc.compiler.loops.from_graph.memory import Memory, Row
from graphc.compiler.loops.gather_scatter import named_place
from graphc.compiler.loops.index_maps import aligned, never, within
from graphc.compiler.loops.length_conditions import checks_of, names_of
from graphc.compiler.loops.program import (
    Assign,
    Buffer,
    Constant,
    Holds,
    Program,
    Require,
    cast,
)
from graphc.compiler.lowering.gather_scatter import counts
from graphc.compiler.schedule.fusion import Group, Step
from graphc.compiler.schedule.materialize import origin
from graphc.compiler.schedule.memory_plan import Check, MemoryPlan
from graphc.ir.body import Body
from graphc.ir.expr import Expr
from graphc.ir.graph import Dag
from graphc.ir.types import BOOL
from graphc.ops.control_runs import merged, same_run

if TYPE_CHECKING:
    from graphc.compiler.pipeline import Unit

_OTHER = re.compile(r"\W", re.ASCII)

_WORD = re.compile(r"[A-Za-z]\w*", re.ASCII)

RESERVED = frozenset(("true", "false", "holds", "if", "and", "at", "program", "barrier", "nan", "inf"))
"""Words of the IR's text."""


Prepare = Callable[[Dag, "Unit"], "Unit"]
"""(the graph of a body, the unit around it) → a unit that has gone through the same passes"""


def to_loops(unit: Unit, prepare: Prepare, name: str = "f") -> Program:
    """The program of a unit that has gone through the passes up to `plan_memory`, or `expand_ops`."""
    return _Lowering(unit, prepare).program(name)


class _Lowering:
    """Lowers one unit."""

    def __init__(
        self,
        unit: Unit,
        prepare: Prepare,
        lengths: tuple[str, ...] | None = None,
        around: Memory | None = None,
    ) -> None:
        self.unit, self.prepare = unit, prepare
        self.dag: Dag = unit.graph
        self.lengths = names_of(self.dag) if lengths is None else lengths
        if around is None:
            self.writer = BlockWriter(frozenset((*self.lengths, *RESERVED)))
            self.memory = Memory(self.writer)
        else:
            self.writer, self.memory = around.writer, around.inside()
        self._lowered: dict[Any, dict[Expr, str]] = {}
        self._bodies: dict[Body, Unit] = {}

    def _inputs(self) -> None:
        constants: Sequence[Any] = self.unit.constants
        given = len(self.dag.symbols) - len(constants)
        for number, symbol in enumerate(self.dag.symbols):
            own = number < given and _WORD.fullmatch(symbol.name) and symbol.name not in self.writer.taken
            if own:
                self.writer.taken.add(symbol.name)
                name = symbol.name
            else:
                name = self.writer.name("x" if number < given else "c")
            role = "state" if number in self.unit.options.updates else "input"
            if number < given:
                self.memory.buffers.append(Buffer(name, symbol.dtype, symbol.shape, role))
            else:
                values = constants[number - given]
                self.memory.buffers.append(Buffer(name, symbol.dtype, symbol.shape, "constant", values))
            self.memory.held[symbol] = name

    def program(self, name: str) -> Program:
        """All of it, with what its inputs and results are called."""
        self._inputs()
        outputs = [self.dag.exprs[output] for output in self.dag.outputs]
        results = outputs[: len(outputs) - len(self.unit.options.updates)]
        places = [self.memory.declare("r", node.dtype, node.shape, "result") for node in results]
        self._statements(results, places)
        checks = checks_of(self.unit.written if self.unit.written is not None else self.dag)
        buffers, body = without_unread(self.memory.buffers, tuple(self.writer.blocks[0]))
        body = folded(body, [buffer.name for buffer in buffers])
        return Program(name, self.lengths, buffers, checks, body, tuple(self.memory.functions.values()))

    def _statements(self, results: Sequence[Expr], places: Sequence[str]) -> None:
        if self.unit.plan is not None:
            self._plan(self.unit.plan, places)
        else:
            self._elements(results, places)

    def body(self, inputs: Mapping[Expr, str | Row], places: Sequence[str]) -> None:
        """The statements of a body, between buffers."""
        constants = iter(self.unit.constants)
        for symbol in self.dag.symbols:
            where = inputs.get(symbol)
            if where is None:
                name = self.writer.name("c")
                values = next(constants)
                self.memory.buffers.append(Buffer(name, symbol.dtype, symbol.shape, "constant", values))
                self.memory.held[symbol] = name
            elif isinstance(where, Row):
                self.memory.rows[symbol] = where
            else:
                self.memory.held[symbol] = where
        self._statements([self.dag.exprs[output] for output in self.dag.outputs], places)

    # --- element by element ---------------------------------------------------------------------------------------------------

    def _elements(self, results: Sequence[Expr], places: Sequence[str]) -> None:
        for shape in dict.fromkeys(node.shape for node in results):
            with self.writer.loops(shape, "free", parallel=True) as index:
                elements = self.memory.elements()
                for node, place in zip(results, places, strict=True):
                    if node.shape == shape:
                        self.writer.emit(Assign(place, index, elements.at(node, index)))

    # --- whole arrays ---------------------------------------------------------------------------------------------------------

    def _plan(self, plan: MemoryPlan, places: Sequence[str]) -> None:
        held = self.memory.held
        for node, number in plan.targets.items():
            held[node] = places[number]
        for node, symbol in plan.inplace.items():
            held[node] = held[symbol]
        for node in plan.lives:
            self.memory.workspace(node)
        for number, step in enumerate(plan.steps):
            self._checks(plan.checks.get(number, ()))
            self._step(step)
        self._checks(plan.checks.get(len(plan.steps), ()))
        for number, node in plan.copies:
            self.memory.copy(node, places[number])
        self._updates(plan)

    def _step(self, step: Step) -> None:
        if not isinstance(step, Group) and step.node.op.control is not None:
            self._control(step.node)
        elif not isinstance(step, Group):
            lower_call(self.memory, step.node, self.memory.workspace(step.node))
        elif all(stage.image is None and stage.product is None for stage in step.stages):
            lower_group(self.memory, step)
        else:  # what goes from image to image or in panels of rows is one routine after the other here
            for stage in step.stages:
                if stage.image is not None or stage.product is not None:
                    lower_call(self.memory, stage.node, self.memory.workspace(stage.node))
                else:
                    self.memory.workspace(stage.node)
                    lower_group(self.memory, Group([stage], {0}, {stage.node}))

    # --- loops and branches ---------------------------------------------------------------------------------------------------

    def _control(self, node: Expr) -> None:
        """A loop at the first of its results; those that are written in place wait for their step."""
        key = same_run(node)
        if key not in self._lowered:
            nodes = [other for other in self.dag.exprs if other.op is node.op and same_run(other) == key]
            together, numbers = merged(nodes)
            inplace = {} if self.unit.plan is None else self.unit.plan.inplace
            aside = {
                each: self.memory.declare("k", each.dtype, each.shape, "workspace")
                for each in nodes
                if each in inplace
            }
            places: dict[int, str] = {}
            again: list[tuple[str, Expr]] = []
            for each in nodes:
                place = aside.get(each) or self.memory.workspace(each)
                if places.setdefault(numbers[each], place) != place:
                    again.append((place, each))
            self._lowered[key] = aside
            lower_control(self.memory, together, places, self)
            for place, each in again:
                copy_buffer(self.memory, places[numbers[each]], place, each)
        if node in self._lowered[key]:
            copy_buffer(self.memory, self._lowered[key][node], self.memory.held[node], node)

    def write(self, body: Body, inputs: Mapping[Expr, str | Row], places: Sequence[str]) -> None:
        """The statements of a body."""
        _Lowering(self._prepared(body), self.prepare, self.lengths, self.memory).body(inputs, places)

    def function(self, name: str, body: Body) -> str:
        """The function that a body is, lowered when it is first called; none of its names is anything else's."""
        functions = self.memory.functions
        if body not in functions:
            inner = _Lowering(self._prepared(body), self.prepare, self.lengths)
            inner.memory.functions = functions
            inner.writer.taken |= self.writer.taken
            own = inner.program("function")
            self.writer.taken |= inner.writer.taken
            own = replace(own, name=f"f{len(functions)}_{_OTHER.sub('_', name)}", functions=())
            functions[body] = own
        return functions[body].name

    def adds_to(self, body: Body, number: int) -> bool:
        """Whether an output is the input of that number with something added, and nothing else reads that."""
        dag = self._prepared(body).graph
        carried, output = dag.symbols[number], dag.exprs[dag.outputs[number]]
        place = dag.node(carried)
        read_once = len(dag.users[place]) == 1 and place not in dag.outputs
        alone = read_once and dag.outputs.count(dag.outputs[number]) == 1
        if not alone or carried.shape != output.shape:
            return False
        sums = {"add": output.operands, "multiply_add": output.operands[2:]}
        return carried in sums.get(output.op.name, ())

    def _prepared(self, body: Body) -> Unit:
        if body not in self._bodies:
            self._bodies[body] = self.prepare(body.dag, self.unit)
        return self._bodies[body]

    def _checks(self, checks: Sequence[Check]) -> None:
        """Places that arrays name, held against the lengths of their axes."""
        for check in checks:
            length = check.node.operands[0].shape[check.axis]
            if counts(check.array, length):
                continue
            with self.writer.loops(check.array.shape, "free", parallel=True) as index:
                slot = check.node.operands.index(check.array, 1 if check.node.op.name == "index" else 2)
                place = named_place(
                    self.memory.elements(), check.node, slot, aligned(index, check.array.shape), length
                )
                message = f"{check.node.op.name}: an index is outside of axis {check.axis} of length {length}"
                inside = tuple([dim for dim in within(place, length) if not isinstance(dim, int)])
                if never(within(place, length)):
                    self.writer.emit(Require(Constant(False, BOOL), message))
                elif inside:
                    self.writer.emit(Require(Holds(inside), message))

    def _updates(self, plan: MemoryPlan) -> None:
        """New values that were made elsewhere go to their inputs; what an update overwrites is set aside before."""
        symbols = self.dag.symbols
        changed = {symbols[number] for number, _ in plan.updates}
        moved: list[tuple[str, Expr | str]] = []
        for number, node in plan.updates:
            if origin(node) in changed and len(plan.updates) > 1:
                aside = self.memory.declare("k", node.dtype, node.shape, "workspace")
                self.memory.copy(node, aside)
                moved.append((self.memory.held[symbols[number]], aside))
            else:
                moved.append((self.memory.held[symbols[number]], node))
        shapes = {buffer.name: buffer for buffer in self.memory.buffers}
        for (target, source), (_, node) in zip(moved, plan.updates, strict=True):
            if isinstance(source, str):
                with self.writer.loops(node.shape, "free", parallel=True) as index:
                    rule = self.memory.load({node: (source, 0)})
                    value = rule(node, index, ())
                    assert value is not None
                    self.writer.emit(Assign(target, index, cast(value, shapes[target].dtype)))
            else:
                self.memory.copy(source, target)


__all__ = ["to_loops"]

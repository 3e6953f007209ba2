"""Loops and branches in a diagram: a frame with the body inside, entered and left through ports.

What a step carries on leads back, from the port at the end of the frame to the one at its beginning. A branch is a frame for
each side within the frame, and what is chosen stands at its end. Loops within loops are frames within frames.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from graphc.autodiff.loop_adjoints import StepAdjoints
from graphc.interpret.loop_replay import LoopReplay
from graphc.interpret.numpy_eval import run_arrays, to_python
from graphc.ir.attribute_text import bound
from graphc.ir.body import Body
from graphc.ir.expr import Expr
from graphc.ir.graph import Dag
from graphc.ir.op import CONSTANT, SYMBOL
from graphc.ir.scopes import Block
from graphc.ops.control import SCAN, SWITCH, WHILE
from graphc.ops.control_runs import run_label
from graphc.ops.function_calls import FUNCTION, STEPLESS
from graphc.viz.loop_names import binder_names, is_cond, named_body
from graphc.viz.model import ViewEdge, ViewNode
from graphc.viz.node_labels import constant_text
from graphc.viz.view_builder import Values, ViewBuilder

_NOTHING = Values({}, {}, {}, ())


class BodyGraph(Dag):
    """A body's graph, as a view takes it."""

    record = None

    def __init__(self, outputs: Sequence[Expr], inputs: Sequence[Expr], role: str) -> None:
        super().__init__(outputs, inputs)
        self._role = role

    def role(self, node: int) -> str:
        return self._role

    def forward(self, at: Mapping[Any, Any]) -> dict[int, Any]:  # its values are known before
        raise NotImplementedError

    backward = differentiate = forward


class BodyViewBuilder(ViewBuilder):
    """A view whose loops and branches show what is inside."""

    blocks: list[Block]

    steps: tuple[int, ...] = ()
    """The steps that are shown, of loops from the outermost one on."""

    def __init__(self, *args: Any, outer: BodyViewBuilder | None = None, block: Block = ()) -> None:
        super().__init__(*args)
        self.frames: set[Block] = set() if outer is None else outer.frames
        self.sides: dict[Block, bool] = {} if outer is None else outer.sides
        self.port_names: dict[int, str] = {}
        self.hidden: set[int] = {
            self.graph.operands[nodes[0]][0] for nodes in self.runs.values() if self._asks_alone(nodes[0])
        }
        if outer is not None:
            self.nodes, self.edges, self.constants = outer.nodes, outer.edges, outer.constants
            self.blocks = [block] * len(self.graph.exprs)

    def _asks_alone(self, node: int) -> bool:
        """Whether the number that chooses a side is a bool that nothing else counts with."""
        return is_cond(self.graph.exprs[node]) and self.uses[self.graph.operands[node][0]] == 1

    def add(self, node: int) -> None:
        if node not in self.hidden and (self.graph.exprs[node].op is not SYMBOL or node not in self.keys):
            super().add(node)

    def add_run(self, results: Sequence[int]) -> None:
        first = results[0]
        expr = self.graph.exprs[first]
        replay = self._replay(first)
        step = None
        if replay is not None and (expr.op in STEPLESS or self.steps):
            step = replay.checked(self.steps[0] if self.steps else 0)
        frame = self._frame(first, replay, step)
        for node in results:
            self.keys[node] = f"{self.prefix}{first}o{self.graph.exprs[node].attrs[-1]}"
        if expr.op is SWITCH:
            _BranchView(self, results, frame, replay).draw()
        elif expr.op is FUNCTION:
            _FunctionView(self, results, frame, replay).draw()
        else:
            _LoopView(self, results, frame, replay, step).draw()

    def _replay(self, node: int) -> LoopReplay | None:
        """A loop run again, where its operands are known and something of it is shown."""
        operands = self.graph.operands[node]
        known = all(operand in self.values.forward for operand in operands)
        if not known or (self.graph.exprs[node].op is SCAN and not self.steps):
            return None
        return LoopReplay(
            self.graph.exprs[node], [self.values.forward[operand] for operand in operands], self.lengths
        )

    def _count(self, expr: Expr) -> int | None:
        """How many steps a `scan` takes, where the lengths are known."""
        try:
            return bound(expr.attrs[3], self.lengths) if expr.op is SCAN and self.lengths else None
        except KeyError:
            return None

    def _frame(self, node: int, replay: LoopReplay | None, step: int | None) -> Block:
        expr = self.graph.exprs[node]
        label = (
            "cond"
            if is_cond(expr)
            else run_label(expr, self._count(expr) if replay is None else replay.steps)
        )
        if step is not None and expr.op not in STEPLESS:
            label += f" · at step {step}"
        number, block = 1, (*self.blocks[node], label)
        while block in self.frames:
            number += 1
            block = (*self.blocks[node], f"{label} ({number})")
        self.frames.add(block)
        return block

    def operand_name(self, node: int) -> str:
        """What an operand is called: a symbol's name, or that of the port of an outer loop; empty for what has none."""
        expr = self.graph.exprs[node]
        return self.port_names.get(node, expr.name if expr.op is SYMBOL else "")


class _RunView:
    """One loop or branch drawn into a builder.

    results : its nodes in the graph
    frame : the block of its frame
    """

    def __init__(
        self, outer: BodyViewBuilder, results: Sequence[int], frame: Block, replay: LoopReplay | None
    ) -> None:
        self.outer, self.results, self.frame, self.replay = outer, results, frame, replay
        self.first = results[0]
        self.expr = outer.graph.exprs[self.first]
        self.stem = f"{outer.prefix}{self.first}"
        self.role = outer.graph.role(self.first)
        self.wanted = {outer.graph.exprs[node].attrs[-1]: node for node in results}

    def enter(self, body: Body, skipped: int, read: set[int]) -> dict[int, str]:
        """Draw the ports of a body's arguments that are read, and the edges to them: place of the argument → key."""
        outer = self.outer
        operands = outer.graph.operands[self.first]
        self.names = binder_names(self.expr, [outer.operand_name(operand) for operand in operands])
        ports: dict[int, str] = {}
        for place in range(len(body.inputs)):
            if place in read:
                ports[place] = f"{self.stem}i{place}"
                start = outer.graph.exprs[operands[place + skipped]]
                if start.op is CONSTANT and not start.shape:  # no line for a number that it begins with
                    number = constant_text(start, outer.digits)
                    self.port(ports[place], self.names[place], (f"begins at {number}",))
                    continue
                self.port(ports[place], self.names[place])
                outer._enter(self.first, place + skipped, ports[place], 0, "")
        return ports

    def port(self, key: str, label: str, lines: tuple[str, ...] = (), kind: str = "port") -> None:
        outer = self.outer
        alarm = kind == "end" and any(node in outer.alarming for node in outer.runs[self.first])
        outer.nodes.append(
            ViewNode(
                key, self.first, kind, label, self.role, label, block=self.frame, lines=lines, alarm=alarm
            )
        )

    def leave(self, inner: BodyViewBuilder, place: int, key: str, label: str, handed: Any) -> None:
        """Draw the port of a result of the body, and the edge to it."""
        node = inner.graph.outputs[place]
        tail = inner._tail(node, key, self.frame)
        self.port(key, label, kind="end")
        self.outer.edges.append(
            replace(inner._edge(node, tail, key, 0, "", to_python(handed)), node=self.first)
        )

    def child(
        self, body: Body, prefix: str, frame: Block, values: Values, ports: Mapping[int, str], used: set[Expr]
    ) -> BodyViewBuilder:
        """The nodes of a body that are used, drawn in a frame."""
        outer = self.outer
        renamed = named_body(body, self.names)
        graph = BodyGraph(*renamed, self.role)
        inner = type(outer)(graph, values, outer.digits, {}, outer.show, outer=outer, block=frame)
        inner.prefix = prefix
        inner.lengths = outer.lengths
        inner.steps = outer.steps[1:] if self.expr.op not in STEPLESS else outer.steps
        inner.keys.update(ports)
        inner.port_names = dict(enumerate(self.names))
        needed = {node for node, expr in enumerate(body.dag.exprs) if expr in used}
        for node in range(len(graph.exprs)):
            if node in needed:
                start = len(inner.nodes)
                inner.add(node)
                inner.nodes[start:] = [replace(each, node=self.first) for each in inner.nodes[start:]]
        return inner

    def inner_values(
        self, body: Body, step: int | None, adjoints: StepAdjoints | None, seeds: Mapping[int, Any]
    ) -> Values:
        """What is known of a body at a step."""
        if self.replay is None or step is None:
            return _NOTHING
        arguments = self.replay.arguments(step)
        values = run_arrays(body.dag, [np.asarray(value) for value in arguments])
        forward = {node: to_python(value) for node, value in enumerate(values)}
        if adjoints is None or not seeds:
            return Values(forward, {}, {}, ())
        record, dag = adjoints.record, body.dag
        wanted: dict[Any, Expr] = {("a", dag.node(node)): e for node, e in record.adjoints.items()}
        for kind, table in (("c", record.contributions), ("p", record.partials)):
            wanted |= {(kind, dag.node(user), slot): e for (user, slot), e in table.items()}
        found = {key: to_python(value) for key, value in adjoints.at(step, wanted, seeds).items()}
        return Values(
            forward,
            {key[1]: value for key, value in found.items() if key[0] == "a"},
            {key[1:]: value for key, value in found.items() if key[0] == "c"},
            (),
            "",
            {key[1:]: value for key, value in found.items() if key[0] == "p"},
        )

    def adjoints(self) -> StepAdjoints | None:
        """What flows back through the steps, where it is known of the results."""
        known = self.outer.values.adjoints
        received = {place: known[node] for place, node in self.wanted.items() if node in known}
        return StepAdjoints(self.replay, received) if received and self.replay is not None else None


def used_by(outputs: Sequence[Expr]) -> set[Expr]:
    """What is computed for some outputs."""
    used: set[Expr] = set()
    waiting = list(outputs)
    while waiting:
        node = waiting.pop()
        if node not in used:
            used.add(node)
            waiting += node.operands
    return used


class _LoopView(_RunView):
    """A `scan` or `while_loop`."""

    def __init__(
        self,
        outer: BodyViewBuilder,
        results: Sequence[int],
        frame: Block,
        replay: LoopReplay | None,
        step: int | None,
    ) -> None:
        super().__init__(outer, results, frame, replay)
        self.step = step
        if self.expr.op is WHILE:
            body, test = self.expr.attrs[:2] if replay is None else replay.bodies
            self.body = Body(body.inputs, (*body.outputs, *test.outputs))
            self.carries: int = self.expr.attrs[2]
        else:
            self.body = self.expr.attrs[0] if replay is None else replay.bodies[0]
            self.carries = self.expr.attrs[1]

    def draw(self) -> None:
        outer, body = self.outer, self.body
        ends = list(range(self.carries))
        ends += [place for place in sorted(self.wanted) if place >= self.carries and self.expr.op is SCAN]
        ends += [self.carries] if self.expr.op is WHILE else []
        used = used_by([body.outputs[place] for place in ends])
        adjoints = self.adjoints() if self.step is not None else None
        seeds = {} if adjoints is None or self.step is None else adjoints.seeds_at(self.step)
        values = self.inner_values(body, self.step, adjoints, seeds)
        read = {place for place, x in enumerate(body.inputs) if x in used or place < self.carries}
        ports = self.enter(body, 0, read)
        inner = self.child(body, f"{self.stem}b", self.frame, values, ports, used)
        for place in ends:
            key = f"{self.stem}o{place}" if not self._is_test(place) else f"{self.stem}w"
            self.leave(inner, place, key, self._end_name(place), seeds.get(place))
            if place < self.carries:
                outer.edges.append(ViewEdge(key, ports[place], 0, feedback=True))
        if self.expr.op is WHILE and self.carries in self.wanted:
            self.port(f"{self.stem}o{self.carries}", "steps", kind="end")

    def _is_test(self, place: int) -> bool:
        return self.expr.op is WHILE and place == self.carries

    def _end_name(self, place: int) -> str:
        if self._is_test(place):
            return "goes on if"
        if place < self.carries:
            return self.names[place]
        count = len(self.body.outputs) - self.carries
        return "each step" if count == 1 else f"each step {place - self.carries + 1}"


class _FunctionView(_RunView):
    """A function that stays a call."""

    def draw(self) -> None:
        body = self.expr.attrs[1] if self.replay is None else self.replay.bodies[0]
        places = sorted(self.wanted)
        used = used_by([body.outputs[place] for place in places])
        adjoints = self.adjoints()
        seeds = {} if adjoints is None else adjoints.seeds_at(0)
        values = self.inner_values(body, None if self.replay is None else 0, adjoints, seeds)
        ports = self.enter(body, 0, {place for place, x in enumerate(body.inputs) if x in used})
        inner = self.child(body, f"{self.stem}b", self.frame, values, ports, used)
        for place in places:
            label = "result" if len(body.outputs) == 1 else f"result {place + 1}"
            self.leave(inner, place, f"{self.stem}o{place}", label, seeds.get(place))


class _BranchView(_RunView):
    """A `switch` or `cond`."""

    def draw(self) -> None:
        outer, expr = self.outer, self.expr
        bodies: Sequence[Body] = expr.attrs[0] if self.replay is None else self.replay.bodies
        sides = [("else", 2), ("then", 1)] if is_cond(expr) else [
            (str(number), number + 1) for number in range(len(bodies))
        ]  # fmt: skip
        places = sorted(self.wanted)
        used = [used_by([body.outputs[place] for place in places]) for body in bodies]
        read = {
            place
            for body, mine in zip(bodies, used, strict=True)
            for place, x in enumerate(body.inputs)
            if x in mine
        }
        ports = self.enter(bodies[0], 1, read)
        adjoints = self.adjoints()
        seeds = {} if adjoints is None else adjoints.seeds_at(0)
        inner: dict[int, BodyViewBuilder] = {}
        order = sorted(range(len(bodies)), key=lambda number: sides[number][1])
        for place, number in enumerate(order):
            taken = self.replay is not None and self.replay.taken == number
            values = self.inner_values(bodies[number], 0 if taken else None, adjoints, seeds)
            side = (*self.frame, sides[number][0] if is_cond(expr) else f"branch {number}")
            outer.sides[side] = 2 * (place + 1) <= len(order)
            prefix = f"{self.stem}b{number}_"
            inner[number] = self.child(bodies[number], prefix, side, values, ports, used[number])
        asked = outer.graph.operands[self.first][0]
        if asked in outer.hidden:
            asked = outer.graph.operands[asked][0]
        for place in places:
            key = f"{self.stem}o{place}"
            node = self.wanted[place]
            adjoint = outer.values.adjoints.get(node) if outer.uses[node] != 1 else None
            label = "cond" if is_cond(expr) else "switch"
            outer.nodes.append(
                ViewNode(
                    key, self.first, "operation", label, self.role, run_label(expr), adjoint, block=self.frame
                )
            )
            tail = outer._tail(asked, key, outer.blocks[self.first])
            outer.edges.append(outer._edge(asked, tail, key, 0, "if" if is_cond(expr) else "number", None))
            for number, side in inner.items():
                output = side.graph.outputs[place]
                tail = side._tail(output, key, side.blocks[output])
                handed = seeds.get(place) if self.replay is not None and self.replay.taken == number else None
                edge = side._edge(output, tail, key, sides[number][1], sides[number][0], to_python(handed))
                outer.edges.append(replace(edge, node=self.first))


__all__ = ["BodyGraph", "BodyViewBuilder", "used_by"]

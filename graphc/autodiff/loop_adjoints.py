"""What flows back through a loop or branch at one of its steps: back-propagation through time, run with numbers.

A step receives the adjoints of what it carried on and of what it gave, and hands back to its arguments; the last step that ran
begins with what the results of the loop receive. Source: Werbos, Backpropagation through time (1990).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from graphc.autodiff.reverse import AdjointRecord, reverse
from graphc.interpret.loop_replay import LoopReplay
from graphc.interpret.numpy_eval import run_arrays
from graphc.ir.body import Body
from graphc.ir.expr import Expr, symbol
from graphc.ir.graph import Dag
from graphc.ir.types import is_float
from graphc.ops.control import known_shape
from graphc.ops.function_calls import STEPLESS


class StepAdjoints:
    """The adjoints in the body of a loop at its steps.

    replay : the loop
    received : number of a result → its adjoint; what receives nothing is left out
    record : the derivative of the body that runs, whose seeds are the symbols `seeds`
    """

    def __init__(self, replay: LoopReplay, received: Mapping[int, Any]) -> None:
        self.replay = replay
        self.received = received
        self.body: Body = replay.bodies[replay.taken]
        self.outputs: list[int] = [
            place for place, out in enumerate(self.body.outputs) if is_float(out.dtype)
        ]
        self.seeds: list[Expr] = [
            symbol(f"\2seed{place}", self.body.outputs[place].shape, self.body.outputs[place].dtype)
            for place in self.outputs
        ]
        self.inputs: list[Expr] = [x for x in self.body.inputs if is_float(x.dtype)]
        self.record: AdjointRecord = reverse(
            [self.body.outputs[place] for place in self.outputs], self.seeds, self.inputs
        )

    def seeds_at(self, step: int) -> dict[int, Any]:
        """The adjoint of each float output of the body at a step."""
        carries = [place for place in self.outputs if place < self.replay.carries]
        adjoints = [self.record.adjoint(self.body.inputs[place]) for place in carries]
        back = Dag(adjoints, [*self.body.inputs, *self.seeds]) if carries else None
        carried = {place: self._given(place) for place in carries}
        for earlier in reversed(self.replay.order):
            seeds = {
                place: carried[place] if place < self.replay.carries else self._given(place, earlier)
                for place in self.outputs
            }
            if earlier == step:
                return seeds
            if back is None:
                continue
            values = run_arrays(back, self._arrays(earlier, seeds))
            carried = {place: values[out] for place, out in zip(carries, back.outputs, strict=True)}
        return {}

    def at(
        self, step: int, wanted: Mapping[Any, Expr], seeds: Mapping[int, Any] | None = None
    ) -> dict[Any, Any]:
        """The values of expressions of the record at a step."""
        dag = Dag(list(wanted.values()), [*self.body.inputs, *self.seeds])
        values = run_arrays(dag, self._arrays(step, self.seeds_at(step) if seeds is None else seeds))
        return {key: values[out] for key, out in zip(wanted, dag.outputs, strict=True)}

    def _arrays(self, step: int, seeds: Mapping[int, Any]) -> list[np.ndarray]:
        return [np.asarray(value) for value in (*self.replay.arguments(step), *seeds.values())]

    def _given(self, place: int, step: int | None = None) -> Any:
        """What a result of the loop receives; of what each step gave, that of a step."""
        value = self.received.get(place)
        out = self.body.outputs[place]
        if value is None:
            return np.zeros(known_shape(out.shape), out.dtype)
        whole = np.asarray(value, out.dtype)
        return whole if step is None or self.replay.node.op in STEPLESS else whole[step]


__all__ = ["StepAdjoints"]

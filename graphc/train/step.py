"""One step of training: loss, gradients and the next value of every parameter in one compiled function."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from graphc.api.compile import compile
from graphc.api.functions import grad
from graphc.errors import CompileError, ExpressionError, GraphcError, InputError, TrainingError, brief
from graphc.interpret.numpy_eval import run
from graphc.ir.expr import Expr, cast, free_symbols, symbol
from graphc.ir.graph import Dag
from graphc.ir.inputs import as_value, check_apart
from graphc.ir.types import format_shape, is_float
from graphc.train.optimisers import COUNT, RATE, Optimiser
from graphc.train.row_reductions import Rows, summed_part
from graphc.util.arguments import listed, mapping, number

Arrays = dict[str, np.ndarray]


class Trainable(Protocol):
    """What can be trained: `nn.Model`, or `Parameters`."""

    values: Arrays

    @property
    def parameters(self) -> Mapping[str, Expr]:
        """Name → symbol of what is learned."""
        ...


@dataclass
class Parameters:
    """Symbols with the arrays that they begin as, to be trained without a model.

    >>> a = symbol("a", shape=(2,))
    >>> Parameters({a: [1.0, 2.0]}).values
    {'a': array([1., 2.])}
    """

    begin: Mapping[Expr, Any]
    parameters: dict[str, Expr] = field(init=False)
    values: Arrays = field(init=False)

    def __post_init__(self) -> None:
        for key in self.begin if isinstance(self.begin, Mapping) else [self.begin]:
            if not isinstance(key, Expr) or not key.is_symbol:
                raise InputError(
                    f"parameters are symbols, not {brief(key)}", hint='w = g.symbol("w"); {w: begin}'
                )
        self.parameters = {key.name: key for key in self.begin}
        # a copy: training writes to it, and not to what was given
        self.values = {key.name: np.array(as_value(key, value)) for key, value in self.begin.items()}


def make_step(outputs: Any, inputs: Iterable[Expr], updates: Mapping[Expr, Expr]) -> Callable[..., list[Any]]:
    """f(*arrays) → the outputs' values; then the arrays passed for the keys of `updates` hold the next values.

    All next values are computed from the values that were passed. Machine code where the graph can be lowered, else the
    interpreter.
    """
    outputs = listed("outputs", outputs, "make_step([loss], [x, w], {w: w - 0.1*dw})")
    inputs = listed("inputs", inputs, "make_step([loss], [x, w], {w: w - 0.1*dw})")
    updates = mapping("updates", updates, "write updates={w: w - 0.1*dw}")
    if updates and "updates" not in inspect.signature(compile).parameters:
        return _interpreted(outputs, inputs, updates)
    extra: dict[str, Any] = {"updates": dict(updates)} if updates else {}
    try:
        return compile(outputs, inputs, **extra)  # type: ignore[return-value]
    except CompileError:
        return _interpreted(outputs, inputs, updates)


def _interpreted(
    outputs: list[Expr], inputs: list[Expr], updates: Mapping[Expr, Expr]
) -> Callable[..., list[Any]]:
    dag = Dag([*outputs, *updates.values()], inputs)
    targets = [inputs.index(key) for key in updates]

    def step(*arrays: Any) -> list[Any]:
        check_apart([inputs[target].name for target in targets], [arrays[target] for target in targets])
        values = run(dag, dict(zip(inputs, arrays, strict=True)))
        outcomes = [values[place] for place in dag.outputs]
        # what is a view of an array that is written to below must not change with it
        shown, following = (
            [np.array(value)[()] for value in outcomes[: len(outputs)]],
            outcomes[len(outputs) :],
        )
        copies = [np.array(value) for value in following]
        for target, value in zip(targets, copies, strict=True):
            np.copyto(arrays[target], value)
        return shown

    return step


def check_model(model: Any) -> None:
    """Raises `InputError` for what has no parameters and values to train."""
    parts = [getattr(model, name, None) for name in ("parameters", "values")]
    if not all(isinstance(part, Mapping) for part in parts):
        raise InputError(
            f"a model has parameters and values, and {brief(model)} has not",
            hint="nn.Model(layers, x), or train.Parameters({w: begin})",
        )


class Step:
    """The compiled step of a model under a loss.

    Parameters
    ----------
    model : an `nn.Model`, or `Parameters`
    loss : a float scalar of the model's parameters and of `inputs`
    optimiser : how the parameters move
    inputs : the symbols that data is given for, in their order

    `step(batch, rate)` moves `model.values` in place and returns the loss before the move; where the loss reads masks of dropout,
    `step(batch, rate, model.draw_masks(rng, batch))`. `state` holds the optimiser's arrays, `masks` the masks that are read,
    `summed` the part of the last loss that is a sum over the rows of its batch.
    Raises `ExpressionError` where the loss is no scalar, or reads what is neither parameter nor input.
    """

    model: Trainable
    loss: Expr
    optimiser: Optimiser

    def __init__(self, model: Trainable, loss: Expr, optimiser: Optimiser, inputs: Iterable[Expr]) -> None:
        if not isinstance(loss, Expr) or loss.shape or not is_float(loss.dtype):
            what = (
                f"{loss.dtype}{format_shape(loss.shape)}" if isinstance(loss, Expr) else type(loss).__name__
            )
            raise ExpressionError(
                f"a loss is a float scalar, not {what}", hint="g.mean(…) of the samples' losses"
            )
        if not isinstance(optimiser, Optimiser):
            raise InputError(f"{brief(optimiser)} is no optimiser", hint="train.SGD(0.01)")
        check_model(model)
        self.model, self.loss, self.optimiser = model, loss, optimiser
        self.inputs: list[Any] = listed("inputs", inputs, "the symbols that data is given for: [x, labels]")
        for key in self.inputs:
            if not isinstance(key, Expr) or not key.is_symbol:
                raise InputError(f"inputs are symbols, not {brief(key)}", hint="[x, labels]")
        buffers: Mapping[str, Expr] = getattr(model, "buffers", {})
        used = set(free_symbols(loss))
        # what the loss does not read stays as it is
        moved = {key: w for key, w in model.parameters.items() if w in used}
        if not moved:
            raise ExpressionError("the loss depends on no parameter of the model", node=repr(loss))
        updates: dict[Expr, Expr] = {}
        self.state: Arrays = {"steps": np.zeros(())}
        self._slots: dict[str, Expr] = {}
        self._of_data: dict[Expr, Expr] = {}
        slopes = dict(zip(moved, grad(loss, list(moved.values())), strict=True))
        slopes = self._computed({f"gradient.{key}": d for key, d in slopes.items()})
        for (key, w), d in zip(moved.items(), slopes.values(), strict=True):
            own = {
                name: symbol(f"optimiser.{name}.{key}", shape=w.shape, dtype=w.dtype)
                for name in optimiser.states
            }
            updates[w], following = optimiser.move(
                w, d, cast(RATE, w.dtype) if w.dtype != RATE.dtype else RATE, own
            )
            for name, slot in own.items():
                updates[slot] = following[name]
                self._slots[f"{name}.{key}"] = slot
                self.state[f"{name}.{key}"] = np.zeros_like(model.values[key])
        following = dict(getattr(model, "buffer_updates", {}))
        for key, value in zip(following, self._computed(following).values(), strict=True):
            updates[buffers[key]] = value
        self._values = {**moved, **{k: b for k, b in buffers.items() if b in updates or b in used}}
        self.updates = updates
        read = set(free_symbols(loss, *updates.values(), *self._of_data.values()))
        masks: Mapping[str, Any] = getattr(model, "masks", {})
        self.masks: dict[str, Expr] = {key: mask for key, (mask, _) in masks.items() if mask in read}
        known = {
            *self._values.values(),
            *self._slots.values(),
            *self.masks.values(),
            *self.inputs,
            *self._of_data,
            COUNT,
            RATE,
        }
        stray = sorted(s.name for s in read - known)
        if stray:
            raise ExpressionError(
                f"the loss reads {', '.join(map(repr, stray[:5]))}, for which there is neither parameter nor data",
                hint="give an array for it beside the others, as in {x: …, labels: …}",
            )
        self._order = [
            *self.inputs, *self.masks.values(), *self._values.values(), *self._slots.values(), COUNT, RATE,
        ]  # fmt: skip
        axes = [key.shape[0] for key in self.inputs if key.shape and isinstance(key.shape[0], str)]
        summed = summed_part(loss, Rows(axes[0] if axes else None))
        self._summed = summed
        apart = [] if summed is None or summed is loss else [summed]
        self.summed = 0.0
        self._function = self._made([loss, *apart], updates)

    def _computed(self, named: Mapping[str, Expr]) -> dict[str, Expr]:
        """What the updates read of the data, for the formulas of it: these themselves."""
        return dict(named)

    def _made(self, outputs: list[Expr], updates: Mapping[Expr, Expr]) -> Callable[..., list[Any]]:
        """The compiled step: the outputs' values, when the updates have been made."""
        return make_step(outputs, self._order, updates)

    def __call__(
        self, batch: Mapping[Expr, Any], rate: float, masks: Mapping[str, Any] | None = None
    ) -> float:
        """Move the parameters by one batch; returns the loss before the move."""
        return self.take(self.arguments(batch, rate, masks))

    def take(self, arguments: list[Any]) -> float:
        """The same with what `arguments` gave for the batch."""
        self.state["steps"] += 1
        try:
            value, *apart = map(float, self._function(*arguments))
        except InputError as error:
            self.state["steps"] -= 1  # nothing has moved
            raise of_data(error, dict(zip(self.inputs, arguments, strict=False))) from error
        self.summed: float = 0.0 if self._summed is None else apart[0] if apart else value
        return value

    def arguments(
        self, batch: Mapping[Expr, Any], rate: float, masks: Mapping[str, Any] | None = None
    ) -> list[Any]:
        """What the compiled function takes for a batch."""
        hint = "{x: …, labels: …}, symbols as the keys"
        batch = mapping("a batch", batch, hint)
        masks = {} if masks is None else mapping("masks", masks, "model.draw_masks(rng, batch)")
        rate = number("the rate", rate, lambda rate: rate == rate, "step(batch, 0.01)")
        if missing := [key.name for key in self.inputs if key not in batch]:
            raise InputError(f"the batch has nothing for {missing[0]!r}", hint=hint)
        if missing := [key for key in self.masks if key not in masks]:
            raise InputError(
                f"the step reads the mask {missing[0]!r}",
                hint="step(batch, rate, model.draw_masks(rng, batch)), with a numpy.random.Generator",
            )
        return [
            *(as_value(key, batch[key]) for key in self.inputs),
            *(masks[key] for key in self.masks),
            *self._present(),
            self.state["steps"],
            np.asarray(rate, dtype=np.float64),
        ]

    @property
    def fixed(self) -> int:
        """How many of the arguments are data and masks, before the values and states."""
        return len(self.inputs) + len(self.masks)

    def like(self, arguments: list[Any]) -> list[Any]:
        """Arguments for the same data with the values and states as they are now."""
        return [*arguments[: self.fixed], *self._present(), *arguments[-2:]]

    def _present(self) -> list[np.ndarray]:
        """The values and states as they are now."""
        return [*(self.model.values[key] for key in self._values), *(self.state[key] for key in self._slots)]

    def put_back(self, arguments: list[Any]) -> bool:
        """Write back the values and states of former arguments, which count their own step; False where they are not finite."""
        copies = arguments[self.fixed : -2]
        if any(_any(lambda v: ~np.isfinite(v), array) for array in copies):
            return False
        own = self.like(arguments)[self.fixed : -2]
        for array, former in zip(own, copies, strict=True):
            np.copyto(array, former)
        self.state["steps"][...] = arguments[-2] - 1
        return True

    def arrays(self) -> Arrays:
        """Everything that a step reads and writes beside the data, by name."""
        values = {f"value/{key}": array for key, array in self.model.values.items()}
        return {**values, **{f"state/{key}": array for key, array in self.state.items()}}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Write back what `arrays` gave."""
        for name, array in self.arrays().items():
            np.copyto(array, arrays[name])

    def culprit(self, arguments: list[Any], after: bool = False) -> str:
        """The first node of the step that is not finite though what it is computed from is: found by the interpreter.

        after : whether the parameters' next values are looked at as well
        """
        dag = Dag([self.loss, *(self.updates.values() if after else ())], self._order)
        try:
            values = run(dag, dict(zip(self._order, arguments, strict=True)))
        except GraphcError as error:
            return f"the interpreter refuses the step: {error.message}"
        nan, infinite = ([_any(test, value) for value in values] for test in (np.isnan, np.isinf))
        for bad in (nan, infinite):
            reached = _reached(dag, bad)
            for place, operands in enumerate(dag.operands):
                if place not in reached or any(bad[operand] for operand in operands):
                    continue
                if dag.exprs[place] in self.inputs:
                    return _spoilt_data(dag.exprs[place], values[place])
                causes = [_described(dag, place, values)]
                while source := next((operand for operand in dag.operands[place] if infinite[operand]), None):
                    place = source  # whence the infinity came
                if dag.exprs[place] in self.inputs:
                    return _spoilt_data(dag.exprs[place], values[place])
                if infinite[place] and bad is nan:
                    causes.append(_described(dag, place, values))
                return "; ".join(causes)
        return "no node of the step is infinite or NaN in the interpreter"


def _any(test: Any, value: Any) -> bool:
    return np.asarray(value).dtype.kind == "f" and bool(test(value).any())


def _reached(dag: Dag, bad: list[bool]) -> set[int]:
    """The bad nodes from which a bad output comes through bad nodes: what a branch leaves out is not to blame."""
    reached: set[int] = set()
    pending = [output for output in dag.outputs if bad[output]]
    while pending:
        place = pending.pop()
        if place not in reached:
            reached.add(place)
            pending += [operand for operand in dag.operands[place] if bad[operand]]
    return reached


def _spoilt_data(key: Expr, value: Any) -> str:
    """What is wrong with the data of a batch."""
    wrong = ~np.isfinite(value)
    rows = np.unique(np.argwhere(wrong)[:, 0]) if np.ndim(value) else np.empty(0)
    where = f", first in its row {rows[0]}" if rows.size and len(value) > 1 else ""
    return f"the data for {key.name!r} holds {float(np.asarray(value)[wrong].flat[0])} in this batch{where}"


def _described(dag: Dag, place: int, values: list[Any]) -> str:
    """A node that is not finite, between which numbers its operands lie, and where it was written."""
    node, parts = dag.exprs[place], []
    for operand in dag.operands[place]:
        value = np.asarray(values[operand])
        if value.size and value.dtype.kind in "fiu":
            low, high = value.min(), value.max()
            parts.append(f"{low:.4g}" if low == high else f"values from {low:.4g} to {high:.4g}")
    text = f"{brief(node, 120)} is {'NaN' if _any(np.isnan, values[place]) else 'infinite'}"
    if parts:
        text += f", computed from {' and '.join(parts)}"
    return text + (f", written at {node.site}" if node.site is not None else "")


def of_data(error: InputError, rows: Mapping[Expr, Any]) -> InputError:
    """The error of a call that refuses its data, with what the whole numbers in it are: labels out of range, say."""
    shapes = [
        f"{key.name!r} holds {np.min(array)} to {np.max(array)}"
        for key, array in rows.items()
        if key.dtype.kind in "iu" and np.size(array)
    ]
    if not shapes or "out of range" not in error.message:
        return error
    message = f"{error.message}; in this batch {', '.join(shapes)}"
    return InputError(message, node=error.node, site=error.site, hint=error.hint)


def nonfinite(step: Step, arguments: list[Any], before: list[Any] | None, where: str) -> TrainingError:
    """The error of a loss that is no number: names the node that made it, in this step or in the one before.

    arguments, before : what this step and the one before it were called with
    """
    fixed = step.fixed
    spoilt = [
        node.name
        for node, value in zip(step._order[fixed:], arguments[fixed:], strict=True)
        if _any(lambda v: ~np.isfinite(v), value)
    ]
    if spoilt and before is not None and not any(_any(lambda v: ~np.isfinite(v), v) for v in before[fixed:]):
        cause = f"the step before it spoilt {spoilt[0]!r}: {step.culprit(before, after=True)}"
    elif spoilt:
        cause = f"the values of {spoilt[0]!r} are not finite before the step"
    else:
        cause = step.culprit(arguments)
    return TrainingError(
        f"training does not stay finite {where}: {cause}",
        hint="data without NaN and infinities"
        if cause.startswith("the data for") or ": the data for" in cause
        else "a lower rate, or a formula that stays finite there; g.explain and g.stabilize help to find one",
    )


__all__ = ["Parameters", "Step", "Trainable", "check_model", "make_step", "nonfinite", "of_data"]

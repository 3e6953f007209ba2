"""The training loop: epochs of compiled steps, with what is recorded, saved, shown and stopped along the way."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from graphc.errors import ExpressionError, FormatError, InputError, TrainingError, brief
from graphc.ir.expr import Expr, free_symbols
from graphc.ir.inputs import as_count
from graphc.train.checkpoint import RECORDED, read_checkpoint, write_checkpoint
from graphc.train.data import Batches
from graphc.train.history import History
from graphc.train.optimisers import Optimiser
from graphc.train.schedules import Schedule
from graphc.train.step import Step, Trainable, check_model, make_step, nonfinite, of_data
from graphc.util.archive import check_path
from graphc.util.arguments import function, mapping, truth
from graphc.util.progress import tqdm


class _Interrupts:
    """Ctrl-C held back until a step is complete; the second one is not."""

    def __init__(self) -> None:
        self.pending = False

    @contextmanager
    def held(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        former = signal.getsignal(signal.SIGINT)

        def note(number: int, frame: Any) -> None:
            if self.pending:
                raise KeyboardInterrupt
            self.pending = True

        signal.signal(signal.SIGINT, note)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, former)


def fit(
    model: Trainable,
    loss: Expr,
    data: Mapping[Expr, Any],
    *,
    optimiser: Optimiser,
    epochs: int,
    every: int = 1,
    batch: int | None = 64,
    seed: int = 0,
    shuffle: bool = True,
    schedule: Schedule | None = None,
    validation: Mapping[Expr, Any] | None = None,
    metrics: Mapping[str, Expr] | None = None,
    stop: Callable[[History], bool] | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = False,
    progress: bool | None = None,
    each: Callable[[History], None] | None = None,
) -> History:
    """Train a model: its `values` are changed in place.

    Parameters
    ----------
    model : an `nn.Model`, or `Parameters`
    loss : a float scalar, of `model.training_output` and the symbols of `data`
    data : symbol → array, whose rows make up the batches (see `Batches`)
    optimiser : `SGD(rate)`, `Adam(rate)`, …
    epochs : how many passes over the data, those of a checkpoint included
    every : epochs between two records: after so many, and after the last one, metrics are measured, a record is made, the
        checkpoint is written, and `stop`, `schedule` and `each` are asked
    batch : rows of a mini-batch; None for all at once
    seed : of the order of the rows and of the masks of dropout
    schedule : (rate, history) → the rate from this record to the next, as `Halving()`
    validation : symbol → array, on which `metrics` are computed; without it on `data`
    metrics : name → float scalar, a mean over rows: what is recorded beside the loss, of `model.output`
    stop : (history) → whether to stop, as `EarlyStop()`
    checkpoint : a file of .npz that is written with every record, and on Ctrl-C after the step that is running
    resume : whether to go on from `checkpoint` where it exists, to the bits that training without a break would give
    progress : whether to show a bar with loss, rate and remaining time; by default on a terminal only
    each : called with the history after every record

    Returns the `History`: a record for each epoch, or for every `every` of them: the number of the last one, and the loss as the
    mean over their steps' rows. Raises `TrainingError` when the loss is no finite number, naming the node that made it: the model
    then has the values from before the step that spoilt them; `FormatError` for a checkpoint of another training; what `Step` and
    `Batches` raise.

    >>> from graphc.ir.expr import symbols, symbol
    >>> from graphc.ops.reduce import mean
    >>> from graphc.train import SGD, Parameters
    >>> x, y, a = symbol("x", shape=("n",)), symbol("y", shape=("n",)), symbol("a")
    >>> line = Parameters({a: 0.0})
    >>> history = fit(line, mean((a * x - y) ** 2), {x: [1, 2], y: [3, 6]}, optimiser=SGD(0.1), epochs=50, batch=None)
    >>> round(float(line.values["a"]), 6)
    3.0
    """
    epochs = as_count(epochs, "{} epochs", "epochs=10", 0)
    every = as_count(every, "a record every {} epochs", "every=1")
    seed = as_count(seed, "a seed of {}", "seed=0", 0)
    metrics = {} if metrics is None else metrics
    resume = truth("resume", resume)
    progress = None if progress is None else truth("progress", progress)
    _check(metrics, {"schedule": (schedule, 2), "stop": (stop, 1), "each": (each, 1)}, checkpoint, resume)
    batches = Batches(data, batch, seed=seed, shuffle=shuffle)
    step = Step(model, loss, optimiser, batches.arrays)
    measure = _measure(model, metrics, validation if validation is not None else data, seed)
    same = {
        "optimiser": repr(optimiser), "seed": seed, "rows": batches.rows, "batch size": batches.size, "shuffle": shuffle,
    }  # fmt: skip
    history, first, done, total = History(), 0, 0, 0.0
    if checkpoint is not None and resume and Path(checkpoint).exists():
        arrays, meta = read_checkpoint(checkpoint, step.arrays(), same)
        if meta["batch"] > len(batches):  # as many: interrupted after the last one
            raise FormatError(
                f"{brief(checkpoint, 200)}: the record of the checkpoint is damaged: there is no batch {meta['batch']}"
            )
        step.restore(arrays)
        history, first, done, total = History(meta["history"]), meta["epoch"], meta["batch"], meta["total"]
        if not done and first < epochs and first % every and meta.get("every") == every:
            history.records.pop()  # the last one of a shorter training: without a break its epochs go on to the next
        elif not done:
            total = 0.0

    def save(epoch: int, batch: int, total: float) -> None:
        if checkpoint is not None:
            record = {
                "epoch": epoch,
                "batch": batch,
                "total": total,
                "every": every,
                "history": history.records,
            }
            write_checkpoint(checkpoint, step.arrays(), {**same, **record})

    interrupts = _Interrupts()
    guard = _Guard(step)
    with (
        interrupts.held(),
        tqdm().tqdm(
            total=epochs * len(batches),
            initial=min(first * len(batches) + done, epochs * len(batches)),
            disable=None if progress is None else not progress,
            unit="step",
        ) as bar,
    ):
        rate, began = optimiser.rate, 0.0
        for epoch in range(first, epochs):
            if epoch in (first, history.epochs):
                if stop is not None and len(history) and history.epochs == epoch and stop(history):
                    break
                rate = optimiser.rate if schedule is None else _rate(schedule(optimiser.rate, history))
                began = time.perf_counter()
            for place, rows in enumerate(batches.epoch(epoch, done), done):
                masks = _masks(model, rows, seed, epoch, place) if step.masks else {}
                value = guard(rows, rate, masks, epoch, place)
                total += value * batches.rows_of(place)
                if bar.update():
                    bar.set_postfix(loss=f"{value:.4g}", rate=f"{rate:.3g}", refresh=False)
                if interrupts.pending:
                    save(epoch, place + 1, total)
                    raise KeyboardInterrupt
            done = 0
            if (epoch + 1) % every and epoch + 1 < epochs:
                continue
            guard.settled(f"after epoch {epoch + 1}")
            mean = total / (batches.rows * (epoch + 1 - history.epochs))
            took = time.perf_counter() - began
            bar.set_postfix(loss=f"{mean:.4g}", rate=f"{rate:.3g}", refresh=False)
            history.records.append(
                {"epoch": epoch + 1, "loss": mean, "rate": rate, **measure(), "seconds": took}
            )
            save(epoch + 1, 0, total)
            total = 0.0
            if each is not None:
                each(history)
            if interrupts.pending:  # in the meantime, with everything saved
                raise KeyboardInterrupt
    return history


def _check(
    metrics: Mapping[str, Expr],
    functions: Mapping[str, tuple[Any, int]],
    checkpoint: str | os.PathLike[str] | None,
    resume: bool,
) -> None:
    """Refuses before the first step what would be refused after the first epoch."""
    if not isinstance(metrics, Mapping):
        raise InputError(f"metrics are named, not {brief(metrics)}", hint='metrics={"error": …}')
    for name, (callback, count) in functions.items():
        if callback is not None:
            function(name, callback, count, "schedule=train.Halving(), stop=train.EarlyStop()")
    for name in metrics:
        if name in RECORDED:
            raise InputError(f"a metric cannot be called {name!r}: every record has one", hint="another name")
    if checkpoint is not None:
        check_path(checkpoint)
    elif resume:
        raise InputError("there is no checkpoint to resume from", hint='checkpoint="run.npz"')


def _rate(rate: Any) -> float:
    """The rate that a schedule gives."""
    if isinstance(rate, bool) or not isinstance(rate, (int, float, np.number)) or not 0 <= rate < math.inf:
        raise InputError(
            f"the schedule gives a rate of {brief(rate, 40)}",
            hint="(rate, history) → a number: lambda rate, history: 0.1",
        )
    return float(rate)


class _Guard:
    """Steps whose loss must stay finite: what the last two began from is kept, to find the node that fails, and to go back to."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self._kept: list[list[Any]] = []

    def __call__(
        self, rows: Mapping[Expr, Any], rate: float, masks: Mapping[str, Any], epoch: int, place: int
    ) -> float:
        arguments = self.step.arguments(rows, rate, masks)
        fixed = self.step.fixed
        if len(self._kept) < 2:
            self._kept.append([*arguments[:fixed], *(np.array(array) for array in arguments[fixed:])])
        else:
            self._kept.append(copies := self._kept.pop(0))
            copies[:fixed] = arguments[:fixed]
            for own, array in zip(copies[fixed:], arguments[fixed:], strict=True):
                np.copyto(own, array)
        self._kept[-1][-2] += 1  # the step counts itself
        value = self.step.take(arguments)
        if not math.isfinite(value):
            before = self._kept[-2] if len(self._kept) == 2 else None
            where = f"in step {place + 1} of epoch {epoch + 1}"
            raise self._restored(nonfinite(self.step, self._kept[-1], before, where))
        return value

    def settled(self, where: str) -> None:
        """Raises `TrainingError` where the last step left a value that is not finite: no later loss would show it."""
        arrays = list(self.step.model.values.values())
        if self._kept and not all(np.isfinite(array).all() for array in arrays):
            raise self._restored(nonfinite(self.step, self.step.like(self._kept[-1]), self._kept[-1], where))

    def _restored(self, error: TrainingError) -> TrainingError:
        """The error, after the model has been put back to what it was when all of it was finite."""
        for copies in reversed(self._kept):
            if self.step.put_back(copies):
                break
        return error


def _masks(
    model: Trainable, rows: Mapping[Expr, Any], seed: int, epoch: int, place: int
) -> dict[str, np.ndarray]:
    """The masks of dropout for one batch, decided by the seed and the numbers of epoch and batch."""
    return model.draw_masks(np.random.default_rng([seed, epoch, place]), rows)  # type: ignore[attr-defined]


def _measure(
    model: Trainable, metrics: Mapping[str, Expr], data: Mapping[Expr, Any], seed: int
) -> Callable[[], dict[str, float]]:
    """A function that gives the metrics' means over the rows of some data."""
    metrics = mapping("metrics", metrics, 'metrics={"error": …}')
    data = mapping("the data", data, "{x: …, labels: …}, symbols as the keys")
    check_model(model)
    if not metrics:
        return dict
    for name, expr in metrics.items():
        if not isinstance(expr, Expr) or expr.shape:
            raise ExpressionError(f"the metric {name!r} is no scalar", hint="g.mean(…) over the samples")
    read = {symbol for expr in metrics.values() for symbol in free_symbols(expr)}
    needed = {key: array for key, array in data.items() if key in read}
    batches = Batches(needed or data, 1000, seed=seed, shuffle=False)
    values = {**model.parameters, **getattr(model, "buffers", {})}
    stored = {key: symbol for key, symbol in values.items() if symbol in read}
    stray = sorted(s.name for s in read - set(stored.values()) - set(batches.arrays))
    if stray:
        raise ExpressionError(
            f"the metrics read {', '.join(map(repr, stray[:5]))}, for which there is no data"
        )
    measured = make_step(metrics.values(), [*batches.arrays, *stored.values()], {})

    def measure() -> dict[str, float]:
        totals = np.zeros(len(metrics))
        for place, rows in enumerate(batches.epoch(0)):
            try:
                sums = measured(*rows.values(), *(model.values[key] for key in stored))
            except InputError as error:
                raise of_data(error, rows) from error
            totals += batches.rows_of(place) * np.array([float(value) for value in sums])
        return dict(zip(metrics, (totals / batches.rows).tolist(), strict=True))

    return measure


def evaluate(model: Trainable, metrics: Mapping[str, Expr], data: Mapping[Expr, Any]) -> dict[str, float]:
    """The metrics' means over the rows of some data, with the model's present values.

    metrics : name → float scalar, a mean over rows

    >>> from graphc.ir.expr import symbol
    >>> from graphc.ops.reduce import mean
    >>> from graphc.train import Parameters
    >>> x, a = symbol("x", shape=("n",)), symbol("a")
    >>> evaluate(Parameters({a: 2.0}), {"mean": mean(a * x)}, {x: [1.0, 3.0]})
    {'mean': 4.0}
    """
    return _measure(model, metrics, data, 0)()


__all__ = ["evaluate", "fit"]

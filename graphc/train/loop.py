"""The training loop: epochs of compiled steps, with what is recorded, saved, shown and stopped along the way."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from graphc.errors import FormatError, InputError, TrainingError, brief
from graphc.frontend.interop.cluster import ClusterData
from graphc.ir.expr import Expr
from graphc.ir.inputs import as_count
from graphc.train.checkpoint import RECORDED, read_checkpoint, write_checkpoint
from graphc.train.cluster import ClusterBatches, ClusterStep, measured_on_cluster
from graphc.train.data import Batches
from graphc.train.history import History
from graphc.train.metrics import measured
from graphc.train.optimisers import Optimiser
from graphc.train.schedules import Schedule
from graphc.train.step import Step, Trainable, nonfinite
from graphc.util.archive import check_path
from graphc.util.arguments import function, truth
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
    client: Any = None,
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
    metrics : name → scalar, of `model.output`: what is recorded beside the loss, over all rows (see `evaluate`)
    stop : (history) → whether to stop, as `EarlyStop()`
    checkpoint : a file of .npz that is written with every record, and on Ctrl-C after the step that is running
    resume : whether to go on from `checkpoint` where it exists, to the bits that training without a break would give
    progress : whether to show a bar with loss, rate and remaining time; by default on a terminal only
    each : called with the history after every record
    client : of `dask.distributed`, whose workers compute loss and gradients block by block: data are Dask arrays, mapped files,
        or NumPy's arrays, which are sent once. `shuffle` changes the order of blocks and of the rows in each. The loss is of
        sums, means and the like over the rows, as of compiled functions of Dask arrays. One chunking gives one result, to the
        bit

    Returns the `History`: a record for each epoch, or for every `every` of them: the number of the last one, and the loss of an
    epoch: of what it sums over rows the sum over all rows, of the rest the mean of the steps weighted by their rows. Raises
    `TrainingError` when the loss is no finite number, naming the node or the data that made it: the model then has the values
    from before the step that spoilt them; `FormatError` for a checkpoint of another training; what `Step` and `Batches` raise.

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
    batches, step, measure = _parts(
        model, loss, data, optimiser, batch, seed, shuffle, metrics, validation, client
    )
    same = {
        "optimiser": repr(optimiser), "seed": seed, "rows": batches.rows, "batch size": batches.size, "shuffle": shuffle,
        **batches.same,
    }  # fmt: skip
    settings = _Settings(
        optimiser.rate, epochs, every, seed, schedule, stop, each, checkpoint, progress, same
    )
    training = _Training(model, step, batches, measure, settings)
    if checkpoint is not None and resume and Path(checkpoint).exists():
        training.resume(checkpoint)
    training.run()
    return training.history


def _parts(
    model: Trainable,
    loss: Expr,
    data: Mapping[Expr, Any],
    optimiser: Optimiser,
    batch: int | None,
    seed: int,
    shuffle: bool,
    metrics: Mapping[str, Expr],
    validation: Mapping[Expr, Any] | None,
    client: Any,
) -> tuple[Batches | ClusterBatches, Step, Callable[[], dict[str, float]]]:
    """Batches, step and metrics, of this machine or of a cluster."""
    if client is None:
        batches = Batches(data, batch, seed=seed, shuffle=shuffle)
        step = Step(model, loss, optimiser, batches.arrays)
        return batches, step, measured(model, metrics, validation if validation is not None else data, seed)
    held = ClusterData(client, data)
    blocks = ClusterBatches(held, batch, seed=seed, shuffle=shuffle)
    over = held if validation is None else ClusterData(client, validation)
    step = ClusterStep(model, loss, optimiser, blocks)
    return blocks, step, measured_on_cluster(model, metrics, over)


@dataclass(frozen=True)
class _Settings:
    """What `fit` was asked for, checked, under the names of its arguments.

    rate : the optimiser's own; same : what a checkpoint must have been written with
    """

    rate: float
    epochs: int
    every: int
    seed: int
    schedule: Schedule | None
    stop: Callable[[History], bool] | None
    each: Callable[[History], None] | None
    checkpoint: str | os.PathLike[str] | None
    progress: bool | None
    same: Mapping[str, Any]


class _Training:
    """A training: its history so far, and where it stands.

    first, done : the epoch that it begins with, and the batches of it that were done before
    total : of the losses of the rows since the last record
    """

    def __init__(
        self,
        model: Trainable,
        step: Step,
        batches: Batches | ClusterBatches,
        measure: Callable[[], dict[str, float]],
        settings: _Settings,
    ) -> None:
        self.model = model
        self.step = step
        self.batches = batches
        self.measure = measure
        self.settings = settings
        self.history = History()
        self.first = self.done = 0
        self.total = 0.0
        self._interrupts = _Interrupts()
        self._guard = _Guard(step)

    def resume(self, checkpoint: str | os.PathLike[str]) -> None:
        """Go on from a checkpoint."""
        settings = self.settings
        arrays, meta = read_checkpoint(checkpoint, self.step.arrays(), settings.same)
        if meta["batch"] > len(self.batches):  # as many: interrupted after the last one
            raise FormatError(
                f"{brief(checkpoint, 200)}: the record of the checkpoint is damaged: there is no batch {meta['batch']}"
            )
        self.step.restore(arrays)
        self.history = History(meta["history"])
        self.first, self.done, self.total = meta["epoch"], meta["batch"], meta["total"]
        shorter = self.first < settings.epochs and self.first % settings.every
        if not self.done and shorter and meta.get("every") == settings.every:
            self.history.records.pop()  # the last one of a shorter training: without a break its epochs go on to the next
        elif not self.done:
            self.total = 0.0

    def run(self) -> None:
        """Train to the end, or until `stop` says so."""
        settings, steps = self.settings, self.settings.epochs * len(self.batches)
        with (
            self._interrupts.held(),
            tqdm().tqdm(
                total=steps,
                initial=min(self.first * len(self.batches) + self.done, steps),
                disable=None if settings.progress is None else not settings.progress,
                unit="step",
            ) as bar,
        ):
            rate, began = settings.rate, 0.0
            for epoch in range(self.first, settings.epochs):
                if epoch in (self.first, self.history.epochs):
                    if self._stops(epoch):
                        break
                    rate, began = self._rate(), time.perf_counter()
                self._epoch(epoch, rate, bar)
                if not (epoch + 1) % settings.every or epoch + 1 == settings.epochs:
                    self._record(epoch, rate, began, bar)

    def _stops(self, epoch: int) -> bool:
        stop, history = self.settings.stop, self.history
        return stop is not None and bool(len(history)) and history.epochs == epoch and bool(stop(history))

    def _rate(self) -> float:
        """The rate from here to the next record."""
        rate, schedule = self.settings.rate, self.settings.schedule
        return rate if schedule is None else _rate(schedule(rate, self.history))

    def _epoch(self, epoch: int, rate: float, bar: Any) -> None:
        """The steps of an epoch that are still to do."""
        for place, rows in enumerate(self.batches.epoch(epoch, self.done), self.done):
            masks = (
                _masks(self.model, self.batches.shaped(rows), self.settings.seed, epoch, place)
                if self.step.masks
                else {}
            )
            value = self._guard(rows, rate, masks, epoch, place)
            summed = (
                self.step.summed
            )  # over an epoch a sum is a sum, whatever the batches; what is left is a mean
            self.total += (value - summed) * self.batches.rows_of(place) + summed * self.batches.rows
            if bar.update():
                bar.set_postfix(loss=f"{value:.4g}", rate=f"{rate:.3g}", refresh=False)
            if self._interrupts.pending:
                self._save(epoch, place + 1)
                raise KeyboardInterrupt
        self.done = 0

    def _record(self, epoch: int, rate: float, began: float, bar: Any) -> None:
        """A record of the epochs since the last one, in the history and in the checkpoint."""
        self._guard.settled(f"after epoch {epoch + 1}")
        mean = self.total / (self.batches.rows * (epoch + 1 - self.history.epochs))
        took = time.perf_counter() - began
        bar.set_postfix(loss=f"{mean:.4g}", rate=f"{rate:.3g}", refresh=False)
        self.history.records.append(
            {"epoch": epoch + 1, "loss": mean, "rate": rate, **self.measure(), "seconds": took}
        )
        self._save(epoch + 1, 0)
        self.total = 0.0
        if self.settings.each is not None:
            self.settings.each(self.history)
        if self._interrupts.pending:  # in the meantime, with everything saved
            raise KeyboardInterrupt

    def _save(self, epoch: int, batch: int) -> None:
        """Write the checkpoint: the next step is this batch of this epoch."""
        if self.settings.checkpoint is None:
            return
        record = {
            "epoch": epoch,
            "batch": batch,
            "total": self.total,
            "every": self.settings.every,
            "history": self.history.records,
        }
        write_checkpoint(self.settings.checkpoint, self.step.arrays(), {**self.settings.same, **record})


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


__all__ = ["fit"]

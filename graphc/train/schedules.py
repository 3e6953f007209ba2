"""Schedules and stops: the rate of the next epochs, and whether there are any, as functions of what happened so far.

They are asked with every record of the history: after each epoch, unless `fit` was given `every`. They keep nothing themselves,
so training that is resumed goes on as if it had never stopped.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from graphc.ir.inputs import as_count
from graphc.train.history import History
from graphc.util.arguments import number, text

Schedule: TypeAlias = Callable[[float, History], float]
"""(the optimiser's rate, history) → the rate from this record to the next."""


def _better(value: float, best: float, gain: float) -> bool:
    """Whether a value is below the best by more than a share of it; NaN is not."""
    return value < best - gain * abs(best) if math.isfinite(best) else value < best


def _monitor(name: Any) -> None:
    text("what is monitored", name, 'monitor="loss"')


def _gain(value: Any) -> None:
    number("gain", value, lambda gain: 0 <= gain < math.inf, "gain=0.01, a share of the best value")


def _least(value: Any) -> None:
    number("the least rate", value, lambda least: 0 <= least < math.inf, "least=0.0")


@dataclass(frozen=True)
class Halving:
    """The rate is halved when a loss has not improved for some records, and again when that happens anew.

    patience : for how many records
    monitor : which column of the history
    factor : what the rate is multiplied by
    gain : by what share of the best value an improvement must beat it
    least : below which the rate does not fall
    """

    patience: int = 1
    monitor: str = "loss"
    factor: float = 0.5
    gain: float = 0.0
    least: float = 0.0

    def __post_init__(self) -> None:
        as_count(self.patience, "a patience of {} records", "patience=1")
        _monitor(self.monitor)
        number(
            "the factor that lowers the rate", self.factor, lambda factor: 0 < factor < 1, "0 < factor < 1"
        )
        _gain(self.gain)
        _least(self.least)

    def __call__(self, rate: float, history: History) -> float:
        best, waited = math.inf, 0
        for value in history.series(self.monitor):
            if _better(value, best, self.gain):
                best, waited = value, 0
                continue
            waited += 1
            if waited >= self.patience:
                rate, waited = max(rate * self.factor, self.least), 0
        return rate


@dataclass(frozen=True)
class StepDecay:
    """The rate is multiplied by a factor every so many epochs."""

    every: int
    factor: float = 0.5

    def __post_init__(self) -> None:
        as_count(self.every, "a step every {} epochs", "train.StepDecay(10)")
        number("factor", self.factor, lambda factor: 0 <= factor < math.inf, "factor=0.5")

    def __call__(self, rate: float, history: History) -> float:
        return rate * self.factor ** (history.epochs // self.every)


@dataclass(frozen=True)
class Cosine:
    """The rate falls along half a cosine over so many epochs, to `least`."""

    epochs: int
    least: float = 0.0

    def __post_init__(self) -> None:
        as_count(self.epochs, "half a cosine over {} epochs", "train.Cosine(100), as many as fit is given")
        _least(self.least)

    def __call__(self, rate: float, history: History) -> float:
        done = min(history.epochs / self.epochs, 1.0)
        return self.least + (rate - self.least) * (1 + math.cos(math.pi * done)) / 2


@dataclass(frozen=True)
class EarlyStop:
    """Training ends when a loss has not improved for some records.

    patience : for how many records
    monitor : which column of the history
    gain : by what share of the best value an improvement must beat it
    """

    patience: int = 5
    monitor: str = "loss"
    gain: float = 0.0

    def __post_init__(self) -> None:
        as_count(self.patience, "a patience of {} records", "patience=5")
        _monitor(self.monitor)
        _gain(self.gain)

    def __call__(self, history: History) -> bool:
        """Whether training is over."""
        best, waited = math.inf, 0
        for value in history.series(self.monitor):
            if _better(value, best, self.gain):
                best, waited = value, 0
            else:
                waited += 1
        return waited >= self.patience


__all__ = ["Cosine", "EarlyStop", "Halving", "Schedule", "StepDecay"]

"""Optimisers: how a parameter moves against its gradient, written as expressions that become part of the compiled step.

Each keeps its arrays in named states of the parameter's shape. The rate is an input of the step, so that a schedule changes it
without compiling anew. In the formulas w is the parameter, d its gradient and η the rate.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from graphc.ir.expr import Expr, cast, symbol
from graphc.ops.elementary import sqrt
from graphc.util.arguments import is_share, number

COUNT = symbol("optimiser.steps", dtype="float64")
"""The number of steps, this one included: what corrects the averages of Adam."""

RATE = symbol("optimiser.rate", dtype="float64")


@dataclass(frozen=True)
class Optimiser(ABC):
    """What moves parameters: `states` names its arrays, `move` gives a parameter's next value and theirs.

    rate : the step length η that a schedule starts from
    """

    rate: float

    states: ClassVar[tuple[str, ...]] = ()
    """The names of the arrays that it keeps for each parameter."""

    def __post_init__(self) -> None:
        number("the rate", self.rate, lambda rate: 0 <= rate < np.inf, f"write {type(self).__name__}(0.01)")

    @abstractmethod
    def move(self, w: Expr, d: Expr, rate: Expr, state: Mapping[str, Expr]) -> tuple[Expr, dict[str, Expr]]:
        """(next value of w, next value of each state)."""


def _share(name: str, value: float) -> None:
    number(name, value, is_share, f"0 ≤ {name} < 1")


def _small(value: float) -> None:
    number("epsilon", value, lambda value: 0 < value < np.inf, "epsilon=1e-8, which keeps a quotient finite")


@dataclass(frozen=True)
class SGD(Optimiser):
    """Gradient descent: w − η·d."""

    def move(self, w: Expr, d: Expr, rate: Expr, state: Mapping[str, Expr]) -> tuple[Expr, dict[str, Expr]]:
        return w - rate * d, {}


@dataclass(frozen=True)
class Momentum(Optimiser):
    """The gradients' running sum v = μ·v + d moves w: w − η·v. Polyak (1964), in the form of PyTorch."""

    momentum: float = 0.9
    states = ("velocity",)

    def __post_init__(self) -> None:
        super().__post_init__()
        _share("momentum", self.momentum)

    def move(self, w: Expr, d: Expr, rate: Expr, state: Mapping[str, Expr]) -> tuple[Expr, dict[str, Expr]]:
        velocity = self.momentum * state["velocity"] + d
        return w - rate * velocity, {"velocity": velocity}


@dataclass(frozen=True)
class Nesterov(Momentum):
    """Momentum that looks ahead: v = μ·v + d, w − η·(d + μ·v). Nesterov (1983), in the form of PyTorch."""

    def move(self, w: Expr, d: Expr, rate: Expr, state: Mapping[str, Expr]) -> tuple[Expr, dict[str, Expr]]:
        velocity = self.momentum * state["velocity"] + d
        return w - rate * (d + self.momentum * velocity), {"velocity": velocity}


@dataclass(frozen=True)
class RMSProp(Optimiser):
    """The gradient over its running root mean square: s = ρ·s + (1 − ρ)·d², w − η·d/(√s + ε). Hinton (2012)."""

    decay: float = 0.99
    epsilon: float = 1e-8
    states = ("square",)

    def __post_init__(self) -> None:
        super().__post_init__()
        _share("decay", self.decay)
        _small(self.epsilon)

    def move(self, w: Expr, d: Expr, rate: Expr, state: Mapping[str, Expr]) -> tuple[Expr, dict[str, Expr]]:
        square = self.decay * state["square"] + (1 - self.decay) * (d * d)
        return w - rate * d / (sqrt(square) + self.epsilon), {"square": square}


@dataclass(frozen=True)
class Adam(Optimiser):
    """Running mean over running root mean square, both corrected for their start at zero: Kingma and Ba (2015).

    m = β₁·m + (1 − β₁)·d, s = β₂·s + (1 − β₂)·d², w − η·(m/(1 − β₁ᵗ))/(√(s/(1 − β₂ᵗ)) + ε) in step t
    """

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    states = ("mean", "square")

    def __post_init__(self) -> None:
        super().__post_init__()
        _share("beta1", self.beta1)
        _share("beta2", self.beta2)
        _small(self.epsilon)

    def move(self, w: Expr, d: Expr, rate: Expr, state: Mapping[str, Expr]) -> tuple[Expr, dict[str, Expr]]:
        mean = self.beta1 * state["mean"] + (1 - self.beta1) * d
        square = self.beta2 * state["square"] + (1 - self.beta2) * (d * d)
        # 1 − βᵗ loses its digits in float32
        first = cast(1 - self.beta1**COUNT, w.dtype)
        second = cast(sqrt(1 - self.beta2**COUNT), w.dtype)
        step = rate / first * (mean / (sqrt(square) / second + self.epsilon))
        return w - step, {"mean": mean, "square": square}


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam on a parameter that shrinks by η·λ in each step, apart from its gradient: Loshchilov and Hutter (2019)."""

    decay: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        number("decay", self.decay, lambda decay: 0 <= decay < np.inf, "decay ≥ 0")

    def move(self, w: Expr, d: Expr, rate: Expr, state: Mapping[str, Expr]) -> tuple[Expr, dict[str, Expr]]:
        moved, states = super().move(w * (1 - rate * self.decay), d, rate, state)
        return moved, states


__all__ = ["SGD", "Adam", "AdamW", "Momentum", "Nesterov", "Optimiser", "RMSProp"]

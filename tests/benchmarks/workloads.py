"""The workloads that all frameworks compile: formulas over a namespace of functions, with the points they are evaluated at.

A formula is written once, `build(m, *inputs)`, over a namespace `m` with exp, log, sqrt, sin, cos, tanh, atan, erf and `abs_`,
and Python's operators; each framework brings its own namespace and differentiates by its own means.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.formulas import random_program

PENDULUM = Path(__file__).parent / "pendulum.json"
"""The 6-link pendulum as a straight-line program; `python -m tests.benchmarks.pendulum` writes it."""


@dataclass(frozen=True)
class Workload:
    """A formula and its points.

    names : of the inputs
    build : (m, *inputs) → one expression, or a list of them
    wrt : the positions of the inputs by which it is differentiated; empty for the values alone
    columns : size → one array, or number that all share, for each input; None where the workload is a scalar call
    point : the inputs of a scalar call
    """

    names: tuple[str, ...]
    build: Callable[..., Any]
    wrt: tuple[int, ...]
    point: tuple[float, ...]
    columns: Callable[[int], list[Any]] | None = None

    def arguments(self, size: int, dtype: str = "float64") -> list[Any]:
        """Numbers for size 0, else arrays; an input that all elements share stays a number."""
        if not size:
            return list(self.point)
        assert self.columns is not None
        return [np.asarray(c, dtype) if np.ndim(c) else c for c in self.columns(size)]


def _log_sigmoid(m, x, w, b):
    return m.log(1 / (m.exp(-(x * w + b)) + 1))


def _log_sigmoid_columns(size):
    rng = np.random.default_rng(0)
    return [rng.uniform(-2, 2, size), rng.uniform(-3, 3, size), rng.uniform(-1, 1, size)]


def _black_scholes(m, spot, strike, time, rate, volatility):
    """The price of a European call."""
    deviation = volatility * m.sqrt(time)
    d1 = (m.log(spot / strike) + (rate + volatility * volatility * 0.5) * time) / deviation
    d2 = d1 - deviation

    def normal(d):
        return 0.5 * (1 + m.erf(d * math.sqrt(0.5)))

    return spot * normal(d1) - strike * m.exp(-rate * time) * normal(d2)


def _black_scholes_columns(size):
    rng = np.random.default_rng(0)
    return [rng.uniform(lo, hi, size) for lo, hi in ((50, 150), (60, 140), (0.1, 2), (0.0, 0.1), (0.1, 0.6))]


def _spectrum(m, e, *p):
    """Counts at an energy: a background of four parameters and four peaks of four, Gaussian and Lorentzian parts mixed."""
    total = p[0] + p[1] * e + p[2] * m.exp(-e / p[3])
    for k in range(4, 20, 4):
        height, centre, width, mix = p[k : k + 4]
        u = (e - centre) / width
        total = total + height * (mix * m.exp(-0.5 * u * u) + (1 - mix) / (1 + u * u))
    return total


_SPECTRUM_POINT = (
    1.3, 0.8, -0.05, 2.0, 1.5, 1.0, 0.7, 0.2, 0.4, 2.0, 1.4, 0.3, 0.6, 0.5, 1.9, 0.15, 0.8, 3.0, 2.8, 0.5, 0.3,
)  # fmt: skip


def _program(names: Sequence[str], rows: Sequence[Sequence[str]], outputs: Sequence[str]):
    forms: dict[str, Callable[..., Any]] = {
        "add": lambda m, a, b: a + b, "sub": lambda m, a, b: a - b, "mul": lambda m, a, b: a * b, "neg": lambda m, a: -a,
        "div": lambda m, a, b: a / b, "abs": lambda m, a: m.abs_(a), "square": lambda m, a: a * a, "add1": lambda m, a: 1.0 + a,
        **{name: (lambda m, a, name=name: getattr(m, name)(a)) for name in ("sin", "cos", "tanh", "atan", "exp", "sqrt")},
    }  # fmt: skip

    def build(m, *inputs):
        values: dict[str, Any] = dict(zip(names, inputs, strict=True))
        for target, operation, *operands in rows:
            values[target] = forms[operation](m, *(values[o] if o in values else float(o) for o in operands))
        found = [values[output] for output in outputs]
        return found if len(found) > 1 else found[0]

    return build


def _random() -> Workload:
    names, rows = random_program(3000)
    return Workload(tuple(names), _program(names, rows, [rows[-1][0]]), (), (0.1, 0.2, 0.3, 0.4, 0.5))


def _pendulum() -> Workload:
    data = json.loads(PENDULUM.read_text(encoding="utf-8"))
    point = tuple(0.1 + 0.05 * number for number in range(len(data["names"])))
    return Workload(tuple(data["names"]), _program(data["names"], data["rows"], data["outputs"]), (), point)


def _speelpenning(m, *inputs):
    product = inputs[0]
    for value in inputs[1:]:
        product = product * value
    return product


@cache
def workloads() -> dict[str, Workload]:
    """Name → workload."""
    count = 1000
    return {
        "log-sigmoid": Workload(("x", "w", "b"), _log_sigmoid, (1, 2), (2.0, -3.0, 6.0), _log_sigmoid_columns),
        "Black–Scholes": Workload(
            ("spot", "strike", "time", "rate", "volatility"), _black_scholes, (0, 2, 3, 4), (100.0, 95.0, 0.5, 0.05, 0.3),
            _black_scholes_columns,
        ),
        "spectrum, 20 parameters": Workload(
            ("e", *(f"p{k}" for k in range(20))), _spectrum, tuple(range(1, 21)), _SPECTRUM_POINT
        ),
        "random, 3,000 operations": _random(),
        "pendulum, 6 links": _pendulum(),
        "Speelpenning, 1,000 variables": Workload(
            tuple(f"x{k}" for k in range(count)), _speelpenning, tuple(range(count)),
            tuple(1 + 1e-3 * (k % 7 - 3) for k in range(count)),
        ),
    }  # fmt: skip

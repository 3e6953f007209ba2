"""Metrics of a model over the rows of some data, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from graphc.errors import ExpressionError, InputError
from graphc.ir.expr import Expr, free_symbols
from graphc.train.data import Batches
from graphc.train.step import Trainable, check_model, make_step, of_data
from graphc.util.arguments import mapping


def measured(
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
    step = make_step(metrics.values(), [*batches.arrays, *stored.values()], {})

    def measure() -> dict[str, float]:
        totals = np.zeros(len(metrics))
        for place, rows in enumerate(batches.epoch(0)):
            try:
                sums = step(*rows.values(), *(model.values[key] for key in stored))
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
    return measured(model, metrics, data, 0)()


__all__ = ["evaluate", "measured"]

"""Metrics of a model over all rows of some data, in blocks of them where the formula allows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from graphc.errors import ExpressionError, InputError
from graphc.interpret import numpy_eval
from graphc.ir.expr import Expr, free_symbols
from graphc.train.data import Batches
from graphc.train.row_reductions import Accumulated, Rows, outside
from graphc.train.step import Trainable, check_model, make_step, of_data
from graphc.util.arguments import mapping


def check_metrics(metrics: Mapping[str, Any]) -> None:
    """Raises `ExpressionError` for a metric that is no scalar."""
    for name, expr in metrics.items():
        if not isinstance(expr, Expr) or expr.shape:
            raise ExpressionError(f"the metric {name!r} is no scalar", hint="g.mean(…) over the samples")


def measured(
    model: Trainable, metrics: Mapping[str, Expr], data: Mapping[Expr, Any], seed: int
) -> Callable[[], dict[str, float]]:
    """A function that gives the metrics over all rows of some data: block by block where that is proved to give the same."""
    metrics = mapping("metrics", metrics, 'metrics={"error": …}')
    data = mapping("the data", data, "{x: …, labels: …}, symbols as the keys")
    check_model(model)
    if not metrics:
        return dict
    check_metrics(metrics)
    read = {symbol for expr in metrics.values() for symbol in free_symbols(expr)}
    needed = {key: array for key, array in data.items() if key in read}
    batches = Batches(needed or data, _BLOCK, seed=seed, shuffle=False)
    values = {**model.parameters, **getattr(model, "buffers", {})}
    stored = {key: symbol for key, symbol in values.items() if symbol in read}
    stray = sorted(s.name for s in read - set(stored.values()) - set(batches.arrays))
    if stray:
        raise ExpressionError(
            f"the metrics read {', '.join(map(repr, stray[:5]))}, for which there is no data"
        )
    inputs = [*batches.arrays, *stored.values()]
    over_rows = Rows(batches.axis).accumulators(metrics.values()) if len(batches) > 1 else {}
    parts = [_OfBlocks(expr, nodes, inputs) for expr, nodes in over_rows.items() if nodes]
    whole = [expr for expr in dict.fromkeys(metrics.values()) if not over_rows.get(expr)]
    at_once = make_step(whole, inputs, {}) if whole else None
    blocks = list(dict.fromkeys(node for part in parts for node in part.nodes))
    by_block = make_step(blocks, inputs, {}) if blocks else None

    def called(step: Callable[..., list[Any]], rows: Mapping[Expr, Any]) -> list[Any]:
        try:
            return step(*rows.values(), *(model.values[key] for key in stored))
        except InputError as error:
            raise of_data(error, rows) from error

    def measure() -> dict[str, float]:
        results: dict[Expr, float] = {}
        if at_once is not None:
            everything = next(batches.resized(None).epoch(0))
            results.update(zip(whole, map(float, called(at_once, everything)), strict=True))
        if by_block is not None:
            over_blocks = Accumulated(blocks)
            for place, rows in enumerate(batches.epoch(0)):
                over_blocks.add(called(by_block, rows), batches.rows_of(place))
            totals = over_blocks.values()
            for part in parts:
                results[part.expr] = part.value(totals, [model.values[key] for key in stored])
        return {name: results[expr] for name, expr in metrics.items()}

    return measure


_BLOCK = 1000
"""Rows of a block."""


class _OfBlocks:
    """A metric that is a function of what is put together from blocks of rows.

    expr : the metric; nodes : its accumulators; inputs : data and parameters, in the order of the steps
    """

    def __init__(self, expr: Expr, nodes: Sequence[Expr], inputs: Sequence[Expr]) -> None:
        self.expr, self.nodes = expr, list(nodes)
        self._inputs = list(inputs)
        self._outer, self._stand_ins = outside(expr, nodes)
        self._read = set(free_symbols(self._outer))

    def value(self, totals: Mapping[Expr, Any], stored: Sequence[Any]) -> float:
        """The metric, of its accumulators over all rows and the model's values."""
        if self.nodes == [self.expr]:
            return float(totals[self.expr])
        symbols = self._inputs[len(self._inputs) - len(stored) :]
        at = {node: value for node, value in zip(symbols, stored, strict=True) if node in self._read}
        at |= {self._stand_ins[node]: np.asarray(totals[node]).astype(node.dtype) for node in self.nodes}
        return float(numpy_eval.evaluate(self._outer, at))


def evaluate(model: Trainable, metrics: Mapping[str, Expr], data: Mapping[Expr, Any]) -> dict[str, float]:
    """The metrics over all rows of some data, with the model's present values.

    metrics : name → scalar, any formula of the rows. What reads them through sums, means and extrema over rows alone (a root of
        a mean, a ratio of counts) is computed in blocks of rows; anything else on all rows at once, with the memory that takes

    >>> from graphc.ir.expr import symbol
    >>> from graphc.ops.reduce import mean
    >>> from graphc.train import Parameters
    >>> x, a = symbol("x", shape=("n",)), symbol("a")
    >>> evaluate(Parameters({a: 2.0}), {"mean": mean(a * x)}, {x: [1.0, 3.0]})
    {'mean': 4.0}
    """
    return measured(model, metrics, data, 0)()


__all__ = ["check_metrics", "evaluate", "measured"]

"""How many digits of a formula survive: its compiled code, as written and rewritten, held against exact values.

Inputs are drawn, the formula is evaluated in rising mpmath precision until the rounded value no longer changes, and the
error of what machine code answers is counted in bits. For every node of the formula as written there is its condition
number, by which it magnifies the relative errors of its operands, and the bits that it loses by itself: it is computed
in floating point from operands that are as good as floats can be, and held against its exact value.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from graphc.analysis import array_accuracy
from graphc.analysis.accuracy_report import Accuracy, Errors, NodeAccuracy, Sample
from graphc.api.compile import compile
from graphc.api.functions import rewritten
from graphc.api.graph import Graph, as_graph
from graphc.errors import DtypeError, InputError, PrecisionError, brief
from graphc.interpret.mpmath_eval import evaluate
from graphc.ir.expr import Expr, computed, current_site
from graphc.ir.op import NoPartial
from graphc.ir.types import FLOAT64, DType, is_float
from graphc.ir.ulp import bits_of_error, rounded
from graphc.ops.comparison import where
from graphc.search.sampling import DIGITS, DRAWS, drawn, intervals, number
from graphc.util.arguments import truth

SAMPLES = 256
"""Samples that are drawn unless the graph is large."""

WORK = 30_000
"""Nodes times samples that are evaluated in mpmath unless a number of samples is asked for: a few seconds."""

LARGEST = 20_000
"""Graphs of more nodes are refused."""


def accuracy(
    expr: Any,
    ranges: Mapping[Any, Any] | None = None,
    *,
    samples: int | None = None,
    seed: int = 0,
    draw: str = "both",
    rewrite: str = "stable",
    without: Iterable[str] = (),
    nodes: bool = True,
) -> Accuracy:
    """How many bits of a formula's value are wrong, as written and as rewritten, and in which operations they are lost.

    Parameters
    ----------
    expr : a float expression, or a `Graph` or traced function of one output
    ranges : name or symbol → (low, high), the interval that its values are drawn from; by default all finite values of its
        type.
    draw : "floats" draws points uniformly over the floating-point numbers in the ranges, so that all exponents are equally
        likely, "range" uniformly over the ranges, "both" alternates; a symbol without a range is always drawn by "floats"
    samples : how many points; by default 256, fewer for a large graph. Points at which the formula is undefined or overflows
        are counted and replaced by others, up to sixteen for each sample.
    seed : seed of the random numbers: the same seed gives the same report
    rewrite, without : the level of rewriting to compare with, as in `compile`
    nodes : whether to examine every operation; without it a report takes about a third of the time

    For a program over arrays, the error at a point is that of the worst element of the result; lengths must be numbers.

    Raises `InputError` for ranges that match no symbol, and if no point was found at which the formula is defined; `DtypeError`
    for outputs that are not floats; and `ShapeError` for named lengths.

    >>> from graphc.frontend.parse import parse
    >>> report = accuracy(parse("exp(x) - 1"), {"x": (-1, 1)}, samples=64)
    >>> report.before.mean > 10, report.after.worst <= 1, report.rewritten
    (True, True, expm1(x))
    """
    graph = as_graph(expr)
    target = _target(graph)
    of_arrays = any(node.shape for node in graph.exprs)
    count = _count(samples, array_accuracy.size_of(graph) if of_arrays else len(graph))
    nodes = truth("nodes", nodes)
    if not isinstance(draw, str) or draw not in DRAWS:
        raise InputError(f"draw is {brief(draw)}", site=current_site(), hint='"both", "floats" or "range"')
    try:
        rng = np.random.default_rng(seed)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"seed is {brief(seed)}", site=current_site(), hint="a whole number from 0 on"
        ) from error
    chosen = intervals(graph, ranges)
    after = rewritten(graph, rewrite, without)
    if of_arrays:
        return _of_arrays(graph, after, chosen, count, DRAWS[draw], rng, nodes)
    sample = drawn(graph, target, chosen, count, draw, rng)
    answers = [_run(code, sample.points, target) for code in (graph, after)]
    exact = np.array(sample.exact, dtype=target.dtype)
    before, improved = (
        _errors(bits_of_error(values, exact, target.dtype), sample.points) for values in answers
    )
    rows = zip(
        sample.points, sample.kinds, sample.exact, *(values.tolist() for values in answers), strict=True
    )
    rated = tuple(_nodes(graph, sample.points)) if nodes else ()
    return _report(graph, after, chosen, [Sample(*row) for row in rows], before, improved, rated, sample)


def _report(
    graph: Graph,
    after: Graph,
    chosen: list[tuple[float, float]],
    samples: list[Sample],
    before: Errors,
    improved: Errors,
    rated: Sequence[NodeAccuracy],
    sample: Any,
) -> Accuracy:
    """The report of what was found at the points drawn."""
    return Accuracy(
        graph.exprs[graph.outputs[0]],
        after.exprs[after.outputs[0]],
        {symbol.name: interval for symbol, interval in zip(graph.symbols, chosen, strict=True)},
        tuple(samples),
        before,
        improved,
        tuple(rated),
        sample.drawn,
        sample.undefined,
        sample.too_large,
        {node.expr: (node.loss, node.worst_loss) for node in rated},
    )


def _of_arrays(
    graph: Graph,
    after: Graph,
    chosen: list[tuple[float, float]],
    count: int,
    kinds: tuple[str, ...],
    rng: np.random.Generator,
    nodes: bool,
) -> Accuracy:
    """The report of a program over arrays."""
    target = graph.exprs[graph.outputs[0]]
    sample = array_accuracy.draw_points(graph, target, chosen, count, kinds, rng, number)
    answers: list[list[np.ndarray]] = []
    for code in (graph, after):
        function: Any = compile(code, rewrite=None)
        answers.append([np.asarray(function(*[at[s.name] for s in code.symbols])) for at in sample.points])
    bits = [
        [array_accuracy.worst(value, exact)[0] for value, exact in zip(values, sample.exact, strict=True)]
        for values in answers
    ]
    samples = []
    for at, kind, exact, *values in zip(sample.points, sample.kinds, sample.exact, *answers, strict=True):
        place = array_accuracy.worst(values[0], exact)[1]
        worst_elements = (
            [float(value.reshape(-1)[place]) for value in (exact, *values)] if exact.size else [0.0] * 3
        )
        samples.append(Sample(at, kind, *worst_elements))
    rated = tuple(array_accuracy.nodes_of(graph, sample)) if nodes else ()
    before, improved = (_errors(np.array(one), sample.points) for one in bits)
    return _report(graph, after, chosen, samples, before, improved, rated, sample)


def _target(graph: Graph) -> Expr:
    """The one output; refuses what has no accuracy of this kind."""
    if len(graph.outputs) != 1:
        raise InputError(
            f"an accuracy report is of one output, not of {len(graph.outputs)}",
            site=current_site(),
            hint="ask for one after the other: [g.accuracy(part) for part in outputs]",
        )
    target = graph.exprs[graph.outputs[0]]
    if not is_float(target.dtype):
        raise DtypeError(f"{target.dtype} results have no bits of error", node=repr(target), site=target.site)
    if len(graph) > LARGEST:
        raise InputError(
            f"a graph of {len(graph)} nodes is too large to be evaluated exactly many times",
            site=current_site(),
            hint=f"take a part of at most {LARGEST} nodes",
        )
    return target


def _count(samples: Any, size: int) -> int:
    if samples is None:
        return min(SAMPLES, max(8, WORK // size))
    if isinstance(samples, bool) or not isinstance(samples, (int, np.integer)) or not 1 <= samples <= 10**6:
        raise InputError(
            f"samples is {brief(samples)}", site=current_site(), hint="a whole number from 1 to 1,000,000"
        )
    return int(samples)


# --- exact values ----------------------------------------------------------------------------------------------


def _values(exprs: Sequence[Expr], at: Mapping[str, Any]) -> list[Any]:
    """The values of several nodes; None for those that cannot be determined."""
    try:
        return evaluate(list(exprs), at, DIGITS)
    except PrecisionError:
        return [_value(expr, at) for expr in exprs]


def _value(expr: Expr, at: Mapping[str, Any]) -> Any:
    try:
        return evaluate([expr], {name: at[name] for name in _names(expr)}, DIGITS)[0]
    except PrecisionError:
        return None


def _names(expr: Expr) -> list[str]:
    return [symbol.name for symbol in Graph(expr).symbols]


# --- what code and nodes answer --------------------------------------------------------------------------------


def _run(graph: Graph, points: Sequence[Mapping[str, Any]], target: Expr) -> np.ndarray:
    """What the compiled code answers at the points."""
    function: Any = compile(graph, rewrite=None)
    if any(node.op.control is not None for node in graph.exprs):  # a loop is of one point
        rows = [[symbol.dtype.type(at[symbol.name]) for symbol in graph.symbols] for at in points]
        return np.array([function(*row) for row in rows], dtype=target.dtype)
    columns = [np.array([at[symbol.name] for at in points], dtype=symbol.dtype) for symbol in graph.symbols]
    return np.broadcast_to(np.asarray(function(*columns), dtype=target.dtype), (len(points),))


def _errors(bits: np.ndarray, points: Sequence[dict[str, Any]]) -> Errors:
    worst = int(np.argmax(bits))
    return Errors(tuple(bits.tolist()), math.fsum(bits) / len(bits), float(bits[worst]), points[worst])


def _nodes(graph: Graph, points: Sequence[dict[str, Any]]) -> Iterator[NodeAccuracy]:
    """What each operation of float values does to digits."""
    exprs = [node for node in graph.exprs if not node.is_symbol]
    operations = [node for node in exprs if node.operands and is_float(node.dtype)]
    conditions = {node: _condition(node) for node in operations}
    asked = [*exprs, *(condition for condition in conditions.values() if condition is not None)]
    wanted = {**dict.fromkeys(asked)}
    values: dict[Expr, list[Any]] = {node: [] for node in (*graph.symbols, *wanted)}
    for at in points:
        for symbol in graph.symbols:
            values[symbol].append(at[symbol.name])
        for node, value in zip(wanted, _at(list(wanted), at), strict=True):
            values[node].append(value)
    floats = {node: _as_floats(values[node], node.dtype) for node in (*graph.symbols, *exprs)}
    for node in operations:
        lost, defined = _lost(node, floats, values[node])
        condition = conditions[node]
        sizes = [] if condition is None else [_size(v) for v in values[condition]]
        sizes = [size for size, one in zip(sizes, defined, strict=False) if one and not math.isnan(size)]
        if not defined.any():
            lost = np.zeros(len(points))
        worst = int(np.argmax(lost))
        yield NodeAccuracy(
            graph.node(node),
            node,
            _geometric(sizes),
            max(sizes, default=math.nan),
            float(lost.sum() / max(1, defined.sum())),
            float(lost[worst]),
            points[worst],
        )


def _at(exprs: list[Expr], at: Mapping[str, Any]) -> list[Any]:
    used = {symbol.name for symbol in Graph(exprs).symbols} if exprs else set()
    return _values(exprs, {name: value for name, value in at.items() if name in used}) if exprs else []


def _condition(node: Expr) -> Expr | None:
    """Σᵢ |xᵢ·∂f/∂xᵢ/f| as an expression; None where the operation has no derivative."""
    op = node.op
    total: Any = None
    operands = computed(node)
    for slot, operand in enumerate(node.operands):
        partial = None if op.partials is None else op.partials[slot]
        if partial is None or isinstance(partial, NoPartial) or not is_float(operand.dtype):
            continue
        term = abs(operand * partial(node, *operands) / node)
        live = None if op.live is None else op.live[slot]
        if live is not None:
            term = where(live(node, *operands), term, 0)
        total = term if total is None else total + term
    return total


def _as_floats(values: Sequence[Any], dtype: DType) -> np.ndarray:
    """Exact values rounded to a node's type; what is undefined is NaN, or 0 where the type has none."""
    if dtype.kind == "f":
        floats = [
            math.nan if v is None else rounded(v, dtype) if hasattr(v, "_mpf_") else float(v) for v in values
        ]
        return np.array(floats, dtype=dtype)
    if dtype.kind == "b":
        return np.array([bool(v) for v in values], dtype=dtype)
    info = np.iinfo(dtype)
    whole = [int(v) if isinstance(v, (int, np.integer)) else 0 for v in values]
    return np.array([min(max(v, int(info.min)), int(info.max)) for v in whole], dtype=dtype)


def _lost(
    node: Expr, floats: Mapping[Expr, np.ndarray], exact: Sequence[Any]
) -> tuple[np.ndarray, np.ndarray]:
    """(bits that an operation loses on its operands' exact values, rounded, at each point; where it has a value)"""
    types = node.op.types(tuple([operand.dtype for operand in node.operands]))[0]
    operands = [floats[operand].astype(dtype) for operand, dtype in zip(node.operands, types, strict=True)]
    with np.errstate(all="ignore"):
        result = np.asarray(node.op.reference(*operands, *node.attrs)).astype(node.dtype)
    result = np.broadcast_to(result, (len(exact),))
    defined = np.array([v is not None and math.isfinite(_size(v)) for v in exact])
    return np.where(defined, bits_of_error(result, floats[node], node.dtype), 0.0), defined


def _size(value: Any) -> float:
    """|value| as a float that is infinite only where the value is; NaN where it is unknown."""
    if value is None:
        return math.nan
    nearest = abs(rounded(value, FLOAT64)) if hasattr(value, "_mpf_") else abs(float(value))
    finite_but_large = math.isinf(nearest) and hasattr(value, "_mpf_") and value._mpf_[1]
    return float(np.finfo(np.float64).max) if finite_but_large else nearest


def _geometric(sizes: Sequence[float]) -> float:
    """The geometric mean: condition numbers spread over hundreds of powers of ten."""
    logs = [math.log(size) for size in sizes if 0 < size < math.inf]
    return math.exp(math.fsum(logs) / len(logs)) if logs else (0.0 if sizes else math.nan)


__all__ = ["accuracy"]

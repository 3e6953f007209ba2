"""Planes: the output of a network over two inputs, drawn again as weights are dragged, with points to add and training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from itertools import product
from typing import Any

import numpy as np

from graphc.autodiff.reverse import reverse
from graphc.errors import InputError, brief
from graphc.interpret.numpy_eval import run
from graphc.ir.expr import Expr, current_site, free_symbols
from graphc.ir.formatting import show_number, visible
from graphc.ir.graph import Dag
from graphc.ir.types import format_shape, is_float
from graphc.viz.math_text import named
from graphc.viz.player.mathml import plain
from graphc.viz.player.page import assemble
from graphc.viz.player.recompute import as_data, recomputation
from graphc.viz.style import Style

_SIDE = 61
"""Points of the grid along each axis."""

_SLIDERS = 80
"""So many weights have sliders at most."""

_MOST = 5000
"""Points at most: each is drawn, and each is a step of the loop that trains."""

_WIDEST = 1e100
"""So long an axis is at most: its squares are floats still."""


@dataclass(frozen=True)
class Plane:
    """What a figure shows over two inputs; made by `plane`."""

    output: Expr
    over: tuple[Expr, ...]
    xlim: tuple[float, float]
    ylim: tuple[float, float]
    loss: Expr | None
    target: Expr | None
    points: tuple[tuple[float, float, float], ...]
    classes: tuple[float, float]
    level: float
    title: str


def plane(
    output: Expr,
    over: Any,
    xlim: Any = (-3, 3),
    ylim: Any = (-3, 3),
    *,
    loss: Expr | None = None,
    target: Expr | None = None,
    data: Any = None,
    classes: Any = (-1, 1),
    level: float = 0.0,
    title: str = "",
) -> Plane:
    """A plane of a `figure`: a number over two inputs, as colours, with the line on which it is `level`.

    Parameters
    ----------
    output : a float for each sample, of shape (n, 1), (n,), or of no axes
    over : the inputs: a symbol of shape (n, 2), or two scalar symbols
    xlim, ylim : the ends of the axes
    loss, target : the mean loss over the samples and the symbol of their targets: with them the page trains by gradient descent
    data : points of shape (count, 2) and their targets, where the page begins; a click adds more
    classes : the targets of the two kinds of points that a click adds
    level : where the boundary is
    title : what stands above it

    Raises `InputError` for what is no number over two inputs.

    >>> from graphc.ir.expr import symbols
    >>> x, y, a, b = symbols("x y a b")
    >>> plane(a * x + b * y, (x, y)).level
    0.0
    """
    both = (over,) if isinstance(over, Expr) else tuple(over) if isinstance(over, (tuple, list)) else ()
    shapes = [
        symbol.shape
        for symbol in both
        if isinstance(symbol, Expr) and symbol.is_symbol and is_float(symbol.dtype)
    ]
    batch = len(both) == 1 and len(shapes) == 1 and len(shapes[0]) == 2 and shapes[0][1] == 2
    if not batch and (shapes != [(), ()] or len(set(both)) < 2):
        raise _refusal(
            f"a plane is over {brief(over)}",
            'over=g.symbol("x", shape=("n", 2)), or two scalar symbols (x, y)',
        )
    wanted = [(shapes[0][0], 1), (shapes[0][0],)] if batch else [()]
    if not isinstance(output, Expr) or output.shape not in wanted or not is_float(output.dtype):
        raise _refusal(
            f"a plane shows one float for each sample, not {brief(output)}",
            "write g.plane(model.output, …)"
            if hasattr(output, "training_output")
            else "give the output of one unit",
        )
    if (loss is None) != (target is None):
        raise _refusal(
            "a plane that trains needs both a loss and the symbol of its targets",
            "loss=nn.logistic(y, t), target=t",
        )
    if loss is not None and (not isinstance(loss, Expr) or loss.shape or not is_float(loss.dtype)):
        raise _refusal(f"the loss is {brief(loss)}, not one float", "take the mean over the samples")
    if target is not None and (
        not isinstance(target, Expr) or not target.is_symbol or not is_float(target.dtype) or target in both
    ):
        raise _refusal(f"the target is {brief(target)}", "a symbol of floats, of the output's shape")
    if loss is not None and target is not None and target not in free_symbols(loss):
        raise _refusal(
            f"the loss does not read its target {brief(target)}", "loss=nn.logistic(y, t), target=t"
        )
    if target is not None and target.shape != output.shape:
        raise _refusal(
            f"the target {brief(target)} has shape {format_shape(target.shape)}, and the output "
            f"{format_shape(output.shape)}",
            f'g.symbol("{visible(target.name, 24)}", shape={output.shape})',
        )
    kinds = _numbers(classes, "classes", "classes=(-1, 1)")
    at = _numbers(level, "level", "level=0.5")
    if len(kinds) != 2 or kinds[0] == kinds[1] or len(at) != 1:
        raise _refusal(
            f"classes are {brief(classes)} and the level is {brief(level)}", "classes=(-1, 1), level=0"
        )
    if not isinstance(title, str):
        raise _refusal(f"a title is a text, not {brief(title)}", 'write "circles"')
    ends = [_numbers(limit, name, f"{name}=(-3, 3)") for limit, name in ((xlim, "xlim"), (ylim, "ylim"))]
    if any(len(limit) != 2 or not limit[0] < limit[1] for limit in ends):
        raise _refusal(
            f"an axis goes from a smaller number to a larger one, not xlim={brief(xlim)}, ylim={brief(ylim)}",
            "xlim=(-3, 3), ylim=(-3, 3)",
        )
    for low, high in ends:
        if not high - low < _WIDEST or len(np.unique(np.linspace(low, high, _SIDE))) < _SIDE:
            raise _refusal(
                f"no grid of {_SIDE} floats goes from {show_number(low)} to {show_number(high)}",
                "xlim=(-3, 3), ylim=(-3, 3)",
            )
    return Plane(output, both, ends[0], ends[1], loss, target, _points(data), kinds, at[0], title)  # type: ignore[arg-type]


def _refusal(message: str, hint: str) -> InputError:
    return InputError(message, site=current_site(), hint=hint)


def _numbers(value: Any, what: str, hint: str) -> tuple[float, ...]:
    try:
        found = tuple(float(item) for item in np.ravel(np.asarray(value, dtype=float)))
    except (TypeError, ValueError, OverflowError):
        found = (math.nan,)
    if not all(map(math.isfinite, found)):
        raise _refusal(f"{what} is {brief(value)}, which are not all finite numbers", hint)
    return found


def _points(data: Any) -> tuple[tuple[float, float, float], ...]:
    if data is None:
        return ()
    pair = data if isinstance(data, (tuple, list)) else ()
    if len(pair) == 2:
        places, targets = (np.asarray(_numbers(part, "data", "data=(points, targets)")) for part in pair)
        if targets.size > _MOST:
            raise _refusal(
                f"a plane has {_MOST} points at most, and these are {targets.size}",
                f"data=(points[:{_MOST}], targets[:{_MOST}])",
            )
        if places.size == 2 * targets.size and np.shape(pair[0]) == (targets.size, 2):
            rows = np.column_stack([places.reshape(-1, 2), targets]).tolist()
            return tuple((x, y, t) for x, y, t in rows)
    sized = len(pair) == 2
    told = " and ".join(f"shape {np.shape(part)}" for part in pair) if sized else brief(data, 60)
    raise _refusal(
        f"data are points and a target for each, not {told}",
        "data=(points of shape (count, 2), targets of shape (count,))",
    )


def plane_page(item: Plane, at: Mapping[Any, Any], title: str, digits: int, style: Style) -> str:
    """The page of a plane; raises `InputError` where a weight has no value, or the network has no form in JavaScript."""
    exprs = [item.output] if item.loss is None else [item.output, item.loss]
    outside = {*item.over, *([] if item.target is None else [item.target])}
    params = [symbol for symbol in free_symbols(*exprs) if symbol not in outside]
    values = [_value(symbol, at) for symbol in params]
    batch = len(item.over) == 1
    dtype = item.over[0].dtype
    roles: dict[Expr, Any] = {symbol: number for number, symbol in enumerate(params)}
    roles |= {item.over[0]: "x"} if batch else {item.over[0]: "x1", item.over[1]: "x2"}
    roles |= {} if item.target is None else {item.target: "t"}

    def compiled(outputs: list[Expr], samples: int) -> tuple[str, list[Any]]:
        dag = Dag(outputs, free_symbols(*outputs))
        shapes = {
            "x": (samples, 2),
            "x1": (),
            "x2": (),
            "t": () if item.target is None else (samples, 1)[: item.target.ndim],
        }
        known = [
            values[role] if isinstance(role, int) else np.zeros(shapes[role], symbol.dtype)
            for symbol in dag.symbols
            for role in [roles[symbol]]
        ]
        text = recomputation(dag, [value if np.ndim(value) else value[()] for value in known])
        if text is None:
            raise _refusal(
                f"{brief(outputs[0], 60)} has no form in a page",
                "use operations that compile to JavaScript, on fewer weights",
            )
        return text, [roles[symbol] for symbol in dag.symbols]

    field, field_roles = compiled([item.output], _SIDE**2)
    step, step_roles = "null", []
    if item.loss is not None:
        if batch:
            _check_mean(item, dict(zip(params, values, strict=True)))
        record = reverse([item.loss], None, params)
        step, step_roles = compiled([item.loss, *(record.adjoint(symbol) for symbol in params)], 1)
    data = {
        "digits": digits, "side": _SIDE, "low": item.xlim[0], "high": item.xlim[1], "ylow": item.ylim[0], "yhigh": item.ylim[1],
        "level": item.level, "classes": item.classes, "middle": sum(item.classes) / 2, "points": item.points, "batch": batch,
        "type": dtype.name, "trains": item.loss is not None, "field": field_roles, "step": step_roles,
        "target": [] if item.target is None else [1] * item.target.ndim,
        "params": [_told(symbol, value) for symbol, value in zip(params, values, strict=True)],
    }  # fmt: skip
    heading = f"<h1>{escape(visible(title, 200))}</h1>"
    body = "\n".join(
        [
            heading,
            '<div class="charts">',
            _panel(item),
            _training(item),
            "</div>",
            _sliders(params, values, digits),
        ]
    )
    return assemble(
        title, body, data, ("numbers.js", "plane.js"), f"{{ field: {field}, step: {step} }}", style
    )


def _check_mean(item: Plane, weights: Mapping[Expr, np.ndarray]) -> None:
    """Refuse a loss that is not the mean of the losses of its samples: the page takes one at a time."""
    loss, target = item.loss, item.target
    if loss is None or target is None:
        return
    dag = Dag([loss], free_symbols(loss))
    places = np.column_stack([np.linspace(*item.xlim, 5)[1:4], np.linspace(*item.ylim, 5)[[2, 3, 1]]])
    targets = np.array([*item.classes, item.classes[0]])

    def of(rows: slice) -> float:
        known = {
            item.over[0]: places[rows],
            target: targets[rows].reshape((-1, *(1 for _ in target.shape[1:]))),
        }
        point = {symbol: known.get(symbol, weights.get(symbol)) for symbol in dag.symbols}
        cast = {symbol: np.asarray(value, symbol.dtype) for symbol, value in point.items()}
        with np.errstate(all="ignore"):
            return float(run(dag, cast)[dag.node(loss)])

    together, apart = of(slice(0, 3)), [of(slice(n, n + 1)) for n in range(3)]
    mean = sum(apart) / 3
    # values that overflow here say nothing; rounding is far below a part in a thousand of the terms
    if np.isfinite([together, *apart]).all() and abs(together - mean) > 1e-3 * max(map(abs, apart)):
        raise _refusal(
            f"the loss is no mean over the samples: of three points it is {show_number(together)}, and of one each "
            f"{show_number(mean)} on average",
            "take the mean, as in g.mean((y - t) ** 2)",
        )


def _value(symbol: Expr, at: Mapping[Any, Any]) -> np.ndarray:
    found = at.get(symbol, at.get(symbol.name))
    if found is None:
        raise _refusal(
            f"{brief(symbol.name)} has no value", "at=model.values, or at={…} with a value for every weight"
        )
    if not is_float(symbol.dtype) or symbol.dtype.name not in ("float32", "float64"):
        raise _refusal(f"{brief(symbol.name)} is {symbol.dtype}", "weights of a plane are floats")
    try:
        array = np.array(found, dtype=symbol.dtype)
    except (TypeError, ValueError, OverflowError):
        array = np.array(math.nan)
    shape = tuple(length for length in symbol.shape if isinstance(length, int))
    if array.shape != shape or shape != symbol.shape or not np.isfinite(array).all():
        raise _refusal(
            f"{brief(symbol.name)} begins at {brief(found)}", f"finite numbers of shape {symbol.shape}"
        )
    return array


def _told(symbol: Expr, value: np.ndarray) -> dict[str, Any]:
    begins = {"array": as_data(value)} if value.ndim else {"value": float(value)}
    bounds = None if symbol.bounds is None else [min(max(end, -1e300), 1e300) for end in symbol.bounds]
    return {"name": visible(symbol.name, 24), "shape": list(value.shape), "bounds": bounds, **begins}


def _panel(item: Plane) -> str:
    title = f"<h2>{escape(visible(item.title, 80))}</h2>" if item.title else ""
    marks = [
        f'<text x="4" y="396">{escape(show_number(item.xlim[0]))}, {escape(show_number(item.ylim[0]))}</text>',
        f'<text x="396" y="14" text-anchor="end">{escape(show_number(item.xlim[1]))}, {escape(show_number(item.ylim[1]))}</text>',
    ]
    kinds = "".join(
        f'<label><input type="radio" name="class" id="class{number}"{" checked" if number else ""}> '
        f'<svg class="sign" viewBox="0 0 14 14" aria-hidden="true">{sign}</svg> '
        f"{escape(show_number(item.classes[number]))}</label>"
        for number, sign in enumerate(
            (
                '<rect class="point less" x="2" y="2" width="10" height="10"/>',
                '<circle class="point more" cx="7" cy="7" r="5.5"/>',
            )
        )
    )
    return (
        f'<section class="panel">{title}<div class="plane">'
        f'<canvas id="heat" width="{_SIDE}" height="{_SIDE}" aria-hidden="true"></canvas>'
        '<svg id="over" viewBox="0 0 400 400" tabindex="0" role="application" aria-label="Plane: a click, or Enter at the cross '
        f'that the arrow keys move, adds a point">{"".join(marks)}<path id="boundary"/><g id="points"></g>'
        '<path id="cross" d="M-7 0H7M0 -7V7"/></svg></div>'
        f'<div class="plotbar" role="group" aria-label="Points">{kinds}<button type="button" id="undo">↶ undo</button>'
        '<button type="button" id="clear">clear</button></div><p class="note" id="told" role="status"></p></section>'
    )


def _training(item: Plane) -> str:
    if item.loss is None:
        return ""
    return (
        '<section class="panel"><h2>Gradient descent</h2><div class="plotbar">'
        '<label>rate <input type="number" id="rate" value="0.3" '
        'min="0" step="any"></label><button type="button" id="train" aria-pressed="false">▶ train</button>'
        '<button type="button" id="step">one step</button><button type="button" id="again">begin again</button></div>'
        '<svg class="chart" viewBox="0 0 300 80" role="img" aria-label="Loss by steps">'
        '<polyline id="losses" class="curve c0"/></svg></section>'
    )


def _sliders(params: list[Expr], values: list[np.ndarray], digits: int) -> str:
    rows: list[str] = []
    for number, (symbol, value) in enumerate(zip(params, values, strict=True)):
        for place, index in enumerate(product(*map(range, value.shape))):
            if len(rows) == _SLIDERS:
                break
            below = f"[{', '.join(map(str, index))}]" if index else ""
            name = visible(symbol.name, 24)
            rows.append(
                f'<label for="p{number}-{place}">{plain(named(name))}{below}</label>'
                f'<output id="o{number}-{place}" for="p{number}-{place}">{show_number(value[index], digits)}</output>'
                f'<input type="range" id="p{number}-{place}" aria-label="{escape(name + below)}">'
            )
    return f'<section class="panel inputs" aria-label="Weights">{"".join(rows)}</section>' if rows else ""


__all__ = ["Plane", "plane", "plane_page"]

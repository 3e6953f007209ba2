"""Figures to play with: plots whose points are dragged and whose symbols have sliders, in one page."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from numbers import Real
from pathlib import Path
from typing import Any

from graphc.compiler.targets.javascript import program
from graphc.errors import InputError, RenderError, brief
from graphc.interpret.numpy_eval import run
from graphc.ir.expr import Expr, constant, current_site, free_symbols
from graphc.ir.formatting import check_digits, show_number, visible
from graphc.ir.graph import Dag
from graphc.ir.printer import format_number
from graphc.ir.types import is_float
from graphc.util.arguments import listed as listed_
from graphc.util.files import write_whole
from graphc.viz.math_text import named
from graphc.viz.player.mathml import plain
from graphc.viz.player.page import assemble
from graphc.viz.player.plane import Plane, plane_page
from graphc.viz.player.shown import in_frame
from graphc.viz.style import SLIDES, Style, as_style

_MOST = 4
"""Curves of one plot: so many styles of lines can be told apart."""


@dataclass(frozen=True)
class Plot:
    """Curves over one symbol and points that can be dragged; made by `plot`.

    curves : name → expression
    over : the symbol of the horizontal axis
    low, high : its ends
    ylim : the ends of the vertical axis; None follows the curves
    handles : points as (x, y)
    title : above it
    """

    curves: dict[str, Expr]
    over: Expr
    low: float
    high: float
    ylim: tuple[float, float] | None
    handles: tuple[tuple[Expr, Expr], ...]
    title: str


def plot(
    curves: Any,
    over: Expr,
    range: Any,
    *,
    ylim: Any = None,
    handles: Iterable[Any] = (),
    title: str = "",
) -> Plot:
    """A plot of a `figure`: scalar expressions over one symbol.

    Parameters
    ----------
    curves : an expression, or a dict of names and up to four expressions
    over : the symbol of the horizontal axis
    range : its ends (low, high)
    ylim : the ends of the vertical axis; by default it adapts to the curves
    handles : points (x, y) of symbols, expressions and numbers. Dragging a point changes the symbols in it: (a, b) moves
        freely, (1, b) vertically, and (a, f) along a curve f; a point without a symbol is a fixed mark.
    title : the title above the plot

    Raises `InputError` for anything that cannot be plotted in this way.

    >>> from graphc.ir.expr import symbols
    >>> x, a, b = symbols("x a b")
    >>> plot({"parabola": (x - a)**2 + b}, x, (-3, 3), handles=[(a, b)]).handles
    ((a, b),)
    """
    listed = dict(curves) if isinstance(curves, Mapping) else {"": curves}
    if not 1 <= len(listed) <= _MOST:
        raise _refusal(f"a plot has 1 to {_MOST} curves, not {len(listed)}", "make a second plot")
    by_name = {
        _text(name, "the name of a curve"): _scalar(curve, "a curve") for name, curve in listed.items()
    }
    if not isinstance(over, Expr) or not over.is_symbol or over.shape or not is_float(over.dtype):
        raise _refusal(
            f"a plot is over a scalar float symbol, not {brief(over)}", "write g.plot(f, x, (-1, 1))"
        )
    points = []
    for handle in listed_("handles", handles, "write handles=[(a, b)]"):
        pair = handle if isinstance(handle, (tuple, list)) else ()
        if len(pair) != 2:
            raise _refusal(f"a handle is a point (x, y), not {brief(handle)}", "write handles=[(a, b)]")
        points.append((_scalar(pair[0], "a handle"), _scalar(pair[1], "a handle")))
    low, high = _ends(range, "range")
    limits = None if ylim is None else _ends(ylim, "ylim")
    return Plot(by_name, over, low, high, limits, tuple(points), _text(title, "a title"))


def _refusal(message: str, hint: str) -> InputError:
    return InputError(message, site=current_site(), hint=hint)


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise _refusal(f"{what} is a text, not {brief(value)}", 'write "f"')
    return value


def _wanted(sliders: Any) -> list[Any]:
    if isinstance(sliders, Expr):
        return [sliders]
    return listed_("sliders", sliders, "list float symbols that the curves depend on")


def _scalar(value: Any, what: str) -> Expr:
    expr = constant(value)
    if expr.shape or not (is_float(expr.dtype) or expr.dtype.kind in "iu"):
        raise _refusal(f"{what} is a number, not {brief(expr)} of {expr.dtype}", "plot one number at a time")
    return expr


def _ends(value: Any, what: str) -> tuple[float, float]:
    try:
        low, high = (float(end) for end in value)
    except (TypeError, ValueError, OverflowError):
        low, high = math.nan, math.nan
    if not low < high or math.isinf(low) or math.isinf(high) or math.isinf(high - low):
        raise _refusal(f"{what} is {brief(value)}, not two ends", f"write {what}=(-1, 1)")
    return low, high


class Figure:
    """A figure to play with, made by `figure`; `.save("figure.html")` writes it, and notebooks show it."""

    def __init__(self, text: str, title: str, count: int) -> None:
        self._text = text
        self._title = title
        self._count = count

    def __repr__(self) -> str:
        plots = f"{self._count} plot{'s' if self._count != 1 else ''}"
        return f'<Figure of {plots}; .save("figure.html") writes it>'

    def html(self) -> str:
        """The page, which needs nothing else."""
        return self._text

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page to an .html file, whole or not at all; returns the path. Raises `RenderError`."""
        try:
            target = Path(path)
        except TypeError:
            raise RenderError(f"{brief(path)} is not a path", hint='write .save("figure.html")') from None
        if target.suffix.lower() != ".html":
            raise RenderError(f"a figure to play with is an .html file, not {str(target)!r}")
        try:
            write_whole(target, self._text.encode())
        except (OSError, ValueError) as error:  # a ValueError is a path with a null byte
            why = getattr(error, "strerror", None) or error
            raise RenderError(f"cannot write {str(target)!r}: {why}") from error
        return target

    def _repr_html_(self) -> str:
        return in_frame(self._text, self._title, 640)


def figure(
    *plots: Plot | Plane,
    at: Mapping[Any, Any],
    sliders: Iterable[Expr] | None = None,
    title: str = "Figure",
    digits: int = 3,
    style: Style | str | Mapping[str, Any] = SLIDES,
) -> Figure:
    """An interactive figure: drag points or move the sliders of symbols, and every curve updates.

    Parameters
    ----------
    plots : made by `plot`; symbols of one name are one quantity in all of them. Or one made by `plane`: colours over two inputs,
        whose weights have sliders; then `at` has the value of every weight, as `model.values` does
    at : name or symbol → number: the initial value; symbols of a horizontal axis need none
    sliders : the symbols that get a slider; by default all that are neither on an axis nor dragged
    title : of the page
    digits : significant digits of its numbers
    style : as for `draw`; readers who prefer dark pages get dark ones

    A symbol declared with a range stays within it. Returns a `Figure`; raises `InputError` for a point that does not match.

    >>> from graphc.ir.expr import symbols
    >>> x, a, b, c = symbols("x a b c")
    >>> figure(plot(c*(x - a)**2 + b, x, (-3, 3), handles=[(a, b)]), at={"a": 1, "b": 0, "c": 0.5})
    <Figure of 1 plot; .save("figure.html") writes it>
    """
    check_digits(digits)
    if any(isinstance(item, Plane) for item in plots):
        (item,) = plots if len(plots) == 1 else (None,)
        if not isinstance(item, Plane):
            raise _refusal("a plane is a figure of its own", "write g.figure(g.plane(…), at=model.values)")
        if not isinstance(at, Mapping):
            raise _refusal(f"a point is a dict of values, not {brief(at)}", "write at=model.values")
        return Figure(plane_page(item, at, _text(title, "a title"), digits, as_style(style)), title, 1)
    drawn: list[Plot] = []
    for item in plots:
        if not isinstance(item, Plot):
            raise _refusal(
                f"a figure is made of plots, not {brief(item)}",
                "write g.figure(g.plot(f, x, (-1, 1)), at={…})",
            )
        drawn.append(item)
    if not drawn:
        raise _refusal("a figure has at least one plot", "write g.figure(g.plot(f, x, (-1, 1)), at={…})")
    exprs = list(
        dict.fromkeys(
            expr
            for item in drawn
            for expr in (*item.curves.values(), *(part for point in item.handles for part in point))
        )
    )
    symbols = tuple(dict.fromkeys((*free_symbols(*exprs), *(item.over for item in drawn))))
    dag = Dag(exprs, symbols)
    values_at = {**{item.over.name: (item.low + item.high) / 2 for item in drawn}, **_named(at)}
    values = run(dag, values_at)
    for symbol, value in zip(symbols, values, strict=False):
        if getattr(value, "ndim", 0):
            raise _refusal(
                f"{brief(symbol.name)} got an array; a figure begins at numbers", "give one number"
            )
    places = {symbol: number for number, symbol in enumerate(symbols)}
    dragged = {part for item in drawn for point in item.handles for part in point if part.is_symbol}
    axes = {item.over for item in drawn}
    chosen = (
        [s for s in symbols if s not in axes and s not in dragged] if sliders is None else _wanted(sliders)
    )
    for symbol in chosen:
        if not isinstance(symbol, Expr) or symbol not in places or not is_float(symbol.dtype):
            raise _refusal(
                f"{brief(symbol)} has no slider here", "list float symbols that the curves depend on"
            )
    slots = {expr: number for number, expr in enumerate(exprs)}
    data = {
        "digits": digits,
        "inputs": [
            {
                "name": visible(s.name, 24),
                "kind": s.dtype.kind,
                "value": format_number(values[n]),
                "bounds": _bounds(s),
            }
            for s, n in places.items()
        ],
        "sliders": [places[symbol] for symbol in chosen],
        "plots": [_described(item, slots, places) for item in drawn],
    }
    body = "\n".join(
        [
            f"<h1>{escape(visible(_text(title, 'a title'), 200))}</h1>",
            '<div class="charts">',
            *(_section(number, item) for number, item in enumerate(drawn)),
            "</div>",
            _sliders(chosen, places, values, digits),
            '<p class="keys">Drag the points; or go to one by <kbd>Tab</kbd> and press <kbd>←</kbd> <kbd>→</kbd> <kbd>↑</kbd> '
            "<kbd>↓</kbd>.</p>"
            if dragged
            else "",
        ]
    )
    text = assemble(title, body, data, ("numbers.js", "chart.js", "figure.js"), program(dag), as_style(style))
    return Figure(text, title, len(drawn))


def _named(at: Any) -> dict[Any, Any]:
    if not isinstance(at, Mapping):
        raise _refusal(f"a point is a dict of values, not {brief(at)}", 'write at={"a": 1.0}')
    named_ = {
        key.name if isinstance(key, Expr) and key.is_symbol else key: value for key, value in at.items()
    }
    for key, value in named_.items():
        if isinstance(value, Real) and not math.isfinite(value):
            raise _refusal(f"{brief(key)} begins at {brief(value)}", "give a finite number")
    return named_


def _bounds(symbol: Expr) -> list[float] | None:
    return None if symbol.bounds is None else [min(max(end, -1e300), 1e300) for end in symbol.bounds]


def _described(item: Plot, slots: dict[Expr, int], places: dict[Expr, int]) -> dict[str, Any]:
    """A plot as plain data; an index of None says that the coordinate cannot be dragged."""
    handles = []
    for number, (x, y) in enumerate(item.handles, 1):
        across, up = (places.get(part) for part in (x, y))
        names = " and ".join(visible(part.name, 24) for part in (x, y) if part.is_symbol)
        handles.append(
            {"label": f"Point {number}: {names}", "x": slots[x], "y": slots[y], "across": across, "up": up}
        )
    return {
        "over": places[item.over],
        "low": item.low,
        "high": item.high,
        "ylow": None if item.ylim is None else item.ylim[0],
        "yhigh": None if item.ylim is None else item.ylim[1],
        "curves": [slots[curve] for curve in item.curves.values()],
        "handles": handles,
        "label": visible(item.title or ", ".join(item.curves) or "Plot", 80),
    }


def _section(number: int, item: Plot) -> str:
    title = f"<h2>{escape(visible(item.title, 80))}</h2>" if item.title else ""
    axis = f'<p class="note">over {plain(named(visible(item.over.name, 24)))}</p>'
    key = '<li><svg viewBox="0 0 30 10" aria-hidden="true"><line class="c{}" x1="0" y1="5" x2="30" y2="5"/></svg>{}</li>'
    names = [
        key.format(place, escape(visible(name, 40))) for place, name in enumerate(item.curves) if name.strip()
    ]
    legend = f'<ul class="legend chart">{"".join(names)}</ul>' if names else ""
    return f'<section class="panel">{title}<div id="plot{number}"></div>{legend}{axis}</section>'


def _sliders(chosen: list[Expr], places: dict[Expr, int], values: list[Any], digits: int) -> str:
    rows = []
    for symbol in chosen:
        number = places[symbol]
        name = visible(symbol.name, 24)
        rows.append(
            f'<label for="slide{number}">{plain(named(name))}</label>'
            f'<output id="out{number}" for="slide{number}">{show_number(values[number], digits)}</output>'
            f'<input type="range" id="slide{number}" aria-label="{escape(name)}">'
        )
    return f'<section class="panel inputs" aria-label="Sliders">{"".join(rows)}</section>' if rows else ""

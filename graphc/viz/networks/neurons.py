"""Dense layers as columns of neurons, weights as lines: as wide and as strong in colour as they are large, in one colour where
they are positive and in the other, dashed where there are few, where they are negative. Of many units some are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import isfinite
from typing import Any

import numpy as np

from graphc.interpret.numpy_eval import run, to_python
from graphc.ir.expr import Expr, free_symbols
from graphc.ir.formatting import show_number
from graphc.ir.graph import Dag
from graphc.viz.layered.drawn import DrawnPart, bounds
from graphc.viz.layout_scene import Item, Scene, Stroke, Text
from graphc.viz.networks.stages import NetworkStage
from graphc.viz.networks.texts import Line, blend, set_texts
from graphc.viz.style import Style

MOST_UNITS = 10
"""So many neurons of a column are drawn at most."""

_RADIUS = 11.0
_STEP = 30.0
"""Points between the middles of neurons in a column."""

_APART = 118.0
"""Points between columns."""

_THIN, _THICK = 0.4, 3.4
_FEW = 160
"""So many lines can be dashed and still be read."""


@dataclass(frozen=True)
class Column:
    """A layer.

    name : what stands over it
    through : what stands over the lines that lead to it
    units : how many neurons
    after : the functions that follow
    weight : inputs × units, where it is known
    values : of its neurons, where they are known
    """

    name: str
    units: int
    through: str = ""
    after: tuple[str, ...] = ()
    weight: np.ndarray | None = None
    values: np.ndarray | None = None


def columns_of(stages: Sequence[NetworkStage], values: Mapping[Expr, Any]) -> list[Column] | None:
    """The layers of a network that is one row of dense layers on vectors; None for any other."""
    found: list[Column] = []
    for number, stage in enumerate(stages):
        first = number == 0
        if (
            stage.kind == "output"
            and number == len(stages) - 1
            and stage.before == [number - 1]
            and len(found) > 1
        ):
            found[-1] = replace(found[-1], name=stage.label)
            break
        if stage.kind != ("input" if first else "dense") or stage.before != ([] if first else [number - 1]):
            return None
        if first:
            continue
        if stage.weight is None:
            return None
        shape = stage.weight.shape[::-1] if stage.stride else stage.weight.shape
        shape = (
            (*shape, 1)
            if len(shape) == 1 and not stage.stride
            else shape
            if len(shape) == 2
            else (shape[0], 1)
        )
        if len(shape) != 2 or not all(isinstance(length, int) for length in shape) or len(stage.shape) > 2:
            return None
        if number == 1:
            given = _of_one(stages[0].end, values)
            found.append(Column(stages[0].name, int(shape[0]), "", tuple(stages[0].after), values=given))  # type: ignore[arg-type]
        elif found[-1].units != shape[0]:
            return None
        matrix = _value(stage.weight, values)
        if matrix is not None:
            matrix = np.asarray(matrix, dtype=float)
            matrix = matrix.reshape(-1, 1) if matrix.ndim == 1 else matrix.T if stage.stride else matrix
        name = stage.block[-1] if stage.block else ""
        given = _of_one(stage.end, values)
        through = "" if stage.block else stage.name
        found.append(Column(name, int(shape[1]), through, tuple(stage.after), matrix, given))  # type: ignore[arg-type]
    return found if len(found) > 1 else None


def _value(expr: Expr, values: Mapping[Expr, Any]) -> Any:
    """The value of a weight, where all that it is made of is known."""
    symbols = free_symbols(expr)
    if any(symbol not in values for symbol in symbols):
        return None
    return to_python(run(Dag([expr], symbols), {symbol.name: values[symbol] for symbol in symbols})[-1])


def _of_one(expr: Expr | None, values: Mapping[Expr, Any]) -> np.ndarray | None:
    """The values of neurons, where they are known of one sample."""
    value = None if expr is None else _value(expr, values)
    one = value is not None and np.ndim(value) > 0 and np.size(value) == np.shape(value)[-1]
    return np.ravel(np.asarray(value, dtype=float)) if one else None


def shown_units(units: int, most: int) -> tuple[list[int], int]:
    """The neurons that are drawn, and after how many of them the rest is left out; -1 where none is.

    >>> shown_units(3, 5), shown_units(100, 5)
    (([0, 1, 2], -1), ([0, 1, 98, 99], 2))
    """
    if units <= most:
        return list(range(units)), -1
    above = most // 2
    below = most - 1 - above
    return [*range(above), *range(units - below, units)], above


@dataclass(frozen=True)
class _Placed:
    """The neurons of a column that are drawn: their numbers, heights, and where the dots stand."""

    numbers: list[int]
    heights: list[float]
    dots: float | None


def neurons(columns: Sequence[Column], style: Style, most: int = MOST_UNITS) -> Scene:
    """The scene of layers as columns of neurons."""
    placed = [_stand(column.units, most) for column in columns]
    texts = set_texts(_texts(columns, style), style)
    wide = [
        max(2 * _RADIUS, *(part.bounds[2] - part.bounds[0] for part in (texts[f"o{n}"], texts[f"u{n}"])))
        for n in range(len(columns))
    ]
    tall = max(place.heights[0] for place in placed)
    gap = max(
        _APART * min(1.0, 0.2 + most / MOST_UNITS),
        1.6 * tall,
        *((a + b) / 2 + 14 for a, b in pairwise(wide)),
    )
    middle = [n * gap for n in range(len(columns))]
    lines, largest = _lines(columns, placed, middle, style)
    items = [*lines]
    for number, (column, place) in enumerate(zip(columns, placed, strict=True)):
        items += _neurons(number, column, place, middle[number], style)
        over, under = texts[f"o{number}"], texts[f"u{number}"]
        items += _text(over, f"over{number}", middle[number], tall + _RADIUS + 12 - over.bounds[1])
        if number:
            through, x = texts[f"w{number}"], (middle[number - 1] + middle[number]) / 2
            items += _text(through, f"through{number}", x, tall + _RADIUS + 12 - through.bounds[1])
        items += _text(under, f"under{number}", middle[number], -tall - _RADIUS - 10 - under.bounds[3])
    if largest > 0:
        items.append(_legend(items, largest, style, _dashed(placed)))
    left, low, right, high = bounds([part for item in items for part in item.parts])
    pad = 0.12 * 72
    box = (left - pad, low - pad, right + pad, high + pad)
    width, height = (72 * length for length in style.page)
    scale = min(1.0, width / (box[2] - box[0]), height / (box[3] - box[1]))
    return Scene(box, scale, style.background, tuple(items))


def _stand(units: int, most: int) -> _Placed:
    numbers, above = shown_units(units, most)
    rows = len(numbers) + (above >= 0)
    heights = [_STEP * ((rows - 1) / 2 - row) for row in range(rows)]
    dots = heights.pop(above) if above >= 0 else None
    return _Placed(numbers, heights, dots)


def _texts(columns: Sequence[Column], style: Style) -> dict[str, list[Line]]:
    """What stands over each column and under it."""
    texts: dict[str, list[Line]] = {}
    last = len(columns) - 1
    for number, column in enumerate(columns):
        texts[f"o{number}"] = [(column.name, style.text, style.size)]
        texts[f"w{number}"] = [(column.through, style.note, style.size)]
        what = "input" if number == 0 else "unit" if number < last else "output"
        units = [(f"{column.units} {what}{'s' if column.units != 1 else ''}", style.note, style.value_size)]
        texts[f"u{number}"] = units + [(name, style.note, style.value_size) for name in column.after]
    return texts


def _dashed(placed: Sequence[_Placed]) -> bool:
    counts = [len(place.numbers) for place in placed]
    return sum(a * b for a, b in pairwise(counts)) <= _FEW


def _lines(
    columns: Sequence[Column], placed: Sequence[_Placed], middle: Sequence[float], style: Style
) -> tuple[list[Item], float]:
    """The weights, small ones behind large ones, and the size of the largest one that is drawn."""
    found: list[tuple[float, Item]] = []
    sizes = [
        float(np.nanmax(np.abs(kept[np.isfinite(kept)]), initial=0.0))
        for n, column in enumerate(columns)
        if column.weight is not None
        for kept in [column.weight[np.ix_(placed[n - 1].numbers, placed[n].numbers)]]
    ]
    largest = max(sizes, default=0.0)
    dashed = _dashed(placed)
    for n in range(1, len(columns)):
        for i, y in zip(placed[n - 1].numbers, placed[n - 1].heights, strict=True):
            for j, z in zip(placed[n].numbers, placed[n].heights, strict=True):
                weight = None if columns[n].weight is None else float(columns[n].weight[i, j])  # type: ignore[index]
                points = ((middle[n - 1] + _RADIUS, y), (middle[n] - _RADIUS, z))
                key = f"l{n - 1}u{i}-l{n}u{j}"
                tip = "" if weight is None else show_number(weight, 3)
                item = Item("weight", key, tip, (_stroke(points, weight, largest, dashed, style),))
                found.append((abs(weight) if weight is not None and isfinite(weight) else 0.0, item))
    found.sort(key=lambda pair: pair[0])
    return [item for _, item in found], largest


def _stroke(
    points: tuple[tuple[float, float], ...], weight: float | None, largest: float, dashed: bool, style: Style
) -> Stroke:
    if weight is None:
        return Stroke("polyline", points, blend(style.line, style.background, 0.55), None, 0.8)
    if not isfinite(weight):
        return Stroke("polyline", points, style.alarm.lower(), None, _THICK)
    share = abs(weight) / largest if largest else 0.0
    colour = blend(style.backward if weight < 0 else style.forward, style.background, 0.3 + 0.7 * share)
    return Stroke("polyline", points, colour, None, _THIN + (_THICK - _THIN) * share, dashed and weight < 0)


def _neurons(number: int, column: Column, place: _Placed, x: float, style: Style) -> list[Item]:
    items = []
    fill = style.symbol if number == 0 else style.operation
    known = column.values
    for unit, y in zip(place.numbers, place.heights, strict=True):
        colour, tip = fill, f"{column.name} {unit + 1}"
        if known is not None:
            largest = float(np.nanmax(np.abs(known), initial=0.0)) or 1.0
            value = float(known[unit])
            tip += f": {show_number(value, 3)}"
            if isfinite(value):
                sign = style.backward if value < 0 else style.forward
                colour = blend(sign, style.background, 0.75 * abs(value) / largest)
            else:
                colour = style.alarm
        circle = Stroke(
            "ellipse", ((x, y), (_RADIUS, _RADIUS)), style.line.lower(), colour.lower(), style.line_width
        )
        items.append(Item("node", f"l{number}u{unit}", tip, (circle,)))
    if place.dots is not None:
        dots = [
            Stroke("ellipse", ((x, place.dots + dy), (1.7, 1.7)), None, style.text.lower(), 0.0)
            for dy in (-6.5, 0.0, 6.5)
        ]
        items.append(Item("node", f"l{number}dots", f"{column.units - len(place.numbers)} more", tuple(dots)))
    return items


def _text(part: DrawnPart, key: str, x: float, y: float) -> list[Item]:
    if not part.item.parts:
        return []
    left, _, right, _ = part.bounds
    moved = part.at(x - (left + right) / 2, y)
    return [Item("node", key, "", moved.parts)]


def _legend(items: Sequence[Item], largest: float, style: Style, dashed: bool) -> Item:
    """Lines of the largest weight of either sign, with their values."""
    left, low, right, _ = bounds([part for item in items for part in item.parts])
    size = style.value_size
    shown: dict[str, float] = {"p": largest, "h": largest / 4, "n": -largest / 4, "m": -largest}
    texts = set_texts(
        {key: [(show_number(value, 2), style.text, size)] for key, value in shown.items()}, style
    )
    if right - left < 5 * len(shown) * size:
        shown = {key: shown[key] for key in "pm"}
    widths = [34 + 6 + texts[key].bounds[2] - texts[key].bounds[0] for key in shown]
    x = (left + right) / 2 - (sum(widths) + 18 * (len(shown) - 1)) / 2
    y = low - 10 - size
    parts: list[Stroke | Text] = []
    for (key, value), wide in zip(shown.items(), widths, strict=True):
        parts.append(_stroke(((x, y), (x + 34, y)), value, largest, dashed, style))
        box = texts[key].bounds
        parts += texts[key].at(x + 40 - box[0], y - (box[1] + box[3]) / 2).parts
        x += wide + 18
    return Item("legend", "legend", "weights", tuple(parts))


__all__ = ["MOST_UNITS", "Column", "columns_of", "neurons", "shown_units"]

"""Stages as boxes: feature maps as blocks in three dimensions, as high as they have rows and as thick as they have channels;
vectors as bars; what joins as a circle; everything else as a box with its name.

The middle of what is drawn is where lines lead to; sizes stand below it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import log2, sqrt

from graphc.ir.types import Shape
from graphc.viz.layered.drawn import DrawnPart, bounds
from graphc.viz.layout_scene import Item, Stroke, Text, rounded
from graphc.viz.networks.stages import NetworkStage
from graphc.viz.networks.texts import Line, blend, set_texts
from graphc.viz.networks.tidy import CONVOLUTIONS, POOLS
from graphc.viz.style import Style

HIGHEST = 104.0
"""Points that the largest feature map is high."""

_LOWEST = 18.0
"""Points that the smallest one is."""

_DEPTH = 0.32
"""How far a block reaches back, as a part of its height."""

_ROUND = 6.0

_LINE = 16
"""Letters of a line below a box, unless one word is longer."""


@dataclass(frozen=True)
class Box:
    """A stage as it is drawn.

    part : around the point that lines lead to
    ends : how far its shape reaches back, up, forth and down of it; what is written below reaches farther
    """

    part: DrawnPart
    ends: tuple[float, float, float, float]


def boxes(stages: Sequence[NetworkStage], style: Style, down: bool, high: float = HIGHEST) -> list[Box]:
    """Each stage as it is drawn, sizes below it, or at its right where lines lead down."""
    rows = [rows_of(stage) for stage in stages]
    highest = max((row for row in rows if row), default=1)
    inner = {f"i{n}": _inner(stage, style) for n, stage in enumerate(stages)}
    under = {f"u{n}": _under(stage, style) for n, stage in enumerate(stages)}
    texts = set_texts(inner | under, style)
    made = []
    for number, stage in enumerate(stages):
        text, below = texts[f"i{number}"], texts[f"u{number}"]
        strokes = _strokes(stage, text, style, lambda rows: _LOWEST + (high - _LOWEST) * sqrt(rows / highest))
        back, low, forth, top = bounds(strokes)
        parts: list[Stroke | Text] = [*strokes, *text.at(*_middle(strokes, text)).parts]
        own = len(parts)
        if below.item.parts:
            x0, y0, x1, y1 = below.bounds
            at = (forth + 6 - x0, -(y0 + y1) / 2) if down else ((back + forth - x0 - x1) / 2, low - 4 - y1)
            parts += below.at(*at).parts
        item = Item("node", f"s{number}", described(stage), tuple(parts), split=own)
        made.append(Box(DrawnPart(item, bounds(parts)), (-back, top, forth, -low)))
    return made


def apart(item: Item) -> list[Item]:
    """A stage that is drawn, and what stands below it as a thing of its own."""
    if not 0 < item.split < len(item.parts) or item.kind != "node":
        return [item]
    shape = replace(item, parts=item.parts[: item.split], split=0)
    return [shape, Item("node", f"{item.key}sizes", "", item.parts[item.split :])]


def rows_of(stage: NetworkStage) -> int:
    """How many rows the feature maps have that a stage gives; 0 where it gives none."""
    rows = stage.shape[-2] if len(stage.shape) == 4 else 0
    return rows if isinstance(rows, int) else 0


def is_volume(stage: NetworkStage) -> bool:
    """Whether a stage is drawn as a block in three dimensions."""
    return rows_of(stage) > 0 and (
        stage.kind not in ("join", "function", "part", "output") or stage.label in ("concat", "stack")
    )


def units_of(stage: NetworkStage) -> int | None:
    """How many numbers a vector has."""
    units = stage.shape[-1] if stage.shape else None
    return units if isinstance(units, int) else None


# --- what is written -------------------------------------------------------------------------------------------


def _inner(stage: NetworkStage, style: Style) -> list[Line]:
    """What stands in the shape."""
    if is_volume(stage):
        return []
    size = style.value_size
    label, first = stage.label, size
    if stage.kind == "join":
        first = style.size if len(stage.label) == 1 else size
    elif stage.kind == "dense":
        label = stage.block[-1].rstrip("0123456789") if stage.block else stage.name
        label = "dense" if label in ("", "affine", "linear") else label
    elif stage.kind in ("recurrent", "block"):
        label = label.rstrip("0123456789") or label
    lines = [(f"{label} ↻" if stage.kind == "recurrent" else label, style.text, first)]
    lines += [(line, style.text, size) for line in stage.after if stage.kind != "input"]
    return lines


def _under(stage: NetworkStage, style: Style) -> list[Line]:
    """What stands below it: sizes, and of feature maps how they are made."""
    size = style.value_size
    lines: list[Line] = []
    if is_volume(stage):
        lines.append((_maps(stage.shape), style.text, size))
        lines += [(line, style.note, size) for line in _made(stage)]
    elif stage.kind in ("input", "output", "dense", "recurrent", "embedding", "block"):
        lines.append((_lengths(stage.shape), style.note, size))
    return lines


def _maps(shape: Shape) -> str:
    """Channels and size of feature maps.

    >>> _maps(("n", 64, 28, 28))
    '64 @ 28×28'
    """
    return f"{shape[1]} @ {shape[2]}×{shape[3]}"


def _lengths(shape: Shape) -> str:
    """The lengths of one sample."""
    own = shape[1:] if len(shape) > 1 else shape
    return "×".join(map(str, own))


def _made(stage: NetworkStage) -> list[str]:
    """How feature maps are made, a line for each thing."""
    if stage.kind == "input":
        return [stage.label, *stage.after]
    if stage.kind == "block":
        return [stage.label.rstrip("0123456789") or stage.label]
    if stage.kind != "run":
        return _in_lines([f"{stage.label}{_window(stage)}", *stage.after])
    lines: list[str] = []
    counts: list[int] = []
    after: list[str] = []
    for part in stage.parts:
        line = f"{part.label}{_window(part)}"
        if lines and lines[-1] == line:
            counts[-1] += 1
        else:
            lines.append(line)
            counts.append(1)
        after += [name for name in part.after if name not in after]
    told = [f"{count} {line}" if count > 1 else line for line, count in zip(lines, counts, strict=True)]
    place = max((n for n, line in enumerate(lines) if "conv" in line), default=len(told)) + 1
    return _in_lines([*told[:place], *after, *told[place:]])


def _in_lines(words: Sequence[str]) -> list[str]:
    """Words put into lines as long as they may be.

    >>> _in_lines(["2 conv 3×3", "norm", "relu", "max-pool 2×2"])
    ['2 conv 3×3, norm', 'relu', 'max-pool 2×2']
    """
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + 2 + len(word) <= _LINE:
            lines[-1] += f", {word}"
        else:
            lines.append(word)
    return lines


def _window(stage: NetworkStage) -> str:
    window = f" {'×'.join(map(str, stage.kernel))}" if stage.kernel else ""
    steps = set(stage.stride)
    pools = stage.kind in POOLS and stage.stride == stage.kernel
    return window + (f" /{steps.pop()}" if len(steps) == 1 and steps != {1} and not pools else "")


def described(stage: NetworkStage) -> str:
    """A stage in words, for who points at it."""
    what = ", ".join(_made(stage)) if is_volume(stage) else " ".join([stage.label or "dense", *stage.after])
    learned = f"; {stage.count:,} parameters" if stage.count else ""
    return f"{what}: {'×'.join(map(str, stage.shape)) or 'a number'}{learned}"


# --- shapes ----------------------------------------------------------------------------------------------------


def colour_of(stage: NetworkStage, style: Style) -> str:
    """The fill by what a stage does."""
    if stage.kind in ("input", "output"):
        return style.symbol
    if stage.kind in POOLS:
        return blend(style.backward, style.background, 0.35)
    if stage.kind in (*CONVOLUTIONS, "run"):
        return blend(style.forward, style.background, 0.22 if stage.kind != "up-conv" else 0.4)
    if stage.kind in ("join", "part"):
        return style.constant
    if stage.kind == "function":
        return style.adjoint
    return style.operation


def _strokes(
    stage: NetworkStage, text: DrawnPart, style: Style, high: Callable[[int], float]
) -> list[Stroke]:
    line, width = style.line.lower(), style.line_width
    if is_volume(stage):
        return _volume(stage, style, high)
    left, low, right, top = text.bounds
    if stage.kind == "join" and len(stage.label) == 1 and not stage.after:
        radius = 0.75 * style.size
        return [
            Stroke("ellipse", ((0.0, 0.0), (radius, radius)), line, colour_of(stage, style).lower(), width)
        ]
    half, tall = max((right - left) / 2 + 8, 16), max((top - low) / 2 + 6, 14)
    curve = rounded(-half, -tall, half, tall, _ROUND)
    return [Stroke("curve", curve, line, colour_of(stage, style).lower(), width)]


def _middle(strokes: Sequence[Stroke], text: DrawnPart) -> tuple[float, float]:
    """Where the middle of a text stands so that it is in the middle of a shape."""
    left, low, right, high = text.bounds
    return -(left + right) / 2, -(low + high) / 2


def _volume(stage: NetworkStage, style: Style, high: Callable[[int], float]) -> list[Stroke]:
    """The slabs of a block in three dimensions, from left to right, their middle at 0."""
    parts = stage.parts or [stage]
    sizes = []
    for part in parts:
        channels = part.shape[1] if isinstance(part.shape[1], int) else 1
        sizes.append((4 + 2.2 * log2(1 + channels) if part.kind not in POOLS else 5.0, high(rows_of(part))))
    wide = sum(thick for thick, _ in sizes) + 3.0 * (len(sizes) - 1)
    deep = _DEPTH * sizes[-1][1]
    x = -(wide + deep) / 2
    strokes: list[Stroke] = []
    for part, (thick, tall) in zip(parts, sizes, strict=True):
        strokes += slab(x, x + thick, tall, colour_of(part, style), style)
        x += thick + 3.0
    return strokes


def slab(left: float, right: float, high: float, colour: str, style: Style) -> list[Stroke]:
    """A block in three dimensions, its middle at height 0: the face at the right, the top, and the front."""
    deep, half = _DEPTH * high, high / 2
    low, top = -half - deep / 2, half - deep / 2
    line, width = style.line.lower(), 0.7 * style.line_width
    side = ((right, low), (right + deep, low + deep), (right + deep, top + deep), (right, top))
    roof = ((left, top), (left + deep, top + deep), (right + deep, top + deep), (right, top))
    front = ((left, low), (right, low), (right, top), (left, top))
    return [
        Stroke("polygon", side, line, blend(colour, style.line, 0.8), width),
        Stroke("polygon", roof, line, blend(colour, style.background, 0.6), width),
        Stroke("polygon", front, line, colour.lower(), width),
    ]


__all__ = ["HIGHEST", "Box", "apart", "boxes", "described", "is_volume", "units_of"]

"""What convolutions hand back to images, in machine code of graphc's own, by tiles that stay in registers.

For one row of a window's elements a tile has the places of some rows; its sums run over the outputs. Shifted to where the windows
lay, they are added up and then to the image.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

from graphc.compiler.targets.llvm.microkernels.direct_conv import (
    ADDED,
    COPIED,
    MOST_ROWS,
    PIECE,
    TWO_FORMS,
    Span,
    arranged,
    spans,
)
from graphc.compiler.targets.llvm.microkernels.images import PARAMETERS, ImageRoutine
from graphc.compiler.targets.llvm.microkernels.register_tiles import (
    BEGUN,
    SLOT,
    Cut,
    Vectors,
    exact,
    fitting,
    step_slots,
    widest,
)
from graphc.compiler.targets.llvm.microkernels.windows import Windows
from graphc.ir.types import DType
from graphc.util.records import dataclass

LARGEST = 2**20
"""Bytes of what comes back from the places: every row of a window goes through all of it, and does little with each element."""


@dataclass(frozen=True)
class _Part:
    """The tiles of one form: elements of a window's row × rows of places × vectors of a row."""

    taps: Span
    rows: Span
    columns: Span
    cuts: tuple[Cut, ...]

    @property
    def lanes(self) -> list[int]:
        return [lanes for _ in range(self.rows.step) for _, lanes in self.cuts]

    def nanoseconds(self, outputs: int, dtype: DType) -> float:
        count = self.taps.count * self.rows.count * self.columns.count
        vectors = self.taps.step * len(self.lanes)
        each = BEGUN + ADDED * vectors + SLOT * outputs * step_slots(self.taps.step, self.lanes, dtype)
        return count * each


def _parts(
    windows: Windows, dtype: DType, taps: int, rows: int, ways: list[tuple[Span, tuple[Cut, ...]]]
) -> list[_Part]:
    return [
        _Part(across, down, columns, cuts)
        for across, down, (columns, cuts) in itertools.product(
            spans(windows.size[1], taps), spans(windows.places[0], rows), ways
        )
    ]


def _covered(length: int, dtype: DType) -> list[list[tuple[Span, tuple[Cut, ...]]]]:
    """The ways to cover a row by vectors that lie apart."""
    covering = []
    for cuts, _, wide in arranged(length, dtype, exact):
        full = length // wide
        way = [(Span(0, wide, full), cuts)]
        if length % wide:
            way.append((Span(full * wide, length % wide, 1), tuple(exact(length % wide, widest(dtype)))))
        covering.append(way)
    return covering


def input_gradient(windows: Windows, outputs: int, dtype: DType) -> ImageRoutine | None:
    """image (c, i·down + a, j + b) = Σ kernel (o, c, a, b) · v (o, i, j); None where that is not for vectors."""
    high, wide = windows.places
    if windows.stride[1] != 1 or outputs * high * wide * dtype.itemsize > LARGEST:
        return None
    best: tuple[float, list[_Part]] | None = None
    for way in _covered(wide, dtype):
        vectors = max(len(cuts) for _, cuts in way)
        for rows in range(1, min(high, MOST_ROWS) + 1):
            for taps in range(1, min(windows.size[1], MOST_ROWS) + 1):
                if not fitting(taps, rows * vectors):
                    break
                parts = _parts(windows, dtype, taps, rows, way)
                work = sum(part.nanoseconds(outputs, dtype) for part in parts) * TWO_FORMS ** (len(parts) - 1)
                if best is None or work < best[0]:
                    best = work, parts
    return None if best is None else _input_gradient(windows, outputs, dtype, *best)


def _input_gradient(
    windows: Windows, outputs: int, dtype: DType, work: float, parts: list[_Part]
) -> ImageRoutine:
    (tall, width), (high, wide) = windows.whole, windows.places
    places, size, area = high * wide, tall * width, windows.area
    channels = windows.channels
    work = work * windows.size[0] * channels + COPIED * channels * size
    group = min(channels, max(1, round(PIECE * channels / work)))
    pieces = -(-channels // group)
    declarations: dict[str, str] = {}
    texts = [
        _input_tile(windows, outputs, dtype, f"tile{k}", part, declarations) for k, part in enumerate(parts)
    ]
    w = Vectors(dtype)
    target = "%scratch" if windows.padded else "%out"

    def channel(c: str) -> None:
        plane = w.at(target, w.mul(c, str(size)))
        w.clear(plane, str(size))
        kernel = w.at("%b", w.mul(c, str(area)))

        def window_row(a: str) -> None:
            for k, part in enumerate(parts):
                _each(w, part, lambda b, i, j, k=k: tile(k, a, b, i, j))

        def tile(k: int, a: str, b: str, i: str, j: str) -> None:
            v = w.at("%a", w.add(w.mul(i, str(wide)), j))
            factors = w.at(kernel, w.add(w.mul(a, str(windows.size[1])), b))
            row = w.add(w.mul(i, str(windows.stride[0])), a)
            to = w.at(plane, w.add(w.mul(row, str(width)), j, b))
            w.do(f"call void @tile{k}(ptr {v}, ptr {factors}, ptr {to})")

        w.loop(str(windows.size[0]), window_row)
        if windows.padded:
            (rows, columns), (top, left) = windows.space, (windows.padding[0][0], windows.padding[1][0])
            image = w.at("%out", w.mul(c, str(windows.plane)))

            def row(i: str) -> None:
                source = w.at(plane, w.add(w.mul(i, str(width)), str(top * width + left)))
                w.copy(w.at(image, w.mul(i, str(columns))), source, str(columns))

            w.loop(str(rows), row)

    last = w.least(w.mul("%to", str(group)), str(channels)) if pieces > 1 else str(channels)
    w.loop(last, channel, w.mul("%from", str(group)) if pieces > 1 else "0")
    return ImageRoutine(
        "\n".join([*texts, w.function("image", PARAMETERS)]),
        (outputs * places, 0),
        channels * windows.plane,
        channels * size if windows.padded else 0,
        pieces,
        work / pieces,
        declarations=tuple(sorted(declarations.items())),
    )


def _each(w: Vectors, part: _Part, body: Callable[[str, str, str], None]) -> None:
    """body(b, i, j) for the tiles of a part: where each begins."""

    def at(span: Span, number: str) -> str:
        return w.add(w.mul(number, str(span.step)), str(span.start))

    def row(r: str) -> None:
        i = at(part.rows, r)

        def column(q: str) -> None:
            j = at(part.columns, q)
            w.loop(str(part.taps.count), lambda t: body(at(part.taps, t), i, j))

        w.loop(str(part.columns.count), column)

    w.loop(str(part.rows.count), row)


def _input_tile(
    windows: Windows, outputs: int, dtype: DType, name: str, part: _Part, declarations: dict[str, str]
) -> str:
    """void tile(v, kernel, target): adds what the places of a block hand back through some elements of a window's row."""
    w = Vectors(dtype)
    (high, wide), width = windows.places, windows.whole[1]
    kernel, taps = windows.channels * windows.area, part.taps.step
    cuts = [(row, *cut) for row in range(part.rows.step) for cut in part.cuts]

    def factor(places: list[str], tap: int) -> tuple[str, str]:
        return "%kernel", w.add(w.mul(places[0], str(kernel)), str(tap))

    def column(places: list[str], number: int) -> tuple[str, str]:
        row, start, _ = cuts[number]
        return "%v", w.add(w.mul(places[0], str(high * wide)), str(row * wide + start))

    sums = w.tile([str(outputs)], taps, part.lanes, factor, column)
    for number, (row, start, lanes) in enumerate(cuts):
        length = lanes + taps - 1
        total = w.placed(sums[0][number], lanes, 0, length) if taps > 1 else sums[0][number]
        for tap in range(1, taps):
            total = w.plus(length, total, w.placed(sums[tap][number], lanes, tap, length))
        place = str(row * windows.stride[0] * width + start)
        w.put(w.plus(length, w.take(length, "%target", place), total), length, "%target", place)
    declarations |= w.declarations
    return w.function(name, "ptr noalias %v, ptr noalias %kernel, ptr noalias %target")

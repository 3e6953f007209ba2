"""What convolutions hand back to kernels, in machine code of graphc's own, by tiles that stay in registers.

The windows of some rows of places are written one below the other, so that the elements of a window lie together; a tile has some
of those for some outputs, its sums run over the places.
"""

from __future__ import annotations

import itertools

from graphc.compiler.targets.llvm.microkernels.direct_conv import ADDED, MOST_ROWS, TWO_FORMS, Span, spans
from graphc.compiler.targets.llvm.microkernels.images import PARAMETERS, ImageRoutine
from graphc.compiler.targets.llvm.microkernels.register_tiles import (
    BEGUN,
    SLOT,
    Vectors,
    fitting,
    step_slots,
    widest,
)
from graphc.compiler.targets.llvm.microkernels.windows import Windows, surround
from graphc.ir.types import DType
from graphc.util.records import dataclass

LARGEST = 2**18
"""Bytes of windows that are written before they are multiplied: a quarter of what a core's own cache holds."""

WINDOW = 0.5
"""Nanoseconds for a row of a window that is written below the others."""


@dataclass(frozen=True)
class _Rows:
    """The windows of some rows of places, one below the other.

    length : elements of a window; lanes : of the vectors that it is covered by; count : of these vectors
    step : rows of places that are computed together; pieces : of an image
    """

    length: int
    lanes: int
    count: int
    step: int
    pieces: int
    dtype: DType

    @property
    def distance(self) -> int:
        """Elements from one window to the next: not a whole number of pairs of cache lines, which would evict each other."""
        return _distance(self.lanes * self.count, self.lanes, self.dtype)


def _distance(length: int, lanes: int, dtype: DType) -> int:
    while length * dtype.itemsize % 128 == 0:
        length += lanes
    return length


def _rows(windows: Windows, dtype: DType, most: int) -> _Rows:
    length = windows.channels * windows.area
    lanes = min(widest(dtype), 1 << (length - 1).bit_length())
    count = -(-length // lanes)
    high, wide = windows.places
    fit = most // (_distance(lanes * count, lanes, dtype) * wide * dtype.itemsize)
    pieces = -(-high // min(high, max(1, fit)))
    step = -(-high // pieces)
    return _Rows(length, lanes, count, step, -(-high // step), dtype)


def kernel_gradient(windows: Windows, outputs: int, dtype: DType) -> ImageRoutine | None:
    """Adds Σ v (o, i, j) · image (c, i·down + a, j·right + b) to out (o, c, a, b); None where no tile fits into registers."""
    wide = windows.places[1]
    rows = _rows(windows, dtype, LARGEST)
    best: tuple[float, int, int] | None = None
    for tile in range(1, min(outputs, MOST_ROWS) + 1):
        for count in range(1, rows.count + 1):
            if not fitting(tile, count):
                break
            work = 0.0
            for o, m in itertools.product(spans(outputs, tile), spans(rows.count, count)):
                sums = SLOT * rows.step * wide * step_slots(o.step, [rows.lanes] * m.step, dtype)
                work += o.count * m.count * (BEGUN + ADDED * o.step * m.step + sums)
            work *= TWO_FORMS ** (bool(outputs % tile) + bool(rows.count % count))
            if best is None or work < best[0]:
                best = work, tile, count
    if best is None:
        return None
    work = best[0] + WINDOW * windows.channels * windows.size[0] * rows.step * wide
    return _kernel_gradient(windows, outputs, rows, work, spans(outputs, best[1]), spans(rows.count, best[2]))


def _kernel_gradient(
    windows: Windows, outputs: int, rows: _Rows, work: float, tiles: list[Span], parts: list[Span]
) -> ImageRoutine:
    dtype = rows.dtype
    high, wide = windows.places
    places, length = high * wide, rows.length
    declarations: dict[str, str] = {}
    texts = [_write_windows(windows, rows)]
    w = Vectors(dtype)
    size = rows.step * wide * rows.distance
    plane = w.at("%scratch", str(size))
    names: dict[tuple[int, int, int], str] = {}

    def name_of(tile: int, count: int, last: int) -> str:
        key = tile, count, last
        if key not in names:
            names[key] = f"tile{len(names)}"
            texts.append(_kernel_tile(rows, places, names[key], *key, declarations))
        return names[key]

    def piece(k: str) -> None:
        first = w.mul(k, str(rows.step))
        count = w.least(str(rows.step), w.add(str(high), w.mul(first, "-1")))
        w.do(f"call void @gather(ptr %a, ptr %scratch, ptr {plane}, i64 {first}, i64 {count})")
        all_places = w.mul(count, str(wide))
        v = w.at("%b", w.mul(first, str(wide)))

        def tile(m: str, o: str, name: str) -> None:
            here = w.at("%scratch", w.mul(m, str(rows.lanes)))
            factors = w.at(v, w.mul(o, str(places)))
            to = w.at("%out", w.add(w.mul(o, str(length)), w.mul(m, str(rows.lanes))))
            w.do(f"call void @{name}(ptr {here}, ptr {factors}, ptr {to}, i64 {all_places})")

        def columns(m: str, count: int, last: int) -> None:
            for o in tiles:
                name = name_of(o.step, count, last)
                start = o.start
                w.loop(
                    str(o.count),
                    lambda t, o=o, name=name, start=start: tile(
                        m, w.add(w.mul(t, str(o.step)), str(start)), name
                    ),
                )

        for part in parts:
            ends = part.start + part.step * part.count == rows.count
            whole = part.count - ends
            if whole:
                w.loop(
                    str(whole),
                    lambda p, part=part: columns(
                        w.add(w.mul(p, str(part.step)), str(part.start)), part.step, rows.lanes
                    ),
                )
            if ends:
                last = length - (rows.count - 1) * rows.lanes
                columns(str(part.start + whole * part.step), part.step, last)

    if rows.pieces == 1:
        piece("0")
    else:
        w.loop("%to", piece, "%from")
    sums = outputs * length
    return ImageRoutine(
        "\n".join([*texts, w.function("image", PARAMETERS)]),
        (windows.channels * windows.plane, outputs * places),
        0,
        size + (_needed(windows, rows.step) * windows.whole[1] if windows.padded else 0),
        rows.pieces,
        work,
        # partial sums take at most a quarter of the windows that they are made of
        sums=sums,
        least=-(-4 * sums * rows.pieces // (length * places)),
        declarations=tuple(sorted(declarations.items())),
    )


def _needed(windows: Windows, count: int) -> int:
    """Rows of an image that windows at so many rows of places cover."""
    return (count - 1) * windows.stride[0] + windows.size[0]


def _write_windows(windows: Windows, rows: _Rows) -> str:
    """void gather(image, windows, plane, first, count): the windows of `count` rows of places, one below the other."""
    w = Vectors(rows.dtype)
    (down, right), width, wide = windows.stride, windows.whole[1], windows.places[1]
    top = w.mul("%first", str(down))

    def channel(c: str) -> None:
        source = w.at("%image", w.mul(c, str(windows.plane)))
        if windows.padded:
            needed = w.add(w.mul("%count", str(down)), str(windows.size[0] - down))
            surround(w, windows, "%plane", source, "0.0", top, needed)
            source = "%plane"
        else:
            source = w.at(source, w.mul(top, str(width)))

        def window_row(a: str) -> None:
            target = w.at("%windows", w.add(w.mul(c, str(windows.area)), w.mul(a, str(windows.size[1]))))

            def row(i: str) -> None:
                here = w.at(source, w.mul(w.add(w.mul(i, str(down)), a), str(width)))
                there = w.at(target, w.mul(i, str(wide * rows.distance)))

                def window(j: str) -> None:
                    elements = w.at(here, w.mul(j, str(right)))
                    w.copy(w.at(there, w.mul(j, str(rows.distance))), elements, str(windows.size[1]))

                w.loop(str(wide), window)

            w.loop("%count", row)

        w.loop(str(windows.size[0]), window_row)

    w.loop(str(windows.channels), channel)
    return w.function(
        "gather", "ptr noalias %image, ptr noalias %windows, ptr noalias %plane, i64 %first, i64 %count"
    )


def _kernel_tile(
    rows: _Rows, places: int, name: str, outputs: int, count: int, last: int, declarations: dict[str, str]
) -> str:
    """void tile(windows, v, out, places): some outputs and some vectors of a window, of which the last has `last` elements."""
    w = Vectors(rows.dtype)

    def factor(at: list[str], output: int) -> tuple[str, str]:
        return "%v", w.add(str(output * places), at[0])

    def column(at: list[str], number: int) -> tuple[str, str]:
        return "%windows", w.add(w.mul(at[0], str(rows.distance)), str(number * rows.lanes))

    sums = w.tile(["%places"], outputs, [rows.lanes] * count, factor, column)
    for output, vectors in enumerate(sums):
        for k, value in enumerate(vectors):
            length = last if k == count - 1 else rows.lanes
            part = w.placed(value, rows.lanes, 0, length) if length < rows.lanes else value
            place = str(output * rows.length + k * rows.lanes)
            w.put(w.plus(length, w.take(length, "%out", place), part), length, "%out", place)
    declarations |= w.declarations
    return w.function(name, "ptr noalias %windows, ptr noalias %v, ptr noalias %out, i64 %places")

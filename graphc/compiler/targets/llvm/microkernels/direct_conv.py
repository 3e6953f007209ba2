"""Convolutions in machine code of graphc's own, for windows that move by one along a row: no columns are written.

A tile of results stays in registers: of some outputs, the places of some rows. Its sums run over channels and the elements of a
window; the image is read as it lies. What windows hand back is a tile of the elements in one row of a window, whose sums run over
the outputs and are added to the image where the windows lay.
"""

from __future__ import annotations

from collections.abc import Callable

from graphc.compiler.targets.llvm.microkernels.images import PARAMETERS, ImageRoutine
from graphc.compiler.targets.llvm.microkernels.register_tiles import (
    BEGUN,
    SLOT,
    Cut,
    Vectors,
    fitting,
    overlapping,
    step_slots,
    widest,
)
from graphc.compiler.targets.llvm.microkernels.windows import Windows, surround
from graphc.ir.types import DType
from graphc.util.records import dataclass

LARGEST = 2**22
"""Bytes of an image: every tile of outputs goes through all of it, and does so much with each element that it may come from a
cache that cores share."""

PIECE = 20_000.0
"""Nanoseconds of estimated work in a piece of an image."""

COPIED = 0.1
"""Nanoseconds for an element of an image that is copied, or cleared."""

ADDED = 0.6
"""Nanoseconds for a vector of a tile that is added to what is in memory."""

TWO_FORMS = 1.04
"""What tiles of a second form must gain: they are compiled as well."""

MOST_CUTS = 4
"""Vectors of a row that are computed together."""

MOST_ROWS = 12


@dataclass(frozen=True)
class Block:
    """How the places of an image are covered by tiles: some rows, and in these some vectors.

    rows : of places; cuts : its vectors
    columns : how many of them there are along a row, each `wide` behind the one before it
    """

    rows: int
    cuts: tuple[Cut, ...]
    columns: int
    wide: int

    @property
    def lanes(self) -> list[int]:
        """Of all vectors, row by row."""
        return [lanes for _ in range(self.rows) for _, lanes in self.cuts]


@dataclass(frozen=True)
class Span:
    """Tiles one after the other: where the first begins, how far each lies behind the one before, how many there are."""

    start: int
    step: int
    count: int


def spans(length: int, step: int) -> list[Span]:
    """A length in steps, and what is left."""
    full, rest = divmod(length, step)
    spans = [Span(0, step, full), Span(full * step, rest, 1 if rest else 0)]
    return [span for span in spans if span.count]


def arranged(
    length: int, dtype: DType, cut: Callable[[int, int], list[Cut]]
) -> list[tuple[tuple[Cut, ...], int, int]]:
    """The ways to cover a row: (cuts, how often, distance)."""
    most = widest(dtype)
    cuts = cut(length, most)
    if len(cuts) <= MOST_CUTS:
        return [(tuple(cuts), 1, length)]
    ways = []
    for count in range(1, MOST_CUTS + 1):
        wide = count * most
        ways.append((tuple([(k * most, most) for k in range(count)]), -(-length // wide), wide))
    return ways


def copied(w: Vectors, windows: Windows, target: str) -> None:
    """The image with what stands around it."""
    size = windows.whole[0] * windows.whole[1]

    def channel(c: str) -> None:
        place = w.at(target, w.mul(c, str(size)))
        source = w.at("%a", w.mul(c, str(windows.plane)))
        surround(w, windows, place, source, "0.0", "0", str(windows.whole[0]))

    w.loop(str(windows.channels), channel)


def _start(w: Vectors, number: str, step: int, length: int, size: int) -> str:
    """Where a block begins: the last one lies over the one before it, where it would end outside."""
    place = w.mul(number, str(step))
    return place if length % step == 0 else w.least(place, str(length - size))


# --- forward ------------------------------------------------------------------------------------------------------------------


def forward(windows: Windows, outputs: int, dtype: DType) -> ImageRoutine | None:
    """out (o, i, j) = Σ kernel (o, c, a, b) · image (c, i·down + a, j + b); None where that is not for vectors."""
    high, wide = windows.places
    tall, width = windows.whole
    size, rows = windows.channels * tall * width, windows.channels * windows.area
    if windows.stride[1] != 1 or size * dtype.itemsize > LARGEST:
        return None
    best: tuple[float, int, Block] | None = None
    for cuts, columns, distance in arranged(wide, dtype, overlapping):
        for count in range(1, min(high, MOST_ROWS) + 1):
            block = Block(count, cuts, columns, distance)
            lanes = block.lanes
            for tile in range(1, min(outputs, MOST_ROWS) + 1):
                if not fitting(tile, len(lanes)):
                    break
                full, rest = divmod(outputs, tile)
                sums = [(full, tile), (1 if rest else 0, rest)]
                each = sum(n * (BEGUN + SLOT * rows * step_slots(t, lanes, dtype)) for n, t in sums)
                work = each * -(-high // count) * columns * (TWO_FORMS if rest else 1)
                if best is None or work < best[0]:
                    best = work, tile, block
    assert best is not None
    work, tile, block = best
    return _forward(windows, outputs, dtype, work, tile, block)


def _forward(
    windows: Windows, outputs: int, dtype: DType, work: float, tile: int, block: Block
) -> ImageRoutine:
    high, wide = windows.places
    tall, width = windows.whole
    rows, places, size = windows.channels * windows.area, high * wide, windows.channels * tall * width
    full, rest = divmod(outputs, tile)
    tiles = full + (rest > 0)
    around = size if windows.padded else 0
    least = max(PIECE, 10 * COPIED * around)  # a piece copies the image for itself
    group = min(tiles, max(1, round(least * tiles / work)))
    pieces = -(-tiles // group)
    declarations: dict[str, str] = {}
    texts = [
        _forward_tile(windows, dtype, f"tile{k}", count, block, declarations)
        for k, count in enumerate((tile, rest))
        if count
    ]
    w = Vectors(dtype)
    source = "%a"
    if windows.padded:
        source = "%scratch"
        copied(w, windows, source)

    def outputs_from(first: str, name: str) -> None:
        kernel, out = w.at("%b", w.mul(first, str(rows))), w.at("%out", w.mul(first, str(places)))

        def row(r: str) -> None:
            i = _start(w, r, block.rows, high, block.rows)

            def column(q: str) -> None:
                j = _start(w, q, block.wide, wide, block.wide)
                image = w.at(source, w.add(w.mul(i, str(windows.stride[0] * width)), j))
                target = w.at(out, w.add(w.mul(i, str(wide)), j))
                w.do(f"call void @{name}(ptr {image}, ptr {kernel}, ptr {target})")

            w.loop(str(block.columns), column)

        w.loop(str(-(-high // block.rows)), row)

    first, last = w.mul("%from", str(group)), w.mul("%to", str(group))
    if pieces == 1:
        first, last = "0", str(tiles)
    w.loop(w.least(last, str(full)), lambda t: outputs_from(w.mul(t, str(tile)), "tile0"), first)
    if rest:
        w.loop(
            w.least(last, str(tiles)),
            lambda _: outputs_from(str(full * tile), "tile1"),
            w.greatest(first, str(full)),
        )
    return ImageRoutine(
        "\n".join([*texts, w.function("image", PARAMETERS)]),
        (windows.channels * windows.plane, 0),
        outputs * places,
        around,
        pieces,
        work / pieces + COPIED * around,
        declarations=tuple(sorted(declarations.items())),
    )


def _forward_tile(
    windows: Windows, dtype: DType, name: str, outputs: int, block: Block, declarations: dict[str, str]
) -> str:
    """void tile(image, kernel, out): some outputs at the places of a block."""
    w = Vectors(dtype)
    (tall, width), (high, wide), area = windows.whole, windows.places, windows.area
    rows = windows.channels * area
    cuts = [(row, *cut) for row in range(block.rows) for cut in block.cuts]

    def factor(places: list[str], output: int) -> tuple[str, str]:
        c, b, a = places
        return "%kernel", w.add(str(output * rows), w.mul(c, str(area)), w.mul(a, str(windows.size[1])), b)

    def column(places: list[str], number: int) -> tuple[str, str]:
        c, b, a = places
        row, start, _ = cuts[number]
        offset = row * windows.stride[0] * width + start
        return "%image", w.add(w.mul(c, str(tall * width)), w.mul(a, str(width)), b, str(offset))

    counts = [str(windows.channels), str(windows.size[1]), str(windows.size[0])]
    sums = w.tile(counts, outputs, block.lanes, factor, column)
    for output, vectors in enumerate(sums):
        for (row, start, lanes), value in zip(cuts, vectors, strict=True):
            w.put(value, lanes, "%out", str(output * high * wide + row * wide + start))
    declarations |= w.declarations
    return w.function(name, "ptr noalias %image, ptr noalias %kernel, ptr noalias %out")

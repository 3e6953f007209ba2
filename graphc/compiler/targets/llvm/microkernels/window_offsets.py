"""Places of windows, several at once: how the loops of pools over an image's windows are written.

Small windows are written out for a vector of places: their rows are loaded as they lie, and a shuffle picks from them the k-th
element of each place's window. Of large windows one element after the other is taken for a whole row of places. What stands
around an image is copied around it first.
"""

from __future__ import annotations

from collections.abc import Callable

from graphc.compiler.targets.llvm.emit import literal
from graphc.compiler.targets.llvm.loop_builder import LoopBuilder
from graphc.compiler.targets.llvm.microkernels.images import PARAMETERS, ImageRoutine
from graphc.compiler.targets.llvm.microkernels.windows import Windows, surround
from graphc.ir.types import DType

WRITTEN_OUT = 16
"""Elements of a window up to which it is written out."""

VECTOR = 64
"""Bytes of a vector of places."""

WIDEST = 4
"""The largest stride by which vectors are loaded as they lie."""

HANDLED = 0.4
"""Nanoseconds for an element of a window."""

Shape = tuple[int, ...]


class Places:
    """Writes the function of a pool for one channel.

    what stands in scratch memory: the plane of x and another with what stands around, then rows of places
    """

    high: int
    wide: int

    def __init__(self, windows: Windows, dtype: DType) -> None:
        self.windows = windows
        self.dtype = dtype
        self.w: LoopBuilder = LoopBuilder(dtype)
        self.high, self.wide = windows.places
        self.plane: int = windows.whole[0] * windows.whole[1] if windows.padded else 0
        self.lanes = 1  # places that values are of at present

    # --- places ----------------------------------------------------------------------------------------------------------------

    @property
    def apart(self) -> bool:
        """Whether no element is in two windows."""
        return all(step >= size for step, size in zip(self.windows.stride, self.windows.size, strict=True))

    @property
    def covered(self) -> bool:
        """Whether windows that lie apart leave no element out."""
        w = self.windows
        return w.stride == w.size and all(
            count * size == length for count, size, length in zip(w.places, w.size, w.whole, strict=True)
        )

    @property
    def small(self) -> bool:
        return self.windows.area <= WRITTEN_OUT

    def around(self, source: str, value: float, number: int) -> str:
        """The plane of an operand with what stands around it."""
        if not self.windows.padded:
            return source
        target = self.w.at("%scratch", str(number * self.plane))
        rows = str(self.windows.whole[0])
        surround(self.w, self.windows, target, source, self.number(value) if value else "0.0", "0", rows)
        return target

    def buffer(self, number: int) -> str:
        """A row of places in scratch memory."""
        return self.w.at("%scratch", str(2 * self.plane + number * self.wide))

    def place(self, i: str, j: str, k: int | str) -> str:
        """Where element k of the window at a place is in a plane."""
        w, (down, right), (_, across) = self.w, self.windows.stride, self.windows.size
        width = self.windows.whole[1]
        if isinstance(k, int):
            offset = str(k // across * width + k % across)
        else:
            row, column = w.new(f"sdiv i64 {k}, {across}"), w.new(f"srem i64 {k}, {across}")
            offset = w.add(w.mul(row, str(width)), column)
        return w.add(w.mul(i, str(down * width)), w.mul(j, str(right)), offset)

    def window(self, plane: str, i: str, j: str) -> list[str]:
        """The elements of a small window."""
        across, step, count = self.windows.size[1], self.windows.stride[1], self.lanes
        if count == 1:
            return [self.w.load(plane, self.place(i, j, k)) for k in range(self.windows.area)]
        vectors = []
        length = (count - 1) * step + across
        kind = f"<{length} x {self.w.kind}>"
        for first in range(0, self.windows.area, across):
            row = self.w.new(f"load {kind}, {self._at(plane, self.place(i, j, first))}")
            for k in range(across):
                picked = _mask([k + lane * step for lane in range(count)])
                vectors.append(self.w.new(f"shufflevector {kind} {row}, {kind} poison, {picked}"))
        return vectors

    def put_window(self, target: str, i: str, j: str, values: list[str]) -> None:
        """Write the elements of a small window that no other shares; zeros to those between windows."""
        across, step, count = self.windows.size[1], self.windows.stride[1], self.lanes
        if count == 1:
            for k, value in enumerate(values):
                self.w.store(value, target, self.place(i, j, k))
            return
        length = (count - 1) * step + across
        kind = f"<{length} x {self.w.kind}>"
        for first in range(0, self.windows.area, across):
            row = "zeroinitializer"
            for k in range(across):
                mine = {k + lane * step: lane for lane in range(count)}
                spread = _mask([mine.get(place, -1) for place in range(length)])
                wide = self.w.new(
                    f"shufflevector {self.kind} {values[first + k]}, {self.kind} poison, {spread}"
                )
                both = _mask([length + place if place in mine else place for place in range(length)])
                row = self.w.new(f"shufflevector {kind} {row}, {kind} {wide}, {both}")
            self.w.do(f"store {kind} {row}, {self._at(target, self.place(i, j, first))}")

    def _at(self, base: str, place: str) -> str:
        return f"ptr {self.w.at(base, place)}, align {self.dtype.itemsize}"

    def take(self, base: str, j: str) -> str:
        """Elements of a row of places."""
        return self.w.new(f"load {self.kind}, {self._at(base, j)}")

    def rows(self, body: Callable[[str], None]) -> None:
        self.w.loop(str(self.high), body)

    def along(self, body: Callable[[str], None]) -> None:
        self.w.loop(str(self.wide), body)

    def blocks(self, body: Callable[[str], None]) -> None:
        """body(j) for all places of a row, which computes as many of them at once as `lanes` says."""
        most = VECTOR // self.dtype.itemsize
        if self.windows.stride[1] > WIDEST:
            self.along(body)
            return
        full, rest = divmod(self.wide, most)
        self.lanes = most
        if full:
            self.w.loop(str(full), lambda k: body(self.w.mul(k, str(most))))
        self.lanes = rest
        if rest:
            body(str(full * most))
        self.lanes: int = 1

    def out_place(self, i: str, j: str) -> str:
        return self.w.add(self.w.mul(i, str(self.wide)), j)

    # --- arithmetic ------------------------------------------------------------------------------------------------------------

    @property
    def kind(self) -> str:
        """LLVM's type of a value for so many places."""
        return self.w.kind if self.lanes == 1 else f"<{self.lanes} x {self.w.kind}>"

    @property
    def truth(self) -> str:
        return "i1" if self.lanes == 1 else f"<{self.lanes} x i1>"

    def number(self, value: float) -> str:
        text = literal(value, self.dtype)
        return text if self.lanes == 1 else f"<{', '.join([f'{self.w.kind} {text}'] * self.lanes)}>"

    def binary(self, name: str, x: str, y: str) -> str:
        return self.w.new(f"{name} {self.kind} {x}, {y}")

    def total(self, values: list[str]) -> str:
        result = values[0]
        for value in values[1:]:
            result = self.binary("fadd", result, value)
        return result

    def select(self, condition: str, x: str, y: str) -> str:
        return self.w.new(f"select {self.truth} {condition}, {self.kind} {x}, {self.kind} {y}")

    def equal(self, x: str, y: str) -> str:
        return self.w.new(f"fcmp oeq {self.kind} {x}, {y}")

    def larger(self, x: str, y: str) -> str:
        """The larger of two, NaN if either is."""
        over, nan = (
            self.w.new(f"fcmp {how} {self.kind} {y}, {other}") for how, other in (("ogt", x), ("uno", y))
        )
        return self.select(self.w.new(f"or {self.truth} {over}, {nan}"), y, x)

    def largest(self, values: list[str]) -> str:
        result = values[0]
        for value in values[1:]:
            result = self.larger(result, value)
        return result

    def tied(self, values: list[str], top: str) -> str:
        """How many of some values are the largest; 1 where that is NaN."""
        return self.at_least_one(
            self.total([self.select(self.equal(v, top), self.number(1), self.number(0)) for v in values])
        )

    def at_least_one(self, count: str) -> str:
        return self.select(self.equal(count, self.number(0)), self.number(1), count)

    # --- rows of places --------------------------------------------------------------------------------------------------------

    def fill(self, target: str, value: Callable[[str], str]) -> None:
        """A row of places."""
        self.blocks(lambda j: self.w.do(f"store {self.kind} {value(j)}, {self._at(target, j)}"))

    def each(self, body: Callable[[str, str], None], start: int = 0) -> None:
        """body(k, j) for every element of a window, and for each of them along a row of places."""
        self.w.loop(str(self.windows.area), lambda k: self.along(lambda j: body(k, j)), str(start))

    def row_of_largest(self, plane: str, i: str, target: str) -> None:
        """The largest elements of the windows of a row of places."""
        w = self.w
        if self.small:
            self.fill(target, lambda j: self.largest(self.window(plane, i, j)))
            return
        self.along(lambda j: w.store(w.load(plane, self.place(i, j, 0)), target, j))
        self.each(
            lambda k, j: w.store(
                self.larger(w.load(target, j), w.load(plane, self.place(i, j, k))), target, j
            ),
            1,
        )

    def row_of_ties(self, plane: str, i: str, top: str, target: str) -> None:
        """How many elements of each window are its largest, at least 1."""
        w = self.w
        w.clear(target, str(self.wide))

        def one(k: str, j: str) -> None:
            equal = self.equal(w.load(plane, self.place(i, j, k)), w.load(top, j))
            more = self.select(equal, self.number(1), self.number(0))
            w.store(self.binary("fadd", w.load(target, j), more), target, j)

        self.each(one)
        self.fill(target, lambda j: self.at_least_one(self.take(target, j)))

    def inside(self, target: str) -> None:
        """The image of a plane with what stands around it."""
        w, win = self.w, self.windows
        if not win.padded:
            return
        start = win.padding[0][0] * win.whole[1] + win.padding[1][0]

        def row(k: str) -> None:
            source = w.at(target, w.add(w.mul(k, str(win.whole[1])), str(start)))
            w.copy(w.at("%out", w.mul(k, str(win.space[1]))), source, str(win.space[1]))

        w.loop(str(win.space[0]), row)

    def routine(self, steps: tuple[int, ...], step: int) -> ImageRoutine:
        """What has been written."""
        work = HANDLED * self.windows.area * self.high * self.wide + 0.1 * self.windows.plane + 5
        scratch = 2 * self.plane + 2 * self.wide
        return ImageRoutine(self.w.function("image", PARAMETERS), steps, step, scratch, 1, work)


def _mask(places: list[int]) -> str:
    """Which elements a shuffle takes; −1 for any."""
    listed = ", ".join(f"i32 {place}" if place >= 0 else "i32 poison" for place in places)
    return f"<{len(places)} x i32> <{listed}>"

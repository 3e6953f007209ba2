"""Pools of images and their gradients in machine code, one channel of an image at a time.

Small windows are written out, so that a loop over the places of a row holds whole windows in registers. Of large windows one
element after the other is taken for a whole row of places. What stands around an image is copied around it first, −∞ or zeros.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.lower.emit import literal
from graphc.lower.tensor.images import PARAMETERS, Routine
from graphc.lower.tensor.windows import Windows, surround, windows_of
from graphc.lower.tensor.writer import Writer
from graphc.types import DType

WRITTEN_OUT = 16
"""Elements of a window up to which it is written out."""

HANDLED = 0.4
"""Nanoseconds for an element of a window."""

Shape = tuple[int, ...]


class _Pool:
    """Writes the function of a pool for one channel.

    what stands in scratch memory: the plane of x and another with what stands around, then rows of places
    """

    def __init__(self, windows: Windows, dtype: DType) -> None:
        self.windows = windows
        self.dtype = dtype
        self.w = Writer(dtype)
        self.high, self.wide = windows.places
        self.plane = windows.whole[0] * windows.whole[1] if windows.padded else 0

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
        return [self.w.load(plane, self.place(i, j, k)) for k in range(self.windows.area)]

    def rows(self, body: Callable[[str], None]) -> None:
        self.w.loop(str(self.high), body)

    def along(self, body: Callable[[str], None]) -> None:
        self.w.loop(str(self.wide), body)

    def out_place(self, i: str, j: str) -> str:
        return self.w.add(self.w.mul(i, str(self.wide)), j)

    # --- arithmetic ------------------------------------------------------------------------------------------------------------

    def number(self, value: float) -> str:
        return literal(value, self.dtype)

    def binary(self, name: str, x: str, y: str) -> str:
        return self.w.new(f"{name} {self.w.kind} {x}, {y}")

    def total(self, values: list[str]) -> str:
        result = values[0]
        for value in values[1:]:
            result = self.binary("fadd", result, value)
        return result

    def select(self, condition: str, x: str, y: str) -> str:
        return self.w.new(f"select i1 {condition}, {self.w.kind} {x}, {self.w.kind} {y}")

    def equal(self, x: str, y: str) -> str:
        return self.w.new(f"fcmp oeq {self.w.kind} {x}, {y}")

    def larger(self, x: str, y: str) -> str:
        """The larger of two, NaN if either is."""
        over, nan = (
            self.w.new(f"fcmp ogt {self.w.kind} {y}, {x}"),
            self.w.new(f"fcmp uno {self.w.kind} {y}, {y}"),
        )
        return self.select(self.w.new(f"or i1 {over}, {nan}"), y, x)

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
        """A row of places, element by element."""
        self.along(lambda j: self.w.store(value(j), target, j))

    def each(self, body: Callable[[str, str], None], start: int = 0) -> None:
        """body(k, j) for every element of a window, and for each of them along a row of places."""
        self.w.loop(str(self.windows.area), lambda k: self.along(lambda j: body(k, j)), str(start))

    def row_of_largest(self, plane: str, i: str, target: str) -> None:
        """The largest elements of the windows of a row of places."""
        w = self.w
        if self.small:
            self.fill(target, lambda j: self.largest(self.window(plane, i, j)))
            return
        self.fill(target, lambda j: w.load(plane, self.place(i, j, 0)))
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
        self.fill(target, lambda j: self.at_least_one(w.load(target, j)))

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

    def routine(self, steps: tuple[int, ...], step: int) -> Routine:
        """What has been written."""
        work = HANDLED * self.windows.area * self.high * self.wide + 0.1 * self.windows.plane + 5
        scratch = 2 * self.plane + 2 * self.wide
        return Routine(self.w.function("image", PARAMETERS), steps, step, scratch, 1, work)


def _max_pool(pool: _Pool) -> Routine:
    plane = pool.around("%a", -np.inf, 0)
    pool.rows(lambda i: pool.row_of_largest(plane, i, pool.w.at("%out", pool.out_place(i, "0"))))
    return pool.routine((pool.windows.plane,), pool.high * pool.wide)


def _avg_pool(pool: _Pool) -> Routine:
    w, count = pool.w, pool.number(pool.windows.area)
    plane = pool.around("%a", 0.0, 0)

    def row(i: str) -> None:
        out = w.at("%out", pool.out_place(i, "0"))
        if pool.small:
            pool.fill(out, lambda j: pool.binary("fdiv", pool.total(pool.window(plane, i, j)), count))
            return
        w.clear(out, str(pool.wide))
        pool.each(
            lambda k, j: w.store(
                pool.binary("fadd", w.load(out, j), w.load(plane, pool.place(i, j, k))), out, j
            )
        )
        pool.fill(out, lambda j: pool.binary("fdiv", w.load(out, j), count))

    pool.rows(row)
    return pool.routine((pool.windows.plane,), pool.high * pool.wide)


def _spread(
    pool: _Pool, write: Callable[[str, Callable[[str, str, Any, str], None]], None], start: str
) -> None:
    """The plane that windows hand back to, cleared where they leave elements out or share them."""
    w, win = pool.w, pool.windows
    target = w.at("%scratch", start) if win.padded else "%out"
    direct = pool.apart and pool.small
    if not (direct and pool.covered):
        w.clear(target, str(win.whole[0] * win.whole[1]))

    def put(i: str, j: str, k: Any, value: str) -> None:
        place = pool.place(i, j, k)
        if not direct:
            value = pool.binary("fadd", w.load(target, place), value)
        w.store(value, target, place)

    pool.rows(lambda i: write(i, put))
    pool.inside(target)


def _max_pool_grad(pool: _Pool) -> Routine:
    w, area, zero = pool.w, pool.windows.area, pool.number(0)
    plane = pool.around("%b", -np.inf, 0)

    def write(i: str, put: Callable[[str, str, Any, str], None]) -> None:
        v = w.at("%a", pool.out_place(i, "0"))
        if pool.apart and pool.small:

            def one(j: str) -> None:
                values = pool.window(plane, i, j)
                top = pool.largest(values)
                share = pool.binary("fdiv", w.load(v, j), pool.tied(values, top))
                shares = [pool.select(pool.equal(value, top), share, zero) for value in values]
                for k in range(area):
                    put(i, j, k, shares[k])

            pool.along(one)
            return
        tops, shares = pool.buffer(0), pool.buffer(1)
        pool.row_of_largest(plane, i, tops)
        pool.row_of_ties(plane, i, tops, shares)
        pool.fill(shares, lambda j: pool.binary("fdiv", w.load(v, j), w.load(shares, j)))

        def share(k: str, j: str) -> None:
            equal = pool.equal(w.load(plane, pool.place(i, j, k)), w.load(tops, j))
            put(i, j, k, pool.select(equal, w.load(shares, j), zero))

        pool.each(share)

    _spread(pool, write, str(pool.plane))
    return pool.routine((pool.high * pool.wide, pool.windows.plane), pool.windows.plane)


def _avg_pool_grad(pool: _Pool) -> Routine:
    w, area = pool.w, pool.windows.area
    count = pool.number(area)

    def write(i: str, put: Callable[[str, str, Any, str], None]) -> None:
        v = w.at("%a", pool.out_place(i, "0"))

        def share(j: str) -> str:
            return pool.binary("fdiv", w.load(v, j), count)

        if pool.apart and pool.small:

            def one(j: str) -> None:
                value = share(j)
                for k in range(area):
                    put(i, j, k, value)

            pool.along(one)
            return
        shares = pool.buffer(0)
        pool.fill(shares, share)
        pool.each(lambda k, j: put(i, j, k, w.load(shares, j)))

    _spread(pool, write, "0")
    return pool.routine((pool.high * pool.wide,), pool.windows.plane)


def _max_pool_pick(pool: _Pool) -> Routine:
    w, zero = pool.w, pool.number(0)
    u, plane = pool.around("%a", 0.0, 0), pool.around("%b", -np.inf, 1)

    def row(i: str) -> None:
        out = w.at("%out", pool.out_place(i, "0"))
        if pool.small:

            def one(j: str) -> str:
                values, chosen = pool.window(plane, i, j), pool.window(u, i, j)
                top = pool.largest(values)
                kept = [pool.select(pool.equal(v, top), c, zero) for v, c in zip(values, chosen, strict=True)]
                return pool.binary("fdiv", pool.total(kept), pool.tied(values, top))

            pool.fill(out, one)
            return
        tops, ties = pool.buffer(0), pool.buffer(1)
        pool.row_of_largest(plane, i, tops)
        pool.row_of_ties(plane, i, tops, ties)
        w.clear(out, str(pool.wide))

        def add(k: str, j: str) -> None:
            place = pool.place(i, j, k)
            equal = pool.equal(w.load(plane, place), w.load(tops, j))
            w.store(pool.binary("fadd", w.load(out, j), pool.select(equal, w.load(u, place), zero)), out, j)

        pool.each(add)
        pool.fill(out, lambda j: pool.binary("fdiv", w.load(out, j), w.load(ties, j)))

    pool.rows(row)
    return pool.routine((pool.windows.plane, pool.windows.plane), pool.high * pool.wide)


# --- operations ---------------------------------------------------------------------------------------------------------------


def _found(
    write: Callable[[_Pool], Routine], dtype: DType, image: Shape, attrs: tuple[Any, ...]
) -> tuple[Routine, int] | None:
    windows = windows_of(1, image[2:], *attrs)
    if not windows.fits or 0 in image:
        return None
    return write(_Pool(windows, dtype)), image[0] * image[1]


def max_pool2d(dtype: DType, attrs: tuple[Any, ...], x: Shape) -> tuple[Routine, int] | None:
    """The routine of `max_pool2d` and how many channels it is for; None where there are none."""
    return _found(_max_pool, dtype, x, attrs)


def max_pool2d_grad(dtype: DType, attrs: tuple[Any, ...], v: Shape, x: Shape) -> tuple[Routine, int] | None:
    """The same of `max_pool2d_grad`."""
    return _found(_max_pool_grad, dtype, x, attrs)


def max_pool2d_pick(dtype: DType, attrs: tuple[Any, ...], u: Shape, x: Shape) -> tuple[Routine, int] | None:
    """The same of `max_pool2d_pick`."""
    return _found(_max_pool_pick, dtype, x, attrs)


def avg_pool2d(dtype: DType, attrs: tuple[Any, ...], x: Shape) -> tuple[Routine, int] | None:
    """The same of `avg_pool2d`."""
    return _found(_avg_pool, dtype, x, attrs)


def avg_pool2d_grad(dtype: DType, attrs: tuple[Any, ...], v: Shape) -> tuple[Routine, int] | None:
    """The same of `avg_pool2d_grad`."""
    space, *rest = attrs
    return _found(_avg_pool_grad, dtype, (*v[:2], *space), tuple(rest))

"""Pools of images and their gradients in machine code, one channel of an image at a time.

What stands around an image counts: −∞ for the largest element of a window, zeros for the mean.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.compiler.targets.llvm.microkernels.images import ImageRoutine
from graphc.compiler.targets.llvm.microkernels.window_offsets import Places
from graphc.compiler.targets.llvm.microkernels.windows import windows_of
from graphc.ir.types import DType

Shape = tuple[int, ...]


def _max_pool(pool: Places) -> ImageRoutine:
    plane = pool.around("%a", -np.inf, 0)
    pool.rows(lambda i: pool.row_of_largest(plane, i, pool.w.at("%out", pool.out_place(i, "0"))))
    return pool.routine((pool.windows.plane,), pool.high * pool.wide)


def _avg_pool(pool: Places) -> ImageRoutine:
    w, area = pool.w, pool.windows.area
    plane = pool.around("%a", 0.0, 0)

    def row(i: str) -> None:
        out = w.at("%out", pool.out_place(i, "0"))
        if pool.small:
            pool.fill(
                out, lambda j: pool.binary("fdiv", pool.total(pool.window(plane, i, j)), pool.number(area))
            )
            return
        w.clear(out, str(pool.wide))
        pool.each(
            lambda k, j: w.store(
                pool.binary("fadd", w.load(out, j), w.load(plane, pool.place(i, j, k))), out, j
            )
        )
        pool.fill(out, lambda j: pool.binary("fdiv", pool.take(out, j), pool.number(area)))

    pool.rows(row)
    return pool.routine((pool.windows.plane,), pool.high * pool.wide)


def _spread(
    pool: Places,
    window: Callable[[str, str], list[str]],
    row: Callable[[str, Callable[[str, str, str, str], None]], None],
    start: str,
) -> None:
    """The plane that windows hand back to, cleared where they leave elements out or share them.

    window : (i, j) → what places hand back to the elements of a small window that lies apart from others
    row : (i, put) → hands back from a row of places by put(i, j, k, value)
    """
    w, win = pool.w, pool.windows
    target = w.at("%scratch", start) if win.padded else "%out"
    direct = pool.apart and pool.small
    if not (direct and pool.covered):
        w.clear(target, str(win.whole[0] * win.whole[1]))

    def put(i: str, j: str, k: str, value: str) -> None:
        place = pool.place(i, j, k)
        w.store(pool.binary("fadd", w.load(target, place), value), target, place)

    if direct:
        pool.rows(lambda i: pool.blocks(lambda j: pool.put_window(target, i, j, window(i, j))))
    else:
        pool.rows(lambda i: row(i, put))
    pool.inside(target)


def _max_pool_grad(pool: Places) -> ImageRoutine:
    w = pool.w
    plane = pool.around("%b", -np.inf, 0)

    def window(i: str, j: str) -> list[str]:
        values = pool.window(plane, i, j)
        top = pool.largest(values)
        share = pool.binary("fdiv", pool.take("%a", pool.out_place(i, j)), pool.tied(values, top))
        return [pool.select(pool.equal(value, top), share, pool.number(0)) for value in values]

    def row(i: str, put: Callable[[str, str, str, str], None]) -> None:
        v = w.at("%a", pool.out_place(i, "0"))
        tops, shares = pool.buffer(0), pool.buffer(1)
        pool.row_of_largest(plane, i, tops)
        pool.row_of_ties(plane, i, tops, shares)
        pool.fill(shares, lambda j: pool.binary("fdiv", pool.take(v, j), pool.take(shares, j)))

        def share(k: str, j: str) -> None:
            equal = pool.equal(w.load(plane, pool.place(i, j, k)), w.load(tops, j))
            put(i, j, k, pool.select(equal, w.load(shares, j), pool.number(0)))

        pool.each(share)

    _spread(pool, window, row, str(pool.plane))
    return pool.routine((pool.high * pool.wide, pool.windows.plane), pool.windows.plane)


def _avg_pool_grad(pool: Places) -> ImageRoutine:
    w, area = pool.w, pool.windows.area

    def share(i: str, j: str) -> str:
        return pool.binary("fdiv", pool.take("%a", pool.out_place(i, j)), pool.number(area))

    def row(i: str, put: Callable[[str, str, str, str], None]) -> None:
        shares = pool.buffer(0)
        pool.fill(shares, lambda j: share(i, j))
        pool.each(lambda k, j: put(i, j, k, w.load(shares, j)))

    _spread(pool, lambda i, j: [share(i, j)] * area, row, "0")
    return pool.routine((pool.high * pool.wide,), pool.windows.plane)


def _max_pool_pick(pool: Places) -> ImageRoutine:
    w = pool.w
    u, plane = pool.around("%a", 0.0, 0), pool.around("%b", -np.inf, 1)

    def row(i: str) -> None:
        out = w.at("%out", pool.out_place(i, "0"))
        if pool.small:

            def one(j: str) -> str:
                values, chosen = pool.window(plane, i, j), pool.window(u, i, j)
                top = pool.largest(values)
                picked = [
                    pool.select(pool.equal(v, top), c, pool.number(0))
                    for v, c in zip(values, chosen, strict=True)
                ]
                return pool.binary("fdiv", pool.total(picked), pool.tied(values, top))

            pool.fill(out, one)
            return
        tops, ties = pool.buffer(0), pool.buffer(1)
        pool.row_of_largest(plane, i, tops)
        pool.row_of_ties(plane, i, tops, ties)
        w.clear(out, str(pool.wide))

        def add(k: str, j: str) -> None:
            place = pool.place(i, j, k)
            equal = pool.equal(w.load(plane, place), w.load(tops, j))
            w.store(
                pool.binary("fadd", w.load(out, j), pool.select(equal, w.load(u, place), pool.number(0))),
                out,
                j,
            )

        pool.each(add)
        pool.fill(out, lambda j: pool.binary("fdiv", pool.take(out, j), pool.take(ties, j)))

    pool.rows(row)
    return pool.routine((pool.windows.plane, pool.windows.plane), pool.high * pool.wide)


# --- operations ---------------------------------------------------------------------------------------------------------------


def _found(
    write: Callable[[Places], ImageRoutine], dtype: DType, image: Shape, attrs: tuple[Any, ...]
) -> tuple[ImageRoutine, int] | None:
    windows = windows_of(1, image[2:], *attrs)
    if not windows.fits or 0 in image:
        return None
    return write(Places(windows, dtype)), image[0] * image[1]


def max_pool2d(dtype: DType, attrs: tuple[Any, ...], x: Shape) -> tuple[ImageRoutine, int] | None:
    """The routine of `max_pool2d` and how many channels it is for; None where there are none."""
    return _found(_max_pool, dtype, x, attrs)


def max_pool2d_grad(
    dtype: DType, attrs: tuple[Any, ...], v: Shape, x: Shape
) -> tuple[ImageRoutine, int] | None:
    """The same of `max_pool2d_grad`."""
    return _found(_max_pool_grad, dtype, x, attrs)


def max_pool2d_pick(
    dtype: DType, attrs: tuple[Any, ...], u: Shape, x: Shape
) -> tuple[ImageRoutine, int] | None:
    """The same of `max_pool2d_pick`."""
    return _found(_max_pool_pick, dtype, x, attrs)


def avg_pool2d(dtype: DType, attrs: tuple[Any, ...], x: Shape) -> tuple[ImageRoutine, int] | None:
    """The same of `avg_pool2d`."""
    return _found(_avg_pool, dtype, x, attrs)


def avg_pool2d_grad(dtype: DType, attrs: tuple[Any, ...], v: Shape) -> tuple[ImageRoutine, int] | None:
    """The same of `avg_pool2d_grad`."""
    space, *rest = attrs
    return _found(_avg_pool_grad, dtype, (*v[:2], *space), tuple(rest))

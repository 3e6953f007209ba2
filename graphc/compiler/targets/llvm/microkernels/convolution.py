"""Convolutions and their gradients in machine code: products by BLAS with the columns of an image's windows, or without columns.

The columns of as many rows of places as stay in a core's cache are written beside each other and multiplied at once; those of a
whole batch never exist. Every image has products of its own: on the shapes of networks they reach the rate of large ones, where
a product over the whole batch would fetch its columns from memory. Windows of one element that move by one are columns already.
Where that takes less time, `direct` computes without columns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphc.compiler.engine import blas
from graphc.compiler.engine.gemm_partition import RATE
from graphc.compiler.targets.llvm import libm
from graphc.compiler.targets.llvm.loop_builder import LoopBuilder
from graphc.compiler.targets.llvm.microkernels import direct_conv as direct
from graphc.compiler.targets.llvm.microkernels import direct_conv_input, direct_conv_kernel
from graphc.compiler.targets.llvm.microkernels.gemm_call import Products, constants
from graphc.compiler.targets.llvm.microkernels.images import PARAMETERS, ImageRoutine
from graphc.compiler.targets.llvm.microkernels.windows import Windows, surround, windows_of
from graphc.ir.types import DType

COLUMNS = 2**18
"""Bytes of columns that are multiplied at once: a quarter of what a core's own cache holds."""

MOVED = 0.08
"""Nanoseconds for an element of the columns."""

PACE = {64: 1.1, 32: 0.8}
"""How many times faster products are on these shapes, which stay in cache, than those of large matrices, by the bytes of a vector
register: OpenBLAS' kernels for AVX2 take up to twice as long over few rows. Others, which were not measured: as with 64 bytes."""

CALLED = 500.0
"""Nanoseconds for a product beside its work."""


class Convolution:
    """A convolution of one image: its lengths, and the rows of places whose columns are multiplied at once."""

    def __init__(self, windows: Windows, outputs: int, dtype: DType) -> None:
        self.windows = windows
        self.outputs = outputs
        self.dtype = dtype
        self.rows: int = windows.channels * windows.area  # of the columns
        self.places: int = windows.places[0] * windows.places[1]
        high, wide = (max(1, count) for count in windows.places)  # where no window fits, nothing is computed
        fitting = COLUMNS // max(1, self.rows * wide * dtype.itemsize)
        pieces = -(-high // min(high, max(1, fitting)))
        self.step: int = -(-high // pieces)
        self.pieces: int = -(-high // self.step)

    @property
    def direct(self) -> bool:
        """Whether the image is its columns."""
        w = self.windows
        return w.size == (1, 1) and w.stride == (1, 1) and not w.padded

    @property
    def columns(self) -> int:
        """Elements of the columns that are multiplied at once."""
        return 0 if self.direct else self.rows * self.step * self.windows.places[1]

    @property
    def nanoseconds(self) -> float:
        """For a piece."""
        rate = PACE.get(libm.vector_registers()[0], PACE[64]) * RATE[self.dtype.itemsize]
        product = 2.0 * self.outputs * self.rows * self.places / rate
        return CALLED + (product + (0 if self.direct else MOVED * self.rows * self.places)) / self.pieces

    @property
    def computable(self) -> bool:
        """Whether there is something to multiply, in lengths that BLAS can count."""
        lengths = (self.rows, self.places, self.outputs)
        return self.windows.fits and min(lengths) > 0 and max(lengths) <= blas.LARGEST


# --- pieces of machine code ---------------------------------------------------------------------------------------------------


def _gather(shape: Convolution) -> str:
    """void gather(image, columns, plane, first, count): the columns of `count` rows of places."""
    win, w = shape.windows, LoopBuilder(shape.dtype)
    (high, wide), (down, right) = win.places, win.stride
    count = str(high) if shape.pieces == 1 else "%count"
    width = win.whole[1]
    length = w.mul(count, str(wide))
    top = w.mul("%first", str(down))

    def channel(c: str) -> None:
        source = w.at("%image", w.mul(c, str(win.plane)))
        if win.padded:
            needed = w.add(w.mul(w.add(count, "-1"), str(down)), str(win.size[0]))
            surround(w, win, "%plane", source, "0.0", top, needed)
            source = "%plane"
        else:
            source = w.at(source, w.mul(top, str(width)))

        def window(k: str) -> None:
            a, b = (k, "0") if win.size[1] == 1 else (_divided(w, k, win.size[1]), _rest(w, k, win.size[1]))
            start = w.at(source, w.add(w.mul(a, str(width)), b))
            target = w.at("%columns", w.mul(w.add(w.mul(c, str(win.area)), k), length))

            def row(i: str) -> None:
                here = w.at(start, w.mul(i, str(down * width)))
                there = w.at(target, w.mul(i, str(wide)))
                if right == 1:
                    w.copy(there, here, str(wide))
                else:
                    w.loop(str(wide), lambda j: w.store(w.load(here, w.mul(j, str(right))), there, j))

            w.loop(count, row)

        w.loop(str(win.area), window)

    w.loop(str(win.channels), channel)
    return w.function(
        "gather", "ptr noalias %image, ptr noalias %columns, ptr noalias %plane, i64 %first, i64 %count"
    )


def _scatter(shape: Convolution) -> str:
    """void scatter(columns, image, first, count): adds columns to the image, with what stands around it, where they lay."""
    win, w = shape.windows, LoopBuilder(shape.dtype)
    (high, wide), (down, right) = win.places, win.stride
    count = str(high) if shape.pieces == 1 else "%count"
    tall, width = win.whole
    length = w.mul(count, str(wide))
    top = w.mul("%first", str(down * width))

    def channel(c: str) -> None:
        plane = w.at("%image", w.add(w.mul(c, str(tall * width)), top))

        def window(k: str) -> None:
            a, b = (k, "0") if win.size[1] == 1 else (_divided(w, k, win.size[1]), _rest(w, k, win.size[1]))
            start = w.at(plane, w.add(w.mul(a, str(width)), b))
            source = w.at("%columns", w.mul(w.add(w.mul(c, str(win.area)), k), length))

            def row(i: str) -> None:
                there = w.at(start, w.mul(i, str(down * width)))
                here = w.at(source, w.mul(i, str(wide)))

                def add(j: str) -> None:
                    place = w.mul(j, str(right))
                    w.store(w.new(f"fadd {w.kind} {w.load(there, place)}, {w.load(here, j)}"), there, place)

                w.loop(str(wide), add)

            w.loop(count, row)

        w.loop(str(win.area), window)

    w.loop(str(win.channels), channel)
    return w.function("scatter", "ptr noalias %columns, ptr noalias %image, i64 %first, i64 %count")


def _divided(w: LoopBuilder, x: str, by: int) -> str:
    return w.new(f"sdiv i64 {x}, {by}")


def _rest(w: LoopBuilder, x: str, by: int) -> str:
    return w.new(f"srem i64 {x}, {by}")


def _pieces(w: LoopBuilder, shape: Convolution, body: Callable[[str, str, str], None]) -> None:
    """body(first, count, length) for the pieces that are wanted: rows of places, and places."""
    high, wide = shape.windows.places
    if shape.pieces == 1:
        body("0", str(high), str(high * wide))
        return

    def piece(k: str) -> None:
        first = w.mul(k, str(shape.step))
        count = w.least(str(shape.step), w.add(str(high), w.mul(first, "-1")))
        body(first, count, w.mul(count, str(wide)))

    w.loop("%to", piece, "%from")


def _column_source(w: LoopBuilder, shape: Convolution) -> Callable[[str, str, str], tuple[str, str]]:
    """(first, count, length) → the columns of the image %a and the distance of their rows."""
    wide = shape.windows.places[1]

    def found(first: str, count: str, length: str) -> tuple[str, str]:
        if shape.direct:
            return w.at("%a", w.mul(first, str(wide))), str(shape.places)
        plane = w.at("%scratch", str(shape.columns))
        w.do(f"call void @gather(ptr %a, ptr %scratch, ptr {plane}, i64 {first}, i64 {count})")
        return "%scratch", length

    return found


def _plane(shape: Convolution) -> int:
    """Elements of a channel's rows, with what stands around, for the columns that are multiplied at once."""
    win = shape.windows
    return ((shape.step - 1) * win.stride[0] + win.size[0]) * win.whole[1] if win.padded else 0


def forward(shape: Convolution) -> ImageRoutine:
    """out (o, places) = kernel (o, rows) · columns (rows, places)."""
    w = LoopBuilder(shape.dtype)
    products, columns = Products(w), _column_source(w, shape)
    wide = str(shape.windows.places[1])

    def piece(first: str, count: str, length: str) -> None:
        out = w.at("%out", w.mul(first, wide))
        outputs, rows = str(shape.outputs), str(shape.rows)
        products.call(
            "NN",
            length,
            outputs,
            rows,
            columns(first, count, length),
            ("%b", rows),
            (out, str(shape.places)),
            False,
        )

    _pieces(w, shape, piece)
    return ImageRoutine(
        _text(w, shape, not shape.direct, False),
        (shape.windows.channels * shape.windows.plane, 0),
        shape.outputs * shape.places,
        shape.columns + _plane(shape),
        shape.pieces,
        shape.nanoseconds,
        multiplies=True,
    )


def input_gradient(shape: Convolution) -> ImageRoutine:
    """The columns (rows, places) = kernelᵀ (rows, o) · v (o, places), added to the image where they lay."""
    w, win = LoopBuilder(shape.dtype), shape.windows
    products = Products(w)
    places, rows, outputs = str(shape.places), str(shape.rows), str(shape.outputs)
    (tall, width), (top, left) = win.whole, (win.padding[0][0], win.padding[1][0])
    target = w.at("%scratch", str(shape.columns)) if win.padded else "%out"
    if shape.direct:
        products.call("NT", places, rows, outputs, ("%a", places), ("%b", rows), ("%out", places), False)
    else:
        w.clear(target, str(win.channels * tall * width))

        def piece(k: str) -> None:
            first = w.mul(k, str(shape.step))
            count = w.least(str(shape.step), w.add(str(win.places[0]), w.mul(first, "-1")))
            length = w.mul(count, str(win.places[1]))
            v = w.at("%a", w.mul(first, str(win.places[1])))
            products.call("NT", length, rows, outputs, (v, places), ("%b", rows), ("%scratch", length), False)
            w.do(f"call void @scatter(ptr %scratch, ptr {target}, i64 {first}, i64 {count})")

        w.loop(str(shape.pieces), piece)
        if win.padded:

            def row(k: str) -> None:
                c, i = _divided(w, k, win.space[0]), _rest(w, k, win.space[0])
                place = w.add(w.mul(c, str(tall * width)), w.mul(i, str(width)), str(top * width + left))
                w.copy(w.at("%out", w.mul(k, str(win.space[1]))), w.at(target, place), str(win.space[1]))

            w.loop(str(win.channels * win.space[0]), row)
    return ImageRoutine(
        _text(w, shape, False, not shape.direct),
        (shape.outputs * shape.places, 0),
        win.channels * win.plane,
        shape.columns + (win.channels * tall * width if win.padded else 0),
        1,
        shape.nanoseconds * shape.pieces,
        multiplies=True,
    )


def kernel_gradient(shape: Convolution) -> ImageRoutine:
    """Adds v (o, places) · columnsᵀ (places, rows) to out (o, rows)."""
    w = LoopBuilder(shape.dtype)
    products, columns = Products(w), _column_source(w, shape)
    wide, rows = str(shape.windows.places[1]), str(shape.rows)

    def piece(first: str, count: str, length: str) -> None:
        v = w.at("%b", w.mul(first, wide))
        products.call(
            "TN",
            rows,
            str(shape.outputs),
            length,
            columns(first, count, length),
            (v, str(shape.places)),
            ("%out", rows),
            True,
        )

    _pieces(w, shape, piece)
    size = shape.outputs * shape.rows
    return ImageRoutine(
        _text(w, shape, not shape.direct, False),
        (shape.windows.channels * shape.windows.plane, shape.outputs * shape.places),
        0,
        shape.columns + _plane(shape),
        shape.pieces,
        shape.nanoseconds,
        # partial sums take at most a quarter of the columns that they are made of
        sums=size,
        least=-(-4 * size * shape.pieces // (shape.rows * shape.places)),
        multiplies=True,
    )


def _text(w: LoopBuilder, shape: Convolution, gathers: bool, scatters: bool) -> str:
    parts = [constants(shape.dtype)]
    if gathers:
        parts.append(_gather(shape))
    if scatters:
        parts.append(_scatter(shape))
    return "\n".join([*parts, w.function("image", PARAMETERS)])


# --- operations ---------------------------------------------------------------------------------------------------------------


def _routine(
    shape: Convolution,
    images: int,
    products: Callable[[Convolution], ImageRoutine],
    own: Callable[[Windows, int, DType], ImageRoutine | None],
) -> tuple[ImageRoutine, int] | None:
    """The routine that takes less time, as far as that can be said: by BLAS, or without."""
    if not shape.computable:
        return None
    first, second = products(shape), own(shape.windows, shape.outputs, shape.dtype)
    if second is None or second.nanoseconds * second.pieces > first.nanoseconds * first.pieces:
        return first, images
    return second, images


def conv2d(
    dtype: DType, attrs: tuple[Any, ...], x: tuple[int, ...], kernel: tuple[int, ...]
) -> tuple[ImageRoutine, int] | None:
    """The routine of `conv2d` and its images; None where there is nothing to multiply."""
    stride, padding = attrs
    windows = windows_of(x[1], x[2:], kernel[2:], stride, padding)
    return _routine(Convolution(windows, kernel[0], dtype), x[0], forward, direct.forward)


def conv2d_input_grad(
    dtype: DType, attrs: tuple[Any, ...], v: tuple[int, ...], kernel: tuple[int, ...]
) -> tuple[ImageRoutine, int] | None:
    """The same of `conv2d_input_grad`."""
    space, stride, padding = attrs
    windows = windows_of(kernel[1], space, kernel[2:], stride, padding)
    shape = Convolution(windows, kernel[0], dtype)
    return _routine(shape, v[0], input_gradient, direct_conv_input.input_gradient)


def conv2d_kernel_grad(
    dtype: DType, attrs: tuple[Any, ...], x: tuple[int, ...], v: tuple[int, ...]
) -> tuple[ImageRoutine, int] | None:
    """The same of `conv2d_kernel_grad`."""
    size, stride, padding = attrs
    shape = Convolution(windows_of(x[1], x[2:], size, stride, padding), v[1], dtype)
    return _routine(shape, x[0], kernel_gradient, direct_conv_kernel.kernel_gradient)

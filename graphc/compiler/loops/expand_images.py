"""Convolutions and pools of images (n, c, h, w) as loops over windows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from graphc.compiler.loops.call_writer import CallWriter, OperandElements, Routine
from graphc.compiler.loops.index_maps import choose, never, remainder, reshaped, within, zero
from graphc.compiler.loops.program import (
    Combine,
    Conditions,
    Constant,
    If,
    Index,
    IndexValue,
    Reduce,
    Ref,
    RoutineCall,
    Scalar,
    apply,
    cast,
)
from graphc.ir import dims
from graphc.ir.dims import Dim, Name
from graphc.ir.op import lookup
from graphc.ir.types import INT64, DType, Shape

Pair = tuple[Any, Any]


def _pixel(place: Index, cell: Index, stride: Pair, padding: Pair) -> Index:
    """The pixel that an element of the window lies on, at a place; outside of the image in the padding."""
    return tuple(
        [
            dims.subtract(dims.add(dims.multiply(y, step), p), before)
            for y, p, step, (before, _) in zip(place, cell, stride, padding, strict=True)
        ]
    )


def _on_image(pixel: Index, space: Shape) -> Conditions:
    return tuple([dim for y, length in zip(pixel, space, strict=True) for dim in within(y, length)])


def _window_of(
    pixel: Index, cell: Index, places: Shape, stride: Pair, padding: Pair
) -> tuple[Conditions, Index]:
    """Whether an element of a window lies on a pixel at some place, and at which."""
    conditions: Conditions = ()
    result: list[Dim] = []
    for y, p, count, step, (before, _) in zip(pixel, cell, places, stride, padding, strict=True):
        away = dims.subtract(dims.add(y, before), p)
        place = dims.floor_divide(away, step)
        conditions += (away, *within(place, count))
        rest = remainder(away, step)
        conditions += () if rest == 0 else (dims.multiply(-1, rest),)
        result.append(place)
    return conditions, tuple(result)


@contextmanager
def _where(w: CallWriter, condition: Scalar | Conditions) -> Iterator[None]:
    """The statements inside of it, where a condition holds."""
    if isinstance(condition, tuple):
        with w.writer.where(condition):
            yield
        return
    with w.body() as body:
        yield
    w.emit(If(condition, tuple(body)))


def _reduced(
    w: CallWriter,
    extents: Shape,
    value: Callable[..., None],
    reducer: str = "sum",
    dtype: DType | None = None,
) -> Ref:
    """What `value(target, *places)` combines over some loops."""
    target = w.name("s")
    with w.body() as body, w.loops(extents, "fixed") as places:
        value(target, *places)
    w.emit(Reduce(target, dtype or w.dtype, reducer, "serial", tuple(body)))
    return Ref(target, dtype or w.dtype)


def _conv2d(w: CallWriter, call: RoutineCall) -> None:
    x, kernel = w.operands
    stride, padding = call.attrs
    with w.loops(w.shape, "free", parallel=True) as (b, o, *place):

        def product(target: str, c: Dim, *cell: Dim) -> None:
            pixel = _pixel(tuple(place), cell, stride, padding)
            value = x.load((b, c, *pixel), _on_image(pixel, x.shape[2:]))
            w.emit(Combine(target, (), apply("multiply", value, kernel.load((o, c, *cell)))))

        w.store((b, o, *place), _reduced(w, kernel.shape[1:], product))


def _conv2d_input_grad(w: CallWriter, call: RoutineCall) -> None:
    v, kernel = w.operands
    _, stride, padding = call.attrs
    with w.loops(w.shape, "free", parallel=True) as (b, c, *pixel):

        def product(target: str, o: Dim, *cell: Dim) -> None:
            conditions, place = _window_of(tuple(pixel), cell, v.shape[2:], stride, padding)
            with _where(w, conditions):
                value = v.load((b, o, *place), conditions)
                w.emit(Combine(target, (), apply("multiply", value, kernel.load((o, c, *cell)))))

        w.store((b, c, *pixel), _reduced(w, (kernel.shape[0], *kernel.shape[2:]), product))


def _conv2d_kernel_grad(w: CallWriter, call: RoutineCall) -> None:
    x, v = w.operands
    _, stride, padding = call.attrs
    with w.loops(w.shape, "free", parallel=True) as (o, c, *cell):

        def product(target: str, b: Dim, *place: Dim) -> None:
            pixel = _pixel(place, tuple(cell), stride, padding)
            value = x.load((b, c, *pixel), _on_image(pixel, x.shape[2:]))
            w.emit(Combine(target, (), apply("multiply", value, v.load((b, o, *place)))))

        w.store((o, c, *cell), _reduced(w, (v.shape[0], *v.shape[2:]), product))


def _size(size: Pair, dtype: DType) -> Scalar:
    return Constant(float(size[0] * size[1]), dtype)


def _avg_pool2d(w: CallWriter, call: RoutineCall) -> None:
    (x,) = w.operands
    size, stride, padding = call.attrs
    with w.loops(w.shape, "free", parallel=True) as (b, c, *place):

        def cell(target: str, *cell: Dim) -> None:
            pixel = _pixel(tuple(place), cell, stride, padding)
            w.emit(Combine(target, (), x.load((b, c, *pixel), _on_image(pixel, x.shape[2:]))))

        w.store((b, c, *place), apply("divide", _reduced(w, size, cell), _size(size, w.dtype)))


def _avg_pool2d_grad(w: CallWriter, call: RoutineCall) -> None:
    (v,) = w.operands
    _, size, stride, padding = call.attrs
    with w.loops(w.shape, "free", parallel=True) as (b, c, *pixel):

        def share(target: str, *cell: Dim) -> None:
            conditions, place = _window_of(tuple(pixel), cell, v.shape[2:], stride, padding)
            with _where(w, conditions):
                value = v.load((b, c, *place), conditions)
                w.emit(Combine(target, (), apply("divide", value, _size(size, w.dtype))))

        w.store((b, c, *pixel), _reduced(w, size, share))


class _Window:
    """The window of images at one place: its largest element, and how many are as large."""

    def __init__(
        self, w: CallWriter, x: OperandElements, batch: Index, place: Index, call: RoutineCall
    ) -> None:
        self.w, self.x, self.batch, self.place = w, x, batch, place
        self.size, self.stride, self.padding = call.attrs

        def largest(target: str, *cell: Dim) -> None:
            conditions = self.inside(cell)
            with _where(w, conditions):
                w.emit(Combine(target, (), self.element(cell)))

        self.top = _reduced(w, self.size, largest, "max")

    def pixel(self, cell: Index) -> Index:
        return _pixel(self.place, cell, self.stride, self.padding)

    def inside(self, cell: Index) -> Conditions:
        return _on_image(self.pixel(cell), self.x.shape[2:])

    def element(self, cell: Index) -> Scalar:
        return self.x.load((*self.batch, *self.pixel(cell)), self.inside(cell))

    def wins(self, cell: Index) -> Scalar:
        """Whether an element is a largest one; what is padded is below all that is finite, and as large as −∞."""
        conditions = self.inside(cell)
        reducer = lookup("max").reducer
        assert reducer is not None
        least = Constant(reducer.identity(self.x.dtype), self.x.dtype)
        element = least if never(conditions) else choose(conditions, self.element(cell), least)
        return apply("equal", element, self.top)

    def count(self) -> Scalar:
        """How many are as large as the largest; 1 beside a NaN, where none is."""

        def one(target: str, *cell: Dim) -> None:
            self.w.emit(Combine(target, (), cast(self.wins(cell), INT64)))

        count = _reduced(self.w, self.size, one, dtype=INT64)
        return self.w.let(cast(apply("maximum", count, Constant(1, INT64)), self.w.dtype))


def _max_pool2d(w: CallWriter, call: RoutineCall) -> None:
    (x,) = w.operands
    with w.loops(w.shape, "free", parallel=True) as (b, c, *place):
        w.store((b, c, *place), _Window(w, x, (b, c), tuple(place), call).top)


def _max_pool2d_grad(w: CallWriter, call: RoutineCall) -> None:
    v, x = w.operands
    with w.loops(w.shape[:2], "free", parallel=True) as batch:
        with w.loops(w.shape[2:], "free") as pixel:
            w.store((*batch, *pixel), zero(w.dtype))
        with w.loops(v.shape[2:], "fixed") as place:
            window = _Window(w, x, batch, place, call)
            share = w.let(apply("divide", v.load((*batch, *place)), window.count()))
            with (
                w.loops(window.size, "fixed") as cell,
                _where(w, window.wins(cell)),
                _where(w, window.inside(cell)),
            ):
                at = (*batch, *window.pixel(cell))
                w.store(at, apply("add", w.result(at), share))


def _max_pool2d_pick(w: CallWriter, call: RoutineCall) -> None:
    u, x = w.operands
    with w.loops(w.shape, "free", parallel=True) as (b, c, *place):
        window = _Window(w, x, (b, c), tuple(place), call)

        def picked(target: str, *cell: Dim) -> None:
            with _where(w, window.wins(cell)):
                value = u.load((b, c, *window.pixel(cell)), window.inside(cell))
                w.emit(Combine(target, (), value))

        total = _reduced(w, window.size, picked)
        w.store((b, c, *place), apply("divide", total, window.count()))


def _im2col(w: CallWriter, call: RoutineCall) -> None:
    (x,) = w.operands
    size, stride, padding = call.attrs
    places = _places(x.shape[2:], size, stride, padding)
    with w.loops(w.shape, "free", parallel=True) as (b, row, column):
        c, *cell = reshaped((row,), (w.shape[1],), (x.shape[1], *size))
        place = reshaped((column,), (w.shape[2],), places)
        pixel = _pixel(place, tuple(cell), stride, padding)
        w.store((b, row, column), x.load((b, c, *pixel), _on_image(pixel, x.shape[2:])))


def _places(space: Shape, size: Pair, stride: Pair, padding: Pair) -> Shape:
    """How many places a window has along each axis."""
    return tuple(
        [
            dims.add(dims.floor_divide(dims.subtract(dims.add(length, before + after), window), step), 1)
            for length, window, step, (before, after) in zip(space, size, stride, padding, strict=True)
        ]
    )


def _col2im(w: CallWriter, call: RoutineCall) -> None:
    (columns,) = w.operands
    space, size, stride, padding = call.attrs
    places = _places(space, size, stride, padding)
    with w.loops(w.shape, "free", parallel=True) as (b, c, *pixel):

        def element(target: str, *cell: Dim) -> None:
            conditions, place = _window_of(tuple(pixel), cell, places, stride, padding)
            # under names of their own, so that what holds of them holds of the place among all
            place = tuple([Name(w.writer.let(IndexValue(each), "p").name) for each in place])
            for each, count in zip(place, places, strict=True):
                conditions += within(each, count)
            row = dims.add(dims.multiply(dims.add(dims.multiply(c, size[0]), cell[0]), size[1]), cell[1])
            column = dims.add(dims.multiply(place[0], places[1]), place[1])
            with _where(w, conditions):
                w.emit(Combine(target, (), columns.load((b, row, column), conditions)))

        w.store((b, c, *pixel), _reduced(w, size, element))


RULES: dict[str, Routine] = {
    "conv2d": _conv2d,
    "conv2d_input_grad": _conv2d_input_grad,
    "conv2d_kernel_grad": _conv2d_kernel_grad,
    "avg_pool2d": _avg_pool2d,
    "avg_pool2d_grad": _avg_pool2d_grad,
    "max_pool2d": _max_pool2d,
    "max_pool2d_grad": _max_pool2d_grad,
    "max_pool2d_pick": _max_pool2d_pick,
    "im2col": _im2col,
    "col2im": _col2im,
}

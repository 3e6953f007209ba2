"""Convolution and pooling at random sizes against plain loops, as columns and products, at ties, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphc as g
from graphc.errors import DtypeError, ExpressionError, InputError, ShapeError
from graphc.ir.types import format_shape
from tests.ops.image_cases import np_col2im, np_conv2d, np_im2col, np_max_grad, np_pool

EPS = np.finfo(np.float64).eps

PLAIN = ((0, 0), (0, 0))
few = st.integers(1, 3)


@st.composite
def geometries(draw):
    """(image's shape, output channels, window, stride, padding): a batch of none and of one included."""
    size = (draw(few), draw(few))
    padding = tuple(
        (draw(st.integers(0, size[axis] - 1)), draw(st.integers(0, size[axis] - 1))) for axis in (0, 1)
    )
    space = tuple(draw(st.integers(max(1, size[axis] - sum(padding[axis])), 6)) for axis in (0, 1))
    return (draw(st.integers(0, 2)), draw(few), *space), draw(few), size, (draw(few), draw(few)), padding


def close(found, wanted, terms):
    """Sums of so many products of normal numbers, each rounded in another order."""
    found, wanted = np.asarray(found), np.asarray(wanted)
    assert found.shape == wanted.shape
    scale = max(1.0, np.abs(wanted).max(initial=0))
    assert np.abs(found - wanted).max(initial=0) <= 16 * max(terms, 1) * EPS * scale


@settings(max_examples=60, deadline=None)
@given(geometries(), st.integers(0, 99))
def test_convolution_is_its_definition(geometry, seed):
    shape, out, size, stride, padding = geometry
    rng = np.random.default_rng(seed)
    x = g.symbol("x", shape=("n", shape[1], "h", "w"))
    k = g.symbol("k", shape=(out, shape[1], *size))
    image, kernel = rng.normal(size=shape), rng.normal(size=k.shape)
    point = {"x": image, "k": kernel}
    y = g.conv2d(x, k, stride, padding)
    wanted = np_conv2d(image, kernel, stride, padding)
    close(g.evaluate(y, point), wanted, kernel[0].size)

    # the same as columns and a product for each image
    columns = np_im2col(image, size, stride, padding)
    close(g.evaluate(g.im2col(x, size, stride, padding), point), columns, 0)
    product = g.reshape(k, (out, -1)) @ g.im2col(x, size, stride, padding)
    close(g.evaluate(g.reshape(product, y.shape), point), wanted, kernel[0].size)

    # what goes back, by the transposed products
    v = rng.normal(size=wanted.shape)
    flat = v.reshape(*v.shape[:2], v.shape[2] * v.shape[3])
    to_image, to_kernel = g.evaluate(g.grad(y, [x, k], seed=g.symbol("v", shape=y.shape)), {**point, "v": v})
    spread = kernel.reshape(out, kernel[0].size).T @ flat
    close(to_image, np_col2im(spread, shape[2:], size, stride, padding), out * size[0] * size[1])
    total = np.einsum("nop,nrp->or", flat, columns).reshape(kernel.shape)
    close(to_kernel, total, flat[:, 0].size)
    if shape[0]:
        by_columns = g.evaluate(
            g.grad(product, [x, k], seed=g.symbol("f", shape=product.shape)), {**point, "f": flat}
        )
        close(by_columns[0], to_image, out * size[0] * size[1])
        close(by_columns[1], to_kernel, flat[:, 0].size)


@settings(max_examples=60, deadline=None)
@given(geometries(), st.integers(0, 99), st.booleans())
def test_pools_are_reductions_of_columns(geometry, seed, tied):
    shape, _, size, stride, padding = geometry
    rng = np.random.default_rng(seed)
    x = g.symbol("x", shape=shape)
    point = {"x": np.round(rng.normal(size=shape)) if tied else rng.normal(size=shape)}
    cells = size[0] * size[1]
    mean, largest = g.avg_pool2d(x, size, stride, padding), g.max_pool2d(x, size, stride, padding)
    close(g.evaluate(mean, point), np_pool(np.mean, point["x"], size, stride, padding), cells)
    wanted = np_pool(np.max, point["x"], size, stride, padding, -np.inf)
    np.testing.assert_array_equal(g.evaluate(largest, point), wanted)

    v = rng.normal(size=mean.shape)
    around = g.pad(x, ((0, 0), (0, 0), *padding), -np.inf)
    columns = g.reshape(g.im2col(around, size, stride), (*shape[:2], cells, -1 if mean.shape[2] else 0))
    for pool, plain in ((largest, g.max(columns, axis=2)), (mean, None)):
        if plain is None:
            zeros = g.reshape(g.im2col(x, size, stride, padding), (*shape[:2], cells, -1))
            plain = g.mean(zeros, axis=2)
        plain = g.reshape(plain, pool.shape)
        found, other = (g.evaluate(g.grad(g.sum(e * v), x), point) for e in (pool, plain))
        close(found, other, cells)
        close(g.evaluate(pool, point), g.evaluate(plain, point), cells)
    back = g.evaluate(g.grad(g.sum(largest * v), x), point)
    close(back, np_max_grad(v, point["x"], size, stride, padding), cells)


def test_lengths_are_named():
    x = g.symbol("x", shape=("n", 3, "h", "w"))
    k = g.symbol("k", shape=(8, 3, "a", "b"))
    assert format_shape(g.conv2d(x, k).shape) == "(n, 8, -a + h + 1, -b + w + 1)"
    assert g.conv2d(x, g.symbol("s", shape=(8, 3, 5, 5))).shape[2:] == (
        g.dim("h").attrs[0] - 4,
        x.shape[3] - 4,
    )
    assert format_shape(g.max_pool2d(x, 2).shape) == "(n, 3, (h//2), (w//2))"
    assert str(g.conv2d(x, k, 2, 1).shape[2]) == "((a + h)//2) - a + 2"
    assert g.im2col(x, 1).shape[:2] == (x.shape[0], 3)
    even = g.symbol("e", shape=("n", 3, "2*h", "2*w"))
    assert g.max_pool2d(even, 2).shape == x.shape
    loss = g.sum(g.max_pool2d(g.conv2d(x, k, padding=1), 2) ** 2)
    dx, dk = g.grad(loss, [x, k])
    assert dx.shape == x.shape and dk.shape == k.shape
    rng = np.random.default_rng(0)
    for lengths in ((0, 6, 7), (1, 2, 2), (5, 4, 9)):
        point = {"x": rng.normal(size=(lengths[0], 3, *lengths[1:])), "k": rng.normal(size=(8, 3, 3, 3))}
        value, image, kernel = g.evaluate([loss, dx, dk], point)
        assert image.shape == point["x"].shape and kernel.shape == point["k"].shape and np.isfinite(value)
        if not lengths[0]:
            assert value == 0 and not kernel.any()


def test_a_window_that_does_not_fit():
    x, k = g.symbol("x", shape=(1, 1, 3, 3)), g.symbol("k", shape=(1, 1, 4, 2))
    for build in (lambda: g.conv2d(x, k), lambda: g.max_pool2d(x, 4), lambda: g.im2col(x, (4, 1))):
        with pytest.raises(ShapeError, match=r"window of 4 rows does not fit into 3"):
            build()
    free = g.symbol("x", shape=("n", 1, "h", "w"))
    small = {"x": np.ones((1, 1, 3, 3)), "k": np.ones((1, 1, 4, 2))}
    for expr in (g.conv2d(free, k), g.conv2d(free, k, 2), g.grad(g.sum(g.conv2d(free, k)), k)):
        with pytest.raises(InputError, match="window of 4 does not fit into a length of 3"):
            g.evaluate(expr, small)
    for expr in (g.max_pool2d(free, 4), g.avg_pool2d(free, 4, 3), g.grad(g.sum(g.max_pool2d(free, 4)), free)):
        with pytest.raises(InputError, match="window of 4 does not fit into a length of 3"):
            g.evaluate(expr, {"x": small["x"]})


def test_shapes_that_do_not_fit():
    x, k = g.symbol("x", shape=("n", 3, 8, 8)), g.symbol("k", shape=(2, 4, 3, 3))
    with pytest.raises(ShapeError, match="channels are not the kernel's: 3 against 4"):
        g.conv2d(x, k)
    with pytest.raises(ShapeError, match="four axes"):
        g.conv2d(x[0], k)
    with pytest.raises(ShapeError, match="four axes"):
        g.conv2d(x, g.symbol("k", shape=(2, 3, 3)))
    with pytest.raises(ShapeError, match="covers nothing"):
        g.conv2d(x, g.symbol("k", shape=(2, 3, 0, 3)))
    with pytest.raises(ShapeError, match="places of the window"):
        g.conv2d_input_grad(g.symbol("v", shape=("n", 2, 5, 6)), g.symbol("k", shape=(2, 3, 3, 3)), (8, 8))
    with pytest.raises(ShapeError, match="outputs: 3 against 2"):
        g.conv2d_input_grad(x, g.symbol("k", shape=(2, 3, 1, 1)), (8, 8))
    with pytest.raises(ShapeError, match="two batches"):
        g.conv2d_kernel_grad(x, g.symbol("v", shape=("m", 2, 6, 6)), 3)
    with pytest.raises(ShapeError, match="no windows"):
        g.col2im(g.symbol("c", shape=("n", 7, 36)), (8, 8), 3)
    with pytest.raises(ShapeError, match="three axes"):
        g.col2im(x, (8, 8), 3)
    with pytest.raises(ShapeError, match="pool's shape"):
        g.max_pool2d_grad(x, x, 2, 2)
    with pytest.raises(ShapeError, match="images' shape"):
        g.max_pool2d_pick(x, g.symbol("y", shape=("n", 3, 8, 9)), 2, 2)
    with pytest.raises(ShapeError, match="would hold nothing else"):
        g.max_pool2d(x, 2, 2, 2)


def test_static_arguments_that_make_no_sense():
    x, k = g.symbol("x", shape=("n", 3, 8, 8)), g.symbol("k", shape=(2, 3, 3, 3))
    for stride in (0, -1, (1, 0), (1, 2, 3)):
        with pytest.raises(ShapeError, match="stride"):
            g.conv2d(x, k, stride)
    for stride in (1.5, "n"):
        with pytest.raises((ShapeError, ExpressionError)):
            g.conv2d(x, k, stride)
    for padding in (-1, (1, 2, 3), ((1, 1), (1, -1)), ((1, 1, 1), 0)):
        with pytest.raises(ShapeError, match="padding"):
            g.conv2d(x, k, 1, padding)
    for size in (0, (2, -1), (1, 2, 3), True):
        with pytest.raises(ShapeError):
            g.max_pool2d(x, size)
    with pytest.raises(DtypeError):
        g.im2col(x, 2).astype("complex64")
    assert g.conv2d(x, k, (1, 1), 0) is g.conv2d(x, k) is g.conv2d(x, k, padding=((0, 0), (0, 0)))
    assert g.max_pool2d(x, 2) is g.max_pool2d(x, (2, 2), stride=2, padding=(0, 0))
    assert g.parse(str(g.max_pool2d(x, 2)), symbols=[x]) is g.max_pool2d(x, 2)


def test_what_is_computed_in():
    x = g.symbol("x", shape=(1, 1, 2, 2), dtype="int64")
    assert g.max_pool2d(x, 2).dtype == g.conv2d(x, np.ones((1, 1, 2, 2), np.float32)).dtype == np.float64
    assert g.im2col(x, 1).dtype == np.int64
    image = np.array([[[[1, 2], [3, np.nan]]]])
    pool = g.max_pool2d(g.symbol("y", shape=image.shape), 2)
    assert np.isnan(g.evaluate(pool, {"y": image})).all()
    assert not np.asarray(g.evaluate(g.grad(g.sum(pool), g.free_symbols(pool)[0]), {"y": image})).any()


def test_second_derivatives_close():
    """∂²/∂x∂k of a convolution and of a pool behind it, against the bilinear form itself."""
    rng = np.random.default_rng(3)
    x, k = g.symbol("x", shape=(2, 2, 6, 5)), g.symbol("k", shape=(3, 2, 3, 2))
    u, w = g.symbol("u", shape=x.shape), g.symbol("w", shape=k.shape)
    point = {s.name: rng.normal(size=s.shape) for s in (x, k, u, w)}
    y = g.conv2d(x, k, (2, 1), ((1, 0), (0, 1)))
    mixed = g.jvp(g.jvp(g.sum(y**3), x, u), k, w)
    other = g.sum(g.grad(g.sum(g.grad(g.sum(y**3), x) * u), k) * w)
    at = lambda a, b: np_conv2d(point[a], point[b], (2, 1), ((1, 0), (0, 1)))
    first = at("x", "k")
    wanted = np.sum(6 * first * at("u", "k") * at("x", "w") + 3 * first**2 * at("u", "w"))
    for found in (g.evaluate(mixed, point), g.evaluate(other, point)):
        assert abs(found - wanted) <= 1e-12 * np.sum(np.abs(first) ** 2) * 100
    pooled = g.sum(g.max_pool2d(g.tanh(y), 2) ** 2)
    along = g.jvp(g.jvp(pooled, k, w), k, w)
    back = g.sum(g.hvp(pooled, k, w) * w)
    a, b = g.evaluate([along, back], point)
    assert abs(a - b) <= 1e-11 * max(1, abs(a)) and a != 0

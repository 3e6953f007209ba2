"""Convolutions and pools in machine code: the same as plain loops and as the interpreter, whatever lengths, steps and padding."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphc as g
from graphc.compiler.engine import thread_pool
from graphc.compiler.runtime import instantiated_plan as bound
from graphc.compiler.schedule.fusion import Group, LibraryCall
from graphc.compiler.targets.llvm.microkernels import convolution, images
from graphc.compiler.targets.llvm.microkernels.convolution import Convolution
from graphc.compiler.targets.llvm.microkernels.windows import Windows
from graphc.errors import InputError, ShapeError

DTYPES = ["float32", "float64"]


def windows(length, size, step, around):
    return [range(start, start + size) for start in range(-around[0], length + around[1] - size + 1, step)]


def convolved(x, kernel, stride, padding):
    """(out, what a function of out, v, makes go back) in plain loops, in float64."""
    (n, _, h, w), (o, _, kh, kw) = x.shape, kernel.shape
    rows, columns = windows(h, kh, stride[0], padding[0]), windows(w, kw, stride[1], padding[1])
    out = np.zeros((n, o, len(rows), len(columns)))
    taps = [
        (i, j, a, b, p, q)
        for (i, row), (j, column) in itertools.product(enumerate(rows), enumerate(columns))
        for (a, p), (b, q) in itertools.product(enumerate(row), enumerate(column))
        if 0 <= p < h and 0 <= q < w
    ]
    for i, j, a, b, p, q in taps:
        out[:, :, i, j] += np.einsum("nc,oc->no", x[:, :, p, q], kernel[:, :, a, b])

    def back(v):
        dx, dk = np.zeros(x.shape), np.zeros(kernel.shape)
        for i, j, a, b, p, q in taps:
            dx[:, :, p, q] += np.einsum("no,oc->nc", v[:, :, i, j], kernel[:, :, a, b])
            dk[:, :, a, b] += np.einsum("no,nc->oc", v[:, :, i, j], x[:, :, p, q])
        return dx, dk

    return out, back


def close(found, wanted, magnitude, terms, dtype):
    """Sums of so many terms in any order: each rounding errs by half a unit of a partial sum, which the magnitudes bound."""
    assert found.shape == wanted.shape and found.dtype == dtype
    bound = (terms + 2) * np.finfo(dtype).eps * (magnitude + np.finfo(dtype).tiny)
    return bool(np.all(np.abs(found - wanted) <= bound))


sides = st.tuples(st.integers(0, 2), st.integers(0, 2))


@st.composite
def convolutions(draw):
    size = draw(st.tuples(st.integers(1, 4), st.integers(1, 5)))
    padding = draw(st.tuples(sides, sides))
    least = [max(1, k - sum(around)) for k, around in zip(size, padding, strict=True)]
    space = [draw(st.integers(low, 9)) for low in least]
    return {
        "x": (draw(st.integers(0, 5)), draw(st.integers(1, 4)), *space),
        "kernel": (draw(st.integers(1, 5)), *size),
        "stride": draw(st.tuples(st.integers(1, 3), st.integers(1, 3))),
        "padding": padding,
        "dtype": draw(st.sampled_from(DTYPES)),
        "named": draw(st.booleans()),
    }


def check_convolution(x, kernel, stride, padding, dtype, named):
    rng = np.random.default_rng(sum(x))
    shape = (kernel[0], x[1], *kernel[1:])
    # with lengths that are not known before the call, it is a step of its own
    space = ("h", "w") if named else x[2:]
    batch = 1 if x[0] == 1 and not named else "n"
    X, K = g.symbol("X", shape=(batch, x[1], *space), dtype=dtype), g.symbol("K", shape=shape, dtype=dtype)
    out = g.conv2d(X, K, stride=stride, padding=padding)
    V = g.symbol("V", shape=out.shape, dtype=dtype)
    f = g.compile([out, *g.grad(out, [X, K], V)], [X, K, V], rewrite=None, parallel=False)
    places = convolved(np.ones(x), np.ones(shape), stride, padding)[0].shape
    at = [rng.normal(size=size) for size in (x, shape, places)]
    at = [array.astype(dtype) for array in at]
    exact = [array.astype(float) for array in at]
    wanted, back = convolved(*exact[:2], stride, padding)
    sizes, back_sizes = convolved(*[abs(array) for array in exact[:2]], stride, padding)
    found = f(*at)
    each = np.prod(shape[1:]), shape[0] * shape[2] * shape[3], np.prod(at[2].shape) // shape[0]
    right, magnitudes = [wanted, *back(exact[2])], [sizes, *back_sizes(abs(exact[2]))]
    for result, value, size, terms in zip(found, right, magnitudes, each, strict=True):
        assert close(result, value, size, terms, dtype)


@settings(max_examples=6, deadline=None)
@given(convolutions())
def test_convolutions_are_those_of_plain_loops(case):
    check_convolution(**case)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(convolutions())
def test_many_convolutions(case):
    check_convolution(**case)


@pytest.mark.sample(2)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("stride, padding", [((1, 1), ((0, 0), (0, 0))), ((2, 3), ((1, 2), (2, 0)))])
def test_images_in_several_pieces(dtype, stride, padding, monkeypatch):
    monkeypatch.setattr(convolution, "COLUMNS", 700)
    case = Windows(2, (17, 11), (3, 2), stride, padding)
    assert Convolution(case, 4, np.dtype(dtype)).pieces > 1
    for named in (False, True):
        check_convolution((3, 2, 17, 11), (4, 3, 2), stride, padding, dtype, named)


def test_columns_stay_in_a_cores_cache():
    for channels, space, size in [(3, 224, 7), (64, 56, 3), (512, 14, 3), (1, 4000, 5)]:
        case = Convolution(
            Windows(channels, (space, space), (size, size), (1, 1), ((0, 0), (0, 0))), 8, np.dtype("float32")
        )
        wide = space - size + 1
        assert 4 * case.columns <= max(convolution.COLUMNS, 4 * channels * size * size * wide)


def test_nothing_to_multiply():
    for x, kernel in [
        ((2, 0, 5, 5), (3, 0, 2, 2)),
        ((2, 3, 5, 5), (0, 3, 2, 2)),
        ((0, 3, 5, 5), (2, 3, 2, 2)),
    ]:
        X, K = g.symbol("X", shape=x), g.symbol("K", shape=kernel)
        out = g.conv2d(X, K, padding=1)
        outputs = [out, *g.grad(g.sum(out), [X, K])]
        for found in g.compile(outputs, [X, K])(np.ones(x), np.ones(kernel)):
            assert not np.any(found)


def test_windows_that_do_not_fit_are_refused_at_the_call():
    X = g.symbol("X", shape=("n", 1, "h", "w"))
    K = g.symbol("K", shape=(2, 1, 5, 5))
    for out in (g.conv2d(X, K), g.max_pool2d(X, 5, stride=1)):
        f = g.compile([out, g.grad(g.sum(out), X)], [X, K][: 1 + (K in g.Graph(out).symbols)])
        for h in (4, 3, 1):
            with pytest.raises((InputError, ShapeError), match=r"max_pool2d|conv2d"):
                f(*[np.ones((2, 1, h, 9)), np.ones((2, 1, 5, 5))][: len(f.inputs)])


# --- pools -------------------------------------------------------------------------------------------------------------------


@st.composite
def pools(draw):
    size = draw(st.tuples(st.integers(1, 5), st.integers(1, 6)))
    padding = [tuple(draw(st.integers(0, min(2, k - 1))) for _ in range(2)) for k in size]
    least = [max(1, k - sum(around)) for k, around in zip(size, padding, strict=True)]
    return {
        "x": (
            draw(st.integers(0, 3)),
            draw(st.integers(1, 3)),
            *[draw(st.integers(low, 40)) for low in least],
        ),
        "size": size,
        "stride": draw(st.one_of(st.none(), st.tuples(st.integers(1, 4), st.integers(1, 4)))),
        "padding": tuple(padding),
        "dtype": draw(st.sampled_from(DTYPES)),
        "values": draw(st.sampled_from(["any", "ties", "special"])),
        "named": draw(st.booleans()),
    }


def pool_inputs(shape, values, dtype):
    rng = np.random.default_rng(sum(shape))
    if values == "ties":
        return rng.integers(0, 3, shape).astype(dtype)
    x = rng.normal(size=shape).astype(dtype)
    if values == "special":
        x[rng.random(shape) < 0.1] = np.nan
        x[rng.random(shape) < 0.3] = -np.inf
    return x


POOLS = st.sampled_from(["max_pool2d", "avg_pool2d"])


@settings(max_examples=6, deadline=None)
@given(pools(), POOLS)
def test_pools_and_their_derivatives_are_the_interpreters(case, name):
    check_pool(case, name)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(pools(), POOLS)
def test_many_pools(case, name):
    check_pool(case, name)


def check_pool(case, name):
    shape = ("n", case["x"][1], "h", "w") if case["named"] else case["x"]
    X = g.symbol("X", shape=shape, dtype=case["dtype"])
    U = g.symbol("U", shape=shape, dtype=case["dtype"])
    out = getattr(g, name)(X, case["size"], stride=case["stride"], padding=case["padding"])
    V = g.symbol("V", shape=out.shape, dtype=case["dtype"])
    first = g.grad(out, X, V)
    outputs = [out, first, g.grad(g.sum(first * U), V)]
    values = case["values"] if name == "max_pool2d" or case["values"] != "special" else "any"
    rng = np.random.default_rng(5)
    at = {
        "X": pool_inputs(case["x"], values, case["dtype"]),
        "U": rng.normal(size=case["x"]).astype(case["dtype"]),
    }
    at["V"] = rng.normal(size=g.evaluate(out, {"X": at["X"]}).shape).astype(case["dtype"])
    found = g.compile(outputs, [X, U, V], rewrite=None)(**at)
    eps = np.finfo(case["dtype"]).eps
    for result, wanted in zip(found, g.evaluate(outputs, at), strict=True):
        # sums of at most 30 terms below 5
        np.testing.assert_allclose(result, wanted, rtol=40 * eps, atol=40 * 5 * eps)


def test_the_largest_element_is_exact_and_ties_share():
    X = g.symbol("X", shape=(1, 1, 4, 6))
    f = g.compile([g.max_pool2d(X, 2), g.grad(g.sum(g.max_pool2d(X, 2)), X)], [X])
    x = np.arange(24.0).reshape(1, 1, 4, 6)
    x[0, 0, :2, :2] = 9.0
    top, back = f(x)
    assert np.array_equal(top[0, 0], [[9, 9, 11], [19, 21, 23]])
    assert np.array_equal(back[0, 0, :2], [[0.25, 0.25, 0, 0, 0, 0], [0.25, 0.25, 0, 1, 0, 1]])


# --- threads, calls ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("space", [(12, 13), ("h", "w")], ids=["fused", "alone"])
def test_results_do_not_depend_on_the_number_of_threads(space, monkeypatch):
    monkeypatch.setattr(images, "CHUNK", 2000.0)
    monkeypatch.setattr(bound, "CHUNK", 2000.0)
    X, K = g.symbol("X", shape=("n", 3, *space)), g.symbol("K", shape=(4, 3, 3, 3))
    out = g.max_pool2d(g.conv2d(X, K, padding=1), 2)
    outputs = [out, *g.grad(g.sum(out * out), [X, K])]
    rng = np.random.default_rng(0)
    at = rng.normal(size=(37, 3, 12, 13)), rng.normal(size=(4, 3, 3, 3))
    wanted = g.compile(outputs, [X, K], parallel=False)(*at)
    for found, right in zip(wanted, g.evaluate(outputs, dict(zip("XK", at, strict=True))), strict=True):
        np.testing.assert_allclose(found, right, rtol=0, atol=1e-12 * np.abs(right).max())
    before = thread_pool.get_num_threads()
    try:
        for count in (1, 2, 5):
            thread_pool.set_num_threads(count)
            f = g.compile(outputs, [X, K], parallel=True)
            for found, right in zip(f(*at), wanted, strict=True):
                assert np.array_equal(found, right)
    finally:
        thread_pool.set_num_threads(before)


def test_operands_in_any_layout_and_of_another_type():
    X, K = g.symbol("X", shape=(3, 2, 6, 7)), g.symbol("K", shape=(3, 3, 3, 4), dtype="float32")
    turned = g.permute_dims(X, (1, 0, 2, 3))
    kernel = g.flip(K, axis=2)
    out = g.conv2d(turned, kernel)
    outputs = [out, *g.grad(g.sum(out * out), [X, K])]
    rng = np.random.default_rng(0)
    at = {"X": rng.normal(size=(3, 2, 6, 7)), "K": rng.normal(size=(3, 3, 3, 4)).astype("float32")}
    f = g.compile(outputs, [X, K], rewrite=None)
    for _ in range(2):
        for found, wanted in zip(f(**at), g.evaluate(outputs, at), strict=True):
            np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-6 * np.abs(wanted).max())


def test_one_program_for_every_batch():
    X, K = g.symbol("X", shape=("n", 1, 8, 8)), g.symbol("K", shape=(2, 1, 3, 3))
    out = g.max_pool2d(g.conv2d(X, K), 2)
    outputs = [out, *g.grad(g.sum(out * out), [X, K])]
    f = g.compile(outputs, [X, K])
    rng = np.random.default_rng(0)
    for n in (1, 0, 7, 64, 1):
        at = {"X": rng.normal(size=(n, 1, 8, 8)), "K": rng.normal(size=(2, 1, 3, 3))}
        for found, wanted in zip(f(**at), g.evaluate(outputs, at), strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-11)


def test_what_surrounds_a_convolution_is_computed_image_by_image():
    x, k1, b1 = (
        g.symbol("x", shape=("n", 1, 28, 28)),
        g.symbol("k1", shape=(6, 1, 5, 5)),
        g.symbol("b1", shape=6),
    )
    k2, b2 = g.symbol("k2", shape=(8, 6, 3, 3)), g.symbol("b2", shape=8)
    hidden = g.max_pool2d(g.relu(g.conv2d(x, k1) + g.reshape(b1, (6, 1, 1))), 2)
    hidden = g.avg_pool2d(g.tanh(g.conv2d(hidden, k2, padding=1) + g.reshape(b2, (8, 1, 1))), 3, stride=2)
    loss = g.mean(hidden**2)
    symbols = [x, k1, b1, k2, b2]
    outputs = [loss, *g.grad(loss, symbols)]
    f = g.compile(outputs, symbols, rewrite=None)
    steps = f._plan.steps
    assert len([step for step in steps if isinstance(step, LibraryCall)]) == 0
    assert max(len(step.nodes) for step in steps if isinstance(step, Group)) >= 6
    rng = np.random.default_rng(0)
    for n in (3, 1, 50):
        at = {
            s.name: rng.normal(size=[n if d == s.shape[0] and s is x else d for d in s.shape])
            for s in symbols
        }
        for found, wanted in zip(f(**at), g.evaluate(outputs, at), strict=True):
            np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-13 * max(1, np.abs(wanted).max()) * n)

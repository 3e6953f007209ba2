"""Convolutions without columns: the same as plain loops, whatever lengths, steps and padding, for processors of all kinds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphc as g
from graphc.lower import threads, vecmath
from graphc.lower.tensor import convolution, direct, direct_input, direct_kernel, images, vectors
from graphc.lower.tensor.windows import windows_of
from tests.lower.test_images import DTYPES, close, convolved, sides

PROCESSORS = {
    "AVX-512": (64, 32, True),
    "AVX2": (32, 16, True),
    "SSE": (16, 16, False),
    "ARM": (16, 32, True),
}


def use(monkeypatch, processor):
    size, count, fused = PROCESSORS[processor]
    monkeypatch.setattr(vecmath, "vector_registers", lambda: (size, count))
    monkeypatch.setattr(vecmath, "has_fma", lambda: fused)


def check(
    n, channels, outputs, space, size, stride=(1, 1), padding=((0, 0), (0, 0)), dtype="float32", pieces=1
):
    windows, dtype = windows_of(channels, space, size, stride, padding), np.dtype(dtype)
    shapes = (n, channels, *space), (outputs, channels, *size), (n, outputs, *windows.places)
    rng = np.random.default_rng(n + channels)
    x, kernel, v = [rng.normal(size=shape).astype(dtype) for shape in shapes]
    exact = [array.astype(float) for array in (x, kernel, v)]
    out, back = convolved(*exact[:2], stride, padding)
    sizes, back_sizes = convolved(*[abs(array) for array in exact[:2]], stride, padding)
    (dx, dk), (dx_sizes, dk_sizes) = back(exact[2]), back_sizes(abs(exact[2]))
    area = size[0] * size[1]
    for make, operands, wanted, magnitude, terms in (
        (direct.forward, (x, kernel), out, sizes, channels * area),
        (direct_input.input_gradient, (v, kernel), dx, dx_sizes, outputs * area),
        (direct_kernel.kernel_gradient, (x, v), dk, dk_sizes, max(1, v.size // outputs)),
    ):
        routine = make(windows, outputs, dtype)
        if routine is None:
            assert make is not direct_kernel.kernel_gradient and stride[1] > 1
            continue
        assert routine.pieces >= pieces
        found = np.full(wanted.shape, np.nan, dtype)
        given = [operand.shape for operand in operands]
        images.runner(routine, n, dtype, given, False)(found, *operands)
        assert close(found, wanted, magnitude, terms, dtype)


CASES = {
    "one number": (2, 1, 1, (1, 1), (1, 1)),
    "as large as the image": (2, 2, 3, (5, 6), (5, 6)),
    "as large as its rows": (2, 3, 2, (7, 5), (2, 5)),
    "a row": (1, 1, 7, (1, 40), (1, 3)),
    "a column": (1, 2, 3, (40, 1), (3, 1)),
    "many outputs": (2, 1, 31, (6, 7), (2, 3)),
    "many channels": (2, 40, 5, (5, 9), (3, 2)),
    "long rows": (1, 2, 3, (4, 133), (2, 4)),
    "rows of every second": (2, 2, 5, (13, 12), (3, 3), (2, 1)),
    "steps over rows": (2, 2, 5, (13, 12), (2, 3), (3, 1)),
    "steps along rows": (2, 2, 5, (5, 12), (2, 3), (2, 3), ((0, 1), (1, 1))),
    "padded": (2, 2, 5, (9, 12), (3, 3), (1, 1), ((1, 1), (1, 1))),
    "padded unevenly": (2, 2, 5, (9, 12), (4, 5), (2, 1), ((0, 3), (2, 1))),
    "padding alone": (1, 1, 2, (1, 1), (3, 3), (1, 1), ((2, 2), (2, 2))),
    "no image": (0, 2, 3, (6, 6), (2, 2)),
}


@pytest.mark.sample(2)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_convolutions_of_all_forms(name, dtype):
    check(*CASES[name], dtype=dtype)


@pytest.mark.parametrize("processor", [p for p in PROCESSORS if p != "AVX-512"])
@pytest.mark.parametrize("name", ["many outputs", "long rows", "padded unevenly"])
def test_processors_of_all_kinds(name, processor, monkeypatch):
    use(monkeypatch, processor)
    check(*CASES[name])


lengths = st.integers(1, 20)


@st.composite
def convolutions(draw):
    size = draw(st.tuples(st.integers(1, 5), st.integers(1, 6)))
    padding = draw(st.tuples(sides, sides))
    least = [max(1, k - sum(around)) for k, around in zip(size, padding, strict=True)]
    space = tuple([draw(st.integers(low, 40)) for low in least])
    channels, outputs = draw(st.integers(1, 6)), draw(st.integers(1, 20))
    return (draw(st.integers(0, 3)), channels, outputs, space, size, (draw(st.integers(1, 3)), 1), padding)


@settings(max_examples=5, deadline=None)
@given(convolutions(), st.sampled_from(DTYPES))
def test_convolutions_are_those_of_plain_loops(case, dtype):
    check(*case, dtype=dtype)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(convolutions(), st.sampled_from(DTYPES), st.sampled_from(list(PROCESSORS)))
def test_many_convolutions(case, dtype, processor):
    with pytest.MonkeyPatch.context() as patch:
        use(patch, processor)
        check(*case, dtype=dtype)


def test_an_image_in_several_pieces_by_any_number_of_threads(monkeypatch):
    use(monkeypatch, "AVX-512")  # how many pieces there are is what tiles take on a processor
    monkeypatch.setattr(direct, "PIECE", 100.0)
    monkeypatch.setattr(images, "CHUNK", 300.0)
    monkeypatch.setattr(direct_input, "PIECE", 100.0)
    monkeypatch.setattr(direct_kernel, "LARGEST", 2**13)
    check(2, 3, 17, (12, 13), (3, 3), pieces=3)
    check(2, 3, 17, (12, 13), (3, 3), padding=((1, 1), (1, 1)), pieces=3)
    check(2, 2, 3, (14, 13), (4, 3), (2, 1), ((2, 1), (0, 1)), pieces=1)
    X, K = g.symbol("X", shape=("n", 3, "h", "w")), g.symbol("K", shape=(17, 3, 3, 3))
    at = [np.random.default_rng(0).normal(size=shape) for shape in ((3, 3, 12, 13), (17, 3, 3, 3))]
    out = g.conv2d(X, K)
    outputs = [out, *g.grad(g.sum(out * out), [X, K])]
    before, found = threads.get_num_threads(), []
    try:
        for count in (1, 2, 5):
            threads.set_num_threads(count)
            found.append(g.compile(outputs, [X, K], parallel=True)(*at))
    finally:
        threads.set_num_threads(before)
    for others in found[1:]:
        assert all(np.array_equal(other, first) for other, first in zip(others, found[0], strict=True))


@pytest.mark.parametrize("processor", ["AVX-512", "AVX2"])
def test_the_convolutions_of_networks_write_no_columns(processor, monkeypatch):
    """Which routine takes less time is a matter of the processor: these are the two on which it was measured."""
    use(monkeypatch, processor)
    none = (1, 1), ((0, 0), (0, 0))
    x, kernel, v = (1, 20, 12, 12), (50, 20, 5, 5), (1, 50, 8, 8)
    for dtype in map(np.dtype, DTYPES):
        for make, attributes, *shapes in (
            (convolution.conv2d, none, (1, 1, 28, 28), (20, 1, 5, 5)),
            (convolution.conv2d, none, x, kernel),
            (convolution.conv2d_input_grad, ((12, 12), *none), v, kernel),
            (convolution.conv2d_kernel_grad, ((5, 5), *none), x, v),
        ):
            found = make(dtype, attributes, *shapes)
            assert found is not None and not found[0].multiplies


def test_steps_along_rows_and_large_images_are_left_to_products():
    float32 = np.dtype("float32")
    for make in (direct.forward, direct_input.input_gradient):
        assert make(windows_of(1, (9, 9), (3, 3), (1, 2), ((0, 0), (0, 0))), 4, float32) is None
        assert make(windows_of(64, (199, 199), (3, 3), (1, 1), ((0, 0), (0, 0))), 8, float32) is None


@pytest.mark.parametrize("most", [1, 2, 4, 8, 16])
def test_rows_are_covered_by_vectors(most):
    for length in range(1, 70):
        apart, over = vectors.exact(length, most), vectors.overlapping(length, most)
        assert [k for start, lanes in apart for k in range(start, start + lanes)] == [*range(length)]
        assert {k for start, lanes in over for k in range(start, start + lanes)} == {*range(length)}
        assert len(over) <= len(apart) and all(lanes <= most for _, lanes in [*apart, *over])

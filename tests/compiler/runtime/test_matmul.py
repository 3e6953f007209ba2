"""Matrix products by BLAS, held against products in a wider type and against plain loops."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphc.compiler.engine import blas, gemm_partition, thread_pool
from graphc.compiler.runtime import matmul
from tests.counts import examples

LENGTHS = st.sampled_from([0, 1, 2, 3, 5, 8, 17])
LAYOUTS = st.sampled_from(["rows", "permuted", "spaced", "part", "reversed", "broadcast"])


def laid_out(rng, shape, dtype, layout):
    """An array of random numbers that lies in memory in some way."""
    if layout == "permuted":
        places = rng.permutation(len(shape))
        return rng.normal(size=[shape[k] for k in places]).astype(dtype).transpose(np.argsort(places))
    if layout == "spaced":
        return rng.normal(size=[2 * n for n in shape]).astype(dtype)[tuple(slice(0, 2 * n, 2) for n in shape)]
    if layout == "part":
        return rng.normal(size=[n + 3 for n in shape]).astype(dtype)[tuple(slice(1, 1 + n) for n in shape)]
    x = rng.normal(size=shape).astype(dtype)
    if layout == "reversed":
        return x[(slice(None, None, -1),) * len(shape)]
    if layout == "broadcast":
        one = tuple(slice(0, 1) if n and rng.random() < 0.5 else slice(None) for n in shape)
        return np.broadcast_to(x[one], shape)
    return x


def held_against_a_wider_product(out, a, b):
    """Within the bound of any order of summation: (k + 1)·ε·|a|·|b|, Higham, Accuracy and Stability, 3.5."""
    wide = np.longdouble if out.dtype == np.float64 and np.finfo(np.longdouble).eps < 1e-18 else np.float64
    exact = np.matmul(a.astype(wide), b.astype(wide))
    bound = np.matmul(abs(a).astype(wide), abs(b).astype(wide)) * np.finfo(out.dtype).eps * (a.shape[-1] + 2)
    assert np.all(abs(out - exact) <= bound)


@settings(deadline=None, max_examples=examples(75))
@given(
    m=LENGTHS, k=LENGTHS, n=LENGTHS, batch=st.lists(st.integers(0, 3), max_size=2), ones=st.integers(0, 15),
    shorter=st.integers(0, 2), vectors=st.sampled_from(["", "", "", "a", "b", "ab"]), how=st.tuples(LAYOUTS, LAYOUTS, LAYOUTS),
    dtype=st.sampled_from(["float32", "float64"]), seed=st.integers(0, 100),
)  # fmt: skip
def test_any_layout(m, k, n, batch, ones, shorter, vectors, how, dtype, seed):
    rng = np.random.default_rng(seed)
    left = [1 if ones >> place & 1 else extent for place, extent in enumerate(batch)][shorter:]
    right = [1 if ones >> (place + 2) & 1 else extent for place, extent in enumerate(batch)]
    a = laid_out(rng, (k,) if "a" in vectors else (*left, m, k), dtype, how[0])
    b = laid_out(rng, (k,) if "b" in vectors else (*right, k, n), dtype, how[1])
    exact = np.matmul(a, b)
    out = laid_out(rng, exact.shape, dtype, how[2] if how[2] != "broadcast" else "rows")
    out = np.asarray(out)
    out[...] = np.nan  # what was there before is not read
    matmul.multiply(out, a, b)
    held_against_a_wider_product(out, a, b)


def test_plain_loops():
    rng = np.random.default_rng(1)
    a, b = rng.integers(-9, 9, (4, 5)).astype(float), rng.integers(-9, 9, (5, 3)).astype(float)
    out = np.empty((4, 3))
    matmul.multiply(out, a, b)
    for i in range(4):
        for j in range(3):
            assert out[i, j] == sum(a[i, p] * b[p, j] for p in range(5))


CUT = [
    ((64, 1000), (1000, 100), "k"), ((1000, 64), (64, 100), "m"), ((40, 400), (400, 3000), "n"),
    ((30, 300, 40), (30, 40, 50), "batch"), ((600, 3000), (3000,), "m"), ((40_000,), (40_000, 50), "k"),
    ((1, 900_000), (900_000, 1), "k"), ((3, 400, 70), (70, 90), "m"),
]  # fmt: skip


@pytest.mark.sample(3)
@pytest.mark.parametrize("a_shape, b_shape, axis", CUT)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pieces_are_the_same_on_any_number_of_threads(a_shape, b_shape, axis, dtype, monkeypatch):
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=a_shape).astype(dtype), rng.normal(size=b_shape).astype(dtype)
    monkeypatch.setattr(thread_pool, "WORTH", 1e4)
    monkeypatch.setattr(gemm_partition, "PIECE", 5e3)
    gemm_partition.plan_of.cache_clear()
    try:
        shape = np.matmul(a, b).shape
        outs = [np.empty(shape, dtype) for _ in range(4)]
        plan = gemm_partition.plan_of(
            outs[0].dtype, shape, outs[0].strides, a.shape, a.strides, b.shape, b.strides
        )
        assert plan.cut is not None and plan.cut.pieces > 1
        place = plan.cut.axis - len(plan.run.extents)
        own = "mnk" if len(plan.fixed) == 8 and plan.nest is blas.nest("gemm") else "mk"
        assert (own[place] if -place <= len(own) else "batch") == axis
        matmul.multiply(outs[0], a, b, parallel=False)
        for out, count in zip(outs[1:], (1, 2, 5), strict=True):
            monkeypatch.setattr(thread_pool, "_chosen", count)
            matmul.multiply(out, a, b, parallel=True)
            assert np.array_equal(out, outs[0])
        held_against_a_wider_product(outs[0], a, b)
    finally:
        gemm_partition.plan_of.cache_clear()


def test_partial_sums_into_a_result_that_lies_by_columns(monkeypatch):
    monkeypatch.setattr(thread_pool, "WORTH", 1e4)
    monkeypatch.setattr(gemm_partition, "PIECE", 5e3)
    gemm_partition.plan_of.cache_clear()
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(20, 9000)), rng.normal(size=(9000, 30))
    for out in (np.empty((30, 20)).T, np.empty((20, 64))[:, 3:33], np.empty((30, 64))[:, 3:23].T):
        matmul.multiply(out, a, b)
        held_against_a_wider_product(out, a, b)
    gemm_partition.plan_of.cache_clear()


@pytest.mark.parametrize("dtype", ["int64", "bool", "int32"])
def test_what_blas_has_not(dtype):
    rng = np.random.default_rng(4)
    a, b = rng.integers(0, 2, (3, 4)).astype(dtype), rng.integers(0, 2, (4, 2)).astype(dtype)
    out = np.empty((3, 2), dtype)
    matmul.multiply(out, a, b)
    assert np.array_equal(out, a @ b)


def test_special_values_reach_the_result():
    a = np.array([[np.nan, 1.0], [np.inf, 2.0], [0.0, 3.0]])
    b = np.array([[1.0, 0.0], [1.0, 1.0]])
    out = np.full((3, 2), np.nan)
    matmul.multiply(out, a, b)
    assert (
        np.isnan(out[0]).all() and out[1, 0] == np.inf and np.isnan(out[1, 1]) and out[2].tolist() == [3, 3]
    )
    empty = np.full((3, 2), np.nan)
    matmul.multiply(empty, np.empty((3, 0)), np.empty((0, 2)))
    assert not empty.any()


def counts():
    return [count() for count, _ in blas.thread_counts()]


def limit(number):
    for _, say in blas.thread_counts():
        say(number)


def test_blas_has_one_thread_meanwhile_and_what_it_had_afterwards():
    before = counts()
    limit(2)
    inside = threading.Event()
    leave = threading.Event()

    def work():
        with blas.alone:
            inside.set()
            leave.wait(60)

    other = threading.Thread(target=work)
    try:
        with blas.alone:
            assert set(counts()) <= {1}
            with blas.alone:
                assert set(counts()) <= {1}
            assert set(counts()) <= {1}
        assert set(counts()) <= {2}
        other.start()
        assert inside.wait(60)
        assert set(counts()) <= {1}  # said by another thread than the first
        with pytest.raises(ZeroDivisionError), blas.alone:
            1 / 0
        assert set(counts()) <= {1}
        leave.set()
        other.join()
        assert set(counts()) <= {2}
    finally:
        leave.set()
        for (_, say), number in zip(blas.thread_counts(), before, strict=True):
            say(number)


def test_many_python_threads_at_once():
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=(300, 200)), rng.normal(size=(200, 250))
    expected = np.empty((300, 250))
    matmul.multiply(expected, a, b)
    wrong = []

    def work():
        out = np.empty((300, 250))
        for _ in range(20):
            out.fill(np.nan)
            matmul.multiply(out, a, b)
            if not np.array_equal(out, expected):
                wrong.append(out)

    workers = [threading.Thread(target=work) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def test_a_further_call_takes_no_memory(monkeypatch):
    monkeypatch.setattr(thread_pool, "_chosen", 2)
    rng = np.random.default_rng(6)
    a, b = rng.normal(size=(200, 3000)), rng.normal(size=(3000, 200))
    out = np.empty((200, 200))
    plan = gemm_partition.plan_of(out.dtype, out.shape, out.strides, a.shape, a.strides, b.shape, b.strides)
    assert plan.cut is not None and plan.cut.partial
    for _ in range(3):
        matmul.multiply(out, a, b)
    tracemalloc.start()
    for _ in range(10):
        matmul.multiply(out, a, b)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < out.nbytes  # which the partial sums take many times


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_child_of_a_process_whose_thread_multiplies():
    code = """
import os, signal, threading, time
import numpy as np
from graphc.compiler.engine import blas
from graphc.compiler.runtime import matmul as products
a = np.ones((300, 300))
products.multiply(np.empty((300, 300)), a, a)
for _, limit in blas.thread_counts():
    limit(2)
inside, leave = threading.Event(), threading.Event()
def hold():
    with blas.alone:
        inside.set()
        leave.wait(60)
threading.Thread(target=hold).start()
inside.wait(60)
child = os.fork()
if not child:
    signal.alarm(60)
    out = np.empty((300, 300))
    products.multiply(out, a, a)
    os._exit(0 if out[0, 0] == 300 and {count() for count, _ in blas.thread_counts()} <= {2} else 1)
status = os.waitpid(child, 0)[1]
leave.set()
print(os.waitstatus_to_exitcode(status))
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == "0\n"


def test_the_rest_of_scipy_is_not_imported():
    code = (
        "import sys, numpy as np; from graphc.compiler.runtime import matmul as products\n"
        "products.multiply(np.empty((50, 50)), np.ones((50, 50)), np.ones((50, 50)))\n"
        "print([m for m in sys.modules if m.startswith('scipy.linalg')])\n"
        "import scipy.linalg.cython_blas\n"
        "print(scipy.linalg.cython_blas.__name__, scipy.linalg.blas.ddot([1.0], [2.0]))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[:2] == ["[]", "scipy.linalg.cython_blas 2.0"]

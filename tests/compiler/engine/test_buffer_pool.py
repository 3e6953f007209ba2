"""Memory of results that is used again: never while anybody sees it."""

from __future__ import annotations

import gc
import threading

import numpy as np
import pytest

from graphc.compiler.engine import buffer_pool
from graphc.ir.types import FLOAT32, FLOAT64

N = buffer_pool.LARGE // 8


@pytest.fixture(autouse=True)
def nothing_idle():
    buffer_pool.clear()
    yield
    buffer_pool.clear()


def test_small_arrays_are_numpys_own():
    a = buffer_pool.empty((3, 4), FLOAT32)
    assert a.shape == (3, 4) and a.dtype == np.float32 and a.flags.owndata


def test_memory_comes_back_when_the_last_view_is_gone():
    a = buffer_pool.empty((N, 2), FLOAT64)
    assert a.flags.writeable and a.flags.c_contiguous and a.flags.aligned
    a[...] = 1.0
    address = a.ctypes.data
    part = a[5:10, 1]
    del a
    gc.collect()
    b = buffer_pool.empty((2, N), FLOAT64)
    assert b.ctypes.data != address  # somebody still sees the first
    b[...] = 2.0
    assert np.array_equal(part, np.ones(5))
    del part
    gc.collect()
    c = buffer_pool.empty((2 * N,), FLOAT64)
    assert c.ctypes.data == address
    assert np.all(b == 2.0)


def test_much_smaller_arrays_do_not_take_large_memory():
    a = buffer_pool.empty((10 * N,), FLOAT64)
    address = a.ctypes.data
    del a
    gc.collect()
    assert buffer_pool.empty((N,), FLOAT64).ctypes.data != address


def test_idle_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(buffer_pool, "MOST_IDLE", 3 * buffer_pool.LARGE)
    many = [buffer_pool.empty((N,), FLOAT64) for _ in range(10)]
    del many
    gc.collect()
    buffer_pool.empty((40 * N,), FLOAT64)
    assert sum(block.nbytes for block in buffer_pool._idle) <= 43 * buffer_pool.LARGE


def test_threads_never_share_memory():
    failures = []

    def work(number):
        for k in range(200):
            a = buffer_pool.empty((N,), FLOAT64)
            a[::4096] = number * 1000 + k
            if not np.all(a[::4096] == number * 1000 + k):
                failures.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures

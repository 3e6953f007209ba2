"""The last reference to a function goes while threads are in its code: by name, by a method, by Numba's code, by a callback."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable

import numba
import numpy as np
import pytest
import scipy.integrate

import graphc as g
from graphc.compiler.engine import execution_engine

x, y = g.symbols("x y")
rows = g.symbol("rows", shape=("n", 4))
LONG = np.linspace(0.0, 1.0, 200_000)


def _by_numbas_code(k: int) -> Callable[[], bool]:
    f = g.compile(x * y + k, [x, y], cache=False)

    @numba.njit(nogil=True)
    def total(n: int) -> float:
        result = 0.0
        for i in range(n):
            result += f(i * 1.0, 2.0)
        return result

    return lambda: total(20_000) == 20_000 * 19_999 + 20_000 * k


def _by_a_method(k: int) -> Callable[[], bool]:
    call = g.compile(x * y + k, [x, y], cache=False).__call__
    return lambda: call(2.0, 3.0) == 6.0 + k and bool((call(LONG, 2.0) == LONG * 2 + k).all())


def _by_a_local_name(k: int) -> Callable[[], bool]:
    box = [g.compile(g.sum(rows * k, axis=1), [rows], cache=False)]
    data = np.ones((20_000, 4))

    def call() -> bool:
        f = box[0]
        box[0] = f.__call__  # what was called goes while it is called
        return bool((f(data) == 4.0 * k).all())

    return call


def _by_scipys_pointer(k: int) -> Callable[[], bool]:
    t = g.symbol("t")
    pointer = g.compile(t * k + 1, [t], cache=False).lowlevel
    return lambda: abs(scipy.integrate.quad(pointer, 0.0, 1.0)[0] - (k / 2 + 1)) < 1e-12


WAYS = (_by_numbas_code, _by_a_method, _by_a_local_name, _by_scipys_pointer)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__.strip("_"))
def test_code_stays_while_it_runs(way: Callable[[int], Callable[[], bool]]):
    calls = [way(k) for k in (1, 2)]
    assert all(call() for call in calls)  # compiled by Numba, where it is
    gc.collect()
    stop, wrong, began = threading.Event(), [], threading.Barrier(3)

    def run(call: Callable[[], bool]) -> None:
        began.wait(60)
        while not stop.is_set():
            if not call():
                wrong.append("differs")
                return

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    del calls
    for thread in threads:
        thread.start()
    began.wait(60)
    for k in range(8):  # other code comes and goes, where that of freed functions was
        assert way(10 + k)()
        gc.collect()
        execution_engine.sweep()
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong

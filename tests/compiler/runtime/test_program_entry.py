"""Calls of programs over small arrays that machine code takes, held against the Python path and NumPy.

The first call with some shapes takes the Python path; from the second on machine code serves it.
"""

from __future__ import annotations

import gc
import itertools
import pickle
import sys
import threading
from collections import namedtuple

import numpy as np
import pytest

import graphc as g
from graphc.compiler.engine import guard_words
from graphc.compiler.engine.vectorcall import way_of
from graphc.compiler.runtime.array_function import ArrayFunction
from graphc.compiler.runtime.fastcall import program_entry
from tests.fuzz.array_programs import program

pytestmark = pytest.mark.skipif(
    guard_words.wanted(), reason="under the memory check every call takes the Python path"
)


def is_served(f) -> bool:
    """Whether machine code takes calls of a function."""
    return type(way_of(f)[0]).__name__ == "builtin_function_or_method"


LAYOUTS = {
    "rows": lambda v: v.copy(),
    "columns": np.asfortranarray,
    "every second": lambda v: np.repeat(v, 2, axis=-1)[..., ::2],
    "reversed": lambda v: np.ascontiguousarray(v[..., ::-1])[..., ::-1],
    "one for all": lambda v: np.broadcast_to(v[..., :1], v.shape),
    "slabs": lambda v: np.repeat(v, 3, axis=0)[::3],
    "turned": lambda v: np.ascontiguousarray(v[::-1])[::-1],
    "read-only": lambda v: np.broadcast_to(v, v.shape),
}


def test_arguments_of_any_layout_and_type():
    A = g.symbol("A", shape=(3, 4))
    B = g.symbol("B", shape=(4, 3), dtype="float32")
    k = g.symbol("k", shape=4, dtype="int8")
    s = g.symbol("s")
    f = g.compile([A * s + B.T * k, g.sum(A * A, axis=1), g.max(B), k * k], [A, B, k, s], cache=False)
    rng = np.random.default_rng(0)
    for number, chosen in enumerate(itertools.product(LAYOUTS, repeat=3)):
        a, b, c = rng.random((3, 4)), rng.random((4, 3)).astype("f4"), rng.integers(-9, 9, 4).astype("i1")
        a, b, c = [LAYOUTS[layout](v) for layout, v in zip(chosen, (a, b, c), strict=True)]
        scale = (2.5, 3, np.float64(0.5), np.asarray(-1.5))[number % 4]
        results = f(a, b, c, scale)
        assert np.array_equal(results[0], a * float(scale) + b.T * c), chosen
        np.testing.assert_allclose(results[1], (a * a).sum(axis=1), rtol=1e-15 * 4)
        assert results[2] == b.max() and type(results[2]) is float
        assert np.array_equal(results[3], c * c) and results[3].dtype == np.int8
    assert is_served(f)


def _random_programs(seeds):
    """Over all operations: results are the same to the bit, call after call, and arguments stay what they were."""
    served = 0
    for seed in seeds:
        one = program(seed)
        symbols = [member.expr for member in one.inputs.values()]
        for member in one.outputs:
            try:
                f = g.compile(member.expr, symbols, cache=False)
                if not isinstance(f, ArrayFunction):
                    continue
                for later in (False, True):
                    arguments = [*one.arguments(np.random.default_rng(seed), later).values()]
                    before = [np.array(value) for value in arguments]
                    expected = f.call(*arguments)
                    for _ in range(3):
                        results = f(*arguments)
                        assert type(results) is type(expected)
                        np.testing.assert_array_equal(results, expected)
                    for old, new in zip(before, arguments, strict=True):
                        np.testing.assert_array_equal(old, new)
            except g.GraphcError:
                continue  # an index out of range at these values
            served += is_served(f)
    return served


def test_random_programs_agree_with_the_python_path():
    assert _random_programs(range(400, 410)) > 3


@pytest.mark.slow
def test_many_random_programs_agree_with_the_python_path():
    assert _random_programs(range(1000, 1030)) > 30


def rosenbrock(n):
    x = g.symbol("x", shape=n)
    loss = g.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)
    return x, loss


def by_hand(x):
    left, right = x[:-1], x[1:]
    value = float(np.sum(100 * (right - left**2) ** 2 + (1 - left) ** 2))
    slope = np.zeros_like(x)
    slope[:-1] = -400 * left * (right - left**2) - 2 * (1 - left)
    slope[1:] += 200 * (right - left**2)
    return value, slope


def test_lengths_that_alternate():
    x, loss = rosenbrock(("n",))
    f = g.compile((loss, g.grad(loss, x)), [x], cache=False)
    rng = np.random.default_rng(1)
    for n in [*range(2, 2 + program_entry.MOST_RECORDS + 5), 3, 40, 2, 17, 5, 3]:
        for _ in range(2):
            at = rng.random(n)
            value, slope = f(at)
            expected = by_hand(at)
            assert abs(value - expected[0]) <= 1e-13 * abs(expected[0])
            np.testing.assert_allclose(slope, expected[1], rtol=1e-12, atol=1e-12)
    assert is_served(f)


def test_out_is_written_and_returned():
    x, loss = rosenbrock(5)
    f = g.compile(g.grad(loss, x), [x], cache=False)
    both = g.compile((g.grad(loss, x), x * 2), [x], cache=False)
    at = np.array([0.5, 0.3, 0.2, -1.0, 2.0])
    expected = by_hand(at)[1]
    f(at), both(at)
    out = np.empty(5)
    count = sys.getrefcount(out)
    for _ in range(100):
        assert f(at, out=out) is out
    np.testing.assert_allclose(out, expected, rtol=1e-14)
    assert sys.getrefcount(out) == count
    pair = np.empty(5), np.empty(5)
    results = both(at, out=pair)
    assert results[0] is pair[0] and results[1] is pair[1]
    np.testing.assert_array_equal(pair[1], at * 2)


def test_out_that_shares_memory_takes_the_python_path():
    x, loss = rosenbrock(5)
    f = g.compile(g.grad(loss, x), [x], cache=False)
    both = g.compile((g.grad(loss, x), x * 2), [x], cache=False)
    at = np.array([0.5, 0.3, 0.2, -1.0, 2.0])
    expected = by_hand(at)[1]
    f(at), both(at)
    for start in range(-4, 5):  # every way in which two rows of five can overlap
        memory = np.full(14, 7.0)
        given, out = memory[4:9], memory[4 + start : 9 + start]
        given[:] = at
        f(given, out=out)
        np.testing.assert_allclose(out, expected, rtol=1e-14)
    strided = np.zeros(10)[::2]
    np.testing.assert_allclose(f(at, out=strided), expected, rtol=1e-14)
    memory = np.zeros(10)
    with pytest.raises(g.GraphcError, match="share"):
        both(at, out=(memory[:5], memory[3:8]))


@pytest.mark.parametrize(
    "out", [np.empty(4), np.empty((5, 1)), np.empty(5, "f4"), "out", None, (np.empty(5),) * 2]
)
def test_out_that_does_not_fit_is_refused_as_before(out):
    x, loss = rosenbrock(5)
    f = g.compile(g.grad(loss, x), [x], cache=False)
    at = np.arange(5.0)
    f(at)
    if out is None:
        assert f(at, out=None).shape == (5,)
        return
    messages = []
    for call in (f.call, f):
        with pytest.raises(g.GraphcError) as caught:
            call(at, out=out)
        messages.append(caught.value.args[0])
    assert messages[0] == messages[1]


def test_read_only_out_is_refused():
    x, loss = rosenbrock(5)
    f = g.compile(g.grad(loss, x), [x], cache=False)
    f(np.arange(5.0))
    out = np.empty(5)
    out.flags.writeable = False
    with pytest.raises(g.GraphcError, match="read-only"):
        f(np.arange(5.0), out=out)


class Sub(np.ndarray):
    pass


@pytest.mark.parametrize(
    "argument",
    [
        np.zeros(4),
        np.zeros((5, 1)),
        np.zeros(5, complex),
        np.ma.masked_array(np.zeros(5), True),
        "x",
        None,
        1.0,
        object(),
    ],
)
def test_what_does_not_fit_is_refused_as_before(argument):
    x, loss = rosenbrock(5)
    f = g.compile((loss, g.grad(loss, x)), [x], cache=False)
    f(np.zeros(5))
    assert is_served(f)
    messages = []
    for call in (f.call, f):
        with pytest.raises(g.GraphcError) as caught:
            call(argument)
        messages.append(caught.value.args[0])
    assert messages[0] == messages[1]
    for arguments in ((), (np.zeros(5), np.zeros(5))):
        with pytest.raises(g.GraphcError):
            f(*arguments)


@pytest.mark.parametrize(
    "turn", [list, Sub.__new__, lambda v: v.astype("f4"), lambda v: v.astype(">f8"), lambda v: v.astype(int)]
)
def test_other_arguments_take_the_python_path(turn):
    x, loss = rosenbrock(5)
    f = g.compile((loss, g.grad(loss, x)), [x], cache=False)
    at = np.array([1.0, 2.0, -1.0, 0.0, 3.0])
    given = at.view(Sub) if turn is Sub.__new__ else turn(at)
    expected = by_hand(at)
    for _ in range(2):
        value, slope = f(given)
        assert value == expected[0]
        np.testing.assert_array_equal(slope, expected[1])
    value, slope = f(x=at)
    np.testing.assert_array_equal(slope, expected[1])


Pair = namedtuple("Pair", "value slope")


@pytest.mark.parametrize(
    "structure",
    [
        lambda a, b: (a, b), lambda a, b: [a, b], lambda a, b: {"value": a, "slope": b}, lambda a, b: Pair(a, b), lambda a, b: a,
        lambda a, b: b, lambda a, b: ([a], (b, [a, b])), lambda a, b: [{"k": (a,)}, b],
    ],
)  # fmt: skip
def test_results_come_back_in_their_structure(structure):
    x, loss = rosenbrock(5)
    f = g.compile(structure(loss, g.grad(loss, x)), [x], cache=False)
    at = np.linspace(-1, 1, 5)
    expected = f.call(at)
    for _ in range(3):
        result = f(at)
        assert repr(result) == repr(expected) and type(result) is type(expected)


def test_functions_of_single_precision_and_of_whole_numbers():
    x = g.symbol("x", shape=4, dtype="float32")
    n = g.symbol("n", shape=4, dtype="int64")
    at, whole = np.array([1.5, -2.0, 0.25, 8.0], "f4"), np.array([3, -1, 7, 2])
    total = g.compile(g.sum(x * x), [x], cache=False)
    count = g.compile((g.sum(n), n + 1), [n], cache=False)
    truth = g.compile((x > 0, g.max(x)), [x], cache=False)
    for _ in range(3):
        assert total(at) == float(np.sum(at * at))
        result = count(whole)
        assert result[0] == 11 and type(result[0]) is int
        np.testing.assert_array_equal(result[1], whole + 1)
        signs, largest = truth(at)
        assert signs.dtype == bool and signs.tolist() == [True, False, True, True] and largest == 8.0


def test_threads_call_one_function():
    """Also while others are in it: what takes longer lets them run."""
    x, loss = rosenbrock(("n",))
    f = g.compile((loss, g.grad(loss, x)), [x], cache=False, parallel=False)
    rng = np.random.default_rng(2)
    points = [rng.random(n) for n in (3, 50, 12_000, 12_001)]
    expected = [by_hand(at) for at in points]
    wrong = []

    def work(first):
        for k in range(60):
            which = (first + k) % len(points)
            value, slope = f(points[which])
            good = abs(value - expected[which][0]) <= 1e-12 * expected[which][0]
            if not good or not np.allclose(slope, expected[which][1], rtol=1e-12, atol=1e-9):
                wrong.append(which)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_calls_leak_nothing():
    x, loss = rosenbrock(5)
    f = g.compile((loss, g.grad(loss, x)), [x], cache=False)
    at = np.arange(5.0)
    f(at), f(at)
    dtype, count = at.dtype, sys.getrefcount(at)
    gc.collect()
    before = sys.getallocatedblocks()
    types = sys.getrefcount(dtype)
    for _ in range(2000):
        f(at)
        f(at[::1])
    assert sys.getrefcount(at) == count
    assert abs(sys.getrefcount(dtype) - types) < 50
    assert sys.getallocatedblocks() - before < 500


def test_results_live_longer_than_the_function():
    x, loss = rosenbrock(5)
    f = g.compile((loss, g.grad(loss, x)), [x], cache=False)
    at = np.arange(5.0)
    f(at)
    value, slope = f(at)
    call = f.__call__
    del f
    gc.collect()
    np.testing.assert_array_equal(slope, by_hand(at)[1])
    assert call(at)[0] == value


def test_a_pickled_function_is_served_again():
    x, loss = rosenbrock(5)
    f = g.compile((loss, g.grad(loss, x)), [x], cache=False)
    f(np.arange(5.0))
    again = pickle.loads(pickle.dumps(f))
    for _ in range(2):
        np.testing.assert_array_equal(again(np.arange(5.0))[1], f(np.arange(5.0))[1])
    assert is_served(again)


def test_an_argument_named_out():
    out = g.symbol("out", shape=3)
    f = g.compile(g.sum(out * out), [out], cache=False)
    for _ in range(2):
        assert f(np.arange(3.0)) == 5.0 and f(out=np.arange(3.0)) == 5.0

"""Array loops: any shapes, strides and memory orders against NumPy, `out=`, threads, forks."""

from __future__ import annotations

import gc
import os
import random
import re
import sys
import threading
import tracemalloc
import weakref
from pathlib import Path

import numpy as np
import pytest

import graphc as g
from graphc.compiler.engine import loop_layout, numpy_layout, thread_pool
from graphc.compiler.targets.llvm.kernels import elementwise_loops
from graphc.errors import InputError

X, Y, Z = g.symbols("x y z")


@pytest.fixture(scope="module")
def fma():
    """x·y + z: exact to the bit in NumPy too."""
    return g.compile(X * Y + Z, [X, Y, Z], parallel=False)


@pytest.fixture
def number_of_threads():
    """Tests that change the number leave it as it was."""
    before = thread_pool._chosen
    yield
    thread_pool._chosen = before


def array(rng: random.Random, shape: tuple[int, ...], dtype: str = "f8") -> np.ndarray:
    """An array of a shape, or of one that broadcasts to it, its dimensions in any order, stepped through in any direction."""
    shape = tuple(1 if rng.random() < 0.15 else length for length in shape[rng.choice((0, 0, 0, 1)) :])
    order = list(range(len(shape)))
    if rng.random() < 0.5:
        rng.shuffle(order)
    steps = [rng.choice((1, 1, 1, -1, 2, -2)) for _ in order]
    whole = np.array(
        [rng.uniform(-9, 9) for _ in range(int(np.prod([2 * shape[axis] for axis in order])))], dtype=dtype
    ).reshape([2 * shape[axis] for axis in order])
    part = whole[
        tuple(
            slice(None, None, step) if abs(step) == 2 else slice(shape[axis])
            for axis, step in zip(order, steps, strict=True)
        )
    ]
    part = part[tuple(slice(None, None, -1 if step == -1 else 1) for step in steps)]
    return part.transpose([order.index(axis) for axis in range(len(shape))])


def shapes(rng: random.Random) -> tuple[int, ...]:
    return tuple(rng.choice((0, 1, 2, 3, 5, 9)) for _ in range(rng.randint(0, 4)))


@pytest.mark.sample(3)
@pytest.mark.parametrize("seed", range(150))
def test_any_shapes_and_strides_against_numpy(fma, seed):
    rng = random.Random(seed)
    shape = shapes(rng)
    x, y, z = (array(rng, shape, rng.choice(("f8", "f8", "f8", ">f8", "f4"))) for _ in range(3))
    expected = x.astype("f8") * y.astype("f8") + z.astype("f8")
    result = np.asarray(fma(x, y, z))
    assert result.shape == expected.shape and np.array_equal(result, expected)


@pytest.mark.sample(3)
@pytest.mark.parametrize("seed", range(150))
def test_results_have_numpys_order_in_memory(seed):
    rng = random.Random(seed)
    f = g.compile(X + Y, [X, Y])
    shape = tuple(rng.choice((1, 2, 3, 5)) for _ in range(rng.randint(1, 4)))
    x, y = array(rng, shape), array(rng, shape)
    ours, theirs = np.asarray(f(x, y)), np.add(x, y)
    assert np.array_equal(ours, theirs)
    long = [axis for axis, length in enumerate(theirs.shape) if length > 1]
    assert [ours.strides[axis] for axis in long] == [theirs.strides[axis] for axis in long]


@pytest.mark.parametrize("shape", [(1000, 3), (3, 1000), (700, 300), (5, 2000, 2), (2, 3, 1037)])
@pytest.mark.parametrize("large", [1, loop_layout.LARGE])
def test_dimensions_in_blocks(shape, large, monkeypatch):
    monkeypatch.setattr(loop_layout, "LARGE", large)
    fma = g.compile(X * Y + Z, [X, Y, Z])  # which has made no plans yet
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=shape), rng.normal(size=shape[::-1]).T
    row = rng.normal(size=shape[-1])
    assert np.array_equal(fma(x, y, row), x * y + row)
    assert np.array_equal(fma(x, row, np.asfortranarray(y)), x * row + y)


@pytest.mark.parametrize("seed", range(60))
def test_every_element_is_walked_over_once(seed, monkeypatch):
    """The offsets that the runs of a loop reach, by plain counting."""
    monkeypatch.setattr(loop_layout, "LARGE", 1)
    rng = random.Random(seed)
    shape = (rng.choice((1, 3, 7, 600, 1200)), rng.choice((1, 2, 7)), rng.randint(1, 5))[rng.randint(0, 2) :]
    operands = [array(rng, shape) for _ in range(2)]
    full = np.broadcast_shapes(*[operand.shape for operand in operands])
    operands.append(loop_layout.empty(full, np.dtype("f8"), list(range(len(full)))[::-1]))
    strides = [loop_layout.strides_over(operand, len(full)) for operand in operands]
    reached = []
    for run in loop_layout.runs(full, strides, 1):
        places = np.zeros((*run.extents, len(operands)), dtype=np.int64) + np.array(run.offsets)
        for axis, row in enumerate(run.rows):
            steps = np.arange(run.extents[axis]).reshape(
                [-1 if a == axis else 1 for a in range(len(run.extents))]
            )
            places += steps[..., None] * np.array(row)
        reached.append(places.reshape(-1, len(operands)))
    expected = np.zeros((*full, len(operands)), dtype=np.int64)
    for axis, length in enumerate(full):
        steps = np.arange(length).reshape([-1 if a == axis else 1 for a in range(len(full))])
        expected += steps[..., None] * np.array([s[axis] for s in strides])
    assert sorted(map(tuple, np.concatenate(reached))) == sorted(
        map(tuple, expected.reshape(-1, len(operands)))
    )


# --- out= --------------------------------------------------------------------------------------------------------------


def test_out_allocates_nothing(fma):
    x, out = np.ones(100_000), np.empty(100_000)
    fma(x, x, 2.0, out=out)
    peaks = []
    for _ in range(5):  # what else happens to run in the process, a collection or a thread, allocates too
        tracemalloc.start()
        fma(x, x, 2.0, out=out)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert min(peaks) < 20_000  # bytes, of 800,000 in an operand


def test_a_result_is_all_that_is_allocated(fma):
    x = np.ones(100_000)
    fma(x, x, x)
    peaks = []
    for _ in range(5):  # what else happens to run in the process, a collection or a thread, allocates too
        tracemalloc.start()
        fma(x, x[::-1], x[:1])
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert 800_000 <= min(peaks) < 820_000


@pytest.mark.parametrize("parallel", [True, False])
def test_results_written_over_the_inputs(parallel):
    """In place, shifted, reversed, interleaved: as if everything was read before anything is written."""
    f = g.compile([X * Y + Z, X - Y, Z * 2], [X, Y, Z], parallel=parallel)
    rng = np.random.default_rng(0)
    start = rng.normal(size=4000)
    for x, y, out in [
        (np.s_[:1000], np.s_[1000:2000], np.s_[:1000]),
        (np.s_[:1000], np.s_[1000:2000], np.s_[1000:2000]),
        (np.s_[:1000], np.s_[:1000], np.s_[:1000]),
        (np.s_[:1000], np.s_[1000:2000], np.s_[1:1001]),
        (np.s_[:1000], np.s_[1000:2000], np.s_[1999:999:-1]),
        (np.s_[:2000:2], np.s_[1:2000:2], np.s_[:2000:2]),
        (np.s_[:2000:2], np.s_[1:2000:2], np.s_[1:2001:2]),
        (np.s_[999::-1], np.s_[1000:2000], np.s_[:1000]),
    ]:
        for z in (0.5, np.s_[2000:3000], out):
            data = start.copy()
            given = data[x], data[y], z if isinstance(z, float) else data[z]
            expected = (
                given[0] * given[1] + given[2],
                given[0] - given[1],
                np.broadcast_to(given[2] * 2, 1000),
            )
            third = np.empty(1000)
            results = f(*given, out=[data[out], data[3000:], third])
            for result, value in zip(results, expected, strict=True):
                assert np.array_equal(result, value)


# --- threads ------------------------------------------------------------------------------------------------------------


def test_results_do_not_depend_on_the_number_of_threads(number_of_threads):
    names = ("exp", "sin", "tanh", "erf", "log1p", "sqrt")
    f = g.compile([getattr(g, name)(X * Y) / Z for name in names], [X, Y, Z], parallel=True)
    rng = np.random.default_rng(1)
    big = rng.normal(size=(67, 131))
    for x, y, z in [
        (big, big * 2, 0.5),
        (big.T, big[:, :1].T, big[0, :67]),
        (big[::2, ::-1], big[1::2][:, :131].copy()[:33].repeat(2, 0)[:34], 3.0),
        (big.ravel()[::3], 1.0, 2.0),
    ]:
        seen = set()
        for count in (1, 2, 3, 7):
            g.set_num_threads(count)
            with np.errstate(all="ignore"):
                seen.add(b"".join(np.asarray(result).tobytes() for result in f(x, y, z)))
        assert len(seen) == 1


def test_many_python_threads_with_threads_of_their_own(number_of_threads):
    g.set_num_threads(3)
    functions = [g.compile([X * number + Y, X - Y], [X, Y], parallel=True) for number in range(4)]
    x = np.linspace(-1, 1, 5000)
    wrong = []

    def work(number):
        for round_ in range(40):
            factor = (number + round_) % 4
            value, difference = functions[factor](x, float(round_))
            if not (np.array_equal(value, x * factor + round_) and np.array_equal(difference, x - round_)):
                wrong.append((number, round_))

    workers = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def test_an_error_while_a_job_is_posted_leaves_the_pool_usable(number_of_threads, monkeypatch):
    g.set_num_threads(2)
    f = g.compile(X * 2 + Y, [X, Y], parallel=True)
    x, out = np.arange(1000.0), np.zeros(1000)
    assert np.array_equal(again(f, x, 1.0), x * 2 + 1)
    put = thread_pool._Pool.post

    def interrupted(self, job, helpers):
        put(self, job, helpers)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(thread_pool._Pool, "post", interrupted)
        with pytest.raises(KeyboardInterrupt):
            f(x, 1.0, out=out)
        for _ in range(20):  # on the way that allocates the results in machine code
            with pytest.raises(KeyboardInterrupt):
                f(x, 1.0)
    assert np.array_equal(out, x * 2 + 1)  # nobody writes any more
    assert np.array_equal(f(x, 2.0), x * 2 + 2)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_makes_its_own_pool(number_of_threads):
    g.set_num_threads(2)
    f = g.compile(X * 3 + Y, [X, Y], parallel=True)
    x = np.arange(10_000.0)
    assert np.array_equal(f(x, 1.0), x * 3 + 1)
    child = os.fork()
    if child == 0:
        right = np.array_equal(f(x, 2.0), x * 3 + 2) and len(thread_pool._pool.workers) == 1
        os._exit(0 if right else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert np.array_equal(f(x, 3.0), x * 3 + 3)


def test_the_number_of_threads(number_of_threads, monkeypatch):
    thread_pool._chosen = None
    monkeypatch.setenv("GRAPHC_NUM_THREADS", "5")
    assert g.get_num_threads() == 5
    g.set_num_threads(3)
    assert g.get_num_threads() == 3
    thread_pool._chosen = None
    for text in ("0", "-1", "two", "1e9", "99999", "²"):
        monkeypatch.setenv("GRAPHC_NUM_THREADS", text)
        with pytest.raises(InputError, match="GRAPHC_NUM_THREADS"):
            g.get_num_threads()
    monkeypatch.delenv("GRAPHC_NUM_THREADS")
    assert 1 <= g.get_num_threads() <= (os.cpu_count() or 1)
    for number in (0, -1, 1.5, True, "2", 10**6):
        with pytest.raises(InputError, match="whole number"):
            g.set_num_threads(number)


def test_parallel_is_checked():
    with pytest.raises(InputError, match="parallel"):
        g.compile(X, parallel="yes")


@pytest.mark.parametrize("extents", [(1,), (7, 3), (1000,), (2, 100_000), (5000, 2)])
@pytest.mark.parametrize("work", [0.0, 1e5, 1e7, 1e10])
def test_pieces_cover_the_whole(extents, work):
    run = loop_layout.Run(extents, ((0,),) * len(extents), (0,))
    axis, length, pieces = thread_pool.cut(run, work, least=2)
    assert 1 <= pieces <= thread_pool.MAX_PIECES
    assert (pieces - 1) * length < extents[axis] <= pieces * length


# --- arrays of one shape, in machine code ---------------------------------------------------------------------------------


def again(f, *args):
    """The function's answer after calls that have taught it arguments like these."""
    f(*args)
    return f(*args)


@pytest.mark.parametrize("dtype", ["f8", "f4", "i4", "u1"])
@pytest.mark.parametrize("shape", [(1,), (10,), (4, 5), (2, 3, 4)])
def test_contiguous_arrays_of_one_shape(dtype, shape):
    x, y = g.symbol("x", dtype=dtype), g.symbol("y", dtype=dtype)
    f = g.compile((x + y, [x * y, (x > y, [])]), [x, y], rewrite=None)
    a = np.arange(np.prod(shape)).astype(dtype).reshape(shape)
    b = a[..., ::-1].copy()
    for one, other in [
        (a, b),
        (np.asfortranarray(a), np.asfortranarray(b)),
        (a, np.asfortranarray(b)),
        (a, a[..., ::-1]),
    ]:
        total, (product, (greater, empty)) = again(f, one, other)
        assert type(total) is np.ndarray and total.dtype == dtype and greater.dtype == bool and empty == []
        assert total.shape == shape and total.strides == (one + other).strides
        assert np.array_equal(total, one + other) and np.array_equal(product, one * other)
        assert np.array_equal(greater, one > other)
    if dtype[0] == "f":
        for number in (0.1, 1e-40, np.float64(0.5) if dtype == "f8" else 0.5):
            assert np.array_equal(again(f, a, number)[0], a + np.dtype(dtype).type(number))
            assert np.array_equal(again(f, number, b)[1][0], np.dtype(dtype).type(number) * b)


def test_what_machine_code_does_not_take_goes_the_long_way(fma):
    a = np.arange(12.0).reshape(3, 4)
    record = np.zeros(12, dtype=[("flag", "i1"), ("value", "f8")])
    again(fma, a, a, a)
    again(fma, a, 2.0, 3.0)
    for x, y, z in [
        (a, 2, 3),
        (a, a[0], 1.0),
        (a, a.T.copy().T, a),
        (a, a.reshape(4, 3).T, a),
        (a, a.astype("f4"), a.astype(">f8")),
        (a.ravel(), record["value"], 1.0),
        (np.empty((0, 4)), 1.0, 2.0),
        (np.empty((0, 4)),) * 3,
        (a, np.array(2.0), 1.0),
        (a, True, [[1.0]]),
        (a[::2], a[::2], a[::2]),
        (np.ma.masked_array(a), a, a),
        (a.astype(np.float64).view(np.ndarray), np.float32(1.5), 1.0),
    ]:
        for _ in range(2):
            expected = np.asarray(x) * np.asarray(y) + np.asarray(z)
            result = fma(x, y, z)
            assert type(result) is np.ndarray and np.array_equal(result, expected)
    assert fma(2.0, 3.0, 4.0) == 10.0 and fma(np.float64(2.0), 3.0, 4.0) == 10.0
    assert np.array_equal(fma(x=a, y=2.0, z=1.0), a * 2 + 1)
    with pytest.raises(g.GraphcError, match="broadcast"):
        fma(a, a[:2], a)
    with pytest.raises(g.GraphcError, match="no value"):
        fma(a, a)
    with pytest.raises(g.GraphcError, match="text"):
        fma(a, "1", a)


def test_results_in_dicts_and_named_tuples():
    f = g.compile({"sum": X + Y, "rest": [X, Y * 2]}, [X, Y])
    a = np.arange(5.0)
    result = again(f, a, 2.0)
    assert list(result) == ["sum", "rest"] and np.array_equal(result["sum"], a + 2)
    assert np.array_equal(result["rest"][0], a) and np.array_equal(result["rest"][1], np.full(5, 4.0))


def test_no_references_leak():
    f = g.compile((X + Y, [X - Y]), [X, Y])
    a, dtype = np.arange(4.0), np.dtype("f8")
    again(f, a, 2.0)
    gc.collect()
    before = sys.getrefcount(a), sys.getrefcount(dtype)
    results = [f(a, 2.0) for _ in range(1000)]
    assert sys.getrefcount(results[0][0]) == sys.getrefcount([a + 2][0]) + 1
    assert sys.getrefcount(results[0][1][0]) == sys.getrefcount([a + 2][0]) + 1
    del results
    assert sys.getrefcount(a) == before[0]
    assert sys.getrefcount(dtype) - before[1] < 50


def test_a_function_that_has_seen_arrays_is_collected():
    f = g.compile(X * 7 + Y, [X, Y])
    again(f, np.ones(3), 2.0)
    gone = weakref.ref(f)
    del f
    gc.collect()
    assert gone() is None


def test_numpys_own_headers_place_its_functions_and_fields_so():
    text = (Path(np.get_include()) / "numpy" / "__multiarray_api.h").read_text()
    assert re.search(
        rf"define PyArray_NewFromDescr \\\s.*\\\s+PyArray_API\[{numpy_layout.NEW_FROM_DESCR}\]", text
    )
    assert numpy_layout.layout_is_known()


def test_memory_that_is_read_and_written_is_told_to_the_compiler():
    """In place, an input and an output are one operand to LLVM: it must not believe that they are apart."""
    f = g.compile([X * Y, X + Y], [X, Y], parallel=False)
    a, out = np.ones(5), np.empty(5)
    f(a, a, out=[a, out])
    assert list(f._nests.libraries) == ["cAAc"]
    text = elementwise_loops.module(f._kernel, "ccAc")
    notes = {
        line.split("!alias.scope ")[1]
        for line in text.splitlines()
        if "!alias.scope" in line and ("load" in line or "store" in line) and "%address0" in line
    }
    assert len([line for line in text.splitlines() if "%address0," in line]) == 2 and len(notes) == 1


def test_the_caller_waits_for_pieces_that_others_have_begun():
    f = g.compile(X * 5, [X], parallel=True)
    x, out = np.ones(1000), np.zeros(1000)
    f(x, out=out)
    out[:] = 0
    nest = f._nests.nest("cc")
    run = loop_layout.Run((1000,), ((8, 8),), (0, 0))
    job = thread_pool.ParallelLoop(nest.address, run, [x.ctypes.data, out.ctypes.data], 0.0, None, least=4)
    assert job.pieces == 4
    job.words[thread_pool._NEXT] = 1  # somebody has taken the first piece
    caller = threading.Thread(target=thread_pool.run, args=(job, 1))
    caller.start()
    caller.join(0.2)
    assert caller.is_alive() and not out[:256].any()
    job.words[thread_pool._FINISHED] += 1  # and is done with it
    caller.join()
    assert np.array_equal(out[256:], np.full(744, 5.0))


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "int8", "uint8", "bool"])
@pytest.mark.parametrize("shape", [(), (1,), (1, 1), (3,)])
def test_results_written_over_the_arguments_that_they_are_made_of(shape, dtype):
    """Also over arrays of one number, of no axes, and each over the other's."""
    x, y = g.symbols("x y", dtype=dtype)
    f = g.compile([g.minimum(x, y), g.maximum(x, y)], [x, y], cache=False)
    for own in (True, False):
        a, b = np.full(shape, 1).astype(dtype), np.full(shape, 0).astype(dtype)
        least, most = np.minimum(a, b), np.maximum(a, b)
        results = f(a, b, out=(a, b) if own else (b, a))
        assert results[0] is (a if own else b) and np.array_equal(results[0], least)
        assert np.array_equal(results[1], most)
    same = g.compile(g.minimum(x, x), [x], cache=False)
    a = np.full(shape, 1).astype(dtype)
    assert same(a, out=a) is a and np.array_equal(a, np.full(shape, 1).astype(dtype))

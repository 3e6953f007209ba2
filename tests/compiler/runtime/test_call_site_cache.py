"""Calls that machine code takes without Python: held against the Python path and NumPy, to the bit, and tried to be fooled."""

import gc
import sys
import threading
import weakref

import numpy as np
import pytest

import graphc as g
from graphc.compiler.engine import buffer_pool
from graphc.compiler.runtime.fastcall import call_key_ir, call_site_cache
from graphc.compiler.runtime.loop_dispatch import Nests
from graphc.errors import DtypeError, InputError, ShapeError

x, y, z = g.symbols("x y z")
SUM = g.compile((x * y + z, [x - y, z * 2]), [x, y, z], rewrite=None)


def by_hand(a, b, c):
    a, b, c = (np.asarray(operand, float) for operand in np.broadcast_arrays(a, b, c))
    return a * b + c, [a - b, c * 2]


def flat(results):
    return [results[0], *results[1]]


@pytest.fixture
def alone(monkeypatch):
    """Makes the Python path fail from a moment on: what still answers was served by machine code."""

    def forbid():
        def refuse(*_):
            raise AssertionError("the Python path was taken")

        monkeypatch.setattr(Nests, "run", refuse)

    return forbid


BASE = np.random.default_rng(1).normal(size=(8, 8, 8))

LAYOUTS = {
    "a column and a row": (BASE[0, :, :1], BASE[0, 0], 0.5),
    "strided": (BASE[::2, 1::2, 3], BASE[1::2, ::2, 2], BASE[:4, :4, 0]),
    "transposed": (BASE.T, BASE, -1),
    "backwards": (BASE[0, 0, ::-1], BASE[1, 1], BASE[2, ::-1, 0]),
    "of no dimensions": (np.array(2.0), BASE[0], 3),
    "a broadcast view": (np.broadcast_to(BASE[0, 0], (8, 8)), BASE[1], 1.5),
    "one element": (BASE[:1, :1, 0], 2.0, 1),
    "an integer": (BASE[0], 7, 2**53),
    "three dimensions": (BASE, BASE[:, :1], BASE[0, :, 2:3]),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts_are_served_to_the_bit(name, alone):
    operands = LAYOUTS[name]
    f = g.compile((x * y + z, [x - y, z * 2]), [x, y, z], rewrite=None)
    expected = flat(f.call(*operands))
    for _ in range(2):
        f(*operands)
    alone()
    for theirs, ours, again in zip(flat(by_hand(*operands)), expected, flat(f(*operands)), strict=True):
        np.testing.assert_array_equal(ours, theirs, strict=True)
        np.testing.assert_array_equal(again, theirs, strict=True)
        assert again.strides == ours.strides
        assert again.flags.owndata and again.flags.writeable


@pytest.mark.parametrize("name", LAYOUTS)
def test_out_is_served(name, alone):
    operands = LAYOUTS[name]
    shape = np.broadcast_shapes(*(np.shape(o) for o in operands))
    out = (np.empty(shape), [np.empty(shape, order="F"), np.empty((*shape, 2))[..., 1]])
    f = g.compile((x * y + z, [x - y, z * 2]), [x, y, z], rewrite=None)
    for _ in range(3):
        f(*operands, out=out)
    alone()
    for array in flat(out):
        array[...] = np.nan
    result = f(*operands, out=out)
    assert type(result) is tuple and type(result[1]) is list
    for theirs, ours, given in zip(flat(by_hand(*operands)), flat(result), flat(out), strict=True):
        assert ours is given
        np.testing.assert_array_equal(ours, theirs, strict=True)


def test_contiguous_out_is_served_at_any_length(alone):
    f = g.compile((x * y + z, [x - y, z * 2]), [x, y, z], rewrite=None)
    a = np.ones(5)
    f(a, a, a)
    alone()
    for n in (1, 2, 63, 1000):
        a, b, c = np.random.default_rng(n).normal(size=(3, n))
        out = [np.empty(n), np.empty(n), np.empty(n)]  # flat: a list of as many arrays will do
        result = f(a, b, c, out=out)
        for theirs, ours, given in zip(flat(by_hand(a, b, c)), flat(result), out, strict=True):
            assert ours is given
            np.testing.assert_array_equal(ours, theirs)


def test_in_place_is_served(alone):
    f = g.compile([y + z, x * y], [x, y, z], rewrite=None)
    a, b = np.random.default_rng(2).normal(size=(2, 6))
    for number in range(4):
        p, q = a.copy(), b.copy()
        if number == 3:
            alone()
        f(p, q, 0.5, out=[p, q])
        np.testing.assert_array_equal(p, b + 0.5)
        np.testing.assert_array_equal(q, a * b)


def test_the_same_shapes_with_other_overlaps_are_another_call():
    """Buffers of one shape that are apart, the same, or half over each other: each is right, in every order."""
    f = g.compile([x + 2 * y, x * y], [x, y], rewrite=None)
    memory = np.empty(64)
    rng = np.random.default_rng(3)
    starts = [0, 1, 4, 8, 16]
    for _ in range(600):
        memory[:] = rng.normal(size=64)
        a, b, c, d = (memory[s : s + 8] for s in rng.choice(starts, 4))
        expected = [a + 2 * b, a * b]
        if np.may_share_memory(c, d):
            with pytest.raises(InputError, match="share memory"):
                f(a, b, out=[c, d])
        else:
            f(a, b, out=[c, d])
            np.testing.assert_array_equal(c, expected[0])
            np.testing.assert_array_equal(d, expected[1])


def test_random_calls_agree_with_numpy():
    """More layouts than there are places for records, each met several times in random order."""
    rng = np.random.default_rng(4)
    base = rng.normal(size=(6, 7, 8))
    calls = []
    for _ in range(150):
        operands = []
        cut = tuple(slice(0, int(n)) for n in rng.integers(1, 6, 3))
        for _ in range(3):
            axes = rng.permutation(3) if rng.random() < 0.3 else np.arange(3)
            step = tuple(slice(None, None, int(s)) for s in rng.choice([1, 1, -1], 3))
            array = base[cut][step]
            if rng.random() < 0.4:
                array = array[:, :1]
            if rng.random() < 0.2:
                array = array[0]
            operands.append(
                array if len(set(array.shape)) > 1 else array.transpose(axes) if array.ndim == 3 else array
            )
        if rng.random() < 0.3:
            operands[int(rng.integers(3))] = float(rng.normal())
        calls.append(operands)
    for k in rng.integers(0, len(calls), 1500):
        try:
            expected = flat(by_hand(*calls[k]))
        except ValueError:
            with pytest.raises(ShapeError):
                SUM(*calls[k])
            continue
        for theirs, ours in zip(expected, flat(SUM(*calls[k])), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_array_constants_and_declared_shapes_are_served(alone):
    table = np.arange(12.0).reshape(3, 4)
    f = g.compile(x * table + 1, [x])
    m = g.symbol("m", shape=("n", 4))
    v = g.symbol("v", shape=4)
    h = g.compile([m * v, v + 1], [m, v])
    rows, row = np.random.default_rng(5).normal(size=(5, 4)), np.arange(4.0)
    column = np.arange(3.0)[:, None]
    for number in range(4):
        if number == 3:
            alone()
        np.testing.assert_array_equal(f(column), column * table + 1)
        product, more = h(rows, row)
        np.testing.assert_array_equal(product, rows * row)
        np.testing.assert_array_equal(more, row + 1, strict=True)
    with pytest.raises(ShapeError):
        h(rows[:, :3], row)


def test_float32_and_booleans(alone):
    p, q, s = g.symbol("p", dtype="float32"), g.symbol("q", dtype="float32"), g.symbol("s", dtype="bool")
    f = g.compile(g.where(s, p * q, p), [p, q, s], rewrite=None)
    a, b = np.random.default_rng(6).normal(size=(2, 4, 1)).astype("f4")
    c = np.arange(5) % 2 == 0
    for number in range(4):
        if number == 3:
            alone()
        np.testing.assert_array_equal(f(a, b, c), np.where(c, a * b, a), strict=True)
        np.testing.assert_array_equal(f(a, 0.1, c), np.where(c, a * np.float32(0.1), a), strict=True)


def test_what_is_wrong_is_refused_after_it_was_right():
    f = g.compile(x * y, [x, y])
    column, row, out = np.ones((3, 1)), np.ones(4), np.empty((3, 4))
    for _ in range(3):
        f(column, row, out=out)
    out.flags.writeable = False
    with pytest.raises(InputError, match="read-only"):
        f(column, row, out=out)
    with pytest.raises(DtypeError):
        f(column, row, out=np.empty((3, 4), "f4"))
    with pytest.raises(ShapeError):
        f(column, row, out=np.empty((4, 3)))
    with pytest.raises(InputError):
        f(column, row, out=[np.empty((3, 4))] * 2)
    with pytest.raises(InputError):
        f(column, row, into=np.empty((3, 4)))
    with pytest.raises(DtypeError):
        f(column.astype("c16"), row)
    unaligned = np.frombuffer(bytearray(8 * 12 + 1), dtype=np.uint8)[1:].view("f8").reshape(3, 4)
    np.testing.assert_array_equal(f(column, row, out=unaligned), np.ones((3, 4)))
    assert f(column, np.ones(4, "i8")).dtype == np.float64


def test_an_argument_named_out_is_an_argument():
    out = g.symbol("out")
    f = g.compile(x * out, [x, out])
    a = np.ones((2, 1))
    for _ in range(4):
        np.testing.assert_array_equal(f(a, out=np.arange(3.0)), np.ones((2, 3)) * np.arange(3.0))


def test_nothing_is_kept_alive_and_nothing_freed_twice():
    f = g.compile((x * y, [y]), [x, y])
    column, row = np.ones((3, 1)), np.ones(4)
    out = (np.empty((3, 4)), [np.empty((3, 4))])
    operands = (column, row, out[0], out[1][0])
    for _ in range(3):
        f(column, row), f(column, row, out=out)
    before = [sys.getrefcount(array) for array in operands]
    for _ in range(100):
        f(column, row), f(column, row, out=out)
        with pytest.raises(InputError):
            f(column, row, out=(out[0], [out[0]]))
    gc.collect()
    assert [sys.getrefcount(array) for array in operands] == before
    result = f(column, row)[0]
    gone = weakref.ref(result)
    del result
    assert gone() is None


def test_threads_that_replace_each_others_records():
    f = g.compile(x * y + z, [x, y, z], rewrite=None)
    wrong = []

    def work(seed):
        rng = np.random.default_rng(seed)
        for _ in range(400):
            rows, columns = rng.integers(1, 20, 2)
            a, b = rng.normal(size=(rows, 1)), rng.normal(size=columns)
            for _ in range(3):
                if not np.array_equal(f(a, b, 2.0), a * b + 2.0):
                    wrong.append((rows, columns))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_keys_tell_calls_apart():
    a = np.empty((4, 4))
    calls = [
        ([a, a], []), ([a.T, a], []), ([a, a.T], []), ([a[0], a], []), ([a, 1.0], []), ([1.0, a], []), ([a], [a]),
        ([a], [a.copy()]), ([a, a.copy()], [a]), ([a.copy(), a], [a]), ([a, a], [a]), ([a[:, :2], a[:, 2:]], []),
        ([a[:2].T], []), ([np.empty((2, 8))], []),
    ]  # fmt: skip
    found = [tuple(call_site_cache.key(*call) or ()) for call in calls]
    assert len(set(found)) == len(calls)
    assert all(0 <= call_site_cache.place(words) < call_key_ir.PLACES for words in found)


def test_more_dimensions_than_a_key_holds_take_the_python_path():
    inputs = g.symbols(" ".join(f"v{k}" for k in range(9)))
    f = g.compile(sum(inputs[1:], inputs[0]), inputs, rewrite=None)
    arrays = [np.random.default_rng(k).normal(size=(1,) * 20 + (3,)) for k in range(9)]
    assert call_site_cache.key(arrays, []) is None
    for _ in range(3):
        np.testing.assert_array_equal(
            f(*[a[..., ::-1] for a in arrays]), sum(arrays[1:], arrays[0])[..., ::-1]
        )


def test_large_results_take_memory_that_was_given_back(monkeypatch):
    """Never while anybody sees it, in any layout; of arrays that are given nothing is made."""
    monkeypatch.setattr(buffer_pool, "LARGE", 1 << 12)
    buffer_pool.clear()
    f = g.compile([x * y, x + y], [x, y], rewrite=None)
    rng = np.random.default_rng(7)
    kept = []
    for number in range(40):
        a, b = rng.normal(size=(2, 40, 50))
        if number % 3 == 1:
            a, b = a.T, b.T
        if number % 3 == 2:
            b = b[:1]
        product, total = f(a, b)
        assert not np.may_share_memory(product, total)
        assert product.strides == np.multiply(a, b).strides and product.flags.writeable
        if number % 2:
            kept.append((product[3:], total.T, a * b, a + b))
    for product, total, expected, other in kept:
        np.testing.assert_array_equal(product, expected[3:])
        np.testing.assert_array_equal(total.T, other)
    before = {product.ctypes.data for product in f(a, b)}
    gc.collect()
    assert {product.ctypes.data for product in f(a, b)} == before
    out = [np.empty((40, 50)), np.empty((40, 50))]
    monkeypatch.setattr(buffer_pool, "empty", lambda *_: pytest.fail("something was made"))
    for _ in range(3):
        f(rng.normal(size=(40, 50)), 2.0, out=out)
    buffer_pool.clear()

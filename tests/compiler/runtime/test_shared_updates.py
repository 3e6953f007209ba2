"""Arrays that are updated: no two of them may share memory, as no two of `out` may, and nothing is written where they do."""

from __future__ import annotations

import itertools
import pickle

import numpy as np
import pytest

import graphc as g
from graphc.train.step import _interpreted

P, Q, R = (g.symbol(name, shape="n") for name in "pqr")


def step():
    return g.compile(g.sum(P), [P, Q, R], updates={P: P + Q, Q: 2 * P})


def overlapping():
    """Pairs of arrays of one length that have an element in common, in any layout."""
    base = np.arange(24.0)
    yield "the same array", base, base
    yield "two views of one array", base[:], base[:]
    yield "an end and a beginning", base[:13], base[11:]
    yield "one element", base[:8], base[7:15]
    yield "backwards", base[:12], base[11::-1]
    yield "strided and whole", base[::3], base[:8]
    yield "two strides", base[::2], base[:12]
    matrix = base.reshape(4, 6)
    yield "a row and a column", matrix[1, :4], matrix[:, 2]
    yield "a diagonal and a row", np.lib.stride_tricks.as_strided(base, (4,), (7 * 8,)), matrix[0, :4]


@pytest.mark.parametrize("case", list(overlapping()), ids=lambda case: case[0])
def test_arrays_that_share_memory_are_refused_and_left_alone(case):
    _, one, two = case
    for f in (step(), pickle.loads(pickle.dumps(step()))):
        f(np.ones(3), np.ones(3), np.ones(3))
        for first, second in ((one, two), (two, one)):
            other = np.ones(first.shape)
            before = first.copy(), second.copy()
            for call in (lambda: f(first, second, other), lambda: f(r=other, q=second, p=first)):  # noqa: B023
                with pytest.raises(
                    g.errors.InputError, match="'p' and 'q' are updated, and got arrays that share"
                ):
                    call()
            np.testing.assert_array_equal(first, before[0])
            np.testing.assert_array_equal(second, before[1])


def test_arrays_beside_each_other_are_taken():
    f = step()
    for pick in (
        lambda base: (base[:12], base[12:]), lambda base: (base[::2], base[1::2]), lambda base: (base[12:], base[11::-1]),
        lambda base: (base.reshape(4, 6)[:, 1], base.reshape(4, 6)[:, 2]), lambda base: (base[:0], base[:0]),
        lambda base: (base[5:6], base[6:7]),
    ):  # fmt: skip
        for _ in range(3):
            p, q = pick(np.arange(24.0))
            old = p.copy(), q.copy()
            assert f(p, q, np.ones(p.shape)) == old[0].sum()
            np.testing.assert_array_equal(p, old[0] + old[1])
            np.testing.assert_array_equal(q, 2 * old[0])


def test_one_that_is_only_read_may_share_memory():
    f = g.compile(g.sum(R), [P, Q, R], updates={P: P + R, Q: Q - g.flip(R)})
    for pick in (lambda p, q: p, lambda p, q: q[::-1], lambda p, q: p[:]):
        p, q = np.arange(6.0), np.arange(6.0) + 10
        r = pick(p, q)
        old = p.copy(), q.copy(), r.copy()
        assert f(p, q, r) == old[2].sum()
        np.testing.assert_array_equal(p, old[0] + old[2])
        np.testing.assert_array_equal(q, old[1] - old[2][::-1])


def test_calls_that_shared_nothing_before_do_not_hide_one_that_does():
    """Addresses that were free of overlaps are remembered: of the arrays themselves, not of copies that are made of them."""
    f, rng = step(), np.random.default_rng(5)
    for turn in range(60):
        base = rng.normal(size=40)
        p, q = (base[::2], base[1::2]) if turn % 3 else (base[::2], base[::2])
        if turn % 3:
            old = p.copy(), q.copy()
            f(p, q, np.ones(20))
            np.testing.assert_array_equal(p, old[0] + old[1])
        else:
            with pytest.raises(g.errors.InputError, match="share memory"):
                f(p, q, np.ones(20))


def test_many_updated_arrays():
    names = [g.symbol(f"w{k}", shape=3) for k in range(12)]
    f = g.compile(g.sum(names[0]), names, updates={w: w + 1.0 for w in names})
    f(*np.zeros((12, 3)))
    for one, two in itertools.combinations(range(0, 12, 3), 2):
        arrays = list(np.zeros((12, 3)))
        arrays[two] = arrays[one]
        with pytest.raises(g.errors.InputError, match=f"'w{one}' and 'w{two}' are updated"):
            f(*arrays)
        assert not any(array.any() for array in arrays)


def test_scalars_empty_axes_and_other_types():
    a, b = g.symbols("a b")
    f = g.compile(a + b, [a, b], updates={a: a + 1, b: b + 2})
    one = np.array(1.0)
    with pytest.raises(g.errors.InputError, match="share memory"):
        f(one, one)
    E, W = g.symbol("E", shape=("k", 2)), g.symbol("W", shape=3)
    V = g.symbol("V", shape=3)
    h = g.compile(g.sum(E), [E, W, V], updates={W: W + 1.0, V: V + 2.0})
    w = np.zeros(3)
    for rows in (0, 2):
        with pytest.raises(g.errors.InputError, match="'W' and 'V'"):
            h(np.ones((rows, 2)), w, w)
        assert not w.any()


def test_out_and_an_updated_array():
    f = g.compile(P * 2.0, [P], updates={P: P + 1.0})
    for pick in (lambda base: base[:4], lambda base: base[3:7], lambda base: base[3::-1]):
        base = np.arange(8.0)
        with pytest.raises(g.errors.InputError, match="out shares memory with input 'p', which is updated"):
            f(base[:4], out=pick(base))
        np.testing.assert_array_equal(base, np.arange(8.0))
    base = np.arange(8.0)
    f(base[::2], out=base[1::2])
    np.testing.assert_array_equal(base, [1, 0, 3, 4, 5, 8, 7, 12])


def test_the_interpreted_step_of_training_refuses_them_too():
    run = _interpreted([g.sum(P)], [P, Q], {P: P + Q, Q: 2 * P})
    shared = np.arange(3.0)
    with pytest.raises(g.errors.InputError, match="share memory"):
        run(shared, shared)
    np.testing.assert_array_equal(shared, np.arange(3.0))

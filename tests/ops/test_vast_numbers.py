"""Whole numbers beyond what machine code counts: refused, or taken for what they mean; against Python's own integers."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as g
from graphc.errors import ExpressionError, GraphcError, MemoryLimitError, ShapeError
from graphc.ir.types import LONGEST

x = g.symbol("x")
fixed = g.symbol("v", shape=(3,))
named = g.symbol("v", shape=("n",))
ROW = np.array([1.0, 2.0, 3.0])
VAST = [LONGEST + 1, 2**63 - 1, 2**63, 2**64, 2**64 + 1, 10**30]
BOTH = pytest.mark.parametrize("v", [fixed, named], ids=["fixed", "named"])


@BOTH
@pytest.mark.parametrize("shift", [LONGEST, LONGEST - 1, -LONGEST, 10**18, -(10**18) - 1, 7, -7])
def test_shifts(v, shift):
    expected = np.roll(ROW, shift % 3)
    assert g.compile(g.roll(v, shift), [v])(ROW).tolist() == expected.tolist()
    assert g.evaluate(g.roll(v, shift), {v: ROW}).tolist() == expected.tolist()


@pytest.mark.parametrize("end", [*VAST, LONGEST])
def test_slices(end):
    """NumPy takes any number for an end: beyond the axis all are alike."""
    for key in (
        slice(end),
        slice(-end, None),
        slice(None, None, end),
        slice(None, None, -end),
        slice(-end, end, end),
    ):
        expected = ROW[key].tolist()
        assert g.evaluate(fixed[key], {fixed: ROW}).tolist() == expected
        assert g.compile(fixed[key], [fixed])(ROW).tolist() == expected


@pytest.mark.parametrize("end", [*VAST, LONGEST])
def test_slices_of_an_axis_with_a_name(end):
    """An end that is a number says how long the result is, whatever the axis is; steps go beyond it."""
    for key in (slice(end), slice(-end, None)):
        with pytest.raises(ShapeError):
            g.compile(named[key], [named])(ROW)
    for key in (slice(None, None, end), slice(None, None, -end)):
        assert g.compile(named[key], [named])(ROW).tolist() == ROW[key].tolist()


REFUSED = {
    "a shift": lambda n: g.roll(named, n),
    "a shift back": lambda n: g.roll(named, -n),
    "a length": lambda n: g.dim(n),
    "an axis": lambda n: g.symbol("q", shape=(n,)),
    "zeros": lambda n: g.zeros((n,)),
    "a range": lambda n: g.arange(n),
    "a range from": lambda n: g.arange(n, n + 3),
    "a range by": lambda n: g.arange(0, 5, n),
    "copies": lambda n: g.tile(named, (n,)),
    "repeats": lambda n: g.repeat(named, n),
    "padding": lambda n: g.pad(named, n),
    "a diagonal": lambda n: g.diag(fixed, n),
    "steps": lambda n: g.scan(lambda c, _: (c + 1.0, None), x, None, length=n),
    "a loop": lambda n: g.fori_loop(0, n, lambda i, c: c + 1.0, x),
    "a loop from far below": lambda n: g.fori_loop(-n, 1, lambda i, c: c + 1.0, x),
}


@pytest.mark.parametrize("what", REFUSED)
@pytest.mark.parametrize("n", VAST)
def test_refusals(what, n):
    with pytest.raises((ShapeError, ExpressionError, GraphcError)) as caught:
        REFUSED[what](n)
    assert isinstance(caught.value, GraphcError) and caught.value.site is not None


@pytest.mark.parametrize("most", [*VAST, LONGEST])
def test_any_number_of_steps_is_a_bound(most):
    counted = g.while_loop(lambda c: c < 2.0, lambda c: c + 1.0, x, max_steps=most)
    assert g.compile(counted, [x])(0.25) == 2.25 and g.evaluate(counted, {x: 0.25}) == 2.25
    root = g.root(lambda z: z * z - x, 1.0, max_steps=most)
    assert g.compile(root, [x])(4.0) == pytest.approx(2.0, rel=1e-12)


@pytest.mark.parametrize("names", [False, True])
@pytest.mark.parametrize("size", [20, 21, 22])
def test_arrays_whose_bytes_no_word_counts(names, size):
    """Three vectors of a million numbers: their outer product has 2⁶⁰ elements and more."""
    a, b, c = (g.symbol(name, shape=(f"n{name}" if names else 2**size,)) for name in "abc")
    cube = a[:, None, None] * b[None, :, None] * c
    row = np.zeros(2**size)
    for output in (cube, g.sum(g.cumsum(g.reshape(cube, (-1,)))), g.sort(cube)[0, 0, 0]):
        with pytest.raises((MemoryLimitError, ShapeError)):
            g.compile(output, [a, b, c])(row, row, row)


def test_results_larger_than_the_memory():
    wide = np.broadcast_to(1.5, (2**45,))
    with pytest.raises(MemoryLimitError, match="more than there is memory for"):
        g.compile(x * 2, [x])(wide)
    with pytest.raises(MemoryError):
        g.compile(g.full((2**44,), x), [x])(1.0)


@pytest.mark.parametrize("build", [lambda x: x, lambda x: x * 2, lambda x: g.cumsum(x, axis=0)])
def test_the_interpreter_says_that_there_is_no_room(build):
    """NumPy's MemoryError, wherever it comes from: an operation on elements, one on arrays, the copy of a result."""
    x = g.symbol("x")
    wide = g.broadcast_to(x, (10**9, 10**9))
    with pytest.raises(MemoryLimitError, match="Unable to allocate") as caught:
        g.evaluate(build(wide), {"x": 1.0})
    assert caught.value.site is not None and caught.value.hint is not None

"""Long bodies are cut into pieces: the results do not depend on where, to the bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

import graphc as g
from graphc.compiler.targets.llvm.kernels import split_body
from tests.strategies import forests


def bits(results):
    """As bytes; what else a NaN carries is not promised."""
    found = [np.asarray(result) for result in results]
    return [(np.where(np.isnan(x), np.nan, x) if x.dtype.kind == "f" else x).tobytes() for x in found]


@pytest.fixture
def pieces(monkeypatch):
    def of(size):
        monkeypatch.setattr(split_body, "PIECE", size)

    return of


@pytest.mark.parametrize("examples", [3, pytest.param(40, marks=pytest.mark.slow)])
@pytest.mark.parametrize("size", [1, 5])
def test_pieces_of_random_graphs_compute_the_same(pieces, size, examples):
    """Every dtype, outputs that are leaves or given twice, values that wait for several pieces."""

    @settings(max_examples=examples)
    @given(forests(3))
    def check(sample):
        outputs = [*sample.output, *sample.symbols, sample.output[0]]
        with np.errstate(all="ignore"):
            pieces(10**9)
            whole = g.compile(outputs, sample.symbols, rewrite=None, cache=False)(**sample.at)
            pieces(size)
            cut = g.compile(outputs, sample.symbols, rewrite=None, cache=False)(**sample.at)
        assert bits(whole) == bits(cut)

    check()


def test_slots_are_used_again():
    x = g.symbols("x")
    value = x
    for _ in range(100):
        value = value * x + 1.0
    nodes = [node for node in g.Graph(value).exprs if node.operands]
    chunks = [nodes[start : start + 10] for start in range(0, len(nodes), 10)]
    slots, count = split_body._slots(chunks)
    assert count <= 2
    assert len(slots) == len(chunks) - 1  # one value goes from each piece to the next


def test_a_long_body(pieces, monkeypatch):
    """Three thousand operations against plain Python floats, its values waiting on the heap."""
    monkeypatch.setattr(split_body, "LARGEST_FRAME", 64)
    pieces(500)
    x, y = g.symbols("x y")
    rng = np.random.default_rng(0)
    values, numbers = [x, y], [0.75, -1.25]
    for _ in range(3_000):
        i, j = rng.integers(max(0, len(values) - 300), len(values), 2)
        if rng.random() < 0.5:
            values.append((values[i] + values[j]) * 0.5)
            numbers.append((numbers[i] + numbers[j]) * 0.5)
        else:
            values.append(values[i] * 0.9 - values[j] * 0.3)
            numbers.append(numbers[i] * 0.9 - numbers[j] * 0.3)
    outputs = values[::777] + values[-1:]
    f = g.compile(outputs, [x, y], rewrite=None, cache=False)
    assert f(0.75, -1.25) == numbers[::777] + numbers[-1:]
    columns = f(np.full(3, 0.75), -1.25)
    assert [list(column) for column in columns] == [[number] * 3 for number in numbers[::777] + numbers[-1:]]


def test_many_values_that_wait_are_cut_where_no_call_is(monkeypatch):
    """The product of many variables with its gradient: its pieces hold few values at once, and compute the same."""
    xs = g.symbols(" ".join(f"x{k}" for k in range(300)))
    product = xs[0]
    for x in xs[1:]:
        product = product * x
    outputs = list(g.value_and_grad(product, list(xs)))
    dag = g.Graph(outputs, list(xs))
    nodes = [node for node in split_body.order(dag) if node.operands]
    pieces = split_body._cut(nodes)
    assert [node for piece in pieces for node in piece] == nodes and len(pieces) >= 3
    point = [1 + 1e-3 * (k % 7 - 3) for k in range(300)]
    value, gradient = g.compile(outputs, list(xs), rewrite=None, cache=False)(*point)
    monkeypatch.setattr(split_body, "WAITING", 10**9)
    assert len(split_body._cut(nodes)) == 1
    assert g.compile(outputs, list(xs), rewrite=None, cache=False)(*point) == [value, gradient]
    exact = np.prod(np.asarray(point, dtype=np.longdouble))
    np.testing.assert_allclose(gradient, (exact / point).astype(float), rtol=600 * 2.0**-53)


def test_calls_make_no_pieces():
    """What waits across a call waits in memory anyway."""
    x = g.symbols("x")
    values = [x]
    for k in range(600):
        values.append(g.sin(values[-1] + k))
    total = values[0]
    for value in values[1:]:
        total = total + value
    nodes = [node for node in split_body.order(g.Graph(total)) if node.operands]
    assert len(split_body._cut(nodes[:1000])) == 1

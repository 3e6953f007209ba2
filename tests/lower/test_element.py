"""Long bodies are cut into pieces: the results do not depend on where, to the bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

import graphc as g
from graphc.lower import element
from tests.strategies import forests


def bits(results):
    return [np.asarray(result).tobytes() for result in results]


@pytest.fixture
def pieces(monkeypatch):
    def of(size):
        monkeypatch.setattr(element, "PIECE", size)

    return of


@pytest.mark.parametrize("size", [1, 5])
def test_pieces_of_random_graphs_compute_the_same(pieces, size):
    """Every dtype, outputs that are leaves or given twice, values that wait for several pieces."""

    @settings(max_examples=25)
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
    slots, count = element._slots(chunks)
    assert count <= 2
    assert len(slots) == len(chunks) - 1  # one value goes from each piece to the next


def test_a_long_body(pieces, monkeypatch):
    """Ten thousand operations against plain Python floats, its values waiting on the heap."""
    monkeypatch.setattr(element, "LARGEST_FRAME", 64)
    pieces(500)
    x, y = g.symbols("x y")
    rng = np.random.default_rng(0)
    values, numbers = [x, y], [0.75, -1.25]
    for _ in range(10_000):
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

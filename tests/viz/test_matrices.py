"""Matrices on edges and in explanations: every element, its rounding held against NumPy's, and what is too large."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import graphc as g
from graphc.errors import InputError
from graphc.ir.formatting import matrix_cells, show_fixed
from tests.viz.measure import measure

SVG = "{http://www.w3.org/2000/svg}"

A, B = g.symbol("A", shape=(2, 3)), g.symbol("B", shape=(3, 2))
AT = {"A": [[1, -2, 0.5], [10, 0, 0.25]], "B": [[1, 0], [0, 1], [2, -2]]}

ONE = {"A": AT["A"]}


def texts(diagram) -> list[str]:
    return ["".join(text.itertext()) for text in ET.fromstring(diagram.svg().encode()).iter(f"{SVG}text")]


def as_number(text: str) -> float:
    raised = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
    return float(re.sub("×10(.*)", lambda match: f"e{match[1].translate(raised)}", text.replace("−", "-")))


def test_every_element_of_a_matrix_is_drawn():
    shown = texts(g.draw(g.sum(A @ B), AT))
    for value in (np.array(AT["A"]), np.array(AT["B"]), np.array(AT["A"]) @ np.array(AT["B"])):
        for item in value.ravel():
            assert any(
                re.fullmatch("[−0-9.]+", text) and abs(as_number(text) - item) <= 0.0501 for text in shown
            )
    assert not any("…" in text for text in shown)


def test_a_larger_matrix_is_its_shape_and_range():
    large = g.symbol("C", shape=(7, 6))
    assert "(7, 6) 0…41" in texts(g.draw(g.sum(large), {"C": np.arange(42.0).reshape(7, 6)}))


@pytest.mark.parametrize("layout", ["right", "down"])
@pytest.mark.parametrize("rows, columns", [(1, 1), (1, 6), (6, 1), (3, 4), (6, 6)])
def test_nothing_stands_on_a_matrix(rows, columns, layout):
    values = np.random.default_rng(0).normal(size=(rows, columns))
    M = g.symbol("M", shape=(rows, columns))
    found = measure(g.draw(g.sum(g.tanh(M) * M), {"M": values}, layout=layout).svg())
    assert found.meets == found.overlaps == ()


@given(
    st.lists(st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3), min_size=1, max_size=6),
    st.integers(1, 6),
)
def test_elements_are_rounded_to_the_digits_of_the_largest(rows, digits):
    array = np.array(rows)
    cells = matrix_cells(array, digits)
    assert cells is not None
    unit = 10.0 ** (np.floor(np.log10(np.abs(array).max())) - digits + 1) if array.any() else 1.0
    for text, item in zip(chain(*cells), array.ravel(), strict=True):
        assert abs(as_number(text) - item) <= 0.5000001 * max(unit, 10.0 ** -(digits - 1) * abs(item))
        assert item == 0 or as_number(text) != 0  # nothing is shown as nothing


@given(st.floats(-1e9, 1e9), st.integers(0, 17))
def test_fixed_places(value, decimals):
    text = show_fixed(value, decimals)
    assert len(text.partition(".")[2]) == decimals
    assert abs(float(text.replace("−", "-")) - value) <= 0.5 * 10.0**-decimals + abs(value) * 2**-52
    assert not re.fullmatch("−0[.0]*", text)


def test_fixed_places_everywhere():
    x = g.symbol("x")
    shown = texts(g.draw(x * x / 3, {"x": 2}, decimals=2))
    assert {"2.00", "1.33", "0.67"} <= set(shown) and "Σ 1.33" in shown
    assert "10.00" in texts(g.draw(g.sum(A), ONE, decimals=2))


def test_chosen_elements_are_written_out():
    W = g.symbol("W", shape=(9, 9))
    at = {"W": np.arange(81.0).reshape(9, 9)}
    shown = texts(g.draw(g.sum(W * W), at, watch={W: [(0, 1), (-1, -1)]}))
    assert {"[0, 1] 1", "[-1, -1] 80"} <= set(shown)
    assert "[0, 1] 1" in texts(g.draw(g.sum(W * W), at, watch={"W": (0, 1)}))


@pytest.mark.parametrize(
    "watch, message",
    [
        ({"V": [(0, 1)]}, "no symbol"),
        ({"A": [(0, 3)]}, r"has no element \(0, 3\)"),
        ({"A": [(0,)]}, "has no element"),
        ({"A": "ab"}, "is not at"),
        ({"A": [(0, 1.5)]}, "is not at"),
        ([(0, 1)], "watch is"),
    ],
)
def test_elements_that_are_not_there(watch, message):
    with pytest.raises(InputError, match=message):
        g.draw(g.sum(A), ONE, watch=watch)


def test_whole_numbers_have_no_places_behind_a_point():
    """Labels beside a table whose places are fixed."""
    A, k = g.symbol("A", shape=(3, 2)), g.symbol("k", shape=(3,), dtype="int64")
    table = g.symbol("table", shape=(2, 2), dtype="int32")
    chosen = g.sum(A[g.arange(3), k]) + g.sum(table)
    at = {"A": np.full((3, 2), 0.5), "k": [0, 1, 1], "table": [[7, 8], [9, 10]]}
    shown = texts(g.draw(chosen, at, backward=False, decimals=2))
    assert {"0.50", "1.50"} <= set(shown) and {"0", "1", "7", "10"} <= set(shown)
    assert not {"0.00", "7.00", "10.00"} & set(shown)


@pytest.mark.parametrize("decimals", [-1, 18, 1.0, True, "2"])
def test_places_that_are_no_number_of_places(decimals):
    with pytest.raises(InputError, match="decimals is an int"):
        g.draw(g.sum(A), ONE, decimals=decimals)


def test_nan_in_a_matrix_is_marked():
    M = g.symbol("M", shape=(2, 2))
    source = g.draw(g.sum(g.log(M)), {"M": [[1.0, -1.0], [2.0, 0.0]]}).source
    assert re.search(r'BGCOLOR="#B3001B"><FONT[^>]*>NaN<', source) and "−∞" in source


def test_an_explanation_holds_the_elements():
    told = g.explain(g.sum(A @ B), AT)
    assert "[1.0 −2.0 0.5; 10.0 0.0 0.2]" in str(told)
    assert r"\begin{bmatrix}1 & 0 \\ 0 & 1 \\ 2 & -2\end{bmatrix}" in told.latex()

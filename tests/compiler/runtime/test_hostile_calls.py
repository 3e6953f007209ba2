"""Calls with what no formula takes, after machine code has opened its ways in: each ends in a value or in one of graphc's errors.

What Python's path refuses, machine code must not take for something else, nor walk through without end.
"""

from __future__ import annotations

import numpy as np
import pytest

import graphc as g
from graphc.errors import GraphcError, InputError

ROW = np.arange(3.0)


def _functions():
    x, y = g.symbols("x y")
    v = g.symbol("v", shape=(3,))
    made = {
        "square": (g.compile(x * x, [x]), 1),
        "nested": (g.compile([x + y, (x - y, [x * y])], [x, y]), 3),
        "total": (g.compile(g.sum(v * v), [v]), 1),
        "whole": (g.compile(g.cumsum(v * 2), [v]), 1),
    }
    for function, count in made.values():  # the ways in open with the calls that they serve
        row = [ROW] * len(function.inputs)
        for _ in range(2):
            answer = function(*row)
        if count > 1 or np.ndim(answer):
            out = [np.empty(3) for _ in range(count)]
            function(*row, out=out if count > 1 else out[0])
    return made


@pytest.fixture(scope="module")
def functions():
    return _functions()


def _list_in_itself():
    inner = []
    inner.append(inner)
    return inner


def _tuple_in_its_list():
    inner = []
    outer = (inner,)
    inner.append(outer)
    return outer


def _shared(innermost, depth):
    for _ in range(depth):
        innermost = [innermost, innermost]
    return innermost


def _deep(depth):
    inner = []
    for _ in range(depth):
        inner = [inner]
    return inner


def _pair_of_cycles():
    one, two = [], []
    one += [two, ROW.copy()]
    two += [one]
    return one


ENDLESS = {
    "in itself": _list_in_itself,
    "in its list": _tuple_in_its_list,
    "in each other": _pair_of_cycles,
    "empty ones without end": lambda: _shared((), 45),
    "arrays without end": lambda: _shared(ROW.copy(), 45),
    "ninety deep": lambda: _deep(90),
    "empty ones": lambda: [[], [[], ()], ROW.copy(), ROW.copy()],
}


@pytest.mark.parametrize("name", ["square", "nested", "total", "whole"])
@pytest.mark.parametrize("kind", ENDLESS)
def test_out_that_no_structure_has(functions, name, kind):
    function, _ = functions[name]
    with pytest.raises(GraphcError):
        function(*[ROW] * len(function.inputs), out=ENDLESS[kind]())
    function(*[ROW] * len(function.inputs))


class Falsely(float):
    def __float__(self):
        raise RuntimeError("no value")


class Quietly(int):
    def __float__(self):
        raise MemoryError

    __index__ = __float__


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "uint8", "bool"])
@pytest.mark.parametrize("value", [Falsely(1.5), Quietly(3)], ids=["float", "int"])
def test_numbers_whose_own_conversion_fails(dtype, value):
    k = g.symbol("k", dtype=dtype)
    functions = [g.compile(g.where(k > 0, 1.0, 2.0), [k]), lambda at: g.evaluate(k * 1, {"k": at})]
    for function in functions:
        try:
            function(value)
        except GraphcError as error:
            assert "k" in str(error)


def test_a_failing_number_is_named():
    x = g.symbol("x")
    with pytest.raises(InputError, match="Falsely that does not give its value: no value"):
        g.compile(x * 2, [x])(Falsely(1.0))

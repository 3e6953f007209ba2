"""Python functions as graphs: what is recorded, how a traced function is called, and what it refuses."""

from __future__ import annotations

import copy
import inspect
import math
import pickle
from typing import NamedTuple

import numpy as np
import pytest

import graphc as g
from graphc.errors import (
    ArityError,
    DefinitionError,
    DtypeError,
    ExpressionError,
    GraphcError,
    ShapeError,
    UnknownNameError,
)
from graphc.frontend.trace import TracedFunction

x, w, b = g.symbols("x w b")


@g.function
def log_sigmoid_loss(x, w, b):
    """The lectures' first network."""
    return g.log(1 / (g.exp(-(x * w + b)) + 1))


@g.function
def power(x, n=2, *, shift=None):
    result = x
    for _ in range(n - 1):
        result = result * x
    return result if shift is None else result + shift


class Pair(NamedTuple):
    value: object
    slope: object


def test_the_formula_is_what_was_written() -> None:
    assert log_sigmoid_loss.expr is g.log(1 / (g.exp(-(x * w + b)) + 1))
    assert log_sigmoid_loss.inputs == (x, w, b)
    assert log_sigmoid_loss.__name__ == "log_sigmoid_loss"
    assert log_sigmoid_loss.__doc__ == "The lectures' first network."
    assert list(inspect.signature(log_sigmoid_loss).parameters) == ["x", "w", "b"]
    assert repr(log_sigmoid_loss) == "<Function log_sigmoid_loss(x, w, b)>"


def test_numbers_and_arrays_give_values() -> None:
    def by_hand(x, w, b):
        return np.log(1 / (np.exp(-(x * w + b)) + 1))

    value = log_sigmoid_loss(2, -3, 6)
    assert type(value) is float and value == by_hand(2.0, -3.0, 6.0)
    points = np.linspace(-3, 3, 7)
    np.testing.assert_array_equal(
        log_sigmoid_loss(points, w=-3, b=points[:, None]), by_hand(points, -3.0, points[:, None])
    )


def test_expressions_are_put_in_the_inputs_places() -> None:
    u, v = g.symbols("u v", dtype="float32")
    assert log_sigmoid_loss(x + 1, 2, b) is g.log(1 / (g.exp(-((x + 1) * 2.0 + b)) + 1))
    assert log_sigmoid_loss(u, v, u).dtype == "float32"
    assert log_sigmoid_loss(u, v, np.float32(2)) is log_sigmoid_loss(u, v, g.constant(2.0))
    # names of the caller and of the function do not mix
    assert log_sigmoid_loss(w, x, x) is g.log(1 / (g.exp(-(w * x + x)) + 1))
    assert power(w, shift=x) is w * w + x


def test_one_traced_function_calls_another() -> None:
    @g.function
    def both(x):
        return log_sigmoid_loss(x, 2.0, power(x, 3))

    assert both.expr is g.log(1 / (g.exp(-(x * 2.0 + x * x * x)) + 1))


def test_options_are_python_values() -> None:
    assert power.inputs == (x,)
    assert power.expr is x * x
    assert power(3.0) == 9.0
    assert power(3.0, 3) == 27.0
    assert power(3.0, n=3, shift=1.0) == 28.0
    assert power(x, 4) is x * x * x * x


def test_options_are_told_apart_by_type_and_may_be_anything() -> None:
    kinds = []

    @g.function
    def weighted(x, weights=(1,)):
        kinds.append(type(weights[0]))
        return sum((weight * x for weight in weights), start=g.constant(0.0))

    assert weighted(2.0, weights=[1, 2]) == 6.0
    assert weighted(2.0, weights=np.array([1.0, 2.0])) == 6.0
    assert weighted(2.0, weights=(3,)) == 6.0
    assert kinds == [int, np.float64, int]  # the last call was remembered


def test_a_formula_is_traced_once_and_when_it_is_needed() -> None:
    calls = []

    @g.function
    def f(x):
        calls.append(1)
        return helper(x)

    assert calls == []

    def helper(x):
        return x + 1

    assert f(1.0) == 2.0 and f(2.0) == 3.0 and f.expr is x + 1
    assert calls == [1]


def test_many_options_do_not_pile_up() -> None:
    for shift in range(200):
        assert power(1.0, shift=float(shift)) == 1.0 + shift
    assert len(power._traced) <= 64


def test_structures_come_back() -> None:
    @g.function
    def f(x, y):
        return {"pair": Pair(x * y, [x, 2]), "y": y}

    value = f(3, 4)
    assert value == {"pair": Pair(12.0, [3.0, 2]), "y": 4.0}
    assert isinstance(value["pair"], Pair)
    assert isinstance(f(x, w)["pair"], Pair)


def test_types_and_shapes_of_inputs() -> None:
    n = g.symbol("n", dtype="int64")
    rows = g.symbol("rows", shape=("k", 2))

    @g.function(symbols=[n, rows], dtype="float32")
    def f(rows, n, scale):
        return rows * n * scale

    assert f.inputs == (rows, n, g.symbol("scale", dtype="float32"))
    np.testing.assert_array_equal(f(np.ones((3, 2)), 2, 0.5), np.ones((3, 2)))
    with pytest.raises(DtypeError, match="'n' is int64"):
        f(np.ones((3, 2)), 2.5, 0.5)
    with pytest.raises(DtypeError, match="'n' is int64"):
        f(rows, 2.5, 0.5)
    with pytest.raises(ShapeError, match="'rows' has shape"):
        f(np.ones(3), 2, 0.5)


def test_it_stands_where_an_expression_and_inputs_are_expected() -> None:
    @g.function
    def f(b, x, unused):
        return x - b

    graph = g.Graph(f)
    assert [node.name for node in graph.symbols] == ["b", "x", "unused"]
    graph.verify()
    assert g.Graph(f, [x, b]).symbols == (x, b)
    assert g.compile(f)(1.0, 5.0, 0.0) == 4.0
    assert g.evaluate(g.grad(f.expr, f.inputs), {}) == (-1.0, 1.0, 0.0)


def test_it_pickles_by_name() -> None:
    assert pickle.loads(pickle.dumps(log_sigmoid_loss)) is log_sigmoid_loss
    assert copy.deepcopy(log_sigmoid_loss) is log_sigmoid_loss


# --- what it refuses --------------------------------------------------------------------------------------------------


def _line_of(function: TracedFunction, text: str) -> int:
    lines, first = inspect.getsourcelines(function.__wrapped__)  # type: ignore[attr-defined]
    return first + next(number for number, line in enumerate(lines) if text in line)


@pytest.mark.parametrize("how", ["expr", "values", "expressions"])
def test_pythons_math_and_branches_are_refused_on_their_line(how: str) -> None:
    @g.function
    def by_math(x):
        y = x + 1
        return math.exp(y)

    @g.function
    def by_if(x):
        if x > 0:
            return x
        return -x

    for f, text, hint in ((by_math, "math.exp(y)", "g.exp(x)"), (by_if, "if x > 0", "g.where")):
        with pytest.raises(ExpressionError) as caught:
            f.expr if how == "expr" else f(1.0) if how == "values" else f(x * 2)
        assert hint in str(caught.value.hint)
        assert caught.value.site is not None
        assert (caught.value.site.filename, caught.value.site.line) == (__file__, _line_of(f, text))


def test_what_cannot_be_traced_is_refused_where_it_is_defined() -> None:
    with pytest.raises(DefinitionError, match=r"\*rest of f stands for any number"):

        @g.function
        def f(x, *rest):
            return x

    with pytest.raises(DefinitionError, match="any number"):

        @g.function
        def h(x, **rest):
            return x

    with pytest.raises(UnknownNameError, match="has no input 'y'") as caught:

        @g.function(symbols=[g.symbol("y")])
        def k(x, y=1):
            return x

    assert "is an option" in str(caught.value)
    with pytest.raises(DefinitionError, match="not written in Python"):
        g.function(np.exp)  # type: ignore[arg-type]
    with pytest.raises(DefinitionError, match="returns before"):

        @g.function
        def generator(x):
            yield x

    with pytest.raises(DefinitionError, match="returns before"):

        @g.function
        async def coroutine(x):
            return x


def test_what_is_returned_must_be_expressions() -> None:
    with pytest.raises(ExpressionError, match="returned nothing"):
        g.function(lambda x: None)(1.0)
    with pytest.raises(GraphcError, match="str") as caught:
        g.function(lambda x: (x, "x"))(1.0)
    assert caught.value.site is not None and caught.value.site.filename == __file__
    with pytest.raises(GraphcError, match="set"):
        g.function(lambda x: {x})(1.0)


def test_endless_recursion_is_an_error_of_graphc() -> None:
    def factorial(n):
        return g.constant(1.0) if n is None else n * factorial(n - 1)

    with pytest.raises(ExpressionError, match="without end"):
        g.function(lambda n: factorial(n))(3.0)


@pytest.mark.parametrize("zero", [0, 0.0, False, np.float32(0), np.zeros(())])
@pytest.mark.parametrize(
    "branch",
    [
        lambda n, z: n == z,
        lambda n, z: z == n,
        lambda n, z: n != z,
        lambda n, z: z in [n],
    ],
    ids=["eq", "reflected", "ne", "in"],
)
def test_a_branch_on_a_value_is_refused_where_it_is_asked(branch, zero) -> None:
    def factorial(n):
        return g.constant(1.0) if branch(n, zero) else n * factorial(n - 1)

    with pytest.raises(ExpressionError, match="no truth value") as caught:
        g.function(lambda n: factorial(n))(3.0)
    assert "g.where" in str(caught.value.hint)
    assert caught.value.site is not None and caught.value.site.filename == __file__


@pytest.mark.parametrize(
    ("arguments", "options", "says"),
    [
        ((), {}, "missing a required argument: 'x'"),
        ((1.0, 2, 3), {}, "too many"),
        ((1.0,), {"y": 2}, "'y'"),
        ((1.0,), {"x": 2}, "multiple values"),
    ],
)
def test_calls_are_checked(arguments, options, says) -> None:
    with pytest.raises(ArityError, match=says) as caught:
        power(*arguments, **options)
    assert "power(x, n=2, *, shift=None)" in str(caught.value.hint)


def test_values_are_checked() -> None:
    for value in ("2", 2j, None, [1, "x"]):
        with pytest.raises(GraphcError, match="'x'"):
            power(value)

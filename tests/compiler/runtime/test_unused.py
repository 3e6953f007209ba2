"""Inputs that a function does not use: of them the type counts alone, on every way into its machine code."""

from __future__ import annotations

import importlib.util
import itertools
import pickle

import numpy as np
import pytest

import graphc as g

X, Y, Z, K = g.symbol("x"), g.symbol("y"), g.symbol("z"), g.symbol("k", dtype="int64")

USED = (2.0, np.float64(2.0), np.full(3, 2.0), np.full((2, 3), 2.0), np.full((2, 3), 2.0).T, np.full((4, 6), 2.0)[::2, ::3],
        np.array(2.0), np.empty(0), [2.0, 2.0], np.full((2, 1), 2.0, dtype=np.float32))  # fmt: skip

UNUSED = (1.0, 7, np.ones(3), np.ones(4), np.ones((5, 1, 7)), np.ones((5, 8))[:, ::2], np.empty(0), np.empty((0, 4)),
          np.array(3.0), [1.0, 2.0, 3.0, 4.0], np.full(5, np.nan), np.ones(11, dtype=np.float32), np.ones((2, 3)))  # fmt: skip

CALLS = 5
"""Calls of one kind: by the third, machine code answers what the Python path did at first."""


def large(x):
    """A formula beyond the size up to which array loops hold the body themselves."""
    for _ in range(600):
        x = x * 1.0 + 1.0
    return x


FUNCTIONS = {
    "one": (lambda: X * X + 1, lambda x: x * x + 1),
    "large": (lambda: large(X), lambda x: x + 600),
    "constant array": (lambda: X * g.constant(np.arange(3.0)), lambda x: x * np.arange(3.0)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("rewrite", [None, "stable"])
def test_the_shape_is_that_of_what_is_used(name, rewrite):
    make, wanted = FUNCTIONS[name]
    functions = [g.compile(make(), [X, Y], rewrite=rewrite)]
    functions.append(pickle.loads(pickle.dumps(functions[0])))
    for f, (x, y) in itertools.product(functions, itertools.product(USED, UNUSED)):
        try:
            value = wanted(np.asarray(x, dtype=float))
        except ValueError:  # the array constant does not broadcast with it
            continue
        for _ in range(CALLS):
            result = f(x, y)
            assert np.shape(result) == np.shape(value), (x, y)
            np.testing.assert_array_equal(result, value)
        np.testing.assert_array_equal(f(y=y, x=x), value)
        if np.ndim(value):
            out = np.empty(np.shape(value))
            for _ in range(CALLS):
                assert f(x, y, out=out) is out
            np.testing.assert_array_equal(out, value)


def test_any_of_several_inputs_may_be_unused():
    names = (X, Y, Z)
    arrays = np.linspace(1, 2, 3), np.linspace(3, 4, 4).reshape(4, 1), np.linspace(5, 6, 5)
    for size in (1, 2, 3):
        for used in itertools.combinations(range(3), size):
            f = g.compile([sum(names[k] for k in used), names[used[0]] * 2.0], list(names))
            given = [array if k in used else np.ones(7) for k, array in enumerate(arrays)]
            if {0, 2} <= set(used):
                with pytest.raises(g.errors.ShapeError, match="do not broadcast"):
                    f(*given)
                continue
            first, second = f(*given)
            value = sum(given[k] for k in used)
            np.testing.assert_array_equal(first, value)
            np.testing.assert_array_equal(second, np.broadcast_to(given[used[0]] * 2, value.shape))


def test_an_unused_input_may_share_memory_with_out_and_with_the_others():
    f = g.compile(X + 1.0, [X, Y])
    for unused in (
        lambda base: base[1:5],
        lambda base: base[:4],
        lambda base: base[::-1],
        lambda base: base[:, None],
    ):
        for _ in range(CALLS):
            base = np.arange(6.0)
            x = base[:4]
            f(x, unused(base), out=base[2:])
            np.testing.assert_array_equal(base[2:], np.arange(4.0) + 1)
            x = np.arange(4.0)
            f(x, x, out=x)  # in place
            np.testing.assert_array_equal(x, np.arange(4.0) + 1)


def test_its_type_counts():
    f = g.compile(X + 1.0, [X, K])
    for wrong in ("text", None, 1j, np.ones(3), 0.5, ["a"], np.array(["b"])):
        for x in (1.0, np.ones(3)):
            with pytest.raises((g.errors.InputError, g.errors.DtypeError)):
                f(x, wrong)
    with pytest.raises(g.errors.InputError, match="no value"):
        f(1.0)


def test_what_rewriting_removes_still_decides_the_shape():
    """An input is unused where the formula as written does not use it: a rule must not change a result's shape."""
    e = g.where(X < X, Y, X)
    for f in (
        g.compile(e, [X, Y]),
        pickle.loads(pickle.dumps(g.compile(e, [X, Y]))),
        g.compile(e, [X, Y], rewrite=None),
    ):
        assert f(1.0, np.ones(4)).shape == (4,)


def test_threads_and_tiers():
    x, y = np.linspace(0, 1, 50_000), np.ones(3)
    for options in ({"parallel": True}, {"parallel": False}, {"tier": "interpreted"}):
        f = g.compile(g.exp(X), [Y, X], **options)
        for _ in range(CALLS):
            np.testing.assert_allclose(f(y, x), np.exp(x), rtol=1e-15)
        assert f.wait()
        np.testing.assert_allclose(f(y, x[:, None]), np.exp(x)[:, None], rtol=1e-15)


def test_a_constant_function_gives_numbers():
    f = g.compile(g.constant(2.5), [X])
    for value in UNUSED:
        assert f(value) == 2.5 and isinstance(f(value), float)


def test_declared_shapes():
    V, W = g.symbol("V", shape=3), g.symbol("W", shape=(4, 5))
    f = g.compile(V * 2.0, [V, W])  # their shapes do not broadcast
    for _ in range(CALLS):
        np.testing.assert_array_equal(f(np.ones(3), np.ones((4, 5))), np.full(3, 2.0))
    with pytest.raises(g.errors.ShapeError):
        f(np.ones(3), np.ones((4, 6)))
    E, N = g.symbol("E", shape=("n",)), g.symbol("N", shape=("m", 2))
    h = g.compile(E + 1.0, [E, N])
    for n, m in ((3, 4), (0, 4), (3, 0)):
        assert h(np.ones(n), np.ones((m, 2))).shape == (n,)
    total = g.compile(g.sum(E), [N, E])
    assert total(np.ones((4, 2)), np.ones(3)) == 3.0


def test_the_interpreter():
    graph = g.Graph(X * 2.0, [X, Y])
    np.testing.assert_array_equal(
        graph.forward({"x": np.ones(3), "y": np.ones(4)})[graph.outputs[0]], np.full(3, 2.0)
    )


def test_an_exported_module(tmp_path):
    path = tmp_path / "module.py"
    g.compile(X * X, [X, Y]).export(path, name="square")
    spec = importlib.util.spec_from_file_location("module", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    np.testing.assert_array_equal(module.square(np.full(3, 2.0), np.ones(4)), np.full(3, 4.0))
    assert module.square(2.0, np.ones(4)) == 4.0

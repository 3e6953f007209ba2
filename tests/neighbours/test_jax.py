"""JAX: gradients by its own checker, under jit, vmap and grad."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import graphc as g
from graphc.errors import DtypeError, InputError

jax = pytest.importorskip("jax")
import jax.numpy as jnp  # noqa: E402
from jax.test_util import check_grads  # noqa: E402


@pytest.fixture(autouse=True)
def _doubles():
    with jax.enable_x64(True):
        yield


def elementwise():
    x, y = g.symbols("x y")
    return g.compile(g.sin(x) * y + g.exp(-x * x), [x, y])


def model():
    X, w, t = g.symbol("X", shape=("n", 3)), g.symbol("w", shape=(3,)), g.symbol("t", shape=("n",))
    r = g.tanh(X @ w) - t
    return g.compile({"loss": g.mean(r**2), "r": r, "worst": g.argmax(r)}, [w, X, t])


def arrays(*shapes):
    rng = np.random.default_rng(1)
    return [jnp.asarray(rng.normal(size=shape)) for shape in shapes]


@pytest.mark.parametrize("shapes", [((3, 1), (4,)), ((), (2,))], ids=str)
def test_elementwise_gradients(shapes):
    check_grads(elementwise().jax(), arrays(*shapes), order=2, modes=["rev"])


def test_gradients_of_a_model():
    f = model().jax()

    def results(*values):
        found = f(*values)
        return found["loss"], found["r"]

    check_grads(results, arrays((3,), (5, 3), (5,)), order=2, modes=["rev"])


def test_jit_and_vmap():
    f, h = model(), elementwise()
    w, X, t = arrays((3,), (5, 3), (5,))
    grad = jax.grad(lambda w: f(w, X, t)["loss"])  # the function itself, given what JAX traces
    np.testing.assert_array_equal(jax.jit(grad)(w), grad(w))
    many = jnp.stack([w, 2 * w, -w])
    expected = np.stack([grad(each) for each in many])
    np.testing.assert_array_equal(jax.jit(jax.vmap(grad))(many), expected)
    a, b = arrays((4, 1), (6,))
    expected = np.stack([h(np.asarray(row), np.asarray(b)) for row in a])
    np.testing.assert_array_equal(jax.vmap(h.jax(), (0, None))(a, b), expected)
    np.testing.assert_array_equal(jax.vmap(h.jax(), (None, 0), 1)(b, a), h(np.asarray(b), np.asarray(a)).T)


def test_derivatives_that_are_zero_under_vmap():
    x, n = g.symbol("x"), g.symbol("n", dtype="int64")
    f = g.compile(g.floor(x) + n, [x, n]).jax()
    found = jax.vmap(jax.grad(lambda x: f(x, 2)))(jnp.arange(3.0))
    np.testing.assert_array_equal(found, np.zeros(3))


def test_memory_is_shared():
    from graphc.frontend.interop.jax import _as_jax
    from graphc.ir.foreign_arrays import as_numpy

    given = jnp.ones(1000)
    assert as_numpy("x", given).ctypes.data == given.unsafe_buffer_pointer()
    x = g.symbol("x", shape=("n",))
    result = g.compile(g.cumsum(x), [x])(np.ones(10_000))
    assert _as_jax(jax, result).unsafe_buffer_pointer() == result.ctypes.data or result.ctypes.data % 64


def test_functions_are_copied_and_pickled():
    f, (a,) = elementwise().jax(), arrays((3,))
    for again in (copy.deepcopy(f), pickle.loads(pickle.dumps(f))):
        np.testing.assert_array_equal(jax.jit(again)(a, 2.0), f(a, 2.0))


def test_arrays_without_elements():
    f, gone = elementwise(), jnp.ones(2)
    gone.delete()
    for given in (gone, jax.random.key(0)):
        with pytest.raises(InputError, match="input 'x' got"):
            f(given, 1.0)


def test_without_64_bits():
    with jax.enable_x64(False):
        found = jax.jit(elementwise().jax())(jnp.ones(3), 2.0)
        assert found.dtype == jnp.float32


def test_what_is_refused():
    x = g.symbol("x", dtype="float32")
    with pytest.raises(DtypeError, match="lose information"):
        g.compile(x * 2, [x]).jax()(jnp.ones(2))
    y = g.symbol("y")
    with pytest.raises(InputError, match=r"f\.jax\(\)"):
        jax.jit(lambda v: g.evaluate(y * 2, {y: v}))(jnp.ones(2))

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


# Derivatives in both modes, of any order


def scalar_loop():
    x, w = g.symbol("x"), g.symbol("w")
    return g.compile(g.fori_loop(0, 4, lambda i, c: c * g.sin(c + w), x), [x, w]), lambda x, w: [
        x := x * jnp.sin(x + w) for _ in range(4)
    ][-1]


def matrices():
    A, b = g.symbol("A", shape=(3, 3)), g.symbol("b", shape=(3,))
    return g.compile(
        g.sum(g.tanh(A @ b) ** 2) * g.det(A), [A, b]
    ), lambda A, b: jnp.sum(jnp.tanh(A @ b) ** 2) * jnp.linalg.det(A)


def with_constant_arrays():
    x, y = g.symbols("x y")
    formula = g.sin(g.constant([1.0, 2.0]) * x) * g.constant([[1], [3], [2]]) + y**2
    return g.compile(
        formula, [x, y]
    ), lambda x, y: jnp.sin(jnp.array([1.0, 2.0]) * x) * jnp.array([[1], [3], [2]]) + y**2


PROGRAMS = {
    "loop": (scalar_loop, ((), ())),
    "matrices": (matrices, ((3, 3), (3,))),
    "constants": (with_constant_arrays, ((), ())),
    "rows of constants": (with_constant_arrays, ((2,), (3, 1))),
}
TRANSFORMED = {
    "jacfwd": lambda f: jax.jacfwd(f, (0, 1)),
    "jacrev": lambda f: jax.jacrev(f, (0, 1)),
    "forward over forward": lambda f: jax.jacfwd(jax.jacfwd(f), 1),
    "forward over reverse": lambda f: jax.jacfwd(jax.jacrev(f), 1),
    "reverse over forward": lambda f: jax.jacrev(jax.jacfwd(f), 1),
    "reverse over reverse": lambda f: jax.jacrev(jax.jacrev(f), 1),
    "hessian compiled": lambda f: jax.jit(jax.hessian(f, (0, 1))),
    "batch of both": lambda f: jax.vmap(jax.jacfwd(f, (0, 1))),
    "batch of one": lambda f: jax.vmap(jax.hessian(f), (0, None)),
    "derivatives of a batch": lambda f: jax.jacrev(lambda x, y: jax.vmap(f, (0, None))(x, y).sum(), (0, 1)),
    "second ones of a batch": lambda f: jax.hessian(lambda x, y: jax.vmap(f, (None, 0))(x, y).sum(), (0, 1)),
    "batch of batches": lambda f: jax.vmap(jax.vmap(jax.grad(lambda *a: f(*a).sum()), (0, None)), (None, 0)),
    "recomputed": lambda f: jax.jacrev(jax.checkpoint(f), (0, 1)),
}
BATCHED = {
    "batch of both": (0, 1),
    "batch of one": (0,),
    "derivatives of a batch": (0,),
    "second ones of a batch": (1,),
    "batch of batches": (0, 1),
}


@pytest.mark.parametrize("name", TRANSFORMED)
@pytest.mark.parametrize("program", PROGRAMS)
def test_transformed_as_a_function_of_jax(program, name):
    (make, shapes), transformed = PROGRAMS[program], TRANSFORMED[name]
    compiled, own = make()
    batch = BATCHED.get(name, ())
    given = arrays(*[(4, *shape) if k in batch else shape for k, shape in enumerate(shapes)])
    expected = jax.tree.leaves(transformed(own)(*given))
    found = jax.tree.leaves(transformed(compiled.jax())(*given))
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("program", PROGRAMS)
def test_gradients_in_both_modes(program):
    make, shapes = PROGRAMS[program]
    check_grads(make()[0].jax(), arrays(*shapes), order=2, modes=["fwd", "rev"])


def test_forward_mode_beside_what_has_no_derivative():
    x, n, b = g.symbol("x"), g.symbol("n", dtype="int64"), g.symbol("b", dtype="bool")
    f = g.compile([g.where(b, x**n, x), n * 2, b, g.floor(x)], [x, n, b]).jax()
    found, moved = jax.jvp(lambda x: f(x, 3, True), (2.0,), (1.0,))
    assert [float(each) for each in found] == [8, 6, 1, 2]
    assert (float(moved[0]), float(moved[3])) == (12, 0)
    assert moved[1].dtype == moved[2].dtype == jax.dtypes.float0


def test_a_loop_of_jax_trains_through_it():
    f, given = model().jax(), arrays((3,), (5, 3), (5,))

    def last(w, loss):
        def step(w, _):
            return w - 0.1 * jax.grad(loss)(w), loss(w)

        return jax.lax.scan(step, w, None, length=5)[1][-1]

    w, X, t = given
    ours = jax.grad(last)(w, lambda w: f(w, X, t)["loss"])
    theirs = jax.grad(last)(w, lambda w: jnp.mean((jnp.tanh(X @ w) - t) ** 2))
    np.testing.assert_allclose(ours, theirs, rtol=1e-10)

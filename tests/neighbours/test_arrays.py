"""Arrays by protocol alone, SciPy's sparse arrays, graphics cards; and that no neighbour is loaded before it is used."""

from __future__ import annotations

import importlib
import subprocess
import sys

import numpy as np
import pytest
import scipy.sparse

import graphc as g
from graphc.errors import DtypeError, InputError, ShapeError


class Capsule:
    """An array of a library that has DLPack and nothing else."""

    def __init__(self, array, device=(1, 0)):
        self.array, self.device = array, device

    def __dlpack_device__(self):
        return self.device

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)


class Standard(Capsule):
    """The same, of a library that keeps to the array API standard."""

    def __array_namespace__(self, **_):
        return Standard

    @staticmethod
    def from_dlpack(array):
        return Standard(np.from_dlpack(array))


def test_dlpack_in():
    from graphc.ir.foreign_arrays import as_numpy

    x, y = g.symbols("x y")
    f = g.compile(x * y, [x, y])
    array = np.arange(12.0).reshape(3, 4)
    for given in (array, array[:, ::2], array.T, array[::-1]):
        np.testing.assert_array_equal(f(Capsule(given), 2.0), given * 2)
        assert as_numpy("x", Capsule(given)).ctypes.data == given.ctypes.data
    X = g.symbol("X", shape=("n", "m"))
    np.testing.assert_array_equal(
        g.compile(X.T @ X, [X])(Capsule(array[:, ::2])), array[:, ::2].T @ array[:, ::2]
    )
    np.testing.assert_array_equal(g.evaluate(x * 2, {x: Capsule(array)}), array * 2)


def test_the_array_api_in_and_out():
    x, y = g.symbols("x y")
    f = g.compile([x * y, x + y], [x, y])
    one, two = f(Standard(np.arange(3.0)), 2.0)
    assert type(one) is Standard
    np.testing.assert_array_equal(two.array, np.arange(3.0) + 2)


@pytest.mark.parametrize("device", [(2, 0), (10, 1)])
def test_other_devices(device):
    x = g.symbol("x")
    for kind in (Capsule, Standard):
        with pytest.raises(InputError, match="another device"):
            g.compile(x * 2, [x])(kind(np.ones(2), device))


def test_another_device_of_the_array_api():
    xp = pytest.importorskip("array_api_strict")
    x, y = g.symbols("x y")
    f, far = g.compile(x * y, [x, y]), xp.asarray([1.0], device=xp.Device("device1"))
    for given in ((far, 1.0), (xp.asarray([1.0]), far)):
        with pytest.raises(InputError, match=r"on another device: .*device1"):
            f(*given)


def test_graphics_cards():
    class ndarray:  # as CuPy's
        __cuda_array_interface__ = None

    ndarray.__module__ = "cupy"
    x = g.symbol("x")
    with pytest.raises(InputError, match=r"cupy\.asnumpy\(x\)"):
        g.compile(x * 2, [x])(ndarray())


@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "bsr", "dok"])
def test_sparse_operands(kind):
    rng = np.random.default_rng(5)
    dense = rng.normal(size=(7, 3)) * (rng.random((7, 3)) < 0.4)
    A = scipy.sparse.coo_array(dense).asformat(kind)
    M, w, y = g.symbol("M", shape=("n", 3)), g.symbol("w", shape=(3,)), g.symbol("y", shape=("n",))
    loss = g.mean((g.tanh(M @ w) - y) ** 2)
    f = g.compile({"loss": loss, "grad": g.grad(loss, w), "hvp": g.hvp(loss, w, w), "left": y @ M}, [w, M, y])
    at, target = rng.normal(size=3), rng.normal(size=7)
    found, expected = f(at, A, target), f(at, dense, target)
    assert type(found["loss"]) is float
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-13, atol=1e-15)


def test_a_product_of_products():
    rng = np.random.default_rng(6)
    A = scipy.sparse.random_array((6, 6), density=0.3, rng=rng, format="csr")
    M, X = g.symbol("M", shape=("n", "n")), g.symbol("X", shape=("n", 2))
    f = g.compile(M @ g.exp(M.T @ (M @ X)), [M, X])
    X0 = rng.normal(size=(6, 2))
    np.testing.assert_allclose(f(A, X0), A @ np.exp(A.T @ (A @ X0)), rtol=1e-14)


def test_where_all_elements_are_needed():
    M, w = g.symbol("M", shape=("n", 3)), g.symbol("w", shape=(3,))
    A = scipy.sparse.csr_array(np.eye(3))
    with pytest.raises(InputError, match="exp needs all of its elements") as caught:
        g.compile(g.exp(M) @ w, [M, w])(A, np.ones(3))
    assert caught.value.node == "exp(M)" and "test_arrays" in str(caught.value.site)
    with pytest.raises(ShapeError):
        g.compile(M @ w, [M, w])(A[:, :2], np.ones(3))
    with pytest.raises(DtypeError):
        g.compile(M @ w, [M, w])(A.astype(complex), np.ones(3))
    with pytest.raises(InputError, match="toarray"):
        g.evaluate(M @ w, {M: A, w: np.ones(3)})


def test_neighbours_are_not_loaded_before_they_are_used():
    code = (
        "import sys, numpy as np, graphc as g; x = g.symbol('x'); f = g.compile(x*2, [x]); f(np.ones(3)); f(2.0); f([1.0])\n"
        "print(*{'torch', 'jax', 'xarray', 'pandas', 'polars', 'dask', 'cupy'} & {name.split('.')[0] for name in sys.modules})"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not run.stdout.split()


def test_pickles_without_neighbours_in_them():
    import pickle

    x, y = g.symbols("x y")
    f = g.compile(x * y, [x, y])
    f(Standard(np.arange(3.0)), 2.0)
    assert pickle.loads(pickle.dumps(f))(2.0, 3.0) == 6.0


@pytest.mark.parametrize("name", ["torch", "jax"])
def test_a_package_that_is_not_there_is_named(name, monkeypatch):
    module = importlib.import_module(f"graphc.frontend.interop.{name}")
    monkeypatch.setitem(sys.modules, name, None)
    loads = {"torch": "pytorch", "jax": "jax_itself"}[name]
    monkeypatch.setattr(module, loads, getattr(module, loads).__wrapped__)
    x = g.symbol("x")
    with pytest.raises(InputError, match=rf"(?s)needs the package {name}.*pip install {name}"):
        getattr(g.compile(x * x, [x]), name)()

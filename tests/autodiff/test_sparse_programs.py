"""Programs of many unknowns, at few: structure and entries against dense differences in NumPy, and what is affine kept apart."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as g
from graphc.autodiff.sparse.affine import apart
from tests.benchmarks.peers.sparse_programs import BOUNDS, PROGRAMS, Names, derivative, point_of, unknowns

SMALL = {"stencil": 98, "collocation": 32, "bundle": 30, "rosenbrock": 20}
NUMPY = Names(np, np.concatenate, np.sum)


def slopes(f, point, step=1e-30):
    """Derivatives by the complex step, exact to rounding: no subtraction is made."""
    columns = []
    for k in range(len(point)):
        moved = point.astype(complex)
        moved[k] += step * 1j
        columns.append(np.imag(f(moved)) / step)
    return np.stack(columns, axis=-1)


@pytest.mark.parametrize("name", PROGRAMS)
def test_structure_and_entries(name):
    size = SMALL[name]
    x, sparse = derivative(name, size)
    point = point_of(name, size)

    def value(z):
        return PROGRAMS[name](z, size, NUMPY)

    if name == "rosenbrock":
        odd, even = point[::2], point[1::2]
        dense = np.zeros((size, size))
        k = np.arange(0, size, 2)
        dense[k, k] = 1200 * odd**2 - 400 * even + 2
        dense[k, k + 1] = dense[k + 1, k] = -400 * odd
        dense[k + 1, k + 1] = 200
    else:
        dense = slopes(value, point)
    found = g.compile(sparse, [x])(point)
    np.testing.assert_allclose(found.toarray(), dense, rtol=1e-10, atol=1e-11 * np.abs(dense).max())
    # every entry that there is differs from zero somewhere: at one of some points
    seen = np.zeros(found.shape, bool)
    for seed in range(3):
        other = 0.5 + np.random.default_rng(seed).random(unknowns(name, size))
        seen |= g.compile(sparse, [x])(other).toarray() != 0
    rows, columns = found.nonzero()
    assert sparse.nnz == len(rows) and seen[rows, columns].all()
    assert sparse.colours <= BOUNDS[name]


def test_differences_need_no_sweeps():
    """Of the Brusselator u²·v alone moves: 2 colours, where neighbours need 12."""
    _, sparse = derivative("stencil", SMALL["stencil"])
    assert sparse.colours == 2


n = 7
x, y, A, k = g.symbol("x", shape=n), g.symbol("y", shape=n), np.arange(21.0).reshape(3, 7), g.symbol("k")
SPLITS = {
    "a sum": lambda: 3 * x[1:] - x[:-1] / 4 + g.exp(x[1:]),
    "a gather": lambda: x[np.array([3, 0, 0, 5])] - g.sin(x[:4]) * 2,
    "affine alone": lambda: g.concat([g.diff(x), -x[::-1], g.cumsum(x)[2:4]]) + 1.0,
    "padded": lambda: g.pad(x, 1)[2:] - 2 * x + g.pad(x, 1)[:-2] - x**3,
    "joined": lambda: g.stack([x - y, x * y]),
    "a parameter": lambda: k * x[1:] + x[:-1] - x[1:] ** 2,
    "broadcast": lambda: g.reshape(x, (n, 1)) - y * x[0],
    "a mean": lambda: g.mean(x) * 7 + g.roll(x, 2) + g.tanh(y),
    "an affine factor": lambda: (x + y) * (x - y) + x,
    "a quotient by it": lambda: 1 / (x + 2) - 4 * (y / 2),
    "two steps": lambda: 2 * (3 * x - g.cos(x)) - (y - (y - x)),
}  # fmt: skip


@pytest.mark.sample(4)
@pytest.mark.parametrize("format", ["csr", "csc", "coo"])
@pytest.mark.parametrize("name", SPLITS)
def test_what_is_affine_is_kept_apart(name, format):
    output = SPLITS[name]()
    values = {"x": np.linspace(0.5, 1.5, n), "y": np.linspace(-1, 2, n), "k": 0.7}
    used = {each.name: values[each.name] for each in g.free_symbols(output, x, y)}
    sparse = g.jacobian(output, [x, y], sparse=True, format=format)
    dense = [np.reshape(g.evaluate(g.jacobian(output, each), used), (-1, n)) for each in (x, y)]
    np.testing.assert_allclose(g.evaluate(sparse, used).toarray(), np.hstack(dense), rtol=1e-14, atol=1e-15)
    f = g.compile(sparse, [x, y, k])
    np.testing.assert_allclose(f(*values.values()).toarray(), np.hstack(dense), rtol=1e-14, atol=1e-15)


def test_the_parts_add_up():
    output = SPLITS["two steps"]()
    affine, rest = apart([output], [x, y])
    at = {"x": np.linspace(0.5, 1.5, n), "y": np.linspace(-1, 2, n)}
    whole = g.evaluate(output, at)
    np.testing.assert_allclose(
        np.asarray(g.evaluate(affine[0], at)) + g.evaluate(rest[0], {"x": at["x"]}), whole, rtol=1e-14
    )
    assert g.free_symbols(rest[0]) == [x] or set(g.free_symbols(rest[0])) == {x}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_of_the_variables_own_type(dtype):
    v = g.symbol("v", shape=5, dtype=dtype)
    f = g.compile(g.jacobian(v[1:] - v[:-1] + v[1:] ** 2, v, sparse=True))
    assert f(np.ones(5, dtype)).dtype == dtype

"""Sparse Jacobians through loops: patterns by hand, and values beside dense ones."""

import numpy as np
import pytest

import graphc as g

N = 7
v, w, c0 = g.symbol("v", shape=N), g.symbol("w", shape=N), g.symbol("c0")
M = g.symbol("M", shape=(N, 3))

DOWN = np.tril(np.ones((N, N), bool))
BAND = np.eye(N, dtype=bool) | np.eye(N, k=-1, dtype=bool)


def of_rows(table):
    """Each element of a matrix's row for each entry."""
    return np.repeat(table, 3, axis=1)


def queue(carry, row):
    """The sum of the last two rows, in a carry of two numbers beside a count."""
    return {"last": g.concat([carry["last"][1:], g.reshape(row, (1,))]), "count": carry["count"] + 1}, g.sum(
        carry["last"]
    )


def inner(carry, row):
    """A loop in a loop: the row's three numbers, added to the last sum."""
    total, _ = g.scan(lambda c, x: (c + x * x, c), 0.0, row)
    return total, g.sin(carry) * total


LOOPS = {
    "a sum of all before": (lambda: g.scan(lambda c, r: (c * r, c + r), 1.0, v)[1], v, DOWN),
    "backwards": (lambda: g.scan(lambda c, r: (c * r, c + r), 1.0, v, reverse=True)[1], v, DOWN.T),
    "the last row alone": (lambda: g.scan(lambda c, r: (r, c * r), c0, v)[1], v, BAND),
    "the last row, backwards": (lambda: g.scan(lambda c, r: (r, c * r), c0, v, reverse=True)[1], v, BAND.T),
    "rows alone": (lambda: g.scan(lambda c, r: (c, r**2 + c), c0, v)[1], v, np.eye(N, dtype=bool)),
    "one of two arrays": (lambda: g.scan(lambda c, r: (c * r[0] + r[1], c), c0, (w, v))[1], w, np.tril(DOWN, -1)),
    "what is captured": (lambda: g.scan(lambda c, r: (c, c0 * w[2] * r), 0.5, v)[1], w, np.arange(N) == np.full((N, 1), 2)),
    "the carry at the end": (lambda: g.scan(lambda c, r: (r * c0, c), 1.0, v)[0], v, np.arange(N)[None] == N - 1),
    "a queue": (lambda: g.scan(queue, {"last": g.zeros(2), "count": 0}, v)[1], v, np.eye(N, k=-1) + np.eye(N, k=-2) > 0),
    "rows of a matrix": (lambda: g.scan(lambda c, r: (g.sum(r), c * r[1]), c0, M)[1], M, None),
    "a loop in a loop": (lambda: g.scan(inner, c0, M)[1], M, of_rows(BAND)),
    "an array as the carry": (lambda: g.scan(lambda c, r: (c * r, c), v, w)[1], v, np.tile(np.eye(N, dtype=bool), (N, 1))),
    "a number of steps": (lambda: g.scan(lambda c, _: (c[::-1] * 2, c), v, length=3)[1], v, None),
    "no steps": (lambda: g.scan(lambda c, r: (c * r, c), v, w[:0])[0], v, np.eye(N, dtype=bool)),
    "fori_loop": (lambda: g.fori_loop(0, 4, lambda i, c: g.roll(c, 1) * c0, v), v, np.roll(np.eye(N, dtype=bool), 4, axis=0)),
}  # fmt: skip


@pytest.mark.parametrize("name", LOOPS)
@pytest.mark.sample(2)
def test_patterns_and_values(name):
    build, variable, wanted = LOOPS[name]
    value = build()
    table = g.jacobian(value, variable, sparse=True)
    rng = np.random.default_rng(5)
    inputs = [v, w, c0, M]
    at = [rng.uniform(0.5, 1.5, x.shape) for x in inputs]
    at[2] = float(at[2])
    found = g.compile(table, inputs)(*at)
    rows, columns = int(np.prod(value.shape)), int(np.prod(variable.shape))
    dense = np.reshape(g.compile(g.jacobian(value, variable), inputs)(*at), (rows, columns))
    assert found.shape == (rows, columns)
    np.testing.assert_allclose(found.toarray(), dense, rtol=1e-13, atol=0)
    stored = np.zeros((rows, columns), bool)
    stored[found.tocoo().coords] = True
    # nothing is missed, and where it is known by hand nothing is too much
    np.testing.assert_array_equal(stored, dense != 0 if wanted is None else wanted)


def test_a_band_of_many_steps_takes_two_colours():
    u = g.symbol("u", shape=400)
    table = g.jacobian(g.scan(lambda c, r: (g.sin(r), c * r), 0.5, u)[1], u, sparse=True)
    assert "799 entries" in repr(table) and "2 forward sweeps" in repr(table)


def test_hessian_through_a_loop():
    total = g.sum(g.scan(lambda c, r: (r, c * r * r), c0, v)[1])
    table = g.hessian(total, v, sparse=True)
    at = np.linspace(0.5, 1.5, N)
    found, dense = (g.compile(each, [v, c0])(at, 0.7) for each in (table, g.hessian(total, v)))
    np.testing.assert_allclose(found.toarray(), dense, rtol=1e-13, atol=1e-15)

"""Loops over rows as one: the same bits by the interpreter, nothing left in memory, and rows that read others left apart."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as g
from graphc.compiler.loops import rows_together as rows
from graphc.compiler.loops.expand_calls import expand_calls
from graphc.compiler.loops.parser import parse
from graphc.compiler.loops.printer import text
from graphc.compiler.loops.program import For
from graphc.compiler.loops.rows_together import LEAST_KEPT, rows_together
from graphc.compiler.loops.unroll import unroll
from graphc.compiler.loops.verifier import verify
from tests.compiler.loops.support import program_of, run_loops


@pytest.fixture(autouse=True)
def however_few(monkeypatch):
    """Rows that hand few numbers over are joined as well."""
    monkeypatch.setattr(rows, "LEAST_KEPT", 1)


def turned(r, x):
    """A point turned by a rotation vector (Rodrigues), then seen by a camera at the origin."""
    angle = g.sqrt(g.sum(r**2) + 1.0)
    across = g.stack([r[1] * x[2] - r[2] * x[1], r[2] * x[0] - r[0] * x[2], r[0] * x[1] - r[1] * x[0]])
    p = g.cos(angle) * x + g.sin(angle) / angle * across + (1 - g.cos(angle)) * g.sum(r * x) * r
    return p[:2] / (3.0 + p[2])


def chained(r, x):
    """Two bodies on a rod, by angles."""
    first = g.stack([g.sin(r[0]), -g.cos(r[0])]) * x[0]
    return first + g.stack([g.sin(r[1]), -g.cos(r[1])]) * x[1] + g.exp(-(r[2] ** 2)) * x[:2]


def rational(r, x):
    """A quotient of polynomials in each component."""
    return (r * x + 1.0) / (1.0 + g.sum(r * r) + x**2)


def jacobians(function, rows="n"):
    """Inputs, and for each row of them the function's value and its Jacobians by both."""
    r, x = g.symbol("r", shape=(rows, 3)), g.symbol("x", shape=(rows, 3))

    def one(r, x):
        value = function(r, x)
        return value, g.jacobian(value, r), g.jacobian(value, x)

    return [r, x], list(g.vmap(one)(r, x))


def point_of(rows, seed=0):
    rng = np.random.default_rng(seed)
    return {"r": rng.normal(size=(rows, 3)), "x": rng.normal(size=(rows, 3))}


def passes(outputs, inputs, point, lengths, rewrite=None):
    """(before, after), the same results by the interpreter."""
    before = unroll(expand_calls(program_of(outputs, inputs, rewrite=rewrite)))
    after = rows_together(before)
    verify(after)
    for mine, right in zip(*(run_loops(p, point, lengths) for p in (after, before)), strict=True):
        assert mine.tobytes() == right.tobytes()
    return before, after


def loops(program):
    return [each for each in program.body if isinstance(each, For)]


@pytest.mark.parametrize("function", [turned, chained, rational])
@pytest.mark.parametrize("rewrite", [None, "stable"])
def test_a_jacobian_for_each_row_is_one_loop_without_memory(function, rewrite):
    inputs, outputs = jacobians(function)
    before, after = passes(outputs, inputs, point_of(4), {"n": 4}, rewrite)
    assert len(loops(after)) == 1 and not after.of_role("workspace")
    assert "bool[" not in text(after) and "holds" not in text(after)  # the masks of a unit matrix are decided
    assert len(loops(before)) > 1 or before.of_role("workspace") or function is rational


@pytest.mark.parametrize("function", [turned, chained, rational])
@pytest.mark.parametrize("rows", [1, 3, 257])
def test_machine_code_has_the_values_of_one_row_at_a_time(function, rows):
    """Against the same function compiled for a single row, and its Jacobian against central differences."""
    inputs, outputs = jacobians(function)
    point = point_of(rows, rows)
    value, by_r, by_x = g.compile(outputs, inputs, cache=False)(point["r"], point["x"])
    r, x = g.symbol("r", shape=3), g.symbol("x", shape=3)
    single = g.compile(function(r, x), [r, x], cache=False)
    for k in {0, rows // 2, rows - 1}:
        at = point["r"][k], point["x"][k]
        assert np.allclose(value[k], single(*at), rtol=1e-13, atol=1e-14)
        for number, jacobian in enumerate((by_r, by_x)):
            for column in range(3):
                step = np.zeros(3)
                step[column] = 1e-5
                ahead = [a + step * (number == i) for i, a in enumerate(at)]
                behind = [a - step * (number == i) for i, a in enumerate(at)]
                slope = (single(*ahead) - single(*behind)) / 2e-5
                assert np.allclose(jacobian[k][:, column], slope, rtol=1e-7, atol=1e-8)


def test_rows_that_hand_few_numbers_over_stay_apart(monkeypatch):
    monkeypatch.setattr(rows, "LEAST_KEPT", LEAST_KEPT)
    inputs, outputs = jacobians(rational)
    before, after = passes(outputs, inputs, point_of(4), {"n": 4})
    assert after is before


def test_no_rows():
    inputs, outputs = jacobians(turned)
    results = g.compile(outputs, inputs, cache=False)(np.zeros((0, 3)), np.zeros((0, 3)))
    assert [result.shape for result in results] == [(0, 2), (0, 2, 3), (0, 2, 3)]


def test_rows_that_read_their_neighbours_stay_apart():
    """What the next row is asked for has to be there."""
    x = g.symbol("x", shape=("n", 3))
    away = g.sin(x) * g.sum(x * x, axis=1, keepdims=True)
    outputs = [away[1:] - away[:-1], g.cumsum(away, axis=0)]
    _, after = passes(outputs, [x], {"x": point_of(5)["x"]}, {"n": 5})
    assert len(after.body) > 1


def test_rows_of_another_number_stay_apart():
    x, y = g.symbol("x", shape=("n", 3)), g.symbol("y", shape=("m", 3))
    outputs = [g.vmap(lambda r: g.jacobian(r / g.sum(r * r), r))(s) for s in (x, y)]
    point = {"x": point_of(4)["x"], "y": point_of(6)["x"]}
    _, after = passes(outputs, [x, y], point, {"n": 4, "m": 6})
    assert len({str(each.extent) for each in loops(after)}) == 2


def test_a_sum_over_all_rows_comes_first():
    """The mean is of all rows, and every row asks for it."""
    x = g.symbol("x", shape=("n", 3))
    lengths = g.sum(x * x, axis=1)
    outputs = [x / lengths[:, None] - g.mean(lengths), lengths]
    passes(outputs, [x], {"x": point_of(6)["x"]}, {"n": 6})
    (mine, _) = g.compile(outputs, [x], cache=False)(point_of(6)["x"])
    at = point_of(6)["x"]
    squares = (at * at).sum(axis=1)
    assert np.allclose(mine, at / squares[:, None] - squares.mean(), rtol=1e-13)


FIRST = """\
program f(n):
  input x: float64[n, 2]
  state s: float64[n, 2]
  result r0: float64[n, 2]
  workspace k0: float64[n, 2]
  check n >= 0: n is below 0
  for i0 < n free parallel:
    k0[i0, 0] = x[i0, 0] * s[PLACE, 1]
    k0[i0, 1] = x[i0, 1] + x[i0, 0]
  for i1 < n free parallel:
    r0[i1, 0] = k0[OTHER, 0] - x[i1, 1]
    r0[i1, 1] = k0[OTHER, 1]
    s[i1, 0] = x[i1, 0]
    s[i1, 1] = x[i1, 1]
"""


@pytest.mark.parametrize(
    ("place", "other", "joined"),
    [
        ("i0", "i1", True),
        ("i0", "-i1 + n - 1", False),  # of a row that is not there yet
        ("i0", "0", False),
        ("-i0 + n - 1", "i1", False),  # of a row that was written anew
        ("0", "i1", False),
    ],
)
def test_what_reads_another_row_than_its_own_stays_apart(place, other, joined):
    program = parse(FIRST.replace("PLACE", place).replace("OTHER", other))
    verify(program)
    rng = np.random.default_rng(3)
    x, s = rng.normal(size=(2, 5, 2))
    after = rows_together(program)
    verify(after)
    states = s.copy(), s.copy()
    (right,), (mine,) = (
        run_loops(p, {"x": x, "s": state}, {"n": 5})
        for p, state in zip((program, after), states, strict=True)
    )
    assert np.array_equal(mine, right) and np.array_equal(*states) and np.array_equal(states[0], x)
    assert (len(loops(after)) == 1) == joined
    assert bool(after.of_role("workspace")) != joined

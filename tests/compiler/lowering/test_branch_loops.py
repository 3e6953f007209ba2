"""Steps that choose by what the first run decided: one side is computed, with the values and slopes of a plain loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import graphc as g
from graphc.compiler.lowering.branch_loops import branch_loops
from graphc.interpret.numpy_eval import run_arrays
from graphc.ir.expr import Expr, walk
from graphc.ir.graph import Dag
from graphc.ops.control import SCAN, SWITCH
from tests.compiler.loops.support import program_of

STEPS = 30


class Chain(NamedTuple):
    """A step, written once over graphc and NumPy: (m, state, row, weight) → (state, what it gives).

    choose : whether the way back is to be a branch
    """

    step: Callable[..., Any]
    size: int
    branches: bool


def _metropolis(m: Any, x: Any, row: Any, w: Any) -> Any:
    moved = x + w * row
    d, e = moved - 0.3, x - 0.3
    new, old = -m.sum(d * d * d * d + 0.5 * d * d), -m.sum(e * e * e * e + 0.5 * e * e)
    taken = row[0] < m.real(new - old)
    x = m.where(taken, moved, x)
    return x, m.sum(x * x) + m.where(taken, new, old)


def _either_way(m: Any, x: Any, row: Any, w: Any) -> Any:
    """Both sides are long."""
    kept = m.real(m.sum(m.sin(x) * row + x * x * w)) > 0.1
    x = m.where(kept, m.sin(w * x * x) * m.cos(x) + row, m.cos(w * x) * m.sin(x * x) * 0.5 - row)
    return x, m.sum(x)


def _short(m: Any, x: Any, row: Any, w: Any) -> Any:
    """A choice of little is none of a branch."""
    x = m.where(m.real(m.sum(x * x * w + row)) > 0.2, 0.5 * x + row, x)
    return x, m.sum(x)


CHAINS = {
    "moves of one": Chain(_metropolis, 1, True),
    "moves of two": Chain(_metropolis, 2, True),
    "moves of five": Chain(_metropolis, 5, True),
    "moves of forty": Chain(_metropolis, 40, False),
    "either way": Chain(_either_way, 2, True),
    "short": Chain(_short, 2, False),
}


class _Numbers:
    """NumPy, with conditions on real parts: an imaginary part of 1e−30 carries the slope."""

    sum, sin, cos, where, real = np.sum, np.sin, np.cos, np.where, np.real


class _Symbols:
    sum, sin, cos, where = g.sum, g.sin, g.cos, g.where

    @staticmethod
    def real(x: Any) -> Any:
        return x


def graph(chain: Chain) -> tuple[list[Expr], list[Expr]]:
    w, start = g.symbol("w"), g.symbol("start", shape=chain.size)
    rows = g.symbol("rows", shape=(STEPS, chain.size))
    end, ys = g.scan(lambda x, row: chain.step(_Symbols, x, row, w), start, rows)
    value = g.sum(ys) + g.sum(end**3)
    return [value, *g.grad(value, [w, start])], [w, start, rows]


def plain(chain: Chain, w: Any, start: Any, rows: Any) -> Any:
    x, total = start, 0.0
    for row in rows:
        x, y = chain.step(_Numbers, x, row, w)
        total = total + y
    return total + np.sum(x**3)


def slopes(chain: Chain, w: float, start: np.ndarray, rows: np.ndarray) -> tuple[float, np.ndarray]:
    """By steps into the imaginary."""
    by_start = [
        plain(chain, w, start + 1e-30j * (np.arange(len(start)) == k), rows).imag / 1e-30
        for k in range(len(start))
    ]
    return plain(chain, w + 1e-30j, start, rows).imag / 1e-30, np.array(by_start)


@pytest.mark.parametrize("name", CHAINS)
def test_values_and_slopes_are_those_of_a_plain_loop(name):
    chain = CHAINS[name]
    rng = np.random.default_rng(len(name))
    w, start, rows = 0.6, 0.3 * rng.normal(size=chain.size), 0.5 * rng.normal(size=(STEPS, chain.size))
    results, symbols = graph(chain)
    value, by_w, by_start = g.compile(results, symbols, cache=False)(w, start, rows)
    np.testing.assert_allclose(value, plain(chain, w, start, rows), rtol=1e-12)
    wanted_w, wanted_start = slopes(chain, w, start, rows)
    scale = np.max(np.abs([wanted_w, *wanted_start]))
    np.testing.assert_allclose([by_w, *by_start], [wanted_w, *wanted_start], rtol=1e-11, atol=1e-12 * scale)


@pytest.mark.parametrize("name", CHAINS)
def test_what_is_chosen_is_a_branch_where_that_saves_much(name):
    results, symbols = graph(CHAINS[name])
    before = Dag(results, symbols)
    bodies = [node.attrs[0] for node in branch_loops(before).exprs if node.op is SCAN]
    branches = any(node.op is SWITCH for body in bodies for node in walk(body.outputs))
    assert branches == CHAINS[name].branches


def test_the_first_run_keeps_what_it_decided():
    program = program_of(*graph(CHAINS["moves of two"]))
    kept = [x for x in program.buffers if x.dtype.kind == "b" and x.shape == (STEPS,)]
    assert len(kept) == 1


SPECIAL = np.array([0.0, -0.0, 1.0, -2.5, np.inf, -np.inf, np.nan, 5e-324])


def test_a_side_is_that_of_the_choice_to_the_bit():
    """Zeros keep their signs, and what was not chosen is not heard of."""
    x, y = g.symbol("x", shape=(64,)), g.symbol("y", shape=(64,))
    taken = g.symbol("taken", shape=(64,), dtype="bool")

    def step(carry: Any, row: Any) -> Any:
        _, last = carry
        a, b, c = row
        long = g.sin(a) * b + g.cos(b) * a + a / b
        more = g.where(c, long * a * b - g.exp(a) * g.tanh(b), 0.0) + g.where(
            ~c | (c & ~c), g.sin(b) / a, 0.0
        )
        out = g.where(c, a, -0.0) + more * g.astype(c, "float64")
        return (g.where(c, out, last), more), (out, g.where(g.astype(c, "float64") != 0.0, a + more, b))

    (total, last), (outs, others) = g.scan(step, (g.constant(0.0), g.constant(-0.0)), (x, y, taken))
    before = Dag([total, last, outs, others], [x, y, taken])
    after = branch_loops(before)
    assert any(
        node.op is SWITCH for loop in after.exprs if loop.op is SCAN for node in walk(loop.attrs[0].outputs)
    )
    a, b = (each.ravel() for each in np.meshgrid(SPECIAL, SPECIAL))
    for held in (np.arange(64) % 2 == 0, np.arange(64) % 3 == 0, np.zeros(64, bool), np.ones(64, bool)):
        with np.errstate(all="ignore"):
            results = [run_arrays(dag, [a, b, held]) for dag in (before, after)]
        for first, second in zip(before.outputs, after.outputs, strict=True):
            mine, wanted = np.asarray(results[1][second]), np.asarray(results[0][first])
            assert np.array_equal(mine, wanted, equal_nan=True)
            number = ~np.isnan(wanted)
            assert np.array_equal(np.signbit(mine)[number], np.signbit(wanted)[number])


def test_what_two_sides_hand_back_is_added_once():
    """The slope by x of both sides of a choice, and twice of a square, is one sum of what is handed back."""
    x, w, c = g.symbol("x"), g.symbol("w"), g.symbol("c", dtype="bool")
    moved = x + w
    value = g.where(c, moved, x) ** 3 + x * x + g.sin(x)
    f: Any = g.compile([g.grad(value, x), g.grad(value, w)], [x, w, c], cache=False)
    for a in (-1.5, 0.3, 2.0):
        for b in (0.1, -0.7):
            for held in (False, True):
                own = a + b if held else a
                by_x, by_w = f(a, b, held)
                np.testing.assert_allclose(by_x, 3 * own**2 + 2 * a + np.cos(a), rtol=1e-15)
                np.testing.assert_allclose(by_w, 3 * own**2 if held else 0.0, rtol=1e-15)

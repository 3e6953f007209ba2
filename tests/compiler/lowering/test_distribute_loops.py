"""What loops compute of their rows alone, in front of them: the same values and derivatives, and no loop that runs twice."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as g
from graphc.compiler import pipeline
from graphc.compiler.loops.program import For, walk_statements
from graphc.compiler.lowering.distribute_loops import distribute_loops
from graphc.compiler.pipeline import Options, unit_of
from graphc.ir.expr import Expr, walk
from graphc.ops.control import SCAN

STEPS = 9


def cell(units: int) -> Callable[..., Any]:
    def step(carry: Any, x: Any) -> Any:
        h, c = carry
        z = h * 0.3 + x
        c = g.sigmoid(z) * c + g.tanh(z)
        h = g.sigmoid(z + 0.1) * g.tanh(c)
        return (h, c), g.sum(h**2)

    return step


def recurrent(units: int) -> tuple[Expr, Expr]:
    x = g.symbol("x", shape=(STEPS, units))
    zero = g.zeros((units,))
    _, ys = g.scan(cell(units), (zero, zero), x)
    return g.sum(ys), x


def joined(units: int) -> tuple[Expr, Expr]:
    """Two halves computed apart and put together."""
    x = g.symbol("x", shape=(STEPS, 2 * units))

    def step(h: Any, row: Any) -> Any:
        h = g.concat([g.exp(-(h[:units] ** 2)) * row[:units], g.tanh(h[units:] + row[units:])])
        return h, g.sum(h)

    _, ys = g.scan(step, g.ones((2 * units,)), x)
    return g.sum(ys**2), x


def power(n: int) -> tuple[Expr, Expr]:
    """The way back needs the product with the matrix for its norm, which the carries do not need, and for the slope."""
    A = g.symbol("A", shape=(n, n))

    def step(v: Any, _: Any) -> Any:
        w = A @ v
        size = g.sqrt(g.sum(w * w))
        return w / size, size

    _, sizes = g.scan(step, g.ones((n,)), length=STEPS)
    return sizes[-1] + 0.1 * g.sum(sizes), A


def soft_minimum() -> tuple[Expr, Expr]:
    x = g.symbol("x", shape=(STEPS,))

    def step(carry: Any, row: Any) -> Any:
        carry = -g.logsumexp(g.stack([-carry, -row, -(carry + row)]))
        return carry, None

    end, _ = g.scan(step, g.constant(1.0), x)
    return end, x


def of_rows_alone() -> tuple[Expr, Expr]:
    x = g.symbol("x", shape=(STEPS,))
    end, _ = g.scan(lambda c, row: (0.5 * c + g.exp(g.sin(row)), None), g.constant(0.0), x, reverse=True)
    return end, x


def nested() -> tuple[Expr, Expr]:
    x = g.symbol("x", shape=(4, STEPS))

    def row(h: Any, xs: Any) -> Any:
        end, _ = g.scan(lambda c, v: (g.tanh(c + g.sin(v)), None), h, xs)
        return end, end**2

    _, ys = g.scan(row, g.constant(0.2), x)
    return g.sum(ys), x


def named() -> tuple[Expr, Expr]:
    x = g.symbol("x", shape=("n",))
    end, _ = g.scan(lambda c, row: (c * g.exp(-(row**2)) + g.sin(row), None), g.constant(1.0), x)
    return end, x


PROGRAMS: dict[str, Callable[[], tuple[Expr, Expr]]] = {
    **{f"recurrent {n}": (lambda n=n: recurrent(n)) for n in (1, 3, 8)},
    **{f"joined {n}": (lambda n=n: joined(n)) for n in (1, 3, 8)},
    **{f"power {n}": (lambda n=n: power(n)) for n in (3, 8)},
    "soft minimum": soft_minimum, "rows alone": of_rows_alone, "nested": nested, "named": named,
}  # fmt: skip


def unrolled(name: str, data: np.ndarray) -> float:
    """The same by Python's own loops."""
    kind, _, units = name.partition(" ")
    sigmoid = lambda z: 1 / (1 + np.exp(-z))
    if kind == "recurrent":
        h = c = np.zeros(int(units))
        total = 0.0
        for x in data:
            z = h * 0.3 + x
            c = sigmoid(z) * c + np.tanh(z)
            h = sigmoid(z + 0.1) * np.tanh(c)
            total += float(np.sum(h**2))
        return total
    if kind == "joined":
        n, h, total = int(units), np.ones(2 * int(units)), 0.0
        for x in data:
            h = np.concatenate([np.exp(-(h[:n] ** 2)) * x[:n], np.tanh(h[n:] + x[n:])])
            total += float(np.sum(h)) ** 2
        return total
    if name == "soft minimum":
        c = 1.0
        for x in data:
            c = -math.log(math.exp(-c) + math.exp(-x) + math.exp(-(c + x)))
        return c
    if kind == "power":
        v, sizes = np.ones(int(units)), []
        for _ in range(STEPS):
            w = data @ v
            sizes.append(math.sqrt(w @ w))
            v = w / sizes[-1]
        return sizes[-1] + 0.1 * sum(sizes)
    if name == "nested":
        h, total = 0.2, 0.0
        for xs in data:
            for v in xs:
                h = math.tanh(h + math.sin(v))
            total += h**2
        return total
    c = 0.0 if name == "rows alone" else 1.0
    for x in data[::-1] if name == "rows alone" else data:
        c = 0.5 * c + math.exp(math.sin(x)) if name == "rows alone" else c * math.exp(-(x**2)) + math.sin(x)
    return c


def slope(name: str, data: np.ndarray, place: tuple[int, ...]) -> float:
    """A difference quotient of fourth order."""
    h, values = 1e-3, []
    for k in (-2, -1, 1, 2):
        moved = data.copy()
        moved[place] += k * h
        values.append(unrolled(name, moved))
    a, b, c, d = values
    return (a - 8 * b + 8 * c - d) / (12 * h)


@pytest.mark.parametrize("name", PROGRAMS)
def test_values_and_slopes_are_those_of_the_steps(name):
    value, x = PROGRAMS[name]()
    shape = [STEPS if isinstance(dim, str) else int(dim) for dim in map(_plain, x.shape)]
    data = np.random.default_rng(3).uniform(0.2, 1.0, size=shape)
    got, back = g.compile(g.value_and_grad(value, x), [x], cache=False)(data)
    assert got == pytest.approx(unrolled(name, data), rel=1e-14)
    for place in [(0,) * len(shape), tuple(n - 1 for n in shape), tuple(n // 2 for n in shape)]:
        assert back[place] == pytest.approx(slope(name, data, place), rel=1e-9, abs=1e-9)


def _plain(dim: Any) -> Any:
    return dim if isinstance(dim, int) else "n"


@pytest.mark.sample(3)
@pytest.mark.parametrize("name", PROGRAMS)
def test_second_derivatives_too(name):
    value, x = PROGRAMS[name]()
    data = np.random.default_rng(4).uniform(
        0.2, 1.0, size=[STEPS if _plain(d) == "n" else d for d in x.shape]
    )
    direction = g.symbol("d", shape=x.shape)
    product = g.hvp(value, x, direction)
    v = np.random.default_rng(5).normal(size=data.shape)
    got = g.compile(product, [x, direction], cache=False)(data, v)
    gradient: Any = g.compile(g.grad(value, x), [x], cache=False)
    h = 1e-4
    quotient = sum(
        w * gradient(data + k * h * v) for k, w in zip((-2, -1, 1, 2), (1, -8, 8, -1), strict=True)
    ) / (12 * h)
    np.testing.assert_allclose(got, quotient, rtol=1e-8, atol=1e-9)


def distributed(name: str) -> list[Expr]:
    value, x = PROGRAMS[name]()
    graph = distribute_loops(g.Graph([value, g.grad(value, x)], [x]))
    return [node for node in graph.exprs if node.op is SCAN]


@pytest.mark.parametrize(
    "name", ["recurrent 3", "joined 3", "joined 8", "soft minimum", "rows alone", "named"]
)
def test_exponentials_of_rows_are_outside_of_loops_that_go_back(name):
    slow = {"exp", "tanh", "sigmoid", "softmax", "sin"}
    for node in distributed(name):
        body, carries, *_ = node.attrs
        carried = set(body.inputs[:carries])
        for inner in walk(body.outputs[:carries]):
            if any(x in carried for x in inner.operands):
                carried.add(inner)
        inside = {inner.op.name for inner in walk(body.outputs[:carries]) if inner.operands}
        assert not inside & slow - {inner.op.name for inner in carried}


@pytest.mark.parametrize("name", ["power 3", "power 8"])
def test_products_of_rows_are_not_done_again_in_loops_that_go_back(name):
    for node in distributed(name):
        body, carries, rows, *_ = node.attrs
        back = rows > 0  # the first run has no rows
        products = [x for x in walk(body.outputs[:carries]) if x.op.name == "matmul"]
        of_carries = set(walk(body.outputs[:carries])) & set(body.inputs[:carries])
        assert of_carries
        for product in products:
            above = set(walk(product.operands))
            assert not back or above & of_carries, product


def test_a_loop_that_keeps_more_for_it_than_it_has_stays_as_it_is():
    x = g.symbol("x", shape=(STEPS,))
    end, _ = g.scan(
        lambda c, row: (g.sum(c * g.exp(row * np.arange(40.0))) + 0 * c, None), g.constant(1.0), x
    )
    dag = g.Graph([end], [x])
    assert distribute_loops(dag).digest == dag.digest


@pytest.mark.parametrize(("name", "most"), [("soft minimum", 2), ("recurrent 3", 2), ("nested", 4)])
def test_value_and_gradient_run_each_loop_once_forwards_and_once_back(name, most):
    """The first run keeps what the second needs; of loops within loops as well."""
    value, x = PROGRAMS[name]()
    unit = unit_of(g.Graph([value, g.grad(value, x)], [x]), Options(rewrite="stable"))
    program = pipeline.loop_program(pipeline.run(unit, pipeline.REWRITING))
    steps = [s for s in walk_statements(program.body) if isinstance(s, For) and s.order == "fixed"]
    assert len(steps) <= most

"""What reverse mode keeps of a loop's run forwards, and sums behind it: slopes beside complex steps through loops in NumPy."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as g
from graphc.autodiff.loop_parts import keeping_little, outer_factors
from graphc.ops.control import SCAN

STEP = 1e-40


def _soft_least(m: Any, *terms: Any) -> Any:
    return -m.logsumexp(m.stack([-term for term in terms]))


def _plain() -> Any:
    """NumPy's functions of complex numbers by the names that the steps use."""

    def softmax(x: Any) -> Any:
        e = np.exp(x - np.max(x.real))
        return e / np.sum(e)

    return types.SimpleNamespace(
        tanh=np.tanh, exp=np.exp, sqrt=np.sqrt, sum=np.sum, stack=np.stack, sin=np.sin, concat=np.concatenate,
        sigmoid=lambda x: 1 / (1 + np.exp(-x)), softmax=softmax,
        logsumexp=lambda x: np.log(np.sum(np.exp(x - np.max(x.real)))) + np.max(x.real),
    )  # fmt: skip


# each: (m, c, x, W) → carry, y; c has 8 numbers, x 8, W 8 × 8
STEPS: dict[str, Callable[..., Any]] = {
    "recurrent": lambda m, c, x, W: (m.tanh(W @ c + x), m.sum(c * c)),
    "normalised": lambda m, c, x, W: ((w := W @ c + x) / (n := m.sqrt(m.sum(w * w))), n),
    "two layers": lambda m, c, x, W: (m.tanh(W.T @ m.sigmoid(W @ c) - x), m.sum(m.sin(W @ x))),
    "product behind a product": lambda m, c, x, W: (m.sin(W @ (W @ c) + x), m.sum(c)),
    "used twice": lambda m, c, x, W: (m.tanh((w := W @ c) * m.sigmoid(w) + x), m.sum(w)),
    "joined": lambda m, c, x, W: (m.tanh(W @ m.concat([c[:3], x[3:]])), c[0] * x[1]),
    "scaled": lambda m, c, x, W: (m.exp(-(W @ c - x) ** 2), m.sum(W * W) * c[2]),
    "shares": lambda m, c, x, W: (
        m.stack([_soft_least(m, c[0] + x[0], x[1], W[0, 1] * c[1]), *[c[k] * W[k, 0] + x[k] for k in range(1, 8)]]),
        _soft_least(m, c[0], x[2]),
    ),
    "softmax": lambda m, c, x, W: (m.concat([m.softmax(W[0, :3] * c[:3] + x[:3]), m.sin(c[3:] + W[3, 3:])]), c[0]),
}  # fmt: skip


def _numbers(name: str, n: int) -> list[np.ndarray]:
    rng = np.random.default_rng(sum(map(ord, name)) + n)
    return [rng.normal(size=8), 0.5 * rng.normal(size=(n, 8)), 0.4 * rng.normal(size=(8, 8))]


READ: dict[str, Callable[..., Any]] = {
    "all": lambda m, end, ys, ys_last: m.sum(end * end) + m.sum(m.sin(ys)),
    "end": lambda m, end, ys, ys_last: m.sum(m.sin(end)),
    "last": lambda m, end, ys, ys_last: ys_last * ys_last,
}


def _by_hand(name: str, read: str, reverse: bool, c: Any, xs: Any, W: Any) -> Any:
    m, order, ys = _plain(), range(len(xs))[:: -1 if reverse else 1], [0j] * len(xs)
    for k in order:
        c, ys[k] = STEPS[name](m, c, xs[k], W)
    return READ[read](m, c, np.stack(ys), ys[-1])


def _written(name: str, read: str, reverse: bool, n: Any, **options: Any) -> tuple[Any, list[g.Expr]]:
    symbols = [g.symbol("c", shape=(8,)), g.symbol("xs", shape=(n, 8)), g.symbol("W", shape=(8, 8))]
    c, xs, W = symbols
    end, ys = g.scan(lambda c, x: STEPS[name](g, c, x, W), c, xs, reverse=reverse, **options)
    return READ[read](g, end, ys, ys[-1]), symbols


def _slopes(name: str, read: str, reverse: bool, at: list[np.ndarray]) -> list[np.ndarray]:
    """By complex steps."""
    result = []
    for place, x in enumerate(at):
        slope = np.empty(x.shape)
        for index in np.ndindex(x.shape):
            moved = [np.asarray(each, complex) for each in at]
            moved[place][index] += STEP * 1j
            slope[index] = _by_hand(name, read, reverse, *moved).imag / STEP
        result.append(slope)
    return result


def _agree(mine: Any, wanted: Any) -> None:
    for one, other in zip(mine, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-12 * max(1.0, np.max(np.abs(other))))


SOME = [(name, read) for k, name in enumerate(STEPS) for read in ("all", ("end", "last")[k % 2])]


@pytest.mark.parametrize(("name", "read"), SOME)
@pytest.mark.sample(3)
def test_slopes_are_those_of_complex_steps(name, read):
    reverse = (len(name) + len(read)) % 2 == 1
    at = _numbers(name, 5)
    value, symbols = _written(name, read, reverse, 5)
    f = g.compile(g.grad(value, symbols), symbols, cache=False)
    wanted = _slopes(name, read, reverse, at)
    _agree(f(*at), wanted)


@pytest.mark.parametrize(
    ("name", "n"), [("recurrent", 1), ("normalised", 7), ("used twice", 2), ("shares", 3)]
)
def test_lengths_that_come_with_a_call_and_checkpoints(name, n):
    at = _numbers(name, n)
    wanted = _slopes(name, "all", False, at)
    value, symbols = _written(name, "all", False, "n")
    _agree(g.compile(g.grad(value, symbols), symbols, cache=False)(*at), wanted)
    value, symbols = _written(name, "all", False, n, checkpoint=2)
    _agree(g.compile(g.grad(value, symbols), symbols, cache=False)(*at), wanted)


@pytest.mark.parametrize("name", ["normalised", "product behind a product", "shares"])
def test_second_derivatives(name):
    at = _numbers(name, 3)
    value, symbols = _written(name, "all", False, 3)
    along = [g.symbol(f"d{k}", shape=x.shape) for k, x in enumerate(at)]
    slope = sum((g.sum(a * b) for a, b in zip(g.grad(value, symbols), along, strict=True)), g.constant(0.0))
    second = g.compile(g.grad(slope, symbols), [*symbols, *along], cache=False)
    rng = np.random.default_rng(5)
    direction = [rng.normal(size=x.shape) for x in at]
    h = 1e-5  # differences of slopes by complex steps: h² and rounding/h
    ends = [
        _slopes(name, "all", False, [x + s * h * d for x, d in zip(at, direction, strict=True)])
        for s in (1, -1)
    ]
    for one, more, less in zip(second(*at, *direction), *ends, strict=True):
        wanted = (more - less) / (2 * h)
        np.testing.assert_allclose(one, wanted, atol=1e-7 * max(1.0, np.max(np.abs(wanted))))


def _products(body: Any) -> int:
    graph = g.Graph(list(body.outputs))
    return sum(node.op.name == "matmul" for node in graph.exprs)


def _back(outputs: list[g.Expr], symbols: list[g.Expr]) -> Any:
    """The body of the loop that runs backwards over a loop that runs forwards."""
    nodes = g.Graph(outputs, symbols).exprs
    return next(node.attrs[0] for node in nodes if node.op is SCAN and node.attrs[4])


def test_products_are_kept_and_those_of_factors_stand_behind_the_loop():
    value, symbols = _written("recurrent", "all", False, 64)
    back = _back(g.grad(value, symbols), symbols)
    assert _products(back) == 1  # Wᵀ of an adjoint; not W @ c again
    assert all(node.op.name != "outer" for node in g.Graph(list(back.outputs)).exprs)
    value, symbols = _written("recurrent", "all", False, 64, checkpoint="sqrt")
    f: Any = g.compile(g.grad(value, symbols), symbols, cache=False)
    f(*_numbers("recurrent", 64))
    _, workspace = f._native.frame({})
    # the carries of 8 parts, those of a part and what is written of one, 8 numbers each, with slopes and rows
    assert workspace.nbytes // 8 <= 3 * 8 * 8 + 8 * 8 * 12 + 64 * 8


def test_small_products_are_summed_at_each_step():
    u, v = g.symbol("u", shape=(2,)), g.symbol("v", shape=(2,))
    wide = [g.symbol(name, shape=(16,)) for name in "xy"]
    assert outer_factors(g.outer(u, v)) is None
    assert outer_factors(g.outer(*wide)) == tuple(wide)
    assert outer_factors(g.outer(u, g.symbol("z", shape=("n",)))) is None
    assert outer_factors(wide[0] * wide[1]) is None
    with keeping_little():
        assert outer_factors(g.outer(*wide)) is None

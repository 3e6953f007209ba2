"""Reverse mode: the record, seeds, branches of any order, and what is refused."""

from __future__ import annotations

import itertools
import math

import mpmath
import numpy as np
import pytest
from mpmath import mp, mpf

import graphc as g
from graphc.autodiff.reverse import reverse
from graphc.errors import GradientError, GraphcError, ShapeError
from graphc.ir.op import all_ops
from tests.oracle import refused

x, y, z = g.symbols("x y z")
INF, NAN = math.inf, math.nan


def at(expr, **values):
    graph = g.Graph(expr, [s for s in (x, y, z) if s.name in values])
    found = graph.forward(values)
    return found[graph.outputs[0]] if len(graph.outputs) == 1 else [found[o] for o in graph.outputs]


def derivatives(expr, order, **values):
    """Value, first, … derivative by x."""
    results = []
    for _ in range(order + 1):
        results.append(at(expr, **values))
        expr = g.grad(expr, x)
    return results


# --- the chain rule -----------------------------------------------------------------------------------------------------


def test_golden_numbers_of_the_lecture():
    w, b = g.symbols("w b")
    L = g.log(1 / (g.exp(-(x * w + b)) + 1))
    graph = g.Graph(L, [x, w, b])
    backward = graph.backward({"x": 2, "w": -3, "b": 6})
    assert [backward[node] for node in graph.inputs] == [-1.5, 1.0, 0.5]
    nodes = [L, L.operands[0], L.operands[0].operands[1], g.exp(-(x * w + b)), -(x * w + b), x * w + b]
    assert [backward[graph.node(node)] for node in nodes] == [1, 2, -0.5, -0.5, -0.5, 0.5]
    f = (x + y) * z
    assert at(f, x=-2, y=5, z=-4) == -12
    assert g.evaluate(g.grad(f, [x, y, z]), {"x": -2, "y": 5, "z": -4}) == [-4, -4, 3]


def test_one_operand_twice():
    record = reverse([x * x], None, [x])
    assert set(record.contributions) == {(x * x, 0), (x * x, 1)}
    assert at(g.grad(x * x, x), x=3) == 6
    assert at(g.grad(x / x, x), x=3) == 0
    assert at(g.grad(x - x, x), x=3) == 0
    assert at(g.grad(x**x, x), x=2) == pytest.approx(4 * (1 + math.log(2)), rel=4e-16)
    assert at(g.grad(g.atan2(x, x), x), x=2) == 0


def test_shared_nodes_add_their_contributions():
    s = g.sin(x)
    record = reverse([s * s + s], None, [x])
    assert len([use for use in record.contributions if use[0].operands[use[1]] is s]) == 3
    assert at(record.adjoint(s), x=0.5) == 2 * math.sin(0.5) + 1
    shared = x
    for _ in range(60):
        shared = shared + shared  # 2⁶⁰ paths, 60 nodes
    assert at(g.grad(shared, x), x=1.0) == 2.0**60


def test_record_pairs_every_use():
    L = g.log(1 / (g.exp(-(x * y + z)) + 1))
    graph = g.Graph(L)
    record = graph.differentiate()
    assert set(record.adjoints) == {node for node in graph.exprs if node.op.name != "constant"}
    values = graph.backward({"x": 2, "y": -3, "z": 6})
    for node in graph.nodes:
        uses = [use for use in graph.users[node] if use in values.contributions]
        if uses:
            assert values[node] == sum(values.contributions[use] for use in uses)
            assert all(values.contributions[u, s] == values[u] * values.partials[u, s] for u, s in uses)


def test_gradients_are_graphs_and_differentiable_to_any_order():
    expr = g.sin(x) * x
    for k in range(1, 7):
        expr = g.grad(expr, x)
        with mp.workdps(40):
            truth = mpmath.diff(lambda t: mpmath.sin(t) * t, mpf("0.7"), k)
        assert at(expr, x=0.7) == pytest.approx(float(truth), rel=1e-13)
        g.Graph(expr).verify()


def test_with_respect_to_inner_nodes():
    inner = x * y
    assert g.grad(g.sin(inner) * x, inner) is g.grad(g.sin(inner) * x, [inner])[0]
    assert at(g.grad(g.sin(inner) * x, inner), x=2.0, y=0.5) == 2 * math.cos(1.0)
    assert g.grad(x, x) is g.constant(1.0)
    assert g.grad(y, x) is g.constant(0.0)
    assert g.grad(g.constant(3.0), x) is g.constant(0.0)
    assert g.grad(x * y, {"a": x, "b": (y, z)}) == {"a": y, "b": (x, g.constant(0.0))}


# --- seeds ------------------------------------------------------------------------------------------------------------------


def test_seeds_weigh_outputs():
    gradient = g.grad((x * y, g.sin(x)), [x, y], seed=(2.0, z))
    assert at(gradient[0], x=0.3, y=5, z=7) == 2 * 5 + 7 * math.cos(0.3)
    assert at(gradient[1], x=0.3, y=5, z=7) == 0.6
    assert at(g.grad((x, x), x, seed=(1, 1)), x=0.0) == 2
    A = g.symbol("A", shape=(3,))
    v = g.symbol("v", shape=(3,))
    assert g.evaluate(g.grad(A * A, A, seed=v), {"A": [1, 2, 3], "v": [1, 10, 100]}).tolist() == [2, 40, 600]
    assert g.evaluate(g.grad(A * A, A, seed=1.0), {"A": [1, 2, 3]}).tolist() == [2, 4, 6]


def test_seeds_are_checked():
    A = g.symbol("A", shape=(3,))
    with pytest.raises(GradientError, match="seed"):
        g.grad(A * 2, A)
    with pytest.raises(GradientError, match="2 outputs"):
        g.grad((x, y), x)
    with pytest.raises(ShapeError, match="seed"):
        g.grad(A * 2, A, seed=np.ones(4))
    for seed in ((1.0,), (1.0, 2.0, 3.0)):
        with pytest.raises(GraphcError, match="seed"):
            g.grad((x, y), x, seed=seed)
    with pytest.raises(GraphcError):
        g.grad(x, x, seed="1")


# --- types ------------------------------------------------------------------------------------------------------------------


def test_gradients_have_the_types_of_their_symbols():
    s = g.symbol("s", dtype="float32")
    assert g.grad(g.sin(s) * 2.5, s).dtype == np.float32
    assert all(
        node.dtype in (np.float32, np.bool_) for node in g.Graph(g.grad(g.silu(g.softplus(s) ** 2), s)).exprs
    )
    single, double = g.grad(s * x, [s, x])
    assert (single.dtype, double.dtype) == (np.float32, np.float64)
    assert g.grad(s.astype("float64") * x, s).dtype == np.float32
    value = g.evaluate(single, {"x": 0.1})
    assert value == np.float32(0.1)


@pytest.mark.parametrize("name", sorted(op.name for op in all_ops()))
def test_every_operation_stays_in_float32(name):
    op = getattr(g, name).op
    if op.partials is None or name in ("astype", "polygamma", "where"):
        return
    symbols = [g.symbol(f"s{i}", dtype="float32") for i in range(op.arity)]
    smooth = [s for slot, s in enumerate(symbols) if not refused(op, slot)]
    for gradient in g.grad(op_applied(name, symbols), smooth):
        assert gradient.dtype == np.float32
        assert not any(node.dtype == np.float64 for node in g.Graph(gradient, symbols).exprs)


def op_applied(name, symbols):
    return getattr(g, name)(*symbols)


def test_what_is_no_float_has_no_derivative():
    i = g.symbol("i", dtype="int64")
    with pytest.raises(GradientError, match="int64"):
        g.grad(i * x, i)
    with pytest.raises(GradientError, match="bool"):
        g.grad(x > 0, x)
    with pytest.raises(GradientError, match="int64"):
        g.grad(i * 2, x)
    with pytest.raises(GradientError, match="cannot differentiate by"):
        g.grad(x, "x")
    assert at(g.grad(x.astype("int64").astype("float64") * x, x), x=2.5) == 2.0
    assert g.evaluate(g.grad(i * x, x), {"i": 3}) == 3.0


def test_broadcast_operands_get_the_sum_over_what_they_were_broadcast_to():
    A = g.symbol("A", shape=(3,))
    a = np.array([1.0, 2.0, 4.0])
    assert g.evaluate(g.grad(A * x, x, seed=1.0), {"A": a, "x": 2.0}) == 7.0
    assert g.evaluate(g.grad(A * x, A, seed=1.0), {"A": a, "x": 2.0}).tolist() == [2.0, 2.0, 2.0]


# --- branches: value and derivatives of any order against plain Python -------------------------------------------------------

POINTS = (-2.0, -1.0, -0.5, 0.25, 1.0, 3.0)

GUARDED = {
    # name: (expression, the taken branch's derivatives of orders 0 to 3 by plain Python)
    "log": (g.where(x > 0, g.log(x), 0), lambda t: (math.log(t), 1 / t, -1 / t**2, 2 / t**3) if t > 0 else (0, 0, 0, 0)),
    "sqrt": (
        g.where(x > 0, g.sqrt(x), 2 * x),
        lambda t: (t**0.5, 0.5 * t**-0.5, -0.25 * t**-1.5, 0.375 * t**-2.5) if t > 0 else (2 * t, 2, 0, 0),
    ),
    "reciprocal": (
        g.where(x < 0, 1 / x, x * x),
        lambda t: (1 / t, -1 / t**2, 2 / t**3, -6 / t**4) if t < 0 else (t * t, 2 * t, 2, 0),
    ),
    "overflow": (
        g.where(x > 0, x, g.exp(1000 * g.exp(x * x) ** 4) * x),
        lambda t: (t, 1, 0, 0) if t > 0 else None,
    ),
    "nested": (
        g.where(x > 0, g.where(x > 1, g.log(x - 1), g.sqrt(1 - x)), g.log(-x)),
        lambda t: (
            (math.log(t - 1), 1 / (t - 1), -1 / (t - 1) ** 2, 2 / (t - 1) ** 3) if t > 1
            else None if t == 1
            else ((1 - t) ** 0.5, -0.5 * (1 - t) ** -0.5, -0.25 * (1 - t) ** -1.5, -0.375 * (1 - t) ** -2.5) if t > 0
            else (math.log(-t), 1 / t, -1 / t**2, 2 / t**3)
        ),
    ),
    "shared by both sides": (
        g.where(x > 0, g.log(x) * 2, g.log(x) * 0 + 1) + g.where(x > 0, 1 / g.log(x + 2), 5),
        lambda t: None if t <= 0 else series(lambda u: 2 * mpmath.log(u) + 1 / mpmath.log(u + 2), t),
    ),
    "a branch of a branch's condition": (
        g.where(g.where(x > 0, g.log(x), -1) > 0, g.sqrt(g.log(x)), x),
        lambda t: series(lambda u: mpmath.sqrt(mpmath.log(u)), t) if t > 1 else (t, 1, 0, 0),
    ),
    "relu of log": (
        g.where(x > 0, g.relu(g.log(x)), 3),
        lambda t: series(mpmath.log, t) if t > 1 else None if t == 1 else (0, 0, 0, 0) if t > 0 else (3, 0, 0, 0),
    ),
    "outside": (
        g.log(g.where(x > 0, x, 1)) * g.sin(x),
        lambda t: series(lambda u: mpmath.log(u) * mpmath.sin(u), t) if t > 0 else (0, 0, 0, 0),
    ),
}  # fmt: skip


def series(function, t):
    """Value and three derivatives by mpmath."""
    with mp.workdps(60):
        return tuple(float(c) for c in mpmath.diffs(function, mpf(t), 3))


@pytest.mark.parametrize("name", GUARDED)
def test_branches_to_third_order(name):
    expr, oracle = GUARDED[name]
    for t in POINTS:
        wanted = oracle(t)
        if wanted is None:
            continue
        assert derivatives(expr, 3, x=t) == pytest.approx(wanted, rel=1e-12, abs=1e-300), t


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
@pytest.mark.parametrize("order", [1, 2])
def test_bad_values_in_the_branch_not_taken_reach_no_gradient(bad, order):
    cases = [
        (g.where(x > 0, x * x * z, y * y * x), {"x": 2.0, "y": bad, "z": 3.0}, x, (12.0, 6.0)),
        (g.where(x > 0, x * x * z, g.sin(y) * x), {"x": 2.0, "y": bad, "z": 3.0}, x, (12.0, 6.0)),
        (g.where(x < 0, y, x * x), {"x": 2.0, "y": bad}, x, (4.0, 2.0)),
        (g.where(x > 0, x, y / 0.0), {"x": 2.0, "y": 1.0}, x, (1.0, 0.0)),
    ]
    for expr, values, by, wanted in cases:
        gradient = expr
        for _ in range(order):
            gradient = g.grad(gradient, by)
        assert at(gradient, **values) == wanted[order - 1]
    gradient = g.grad(g.where(x > 0, x * x, y * y), y)
    assert at(gradient, x=2.0, y=bad) == 0.0


EXTREMA = [
    ("maximum", lambda a, b: g.maximum(a, b)),
    ("minimum", lambda a, b: g.minimum(a, b)),
    ("clip low", lambda a, b: g.clip(a, b, 100)),
    ("clip high", lambda a, b: g.clip(a, -100, b)),
    ("maxout", lambda a, b: g.maxout(a, b, -1000)),
]


@pytest.mark.parametrize(("name", "choose"), EXTREMA, ids=[name for name, _ in EXTREMA])
def test_extrema_pass_the_derivative_to_the_operand_they_choose(name, choose):
    expr = choose(x * x, y * 3)
    for a, b in itertools.product((-3.0, -1.0, 0.5, 2.0), repeat=2):
        first = a * a > 3 * b if name in ("maximum", "clip low", "maxout") else a * a < 3 * b
        dx, dy = g.grad(expr, [x, y])
        assert at(dx, x=a, y=b) == (2 * a if first else 0.0)
        assert at(dy, x=a, y=b) == (0.0 if first else 3.0)
        assert at(g.grad(dx, x), x=a, y=b) == (2.0 if first else 0.0)


def test_the_operand_not_chosen_may_be_infinite_or_have_an_infinite_slope():
    assert at(g.grad(g.minimum(x, g.exp(1000 * x)), x), x=3.0) == 1.0
    assert at(g.grad(g.maximum(x, g.log(y)), [x, y]), x=3.0, y=0.0) == [1.0, 0.0]
    assert at(g.grad(g.relu(g.log(x)), x), x=0.0) == 0.0
    assert at(g.grad(g.clip(1 / x, -1, 1), x), x=0.0) == 0.0
    assert at(g.grad(g.relu(-g.sqrt(x)), x), x=0.0) == 0.0
    assert at(g.grad(g.hard_tanh(g.exp(x)), x), x=1e4) == 0.0
    assert at(g.grad(g.grad(g.relu(g.log(x)), x), x), x=0.0) == 0.0


def test_ties_share():
    assert at(g.grad(g.maximum(x, y), [x, y]), x=2.0, y=2.0) == [0.5, 0.5]
    assert at(g.grad(g.maximum(x, x), x), x=2.0) == 1.0
    assert at(g.grad(g.maxout(x, y, z), [x, y, z]), x=1.0, y=1.0, z=1.0) == [0.25, 0.25, 0.5]
    assert at(g.grad(abs(x) * x, x), x=0.0) == 0.0


def test_nan_operands_make_nan_not_silence():
    """What is taken is not excused: a NaN in the path that counts reaches the gradient."""
    assert math.isnan(at(g.grad(g.where(x > 0, x * y, x), x), x=1.0, y=NAN))
    assert math.isnan(at(g.grad(g.log(x) * g.sin(y), x), x=1.0, y=NAN))


def test_conditions_carry_no_derivative():
    assert at(g.grad(g.where(x * x > y, x, 2 * x), [x, y]), x=3.0, y=1.0) == [1.0, 0.0]
    assert at(g.grad((x > 0).astype("float64") * x, x), x=3.0) == 1.0


def test_stacked_branches_keep_the_graph_small():
    """Paths are merged where both sides of a branch meet: a tower of branches grows linearly."""
    tower = x
    sizes = []
    for k in range(40):
        tower = g.where(tower > k, g.sin(tower), g.cos(tower) * tower)
        if k in (9, 19, 39):
            sizes.append(len(g.Graph(g.grad(tower, x))))
    assert sizes[1] < 2.5 * sizes[0]
    assert sizes[2] < 2.5 * sizes[1]
    assert math.isfinite(at(g.grad(tower, x), x=0.3))


def test_many_uses_under_different_branches():
    """One node used under n different branches: the adjoint's condition does not square with n."""
    shared = g.exp(x)
    total = g.constant(0.0)
    for k in range(200):
        total = total + g.where(x > k, shared * k, g.sin(shared + k))
    assert len(g.Graph(g.grad(total, x))) < 200 * 25
    truth = sum(
        k * math.exp(0.5) if k < 0.5 else math.cos(math.exp(0.5) + k) * math.exp(0.5) for k in range(200)
    )
    assert at(g.grad(total, x), x=0.5) == pytest.approx(truth, rel=1e-13)


def test_both_sides_of_a_branch_merge_into_the_branch_around_them():
    condition = x > 0
    shared = g.exp(x)
    both = g.where(condition, g.where(y > 0, shared * 2, shared * 3), 0.0)
    names = [node.op.name for node in g.Graph(g.grad(both, x)).exprs]
    assert "logical_or" not in names
    assert at(g.grad(both, x), x=1.0, y=-1.0) == 3 * math.exp(1.0)

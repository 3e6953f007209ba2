"""The public graph: forward, backward, the graph that holds both; and graphs of a million nodes."""

from __future__ import annotations

import copy
import gc
import pickle
import sys
from collections import namedtuple

import numpy as np
import pytest
from hypothesis import given

import graphc as g
from graphc.errors import ExpressionError, GradientError, InputError, NameClashError
from graphc.ir.expr import live_nodes
from tests.strategies import Sample, samples

x, y, z = g.symbols("x y z")
w, b = g.symbols("w b")
L = g.log(1 / (g.exp(-(x * w + b)) + 1))
POINT = {"x": 2, "w": -3, "b": 6}


def test_forward_and_backward_of_the_lecture():
    graph = g.Graph(L)
    assert graph.symbols == (x, w, b)
    values = graph.forward(POINT)
    shown = [values[graph.node(e)] for e in (x * w, x * w + b, -(x * w + b), g.exp(-(x * w + b)))]
    assert shown == [-6, 0, 0, 1]
    assert values[graph.outputs[0]] == np.log(0.5)
    backward = graph.backward(POINT)
    assert {str(graph.expr(n)): v for n, v in backward.items() if n in graph.inputs} == {
        "x": -1.5,
        "w": 1.0,
        "b": 0.5,
    }
    product = graph.node(x * w)
    assert backward.contributions[product, 0] == -1.5
    assert backward.partials[product, 0] == -3
    assert backward.forward == values
    assert list(backward) == sorted(backward)
    assert list(backward.values()) == [backward[node] for node in backward]


def test_graph_is_a_dag_with_a_structure():
    Pair = namedtuple("Pair", "value grad")
    graph = g.Graph(Pair(L, {"x": g.grad(L, x)}), [b, w, x])
    assert [s.name for s in graph.symbols] == ["b", "w", "x"]
    assert list(graph.nodes) == list(range(len(graph)))
    assert "nodes" in repr(graph)
    graph.verify()
    assert g.Graph(x, x).symbols == (x,)


def test_unused_inputs_have_adjoint_zero():
    graph = g.Graph(x * 2, [x, y])
    assert (
        graph.backward({"x": 1, "y": 5}) == {0: 2.0, 1: 0.0, 2: 0.0}
        or graph.backward({"x": 1, "y": 5})[1] == 0.0
    )
    with pytest.raises(InputError, match="'y'"):
        graph.forward({"x": 1})


def test_seeds_and_targets():
    graph = g.Graph((x * y, x + y))
    with pytest.raises(GradientError, match="seed"):
        graph.backward({"x": 2, "y": 3})
    adjoints = graph.backward({"x": 2, "y": 3}, seed=(10, 1))
    assert [adjoints[n] for n in graph.inputs] == [31.0, 21.0]
    only = graph.backward({"x": 2, "y": 3}, seed=(10, 1), wrt=[x])
    assert only[0] == 31.0
    assert 1 not in only


def test_arrays_flow_backward():
    graph = g.Graph(x * y + g.sin(x))
    a, c = np.linspace(0, 1, 5), np.arange(5.0)
    adjoints = graph.backward({"x": a, "y": c})
    np.testing.assert_array_equal(adjoints[0], c + np.cos(a))
    np.testing.assert_array_equal(adjoints[1], a)


def test_one_graph_holds_forward_and_backward():
    both = g.Graph(L).with_backward()
    both.verify()
    roles = {both.role(node) for node in both.nodes}
    assert roles == {"input", "constant", "forward", "output", "backward"}
    forward = g.Graph(L)
    for node in both.nodes:
        assert (both.role(node) == "backward") == (both.expr(node) not in forward)
    values = both.forward(POINT)
    assert [values[o] for o in both.outputs] == [np.log(0.5), -1.5, 1.0, 0.5]
    assert both.record.adjoint(x) in both


def test_pickle_and_copy():
    graph = g.Graph({"loss": L, "x": x}, [b, x, w])
    for other in (pickle.loads(pickle.dumps(graph)), copy.copy(graph), copy.deepcopy(graph)):
        assert other.exprs == graph.exprs
        assert other.outputs == graph.outputs
        assert other.structure == graph.structure
        assert other.digest == graph.digest
    both = pickle.loads(pickle.dumps(g.Graph(L).with_backward()))
    both.verify()


def test_errors_come_from_where_they_are_written():
    with pytest.raises(NameClashError, match="'x'"):
        g.Graph(x + g.symbol("x", dtype="float32"))
    with pytest.raises(ExpressionError, match="need 'w'"):
        g.Graph(L, [x, b])


@given(samples(most=8))
def test_adjoints_are_sums_of_contributions(sample: Sample):
    graph = g.Graph(sample.output, sample.symbols)
    if not any(s.dtype.kind == "f" for s in sample.symbols):
        return
    adjoints = graph.backward(sample.at)
    for node in graph.nodes:
        uses = [adjoints.contributions[use] for use in graph.users[node] if use in adjoints.contributions]
        if not uses or node not in adjoints or node in graph.outputs:
            continue
        total, dtype = np.float64(0), graph.expr(node).dtype
        with np.errstate(all="ignore"):
            total = sum(reversed(uses[:-1]), uses[-1]) if dtype == np.float64 else None
        if total is not None and np.isfinite(total) and np.isfinite(adjoints[node]):
            slack = len(uses) * np.spacing(max(abs(u) for u in uses))  # the sum is taken in some order
            assert abs(total - adjoints[node]) <= slack
    gradient = g.grad(sample.output, [s for s in sample.symbols if s.dtype.kind == "f"])
    values = g.Graph(gradient, sample.symbols).forward(sample.at)
    wanted = [values[o] for o in g.Graph(gradient, sample.symbols).outputs]
    found = [adjoints[n] for n, s in enumerate(sample.symbols) if s.dtype.kind == "f"]
    np.testing.assert_array_equal(found, wanted)


# --- deep graphs ----------------------------------------------------------------------------------------------------------


def chain(length: int):
    node = x
    for _ in range(length):
        node = g.sin(node) * 1.0001
    return node


def whole_life(length: int) -> None:
    """Everything that can be done to a chain, under the default recursion limit, against a plain loop."""
    assert sys.getrecursionlimit() <= 10_000
    before = live_nodes()
    deep = chain(length)
    assert deep is chain(length)
    assert len(str(deep)) < 20_000
    assert len(repr(deep)) < 1000
    assert "ldots" in deep._repr_latex_()
    graph = g.Graph(deep)
    assert len(graph) == 2 * length + 2
    assert len(graph.digest) == 64
    assert g.free_symbols(deep) == (x,)
    gradient = g.grad(deep, x)
    both = g.Graph([deep, gradient])
    assert len(both) < 6 * length + 10
    value, slope = 0.5, 1.0
    for _ in range(length):
        value, slope = (
            float(np.sin(np.float64(value))) * 1.0001,
            slope * float(np.cos(np.float64(value))) * 1.0001,
        )
    values = both.forward({"x": 0.5})
    assert values[both.outputs[0]] == value
    # reverse mode multiplies the same factors in the other order: an error of an ulp for each of them
    assert abs(values[both.outputs[1]] - slope) <= 4 * length * np.spacing(abs(slope))
    assert pickle.loads(pickle.dumps(deep)) is deep
    assert g.free_symbols(g.substitute(deep, {x: y})) == (y,)
    assert copy.deepcopy(graph).digest == graph.digest
    del deep, graph, gradient, both
    gc.collect()
    assert live_nodes() <= before + 10


def test_a_chain_of_twenty_thousand_nodes():
    whole_life(10_000)
    graph = g.Graph(chain(2000))
    graph.verify()
    assert graph.nx.number_of_edges() == 3 * 2000
    assert len(graph.backward({"x": 0.5})) == 4001


@pytest.mark.slow
@pytest.mark.long
def test_a_chain_of_a_million():
    whole_life(1_000_000)


def test_a_wide_sum():
    total = x
    for k in range(20_000):
        total = total + x * float(k % 7)
    graph = g.Graph(total)
    assert len(graph.users[0]) == 8
    assert g.evaluate(g.grad(total, x), {}) == 1 + sum(float(k % 7) for k in range(20_000))


def test_many_inputs():
    names = [g.symbol(f"v{k}") for k in range(5_000)]
    total = names[0]
    for name in names[1:]:
        total = total + name
    graph = g.Graph(total, names[::-1])
    graph.verify()
    gradient = g.grad(total, names)
    assert all(d is g.constant(1.0) for d in gradient)
    assert g.evaluate(total, dict.fromkeys(names, 1.0)) == 5_000


def test_deep_branches():
    node = x
    for k in range(2000):
        node = g.where(node > k, node * 0.5, node + 1.0)
    value = 0.3
    for k in range(2000):
        value = value * 0.5 if value > k else value + 1.0
    assert g.evaluate(node, {"x": 0.3}) == value
    gradient = g.grad(node, x)
    assert len(g.Graph(gradient)) < 2000 * 30
    assert 0 < g.evaluate(gradient, {"x": 0.3}) <= 1

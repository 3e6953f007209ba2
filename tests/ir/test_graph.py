"""The static DAG: numbering, operands, the networkx view, digests, and a verifier that finds what is broken."""

from __future__ import annotations

import subprocess
import sys

import networkx
import numpy as np
import pytest
from hypothesis import given

import graphc as g
from graphc.errors import ExpressionError, GraphError, NameClashError, UnknownNameError
from graphc.ir.graph import Dag, transform
from tests.strategies import expressions

x, y, z = g.symbols("x y z")


def test_numbering_is_topological_and_inputs_come_first():
    dag = Dag([(x + y) * z + x])
    assert [str(e) for e in dag.exprs] == ["x", "y", "z", "x + y", "(x + y)*z", "(x + y)*z + x"]
    assert dag.operands == ((), (), (), (0, 1), (3, 2), (4, 0))
    assert dag.inputs == (0, 1, 2)
    assert dag.outputs == (5,)
    assert dag.symbols == (x, y, z)
    assert len(dag) == 6


def test_declared_inputs_set_the_order_and_may_be_unused():
    dag = Dag([x + y], [z, y, x])
    assert dag.symbols == (z, y, x)
    assert dag.inputs == (0, 1, 2)
    dag.verify()
    assert dag.users[0] == ()


def test_one_expression_two_outputs():
    dag = Dag([x * y, x, x * y, 3.5])
    assert dag.outputs == (2, 0, 2, 3)
    assert [dag.role(node) for node in range(4)] == ["input", "input", "output", "constant"]
    dag.verify()


def test_translation_between_nodes_and_expressions():
    dag = Dag([g.sin(x * y)])
    for node in range(len(dag)):
        assert dag.node(dag.expr(node)) == node
    assert x * y in dag
    assert y * x not in dag
    with pytest.raises(UnknownNameError, match="not a node"):
        dag.node(y * x)
    for number in (-1, len(dag), 10**9):
        with pytest.raises(UnknownNameError, match="nodes 0 to 3"):
            dag.expr(number)


def test_networkx_view():
    dag = Dag([x * x - g.atan2(x, 2)])
    graph = dag.nx
    assert type(graph) is networkx.DiGraph
    assert networkx.is_frozen(graph)
    assert list(graph) == list(range(len(dag)))
    square = dag.node(x * x)
    assert graph.edges[0, square]["slots"] == (0, 1)
    assert graph.edges[0, dag.node(g.atan2(x, 2))]["slots"] == (0,)
    assert graph.nodes[0] == {"op": "symbol", "label": "x", "dtype": "float64", "shape": (), "role": "input"}
    assert graph.nodes[square]["op"] == "multiply"
    assert graph.nodes[square]["label"] == "×"
    assert graph.nodes[dag.node(g.constant(2.0))]["label"] == "2"
    assert graph.nodes[dag.outputs[0]]["role"] == "output"
    assert dag.nx is graph
    assert list(networkx.topological_sort(graph))[-1] == dag.outputs[0]


@given(expressions())
def test_networkx_view_is_what_its_public_methods_build(drawn):
    dag = Dag([drawn[0]])
    wanted = networkx.DiGraph()
    for number, node in enumerate(dag.exprs):
        label = node.op.label if node.op.params else str(node)
        wanted.add_node(
            number,
            op=node.op.name,
            label=label,
            dtype=str(node.dtype),
            shape=node.shape,
            role=dag.role(number),
        )
    for user, operands in enumerate(dag.operands):
        for operand in operands:
            slots = tuple(slot for slot, other in enumerate(operands) if other == operand)
            wanted.add_edge(operand, user, slots=slots)
    assert dict(dag.nx.nodes(data=True)) == dict(wanted.nodes(data=True))
    assert sorted(dag.nx.edges(data="slots")) == sorted(wanted.edges(data="slots"))
    assert {n: sorted(dag.nx.pred[n]) for n in dag.nx} == {n: sorted(wanted.pred[n]) for n in wanted}
    assert networkx.utils.graphs_equal(networkx.DiGraph(dag.nx), wanted)


def test_users_are_the_reverse_of_operands():
    dag = Dag([g.where(x > 0, x * x, x), y])
    for node, uses in enumerate(dag.users):
        assert all(dag.operands[user][slot] == node for user, slot in uses)
    assert sum(map(len, dag.users)) == sum(map(len, dag.operands))
    assert dag.users[dag.node(x)] == tuple(sorted(dag.users[dag.node(x)]))


@given(expressions())
def test_random_graphs_hold_every_invariant(drawn):
    output, symbols = drawn
    dag = Dag([output])
    dag.verify()
    assert dag.symbols == symbols
    assert Dag([dag.exprs[dag.outputs[0]]]).exprs == dag.exprs
    assert transform(dag, lambda node: node).exprs == dag.exprs


def test_wrong_inputs_are_named():
    s = g.symbol("x", dtype="float32")
    for build, kind, message in [
        (lambda: Dag([]), ExpressionError, "at least one output"),
        (lambda: Dag([x + y], [x]), ExpressionError, "need 'y'"),
        (lambda: Dag([x + y], [x, y, x]), ExpressionError, "'x' is listed twice"),
        (lambda: Dag([x + y], [x + 1, y]), ExpressionError, "an input is a symbol"),
        (lambda: Dag([x + y], ["x", "y"]), ExpressionError, "an input is a symbol"),
        (lambda: Dag([x + s]), NameClashError, "stands for two symbols"),
        (lambda: Dag([x + y], [s, y]), NameClashError, "stands for two symbols"),
        (lambda: Dag(["x"]), ExpressionError, "g.parse"),
        (lambda: Dag([None]), ExpressionError, "NoneType"),
    ]:
        with pytest.raises(kind, match=message):
            build()


# --- digests ------------------------------------------------------------------------------------------------------------


def test_digests_tell_graphs_apart():
    graphs = [
        Dag([x + y]), Dag([y + x]), Dag([x + y], [y, x]), Dag([x + y, x]), Dag([x, x + y]), Dag([x - y]), Dag([x + z]),
        Dag([x + 1.0]), Dag([x + 2.0]), Dag([x + -0.0]), Dag([x + 0.0]), Dag([x + np.float32(1)]),
        Dag([g.symbol("x", dtype="float32") + 1]), Dag([g.symbol("x", shape=(3,)) + 1]), Dag([x.astype("float32")]),
        Dag([x.astype("int8")]), Dag([x + np.array([1.0])]), Dag([x * x]), Dag([g.square(x)]),
    ]  # fmt: skip
    digests = [graph.digest for graph in graphs]
    assert len(set(digests)) == len(graphs)
    assert all(len(digest) == 64 for digest in digests)


def test_digest_is_the_same_in_another_process_with_another_hash_seed():
    source = (
        "import graphc as g; x, y = g.symbols('x y')\n"
        "print(g.Graph(g.grad(g.where(x > y, g.log(x) * 0.1, g.sin(x * y)), [x, y])).digest)"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", source],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PATH": ""},
        ).stdout
        for seed in ("0", "1", "12345")
    }
    assert len(digests) == 1
    exec(source.splitlines()[0].replace("; ", "\n"), scope := {})
    x, y = scope["x"], scope["y"]
    graph = g.Graph(g.grad(g.where(x > y, g.log(x) * 0.1, g.sin(x * y)), [x, y]))
    assert graph.digest == digests.pop().strip()


# --- the verifier finds what is broken ------------------------------------------------------------------------------------


def broken(change) -> Dag:
    dag = Dag([g.sin(x * y) + z])
    change(dag)
    return dag


def set_nx(dag, change):
    graph = networkx.DiGraph(dag.nx)
    change(graph)
    dag.__dict__["nx"] = graph


BROKEN = {
    "an operand does not come before": lambda d: setattr(
        d, "operands", (*d.operands[:3], (4, 1), *d.operands[4:])
    ),
    "takes 2 operands": lambda d: setattr(d, "operands", (*d.operands[:3], (0,), *d.operands[4:])),
    "operands differ": lambda d: setattr(d, "operands", (*d.operands[:3], (1, 0), *d.operands[4:])),
    "no output needs": lambda d: setattr(d, "outputs", (3,)),
    "two nodes": lambda d: (
        setattr(d, "exprs", (*d.exprs, d.exprs[-1])),
        setattr(d, "operands", (*d.operands, d.operands[-1])),
    ),
    "inputs are not exactly": lambda d: setattr(d, "inputs", (0, 1)),
    "other edges or slots": lambda d: set_nx(d, lambda n: n.add_edge(0, 5, slots=(0,))),
    "has a cycle": lambda d: set_nx(d, lambda n: n.add_edge(5, 3, slots=(0,))),
    "other nodes": lambda d: set_nx(d, lambda n: n.add_node(17)),
}


@pytest.mark.parametrize("message", BROKEN)
def test_verify_finds(message):
    Dag([g.sin(x * y) + z]).verify()
    with pytest.raises(GraphError, match=message):
        broken(BROKEN[message]).verify()


def test_verify_finds_wrong_slots():
    dag = Dag([x * x])
    set_nx(dag, lambda n: n.edges[0, 1].update(slots=(0,)))
    with pytest.raises(GraphError, match="slots"):
        dag.verify()


def test_verify_finds_a_wrong_role():
    dag = Dag([x * x])
    set_nx(dag, lambda n: n.nodes[1].update(role="input"))
    with pytest.raises(GraphError, match="role"):
        dag.verify()


def test_transform_rebuilds_what_depends_on_a_change():
    dag = transform(
        Dag([g.sin(x * y) + z], [z, x, y]), lambda n: g.cos(*n.operands) if n.op.name == "sin" else n
    )
    assert dag.exprs[dag.outputs[0]] is g.cos(x * y) + z
    assert dag.symbols == (z, x, y)

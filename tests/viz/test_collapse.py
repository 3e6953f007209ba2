"""What is folded away: blocks, groups by structure, names in place of long lines."""

from __future__ import annotations

import random
import xml.etree.ElementTree as ET

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphc as g
from graphc.errors import InputError
from graphc.viz import MAX_NODES, fold, view
from graphc.viz.grouping import COLUMNS, EDGES, Net, group, repetition
from tests.counts import examples

x, w = g.symbols("x_fold w_fold")  # their own: expressions stay in the blocks they were written in


def recurrent(steps):
    h = x
    for _ in range(steps):
        h = g.tanh(w * h + x)
    return h


def perceptron(prefix):
    """Two layers in blocks, and a loss in none."""
    h = g.symbol("X", shape=("n", 8))
    with g.scope(prefix):
        for layer, (rows, columns) in enumerate([(8, 5), (5, 3)], 1):
            with g.scope(f"layer {layer}"):
                weight = g.symbol(f"W{layer}{prefix}", shape=(rows, columns))
                bias = g.symbol(f"b{layer}{prefix}", shape=(columns,))
                h = g.relu(h @ weight + bias)
    return g.mean(h * h)


def quotient(shown):
    graph = nx.DiGraph()
    graph.add_edges_from((edge.tail, edge.head) for edge in shown.edges)
    return graph


def by_label(shown, label):
    (found,) = [node for node in shown.nodes if node.label == label]
    return found


# --- blocks -----------------------------------------------------------------------------------------------------


def test_open_blocks_are_frames():
    diagram = g.draw(perceptron("open"))
    assert all(node.kind != "block" for node in diagram.view.nodes)
    for name in ("open", "layer 1", "layer 2"):
        assert name in diagram.svg()
    assert diagram.source.count("subgraph cluster_") == 3


def test_a_collapsed_block_tells_its_inputs_outputs_and_parameters():
    shown = g.draw(perceptron("net"), collapse="layer 1").view
    block = by_label(shown, "layer 1")
    assert (block.kind, block.block) == ("block", ("net",))
    assert block.lines == ("3 operations", "45 parameters")
    (into,) = [edge for edge in shown.edges if edge.head == block.key]
    (out,) = [edge for edge in shown.edges if edge.tail == block.key]
    assert (str(into.shape[1]), str(out.shape[1])) == ("8", "5")


@pytest.mark.parametrize("collapse", [True, "all", ["all"], ("all",)])
def test_all_collapsed(collapse):
    shown = g.draw(perceptron("all"), collapse=collapse).view
    assert by_label(shown, "all").lines == ("6 operations", "63 parameters")
    assert not any(node.label.startswith("layer") for node in shown.nodes)


def test_a_path_names_one_of_two_blocks_of_a_name():
    shown = g.draw(perceptron("one") + perceptron("two"), collapse="two/layer 1").view
    (block,) = [node for node in shown.nodes if node.kind == "block"]
    assert (block.label, block.block) == ("layer 1", ("two",))


def test_what_goes_into_a_block_and_comes_back():
    """Under the line into a block stands the sum of what its uses hand back, which is the derivative if it has no other."""
    a = g.symbol("a")
    with g.scope("inside"):
        y = g.sin(a) * a + a * 3
    at = {"a": 0.7}
    shown = g.draw(y, at, collapse=True).view
    (edge,) = [edge for edge in shown.edges if edge.tail == "n0"]
    assert edge.value == 0.7
    assert edge.contribution == pytest.approx(g.evaluate(g.grad(y, a), at), rel=4 * 2**-53)


@pytest.mark.parametrize("collapse", ["layer 9", ["layer 1", "nonsense"], 3, [3], {"layer 1": True}])
def test_what_is_no_block(collapse):
    with pytest.raises(InputError, match=r"block|collapse") as caught:
        g.draw(perceptron("net"), collapse=collapse)
    assert caught.value.hint


@pytest.mark.parametrize("max_nodes", [0, -1, True, 2.5, "60"])
def test_what_is_no_number_of_nodes(max_nodes):
    with pytest.raises(InputError, match="max_nodes"):
        g.draw(x, max_nodes=max_nodes)


def test_innermost_blocks_collapse_first():
    h = x
    for stage in range(3):
        with g.scope(f"stage {stage}"):
            for layer in range(4):
                with g.scope(f"layer {layer}"):
                    for _ in range(6):
                        h = g.tanh(h * w)
    labels = [node.label for node in g.draw(h).view.nodes if node.kind == "block"]
    assert labels == [f"layer {layer}" for _ in range(3) for layer in range(4)]
    labels = [node.label for node in g.draw(h, max_nodes=12).view.nodes if node.kind == "block"]
    assert labels == ["stage 0", "stage 1", "stage 2"]
    assert all(node.kind != "block" for node in g.draw(h, max_nodes=None).view.nodes)


def test_one_block_around_everything_is_not_all_that_is_shown():
    with g.scope("model"):
        y = recurrent(100)
    shown = g.draw(y).view
    assert 8 <= len(shown.nodes) <= MAX_NODES
    assert {node.block for node in shown.nodes if node.kind == "block"} == {("model",)}


def test_a_block_that_is_left_and_entered_again_is_drawn():
    with g.scope("twice"):
        a = g.sin(x)
    middle = g.exp(a)
    with g.scope("twice"):
        y = g.cos(middle)
    shown = g.draw(y, {x: 1}, collapse=True)
    block = by_label(shown.view, "twice")
    assert {(e.tail, e.head) for e in shown.view.edges} >= {(block.key, "n2"), ("n2", block.key)}
    ET.fromstring(shown.svg())


def test_hostile_names_of_scopes():
    with g.scope('<b>"&\n]; evil'), g.scope("\\N עברית"):
        y = x * 2
    shown = [
        "".join(t.itertext())
        for t in ET.fromstring(g.draw(y).svg().encode()).iter()
        if t.tag.endswith("text")
    ]
    assert '<b>"&↵]; evil' in shown and "\\N עברית" in shown
    assert "evil" in g.draw(y, collapse=True).svg()


# --- by structure -----------------------------------------------------------------------------------------------


def chain(length):
    h = g.symbol("start")  # of no other test, whose blocks its nodes could belong to
    for _ in range(length):
        h = g.sin(h)
    return h


def many_inputs():
    return sum((g.symbol(f"a{i}") * g.symbol(f"b{i}") for i in range(1, 400)), start=g.symbol("a0"))


def layers():
    values = [g.symbol(f"in_{i}") for i in range(6)]
    for layer in range(3):
        values = [
            g.tanh(
                sum((g.symbol(f"w{layer}_{i}_{j}") * v for i, v in enumerate(values)), start=g.constant(0.0))
            )
            for j in range(8)
        ]
    return values


def random_graph(size=3000, window=200):
    rng = random.Random(7)
    nodes = [x, w]
    for number in range(size):
        a, b = (nodes[rng.randrange(max(0, len(nodes) - window), len(nodes))] for _ in range(2))
        nodes.append([a + b, a * b, g.sin(a) + b][number % 3])
    return sum(nodes[-window:], start=g.constant(0.0))


def wide():
    return [g.sin(x * k) for k in range(300)]


@pytest.mark.parametrize(
    "make", [lambda: chain(10_000), lambda: recurrent(500), many_inputs, layers, random_graph, wide],
    ids=["chain", "recurrent", "inputs", "layers", "random", "wide"],
)  # fmt: skip
@pytest.mark.sample(2)
def test_any_graph_is_a_page(make):
    diagram = g.draw(make())
    shown = quotient(diagram.view)
    assert len(diagram.view.nodes) <= 2 * MAX_NODES  # with names in place of long lines
    assert shown.number_of_edges() <= EDGES * MAX_NODES + 2 * MAX_NODES
    assert nx.is_directed_acyclic_graph(shown)
    assert nx.dag_longest_path_length(shown) <= COLUMNS + 3  # an input before, an output behind
    assert sum(node.kind == "block" for node in diagram.view.nodes) >= 2
    ET.fromstring(diagram.svg())


def test_a_loop_is_cut_at_its_seams():
    labels = {node.label for node in g.draw(recurrent(60)).view.nodes if node.kind == "block"}
    assert labels == {"×, +, tanh"}


def test_groups_hold_every_operation_once():
    shown = g.draw(chain(10_000)).view
    times = [int(node.label.split("(")[1].split()[0]) for node in shown.nodes if node.kind == "block"]
    single = sum(node.kind == "operation" for node in shown.nodes)
    assert sum(times) + single == 10_000


@st.composite
def nets(draw):
    count = draw(st.integers(1, 60))
    operands = [draw(st.lists(st.integers(0, node - 1), max_size=3)) if node else [] for node in range(count)]
    labels = [draw(st.sampled_from("abc")) if inside else None for inside in operands]
    blocks = [draw(st.sampled_from([(), ("p",)])) for _ in operands]
    return Net(operands, labels, blocks)


@settings(max_examples=examples(30))
@given(nets(), st.integers(4, 20))
def test_grouping_is_a_partition_that_respects_blocks(net, limit):
    groups = group(net, limit)
    assert all(groups[root] == root and root >= node for node, root in enumerate(groups))
    assert all(net.blocks[node] == net.blocks[root] for node, root in enumerate(groups))
    assert group(net, limit) == groups


@settings(max_examples=examples(30))
@given(nets(), st.integers(4, 20))
def test_grouping_without_blocks_makes_no_cycle(net, limit):
    net = Net(net.operands, net.labels, [()] * len(net.labels))
    groups = group(net, limit)
    shown = nx.DiGraph()
    shown.add_edges_from(
        (groups[o], groups[node])
        for node, inside in enumerate(net.operands)
        for o in inside
        if groups[o] != groups[node]
    )
    assert nx.is_directed_acyclic_graph(shown)


@given(st.lists(st.sampled_from("ab"), max_size=12))
def test_repetition(labels):
    once, times = repetition(labels)
    assert list(once) * times == labels
    shortest = next(
        (
            n
            for n in range(1, len(labels) + 1)
            if len(labels) % n == 0 and labels[:n] * (len(labels) // n) == labels
        ),
        0,
    )
    assert len(once) == shortest


# --- rows -------------------------------------------------------------------------------------------------------


def test_a_long_row_is_broken_and_says_where_it_goes_on():
    h = x
    for number in range(30):
        h = [g.sin, g.tanh, g.exp][number % 3](h)
    plain = view(g.Graph(h), {x: 0.5})
    shown = fold(plain, max_nodes=60)
    signs = [node.label for node in shown.nodes if node.kind == "reference"]
    assert signs == ["①", "①", "②", "②", "③", "③"]
    drawn = nx.DiGraph()
    drawn.add_edges_from((e.tail, e.head) for e in shown.edges if not e.hidden)
    assert nx.number_weakly_connected_components(drawn) == 4
    assert nx.dag_longest_path_length(drawn) <= 11
    # every value of the whole row is still there, once
    told = [(e.value, e.contribution) for e in shown.edges if e.value is not None]
    assert told == [(e.value, e.contribution) for e in plain.edges]
    svg = g.draw(h, {x: 0.5}).svg()
    assert svg.count("①") == 2
    root = ET.fromstring(svg.encode())
    width, height = (float(root.get(side, "").removesuffix("pt")) for side in ("width", "height"))
    assert width / height < 12


def test_a_row_is_not_broken_where_two_lines_lead_on():
    h, past = g.exp(x), g.sin(w)
    for _ in range(20):
        h = g.tanh(h)
    shown = fold(view(g.Graph(h * past * g.sin(past))), max_nodes=60)
    assert any(edge.hidden for edge in shown.edges)
    parallel = g.exp(x)
    left, right = parallel, g.sin(parallel)
    for _ in range(18):
        left, right = g.tanh(left), g.sin(right)
    shown = fold(view(g.Graph(left * right)), max_nodes=60)
    assert not any(edge.hidden for edge in shown.edges)


def test_short_rows_and_whole_frames_are_left_alone():
    h = x
    for _ in range(10):
        h = g.sin(h)
    assert not any(edge.hidden for edge in g.draw(h).view.edges)
    h = g.symbol("x_framed")
    with g.scope("framed"):
        for number in range(30):
            h = [g.sin, g.tanh, g.exp][number % 3](h)
    assert not any(edge.hidden for edge in g.draw(h).view.edges)


# --- names in place of long lines ---------------------------------------------------------------------------------


def test_a_weight_of_many_steps_is_named_again_where_it_is_used():
    shown = g.draw(recurrent(60), {x: 0.5, w: 0.7}, max_nodes=None).view
    references = [node for node in shown.nodes if node.kind == "reference"]
    assert {node.label for node in references} == {"x_fold", "w_fold"}
    assert len(references) > 100
    keys = [node.key for node in shown.nodes]
    assert len(set(keys)) == len(keys)
    # every use keeps its value and what it hands back
    plain = view(g.Graph(recurrent(60)), {x: 0.5, w: 0.7})
    assert [(e.head, e.slot, e.value, e.contribution) for e in shown.edges] == [
        (e.head, e.slot, e.value, e.contribution) for e in plain.edges
    ]


def test_few_uses_and_near_ones_keep_their_lines():
    small = view(g.Graph(x * w + x * 2 + g.sin(x) + g.cos(x)))
    assert fold(small) == small


@pytest.mark.parametrize("count, lines", [(5, 5), (40, 1)])
def test_a_group_of_inputs_and_the_places_of_one_operation(count, lines):
    stacked = g.sum(g.stack([g.symbol(f"x_{number}") for number in range(count)]))
    shown = g.draw(stacked, max_nodes=4 if count > 5 else None).view
    into = [
        edge for edge in shown.edges if edge.head == next(n.key for n in shown.nodes if n.label == "stack")
    ]
    assert len(into) == lines
    assert count == lines or into[0].note == f"{count} values"

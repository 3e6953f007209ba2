"""The layout of graphc's own, held against what `measure` finds in the SVG, and against all orders of small graphs."""

from __future__ import annotations

import random
from itertools import chain, permutations

import pytest

import graphc as g
from graphc.viz.collapse import fold
from graphc.viz.layered.components import closing
from graphc.viz.layered.layers import layers
from graphc.viz.layered.network import Network, NetworkLine, Vertex
from graphc.viz.layered.ordering import Ordering
from graphc.viz.layered.parts import fill
from graphc.viz.layered.sifting import Sifting, ties_of
from tests.benchmarks.crossings import Program, networks
from tests.viz.measure import measure, read
from tests.viz.nested import nested

BOX = (10.0, 10.0, 10.0, 10.0)


def laid_out_here(diagram):
    assert diagram._scene is not None, "laid out by Graphviz"
    return diagram.svg()


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.sample(2)
def test_nothing_meets_and_nothing_overlaps(seed):
    found = measure(laid_out_here(nested(seed)))
    assert found.meets == found.overlaps == () and found.distance <= 4


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1200))
def test_random_graphs(seed):
    found = measure(laid_out_here(nested(seed)))
    assert found.meets == found.overlaps == ()


@pytest.mark.parametrize("seed", range(2, 8))
def test_lines_may_lead_down(seed):
    diagram = nested(seed, most=40)
    found = measure(laid_out_here(g.viz.Diagram(diagram.view, layout="down")))
    assert found.meets == found.overlaps == ()


def test_a_picture_is_the_same_every_time():
    assert nested(5).svg() == nested(5).svg()


def test_operands_stand_in_their_order():
    a, b, c, d = g.symbols("a b c d")
    drawing = read(g.draw((b - a) * g.maximum(d, c)).svg())
    ys = [edge.points[-1, 1] for edge in drawing.edges if edge.head == drawing.edges[-2].head]
    middles = {key: (node.box[1] + node.box[3]) / 2 for key, node in drawing.nodes.items()}
    by_head: dict[str, list] = {}
    for edge in drawing.edges:
        by_head.setdefault(edge.head, []).append(edge)
    for edges in by_head.values():
        if len(edges) == 2:
            first, second = edges
            assert first.points[-1, 1] < second.points[-1, 1]
            assert middles[first.tail] < middles[second.tail]
    assert ys


def test_the_longest_way_is_straight():
    x, w, b = g.symbols("x w b")
    drawing = read(g.draw(g.log(1 / (g.exp(-(x * w + b)) + 1)), {"x": 2, "w": -3, "b": 6}).svg())
    tails = {edge.tail for edge in drawing.edges}
    spine = [edge for edge in drawing.edges if edge.tail not in ("n0", "n1", "n2")]
    assert len(spine) >= 6 and tails
    for edge in spine:
        assert abs(edge.points[:, 1] - spine[0].points[0, 1]).max() < 0.1


def crossings(network: Network, order: dict[int, float]) -> int:
    """Crossings of straight lines between two columns, counted by hand."""
    lines = network.lines
    return sum(
        (order[a.tail] - order[b.tail]) * (order[a.head] - order[b.head]) < 0
        for n, a in enumerate(lines)
        for b in lines[:n]
    )


@pytest.mark.parametrize("number", range(12))
def test_crossings_are_as_few_as_any_order_has(number):
    rng = random.Random(number)
    upper, lower = 4, 4
    pairs = [(tail, upper + head) for tail in range(upper) for head in range(lower) if rng.random() < 0.5]
    pairs += [(0, upper + head) for head in range(lower) if all(pair[1] != upper + head for pair in pairs)]
    network = Network(
        [Vertex((), BOX) for _ in range(upper + lower)],
        [NetworkLine(tail, head, slot) for slot, (tail, head) in enumerate(pairs)],
        {},
    )
    columns = layers(network)
    assert columns is not None
    ordering = Ordering(network, fill(network, columns), columns.count)
    assert ordering.improve()
    place = {n: float(ordering.place[n]) for n in range(upper + lower)}
    best = min(
        crossings(
            network, {**dict(zip(one, range(4), strict=True)), **dict(zip(other, range(4), strict=True))}
        )
        for one in permutations(range(upper))
        for other in permutations(range(upper, upper + lower))
    )
    assert crossings(network, place) == best


def inner_networks(seeds, most):
    for seed in seeds:
        yield from ((seed, *found) for found in networks(nested(seed, most=most)))


@pytest.mark.parametrize("seed", [12, 24, 29, 33, 35, 50, 56, 91])
def test_small_pictures_have_the_fewest_crossings(seed):
    for _, network, filled, gaps in inner_networks([seed], 25):
        ordering = Ordering(network, filled, gaps)
        assert ordering.improve()
        assert ordering.crossings() == (Program(network, filled, gaps).least(), 0)


@pytest.mark.parametrize("seed", range(0, 24, 2))
def test_the_cost_of_an_order_is_known_at_all_times(seed):
    for _, network, filled, gaps in inner_networks([seed], 60):
        sifting, generator = Sifting(network, filled, gaps, ties_of(network)), random.Random(seed)
        for _ in range(6):
            for _ in range(3):
                sifting.put(
                    generator.choice([*chain.from_iterable(sifting.children.values())]), generator.random()
                )
                assert sifting.cost == sifting.costs()
            before = sifting.cost
            sifting.sift()
            assert sifting.cost == sifting.costs() <= before
            assert sorted(sifting.order) == list(range(len(filled.parts)))
            assert [sifting.order[at] for at in sifting.place] == list(range(len(filled.parts)))


@pytest.mark.parametrize("seed", [2, 15, 46])
def test_a_search_is_no_worse_than_sifting_alone(seed):
    for _, network, filled, gaps in inner_networks([seed], 60):
        sifting = Sifting(network, filled, gaps, ties_of(network))
        sifting.sift()
        ordering = Ordering(network, filled, gaps)
        ordering._search(100_000, 300)
        assert ordering._sifting.cost == ordering._sifting.costs() <= sifting.cost


def both_ways():
    """Two frames of which each feeds the other, directly and along one way."""
    # equal formulas are one, with the frames that they were first written in: names that no other test has
    x, y = g.symbols("x_circle y_circle")
    with g.scope("one"):
        a = g.sin(x)
    with g.scope("two"):
        b, c = g.exp(a), g.cos(y)
    with g.scope("one"):
        d = g.tanh(c)
    with g.scope("outer"):
        with g.scope("inner"):
            p = g.sin(b)
        q = g.exp(p)
        with g.scope("inner"):
            r = g.cos(q)
    return {"in a circle": b + d, "left and entered again": r, "all": r + d}


@pytest.mark.parametrize("case", both_ways())
def test_frames_that_lead_into_each_other_are_drawn_in_pieces(case):
    svg = laid_out_here(g.draw(both_ways()[case]))
    found, drawing = measure(svg), read(svg)
    assert found.meets == found.overlaps == ()
    titles = {"one": 2, "two": 2} if case == "in a circle" else {"outer": 1, "inner": 2}
    texts = [part for part in svg.split(">") if part.endswith("</text")]
    for title, least in titles.items():
        assert sum(part == f"{title}</text" for part in texts) >= least
    assert len(drawing.frames) >= sum(titles.values())


def test_the_longest_way_through_a_circle_ends():
    """Folded blocks may lead into each other both ways."""
    from graphc.viz.layered.components import depths_of, spine_of

    pairs = [(0, 1), (1, 2), (2, 1), (2, 3)]
    assert spine_of(pairs, depths_of(4, pairs)) <= set(pairs)
    assert spine_of([(0, 1), (1, 0)], [0, 0]) == {(0, 1), (1, 0)}


def circles(view) -> int:
    """How many edges have to be left out, one after another, until an order of all nodes is found (Kahn, 1962)."""
    left, edges = {node.key for node in view.nodes}, [(edge.tail, edge.head) for edge in view.edges]
    count = 0
    while left:
        free = {key for key in left if not any(head == key for _, head in edges)}
        if not free:
            count, edges = count + 1, edges[1:]
        left -= free
        edges = [pair for pair in edges if pair[0] in left]
    return count


@pytest.mark.parametrize("layout", ["right", "down"])
@pytest.mark.parametrize(("seed", "most"), [(140, 18), (140, 14), (140, 4)])
def test_folded_blocks_that_lead_into_each_other(seed, most, layout):
    """One of two lines leads back, outside of what is between, with its values: nothing was drawn here for a page."""
    view = fold(nested(seed)._whole, None, most, rows=False)
    assert circles(view)
    svg = laid_out_here(g.viz.Diagram(view, layout=layout))
    found = measure(svg)
    assert found.meets == found.overlaps == ()
    assert len(read(svg).edges) >= len(view.edges)  # more where it stands in rows


@pytest.mark.parametrize("seed", range(8))
def test_edges_that_close_a_circle(seed):
    rng = random.Random(seed)
    pairs = [(rng.randrange(9), rng.randrange(9)) for _ in range(rng.randrange(30))]
    found = closing(9, pairs)
    rest = [pair for number, pair in enumerate(pairs) if number not in found]
    known: set[int] = set()
    for _ in range(9):
        known |= {n for n in range(9) if all(tail in known for tail, head in rest if head == n)}
    assert known == set(range(9))
    for number in found:  # each lies on a circle
        seen, waiting = set(), [pairs[number][1]]
        while waiting:
            at = waiting.pop()
            if at not in seen:
                seen.add(at)
                waiting += [head for tail, head in pairs if tail == at]
        assert pairs[number][0] in seen

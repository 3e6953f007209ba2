"""Scopes: which block an expression belongs to, and that nothing else depends on it."""

from __future__ import annotations

import threading

import pytest

import graphc as g
from graphc.errors import ExpressionError
from graphc.ir.scopes import DEEPEST, common, here
from graphc.viz.view_graph import view


def test_blocks_nest_and_outside_is_none():
    x = g.symbol("x_nest")
    with g.scope("net"):
        with g.scope("layer 1"):
            w = g.symbol("w_nest")
            h = g.tanh(w * x)
        y = h + 1
    assert (x.block, w.block, h.block, y.block) == ((), ("net", "layer 1"), ("net", "layer 1"), ("net",))
    assert (w * x).block == ("net", "layer 1")  # written again outside of any: that says nothing
    assert (y * 2).block == ()


def test_what_is_written_in_two_blocks_belongs_to_what_encloses_both():
    x = g.symbol("x_two")
    with g.scope("net"):
        with g.scope("a"):
            first = g.exp(x)
        with g.scope("b"):
            again = g.exp(x)
    assert first is again and again.block == ("net",)
    with g.scope("other"):
        g.exp(x)
    assert first.block == ()
    with g.scope("net"):
        g.exp(x)
    assert first.block == ()


def test_the_same_model_built_again_has_the_blocks_it_had():
    def model():
        x = g.symbol("x_again")
        for layer in range(3):
            with g.scope(f"layer {layer}"):
                x = g.sin(x * (layer + 2))
        return x

    kept = model()
    blocks = [node.block for node in g.Graph(kept).exprs]
    assert model() is kept
    assert [node.block for node in g.Graph(kept).exprs] == blocks


def test_identity_digest_and_text_do_not_depend_on_blocks():
    x = g.symbol("x_same")
    with g.scope("here"):
        inside = g.cos(x) * 3
    assert inside is g.cos(x) * 3
    assert g.Graph(inside).digest == g.Graph(g.cos(x) * 3).digest


def test_a_derivative_lies_in_the_derivative_of_the_block():
    x, v = g.symbols("x_d v_d")
    with g.scope("net"), g.scope("layer 1"):
        h = g.tanh(x * v)
    loss = h * h
    before = {node: node.block for node in g.Graph(loss).exprs}
    dx = g.grad(loss, x)
    made = {node.block for node in g.Graph(dx).exprs if node not in before}
    assert made == {(), ("∂net", "layer 1")}
    assert all(node.block == block for node, block in before.items())
    tangent = g.jvp(g.sin(h), x, v)
    assert ("∂net", "layer 1") in {node.block for node in g.Graph(tangent).exprs}
    assert h.block == ("net", "layer 1")


def test_a_derivative_taken_inside_a_scope():
    x = g.symbol("x_in")
    with g.scope("net"):
        with g.scope("layer"):
            h = g.sin(x) * x
        dx = g.grad(h * h, x)
    assert h.block == ("net", "layer")
    blocks = {node.block for node in g.Graph(dx).exprs}
    assert ("net", "∂layer") in blocks
    assert not any(block[:1] == ("∂net",) for block in blocks)


def test_substitution_and_rewriting_keep_blocks():
    x, y = g.symbols("x_s y_s")
    with g.scope("net"):
        h = g.exp(x) - 1
    assert g.substitute(h, {x: y}).block == ("net",)
    assert g.simplify(h * 1).block == ("net",)
    stable = g.stabilize(h)
    assert stable.op.name == "expm1" and stable.block == ("net",)
    assert x.block == y.block == ()


def test_threads_have_their_own():
    seen = []
    with g.scope("mine"):
        thread = threading.Thread(target=lambda: seen.append(here()))
        thread.start()
        thread.join()
    assert seen == [((), False)]


def test_a_scope_is_left_when_an_error_is_raised():
    with pytest.raises(RuntimeError), g.scope("net"):
        raise RuntimeError
    assert here() == ((), False)


def test_as_a_decorator():
    @g.scope("block")
    def block(x):
        return g.tanh(x) + 7

    assert block(g.symbol("x_dec")).block == ("block",)


@pytest.mark.parametrize("name", ["", "  ", 3, None, ["a"]])
def test_what_is_no_name(name):
    with pytest.raises(ExpressionError, match="a scope's name"), g.scope(name):
        pass


def test_a_recursion_is_refused_before_it_is_a_picture():
    def deeper(level):
        with g.scope(f"level {level}"):
            deeper(level + 1)

    with pytest.raises(ExpressionError, match=f"lies in {DEEPEST} others"):
        deeper(0)
    assert here() == ((), False)


def test_common():
    assert common((), ("a",)) == ()
    assert common(("a", "b"), ("a", "b", "c")) == ("a", "b")
    assert common(("a", "b"), ("b", "b")) == ()


# --- what was written outside of every scope first ---------------------------------------------------------------------


def frames(*outputs, **options):
    """Block → the labels of what a picture draws in it."""
    drawn = {}
    for node in view(g.Graph(list(outputs)), **options).nodes:
        if node.kind != "constant":
            drawn.setdefault(node.block, []).append(node.label)
    return drawn


def shared_product(x):
    return g.tanh(x * 3 + 1), lambda: x * 3 - 2


def shared_root(x):
    formula = g.tanh(x * 3)
    return formula, lambda: g.tanh(x * 3) - 2


def shared_symbol(x):
    return x * 5, lambda: g.symbol(x.name) * 7


def shared_array(x):
    V = g.symbol("V_early", shape=("n", 2))
    return g.sum(g.exp(V), axis=0), lambda: g.max(g.exp(V) * x)


@pytest.mark.parametrize("shared", [shared_product, shared_root, shared_symbol, shared_array])
def test_a_scope_of_another_model_does_not_frame_an_earlier_formula(shared):
    early, write = shared(g.symbol(f"x_{shared.__name__}"))
    before, source = frames(early), g.draw(early).source
    with g.scope("encoder"), g.scope("layer 1"):
        late = write()
    assert frames(early) == before and set(before) == {()}
    assert g.draw(early).source == source
    assert {node.block for node in g.Graph(early).exprs} == {()}
    # the later model has its frame with all that stands in it
    inside = frames(late)[("encoder", "layer 1")]
    assert len(inside) > 1
    assert late.block == ("encoder", "layer 1")
    again = frames(late)
    with g.scope("another"):
        write()
    assert frames(early) == before
    assert set(frames(late)) <= {(), *again}


def test_the_same_holds_beside_the_backward_graph_and_on_the_page():
    x, y = g.symbols("x_page y_page")
    early = g.sin(x * y) * 2
    at = {"x_page": 0.5, "y_page": 2.0}
    before = g.draw(early, at=at).source
    with g.scope("net"):
        g.cos(x * y)
    assert g.draw(early, at=at).source == before
    assert "cluster" not in before


def test_a_formula_that_is_gone_frames_and_unframes_nothing():
    x = g.symbol("x_gone")
    g.exp(x * 11)
    with g.scope("net"):
        late = g.exp(x * 11)
    assert frames(late)[("net",)] == frames(late)[late.block]
    assert late.block == ("net",)


def test_what_is_derived_says_nothing_of_where_it_was_written():
    x, y = g.symbols("x_derived y_derived")
    slope = g.grad(x * x * y, x)
    with g.scope("net"):
        again = g.substitute(x + y, {x: y})
        late = g.grad(x * x * y, x)
    assert late is slope
    assert again.block == ("net",)
    outside = g.substitute(g.exp(x) * y, {x: y})
    with g.scope("net"):
        assert (g.exp(y) * y).block == ("net",)
    assert outside.block == ("net",)

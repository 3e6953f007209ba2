"""The user's own names for nodes: where they hold, what they change, and what they leave alone."""

import gc
import pickle

import pytest

import graphc as g
from graphc.errors import FormatError, InputError, UnknownNameError

x, w, b, y = g.symbols("x_named w_named b_named y_named")


def names(*outputs):
    """Formula → name."""
    graph = g.Graph(list(outputs))
    return {str(graph.exprs[node]): text for node, text in graph.names.items()}


def test_a_name_changes_no_formula_and_no_result():
    z = x * w + b
    before = str(z), g.Graph(z).digest, g.compile(z)(2.0, 3.0, 4.0)
    assert g.name(z, "δ₁") is z
    assert (str(z), g.Graph(z).digest, g.compile(z)(2.0, 3.0, 4.0)) == before
    assert names(z * 2) == {str(z): "δ₁"}
    g.name(z, None)
    assert names(z * 2) == {}


def test_a_block_names_what_it_assigns():
    with g.naming():
        z = x * w + b
        other = z
        _hidden = z * 5
        a = g.tanh(z)
        for step in range(2):
            h = a * (step + 2)
        loss = (h - y) ** 2
    assert other is z
    assert set(names(loss).values()) == {"z", "a", "h", "loss"}
    assert names(a) == {str(z): "z", str(a): "a"}
    assert set(names(loss * 3).values()) == {"z", "a", "h", "loss"}  # the whole result is part of it
    assert set(names(g.grad(loss, w)).values()) >= {"z", "a"}


def test_equal_formulas_elsewhere_keep_their_own_looks():
    def lecture():
        with g.naming():
            z = g.sin(x) * w
            result = z + b
        return z, result

    z, result = lecture()
    assert (g.sin(x) * w) is z
    assert names(g.sin(x) * w / 7) == {}
    assert set(names(result).values()) == {"z", "result"}
    with g.naming():
        u = g.sin(x) * w
        end = u / 7
    assert set(names(end).values()) == {"u", "end"}
    assert set(names(result).values()) == {"z", "result"}


def test_a_block_that_is_run_again_names_what_there_was_already():
    def run():
        with g.naming():
            again = g.cos(x) * 3
        return again

    kept = run()
    with g.naming():
        again = g.cos(x) * 3
    again = kept
    with g.naming():
        again = g.cos(x) * 3
    assert names(again) == {str(kept): "again"}


def test_inside_of_a_block_names_hold_at_once_and_calls_name_more():
    with g.naming():
        inner = x * y
        outer = g.exp(inner) + 1
        g.name(g.exp(inner), "e^s")
        assert names(outer) == {str(inner): "inner", str(outer): "outer", str(g.exp(inner)): "e^s"}
    assert "e^s" in names(outer).values()
    assert names(g.exp(inner) * 9) == {}


def test_a_block_that_fails_names_nothing():
    with pytest.raises(ZeroDivisionError), g.naming():
        failed = x / y / 3
        1 / 0
    assert names(failed) == {}


def test_a_name_within_one_graph():
    z = x * w * 11
    graph = g.Graph(z + 1)
    graph.name(z, "q")
    assert list(graph.names.values()) == ["q"] and names(z + 1) == {}
    with pytest.raises(UnknownNameError):
        graph.name(z + 5, "r")


@pytest.mark.parametrize(
    ("expr", "text"),
    [
        (x, "q"),
        (g.constant(2.0), "q"),
        (3, "q"),
        ("x", "q"),
        (x * 2, ""),
        (x * 2, "  "),
        (x * 2, 5),
        (x * 2, "a" * 41),
    ],
)
def test_what_cannot_be_named_is_refused(expr, text):
    with pytest.raises(InputError):
        g.name(expr, text)


def test_names_travel_in_files_and_pickles(tmp_path):
    with g.naming():
        z = x * w + 17
        loss = z**2
    for kept in (g.Graph(loss), loss, {"loss": loss}):
        g.save(kept, tmp_path / "f.json")
        back = g.load(tmp_path / "f.json")
        graph = back if isinstance(back, g.Graph) else g.Graph(back)
        assert sorted(graph.names.values()) == ["loss", "z"]
    assert sorted(pickle.loads(pickle.dumps(g.Graph(loss))).names.values()) == ["loss", "z"]
    text = (tmp_path / "f.json").read_text()
    assert '"version": 2' in text
    g.save(x * w + 18, tmp_path / "plain.json")
    assert '"version": 1' in (tmp_path / "plain.json").read_text()


@pytest.mark.parametrize(
    "rows", ["5", [5], [[0, "q"]], [[99, "q"]], [[2, ""]], [[2, 3]], [[2, "a"], [2, "b"]], [[2]]]
)
def test_damaged_names_are_refused(rows):
    import json

    from graphc.api.serialize import _digest, from_text, to_text

    content = {**json.loads(to_text(x * w)), "version": 2, "names": rows}
    content["digest"] = _digest(content)
    with pytest.raises(FormatError, match="names"):
        from_text(json.dumps(content))


def test_names_go_with_their_formulas():
    from graphc.ir import node_names

    def lecture():
        with g.naming():
            short_lived = g.log(x + 123)
            final = short_lived * 2
        return len(node_names._closed), final

    most, final = lecture()
    del final
    gc.collect()
    assert len(node_names._closed) < most

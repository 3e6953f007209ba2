"""Networks as books draw them: what is read from a graph, what is drawn of it, and that nothing in it stands on anything else."""

from __future__ import annotations

import re
import warnings
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import graphc as g
from graphc import nn
from graphc.errors import InputError, RenderError
from graphc.viz import SLIDES
from graphc.viz.networks.boxes import boxes
from graphc.viz.networks.neurons import shown_units
from tests.viz.measure import SVG, measure

STYLES = ("slides", "paper", "dark", "mono")


def drawn(thing, base="slides", **options):
    return g.draw(thing, style={"base": base, "drawing": "network"}, **options)


def clean(diagram):
    """What is wrong with a picture; nothing may be."""
    found = measure(diagram.svg())
    return (*found.meets, *found.overlaps)


def lines_of(svg):
    """Neuron at the left and at the right → the width, colour and dashes of the line between them, and what it tells."""
    found = {}
    for group in ET.fromstring(svg.encode()).iter(f"{SVG}g"):
        if group.get("class") == "weight":
            (line,) = group.findall(f"{SVG}polyline")
            told = group.find(f"{SVG}title")
            pair = tuple(int(n) for n in re.findall(r"u(\d+)", group.get("data-key")))
            layer = int(re.match(r"l(\d+)", group.get("data-key"))[1])
            width = float(line.get("stroke-width", "1"))
            found[layer, *pair] = (
                width,
                line.get("stroke"),
                line.get("stroke-dasharray"),
                None if told is None else told.text,
            )
    return found


def stages(thing, **options):
    return [(s.kind, s.shape, s.after) for s in drawn(thing, **options)._shown]


@pytest.mark.parametrize("base", STYLES)
def test_lines_are_the_weights(base):
    rng = np.random.default_rng(5)
    model = nn.Model(nn.Sequential(nn.Affine(4), g.tanh, nn.Affine(3)), g.symbol("x", shape=("n", 5)), seed=2)
    for key, value in model.values.items():
        model.values[key] = rng.normal(size=value.shape)
    diagram = drawn(model, base)
    lines = lines_of(diagram.svg())
    weights = {
        (layer, i, j): matrix[j, i]
        for layer, name in enumerate(("affine1.weight", "affine2.weight"))
        for matrix in [model.values[name]]
        for j, i in np.ndindex(matrix.shape)
    }
    assert lines.keys() == weights.keys()
    order = sorted(weights, key=lambda key: abs(weights[key]))
    widths = [lines[key][0] for key in order]
    assert widths == sorted(widths) and widths[-1] > 3 * widths[0]
    for key, weight in weights.items():
        assert (lines[key][2] is not None) == (weight < 0)  # told apart without colours too
        assert float(lines[key][3].replace("−", "-")) == pytest.approx(weight, rel=6e-3)
    largest = {
        sign: max((abs(w), key) for key, w in weights.items() if np.sign(w) == sign)[1] for sign in (1, -1)
    }
    if base in ("slides", "dark"):
        assert lines[largest[1]][1] != lines[largest[-1]][1]
    assert clean(diagram) == ()


@pytest.mark.parametrize("turned", [False, True])
def test_a_plain_formula_is_read(turned):
    x, W_1, W_2 = g.symbol("x", shape=(3,)), g.symbol("W_1", shape=(4, 3)), g.symbol("W_2", shape=(2, 4))
    b = g.symbol("b", shape=(4,))
    if turned:
        W_1, W_2 = g.symbol("W_1", shape=(3, 4)), g.symbol("W_2", shape=(4, 2))
        y = g.tanh(x @ W_1 + b) @ W_2
    else:
        y = W_2 @ g.tanh(W_1 @ x + b)
    values = {"W_1": np.arange(12.0).reshape(W_1.shape) - 4, "W_2": np.arange(8.0).reshape(W_2.shape) - 3}
    given = [-1.0, 2.0, 0.5]
    lines = lines_of(drawn(y, at=values | {"x": given, "b": np.zeros(4)}).svg())
    first = values["W_1"] if turned else values["W_1"].T
    assert {key[1:]: line[3] for key, line in lines.items() if key[0] == 0} == {
        pair: f"{first[pair]:g}".replace("-", "−") for pair in np.ndindex(3, 4)
    }
    text = drawn(y, at=values | {"x": given, "b": np.zeros(4)}).svg()
    hidden = np.tanh(np.array(given) @ first)
    for unit, value in enumerate(hidden, 1):
        told = re.search(rf"<title> {unit}: ([^<]+)</title>", text)[1]
        assert float(told.replace("−", "-")) == pytest.approx(value, rel=6e-3, abs=1e-3)
    assert "tanh" in text and all(style is None for *_, style in lines_of(drawn(y).svg()).values())


def test_many_units_are_left_out_at_the_middle():
    assert shown_units(7, 10) == (list(range(7)), -1)
    for units in (11, 12, 1000):
        numbers, above = shown_units(units, 10)
        assert len(numbers) == 9 and numbers[0] == 0 and numbers[-1] == units - 1
        assert numbers[above] - numbers[above - 1] == units - 8
    model = nn.Model(nn.Sequential(nn.Affine(200), nn.ReLU, nn.Affine(2)), g.symbol("x", shape=("n", 300)))
    diagram = drawn(model)
    text = diagram.svg()
    assert text.count("dots") == 2 and "300 inputs" in text and "200 units" in text and "2 outputs" in text
    assert len(lines_of(text)) == 9 * 9 + 9 * 2
    assert clean(diagram) == ()
    fitted = diagram.fit("column")
    found = measure(fitted.svg())
    assert found.smallest >= 8 and found.page[0] <= 3.4 * 72 + 1


def conv_net():
    layers = nn.Sequential(
        nn.Conv2d(4, 3, padding="same"), nn.BatchNorm(), nn.ReLU, nn.Conv2d(4, 3, padding="same"), nn.ReLU, nn.MaxPool2d(2),
        nn.Conv2d(8, 5, stride=2, padding=2), nn.ReLU, nn.Flatten(), nn.Affine(6), g.tanh, nn.Affine(3), g.softmax,
    )  # fmt: skip
    return nn.Model(layers, g.symbol("images", shape=("n", 1, 12, 12)))


def test_feature_maps_are_blocks_with_sizes():
    model = conv_net()
    diagram = drawn(model)
    assert stages(model) == [
        ("input", ("n", 1, 12, 12), []),
        ("run", ("n", 4, 6, 6), []),
        ("conv", ("n", 8, 3, 3), ["relu"]),
        ("dense", ("n", 6), ["tanh"]),
        ("dense", ("n", 3), ["softmax"]),
    ]
    text = diagram.svg()
    for size in ("1 @ 12×12", "4 @ 6×6", "8 @ 3×3", "2 conv 3×3, norm", "max-pool 2×2", "conv 5×5 /2, relu"):
        assert size in text
    assert sum(stage.count for stage in diagram._read) == model.count
    assert f"{model.count:,} parameters" in diagram.describe()
    assert clean(diagram) == ()


def test_blocks_are_as_high_as_they_have_rows():
    shown = drawn(conv_net())._shown
    ends = [box.ends[1] for box in boxes(shown, SLIDES, False)]
    assert ends[0] >= ends[1] > ends[2]


@pytest.mark.parametrize("base", STYLES)
@pytest.mark.parametrize("layout", ["right", "down"])
def test_branches_are_clean(base, layout):
    image = g.symbol("x", shape=("n", 8, 16, 16))
    block = nn.Inception(
        nn.Conv2d(4, 1),
        [nn.Conv2d(4, 1), nn.ReLU, nn.Conv2d(8, 3, padding="same")],
        [nn.MaxPool2d(3, 1, 1), nn.Conv2d(4, 1)],
    )
    diagram = drawn(nn.Model(block, image), base, layout=layout)
    assert clean(diagram) == ()
    assert {stage.label for stage in diagram._shown} >= {"concat"}


def residuals(count):
    parts = [
        part
        for _ in range(count)
        for part in (nn.Residual(nn.Conv2d(4, 3, padding=1), nn.ReLU, nn.Conv2d(4, 3, padding=1)), nn.ReLU)
    ]
    return nn.Model(nn.Sequential(nn.Conv2d(4, 3, padding=1), *parts), g.symbol("x", shape=("n", 1, 8, 8)))


@pytest.mark.parametrize("count", [1, 2, 5])
def test_what_repeats_is_drawn_once(count):
    diagram = drawn(residuals(count))
    joins = [stage for stage in diagram._shown if stage.kind == "join"]
    assert len(joins) == 1
    assert (f">{count} ×<" in diagram.svg()) == (count > 1)
    assert clean(diagram) == ()


def test_a_residual_block_that_differs_is_drawn_by_itself():
    x = g.symbol("x", shape=("n", 4, 8, 8))
    one = lambda size: nn.Residual(nn.Conv2d(4, size, padding="same"), nn.ReLU)
    kinds = [kind for kind, *_ in stages(nn.Model(nn.Sequential(one(3), one(5), one(5)), x))]
    assert kinds.count("join") == 2


def u_net(depth):
    def twice(channels):
        return nn.Sequential(*[nn.Conv2d(channels, 3, padding="same"), nn.ReLU] * 2)

    class Level(nn.Layer):
        kind = "level"

        def __init__(self, channels, below):
            self.channels, self.below = channels, below

        def build(self, x, scope):
            down = scope.apply("down", twice(self.channels), x)
            below = nn.Sequential(nn.MaxPool2d(2), self.below, nn.ConvTranspose2d(self.channels, 2, 2))
            return scope.apply(
                "up", twice(self.channels), g.concat(down, scope.apply("below", below, down), axis=1)
            )

    layers = twice(2 ** (depth + 1))
    for level in range(depth, 0, -1):
        layers = Level(2**level, layers)
    return nn.Model(nn.Sequential(layers, nn.Conv2d(2, 1)), g.symbol("x", shape=("n", 1, 32, 32)))


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_u_net_is_a_u(depth):
    diagram = drawn(u_net(depth))
    heights = {}
    for group in ET.fromstring(diagram.svg().encode()).iter(f"{SVG}g"):
        key = group.get("data-key", "")
        if group.get("class") == "node" and re.fullmatch(r"s\d+", key):
            points = np.array(
                [
                    float(n)
                    for p in group.iter(f"{SVG}polygon")
                    for n in re.findall(r"[-\d.]+", p.get("points"))
                ]
            )
            ys = points.reshape(-1, 2)[:, 1]
            heights[int(key[1:])] = (ys.min() + ys.max()) / 2
    levels = [round(heights[n]) for n in sorted(heights)]
    assert len(set(levels)) == depth + 1
    lowest = levels.index(max(levels))
    assert levels[:lowest] == sorted(levels[:lowest]) and levels[lowest:] == sorted(
        levels[lowest:], reverse=True
    )
    assert clean(diagram) == ()


def test_transformer_and_loops():
    x = g.symbol("x", shape=("n", 6, 8))
    model = nn.Model(nn.TransformerBlock(2), x)
    shown = [(stage.kind, stage.label) for stage in drawn(model)._shown]
    assert ("block", "attention") in shown and [label for kind, label in shown if kind == "join"] == [
        "+",
        "+",
    ]
    opened = drawn(model, collapse=())
    assert [stage.label for stage in opened._shown if stage.kind == "join"] == ["·", "·", "+", "+"]
    assert clean(drawn(model)) == clean(opened) == ()
    for layer in (nn.LSTM(4), nn.GRU(4), nn.Recurrent(4)):
        loop = drawn(nn.Model(nn.Sequential(layer, nn.Affine(2)), g.symbol("x", shape=("n", "t", 3))))
        assert [stage.kind for stage in loop._shown] == ["input", "recurrent", "dense"]


def test_sums_of_products_are_one_layer_and_outputs_have_names():
    x, h = g.symbol("x", shape=("n", 3)), g.symbol("h", shape=("n", 4))
    W, U = g.symbol("W", shape=(3, 4)), g.symbol("U", shape=(4, 4))
    diagram = drawn({"state": g.tanh(x @ W + h @ U), "raw": x @ g.symbol("V", shape=(3, 2))})
    assert [stage.kind for stage in diagram._shown].count("dense") == 2
    assert [stage.label for stage in diagram._shown if stage.kind == "output"] == ["state", "raw"]
    assert clean(diagram) == ()


@pytest.mark.parametrize("seed", range(6))
def test_random_networks_are_clean(seed):
    rng = np.random.default_rng(seed)
    x = g.symbol("x", shape=("n", 3, 16, 16))

    def conv():
        return nn.Conv2d(int(rng.integers(1, 9)), int(rng.choice([1, 3, 5])), padding="same")

    def grown(y, depth):
        for _ in range(rng.integers(1, 4)):
            kind = rng.integers(4) if depth else 3
            if kind == 0:
                y = nn.Residual(nn.Conv2d(y.shape[1], 3, padding="same"), nn.ReLU).build(y, scope())
            elif kind == 1:
                y = g.concat(*[grown(y, depth - 1) for _ in range(rng.integers(2, 4))], axis=1)
            elif kind == 2:
                y = g.relu(conv().build(y, scope())) * g.sigmoid(nn.Conv2d(1, 1).build(y, scope()))
            else:
                y = g.relu(conv().build(y, scope()))
        return y

    made = nn.Model(nn.Function(lambda y: y), x)._declared
    counter = iter(range(10**6))

    def scope():
        from graphc.nn.layer import Scope

        return Scope(made, f"l{next(counter)}")

    y = grown(x, 2)
    for layout in ("right", "down"):
        assert clean(drawn(y, layout=layout)) == ()


def test_pages():
    model = residuals(3)
    for page, least in (("slide", 12), ("a4", 8), ((6.0, 4.0), 8)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = measure(drawn(model, page=page).svg())
        assert found.smallest >= least - 0.05 and found.meets == found.overlaps == ()


def test_formats(tmp_path):
    for model in (conv_net(), nn.Model(nn.Affine(2), g.symbol("x", shape=("n", 3))), u_net(1)):
        diagram = drawn(model)
        tex = diagram.render("tex").decode()
        assert tex.startswith("\\RequirePackage") and tex.count(r"\path") > 5
        assert diagram.render("pdf").startswith(b"%PDF") and diagram.render("png").startswith(b"\x89PNG")
        assert diagram.render("dot").startswith(b"digraph")
        assert diagram.save(tmp_path / "n.svg").read_text().startswith("<?xml")
    assert "network" in repr(diagram)
    with pytest.raises(RenderError, match="steps"):
        diagram.steps()


def test_refusals():
    x, y = g.symbols("x y")
    W = g.symbol("W", shape=(3, 3))
    for formula in (x * y + g.exp(x), g.sum(W * W), g.det(W)):
        with pytest.raises(RenderError, match="no network"):
            drawn(formula)
    with pytest.raises(InputError, match="drawing"):
        g.draw(x, style={"drawing": "netwerk"})
    assert g.draw(nn.Model(nn.Affine(2), g.symbol("x", shape=("n", 3)))).svg()  # a model as a graph


def test_what_a_network_has_not():
    model = nn.Model(nn.Affine(2), g.symbol("x", shape=("n", 3)))
    for options in (
        {"exercise": True},
        {"watch": {"x": [(0, 0)]}},
        {"highlight": "x"},
        {"note": {"x": "?"}},
        {"accuracy": 3},
        {"step": 0},
    ):
        with pytest.raises(InputError, match=f"has no {next(iter(options))}"):
            drawn(model, **options)
    for thing in (model, model.output):
        with pytest.raises(InputError, match="no input 'weight'"):
            drawn(thing, at={"weight": np.ones((2, 3))})
    for empty in (
        g.symbol("x", shape=("n", 3)) @ g.symbol("W", shape=(3, 0)),
        g.symbol("x", shape=("n", 0)) @ g.symbol("W", shape=(0, 3)),
    ):
        with pytest.raises(RenderError, match="no units"):
            drawn(empty)
    drawn(model, at={"x": np.ones((1, 3))})  # its own inputs, beside the model's values


@pytest.mark.parametrize("name", ["</script>", "\"<&'>", "]]>", "a\nb"])
def test_names_that_are_markup_stay_names(name):
    diagram = drawn(g.symbol("x", shape=("n", 3)) @ g.symbol(name, shape=(3, 2)))
    ET.fromstring(diagram.svg().encode())
    assert "</script>" not in diagram.svg() and clean(diagram) == ()

"""Planes: what is refused, and how it is told; the pages themselves are tested in a browser."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as g
from graphc import nn
from graphc.errors import GraphcError, InputError

x, t, W = g.symbol("x", shape=("n", 2)), g.symbol("t", shape=("n", 1)), g.symbol("W", shape=(2, 1))
y = g.tanh(x @ W)
a, b, c = g.symbols("a b c")
AT = {"W": np.ones((2, 1))}
LOSS = g.mean((y - t) ** 2)
zeros = np.zeros


def page(output=y, over=x, at=AT, **options):
    return g.figure(g.plane(output, over, **options), at=at).html()


REFUSED = {
    "turned": ({"xlim": (3, -3)}, "smaller number to a larger"),
    "of no length": ({"ylim": (1, 1)}, "smaller number to a larger"),
    "three ends": ({"xlim": (1, 2, 3)}, "smaller number to a larger"),
    "NaN": ({"xlim": (float("nan"), 1)}, "xlim is .*finite"),
    "text": ({"ylim": "ab"}, "ylim is .*finite"),
    "no ends": ({"xlim": None}, "xlim is .*finite"),
    "too wide": ({"xlim": (-1e308, 1e308)}, "no grid of 61"),
    "too narrow": ({"ylim": (1, 1 + 3e-16)}, "no grid of 61"),
    "targets that do not match": ({"data": (zeros((3, 2)), zeros(4))}, r"shape \(3, 2\) and shape \(4,\)"),
    "points in three dimensions": ({"data": (zeros((3, 3)), zeros(3))}, r"shape \(3, 3\)"),
    "points turned": ({"data": (zeros((2, 3)), zeros(3))}, r"shape \(2, 3\)"),
    "points alone": ({"data": zeros((3, 2))}, "points and a target for each"),
    "NaN points": ({"data": (np.full((3, 2), np.nan), zeros(3))}, "(?s)data is .*finite"),
    "infinite targets": ({"data": (zeros((1, 2)), [np.inf])}, "(?s)data is .*finite"),
    "ragged points": ({"data": ([[1, 2], [3]], [1, 2])}, "(?s)data is .*finite"),
    "too many points": ({"data": (zeros((5001, 2)), zeros(5001))}, "5000 points at most"),
    "a loss of each sample": ({"loss": (y - t) ** 2, "target": t}, "not one float"),
    "a sum": ({"loss": g.sum((y - t) ** 2), "target": t}, "no mean over the samples"),
    "a root of a mean": ({"loss": g.sqrt(LOSS), "target": t}, "no mean over the samples"),
    "a largest error": ({"loss": g.max(g.abs(y - t)), "target": t}, "no mean over the samples"),
    "a loss alone": ({"loss": LOSS}, "both a loss and"),
    "a target alone": ({"target": t}, "both a loss and"),
    "a target that the loss does not read": ({"loss": g.mean(y**2), "target": t}, "does not read its target"),
    "a target that is the input": ({"loss": g.mean(y**2), "target": x}, "the target is x"),
    "a target of another shape": ({"loss": g.mean((y - c) ** 2), "target": c}, r"target c has shape \(\)"),
    "booleans": ({"output": y > 0}, "one float for each sample"),
    "two outputs": ({"output": x @ g.symbol("V", shape=(2, 2))}, "one float for each sample"),
    "a mean": ({"output": g.mean(y)}, "one float for each sample"),
    "a number": ({"output": 3.0}, "one float for each sample"),
    "a model": ({"output": nn.Model(nn.Affine(1), x)}, "one float for each sample"),
    "three inputs": ({"output": a * b, "over": (a, b, c)}, "is over"),
    "one input twice": ({"output": a * b, "over": (a, a)}, "is over"),
    "three columns": ({"over": g.symbol("q", shape=("n", 3))}, "is over"),
    "an expression": ({"output": a * b, "over": (a + 1, b)}, "is over"),
    "no value": ({"at": {}}, "'W' has no value"),
    "a value of another shape": ({"at": {"W": np.ones(3)}}, "'W' begins at"),
    "a value of NaN": ({"at": {"W": np.full((2, 1), np.nan)}}, "'W' begins at"),
    "a value of text": ({"at": {"W": "abc"}}, "'W' begins at"),
    "no point": ({"at": None}, "point is a dict"),
    "one class": ({"classes": (1, 1)}, "classes are"),
    "a level of NaN": ({"level": float("nan")}, "level is nan"),
    "a title that is no text": ({"title": 3}, "title is a text"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case):
    options, told = REFUSED[case]
    with pytest.raises(GraphcError, match=told) as caught:
        page(**options)
    assert isinstance(caught.value, InputError) and caught.value.hint


@pytest.mark.parametrize(
    "loss",
    [LOSS, g.sum(LOSS * 3), g.mean(g.abs(y - t)) + 2, nn.logistic(y, t), LOSS + g.sum(W * W)],
    ids=str,
)
def test_means_of_every_kind_train(loss):
    assert page(loss=loss, target=t).count('id="train"') == 1


@pytest.mark.parametrize("points", [0, 1, 5000])
def test_few_and_many_points(points):
    assert len(page(data=(zeros((points, 2)), zeros(points)), loss=LOSS, target=t)) < 400_000


@pytest.mark.parametrize("name", ["</script>", "<!--", '"&', "]]>"])
def test_names_and_titles_that_are_markup(name):
    plainly = page(output=a * c + b, over=(a, b), at={"c": 1.0})
    text = page(output=a * g.symbol(name) + b, over=(a, b), at={name: 1.0}, title=name)
    assert text.count("</script") == plainly.count("</script") and text.count("<!--") == plainly.count("<!--")

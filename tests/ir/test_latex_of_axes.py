"""Reductions in LaTeX: their axes by name below their sign, and no setting lost."""

from __future__ import annotations

import pytest

import graphc as g
from graphc.ir.printer import render

x = g.symbol("x", shape=("batch", "time", 4))
true = x > 0

BY_AXES = [g.sum, g.prod, g.mean, g.var, g.std, g.max, g.min, g.logsumexp, g.norm, g.softmax, g.log_softmax]
ALONG_ONE = [g.argmax, g.argmin, g.cumsum, g.cumprod]


def below(expr):
    text = render(expr, latex=True)
    assert "axis" not in text and text.count("{") == text.count("}")
    return text


@pytest.mark.parametrize("function", [*BY_AXES, *ALONG_ONE, g.any, g.all], ids=lambda f: f.__name__)
@pytest.mark.parametrize("axis, name", [(0, "batch"), (1, "time"), (-2, "time"), (-3, "batch")])
def test_an_axis_has_its_name(function, axis, name):
    expr = function(true if function in (g.any, g.all) else x, axis=axis)
    assert rf"_{{\mathrm{{{name}}}}}" in below(expr)


@pytest.mark.parametrize("function", BY_AXES[:8], ids=lambda f: f.__name__)
def test_several_axes_and_axes_without_names(function):
    assert r"_{\mathrm{batch,time}}" in below(function(x, axis=(0, 1)))
    assert r"_{\mathrm{2}}" in below(function(x, axis=2))


@pytest.mark.parametrize("function", [g.cumsum, g.cumprod], ids=lambda f: f.__name__)
def test_running_sums_tell_the_last_axis_too(function):
    assert r"_{\mathrm{2}}" in below(function(x, axis=-1))
    assert "_{" not in below(function(g.symbol("v", shape=("k",))))


@pytest.mark.parametrize("function", [g.softmax, g.log_softmax], ids=lambda f: f.__name__)
def test_the_usual_axis_is_not_told(function):
    assert "mathrm" not in below(function(x, axis=-1))


def test_other_settings_are_kept():
    assert "correction" in render(g.std(x, axis=0, correction=1), latex=True)

"""Layouts that share texts, columns and orders: what each gives is what it would give alone."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

import graphc as g
from graphc.viz import Diagram
from graphc.viz.layered.place import place
from graphc.viz.layered.trials import LayoutTrials
from graphc.viz.layout_scene import Scene
from graphc.viz.style import DARK, SLIDES
from graphc.viz.writers import WRITERS
from tests.viz.nested import nested

LOOKS = (replace(DARK, value_size=8, rank_gap=0.1, node_size=0.4), SLIDES)


def svg(scene: Scene | None) -> str:
    assert scene is not None
    return WRITERS["svg"](scene, "", "")


def alike(one: str, other: str) -> bool:
    """Whether two pictures are the same up to the last digit that is written."""
    words, numbers = zip(
        *((_NUMBER.sub("#", text), _NUMBER.findall(text)) for text in (one, other)), strict=True
    )
    return words[0] == words[1] and np.allclose(
        *(np.array(some, dtype=float) for some in numbers), rtol=0, atol=0.021
    )


_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def matrices() -> Diagram:
    A, x = g.symbol("A", shape=(3, 2)), g.symbol("x", shape=(2,))
    with g.scope("layer"):
        y = g.tanh(A @ x)
    return g.draw(g.sum(y * y), {"A": np.arange(6.0).reshape(3, 2), "x": [0.5, np.nan]})


MAKERS = {
    **{f"random {seed}": lambda seed=seed: nested(seed, most=24) for seed in range(5)},
    "matrices": matrices,
    "two parts": lambda: g.draw([g.symbol("x") + 1, g.symbol("y") * 2 - g.symbol("z")]),
    "a caption": lambda: g.draw(g.log(g.symbol("x") - 1), {"x": 1.0}),
}


@pytest.mark.parametrize("name", MAKERS)
def test_layouts_that_share_are_as_alone(name):
    view = MAKERS[name]().view
    shared = LayoutTrials()
    for draft in (True, False):
        for style, way in product(LOOKS, ("right", "down")):
            shared.draft = draft
            scene = place(view, style, 3, way, None, trials=shared)
            if not draft:
                assert alike(svg(scene), svg(place(view, style, 3, way, None)))


@pytest.mark.parametrize("seed", range(6))
def test_a_draft_that_no_search_betters_is_the_layout(seed):
    view = nested(seed, most=40).view
    drafts = LayoutTrials(draft=True)
    scene = place(view, SLIDES, 3, "right", None, trials=drafts)
    assert drafts.better or alike(svg(scene), svg(place(view, SLIDES, 3, "right", None)))


def test_other_values_are_other_texts():
    x = g.symbol("x")
    shared = LayoutTrials()
    one, other = (
        place(g.draw(g.sin(x), {"x": value}).view, SLIDES, 3, "right", None, trials=shared)
        for value in (1.25, 2.5)
    )
    texts = svg(one), svg(other)
    assert ">1.25<" in texts[0] and ">2.5<" in texts[1] and ">1.25<" not in texts[1]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("page", ["slide", "column"])
@pytest.mark.parametrize("seed", [400, 401, 406])
def test_a_fitted_picture_is_what_its_view_shows(seed, page):
    """The scene that was found for the page, and the same view laid out anew."""
    fitted = nested(seed).fit(page)
    anew = Diagram(fitted.view, fitted.style, fitted.digits, fitted.layout, decimals=fitted.decimals)
    assert alike(fitted.svg(), anew.svg())

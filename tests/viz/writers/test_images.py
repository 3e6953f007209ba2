"""Large matrices as images: the colour of every cell, read from the SVG, against block means by plain loops."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import graphc as g
from graphc.viz import Diagram
from graphc.viz.style import DARK, SLIDES
from tests.viz.measure import measure

_CELL = 3.0

Rectangle = tuple[float, float, float, float, str]
"""left, top, right, bottom, colour"""


def drawing(value: np.ndarray, **options) -> Diagram:
    a = g.symbol("A", shape=value.shape)
    return g.draw(g.sum(a * 2), {"A": value}, show=("value",), **options)


def images(svg: str) -> list[list[Rectangle]]:
    """The rectangles of each image."""
    found = []
    for group in ET.fromstring(svg.encode()).iter("{http://www.w3.org/2000/svg}g"):
        rectangles = [
            (x, y, x + wide, y + high, path.get("fill", ""))
            for path in group
            for piece in re.findall(r"M([^M]*?)z", path.get("d", ""))
            for x, y, wide, high in [[float(number) for number in re.findall(r"-?[\d.]+", piece)[:4]]]
        ]
        if rectangles:
            found.append(rectangles)
    return found


def colours(rectangles: list[Rectangle]) -> list[list[str]]:
    """The colour of each cell, whatever rectangles it was drawn by."""
    left, top = min(r[0] for r in rectangles), min(r[1] for r in rectangles)
    right, bottom = max(r[2] for r in rectangles), max(r[3] for r in rectangles)
    rows, columns = round((bottom - top) / _CELL), round((right - left) / _CELL)
    grid = [["" for _ in range(columns)] for _ in range(rows)]
    for row in range(rows):
        for column in range(columns):
            x, y = left + (column + 0.5) * _CELL, top + (row + 0.5) * _CELL
            (grid[row][column],) = (ink for x0, y0, x1, y1, ink in rectangles if x0 < x < x1 and y0 < y < y1)
    return grid


def expected(value: np.ndarray, most: int, style=SLIDES) -> list[list[str]]:
    longest = max(value.shape)
    rows, columns = (
        length if longest <= most else max(2, min(length, round(length * most / longest)))
        for length in value.shape
    )
    means = [
        [
            np.mean(
                value[
                    r * len(value) // rows : (r + 1) * len(value) // rows,
                    c * value.shape[1] // columns : (c + 1) * value.shape[1] // columns,
                ]
            )
            for c in range(columns)
        ]
        for r in range(rows)
    ]
    largest = max((abs(mean) for row in means for mean in row if math.isfinite(mean)), default=0) or 1.0
    return [[_ink(float(mean) / float(largest), style) for mean in row] for row in means]


def _ink(share: float, style) -> str:
    if not math.isfinite(share):
        return style.alarm.lower()
    full, part = style.forward if share > 0 else style.backward, round(4 * abs(share)) / 4
    pairs = [(int(style.background[at : at + 2], 16), int(full[at : at + 2], 16)) for at in (1, 3, 5)]
    return "#" + "".join(f"{round(a + part * (b - a)):02x}" for a, b in pairs)


def whole(*shape: int) -> np.ndarray:
    """Whole numbers, whose block means do not depend on the order of the sums."""
    return np.random.default_rng(shape).integers(-8, 9, shape).astype(float)


@pytest.mark.parametrize("style", [SLIDES, DARK], ids=lambda style: style.name)
@pytest.mark.parametrize("shape", [(7, 7), (10, 8), (2, 12), (24, 24), (96, 36), (2, 300), (300, 3), (13, 7)])
def test_cells_are_block_means(shape, style):
    value = whole(*shape)
    first = images(drawing(value, style=style).svg())[0]
    assert colours(first) == expected(value, style.images, style)


@pytest.mark.parametrize("most", [2, 7, 24])
def test_as_many_cells_as_the_style_says(most):
    value = whole(48, 24)
    first = images(drawing(value, style={"images": most}).svg())[0]
    assert colours(first) == expected(value, most)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_marked(bad):
    value = whole(8, 8)
    value[3, 5] = bad
    grid = colours(images(drawing(value).svg())[0])
    assert [(r, c) for r in range(8) for c in range(8) if grid[r][c] == SLIDES.alarm.lower()] == [(3, 5)]


def test_shape_and_range_stand_beside_it():
    svg = drawing(np.add.outer(np.arange(9.0), -np.arange(7.0))).svg()
    assert "(9, 7) −6…8" in svg and len(images(svg)) == 2


@pytest.mark.parametrize(
    ("value", "options"),
    [
        (np.ones((6, 6)), {}),
        (np.ones((1, 40)), {}),
        (np.ones(40), {}),
        (np.ones((2, 7, 7)), {}),
        (np.ones((9, 9)), {"style": {"images": 0}}),
        (np.ones((9, 9)), {"watch": {"A": [(0, 1)]}}),
    ],
    ids=["small", "a row", "a vector", "three dimensions", "not wanted", "watched"],
)
def test_what_has_no_image(value, options):
    assert len(images(drawing(value, **options).svg())) <= ("watch" in options)  # the product is not watched


def test_both_directions_have_images():
    a = g.symbol("A", shape=(8, 9))
    svg = g.draw(g.sum(g.sin(a)), {"A": whole(8, 9)}).svg()
    assert svg.count(">(8, 9)") == 4
    for rectangles in images(svg):
        top, bottom = min(r[1] for r in rectangles), max(r[3] for r in rectangles)
        assert bottom - top > 2 * 8 * _CELL  # one over the line, one under it
    found = measure(svg)
    assert found.meets == found.overlaps == ()


def test_a_matrix_in_brackets_below_its_image():
    svg = g.draw(g.sum(g.symbol("A", shape=(3, 2)) * 2), {"A": whole(3, 2)}, show=("value", "image")).svg()
    assert len(images(svg)) == 2 and "#00000001" not in svg
    assert svg.count("<polyline") == svg.count('<polyline fill="none"') == 4


def test_large_ones_take_no_more_room():
    """A thousand times the elements, about the same text; and each image few enough characters."""
    small, large = (len(drawing(whole(side, side)).svg()) for side in (32, 1024))
    without = len(drawing(whole(32, 32), style={"images": 0}).svg())
    assert abs(large - small) < 0.1 * small and small - without < 2 * 6000


def test_every_writer_draws_the_same_cells():
    value = whole(9, 8)
    diagram = drawing(value)
    count = sum(map(len, images(diagram.svg())))
    assert diagram.render("tex").decode().count("rectangle") == count + 1  # and the background
    shown = [len(rectangles) for rectangles in images(diagram.steps().svg(len(diagram.steps()) - 1))]
    assert sum(shown) == count
    assert diagram.source.count(f'WIDTH="{_CELL:g}" HEIGHT="{_CELL:g}"') == 2 * 72
    assert (
        "│"
        not in "".join(line for line in diagram.text().splitlines() if "(9, 8)" in line).split("(9, 8)")[1][
            :6
        ]
    )
    for form in ("png", "pdf"):
        assert len(diagram.render(form)) > 1000


def test_no_text_of_a_user_is_an_image():
    name = "2;2;3;#ffffff;aaaa #00000001"
    svg = g.draw(g.name(g.symbol("x") * 2, name), {"x": 1.0}).svg()
    assert not images(svg) and "2;2;3" in svg

"""Figures in a real browser: joints are dragged, sliders moved, and the curves are those of NumPy."""

from __future__ import annotations

import re
import runpy
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import graphc as g

pytestmark = pytest.mark.browser

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "composed_networks.py"

FRAME = """
const svg = document.querySelectorAll("svg.chart:not(.legend *)")[arguments[0]];
const clip = svg.querySelector("clipPath rect");
const box = ["x", "y", "width", "height"].map(name => Number(clip.getAttribute(name)));
return [box, svg.querySelector(".curve").getAttribute("d")]"""


def curve(browser, number, low, high, ylow, yhigh):
    """The points of a plot's first curve, as data."""
    (left, top, width, height), path = browser.run(FRAME, number)
    points = np.array([[float(v) for v in part.split()] for part in re.split("[ML]", path)[1:]])
    return low + (points[:, 0] - left) / width * (high - low), yhigh - (points[:, 1] - top) / height * (
        yhigh - ylow
    )


def joints(browser):
    """Where the eight points are, as their texts say."""
    texts = [handle.get_attribute("aria-valuetext") for handle in browser.all(".handle")]
    return [tuple(float(part.replace("−", "-")) for part in text.split(", ")) for text in texts]


def lines(x, points):
    """Straight from point to point, and on beyond the last ones."""
    at, values = np.array(points).T
    steps = np.clip(np.searchsorted(at, x) - 1, 0, len(at) - 2)
    share = (x - at[steps]) / (at[steps + 1] - at[steps])
    return values[steps] + share * (values[steps + 1] - values[steps])


def slope(points):
    return max(abs((d - b) / (c - a)) for (a, b), (c, d) in pairwise(points))


def check(browser):
    """All three curves against lines between the joints.

    A joint's text has three digits: its height is off by at most 0.0005, its place by as much, which the slope enlarges. A path's
    hundredths of a pixel are below that; the second network enlarges what the first is off by its own slope.
    """
    points = joints(browser)
    assert len(points) == 8
    first, second = points[:4], points[4:]
    off = [1e-3 * (1 + slope(first)), 1e-3 * (1 + slope(second))]
    for number, bound in enumerate((*off, off[0] * slope(second) + off[1])):
        x, y = curve(browser, number, -1, 1, -1.2, 1.2)
        wanted = lines(x, second if number == 1 else first)
        if number == 2:
            wanted = lines(wanted, second)
        assert np.abs(y - wanted).max() < bound
        assert np.ptp(x) == pytest.approx(2, abs=0.01)


def test_composed_networks(browser, tmp_path, capsys):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    runpy.run_path(str(EXAMPLE), run_name="example")["main"](tmp_path)
    browser.open(tmp_path / "composed_networks.html")
    browser.picture("composed-1280")
    check(browser)
    before = joints(browser)
    handles = browser.all(".handle")
    for number, way in ((1, (30, 60)), (6, (-20, 25)), (4, (200, -70))):
        ActionChains(browser.driver).click_and_hold(handles[number]).move_by_offset(*way).release().perform()
        check(browser)
    after = joints(browser)
    assert after[1][0] > before[1][0] and after[1][1] < before[1][1]
    assert after[6][0] < before[6][0] and after[6][1] < before[6][1]
    assert after[4][0] == -1 and after[4][1] > before[4][1]  # an end goes up and down alone
    assert [after[n] for n in (0, 2, 3, 5, 7)] == [before[n] for n in (0, 2, 3, 5, 7)]
    ActionChains(browser.driver).click_and_hold(handles[1]).move_by_offset(500, -130).release().perform()
    assert joints(browser)[1] == (-0.05, 1.2)  # within its promised range, and within the plot
    handles[1].send_keys(Keys.ARROW_LEFT, Keys.ARROW_LEFT, Keys.ARROW_DOWN)
    assert joints(browser)[1] == (pytest.approx(-0.13), pytest.approx(1.152, abs=1e-2))
    check(browser)
    browser.picture("composed-dragged")
    for width, dark in ((1280, False), (390, True)):
        browser.open(tmp_path / "composed_networks.html", width=width, dark=dark, still=True)
        assert "\n".join(browser.violations()) == ""
        assert browser.run("return document.documentElement.scrollWidth") <= width
        browser.picture(f"composed-{width}-{dark}")
    assert browser.complaints() == []


def test_sliders_and_jumps(browser, tmp_path):
    x, a, n = g.symbols("x a n")
    page = g.figure(
        g.plot(
            {"step": g.where(x > a, 1, -1) * n, "pole": 1 / (x - a)},
            x,
            (-2, 2),
            handles=[(a, 0)],
            title="Steps <&>",
        ),
        at={"a": 0.3, "n": 1},
    )
    browser.open(page.save(tmp_path / "steps.html"))
    slider = browser.one("input[type=range]")
    browser.run(
        "arguments[0].value = 2; arguments[0].dispatchEvent(new Event('input', {bubbles: true}))", slider
    )
    assert browser.one("output").text == "2"
    (_, path) = browser.run(FRAME, 0)
    assert path.count("M") == 2  # a jump is no line
    assert "\n".join(browser.violations()) == ""
    browser.picture("steps")
    assert browser.complaints() == []

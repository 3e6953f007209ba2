"""Planes in a real browser: colours and the boundary are NumPy's, points come by clicks, and training is gradient descent."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

import graphc as g
from graphc import nn

pytestmark = pytest.mark.browser

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "plane.py"

PIXELS = "return [...document.getElementById('heat').getContext('2d').getImageData(0, 0, 61, 61).data]"

MANY_STEPS = """const done = arguments[0];
const look = () => (/after (\\d{3,})/.test(document.getElementById("told").textContent) ? done() : requestAnimationFrame(look));
look()"""

VALUE = """const s = document.getElementById(arguments[0]);
s.value = arguments[1];
s.dispatchEvent(new Event('input', {bubbles: true}))"""


def heights(browser):
    """Where the output is over the level, by the colours: blue over it, orange under it."""
    pixels = np.array(browser.run(PIXELS)).reshape(61, 61, 4)
    return pixels[..., 2].astype(int) - pixels[..., 0]


def complaints(browser):
    """What the console got, but for the advice on how this test reads pixels."""
    return [text for text in browser.complaints() if "getImageData" not in text]


def told(browser):
    return browser.one("#told").text


def grid():
    side = np.linspace(-3, 3, 61)
    return np.stack(np.meshgrid(side, side[::-1]), axis=-1).reshape(-1, 2)


def test_the_lecture_s_playground(browser, tmp_path):
    assert len(EXAMPLE.read_text().splitlines()) <= 30
    runpy.run_path(str(EXAMPLE), run_name="example")["main"](tmp_path)
    browser.open(tmp_path / "plane.html")
    browser.picture("plane-1280")
    first = float(told(browser).split("loss ")[1])
    assert told(browser).startswith("60 points")
    before = heights(browser)
    slider = browser.one("#p2-0")
    browser.run(VALUE, slider.get_attribute("id"), "4")
    assert (heights(browser) != before).mean() > 0.5  # colours follow a weight
    browser.one("#again").click()
    assert (heights(browser) == before).all()
    browser.run(VALUE.replace("Event('input'", "Event('change'"), "rate", "0.5")
    for _ in range(20):
        browser.one("#step").click()
    assert float(told(browser).split("loss ")[1].split(" ")[0]) < first
    assert "after 20 steps" in told(browser)
    browser.one("#train").click()
    browser.driver.execute_async_script(MANY_STEPS)
    browser.one("#train").click()
    browser.picture("plane-trained")
    assert complaints(browser) == []


def test_clicks_keys_and_drags(browser, tmp_path):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    runpy.run_path(str(EXAMPLE), run_name="example")["main"](tmp_path)
    browser.open(tmp_path / "plane.html")
    browser.one("#clear").click()
    assert told(browser) == "0 points"
    over = browser.one("#over")
    wide = over.size["width"]
    ActionChains(browser.driver).move_to_element_with_offset(over, wide / 4, -wide / 4).click().perform()
    (point,) = browser.all("#points .point")
    assert float(point.get_attribute("cx")) == pytest.approx(300, abs=2)
    assert float(point.get_attribute("cy")) == pytest.approx(100, abs=2)
    ActionChains(browser.driver).click_and_hold(point).move_by_offset(-30, 40).release().perform()
    (point,) = browser.all("#points .point")
    assert float(point.get_attribute("cx")) == pytest.approx(300 - 30 * 400 / wide, abs=3)
    browser.one("#class0").click()
    over.send_keys(Keys.ARROW_LEFT, Keys.ARROW_UP, Keys.ENTER)
    assert told(browser).startswith("2 points") and len(browser.all("#points rect.point.less")) == 1
    browser.one("#undo").click()
    assert told(browser).startswith("1 points")
    for width, dark in ((1280, False), (390, True)):
        browser.open(tmp_path / "plane.html", width=width, dark=dark, still=True)
        assert "\n".join(browser.violations()) == ""
        assert browser.run("return document.documentElement.scrollWidth") <= width
        browser.picture(f"plane-{width}-{dark}")
    assert complaints(browser) == []


def test_colours_and_steps_are_numpy_s(browser, tmp_path):
    """A network of one layer by hand, in floats of either width."""
    for dtype in ("float64", "float32"):
        x, t = g.symbol("x", shape=("n", 2), dtype=dtype), g.symbol("t", shape=("n", 1), dtype=dtype)
        W, b = g.symbol("W", shape=(2, 1), dtype=dtype), g.symbol("b", shape=(1,), dtype=dtype)
        y = x @ W + b
        points, targets = np.array([[1.0, 2.0], [-1.0, 0.5], [0.5, -2.0]]), np.array([1.0, -1.0, 1.0])
        at = {"W": np.array([[0.8], [-0.5]]), "b": np.array([0.3])}
        page = g.figure(g.plane(y, x, loss=nn.logistic(y, t), target=t, data=(points, targets)), at=at)
        browser.open(page.save(tmp_path / "line.html"))
        wanted = (grid() @ at["W"] + at["b"]).reshape(61, 61)
        clear = np.abs(wanted) > 0.2
        assert ((heights(browser) > 0) == (wanted > 0))[clear].all()
        browser.run(VALUE.replace("Event('input'", "Event('change'"), "rate", "0.5")
        weight, bias = at["W"][:, 0].copy(), float(at["b"][0])
        for _ in range(5):
            browser.one("#step").click()
            share = -targets / (1 + np.exp(targets * (points @ weight + bias)))
            weight, bias = weight - 0.5 * (share @ points) / 3, bias - 0.5 * share.mean()
        found = [float(browser.one(f"#{key}").text.replace("−", "-")) for key in ("o0-0", "o0-1", "o1-0")]
        assert found == pytest.approx([*weight, bias], rel=6e-3)


def test_two_scalars(browser, tmp_path):
    x, y, a, b = g.symbols("x y a b")
    page = g.figure(g.plane(g.sigmoid(a * x + b * y), (x, y), level=0.5), at={"a": 2, "b": -1})
    browser.open(page.save(tmp_path / "scalars.html"))
    wanted = (grid() @ np.array([2.0, -1.0])).reshape(61, 61)
    clear = np.abs(wanted) > 0.3
    assert ((heights(browser) > 0) == (wanted > 0))[clear].all()
    assert not browser.all("#train") and complaints(browser) == []

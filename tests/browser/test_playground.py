"""The playground's page in a real browser: played, stepped through by buttons and keys, and dragged to any epoch."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.browser

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

STATE = """
const picture = document.getElementById("picture"), place = document.getElementById("place");
return [+place.value, document.getElementById("told").textContent, picture.complete && picture.naturalWidth, picture.alt]"""


@pytest.fixture
def page(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    script = importlib.import_module("playground")
    assert script.play("circles", script.circles, (3,), 30, tmp_path, seed=1) > 0.5
    text = (tmp_path / "playground_circles.html").read_text(encoding="utf-8")
    assert "://" not in text and len(text) < 400_000  # nothing from elsewhere
    return tmp_path / "playground_circles.html"


def test_epochs_are_stepped_played_and_dragged_to(browser, page):
    browser.open(page, width=600)
    last, told, width, alt = browser.run(STATE)
    assert last == int(browser.one("#place").get_attribute("max")) > 10 and told.startswith("epoch 30, loss")
    assert width > 200 and told in alt
    browser.picture("playground")
    browser.one("#on").click()
    assert browser.run(STATE)[0] == last  # there is none behind it
    browser.one("#back").click()
    assert browser.run(STATE)[0] == last - 1 and browser.run(STATE)[1] != told
    browser.run("place.value = 0; place.oninput()")
    assert browser.run(STATE)[1].startswith("epoch 1, loss")
    body = browser.one("body")
    for key, place in (("\ue014", 1), ("\ue014", 2), ("\ue012", 1)):  # right, right, left
        body.send_keys(key)
        assert browser.run(STATE)[0] == place
    browser.driver.execute_async_script(
        "const done = arguments[0]; document.getElementById('play').click();"
        "const wait = setInterval(() => { if (timer === null) { clearInterval(wait); done(); } }, 50);"
    )
    assert browser.run(STATE)[:2] == [last, told]
    browser.one("#play").click()  # from the beginning again, and paused
    assert browser.one("#play").get_attribute("aria-label") == "pause"
    browser.one("#play").click()
    assert browser.one("#play").get_attribute("aria-label") == "play" and browser.run(STATE)[0] < last
    assert not browser.complaints()


@pytest.mark.parametrize("dark", [False, True])
def test_the_page_is_accessible(browser, page, dark):
    browser.open(page, width=400, dark=dark)
    browser.picture(f"playground_{'dark' if dark else 'light'}")
    assert browser.violations() == []


def test_weights_are_edited_and_trained(browser, tmp_path, monkeypatch):
    """What the page says, against NumPy with the weights that it has."""
    monkeypatch.syspath_prepend(EXAMPLES)
    importlib.import_module("playground_weights").main(tmp_path)
    page = tmp_path / "playground_weights.html"
    assert "://" not in page.read_text(encoding="utf-8")

    def told():
        text = browser.one("#told").text
        V, b, w, c, points, classes = browser.run(
            "const p = window.playground, all = (v) => Array.from(v);"
            "return [...['V', 'b', 'w', 'c'].map((name) => all(p.weights[name])), all(p.points), all(p.classes)]"
        )
        hidden = np.tanh(np.reshape(points, (-1, 2)) @ np.reshape(V, (3, 2)).T + b)
        margin = np.array(classes) * (hidden @ w + c[0])
        loss, right = np.mean(np.logaddexp(0, -margin)), 100 * np.mean(margin > 0)
        assert text == f"loss {loss:.3f}, {right:.1f} % of the points right"
        return loss

    browser.open(page, width=900)
    trained = told()
    browser.run("const w1 = document.querySelector('[aria-label^=w1]'); w1.value = 0; w1.oninput()")
    assert told() > trained + 0.1
    edited = told()
    browser.one("[data-steps='200']").click()
    assert told() < edited
    browser.one("[data-start='random']").click()
    assert told() > trained + 0.1
    browser.one("[data-start='trained']").click()
    assert told() == trained
    browser.picture("playground_weights")
    assert not browser.complaints()

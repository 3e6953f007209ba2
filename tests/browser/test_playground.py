"""The playground's page in a real browser: played, stepped through by buttons and keys, and dragged to any epoch."""

from __future__ import annotations

import importlib
from pathlib import Path

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

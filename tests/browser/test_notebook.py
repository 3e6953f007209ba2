"""What notebooks show, in a real browser: outputs as JupyterLab lays them out, at two widths; no picture and no page is cut."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as g
from graphc import nn

pytestmark = pytest.mark.browser

CUT = """const wrong = [], about = element => (element.textContent || element.tagName).trim().slice(0, 40);
const page = document.documentElement;
if (page.scrollWidth > innerWidth) wrong.push(`the page is ${page.scrollWidth} wide`);
for (const svg of document.querySelectorAll("svg[role=img]:not([id=map])")) {
  const outer = svg.getBoundingClientRect();
  if (!outer.width) continue;
  for (let box = svg.parentElement; box; box = box.parentElement) {
    const inner = box.getBoundingClientRect();
    const scrolls = getComputedStyle(box).overflowX === "auto" && box.tabIndex === 0;
    if (scrolls) break;
    const wider = outer.right > inner.right + 1 || outer.left < inner.left - 1;
    if (wider) wrong.push(`a picture is wider than ${box.tagName} ${box.className}`);
  }
  for (const text of svg.querySelectorAll("text")) {
    const at = text.getBoundingClientRect();
    if (!at.width) continue;
    const beside = at.left < outer.left - 1 || at.right > outer.right + 1;
    if (beside || at.top < outer.top - 1 || at.bottom > outer.bottom + 1) wrong.push(`cut: ${about(text)}`);
  }
}
return wrong;"""

CELL = '<div class="jp-OutputArea-output" style="overflow:hidden;width:100%">{}</div>'


def shown():
    """Things that a lecture displays."""
    x, y, w = g.symbols("x y w")
    loss = g.log(1 / (g.exp(-(x * w + y)) + 1))
    at = {"x": 2.0, "w": -3.0, "y": 6.0}
    v, matrix = g.symbol("v", shape=3), g.symbol("W", shape=(3, 3))
    arrays = {"v": [1.0, 2.0, 3.0], "W": np.arange(9.0).reshape(3, 3)}
    model = nn.Sequential(nn.Affine(3), nn.Tanh, nn.Affine(2))
    return {
        "picture": g.draw(loss, at),
        "arrays": g.draw(g.sum(g.tanh(matrix @ v)), arrays),
        "panels": g.side_by_side({"written": loss, "other": x * w + y}, at),
        "differences": g.compare(loss, loss + x),
        "network": g.draw(nn.Model(model, g.symbol("data", shape=("batch", 4))), style="network"),
        "player": g.draw(loss, at).play(),
        "player of arrays": g.draw(g.sum(g.tanh(matrix @ v)), arrays).play(),
        "exercise": g.draw(loss, at, exercise=True),
        "steps": g.draw(x * w + y, at).steps(),
        "figure": g.figure(g.plot(g.sin(w * x), x, (-3, 3)), at={"w": 1.5}),
        "diagnosis": g.diagnose(g.log(x - x), {"x": 1.0}),
        "check": g.check_grad(loss, at),
        "explanation": g.explain(loss, at),
        "compiled": g.compile(loss, [x, y, w]),
    }


def output(value):
    """The richest form that a notebook takes, as Jupyter ranks them."""
    for name in ("_repr_html_", "_repr_svg_"):
        text = getattr(value, name, lambda: None)()
        if text is not None:
            return text
    return f"<pre>{type(value).__name__}</pre>"


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_cut(browser, tmp_path, width):
    cells = shown()
    page = "".join(CELL.format(output(value)) for value in cells.values())
    (tmp_path / "notebook.html").write_text(
        f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Notebook</title><body>{page}',
        encoding="utf-8",
    )
    browser.open(tmp_path / "notebook.html", width=width)
    assert browser.run(CUT) == []
    frames = browser.all("iframe")
    assert len(frames) == 4
    for frame in frames:
        browser.driver.switch_to.frame(frame)
        try:
            browser.until_loaded()
            assert browser.run(CUT) == []
        finally:
            browser.driver.switch_to.default_content()
    browser.picture(f"notebook-{width}")
    assert browser.complaints() == []


def test_an_exercise_is_worked_through_in_a_notebook(browser, tmp_path):
    x, y = g.symbols("x y")
    text = g.draw(x * y + x, {"x": 3.125, "y": 5.5}, exercise=True)._repr_html_()
    (tmp_path / "notebook.html").write_text(f"<!DOCTYPE html><meta charset='utf-8'>{text}", encoding="utf-8")
    browser.open(tmp_path / "notebook.html")
    browser.driver.switch_to.frame(browser.one("iframe"))
    try:
        browser.until_loaded()
        for _ in range(4):
            seen = browser.run("return document.body.innerText")
            assert "17.2" not in seen and "20.3" not in seen  # x·y and L
            browser.one("#next").click()
        assert browser.one("#score").text
    finally:
        browser.driver.switch_to.default_content()

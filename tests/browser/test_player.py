"""Players in a real browser: every number on every step, typed inputs, keys, exercises, accessibility, hostile names."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as g
from graphc.ir.formatting import show_value
from tests.compiler.targets import javascript_cases as cases
from tests.viz.player.test_page import HOSTILE

pytestmark = pytest.mark.browser

GRAPHS = {
    "log_sigmoid": ("log(1/(exp(-(x*w + b)) + 1))", {"x": 2.0, "w": -3.0, "b": 6.0}),
    "sum_times": ("(x + y)*z", {"x": -2.0, "y": 5.0, "z": -4.0}),
    "branches": ("where(x > 0, x**y, sin(x*x)) - maximum(x, y)/z", {"x": 2.0, "y": 5.0, "z": -4.0}),
}
POINTS = {
    "log_sigmoid": [{"x": "0.7", "w": "−1.25", "b": "3e-1"}, {"x": "1/4", "w": "40", "b": "-700"}],
    "sum_times": [{"x": "1e-5", "y": "0", "z": "123456.789"}],
    "branches": [{"x": "-1.3", "y": "-1.3", "z": "0.1"}, {"x": "0.5", "y": "inf", "z": "7"}],
}

READ = """
return [...document.querySelectorAll("section.step")].map((scene, number) => [
  number,
  [...scene.querySelectorAll("[data-v]")].map(slot => [
    slot.dataset.k, "b" in slot.dataset, slot.closest(".row")?.querySelector("dt").textContent ?? "", slot.textContent,
  ]),
])"""

EDGES = """
return [...document.querySelectorAll(".edge")].map(edge => [
  edge.dataset.head,
  ...["value", "back"].map(kind => {
    const text = edge.querySelector("." + kind);
    return text ? [text.textContent, text.classList.contains("on")] : null;
  }),
])"""


def number(text):
    return float(eval_fraction(text.replace("−", "-")))


def eval_fraction(text):
    top, _, below = text.partition("/")
    return float(top) / float(below) if below else float(top)


def check_numbers(browser, graph, at):
    """Every number in the lines of every step, against the interpreter's."""
    with np.errstate(all="ignore"):
        result = graph.backward(at)
    shown = 0
    for _, slots in browser.run(READ):
        for key, bracket, verb, text in slots:
            if not key:
                continue
            kind, rest = key[0], key[1:]
            if kind == "f":
                value = result.forward[int(rest)]
            elif kind == "a":
                value = result[int(rest)]
            else:
                use = tuple(map(int, rest.split("_")))
                partial = verb == "computes" or (verb == "returns" and bracket)
                value = (result.partials if partial else result.contributions)[use]
            wanted = show_value(value)
            assert text.strip("()") == wanted, (key, verb, text, wanted, at)
            assert text.startswith("(") == (bracket and wanted.startswith("−"))
            shown += 1
    assert shown >= 3 * len(graph.operands) / 2
    for (node, slot), edge in drawn(graph, browser.run(EDGES)).items():
        assert edge[1][0] == show_value(result.forward[graph.operands[node][slot]])
        if edge[2] is not None:
            assert edge[2][0] == show_value(result.contributions[node, slot])
        else:
            assert (node, slot) not in result.contributions


def drawn(graph, edges):
    """(node, slot) → its edge in the picture; constants are part of labels."""
    waiting = {}
    for edge in edges:
        waiting.setdefault(edge[0], []).append(edge)
    return {
        (node, slot): waiting[f"n{node}"].pop(0)
        for node, operands in enumerate(graph.operands)
        for slot, operand in enumerate(operands)
        if not graph.exprs[operand].is_constant
    }


def type_into(browser, field, text):
    browser.run(
        "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input', {bubbles: true}))",
        field,
        text,
    )


@pytest.fixture(params=GRAPHS)
def player(request, browser, tmp_path):
    text, at = GRAPHS[request.param]
    graph = g.Graph(g.parse(text))
    path = g.draw(graph, at=at).save(tmp_path / f"{request.param}.html")
    browser.open(path)
    browser.name, browser.path = request.param, path
    yield graph, at
    assert browser.complaints() == []


def test_every_step_shows_what_is_known_then(browser, player):
    graph, at = player
    last = int(browser.one("#step").get_attribute("max"))
    operations = [node for node, operands in enumerate(graph.operands) if operands]
    reached = [node for node in reversed(operations) if node in graph.backward(at)]
    check_numbers(browser, graph, at)
    done, back = set(), set()
    for step in range(last + 1):
        assert browser.one("#where").text == f"{step} / {last}"
        visible = [section for section in browser.all("section.step") if section.is_displayed()]
        assert len(visible) == 1
        if 1 <= step <= len(operations):
            done.add(operations[step - 1])
        elif len(operations) < step < last:
            back.add(reached[step - len(operations) - 1])
        active = browser.run(
            "return [...document.querySelectorAll('.node.active')].map(n => Number(n.dataset.n))"
        )
        if 0 < step < last:
            assert active == [
                operations[step - 1] if step <= len(operations) else reached[step - len(operations) - 1]
            ]
        for (node, slot), edge in drawn(graph, browser.run(EDGES)).items():
            operand = graph.operands[node][slot]
            assert edge[1][1] == (operand in done or not graph.operands[operand])
            assert edge[2] is None or edge[2][1] == (node in back)
        if step < last:
            browser.one("#next").click()
    assert not browser.one("#next").is_enabled()


def test_typed_inputs_recompute_everything(browser, player):
    graph, _ = player
    for point in POINTS[browser.name]:
        for node, symbol in enumerate(graph.symbols):
            type_into(browser, browser.one(f"#in{node}"), point[symbol.name])
        check_numbers(browser, graph, {name: number(text) for name, text in point.items()})
    field = browser.one("#in0")
    before = browser.run(READ)
    for nonsense in ("", "abc", "1,5,2", "alert(1)", "0x1"):
        type_into(browser, field, nonsense)
        assert field.get_attribute("aria-invalid") == "true" and browser.one("#message").text
    assert browser.run(READ) == before
    type_into(browser, field, "1")
    assert field.get_attribute("aria-invalid") is None and not browser.one("#message").text


def test_keys_links_slider_and_play(browser, player):
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.ui import Select, WebDriverWait

    last = int(browser.one("#step").get_attribute("max"))
    where = lambda: int(browser.one("#where").text.split(" / ")[0])
    body = browser.one("body")
    body.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_LEFT)
    assert where() == 1 and browser.driver.current_url.endswith("#step=1")
    body.send_keys(Keys.END)
    assert where() == last
    body.send_keys(Keys.HOME)
    assert where() == 0
    browser.one("#step").send_keys(Keys.ARROW_RIGHT)
    assert where() == 1
    browser.run("location.hash = '#step=2'")
    WebDriverWait(browser.driver, 20).until(lambda _: where() == 2)
    for fragment, step in (
        ("#step=3", 3),
        ("#step=999999", last),
        ("#step=-1", 0),
        ("#step=x", 0),
        ("#x=1&step=2", 2),
    ):
        browser.open(browser.path, fragment)
        assert where() == step
    Select(browser.one("#speed")).select_by_value("4")
    browser.one("#first").click()
    browser.one("#play").click()
    assert browser.one("#play").text == "Pause"
    WebDriverWait(browser.driver, 60).until(lambda _: where() == last)
    assert browser.one("#play").text == "Play"


def test_the_point_on_the_plot_can_be_dragged(browser, player):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    graph, at = player
    handle = browser.one("#plot .handle")
    browser.run("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", handle)
    ActionChains(browser.driver).click_and_hold(handle).move_by_offset(40, -5).release().perform()
    moved = float(browser.one("#in0").get_attribute("value"))
    assert moved > at[graph.symbols[0].name]
    check_numbers(browser, graph, {**at, graph.symbols[0].name: moved})
    handle.send_keys(Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    assert float(browser.one("#in0").get_attribute("value")) < moved
    assert graph.symbols[0].name in handle.get_attribute("aria-valuetext")
    for button in ("#closer", "#wider", "#wider"):
        browser.one(button).click()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_anyone_can_use_it(browser, player, width, dark):
    last = int(browser.one("#step").get_attribute("max"))
    for step in (last // 2,) if dark else (0, last // 2, last):
        browser.open(browser.path, f"#step={step}", width=width, dark=dark, still=True)
        assert "\n".join(browser.violations()) == ""
        assert browser.run("return document.documentElement.scrollWidth") <= width
        path = browser.picture(f"{browser.name}-{step}-{width}-{'dark' if dark else 'light'}")
        assert path.stat().st_size > 10_000


@pytest.mark.parametrize("style", ["paper", "mono", "dark", {"base": "dark", "background": "#000000"}])
def test_styles_can_be_read(browser, tmp_path, style):
    text, at = GRAPHS["sum_times"]
    path = g.draw(g.parse(text), at=at, style=style).save(tmp_path / "styled.html")
    for dark in (False, True):
        browser.open(path, "#step=4", dark=dark, still=True)
        assert "\n".join(browser.violations()) == ""
        browser.picture(f"style-{style if isinstance(style, str) else 'own'}-{dark}")
    x = g.symbol("x")
    browser.open(
        g.figure(g.plot({"f": g.sin(x)}, x, (0, 1)), at={}, style=style).save(tmp_path / "figure.html"),
        still=True,
    )
    assert "\n".join(browser.violations()) == ""
    assert browser.complaints() == []


def test_motion_is_reduced_where_it_is_asked_for(browser, player):
    moving = "return getComputedStyle(document.querySelector('svg text[data-at]')).transitionDuration"
    browser.open(browser.path, still=True)
    assert browser.run(moving) == "0s"
    browser.open(browser.path)
    assert browser.run(moving) != "0s"


def test_exercise(browser, tmp_path):
    text, at = GRAPHS["log_sigmoid"]
    graph = g.Graph(g.parse(text))
    result = graph.backward(at)
    path = g.draw(graph, at=at, exercise=True).save(tmp_path / "exercise.html")
    browser.open(path)
    forms = browser.all("form.ask")
    assert len(forms) == 7 + 9
    assert {edge[1][0] for edge in browser.run(EDGES)} == {"2", "−3", "6", "?"}
    while True:
        for form in [form for form in browser.all("form.ask") if form.is_displayed()]:
            key = form.get_attribute("data-key")
            use = tuple(map(int, key[1:].split("_"))) if key[0] == "c" else None
            truth = result.forward[int(key[1:])] if use is None else result.contributions[use]
            field, check = (
                form.find_element("css selector", "input"),
                form.find_element("css selector", "button"),
            )
            rules = lambda key=key: [
                rule for rule in browser.all("[data-rule]") if rule.get_attribute("data-rule") == key
            ]
            assert not any(rule.is_displayed() for rule in rules())
            field.send_keys(str(truth + 1))
            check.click()
            assert form.find_element("css selector", ".says").text.startswith("not yet")
            assert all(rule.is_displayed() for rule in rules())
            field.clear()
            field.send_keys(f"{truth:.3g}")
            check.click()
            assert form.find_element("css selector", ".says").text == "✓ right"
        if not browser.one("#next").is_enabled():
            break
        browser.one("#next").click()
    check_numbers(browser, graph, at)
    assert browser.violations() == []
    browser.picture("exercise-1280")
    browser.one("#first").click()
    type_into(browser, browser.one("#in0"), "5")
    assert {edge[1][0] for edge in browser.run(EDGES)} == {"5", "−3", "6", "?"}
    browser.one("#next").click()
    browser.one("form.ask .reveal").click()
    assert "−15" in {edge[1][0] for edge in browser.run(EDGES)}
    assert browser.complaints() == []


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names(browser, tmp_path, name):
    symbol = g.symbol(name)
    path = g.draw(g.sin(symbol) * 2 + symbol, at={name: 0.5}, name=name[:50]).save(tmp_path / "hostile.html")
    browser.open(path)
    browser.run("window.alerted = 0; window.alert = () => { window.alerted += 1; }")
    browser.one("#last").click()
    assert browser.run("return [document.scripts.length, document.links.length, window.alerted]") == [2, 0, 0]
    assert browser.run("return document.querySelectorAll('img, iframe, object, embed').length") == 0
    assert browser.complaints() == []


def test_what_is_not_finite_is_marked(browser, tmp_path):
    x = g.symbol("x")
    browser.open(g.draw(g.log(x) + 1, at={"x": 2.0}).save(tmp_path / "log.html"))
    marked = "return [...document.querySelectorAll('.edge text.alarm')].map(text => text.textContent)"
    assert browser.run(marked) == []
    type_into(browser, browser.one("#in0"), "0")
    assert browser.run(marked) == ["∞", "−∞", "−∞"]
    type_into(browser, browser.one("#in0"), "-1")
    assert set(browser.run(marked)) == {"NaN"}
    browser.one("#last").click()
    assert "\n".join(browser.violations()) == ""
    browser.picture("alarm")
    assert browser.complaints() == []


def test_arrays_and_leaves_are_shown(browser, tmp_path):
    v = g.symbol("v", shape=3)
    for number_, (output, at) in enumerate(
        [(g.sum(g.exp(v) * 2), {"v": [1.0, 2.0, 3.0]}), (g.symbol("x"), {"x": 2.0}), (g.parse("1 + 2"), {}),
         (g.symbol("p", dtype="bool") & (g.symbol("n", dtype="int64") > 2), {"p": True, "n": 3})]
    ):  # fmt: skip
        browser.open(g.draw(output, at=at).save(tmp_path / f"{number_}.html"))
        browser.one("#last").click() if browser.one("#last").is_enabled() else None
        assert "\n".join(browser.violations()) == ""
        assert browser.complaints() == []


# --- generated code, in the engine that readers have ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scale", "gap"), [(1.0, False), (1.0, True), (1.234e-7, False), (-3.21e12, True)], ids=str
)
def test_the_range_over_a_map_is_whole(browser, tmp_path, scale, gap):
    """In the picture it has the map's width; what is longer is written smaller, or says how many elements are NaN."""
    value = scale * np.random.default_rng(0).normal(size=(10, 8))
    if gap:
        value[2, 3] = np.nan
    g.draw(g.sum(g.symbol("A", shape=(10, 8)) * 2), {"A": value}).save(tmp_path / "p.html")
    browser.open(tmp_path / "p.html", "#step=1")
    notes = browser.run(
        "return [...document.querySelectorAll('foreignObject .heat small')].map(n => "
        "[n.textContent, n.title, n.scrollWidth, n.clientWidth])"
    )
    assert notes and all(wide <= room + 1 for _, _, wide, room in notes)
    assert any("NaN" in text for text, *_ in notes) == gap
    assert any("…" in text + title for text, title, *_ in notes)
    assert browser.complaints() == []


def answers(browser):
    return lambda scripts: [browser.run("return (0, eval)(arguments[0])", script) for script in scripts]


def test_operations_in_the_browser(browser):
    browser.driver.get("about:blank")
    compared = [*cases.operations(), cases.integers()]
    for case, answer in zip(compared, answers(browser)([case.script for case in compared]), strict=True):
        case.check(answer)


def test_random_graphs_in_the_browser(browser):
    browser.driver.get("about:blank")
    cases.check_graphs(answers(browser))

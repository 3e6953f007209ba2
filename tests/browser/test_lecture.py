"""What lectures do with players: arrays edited, elements explained, descent, languages, links, exercises, learning platforms."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest

import graphc as g
from graphc.errors import InputError
from graphc.ir.formatting import matrix_cells, show_number, show_value
from graphc.viz.player.words import languages
from tests.browser.test_player import check_numbers, number, type_into

pytestmark = pytest.mark.browser

W, v, c = g.symbol("W", shape=(2, 3)), g.symbol("v", shape=3), g.symbol("c", shape=2)
AT = {
    "W": np.array([[1, -0.5, 0.25], [0.1, 0.2, -0.3]]),
    "v": np.array([1.0, 2.0, -1.0]),
    "c": np.array([0.1, -0.2]),
}


def layer():
    return g.sum((g.tanh(W @ v + c) - 0.5) ** 2)


def network():
    random = np.random.default_rng(3)
    x, y = g.symbol("x", shape=12), g.symbol("y", shape=8)
    first, second = g.symbol("W1", shape=(9, 12)), g.symbol("W2", shape=(8, 9))
    hidden = g.relu(first @ x)
    loss = -g.sum(y * g.log_softmax(second @ hidden))
    at = {
        "x": random.random(12), "y": np.eye(8)[2], "W1": random.normal(size=(9, 12)), "W2": random.normal(size=(8, 9)),
    }  # fmt: skip
    return loss, at


ARRAYS = """
return [...document.querySelectorAll(".edge .array")].map(place => [
  place.closest(".edge").dataset.head, place.classList.contains("value") ? "value" : "back", place.dataset.form,
  [...place.querySelectorAll(".cell")].map(cell => cell.textContent), place.querySelector("small")?.textContent,
])"""


def texts_of(array):
    array = np.asarray(array)
    return [text for row in matrix_cells(array if array.ndim == 2 else array.reshape(1, -1)) for text in row]


def check_arrays(browser, graph, at):
    """Every array in the picture against the interpreter's."""
    result = graph.backward(at)
    wanted = []
    for node, operands in enumerate(graph.operands):
        for slot, operand in enumerate(operands):
            found = [("value", result.forward[operand]), ("back", result.contributions.get((node, slot)))]
            wanted += [(f"n{node}", kind, array) for kind, array in found if np.ndim(array)]
    shown = browser.run(ARRAYS)
    assert len(shown) == len(wanted)
    for (head, kind, array), (shown_head, shown_kind, form, cells, told) in zip(
        sorted(wanted, key=lambda each: each[:2]), sorted(shown, key=lambda each: each[:2]), strict=True
    ):
        assert (head, kind) == (shown_head, shown_kind)
        if form == "matrix":
            assert cells == texts_of(array), (head, kind)
        else:
            low, high = show_number(np.min(array), 3), show_number(np.max(array), 3)
            assert told == (low if low == high else f"{low}…{high}"), (head, kind)


def opened(browser, tmp_path, output, at, fragment="", width=1280, **options):
    path = g.draw(output, at=at, **options).save(tmp_path / "lecture.html")
    assert path.stat().st_size <= 400_000
    browser.open(path, fragment, width=width, still=True)
    return path


def chains(browser):
    return browser.run("return [...document.querySelectorAll('#element-told p')].map(p => p.textContent)")


def test_cells_are_edited_and_everything_follows(browser, tmp_path):
    graph = g.Graph(layer())
    opened(browser, tmp_path, graph, AT)
    check_arrays(browser, graph, AT)
    type_into(browser, browser.one("#in0_4"), "−1,5")
    type_into(browser, browser.one("#in1_0"), "1/4")
    changed = {**AT, "W": AT["W"].copy(), "v": AT["v"].copy()}
    changed["W"][1, 1], changed["v"][0] = -1.5, 0.25
    check_arrays(browser, graph, changed)
    browser.run(
        "const s = arguments[0]; s.value = 3; s.dispatchEvent(new Event('input', {bubbles: true}))",
        browser.one("#slide2"),
    )
    changed["c"] = np.array([3.0, -0.2])
    check_arrays(browser, graph, changed)
    browser.one("#last").click()
    assert "\n".join(browser.violations()) == "" and browser.complaints() == []
    browser.picture("arrays")


def test_an_element_tells_what_it_is_made_of(browser, tmp_path):
    graph = g.Graph(layer())
    opened(browser, tmp_path, graph, AT)
    result = graph.backward(AT)
    product = next(node for node, expr in enumerate(graph.exprs) if expr.op.name == "matmul")
    browser.run("document.querySelectorAll('[data-head^=n] .array[data-at=\"1\"] .cell')[1].click()")
    (forward, back) = chains(browser)
    name = "v1[1]"
    assert forward.startswith(
        f"{name} = W[1, 0]·v[0] + W[1, 1]·v[1] + W[1, 2]·v[2] = 0.1·1 + 0.2·2 + (−0.3)·(−1) = "
    )
    assert forward.endswith(f" = {show_number(result.forward[product][1])}")
    assert back.startswith(f"∂L/∂{name} = ") and back.endswith(f" = {show_number(result[product][1])}")
    browser.all("#element-parts button")[2].click()
    told = chains(browser)
    assert told[0] == "W[1, 1] = 0.2"
    slope = result[0][1, 1]
    assert told[1].endswith(f"= {show_number(slope)}") and told[2] == f"numerically {show_number(slope)}"
    assert browser.one("#element-array").get_attribute("value") == "0"
    type_into(browser, browser.one("#element-index"), "0, 2")
    assert chains(browser)[0] == "W[0, 2] = 0.25"
    type_into(browser, browser.one("#element-index"), "2, 0")
    assert browser.one("#element-index").get_attribute("aria-invalid") == "true"


def test_large_arrays_are_maps_whose_cells_are_chosen_by_a_click(browser, tmp_path):
    from selenium.webdriver.common.action_chains import ActionChains

    output, at = network()
    graph = g.Graph(output)
    opened(browser, tmp_path, graph, at, "#step=2")
    check_arrays(browser, graph, at)
    place = [symbol.name for symbol in graph.symbols].index("W1")
    canvas = browser.one(f'.inputs .holds[data-n="{place}"] canvas')
    size = canvas.size
    across, down = ((4.5 / 12 - 0.5) * size["width"], (6.5 / 9 - 0.5) * size["height"])
    ActionChains(browser.driver).move_to_element_with_offset(
        canvas, round(across), round(down)
    ).click().perform()
    assert browser.one(f"#place{place}").get_attribute("value") == "6, 4"
    assert browser.one(f"#cell{place}").text == "W1[6, 4]"
    type_into(browser, browser.one(f"#in{place}"), "2.5")
    at["W1"][6, 4] = 2.5
    check_arrays(browser, graph, at)
    type_into(browser, browser.one(f"#place{place}"), "0, 11")
    type_into(browser, browser.one(f"#in{place}"), "-2")
    at["W1"][0, 11] = -2
    check_arrays(browser, graph, at)
    browser.one("#last").click()
    for text in browser.run("return [...document.querySelectorAll('.numeric')].map(p => p.textContent)"):
        assert (
            number(
                text.rpartition(" ")[2]
                .replace("×10⁻", "e-")
                .translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789"))
            )
            < 1e-6
        )
    assert "\n".join(browser.violations()) == "" and browser.complaints() == []
    browser.picture("network")
    browser.size(390)
    assert browser.run("return document.documentElement.scrollWidth") <= 390
    browser.picture("network-390")


def test_gradient_descent_is_that_of_numpy(browser, tmp_path):
    graph = g.Graph(layer())
    opened(browser, tmp_path, graph, AT)
    type_into(browser, browser.one("#rate"), "0,2")
    for box in browser.all("[data-train]"):
        if box.get_attribute("data-train") == "1":
            box.click()
    point, losses = dict(AT), []
    for _ in range(6):
        result = graph.backward(point)
        losses.append(result.forward[graph.outputs[0]])
        slopes = [result[node] for node in range(3)]
        point = {
            name: point[name] - (0.2 * slopes[node] if name != "v" else 0)
            for node, name in enumerate(("W", "v", "c"))
        }
        browser.one("#descend").click()
    check_arrays(browser, graph, point)
    loss = graph.forward(point)[graph.outputs[0]]
    assert browser.one("#losses").text == f"6 steps: {show_number(losses[0])} → {show_number(loss)}"
    assert browser.one("#loss-plot").is_displayed() and losses[-1] < losses[0]
    assert "\n".join(browser.violations()) == ""
    browser.picture("descent")
    browser.one("#restart").click()
    check_arrays(browser, graph, AT)
    browser.one("#run").click()
    assert browser.one("#run").text == "Stop"
    browser.one("#run").click()
    assert browser.one("#run").text == "Run" and browser.complaints() == []


def test_numerical_derivatives_stand_beside_the_symbolic_ones(browser, tmp_path):
    x, w = g.symbols("x w")
    opened(browser, tmp_path, g.sin(x * w) * w, {"x": 0.7, "w": 1.3})
    browser.one("#last").click()
    told = browser.run("return [...document.querySelectorAll('.numeric')].map(p => p.textContent)")
    slopes = [1.3**2 * np.cos(0.91), np.sin(0.91) + 0.91 * np.cos(0.91)]
    assert told == [f"numerically {show_number(slope, 5)}" for slope in slopes]


def test_links_keep_the_step_and_the_inputs(browser, tmp_path):
    graph = g.Graph(layer())
    path = opened(browser, tmp_path, graph, AT)
    type_into(browser, browser.one("#in0_2"), "0.75")
    browser.one("#next").click()
    browser.one("#next").click()
    address = browser.run("return location.hash")
    assert address == "#W=2:0.75&step=2"
    browser.open(path, address)
    changed = {**AT, "W": AT["W"].copy()}
    changed["W"][0, 2] = 0.75
    check_arrays(browser, graph, changed)
    assert browser.one("#where").text.startswith("2 /")
    browser.one("summary").click()
    assert browser.one("#link").get_attribute("value").endswith(address)
    for fragment in ("#W=99:1&v=x&step=1", "#W=%E0%A4%A&v=0:", "#W=;;:&step=1", "#constructor=1&__proto__=2"):
        browser.open(path, fragment)
        check_arrays(browser, graph, AT)
    x, w = g.symbols("x w")
    path = g.draw(x * w, at={"x": 2.0, "w": 3.0}).save(tmp_path / "link.html")
    browser.open(path, "#x=-1.5&step=1")
    check_numbers(browser, g.Graph(x * w), {"x": -1.5, "w": 3.0})
    assert browser.complaints() == []


def test_keys_of_presenters(browser, tmp_path):
    from selenium.webdriver.common.keys import Keys

    opened(browser, tmp_path, layer(), AT)
    body, where = browser.one("body"), lambda: browser.one("#where").text.split(" / ")[0]
    body.send_keys(Keys.PAGE_DOWN, Keys.PAGE_DOWN, Keys.PAGE_DOWN, Keys.PAGE_UP)
    assert where() == "2"
    body.send_keys("b")
    assert browser.one("#curtain").is_displayed()
    browser.driver.switch_to.active_element.send_keys("b")
    assert not browser.one("#curtain").is_displayed()
    size = "return parseFloat(getComputedStyle(document.querySelector('.lecture')).fontSize)"
    before = browser.run(size)
    body.send_keys("l")
    assert browser.run(size) > 1.4 * before and browser.one("#large").get_attribute("aria-pressed") == "true"
    assert browser.run("return document.documentElement.scrollWidth") <= 1280
    browser.picture("large")
    assert "\n".join(browser.violations()) == ""
    body.send_keys("l")
    assert browser.run(size) == before


def test_a_click_on_a_node_goes_to_its_step_in_either_pass(browser, tmp_path):
    from selenium.webdriver.common.keys import Keys

    x, w = g.symbols("x w")
    graph = g.Graph(g.sin(x * w))
    opened(browser, tmp_path, graph, {"x": 2.0, "w": 3.0})
    product = browser.one('.node[data-n="2"]')
    seen = []
    for _ in range(3):
        browser.run("arguments[0].dispatchEvent(new MouseEvent('click', {bubbles: true}))", product)
        seen.append(browser.one("#where").text)
    assert seen == ["1 / 5", "4 / 5", "1 / 5"]
    product.send_keys(Keys.ENTER)
    assert browser.one("#where").text == "4 / 5"
    browser.run(
        "arguments[0].dispatchEvent(new MouseEvent('click', {bubbles: true}))",
        browser.one('.node[data-n="3"]'),
    )
    assert browser.one("#where").text == "3 / 5"  # backward, as that pass is shown


@pytest.mark.parametrize("code", sorted(languages()))
def test_the_page_speaks(browser, tmp_path, code):
    from selenium.webdriver.support.ui import Select

    words = languages()[code]
    opened(browser, tmp_path, layer(), AT, "#step=8")
    Select(browser.one("#language")).select_by_value(code)
    root = browser.one("html")
    assert (root.get_attribute("lang"), root.get_attribute("dir")) == (code, words["direction"])
    assert browser.one("#inputs-title").text == words["inputs"]
    assert browser.one("section.step:not([hidden]) h2").text.startswith(
        words["backward_of"].replace("{0}", "2").replace("{1}", "6")
    )
    assert browser.one("#next").get_attribute("aria-label") == words["next"]
    assert "\n".join(browser.violations()) == ""
    for width in (1280, 390):
        browser.size(width)
        assert browser.run("return document.documentElement.scrollWidth") <= width
        browser.picture(f"language-{code}-{width}")
    assert browser.complaints() == []


def test_an_exercise_is_scored_and_its_code_read(browser, tmp_path):
    x, y, z = g.symbols("x y z")
    output, at = (x + y) * z, {"x": -2.0, "y": 5.0, "z": -4.0}
    graph = g.Graph(output)
    opened(browser, tmp_path, output, at, exercise=True)
    result = graph.backward(at)
    answered = []
    while browser.one("#next").is_enabled():
        browser.one("#next").click()
        for form in [form for form in browser.all("form.ask") if form.is_displayed()]:
            key = form.get_attribute("data-key")
            use = tuple(map(int, key[1:].split("_"))) if key[0] == "c" else None
            truth = result.forward[int(key[1:])] if use is None else result.contributions[use]
            find = lambda selector, form=form: form.find_element("css selector", selector)
            match len(answered):
                case 0:  # half a point after a hint, and half after a wrong answer
                    find(".hint").click()
                    assert find(".says").text
                case 1:
                    find("input").send_keys("77")
                    find("button").click()
                    find("input").clear()
                case 2:
                    find(".reveal").click()
            if len(answered) != 2:
                find("input").send_keys(str(truth))
                find("button").click()
                assert find(".says").text == "✓ right"
            answered.append(key)
    points = len(answered) - 2.0
    assert browser.one("#score").text == f"{points:g} of {len(answered)} points, {len(answered)} answered"
    browser.one("#pupil").send_keys("  Ana   Pop ")
    code = browser.one("#code").get_attribute("value")
    found = g.check_code(code, output, at, pupil="ana pop")
    assert (found.points, found.questions, found.variant) == (points, len(answered), 0)
    wrong = f"G1-0-{2 * len(answered)}-{len(answered)}-{code[-8:]}"
    for bad, formula, name in (
        (wrong, output, "Ana Pop"),
        (code, output, "Ion"),
        (code, x + y, "Ana Pop"),
        ("G1", output, ""),
    ):
        with pytest.raises(InputError):
            g.check_code(
                bad, formula, {n: at[n] for n in ("x", "y", "z") if formula is output or n != "z"}, pupil=name
            )
    browser.picture("exercise-scored")
    browser.one("#other").click()
    numbers = [browser.one(f"#in{k}").get_attribute("value") for k in range(3)]
    assert numbers != ["-2", "5", "-4"] and browser.one("#score").text.startswith("0 of")
    browser.one("#other").click()
    assert [browser.one(f"#in{k}").get_attribute("value") for k in range(3)] != numbers
    browser.run(
        "arguments[0].value = 1; arguments[0].dispatchEvent(new Event('change'))", browser.one("#variant")
    )
    assert [browser.one(f"#in{k}").get_attribute("value") for k in range(3)] == numbers
    assert g.check_code(browser.one("#code").get_attribute("value"), output, at, pupil="Ana Pop").variant == 1
    assert "\n".join(browser.violations()) == "" and browser.complaints() == []


AROUND = """
<!DOCTYPE html><html><body><script>
window.told = []; window.heights = [];
const answer = (name, given) => { told.push([name, ...given]); return name === "LMSGetValue" ? "Pop, Ana" : "true"; };
window.API = new Proxy({}, { get: (_, name) => (...given) => answer(name, given) });
addEventListener("message", event => { if (event.data.type === "graphc:size") heights.push(event.data.height); });
</script><iframe id="page" style="width:900px"></iframe></body></html>"""


def test_a_package_reports_to_a_learning_platform_and_tells_its_size(browser, tmp_path):
    from selenium.webdriver.support.ui import WebDriverWait

    x, w = g.symbols("x w")
    path = g.draw(g.exp(x) * w, at={"x": 0.5, "w": 2.0}, exercise=True).save(tmp_path / "lesson.zip")
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["imsmanifest.xml", "index.html"]
        text = archive.read("index.html").decode()
    outer = tmp_path / "platform.html"
    outer.write_text(AROUND)
    browser.open(outer)
    browser.run("document.getElementById('page').srcdoc = arguments[0]", text)
    WebDriverWait(browser.driver, 20).until(lambda _: browser.run("return window.heights.length > 0"))
    assert browser.run("return window.heights.at(-1)") > 300
    browser.driver.switch_to.frame("page")
    try:
        assert browser.one("#pupil").get_attribute("value") == "Pop, Ana"
        browser.run("for (const button of document.querySelectorAll('.reveal')) button.click()")
    finally:
        browser.driver.switch_to.default_content()
    told = browser.run("return window.told")
    assert told[0] == ["LMSInitialize", ""]
    values = {
        name: value
        for verb, name, value in [each for each in told if len(each) == 3]
        if verb == "LMSSetValue"
    }
    assert values["cmi.core.lesson_status"] == "failed" and values["cmi.core.score.raw"] == "0"
    assert values["cmi.core.score.max"] == "100" and ["LMSCommit", ""] in told


def test_a_picture_is_enlarged_moved_and_searched(browser, tmp_path):
    from selenium.webdriver.common.action_chains import ActionChains

    x = g.symbol("x")
    chain = x
    for _ in range(12):
        chain = g.sin(chain) + x
    opened(browser, tmp_path, chain, {"x": 0.5})
    width = "return document.querySelector('.scroll svg').getBoundingClientRect().width"
    before = browser.run(width)
    assert browser.one("#map").is_displayed()
    browser.one("#nearer").click()
    assert browser.run(width) > 1.2 * before
    left = "return document.querySelector('.scroll').scrollLeft"
    ActionChains(browser.driver).move_to_element_with_offset(
        browser.one(".scroll"), 0, 60
    ).click_and_hold().move_by_offset(-200, 0).release().perform()
    assert browser.run(left) == 200
    type_into(browser, browser.one("#find"), "v20")
    assert browser.run("return document.querySelector('.node.found').getAttribute('aria-label')").startswith(
        "v20"
    )
    assert browser.run(left) > 1000
    browser.one("#whole").click()
    assert browser.run(width) == before and "\n".join(browser.violations()) == ""
    browser.picture("search")


def test_what_is_refused_at_a_point_keeps_the_last_values(browser, tmp_path):
    x = g.symbol("x", dtype="int64")
    v5 = g.symbol("v5", shape=5)
    graph = g.Graph(v5[x] * 2)
    at = {"x": 1, "v5": np.arange(5.0)}
    opened(browser, tmp_path, graph, at)
    text = "return document.querySelector('[data-head=out0] text').textContent"
    assert browser.run(text) == show_value(2.0)
    place = [symbol.name for symbol in graph.symbols].index("x")
    type_into(browser, browser.one(f"#in{place}"), "3")
    assert browser.run(text) == show_value(6.0)
    type_into(browser, browser.one(f"#in{place}"), "9")
    assert browser.run(text) == show_value(6.0) and browser.one("#message").text
    assert browser.complaints() == []


def test_hostile_names_of_arrays(browser, tmp_path):
    name = "</script><img src=x onerror=alert(1)>"
    h = g.symbol(name, shape=(2, 2))
    opened(browser, tmp_path, g.sum(h @ h), {name: np.eye(2)})
    browser.run("document.querySelector('.edge .cell').click()")
    assert browser.run("return document.querySelectorAll('img, iframe, object').length") == 0
    assert chains(browser)[0] == "</script><im…r=alert(1)>[0, 0] = 1" and browser.complaints() == []


def test_frames_of_a_large_graph_open_and_close(browser, tmp_path):
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.ui import Select, WebDriverWait

    first, second = g.symbols("x w")
    value = first
    for number_ in range(20):
        with g.scope(f"block {number_ // 5}"), g.scope(f"part {number_}"):
            value = g.tanh(value * second) + value * first
    graph = g.Graph(value)
    at = {"x": 0.5, "w": 0.75}
    opened(browser, tmp_path, graph, at)
    WebDriverWait(browser.driver, 20).until(lambda _: browser.one("#where").text == "0 / 161")
    labels = """
    return [...document.querySelectorAll("svg.picture:not(.closed) .node.block")].map(node => node.getAttribute("aria-label"))"""
    assert browser.run(labels) == [f"block {k}" for k in range(4)]
    browser.one("svg.picture:not(.closed) .node.block").send_keys(Keys.ENTER)
    assert browser.run(labels) == [*(f"block 0 / part {k}" for k in range(5)), "block 1"]
    assert "\n".join(browser.violations()) == ""
    browser.picture("frames-open")
    for step in (1, 80, 81, 160):
        browser.run("step.value = arguments[0]; step.dispatchEvent(new Event('input'))", step)
        active = "return [...document.querySelectorAll('svg.picture:not(.closed) .node.active')].map(n => +n.dataset.n)"
        (node,) = browser.run(active)
        assert node == (step + 1 if step <= 80 else len(graph.exprs) - (step - 80))
    check = """
    return [...document.querySelectorAll("section.step:not([hidden]) [data-v]")].map(e => [e.dataset.k, e.textContent])"""
    result = graph.backward(at)
    for key, text in browser.run(check):
        if key.startswith("a"):
            assert text == show_value(result[int(key[1:])])
    Select(browser.one("#frames")).select_by_visible_text("block 2 / part 12")
    assert "block 2 / part 13" in browser.run(labels)
    type_into(browser, browser.one("#find"), "v70")
    found = "return document.querySelector('svg.picture:not(.closed) .found').getAttribute('aria-label')"
    assert browser.run(found).startswith("v70")
    assert browser.complaints() == []

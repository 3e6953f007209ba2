"""The site in a real browser: no page overflows, axe-core finds nothing, the search finds what people look for."""

from __future__ import annotations

import functools
import http.server
import importlib.util
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.browser.conftest import unavailable

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    "index", "tutorial", "networks", "install", "neighbours", "from/sympy", "from/casadi", "comparison", "gallery/index",
    "course/4_softmax", "examples/mlp",
    "api/index", "api/verbs", "api/classes", "api/nn", "ops", "rules", "accuracy", "benchmarks", "architecture", "dev/adding",
    "changelog",
)  # fmt: skip
WIDTHS = (1280, 390)
ACCESSIBLE = (
    "index", "tutorial", "install", "neighbours", "from/casadi", "gallery/index", "examples/mlp", "api/index", "api/nn", "rules",
    "architecture", "dev/adding", "changelog",
)  # fmt: skip


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The built site: that of GRAPHC_SITE, or one that is built here."""
    if built := os.environ.get("GRAPHC_SITE"):
        return Path(built)
    if importlib.util.find_spec("material") is None:
        unavailable("mkdocs-material is not installed: pip install 'graphc[site]'")
    place = tmp_path_factory.mktemp("site")
    subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(place)],
        cwd=ROOT, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    return place


@pytest.fixture(scope="module")
def site(folder):
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def visit(browser, address, width, dark=False):
    browser.size(width)
    browser.media(dark, still=True)
    browser.driver.get("about:blank")
    browser.driver.get_log("browser")
    browser.driver.get(address)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("page", PAGES)
def test_pages_fit(browser, site, page, width):
    visit(browser, f"{site}/{page}.html", width)
    browser.picture(f"site_{page.replace('/', '_')}_{width}")
    assert browser.run("return document.documentElement.scrollWidth") <= width
    wide = browser.run(
        """
        const hides = ["auto", "scroll", "hidden"], out = [];
        for (const each of document.querySelectorAll(".md-content *")) {
          let box = each;
          while (box && !hides.includes(getComputedStyle(box).overflowX)) box = box.parentElement;
          const right = each.getBoundingClientRect().right;
          if (!box && right > innerWidth + 1) out.push(`${each.tagName} ${each.className} ${right}`);
        }
        return out.slice(0, 5);"""
    )
    assert not wide
    assert not browser.complaints()


@pytest.mark.parametrize(
    ("page", "dark"),
    [*((page, False) for page in ACCESSIBLE), ("index", True), ("tutorial", True), ("from/sympy", True)],
)
def test_pages_are_accessible(browser, site, page, dark):
    visit(browser, f"{site}/{page}.html", 1280, dark)
    assert not browser.violations()


def test_every_page_is_accessible(browser, site, folder):
    """The other pages with a text of their own: one in eight, and all where GRAPHC_EVERY_PAGE is set; axe-core takes its time.

    Those of the examples are of one template, and players have tests of their own.
    """
    browser.driver.command_executor.client_config.timeout = (
        600  # the longest tables have some ten thousand elements
    )
    browser.driver.set_page_load_timeout(600)
    browser.driver.set_script_timeout(600)
    found, names = {}, []
    for path in sorted(folder.rglob("*.html")):
        name = path.relative_to(folder).as_posix()
        other = name.removesuffix(".html") not in ACCESSIBLE and not name.startswith("examples/")
        if other and 'class="md-content"' in path.read_text(encoding="utf-8"):
            names.append(name)
    for name in names[:: 1 if os.environ.get("GRAPHC_EVERY_PAGE") else 8]:
        visit(browser, f"{site}/{name}", 1280)
        found[name] = browser.violations()
        print(name, found[name], flush=True)
    assert not any(found.values())


def find(browser, words):
    """The addresses that the search offers for some words."""
    browser.run(
        """const box = document.querySelector("[data-md-component=search-query]");
        const toggle = document.querySelector("#__search");
        if (!toggle.checked) toggle.click();
        box.focus(); box.value = arguments[0]; box.dispatchEvent(new Event("keyup")); box.dispatchEvent(new Event("input"));""",
        words,
    )
    return browser.driver.execute_async_script(
        """const done = arguments[0], began = Date.now();
        const look = () => {
          const found = [...document.querySelectorAll(".md-search-result__link")].map(each => each.href);
          if (found.length || Date.now() - began > 20000) done(found); else setTimeout(look, 50);
        };
        setTimeout(look, 300);"""
    )


@pytest.mark.parametrize("where", ["server", "file"])
@pytest.mark.parametrize(
    ("words", "page"),
    [
        ("softmax", "operations.html"),
        ("hessian", "verbs.html"),
        ("colour-blind", "gallery"),
        ("overflow", "html"),
    ],
)
def test_the_search_finds(browser, site, folder, words, page, where):
    start = f"{site}/index.html" if where == "server" else (folder / "index.html").as_uri()
    visit(browser, start, 1280)
    found = find(browser, words)
    assert any(page in each for each in found), found


def test_the_player_of_the_front_page_plays(browser, site):
    visit(browser, f"{site}/index.html", 1280)
    frame = browser.one(".player-frame")
    browser.run("arguments[0].scrollIntoView()", frame)
    browser.driver.switch_to.frame(frame)
    try:
        assert browser.all("section.step") and browser.all(".edge")
    finally:
        browser.driver.switch_to.default_content()

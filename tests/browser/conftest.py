"""A headless Chromium for the pages that graphc writes, and what tests ask of it.

Where there is none the tests are skipped with the reason, unless GRAPHC_REQUIRE_BROWSER=1 makes that a failure.
"""

from __future__ import annotations

import base64
import importlib.util
import os
import shutil
from pathlib import Path

import pytest

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "chrome")


def unavailable(reason):
    if os.environ.get("GRAPHC_REQUIRE_BROWSER") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


class Browser:
    """A page in Chromium: loaded, sized, read and photographed."""

    def __init__(self, driver, pictures):
        self.driver = driver
        self.pictures = pictures

    def open(self, path, fragment="", width=1280, dark=False, still=False):
        """Load a file in a window of some width."""
        self.size(width)
        self.media(dark, still)
        self.driver.get("about:blank")  # so that another fragment of the same file is loaded anew
        self.driver.get_log("browser")
        self.driver.get(f"{Path(path).as_uri()}{fragment}")
        self.until_loaded()

    def until_loaded(self):
        """Wait until the page's script has run to its end: it unpacks what is long, which takes a turn."""
        from selenium.webdriver.support.ui import WebDriverWait

        loading = "return document.documentElement.hasAttribute('data-loading')"
        WebDriverWait(self.driver, 20, poll_frequency=0.02).until(
            lambda driver: not driver.execute_script(loading)
        )

    def size(self, width, height=900):
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def media(self, dark=False, still=False):
        features = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce" if still else "no-preference"},
        ]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def one(self, selector):
        return self.driver.find_element("css selector", selector)

    def all(self, selector):
        return self.driver.find_elements("css selector", selector)

    def complaints(self):
        """What the console got since the page was opened."""
        return [
            entry["message"]
            for entry in self.driver.get_log("browser")
            if entry["level"] in ("SEVERE", "WARNING")
        ]

    def picture(self, name):
        """A screenshot of the whole page, kept in GRAPHC_SCREENSHOTS if that names a directory."""
        width, height = self.run("return [innerWidth, document.documentElement.scrollHeight]")
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        taken = self.driver.execute_cdp_cmd(
            "Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip}
        )
        (self.pictures / f"{name}.png").write_bytes(base64.b64decode(taken["data"]))
        return self.pictures / f"{name}.png"

    def violations(self):
        """What axe-core finds, one line for each element."""
        self.driver.execute_cdp_cmd("Page.setBypassCSP", {"enabled": True})
        self.run(axe())
        found = self.driver.execute_async_script(
            "const done = arguments[0]; axe.run().then(done, e => done(String(e)));"
        )
        assert isinstance(found, dict), found
        return [
            f"{item['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
            for item in found["violations"]
            for node in item["nodes"]
        ]


def axe():
    """The text of axe-core, out of a package that carries it."""
    found = importlib.util.find_spec("axe_playwright_python")
    if found is None:
        unavailable("axe-core is not installed: pip install --no-deps axe-playwright-python")
    (directory,) = found.submodule_search_locations
    return (Path(directory) / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    if importlib.util.find_spec("selenium") is None:
        unavailable("selenium is not installed: pip install 'graphc[browser]'")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    chromium = next(filter(None, map(shutil.which, CHROMIUM)), None)
    driver_path = shutil.which("chromedriver")
    if chromium is None or driver_path is None:
        unavailable(
            "no Chromium with chromedriver on the PATH; Debian: apt-get install chromium chromium-driver"
        )
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in (
        "headless=new",
        "no-sandbox",
        "disable-gpu",
        "disable-dev-shm-usage",
        "hide-scrollbars",
        "lang=en",
    ):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(driver_path))
    driver.set_page_load_timeout(60)
    driver.set_script_timeout(60)
    kept = os.environ.get("GRAPHC_SCREENSHOTS")
    pictures = Path(kept) if kept else tmp_path_factory.mktemp("pictures")
    pictures.mkdir(parents=True, exist_ok=True)
    try:
        yield Browser(driver, pictures)
    finally:
        driver.quit()

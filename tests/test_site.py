"""The site: the pages that are made of docstrings, and that it builds with every link leading somewhere."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import graphc as g
from graphc import nn, stats, train

ROOT = Path(__file__).resolve().parent.parent


def load(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


API = load("make_api")
TEXTS = {name: make() for name, make in API.PAGES.items()}


def test_every_public_name_is_on_a_page():
    places = API.places()
    for name in g.__all__:
        if name != "__version__":
            assert name in places, f"g.{name} is on no page of the API"
    for module in (nn, stats, train):
        short = module.__name__.removeprefix("graphc.")
        assert {f"{short}.{name}" for name in module.__all__} <= set(places)
    for name, place in places.items():
        page, anchor = place.split("#")
        assert f"{{ #{anchor} }}" in TEXTS[page], f"{name} has no entry on {page}"
        assert f"]({place})" in TEXTS["index.md"]


@pytest.mark.parametrize("page", TEXTS)
def test_links_between_the_pages_of_the_api(page):
    outside = re.sub(r"^```.*?^```$", "", TEXTS[page], flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\((\w+\.md)#?([\w.]*)\)", outside):
        file, anchor = target
        assert not anchor or f"{{ #{anchor} }}" in TEXTS[file], target


@pytest.mark.parametrize("page", TEXTS)
def test_fences_and_anchors_of_the_api(page):
    text = TEXTS[page]
    assert text.count("\n```") % 2 == 0
    anchors = re.findall(r"\{ #([\w.]+) \}$", text, re.MULTILINE)
    assert len(set(anchors)) == len(anchors)
    outside = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    assert ">>>" not in outside and not re.search(r"^ *-{3,}$", outside, re.MULTILINE)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("x*y*z and a_b_c", r"x\*y\*z and a\_b\_c"),
        ("as `exp` says", "as [`exp`](operations.md#exp) says"),
        ("n : how many\n    and more", "- `n`: how many\n  and more"),
        ("One.\n\n>>> 1 + 1\n2\n\n>>> 2\n2", "One.\n\n```pycon\n>>> 1 + 1\n2\n\n>>> 2\n2\n```"),
        ("Parameters\n----------\nx, y : numbers", "**Parameters**\n\n- `x`, `y`: numbers"),
        ("One.\n\n    f(x) = 1\n\nTwo.", "One.\n\n```text\nf(x) = 1\n```\n\nTwo."),
    ],
)
def test_docstrings_as_markdown(document, expected):
    assert API.markdown(document) == expected


@pytest.mark.slow
def test_the_site_builds(tmp_path):
    """With warnings as errors; a hook of the build follows every link."""
    if importlib.util.find_spec("material") is None:
        pytest.skip("needs mkdocs-material: pip install 'graphc[site]'")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    index = (tmp_path / "search" / "search_index.json").read_text(encoding="utf-8").lower()
    assert all(word in index for word in ("softmax", "hessian", "colour-blind", "overflow"))
    assert (tmp_path / "index.html").exists() and (tmp_path / "gallery" / "log_sigmoid.html").exists()

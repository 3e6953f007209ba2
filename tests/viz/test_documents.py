"""Films in other programs: Beamer compiled by TeX Live, PowerPoint rendered by LibreOffice, a page for each step.

Where a program is missing the tests are skipped, unless GRAPHC_REQUIRE_DOCUMENTS=1 makes that a failure.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import graphc as g

pytestmark = pytest.mark.slow

GALLERY = Path(__file__).resolve().parents[2] / "docs" / "gallery"


def need(program):
    if shutil.which(program) is None:
        say = pytest.fail if os.environ.get("GRAPHC_REQUIRE_DOCUMENTS") == "1" else pytest.skip
        say(f"no {program}; Debian: see .ci/documents for the packages")
    return program


def compiled(path):
    """What pdflatex said of a file, which it compiled in a folder of its own."""
    command = [
        need("pdflatex"), "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", path.name,
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=path.parent, capture_output=True, text=True, errors="replace", timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:]
    return done.stdout


def film():
    x, w, b = g.symbols("x w_1 b_prev")
    with g.scope("unit & more"):
        unit = g.tanh(x * w + b)
    return g.draw((unit - 1) ** 2, at={"x": 1.0, "w_1": 2.0, "b_prev": 0.5}).steps()


def wide():
    value = x = g.symbol("x_wide")
    for _ in range(9):
        value = g.sin(value)
    return g.draw(value, at={x: 0.5}).steps()


@pytest.mark.parametrize("make", [film, wide])
def test_a_film_compiles_with_a_page_for_each_step(make, tmp_path):
    steps = make()
    said = compiled(steps.save(tmp_path / "film.tex"))
    assert re.search(r"\((\d+) pages?", said)[1] == str(len(steps))
    assert (
        "Overfull" not in said and "Missing character" not in said
    )  # sizes are those that the document's font has


@pytest.mark.parametrize("path", sorted(GALLERY.glob("*.tex")), ids=lambda path: path.stem)
def test_pictures_of_the_gallery_compile(path, tmp_path):
    said = compiled(Path(shutil.copy(path, tmp_path)))
    assert "(1 page" in said and "Missing character" not in said and "Font Warning" not in said


def test_slides_are_rendered_one_for_each_step(tmp_path):
    pytest.importorskip("pptx")
    steps = film()
    path = steps.save(tmp_path / "film.pptx")
    home = f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"
    subprocess.run(
        [need("soffice"), home, "--headless", "--convert-to", "pdf", "--outdir", tmp_path, path],
        capture_output=True, timeout=300, check=True,
    )  # fmt: skip
    content = (tmp_path / "film.pdf").read_bytes()
    assert len(re.findall(rb"/Type\s*/Page\b", content)) == len(steps)
    width, height = map(float, re.search(rb"/MediaBox\s*\[0 0 ([\d.]+) ([\d.]+)\]", content).groups())
    assert width / height == pytest.approx(16 / 9, abs=0.01)

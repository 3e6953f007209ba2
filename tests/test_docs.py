"""The documentation is true: its blocks run, its reference is current, its commands are those that CI types."""

from __future__ import annotations

import doctest
import importlib.util
import os
import re
import shlex
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from click.testing import CliRunner

from graphc.cli import main
from graphc.compiler.pipeline import PASSES
from graphc.compiler.targets.llvm import libm

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FOR_ENGINEERS = [
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs" / "dev").glob("*.md")),
]
PAGES = [
    ROOT / "README.md",
    *sorted(page for page in (ROOT / "docs").rglob("*.md") if page not in FOR_ENGINEERS),
    *FOR_ENGINEERS,
]
NEEDS = re.compile(r"# needs: ([\w, ]+)$", re.MULTILINE)
"""What marks the blocks of a page that a package is imported in which a user may not have."""


def blocks(page: Path, language: str) -> list[tuple[int, str]]:
    """(line number, content) of the fenced blocks of a language."""
    text = page.read_text(encoding="utf-8")
    return [
        (text.count("\n", 0, match.start()) + 1, match[2])
        for match in BLOCK.finditer(text)
        if match[1] == language
    ]


def id_of(page: Path) -> str:
    folder = page.parent.name
    return page.name if folder in ("docs", ROOT.name) else f"{folder}/{page.name}"


def lacking(block: str) -> list[str]:
    """The packages that a block says it needs and that are not here."""
    needed = [name.strip() for found in NEEDS.findall(block) for name in found.split(",")]
    return [name for name in needed if importlib.util.find_spec(name) is None]


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "pycon")], ids=id_of)
def test_python_blocks_print_what_they_say(page, tmp_path, monkeypatch):
    if page.name == "pipeline.md" and not libm.has_fma():
        pytest.skip("it shows routines that this processor cannot run")
    monkeypatch.chdir(tmp_path)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    namespace: dict[str, object] = {"__name__": "__main__"}  # as at a console
    messages: list[str] = []
    for line, block in blocks(page, "pycon"):
        if lacking(block):
            continue
        test = doctest.DocTestParser().get_doctest(block, namespace, page.name, str(page), line)
        assert test.examples, f"{page.name}:{line}: a block without an example"
        runner.run(test, out=messages.append, clear_globs=False)
        namespace.update(test.globs)
    assert runner.summarize(verbose=False).failed == 0, "".join(messages)


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "console")], ids=id_of)
def test_console_blocks_print_what_they_say(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran = 0
    for line, block in blocks(page, "console"):
        for command, expected in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
            stdin, _, call = command.rpartition(" | ")
            words = shlex.split(call)
            assert words[0] == "graphc", f"{page.name}:{line}: {command} is no command of graphc"
            echoed = shlex.split(stdin)[1] + "\n" if stdin else None
            result = CliRunner().invoke(main, words[1:], input=echoed, catch_exceptions=False)
            assert result.exit_code == 0, result.output
            assert result.output == expected, f"{page.name}:{line}: {command}"
            ran += 1
    assert ran


def test_every_block_is_of_a_kind_that_is_tested():
    kinds = {
        "README.md": {"pycon", "console", "sh"},
        "docs/tutorial.md": {"pycon", "console", "sh"},
        "docs/dev/pipeline.md": {"pycon", "console", "text"},
        "docs/dev/adding.md": {"python"},  # tests/test_adding.py
    }
    for name, tested in kinds.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        found = {match[1] for match in BLOCK.finditer(text)}
        assert found <= tested, f"{name} has blocks of {found - tested}"


def test_the_map_of_the_pipeline_names_every_pass_in_its_row():
    """The passes below the tree, by the kind of units that they work on."""
    text = (ROOT / "docs" / "dev" / "pipeline.md").read_text(encoding="utf-8")
    for kind in ("all", "elements", "arrays"):
        (row,) = re.findall(rf"^     {kind} +(?:→ )?(.*)$", text, re.MULTILINE)
        assert row.split(" → ") == [each.name for each in PASSES if each.works_on == kind]


def maker(name: str) -> ModuleType:
    """docs/make_….py as a module."""
    spec = importlib.util.spec_from_file_location(f"make_{name}", ROOT / "docs" / f"make_{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["ops", "rules", "comparison"])
def test_reference_is_current(name):
    module = maker(name)
    current = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    assert current == module.page(), f"run: python docs/make_{name}.py"


def test_the_comparison_has_the_digits_of_today():
    """What this package makes of the formula and the network, as they stand on the page."""
    module = maker("comparison")
    space: dict[str, Any] = {}
    exec(module.SCRIPTS["graphc"], space)
    for point in module.POINTS:
        for found, true in zip(space["f"](1.0, point, 0.0), module.exact(point), strict=True):
            assert abs(found - true) <= 2 * np.spacing(abs(float(true)))
    exec(module.DATA + module.NETWORKS["graphc"], space)
    recorded = module.json.loads(module.RECORD.read_text(encoding="utf-8"))["network"]
    for losses in recorded.values():
        np.testing.assert_allclose(space["losses"], losses, rtol=1e-9)


def test_picture_of_the_readme_is_what_the_demo_draws(tmp_path):
    """By its texts: where they stand depends on the version of the engine and on the fonts."""
    assert CliRunner().invoke(main, ["demo", "-o", str(tmp_path / "drawn.svg")]).exit_code == 0
    shown, drawn = (
        sorted(
            "".join(node.itertext()) for node in ElementTree.parse(file).iter() if node.tag.endswith("}text")
        )
        for file in (ROOT / "docs" / "images" / "logsigmoid.svg", tmp_path / "drawn.svg")
    )
    assert shown == drawn and "−0.693" in shown, "run: graphc demo -f -o docs/images/logsigmoid.svg"


def test_the_gallery_shows_what_is_drawn_today(tmp_path):
    """By its texts, in a process of its own: expressions remember the lines and blocks that they were first written in."""
    folder = ROOT / "docs" / "gallery"
    command = [sys.executable, str(ROOT / "docs" / "make_gallery.py"), "--check", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, check=True, cwd=tmp_path, env=environment)
    assert (tmp_path / "README.md").read_text() == (folder / "README.md").read_text(), (
        "run: python docs/make_gallery.py"
    )
    for drawn in sorted(tmp_path.glob("*.svg")):
        shown, today = (
            sorted(
                re.sub(r"\.py:\d+", ".py", "".join(text.itertext()))
                for text in ElementTree.parse(file).iter()
                if text.tag.endswith("}text")
            )
            for file in (folder / drawn.name, drawn)
        )
        assert shown == today, f"run: python docs/make_gallery.py {drawn.stem}"
        for form in ("png", "tex"):
            assert (folder / f"{drawn.stem}.{form}").stat().st_size > 1000


def test_the_index_of_the_lectures_has_every_example_with_its_picture():
    make = maker("lectures")
    assert make.PAGE.read_text(encoding="utf-8") == make.page(), "run: python docs/make_lectures.py --page"
    topics = [topic for listed in make.LECTURES.values() for topic in listed]
    shown = {topic.script for topic in topics} | set(make.WITHOUT_A_FIGURE)
    assert shown == {path.stem for path in make.EXAMPLES.glob("*.py")}
    files = {file for topic in topics for file in topic.files}
    assert files == {path.name for path in make.FOLDER.iterdir()}, (
        "run: python docs/make_lectures.py [examples]"
    )
    assert len({topic.title for topic in topics}) == len(topics)


def test_curves_of_a_run_become_points_a_figure_and_a_page(tmp_path):
    """Those of a small file made here; falling as 1/epoch, and to nothing in the shallower network."""
    make, run, folder = maker("curves"), tmp_path / "run", tmp_path / "curves"
    run.mkdir()
    epochs = np.arange(100, 200_001, 100)
    wrong = np.ceil(2e6 / epochs).clip(max=3600)
    curves = {"epochs1": epochs, "errors1": wrong.clip(min=1) / 4000, "epochs3": epochs[:900]}
    curves["errors3"] = np.where(np.arange(900) < 899, wrong[:900], 0) / 4000
    np.savez(run / "mnist1d_depth.npz", examples=4000, rate=0.0025, seed=0, **curves)
    make.main(str(run), folder=folder)
    settings, found = make.read(folder)
    assert settings == {"examples": 4000, "rate": 0.0025, "seed": 0} and list(found) == [1, 3]
    for depth, (own, errors) in found.items():
        given = dict(zip(curves[f"epochs{depth}"].tolist(), curves[f"errors{depth}"].tolist(), strict=True))
        assert len(own) <= make.POINTS and own[0] == 100 and own[-1] == curves[f"epochs{depth}"][-1]
        assert [given[epoch] for epoch in own.tolist()] == errors.tolist()
    page = (folder / "README.md").read_text(encoding="utf-8")
    assert "| 1 of 298 | 15,208 | 1,000 | 5,000 | 50,000 | – | 0.2% after 200,000 |" in page
    assert "| 3 of 75 | 15,235 | 1,000 | 5,000 | 50,000 | 90,000 | 0.0% after 90,000 |" in page
    assert (folder / "mnist1d_depth.png").read_bytes().startswith(b"\x89PNG")
    drawn = (folder / "mnist1d_depth.png").read_bytes()
    (folder / "mnist1d_depth.png").unlink()
    make.main(folder=folder)  # from the points alone
    assert (folder / "mnist1d_depth.png").read_bytes() == drawn
    assert (folder / "README.md").read_text(encoding="utf-8") == page


def test_the_page_of_curves_is_current():
    make = maker("curves")
    if make.FOLDER.exists():
        current = (make.FOLDER / "README.md").read_text(encoding="utf-8")
        assert current == make.page(make.FOLDER), "run: python docs/make_curves.py"
        assert (make.FOLDER / "mnist1d_depth.png").exists()


def test_links_between_pages_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_ci_runs_the_two_commands_of_the_readme():
    commands = [line for _, block in blocks(ROOT / "README.md", "sh") for line in block.splitlines()]
    assert commands == ["pip install . && graphc demo", "pip install '.[test]' && pytest"]
    scripts = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / ".ci").iterdir()))
    for command in commands:
        assert re.search(rf"^{re.escape(command)}$", scripts, re.MULTILINE), f"no stage runs: {command}"


def test_headings_step_down_by_one():
    """A screen reader lists a page by its headings: none is skipped on the way down."""
    for page in PAGES:
        text = BLOCK.sub("", page.read_text(encoding="utf-8"))
        levels = [len(found) for found in re.findall(r"^(#{1,6}) ", text, re.M)]
        for before, level in pairwise([0, *levels]):
            assert level <= before + 1, f"{page.name}: a heading of level {level} after one of level {before}"

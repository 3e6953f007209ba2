"""A newcomer's first minutes on a bare machine: no compiler, no Graphviz, no display, no home to write to, an ASCII locale."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import graphc as g

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def bare(tmp_path):
    """The environment of a process on such a machine; the current directory alone can be written to."""
    return {
        "PATH": str(tmp_path / "nothing"),
        "HOME": os.devnull + "/home",
        "LC_ALL": "C",
        "PYTHONPATH": str(ROOT),
    }


def run(code, bare, folder):
    command = [sys.executable, *code]
    return subprocess.run(command, env=bare, cwd=folder, capture_output=True, encoding="utf-8", check=False)


def test_the_first_lines_of_the_readme(bare, tmp_path):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    block = re.search(r"```pycon\n(.*?)```", text, re.DOTALL)[1]
    lines = re.findall(r"^(?:>>>|\.\.\.) (.*)$", block, re.MULTILINE)
    (tmp_path / "first.py").write_text("\n".join([*lines, "print(f(2.0, -3.0, 6.0))"]), encoding="utf-8")
    ended = run(["first.py"], bare, tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip() == "(-0.6931471805599453, [-1.5, 1.0, 0.5])"
    assert "<svg" in (tmp_path / "logsigmoid.svg").read_text(encoding="utf-8")


def test_the_first_error(bare, tmp_path):
    code = "import graphc as g\nx = g.symbol('x')\ny = g.relu(x) if x > 0 else 0\n"
    (tmp_path / "first.py").write_text(code, encoding="utf-8")
    ended = run(["first.py"], bare, tmp_path)
    assert ended.returncode == 1
    assert "first.py:3" in ended.stderr and "g.where(condition, a, b)" in ended.stderr


@pytest.mark.parametrize(
    "words", [["eval", "log(1/(exp(-x) + 1))", "--at", "x=-800"], ["explain", "x*y", "--at", "x=2,y=-3"]]
)
def test_the_command(words, bare, tmp_path):
    ended = run(["-m", "graphc", *words], bare, tmp_path)
    assert ended.returncode == 0 and ended.stdout.isprintable() is False and not ended.stderr


def test_what_is_released_is_one_version():
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    assert project["dynamic"] == ["version"]
    assert f"\nversion: {g.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    recipe = (ROOT / "packaging" / "conda" / "meta.yaml").read_text(encoding="utf-8")
    assert f'set version = "{g.__version__}"' in recipe
    assert f"\n## {g.__version__}\n" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    names = {
        re.match(r"[\w.-]+", each)[0].replace("graphviz", "python-graphviz", 1)
        for each in project["dependencies"]
    }
    for name in names - {"pygraphviz", "pypython-graphviz"}:
        assert f"- {name} >=" in recipe, f"the conda recipe lacks {name}"

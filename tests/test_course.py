"""The course: notebooks are those of the files, exercises say "not yet" without an answer and "right" with the solution."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import matplotlib
import pytest
from matplotlib import pyplot as plt

matplotlib.use("Agg")
ROOT = Path(__file__).resolve().parent.parent
SPEC = importlib.util.spec_from_file_location("make_course", ROOT / "docs" / "make_course.py")
assert SPEC is not None and SPEC.loader is not None
COURSE = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(COURSE)


@pytest.mark.parametrize("path", COURSE.files(), ids=lambda path: path.stem)
def test_notebooks_are_those_of_the_files(path):
    text = path.with_suffix(".ipynb").read_text(encoding="utf-8")
    assert text == COURSE.notebook(path), "run: python docs/make_course.py"
    notebook = json.loads(text)
    assert notebook["nbformat"] == 4 and "# solution:" not in text
    assert sum("check(" in "".join(cell["source"]) for cell in notebook["cells"]) >= 5
    assert f"{path.stem}.ipynb" in (ROOT / "docs" / "course" / "index.md").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("solve", [False, True], ids=["unsolved", "solved"])
@pytest.mark.parametrize("path", COURSE.files(), ids=lambda path: path.stem)
def test_exercises_check_themselves(path, solve, capsys):
    """As a kernel runs the notebook: all cells in one namespace."""
    notebook = json.loads(COURSE.notebook(path))
    cells = [(kind, text) for kind, text in COURSE.cells(path) if kind != "markdown"]
    sources = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    space: dict[str, object] = {"__name__": "__main__"}
    exercises = 0
    for (kind, text), source in zip(cells, sources, strict=True):
        capsys.readouterr()
        exec(
            compile(COURSE.solved(text) if solve and kind == "exercise" else source, path.name, "exec"), space
        )
        if kind == "exercise":
            said = capsys.readouterr().out
            assert said == "right\n" if solve else said.startswith("not yet: "), text
            exercises += 1
    plt.close("all")
    assert exercises >= 5


@pytest.mark.slow
@pytest.mark.parametrize("path", COURSE.files(), ids=lambda path: path.stem)
def test_notebooks_run_in_a_kernel(path):
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    notebook = nbformat.read(path.with_suffix(".ipynb"), as_version=4)
    nbformat.validate(notebook)
    nbclient.NotebookClient(notebook, timeout=120).execute()

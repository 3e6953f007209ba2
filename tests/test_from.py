"""The pages for those who come from another library: ports against what the originals return, tables against the public names."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import json
import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import graphc as g
from graphc import nn, stats, train

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "docs"))
make_from = importlib.import_module("make_from")
sys.path.pop(0)

MODULES = {"g": g, "nn": nn, "train": train, "stats": stats, "np": np}

CLOSE = {
    "sympy": 1e-8,  # the integrator's tolerance of 1e-11 at each step, and what the motion makes of it in three seconds
    "pytorch": 1e-12,
    "jax": 1e-12,
    "numpy": 1e-12,
    "casadi": 1e-8,  # both stop at conditions that hold to 1e-12, by a curvature of order 1
}
"""Page → how far results may be from the original's, relative to their largest element."""

SECOND = {
    "arm_sympy": 1e-12,
    "cnn_pytorch": 1e-12,
    "newton_jax": 1e-9,  # values near 0 are differences of numbers of the size of 1
    "logistic_numpy": 1e-12,
    "shooting_casadi": 1e-5,  # a quasi-Newton method of the tolerance 1e-9 in the cost, hence its root in the controls
}
"""The same for the second programs."""

TOLERANCES = {original: SECOND.get(original, CLOSE[page]) for page, original, *_ in make_from.PAIRS}
PAIRS = pytest.mark.parametrize(
    ("page", "original", "port"),
    # derivatives of second order through an integrator take long to compile
    [
        pytest.param(*pair[:3], id=pair[1], marks=[pytest.mark.slow] * (pair[1] == "shooting_casadi"))
        for pair in make_from.PAIRS
    ],
)


def program(name):
    spec = importlib.util.spec_from_file_location(name, make_from.PROGRAMS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def assert_close(found, expected, tolerance):
    assert set(found) == set(expected)
    for name, value in expected.items():
        value = np.asarray(value)
        assert np.shape(found[name]) == value.shape, name
        np.testing.assert_allclose(
            found[name], value, rtol=0, atol=tolerance * np.abs(value).max(), err_msg=name
        )


@PAIRS
@pytest.mark.sample(3)
def test_ports_return_what_the_originals_return(page, original, port):
    reference = json.loads(make_from.REFERENCE.read_text(encoding="utf-8"))[original]
    assert_close(program(port).run(), reference, TOLERANCES[original])


@pytest.mark.slow
@PAIRS
def test_what_is_recorded_is_what_the_originals_return(page, original, port):
    """Where the library is: here, or where GRAPHC_PEERS says."""
    package = {"pytorch": "torch"}.get(page, page)
    python = sys.executable if importlib.util.find_spec(package) else os.environ.get("GRAPHC_PEERS")
    if python is None:
        pytest.skip(f"{package} is not installed, and GRAPHC_PEERS names no Python that has it")
    reference = json.loads(make_from.REFERENCE.read_text(encoding="utf-8"))[original]
    assert_close(make_from.run(original, python), reference, TOLERANCES[original])


@pytest.mark.parametrize("page", make_from.PORTS)
def test_pages_show_the_programs_that_run(page):
    text = (make_from.FOLDER / f"{page}.md").read_text(encoding="utf-8")
    assert text == make_from.page(page), "run: python docs/make_from.py"
    index = (make_from.FOLDER / "index.md").read_text("utf-8")
    found = re.findall(rf"\({page}\.md(?:#[\w-]+)?\) \| .* \| (\d+) \| (\d+) \|", index)
    counts = [
        [make_from.lines(name) for name in table[page][:2]] for table in (make_from.PORTS, make_from.SECOND)
    ]
    assert [list(map(int, row)) for row in found] == counts
    assert all(ours < theirs for theirs, ours in counts)


def rows(page):
    """(theirs, ours) of the table at the head of a page."""
    text = (make_from.FOLDER / f"{page}.md").read_text(encoding="utf-8")
    return [
        tuple(row.strip("| ").split(" | ")) for row in re.findall(r"^\| .* \| .* \|$", text, re.MULTILINE)[2:]
    ]


@pytest.mark.parametrize("page", make_from.PORTS)
def test_tables_name_what_there_is(page):
    """Every call in the column of graphc is of a public name, with arguments that it takes."""
    seen = 0
    for _, ours in rows(page):
        for code in re.findall(r"`([^`]+)`", ours):
            tree = ast.parse(f"{code}: pass" if code.startswith("class ") else code)
            for node in ast.walk(tree):
                if (
                    isinstance(node, ast.Attribute)
                    and isinstance(node.value, ast.Name)
                    and node.value.id in MODULES
                ):
                    assert hasattr(MODULES[node.value.id], node.attr), code
                    assert node.value.id == "np" or node.attr in MODULES[node.value.id].__all__, code
                    seen += 1
            for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
                function = call.func
                if (
                    isinstance(function, ast.Attribute)
                    and isinstance(function.value, ast.Name)
                    and function.value.id in MODULES
                ):
                    taken = inspect.signature(getattr(MODULES[function.value.id], function.attr))
                    named = {word.arg: None for word in call.keywords if word.arg}
                    taken.bind(*call.args, **named)
    assert seen >= 12

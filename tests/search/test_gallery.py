"""The gallery of docs/accuracy.md is what its command writes: the same formulas, and forms that are as good as it says."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as g
from graphc.ir.ulp import bits_of_error

DOCS = Path(__file__).resolve().parents[2] / "docs"
POINTS = 24


def _command() -> Any:
    spec = importlib.util.spec_from_file_location("make_improved", DOCS / "make_improved.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


COMMAND = _command()
LINES: dict[str, str] = COMMAND.rows_of((DOCS / "accuracy.md").read_text(encoding="utf-8"))


def test_the_page_has_the_formulas_of_the_command():
    wanted = [COMMAND.asked(name, text, ranges) for name, (text, ranges) in COMMAND.FORMULAS.items()]
    assert list(LINES) == wanted, "the gallery is old: python docs/make_improved.py"
    assert COMMAND.HEAD in (DOCS / "accuracy.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", COMMAND.FORMULAS)
def test_the_forms_of_the_page_are_as_good_as_it_says(name):
    text, ranges = COMMAND.FORMULAS[name]
    cells = LINES[COMMAND.asked(name, text, ranges)].split(" | ")
    form = cells[6].removesuffix(" |").strip("`")
    if form == "…":
        pytest.skip("the page has no room for it")
    symbols = [g.symbol(each) for each in ranges]
    rng = np.random.default_rng(3)
    columns = [rng.uniform(low, high, POINTS) for low, high in ranges.values()]
    exact = np.array([
        float(g.evaluate(g.parse(text, symbols), dict(zip(ranges, at, strict=True)), digits=40))
        for at in zip(*(column.tolist() for column in columns), strict=True)
    ])  # fmt: skip
    function: Any = g.compile(g.parse(form, symbols), symbols, rewrite=None, cache=False)
    bits = bits_of_error(function(*columns), exact, np.dtype("float64"))
    assert bits.mean() < float(cells[4]) + 1.0  # of few points, and drawn one way alone

"""The loop IR's text: golden for a dozen programs, and seen where it is asked for."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

import graphc as g
from graphc.api.compile import loops
from graphc.cli import main
from graphc.compiler import pipeline
from graphc.compiler.loops.printer import text
from graphc.errors import InputError
from tests.compiler.loops.golden import FOLDER, programs
from tests.compiler.loops.support import checked

PROGRAMS = programs()


@pytest.mark.parametrize("name", PROGRAMS)
def test_golden(name):
    program = PROGRAMS[name]
    assert not checked(program)
    wanted = (FOLDER / f"{name}.txt").read_text(encoding="utf-8")
    assert text(program) + "\n" == wanted, "python -m tests.compiler.loops.golden writes them anew"


def test_the_golden_texts_are_those_of_the_programs():
    assert {path.stem for path in FOLDER.glob("*.txt")} == set(PROGRAMS)


X = g.symbol("X", shape=("n", "k"))


@pytest.mark.parametrize("formula", [g.sum(X, axis=1), g.sinh(g.symbol("x")) + 1])
def test_dump_prints_them_and_all_does_not(formula, capsys):
    g.compile(formula, dump="to_loops", cache=False)
    shown = capsys.readouterr().err
    assert shown.startswith("--- to_loops\nprogram f(") and loops(formula) in shown
    g.compile(formula, dump="all", cache=False)
    assert "to_loops" not in capsys.readouterr().err
    g.compile(formula, dump="all,to_loops", cache=False)
    assert "--- to_loops\nprogram f(" in capsys.readouterr().err
    with pytest.raises(InputError, match="to_loops"):
        g.compile(formula, dump="loops")


def test_the_environment_asks_for_them(monkeypatch, capsys):
    monkeypatch.setenv("GRAPHC_DUMP", "to_loops")
    g.compile(g.sum(X), cache=False)
    assert "s0 <- X[i0, i1]" in capsys.readouterr().err


def test_the_command_prints_them():
    result = CliRunner().invoke(main, ["compile", "sin(x)*y", "--show", "loops", "--grad"])
    assert result.exit_code == 0 and "r1[] = y[] * cos(x[])" in result.output


def test_nothing_is_lowered_that_nobody_asked_for(monkeypatch):
    """Machine code does not come from the loop IR: compiling must not take longer for it."""

    def refused(*_):
        raise AssertionError("lowered")

    monkeypatch.setattr(pipeline, "to_loops", refused)
    assert g.compile(g.sum(X * 7), cache=False)([[1.0]]) == 7.0
    assert g.compile(g.symbol("x") * 7, cache=False)(1.0) == 7.0

"""The list of passes, seen at work: what `dump=`, GRAPHC_DUMP and `--show passes` print."""

from __future__ import annotations

import re

import pytest

import graphc as g
from graphc.api.compile import passes
from graphc.compiler.pipeline import NAMES, PASSES
from graphc.errors import InputError

X = g.symbol("X", shape=("n", "k"))
LOSS = g.sum(g.log_softmax(X, axis=1))
x = g.symbol("x")
SOFTSIGN = g.softsign(x) + 1


def sections(text: str) -> dict[str, str]:
    """Pass → what it is said to have changed."""
    parts = re.split(r"^--- (\w+)(?:: .*)?\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def names_of(kind: str) -> list[str]:
    return [each.name for each in PASSES if each.works_on in ("all", kind)]


@pytest.mark.parametrize(("formula", "kind"), [(LOSS, "arrays"), (SOFTSIGN, "elements")])
def test_all_passes_of_a_kind_are_shown_in_their_order(formula, kind, capsys):
    g.compile(formula, dump="all", cache=False)
    shown = sections(capsys.readouterr().err)
    assert list(shown) == names_of(kind)
    assert {name: text.strip() for name, text in shown.items()} == {
        name: text.strip() for name, text in sections(passes(formula)).items()
    }


def test_each_pass_over_arrays_shows_what_it_changed():
    shown = sections(passes(LOSS))
    for name in ("decompose", "materialize", "fuse", "plan_memory", "write_kernels"):
        assert "nothing changed" not in shown[name], name
    assert "max(" in shown["decompose"] and "log_softmax" not in shown["decompose"]
    assert shown["materialize"].startswith("k0: ")
    assert shown["fuse"].startswith("step 0: kernel over rows (n,)")
    assert "result 0" in shown["plan_memory"]
    assert "define void @f0(" in shown["write_kernels"]


def test_the_environment_names_passes_too(monkeypatch, capsys):
    monkeypatch.setenv("GRAPHC_DUMP", "expand_ops, normal_form")
    g.compile(SOFTSIGN, cache=False)
    shown = sections(capsys.readouterr().err)
    assert list(shown) == ["normal_form", "expand_ops"]
    assert "x/(1 + abs(x)) + 1" in shown["expand_ops"]


@pytest.mark.parametrize("wanted", ["fusion", "all,fuze", ["fuse", 3], 7, b"fuse"])
def test_what_is_no_pass_is_refused_with_those_that_are(wanted):
    with pytest.raises(InputError, match="is no pass of the compiler") as refused:
        g.compile(SOFTSIGN, dump=wanted)
    assert all(name in str(refused.value) for name in NAMES)


def test_without_a_name_nothing_is_shown(monkeypatch, capsys):
    monkeypatch.delenv("GRAPHC_DUMP", raising=False)
    g.compile(SOFTSIGN, cache=False)
    assert capsys.readouterr().err == ""

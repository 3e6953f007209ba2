"""Errors say what, which node, which line, and what to write; they travel between processes."""

from __future__ import annotations

import copy
import inspect
import pickle

import pytest

import graphc as g
from graphc import errors
from graphc.errors import ExpressionError, GraphcError, ShapeError, Site

KINDS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, Exception) and kind is not GraphcError
]


def test_all_four_parts_are_printed():
    line = inspect.currentframe().f_lineno
    error = ShapeError("what", node="x + y", site=Site(__file__, line), hint="write this")
    text = str(error)
    assert text.splitlines()[0] == "what"
    assert "node: x + y" in text
    assert f"{__file__}:{line}: line = inspect.currentframe().f_lineno" in text
    assert "hint: write this" in text


def test_missing_parts_leave_no_trace():
    error = GraphcError("what")
    error.site = None
    assert str(error) == "what"
    assert str(Site("<stdin>", 3)) == "<stdin>:3"


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_is_a_graphc_error_and_a_builtin_one(kind):
    assert issubclass(kind, GraphcError)
    builtin = (TypeError, ValueError, LookupError, RuntimeError, ArithmeticError, OSError, MemoryError)
    assert issubclass(kind, builtin)
    assert kind.__doc__


@pytest.mark.parametrize("kind", KINDS)
def test_errors_survive_pickling_and_copying(kind):
    error = kind("what", node="n", site=Site("file", 7), hint="h")
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(other) is kind
        assert (other.message, other.node, other.site, other.hint) == ("what", "n", Site("file", 7), "h")
        assert str(other) == str(error)


def test_unknown_names_are_lookup_errors_with_readable_text():
    """KeyError would print the message in quotes; LookupError does not."""
    assert str(errors.UnknownNameError("there is no x")).splitlines()[0] == "there is no x"


def test_parts_may_be_added_later():
    error = ExpressionError("what")
    error.hint = "later"
    assert "hint: later" in str(error)


def test_every_error_names_the_line_that_is_running():
    cases = [
        lambda: g.symbol(3),
        lambda: g.symbol("x", dtype="complex128"),
        lambda: g.evaluate(g.symbol("x"), {}),
        lambda: g.draw(g.symbol("x") * 2).save("picture.bmp"),
        lambda: g.where(g.symbol("x") > 0, 1),
        lambda: g.polygamma(1),
        lambda: g.compile(g.symbol("x"))(),
    ]
    for case in cases:
        with pytest.raises(GraphcError) as caught:
            case()
        assert caught.value.site is not None
        assert caught.value.site.filename == __file__
        assert caught.value.site.line == case.__code__.co_firstlineno

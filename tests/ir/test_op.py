"""Declarations and their registry."""

from __future__ import annotations

import dataclasses
import pickle

import numpy as np
import pytest

from graphc.errors import DefinitionError
from graphc.ir.op import CONSTANT, SYMBOL, Notation, Op, all_ops, find, lookup, register
from graphc.ir.types import TypeRule, floating


def declaration(**changes):
    fields = {
        "name": "test_only",
        "params": ("x",),
        "summary": "A test.",
        "types": TypeRule(floating),
        "reference": np.sin,
        "notation": Notation("t"),
        "emit": lambda e, x: x,
    }
    return Op(**{**fields, **changes})


def test_lookup_and_find():
    assert lookup("add").name == "add"
    assert find("no_such_operation") is None
    with pytest.raises(KeyError):
        lookup("no_such_operation")


def test_leaves_are_not_listed():
    names = [op.name for op in all_ops()]
    assert len(names) == len(set(names))
    assert not {"constant", "symbol"} & set(names)
    assert CONSTANT.is_leaf
    assert SYMBOL.is_leaf
    assert not lookup("add").is_leaf


def test_declarations_are_frozen_and_pickle_by_name():
    op = lookup("sin")
    with pytest.raises(dataclasses.FrozenInstanceError):
        op.ulps = 0.0  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(op)) is op
    assert repr(op) == "<Op sin>"
    assert op.arity == 1
    assert op.label == "sin"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "add"}, "already declared"),
        ({"name": "two words"}, "identifier"),
        ({"partials": (None, None)}, "1 operands but 2 partials"),
        ({"live": (None, None)}, "1 operands but 2 live"),
        ({"emit": None}, "neither machine code nor an expansion"),
    ],
)
def test_contradictions_are_refused(changes, message):
    before = [op.name for op in all_ops()]
    with pytest.raises(DefinitionError, match=message):
        register(declaration(**changes))
    assert [op.name for op in all_ops()] == before

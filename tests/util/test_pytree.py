"""Structures of outputs: what goes in comes out."""

from __future__ import annotations

import json
from collections import OrderedDict, namedtuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphc.errors import ExpressionError
from graphc.util.pytree import flatten, from_plain, map_leaves, to_plain, unflatten

Pair = namedtuple("Pair", "first second")

trees = st.recursive(
    st.integers(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        | st.tuples(inner, inner).map(lambda t: Pair(*t))
    ),
    max_leaves=12,
)


@given(trees)
def test_round_trip(tree):
    leaves, structure = flatten(tree)
    again = unflatten(structure, iter(leaves))
    assert again == tree
    assert type(again) is type(tree)


@given(trees)
def test_plain_form_goes_through_json(tree):
    leaves, structure = flatten(tree)
    plain = json.loads(json.dumps(to_plain(structure)))
    again = unflatten(from_plain(plain), iter(leaves))
    assert again == tree


def test_order_and_types():
    tree = (1, [2, {"b": 3, "a": 4}], Pair(5, 6))
    leaves, structure = flatten(tree)
    assert leaves == [1, 2, 3, 4, 5, 6]
    again = unflatten(structure, iter("abcdef"))
    assert again == ("a", ["b", {"b": "c", "a": "d"}], Pair("e", "f"))
    assert list(again[1][1]) == ["b", "a"]
    assert isinstance(again[2], Pair)
    assert map_leaves(lambda leaf: -leaf, tree)[2].second == -6
    assert flatten(7)[0] == [7]
    assert flatten(())[0] == []
    assert flatten(OrderedDict(a=1))[0] == [1]


def test_what_is_refused():
    deep: list = []
    for _ in range(200):
        deep = [deep]
    with pytest.raises(ExpressionError, match="nested"):
        flatten(deep)
    with pytest.raises(ExpressionError, match="keys"):
        flatten({1: 2})

    class Strange(list):
        pass

    with pytest.raises(ExpressionError, match="Strange"):
        flatten(Strange([1]))


def test_a_structure_that_holds_itself_is_refused():
    loop: list = []
    loop.append(loop)
    with pytest.raises(ExpressionError, match="nested"):
        flatten(loop)


@pytest.mark.parametrize(
    "plain",
    [
        3, None, [], "branch", {"list": 3}, {"dict": ["a"], "items": []}, {"namedtuple": "P", "fields": [], "items": ["leaf"]},
        {"namedtuple": "P", "fields": ["class"], "items": ["leaf"]}, {"nothing": 1}, {"tuple": ["twig"]}, {"items": []},
    ],
)  # fmt: skip
def test_damaged_plain_forms_are_refused(plain):
    with pytest.raises((ValueError, TypeError, KeyError)):
        from_plain(plain)

"""What machine code does not take yet is refused in one clear error."""

from __future__ import annotations

import pytest

import graphc as g
from graphc.errors import CompileError


def test_operations_on_arrays_are_refused_by_name_and_line():
    X = g.symbol("X", shape=("n", 3))
    with pytest.raises(CompileError, match="sum") as caught:
        g.compile(g.sum(g.exp(X)), [X])
    assert caught.value.site is not None and caught.value.site.filename == __file__
    assert "Graph.forward" in str(caught.value)

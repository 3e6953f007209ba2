"""Derivatives of results that may have failed: they fail where the result does, and where nothing depends on it they are 0."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphc.autodiff.control import derivative_rules
from graphc.ir.expr import Expr
from graphc.ops.outcome import CHECKED, checked
from graphc.ops.support.build import broadcast


def _back(
    node: Expr, adjoints: Mapping[int, Expr], wanted: set[int], reverse: Any, counted: Mapping[int, Expr]
) -> dict[int, Expr]:
    return {0: _along(node, adjoints[0])} if 0 in wanted else {}


def _ahead(node: Expr, known: Mapping[Expr, Expr], forward: Any) -> Expr:
    return _along(node, known[node.operands[0]])


def _along(node: Expr, change: Expr) -> Expr:
    x, status = node.operands
    _, reasons, strict, _, _ = node.attrs
    return checked(broadcast(change, x), status, reasons, strict, linear=True)


derivative_rules(CHECKED, _back, _ahead)

__all__: list[str] = []

"""Polynomials in user syntax, for declarations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.ops.support.declare import like


def horner(coefficients: Sequence[float], x: Any) -> Any:
    """Σ cₖ·xᵏ, the constant term first, in the dtype of x."""
    total: Any = like(coefficients[-1], x)
    for coefficient in reversed(coefficients[:-1]):
        total = total * x + coefficient
    return total


__all__ = ["horner"]

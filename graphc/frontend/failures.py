"""What loops do that end without what they were to reach: NaN with a reason, or an error, on request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import graphc.autodiff.outcome  # noqa: F401  it declares the derivatives of what may have failed
from graphc.errors import ExpressionError, brief_text
from graphc.ir.body import Body
from graphc.ir.expr import Expr, current_site
from graphc.ir.types import INT64, is_float
from graphc.ops.outcome import checked


def failure_choice(value: Any, choices: Sequence[str] = ("nan", "raise")) -> str:
    """What a user says of failures: one of some words."""
    if not isinstance(value, str) or value not in choices:
        *others, last = [f'"{each}"' for each in choices]
        raise ExpressionError(
            f"on_failure is {', '.join(others)} or {last}, not {brief_text(value, 40)}",
            site=current_site(),
            hint=f"write on_failure={last}",
        )
    return value


def ended_in_time(
    results: Sequence[Expr], test: Body, captured: Sequence[Expr], most: int | None, on_failure: str
) -> list[Expr]:
    """What a while_loop carries at its end, where its condition is to be false there.

    on_failure : "nan" or "raise"
    """
    if most is None:
        raise ExpressionError(
            f'on_failure="{on_failure}" is of a loop that may take so many steps at most',
            site=current_site(),
            hint="give while_loop max_steps=",
        )
    if on_failure == "nan" and not any(is_float(x.dtype) for x in results):
        raise ExpressionError(
            "while_loop carries no float that could be NaN",
            site=current_site(),
            hint='write on_failure="raise"',
        )
    (goes_on,) = test.of([*results, *captured])
    said = f"while_loop: max_steps reached, and its condition still holds after {most} steps"
    strict, status = on_failure == "raise", goes_on.astype(INT64.name)
    return [checked(x, status, [said], strict) if strict or is_float(x.dtype) else x for x in results]


__all__ = ["ended_in_time", "failure_choice"]

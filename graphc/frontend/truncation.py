"""Back-propagation through time that is truncated: every so many steps a loop forgets how its carry came about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphc.errors import ExpressionError, brief_text
from graphc.ir.expr import Expr, constant, current_site
from graphc.ir.types import INT64, is_float
from graphc.ops.closures import stop_gradient
from graphc.ops.comparison import equal, where
from graphc.util.pytree import map_leaves

COUNT = constant(0, INT64)
"""The steps behind the last cut, before the first step."""


def truncated(f: Callable[[Any, Any], Any], every: Any) -> Callable[[Any, Any], Any]:
    """The body of a scan that carries beside its own carry how many steps lie behind the last cut.

    Of the carry that such a part of the loop begins with the derivative is 0, but for the first part.
    Source: Williams and Peng, An efficient gradient-based algorithm for on-line training of recurrent networks (1990).
    """
    if type(every) is not int or every < 1:
        raise ExpressionError(
            f"truncate is a number of steps, not {brief_text(every, 40)}",
            site=current_site(),
            hint="write truncate=20",
        )

    def step(state: Any, x: Any) -> Any:
        carry, count = state
        cut = equal(count, every)

        def begun(part: Expr) -> Expr:
            return where(cut, stop_gradient(part), part) if is_float(part.dtype) else part

        returned = f(map_leaves(begun, carry), x)
        if not isinstance(returned, (tuple, list)) or len(returned) != 2:
            return returned
        return (returned[0], where(cut, constant(1, INT64), count + 1)), returned[1]

    return step


__all__ = ["COUNT", "truncated"]

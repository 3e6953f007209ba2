"""What stands in the place of a derivative that nobody can write."""

from __future__ import annotations

from typing import Any

from graphc.errors import GradientError
from graphc.util.records import dataclass


@dataclass(frozen=True)
class NoPartial:
    """Stands in the place of a partial derivative that nobody can write: asked for, it is a `GradientError` with the reason.

    name : of the operand, with its operation: "v of jv"
    reason : why there is none
    instead : what to write instead
    """

    name: str
    reason: str
    instead: str = "differentiate by its other operands, or give this one as a number"

    def __call__(self, out: Any, *operands: Any) -> Any:
        raise GradientError(
            f"there is no derivative by {self.name}: {self.reason}",
            node=repr(out), site=getattr(out, "site", None), hint=self.instead,
        )  # fmt: skip


__all__ = ["NoPartial"]

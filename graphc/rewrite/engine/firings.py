"""What fired: the steps of rewriting, and what came of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from graphc.errors import Site
from graphc.ir.expr import Expr
from graphc.rewrite.engine.pattern import Kind
from graphc.util.notebook import ShownAsText
from graphc.util.records import dataclass


@dataclass(frozen=True)
class RuleFiring:
    """One rule that fired."""

    rule: str
    kind: Kind
    before: Expr
    after: Expr

    @property
    def site(self) -> Site | None:
        return self.before.site

    def __str__(self) -> str:
        return f"{self.rule} ({self.kind}): {self.before!r} → {self.after!r}"


class Trace(ShownAsText, Sequence[RuleFiring]):
    """What fired, in order, and what came of it.

    outputs : the rewritten expressions
    complete : whether every rule that matched could fire within the budget
    """

    def __init__(self, steps: list[RuleFiring], outputs: tuple[Expr, ...], complete: bool) -> None:
        self._steps = steps
        self.outputs = outputs
        self.complete = complete

    def __len__(self) -> int:
        return len(self._steps)

    def __getitem__(self, index: Any) -> Any:
        return self._steps[index]

    def __iter__(self) -> Iterator[RuleFiring]:
        return iter(self._steps)

    def __str__(self) -> str:
        if not self._steps:
            return "nothing to rewrite"
        lines = [f"{number:3d}. {step}" for number, step in enumerate(self._steps, start=1)]
        return "\n".join(lines if self.complete else [*lines, "…  stopped: the budget of steps is used up"])

    __repr__ = __str__


__all__ = ["RuleFiring", "Trace"]

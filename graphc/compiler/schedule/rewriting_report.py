"""What rewriting did to a graph: which rules fired, and what the formula costs before and after."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from graphc.compiler.schedule import cost_model
from graphc.ir.expr import Expr
from graphc.util.records import dataclass

_SHOWN = 20


@dataclass(frozen=True)
class Rewriting:
    """What rewriting did before a function was compiled.

    steps : how often each rule fired, in the order in which they first did; the stable ones are named in `stable`
    operations : of the formula before and after
    nanoseconds : estimated for one element before and after
    seconds : how long it took
    """

    steps: Mapping[str, int]
    stable: tuple[str, ...]
    operations: tuple[int, int]
    nanoseconds: tuple[float, float]
    seconds: float

    def __str__(self) -> str:
        if not self.steps:
            return "no rule fired"
        before, after = self.operations
        names = [f"{rule} ×{n}" if n > 1 else rule for rule, n in self.steps.items()]
        more = [f"… {len(names) - _SHOWN} more"] if len(names) > _SHOWN else []
        text = f"{', '.join(names[:_SHOWN] + more)}; {before} → {after} operations"
        text += f", {self.nanoseconds[0]:.2g} → {self.nanoseconds[1]:.2g} ns"
        if self.slower:
            text += f"; slower for accuracy's sake ({', '.join(self.stable[:_SHOWN])})"
        return text

    @property
    def slower(self) -> bool:
        """Whether a rule that keeps digits made the function slower, by more than the estimate errs."""
        return bool(self.stable) and self.nanoseconds[1] > 1.25 * self.nanoseconds[0]


def rewriting(
    before: Sequence[Expr], after: Sequence[Expr], steps: Iterable[tuple[str, str]], seconds: float
) -> Rewriting:
    """What rewriting did, from all nodes before and after it and each step's rule and kind."""
    steps = list(steps)
    counts = sum(bool(node.operands) for node in before), sum(bool(node.operands) for node in after)
    return Rewriting(
        dict(Counter(rule for rule, _ in steps)),
        tuple(dict.fromkeys(rule for rule, kind in steps if kind == "stable")),
        counts,
        (cost_model.computing(before), cost_model.computing(after)),
        seconds,
    )

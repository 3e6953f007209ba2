"""What a rewritten value is held against: the value over the real numbers, rounded, and what was computed as written."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np

import graphc as g
from graphc.interpret.numpy_eval import run_arrays
from graphc.ir.expr import Expr, walk
from graphc.ir.graph import Dag
from graphc.ir.ulp import bits_of_error, rounded
from graphc.rewrite import tables
from tests.fuzz.mp_truth import truths
from tests.rewrite.measure import BEYOND, truth

STEPS = 4
LOST = 2.0

QUICK = (120, 400)
"""Bits of mpmath's numbers that tell whether the intervals are asked."""

FAR = mpmath.mpf(2000)
"""Beyond where exponentials overflow, and near enough that `truth` follows what they leave of 1."""


@dataclass(frozen=True)
class Failure:
    rule: str
    written: Expr
    point: dict[str, float]
    before: float
    after: float
    correct: float | None
    dtype: Any
    lucky: str
    """"luck", "overflow", "sign", "NaN", "kink" or nothing: why what was written is better"""
    around: dict[str, float]
    """the point with the inputs that the formula as written does not read: what is rewritten may hand on their NaN"""

    def __str__(self) -> str:
        at = ", ".join(f"{name} = {value!r}" for name, value in self.point.items())
        return (
            f"[{self.rule}] {self.dtype} {str(self.written)[:400]}\n"
            f"    at {at}: {self.before!r} as written, {self.after!r} rewritten, truth {self.correct!r}"
            f"{f' ({self.lucky})' if self.lucky else ''}"
        )


def interpreted(outputs: list[Expr], at: dict[Expr, np.ndarray]) -> list[np.ndarray]:
    dag = Dag(outputs)
    values = run_arrays(dag, [at[s] for s in dag.symbols])
    return [np.asarray(values[output]) for output in dag.outputs]


def has_no_derivative(formula: Expr, point: dict[str, float]) -> bool:
    """Whether a formula has no value at a point, or is an absolute value of 0 there: what is handed back is a convention."""
    nodes = [node for node in walk((formula,)) if node.op.name == "abs"]
    at = {s: np.asarray(point.get(s.name, 1.0), s.dtype) for s in g.free_symbols(formula)}
    with np.errstate(all="ignore"):
        values = interpreted([formula, *[node.operands[0] for node in nodes]], at)
    return bool(np.isnan(values[0])) or any(bool(value == 0) for value in values[1:])


def judge(
    written: Expr, point: dict[str, float], before: float, after: float, real: Any = None
) -> tuple[float, Any] | None:
    """What should have come, when `after` is worse than `before`; None where it is not, or where nobody knows."""
    dtype = written.dtype
    values = list(point.values())
    if any(map(math.isnan, values)):
        return (before, None) if math.isnan(before) != math.isnan(after) else None
    if any(map(math.isinf, values)):
        lost = not math.isnan(before) and judge_number(before, after, before, dtype)
        return (before, None) if lost and _is_limit(written, point, before) else None
    if real is None:
        quick = None if before == after == 0 else truths([written], point, QUICK)
        likely = None if quick is None else quick[0].item()
        if likely is not None and mpmath.isfinite(likely) and likely != 0:
            near = rounded(
                likely, dtype
            )  # intervals are slow: they are asked about what looks like a failure
            if not math.isfinite(near) or not judge_number(before, after, near, dtype):
                return None
        real = truth(written, point)
    if real is None or not mpmath.isfinite(real):
        return None
    correct = rounded(real, dtype)
    if not math.isfinite(correct):
        return None
    if judge_number(before, after, correct, dtype):
        return correct, real
    sign = real < 0
    if correct == before == after == 0 != real and (math.copysign(1, before) < 0) == sign:
        return (-0.0 if sign else 0.0, real) if (math.copysign(1, after) < 0) != sign else None
    return None


def _is_limit(written: Expr, point: dict[str, float], value: float) -> bool:
    """Whether the formula has this value, rounded, wherever numbers beyond all floats stand for the infinite operands."""
    infinite = [name for name, x in point.items() if math.isinf(x)]
    if any(node.op.name == "pow" for node in walk((written,))):
        return False  # powers with so large exponents take minutes
    all_sizes = list(itertools.product(BEYOND, repeat=len(infinite)))
    if math.isinf(value):
        # beyond all floats exponentials count as 0, and 1/log(1 - 0) is infinite of either sign: here they are followed
        all_sizes.append((FAR,) * len(infinite))
    for sizes in all_sizes:
        sized = {
            name: math.copysign(1, point[name]) * size for name, size in zip(infinite, sizes, strict=True)
        }
        real = truth(written, {**point, **sized})
        if real is None or mpmath.isnan(real):
            return False
        if sizes[0] is FAR:
            if (real > 0) != (value > 0):
                return False
        elif rounded(real, written.dtype) != value:
            return False
    return True


def judge_number(before: float, after: float, correct: float, dtype: Any) -> bool:
    if math.isfinite(correct) and not math.isfinite(before):
        return False
    old, new = (float(bits_of_error(value, correct, dtype)[0]) for value in (before, after))
    return new > math.log2(1 + STEPS) + 1e-9 and new > old + LOST


def second_opinion(failure: Failure) -> str:
    """What mpmath alone says of the truth that a failure was held against: "agrees", "differs" or "open"."""
    if failure.correct is None or not all(map(math.isfinite, failure.point.values())):
        return "open"
    found = truths([failure.written], failure.point)
    value = None if found is None else found[0].item()
    if value is None or not mpmath.isfinite(value):
        return "open"
    return "agrees" if rounded(value, failure.dtype) == failure.correct else "differs"


def blame(failure: Failure) -> str:
    """The rule without which it does not fail; all that fired where none decides alone."""
    written = failure.written
    fired = list(dict.fromkeys(step.rule for step in g.rewrites(written)))
    for name in fired:
        outputs = list(tables.run([written], "stable", [name]).outputs)
        at = {s: np.array([failure.around[s.name]], s.dtype) for s in g.free_symbols(*outputs)}
        with np.errstate(all="ignore"):
            (other,) = interpreted(outputs, at)
        if judge(written, failure.point, failure.before, float(np.ravel(other)[0])) is None:
            return name
    return " + ".join(fired)


__all__ = [
    "STEPS",
    "Failure",
    "blame",
    "has_no_derivative",
    "interpreted",
    "judge",
    "judge_number",
    "second_opinion",
]

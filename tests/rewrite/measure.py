"""Bits of error, and where they are sampled: what the tests of the rules measure with."""

from __future__ import annotations

import itertools
import math
import random
import struct
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import mpmath

import graphc as g
from graphc.interpret import mpmath_eval
from graphc.ir.expr import Expr
from graphc.ir.graph import Dag

SPECIALS = (
    0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, math.pi, 5e-324, -5e-324, 2.225e-308, -1e-310, 1e-300, -1e-16, 1e-8,
    36.7, -745.2, 709.8, 1e16, -1e16, 1e154, -1e155, 1e300, 1.7976931348623157e308, -1.7976931348623157e308,
)  # fmt: skip

BEYOND = (mpmath.mpf(2) ** 4200, mpmath.mpf(2) ** 4301)
"""Two numbers beyond all floats, and their roots as well: what an infinite input stands for. Their exponentials are beyond what
`precise` follows, and therefore quickly told."""


def ordinal(value: float) -> int:
    """The place of a float among all floats; both zeros have place 0."""
    bits = struct.unpack("<q", struct.pack("<d", value))[0]
    return bits if bits >= 0 else -(bits & 0x7FFF_FFFF_FFFF_FFFF)


def at_ordinal(place: int) -> float:
    return math.copysign(struct.unpack("<d", struct.pack("<q", abs(place)))[0], place)


def ulps(value: float, truth: float) -> int:
    """How many floats lie between a value and the rounded truth; 2**64 where one of them alone is NaN."""
    if math.isnan(value) or math.isnan(truth):
        return 0 if math.isnan(value) and math.isnan(truth) else 2**64
    return abs(ordinal(value) - ordinal(truth))


def bits(value: float, truth: float) -> float:
    """Bits of error: log2(1 + ulps)."""
    return math.log2(1 + ulps(value, truth))


def rounded(truth: Any) -> float:
    """An mpmath number as the nearest float."""
    if not mpmath.isfinite(truth):
        return float(truth)
    with mpmath.workprec(53):
        near = float(+truth)
    if abs(near) >= 2.3e-308 or (near == 0 and truth == 0):
        return near
    return math.ldexp(float(mpmath.nint(mpmath.ldexp(truth, 1074))), -1074)  # subnormal: on the fixed grid


def truth(expr: Expr, point: dict[str, Any], digits: int = 25) -> Any:
    """The value of the formula over the real numbers; None where no precision within reach determines it.

    `precise` settles what its last precision leaves open in favour of the exceptional case, 1 − (1 − 2⁻⁵⁰⁰⁰) as 0 and its
    logarithm as −∞: here such a case counts as open.
    """
    try:
        found = mpmath_eval.evaluate(expr, point, digits=digits)
        if mpmath.isfinite(found) and found != 0:
            return found
        dag = Dag([expr])
        balls = mpmath_eval._run(
            dag, mpmath_eval._bound(dag, point), (), mpmath_eval._arithmetic(4096, None), rounded=False
        )
    except g.GraphcError:
        return None
    if balls is None or not mpmath.isfinite(balls[0].rad):
        return None
    return None if balls[0].rad and not mpmath.isfinite(found) else found


def limit(expr: Expr, point: dict[str, Any]) -> float:
    """The value at a point where the formula itself is undefined, when it has one from every side; else NaN.

    0/0 at a removable singularity is a number: x/(eˣ − 1) at 0 is 1.
    """
    found: set[float] = set()
    near: Any = None
    for signs in itertools.product((1, -1), repeat=len(point)):
        moved = {
            name: value if isinstance(value, bool) else _beside(value, sign * (k + 1))
            for k, ((name, value), sign) in enumerate(zip(point.items(), signs, strict=True))
        }
        near = truth(expr, moved)
        if near is None:
            return math.nan
        found.add(rounded(near) + 0.0)  # -0.0 + 0.0 is 0.0
    return found.pop() if len(found) == 1 else math.nan


def _beside(value: float, steps: int) -> Any:
    exact = Fraction(value)
    return exact + steps * max(abs(exact), Fraction(1, 2**1100)) / 2**300


# --- points --------------------------------------------------------------------------------------------------------------


def _ends(symbol: Expr) -> tuple[float, float]:
    low, high = symbol.bounds or (-math.inf, math.inf)
    return max(low, -1.7976931348623157e308), min(high, 1.7976931348623157e308)


def _bits(rng: random.Random, low: float, high: float) -> float:
    return at_ordinal(rng.randint(ordinal(low), ordinal(high)))


def _range(rng: random.Random, low: float, high: float) -> float:
    """Sizes in which people compute."""
    for _ in range(30):
        value = rng.choice(
            (
                rng.uniform(-50, 50),
                rng.uniform(0, 1),
                rng.choice((-1, 1)) * 10 ** rng.uniform(-12, 4),
                float(rng.randint(-20, 20)),
            )
        )
        if low <= value <= high:
            return value
    return rng.uniform(max(low, -1e3), min(high, 1e3))


def points(symbols: Sequence[Expr], how: str, count: int, seed: int = 0) -> Iterator[tuple[Any, ...]]:
    """Finite points: uniform over floats ("bits"), over usual sizes ("range"), near each other ("near"), or special."""
    rng = random.Random(f"{seed} {how}")
    for _ in range(count):
        values: list[Any] = []
        for s in symbols:
            low, high = _ends(s)
            if s.dtype.kind == "b":
                values.append(rng.random() < 0.5)
            elif how == "special":
                inside = [v for v in SPECIALS if low <= v <= high]
                values.append(rng.choice(inside or [low]))
            elif how == "bits":
                values.append(_bits(rng, low, high))
            elif how == "near" and values and not isinstance(values[-1], bool):
                value = values[-1] * (1 + rng.choice((-1, 1)) * 2.0 ** -rng.uniform(1, 53))
                values.append(min(max(value, low), high))
            else:
                values.append(_range(rng, low, high))
        yield tuple(values)

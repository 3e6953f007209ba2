"""Each rule by itself, against mpmath over the whole range of floats.

What a rule owes, for every formula it is tested on (`instances`), where `before` and `after` are the machine code of its two
sides and the truth is the value of the formula over the real numbers at the inputs, taken exactly:

exact  `before` and `after` have the same bits at every point, infinities, NaN and signed zeros included; NaN counts as NaN.
stable, assume
  1. Mean. At finite points with a real truth the mean of log2(1 + ulps) grows by at most 0.1: for points uniform over
     floating-point numbers, of usual size, and for operands near each other, each by itself.
  2. Correct results stay. Where `before` is the rounded truth, `after` is within 4 ULP of it (two roundings more, and a
     function of the C library more); where the rounded truth is infinite or the formula has a pole, it is the same.
  3. Domains stay. Where the truth is undefined and `before` says so by NaN, `after` is NaN; where the truth is defined and
     `before` is not NaN, neither is `after`. At a removable singularity (0/0) the limit counts as the truth.
  4. NaN stays. Where an input is NaN, `after` is NaN exactly where `before` is.
  5. Infinities. One infinite input stands for a number beyond all floats: where the formula at two such numbers has one and
     the same value and `before` has it as well, so has `after` (within 4 ULP). Where there is no such value nothing is asked.
The sign of a zero is not a matter of real numbers: 2 and 5 ask for the value alone.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import mpmath
import numpy as np
import pytest

import graphc as g
from graphc.rewrite import tables
from tests.rewrite.instances import Instance, instances
from tests.rewrite.measure import BEYOND, bits, limit, points, rounded, truth, ulps

MEAN = 0.1
STAYS = 4
NOTHING = mpmath.mpf(2) ** -1200
FEWEST = 40
"""Points of which a mean is taken: of fewer it says more about the points than about the rule."""

MEASURED = ("bits", "range", "near")

BUILT_IN = tuple(rule for rule in tables.BUILT_IN if rule not in (*tables.ON_ARRAYS, *tables.ON_GRAPHS))
EXACT = [rule for rule in BUILT_IN if rule.kind == "exact"]
STABLE = [rule for rule in BUILT_IN if rule.kind != "exact"]


def named(rule: Any) -> str:
    return rule.name


def run(expr: Any, symbols: tuple[Any, ...], at: list[tuple[Any, ...]]) -> list[float]:
    """The machine code of a formula as it stands, at many points in one call."""
    if not symbols:
        return [float(g.compile(expr, [], rewrite=None)())] * len(at)
    columns = [
        np.array(column, dtype=s.dtype) for s, column in zip(symbols, zip(*at, strict=True), strict=True)
    ]
    values = g.compile(expr, symbols, rewrite=None)(*columns)
    return [float(value) for value in np.broadcast_to(values, (len(at),))]


def special_points(case: Instance, finite: bool) -> list[tuple[Any, ...]]:
    """Points with infinities or NaN in them, within what is declared."""
    outside = (math.inf, -math.inf) if finite else (math.nan,)
    found: list[tuple[Any, ...]] = []
    for how in ("special", "range"):
        for point in points(case.symbols, how, 8, seed=1):
            for put in itertools.product((None, *outside), repeat=len(point)):
                if all(p is None for p in put) or (finite and sum(p is not None for p in put) > 1):
                    continue
                made = tuple(old if new is None else new for old, new in zip(point, put, strict=True))
                if all(_allowed(s, v) for s, v in zip(case.symbols, made, strict=True)):
                    found.append(made)
    return list({repr(point): point for point in found}.values())


def _allowed(symbol: Any, value: Any) -> bool:
    if symbol.dtype.kind == "b":
        return isinstance(value, bool)
    low, high = symbol.bounds or (-math.inf, math.inf)
    return low <= value <= high or (math.isnan(value) and symbol.bounds is None)


def failures(case: Instance, count: int = 12) -> list[str]:
    """What a rule that is not exact does worse on one formula."""
    problems: list[str] = []
    names = [s.name for s in case.symbols]
    for how in (*MEASURED, "special"):
        if how == "near" and len(names) < 2:
            continue
        at = list(dict.fromkeys(points(case.symbols, how, count // 2 if how == "bits" else count)))
        befores, afters = run(case.before, case.symbols, at), run(case.after, case.symbols, at)
        lost: list[tuple[float, float]] = []
        for point, before, after in zip(at, befores, afters, strict=True):
            named_point = dict(zip(names, point, strict=True))
            real = truth(case.before, named_point)
            if real is None:  # the other side is the same function: see `test_both_sides_are_one_function`
                real = truth(case.after, named_point)
            if real is None:
                continue
            correct = rounded(real)
            if math.isnan(correct):
                if math.isnan(before) and not math.isnan(after) and not _is_limit(case, named_point, after):
                    problems.append(f"{point}: outside the domain, NaN became {after}")
                continue
            if math.isnan(after) and not math.isnan(before):
                problems.append(f"{point}: {before} became NaN, the truth is {correct}")
            if math.isfinite(correct) or not math.isinf(real):
                lost.append((bits(before, correct), bits(after, correct)))
            if before == correct and (
                ulps(after, correct) > STAYS if math.isfinite(correct) else after != correct
            ):
                problems.append(f"{point}: {before} was right and became {after}")
        if how != "special" and len(lost) >= FEWEST:
            was, now = (math.fsum(column) / len(lost) for column in zip(*lost, strict=True))
            if now > was + MEAN:
                problems.append(f"{how}: mean bits of error {was:.2f} became {now:.2f} on {len(lost)} points")
    return problems + beyond(case) + not_numbers(case)


def _is_limit(case: Instance, point: dict[str, Any], after: float) -> bool:
    """Whether this is the limit, as near to it as what is right may stay: it is rounded, and so is a series with its factors."""
    value = limit(case.before, point)
    return ulps(after, value) <= STAYS if math.isfinite(value) else after == value


def beyond(case: Instance) -> list[str]:
    """At infinite inputs."""
    at = special_points(case, finite=True)
    if not at:
        return []
    names = [s.name for s in case.symbols]
    befores, afters = run(case.before, case.symbols, at), run(case.after, case.symbols, at)
    problems = []
    for point, before, after in zip(at, befores, afters, strict=True):
        if ulps(after, before) <= STAYS if math.isfinite(before) else after == before:
            continue
        values = (
            truth(case.before, dict(zip(names, (_stand_in(v, huge) for v in point), strict=True)))
            for huge in BEYOND
        )
        if all(value is not None and rounded(value) == before for value in values):
            problems.append(f"{point}: {before} was the limit and became {after}")
    return problems


def _stand_in(value: Any, huge: Any) -> Any:
    return value if isinstance(value, bool) or math.isfinite(value) else math.copysign(1, value) * huge


def not_numbers(case: Instance) -> list[str]:
    """At NaN."""
    at = special_points(case, finite=False)
    if not at:
        return []
    befores, afters = run(case.before, case.symbols, at), run(case.after, case.symbols, at)
    return [
        f"{point}: {before} became {after}"
        for point, before, after in zip(at, befores, afters, strict=True)
        if math.isnan(before) != math.isnan(after)
        and not (math.isnan(before) and _reads_no_nan(case, point, after))
    ]


def _reads_no_nan(case: Instance, point: tuple[Any, ...], after: float) -> bool:
    """Whether a value is the limit whatever the NaN operands are, as of where(x < 1, x, y)/x at 0: what is NaN there is 0/0."""
    names = [s.name for s in case.symbols]
    return all(
        _is_limit(case, dict(zip(names, (put if math.isnan(v) else v for v in point), strict=True)), after)
        for put in (0.4375, -17.5)
    )


@pytest.mark.parametrize("rule", BUILT_IN, ids=named)
def test_it_fires(rule):
    assert instances(rule), f"no formula is known on which {rule} fires: give it examples"


@pytest.mark.sample(4)
@pytest.mark.parametrize("rule", EXACT, ids=named)
def test_exact_rules_keep_every_bit(rule):
    for case in instances(rule):
        at = [
            point for how in ("bits", "range", "near", "special") for point in points(case.symbols, how, 200)
        ]
        at += special_points(case, finite=True) + special_points(case, finite=False)
        befores, afters = run(case.before, case.symbols, at), run(case.after, case.symbols, at)
        for point, before, after in zip(at, befores, afters, strict=True):
            same = (math.isnan(before) and math.isnan(after)) or (
                before == after and math.copysign(1, before) == math.copysign(1, after)
            )
            assert same, f"{case} at {point}: {before!r} became {after!r}"


@pytest.mark.slow
@pytest.mark.parametrize("rule", STABLE, ids=named)
def test_stable_rules_never_make_things_worse(rule):
    for case in instances(rule):
        problems = failures(case)
        assert not problems, f"{case}\n  " + "\n  ".join(problems[:8])


@pytest.mark.sample(4)
@pytest.mark.parametrize("rule", STABLE, ids=named)
def test_both_sides_are_one_function(rule):
    """At 40 digits, wherever both sides are determined: 10⁻¹² leaves room for literals such as log 2 that are rounded."""
    for case in instances(rule):
        names = [s.name for s in case.symbols]
        for point in points(case.symbols, "range", 10, seed=7):
            at = dict(zip(names, point, strict=True))
            one, other = truth(case.before, at, 40), truth(case.after, at, 40)
            if one is None or other is None or not math.isfinite(one):
                continue
            # what lies below all floats is 0, also to `precise` where no precision tells it from 0
            same = abs(one - other) <= max(NOTHING, 1e-12 * abs(one))
            assert same, f"{case} at {at}: {float(one)!r} is not {float(other)!r}"

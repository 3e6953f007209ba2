"""Points at which a formula has a value, drawn from ranges, and these values to the last bit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphc.errors import InputError, PrecisionError, brief, brief_text
from graphc.interpret.mpmath_eval import evaluate
from graphc.ir.expr import Expr, current_site
from graphc.ir.expr import symbol as scalar
from graphc.ir.graph import Dag
from graphc.ir.inputs import as_value
from graphc.ir.types import is_float
from graphc.ir.ulp import from_ordinals, ordinals, rounded

ATTEMPTS = 16
"""For each sample so many points are drawn at most: where the formula is undefined or too large, another is tried."""

DRAWS = {"both": ("floats", "range"), "floats": ("floats",), "range": ("range",)}

DIGITS = 30
"""Decimal digits to begin with; a value too close to the middle of two floats is evaluated with more."""


def intervals(
    graph: Dag, ranges: Mapping[Any, Any] | None, argument: str = "ranges"
) -> list[tuple[float, float]]:
    """The interval of each symbol, in its own type.

    argument : what the user calls them, for errors
    """
    by_name: dict[str, Any] = {}
    if ranges is not None and not isinstance(ranges, Mapping):
        raise InputError(
            f"{argument} is a dict of intervals, not {type(ranges).__name__}",
            site=current_site(),
            hint='write {"x": (-50, 50)}',
        )
    names = {symbol.name for symbol in graph.symbols}
    for key, value in (ranges or {}).items():
        name = key.name if isinstance(key, Expr) and key.is_symbol else key
        if name not in names:
            raise InputError(
                f"there is no input {brief_text(name, 60)!r} to draw from a range",
                site=current_site(),
                hint=f"the inputs are {', '.join(sorted(names)) or 'none'}",
            )
        if name in by_name:
            raise InputError(
                f"there are two {argument} for {brief_text(name, 60)!r}",
                site=current_site(),
                hint="the name of an input and the input itself are the same key: write one of them",
            )
        by_name[str(name)] = value
    return [_interval(symbol, by_name.get(symbol.name)) for symbol in graph.symbols]


def _whole(symbol: Expr) -> tuple[float, float]:
    """All finite values of a symbol, within what is declared of it."""
    if symbol.dtype.kind == "b":
        return 0, 1
    info = np.finfo(symbol.dtype) if is_float(symbol.dtype) else np.iinfo(symbol.dtype)
    kind = float if is_float(symbol.dtype) else int
    low, high = kind(info.min), kind(info.max)
    if symbol.bounds is not None:
        first, last = symbol.bounds
        low = kind(max(low, first if is_float(symbol.dtype) else math.ceil(max(first, low))))
        high = kind(min(high, last if is_float(symbol.dtype) else math.floor(min(last, high))))
    return low, high


def _interval(symbol: Expr, bounds: Any) -> tuple[float, float]:
    if bounds is None:
        return _whole(symbol)
    try:
        one = (
            symbol if not symbol.shape else scalar(symbol.name, dtype=symbol.dtype)
        )  # an element of an array
        if isinstance(bounds, Set):
            raise TypeError("a set has no order")
        low, high = (as_value(one, end).item() for end in bounds)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"the range of {symbol.name!r} is two numbers of type {symbol.dtype}, not {brief(bounds)}",
            site=current_site(),
            hint=f'write {{"{symbol.name}": (-50, 50)}}',
        ) from error
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise InputError(
            f"the range of {symbol.name!r} is from {low} to {high}",
            site=current_site(),
            hint="write the smaller end first; both are finite",
        )
    first, last = _whole(symbol)
    if not (low <= last and first <= high):
        raise InputError(
            f"the range of {symbol.name!r}, from {low} to {high}, is outside of what it was declared with, {first} to {last}",
            site=current_site(),
            hint="values outside of a declared range are a promise broken: rules may have relied on it",
        )
    return max(low, first), min(high, last)


@dataclass
class Found:
    points: list[dict[str, Any]] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    exact: list[float] = field(default_factory=list)
    drawn: int = 0
    undefined: int = 0
    too_large: int = 0


def drawn(
    graph: Dag,
    target: Expr,
    intervals: Sequence[tuple[float, float]],
    count: int,
    draw: str,
    rng: np.random.Generator,
) -> Found:
    """Points at which the formula has a value, and these values, rounded."""
    sample = Found()
    count = count if graph.symbols else 1
    ranged = [_whole(symbol) != interval for symbol, interval in zip(graph.symbols, intervals, strict=True)]
    kinds = DRAWS[draw] if any(ranged) else DRAWS["floats"]
    for attempt in range(ATTEMPTS * count):
        kind = kinds[attempt % len(kinds)]
        at = {
            symbol.name: number(symbol, *interval, kind == "range" and declared, rng)
            for symbol, interval, declared in zip(graph.symbols, intervals, ranged, strict=True)
        }
        sample.drawn += 1
        exact = exact_value(target, at)
        if exact is None or math.isnan(exact[0]):
            sample.undefined += 1
        elif math.isinf(exact[0]):
            pole = not exact[1]._mpf_[1]  # mpmath's infinities have no mantissa
            sample.undefined += pole
            sample.too_large += not pole
        else:
            sample.points.append(at)
            sample.kinds.append(kind)
            sample.exact.append(exact[0])
            if len(sample.points) == count:
                break
    if not sample.points:
        raise InputError(
            f"none of {sample.drawn} points drawn has a value: {sample.undefined} are undefined, "
            f"{sample.too_large} beyond the largest float",
            node=repr(target),
            site=current_site(),
            hint="give ranges in which the formula is defined",
        )
    return sample


def number(symbol: Expr, low: float, high: float, evenly: bool, rng: np.random.Generator) -> Any:
    """A value of a symbol from its range: evenly over the range, or over the numbers of its type in it."""
    if symbol.dtype.kind == "b":
        return bool(rng.integers(int(low), int(high), endpoint=True))
    if not is_float(symbol.dtype):
        return int(rng.integers(int(low), int(high), endpoint=True, dtype=symbol.dtype))
    if evenly:
        share = rng.random()
        return float(np.clip(symbol.dtype.type(low * (1 - share) + high * share), low, high))
    first, last = ordinals([low, high], symbol.dtype)
    number = rng.integers(int(first), int(last), endpoint=True, dtype=first.dtype)
    return float(from_ordinals([number], symbol.dtype)[0])


def exact_value(target: Expr, at: Mapping[str, Any]) -> tuple[float, Any] | None:
    """(the exact value rounded, the value) at a point; None where it cannot be determined."""
    digits = DIGITS
    while True:
        try:
            (value,) = evaluate([target], at, digits)
        except PrecisionError:
            return None
        nearest = rounded(value, target.dtype)
        if (
            not math.isfinite(nearest) or digits >= 8 * DIGITS
        ):  # by then it is the middle of two floats, exactly
            return nearest, value
        slack = abs(value) * type(value)(10) ** -(digits - 1)
        if rounded(value - slack, target.dtype) == rounded(value + slack, target.dtype):
            return nearest, value
        digits *= 2


__all__ = ["DIGITS", "DRAWS", "Found", "drawn", "exact_value", "intervals", "number"]

"""Programs around one rewriting rule: its pattern with operands that are no leaves, inside of other formulas, and where
such programs are evaluated."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

import graphc as g
from graphc.errors import GradientError
from graphc.ir.expr import Expr, constant, free_symbols, substitute, symbol, walk
from graphc.ir.ulp import from_ordinals, ordinals
from graphc.rewrite import tables
from tests.rewrite.instances import Instance, instances

RULES = tuple(rule for rule in tables.BUILT_IN if rule not in (*tables.ON_ARRAYS, *tables.ON_GRAPHS))

LARGEST = 250
"""Nodes above which a formula is not differentiated once more."""

OPERANDS: tuple[Callable[[Expr, Expr], Any], ...] = (
    lambda u, v: u,
    lambda u, v: v,
    lambda u, v: -u,
    lambda u, v: u / 2,
    lambda u, v: 2 * u,
    lambda u, v: u * v,
    lambda u, v: u - v,
    lambda u, v: u + v,
    lambda u, v: 1 / u,
    lambda u, v: -u / v,
    lambda u, v: u / v,
    lambda u, v: v / (2 * u),
    lambda u, v: g.exp(u),
    lambda u, v: g.exp(-u),
    lambda u, v: g.exp(u - v),
    lambda u, v: g.sqrt(u),
    lambda u, v: u**2,
    lambda u, v: u * u,
    lambda u, v: abs(u),
    lambda u, v: g.log(u),
    lambda u, v: g.sin(u),
    lambda u, v: u - 1,
    lambda u, v: 1 + u,
    lambda u, v: u * u + v * v,
    lambda u, v: 1.5,
    lambda u, v: g.sigmoid(u),
    lambda u, v: g.tanh(u * v),
)

OF_ONE_SIGN: tuple[Callable[[Expr, Expr], Any], ...] = (
    lambda u, v: g.exp(u),
    lambda u, v: g.exp(u) + g.exp(v),
    lambda u, v: g.sigmoid(u - v),
    lambda u, v: abs(u) + 1,
    lambda u, v: u * u + 1,
    lambda u, v: g.sqrt(u * u + 1),
    lambda u, v: g.tanh(abs(u)),
)
"""Operands for names of which something has to be declared, so that ranges prove it of an operand that is no leaf."""

CONTEXTS: tuple[Callable[[Expr, Expr, Expr, Expr], Expr], ...] = (
    lambda f, h, u, v: f,
    lambda f, h, u, v: f * v,
    lambda f, h, u, v: f / v,
    lambda f, h, u, v: v / f,
    lambda f, h, u, v: 1 / f,
    lambda f, h, u, v: u + f,
    lambda f, h, u, v: f - v,
    lambda f, h, u, v: -f,
    lambda f, h, u, v: f * f,
    lambda f, h, u, v: f * h,
    lambda f, h, u, v: f / h,
    lambda f, h, u, v: f + h,
    lambda f, h, u, v: g.exp(-u / v) * f,
    lambda f, h, u, v: f / (u * v),
    lambda f, h, u, v: g.log(f),
    lambda f, h, u, v: g.exp(f),
    lambda f, h, u, v: g.sqrt(f),
)


@dataclass(frozen=True, eq=False)
class Program:
    """A formula around a rule and its derivatives, with the points at which they are evaluated."""

    rule: str
    outputs: tuple[Expr, ...]
    symbols: tuple[Expr, ...]
    points: tuple[np.ndarray, ...]
    """one array for each symbol"""
    dtype: Any


@cache
def _forms(rule: Any) -> tuple[Instance, ...]:
    return tuple(
        form
        for form in instances(rule)
        if form.before.dtype == np.float64 and form.before.op.name != "astype"
    )


def program(rule: Any, rng: random.Random, number: int, count: int) -> Program | None:
    """A program around the rule with symbols of its own; None where the rule speaks of booleans alone."""
    forms = _forms(rule)
    if not forms:
        return None
    form = rng.choice(forms).before
    bounds = next((s.bounds for s in free_symbols(form) if s.bounds), None)
    facts: dict[str, Any] = {"range": bounds} if bounds and rng.random() < 0.6 else {}
    u, v = symbol(f"u{number}", **facts), symbol(f"v{number}", **facts)
    f = _instance(form, rng, u, v, bool(bounds))
    context = rng.choice(CONTEXTS) if rng.random() < 0.5 else CONTEXTS[0]
    value = context(f, _instance(rng.choice(forms).before, rng, u, v, bool(bounds)), u, v)
    dtype = np.dtype(np.float32 if rng.random() < 0.35 else np.float64)
    outputs = (value, *_derivatives(value, u, v, rng))
    symbols = (u, v)
    kind = rng.choice(KINDS)
    return Program(rule.name, outputs, symbols, _points(symbols, rng, kind, count, dtype), dtype)


def _instance(form: Expr, rng: random.Random, u: Expr, v: Expr, declared: bool) -> Expr:
    """A formula that the rule fires on, with operands put in for its names."""
    put: dict[Expr, Any] = {}
    kind = rng.random()
    last: Any = None
    for s in free_symbols(form):
        one, other = (u, v) if rng.random() < 0.7 else (v, u)
        if s.dtype.kind == "b":
            put[s] = one < other
            continue
        if kind < 0.25:
            put[s] = u if not put else v
            continue
        if last is None or rng.random() > 0.15:  # else two operands are one
            last = rng.choice(OF_ONE_SIGN if declared and rng.random() < 0.7 else OPERANDS)(one, other)
        put[s] = last if isinstance(last, Expr) else constant(last)
    return substitute(form, put)


def _derivatives(value: Expr, u: Expr, v: Expr, rng: random.Random) -> list[Expr]:
    """The first derivatives and one of the second: rewriting all of these takes twice as long, and other programs show more."""
    if len(walk((value,))) > LARGEST:
        return []
    first = [d for x in (u, v) for d in _slope(value, x) if not d.is_constant]
    small = [d for d in first if len(walk((d,))) <= LARGEST]
    second = _slope(rng.choice(small), rng.choice((u, v))) if small else []
    return list(dict.fromkeys(d for d in (*first, *second) if not d.is_constant))


def _slope(value: Expr, x: Expr) -> list[Expr]:
    """The derivative by a symbol, if there is one: the incomplete gamma function has none by its first operand."""
    try:
        return [g.grad(value, x)]
    except GradientError:
        return []


# --- points -----------------------------------------------------------------------------------------------------------


def _tiny_or_huge(rng: random.Random, dtype: Any) -> float:
    span = 300 if dtype == np.float64 else 36
    return rng.choice((-1, 1)) * 10 ** rng.uniform(-span, span)


def _physical(rng: random.Random, dtype: Any) -> float:
    return rng.choice((-1, 1)) * 10 ** rng.uniform(-23, 20)


def _usual(rng: random.Random, dtype: Any) -> float:
    return rng.choice(
        (rng.uniform(-50, 50), rng.uniform(0, 1), rng.uniform(-3, 3), float(rng.randint(-20, 20)))
    )


def _any_float(rng: random.Random, dtype: Any) -> float:
    last = int(ordinals([np.finfo(dtype).max], dtype)[0])
    return float(from_ordinals([rng.randint(-last, last)], dtype)[0])


def _edge(rng: random.Random, dtype: Any) -> float:
    """Near where something over- or underflows, cancels or is undefined, and the special values themselves."""
    info = np.finfo(dtype)
    largest, tiny, last = float(info.max), float(info.tiny), float(info.smallest_subnormal)
    log = math.log(largest)
    base = rng.choice(
        (0.0, -0.0, 1.0, -1.0, 0.5, 2.0, math.pi, math.pi / 2, log, -log, math.log(last), largest, math.sqrt(largest),
         1 / largest, math.sqrt(tiny), tiny, last, 1e8, 1e16, 36.7, 17.3, log / 2, math.log(2), 8.0)
    )  # fmt: skip
    step = rng.choice((0.0, 0.0, 1e-3, 1e-7, 1e-12, float(info.eps)))
    sign = rng.choice((-1, 1))
    return sign * base * (1 + rng.uniform(-1, 1) * step)


def _special(rng: random.Random, dtype: Any) -> float:
    return rng.choice((math.inf, -math.inf, math.nan, _edge(rng, dtype), _usual(rng, dtype), 0.0, -0.0))


KINDS = (_tiny_or_huge, _physical, _usual, _any_float, _edge, _edge, _special)


def _points(
    symbols: Sequence[Expr], rng: random.Random, kind: Any, count: int, dtype: Any
) -> tuple[np.ndarray, ...]:
    columns: list[list[float]] = [[] for _ in symbols]
    for _ in range(count):
        values: list[float] = []
        for s in symbols:
            how = kind if rng.random() < 0.8 else rng.choice(KINDS)
            value = how(rng, dtype)
            if values and rng.random() < 0.25:  # beside the other one
                value = (
                    rng.choice((1, 1, -1))
                    * values[-1]
                    * (1 + rng.choice((0, 1, -1)) * 2.0 ** -rng.uniform(1, 53))
                )
            values.append(_within(s, value, dtype))
        for column, value in zip(columns, values, strict=True):
            column.append(value)
    with np.errstate(all="ignore"):
        return tuple(np.array(column).astype(dtype) for column in columns)


def _within(s: Expr, value: float, dtype: Any) -> float:
    """A value that what is declared of the symbol allows."""
    if s.bounds is None:
        return value
    low, high = s.bounds
    if math.isnan(value):
        return min(max(0.5, low), high)
    if low >= 0:
        value = abs(value)
    if not low <= value <= high:
        value = math.fmod(value, 1.0) if math.isfinite(value) else 0.75
        value = min(max(value, low), high)
    with np.errstate(all="ignore"):
        found = float(dtype.type(value))
    return found if (low <= found <= high and found > 0) or low < 0 else max(low, float(np.finfo(dtype).tiny))

"""Rewriting in the user's hands: what fires, with what result, and rules of one's own."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Any

from graphc.errors import DefinitionError, GraphcError
from graphc.expr import Expr, current_site, free_symbols
from graphc.precise import evaluate
from graphc.rewrite import tables
from graphc.rewrite.engine import AnyRule, Trace
from graphc.rewrite.pattern import Kind, Match, Rule
from graphc.tree import flatten, unflatten


def rewrites(outputs: Any, level: str = "stable", without: Iterable[str] = ()) -> Trace:
    """What the rules make of an expression: the steps that fired, in order, and the rewritten outputs.

    Parameters
    ----------
    outputs : an expression, or a structure of expressions, rewritten together
    level : "stable", or "exact" for the rules that keep every bit
    without : names of rules that are switched off

    Raises `UnknownNameError` for a name that no rule has.

    >>> from graphc.parse import parse
    >>> print(rewrites(parse("log(1/(exp(-z) + 1))")))
      1. softmax-term (stable): 1/(exp(-z) + 1) → sigmoid(--z)
      2. involution (exact): --z → z
      3. log-sigmoid (stable): log(sigmoid(z)) → log_sigmoid(z)
    """
    return tables.run(flatten(outputs)[0], level, without)


def stabilize(outputs: Any, without: Iterable[str] = ()) -> Any:
    """The same real function with smaller rounding errors and over a wider range, as the rules make it.

    >>> from graphc.parse import parse
    >>> stabilize(parse("sqrt(x + 1) - sqrt(x)"))
    1/(sqrt(x + 1) + sqrt(x))
    """
    return _rewritten(outputs, "stable", without)


def simplify(outputs: Any, without: Iterable[str] = ()) -> Any:
    """The same function to the bit, special values included, by the exact rules alone.

    >>> from graphc.parse import parse
    >>> simplify(parse("-(-x)*1 + (-y)"))
    x - y
    """
    return _rewritten(outputs, "exact", without)


def _rewritten(outputs: Any, level: str, without: Iterable[str]) -> Any:
    leaves, structure = flatten(outputs)
    return unflatten(structure, iter(tables.run(leaves, level, without).outputs))


def rules() -> tuple[AnyRule, ...]:
    """Every rule, in the order in which they are tried; print one to see what it does."""
    return tables.rules()


def rule(
    name: str,
    pattern: str,
    replacement: str,
    *,
    when: Callable[[Match], bool] | None = None,
    kind: Kind = "stable",
    why: str = "",
) -> Rule:
    """Register a rule of your own; it is tried before graphc's.

    Parameters
    ----------
    name : by which it is reported and switched off
    pattern, replacement : formulas as for `parse`; each name stands for any expression, one that begins with `c` for a
        constant, one that begins with `p` for a boolean
    when : a condition on the match, as `lambda m: m.range("x").positive`
    kind : "exact" when it keeps every bit, "stable" when it keeps the real function

    Raises `DefinitionError` when the two sides differ, with the counterexample, or when the row is malformed.

    >>> made = rule("quarter-turn", "sin(x + pi/2)", "cos(x)")
    Traceback (most recent call last):
        ...
    graphc.errors.DefinitionError: rule 'quarter-turn': the two sides differ at x = ...
    """
    made = Rule(name, pattern, replacement, kind, why, when)
    made.check()
    _agree(made)
    tables.add(made)
    return made


def forget_rule(name: str) -> None:
    """Take back a rule of your own."""
    tables.remove(name)


def _agree(made: Rule) -> None:
    """Raises `DefinitionError` with a point where the two sides of a rule differ as real functions."""
    left, right = made.root, made.template
    assert right is not None
    symbols = free_symbols(left)
    rng = random.Random(0)
    compared = 0
    for _ in range(200):
        at = {symbol.name: _sample(symbol, rng) for symbol in symbols}
        one, other = _value(left, at), _value(right, at)
        if one is None or one != one:  # outside the domain of the pattern
            continue
        compared += 1
        if other is None or not _close(one, other):
            point = ", ".join(f"{key} = {value!r}" for key, value in at.items())
            raise DefinitionError(
                f"rule {made.name!r}: the two sides differ at {point}: "
                f"{made.pattern} is {float(one):.12g} and {made.replacement} is "
                f"{'undefined' if other is None else format(float(other), '.12g')}",
                site=current_site(),
                hint="a rule keeps the value everywhere; say when=… only for digits, not for truth",
            )
        if compared >= 40:
            return
    if compared == 0:
        raise DefinitionError(
            f"rule {made.name!r}: no point was found where {made.pattern} is defined", site=current_site()
        )


def _sample(symbol: Expr, rng: random.Random) -> float | bool:
    if symbol.dtype.kind == "b":
        return rng.random() < 0.5
    return rng.choice([rng.uniform(-3, 3), rng.uniform(0, 1), rng.uniform(0, 50), float(rng.randint(1, 9))])


def _value(expr: Expr, at: dict[str, Any]) -> Any:
    try:
        return evaluate(expr, at, digits=40)
    except GraphcError:
        return None


def _close(one: Any, other: Any) -> bool:
    if one == other:
        return True
    # literals such as pi stand for floats, so two true formulas may differ by their rounding
    return abs(one - other) <= 1e-13 * max(abs(one), abs(other), 1)

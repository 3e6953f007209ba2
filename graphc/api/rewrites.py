"""Rewriting in the user's hands: what fires, with what result, and rules of one's own."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable
from typing import Any, get_args

from graphc.errors import DefinitionError, GraphcError, InputError, UnknownNameError, brief
from graphc.frontend.interop.sympy import sympy, to_sympy
from graphc.interpret.mpmath_eval import evaluate
from graphc.ir.expr import Expr, constant, current_site, free_symbols, on_this_line, substitute, symbol
from graphc.ir.scopes import deriving
from graphc.ir.vocabulary import nearest
from graphc.rewrite import tables
from graphc.rewrite.engine.normal_form import AnyRule, Trace
from graphc.rewrite.engine.pattern import Kind, Match, Rule
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.rational.real_form import RealForms
from graphc.util.arguments import choice, function, text
from graphc.util.pytree import flatten, unflatten


def rewrites(outputs: Any, level: str = "stable", without: Iterable[str] = ()) -> Trace:
    """How the rules rewrite an expression: the steps applied, in order, and the rewritten outputs.

    Parameters
    ----------
    outputs : an expression, or a structure of expressions, rewritten together
    level : "stable", or "exact" for the rules that keep every bit
    without : names of rules that are switched off, or the name of one

    Raises `UnknownNameError` for the name of an unknown rule.

    >>> import graphc as g
    >>> print(g.rewrites(g.parse("log(1/(exp(-z) + 1))")))
      1. softmax-term (stable): 1/(exp(-z) + 1) → sigmoid(--z)
      2. involution (exact): --z → z
      3. log-sigmoid (stable): log(sigmoid(z)) → log_sigmoid(z)
    """
    return tables.run([constant(leaf) for leaf in flatten(outputs)[0]], level, without, last=True)


def stabilize(outputs: Any, without: Iterable[str] = ()) -> Any:
    """The same real function with smaller rounding errors and over a wider range, rewritten by the rules.

    >>> from graphc.frontend.parse import parse
    >>> stabilize(parse("sqrt(x + 1) - sqrt(x)"))
    1/(sqrt(x + 1) + sqrt(x))
    """
    return _rewritten(outputs, "stable", without)


def simplify(outputs: Any, without: Iterable[str] = (), *, kind: str = "exact") -> Any:
    """A shorter formula of the same function.

    Parameters
    ----------
    outputs : an expression, or a structure of expressions
    without : names of exact rules that are switched off, or the name of one
    kind : "exact" keeps every bit, including special values, and uses only the exact rules. "real" keeps the real value
        wherever the formula has one: like terms are collected and factors cancelled with exact fractions, as by hand, unless
        that makes the formula longer. It uses the declared ranges of symbols (√(x²) is |x|, and x for a positive symbol), may
        have a value where the formula is undefined (x/x at 0), and does not preserve rounding, NaN or overflow. For numerical
        accuracy use `stabilize`, which compiling applies to the result in any case

    >>> import graphc as g
    >>> g.simplify(g.parse("-(-x)*1 + (-y)"))
    x - y
    >>> g.simplify(g.parse("1*(2*x)*w + 0*x**2"), kind="real")
    2*x*w
    """
    if choice("simplify's kind", kind, ("exact", "real")) == "exact":
        return _rewritten(outputs, "exact", without)
    if tables.named(without):
        raise InputError(
            "without= names exact rules, and kind='real' applies none", hint='g.simplify(e, kind="real")'
        )
    leaves, structure = flatten(outputs)
    with on_this_line(), deriving():
        return unflatten(structure, iter(RealForms().shortest([constant(leaf) for leaf in leaves])))


def _rewritten(outputs: Any, level: str, without: Iterable[str]) -> Any:
    leaves, structure = flatten(outputs)
    leaves = [constant(leaf) for leaf in leaves]
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

    Both sides are evaluated at a hundred points by `mpmath_eval`, and at some of them by SymPy as well. Raises
    `DefinitionError` when they differ, with the counterexample, or when the row is malformed.

    >>> made = rule("quarter-turn", "sin(x + pi/2)", "-cos(x)")
    Traceback (most recent call last):
        ...
    graphc.errors.DefinitionError: rule 'quarter-turn': the two sides differ at x = ...
    """
    if not isinstance(name, str) or not name.strip():
        raise DefinitionError(
            f"a rule's name is a text, not {brief(name)}",
            site=current_site(),
            hint='write g.rule("double", "x + x", "2*x")',
        )
    if not isinstance(kind, str) or kind not in get_args(Kind):
        raise DefinitionError(
            f"rule {name!r}: kind is {brief(kind)}", site=current_site(), hint='"exact", "stable" or "assume"'
        )
    usage = 'write g.rule("double", "x + x", "2*x")'
    text("a rule's pattern", pattern, usage)
    text("a rule's replacement", replacement, usage)
    if when is not None:
        function("a rule's condition", when, 1, 'when=lambda m: m.range("x").positive')
    new = Rule(name, pattern, replacement, kind, why, when)
    new.check()
    _agree(new)
    tables.add(new)
    return new


def forget_rule(name: str) -> None:
    """Take back a rule of your own.

    Raises `UnknownNameError` where no rule of yours has that name: those of graphc stay, and are switched off where one compiles.

    >>> forget_rule("log1p")
    Traceback (most recent call last):
        ...
    graphc.errors.UnknownNameError: 'log1p' is a rule of graphc's, which stays...
    """
    if isinstance(name, str) and tables.remove(name):
        return
    if not isinstance(name, str):
        message, hint = f"a rule's name is a text, not {brief(name)}", 'write g.forget_rule("double")'
    elif any(rule.name == name for rule in tables.rules()):
        message, hint = f"{brief(name)} is a rule of graphc's, which stays", f"compile without={brief(name)}"
    else:
        own = [rule.name for rule in tables.rules() if rule not in tables.BUILT_IN]
        message = f"there is no rule {brief(name)} of your own"
        hint = nearest(name, own) if own else "g.rule(...) registers one"
    raise UnknownNameError(message, site=current_site(), hint=hint)


_FACTS: tuple[dict[str, Any], ...] = (
    {},
    {"range": (0, math.inf)},
    {"positive": True},
    {"range": (0, 1)},
    {"range": (-1, 1)},
    {"range": (-math.inf, 0)},
    {"range": (1, math.inf)},
)
"""What is declared of the names of a rule under a condition, to find out where the condition holds."""

_COMPARED = 100
"""Points at which the two sides of a rule are compared."""

_BY_SYMPY = 8
"""Of these, how many SymPy evaluates as well, from the operations' formulas."""


def _agree(rule: Rule) -> None:
    """Raises `DefinitionError` with a point where the two sides of a rule differ as real functions."""
    left, right = rule.root, rule.template
    assert right is not None
    for facts in _where_it_fires(rule):
        _compare(rule, left, right, facts)


def _where_it_fires(rule: Rule) -> list[dict[str, Any]]:
    """The facts under which a rule is held to its word: where its condition is proved; all of them where it never is."""
    if rule.when is None:
        return [{}]
    firing = []
    for facts in _FACTS:
        declared = {s: symbol(s.name, **facts) for s in free_symbols(rule.root) if s.dtype.kind == "f"}
        if rule.apply(substitute(rule.root, declared), Ranges()) is not None:
            firing.append(facts)
    return firing or [{}]


def _compare(rule: Rule, left: Expr, right: Expr, facts: dict[str, Any]) -> None:
    symbols = free_symbols(left)
    low, high = symbol("x", **facts).bounds or (-math.inf, math.inf)
    rng = random.Random(0)
    compared = 0
    for number in range(6 * _COMPARED):
        # every combination of signs comes up in turn
        at = {s.name: _sample(s, rng, bool(number >> k & 1)) for k, s in enumerate(symbols)}
        if not all(isinstance(value, bool) or low <= value <= high for value in at.values()):
            continue
        one, other = _value(left, at), _value(right, at)
        if one is None or one != one:  # outside the domain of the pattern
            continue
        compared += 1
        if other is None or not _close(one, other):
            raise _differs(rule, at, one, other)
        if compared <= _BY_SYMPY:
            one, other = (_value_by_sympy(side, at) for side in (left, right))
            if one is not None and other is not None and not _close(one, other):
                raise _differs(rule, at, one, other)
        if compared >= _COMPARED:
            return
    if compared == 0:
        raise DefinitionError(
            f"rule {rule.name!r}: no point was found where {rule.pattern} is defined", site=current_site()
        )


def _differs(rule: Rule, at: dict[str, Any], one: Any, other: Any) -> DefinitionError:
    point = ", ".join(f"{key} = {value!r}" for key, value in at.items())
    return DefinitionError(
        f"rule {rule.name!r}: the two sides differ at {point}: "
        f"{rule.pattern} is {float(one):.12g} and {rule.replacement} is "
        f"{'undefined' if other is None else format(float(other), '.12g')}",
        site=current_site(),
        hint="a rule keeps the value wherever its pattern has one, or wherever the condition when=… is proved",
    )


def _sample(s: Expr, rng: random.Random, negative: bool) -> float | bool:
    if s.dtype.kind == "b":
        return negative
    size = rng.choice((rng.uniform(0, 3), rng.uniform(0, 1), rng.uniform(0, 50), float(rng.randint(0, 9))))
    return -size if negative else size


def _value(expr: Expr, at: dict[str, Any]) -> Any:
    try:
        return evaluate(expr, {s.name: at[s.name] for s in free_symbols(expr)}, digits=40)
    except GraphcError:
        return None


def _value_by_sympy(expr: Expr, at: dict[str, Any]) -> Any:
    """The value by SymPy; None where it finds no real number."""
    try:
        form, Float = to_sympy(expr), sympy().Float
        # SymPy takes Python's floats for numbers of 15 digits, and computes with as many
        exact = {
            s: at[s.name] if isinstance(at[s.name], bool) else Float(at[s.name], 60)
            for s in form.free_symbols
        }
        value = form.subs(exact).evalf(40)
        return value if value.is_Float and value.is_finite else None
    except (GraphcError, ArithmeticError, TypeError, ValueError, RecursionError, AttributeError):
        return None  # what it cannot evaluate it has no word on


def _close(one: Any, other: Any) -> bool:
    if one == other:
        return True
    # literals such as pi stand for floats, so two true formulas may differ by their rounding
    return abs(one - other) <= 1e-13 * max(abs(one), abs(other), 1)

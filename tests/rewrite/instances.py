"""For every rule formulas that it fires on: its own pattern, its examples, or what its facts speak of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import graphc as g
from graphc.ir.expr import Expr, apply, constant, free_symbols, substitute, symbol
from graphc.ir.op import lookup
from graphc.rewrite import tables
from graphc.rewrite.engine.pattern import Rule
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.expansions import near_zero as expansions
from graphc.rewrite.rules import algebra, compensated

CONSTANTS = (1.0, 3.0, 0.5, 2.0, -1.0, -2.0, 4.0, 0.25, 1e-3)

FACTS: tuple[dict[str, Any], ...] = (
    {},
    {"range": (0, math.inf)},
    {"positive": True},
    {"range": (-1, math.inf)},
    {"range": (-1, 1)},
    {"range": (0, 1)},
    {"range": (-1e6, 1e6)},
    {"range": (1, 1e6)},
)
"""What may have to be declared of a pattern's names for a rule to fire, the least first."""

MODERATE: dict[str, tuple[dict[str, Any], ...]] = dict.fromkeys(
    ("gammainc-complement", "gammaincc-complement"), ({"range": (0.5, 30)},)
)
"""The same of rules whose functions mpmath follows for minutes elsewhere."""


@dataclass(frozen=True, eq=False)
class Instance:
    """A formula and what one rule alone makes of it."""

    before: Expr
    after: Expr

    @property
    def symbols(self) -> tuple[Expr, ...]:
        return free_symbols(self.before)

    def __str__(self) -> str:
        facts = ", ".join(f"{s.name} in {s.bounds}" for s in self.symbols if s.bounds)
        return f"{self.before} → {self.after}{' with ' + facts if facts else ''}"


def instances(rule: Any) -> list[Instance]:
    """The formulas on which a rule is tested; one of each kind of constant, and at most four."""
    if isinstance(rule, algebra.FactRule):
        return [found for formula in _facts_forms(rule) if (found := _fire(rule, formula))]
    texts = [g.parse(text) for text in rule.examples]
    forms = [*([_plain(rule.root)] if isinstance(rule, Rule) else []), *texts]
    found: list[Instance] = []
    for form in forms:
        for filled in _with_constants(form):
            for facts in MODERATE.get(rule.name, FACTS):
                made = _fire(rule, _with_facts(filled, facts))
                if made:
                    found.append(made)
                    break
            if len(found) >= 4 and form is forms[0]:
                break
    return found


def _fire(rule: Any, formula: Expr) -> Instance | None:
    if formula.op.name not in rule.roots():
        return None
    if isinstance(rule, expansions.Expansion):  # it asks what the other rules write
        steps = [step for step in tables.run([formula], "stable") if step.rule == rule.name]
        return Instance(formula, steps[0].after) if steps else None
    after = rule.apply(formula, Ranges())
    if after is None or after is formula:
        return None
    if (
        rule.kind != "exact" and rule not in compensated.RULES
    ):  # what a rule writes is what the last touch makes of it
        ((after,),) = compensated.polish([after], compensated.RULES)[1:]
    return Instance(formula, after)


def _plain(root: Expr) -> Expr:
    return root


def _with_constants(form: Expr) -> list[Expr]:
    names = [s for s in free_symbols(form) if s.name.startswith("c")]
    if not names:
        return [form]
    return [
        substitute(form, {s: constant(CONSTANTS[(k + j) % len(CONSTANTS)]) for j, s in enumerate(names)})
        for k in range(len(CONSTANTS))
    ]


def _with_facts(form: Expr, facts: dict[str, Any]) -> Expr:
    if not facts:
        return form
    floats = [s for s in free_symbols(form) if s.dtype.kind == "f"]
    return substitute(form, {s: symbol(s.name, **facts) for s in floats})


def _facts_forms(rule: algebra.FactRule) -> list[Expr]:
    """An operation with the fact that the rule speaks of, written so that it applies."""
    x, y = g.symbols("x y")
    forms: list[Expr] = []
    for name in rule.roots():
        op = lookup(name)
        if isinstance(rule, algebra.Folding):
            forms += _constant_forms(op)
            continue
        truths = op.category == "logic"
        a, b = (symbol("p", dtype="bool"), symbol("q", dtype="bool")) if truths else (x, y)
        if isinstance(rule, algebra.Identity):
            forms += [
                apply(op, a, float(op.facts.identity or 0.0)),
                apply(op, float(op.facts.identity or 0.0), a),
            ]
            forms += [apply(op, a, op.facts.identity), apply(op, op.facts.identity, a)]
        elif isinstance(rule, algebra.Parity):
            forms.append(apply(op, -x))
        elif op.arity == 1:
            forms.append(apply(op, apply(op, a)))
        else:
            forms += [apply(op, a, a), apply(op, a + 0, a + 0) if not truths else apply(op, a & b, a & b)]
    return list(dict.fromkeys(forms))


def _constant_forms(op: Any) -> list[Expr]:
    if op.name == "astype":
        return [constant(0.1).astype("float32")]
    values = (0.1, -3.75, 2.5)
    truth, other = constant(True), constant(False)
    if op.category == "logic":
        return [apply(op, *(truth, other)[: op.arity])]
    if op.name == "where":
        return [
            apply(op, truth, constant(0.1), constant(2.0)),
            apply(op, other, constant(0.1), constant(2.0)),
        ]
    return [
        apply(op, *[constant(v) for v in values[: op.arity]]),
        apply(op, *[constant(-0.0) for _ in op.params]),
    ]

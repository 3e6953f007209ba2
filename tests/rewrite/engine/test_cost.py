"""What rewriting costs, counted: how often rules are asked, and that the looks before them lose nothing."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

import graphc as g
from graphc.errors import GradientError
from graphc.ir.expr import Expr, symbol, walk
from graphc.rewrite import tables
from graphc.rewrite.engine.normal_form import Engine, RuleMemory
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.expansions import expansion_reader
from graphc.rewrite.forms import facts, linear, looks
from graphc.rewrite.rules import like_terms, quotient_sums
from tests.benchmarks.formulas import random_program
from tests.rewrite.instances import instances


@dataclass
class Counting:
    """A rule that counts how often it is asked about each node."""

    rule: Any
    asked: Counter[Expr] = field(default_factory=Counter)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.rule, name)

    def apply(self, node: Expr, ranges: Ranges) -> Expr | None:
        self.asked[node] += 1
        return self.rule.apply(node, ranges)


def counting() -> tuple[Engine, list[Counting]]:
    rules = [Counting(rule) for rule in tables.NORMAL]
    return Engine(cast(Any, rules)), rules


def total(rules: list[Counting]) -> int:
    return sum(sum(rule.asked.values()) for rule in rules)


def chain(length: int) -> Expr:
    x, y = g.symbols("x y")
    node = x
    for number in range(length):
        node = (g.sin(node) + y, node * y, 1.0 - node, g.exp(-g.abs(node)))[number % 4]
    return node


def tree(leaves: int) -> Expr:
    level = [g.symbol(f"x{number}") for number in range(leaves)]
    operations = (lambda a, b: a + b, lambda a, b: a * g.tanh(b), lambda a, b: a - b * b)
    for depth in range(leaves.bit_length() - 1):
        level = [operations[depth % 3](a, b) for a, b in zip(level[::2], level[1::2], strict=True)]
    return level[0]


def random_graph(operations: int) -> Expr:
    names, rows = random_program(operations)
    build = {
        "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b, "neg": lambda a: -a, "abs": g.abs,
        "square": lambda a: a * a, "add1": lambda a: 1.0 + a, "sin": g.sin, "cos": g.cos, "tanh": g.tanh, "atan": g.atan,
        "exp": g.exp, "sqrt": g.sqrt,
    }  # fmt: skip
    values = {name: g.symbol(name) for name in names}
    for target, operation, *operands in rows:
        values[target] = build[operation](*[values[operand] for operand in operands])
    return values[rows[-1][0]]


@pytest.mark.parametrize(
    ("build", "most"), [(chain, 5.0), (tree, 5.0), (random_graph, 4.0)], ids=["chain", "tree", "random"]
)
def test_rules_are_asked_a_bounded_number_of_times_for_each_node(build, most):
    for size in (256, 512, 1024):
        output = build(size)
        engine, rules = counting()
        engine.run([output])
        assert total(rules) <= most * len(walk([output])), size


def test_what_was_found_of_a_node_is_not_asked_again():
    x, y, a, b = g.symbols("cost_x cost_y cost_a cost_b")
    f = -y * g.log(1 / (1 + g.exp(-(a * x + b)))) - (1 - y) * g.log(1 - 1 / (1 + g.exp(-(a * x + b))))
    outputs = [f, *g.grad(f, [a, b])]
    engine, rules = counting()
    alone = engine.run(outputs)
    once = total(rules)
    memory = RuleMemory()
    memory.remembers = True
    for rule in rules:
        rule.asked.clear()
    first = engine.run(outputs, memory=memory)
    assert total(rules) == once
    again = engine.run([*outputs, f * 2.5], memory=memory)
    assert first.outputs == alone.outputs == again.outputs[:-1]
    assert [*first] == [*alone] == [*again][: len(first)]
    asked_again = [node for rule in rules for node, times in rule.asked.items() if times > 1]
    assert not asked_again, asked_again


def test_components_of_a_hessian_share_what_their_source_costs(monkeypatch):
    engine, rules = counting()
    monkeypatch.setattr(tables, "engine", lambda level, without=(): engine)
    asked = []
    for count in (2, 4, 8):
        symbols = [g.symbol(f"cost_a{number}") for number in range(count)]
        f = g.log(sum((g.exp(s) for s in symbols[1:]), g.exp(symbols[0])))
        for rule in rules:
            rule.asked.clear()
        tables.run(g.grad(f, symbols), "stable")
        asked.append(max(max(rule.asked.values(), default=0) for rule in rules))
    assert asked == [1, 1, 1]  # however many components have the source


def _own(s: Expr) -> Expr:
    """A symbol of these tests alone: a node that is a gradient here would remember it in other tests, where it is written too."""
    return symbol(f"cost_{s.name}", s.shape, s.dtype, range=s.bounds)


def _nodes() -> list[Expr]:
    """Nodes of formulas around all rules: their instances, and the gradients of some of these."""
    outputs: list[Expr] = []
    for rule in tables.NORMAL:
        if rule in tables.ON_ARRAYS:
            continue
        for case in instances(rule)[:2]:
            own = {s: _own(s) for s in case.symbols}
            formula = g.substitute(case.before, own)
            outputs.append(formula)
            symbols = [s for s in own.values() if s.dtype.kind == "f"]
            if symbols and formula.dtype.kind == "f" and not formula.shape:
                with contextlib.suppress(GradientError):  # by the order of a function that has none
                    outputs += g.grad(formula, symbols)
    return walk(outputs)


@pytest.fixture(scope="module")
def nodes() -> list[Expr]:
    return _nodes()


def test_a_rule_fires_nowhere_that_it_says_it_does_not_fit(nodes):
    ranges = Ranges()
    chosen = {}
    for rule in tables.NORMAL:
        fits = getattr(rule, "fits", None)
        for root in rule.roots() if fits is not None else ():
            chosen.setdefault(root, []).append(rule)
    tried = 0
    for node in nodes:
        names = tuple([operand.op.name for operand in node.operands])
        for rule in chosen.get(node.op.name, ()):
            if not rule.fits(names):
                after = rule.apply(node, ranges)
                tried += 1
                assert after is None or after is node, f"{rule}: {node} → {after}"
    assert tried > 1000


ALL = (1 << 16) - 1


class _EveryMark(dict):
    def __missing__(self, node: Expr) -> int:
        return ALL


class _AnyVariable(dict):
    def __missing__(self, node: Expr) -> tuple[Expr, bool]:
        return node, True


def test_looks_lose_nothing(nodes, monkeypatch):
    """What rules do after their looks is what they do without them."""
    of = {kind: [rule for rule in tables.NORMAL if kind in rule.roots()] for kind in _ROOTS}
    ranges = Ranges()
    found = [
        [rule.apply(node, ranges) for rule in of[node.op.name]] for node in nodes if node.op.name in _ROOTS
    ]
    looks_off = Ranges()
    looks_off._tables[facts.FactorMarks] = _EveryMark()
    looks_off._tables[facts.Variables] = _AnyVariable()
    monkeypatch.setattr(like_terms, "may_cancel", lambda parts, products: len(parts) > 2)
    monkeypatch.setattr(like_terms, "two_may_vanish", lambda *args: True)
    monkeypatch.setattr(like_terms, "plausible", lambda *args: True)
    monkeypatch.setattr(like_terms, "_may_vanish", lambda parts: True)
    monkeypatch.setattr(
        "graphc.rewrite.rules.factors.Factors.has_nothing_to_trade", lambda self: not self.places
    )
    without = [
        [rule.apply(node, looks_off) for rule in of[node.op.name]] for node in nodes if node.op.name in _ROOTS
    ]
    assert sum(after is not None for row in found for after in row) > 200
    for node, one, other in zip([n for n in nodes if n.op.name in _ROOTS], found, without, strict=True):
        for rule, a, b in zip(of[node.op.name], one, other, strict=True):
            assert a is b, f"{rule.name}: {node} → {a}, without looks {b}"


_ROOTS = ("add", "subtract", "multiply", "divide")


def test_a_variable_is_found_wherever_a_quotient_is_read(nodes):
    table = facts.Variables()
    read = 0
    for node in nodes:
        reader = quotient_sums._QuotientReader()
        if reader.read(node) is not None:
            known = table[node]
            assert known is not None, node
            assert known[0] is reader.x or known[0] is None or reader.x is None, node
            read += 1
    assert read > 50


def test_tables_of_facts_take_no_recursion():
    x = g.symbol("x")
    product, total_ = x, x
    for _ in range(20_000):
        product, total_ = product * x, 1.0 - total_
    assert facts.FactorMarks()[g.exp(x) * product] & facts.EXP
    assert facts.Variables()[total_] == (x, False)
    assert linear.Sums()[total_] is None
    assert not looks.may_cancel([x, product], linear.FactorMemory())


def test_formulas_of_one_variable_are_read_once(monkeypatch):
    """Each node is read once whichever is asked for first; what is known of others is not gone through for it."""
    order = walk((random_graph(512),))
    for asked in (order, order[::-1]):
        read: Counter[Expr] = Counter()
        variables = expansion_reader.VariableOf()
        of = expansion_reader.VariableOf._of
        monkeypatch.setattr(
            expansion_reader.VariableOf,
            "_of",
            lambda self, node, read=read, of=of: read.update((node,)) or of(self, node),
        )
        monkeypatch.setattr(expansion_reader, "walk", lambda *_: pytest.fail("walked again"))
        found = {node: variables[node] for node in asked}
        assert set(read) == set(order) and set(read.values()) == {1}
        monkeypatch.undo()
        assert found == {node: expansion_reader.VariableOf()[node] for node in order}

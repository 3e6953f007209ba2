"""Programs for JavaScript with points and the interpreter's answers: run by node in one place, by a browser in another."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings

import graphc as g
from graphc.compiler.targets.javascript import program
from graphc.interpret.numpy_eval import run
from graphc.ir.expr import Expr, apply, walk
from graphc.ir.graph import Dag
from graphc.ir.op import all_ops
from tests.oracle import declared, stable, within
from tests.strategies import samples

HARNESS = """
function run(program, points) {
  const read = {
    f: Number, b: value => value === "True", i: BigInt, u: BigInt,
  };
  const number = value => Object.is(value, -0) ? "-0" : String(value);
  return points.map(point => program(point.map(([kind, text]) => read[kind](text))).map(number));
}
"""
"""What both run around the programs; values travel as text, as JSON has no infinities."""

SPECIALS = (
    0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 1e-300, -1e-300, 5e-324, 1e300, -1e300, 2.0**53, 7.0, -8.0, 800.0,
    math.inf, -math.inf, math.nan,
)  # fmt: skip

TAIL = frozenset(("erfc", "gamma", "lgamma", "digamma", "polygamma", "gelu"))
"""Operations whose error is declared on their domain alone; outside it they are not compared."""

TIED = frozenset(("maximum", "minimum", "clip", "elu", "selu"))
"""Operations whose choice between 0 and −0 nothing declares."""


@dataclass(frozen=True)
class Case:
    """A program and what it must answer.

    dag : its graph
    points : values for its inputs
    relative, absolute : how far an answer may be from the interpreter's
    """

    name: str
    dag: Dag
    points: list[list[Any]]
    relative: float = 1e-12
    absolute: float = 0.0

    @property
    def script(self) -> str:
        """JavaScript whose value is the answers as JSON."""
        points = [
            [(symbol.dtype.kind, _text(value)) for symbol, value in zip(self.dag.symbols, point, strict=True)]
            for point in self.points
        ]
        return f"{HARNESS}\nJSON.stringify(run({program(self.dag)}, {json.dumps(points)}))"

    def check(self, answers: str) -> None:
        """Hold answers as JSON against the interpreter."""
        for point, texts in zip(self.points, json.loads(answers), strict=True):
            at = {symbol.name: value for symbol, value in zip(self.dag.symbols, point, strict=True)}
            values = run(self.dag, at)
            for output, text in zip(self.dag.outputs, texts, strict=True):
                wanted, node = values[output], self.dag.exprs[output]
                where = f"{self.name} at {at}: {node!r:.200} is {text}, not {wanted!r}"
                if node.dtype.kind in "biu":
                    assert text == str(wanted).lower(), where
                    continue
                got, wanted = _float(text), float(wanted)
                if math.isnan(wanted) or math.isinf(wanted) or wanted == 0:
                    close = (
                        math.isnan(got)
                        if math.isnan(wanted)
                        else abs(got - wanted) <= self.absolute or got == wanted
                    )
                    assert close, where
                    signed = wanted == got == 0 and node.op.name not in TIED
                    assert not signed or math.copysign(1, got) == math.copysign(1, wanted), where
                else:
                    least = 5e-324 if node.dtype == np.float64 else 1.5e-45
                    bound = self.relative if node.dtype == np.float64 else 2e-6
                    assert abs(got - wanted) <= bound * abs(wanted) + self.absolute + 2 * least, where


def _text(value: Any) -> str:
    if isinstance(value, float):
        return {math.inf: "Infinity", -math.inf: "-Infinity"}.get(
            value, "NaN" if value != value else repr(value)
        )
    return str(value)


def _float(text: str) -> float:
    return float(text.replace("Infinity", "inf"))


@cache
def operations() -> list[Case]:
    """Every elementwise operation of the registry, on its domain and at special values."""
    random = np.random.default_rng(7)
    cases = []
    for op in all_ops():
        if (
            op.user_defined or op.library or (op.category == "special" and op.emit is None)
        ):  # by tests/ops/test_special.py
            continue
        symbols = _symbols_for(op)
        output = symbols[0].astype("float32") if op.name == "astype" else apply(op, *symbols)
        points = _points(op, symbols, random)
        # digamma's error is small beside 1 near its root, lgamma's near 1 and 2
        absolute = 1e-12 if op.name in ("digamma", "lgamma") else 0.0
        cases.append(Case(op.name, Dag([output], symbols), points, absolute=absolute))
    return cases


def _symbols_for(op: Any) -> list[Expr]:
    usual = "bool" if op.category == "logic" else "float64"
    kinds = {("where", 0): "bool", ("polygamma", 0): "int64"}
    return [g.symbol(f"x{slot}", dtype=kinds.get((op.name, slot), usual)) for slot in range(op.arity)]


def _points(op: Any, symbols: list[Expr], random: Any) -> list[list[Any]]:
    points = []
    for _ in range(40):
        row: list[Any] = []
        for slot, symbol in enumerate(symbols):
            if symbol.dtype.kind == "b":
                row.append(bool(random.integers(2)))
            elif symbol.dtype.kind == "i":
                row.append(int(random.integers(1, 4)))
            else:
                low, high = op.domain[slot] if op.domain else (-10.0, 10.0)
                row.append(float(random.uniform(low, high)))
        points.append(row)
    if op.name not in TAIL and all(symbol.dtype.kind == "f" for symbol in symbols):
        specials = SPECIALS if len(symbols) < 3 else SPECIALS[::4]
        grids = np.meshgrid(*[specials] * len(symbols), indexing="ij")
        points += [[float(value) for value in row] for row in np.stack([grid.ravel() for grid in grids], -1)]
    if (
        op.name == "pow"
    ):  # NumPy takes it for a root, whose answers at −0 and −∞ are others than IEEE 754's for the power
        points = [point for point in points if point[1] != 0.5]
    return points


@cache
def integers() -> Case:
    """Integer arithmetic of every width, which wraps around, and casts."""
    outputs, symbols, points = [], [], []
    for name in ("int8", "int16", "int32", "int64", "uint8", "uint64"):
        a, b = g.symbol(f"a_{name}", dtype=name), g.symbol(f"b_{name}", dtype=name)
        symbols += [a, b]
        outputs += [
            a + b,
            a - b,
            a * b,
            a // b,
            a % b,
            -a,
            a / b,
            a < b,
            g.abs(a),
            g.sign(a),
            g.maximum(a, b),
        ]
        outputs += [a.astype("float64"), a.astype("bool"), a.astype("int16"), a.astype("uint8")]
        outputs += [a ** abs(b % 5)] if name != "uint64" else [a**b]
    real = g.symbol("real")
    outputs += [real.astype(name) for name in ("int8", "int64", "uint8", "uint64", "float32", "bool")]
    truth = g.symbol("truth", dtype="bool")
    outputs += [truth.astype("int32"), truth.astype("float64"), truth + real, g.where(truth, real, 1)]
    for seed_ in range(12):
        random, row = np.random.default_rng(seed_), []
        for symbol in symbols:
            ends = np.iinfo(symbol.dtype)
            low, high = (ends.min, ends.max) if random.integers(2) else (max(ends.min, -3), 4)
            row.append(int(random.integers(low, high, dtype=symbol.dtype.name, endpoint=True)))
        points.append([*row, (math.nan, math.inf, -math.inf, 1e30, -2.7, 200.9)[seed_ % 6], bool(seed_ % 2)])
    return Case("integers", Dag(outputs, [*symbols, real, truth]), points)


@cache
def random_graphs(count: int = 60) -> list[Case]:
    """Random graphs over all operations with every node an output, at moderate points."""
    cases: list[Case] = []

    @seed(20240607)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(samples())
    def collect(sample: Any) -> None:
        dag = Dag(walk([sample.output]), sample.symbols)
        cases.append(
            Case(f"graph {len(cases)}", dag, [[sample.at[symbol.name] for symbol in sample.symbols]])
        )

    collect()
    return cases


def check_graphs(answers_of: Any, count: int = 60) -> None:
    """Random graphs, every node: JavaScript within what 1e-12 for each operation adds up to, by mpmath's bounds.

    answers_of : scripts → their answers
    """
    samples_ = random_graphs(count)
    known = 0
    for case, answer in zip(samples_, answers_of([case.script for case in samples_]), strict=True):
        at = {symbol.name: value for symbol, value in zip(case.dag.symbols, case.points[0], strict=True)}
        bounds = stable(case.dag, at, slack=slack)
        (texts,) = json.loads(answer)
        for output, text in zip(case.dag.outputs, texts, strict=True):
            node, bound = case.dag.exprs[output], bounds[output]
            value = text == "true" if node.dtype.kind == "b" else _float(text)
            known += bound is not None
            assert within(value, bound, node.dtype), (
                f"{case.name} at {at}: {node!r:.200} is {text}, not {bound}"
            )
    assert known > 3 * len(samples_)  # the test has teeth only where the bounds are known


def slack(op: Any, dtype: Any) -> float:
    """The error of one operation in ULPs: 1e-12, where the interpreter's own is not larger or the operation exact."""
    ulps = declared(op, dtype)
    return ulps if ulps == 0.5 or dtype != np.float64 else max(ulps, 1e-12 * 2**52)

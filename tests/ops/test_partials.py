"""Every declared partial against SymPy's derivative of the operation's formula, at 50 digits; kinks against their table.

The partials are evaluated by `precise`, which holds the rounding of the constants that partials are written with in an error
bound; the oracle is `sympy.diff` and `evalf` at exact rationals. What SymPy leaves as a derivative (of floor, say) is
differentiated numerically by mpmath.
"""

from __future__ import annotations

import math
import zlib

import mpmath
import numpy as np
import pytest
import sympy

import graphc as g
from graphc.analysis.gradcheck import check_grad
from graphc.autodiff.reverse import reverse
from graphc.interpret import mpmath_eval
from graphc.ir.expr import Expr, apply
from graphc.ir.op import Op, all_ops
from tests.oracle import dear, few, refused

DIGITS = 50
SAMPLES = 6

DIFFERENTIABLE = [
    op for op in all_ops() if op.partials is not None and op.formula is not None and not op.user_defined
]


def operands(op: Op) -> list[Expr]:
    """A symbol for each operand: float64, where the operation's types allow it."""
    kinds = {("where", "condition"): "bool", ("polygamma", "n"): "int64"}
    return [g.symbol(param, dtype=kinds.get((op.name, param), "float64")) for param in op.params]


def call(op: Op, symbols: list[Expr]) -> Expr:
    return g.astype(symbols[0], "float64") if op.name == "astype" else apply(op, *symbols)


def smooth(op: Op, symbols: list[Expr]) -> list[Expr]:
    """The operands that an operation has a derivative by."""
    return [s for slot, s in enumerate(symbols) if s.dtype.kind == "f" and not refused(op, slot)]


def samples(op: Op, symbols: list[Expr], count: int = SAMPLES) -> list[dict[str, float]]:
    """Smooth points inside the operation's domain."""
    random = np.random.default_rng(zlib.crc32(op.name.encode()))
    points = []
    while len(points) < count:
        values = []
        for symbol, (low, high) in zip(symbols, op.domain, strict=True):
            value = float(random.uniform(low, high))
            of_kind = {"b": value > (low + high) / 2, "i": round(value), "f": value}
            values.append(of_kind[symbol.dtype.kind])
        if op.smooth_at is None or op.smooth_at(*values):
            points.append({symbol.name: value for symbol, value in zip(symbols, values, strict=True)})
    return points


def exact(value: float) -> sympy.Basic:
    return (
        sympy.true
        if value is True
        else sympy.false
        if value is False
        else sympy.Rational(*float(value).as_integer_ratio())
    )


def oracle(op: Op, param: str, point: dict[str, float]) -> mpmath.mpf:
    """∂formula/∂param at a point, by SymPy; by mpmath's numerical derivative where SymPy has no closed one."""
    names = {
        name: sympy.Symbol(name) if isinstance(value, bool) else sympy.Symbol(name, real=True)
        for name, value in point.items()
    }
    formula = op.formula(sympy, *names.values())
    at = {names[name]: exact(value) for name, value in point.items()}
    slope = sympy.diff(formula, names[param])
    if slope.has(sympy.Derivative, sympy.Subs):
        rest = formula.subs({symbol: value for symbol, value in at.items() if symbol is not names[param]})

        def function(x: mpmath.mpf) -> mpmath.mpf:
            moved = rest.subs(names[param], sympy.Float(x, 3 * DIGITS))
            return mpmath.mpf(sympy.N(moved, 3 * DIGITS)._to_mpmath(mpmath.mp.prec))

        with mpmath.workdps(2 * DIGITS):
            return mpmath.diff(function, mpmath.mpf(point[param]), h=mpmath.mpf(10) ** -DIGITS)
    value = sympy.N(slope.subs(at), DIGITS + 10)
    assert value.is_Float or value.is_Rational, f"{op.name}: {slope} at {point} is {value}"
    with mpmath.workdps(DIGITS + 10):
        return mpmath.mpf(value._to_mpmath(mpmath.mp.prec))


@pytest.mark.parametrize("op", dear(DIFFERENTIABLE), ids=lambda op: op.name)
def test_partials_are_sympys(op: Op) -> None:
    symbols = operands(op)
    floats = smooth(op, symbols)
    record = reverse([call(op, symbols)], None, floats)
    for point in samples(op, symbols, few(op, SAMPLES, 2)):
        for symbol in floats:
            found = mpmath_eval.enclose(record.adjoint(symbol), used(record.adjoint(symbol), point), DIGITS)
            truth = oracle(op, symbol.name, point)
            with mpmath.workdps(2 * DIGITS):
                tolerance = found.error + abs(truth) * mpmath.mpf(10) ** (5 - DIGITS)
                assert abs(found.value - truth) <= tolerance, (
                    f"∂{op.name}/∂{symbol.name} at {point}: {found.value} instead of {truth}, off by "
                    f"{mpmath.nstr(abs(found.value - truth), 3)} with {mpmath.nstr(tolerance, 3)} allowed"
                )


def used(expr: Expr, point: dict[str, float]) -> dict[str, float]:
    return {symbol.name: point[symbol.name] for symbol in g.free_symbols(expr)}


@pytest.mark.parametrize("op", dear(DIFFERENTIABLE), ids=lambda op: op.name)
def test_rounding_of_constants_is_all_that_partials_err_by(op: Op) -> None:
    """The bound that the test above allows stays below some units in float64's last place of the largest term."""
    symbols = operands(op)
    floats = smooth(op, symbols)
    record = reverse([call(op, symbols)], None, floats)
    for point in samples(op, symbols, 2):
        for symbol in floats:
            adjoint = record.adjoint(symbol)
            found = mpmath_eval.enclose(adjoint, used(adjoint, point), DIGITS)
            # 2 ulps for each rounded constant, amplified at most by the condition of the exponentials around them
            assert found.error <= 4e-14 * max(1, abs(found.value))


@pytest.mark.parametrize(
    "op", dear(op for op in DIFFERENTIABLE if op.name != "polygamma"), ids=lambda op: op.name
)
def test_second_partials_are_differences_of_the_first(op: Op) -> None:
    symbols = operands(op)
    floats = smooth(op, symbols)
    record = reverse([call(op, symbols)], None, floats)
    firsts = [record.adjoint(symbol) for symbol in floats]
    firsts = [first for first in firsts if not first.is_constant]
    for point in samples(op, symbols, 2):
        fixed = {s: g.constant(point[s.name]) for s in symbols if s.dtype.kind == "f" and s not in floats}
        for first in [g.substitute(first, fixed) for first in firsts]:
            report = check_grad(first, used(first, point))
            assert report, f"{op.name} at {point}: {report}"


@pytest.mark.parametrize(
    ("op", "kink"),
    [(op, kink) for op in DIFFERENTIABLE for kink in op.kinks],
    ids=lambda value: getattr(value, "name", None),
)
def test_kinks_are_as_declared(op: Op, kink) -> None:
    symbols = operands(op)
    record = reverse([call(op, symbols)], None, symbols)
    point = dict(zip(op.params, kink.at, strict=True))
    for symbol, declared in zip(symbols, kink.partials, strict=True):
        adjoint = record.adjoint(symbol)
        found = g.evaluate(adjoint, used(adjoint, point))
        assert found == declared or (math.isnan(found) and math.isnan(declared)), (
            f"∂{op.name}/∂{symbol.name} at {point}"
        )


@pytest.mark.parametrize(
    ("op", "at", "expected"),
    [(op, at, expected) for op in all_ops() for at, expected in op.specials],
    ids=lambda value: getattr(value, "name", None),
)
def test_special_values_are_as_declared(op: Op, at: tuple[float, ...], expected: float) -> None:
    symbols = operands(op)
    found = g.evaluate(call(op, symbols), dict(zip(op.params, at, strict=True)))
    assert found == expected or (math.isnan(found) and math.isnan(expected))


@pytest.mark.parametrize("exponent", [-2, -1, 0, 0.5, 1, 2, 3, 2.5])
@pytest.mark.parametrize("x", [0.7, 3.0])
def test_powers_with_a_constant_exponent(exponent: float, x: float) -> None:
    symbol = g.symbol("x")
    slope = g.grad(symbol**exponent, symbol)
    found = mpmath_eval.evaluate(slope, used(slope, {"x": x}), DIGITS)
    with mpmath.workdps(DIGITS):
        truth = exponent * mpmath.mpf(x) ** (mpmath.mpf(exponent) - 1)
        assert abs(found - truth) <= abs(truth) * mpmath.mpf(10) ** (3 - DIGITS)


def test_every_operation_that_yields_floats_has_partials() -> None:
    """Comparisons, logic and tests alone have none."""
    without = {op.category for op in all_ops() if op.partials is None}
    assert without == {"comparison", "logic"}

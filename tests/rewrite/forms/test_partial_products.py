"""Products in another order: no step leaves the range that the steps of the first order span."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

import graphc as g
from graphc.interpret.numpy_eval import run_arrays
from graphc.ir.expr import Expr
from graphc.ir.graph import Dag
from graphc.rewrite import tables
from graphc.rewrite.engine.ranges import Ranges
from graphc.rewrite.forms.partial_products import keeps_range

x, y, z = g.symbols("x y z")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (x / (y * y), x / y / y, True),  # x/y is the mean of x and x/y²
        (x / y / y, x / (y * y), False),  # y² may be 0
        (1 / (x / y) * (1 / y), 1 / x, True),
        (
            3 / (y / x) / (y / x) * z * (1 / x),
            3 / y / (y / x) * z,
            False,
        ),  # where z is 0 the rest may overflow
        (1 / (x / 5) / (x / 5) * 0.2, 1 / x / (x / 5), True),
        (
            1 / (x / y / 5) / (x / y / 5) * 0.2 * 0.2 / y,
            1 / x / (x / y / 5) * 0.2,
            False,
        ),  # five times the result
        (x * 0.5 * 2, x * 2 * 0.5, False),
        (x * y / x, y, True),
        (x * y * z / x, y * z, True),
        (g.sign(x) * (2 * y) * (z / y / y / y), g.sign(x) * 2 * (z / y / y), True),
        (x * z / y / y / y / y, x / y / y / y / y * z, False),
    ],
)
def test_orders(before: Expr, after: Expr, expected: bool) -> None:
    assert keeps_range(after, before, Ranges()) is expected


def random_product(rng: random.Random, depth: int) -> Expr:
    if depth == 0 or rng.random() < 0.2:
        return rng.choice((x, y, z))
    left, right = random_product(rng, depth - 1), random_product(rng, depth - 1)
    return left * right if rng.random() < 0.5 else left / right


def logarithms(node: Expr, sizes: dict[Expr, float]) -> list[float]:
    """Of the sizes of all steps, the product's own last."""
    if not node.operands:
        return [sizes[node]]
    left, right = (logarithms(operand, sizes) for operand in node.operands)
    return [*left, *right, left[-1] + (right[-1] if node.op.name == "multiply" else -right[-1])]


def test_steps_of_random_products_lie_between() -> None:
    rng = random.Random(12)
    kept = 0
    for _ in range(1200):
        before, after = random_product(rng, 3), random_product(rng, 2)
        if not after.operands or not keeps_range(after, before, Ranges()):
            continue
        kept += 1
        for _ in range(5):
            sizes = {s: rng.uniform(-300, 300) for s in (x, y, z)}
            inverse = [
                -sizes[s] for s in g.free_symbols(before)
            ]  # in range where the symbol is a normal number
            known, found = [0.0, *logarithms(before, sizes), *inverse], logarithms(after, sizes)
            inner = found if before.operands else found[-1:]
            needed = [size for size in inner if size not in sizes.values()]
            assert all(min(known) - 1e-6 <= size <= max(known) + 1e-6 for size in needed), (before, after)
    assert kept > 40


SLOPES = (
    "(3/(x/y) - 3/(x/y))*x", "1/(x/y/5)*0.2", "1/(x/y)*z/y", "log(x/y)*z", "z/(x/y)/(x/y)", "z*x/(1 + abs(y))**2",
    "exp(-x/y)/(x/y)", "z/(1/(x*y)/3)",
)  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_what_is_finite_as_written_stays_so(dtype: type) -> None:
    """Zeros of a factor beside others that overflow together, and sizes at the ends of the range."""
    rng = np.random.default_rng(5)
    most = np.log10(float(np.finfo(dtype).max)) - 1
    columns = [
        (rng.choice((-1, 1), 3000) * 10 ** rng.uniform(-most, most, 3000)).astype(dtype) for _ in range(3)
    ]
    lost = asked = 0
    for text in SLOPES:
        formula = g.parse(text, [g.symbol(name, dtype=dtype) for name in "xyz"])
        symbols = g.free_symbols(formula)
        slopes = [g.grad(formula, s) for s in symbols]
        written, rewritten = (
            run(outputs, dict(zip("xyz", columns, strict=True)))
            for outputs in (slopes, tables.run(slopes, "stable").outputs)
        )
        for old, new in zip(written, rewritten, strict=True):
            meant = np.isfinite(old)
            asked += int(meant.sum())
            lost += int((meant & ~np.isfinite(new)).sum())
    assert asked > 20_000
    assert lost == 0


SPECIAL = (0.0, -0.0, 1.5, -3.0, np.inf, -np.inf, np.nan, 1e-300, -1e-40, 1e200, -1e38, 5e-324)

PRODUCTS = (
    "1/x/(x*y)/(x*y)*y", "z*(1/x/x)", "-(1/x/x*z)", "1/(x*y)*(1/x/x)", "z*(1/x/x/x) + z*(1/x)", "x/(y*y)*y", "z/(x*y)/y*x",
    "1/(x/y)/(x/y)*(1/y)", "z*((1/x + 2)/y/y)",
)  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_special_values_stay(dtype: type) -> None:
    """What is right as written, by a type with a larger range, stays right; NaN of an input is NaN; a zero's sign stays."""
    with np.errstate(over="ignore"):
        values = np.array(list(itertools.product(SPECIAL, repeat=3))).T.astype(dtype)
    changed, info = set(), np.finfo(dtype)
    for text in PRODUCTS:
        formula = g.parse(text, [g.symbol(name, dtype=dtype) for name in "xyz"])
        at = dict(zip("xyz", values, strict=True))
        trace = tables.run([formula], "stable")
        changed |= {text} if len(trace) else set()
        ((old,), (new,)) = run([formula], at), run(trace.outputs, at)
        used = [at[s.name] for s in g.free_symbols(formula)]
        assert np.isnan(new[np.isnan(used).any(axis=0)]).all(), text
        with np.errstate(all="ignore"):
            wide = eval(text, {name: column.astype(np.longdouble) for name, column in at.items()})
            number = ~np.isnan(old) & ((old == wide) | (np.abs(old - wide) <= 1e-6 * np.abs(wide)))
            old = np.where(number, wide, old).astype(dtype)
        np.testing.assert_allclose(
            new[number], old[number], rtol=8 * info.eps, atol=4 * info.smallest_subnormal, err_msg=text
        )
        zero = number & (old == 0)
        assert (np.signbit(old[zero]) == np.signbit(new[zero])).all(), text
    assert len(changed) > len(PRODUCTS) / 2


def run(outputs: object, at: dict[str, np.ndarray]) -> list[np.ndarray]:
    dag = Dag(list(outputs))  # type: ignore[call-overload]
    with np.errstate(all="ignore"):
        values = run_arrays(dag, [at[s.name] for s in dag.symbols])
    return [np.broadcast_to(values[output], len(at["x"])) for output in dag.outputs]

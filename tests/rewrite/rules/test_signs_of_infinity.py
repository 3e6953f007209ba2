"""Where a difference is exactly 0 its reciprocal is an infinity, and the sign of both is that of the formula as written.

Over the registry: every elementwise function of one number, at the points where its value is a float that is not rounded.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

import graphc as g
from graphc.ir.expr import apply
from graphc.ir.op import Op, all_ops
from tests.oracle import exact

POINTS = (0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 3.0, 4.0, -2.0, 8.0)

UNARY = [
    op
    for op in all_ops()
    if op.arity == 1
    and op.name != "astype"
    and not op.on_arrays
    and op.formula is not None
    and op.partials is not None
    and not op.user_defined
]

ODD = {("exp", "-0.0"), ("erfc", "-0.0")}
"""What stands for eˣ − 1 and 1 − erfc x is odd: at −0 it is −0, as NumPy's expm1 and SciPy's erf are."""

FORMS: dict[str, Callable[[Any, float], Any]] = {
    "c - f": lambda f, c: c - f,
    "f - c": lambda f, c: f - c,
    "-(f - c)": lambda f, c: -(f - c),
    "1/(c - f)": lambda f, c: 1 / (c - f),
    "1/(f - c)": lambda f, c: 1 / (f - c),
    "-2/(c - f)": lambda f, c: -2 / (c - f),
    "1/(c - f)**2": lambda f, c: 1 / (c - f) ** 2,
    "1/(c - f)**3": lambda f, c: 1 / (c - f) ** 3,
    "f/(c - f)": lambda f, c: f / (c - f),
    "f/(f - c)": lambda f, c: f / (f - c),
    "log(c - f)": lambda f, c: g.log(c - f),
    "log(abs(f - c))": lambda f, c: g.log(g.abs(f - c)),
    "sqrt(f - c)": lambda f, c: g.sqrt(f - c),
    "1/sqrt(f - c)": lambda f, c: 1 / g.sqrt(f - c),
    "x/(c - f)": lambda f, c: g.symbol("x") / (c - f),
}


def unrounded(op: Op) -> list[tuple[float, float]]:
    """Points and the values there, as far as these are floats to the last digit."""
    pairs = []
    for x in POINTS:
        if (op.name, str(x)) in ODD:
            continue
        with mpmath.workdps(80):
            true = exact(op, mpmath.mpf(x))
        if true is not None and not isinstance(true, bool) and mpmath.mpf(float(true)) == true:
            with np.errstate(all="ignore"):
                if float(op.reference(np.float64(x))) == true:
                    pairs.append((x, float(true)))
    return pairs


CASES = [(op, x, c) for op in UNARY for x, c in unrounded(op)]


@pytest.mark.sample(3)
@pytest.mark.parametrize("form", FORMS)
def test_zeros_and_infinities_have_the_sign_of_the_formula_as_written(form: str) -> None:
    x = g.symbol("x")
    written, points, names = [], [], []
    for op, point, c in CASES:
        value = FORMS[form](apply(op, x), c)
        if isinstance(value, g.Expr) and value.dtype.kind == "f":
            for order, output in enumerate((value, g.grad(value, x))):
                written.append(output)
                points.append(point)
                names.append(f"{'d/dx ' * order}{form}, f = {op.name}, c = {c} at {point}")
    wrong = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for output, point, name in zip(written, points, names, strict=True):
            old = float(g.evaluate(output, {"x": point}))
            derivative = name.startswith("d/dx")
            if np.isinf(old) or (old == 0 and not derivative):
                new = float(g.evaluate(g.rewrites(output).outputs[0], {"x": point}))
                if new != old or np.signbit(new) != np.signbit(old):
                    wrong.append(f"{name}: {new}, not {old}")
    assert not wrong, "\n".join(wrong)

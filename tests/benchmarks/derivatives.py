"""Formulas of everyday numerical work with their first and second derivatives, held against mpmath.

    python -m tests.benchmarks.derivatives [NAME …]      the table that docs/accuracy.md shows

Every formula is compiled with the defaults at 40 points: over its whole range, around every critical point, and where
exponentials begin to over- and underflow; for numbers in float64 and float32, and in float64 over arrays that are reshaped,
gathered and batched on the way, their gradients and products of their Hessians with a vector. The truth is mpmath's value and
its difference quotient with many hundred digits.

An error is counted in units: the spacing of floats at the exact result, and what one rounding of the input makes of it, together.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np

import graphc as g

POINTS = 40
MOST = 4.0

LEAST = mpmath.ldexp(1, -1075)
"""Half the smallest float: what is below is 0, or what rounding left of a 0."""

NAMES: dict[str, Any] = {
    **{
        name: getattr(mpmath, name)
        for name in (
            "exp",
            "log",
            "log1p",
            "expm1",
            "sqrt",
            "sin",
            "cos",
            "tan",
            "sinh",
            "cosh",
            "tanh",
            "asin",
            "atan",
            "asinh",
            "acosh",
            "atanh",
            "erf",
            "erfc",
            "gamma",
            "digamma",
            "hypot",
        )
    },
    "lgamma": mpmath.loggamma,
    "abs": abs,
    "pi": mpmath.pi,
}


@dataclass(frozen=True)
class Formula:
    """text : in the grammar of `g.parse`, of x; low, high : its range; near : critical points"""

    text: str
    low: float
    high: float
    near: tuple[float, ...] = (0.0,)

    @property
    def expr(self) -> g.Expr:
        return g.parse(self.text)

    def exact(self, x: Any) -> Any:
        """The value as an mpmath number; Python's own arithmetic on the text, which stands here and is nobody's input."""
        return eval(compile(self.text, "formula", "eval"), {"__builtins__": {}}, {**NAMES, "x": x})


E = (-1000.0, 1000.0)
LARGE = (-1e150, 1e150)
POSITIVE = (1e-150, 1e150)

FORMULAS: dict[str, tuple[Formula, ...]] = {
    "activations": (
        Formula("1/(1 + exp(-x))", *E),
        Formula("exp(x)/(1 + exp(x))", *E),
        Formula("log(1 + exp(x))", *E),
        Formula("log(1/(1 + exp(-x)))", *E),
        Formula("x/(1 + exp(-x))", *E),
        Formula("x*exp(-x)/(1 + exp(-x))", *E),
        Formula("x*tanh(log(1 + exp(x)))", *E),
        Formula("(exp(x) - exp(-x))/(exp(x) + exp(-x))", *E),
        Formula("log(cosh(x))", *E),
        Formula("x/sqrt(1 + x*x)", *LARGE),
        Formula("x/(1 + abs(x))", *LARGE, ()),
        Formula("0.5*x*(1 + erf(x/1.4142135623730951))", -30.0, 1e3),
        Formula("log(1 + x*x)", *LARGE),
        Formula("sqrt(1 + x*x) - 1", *LARGE),
        Formula("x*atan(x)", *LARGE),
    ),
    "losses and likelihoods": (
        Formula("-log(1 - 1/(1 + exp(-x)))", *E),
        Formula("log(1/(1 + exp(-x))/(1 - 1/(1 + exp(-x))))", *E),
        Formula("log(0.5*erfc(-x/1.4142135623730951))", -100.0, 30.0),
        Formula("log(exp(x) - 1)", 1e-12, 1000.0, (1.0,)),
        Formula("log(1 - exp(-x))", 1e-12, 700.0, (1.0,)),
        Formula("log(x/(1 - x))", 1e-15, 1 - 1e-12, (0.5,)),
        Formula("-x*log(x) - (1 - x)*log(1 - x)", 1e-15, 1 - 1e-12, (0.5,)),
        Formula("exp(x) - x - 1", -700.0, 700.0),
        Formula("x*log(x) - x + 1", 1e-100, 1e100, (1.0,)),
        Formula("exp(-x*x/2)", -38.0, 38.0),
        Formula("log(1 + exp(-x)) + log(1 + exp(x))", *E),
        Formula("-log(1/cosh(x))", *E),
        Formula("lgamma(x + 0.5) - lgamma(x)", 1e-3, 1e8, (1.0,)),
    ),
    "statistical physics": (
        Formula("1/(exp(x) - 1)", 1e-12, 1000.0, (1.0,)),
        Formula("1/(exp(x) + 1)", *E),
        Formula("x**3/(exp(x) - 1)", -700.0, 1000.0),
        Formula("1/tanh(x) - 1/x", *E),
        Formula("1/cosh(x)", *E),
        Formula("1/cosh(x)**2", *E),
        Formula("x/sinh(x)", *E),
        Formula("x*x*exp(x)/(exp(x) - 1)**2", *E),
        Formula("-log(1 - exp(-x))", 1e-12, 700.0, (1.0,)),
        Formula("log(2*cosh(x))", *E),
        Formula("log(sinh(x)/x)", *E),
        Formula("x/(exp(x) - 1)", -700.0, 1000.0),
        Formula("tanh(x)/x", *E),
    ),
    "finance": (
        Formula("(1 - exp(-x))/x", -700.0, 1e6),
        Formula("(exp(x) - 1)/x", -1e6, 700.0),
        Formula("log(1 + x)/x", -0.99, 1e100),
        Formula("(1 - (1 + x)**(-10))/x", -0.5, 1e20),
        Formula("exp(-x)*(exp(0.01*x) - 1)", 0.0, 700.0),
    ),
    "geometry": (
        Formula("sqrt(x + 1) - sqrt(x)", *POSITIVE, (1.0,)),
        Formula("1/x - 1/(x + 1)", *POSITIVE, (1.0,)),
        Formula("(1 - cos(x))/(x*x)", -1e5, 1e5),
        Formula("sin(x)/x", -1e5, 1e5),
        Formula("(x - sin(x))/x**3", -1e5, 1e5),
        Formula("1 - cos(x)", -1e5, 1e5),
        Formula("cos(x) - 1", -1e5, 1e5),
        Formula("x - sin(x)", -1e5, 1e5),
        Formula("tan(x) - x", -1.5, 1.5),
        Formula("sqrt(x*x + 1) - x", *LARGE),
        Formula("sqrt(x*x + 1) - abs(x)", 1e-100, 1e150, ()),
        Formula("(sqrt(1 + x) - 1)/x", -0.999, 1e150),
        Formula("atan(x + 1) - atan(x)", *LARGE),
    ),
    "hyperbolic and logarithmic": (
        Formula("log(x + sqrt(x*x + 1))", *LARGE),
        Formula("log(x + sqrt(x*x - 1))", 1.0 + 1e-9, 1e150, (1.5,)),
        Formula("0.5*log((1 + x)/(1 - x))", -1 + 1e-9, 1 - 1e-9),
        Formula("1 - cosh(x)", -700.0, 700.0),
        Formula("exp(-x) - exp(x)", -700.0, 700.0),
        Formula("sinh(x) - x", -700.0, 700.0),
        Formula("log(sinh(x))", 1e-12, 1000.0, (1.0,)),
        Formula("log(1 + x) - log(x)", *POSITIVE, (1.0,)),
        Formula("1 - tanh(x)", *E),
        Formula("exp(x)*(1 - tanh(x))", -300.0, 300.0),
        Formula("exp(x)*erfc(x)", -20.0, 25.0),
    ),
    "special functions": (
        Formula("log(gamma(x))", 1e-3, 1e100, (2.5,)),
        Formula("gamma(x + 1)/gamma(x)", 0.5, 1e10, (2.0,)),
        Formula("erf(x)/x", -20.0, 20.0),
        Formula("1 - erf(x)", -5.0, 25.0),
        Formula("lgamma(x)", 3.0, 1e100, (10.0,)),
        Formula("x*digamma(x)", 2.0, 1e10, (3.0,)),
    ),
}

REASONS: dict[str, str] = {
    "x/sinh(x)": "the second derivative at 2.5, 4.7 units: a sum of two terms that leave an eighth of their size, just beyond the"
    " series.",
    "(sqrt(1 + x) - 1)/x": "the second derivative in float32, 5.3 units: nothing cancels, but (1 + √(1 + x))³ is divided by"
    " one factor after the other.",
    "atan(x + 1) - atan(x)": "the second derivative, 4.7 units: nothing cancels, but the factors below are rounded one by one.",
    "sqrt(x*x + 1) - x": "over arrays, products with the Hessian: the second derivative is written from a form with branches,"
    " and squares of √(x² + 1) overflow in one of them from 10¹⁰² on.",
    "sqrt(x*x + 1) - abs(x)": "over arrays, products with the Hessian: as the one before.",
}
"""Why an error is above the limit, by formula."""


def everything() -> Iterator[tuple[str, Formula]]:
    for kind, formulas in FORMULAS.items():
        for formula in formulas:
            yield kind, formula


def points(formula: Formula) -> list[float]:
    """Forty points of a formula's range, the same in every run."""
    low, high = formula.low, formula.high
    found: list[float] = []
    for centre in formula.near:
        for step in (0.0, 1e-300, 1e-17, 1e-12, 1e-8, 1e-5, 1e-3, 0.03, 0.3):
            found += [centre + step, centre - step]
    found += [s * v for v in (1.0, 2.5, 7.0, 18.5, 37.1, 80.0, 350.0, 709.5, 745.0) for s in (1, -1)]
    sizes = np.logspace(-6, math.log10(max(abs(low), abs(high))), POINTS)
    found += [sign * float(size) for size in sizes for sign in (1, -1)]
    inside = list(dict.fromkeys(x for x in found if low <= x <= high))
    if len(inside) > POINTS:  # those around critical points first, of the others every so many
        head, rest = inside[: POINTS * 3 // 4], inside[POINTS * 3 // 4 :]
        step = len(rest) / (POINTS - len(head))
        inside = head + [rest[int(k * step)] for k in range(POINTS - len(head))]
    return inside


def digits(formula: Formula, x: float) -> int:
    """How many digits the truth is computed with: exponentials of x may stand beside 1, and powers of x vanish near 0."""
    size = abs(x)
    if 0 < size < 1e-3:
        return 700 + int(-4 * math.log10(size))
    return 700 + (int(size) if size < 2000 else int(6 * math.log10(size)))


FEW = (160, 260)
"""Digits that are enough where no exponential of another size stands beside the result: then both say the same."""

AGREE = 1e-24
MODERATE = (1e-12, 100.0)
"""Sizes of inputs at which few digits are tried."""


def truths(formula: Formula, x: float) -> list[Any] | None:
    """The value and the first three derivatives; None where the formula has no value."""
    if MODERATE[0] < abs(x) < MODERATE[1]:
        one, other = (_truths(formula, x, count, count // 4) for count in FEW)
        if one is not None and other is not None and all(map(_agree, one, other)):
            return other
    return _truths(formula, x, digits(formula, x), 110)


def _agree(one: Any, other: Any) -> bool:
    """Whether two are the same number; 0 may be what is left of one that few digits do not show."""
    return bool(other != 0 and abs(one - other) < AGREE * abs(other))


def _truths(formula: Formula, x: float, count: int, depth: int) -> list[Any] | None:
    """With so many digits, from values that are 10^−depth apart."""
    with mpmath.workdps(count):
        at = mpmath.mpf(x)
        step = mpmath.mpf(10) ** -depth * max(1, abs(at))
        around = _around(formula, at, step)
        if around is None:  # at a removable singularity the limit, by points on both sides
            around = _around(formula, at, step, beside=True)
        if around is None:
            return None
        a, b, c, d, e = around
        exact = [
            c,
            (a - 8 * b + 8 * d - e) / (12 * step),
            (-a + 16 * b - 30 * c + 16 * d - e) / (12 * step**2),
            (-a + 2 * b - 2 * d + e) / (2 * step**3),
        ]
        return [value if abs(value) > LEAST else mpmath.mpf(0) for value in exact]


def _around(formula: Formula, at: Any, step: Any, beside: bool = False) -> list[Any] | None:
    """The values at a point and two steps to either side; that of the point itself from its neighbours, where it has none."""
    try:
        values = [formula.exact(at + k * step) for k in (-2, -1, 0, 1, 2) if k or not beside]
    except (ZeroDivisionError, ValueError, OverflowError):
        return None
    if any(not mpmath.isfinite(v) or (isinstance(v, mpmath.mpc) and v.imag != 0) for v in values):
        return None
    values = [mpmath.re(v) for v in values]
    if beside:
        a, b, d, e = values
        values.insert(2, (4 * (b + d) - a - e) / 6)
    return values


def units(computed: float, exact: Any, following: Any, x: float, dtype: Any) -> float:
    """The error of a result: infinity where it is NaN; of results beyond the largest float nothing is asked."""
    info = np.finfo(dtype)
    if abs(exact) > float(info.max):
        return 0.0
    if not math.isfinite(computed):
        return math.inf
    spacing = max(
        float(np.spacing(np.asarray(abs(float(exact)), dtype=dtype))), float(info.smallest_subnormal)
    )
    moved = abs(following * x) * float(info.eps) / 2
    return float(abs(mpmath.mpf(computed) - exact) / (spacing + moved))


def derivatives(formula: Formula) -> list[g.Expr]:
    (x,) = g.free_symbols(formula.expr)
    first = g.grad(formula.expr, x)
    return [formula.expr, first, g.grad(first, x)]


Truth = dict[float, list[Any] | None]


def scalar_errors(formula: Formula, dtype: str, known: Truth, every: int = 1) -> list[tuple[float, float]]:
    """For the value and two derivatives the worst error, and where; at each or at every so many points."""
    f = g.compile(derivatives(formula), dtype=dtype, cache=False)
    worst = [(0.0, 0.0)] * 3
    for point in points(formula)[::every]:
        with np.errstate(over="ignore"):
            x = float(np.dtype(dtype).type(point))
        if not math.isfinite(x):
            continue
        if x not in known:
            known[x] = truths(formula, x)
        exact = known[x]
        if exact is None or not formula.low <= x <= formula.high:
            continue
        for order, computed in enumerate(f(np.dtype(dtype).type(x))):
            error = units(float(computed), exact[order], exact[order + 1], x, dtype)
            if error > worst[order][0]:
                worst[order] = error, x
    return worst


FORMS: dict[str, Callable[[g.Expr, Callable[[g.Expr], g.Expr]], g.Expr]] = {
    "reshaped": lambda X, f: g.sum(f(g.reshape(X, (2, -1)).T)),
    "gathered": lambda X, f: g.sum(f(X[np.arange(POINTS)[::-1]])),
    "batched": lambda X, f: g.sum(g.vmap(f)(X)),
}


WEIGHTS = (1.0, -2.0, 0.5, 4.0)
"""Of a product with the Hessian, in turn; powers of two, so that only the second derivative is rounded."""


def array_errors(formula: Formula, known: Truth) -> list[tuple[float, float]]:
    """The worst error over arrays of the gradient and of a product with the Hessian, and where."""
    (x,) = g.free_symbols(formula.expr)
    at = points(formula)
    values, weights = np.resize(np.array(at), POINTS), np.resize(np.array(WEIGHTS), POINTS)
    X, V = g.symbol("X", shape=POINTS), g.symbol("V", shape=POINTS)
    worst = [(0.0, 0.0)] * 2
    for form in FORMS.values():
        loss = form(X, lambda each: _at(formula.expr, x, each))
        f = g.compile([g.grad(loss, X), g.hvp(loss, X, V)], [X, V], cache=False)
        results = [result.tolist() for result in f(values, weights)]
        for k, point in enumerate(values.tolist()):
            exact = known.get(point)
            if exact is not None:
                for order, weight in enumerate((1.0, float(weights[k]))):
                    true, following = exact[order + 1] * weight, exact[order + 2] * weight
                    error = units(results[order][k], true, following, point, "float64")
                    worst[order] = max(worst[order], (error, point))
    return worst


def _at(expr: g.Expr, x: g.Expr, each: g.Expr) -> g.Expr:
    """The formula of an array, element by element."""
    built: dict[g.Expr, Any] = {x: each}
    graph = g.Graph(expr)
    for node in graph.exprs:
        if node.operands:
            built[node] = (
                node.op(*[built.get(operand, operand) for operand in node.operands])
                if callable(node.op)
                else _apply(node, built)
            )
    return built[expr]


def _apply(node: g.Expr, built: dict[g.Expr, Any]) -> g.Expr:
    from graphc.ir.expr import apply

    return apply(node.op, *[built.get(operand, operand) for operand in node.operands], attrs=node.attrs)


def row(formula: Formula) -> tuple[list[float], list[float]]:
    """The worst errors of a formula, and where: value and derivatives in float64, in float32; gradient and Hessian-vector product
    over arrays."""
    known: Truth = {}
    found = [
        *scalar_errors(formula, "float64", known),
        *scalar_errors(formula, "float32", known),
        *array_errors(formula, known),
    ]
    return [error for error, _ in found], [x for _, x in found]


def shown(error: float) -> str:
    if math.isinf(error):
        return "NaN"
    return f"{error:.1f}" if error < 1e4 else f"{error:.0e}"


def table() -> str:
    """All formulas, in Markdown."""
    lines = [
        "| formula | value | first | second | value | first | second | gradient | times vector |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    count, above = 0, []
    for kind, formulas in FORMULAS.items():
        lines.append(f"| *{kind}* | float64 | | | float32 | | | arrays, float64 | |")
        for formula in formulas:
            errors, _ = row(formula)
            count += 1
            if max(errors) > MOST:
                above.append(formula)
            text = formula.text.replace("|", "\\|")
            lines.append(f"| `{text}` | " + " | ".join(map(shown, errors)) + " |")
    lines += ["", f"{count - len(above)} of {count} stay below {MOST:g} units everywhere."]
    if REASONS:
        lines += ["", "Those that do not, and why:", ""]
        lines += [f"- `{text}`: {reason}" for text, reason in REASONS.items()]
    return "\n".join(lines)


def main(names: list[str]) -> int:
    bad = 0
    for _, formula in everything():
        if names and not any(name in formula.text for name in names):
            continue
        errors, at = row(formula)
        worst = " ".join(
            f"{shown(e):>9}" + (f"@{x:<9.3g}" if e > MOST else " " * 10)
            for e, x in zip(errors, at, strict=True)
        )
        bad += max(errors) > MOST
        print(f"{formula.text:44} {worst}", flush=True)
    print(f"{bad} above {MOST:g} units")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""check_grad: right derivatives pass with a derived tolerance, wrong ones fail and are named."""

from __future__ import annotations

import itertools

import mpmath
import numpy as np
import pytest

import graphc as g
from graphc.analysis.gradcheck import check_grad
from graphc.errors import ExpressionError, GradientError, InputError, ShapeError, UnknownNameError
from graphc.ir.expr import apply
from graphc.ir.op import all_ops, lookup
from tests.oracle import held_apart

x, w, b = g.symbols("x w b")
LOSS = g.log(1 / (g.exp(-(x * w + b)) + 1))


def test_the_lecture_s_loss() -> None:
    report = check_grad(LOSS, {"x": 2, "w": -3, "b": 6})
    assert report
    assert [partial.symbol for partial in report.partials] == ["x", "w", "b"]
    assert [float(partial.gradient) for partial in report.partials] == [-1.5, 1.0, 0.5]
    assert all(partial.error < 1e-30 and partial.tolerance < 1e-30 for partial in report.partials)
    assert str(report).startswith("3 partials agree with differences; worst ∂/∂")


@pytest.fixture
def partials_of():
    """Replaces the partials of an operation for one test."""
    kept = {}

    def replace(name, partials):
        op = lookup(name)
        kept.setdefault(op, op.partials)
        object.__setattr__(op, "partials", partials)

    yield replace
    for op, partials in kept.items():
        object.__setattr__(op, "partials", partials)


def test_a_wrong_partial_is_named_with_both_values(partials_of) -> None:
    partials_of("sin", (lambda out, x: g.cos(x) * (1 + 1e-12),))
    report = check_grad(g.sin(x) * w + b, {"x": 1.0, "w": 2.0, "b": 0.0})
    assert not report
    assert report.worst is not None and report.worst.symbol == "x"
    truth = 2 * mpmath.cos(1)
    assert abs(report.worst.difference - truth) < 1e-14
    assert abs(report.worst.error - abs(truth) * 1e-12) < 1e-15
    assert report.worst.error > 100 * report.worst.tolerance
    assert "1 of 3 partials differ from differences; worst ∂/∂x: gradient 1.08060461173" in str(report)


def test_a_missing_term_and_a_wrong_sign_fail(partials_of) -> None:
    partials_of("multiply", (lambda out, x, y: y, None))
    assert not check_grad(x * w, {"x": 1.5, "w": 2.0})
    partials_of("multiply", (lambda out, x, y: y, lambda out, x, y: -x))
    assert not check_grad(x * w, {"x": 1.5, "w": 2.0})


def test_the_tolerance_comes_from_the_constants() -> None:
    """log 2 in the partial of exp2 is a float: the check allows for its rounding, and for little more."""
    (partial,) = check_grad(g.exp2(x), {"x": 1.7}).partials
    assert 0 < partial.error <= partial.tolerance <= 4 * 2.0**-52 * abs(partial.gradient)


@pytest.mark.parametrize(
    ("expr", "at", "note"),
    [
        (g.relu(x), 0.0, "a kink: 0.0 from the left, 1.0 from the right"),
        (abs(x), 0.0, "a kink: -1.0 from the left, 1.0 from the right"),
        (g.hard_tanh(x), 1.0, "a kink: 1.0 from the left, 0.0 from the right"),
        (g.maximum(x, 1.0), 1.0, "a kink"),
        (g.sign(x), 0.0, "a jump"),
        (g.floor(x), 3.0, "a jump"),
        (g.sqrt(x), 0.0, "not defined to the left"),
        (g.asin(x), 1.0, "not defined to the right"),
        (g.cbrt(x), 0.0, "a vertical tangent"),
        (g.where(x > 0, g.log(x), 0.0), -1.0, ""),
        (x**3, 0.0, ""),
        (g.cos(x), 0.0, ""),
        (g.sin(1 / x), 1e-3, ""),
        (g.log(x), 1e-300, ""),
        (g.exp(x), -700.0, ""),
        (g.gamma(x), 20.5, ""),
    ],
)
def test_special_points_pass_and_are_noted(expr: g.Expr, at: float, note: str) -> None:
    report = check_grad(expr, {"x": at})
    assert report, str(report)
    assert report.partials[0].note.startswith(note) and bool(report.partials[0].note) == bool(note)


def test_outside_a_kink_s_two_slopes_nothing_passes(partials_of) -> None:
    partials_of("abs", (lambda out, x: g.sign(x) + 1.5,))
    assert not check_grad(abs(x), {"x": 0.0})


def test_a_point_outside_the_domain_fails_with_a_reason() -> None:
    report = check_grad(g.log(x), {"x": -1.0})
    assert not report and "the function is nan here" in str(report)


@pytest.mark.parametrize("at", [np.inf, -np.inf, np.nan])
def test_where_no_input_can_be_moved_the_check_fails_with_a_reason(at) -> None:
    x, y = g.symbols("x y")
    report = g.check_grad(g.exp(-(x**2)) + y, {"x": at, "y": 2.0}, x)
    assert not report and ("no differences at" in str(report) or "the function is" in str(report))


def test_what_an_element_does_not_depend_on_has_no_slope() -> None:
    """Of a product of matrices each element reads one row and one column."""
    A, B = g.symbol("A", shape=(3, 2)), g.symbol("B", shape=(2, 4))
    report = g.check_grad(A @ B, {"A": np.arange(6.0).reshape(3, 2), "B": np.ones((2, 4))})
    assert report and len(report.partials) == 12 * 14
    assert sum(bool(partial.difference) for partial in report.partials) == 12 * 2 + 12 * 2 - 4  # A[0, 0] is 0


def test_arrays_structures_and_graphs() -> None:
    report = check_grad(g.sin(x) * w, {"x": np.array([0.5, 1.0, 2.0]), "w": 2.0})
    assert report and [partial.symbol for partial in report.partials] == [
        "x[0]",
        "w[0]",
        "x[1]",
        "w[1]",
        "x[2]",
        "w[2]",
    ]
    X = g.symbol("X", shape=(2,))
    scaled = check_grad(X * X * g.constant(np.array([1.0, 3.0])), {"X": [1.0, 2.0]})
    assert scaled and [float(partial.gradient) for partial in scaled.partials] == [2.0, 12.0]
    several = check_grad((x * w, {"b": b * x}), {"x": 1.0, "w": 2.0, "b": 3.0}, wrt=["x"])
    assert several and [(p.output, p.symbol) for p in several.partials] == [(0, "x"), (1, "x")]
    assert check_grad(g.Graph(LOSS, [b, w, x]), {"x": 2, "w": -3, "b": 6}, wrt=w)


def test_second_derivatives_are_checked_like_first_ones() -> None:
    assert check_grad(g.grad(LOSS, [x, w]), {"x": 2, "w": -3, "b": 6})


def test_what_cannot_be_checked_is_refused() -> None:
    with pytest.raises(InputError, match="no value for input"):
        check_grad(LOSS, {"x": 2.0})
    with pytest.raises(ExpressionError, match="not of 'x'"):
        check_grad("x", {})
    with pytest.raises(GradientError, match="bool has no derivative"):
        check_grad(x > 0, {"x": 1.0})
    with pytest.raises(UnknownNameError, match="'q'"):
        check_grad(LOSS, {"x": 2, "w": -3, "b": 6}, wrt="q")
    with pytest.raises(ShapeError, match="do not broadcast"):
        check_grad(x * w, {"x": np.zeros(2), "w": np.zeros(3)})


def test_a_constant_has_nothing_to_check() -> None:
    report = check_grad(g.constant(2.0), {})
    assert report and report.worst is None and "nothing to check" in str(report)


NO_DERIVATIVE = {("atan2", (0.0, 0.0)), ("clip", (0.0, 0.0, 0.0))}
"""Operation and point where there is none, nor one from a side (NaN stands for it), and an interval of one point, which has both
of its ends: they belong to it."""


def special_points(op):
    """Where an elementwise operation has kinks, the ends of its domain, and zero."""
    ends = [sorted({low, high, 0.0}) for low, high in op.domain]
    return sorted({kink.at for kink in op.kinks} | set(itertools.islice(itertools.product(*ends), 27)))


@pytest.mark.parametrize(
    "op", [
        op
        for op in all_ops()
        if op.partials and op.domain and op.name not in ("where", "polygamma") and not held_apart(op)
    ],
    ids=lambda op: op.name,
)  # fmt: skip
def test_kinks_zeros_and_the_ends_of_domains_of_every_operation(op) -> None:
    operands = [g.symbol(f"x{number}") for number in range(op.arity)]
    expr = apply(op, *operands)
    for point in special_points(op):
        if (op.name, point) in NO_DERIVATIVE:
            continue
        for partial in check_grad(expr, dict(zip([s.name for s in operands], point, strict=True))).partials:
            undefined = partial.note.startswith(("the function is", "not defined"))
            assert partial.ok or (undefined and partial.difference != partial.difference), (
                point,
                str(partial),
            )


U = g.symbol("U", shape=(3,))


@pytest.mark.parametrize(
    "build",
    [
        lambda r: r, lambda r: r[0], lambda r: r[1:], g.max, lambda r: g.sort(r)[2], lambda r: r.at[1].set(2.0),
        lambda r: g.concat([r, U])[2:], lambda r: g.tril(g.outer(r, r))[2],
        lambda r: g.cumsum(r)[0], lambda r: g.stack([r, U])[1],
    ],
    ids=["roots", "index", "slice", "max", "sort", "set", "concat", "tril", "cumsum", "stack"],
)  # fmt: skip
def test_arrays_at_zeros_of_roots(build) -> None:
    report = check_grad(build(g.sqrt(U)), {"U": [1.0, 0.0, 4.0]})
    assert report, str(report)

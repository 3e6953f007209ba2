"""Derivatives of what is stabilised: `g.compile(g.grad(f, x))` keeps the digits that `g.compile(f)` keeps.

The truth is mpmath's derivative of the formula with 600 digits, by Taylor's coefficients where they exist.
"""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from mpmath import mpf

import graphc as g
from graphc.ir.expr import apply, derivation
from graphc.ir.op import all_ops

x, y = g.symbols("x y")
X = g.symbol("X", shape=3)

DIGITS = 1200
ULPS = 8


def truth(function, at: float, order: int) -> float:
    with mpmath.workdps(DIGITS):
        value = mpmath.diff(function, mpf(at), order, h=mpf(10) ** -300) if order else function(mpf(at))
        return float(value)


def sigmoid(v):
    return 1 / (1 + mpmath.exp(-v))


FORMULAS = {
    "logit of sigmoid": (g.log(g.sigmoid(x) / (1 - g.sigmoid(x))), lambda v: v, (800.0, -800.0, 1.0, 36.9)),
    "logistic quotient": (g.exp(x) / (1 + g.exp(x)), sigmoid, (800.0, -800.0, 0.0, 3.0)),
    "sech": (1 / g.cosh(x), lambda v: 1 / mpmath.cosh(v), (800.0, -800.0, 0.0, 1.0, 40.0)),
    "csch": (1 / g.sinh(x), lambda v: 1 / mpmath.sinh(v), (800.0, -800.0, 1.0, 40.0, -2.5)),
    "sech of a square": (1 / g.cosh(x * x), lambda v: 1 / mpmath.cosh(v * v), (40.0, -40.0, 0.0, 1.0)),
    "sech times": (x / g.cosh(x), lambda v: v / mpmath.cosh(v), (800.0, -750.0, 0.0)),
    "Planck": (x**3 / (g.exp(x) - 1), lambda v: v**3 / mpmath.expm1(v), (800.0, 50.0, 2.0)),
    "Bose": (1 / (g.exp(x) - 1), lambda v: 1 / mpmath.expm1(v), (800.0, 30.0, 1.0, -3.0)),
    "Fermi": (1 / (g.exp(x) + 1), lambda v: 1 / (mpmath.exp(v) + 1), (800.0, -800.0, 30.0, 1.0)),
    "Debye": (
        x**4 * g.exp(x) / (g.exp(x) - 1) ** 2,
        lambda v: v**4 * mpmath.exp(v) / mpmath.expm1(v) ** 2,
        (30.0, 3.0),
    ),
    "log cosh": (g.log(g.cosh(x)), lambda v: mpmath.log(mpmath.cosh(v)), (400.0, -400.0, 800.0, 0.0, 1.0)),
    "log cosh scaled": (
        2 * g.log(g.cosh(3 * x)),
        lambda v: 2 * mpmath.log(mpmath.cosh(3 * v)),
        (400.0, -300.0, 0.0, 1.0),
    ),
    "log of exp - 1": (g.log(g.exp(x) - 1), lambda v: mpmath.log(mpmath.expm1(v)), (400.0, 800.0, 1.0, 1e-9)),
    "log of 1 + exp": (
        g.log(1 + g.exp(x)),
        lambda v: mpmath.log1p(mpmath.exp(v)),
        (400.0, 800.0, -800.0, 1.0),
    ),
    "swish": (x * g.exp(-x) / (1 + g.exp(-x)), lambda v: v / (1 + mpmath.exp(v)), (-400.0, 400.0, 1.0)),
    "silu": (x / (1 + g.exp(-x)), lambda v: v * sigmoid(v), (-400.0, 400.0, -800.0, 1.0)),
    "mish": (
        x * g.tanh(g.log(1 + g.exp(x))),
        lambda v: v * mpmath.tanh(mpmath.log1p(mpmath.exp(v))),
        (800.0, -400.0, 1.0),
    ),
    "tanh quotient": (g.sinh(x) / g.cosh(x), mpmath.tanh, (800.0, -800.0, 0.0, 1.0)),
    "Langevin-like": (g.cosh(x) / g.sinh(x), mpmath.coth, (800.0, -800.0, 1.0, -2.0)),
}


@pytest.mark.sample(3)
@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("order", [1, 2])
def test_derivatives_keep_their_digits(name, order):
    formula, function, at = FORMULAS[name]
    derivative = formula
    for _ in range(order):
        derivative = g.grad(derivative, x)
    f = g.compile(derivative, [x])
    for point in at:
        value, correct = f(point), truth(function, point, order)
        # beside the value's own steps, those of the argument: what the formula makes of a rounded x
        moved = abs(point * truth(function, point, order + 1)) * 2.0**-52
        assert abs(value - correct) <= ULPS * (np.spacing(abs(correct)) + moved), (point, value, correct)


@pytest.mark.parametrize("name", FORMULAS)
def test_derivatives_are_numbers_in_float32(name):
    formula, function, at = FORMULAS[name]
    f = g.compile(g.grad(formula, x), [x], dtype="float32")
    for point in at:
        correct = truth(function, float(np.float32(point)), 1)
        moved = abs(point * truth(function, float(np.float32(point)), 2)) * 2.0**-23
        assert abs(f(point) - correct) <= 16 * (np.spacing(np.float32(abs(correct))) + moved), point


def softmax_losses():
    Z, Y, i = (
        g.symbol("Z", shape=("n", 3)),
        g.symbol("Y", shape=("n", 3)),
        g.symbol("i", shape="n", dtype="int64"),
    )
    E = g.exp(Z)
    S = g.exp(Z - g.max(Z, axis=1, keepdims=True))
    shares = {
        "softmax": g.softmax(Z, axis=1),
        "by hand": E / g.sum(E, axis=1, keepdims=True),
        "shifted": S / g.sum(S, axis=1, keepdims=True),
    }
    for name, P in shares.items():
        yield name, -g.mean(g.sum(Y * g.log(P), axis=1)), Z, Y, i
        yield f"{name}, by label", -g.mean(g.log(g.take_along_axis(P, g.expand_dims(i, 1), axis=1))), Z, Y, i
        yield f"{name}, transposed", -g.mean(g.sum(Y.T * g.log(P.T), axis=0)), Z, Y, i
    yield "logsumexp", g.mean(g.log(g.sum(E, axis=1)) - g.sum(Y * Z, axis=1)), Z, Y, i


LOSSES = {name: rest for name, *rest in softmax_losses()}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", LOSSES)
def test_cross_entropy_of_a_softmax_written_out(name, dtype):
    loss, Z, Y, i = LOSSES[name]
    f = g.compile(g.grad(loss, Z), [Z, Y, i], dtype=dtype)
    logits = np.array(
        [[1000.0, 0.0, -1000.0], [90.0, 0.0, -90.0], [1.0, 2.0, 3.0], [4000.0, 4000.0, 1.0]], dtype=dtype
    )
    labels = np.array([1, 2, 0, 2])
    one_hot = np.eye(3, dtype=dtype)[labels]
    info, exact = np.finfo(dtype), logits.astype(np.longdouble)
    shifted = np.exp(exact - exact.max(axis=1, keepdims=True))
    correct = (shifted / shifted.sum(axis=1, keepdims=True) - one_hot) / 4
    np.testing.assert_allclose(f(logits, one_hot, labels), correct.astype(dtype), rtol=8 * info.eps, atol=0)


def test_binary_cross_entropy_of_a_sigmoid():
    p = g.sigmoid(x)
    f = g.compile(g.grad(-(y * g.log(p) + (1 - y) * g.log(1 - p)), x), [x, y])
    for at in (800.0, -800.0, 90.0, -90.0, 1.5):
        for label in (0.0, 1.0):
            with mpmath.workdps(50):
                # σ(x) − y, of which 1 − σ(x) = σ(−x) is the exact form
                correct = float(sigmoid(mpf(at)) - label if label == 0 else -sigmoid(mpf(-at)))
            assert abs(f(at, label) - correct) <= 4 * np.spacing(abs(correct)), (at, label)


def test_entropy_and_log_sum_exp_of_large_numbers():
    f = g.compile([g.grad(g.log(g.sum(g.exp(X))), X), g.hessian(g.log(g.sum(g.exp(X))), X)], [X])
    gradient, hessian = f(np.array([4000.0, 0.0, 4000.0]))
    assert gradient.tolist() == [0.5, 0.0, 0.5]
    assert hessian.tolist() == [[0.25, 0.0, -0.25], [0.0, 0.0, 0.0], [-0.25, 0.0, 0.25]]
    p = g.softmax(X)
    entropy = g.compile(g.grad(-g.sum(p * g.log_softmax(X)), X), [X])
    assert np.isfinite(entropy(np.array([1000.0, 0.0, -1000.0]))).all()


SMOOTH = [
    abs(x) ** 2, abs(x) * abs(x), g.square(abs(x)), g.hypot(x, y) ** 2, g.sqrt(x * x) ** 2, g.relu(x) ** 2 + g.relu(-x) ** 2,
    g.sqrt(x * x + y * y) ** 2, g.maximum(x, 0) ** 2 + g.minimum(x, 0) ** 2, 0.5 * g.hypot(x, y) * g.hypot(x, y) * 2,
    (x * x + y * y) ** 0.5 * (x * x + y * y) ** 0.5, g.sqrt(g.abs(x) ** 4) ** 1.0 * 1.0, g.sign(x) * abs(x) * x,
    2 * (1 - g.cos(abs(x))), 2 * g.cosh(abs(x)), 2 * g.sqrt(1 + abs(x) ** 2), -2 * g.exp(-g.hypot(x, y) ** 2 / 2),
]  # fmt: skip


@pytest.mark.parametrize("formula", [f for f in SMOOTH if "** 1.0" not in str(f)], ids=str)
def test_smooth_functions_through_a_kink(formula):
    """Each has the second derivative 2 at 0, and none of them its formula's 0 by convention; but |x|⁴, which has 0."""
    first = g.grad(formula, x)
    second = g.compile([first, g.grad(first, x), g.jvp(first, x, 1.0)], [x, y])(0.0, 0.0)
    expected = 0.0 if "4" in str(formula) else 2.0
    assert second == [0.0, expected, expected]


VECTORS = [
    g.norm(X) ** 2,
    g.norm(X) * g.norm(X),
    g.sum(abs(X) ** 2),
    2 * g.sqrt(1 + g.norm(X) ** 2),
    -2 * g.exp(-(g.norm(X) ** 2) / 2),
]


@pytest.mark.parametrize("formula", VECTORS, ids=str)
def test_smooth_functions_of_a_norm(formula):
    hessian, product = g.compile([g.hessian(formula, X), g.hvp(formula, X, np.arange(3.0))], [X])(np.zeros(3))
    assert hessian.tolist() == (2 * np.eye(3)).tolist() and product.tolist() == [0.0, 2.0, 4.0]


def test_the_hessian_of_least_squares_at_the_exact_fit():
    A, q, b = g.symbol("A", shape=(4, 3)), g.symbol("q", shape=3), g.symbol("b", shape=4)
    rng = np.random.default_rng(0)
    a = rng.integers(-3, 4, size=(4, 3)).astype(float)
    at = np.array([1.0, -2.0, 3.0])
    hessian = g.compile(g.hessian(0.5 * g.norm(A @ q - b) ** 2, q), [A, q, b])(a, at, a @ at)
    assert hessian.tolist() == (a.T @ a).tolist()


def test_kinks_that_are_kinks_stay():
    f = g.compile([g.grad(abs(x), x), g.grad(g.grad(abs(x) ** 3, x), x), g.grad(g.hypot(x, y), x)], [x, y])
    assert f(0.0, 0.0) == [0.0, 0.0, 0.0] and f(-2.0, 0.0) == [-1.0, 12.0, -1.0]


# --- what a derivative remembers ---------------------------------------------------------------------------------------


def test_derivatives_are_written_as_they_are_and_rewritten_when_compiled():
    derivative = g.grad(g.log(g.cosh(x)), x)
    assert str(derivative) == "1/cosh(x)*sinh(x)"
    assert math.isnan(g.compile(derivative, [x], rewrite=None)(800.0))
    kinked = g.grad(abs(x) ** 2, x)
    assert str(kinked) == "2*abs(x)*sign(x)" and str(g.stabilize(kinked)) == "2*x"
    assert [step.rule for step in g.rewrites(kinked)] == ["even-power-of-root", "stable-derivative"]
    assert str(g.stabilize(kinked, without="stable-derivative")) == "2*abs(x)*sign(x)"


@pytest.mark.parametrize(
    "make",
    [
        lambda d: (d, {}),
        lambda d: (g.substitute(d, {x: 2 * y}), {}),
        lambda d: (3 * d - 2 * d, {}),
        lambda d: (d, {"dtype": "float32"}),
        lambda d: (g.substitute(d, {x: y}), {"dtype": "float32"}),
        lambda d: ([d, g.log(g.sigmoid(x))], {}),
    ],
    ids=["itself", "replaced", "inside", "in float32", "replaced in float32", "beside another"],
)
def test_what_is_made_of_a_derivative(make):
    p = g.sigmoid(x)
    formula, options = make(g.grad(g.log(p / (1 - p)), x))
    f = g.compile(formula, **options)
    value = f(90.0 if options else 400.0)
    assert (value[0] if isinstance(value, list) else value) == 1.0


def test_with_backward_and_every_verb_of_derivatives():
    p = g.sigmoid(x)
    loss = g.log(p / (1 - p))
    assert g.compile(g.Graph(loss).with_backward())(800.0)[1] == [1.0]
    assert g.compile(g.value_and_grad(loss, x), [x])(800.0) == (800.0, 1.0)
    assert g.compile(g.jvp(loss, x, 2.0), [x])(800.0) == 2.0
    assert g.compile(g.vjp(loss, x, y), [x, y])(800.0, 3.0) == 3.0
    rows = g.sum(g.log(g.softmax(X)))
    at = np.array([1000.0, 0.0, -1000.0])
    for jacobian in (g.jacobian(g.log(g.softmax(X)), X), g.hessian(rows, X)):
        assert np.isfinite(g.compile(jacobian, [X])(at)).all()
    assert np.isfinite(g.compile(g.hvp(rows, X, np.ones(3)), [X])(at)).all()


def test_by_other_nodes_than_symbols():
    """A node that is differentiated by is cut off from what it is made of; x beside it goes through it."""
    h = 2 * g.exp(x)
    loss = g.log(g.cosh(h)) + x
    by_h, by_x = g.grad(loss, [h, x])
    f = g.compile([g.grad(loss, h), by_h, by_x, g.jvp(loss, [x, h], [2.0, 3.0])], [x])
    size = 2 * math.exp(10.0)
    for value, correct in zip(f(10.0), (1.0, 1.0, size + 1, 5.0), strict=True):
        assert math.isclose(value, correct, rel_tol=1e-15)


def test_nothing_refers_to_itself():
    """The derivative of a formula that holds it already remembers nothing: it was there before."""
    v = g.symbol("v of its own")
    cosine = g.cos(v)
    assert g.grad(g.sin(v) + cosine * x, x) is cosine and derivation(cosine) is None
    first = g.grad(g.sin(v), v)  # cos(v): there is one node for both
    second = g.grad(g.grad(-g.cos(v), v), v)
    assert g.compile([first, second], [v])(0.0) == [1.0, 1.0]


def test_the_nodes_of_derivatives_are_freed():
    from graphc.ir.expr import live_nodes

    before = live_nodes()
    z = g.symbol("z of its own")
    for _ in range(3):
        made = g.grad(g.grad(g.log(g.cosh(z * 3)), z), z)
        g.stabilize(made)
    del z, made
    assert live_nodes() <= before + 2  # constants that others use may have come


def test_a_long_chain_of_steps_needs_no_deep_recursion():
    """Steps of gradient descent written out, each from the derivative at the last."""
    slope = g.grad(g.log(g.cosh(x)), x)
    at = y
    for _ in range(400):
        at = at - 0.5 * g.substitute(slope, {x: at})
    f, value = g.compile(at, [y], tier="native"), 3.0
    for _ in range(400):
        value -= 0.5 * math.tanh(value)
    assert math.isclose(f(3.0), value, rel_tol=1e-10, abs_tol=1e-300)


# --- every operation with a kink ------------------------------------------------------------------------------------------


def kinked():
    for op in all_ops():
        if not op.user_defined and op.arity == 1:
            for kink in op.kinks:
                yield pytest.param(op, kink.at[0], id=f"{op.name} at {kink.at[0]:g}")


def one_sided(function, at, side):
    """The second derivative from one side, by differences of 60 digits."""
    step = mpf(10) ** -20 * side
    a, b, c = (function(at + k * step) for k in (1, 2, 3))
    return (a - 2 * b + c) / step**2


SQUARES = {
    "squared": lambda f: f**2,
    "times itself": lambda f: f * f,
    "to the fourth": lambda f: f**4,
    "under a root": lambda f: g.sqrt(1 + f**2),
    "in a bell": lambda f: g.exp(-f * f),
}


@pytest.mark.parametrize("how", SQUARES)
@pytest.mark.parametrize(("op", "at"), list(kinked()))
def test_what_is_smooth_at_a_kink_has_its_second_derivative(op, at, how):
    """Of every operation with a kink: where both sides agree on a second derivative, that is it."""
    formula = SQUARES[how](apply(op, x))
    with mpmath.workdps(80):

        def value(v):
            return g.evaluate(formula, {"x": v}, digits=70)

        try:
            left, right = (one_sided(value, mpf(at), side) for side in (-1, 1))
        except (g.GraphcError, ArithmeticError, TypeError, ValueError):
            pytest.skip("one of both sides has no values")
        infinite = not (
            abs(left) <= 1e9 and abs(right) <= 1e9
        )  # the derivatives grow beyond all bounds beside the point
        if infinite or abs(left - right) > mpf(10) ** -10 * (1 + abs(left)):
            pytest.skip("it is not smooth")
        correct = float(left)
    second = g.compile(g.grad(g.grad(formula, x), x), [x])(at)
    assert math.isclose(second, correct, rel_tol=1e-9, abs_tol=1e-9)


def test_derivatives_of_each_element_of_a_batch():
    rows = g.symbol("rows", shape=("n", 3))

    def per_row(row):
        return g.grad(-g.log(g.softmax(row))[0], row)

    at = np.array([[1000.0, 0.0, -1000.0], [-1000.0, 0.0, 1000.0]])
    expected = [[0.0, 0.0, 0.0], [-1.0, 0.0, 1.0]]
    for batched in (
        g.vmap(per_row)(rows),
        g.vmap(per_row, out_axes=1)(rows).T,
        2 * g.vmap(per_row)(rows) / 2,
    ):
        assert g.compile(batched, [rows])(at).tolist() == expected
    slopes = g.vmap(lambda v: g.grad(g.grad(g.sqrt(1 + abs(v) ** 2), v), v))(g.symbol("line", shape="n"))
    assert g.compile(slopes)(np.array([0.0, 0.0])).tolist() == [1.0, 1.0]
    constants = g.vmap(lambda v: g.grad(g.grad(abs(v) ** 2, v), v))(g.symbol("line", shape="n"))
    assert g.compile(constants)(np.array([-1.0, 2.0])).tolist() == [2.0, 2.0]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("of_root", [1, -1])
@pytest.mark.parametrize("of_b", [1, -1])
def test_roots_of_quadratics_have_derivatives_where_their_branches_meet(of_b, of_root, dtype):
    """At b = 0, where the form that keeps the digits changes from one side to the other."""
    a, b, c = g.symbols("a b c", dtype=dtype)
    root = (of_b * b + of_root * g.sqrt(b * b - 4 * a * c)) / (2 * a)
    first = g.grad(root, b)
    outputs = [root, first, g.grad(root, c), g.grad(root, a), g.grad(first, b), g.grad(first, c)]
    f = g.compile(outputs, [a, b, c], cache=False)
    eps = float(np.finfo(dtype).eps)
    for at in (0.0, -0.0):
        exact = g.evaluate(outputs, {"a": 1.5, "b": at, "c": -3.0}, digits=20)
        for computed, true in zip(f(*np.array([1.5, at, -3.0], dtype).tolist()), exact, strict=True):
            assert abs(computed - float(true)) <= 4 * eps * abs(float(true)) + 4 * eps * (true == 0)

"""`g.lambdify` against `sympy.lambdify`: the same values in the same structures, and what it refuses."""

import pickle

import numpy as np
import pytest
import sympy as S

import graphc as g
from graphc.errors import ArityError, ConversionError, GraphcError, InputError
from tests.benchmarks.lambdify import expressions, mechanics

x, y, t, p, q = S.symbols("x y t p q")
f = S.Function("f")
A = S.MatrixSymbol("A", 2, 2)
M = np.array([[1.0, 2.0], [3.0, 5.0]])

STRUCTURES = [
    (x, x**2, (3.0,)),
    ([x, y], [x, y, 1, x + y], (np.arange(3.0), 2.0)),
    ([x, y], (x, y, x * y), (np.arange(3.0)[:, None], np.arange(4.0))),
    (x, S.Matrix([[x, x**2]]), (np.arange(3.0),)),
    (x, S.Matrix([[x, 1], [2, x]]), (2.0,)),
    (x, [S.Matrix([x]), (x, [S.ImmutableMatrix([[x, 1]])])], (2.0,)),
    ([[x, y]], x + y, ([1, 2],)),
    ([[x, y]], x + y, (np.array([1.0, 2.0]),)),
    ([[x, y]], x * y, (np.arange(6.0).reshape(2, 3),)),
    ([x, [y, [t]]], (x * y, [t]), (1.0, (2.0, [3.0]))),
    (A, A * A, (M,)),
    (A, A[0, 1] + A[1, 1], (M,)),
    (A, A.T + A.I, (M,)),
    ([A, x], x * A, (M, 2.0)),
    ([f(t), f(t).diff(t)], f(t) * f(t).diff(t), (2.0, 3.0)),
    (x, S.Piecewise((x, x > 1), (0, True)), (np.arange(4.0),)),
    (x, S.Array([[[x, 1], [2, x]]]), (2.0,)),
    (x, S.Sum(x**y, (y, 0, 3)), (2.0,)),
    ([p, q], S.And(p, S.Not(q)), (True, False)),
    ([S.Dummy("x"), x], x, (1.0, 2.0)),
    ([x, y], S.Matrix([x, y]), (np.arange(3), np.arange(3))),
    (S.Symbol("l_{1}"), S.Symbol("l_{1}") * 2, (1,)),
    (x, S.Tuple(x, S.Tuple(x, 1)), (1.0,)),
    ("x,y", x + y, (1, 2)),
    (x, S.Subs(y**2, y, x), (3.0,)),
    (x, S.Eq(x, 1), (1.0,)),
    (x, S.Integer(3), (1.0,)),
]


def same(one, two):
    """Nested results of equal kinds and values."""
    if isinstance(two, (list, tuple)):
        assert type(one) is type(two) and len(one) == len(two)
        for a, b in zip(one, two, strict=True):
            same(a, b)
        return
    assert np.shape(one) == np.shape(two)
    np.testing.assert_allclose(np.asarray(one, float), np.asarray(two, float), rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("args, expr, values", STRUCTURES, ids=[str(case[1])[:40] for case in STRUCTURES])
def test_structures(args, expr, values):
    same(g.lambdify(args, expr)(*values), S.lambdify(args, expr)(*values))


_FORMULAS = list(expressions())


@pytest.mark.parametrize("kind, name, args, expr", _FORMULAS, ids=[row[1] for row in _FORMULAS])
@pytest.mark.sample(3)
def test_documented_statistical_and_quantum_formulas(kind, name, args, expr):
    """Numbers and arrays; SymPy's own evaluation to 30 digits is the truth."""
    symbols = args if isinstance(args, list) else [args]
    values = [0.75 + 0.125 * number for number in range(len(symbols))]
    own = g.lambdify(args, expr, cse=True)
    result = own(*values)
    exact = dict(zip(symbols, (S.Rational(v) for v in values), strict=True))

    def flat(tree):
        if isinstance(tree, (S.MatrixBase, np.ndarray)):
            return list(np.ravel(np.array(tree.tolist(), dtype=object)))
        return [item for part in tree for item in flat(part)] if isinstance(tree, (list, tuple)) else [tree]

    truth = [float(S.sympify(e).subs(exact).evalf(30)) for e in flat(expr)]
    scale = max(map(abs, truth))  # entries cancel against each other
    np.testing.assert_allclose(np.array(flat(result), float), truth, rtol=1e-12, atol=4e-15 * scale)
    arrays = own(*(np.full(3, v) for v in values))
    for one, many in zip(
        flat(result), [arrays] if not isinstance(arrays, (list, tuple)) else [], strict=False
    ):
        if np.ndim(many) == 1:
            np.testing.assert_array_max_ulp(np.asarray(many, float), np.full(3, one), 8)


@pytest.mark.parametrize(
    "links", [3, pytest.param(6, marks=pytest.mark.slow), pytest.param(12, marks=pytest.mark.slow)]
)
def test_mechanics(links):
    args, results = mechanics(links)
    values = list(np.random.default_rng(links).uniform(0.5, 1.5, len(args)))
    own, peer = g.lambdify(args, results)(*values), S.lambdify(args, results, cse=True)(*values)
    for a, b in zip(own, peer, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13 * np.abs(b).max())


@pytest.mark.parametrize(
    "values", [(1, 2), (1.0, 2.0), (np.float64(1), -1), (np.float32(1), np.int64(2)), (2**70, 1)]
)
def test_kinds_of_numbers(values):
    assert g.lambdify([x, y], [x - y, x])(*values) == [float(values[0]) - float(values[1]), float(values[0])]


def test_functions_of_python_are_called_with_expressions():
    from sympy.utilities.lambdify import implemented_function

    own = implemented_function("own", lambda v: np.sin(v) + 1)
    assert g.lambdify(x, own(x) * 2)(0.0) == 2.0
    assert g.lambdify(x, S.sin(x), [{"sin": lambda v: v * 3}, "numpy"])(2.0) == 6.0
    with pytest.raises(ConversionError, match="own"):
        g.lambdify(x, own(x), use_imps=False)
    with pytest.raises(ConversionError, match="does not work on expressions"):
        g.lambdify(x, S.sin(x), {"sin": lambda v: v.nothing})


def test_finite_products_and_sums_of_sums():
    k = S.Symbol("k")
    assert g.lambdify(x, S.Product(x + y, (y, 1, 4)))(2.0) == 3 * 4 * 5 * 6
    assert g.lambdify(x, S.Sum(x * y * k, (y, 1, 3), (k, 1, 2)))(2.0) == 2 * 6 * 3


def test_what_a_function_says_of_itself():
    own = g.lambdify([x, y], S.Matrix([[x + y, x * y]]))
    assert "func(x, y)" in own.__doc__ and "x + y" in own.__doc__
    assert "..." in g.lambdify(x, x + 1, docstring_limit=0).__doc__
    assert own(y=1, x=2).tolist() == pickle.loads(pickle.dumps(own))(2.0, 1.0).tolist() == [[3.0, 2.0]]
    assert own.compiled.inputs == ("x", "y")
    first = own(1.0, 2.0)
    own(3.0, 4.0)
    assert first.tolist() == [[3.0, 2.0]] and first.flags.writeable and first.flags.owndata


REFUSED = [
    ({"args": x, "expr": x, "printer": str}, "printer"),
    ({"args": x, "expr": x, "modules": "mpmath"}, "any precision"),
    ({"args": x, "expr": x, "modules": "sympy"}, "symbols"),
    ({"args": x, "expr": x, "modules": ["jax"]}, "JAX"),
    ({"args": x, "expr": x, "modules": 3}, "none that is known"),
    ({"args": x, "expr": "x + 1"}, "nothing here is evaluated"),
    ({"args": x, "expr": {x}}, "no order"),
    ({"args": {x, y}, "expr": x}, "no order"),
    ({"args": [x, x], "expr": x}, "twice"),
    ({"args": x + 1, "expr": x}, "not a symbol"),
    ({"args": x, "expr": S.I * x}, "real numbers"),
    ({"args": x, "expr": []}, "nothing to compute"),
    ({"args": x, "expr": x + y}, "y"),
    ({"args": x, "expr": S.Sum(x, (y, 1, S.oo))}, "no end"),
    ({"args": x, "expr": S.Integral(f(x), x)}, "Integral"),
    ({"args": S.MatrixSymbol("B", p, 2), "expr": x}, "shape"),
    ({"args": x, "expr": {x: x}}, "key"),
    ({"args": x, "expr": x, "docstring_limit": "a"}, "docstring_limit"),
    ({"args": object(), "expr": x}, "no argument"),
]


@pytest.mark.parametrize("call, message", REFUSED, ids=[case[1] for case in REFUSED])
def test_refusals(call, message):
    with pytest.raises(GraphcError, match=message):
        g.lambdify(**call)


@pytest.mark.parametrize(
    "values", [(1.0,), (1.0, 2.0, 3.0), (1.0, [1.0]), (1.0, [1.0, 2.0, 3.0]), (1.0, 2.0)]
)
def test_wrong_numbers_of_arguments(values):
    with pytest.raises((ArityError, InputError)):
        g.lambdify([x, [y, t]], x + y + t)(*values)


def test_quick_code_gives_the_bits_of_optimised_code():
    a, b = g.symbols("a b")
    e = [g.exp(a) * g.sin(b), g.log(a + b) / g.cosh(b), g.where(a > b, a, g.tanh(b)), g.pow(a, b)]
    quick, native = (g.compile(e, [a, b], tier=tier, cache=False) for tier in ("quick", "native"))
    for values in np.random.default_rng(1).uniform(0.1, 4, (50, 2)):
        assert quick(*map(float, values)) == native(*map(float, values))
    grid = np.linspace(0.1, 4, 17)
    for one, other in zip(quick(grid, 0.5), native(grid, 0.5), strict=True):
        np.testing.assert_array_equal(one, other)

"""Matrices, long sums and elements of SymPy: against NumPy, and against SymPy's own numbers."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import graphc as g
from graphc.errors import ConversionError

M, N, v = sp.MatrixSymbol("M", 3, 3), sp.MatrixSymbol("N", 3, 3), sp.MatrixSymbol("v", 3, 1)
x, y = sp.symbols("x y")
i, j, n = sp.symbols("i j n", integer=True)
RNG = np.random.default_rng(0)
AT = {
    "M": RNG.normal(size=(3, 3)),
    "N": RNG.normal(size=(3, 3)),
    "v": RNG.normal(size=(3, 1)),
    "x": 0.7,
    "y": -0.4,
}
m, w, u = AT["M"], AT["N"], AT["v"]

MATRICES = {
    "product": (M * N * v, lambda: m @ w @ u), "sum": (M + 2 * N - sp.Identity(3), lambda: m + 2 * w - np.eye(3)),
    "transpose": (M.T * N + x * M, lambda: m.T @ w + 0.7 * m), "inverse": (M.inverse() * v, lambda: np.linalg.solve(m, u)),
    "power": (M**3 - M**-2, lambda: m @ m @ m - np.linalg.inv(m @ m)), "trace": (sp.Trace(M * N), lambda: np.trace(m @ w)),
    "determinant": (sp.Determinant(M) * x, lambda: np.linalg.det(m) * 0.7),
    "element": (M[0, 1] + M[2, 2], lambda: m[0, 1] + m[2, 2]),
    "quadratic form": ((v.T * M * v)[0, 0], lambda: (u.T @ m @ u)[0, 0]), "hadamard": (sp.HadamardProduct(M, N), lambda: m * w),
    "zero": (M + sp.ZeroMatrix(3, 3), lambda: m), "ones": (sp.OneMatrix(3, 3) * M, lambda: np.ones((3, 3)) @ m),
    "blocks": (sp.BlockMatrix([[M, v], [v.T, sp.ZeroMatrix(1, 1)]]), lambda: np.block([[m, u], [u.T, np.zeros((1, 1))]])),
    "entries": (sp.Matrix([[x, 1], [sp.sin(y), x * y]]), lambda: np.array([[0.7, 1], [np.sin(-0.4), -0.28]])),
    "entries times": (sp.ImmutableMatrix([[x, 1, 0]]) * M, lambda: np.array([[0.7, 1, 0]]) @ m),
}  # fmt: skip


@pytest.mark.parametrize("name", MATRICES)
def test_matrices(name):
    tree, wanted = MATRICES[name]
    found = g.from_sympy(tree)
    used = {each.name: AT[each.name] for each in g.free_symbols(found)}
    np.testing.assert_allclose(g.evaluate(found, used), wanted(), rtol=1e-12, atol=1e-12)


def test_lengths_may_have_names_and_symbols_may_be_given():
    k = sp.Symbol("k")
    A, b = sp.MatrixSymbol("A", k, 3), sp.MatrixSymbol("b", 3, 1)
    found = g.from_sympy(A * b)
    f = g.compile(found)
    np.testing.assert_allclose(f(A=np.ones((5, 3)), b=np.arange(3.0)[:, None]), np.full((5, 1), 3.0))
    own = g.symbol("own", shape=(3, 3), dtype="float32")
    assert g.from_sympy(M + N, dtype="float32").dtype == "float32"
    assert g.free_symbols(g.from_sympy(M[1, 2], symbols={M: own})) == g.free_symbols(own)


SUMS = {
    "short": (sp.Sum(sp.cos(i * x), (i, 0, 5)), {}), "long": (sp.Sum(sp.cos(i * x) / (i + 1), (i, 0, 3000)), {}),
    "to a symbol": (sp.Sum(x**i / i, (i, 1, n)), {"n": 9.0}), "from a symbol": (sp.Sum(i * x, (i, n, n + 4)), {"n": -2.0}),
    "product": (sp.Product(1 + x / i, (i, 1, 400)), {}), "product to a symbol": (sp.Product(1 + x / i**2, (i, 1, n)), {"n": 7.0}),
    "two indices": (sp.Sum(x ** (i + j), (j, 0, 20), (i, 0, 20)), {}),
    "a triangle": (sp.Sum(x**j * y**i, (j, 0, i), (i, 0, 30)), {}),
    "inside": (sp.exp(-sp.Sum(sp.sin(x * i), (i, 1, n)) ** 2), {"n": 4.0}),
}  # fmt: skip


@pytest.mark.parametrize("name", SUMS)
def test_sums_and_products(name):
    tree, more = SUMS[name]
    found = g.from_sympy(tree)
    at = {each.name: {**AT, **more}[each.name] for each in g.free_symbols(found)}
    plain = tree.subs({sp.Symbol(k, integer=True): int(value) for k, value in more.items()})
    terms = (
        plain.doit()
        if name in ("short", "to a symbol", "product to a symbol", "from a symbol", "inside")
        else None
    )
    if terms is None:  # SymPy takes minutes for what a loop adds up
        terms = {
            "long": lambda: sum(np.cos(k * 0.7) / (k + 1) for k in range(3001)),
            "product": lambda: np.prod(1 + 0.7 / np.arange(1, 401)),
            "two indices": lambda: sum(0.7**k for k in range(21)) ** 2,
            "a triangle": lambda: sum(0.7**b * (-0.4) ** a for a in range(31) for b in range(a + 1)),
        }[name]()
    else:
        terms = float(terms.subs({x: AT["x"], y: AT["y"]}))
    assert g.evaluate(found, at) == pytest.approx(terms, rel=1e-11)
    assert g.compile(found)(**at) == pytest.approx(terms, rel=1e-11)


def test_a_long_sum_has_derivatives():
    found = g.from_sympy(sp.Sum(x**i / (i + 1), (i, 0, 500)))
    slope = g.evaluate(g.grad(found, g.symbol("x")), {"x": 0.5})
    assert slope == pytest.approx(sum(k * 0.5 ** (k - 1) / (k + 1) for k in range(1, 501)), rel=1e-12)


def test_no_terms():
    f = g.compile(g.from_sympy([sp.Sum(x, (i, 1, n)), sp.Product(x, (i, 1, n))]))
    assert f(x=3.0, n=0.0) == [0.0, 1.0]


def test_elements_of_arrays():
    a = sp.IndexedBase("a")
    own = g.symbol("own", shape=6)
    found = g.from_sympy(
        sp.Sum(a[i] * x**i, (i, 0, n)), symbols={"a": own, "x": g.symbol("x"), "n": g.symbol("n")}
    )
    values = np.arange(6.0) + 1
    assert g.evaluate(found, {"own": values, "x": 0.5, "n": 5.0}) == pytest.approx(
        np.polyval(values[::-1], 0.5)
    )


REFUSED = {
    "no end": (sp.Sum(1 / i**2, (i, 1, sp.oo)), "no end"), "a half": (sp.Sum(x, (i, sp.Rational(1, 2), n)), "no whole number"),
    "an element": (sp.IndexedBase("a")[0], "nothing says what it stands for"), "a power": (M**n, "its power is n"),
    "a length": (sp.MatrixSymbol("Q", n + 1, 2) * 2, "a length is n"),
    "a function": (sp.FunctionMatrix(2, 2, sp.Lambda((i, j), i)), "no operation"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name):
    tree, said = REFUSED[name]
    with pytest.raises(ConversionError, match=said) as caught:
        g.from_sympy(tree)
    assert caught.value.hint


@pytest.mark.parametrize("name", [sp.Float(2.5), sp.floor(sp.Symbol("t")), sp.S.NegativeOne, sp.S.true])
def test_a_matrix_whose_name_is_no_text_is_refused(name):
    """As `xreplace` and `func(*args)` build it: SymPy's own `name` is an AttributeError then, wherever it stands."""
    X = sp.MatrixSymbol("X", 2, 3)
    nameless = X.xreplace({X.args[0]: name})
    for formula in (
        nameless,
        nameless + nameless,
        sp.Trace(nameless * nameless.T),
        sp.loggamma(nameless[0, 1]),
    ):
        with pytest.raises(g.GraphcError, match="its name is no text"):
            g.from_sympy(formula)

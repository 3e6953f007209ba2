"""Special functions over their whole domains against mpmath, their values at special points against SciPy's, and the mechanism
by which machine code calls SciPy's compiled functions."""

from __future__ import annotations

import math
import os
import subprocess
import sys

import mpmath
import numba
import numpy as np
import pytest
import scipy.special
from scipy import integrate

import graphc as g
from graphc.errors import CompileError, ExpressionError, GradientError, GraphcError, InputError
from graphc.ir.op import NoPartial, all_ops
from tests.benchmarks.special import LIMIT, measure, shown
from tests.benchmarks.special_cases import CASES

DEAR = {
    "jv", "yv", "iv", "kv", "ive", "kve", "j0", "j1", "y0", "y1", "i0", "i1", "i0e", "i1e", "k0", "k1", "k0e", "k1e", "airyai",
    "airyaiprime", "airybi", "airybiprime", "betainc", "betaincc", "expn", "zeta", "gammainc", "gammaincc",
}  # fmt: skip
"""Functions for which mpmath takes milliseconds."""

x = g.symbol("x")


def check(case, points):
    rows = measure(case, points)
    assert any(row.easy.count or row.hard.count for row in rows)
    assert all(row.easy.error <= LIMIT for row in rows), shown(case, rows)
    if case.hard is not None:
        assert all(row.hard.error <= case.hard.most for row in rows), shown(case, rows)


@pytest.mark.sample(4)
@pytest.mark.parametrize("case", [c for c in CASES if c.name not in DEAR], ids=lambda c: c.name)
def test_value_and_two_derivatives(case):
    check(case, 8)


@pytest.mark.sample(8)
@pytest.mark.parametrize("case", [c for c in CASES if c.name in DEAR], ids=lambda c: c.name)
def test_value_and_two_derivatives_of_dear_ones(case):
    check(case, 4)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_many_points(case):
    check(case, 20 if case.name in DEAR else 300)


# --- special values -----------------------------------------------------------------------------------------------------------

ENDS = np.array(
    [
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.5,
        -0.5,
        2.0,
        -2.0,
        math.inf,
        -math.inf,
        math.nan,
        1e300,
        -1e300,
        1e-300,
        -1e-300,
    ]
)
DIFFERS = {
    # where graphc's convention is another, or SciPy's answer no limit: poles, reflections, two infinities
    "zeta": lambda x, q: (x <= 1) | (q <= 0) | ~np.isfinite(x) | ~np.isfinite(q),
    "expn": lambda n, x: (n != np.floor(n)) | (abs(n) > 1e9),
    "lgamma": lambda x: x == -np.inf, "gamma": lambda x: (x <= 0) & (x == np.floor(x)), "digamma": lambda x: x <= 0,
    "poch": lambda z, m: (z <= 0) | (z + m <= 0) | ~np.isfinite(z + m) | (abs(m) > 1e200),
    "binom": lambda n, k: (n < 0) | ~np.isfinite(n) | ~np.isfinite(k) | (k < 0) | (k > n),
    "beta": lambda a, b: ~((a > 0) & (b > 0) & np.isfinite(a + b)), "betaln": lambda a,
    b: ~((a > 0) & (b > 0) & np.isfinite(a + b)),
    "stdtr": lambda df, x: abs(x) > 1e150,  # SciPy's x² overflows
    "kl_div": lambda x, y: np.isinf(x) | np.isinf(y) | ((abs(x) + abs(y) > 1e200) & ((abs(x) < 1) | (abs(y) < 1))),
    "rel_entr": lambda x, y: np.isinf(x) | np.isinf(y),
}  # fmt: skip


@pytest.mark.sample(3)
@pytest.mark.parametrize(
    "op",
    [op for op in all_ops() if op.scipy and op.name not in ("yv", "jv", "lambertw")],
    ids=lambda op: op.name,
)
def test_special_values_are_scipys(op):
    """At zeros, ends, infinities and NaN: NaN, infinities and zeros where SciPy has them, the same numbers elsewhere."""
    ends = ENDS if op.arity < 3 else ENDS[:8]
    grid = [a.ravel() for a in np.meshgrid(*[ends] * op.arity)]
    differs = DIFFERS.get(op.name)
    if differs is not None:
        with np.errstate(all="ignore"):
            kept = ~np.broadcast_to(differs(*grid), grid[0].shape)
        grid = [a[kept] for a in grid]
    symbols = [g.symbol(name) for name in op.params]
    f = g.compile(getattr(g, op.name)(*symbols), symbols)
    with np.errstate(all="ignore"):
        wanted = getattr(scipy.special, op.name if op.scipy[0].startswith("_") else op.scipy[0])(*grid)
    if not grid[0].size:
        return
    found = f(*grid)
    at = list(zip(*grid, found, wanted, strict=True))
    for line in at:
        ours, theirs = line[-2:]
        if math.isnan(theirs) or math.isinf(theirs) or theirs == 0:
            fine = (
                (math.isnan(ours) and math.isnan(theirs))
                or ours == theirs
                or abs(ours) + abs(theirs) < 1e-290
            )
        else:
            fine = abs(ours - theirs) <= 1e-12 * abs(theirs)
        assert fine, f"{op.name}{line[:-2]} is {ours}, SciPy's {theirs}"


# --- names ----------------------------------------------------------------------------------------------------------------------


def test_scipys_ufuncs_build_the_operations():
    s = scipy.special
    assert s.exprel(x) is g.exprel(x) and s.gamma(x) is g.gamma(x) and s.erfcx(x) is g.erfcx(x)
    assert s.ndtr(x) is g.ndtr(x) and s.jv(1.5, x) is g.jv(1.5, x) and s.xlogy(x, 2.0) is g.xlogy(x, 2.0)
    assert s.zeta(2.0, x) is g.zeta(2.0, x) and s.zeta(x) is g.zeta(x, 1.0)
    assert s.lambertw(x, -1) is g.lambertw(x, -1.0) and s.eval_legendre(3, x) is g.eval_legendre(3, x)
    assert (
        s.expit(x) is g.sigmoid(x)
        and s.log_expit(x) is g.log_sigmoid(x)
        and s.gammaln(x) is g.lgamma(x)
        and s.psi(x) is g.digamma(x)
    )
    assert s.airy(x) == g.airy(x) and s.sici(x) == g.sici(x) and s.erf(x) is g.erf(x)


def test_every_operation_of_scipys_name_is_reached_by_it():
    for op in all_ops():
        for name in op.scipy:
            if name.startswith("_") or op.user_defined:
                continue
            symbols = [g.symbol(p) for p in op.params]
            assert getattr(scipy.special, name)(*symbols) is getattr(g, op.name)(*symbols)


@pytest.mark.parametrize(
    ("call", "nearest"),
    [
        (lambda: scipy.special.bdtr(2.0, 5, x), "betainc"), (lambda: scipy.special.hyp2f1(1.0, 2.0, 3.0, x), "gammainc"),
        (lambda: np.linalg.matrix_power(g.symbol("A", shape=(3, 3)), 2), "A @ A"),
        (lambda: np.median(g.symbol("A", shape=3)), "sort"),
        (lambda: np.vstack([g.symbol("A", shape=3)] * 2), "concat"), (lambda: scipy.special.spherical_jn, None),
    ],
)  # fmt: skip
def test_a_refusal_names_the_nearest(call, nearest):
    if nearest is None:
        return
    with pytest.raises(ExpressionError, match="no counterpart") as caught:
        call()
    assert nearest in (caught.value.hint or "")


def test_names_of_letters_stay_symbols_in_text():
    assert g.parse("beta*x + zeta") is g.symbol("beta") * x + g.symbol("zeta")
    assert g.parse("beta(x, 2.0)") is g.beta(x, 2.0)
    assert g.parse("expit(x)") is g.sigmoid(x)


# --- derivatives that there are not ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("op", "slot"),
    [
        (op, slot)
        for op in all_ops()
        if op.partials
        for slot, p in enumerate(op.partials)
        if isinstance(p, NoPartial)
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_a_derivative_that_nobody_can_write_is_refused_with_its_reason(op, slot):
    symbols = [g.symbol(name) for name in op.params]
    for differentiate in (lambda f: g.grad(f, symbols[slot]), lambda f: g.jvp(f, [symbols[slot]], [1.0])):
        with pytest.raises(
            GradientError, match=f"no derivative by .*{op.params[slot]}.* of {op.name}: "
        ) as caught:
            differentiate(g.sin(getattr(g, op.name)(*symbols)))
        assert caught.value.hint and caught.value.site is not None


def test_by_the_other_operands_they_are_differentiated():
    v = g.symbol("v")
    slope = g.grad(g.jv(v, x) * g.sin(v), x)
    f = g.compile(slope, [v, x])
    assert f(1.5, 2.0) == pytest.approx(scipy.special.jvp(1.5, 2.0) * math.sin(1.5), rel=1e-14)


# --- SciPy's compiled functions in machine code --------------------------------------------------------------------------------


def test_compiled_functions_in_every_kind_of_code():
    values = np.linspace(0.2, 9.0, 41)
    wanted = scipy.special.jv(1.5, values) + scipy.special.sici(values)[1]
    formula = g.jv(1.5, x) + g.cosint(x)
    scalar = g.compile(formula, [x])
    np.testing.assert_array_equal([scalar(v) for v in values], wanted)
    np.testing.assert_array_equal(scalar(values), wanted)
    X = g.symbol("X", shape=("n",))
    program = g.compile([g.cumsum(g.jv(1.5, X) + g.cosint(X)), g.sum(g.airyai(X))], [X])
    np.testing.assert_allclose(program(values)[0], np.cumsum(wanted), rtol=1e-13)
    scan = g.compile(g.fori_loop(0, 5, lambda i, s: s + g.gammainc(2.0, s), x), [x])
    total = 1.0
    for _ in range(5):
        total += scipy.special.gammainc(2.0, total)
    assert scan(1.0) == pytest.approx(total, rel=1e-15)

    @numba.njit
    def inside(t):
        return scalar(t) * 2

    assert inside(3.0) == 2 * scalar(3.0)
    f32 = g.compile(g.jv(1.5, g.symbol("s", dtype="float32")))
    assert f32(np.float32(2.0)) == np.float32(scipy.special.jv(1.5, 2.0))
    assert integrate.quad(scalar, 1.0, 2.0)[0] == pytest.approx(
        integrate.quad(lambda t: scipy.special.jv(1.5, t) + scipy.special.sici(t)[1], 1.0, 2.0)[0], rel=1e-12
    )


@pytest.mark.slow
def test_addresses_are_bound_anew_in_another_process(tmp_path):
    """The object code on disk names SciPy's functions; a second process finds it and gets the same number."""
    program = (
        "import graphc as g, os; from graphc.compiler.runtime import graph_cache as known; known.FROM = 0\n"
        "x = g.symbol('x'); f = g.compile(g.kv(0.5, x) + g.sinint(x), [x])\n"
        "print(repr(f(1.5)), 'find' in f._tiers.native.code.seconds)"
    )
    environment = {**os.environ, "GRAPHC_CACHE_DIR": str(tmp_path / "cache")}
    first, second = (
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
        ).stdout.split()
        for _ in range(2)
    )
    assert first[0] == second[0] and (first[1], second[1]) == ("False", "True")


@pytest.mark.parametrize("suffix", [".py", ".c", ".o"])
def test_files_refuse_scipys_functions_by_name(tmp_path, suffix):
    with pytest.raises(CompileError, match=r"kv (has no form in|is SciPy's)"):
        g.compile(g.kv(0.5, x) + 1, [x]).export(tmp_path / f"f{suffix}")


def test_own_code_is_exported(tmp_path):
    g.compile([g.ndtri(x), g.ellipk(x), g.lambertw(x)], [x]).export(tmp_path / "f.c")
    assert "scipy" not in (tmp_path / "f.c").read_text()


# --- given degrees --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("degree", [0, 1, 2, 5, 20])
def test_polynomials_of_given_degree(degree):
    points = np.linspace(-1, 1, 11)
    for ours, theirs in (
        (g.eval_legendre, scipy.special.eval_legendre),
        (g.eval_hermite, scipy.special.eval_hermite),
    ):
        f = g.compile(ours(degree, x), [x])
        np.testing.assert_allclose(
            f(points), theirs(degree, points), rtol=1e-13, atol=1e-13 * abs(theirs(degree, 1.0))
        )


@pytest.mark.parametrize("wrong", [-1, 1.5, True, "3", 10**6, None])
def test_degrees_that_are_none(wrong):
    for function in (
        lambda n: g.eval_legendre(n, x),
        lambda n: g.eval_hermite(n, x),
        lambda n: g.multigammaln(x, n),
    ):
        with pytest.raises((InputError, GraphcError)):
            function(wrong)


def test_digits_of_special_functions():
    """`g.evaluate(digits=…)` goes through mpmath's functions."""
    for function, at, exact in (
        (g.airyai, 1.5, mpmath.airyai), (g.expi, 1.5, mpmath.ei), (g.ellipk, 0.25, mpmath.ellipk), (g.sinint, 2.0, mpmath.si),
    ):  # fmt: skip
        with mpmath.workdps(40):
            found = mpmath.mpf(str(g.evaluate(function(x), {"x": at}, digits=30)))
            assert abs(found - exact(mpmath.mpf(at))) < mpmath.mpf(10) ** -28

"""Every operation of the registry, held against its own formula at 50 digits, NumPy's ufuncs, and its declared facts.

Parametrised over the registry: an operation is tested from the moment it is declared.
"""

from __future__ import annotations

import inspect
import math
import random
import zlib
from itertools import product

import mpmath
import numpy as np
import pytest
from mpmath import mp, mpf

import graphc as g
from graphc.errors import ArityError, DtypeError, GraphcError
from graphc.ir.expr import apply
from graphc.ir.op import Op, all_ops, lookup
from graphc.ir.types import DTYPES
from tests.oracle import as_exact, dear, declared, exact, few, refused, ulp, ulp_error

OPS = {op.name: op for op in all_ops() if not op.user_defined}
FLOATS = [np.dtype(np.float64), np.dtype(np.float32)]
TINY, LEAST, HUGE = 2.2250738585072014e-308, 5e-324, 1.7976931348623157e308
SPECIALS = [
    0.0, -0.0, math.inf, -math.inf, math.nan, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0, 1 / 3, TINY, -TINY, LEAST, -LEAST,
    3 * LEAST, HUGE, -HUGE, 1e-8, -1e-8, 709.0, 711.0, -745.2, -750.0, 1e16, -1e16, 2.5, -2.5,
    math.nextafter(1, 0), math.nextafter(1, 2),
]  # fmt: skip


def each(condition=lambda op: True, of_formulas=False):
    chosen = [op for op in OPS.values() if condition(op)]
    return pytest.mark.parametrize(
        "op", dear(chosen) if of_formulas else chosen, ids=[op.name for op in chosen]
    )


def rng_of(op: Op) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(op.name.encode()))


def sample(op: Op, rng: np.random.Generator, dtype=np.float64) -> tuple:
    """A point of the operation's domain, as NumPy scalars of the types that it computes in."""
    wanted = signature(op, dtype)[0]
    return tuple(
        t.type(rng.integers(math.ceil(low), math.floor(high) + 1))
        if t.kind in "biu"
        else t.type(rng.uniform(low, high))
        for t, (low, high) in zip(wanted, op.domain, strict=True)
    )


def signature(op: Op, dtype):
    first = {"where": np.dtype(bool), "polygamma": np.dtype(np.int64)}.get(op.name, np.dtype(dtype))
    return op.types((first, *[np.dtype(dtype)] * (op.arity - 1)))


def compute(op: Op, *values):
    """The interpreter's value of a graph of this one operation."""
    symbols = [g.symbol(f"s{i}", dtype=v.dtype) for i, v in enumerate(values)]
    node = symbols[0].astype(values[0].dtype) if op.name == "astype" else build(op, *symbols)
    return np.asarray(g.evaluate(node, {f"s{i}": v for i, v in enumerate(values)}), dtype=node.dtype)[()]


def build(op: Op, *operands):
    return apply(op, *operands)


def same_bits(a, b) -> bool:
    a, b = np.float64(a), np.float64(b)
    return bool(np.isnan(a) and np.isnan(b)) or a.tobytes() == b.tobytes()


def smooth(op: Op, values) -> bool:
    return op.smooth_at is None or bool(op.smooth_at(*values))


def anywhere(rng: np.random.Generator, count: int) -> list[float]:
    """The special values, and floats of random bits: every binade is as likely as another."""
    return SPECIALS + list(rng.integers(0, 2**64, count, dtype=np.uint64).view(np.float64))


# --- the declaration ---------------------------------------------------------------------------------------------------


@each()
def test_declaration_is_complete(op):
    assert op.name.isidentifier() and op.summary.endswith((".", ";")) and op.label
    assert op.arity == len(op.params) == len(set(op.params))
    assert op.formula is not None or op.name in ("isnan", "isinf", "isfinite") or not op.domain
    assert not op.domain or len(op.domain) == op.arity
    assert op.partials is None or len(op.partials) == op.arity
    assert op.live is None or len(op.live) == op.arity
    assert len(op.defaults) < max(op.arity, 1)
    assert all(len(at) == op.arity for at, _ in op.specials)
    assert all(len(k.at) == len(k.partials) == op.arity and k.why for k in op.kinks)
    assert op.facts.inverse is None or lookup(op.facts.inverse).arity == 1
    assert op.facts.range[0] <= op.facts.range[1]
    assert op.emit is not None or op.expand is not None


@each()
def test_public_function(op):
    function = getattr(g, op.name)
    assert function.op is op
    assert function.__doc__.splitlines()[0] == op.summary or op.name in ("where", "astype", "polygamma")
    assert "Raises" in function.__doc__
    if op.name in ("where", "astype", "polygamma"):
        return
    parameters = inspect.signature(function).parameters
    assert tuple(parameters) == op.params
    given = tuple(p.default for p in parameters.values() if p.default is not inspect.Parameter.empty)
    assert given == op.defaults
    symbols = [g.symbol(name, dtype="bool" if op.category == "logic" else "float64") for name in op.params]
    node = function(*symbols)
    assert node is function(**dict(zip(op.params, symbols, strict=True)))
    assert node.op is op and node.operands == tuple(symbols)
    for wrong in (symbols * 2, symbols[: op.arity - len(op.defaults) - 1]):
        with pytest.raises(ArityError, match=op.name) as caught:
            function(*wrong)
        assert caught.value.site is not None and caught.value.site.filename == __file__
        assert f"g.{op.name}(" in str(caught.value)
    with pytest.raises(ArityError, match="nonsense"):
        function(*symbols, nonsense=1)


@each()
def test_default_operands_are_appended(op):
    if op.defaults:
        required = [g.symbol(name) for name in op.params[: -len(op.defaults)]]
        assert getattr(g, op.name)(*required) is getattr(g, op.name)(*required, *op.defaults)


@each()
def test_printed_forms(op):
    types = signature(op, bool if op.category == "logic" else np.float64)[0]
    symbols = [
        g.symbol(name, dtype=dtype) for name, dtype in zip(("p", "q", "r", "s", "t"), types, strict=False)
    ]
    node = symbols[0].astype("float32") if op.name == "astype" else build(op, *symbols)
    text, latex = str(node), node._repr_latex_()
    for symbol in symbols:
        assert symbol.name in text and symbol.name in latex
    for brackets in ("()", "{}", "[]"):
        assert text.count(brackets[0]) == text.count(brackets[1])
    assert latex.count("{") == latex.count("}")
    assert latex.count(r"\left") == latex.count(r"\right")
    assert "<" not in latex.replace("<", "", 1) if op.name == "less" else "<0>" not in latex + text
    # brackets inside brackets of every operand keep the printed forms of different nodes apart
    if op.category not in ("logic",) and op.name not in ("where", "polygamma"):
        inner = [s + 1 for s in symbols]
        assert str(build(op, *inner) if op.name != "astype" else inner[0].astype("float32")) != text


# --- values against the formula -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@each(lambda op: op.domain and op.formula is not None and op.name != "astype", of_formulas=True)
def test_reference_against_the_formula(op, dtype):
    rng, bound = rng_of(op), declared(op, dtype)
    worst, where = 0.0, None
    for _ in range(few(op, 150)):
        values = sample(op, rng, dtype)
        if not smooth(op, values):
            continue
        with mp.workprec(200):
            truth = exact(op, *[as_exact(value) for value in values])
        computed = compute(op, *values)
        if isinstance(truth, bool):
            assert bool(computed) is truth, values
            continue
        error = ulp_error(computed, truth, dtype)
        if error > worst:
            worst, where = error, values
    assert worst <= bound, f"{op.name}{where} errs by {worst:.3g} ULP, more than {bound:g}"


@each(lambda op: op.category == "logic")
def test_logic_against_the_formula(op):
    for values in product((False, True), repeat=op.arity):
        assert bool(compute(op, *map(np.bool_, values))) is exact(op, *values)


@each(lambda op: len(op.specials) > 0)
def test_special_values(op):
    for at, value in op.specials:
        assert same_bits(compute(op, *map(np.float64, at)), value), (at, value)


@each(lambda op: len(op.ufuncs) > 0 and op.category != "logic")
def test_special_values_are_those_of_the_ufunc(op):
    ufunc = op.ufuncs[0]
    for dtype in FLOATS:
        with np.errstate(all="ignore"):
            table = np.unique(np.array(SPECIALS).astype(dtype).view(f"u{dtype.itemsize}")).view(dtype)
        table = table if op.arity < 3 else table[::3]
        grid = [a.ravel() for a in np.meshgrid(*[table] * op.arity)]
        symbols = [g.symbol(f"s{i}", dtype=dtype) for i in range(op.arity)]
        with np.errstate(all="ignore"):
            wanted = ufunc(*grid)
        computed = g.evaluate(ufunc(*symbols), {f"s{i}": a for i, a in enumerate(grid)})
        assert computed.dtype == wanted.dtype
        np.testing.assert_array_equal(computed, wanted)
        if wanted.dtype.kind == "f":
            number = ~np.isnan(wanted)
            if op.name in ("maximum", "minimum", "clip"):  # of zeros of both signs NumPy answers either
                number &= wanted != 0
            np.testing.assert_array_equal(np.signbit(computed[number]), np.signbit(wanted[number]))


MOST_POINTS = 3000
"""Combinations of special values that are tried: of four operands there are 194,000."""


@each(
    lambda op: (
        op.facts.range != (-math.inf, math.inf) or op.name in ("lgamma", "silu", "gelu", "softsign", "elu")
    )
)
@pytest.mark.sample(3)
def test_no_warning_and_no_false_infinity_far_out(op):
    """Far outside the sampled domain: the interpreter neither warns nor answers a value outside the declared range."""
    low, high = op.facts.range
    points = list(product(SPECIALS[:21] if op.arity > 1 else SPECIALS, repeat=op.arity))
    if len(points) > MOST_POINTS:
        points = random.Random(op.name).sample(points, MOST_POINTS)
    for values in points:
        if op.category == "logic" or op.name == "where":
            return
        value = float(compute(op, *map(np.float64, values)))
        assert math.isnan(value) or low <= value <= high, (values, value)


# --- derivatives against the formula ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@each(lambda op: op.partials is not None and op.domain and op.name != "astype", of_formulas=True)
def test_partials_against_the_formula(op, dtype):
    """Every declared partial, at smooth points, against mpmath's numerical derivative of the formula at 50 digits."""
    rng = rng_of(op)
    wanted = signature(op, dtype)[0]
    symbols = [g.symbol(f"s{i}", dtype=t) for i, t in enumerate(wanted)]
    node = build(op, *symbols)
    slots = [slot for slot, t in enumerate(wanted) if t.kind == "f" and not refused(op, slot)]
    graph = g.Graph(g.grad(node, [symbols[slot] for slot in slots]), symbols)
    for _ in range(few(op, 25)):
        values = sample(op, rng, dtype)
        if not smooth(op, values):
            continue
        forward = graph.forward({s.name: v for s, v in zip(symbols, values, strict=True)})
        with mp.workdps(50):
            points = [as_exact(value) for value in values]
            for slot, output in zip(slots, graph.outputs, strict=True):
                truth = slope(op, points, slot)
                # a partial is a few operations, each a few ULPs of itself or, where terms cancel, of the largest term
                error = abs(as_exact(forward[output]) - truth)
                bound = (4 * declared(op, dtype) + 12) * ulp(
                    max(abs(truth), _largest_term(op, points)), dtype
                )
                computed = f"{forward[output]!r}, not {mpmath.nstr(truth, 20)}"
                assert error <= bound, f"∂{op.name}/∂{op.params[slot]} at {values}: {computed}"


def slope(op: Op, points: list, slot: int) -> mpf:
    """∂f/∂operand by mpmath's differences of the formula."""
    return mpmath.diff(
        lambda x: exact(op, *points[:slot], x, *points[slot + 1 :]), points[slot], h=mpf(10) ** -20
    )


def _largest_term(op: Op, points) -> mpf:
    """The largest term of the partial's formula where terms cancel or the argument of exp is rounded; else 0."""
    x = points[0]
    if op.name == "tanh":
        return mpf(1)  # 1 − out²
    if op.name in ("sigmoid", "silu", "gelu"):  # out·(1 − out), σ + x·σ·(1 − σ), Φ + x·φ
        return abs(exact(op, *points)) + (abs(x) + 1) * mpmath.exp(-abs(x)) / 4
    if op.name in ("erf", "erfc"):
        return 2 * x * x * mpmath.exp(-x * x)
    if op.name == "gamma":
        return 2 * exact(op, x)  # Γ·ψ near the root of ψ
    return mpf(0)


@each(lambda op: op.kinks)
def test_kinks_have_their_declared_gradient(op):
    symbols = g.symbols([f"s{i}" for i in range(op.arity)])
    for kink in op.kinks:
        graph = g.Graph(g.grad(build(op, *symbols), list(symbols)), symbols)
        values = graph.forward(dict(zip([s.name for s in symbols], kink.at, strict=True)))
        assert [values[output] for output in graph.outputs] == list(kink.partials), kink


@each(lambda op: op.partials is None)
def test_what_has_no_derivative_hands_none_back(op):
    """Through a boolean nothing flows: the gradient is an exact 0 rather than an error."""
    x, y = g.symbols("x y")
    operands = [x > 0, y > 0][: op.arity] if op.category == "logic" else [x, y][: op.arity]
    condition = build(op, *operands)
    assert g.evaluate(
        g.grad(g.where(condition, 2.0, 3.0) * x, x),
        {"x": 1.5, "y": 2.0} if y in g.free_symbols(condition) else {"x": 1.5},
    ) in (2.0, 3.0)


# --- algebraic facts ---------------------------------------------------------------------------------------------------------


def floats_of(op: Op, count=60) -> list:
    if op.category == "logic":
        return [False, True]
    return anywhere(rng_of(op), count)


def grid(op: Op, values) -> tuple[np.ndarray, np.ndarray]:
    dtype = bool if op.category == "logic" else np.float64
    a = np.array(values, dtype)
    x, y = np.meshgrid(a, a)
    return x.ravel(), y.ravel()


def assert_same_bits(op, a, b, *at):
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    wrong = ~((np.isnan(a) & np.isnan(b)) | (a.view(np.uint64) == b.view(np.uint64)))
    if wrong.any():
        first = int(np.argmax(wrong))
        raise AssertionError(f"{op.name} at {[v[first] for v in at]}: {a[first]!r} is not {b[first]!r}")


def evaluated(op: Op, *arrays):
    dtype = bool if op.category == "logic" else np.float64
    symbols = [g.symbol(f"s{i}", dtype=dtype) for i in range(len(arrays))]
    return g.evaluate(build(op, *symbols), {f"s{i}": a for i, a in enumerate(arrays)})


@each(lambda op: op.facts.commutative)
def test_commutative(op):
    x, y = grid(op, floats_of(op))
    assert_same_bits(op, evaluated(op, x, y), evaluated(op, y, x), x, y)


@each(lambda op: op.facts.identity is not None)
def test_identity(op):
    x = np.array(floats_of(op, 500))
    e = np.full_like(x, op.facts.identity)
    assert_same_bits(op, evaluated(op, x, e), x, x)
    if op.facts.commutative:
        assert_same_bits(op, evaluated(op, e, x), x, x)


@each(lambda op: op.facts.idempotent)
def test_idempotent(op):
    x = np.array(floats_of(op, 500))
    if op.arity == 2:
        assert_same_bits(op, evaluated(op, x, x), x, x)
    else:
        once = evaluated(op, x)
        assert_same_bits(op, evaluated(op, once), once, x)


@each(lambda op: op.facts.involution)
def test_involution(op):
    x = np.array(floats_of(op, 500))
    assert_same_bits(op, evaluated(op, evaluated(op, x)), x, x)


@each(lambda op: op.facts.parity is not None)
def test_parity(op):
    x = np.array(floats_of(op, 500))
    there = evaluated(op, -x)
    here = evaluated(op, x)
    assert_same_bits(op, there, -here if op.facts.parity == "odd" else here, x)


@each(lambda op: op.facts.associative)
def test_associative_over_the_reals(op):
    rng = rng_of(op)
    if op.category == "logic":
        triples = list(product((False, True), repeat=3))
    else:
        triples = [tuple(mpf(v) for v in rng.uniform(-20, 20, 3)) for _ in range(100)]
    for a, b, c in triples:
        with mp.workprec(300):
            left, right = exact(op, exact(op, a, b), c), exact(op, a, exact(op, b, c))
            assert left == right or abs(left - right) < mpf(2) ** -200, (a, b, c)


@each(lambda op: op.facts.inverse is not None)
def test_inverse_over_the_reals(op):
    other, rng = lookup(op.facts.inverse), rng_of(op)
    if op.category == "logic":
        assert all(exact(other, exact(op, v)) is v for v in (False, True))
        return
    for _ in range(100):
        with mp.workprec(400):
            x = mpf(rng.uniform(*op.domain[0]))
            assert abs(exact(other, exact(op, x)) - x) < mpf(2) ** -150 * (1 + abs(x)), x


@each(lambda op: op.facts.monotone != 0)
def test_monotone(op):
    """In floating point the steps may go back by the error of the two values, no further."""
    x = np.array(
        sorted(
            {float(v) for v in floats_of(op, 2000) if not math.isnan(v)}
            | set(np.linspace(*op.domain[0], 2000))
        )
    )
    y = op.facts.monotone * evaluated(op, x)
    y = y[~np.isnan(y)]
    finite = np.where(np.isinf(y), 0, y)
    with np.errstate(over="ignore"):
        spacing = np.spacing(np.abs(finite))
    slack = 0 if op.ulps == 0.5 else 2 * declared(op, np.dtype(np.float64)) * spacing
    with np.errstate(all="ignore"):
        back = y[1:] < y[:-1] - np.broadcast_to(slack, y.shape)[1:]
    assert not back.any()


@each(lambda op: op.facts.range != (-math.inf, math.inf) and op.arity == 1 and op.category != "logic")
def test_range(op):
    low, high = op.facts.range
    y = evaluated(
        op, np.concatenate([np.array(floats_of(op, 5000)), np.linspace(*(op.domain or ((-9, 9),))[0], 5000)])
    )
    y = y[~np.isnan(np.asarray(y, np.float64))]
    assert (y >= low).all() and (y <= high).all()


# --- types -------------------------------------------------------------------------------------------------------------------

HALF = np.dtype(np.float16)


def numpys_dtype(ufunc, dtypes):
    """What NumPy answers, from a call on arrays of ones; None where it refuses."""
    try:
        with np.errstate(all="ignore"):
            result = ufunc(*[np.ones(2, dtype) for dtype in dtypes]).dtype
    except TypeError:
        return None
    return np.dtype(np.float32) if result == HALF else result


def departs(op: Op, dtypes) -> bool:
    """Where graphc's types are its own by declaration."""
    whole = all(dtype.kind != "f" for dtype in dtypes)
    if op.category == "logic":
        return any(
            dtype.kind != "b" for dtype in dtypes
        )  # NumPy asks whether a number is not 0; graphc asks for a comparison
    if op.name == "reciprocal":
        return whole
    if op.name == "pow":
        return whole and any(dtype.kind == "b" for dtype in dtypes)
    if op.category == "comparison" and {dtype.kind for dtype in dtypes} == {"i", "u"}:
        return np.dtype(np.uint64) in dtypes  # no common integer type: NumPy's mixed loops are not graphc's
    return False


@each(lambda op: len(op.ufuncs) > 0)
def test_promotion_is_numpys(op):
    for dtypes in product(DTYPES.values(), repeat=op.arity):
        if op.arity == 3 and len(set(dtypes)) == 3:
            continue
        if departs(op, dtypes):
            continue
        symbols = [g.symbol(f"s{i}", dtype=dtype) for i, dtype in enumerate(dtypes)]
        wanted = numpys_dtype(op.ufuncs[0], dtypes)
        if wanted is None:
            with pytest.raises(DtypeError):
                build(op, *symbols)
            continue
        assert build(op, *symbols).dtype == wanted, dtypes
        for ufunc in op.ufuncs[1:]:
            other = numpys_dtype(ufunc, dtypes)
            try:
                got = ufunc(*symbols).dtype
            except GraphcError:
                continue
            assert got == other, (ufunc, dtypes)


@each(lambda op: op.arity == 2 and len(op.ufuncs) > 0 and op.category != "logic")
def test_python_scalars_are_weak(op):
    for dtype in DTYPES.values():
        x = g.symbol("x", dtype=dtype)
        for scalar in (3, 2.5):
            if departs(op, (dtype, dtype)) or (op.name == "pow" and dtype.kind == "b"):
                continue
            try:
                with np.errstate(all="ignore"):
                    wanted = op.ufuncs[0](np.ones(2, dtype), scalar).dtype
            except TypeError:
                continue
            wanted = np.dtype(np.float32) if wanted == HALF else wanted
            assert build(op, x, scalar).dtype == wanted, (dtype, scalar)
            assert build(op, scalar, x).dtype == wanted, (dtype, scalar)


@each()
def test_interpreter_answers_the_declared_dtype(op):
    rng = rng_of(op)
    for dtype in DTYPES.values():
        first = {"where": np.dtype(bool), "polygamma": np.dtype(np.int64)}.get(op.name, dtype)
        symbols = [g.symbol(f"s{i}", dtype=t) for i, t in enumerate([first] + [dtype] * (op.arity - 1))]
        try:
            node = symbols[0].astype("float32") if op.name == "astype" else build(op, *symbols)
        except DtypeError:
            continue
        values = {s.name: rng.integers(1, 4, 5).astype(s.dtype) for s in symbols}
        result = g.evaluate(node, values)
        assert result.dtype == node.dtype and result.shape == (5,)
        single = g.Graph(node).forward({name: value[0] for name, value in values.items()})
        assert np.asarray(list(single.values())[-1], node.dtype) == result[0] or np.isnan(result[0])


def test_integer_division_and_powers_never_raise():
    i, j = g.symbols("i j", dtype="int64")
    at = {"i": np.array([7, -7, 5, 0]), "j": np.array([0, 2, -1, 0])}
    assert g.evaluate([i // j, i % j, i**j], at)[0].tolist() == [0, -4, -5, 0]
    assert g.evaluate(i % j, at).tolist() == [0, 1, 0, 0]
    assert g.evaluate(i**j, at).tolist() == [1, 49, 0, 1]


def test_ufuncs_of_another_type_are_refused():
    """np.float_power of integers is a float in NumPy: graphc's pow, an integer, must not stand in for it."""
    i = g.symbol("i", dtype="int64")
    x = g.symbol("x")
    assert np.float_power(x, 2.0) is x**2.0 and np.fabs(x) is abs(x)
    for call in (lambda: np.float_power(i, i), lambda: np.fabs(i)):
        with pytest.raises(DtypeError, match="float64"):
            call()

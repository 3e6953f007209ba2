"""What operations declare for the compiler, sampled over the registry at special values: where they are NaN, what bounds their
results, how reductions combine, what they cost, their text in other languages, and whether their routines refuse operands.

The oracles are the references' own values and NumPy's reductions; an operation is tested from the moment it is declared.
"""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest

import graphc as g
from graphc.compiler.lowering.expand_ops import expand_ops
from graphc.compiler.targets.javascript import JavaScriptBuilder, program
from graphc.compiler.targets.javascript_math import HELPERS as JAVASCRIPT
from graphc.compiler.targets.llvm import reducers
from graphc.compiler.targets.llvm.emit import LlvmBuilder, LlvmValue
from graphc.compiler.targets.python import PythonBuilder
from graphc.compiler.targets.python_math import HELPERS as PYTHON
from graphc.errors import CompileError, DtypeError, GraphcError
from graphc.ir.expr import Expr, apply
from graphc.ir.graph import Dag
from graphc.ir.op import Op, all_ops, array_ops, lookup
from graphc.ir.types import DTYPES
from graphc.rewrite.engine.ranges import Ranges
from tests.ops.array_cases import CASES, Case

FLOATS = (np.dtype(np.float64), np.dtype(np.float32))
ELEMENTWISE = [op for op in all_ops() if not op.user_defined and op.name not in ("astype", "polygamma")]
REAL = [op for op in ELEMENTWISE if op.category not in ("logic", "comparison")]
UNARY = [op for op in REAL if op.arity == 1]
REDUCING = [op for op in array_ops() if op.reduces is not None]
ENDS = (-math.inf, -2.0, -1.0, 0.0, 0.5, 1.0, 3.0, math.inf)


def each(ops):
    return pytest.mark.parametrize("op", ops, ids=[op.name for op in ops])


def specials(dtype: np.dtype) -> np.ndarray:
    """Zeros, the least and the largest numbers, infinities, and what lies beside the ends of domains."""
    info = np.finfo(dtype)
    sizes = [
        0.0,
        float(info.smallest_subnormal),
        float(info.tiny),
        1e-3,
        0.25,
        1 / 3,
        0.5,
        1.0,
        1.5,
        2.0,
        2.5,
        3.0,
        20.0,
    ]
    sizes += [88.0, 90.0, 709.0, 711.0, 1e9, float(info.max), math.inf]
    beside = [np.nextafter(dtype.type(1), dtype.type(to)) for to in (0, 2)]
    positive = np.array([*sizes, *beside], dtype)
    return np.concatenate([positive, -positive])


def values_of(op: Op, *operands: np.ndarray) -> np.ndarray:
    """By the reference, in the types that the operation computes in."""
    types = op.types(tuple([x.dtype for x in operands]))[0]
    with np.errstate(all="ignore"):
        return np.asarray(op.reference(*[x.astype(t) for x, t in zip(operands, types, strict=True)]))


def grid_of(op: Op, dtype: np.dtype) -> list[np.ndarray]:
    """Special values for all operands; the first of `where` is its condition."""
    axes = [specials(dtype)[:: 1 if op.arity < 3 else 3]] * op.arity
    grid = [x.ravel() for x in np.meshgrid(*axes)]
    return [grid[0] > 0, *grid[1:]] if op.name == "where" else grid


def cases_of(op: Op) -> list[Case]:
    """Programs over arrays of floats alone that are about an operation."""
    return [case for case in CASES if case.op == op.name and not case.dtypes]


# --- NaN and ranges -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@each([op for op in REAL if op.facts.nan != "anywhere"])
def test_nan_is_where_it_is_declared(op, dtype):
    grid = grid_of(op, dtype)
    nan, declared = np.isnan(values_of(op, *grid)), op.facts.nan
    if declared == "never":
        assert not nan.any(), [x[nan] for x in grid]
    elif declared == "infinite":
        may = np.any([np.isinf(x) for x in grid], axis=0)
        assert nan.any() and not (nan & ~may).any(), [x[nan & ~may] for x in grid]
    else:
        low, high = declared
        (x,) = grid
        assert op.arity == 1 and ((x < low) | (x > high)).any()
        np.testing.assert_array_equal(nan, (x < low) | (x > high))


@each([op for op in REAL if op.arity <= 3])
def test_nan_is_handed_on_or_the_range_does_not_rely_on_it(op):
    """A range of an operation on what may be NaN allows NaN, or the operation makes numbers of it."""
    operands = [
        g.symbol(name, dtype="bool" if op.name == "where" and not slot else "float64")
        for slot, name in enumerate("xyz")
    ]
    node = apply(op, *operands[: op.arity])
    grid = [
        np.where(np.arange(x.size) % 2, x, np.nan) if x.dtype.kind == "f" else x
        for x in grid_of(op, FLOATS[0])
    ]
    assert Ranges()(node).nan or not np.isnan(values_of(op, *grid)).any()


def intervals(op: Op) -> list[tuple[float, float]]:
    if op.arity == 1:
        return list(itertools.combinations(ENDS, 2))
    return [
        (0.0, math.inf),
        (-math.inf, 0.0),
        (1.0, 3.0),
        (-1.0, 1.0),
        (0.0, 1.0),
        (-2.0, -1.0),
        (-math.inf, 3.0),
    ]


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@each([op for op in REAL if op.name != "yv" and op.arity <= 3])  # SciPy takes seconds for it at large orders
def test_ranges_hold_every_value(op, dtype):
    """For operands within declared ranges, the ends among them, the result's range holds what the reference gives."""
    points = specials(dtype)[:: 1 if op.arity < 3 else 3]
    chosen = intervals(op) if op.arity < 3 else intervals(op)[:4]
    # a search for each of a million operands: a tenth of them
    stride = 10 if op.nanoseconds >= 5000 else 1
    for ends in itertools.product(chosen, repeat=op.arity):
        symbols, axes = [], []
        for name, (low, high) in zip("xyz", ends, strict=False):
            inside = points[(points >= low) & (points <= high)]
            axes.append(np.concatenate([inside, np.array([low, high], dtype)]))
            symbols.append(g.symbol(name, dtype=dtype, range=(low, high)))
        grid = [x.ravel()[::stride] for x in np.meshgrid(*axes)]
        if op.name == "where":
            symbols[0], grid[0] = g.symbol("c", dtype="bool"), grid[0] > 0
        range_of = Ranges()(apply(op, *symbols))
        values = values_of(op, *grid).astype(np.float64)
        wrong = np.where(np.isnan(values), not range_of.nan, (values < range_of.lo) | (values > range_of.hi))
        if wrong.any():
            first = int(np.argmax(wrong))
            raise AssertionError(
                f"{op.name} of {ends}: {values[first]} at {[x[first] for x in grid]}, not in {range_of}"
            )


def test_what_declares_nothing_may_be_nan():
    undeclared = g.define_op("twice_of_a_fact", "2*z", domain=(-1, 1))
    assert Ranges()(undeclared(g.symbol("x", range=(0, 1)))).nan
    assert Ranges()(g.silu(g.symbol("x", range=(0, 1)))).nan


@pytest.mark.parametrize("bounds", [None, (0.0, math.inf), (-1.0, 1.0), (2.0, 3.0)], ids=str)
@each([op for op in array_ops() if cases_of(op) and op.category != "linear algebra"])
def test_ranges_of_arrays_hold_every_element(op, bounds):
    """Of each program over arrays on special values within a range."""
    rng = np.random.default_rng(7)
    low, high = bounds or (-math.inf, math.inf)
    points = specials(FLOATS[0])
    points = points[(points >= low) & (points <= high)]
    if bounds is None:
        points = np.append(points, np.nan)
    for case in cases_of(op):
        symbols = [g.symbol(f"s{k}", shape=shape, range=bounds) for k, shape in enumerate(case.known())]
        arrays = {s.name: rng.choice(points, s.shape) for s in symbols}
        node = case.build(*symbols)
        if not isinstance(node, Expr) or node.dtype.kind != "f":
            continue
        try:
            with np.errstate(all="ignore"):
                values = np.asarray(g.evaluate(node, arrays), np.float64)
        except GraphcError:
            continue  # a matrix that has no inverse
        range_of = Ranges()(node)
        holds = np.where(np.isnan(values), range_of.nan, (values >= range_of.lo) & (values <= range_of.hi))
        assert holds.all(), (case.op, values[~holds], range_of)


# --- what a wrong fact would do -----------------------------------------------------------------------------------------------


def written(op: Op, x: Expr) -> list[Expr]:
    u = apply(op, x)
    return [u / u, u - u, g.exp(u) / g.exp(u), u]


def check_against_written(op: Op, symbols: list[Expr], compute) -> None:
    """Quotients and differences of equal terms at the ends of declared ranges: NaN where the operation is."""
    for number, x in enumerate(symbols):
        low, high = x.bounds
        for value in (low, high, -low, -high, (low + high) / 2):
            if not low <= value <= high:
                continue
            at = np.asarray(value, x.dtype)
            plain = [np.asarray(g.evaluate(f, {x.name: at})) for f in written(op, x)]
            results = compute(number, at)
            where = f"{op.name} at {value} in [{low}, {high}]"
            u = plain[3]
            assert not np.isnan(u) or np.isnan(results).all(), where
            if np.isfinite(u) and (
                u != 0 or math.isfinite(value)
            ):  # 0/0 and ∞/∞ at infinity are limits or NaN
                np.testing.assert_array_equal(results[:2], plain[:2], err_msg=where)
                assert results[2] == 1 or np.isnan(plain[2]), (
                    where
                )  # exp(u) may overflow where the quotient does not


RANGES = (
    (0.0, math.inf),
    (-math.inf, 0.0),
    (-math.inf, math.inf),
    (0.0, 1.0),
    (-1.0, 1.0),
    (1.0, math.inf),
    (-2.0, 3.0),
)


@each(UNARY)
@pytest.mark.sample(2)
def test_equal_terms_compiled_are_as_written(op):
    symbols = [g.symbol(f"x{k}", range=ends) for k, ends in enumerate(RANGES)]
    f = g.compile([form for x in symbols for form in written(op, x)[:3]], symbols)
    inside = [1.0 if s.bounds[0] <= 1 <= s.bounds[1] else s.bounds[0] for s in symbols]
    inside = [0.0 if math.isinf(value) else value for value in inside]

    def compute(number, at):
        results = f(*inside[:number], float(at), *inside[number + 1 :])
        return results[3 * number : 3 * number + 3]

    check_against_written(op, symbols, compute)


@each(UNARY)
@pytest.mark.sample(2)
def test_equal_terms_rewritten_in_float32_are_as_written(op):
    symbols = [g.symbol(f"x{k}", dtype="float32", range=ends) for k, ends in enumerate(RANGES)]
    forms = [[g.stabilize(form) for form in written(op, x)[:3]] for x in symbols]
    check_against_written(
        op, symbols, lambda number, at: [np.asarray(g.evaluate(f, {f"x{number}": at})) for f in forms[number]]
    )


def test_softsign_at_infinity_is_nan():
    x = g.symbol("x", range=(0, math.inf))
    f = g.compile(g.exp(g.softsign(x)) / g.exp(g.softsign(x)), [x])
    assert np.isnan(f(math.inf)) and f(3.0) == 1.0
    v = g.symbol("v", shape=("n",), range=(0, math.inf))
    f = g.compile(g.exp(g.softsign(v)) / g.exp(g.softsign(v)), [v])
    np.testing.assert_array_equal(f(np.array([math.inf, 0.0, 2.0])), [np.nan, 1, 1])


# --- reducers -----------------------------------------------------------------------------------------------------------------


def typed(op: Op) -> list[np.dtype]:
    """The types that a reduction computes in, each once."""
    types = {}
    for dtype in DTYPES.values():
        try:
            types[op.types((np.dtype(dtype),))[0][0]] = None
        except DtypeError:
            continue
    return list(types)


def elements(dtype: np.dtype, count: int, plain: bool) -> np.ndarray:
    """Elements of a type: small whole numbers, so that sums are exact, and special values where they are not plain."""
    rng = np.random.default_rng(count)
    if dtype.kind == "b":
        return rng.random(count) < 0.7
    values = rng.integers(0 if dtype.kind == "u" else -3, 4, count).astype(dtype)
    if plain or not count:
        return values
    edges = (
        [-0.0, math.inf, -math.inf, math.nan]
        if dtype.kind == "f"
        else [np.iinfo(dtype).min, np.iinfo(dtype).max]
    )
    values[rng.integers(0, count, 2)] = rng.choice(np.array(edges, dtype), 2)
    return values


def numpy_reduction(op: Op, x: np.ndarray, axis=None):
    """NumPy's own; the reference of what NumPy has not."""
    own = getattr(np, op.name, None)
    with np.errstate(all="ignore"):
        if own is None:
            return op.reference(x, axis, False)
        return own(x, axis=axis, **({"dtype": x.dtype} if op.name in ("sum", "prod") else {}))


def assert_agree(op: Op, result, wanted, terms: int, where: str = "") -> None:
    """To the bit for sums, products and choices of small whole numbers; where a step rounds, by as much as all of them may."""
    if op.reduces.of_places or lookup(op.reduces.combine).ulps <= 0.5 or np.asarray(wanted).dtype.kind != "f":
        np.testing.assert_array_equal(result, wanted, err_msg=where)
        return
    eps = np.finfo(np.asarray(wanted).dtype).eps
    np.testing.assert_allclose(result, wanted, rtol=4 * terms * eps, err_msg=where)


@each(REDUCING)
def test_a_reducer_changes_nothing_by_its_identity_and_combines_as_numpy(op):
    reducer = op.reduces
    for dtype in typed(op):
        identity = np.asarray(reducer.identity(dtype)).astype(dtype)
        assert identity == reducer.identity(dtype)
        if reducer.of_places:
            continue
        combine = lookup(reducer.combine)
        assert combine.emit is not None and combine.arity == 2
        for count in (1, 2, 9):
            x = elements(dtype, count, plain=False)
            for own in (
                values_of(combine, x, np.broadcast_to(identity, x.shape)),
                values_of(combine, np.broadcast_to(identity, x.shape), x),
            ):
                np.testing.assert_array_equal(own, x)
                if dtype.kind == "f":
                    np.testing.assert_array_equal(np.signbit(own)[x == x], np.signbit(x)[x == x])
            total = x[:1]
            for k in range(1, count):
                total = values_of(combine, total, x[k : k + 1])
            assert_agree(op, total[0], numpy_reduction(op, x), count)


@each(REDUCING)
def test_compiled_reductions_are_numpys(op):
    """Every loop: of few elements and many, along rows and across them, of every type, of nothing where that has a value."""
    for dtype in (
        dtype for dtype in typed(op) if dtype.name in ("float64", "float32", "int64", "uint8", "bool")
    ):
        axes = [0, 1] if op.reduces.of_places else [None, 0, 1]
        outputs = []
        x = g.symbol("x", shape=("n", "m"), dtype=dtype)
        outputs = [
            apply(op, x, attrs=(axis if op.reduces.of_places or axis is None else (axis,), False))
            for axis in axes
        ]
        f = g.compile(outputs, [x])
        of_nothing = op.name not in ("max", "min", "argmax", "argmin")
        for shape in ((1, 1), (3, 5), (40, 70), (2, 1500), *([(0, 3), (3, 0)] if of_nothing else [])):
            for plain in (True, False):
                array = elements(dtype, math.prod(shape), plain).reshape(shape)
                if op.name == "prod" and dtype.kind == "f":
                    array = np.where(np.abs(array) > 1, np.copysign(dtype.type(1), array), array)
                for axis, result in zip(axes, f(array), strict=True):
                    assert_agree(
                        op, result, numpy_reduction(op, array, axis), array.size, f"{dtype} {shape} {axis}"
                    )


@each([op for op in array_ops() if op.reducer is not None])
def test_a_reducer_s_machine_code_works_on_vectors_where_it_says_so(op):
    for dtype in typed(op) if op.reduces is not None else FLOATS:
        reducers.combine(LlvmBuilder(inline=True), op.name, LlvmValue("%x", dtype), LlvmValue("%y", dtype))
        if op.reduces is not None:
            text, _ = reducers.definition(op.name, dtype)
            packed = op.reducer.packed and dtype.kind == "f" and not op.reducer.of_places
            assert ("x double>" in text or "x float>" in text) == packed


# --- cost, texts, refusals ----------------------------------------------------------------------------------------------------


def code_of(op: Op) -> str:
    types = op.types(
        tuple(
            np.dtype(bool if op.category == "logic" or (op.name == "where" and not k) else float)
            for k in range(op.arity)
        )
    )[0]
    builder = LlvmBuilder(inline=True)
    op.emit(builder, *[LlvmValue(f"%x{k}", dtype) for k, dtype in enumerate(types)])
    return "\n".join(builder.lines)


@each([op for op in ELEMENTWISE if op.emit is not None])
def test_what_is_more_than_instructions_declares_its_cost(op):
    text = code_of(op)
    costly = (
        "fdiv" in text
        or "frem" in text
        or "sqrt" in text
        or any("call" in line and "@llvm." not in line for line in text.splitlines())
    )
    assert math.isfinite(op.nanoseconds) and op.nanoseconds > 0
    assert (op.nanoseconds > Op.nanoseconds) == costly, text


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@each([op for op in all_ops() if not op.user_defined and not op.library and op.name != "astype"])
def test_every_operation_has_a_form_in_every_language(op, dtype):
    assert set(op.texts) <= {"python", "javascript"}
    for language, own in (("python", PYTHON), ("javascript", JAVASCRIPT)):
        text = op.texts.get(language, "math.exp")
        assert text in own or text.startswith(
            ("math.", "np.", "Math.", "def ", "\ndef ", "function ", "\nfunction ")
        ), text
    types = {"polygamma": "int64", "where": "bool"}
    first = types.get(op.name, "bool" if op.category == "logic" else dtype)
    symbols = [
        g.symbol(f"s{k}", dtype=dtype if k and op.category != "logic" else first) for k in range(op.arity)
    ]
    dag = Dag([apply(op, *symbols)], symbols)
    assert "return (input)" in program(dag)
    for builder in (PythonBuilder, JavaScriptBuilder):
        for node in expand_ops(dag, builder.writes).exprs:
            assert node.op.is_leaf or node.op.emit is not None


@each([op for op in all_ops() if op.library])
def test_what_calls_a_library_is_refused_by_name_in_other_languages(op):
    symbols = [g.symbol(name) for name in op.params]
    dag = Dag([apply(op, *symbols)], symbols)
    name = op.name if op.emit is not None else r"\w+"  # or what it expands to
    with pytest.raises(CompileError, match=f"{name} has no form in JavaScript: graphc calls SciPy's"):
        program(dag)
    if op.emit is None:
        return
    builder = PythonBuilder()
    builder.op = op
    with pytest.raises(CompileError, match=f"{op.name} has no form in Python: graphc calls SciPy's"):
        op.emit(builder, *[LlvmValue(name, FLOATS[0]) for name in op.params])


@each([op for op in array_ops() if not op.refuses])
def test_what_refuses_nothing_takes_special_values(op):
    """Every program of the operation's, compiled, on NaN, infinities, zeros and the ends of the range."""
    rng = np.random.default_rng(3)
    points = np.append(specials(FLOATS[0]), np.nan)
    tried = 0
    for case in (case for case in CASES if case.op == op.name):
        arrays = [
            rng.choice(points, x.shape) if x.dtype.kind == "f" else x
            for x in map(np.asarray, case.point().values())
        ]
        symbols = [g.symbol(f"s{k}", shape=x.shape, dtype=x.dtype) for k, x in enumerate(arrays)]
        f = g.compile(case.build(*symbols), symbols)
        with np.errstate(all="ignore"):
            f(*arrays)
        tried += 1
    assert tried


def test_a_text_may_be_the_definition_of_a_function():
    """It is taken along once, and called by its name."""
    own = dataclasses.replace(
        lookup("cosh"),
        texts={
            "python": "def own_cosh(x):\n    return math.cosh(x)",
            "javascript": "function own_cosh(x) { return Math.cosh(x); }",
        },
    )
    for builder in (PythonBuilder(), JavaScriptBuilder()):
        builder.op = own
        for _ in range(2):
            own.emit(builder, LlvmValue("x", FLOATS[0]))
        assert list(builder.definitions) == ["own_cosh"]
        assert all("own_cosh(x)" in line for line in builder.lines)
        builder.op = dataclasses.replace(own, texts={})
        with pytest.raises(CompileError, match=f"cosh has no form in {builder.title}"):
            own.emit(builder, LlvmValue("x", FLOATS[0]))


def test_without_a_text_an_operation_is_what_it_stands_for():
    silent = dataclasses.replace(lookup("sigmoid"), texts={})
    for builder in (PythonBuilder, JavaScriptBuilder):
        assert builder.writes(lookup("sigmoid")) and not builder.writes(silent)
        assert builder.writes(lookup("add")) and not builder.writes(lookup("relu"))

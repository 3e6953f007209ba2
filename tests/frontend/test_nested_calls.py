"""Functions that stay calls: values, derivatives, machine code, other languages, pictures, and what they refuse."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import graphc as g
from graphc.compiler.targets.llvm.programs.writer import write
from graphc.errors import DefinitionError, ExpressionError, GraphcError, InputError
from graphc.ir.expr import walk
from graphc.ops.function_calls import FUNCTION
from tests.compiler.loops.support import checked, lengths_at, program_of, run_loops
from tests.compiler.targets import c_programs
from tests.frontend.nested_programs import PROGRAMS, NestedProgram

every = pytest.mark.parametrize("name", PROGRAMS)


def close(one, other, tolerance=1e-12):
    one, other = np.asarray(one), np.asarray(other)
    assert one.shape == other.shape
    assert np.abs(one - other).max(initial=0) <= tolerance * max(1.0, np.abs(other).max(initial=0))


def nodes_of(*outputs):
    return [node for node in walk(outputs) if node.op is FUNCTION]


def difference(program: NestedProgram, slot: int) -> float:
    """The slope along (1, 1, …) of an argument, by values of Python's."""
    step, ends = 1e-5, []
    for sign in (1, -1):
        point = list(program.point)
        point[slot] = np.asarray(point[slot]) + sign * step
        ends.append(program.write(lambda f: f, np, *point))
    return (ends[0] - ends[1]) / (2 * step)


@every
def test_values_are_those_of_python(name):
    program = PROGRAMS[name]
    symbols, formula = program.built()
    at = dict(zip(symbols, program.point, strict=True))
    assert nodes_of(formula)
    close(g.evaluate(formula, at), program.in_python())
    close(g.compile(formula, symbols)(*program.point), program.in_python())
    own, plain = program.built(stays=False)
    assert not nodes_of(plain)
    as_written = [
        g.compile(e, s, rewrite=None)(*program.point) for e, s in ((formula, symbols), (plain, own))
    ]
    if name not in ("matrices", "arrays", "much memory"):  # kernels add up in another order
        assert as_written[0] == as_written[1]


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    "name",
    [pytest.param(each, marks=[pytest.mark.slow] * (each == "much memory")) for each in PROGRAMS],
)
def test_derivatives_are_those_of_the_formula_written_out(name):
    program = PROGRAMS[name]
    symbols, formula = program.built()
    own, plain = program.built(stays=False)
    slopes, wanted = g.grad(formula, symbols), g.grad(plain, own)
    compiled = g.compile([formula, *slopes], symbols)(*program.point)
    right = g.evaluate(wanted, dict(zip(own, program.point, strict=True)))
    for slot, (one, other) in enumerate(zip(compiled[1:], right, strict=True)):
        close(one, other)
        assert abs(np.sum(one) - difference(program, slot)) <= 1e-6 * max(1, abs(np.sum(one)))
    ahead = g.compile(g.jvp(formula, symbols, [1.0] * len(symbols)), symbols)(*program.point)
    close(ahead, sum(np.sum(x) for x in right))
    for one, other in zip(slopes, wanted, strict=True):
        for a, b in ((symbols[0], own[0]), (symbols[1], own[1])):
            second = g.grad(g.sum(one) if one.shape else one, a)
            wanted_second = g.grad(g.sum(other) if other.shape else other, b)
            close(
                g.compile(second, symbols)(*program.point),
                g.evaluate(wanted_second, dict(zip(own, program.point, strict=True))),
                1e-10,
            )


@every
def test_the_loop_program_is_read_verified_and_run(name):
    program = PROGRAMS[name]
    symbols, formula = program.built()
    outputs = [formula, *g.grad(formula, symbols)]
    loops = program_of(outputs, symbols)
    assert not checked(loops)
    assert loops.functions and len({f.name for f in loops.functions}) == len(loops.functions)
    point = {x.name: np.asarray(value, float) for x, value in zip(symbols, program.point, strict=True)}
    results = run_loops(loops, point, lengths_at(symbols, point))
    for one, other in zip(results, g.evaluate(outputs, point), strict=True):
        close(one, other)


@pytest.fixture(scope="module")
def in_c(tmp_path_factory):
    if not c_programs.has_sanitizers():
        pytest.skip("no compiler with sanitizers")
    built, programs = {}, {}
    for number, program in enumerate(PROGRAMS.values()):
        symbols, formula = program.built()
        outputs = [formula, *g.grad(formula, symbols)]
        built[program.name] = f"f{number}", symbols, outputs
        programs[f"f{number}"] = program_of(outputs, symbols)
    return c_programs.exported(programs, tmp_path_factory.mktemp("c")), built


@every
def test_c_computes_the_same(name, in_c):
    exported, built = in_c
    own, symbols, outputs = built[name]
    point = {x.name: np.asarray(v, float) for x, v in zip(symbols, PROGRAMS[name].point, strict=True)}
    status, results, _ = exported.call(own, point, lengths_at(symbols, point))
    assert status == 0
    for one, other in zip(results, g.evaluate(outputs, point), strict=True):
        close(one, other)


# --- once ---------------------------------------------------------------------------------------------------------------


def long(count, tag):
    @g.function(inline=False)
    def steps(x, y):
        for k in range(20):
            x, y = g.sin(x) * 0.7 + y * (k / 20), g.tanh(x - y)
        return x, y

    x, y = g.symbols(f"once_x{tag} once_y{tag}")
    p, q = x, y
    for _ in range(count):
        p, q = steps(p, q)
    return [x, y], p + q


def test_a_body_is_differentiated_and_compiled_once_for_a_hundred_calls():
    symbols, formula = long(100, "a")
    slopes = g.grad(formula, symbols)
    assert len(nodes_of(formula)) == 200
    bodies = {node.attrs[1] for node in nodes_of(formula, *slopes)}
    assert len(bodies) <= 4  # the function, and its derivative for the results and arguments that matter
    loops = program_of([formula, *slopes], symbols)
    assert len(loops.functions) == len(bodies)
    native = write(loops)
    assert native.text.count(" noinline {") == len(bodies) and native.text.count("call i64 @f0_steps(") == 100
    assert np.isfinite(g.compile([formula, *slopes], symbols)(0.3, 0.4)).all()


def test_batches_share_one_wide_body():
    @g.function(inline=False)
    def wavy(t, u):
        return g.sin(t) * u

    x = g.symbol("nest_batch", shape=("n",))
    y = g.vmap(lambda t: wavy(t, 2.0) + wavy(t * t, 3.0))(x)
    points = np.array([0.1, 0.5, 0.9])
    close(g.compile(y, [x])(points), np.sin(points) * 2 + np.sin(points**2) * 3)
    assert len({node.attrs[1] for node in nodes_of(y)}) == 1


def test_within_loops_and_branches_and_the_other_way_round():
    @g.function(inline=False)
    def step(s, x):
        return g.tanh(s + x) * 0.5

    @g.function(inline=False)
    def summed(rows, c):
        end, _ = g.scan(lambda s, x: (step(s, x) + c, None), 0.0, rows)
        return g.cond(end > 0.3, lambda t: step(t, t), lambda t: t * 2.0, end)

    rows, c = g.symbol("nest_rows", shape=("n",)), g.symbol("nest_c")
    values = np.array([0.3, 0.2, -0.5])

    def python(values, c):
        s = 0.0
        for x in values:
            s = np.tanh(s + x) * 0.5 + c
        return np.tanh(s + s) * 0.5 if s > 0.3 else s * 2

    f = g.compile([summed(rows, c) + summed(rows * 2.0, c), g.grad(summed(rows, c), c)], [rows, c])
    for at in (0.1, 0.4):
        total, slope = f(values, at)
        close(total, python(values, at) + python(values * 2, at))
        close(slope, (python(values, at + 1e-6) - python(values, at - 1e-6)) / 2e-6, 1e-8)


def test_rewriting_works_inside_and_on_derivatives_there():
    @g.function(inline=False)
    def stable(t):
        return g.log(1 / (1 + g.exp(-t)))

    x = g.symbol("nest_stable")
    f = g.compile([stable(x), g.grad(stable(x), x)], [x])
    close(f(-800.0), [-800.0, 1.0])
    close(f(40.0)[0], -np.exp(-40.0), 1e-16)


# --- as other values are ------------------------------------------------------------------------------------------------


def test_printed_saved_pickled_and_retyped(tmp_path):
    symbols, formula = PROGRAMS["several results"].built()
    a, b = symbols
    assert str(formula).startswith(f"pair(pair({a}, {b})[1], pair({a}, {b})[0])[0]*")
    at = dict(zip([x.name for x in symbols], PROGRAMS["several results"].point, strict=True))
    value = g.evaluate(formula, at)
    g.save(g.Graph(formula), tmp_path / "nested.graphc")
    loaded = g.load(tmp_path / "nested.graphc")
    assert g.evaluate(loaded.exprs[loaded.outputs[0]], at) == value
    assert pickle.loads(pickle.dumps(formula)) is formula
    single = g.compile(formula, symbols, dtype="float32")(*at.values())
    assert abs(single - value) <= 1e-6
    assert abs(float(g.evaluate(formula, at, digits=30)) - value) <= 1e-15


def test_the_picture_has_a_frame_for_each_call_with_values_inside():
    symbols, formula = PROGRAMS["depth three"].built()
    at = dict(zip(symbols, PROGRAMS["depth three"].point, strict=True))
    view = g.draw(formula, at=at, max_nodes=500).view
    blocks = {node.block for node in view.nodes}
    assert ("outer", "middle", "inner") in blocks and ("outer (2)", "middle (2)", "inner") in blocks
    told = str(g.explain(formula, at=at))
    assert "the derivative of the function, called" in told


def test_sympy_gets_the_formula_and_accuracy_its_numbers():
    pytest.importorskip("sympy")
    symbols, formula = PROGRAMS["depth three"].built()
    at = dict(zip([x.name for x in symbols], PROGRAMS["depth three"].point, strict=True))
    written = g.to_sympy(formula)
    found = written.subs({x: at[x.name] for x in written.free_symbols})
    close(float(found), PROGRAMS["depth three"].in_python())
    assert "bits of error" in str(g.accuracy(formula, dict.fromkeys(symbols, (0.1, 1.0))))


def test_sparse_patterns_series_and_the_search_look_inside():
    @g.function(inline=False)
    def local(v):
        return g.sin(v) * v[::-1], g.sum(v)

    v = g.symbol("nest_local", shape=(4,))
    matrix = g.compile(g.jacobian(local(v)[0], v, sparse=True), [v])(np.array([0.1, 0.2, 0.3, 0.4]))
    assert matrix.nnz == 8
    dense = g.compile(g.jacobian(local(v)[0], v), [v])(np.array([0.1, 0.2, 0.3, 0.4]))
    close(matrix.toarray(), dense)

    @g.function(inline=False)
    def slope(y):
        return -y * y

    times = np.array([0.0, 1.0])
    solution = g.odeint(lambda t, y: slope(y), 1.0, times, method="taylor")
    close(np.asarray(g.evaluate(solution, {}))[-1], 0.5, 1e-6)

    @g.function(inline=False)
    def less(t):
        return g.sqrt(t + 1) - g.sqrt(t)

    x = g.symbol("nest_less")
    found = g.improve(less(x) * 2.0, {x: (1e8, 1e12)}, budget=5)
    close(g.evaluate(found.expr, {x: 1e10}), 2 / (np.sqrt(1e10 + 1) + 1e5), 1e-19)


# --- sizes and refusals ---------------------------------------------------------------------------------------------------


def test_by_its_size():
    @g.function(inline="auto")
    def of_degree(x, degree=2):
        total = x
        for _ in range(degree):
            total = g.sin(total)
        return total

    x = g.symbol("nest_auto")
    assert not nodes_of(of_degree(x)) and nodes_of(of_degree(x, degree=400))
    close(g.evaluate(of_degree(x, degree=400), {x: 1.0}), _sines(1.0, 400))


def _sines(x, count):
    for _ in range(count):
        x = np.sin(x)
    return x


def test_recursion_is_refused_and_options_may_end_it():
    @g.function(inline=False)
    def endless(x):
        return endless(x * 2.0) + 1.0

    x = g.symbol("nest_endless")
    with pytest.raises(ExpressionError, match="endless calls itself") as error:
        endless(x)
    assert error.value.site is not None and "g.while_loop" in error.value.hint

    @g.function(inline=False)
    def there(x):
        return back(x) + 1.0

    @g.function(inline=False)
    def back(x):
        return there(x * 2.0)

    with pytest.raises(ExpressionError, match="there calls itself"):
        there(x)

    @g.function(inline=False)
    def power(x, n=5):
        return x if n == 0 else x * power(x, n=n - 1)

    close(g.compile(power(x), [x])(1.5), 1.5**6)


def test_other_types_and_shapes_are_other_bodies():
    @g.function(inline=False)
    def halves(t):
        return t / 2

    x, v = g.symbol("nest_number"), g.symbol("nest_vector", shape=(3,))
    n = g.symbol("nest_whole", dtype="int64")
    found = g.evaluate([halves(x), halves(v), halves(n)], {x: 3.0, v: np.arange(3.0), n: 5})
    close(found[0], 1.5), close(found[1], np.arange(3.0) / 2), close(found[2], 2.5)


def test_an_error_inside_names_the_line_and_the_function():
    @g.function(inline=False)
    def taken(v, k):
        return v[k] * 2.0  # the line

    v, k = g.symbol("nest_v", shape=("n",)), g.symbol("nest_k", dtype="int64")
    line = taken.__wrapped__.__code__.co_firstlineno + 2
    for compute in (
        lambda *at: g.evaluate(taken(v, k), dict(zip((v, k), at, strict=True))),
        g.compile(taken(v, k), [v, k]),
    ):
        close(compute(np.arange(3.0), 2), 4.0)
        with pytest.raises(InputError, match="in taken") as error:
            compute(np.arange(3.0), 7)
        assert error.value.site is not None and error.value.site.line == line


@pytest.mark.parametrize("inline", [None, 3, "never", 0.5, [False]])
def test_inline_is_true_false_or_auto(inline):
    with pytest.raises(DefinitionError, match="inline is") as error:
        g.function(inline=inline)(lambda x: x)
    assert isinstance(error.value, GraphcError) and "auto" in error.value.hint


@pytest.mark.parametrize("kind", ["m.o", "m.so"])
def test_objects_and_libraries_hold_the_functions(kind, tmp_path):
    if not c_programs.has_sanitizers():
        pytest.skip("no compiler")
    symbols, formula = PROGRAMS["much memory"].built()
    g.compile(formula, symbols).export(str(tmp_path / kind))
    assert (tmp_path / kind).stat().st_size > 1000

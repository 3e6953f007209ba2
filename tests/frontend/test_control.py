"""Loops and branches: what they compute, their derivatives, what they refuse. Held against loops of Python's own."""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphc as g
from graphc.errors import ConversionError, DtypeError, ExpressionError, GradientError, GraphcError, ShapeError
from graphc.ir.body import Body
from tests.frontend.loop_programs import PROGRAMS, LoopProgram, unrolled

TOLERANCE = 1e-12


def close(a, b, tolerance=TOLERANCE):
    a, b = np.asarray(a), np.asarray(b)
    assert a.shape == b.shape and a.dtype == b.dtype
    assert np.abs(a - b).max(initial=0) <= tolerance * max(1.0, np.abs(b).max(initial=0))


def both(program: LoopProgram) -> tuple[g.Expr, g.Expr]:
    return program.build(g.scan, *program.symbols), program.build(unrolled, *program.symbols)


@pytest.mark.parametrize("name", PROGRAMS)
def test_values_and_gradients_are_those_of_the_steps_written_out(name):
    program = PROGRAMS[name]
    loop, steps = both(program)
    ours = [loop, *g.grad(loop, program.symbols)]
    right = g.evaluate([steps, *g.grad(steps, program.symbols)], program.point)
    for one, other in zip(g.evaluate(ours, program.point), right, strict=True):
        close(one, other)
    f = g.compile(ours, program.symbols)
    assert "by one function" in repr(f)
    for one, other in zip(f(**program.point), right, strict=True):
        close(one, other)


FEW = ("rnn", "counted", "branching")


@pytest.mark.parametrize("name", FEW)
def test_second_derivatives_and_directions(name):
    hold_second_derivatives(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(PROGRAMS) - set(FEW)))
def test_more_second_derivatives_and_directions(name):
    hold_second_derivatives(name)


def hold_second_derivatives(name):
    program = PROGRAMS[name]
    loop, steps = both(program)
    rng = np.random.default_rng(7)
    x = program.symbols[-1]
    direction = g.constant(rng.normal(size=x.shape)) if x.shape else g.constant(1.5)
    tests = [
        lambda e: g.jvp(e, [x], [direction]),
        lambda e: g.hvp(e, x, direction),
        lambda e: g.grad(g.jvp(e, [x], [direction]), program.symbols[0]),
        lambda e: g.jvp(g.grad(e, program.symbols[0]), [x], [direction]),
    ]
    ours, right = [t(loop) for t in tests], g.evaluate([t(steps) for t in tests], program.point)
    for one, other in zip(g.evaluate(ours, program.point), right, strict=True):
        close(one, other, 1e-11)
    for one, other in zip(g.compile(ours, program.symbols)(**program.point), right, strict=True):
        close(one, other, 1e-11)


BODIES = {
    "two functions": (lambda c, w: g.sin(c) * w + 0.1, ()),
    "one function": (lambda c, w: g.tanh(c * w), ()),
    "no function": (lambda c, w: c * (1.0 - c) * w, ()),
    "a vector": (lambda c, w: g.sin(c[::-1]) * w + 0.1, (4,)),
    "a choice": (lambda c, w: g.where(g.sin(c * c) * w > 0.2, g.exp(-c * w), g.cos(c)), ()),
}
"""What a step carries on, and the shape of that."""


@pytest.mark.parametrize("kind", BODIES)
def test_checkpoints_keep_three_roots_of_the_steps(kind):
    """Of carries, all memory of the function counted: those of the parts, those of one part, and what is made of these."""
    step, shape = BODIES[kind]
    steps, w, start = 10_000, g.symbol("w"), g.symbol("start", shape=shape)
    results, words = [], []
    for how in ("none", "sqrt"):
        end, _ = g.scan(lambda c, _: (step(c, w), None), start, length=steps, checkpoint=how)
        value = g.sum(end)
        f = g.compile([value, *g.grad(value, [w, start])], [w, start], cache=False)
        results.append(f(0.9, np.full(shape, 0.4)))
        words.append(f._native.frame({})[1].nbytes / 8 / np.prod(shape, dtype=int))
    for whole, cut in zip(*results, strict=True):
        np.testing.assert_allclose(cut, whole, rtol=1e-12, atol=1e-300)
    assert words[1] <= 3 * steps**0.5 + 16
    assert words[0] >= steps


@pytest.mark.parametrize(
    ("checkpoint", "reverse"), [("sqrt", False), ("sqrt", True), (4, False), (1, True), (100, False)]
)
def test_checkpoints_change_nothing(checkpoint, reverse):
    X, w = g.symbol("X", shape=(11,)), g.symbol("w")

    def loss(**options):
        c, ys = g.scan(lambda c, x: (g.tanh(c * w + x), c * x), w, X, reverse=reverse, **options)
        return c + g.sum(ys**2)

    plain, cut = loss(), loss(checkpoint=checkpoint)
    point = {"X": np.linspace(-1, 1, 11), "w": 0.7}
    for build in (lambda e: e, lambda e: g.grad(e, X), lambda e: g.grad(g.grad(e, w), w)):
        close(g.compile(build(cut))(**point), g.evaluate(build(plain), point))


def test_named_lengths_and_none():
    X, c0 = g.symbol("X", shape=("n",)), g.symbol("c0")
    end, ys = g.scan(lambda c, x: (c * 0.5 + x, c), c0, X)
    f = g.compile([end, ys, g.grad(end, X)], [c0, X])
    for n in (0, 1, 2, 50):
        x = np.linspace(0, 1, n)
        carry, kept = 2.0, []
        for value in x:
            kept.append(carry)
            carry = carry * 0.5 + value
        for result, right in zip(f(2.0, x), (carry, np.array(kept), 0.5 ** np.arange(n)[::-1]), strict=True):
            close(result, right)
        close(g.evaluate(end, {"c0": 2.0, "X": x}), carry)
    assert g.compile(g.scan(lambda c, _: (c + 1, c), c0, length=0)[0])(3.0) == 3.0
    assert g.evaluate(g.fori_loop(3, 3, lambda i, c: c + 1, 1.0), {}) == 1.0


def test_loops_between_whole_numbers():
    n, w = g.symbol("n", dtype="int64"), g.symbol("w")
    power = g.fori_loop(0, n, lambda i, c: c * w, 1.0)
    triangle = g.fori_loop(1, n + 1, lambda i, c: c + i, 0)
    f = g.compile([power, triangle, g.jvp(power, [w], [1.0])], [n, w])
    for k in (0, 1, 5, 30):
        value, sum_, slope = f(k, 1.1)
        assert value == pytest.approx(1.1**k, rel=1e-14) and sum_ == k * (k + 1) // 2
        assert slope == pytest.approx(k * 1.1 ** (k - 1), rel=1e-13)
    factorial = g.fori_loop(1, 11, lambda i, c: c * i, 1)
    assert g.compile(factorial)() == 3628800


def test_newtons_method_and_its_derivatives():
    a = g.symbol("a")
    root = g.while_loop(
        lambda s: g.abs(s * s - a) > 1e-14 * a, lambda s: s - (s * s - a) / (2 * s), a, max_steps=60
    )
    first = g.grad(root, a)
    outputs = [root, first, g.jvp(root, [a], [1.0]), g.grad(first, a)]
    f = g.compile(outputs, [a])
    for value in (1e-3, 0.7, 2.0, 1e4):
        right = (value**0.5, 0.5 * value**-0.5, 0.5 * value**-0.5, -0.25 * value**-1.5)
        for results in (f(value), g.evaluate(outputs, {"a": value})):
            for result, wanted in zip(results, right, strict=True):
                assert result == pytest.approx(wanted, rel=1e-9)


def test_bisection_and_the_number_of_steps():
    target = g.symbol("target")

    def halve(state):
        low, high, steps = state
        middle = (low + high) / 2
        below = middle**3 < target
        return g.where(below, middle, low), g.where(below, high, middle), steps + 1

    low, high, steps = g.while_loop(lambda s: s[1] - s[0] > 1e-12, halve, (0.0, 8.0, 0))
    f = g.compile([low, high, steps], [target])
    a, b, count = f(5.0)
    assert a <= 5 ** (1 / 3) <= b and count == 43
    assert f(5.0) == list(g.evaluate([low, high, steps], {"target": 5.0}))
    limited = g.while_loop(lambda s: s < 100, lambda s: s * 2, 1.0, max_steps=3)
    assert g.compile(limited)() == g.evaluate(limited, {}) == 8.0


def test_one_branch_alone_runs():
    x = g.symbol("x")
    safe = g.cond(x > 0, lambda x: g.log(x), lambda x: -x, x)
    f = g.compile([safe, g.grad(safe, x)], [x])
    assert f(-2.0) == [2.0, -1.0] and f(1.0) == [0.0, 1.0]
    # a loop that never ends, on the side that is not taken
    endless = g.cond(x > 0, lambda x: g.while_loop(lambda s: s > 0, lambda s: s * 1.0, x), lambda x: x, x)
    assert g.compile(endless)(-3.0) == g.evaluate(endless, {"x": -3.0}) == -3.0
    k = g.symbol("k", dtype="int64")
    chosen = g.switch(k, [lambda x: x, lambda x: x**2, lambda x: x**3], x)
    h = g.compile([chosen, g.grad(chosen, x)], [k, x])
    for index, power in ((-5, 1), (0, 1), (1, 2), (2, 3), (9, 3)):
        assert h(index, 2.0) == pytest.approx([2.0**power, power * 2.0 ** (power - 1)])


def test_what_is_the_same_for_all_branches_is_computed_once():
    x = g.symbol("x", shape=(4,))
    shared = g.sum(g.exp(x))
    chosen = g.cond(shared > 1, lambda: shared * 2, lambda: -shared)
    (node,) = [node for node in g.Graph(chosen).exprs if node.op.name == "switch"]
    assert shared in node.operands
    inside = g.cond(x[0] > 1, lambda: g.sum(g.cos(x)), lambda: 0.0)
    (node,) = [node for node in g.Graph(inside).exprs if node.op.name == "switch"]
    assert not any(operand.op.name == "sum" for operand in node.operands)


def test_batches_of_loops_are_loops_of_batches():
    X, w = g.symbol("X", shape=(4,)), g.symbol("w")
    W, Z = g.symbol("W", shape=("m",)), g.symbol("Z", shape=("m", 4))

    def of(w, x):
        c, ys = g.scan(lambda c, a: (g.tanh(c * w + a), c * a), w, x)
        return c + g.sum(ys)

    def steps(w):
        return g.while_loop(lambda s: s < 50, lambda s: s * 2 + 1, w)

    def branch(w):
        return g.cond(w > 0, lambda w: w**2, lambda w: -w, w)

    rng = np.random.default_rng(0)
    points = {"W": rng.normal(size=3), "Z": rng.normal(size=(3, 4)), "X": rng.normal(size=4)}
    one = [of(w, X), steps(w * w), branch(w)]
    rows = [g.evaluate(one, {"w": value, "X": points["X"]}) for value in points["W"]]
    wide = [g.vmap(lambda w: of(w, X))(W), g.vmap(lambda w: steps(w * w))(W), g.vmap(branch)(W)]
    for results in (g.evaluate(wide, points), g.compile(wide, [W, X])(points["W"], points["X"])):
        for column, result in zip(zip(*rows, strict=True), results, strict=True):
            close(result, np.array(column))
    ends = g.vmap(of)(W, Z)
    each = [g.evaluate(of(w, X), {"w": a, "X": b}) for a, b in zip(points["W"], points["Z"], strict=True)]
    close(g.compile(ends, [W, Z])(points["W"], points["Z"]), np.array(each))
    gradient = g.grad(g.sum(ends), Z)
    rows = [
        g.evaluate(g.grad(of(w, X), X), {"w": a, "X": b})
        for a, b in zip(points["W"], points["Z"], strict=True)
    ]
    close(g.compile(gradient, [W, Z])(points["W"], points["Z"]), np.array(rows))


# --- random bodies -----------------------------------------------------------------------------------------------------


def random_body(draw, depth):
    """A function of (scan, carry, x, w) made of a few operations, with loops inside."""
    kinds = ["add", "mul", "sin", "tanh", "where", "cond"] + (["scan"] * 2 if depth else [])
    plan = draw(
        st.lists(
            st.tuples(st.sampled_from(kinds), st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=4
        )
    )
    inner = random_body(draw, depth - 1) if depth else None

    def body(scan, X, c, x, w):
        known = [c, x, w]
        for kind, i, j in plan:
            a, b = known[i % len(known)], known[j % len(known)]
            match kind:
                case "add":
                    new = a + b
                case "mul":
                    new = a * b * 0.5
                case "sin":
                    new = g.sin(a)
                case "tanh":
                    new = g.tanh(a + b)
                case "where":
                    new = g.where(a > b, a, b * 0.5)
                case "cond":
                    new = g.cond(a > 0, lambda a, b: a * b, lambda a, b: a - b, a, b)
                case _:
                    end, ys = scan(lambda d, y, a=a: inner(scan, X, d, y, a), b, X)
                    new = end + 0.25 * g.sum(ys)
            known.append(new)
        return g.tanh(known[-1]), known[-2] * 0.5

    return body


@settings(max_examples=12, deadline=None, derandomize=True)
@given(st.data())
def test_random_bodies(data):
    body = random_body(data.draw, data.draw(st.integers(0, 2)))
    n = data.draw(st.integers(1, 4))
    reverse = data.draw(st.booleans())
    X, w, c0 = g.symbol("X", shape=(n,)), g.symbol("w"), g.symbol("c0")

    def loss(scan):
        end, ys = scan(lambda c, x: body(scan, X, c, x, w), c0, X, reverse=reverse)
        return end + g.sum(ys)

    loop, steps = loss(g.scan), loss(unrolled)
    point = {"X": np.linspace(-0.9, 1.1, n), "w": 0.6, "c0": -0.3}

    def of(e):
        return [e, *g.grad(e, [X, w, c0]), g.jvp(e, [w], [1.0])]

    right = g.evaluate(of(steps), point)
    compiled = g.compile(of(loop), [X, w, c0])
    for results in (g.evaluate(of(loop), point), compiled(**point)):
        for one, other in zip(results, right, strict=True):
            close(one, other, 1e-10)


# --- nodes ---------------------------------------------------------------------------------------------------------------


def test_equal_bodies_are_equal_nodes():
    X, w = g.symbol("X", shape=("n",)), g.symbol("w")
    one = g.scan(lambda c, x: (c * w + x, c), 0.0, X)
    other = g.scan(lambda total, row: (total * w + row, total), 0.0, X)
    assert one[0] is other[0] and one[1] is other[1]
    assert g.scan(lambda c, x: (c * w - x, c), 0.0, X)[0] is not one[0]
    body = one[0].attrs[0]
    assert isinstance(body, Body) and body == pickle.loads(pickle.dumps(body))
    assert pickle.loads(pickle.dumps(one[0])) is one[0]


def test_loops_over_the_same_that_carry_other_things_are_other_loops():
    """And those that carry the same and give other things at a step are one, whichever is asked for."""
    X, w = g.symbol("X", shape=("n",)), g.symbol("w")
    sums, before = g.scan(lambda c, x: (c + x * w, c), 1.0, X)
    products, doubled = g.scan(lambda c, x: (c * x * w, 2 * c), 1.0, X)
    again, tripled = g.scan(lambda c, x: (c + x * w, 3 * c), 1.0, X)
    assert again is not sums
    outputs = [sums, before, products, doubled, again, tripled, g.grad(sums * again, w)]
    x = np.array([0.5, 2.0, -1.5])
    carried = 1.0 + 0.5 * np.array([0.0, 0.5, 2.5])
    right = [1.5, carried, 0.125 * -1.5, 2 * np.array([1.0, 0.25, 0.25]), 1.5, 3 * carried, 2 * 1.5 * 1.0]
    f = g.compile(outputs, [X, w])
    for results in (f(x, 0.5), g.evaluate(outputs, {"X": x, "w": 0.5})):
        for result, wanted in zip(results, right, strict=True):
            close(result, wanted)
    assert g.compile([again], [X, w])(x, 0.5) == [1.5]


def test_files_keep_loops(tmp_path):
    program = PROGRAMS["deep"]
    loop = program.build(g.scan, *program.symbols)
    g.save(g.Graph([loop, g.grad(loop, program.symbols[1])]), tmp_path / "loop.graphc")
    again = g.load(tmp_path / "loop.graphc")
    assert [again.exprs[k] for k in again.outputs] == [loop, g.grad(loop, program.symbols[1])]
    f = g.compile(loop, program.symbols)
    assert pickle.loads(pickle.dumps(f))(**program.point) == f(**program.point)


def test_compiling_takes_no_longer_for_more_steps():
    w = g.symbol("w")
    texts = []
    for length in (10, 1_000_000):
        end, _ = g.scan(lambda c, _: (g.sin(c) * w, None), w, length=length)
        f = g.compile([end, g.jvp(end, [w], [1.0])], [w], cache=False)
        texts.append(len(f.llvm))
        assert np.isfinite(f(0.9)).all()
    assert texts[1] <= 2 * texts[0]


def test_other_verbs_take_graphs_with_loops(tmp_path):
    X, w = g.symbol("X", shape=(3,)), g.symbol("w")
    c, ys = g.scan(lambda c, x: (g.tanh(c * w + x), c * x), w, X)
    loss = g.cond(w > 0, lambda a: a**2, lambda a: a, c) + g.sum(ys)
    point = {"X": np.array([1.0, 2.0, 0.5]), "w": 0.7}
    picture = g.draw(loss, at=point)
    assert all(
        text in picture.svg() for text in ("scan, 3 steps", "carry", "each step", "cond", "then", "else")
    )
    told = str(g.explain(loss, at=point))
    assert told.count("the loop run backwards, for v3 and v5") == 3 and "(handed back with v3)" in told
    assert "the branch taken, differentiated" in told
    assert "finite" in str(g.diagnose(loss, point))
    assert g.check_grad(loss, point)
    assert g.Graph(loss).verify() is None and "scan" in repr(loss) + str(loss)
    f = g.compile(loss, [X, w])
    f.export(tmp_path / "loss.c")
    assert "for (" in (tmp_path / "loss.c").read_text(encoding="utf-8")
    with pytest.raises(ConversionError):
        g.to_sympy(loss)
    assert g.stabilize(loss) is not None and str(g.rewrites(loss))


# --- what is refused -----------------------------------------------------------------------------------------------------

x, v = g.symbol("x"), g.symbol("v", shape=("n",))


@pytest.mark.parametrize(
    ("write", "error", "words"),
    [
        (lambda: g.scan(lambda c, a: (g.stack([c, c]), a), x, v), ShapeError, "carry 0 begins with shape"),
        (lambda: g.scan(lambda c, a: (g.astype(c, "float32"), a), x, v), DtypeError, "begins as float64 and becomes float32"),
        (lambda: g.scan(lambda c, a: c + a, x, v), ExpressionError, "returns .carry, y."),
        (lambda: g.scan(lambda c, a: None, x, v), ExpressionError, "returned nothing"),
        (lambda: g.scan(lambda c, a: ((c, c), a), x, v), ExpressionError, "another structure"),
        (lambda: g.scan(lambda c, a: (c if c > 0 else a, a), x, v), ExpressionError, "no truth value"),
        (lambda: g.scan(lambda c, a: (c, c), x), ExpressionError, "how many steps"),
        (lambda: g.scan(lambda c, a: (c, c), x, x), ShapeError, "runs over the rows"),
        (lambda: g.scan(lambda c, a: (c, c), x, length=-1), ShapeError, "negative"),
        (lambda: g.scan(lambda c, a: (c, c), x, v, length=3), ShapeError, "steps"),
        (lambda: g.scan(lambda c, a: (c, c), x, v, checkpoint="sqrt"), ExpressionError, "a length that is a number"),
        (lambda: g.scan(lambda c, a: (c, c), x, length=9, checkpoint="often"), ExpressionError, "checkpoint is"),
        (lambda: g.scan(3, x, v), ExpressionError, "takes a function"),
        (lambda: g.scan(lambda c, a: (c, c), (), v), ExpressionError, "is empty"),
        (lambda: g.while_loop(lambda s: s, lambda s: s, x), DtypeError, "condition of while_loop is one bool"),
        (lambda: g.while_loop(lambda s: s > 0, lambda s: s, v), DtypeError, "one bool"),
        (lambda: g.while_loop(lambda s: s > 0, lambda s: (s, s), x), ExpressionError, "another structure"),
        (lambda: g.while_loop(lambda s: s > 0, lambda s: s, x, max_steps=-1), ExpressionError, "max_steps"),
        (lambda: g.cond(x, lambda: 1.0, lambda: 2.0), DtypeError, "one bool"),
        (lambda: g.cond(x > 0, lambda: 1.0, lambda: v), ShapeError, "branch 0 returns"),
        (lambda: g.cond(x > 0, lambda: (x, x), lambda: x), ExpressionError, "another structure"),
        (lambda: g.cond(x > 0, x, lambda: x), ExpressionError, "takes a function"),
        (lambda: g.switch(x, [lambda: x]), DtypeError, "one integer"),
        (lambda: g.switch(0, []), ExpressionError, "no branches"),
    ],
)  # fmt: skip
def test_refusals(write, error, words):
    with pytest.raises(error, match=words) as caught:
        write()
    assert isinstance(caught.value, GraphcError) and caught.value.site is not None


def test_reverse_mode_needs_to_know_how_long_a_loop_may_be():
    loop = g.while_loop(lambda s: s < 100, lambda s: s * x, x)
    with pytest.raises(GradientError, match="forward mode alone"):
        g.grad(loop, x)
    assert g.compile(g.jvp(loop, [x], [1.0]))(10.0) == 20.0


ENDLESS = """
import signal
import graphc as g
x = g.symbol("x")
f = g.compile(g.while_loop(lambda s: s > 0, lambda s: s * 1.0, x))
assert f(-1.0) == -1.0
signal.signal(signal.SIGVTALRM, signal.default_int_handler)
try:
    signal.setitimer(signal.ITIMER_VIRTUAL, 0.2)  # of this process' own time, all of which the loop takes
    f(1.0)
except KeyboardInterrupt:
    print("interrupted", f(-2.0))
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no timers of a process' own time")
def test_ctrl_c_ends_a_loop_that_never_does():
    done = subprocess.run(
        [sys.executable, "-c", ENDLESS], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.strip() == "interrupted -2.0", done.stderr


CALLED_MEANWHILE = """
import signal
import numpy as np
import graphc as g
v, last = g.symbol("v", shape=700), g.symbol("last")
f = g.compile(g.while_loop(lambda s: s[0] < last, lambda s: s + 1.0, v), [v, last])
start, out = np.arange(700.0), np.empty(700)
assert f(start, 5.0)[1] == 6.0
seen = []
def handler(*_):
    seen.append(f(start + 0.5, 3.0)[:2].tolist())
    if len(seen) == 2:
        raise ArithmeticError
signal.signal(signal.SIGVTALRM, handler)
signal.setitimer(signal.ITIMER_VIRTUAL, 0.02)
result = f(start, 600_000.0)
print(np.array_equal(result, start + 600_000.0), seen)
signal.setitimer(signal.ITIMER_VIRTUAL, 0.02)
try:
    f(start, np.inf, out=out)
except ArithmeticError:
    print("ended", seen[-1], f(start, 2.0)[:2])
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no timers of a process' own time")
def test_a_handler_of_a_signal_may_call_the_function_that_it_interrupts():
    done = subprocess.run(
        [sys.executable, "-c", CALLED_MEANWHILE], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.splitlines() == ["True [[3.5, 4.5]]", "ended [3.5, 4.5] [2. 3.]"], done.stderr


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("shape", [("n", 3), (4, "k"), ("n", "k")])
def test_derivatives_where_the_last_carry_is_not_used_hold_no_arguments_of_the_body(shape, reverse):
    w, rows = g.symbol("w"), g.symbol("rows", shape=shape)
    start = g.sum(rows, axis=0) * 0.0
    _, ys = g.scan(lambda c, row: (g.tanh(c * w + row), c * c), start, rows, reverse=reverse)
    slopes = g.grad(g.sum(ys), [w, rows])
    assert set(g.free_symbols(*slopes)) == {w, rows}
    length = 4
    x, h = np.random.default_rng(0).normal(size=(length, 3)), 1e-6

    def value(weight):
        c, total = np.zeros(3), 0.0
        for row in x[::-1] if reverse else x:
            c, total = np.tanh(c * weight + row), total + np.sum(c * c)
        return total

    found = g.compile(slopes[0], [w, rows])(0.7, x)
    assert found == pytest.approx((value(0.7 + h) - value(0.7 - h)) / (2 * h), rel=1e-7)

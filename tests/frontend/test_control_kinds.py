"""Loops and branches where lengths have names, in float32, under conditions, by the interpreter; and values that leave a body."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as g
from graphc.errors import DtypeError, ExpressionError, GraphcError, InputError, ShapeError
from graphc.ir.body import Body
from tests.frontend.loop_programs import unrolled

RNG = np.random.default_rng(5)

VERBS = {
    "evaluate": lambda outputs, symbols, point: g.evaluate(outputs, point),
    "compile": lambda outputs, symbols, point: g.compile(outputs, symbols)(**point),
}


@pytest.fixture(params=list(VERBS))
def value(request):
    """(outputs, symbols, point) → their values, by the interpreter and by machine code."""
    return VERBS[request.param]


def close(ours, right, tolerance=1e-12):
    for one, other in zip(ours, right, strict=True):
        one, other = np.asarray(one), np.asarray(other)
        assert one.shape == other.shape
        assert np.abs(one - other).max(initial=0) <= tolerance * max(1.0, np.abs(other).max(initial=0))


# --- lengths with names ----------------------------------------------------------------------------------------------------


def _rows_times(X, w):
    c, ys = g.scan(lambda c, x: (c * w + x, g.mean(c * x) + g.dim("m")), w * 0, X)
    return g.sum(c) + g.sum(ys)


def _wider_than_its_arguments(X, w):
    """A length that no argument of the body has."""
    _, ys = g.scan(
        lambda c, x: (c + x[0], c * g.cond(c > 0, lambda: g.sum(g.arange(0, "m")), lambda: 1)), 0.5, X
    )
    return g.sum(ys) + g.sum(w)


def _counting(X, w):
    return g.fori_loop(0, "n", lambda i, c: c + X[i, 0] * g.astype(i, "float64") * g.sum(w), 0.0)


def _rows_times_in_python(X, w):
    total, carry = 0.0, np.zeros(len(w))
    for row in X:
        total += np.mean(carry * row) + len(w)
        carry = carry * w + row
    return total + carry.sum()


def _wider_in_python(X, w):
    total, carry = w.sum(), 0.5
    for row in X:
        total += carry * (len(w) * (len(w) - 1) / 2 if carry > 0 else 1)
        carry += row[0]
    return total


PLAIN = {
    _rows_times: _rows_times_in_python,
    _wider_than_its_arguments: _wider_in_python,
    _counting: lambda X, w: (X[:, 0] * np.arange(len(X))).sum() * w.sum(),
}


@pytest.mark.parametrize("build", [_rows_times, _wider_than_its_arguments, _counting])
def test_lengths_with_names_in_bodies_are_those_of_the_call(build, value):
    X, w = g.symbol("X", shape=("n", "m")), g.symbol("w", shape=("m",))
    loop = build(X, w)
    outputs = [loop, *g.grad(loop, [X, w])]
    for n, m in ((4, 3), (2, 1), (1, 5)):
        point = {"X": RNG.normal(size=(n, m)), "w": RNG.normal(size=m)}
        right = PLAIN[build](point["X"], point["w"])
        close(value([loop], [X, w], point), [right])
        assert g.check_grad(loop, point)
        close(value(outputs, [X, w], point), g.evaluate(outputs, point))


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
def test_axes_without_elements(shape, value):
    X, w = g.symbol("X", shape=("n", "k")), g.symbol("w")
    c, ys = g.scan(lambda c, x: (c + g.sum(x) * w, c * x), w, X)
    result = value([c, ys, g.grad(c + g.sum(ys), w)], [X, w], {"X": np.zeros(shape), "w": 2.0})
    close(result, [2.0, np.zeros(shape), 1.0])


def test_a_length_that_no_input_has_is_named():
    w = g.symbol("w")
    _, ys = g.scan(
        lambda c, _: (c * w, c * g.cond(c > 0, lambda: g.sum(g.arange(0, "m")), lambda: 1)), w, length=2
    )
    with pytest.raises(ShapeError, match="no input has an axis named 'm'"):
        g.evaluate(ys, {"w": 1.0})


# --- another float type ----------------------------------------------------------------------------------------------------


def test_graphs_with_loops_are_compiled_in_another_float_type():
    X, w = g.symbol("X", shape=(4,)), g.symbol("w")

    def step(state, x):
        n, c = state
        c = g.cond(x > 0, lambda c: c * g.astype(n, "float64"), lambda c: g.exp(c), c)
        tall = g.while_loop(lambda s: s < 3, lambda s: s * 1.5 + 0.1, g.abs(x) + 0.1, max_steps=20)
        return (n + 1, c), tall

    (_, c), ys = g.scan(step, (0, w), X)
    outputs = [c, ys, g.grad(c + g.sum(ys), X), g.grad(c + g.sum(ys), w)]
    point = {"X": RNG.normal(size=4).astype(np.float32), "w": np.float32(0.4)}
    f = g.compile(outputs, [X, w], dtype="float32")
    results = f(**point)
    assert results[1].dtype == results[2].dtype == np.float32
    close(results, g.evaluate(outputs, {name: np.float64(x) for name, x in point.items()}), 1e-5)


# --- conditions ------------------------------------------------------------------------------------------------------------


def test_a_loop_whose_results_do_not_matter_hands_back_nothing(value):
    """√(a·c) has an infinite slope at 0, which a condition leaves out."""
    x, y = g.symbol("x", shape=(4,)), g.symbol("y")
    for scan in (g.scan, unrolled):
        c, ys = scan(lambda c, a: (c + g.sqrt(a * c), g.sqrt(a)), y, x)
        for loss in (
            g.where(y > 0, c, 0.0),
            g.where(y > 0, c + g.sum(ys), y**2),
            g.sum(g.where(y > 0, ys, 1.0)) * y,
            g.cond(y > 0, lambda c: c, lambda c: 0.0 * y, c),
        ):
            left_out = value(g.grad(loss, [x, y]), [x, y], {"x": np.zeros(4), "y": -1.0})
            assert np.isfinite(left_out[0]).all() and (left_out[0] == 0).all() and np.isfinite(left_out[1])
            point = {"x": np.full(4, 0.3), "y": 0.7}
            assert all(
                np.isfinite(slope).all() and np.any(slope != 0)
                for slope in value(g.grad(loss, [x, y]), [x, y], point)
            )


def test_second_derivatives_through_conditions(value):
    x, y = g.symbol("x", shape=(4,)), g.symbol("y")

    def loss(scan):
        c, ys = scan(lambda c, a: (g.sin(c) * a + c, (c * a, g.stack([c, a]))), y, x)
        chosen = g.where(y > 0, c**2, g.exp(c)) * g.max(x) + g.sum(g.where(x > 0, c * x, 0.0))
        return chosen + g.sum(ys[0][1:3]) + g.sum(ys[1][:, 1] * ys[0])

    def outputs(e):
        return [e, *g.grad(e, [x, y]), g.hvp(e, x, x), g.grad(g.grad(e, y), x)]

    for start in (0.3, -0.4):
        point = {"x": np.array([0.5, -0.2, 1.3, 0.7]), "y": start}
        close(value(outputs(loss(g.scan)), [x, y], point), g.evaluate(outputs(loss(unrolled)), point), 1e-11)


# --- bodies that call libraries --------------------------------------------------------------------------------------------


def test_a_loop_by_the_interpreter_runs_once_for_all_its_results(monkeypatch):
    """Bodies with eigenvalues are no loops of machine code."""
    A, b = g.symbol("A", shape=(3, 3)), g.symbol("b", shape=(4, 3))

    def loss(scan):
        def step(c, x):
            c = g.eigvalsh(A @ A.T + g.eye(3) * (1 + g.sum(c * c))) * x + c
            return c, g.cumsum(c)

        c, ys = scan(step, b[0], b)
        return g.sum(c * c) + g.sum(ys**2)

    loop, steps = loss(g.scan), loss(unrolled)
    point = {"A": RNG.normal(size=(3, 3)), "b": RNG.normal(size=(4, 3))}
    runs = []
    evaluate = Body.evaluate
    monkeypatch.setattr(Body, "evaluate", staticmethod(lambda *of: (runs.append(of[0]), evaluate(*of))[1]))
    f = g.compile([loop, *g.grad(loop, [A, b])], [A, b])
    right = g.evaluate([steps, *g.grad(steps, [A, b])], point)
    for _ in range(2):
        runs.clear()
        close(f(**point), right, 1e-11)
        assert max(runs.count(body) for body in runs) == 4  # steps
        point = {name: x * 1.5 for name, x in point.items()}
        right = g.evaluate([steps, *g.grad(steps, [A, b])], point)


# --- what is refused -----------------------------------------------------------------------------------------------------


def _of_scan(x, kept):
    return g.scan(lambda c, a: (kept.append(c), (c + a, a))[1], 0.0, x)[0]


def _of_while(x, kept):
    return g.while_loop(lambda s: s < 3, lambda s: (kept.append(s), s + 1)[1], x[0])


def _of_cond(x, kept):
    return g.cond(x[0] > 0, lambda c: (kept.append(c), c)[1], lambda c: -c, x[0])


def _of_batch(x, kept):
    return g.sum(g.vmap(lambda a: (kept.append(a), a * 2)[1])(x))


@pytest.mark.parametrize("write", [_of_scan, _of_while, _of_cond, _of_batch])
def test_what_a_body_puts_elsewhere_has_no_value(write):
    x, kept = g.symbol("x", shape=(3,)), []
    leaked = write(x, kept) * kept[0]
    verbs = (
        lambda: g.compile(leaked),
        lambda: g.compile(leaked, [x]),
        lambda: g.evaluate(leaked, {"x": np.ones(3)}),
    )
    for verb in verbs:
        with pytest.raises(ExpressionError, match="stands for a value inside") as caught:
            verb()
        assert caught.value.site is not None and caught.value.hint is not None


def test_errors_inside_of_a_body_name_the_step(value):
    x, k = g.symbol("x", shape=(3,)), g.symbol("k", dtype="int64")
    total = g.fori_loop(0, 5, lambda i, c: c + x[i + k], 0.0)
    with pytest.raises(InputError, match="at step 1 of scan") as caught:
        value(total, [x, k], {"x": np.ones(3), "k": 2})
    assert "\1" not in str(caught.value) and caught.value.site.filename.endswith("test_control_kinds.py")
    inverse = g.while_loop(lambda s: s < 9, lambda s: s + 1 + 0 * g.sum(g.inv(g.eye(2) * (s - 2))), 0.0)
    with pytest.raises(GraphcError, match="at step"):
        value(inverse + g.sum(x) * 0, [x], {"x": np.ones(3)})


@pytest.mark.parametrize(("lo", "hi"), [(1, "n"), (0, "n"), (-2, "n"), ("n", 9), ("n", "2*n"), (3, 2)])
def test_counting_between_lengths(lo, hi, value):
    x = g.symbol("x", shape=("n",))
    total = g.fori_loop(lo, hi, lambda i, c: c + i, 0)
    ends = [{"n": 4, "2*n": 8}.get(end, end) for end in (lo, hi)]
    assert value([total, g.sum(x)], [x], {"x": np.ones(4)}) == [sum(range(*ends)), 4.0]


@pytest.mark.parametrize("end", [g.symbol("y"), g.symbol("v", shape=(2,), dtype="int64")])
def test_counting_to_what_is_no_integer_is_refused(end):
    with pytest.raises(DtypeError, match="counts between integers"):
        g.fori_loop(0, end, lambda i, c: c + i, 0)


def test_errors_about_carries_speak_of_the_users_own():
    with pytest.raises(GraphcError, match="fori_loop: carry 0 begins as int64 and becomes float64") as caught:
        g.fori_loop(0, 3, lambda i, c: c * 2.5, 1)
    assert "\0" not in str(caught.value)


def _losses(scan, x, y):
    c, ys = scan(lambda c, a: (c + g.sqrt(a) * c, g.sqrt(a) * c), y, x)
    _, back = scan(lambda c, a: (c + g.sqrt(a) * c, g.sqrt(a) * c), y, x, reverse=True)
    return [
        g.sum(ys[:2]), ys[0], ys[1] * back[0], g.sum(g.where(x > 0, ys, 0.0)), g.where(y > 5, c, ys[0]),
        g.sum(ys[:2]) * g.where(y > 5, c, 1.0), g.sum(ys[:1] * back[:1]),
    ]  # fmt: skip


@pytest.mark.parametrize("number", range(7))
def test_steps_whose_results_are_not_used_do_not_reach_derivatives(number, value):
    """The last square root has an infinite slope."""
    x, y = g.symbol("x", shape=(3,)), g.symbol("y")
    loop, steps = _losses(g.scan, x, y)[number], _losses(unrolled, x, y)[number]
    for x_value in (np.array([1.0, 2.0, 0.0]), np.array([0.3, 1.7, 0.4])):
        point = {"x": x_value, "y": 0.5}
        with np.errstate(invalid="ignore"):
            right = g.evaluate(g.grad(steps, [x, y]), point)
            ours = value(g.grad(loop, [x, y]), [x, y], point)
        for one, other in zip(ours, right, strict=True):
            assert np.array_equal(np.isfinite(one), np.isfinite(other))
            fits = np.isfinite(other)
            np.testing.assert_allclose(np.asarray(one)[fits], np.asarray(other)[fits], rtol=1e-12)
    second = g.grad(g.grad(loop, y), x), g.grad(g.grad(steps, y), x)
    close([value(second[0], [x, y], point)], [g.evaluate(second[1], point)], 1e-11)


def test_loops_that_carry_nothing_with_a_slope_have_derivatives(value):
    x, w = g.symbol("x", shape=(3,)), g.symbol("w")

    def outputs(scan):
        _, squares = scan(lambda n, a: (n + 1, a * a * g.astype(n, "float64")), 0, x)
        (_, seen), scaled = scan(lambda s, a: ((s[0] + 1, a > 0), a**2 * w), (0, False), x)
        loss = g.sum(squares) + g.sum(scaled) * g.astype(seen, "float64")
        return [
            loss,
            *g.grad(loss, [x, w]),
            g.grad(g.sum(squares), x),
            g.hvp(g.sum(squares), x, x),
            g.jvp(loss, [w], [1.0]),
        ]

    point = {"x": np.array([0.5, -1.0, 2.0]), "w": 0.7}
    close(value(outputs(g.scan), [x, w], point), g.evaluate(outputs(unrolled), point))


def test_bodies_may_be_deep():
    """A chain of operations longer than Python's stack."""
    x = g.symbol("x")

    def body(_, c):
        for _ in range(500):
            c = g.sin(c) * 0.99 + 0.01
        return c

    deep, right = g.fori_loop(0, 2, body, x), 0.3
    for _ in range(1000):
        right = np.sin(right) * 0.99 + 0.01
    assert abs(g.compile(deep, [x], cache=False)(0.3) - right) <= 1e-14

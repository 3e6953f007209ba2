"""No value is read before it is written, every index is held against its axis, nothing outside of an array is touched."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import graphc as g
from graphc.compiler.engine import guard_words
from graphc.compiler.runtime import instantiated_plan, library_calls, operand_views
from graphc.compiler.runtime.array_function import ArrayFunction
from graphc.compiler.runtime.guarded_plan import Guarded
from graphc.errors import GraphcError, InputError, InternalError, ShapeError
from graphc.ir.attribute_text import bound as with_lengths
from tests.compiler.runtime.computed_views import VIEWS, computed, leaves
from tests.compiler.runtime.memory_programs import PROGRAMS, added, put
from tests.fuzz.arrays import run
from tests.ops.array_cases import CASES, Case

CALLS = 3


@pytest.fixture(autouse=True)
def watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHC_CHECK", "memory")


# --- elements and other views of what is computed, as operands of every operation -----------------------


def holds(case: Case, name: str) -> None:
    view = VIEWS[name]
    expr, symbols = computed(case, view)
    f = g.compile(expr, symbols, rewrite=None, cache=False)
    for seed in range(CALLS):
        point = case.point(seed)
        result = f(*[np.asarray(view[1](a)) for a in point.values()])
        expected = case.numpy(*point.values())
        for ours, theirs in zip(leaves(result), leaves(expected), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


LABELS = [f"{number}-{case.op}" for number, case in enumerate(CASES)]
FIRST = {case.op: number for number, case in reversed(list(enumerate(CASES)))}
"""Of each operation the first formula."""


@pytest.mark.parametrize("number", FIRST.values(), ids=FIRST)
@pytest.mark.sample(2)
def test_operations_read_views_of_what_is_computed(number: int) -> None:
    holds(CASES[number], ("element", "last element", "reversed", "strided", "turned")[number % 5])


@pytest.mark.slow
@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("case", CASES, ids=LABELS)
def test_operations_read_every_view_of_what_is_computed(case: Case, name: str) -> None:
    holds(case, name)


# --- elements of what is computed as places, values and bounds --------------------------------------------


def agrees(name: str, rewrite: str | None, calls: int) -> None:
    build, formula = PROGRAMS[name]
    x, y = g.symbol("x", shape=("n",)), g.symbol("y", shape=(4, 4))
    f = g.compile(build(x, y), [x, y], rewrite=rewrite, cache=False)
    for seed in range(calls):
        rng = np.random.default_rng(seed)
        a, b = rng.permutation(8) * 0.25 - 1, rng.normal(size=(4, 4))
        np.testing.assert_allclose(f(a, b), formula(a, b), rtol=1e-9)


@pytest.mark.parametrize("name", PROGRAMS)
def test_elements_of_what_is_computed(name: str) -> None:
    agrees(name, "stable", CALLS)


@pytest.mark.slow
@pytest.mark.parametrize("check", ["", "memory"])
@pytest.mark.parametrize("rewrite", ["stable", None])
def test_elements_of_what_is_computed_in_a_fresh_process(check: str, rewrite: str | None) -> None:
    code = (
        "from tests.compiler.runtime.test_memory_check import PROGRAMS, agrees\n"
        f"for name in PROGRAMS: agrees(name, {rewrite!r}, 20)"
    )
    environment = {**os.environ, "GRAPHC_CHECK": check}
    for _ in range(2):
        subprocess.run([sys.executable, "-c", code], check=True, env=environment)


@pytest.mark.slow
def test_views_of_what_is_computed_in_fresh_processes() -> None:
    """Some of what `python -m tests.fuzz views` tries: each of the programs 20 times, in four processes."""
    subprocess.run([sys.executable, "-m", "tests.fuzz", "views", "--count", "60", "--seed", "1"], check=True)


# --- places ----------------------------------------------------------------------------------------------


def test_a_computed_place_beyond_the_axis_is_refused_by_its_number() -> None:
    y, z = g.symbol("y", shape=("m",)), g.symbol("z", shape=("k",))
    f = g.compile(y[g.argsort(z)[0]], [y, z])
    values = np.arange(200_000.0)
    values[123_456] = -1
    with pytest.raises(InputError, match="index 123456 is out of range for axis 0 of length 3"):
        f(np.arange(3.0), values)
    assert f(np.arange(3.0), np.array([2.0, 1.0, 3.0])) == 1.0


@pytest.mark.parametrize("rewrite", ["stable", None])
@pytest.mark.parametrize("place", [-1, -3, 0, 2])
@pytest.mark.parametrize("dtype", ["int64", "int8"])
def test_a_constant_counts_from_the_end(place: int, dtype: str, rewrite: str | None) -> None:
    x = g.symbol("x", shape=("n",))
    spot = g.constant(place, dtype)
    values = np.arange(3.0) + 5
    f = g.compile([x[spot], x.at[spot].set(9.0), x.at[spot].add(1.0), x[spot + 0]], [x], rewrite=rewrite)
    one, changed, more, again = f(values)
    assert one == again == values[place]
    np.testing.assert_array_equal(changed, put(values, place, 9.0))
    np.testing.assert_array_equal(more, added(values, place, 1.0))
    with pytest.raises(InputError, match="out of range"):
        f(values[:0] if place == 0 else values[: abs(place) - 1 if place < 0 else place])


@pytest.mark.parametrize("cast", ["int8", "uint8", "bool", "float32"])
def test_a_range_that_its_type_cannot_hold_is_an_array(cast: str) -> None:
    x = g.symbol("x", shape=(300,))
    values = np.arange(300.0)
    narrow = np.arange(300).astype(cast).astype(np.int64)
    spots = g.astype(g.astype(g.arange(300), cast), "int64")
    f = g.compile(
        [x[spots], x.at[spots].add(1.0), x.at[g.arange(300, dtype="int8")].add(1.0)], [x], rewrite=None
    )
    gathered, more, own = f(values)
    np.testing.assert_array_equal(gathered, values[narrow])
    np.testing.assert_array_equal(more, added(values, narrow, 1.0))
    np.testing.assert_array_equal(own, added(values, np.arange(300).astype(np.int8), 1.0))


def test_a_range_of_a_named_length_in_few_bits_is_an_array() -> None:
    x = g.symbol("x", shape=("n",))
    f = g.compile(x[g.astype(g.arange("n"), "int8")], [x], rewrite=None)
    values = np.arange(300.0)
    np.testing.assert_array_equal(f(values), values[np.arange(300).astype(np.int8)])
    np.testing.assert_array_equal(f(values[:4]), values[:4])


def test_unsigned_places_are_those_of_numpy() -> None:
    x, i = g.symbol("x", shape=("n",)), g.symbol("i", shape=("k",), dtype="uint64")
    f = g.compile(x[i], [x, i])
    values, places = np.arange(5.0), np.array([0, 2**64 - 1, 3], np.uint64)
    np.testing.assert_array_equal(f(values, places), values[places.astype(np.int64)])
    with pytest.raises(InputError, match="out of range"):
        f(values, np.array([2**63 + 1], np.uint64))


def test_a_range_beyond_its_type_is_refused_when_its_length_is_known() -> None:
    x, n = g.symbol("x", shape=("n",)), g.symbol("m", shape=("m",))
    f = g.compile(x[g.arange("m", dtype="int32") * 0] + n * 0, [x, n], rewrite=None)
    assert f(np.ones(1), np.ones(4)).shape == (4,)
    f = g.compile(x[g.arange("m", dtype="int32")] + n, [x, n], rewrite=None)
    assert isinstance(f, ArrayFunction)
    with pytest.raises(ShapeError, match="does not fit int32"):
        instantiated_plan.Bound(f._plan, f._library, {"n": 1, "m": 2**31 + 8}, False)


@pytest.mark.parametrize(
    ("key", "length"),
    [
        (np.s_[-5::3], 4), (np.s_[-5:-1:3], 4), (np.s_[6:0:-3], 6), (np.s_[7::-4], 7), (np.s_[-7::2], 6),
    ],
)  # fmt: skip
def test_a_slice_that_begins_outside_of_a_named_axis_is_refused(key: slice, length: int) -> None:
    """NumPy takes as many elements, but from the end of the axis on."""
    x = g.symbol("x", shape=("n",))
    values = np.arange(9.0)
    taken, changed = g.compile(x[key], [x]), g.compile(x.at[key].add(1.0), [x])
    np.testing.assert_array_equal(taken(values), values[key])
    np.testing.assert_array_equal(changed(values), added(values, key, 1.0))
    for f in (taken, changed):
        with pytest.raises(ShapeError, match="too short"):
            f(values[:length])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("case", CASES, ids=LABELS)
def test_operations_on_named_axes_of_any_length(case: Case) -> None:
    """They agree with NumPy, or both refuse, or the lengths are refused."""
    if not case.named or case.op == "conv2d_input_grad":  # whose formula is for one length
        pytest.skip("needs lengths that are known")
    symbols = case.symbols(named=True)
    f = g.compile(case.build(*symbols), symbols, rewrite=None, cache=False)
    rng = np.random.default_rng(0)
    for _ in range(12):
        names = {name: int(rng.integers(1, 7)) for name in "nmkhw"}
        arrays = [_matching(rng, with_lengths(s.shape, names), s.dtype, case.high) for s in symbols]
        try:
            expected = case.numpy(*arrays)
        except (ValueError, IndexError, np.linalg.LinAlgError):
            expected = None
        try:
            result = f(*arrays)
        except GraphcError:
            continue
        assert expected is not None
        for ours, theirs in zip(leaves(result), leaves(expected), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-8)


def _matching(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype, high: int) -> np.ndarray:
    if dtype.kind != "f":
        return rng.integers(0, high, shape).astype(dtype)
    array = rng.normal(size=shape)
    if len(shape) > 1 and shape[-1] == shape[-2]:  # far from singular
        array = array + np.diag(3.0 * np.arange(1, shape[-1] + 1))
    return array


UNCHECKED = """
import numpy as np, graphc as g
from graphc.compiler.runtime import instantiated_plan, prefix_scan as running
instantiated_plan.Bound._check = lambda self, check: None  # as if the array had changed since
x, y = g.symbol("x", shape=("n",)), g.symbol("y", shape=("n", 3))
i = g.symbol("i", shape=("k",), dtype="int64")
for rewrite in ("stable", None):
    f = g.compile([x[i], y[i], y[:, i][..., 0], g.sum(y[i, i]), x[g.sort(i)][::-1]], [x, y, i], rewrite=rewrite, parallel=True)
    for wild in (2**40, -(2**40), 2**63 - 1, -(2**63), 4, -5):
        x_, y_ = np.arange(4.0) + 1, np.ones((4, 3))
        rows = f(x_, y_, np.array([wild] * 40))
        assert np.all(np.isin(rows[0], x_)) and np.all(rows[1] == 1), (wild, rows)
out = np.zeros((4, 16))
running.add_at(out, np.array([2**40, -(2**40), 1, 4]), np.ones((4, 16)), False)
assert out[0, 0] == 3 and out[1, 0] == 1 and out.sum() == 64
print("fine")
"""


def test_machine_code_addresses_nothing_outside_whatever_an_index_holds() -> None:
    done = subprocess.run([sys.executable, "-c", UNCHECKED], capture_output=True, text=True, check=False)
    assert done.stdout == "fine\n", done


@pytest.mark.parametrize("axes", [(0, 1), (1, 0)])
@pytest.mark.parametrize("names", [False, True])
def test_products_of_a_matrix_with_permuted_axes(axes: tuple[int, int], names: bool) -> None:
    n, m = ("n", "m") if names else (3, 2)
    shape = (n, m) if axes == (0, 1) else (m, n)
    c, b, v = g.symbol("c", shape=shape), g.symbol("b", shape=(m,)), g.symbol("v", shape=(n,))
    p = g.permute_dims(c, axes)
    f = g.compile([p @ b, v @ p, p @ g.expand_dims(b, 1), g.expand_dims(v, 0) @ p], [c, b, v], rewrite=None)
    rng = np.random.default_rng(0)
    matrix, right, left = rng.normal(size=(3, 2)), rng.normal(size=2), rng.normal(size=3)
    given = matrix if axes == (0, 1) else matrix.T
    for ours, theirs in zip(
        f(given, right, left),
        (matrix @ right, left @ matrix, matrix @ right[:, None], left[None] @ matrix),
        strict=True,
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


# --- the tool ----------------------------------------------------------------------------------------------


def sample() -> tuple[Any, np.ndarray]:
    """A program of kernels and calls of libraries, which share memory."""
    x = g.symbol("x", shape=("n", 8))
    e = g.exp(x)
    outputs = [g.softmax(e, axis=1), g.cumsum(g.sort(e, axis=0)[::-1], axis=1)[1]]
    return g.compile(outputs, [x], parallel=True), np.ones((5, 8))


def test_off_it_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRAPHC_CHECK")
    f, x = sample()
    f(x)
    (known,) = f._known.values()
    assert type(known.pool[0]) is instantiated_plan.Bound
    monkeypatch.setenv("GRAPHC_CHECK", "memory")
    f, x = sample()
    f(x)
    (known,) = f._known.values()
    assert type(known.pool[0]) is Guarded


@pytest.mark.parametrize("kind", ["numbers", "arrays"])
def test_another_value_is_refused(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setenv("GRAPHC_CHECK", "memroy")
    x = g.symbol("x") if kind == "numbers" else g.symbol("x", shape=(3,))
    with pytest.raises(InputError, match=r"GRAPHC_CHECK is 'memroy'"):
        g.compile(g.exp(x)[::-1] if x.shape else g.exp(x), [x])


def test_a_library_call_that_leaves_its_memory_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    prepare = library_calls.prepare

    def broken(node: g.Expr, *rest: Any) -> Any:
        compute = prepare(node, *rest)
        if node.op.name != "sort":
            return compute

        def run(out: np.ndarray, *arrays: np.ndarray) -> None:
            compute(out, *arrays)
            longer = np.lib.stride_tricks.as_strided(out, (out.shape[0] + 1, *out.shape[1:]))
            longer[-1, 0] = 1.0

        return run

    monkeypatch.setattr(library_calls, "prepare", broken)
    f, x = sample()
    with pytest.raises(InternalError, match=r"library call sort, wrote behind the memory of sort") as caught:
        f(x)
    assert caught.value.node is not None and "sort" in caught.value.node


@pytest.mark.parametrize("first", [True, False])
def test_a_kernel_that_leaves_its_memory_is_reported(monkeypatch: pytest.MonkeyPatch, first: bool) -> None:
    put = instantiated_plan.Bound._set

    def longer(self: instantiated_plan.Bound, key: Any, value: int) -> None:
        # one row, or one element of a flat loop
        put(self, key, value + (key[0] in ("total", "per") or (key[0] == "rows" and not first)))

    monkeypatch.setattr(instantiated_plan.Bound, "_set", longer)
    x = g.symbol("x", shape=("n", 8))
    last = g.sort(g.exp(x), axis=0) if first else g.exp(x) / g.sum(g.exp(x), axis=1, keepdims=True)
    f = g.compile(last, [x], parallel=True)
    with pytest.raises(InternalError, match=r"the kernel of .* wrote behind"):
        f(np.ones((4, 8)))


def test_what_is_read_before_it_is_written_is_nan(monkeypatch: pytest.MonkeyPatch) -> None:
    def early(array: np.ndarray, views: Any) -> Any:
        copy = np.array(operand_views.viewed(array, views))
        return lambda: copy

    monkeypatch.setattr(operand_views, "stays", early)
    x = g.symbol("x", shape=("n",))
    f = g.compile(x.at[[0, 0]].add(g.exp(x)[0]), [x], parallel=True)
    for _ in range(CALLS):
        assert np.isnan(f(np.ones(4))[0])
    f = g.compile(x[g.argsort(x)[0]], [x], parallel=True)
    with pytest.raises(InputError, match="out of range"):
        f(np.ones(4))


def test_what_is_read_after_its_life_is_nan() -> None:
    x = g.symbol("x", shape=(6,))
    e = g.sort(x)
    f = g.compile(g.cumsum(g.cumsum(e)) + g.sort(g.exp(e)), [x], rewrite=None, parallel=True)
    assert isinstance(f, ArrayFunction)
    lives = f._plan.lives
    for node, (start, _) in list(lives.items()):
        if node.op.name == "sort":
            lives[node] = start, start
    assert np.isnan(f(np.ones(6))).all()


def test_a_written_input_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    prepare = library_calls.prepare

    def broken(node: g.Expr, *rest: Any) -> Any:
        compute = prepare(node, *rest)

        def run(out: np.ndarray, *arrays: np.ndarray) -> None:
            compute(out, *arrays)
            arrays[0].flat[0] = 7.0

        return run

    monkeypatch.setattr(library_calls, "prepare", broken)
    x = g.symbol("x", shape=("n",))
    with pytest.raises(InternalError, match="input 'x' was written"):
        g.compile(g.sort(x), [x], parallel=True)(np.ones(4))


def test_results_of_elementwise_functions_are_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    x = g.symbol("x")
    f = g.compile(g.exp(x), [x])
    np.testing.assert_allclose(f(np.ones((3, 4)).T), np.e)
    f = g.compile(x + 1, [x])
    nests = f._nests
    whole = nests.run

    def longer(arrays: list[np.ndarray], shape: Any, ties: Any) -> Any:
        steps = whole(arrays, shape, ties)
        np.lib.stride_tricks.as_strided(arrays[-1], (len(arrays[-1]) + 1,))[-1] = 1.0
        return steps

    monkeypatch.setattr(nests, "run", longer)
    with pytest.raises(InternalError, match="wrote behind result 0"):
        f(np.ones(5))


def test_the_marker_is_nan_and_no_place() -> None:
    for dtype in ("float64", "float32"):
        assert np.isnan(guard_words.empty((5,), np.dtype(dtype))).all()
    for dtype in ("int64", "int32"):
        assert (guard_words.empty((5,), np.dtype(dtype)) > 2**30).all()
    assert guard_words.empty((), np.dtype("bool")).view(np.uint8) > 1


# --- random programs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(16))
def test_random_programs(seed: int) -> None:
    assert run(seed)[1] == []


@pytest.mark.slow
@pytest.mark.parametrize("block", range(8))
def test_many_random_programs(block: int) -> None:
    for seed in range(1000 + 40 * block, 1040 + 40 * block):
        assert run(seed)[1] == [], seed

"""The compiled callable: calling convention, broadcasting, out=, pickling, threads, Numba; against NumPy and plain Python."""

from __future__ import annotations

import ctypes
import gc
import inspect
import math
import pickle
import sys
import threading
import weakref
from collections import namedtuple

import numpy as np
import pytest

import graphc as g
from graphc.errors import ArityError, DtypeError, GraphcError, InputError, NameClashError, ShapeError

Pair = namedtuple("Pair", "total difference")


@pytest.fixture(scope="module")
def fma():
    """x*w + b and x − w: exact operations only, so results are equal to the bit."""
    x, w, b = g.symbols("x w b")
    return g.compile([x * w + b, x - w], [x, w, b])


def bits(value):
    return np.asarray(value, dtype=np.float64).tobytes()


# --- single values -----------------------------------------------------------------------------------------------------


def test_the_lecture_numbers():
    x, w, b = g.symbols("x w b")
    loss = g.log(1 / (g.exp(-(x * w + b)) + 1))
    value, gradient = g.compile(g.value_and_grad(loss, [x, w, b]), [x, w, b])(2.0, -3.0, 6.0)
    assert value == math.log(0.5)
    assert gradient == [-1.5, 1.0, 0.5]
    assert type(value) is float and all(type(entry) is float for entry in gradient)


@pytest.mark.parametrize(
    "arguments",
    [
        ((2.0, -3.0, 6.0), {}),
        ((2, -3, 6), {}),
        ((2.0, True, 6.0), {}),
        ((np.float64(2.0), np.int8(-3), 6), {}),
        ((np.array(2.0), -3.0, 6.0), {}),
        ((), {"b": 6.0, "x": 2.0, "w": -3.0}),
        ((2.0,), {"b": 6.0, "w": -3.0}),
    ],
    ids=repr,
)
def test_scalars_in_any_form_give_python_floats(fma, arguments):
    args, kwargs = arguments
    given = dict(zip("xwb", args, strict=False)) | kwargs
    x, w, b = (float(given[name]) for name in "xwb")
    result = fma(*args, **kwargs)
    assert result == [x * w + b, x - w]
    assert [type(entry) for entry in result] == [float, float]


@pytest.mark.parametrize("value", [0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324, 1.7976931348623157e308])
def test_fast_path_and_python_path_give_the_same_bits(fma, value):
    fast = fma(value, 1.5, -0.0)
    slow = fma(np.float64(value), 1.5, -0.0)
    assert [bits(a) for a in fast] == [bits(a) for a in slow]


@pytest.mark.parametrize(
    "narrow", ["...", ".x.", "xxx", "." * 70, "x" + 69 * ".", 63 * "." + "x", 64 * "x", "x." * 33], ids=str
)
def test_numbers_of_other_types_among_floats(narrow):
    """In each place, beside floats, the others as they are: an int is rounded once, what is no number of its kind is refused."""
    symbols = [
        g.symbol(f"x{n}", dtype="float32" if mark == "x" else "float64") for n, mark in enumerate(narrow)
    ]
    f = g.compile([s * 0.5 for s in symbols], symbols, tier="quick")
    floats = [n + 0.3 for n in range(len(narrow))]

    def expected(number, value):
        kind = np.float32 if narrow[number] == "x" else np.float64
        return float(kind(value) * kind(0.5))

    wanted = [expected(*pair) for pair in enumerate(floats)]
    assert f(*floats) == wanted
    for place in sorted({0, len(narrow) // 2, len(narrow) - 1}):
        for value in (3, -1, 0, True, 2**53 + 1, -(2**53) - 1, np.float64(0.1), np.int8(-3)):
            if type(value) is np.float64 and narrow[place] == "x":
                continue  # it could lose digits: refused
            got = f(*floats[:place], value, *floats[place + 1 :])
            assert got == [*wanted[:place], expected(place, value), *wanted[place + 1 :]]
            assert type(got[place]) is float
        for value in (2**1100, "1", None, 1j):
            with pytest.raises(GraphcError):
                f(*floats[:place], value, *floats[place + 1 :])


def test_every_dtype_as_argument_and_result():
    for name in (
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
        "float32",
        "float64",
    ):
        x = g.symbol("x", dtype=name)
        f = g.compile((x, x + x, x > 1))
        largest = float(np.finfo(name).max) if name.startswith("f") else int(np.iinfo(name).max)
        with np.errstate(over="ignore"):
            expected = np.array([largest], dtype=name) + np.array([largest], dtype=name)
        assert f(largest) == (largest, expected[0].item(), True)
        assert type(f(largest)[0]) is (float if name.startswith("f") else int)
        array = np.array([0, 1, 2], dtype=name)
        same, double, greater = f(array)
        assert same.dtype == name and double.dtype == name and greater.dtype == bool
        assert (
            np.array_equal(same, array)
            and np.array_equal(double, array + array)
            and np.array_equal(greater, array > 1)
        )
    p = g.symbol("p", dtype="bool")
    f = g.compile([~p, g.where(p, 1, 2)])
    assert f(True) == [False, 1] and f(False) == [True, 2]
    assert np.array_equal(f(np.array([True, False]))[0], [False, True])


def test_float32_takes_python_floats_and_rounds_once():
    x = g.symbol("x", dtype="float32")
    f = g.compile(x * x)
    assert f(0.1) == float(np.float32(0.1) * np.float32(0.1))


@pytest.mark.parametrize("option", ["cache", "parallel"])
@pytest.mark.parametrize("value", ["no", "yes", None, 1, 0, 0.0, np.ones(2), [], "AUTO"])
def test_options_are_none_but_those_that_are_named(option, value):
    with pytest.raises(InputError, match=rf"compile\({option}=…\) takes True"):
        g.compile(g.symbol("x") + 1, **{option: value})


def test_compile_dtype_retypes_symbols_and_literals():
    x = g.symbol("x")
    f = g.compile(g.exp(x) * 0.1, dtype="float32")
    result = f(np.ones(3, dtype="float32"))
    assert result.dtype == np.float32
    with pytest.raises(DtypeError, match="float type"):
        g.compile(x, dtype="int32")


# --- structure ---------------------------------------------------------------------------------------------------------


def structures():
    x, y = g.symbols("x y")
    yield x + y, 5.0
    yield (x + y,), (5.0,)
    yield [x + y, x - y], [5.0, -1.0]
    yield (x, [y, (x * y, [])]), (2.0, [3.0, (6.0, [])])
    yield {"sum": x + y, "parts": [x, y]}, {"sum": 5.0, "parts": [2.0, 3.0]}
    yield Pair(x + y, x - y), Pair(5.0, -1.0)
    yield [Pair(x, y), {"k": 1.5}], [Pair(2.0, 3.0), {"k": 1.5}]
    yield (x, x, x), (2.0, 2.0, 2.0)


@pytest.mark.parametrize(("outputs", "expected"), list(structures()), ids=lambda value: repr(value)[:40])
def test_outputs_keep_their_structure(outputs, expected):
    x, y = g.symbols("x y")
    f = g.compile(outputs, [x, y])
    result = f(2.0, 3.0)
    assert result == expected and repr(result) == repr(expected)
    again = pickle.loads(pickle.dumps(f))(2, 3)
    assert again == expected and repr(again) == repr(expected)


def test_results_are_new_objects_each_time():
    x, y = g.symbols("x y")
    f = g.compile([x, y])
    first, second = f(1.0, 2.0), f(1.0, 2.0)
    first.append(3.0)
    assert second == [1.0, 2.0]


def test_no_references_leak():
    x, y = g.symbols("x y")
    f = g.compile((x + y, [x - y]))

    def plain(x, y):
        return (x + y, [x - y])

    argument, other = 1e10 + 0.5, 2e10 + 0.5
    f(argument, other)
    before = sys.getrefcount(argument)
    results = [f(argument, other) for _ in range(1000)]
    assert sys.getrefcount(argument) == before
    references = [plain(argument, other) for _ in range(1000)]
    for made, reference in zip(results, references, strict=True):
        assert sys.getrefcount(made) == sys.getrefcount(reference)
        assert sys.getrefcount(made[0]) == sys.getrefcount(reference[0])
        assert sys.getrefcount(made[1]) == sys.getrefcount(reference[1])
        assert sys.getrefcount(made[1][0]) == sys.getrefcount(reference[1][0])


def test_a_compiled_function_is_collected():
    x = g.symbol("x")
    f = g.compile(x + 1)
    assert f(1.0) == 2.0
    gone = weakref.ref(f)
    del f
    gc.collect()
    assert gone() is None


# --- arrays ------------------------------------------------------------------------------------------------------------

A = np.random.default_rng(7).normal(size=(4, 5, 6))
RECORD = np.zeros(4, dtype=[("flag", "i1"), ("value", "f8")])
RECORD["value"] = [1.0, 2.0, 3.0, 4.0]

LAYOUTS = {
    "contiguous": (A, A * 2, A * 3),
    "reversed": (A, A[::-1], A[:, ::-1]),
    "transposed": (A.T, A.T * 2, 1.5),
    "fortran": (np.asfortranarray(A), A, np.asfortranarray(A)),
    "all fortran": (np.asfortranarray(A), np.asfortranarray(A[::-1]), 2.0),
    "strided": (A[::2, ::-1, 1::2], A[0, 0, 0], A[1:3, :, :3]),
    "broadcast rows": (A, A[0, 0], A[:, :1]),
    "broadcast views": (np.broadcast_to(A[0], (4, 5, 6)), A, A[0]),
    "outer": (A[:, None], A[None], 3.0),
    "scalar and array": (2.0, A, np.array(3.0)),
    "one element": (np.ones((1, 1)), 2.0, np.ones((1,))),
    "empty": (np.empty((0, 3)), 1.0, np.ones(3)),
    "empty middle": (np.empty((2, 0, 3)), np.ones((2, 1, 3)), np.ones(3)),
    "integers": (np.arange(6), np.arange(6, dtype="int8"), np.arange(6, dtype="uint16")),
    "booleans": (np.array([True, False]), 2.0, 1.0),
    "float32": (np.ones(3, dtype="float32"), 0.5, np.ones(3)),
    "big endian": (A.astype(">f8"), A, 1.0),
    "unaligned": (RECORD["value"], RECORD["value"], 1.0),
    "read-only": (np.broadcast_to(1.5, (3,)), np.ones(3), 0.0),
    "lists": ([1.0, 2.0], [[1], [2]], 3),
    "many dimensions": (np.ones((1, 2) * 8), 2.0, np.ones((2, 1) * 8)),
}


@pytest.mark.parametrize("case", LAYOUTS)
def test_arrays_broadcast_as_numpy_does(fma, case):
    x, w, b = LAYOUTS[case]
    product, difference = fma(x, w, b)
    x, w, b = (np.asarray(value, dtype=np.float64) for value in (x, w, b))
    expected, minus = np.broadcast_arrays(x * w + b, x - w + 0 * b)[0], np.broadcast_arrays(x - w, b)[0]
    assert product.dtype == np.float64 and product.shape == expected.shape and product.flags.writeable
    assert difference.shape == minus.shape
    assert product.tobytes() == np.ascontiguousarray(expected).tobytes() or np.array_equal(product, expected)
    assert np.array_equal(difference, minus)


def test_a_fortran_result_for_fortran_operands(fma):
    assert fma(np.asfortranarray(A), 1.0, 2.0)[0].flags.f_contiguous
    assert fma(A, 1.0, 2.0)[0].flags.c_contiguous


def test_a_constant_does_not_take_the_shape_of_an_unused_input():
    x = g.symbol("x")
    f = g.compile(g.constant(3.0), [x])
    assert f(1.0) == 3.0
    assert f(np.zeros(3)) == 3.0
    assert g.compile(g.constant(2.5), [])() == 2.5


def test_scalar_and_array_agree_to_the_bit_on_transcendentals():
    x = g.symbol("x")
    values = np.random.default_rng(3).normal(size=33) * 10
    for name in ("exp", "sin", "tanh", "sigmoid", "erf", "gelu", "log1p", "digamma"):
        f = g.compile(getattr(g, name)(x))
        array = f(values)
        one_by_one = np.array([f(float(value)) for value in values])
        strided = f(np.repeat(values, 2)[::2])
        assert np.array_equal(array, one_by_one, equal_nan=True), name
        assert np.array_equal(array, strided, equal_nan=True), name


def test_many_patterns_fall_back_to_one_loop_for_all_strides():
    names = [f"x{number}" for number in range(6)]
    xs = g.symbols(names)
    total = xs[0]
    for x in xs[1:]:
        total = total + x
    f = g.compile(total, xs)
    for pattern in range(64):
        values = [np.arange(4.0) if pattern >> bit & 1 else 1.0 for bit in range(6)]
        expected = values[0]
        for value in values[1:]:
            expected = expected + value
        assert np.array_equal(f(*values), expected)


def test_large_bodies_call_the_scalar_code():
    x, y = g.symbols("x y")
    value = x
    for _ in range(400):
        value = value * y + 0.5
    f = g.compile([value, x > y], [x, y])
    xs, ys = np.linspace(-1, 1, 7)[:, None], np.array([0.5, 0.25])
    expected = xs + 0 * ys
    for _ in range(400):
        expected = expected * ys + 0.5
    assert np.array_equal(f(xs, ys)[0], expected)
    assert np.array_equal(f(xs, ys)[1], xs > ys)


def test_declared_shapes_are_checked_and_bound():
    X = g.symbol("X", shape=("n", 3))
    v = g.symbol("v", shape=(3,))
    s = g.symbol("s")
    f = g.compile([X * v + s, v * 2, s + 1])
    big, row = np.arange(12.0).reshape(4, 3), np.array([1.0, 2.0, 3.0])
    full, doubled, plus = f(big, row, 0.5)
    assert np.array_equal(full, big * row + 0.5)
    assert np.array_equal(doubled, row * 2)
    assert float(plus) == 1.5
    empty = f(np.empty((0, 3)), row, 0.5)
    assert empty[0].shape == (0, 3) and np.array_equal(empty[1], row * 2) and float(empty[2]) == 1.5
    with pytest.raises(ShapeError, match="'X'"):
        f(row, row, 0.5)
    with pytest.raises(ShapeError, match="'s' is a scalar"):
        f(big, row, np.ones(3))
    Y = g.symbol("Y", shape=("n",))
    Z = g.symbol("Z", shape=("n",))
    with pytest.raises(ShapeError, match="dimension 'n' is 3 in input 'Y' and 4 in input 'Z'"):
        g.compile(Y + Z)(np.ones(3), np.ones(4))


NUMBERS = [1.0, 2, True, np.float64(1.0), np.float32(1.0), np.int64(3), np.array(1.0)]


@pytest.mark.parametrize("build", ["one", "with a number", "two axes", "two results"])
@pytest.mark.parametrize("length", ["n", 3, 1])
def test_a_number_is_no_array_of_a_declared_shape(build, length):
    x, s = g.symbol("x", shape=(length,)), g.symbol("s")
    y = g.symbol("y", shape=(2, length))
    output, inputs = {
        "one": (g.exp(x), [x]),
        "with a number": (x * s, [x, s]),
        "two axes": (y * 2.0, [y]),
        "two results": ([x * s, s + 1], [x, s]),
    }[build]
    f = g.compile(output, inputs)
    f.wait()
    for value in NUMBERS:
        with pytest.raises(ShapeError, match="has shape"):
            f(value, *[2.0] * (len(inputs) - 1))


def test_c_calls_a_function_of_declared_shapes_with_arrays():
    x, s = g.symbol("x", shape=("n",)), g.symbol("s")
    f = g.compile(x * s + 1, [x, s])
    assert (
        f.c_signature == "int function(int64_t n, const double *restrict x, double s, double *restrict r0);"
    )
    kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int64, ctypes.c_void_p, ctypes.c_double, ctypes.c_void_p)
    given, out = np.arange(5.0), np.zeros(5)
    assert kind(f.address)(5, given.ctypes.data, 2.0, out.ctypes.data) == 0
    assert out.tolist() == [1.0, 3.0, 5.0, 7.0, 9.0]


# --- out= --------------------------------------------------------------------------------------------------------------


def test_out_is_written_and_returned(fma):
    product, difference = np.empty((2, 3)), np.empty((2, 3), order="F")
    x = np.arange(6.0).reshape(2, 3)
    result = fma(x, 2.0, 1.0, out=[product, difference])
    assert result[0] is product and result[1] is difference
    assert np.array_equal(product, x * 2 + 1) and np.array_equal(difference, x - 2)


def test_out_may_overlap_the_inputs(fma):
    x = np.arange(8.0)
    fma(x[:-1], 2.0, 1.0, out=[x[1:], np.empty(7)])
    assert np.array_equal(x, [0.0, *(np.arange(7.0) * 2 + 1)])
    y = np.arange(4.0)
    fma(y, y, y, out=[y, np.empty(4)])
    assert np.array_equal(y, np.arange(4.0) ** 2 + np.arange(4.0))


def test_out_in_odd_memory(fma):
    record = np.zeros(4, dtype=[("flag", "i1"), ("value", "f8")])
    fma(np.arange(4.0), 2.0, 1.0, out=[record["value"], np.empty(4)])
    assert np.array_equal(record["value"], [1, 3, 5, 7]) and not record["flag"].any()
    zero_d = np.empty(())
    fma(1.0, 2.0, 3.0, out=[zero_d, np.empty(())])
    assert zero_d == 5.0


@pytest.mark.parametrize(
    ("out", "error", "words"),
    [
        ([np.empty(3)], InputError, "1 array and"),
        ([np.empty(3), [1.0]], InputError, "out"),
        ([np.empty(3), np.empty(4)], ShapeError, r"\(4,\)"),
        ([np.empty(3), np.empty(3, dtype="float32")], DtypeError, "float32"),
        ([np.empty(3), np.broadcast_to(1.0, (3,))], InputError, "read-only"),
        ([np.zeros(3)] * 2, InputError, "share memory"),
    ],
)
def test_out_is_checked(fma, out, error, words):
    with pytest.raises(error, match=words):
        fma(np.ones(3), 1.0, 2.0, out=out)


# --- refusals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "kwargs", "error", "words"),
    [
        ((1.0, 2.0), {}, InputError, "no value for input 'b'"),
        ((1.0, 2.0, 3.0, 4.0), {}, ArityError, "3 arguments"),
        ((1.0, 2.0), {"q": 3.0}, InputError, "no input 'q'"),
        ((1.0, 2.0, 3.0), {"x": 1.0}, InputError, "given twice"),
        (("1.0", 2.0, 3.0), {}, DtypeError, "'x' got text"),
        ((1j, 2.0, 3.0), {}, DtypeError, "complex"),
        ((1.0, None, 3.0), {}, DtypeError, "'w'"),
        ((np.array([object()]), 2.0, 3.0), {}, DtypeError, "array of objects"),
        ((np.ones(3), np.ones(2), 1.0), {}, ShapeError, r"x: \(3,\), w: \(2,\)"),
        ((10**400, 1.0, 1.0), {}, DtypeError, "does not fit"),
        ((g.symbol("x"), 1.0, 1.0), {}, InputError, "expression"),
        (({}, 1.0, 1.0), {}, DtypeError, "'x'"),
    ],
)
def test_bad_arguments_are_named_with_the_users_line(fma, args, kwargs, error, words):
    with pytest.raises(error, match=words) as caught:
        fma(*args, **kwargs)
    assert caught.value.site is not None and caught.value.site.filename == __file__
    assert fma(1.0, 2.0, 3.0) == [5.0, -1.0]


def test_narrowing_casts_are_refused_with_a_word_on_astype():
    x = g.symbol("x", dtype="float32")
    n = g.symbol("n", dtype="int32")
    with pytest.raises(DtypeError, match="astype"):
        g.compile(x + 1)(np.ones(3))
    with pytest.raises(DtypeError, match="int32"):
        g.compile(n + 1)(1.5)
    with pytest.raises(DtypeError, match="fit"):
        g.compile(n + 1)(2**40)


def test_bad_declarations():
    x, y = g.symbols("x y")
    with pytest.raises(NameClashError, match="'x'"):
        g.compile(x + g.symbol("x", dtype="float32"))
    with pytest.raises(g.GraphcError, match="'y'"):
        g.compile(x + y, [x])
    with pytest.raises(g.GraphcError, match="listed twice"):
        g.compile(x + y, [x, y, x])
    with pytest.raises(g.GraphcError, match="not 3"):
        g.compile(x, [3])


# --- being an object -----------------------------------------------------------------------------------------------------


def test_pickle_holds_graph_and_options_never_code(fma):
    text = pickle.dumps(fma)
    again = pickle.loads(text)
    assert again(1.5, 2.5, 3.5) == fma(1.5, 2.5, 3.5)
    assert b"LLVM" not in text and b"ELF" not in text and len(text) < 5000


def test_signature_inputs_repr_and_views(fma):
    assert list(inspect.signature(fma).parameters) == ["x", "w", "b"]
    assert fma.inputs == ("x", "w", "b")
    assert "x, w, b" in repr(fma)
    assert "define" in fma.llvm and "fmul double" in fma.llvm
    assert "mul" in fma.asm and "ret" in fma.asm
    assert len(fma.graph) == 6


def test_an_input_named_out_or_oddly():
    out, odd = g.symbol("out"), g.symbol("a b")
    f = g.compile(out + odd, [out, odd])
    assert f(out=1.0, **{"a b": 2.0}) == 3.0


def test_address_is_a_c_function(fma):
    call = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(fma.address)
    given, taken = np.array([2.0, 3.0, 4.0]), np.empty(2)
    call(given.ctypes.data, taken.ctypes.data)
    assert taken.tolist() == [10.0, -1.0]


def test_many_threads_at_once():
    x, y = g.symbols("x y")
    f = g.compile([g.exp(x) * y, x + y])
    values = np.linspace(-1, 1, 1000)
    expected = f(values, 2.0)
    wrong = []

    def work(number):
        for round_ in range(50):
            layout = values[::-1] if (number + round_) % 2 else values
            a = f(layout, 2.0)[0]
            b = f(float(values[round_]), 2.0)[0]
            if (
                not np.array_equal(a if layout is values else a[::-1], expected[0])
                or b != expected[0][round_]
            ):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_threads_compile_at_once():
    x = g.symbol("x")
    results = {}

    def work(number):
        results[number] = g.compile(g.sin(x) * number)(1.0)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: math.sin(1.0) * number for number in range(8)}


def test_called_from_numba_code():
    import numba

    x, w = g.symbols("x w")
    n = g.symbol("n", dtype="int64")
    p = g.symbol("p", dtype="bool")
    one = g.compile(x * w, [x, w])
    nested = g.compile((x + w, [x - w, x * w]), [x, w])
    mixed = g.compile([x * 2, n + 1, ~p], [x, n, p])

    @numba.njit
    def total(count):
        sum_ = 0.0
        for i in range(count):
            a, (b, c) = nested(i * 0.5, 2.0)
            sum_ += one(a, 1.0) + b + c
        return sum_

    @numba.njit
    def use_mixed(x, n, p):
        return mixed(x, n, p)

    expected = sum((i * 0.5 + 2.0) + (i * 0.5 - 2.0) + i * 0.5 * 2.0 for i in range(10))
    assert total(10) == expected
    assert use_mixed(1.5, 2, True) == (3.0, 3, False)
    assert use_mixed(1.5, 2, False) == (3.0, 3, True)


def test_names_that_python_keeps_for_itself():
    for name in ("self", "args", "kwargs", "lambda", "None", "class"):
        symbol = g.symbol(name)
        assert g.compile(symbol * 2, [symbol])(**{name: 3.0}) == 6.0


def test_more_dimensions_than_numpy_broadcasts():
    with pytest.raises(ShapeError, match="32 dimensions"):
        g.compile(g.symbol("x") * 2)(np.ones((1,) * 33))


def test_integer_powers_of_unsigned_numbers():
    i, j = g.symbols("i j", dtype="uint64")
    base, exponent = np.array([2**64 - 1, 3], "u8"), np.array([1, 2**64 - 1], "u8")
    expected = [pow(int(a), int(b), 2**64) for a, b in zip(base, exponent, strict=True)]
    assert g.evaluate(i**j, {"i": base, "j": exponent}).tolist() == expected
    assert g.compile(i**j, [i, j])(base, exponent).tolist() == expected

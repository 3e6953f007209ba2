"""Truth values whose byte is neither 0 nor 1, as views of other memory hold them: any byte but 0 is true, as NumPy counts."""

from __future__ import annotations

import importlib.util
import itertools
import pickle

import numpy as np
import pytest

import graphc as g
from graphc.ir.expr import apply
from graphc.ir.op import all_ops

BYTES = np.array([0, 0, 0, 1, 2, 3, 4, 64, 127, 128, 254, 255], dtype=np.uint8)
RNG = np.random.default_rng(12)
RAW, OTHER = (RNG.choice(BYTES, size=(7, 9)) for _ in range(2))
NUMBERS = RNG.normal(size=(7, 9))

P, Q, X = g.symbol("p", dtype="bool"), g.symbol("q", dtype="bool"), g.symbol("x")
B, D = (g.symbol(name, shape=("n", "m"), dtype="bool") for name in "BD")
A = g.symbol("A", shape=("n", "m"))


def agree(outputs, symbols, dirty, clean, **options):
    """A function gives for bytes of every kind what it gives for 0 and 1; what it computes is 0 or 1, what it copies a byte."""
    f = g.compile(outputs, symbols, **options)
    for function in (f, pickle.loads(pickle.dumps(f))):
        for _ in range(3):
            for output, result, value in zip(outputs, function(*dirty), function(*clean), strict=True):
                np.testing.assert_array_equal(result, value, err_msg=str(output))
                if isinstance(result, np.ndarray) and result.dtype == np.bool_ and not output.op.on_arrays:
                    assert result.view(np.uint8).max(initial=0) <= 1, output
    return f


def elementwise():
    for op in all_ops():
        if op.arity and not (op.on_arrays or op.attributes or op.name == "astype"):
            for operands in itertools.product((P, Q, X), repeat=op.arity):
                if any(operand.dtype == P.dtype for operand in operands):
                    try:
                        yield apply(op, *operands)
                    except g.errors.GraphcError:
                        continue
    yield from (P.astype(dtype) for dtype in ("int8", "uint8", "int64", "float32", "float64"))
    yield from (g.where(P, X, -X), g.where(P & ~Q, X, 0.0), X * P, (P ^ Q) & P, g.where(Q, P, Q))


def layouts(array):
    yield array
    yield np.asfortranarray(array)
    yield np.repeat(array, 2, axis=1)[:, ::2]
    yield array[::-1, ::-1].copy()[::-1, ::-1]
    yield array[0, 3]
    yield array[:1]


PARTS = 6
"""Of the operations: a function of all of them takes minutes to compile for each layout."""


@pytest.mark.sample(PARTS)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("rewrite", [pytest.param(None, marks=pytest.mark.slow), "stable"])
def test_operations_on_elements(rewrite, part):
    outputs = [output for output in elementwise() if output.dtype.kind in "bf" or rewrite is None][
        part::PARTS
    ]
    assert len(outputs) > 60 // PARTS
    for p, q, x in zip(layouts(RAW), layouts(OTHER), layouts(NUMBERS), strict=True):
        dirty, clean = [p.view(np.bool_), q.view(np.bool_), x], [p != 0, q != 0, x]
        agree(outputs, [P, Q, X], dirty, clean, rewrite=rewrite)


def test_the_interpreter_counts_so_too():
    for output in elementwise():
        graph = g.Graph(output)
        values = [
            graph.forward({s.name: {"p": p, "q": q, "x": NUMBERS}[s.name] for s in graph.symbols})[
                graph.outputs[0]
            ]
            for p, q in ((RAW.view(np.bool_), OTHER.view(np.bool_)), (RAW != 0, OTHER != 0))
        ]
        np.testing.assert_array_equal(*values, err_msg=str(output))


def test_operations_on_arrays():
    reductions = (g.sum, g.prod, g.any, g.all, g.max, g.min, g.argmax, g.argmin, g.mean, g.cumsum)
    operands = (B, ~B, B & D, g.flip(B, axis=1), g.permute_dims(B, (1, 0)), B[1:, ::2], g.where(A > 0, B, D))
    outputs = [
        reduce(operand, axis=axis)
        for reduce in reductions
        for operand in operands
        for axis in ((None, 0, 1) if reduce is not g.cumsum else (0, 1))
    ]
    outputs += [
        g.sort(B, axis=1).astype("int64"), g.stack([B, D]), g.concat([B, D], axis=0), g.reshape(B, (-1,)), B[2], B[::-1, 1],
        g.take(B, np.array([1, 0, 1]), axis=0), g.where(B, A, 0.0), A.at[0].set(B[0]), g.pad(B, 1), g.roll(B, 2, axis=0),
        g.tile(B, 2), g.repeat(B, 2, axis=1), B.astype("float64") @ g.permute_dims(A, (1, 0)), A + B[:, 0][:, None], g.tril(B),
        g.equal(B, D), B < D, g.broadcast_to(B[0], (4, B.shape[1])), g.einsum("nm,nm->n", B.astype("int64"), D.astype("int64")),
    ]  # fmt: skip
    outputs = [output for output in outputs if isinstance(output, g.Expr)]
    dirty, clean = [RAW.view(np.bool_), OTHER.view(np.bool_), NUMBERS], [RAW != 0, OTHER != 0, NUMBERS]
    agree(outputs, [B, D, A], dirty, clean, rewrite=None)
    agree(outputs, [B, D, A], [np.asfortranarray(a) for a in dirty], clean)


def test_counts_are_numpys():
    """Beside NumPy's own results, whose sums, means and conversions of such arrays the function has."""
    array, plain = RAW.view(np.bool_), RAW != 0
    results = g.compile(
        [g.sum(B), g.mean(B, axis=0), g.any(B, axis=1), g.argmax(B, axis=1), B.astype("int32")], [B]
    )(array)
    wanted = [
        plain.sum(),
        plain.mean(axis=0),
        plain.any(axis=1),
        plain.argmax(axis=1),
        plain.astype(np.int32),
    ]
    for result, value in zip(results, wanted, strict=True):
        np.testing.assert_array_equal(result, value)


def test_constants_and_updates():
    constant = g.constant(RAW.view(np.bool_))
    np.testing.assert_array_equal(
        g.compile(g.where(constant, X, -1.0), [X])(2.0), np.where(RAW != 0, 2.0, -1.0)
    )
    np.testing.assert_array_equal(g.compile(g.sum(constant, axis=0), [])(), (RAW != 0).sum(axis=0))
    held = RAW.copy().view(np.bool_)
    g.compile(g.sum(A), [A, B], updates={B: ~B})(NUMBERS, held)
    np.testing.assert_array_equal(held.view(np.uint8), RAW == 0)


def test_an_exported_module(tmp_path):
    path = tmp_path / "masked.py"
    g.compile([g.where(P, X, 0.0), P & Q], [P, Q, X]).export(path, name="masked")
    spec = importlib.util.spec_from_file_location("masked", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    chosen, both = module.masked(RAW.view(np.bool_), OTHER.view(np.bool_), NUMBERS)
    np.testing.assert_array_equal(chosen, np.where(RAW != 0, NUMBERS, 0.0))
    np.testing.assert_array_equal(both, (RAW != 0) & (OTHER != 0))

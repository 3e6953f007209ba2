"""Activations at zeros of both signs, infinities, NaN and subnormals: one answer on every way, a zero's sign included."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as g
from graphc.ir.op import all_ops

ACTIVATIONS = [op.name for op in all_ops() if op.category == "activation"]

SPECIAL = {
    "float64": [
        0.0,
        -0.0,
        np.inf,
        -np.inf,
        np.nan,
        5e-324,
        -5e-324,
        1e-310,
        -1e-310,
        1.0,
        -1.0,
        1e-300,
        -1e-300,
        800.0,
        -800.0,
    ],
    "float32": [
        0.0,
        -0.0,
        np.inf,
        -np.inf,
        np.nan,
        1e-45,
        -1e-45,
        1e-40,
        -1e-40,
        1.0,
        -1.0,
        1e-30,
        -1e-30,
        100.0,
        -100.0,
    ],
}

KEEPS_THE_SIGN = ("elu", "selu", "leaky_relu", "silu", "gelu", "softsign", "hard_tanh")
"""As PyTorch's functions of these names do; those odd or smooth at 0 have −0.0 there."""


def kinds(values) -> np.ndarray:
    """NaN, infinity, zero or number, with the sign of all but NaN."""
    a = np.asarray(values, dtype=float)
    kind = np.select([np.isnan(a), np.isinf(a), a == 0], [9, 3, 1], 2)
    return np.where((kind != 9) & np.signbit(a), -kind, kind)


@pytest.mark.parametrize("dtype", SPECIAL)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_interpreter_numbers_and_arrays_agree(name, dtype):
    x = g.symbol("x", dtype=dtype)
    points = np.array(SPECIAL[dtype], dtype=dtype)
    value = getattr(g, name)(x)
    slope = g.grad(value, x)
    for output in (value, slope):
        graph = g.Graph(output, [x])
        wanted = np.broadcast_to(graph.forward({"x": points})[graph.outputs[0]], points.shape)
        f = g.compile(output, [x], rewrite=None)
        assert kinds(f(points)).tolist() == kinds(wanted).tolist(), output
        assert kinds(f(points[::-1])[::-1]).tolist() == kinds(wanted).tolist(), output
        assert [kinds(f(float(point))).item() for point in points] == kinds(wanted).tolist(), output
        alone = [graph.forward({"x": point})[graph.outputs[0]] for point in points]
        assert kinds(alone).tolist() == kinds(wanted).tolist(), output
    as_written = g.compile(value, [x], rewrite=None)(points)
    assert kinds(g.compile(value, [x])(points)).tolist() == kinds(as_written).tolist()


@pytest.mark.parametrize("dtype", SPECIAL)
@pytest.mark.parametrize("name", KEEPS_THE_SIGN)
def test_a_zero_keeps_its_sign(name, dtype):
    x = g.symbol("x", dtype=dtype)
    e = getattr(g, name)(x)
    for zero in (0.0, -0.0):
        for result in (
            g.compile(e)(zero),
            g.evaluate(e, {"x": zero}),
            g.compile(e)(np.full(40, zero, dtype=dtype))[-1],
        ):
            assert result == 0 and np.signbit(result) == np.signbit(zero)

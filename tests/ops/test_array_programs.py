"""Random programs over arrays: the interpreter against the same program in NumPy, forward against reverse mode."""

from __future__ import annotations

import warnings

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import graphc as g

LENGTHS = st.sampled_from([0, 1, 2, 3])
SHAPES = st.lists(LENGTHS, max_size=3).map(tuple)


def _axis(draw, array):
    return draw(st.integers(-array.ndim, array.ndim - 1))


def _reduce(draw, a):
    name = draw(st.sampled_from(["sum", "mean", "prod"]))
    axis = None if not a.ndim or draw(st.booleans()) else _axis(draw, a)
    keep = draw(st.booleans())
    return lambda x: getattr(g, name)(x, axis=axis, keepdims=keep), lambda x: getattr(np, name)(
        x, axis=axis, keepdims=keep
    )


def _softmax(draw, a):
    if not a.ndim:
        return None
    axis = _axis(draw, a)

    def plain(x):
        e = np.exp(x - x.max(axis=axis, keepdims=True, initial=-1e30))
        return e / e.sum(axis=axis, keepdims=True)

    return lambda x: g.softmax(x, axis=axis), plain


def _permute(draw, a):
    axes = tuple(draw(st.permutations(range(a.ndim))))
    return lambda x: g.permute_dims(x, axes), lambda x: np.transpose(x, axes)


def _reshape(draw, a):
    shape = (-1, 1) if a.size else a.shape[::-1]
    return lambda x: g.reshape(x, shape), lambda x: np.reshape(x, shape)


def _slice(draw, a):
    if not a.ndim:
        return None
    ends = st.one_of(st.none(), st.integers(-4, 4))
    key = slice(draw(ends), draw(ends), draw(st.sampled_from([None, 1, 2, -1, -2])))
    index = (*([slice(None)] * draw(st.integers(0, a.ndim - 1))), key)
    return lambda x: x[index], lambda x: x[index]


def _gather(draw, a):
    axis = _axis(draw, a) if a.ndim else 0
    if not a.ndim or not a.shape[axis]:
        return None
    places = np.array(draw(st.lists(st.integers(0, a.shape[axis] - 1), max_size=4)), dtype=np.int64)
    return lambda x: g.take(x, places, axis=axis), lambda x: np.take(x, places, axis=axis)


def _elementwise(draw, a):
    name = draw(st.sampled_from(["tanh", "sin", "exp2", "negative"]))
    return lambda x: getattr(g, name)(x * 0.5), lambda x: getattr(np, name)(x * x.dtype.type(0.5))


def _broadcast(draw, a):
    return lambda x: x + g.expand_dims(x, 0), lambda x: x + x[None]


def _matmul(draw, a):
    if a.ndim < 2:
        return None
    return lambda x: x @ x.mT * 0.25, lambda x: x @ np.swapaxes(x, -1, -2) * x.dtype.type(0.25)


def _joined(draw, a):
    if not a.ndim:
        return lambda x: g.stack([x, x * 2]), lambda x: np.stack([x, x * 2])
    axis = _axis(draw, a)
    return lambda x: g.concat([x, x * 2], axis=axis), lambda x: np.concatenate([x, x * 2], axis)


STEPS = (_reduce, _softmax, _permute, _reshape, _slice, _gather, _elementwise, _broadcast, _matmul, _joined)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_programs(data):
    draw = data.draw
    dtype = draw(st.sampled_from([np.float64, np.float32]))
    shape = draw(SHAPES)
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    point = rng.normal(size=shape).astype(dtype)
    layout = draw(st.sampled_from(["C", "F", "strided", "read-only"]))
    given_point = (
        np.repeat(point, 2, axis=-1)[..., ::2]
        if layout == "strided" and point.ndim
        else point.copy(order="F")
    )
    given_point.flags.writeable = layout != "read-only"
    x = g.symbol("x", shape=shape, dtype=dtype)
    expr, value = x, point
    for _ in range(draw(st.integers(1, 6))):
        if value.size > 500:
            break
        step = draw(st.sampled_from(STEPS))(draw, value)
        if step is None:
            continue
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # NumPy's word on the mean of nothing
            expr, value = step[0](expr), np.asarray(step[1](value))
    assert expr.dtype == value.dtype == dtype and expr.shape == value.shape
    found = np.asarray(g.evaluate(expr, {"x": given_point}))
    scale = max(1.0, np.abs(value[np.isfinite(value)]).max(initial=0))
    tolerance = 2000 * np.finfo(dtype).eps * scale
    np.testing.assert_allclose(found, value, rtol=0, atol=tolerance)
    if "…" not in str(expr) and "array<" not in str(expr):  # shortened, or with a constant that has no text
        assert g.parse(str(expr), symbols=[x]) is expr
    u, v = rng.normal(size=shape).astype(dtype), rng.normal(size=expr.shape).astype(dtype)
    along = np.asarray(g.evaluate(g.jvp(expr, x, u), {"x": point}))
    back = np.asarray(g.evaluate(g.vjp(expr, x, v), {"x": point}))
    assert g.jvp(expr, x, u).dtype == g.vjp(expr, x, v).dtype == dtype
    left, right = np.sum(along * v, dtype=np.float64), np.sum(back * u, dtype=np.float64)
    size = max(1.0, np.sum(np.abs(along * v), dtype=np.float64), np.sum(np.abs(back * u), dtype=np.float64))
    if np.isfinite(left) and np.isfinite(right):
        # each side sums up to 500 products; in float32 the values themselves differ in the last digits
        assert abs(left - right) <= 5000 * np.finfo(dtype).eps * size


def test_long_chains_do_not_recurse():
    """4,000 operations on arrays, built, differentiated both ways, printed, saved and evaluated."""
    x, W = g.symbol("x", shape=3), g.symbol("W", shape=(3, 3))
    y = x
    for _ in range(1000):
        y = g.tanh(W @ y)[::-1] + g.mean(y)
    point = {"x": np.array([0.1, 0.2, 0.3]), "W": np.eye(3) / 2}
    down = g.grad(g.sum(y), x)
    along = g.jvp(y, x, 1.0)
    total = np.sum(g.evaluate(down, point))
    assert abs(total - np.sum(g.evaluate(along, point))) <= 1e-9 * max(1, abs(total))
    assert str(y) and g.Graph(y).digest

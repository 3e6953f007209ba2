"""Plain NumPy for what the layers compute, sharing no code with them."""

from __future__ import annotations

import numpy as np

import graphc as g

EPS = np.finfo(np.float64).eps


def at(model, expr, inputs=None, **arrays):
    """The value of an expression with a model's values for its parameters."""
    point = {**model.values, **arrays, **(inputs or {})}
    return np.asarray(g.evaluate(expr, point))


def close(found, wanted, ulps=64):
    """Within some roundings of the largest element."""
    found, wanted = np.asarray(found), np.asarray(wanted)
    assert found.shape == wanted.shape, (found.shape, wanted.shape)
    assert np.isfinite(found).all()
    scale = max(1.0, np.abs(wanted).max(initial=0))
    error = np.abs(found - wanted).max(initial=0)
    assert error <= ulps * EPS * scale, error / EPS / scale


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def log_softmax(z):
    return z - np.log(np.exp(z - z.max(-1, keepdims=True)).sum(-1, keepdims=True)) - z.max(-1, keepdims=True)


def difference(model, expr, name, rng, **arrays):
    """(derivative of a scalar along a random direction of a parameter by its gradient, the same by differences)."""
    symbol = {**model.parameters, **{s.name: s for s in model.inputs}}[name]
    point = {**model.values, **arrays}
    u = rng.normal(size=symbol.shape if name in model.values else np.shape(arrays[name]))
    slope = np.sum(np.asarray(g.evaluate(g.grad(expr, symbol), point)) * u)
    f = lambda t: float(g.evaluate(expr, {**point, name: point[name] + t * u}))
    h = 1e-3
    return slope, (8 * (f(h) - f(-h)) - (f(2 * h) - f(-2 * h))) / (12 * h)

"""Plain NumPy for what the layers compute, sharing no code with them."""

from __future__ import annotations

import numpy as np

import graphc as g
from graphc import nn
from graphc.ir import dims

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


def batch(symbol, n, seed=0):
    return np.random.default_rng(seed).normal(size=(n, *symbol.shape[1:]))


def check(layer, symbol, plain, n, **inputs):
    """A layer against plain NumPy, its gradients against differences, its second derivatives by two ways."""
    model = nn.Model(layer, symbol, seed=3)
    rng = np.random.default_rng(4)
    for key in model.parameters:  # biases too are no zeros
        model.values[key] = rng.normal(size=model.values[key].shape)
    x = inputs.pop("x", None)
    x = batch(symbol, n) if x is None else x
    wanted = plain(model.values, x, **inputs)
    close(at(model, model.output, x=x, **inputs), wanted)
    close(model.predict(x, *inputs.values()), wanted)
    if n != 3:
        return
    known = zip(model.output.shape[1:], wanted.shape[1:], strict=True)
    assert all(length == found or isinstance(length, dims.Name) for length, found in known)
    along = [1 if isinstance(length, dims.Name) else length for length in model.output.shape[1:]]
    loss = g.sum(g.sin(model.output) * np.linspace(-1, 1, int(np.prod(along))).reshape(along))
    for key in [*model.parameters, "x"]:
        slope, rate = difference(model, loss, key, rng, x=x, **inputs)
        assert abs(slope - rate) <= 1e-7 * max(1, abs(slope)), key
    # a second derivative: forward over reverse against reverse over reverse
    target = next(iter(model.parameters.values()), symbol)
    u = g.symbol("u", shape=target.shape)
    direction = rng.normal(size=x.shape if target is symbol else target.shape)
    one, two = g.hvp(loss, target, u), g.grad(g.sum(g.grad(loss, target) * u), target)
    close(at(model, one, x=x, u=direction, **inputs), at(model, two, x=x, u=direction, **inputs), 4096)

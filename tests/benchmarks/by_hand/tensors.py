"""Programs over tensors with their gradients, written by hand with NumPy: what someone writes who has no framework.

Each takes a program's inputs by name and returns its results as a list. In float64 they are what the frameworks' results are
compared with; nothing of graphc or of a framework is in them.
"""

from __future__ import annotations

import numpy as np


def two_layers(x, y, w1, w2, rate=1e-4):
    h = 1 / (1 + np.exp(-(x @ w1)))
    error = h @ w2 - y
    loss = np.square(error).sum()
    d = 2 * error
    dw2 = h.T @ d
    dw1 = x.T @ (d @ w2.T * h * (1 - h))
    w1 -= rate * dw1
    w2 -= rate * dw2
    return [loss, w1, w2]


def cross_entropy(z, labels):
    """(mean loss, its gradient)"""
    rows = np.arange(len(z))
    shifted = z - z.max(axis=1, keepdims=True)
    grown = np.exp(shifted)
    total = grown.sum(axis=1, keepdims=True)
    loss = (np.log(total)[:, 0] - shifted[rows, labels]).mean()
    grown /= total
    grown[rows, labels] -= 1
    grown /= len(z)
    return loss, grown


def cross_entropy_and_grad(z, labels):
    return list(cross_entropy(z, labels))


def layer_norm(x, scale, shift, adjoint, epsilon=1e-5):
    away = x - x.mean(axis=1, keepdims=True)
    rate = 1 / np.sqrt(np.square(away).mean(axis=1, keepdims=True) + x.dtype.type(epsilon))
    unit = away * rate
    d = adjoint * scale
    dx = rate * (d - d.mean(axis=1, keepdims=True) - unit * (d * unit).mean(axis=1, keepdims=True))
    return [unit * scale + shift, dx, (adjoint * unit).sum(axis=0), adjoint.sum(axis=0)]


def _logsumexp(z, axis):
    top = z.max(axis=axis, keepdims=True)
    grown = np.exp(z - top)
    total = grown.sum(axis=axis, keepdims=True)
    return np.squeeze(top + np.log(total), axis), grown / total


def mixture(x, a, mu, q, lower):
    n, d = x.shape
    grown = np.exp(q)
    factor = np.tril(lower, -1) + grown[:, :, None] * np.eye(d)
    centred = x - mu[:, None, :]
    away = centred @ factor.swapaxes(1, 2)
    terms = (a + q.sum(axis=1))[:, None] - 0.5 * np.square(away).sum(axis=2)
    each, shares = _logsumexp(terms, 0)
    whole, weights = _logsumexp(a, 0)
    held = shares.sum(axis=1)
    back = shares[:, :, None] * away
    dfactor = -back.swapaxes(1, 2) @ centred
    dmu = np.squeeze(back.sum(axis=1)[:, None, :] @ factor, 1)
    dq = held[:, None] + grown * np.diagonal(dfactor, axis1=1, axis2=2)
    return [each.sum() - n * whole, held - n * weights, dmu, dq, np.tril(dfactor, -1)]


def k_means(x, c):
    square = -2 * (x @ c.T)
    square += np.square(c).sum(axis=1)
    nearest = square.argmin(axis=1)
    away = c[nearest] - x
    counted = np.zeros_like(c)
    for k in range(len(c)):
        counted[k] = 2 * away[nearest == k].sum(axis=0)
    return [np.square(away).sum(), counted]


def logistic(x, y, w, b):
    z = y * (x @ w + b)
    t = np.exp(-np.abs(z))
    loss = (np.log1p(t) + np.maximum(-z, 0)).mean()
    d = -y * np.where(z > 0, t, 1) / (1 + t) / len(y)
    return [loss, d @ x, d.sum()]


def _windows(x, height, width):
    return np.lib.stride_tricks.sliding_window_view(x, (height, width), axis=(2, 3))


def _conv(x, k, b):
    """Σ K[c′, c, h, w] X[n, c, i+h, j+w] + b[c′]"""
    out = np.tensordot(_windows(x, *k.shape[2:]), k, ((1, 4, 5), (1, 2, 3)))
    return out.transpose(0, 3, 1, 2) + b[:, None, None]


def _conv_back(d, x, k):
    """(by x, by k, by b)"""
    height, width = k.shape[2:]
    dk = np.tensordot(d, _windows(x, height, width), ((0, 2, 3), (0, 2, 3)))
    padded = np.pad(d, ((0, 0), (0, 0), (height - 1, height - 1), (width - 1, width - 1)))
    dx = np.tensordot(_windows(padded, height, width), k[:, :, ::-1, ::-1], ((1, 4, 5), (0, 2, 3)))
    return dx.transpose(0, 3, 1, 2), dk, d.sum(axis=(0, 2, 3))


def _pool(x):
    """(the largest of 2×2, where it was)"""
    n, c, h, w = x.shape
    fours = x.reshape(n, c, h // 2, 2, w // 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(n, c, h // 2, w // 2, 4)
    place = fours.argmax(axis=4)[..., None]
    return np.take_along_axis(fours, place, 4)[..., 0], place


def _pool_back(d, place):
    n, c, h, w = d.shape
    fours = np.zeros((n, c, h, w, 4), d.dtype)
    np.put_along_axis(fours, place, d[..., None], 4)
    return fours.reshape(n, c, h, w, 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(n, c, 2 * h, 2 * w)


def lenet_scores(x, k1, b1, k2, b2, w3, b3, w4, b4):
    hidden = _pool(_conv(x, k1, b1))[0]
    hidden = _pool(_conv(hidden, k2, b2))[0].reshape(len(x), -1)
    return [np.maximum(hidden @ w3 + b3, 0) @ w4 + b4]


def lenet(x, labels, k1, b1, k2, b2, w3, b3, w4, b4, rate=1e-3):
    h1, place1 = _pool(_conv(x, k1, b1))
    h2, place2 = _pool(_conv(h1, k2, b2))
    flat = h2.reshape(len(x), -1)
    h3 = np.maximum(flat @ w3 + b3, 0)
    loss, d4 = cross_entropy(h3 @ w4 + b4, labels)
    d3 = d4 @ w4.T * (h3 > 0)
    d2 = _pool_back((d3 @ w3.T).reshape(h2.shape), place2)
    dh1, dk2, db2 = _conv_back(d2, h1, k2)
    _, dk1, db1 = _conv_back(_pool_back(dh1, place1), x, k1)
    gradients = (dk1, db1, dk2, db2, flat.T @ d3, d3.sum(axis=0), h3.T @ d4, d4.sum(axis=0))
    parameters = [k1, b1, k2, b2, w3, b3, w4, b4]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter -= rate * gradient
    return [loss, *parameters]


def layers(depth, x, labels, rate=0.0025, **parameters):
    hidden = [x]
    for k in range(depth):
        hidden.append(np.maximum(hidden[-1] @ parameters[f"w{k}"] + parameters[f"b{k}"], 0))
    loss, d = cross_entropy(hidden[-1] @ parameters[f"w{depth}"] + parameters[f"b{depth}"], labels)
    for k in range(depth, -1, -1):
        dw, db = hidden[k].T @ d, d.sum(axis=0)
        if k:
            d = d @ parameters[f"w{k}"].T * (hidden[k] > 0)
        parameters[f"w{k}"] -= rate * dw
        parameters[f"b{k}"] -= rate * db
    return [loss, *(parameters[f"{kind}{k}"] for k in range(depth + 1) for kind in "wb")]

"""Each layer against NumPy written out, its gradients against differences, and what it refuses."""

from __future__ import annotations

import math

import numpy as np
import pytest

import graphc as g
from graphc import nn
from graphc.errors import DtypeError, ExpressionError, InputError, NameClashError, ShapeError
from tests.nn.networks import at, batch, check, close
from tests.ops.image_cases import np_conv2d, np_pool

X = g.symbol("x", shape=("n", 5))
I = g.symbol("x", shape=("n", 2, 7, 6))
S = g.symbol("x", shape=("n", 4, 3))


def affine(v, x, name="affine1"):
    return x @ v[f"{name}.weight"].T + v[f"{name}.bias"]


def recurrent(v, x, last=True):
    h, states = np.zeros((len(x), v["recurrent1.state"].shape[0])), []
    for step in range(x.shape[1]):
        h = np.tanh(x[:, step] @ v["recurrent1.input"].T + h @ v["recurrent1.state"].T + v["recurrent1.bias"])
        states.append(h)
    return h if last else np.stack(states, 1)


def conv(v, x, name="conv1", stride=(1, 1), padding=((0, 0), (0, 0))):
    return np_conv2d(x, v[f"{name}.weight"], stride, padding) + v[f"{name}.bias"][:, None, None]


def layer_norm(v, x, axes):
    centred = x - x.mean(axes, keepdims=True)
    return (
        centred / np.sqrt((centred**2).mean(axes, keepdims=True) + 1e-5) * v["norm1.weight"] + v["norm1.bias"]
    )


def batch_norm(v, x):
    scale, shift = (v[f"norm1.{name}"][:, None, None] for name in ("weight", "bias"))
    return x / np.sqrt(1 + 1e-5) * scale + shift


def maxout(v, x):
    return affine(v, x, "maxout1").reshape(len(x), 3, 2).max(-1)


CASES = {
    "affine": (nn.Affine(4), X, affine),
    "affine without bias": (nn.Affine(4, bias=False), X, lambda v, x: x @ v["affine1.weight"].T),
    "affine on sequences": (nn.Linear(2), S, affine),
    "conv": (nn.Conv2d(3, (3, 2)), I, conv),
    "conv with all": (nn.Conv2d(4, 3, (2, 1), 1), I, lambda v, x: conv(v, x, "conv1", (2, 1), ((1, 1), (1, 1)))),
    "conv same": (nn.Conv2d(2, (3, 4), padding="same"), I, lambda v, x: conv(v, x, padding=((1, 1), (1, 2)))),
    "reduction layer": (nn.Conv2d(1, 1, bias=False), I, lambda v, x: np.einsum("oc,nchw->nohw", v["conv1.weight"][..., 0, 0], x)),
    "max pool": (nn.MaxPool2d(2), I, lambda v, x: np_pool(np.max, x, (2, 2))),
    "avg pool": (nn.AvgPool2d(3, 2, 1), I, lambda v, x: np_pool(np.mean, x, (3, 3), (2, 2), ((1, 1), (1, 1)))),
    "flatten": (nn.Flatten(), I, lambda v, x: x.reshape(len(x), -1) if len(x) else x.reshape(0, 84)),
    "maxout": (nn.Maxout(3, 2), X, maxout),
    "relu": (nn.ReLU, X, lambda v, x: np.maximum(x, 0)),
    "leaky relu": (nn.LeakyReLU(0.1), X, lambda v, x: np.where(x > 0, x, 0.1 * x)),
    "elu": (nn.ELU(0.5), X, lambda v, x: np.where(x > 0, x, 0.5 * np.expm1(x))),
    "a function": (g.tanh, X, lambda v, x: np.tanh(x)),
    "softmax": (nn.Softmax, X, lambda v, x: np.exp(x) / np.exp(x).sum(-1, keepdims=True)),
    "layer norm": (nn.LayerNorm(), X, lambda v, x: layer_norm(v, x, -1)),
    "layer norm of images": (nn.LayerNorm(3), I, lambda v, x: layer_norm(v, x, (1, 2, 3))),
    "batch norm": (nn.BatchNorm(), I, batch_norm),
    "dropout": (nn.Dropout(0.3), X, lambda v, x: x),
    "residual": (nn.Residual(nn.Affine(5), g.tanh), X, lambda v, x: x + np.tanh(affine(v, x, "residual1.affine1"))),
    "residual with a shortcut": (
        nn.Residual(nn.Affine(3), shortcut=nn.Affine(3, bias=False)), X,
        lambda v, x: x @ v["residual1.shortcut.weight"].T + affine(v, x, "residual1.affine1"),
    ),
    "inception": (
        nn.Inception(nn.Conv2d(2, 1), [nn.Conv2d(1, 1), nn.Conv2d(3, 3, padding=1)], nn.MaxPool2d(3, 1, 1)), I,
        lambda v, x: np.concatenate([
            conv(v, x, "inception1.branch1"),
            conv(v, conv(v, x, "inception1.branch2.conv1"), "inception1.branch2.conv2", padding=((1, 1), (1, 1))),
            np_pool(np.max, x, (3, 3), (1, 1), ((1, 1), (1, 1)), -np.inf),
        ], 1),
    ),
    "recurrent": (nn.Recurrent(3), S, recurrent),
    "recurrent, all states": (nn.Recurrent(2, last=False), S, lambda v, x: recurrent(v, x, False)),
    "sequential": (
        nn.Sequential(nn.Affine(4), nn.Sigmoid, last=nn.Affine(2)), X,
        lambda v, x: affine(v, 1 / (1 + np.exp(-affine(v, x))), "last"),
    ),
}  # fmt: skip


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("n", [0, 1, 3])
def test_layer(name, n):
    layer, symbol, plain = CASES[name]
    check(layer, symbol, plain, n)


def test_affine_of_the_lecture():
    """O = W·X + b·1ᵀ with samples as columns is the transpose of the layer's rows."""
    model = nn.Model(nn.Affine(4), X)
    model.values["affine1.bias"] = np.arange(4.0)
    x = batch(X, 3)
    W, b = model.values["affine1.weight"], model.values["affine1.bias"]
    close(at(model, model.output, x=x).T, W @ x.T + np.outer(b, np.ones(3)))


def test_batch_norm_in_training():
    model = nn.Model(nn.BatchNorm(momentum=0.2), I)
    assert model.count == 4 and set(model.buffers) == {"norm1.mean", "norm1.variance"}
    assert model.output is not model.training_output
    x = 3 + 2 * batch(I, 5)
    mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3))
    wanted = (x - mean[:, None, None]) / np.sqrt(var + 1e-5)[:, None, None]
    close(at(model, model.training_output, x=x), wanted)
    updates = {key: at(model, expr, x=x) for key, expr in model.buffer_updates.items()}
    close(updates["norm1.mean"], 0.2 * mean)
    close(updates["norm1.variance"], 0.8 + 0.2 * x.var((0, 2, 3), ddof=1))
    model.values.update(updates)
    close(
        model.predict(x),
        (x - 0.2 * mean[:, None, None]) / np.sqrt(updates["norm1.variance"] + 1e-5)[:, None, None],
    )
    flat = nn.Model(nn.BatchNorm(), X)
    y = batch(X, 4)
    close(at(flat, flat.training_output, x=y), (y - y.mean(0)) / np.sqrt(y.var(0) + 1e-5))


@pytest.mark.parametrize("symbol", [X, g.symbol("x", shape=(1, 5))], ids=["named", "fixed"])
def test_batch_norm_of_a_single_sample_keeps_the_running_variance(symbol):
    """There is no unbiased variance of one value; the last batch of an epoch may well be of one."""
    model = nn.Model(nn.BatchNorm(), symbol)
    updates = {key: at(model, expr, x=batch(X, 1)) for key, expr in model.buffer_updates.items()}
    np.testing.assert_array_equal(updates["norm1.variance"], np.ones(5))
    close(updates["norm1.mean"], 0.1 * batch(X, 1)[0])
    images = nn.Model(nn.BatchNorm(), I)
    one = batch(I, 1)
    found = at(images, images.buffer_updates["norm1.variance"], x=one)
    close(found, 0.9 + 0.1 * one.var((0, 2, 3), ddof=1))


def test_dropout_takes_its_mask():
    model = nn.Model(nn.Sequential(nn.Affine(4), nn.Dropout(0.25)), X)
    (mask, keep) = model.masks["dropout1.mask"]
    assert keep == 0.75 and mask.dtype == np.bool_ and mask.shape == ("n", 4)
    x = batch(X, 1000)
    drawn = model.draw_masks(np.random.default_rng(0), {X: x})
    kept = drawn["dropout1.mask"]
    # 4,000 draws: six standard deviations
    assert kept.shape == (1000, 4) and abs(kept.mean() - 0.75) <= 6 * np.sqrt(0.75 * 0.25 / 4000)
    close(at(model, model.training_output, x=x, **drawn), np.where(kept, model.predict(x) / 0.75, 0))
    again = model.draw_masks(np.random.default_rng(0), {X: x})
    np.testing.assert_array_equal(again["dropout1.mask"], kept)
    assert nn.Model(nn.Dropout(0), X).training_output is X


def test_types_follow_the_input():
    x = g.symbol("x", shape=("n", 1, 8, 8), dtype="float32")
    layers = nn.Sequential(
        nn.Conv2d(2, 3),
        nn.BatchNorm(),
        nn.ELU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(),
        nn.Maxout(3),
        nn.LayerNorm(),
    )
    model = nn.Model(layers, x)
    assert model.output.dtype == model.training_output.dtype == np.float32
    assert {array.dtype.name for array in model.values.values()} == {"float32"}
    labels = g.symbol("labels", shape=("n",), dtype="int64")
    loss = nn.cross_entropy(model.training_output, labels)
    for derivative in g.grad(loss, list(model.parameters.values())):
        types = {node.dtype.name for node in g.Graph(derivative).exprs}
        assert derivative.dtype == np.float32 and "float64" not in types


def test_what_layers_refuse():
    with pytest.raises(ShapeError, match=r"affine1.weight.*lengths must be known"):
        nn.Model(nn.Affine(3), g.symbol("x", shape=("n", "m")))
    with pytest.raises(ShapeError, match="takes images"):
        nn.Model(nn.Conv2d(3, 3), X)
    with pytest.raises(ShapeError, match="window of 9"):
        nn.Model(nn.Conv2d(3, 9), I)
    with pytest.raises(ShapeError, match="residual block adds"):
        nn.Model(nn.Residual(nn.Affine(4)), X)
    with pytest.raises(ShapeError, match="takes sequences"):
        nn.Model(nn.Recurrent(3), g.symbol("x", shape=("n", 3)))
    with pytest.raises(ExpressionError, match="cannot be dropped"):
        nn.Model(nn.Dropout(1.0), X)
    with pytest.raises(ExpressionError, match="class Affine is no layer"):
        nn.Sequential(nn.Affine)
    with pytest.raises(ExpressionError, match="is no layer"):
        nn.Sequential(3)
    with pytest.raises(ExpressionError, match="built on an expression"):
        nn.Model(nn.Affine(3), np.ones(3))
    with pytest.raises(ExpressionError, match="not an expression"):
        nn.Model(nn.Sequential(lambda x: 3), X)
    with pytest.raises(NameClashError, match="affine1"):
        nn.Sequential(nn.Affine(3), affine1=nn.Affine(3))
    with pytest.raises(ShapeError, match="batch of features"):
        nn.Model(nn.BatchNorm(), g.symbol("x", shape=("n",)))
    with pytest.raises(ExpressionError, match="'same'"):
        nn.Model(nn.Conv2d(3, 3, padding="full"), I)
    with pytest.raises(ExpressionError, match="rows and columns"):
        nn.Model(nn.Conv2d(3, (3, 3, 3)), I)
    with pytest.raises(ExpressionError, match="cannot be dropped"):
        nn.Model(nn.Dropout("half"), X)
    for init in ("he", None):
        with pytest.raises(ExpressionError, match=r"'affine1.weight' begins as .*no initialiser"):
            nn.Model(nn.Affine(3, init=init), X)
    for make in (nn.LeakyReLU, nn.ELU):
        for none in ("a", math.nan, True):
            with pytest.raises(InputError, match=r"(slope|alpha) is a number"):
                make(none)
    for wrong in ({"momentum": 2}, {"momentum": "a"}, {"epsilon": -1}, {"epsilon": math.nan}):
        with pytest.raises(ExpressionError, match=f"the {next(iter(wrong))} of BatchNorm"):
            nn.Model(nn.BatchNorm(**wrong), X)
    with pytest.raises(InputError, match="a seed of 'one'"):
        nn.Model(nn.Affine(3), X, seed="one")
    for layer in (nn.Affine, nn.Maxout, nn.Recurrent, lambda none: nn.Maxout(2, none)):
        for none in (0, -2, 2.5, "3"):
            with pytest.raises(InputError, match=f"{none!r} (units|functions)|length {none!r}"):
                nn.Model(layer(none), S)
    for none in (0, 1.5):
        with pytest.raises(InputError, match="output channels"):
            nn.Model(nn.Conv2d(none, 3), I)
        with pytest.raises(InputError, match="kernel of length"):
            nn.Model(nn.Conv2d(3, (none, 1)), I)


def test_parameters_are_floats():
    """Of whole numbers every initial weight would be 0."""
    x = g.symbol("x", shape=("n", 5), dtype="uint8")
    with pytest.raises(DtypeError, match=r"'affine1.weight' would be uint8"):
        nn.Model(nn.Affine(2), x)
    assert nn.Model(nn.Affine(2), x.astype("float32") / 255).output.dtype == np.float32

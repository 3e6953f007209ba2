"""Layers of sequences and volumes against NumPy written out step by step, and their gradients against differences."""

# ruff: noqa: E501  a row of the tables is a line

from __future__ import annotations

import numpy as np
import pytest

import graphc as g
from graphc import nn, train
from graphc.errors import DtypeError, ExpressionError, GraphcError, InputError, ShapeError
from tests.nn.networks import at, batch, check, close, sigmoid
from tests.ops.image_cases import np_conv2d_input_grad

S = g.symbol("x", shape=("n", 4, 3))
T = g.symbol("x", shape=("n", "steps", 3))
LENGTHS = g.symbol("lengths", shape=("n",), dtype="int64")


# --- cells, one step of one sequence ------------------------------------------------------------------------------------


def lstm_cell(v, x, h, c):
    total = v["input"] @ x + v["state"] @ h + v["bias"]
    i, f, new, o = np.split(total, 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(new)
    return sigmoid(o) * np.tanh(c), c


def gru_cell(v, x, h, c):
    given, onward = np.split(v["input"] @ x + v["bias"], 3), np.split(v["state"] @ h, 3)
    reset, keep = sigmoid(given[0] + onward[0]), sigmoid(given[1] + onward[1])
    new = np.tanh(given[2] + reset * (onward[2] + v["new_bias"]))
    return (1 - keep) * new + keep * h, c


def plain_cell(v, x, h, c):
    return np.tanh(v["input"] @ x + v["state"] @ h + v["bias"]), c


def through(cell, values, prefix, x, lengths, reverse, start=None):
    """One layer, sequence by sequence and step by step: results (n, steps, units) and the last states."""
    v = {
        key.removeprefix(f"{prefix}."): value for key, value in values.items() if key.startswith(f"{prefix}.")
    }
    units = v["state"].shape[1]
    results, ends = np.zeros((*x.shape[:2], units)), np.zeros((2, len(x), units))
    for place, sequence in enumerate(x):
        h, c = np.zeros((2, units)) if start is None else (start[0][place], start[1][place])
        count = len(sequence) if lengths is None else min(int(lengths[place]), len(sequence))
        for step in range(count - 1, -1, -1) if reverse else range(count):
            h, c = cell(v, sequence[step], h, c)
            results[place, step] = h
        ends[:, place] = h, c
    return results, ends


def network(cell, name, layers=1, both=False, last=True):
    def plain(values, x, lengths=None):
        for number in range(layers):
            prefix = f"{name}1.layer{number + 1}" if layers > 1 else f"{name}1"
            ways = [("forward", False), ("backward", True)] if both else [("", False)]
            parts = [
                through(cell, values, f"{prefix}.{way}" if way else prefix, x, lengths, reverse)
                for way, reverse in ways
            ]
            x = np.concatenate([results for results, _ in parts], 2)
        return np.concatenate([ends[0] for _, ends in parts], 1) if last else x

    return plain


RECURRENT = {
    "recurrent, named": (nn.Recurrent(3), T, network(plain_cell, "recurrent")),
    "lstm": (nn.LSTM(2), S, network(lstm_cell, "lstm")),
    "lstm, all": (nn.LSTM(2, last=False), T, network(lstm_cell, "lstm", last=False)),
    "lstm, two layers": (nn.LSTM(2, layers=2), S, network(lstm_cell, "lstm", 2)),
    "lstm, both ways": (nn.LSTM(2, bidirectional=True, last=False), S, network(lstm_cell, "lstm", 1, True, False)),
    "lstm, both ways, two layers": (nn.LSTM(2, layers=2, bidirectional=True), S, network(lstm_cell, "lstm", 2, True)),
    "lstm, checkpoints": (nn.LSTM(2, checkpoint="sqrt"), S, network(lstm_cell, "lstm")),
    "gru": (nn.GRU(2), S, network(gru_cell, "gru")),
    "gru, both ways": (nn.GRU(3, bidirectional=True, last=False), S, network(gru_cell, "gru", 1, True, False)),
}  # fmt: skip


@pytest.mark.sample(2)
@pytest.mark.parametrize("n", [0, 3])
@pytest.mark.parametrize("name", RECURRENT)
def test_recurrent_layers(name, n):
    layer, symbol, plain = RECURRENT[name]
    check(layer, symbol, plain, n, x=np.random.default_rng(0).normal(size=(n, 4, 3)))


PACKED = {
    "recurrent": (nn.Recurrent, plain_cell, {}),
    "lstm": (nn.LSTM, lstm_cell, {}),
    "lstm, both ways": (nn.LSTM, lstm_cell, {"bidirectional": True}),
    "gru, all": (nn.GRU, gru_cell, {"last": False}),
}


@pytest.mark.parametrize("name", PACKED)
def test_states_stop_at_the_lengths(name):
    layer, cell, options = PACKED[name]
    plain = network(
        cell,
        layer.kind,
        options.get("layers", 1),
        options.get("bidirectional", False),
        options.get("last", True),
    )
    check(layer(2, lengths=LENGTHS, **options), S, plain, 3, lengths=np.array([4, 0, 2]))


def test_what_is_behind_the_lengths_does_not_matter():
    model = nn.Model(nn.LSTM(3, layers=2, bidirectional=True, lengths=LENGTHS, last=False), S)
    x, lengths = batch(S, 3), np.array([1, 4, 2])
    other = x.copy()
    for place, length in enumerate(lengths):
        other[place, length:] = np.nan
    np.testing.assert_array_equal(model.predict(x, lengths), model.predict(other, lengths))


@pytest.mark.parametrize("kind, cell", [("lstm", lstm_cell), ("gru", gru_cell)])
def test_states_of_ones_own(kind, cell):
    """Results and states from given states; the second half goes on where the first ended."""
    made = {"lstm": nn.LSTM, "gru": nn.GRU}[kind](2, layers=2)

    class Whole(nn.Layer):
        kind = "whole"

        def build(self, x, scope):
            first, states = made.run(x[:, :2], scope.inside("own"))
            return g.concat(first, *(g.stack(*each, axis=1) for each in states), axis=1)

    class Halves(nn.Layer):
        kind = "halves"

        def build(self, x, scope):
            declared = nn.layer.Declared(False)
            first, states = made.run(x[:, :2], scope.inside("own"))
            second, ends = made.run(x[:, 2:], nn.Scope(declared, f"{scope.path}.own"), states)
            return g.concat(first, second, *(g.stack(*each, axis=1) for each in ends), axis=1)

    model = nn.Model(Halves(), S, seed=2)
    x = batch(S, 3)
    found = model.predict(x)
    below, ends = through(cell, model.values, "halves1.own.layer1", x, None, False)
    top, last = through(cell, model.values, "halves1.own.layer2", below, None, False)
    close(found[:, :4], top)
    close(found[:, 4:6], np.stack([ends[0], last[0]], 1))
    if kind == "lstm":
        close(found[:, 6:8], np.stack([ends[1], last[1]], 1))
    assert nn.Model(Whole(), S).output.shape == ("n", 4 if kind != "lstm" else 6, 2)


def test_time_is_cut_where_a_batch_ends():
    """With `carried` the state goes on from batch to batch in training, and no derivative goes back beyond."""
    x = g.symbol("x", shape=(2, 3, 1))
    target = g.symbol("target", shape=(2,))
    model = nn.Model(nn.Sequential(nn.LSTM(2, carried=True), nn.Affine(1)), x, seed=1)
    loss = nn.mean_squared_error(model.training_output[:, 0], target)
    optimiser = train.SGD(0.0)
    step = train.Step(model, loss, optimiser, [x, target])
    series = np.random.default_rng(3).normal(size=(2, 9, 1))
    start = np.zeros((2, 2, 2))
    for first in (0, 3, 6):
        piece = series[:, first : first + 3]
        step({x: piece, target: np.zeros(2)}, 0.0)
        _, start = through(lstm_cell, model.values, "lstm1", piece, None, False, start)
        close(model.values["lstm1.hidden"][0], start[0])
        close(model.values["lstm1.cell"][0], start[1])
    assert set(model.buffers) == {"lstm1.hidden", "lstm1.cell"} and len(model.parameters) == 5
    with pytest.raises(ShapeError, match="lengths must be known"):
        nn.Model(nn.LSTM(2, carried=True), S)


# --- attention ----------------------------------------------------------------------------------------------------------


def np_attention(q, k, v, allowed=None):
    """Query by query."""
    out = np.zeros((*q.shape[:-1], v.shape[-1]))
    for place in np.ndindex(*q.shape[:-2]):
        for i in range(q.shape[-2]):
            keys = [j for j in range(k.shape[-2]) if allowed is None or allowed[place][i, j]]
            if keys:
                scores = np.array([q[place][i] @ k[place][j] / np.sqrt(q.shape[-1]) for j in keys])
                weights = np.exp(scores - scores.max())
                out[place][i] = sum(
                    w * v[place][j] for w, j in zip(weights / weights.sum(), keys, strict=True)
                )
    return out


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_attention(causal, masked):
    rng = np.random.default_rng(1)
    q, k, v = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 5, 4)), rng.normal(size=(2, 5, 2))
    mask = rng.random((2, 3, 5)) < 0.5 if masked else np.ones((2, 3, 5), bool)
    mask[0, 1] &= not masked  # a query that may attend to none
    allowed = mask & (np.arange(5) <= np.arange(3)[:, None]) if causal else mask
    x, y, z = (g.symbol(name, shape=each.shape) for name, each in (("q", q), ("k", k), ("v", v)))
    out = nn.attention(x, y, z, mask if masked else None, causal=causal)
    close(g.compile(out, [x, y, z])(q, k, v), np_attention(q, k, v, allowed))
    loss, point = g.sum(g.sin(out)), {"q": q, "k": k, "v": v}
    for symbol, slope in zip((x, y, z), g.evaluate(g.grad(loss, [x, y, z]), point), strict=True):
        u = rng.normal(size=slope.shape)
        f = lambda t, name=symbol.name, u=u: g.evaluate(loss, {**point, name: point[name] + t * u})
        rate = (8 * (f(1e-3) - f(-1e-3)) - (f(2e-3) - f(-2e-3))) / 12e-3
        assert abs(np.sum(slope * u) - rate) < 1e-9


def np_heads(v, x, heads, prefix, lengths=None, causal=False, memory=None):
    other = x if memory is None else memory
    parts = []
    for name, of in (("query", x), ("key", other), ("value", other)):
        wide = of @ v[f"{prefix}.{name}.weight"].T + v[f"{prefix}.{name}.bias"]
        parts.append(np.stack(np.split(wide, heads, axis=2), 1))
    allowed = np.ones((len(x), heads, x.shape[1], other.shape[1]), bool)
    if lengths is not None:
        allowed &= (np.arange(other.shape[1]) < lengths[:, None])[:, None, None, :]
    if causal:
        allowed &= np.tri(x.shape[1], other.shape[1], dtype=bool)
    joined = np.concatenate(list(np.moveaxis(np_attention(*parts, allowed), 1, 0)), axis=2)
    return joined @ v[f"{prefix}.out.weight"].T + v[f"{prefix}.out.bias"]


E = g.symbol("x", shape=("n", "steps", 4))


@pytest.mark.parametrize(
    "options, inputs",
    [({}, {}), ({"causal": True}, {}), ({"lengths": LENGTHS}, {"lengths": np.array([3, 1, 0])})],
)
def test_heads_of_attention(options, inputs):
    plain = lambda v, x, lengths=None: np_heads(v, x, 2, "attention1", lengths, "causal" in options)
    x = np.random.default_rng(2).normal(size=(3, 3, 4))
    check(nn.Attention(2, **options), E, plain, 3, x=x, **inputs)


def test_attention_to_other_sequences():
    memory = g.symbol("memory", shape=("n", 5, 6))
    others = 0.3 * np.random.default_rng(5).normal(size=(3, 5, 6))
    plain = lambda v, x, memory: np_heads(v, x, 2, "attention1", memory=memory)
    check(nn.Attention(2, memory=memory), g.symbol("x", shape=("n", 3, 4)), plain, 3, memory=others)


def np_block(v, x, lengths=None, causal=False, p="transformer1"):
    def norm(x, name):
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
        return scaled * v[f"{p}.{name}.weight"] + v[f"{p}.{name}.bias"]

    x = x + np_heads(v, norm(x, "norm1"), 2, f"{p}.attention", lengths, causal)
    wide = np.tanh(norm(x, "norm2") @ v[f"{p}.affine1.weight"].T + v[f"{p}.affine1.bias"])
    return x + wide @ v[f"{p}.affine2.weight"].T + v[f"{p}.affine2.bias"]


def test_a_block_of_a_transformer():
    layer = nn.TransformerBlock(2, hidden=5, causal=True, activation=g.tanh)
    x = np.random.default_rng(2).normal(size=(3, 3, 4))
    check(layer, E, lambda v, x: np_block(v, x, causal=True), 3, x=x)
    dropped = nn.Model(nn.TransformerBlock(2, dropout=0.5), E)
    assert len(dropped.masks) == 2 and nn.Model(nn.TransformerBlock(2), E).output.shape == ("n", "steps", 4)


# --- tables -------------------------------------------------------------------------------------------------------------


def test_rows_of_a_table():
    letters = g.symbol("letters", shape=("n", "steps"), dtype="int64")
    model = nn.Model(nn.Sequential(nn.Embedding(5, 3), nn.Positions(4)), letters, seed=1)
    given = np.array([[0, 4, 2], [1, 1, 3]])
    wanted = model.values["embedding1.weight"][given] + model.values["positions1.weight"][:3]
    close(model.predict(given), wanted, 0)
    slope = g.grad(g.sum(model.output * 2), model.parameters["embedding1.weight"])
    counts = np.bincount(given.ravel(), minlength=5)[:, None] * 2.0
    np.testing.assert_array_equal(at(model, slope, letters=given), np.broadcast_to(counts, (5, 3)))
    with pytest.raises(GraphcError, match="5"):
        model.predict(np.array([[5]]))
    with pytest.raises(GraphcError):
        model.predict(np.zeros((1, 5), int))
    single = nn.Model(nn.Embedding(5, 3, dtype="float32"), letters)
    assert (
        single.output.dtype == np.float32
        and abs(nn.Model(nn.Embedding(400, 30), letters).values["embedding1.weight"].std() - 1) < 0.05
    )  # 12,000 draws: seven standard deviations


# --- convolutions -------------------------------------------------------------------------------------------------------


def np_conv(x, kernel, bias, stride, padding):
    """Any number of axes, place by place."""
    axes = kernel.ndim - 2
    around = np.pad(x, ((0, 0), (0, 0), *padding))
    places = [(n - k) // s + 1 for n, k, s in zip(around.shape[2:], kernel.shape[2:], stride, strict=True)]
    out = np.zeros((len(x), len(kernel), *places))
    every = tuple(range(1, kernel.ndim))
    for place in np.ndindex(*places):
        begins = [p * s for p, s in zip(place, stride, strict=True)]
        inside = tuple(slice(b, b + k) for b, k in zip(begins, kernel.shape[2:], strict=True))
        window = around[(slice(None), slice(None), *inside)]
        out[(slice(None), slice(None), *place)] = np.tensordot(window, kernel, (every, every))
    return out + bias.reshape(-1, *(1,) * axes)


def np_transposed(x, kernel, bias, stride, padding, extra):
    """Each element spreads the kernel around its place."""
    axes = kernel.ndim - 2
    size = kernel.shape[2:]
    lengths = [(n - 1) * s + k + e for n, s, k, e in zip(x.shape[2:], stride, size, extra, strict=True)]
    out = np.zeros((len(x), kernel.shape[1], *lengths))
    for place in np.ndindex(*x.shape[2:]):
        at_ = tuple(slice(p * s, p * s + k) for p, s, k in zip(place, stride, size, strict=True))
        out[(slice(None), slice(None), *at_)] += np.einsum(
            "nc,co...->no...", x[(slice(None), slice(None), *place)], kernel
        )
    cut = tuple(slice(b, n - a) for (b, a), n in zip(padding, lengths, strict=True))
    return out[(slice(None), slice(None), *cut)] + bias.reshape(-1, *(1,) * axes)


def conv_case(layer, shape, stride, padding):
    plain = lambda v, x: np_conv(x, v["conv1.weight"], v["conv1.bias"], stride, padding)
    return layer, g.symbol("x", shape=("n", *shape)), plain


def transposed_case(layer, shape, stride, padding, extra):
    plain = lambda v, x: np_transposed(
        x, v["transposed1.weight"], v["transposed1.bias"], stride, padding, extra
    )
    return layer, g.symbol("x", shape=("n", *shape)), plain


CONVOLUTIONS = {
    "1d": conv_case(nn.Conv1d(3, 2), (2, 6), (1,), ((0, 0),)),
    "1d, stride and padding": conv_case(nn.Conv1d(2, 3, 2, 1), (2, 7), (2,), ((1, 1),)),
    "1d, same": conv_case(nn.Conv1d(2, 4, padding="same"), (1, 5), (1,), ((1, 2),)),
    "3d": conv_case(nn.Conv3d(2, (2, 1, 2)), (2, 4, 3, 3), (1, 1, 1), ((0, 0),) * 3),
    "3d, stride and padding": conv_case(nn.Conv3d(2, (3, 2, 2), (2, 1, 2), (1, 0, 1)), (2, 4, 3, 3), (2, 1, 2), ((1, 1), (0, 0), (1, 1))),
    "3d, same": conv_case(nn.Conv3d(1, 2, padding="same"), (1, 2, 3, 2), (1, 1, 1), ((0, 1),) * 3),
    "1d transposed": transposed_case(nn.ConvTranspose1d(2, 3, 2, 1, 1), (2, 4), (2,), ((1, 1),), (1,)),
    "2d transposed": transposed_case(nn.ConvTranspose2d(2, (3, 2), (2, 1)), (2, 3, 2), (2, 1), ((0, 0),) * 2, (0, 0)),
    "2d transposed, cut": transposed_case(nn.ConvTranspose2d(1, 3, 2, ((1, 0), (0, 2)), (1, 0)), (2, 3, 2), (2, 2), ((1, 0), (0, 2)), (1, 0)),
    "3d transposed": transposed_case(nn.ConvTranspose3d(2, 2), (1, 2, 2, 3), (1, 1, 1), ((0, 0),) * 3, (0, 0, 0)),
    "3d transposed, cut": transposed_case(nn.ConvTranspose3d(1, (3, 2, 2), (2, 3, 1), (1, 0, 1), (1, 2, 0)), (2, 3, 2, 2), (2, 3, 1), ((1, 1), (0, 0), (1, 1)), (1, 2, 0)),
}  # fmt: skip


@pytest.mark.sample(2)
@pytest.mark.parametrize("n", [0, 3])
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolutions(name, n):
    check(*CONVOLUTIONS[name], n)


def test_a_transposed_convolution_is_what_one_hands_back():
    x = g.symbol("x", shape=("n", 2, 3, 4))
    model = nn.Model(nn.ConvTranspose2d(3, 2, 2, bias=False), x)
    value = batch(x, 2)
    wanted = np_conv2d_input_grad(value, model.values["transposed1.weight"], (6, 8), (2, 2))
    close(model.predict(value), wanted)


# --- refusals -----------------------------------------------------------------------------------------------------------

V = g.symbol("v", shape=("n", 2, 4, 4, 4))
REFUSED = {
    "no sequences": (lambda: nn.Model(nn.LSTM(3), V), ShapeError, "takes sequences"),
    "no units": (lambda: nn.Model(nn.GRU(0), S), InputError, "length 0"),
    "no layers": (lambda: nn.Model(nn.LSTM(2, layers=0), S), InputError, "0 layers"),
    "lengths that are an array": (lambda: nn.LSTM(2, lengths=[1, 2]), ExpressionError, "lengths are an expression"),
    "lengths of floats": (lambda: nn.Model(nn.LSTM(2, lengths=g.symbol("l", shape=("n",))), S), DtypeError, "whole numbers"),
    "lengths of others": (lambda: nn.Model(nn.LSTM(2, lengths=g.symbol("l", shape=("m",), dtype="int64")), S), ShapeError, "one for each sequence"),
    "heads": (lambda: nn.Model(nn.Attention(3), E), ShapeError, "multiple of 3"),
    "mask": (lambda: nn.attention(E, E, E, mask=np.ones((3, 3))), DtypeError, "booleans"),
    "keys": (lambda: nn.attention(E, S, S), ShapeError, "do not fit"),
    "scale": (lambda: nn.attention(E, E, E, scale="big"), InputError, "scale is a number"),
    "embedding of floats": (lambda: nn.Model(nn.Embedding(3, 2), S), DtypeError, "whole numbers"),
    "too many steps": (lambda: nn.Model(nn.Positions(2), S), ShapeError, "no rows for 4 steps"),
    "kernel": (lambda: nn.Model(nn.Conv3d(2, (1, 2)), V), ExpressionError, "has 3 lengths"),
    "kernel of nothing": (lambda: nn.Model(nn.Conv1d(2, 0), S), InputError, "length 0"),
    "padding": (lambda: nn.Model(nn.Conv1d(2, 3, padding="full"), S), ExpressionError, "'same'"),
    "deep window": (lambda: nn.Model(nn.Conv3d(2, 5), V), ShapeError, "window of 5"),
    "images for volumes": (lambda: nn.Model(nn.Conv3d(2, 2), S), ShapeError, "takes volumes"),
    "unknown depth": (lambda: nn.Model(nn.Conv3d(2, 2), g.symbol("v", shape=("n", 1, "d", 4, 4))), ShapeError, "known depth"),
    "extra": (lambda: nn.Model(nn.ConvTranspose1d(2, 3, 2, 0, 2), S), ShapeError, "no less than the stride"),
    "cut away": (lambda: nn.Model(nn.ConvTranspose1d(2, 3, 1, 3), S), ShapeError, "leaves nothing"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name):
    wrong, error, words = REFUSED[name]
    with pytest.raises(error, match=words):
        wrong()

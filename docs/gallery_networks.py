"""The networks of the gallery, drawn as books draw them: `make_gallery.py` writes their pictures and their page."""

from __future__ import annotations

import numpy as np

import graphc as g
from graphc import nn
from graphc.viz import Diagram


def neurons() -> Diagram:
    layers = nn.Sequential(nn.Affine(5), g.tanh, nn.Affine(4), g.tanh, nn.Affine(2), g.softmax)
    model = nn.Model(layers, g.symbol("x", shape=("n", 3)), seed=1)
    return g.draw(model, at={"x": [[1.0, -2.0, 0.5]]}, style="network")


def many_neurons() -> Diagram:
    layers = nn.Sequential(nn.Affine(128), nn.ReLU, nn.Affine(64), nn.ReLU, nn.Affine(10), g.softmax)
    model = nn.Model(layers, g.symbol("pixels", shape=("n", 784)), seed=1)
    return g.draw(model, style="network", page="slide")


def plain_formula() -> Diagram:
    x, W_1, W_2 = g.symbol("x", shape=(3,)), g.symbol("W_1", shape=(4, 3)), g.symbol("W_2", shape=(2, 4))
    at = {
        "x": [1, -2, 0.5],
        "W_1": np.sin(np.arange(12.0)).reshape(4, 3),
        "W_2": np.cos(np.arange(8.0)).reshape(2, 4),
    }
    return g.draw(W_2 @ g.tanh(W_1 @ x), at=at, name="y", style={"base": "dark", "drawing": "network"})


def vgg() -> Diagram:
    layers = []
    for count, channels in ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)):
        convs = [nn.Conv2d(channels, 3, padding="same", init=nn.zeros) for _ in range(count)]
        layers += [part for conv in convs for part in (conv, nn.ReLU)] + [nn.MaxPool2d(2)]
    layers += [
        nn.Flatten(),
        nn.Affine(4096, init=nn.zeros),
        nn.ReLU,
        nn.Affine(4096, init=nn.zeros),
        nn.ReLU,
        nn.Affine(1000),
    ]
    images = g.symbol("images", shape=("n", 3, 224, 224), dtype="float32")
    return g.draw(nn.Model(nn.Sequential(*layers), images), style="network", page="slide")


def resnet() -> Diagram:
    def conv(channels: int, size: int, stride: int = 1) -> nn.Sequential:
        return nn.Sequential(
            nn.Conv2d(channels, size, stride, size // 2, bias=False, init=nn.zeros), nn.BatchNorm()
        )

    layers = [conv(64, 7, 2), nn.ReLU, nn.MaxPool2d(3, 2, 1)]
    for count, channels in ((3, 64), (4, 128), (6, 256), (3, 512)):
        for stride in [1 if channels == 64 else 2] + [1] * (count - 1):
            past = conv(channels, 1, 2) if stride == 2 else None
            layers += [
                nn.Residual(conv(channels, 3, stride), nn.ReLU, conv(channels, 3), shortcut=past),
                nn.ReLU,
            ]
    layers += [nn.AvgPool2d(7), nn.Flatten(), nn.Affine(1000)]
    images = g.symbol("images", shape=("n", 3, 224, 224), dtype="float32")
    return g.draw(nn.Model(nn.Sequential(*layers), images), style="network", page="slide")


def inception() -> Diagram:
    branches = [
        [nn.Conv2d(64, 1), nn.ReLU],
        [nn.Conv2d(96, 1), nn.ReLU, nn.Conv2d(128, 3, padding="same"), nn.ReLU],
    ]
    branches += [
        [nn.Conv2d(16, 1), nn.ReLU, nn.Conv2d(32, 5, padding="same"), nn.ReLU],
        [nn.MaxPool2d(3, 1, 1), nn.Conv2d(32, 1), nn.ReLU],
    ]
    images = g.symbol("x", shape=("n", 192, 28, 28), dtype="float32")
    return g.draw(nn.Model(nn.Inception(*branches), images), style="network", page="slide")


class Level(nn.Layer):
    """A level of a U-Net: two convolutions, what is below, and two more on both."""

    kind = "level"

    def __init__(self, channels: int, below: nn.Layer) -> None:
        twice = [nn.Conv2d(channels, 3, padding="same", init=nn.zeros), nn.ReLU] * 2
        self.down, self.up = nn.Sequential(*twice), nn.Sequential(*twice)
        self.below = nn.Sequential(nn.MaxPool2d(2), below, nn.ConvTranspose2d(channels, 2, 2, init=nn.zeros))

    def build(self, x: g.Expr, scope: nn.Scope) -> g.Expr:
        down = scope.apply("down", self.down, x)
        return scope.apply("up", self.up, g.concat(down, scope.apply("below", self.below, down), axis=1))


def u_net() -> Diagram:
    bottom = nn.Sequential(*[nn.Conv2d(512, 3, padding="same", init=nn.zeros), nn.ReLU] * 2)
    layers = nn.Sequential(Level(64, Level(128, Level(256, bottom))), nn.Conv2d(2, 1))
    image = g.symbol("image", shape=("n", 1, 256, 256), dtype="float32")
    return g.draw(nn.Model(layers, image), style="network", page="slide")


def lstm() -> Diagram:
    x, h, c = (g.symbol(name, shape=("n", units)) for name, units in (("x", 3), ("h", 4), ("c", 4)))
    W, U, b = (
        {k: g.symbol(f"{name}_{k}", shape=(*rows, 4)) for k in "fiog"}
        for name, rows in (("W", (3,)), ("U", (4,)), ("b", ()))
    )
    z = {k: x @ W[k] + h @ U[k] + b[k] for k in "fiog"}
    cell = g.sigmoid(z["f"]) * c + g.sigmoid(z["i"]) * g.tanh(z["g"])
    return g.draw({"c'": cell, "h'": g.sigmoid(z["o"]) * g.tanh(cell)}, style="network")


def recurrent() -> Diagram:
    layers = nn.Sequential(nn.Embedding(10_000, 64), nn.LSTM(128), nn.Affine(2), g.softmax)
    words = g.symbol("words", shape=("n", "steps"), dtype="int64")
    return g.draw(nn.Model(layers, words), style="network")


def transformer() -> Diagram:
    x = g.symbol("x", shape=("n", "steps", 64))
    return g.draw(nn.Model(nn.TransformerBlock(8), x), style="network")


def attention() -> Diagram:
    x = g.symbol("x", shape=("n", "steps", 64))
    return g.draw(nn.Model(nn.TransformerBlock(8), x), style="network", collapse=(), page="slide")


NETWORKS = {
    "network_neurons": (
        "A network as in textbooks",
        "Lines are weights: solid blue if positive, dashed orange if negative, and wider for larger absolute values. "
        "Neurons show their values if an input is given.",
        neurons,
    ),
    "network_many": (
        "Many neurons",
        "If there are many units, some in the middle are left out.",
        many_neurons,
    ),
    "network_formula": (
        "Read from a formula",
        "`W @ x` is recognised as a layer, without a model; here in dark colours.",
        plain_formula,
    ),
    "network_vgg": (
        "VGG-16",
        "Feature maps are drawn as blocks; height shows the rows, thickness the channels.",
        vgg,
    ),
    "network_resnet": ("ResNet-34", "Identical consecutive blocks are drawn once.", resnet),
    "network_inception": ("An inception module as blocks", "", inception),
    "network_unet": ("U-Net", "Each size of feature maps is drawn on its own level.", u_net),
    "network_lstm": ("A step of an LSTM", "A sum of matrix products is one layer.", lstm),
    "network_recurrent": ("An LSTM over a sequence", "", recurrent),
    "network_transformer": ("A block of a transformer", "", transformer),
    "network_attention": (
        "The same with the attention block expanded",
        "`collapse=()` expands every layer.",
        attention,
    ),
}
"""Name → heading, what there is to see, and how it is made."""

"""AlexNet, VGG-16, GoogLeNet and ResNet-34: built from layers, counted from the graph, drawn as blocks.

The parameters are counted as they are declared, the multiplications from the shapes in the graph: each output of a convolution or
an affine layer sums a product for each of its weights. AlexNet has two groups of channels in the paper, because its two graphics
cards did not share a memory; here it is the form in one piece. ResNet-34 has batch normalisation after each convolution and
GoogLeNet none, and the classifiers that help to train GoogLeNet are left out.

Run: python examples/famous_networks.py [directory for the figures]
"""

import sys
from math import prod
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import graphc as g
from graphc import nn

plt.style.use("graphc.viz.slides")

later = lambda rng, shape: np.zeros(
    shape, np.float32
)  # nothing is trained here, so nothing needs to be drawn


def conv(channels, size, stride=1, padding="same", bias=True):
    return nn.Conv2d(channels, size, stride, padding, bias=bias, init=later)


def units(*widths):
    """Affine layers with ReLU between them."""
    return [part for width in widths for part in (nn.Affine(width, init=later), nn.ReLU)][:-1]


def alexnet():
    return nn.Sequential(
        conv1=nn.Sequential(conv(64, 11, 4, 2), nn.ReLU, nn.MaxPool2d(3, 2)),
        conv2=nn.Sequential(conv(192, 5), nn.ReLU, nn.MaxPool2d(3, 2)),
        conv3=nn.Sequential(conv(384, 3), nn.ReLU),
        conv4=nn.Sequential(conv(256, 3), nn.ReLU),
        conv5=nn.Sequential(conv(256, 3), nn.ReLU, nn.MaxPool2d(3, 2)),
        classifier=nn.Sequential(nn.Flatten(), *units(4096, 4096, 1000)),
    )


def vgg16():
    blocks = {}
    for k, (count, channels) in enumerate(((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)), 1):
        parts = [part for _ in range(count) for part in (conv(channels, 3), nn.ReLU)]
        blocks[f"{count} conv 3×3, {channels}" + (" again" if k == 5 else "")] = nn.Sequential(
            *parts, nn.MaxPool2d(2)
        )
    return nn.Sequential(**blocks, classifier=nn.Sequential(nn.Flatten(), *units(4096, 4096, 1000)))


def googlenet():
    def inception(one, reduce3, three, reduce5, five, pool):
        return nn.Inception(
            [conv(one, 1), nn.ReLU], [conv(reduce3, 1), nn.ReLU, conv(three, 3), nn.ReLU],
            [conv(reduce5, 1), nn.ReLU, conv(five, 5), nn.ReLU], [nn.MaxPool2d(3, 1, 1), conv(pool, 1), nn.ReLU],
        )  # fmt: skip

    smaller = lambda: nn.MaxPool2d(3, 2, ((0, 1), (0, 1)))
    return nn.Sequential(
        stem=nn.Sequential(conv(64, 7, 2, 3), nn.ReLU, smaller(), conv(64, 1), nn.ReLU, conv(192, 3), nn.ReLU, smaller()),
        **{"2 inceptions, 3a–3b": nn.Sequential(
               inception(64, 96, 128, 16, 32, 32), inception(128, 128, 192, 32, 96, 64), smaller()),
           "5 inceptions, 4a–4e": nn.Sequential(
               inception(192, 96, 208, 16, 48, 64), inception(160, 112, 224, 24, 64, 64), inception(128, 128, 256, 24, 64, 64),
               inception(112, 144, 288, 32, 64, 64), inception(256, 160, 320, 32, 128, 128), smaller()),
           "2 inceptions, 5a–5b": nn.Sequential(
               inception(256, 160, 320, 32, 128, 128), inception(384, 192, 384, 48, 128, 128))},
        classifier=nn.Sequential(nn.AvgPool2d(7), nn.Flatten(), *units(1000)),
    )  # fmt: skip


def resnet34():
    def basic(channels, stride=1):
        shortcut = nn.Sequential(conv(channels, 1, 2, 0, bias=False), nn.BatchNorm()) if stride > 1 else None
        return nn.Residual(
            conv(channels, 3, stride, 1, bias=False), nn.BatchNorm(), nn.ReLU, conv(channels, 3, bias=False), nn.BatchNorm(),
            shortcut=shortcut,
        )  # fmt: skip

    stages = {}
    for count, channels in ((3, 64), (4, 128), (6, 256), (3, 512)):
        parts = [
            part
            for k in range(count)
            for part in (basic(channels, 2 if k == 0 and channels > 64 else 1), nn.ReLU)
        ]
        stages[f"{count} blocks, {channels}"] = nn.Sequential(*parts)
    stem = nn.Sequential(conv(64, 7, 2, 3, bias=False), nn.BatchNorm(), nn.ReLU, nn.MaxPool2d(3, 2, 1))
    return nn.Sequential(
        stem=stem, **stages, classifier=nn.Sequential(nn.AvgPool2d(7), nn.Flatten(), *units(1000))
    )


def multiplications(output):
    """For one image."""
    count = 0
    for node in g.Graph(output).exprs:
        if node.op.name == "conv2d":
            count += prod(node.shape[1:]) * prod(node.operands[1].shape[1:])
        elif node.op.name == "matmul":
            count += prod(node.shape[1:]) * node.operands[0].shape[-1]
    return count


NETWORKS = {  # name: layers, the parameters that are known, year, layers with weights along the longest way
    "AlexNet": (alexnet, 61_100_840, 2012, 8), "VGG-16": (vgg16, 138_357_544, 2014, 16),
    "GoogLeNet": (googlenet, 6_998_552, 2014, 22), "ResNet-34": (resnet34, 21_797_672, 2015, 34),
}  # fmt: skip


def main(output_dir="."):
    directory = Path(output_dir)
    directory.mkdir(parents=True, exist_ok=True)
    images = g.symbol("images", shape=("n", 3, 224, 224), dtype="float32")
    found, drawn = {}, {}
    for name, (make, known, year, depth) in NETWORKS.items():
        layers = make()
        model = nn.Model(layers, images)
        assert model.output.shape == ("n", 1000) and model.count == known, (name, model.count)
        found[name] = model.count / 1e6, multiplications(model.output) / 1e9
        print(
            f"{name:10s} {year} {depth:3} layers {model.count:12,} parameters "
            f"{found[name][1]:6.2f} billion multiplications, {len(g.Graph(model.output)):4} nodes"
        )
        drawn[name] = g.draw(
            model.output,
            backward=False,
            name="scores",
            collapse=set(layers.layers),
            show=("shape",),
            layout="down",
        )
    assert found["GoogLeNet"][0] < found["AlexNet"][0] / 8 and found["ResNet-34"][1] < found["VGG-16"][1] / 4
    for suffix in ("png", "svg"):
        g.side_by_side(drawn).save(directory / f"famous_networks_blocks.{suffix}")
    figure, axis = plt.subplots(figsize=(8, 4.6))
    for (name, (millions, billions)), colour in zip(found.items(), ("C2", "C1", "C3", "C0"), strict=True):
        depth = NETWORKS[name][3]
        axis.scatter(millions, billions, s=22 * depth, color=colour, alpha=0.7)
        axis.annotate(f"{name}\n{depth} layers", (millions, billions), (14, 8), textcoords="offset points")
    axis.set(xscale="log", yscale="log", xlim=(4, 400), ylim=(0.4, 40))
    axis.set(
        xlabel="parameters, millions",
        ylabel="multiplications for one image, billions",
        title="deeper, and yet smaller",
    )
    figure.savefig(directory / "famous_networks.png")


if __name__ == "__main__":
    main(*sys.argv[1:])

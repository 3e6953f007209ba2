"""A 1×1 convolution before a 5×5 one: parameters and operations before and after, counted from the graph.

An inception block of GoogLeNet looks through windows of 5×5 at 192 channels of 28×28 and makes 32 of them. Reduced to 16 channels
first, the same window costs a tenth: a 1×1 convolution is an affine layer that is applied to the channels of each pixel.

Run: python examples/reduction_layer.py [directory for the figures]
"""

import sys
from math import prod
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import graphc as g
from graphc import nn

plt.style.use("graphc.viz.slides")

images = g.symbol("x", shape=("n", 192, 28, 28), dtype="float32")
DIRECT = nn.Sequential(**{"5×5 conv, 32": nn.Conv2d(32, 5, padding="same")})
REDUCED = nn.Sequential(
    **{"1×1 conv, 16": nn.Conv2d(16, 1), "5×5 conv, 32": nn.Conv2d(32, 5, padding="same")}
)


def multiplications(output):
    """Products of the convolutions of a graph for one image: each output sums one product for each element of its kernel."""
    count = 0
    for node in g.Graph(output).exprs:
        if node.op.name == "conv2d":
            _, kernel = node.operands
            count += prod(node.shape[1:]) * prod(kernel.shape[1:])
    return count


def pixel_by_pixel():
    """A 1×1 convolution beside the affine layer on each pixel's channels."""
    x, k = g.symbol("x", shape=("n", 6, 4, 4)), g.symbol("k", shape=(3, 6, 1, 1))
    layer = g.einsum("oc,nchw->nohw", g.reshape(k, (3, 6)), x)
    rng = np.random.default_rng(0)
    both = g.evaluate(
        [g.conv2d(x, k), layer], {x: rng.normal(size=(2, 6, 4, 4)), k: rng.normal(size=k.shape)}
    )
    assert np.allclose(*both, rtol=0, atol=1e-14)


def main(output_dir="."):
    directory = Path(output_dir)
    directory.mkdir(parents=True, exist_ok=True)
    pixel_by_pixel()
    counts = {}
    for name, layers in (("direct", DIRECT), ("reduced", REDUCED)):
        model = nn.Model(layers, images)
        weights = sum(p.size for key, p in model.values.items() if key.endswith("weight"))
        counts[name] = weights, multiplications(model.output)
        print(
            f"{name:8s} {weights:8,} weights, {model.count - weights:3} biases, {counts[name][1]:12,} multiplications"
        )
        drawn = g.draw(model.output, backward=False, name="y", collapse=True, show=("shape",))
        drawn.save(directory / f"reduction_{name}.png")
    # by hand: 5·5·192·32, and 192·16 + 5·5·16·32; every weight is used at each of 28·28 pixels
    assert counts["direct"] == (153_600, 153_600 * 28**2) and counts["reduced"] == (15_872, 15_872 * 28**2)
    figure, axes = plt.subplots(1, 2, figsize=(10, 4))
    for axis, place, title in zip(axes, (0, 1), ("weights", "multiplications for one image"), strict=True):
        values = [count[place] for count in counts.values()]
        bars = axis.barh(["5×5, 192 → 32", "1×1, 192 → 16,\nthen 5×5, 16 → 32"], values, color=["C1", "C0"])
        axis.bar_label(bars, [f"{value:,}" for value in values], padding=4)
        axis.set_title(title)
        axis.set(xlim=(0, 1.4 * max(values)), xticks=[])
        axis.invert_yaxis()
        axis.spines[["top", "right", "bottom"]].set_visible(False)
    figure.savefig(directory / "reduction_layer.png")


if __name__ == "__main__":
    main(*sys.argv[1:])

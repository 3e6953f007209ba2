"""Im2Col: a convolution is an affine layer on columns, and a pool is a reduction of them.

Every window of the image becomes a column; the kernels become rows. Then O = W·Im2Col(X) + b 1ᵀ, and a pool takes the maximum or
the mean of each column. With stride s, padding p and kernels of size k an image of side h gives ⌊(h + 2p − k)/s⌋ + 1 places.

What goes back to the image is summed over all windows that an element lies in. A maximum hands it to its largest element; at a
tie every choice between the tied ones is a subgradient. graphc shares equally, PyTorch takes the first; only the even share
treats a picture and its mirror image alike.

Run: python examples/im2col.py [directory for the figures]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import graphc as g

plt.style.use("graphc.viz.slides")


def convolved(x, kernel, stride, padding):
    """Plain loops over images (n, c, h, w)."""
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    size = kernel.shape[-1]
    places = range(0, x.shape[2] - size + 1, stride)
    return np.array([[[[(image[:, i : i + size, j : j + size] * one).sum() for j in places] for i in places]
                      for one in kernel] for image in x])  # fmt: skip


def table():
    """Sizes, strides, paddings and channels; convolution and pools by columns against loops and graphc's own."""
    rng = np.random.default_rng(0)
    print("image     kernel  stride padding  places  columns   out        multiplications")
    for channels, side, size, stride, padding, out in (
        (1, 4, 3, 1, 0, 1), (3, 6, 3, 1, 1, 2), (3, 7, 3, 2, 0, 4), (2, 8, 5, 2, 2, 3), (4, 5, 1, 1, 0, 2),
    ):  # fmt: skip
        x = g.symbol("x", shape=("n", channels, side, side))
        k = g.symbol("k", shape=(out, channels, size, size))
        columns = g.im2col(x, size, stride, padding)
        affine = g.reshape(k, (out, -1)) @ columns
        at = {x: rng.normal(size=(2, channels, side, side)), k: rng.normal(size=k.shape)}
        wanted = convolved(at[x], at[k], stride, padding)
        places = (side + 2 * padding - size) // stride + 1
        assert columns.shape == ("n", channels * size**2, places**2) and wanted.shape[2:] == (places, places)
        assert np.allclose(g.evaluate(affine, at).reshape(wanted.shape), wanted, rtol=0, atol=1e-13)
        assert np.allclose(g.evaluate(g.conv2d(x, k, stride, padding), at), wanted, rtol=0, atol=1e-13)
        # pools look at each channel by itself: its windows are columns too
        apart = g.reshape(
            g.im2col(x, size, stride), (-1, channels, size**2, ((side - size) // stride + 1) ** 2)
        )
        for pool, reduce in ((g.max_pool2d, g.max), (g.avg_pool2d, g.mean)):
            ours, theirs = g.evaluate([pool(x, size, stride), reduce(apart, axis=2)], {x: at[x]})
            assert np.allclose(ours.reshape(theirs.shape), theirs, rtol=0, atol=1e-15)
        count = out * channels * size**2 * places**2
        print(f"{channels}×{side}×{side}     {size}×{size}       {stride}      {padding}   {places:2}×{places}    "
              f"{channels * size**2:2}×{places**2:2}   {out}×{places}×{places}  {count:12}")  # fmt: skip


def ties():
    """A window with two largest elements: the slopes to either side, and what graphc hands back."""
    x = g.symbol("x", shape=(1, 1, 2, 2))
    pooled = g.max_pool2d(x, 2)
    at = np.array([[[[3.0, 1.0], [3.0, 2.0]]]])
    back = g.evaluate(g.grad(g.sum(pooled), x), {x: at})[0, 0]
    value = lambda t: g.evaluate(pooled, {x: at + t * np.array([[[[1.0, 0], [0, 0]]]])}).item()
    left, right = (value(0) - value(-1e-3)) / 1e-3, (value(1e-3) - value(0)) / 1e-3
    print(
        f"tie of two: slope {left:.0f} to the left, {right:.0f} to the right, graphc hands back {back.tolist()}"
    )
    mirrored = g.evaluate(g.grad(g.sum(pooled), x), {x: at[..., ::-1, :]})[0, 0]
    assert (mirrored == back[::-1]).all()  # the first would be the upper one in both
    assert (back == [[0.5, 0], [0.5, 0]]).all() and (round(left, 9), round(right, 9)) == (0, 1)


def show(axis, table, title, colours=None):
    rows, columns = table.shape
    shade = np.ones((*table.shape, 3)) if colours is None else colours
    axis.imshow(shade, extent=(0, columns, rows, 0))
    for (i, j), value in np.ndenumerate(table):
        axis.text(j + 0.5, i + 0.5, f"{value:g}", ha="center", va="center")
    axis.set(xticks=range(columns + 1), yticks=range(rows + 1), xticklabels=[], yticklabels=[])
    axis.grid(color="0.6", linewidth=0.7)
    axis.tick_params(length=0)
    axis.set_title(title)


def picture(file):
    """Two channels of 3×3, kernels of 2×2: the windows, the columns they become, the kernels as rows, the product."""
    x = g.symbol("x", shape=(1, 2, 3, 3))
    image = np.arange(1.0, 19).reshape(1, 2, 3, 3)
    kernel = np.array(
        [[[[1, 0], [0, 1]], [[0, 1], [1, 0]]], [[[1, -1], [0, 0]], [[0, 0], [1, -1]]]], dtype=float
    )
    columns = g.evaluate(g.im2col(x, 2), {x: image})[0]
    rows = kernel.reshape(2, -1)
    out = rows @ columns
    assert (out.reshape(2, 2, 2) == convolved(image, kernel, 1, 0)[0]).all()
    hues = plt.get_cmap("Pastel1")(range(4))[:, :3]
    figure, axes = plt.subplot_mosaic("akcp;bkcp", figsize=(13, 5.4), width_ratios=(3, 8, 4, 4))
    for name, channel in (("a", 0), ("b", 1)):
        shade = np.ones((3, 3, 3))
        shade[:2, :2], shade[1:, 1:] = hues[0], hues[3]
        shade[1, 1] = (hues[0] + hues[3]) / 2  # belongs to both
        show(axes[name], image[0, channel], f"channel {channel + 1}", shade)
    show(axes["k"], rows, "W: a kernel is a row of 2 · 2 · 2")
    show(axes["c"], columns, "Im2Col(X):\na window is a column", np.broadcast_to(hues, (8, 4, 3)))
    show(axes["p"], out, "W · Im2Col(X):\na place is a column", np.broadcast_to(hues, (2, 4, 3)))
    figure.savefig(file)


def main(output_dir="."):
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    table()
    ties()
    picture(Path(output_dir) / "im2col.png")


if __name__ == "__main__":
    main(*sys.argv[1:])

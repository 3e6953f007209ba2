"""A network learns random labels too: true labels, shuffled pixels, noise in place of pixels, and labels drawn at random.

Its capacity does not explain why it generalises: the same network with the same optimiser reaches the loss 0 on all four. What
differs is how long that takes and what it is worth on unseen digits (after Zhang, Bengio, Hardt, Recht and Vinyals, 2017). One
permutation of the pixels, the same for all images, costs a fully connected network nothing: it does not know which are
neighbours.

Run: python examples/random_labels.py [directory for the figure] [epochs]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from linear_classifier import digits

import graphc as g
from graphc import nn, train

plt.style.use("graphc.viz.slides")

x, t = g.symbol("x", shape=("n", 99)), g.symbol("t", shape=("n",), dtype="int64")


def main(output_dir=".", epochs="60"):
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    (pixels, labels), (unseen, truth) = digits(500, seed=0), digits(1000, seed=1)
    pixels, unseen = pixels.reshape(-1, 99), unseen.reshape(-1, 99)
    order = rng.permutation(99)
    noise = lambda like: rng.normal(pixels.mean(), pixels.std(), like.shape)
    worlds = {
        "true labels": (pixels, labels, unseen, truth),
        "pixels shuffled": (pixels[:, order], labels, unseen[:, order], truth),
        "noise for pixels": (noise(pixels), labels, noise(unseen), truth),
        "random labels": (pixels, rng.permutation(labels), unseen, rng.permutation(truth)),
    }
    colours = dict(zip(worlds, ("C0", "C3", "C2", "C1"), strict=True))
    figure, (left, right) = plt.subplots(1, 2, figsize=(11.5, 4.6), width_ratios=(3, 2.4))
    seen, found, losses = {}, {}, {}
    layers = nn.Sequential(nn.Affine(128, init=nn.he_normal), nn.ReLU, nn.Affine(10))
    for name, (points, answers, others, wanted) in worlds.items():
        model = nn.Model(layers, x, seed=1)
        loss = nn.cross_entropy(model.output, t)
        history = train.fit(
            model, loss, {x: points, t: answers}, optimiser=train.Adam(0.005), epochs=int(epochs), batch=50
        )
        losses[name] = np.array(history.series("loss"))
        seen[name], found[name] = (
            np.mean(model.predict(p).argmax(1) == a) for p, a in ((points, answers), (others, wanted))
        )
        print(
            f"{name:17s} loss {losses[name][-1]:.4f}, {seen[name]:6.1%} of the 500 right, {found[name]:6.1%} of unseen ones"
        )
        style = "--" if "shuffled" in name else "-"  # the first and the second nearly coincide
        left.semilogy(range(1, int(epochs) + 1), losses[name], style, color=colours[name], label=name)
    assert min(seen.values()) == 1  # everything is learned by heart
    assert min(found["true labels"], found["pixels shuffled"]) > 0.9
    assert max(found["noise for pixels"], found["random labels"]) < 0.2  # a guess is right once in ten
    half = {name: int(np.argmax(curve < 0.5)) + 1 for name, curve in losses.items()}
    print("epochs until the loss is ½:", half)
    assert half["true labels"] < half["random labels"]
    left.set(xlabel="epoch", ylabel="loss in training")
    left.legend()
    place = np.arange(4)
    for shift, table, hatch in ((-0.2, seen, ""), (0.2, found, "//")):
        bars = right.bar(
            place + shift,
            [100 * share for share in table.values()],
            0.38,
            color=list(colours.values()),
            hatch=hatch,
            edgecolor="white",
        )
        right.bar_label(bars, fmt="%.0f")
    right.set_xticks(place, [name.replace(" ", "\n", 1) for name in worlds])
    right.set(ylabel="right, %", ylim=(0, 112), title="left: seen in training; hatched: unseen")
    figure.savefig(Path(output_dir) / "random_labels.png")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Softmax and negative log-likelihood on the lecture's three pictures: a cat, a horse, and one that is hard to tell.

    pᵢⱼ = e^(sᵢⱼ) / Σₖ e^(sᵢₖ)      NLL = −Σᵢ log p[i, label i]

The slide takes logarithms of a table that is rounded to two digits, and adds up 1.07; from the scores themselves it is 1.087.

Run: python examples/softmax_nll.py [directory for the figures]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import graphc as g

plt.style.use("graphc.viz.slides")

CLASSES = ("cat", "dog", "horse")
SCORES = np.array([[5.0, 4, 2], [4, 2, 8], [4, 4, 1]])  # a row of scores for each picture
LABELS = np.array([0, 2, 1])  # a cat, a horse, and a dog that looks as much like a cat


def tables(file):
    """The same as the slide has it: tables, from scores to losses, with the label of each picture framed."""
    e = np.exp(SCORES)
    p = e / e.sum(axis=1, keepdims=True)
    nll = -np.log(p[np.arange(3), LABELS])[:, None]
    steps = (("scores s", SCORES, "{:.0f}"), ("eˢ", e, "{:.4g}"), ("eˢ / Σ eˢ", p, "{:.3f}"),
             ("−log p", nll, "{:.3f}"))  # fmt: skip
    figure, axes = plt.subplots(1, 4, figsize=(12, 4.8), width_ratios=(3, 3, 3, 1.6), sharey=True)
    for axis, (title, table, form) in zip(axes, steps, strict=True):
        shade = table / table.max(axis=1, keepdims=True)
        axis.imshow(shade if table is not nll else nll, cmap="Blues", vmin=0, vmax=2, aspect="auto")
        for (row, column), value in np.ndenumerate(table):
            axis.text(column, row, form.format(value), ha="center", va="center", fontsize=17)
            if table is not nll and column == LABELS[row]:
                frame = plt.Rectangle(
                    (column - 0.47, row - 0.47), 0.94, 0.94, fill=False, edgecolor="C1", linewidth=2.5
                )
                axis.add_patch(frame)
        axis.set_title(title, fontsize=17)
        axis.set_xticks(
            range(table.shape[1]), CLASSES if table is not nll else [f"Σ = {nll.sum():.3f}"], fontsize=14
        )
        axis.set_yticks(range(3), [f"picture of a {CLASSES[label]}" for label in LABELS], fontsize=14)
        axis.tick_params(length=0)
    figure.savefig(file)


def main(output_dir="."):
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    S = g.symbol("S", shape=("n", 3))
    label = g.symbol("label", shape=("n",), dtype="int64")
    # As it is written on the slide. The rules make log-softmax of it before machine code does.
    with g.scope("softmax"):
        shares = g.exp(S) / g.sum(g.exp(S), axis=1, keepdims=True)
    each = -g.log(g.sum(shares * g.one_hot(label, 3), axis=1))
    loss = g.sum(each)
    at = {"S": SCORES, "label": LABELS}

    table = g.evaluate(shares, at)
    print("softmax    " + "".join(f"{name:>8}" for name in CLASSES))
    for row, place in zip(table, LABELS, strict=True):
        print(f"  {CLASSES[place]:<9}" + "".join(f"{value:8.2f}" for value in row))
    assert np.round(table, 2).tolist() == [[0.71, 0.26, 0.04], [0.02, 0.00, 0.98], [0.49, 0.49, 0.02]]

    f = g.compile([each, loss], [S, label])
    losses, total = f(SCORES, LABELS)
    rounded = -np.log(np.round(table, 2)[np.arange(3), LABELS])
    # the slide cuts the logarithms of its rounded table after two digits
    slide = np.floor(rounded * 100) / 100
    print("\nNLL          exact   of the rounded table   slide")
    for place, exact, off, cut in zip(LABELS, losses, rounded, slide, strict=True):
        print(f"  {CLASSES[place]:<9}{exact:7.3f}{off:23.3f}{cut:8.2f}")
    print(f"  {'total':<9}{total:7.3f}{rounded.sum():23.3f}{slide.sum():8.2f}")
    assert np.round(losses, 3).tolist() == [0.349, 0.021, 0.718] and round(total, 3) == 1.087
    assert slide.tolist() == [0.34, 0.02, 0.71] and round(slide.sum(), 2) == 1.07

    # The hard one costs the same whichever of the two fours is its label.
    assert f(SCORES, np.array([0, 2, 0]))[1] == total

    # What goes back to the scores is softmax minus the one-hot row.
    back = g.grad(loss, S)
    assert np.allclose(g.evaluate(back, at), table - np.eye(3)[LABELS], rtol=0, atol=1e-15)

    # Scores a thousand apart overflow as written; the compiled function has met no exponential alone.
    steep = g.log_softmax(S)[g.arange("n"), label]
    assert g.stabilize(g.log(shares)[g.arange("n"), label]) is steep
    assert g.evaluate(-steep, {"S": 1000 * SCORES[:1], "label": LABELS[1:2]}).tolist() == [3000.0]

    # For a slide: softmax is one node, and the table of labels is written down. The player has every operation.
    T = g.symbol("T", shape=("n", 3))
    shown, point = -g.sum(T * g.log(shares)), {"S": SCORES, "T": np.eye(3)[LABELS]}
    assert abs(g.evaluate(shown, point) - total) <= 1e-15
    for suffix in ("svg", "png"):
        g.draw(shown, at=point, name="NLL", collapse="softmax").save(
            Path(output_dir) / f"softmax_nll.{suffix}"
        )
    g.draw(loss, at=at, name="NLL").save(Path(output_dir) / "softmax_nll.html")
    tables(Path(output_dir) / "softmax_nll_tables.png")


if __name__ == "__main__":
    main(*sys.argv[1:])

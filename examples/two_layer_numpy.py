"""The two-layer network that every course writes by hand: here its gradients are derived, and a step is one compiled call.

    h = σ(X W₁)      ŷ = h W₂      L = Σ (ŷ − y)²

64 samples of 1000 numbers, 100 hidden units, 10 outputs, 2,000 steps of gradient descent. The hand-written NumPy derives
∂L/∂W₂ = hᵀ 2(ŷ − y) and ∂L/∂W₁ = Xᵀ [2(ŷ − y) W₂ᵀ ∘ h ∘ (1 − h)] on paper; graphc is told the loss.

Run: python examples/two_layer_numpy.py [directory for the figure] [steps]
"""

import sys
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import graphc as g

plt.style.use("graphc.viz.slides")

SAMPLES, INPUTS, HIDDEN, OUTPUTS = 64, 1000, 100, 10
RATE = 1e-4


def make_data(seed=0):
    rng = np.random.default_rng(seed)
    shapes = ((SAMPLES, INPUTS), (SAMPLES, OUTPUTS), (INPUTS, HIDDEN), (HIDDEN, OUTPUTS))
    return [rng.normal(size=shape) for shape in shapes]


def by_hand(x, y, w1, w2, steps):
    """The losses, and the seconds that the steps took."""
    losses = []
    start = time.perf_counter()
    for _ in range(steps):
        h = 1 / (1 + np.exp(-x @ w1))
        y_pred = h @ w2
        losses.append(np.square(y_pred - y).sum())
        grad_y_pred = 2 * (y_pred - y)
        grad_w2 = h.T @ grad_y_pred
        grad_h = grad_y_pred @ w2.T
        grad_w1 = x.T @ (grad_h * h * (1 - h))
        w1 -= RATE * grad_w1
        w2 -= RATE * grad_w2
    return np.array(losses), time.perf_counter() - start


def compiled(x, y, w1, w2, steps):
    """The same by graphc: the loss is written, the step follows."""
    X, Y = g.symbol("X", shape=("n", INPUTS)), g.symbol("Y", shape=("n", OUTPUTS))
    W1, W2 = g.symbol("W1", shape=(INPUTS, HIDDEN)), g.symbol("W2", shape=(HIDDEN, OUTPUTS))
    h = 1 / (1 + g.exp(-X @ W1))
    loss = g.sum((h @ W2 - Y) ** 2)
    d1, d2 = g.grad(loss, [W1, W2])
    # the weights are written in place, as the hand-written loop does
    step = g.compile(loss, [X, Y, W1, W2], updates={W1: W1 - RATE * d1, W2: W2 - RATE * d2})
    losses = []
    start = time.perf_counter()
    for _ in range(steps):
        losses.append(step(x, y, w1, w2))
    return np.array(losses), time.perf_counter() - start


def main(output_dir=".", steps=2000):
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    steps = int(steps)
    ours, theirs = make_data(), make_data()
    hand, hand_seconds = by_hand(*ours, steps)
    derived, seconds = compiled(*theirs, steps)
    print(f"{'step':>6}  {'NumPy by hand':>22}  {'graphc':>22}")
    for number in sorted({*range(0, steps, max(1, steps // 5)), steps - 1}):
        print(f"{number:6}  {hand[number]:22.15g}  {derived[number]:22.15g}")
    print(
        f"{steps} steps: NumPy {hand_seconds:.2f} s, graphc {seconds:.2f} s, ratio {seconds / hand_seconds:.2f}"
    )

    # The same numbers: sums of a thousand products round differently, and each step multiplies what the last one rounded.
    assert np.allclose(derived, hand, rtol=1e-9, atol=0)
    assert all(np.allclose(a, b, rtol=0, atol=1e-9) for a, b in zip(ours, theirs, strict=True))
    assert derived[-1] < derived[0] / (50 if steps >= 2000 else 1)

    figure, axes = plt.subplots(figsize=(7, 4))
    axes.semilogy(hand, color="#bf4a00", linewidth=5, alpha=0.4, label="NumPy, gradients by hand")
    axes.semilogy(derived, color="C0", label="graphc, gradients by g.grad")
    axes.set(
        xlabel="step",
        ylabel="loss Σ (ŷ − y)²",
        title="1000 → 100 → 10, sigmoid, 64 examples: the same losses",
    )
    axes.legend()
    figure.savefig(Path(output_dir) / "two_layer_numpy.png")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Random labels learned by heart: four networks of the same size, with one, two, three and four hidden layers.

The inputs are those of MNIST-1D (Greydanus, 2020): sequences of 40 numbers made from ten templates by padding, stretching,
shifting, noise and shear, by the published recipe. The labels are drawn at random, so there is nothing to learn but the examples
themselves. Hidden layers of 298, 100, 75 and 63 units give about 15,200 parameters each; full-batch gradient descent, He
initialisation, no momentum, no regularisation.

A short run on fewer examples is the default; `--full` trains on 4,000 at the rate 0.0025 for 500,000 epochs, and measures
the error every 100 epochs. That takes hours. With `--checkpoints DIR` it can be stopped at any moment and taken up again by the
same command; `--depths 1 2` trains some of the networks, so that several processes with `--threads 1` can share the work. The
curves of all runs into one directory are kept together in mnist1d_depth.npz there (for depth 3: epochs3 and errors3), and the
figure shows those that there are; `--draw` draws it again from the file.

Run: python examples/mnist1d_depth.py [directory] [--full] [--depths 1 2 3 4] [--every N] [--checkpoints DIR] [--draw] …
"""

import argparse
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import gaussian_filter
from threadpoolctl import threadpool_limits

import graphc as g
from graphc import nn, train

plt.style.use("graphc.viz.slides")

NETWORKS = {1: (298, 15_208), 2: (100, 15_210), 3: (75, 15_235), 4: (63, 15_319)}
"""Hidden layers → (units of each, parameters)."""

TEMPLATES = (
    (5, 6, 6.5, 6.75, 7, 7, 7, 7, 6.75, 6.5, 6, 5), (5, 3, 3, 3.4, 3.8, 4.2, 4.6, 5, 5.4, 5.8, 5, 5),
    (5, 6, 6.5, 6.5, 6, 5.25, 4.75, 4, 3.5, 3.5, 4, 5), (5, 6, 6.5, 6.5, 6, 5, 5, 6, 6.5, 6.5, 6, 5),
    (5, 4.4, 3.8, 3.2, 2.6, 2.6, 5, 5, 5, 5, 5, 5), (5, 3, 3, 3, 3, 5, 6, 6.5, 6.5, 6, 4.5, 5),
    (5, 4, 3.5, 3.25, 3, 3, 3, 3, 3.25, 3.5, 4, 5), (5, 7, 7, 6.6, 6.2, 5.8, 5.4, 5, 4.6, 4.2, 5, 5),
    (5, 4, 3.5, 3.5, 4, 5, 5, 4, 3.5, 3.5, 4, 5), (5, 4, 3.5, 3.5, 4, 5, 5, 5, 5, 4.7, 4.3, 5),
)  # fmt: skip


def stretched(signal, length):
    return np.interp(np.linspace(0, 1, length), np.linspace(0, 1, len(signal)), signal)


def mnist1d(count, rng):
    """Sequences (count, 40) of mean 0 and standard deviation 1, and the digit that each was made from."""
    templates = np.array(TEMPLATES)
    templates -= templates.mean(axis=1, keepdims=True)
    templates /= templates.std(axis=1, keepdims=True)
    templates = (templates - templates[:, :1]) / 6
    digits = np.arange(count) % 10
    made = np.empty((count, 40))
    for place, digit in enumerate(digits):
        signal = np.concatenate([templates[digit] + 1e-8, np.zeros(rng.integers(36, 61))])
        signal = stretched(signal, 72) * (1 + 0.4 * (rng.random() - 0.5))
        signal = np.roll(signal, rng.integers(0, 48))
        empty = signal == 0
        signal = np.where(empty, gaussian_filter(0.25 * rng.normal(size=72), 2), signal)
        signal += 2e-2 * rng.normal(size=72)
        signal -= 0.75 * (rng.random() - 0.5) * np.linspace(-0.5, 0.5, 72)
        made[place] = stretched(signal, 40)
    order = rng.permutation(count)
    return ((made - made.mean()) / made.std())[order], digits[order]


def network(inputs, depth, seed):
    units, parameters = NETWORKS[depth]
    layers = [part for _ in range(depth) for part in (nn.Affine(units, init=nn.he_normal), nn.ReLU)]
    model = nn.Model(nn.Sequential(*layers, nn.Affine(10, init=nn.he_normal)), inputs, seed=seed)
    assert model.count == parameters
    return model


def stored(directory, run):
    """The curves in a directory, which must be those of the same examples, rate and seed."""
    path = directory / "mnist1d_depth.npz"
    if not path.exists():
        return {}
    with np.load(path) as file:
        curves = dict(file)
    for name, value in run.items():
        if curves[name] != value:
            raise SystemExit(
                f"{path} holds curves for {name} {curves[name]:g}, not {value:g}: name another directory"
            )
    return curves


def store(directory, run, depth, history):
    """Put one curve beside those that are there; a reader finds the old file or the new one."""
    curves = stored(directory, run)
    curves |= {f"epochs{depth}": history.series("epoch"), f"errors{depth}": history.series("error")}
    beside = directory / f".mnist1d_depth.{os.getpid()}.npz"
    np.savez_compressed(beside, **run, **{key: value for key, value in curves.items() if key not in run})
    os.replace(beside, directory / "mnist1d_depth.npz")


def draw(curves, path):
    """The error over the epochs, a curve for each network of a run."""
    figure, axis = plt.subplots(figsize=(8, 4.5))
    for depth, (units, _) in NETWORKS.items():
        if f"epochs{depth}" in curves:
            epochs, errors = curves[f"epochs{depth}"], 100 * curves[f"errors{depth}"]
            label = f"{depth} hidden layer{'s' if depth > 1 else ''} of {units}"
            (line,) = axis.plot(epochs, errors, color=f"C{depth - 1}", label=label)
            if errors[-1] == 0:
                axis.plot(epochs[-1], 0, "o", color=line.get_color(), clip_on=False)
    axis.set(xlabel="epoch", ylabel="% errors on the training data", ylim=(0, 100))
    axis.set_xlim(left=0)
    axis.xaxis.set_major_formatter("{x:,.0f}")
    axis.set_title(
        f"{curves['examples']:,} sequences with random labels, full-batch gradient descent, rate {curves['rate']:g}",
        fontsize="medium",
    )
    axis.legend()
    figure.savefig(path)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("output", nargs="?", default=".", type=Path, help="directory for figure and curves")
    parser.add_argument("--full", action="store_true", help="4,000 examples, rate 0.0025, 500,000 epochs")
    parser.add_argument("--depths", nargs="+", type=int, choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--examples", type=int)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--every", type=int, help="epochs between two measurements")
    parser.add_argument("--rate", type=float)
    parser.add_argument("--seed", default=0, type=int)
    parser.add_argument("--threads", type=int, help="of one network's training; all processors by default")
    parser.add_argument("--checkpoints", type=Path, help="directory of files to go on from")
    parser.add_argument("--draw", action="store_true", help="train nothing: draw the curves that are stored")
    options = parser.parse_args(arguments)
    usual = (4000, 500_000, 0.0025, 100) if options.full else (300, 500, 0.05, 1)
    given = (options.examples, options.epochs, options.rate, options.every)
    examples, epochs, rate, every = (
        own if own is not None else other for own, other in zip(given, usual, strict=True)
    )
    figure = options.output / "mnist1d_depth.png"
    if options.draw:
        if not (curves := stored(options.output, {})):
            raise SystemExit(f"there is no mnist1d_depth.npz in {options.output}")
        draw(curves, figure)
        print(f"drawn from the stored curves: {figure}")
        return
    if options.threads is not None:
        g.set_num_threads(options.threads)
        threadpool_limits(options.threads)
    for directory in (options.output, options.checkpoints or options.output):
        directory.mkdir(parents=True, exist_ok=True)
    run = {"examples": examples, "rate": rate, "seed": options.seed}
    stored(options.output, run)

    rng = np.random.default_rng(options.seed)
    sequences, _ = mnist1d(examples, rng)
    random_labels = rng.integers(0, 10, examples)
    x = g.symbol("x", shape=("n", 40), dtype="float32")
    labels = g.symbol("labels", shape=("n",), dtype="int64")
    data = {x: sequences.astype(np.float32), labels: random_labels}
    for depth in options.depths:
        model = network(x, depth, options.seed)
        wrong = g.mean(g.not_equal(g.argmax(model.output, axis=1), labels).astype("float64"))
        checkpoint = None if options.checkpoints is None else options.checkpoints / f"depth{depth}.npz"

        def keep(history, depth=depth):
            if len(history) % 100 == 0:
                store(options.output, run, depth, history)

        history = train.fit(
            model, nn.cross_entropy(model.output, labels), data, optimiser=train.SGD(rate), epochs=epochs, every=every,
            batch=None, metrics={"error": wrong}, checkpoint=checkpoint, resume=checkpoint is not None, seed=options.seed,
            stop=lambda past: past[-1]["error"] == 0, each=keep,
        )  # fmt: skip
        store(options.output, run, depth, history)
        error = history[-1]["error"]
        ended = (
            f"all right after {history.epochs:,} epochs" if error == 0 else f"{error:.1%} wrong in the end"
        )
        print(f"{depth} × {NETWORKS[depth][0]} units, {model.count:,} parameters: {ended}")
        # it learns by heart: far fewer mistakes than the nine tenths of guessing
        assert options.full or epochs < 500 or error < 0.8
    draw(stored(options.output, run), figure)


if __name__ == "__main__":
    main()

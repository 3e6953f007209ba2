"""A recurrent model of a text: which letter comes next, and a text that it writes itself.

The text, three sonnets of Shakespeare's (1609), lies beside this file. It is read by several readers at once, each from a place
of its own, in pieces of 40 letters; the state of the LSTM goes on from piece to piece, and derivatives end where a piece does:
back-propagation through time, truncated. What the model writes is a loop too: the letter that a step draws is what the next one
reads.

Run: python examples/text_model.py [directory for the figure] [passes over the text]
"""

import sys
from pathlib import Path
from textwrap import wrap

import matplotlib.pyplot as plt
import numpy as np

import graphc as g
from graphc import nn, train

plt.style.use("graphc.viz.slides")

READERS, PIECE, UNITS, EMBEDDED = 8, 40, 80, 16

text = (Path(__file__).parent / "sonnets.txt").read_text(encoding="utf-8")
alphabet = sorted(set(text))
codes = np.array([alphabet.index(letter) for letter in text])

letters = g.symbol("letters", shape=(READERS, PIECE), dtype="int64")
following = g.symbol("following", shape=(READERS, PIECE), dtype="int64")
memory = nn.LSTM(UNITS, last=False, carried=True)
model = nn.Model(
    nn.Sequential(nn.Embedding(len(alphabet), EMBEDDED), memory, nn.Affine(len(alphabet))), letters, seed=0
)


def surprise(scores, wanted):
    """The mean of −log p of the letters that follow."""
    return nn.cross_entropy(g.reshape(scores, (-1, len(alphabet))), g.reshape(wanted, (-1,)))


def writer():
    """start, noise → letters: each step draws from what the model expects, by the largest of scores with Gumbel's noise."""
    weights = {name: g.symbol(name, shape=known.shape) for name, known in model.parameters.items()}
    noise, start = g.symbol("noise", shape=("n", len(alphabet))), g.symbol("start", dtype="int64")

    def step(carry, random):
        letter, hidden, cell = carry
        row = weights["embedding1.weight"][letter] @ weights["lstm1.input"].T + weights["lstm1.bias"]
        hidden, cell = memory.step([hidden, cell], g.expand_dims(row, 0), weights["lstm1.state"], [])
        scores = hidden[0] @ weights["affine1.weight"].T + weights["affine1.bias"]
        letter = g.argmax(scores + random)
        return (letter, hidden, cell), letter

    _, written = g.scan(step, (start, g.zeros((1, UNITS)), g.zeros((1, UNITS))), noise)
    return g.compile(written, [start, noise, *weights.values()])


def main(directory=".", passes="50"):
    Path(directory).mkdir(parents=True, exist_ok=True)
    loss = surprise(model.training_output, following)
    step = train.Step(model, loss, train.Adam(0.01), [letters, following])
    length = (len(codes) - 1) // READERS // PIECE * PIECE
    reads = np.stack([codes[place * length : place * length + length + 1] for place in range(READERS)])
    history = []
    for _ in range(int(passes)):
        for name in model.buffers:  # every pass begins with an empty memory
            model.values[name][:] = 0
        for first in range(0, length, PIECE):
            piece = reads[:, first : first + PIECE + 1]
            history.append(step({letters: piece[:, :-1], following: piece[:, 1:]}, 0.01))
    counts = np.bincount(codes) / len(codes)
    alone = -np.sum(counts * np.log(counts))  # of a letter by its frequency alone
    print(
        f"{len(text)} letters; surprise {history[0]:.2f} at first, {history[-1]:.2f} at the end, {alone:.2f} by frequency"
    )
    assert history[-1] < 0.75 * alone

    noise = -np.log(-np.log(np.random.default_rng(1).random((400, len(alphabet)))))
    write = writer()
    values = [model.values[name] for name in model.parameters]
    written = write(alphabet.index("\n"), 0.5 * noise, *values)
    assert np.array_equal(written, by_hand(alphabet.index("\n"), 0.5 * noise))
    told = "".join(alphabet[code] for code in written)
    print(told)

    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.8))
    left.plot(history, color="tab:blue", linewidth=0.8)
    left.axhline(alone, color="0.6", linewidth=1, label="by frequency alone")
    left.set_xlabel("pieces read")
    left.set_ylabel("surprise")
    left.set_ylim(bottom=0)
    left.legend()
    right.axis("off")
    right.set_title("what it writes")
    lines = [line for verse in told.strip().split("\n") for line in wrap(verse, 56) or [""]]
    right.text(0, 0.98, "\n".join(lines), va="top", family="serif", parse_math=False)
    figure.savefig(Path(directory) / "text_model.png")


def by_hand(letter, noise):
    """The same in NumPy, letter by letter."""
    v = model.values
    hidden, cell, written = np.zeros(UNITS), np.zeros(UNITS), []
    sigmoid = lambda x: 1 / (1 + np.exp(-x))
    for random in noise:
        total = (
            v["lstm1.input"] @ v["embedding1.weight"][letter] + v["lstm1.state"] @ hidden + v["lstm1.bias"]
        )
        enter, forget, new, out = np.split(total, 4)
        cell = sigmoid(forget) * cell + sigmoid(enter) * np.tanh(new)
        hidden = sigmoid(out) * np.tanh(cell)
        letter = np.argmax(v["affine1.weight"] @ hidden + v["affine1.bias"] + random)
        written.append(letter)
    return np.array(written)


if __name__ == "__main__":
    main(*sys.argv[1:3])

"""Draws the gallery: docs/gallery/, each picture as SVG, PNG and TikZ, some as a player too, and the page that shows them.

Run: python docs/make_gallery.py [names]    (a test holds that the pictures show what is drawn today)
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import graphc as g
from graphc import nn
from graphc.viz import Diagram, panels

sys.path.insert(0, str(Path(__file__).parent))
from gallery_networks import NETWORKS

FOLDER = Path(__file__).with_name("gallery")


@dataclass(frozen=True)
class Entry:
    """A picture: its heading, what there is to see, and how it is made."""

    title: str
    text: str
    make: Callable[[], Diagram]


def at_some_point(output: g.Expr, name: str) -> Diagram:
    """A diagram with values: small random ones, the same each time."""
    rng = np.random.default_rng(0)
    at = {}
    for symbol in g.Graph(output).symbols:
        shape = tuple([dim if isinstance(dim, int) else 2 for dim in symbol.shape])
        at[symbol] = (rng.normal(size=shape) / 10).astype(symbol.dtype)
    return g.draw(output, at=at, name=name)


def log_sigmoid() -> Diagram:
    x, w, b = g.symbols("x w b")
    loss = g.log(1 / (g.exp(-(x * w + b)) + 1))
    return g.draw(loss, at={"x": 2, "w": -3, "b": 6})


def sum_times() -> Diagram:
    """(x + y)·z: forwards the sum, then the product; backwards the output, the product, the sum, the inputs."""
    x, y, z = g.symbols("x y z")
    whole = g.draw((x + y) * z, at={"x": -2, "y": 5, "z": -4}, name="f")
    view = whole.view
    label = {node.key: node.label for node in view.nodes}
    # for each step the edges whose values are known, by their tails, and whose adjoints are
    forward = [("x", "y", "z"), ("+",), ("×",), (), (), ()]
    backward = [(), (), (), ("×",), ("+", "z"), ("x", "y")]
    names = ["inputs", "sum", "product", "∂f/∂f = 1", "product rule", "sum rule"]
    steps: dict[str, object] = {}
    known: set[str] = set()
    handed: set[str] = set()
    for number, (name, new, back) in enumerate(zip(names, forward, backward, strict=True), 1):
        known |= set(new)
        handed |= set(back)
        edges = tuple(
            replace(
                edge,
                value=edge.value if label[edge.tail] in known else None,
                contribution=edge.contribution if label[edge.tail] in handed else None,
            )
            for edge in view.edges
        )
        steps[f"{number}  {name}"] = replace(view, edges=edges)
    return Diagram(panels(steps), whole.style)  # type: ignore[arg-type]


def least_squares() -> Diagram:
    w, x, y = g.symbols("w x y")
    return g.draw(
        (w * x - y) ** 2, at={"w": 2, "x": 3, "y": 1}, name="ℓ", show=("value", "adjoint", "local", "order")
    )


def softmax_nll() -> Diagram:
    """Scores of cat, dog and horse for three pictures; the labels are cat, horse and cat."""
    scores = g.symbol("s", shape=(3, 3))
    labels = np.array([[1.0, 0, 0], [0, 0, 1], [1, 0, 0]])
    e = g.exp(scores)
    p = e / g.sum(e, axis=1, keepdims=True)
    nll = -g.sum(labels * g.log(p))
    table = np.array([[5.0, 4, 2], [4, 2, 8], [4, 4, 1]])
    return g.draw(nll, at={"s": table}, name="NLL", show=("value", "adjoint", "image"))


def _two_layers() -> g.Expr:
    X, T = g.symbol("X", shape=("n", 1000)), g.symbol("T", shape=("n", 10))
    h = X
    for number, (rows, columns) in enumerate([(1000, 100), (100, 10)], 1):
        with g.scope(f"layer {number}"):
            h = g.sigmoid(h @ g.symbol(f"W_{number}", shape=(rows, columns)))
    with g.scope("loss"):
        return g.sum(g.square(h - T))


def two_layers() -> Diagram:
    return g.draw(_two_layers())


def _residual() -> g.Expr:
    image = g.symbol("x", shape=("n", 8, 16, 16))
    block = nn.Residual(nn.Conv2d(8, 3, padding="same"), nn.ReLU, nn.Conv2d(8, 3, padding="same"))
    return nn.Model(block, image).output


def residual() -> Diagram:
    return g.draw(_residual(), name="y")


def _inception() -> g.Expr:
    image = g.symbol("x", shape=("n", 8, 16, 16))
    block = nn.Inception(
        nn.Conv2d(4, 1),
        [nn.Conv2d(4, 1), nn.Conv2d(8, 3, padding="same")],
        [nn.Conv2d(2, 1), nn.Conv2d(4, 5, padding="same")],
    )
    return nn.Model(block, image).output


def inception() -> Diagram:
    return g.draw(_inception(), name="y")


def lenet() -> Diagram:
    image = g.symbol("x", shape=("n", 1, 28, 28), dtype="float32")
    layers = [
        nn.Conv2d(6, 5, padding="same"),
        nn.ReLU,
        nn.MaxPool2d(2),
        nn.Conv2d(16, 5),
        nn.ReLU,
        nn.MaxPool2d(2),
    ]
    layers += [nn.Flatten(), nn.Affine(120), nn.ReLU, nn.Affine(84), nn.ReLU, nn.Affine(10)]
    return g.draw(nn.Model(nn.Sequential(*layers), image).output, name="y", collapse=True)


def _perceptron() -> g.Expr:
    h = g.symbol("x", shape=("n", 784))
    for number, (rows, columns) in enumerate([(784, 128), (128, 64), (64, 10)], 1):
        with g.scope("perceptron"), g.scope(f"layer {number}"):
            h = h @ g.symbol(f"W_{number}", shape=(rows, columns)) + g.symbol(f"b_{number}", shape=(columns,))
            h = g.relu(h) if number < 3 else h
    return h


def perceptron_open() -> Diagram:
    return g.draw(_perceptron(), name="y")


def perceptron_collapsed() -> Diagram:
    y = _perceptron()
    layers = g.draw(y, name="y", collapse=["layer 1", "layer 2", "layer 3"])
    return g.side_by_side({"layers": layers, "whole": g.draw(y, name="y", collapse=True)})


def composed() -> Diagram:
    def shallow(x: g.Expr, letter: str) -> g.Expr:
        """A line and two hidden units that bend it."""
        units = [g.symbol(f"{letter}_{n}") * g.relu(x - g.symbol(f"{letter}_{n}{n}")) for n in (1, 2)]
        return units[0] + units[1] + g.symbol(f"{letter}_0")

    x = g.symbol("x")
    with g.scope("first network"):
        y = shallow(x, "phi")
    with g.scope("second network"):
        z = shallow(y, "psi")
    at = {"x": 0.3, "phi_0": -1, "phi_1": 2, "phi_11": 0, "phi_2": -4, "phi_22": 0.5}
    at |= {"psi_0": 0.5, "psi_1": 1, "psi_11": -1, "psi_2": -3, "psi_22": 0}
    return g.draw(z, at=at, name="y")


def alarm() -> Diagram:
    x, w, b = g.symbols("x w b")
    return g.draw(g.log(1 / (g.exp(-(x * w + b)) + 1)), at={"x": 2, "w": -500, "b": 6})


def rewritten() -> Diagram:
    x, w, b = g.symbols("x w b")
    loss = g.log(1 / (g.exp(-(x * w + b)) + 1))
    compiled = g.compile(loss, [x, w, b])
    return g.side_by_side({"as written": loss, "as compiled": compiled}, at={"x": 2, "w": -3, "b": 6})


def backward_graph() -> Diagram:
    x, w, b = g.symbols("x w b")
    return g.draw(
        g.Graph(g.sigmoid(x * w + b), [x, w, b]).with_backward(), at={"x": 2, "w": -3, "b": 6}, style="paper"
    )


def unrolled() -> Diagram:
    x, w, h = g.symbols("x w h_0")
    for _ in range(60):
        h = g.tanh(w * h + x)
    return g.draw(h, at={"x": 0.5, "w": 0.7, "h_0": 0}, name="h_60")


GALLERY = {
    "log_sigmoid": Entry(
        "The logarithm of a sigmoid",
        "Forward values are above the edges, derivatives below; constants are drawn inside their operations.",
        log_sigmoid,
    ),
    "sum_times": Entry("(x + y)·z in six steps", "Three steps forwards, three backwards.", sum_times),
    "least_squares": Entry(
        "Least squares in one dimension",
        "The nodes show topological numbers; below each value are the adjoint δ and the local derivative ∂.",
        least_squares,
    ),
    "softmax_nll": Entry(
        "Softmax and the negative logarithm of the likelihood",
        "Three rows of scores for cat, dog and horse, drawn as small pictures.",
        softmax_nll,
    ),
    "two_layers": Entry("A network of two layers", "Blocks are named by `with g.scope(…)`.", two_layers),
    "residual": Entry(
        "A residual block", "The input bypasses the layers and is added to their output.", residual
    ),
    "inception": Entry(
        "An inception module", "Parallel branches, whose channels are concatenated.", inception
    ),
    "lenet": Entry(
        "LeNet on a slide", "Collapsed to its layers; a long network continues in the next row.", lenet
    ),
    "perceptron_open": Entry("A perceptron of three layers, open", "", perceptron_open),
    "perceptron_collapsed": Entry(
        "The same, collapsed",
        "`collapse=` draws blocks as one node with its parameters.",
        perceptron_collapsed,
    ),
    "composed": Entry("Two shallow networks, one put into the other", "", composed),
    "alarm": Entry("Where infinity begins", "`g.diagnose` reports the same in words.", alarm),
    "rewritten": Entry(
        "As written and as compiled", "`g.side_by_side` combines several graphs in one picture.", rewritten
    ),
    "backward_graph": Entry(
        "The backward graph",
        "Drawn in the style `paper`; the nodes of the derivative are grey.",
        backward_graph,
    ),
    "unrolled": Entry(
        "Sixty steps of a recurrence",
        "Large graphs are grouped by structure until they fit a page.",
        unrolled,
    ),
}


GALLERY |= {name: Entry(*entry) for name, entry in NETWORKS.items()}


def _sum_times() -> Diagram:
    x, y, z = g.symbols("x y z")
    return g.draw((x + y) * z, at={"x": -2, "y": 5, "z": -4}, name="f")


PLAYERS: dict[str, Callable[[], Diagram]] = {
    "log_sigmoid": log_sigmoid,
    "sum_times": _sum_times,
    "least_squares": least_squares,
    "softmax_nll": softmax_nll,
    "two_layers": lambda: at_some_point(_two_layers(), "L"),
    "residual": lambda: at_some_point(_residual(), "y"),
    "inception": lambda: at_some_point(_inception(), "y"),
    "perceptron_open": lambda: at_some_point(_perceptron(), "y"),
    "composed": composed,
    "alarm": alarm,
    "backward_graph": backward_graph,
}
"""What the players step through; where the picture has no values they are given some."""

HEAD = """# The gallery

Written by `python docs/make_gallery.py`. Below each picture is the code that makes it, after `import graphc as g`. Every
picture is available as SVG, PNG and TikZ; a player is an interactive page that steps through the graph. Forward values are
blue and derivatives that flow back are orange, with hues and lightnesses that colour-blind readers can distinguish and that
remain distinct in print.
"""


def code(make: Callable[[], Diagram]) -> str:
    """How a picture is made: its function, after the functions of this file that it calls."""
    wanted: list[Any] = [make]
    for thing in wanted:
        for name in thing.__code__.co_names if inspect.isfunction(thing) else ():
            called = make.__globals__.get(name)
            ours = inspect.isfunction(called) or inspect.isclass(called)
            if ours and called.__module__ == make.__module__ and called not in wanted:
                wanted.append(called)
    return "\n\n".join(inspect.getsource(function).rstrip() for function in reversed(wanted))


def page() -> str:
    """The text of the gallery's page."""
    parts = [HEAD]
    for name, entry in GALLERY.items():
        forms = ["svg", "png", "tex"] + (["html"] if name in PLAYERS else [])
        links = ", ".join(f"[{'player' if form == 'html' else form}]({name}.{form})" for form in forms)
        text = f"{entry.text} {links}" if entry.text else links
        block = f"```python\n{code(entry.make)}\n```"
        parts.append(f"## {entry.title}\n\n![{entry.title}]({name}.svg)\n\n{text}\n\n{block}\n")
    return "\n".join(parts)


def main(*names: str) -> None:
    FOLDER.mkdir(exist_ok=True)
    for name in names or GALLERY:
        diagram = GALLERY[name].make()
        for form in ("svg", "png", "tex"):
            print(diagram.save(FOLDER / f"{name}.{form}"))
        if name in PLAYERS:
            print(PLAYERS[name]().save(FOLDER / f"{name}.html"))
    (FOLDER / "README.md").write_text(page(), encoding="utf-8")


def check(folder: str) -> None:
    """Write the pictures as they are drawn today, as SVG alone, to another folder."""
    for name, entry in GALLERY.items():
        entry.make().save(Path(folder) / f"{name}.svg")
    (Path(folder) / "README.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--check"]:
        check(sys.argv[2])
    else:
        main(*sys.argv[1:])

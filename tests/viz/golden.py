"""The golden DOT files: what a few graphs looked like when someone last checked them by eye.

After a change that is meant, look at the pictures and write the files anew:

    python -m tests.viz.golden
"""

from __future__ import annotations

from pathlib import Path

import graphc as g
from graphc.viz import SHOW, Diagram

FOLDER = Path(__file__).resolve().parent.parent / "golden"


def cases() -> dict[str, Diagram]:
    """Name → diagram."""
    x, y, z, w, b = g.symbols("x y z w b")
    loss = g.log(1 / (g.exp(-(x * w + b)) + 1))
    point = {"x": 2, "w": -3, "b": 6}
    s = g.sigmoid(x * w + b)
    inside = g.symbol("x_in")
    with g.scope("outer"), g.scope("inner"):
        block = g.tanh(inside * g.symbol("w_in", shape=(3,)))
    long = g.symbol("x_long")
    for number in range(14):
        long = [g.sin, g.exp][number % 2](long)
    array = g.symbol("A", shape=(2, 2))
    end, steps = g.scan(lambda c, row: (g.tanh(c * w + row), c * row), 0.0, g.symbol("u", shape=(3,)))
    total = g.cond(w > 0, lambda e: e**2, lambda e: -e, end) + g.sum(steps)
    return {
        "log_sigmoid": g.draw(loss, at=point),
        "log_sigmoid_structure": g.draw(loss),
        "sum_times": g.draw((x + y) * z, at={"x": -2, "y": 5, "z": -4}),
        "square": g.draw(x * x, at={"x": 3}),
        "branches": g.draw(g.where(x > 0, g.log(x), y) - g.maximum(x, y), at={"x": 2, "y": -1}),
        "two_outputs": g.draw({"loss": -g.log(s), "rate": s * (1 - s)}, at=point),
        "blocks": g.draw(g.sum(block) * 2),
        "collapsed": g.draw(g.sum(block) * 2, collapse="inner"),
        "everything": g.draw(
            g.sum(array - x), at={"A": [[1.0, 2], [3, 4]], "x": 1}, show=SHOW, layout="down", style="dark"
        ),
        "rows": g.draw(long),
        "panels": g.side_by_side({"one": x - y, "two": x * y}, at={"x": 2, "y": 5}, style="paper"),
        "loop": g.draw(total, at={"w": 0.5, "u": [1.0, -2.0, 3.0]}, step=1),
        "hostile": g.draw(g.symbol('<b>"x') * g.symbol("a\\N&\n"), at={'<b>"x': 1, "a\\N&\n": 2}),
    }


def path(name: str) -> Path:
    return FOLDER / f"{name}.dot"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, diagram in cases().items():
        print(diagram.save(path(name)))

"""The golden DOT files: what a few graphs looked like when someone last checked them by eye.

After a change that is meant, look at the pictures and write the files anew:

    python -m tests.draw.golden
"""

from __future__ import annotations

from pathlib import Path

import graphc as g
from graphc.draw import Diagram

FOLDER = Path(__file__).resolve().parent.parent / "golden"


def cases() -> dict[str, Diagram]:
    """Name → diagram."""
    x, y, z, w, b = g.symbols("x y z w b")
    loss = g.log(1 / (g.exp(-(x * w + b)) + 1))
    point = {"x": 2, "w": -3, "b": 6}
    s = g.sigmoid(x * w + b)
    return {
        "log_sigmoid": g.draw(loss, at=point),
        "log_sigmoid_structure": g.draw(loss),
        "sum_times": g.draw((x + y) * z, at={"x": -2, "y": 5, "z": -4}),
        "square": g.draw(x * x, at={"x": 3}),
        "branches": g.draw(g.where(x > 0, g.log(x), y) - g.maximum(x, y), at={"x": 2, "y": -1}),
        "two_outputs": g.draw({"loss": -g.log(s), "rate": s * (1 - s)}, at=point),
        "hostile": g.draw(g.symbol('<b>"x') * g.symbol("a\\N&\n"), at={'<b>"x': 1, "a\\N&\n": 2}),
    }


def path(name: str) -> Path:
    return FOLDER / f"{name}.dot"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, diagram in cases().items():
        print(diagram.save(path(name)))

"""The golden texts: what a dozen programs look like as loops, as someone last read them.

    python -m tests.compiler.loops.golden

writes them anew. Nothing in them depends on the processor: no operation that is expanded where there is no fused multiply-add.
"""

from __future__ import annotations

from pathlib import Path

import graphc as g
from graphc.compiler.loops.printer import text
from graphc.compiler.loops.program import Program
from tests.compiler.loops.support import program_of

FOLDER = Path(__file__).resolve().parent.parent.parent / "golden" / "loops"


def programs() -> dict[str, Program]:
    """Name → program."""
    x, y = g.symbol("x", shape=("n", "k")), g.symbol("y", shape=("n",))
    a, b = g.symbol("a"), g.symbol("b")
    i = g.symbol("i", shape=("m",), dtype="int64")
    A, B = g.symbol("A", shape=("n", 40)), g.symbol("B", shape=(40, "k"))
    v = g.symbol("v", shape=("n",))
    image, kernel = g.symbol("image", shape=("n", 1, 6, 6)), g.symbol("kernel", shape=(2, 1, 3, 3))
    square = g.symbol("square", shape=("n", "n"))
    return {
        "numbers": program_of([a * b + 1, g.exp(a)], [a, b]),
        "broadcast": program_of([g.tanh(x) * g.expand_dims(y, 1)], [x, y]),
        "softmax": program_of([g.softmax(x, axis=1)], [x]),
        "column_sums": program_of([g.sum(x, axis=0), g.max(x)], [x]),
        "argmax": program_of([g.argmax(x, axis=1), g.argmin(x, axis=0)], [x]),
        "gather": program_of([y[i], g.sum(y[i])], [y, i]),
        "scatter": program_of([y.at[i].add(1.0)], [y, i]),
        "update": program_of([g.sum(v * y)], [v, y], {"v": v - 0.1 * y}),
        "views": program_of([g.concat([g.flip(y), y * 2]), g.pad(y, ((1, 2),), 0.5), g.reshape(x, (-1,))], [x, y]),
        "matmul": program_of([A @ B], [A, B]),
        "convolution": program_of([g.conv2d(image, kernel, padding=1)], [image, kernel]),
        "running": program_of([g.cumsum(x, axis=1), g.sort(y)], [x, y]),
        "solve": program_of([g.solve(square, v), g.det(square)], [square, v]),
    }  # fmt: skip


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, program in programs().items():
        (FOLDER / f"{name}.txt").write_text(text(program) + "\n", encoding="utf-8")

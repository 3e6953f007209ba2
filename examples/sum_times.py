"""The smallest graph that shows both rules: f(x, y, z) = (x + y) z.

A sum hands its adjoint to both operands unchanged; a product hands each operand the adjoint times the other.

Run: python examples/sum_times.py [directory for the figures]
"""

import sys
from pathlib import Path

import graphc as g

POINT = {"x": -2.0, "y": 5.0, "z": -4.0}


def main(output_dir="."):
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    x, y, z = g.symbols("x y z")
    q = x + y
    f = q * z
    graph = g.Graph(f, [x, y, z])

    values = graph.forward(POINT)
    adjoints = graph.backward(POINT)
    print(f"q = x + y = {values[graph.node(q)]:g}, f = q z = {values[graph.node(f)]:g}")

    # What each use of a node hands back: (the user, which of its arguments) → contribution.
    for (user, slot), contribution in adjoints.contributions.items():
        operand = graph.operands[user][slot]
        print(f"{graph.expr(user)!s:>11} hands {contribution:g} to {graph.expr(operand)}")

    gradient = tuple(adjoints[graph.node(symbol)] for symbol in (x, y, z))
    print(f"∇f = {gradient}")
    g.draw(f, at=POINT, name="f").save(Path(output_dir) / "sum_times.png")

    # Whole numbers: every step is exact, in the interpreter and in machine code alike.
    assert values[graph.node(f)] == -12 and gradient == (-4, -4, 3)
    assert g.compile(g.value_and_grad(f, (x, y, z)), [x, y, z])(**POINT) == (-12.0, (-4.0, -4.0, 3.0))


if __name__ == "__main__":
    main(*sys.argv[1:])

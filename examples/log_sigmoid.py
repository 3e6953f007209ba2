"""The log-sigmoid loss of the lecture: one formula, its graph, its derivative, its picture, its machine code.

    L(x, w, b) = log(1 / (exp(−(xw + b)) + 1))

Run: python examples/log_sigmoid.py [directory for the figures]
"""

import math
import sys
from pathlib import Path

import graphc as g

POINT = {"x": 2.0, "w": -3.0, "b": 6.0}


def main(output_dir="."):
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    # 1. Declare. The graph is the formula as written: nothing is simplified.
    x, w, b = g.symbols("x w b")
    loss = g.log(1 / (g.exp(-(x * w + b)) + 1))
    graph = g.Graph(loss, [x, w, b])

    # 2. Evaluate it forwards and backwards, node by node, with NumPy.
    values = graph.forward(POINT)
    adjoints = graph.backward(POINT)
    print(f"{'node':>4}  {'value':>8}  {'adjoint':>8}  expression")
    for node in graph.nodes:
        adjoint = f"{adjoints[node]:8.4f}" if node in adjoints else "       –"
        print(f"{node:4}  {values[node]:8.4f}  {adjoint}  {graph.expr(node)}")

    # 3. The derivative is a formula, too.
    gradient = g.grad(loss, [x, w, b])
    for symbol, derivative in zip((x, w, b), gradient, strict=True):
        print(f"∂L/∂{symbol} = {derivative}")

    # 4. The chain rule at every node, as text, and the picture of it.
    explanation = g.explain(loss, at=POINT)
    print(explanation)
    diagram = g.draw(loss, at=POINT)
    for suffix in ("svg", "png"):
        diagram.save(Path(output_dir) / f"log_sigmoid.{suffix}")

    # 5. Value and gradient together as one compiled function.
    compiled = g.compile(g.value_and_grad(loss, [x, w, b]), [x, w, b])
    value, (dx, dw, db) = compiled(2.0, -3.0, 6.0)
    print(f"L = {value:.4f}, ∇L = ({dx:g}, {dw:g}, {db:g})")

    # At this point xw + b = 0, where the sigmoid is 1/2: everything but the logarithm is exact.
    assert (dx, dw, db) == (-1.5, 1.0, 0.5)
    assert abs(value + math.log(2)) <= math.ulp(math.log(2))
    assert [adjoints[graph.node(symbol)] for symbol in (x, w, b)] == [dx, dw, db]


if __name__ == "__main__":
    main(*sys.argv[1:])

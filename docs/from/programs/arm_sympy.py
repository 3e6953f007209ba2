"""A planar robot arm of three links: forward kinematics, its Jacobian, and the angles that reach a path, by SymPy."""

import numpy as np
import sympy as sp

lengths = [1.0, 0.8, 0.5]
angles = sp.Matrix(sp.symbols("q1:4"))
headings = [sum(angles[: k + 1]) for k in range(3)]
hand = sp.Matrix(
    [
        sum(length * sp.cos(h) for length, h in zip(lengths, headings, strict=True)),
        sum(length * sp.sin(h) for length, h in zip(lengths, headings, strict=True)),
    ]
)
manipulability = sp.sqrt((hand.jacobian(angles) * hand.jacobian(angles).T).det())
place = sp.lambdify([angles], hand)
slopes = sp.lambdify([angles], hand.jacobian(angles))
measure = sp.lambdify([angles], manipulability)


def run():
    q, path = np.array([0.3, 0.5, 0.4]), []
    for t in np.linspace(0, 1, 21):
        target = np.array([1.6 - 0.5 * t, 0.9 + 0.6 * t])
        for _ in range(30):
            q = q + np.linalg.pinv(slopes(q)) @ (target - place(q)[:, 0])
        path.append(q)
    return {"angles": path, "manipulability": [measure(q) for q in path]}

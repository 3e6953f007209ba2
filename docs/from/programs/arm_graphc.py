"""A planar robot arm of three links: forward kinematics, its Jacobian, and the angles that reach a path, by graphc."""

import numpy as np

import graphc as g

lengths = np.array([1.0, 0.8, 0.5])
q, target = g.symbol("q", shape=3), g.symbol("target", shape=2)
headings = g.cumsum(q)
hand = g.stack([g.sum(lengths * g.cos(headings)), g.sum(lengths * g.sin(headings))])
J = g.jacobian(hand, q)
newton = g.compile(q + g.pinv(J) @ (target - hand), [q, target])
measure = g.compile(g.sqrt(g.det(J @ J.T)), [q])


def run():
    at, path = np.array([0.3, 0.5, 0.4]), []
    for t in np.linspace(0, 1, 21):
        for _ in range(30):
            at = newton(at, np.array([1.6 - 0.5 * t, 0.9 + 0.6 * t]))
        path.append(at)
    return {"angles": path, "manipulability": [measure(each) for each in path]}

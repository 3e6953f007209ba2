"""A double pendulum, to the last bits: Taylor's method of order 20 inside of a compiled function.

Two pendulums that begin a billionth of a degree apart go their own ways after half a minute, while each keeps its energy to 14
digits. The figure has the way of the lower weight, and how the distance between the two grows; the animation has both pendulums
as they swing, in the time that they take.

Run: python examples/double_pendulum.py [directory for the figures]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image, ImageDraw

import graphc as g

plt.style.use("graphc.viz.slides")

GRAVITY, TIMES = 9.81, np.linspace(0.0, 30.0, 3001)
start = g.symbols("a b u v")  # the angles of both rods, of 1 m with 1 kg at their ends, and their speeds


def change(t, state):
    """The equations of motion."""
    a, b, u, v = state
    apart = a - b
    below = 3 - g.cos(2 * apart)
    du = (
        -3 * GRAVITY * g.sin(a)
        - GRAVITY * g.sin(a - 2 * b)
        - 2 * g.sin(apart) * (v * v + u * u * g.cos(apart))
    )
    dv = 2 * g.sin(apart) * (2 * u * u + 2 * GRAVITY * g.cos(a) + v * v * g.cos(apart))
    return u, v, du / below, dv / below


def energy(a, b, u, v):
    return u * u + v * v / 2 + u * v * np.cos(a - b) - GRAVITY * (2 * np.cos(a) + np.cos(b))


def animation(one, other, path, seconds=30, side=240, per_second=10):
    """Both pendulums as a moving picture, the second one in grey behind the first, each with the way of the last second."""
    scale, every = side / 4.4, round(1 / per_second / TIMES[1])
    colours = {"other": ((176, 176, 176), (216, 216, 216)), "one": ((31, 119, 180), (174, 199, 232))}
    frames = []

    def at(x, y):
        return side + 2 * scale * x, side - 2 * scale * y  # drawn twice as large, so that edges are smooth

    ways = {}
    for name, (a, b, *_) in (("other", other), ("one", one)):
        x, y = np.sin(a), -np.cos(a)
        ways[name] = (
            list(zip(*at(x, y), strict=True)),
            list(zip(*at(x + np.sin(b), y - np.cos(b)), strict=True)),
        )
    for number in range(0, min(len(TIMES), round(seconds / TIMES[1]) + 1), every):
        frame = Image.new("RGB", (2 * side, 2 * side), "white")
        pen = ImageDraw.Draw(frame)
        for name, (upper, lower) in ways.items():
            dark, light = colours[name]
            pen.line(lower[max(0, number - 100) : number + 1 : 2], fill=light, width=4)
            pen.line([at(0, 0), upper[number], lower[number]], fill=dark, width=5)
            for x, y in (at(0, 0), upper[number], lower[number]):
                pen.ellipse([x - 9, y - 9, x + 9, y + 9], fill=dark)
        frames.append(frame.resize((side, side)).quantize(32))
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=1000 // per_second, loop=0)


def main(directory="."):
    Path(directory).mkdir(parents=True, exist_ok=True)
    f = g.compile(g.odeint(change, tuple(start), TIMES, method="taylor", max_steps=None), start)
    angles = np.radians([120.0, -10.0])
    one, other = f(*angles, 0.0, 0.0), f(angles[0] + np.radians(1e-9), angles[1], 0.0, 0.0)
    drift = np.abs(energy(*one) - energy(*(row[0] for row in one))).max()
    print(f"energy off by {drift:.1e} J at most")
    assert drift < 1e-12

    (x, y), (p, q) = [(np.sin(a) + np.sin(b), -np.cos(a) - np.cos(b)) for a, b in (one[:2], other[:2])]
    apart = np.hypot(x - p, y - q)
    assert apart[100] < 1e-9 and apart[-1] > 1e-6

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4))
    left.scatter(x, y, c=TIMES, s=1, cmap="viridis")
    last = one[0][-1]
    left.plot([0, np.sin(last), x[-1]], [0, -np.cos(last), y[-1]], "o-", color="black")
    left.set_aspect("equal")
    left.set_title("the lower weight")
    right.semilogy(TIMES[1:], apart[1:])
    right.set_xlabel("seconds")
    right.set_title("two that began 10⁻⁹ degrees apart")
    right.set_ylabel("distance in m")
    figure.savefig(Path(directory) / "double_pendulum.png")
    animation(one, other, Path(directory) / "double_pendulum.gif")


if __name__ == "__main__":
    main(*sys.argv[1:])

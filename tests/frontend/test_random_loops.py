"""Random bodies, nested to depth three, of everything that a body may hold: loops, branches, solutions, own derivatives.

Each program is written twice: as loops, and step by step from plain operations, with a closed form for what is solved.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphc as g
from tests.frontend.loop_programs import unrolled

ROOT3 = 3**0.5


def bent(x):
    return x / g.sqrt(1 + x * x)


bent_with_rule = g.custom_vjp(bent, check=False)
bent_with_rule.defvjp(lambda x: (bent(x), x), lambda x, v: (v * (1 + x * x) ** -1.5,))


class Loops:
    """The kinds of steps as graphc's loops and solvers."""

    scan = staticmethod(g.scan)

    @staticmethod
    def repeated(a, b):
        return g.while_loop(lambda c: abs(c) > 0.1, lambda c: 0.5 * c + 0.01 * b, a, max_steps=4)

    @staticmethod
    def solved(a):
        return g.root(lambda z: z**3 + z - a, 0.0)

    @staticmethod
    def chosen(a, b):
        return g.cond(a > 0, lambda a, b: a * b, lambda a, b: a - b, a, b)

    own = staticmethod(bent_with_rule)


class Steps:
    """The same from elements: every step, both sides, the closed form."""

    scan = staticmethod(unrolled)

    @staticmethod
    def repeated(a, b):
        for _ in range(4):
            a = g.where(abs(a) > 0.1, 0.5 * a + 0.01 * b, a)
        return a

    @staticmethod
    def solved(a):
        return 2 / ROOT3 * g.sinh(g.asinh(1.5 * ROOT3 * a) / 3)  # z³ + z = a

    @staticmethod
    def chosen(a, b):
        return g.where(a > 0, a * b, a - b)

    own = staticmethod(bent)


KINDS = ("add", "mul", "sin", "where", "cond", "while", "own", "root")


def random_body(draw, depth):
    """A function of (kinds of steps, X, c, x, w)."""
    kinds = [*KINDS, *(["scan"] * 4 if depth else [])]
    step = st.tuples(st.sampled_from(kinds), st.integers(0, 9), st.integers(0, 9))
    plan = draw(st.lists(step, min_size=1, max_size=3))
    inner = random_body(draw, depth - 1) if depth else None

    def body(of, X, c, x, w):
        known = [c, x, w]
        for kind, i, j in plan:
            a, b = known[i % len(known)], known[j % len(known)]
            match kind:
                case "add":
                    new = a + b
                case "mul":
                    new = a * b * 0.5
                case "sin":
                    new = g.sin(a)
                case "where":
                    new = g.where(a > b, a, b * 0.5)
                case "cond":
                    new = of.chosen(a, b)
                case "while":
                    new = of.repeated(a, b)
                case "own":
                    new = of.own(a + b)
                case "root":
                    new = of.solved(a)
                case _:
                    end, ys = of.scan(lambda d, y, a=a: inner(of, X, d, y, a), b, X)
                    new = end + 0.25 * g.sum(ys)
            known.append(new)
        return g.tanh(known[-1]), known[-2] * 0.5

    return body


def hold(data, depth, forward_second):
    body = random_body(data.draw, depth)
    n, reverse = data.draw(st.integers(1, 3)), data.draw(st.booleans())
    X, w, c0 = g.symbol("X", shape=(n,)), g.symbol("w"), g.symbol("c0")

    def loss(of):
        end, ys = of.scan(lambda c, x: body(of, X, c, x, w), c0, X, reverse=reverse)
        return end + g.sum(ys)

    loop, steps = loss(Loops), loss(Steps)
    point = {"X": np.linspace(-0.9, 1.1, n), "w": 0.6, "c0": -0.3}

    def results(e):
        along = [] if e is loop and not forward_second else [g.jvp(e, [w], [1.0])]
        return [e, *g.grad(e, [X, w, c0]), *along]

    right = g.evaluate(results(steps), point)
    assert abs(right[-1] - right[-3]) <= 1e-11 * max(1, abs(right[-1]))
    ours = g.compile(results(loop), [X, w, c0], cache=False)(**point)
    for one, other in zip(ours, right, strict=False):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-10)


@settings(max_examples=5, deadline=None, derandomize=True)
@given(st.data())
def test_random_bodies_of_all_kinds(data):
    hold(data, data.draw(st.integers(0, 1)), forward_second=False)


@pytest.mark.slow
@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.data())
def test_many_random_bodies_nested_to_depth_three(data):
    hold(data, data.draw(st.integers(0, 2)), forward_second=True)

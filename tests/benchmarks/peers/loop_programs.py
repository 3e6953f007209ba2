"""Programs with loops, value and gradient, each written once over the functions that graphc and JAX have both.

    python -m tests.benchmarks.peers.loop_programs lstm:graphc        (or :jax)

`m` has `scan`, `while_loop` and the operations by the names that both libraries give them.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tests.benchmarks.worker import serve


class LoopProgram(NamedTuple):
    """build : (m, *arguments) → a number; arguments : their values; by : how many of the first it is differentiated by"""

    build: Callable[..., Any]
    arguments: list[Any]
    by: int


def _cell(m: Any, W: Any, b: Any, h: Any, c: Any, x: Any) -> tuple[Any, Any]:
    n = h.shape[0]
    z = W @ m.concat([h, x]) + b
    c = m.sigmoid(z[n : 2 * n]) * c + m.sigmoid(z[:n]) * m.tanh(z[3 * n :])
    return m.sigmoid(z[2 * n : 3 * n]) * m.tanh(c), c


def _lstm(m: Any, W1: Any, b1: Any, W2: Any, b2: Any, X: Any) -> Any:
    def step(carry: Any, x: Any) -> Any:
        h1, c1, h2, c2 = carry
        h1, c1 = _cell(m, W1, b1, h1, c1, x)
        h2, c2 = _cell(m, W2, b2, h2, c2, h1)
        return (h1, c1, h2, c2), m.sum(h2**2)

    start = m.zeros((14,))
    _, ys = m.scan(step, (start, start, start, start), X)
    return m.mean(ys)


def _rnn(m: Any, W: Any, U: Any, X: Any) -> Any:
    def step(h: Any, x: Any) -> Any:
        h = m.tanh(W @ h + U @ x)
        return h, m.sum(h)

    h, ys = m.scan(step, m.zeros((16,)), X)
    return m.sum(h**2) + m.mean(ys)


def _kalman(m: Any, A: Any, q: Any, r: Any, Y: Any) -> Any:
    H = np.array([1.0, 0.0])

    def step(carry: Any, y: Any) -> Any:
        mean, P = carry
        mean, P = A @ mean, A @ P @ A.T + m.exp(q) * m.eye(2)
        s = P[0, 0] + m.exp(r)
        k, v = P[:, 0] / s, y - mean[0]
        return (mean + k * v, P - m.outer(k, H @ P)), m.log(s) + v * v / s

    _, terms = m.scan(step, (m.zeros((2,)), m.eye(2)), Y)
    return -0.5 * m.sum(terms)


def _markov(m: Any, T: Any, O: Any) -> Any:
    logT = m.log_softmax(T, axis=1)

    def step(alpha: Any, row: Any) -> Any:
        return m.logsumexp(alpha[:, None] + logT, axis=0) + row, None

    alpha, _ = m.scan(step, O[0], O)
    return m.logsumexp(alpha)


def _lotka_volterra(m: Any, p: Any, y0: Any) -> Any:
    def slope(y: Any) -> Any:
        return m.stack([p[0] * y[0] - p[1] * y[0] * y[1], p[2] * y[0] * y[1] - p[3] * y[1]])

    def step(y: Any, _: Any) -> Any:
        h = 0.01
        k1 = slope(y)
        k2 = slope(y + h / 2 * k1)
        k3 = slope(y + h / 2 * k2)
        k4 = slope(y + h * k3)
        y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        return y, y

    _, path = m.scan(step, y0, length=2000)
    return m.mean(path**2)


def _leapfrog(m: Any, q: Any, p: Any) -> Any:
    def step(carry: Any, _: Any) -> Any:
        q, p = carry
        p = p - 0.005 * q
        q = q + 0.01 * p
        return (q, p - 0.005 * q), None

    (q, p), _ = m.scan(step, (q, p), length=100_000)
    return q * p


def _power(m: Any, A: Any, v: Any) -> Any:
    def step(v: Any, _: Any) -> Any:
        w = A @ v
        n = m.sqrt(m.sum(w * w))
        return w / n, n

    _, norms = m.scan(step, v, length=200)
    return norms[-1]


def _newton(m: Any, a: Any) -> Any:
    return m.while_loop(lambda s: m.abs(s * s - a) > 1e-12, lambda s: s - (s * s - a) / (2 * s), a)


def _bodies(m: Any, q: Any, p: Any) -> Any:
    """Runge and Kutta's steps of 50 bodies that attract each other."""

    def slope(q: Any, p: Any) -> tuple[Any, Any]:
        d = q[None, :, :] - q[:, None, :]
        square = m.sum(d * d, axis=2) + 0.05
        return p, m.sum(d * (1 / (square * m.sqrt(square)))[:, :, None], axis=1)

    def step(state: Any, _: Any) -> Any:
        q, p = state
        h = 0.001
        v1, a1 = slope(q, p)
        v2, a2 = slope(q + h / 2 * v1, p + h / 2 * a1)
        v3, a3 = slope(q + h / 2 * v2, p + h / 2 * a2)
        v4, a4 = slope(q + h * v3, p + h * a3)
        q = q + h / 6 * (v1 + 2 * v2 + 2 * v3 + v4)
        p = p + h / 6 * (a1 + 2 * a2 + 2 * a3 + a4)
        return (q, p), None

    (q, p), _ = m.scan(step, (q, p), length=20)
    return m.sum(q * q) + m.sum(p * p)


def _metropolis(m: Any, scale: Any, centre: Any, Z: Any, U: Any) -> Any:
    """A Markov chain of Metropolis's over given random numbers: moves Z, logarithms U of uniform ones."""

    def density(x: Any) -> Any:
        d = x - centre
        return -0.5 * m.sum(d * d) - 0.1 * m.sum(d * d * d * d)

    def step(carry: Any, row: Any) -> Any:
        x, known = carry
        z, u = row
        moved = x + scale * z
        new = density(moved)
        taken = u < new - known
        x, known = m.where(taken, moved, x), m.where(taken, new, known)
        return (x, known), m.sum(x * x) + known

    start = 0.1 * centre
    _, ys = m.scan(step, (start, density(start)), (Z, U))
    return m.mean(ys)


def _bisection(m: Any, a: Any) -> Any:
    """The root of x³ + x = a."""

    def halved(ends: Any) -> Any:
        low, high = ends
        x = 0.5 * (low + high)
        above = x * x * x + x > a
        return m.where(above, low, x), m.where(above, x, high)

    low, high = m.while_loop(lambda ends: ends[1] - ends[0] > 1e-12, halved, (0.0 * a, a))
    return 0.5 * (low + high)


def _edit_distance(m: Any, C: Any) -> Any:
    """The soft minimum over alignments of two sequences, row by row, each from left to right."""

    def soft(a: Any, b: Any, c: Any) -> Any:
        return -m.logsumexp(m.stack([-a, -b, -c]))

    def row(before: Any, costs: Any) -> Any:
        def cell(carry: Any, x: Any) -> Any:
            left, corner = carry
            above, cost = x
            here = soft(left + 1, above + 1, corner + cost)
            return (here, above), here

        _, after = m.scan(cell, (before[0] + 1, before[0]), (before[1:], costs))
        return m.concat([m.reshape(before[0] + 1, (1,)), after]), None

    last, _ = m.scan(row, m.arange(C.shape[1] + 1) * 1.0, C)
    return last[-1]


def _programs() -> dict[str, LoopProgram]:
    rng = np.random.default_rng(0)

    def normal(*shape: int) -> np.ndarray:
        return 0.2 * rng.normal(size=shape)

    symmetric = rng.normal(size=(8, 8))
    return {
        "lstm": LoopProgram(
            _lstm, [normal(56, 28), normal(56), normal(56, 28), normal(56), normal(1024, 14)], 4
        ),
        "rnn": LoopProgram(_rnn, [normal(16, 16), normal(16, 4), normal(1024, 4)], 2),
        "kalman": LoopProgram(_kalman, [np.array([[1.0, 0.1], [-0.1, 0.9]]), -1.0, -0.5, normal(1000)], 3),
        "markov": LoopProgram(_markov, [normal(8, 8), normal(500, 8)], 2),
        "lotka-volterra": LoopProgram(
            _lotka_volterra, [np.array([1.0, 0.5, 0.3, 0.7]), np.array([1.0, 0.5])], 2
        ),
        "leapfrog": LoopProgram(_leapfrog, [1.0, 0.3], 2),
        "power": LoopProgram(_power, [symmetric + symmetric.T, np.ones(8)], 1),
        "newton": LoopProgram(_newton, [7.0], 0),
        "bodies": LoopProgram(_bodies, [5 * normal(50, 3), normal(50, 3)], 2),
        "metropolis": LoopProgram(
            _metropolis,
            [0.8, np.array([0.3, -0.4]), 5 * normal(2000, 2), np.log(rng.random(2000))],
            2,
        ),
        "bisection": LoopProgram(_bisection, [7.0], 0),
        "edit-distance": LoopProgram(_edit_distance, [rng.random((64, 64))], 1),
    }


NAMES = tuple(_programs())


def _jax_build(program: LoopProgram) -> tuple[Any, Callable[..., Any], list[Any]]:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    own = {
        name: getattr(jnp, name)
        for name in "zeros sum mean tanh exp log sqrt abs stack outer eye where reshape arange".split()
    }
    m = types.SimpleNamespace(
        scan=lambda f, carry, xs=None, length=None: jax.lax.scan(f, carry, xs, length=length),
        while_loop=jax.lax.while_loop, concat=jnp.concatenate, sigmoid=jax.nn.sigmoid,
        log_softmax=jax.nn.log_softmax, logsumexp=jax.nn.logsumexp, **own,
    )  # fmt: skip

    def build(*arguments: Any) -> Any:
        return program.build(m, *arguments)

    return jax, build, [jnp.asarray(value) for value in program.arguments]


def _jax(program: LoopProgram) -> Callable[[], Any]:
    jax, build, arguments = _jax_build(program)
    f = jax.jit(jax.value_and_grad(build, argnums=tuple(range(program.by))) if program.by else build)
    return lambda: jax.block_until_ready(f(*arguments))


def _directions(program: LoopProgram) -> list[np.ndarray]:
    """What slopes are differentiated along: ones would be a direction in which probabilities do not change."""
    shapes = [np.shape(value) for value in program.arguments[: program.by]]
    return [np.cos(np.arange(int(np.prod(shape)))).reshape(shape) for shape in shapes]


def _jax_exact(program: LoopProgram) -> list[Any]:
    """Value, slopes, and the slopes' derivative along a direction."""
    jax, build, arguments = _jax_build(program)
    if not program.by:
        return [build(*arguments)]
    own, rest = arguments[: program.by], arguments[program.by :]
    slopes = jax.grad(lambda xs: build(*xs, *rest))
    along = [jax.numpy.asarray(x) for x in _directions(program)]
    first, second = jax.jit(lambda xs: jax.jvp(slopes, (xs,), (along,)))(own)
    return [build(*arguments), *first, *second]


def _graphc(program: LoopProgram) -> Callable[[], Any]:
    import graphc as g

    symbols = [g.symbol(f"a{k}", shape=np.shape(value)) for k, value in enumerate(program.arguments)]
    value = program.build(g, *symbols)
    results = (value, tuple(g.grad(value, symbols[: program.by]))) if program.by else value
    f: Any = g.compile(results, symbols, cache=False)
    return lambda: f(*program.arguments)


def _graphc_exact(program: LoopProgram) -> list[Any]:
    import graphc as g

    symbols = [g.symbol(f"a{k}", shape=np.shape(value)) for k, value in enumerate(program.arguments)]
    value, by = program.build(g, *symbols), symbols[: program.by]
    results = [value]
    if by:
        first = g.grad(value, by)
        results += [*first, *g.jvp(first, by, [g.constant(x) for x in _directions(program)])]
    f: Any = g.compile(results, symbols, cache=False)
    return f(*program.arguments)


def written(name: str, kind: str, path: str) -> None:
    """Value, slopes and second derivatives of a program in a file of .npz."""
    exact = _jax_exact if kind == "jax" else _graphc_exact
    np.savez(path, *[np.asarray(x) for x in exact(_programs()[name])])


def check(result: Any) -> str:
    """Digits of the value, and of the sum of all slopes without their signs."""
    if not isinstance(result, tuple):
        return f"{float(result):.12g}"
    return f"{float(result[0]):.12g} {sum(float(np.abs(np.asarray(x)).sum()) for x in result[1]):.12g}"


if __name__ == "__main__" and sys.argv[1:2] == ["written"]:
    written(*sys.argv[2:5])
elif __name__ == "__main__":
    serve(
        {
            f"{name}:{kind}": lambda program=program, make=make: make(program)
            for name, program in _programs().items()
            for kind, make in (("jax", _jax), ("graphc", _graphc))
        },
        report=check,
    )

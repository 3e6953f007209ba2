"""One program compiled in a process of its own, by graphc or by JAX: the seconds from the formula to its first result.

    python -m tests.benchmarks.peers.cold_programs NAME FRAMEWORK      prints one line of JSON

Importing the framework is timed apart. Before the program a formula of two numbers is compiled, as whatever a framework does
once in a process (JAX starts its backend, Numba's tables are read) is told apart as well.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.benchmarks.worker import summary

Arrays = list[np.ndarray]


def _logsumexp(m: Any, x: Any) -> Any:
    return m.log(m.sum(m.exp(x)))


def _k_means(m: Any, c: Any, x: Any) -> Any:
    away = x[:, None, :] - c[None, :, :]
    return m.sum(m.min(m.sum(away * away, axis=2), axis=1))


def _tanh_layers(m: Any, w: Any, v: Any, u: Any, t: Any, x: Any) -> Any:
    for weights in (w, v, u, t):
        x = m.tanh(x @ weights)
    return m.sum(x * x)


def _lenet(
    m: Any, k1: Any, b1: Any, k2: Any, b2: Any, w3: Any, b3: Any, w4: Any, b4: Any, x: Any, labels: Any
) -> Any:
    hidden = m.max_pool(m.conv(x, k1, b1))
    hidden = m.flat(m.max_pool(m.conv(hidden, k2, b2)))
    return m.cross_entropy(m.relu(hidden @ w3 + b3) @ w4 + b4, labels)


def _lstm_cell(m: Any, w: Any, b: Any, h: Any, c: Any, x: Any) -> tuple[Any, Any]:
    gates = w @ m.concat([x, h]) + b
    i, f, o, u = (gates[14 * k : 14 * (k + 1)] for k in range(4))
    c = m.sigmoid(f) * c + m.sigmoid(i) * m.tanh(u)
    return m.sigmoid(o) * m.tanh(c), c


def _lstm(m: Any, w1: Any, b1: Any, w2: Any, b2: Any, h1: Any, c1: Any, h2: Any, c2: Any, x: Any) -> Any:
    h1, c1 = _lstm_cell(m, w1, b1, h1, c1, x)
    h2, c2 = _lstm_cell(m, w2, b2, h2, c2, h1)
    return m.sum(h2 * h2) + m.sum(c2)


def _scalars(m: Any, *inputs: Any) -> Any:
    """3,000 operations on numbers, as a random program chooses them."""
    from tests.benchmarks.formulas import random_program

    names, rows = random_program(3000)
    values = dict(zip(names, inputs, strict=True))
    build = {
        "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b, "neg": lambda a: -a, "abs": m.abs,
        "square": lambda a: a * a, "add1": lambda a: 1.0 + a, "sin": m.sin, "cos": m.cos, "tanh": m.tanh, "atan": m.atan,
        "exp": m.exp, "sqrt": m.sqrt,
    }  # fmt: skip
    for target, operation, *operands in rows:
        values[target] = build[operation](*(values[operand] for operand in operands))
    return values[rows[-1][0]]


def _programs() -> dict[str, tuple[Callable[..., Any], Arrays, int]]:
    """Name → formula, its arguments, and by how many of the first of these it is differentiated."""
    rng = np.random.default_rng(0)

    def normal(*shape: int) -> np.ndarray:
        return 0.2 * rng.normal(size=shape)

    lenet = [
        normal(20, 1, 5, 5),
        normal(20),
        normal(50, 20, 5, 5),
        normal(50),
        normal(800, 500),
        normal(500),
        normal(500, 10),
    ]
    return {
        "log-sum-exp": (_logsumexp, [normal(1000)], 1),
        "k-means": (_k_means, [normal(10, 8), normal(1000, 8)], 1),
        "tanh layers": (_tanh_layers, [*(normal(16, 16) for _ in range(4)), normal(64, 16)], 4),
        "lenet": (
            _lenet, [*lenet, normal(10), normal(64, 1, 28, 28), rng.integers(0, 10, 64)], 8,
        ),
        "lstm step": (
            _lstm, [normal(56, 28), normal(56), normal(56, 28), normal(56), *(normal(14) for _ in range(5))], 4,
        ),
        "3,000 numbers": (_scalars, [np.float64(0.1 * (k + 1)) for k in range(5)], 0),
    }  # fmt: skip


NAMES = tuple(_programs())


def _graphc() -> tuple[Callable[..., Any], Callable[..., Any]]:
    import graphc as g

    def cross_entropy(z: Any, labels: Any) -> Any:
        chosen = g.take_along_axis(z, g.expand_dims(labels, 1), axis=1)
        return g.mean(g.logsumexp(z, axis=1) - g.squeeze(chosen, 1))

    own = {
        name: getattr(g, name)
        for name in "sum exp log min mean sigmoid tanh relu concat abs sin cos atan sqrt".split()
    }
    m = SimpleNamespace(
        **own, cross_entropy=cross_entropy, flat=lambda x: g.reshape(x, (x.shape[0], -1)),
        conv=lambda x, k, b: g.conv2d(x, k) + g.reshape(b, (-1, 1, 1)), max_pool=lambda x: g.max_pool2d(x, 2),
    )  # fmt: skip

    def first(build: Callable[..., Any], arguments: Arrays, by: int) -> Any:
        symbols = [g.symbol(f"a{k}", shape=np.shape(a), dtype=a.dtype) for k, a in enumerate(arguments)]
        value = build(m, *symbols)
        results = [value, *g.grad(value, symbols[:by])] if by else value
        return g.compile(results, symbols, cache=False)(*arguments)

    return first, lambda x, y: g.log(1 + g.exp(x * y))


def _jax() -> tuple[Callable[..., Any], Callable[..., Any]]:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)

    def cross_entropy(z: Any, labels: Any) -> Any:
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(z, axis=1), labels[:, None], axis=1))

    own = {name: getattr(jnp, name) for name in "sum exp log min mean tanh abs sin cos sqrt".split()}
    m = SimpleNamespace(
        **own, cross_entropy=cross_entropy, flat=lambda x: x.reshape(x.shape[0], -1), sigmoid=jax.nn.sigmoid,
        relu=jax.nn.relu, concat=jnp.concatenate, atan=jnp.arctan,
        conv=lambda x, k, b: jax.lax.conv(x, k, (1, 1), "VALID") + b[:, None, None],
        max_pool=lambda x: jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID"),
    )  # fmt: skip

    def first(build: Callable[..., Any], arguments: Arrays, by: int) -> Any:
        def formula(*inputs: Any) -> Any:
            return build(m, *inputs)

        f = jax.jit(jax.value_and_grad(formula, argnums=tuple(range(by))) if by else formula)
        return jax.block_until_ready(f(*map(jnp.asarray, arguments)))

    return first, lambda x, y: jnp.log(1 + jnp.exp(x * y))


def _heyoka() -> tuple[Callable[..., Any], Callable[..., Any]]:
    import heyoka

    own = {name: getattr(heyoka, name) for name in "sin cos tanh atan exp sqrt".split()}
    m = SimpleNamespace(**own, abs=lambda a: heyoka.sqrt(a * a))

    def first(build: Callable[..., Any], arguments: Arrays, by: int) -> Any:
        symbols = heyoka.make_vars(*(f"a{k}" for k in range(len(arguments))))
        if by:
            raise SystemExit("heyoka has numbers alone")
        return heyoka.cfunc([build(m, *symbols)], symbols)(np.array(arguments, dtype=float))

    return first, lambda x, y: heyoka.log(1 + heyoka.exp(x * y))


FRAMEWORKS = {"graphc": _graphc, "jax": _jax, "heyoka": _heyoka}


def main(name: str, framework: str) -> None:
    build, arguments, by = _programs()[name]
    start = time.perf_counter()
    first, small = FRAMEWORKS[framework]()
    imported = time.perf_counter()
    first(lambda m, x, y: small(x, y), [np.float64(0.5), np.float64(2.0)], 0)
    once = time.perf_counter()
    result = first(build, arguments, by)
    end = time.perf_counter()
    seconds = {"import": imported - start, "once": once - imported, "program": end - once}
    print(json.dumps({**seconds, "check": summary(result)}))


if __name__ == "__main__":
    main(*sys.argv[1:])

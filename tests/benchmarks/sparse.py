"""Sparse Jacobians and Hessians beside CasADi's (sparse, by its virtual machine) and JAX's (dense), in one run.

    python -m tests.benchmarks.sparse [--dense 3000]

Calls alternate, and the median of their ratios is printed: below 1 graphc is faster. Peers are imported here; those that are not
installed are named.
"""

from __future__ import annotations

import argparse
import importlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import graphc as g

ROUNDS = 15


def rosenbrock(x: Any) -> Any:
    return 100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2


def collocation(x: Any, states: int, sin: Callable[[Any], Any]) -> Any:
    """Trapezoidal defects of a driven pendulum: angles, speeds and torques one after the other."""
    a, w, c = x[:states], x[states : 2 * states], x[2 * states :]
    force = c - sin(a)
    return (
        a[1:] - a[:-1] - 0.005 * (w[1:] + w[:-1]),
        w[1:] - w[:-1] - 0.005 * (force[1:] + force[:-1]),
    )


def peer(name: str) -> Any:
    """A package, or None where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        print(f"{name} is not installed: left out")
        return None


def paired(ours: Callable[[], Any], theirs: Callable[[], Any]) -> str:
    """The median of the ratios of alternating calls, and both medians."""
    ours(), theirs()
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        ours()
        between = time.perf_counter()
        theirs()
        times.append((between - start, time.perf_counter() - between))
    own, other = np.array(times).T
    return f"{np.median(own / other):.3f}×  ({1e3 * np.median(own):.3f} ms against {1e3 * np.median(other):.3f} ms)"


def casadi_call(ca: Any, output: Any, variable: Any, hessian: bool) -> Callable[[np.ndarray], np.ndarray]:
    """CasADi's function through buffers, which spares it the conversion of arguments: point → the entries."""
    matrix = ca.hessian(output, variable)[0] if hessian else ca.jacobian(output, variable)
    function = ca.Function("f", [variable], [matrix])
    buffer, call = function.buffer()
    entries = np.zeros(function.nnz_out(0))
    buffer.set_res(0, memoryview(entries))

    def run(point: np.ndarray) -> np.ndarray:
        buffer.set_arg(0, memoryview(point))
        call()
        return entries

    return run


def beside_casadi(ca: Any, states: int) -> None:
    rng = np.random.default_rng(0)
    for name, length, hessian in (
        ("Rosenbrock's Hessian", states, True),
        ("collocation Jacobian", 3 * states // 2, False),
    ):
        x, s = g.symbol("x", shape=length), ca.SX.sym("x", length)
        half = states // 2
        start = time.perf_counter()
        if hessian:
            ours = g.hessian(g.sum(rosenbrock(x)), x, sparse=True, format="csc")
        else:
            ours = g.jacobian(g.concat(list(collocation(x, half, g.sin))), x, sparse=True, format="csc")
        f = g.compile(ours, [x])
        between = time.perf_counter()
        theirs = ca.sum1(rosenbrock(s)) if hessian else ca.vertcat(*collocation(s, half, ca.sin))
        h = casadi_call(ca, theirs, s, hessian)
        end = time.perf_counter()
        point = rng.random(length)
        np.testing.assert_allclose(f(point).data, h(point), rtol=1e-9, atol=1e-9)
        out = f(point)
        print(f"{name}, {length} variables: {ours}")
        print(f"  ready after {between - start:.2f} s, CasADi after {end - between:.2f} s")
        print(f"  a call {paired(lambda f=f, p=point, o=out: f(p, out=o), lambda h=h, p=point: h(p))} CasADi")


def beside_jax(jax: Any, length: int) -> None:
    jax.config.update("jax_enable_x64", True)
    x = g.symbol("x", shape=length)
    f = g.compile(g.hessian(g.sum(rosenbrock(x)), x, sparse=True), [x])
    dense = jax.jit(jax.hessian(lambda x: rosenbrock(x).sum()))
    point = np.random.default_rng(0).random(length)
    np.testing.assert_allclose(f(point).toarray(), dense(point), rtol=1e-9, atol=1e-9)
    print(f"Rosenbrock's Hessian, {length} variables, dense by JAX")
    print(f"  a call {paired(lambda: f(point), lambda: dense(point).block_until_ready())} JAX")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--states", type=int, default=10_000)
    parser.add_argument(
        "--dense", type=int, default=3000, help="variables of the dense comparison: n² numbers"
    )
    options = parser.parse_args()
    ca, jax = peer("casadi"), peer("jax")
    if ca is not None:
        beside_casadi(ca, options.states)
    if jax is not None:
        beside_jax(jax, options.dense)


if __name__ == "__main__":
    main()

"""The log-sigmoid's value and three gradients in other frameworks, each by its own differentiation.

python -m tests.benchmarks.peers.frameworks log_sigmoid_scalar:jax
"""

from __future__ import annotations

import numpy as np

from tests.benchmarks.formulas import POINT
from tests.benchmarks.worker import serve


def _points(array):
    if array:
        return np.linspace(-2, 2, 1_000_000), np.full(1_000_000, -3.0), np.linspace(-1, 1, 1_000_000)
    return POINT


def jax(array):
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)

    def loss(x, w, b):
        return jnp.log(1 / (jnp.exp(-(x * w + b)) + 1))

    vg = jax.value_and_grad(loss, argnums=(0, 1, 2))
    f = jax.jit(jax.vmap(vg)) if array else jax.jit(vg)
    args = [jnp.asarray(value) for value in _points(array)] if array else _points(array)
    return lambda: jax.block_until_ready(f(*args))


def torch(array, compiled=False):
    import torch

    def loss(x, w, b):
        return torch.log(1 / (torch.exp(-(x * w + b)) + 1))

    x, w, b = (torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in _points(array))
    function = torch.compile(loss) if compiled else loss

    def call():
        value = function(x, w, b)
        return value.detach(), torch.autograd.grad(value.sum(), (x, w, b))

    return call


def pytensor(array):
    import pytensor
    import pytensor.tensor as pt

    kind = pt.dvector if array else pt.dscalar
    x, w, b = kind("x"), kind("w"), kind("b")
    loss = pt.log(1 / (pt.exp(-(x * w + b)) + 1))
    f = pytensor.function([x, w, b], [loss, *pytensor.grad(loss.sum(), [x, w, b])], mode="NUMBA")
    f.trust_input = True
    args = [np.asarray(value, dtype=float) for value in _points(array)]
    return lambda: f(*args)


def casadi(array):
    import casadi

    x, w, b = (casadi.SX.sym(name) for name in "xwb")
    loss = casadi.log(1 / (casadi.exp(-(x * w + b)) + 1))
    f = casadi.Function("f", [x, w, b], [loss, *(casadi.jacobian(loss, v) for v in (x, w, b))])
    if array:
        f = f.map(1_000_000)
    args = [np.asarray(value)[None, :] if array else value for value in _points(array)]
    return lambda: f(*args)


def heyoka(array):
    import heyoka

    x, w, b = heyoka.make_vars("x", "w", "b")
    loss = heyoka.log(1.0 / (heyoka.exp(-(x * w + b)) + 1.0))
    f = heyoka.cfunc([loss, *(heyoka.diff(loss, v) for v in (x, w, b))], [x, w, b])
    inputs = np.stack([np.asarray(value, dtype=float) for value in _points(array)])
    return lambda: f(inputs)


def symengine(array):
    import symengine

    x, w, b = symengine.symbols("x w b")
    loss = symengine.log(1 / (symengine.exp(-(x * w + b)) + 1))
    f = symengine.Lambdify([x, w, b], [loss, *(loss.diff(v) for v in (x, w, b))], backend="llvm", cse=True)
    inputs = np.array(_points(array), dtype=float).T.copy()
    return lambda: f(inputs)


def numexpr(array):
    import numexpr

    x, w, b = _points(array)
    e = "exp(-(x*w+b))"
    texts = [f"log(1/({e}+1))", f"{e}/({e}+1)*w", f"{e}/({e}+1)*x", f"{e}/({e}+1)"]
    return lambda: [numexpr.evaluate(text, {"x": x, "w": w, "b": b}) for text in texts]


MAKERS = {
    "jax": jax, "torch": torch, "torch.compile": lambda array: torch(array, compiled=True), "pytensor": pytensor,
    "casadi": casadi, "heyoka": heyoka, "symengine": symengine, "numexpr": numexpr,
}  # fmt: skip

if __name__ == "__main__":
    serve(
        {
            f"log_sigmoid_{kind}:{name}": (lambda make=make, kind=kind: make(kind == "array"))
            for name, make in MAKERS.items()
            for kind in ("scalar", "array")
        }
    )

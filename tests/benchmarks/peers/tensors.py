"""Every program over tensors in every framework, each with what it has for the purpose and its own means of differentiation.

    python -m tests.benchmarks.peers.tensors FRAMEWORK PROGRAM time PATH     results to PATH, then batches on demand
    python -m tests.benchmarks.peers.tensors FRAMEWORK PROGRAM memory

A framework is a function (program, inputs by name) → (call, fetch): a call without arguments, and a function from what the call
gave to its results as NumPy arrays, in the order of `Program.hand`. Nothing of graphc is imported here but by `graphc` itself.
"""

from __future__ import annotations

import gc
import json
import sys
from types import SimpleNamespace

import numpy as np

from tests.benchmarks.programs import Program, programs
from tests.benchmarks.worker import peak, serve


def _all(values):
    return [np.asarray(value) for value in values]


def expressions(program: Program, arrays):
    """graphc's (output, gradients, symbols): a program as its user writes it."""
    import graphc as g

    def cross_entropy(z, labels):
        chosen = g.take_along_axis(z, g.expand_dims(labels, 1), axis=1)
        return g.mean(g.logsumexp(z, axis=1) - g.squeeze(chosen, 1))

    def layer_norm(x, scale, shift):
        away = x - g.mean(x, axis=1, keepdims=True)
        return away / g.sqrt(g.mean(away * away, axis=1, keepdims=True) + 1e-5) * scale + shift

    named = {
        name: getattr(g, name) for name in "sum exp tril min mean logsumexp sigmoid softplus relu".split()
    }
    m = SimpleNamespace(
        **named, eye=np.eye, transposed=g.matrix_transpose, cross_entropy=cross_entropy, layer_norm=layer_norm,
        flat=lambda x: g.reshape(x, (x.shape[0], -1)), conv=lambda x, k, b: g.conv2d(x, k) + g.reshape(b, (-1, 1, 1)),
        max_pool=lambda x: g.max_pool2d(x, 2),
    )  # fmt: skip
    inputs = {name: g.symbol(name, shape=a.shape, dtype=a.dtype) for name, a in arrays.items()}
    adjoint = inputs.get("adjoint")
    output = program.build(m, **{name: x for name, x in inputs.items() if x is not adjoint})
    wrt = [inputs[name] for name in program.wrt]
    return output, g.grad(output, wrt, adjoint) if wrt else [], list(inputs.values())


def graphc(program: Program, arrays, **options):
    import graphc as g

    output, gradients, symbols = expressions(program, arrays)
    values = list(arrays.values())
    if program.ask == "step":
        wrt = [symbol for symbol in symbols if symbol.name in program.wrt]
        updates = {w: w - program.rate * d for w, d in zip(wrt, gradients, strict=True)}
        f = g.compile(output, symbols, updates=updates, cache=False, **options)
        return lambda: f(*values), lambda loss: _all([loss, *(arrays[name] for name in program.wrt)])
    f = g.compile([output, *gradients], symbols, cache=False, **options)
    return lambda: f(*values), _all


def graphc_one_thread(program, arrays):
    return graphc(program, arrays, parallel=False)


def numpy(program, arrays):
    return lambda: program.hand(**arrays), _all


def jax(program, arrays):
    import jax as jx
    import jax.numpy as jnp

    if program.dtype == "float64":
        jx.config.update("jax_enable_x64", True)

    def cross_entropy(z, labels):
        chosen = jnp.take_along_axis(jx.nn.log_softmax(z, axis=1), labels[:, None], axis=1)
        return -jnp.mean(chosen)

    def layer_norm(x, scale, shift):
        return jx.nn.standardize(x, axis=1, epsilon=1e-5) * scale + shift

    def conv(x, k, b):
        return jx.lax.conv(x, k, (1, 1), "VALID") + b[:, None, None]

    def max_pool(x):
        return jx.lax.reduce_window(x, -jnp.inf, jx.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")

    named = {name: getattr(jnp, name) for name in "sum exp tril min mean".split()}
    m = SimpleNamespace(
        **named, logsumexp=jx.nn.logsumexp, sigmoid=jx.nn.sigmoid, softplus=jx.nn.softplus, relu=jx.nn.relu, eye=jnp.eye,
        transposed=lambda x: jnp.swapaxes(x, -1, -2), cross_entropy=cross_entropy, layer_norm=layer_norm, conv=conv,
        max_pool=max_pool, flat=lambda x: x.reshape(x.shape[0], -1),
    )  # fmt: skip
    held = {name: jnp.asarray(a) for name, a in arrays.items()}
    wrt = program.wrt

    def output(chosen, rest):
        return program.build(m, **chosen, **rest)

    rest = {name: a for name, a in held.items() if name not in wrt and name != "adjoint"}
    chosen = {name: held[name] for name in wrt}
    if program.ask == "value":
        f = jx.jit(lambda rest: output({}, rest))
        return lambda: jx.block_until_ready(f(rest)), lambda result: [np.asarray(result)]
    if program.ask == "vjp":

        def pull(chosen, rest, adjoint):
            value, back = jx.vjp(lambda chosen: output(chosen, rest), chosen)
            return value, back(adjoint)[0]

        f = jx.jit(pull)
        adjoint = held["adjoint"]
        return lambda: jx.block_until_ready(f(chosen, rest, adjoint)), lambda r: _all(
            [r[0], *(r[1][k] for k in wrt)]
        )
    if program.ask == "grad":
        f = jx.jit(jx.value_and_grad(output))
        return lambda: jx.block_until_ready(f(chosen, rest)), lambda r: _all([r[0], *(r[1][k] for k in wrt)])

    def step(chosen, rest):
        loss, gradients = jx.value_and_grad(output)(chosen, rest)
        return loss, {name: chosen[name] - program.rate * gradients[name] for name in chosen}

    f = jx.jit(step, donate_argnums=0)
    state = {"chosen": {name: jnp.array(a) for name, a in chosen.items()}}

    def call():
        loss, state["chosen"] = jx.block_until_ready(f(state["chosen"], rest))
        return loss

    return call, lambda loss: _all([loss, *(state["chosen"][name] for name in wrt)])


def torch(program, arrays, compiled=False):
    import torch as th
    from torch.nn import functional as nn

    m = SimpleNamespace(
        sum=th.sum, exp=th.exp, tril=th.tril, mean=th.mean, sigmoid=th.sigmoid, softplus=nn.softplus, relu=th.relu,
        min=lambda x, axis: th.amin(x, axis), logsumexp=lambda x, axis: th.logsumexp(x, axis), transposed=lambda x: x.mT,
        eye=lambda d: th.eye(d, dtype=getattr(th, program.dtype)), flat=lambda x: th.flatten(x, 1),
        cross_entropy=nn.cross_entropy, conv=nn.conv2d, max_pool=lambda x: nn.max_pool2d(x, 2),
        layer_norm=lambda x, scale, shift: nn.layer_norm(x, x.shape[1:], scale, shift),
    )  # fmt: skip
    held = {name: th.from_numpy(a) for name, a in arrays.items()}
    adjoint = held.pop("adjoint", None)
    wrt = [held[name].requires_grad_() for name in program.wrt]

    def output(**inputs):
        return program.build(m, **inputs)

    # the sizes are the program's: the tiny ones of a measurement of memory must not make them unknown ones
    function = th.compile(output, dynamic=False) if compiled else output

    def call():
        if not wrt:
            with th.no_grad():
                return (function(**held),)
        value = function(**held)
        gradients = th.autograd.grad(value, wrt, adjoint)
        if program.ask != "step":
            return (value.detach(), *gradients)
        with th.no_grad():
            th._foreach_add_(wrt, gradients, alpha=-program.rate)
        return (value.detach(), *wrt)

    return call, lambda result: [part.detach().numpy() for part in result]


def torch_compiled(program, arrays):
    return torch(program, arrays, compiled=True)


def pytensor(mode):
    def make(program, arrays):
        import pytensor as pyt
        import pytensor.tensor as pt
        from pytensor.tensor.special import log_softmax

        def cross_entropy(z, labels):
            return -pt.mean(log_softmax(z, axis=1)[pt.arange(z.shape[0]), labels])

        def layer_norm(x, scale, shift):
            away = x - pt.mean(x, axis=1, keepdims=True)
            spread = pt.sqrt(pt.mean(away * away, axis=1, keepdims=True) + np.float32(1e-5))
            return away / spread * scale + shift

        named = {
            name: getattr(pt, name) for name in "sum exp tril min mean logsumexp sigmoid softplus".split()
        }
        if "k1" in arrays:  # the last line of a process that ends is its row
            raise SystemExit("PyTensor has no pooling")
        m = SimpleNamespace(
            **named, relu=lambda x: pt.maximum(x, np.float32(0)), eye=pt.eye, cross_entropy=cross_entropy,
            transposed=lambda x: pt.swapaxes(x, -1, -2), layer_norm=layer_norm,
        )  # fmt: skip
        step = program.ask == "step"
        inputs = {
            name: pyt.shared(a, name, borrow=True, shape=a.shape)
            if step and name in program.wrt
            else pt.tensor(name, dtype=a.dtype, shape=a.shape)
            for name, a in arrays.items()
        }
        adjoint = inputs.get("adjoint")
        output = program.build(m, **{name: x for name, x in inputs.items() if name != "adjoint"})
        wrt = [inputs[name] for name in program.wrt]
        cost = output if adjoint is None else pt.sum(output * adjoint)
        gradients = pyt.grad(cost, wrt)
        free = {name: x for name, x in inputs.items() if not (step and name in program.wrt)}
        values = [arrays[name] for name in free]
        rate = np.dtype(program.dtype).type(program.rate)
        f = pyt.function(
            list(free.values()), output if step else [output, *gradients], mode=mode,
            updates=[(w, w - rate * d) for w, d in zip(wrt, gradients, strict=True)] if step else None,
        )  # fmt: skip
        f.trust_input = True
        if step:
            return lambda: f(*values), lambda loss: _all([loss, *(w.get_value(borrow=True) for w in wrt)])
        return lambda: f(*values), _all

    return make


FRAMEWORKS = {
    "graphc": graphc, "graphc, one thread": graphc_one_thread, "NumPy by hand": numpy, "PyTensor (NUMBA)": pytensor("NUMBA"),
    "PyTensor (C)": pytensor("CVM"), "JAX": jax, "PyTorch": torch, "torch.compile": torch_compiled,
}  # fmt: skip


def _timed(framework, program, path) -> None:
    arrays = program.arrays()
    kept = {}

    def set_up():
        kept["call"], kept["fetch"] = framework(program, arrays)
        return kept["call"]

    def keep(result) -> str:
        results = kept["fetch"](result)
        np.savez(path, **{f"result{number:03d}": value for number, value in enumerate(results)})
        return f"{len(results)} results"

    sys.argv[1] = "call"
    serve({"call": set_up}, report=keep)


def _remembered(framework, program) -> None:
    """What a call of the program holds at its peak beyond its inputs: against the same program without data to speak of."""

    def level(sizes) -> tuple[int, int]:
        arrays = program.arrays(sizes)
        size = sum(a.nbytes for a in arrays.values())
        call, _ = framework(program, arrays)
        del arrays  # where a framework has made them its own
        for _ in range(2):
            call()
        gc.collect()
        return peak(call), size

    (without, few), (most, size) = level(program.tiny), level(program.sizes)
    print(json.dumps({"setup_seconds": 0.0, "growth": (most - size) - (without - few)}), flush=True)


if __name__ == "__main__":
    chosen, title, what = sys.argv[1:4]
    if what == "time":
        _timed(FRAMEWORKS[chosen], programs()[title], sys.argv[4])
    else:
        _remembered(FRAMEWORKS[chosen], programs()[title])

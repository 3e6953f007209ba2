"""Every workload in every framework, each by its own means of differentiation.

    python -m tests.benchmarks.peers.compilers FRAMEWORK WORKLOAD SIZE DTYPE

A framework is a function (workload, size, dtype) → a call without arguments that returns the values and derivatives; size 0 is a
scalar call. Nothing of graphc is imported here but by `graphc_` itself.
"""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np

from tests.benchmarks.worker import serve
from tests.benchmarks.workloads import Workload, workloads

NAMES = ("exp", "log", "sqrt", "sin", "cos", "tanh", "erf")


def _listed(built):
    return list(built) if isinstance(built, (list, tuple)) else [built]


def _namespace(module, **others):
    found = {name: getattr(module, name) for name in NAMES if hasattr(module, name)}
    return SimpleNamespace(**{**found, **others})


def _graphc(**options):
    def make(work: Workload, size, dtype):
        import graphc as g

        inputs = [g.symbol(name, dtype=dtype) for name in work.names]
        value = work.build(_namespace(g, atan=g.atan, abs_=g.abs), *inputs)
        wrt = [inputs[i] for i in work.wrt]
        f = g.compile(g.value_and_grad(value, wrt) if wrt else value, inputs, cache=False, **options)
        arguments = work.arguments(size, dtype)
        if not size:
            return lambda: f(*arguments)
        out = f(*arguments)
        return lambda: f(*arguments, out=out)

    return make


def value_only(work, size, dtype):
    """graphc's values without derivatives."""
    return _graphc()(Workload(work.names, work.build, (), work.point, work.columns), size, dtype)


def lambdify(work, size, dtype):
    import sympy

    inputs = sympy.symbols(list(work.names), real=True)
    value = work.build(_namespace(sympy, atan=sympy.atan, abs_=sympy.Abs), *inputs)
    outputs = _listed(value) + [sympy.diff(value, inputs[i]) for i in work.wrt]
    f = sympy.lambdify(inputs, outputs, modules="scipy" if size else "math", cse=True)
    arguments = work.arguments(size, dtype)
    return lambda: f(*arguments)


def numpy_by_hand(work, size, dtype):
    """The values alone: NumPy has no derivatives."""
    from scipy.special import erf

    m = _namespace(np, erf=erf, atan=np.arctan, abs_=np.abs)
    arguments = work.arguments(size, dtype)
    return lambda: work.build(m, *arguments)


def symengine(work, size, dtype):
    import symengine as se

    inputs = se.symbols(list(work.names))
    value = work.build(_namespace(se, atan=se.atan, abs_=se.Abs), *inputs)
    outputs = _listed(value) + [value.diff(inputs[i]) for i in work.wrt]
    f = se.Lambdify(inputs, outputs, backend="llvm", cse=True)
    columns = np.array(np.broadcast_arrays(*work.arguments(size, dtype)), dtype=float)
    points = columns.T.copy() if size else columns
    return lambda: f(points)


def heyoka(work, size, dtype):
    import heyoka as hy

    inputs = hy.make_vars(*work.names)
    value = work.build(_namespace(hy, atan=hy.atan, abs_=lambda a: hy.sqrt(a * a)), *inputs)
    outputs = _listed(value)
    if work.wrt:
        tensors = hy.diff_tensors(outputs, diff_args=[inputs[i] for i in work.wrt], diff_order=1)
        outputs = outputs + list(tensors.gradient)
    f = hy.cfunc(outputs, inputs, fp_type=np.dtype(dtype).type if dtype == "float32" else float)
    points = np.array(np.broadcast_arrays(*work.arguments(size, dtype)), dtype=dtype)
    out = np.empty((len(outputs), *points.shape[1:]), dtype)
    return lambda: f(points, outputs=out)


def casadi(work, size, dtype):
    import casadi as ca

    inputs = [ca.SX.sym(name) for name in work.names]
    value = work.build(_namespace(ca, atan=ca.atan, abs_=ca.fabs), *inputs)
    outputs = _listed(value)
    if work.wrt:
        outputs = [*outputs, ca.gradient(value, ca.vertcat(*(inputs[i] for i in work.wrt)))]
    f = ca.Function("f", inputs, outputs)
    arguments = [np.broadcast_to(a, size)[None, :] if size else a for a in work.arguments(size, dtype)]
    if size:
        f = f.map(size)
    return lambda: f(*arguments)


def pytensor(mode):
    def make(work, size, dtype):
        import pytensor as pyt
        import pytensor.tensor as pt

        arguments = [np.asarray(a, dtype) for a in work.arguments(size, dtype)]
        inputs = [
            (pt.vector if a.ndim else pt.scalar)(n, dtype=dtype)
            for n, a in zip(work.names, arguments, strict=True)
        ]
        value = work.build(_namespace(pt, atan=pt.arctan, abs_=pt.abs), *inputs)
        outputs = _listed(value)
        if work.wrt:
            outputs = outputs + pyt.grad(value.sum(), [inputs[i] for i in work.wrt])
        sys.setrecursionlimit(10**5)
        f = pyt.function(inputs, outputs, mode=mode, on_unused_input="ignore")
        f.trust_input = True
        return lambda: f(*arguments)

    return make


def jax(work, size, dtype):
    import jax as jx
    import jax.numpy as jnp

    if dtype == "float64":
        jx.config.update("jax_enable_x64", True)
    m = _namespace(jnp, erf=jx.scipy.special.erf, atan=jnp.arctan, abs_=jnp.abs)

    def value(*inputs):
        return work.build(m, *inputs)

    function = jx.value_and_grad(value, argnums=work.wrt) if work.wrt else value
    if size:
        function = jx.vmap(function)
    arguments = [jnp.asarray(a, dtype) for a in np.broadcast_arrays(*work.arguments(size, dtype))]
    f = jx.jit(function)
    return lambda: jx.block_until_ready(f(*arguments))


def torch(compiled):
    def make(work, size, dtype):
        import torch as th

        kind = getattr(th, dtype)
        m = _namespace(th, erf=th.special.erf, atan=th.atan, abs_=th.abs)
        inputs = [th.tensor(a, dtype=kind) for a in work.arguments(size, dtype)]
        for i in work.wrt:
            inputs[i].requires_grad_()

        def value(*inputs):
            return work.build(m, *inputs)

        function = th.compile(value) if compiled else value
        wrt = [inputs[i] for i in work.wrt]

        def call():
            result = function(*inputs)
            if not wrt:
                return result
            return result.detach(), th.autograd.grad(result.sum(), wrt)

        return call

    return make


def numexpr(work, size, dtype):
    """The values alone, as one expression; without erf it has no Black–Scholes."""
    import numexpr as ne

    class Text(str):
        def _of(form):
            return lambda a, b=None: Text(form.format(a, b))

        __add__, __radd__ = _of("({0}+{1})"), _of("({1}+{0})")
        __sub__, __rsub__ = _of("({0}-{1})"), _of("({1}-{0})")
        __mul__, __rmul__ = _of("({0}*{1})"), _of("({1}*{0})")
        __truediv__, __rtruediv__ = _of("({0}/{1})"), _of("({1}/{0})")
        __neg__ = _of("(-{0})")

    def erf(_):
        raise SystemExit("numexpr has no erf")  # the last line of a process that ends is its row

    known = {name: (lambda a, name=name: Text(f"{name}({a})")) for name in NAMES}
    m = SimpleNamespace(**{**known, "erf": erf})
    text = str(work.build(m, *map(Text, work.names)))
    arguments = dict(zip(work.names, work.arguments(size, dtype), strict=True))
    return lambda: ne.evaluate(text, arguments)


FRAMEWORKS = {
    "graphc": _graphc(), "graphc, one thread": _graphc(parallel=False), "graphc, value alone": value_only,
    "sympy.lambdify(cse)": lambdify, "NumPy, value alone": numpy_by_hand, "numexpr, value alone": numexpr,
    "symengine (LLVM)": symengine, "heyoka": heyoka, "CasADi": casadi, "PyTensor (NUMBA)": pytensor("NUMBA"),
    "PyTensor (C)": pytensor("CVM"), "JAX": jax, "PyTorch": torch(False), "torch.compile": torch(True),
}  # fmt: skip

ELEMENTWISE_ONLY = frozenset(("NumPy, value alone", "numexpr, value alone"))

if __name__ == "__main__":
    name, workload, size, dtype = sys.argv[1:5]
    sys.argv[1] = "call"
    serve({"call": lambda: FRAMEWORKS[name](workloads()[workload], int(size), dtype)})

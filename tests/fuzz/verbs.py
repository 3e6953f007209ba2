"""The public callables, each with a valid call: parameter → a value of the right kind, as the fuzzer replaces one by another."""

# ruff: noqa: E501  a row of a table is a line

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

import graphc as g
from graphc.interpret.numpy_eval import run
from graphc.ir.graph import Dag
from graphc.ops.foreign import KNOWN
from graphc.viz.player.codes import exercise_key, sealed
from tests.fuzz.network_verbs import networks, statistics, training
from tests.fuzz.verb import Verb, folder, written

_defined = 0


def _operations() -> dict[str, Verb]:
    """Every operation of the registry that is called with operands and static arguments."""
    matrix = g.symbol("A", shape=(3, 3))
    vector, index = g.symbol("v", shape=(3,)), g.constant(np.array([0, 1, 2]))
    images, kernel = g.symbol("I", shape=(2, 3, 6, 6)), g.symbol("K", shape=(3, 3, 2, 2))
    pooled = g.symbol("P", shape=(2, 3, 3, 3))
    special: dict[str, dict[str, Any]] = {
        "reshape": {"shape": (9,)}, "broadcast_to": {"shape": (2, 3, 3)}, "expand_dims": {"axis": 0},
        "squeeze": {"x": g.symbol("B", shape=(1, 3)), "axis": 0}, "permute_dims": {"axes": (1, 0)}, "roll": {"shift": 1},
        "tile": {"repetitions": (2, 1), "reps": (2, 1)}, "repeat": {"repeats": 2, "axis": 0}, "pad": {"pad_width": 1, "widths": 1},
        "one_hot": {"x": index, "indices": index, "classes": 3, "depth": 3}, "where": {"condition": matrix > 0},
        "cumsum": {"axis": 0}, "cumprod": {"axis": 0}, "einsum": {"subscripts": "ij,jk->ik"},
        "eye": {"n_rows": 3}, "arange": {"start": 3}, "dim": {"length": 3}, "linspace": {"start": 0.0, "stop": 1.0, "num": 5, "count": 5},
        "searchsorted": {"x": vector}, "full": {"shape": 3, "value": 1.0}, "zeros": {"shape": 3}, "ones": {"shape": 3},
        "tensordot": {"axes": 1}, "split": {"sections": 3}, "take": {"indices": index}, "take_along_axis": {"indices": g.constant(np.zeros((3, 1), int))},
        "gather": {"indices": index}, "logical_and": {"x": matrix > 0, "y": matrix > 0}, "outer": {"a": vector, "b": vector},
        "diag": {"x": vector}, "all": {"x": matrix > 0}, "any": {"x": matrix > 0}, "logical_not": {"x": matrix > 0},
        "logical_or": {"x": matrix > 0, "y": matrix > 0}, "logical_xor": {"x": matrix > 0, "y": matrix > 0},
        "index": {"x": (matrix,), "key": (0,)}, "at_set": {"x": (matrix, vector), "key": (0,)}, "at_add": {"x": (matrix, vector), "key": (0,)}, "polygamma": {"n": 1},
        "conv2d": {"x": images, "kernel": kernel}, "im2col": {"x": images, "size": 2}, "avg_pool2d": {"x": images, "size": 2},
        "max_pool2d": {"x": images, "size": 2}, "max_pool2d_pick": {"stride": 2, "u": images, "x": images, "size": 2},
        "conv2d_input_grad": {"v": images, "kernel": kernel, "space": (7, 7)}, "conv2d_kernel_grad": {"x": images, "v": images, "size": 1},
        "avg_pool2d_grad": {"v": images, "stride": 2, "space": (12, 12), "size": 2}, "max_pool2d_grad": {"v": pooled, "stride": 2, "x": images, "size": 2},
        "eval_legendre": {"n": 3}, "eval_hermite": {"n": 3}, "multigammaln": {"d": 2}, "interp": {"xp": [0.0, 1.0, 2.0], "fp": [1.0, 0.0, 3.0]},
        "piecewise_polynomial": {"coefficients": np.ones((2, 2)), "breaks": [0.0, 1.0, 2.0]}, "polyval": {"p": [1.0, 2.0]},
        "cubic_spline": {"xp": [0.0, 1.0, 2.0], "fp": [1.0, 0.0, 3.0]}, "select": {"condlist": [matrix > 0], "choicelist": [matrix]},
        "piecewise": {"condlist": [matrix > 0], "funclist": [1.0]},
        "col2im": {"columns": g.im2col(images, 2), "space": (6, 6), "size": 2},
    }  # fmt: skip
    verbs: dict[str, Verb] = {}
    for name in dir(g):
        function = getattr(g, name)
        if name.startswith("_") or not callable(function) or inspect.isclass(function):
            continue
        if not hasattr(function, "op") and not str(getattr(function, "__module__", "")).startswith(
            "graphc.ops."
        ):
            continue
        own: dict[str, Any] = special.get(name, {})
        arguments: dict[str, Any] = {}
        star = None
        for parameter in inspect.signature(function).parameters.values():
            if parameter.kind is parameter.VAR_POSITIONAL:
                star, arguments[parameter.name] = parameter.name, own.get(parameter.name, (matrix, matrix))
            elif parameter.name in own:
                arguments[parameter.name] = own[parameter.name]
            elif parameter.default is not parameter.empty:
                arguments[parameter.name] = parameter.default
            else:
                arguments[parameter.name] = matrix
        verbs[name] = Verb(function, arguments, star)
    return verbs


def _array_op(**names: Any) -> Any:
    try:
        return g.define_op("fuzzed_op", **names)
    finally:
        KNOWN.pop("fuzzed_op", None)


def _with_vjp(f: Any, fwd: Any, bwd: Any, a: Any, domain: Any) -> Any:
    function = g.custom_vjp(f, domain=domain)
    function.defvjp(fwd, bwd)
    return function(a)


def _with_jvp(f: Any, rule: Any, a: Any, nondiff_argnums: Any) -> Any:
    function = g.custom_jvp(f, nondiff_argnums=nondiff_argnums)
    function.defjvp(rule)
    return function(a)


def _verbs() -> dict[str, Verb]:
    x, y = g.symbols("x y")
    formula, point = g.sin(x) * y, {"x": 1.0, "y": 2.0}
    function = g.compile(formula, [x, y])
    field = g.compile([y, -x], [x, y])
    rows = g.compile(g.sum(g.symbol("R", shape=("n", 3)), axis=1))
    graph = g.Graph(formula)
    saved = written("graph.json", lambda path: g.save(graph, path))
    options = {"rewrite": None, "without": ()}

    def rule(**names: Any) -> Any:
        try:
            return g.rule(**names)
        finally:
            if any(known.name == "fuzzed" for known in g.rules()):
                g.forget_rule("fuzzed")

    def forget(**names: Any) -> None:
        g.rule("fuzzed", "sin(a) + sin(a)", "2*sin(a)")
        try:
            g.forget_rule(**names)
        finally:
            if any(known.name == "fuzzed" for known in g.rules()):
                g.forget_rule("fuzzed")

    def traced(python: Any, **names: Any) -> Any:
        return g.function(python, **names).expr

    def in_scope(name: Any) -> None:
        with g.scope(name):
            g.symbol("x") + 1

    def defined(name: Any, **names: Any) -> Any:
        global _defined
        _defined += name is None  # each operation is declared once
        return g.define_op(f"fuzzed_{_defined}" if name is None else name, **names)

    A = g.symbol("A", shape=(3, 3))
    return {
        "getitem": Verb(lambda key: A[key], {"key": 0}),
        "at.set": Verb(lambda key, value: A.at[key].set(value), {"key": 0, "value": 1.0}),
        "at.add": Verb(lambda key, value: A.at[key].add(value), {"key": 0, "value": 1.0}),
        "astype": Verb(A.astype, {"dtype": "float32"}),
        "symbol": Verb(g.symbol, {"name": "x", "shape": (), "dtype": "float64", "positive": False, "range": (0, 1)}),
        "symbols": Verb(g.symbols, {"names": "x y", "shape": (), "dtype": "float64", "positive": False, "range": (0, 1)}),
        "constant": Verb(g.constant, {"value": 1.0, "dtype": None}),
        "parse_latex": Verb(g.parse_latex, {"text": "x y", "symbols": [x, y], "dtype": "float64"}),
        "parse": Verb(g.parse, {"text": "x*y", "symbols": [x, y], "dtype": "float64"}),
        "substitute": Verb(g.substitute, {"expr": formula, "replacements": {x: 2.0}}),
        "free_symbols": Verb(lambda outputs: g.free_symbols(outputs), {"outputs": formula}),
        "Graph": Verb(g.Graph, {"outputs": formula, "inputs": [x, y]}),
        "Graph.forward": Verb(graph.forward, {"at": point}),
        "Graph.backward": Verb(graph.backward, {"at": point, "seed": 1.0, "wrt": [x]}),
        "Graph.differentiate": Verb(graph.differentiate, {"seed": 1.0, "wrt": [x]}),
        "Graph.with_backward": Verb(graph.with_backward, {"seed": 1.0, "wrt": [x]}),
        "Graph.node": Verb(graph.node, {"expr": x}),
        "Graph.expr": Verb(graph.expr, {"node": 0}),
        "Graph.role": Verb(graph.role, {"node": 0}),
        "grad": Verb(g.grad, {"output": formula, "wrt": [x, y], "seed": None, "rewrite": None}),
        "value_and_grad": Verb(g.value_and_grad, {"output": formula, "wrt": x, "seed": None, "rewrite": None}),
        "jacobian": Verb(g.jacobian, {"output": formula, "wrt": x}),
        "hessian": Verb(g.hessian, {"output": formula, "wrt": x}),
        "hvp": Verb(g.hvp, {"output": formula, "wrt": x, "tangents": 1.0}),
        "jvp": Verb(g.jvp, {"output": formula, "wrt": x, "tangents": 1.0}),
        "vjp": Verb(g.vjp, {"output": formula, "wrt": x, "adjoint": 1.0}),
        "vmap": Verb(lambda f, in_axes, out_axes: g.vmap(f, in_axes, out_axes)(g.symbol("R", shape=(3, 3))), {"f": g.sin, "in_axes": 0, "out_axes": 0}),
        "scan": Verb(g.scan, {"f": lambda c, a: (c + a, c), "carry": 0.0, "xs": g.symbol("w", shape=(3,)), "length": None, "reverse": False, "checkpoint": "none", "truncate": 2}),
        "fori_loop": Verb(g.fori_loop, {"lo": 0, "hi": 3, "f": lambda i, c: c * 2, "carry": 1.0}),
        "while_loop": Verb(g.while_loop, {"cond": lambda c: x < 3, "f": lambda c: c, "carry": x, "max_steps": 5, "on_failure": "nan"}),
        "odeint": Verb(g.odeint, {"f": lambda t, y: y, "y0": 1.0, "t": [0.0, 1.0], "rtol": 1e-6, "atol": 1e-8, "method": "rk4", "steps": 2, "max_steps": 20, "first_step": None, "max_step": None, "order": None, "high_accuracy": False, "events": (), "sensitivity": "adjoint", "on_failure": "raise", "info": False}),
        "Event": Verb(_with_event, {"condition": lambda t, y: y - x, "terminal": True, "direction": 0, "count": 2}),
        "cond": Verb(lambda pred, f, otherwise: g.cond(pred, f, otherwise, x), {"pred": x > 0, "f": g.sin, "otherwise": g.cos}),
        "switch": Verb(lambda index, branches: g.switch(index, branches, x), {"index": 1, "branches": [g.sin, g.cos]}),
        "root": Verb(g.root, {"f": lambda z: x - z, "start": 1.0, "tol": None, "max_steps": 50, "on_failure": "nan", "details": False}),
        "fixed_point": Verb(g.fixed_point, {"f": lambda z: g.cos(z * x), "start": 1.0, "tol": None, "max_steps": 50, "on_failure": "nan", "details": False}),
        "argmin of a function": Verb(lambda f, start: g.argmin(f, start), {"f": lambda z: (z - x) ** 2, "start": 1.0}),
        "define_op of arrays": Verb(_array_op, {"reference": np.sin, "params": "x", "vjp": None, "shape": None, "takes": None, "dtype": "float64", "outputs": 1}),
        "checkpoint": Verb(lambda f, a: g.checkpoint(f)(a), {"f": g.sin, "a": x}),
        "stop_gradient": Verb(g.stop_gradient, {"x": x}),
        "custom_vjp": Verb(_with_vjp, {"f": g.sin, "fwd": lambda a: (g.sin(a), a), "bwd": lambda a, v: (v * g.cos(a),), "a": x, "domain": None}),
        "custom_jvp": Verb(_with_jvp, {"f": g.sin, "rule": lambda p, t: (g.sin(p[0]), t[0] * g.cos(p[0])), "a": x, "nondiff_argnums": ()}),
        "sparsity": Verb(lambda **names: str(g.sparsity(**names)), {"output": g.cumsum(g.symbol("w", shape=(3,))), "wrt": g.symbol("w", shape=(3,))}),
        "jacobian sparse": Verb(g.jacobian, {"output": formula, "wrt": x, "sparse": True, "format": "csr"}),
        "hessian sparse": Verb(g.hessian, {"output": formula, "wrt": [x, y], "sparse": True, "format": "csr"}),
        "minimize": Verb(g.minimize, {"objective": (x - 1) ** 2, "unknowns": {x: 0.0}, "subject_to": (), "bounds": None, "data": None, "method": "BFGS", "options": {}}),
        "scipy": Verb(lambda start, **given: function.scipy(start, **given).jac([0.5, 0.25]), {"start": {"x": 1.0, "y": 2.0}, "bounds": {"x": (0.0, 2.0)}, "subject_to": ()}),
        "scipy.arguments": Verb(function.scipy({"x": 1.0, "y": 2.0}).arguments, {"solver": "BFGS"}),
        "scipy over": Verb(lambda start, **given: field.scipy(start, **given).jac(0.0, [0.5, 0.25]), {"start": {"x": 1.0, "y": 2.0}, "over": "t", "events": [x]}),
        "scipy boundary": Verb(lambda start, **given: field.scipy(start, **given).bc([0.5, 0.25], [0.5, 0.25]), {"start": {"x": 1.0, "y": 2.0}, "over": "t", "boundary": lambda a, b: [a["x"], b["x"]]}),
        "curve_fit": Verb(g.curve_fit, {"model": x * y, "x": {x: [1.0, 2.0, 3.0]}, "y": [1.0, 2.0, 3.1], "start": {y: 1.0}, "sigma": None, "absolute_sigma": False, "bounds": None}),
        "evaluate": Verb(g.evaluate, {"outputs": formula, "at": point}),
        "explain": Verb(lambda **names: str(g.explain(**names)), {"outputs": formula, "at": point, "seed": None, "name": "L", "digits": 3}),
        "compile": Verb(g.compile, {"outputs": formula, "inputs": [x, y], "dtype": None, **options, "cache": False, "parallel": "auto", "updates": None, "tier": "auto", "progress": None}),
        "compile by search": Verb(g.compile, {"outputs": formula, "rewrite": "search", "ranges": {"x": (1, 2)}, "budget": 0.02, "cache": False}),
        "compiled": Verb(function, {"x": 1.0, "y": 2.0, "out": None}),
        "compiled rows": Verb(rows, {"R": np.ones((2, 3)), "out": None}),
        "draw": Verb(lambda **names: g.draw(**names).source, {"outputs": formula, "at": point, "backward": True, "seed": None, "name": None, "digits": 3, "style": "slides", "accuracy": None, "collapse": None, "max_nodes": 60, "show": ("value",), "layout": "right", "exercise": False, "decimals": None, "watch": None, "page": None, "highlight": None, "note": None}),
        "diagram.save": Verb(lambda path: g.draw(formula).save(path), {"path": folder() / "x.dot"}),
        "side_by_side": Verb(lambda **names: g.side_by_side(**names).source, {"parts": {"a": x * 2, "b": y + 1}, "at": point}),
        "name": Verb(lambda expr, text: g.name(expr, text), {"expr": formula, "text": None}),
        "naming": Verb(lambda: g.naming(), {}),
        "compare": Verb(lambda **names: g.compare(**names).source, {"before": formula, "after": formula * 2, "name": None, "digits": 3, "style": "slides", "layout": "right", "max_nodes": 60, "page": None}),
        "diagnose": Verb(lambda **names: str(g.diagnose(**names)), {"outputs": formula, "at": point, "backward": True, "seed": None}),
        "plot": Verb(g.plot, {"curves": {"f": formula}, "over": x, "range": (0, 1), "ylim": None, "handles": (), "title": ""}),
        "plane": Verb(g.plane, {"output": x * y, "over": (x, y), "xlim": (-1, 1), "ylim": (-1, 1), "loss": None, "target": None, "data": None, "classes": (-1, 1), "level": 0.0, "title": "t"}),
        "figure": Verb(g.figure, {"plots": (g.plot({"f": formula}, x, (0, 1)),), "at": point, "sliders": None, "title": "t", "digits": 3, "style": "slides"}, "plots"),
        "accuracy": Verb(lambda **names: str(g.accuracy(**names)), {"expr": x + y, "ranges": {"x": (1, 2)}, "samples": 2, "seed": 0, "draw": "both", "rewrite": "stable", "without": (), "nodes": False}),
        "improve": Verb(lambda **names: str(g.improve(**names)), {"expr": g.exp(x) - y, "ranges": {"x": (1, 2)}, "budget": 0.02, "goal": "fast", "seed": 0, "digits": 3, "derivatives": 1, "progress": False}),
        "check_code": Verb(g.check_code, {"code": _code(formula, point), "outputs": formula, "at": point, "pupil": "Ana", "digits": 3}),
        "check_grad": Verb(g.check_grad, {"f": formula, "at": point, "wrt": x}),
        "rewrites": Verb(g.rewrites, {"outputs": formula, "level": "stable", "without": ()}),
        "simplify": Verb(g.simplify, {"outputs": formula, "without": (), "kind": "real"}),
        "stabilize": Verb(g.stabilize, {"outputs": formula, "without": ()}),
        "rule": Verb(rule, {"name": "fuzzed", "pattern": "sin(a) + sin(a)", "replacement": "2*sin(a)", "when": None, "kind": "stable", "why": ""}),
        "forget_rule": Verb(forget, {"name": "fuzzed"}),
        "scope": Verb(in_scope, {"name": "layer"}),
        "set_num_threads": Verb(g.set_num_threads, {"n": g.get_num_threads()}),
        "function": Verb(traced, {"python": lambda a: a * 2, "symbols": (), "dtype": "float64"}),
        "save": Verb(g.save, {"what": formula, "path": folder() / "saved.json"}),
        "load": Verb(g.load, {"path": saved}),
        "lambdify": Verb(g.lambdify, {"args": [], "expr": 1.0, "modules": None, "docstring_limit": 1000}),
        "from_sympy": Verb(g.from_sympy, {"tree": g.to_sympy(formula), "symbols": None, "dtype": "float64"}),
        "to_sympy": Verb(g.to_sympy, {"tree": formula, "evaluate": True, "symbols": None}),
        "define_op": Verb(defined, {"name": None, "formula": "x**2", "params": "x", "label": None, "latex": None, "domain": None, "summary": None}),
    }  # fmt: skip


def _with_event(**arguments: Any) -> Any:
    return g.odeint(lambda t, y: -y, 1.0, 1.0, events=[g.Event(**arguments)])


def _code(formula: Any, point: Any) -> str:
    """The code of an exercise about a formula, with one half point of four."""
    graph = g.Graph(formula)
    key = exercise_key(graph, graph.symbols, run(Dag(graph.symbols, graph.symbols), point), 3)
    return f"G1-0-1-4-{sealed(f'{key}|ana|0-1-4')}"


def verbs() -> dict[str, Verb]:
    """Name → every public callable with a valid call."""
    groups = {
        "": _operations(),
        "g.": _verbs(),
        "nn.": networks(),
        "train.": training(),
        "stats.": statistics(),
    }
    return {
        f"{prefix}{name.removeprefix(prefix)}": verb
        for prefix, group in groups.items()
        for name, verb in group.items()
    }


__all__ = ["Verb", "verbs"]

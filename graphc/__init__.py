"""graphc: symbolic computation graphs, their exact derivatives, their pictures, and their machine code.

The public names are those of `__all__`: the verbs, listed here, and the operations, through the list of each module that declares
some. `g.nn`, `g.stats` and `g.train` have names of their own. Everything else is internal.

`import graphc` loads nothing of it: the operations and the verbs that every program needs come with the first name that is asked
for, the others each with its own. So what only says how it is called, as `graphc --help`, does not wait for them.
"""

# ruff: noqa: F403  the operations are public through the list of each module
from importlib import import_module
from typing import TYPE_CHECKING, Any

from graphc.util.fork_safety import loading as _loading
from graphc.version import __version__

if TYPE_CHECKING:
    import graphc.ops.activation as _activation
    import graphc.ops.arithmetic as _arithmetic
    import graphc.ops.arrange as _arrange
    import graphc.ops.bessel as _bessel
    import graphc.ops.beta as _beta
    import graphc.ops.comparison as _comparison
    import graphc.ops.conv as _conv
    import graphc.ops.counting as _counting
    import graphc.ops.create as _create
    import graphc.ops.decompose as _decompose
    import graphc.ops.einsum as _einsum
    import graphc.ops.elementary as _elementary
    import graphc.ops.exponentials as _exponentials
    import graphc.ops.incomplete_gamma as _incomplete_gamma
    import graphc.ops.incomplete_tails as _incomplete_tails
    import graphc.ops.index as _index
    import graphc.ops.information as _information
    import graphc.ops.integrals as _integrals
    import graphc.ops.lambert as _lambert
    import graphc.ops.linalg as _linalg
    import graphc.ops.logistic as _logistic
    import graphc.ops.matrix_functions as _matrix_functions
    import graphc.ops.normal as _normal
    import graphc.ops.norms as _norms
    import graphc.ops.numpy_arrays as _numpy_arrays
    import graphc.ops.numpy_elementwise as _numpy_elementwise
    import graphc.ops.order as _order
    import graphc.ops.polynomials as _polynomials
    import graphc.ops.pool as _pool
    import graphc.ops.powers as _powers
    import graphc.ops.products as _products
    import graphc.ops.quotients as _quotients
    import graphc.ops.reduce as _reduce
    import graphc.ops.rounding as _rounding
    import graphc.ops.running as _running
    import graphc.ops.shape as _shape
    import graphc.ops.special as _special
    import graphc.ops.student as _student
    import graphc.ops.tables as _tables
    import graphc.ops.update as _update
    import graphc.ops.zeta as _zeta
    from graphc.api.evaluate import evaluate
    from graphc.api.functions import (
        explain,
        grad,
        hessian,
        hvp,
        jacobian,
        jvp,
        operations,
        value_and_grad,
        vjp,
    )
    from graphc.api.graph import Graph
    from graphc.compiler.engine.thread_pool import get_num_threads, set_num_threads
    from graphc.errors import GraphcError
    from graphc.frontend.control import cond, fori_loop, scan, switch, while_loop
    from graphc.frontend.define_op import define_op
    from graphc.frontend.implicit import argmin as _of_arrays_or_functions
    from graphc.frontend.implicit import fixed_point, root
    from graphc.frontend.own_derivatives import custom_jvp, custom_vjp
    from graphc.frontend.parse import parse
    from graphc.frontend.recomputation import checkpoint, stop_gradient
    from graphc.frontend.trace import function
    from graphc.frontend.vmap import vmap
    from graphc.ir.expr import Expr, constant, free_symbols, substitute, symbol, symbols
    from graphc.ir.node_names import name, naming
    from graphc.ir.scopes import scope
    from graphc.ops.activation import *
    from graphc.ops.arithmetic import *
    from graphc.ops.arrange import *
    from graphc.ops.bessel import *
    from graphc.ops.beta import *
    from graphc.ops.comparison import *
    from graphc.ops.conv import *
    from graphc.ops.counting import *
    from graphc.ops.create import *
    from graphc.ops.decompose import *
    from graphc.ops.einsum import *
    from graphc.ops.elementary import *
    from graphc.ops.exponentials import *
    from graphc.ops.incomplete_gamma import *
    from graphc.ops.incomplete_tails import *
    from graphc.ops.index import *
    from graphc.ops.information import *
    from graphc.ops.integrals import *
    from graphc.ops.lambert import *
    from graphc.ops.linalg import *
    from graphc.ops.logistic import *
    from graphc.ops.matrix_functions import *
    from graphc.ops.normal import *
    from graphc.ops.norms import *
    from graphc.ops.numpy_arrays import *
    from graphc.ops.numpy_elementwise import *
    from graphc.ops.order import *
    from graphc.ops.polynomials import *
    from graphc.ops.pool import *
    from graphc.ops.powers import *
    from graphc.ops.products import *
    from graphc.ops.quotients import *
    from graphc.ops.reduce import *
    from graphc.ops.rounding import *
    from graphc.ops.running import *
    from graphc.ops.shape import *
    from graphc.ops.special import *
    from graphc.ops.student import *
    from graphc.ops.tables import *
    from graphc.ops.update import *
    from graphc.ops.zeta import *

    argmin: Any = _of_arrays_or_functions  # of an array NumPy's, of a function where that is lowest

if TYPE_CHECKING:  # what has its place in `_LATER`
    from graphc import nn as nn
    from graphc import stats as stats
    from graphc import train as train
    from graphc.analysis.accuracy import accuracy
    from graphc.analysis.gradcheck import check_grad
    from graphc.api.compile import compile
    from graphc.api.curve_fit import curve_fit
    from graphc.api.draw import compare, diagnose, draw, side_by_side
    from graphc.api.exercise import check_code
    from graphc.api.improve import improve
    from graphc.api.lambdify import lambdify
    from graphc.api.minimize import minimize
    from graphc.api.rewrites import forget_rule, rewrites, rule, rules, simplify, stabilize
    from graphc.api.serialize import load, save
    from graphc.api.sparse import sparsity
    from graphc.frontend.interop.sympy import to_sympy
    from graphc.frontend.interop.sympy_reader import from_sympy
    from graphc.frontend.ode.events import Event
    from graphc.frontend.ode.integrate import odeint
    from graphc.frontend.parse.latex import parse_latex
    from graphc.viz.player.figure import figure, plot
    from graphc.viz.player.plane import plane

_FIRST = {
    "argmin": "graphc.frontend.implicit",
    "checkpoint": "graphc.frontend.recomputation",
    "cond": "graphc.frontend.control",
    "constant": "graphc.ir.expr",
    "custom_jvp": "graphc.frontend.own_derivatives",
    "custom_vjp": "graphc.frontend.own_derivatives",
    "define_op": "graphc.frontend.define_op",
    "evaluate": "graphc.api.evaluate",
    "explain": "graphc.api.functions",
    "Expr": "graphc.ir.expr",
    "fixed_point": "graphc.frontend.implicit",
    "fori_loop": "graphc.frontend.control",
    "free_symbols": "graphc.ir.expr",
    "function": "graphc.frontend.trace",
    "get_num_threads": "graphc.compiler.engine.thread_pool",
    "grad": "graphc.api.functions",
    "Graph": "graphc.api.graph",
    "GraphcError": "graphc.errors",
    "hessian": "graphc.api.functions",
    "hvp": "graphc.api.functions",
    "jacobian": "graphc.api.functions",
    "jvp": "graphc.api.functions",
    "name": "graphc.ir.node_names",
    "naming": "graphc.ir.node_names",
    "operations": "graphc.api.functions",
    "parse": "graphc.frontend.parse",
    "root": "graphc.frontend.implicit",
    "scan": "graphc.frontend.control",
    "scope": "graphc.ir.scopes",
    "set_num_threads": "graphc.compiler.engine.thread_pool",
    "stop_gradient": "graphc.frontend.recomputation",
    "substitute": "graphc.ir.expr",
    "switch": "graphc.frontend.control",
    "symbol": "graphc.ir.expr",
    "symbols": "graphc.ir.expr",
    "value_and_grad": "graphc.api.functions",
    "vjp": "graphc.api.functions",
    "vmap": "graphc.frontend.vmap",
    "while_loop": "graphc.frontend.control",
}
"""Verb → its module, for those that come with the operations."""

_LATER = {
    "accuracy": "graphc.analysis.accuracy",
    "check_grad": "graphc.analysis.gradcheck",
    "check_code": "graphc.api.exercise",
    "compare": "graphc.api.draw",
    "compile": "graphc.api.compile",
    "curve_fit": "graphc.api.curve_fit",
    "diagnose": "graphc.api.draw",
    "draw": "graphc.api.draw",
    "Event": "graphc.frontend.ode.events",
    "figure": "graphc.viz.player.figure",
    "forget_rule": "graphc.api.rewrites",
    "from_sympy": "graphc.frontend.interop.sympy_reader",
    "improve": "graphc.api.improve",
    "lambdify": "graphc.api.lambdify",
    "load": "graphc.api.serialize",
    "minimize": "graphc.api.minimize",
    "odeint": "graphc.frontend.ode.integrate",
    "parse_latex": "graphc.frontend.parse.latex",
    "plane": "graphc.viz.player.plane",
    "plot": "graphc.viz.player.figure",
    "rewrites": "graphc.api.rewrites",
    "rule": "graphc.api.rewrites",
    "rules": "graphc.api.rewrites",
    "save": "graphc.api.serialize",
    "side_by_side": "graphc.api.draw",
    "simplify": "graphc.api.rewrites",
    "sparsity": "graphc.api.sparse",
    "stabilize": "graphc.api.rewrites",
    "to_sympy": "graphc.frontend.interop.sympy",
}
"""Verb → its module, imported when the verb is first asked for: declaring and differentiating need neither the compiler nor what
rewrites, draws, measures or solves, which are two thirds of all that there is to import."""

__all__ = [
    "Event",
    "Expr",
    "Graph",
    "GraphcError",
    "__version__",
    "accuracy",
    "check_code",
    "check_grad",
    "checkpoint",
    "compare",
    "compile",
    "cond",
    "constant",
    "curve_fit",
    "custom_jvp",
    "custom_vjp",
    "define_op",
    "diagnose",
    "draw",
    "evaluate",
    "explain",
    "figure",
    "fixed_point",
    "forget_rule",
    "fori_loop",
    "free_symbols",
    "from_sympy",
    "function",
    "get_num_threads",
    "grad",
    "hessian",
    "hvp",
    "improve",
    "jacobian",
    "jvp",
    "lambdify",
    "load",
    "minimize",
    "name",
    "naming",
    "odeint",
    "operations",
    "parse",
    "parse_latex",
    "plane",
    "plot",
    "rewrites",
    "root",
    "rule",
    "rules",
    "save",
    "scan",
    "scope",
    "set_num_threads",
    "side_by_side",
    "simplify",
    "sparsity",
    "stabilize",
    "stop_gradient",
    "substitute",
    "switch",
    "symbol",
    "symbols",
    "to_sympy",
    "value_and_grad",
    "vjp",
    "vmap",
    "while_loop",
]
_VERBS = tuple(__all__)
if TYPE_CHECKING:
    __all__ += _activation.__all__
    __all__ += _arithmetic.__all__
    __all__ += _arrange.__all__
    __all__ += _comparison.__all__
    __all__ += _tables.__all__
    __all__ += _numpy_elementwise.__all__
    __all__ += _numpy_arrays.__all__
    __all__ += _matrix_functions.__all__
    __all__ += _zeta.__all__
    __all__ += _polynomials.__all__
    __all__ += _lambert.__all__
    __all__ += _integrals.__all__
    __all__ += _bessel.__all__
    __all__ += _normal.__all__
    __all__ += _information.__all__
    __all__ += _incomplete_gamma.__all__
    __all__ += _incomplete_tails.__all__
    __all__ += _beta.__all__
    __all__ += _conv.__all__
    __all__ += _counting.__all__
    __all__ += _create.__all__
    __all__ += _decompose.__all__
    __all__ += _einsum.__all__
    __all__ += _elementary.__all__
    __all__ += _exponentials.__all__
    __all__ += _index.__all__
    __all__ += _linalg.__all__
    __all__ += _logistic.__all__
    __all__ += _norms.__all__
    __all__ += _order.__all__
    __all__ += _pool.__all__
    __all__ += _powers.__all__
    __all__ += _products.__all__
    __all__ += _quotients.__all__
    __all__ += _reduce.__all__
    __all__ += _rounding.__all__
    __all__ += _running.__all__
    __all__ += _shape.__all__
    __all__ += _special.__all__
    __all__ += _student.__all__
    __all__ += _update.__all__
else:
    del __all__  # `from graphc import *` asks `__getattr__` for it, which knows the operations too

_ROOMS = ("nn", "stats", "train")
"""Rooms with public names of their own, imported when they are first asked for: `g.stats`."""


def _load_first() -> None:
    """Bind the operations and the verbs that come with them: the public names of a module stand in its list."""
    names: dict[str, Any] = {}
    for module in import_module("graphc.ops").modules:
        names.update({name: getattr(module, name) for name in module.__all__})
    names["__all__"] = [*_VERBS, *names]
    for verb, module in _FIRST.items():
        names[verb] = getattr(import_module(module), verb)
    globals().update(names)


def load_ipython_extension(shell: Any) -> None:
    """What `%load_ext graphc` calls."""
    import_module("graphc.cli.notebook").load(shell)


def __getattr__(name: str) -> Any:
    bound = globals()
    if name not in bound and (name == "__all__" or not name.startswith("__")):
        with _loading():
            if "__all__" not in bound:
                _load_first()
            if name in _ROOMS:
                import_module(f"graphc.{name}")
            elif name in _LATER:
                bound[name] = getattr(import_module(_LATER[name]), name)
    try:
        return bound[name]
    except KeyError:
        raise AttributeError(
            f"module {__name__!r} has no attribute {name!r}", name=name, obj=import_module(__name__)
        ) from None


def __dir__() -> list[str]:
    return sorted(__getattr__("__all__"))

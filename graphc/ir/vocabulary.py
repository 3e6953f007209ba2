"""The words of a formula's text: names of numbers, signs and names of operations, and the nearest known one to a slip."""

from __future__ import annotations

import ast
import difflib
import math
from collections.abc import Iterable
from functools import cache

from graphc.ir.op import Op, all_ops, array_ops, find

CONSTANTS = {"pi": math.pi, "e": math.e, "inf": math.inf, "nan": math.nan}
"""Names that are numbers unless a symbol of that name is declared."""

ALIASES = {
    "ln": "log", "sgn": "sign", "loggamma": "lgamma", "gammaln": "lgamma", "psi": "digamma", "expit": "sigmoid",
    "log_expit": "log_sigmoid",
}  # fmt: skip
"""Other names of operations; NumPy's own (`arcsin`, `power`, …) come from the operations' ufuncs."""

BARE = frozenset(["beta", "zeta", "logit"])
"""Functions whose names are good ones of variables: they are meant only where they are called."""

WRITTEN = {
    "transpose": "A.T", "swapaxes": "permute_dims(A, (1, 0))", "moveaxis": "permute_dims(A, (1, 0))", "dot": "A @ B",
    "inner": "A @ B", "mm": "A @ B", "bmm": "A @ B", "tr": "trace(A)",
    "concatenate": "g.concat in a script", "concat": "g.concat in a script", "stack": "g.stack in a script",
    "zeros": "a number", "ones": "a number", "array": "a name, and give its values at the point",
}  # fmt: skip
"""What other libraries have a function for → how a formula says it."""

FOLDED = {"min": "minimum", "max": "maximum"}
"""Functions of two or more operands that become nested operations of two."""

OPERATIONS = {
    ast.Add: "add", ast.Sub: "subtract", ast.Mult: "multiply", ast.Div: "divide",
    ast.FloorDiv: "floor_divide", ast.Mod: "mod", ast.Pow: "pow", ast.MatMult: "matmul",
    ast.BitAnd: "logical_and", ast.BitOr: "logical_or", ast.BitXor: "logical_xor", ast.Invert: "logical_not",
    ast.And: "logical_and", ast.Or: "logical_or", ast.Not: "logical_not", ast.USub: "negative",
    ast.Lt: "less", ast.LtE: "less_equal", ast.Gt: "greater", ast.GtE: "greater_equal",
    ast.Eq: "equal", ast.NotEq: "not_equal",
}  # fmt: skip
"""Syntax → operation."""


def function(name: str) -> Op | None:
    """The operation that a name calls; None where it calls none."""
    op = find(ALIASES.get(name, name))
    if op is not None:
        return None if op.is_leaf else op
    return _by_ufunc().get(name)


def on_arrays(call: ast.Call) -> Op | None:
    """The operation on arrays that a call means; min and max of one operand are reductions."""
    name = call.func.id if isinstance(call.func, ast.Name) else ""
    if name in FOLDED and len(call.args) > 1:
        return None
    op = find(name)
    return op if op is not None and op.on_arrays and op.name != "index" else None


@cache
def _by_ufunc() -> dict[str, Op]:
    """NumPy's names of the operations; the user's own have none, so this does not change."""
    return {ufunc.__name__: op for op in all_ops() for ufunc in op.ufuncs}


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint for an unknown name: the known one that is most like it, else the first of them."""
    listed = list(known)
    near = difflib.get_close_matches(name[:60], listed, 1)
    more = ", …" if len(listed) > 12 else ""
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(listed[:12])}{more}"


_COMMON = ("exp", "log", "sqrt", "sin", "cos", "tanh", "sigmoid", "relu", "sum", "mean", "max", "norm")
"""What a list of functions begins with."""


def functions() -> list[str]:
    """Every name that `function` knows but NumPy's, and those that are folded; the commonest first."""
    return [
        *dict.fromkeys(
            (*_COMMON, *(op.name for op in (*all_ops(), *array_ops())), *ALIASES, *FOLDED, "maxout")
        )
    ]


__all__ = [
    "ALIASES",
    "BARE",
    "CONSTANTS",
    "FOLDED",
    "OPERATIONS",
    "WRITTEN",
    "function",
    "functions",
    "nearest",
    "on_arrays",
]

"""A log-density over constrained parameters as one function of free numbers, with its gradient, for samplers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from graphc.api.compile import compile
from graphc.api.functions import grad
from graphc.compiler.engine.jit import Library
from graphc.compiler.runtime.c_callable import sampler_entry
from graphc.compiler.runtime.compiled_function import CompiledFunction
from graphc.errors import InputError, ShapeError, brief
from graphc.ir.expr import Expr, constant, current_site, free_symbols, substitute, symbol
from graphc.ir.inputs import as_value
from graphc.ir.types import FLOAT64, format_shape, is_float
from graphc.stats.transforms import Transform, real
from graphc.util.arguments import mapping
from graphc.util.fork_safety import cached_property

_HINT = "write stats.Posterior(logp, {mu: stats.real, tau: stats.positive}, data={y: values})"


class Posterior:
    """A log-density as a function of one vector of free numbers.

    Parameters
    ----------
    logp : a scalar float64 expression, the logarithm of a density up to a constant, of parameters and data
    parameters : symbol → what values it may have: `stats.real` (or None), `positive`, `above(2.0)`, `between(0, 1)`, `ordered`,
        `simplex`, `correlation_cholesky`. Of known shapes
    data : the other symbols with their values, by symbol or name; they become part of the code

    size : how many free numbers there are; names : of the parameters, in the order of the vector
    logp_and_grad : the compiled function u → [log-density of u, gradient]; the logarithm of the maps' Jacobian is part of it
    address : of the C function `c_signature`, which samplers call without Python; valid as long as the model

    Raises `InputError` for symbols without values, `ShapeError` for shapes that are not known, or not those of the values.

    >>> from graphc.ir.expr import symbols
    >>> from graphc.stats import norm, halfcauchy, positive
    >>> mu, tau, y = symbols("mu tau y")
    >>> model = Posterior(norm.logpdf(y, mu, tau) + halfcauchy.logpdf(tau), {mu: None, tau: positive}, {y: 0.5})
    >>> model.names, model.size, model.unpack([1.0, 0.0])
    (('mu', 'tau'), 2, {'mu': 1.0, 'tau': 1.0})
    >>> value, gradient = model.logp_and_grad([1.0, 0.0])
    >>> float(value).__round__(6), gradient.round(6).tolist()
    (-2.188668, [-0.5, -0.75])
    """

    size: int
    names: tuple[str, ...]
    expr: Any

    c_signature = (
        "int64_t function(uint64_t n, const double *u, double *gradient, double *value, void *unused);"
    )
    """Gives 0, or 1 where n is not the number of free numbers or the value is not finite: what nutpie takes of PyMC models."""

    def __init__(self, logp: Any, parameters: Any, data: Any = None) -> None:
        logp = constant(logp)
        if logp.shape or logp.dtype != FLOAT64:
            raise ShapeError(
                f"a log-density is one float64 number, and this has shape {format_shape(logp.shape)} and type {logp.dtype}",
                node=repr(logp),
                site=current_site(),
                hint="sum over observations: g.sum(stats.norm.logpdf(y, mu, sigma))",
            )
        parameters = mapping("parameters", parameters, _HINT)
        self._transforms: dict[Expr, Transform] = {}
        for node, transform in parameters.items():
            self._transforms[node] = _checked(node, real if transform is None else transform)
        if not self._transforms:
            raise InputError("a model has parameters", site=current_site(), hint=_HINT)
        values = _values(logp, self._transforms, {} if data is None else mapping("data", data, _HINT))
        self._places: dict[str, slice] = {}
        end = 0
        for node, transform in self._transforms.items():
            count = transform.size(_known(node.shape))
            self._places[node.name] = slice(end, end + count)
            end += count
        self.size, self.names = end, tuple(self._places)
        u = symbol("u", (end,))
        parts: dict[Expr, Expr] = {}
        jacobian: Any = 0.0
        for node, transform in self._transforms.items():
            parts[node], logs = transform.forward(u[self._places[node.name]], _known(node.shape))
            jacobian = logs + jacobian
        self._u = u
        self._parameters = {node.name: part for node, part in parts.items()}
        #: the log-density of the free numbers, an expression of `u`
        self.expr = substitute(substitute(logp, values), parts) + jacobian

    @cached_property
    def logp_and_grad(self) -> CompiledFunction:
        return compile([self.expr, grad(self.expr, self._u)], [self._u])

    @cached_property
    def logp(self) -> CompiledFunction:
        """The compiled function u → log-density of u."""
        return compile(self.expr, [self._u])

    @cached_property
    def _entry(self) -> Library:
        return sampler_entry(compile([grad(self.expr, self._u), self.expr], [self._u]), self.size)

    @property
    def address(self) -> int:
        """Of the C function `c_signature`; raises `CompileError` for a density that calls a library."""
        return self._entry.pointer("logp")

    @cached_property
    def _unpacked(self) -> Any:
        return compile(list(self._parameters.values()), [self._u])

    def unpack(self, u: Any) -> dict[str, Any]:
        """The parameters by name at a vector of free numbers; of a matrix with a vector in each row an array for each name."""
        vectors = _numbers(u, self.size)
        if vectors.ndim == 1:
            return dict(zip(self.names, self._unpacked(vectors), strict=True))
        rows = [self._unpacked(row) for row in vectors.reshape(-1, self.size)]
        return {
            name: np.array([row[k] for row in rows]).reshape(*vectors.shape[:-1], *node.shape)
            for k, (name, node) in enumerate(zip(self.names, self._transforms, strict=True))
        }

    def pack(self, values: Any) -> np.ndarray:
        """The vector of free numbers at which the parameters have given values, by symbol or name."""
        named = _by_name(mapping("values", values, "write model.pack({mu: 0.0, tau: 1.0})"))
        missing = [name for name in self.names if name not in named]
        if missing or len(named) != len(self.names):
            raise InputError(
                f"the parameters are {', '.join(self.names)}, and values are of {', '.join(map(brief, named)) or 'none'}",
                site=current_site(),
                hint="give one for each",
            )
        parts = []
        for node, transform in self._transforms.items():
            value = as_value(node, named[node.name])
            if value.shape != node.shape:
                raise ShapeError(
                    f"{node.name!r} has shape {format_shape(node.shape)}, and the value {format_shape(value.shape)}",
                    site=current_site(),
                )
            parts.append(transform.inverse(value))
        return np.concatenate(parts)

    def __repr__(self) -> str:
        return f"<graphc.stats.Posterior of {', '.join(self.names)}: {self.size} free numbers>"


def _known(shape: Any) -> tuple[int, ...]:
    return tuple(shape)  # `_checked` has seen to it


def _by_name(values: Mapping[Any, Any]) -> dict[Any, Any]:
    return {
        key.name if isinstance(key, Expr) and key.is_symbol else key: value for key, value in values.items()
    }


def _numbers(u: Any, size: int) -> np.ndarray:
    try:
        vectors = np.asarray(u, np.float64)
    except Exception:
        vectors = np.zeros(0)
    if not vectors.ndim or vectors.shape[-1] != size:
        raise InputError(
            f"a vector has {size} free numbers, and this is {brief(u)}",
            site=current_site(),
            hint="model.pack gives one",
        )
    return vectors


def _checked(node: Any, transform: Any) -> Transform:
    if not isinstance(node, Expr) or not node.is_symbol or not is_float(node.dtype):
        raise InputError(
            f"{brief(node)} is no float symbol, and no parameter", site=current_site(), hint=_HINT
        )
    if not isinstance(transform, Transform):
        raise InputError(
            f"{node.name!r} may have values of {brief(transform)}, which is no transform",
            site=current_site(),
            hint="stats.real, stats.positive, stats.between(0, 1), stats.simplex",
        )
    if not all(isinstance(length, int) for length in node.shape):
        raise ShapeError(
            f"the parameter {node.name!r} has shape {format_shape(node.shape)}, whose lengths are not known",
            site=current_site(),
            hint=f"declare g.symbol({node.name!r}, shape=(3,))",
        )
    return transform


def _values(logp: Expr, parameters: Mapping[Expr, Any], data: Mapping[Any, Any]) -> dict[Expr, Expr]:
    """Symbol → its value as a constant, of all that are no parameters."""
    named = _by_name(data)
    values: dict[Expr, Expr] = {}
    lengths: dict[Any, int] = {}
    for node in free_symbols(logp):
        if node in parameters:
            continue
        if node.name not in named:
            raise InputError(
                f"{node.name!r} is no parameter and has no value",
                site=current_site(),
                hint=f"give data={{{node.name!r}: …}}",
            )
        value = as_value(node, named[node.name])
        fits = len(value.shape) == len(node.shape)
        for length, actual in zip(node.shape, value.shape, strict=False):
            fits = (
                fits and (length if isinstance(length, int) else lengths.setdefault(length, actual)) == actual
            )
        if not fits:
            raise ShapeError(
                f"{node.name!r} has shape {format_shape(node.shape)}, and its value {format_shape(value.shape)}",
                site=current_site(),
            )
        values[node] = constant(value, node.dtype)
    return values


__all__ = ["Posterior"]

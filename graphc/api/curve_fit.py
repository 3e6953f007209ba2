"""The verb curve_fit: a model fitted to points, with SciPy's conventions of weights and covariance, to the last digits."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from graphc.api.fit_digits import covariance
from graphc.api.least_squares import least_squares
from graphc.api.packed_problem import PackedProblem
from graphc.errors import InputError, brief
from graphc.ir.expr import Expr, constant, current_site, free_symbols, substitute, symbol
from graphc.ir.inputs import as_value
from graphc.ir.types import FLOAT64, format_shape, is_float
from graphc.ops.linalg import solve_triangular
from graphc.ops.shape import reshape
from graphc.util.arguments import is_masked, listed, truth
from graphc.util.records import dataclass

_WAYS = "write g.curve_fit(a*g.exp(-k*t), {t: times}, y, {a: 1.0, k: 0.1})"


@dataclass(frozen=True)
class CurveFit:
    """A fitted model; `popt, pcov = g.curve_fit(…)` takes it apart as SciPy's result.

    popt : the parameters as one vector, in the order of `start`
    pcov : their covariance matrix, infinite where the points do not tell them
    unknowns, standard_errors : by name
    result : SciPy's `OptimizeResult` of the weighted residuals, with `cost`, `method` and `why`
    """

    popt: np.ndarray
    pcov: np.ndarray
    unknowns: dict[str, Any]
    standard_errors: dict[str, Any]
    result: Any

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter((self.popt, self.pcov))


def curve_fit(
    model: Any,
    x: Any,
    y: Any,
    start: Any,
    *,
    sigma: Any = None,
    absolute_sigma: bool = False,
    bounds: Any = None,
) -> CurveFit:
    """Least-squares fit of a model to data: the parameters and their covariance.

    Parameters
    ----------
    model : an expression; or a Python function of x and the parameters, as for `scipy.optimize.curve_fit`, which is called
        once, with symbols
    x : symbol → values of the independent variables, or only the values if the model has one symbol besides the parameters
    y : the measured values, of the shape of the model at these values
    start : parameter → its initial value; for a function also a list, in the order of its parameters
    sigma : standard deviations of y, one or one for each point; or their covariance matrix, for a vector y
    absolute_sigma : whether sigma is in the units of y. Otherwise only ratios matter: it is scaled so that the sum of squares
        is the number of points minus the number of parameters
    bounds : parameter → (lower, upper), numbers, arrays or None; or (lower, upper) for all, as in SciPy

    Returns a `CurveFit`. The method is that of `g.minimize` for residuals, whose last steps continue as long as they improve
    the accuracy. If the points do not determine the parameters, the covariance is infinite, as in SciPy, without a warning.
    Raises `InputError` for values that are not finite, parameters that the model does not have, and invalid weights;
    `ShapeError` for values of incompatible shapes.

    The covariance is s²·(JᵀWJ)⁻¹, by the QR decomposition of the Jacobian with columns of length 1 (Björck, "Numerical Methods
    for Least Squares Problems", §2.8.3).

    >>> from graphc.ir.expr import symbols
    >>> a, b, t = symbols("a b t")
    >>> popt, pcov = curve_fit(a + b*t, {t: [0.0, 1.0, 2.0, 3.0]}, [1.0, 3.0, 5.0, 7.0], {a: 0.0, b: 1.0})
    >>> popt.round(12).tolist()
    [1.0, 2.0]
    """
    absolute_sigma = truth("absolute_sigma", absolute_sigma)
    measured = _finite("y", y)
    if not isinstance(model, Expr) and callable(model):
        model, x, start, bounds = _traced(model, x, start, bounds)
    if not isinstance(model, Expr) or not is_float(model.dtype):
        raise InputError(
            f"a model is a float expression or a function, not {brief(model)}",
            site=current_site(),
            hint=_WAYS,
        )
    if not isinstance(start, Mapping) or not start:
        raise InputError(f"start is parameter → value, not {brief(start)}", site=current_site(), hint=_WAYS)
    free = free_symbols(model)
    stray = next((node for node in start if node not in free), None)
    if stray is not None:
        raise InputError(
            f"the model has no parameter {brief(stray)}",
            site=current_site(),
            hint=f"its symbols are {', '.join(node.name for node in free)}",
        )
    values = _independent(free, x, start)
    model, values = _shaped(model, values)
    names = {node.name for node in (*start, *values)}
    y_symbol = symbol(_new("y", names), measured.shape)
    data: dict[Expr, np.ndarray] = {**values, y_symbol: measured}
    if model.shape != measured.shape and not _may_be(model.shape, measured.shape):
        raise InputError(
            f"the model has shape {format_shape(model.shape)} with these values of x, and y {format_shape(measured.shape)}",
            node=repr(model),
            site=current_site(),
            hint="give a value of x for each of y",
        )
    residuals = _weighted(model - y_symbol, sigma, measured, data, names)
    problem = PackedProblem([residuals], start, _bounds(bounds, start), data)
    return _finished(problem, least_squares(problem, residuals), absolute_sigma)


def _finished(problem: PackedProblem, result: Any, absolute: bool) -> CurveFit:
    matrix = result.jac if isinstance(result.jac, np.ndarray) else result.jac.toarray()
    rows, columns = matrix.shape
    pcov = covariance(matrix)
    if not absolute:
        pcov = pcov * (2 * result.cost / (rows - columns)) if rows > columns else np.full_like(pcov, np.inf)
    with np.errstate(invalid="ignore"):
        errors = problem.vector.unpack(np.sqrt(np.diag(pcov)))
    result.standard_errors = errors
    return CurveFit(np.array(result.x), pcov, dict(result.unknowns), errors, result)


def _finite(name: str, values: Any) -> np.ndarray:
    """Values as float64; raises `InputError` for what are none, or not finite."""
    if isinstance(values, Expr) or is_masked(values):
        raise InputError(
            f"{name} is an array of numbers, not {brief(values)}", site=current_site(), hint=_WAYS
        )
    try:
        array = np.asarray(values)
        known = array.dtype.kind in "fiub" and bool(np.isfinite(array).all())
    except Exception:  # whatever a user's object raises when it is to be an array
        array, known = np.zeros(0), False
    if not known or not array.size:
        raise InputError(
            f"{name} is an array of finite numbers, not {brief(values)}",
            site=current_site(),
            hint=f"leave out the points where it is not finite: {name}[np.isfinite({name})]",
        )
    return array.astype(np.float64)


def _traced(model: Callable[..., Any], x: Any, start: Any, bounds: Any) -> tuple[Any, Any, Any, Any]:
    """A Python function of x and parameters as an expression, with start and bounds by symbol."""
    try:
        names = list(inspect.signature(model).parameters)
        kinds = {each.kind for each in inspect.signature(model).parameters.values()}
    except (TypeError, ValueError):
        names, kinds = [], set()
    if len(names) < 2 or not kinds <= {
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.POSITIONAL_ONLY,
    }:
        raise InputError(
            "a model that is a function takes x and then each parameter by a name of its own",
            site=current_site(),
            hint="write def model(x, a, b): return a*g.exp(-b*x)",
        )
    if isinstance(x, Mapping):
        raise InputError(
            "a model that is a function takes the values of x alone",
            site=current_site(),
            hint="write g.curve_fit(model, x, y, start)",
        )
    independent = _finite("x", x)
    first = (
        start
        if isinstance(start, Mapping)
        else dict(zip(names[1:], _as_many("start", start, len(names) - 1), strict=True))
    )
    if set(first) != set(names[1:]):
        raise InputError(
            f"start is of {', '.join(map(brief, first))}, and the model's parameters are {', '.join(names[1:])}",
            site=current_site(),
            hint="give one value for each parameter",
        )
    parameters = {name: symbol(name, np.shape(_finite(name, first[name]))) for name in names[1:]}
    x_symbol = symbol(names[0], independent.shape)
    traced = constant(model(x_symbol, *parameters.values()))
    if isinstance(bounds, Mapping):
        bounds = {parameters.get(name, name): pair for name, pair in bounds.items()}
    return traced, {x_symbol: independent}, {parameters[name]: first[name] for name in names[1:]}, bounds


def _as_many(name: str, values: Any, count: int) -> list[Any]:
    items = listed(name, values, f"give {count} values, or a dict by name")
    if len(items) != count:
        raise InputError(
            f"{name} has {len(items)} values for {count} parameters",
            site=current_site(),
            hint="give one for each",
        )
    return items


def _independent(free: Any, x: Any, start: Mapping[Expr, Any]) -> dict[Expr, np.ndarray]:
    """Symbol → values of all that are no parameters."""
    others = [node for node in free if node not in start]
    if not isinstance(x, Mapping):
        if len(others) != 1:
            raise InputError(
                f"the model has {len(others)} symbols besides the parameters"
                + (f": {', '.join(node.name for node in others)}" if others else ""),
                site=current_site(),
                hint="write {t: times}, with each of them",
            )
        x = {others[0]: x}
    by_name = {
        key.name if isinstance(key, Expr) and key.is_symbol else key: value for key, value in x.items()
    }
    missing = next((node for node in others if node.name not in by_name), None)
    if missing is not None:
        raise InputError(
            f"{missing.name!r} is no parameter and has no values", site=current_site(), hint=_WAYS
        )
    return {node: _finite(node.name, by_name[node.name]) for node in others}


def _shaped(model: Expr, values: Mapping[Expr, np.ndarray]) -> tuple[Expr, dict[Expr, np.ndarray]]:
    """The model over arrays where it was written of a number and is to be taken at many."""
    wider = {
        node: symbol(node.name, array.shape)
        for node, array in values.items()
        if array.ndim and not node.shape
    }
    if wider:
        model = substitute(model, wider)
    arrays = {wider.get(node, node): array for node, array in values.items()}
    return model, {
        node: array if node in wider.values() else as_value(node, array) for node, array in arrays.items()
    }


def _may_be(shape: tuple[Any, ...], actual: tuple[int, ...]) -> bool:
    """Whether a shape with names may have these lengths."""
    return len(shape) == len(actual) and all(
        not isinstance(a, int) or a == b for a, b in zip(shape, actual, strict=True)
    )


def _new(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "'"
    return name


def _weighted(
    residuals: Expr, sigma: Any, measured: np.ndarray, data: dict[Expr, np.ndarray], names: set[str]
) -> Expr:
    """The residuals in units of their standard deviations: by the Cholesky factor of a covariance matrix."""
    if sigma is None:
        return residuals
    weights = _finite("sigma", sigma)
    hint = "give one standard deviation, one for each point, or the covariance matrix of a vector y"
    if weights.shape == (measured.size, measured.size) and measured.ndim == 1 and measured.size > 1:
        try:
            factor = np.linalg.cholesky(weights)
        except np.linalg.LinAlgError:
            factor = None
        if factor is None or not np.array_equal(weights, weights.T):
            raise InputError(
                "sigma is no covariance matrix: it is not symmetric and positive definite",
                site=current_site(),
                hint=hint,
            )
        lower = symbol(_new("factor of sigma", names), factor.shape)
        data[lower] = factor
        column = reshape(residuals, (measured.size, 1))
        return reshape(solve_triangular(lower, column), (measured.size,))
    if weights.shape not in ((), measured.shape):
        raise InputError(
            f"sigma has shape {format_shape(weights.shape)} for y of {format_shape(measured.shape)}",
            site=current_site(),
            hint=hint,
        )
    if not (weights > 0).all():
        raise InputError(
            "sigma has standard deviations that are not positive",
            site=current_site(),
            hint="leave these points out",
        )
    divisor = symbol(_new("sigma", names), weights.shape, FLOAT64)
    data[divisor] = weights
    return residuals / divisor


def _bounds(bounds: Any, start: Mapping[Expr, Any]) -> Any:
    """Bounds by parameter; SciPy's pair of all least and all greatest taken apart."""
    if not isinstance(bounds, (tuple, list)):
        return bounds
    if len(bounds) != 2:
        raise InputError(
            f"bounds are (least, greatest), not {brief(bounds)}",
            site=current_site(),
            hint="write bounds={a: (0, 1)}",
        )
    sides = []
    sizes = [np.size(value) for value in start.values()]
    for side, name in zip(bounds, ("the least", "the greatest"), strict=True):
        array = np.asarray(side, dtype=object)
        items = [side] * sum(sizes) if array.ndim == 0 else _as_many(f"bounds of {name}", side, sum(sizes))
        sides.append([math.nan if item is None else item for item in items])
    named, before = {}, 0
    for node, size in zip(start, sizes, strict=True):
        pair = [
            _side(side[before : before + size], free)
            for side, free in zip(sides, (-math.inf, math.inf), strict=True)
        ]
        shape = np.shape(start[node])
        named[node] = tuple(each.reshape(shape) for each in pair)
        before += size
    return named


def _side(items: list[Any], free: float) -> np.ndarray:
    try:
        array = np.asarray(items, np.float64)
    except Exception:
        raise InputError(
            f"a bound is a number, not {brief(items)}",
            site=current_site(),
            hint="write bounds=(0.0, [1.0, 2.0])",
        ) from None
    return np.where(np.isnan(array), free, array)


__all__ = ["CurveFit", "curve_fit"]

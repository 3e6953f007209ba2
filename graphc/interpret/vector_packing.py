"""Functions of several arrays as functions of one vector, as SciPy's solvers take them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from graphc.errors import ArityError, InputError, ShapeError, brief
from graphc.ir.expr import current_site
from graphc.ir.types import format_shape
from graphc.util.arguments import MASKED, filled, is_masked
from graphc.util.pytree import flatten


class Vector:
    """Named values as one float64 vector.

    start : the vector of the values to begin with, which say of what shapes they are
    places : name → where it stands in the vector, its shape and its dtype
    """

    def __init__(self, start: Mapping[str, Any]) -> None:
        for name, value in start.items():
            if is_masked(value):
                raise InputError(f"input {name!r} begins with {MASKED}", hint=filled(name))
        first = {name: np.asarray(value) for name, value in start.items()}
        self.places: dict[str, tuple[slice, tuple[int, ...], Any]] = {}
        end = 0
        for name, value in first.items():
            if value.dtype.kind not in "fiu":
                raise InputError(
                    f"input {name!r} begins with {value.dtype}, which cannot be varied",
                    hint=f"begin with a float: {{{name!r}: 1.0}}",
                )
            size = math.prod(value.shape)
            kind = value.dtype if value.dtype.kind == "f" else np.dtype(np.float64)
            self.places[name] = slice(end, end + size), value.shape, kind
            end += size
        self._size = end
        self.start: np.ndarray = self.pack(first)

    def pack(self, values: Mapping[str, Any]) -> np.ndarray:
        """The inputs by name as one vector; raises `ShapeError` for one of another shape than at the start."""
        vector = np.empty(sum(part.stop - part.start for part, _, _ in self.places.values()))
        for name, (part, shape, _) in self.places.items():
            value = np.asarray(values[name])
            if value.shape != shape:
                raise ShapeError(
                    f"{name!r} has shape {format_shape(value.shape)}, and began with {format_shape(shape)}"
                )
            vector[part] = value.ravel()
        return vector

    def unpack(self, vector: Any) -> dict[str, Any]:
        """The inputs by name from a vector: arrays of the shapes and dtypes at the start, floats for scalars."""
        vector = np.asarray(vector)
        if vector.shape != (len(self.start),) or vector.dtype.kind not in "fiub":
            raise ShapeError(
                f"the vector has {len(self.start)} numbers, one behind the other, not {brief(vector)}",
                site=current_site(),
                hint=f"it holds {', '.join(list(self.places)[:8])} in this order: pack(…) makes it",
            )
        return {
            name: vector[part].reshape(shape).astype(kind) if shape else float(vector[part][0])
            for name, (part, shape, kind) in self.places.items()
        }


def refuse_names(start: Any, fixed: Mapping[str, Any], inputs: tuple[str, ...], also: Any = None) -> None:
    """Refuse what does not say which inputs vary, which are fixed, and with what values.

    also : a name that need not be an input
    """
    if not isinstance(start, Mapping) or not start:
        raise InputError(
            "scipy() takes the values to begin with by name",
            hint='write f.scipy({"w": w0, "b": 0.0}, X=X, y=y)',
        )
    for name in start:
        if name in fixed:
            raise InputError(f"input {name!r} is both varied and fixed")
    unknown = [name for name in (*start, *fixed) if name not in inputs and name != also]
    if unknown:
        raise InputError(f"there is no input {unknown[0]!r}", hint=f"the inputs are {', '.join(inputs)}")


class Packed(Vector):
    """Functions of one vector that SciPy's solvers take, all from one compiled function.

    Of a value and its gradients, as `g.value_and_grad` gives them, and maybe the Hessian after these, for
    `scipy.optimize.minimize`; or of residuals and their Jacobian, for `least_squares` and `root`. Both may be sparse.

    start : the vector to begin with, float64
    names : of the inputs that the vector holds, one after the other
    fun, jac, hess, hessp : the value or residuals, their first derivatives, the Hessian, its product with a vector. What one of
        them computes at a point the others have without another call

    Calling it with a vector gives (value, gradient), a float and a float64 vector, as `minimize(…, jac=True)` takes; or
    (residuals, Jacobian).
    """

    def __init__(
        self,
        function: Callable[..., Any],
        start: Mapping[str, Any],
        fixed: Mapping[str, Any],
        inputs: tuple[str, ...],
    ) -> None:
        refuse_names(start, fixed, inputs)
        self._function = function
        self._fixed = dict(fixed)
        self.names: tuple[str, ...] = tuple(start)
        self._last: tuple[bytes, tuple[Any, Any, Any]] | None = None
        super().__init__(start)
        self._at(self.start)  # refuses a function whose results do not fit

    def __call__(self, vector: Any) -> tuple[Any, Any]:
        value, slopes, _ = self._at(vector)
        return _own(value), _own(slopes)

    def fun(self, vector: Any) -> Any:
        """The value, a float, or the residuals, a float64 vector."""
        return _own(self._at(vector)[0])

    def jac(self, vector: Any) -> Any:
        """The gradient, a float64 vector, or the Jacobian of residuals, a matrix or sparse array."""
        return _own(self._at(vector)[1])

    def hess(self, vector: Any) -> Any:
        """The Hessian, a matrix or sparse array; raises `ArityError` for a function that does not compute it."""
        curvature = self._at(vector)[2]
        if curvature is None:
            raise ArityError(
                "the function was compiled without a Hessian",
                hint=f"compile [L, g.grad(L, v), g.hessian(L, v, sparse=True)] with v = [{', '.join(self.names)}]",
            )
        return _own(curvature)

    def hessp(self, vector: Any, direction: Any) -> np.ndarray:
        """The Hessian times a direction, for the methods that ask for no more: Newton-CG, trust-ncg, trust-krylov."""
        return self.hess(vector) @ np.asarray(direction)

    def _at(self, vector: Any) -> tuple[Any, Any, Any]:
        """(value, first derivatives, Hessian or None) at a point: those of the last one are remembered.

        Threads may ask at once: what is remembered is replaced as a whole, with the point that it belongs to.
        """
        point = np.array(vector, dtype=np.float64)  # solvers write in the vector that they pass
        key, last = point.tobytes(), self._last
        if last is None or last[0] != key:
            last = self._last = key, self._parts_of(point)
        return last[1]

    def _parts_of(self, point: np.ndarray) -> tuple[Any, Any, Any]:
        results = flatten(self._function(**self.unpack(point), **self._fixed))[0]
        value, *slopes = results
        count = len(self.names)
        if np.ndim(value) == 1 and len(slopes) == 1:
            return np.asarray(value, np.float64), self._matrix(slopes[0], len(value)), None
        # the gradient by a further input is no Hessian: that has two axes
        curved = len(slopes) == count + 1 and len(np.shape(slopes[count])) > 1
        if np.ndim(value) or len(slopes) != count + curved:
            raise ArityError(
                f"a function of {count} varied inputs gives a value and {count} gradients, "
                f"and this one {len(results)} results",
                hint=f"compile g.value_and_grad(L, v), with a Hessian after these or not, or residuals and g.jacobian(r, v, "
                f"sparse=True), where v is [{', '.join(self.names)}]",
            )
        gradient = self.pack(dict(zip(self.names, slopes[:count], strict=True)))
        curvature = self._matrix(slopes[count], len(gradient)) if curved else None
        return float(value), gradient, curvature

    def _matrix(self, derivative: Any, rows: int) -> Any:
        """Second derivatives, or those of residuals, with a column for each element of the vector."""
        if isinstance(derivative, (float, np.ndarray)) and np.size(derivative) == rows * self._size:
            return np.asarray(derivative, np.float64).reshape(rows, self._size)
        if np.shape(derivative) != (rows, self._size):
            raise ShapeError(
                f"a matrix of derivatives has shape {format_shape(np.shape(derivative))}, and not ({rows}, {self._size})",
                hint=f"differentiate by [{', '.join(self.names)}], in this order, with sparse=True",
            )
        return derivative


def _own(result: Any) -> Any:
    """A result that the caller may change."""
    return result if isinstance(result, float) else result.copy()

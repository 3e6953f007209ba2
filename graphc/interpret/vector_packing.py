"""Functions of several arrays as functions of one vector, as SciPy's minimisers take them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from graphc.errors import ArityError, InputError, ShapeError
from graphc.ir.types import format_shape
from graphc.util.arguments import MASKED, filled, is_masked
from graphc.util.pytree import flatten


class Packed:
    """A value and its gradient as a function of one vector: what `scipy.optimize.minimize(…, jac=True)` takes.

    start : the vector to begin with, float64
    names : of the inputs that the vector holds, one after the other

    Calling it with a vector gives (value, gradient), a float and a float64 vector.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        start: Mapping[str, Any],
        fixed: Mapping[str, Any],
        inputs: tuple[str, ...],
    ) -> None:
        if not isinstance(start, Mapping) or not start:
            raise InputError(
                "scipy() takes the values to begin with by name",
                hint='write f.scipy({"w": w0, "b": 0.0}, X=X, y=y)',
            )
        for name in start:
            if name in fixed:
                raise InputError(f"input {name!r} is both varied and fixed")
        unknown = [name for name in (*start, *fixed) if name not in inputs]
        if unknown:
            raise InputError(f"there is no input {unknown[0]!r}", hint=f"the inputs are {', '.join(inputs)}")
        self._function = function
        self._fixed = dict(fixed)
        self.names = tuple(start)
        for name, value in start.items():
            if is_masked(value):
                raise InputError(f"input {name!r} begins with {MASKED}", hint=filled(name))
        first = {name: np.asarray(value) for name, value in start.items()}
        self._parts: dict[str, tuple[slice, tuple[int, ...], Any]] = {}
        end = 0
        for name, value in first.items():
            if value.dtype.kind not in "fiu":
                raise InputError(f"input {name!r} begins with {value.dtype}, which cannot be varied")
            size = math.prod(value.shape)
            kind = value.dtype if value.dtype.kind == "f" else np.dtype(np.float64)
            self._parts[name] = slice(end, end + size), value.shape, kind
            end += size
        self.start = self.pack(first)
        self._check()

    def pack(self, values: Mapping[str, Any]) -> np.ndarray:
        """The inputs by name as one vector; raises `ShapeError` for one of another shape than at the start."""
        vector = np.empty(sum(part.stop - part.start for part, _, _ in self._parts.values()))
        for name, (part, shape, _) in self._parts.items():
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
        return {
            name: vector[part].reshape(shape).astype(kind) if shape else float(vector[part][0])
            for name, (part, shape, kind) in self._parts.items()
        }

    def __call__(self, vector: Any) -> tuple[float, np.ndarray]:
        value, *slopes = flatten(self._function(**self.unpack(vector), **self._fixed))[0]
        return float(value), self.pack(dict(zip(self.names, slopes, strict=True)))

    def _check(self) -> None:
        """Calls the function once: a value and one gradient for each input that is varied, of its shape."""
        value, *slopes = flatten(self._function(**self.unpack(self.start), **self._fixed))[0]
        if np.ndim(value) or len(slopes) != len(self.names):
            raise ArityError(
                f"a function of {len(self.names)} varied inputs gives a value and {len(self.names)} gradients, "
                f"and this one {1 + len(slopes)} results",
                hint=f"compile g.value_and_grad(L, [{', '.join(self.names)}])",
            )
        self.pack(dict(zip(self.names, slopes, strict=True)))

"""An optimisation problem as functions of one vector: its unknowns packed, its expressions compiled, its bounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from graphc.api.compile import compile
from graphc.api.functions import jacobian
from graphc.errors import InputError, ShapeError, brief
from graphc.interpret.vector_packing import Vector
from graphc.ir.expr import Expr, current_site, free_symbols
from graphc.ir.inputs import as_value, check_shape
from graphc.ir.types import is_float
from graphc.util.arguments import mapping


class PackedProblem:
    """The unknowns as one vector, and expressions compiled as functions of it."""

    def __init__(
        self,
        roots: Sequence[Expr],
        unknowns: Any,
        bounds: Mapping[Expr, tuple[Any, Any]] | None,
        data: Mapping[Any, Any] | None,
    ) -> None:
        if not isinstance(unknowns, Mapping) or not unknowns:
            raise InputError(
                "minimize() takes the unknowns with the values to begin with",
                site=current_site(),
                hint="write g.minimize(L, {x: 1.0, y: 0.0})",
            )
        for node in unknowns:
            if not isinstance(node, Expr) or not node.is_symbol or not is_float(node.dtype):
                raise InputError(
                    f"{brief(node)} is no float symbol, and cannot be an unknown",
                    site=current_site(),
                    hint="write {x: 1.0}, symbols and where they start",
                )
        self.symbols: list[Expr] = list(unknowns)
        names = [node.name for node in self.symbols]
        values = [as_value(node, value) for node, value in unknowns.items()]
        for node, value in zip(self.symbols, values, strict=True):
            check_shape(node, value.shape)
        self.vector: Vector = Vector(dict(zip(names, values, strict=True)))
        self.start: np.ndarray = self.vector.start
        self.names: list[str] = names
        data = {} if data is None else mapping("data", data, "write data={X: values}")
        self.data: dict[str | Any, Any] = {
            key.name if isinstance(key, Expr) else key: value for key, value in data.items()
        }
        self.others: list[Expr] = [node for node in free_symbols(*roots) if node not in unknowns]
        for node in self.others:
            if node.name not in self.data:
                raise InputError(
                    f"{node.name!r} is no unknown and has no value",
                    site=current_site(),
                    hint=f"add it to the unknowns, or give data={{{node.name!r}: …}}",
                )
        self.bounds: tuple[np.ndarray, np.ndarray] | None = self._bounds_of(bounds)

    def _bounds_of(
        self, bounds: Mapping[Expr, tuple[Any, Any]] | None
    ) -> tuple[np.ndarray, np.ndarray] | None:
        if bounds is None:
            return None
        bounds = mapping("bounds", bounds, "write bounds={x: (0, 1)}")
        for node, pair in bounds.items():
            if not isinstance(pair, (tuple, list)) or len(pair) != 2:
                raise InputError(
                    f"the bounds of {brief(node)} are (least, greatest), not {brief(pair)}",
                    site=current_site(),
                    hint=f"write bounds={{{brief(node)}: (0, None)}}: None is no bound",
                )
        if not bounds:
            return None
        sides = []
        stray = next((node for node in bounds if node not in self.symbols), None)
        if stray is not None:
            raise InputError(f"bounds of {brief(stray)}, which is no unknown", site=current_site())
        for number, free in enumerate((-np.inf, np.inf)):
            named = {}
            for node in self.symbols:
                side = bounds.get(node, (None, None))[number]
                shape = np.shape(self.vector.unpack(self.start)[node.name])
                named[node.name] = side_of(node, free if side is None else side, shape)
            sides.append(self.vector.pack(named))
        crossed = np.flatnonzero(~(sides[0] <= sides[1]))
        if crossed.size:
            k = crossed[0]
            raise InputError(
                f"the least value of {self.name_at(k)} is {sides[0][k]:g}, and its greatest {sides[1][k]:g}",
                site=current_site(),
                hint="bounds are (least, greatest), and None for no bound",
            )
        return sides[0], sides[1]

    def name_at(self, place: int) -> str:
        """The name of the unknown that an element of the vector belongs to."""
        return self.names[int(np.searchsorted(np.cumsum(self.sizes), place, side="right"))]

    def compiled(self, outputs: Any, more: Sequence[Expr] = ()) -> Callable[..., Any]:
        """A function of the vector; what it gives at the last point is kept, so several may ask for parts of it.

        more : symbols whose values follow the vector
        """
        function = self.function(outputs, more)
        last: tuple[Any, Any] = (None, None)  # one assignment writes both, so that threads see a pair

        def at(vector: np.ndarray, *rest: Any) -> Any:
            nonlocal last
            key, known = last
            point = (vector.tobytes(), *[np.asarray(value).tobytes() for value in rest])
            if key == point:
                return known
            named = dict(zip([node.name for node in more], rest, strict=True))
            results = function(**self.vector.unpack(vector), **named)
            last = (point, results)
            return results

        return at

    def function(self, outputs: Any, more: Sequence[Expr]) -> Callable[..., Any]:
        """The outputs compiled, as a function of the unknowns and of `more`, by name."""
        compiled: Any = compile(outputs, [*self.symbols, *self.others, *more])
        return partial(compiled, **{node.name: self.data[node.name] for node in self.others})

    @property
    def sizes(self) -> list[int]:
        """How many numbers each unknown has."""
        return [np.size(value) for value in self.vector.unpack(self.start).values()]

    def rows(self, outputs: Sequence[Expr], sparse: bool) -> tuple[Any, Callable[[Any], Any]]:
        """The Jacobian of some outputs by the unknowns to be compiled, and what makes one matrix of its values."""
        if sparse:
            return jacobian(list(outputs), self.symbols, sparse=True), lambda value: value
        blocks = [[jacobian(output, node) for node in self.symbols] for output in outputs]
        widths = self.sizes

        def whole(values: Any) -> np.ndarray:
            return np.vstack(
                [
                    np.hstack(
                        [np.reshape(block, (-1, width)) for block, width in zip(row, widths, strict=True)]
                    )
                    for row in values
                ]
            )

        return blocks, whole

    def finished(self, result: Any, method: str, why: str) -> Any:
        result.unknowns = self.vector.unpack(result.x)
        result.method, result.why = method, why
        return result


def side_of(node: Expr, value: Any, shape: tuple[int, ...]) -> np.ndarray:
    """One side of an unknown's bounds, for each of its elements."""
    array = None if isinstance(value, Expr) else np.asarray(value)
    if array is None or array.dtype.kind not in "fiu":
        raise InputError(
            f"the bounds of {node.name!r} are numbers, not {brief(value)}",
            site=current_site(),
            hint=f"write bounds={{{node.name}: (0, 1)}}; what depends on unknowns goes in subject_to=",
        )
    try:
        return np.broadcast_to(array, shape)
    except ValueError:
        raise ShapeError(
            f"bounds of shape {array.shape} for {node.name!r} of shape {shape}", site=current_site()
        ) from None


__all__ = ["PackedProblem"]

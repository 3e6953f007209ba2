"""Forms of a rational function tried out: their largest errors at points of every size, near the zeros and poles among them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from graphc.ir.expr import Expr
from graphc.rewrite.forms.univariate import Poly, linear_factors, primitive
from graphc.rewrite.rational.rational_reader import RootQuotient, univariate
from graphc.rewrite.rational.rational_values import STEP, ZERO, Scaled, beside, scaled, value

SIZES = (
    1e-300, 1.4e-154, 1e-150, 1e-107, 2e-103, 1e-77, 1e-60, 1e-37,
    1e-17, 1e-8, 1e-5, 1e-3, 0.0173, 0.1, 0.31, 0.5, 0.71, 0.93, 0.9999, 1.0, 1.0001, 1.3, 1.9,
    2.6, 3.7, 7.1, 18.5, 37.1, 81.0, 350.0, 1.1e4, 1.7e6, 1.1e9, 1e13, 1e15, 1e18, 3e18, 1e26, 1e34, 1e50, 1e66, 1e77, 1e86,
    1e102, 1e106, 1e118, 1e134, 1e142, 1e150, 1e200,
)  # fmt: skip
"""What the variable may be, of either sign."""

ALIKE = 1.0
"""Forms that differ by so many units of rounding, at most, are as good as each other."""


class Trial:
    """A formula and what may stand for it, at some points, in its own type."""

    MOST = 3.0
    """Errors that nothing is done about, in units: a rounding of the result and of the operand"""

    BETTER = 0.6

    def __init__(
        self,
        node: Expr,
        x: Expr,
        read: RootQuotient,
        bounds: tuple[float, float],
        under: Iterable[tuple[Expr, bool]] = (),
    ) -> None:
        self._node, self._x = node, x
        self._dtype = np.dtype("float32" if node.dtype.itemsize == 4 else "float64")
        self._info = np.finfo(self._dtype)
        self._form = univariate(read)
        self._at = self._points(bounds, () if read.root is None else (read.root.square,))
        for condition, holds in under:
            found = self._evaluated(condition)
            if found is not None:
                self._at = self._at[np.broadcast_to(np.asarray(found, dtype=bool), self._at.shape) == holds]
        self._written = self.values(node)
        self._known: dict[int, Any] = {}

    def _points(self, bounds: tuple[float, float], roots: Sequence[Poly]) -> np.ndarray:
        """Of every size, and around what is 0 in the formula; roots : the polynomials of x under a root."""
        form = self._form
        special = {0.0}
        for polynomial in roots:
            special |= {float(Fraction(-f[0], 1) / f[1]) for f in linear_factors(primitive(polynomial)[1])[0]}
        if form is not None:
            places: list[Fraction] = []
            for p in (form.above, *form.below):
                places += [Fraction(-f[0], 1) / f[1] for f in linear_factors(primitive(p)[1])[0]] if p else []
            if form.shift is not None:
                p, q = form.shift
                places = [(place * place - q) / p for place in places] + [Fraction(-q) / p]
            special |= {float(place) for place in places}
        listed = [s * size for size in SIZES for s in (1, -1)]
        for place in special:
            listed.append(place)
            if place:
                listed += [place * (1 + s * step) for step in (1e-12, 1e-7, 1e-3, 0.04) for s in (1, -1)]
        with np.errstate(over="ignore", under="ignore"):
            found = np.unique(np.array([*listed, math.inf, -math.inf]).astype(self._dtype))
        return found[(found >= bounds[0]) & (found <= bounds[1])]

    def values(self, node: Expr) -> np.ndarray | None:
        """A formula at the points; None where it holds anything but its variable."""
        found = self._evaluated(node)
        return (
            None if found is None else np.broadcast_to(np.asarray(found, dtype=self._dtype), self._at.shape)
        )

    def _evaluated(self, node: Expr) -> Any:
        known: dict[Expr, Any] = {self._x: self._at}
        with np.errstate(all="ignore"):
            for part in _parts(node, self._x):
                if part in known:
                    continue
                if part.is_constant and not part.shape:
                    known[part] = part.value
                elif part.op.name == "broadcast_to" and part.operands[0].is_constant:
                    known[part] = part.operands[0].value
                elif part.is_constant or not part.operands or part.op.on_arrays or part.op.shape is not None:
                    return None
                else:
                    known[part] = part.op.reference(*[known[o] for o in part.operands], *part.attrs)
        return known[node]

    def _exact(self, place: int) -> tuple[Scaled, Scaled] | float | None:
        """(value, its change with a relative change of x) at a point; infinity at a pole, None where there is none."""
        if place not in self._known:
            x = float(self._at[place])
            self._known[place] = self._truth(scaled(x)) if math.isfinite(x) else None
        return self._known[place]

    def _truth(self, x: Scaled) -> tuple[Scaled, Scaled] | float | None:
        assert self._form is not None
        one = value(self._form, x)
        if not isinstance(one, Scaled):
            return one
        other = value(self._form, beside(x))
        moved = other.minus(one) if isinstance(other, Scaled) else ZERO
        return one, Scaled(abs(moved.digits), moved.exponent + STEP)

    def errors(self, values: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Errors in units; infinite where there is no number, where a limit or a pole is not kept.

        others : values of a form that is right as a rule: only where the two differ is the truth asked for
        """
        found = np.zeros(len(values))
        with np.errstate(all="ignore"):
            apart = np.abs(values - others) > ALIKE * float(self._info.eps) * np.abs(others)
            apart |= ~(np.isfinite(values) & np.isfinite(others))
            apart &= ~((values == others) | (np.isnan(values) & np.isnan(others)))
            apart |= np.isinf(values) & (values != self._written)  # a pole has its sign
        for place in np.flatnonzero(apart).tolist():
            found[place] = self._error(place, float(values[place]))
        return found

    def _error(self, place: int, result: float) -> float:
        truth = self._exact(place)
        written = float(self._written[place])  # type: ignore[index]
        if not isinstance(truth, tuple):
            return 0.0 if math.isnan(written) or result == written else math.inf
        exact, moved = truth
        bits = -int(self._info.nmant)
        if exact.magnitude > int(self._info.maxexp):
            return 0.0 if math.isinf(result) or math.isnan(written) else math.inf
        if not math.isfinite(result):
            return math.inf
        power = (
            max(exact.magnitude - 1, int(self._info.minexp)) + bits
            if exact.digits
            else int(self._info.minexp) + bits
        )
        unit = Scaled(1, power).minus(Scaled(-moved.digits, moved.exponent + bits - 1))
        found = scaled(result).minus(exact).ratio(unit)
        if found > 2.0 ** (-bits / 2) and math.isfinite(written):
            # half of the digits gone where the formula as written has them: no gain elsewhere is worth that
            before = scaled(written).minus(exact).ratio(unit)
            if before < self.BETTER * found and before < 2.0 ** (-bits / 2):
                return math.inf
        return found

    def best(self, forms: Sequence[Expr]) -> Expr | None:
        """The cheapest of some forms, by their order, whose errors are as small as can be; None where none is clearly better than
        what is written. The last one should be right."""
        if self._form is None or self._written is None or not forms:
            return None
        others = self.values(forms[-1])
        if others is None:
            return None
        worst = float(self.errors(self._written, others).max(initial=0.0))
        if worst <= self.MOST:
            return None
        judged: list[tuple[float, Expr]] = []
        for form in forms:
            values = self.values(form)
            if values is None:
                continue
            judged.append((float(self.errors(values, others).max(initial=0.0)), form))
            if judged[-1][0] <= self.MOST:
                return form
        least = min((error for error, _ in judged), default=math.inf)
        if math.isinf(least) or not least <= self.BETTER * worst:
            return None
        return next(form for error, form in judged if error <= 1.1 * least)


def _parts(node: Expr, x: Expr) -> list[Expr]:
    """The nodes of a formula, operands first, without what is below its variable."""
    order: list[Expr] = []
    seen = {x}
    stack = [(node, False)]
    while stack:
        part, done = stack.pop()
        if done:
            order.append(part)
        elif part not in seen:
            seen.add(part)
            stack.append((part, True))
            stack += [(operand, False) for operand in part.operands]
    return order


__all__ = ["Trial"]

"""Taylor coefficients of the solution of y' = f(t, y), by recurrences, order by order.

Every operation follows from its declaration. One that is linear is applied to the coefficients; of one that is linear in each
operand alone the coefficients are Cauchy products; an elementwise one has z' = Σ ∂z/∂u·u', whose partials, written in user
syntax, are expressions of the same graph with coefficients of their own: of exp(u) the partial is exp(u) itself, that of sin(u)
is cos(u), whose own is sin(u) again. Those come out as the recurrences that are known for them. Quotients, roots and powers have
shorter ones.

Sources: Jorba and Zou, A software package for the numerical integration of ODEs by means of high-order Taylor methods (2005);
Griewank and Walther, Evaluating Derivatives (2008), chapter 13.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from graphc.errors import GradientError
from graphc.ir.expr import Expr, apply, cast, computed, constant, walk
from graphc.ir.op import lookup
from graphc.ir.types import is_float
from graphc.ops.comparison import where
from graphc.ops.function_calls import FUNCTION, expanded_once
from graphc.ops.support.build import broadcast, zeros_like

Coefficient = Expr | None
"""None is a coefficient that is 0 whatever the values are."""


def added(terms: Sequence[Expr]) -> Coefficient:
    """A sum in pairs: the processor adds several at a time, and rounding errors grow as the logarithm."""
    level = list(terms)
    while len(level) > 1:
        pairs = [a + b for a, b in zip(level[::2], level[1::2], strict=False)]
        level = [*pairs, level[-1]] if len(level) % 2 else pairs
    return level[0] if level else None


def _times(factor: float, x: Coefficient) -> Coefficient:
    return None if x is None else x if factor == 1 else -x if factor == -1 else factor * x


class TaylorSeries:
    """Taylor coefficients of nodes, computed as they are asked for.

    known : symbol → its coefficients, as many as are known; those of a symbol of the state are added to it
    divided : up to this number coefficients are divided by theirs: 1/3 as a float is off, and always to the same side
    """

    symbols: Mapping[Expr, list[Coefficient]]
    divided: int

    def __init__(self, known: Mapping[Expr, list[Coefficient]], divided: int = 0) -> None:
        self.symbols, self.divided = known, divided
        self.rows: dict[Expr, list[Coefficient]] = {}
        self.partials: dict[Expr, list[tuple[int, Expr]]] = {}
        self.moving: dict[Expr, bool] = {}

    def coefficient(self, node: Expr, order: int) -> Coefficient:
        """That of tᵒʳᵈᵉʳ of a node."""
        if not self.moves(node):
            return node if order == 0 else None
        if node in self.symbols:
            own = self.symbols[node]
            return own[order] if order < len(own) else None
        rows = self.rows.setdefault(node, [])
        while len(rows) <= order:
            self._extend(node)
        return rows[order]

    def divides(self, n: int) -> bool:
        """Whether a division by a number is not left to the product with its rounded reciprocal."""
        return n <= self.divided and n & (n - 1) != 0

    def over(self, x: Coefficient, n: int) -> Coefficient:
        """x/n."""
        return None if x is None else x / n if self.divides(n) else _times(1 / n, x)

    def moves(self, node: Expr) -> bool:
        """Whether a node depends on a symbol that has coefficients."""
        if node not in self.moving:
            for each in walk([node], list(self.moving)):
                if each not in self.moving:
                    self.moving[each] = each in self.symbols or any(self.moving[x] for x in each.operands)
        return self.moving[node]

    def _extend(self, node: Expr) -> None:
        """One coefficient more of a node, and of what it needs, without recursion into the depth of the graph."""
        order = len(self.rows[node])
        for each in walk([node], [x for x, done in self.rows.items() if len(done) > order]):
            if each in self.symbols or not self.moves(each):
                continue
            own = self.rows.setdefault(each, [])
            while len(own) <= order:
                own.append(self._next(each, len(own)))

    def _next(self, node: Expr, n: int) -> Coefficient:
        op = node.op
        if n == 0:
            operands = [self.coefficient(x, 0) if self.moves(x) else x for x in node.operands]
            return _applied(
                node,
                [zeros_like(x) if c is None else c for c, x in zip(operands, node.operands, strict=True)],
            )
        if not is_float(node.dtype):
            return None  # a condition or a count: it is what it is at the beginning of the step
        if op is FUNCTION:
            return self.coefficient(expanded_once(node, node.operands), n)
        if op.control is not None:
            raise GradientError(
                f"a Taylor series through {op.name} is not known", node=repr(node), site=node.site,
                hint='write method="tsit5"',
            )  # fmt: skip
        rule = _RULES.get(op.name)
        if rule is not None:
            return rule(self, node, n)
        if not op.on_arrays:
            return self._by_partials(node, n)
        floats = [slot for slot, x in enumerate(node.operands) if is_float(x.dtype) and self.moves(x)]
        if op.linear == "jointly" or (op.linear == "each" and len(floats) == 1):
            return self._linear(node, floats, n)
        if op.linear == "each" and len(floats) == 2:
            return self._product(node, floats, n)
        if op.expand is not None:
            return self.coefficient(op.expand(*node.operands, *node.attrs), n)
        raise GradientError(
            f"a Taylor series of {op.name} is not known",
            node=repr(node),
            site=node.site,
            hint='write method="tsit5"',
        )

    # --- recurrences --------------------------------------------------------------------------------------------------

    def _linear(self, node: Expr, floats: Sequence[int], n: int) -> Coefficient:
        rows = {slot: self.coefficient(node.operands[slot], n) for slot in floats}
        if all(row is None for row in rows.values()):
            return None
        operands = []
        for slot, x in enumerate(node.operands):
            row = rows.get(slot)
            still = slot in rows or (node.op.linear == "jointly" and is_float(x.dtype))
            operands.append(row if row is not None else zeros_like(x) if still else x)
        return _applied(node, operands)

    def _product(self, node: Expr, floats: Sequence[int], n: int) -> Coefficient:
        first, second = floats
        terms = []
        for j in range(n + 1):
            a, b = self.coefficient(node.operands[first], j), self.coefficient(node.operands[second], n - j)
            if a is not None and b is not None:
                operands = list(node.operands)
                operands[first], operands[second] = a, b
                terms.append(_applied(node, operands))
        return added(terms)

    def convolved(
        self,
        a: Expr,
        b: Expr,
        n: int,
        weight: Callable[[int], float] | None = None,
        first: int = 0,
        last: int | None = None,
    ) -> Coefficient:
        """Σ w(j)·aⱼ·bₙ₋ⱼ for j from `first` to `last`, which is n where nothing is said."""
        terms = []
        for j in range(first, (n if last is None else last) + 1):
            x, y = self.coefficient(a, j), self.coefficient(b, n - j)
            if x is not None and y is not None:
                x = _times(weight(j), x) if weight else x
                assert x is not None
                terms.append(x * y)
        return added(terms)

    def squared(self, a: Expr, n: int, first: int = 0) -> Coefficient:
        """Σ aⱼ·aₙ₋ⱼ for j from `first` to n − `first`, each pair once."""
        rows = [self.coefficient(a, j) for j in range(first, n - first + 1)]
        terms = []
        for x, y in zip(rows[: len(rows) // 2], rows[::-1], strict=False):
            if x is not None and y is not None:
                terms.append(x * y)
        double = _times(2, added(terms))
        middle = rows[len(rows) // 2] if len(rows) % 2 else None
        return added([x for x in (double, None if middle is None else middle * middle) if x is not None])

    def _by_partials(self, node: Expr, n: int) -> Coefficient:
        """n·zₙ = Σ over operands u of Σⱼ j·uⱼ·(∂z/∂u)ₙ₋ⱼ."""
        if node not in self.partials:
            self.partials[node] = self._partials_of(node)
        terms = []
        for slot, partial in self.partials[node]:
            for j in range(1, n + 1):
                u, p = self.coefficient(node.operands[slot], j), self.coefficient(partial, n - j)
                if u is not None and p is not None:
                    u = cast(u, p.dtype) if u.dtype != p.dtype else u
                    term = _times(j, u)
                    assert term is not None
                    terms.append(term * p)
        whole = self.over(added(terms), n)
        return (
            None
            if whole is None
            else broadcast(whole if whole.dtype == node.dtype else cast(whole, node.dtype), node)
        )

    def _partials_of(self, node: Expr) -> list[tuple[int, Expr]]:
        op = node.op
        if op.partials is None:
            raise GradientError(f"{op.name} has no derivative", node=repr(node), site=node.site)
        operands, result = computed(node), []
        for slot, rule in enumerate(op.partials):
            if rule is None or not self.moves(node.operands[slot]) or not is_float(node.operands[slot].dtype):
                continue
            partial = rule(node, *operands)
            if not isinstance(partial, Expr):
                partial = constant(float(partial), node.dtype)
            live = op.live[slot] if op.live is not None else None
            if live is not None:
                partial = where(live(node, *operands), partial, constant(0.0, partial.dtype))
            result.append((slot, partial))
        return result


def _applied(node: Expr, operands: Sequence[Expr]) -> Expr:
    if all(a is b for a, b in zip(operands, node.operands, strict=True)):
        return node
    if node.op.name == "astype":
        return cast(operands[0], node.dtype)
    return apply(node.op, *operands, attrs=node.attrs)


# --- rules of their own -----------------------------------------------------------------------------------------------------


def _fit(value: Coefficient, node: Expr) -> Coefficient:
    return None if value is None else broadcast(value, node)


def _sum(series: TaylorSeries, node: Expr, n: int) -> Coefficient:
    x, y = (series.coefficient(operand, n) for operand in node.operands)
    if y is not None and node.op.name == "subtract":
        return _fit(-y if x is None else x - y, node)
    return _fit(added([each for each in (x, y) if each is not None]), node)


def _negative(series: TaylorSeries, node: Expr, n: int) -> Coefficient:
    return _times(-1, series.coefficient(node.operands[0], n))


def _multiply(series: TaylorSeries, node: Expr, n: int) -> Coefficient:
    x, y = node.operands
    return _fit(series.squared(x, n) if x is y else series.convolved(x, y, n), node)


def _square(series: TaylorSeries, node: Expr, n: int) -> Coefficient:
    return series.squared(node.operands[0], n)


def _divide(series: TaylorSeries, node: Expr, n: int) -> Coefficient:
    """z = u/v: zₙ = (uₙ − Σ_{j≥1} vⱼ zₙ₋ⱼ)/v₀."""
    u, v = node.operands
    return _quotient(series, node, series.coefficient(u, n), v, n)


def _reciprocal(series: TaylorSeries, node: Expr, n: int) -> Coefficient:
    return _quotient(series, node, None, node.operands[0], n)


def _quotient(series: TaylorSeries, node: Expr, above: Coefficient, v: Expr, n: int) -> Coefficient:
    rest = series.convolved(v, node, n, first=1) if series.moves(v) else None
    whole = above if rest is None else -rest if above is None else above - rest
    return None if whole is None else _fit(whole / series.coefficient(v, 0), node)


def _sqrt(series: TaylorSeries, node: Expr, n: int) -> Coefficient:
    """z² = u: zₙ = (uₙ − Σ zⱼ zₙ₋ⱼ)/(2 z₀), without the first and the last term."""
    u, rest = series.coefficient(node.operands[0], n), series.squared(node, n, first=1)
    whole, first = u if rest is None else -rest if u is None else u - rest, series.coefficient(node, 0)
    return None if whole is None or first is None else whole / (2 * first)


def _pow(series: TaylorSeries, node: Expr, n: int) -> Coefficient:
    """z = uᵃ: n·u₀·zₙ = Σ_{j<n} (n·a − j·(a + 1)) uₙ₋ⱼ zⱼ; of an exponent that changes, z' = z·(y·log u)'."""
    u, exponent = node.operands
    if not exponent.is_constant or exponent.shape:
        w = exponent * _called("log", u)
        terms = []
        for j in range(1, n + 1):
            a, z = series.coefficient(w, j), series.coefficient(node, n - j)
            if a is not None and z is not None:
                terms.append((j / n) * a * z)
        return _fit(added(terms), node)
    a = float(exponent.value)
    if a == int(a) and 0 <= a <= 3:
        if a < 2:
            return series.coefficient(u, n) if a else None
        return series.squared(u, n) if a == 2 else series.coefficient(u * u * u, n)
    first = series.coefficient(u, 0)
    if series.divides(n):
        rest = series.convolved(node, u, n, lambda j: n * a - j * (a + 1), last=n - 1)
        return None if rest is None or first is None else rest / (n * first)
    rest = series.convolved(node, u, n, lambda j: a - j * (a + 1) / n, last=n - 1)
    return None if rest is None else rest / first


def _called(name: str, *operands: Expr) -> Expr:
    return apply(lookup(name), *operands)


def _where(series: TaylorSeries, node: Expr, n: int) -> Coefficient:
    condition = series.coefficient(node.operands[0], 0)
    x, y = (series.coefficient(operand, n) for operand in node.operands[1:])
    if x is None and y is None:
        return None
    like = x if x is not None else y
    assert like is not None
    return _fit(
        where(condition, *(constant(0.0, like.dtype) if each is None else each for each in (x, y))), node
    )


def _astype(series: TaylorSeries, node: Expr, n: int) -> Coefficient:
    x = series.coefficient(node.operands[0], n) if is_float(node.operands[0].dtype) else None
    return None if x is None else cast(x, node.dtype)


_RULES: dict[str, Callable[[TaylorSeries, Expr, int], Coefficient]] = {
    "add": _sum, "subtract": _sum, "negative": _negative, "multiply": _multiply, "square": _square, "divide": _divide,
    "reciprocal": _reciprocal, "sqrt": _sqrt, "pow": _pow, "where": _where, "astype": _astype,
}  # fmt: skip
"""Recurrences that are shorter than what partials give."""


def solution_coefficients(
    time: Expr,
    state: Sequence[Expr],
    slopes: Sequence[Expr],
    start: Expr,
    values: Sequence[Expr],
    order: int,
    divided: int = 0,
) -> list[list[Expr]]:
    """The Taylor coefficients 0 … order of each part of the solution of state' = slopes(time, state).

    start, values : the time and the state about which it is expanded
    divided : as for `TaylorSeries`
    """
    one = constant(1.0, time.dtype)
    known: dict[Expr, list[Coefficient]] = {time: [start, one]}
    known.update({part: [value] for part, value in zip(state, values, strict=True)})
    series = TaylorSeries(known, divided)
    for n in range(order):
        rates = [series.coefficient(slope, n) for slope in slopes]
        for part, rate in zip(state, rates, strict=True):
            known[part].append(series.over(rate, n + 1))
    return [
        [zeros_like(part) if row is None else broadcast(row, part) for row in known[part]] for part in state
    ]


__all__ = ["TaylorSeries", "solution_coefficients"]

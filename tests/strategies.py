"""Hypothesis strategies: random expression graphs over all operations, with points to evaluate them at.

A graph grows from a pool of symbols and constants. Each step applies an operation to operands of the pool, the most recent
ones first, so that work is shared and little is dropped. Operands of functions that are real and smooth on a part of the line
alone are usually mapped into it first (`fitted`), so that few graphs are NaN altogether.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

import graphc as g
from graphc.ir.expr import Expr, apply
from graphc.ir.op import Op, all_ops

SPECIAL = frozenset(["erf", "erfc", "erfcx", "gamma", "lgamma", "digamma", "polygamma"])
"""Special functions that graphs are drawn from: others call SciPy, or are long formulas (tests/ops/test_special.py)."""

OPS = tuple(
    sorted(
        (
            op
            for op in all_ops()
            if not op.user_defined
            and op.name != "add_error"
            and (op.category != "special" or op.name in SPECIAL)
        ),
        key=lambda op: op.name,
    )
)
"""All that have a value over the real numbers: of what rounding takes from a sum that is 0."""
"""By name, so that the graphs that are drawn do not depend on the order of imports."""

ROUNDED_ALIKE = frozenset(
    [
        "add",
        "subtract",
        "multiply",
        "divide",
        "sqrt",
        "negative",
        "abs",
        "square",
        "reciprocal",
        "where",
        "less",
        "less_equal",
        "greater",
        "greater_equal",
        "equal",
        "not_equal",
        "logical_and",
        "logical_or",
        "logical_xor",
        "logical_not",
        "isnan",
        "isinf",
        "isfinite",
        "floor",
        "ceil",
        "trunc",
        "round",
        "relu",
        "maximum",
        "minimum",
        "clip",
        "astype",
        "sign",
    ]
)
"""Operations that IEEE 754 rounds correctly, and those that do not round: computed alike to the bit by everyone."""

LITERALS = (2.0, 0.5, 1.0, -1.0, 3, 0.1, -1.5, 7.25, 1e-3, 100.0, -2)
NICE = (1.0, 0.5, -1.0, 2.0, 0.0, -0.5, 3.0, 1.25)
SPECIALS = (
    0.0,
    -0.0,
    np.inf,
    -np.inf,
    np.nan,
    1.0,
    -1.0,
    5e-324,
    -2.2250738585072014e-308,
    1.7976931348623157e308,
)


@dataclass(frozen=True)
class Sample:
    """A random expression, or several of them, their symbols, and a point."""

    output: Any
    symbols: tuple[Expr, ...]
    at: dict[str, Any]

    def __repr__(self) -> str:
        at = ", ".join(f"{s.name}: {s.dtype}={self.at[s.name]!r}" for s in self.symbols)
        return f"<{self.output} at {at}>"


def fitted(draw: Any, operand: Expr, low: float, high: float) -> Expr:
    """`operand`, usually mapped into [low, high] by a smooth function."""
    if low <= -100 and high >= 100:
        return operand
    how = draw(st.integers(0, 3))
    if how == 0:
        return operand
    width = high - low
    if how == 1 and high >= 20 and low >= 0:
        return operand * operand + (low + 0.25)
    if how == 2 and low >= -1 and high <= 2:
        return g.sin(operand) * (0.49 * width) + (low + high) / 2
    return g.sigmoid(operand) * (0.9 * min(width, 12)) + (low + 0.05 if width < 12 or low >= 0 else -5.0)


@st.composite
def expressions(
    draw: Any, ops: tuple[Op, ...] = OPS, mixed: bool = True, most: int = 16, fit: bool = True
) -> tuple[Expr, tuple[Expr, ...]]:
    """A float expression with at least one operation, and its symbols."""
    own = draw(st.sampled_from(["float64", "float64", "float64", "float32"]))
    names = ("x", "y", "z") if own == "float64" else ("xs", "ys", "zs")  # one name, one type, in every graph
    pool = [g.symbol(name, dtype=own) for name in names]
    truths: list[Expr] = []
    if mixed and draw(st.integers(0, 3)) == 0:
        kind = draw(st.sampled_from(["int64", "int32", "int8"]))
        pool += [
            g.symbol("us", dtype="float32") if own == "float64" else g.symbol("u", dtype="float64"),
            g.symbol("i" + kind[3:], dtype=kind),
        ]
        truths.append(g.symbol("b", dtype="bool"))

    def number() -> Any:
        if draw(st.integers(0, 5)) == 0:
            return draw(st.sampled_from(LITERALS))
        return pool[-1 - draw(st.integers(0, len(pool) - 1))]

    def expression() -> Expr:
        return pool[-1 - draw(st.integers(0, len(pool) - 1))]

    def truth() -> Expr:
        if truths and draw(st.booleans()):
            return truths[-1 - draw(st.integers(0, len(truths) - 1))]
        compare = draw(st.sampled_from([g.less, g.greater_equal, g.greater, g.less_equal, g.not_equal]))
        truths.append(compare(expression(), number()))
        return truths[-1]

    for _ in range(draw(st.integers(2, most))):
        op = draw(st.sampled_from(ops))
        if op.category == "logic":
            truths.append(apply(op, *[truth() for _ in op.params]))
            pool.append(g.where(truths[-1], expression(), number()))
        elif op.category == "comparison":
            operands = [expression()] + [number() for _ in op.params[1:]]
            truths.append(apply(op, *operands))
            pool.append(g.where(truths[-1], expression(), number()))
        elif op.name == "where":
            pool.append(apply(op, truth(), expression(), number()))
        elif op.name == "astype":
            pool.append(expression().astype(draw(st.sampled_from(["float32", "float64", own]))))
        elif op.name == "polygamma":
            pool.append(g.polygamma(draw(st.integers(1, 3)), fitted(draw, expression(), *op.domain[1])))
        else:
            first = draw(st.integers(0, op.arity - 1)) if op.arity == 2 else 0
            operands = [expression() if slot == first else number() for slot in range(op.arity)]
            operands = [
                fitted(draw, o, *ends) if fit and isinstance(o, Expr) else o
                for o, ends in zip(operands, op.domain, strict=True)
            ]
            pool.append(apply(op, *operands))
    output = next(node for node in reversed(pool) if node.dtype.kind == "f")
    for _ in range(draw(st.integers(0, 2))):  # what would be dropped joins the output
        output = apply(draw(st.sampled_from([g.add.op, g.multiply.op, g.subtract.op])), output, expression())
    return output, g.free_symbols(output)


def value_of(draw: Any, symbol: Expr) -> Any:
    """A value for a symbol: round numbers, and floats of moderate size."""
    if symbol.dtype.kind == "b":
        return draw(st.booleans())
    if symbol.dtype.kind in "iu":
        return draw(st.integers(-5, 5))
    if draw(st.integers(0, 3)) == 0:
        return draw(st.sampled_from(NICE))
    size = draw(st.integers(-(2**24), 2**24))
    return float(symbol.dtype.type(size * 2.0**-22 + (0 if symbol.dtype == np.float32 else size * 2.0**-45)))


@st.composite
def samples(draw: Any, **options: Any) -> Sample:
    """A random expression with a point at which to evaluate it."""
    output, symbols = draw(expressions(**options))
    return Sample(output, symbols, {symbol.name: value_of(draw, symbol) for symbol in symbols})


@st.composite
def forests(draw: Any, count: int, **options: Any) -> Sample:
    """Several random expressions of the same symbols, to be compiled together."""
    outputs = [draw(expressions(**options))[0] for _ in range(count)]
    symbols = g.free_symbols(*outputs)
    return Sample(outputs, symbols, {symbol.name: value_of(draw, symbol) for symbol in symbols})

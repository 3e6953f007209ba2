"""Comparisons, logic, and what chooses between operands: where, minimum, maximum, clip."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from graphc.errors import ArityError, ExpressionError
from graphc.ir import ranges
from graphc.ir.expr import Expr, apply, constant, current_site
from graphc.ir.op import AND, COMPARISON, OR, UNARY, XOR, Facts, Kink, Notation, Op
from graphc.ir.ranges import Range
from graphc.ir.types import BOOL, TypeRule, floating, like_ufunc, logical, promoted, selected
from graphc.ops.support.declare import Function, declare, like, with_checks

WIDE = (-1e3, 1e3)


def _compare(name, ufunc, symbol, latex, predicate, relation, operator=None):
    return declare(
        Op(
            name=name,
            params=("x", "y"),
            summary=f"Whether x {symbol} y: a boolean; {'True' if name == 'not_equal' else 'False'} beside NaN.",
            types=like_ufunc(ufunc),
            reference=ufunc,
            formula=lambda S, x, y: getattr(S, relation)(x, y),
            domain=(WIDE, WIDE),
            smooth_at=lambda x, y: x != y,
            emit=lambda e, x, y: e.compare(predicate, x, y),
            notation=Notation(
                symbol, f"[0] {operator or symbol} [1]", f"[0] {latex} [1]", COMPARISON, OR, OR
            ),
            facts=Facts(commutative=name in ("equal", "not_equal"), range=(0.0, 1.0)),
            ufuncs=(ufunc,),
            operator=operator and f"x {operator} y",
            category="comparison",
        )
    )


less: Function = _compare("less", np.less, "<", "<", "lt", "Lt", "<")
less_equal: Function = _compare("less_equal", np.less_equal, "≤", r"\le", "le", "Le", "<=")
greater: Function = _compare("greater", np.greater, ">", ">", "gt", "Gt", ">")
greater_equal: Function = _compare("greater_equal", np.greater_equal, "≥", r"\ge", "ge", "Ge", ">=")
equal: Function = _compare("equal", np.equal, "=", "=", "eq", "Eq", "==")
not_equal: Function = _compare("not_equal", np.not_equal, "≠", r"\ne", "ne", "Ne", "!=")


def _logic(name, ufunc, symbol, operator, latex, precedence, connective, emit):
    return declare(
        Op(
            name=name,
            params=("x", "y"),
            summary=f"Of two booleans: x {connective.lower()} y.",
            types=TypeRule(logical),
            reference=ufunc,
            formula=lambda S, x, y: getattr(S, connective)(x, y),
            emit=emit,
            notation=Notation(
                symbol, f"[0] {operator} [1]", f"[0] {latex} [1]", precedence, precedence, precedence + 1
            ),
            facts=Facts(commutative=True, associative=True, idempotent=connective != "Xor", range=(0.0, 1.0)),
            ufuncs=(ufunc, getattr(np, name.replace("logical", "bitwise"))),
            operator=f"x {operator} y",
            category="logic",
        )
    )


logical_and: Function = _logic(
    "logical_and", np.logical_and, "∧", "&", r"\land", AND, "And", lambda e, x, y: e.and_(x, y)
)
logical_or: Function = _logic(
    "logical_or", np.logical_or, "∨", "|", r"\lor", OR, "Or", lambda e, x, y: e.or_(x, y)
)
logical_xor: Function = _logic(
    "logical_xor", np.logical_xor, "⊕", "^", r"\oplus", XOR, "Xor", lambda e, x, y: e.xor_(x, y)
)

logical_not: Function = declare(
    Op(
        name="logical_not",
        params=("x",),
        summary="The negation of a boolean.",
        types=TypeRule(logical),
        reference=np.logical_not,
        formula=lambda S, x: S.Not(x),
        emit=lambda e, x: e.not_(x),
        notation=Notation("¬", "~[0]", r"\lnot [0]", UNARY, UNARY, UNARY),
        facts=Facts(involution=True, inverse="logical_not", range=(0.0, 1.0)),
        ufuncs=(np.logical_not, np.bitwise_not),
        operator="~x",
        category="logic",
    )
)


def _test(name, ufunc, summary, emit):
    return declare(
        Op(
            name=name,
            params=("x",),
            summary=summary,
            types=TypeRule(lambda dtypes: (floating(dtypes)[0], BOOL)),
            reference=ufunc,
            emit=emit,
            notation=Notation(name),
            facts=Facts(parity="even", range=(0.0, 1.0)),
            ufuncs=(ufunc,),
            category="comparison",
        )
    )


isnan: Function = _test("isnan", np.isnan, "Whether x is NaN.", lambda e, x: e.isnan(x))
isinf: Function = _test(
    "isinf",
    np.isinf,
    "Whether x is ∞ or −∞.",
    lambda e, x: e.compare("eq", e.abs(x), e.number(float("inf"), x)),
)
isfinite: Function = _test(
    "isfinite", np.isfinite, "Whether x is neither infinite nor NaN.",
    # of a comparison with ∞ LLVM makes one of bits, and what it chooses is then chosen among bits
    lambda e, x: e.compare("le", e.abs(x), e.number(float(np.finfo(x.dtype).max), x)),
)  # fmt: skip

WHERE = Op(
    name="where",
    params=("condition", "x", "y"),
    summary="x where the condition holds, y elsewhere.",
    notes=(
        "A branch: what the side not taken yields, NaN and infinities included, reaches neither value nor gradient, "
        "of any order."
    ),
    types=TypeRule(selected, group=(1, 2)),
    reference=np.where,
    formula=lambda S, condition, x, y: S.Piecewise((x, condition), (y, True)),
    domain=((0.0, 1.0), WIDE, WIDE),
    partials=(None, lambda out, condition, x, y: 1, lambda out, condition, x, y: 1),
    live=(None, lambda out, condition, x, y: condition, lambda out, condition, x, y: ~condition),
    emit=lambda e, condition, x, y: e.select(condition, x, y),
    notation=Notation("where", None, r"\begin{cases} <1> & <0> \\ <2> & \text{otherwise} \end{cases}"),
    facts=Facts(bounds=lambda condition, x, y: ranges.union(x, y)),
    ulps=0.5,
    category="choice",
)
_where = declare(WHERE)


@with_checks(WHERE)
def where(condition, x, y):
    """x where the condition holds, y elsewhere.

    condition : a boolean expression, such as a comparison
    x, y : expressions or numbers, promoted to one dtype

    A branch: what the side not taken yields, NaN and infinities included, reaches neither value nor gradient, of any order.
    Raises `ExpressionError` when the condition is Python's True or False, which is what `==` between expressions gives.
    """
    if isinstance(condition, (bool, np.bool_)):
        raise ExpressionError(
            f"where got the Python value {condition} as its condition, so one side would never be taken",
            site=current_site(),
            hint="== and != compare identity: write g.equal(x, y) or g.not_equal(x, y) for a node",
        )
    return apply(WHERE, condition, x, y)


def larger(x: Any, y: Any) -> Expr:
    """IEEE 754-2019's maximum of arrays: NaN beside NaN, and +0 is larger than −0, which NumPy leaves open."""
    return _signed(np.maximum(x, y), x, y, np.logical_and)


def smaller(x: Any, y: Any) -> Expr:
    """IEEE 754-2019's minimum of arrays."""
    return _signed(np.minimum(x, y), x, y, np.logical_or)


def _signed(result, x, y, both):
    """The result with the sign that is due to it where both operands are zeros."""
    if result.dtype.kind != "f":
        return result
    zeros = np.equal(x, 0) & np.equal(y, 0)
    sign = np.where(both(np.signbit(x), np.signbit(y)), result.dtype.type(-1), result.dtype.type(1))
    return np.where(zeros, np.copysign(result, sign), result)[()]


def _extremum(name, ufunc, reference, symbol, predicate, monotone_text):
    better = max if symbol == "max" else min

    def partial(out, x, y):  # of the operand that is chosen
        return where(equal(x, y), like(0.5, out), like(1, out))

    def live(slot):
        def rule(out, x, y):
            mine, theirs = (x, y) if slot == 0 else (y, x)
            return mine >= theirs if predicate == "ge" else mine <= theirs

        return rule

    return declare(
        Op(
            name=name,
            params=("x", "y"),
            summary=f"The {monotone_text} of x and y; NaN if either is NaN.",
            notes=f"IEEE 754-2019's {name}: −0 is smaller than +0, in any order.",
            types=TypeRule(promoted),
            reference=reference,
            formula=lambda S, x, y: getattr(S, symbol.capitalize())(x, y),
            domain=(WIDE, WIDE),
            smooth_at=lambda x, y: x != y,
            partials=(partial, partial),
            live=(live(0), live(1)),
            kinks=(Kink((2.0, 2.0), (0.5, 0.5), "at a tie each operand gets half, whichever comes first"),),
            emit=(lambda e, x, y: e.maximum(x, y))
            if name == "maximum"
            else (lambda e, x, y: e.minimum(x, y)),
            notation=Notation(symbol, None, rf"\{symbol}\left(<0>, <1>\right)"),
            facts=Facts(
                associative=True,
                idempotent=True,
                nan="never",
                bounds=lambda x, y: Range(better(x.lo, y.lo), better(x.hi, y.hi), x.nan or y.nan),
            ),
            specials=tuple(
                [((x, y), reference(np.float64(x), np.float64(y))) for x in (0.0, -0.0) for y in (0.0, -0.0)]
            ),
            ulps=0.5,
            ufuncs=(ufunc,),
            sympy=(symbol.capitalize(),),
            category="choice",
        )
    )


maximum: Function = _extremum("maximum", np.maximum, larger, "max", "ge", "larger")
minimum: Function = _extremum("minimum", np.minimum, smaller, "min", "le", "smaller")


def maxout(*operands: Any) -> Expr:
    """The largest of several expressions: the Maxout activation (Goodfellow et al., 2013).

    Built as nested `maximum`, from left to right; at a tie the derivative is shared as `maximum` shares it. NaN if any
    operand is NaN. Raises `ArityError` without operands.
    """
    if not operands:
        raise ArityError(
            "maxout needs at least one operand", site=current_site(), hint="write g.maxout(x, y)"
        )
    if len(operands) == 1:
        return constant(operands[0])
    return reduce(maximum, operands)


_CLIP = getattr(getattr(getattr(np, "_core", None), "umath", None), "clip", None)
"""The ufunc below np.clip, which NumPy has no public name for."""

clip: Function = declare(
    Op(
        name="clip",
        params=("x", "low", "high"),
        summary="x limited to the interval from low to high: minimum(maximum(x, low), high).",
        types=TypeRule(promoted),
        reference=lambda x, low, high: smaller(larger(x, low), high),
        formula=lambda S, x, low, high: S.Min(S.Max(x, low), high),
        domain=((-2.0, 2.0), (-1.0, -0.5), (0.5, 1.0)),
        smooth_at=lambda x, low, high: x not in (low, high),
        partials=(lambda out, x, low, high: 1,) * 3,
        live=(
            lambda out, x, low, high: (x >= low) & (x <= high),
            lambda out, x, low, high: (x < low) & (low <= high),
            lambda out, x, low, high: (x > high) | (low > high),
        ),
        kinks=(
            Kink((0.5, 0.5, 1.0), (1.0, 0.0, 0.0), "the ends belong to the interval"),
            Kink((1.0, 0.5, 1.0), (1.0, 0.0, 0.0), "the ends belong to the interval"),
        ),
        emit=lambda e, x, low, high: e.minimum(e.maximum(x, low), high),
        notation=Notation("clip"),
        facts=Facts(
            nan="never",
            bounds=lambda x, low, high: Range(
                min(max(x.lo, low.lo), high.lo), min(max(x.hi, low.hi), high.hi), x.nan or low.nan or high.nan
            ),
        ),
        ulps=0.5,
        ufuncs=() if _CLIP is None else (_CLIP,),
        category="choice",
    )
)

__all__ = [
    "clip", "equal", "greater", "greater_equal", "isfinite", "isinf", "isnan", "less", "less_equal", "logical_and",
    "logical_not", "logical_or", "logical_xor", "maximum", "maxout", "minimum", "not_equal", "where",
]  # fmt: skip

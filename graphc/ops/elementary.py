"""Elementary functions: exponentials, logarithms, roots, trigonometric and hyperbolic functions."""

from __future__ import annotations

import math

import numpy as np

from graphc.ir.op import ATOM, POWER, Facts, Kink, Notation, Op
from graphc.ir.ranges import Range
from graphc.ir.types import TypeRule, floating, like_ufunc
from graphc.ops.comparison import equal, where
from graphc.ops.support.declare import Function, declare, like

LN2, LN10 = math.log(2), math.log(10)
TAU = (-30.0, 30.0)


def _unary(name, reference, formula, domain, partial, summary, *, latex=None, label=None, libm=None, **more):
    """A function of one real variable, whose machine code is the C library's unless `emit` or `expand` says otherwise."""
    ufunc = reference if isinstance(reference, np.ufunc) else None
    if "emit" not in more and "expand" not in more:
        function = libm or name
        more["emit"] = lambda e, x: e.call(function, x)
    notation = more.pop("notation", None) or Notation(label or name, None, latex)
    return declare(
        Op(
            name=name,
            params=("x",),
            summary=summary,
            types=more.pop("types", None) or (like_ufunc(ufunc) if ufunc else TypeRule(floating)),
            reference=reference,
            formula=formula,
            domain=(domain,),
            partials=(partial,),
            notation=notation,
            ufuncs=more.pop("ufuncs", (ufunc,) if ufunc else ()),
            **more,
        )
    )


def _call(name):
    return rf"\{name}\left(<0>\right)"


exp: Function = _unary(
    "exp", np.exp, lambda S, x: S.exp(x), TAU, lambda out, x: out, "The exponential eˣ.",
    notation=Notation("exp", None, "e^{<0>}", latex_precedence=POWER),
    facts=Facts(inverse="log", monotone=1, range=(0.0, math.inf), nan="never"), sympy=("exp",),
    nanoseconds=0.8, texts={"python": "math.exp", "javascript": "Math.exp"},
)  # fmt: skip
exp2: Function = _unary(
    "exp2", np.exp2, lambda S, x: 2**x, TAU, lambda out, x: out * LN2, "The power 2ˣ.",
    notation=Notation("2^", None, "2^{<0>}", latex_precedence=POWER),
    facts=Facts(inverse="log2", monotone=1, range=(0.0, math.inf), nan="never"),
    nanoseconds=0.7, texts={"python": "np.exp2", "javascript": "exp2"},
)  # fmt: skip
expm1: Function = _unary(
    "expm1", np.expm1, lambda S, x: S.exp(x) - 1, TAU, lambda out, x: exp(x),
    "eˣ − 1 without cancellation near 0.",
    facts=Facts(inverse="log1p", monotone=1, range=(-1.0, math.inf), nan="never"),
    nanoseconds=1.2, texts={"python": "math.expm1", "javascript": "Math.expm1"},
)  # fmt: skip
log: Function = _unary(
    "log", np.log, lambda S, x: S.log(x), (1e-3, 1e3), lambda out, x: 1 / x,
    "The natural logarithm; −∞ at 0, NaN below.", latex=_call("log"),
    facts=Facts(inverse="exp", monotone=1, nan=(0.0, math.inf)), sympy=("log",),
    nanoseconds=1.1, texts={"python": "math.log", "javascript": "Math.log"},
)  # fmt: skip
log2: Function = _unary(
    "log2", np.log2, lambda S, x: S.log(x, 2), (1e-3, 1e3), lambda out, x: 1 / (x * LN2),
    "The logarithm to base 2.", latex=r"\log_{2}\left(<0>\right)", facts=Facts(inverse="exp2", monotone=1, nan=(0.0, math.inf)),
    nanoseconds=1.3, texts={"python": "math.log2", "javascript": "Math.log2"},
)  # fmt: skip
log10: Function = _unary(
    "log10", np.log10, lambda S, x: S.log(x, 10), (1e-3, 1e3), lambda out, x: 1 / (x * LN10),
    "The logarithm to base 10.", latex=r"\log_{10}\left(<0>\right)",
    facts=Facts(monotone=1, nan=(0.0, math.inf)), reference_ulps=3.0,
    nanoseconds=1.4, texts={"python": "math.log10", "javascript": "Math.log10"},
)  # fmt: skip
log1p: Function = _unary(
    "log1p", np.log1p, lambda S, x: S.log(1 + x), (-0.999, 1e3), lambda out, x: 1 / (1 + x),
    "log(1 + x) without cancellation near 0.", facts=Facts(inverse="expm1", monotone=1, nan=(-1.0, math.inf)),
    nanoseconds=1.2, texts={"python": "math.log1p", "javascript": "Math.log1p"},
)  # fmt: skip

sqrt: Function = _unary(
    "sqrt", np.sqrt, lambda S, x: S.sqrt(x), (1e-3, 1e3), lambda out, x: 0.5 / out,
    "The square root; NaN below 0. Correctly rounded.",
    notation=Notation("√", None, r"\sqrt{<0>}"), emit=lambda e, x: e.intrinsic("sqrt", x),
    kinks=(Kink((0.0,), (math.inf,), "the limit of the derivative from above"),),
    facts=Facts(inverse="square", monotone=1, range=(-0.0, math.inf), nan=(0.0, math.inf)), ulps=0.5,
    nanoseconds=0.6,
)  # fmt: skip
rsqrt: Function = _unary(
    "rsqrt", lambda x: x.dtype.type(1) / np.sqrt(x), lambda S, x: 1 / S.sqrt(x), (1e-3, 1e3),
    lambda out, x: -0.5 * (out * out * out), "The reciprocal square root 1/√x.",
    notation=Notation("1/√", None, r"\frac{1}{\sqrt{<0>}}", latex_precedence=ATOM - 5),
    emit=lambda e, x: e.call("rsqrt", x) if e.knows("rsqrt", x) else e.div(e.number(1.0, x), e.intrinsic("sqrt", x)),
    facts=Facts(monotone=-1, nan=(0.0, math.inf)), reference_ulps=2.5,  # −∞ at −0, as IEEE 754 has it
    nanoseconds=0.9, texts={"python": "rsqrt", "javascript": "rsqrt"},
)  # fmt: skip
cbrt: Function = _unary(
    "cbrt", np.cbrt, lambda S, x: S.real_root(x, 3), (1e-3, 1e3), lambda out, x: 1 / (3 * (out * out)),
    "The real cube root, of negative numbers as well.",
    notation=Notation("∛", None, r"\sqrt[{3}]{<0>}"),
    kinks=(Kink((0.0,), (math.inf,), "the limit of the derivative from either side"),),
    facts=Facts(parity="odd", monotone=1, nan="never"), reference_ulps=5.0,  # as glibc declares of its own
    nanoseconds=1.4, texts={"python": "np.cbrt", "javascript": "Math.cbrt"},
)  # fmt: skip

sin: Function = _unary(
    "sin", np.sin, lambda S, x: S.sin(x), TAU, lambda out, x: cos(x), "The sine of x in radians.",
    latex=_call("sin"), facts=Facts(parity="odd", range=(-1.0, 1.0), nan="infinite"), sympy=("sin",),
    nanoseconds=2.0, texts={"python": "math.sin", "javascript": "Math.sin"},
)  # fmt: skip
cos: Function = _unary(
    "cos", np.cos, lambda S, x: S.cos(x), TAU, lambda out, x: -sin(x), "The cosine of x in radians.",
    latex=_call("cos"), facts=Facts(parity="even", range=(-1.0, 1.0), nan="infinite"), sympy=("cos",),
    nanoseconds=2.0, texts={"python": "math.cos", "javascript": "Math.cos"},
)  # fmt: skip
tan: Function = _unary(
    "tan", np.tan, lambda S, x: S.tan(x), (-1.5, 1.5), lambda out, x: 1 + out * out, "The tangent of x in radians.",
    latex=_call("tan"), facts=Facts(parity="odd", nan="infinite"), sympy=("tan",), ulps=1.5,
    nanoseconds=3.0, texts={"python": "math.tan", "javascript": "Math.tan"},
)  # fmt: skip
asin: Function = _unary(
    "asin", np.arcsin, lambda S, x: S.asin(x), (-0.999, 0.999), lambda out, x: rsqrt((1 - x) * (1 + x)),
    "The angle in [−π/2, π/2] whose sine is x; NaN outside [−1, 1].",
    latex=_call("arcsin"),
    facts=Facts(inverse="sin", parity="odd", monotone=1, range=(-math.pi / 2, math.pi / 2), nan=(-1.0, 1.0)),
    kinks=(Kink((1.0,), (math.inf,), "the limit of the derivative from below"),), sympy=("asin",),
    nanoseconds=2.0, texts={"python": "math.asin", "javascript": "Math.asin"},
)  # fmt: skip
acos: Function = _unary(
    "acos", np.arccos, lambda S, x: S.acos(x), (-0.999, 0.999), lambda out, x: -rsqrt((1 - x) * (1 + x)),
    "The angle in [0, π] whose cosine is x; NaN outside [−1, 1].",
    latex=_call("arccos"), facts=Facts(inverse="cos", monotone=-1, range=(0.0, math.pi), nan=(-1.0, 1.0)),
    kinks=(Kink((1.0,), (-math.inf,), "the limit of the derivative from below"),), sympy=("acos",),
    nanoseconds=2.0, texts={"python": "math.acos", "javascript": "Math.acos"},
)  # fmt: skip
atan: Function = _unary(
    "atan", np.arctan, lambda S, x: S.atan(x), TAU, lambda out, x: 1 / (1 + x * x),
    "The angle in (−π/2, π/2) whose tangent is x.",
    latex=_call("arctan"),
    facts=Facts(
        inverse="tan", parity="odd", monotone=1, bounded_slope=True, range=(-math.pi / 2, math.pi / 2), nan="never"
    ),
    sympy=("atan",),
    nanoseconds=2.0, texts={"python": "math.atan", "javascript": "Math.atan"},
)  # fmt: skip

sinh: Function = _unary(
    "sinh", np.sinh, lambda S, x: S.sinh(x), TAU, lambda out, x: cosh(x), "The hyperbolic sine.",
    latex=_call("sinh"),
    facts=Facts(inverse="asinh", parity="odd", monotone=1, nan="never"), sympy=("sinh",), ulps=1.5, reference_ulps=3.0,
    nanoseconds=1.2, texts={"python": "math.sinh", "javascript": "Math.sinh"},
)  # fmt: skip
cosh: Function = _unary(
    "cosh", np.cosh, lambda S, x: S.cosh(x), TAU, lambda out, x: sinh(x), "The hyperbolic cosine.",
    latex=_call("cosh"), facts=Facts(parity="even", range=(1.0, math.inf), nan="never"), sympy=("cosh",), reference_ulps=3.0,
    nanoseconds=1.1, texts={"python": "math.cosh", "javascript": "Math.cosh"},
)  # fmt: skip
tanh: Function = _unary(
    "tanh", np.tanh, lambda S, x: S.tanh(x), TAU, lambda out, x: 1 - out * out, "The hyperbolic tangent.",
    latex=_call("tanh"), sympy=("tanh",),
    facts=Facts(inverse="atanh", parity="odd", monotone=1, bounded_slope=True, range=(-1.0, 1.0), nan="never"),
    reference_ulps=3.0,
    nanoseconds=1.5, texts={"python": "math.tanh", "javascript": "Math.tanh"},
)  # fmt: skip
asinh: Function = _unary(
    "asinh", np.arcsinh, lambda S, x: S.asinh(x), TAU, lambda out, x: 1 / hypot(1, x),
    "The inverse hyperbolic sine.",
    facts=Facts(inverse="sinh", parity="odd", monotone=1, nan="never"), sympy=("asinh",), ulps=1.5,
    reference_ulps=3.0,
    nanoseconds=2.5, texts={"python": "math.asinh", "javascript": "Math.asinh"},
)  # fmt: skip
acosh: Function = _unary(
    "acosh", np.arccosh, lambda S, x: S.acosh(x), (1.001, 1e3), lambda out, x: rsqrt(x - 1) * rsqrt(x + 1),
    "The inverse hyperbolic cosine; NaN below 1.",
    facts=Facts(inverse="cosh", monotone=1, range=(0.0, math.inf), nan=(1.0, math.inf)),
    kinks=(Kink((1.0,), (math.inf,), "the limit of the derivative from above"),), sympy=("acosh",), reference_ulps=3.0,
    nanoseconds=2.5, texts={"python": "math.acosh", "javascript": "Math.acosh"},
)  # fmt: skip
atanh: Function = _unary(
    "atanh", np.arctanh, lambda S, x: S.atanh(x), (-0.999, 0.999), lambda out, x: 1 / ((1 - x) * (1 + x)),
    "The inverse hyperbolic tangent; ±∞ at ±1, NaN outside [−1, 1].",
    facts=Facts(inverse="tanh", parity="odd", monotone=1, nan=(-1.0, 1.0)), sympy=("atanh",), reference_ulps=3.0,
    nanoseconds=2.0, texts={"python": "math.atanh", "javascript": "Math.atanh"},
)  # fmt: skip


def _atan2_partial(numerator):
    def rule(out, y, x):
        # through hypot, because x² + y² leaves the range long before its root does
        radius = hypot(x, y)
        return numerator(x, y) / radius / radius

    return rule


atan2: Function = declare(
    Op(
        name="atan2",
        params=("y", "x"),
        summary="The angle of the point (x, y), in [−π, π].",
        notes="At the origin the partials are NaN: the angle has no limit there.",
        types=like_ufunc(np.arctan2),
        reference=np.arctan2,
        formula=lambda S, y, x: S.atan2(y, x),
        domain=((0.01, 100.0), (-100.0, 100.0)),
        partials=(_atan2_partial(lambda x, y: x), _atan2_partial(lambda x, y: -y)),
        emit=lambda e, y, x: e.call("atan2", y, x),
        notation=Notation("atan2"),
        facts=Facts(range=(-math.pi, math.pi), nan="never"),
        ufuncs=(np.arctan2,),
        sympy=("atan2",),
        ulps=1.5,
        nanoseconds=3.0,
        texts={"python": "math.atan2", "javascript": "Math.atan2"},
    )
)


def _hypot_partial(slot):
    def rule(out, x, y):
        at_origin = equal(out, 0)
        return where(at_origin, like(0, out), (x, y)[slot] / out)

    return rule


def _hypot_bounds(x: Range, y: Range) -> Range:
    """No less than either side, up to rounding."""
    least = max(0.0 if r.lo <= 0 <= r.hi else min(abs(r.lo), abs(r.hi)) for r in (x, y))
    return Range(least * (1 - 1e-6) if math.isfinite(least) else 0.0, math.inf, x.nan or y.nan)


hypot: Function = declare(
    Op(
        name="hypot",
        params=("x", "y"),
        summary="√(x² + y²) without overflow or underflow on the way; ∞ if either is infinite, even beside NaN.",
        types=like_ufunc(np.hypot),
        reference=np.hypot,
        formula=lambda S, x, y: S.sqrt(x**2 + y**2),
        domain=((-100.0, 100.0), (0.01, 100.0)),
        partials=(_hypot_partial(0), _hypot_partial(1)),
        kinks=(Kink((0.0, 0.0), (0.0, 0.0), "the mean of the derivatives around the tip of the cone"),),
        emit=lambda e, x, y: e.call("hypot", x, y),
        notation=Notation("hypot"),
        facts=Facts(commutative=True, range=(0.0, math.inf), nan="never", bounds=_hypot_bounds),
        ufuncs=(np.hypot,),
        nanoseconds=0.7,
        texts={"python": "math.hypot", "javascript": "Math.hypot"},
    )
)

__all__ = [
    "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cbrt", "cos", "cosh", "exp", "exp2", "expm1", "hypot",
    "log", "log1p", "log2", "log10", "rsqrt", "sin", "sinh", "sqrt", "tan", "tanh",
]  # fmt: skip

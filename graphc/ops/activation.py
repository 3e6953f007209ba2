"""Activations of the lectures' networks.

Each is one node with its own partial; the machine code comes from `expand`, a numerically careful form in user syntax.
"""

from __future__ import annotations

import math

import numpy as np

from graphc.ir.op import Facts, Kink, Notation, Op, lookup
from graphc.ir.types import TypeRule, floating, promoted
from graphc.ops.comparison import clip, larger, where
from graphc.ops.elementary import exp, expm1
from graphc.ops.logistic import expit, sigmoid
from graphc.ops.special import erfc
from graphc.ops.support.declare import Function, declare, like

SMOOTH = (-30.0, 30.0)
SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946
ROOT_HALF = math.sqrt(0.5)
ONE_OVER_ROOT_TAU = 1 / math.sqrt(2 * math.pi)


def _activation(name, reference, formula, partials, summary, **more):
    more.setdefault("types", TypeRule(floating))
    more.setdefault("params", ("x",))
    more.setdefault("domain", (SMOOTH,))
    more.setdefault("notation", Notation(more.pop("label", name)))
    return declare(
        Op(
            name=name,
            summary=summary,
            reference=reference,
            formula=formula,
            partials=partials,
            category="activation",
            **more,
        )
    )


def _not_positive(x):
    """x, and 0 where it is positive; of zeros the sign stays, which `np.minimum` does not promise."""
    return np.where(x > 0, x.dtype.type(0), x)


relu: Function = _activation(
    "relu", lambda x: larger(x, x.dtype.type(0)), lambda S, x: S.Max(x, 0),
    (lambda out, x: 1,),
    "The rectified linear unit [x]₊ = max(x, 0).",
    types=TypeRule(promoted), smooth_at=lambda x: x != 0, live=(lambda out, x: x > 0,),
    kinks=(Kink((0.0,), (0.0,), "the derivative on the left, as in PyTorch and JAX"),),
    expand=lambda x: where(x <= 0, like(0, x), x), notation=Notation("ReLU", None, r"\left[<0>\right]_{+}"),
    facts=Facts(idempotent=True, monotone=1, range=(0.0, math.inf), nan="never"), ulps=0.5,
)  # fmt: skip

leaky_relu: Function = _activation(
    "leaky_relu", lambda x, slope: np.where(x > 0, x, slope * x), lambda S, x, slope: S.Piecewise((x, x > 0), (slope * x, True)),
    (
        lambda out, x, slope: where(x > 0, like(1, out), slope),
        lambda out, x, slope: where(x > 0, like(0, out), x),
    ),
    "x for x > 0, slope·x elsewhere.", params=("x", "slope"), defaults=(0.01,),
    domain=(SMOOTH, (0.01, 0.5)), smooth_at=lambda x, slope: x != 0,
    kinks=(Kink((0.0, 0.1), (0.1, 0.0), "the derivative on the left"),),
    expand=lambda x, slope: where(x > 0, x, slope * x), label="leaky ReLU", ulps=0.5,
)  # fmt: skip

elu: Function = _activation(
    "elu", lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(_not_positive(x))),
    lambda S, x, alpha: S.Piecewise((x, x > 0), (alpha * (S.exp(x) - 1), True)),
    (
        lambda out, x, alpha: where(x > 0, like(1, out), alpha * exp(x)),
        lambda out, x, alpha: where(x > 0, like(0, out), expm1(x)),
    ),
    "x for x > 0, alpha·(eˣ − 1) elsewhere.", params=("x", "alpha"), defaults=(1.0,),
    domain=(SMOOTH, (0.5, 2.0)), smooth_at=lambda x, alpha: x != 0,
    kinks=(Kink((0.0, 1.0), (1.0, 0.0), "the derivative on the left; at alpha = 1 there is no kink"),),
    expand=lambda x, alpha: where(x > 0, x, alpha * expm1(x)), label="ELU", ulps=2.0,
)  # fmt: skip

selu: Function = _activation(
    "selu",
    lambda x: x.dtype.type(SELU_SCALE) * np.where(x > 0, x, x.dtype.type(SELU_ALPHA) * np.expm1(_not_positive(x))),
    lambda S, x: S.Piecewise(
        (S.Float(SELU_SCALE) * x, x > 0), (S.Float(SELU_SCALE) * S.Float(SELU_ALPHA) * (S.exp(x) - 1), True)
    ),
    (lambda out, x: where(x > 0, like(SELU_SCALE, out), SELU_SCALE * SELU_ALPHA * exp(x)),),
    "The self-normalising ELU (Klambauer et al., 2017).", smooth_at=lambda x: x != 0,
    kinks=(Kink((0.0,), (SELU_SCALE * SELU_ALPHA,), "the derivative on the left"),),
    expand=lambda x: SELU_SCALE * where(x > 0, x, SELU_ALPHA * expm1(x)), label="SELU",
    facts=Facts(monotone=1, nan="never"), ulps=3.0,
)  # fmt: skip


silu: Function = _activation(
    "silu", lambda x: x * expit(x), lambda S, x: x / (1 + S.exp(-x)),
    (lambda out, x: sigmoid(x) * (1 + x * (1 - sigmoid(x))),),
    "x·σ(x), also called swish; NaN at −∞, as the product is.", expand=lambda x: x * sigmoid(x), label="SiLU", ulps=4.0,
)  # fmt: skip


def _gelu_reference(x):
    return x.dtype.type(0.5) * x * lookup("erfc").reference(-x * x.dtype.type(ROOT_HALF))


gelu: Function = _activation(
    "gelu", _gelu_reference, lambda S, x: x * S.erfc(-x / S.sqrt(2)) / 2,
    (lambda out, x: 0.5 * erfc(-ROOT_HALF * x) + ONE_OVER_ROOT_TAU * (x * exp(-0.5 * (x * x))),),
    "x·Φ(x) with the normal distribution function Φ (Hendrycks and Gimpel, 2016), in its exact form.",
    domain=((-5.0, 5.0),), expand=lambda x: 0.5 * x * erfc(-ROOT_HALF * x), label="GELU",
    notes="The argument of erfc is rounded, so the relative error grows with x² in the left tail.", ulps=40.0,
)  # fmt: skip


softsign: Function = _activation(
    "softsign", lambda x: x / (1 + np.abs(x)), lambda S, x: x / (1 + S.Abs(x)),
    (lambda out, x: 1 / ((1 + abs(x)) * (1 + abs(x))),), "x/(1 + |x|).",
    smooth_at=lambda x: x != 0, expand=lambda x: x / (1 + abs(x)),
    facts=Facts(parity="odd", monotone=1, range=(-1.0, 1.0), nan="infinite"), ulps=1.5,
)  # fmt: skip

hard_tanh: Function = _activation(
    "hard_tanh", lambda x: np.minimum(np.maximum(x, x.dtype.type(-1)), x.dtype.type(1)), lambda S, x: S.Min(S.Max(x, -1), 1),
    (lambda out, x: 1,),
    "x limited to [−1, 1].",
    domain=((-3.0, 3.0),), smooth_at=lambda x: x not in (-1, 1),
    live=(lambda out, x: (x >= -1) & (x <= 1),),
    kinks=(
        Kink((1.0,), (1.0,), "the ends belong to the linear part"),
        Kink((-1.0,), (1.0,), "the ends belong to the linear part"),
    ),
    expand=lambda x: clip(x, -1, 1), label="hard tanh",
    facts=Facts(idempotent=True, parity="odd", monotone=1, range=(-1.0, 1.0), nan="never"), ulps=0.5,
)  # fmt: skip

__all__ = [
    "elu", "gelu", "hard_tanh", "leaky_relu", "relu", "selu", "silu", "softsign",
]  # fmt: skip

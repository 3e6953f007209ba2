"""Texts that graphc reads: how a hostile one is made, and how it is read."""

# ruff: noqa: E501  a row of a table is a line

from __future__ import annotations

import random
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import graphc as g
from graphc.errors import FormatError
from graphc.viz.math_text import Math
from graphc.viz.player import mathml
from tests.fuzz.mutations import mutate_text

FORMULAS = (
    "log(1/(exp(-(x*w + b)) + 1))", "0 < x < 1 and y != 0", "where(x > 0, x, -x)", "sum(X, axis=(0, 1), keepdims=True)", "X[0, 1:3, ::2]",
    "einsum(\"ij,jk->ik\", X, Y)", "reshape(X, (n, 2*m + 1))", "astype(x, float32) + float32(0.5)", "a if x > 0 else b", "X.T @ Y", "2**-3 + 10**2",
    "min(x, y, z)", "at_set(X[0], v)", "pad(X, ((1, 0), (2, 3)), 1.5)", "concat(X, Y, axis=-1)", "polygamma(1, x)", "maxout(x, 2*x, 1 - x)",
    "clip(x, low=0, high=1)", "norm(X, 2, axis=0)", "arange(n) + linspace(0.0, 1.0, 5)", "~(x > 0) & (y < 1) | (z == 2) ^ (x != y)", "softmax(X)[0]",
)  # fmt: skip


@cache
def _names() -> tuple[str, ...]:
    return (*g.operations(), "min", "max", "maxout", "astype", "float32", "at", "n", "x", "X", "None", "inf")


def _random_formula(rng: random.Random, depth: int = 0) -> str:
    """A text of the grammar, more or less: operations of the registry on operands of any number and kind."""
    if depth > 3 or rng.random() < 0.2:
        return rng.choice(
            (
                "x",
                "n",
                "X",
                "0",
                "1",
                "-1",
                "2.5",
                "10**9",
                "None",
                "inf",
                "nan",
                "True",
                "pi",
                '"ij->j"',
                "(1, 2)",
                "(n, -1)",
                "()",
                "9" * 30,
            )
        )
    inner = [_random_formula(rng, depth + 1) for _ in range(rng.randrange(4))]
    match rng.randrange(6):
        case 0 if len(inner) > 1:
            return f"({inner[0]} {rng.choice('+ - * / // % ** @ < <= == & | ^'.split())} {inner[1]})"
        case 1 if inner:
            return f"{rng.choice('-~+')}{inner[0]}"
        case 2 if inner:
            return f"{inner[0]}[{', '.join(inner[1:]) or ':'}]"
        case 3 if inner:
            keyword = rng.choice(("axis", "shape", "keepdims", "dtype", "x", "k", "ord", "side", "indices"))
            return f"{rng.choice(_names())}({', '.join([*inner[1:], f'{keyword}={inner[0]}'])})"
        case _:
            return f"{rng.choice(_names())}({', '.join(inner)})"


def formula(rng: random.Random) -> str:
    if rng.random() < 0.5:
        return _random_formula(rng) if rng.random() < 0.7 else mutate_text(_random_formula(rng), rng)
    return mutate_text(rng.choice(FORMULAS), rng)


LATEX = (
    r"\frac{1}{1+e^{-x}}", r"\sin^2 x \cos x", r"\sum_{i=1}^{3} x_i^2", r"\begin{cases} x & x>0 \\ 0 & \text{otherwise} \end{cases}",
    r"\left|\sqrt[3]{x}\right|", r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}^T", r"\frac{\partial^2}{\partial x^2} x^3", r"\binom{n}{k} k!",
)  # fmt: skip


def latex(rng: random.Random) -> str:
    """Formulas put into each other, and damaged."""
    text = rng.choice(LATEX)
    for _ in range(rng.randrange(3)):
        text = text.replace("x", "{" + rng.choice(LATEX) + "}", 1)
    return mutate_text(text, rng) if rng.random() < 0.7 else text


def parse(text: str) -> None:
    g.parse(text)


def parse_declared(text: str) -> None:
    """With symbols that are arrays, so that more of the operations are reached."""
    A = g.symbol("X", shape=("n", 4))
    g.parse(
        text,
        symbols={
            "x": g.symbol("x"),
            "X": A,
            "Y": A.T,
            "n": g.symbol("n", dtype="int64"),
            "v": g.symbol("v", shape=4),
            "y": g.symbol("y", dtype="float32"),
        },
    )


def rule(text: str) -> None:
    if "fuzzed" in [rule.name for rule in g.rules()]:
        g.forget_rule("fuzzed")
    pattern, _, replacement = text.partition("→")
    g.rule("fuzzed", pattern, replacement)


def rule_texts(rng: random.Random) -> str:
    pattern, replacement = rng.choice(
        (
            ("log(exp(a))", "a"),
            ("a*b + a*c", "a*(b + c)"),
            ("sqrt(a*a)", "abs(a)"),
            ("exp(a)*exp(b)", "exp(a + b)"),
        )
    )
    changed = rng.random() < 0.5
    return f"{mutate_text(pattern, rng) if changed else pattern}→{replacement if changed else mutate_text(replacement, rng)}"


def reading(parse: Callable[[str], Any]) -> Callable[[str], None]:
    """A reader whose word for a text that is none is ValueError, which the command line turns into its own."""

    def read(text: str) -> None:
        try:
            parse(text)
        except ValueError as error:
            raise FormatError(str(error)) from error

    return read


def mutated(*valid: str) -> Callable[[random.Random], str]:
    return lambda rng: mutate_text(rng.choice(valid), rng)


def einsum(spec: str) -> None:
    A = g.symbol("A", shape=(3, 3))
    g.einsum(spec, A, A)


def shape(text: str) -> None:
    g.symbol("x", shape=(text,))


def read_mathml(text: str) -> None:
    mathml.plain(Math(text, text))


# --- SymPy --------------------------------------------------------------------------------------------------------------------


@cache
def _sympy_parts() -> tuple[list[Any], list[Any]]:
    import sympy as S

    x, y, n = S.Symbol("x"), S.Symbol("y", positive=True), S.Symbol("n", integer=True)
    leaves = [
        x, y, n, S.Integer(0), S.Integer(1), S.Integer(-1), S.Integer(10) ** 400, S.Rational(1, 3), S.Float("1e-500"), S.Float("1e500"), S.pi, S.E, S.I, S.oo, -S.oo,
        S.zoo, S.nan, S.true, S.false, S.GoldenRatio, S.Symbol(""), S.Symbol("a b"), S.Dummy(), S.Float(2, 100), S.EulerGamma, S.Symbol("x", real=True),
    ]  # fmt: skip
    functions = [
        S.sin, S.tan, S.sec, S.asin, S.exp, S.log, S.gamma, S.loggamma, S.erf, S.Abs, S.sign, S.floor, S.ceiling, S.Heaviside, S.DiracDelta, S.sinc, S.re, S.zeta,
        S.polygamma, S.beta, S.besselj, S.Max, S.Min, S.atan2, S.Mod, S.Add, S.Mul, S.Pow, S.And, S.Or, S.Xor, S.Not, S.Gt, S.Le, S.Eq, S.Ne, S.factorial, S.binomial,
        S.Derivative, S.Integral, S.Sum, S.Limit, S.Piecewise, S.ITE, S.Function("f"), S.Lambda, S.Tuple, S.Interval, S.Matrix, S.uppergamma, S.LambertW, S.root, S.cbrt,
        S.conjugate, S.arg, S.Subs, S.Order, S.Contains, S.Union, S.MatrixSymbol, S.IndexedBase, S.Indexed, S.KroneckerDelta, S.LeviCivita, S.Poly,
    ]  # fmt: skip
    return leaves, functions


def sympy_tree(rng: random.Random) -> Any:
    """A random SymPy expression; SymPy's own refusals are tried again."""
    leaves, functions = _sympy_parts()

    def made(depth: int) -> Any:
        if depth > 3 or rng.random() < 0.25:
            return rng.choice(leaves)
        function = rng.choice(functions)
        parts = [made(depth + 1) for _ in range(rng.choice((1, 1, 2, 2, 3)))]
        keywords = {"evaluate": False} if rng.random() < 0.3 else {}
        try:
            return function(*parts, **keywords)
        except Exception:  # SymPy's: nothing that is read here
            return parts[0]

    return made(0)


def from_sympy(tree: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a DiracDelta, which becomes 0
        g.from_sympy(tree)


__all__ = [
    "einsum",
    "formula",
    "from_sympy",
    "latex",
    "mutated",
    "parse",
    "parse_declared",
    "read_mathml",
    "reading",
    "rule",
    "rule_texts",
    "shape",
    "sympy_tree",
]

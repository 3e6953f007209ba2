"""What LaTeX's commands mean: letters, functions, brackets, relations, and what is refused by name."""

from __future__ import annotations

from typing import Any

from graphc.ir.expr import Expr, apply, cast

GREEK = frozenset(
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi rho varrho sigma tau upsilon "
    "phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega ell hbar".split()
)

FUNCTIONS = {
    name: name for name in "sin cos tan sinh cosh tanh exp log erf erfc sigmoid sign softplus relu digamma gamma lgamma".split()
} | {
    "ln": "log", "arcsin": "asin", "arccos": "acos", "arctan": "atan", "asin": "asin", "acos": "acos", "atan": "atan",
    "arsinh": "asinh", "arcosh": "acosh", "artanh": "atanh", "asinh": "asinh", "acosh": "acosh", "atanh": "atanh", "lg": "log10",
    "sgn": "sign", "floor": "floor", "ceil": "ceil", "max": "maximum", "min": "minimum", "abs": "abs",
    "det": "det", "tr": "trace",
}  # fmt: skip

RECIPROCALS = {"sec": "cos", "csc": "sin", "cot": "tan", "sech": "cosh", "csch": "sinh", "coth": "tanh"}

INVERSES = {"sin": "asin", "cos": "acos", "tan": "atan", "sinh": "asinh", "cosh": "acosh", "tanh": "atanh"}

RELATIONS = {"<": "less", ">": "greater", "\\le": "less_equal", "\\ge": "greater_equal", "\\ne": "not_equal", "=": "equal",
              "\\lt": "less", "\\gt": "greater"}  # fmt: skip

ACCENTS = ("\\hat", "\\bar", "\\tilde", "\\dot", "\\ddot")

APPLIED = {"Gamma": "gamma", "zeta": "zeta", "Phi": "ndtr", "B": "beta"}
"""What a name is before a bracket, where it is not declared: Γ(x), ζ(x), the normal distribution Φ(x), B(a, b)."""

BELOW = {"\\" + name: name for name in "max min infty parallel perp odot star dagger sup inf".split()} | {
    "*": "star"
}
"""What stands below a name as a part of it: V_{\\max}, x_*."""

TYPES = ("\\mathrm", "\\mathbf")

CLOSE = {"(": ")", "[": "]", "{": "}", "\\{": "\\}", "\\lvert": "\\rvert", "\\lVert": "\\rVert", "\\lfloor": "\\rfloor",
          "\\lceil": "\\rceil", "|": "|", "\\|": "\\|", "\\langle": "\\rangle", "\\vert": "\\vert"}  # fmt: skip

NOT_YET = {
    "\\int": ("an integral", "scipy.integrate.quad(f.lowlevel, a, b) integrates a compiled integrand"),
    "\\iint": ("an integral", "scipy.integrate.nquad integrates a compiled integrand"),
    "\\oint": ("an integral", "scipy.integrate.quad integrates a compiled integrand"),
    "\\lim": ("a limit", "write the expression at its limit"), "\\pm": ("±, which stands for two formulas,", "write + or -"),
    "\\mp": ("∓, which stands for two formulas,", "write + or -"), "\\dots": ("an ellipsis", "write \\sum_{i=1}^{n}"),
    "\\ldots": ("an ellipsis", "write \\sum_{i=1}^{n}"), "\\cdots": ("an ellipsis", "write \\sum_{i=1}^{n}"),
    "\\nabla": ("∇", "g.grad differentiates the expression"), "\\mod": ("\\mod", "build it with g.mod"),
    "\\iiint": ("an integral", "scipy.integrate.nquad integrates a compiled integrand"),
    "\\forall": ("a quantifier", "write the formula alone"), "\\exists": ("a quantifier", "write the formula alone"),
    "\\equiv": ("a congruence", "write a \\bmod n for the remainder"), "\\pmod": ("a congruence", "write a \\bmod n"),
    "\\approx": ("≈", "write \\le, = or the side that is to be computed"), "\\sim": ("∼", "write the density or the formula"),
    "\\propto": ("∝", "write the factor, too"), "\\implies": ("an implication", "write the formula alone"),
    "\\Rightarrow": ("an implication", "write the formula alone"), "\\iff": ("an equivalence", "write the formula alone"),
    "\\underbrace": ("a brace", "write what is above it alone"), "\\overbrace": ("a brace", "write what is below it alone"),
    "\\overline": ("a line over a formula", "write \\bar{x} for a name"), "\\sup": ("a supremum", "g.max takes arrays"),
    "\\inf": ("an infimum", "g.min takes arrays"), "\\argmin": ("a minimiser", "g.minimize finds it"),
    "\\argmax": ("a maximiser", "g.minimize(-f, …) finds it"), "\\otimes": ("⊗", "g.outer(a, b) is the outer product"),
    "\\oplus": ("⊕", "write the formula that it stands for"), "\\circ": ("a composition", "write f(g(x)) as one formula"),
    "\\cup": ("a set", "write the formula alone"), "\\cap": ("a set", "write the formula alone"),
    "\\subset": ("a set", "write the formula alone"), "\\mapsto": ("an arrow", "write the formula alone"),
    "\\Re": ("a real part", "all numbers are real"), "\\Im": ("an imaginary part", "all numbers are real"),
    "\\top": ("the transpose of what is not declared with axes", 'symbols=[g.symbol("x", shape=3)] declares it'),
    "\\dagger": ("an adjoint", "write ^T"), "\\atop": ("\\atop", "write {n \\choose k} or \\frac{a}{b}"),
    "\\in": ("a set", "write the formula alone"), "\\to": ("an arrow", "write the formula alone"),
}  # fmt: skip


def times(a: Expr, b: Expr) -> Any:
    return a @ b if a.shape and b.shape else a * b


def literal(exponent: Expr) -> Any:
    """A whole exponent as an int, so that powers print and round as they are written."""
    if exponent.is_constant and float(exponent.value).is_integer() and abs(float(exponent.value)) < 2**31:
        return int(exponent.value)
    return exponent


def on_array(op: Any, x: Expr) -> Expr:
    return apply(op, x, attrs=(0,)) if op.name == "trace" else apply(op, x)


def place(index: int | Expr | None) -> Any:
    """A place counted from 1, as one counted from 0."""
    return (cast(index, "int64") if isinstance(index, Expr) else index or 0) - 1


__all__ = [
    "ACCENTS",
    "APPLIED",
    "BELOW",
    "CLOSE",
    "FUNCTIONS",
    "GREEK",
    "INVERSES",
    "NOT_YET",
    "RECIPROCALS",
    "RELATIONS",
    "TYPES",
    "literal",
    "on_array",
    "place",
    "times",
]  # fmt: skip

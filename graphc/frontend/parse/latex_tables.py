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

TYPES = ("\\mathrm", "\\mathbf")

CLOSE = {"(": ")", "[": "]", "{": "}", "\\{": "\\}", "\\lvert": "\\rvert", "\\lVert": "\\rVert", "\\lfloor": "\\rfloor",
          "\\lceil": "\\rceil", "|": "|", "\\|": "\\|", "\\langle": "\\rangle", "\\vert": "\\vert"}  # fmt: skip

NOT_YET = {
    "\\int": ("an integral", "scipy.integrate.quad(f.lowlevel, a, b) integrates a compiled integrand"),
    "\\iint": ("an integral", "scipy.integrate.nquad integrates a compiled integrand"),
    "\\oint": ("an integral", "scipy.integrate.quad integrates a compiled integrand"),
    "\\lim": ("a limit", "write the expression at its limit"), "\\pm": ("± stands for two formulas", "write + or -"),
    "\\mp": ("∓ stands for two formulas", "write + or -"), "\\dots": ("an ellipsis", "write \\sum_{i=1}^{n}"),
    "\\ldots": ("an ellipsis", "write \\sum_{i=1}^{n}"), "\\cdots": ("an ellipsis", "write \\sum_{i=1}^{n}"),
    "\\nabla": ("∇", "g.grad differentiates the expression"), "\\mod": ("\\mod", "build it with g.mod"),
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

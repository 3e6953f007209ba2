"""Writes docs/ops.md, the reference of all operations, from their declarations.

Run: python docs/make_ops.py           (a test holds that the page is current)
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np

from graphc.errors import DtypeError
from graphc.ir.attribute_text import show
from graphc.ir.expr import Expr, apply, cast, symbol
from graphc.ir.op import NO_DEFAULT, NoPartial, Op, all_ops, array_ops
from graphc.ir.types import as_dtype

PAGE = Path(__file__).with_name("ops.md")

HEAD = """# The operations

Written by `python docs/make_ops.py` from the declarations in `graphc/ops`; edit those instead.

Every operation is a function of the package, `g.exp(x)`, and has the same name in text, `g.parse("exp(x)")`.
Operands are expressions, Python numbers (weakly typed, as in NumPy 2) or NumPy arrays, by position or by name;
shapes broadcast. If an operator or a NumPy function builds the operation, it is listed too.

In the derivatives, `out` is the result of the operation. A derivative with a condition belongs to a branch: where the
condition does not hold it is 0, whatever the value of the branch not taken. Elements that an index, a triangle, a pool or any
other operation does not use have the derivative 0 as well, even where the derivative of the element itself is infinite. Every
comparison with NaN is false, so NaN is never selected: for a NaN operand the derivative of `max`, `min`, `maximum`,
`minimum`, `clip`, `relu`, the norm of order inf, pools and `sort` is 0 (the value is NaN), and `where(x > 0, …)` takes the
other branch. Derivatives of functions without a selection are NaN at NaN. "Error" bounds the machine code for float64, in
units in the last place of the exact result. "Types" lists the result types for float32, float64, int64 and bool operands, in
this order; × means that the type is not accepted. Long derivatives are truncated here; `g.grad(g.exprel(x), x)` has them
whole.
"""

LONGEST = 160
"""Characters of a derivative that are shown."""

TITLES = {
    "elementwise": "Arithmetic and elementary functions",
    "comparison": "Comparisons",
    "logic": "Logic",
    "choice": "Choices",
    "rounding": "Rounding",
    "logistic": "The logistic family",
    "activation": "Activations",
    "special": "Special functions",
}

ARRAY_HEAD = """## Operations on arrays

These work on whole arrays. Lengths may have names, `g.symbol("X", shape=("n", 784))`: within a call, each name stands for one
length, and `X.shape[0]*2` or `"2*n"` is computed from it. Shapes are checked where the expression is written. `axis=` is an
int, a tuple, or None for all axes. Each operation declares its reverse-mode derivative, from which forward mode follows.
Matrices are the last two axes; axes before them are batch axes. `g.evaluate` and `Graph.forward` evaluate them, `g.compile`
compiles them; NumPy's function of the same name builds them, as in `np.sum(X)`.
"""

ARRAY_TITLES = {
    "reduction": "Reductions",
    "shape": "Shapes",
    "product": "Products",
    "indexing": "Indexing and order",
    "linear algebra": "Linear algebra",
    "convolution": "Convolution and pooling",
}

PROBES = ("float32", "float64", "int64", "bool")


def sample(op: Op) -> tuple[Expr, list[Expr]]:
    """The operation on symbols of the first types that it takes, float64 preferred."""
    for dtypes in itertools.product(("float64", "bool", "int64"), repeat=op.arity):
        operands = [symbol(name, dtype=dtype) for name, dtype in zip(op.params, dtypes, strict=True)]
        try:
            return (cast(*operands, "float64") if op.name == "astype" else apply(op, *operands)), operands
        except DtypeError:
            continue
    raise AssertionError(f"{op.name} takes no types")


def derivatives(op: Op) -> str:
    if op.partials is None:
        return "–"
    result, operands = sample(op)
    out = symbol("out", dtype=result.dtype)
    parts = []
    for slot, (name, partial) in enumerate(zip(op.params, op.partials, strict=True)):
        if isinstance(partial, NoPartial):
            parts.append(f"∂/∂{name}: none, {partial.reason}")
            continue
        text = "0" if partial is None else str(partial(out, *operands))
        text = text if len(text) <= LONGEST else f"{text[:LONGEST]} …"
        live = op.live[slot] if op.live is not None else None
        condition = "" if live is None else f" where {code(str(live(out, *operands)))}"
        parts.append(f"∂/∂{name}: {code(text)}{condition}")
    return "<br>".join(parts)


def types(op: Op) -> str:
    if op.name == "astype":
        return "the type asked for"
    first, operands = sample(op)
    fixed = {slot for slot, operand in enumerate(operands) if operand.dtype != np.float64}
    if len(fixed) == op.arity:
        return f"{operands[0].dtype} → {first.dtype}"
    results = []
    for probe in PROBES:
        dtypes = tuple(operands[i].dtype if i in fixed else as_dtype(probe) for i in range(op.arity))
        try:
            results.append(op.types(dtypes)[1].name)
        except DtypeError:
            results.append("×")
    return ", ".join(results)


def code(text: str) -> str:
    """Text as code inside a table, where a bar would end the cell."""
    return f"`{text}`".replace("|", "\\|")


def written(op: Op) -> str:
    defaults = dict(zip(op.params[op.arity - len(op.defaults) :], op.defaults, strict=True))
    params = ", ".join(f"{name}={defaults[name]:g}" if name in defaults else name for name in op.params)
    call = "astype(x, dtype)" if op.name == "astype" else f"{op.name}({params})"
    forms = [code(call)]
    if op.operator and op.operator != call:
        # between expressions == compares identity, so that they can be keys of dicts
        forms.append(code(op.operator) + (" in text" if op.name in ("equal", "not_equal") else ""))
    forms += [code(f"np.{ufunc.__name__}") for ufunc in dict.fromkeys(op.ufuncs)]
    return "<br>".join(forms)


def error(op: Op) -> str:
    if op.category in ("comparison", "logic"):
        return "exact"
    return f"{op.ulps:g}" + (" of the larger operand" if op.ulps_of_operands else "")


def array_call(op: Op) -> str:
    """How an operation on arrays is written, with its static arguments."""
    operands = [f"*{param}" if op.variadic else param for param in op.params]
    texts = [known.name for known in op.attributes if known.text]
    static = [
        known.name if known.default is NO_DEFAULT else f"{known.name}={show(known.default)}"
        for known in op.attributes
        if not known.text
    ]
    forms = [f"{op.name}({', '.join([*texts, *operands, *static])})"]
    if op.name in UPDATES:
        forms = [UPDATES[op.name]]
    elif op.operator:
        forms.append(op.operator)
    return "<br>".join(code(form) for form in forms)


UPDATES = {"at_set": "x.at[i].set(v)", "at_add": "x.at[i].add(v)"}


def array_section() -> list[str]:
    """The operations on arrays."""
    lines = [ARRAY_HEAD]
    ops = [op for op in array_ops() if not op.user_defined]
    for category, title in ARRAY_TITLES.items():
        lines += [f"## {title}", "", "| written | meaning | derivative |", "| --- | --- | --- |"]
        for op in ops:
            if op.category == category:
                kind = {"jointly": "linear", "each": "linear in each operand"}.get(op.linear or "", "yes")
                meaning = f"{op.summary} {op.notes}".strip()
                lines.append(f"| {array_call(op)} | {meaning} | {kind if op.differentiable else '–'} |")
        lines.append("")
    return lines


def page() -> str:
    """The whole reference as Markdown."""
    sections: dict[str, list[Op]] = {}
    for op in all_ops():
        if not op.user_defined:
            sections.setdefault(op.category, []).append(op)
    titles = {
        category: TITLES.get(category, category.capitalize())
        for category in [*TITLES, *(name for name in sections if name not in TITLES)]
    }
    listed = [*titles.values(), "Operations on arrays", *ARRAY_TITLES.values()]
    lines = [HEAD, *(f"- [{title}](#{title.lower().replace(' ', '-')})" for title in listed), ""]
    for category, title in titles.items():
        lines += [f"## {title}", ""]
        lines += ["| written | meaning | derivative | types | error |", "| --- | --- | --- | --- | --- |"]
        for op in sections[category]:
            meaning = op.summary.replace("|", "\\|")
            lines.append(f"| {written(op)} | {meaning} | {derivatives(op)} | {types(op)} | {error(op)} |")
        lines.append("")
        for op in sections[category]:
            remarks = [op.notes] if op.notes else []
            for kink in op.kinks:
                at = ", ".join(f"{name} = {value:g}" for name, value in zip(op.params, kink.at, strict=True))
                values = ", ".join(f"{value:g}" for value in kink.partials)
                plural = "s are" if len(kink.partials) > 1 else " is"
                remarks.append(f"At {at} the derivative{plural} {values}: {kink.why}.")
            if remarks:
                lines.append(f"- `{op.name}`: {' '.join(remarks)}")
        if lines[-1]:
            lines.append("")
    lines += array_section()
    lines += [
        "`g.zeros`, `g.ones`, `g.full` and `…_like` are `broadcast_to` of a number; `g.take`, `g.take_along_axis` and `g.split`",
        "build index operations; `g.dot`, `g.slogdet`, `g.qr`, `g.eigh` and `g.svd` have NumPy's interface.",
        "",
        "`g.sici`, `g.shichi` and `g.airy` return the operations above like SciPy's functions of the same names;",
        "`g.eval_legendre(n, x)`, `g.eval_hermite(n, x)` and `g.multigammaln(a, d)`, of a degree or dimension that is a number,",
        "are formulas of operations. So are NumPy's `heaviside`, `copysign`, `fmod`, `fmax`, `fmin`, `nan_to_num`, `deg2rad`,",
        "`rad2deg`, `select`, `piecewise`, `polyval`, `interp`, `diff`, `cross`, `trapezoid`, `average`, `cov`, `corrcoef`,",
        "`pinv`, `lstsq`; `g.cubic_spline(x, xp, fp)` and `g.piecewise_polynomial(x, c, breaks)` are SciPy's. NumPy's and",
        "SciPy's functions build them when they are called with an expression, as in `scipy.special.ndtr(x)`.",
        "",
        "`python -m tests.benchmarks.special` prints the errors of special functions and their first two derivatives, compared",
        "with mpmath. Functions that call compiled SciPy functions cannot be exported; the error names them.",
        "",
        "`g.maxout(x, y, …)` is the largest of any number of expressions, built from `maximum`. `g.define_op` adds",
        "user-defined operations, which behave like these.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}")

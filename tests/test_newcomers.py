"""What people write who know NumPy, PyTorch or SymPy and not yet this library: every refusal says what to write instead."""

from __future__ import annotations

import decimal
import fractions

import numpy as np
import pytest

import graphc as g
from graphc.errors import GraphcError

x, y = g.symbols("x y")
X = g.symbol("X", shape=("n", 3))
W = g.symbol("W", shape=(3, 2))
f = g.compile(x * y + 1, [x, y])

REFUSED = {
    "builtin max": (lambda: max(x, y), "g.maximum"),
    "an array of expressions": (lambda: np.asarray([x, y]), "g.stack"),
    "a format": (lambda: f"{x:.3f}", "g.evaluate"),
    "a function": (lambda: g.compile(lambda a: a), "g.function"),
    "a number differentiated": (lambda: g.grad(3, x), "g.astype"),
    "a text differentiated": (lambda: g.grad("x*y", x), "g.parse"),
    "a matrix differentiated": (lambda: g.grad(X @ W, W), "g.jacobian"),
    "an open length as in Keras": (lambda: g.symbol("q", shape=(None, 2)), r'shape=\("n", 3\)'),
    "an open length as in NumPy": (lambda: g.symbol("q", shape=(-1, 2)), r'shape=\("n", 3\)'),
    "an element of a number": (lambda: x[0], "shape="),
    "a text as an index": (lambda: X["a"], r"x\[0\]"),
    "a float as an index": (lambda: W[1.0], r"x\[0\]"),
    "a fraction": (lambda: f(fractions.Fraction(1, 3), 1), r"float\(value\)"),
    "masked elements": (lambda: f(np.ma.array([1.0, 2.0], mask=[0, 1]), 1), "filled"),
    "a function searched from nowhere": (lambda: g.argmin(lambda a: (a - x) ** 2), r"g\.argmin\(f, 0\.0\)"),
    "a checkpoint of fewer": (lambda: g.checkpoint(lambda a, b: a * b)(x), "arguments of the function"),
    "a batch by a name it has not": (lambda: g.vmap(lambda a: a)(X, b=X), "arguments of the function"),
    "a tangent of another shape": (lambda: g.hvp(g.sum(W * W), W, np.ones(2)), "of that shape"),
    "a seed of another shape": (lambda: g.vjp(W * 2, W, np.ones(5)), "the output's shape"),
    "no branches": (lambda: g.switch(0, [], x), "lambda"),
    "a branch by a float": (lambda: g.switch(1.5, [g.sin, g.cos], x), "int64"),
    "no threads": (lambda: g.set_num_threads(0), "calling thread"),
    "an input twice": (lambda: g.compile(x * y, [x, x, y]), "each once"),
    "an unknown tier": (lambda: g.compile(x * y, tier="x"), "leave tier out"),
    "rows of two lengths": (lambda: g.stack([[x, 1], [y]]), "equally long"),
    "a row beside a number": (lambda: g.stack([[x, 1], y]), "equally long"),
    "a vector beside a matrix": (lambda: g.concat([X[0], W]), "adds an axis"),
    "a matrix for SymPy": (lambda: g.to_sympy(g.sort(W)), "elements"),
    "a layer of a number": (lambda: g.nn.Model(g.nn.Affine(2), x), "examples in rows"),
    "a file that is not there": (lambda: g.load("no such file.json"), "looked up in"),
    "a decimal": (lambda: f(decimal.Decimal("0.1"), 1), r"float\(value\)"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_refusals_say_what_to_write(what):
    action, hint = REFUSED[what]
    with pytest.raises(GraphcError, match=hint) as caught:
        action()
    assert caught.value.hint is not None and caught.value.site is not None
    assert caught.value.site.filename == __file__


MESSAGES = {
    "numpy": (lambda: np.linalg.matrix_rank(X), r"np\.linalg\.matrix_rank has no counterpart"),
    "one index": (lambda: x[0], "1 index for 0 dimensions"),
    "a fraction": (lambda: f(fractions.Fraction(1, 3), 1), "got a Fraction"),
    "objects": (lambda: f(np.array([object()]), 1), "got an array of objects"),
    "one result": (lambda: f(np.ones(2), 1.0, out=[1, 2]), "2 arrays and the function has 1 result$"),
    "a function's name": (lambda: g.exp(np.vander), "a function cannot be part of an expression: vander"),
}


@pytest.mark.parametrize("what", MESSAGES)
def test_messages(what):
    action, message = MESSAGES[what]
    with pytest.raises(GraphcError) as caught:
        action()
    caught.match(message.rstrip("$"))
    assert not message.endswith("$") or caught.value.message.endswith(message.rstrip("$"))


@pytest.mark.parametrize(
    ("name", "instead"),
    [("sum", r"g\.sum\(x\)"), ("exp", r"g\.exp\(x\)"), ("dot", "x @ y"), ("grad", r"g\.grad\(x, symbol\)"),
     ("subs", r"g\.substitute"), ("reshape", r"g\.reshape\(x\)"), ("numpy", r"g\.evaluate")],
)  # fmt: skip
def test_methods_of_other_libraries(name, instead):
    with pytest.raises(AttributeError, match=rf"no attribute '{name}': write {instead}"):
        getattr(X, name)


def test_attributes_that_nothing_has():
    with pytest.raises(AttributeError, match=r"no attribute 'nonsense'$"):
        _ = x.nonsense
    for name in ("__array_interface__", "_ipython_display_", "__wrapped__", "_sum"):
        assert not hasattr(x, name)


def test_a_format_without_a_specification_is_the_text():
    assert f"{x * y}" == "x*y"


def test_what_a_console_shows_is_one_line():
    for shown in (g.check_grad(x * y, {"x": 1.0, "y": 2.0}), g.explain(x * y, at={"x": 1, "y": 2}), f):
        assert "\n" not in repr(shown) and len(repr(shown)) < 150
    assert repr(f.report()) == str(f.report()) and repr(f.report()).startswith("an element: 2 operations")
    assert repr(g.check_grad(x * y, {"x": 1.0, "y": 2.0})).startswith(
        "<GradientReport: 2 partials agree with differences"
    )


def test_a_mask_that_hides_nothing():
    assert f(np.ma.array([1.0, 2.0]), 1).tolist() == [2.0, 3.0]


def test_long_doubles_are_narrowed_by_hand():
    with pytest.raises(GraphcError, match="could lose information") as caught:
        f(np.ones(2, np.longdouble), 1)
    if np.dtype(np.longdouble).itemsize > 8:
        assert caught.value.hint == 'pass x.astype("float64")'

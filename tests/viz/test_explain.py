"""The explanation: golden text, its numbers against the lectures and against differences, and its LaTeX."""

from __future__ import annotations

import re
from decimal import Decimal

import mpmath
import numpy as np
import pytest

import graphc as g
from graphc.errors import GradientError, InputError

x, y, z, w, b = g.symbols("x y z w b")
L = g.log(1 / (g.exp(-(x * w + b)) + 1))
AT = {"x": 2, "w": -3, "b": 6}

LOG_SIGMOID = """\
L = log(1/(exp(-(x*w + b)) + 1))  at  x = 2, w = −3, b = 6

Forward
  v1 = x*w = −6
  v2 = v1 + b = 0
  v3 = -v2 = 0
  v4 = exp(v3) = 1
  v5 = v4 + 1 = 2
  v6 = 1/v5 = 0.5
  L = log(v6) = −0.693

Backward
  L = log(v6)
    receives  ∂L/∂L = 1
    computes  ∂L/∂v6 = 1/v6 = 2
    returns   ∂L/∂v6 = 1 × 2 = 2
  v6 = 1/v5
    receives  ∂L/∂v6 = 2
    computes  ∂v6/∂v5 = -v6/v5 = −0.25
    returns   ∂L/∂v5 = 2 × (−0.25) = −0.5
  v5 = v4 + 1
    receives  ∂L/∂v5 = −0.5
    computes  ∂v5/∂v4 = 1
    returns   ∂L/∂v4 = −0.5 × 1 = −0.5
  v4 = exp(v3)
    receives  ∂L/∂v4 = −0.5
    computes  ∂v4/∂v3 = v4 = 1
    returns   ∂L/∂v3 = −0.5 × 1 = −0.5
  v3 = -v2
    receives  ∂L/∂v3 = −0.5
    computes  ∂v3/∂v2 = −1
    returns   ∂L/∂v2 = −0.5 × (−1) = 0.5
  v2 = v1 + b
    receives  ∂L/∂v2 = 0.5
    computes  ∂v2/∂v1 = 1
    computes  ∂v2/∂b = 1
    returns   ∂L/∂v1 = 0.5 × 1 = 0.5
    returns   ∂L/∂b = 0.5 × 1 = 0.5
  v1 = x*w
    receives  ∂L/∂v1 = 0.5
    computes  ∂v1/∂x = w = −3
    computes  ∂v1/∂w = x = 2
    returns   ∂L/∂x = 0.5 × (−3) = −1.5
    returns   ∂L/∂w = 0.5 × 2 = 1

Gradient
  ∂L/∂x = −1.5
  ∂L/∂w = 1
  ∂L/∂b = 0.5
  ∇L = [−1.5, 1, 0.5]"""


def test_the_lectures_log_sigmoid():
    told = g.explain(L, at=AT)
    assert str(told) == LOG_SIGMOID
    assert [step.adjoint for step in told.steps] == [1, 2, -0.5, -0.5, -0.5, 0.5, 0.5]


def test_the_lectures_sum_times():
    told = g.explain((x + y) * z, at={"x": -2, "y": 5, "z": -4}, name="f")
    assert str(told).endswith("∂f/∂x = −4\n  ∂f/∂y = −4\n  ∂f/∂z = 3\n  ∇f = [−4, −4, 3]")
    assert told.steps[0].value == -12


def test_a_node_used_twice_receives_the_sum():
    text = str(g.explain(x * x, at={"x": 3}))
    assert "∂L/∂x (operand 1) = x = 3" in text
    assert text.count("returns   to x: 1 × 3 = 3") == 2
    assert "∂L/∂x = 3 + 3 = 6  (the sum over its 2 uses in L)" in text
    s = g.exp(x)
    text = str(g.explain(s * (s + y), at={"x": 0, "y": -3}))
    assert "∂L/∂v1 = −2 + 1 = −1  (the sum over its 2 uses in L, v2)" in text


def test_without_a_point_in_symbols_alone():
    told = g.explain(L)
    text = str(told)
    assert "returns   ∂L/∂v5 = ∂L/∂v6 × (-v6/v5)" in text
    assert "∂L/∂w = ∂L/∂v1 × ∂v1/∂w" in text
    assert "−" not in text  # that sign is a number's
    assert all(step.value is None and step.adjoint is None for step in told.steps)


def test_every_line_multiplies_and_every_sum_adds_up():
    """Read from the text again and computed with decimals: receives × computes = returns."""
    expr = g.sin(x) * y + g.exp(x / y) - x * g.tanh(y)
    told = g.explain(expr, at={"x": 0.7, "y": -1.3}, digits=17)
    back = str.maketrans("−⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "--0123456789")

    def number(text: str) -> Decimal:
        mantissa, _, power = text.strip("() ").partition("×10")
        return Decimal(mantissa.translate(back)).scaleb(int(power.translate(back)) if power else 0)

    products = 0
    for line in str(told).splitlines():
        if match := re.fullmatch(r" +returns .*?[=:] (\S+) × (\S+) = (\S+)", line):
            received, local, returned = map(number, match.groups())
            assert abs(received * local - returned) <= abs(returned) * Decimal(2) ** -50
            products += 1
        elif match := re.search(r" = (\S+ \+ .*) = (\S+)  \(the sum", line):
            terms = [number(term) for term in match[1].split(" + ")]
            assert abs(sum(terms) - number(match[2])) <= max(map(abs, terms)) * Decimal(2) ** -50
    assert products == sum(len(step.uses) for step in told.steps) == 13


def test_local_derivatives_are_those_of_mpmath():
    functions = {
        "sin": mpmath.sin,
        "exp": mpmath.exp,
        "tanh": mpmath.tanh,
        "log": mpmath.log,
        "atan": mpmath.atan,
    }
    for name, function in functions.items():
        told = g.explain(getattr(g, name)(x), at={"x": 0.8})
        (use,) = told.steps[0].uses
        with mpmath.workdps(40):
            truth = float(mpmath.diff(function, mpmath.mpf(0.8)))
        assert abs(use.partial - truth) <= 8 * np.spacing(abs(truth))
        assert use.contribution == use.partial


def test_branches_tell_their_condition():
    text = str(g.explain(g.where(x > 0, g.log(x), y), at={"x": -1, "y": 2}))
    assert re.search(r"∂L/∂v2 = where\(v1, 1(\.0)?, 0(\.0)?\) = 0\n", text)
    assert "∇L = [0, 1]" in text
    assert "where(x > 0, " in str(g.explain(g.relu(x)))


def test_several_outputs_with_weights():
    text = str(g.explain((x * y, x + y), at={"x": 2, "y": 1}, seed=(1, 2)))
    assert text.splitlines()[0] == "v1 = x*y,  v2 = x + y,  L = 1 × v1 + 2 × v2  at  x = 2, y = 1"
    assert "∇L = [3, 4]" in text
    with pytest.raises(GradientError, match="seed"):
        g.explain((x, y))


def test_an_output_that_another_uses():
    s = g.exp(x)
    text = str(g.explain((s, s * y), at={"x": 0, "y": 5}, seed=(2, 3)))
    assert "∂L/∂v1 = 15 + 2 = 17" in text
    assert "returns   to v1: 3 × 5 = 15" in text  # a part of what v1 receives, not ∂L/∂v1


def test_a_symbol_alone_and_an_unused_input():
    assert str(g.explain(x, at={"x": 2})) == "x  at  x = 2\n\nGradient\n  ∂L/∂x = 1\n  ∇L = [1]"
    assert "∂L/∂y = 0" in str(g.explain(g.Graph(x * 2, [x, y]), at={"x": 1, "y": 1}))


def test_arrays():
    text = str(g.explain(x**2, at={"x": np.array([1.0, 2.0])}))
    assert "returns   ∂L/∂x = 1 × [2, 4] = [2, 4]" in text


def test_names_that_are_taken():
    v1, loss = g.symbol("v1"), g.symbol("L")
    text = str(g.explain(g.sin(v1) * loss, at={"v1": 0, "L": 2}))
    assert "u1 = sin(v1) = 0" in text
    assert "u2 = u1*L" in text


@pytest.mark.parametrize("name", ["a\nb", "\u202ex", "<script>", "$x$", "x" * 300, "\x00", "a_b^c\\d"])
def test_hostile_names(name):
    told = g.explain(g.sin(g.symbol(name)) * y, at={name: 1, "y": 2}, name=name)
    clean = g.explain(g.sin(x) * y, at={"x": 1, "y": 2})
    assert str(told).count("\n") == str(clean).count("\n")
    assert str(told).replace("\n", "").isprintable()
    assert told.latex().replace("\n", "").isprintable()
    assert "<script" not in told.markdown()


def balanced(latex: str) -> bool:
    depth = 0
    for token in re.findall(r"\\.|[{}]", latex):
        depth += {"{": 1, "}": -1}.get(token, 0)
        if depth < 0:
            return False
    begins, ends = re.findall(r"\\begin\{(\w+\*?)\}", latex), re.findall(r"\\end\{(\w+\*?)\}", latex)
    return depth == 0 and sorted(begins) == sorted(ends) and latex.count(r"\left") == latex.count(r"\right")


@pytest.mark.parametrize("at", [None, {"x": 1.5e-7, "y": -2}])
def test_latex_and_markdown(at):
    told = g.explain(g.where(x > 0, g.exp(x * y) / y, x**y) * g.sigmoid(x), at=at)
    latex, markdown = told.latex(), told.markdown()
    assert balanced(latex)
    assert latex.count(r"\text{receives}") == len(told.steps)
    assert markdown.count("*receives*") == len(told.steps)
    assert all(line.count("$") == 2 for line in markdown.splitlines() if "$" in line)
    if at:
        assert r"1.5\times 10^{-7}" in latex
        assert not set(latex) & set("−×∞…⁻⁰¹²³⁴⁵⁶⁷⁸⁹∂∇")
    assert told._repr_markdown_() == markdown


def test_mathtext_reads_every_formula():
    """matplotlib's reader of LaTeX mathematics, which shares no code, understands the lines."""
    from matplotlib.mathtext import MathTextParser

    parser = MathTextParser("path")
    told = g.explain(L + x**2 * g.sqrt(w), at={"x": 2, "w": 3, "b": 6e9})
    formulas = [line.split("$")[1] for line in told.markdown().splitlines() if "$" in line]
    assert len(formulas) > 30
    for formula in formulas:
        parser.parse(f"${formula}$")


def test_a_long_chain_does_not_recurse():
    node = x
    for _ in range(3000):
        node = g.sin(node)
    told = g.explain(node, at={"x": 1.0})
    assert len(told.steps) == 3000
    assert "v2999" in str(told)


def test_a_node_with_many_uses_shows_the_first_terms():
    node = x
    for number in range(1, 40):
        node = node + x * number
    text = str(g.explain(node, at={"x": 1}))
    assert "… = 781  (the sum over its 40 uses)" in text


def test_bad_arguments():
    with pytest.raises(InputError, match="name"):
        g.explain(x, name=3)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="digits"):
        g.explain(x, digits=0)
    with pytest.raises(GradientError):
        g.explain(x > 0)
    with pytest.raises(InputError, match="'x'"):
        g.explain(x, at={})


def test_the_short_form_says_what_to_do():
    assert repr(g.explain(x * y)) == "<Explanation of 1 node; print it, or .markdown(), .latex()>"


def test_arrays_receive_deltas_and_return_products_with_jacobians():
    rows, weights = g.symbol("R", shape=("batch", 3)), g.symbol("W", shape=(3, 2))
    shift = g.symbol("c", shape=2)
    loss = g.sum(g.tanh(rows @ weights + shift))
    told = str(g.explain(loss))
    for line in (
        "  v1 = R @ W  (shape (batch, 2))",
        "    receives  δ2 = ∂L/∂v2  (shape (batch, 2))",
        "    returns   ∂L/∂c = δ2 × 1  (summed over what it was broadcast to)",
        "    computes  δ1 × ∂v1/∂R = δ1 @ W.T  (vector–Jacobian product, (batch, 2) → (batch, 3))",
        "    computes  δ1 × ∂v1/∂W = R.T @ δ1  (vector–Jacobian product, (batch, 2) → (3, 2))",
        "  ∂L/∂W = δ1 × ∂v1/∂W  (shape (3, 2))",
    ):
        assert line in told.splitlines(), told
    at = {"R": np.arange(12.0).reshape(4, 3) / 10, "W": np.ones((3, 2)), "c": np.zeros(2)}
    told = str(g.explain(loss, at=at))
    slopes = 1 - np.tanh([0.3, 1.2, 2.1, 3.0]) ** 2
    rows = "; ".join(f"{slope:.3f} {slope:.3f}" for slope in slopes)
    assert f"    receives  δ2 = ∂L/∂v2 = [{rows}]" in told and "shape" not in told
    latex = g.explain(loss).latex()
    assert r"\delta_{1}" in latex and "δ" not in latex
    assert latex.count("{") == latex.count("}") and latex.count(r"\left") == latex.count(r"\right")


def test_deltas_of_outputs_that_are_arrays():
    v = g.symbol("v", shape=3)
    told = str(g.explain(g.exp(v) * 2, seed=np.ones(3)))
    assert "receives  δ" in told and "= ∂L/∂" in told
    latex = g.explain(g.exp(v) * 2, seed=np.ones(3)).latex()
    assert latex.count("{") == latex.count("}")


@pytest.mark.parametrize("size", [2, 3, 4, 6, 7])
def test_vectors_are_written_out_as_matrices_are(size):
    """Up to six elements; each is the product that NumPy finds, in the places that all of them have in common."""
    A, b = g.symbol("A", shape=(size, 3)), g.symbol("b", shape=(3,))
    a, c = np.arange(3.0 * size).reshape(size, 3) / 4 - 1, np.array([1.0, -2.5, 0.5])
    text = str(g.explain(g.sum(A @ b), {"A": a, "b": c}))
    shown = re.findall(r"v1 = A @ b = (.*)", text)[0]
    if size > 6:
        assert shown.startswith("(7,) ")
        return
    found = [float(element.replace("−", "-")) for element in shown.strip("[]").split(", ")]
    assert np.allclose(found, a @ c, rtol=0, atol=0.05)


def test_not_finite_elements_are_written_out():
    b = g.symbol("b", shape=(5,))
    text = str(g.explain(g.sum(g.log(b)), {"b": np.array([1.0, 0.0, -1.0, 4.0, np.inf])}))
    assert "v1 = log(b) = [0.00, −∞, NaN, 1.39, ∞]" in text

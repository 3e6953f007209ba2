"""The verifier and the interpreter of the loop IR: what is wrong is refused, each kind by a program written by hand."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.compiler.loops import interpreter
from graphc.compiler.loops.parser import parse
from graphc.compiler.loops.printer import text
from graphc.compiler.loops.prover import Prover
from graphc.compiler.loops.verifier import verify
from graphc.errors import InternalError, ParseError
from graphc.ir import dims

HEAD = """program f(n, k):
  input x: float64[n, k]
  input m: int64[k]
  result r: float64[n]
  workspace w: float64[n]
  check n >= 0: n is below 0
  check k >= 0: k is below 0
"""

RIGHT = """
  for i < n free parallel:
    reduce s: float64 = sum compensated:
      for j < k fixed:
        s <- x[i, j]
    w[i] = s
  for i < n free vector:
    r[i] = w[i] * 2.0
"""


def of(body: str):
    return parse(HEAD + body.strip("\n") + "\n")


def test_what_is_right_is_taken():
    program = of(RIGHT)
    assert verify(program) == () and parse(text(program)) == program
    (result,) = interpreter.run(program, {"x": np.ones((2, 3)), "m": np.zeros(3, int)}, {"n": 2, "k": 3})
    assert result.tolist() == [6, 6]


WRONG = {
    "read before it is written": "  for i < n free:\n    r[i] = w[i]",
    "never written": "  for i < n free:\n    w[i] = 1.0",
    "several passes": "  for i < n free:\n    for j < k free:\n      r[i] = x[i, j]",
    "what another one writes": "  for i < n free:\n    r[i] = 1.0\n    w[i] = (r[i - 1] if i - 1 >= 0)",
    "combined by all passes": "  reduce s: float64 = sum serial:\n    for i < n free:\n      s <- x[i, 0]\n  r[0] = s",
    "float32": "  for i < n free:\n    r[i] = 1.0:float32",
    "operands of the types": "  for i < n free:\n    r[i] = x[i, 0] + m[0]",
    "names no integer": "  for i < n free:\n    r[i] = x[i, q]",
    "2 places are named": "  for i < n free:\n    r[i] = m[i, i]",
    "its order is fixed": "  for i < n fixed parallel:\n    r[i] = 1.0",
    "index of two loops": "  for i < n fixed:\n    for i < k fixed:\n      r[i] = 1.0",
    "declares no reducer": "  reduce s: float64 = tanh serial:\n    s <- 1.0\n  for i < n free:\n    r[i] = s",
    "no operation element by element": "  for i < n free:\n    r[i] = cumsum(x[i, 0])",
    "no reduction that is open": "  for i < n free:\n    r[i] = 1.0\n  w <- 1.0",
    "a condition": "  for i < n free:\n    r[i] = 1.0\n  require x[0, 0]: no",
}


@pytest.mark.parametrize("message", WRONG)
def test_what_is_wrong_is_refused(message):
    with pytest.raises((InternalError, ParseError), match=message):
        verify(of(WRONG[message]))


OUTSIDE = [
    "x[i, 0]", "x[i, k]", "x[i + 1, 0]", "x[i - 1, 0]", "x[n - i, 0]", "x[i, i]", "(x[i - 1, 0] if i - 2 >= 0)",
    "(x[i + 1, k - 1] if n - i - 2 >= 0)",
]  # fmt: skip


@pytest.mark.parametrize("load", OUTSIDE)
def test_an_index_that_may_be_outside_is_named(load):
    """Where k may be 0, column 0 is none."""
    assert verify(of(f"  for i < n free:\n    r[i] = {load}"))


INSIDE = [
    "x[n - i - 1, j]", "x[i, k - j - 1]", "(x[i + 1, j] if n - i - 2 >= 0)", "(x[i - 1, j] if i - 1 >= 0)",
    "x[(i*k + j)//k, j]", "x[i, i + j - k*((i + j)//k)]", "(x[i - n + n//2, j] if i - n + n//2 >= 0)",
]  # fmt: skip


@pytest.mark.parametrize("load", INSIDE)
def test_an_index_that_is_inside_is_proved(load):
    body = f"  for i < n free:\n    reduce s: float64 = sum serial:\n      for j < k fixed:\n        s <- {load}\n    r[i] = s"
    assert verify(of(body)) == ()


def test_the_prover_says_nothing_that_is_false():
    """Against all values of small lengths, for random polynomials over a nest of loops."""
    rng = np.random.default_rng(3)
    atoms = ["i", "j", "n", "k", "i//2", "(i + j)//3", "i*k", "n*k", "j//k", "1", "2"]
    proved = 0
    for _ in range(600):
        terms = rng.choice(atoms, 3)
        signs = rng.integers(-2, 3, 3)
        dim = dims.parse(" + ".join(f"{sign}*({term})" for sign, term in zip(signs, terms, strict=True)))
        prover = Prover({"i": dims.parse("n"), "j": dims.parse("k")}, [dims.parse("n"), dims.parse("k")])
        if not prover.holds(dim):
            continue
        proved += 1
        for n in range(1, 5):
            for k in range(1, 5):
                for i in range(n):
                    for j in range(k):
                        assert dims.evaluate(dim, {"n": n, "k": k, "i": i, "j": j}) >= 0, str(dim)
    assert proved > 50


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("  for i < n free:\n    r[i] = x[i, k]", "outside of"),
        ("  for i < n - 1 free:\n    r[i] = 1.0", "never written"),
        ("  w[0] = 1.0\n  for i < n free:\n    r[i] = w[i]", "never written"),
    ],
)
def test_the_interpreter_watches_memory(body, message):
    with pytest.raises(InternalError, match=message):
        interpreter.run(of(body), {"x": np.ones((2, 3)), "m": np.zeros(3, int)}, {"n": 2, "k": 3})


@pytest.mark.parametrize(
    "wrong",
    [
        "", "program", "program f(n:", "program f():\n  input x: complex[]", "program f():\n  r[0] =",
        "program f():\n  r[] = nosuch(1.0)",
        "program f():\n  r[] = q", "program f():\n      r[] = 1.0", "program f():\n  r[import os] = 1.0",
        "program f():\n  for i < n:\n",
    ],
)  # fmt: skip
def test_a_text_that_is_no_program_is_refused(wrong):
    with pytest.raises(ParseError):
        parse(wrong)

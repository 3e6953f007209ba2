"""JavaScript held against the interpreter: every operation, special values, integers, random graphs. Run by node."""

from __future__ import annotations

import json
import shutil
import subprocess

import numpy as np
import pytest

import graphc as g
from graphc.compiler.targets.javascript import program
from graphc.compiler.targets.javascript_math import HELPERS
from graphc.errors import CompileError
from graphc.ir.graph import Dag
from tests.compiler.targets import javascript_cases as cases

NODE = shutil.which("node") or shutil.which("nodejs")
needs_node = pytest.mark.skipif(NODE is None, reason="no JavaScript engine on this machine: node")

x, w, b = g.symbols("x w b")


def loss():
    return g.log(1 / (g.exp(-(x * w + b)) + 1))


def answers(scripts):
    """The values of several scripts, by one process."""
    text = "\n".join(f"console.log(eval({json.dumps(script)}));" for script in scripts)
    done = subprocess.run(
        [NODE, "-"], input=text, capture_output=True, encoding="utf-8", timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()


@needs_node
def test_operations():
    for case, answer in zip(
        cases.operations(), answers([case.script for case in cases.operations()]), strict=True
    ):
        case.check(answer)


@needs_node
def test_integers():
    case = cases.integers()
    (answer,) = answers([case.script])
    case.check(answer)


@needs_node
def test_random_graphs():
    cases.check_graphs(answers)


@needs_node
def test_signs_of_zeros_and_powers_of_one():
    y = g.symbol("y")
    text = program(Dag([x**y], [x, y]))
    points = [(-0.0, 3), (-0.0, 2), (-0.0, -3), (1, "NaN"), (-1, "Infinity"), ("NaN", 0), (-8, 1 / 3)]
    listed = ", ".join(f"[{a}, {b}]" for a, b in points)
    (answer,) = answers(
        [f"[{listed}].map({text}).map(r => Object.is(r[0], -0) ? '-0' : String(r[0])).join(' ')"]
    )
    assert answer == "-0 0 -Infinity 1 1 1 NaN"


@needs_node
def test_gradients_at_the_lecture_s_point():
    text = program(Dag([loss(), *g.grad(loss(), [x, w, b])], [x, w, b]))
    (answer,) = answers([f"JSON.stringify({text}([2, -3, 6]))"])
    assert json.loads(answer) == pytest.approx([-0.6931471805599453, -1.5, 1.0, 0.5], rel=1e-15)


# --- without an engine ----------------------------------------------------------------------------------------------------


def test_only_the_functions_used_are_written():
    assert "function" not in program(Dag([loss()], [x, w, b]))
    text = program(Dag([g.erf(x)], [x]))
    assert {name for name in HELPERS if f"function {name}(" in text} == {"erf", "erfc"}


def test_names_never_become_code():
    hostile = g.symbol("]; alert(1); //</script>\n")
    text = program(Dag([hostile * 2 + 1], [hostile]))
    assert "alert" not in text and "script" not in text
    assert text == program(Dag([x * 2 + 1], [x]))


def test_operations_of_the_user_s_own():
    swish = g.define_op("swish_of_a_page", "z*sigmoid(2*z)", domain=(-5, 5))
    assert "sigmoid(" in program(Dag([swish(x)], [x]))


def test_arrays_are_refused():
    v = g.symbol("v", shape=3)
    for output in (g.sum(v), v * 2, x * np.array([1.0, 2.0])):
        with pytest.raises(CompileError, match="JavaScript"):
            program(Dag([output]))


def test_a_long_chain():
    chain = x
    for _ in range(20_000):
        chain = g.sin(chain)
    assert program(Dag([chain], [x])).count("Math.sin") == 20_000

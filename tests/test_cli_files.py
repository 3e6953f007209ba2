"""The command line: arrays at the point, files that are there, hints, the system's noise, completion.

Values are held against NumPy's on the same arrays.
"""

from __future__ import annotations

import ast
import math
import os
import re
import subprocess
import sys

import numpy as np
import pytest

from graphc.cli.output import without_noise
from tests.test_cli import ok, process, run

# The oracle of each is arithmetic by NumPy on the same arrays.
ARRAYS = {
    "sum(x)": lambda x, A: np.sum(x),
    "A@x": lambda x, A: A @ x,
    "x@x": lambda x, A: x @ x,
    "x[0]*x[1]": lambda x, A: x[0] * x[1],
    "mean(A, axis=0)*x": lambda x, A: A.mean(axis=0) * x,
    "max(A*x)": lambda x, A: np.max(A * x),
    "softmax(x)": lambda x, A: np.exp(x) / np.exp(x).sum(),
    "det(A)": lambda x, A: A[0, 0] * A[1, 1] - A[0, 1] * A[1, 0],
    "norm(A@x)": lambda x, A: np.linalg.norm(A @ x),
    "diagonal(A)": lambda x, A: np.diagonal(A),
    "A*x + 1": lambda x, A: A * x + 1,
}


@pytest.mark.parametrize("formula", ARRAYS)
def test_symbols_take_their_shapes_from_the_point(formula):
    x, A = np.array([3.0, -0.5]), np.array([[1.0, 2.0], [-4.0, 0.25]])
    at = {"A": "A=[[1,2],[-4,.25]]", "x": "x=[3,-1/2]"}
    names = [name for name in at if re.search(rf"\b{name}\b", formula)]
    text = ok("eval", formula, *(word for name in names for word in ("--at", at[name])))
    np.testing.assert_allclose(np.array(ast.literal_eval(text)), ARRAYS[formula](x, A), rtol=2**-50)


def test_options_and_formula_stand_in_any_order():
    words = ("--at", "W=[[1,2],[3,4]],x=[1,2]")
    assert ok("eval", "sum(W@x)", *words) == ok("eval", *words, "sum(W@x)") == "16\n"
    assert ok("grad", "sum((W@x)**2)", "--wrt", "x", *words) == "∂/∂x = [ 76., 108.]\n"
    assert "<svg" in ok("draw", "sum(tanh(W@x))", *words)


def test_elementwise_formulas_keep_a_derivative_for_each_element():
    assert ok("grad", "x**2", "--at", "x=[1,2]") == "∂/∂x = [2., 4.]\n"


def test_pi_is_a_number_beside_arrays_and_e_is_what_the_point_says():
    assert float(ok("eval", "sum(x)*pi", "--at", "x=[1,2]")) == 3 * math.pi
    assert float(ok("eval", "sum(x)*e", "--at", "x=[1,2],e=2")) == 6
    assert float(ok("eval", "x*e", "--at", "x=3,e=2")) == 6
    assert float(ok("eval", "x*e", "--at", "x=3")) == 3 * math.e


def test_a_file_that_is_there_is_kept(tmp_path):
    for words, name in (
        (("draw", "x*y"), "a.svg"), (("explain", "x*y"), "e.txt"), (("compile", "x*y", "--show", "llvm"), "f.ll"),
        (("play", "x*y", "--at", "x=1,y=2"), "p.html"),
    ):  # fmt: skip
        file = tmp_path / name
        file.write_text("mine", encoding="utf-8")
        refused = run(*words, "-o", str(file))
        assert (
            refused.exit_code == 1
            and "--force" in refused.stderr
            and file.read_text(encoding="utf-8") == "mine"
        )
        ok(*words, "-o", str(file), "--force")
        assert file.read_text(encoding="utf-8") != "mine"
        if name != "f.ll":  # names of functions in it are numbered
            ok(*words, "-o", str(file))  # the same content: nothing is lost


def test_plots_do_not_replace_a_file(tmp_path):
    file = tmp_path / "p.png"
    file.write_bytes(b"mine")
    for command in ("accuracy", "improve"):
        refused = run(command, "x+1-x", "--plot", str(file))
        assert refused.exit_code == 1 and "--force" in refused.stderr and file.read_bytes() == b"mine"


HINTS = {
    ("eval", "x+y", "--at", "x=1"): "--at y=…",
    ("draw", "x*w", "--page", "3x"): "--page 6.5x4",
    ("play", "x*w"): "--at x=1.0,w=1.0",
    ("draw", "x*w", "-o", "nowhere/a.svg"): "mkdir -p",
    ("grad", "A@x", "--at", "A=[[1,2],[3,4]],x=[1,2]"): "sum(…)",
}


@pytest.mark.parametrize("words", HINTS, ids=" ".join)
def test_hints_speak_of_options(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = run(*words).stderr
    assert HINTS[words] in said and "g." not in said.replace("e.g.", ""), said


@pytest.mark.parametrize("form", ["kitty", "iterm", "sixel", "blocks"])
def test_what_a_terminal_draws_goes_to_no_file(form, tmp_path):
    refused = run("draw", "x*y", "--format", form, "-o", str(tmp_path / "a.svg"))
    assert refused.exit_code == 2 and "leave -o out" in refused.stderr and not list(tmp_path.iterdir())


def test_messages_name_no_line_of_a_library():
    for words in (
        "x@y --at x=1,y=2",
        "x@y --at x=[1,2],y=[1,2,3]",
        "softmax(x) --at x=1",
        "det(A) --at A=[[1,2]]",
    ):
        said = process("eval", *words.split()).stderr
        assert "line" not in said and ".py" not in said and said.startswith("Error: ")


def test_drawing_says_nothing_of_the_fonts_of_the_system(tmp_path):
    drawn = process("draw", "x*y", "-o", str(tmp_path / "a.png"), env={"HOME": str(tmp_path / "none")})
    assert (drawn.returncode, drawn.stderr) == (0, f"wrote {tmp_path / 'a.png'}\n")


def test_what_libraries_write_past_python_is_kept_but_for_the_fonts(capfd):
    with without_noise():
        os.write(2, b"Fontconfig warning: nobody asked\nsomething broke\n")
    assert capfd.readouterr().err == "something broke\n"


def test_shells_can_complete():
    code = "from graphc.cli import main; main(prog_name='graphc')"
    wanted = {"graphc dr": "draw", "graphc draw --lay": "--layout", "graphc draw --layout d": "down"}
    for words, completed in wanted.items():
        asked = {
            "_GRAPHC_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(words.count(" ")),
        }
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **asked}
        done = subprocess.run(
            [sys.executable, "-c", code], env=env, capture_output=True, encoding="utf-8", timeout=60
        )
        assert f"plain,{completed}" in done.stdout.splitlines()

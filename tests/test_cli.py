"""The command line: what each command prints, how it refuses, and how it behaves in a pipe.

Numbers are held against arithmetic that is done here by hand; refusals against their exit code and stream.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from importlib import import_module
from xml.etree import ElementTree

import numpy as np
import pytest
from click.testing import CliRunner

import graphc as g
from graphc.analysis import bench
from graphc.cli import main
from graphc.cli.demo_command import _by_hand, display
from graphc.cli.main_group import COMMANDS
from graphc.cli.points import parse_point

LOG_SIGMOID = "log(1/(exp(-(x*w+b))+1))"
AT = "x=2,w=-3,b=6"


def run(*words, stdin=None):
    return CliRunner().invoke(main, list(words), input=stdin, prog_name="graphc")


def ok(*words, stdin=None):
    result = run(*words, stdin=stdin)
    assert result.exit_code == 0, result.output
    return result.stdout


def process(*words, **options):
    """The command as a process of its own, as a shell starts it."""
    options = {"capture_output": True, "encoding": "utf-8", "timeout": 60, **options}
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **options.pop("env", {})}
    return subprocess.run([sys.executable, "-m", "graphc", *words], env=env, **options)


# --- points --------------------------------------------------------------------------------------------------


def test_numbers_as_they_are_typed():
    assert parse_point("a=pi,b=-pi,c=1/3,d=pi/2,e=-1/8,f=[1/2, pi]") | {"f": 0} == {
        "a": math.pi, "b": -math.pi, "c": 1 / 3, "d": math.pi / 2, "e": -0.125, "f": 0,
    }  # fmt: skip
    assert parse_point("f=[1/2, pi]")["f"].tolist() == [0.5, math.pi]
    for wrong in ("x=1/0", "x=1//2", "x=1/2/3", "x=/2", "x=1/", "x=pie", "x=2pi", "x=pi*2"):
        with pytest.raises(ValueError):
            parse_point(wrong)


@pytest.mark.parametrize("tail", [" 2.5", "e", "..", "x", "/", " "])
def test_a_million_digits_are_read_in_one_pass(tail):
    """What is no number behind many digits was tried with each division of them."""
    digits = "9" * 1_000_000
    for text in (digits + tail, "1." + digits + tail, "." + digits + tail):
        try:
            value = parse_point(f"x={text}")["x"]
        except ValueError as error:
            assert len(str(error)) < 120
        else:
            assert tail == " " and value == float(text)


def test_points():
    assert parse_point("x=2,w=-3,b=6") == {"x": 2.0, "w": -3.0, "b": 6.0}
    assert parse_point(" x = 1e-3 , y=.5,z=+7.") == {"x": 1e-3, "y": 0.5, "z": 7.0}
    assert parse_point("x=-inf")["x"] == -math.inf and math.isnan(parse_point("x=nan")["x"])
    point = parse_point("x=[1, -2.5,3e2],y=4,z=[]")
    assert point["x"].tolist() == [1.0, -2.5, 300.0] and point["y"] == 4.0 and point["z"].shape == (0,)
    assert math.copysign(1, parse_point("x=-0")["x"]) == -1


def test_matrices_as_they_are_typed():
    point = parse_point("A=[[1, 2], [3, -4.5]],b=2,c=[[[1],[2]],[[pi],[1/2]]],d=[[],[]]")
    assert point["A"].tolist() == [[1, 2], [3, -4.5]] and point["b"] == 2
    assert point["c"].tolist() == [[[1], [2]], [[math.pi], [0.5]]] and point["d"].shape == (2, 0)


HOSTILE_POINTS = [
    "x=[[1],[2,3]]", "x=[[1],2]", "x=[1]]", "x=[[1]", "x=[1][2]", "x=[1],[2]", "x=]1[", "x=[1]2",
    "x=[[1],[[2]]]", "x=[,]", "x=[1,]",
    "x", "x=", "=2", "x=2,", "x=two", "x=2;w=3", "x=2,x=3", "x=1_000", "x=0x10", "x=２", "x=2j", "x=[1", "x=[1,[2]]", "x=[a]",
    "x=__import__('os').system('true')", "2=x", "x y=1", "x=1e999", "x=" + "9" * 400, "x=" + "[" * 10_000, "",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE_POINTS, ids=lambda text: text[:20] or "empty")
def test_what_is_no_point_is_wrong_usage(text):
    with pytest.raises(ValueError):
        parse_point(text)
    result = run("eval", "x", "--at", text)
    assert result.exit_code == 2 and not result.stdout
    assert "--at" in result.stderr and len(result.stderr) < 600


# --- commands ------------------------------------------------------------------------------------------------


def test_eval():
    value = float(ok("eval", LOG_SIGMOID, "--at", AT))
    assert abs(value + math.log(2)) <= math.ulp(math.log(2))
    assert ok("eval", "1/3") == "0.3333333333333333\n"
    assert ok("eval", "x > 2", "--at", "x=3") == "True\n"
    assert ok("eval", "x*y", "--at", "x=[1,2,3]", "--at", "y=2") == "[2., 4., 6.]\n"


def test_values_read_back_as_the_same_number():
    for value in (0.1, -0.0, 1e300, 5e-324, 2 / 3, math.inf):
        printed = float(ok("eval", "x", "--at", f"x={value!r}"))
        assert printed == value and math.copysign(1, printed) == math.copysign(1, value)
    printed = ok("eval", "x/3", "--at", "x=[1,2]").strip("[]\n").split(", ")
    assert [float(number) for number in printed] == [1 / 3, 2 / 3]


def test_formula_and_output_through_a_pipe(tmp_path):
    assert ok("eval", "-", "--at", "x=3", stdin="  x**2\n") == "9\n"
    assert ok("draw", "-", "-o", "-", "--format", "dot", stdin="x*y").startswith("digraph")


@pytest.mark.parametrize("formula", ["-x**2", "-x", "-o", "-log(x)", "- x", "-exp(x)*2"])
def test_formula_with_a_leading_minus(formula):
    x = o = 3.0
    expected = {
        "-x**2": -(x**2),
        "-x": -x,
        "-o": -o,
        "-log(x)": -math.log(x),
        "- x": -x,
        "-exp(x)*2": -math.exp(x) * 2,
    }
    name = "o" if formula == "-o" else "x"
    words = (
        ("eval", "--at", f"{name}=3", "--", formula)
        if formula == "-o"
        else ("eval", formula, "--at", f"{name}=3")
    )
    assert float(ok(*words)) == pytest.approx(expected[formula], rel=2**-50, abs=0)


def test_grad():
    assert ok("grad", LOG_SIGMOID, "--at", AT) == "∂/∂x = -1.5\n∂/∂w = 1\n∂/∂b = 0.5\n"
    assert ok("grad", "(x+y)*z", "--at", "x=-2,y=5,z=-4") == "∂/∂x = -4\n∂/∂y = -4\n∂/∂z = 3\n"
    assert ok("grad", "sin(x)*w", "--wrt", "w") == "∂/∂w = sin(x)\n"
    # the derivative of a linear formula needs no value, but the point is the formula's
    assert ok("grad", "2*x", "--at", "x=1") == "∂/∂x = 2\n"
    assert run("grad", "2*x", "--at", "y=1").exit_code == 1


def test_explain_has_the_three_forms(tmp_path):
    text, markdown, latex = (
        ok("explain", LOG_SIGMOID, "--at", AT, "--format", form) for form in ("text", "markdown", "latex")
    )
    assert "1.5" in text and len({text, markdown, latex}) == 3
    assert "\\" in latex
    ok("explain", LOG_SIGMOID, "--at", AT, "-o", str(tmp_path / "e.txt"))
    assert (tmp_path / "e.txt").read_text(encoding="utf-8") == text


@pytest.mark.parametrize("suffix", ["svg", "png", "pdf", "dot"])
def test_draw_writes_every_form(suffix, tmp_path):
    file = tmp_path / f"graph.{suffix}"
    assert ok("draw", LOG_SIGMOID, "--at", AT, "-o", str(file)) == ""
    starts = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF", "dot": b"digraph"}
    assert file.read_bytes().startswith(starts[suffix])
    # standard output gets the very same kind of content
    result = run("draw", LOG_SIGMOID, "--at", AT, "--format", suffix)
    assert result.exit_code == 0 and result.stdout_bytes.startswith(starts[suffix])


def test_drawn_values_are_in_the_picture():
    texts = {
        "".join(node.itertext()).strip()
        for node in ElementTree.fromstring(ok("draw", LOG_SIGMOID, "--at", AT)).iter()
    }
    assert {"−6", "−1.5", "−0.693", "exp", "×"} <= texts
    without = {
        "".join(node.itertext()).strip() for node in ElementTree.fromstring(ok("draw", LOG_SIGMOID)).iter()
    }
    assert "exp" in without and "−6" not in without
    assert "−1.5" not in ok("draw", LOG_SIGMOID, "--at", AT, "--no-backward")


def test_compile_shows_what_was_made(tmp_path):
    assert "define" in ok("compile", "x*y + 1", "--show", "llvm")
    assert "double" in ok("compile", "x*y + 1", "--show", "llvm")
    assert "float" in ok("compile", "x*y + 1", "--show", "llvm", "--dtype", "float32")
    assert ".globl" in ok("compile", "x*y + 1", "--show", "asm")
    assert "(x, y)" in ok("compile", "x*y + 1")
    ok("compile", "x*y + 1", "--show", "llvm", "--grad", "-o", str(tmp_path / "f.ll"))
    assert "define" in (tmp_path / "f.ll").read_text(encoding="utf-8")


def test_info():
    text = ok("info")
    assert g.__version__ in text and f"numpy       {np.__version__}" in text
    assert "diagrams:" in text and "processor:" in text


def test_cache(tmp_path, monkeypatch):
    place = tmp_path / "code"
    monkeypatch.setenv("GRAPHC_CACHE_DIR", str(place))
    assert f"directory: {place}\nused: yes\nentries: 0, 0.0 MB of at most 1,024.0 MB" in ok("cache", "info")
    formula = f"x*{time.time_ns()}.0"  # new, so that it is not in this process already
    ok("compile", formula)
    assert "entries: 1, " in ok("cache", "info")
    (place / "notes.txt").write_text("not graphc's")
    assert ok("cache", "clear").startswith("removed: 1 entries, ")
    assert [file.name for file in place.iterdir()] == ["notes.txt"]
    monkeypatch.setenv("GRAPHC_CACHE_SIZE", "0")
    assert "used: no; GRAPHC_CACHE_SIZE is 0" in ok("cache", "info")
    monkeypatch.setenv("GRAPHC_CACHE_SIZE", "much")
    assert "used: no; GRAPHC_CACHE_SIZE is not a size" in ok("cache", "info")
    assert ok("cache", "clear") == "removed: 0 entries, 0.0 MB\n"


def test_demo(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = ok("demo")
    ElementTree.fromstring((tmp_path / "logsigmoid.svg").read_text(encoding="utf-8"))
    assert str(tmp_path / "logsigmoid.svg") in text
    assert "∇L = (-1.5, 1, 0.5)" in text and "v1 = x*w = −6           ∂L/∂v1 = 0.5" in text
    assert text.count("in plain Python (×") == 2
    assert text.count("\n") <= 24, "a screenful"
    ok("demo")
    assert os.listdir(tmp_path) == ["logsigmoid.svg"], "the same picture is not written under another name"
    (tmp_path / "logsigmoid.svg").write_text("mine", encoding="utf-8")
    ok("demo")
    assert (tmp_path / "logsigmoid.svg").read_text(encoding="utf-8") == "mine"
    ElementTree.fromstring((tmp_path / "logsigmoid-2.svg").read_text(encoding="utf-8"))


def test_demo_opens_the_player(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda address: opened.append(address) or True)
    text = ok("demo", "--open")
    page = tmp_path / "logsigmoid.html"
    assert (
        opened == [page.as_uri()]
        and str(page) in text
        and page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    )
    unseen = ({}, {"DISPLAY": ""}, {"DISPLAY": ":0", "SSH_TTY": "/dev/pts/1"}, {"DISPLAY": ":0", "CI": "1"})
    assert not any(display(environment, "linux") for environment in unseen)
    assert (
        display({"WAYLAND_DISPLAY": "wayland-0"}, "linux") and display({}, "darwin") and display({}, "win32")
    )


def test_plain_python_of_the_demo_computes_the_same():
    x, w, b = g.symbols("x w b")
    loss = g.parse(LOG_SIGMOID, [x, w, b])
    for point in ((2.0, -3.0, 6.0), (0.3, 1.7, -2.0)):
        value, gradient = g.evaluate(g.value_and_grad(loss, (x, w, b)), dict(zip("xwb", point, strict=True)))
        # two orders of the same dozen roundings
        assert _by_hand(*point) == (pytest.approx(value, rel=2**-48), pytest.approx(gradient, rel=2**-48))


# --- measuring -----------------------------------------------------------------------------------------------


def test_bench_compares_three_in_three_tables():
    text = ok("bench", LOG_SIGMOID, "--at", AT, "--size", "1000", "--rounds", "3")
    assert text.count("graphc    ") == 3 and text.count(bench.SYMPY) == 3 and text.count(bench.NUMPY) == 2
    assert "M elements/s" in text


def test_bench_says_why_a_peer_cannot():
    report = bench.bench(g.log(g.symbol("x")), {"x": -1.0}, size=0, rounds=1)
    scalar = report.tables[1]
    sympy = next(row for row in scalar.rows if row.name.startswith(bench.SYMPY))
    assert sympy.seconds is None and "ValueError" in sympy.why_not  # math.log raises where NumPy gives NaN
    assert sympy.why_not in str(scalar)


def test_bench_of_what_has_no_gradient():
    report = bench.bench(g.symbol("x") > 1, size=10, rounds=1)
    assert not report.gradient and report.difference == 0
    assert len(bench.bench(g.constant(2.0) * 3, rounds=1).tables) == 2  # no inputs: no arrays to call it on


def test_bench_does_not_hide_a_failure_of_graphc():
    def broken():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        bench._table("", {"graphc": (broken, ())}, rounds=1)


def test_difference_sees_a_wrong_result():
    assert bench._difference([np.array([1.0, np.nan])], [np.array([1.0, np.nan])]) == 0
    assert bench._difference([2.5], [2.0]) == 0.25
    assert bench._difference([np.array([math.inf, 2.0])], [np.array([math.inf, 4.0])]) == 0.5
    assert bench._difference([math.nan], [1.0]) == bench._difference([1.0], [math.nan]) == math.inf


def test_interleaved_counts_and_orders_its_calls():
    order: list[str] = []
    medians = bench.interleaved(
        {"a": (lambda: order.append("a"), ()), "b": (lambda x: order.append("b"), (1,))}, rounds=3, slice_=0.0
    )
    assert list(medians) == ["a", "b"] and all(value > 0 for value in medians.values())
    assert "".join(order) == "ab" + "ab" * 3  # once to calibrate, then by turns


# --- refusals ------------------------------------------------------------------------------------------------

USER_ERRORS = {
    "a missing value": ("eval", "x*y", "--at", "x=1"),
    "an unknown name": ("eval", "x", "--at", "x=1,q=2"),
    "an unknown function": ("eval", "expp(x)", "--at", "x=1"),
    "an unknown symbol": ("grad", "x*y", "--wrt", "q"),
    "a derivative of a boolean": ("grad", "x > 1"),
    "shapes that do not broadcast": ("eval", "x*y", "--at", "x=[1,2],y=[1,2,3]"),
    "a call of the system": ("eval", "__import__('os').system('touch owned')"),
    "an unclosed bracket": ("eval", "(x"),
    "ten thousand brackets": ("eval", "(" * 10_000),
    "a tower of powers": ("eval", "9**9**9**9"),
    "an empty formula": ("eval", ""),
    "an unknown suffix": ("draw", "x*y", "-o", "graph.xyz"),
    "a directory that is not there": ("draw", "x*y", "-o", "nowhere/graph.svg"),
    "a text into a directory that is not there": ("explain", "x*y", "-o", "nowhere/e.txt"),
    "too many digits": ("draw", "x*y", "--digits", "99", "--at", "x=1,y=2"),
}


@pytest.mark.parametrize("what", USER_ERRORS)
def test_user_error_is_one_message_and_exit_code_1(what, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(*USER_ERRORS[what])
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ") and "Traceback" not in result.stderr
    assert "\n  at: " not in result.stderr, "the line of a script that the user did not write"
    assert len(result.stderr) < 1500
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [("frobnicate",), ("eval",), ("eval", "x", "y"), ("eval", "x", "--frob"), ("draw", "x", "--format", "gif"),
     ("compile", "x", "--show", "c"), ("bench", "x", "--size", "-1"), ("eval", "x", "--at", "x=1", "--at", "x=2"),
     ("draw", "x", "-o", "a.svg", "--format", "png"), ("draw", "x", "--digits", "many"), ("eval", "x", "--at")],
    ids=" ".join,
)  # fmt: skip
def test_wrong_usage_is_exit_code_2(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(*words)
    assert result.exit_code == 2 and result.stdout == "" and "Error: " in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_help_names_every_command():
    text = ok("--help")
    for command in ("demo", "draw", "eval", "grad", "explain", "compile", "bench", "info", "cache"):
        assert f"\n  {command} " in text
        assert ok(command, "--help").startswith("Usage: ")
    assert g.__version__ in ok("--version")


def test_standard_input_that_is_no_text_or_has_no_end():
    assert run("eval", "-", stdin=b"\xff\xfe").exit_code == 1
    endless = run("eval", "-", stdin="1+" * (1 << 20))
    assert endless.exit_code == 1 and "standard input holds more than" in endless.stderr
    assert run("eval", "-", stdin="").exit_code == 1


# --- as a process --------------------------------------------------------------------------------------------


def test_process_keeps_its_streams_apart():
    fine = process("grad", "x*y", "--at", "x=2,y=3")
    assert (fine.returncode, fine.stdout, fine.stderr) == (0, "∂/∂x = 3\n∂/∂y = 2\n", "")
    wrong = process("eval", "x +")
    assert wrong.returncode == 1 and wrong.stdout == "" and wrong.stderr.startswith("Error: ")


def test_reader_that_leaves_early_is_no_error():
    formula = "+".join(f"x{i}*x{i}" for i in range(40))
    command = subprocess.Popen(
        [sys.executable, "-m", "graphc", "grad", "-"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert command.stdin and command.stdout and command.stderr
    command.stdout.close()
    command.stdin.write(formula.encode())
    command.stdin.close()
    complaint = command.stderr.read()
    command.stderr.close()
    command.wait(timeout=60)
    assert complaint == b""


def test_terminal_that_cannot_show_a_letter():
    done = process("grad", "x", env={"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}, encoding="latin-1")
    assert done.returncode == 0 and done.stdout == "d/dx = 1\n"


def test_importing_the_command_line_is_light():
    names = ("numba", "sympy", "networkx", "graphviz", "numpy", "graphc.ops", "graphc.ir")
    code = f"import sys, graphc.cli; print(*(n for n in {names} if n in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.stdout.strip() == ""


@pytest.mark.sample(6)
@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "cp437", "koi8-r", "utf-8"])
def test_minus_signs_survive_every_encoding(encoding):
    """What is explained has the numbers of the text in Unicode, signs included."""
    words = ("explain", "x*w - 3", "--at", "x=2,w=-1")
    whole = process(*words).stdout
    done = process(*words, env={"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}, encoding=encoding)
    assert done.returncode == 0 and "−5" in whole
    plain = done.stdout.replace("−", "-")
    assert plain.count("-5") == whole.count("−5") and "?" not in plain


@pytest.mark.parametrize("words", [("--help",), ("--version",), ("cache", "--help")])
def test_what_only_says_how_it_is_called_loads_no_operation(words):
    code = "import sys\nfrom graphc.cli import main\ntry: main(sys.argv[1:])\nfinally: print('graphc.ops' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.stdout.endswith("False\n") == (words[0] != "cache")


def test_the_list_of_commands_says_what_the_commands_say():
    assert list(COMMANDS) == sorted(COMMANDS)
    for name, (module, line) in COMMANDS.items():
        command = main.get_command(None, name)
        assert command.get_short_help_str(100) == line and command in import_module(module).COMMANDS


def test_eval_loads_neither_the_compiler_nor_pictures():
    code = (
        "import sys\nfrom graphc.cli import main\ntry: main(['eval', 'x*y', '--at', 'x=2,y=3'])\n"
        "finally: print([n for n in sys.modules if n.startswith(('graphc.compiler', 'graphc.viz', 'graphc.rewrite'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.stdout == "6\n[]\n"


# --- play ------------------------------------------------------------------------------------------------------


def test_play_writes_a_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run("play", LOG_SIGMOID, "--at", AT)
    assert result.exit_code == 0 and "wrote player.html" in result.output
    text = (tmp_path / "player.html").read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>") and "−0.693" in text
    assert ok("play", LOG_SIGMOID, "--at", AT, "-o", "-") == text
    assert 'class="ask"' in ok("play", LOG_SIGMOID, "--at", AT, "-o", "-", "--exercise")
    assert ok("draw", LOG_SIGMOID, "--at", AT, "--format", "html") == text


def test_play_opens_the_page(tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", lambda address: opened.append(address) or True)
    path = tmp_path / "page.html"
    assert run("play", "x*x", "--at", "x=3", "-o", str(path), "--open").exit_code == 0
    assert opened == [path.as_uri()]
    monkeypatch.setattr("webbrowser.open", lambda address: False)
    assert run("play", "x*x", "--at", "x=3", "-o", str(path), "--open").exit_code == 1


def test_play_refuses(tmp_path):
    assert run("play", "x*x", "--at", "x=3", "-o", str(tmp_path / "x.svg")).exit_code == 2
    assert run("play", "x*x", "--at", "x=3", "-o", "-", "--open").exit_code == 2
    result = run("play", "x*x", "-o", str(tmp_path / "x.html"))
    assert result.exit_code == 1 and "point" in result.output and not list(tmp_path.iterdir())


@pytest.mark.parametrize(("typed", "meant"), [("evaluate", "eval"), ("demmo", "demo"), ("gard", "grad")])
def test_a_command_that_is_mistyped_is_answered_with_the_one_meant(typed, meant):
    result = CliRunner().invoke(main, [typed, "x"])
    assert result.exit_code == 2 and meant in result.output.replace(typed, "")
